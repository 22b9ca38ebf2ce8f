/*-------------------------------------------------------------------------
 *
 * node_run.c
 *	  Maintaining one stream table with its states under a given snapshot.
 *
 * NOTES
 *	  Input: an entry, the netted deltas of its sources, a snapshot. The states
 *	  are taken in order, each one's delta computed from its inputs' deltas,
 *	  applied to its table and handed to the next in memory (rule L11); the
 *	  final block's delta goes to the stream table. Another stream table that reads
 *	  it takes it from its log, which there is only while somebody reads it, also
 *	  in the same group: a second way in would have to say once more what a
 *	  frontier says of transactions and commands (rule C2), and the pages were
 *	  written a moment ago.
 *
 *	  Memory: everything is allocated in CurrentMemoryContext, which the caller
 *	  throws away; tuplestores and Z-sets spill beyond work_mem.
 *
 *	  Nothing here commits, rolls back or catches errors.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "refresh/budget.h"
#include "refresh/node_run.h"
#include "refresh/recursion_run.h"
#include "refresh/run.h"
#include "refresh/slice_run.h"
#include "refresh/window_run.h"
#include "util/fault.h"
#include "util/sqlbuf.h"

double
st_elapsed_ms(instr_time since)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, since);
	return INSTR_TIME_GET_MILLISEC(now);
}

void
st_note_step(StRefreshOutcome *outcome, const char *format,...)
{
	va_list		args;
	int			missing;

	if (outcome->steps == NULL)
		return;
	if (outcome->steps->len > 0)
		appendStringInfoChar(outcome->steps, '\n');
	for (;;)
	{
		va_start(args, format);
		missing = appendStringInfoVA(outcome->steps, format, args);
		va_end(args);
		if (missing == 0)
			break;
		enlargeStringInfo(outcome->steps, missing);
	}
}

void
st_store_row(TupleTableSlot *slot, int64 weight, StWeightedStore *store)
{
	int			natts = store->desc->natts;
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);

	slot_getallattrs(slot);
	memcpy(values, slot->tts_values, sizeof(Datum) * (natts - 1));
	memcpy(nulls, slot->tts_isnull, sizeof(bool) * (natts - 1));
	values[natts - 1] = Int64GetDatum(weight);
	nulls[natts - 1] = false;
	tuplestore_putvalues(store->rows, store->desc, values, nulls);
	store->count++;
	pfree(values);
	pfree(nulls);
}

static void
store_applied(TupleTableSlot *slot, int weight, void *arg)
{
	st_store_row(slot, weight, arg);
}

/* Readers of distinct rows see the keys only: that there are more or fewer of them is no change. */
typedef struct DistinctStore
{
	StWeightedStore *store;
	TupleTableSlot *left;		/* the row that has left last, unless it is
								 * empty */
	int			nkeys;
	AttrNumber *keys;
} DistinctStore;

static void
store_row_that_left(DistinctStore *distinct)
{
	if (!TTS_EMPTY(distinct->left))
		st_store_row(distinct->left, -1, distinct->store);
	ExecClearTuple(distinct->left);
}

/* A row that leaves is followed at once by the one that it changes into. */
static void
store_distinct(TupleTableSlot *slot, int weight, void *arg)
{
	DistinctStore *distinct = arg;

	if (weight > 0 && !TTS_EMPTY(distinct->left))
	{
		slot_getallattrs(distinct->left);
		slot_getallattrs(slot);
		if (st_image_equal(distinct->left, slot, distinct->nkeys, distinct->keys))
		{
			ExecClearTuple(distinct->left);
			return;
		}
	}
	store_row_that_left(distinct);
	if (weight > 0)
		st_store_row(slot, weight, distinct->store);
	else
		ExecCopySlot(distinct->left, slot);
}

