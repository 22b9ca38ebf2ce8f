/*-------------------------------------------------------------------------
 *
 * window.c
 *	  Window functions that no slice follows: aggregates of whole partitions,
 *	  and windows over states.
 *
 * NOTES
 *	  The level is cut in two: below, what the windows read; above, the select
 *	  list. An aggregate over a whole partition, as sum(x) OVER (PARTITION BY p),
 *	  is a column of a join with what is below, grouped by p (rule E10). Without
 *	  PARTITION BY it is the same row for all.
 *
 *	  Other windows are a state of all rows with their results (window_order.c),
 *	  unless a slice reads their partitions by an index (slice.c). Where such a state
 *	  cannot be, and what is below is nothing but states, as groups, they are
 *	  computed again from them: these are small beside what they are made of, and
 *	  only rows that came out different are written. Old values
 *	  come from storage, so that a choice among equals needs no care (rule A5).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "query/build.h"
#include "query/decorrelate.h"
#include "query/source_facts.h"
#include "query/window.h"

/* ----- cutting a level in two ----- */

typedef struct CutContext
{
	List	   *keys;			/* expressions that the level groups by */
	List	   *columns;		/* of what is below */
	bool		failed;
} CutContext;

/* Does it return one of its arguments as it is? */
static bool
returns_argument(Oid function)
{
	switch (function)
	{
		case F_LAG_ANYELEMENT:
		case F_LAG_ANYELEMENT_INT4:
		case F_LAG_ANYCOMPATIBLE_INT4_ANYCOMPATIBLE:
		case F_LEAD_ANYELEMENT:
		case F_LEAD_ANYELEMENT_INT4:
		case F_LEAD_ANYCOMPATIBLE_INT4_ANYCOMPATIBLE:
		case F_FIRST_VALUE:
		case F_LAST_VALUE:
		case F_NTH_VALUE:
			return true;
		default:
			return false;
	}
}

/* A function that returns one of its records is one that returns what is stored of it. */
static WindowFunc *
return_stored(WindowFunc *function)
{
	WindowFunc *result = copyObject(function);
	ListCell   *lc;

	foreach(lc, result->args)
		lfirst(lc) = st_store_record(lfirst(lc));
	result->wintype = BYTEAOID;
	return result;
}

static Node *
cut_mutator(Node *node, void *arg)
{
	CutContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, WindowFunc) && st_is_record(((WindowFunc *) node)->wintype) && returns_argument(((WindowFunc *) node)->winfnoid))
		return (Node *) st_stored_record((Expr *) cut_mutator((Node *) return_stored((WindowFunc *) node), arg), ((WindowFunc *) node)->wintype);

	/*
	 * a subquery is a column of what is below, unless it is asked about a
	 * window function's result
	 */
	if (IsA(node, SubLink) && (contain_windowfuncs(node) || st_refers_outside(node)))
		context->failed = true;
	if (IsA(node, SubLink) || (!IsA(node, List) && !IsA(node, Const) && list_member(context->keys, node)) ||
		IsA(node, Aggref) || IsA(node, GroupingFunc) || IsA(node, Var))
	{
		Node	   *column = (Node *) st_store_record(copyObject((Expr *) node));
		AttrNumber	position;

		if (IsA(node, Var) && (((Var *) node)->varlevelsup > 0 || ((Var *) node)->varattno <= 0))
			context->failed = true;
		position = st_position_in(&context->columns, column);
		return (Node *) st_stored_record((Expr *) makeVar(1, position, exprType(column), exprTypmod(column), exprCollation(column), 0),
										 exprType(node));
	}
	return expression_tree_mutator(node, cut_mutator, arg);
}

