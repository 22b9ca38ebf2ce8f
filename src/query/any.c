/*-------------------------------------------------------------------------
 *
 * any.c
 *	  IN, ANY and ALL of a subquery where a truth value is wanted.
 *
 * NOTES
 *	  x op ANY (R) is true if some row of R makes the comparison true, else NULL
 *	  if some row makes it NULL, else false (rule E4). Each of the two is a
 *	  scalar subquery of its own, which is joined like any other:
 *
 *		some row is true	by equality a count, grouped by what is compared;
 *							by an order the least or the greatest row, since x is
 *							greater than some if it is greater than the least
 *		some row is NULL	where the operator is strict: a row that is NULL, or
 *							any row where x is NULL; only asked where NULL can be
 *
 *	  Other comparisons, as of rows, are counted over the domain of what they
 *	  compare (decorrelate.c). x op ALL (R) is NOT (x negated-op ANY (R)).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_clause.h"
#include "parser/parse_func.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "query/decorrelate.h"
#include "query/source_facts.h"
#include "query/unnest.h"
#include "util/fault.h"

static Node *
column_mutator(Node *node, void *arg)
{
	List	   *columns = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_SUBLINK)
		return copyObject(list_nth(columns, ((Param *) node)->paramid - 1));
	return expression_tree_mutator(node, column_mutator, arg);
}

Node *
st_replace_params(Node *test, List *columns)
{
	return column_mutator(test, columns);
}

static Query *
select_one(Query *subquery, Node *value)
{
	Query	   *query = copyObject(subquery);

	query->targetList = list_make1(makeTargetEntry((Expr *) value, 1, "n", false));
	query->hasAggs = query->hasAggs || contain_aggs_of_level(value, 0);
	return query;
}

static Query *
with_condition(Query *subquery, Node *condition)
{
	Query	   *query = copyObject(subquery);

	query->jointree->quals = st_add_conditions(query->jointree->quals, make_ands_implicit((Expr *) copyObject(condition)));
	return query;
}

/* The least or greatest value of a column, by which an order decides; NULL if there is no such aggregate. */
static Node *
make_extreme(OpExpr *comparison, Node *column)
{
	Oid			type = exprType(column);
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);
	int			strategy = OidIsValid(entry->btree_opf) ? get_op_opfamily_strategy(comparison->opno, entry->btree_opf) : 0;
	const char *name;
	Oid			function;
	Aggref	   *aggref;

	switch (strategy)
	{
		case BTGreaterStrategyNumber:
		case BTGreaterEqualStrategyNumber:
			name = "min";
			break;
		case BTLessStrategyNumber:
		case BTLessEqualStrategyNumber:
			name = "max";
			break;
		default:
			return NULL;
	}
	function = LookupFuncName(list_make2(makeString("pg_catalog"), makeString(pstrdup(name))), 1, &type, true);
	if (!OidIsValid(function) || get_func_rettype(function) != type || get_typcollation(type) != InvalidOid)
		return NULL;
	aggref = makeNode(Aggref);
	aggref->aggfnoid = function;
	aggref->aggtype = type;
	aggref->aggargtypes = list_make1_oid(type);
	aggref->args = list_make1(makeTargetEntry((Expr *) copyObject(column), 1, NULL, false));
	aggref->aggkind = AGGKIND_NORMAL;
	aggref->aggno = aggref->aggtransno = -1;
	aggref->location = -1;
	return (Node *) aggref;
}

/* Is there a row for which the comparison is true? */
static Node *
some_true(UnnestContext *context, Query *subquery, Node *test, List *columns)
{
	Node	   *inside = copyObject(test);
	Node	   *extreme = NULL;
	OpExpr	   *comparison = (OpExpr *) test;

	if (IsA(test, OpExpr) && list_length(comparison->args) == 2 && IsA(lsecond(comparison->args), Param))
		extreme = make_extreme(comparison, linitial(columns));
	if (extreme)
	{
		OpExpr	   *result = copyObject(comparison);
		Node	   *value = st_join_scalar(context, select_one(subquery, extreme));

		if (value == NULL)
			return NULL;
		result->args = list_make2(linitial(result->args), value);
		return st_make_boolean_test((Node *) result, IS_TRUE);
	}
	IncrementVarSublevelsUp(inside, 1, 0);
	return st_join_exists(context, with_condition(subquery, st_replace_params(inside, columns)));
}

/* The two sides of a comparison, or of several that are ANDed; false: it is something else. */
static bool
take_sides(Node *test, List **lefts, List **rights)
{
	ListCell   *lc;

	foreach(lc, make_ands_implicit((Expr *) test))
	{
		OpExpr	   *comparison = lfirst(lc);

		if (!IsA(comparison, OpExpr) || list_length(comparison->args) != 2 || !op_strict(comparison->opno))
			return false;
		*lefts = lappend(*lefts, linitial(comparison->args));
		*rights = lappend(*rights, lsecond(comparison->args));
	}
	return true;
}

