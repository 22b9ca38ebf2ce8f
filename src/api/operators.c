/*-------------------------------------------------------------------------
 *
 * operators.c
 *	  A stream table's tree as text: one operator a line.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "api/explain.h"
#include "catalog/extension.h"
#include "catalog/source_copy.h"

typedef struct Printer
{
	StringInfo	text;
	StEntry    *entry;
	Bitmapset  *recursions;		/* states whose steps are being printed */
} Printer;

static void print_query(Printer *printer, Query *query, int indent);
static void print_from(Printer *printer, Query *query, Node *item, int indent);

char *
st_relation_label(Oid relid)
{
	Oid			namespace = get_rel_namespace(relid);
	StSourceCopy *copy = namespace == st_changes_namespace() ? st_source_copy_get(relid) : NULL;

	if (copy)
		return psprintf("copy of %s", st_relation_label(copy->source));
	return quote_qualified_identifier(get_namespace_name(namespace), get_rel_name(relid));
}

char *
st_source_columns(const StSource *source)
{
	StringInfoData text;
	int			attnum = -1;

	initStringInfo(&text);
	while ((attnum = bms_next_member(source->attnums, attnum)) >= 0)
		appendStringInfo(&text, "%s%s", text.len ? ", " : "",
						 quote_identifier(get_attname(source->relid, attnum, false)));
	return text.data;
}

static void
line(StringInfo text, int indent, const char *what)
{
	appendStringInfoSpaces(text, indent * 2);
	appendStringInfo(text, "%s\n", what);
}

static const char *
strategy_name(StAggregateStrategy strategy)
{
	switch (strategy)
	{
		case ST_AGGREGATE_COUNT_ROWS:
		case ST_AGGREGATE_COUNT:
			return "count";
		case ST_AGGREGATE_SUM:
		case ST_AGGREGATE_AVG:
			return "sum";
		case ST_AGGREGATE_VAR_POP:
		case ST_AGGREGATE_VAR_SAMP:
		case ST_AGGREGATE_STDDEV_POP:
		case ST_AGGREGATE_STDDEV_SAMP:
			return "sum of squares";
		case ST_AGGREGATE_MIN:
		case ST_AGGREGATE_MAX:
			return "extreme";
		case ST_AGGREGATE_BOOL_AND:
		case ST_AGGREGATE_BOOL_OR:
			return "counts";
		case ST_AGGREGATE_RECOMPUTE:
			return "computed again";
	}
	return "";
}

static void
print_node(Printer *printer, StNode *node, int indent)
{
	StringInfoData what;
	ListCell   *lc;

	initStringInfo(&what);
	if (node->first)
		appendStringInfo(&what, "First row of %d keys", node->nkeys);
	else if (node->distinct)
		appendStringInfo(&what, "Distinct on %d columns", node->nkeys);
	else if (node->step)
		appendStringInfo(&what, "Recursion%s", node->all ? "" : ", distinct");
	else if (node->whole)
		appendStringInfoString(&what, "Windows, computed again");
	else if (node->windows)
		foreach(lc, node->windows)
		{
			StWindow   *window = lfirst(lc);

			appendStringInfo(&what, "%s%d window functions", lc == list_head(node->windows) ? "" : "; ", list_length(window->functions));
			if (window->order)
				appendStringInfo(&what, " in order of %d columns", list_length(window->order));
			if (window->partition)
				appendStringInfo(&what, " by %d columns%s", list_length(window->partition), window->whole ? ", whole partitions" : "");
			else if (window->numbered)
				appendStringInfoString(&what, " that number all rows");
			else if (window->whole)
				appendStringInfoString(&what, ", all rows computed again at each change");
		}
	else if (node->top && node->limit_column)
		appendStringInfo(&what, "First rows, as many as a query says%s", node->ties ? ", with ties" : "");
	else if (node->top)
		appendStringInfo(&what, "First " INT64_FORMAT " rows%s", node->limit, node->ties ? " with ties" : "");
	else if (node->nkeys == 0)
		appendStringInfoString(&what, "Aggregate");
	else
		appendStringInfo(&what, "Group by %d keys", node->nkeys);
	foreach(lc, node->aggregates)
	{
		StAggregate *aggregate = lfirst(lc);

		appendStringInfo(&what, "%s%s (%s)", lc == list_head(node->aggregates) ? ": " : ", ",
						 get_func_name(aggregate->aggref->aggfnoid), strategy_name(aggregate->strategy));
	}
	appendStringInfo(&what, " [state %d]", node->ordinal);
	line(printer->text, indent, what.data);
	print_query(printer, node->block, indent + 1);
	if (node->step)
	{
		printer->recursions = bms_add_member(printer->recursions, node->ordinal);
		print_query(printer, node->step, indent + 1);
		printer->recursions = bms_del_member(printer->recursions, node->ordinal);
	}
}