static void
copy_columns(TupleTableSlot *target, TupleTableSlot *source, int first, int natts)
{
	ExecClearTuple(target);
	memcpy(target->tts_values, source->tts_values + first, sizeof(Datum) * natts);
	memcpy(target->tts_isnull, source->tts_isnull + first, sizeof(bool) * natts);
	ExecStoreVirtualTuple(target);
}

/* ----- rows that are netted ----- */

static void
add_row(TupleTableSlot *slot, void *arg)
{
	st_zset_add((StZset *) arg, slot, 1);
}

/* The first columns of what a statement returns. */
typedef struct NetRows
{
	StZset	   *changes;
	TupleTableSlot *slot;
	int			natts;
	const AttrNumber *columns;	/* of a join, which become these */
} NetRows;

static void
begin_net(NetRows *net, TupleDesc desc, int nkeys, const AttrNumber *keys)
{
	net->natts = desc->natts;
	net->columns = NULL;
	net->changes = st_zset_begin(desc, nkeys, keys);
	net->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
}

/* The weight stands behind the columns. */
static void
receive_weighted_row(TupleTableSlot *slot, void *arg)
{
	NetRows    *net = arg;
	int64		weight;

	slot_getallattrs(slot);
	weight = DatumGetInt64(slot->tts_values[net->natts]);
	if (weight == 0)
		return;
	copy_columns(net->slot, slot, 0, net->natts);
	st_zset_add(net->changes, net->slot, weight);
}

static void
receive_result_row(TupleTableSlot *slot, void *arg)
{
	NetRows    *net = arg;

	slot_getallattrs(slot);
	copy_columns(net->slot, slot, 0, net->natts);
	st_zset_add(net->changes, net->slot, 1);
}

/* A row of a join, some of whose columns are those of the result. */
static void
receive_join_row(TupleTableSlot *slot, void *arg)
{
	NetRows    *net = arg;
	int64		weight;

	slot_getallattrs(slot);
	weight = DatumGetInt64(slot->tts_values[slot->tts_tupleDescriptor->natts - 1]);
	if (weight == 0)
		return;
	ExecClearTuple(net->slot);
	for (int i = 0; i < net->natts; i++)
	{
		net->slot->tts_values[i] = slot->tts_values[net->columns[i] - 1];
		net->slot->tts_isnull[i] = slot->tts_isnull[net->columns[i] - 1];
	}
	ExecStoreVirtualTuple(net->slot);
	st_zset_add(net->changes, net->slot, weight);
}

static StWeightedStore *run_join(StRun *run, int ordinal, NetRows *result);

StInput *
st_run_bind_inputs(StRun *run, List *leaves, bool *all_empty)
{
	StInput    *inputs = palloc0(sizeof(StInput) * Max(list_length(leaves), 1));
	int			n = 0;
	ListCell   *lc;

	*all_empty = true;
	foreach(lc, leaves)
	{
		StLeaf	   *leaf = lfirst(lc);
		StWeightedStore *store = NULL;

		inputs[n].name = leaf->input;
		inputs[n].desc = leaf->desc;
		inputs[n].origins = leaf->origins;
		switch (leaf->kind)
		{
			case ST_LEAF_SOURCE:
				for (int i = 0; i < run->nsources; i++)
					if (run->sources[i].relid == leaf->source)
					{
						inputs[n].rows = run->sources[i].rows;
						inputs[n].count = run->sources[i].count;
					}
				break;
			case ST_LEAF_STATE:
				store = &run->states[leaf->ordinal];
				break;
			case ST_LEAF_JOIN:
				store = run_join(run, leaf->ordinal, NULL);
				break;
		}
		if (store)
		{
			inputs[n].rows = store->rows;
			inputs[n].count = store->count;
		}
		if (inputs[n].count > 0)
			*all_empty = false;
		n++;
	}
	return inputs;
}

/* ----- joins ----- */

