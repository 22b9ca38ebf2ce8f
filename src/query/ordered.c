/*-------------------------------------------------------------------------
 *
 * ordered.c
 *	  What DISTINCT ON and LIMIT share: a state whose rows have an order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "query/build.h"

static bool
is_clause_of(List *clauses, Index reference)
{
	ListCell   *lc;

	foreach(lc, clauses)
		if (lfirst_node(SortGroupClause, lc)->tleSortGroupRef == reference)
			return true;
	return false;
}

void
st_take_order(Query *query, StOrder *order)
{
	ListCell   *lc;

	order->order = query->sortClause;
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk && !is_clause_of(order->order, tle->ressortgroupref) &&
			!is_clause_of(query->distinctClause, tle->ressortgroupref))
			continue;
		order->references = lappend_int(order->references, tle->ressortgroupref);
		if (!tle->resjunk)
			order->shown = lappend_int(order->shown, list_length(order->references));
		tle->resjunk = false;
	}
}

int
st_ordered_position(StOrder *order, SortGroupClause *clause)
{
	ListCell   *lc;

	foreach(lc, order->references)
		if (lfirst_int(lc) == (int) clause->tleSortGroupRef)
			return foreach_current_index(lc) + 1;
	elog(ERROR, "a sort clause names no column");
}

Var *
st_ordered_var(Query *query, int position)
{
	Node	   *expr = (Node *) list_nth_node(TargetEntry, query->targetList, position - 1)->expr;

	return makeVar(1, position, exprType(expr), exprTypmod(expr), exprCollation(expr), 0);
}

List *
st_add_ordered_column(List *columns, Query *query, int position, char *name)
{
	return lappend(columns, makeTargetEntry(st_store_record((Expr *) st_ordered_var(query, position)),
											list_length(columns) + 1, name, false));
}

/* The type of a column that is stored in another one, or InvalidOid. */
static Oid
record_type(Query *query, int position)
{
	Oid			type = st_ordered_var(query, position)->vartype;

	return st_is_record(type) ? type : InvalidOid;
}

Query *
st_ordered_rows(Query *query, StOrder *order, StNode *node, List *columns, List *targets, BuildContext *context)
{
	ListCell   *lc;

	foreach(lc, order->order)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		StSortColumn *column = palloc0(sizeof(StSortColumn));

		columns = st_add_ordered_column(columns, query, st_ordered_position(order, clause),
										psprintf("a%d", ++node->narguments));
		column->argument = node->narguments;
		column->record = record_type(query, st_ordered_position(order, clause));
		column->operator = clause->sortop;
		column->nulls_first = clause->nulls_first;
		node->order = lappend(node->order, column);
	}
	if (node->top)
		node->nshown = node->narguments;
	node->block = st_make_query(list_make1(st_make_subquery_entry(query, "a", NIL)), NULL, columns);
	st_replace_aliases(node->block);
	if (!st_finish_node(node, context))
		return NULL;
	return st_make_query(list_make1(st_make_leaf(node)), NULL, targets);
}