/* A flat join, its conditions all in one place. */
static void
print_join(Printer *printer, Query *query, int ordinal, int indent)
{
	ListCell   *lc;

	if (((StJoin *) list_nth(printer->entry->program->tree->joins, ordinal))->kind == ST_JOIN_CLOCK)
		line(printer->text, indent, psprintf("Compare with now()%s [join %d]", query->jointree->quals ? ", filter" : "", ordinal));
	else
		line(printer->text, indent, psprintf("Join of %d%s [join %d]", list_length(query->jointree->fromlist),
											 query->jointree->quals ? "" : " without conditions", ordinal));
	foreach(lc, query->jointree->fromlist)
		print_from(printer, query, lfirst(lc), indent + 1);
}

static void
print_entry(Printer *printer, RangeTblEntry *rte, int indent)
{
	ListCell   *lc;

	switch (rte->rtekind)
	{
		case RTE_RELATION:
			foreach(lc, printer->entry->program->sources)
				if (((StSource *) lfirst(lc))->relid == rte->relid)
					line(printer->text, indent, psprintf("Source %s (%s)", st_relation_label(rte->relid),
														 st_source_columns(lfirst(lc))));
			break;
		case RTE_SUBQUERY:
			if (st_join_ordinal(rte) >= 0)
				print_join(printer, rte->subquery, st_join_ordinal(rte), indent);
			else
				print_query(printer, rte->subquery, indent);
			break;
		case RTE_CTE:
			if (st_node_leaf_ordinal(rte) >= 0 && bms_is_member(st_node_leaf_ordinal(rte), printer->recursions))
				line(printer->text, indent, psprintf("Recursion itself [state %d]", st_node_leaf_ordinal(rte)));
			else if (st_node_leaf_ordinal(rte) >= 0)
				print_node(printer, list_nth(printer->entry->program->tree->nodes, st_node_leaf_ordinal(rte)), indent);
			break;
		case RTE_FUNCTION:
		case RTE_TABLEFUNC:
			line(printer->text, indent, "Function");
			break;
		case RTE_VALUES:
			line(printer->text, indent, "Values");
			break;
		default:
			break;
	}
}

static const char *
join_name(JoinType type)
{
	switch (type)
	{
		case JOIN_LEFT:
			return "Left join";
		case JOIN_RIGHT:
			return "Right join";
		case JOIN_FULL:
			return "Full join";
		default:
			return "Join";
	}
}

static void
print_from(Printer *printer, Query *query, Node *item, int indent)
{
	check_stack_depth();
	if (IsA(item, RangeTblRef))
		print_entry(printer, rt_fetch(((RangeTblRef *) item)->rtindex, query->rtable), indent);
	else if (IsA(item, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) item;

		line(printer->text, indent, join_name(join->jointype));
		print_from(printer, query, join->larg, indent + 1);
		print_from(printer, query, join->rarg, indent + 1);
	}
}

static void
print_set(Printer *printer, Query *query, Node *node, int indent)
{
	check_stack_depth();
	if (IsA(node, RangeTblRef))
		print_entry(printer, rt_fetch(((RangeTblRef *) node)->rtindex, query->rtable), indent);
	else if (IsA(node, SetOperationStmt))
	{
		print_set(printer, query, ((SetOperationStmt *) node)->larg, indent);
		print_set(printer, query, ((SetOperationStmt *) node)->rarg, indent);
	}
}

static void
print_query(Printer *printer, Query *query, int indent)
{
	StringInfoData names;
	ListCell   *lc;

	check_stack_depth();
	if (query->setOperations)
	{
		line(printer->text, indent, "Union all");
		print_set(printer, query, query->setOperations, indent + 1);
		return;
	}
	initStringInfo(&names);
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			appendStringInfo(&names, "%s%s", names.len ? ", " : "", tle->resname ? quote_identifier(tle->resname) : "?");
	}
	line(printer->text, indent, psprintf("%s (%s)", query->hasTargetSRFs ? "Project sets" : "Project", names.data));
	if (query->jointree->quals)
		line(printer->text, ++indent, "Filter");
	if (list_length(query->jointree->fromlist) > 1)
		line(printer->text, ++indent, "Join");
	foreach(lc, query->jointree->fromlist)
		print_from(printer, query, lfirst(lc), indent + 1);
}

void
st_print_operators(StringInfo text, StEntry *entry, int indent)
{
	Printer		printer = {text, entry, NULL};

	if (entry->program)
		print_query(&printer, entry->program->tree->final, indent);
}
