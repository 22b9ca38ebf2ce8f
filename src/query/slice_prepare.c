/*-------------------------------------------------------------------------
 *
 * slice_prepare.c
 *	  What must hold of a query before a key is searched for, and is made to.
 *
 * NOTES
 *	  What a slice yields must be determined by its rows alone, since the old
 *	  result is evaluated again (rule A5): aggregates and windows that depend on
 *	  the order of their input are refused, or their order is completed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/prep.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "query/clock.h"
#include "query/slice.h"
#include "util/fault.h"

/* ----- what depends on the order of rows ----- */

bool
st_aggregate_is_determined(Oid function, List *types, Oid collation)
{
	static const char *const sums[] = {
		"sum", "avg", "variance", "var_samp", "var_pop", "stddev", "stddev_samp", "stddev_pop"
	};
	static const char *const others[] = {
		"count", "bool_and", "bool_or", "every", "bit_and", "bit_or", "bit_xor",
		"rank", "dense_rank", "percent_rank", "cume_dist"
	};
	char	   *name = get_func_name(function);
	Oid			type = types ? linitial_oid(types) : InvalidOid;

	if (get_func_namespace(function) != PG_CATALOG_NAMESPACE || name == NULL)
		return false;
	/* which of several equal images is shown is a choice */
	if (strcmp(name, "min") == 0 || strcmp(name, "max") == 0)
		return st_type_is_exact(type, -1, collation);
	/* sums of floats depend on the order */
	for (int i = 0; i < lengthof(sums); i++)
		if (strcmp(name, sums[i]) == 0)
			return type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID;
	for (int i = 0; i < lengthof(others); i++)
		if (strcmp(name, others[i]) == 0)
			return true;
	return false;
}

