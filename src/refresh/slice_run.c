/*-------------------------------------------------------------------------
 *
 * slice_run.c
 *	  The delta of a query that falls into slices (rule E5).
 *
 * NOTES
 *	  Up: from the deltas to the touched keys of each class, and over the
 *	  origins of linked classes to those of the slices. Down: the slices' rows,
 *	  present and before, and from the rows of each origin to the keys of the
 *	  class that is linked to it. Then the query runs twice. Where no relation
 *	  of a linked class has changed, these are read where they are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>

#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"

#include "refresh/slice_run.h"
#include "util/fault.h"

/*
 * Planner units below which slices are not compared with the whole query, and
 * how much dearer they may look: rows by index are taken for dearer than they
 * are where they are in memory, a whole query with subqueries for cheaper.
 */
#define COST_SLACK 1000.0
#define COST_FACTOR 8.0

/* slices from which it is looked which of them can have rows in the result */
#define CORE_KEYS 100
/* it is looked seldom, once in so many runs, after more than this share of them could */
#define CORE_SHARE 0.5
#define CORE_EVERY 16
/* how much more fetching the rows must have cost */
#define CORE_FACTOR 4.0

/* how many times what they are searches in order are taken for */
#define LOOKUP_FACTOR 4.0

typedef struct SliceRun
{
	StJoinProgram *join;
	StSliceProgram *slice;
	StInput    *inputs;			/* of the join's leaves */
	Snapshot	snapshot;
	StInput    *keys;			/* of each class */
	StInput    *present;		/* of each fetch */
	StInput    *before;
	bool		reduced;		/* the slice's own keys are no longer all that
								 * were touched */
	double		cost;			/* of the fetches so far */
	const char *failure;
} SliceRun;

static void
add_row(TupleTableSlot *slot, void *arg)
{
	st_zset_add((StZset *) arg, slot, 1);
}

static void
subtract_row(TupleTableSlot *slot, void *arg)
{
	st_zset_add((StZset *) arg, slot, -1);
}

/* ----- keys ----- */

static void
begin_keys(SliceRun *run, int number)
{
	StInput    *keys = &run->keys[number];

	keys->name = ST_KEYS_INPUT;
	keys->desc = run->slice->classes[number].desc;
	keys->rows = tuplestore_begin_heap(false, false, work_mem);
	keys->count = 0;
}

/* Each key once. */
static void
make_distinct(SliceRun *run, int number)
{
	StInput		all = run->keys[number];

	begin_keys(run, number);
	run->keys[number].count = st_statement_fill(run->slice->classes[number].distinct, 1, &all, run->snapshot,
												run->keys[number].rows);
	tuplestore_end(all.rows);
}

static StStatement *
touched_statement(SliceRun *run, const StSliceKeys *class)
{
	int			leaf = -1;

	if (class->relevant == NULL)
		return class->touched;
	while ((leaf = bms_next_member(class->linked, leaf)) >= 0)
		if (run->inputs[leaf].count > 0)
			return class->touched;
	return class->relevant;
}

/* The keys that the deltas touch, of every class. True: some of a linked one. */
static bool
find_touched_keys(SliceRun *run)
{
	StSliceProgram *slice = run->slice;
	bool		linked = false;

	for (int i = 0; i < slice->nclasses; i++)
	{
		StStatement *touched = touched_statement(run, &slice->classes[i]);

		begin_keys(run, i);
		if (touched)
			run->keys[i].count = st_statement_fill(touched, list_length(slice->key_leaves), run->inputs,
												   run->snapshot, run->keys[i].rows);
	}
	/* a class comes behind that of its origin */
	for (int i = slice->nclasses - 1; i > 0; i--)
	{
		int			above = slice->fetches[slice->classes[i].origin].number;

		if (run->keys[i].count == 0)
			continue;
		linked = true;
		if (ST_FAULT("E5 climb"))
			continue;
		run->cost += st_statement_cost(slice->classes[i].climb, 1, &run->keys[i]);
		run->keys[above].count += st_statement_fill(slice->classes[i].climb, 1, &run->keys[i], run->snapshot,
													run->keys[above].rows);
		make_distinct(run, above);
	}
	return linked;
}