/* The level becomes one that reads a subquery with all but its select list and windows. NULL: it cannot. */
static Query *
cut(Query *query)
{
	CutContext	context = {NIL, NIL, false};
	Query	   *below;
	List	   *targets = NIL;
	ListCell   *lc;

	if (query->hasTargetSRFs || (query->groupingSets && !st_stand_on_groups(query)))
		return NULL;
	context.keys = get_sortgrouplist_exprs(query->groupClause, query->targetList);
	foreach(lc, query->windowClause)
		if (lfirst_node(WindowClause, lc)->startOffset || lfirst_node(WindowClause, lc)->endOffset)
		{
			if (contain_vars_of_level((Node *) lfirst_node(WindowClause, lc)->startOffset, 0) ||
				checkExprHasSubLink(lfirst_node(WindowClause, lc)->startOffset) ||
				checkExprHasSubLink(lfirst_node(WindowClause, lc)->endOffset))
				return NULL;
		}
	below = makeNode(Query);
	memcpy(below, query, sizeof(Query));
	foreach(lc, query->targetList)
	{
		TargetEntry *target = flatCopyTargetEntry(lfirst_node(TargetEntry, lc));

		target->expr = (Expr *) cut_mutator((Node *) target->expr, &context);
		targets = lappend(targets, target);
	}
	if (context.failed)
		return NULL;
	if (context.columns == NIL)
		context.columns = list_make1(makeBoolConst(true, false));
	below->targetList = st_make_targets(context.columns);
	below->groupClause = NIL;
	/* a key that is not shown is one all the same */
	foreach(lc, query->groupClause)
	{
		SortGroupClause *clause = copyObject(lfirst_node(SortGroupClause, lc));
		Node	   *key = get_sortgroupclause_expr(clause, query->targetList);
		TargetEntry *target = tlist_member((Expr *) key, below->targetList);

		if (target == NULL)
		{
			target = makeTargetEntry(copyObject((Expr *) key), list_length(below->targetList) + 1, "k", true);
			below->targetList = lappend(below->targetList, target);
		}
		clause->tleSortGroupRef = assignSortGroupRef(target, below->targetList);
		below->groupClause = lappend(below->groupClause, clause);
	}
	below->windowClause = NIL;
	below->hasWindowFuncs = false;
	below->distinctClause = NIL;
	below->sortClause = NIL;
	below->hasSubLinks = checkExprHasSubLink((Node *) below->targetList) || checkExprHasSubLink((Node *) below->jointree) ||
		checkExprHasSubLink(below->havingQual);
	st_stand_on(query, below, st_make_names(list_length(context.columns)), targets, NULL);
	query->hasSubLinks = false;
	return query;
}

/* ----- aggregates of whole partitions ----- */

typedef struct WholeContext
{
	Query	   *query;			/* the upper half */
	List	   *partitions;		/* lists of expressions: one grouping each */
	List	   *values;			/* lists of Aggref, by partition */
	bool		failed;
} WholeContext;

/* Is it an aggregate of its whole partition, whose order means nothing? */
static bool
is_whole_aggregate(WindowFunc *function, WindowClause *window)
{
	List	   *types = NIL;
	ListCell   *lc;

	if (!function->winagg || (window->frameOptions & FRAMEOPTION_EXCLUSION))
		return false;
	if (window->orderClause == NIL && (window->frameOptions & FRAMEOPTION_NONDEFAULT) == 0)
		return true;
	foreach(lc, function->args)
		types = lappend_oid(types, exprType(lfirst(lc)));
	return (window->frameOptions & FRAMEOPTION_START_UNBOUNDED_PRECEDING) && (window->frameOptions & FRAMEOPTION_END_UNBOUNDED_FOLLOWING) &&
		st_aggregate_is_determined(function->winfnoid, types, function->inputcollid);
}

/* Window aggregates become columns of the groupings, which stand behind the first entry. */
static Node *
whole_mutator(Node *node, void *arg)
{
	WholeContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, WindowFunc))
	{
		WindowFunc *function = (WindowFunc *) node;
		WindowClause *window = st_window_of(context->query, function);
		Aggref	   *aggref = makeNode(Aggref);
		List	   *keys = get_sortgrouplist_exprs(window->partitionClause, context->query->targetList);
		List	   *values;
		int			grouping = 0;
		ListCell   *lc;

		if (!is_whole_aggregate(function, window))
		{
			context->failed = true;
			return node;
		}
		aggref->aggfnoid = function->winfnoid;
		aggref->aggtype = function->wintype;
		aggref->aggcollid = function->wincollid;
		aggref->inputcollid = function->inputcollid;
		aggref->aggstar = function->winstar;
		aggref->aggfilter = copyObject(function->aggfilter);
		aggref->aggkind = AGGKIND_NORMAL;
		aggref->aggno = aggref->aggtransno = -1;
		aggref->location = -1;
		foreach(lc, function->args)
		{
			aggref->aggargtypes = lappend_oid(aggref->aggargtypes, exprType(lfirst(lc)));
			aggref->args = lappend(aggref->args, makeTargetEntry(copyObject(lfirst(lc)), list_length(aggref->args) + 1, NULL, false));
		}
		foreach(lc, context->partitions)
		{
			if (equal(lfirst(lc), keys))
				break;
			grouping++;
		}
		if (lc == NULL)
		{
			context->partitions = lappend(context->partitions, keys);
			context->values = lappend(context->values, NIL);
		}
		values = list_nth(context->values, grouping);
		if (!list_member(values, aggref))
			values = lappend(values, aggref);
		list_nth_cell(context->values, grouping)->ptr_value = values;
		for (int i = 0; i < list_length(values); i++)
			if (equal(list_nth(values, i), aggref))
				return (Node *) makeVar(grouping + 2, list_length(keys) + i + 1, function->wintype, -1, function->wincollid, 0);
	}
	return expression_tree_mutator(node, whole_mutator, arg);
}

