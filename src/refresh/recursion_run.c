/*-------------------------------------------------------------------------
 *
 * recursion_run.c
 *	  Bringing the state of a WITH RECURSIVE up to date (rule E12).
 *
 * NOTES
 *	  A step is linear in the state: the change of T(R) for a change of R comes
 *	  from that change and from what the step reads else, E.
 *
 *	  UNION ALL counts. The change begins as that of the first term, plus
 *	  T(R old, E new) - T(R old, E old); whatever has changed so far goes through
 *	  the step over the new E, again and again, until nothing comes out. It is
 *	  applied at the end.
 *
 *	  UNION does not count, and rows may support each other in a circle. So rows
 *	  that have lost anything that they came from are deleted first, with all that
 *	  came from them: those that leave the first term, those that T gave for rows
 *	  that left E, and what T(.., E new) gives for deleted rows. New rows of E must
 *	  not make up for old ones here, since they may stand on what is going to be
 *	  deleted. What still comes about from the rows that are left is put back.
 *	  Then rows are added, and what comes from them.
 *
 *	  Where the step is not monotone in E (an outer or anti join), where most
 *	  rows would be deleted, or where there is no end, the recursion is computed
 *	  again and the difference is applied. The reason is a step of the run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/rel.h"

#include "refresh/recursion_run.h"
#include "util/fault.h"

/* rounds after which a change is taken for one without an end */
#define MAX_ROUNDS 5000

/* rows that may be deleted of a state of any size, and the share of a large one */
#define FEW_ROWS 1000
#define LARGEST_SHARE 0.3

typedef enum Others
{
	NO_CHANGES,
	ALL_CHANGES,
	ROWS_THAT_LEFT
} Others;

typedef struct Recursion
{
	StRun	   *run;
	int			ordinal;
	StNodeProgram *node;
	TupleDesc	weighted;		/* the state's columns and the weight */
	StZset	   *total;			/* what the state's readers are told */
	bool		inconsistent;
	StApplyResult applied;
	MemoryContext rounds[2];	/* of this round, and of the one before */
} Recursion;

/*
 * What is allocated from now on may go when the round after the next begins: a
 * round needs what the one before it has left. Nobody knows how many there are
 * going to be.
 */
static void
begin_round(Recursion *recursion)
{
	MemoryContext older = recursion->rounds[1];

	recursion->rounds[1] = recursion->rounds[0];
	recursion->rounds[0] = older;
	MemoryContextReset(older);
	MemoryContextSwitchTo(older);
}

/* ----- views of a run, in which only some of what a step reads has changed ----- */

/* Rows with a negative weight. */
static Tuplestorestate *
rows_that_left(Tuplestorestate *rows, TupleDesc desc, int64 *count)
{
	Tuplestorestate *left = tuplestore_begin_heap(false, false, work_mem);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	bool		isnull;

	*count = 0;
	if (rows)
	{
		tuplestore_rescan(rows);
		while (tuplestore_gettupleslot(rows, true, false, slot))
			if (DatumGetInt64(slot_getattr(slot, desc->natts, &isnull)) < 0)
			{
				tuplestore_puttupleslot(left, slot);
				(*count)++;
			}
		tuplestore_rescan(rows);
	}
	ExecDropSingleTupleTableSlot(slot);
	return left;
}

static void
begin_view(Recursion *recursion, StRun *view, Others others, StWeightedStore *self)
{
	StRun	   *run = recursion->run;
	StProgram  *program = run->entry->program;

	*view = *run;
	view->joins = palloc0(sizeof(StWeightedStore) * Max(program->njoins, 1));
	view->states = palloc0(sizeof(StWeightedStore) * Max(program->nnodes, 1));
	view->sources = palloc0(sizeof(StSourceDelta) * Max(run->nsources, 1));
	for (int i = 0; i < run->nsources; i++)
	{
		view->sources[i] = run->sources[i];
		if (others == NO_CHANGES)
		{
			view->sources[i].rows = tuplestore_begin_heap(false, false, work_mem);
			view->sources[i].count = 0;
		}
		else if (others == ROWS_THAT_LEFT)
			view->sources[i].rows = rows_that_left(run->sources[i].rows, run->sources[i].desc, &view->sources[i].count);
	}
	for (int i = 0; i < recursion->ordinal; i++)
	{
		view->states[i] = run->states[i];
		if (others == NO_CHANGES)
		{
			view->states[i].rows = tuplestore_begin_heap(false, false, work_mem);
			view->states[i].count = 0;
		}
		else if (others == ROWS_THAT_LEFT)
			view->states[i].rows = rows_that_left(run->states[i].rows, run->states[i].desc, &view->states[i].count);
	}
	if (self)
		view->states[recursion->ordinal] = *self;
	else
		st_begin_store(&view->states[recursion->ordinal], recursion->weighted);
}

