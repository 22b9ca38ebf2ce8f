/*-------------------------------------------------------------------------
 *
 * write.c
 *	  Appends rows to change logs.
 *
 * NOTES
 *	  Nothing else writes a log. A log only grows at its end: writers never
 *	  ask the free space map, and forget the page their backend wrote last,
 *	  which may lie before the mark of a consumer (rule B1). They open the log
 *	  with RowExclusiveLock and keep it to the end of the transaction, so that
 *	  consumers can ask who may still write (rule B2).
 *
 *	  A writer asks for a transaction id with its first row; a writer without
 *	  rows leaves no trace.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/xid8.h"

#include "store/commit_time.h"
#include "store/segment.h"
#include "store/store.h"
#include "store/wake.h"
#include "util/fault.h"
#include "util/row_batch.h"

struct StLogWriter
{
	Oid			source;
	Relation	log;
	MemoryContext context;		/* lives as long as the writer */
	StRowBatch *batch;
	int			natts;			/* of the log */
	AttrNumber *from;			/* per log column, attribute of the layout */
	AttrNumber	last_from;
	bool		altered;		/* a column's type is not the log's */
	Datum	   *values;
	bool	   *nulls;
};

/* Open the current segment, also if it changes while we wait for it. */
static Relation
open_current(Oid source, const StSegment **segment)
{
	for (;;)
	{
		Relation	log;

		CHECK_FOR_INTERRUPTS();
		*segment = st_segment_current(source);
		if (*segment == NULL)
			return NULL;
		log = try_relation_open((*segment)->log, RowExclusiveLock);
		if (log)
		{
			const StSegment *now = st_segment_current(source);

			/* waiting for the lock may have brought news */
			if (now && now->log == RelationGetRelid(log))
			{
				*segment = now;
				return log;
			}
			relation_close(log, NoLock);
		}
		else if (st_segment_current(source) == *segment)
			return NULL;		/* gone, and the catalogue does not know */
	}
}

bool
st_log_column_is_gone(Oid source, AttrNumber attnum, TupleDesc layout, const AttrNumber *map)
{
	/* without a map the layout is the source's own, which needs no look-up */
	if (map == NULL && attnum <= layout->natts)
		return TupleDescAttr(layout, attnum - 1)->attisdropped;
	return !OidIsValid(get_atttype(source, attnum));
}

StLogWriter *
st_log_write_begin(Oid source, TupleDesc layout, const AttrNumber *map)
{
	const StSegment *segment;
	Relation	log = open_current(source, &segment);
	MemoryContext context;
	MemoryContext old;
	StLogWriter *writer;

	if (log == NULL)
		return NULL;
	context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle log writer", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	writer = palloc0(sizeof(StLogWriter));
	writer->source = source;
	writer->log = log;
	writer->context = context;
	writer->batch = st_row_batch_begin(log, false);
	writer->natts = RelationGetNumberOfAttributes(log);
	writer->from = palloc0(sizeof(AttrNumber) * (writer->natts + 1));
	writer->values = palloc0(sizeof(Datum) * writer->natts);
	writer->nulls = palloc0(sizeof(bool) * writer->natts);
	for (int i = 0; i < segment->natts && layout; i++)
	{
		AttrNumber	attnum = segment->attnums[i];
		AttrNumber	from = map ? map[attnum] : attnum;
		int			column = ST_LOG_FIRST_COLUMN + i;

		/* gone: nobody can ask for its values any more */
		if (st_log_column_is_gone(source, attnum, layout, map))
			continue;
		writer->from[column] = from;
		writer->last_from = Max(writer->last_from, from);
		if (from <= 0 || from > layout->natts || column > writer->natts ||
			TupleDescAttr(layout, from - 1)->attisdropped ||
			TupleDescAttr(layout, from - 1)->atttypid != TupleDescAttr(RelationGetDescr(log), column - 1)->atttypid)
			writer->altered = true;
	}
	MemoryContextSwitchTo(old);

	/* rule B1 */
	if (!ST_FAULT("B1"))
		RelationSetTargetBlock(log, InvalidBlockNumber);
	return writer;
}

static void
tell_of_rows(StLogWriter *writer)
{
	st_wake_note_source(writer->source);
	st_commit_time_note();
}

/* Form the log row from values[] and nulls[] and put it into the batch. */
static void
add_row(StLogWriter *writer, int weight, const char *marker)
{
	MemoryContext old = MemoryContextSwitchTo(st_row_batch_context(writer->batch));

	writer->values[ST_LOG_XID - 1] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	writer->values[ST_LOG_WEIGHT - 1] = Int16GetDatum(weight);
	writer->nulls[ST_LOG_MARKER - 1] = marker == NULL;
	writer->values[ST_LOG_MARKER - 1] = marker ? CStringGetTextDatum(marker) : (Datum) 0;
	MemoryContextSwitchTo(old);
	if (st_row_batch_add(writer->batch, writer->values, writer->nulls))
		tell_of_rows(writer);
}

static void
add_marker(StLogWriter *writer, const char *reason)
{
	memset(writer->nulls, true, sizeof(bool) * writer->natts);
	writer->nulls[ST_LOG_XID - 1] = false;
	writer->nulls[ST_LOG_WEIGHT - 1] = false;
	add_row(writer, 0, reason);
	memset(writer->nulls, false, sizeof(bool) * writer->natts);
}

void
st_log_write(StLogWriter *writer, TupleTableSlot *slot, int weight)
{
	if (writer->altered)
	{
		/* one marker says it all, whatever else comes */
		if (!st_row_batch_is_used(writer->batch))
			add_marker(writer, "altered");
		return;
	}
	slot_getsomeattrs(slot, writer->last_from);
	for (int i = ST_LOG_FIRST_COLUMN; i <= writer->natts; i++)
	{
		writer->nulls[i - 1] = writer->from[i] == 0 || slot->tts_isnull[writer->from[i] - 1];
		writer->values[i - 1] = writer->nulls[i - 1] ? (Datum) 0 : slot->tts_values[writer->from[i] - 1];
	}
	add_row(writer, weight, NULL);
}

void
st_log_write_end(StLogWriter *writer)
{
	if (st_row_batch_end(writer->batch))
		tell_of_rows(writer);
	ST_STOP_POINT("changes captured");
	relation_close(writer->log, NoLock);	/* the lock stays (B2) */
	MemoryContextDelete(writer->context);
}

void
st_log_mark_recompute(Oid source, const char *reason)
{
	StLogWriter *writer = st_log_write_begin(source, NULL, NULL);

	if (writer == NULL)
		return;
	add_marker(writer, reason);
	st_log_write_end(writer);
}
