/*-------------------------------------------------------------------------
 *
 * distinct_on.c
 *	  DISTINCT ON: the first row of each key.
 *
 * NOTES
 *	  A state holds one row of each key: the first by ORDER BY, and among equals
 *	  the one whose image is the smallest, so that fill and delta choose alike
 *	  (rule A5). A key whose rows change is computed again, as a group is whose
 *	  aggregates cannot follow a change.
 *
 *	  Its block's columns are the keys, then the columns that are shown, then
 *	  those that only order. A key that is shown is read from the keys, unless
 *	  equal ones can look different: then the one of the first row is shown.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "query/build.h"

StFirstRows *
st_take_distinct_on(Query *query)
{
	StFirstRows *first = palloc0(sizeof(StFirstRows));
	int			position = 0;
	ListCell   *lc;

	first->keys = query->distinctClause;
	first->order = query->sortClause;
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		bool		used = !tle->resjunk;
		ListCell   *lc2;

		foreach(lc2, first->order)
			used = used || lfirst_node(SortGroupClause, lc2)->tleSortGroupRef == tle->ressortgroupref;
		foreach(lc2, first->keys)
			used = used || lfirst_node(SortGroupClause, lc2)->tleSortGroupRef == tle->ressortgroupref;
		if (!used)
			continue;
		first->references = lappend_int(first->references, tle->ressortgroupref);
		position++;
		if (!tle->resjunk)
			first->shown = lappend_int(first->shown, position);
		tle->resjunk = false;
	}
	query->distinctClause = NIL;
	query->hasDistinctOn = false;
	return first;
}

/* The column of the query that a clause names, 1-based. */
static int
position_of(StFirstRows *first, SortGroupClause *clause)
{
	ListCell   *lc;

	foreach(lc, first->references)
		if (lfirst_int(lc) == (int) clause->tleSortGroupRef)
			return foreach_current_index(lc) + 1;
	elog(ERROR, "a sort clause names no column");
}

static Var *
column_var(Query *query, int position)
{
	Node	   *expr = (Node *) list_nth_node(TargetEntry, query->targetList, position - 1)->expr;

	return makeVar(1, position, exprType(expr), exprTypmod(expr), exprCollation(expr), 0);
}

static List *
add_column(List *targets, Query *query, int position, char *name)
{
	return lappend(targets, makeTargetEntry((Expr *) column_var(query, position), list_length(targets) + 1,
											name, false));
}

/* Position of the key that is the shown column, 1-based, or 0. */
static int
shown_key(StFirstRows *first, Query *query, int position)
{
	ListCell   *lc;

	foreach(lc, first->keys)
		if (position_of(first, lfirst_node(SortGroupClause, lc)) == position &&
			st_column_is_exact(query, position - 1))
			return foreach_current_index(lc) + 1;
	return 0;
}

Query *
st_first_rows(Query *query, StFirstRows *first, BuildContext *context)
{
	StNode	   *node = palloc0(sizeof(StNode));
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	List	   *columns = NIL;
	List	   *targets = NIL;
	List	   *order = NIL;
	ListCell   *lc;

	node->nkeys = list_length(first->keys);
	node->recompute = true;
	foreach(lc, first->keys)
		columns = add_column(columns, query, position_of(first, lfirst_node(SortGroupClause, lc)),
							 psprintf("k%d", foreach_current_index(lc) + 1));
	foreach(lc, first->shown)
	{
		TargetEntry *tle = list_nth_node(TargetEntry, query->targetList, lfirst_int(lc) - 1);
		int			key = shown_key(first, query, lfirst_int(lc));
		Var		   *var = column_var(query, lfirst_int(lc));

		if (key == 0)
		{
			columns = add_column(columns, query, lfirst_int(lc), psprintf("a%d", ++node->nshown));
			key = node->nkeys + node->nshown;
		}
		/* printing goes by the syntactic number */
		var->varattno = var->varattnosyn = key;
		targets = lappend(targets, makeTargetEntry((Expr *) var, list_length(targets) + 1, tle->resname, false));
	}
	node->narguments = node->nshown;
	foreach(lc, first->order)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		StSortColumn *column = palloc0(sizeof(StSortColumn));

		columns = add_column(columns, query, position_of(first, clause), psprintf("a%d", ++node->narguments));
		column->argument = node->narguments;
		column->operator = clause->sortop;
		column->nulls_first = clause->nulls_first;
		order = lappend(order, column);
	}
	node->first = true;
	node->order = order;

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