/* A row of one term, which needs no netting. */
static void
receive_term_row(TupleTableSlot *slot, void *arg)
{
	StWeightedStore *store = arg;

	slot_getallattrs(slot);
	if (DatumGetInt64(slot->tts_values[store->desc->natts - 1]) == 0)
		return;
	tuplestore_puttupleslot(store->rows, slot);
	store->count++;
}

void
st_begin_store(StWeightedStore *store, TupleDesc desc)
{
	store->rows = tuplestore_begin_heap(false, false, work_mem);
	store->desc = desc;
	store->count = 0;
}

void
st_store_zset(StZset *zset, StWeightedStore *store)
{
	StZsetStep	change;

	st_zset_rewind(zset);
	while (st_zset_next(zset, &change))
		st_store_row(change.old_row ? change.old_row : change.new_row,
					 change.old_row ? -change.weight : change.weight, store);
}

/* Run one step of a join's delta into a store. */
static void
run_join_step(StRun *run, StJoinStep *step, int ninputs, StInput *inputs, StWeightedStore *store)
{
	NetRows		net;

	st_begin_store(store, step->desc);
	/* rows of several terms may meet that never existed together: rule E1 */
	if (!step->net || ST_FAULT("E1 join"))
	{
		(void) st_statement_run(step->statement, ninputs, inputs, run->snapshot, receive_term_row, store);
		return;
	}
	begin_net(&net, step->row_desc, 0, NULL);
	(void) st_statement_run(step->statement, ninputs, inputs, run->snapshot, receive_weighted_row, &net);
	ExecDropSingleTupleTableSlot(net.slot);
	st_store_zset(net.changes, store);
	st_zset_end(net.changes);
}

/*
 * The delta of a join, computed when a block asks for it first. With "result",
 * its rows go there, and the store that is returned has none; the caller sees
 * to it that no block has asked before.
 */
static StWeightedStore *
run_join(StRun *run, int ordinal, NetRows *result)
{
	StProgram  *program = run->entry->program;
	StJoinProgram *join = &program->joins[ordinal];
	StWeightedStore *store = &run->joins[ordinal];
	StWeightedStore previous = {NULL};
	Bitmapset  *changed = NULL;
	StJoinDelta *delta;
	int			nleaves = list_length(join->leaves);
	int			ninputs = nleaves;
	StInput    *inputs;
	int64		received = 0;
	bool		empty;
	instr_time	start;
	ListCell   *lc;

	check_stack_depth();
	if (store->rows)
		return store;
	INSTR_TIME_SET_CURRENT(start);
	inputs = st_run_bind_inputs(run, join->leaves, &empty);
	/* time goes on though nothing was written */
	if (empty && join->join->kind != ST_JOIN_CLOCK)
	{
		st_begin_store(store, join->desc);
		return store;
	}
	if (join->slice)
	{
		StZset	   *rows = NULL;

		st_begin_store(store, join->desc);
		run->failure = st_run_slice(join, inputs, run->snapshot, &rows);
		if (rows)
		{
			st_store_zset(rows, store);
			st_zset_end(rows);
		}
		st_note_step(run->outcome, "slice %d: " INT64_FORMAT " rows, %.3f ms", ordinal, store->count, st_elapsed_ms(start));
		return store;
	}
	for (int i = 0; i < join->nreferences; i++)
	{
		int			leaf = -1;

		while ((leaf = bms_next_member(join->reference_leaves[i], leaf)) >= 0)
			if (inputs[leaf].count > 0)
				changed = bms_add_member(changed, i);
	}
	delta = st_join_delta(program, join, changed);
	inputs = repalloc(inputs, sizeof(StInput) * (nleaves + list_length(delta->reductions) + 1));
	foreach(lc, delta->reductions)
	{
		StReduction *reduction = lfirst(lc);
		StWeightedStore reduced;

		if (ST_FAULT("E2 reduced"))
			st_begin_store(&reduced, reduction->step->desc);
		else
			run_join_step(run, reduction->step, nleaves, inputs, &reduced);
		inputs[ninputs++] = (StInput)
		{
			.name = reduction->input, .desc = reduced.desc, .rows = reduced.rows, .count = reduced.count,
				.origins = reduction->step->origins
		};
	}
	foreach(lc, delta->steps)
	{
		StJoinStep *step = lfirst(lc);
		StWeightedStore rows;

		inputs[ninputs] = (StInput)
		{
			.name = ST_STEP_INPUT, .desc = previous.desc, .rows = previous.rows, .count = previous.count
		};
		if (result && step == llast(delta->steps))
		{
			st_begin_store(&rows, step->desc);
			received = st_statement_run(step->statement, previous.rows ? ninputs + 1 : ninputs, inputs, run->snapshot,
										receive_join_row, result);
		}
		else
		{
			run_join_step(run, step, previous.rows ? ninputs + 1 : ninputs, inputs, &rows);
			received = rows.count;
		}
		if (previous.rows)
			tuplestore_end(previous.rows);
		previous = rows;
	}
	for (int i = nleaves; i < ninputs; i++)
		tuplestore_end(inputs[i].rows);
	*store = previous;
	if (join->join->kind == ST_JOIN_CLOCK)
		run->outcome->clock_rows += store->count;
	st_note_step(run->outcome, "join %d: " INT64_FORMAT " rows, %.3f ms", ordinal, received, st_elapsed_ms(start));
	return store;
}

