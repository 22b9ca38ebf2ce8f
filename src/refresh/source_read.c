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

#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "refresh/cost.h"
#include "refresh/source_read.h"
#include "refresh/wanted_run.h"
#include "util/fault.h"
#include "util/zset.h"

/* the budget is looked at once in so many rows */
#define CLOCK_EVERY 1024
/* so many rows show which conditions to look at first */
#define SAMPLE_ROWS 256
/* a source is taken to have at least so many rows */
#define LEAST_SOURCE_ROWS 1000.0

/* A condition while it is not known which ones leave out most. */
typedef struct Condition
{
	Expr	   *expr;
	ExprState  *state;
	double		cost;
	int			refused;
} Condition;

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
	Condition  *sample;
	ExprState  *wanted;			/* NULL for the first rows, which are the
								 * sample */
	List	   *keys;			/* likewise, of what has passed these */
	ExprState  *of_keys;
	int64		passed;
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

static void
prepare_conditions(LogReader *reader)
{
	ListCell   *lc;

	reader->estate = CreateExecutorState();
	reader->context = CreateExprContext(reader->estate);
	reader->sample = palloc0(sizeof(Condition) * Max(list_length(reader->conditions), 1));
	foreach(lc, reader->conditions)
	{
		Condition  *condition = &reader->sample[foreach_current_index(lc)];
		QualCost	cost;

		condition->expr = lfirst(lc);
		condition->state = ExecPrepareQual(list_make1(condition->expr), reader->estate);
		cost_qual_eval_node(&cost, (Node *) condition->expr, NULL);
		condition->cost = Max(cost.per_tuple, cpu_operator_cost / 10);
	}
	reader->of_keys = ExecPrepareQual(reader->keys, reader->estate);
}

/* What leaves out most for its cost comes first. */
static int
compare_conditions(const void *a, const void *b)
{
	const Condition *left = a;
	const Condition *right = b;
	double		difference = right->refused / right->cost - left->refused / left->cost;

	return difference < 0 ? -1 : difference > 0;
}

/* None of them raises, so that their order is free. */
static bool
meets_conditions(LogReader *reader)
{
	int			n = list_length(reader->conditions);
	List	   *ordered = NIL;
	bool		result = true;

	if (reader->wanted)
		return ExecQual(reader->wanted, reader->context);
	for (int i = 0; i < n; i++)
		if (!ExecQual(reader->sample[i].state, reader->context))
		{
			reader->sample[i].refused++;
			result = false;
		}
	if (reader->seen >= SAMPLE_ROWS && n > 0)
	{
		qsort(reader->sample, n, sizeof(Condition), compare_conditions);
		for (int i = 0; i < n; i++)
			ordered = lappend(ordered, reader->sample[i].expr);
		reader->wanted = ExecPrepareQual(ordered, reader->estate);
	}
	return result;
}

static bool
is_wanted(LogReader *reader, TupleTableSlot *slot)
{
	if (reader->estate == NULL)
		prepare_conditions(reader);
	ResetExprContext(reader->context);
	reader->context->ecxt_scantuple = slot;
	if (!meets_conditions(reader))
		return false;
	reader->passed++;
	return ExecQual(reader->of_keys, reader->context);
}