static void
end_view(Recursion *recursion, StRun *view, Others others, StWeightedStore *self)
{
	for (int i = 0; i < recursion->run->entry->program->njoins; i++)
		if (view->joins[i].rows)
			tuplestore_end(view->joins[i].rows);
	for (int i = 0; i < view->nsources && others != ALL_CHANGES; i++)
		tuplestore_end(view->sources[i].rows);
	for (int i = 0; i < recursion->ordinal && others != ALL_CHANGES; i++)
		tuplestore_end(view->states[i].rows);
	if (self == NULL)
		tuplestore_end(view->states[recursion->ordinal].rows);
	if (view->failure && recursion->run->failure == NULL)
		recursion->run->failure = view->failure;
}

/* ----- rows ----- */

typedef struct Receiver
{
	StZset	   *rows;
	TupleTableSlot *slot;
	int			natts;
	int			sign;			/* only rows with such a weight; 0: all of
								 * them */
} Receiver;

static void
receive(TupleTableSlot *slot, void *arg)
{
	Receiver   *receiver = arg;
	int64		weight;

	slot_getallattrs(slot);
	weight = DatumGetInt64(slot->tts_values[receiver->natts]);
	if (weight == 0 || (receiver->sign < 0 && weight > 0))
		return;
	ExecClearTuple(receiver->slot);
	memcpy(receiver->slot->tts_values, slot->tts_values, sizeof(Datum) * receiver->natts);
	memcpy(receiver->slot->tts_isnull, slot->tts_isnull, sizeof(bool) * receiver->natts);
	ExecStoreVirtualTuple(receiver->slot);
	st_zset_add(receiver->rows, receiver->slot, weight);
}

/* Add what a block gives for the changes in a view. */
static void
add_changes(Recursion *recursion, StRun *view, StBlockProgram *block, int sign, StZset *rows)
{
	Receiver	receiver = {.rows = rows, .natts = recursion->node->desc->natts, .sign = sign};
	bool		empty;
	StInput    *inputs = st_run_bind_inputs(view, block->leaves, &empty);

	if (empty || view->failure)
		return;
	receiver.slot = MakeSingleTupleTableSlot(recursion->node->desc, &TTSOpsVirtual);
	(void) st_statement_run(block->delta, list_length(block->leaves), inputs, view->snapshot, receive, &receiver);
	ExecDropSingleTupleTableSlot(receiver.slot);
}

/* The step over changes of the state itself, or of what else it reads. */
static void
add_step(Recursion *recursion, Others others, StWeightedStore *self, int sign, StZset *rows)
{
	StRun		view;

	begin_view(recursion, &view, others, self);
	add_changes(recursion, &view, &recursion->node->recursion->step, sign, rows);
	end_view(recursion, &view, others, self);
}

static StZset *
begin_rows(Recursion *recursion)
{
	return st_zset_begin(recursion->node->desc, 0, NULL);
}

static void
add_to_total(TupleTableSlot *slot, int weight, void *arg)
{
	st_zset_add(((Recursion *) arg)->total, slot, weight);
}

/* Write to the state; the Z-set ends. */
static void
apply(Recursion *recursion, StZset *rows)
{
	StApplyResult applied = st_apply(recursion->run->entry->state_appliers[recursion->ordinal], rows, false,
									 recursion->run->snapshot, add_to_total, recursion);

	recursion->inconsistent |= applied.inconsistent;
	recursion->applied.inserted += applied.inserted;
	recursion->applied.updated += applied.updated;
	recursion->applied.deleted += applied.deleted;
	st_zset_end(rows);
}

