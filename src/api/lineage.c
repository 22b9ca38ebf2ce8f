/*-------------------------------------------------------------------------
 *
 * lineage.c
 *	  Which columns of relations a query uses, and what for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/readfuncs.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "api/lineage.h"
#include "api/name.h"
#include "compat.h"
#include "query/query.h"
#include "refresh/refresh.h"

PG_FUNCTION_INFO_V1(st_sql_stream_table_lineage);

/* a column of a relation */
typedef struct Column
{
	Oid			relid;
	AttrNumber	attnum;
} Column;

typedef struct LineageContext
{
	List	   *columns;		/* of Column, each once */
	bool		everywhere;		/* also what decides on rows, in subqueries
								 * too */
} LineageContext;

/* Of a column of a query's result or of an entry, the place that it is looked at from. */
typedef struct Place
{
	LineageContext *context;
	List	   *queries;		/* those around, the innermost first */
} Place;

static bool lineage_walker(Node *node, void *arg);

static void
add_column(LineageContext *context, Oid relid, AttrNumber attnum)
{
	Column	   *column;
	ListCell   *lc;

	foreach(lc, context->columns)
	{
		column = lfirst(lc);
		if (column->relid == relid && column->attnum == attnum)
			return;
	}
	column = palloc(sizeof(Column));
	column->relid = relid;
	column->attnum = attnum;
	context->columns = lappend(context->columns, column);
}

static void
add_relation(LineageContext *context, Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);

	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
		if (!TupleDescAttr(RelationGetDescr(rel), i)->attisdropped)
			add_column(context, relid, i + 1);
	table_close(rel, AccessShareLock);
}

static void
follow(Node *node, LineageContext *context, List *queries)
{
	Place		place = {context, queries};

	(void) lineage_walker(node, &place);
}

/* A column of a query's result, in all arms of a set operation; 0: all of them. */
static void
follow_result(Query *query, AttrNumber column, LineageContext *context, List *queries)
{
	ListCell   *lc;

	check_stack_depth();
	queries = lcons(query, list_copy(queries));
	if (query->setOperations)
	{
		foreach(lc, query->rtable)
			if (lfirst_node(RangeTblEntry, lc)->rtekind == RTE_SUBQUERY)
				follow_result(lfirst_node(RangeTblEntry, lc)->subquery, column, context, queries);
		return;
	}
	foreach(lc, query->targetList)
		if (column == 0 || lfirst_node(TargetEntry, lc)->resno == column)
			follow((Node *) lfirst_node(TargetEntry, lc)->expr, context, queries);
}

static void
follow_cte(RangeTblEntry *rte, AttrNumber column, LineageContext *context, List *queries)
{
	List	   *outer = list_copy_tail(queries, rte->ctelevelsup);
	ListCell   *lc;

	foreach(lc, linitial_node(Query, outer)->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		/* what it takes from itself comes from elsewhere in the first place */
		if (strcmp(cte->ctename, rte->ctename) == 0 && !rte->self_reference)
			follow_result(castNode(Query, cte->ctequery), column, context, outer);
	}
}

static void
follow_var(Var *var, LineageContext *context, List *queries)
{
	List	   *outer = list_copy_tail(queries, var->varlevelsup);
	RangeTblEntry *rte = rt_fetch(var->varno, linitial_node(Query, outer)->rtable);

	check_stack_depth();
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			if (rte->relkind == RELKIND_VIEW)
				break;
			if (var->varattno == 0)
				add_relation(context, rte->relid);
			else if (var->varattno > 0)
				add_column(context, rte->relid, var->varattno);
			break;
		case RTE_SUBQUERY:
			if (!context->everywhere)
				follow_result(rte->subquery, var->varattno, context, outer);
			break;
		case RTE_JOIN:
			if (var->varattno > 0)
				follow(list_nth(rte->joinaliasvars, var->varattno - 1), context, outer);
			else
				follow((Node *) rte->joinaliasvars, context, outer);
			break;
		case RTE_CTE:
			if (!context->everywhere)
				follow_cte(rte, var->varattno, context, outer);
			break;
		case RTE_FUNCTION:
			if (!context->everywhere)
				follow((Node *) rte->functions, context, outer);
			break;
		case RTE_VALUES:
			if (!context->everywhere)
				follow((Node *) rte->values_lists, context, outer);
			break;
		case RTE_TABLEFUNC:
			if (!context->everywhere)
				follow((Node *) rte->tablefunc, context, outer);
			break;
#ifdef ST_HAVE_RTE_GROUP
		case RTE_GROUP:
			follow(list_nth(rte->groupexprs, var->varattno - 1), context, outer);
			break;
#endif
		default:
			break;
	}
}

static bool
lineage_walker(Node *node, void *arg)
{
	Place	   *place = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Var))
	{
		follow_var((Var *) node, place->context, place->queries);
		return false;
	}
	if (IsA(node, Query))
	{
		Place		inner = {place->context, lcons(node, list_copy(place->queries))};

		if (place->context->everywhere)
			return query_tree_walker((Query *) node, lineage_walker, &inner, QTW_IGNORE_JOINALIASES);
		/* a subquery in an expression gives the values of its columns */
		follow_result((Query *) node, 0, place->context, place->queries);
		return false;
	}
	return expression_tree_walker(node, lineage_walker, arg);
}

Bitmapset *
st_query_columns_of(Query *query, Oid relid)
{
	LineageContext context = {.everywhere = true};
	Bitmapset  *result = NULL;
	ListCell   *lc;

	follow((Node *) query, &context, NIL);
	foreach(lc, context.columns)
		if (((Column *) lfirst(lc))->relid == relid)
			result = bms_add_member(result, ((Column *) lfirst(lc))->attnum);
	return result;
}

Datum
st_sql_stream_table_lineage(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	StStreamTable *table = st_stream_table_get(st_resolve_stream_table(PG_GETARG_TEXT_PP(0)));
	Query	   *query = castNode(Query, stringToNode(st_stream_table_tree(table)));
	ListCell   *lc;
	ListCell   *lc2;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		LineageContext context = {0};

		if (tle->resjunk)
			continue;
		follow_result(query, tle->resno, &context, NIL);
		foreach(lc2, context.columns)
		{
			Column	   *column = lfirst(lc2);
			char	   *name = get_rel_name(column->relid);
			char	   *attname = get_attname(column->relid, column->attnum, true);
			Datum		values[3];
			bool		nulls[3] = {false, false, false};

			if (name == NULL || attname == NULL)
				continue;
			values[0] = CStringGetTextDatum(tle->resname);
			values[1] = CStringGetTextDatum(quote_qualified_identifier(get_namespace_name(get_rel_namespace(column->relid)), name));
			values[2] = CStringGetTextDatum(attname);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
	}
	return (Datum) 0;
}
