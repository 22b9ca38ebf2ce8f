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
		bool		is_key = false;
		ListCell   *lc2;

		foreach(lc2, query->groupClause)
			if (tle->ressortgroupref == lfirst_node(SortGroupClause, lc2)->tleSortGroupRef)
				is_key = true;
		if (!is_key)
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

/* ----- subqueries above ----- */

typedef struct AboveContext
{
	List	   *keys;			/* expressions that the level groups by */
	List	   *columns;		/* of the grouping, which becomes a subquery */
	Index		depth;			/* levels of subqueries around the expression */
	bool		failed;
} AboveContext;

static Node *
column_above(AboveContext *context, Node *expr)
{
	AttrNumber	column = 1;
	ListCell   *lc;

	foreach(lc, context->columns)
	{
		if (equal(lfirst(lc), expr))
			break;
		column++;
	}
	if (lc == NULL)
		context->columns = lappend(context->columns, copyObject(expr));
	return (Node *) makeVar(1, column, exprType(expr), exprTypmod(expr), exprCollation(expr), context->depth);
}

/* Keys, aggregates and GROUPING() become columns; within subqueries only keys that are columns may be named. */
static Node *
above_mutator(Node *node, void *arg)
{
	AboveContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (context->depth == 0 &&
		(IsA(node, Aggref) || IsA(node, GroupingFunc) ||
		 (!IsA(node, List) && !IsA(node, Const) && list_member(context->keys, node))))
		return column_above(context, node);
	if ((IsA(node, Aggref) && ((Aggref *) node)->agglevelsup >= context->depth) ||
		(IsA(node, GroupingFunc) && ((GroupingFunc *) node)->agglevelsup >= context->depth))
		context->failed = true;
	if (IsA(node, Var) && ((Var *) node)->varlevelsup >= context->depth)
	{
		Var		   *var = copyObject((Var *) node);

		var->varlevelsup -= context->depth;
		if (var->varlevelsup > 0 || !list_member(context->keys, var))
			context->failed = true;
		return column_above(context, (Node *) var);
	}
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

bool
st_split_grouping_sets(Query *query)
{
	AboveContext context = {get_sortgrouplist_exprs(query->groupClause, query->targetList), NIL, 0, false};
	List	   *targets = (List *) above_mutator((Node *) query->targetList, &context);
	Node	   *having = above_mutator(query->havingQual, &context);
	Query	   *below = makeNode(Query);
	ListCell   *lc;

	if (context.failed || context.columns == NIL || checkExprHasSubLink((Node *) context.columns))
		return false;
	memcpy(below, query, sizeof(Query));
	below->targetList = st_make_targets(context.columns);
	/* grouping sets and GROUPING() name the keys by these numbers */
	foreach(lc, query->groupClause)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		Expr	   *key = (Expr *) get_sortgroupclause_expr(clause, query->targetList);
		TargetEntry *target = tlist_member(key, below->targetList);

		if (target == NULL || target->ressortgroupref != 0)
		{
			target = makeTargetEntry(copyObject(key), list_length(below->targetList) + 1, "k", true);
			below->targetList = lappend(below->targetList, target);
		}
		target->ressortgroupref = clause->tleSortGroupRef;
	}
	below->havingQual = NULL;
	below->distinctClause = NIL;
	below->hasDistinctOn = false;
	below->sortClause = NIL;
	below->hasSubLinks = checkExprHasSubLink((Node *) below->jointree);

	if (having && IsA(having, List))
		having = (Node *) make_ands_explicit((List *) having);
	st_stand_on(query, below, st_make_names(list_length(context.columns)), targets, having);
	return true;
}