static Node *
make_equality(Var *left, Var *right, bool not_null)
{
	Oid			operator = lookup_type_cache(left->vartype, TYPECACHE_EQ_OPR)->eq_opr;
	Expr	   *equality = make_opclause(operator, BOOLOID, false, (Expr *) left, (Expr *) right, InvalidOid, left->varcollid);
	List	   *nulls = NIL;

	set_opfuncid((OpExpr *) equality);
	if (not_null)
		return (Node *) equality;
	for (int side = 0; side < 2; side++)
	{
		NullTest   *test = makeNode(NullTest);

		test->arg = (Expr *) copyObject(side == 0 ? left : right);
		test->nulltesttype = IS_NULL;
		test->location = -1;
		nulls = lappend(nulls, test);
	}
	return (Node *) make_orclause(list_make2(equality, make_andclause(nulls)));
}

/* The upper half with nothing but such aggregates becomes a join. NULL: it has others. */
static Query *
join_aggregates(Query *upper)
{
	WholeContext context = {upper, NIL, NIL, false};
	Query	   *below = linitial_node(RangeTblEntry, upper->rtable)->subquery;
	List	   *targets;
	List	   *quals = NIL;
	ListCell   *keys;
	ListCell   *values;
	ListCell   *lc;

	targets = (List *) whole_mutator((Node *) upper->targetList, &context);
	if (context.failed)
		return NULL;
	foreach(keys, context.partitions)
		foreach(lc, lfirst(keys))
			if (!IsA(lfirst(lc), Var) || !st_key_is_exact(lfirst(lc), upper->rtable) ||
				!OidIsValid(lookup_type_cache(exprType(lfirst(lc)), TYPECACHE_EQ_OPR)->eq_opr) || type_is_rowtype(exprType(lfirst(lc))))
				return NULL;
	forboth(keys, context.partitions, values, context.values)
	{
		List	   *columns = list_concat(copyObject(lfirst(keys)), copyObject(lfirst(values)));
		Query	   *grouping = st_make_query(list_make1(copyObject(linitial(upper->rtable))), NULL, st_make_targets(columns));
		int			varno = list_length(upper->rtable) + 1;
		int			n = 0;

		grouping->hasAggs = true;
		foreach(lc, lfirst(keys))
		{
			TargetEntry *target = list_nth(grouping->targetList, n++);

			grouping->groupClause = lappend(grouping->groupClause, st_make_group_clause(target, grouping->targetList));
			quals = lappend(quals, make_equality(copyObject(lfirst_node(Var, lc)), makeVarFromTargetEntry(varno, target),
												 st_query_column_not_null(below, lfirst_node(Var, lc)->varattno)));
		}
		upper->rtable = lappend(upper->rtable, st_make_subquery_entry(grouping, "g", st_make_names(list_length(columns))));
		upper->jointree->fromlist = lappend(upper->jointree->fromlist, st_make_reference(varno));
	}
	upper->jointree->quals = quals ? (Node *) make_ands_explicit(quals) : NULL;
	upper->targetList = targets;
	upper->windowClause = NIL;
	upper->hasWindowFuncs = false;
	return upper;
}

/* ----- aggregates of all rows beside other windows ----- */

typedef struct SplitContext
{
	Query	   *upper;
	List	   *columns;		/* of the level below: windows but for
								 * aggregates of all rows, and columns */
	bool		totals;			/* there are such aggregates */
} SplitContext;

static bool
is_total(Query *upper, WindowFunc *function)
{
	WindowClause *window = st_window_of(upper, function);

	return window->partitionClause == NIL && is_whole_aggregate(function, window);
}

static Node *
split_mutator(Node *node, void *arg)
{
	SplitContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, WindowFunc) && is_total(context->upper, (WindowFunc *) node))
		context->totals = true;
	else if (IsA(node, WindowFunc) || IsA(node, Var))
		return (Node *) makeVar(1, st_position_in(&context->columns, node), exprType(node), exprTypmod(node), exprCollation(node), 0);
	return expression_tree_mutator(node, split_mutator, arg);
}

/* Of all rows; what orders them means nothing. */
static List *
totals_only(List *windows)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, windows)
	{
		WindowClause *window = lfirst_node(WindowClause, lc);

		if (window->partitionClause)
			continue;
		window->orderClause = NIL;
		window->frameOptions = FRAMEOPTION_DEFAULTS;
		window->startOffset = window->endOffset = NULL;
		result = lappend(result, window);
	}
	return result;
}

/*
 * A level that has aggregates of all rows beside other windows becomes one with
 * nothing but these aggregates over one with the others. NULL: it does not.
 */
