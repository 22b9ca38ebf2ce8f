/*-------------------------------------------------------------------------
 *
 * node_run.c
 *	  Maintaining one stream table with its states under a given snapshot.
 *
 * NOTES
 *	  Input: an entry, the netted deltas of its sources, a snapshot. The states
 *	  are taken in order, each one's delta computed from its inputs' deltas,
 *	  applied to its table and handed to the next in memory (rule L11); the
 *	  final block's delta goes to the stream table.
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
#include "catalog/heap.h"
#include "catalog/index.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "compat.h"
#include "refresh/node_run.h"
#include "util/fault.h"

double
st_elapsed_ms(instr_time since)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, since);
	return INSTR_TIME_GET_MILLISEC(now);
}

/* Rows with a weight behind them, for the next block. */
typedef struct WeightedStore
{
	Tuplestorestate *rows;
	TupleDesc	desc;			/* with the weight */
	int64		count;
} WeightedStore;

static void
store_weighted(TupleTableSlot *slot, int weight, void *arg)
{
	WeightedStore *store = arg;
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

/* The inputs of a block, in the order of its leaves. */
static StInput *
bind_inputs(StBlockProgram *block, int nsources, StSourceDelta *sources, WeightedStore *states,
			bool *all_empty)
{
	StInput    *inputs = palloc0(sizeof(StInput) * Max(list_length(block->leaves), 1));
	int			n = 0;
	ListCell   *lc;

	*all_empty = true;
	foreach(lc, block->leaves)
	{
		StLeaf	   *leaf = lfirst(lc);

		inputs[n].name = leaf->input;
		inputs[n].desc = leaf->desc;
		if (OidIsValid(leaf->source))
		{
			for (int i = 0; i < nsources; i++)
				if (sources[i].relid == leaf->source)
				{
					inputs[n].rows = sources[i].rows;
					inputs[n].count = sources[i].count;
				}
		}
		else
		{
			inputs[n].rows = states[leaf->node].rows;
			inputs[n].count = states[leaf->node].count;
		}
		if (inputs[n].count > 0)
			*all_empty = false;
		n++;
	}
	return inputs;
}

/* ----- states ----- */

typedef struct StateDelta
{
	StNodeProgram *node;
	StZset	   *changes;
	Tuplestorestate *groups;	/* keys to compute again */
	int64		ngroups;
	bool		inconsistent;
	TupleTableSlot *slot;		/* a state row */
	TupleTableSlot *key_slot;
} StateDelta;

static void
copy_columns(TupleTableSlot *target, TupleTableSlot *source, int first, int natts)
{
	ExecClearTuple(target);
	memcpy(target->tts_values, source->tts_values + first, sizeof(Datum) * natts);
	memcpy(target->tts_isnull, source->tts_isnull + first, sizeof(bool) * natts);
	ExecStoreVirtualTuple(target);
}

/* A touched group: (present, recompute, old state, new state). */
static void
receive_group(TupleTableSlot *slot, void *arg)
{
	StateDelta *delta = arg;
	int			natts = delta->node->desc->natts;
	int			nkeys = delta->node->node->nkeys;
	bool		present;
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
	{
		copy_columns(delta->slot, slot, 2, natts);
		st_zset_add(delta->changes, delta->slot, -1);
	}
	/* the last row has left; without keys there is always one group */
	if (count == 0 && nkeys > 0)
		return;
	if (DatumGetBool(slot->tts_values[1]))
	{
		if (nkeys > 0)
		{
			copy_columns(delta->key_slot, slot, 2 + natts, nkeys);
			tuplestore_puttupleslot(delta->groups, delta->key_slot);
		}
		delta->ngroups++;
		return;
	}
	copy_columns(delta->slot, slot, 2 + natts, natts);
	st_zset_add(delta->changes, delta->slot, 1);
}

static void
receive_state_row(TupleTableSlot *slot, void *arg)
{
	StateDelta *delta = arg;

	st_zset_add(delta->changes, slot, 1);
}

static AttrNumber *
first_columns(int n)
{
	AttrNumber *columns = palloc(sizeof(AttrNumber) * Max(n, 1));

	for (int i = 0; i < n; i++)
		columns[i] = i + 1;
	return columns;
}

/* Bring one state up to date; its delta is left in "result". */
static bool
run_state(StEntry *entry, int ordinal, int nsources, StSourceDelta *sources, WeightedStore *states,
		  Snapshot snapshot, StRefreshOutcome *outcome)
{
	StNodeProgram *node = &entry->program->nodes[ordinal];
	WeightedStore *result = &states[ordinal];
	StateDelta	delta = {.node = node};
	StInput    *inputs;
	bool		empty;
	instr_time	start;
	StApplyResult applied;

	INSTR_TIME_SET_CURRENT(start);
	result->desc = CreateTemplateTupleDesc(node->desc->natts + 1);
	for (AttrNumber i = 1; i <= node->desc->natts; i++)
		TupleDescCopyEntry(result->desc, i, node->desc, i);
	TupleDescInitEntry(result->desc, result->desc->natts, ST_WEIGHT_COLUMN, INT8OID, -1, 0);
	result->rows = tuplestore_begin_heap(false, false, work_mem);

	inputs = bind_inputs(&node->block, nsources, sources, states, &empty);
	if (empty)
		return true;

	delta.changes = st_zset_begin(node->desc, node->node->nkeys, first_columns(node->node->nkeys));
	delta.groups = tuplestore_begin_heap(false, false, work_mem);
	delta.slot = MakeSingleTupleTableSlot(node->desc, &TTSOpsVirtual);
	if (node->node->nkeys > 0)
		delta.key_slot = MakeSingleTupleTableSlot(node->key_desc, &TTSOpsVirtual);
	(void) st_statement_run(node->block.delta, list_length(node->block.leaves), inputs, snapshot,
							receive_group, &delta);
	if (delta.ngroups > 0 && !delta.inconsistent)
	{
		StInput		groups = {
			.name = ST_GROUPS_INPUT, .desc = node->key_desc,
			.rows = delta.groups, .count = delta.ngroups
		};

		(void) st_statement_run(node->recompute, node->node->nkeys > 0 ? 1 : 0, &groups, snapshot,
								receive_state_row, &delta);
	}
	ExecDropSingleTupleTableSlot(delta.slot);
	if (delta.key_slot)
		ExecDropSingleTupleTableSlot(delta.key_slot);
	tuplestore_end(delta.groups);
	outcome->delta_ms += st_elapsed_ms(start);

	INSTR_TIME_SET_CURRENT(start);
	if (!delta.inconsistent)
	{
		applied = st_apply(entry->state_appliers[ordinal], delta.changes, false, snapshot,
						   store_weighted, result);
		delta.inconsistent = applied.inconsistent;
		ST_STOP_POINT("state applied");
	}
	st_zset_end(delta.changes);
	outcome->apply_ms += st_elapsed_ms(start);
	return !delta.inconsistent;
}

/* ----- the stream table ----- */

typedef struct FinalDelta
{
	StZset	   *changes;
	TupleTableSlot *slot;
	int			natts;
} FinalDelta;

static void
receive_weighted_row(TupleTableSlot *slot, void *arg)
{
	FinalDelta *delta = arg;
	int64		weight;

	slot_getallattrs(slot);
	weight = DatumGetInt64(slot->tts_values[delta->natts]);
	if (weight == 0)
		return;
	copy_columns(delta->slot, slot, 0, delta->natts);
	st_zset_add(delta->changes, delta->slot, weight);
}

static void
receive_result_row(TupleTableSlot *slot, void *arg)
{
	FinalDelta *delta = arg;

	slot_getallattrs(slot);
	copy_columns(delta->slot, slot, 0, delta->natts);
	st_zset_add(delta->changes, delta->slot, 1);
}

static void
begin_final(StEntry *entry, FinalDelta *delta)
{
	StStreamTable *table = entry->table;

	delta->natts = entry->desc->natts;
	delta->changes = st_zset_begin(entry->desc, table->nkeys, entry->keys);
	delta->slot = MakeSingleTupleTableSlot(entry->desc, &TTSOpsVirtual);
}

/*
 * Write the changes to the stream table. Stream tables that read it capture
 * them with triggers, as those of any source.
 */
static bool
finish_final(StEntry *entry, FinalDelta *delta, bool fill, Snapshot snapshot, StRefreshOutcome *outcome)
{
	instr_time	start;

	INSTR_TIME_SET_CURRENT(start);
	ExecDropSingleTupleTableSlot(delta->slot);
	st_guard_enter();
	outcome->applied = st_apply(entry->applier, delta->changes, fill, snapshot, NULL, NULL);
	st_guard_leave();
	st_zset_end(delta->changes);
	outcome->apply_ms += st_elapsed_ms(start);
	return !outcome->applied.inconsistent;
}

bool
st_run_differential(StEntry *entry, int nsources, StSourceDelta *sources, Snapshot snapshot,
					StRefreshOutcome *outcome)
{
	int			nstates = entry->program->nnodes;
	WeightedStore *states = palloc0(sizeof(WeightedStore) * Max(nstates, 1));
	FinalDelta	delta;
	StInput    *inputs;
	bool		empty;
	instr_time	start;

	for (int i = 0; i < nstates; i++)
		if (!run_state(entry, i, nsources, sources, states, snapshot, outcome))
			return false;

	INSTR_TIME_SET_CURRENT(start);
	begin_final(entry, &delta);
	inputs = bind_inputs(&entry->program->final, nsources, sources, states, &empty);
	if (!empty)
		(void) st_statement_run(entry->program->final.delta, list_length(entry->program->final.leaves),
								inputs, snapshot, receive_weighted_row, &delta);
	for (int i = 0; i < nstates; i++)
		tuplestore_end(states[i].rows);
	outcome->delta_ms += st_elapsed_ms(start);
	return finish_final(entry, &delta, false, snapshot, outcome);
}

/* Forget a state's rows: a new file, so that a rollback brings them back. */
static void
truncate_state(Oid relid)
{
	Relation	rel = table_open(relid, AccessExclusiveLock);
	Oid			toast = rel->rd_rel->reltoastrelid;
	ReindexParams params = {0};

	RelationSetNewRelfilenumber(rel, rel->rd_rel->relpersistence);
	table_close(rel, NoLock);
	if (OidIsValid(toast))
	{
		Relation	toast_rel = relation_open(toast, AccessExclusiveLock);

		RelationSetNewRelfilenumber(toast_rel, toast_rel->rd_rel->relpersistence);
		table_close(toast_rel, NoLock);
	}
	(void) StReindexRelationParts(relid, REINDEX_REL_SUPPRESS_INDEX_USE, &params);
}

static void
receive_fill_row(TupleTableSlot *slot, void *arg)
{
	st_zset_add((StZset *) arg, slot, 1);
}

void
st_run_full(StEntry *entry, bool empty, Snapshot snapshot, StRefreshOutcome *outcome)
{
	FinalDelta	delta;
	instr_time	start;

	INSTR_TIME_SET_CURRENT(start);
	if (entry->program)
		for (int i = 0; i < entry->program->nnodes; i++)
		{
			StNodeProgram *node = &entry->program->nodes[i];
			StZset	   *rows;

			if (!empty)
				truncate_state(node->state);
			ST_STOP_POINT("state emptied");
			rows = st_zset_begin(node->desc, 0, NULL);
			(void) st_statement_run(node->block.fill, 0, NULL, snapshot, receive_fill_row, rows);
			(void) st_apply(entry->state_appliers[i], rows, true, snapshot, NULL, NULL);
			st_zset_end(rows);
		}

	begin_final(entry, &delta);
	if (entry->program)
		(void) st_statement_run(entry->program->final.fill, 0, NULL, snapshot, receive_result_row, &delta);
	else
		(void) st_statement_run(entry->original, 0, NULL, snapshot, receive_result_row, &delta);
	outcome->delta_ms += st_elapsed_ms(start);

	INSTR_TIME_SET_CURRENT(start);
	if (!empty)
		st_applier_subtract_contents(entry->applier, delta.changes, snapshot);
	outcome->apply_ms += st_elapsed_ms(start);
	if (!finish_final(entry, &delta, empty, snapshot, outcome))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("the rows of \"%s.%s\" changed while they were compared",
						entry->table->schema, entry->table->name)));
}