static bool
add_log_row(TupleTableSlot *slot, int weight, void *arg)
{
	LogReader  *reader = arg;

	if (++reader->seen % CLOCK_EVERY == 0 && reader->budget_ms > 0 && st_elapsed_ms(reader->start) > reader->budget_ms)
		return false;
	if ((reader->conditions || reader->keys) && !is_wanted(reader, slot))
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
conditions_on_delta(const StSource *columns, List *conditions)
{
	List	   *result = copyObject(conditions);
	List	   *vars = pull_vars_of_level((Node *) result, 0);
	ListCell   *lc;

	foreach(lc, vars)
		lfirst_node(Var, lc)->varattno = bms_member_index(columns->attnums, lfirst_node(Var, lc)->varattno) + 1;
	return result;
}

const char *
st_read_source(StMember *member, int number, List *keys, Snapshot snapshot, StRefreshOutcome *outcome)
{
	StProgram  *program = member->entry->program;
	StSourceDelta *source = &member->sources[number];
	StSource   *columns = list_nth(program->sources, number);
	StLeaf	   *leaf = list_nth(program->source_leaves, number);
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
	reader.conditions = conditions_on_delta(columns, columns->wanted);
	reader.keys = conditions_on_delta(columns, keys);
	convert_saop_to_hashed_saop((Node *) reader.conditions);
	INSTR_TIME_SET_CURRENT(reader.start);
	source->desc = leaf->desc;
	source->rows = tuplestore_begin_heap(false, false, work_mem);
	result = st_log_read(source->frontier, source->probe, snapshot, natts, attnums, add_log_row, &reader);
	outcome->delta_rows += result.plus + result.minus;
	outcome->minus_rows += result.minus;
	outcome->log_pages += result.pages;
	outcome->read_spent = result.stopped;
	st_wanted_note_read(program, number, reader.conditions || reader.keys ? reader.passed : reader.seen, result.pages);
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

/* ----- all of a member ----- */

double
st_estimated_rows(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	double		rows = 0;

	if (HeapTupleIsValid(tuple))
	{
		rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
		ReleaseSysCache(tuple);
	}
	return rows;
}

static double
source_rows(const StSourceDelta *source)
{
	return Max(st_estimated_rows(source->relid), LEAST_SOURCE_ROWS);
}

typedef struct Turn
{
	int			number;
	int64		pages;
} Turn;

static int
compare_turns(const void *a, const void *b)
{
	const Turn *left = a;
	const Turn *right = b;

	if (left->pages != right->pages)
		return left->pages < right->pages ? -1 : 1;
	return left->number - right->number;
}

const char *
st_read_sources(StMember *member, Snapshot snapshot, StRefreshOutcome *outcome)
{
	const char *reason = NULL;
	Turn	   *turns = palloc(sizeof(Turn) * Max(member->nsources, 1));
	Bitmapset  *read = NULL;
	instr_time	start;

	if (st_costs_measured(member->entry) && !member->entry->table->fused)
		outcome->read_budget_ms = st_costs_budget(member->entry);
	for (int i = 0; i < member->nsources; i++)
	{
		turns[i].number = i;
		turns[i].pages = st_log_pages(member->sources[i].frontier, member->sources[i].probe, snapshot);
		/* that it is small is all that counts */
		if (turns[i].pages < ST_WANTED_PAGES)
			turns[i].pages = 0;
	}
	qsort(turns, member->nsources, sizeof(Turn), compare_turns);
	for (int i = 0; i < member->nsources && reason == NULL; i++)
	{
		int			number = turns[i].number;
		StSourceDelta *source = &member->sources[number];
		int64		before = outcome->delta_rows;
		List	   *keys;

		INSTR_TIME_SET_CURRENT(start);
		keys = st_wanted_keys(member, number, read, turns[i].pages, snapshot, outcome);
		reason = st_read_source(member, number, keys, snapshot, outcome);
		read = bms_add_member(read, number);
		outcome->read_ms += st_elapsed_ms(start);
		outcome->change_ratio = Max(outcome->change_ratio, (outcome->delta_rows - before) / source_rows(source));
		st_note_step(outcome, "read \"%s\": " INT64_FORMAT " rows, netted to " INT64_FORMAT ", %.3f ms",
					 get_rel_name(source->relid), outcome->delta_rows - before, source->count, st_elapsed_ms(start));
	}
	if (reason == NULL)
		st_costs_note_read(member->entry, outcome->delta_rows, outcome->log_pages);
	return reason;
}

const char *
st_foresee_sources(StMember *member, Snapshot snapshot)
{
	int64		pages = 0;
	double		ratio = 0;
	int64		rows;

	for (int i = 0; i < member->nsources; i++)
	{
		int64		of_source = st_log_pages(member->sources[i].frontier, member->sources[i].probe, snapshot);

		pages += of_source;
		ratio = Max(ratio, of_source / source_rows(&member->sources[i]));
	}
	rows = st_costs_foresee(member->entry, pages, &ratio);
	for (int i = 0; i < member->nsources && rows > 0; i++)
		if (st_source_has_rows(&member->sources[i], snapshot))
			return st_costs_choose(member->entry, rows, ratio);
	return NULL;
}
