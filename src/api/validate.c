/*-------------------------------------------------------------------------
 *
 * validate.c
 *	  pgtrickle.validate_query(): what would become of a query.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "api/definition.h"
#include "api/explain.h"
#include "compat.h"

PG_FUNCTION_INFO_V1(st_sql_validate_query);
PG_FUNCTION_INFO_V1(st_sql_query_without_views);

static void
put_check(ReturnSetInfo *rsinfo, const char *name, const char *result, const char *severity)
{
	Datum		values[3] = {CStringGetTextDatum(name), CStringGetTextDatum(result), CStringGetTextDatum(severity)};
	bool		nulls[3] = {false, false, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* ----- constructs ----- */

static bool constructs_walker(Node *node, void *arg);

static void
put_set_operations(ReturnSetInfo *rsinfo, Node *node)
{
	SetOperationStmt *operation = (SetOperationStmt *) node;

	check_stack_depth();
	if (!IsA(node, SetOperationStmt))
		return;
	put_set_operations(rsinfo, operation->larg);
	put_set_operations(rsinfo, operation->rarg);
	switch (operation->op)
	{
		case SETOP_INTERSECT:
			put_check(rsinfo, "set_op", operation->all ? "INTERSECT_ALL" : "INTERSECT", "INFO");
			break;
		case SETOP_EXCEPT:
			put_check(rsinfo, "set_op", operation->all ? "EXCEPT_ALL" : "EXCEPT", "WARNING");
			break;
		default:
			put_check(rsinfo, "set_op", "UNION_ALL", "INFO");
			if (!operation->all)
				put_check(rsinfo, "set_op", "DISTINCT", "INFO");
			break;
	}
}

/* The join of items that stand side by side in FROM is an inner one, too. */
static void
put_from(ReturnSetInfo *rsinfo, Query *query)
{
	ListCell   *lc;

	for (int i = 1; i < list_length(query->jointree->fromlist); i++)
		put_check(rsinfo, "join", "INNER", "INFO");
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if ((rte->rtekind == RTE_FUNCTION || rte->rtekind == RTE_TABLEFUNC) && rte->lateral)
			put_check(rsinfo, "lateral", "FUNCTION", "INFO");
		if (rte->rtekind == RTE_SUBQUERY && rte->lateral)
			put_check(rsinfo, "lateral", "SUBQUERY", "INFO");
	}
}

static void
put_query(ReturnSetInfo *rsinfo, Query *query)
{
	if (query->hasRecursive)
		put_check(rsinfo, "recursive_cte", "true", "INFO");
	if (query->setOperations)
		put_set_operations(rsinfo, query->setOperations);
	else
		put_from(rsinfo, query);
	if (query->distinctClause)
		put_check(rsinfo, "set_op", "DISTINCT", "INFO");
}

static void
put_join(ReturnSetInfo *rsinfo, JoinExpr *join)
{
	switch (join->jointype)
	{
		case JOIN_LEFT:
		case JOIN_RIGHT:
			put_check(rsinfo, "join", "LEFT_OUTER", "INFO");
			break;
		case JOIN_FULL:
			put_check(rsinfo, "join", "FULL_OUTER", "WARNING");
			break;
		default:
			put_check(rsinfo, "join", "INNER", "INFO");
			break;
	}
}

static bool
is_membership(Node *node)
{
	return node && IsA(node, SubLink) &&
		(((SubLink *) node)->subLinkType == EXISTS_SUBLINK || ((SubLink *) node)->subLinkType == ANY_SUBLINK);
}

static bool
constructs_walker(Node *node, void *arg)
{
	ReturnSetInfo *rsinfo = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
	{
		put_query(rsinfo, (Query *) node);
		return query_tree_walker((Query *) node, constructs_walker, arg, QTW_IGNORE_JOINALIASES);
	}
	if (IsA(node, JoinExpr))
		put_join(rsinfo, (JoinExpr *) node);
	else if (IsA(node, WindowFunc))
		put_check(rsinfo, "window_function", get_func_name(((WindowFunc *) node)->winfnoid), "INFO");
	else if (IsA(node, BoolExpr) && ((BoolExpr *) node)->boolop == NOT_EXPR &&
			 is_membership(linitial(((BoolExpr *) node)->args)))
	{
		SubLink    *link = linitial_node(SubLink, ((BoolExpr *) node)->args);

		put_check(rsinfo, "join", "ANTI", "INFO");
		return constructs_walker(link->testexpr, arg) || constructs_walker(link->subselect, arg);
	}
	else if (is_membership(node))
		put_check(rsinfo, "join", "SEMI", "INFO");
	else if (IsA(node, SubLink))
		put_check(rsinfo, "scalar_subquery", "true", "INFO");
	return expression_tree_walker(node, constructs_walker, arg);
}