/* Is it the same for all rows that are equal in the order? */
static bool
is_of_peers(WindowFunc *function)
{
	static const char *const names[] = {"rank", "dense_rank", "percent_rank", "cume_dist"};
	char	   *name = get_func_name(function->winfnoid);

	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Window functions that number or reach for single rows. */
static bool
depends_on_ties(WindowFunc *function, WindowClause *clause)
{
	char	   *name = get_func_name(function->winfnoid);

	return strcmp(name, "row_number") == 0 || strcmp(name, "ntile") == 0 ||
		strcmp(name, "lag") == 0 || strcmp(name, "lead") == 0 ||
		((clause->frameOptions & FRAMEOPTION_ROWS) != 0 && !is_of_peers(function));
}

static bool
window_is_determined(WindowFunc *function, WindowClause *clause)
{
	List	   *types = NIL;
	ListCell   *lc;

	if (get_func_namespace(function->winfnoid) != PG_CATALOG_NAMESPACE)
		return false;
	/* a complete order, which rows get that depend on ties, has other peers */
	if ((clause->frameOptions & FRAMEOPTION_ROWS) != 0 && !is_of_peers(function) &&
		(clause->frameOptions & (FRAMEOPTION_EXCLUDE_GROUP | FRAMEOPTION_EXCLUDE_TIES)) != 0)
		return false;
	if (is_of_peers(function) || (depends_on_ties(function, clause) && !function->winagg))
		return true;
	if (!function->winagg)
		return false;
	foreach(lc, function->args)
		types = lappend_oid(types, exprType(lfirst(lc)));
	return st_aggregate_is_determined(function->winfnoid, types, function->inputcollid);
}

typedef struct OrderContext
{
	Query	   *query;
	const char *reason;
} OrderContext;

static bool
order_walker(Node *node, void *arg)
{
	OrderContext *context = arg;

	if (node == NULL || context->reason)
		return context->reason != NULL;
	check_stack_depth();
	if (IsA(node, Aggref))
	{
		Aggref	   *aggref = (Aggref *) node;

		if (!st_aggregate_is_determined(aggref->aggfnoid, aggref->aggargtypes, aggref->inputcollid))
			context->reason = psprintf("%s() depends on the order of rows", get_func_name(aggref->aggfnoid));
	}
	else if (IsA(node, WindowFunc))
	{
		WindowFunc *function = (WindowFunc *) node;
		ListCell   *lc;

		foreach(lc, context->query->windowClause)
		{
			WindowClause *clause = lfirst_node(WindowClause, lc);

			if (clause->winref == function->winref && !window_is_determined(function, clause))
				context->reason = psprintf("%s() over a window depends on the order of equal rows",
										   get_func_name(function->winfnoid));
		}
	}
	else if (IsA(node, Query))
		return false;			/* each level is looked at by itself */
	return expression_tree_walker(node, order_walker, arg);
}

/* The clause for a column of the select list, added as a hidden one if need be. */
static SortGroupClause *
order_by(Query *query, Node *expr)
{
	SortGroupClause *clause = makeNode(SortGroupClause);
	TargetEntry *tle = NULL;
	ListCell   *lc;
	TypeCacheEntry *entry = lookup_type_cache(exprType(expr), TYPECACHE_LT_OPR | TYPECACHE_EQ_OPR);

	foreach(lc, query->targetList)
		if (equal(lfirst_node(TargetEntry, lc)->expr, expr))
			tle = lfirst(lc);
	if (tle == NULL)
	{
		tle = makeTargetEntry((Expr *) copyObject(expr), list_length(query->targetList) + 1, NULL, true);
		query->targetList = lappend(query->targetList, tle);
	}
	if (tle->ressortgroupref == 0)
	{
		Index		highest = 0;

		foreach(lc, query->targetList)
			highest = Max(highest, lfirst_node(TargetEntry, lc)->ressortgroupref);
		tle->ressortgroupref = highest + 1;
	}
	clause->tleSortGroupRef = tle->ressortgroupref;
	clause->eqop = entry->eq_opr;
	clause->sortop = entry->lt_opr;
	clause->nulls_first = false;
	clause->hashable = false;
	return clause;
}

/* An order by it tells apart whatever prints differently. */
static Node *
tie_breaker(Node *expr, List *rtable)
{
	if (st_key_is_exact(expr, rtable) &&
		OidIsValid(lookup_type_cache(exprType(expr), TYPECACHE_LT_OPR)->lt_opr))
		return expr;
	return st_make_image(expr);
}

/*
 * Functions that depend on the order of equal rows get a window of their own,
 * ordered to the end by everything that the level's rows are made of.
 */
static bool
complete_walker(Node *node, void *arg)
{
	Query	   *query = arg;

	if (node == NULL || IsA(node, Query))
		return false;
	check_stack_depth();
	if (IsA(node, WindowFunc))
	{
		WindowFunc *function = (WindowFunc *) node;
		WindowClause *clause = NULL;
		WindowClause *complete;
		List	   *exprs = NIL;
		Index		highest = 0;
		ListCell   *lc;

		foreach(lc, query->windowClause)
		{
			highest = Max(highest, lfirst_node(WindowClause, lc)->winref);
			if (lfirst_node(WindowClause, lc)->winref == function->winref)
				clause = lfirst(lc);
		}
		if (clause == NULL || !depends_on_ties(function, clause))
			return expression_tree_walker(node, complete_walker, arg);
		complete = copyObject(clause);
		st_unname_window(complete);
		complete->winref = highest + 1;
		if (query->groupClause)
			foreach(lc, query->groupClause)
				exprs = lappend(exprs, get_sortgroupclause_expr(lfirst(lc), query->targetList));
		else
			exprs = pull_var_clause((Node *) query->targetList, PVC_RECURSE_WINDOWFUNCS | PVC_RECURSE_AGGREGATES);
		foreach(lc, exprs)
			complete->orderClause = lappend(complete->orderClause, order_by(query, tie_breaker(lfirst(lc), query->rtable)));
		query->windowClause = lappend(query->windowClause, complete);
		function->winref = complete->winref;
		return false;
	}
	return expression_tree_walker(node, complete_walker, arg);
}

/* ----- preparing the levels ----- */

/*
 * Every join becomes one with ON: ruleutils must not find columns that USING
 * has merged, since inputs are going to have columns of other names. Returns
 * the item's number in the range table.
 */
static int
drop_using(Query *query, Node *item)
{
	JoinExpr   *join = (JoinExpr *) item;
	RangeTblEntry *rte;
	int			sides[2];

	check_stack_depth();
	if (IsA(item, RangeTblRef))
		return ((RangeTblRef *) item)->rtindex;
	sides[0] = drop_using(query, castNode(JoinExpr, item)->larg);
	sides[1] = drop_using(query, join->rarg);
	join->usingClause = NIL;
	join->join_using_alias = NULL;
	join->isNatural = false;
	join->alias = NULL;
	rte = rt_fetch(join->rtindex, query->rtable);
	rte->alias = NULL;
	rte->join_using_alias = NULL;
	rte->joinmergedcols = 0;
	rte->joinaliasvars = rte->joinleftcols = rte->joinrightcols = NIL;
	rte->eref->colnames = NIL;
	for (int side = 0; side < 2; side++)
	{
		List	   *names = rt_fetch(sides[side], query->rtable)->eref->colnames;

		for (int i = 1; i <= list_length(names); i++)
		{
			List	  **columns = side == 0 ? &rte->joinleftcols : &rte->joinrightcols;

			*columns = lappend_int(*columns, i);
			rte->joinaliasvars = lappend(rte->joinaliasvars,
										 makeVar(sides[side], i, INT4OID, -1, InvalidOid, 0));
		}
		rte->eref->colnames = list_concat(rte->eref->colnames, copyObject(names));
	}
	return join->rtindex;
}

/*
 * Is an item of FROM as a user can write it? Not so one that rules have put
 * together (sublink.c), nor a join that refers to items beside it (decorrelate.c).
 */
static bool
is_as_written(Node *item)
{
	check_stack_depth();
	if (IsA(item, RangeTblRef))
		return true;
	return IsA(item, JoinExpr) && ((JoinExpr *) item)->rtindex > 0 &&
		bms_is_subset(pull_varnos(NULL, ((JoinExpr *) item)->quals), StRelidsInJointree(item)) &&
		is_as_written(((JoinExpr *) item)->larg) && is_as_written(((JoinExpr *) item)->rarg);
}

/* Names of ours, no columns of joins, nothing that has no delta at all (rules F2, F7). */
static bool
prepare_level(Query *query, BuildContext *build)
{
	OrderContext order = {query, NULL};
	List	   *keys;
	ListCell   *lc;

	if (!st_inline_ctes(query, NULL, build))
		return false;
	if (query->limitCount || query->limitOffset)
		return st_decline(build, "LIMIT and OFFSET have no delta rule yet") != NULL;
	if (query->rowMarks)
		return st_decline(build, "row locking has no delta rule") != NULL;
	if (query->hasDistinctOn)
		return st_decline(build, "DISTINCT ON has no delta rule yet") != NULL;
	/* the input that a slice reads has no primary key */
	if (query->constraintDeps)
		return st_decline(build, "a column depends on a grouping key") != NULL;
	st_flatten_grouping(query);
	st_flatten_join_columns(query);
	query->sortClause = NIL;
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

#ifdef ST_HAVE_PERMINFOS
		rte->perminfoindex = 0;
#endif
		switch (rte->rtekind)
		{
			case RTE_RELATION:

				/*
				 * what the rewriter leaves in the range table of a view, out
				 * of FROM
				 */
				if (rte->relkind == RELKIND_VIEW)
				{
					rte->rtekind = RTE_RESULT;
					rte->relid = InvalidOid;
				}
				else if (!st_check_relation(rte, build))
					return false;
				break;
			case RTE_SUBQUERY:
				if (rte->security_barrier)
					return st_decline(build, "a security barrier view cannot be taken apart") != NULL;
				break;
			case RTE_JOIN:
			case RTE_FUNCTION:
			case RTE_VALUES:
			case RTE_TABLEFUNC:
			case RTE_RESULT:
				break;
			default:
				return st_decline(build, "this kind of FROM item has no delta rule yet") != NULL;
		}
	}
#ifdef ST_HAVE_PERMINFOS
	query->rteperminfos = NIL;
#endif
	st_replace_aliases(query);
	foreach(lc, query->jointree->fromlist)
	{
		if (!is_as_written(lfirst(lc)))
			return st_decline(build, "this form of FROM has no delta rule yet") != NULL;
		(void) drop_using(query, lfirst(lc));
	}

	(void) order_walker((Node *) query->targetList, &order);
	(void) order_walker(query->havingQual, &order);
	if (order.reason)
		return st_decline(build, order.reason) != NULL;
	keys = list_concat(get_sortgrouplist_exprs(query->groupClause, query->targetList),
					   get_sortgrouplist_exprs(query->distinctClause, query->targetList));
	foreach(lc, keys)
		if (!st_key_is_exact(lfirst(lc), query->rtable))
			return st_decline(build, "a key shows one of several equal values") != NULL;
	foreach(lc, query->setOperations ? query->targetList : NIL)
	{
		Node	   *expr = (Node *) lfirst_node(TargetEntry, lc)->expr;

		if (!st_type_is_exact(exprType(expr), exprTypmod(expr), exprCollation(expr)))
			return st_decline(build, "a key shows one of several equal values") != NULL;
	}
	if (query->hasWindowFuncs)
	{
		List	   *targets = list_copy(query->targetList);

		(void) complete_walker((Node *) targets, query);
	}
	return true;
}

