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
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
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

static StStatement *
make_fetch(StProgram *program, const StSliceFetch *fetch, const StSliceProgram *slice)
{
	const StSource *source = st_program_source(program, fetch->relid);
	Oid			type = TupleDescAttr(slice->key_desc, 0)->atttypid;
	Oid			operator = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
	const char *column = get_attname(fetch->relid, fetch->attnum, false);
	StInput		keys = {.name = ST_KEYS_INPUT, .desc = slice->key_desc};
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_text(&sql, "SELECT ");
	print_columns(&sql, source);
	st_sql_text(&sql, " FROM " ST_KEYS_INPUT " k JOIN ");
	st_sql_relation(&sql, fetch->relid);
	st_sql_text(&sql, " n ON ");
	st_sql_column(&sql, "n", column);
	st_sql_text(&sql, " ");
	st_sql_operator(&sql, operator);
	st_sql_text(&sql, " k.k");
	/* a search of its own, which an index serves as well */
	if (!st_column_is_not_null(fetch->relid, fetch->attnum))
	{
		st_sql_text(&sql, " UNION ALL SELECT ");
		print_columns(&sql, source);
		st_sql_text(&sql, " FROM ");
		st_sql_relation(&sql, fetch->relid);
		st_sql_text(&sql, " n WHERE ");
		st_sql_column(&sql, "n", column);
		st_sql_text(&sql, " IS NULL AND EXISTS (SELECT FROM " ST_KEYS_INPUT " k WHERE k.k IS NULL)");
	}
	return st_make_statement(program->context, sql.data, NIL, &keys);
}

static bool
read_fetches_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (st_slice_ordinal(rte) >= 0)
			st_read_as(rte, pstrdup(rte->alias->aliasname));
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, read_fetches_walker, arg, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, read_fetches_walker, arg);
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
		fetch->input = st_slice_input_name(i);
		fetch->desc = st_source_desc(reference->relid, st_program_source(program, reference->relid)->attnums, false);
		for (fetch->same_as = 0; fetch->same_as < i; fetch->same_as++)
			if (slice->fetches[fetch->same_as].relid == fetch->relid &&
				slice->fetches[fetch->same_as].attnum == fetch->attnum)
				break;
		if (fetch->same_as == i)
			fetch->fetch = make_fetch(program, fetch, slice);
		i++;
	}
}

void
st_slice_program_init(StProgram *program, StJoinProgram *target)
{
	StSliceProgram *slice = palloc0(sizeof(StSliceProgram));
	StJoin	   *join = target->join;
	Query	   *query = copyObject(join->query);
	StInput    *inputs;
	StringInfoData sql;
	ListCell   *lc;

	slice->whole = st_make_statement(program->context, st_query_print(query), NIL, NULL);
	target->slice = slice;
	slice->key_desc = CreateTemplateTupleDesc(1);
	TupleDescInitEntry(slice->key_desc, 1, "k", join->slice_type, -1, 0);
	TupleDescInitEntryCollation(slice->key_desc, 1, join->slice_collation);

	initStringInfo(&sql);
	foreach(lc, join->sliced)
	{
		StSliceReference *reference = lfirst(lc);
		StLeaf	   *leaf = st_source_leaf(program, reference->relid);

		slice->key_leaves = add_source_leaf(program, slice->key_leaves, reference->relid);
		st_sql_format(&sql, "%sSELECT d.c%d AS k FROM %s d", sql.len > 0 ? " UNION " : "",
					  reference->attnum, leaf->input);
	}
	/* one arm alone is not made distinct by UNION */
	if (list_length(join->sliced) == 1)
	{
		char	   *arm = pstrdup(sql.data);

		resetStringInfo(&sql);
		st_sql_format(&sql, "SELECT DISTINCT a.k FROM (%s) a", arm);
	}
	slice->keys = st_make_statement(program->context, sql.data, slice->key_leaves, NULL);

	target->leaves = list_copy(slice->key_leaves);
	foreach(lc, join->whole)
		target->leaves = add_source_leaf(program, target->leaves, lfirst_oid(lc));

	make_fetches(program, slice, join);
	inputs = palloc0(sizeof(StInput) * slice->nfetches);
	for (int i = 0; i < slice->nfetches; i++)
	{
		inputs[i].name = slice->fetches[i].input;
		inputs[i].desc = slice->fetches[i].desc;
	}
	(void) read_fetches_walker((Node *) query, NULL);
	slice->query = st_statement_create(program->context, st_query_print(query), slice->nfetches, inputs);
	pfree(sql.data);
}