/* ----- states ----- */

typedef struct StateDelta
{
	StNodeProgram *node;
	StWork	   *work;			/* groups whose rows are where the statement
								 * found them */
	StApplyCallback report;		/* told of their rows */
	void	   *report_arg;
	MemoryContext context;		/* in which what follows is begun */
	StZset	   *changes;		/* rows that are to be looked for, NULL: none */
	Tuplestorestate *groups;	/* keys to compute again, NULL: none */
	int64		ngroups;
	bool		inconsistent;
	TupleTableSlot *slot;		/* a state row */
	TupleTableSlot *new_slot;	/* what it becomes */
} StateDelta;

static AttrNumber *
first_columns(int n)
{
	AttrNumber *columns = palloc(sizeof(AttrNumber) * Max(n, 1));

	for (int i = 0; i < n; i++)
		columns[i] = i + 1;
	return columns;
}

static StZset *
begin_changes(StNodeProgram *node)
{
	return st_zset_begin(node->desc, node->node->nkeys, first_columns(node->node->nkeys));
}

/* A group that is to be computed again: its old row leaves, its keys (in "slot" from "keys" on) are kept. */
static void
add_group(StateDelta *delta, bool present, TupleTableSlot *slot, int keys)
{
	MemoryContext caller = MemoryContextSwitchTo(delta->context);

	if (delta->changes == NULL)
		delta->changes = begin_changes(delta->node);
	if (delta->groups == NULL && delta->node->node->nkeys > 0)
		delta->groups = tuplestore_begin_heap(false, false, work_mem);
	MemoryContextSwitchTo(caller);
	if (present)
		st_zset_add(delta->changes, delta->slot, -1);
	if (delta->groups)
		tuplestore_putvalues(delta->groups, delta->node->key_desc, slot->tts_values + keys, slot->tts_isnull + keys);
	delta->ngroups++;
}

