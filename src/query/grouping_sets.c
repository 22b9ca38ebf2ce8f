/*-------------------------------------------------------------------------
 *
 * grouping_sets.c
 *	  GROUPING SETS, ROLLUP and CUBE: one grouping for each set.
 *
 * NOTES
 *	  The query becomes as many queries as it has sets, over the same FROM:
 *	  equal joins and equal states are one, and their rows stand one behind the
 *	  other (UNION ALL), so that a set that is there twice gives its rows twice.
 *	  In the query of a set a key that the set lacks is a NULL of its type and
 *	  GROUPING() a constant. Only the empty set has a row where there is no
 *	  input (rule A6).
 *
 *	  What is a key is found as PostgreSQL does (fix_upper_expr in setrefs.c):
 *	  the largest expression that equals one counts, constants only where the
 *	  select list's own entry is the key, and arguments of aggregates are
 *	  evaluated below the grouping.
 *
 *	  What is evaluated above a grouping and cannot be part of a state's columns,
 *	  as subqueries above grouping sets, and whatever a correlated subquery does
 *	  with the only row of an aggregate, becomes a query of its own that reads the
 *	  grouping.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_agg.h"
#include "rewrite/rewriteManip.h"

#include "compat.h"
#include "query/build.h"

typedef struct SetContext
{
	List	   *refs;			/* sort group references in the set */
	List	   *present;		/* keys in the set: expressions */
	List	   *absent;			/* keys of other sets */
} SetContext;

static Node *
typed_null(Node *expr)
{
	return (Node *) makeNullConst(exprType(expr), exprTypmod(expr), exprCollation(expr));
}

/* The value of GROUPING() in the set: a bit for each argument, 1 where it lacks it. */
static Node *
grouping_value(GroupingFunc *function, List *refs)
{
	int32		value = 0;
	ListCell   *lc;

	foreach(lc, function->refs)
		value = (value << 1) | (list_member_int(refs, lfirst_int(lc)) ? 0 : 1);
	return (Node *) makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(value), false, true);
}

static Node *
set_mutator(Node *node, void *arg)
{
	SetContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Aggref))
	{
		Aggref	   *aggref = copyObject((Aggref *) node);

		aggref->aggdirectargs = (List *) expression_tree_mutator((Node *) aggref->aggdirectargs,
																 set_mutator, arg);
		return (Node *) aggref;
	}
	if (IsA(node, GroupingFunc))
		return grouping_value((GroupingFunc *) node, context->refs);
	if (!IsA(node, Const) && list_member(context->present, node))
		return copyObject(node);
	if (!IsA(node, Const) && list_member(context->absent, node))
		return typed_null(node);
	return expression_tree_mutator(node, set_mutator, arg);
}

static bool
is_key(Query *query, TargetEntry *tle)
{
	ListCell   *lc;

	foreach(lc, query->groupClause)
		if (tle->ressortgroupref == lfirst_node(SortGroupClause, lc)->tleSortGroupRef)
			return true;
	return false;
}

/* The query of one set. */
static Query *
query_of_set(Query *query, List *refs)
{
	Query	   *result = copyObject(query);
	SetContext	context = {refs, NIL, NIL};
	List	   *clauses = NIL;
	ListCell   *lc;

	foreach(lc, result->groupClause)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		Node	   *key = copyObject(get_sortgroupclause_expr(clause, result->targetList));

		if (list_member_int(refs, clause->tleSortGroupRef))
		{
			clauses = lappend(clauses, clause);
			context.present = lappend(context.present, key);
		}
		else
			context.absent = lappend(context.absent, key);
	}
	foreach(lc, result->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!is_key(query, tle))
			tle->expr = (Expr *) set_mutator((Node *) tle->expr, &context);
		else if (!list_member_int(refs, tle->ressortgroupref))
			tle->expr = (Expr *) typed_null((Node *) tle->expr);
	}
	result->havingQual = set_mutator(result->havingQual, &context);
	result->groupClause = clauses;
	result->groupingSets = NIL;
	return result;
}

List *
st_expand_grouping_sets(Query *query, BuildContext *context)
{
	/* how many there may be is asked when it is created (limits.c) */
	List	   *sets = expand_grouping_sets(query->groupingSets, query->groupDistinct, -1);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, sets)
	{
		CHECK_FOR_INTERRUPTS();
		result = lappend(result, query_of_set(query, lfirst(lc)));
	}
	return result;
}

/* ----- what stays above a grouping ----- */

