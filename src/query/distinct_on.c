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

	first->keys = query->distinctClause;
	st_take_order(query, &first->order);
	query->distinctClause = NIL;
	query->hasDistinctOn = false;
	return first;
}

/* Position of the key that is the shown column, 1-based, or 0. */
static int
shown_key(StFirstRows *first, Query *query, int position)
{
	ListCell   *lc;

	foreach(lc, first->keys)
		if (st_ordered_position(&first->order, lfirst_node(SortGroupClause, lc)) == position &&
			st_column_is_exact(query, position - 1))
			return foreach_current_index(lc) + 1;
	return 0;
}

Query *
st_first_rows(Query *query, StFirstRows *first, BuildContext *context)
{
	StNode	   *node = palloc0(sizeof(StNode));
	List	   *columns = NIL;
	List	   *targets = NIL;
	ListCell   *lc;

	node->first = true;
	node->nkeys = list_length(first->keys);
	node->recompute = true;
	foreach(lc, first->keys)
	{
		int			position = st_ordered_position(&first->order, lfirst_node(SortGroupClause, lc));

		/* it is compared in another form */
		if (st_is_record(st_ordered_var(query, position)->vartype) &&
			!st_records_are_exact(list_make1(list_nth_node(TargetEntry, query->targetList, position - 1)->expr), list_make1(query), NULL, context))
			return st_decline(context, "a grouping key has no type that a table can hold");
		columns = st_add_ordered_column(columns, query, position, psprintf("k%d", foreach_current_index(lc) + 1));
	}
	foreach(lc, first->order.shown)
	{
		TargetEntry *tle = list_nth_node(TargetEntry, query->targetList, lfirst_int(lc) - 1);
		int			key = shown_key(first, query, lfirst_int(lc));
		Var		   *var = st_ordered_var(query, lfirst_int(lc));

		if (key == 0)
		{
			columns = st_add_ordered_column(columns, query, lfirst_int(lc), psprintf("a%d", ++node->nshown));
			key = node->nkeys + node->nshown;
		}
		/* printing goes by the syntactic number */
		var->varattno = var->varattnosyn = key;
		targets = lappend(targets, makeTargetEntry(st_stored_record((Expr *) var, var->vartype), list_length(targets) + 1, tle->resname, false));
	}
	node->narguments = node->nshown;
	return st_ordered_rows(query, &first->order, node, columns, targets, context);
}