/* A touched group: (present, recompute, old state, new state, place of the old one). */
static void
receive_group(TupleTableSlot *slot, void *arg)
{
	StateDelta *delta = arg;
	int			natts = delta->node->desc->natts;
	int			nkeys = delta->node->node->nkeys;
	bool		present;
	bool		remains;
	int64		count;

	slot_getallattrs(slot);
	present = DatumGetBool(slot->tts_values[0]);
	count = DatumGetInt64(slot->tts_values[2 + natts + nkeys]);
	if (count < 0)
	{
		delta->inconsistent = true;
		return;
	}
	if (present)
		copy_columns(delta->slot, slot, 2, natts);
	/* when the last row has left; without keys there is always one group */
	remains = count > 0 || nkeys == 0;
	if (remains && DatumGetBool(slot->tts_values[1]))
	{
		add_group(delta, present, slot, 2 + natts);
		return;
	}
	if (remains)
		copy_columns(delta->new_slot, slot, 2 + natts, natts);
	else if (!present)
		return;
	if (present && remains && st_image_equal(delta->slot, delta->new_slot, 0, NULL))
		return;
	st_places_change(delta->work, present ? (ItemPointer) DatumGetPointer(slot->tts_values[2 + 2 * natts]) : NULL,
					 remains ? delta->new_slot : NULL);
	if (present)
		delta->report(delta->slot, -1, delta->report_arg);
	if (remains)
		delta->report(delta->new_slot, 1, delta->report_arg);
}

/* ----- the first rows of an order ----- */

typedef struct TopDelta
{
	StateDelta *state;
	Tuplestorestate *rows;		/* as the state is to be */
	bool		too_few;		/* it is to be filled again */
} TopDelta;

/* (weight, state columns), as delta/top.h says. */
static void
receive_top_row(TupleTableSlot *slot, void *arg)
{
	TopDelta   *top = arg;
	StateDelta *delta = top->state;
	int			natts = delta->node->desc->natts;

	slot_getallattrs(slot);
	copy_columns(delta->slot, slot, 1, natts);
	switch (DatumGetInt64(slot->tts_values[0]))
	{
		case -1:
			st_zset_add(delta->changes, delta->slot, -1);
			break;
		case 1:
			tuplestore_puttupleslot(top->rows, delta->slot);
			break;
		case 2:
			top->too_few = true;
			break;
		default:
			delta->inconsistent = true;
	}
}

/* Bring the first rows of an order up to date; too few are read anew (rule E13). */
static void
run_top(StRun *run, StNodeProgram *node, StInput *inputs, StateDelta *delta)
{
	TopDelta	top = {.state = delta};
	TupleTableSlot *slot;

	top.rows = tuplestore_begin_heap(false, false, work_mem);
	(void) st_statement_run(node->block.delta, list_length(node->block.leaves), inputs, run->snapshot,
							receive_top_row, &top);
	if (top.too_few)
	{
		delta->ngroups = 1;
		(void) st_statement_run(node->block.fill, 0, NULL, run->snapshot, add_row, delta->changes);
	}
	else
	{
		slot = MakeSingleTupleTableSlot(node->desc, &TTSOpsMinimalTuple);
		while (tuplestore_gettupleslot(top.rows, true, false, slot))
			st_zset_add(delta->changes, slot, 1);
		ExecDropSingleTupleTableSlot(slot);
	}
	tuplestore_end(top.rows);
}

/* Compute a state again from the states that it reads, if they changed, and apply the difference. */
static bool
run_whole(StRun *run, int ordinal, StWeightedStore *result)
{
	StNodeProgram *node = &run->entry->program->nodes[ordinal];
	StApplyResult applied = {0};
	StZset	   *changes;
	bool		empty;
	instr_time	start;

	INSTR_TIME_SET_CURRENT(start);
	(void) st_run_bind_inputs(run, node->block.leaves, &empty);
	if (!empty && run->failure == NULL)
	{
		changes = st_zset_begin(node->desc, 0, NULL);
		(void) st_statement_run(node->block.fill, 0, NULL, run->snapshot, add_row, changes);
		st_applier_subtract_contents(run->entry->state_appliers[ordinal], changes, run->snapshot);
		applied = st_apply(run->entry->state_appliers[ordinal], changes, false, run->snapshot, store_applied, result);
		st_zset_end(changes);
	}
	run->outcome->delta_ms += st_elapsed_ms(start);
	st_note_step(run->outcome, "state %d computed again: " INT64_FORMAT " inserted, " INT64_FORMAT " updated, " INT64_FORMAT " deleted, %.3f ms",
				 ordinal, applied.inserted, applied.updated, applied.deleted, st_elapsed_ms(start));
	return !applied.inconsistent && run->failure == NULL;
}