/* The keys of a linked class that the slices' rows of its origin show. */
static void
find_linked_keys(SliceRun *run, int number)
{
	StSliceKeys *class = &run->slice->classes[number];
	StInput		rows[2] = {run->present[class->origin], run->before[class->origin]};

	rows[0].name = ST_PRESENT_INPUT;
	rows[1].name = ST_BEFORE_INPUT;
	tuplestore_end(run->keys[number].rows);
	begin_keys(run, number);
	run->keys[number].count = st_statement_fill(class->descend, lengthof(rows), rows, run->snapshot, run->keys[number].rows);
}

/* ----- rows ----- */

/* What the keys had before: the present rows without what has changed among them. */
static void
find_rows_before(SliceRun *run, const StSliceFetch *fetch, const StInput *present, const StInput *delta, StInput *before)
{
	StZset	   *rows = st_zset_begin(fetch->desc, 0, NULL);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(fetch->desc, &TTSOpsMinimalTuple);
	TupleTableSlot *changed = MakeSingleTupleTableSlot(delta->desc, &TTSOpsMinimalTuple);
	TupleTableSlot *change = MakeSingleTupleTableSlot(fetch->desc, &TTSOpsVirtual);
	int			natts = fetch->desc->natts;
	StZsetStep	step;

	before->rows = tuplestore_begin_heap(false, false, work_mem);
	before->count = 0;
	tuplestore_rescan(present->rows);
	while (tuplestore_gettupleslot(present->rows, true, false, slot))
		st_zset_add(rows, slot, 1);
	tuplestore_rescan(delta->rows);
	while (tuplestore_gettupleslot(delta->rows, true, false, changed))
	{
		slot_getallattrs(changed);
		ExecClearTuple(change);
		memcpy(change->tts_values, changed->tts_values, sizeof(Datum) * natts);
		memcpy(change->tts_isnull, changed->tts_isnull, sizeof(bool) * natts);
		ExecStoreVirtualTuple(change);
		st_zset_add(rows, change, -DatumGetInt64(changed->tts_values[natts]));
	}
	st_zset_rewind(rows);
	while (st_zset_next(rows, &step))
	{
		if (step.old_row)
		{
			run->failure = "inconsistent";
			break;
		}
		for (int64 i = 0; i < step.weight; i++)
			tuplestore_puttupleslot(before->rows, step.new_row);
		before->count += step.weight;
	}
	ExecDropSingleTupleTableSlot(slot);
	ExecDropSingleTupleTableSlot(changed);
	ExecDropSingleTupleTableSlot(change);
	st_zset_end(rows);
}

/* The delta may hold keys that no slice at hand needs, and rows that none is about. */
static void
find_delta(SliceRun *run, const StSliceFetch *fetch, StInput *delta)
{
	StInput		inputs[2] = {run->inputs[fetch->leaf], run->keys[fetch->number]};

	*delta = inputs[0];
	if ((fetch->number == 0 && !run->reduced && !fetch->filtered) || delta->count == 0 || ST_FAULT("E5 changed"))
		return;
	delta->rows = tuplestore_begin_heap(false, false, work_mem);
	delta->count = st_statement_fill(fetch->changed, lengthof(inputs), inputs, run->snapshot, delta->rows);
}

/* The rows of the keys as they are; "before" is as "present" until find_before(). */
static void
fetch_present(SliceRun *run, int i)
{
	StSliceFetch *fetch = &run->slice->fetches[i];
	StInput    *present = &run->present[i];
	StInput    *before = &run->before[i];
	StInput    *keys = &run->keys[fetch->number];
	StStatement *statement = fetch->fetch;
	double		cost;

	cost = st_statement_cost(statement, 1, keys);
	if (fetch->lookup)
	{
		double		in_turn = st_statement_cost(fetch->lookup, 1, keys) / LOOKUP_FACTOR;

		if (in_turn < cost)
		{
			statement = fetch->lookup;
			cost = in_turn;
		}
	}
	run->cost += cost;
	if (run->cost > COST_FACTOR * st_statement_cost(run->slice->whole, 0, NULL) + COST_SLACK)
	{
		run->failure = "fetching the touched slices costs more than the query";
		return;
	}
	present->rows = tuplestore_begin_heap(false, false, work_mem);
	present->count = st_statement_fill(statement, 1, keys, run->snapshot, present->rows);
	*before = *present;
}

