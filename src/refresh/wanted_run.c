/*-------------------------------------------------------------------------
 *
 * wanted_run.c
 *	  Which rows of a large log other relations leave.
 *
 * NOTES
 *	  The values that another relation leaves of a column (delta/wanted_keys.c)
 *	  are asked for before the log is read, and a row whose value is not among
 *	  them is dropped as it is read. That pays if the planner thinks that there are
 *	  few, found for less than it takes to net, keep and join the rows that are
 *	  dropped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "refresh/source_read.h"
#include "refresh/wanted_run.h"

/* rows that may be expected on a page of a log, if nothing is known */
#define USUAL_ROWS_PER_PAGE 64
/* in units of the planner: a row of a log that is dropped, a value that is asked for */
#define ROW_COST 0.07
#define KEY_COST 0.03
/* more values do not fit into an array, or serve nobody */
#define MAX_KEYS 100000
/* what drops less than half of the log is not asked for */
#define MAX_SHARE 0.5

/* Values that a statement returns. */
typedef struct Values
{
	MemoryContext context;
	Datum	   *values;
	int			count;
	int			room;
	bool		too_many;
	int16		length;
	bool		byval;
	char		align;
} Values;

static void
add_value(TupleTableSlot *slot, void *arg)
{
	Values	   *values = arg;
	bool		isnull;
	Datum		value = slot_getattr(slot, 1, &isnull);
	MemoryContext old;

	values->too_many |= values->count >= MAX_KEYS;
	if (isnull || values->too_many)
		return;
	old = MemoryContextSwitchTo(values->context);
	if (values->count == values->room)
	{
		values->room *= 2;
		values->values = repalloc(values->values, sizeof(Datum) * values->room);
	}
	values->values[values->count++] = datumCopy(value, values->byval, values->length);
	MemoryContextSwitchTo(old);
}

static StInput
input_of(StMember *member, int n)
{
	StLeaf	   *leaf = list_nth(member->entry->program->source_leaves, n);

	return (StInput)
	{
		.name = leaf->input, .desc = leaf->desc, .origins = leaf->origins,
			.rows = member->sources[n].rows, .count = member->sources[n].count
	};
}

static int
number_of(const StMember *member, Oid relid)
{
	for (int i = 0; i < member->nsources; i++)
		if (member->sources[i].relid == relid)
			return i;
	elog(ERROR, "relation %u is not among the sources", relid);
}

/* What it saves to ask for these values, less what it takes. */
static double
gain_of(StMember *member, const StWantedKeys *keys, double rows)
{
	StInput		input = input_of(member, number_of(member, keys->relid));
	double		cost;
	double		expected;
	double		share;

	st_statement_estimate(keys->keys, 1, &input, &cost, &expected);
	share = expected / Max(st_estimated_rows(keys->relid), 1);
	if (share > MAX_SHARE || expected > MAX_KEYS)
		return 0;
	return rows * (1 - share) * ROW_COST - cost - expected * KEY_COST;
}

/* column = ANY (values), NULL if there are too many. */
static Node *
make_condition(StMember *member, const StWantedKeys *keys, Snapshot snapshot)
{
	StInput		input = input_of(member, number_of(member, keys->relid));
	Values		values = {.context = CurrentMemoryContext, .room = 64};
	ScalarArrayOpExpr *condition;
	Oid			array = get_array_type(keys->type);

	get_typlenbyvalalign(keys->type, &values.length, &values.byval, &values.align);
	values.values = palloc(sizeof(Datum) * values.room);
	(void) st_statement_run(keys->keys, 1, &input, snapshot, add_value, &values);
	if (values.too_many)
		return NULL;
	condition = makeNode(ScalarArrayOpExpr);
	condition->opno = keys->operator;
	condition->opfuncid = get_opcode(keys->operator);
	condition->useOr = true;
	condition->inputcollid = keys->collation;
	condition->args = list_make2(copyObject(keys->column),
								 makeConst(array, -1, get_typcollation(keys->type), -1,
										   PointerGetDatum(construct_array(values.values, values.count, keys->type,
																		   values.length, values.byval, values.align)),
										   false, false));
	condition->location = -1;
	convert_saop_to_hashed_saop((Node *) condition);
	return (Node *) condition;
}

List *
st_wanted_keys(StMember *member, int n, const Bitmapset *read, int64 pages, Snapshot snapshot, StRefreshOutcome *outcome)
{
	StProgram  *program = member->entry->program;
	StSource   *source = list_nth(program->sources, n);
	StWantedKeys *best = NULL;
	double		most = 0;
	Node	   *condition = NULL;
	double		rows;
	StSourceKeys *known;
	StOwnerScope scope;
	ListCell   *lc;

	if (pages < ST_WANTED_PAGES || source->join == NULL)
		return NIL;
	st_owner_enter(&scope, member->entry->owner, member->entry->table->settings);
	known = st_source_keys(program, n);
	rows = pages * (known->rows_per_page > 0 ? known->rows_per_page : source->wanted ? 0 : USUAL_ROWS_PER_PAGE);
	foreach(lc, rows > 0 ? known->wanted : NIL)
	{
		StWantedKeys *keys = lfirst(lc);
		double		gain;

		if (!bms_is_member(number_of(member, keys->relid), read))
			continue;
		gain = gain_of(member, keys, rows);
		if (gain > most)
		{
			best = keys;
			most = gain;
		}
	}
	if (best)
	{
		st_statement_check_permissions(member->entry->original);
		condition = make_condition(member, best, snapshot);
	}
	st_owner_leave(&scope);
	if (condition)
		st_note_step(outcome, "of \"%s\" only what \"%s\" leaves", get_rel_name(source->relid), get_rel_name(best->relid));
	return condition ? list_make1(condition) : NIL;
}

void
st_wanted_note_read(StProgram *program, int n, int64 rows, int64 pages)
{
	if (pages >= ST_WANTED_PAGES)
		program->source_keys[n].rows_per_page = (double) rows / pages;
}