/* Find what changes in the groups that are touched. Returns their number. */
static uint64
run_groups(StRun *run, StNodeProgram *node, StInput *inputs, StateDelta *delta)
{
	uint64		touched;

	delta->new_slot = MakeSingleTupleTableSlot(node->desc, &TTSOpsVirtual);
	touched = st_statement_run(node->block.delta, list_length(node->block.leaves), inputs, run->snapshot,
							   receive_group, delta);
	ExecDropSingleTupleTableSlot(delta->new_slot);
	if (delta->ngroups > 0 && !delta->inconsistent)
	{
		StInput		groups = {
			.name = ST_GROUPS_INPUT, .desc = node->key_desc,
			.rows = delta->groups, .count = delta->ngroups
		};

		(void) st_statement_run(node->recompute, delta->groups ? 1 : 0, &groups, run->snapshot, add_row, delta->changes);
	}
	if (delta->groups)
		tuplestore_end(delta->groups);
	return touched;
}

/* Write the changes; those by place are written first, no row is in both. */
static StApplyResult
apply_state(StRun *run, StApplier *applier, StateDelta *delta)
{
	StApplyResult result = {0};
	StApplyResult looked_for = {0};

	if (delta->work)
		result = st_places_end(delta->work, delta->inconsistent, run->snapshot);
	if (delta->changes && !delta->inconsistent)
		looked_for = st_apply(applier, delta->changes, false, run->snapshot, delta->report, delta->report_arg);
	if (delta->changes)
		st_zset_end(delta->changes);
	result.inserted += looked_for.inserted;
	result.updated += looked_for.updated;
	result.deleted += looked_for.deleted;
	result.inconsistent |= looked_for.inconsistent || delta->inconsistent;
	return result;
}

/* The delta of a state with the weight as last column, without rows. */
static void
begin_result(StNodeProgram *node, StWeightedStore *result)
{
	TupleDesc	desc = CreateTemplateTupleDesc(node->desc->natts + 1);

	for (AttrNumber i = 1; i <= node->desc->natts; i++)
		TupleDescCopyEntry(desc, i, node->desc, i);
	TupleDescInitEntry(desc, desc->natts, ST_WEIGHT_COLUMN, INT8OID, -1, 0);
	st_begin_store(result, desc);
}