/* Whether there are rows does not depend on what they show. */
static void
forget_columns(Query *query)
{
	if (query->setOperations || query->hasAggs || query->groupClause || query->groupingSets || query->havingQual ||
		query->distinctClause || query->hasTargetSRFs || query->hasWindowFuncs)
		return;
	query->targetList = list_make1(makeTargetEntry((Expr *) makeBoolConst(true, false), 1, pstrdup("c1"), false));
	query->sortClause = NIL;
}

static bool
prepare_walker(Node *node, void *arg)
{
	BuildContext *build = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, SubLink) && ((SubLink *) node)->subLinkType == EXISTS_SUBLINK)
		forget_columns(castNode(Query, ((SubLink *) node)->subselect));
	if (IsA(node, SubLink) && ((SubLink *) node)->subLinkType == ARRAY_SUBLINK)
		return st_decline(build, "ARRAY of a subquery depends on the order of rows") == NULL;
	if (IsA(node, Query))
	{
		if (!prepare_level((Query *) node, build))
			return true;
		return query_tree_walker((Query *) node, prepare_walker, arg, QTW_IGNORE_JOINALIASES);
	}
	if (st_is_clock(node) && !ST_FAULT("E15 slices"))
		return st_decline(build, "what time changes has no slices yet") == NULL;
	if (IsA(node, Var) && ((Var *) node)->varattno <= 0)
		return st_decline(build, "system columns have no delta rule") == NULL;
	return expression_tree_walker(node, prepare_walker, arg);
}

bool
st_slice_prepare(Query *query, BuildContext *build)
{
	return !prepare_walker((Node *) query, build) && build->reason == NULL;
}