/* Rows of a Z-set with a weight of this sign, each once, as input of a lookup; the Z-set ends. */
static StInput
take_rows(Recursion *recursion, StZset *rows, int sign)
{
	StInput		input = {.name = ST_GROUPS_INPUT, .desc = recursion->node->desc};
	StZsetStep	step;

	input.rows = tuplestore_begin_heap(false, false, work_mem);
	st_zset_rewind(rows);
	while (st_zset_next(rows, &step))
		if ((step.old_row && sign <= 0) || (step.new_row && sign >= 0))
		{
			tuplestore_puttupleslot(input.rows, step.old_row ? step.old_row : step.new_row);
			input.count++;
		}
	st_zset_end(rows);
	return input;
}

typedef struct Lookup
{
	StZset	   *rows;
	StWeightedStore *store;
	Tuplestorestate *all;		/* or NULL */
	int			weight;
} Lookup;

static void
receive_found(TupleTableSlot *slot, void *arg)
{
	Lookup	   *lookup = arg;

	slot_getallattrs(slot);
	st_zset_add(lookup->rows, slot, lookup->weight);
	st_store_row(slot, lookup->weight, lookup->store);
	if (lookup->all)
		tuplestore_puttupleslot(lookup->all, slot);
}

/*
 * Those of the rows that a lookup returns are written to the state with this
 * weight; they are left in "store". Their number.
 */
static int64
write_found(Recursion *recursion, StStatement *statement, StInput *input, int weight, StWeightedStore *store,
			Tuplestorestate *all)
{
	Lookup		lookup = {begin_rows(recursion), store, all, weight};

	st_begin_store(store, recursion->weighted);
	if (input->count > 0)
		(void) st_statement_run(statement, 1, input, recursion->run->snapshot, receive_found, &lookup);
	tuplestore_end(input->rows);
	if (store->count > 0)
		apply(recursion, lookup.rows);
	else
		st_zset_end(lookup.rows);
	return store->count;
}

/* ----- the ways ----- */

static void
compute_again(Recursion *recursion, const char *why)
{
	StRun	   *run = recursion->run;
	StZset	   *rows = begin_rows(recursion);
	Lookup		lookup = {.rows = rows, .weight = 1};
	StWeightedStore store;

	st_note_step(run->outcome, "state %d is computed again: %s", recursion->ordinal, why);
	st_begin_store(&store, recursion->weighted);
	lookup.store = &store;
	(void) st_statement_run(recursion->node->block.fill, 0, NULL, run->snapshot, receive_found, &lookup);
	tuplestore_end(store.rows);
	st_applier_subtract_contents(run->entry->state_appliers[recursion->ordinal], rows, run->snapshot);
	apply(recursion, rows);
}

/* UNION ALL: signed rows go round until there are none. */
static void
follow_counting(Recursion *recursion)
{
	StZset	   *rows = begin_rows(recursion);
	StZset	   *all = begin_rows(recursion);
	StWeightedStore store;

	add_changes(recursion, recursion->run, &recursion->node->block, 0, rows);
	add_step(recursion, ALL_CHANGES, NULL, 0, rows);
	for (int round = 0; recursion->run->failure == NULL; round++)
	{
		TupleTableSlot *slot = MakeSingleTupleTableSlot(recursion->weighted, &TTSOpsMinimalTuple);
		TupleTableSlot *row = MakeSingleTupleTableSlot(recursion->node->desc, &TTSOpsVirtual);
		int			natts = recursion->node->desc->natts;

		CHECK_FOR_INTERRUPTS();
		begin_round(recursion);
		st_begin_store(&store, recursion->weighted);
		st_store_zset(rows, &store);
		st_zset_end(rows);
		rows = NULL;
		while (tuplestore_gettupleslot(store.rows, true, false, slot))
		{
			slot_getallattrs(slot);
			ExecClearTuple(row);
			memcpy(row->tts_values, slot->tts_values, sizeof(Datum) * natts);
			memcpy(row->tts_isnull, slot->tts_isnull, sizeof(bool) * natts);
			ExecStoreVirtualTuple(row);
			st_zset_add(all, row, DatumGetInt64(slot->tts_values[natts]));
		}
		ExecDropSingleTupleTableSlot(slot);
		ExecDropSingleTupleTableSlot(row);
		if (store.count == 0 || ST_FAULT("E12"))
		{
			tuplestore_end(store.rows);
			apply(recursion, all);
			return;
		}
		if (round >= MAX_ROUNDS)
		{
			tuplestore_end(store.rows);
			st_zset_end(all);
			compute_again(recursion, "its change has no end");
			return;
		}
		tuplestore_rescan(store.rows);
		rows = begin_rows(recursion);
		add_step(recursion, NO_CHANGES, &store, 0, rows);
		tuplestore_end(store.rows);
	}
	if (rows)
		st_zset_end(rows);
	st_zset_end(all);
}

