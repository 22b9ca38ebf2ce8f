/*-------------------------------------------------------------------------
 *
 * window_run.c
 *	  Bringing a state of windows up to date.
 *
 * NOTES
 *	  The delta names the rows of the state by their ctid: they are changed where
 *	  they are, and a state of windows has no index by which rows are found again.
 *	  Nothing is netted on the way: a row is changed once, and whoever reads the
 *	  delta nets what he makes of it.
 *
 *	  What a change costs depends on where it is, which the number of changes does
 *	  not tell: of a running sum all rows behind it are computed again, in the state and
 *	  then in the stream table. So the delta counts the rows that it has found, before it computes anything,
 *	  and gives up where a recompute is cheaper. That runs the state's query, of which the planner
 *	  knows the cost, and writes each row of the state; what it finds different it
 *	  writes into the stream table, as the delta does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"

#include "delta/window.h"
#include "refresh/cost.h"
#include "refresh/window_run.h"
#include "util/fault.h"

/* fewer are always computed again */
#define LEAST_LIMIT 10000

/*
 * In the planner's units, per row: of a state that a recompute writes and
 * compares, and what computing one again takes more than that. Measured,
 * see bench/README.md.
 */
#define COST_OF_FILLING 0.3
#define COST_OF_FOLLOWING 0.9

typedef struct WindowDelta
{
	StNode	   *node;
	StWork	   *work;
	StWeightedStore *result;
	TupleTableSlot *old_row;	/* state rows */
	TupleTableSlot *new_row;
	bool		inconsistent;
	bool		many;			/* a recompute is cheaper */
} WindowDelta;

int64
st_windows_limit(StEntry *entry, int ordinal)
{
	StNodeProgram *node = &entry->program->nodes[ordinal];
	Relation	state;
	BlockNumber pages;
	double		rows;
	double		visible;

	if (node->node->windows == NIL || !st_costs_compared(entry))
		return 0;
	state = table_open(node->state, AccessShareLock);
	estimate_rel_size(state, NULL, &pages, &rows, &visible);
	table_close(state, NoLock);
	if (rows < LEAST_LIMIT)
		return 0;
	rows = (st_statement_cost(node->block.fill, 0, NULL) + COST_OF_FILLING * rows) / COST_OF_FOLLOWING;
	return Max((int64) rows, LEAST_LIMIT);
}

/* The inputs of the delta: the leaves', and the limit. */
static StInput *
add_limit(StRun *run, int ordinal, StInput *inputs, int nleaves)
{
	int64		limit = st_windows_limit(run->entry, ordinal);
	Datum		value = Int64GetDatum(limit);
	bool		isnull = limit == 0;
	StInput    *result = palloc0(sizeof(StInput) * (nleaves + 1));
	StWeightedStore store;

	memcpy(result, inputs, sizeof(StInput) * nleaves);
	st_begin_store(&store, st_window_limit_desc());
	tuplestore_putvalues(store.rows, store.desc, &value, &isnull);
	result[nleaves] = (StInput)
	{
		.name = ST_WINDOW_LIMIT_INPUT, .desc = store.desc, .rows = store.rows, .count = 1
	};
	return result;
}

/* The row's columns, with the results that begin at column "results" (0-based) of the slot. */
static TupleTableSlot *
take_row(WindowDelta *delta, TupleTableSlot *target, TupleTableSlot *slot, int results)
{
	int			nshown = delta->node->nshown;
	int			nresults = list_length(delta->node->results);

	ExecClearTuple(target);
	memcpy(target->tts_values, slot->tts_values + ST_WINDOW_ROW, sizeof(Datum) * nshown);
	memcpy(target->tts_isnull, slot->tts_isnull + ST_WINDOW_ROW, sizeof(bool) * nshown);
	memcpy(target->tts_values + nshown, slot->tts_values + results, sizeof(Datum) * nresults);
	memcpy(target->tts_isnull + nshown, slot->tts_isnull + results, sizeof(bool) * nresults);
	return ExecStoreVirtualTuple(target);
}

/* A row of the delta, as delta/window.h says. */
static void
receive_row(TupleTableSlot *slot, void *arg)
{
	WindowDelta *delta = arg;
	int			old_results = ST_WINDOW_ROW + delta->node->nshown;
	ItemPointer tid;

	CHECK_FOR_INTERRUPTS();
	slot_getallattrs(slot);
	tid = slot->tts_isnull[1] ? NULL : (ItemPointer) DatumGetPointer(slot->tts_values[1]);
	switch (DatumGetInt32(slot->tts_values[0]))
	{
		case ST_WINDOW_LEAVES:
			(void) take_row(delta, delta->old_row, slot, old_results);
			st_places_change(delta->work, tid, NULL);
			st_store_row(delta->old_row, -1, delta->result);
			break;
		case ST_WINDOW_STAYS:
			(void) take_row(delta, delta->old_row, slot, old_results);
			st_store_row(delta->old_row, -1, delta->result);
			/* FALLTHROUGH */
		case ST_WINDOW_COMES:
			(void) take_row(delta, delta->new_row, slot, old_results + list_length(delta->node->results));
			st_places_change(delta->work, tid, delta->new_row);
			st_store_row(delta->new_row, 1, delta->result);
			break;
		case ST_WINDOW_MANY:
			delta->many = true;
			break;
		default:
			delta->inconsistent = !ST_FAULT("A4");
	}
}

bool
st_run_windows(StRun *run, int ordinal, StWeightedStore *result)
{
	StNodeProgram *node = &run->entry->program->nodes[ordinal];
	StRefreshOutcome *outcome = run->outcome;
	WindowDelta delta = {.node = node->node, .result = result};
	StApplyResult applied;
	StInput    *inputs;
	int			nleaves = list_length(node->block.leaves);
	bool		empty;
	uint64		rows;
	instr_time	start;

	INSTR_TIME_SET_CURRENT(start);
	inputs = st_run_bind_inputs(run, node->block.leaves, &empty);
	if (empty || run->failure)
	{
		outcome->delta_ms += st_elapsed_ms(start);
		return run->failure == NULL;
	}
	delta.work = st_places_begin(run->entry->state_appliers[ordinal]);
	delta.old_row = MakeSingleTupleTableSlot(node->desc, &TTSOpsVirtual);
	delta.new_row = MakeSingleTupleTableSlot(node->desc, &TTSOpsVirtual);
	inputs = add_limit(run, ordinal, inputs, nleaves);
	rows = st_statement_run(node->block.delta, nleaves + 1, inputs, run->snapshot, receive_row, &delta);
	tuplestore_end(inputs[nleaves].rows);
	ExecDropSingleTupleTableSlot(delta.old_row);
	ExecDropSingleTupleTableSlot(delta.new_row);
	outcome->delta_ms += st_elapsed_ms(start);
	st_note_step(outcome, "state %d delta: " UINT64_FORMAT " rows of windows, %.3f ms", ordinal, rows, st_elapsed_ms(start));

	if (delta.many)
		run->failure = "most of a window would be computed again: a recompute is cheaper";

	INSTR_TIME_SET_CURRENT(start);
	applied = st_places_end(delta.work, delta.inconsistent || delta.many, run->snapshot);
	if (!applied.inconsistent)
	{
		st_note_step(outcome, "state %d apply: " INT64_FORMAT " inserted, " INT64_FORMAT " updated, " INT64_FORMAT " deleted, %.3f ms",
					 ordinal, applied.inserted, applied.updated, applied.deleted, st_elapsed_ms(start));
		ST_STOP_POINT("state applied");
	}
	outcome->apply_ms += st_elapsed_ms(start);
	return !applied.inconsistent;
}