static void
find_before(SliceRun *run, int i)
{
	StSliceFetch *fetch = &run->slice->fetches[i];
	StInput		delta;

	if (ST_FAULT("E5"))
		return;
	find_delta(run, fetch, &delta);
	if (delta.count > 0)
		find_rows_before(run, fetch, &run->present[i], &delta, &run->before[i]);
	if (delta.rows != run->inputs[fetch->leaf].rows)
		tuplestore_end(delta.rows);
}

static void
fetch_rows(SliceRun *run, int i)
{
	StSliceFetch *fetch = &run->slice->fetches[i];

	if (fetch->same_as < i)
	{
		run->present[i] = run->present[fetch->same_as];
		run->before[i] = run->before[fetch->same_as];
		run->present[i].name = run->before[i].name = fetch->input;
		return;
	}
	fetch_present(run, i);
	if (run->failure == NULL)
		find_before(run, i);
}

/* Only keys of which these rows are there, or were, can have a result. */
static void
reduce_keys(SliceRun *run, int i)
{
	StInput		rows[2] = {run->present[i], run->before[i]};

	rows[0].name = ST_PRESENT_INPUT;
	rows[1].name = ST_BEFORE_INPUT;
	tuplestore_end(run->keys[0].rows);
	begin_keys(run, 0);
	run->keys[0].count = st_statement_fill(run->slice->fetches[i].reduce, lengthof(rows), rows, run->snapshot,
										   run->keys[0].rows);
	run->reduced = true;
}

/* ----- slices that have no row in the result ----- */

/*
 * Does it pay to look for them? Not for few, nor where it looks dear beside
 * fetching the rows, nor where most were left when it was done last.
 */
static bool
core_pays(SliceRun *run, const StInput *inputs)
{
	StSliceProgram *slice = run->slice;

	if (slice->core && ST_FAULT("E5 core at once"))
		return true;
	if (slice->core == NULL || run->keys[0].count < CORE_KEYS)
		return false;
	if (slice->core_left > CORE_SHARE && ++slice->core_spared < CORE_EVERY)
		return false;
	return CORE_FACTOR * st_statement_cost(slice->core, list_length(slice->key_leaves) + slice->nfetches, inputs) < run->cost;
}

static void
keep_rows(SliceRun *run, const StSliceFetch *fetch, StInput *rows)
{
	StInput		inputs[2] = {*rows, run->keys[0]};

	inputs[0].name = ST_PRESENT_INPUT;
	rows->rows = tuplestore_begin_heap(false, false, work_mem);
	rows->count = st_statement_fill(fetch->keep, lengthof(inputs), inputs, run->snapshot, rows->rows);
	tuplestore_end(inputs[0].rows);
}

/* Drop keys and rows of which the result has none, and had none. */
static void
reduce_to_core(SliceRun *run)
{
	StSliceProgram *slice = run->slice;
	int			nleaves = list_length(slice->key_leaves);
	int			ninputs = nleaves + slice->nfetches;
	StInput    *inputs = palloc(sizeof(StInput) * ninputs);
	int64		touched = run->keys[0].count;

	memcpy(inputs, run->inputs, sizeof(StInput) * nleaves);
	memcpy(inputs + nleaves, run->present, sizeof(StInput) * slice->nfetches);
	if (!core_pays(run, inputs))
		return;
	tuplestore_end(run->keys[0].rows);
	begin_keys(run, 0);
	run->keys[0].count = st_statement_fill(slice->core, ninputs, inputs, run->snapshot, run->keys[0].rows);
	run->reduced = true;
	slice->core_left = Max((double) run->keys[0].count / touched, DBL_MIN);
	slice->core_spared = 0;
	for (int i = 0; i < slice->nfetches; i++)
	{
		StSliceFetch *fetch = &slice->fetches[i];
		StInput    *present = &run->present[i];
		StInput    *before = &run->before[i];
		bool		same = before->rows == present->rows;

		if (fetch->keep == NULL)
			continue;
		keep_rows(run, fetch, present);
		if (same)
			*before = *present;
		else
			keep_rows(run, fetch, before);
	}
}

