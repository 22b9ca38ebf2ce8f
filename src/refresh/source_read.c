/*-------------------------------------------------------------------------
 *
 * source_read.c
 *	  The delta of one source, read from its log.
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

/* What a log's rows go through. */
typedef struct LogReader
{
	StSourceDelta *source;
	StZset	   *rows;
	List	   *conditions;		/* on the columns of the delta; NIL: all rows are wanted */
	EState	   *estate;			/* made for the first row */
	ExprContext *context;
	ExprState  *wanted;
} LogReader;

/* For the fault E1: as the log has it, not netted. */
static void
put_log_row(TupleTableSlot *slot, int weight, StSourceDelta *source)
{
	int			natts = source->desc->natts - 1;
	Datum	   *values = palloc0(sizeof(Datum) * (natts + 1));
	bool	   *nulls = palloc0(sizeof(bool) * (natts + 1));

	memcpy(values, slot->tts_values, sizeof(Datum) * natts);
	memcpy(nulls, slot->tts_isnull, sizeof(bool) * natts);
	values[natts] = Int64GetDatum(weight);
	tuplestore_putvalues(source->rows, source->desc, values, nulls);
	source->count++;
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

static void
add_log_row(TupleTableSlot *slot, int weight, void *arg)
{
	LogReader  *reader = arg;

	if (reader->conditions && !is_wanted(reader, slot))
		return;
	if (ST_FAULT("E1"))
		put_log_row(slot, weight, reader->source);
	else
		st_zset_add(reader->rows, slot, weight);
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
	TupleDesc	row_desc = CreateTemplateTupleDesc(natts);
	LogReader	reader = {.source = source};
	StZsetStep	step;
	StLogResult result;
	int			attnum = -1;
	int			n = 0;

	while ((attnum = bms_next_member(columns->attnums, attnum)) >= 0)
		attnums[n++] = attnum;
	for (AttrNumber i = 1; i <= natts; i++)
		TupleDescCopyEntry(row_desc, i, leaf->desc, i);
	reader.rows = st_zset_begin(row_desc, 0, NULL);
	reader.conditions = conditions_on_delta(columns);
	source->desc = leaf->desc;
	source->rows = tuplestore_begin_heap(false, false, work_mem);
	result = st_log_read(source->frontier, source->probe, snapshot, natts, attnums, add_log_row, &reader);
	outcome->delta_rows += result.plus + result.minus;
	outcome->log_pages += result.pages;
	if (result.recompute == NULL && result.plus + result.minus > 0)
	{
		Datum	   *values = palloc(sizeof(Datum) * (natts + 1));
		bool	   *nulls = palloc(sizeof(bool) * (natts + 1));

		st_zset_rewind(reader.rows);
		while (st_zset_next(reader.rows, &step))
		{
			TupleTableSlot *slot = step.new_row ? step.new_row : step.old_row;

			slot_getallattrs(slot);
			memcpy(values, slot->tts_values, sizeof(Datum) * natts);
			memcpy(nulls, slot->tts_isnull, sizeof(bool) * natts);
			values[natts] = Int64GetDatum(step.new_row ? step.weight : -step.weight);
			nulls[natts] = false;
			tuplestore_putvalues(source->rows, source->desc, values, nulls);
			source->count++;
		}
	}
	st_zset_end(reader.rows);
	if (reader.estate)
		FreeExecutorState(reader.estate);
	return result.recompute;
}