/* Is there a row for which the comparison is NULL? NULL: there cannot be one. */
static Node *
some_null(UnnestContext *context, Query *subquery, Node *test, List *columns)
{
	List	   *lefts = NIL;
	List	   *rights = NIL;
	List	   *nulls = NIL;	/* what there has to be for it, as it reads
								 * inside */
	List	   *found = NIL;
	Node	   *inside;
	bool		known = take_sides(test, &lefts, &rights);
	ListCell   *lc;

	if (ST_FAULT("E4 value"))
		return NULL;
	if (known && list_length(lefts) == 1 && IsA(linitial(rights), Param) &&
		!type_is_rowtype(exprType(linitial(lefts))) && !type_is_rowtype(exprType(linitial(rights))))
	{
		Node	   *left = linitial(lefts);

		if (!st_query_expr_not_null(subquery, linitial(columns)))
			found = lappend(found, st_join_exists(context, with_condition(subquery, st_make_null_test(copyObject(linitial(columns)), IS_NULL))));
		if (!st_query_expr_not_null(context->query, left))
		{
			Node	   *any = st_join_exists(context, copyObject(subquery));

			if (any)
				found = lappend(found, make_andclause(list_make2(st_make_null_test(copyObject(left), IS_NULL), any)));
		}
		if (context->build->reason || found == NIL)
			return NULL;
		return list_length(found) == 1 ? linitial(found) : (Node *) make_orclause(found);
	}
	foreach(lc, known ? lefts : NIL)
		if (type_is_rowtype(exprType(lfirst(lc))))
			known = false;
	if (known)
	{
		foreach(lc, lefts)
			if (!st_query_expr_not_null(context->query, lfirst(lc)))
			{
				Node	   *left = copyObject(lfirst(lc));

				IncrementVarSublevelsUp(left, 1, 0);
				nulls = lappend(nulls, st_make_null_test(left, IS_NULL));
			}
		foreach(lc, rights)
		{
			Node	   *right = st_replace_params(lfirst(lc), columns);

			if (!st_query_expr_not_null(subquery, right))
				nulls = lappend(nulls, st_make_null_test(right, IS_NULL));
		}
		if (nulls == NIL)
			return NULL;
	}
	inside = copyObject(test);
	IncrementVarSublevelsUp(inside, 1, 0);
	inside = st_make_boolean_test(st_replace_params(inside, columns), IS_UNKNOWN);
	if (nulls)
		inside = (Node *) make_andclause(list_make2(list_length(nulls) == 1 ? linitial(nulls) : make_orclause(nulls), inside));
	return st_join_exists(context, with_condition(subquery, inside));
}

Node *
st_join_comparison(UnnestContext *context, SubLink *sublink)
{
	Query	   *subquery = castNode(Query, copyObject(sublink->subselect));
	Node	   *test = copyObject(sublink->testexpr);
	List	   *columns = NIL;
	CaseExpr   *result = makeNode(CaseExpr);
	CaseWhen   *when;
	Node	   *yes;
	Node	   *unknown;
	ListCell   *lc;

	if (st_refers_outside(test))
		return st_decline(context->build, "a comparison of a column from further around with a subquery has no delta rule");
	if (sublink->subLinkType == ALL_SUBLINK)
	{
		OpExpr	   *comparison = (OpExpr *) test;

		if (IsA(test, OpExpr) && OidIsValid(get_negator(comparison->opno)))
		{
			comparison->opno = get_negator(comparison->opno);
			comparison->opfuncid = get_opcode(comparison->opno);
		}
		else
			test = (Node *) make_notclause((Expr *) test);
	}
	/* in a subquery of its own, so that conditions can be added */
	if (!st_is_plain(subquery))
	{
		IncrementVarSublevelsUp((Node *) subquery, 1, 1);
		subquery = st_make_wrapper(subquery, NULL);
		linitial_node(RangeTblEntry, subquery->rtable)->lateral =
			st_is_correlated(linitial_node(RangeTblEntry, subquery->rtable)->subquery);
		foreach(lc, linitial_node(RangeTblEntry, subquery->rtable)->subquery->targetList)
			if (!lfirst_node(TargetEntry, lc)->resjunk)
				columns = lappend(columns, makeVarFromTargetEntry(1, lfirst(lc)));
	}
	else
		foreach(lc, subquery->targetList)
			if (!lfirst_node(TargetEntry, lc)->resjunk)
				columns = lappend(columns, lfirst_node(TargetEntry, lc)->expr);
	subquery->sortClause = NIL;
	subquery->targetList = list_make1(makeTargetEntry((Expr *) makeBoolConst(true, false), 1, "m", false));

	yes = some_true(context, subquery, test, columns);
	unknown = yes ? some_null(context, subquery, test, columns) : NULL;
	if (context->build->reason || yes == NULL)
		return NULL;
	when = makeNode(CaseWhen);
	when->expr = (Expr *) yes;
	when->result = (Expr *) makeBoolConst(true, false);
	when->location = -1;
	result->args = list_make1(when);
	if (unknown)
	{
		when = makeNode(CaseWhen);
		when->expr = (Expr *) unknown;
		when->result = (Expr *) makeBoolConst(false, true);
		when->location = -1;
		result->args = lappend(result->args, when);
	}
	result->casetype = BOOLOID;
	result->defresult = (Expr *) makeBoolConst(false, false);
	result->location = -1;
	return sublink->subLinkType == ALL_SUBLINK ? (Node *) make_notclause((Expr *) result) : (Node *) result;
}