/*
 * Fetch the rows of the slices' own class, those first that may spare others;
 * what they were before when it is known of which slices that is of interest.
 */
static void
fetch_own(SliceRun *run)
{
	StSliceProgram *slice = run->slice;

	for (int i = 0; i < slice->nfetches; i++)
	{
		StSliceFetch *fetch = &slice->fetches[i];

		run->present[i].name = run->before[i].name = fetch->input;
		run->present[i].desc = run->before[i].desc = fetch->desc;
		if (fetch->reduce && run->failure == NULL)
		{
			fetch_rows(run, i);
			if (run->failure == NULL)
				reduce_keys(run, i);
		}
	}
	for (int i = 0; i < slice->nfetches && run->failure == NULL; i++)
		if (slice->fetches[i].number == 0 && slice->fetches[i].reduce == NULL && slice->fetches[i].same_as == i)
			fetch_present(run, i);
	if (run->failure)
		return;
	reduce_to_core(run);
	for (int i = 0; i < slice->nfetches && run->failure == NULL; i++)
	{
		StSliceFetch *fetch = &slice->fetches[i];

		if (fetch->number > 0)
			continue;
		if (fetch->same_as < i)
			fetch_rows(run, i);
		else if (fetch->reduce == NULL)
			find_before(run, i);
	}
}

/* Fetch the rows of the slices, of all classes or of their own only. */
static void
fetch_slices(SliceRun *run, bool linked)
{
	int			class = 0;

	fetch_own(run);
	for (int i = 0; i < run->slice->nfetches && run->failure == NULL; i++)
	{
		StSliceFetch *fetch = &run->slice->fetches[i];

		if (fetch->number == 0 || !linked)
			continue;
		/* origins come first, so that all keys up to this class can be found */
		while (class < fetch->number)
			find_linked_keys(run, ++class);
		fetch_rows(run, i);
	}
}

/* ----- */

static const char *
changed_elsewhere(SliceRun *run)
{
	ListCell   *lc;
	int			i = 0;

	foreach(lc, run->join->leaves)
	{
		Oid			relid = ((StLeaf *) lfirst(lc))->source;

		if (run->inputs[i++].count > 0 && list_member_oid(run->join->join->whole, relid))
			return psprintf("a change of \"%s\" reaches more than the slices of the query", get_rel_name(relid));
	}
	return NULL;
}

static void
end_rows(SliceRun *run)
{
	for (int i = 0; i < run->slice->nfetches; i++)
		if (run->slice->fetches[i].same_as == i)
		{
			if (run->before[i].rows && run->before[i].rows != run->present[i].rows)
				tuplestore_end(run->before[i].rows);
			if (run->present[i].rows)
				tuplestore_end(run->present[i].rows);
		}
	for (int i = 0; i < run->slice->nclasses; i++)
		tuplestore_end(run->keys[i].rows);
}

const char *
st_run_slice(StJoinProgram *join, StInput *inputs, Snapshot snapshot, StZset **delta)
{
	StSliceProgram *slice = join->slice;
	int			n = slice->nfetches;
	SliceRun	run = {.join = join, .slice = slice, .inputs = inputs, .snapshot = snapshot};
	StStatement *query;
	bool		linked;

	run.failure = changed_elsewhere(&run);
	if (run.failure)
		return run.failure;
	run.keys = palloc0(sizeof(StInput) * slice->nclasses);
	run.present = palloc0(sizeof(StInput) * n);
	run.before = palloc0(sizeof(StInput) * n);
	linked = find_touched_keys(&run);
	query = linked ? slice->query : slice->own;
	fetch_slices(&run, linked);

	/*
	 * the inputs have no indexes: a subquery for each row of many can cost
	 * more than it saves
	 */
	if (run.failure == NULL &&
		st_statement_cost(query, n, run.present) > st_statement_cost(slice->whole, 0, NULL) + COST_SLACK)
		run.failure = "evaluating the touched slices costs more than the query";
	if (run.failure == NULL)
	{
		*delta = st_zset_begin(join->row_desc, 0, NULL);
		(void) st_statement_run(query, n, run.present, snapshot, add_row, *delta);
		(void) st_statement_run(query, n, run.before, snapshot, subtract_row, *delta);
	}
	end_rows(&run);
	return run.failure;
}