static Query *
split_totals(Query *upper)
{
	SplitContext context = {upper};
	List	   *targets = NIL;
	List	   *below_targets;
	Query	   *below;
	ListCell   *lc;

	foreach(lc, upper->targetList)
		if (!lfirst_node(TargetEntry, lc)->resjunk)
			targets = lappend(targets, split_mutator(lfirst(lc), &context));
	foreach(lc, context.columns)
		if (IsA(lfirst(lc), WindowFunc))
			break;
	if (!context.totals || lc == NULL)
		return NULL;
	below = copyObject(upper);
	below_targets = st_make_targets(copyObject(context.columns));
	/* what windows are partitioned and ordered by is no column of the result */
	foreach(lc, upper->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, lc);

		if (target->ressortgroupref == 0 || contain_windowfuncs((Node *) target->expr))
			continue;
		target = flatCopyTargetEntry(target);
		target->resno = list_length(below_targets) + 1;
		target->resjunk = true;
		below_targets = lappend(below_targets, target);
	}
	below->targetList = below_targets;
	foreach(lc, targets)
		lfirst_node(TargetEntry, lc)->ressortgroupref = 0;
	upper->targetList = targets;
	upper->windowClause = totals_only(upper->windowClause);
	upper->rtable = list_make1(st_make_subquery_entry(below, "b", st_make_names(list_length(context.columns))));
	return upper;
}

/* ----- windows over states ----- */

/* Does a block read nothing but states? */
static bool
table_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
		return ((RangeTblEntry *) node)->rtekind == RTE_RELATION;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, table_walker, arg, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, table_walker, arg);
}

/* The upper half over the linear "below" as a state that is computed again. NULL: declined. */
static Query *
make_whole(Query *upper, Query *below, BuildContext *context)
{
	StNode	   *node = palloc0(sizeof(StNode));
	List	   *targets = NIL;
	ListCell   *lc;

	linitial_node(RangeTblEntry, upper->rtable)->subquery = below;
	linitial_node(RangeTblEntry, upper->rtable)->eref->colnames = st_make_names(list_length(below->targetList));
	st_replace_aliases(upper);
	foreach(lc, upper->windowClause)
		st_unname_window(lfirst_node(WindowClause, lc));
	foreach(lc, upper->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, lc);
		Oid			type = exprType((Node *) target->expr);
		Node	   *column;

		if (target->resjunk)
			continue;
		if (target->ressortgroupref == 0)
			target->expr = st_store_record(target->expr);
		column = (Node *) target->expr;
		if (get_typtype(exprType(column)) == TYPTYPE_PSEUDO)
			return st_decline(context, "a column of a window has no type that a table can hold");
		node->nshown++;
		targets = lappend(targets, makeTargetEntry(st_stored_record((Expr *) makeVar(1, node->nshown, exprType(column), exprTypmod(column), exprCollation(column), 0),
																	type),
												   node->nshown, target->resname ? pstrdup(target->resname) : "c", false));
	}
	node->narguments = node->nshown;
	node->block = upper;
	node->whole = true;
	if (!st_finish_node(node, context))
		return NULL;
	return st_make_query(list_make1(st_make_leaf(node)), NULL, targets);
}

/* Is there a function that is more than an aggregate of its whole partition? */
static bool
other_function_walker(Node *node, void *arg)
{
	if (node == NULL || IsA(node, Query))
		return false;
	check_stack_depth();
	if (IsA(node, WindowFunc))
		return !is_whole_aggregate((WindowFunc *) node, st_window_of(arg, (WindowFunc *) node));
	return expression_tree_walker(node, other_function_walker, arg);
}

bool
st_windows_are_partitioned(Query *query)
{
	ListCell   *lc;

	if (!query->hasWindowFuncs)
		return false;
	foreach(lc, query->windowClause)
		if (lfirst_node(WindowClause, lc)->partitionClause == NIL)
			return false;
	return other_function_walker((Node *) query->targetList, query);
}

Query *
st_window_level(Query *query, BuildContext *context)
{
	Query	   *upper = cut(query);
	Query	   *joined;
	Query	   *below;
	Query	   *result;

	if (upper == NULL)
		return st_decline(context, "window functions have no delta rule yet");
	st_replace_shares(upper);
	if (!upper->hasWindowFuncs)
		return st_linearize(upper, context);
	joined = join_aggregates(copyObject(upper));
	if (joined == NULL)
		joined = split_totals(copyObject(upper));
	if (joined)
		return st_linearize(joined, context);
	below = st_linearize(linitial_node(RangeTblEntry, upper->rtable)->subquery, context);
	if (below == NULL)
		return NULL;
	result = st_window_order(copyObject(upper), copyObject(below), context);
	if (result || table_walker((Node *) below, NULL))
		return result;
	context->reason = NULL;
	return make_whole(upper, below, context);
}
