/*-------------------------------------------------------------------------
 *
 * slice.c
 *	  The deltas of slices: the query over what the touched keys have and had.
 *
 * The statements: the touched keys, from the deltas of the sliced relations;
 * for each sliced reference, its rows with one of these keys, found by index
 * if there is one; and the query itself over such rows, which the caller runs
 * over the present ones and over those without their delta (rule E5).
 *
 * A change of a relation of a linked class touches the slices of those rows of
 * the class's origin that it equals. Present rows are enough to find them: a
 * row of the origin that was there before is in the origin's own delta.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "delta/block.h"
#include "delta/join.h"
#include "query/source_facts.h"
#include "util/sqlbuf.h"

static List *
add_source_leaf(StProgram *program, List *leaves, Oid relid)
{
	ListCell   *lc;

	foreach(lc, leaves)
		if (((StLeaf *) lfirst(lc))->source == relid)
			return leaves;
	return lappend(leaves, st_source_leaf(program, relid));
}

static void
print_columns(StringInfo sql, const StSource *source)
{
	int			attnum = -1;
	const char *separator = "";

	while ((attnum = bms_next_member(source->attnums, attnum)) >= 0)
	{
		st_sql_text(sql, separator);
		st_sql_column(sql, "n", get_attname(source->relid, attnum, false));
		st_sql_format(sql, " AS c%d", attnum);
		separator = ", ";
	}
}

/* Rows "n" whose column equals a key "k". */
static void
print_match(StringInfo sql, Oid relid, AttrNumber attnum, Oid type)
{
	st_sql_column(sql, "n", get_attname(relid, attnum, false));
	st_sql_text(sql, " ");
	st_sql_operator(sql, lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr);
	st_sql_text(sql, " k.k");
}

static StInput
keys_input(TupleDesc desc)
{
	StInput		input = {.name = ST_KEYS_INPUT, .desc = desc};

	return input;
}

static StStatement *
make_fetch(StProgram *program, const StSliceFetch *fetch, TupleDesc key_desc)
{
	const StSource *source = st_program_source(program, fetch->relid);
	StInput		keys = keys_input(key_desc);
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_text(&sql, "SELECT ");
	print_columns(&sql, source);
	st_sql_text(&sql, " FROM " ST_KEYS_INPUT " k JOIN ");
	st_sql_relation(&sql, fetch->relid);
	st_sql_text(&sql, " n ON ");
	print_match(&sql, fetch->relid, fetch->attnum, TupleDescAttr(key_desc, 0)->atttypid);

	/*
	 * a search of its own, which an index serves as well; a link is by
	 * equality, which finds no NULL
	 */
	if (fetch->number == 0 && !st_column_is_not_null(fetch->relid, fetch->attnum))
	{
		st_sql_text(&sql, " UNION ALL SELECT ");
		print_columns(&sql, source);
		st_sql_text(&sql, " FROM ");
		st_sql_relation(&sql, fetch->relid);
		st_sql_text(&sql, " n WHERE ");
		st_sql_column(&sql, "n", get_attname(fetch->relid, fetch->attnum, false));
		st_sql_text(&sql, " IS NULL AND EXISTS (SELECT FROM " ST_KEYS_INPUT " k WHERE k.k IS NULL)");
	}
	return st_make_statement(program->context, sql.data, NIL, &keys);
}

/* The part of a relation's delta that has one of the keys. */
static StStatement *
make_changed(StProgram *program, const StSliceFetch *fetch, TupleDesc key_desc)
{
	StLeaf	   *leaf = st_source_leaf(program, fetch->relid);
	StInput		keys = keys_input(key_desc);
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_format(&sql, "SELECT d.* FROM " ST_KEYS_INPUT " k JOIN %s d ON d.c%d ", leaf->input, fetch->attnum);
	st_sql_operator(&sql, lookup_type_cache(TupleDescAttr(key_desc, 0)->atttypid, TYPECACHE_EQ_OPR)->eq_opr);
	st_sql_text(&sql, " k.k");
	return st_make_statement(program->context, sql.data, list_make1(leaf), &keys);
}

/* From the touched keys of a linked class to those of its origin's class. */
static StStatement *
make_climb(StProgram *program, const StSliceFetch *origin, const StSliceClass *class, TupleDesc key_desc)
{
	StInput		keys = keys_input(key_desc);
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_text(&sql, "SELECT ");
	st_sql_column(&sql, "n", get_attname(origin->relid, origin->attnum, false));
	st_sql_text(&sql, " AS k FROM " ST_KEYS_INPUT " k JOIN ");
	st_sql_relation(&sql, origin->relid);
	st_sql_text(&sql, " n ON ");
	print_match(&sql, origin->relid, class->column, class->type);
	return st_make_statement(program->context, sql.data, NIL, &keys);
}

static StStatement *
make_descend(StProgram *program, const StSliceFetch *origin, const StSliceClass *class)
{
	StInput		inputs[2] = {{.name = ST_PRESENT_INPUT, .desc = origin->desc}, {.name = ST_BEFORE_INPUT, .desc = origin->desc}};
	char	   *sql = psprintf("SELECT n.c%d AS k FROM " ST_PRESENT_INPUT " n WHERE n.c%d IS NOT NULL UNION"
							   " SELECT o.c%d FROM " ST_BEFORE_INPUT " o WHERE o.c%d IS NOT NULL",
							   class->column, class->column, class->column, class->column);

	return st_statement_create(program->context, sql, lengthof(inputs), inputs);
}