/* Bring one state up to date; its delta is left in "result". */
static bool
run_state(StRun *run, int ordinal)
{
	StNodeProgram *node = &run->entry->program->nodes[ordinal];
	StWeightedStore *result = &run->states[ordinal];
	StApplier  *applier = run->entry->state_appliers[ordinal];
	StRefreshOutcome *outcome = run->outcome;
	DistinctStore distinct = {result, NULL, node->node->nkeys, first_columns(node->node->nkeys)};
	StateDelta	delta = {.node = node, .report = store_applied, .report_arg = result, .context = CurrentMemoryContext};
	StInput    *inputs;
	bool		empty;
	instr_time	start;
	StApplyResult applied;
	uint64		touched = 1;

	INSTR_TIME_SET_CURRENT(start);
	begin_result(node, result);
	if (node->recursion)
		return st_run_recursion(run, ordinal, result);
	if (node->node->whole)
		return run_whole(run, ordinal, result);
	if (node->node->windows)
		return st_run_windows(run, ordinal, result);

	inputs = st_run_bind_inputs(run, node->block.leaves, &empty);
	if (empty || run->failure)
	{
		outcome->delta_ms += st_elapsed_ms(start);
		return run->failure == NULL;
	}

	delta.slot = MakeSingleTupleTableSlot(node->desc, &TTSOpsVirtual);
	if (node->node->distinct && node->node->nkeys > 0)
	{
		distinct.left = MakeSingleTupleTableSlot(node->desc, &TTSOpsMinimalTuple);
		delta.report = store_distinct;
		delta.report_arg = &distinct;
	}
	if (node->node->top)
	{
		delta.changes = begin_changes(node);
		run_top(run, node, inputs, &delta);
	}
	else
	{
		delta.work = st_places_begin(applier);
		touched = run_groups(run, node, inputs, &delta);
	}
	ExecDropSingleTupleTableSlot(delta.slot);
	outcome->delta_ms += st_elapsed_ms(start);
	st_note_step(outcome, "state %d delta: " UINT64_FORMAT " groups, " INT64_FORMAT " computed again, %.3f ms",
				 ordinal, touched, delta.ngroups, st_elapsed_ms(start));

	INSTR_TIME_SET_CURRENT(start);
	applied = apply_state(run, applier, &delta);
	if (distinct.left)
	{
		store_row_that_left(&distinct);
		ExecDropSingleTupleTableSlot(distinct.left);
	}
	if (!applied.inconsistent)
	{
		st_note_step(outcome, "state %d apply: " INT64_FORMAT " inserted, " INT64_FORMAT " updated, " INT64_FORMAT " deleted, %.3f ms",
					 ordinal, applied.inserted, applied.updated, applied.deleted, st_elapsed_ms(start));
		ST_STOP_POINT("state applied");
	}
	outcome->apply_ms += st_elapsed_ms(start);
	return !applied.inconsistent;
}

/* ----- the stream table ----- */

/*
 * Write the changes to the stream table. Stream tables that read it capture
 * them with triggers, as those of any source.
 */
static bool
finish_final(StEntry *entry, NetRows *delta, bool fill, Snapshot snapshot, StRefreshOutcome *outcome)
{
	instr_time	start;

	INSTR_TIME_SET_CURRENT(start);
	ExecDropSingleTupleTableSlot(delta->slot);
	st_guard_enter();
	outcome->applied = st_apply(entry->applier, delta->changes, fill, snapshot, NULL, NULL);
	st_guard_leave();
	st_zset_end(delta->changes);
	outcome->apply_ms += st_elapsed_ms(start);
	st_note_step(outcome, "apply: " INT64_FORMAT " inserted, " INT64_FORMAT " updated, " INT64_FORMAT " deleted, %.3f ms",
				 outcome->applied.inserted, outcome->applied.updated, outcome->applied.deleted, st_elapsed_ms(start));
	return !outcome->applied.inconsistent;
}

const char *
st_run_differential(StEntry *entry, int nsources, StSourceDelta *sources, Snapshot snapshot,
					StRefreshOutcome *outcome)
{
	StProgram  *program = entry->program;
	StRun		run = {
		.entry = entry, .sources = sources, .nsources = nsources,
		.snapshot = snapshot, .outcome = outcome
	};
	NetRows		delta;
	StInput    *inputs = NULL;
	bool		empty;
	int			join;
	uint64		rows = 0;
	instr_time	start;

	run.states = palloc0(sizeof(StWeightedStore) * Max(program->nnodes, 1));
	run.joins = palloc0(sizeof(StWeightedStore) * Max(program->njoins, 1));
	for (int i = 0; i < program->nnodes; i++)
		if (!run_state(&run, i))
			return run.failure ? run.failure : "inconsistent";

	INSTR_TIME_SET_CURRENT(start);
	begin_net(&delta, entry->desc, entry->table->nkeys, entry->keys);
	delta.columns = program->final.join_columns;
	join = delta.columns ? ((StLeaf *) linitial(program->final.leaves))->ordinal : -1;
	if (join >= 0 && run.joins[join].rows == NULL)
	{
		(void) run_join(&run, join, &delta);
		rows = st_zset_count(delta.changes);
		empty = true;
	}
	else
		inputs = st_run_bind_inputs(&run, program->final.leaves, &empty);
	if (run.failure)
		return run.failure;
	if (!empty)
		rows = st_statement_run(program->final.delta, list_length(program->final.leaves),
								inputs, snapshot, receive_weighted_row, &delta);
	for (int i = 0; i < program->nnodes; i++)
		tuplestore_end(run.states[i].rows);
	for (int i = 0; i < program->njoins; i++)
		if (run.joins[i].rows)
			tuplestore_end(run.joins[i].rows);
	outcome->delta_ms += st_elapsed_ms(start);
	st_note_step(outcome, "delta: " UINT64_FORMAT " rows, %.3f ms", rows, st_elapsed_ms(start));

	/*
	 * what is left is certain to end, and a recompute would have to do it,
	 * too
	 */
	(void) st_budget_end(outcome->budget);
	return finish_final(entry, &delta, false, snapshot, outcome) ? NULL : "inconsistent";
}

