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

	if (!constant_rows(query->limitCount, &top->limit) || !constant_rows(query->limitOffset, &top->offset))
		return st_decline(context, "LIMIT and OFFSET other than constants have no delta rule");
	top->offset = Max(top->offset, 0);
	if (top->limit < 0 && top->offset > 0)
		return st_decline(context, "OFFSET without LIMIT has no delta rule");
	if (top->limit > MAX_ROWS || top->offset > MAX_ROWS)
		return st_decline(context, psprintf("LIMIT and OFFSET of more than %d rows have no delta rule", MAX_ROWS));
	top->ties = query->limitOption == LIMIT_OPTION_WITH_TIES;
	st_take_order(query, &top->order);
	query->limitCount = query->limitOffset = NULL;
	query->limitOption = LIMIT_OPTION_COUNT;
	return top;
}

Query *
st_top_rows(Query *query, StTop *top, BuildContext *context)
{
	StNode	   *node = palloc0(sizeof(StNode));
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
	foreach(lc, top->order.shown)
	{
		TargetEntry *tle = list_nth_node(TargetEntry, query->targetList, lfirst_int(lc) - 1);
		Var		   *var = st_ordered_var(query, lfirst_int(lc));

		node->narguments++;
		columns = st_add_ordered_column(columns, query, lfirst_int(lc), psprintf("a%d", node->narguments));
		var->varattno = var->varattnosyn = node->narguments;
		targets = lappend(targets, makeTargetEntry(st_stored_record((Expr *) var, var->vartype), node->narguments, tle->resname, false));
	}
	return st_ordered_rows(query, &top->order, node, columns, targets, context);
}
