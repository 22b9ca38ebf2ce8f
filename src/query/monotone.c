/*-------------------------------------------------------------------------
 *
 * monotone.c
 *	  Does a query only gain rows when what it reads gains rows?
 *
 * Stream tables that read each other are what their queries come to when they
 * begin without rows and are repeated until nothing is new (rule K9): that ends
 * in one way only if no query takes back what another one has used. UNION ALL counts the
 * ways to a row, of which a circle has as many as one likes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"

#include "query/query.h"

static bool expression_walker(Node *node, void *arg);
static bool condition_walker(Node *node, void *arg);

static bool
found(void *arg, const char *what)
{
	*(const char **) arg = what;
	return true;
}

static bool
set_operation_walker(Node *node, void *arg)
{
	SetOperationStmt *operation = (SetOperationStmt *) node;

	if (!IsA(node, SetOperationStmt))
		return false;
	check_stack_depth();
	if (operation->op == SETOP_EXCEPT)
		return found(arg, "EXCEPT");
	if (operation->op == SETOP_UNION && operation->all)
		return found(arg, "UNION ALL");
	return set_operation_walker(operation->larg, arg) || set_operation_walker(operation->rarg, arg);
}

/* What is in FROM, and its conditions. */
static bool
from_walker(Node *node, void *arg)
{
	ListCell   *lc;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, FromExpr))
	{
		foreach(lc, ((FromExpr *) node)->fromlist)
			if (from_walker(lfirst(lc), arg))
				return true;
		return condition_walker(((FromExpr *) node)->quals, arg);
	}
	if (IsA(node, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) node;

		if (join->jointype != JOIN_INNER)
			return found(arg, "an outer join");
		return from_walker(join->larg, arg) || from_walker(join->rarg, arg) || condition_walker(join->quals, arg);
	}
	return false;
}

static bool
query_walker(Query *query, void *arg)
{
	ListCell   *lc;

	check_stack_depth();
	if (query->hasAggs || query->groupClause || query->groupingSets || query->havingQual)
		return found(arg, "GROUP BY or an aggregate");
	if (query->hasWindowFuncs)
		return found(arg, "a window function");
	if (query->limitCount || query->limitOffset)
		return found(arg, "LIMIT or OFFSET");
	if (query->hasDistinctOn)
		return found(arg, "DISTINCT ON");
	if (query->hasRecursive)
		return found(arg, "WITH RECURSIVE");
	if (query->setOperations && set_operation_walker(query->setOperations, arg))
		return true;
	foreach(lc, query->cteList)
		if (query_walker(castNode(Query, lfirst_node(CommonTableExpr, lc)->ctequery), arg))
			return true;
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_SUBQUERY && query_walker(rte->subquery, arg))
			return true;
		if (expression_walker((Node *) rte->functions, arg) || expression_walker((Node *) rte->values_lists, arg))
			return true;
	}
	return expression_walker((Node *) query->targetList, arg) || from_walker((Node *) query->jointree, arg);
}

/* Where a subquery may make its row go when it gets one. */
static bool
expression_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, SubLink))
	{
		SubLinkType type = ((SubLink *) node)->subLinkType;

		return found(arg, type == EXISTS_SUBLINK || type == ANY_SUBLINK ? "NOT EXISTS, NOT IN, or the like" : "a subquery in an expression");
	}
	return expression_tree_walker(node, expression_walker, arg);
}

/* A condition that rows meet: EXISTS and IN only ever let in more of them. */
static bool
condition_walker(Node *node, void *arg)
{
	ListCell   *lc;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, List))
	{
		foreach(lc, (List *) node)
			if (condition_walker(lfirst(lc), arg))
				return true;
		return false;
	}
	if (IsA(node, BoolExpr) && ((BoolExpr *) node)->boolop != NOT_EXPR)
		return condition_walker((Node *) ((BoolExpr *) node)->args, arg);
	if (IsA(node, SubLink) &&
		(((SubLink *) node)->subLinkType == EXISTS_SUBLINK || ((SubLink *) node)->subLinkType == ANY_SUBLINK))
		return expression_walker(((SubLink *) node)->testexpr, arg) ||
			query_walker(castNode(Query, ((SubLink *) node)->subselect), arg);
	return expression_walker(node, arg);
}

const char *
st_query_not_monotone(Query *query)
{
	const char *what = NULL;

	if (st_query_reads_clock(query))
		return "a comparison with the present time";
	(void) query_walker(query, &what);
	return what;
}
