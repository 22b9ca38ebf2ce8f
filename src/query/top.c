/*-------------------------------------------------------------------------
 *
 * top.c
 *	  ORDER BY with LIMIT, OFFSET and FETCH FIRST .. WITH TIES.
 *
 * NOTES
 *	  A state holds the first rows by ORDER BY and then by their image, more of
 *	  them than are shown, so that deletes seldom need the whole query (rule
 *	  E13). src/delta/top.c says how it follows a change.
 *
 *	  The level becomes one without a limit, in which columns that only order
 *	  are columns like any other; the state's columns are those of the result
 *	  first, then those by which it is ordered.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"

#include "query/build.h"

/* a refresh reads the state: from so many rows on the query is the cheaper way */
#define MAX_ROWS 100000

/* The number of rows of a LIMIT or OFFSET; absent: -1. False if it is no fit constant. */
static bool
constant_rows(Node *expr, int64 *rows)
{
	Const	   *constant = (Const *) eval_const_expressions(NULL, expr);

	*rows = -1;
	if (constant == NULL)
		return true;
	if (!IsA(constant, Const) || constant->consttype != INT8OID)
		return false;
	if (constant->constisnull)
		return true;
	*rows = DatumGetInt64(constant->constvalue);
	return *rows >= 0;
}

StTop *
st_take_limit(Query *query, BuildContext *context)
{
	StTop	   *top = palloc0(sizeof(StTop));
	int			position = 0;
	ListCell   *lc;

	if (!constant_rows(query->limitCount, &top->limit) || !constant_rows(query->limitOffset, &top->offset))
		return st_decline(context, "LIMIT and OFFSET other than constants have no delta rule");
	top->offset = Max(top->offset, 0);
	if (top->limit < 0 && top->offset > 0)
		return st_decline(context, "OFFSET without LIMIT has no delta rule");
	if (top->limit > MAX_ROWS || top->offset > MAX_ROWS)
		return st_decline(context, psprintf("LIMIT and OFFSET of more than %d rows have no delta rule", MAX_ROWS));
	top->ties = query->limitOption == LIMIT_OPTION_WITH_TIES;
	top->order = query->sortClause;
	query->limitCount = query->limitOffset = NULL;
	query->limitOption = LIMIT_OPTION_COUNT;
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		bool		orders = false;
		ListCell   *lc2;

		foreach(lc2, top->order)
			orders = orders || lfirst_node(SortGroupClause, lc2)->tleSortGroupRef == tle->ressortgroupref;
		if (tle->resjunk && !orders)
			continue;
		top->references = lappend_int(top->references, tle->ressortgroupref);
		position++;
		if (!tle->resjunk)
			top->shown = lappend_int(top->shown, position);
		tle->resjunk = false;
	}
	return top;
}

static Var *
column_var(Query *query, int position)
{
	Node	   *expr = (Node *) list_nth_node(TargetEntry, query->targetList, position - 1)->expr;

	return makeVar(1, position, exprType(expr), exprTypmod(expr), exprCollation(expr), 0);
}

Query *
st_top_rows(Query *query, StTop *top, BuildContext *context)
{
	StNode	   *node = palloc0(sizeof(StNode));
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	List	   *columns = NIL;
	List	   *targets = NIL;
	ListCell   *lc;

	/* LIMIT ALL */
	if (top->limit < 0)
		return query;
	node->top = true;
	node->limit = top->limit;
	node->offset = top->offset;
	node->ties = top->ties;
	foreach(lc, top->shown)
	{
		TargetEntry *tle = list_nth_node(TargetEntry, query->targetList, lfirst_int(lc) - 1);
		Var		   *var = column_var(query, lfirst_int(lc));

		node->narguments++;
		columns = lappend(columns, makeTargetEntry((Expr *) copyObject(var), node->narguments,
												   psprintf("a%d", node->narguments), false));
		var->varattno = var->varattnosyn = node->narguments;
		targets = lappend(targets, makeTargetEntry((Expr *) var, node->narguments, tle->resname, false));
	}
	foreach(lc, top->order)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		StSortColumn *column = palloc0(sizeof(StSortColumn));
		int			position = 1;
		ListCell   *lc2;

		foreach(lc2, top->references)
		{
			if (lfirst_int(lc2) == (int) clause->tleSortGroupRef)
				break;
			position++;
		}
		node->narguments++;
		columns = lappend(columns, makeTargetEntry((Expr *) column_var(query, position), node->narguments,
												   psprintf("a%d", node->narguments), false));
		column->argument = node->narguments;
		column->operator = clause->sortop;
		column->nulls_first = clause->nulls_first;
		node->order = lappend(node->order, column);
	}
	node->nshown = node->narguments;

	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = query;
	rte->inFromCl = true;
	rte->eref = makeAlias("a", NIL);
	node->block = st_make_query(list_make1(rte), NULL, columns);
	st_replace_aliases(node->block);
	if (!st_finish_node(node, context))
		return NULL;
	return st_make_query(list_make1(st_make_leaf(node)), NULL, targets);
}