typedef struct AboveContext
{
	List	   *keys;			/* expressions that the level groups by */
	List	   *columns;		/* of the grouping, which becomes a subquery */
	Index		depth;			/* levels of subqueries around the expression */
} AboveContext;

static Node *
column_above(AboveContext *context, Node *expr)
{
	return (Node *) makeVar(1, st_position_in(&context->columns, copyObject(expr)), exprType(expr), exprTypmod(expr),
							exprCollation(expr), context->depth);
}

/* Of which level below the present one an aggregate or GROUPING() is; -1: it is neither. */
static int
aggregate_level(Node *node)
{
	if (IsA(node, Aggref))
		return ((Aggref *) node)->agglevelsup;
	if (IsA(node, GroupingFunc))
		return ((GroupingFunc *) node)->agglevelsup;
	return -1;
}

/*
 * Keys, aggregates and GROUPING() become columns. Within subqueries only keys
 * that are columns can be named; what depends on these is a column as well.
 */
static Node *
above_mutator(Node *node, void *arg)
{
	AboveContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (aggregate_level(node) == (int) context->depth ||
		(IsA(node, Var) && ((Var *) node)->varlevelsup == context->depth))
	{
		node = copyObject(node);
		IncrementVarSublevelsUp(node, -(int) context->depth, context->depth);
		return column_above(context, node);
	}
	if (context->depth == 0 && !IsA(node, List) && !IsA(node, Const) && list_member(context->keys, node))
		return column_above(context, node);
	if (IsA(node, Query))
	{
		Query	   *result;

		context->depth++;
		result = query_tree_mutator((Query *) node, above_mutator, arg, 0);
		context->depth--;
		return (Node *) result;
	}
	return expression_tree_mutator(node, above_mutator, arg);
}

/* The columns of a grouping; one at least, and one by which it groups if nothing else does. */
static List *
grouping_columns(Query *query, List *exprs)
{
	List	   *targets;
	ListCell   *lc;

	if (query->groupClause == NIL && query->groupingSets == NIL && !query->hasAggs)
		exprs = lappend(exprs, st_make_count());
	targets = st_make_targets(exprs);
	/* grouping sets and GROUPING() name the keys by these numbers */
	foreach(lc, query->groupClause)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		Expr	   *key = (Expr *) get_sortgroupclause_expr(clause, query->targetList);
		TargetEntry *target = tlist_member(key, targets);

		if (target == NULL || target->ressortgroupref != 0)
		{
			target = makeTargetEntry(copyObject(key), list_length(targets) + 1, "k", false);
			targets = lappend(targets, target);
		}
		target->ressortgroupref = clause->tleSortGroupRef;
	}
	if (targets == NIL)
		targets = list_make1(makeTargetEntry((Expr *) makeBoolConst(true, false), 1, "c1", false));
	return targets;
}

bool
st_stand_on_groups(Query *query)
{
	AboveContext context = {get_sortgrouplist_exprs(query->groupClause, query->targetList), NIL, 0};
	List	   *targets = NIL;
	Node	   *having;
	Query	   *below = makeNode(Query);
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *target = flatCopyTargetEntry(lfirst(lc));

		/* of equal constants only the key's own entry is the key */
		target->expr = (Expr *) (is_key(query, target) ? column_above(&context, (Node *) target->expr) :
								 above_mutator((Node *) target->expr, &context));
		targets = lappend(targets, target);
	}
	having = above_mutator(query->havingQual, &context);

	if (query->groupingSets && checkExprHasSubLink((Node *) context.columns))
		return false;
	memcpy(below, query, sizeof(Query));
	below->targetList = grouping_columns(query, context.columns);
	below->hasAggs = contain_aggs_of_level((Node *) below->targetList, 0);
	below->havingQual = NULL;
	below->distinctClause = NIL;
	below->hasDistinctOn = false;
	below->sortClause = NIL;
	below->windowClause = NIL;
	below->hasWindowFuncs = false;
	below->limitCount = below->limitOffset = NULL;
	below->limitOption = LIMIT_OPTION_COUNT;
	below->hasTargetSRFs = expression_returns_set((Node *) below->targetList);
	below->hasSubLinks = checkExprHasSubLink((Node *) below->jointree) || checkExprHasSubLink((Node *) below->targetList);
	IncrementVarSublevelsUp((Node *) below, 1, 1);

	if (having && IsA(having, List))
		having = (Node *) make_ands_explicit((List *) having);
	query->constraintDeps = NIL;
	st_stand_on(query, below, st_make_names(list_length(below->targetList)), targets, having);
	linitial_node(RangeTblEntry, query->rtable)->lateral = st_is_correlated(below);
	return true;
}