/* References become inputs: those of class 0, or all. */
static bool
read_fetches_walker(Node *node, void *arg)
{
	const StSliceProgram *slice = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;
		int			ordinal = st_slice_ordinal(rte);

		if (ordinal >= 0 && (slice == NULL || slice->fetches[ordinal].number == 0))
			st_read_as(rte, pstrdup(rte->alias->aliasname));
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, read_fetches_walker, arg, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, read_fetches_walker, arg);
}

static int
leaf_number(List *leaves, Oid relid)
{
	ListCell   *lc;

	foreach(lc, leaves)
		if (((StLeaf *) lfirst(lc))->source == relid)
			return foreach_current_index(lc);
	elog(ERROR, "relation %u is not among the leaves", relid);
}

static void
make_fetches(StProgram *program, StSliceProgram *slice, StJoin *join)
{
	ListCell   *lc;
	int			i = 0;

	slice->nfetches = list_length(join->sliced);
	slice->fetches = palloc0(sizeof(StSliceFetch) * slice->nfetches);
	foreach(lc, join->sliced)
	{
		StSliceReference *reference = lfirst(lc);
		StSliceFetch *fetch = &slice->fetches[i];

		fetch->relid = reference->relid;
		fetch->attnum = reference->attnum;
		fetch->number = reference->number;
		fetch->leaf = leaf_number(slice->key_leaves, fetch->relid);
		fetch->input = st_slice_input_name(i);
		fetch->desc = st_source_desc(reference->relid, st_program_source(program, reference->relid)->attnums, false);
		for (fetch->same_as = 0; fetch->same_as < i; fetch->same_as++)
			if (slice->fetches[fetch->same_as].relid == fetch->relid &&
				slice->fetches[fetch->same_as].attnum == fetch->attnum &&
				slice->fetches[fetch->same_as].number == fetch->number)
				break;
		if (fetch->same_as == i)
		{
			TupleDesc	key_desc = slice->classes[fetch->number].desc;

			fetch->fetch = make_fetch(program, fetch, key_desc);
			if (fetch->number > 0)
				fetch->changed = make_changed(program, fetch, key_desc);
		}
		i++;
	}
}

/* The keys that the deltas of a class's relations touch. */
static StStatement *
make_touched(StProgram *program, StSliceProgram *slice, StJoin *join, int number)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, join->sliced)
	{
		StSliceReference *reference = lfirst(lc);

		if (reference->number == number)
			st_sql_format(&sql, "%sSELECT d.c%d AS k FROM %s d", sql.len > 0 ? " UNION ALL " : "",
						  reference->attnum, st_source_leaf(program, reference->relid)->input);
	}
	if (sql.len == 0)
		return NULL;
	return st_make_statement(program->context, psprintf("SELECT DISTINCT a.k FROM (%s) a", sql.data),
							 slice->key_leaves, NULL);
}

static void
make_classes(StProgram *program, StSliceProgram *slice, StJoin *join)
{
	ListCell   *lc;
	int			number = 0;

	slice->nclasses = list_length(join->classes);
	slice->classes = palloc0(sizeof(StSliceKeys) * slice->nclasses);
	foreach(lc, join->classes)
	{
		StSliceClass *class = lfirst(lc);
		StSliceKeys *keys = &slice->classes[number];
		StInput		input;

		keys->desc = CreateTemplateTupleDesc(1);
		TupleDescInitEntry(keys->desc, 1, "k", class->type, -1, 0);
		TupleDescInitEntryCollation(keys->desc, 1, class->collation);
		keys->origin = class->origin;
		keys->touched = make_touched(program, slice, join, number++);
		input = keys_input(keys->desc);
		keys->distinct = st_make_statement(program->context, "SELECT DISTINCT k.k FROM " ST_KEYS_INPUT " k", NIL, &input);
	}
}

/* A statement of the query over the inputs of the fetches, or of those of class 0. */
static StStatement *
make_query(StProgram *program, StSliceProgram *slice, StJoin *join, bool all)
{
	Query	   *query = copyObject(join->query);
	StInput    *inputs = palloc0(sizeof(StInput) * slice->nfetches);

	for (int i = 0; i < slice->nfetches; i++)
	{
		inputs[i].name = slice->fetches[i].input;
		inputs[i].desc = slice->fetches[i].desc;
	}
	(void) read_fetches_walker((Node *) query, all ? NULL : slice);
	return st_statement_create(program->context, st_query_print(query), slice->nfetches, inputs);
}

void
st_slice_program_init(StProgram *program, StJoinProgram *target)
{
	StSliceProgram *slice = palloc0(sizeof(StSliceProgram));
	StJoin	   *join = target->join;
	ListCell   *lc;

	target->slice = slice;
	slice->whole = st_make_statement(program->context, st_query_print(copyObject(join->query)), NIL, NULL);
	foreach(lc, join->sliced)
		slice->key_leaves = add_source_leaf(program, slice->key_leaves, ((StSliceReference *) lfirst(lc))->relid);
	target->leaves = list_copy(slice->key_leaves);
	foreach(lc, join->whole)
		target->leaves = add_source_leaf(program, target->leaves, lfirst_oid(lc));

	make_classes(program, slice, join);
	make_fetches(program, slice, join);
	for (int i = 1; i < slice->nclasses; i++)
	{
		StSliceClass *class = list_nth(join->classes, i);
		StSliceFetch *origin = &slice->fetches[class->origin];

		slice->classes[i].climb = make_climb(program, origin, class, slice->classes[i].desc);
		slice->classes[i].descend = make_descend(program, origin, class);
	}
	slice->query = make_query(program, slice, join, true);
	slice->own = slice->nclasses > 1 ? make_query(program, slice, join, false) : slice->query;
}