typedef struct AggregateContext
{
	ReturnSetInfo *rsinfo;
	StTree	   *tree;			/* NULL if the query is recomputed */
} AggregateContext;

/* How the tree maintains an aggregate of the query, which keeps its place in the text. */
static const StAggregate *
maintained(StTree *tree, const Aggref *aggref)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, tree ? tree->nodes : NIL)
		foreach(lc2, ((StNode *) lfirst(lc))->aggregates)
		{
			StAggregate *aggregate = lfirst(lc2);

			if (aggregate->aggref->aggfnoid == aggref->aggfnoid && aggregate->aggref->location == aggref->location)
				return aggregate;
		}
	return NULL;
}

static bool
aggregates_walker(Node *node, void *arg)
{
	AggregateContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Aggref))
	{
		const char *name = get_func_name(((Aggref *) node)->aggfnoid);
		const StAggregate *aggregate = maintained(context->tree, (Aggref *) node);

		if (aggregate)
			put_check(context->rsinfo, "aggregate", psprintf("%s(%s)", name, st_strategy_word(aggregate->strategy)),
					  aggregate->strategy == ST_AGGREGATE_RECOMPUTE ? "WARNING" : "INFO");
		else
			put_check(context->rsinfo, "aggregate", name, "INFO");
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, aggregates_walker, arg, QTW_IGNORE_JOINALIASES);
	return expression_tree_walker(node, aggregates_walker, arg);
}

/* ----- the function ----- */

static bool
is_top(StTree *tree)
{
	ListCell   *lc;

	foreach(lc, tree->nodes)
		if (((StNode *) lfirst(lc))->top)
			return true;
	return false;
}

static void
put_other_sources(ReturnSetInfo *rsinfo, Query *query)
{
	ListCell   *lc;

	foreach(lc, st_query_sources(query))
	{
		char		relkind = get_rel_relkind(lfirst_oid(lc));

		if (relkind == RELKIND_MATVIEW || relkind == RELKIND_FOREIGN_TABLE)
			put_check(rsinfo, "matview_or_foreign_table", st_relation_label(lfirst_oid(lc)), "WARNING");
	}
}

Datum
st_sql_validate_query(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	StDefinition definition = {.requested_mode = "AUTO"};
	AggregateContext aggregates;
	Query	   *query;
	bool		unstable;

	definition.text = text_to_cstring(PG_GETARG_TEXT_PP(0));
	query = definition.query = st_query_analyze(definition.text);
	st_query_check(query, definition.text);
	st_definition_decide(&definition);

	aggregates.rsinfo = rsinfo;
	aggregates.tree = definition.tree;
	InitMaterializedSRF(fcinfo, 0);
	put_check(rsinfo, "resolved_refresh_mode",
			  definition.reason ? "FULL" : is_top(definition.tree) ? "TOPK" : "DIFFERENTIAL", "INFO");
	if (query->limitCount)
		put_check(rsinfo, "topk_pattern",
				  query->limitOffset ? "ORDER BY with LIMIT and OFFSET" : "ORDER BY with LIMIT", "INFO");
	if (definition.reason)
		put_check(rsinfo, "ivm_support_check", definition.reason, "WARNING");
	put_other_sources(rsinfo, query);
	unstable = st_query_volatile(query) || st_query_stable(query) || st_query_reads_clock(query);
	put_check(rsinfo, "volatility", st_query_volatile(query) ? "volatile" : unstable ? "stable" : "immutable",
			  unstable ? "WARNING" : "INFO");
	(void) aggregates_walker((Node *) query, &aggregates);
	(void) constructs_walker((Node *) query, rsinfo);
	return (Datum) 0;
}

Datum
st_sql_query_without_views(PG_FUNCTION_ARGS)
{
	Query	   *analysed = st_query_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	Query	   *rewritten = st_query_rewrite(analysed);
	ListCell   *lc;

	foreach(lc, st_query_views(rewritten))
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_VIEW)
			PG_RETURN_TEXT_P(cstring_to_text(st_query_text(rewritten)));
	PG_RETURN_NULL();
}
