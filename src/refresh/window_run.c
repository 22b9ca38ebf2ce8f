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
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "delta/window.h"
#include "refresh/window_run.h"
#include "util/fault.h"

typedef struct WindowDelta
{
	StNode	   *node;
	StWork	   *work;
	StWeightedStore *result;
	TupleTableSlot *old_row;	/* state rows */
	TupleTableSlot *new_row;
	bool		inconsistent;
} WindowDelta;

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
	rows = st_statement_run(node->block.delta, list_length(node->block.leaves), inputs, run->snapshot, receive_row, &delta);
	ExecDropSingleTupleTableSlot(delta.old_row);
	ExecDropSingleTupleTableSlot(delta.new_row);
	outcome->delta_ms += st_elapsed_ms(start);
	st_note_step(outcome, "state %d delta: " UINT64_FORMAT " rows of windows, %.3f ms", ordinal, rows, st_elapsed_ms(start));

	INSTR_TIME_SET_CURRENT(start);
	applied = st_places_end(delta.work, delta.inconsistent, run->snapshot);
	if (!applied.inconsistent)
	{
		st_note_step(outcome, "state %d apply: " INT64_FORMAT " inserted, " INT64_FORMAT " updated, " INT64_FORMAT " deleted, %.3f ms",
					 ordinal, applied.inserted, applied.updated, applied.deleted, st_elapsed_ms(start));
		ST_STOP_POINT("state applied");
	}
	outcome->apply_ms += st_elapsed_ms(start);
	return !applied.inconsistent;
}
