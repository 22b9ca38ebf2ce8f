/*-------------------------------------------------------------------------
 *
 * dependencies.c
 *	  What a query's result depends on besides rows: views and functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/syscache.h"

#include "query/query.h"

/*
 * Before 16 an expanded view leaves the entries of its rule (relkind VIEW) in
 * the range table of the subquery; from 16 on the subquery's entry keeps relid.
 */
static bool
views_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if ((rte->rtekind == RTE_RELATION || rte->rtekind == RTE_SUBQUERY) &&
			OidIsValid(rte->relid) && rte->relkind == RELKIND_VIEW)
			*(List **) arg = list_append_unique_oid(*(List **) arg, rte->relid);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, views_walker, arg, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, views_walker, arg);
}

List *
st_query_views(Query *query)
{
	List	   *views = NIL;

	(void) views_walker((Node *) query, &views);
	list_sort(views, list_oid_cmp);
	return views;
}

static bool
note_function(Oid function, void *arg)
{
	if (function >= FirstNormalObjectId)
		*(List **) arg = list_append_unique_oid(*(List **) arg, function);
	return false;
}

static bool
functions_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	(void) check_functions_in_node(node, note_function, arg);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, functions_walker, arg, 0);
	return expression_tree_walker(node, functions_walker, arg);
}

List *
st_query_functions(Query *query)
{
	List	   *functions = NIL;

	(void) functions_walker((Node *) query, &functions);
	list_sort(functions, list_oid_cmp);
	return functions;
}

static void
append_row(StringInfo text, Oid object, HeapTuple tuple)
{
	if (HeapTupleIsValid(tuple))
	{
		appendStringInfo(text, "%u:%u ", object, HeapTupleHeaderGetRawXmin(tuple->t_data));
		ReleaseSysCache(tuple);
	}
	else
		appendStringInfo(text, "%u:gone ", object);
}

char *
st_query_views_fingerprint(Query *query)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, st_query_views(query))
		append_row(&text, lfirst_oid(lc),
				   SearchSysCache2(RULERELNAME, ObjectIdGetDatum(lfirst_oid(lc)),
								   CStringGetDatum("_RETURN")));
	return text.data;
}

char *
st_query_functions_fingerprint(Query *query)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, st_query_functions(query))
		append_row(&text, lfirst_oid(lc), SearchSysCache1(PROCOID, ObjectIdGetDatum(lfirst_oid(lc))));
	return text.data;
}