/* Apply the difference between what is to be in the stream table, which this ends, and what is. */
static void
replace_contents(StEntry *entry, NetRows *wanted, bool empty, Snapshot snapshot, StRefreshOutcome *outcome)
{
	instr_time	start;

	INSTR_TIME_SET_CURRENT(start);
	if (!empty)
		st_applier_subtract_contents(entry->applier, wanted->changes, snapshot);
	outcome->apply_ms += st_elapsed_ms(start);
	st_note_step(outcome, "compare: %.3f ms", st_elapsed_ms(start));
	if (!finish_final(entry, wanted, empty, snapshot, outcome))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("the rows of \"%s.%s\" changed while they were compared",
						entry->table->schema, entry->table->name)));
}

void
st_run_full(StEntry *entry, bool empty, Snapshot snapshot, StRefreshOutcome *outcome)
{
	NetRows		delta;
	uint64		count;
	instr_time	start;

	INSTR_TIME_SET_CURRENT(start);
	if (entry->program)
		for (int i = 0; i < entry->program->nnodes; i++)
		{
			StNodeProgram *node = &entry->program->nodes[i];
			StFill	   *rows = st_fill_begin(entry->state_appliers[i]);

			ST_STOP_POINT("state emptied");
			count = st_statement_run(node->block.fill, 0, NULL, snapshot, st_fill_add, rows);
			st_fill_end(rows);
			st_note_step(outcome, "state %d fill: " UINT64_FORMAT " rows, %.3f ms since the start", i, count, st_elapsed_ms(start));
		}

	begin_net(&delta, entry->desc, entry->table->nkeys, entry->keys);
	count = st_statement_run(entry->program ? entry->program->final.fill : entry->original, 0, NULL, snapshot,
							 receive_result_row, &delta);
	outcome->delta_ms += st_elapsed_ms(start);
	st_note_step(outcome, "recompute: " UINT64_FORMAT " rows, %.3f ms since the start", count, st_elapsed_ms(start));

	replace_contents(entry, &delta, empty, snapshot, outcome);
}

void
st_run_take_over(StEntry *entry, Oid from, bool empty, Snapshot snapshot, StRefreshOutcome *outcome)
{
	NetRows		delta;
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_text(&sql, "SELECT ");
	for (int i = 0; i < entry->desc->natts; i++)
	{
		if (i > 0)
			st_sql_text(&sql, ", ");
		st_sql_column(&sql, "t", NameStr(TupleDescAttr(entry->desc, i)->attname));
	}
	st_sql_text(&sql, " FROM ");
	st_sql_relation(&sql, from);
	st_sql_text(&sql, " t");
	begin_net(&delta, entry->desc, entry->table->nkeys, entry->keys);
	(void) st_statement_run(st_statement_create(CurrentMemoryContext, sql.data, 0, NULL), 0, NULL, snapshot,
							receive_result_row, &delta);
	replace_contents(entry, &delta, empty, snapshot, outcome);
}