/* Has anything left that the recursion reads? */
static bool
something_left(Recursion *recursion)
{
	bool		left = false;
	int64		count;

	for (int i = 0; i < recursion->run->nsources && !left; i++)
	{
		tuplestore_end(rows_that_left(recursion->run->sources[i].rows, recursion->run->sources[i].desc, &count));
		left = count > 0;
	}
	for (int i = 0; i < recursion->ordinal && !left; i++)
	{
		tuplestore_end(rows_that_left(recursion->run->states[i].rows, recursion->run->states[i].desc, &count));
		left = count > 0;
	}
	return left;
}

/*
 * Rows that its first term has lost: it may lose some where something has come,
 * to a NOT EXISTS or an outer join.
 */
static StInput
first_term_lost(Recursion *recursion)
{
	StZset	   *rows = begin_rows(recursion);

	add_changes(recursion, recursion->run, &recursion->node->block, 0, rows);
	return take_rows(recursion, rows, -1);
}

static double
rows_of_state(Recursion *recursion)
{
	Relation	rel = table_open(recursion->node->state, AccessShareLock);
	BlockNumber pages;
	double		tuples;
	double		visible;

	table_relation_estimate_size(rel, NULL, &pages, &tuples, &visible);
	table_close(rel, NoLock);
	return tuples;
}

/*
 * Delete all rows that have lost something that they came from, beginning with
 * those of the first term, and put those back that still come about otherwise.
 * False: there are too many.
 */
static bool
delete_and_derive(Recursion *recursion, Tuplestorestate *lost)
{
	StZset	   *rows = begin_rows(recursion);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(recursion->node->desc, &TTSOpsMinimalTuple);
	double		most = Max(FEW_ROWS, LARGEST_SHARE * rows_of_state(recursion));
	int64		deleted = 0;
	int64		back;
	StWeightedStore store;
	StWeightedStore unused;
	StInput		input;
	StInput		derive = {.name = ST_GROUPS_INPUT, .desc = recursion->node->desc};

	/*
	 * in the first term a row may come for one that leaves: it stands on
	 * nothing
	 */
	while (tuplestore_gettupleslot(lost, true, false, slot))
		st_zset_add(rows, slot, -1);
	ExecDropSingleTupleTableSlot(slot);
	if (!ST_FAULT("E12 step"))
		add_step(recursion, ROWS_THAT_LEFT, NULL, -1, rows);
	derive.rows = tuplestore_begin_heap(false, false, work_mem);
	input = take_rows(recursion, rows, -1);
	while (write_found(recursion, recursion->node->recursion->present, &input, -1, &store, derive.rows) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		begin_round(recursion);
		deleted += store.count;
		if (deleted > most || recursion->run->failure || recursion->inconsistent)
			break;
		rows = begin_rows(recursion);
		add_step(recursion, NO_CHANGES, &store, 0, rows);
		tuplestore_end(store.rows);
		input = take_rows(recursion, rows, 0);
	}
	tuplestore_end(store.rows);
	if (recursion->run->failure || recursion->inconsistent || deleted > most)
	{
		tuplestore_end(derive.rows);
		return false;
	}
	derive.count = deleted;
	back = ST_FAULT("E12 derive") ? 0 : write_found(recursion, recursion->node->recursion->derived, &derive, 1, &store, NULL);
	st_note_step(recursion->run->outcome, "state %d: " INT64_FORMAT " rows in doubt, " INT64_FORMAT " put back at once",
				 recursion->ordinal, deleted, back);
	/* and what comes from those that are back */
	while (back > 0 && recursion->run->failure == NULL)
	{
		CHECK_FOR_INTERRUPTS();
		begin_round(recursion);
		rows = begin_rows(recursion);
		add_step(recursion, NO_CHANGES, &store, 0, rows);
		tuplestore_end(store.rows);
		input = take_rows(recursion, rows, 0);
		back = write_found(recursion, recursion->node->recursion->absent, &input, 1, &unused, NULL);
		store = unused;
	}
	return true;
}

