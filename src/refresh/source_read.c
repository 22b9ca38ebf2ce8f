/*-------------------------------------------------------------------------
 *
 * source_read.c
 *	  The delta of one source, read from its log.
 *
 * NOTES
 *	  Only rows of different signs can cancel. As long as all have one sign, as
 *	  after plain inserts or deletes, they are put where the statements read
 *	  them as they come; with the first of the other sign, all go into a Z-set.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"

#include "refresh/source_read.h"
#include "util/fault.h"
#include "util/zset.h"

/* the budget is looked at once in so many rows */
#define CLOCK_EVERY 1024

/* What a log's rows go through. */
typedef struct LogReader
{
	StSourceDelta *source;
	int			natts;			/* without the weight */
	TupleDesc	row_desc;		/* likewise */
	int			sign;			/* of the rows so far, 0: there are none */
	StZset	   *rows;			/* NULL while there is nothing to net */
	Datum	   *values;			/* of a row with its weight */
	bool	   *nulls;
	List	   *conditions;		/* on the columns of the delta; NIL: all rows
								 * are wanted */
	EState	   *estate;			/* made for the first row */
	ExprContext *context;
	ExprState  *wanted;
	int64		seen;
	instr_time	start;
	double		budget_ms;		/* 0: without limit */
} LogReader;

static void
put_row(LogReader *reader, TupleTableSlot *slot, int64 weight)
{
	slot_getallattrs(slot);
	memcpy(reader->values, slot->tts_values, sizeof(Datum) * reader->natts);
	memcpy(reader->nulls, slot->tts_isnull, sizeof(bool) * reader->natts);
	reader->values[reader->natts] = Int64GetDatum(weight);
	reader->nulls[reader->natts] = false;
	tuplestore_putvalues(reader->source->rows, reader->source->desc, reader->values, reader->nulls);
	reader->source->count++;
}

/* Move what was put so far into a Z-set. */
static void
begin_netting(LogReader *reader)
{
	StSourceDelta *source = reader->source;
	TupleTableSlot *put = MakeSingleTupleTableSlot(source->desc, &TTSOpsMinimalTuple);
	TupleTableSlot *row = MakeSingleTupleTableSlot(reader->row_desc, &TTSOpsVirtual);

	reader->rows = st_zset_begin(reader->row_desc, 0, NULL);
	tuplestore_rescan(source->rows);
	while (tuplestore_gettupleslot(source->rows, true, false, put))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(put);
		ExecClearTuple(row);
		memcpy(row->tts_values, put->tts_values, sizeof(Datum) * reader->natts);
		memcpy(row->tts_isnull, put->tts_isnull, sizeof(bool) * reader->natts);
		ExecStoreVirtualTuple(row);
		st_zset_add(reader->rows, row, reader->sign);
	}
	ExecDropSingleTupleTableSlot(row);
	ExecDropSingleTupleTableSlot(put);
	tuplestore_clear(source->rows);
	source->count = 0;
}

static bool
is_wanted(LogReader *reader, TupleTableSlot *slot)
{
	if (reader->estate == NULL)
	{
		reader->estate = CreateExecutorState();
		reader->context = CreateExprContext(reader->estate);
		reader->wanted = ExecPrepareQual(reader->conditions, reader->estate);
	}
	ResetExprContext(reader->context);
	reader->context->ecxt_scantuple = slot;
	return ExecQual(reader->wanted, reader->context);
}

static bool
add_log_row(TupleTableSlot *slot, int weight, void *arg)
{
	LogReader  *reader = arg;

	if (++reader->seen % CLOCK_EVERY == 0 && reader->budget_ms > 0 && st_elapsed_ms(reader->start) > reader->budget_ms)
		return false;
	if (reader->conditions && !is_wanted(reader, slot))
		return true;
	if (reader->sign == 0)
		reader->sign = weight;
	if (reader->rows == NULL && weight != reader->sign && !ST_FAULT("E1"))
		begin_netting(reader);
	if (reader->rows)
		st_zset_add(reader->rows, slot, weight);
	else
		put_row(reader, slot, weight);
	return true;
}

/* The conditions, on columns of the source, as ones on those of the delta. */
static List *
conditions_on_delta(StSource *columns)
{
	List	   *result = copyObject(columns->wanted);
	List	   *vars = pull_vars_of_level((Node *) result, 0);
	ListCell   *lc;

	foreach(lc, vars)
		lfirst_node(Var, lc)->varattno = bms_member_index(columns->attnums, lfirst_node(Var, lc)->varattno) + 1;
	return result;
}

const char *
st_read_source(StSourceDelta *source, StSource *columns, StLeaf *leaf, Snapshot snapshot, StRefreshOutcome *outcome)
{
	int			natts = leaf->desc->natts - 1;
	AttrNumber *attnums = palloc(sizeof(AttrNumber) * Max(natts, 1));
	LogReader	reader = {.source = source, .natts = natts, .budget_ms = outcome->read_budget_ms};
	StZsetStep	step;
	StLogResult result;
	int			attnum = -1;
	int			n = 0;

	while ((attnum = bms_next_member(columns->attnums, attnum)) >= 0)
		attnums[n++] = attnum;
	reader.row_desc = CreateTemplateTupleDesc(natts);
	for (AttrNumber i = 1; i <= natts; i++)
		TupleDescCopyEntry(reader.row_desc, i, leaf->desc, i);
	reader.values = palloc(sizeof(Datum) * (natts + 1));
	reader.nulls = palloc(sizeof(bool) * (natts + 1));
	reader.conditions = conditions_on_delta(columns);
	INSTR_TIME_SET_CURRENT(reader.start);
	source->desc = leaf->desc;
	source->rows = tuplestore_begin_heap(false, false, work_mem);
	result = st_log_read(source->frontier, source->probe, snapshot, natts, attnums, add_log_row, &reader);
	outcome->delta_rows += result.plus + result.minus;
	outcome->minus_rows += result.minus;
	outcome->log_pages += result.pages;
	outcome->read_spent = result.stopped;
	if (reader.rows && result.recompute == NULL && !result.stopped)
	{
		st_zset_rewind(reader.rows);
		while (st_zset_next(reader.rows, &step))
			put_row(&reader, step.new_row ? step.new_row : step.old_row, step.new_row ? step.weight : -step.weight);
	}
	if (reader.rows)
	{
		outcome->netted = outcome->netted || source->count < st_zset_count(reader.rows);
		st_zset_end(reader.rows);
	}
	if (reader.estate)
		FreeExecutorState(reader.estate);
	return result.recompute ? result.recompute : result.stopped ? ST_READING_TOO_LONG : NULL;
}

static bool
first_row(TupleTableSlot *slot, int weight, void *arg)
{
	return false;
}

bool
st_source_has_rows(StSourceDelta *source, Snapshot snapshot)
{
	StLogResult result = st_log_read(source->frontier, source->probe, snapshot, 0, NULL, first_row, NULL);

	return result.stopped || result.recompute;
}