/* UNION: rows are there or not. */
static void
follow_distinct(Recursion *recursion)
{
	StZset	   *rows;
	StInput		input;
	StInput		lost;
	StWeightedStore store;
	StWeightedStore next;
	bool		followed = true;

	if (!recursion->node->node->monotone)
	{
		compute_again(recursion, "its step is not monotone");
		return;
	}
	lost = first_term_lost(recursion);
	if (lost.count > 0 || something_left(recursion))
		followed = delete_and_derive(recursion, lost.rows);
	tuplestore_end(lost.rows);
	if (!followed)
	{
		if (recursion->run->failure == NULL && !recursion->inconsistent)
			compute_again(recursion, "most of its rows are in doubt");
		return;
	}
	rows = begin_rows(recursion);
	add_changes(recursion, recursion->run, &recursion->node->block, 0, rows);
	add_step(recursion, ALL_CHANGES, NULL, 0, rows);
	input = take_rows(recursion, rows, 1);
	if (recursion->run->failure)
		return;
	while (write_found(recursion, recursion->node->recursion->absent, &input, 1, &next, NULL) > 0 &&
		   recursion->run->failure == NULL)
	{
		CHECK_FOR_INTERRUPTS();
		begin_round(recursion);
		store = next;
		rows = begin_rows(recursion);
		if (!ST_FAULT("E12"))
			add_step(recursion, NO_CHANGES, &store, 0, rows);
		tuplestore_end(store.rows);
		input = take_rows(recursion, rows, 1);
	}
	tuplestore_end(next.rows);
}

bool
st_run_recursion(StRun *run, int ordinal, StWeightedStore *result)
{
	Recursion	recursion = {
		.run = run, .ordinal = ordinal, .node = &run->entry->program->nodes[ordinal],
		.weighted = result->desc
	};
	bool		empty;
	bool		step_empty;
	MemoryContext context = CurrentMemoryContext;
	instr_time	start;

	INSTR_TIME_SET_CURRENT(start);
	recursion.total = begin_rows(&recursion);
	for (int i = 0; i < lengthof(recursion.rounds); i++)
		recursion.rounds[i] = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle recursion", ALLOCSET_DEFAULT_SIZES);
	(void) st_run_bind_inputs(run, recursion.node->block.leaves, &empty);
	{
		StRun		view;

		begin_view(&recursion, &view, ALL_CHANGES, NULL);
		(void) st_run_bind_inputs(&view, recursion.node->recursion->step.leaves, &step_empty);
		end_view(&recursion, &view, ALL_CHANGES, NULL);
	}
	if ((!empty || !step_empty) && run->failure == NULL)
	{
		if (recursion.node->node->all)
			follow_counting(&recursion);
		else
			follow_distinct(&recursion);
		MemoryContextSwitchTo(context);
	}
	st_store_zset(recursion.total, result);
	st_zset_end(recursion.total);
	run->outcome->delta_ms += st_elapsed_ms(start);
	st_note_step(run->outcome, "state %d recursion: " INT64_FORMAT " inserted, " INT64_FORMAT " updated, " INT64_FORMAT " deleted, %.3f ms",
				 ordinal, recursion.applied.inserted, recursion.applied.updated, recursion.applied.deleted, st_elapsed_ms(start));
	return !recursion.inconsistent && run->failure == NULL;
}
