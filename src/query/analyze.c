/*-------------------------------------------------------------------------
 *
 * analyze.c
 *	  Text to analysed query: what is refused in every mode, what is stable.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"

#include "catalog/extension.h"
#include "compat.h"
#include "query/clock.h"
#include "query/locate.h"
#include "query/query.h"
#include "util/fault.h"

/* Point PostgreSQL's error position into the query text that the user gave. */
typedef struct TextCallback
{
	const char *text;
} TextCallback;

static void
query_error_callback(void *arg)
{
	TextCallback *callback = arg;
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(callback->text);
	}
}

/* The place of the WITH query that modifies data. */
static int
modifying_cte(Query *query)
{
	ListCell   *lc;

	foreach(lc, query->cteList)
		if (castNode(Query, lfirst_node(CommonTableExpr, lc)->ctequery)->commandType != CMD_SELECT)
			return lfirst_node(CommonTableExpr, lc)->location;
	return -1;
}

Query *
st_query_parse(const char *text)
{
	ErrorContextCallback callback;
	TextCallback argument = {text};
	List	   *raw;
	Node	   *statement;
	Query	   *query;

	callback.callback = query_error_callback;
	callback.arg = &argument;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	raw = raw_parser(text, RAW_PARSE_DEFAULT);
	if (list_length(raw) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION),
				 errmsg("query parse error: a stream table is defined by one SELECT"),
				 errdetail("The text holds %d statements.", list_length(raw)),
				 st_query_errposition(text, raw == NIL ? -1 :
									  st_locate_token(text, lsecond_node(RawStmt, raw)->stmt_location))));
	statement = linitial_node(RawStmt, raw)->stmt;
	if (!IsA(statement, SelectStmt) || ((SelectStmt *) statement)->intoClause)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query parse error: a stream table is defined by a SELECT"),
				 errhint("WITH, set operations and subqueries are allowed; data-modifying statements and SELECT INTO are not."),
				 st_query_errposition(text, IsA(statement, SelectStmt) ?
									  ((SelectStmt *) statement)->intoClause->rel->location :
									  st_locate_token(text, 0))));
	query = parse_analyze_fixedparams(linitial_node(RawStmt, raw), text, NULL, 0, NULL);
	if (query->commandType != CMD_SELECT || query->hasModifyingCTE)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query parse error: the query modifies data"),
				 errhint("A stream table is defined by a SELECT that only reads."),
				 st_query_errposition(text, modifying_cte(query))));
	error_context_stack = callback.previous;
	/* that the text ended in a semicolon makes no other query */
	query->stmt_location = query->stmt_len = 0;
	return query;
}

Query *
st_query_rewrite(Query *query)
{
	query = copyObject(query);
	AcquireRewriteLocks(query, true, false);
	return linitial_node(Query, QueryRewrite(query));
}

Query *
st_query_analyze(const char *text)
{
	return st_query_rewrite(st_query_parse(text));
}

/* ----- sources ----- */

typedef struct SourceContext
{
	List	   *relids;
	bool		rowmarks;
	bool		sample;
	bool		limit_without_order;
} SourceContext;

static bool
sources_walker(Node *node, void *arg)
{
	SourceContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		/* a view's own entry stays in the range table for its rights */
		if (rte->rtekind == RTE_RELATION && rte->relkind != RELKIND_VIEW)
		{
			context->relids = list_append_unique_oid(context->relids, rte->relid);
			if (rte->tablesample)
				context->sample = true;
		}
		return false;
	}
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->rowMarks)
			context->rowmarks = true;
		return query_tree_walker(query, sources_walker, arg, QTW_EXAMINE_RTES_BEFORE);
	}
	return expression_tree_walker(node, sources_walker, arg);
}

List *
st_query_sources(Query *query)
{
	SourceContext context = {0};

	(void) sources_walker((Node *) query, &context);
	list_sort(context.relids, list_oid_cmp);
	return context.relids;
}

/* A function that is inlined folds to a constant too, but only for as long as it is not replaced. */
static bool
is_constant(Node *expression)
{
	return expression == NULL ||
		(!contain_mutable_functions(expression) && IsA(eval_const_expressions(NULL, expression), Const));
}

static void
check_limit(Query *query, const char *text)
{
	if ((query->limitCount || query->limitOffset) && query->sortClause == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("unsupported operator for DIFFERENTIAL mode: LIMIT or OFFSET without ORDER BY"),
				 errdetail("Which rows such a query returns is arbitrary, in every refresh mode."),
				 errhint("Add an ORDER BY clause."),
				 st_query_errposition(text, exprLocation(query->limitCount ? query->limitCount : query->limitOffset))));
	if (query->limitOffset && query->limitCount == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("unsupported operator for DIFFERENTIAL mode: OFFSET without LIMIT"),
				 errhint("Add a LIMIT, or leave out the OFFSET."),
				 st_query_errposition(text, exprLocation(query->limitOffset))));
	if (!is_constant(query->limitCount) || !is_constant(query->limitOffset))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("unsupported operator for DIFFERENTIAL mode: LIMIT and OFFSET must be constants"),
				 st_query_errposition(text, exprLocation(is_constant(query->limitCount) ?
														 query->limitOffset : query->limitCount))));
}

void
st_query_check(Query *query, const char *text)
{
	SourceContext context = {0};
	ListCell   *lc;

	st_query_check_size(query);
	(void) sources_walker((Node *) query, &context);
	if (context.rowmarks)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("unsupported operator for DIFFERENTIAL mode: row-level locking (FOR UPDATE or FOR SHARE)"),
				 errhint("Remove the locking clause: a stream table only reads its sources."),
				 st_query_errposition(text, st_locate_locking(text))));
	check_limit(query, text);
	if (context.relids == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION),
				 errmsg("query parse error: the query references no table"),
				 errdetail("A stream table follows the changes of at least one table."),
				 st_query_errposition(text, st_locate_token(text, 0))));
	if (ExecCleanTargetListLength(query->targetList) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION),
				 errmsg("query parse error: the query returns no column"),
				 st_query_errposition(text, st_locate_token(text, 0))));
	foreach(lc, context.relids)
	{
		Oid			relid = lfirst_oid(lc);

		if (relid < FirstNormalObjectId)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied: \"%s\" is a system catalog", get_rel_name(relid)),
					 errdetail("Changes of system catalogs cannot be captured."),
					 st_query_errposition(text, st_locate_relation(text, relid))));
		if (getExtensionOfObject(RelationRelationId, relid) == st_extension_oid())
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied: \"%s\" belongs to pg_trickle", get_rel_name(relid)),
					 errdetail("A refresh writes to these tables: it would always be stale."),
					 st_query_errposition(text, st_locate_relation(text, relid))));
		if (get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("unsupported operator for DIFFERENTIAL mode: \"%s\" is a temporary table", get_rel_name(relid)),
					 errdetail("A temporary table is seen by one session only and ends with it."),
					 st_query_errposition(text, st_locate_relation(text, relid))));
	}
}

/* ----- volatility ----- */

const char *
st_query_volatile(Query *query)
{
	return contain_volatile_functions((Node *) query) ?
		"the query calls a volatile function" : NULL;
}

/*
 * Stable functions of pg_catalog whose result depends on its arguments and on
 * settings only; those settings are pinned at creation (rule E15, class a).
 */
static const char *const settings_only[] = {
	"age", "array_to_json", "array_to_string", "concat", "concat_ws", "date", "date_part",
	"date_trunc", "extract", "format", "json_build_array", "json_build_object",
	"jsonb_build_array", "jsonb_build_object", "row_to_json", "textanycat", "anytextcat", "time",
	"timestamp", "timestamptz", "timetz", "timezone", "to_char", "to_date", "to_json", "to_jsonb",
	"to_timestamp", "to_tsvector", "to_tsquery", "plainto_tsquery", "phraseto_tsquery",
	"websearch_to_tsquery", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg",
	"json_agg_transfn", "json_agg_strict", "jsonb_agg_strict", "json_object_agg_strict",
	"jsonb_object_agg_strict", "json_object_agg_unique", "jsonb_object_agg_unique",
	"json_object_agg_unique_strict", "jsonb_object_agg_unique_strict", "quote_literal", "quote_nullable", "make_timestamptz", "to_number",
	"money", "numeric", "timestamptz_pl_interval", "timestamptz_mi_interval",
	"interval_pl_timestamptz", "generate_series", "to_ascii", "regexp_matches", "xml", "xml_is_well_formed", "overlaps",
	"date_add", "date_subtract", "enum_first", "enum_last", "enum_range", "json_populate_record", "json_populate_recordset",
	"jsonb_populate_record", "jsonb_populate_recordset", "json_to_record", "json_to_recordset", "jsonb_to_record",
	"jsonb_to_recordset", "jsonb_path_exists_tz", "jsonb_path_match_tz", "jsonb_path_query_tz", "jsonb_path_query_array_tz",
	"jsonb_path_query_first_tz", "json_to_tsvector", "jsonb_to_tsvector", "ts_headline"
};

/*
 * Functions of the same names that ask for the time: age() of one argument, and
 * times with a time zone, whose offset is that of today.
 */
static bool
asks_for_today(Oid function)
{
	return function == F_AGE_TIMESTAMP || function == F_AGE_TIMESTAMPTZ || function == F_AGE_XID ||
		function == F_TIMETZ_TIME || function == F_TIMEZONE_TEXT_TIMETZ || function == F_TIMETZ_IN;
}

static bool
stable_beyond_settings(Oid function, void *arg)
{
	char	   *name;
	size_t		length;

	/* what asks for the time is followed, or declined, by clock.c */
	if (func_volatile(function) == PROVOLATILE_IMMUTABLE || function == F_NOW || function == F_TRANSACTION_TIMESTAMP ||
		ST_FAULT("E15 stable"))
		return false;
	if (asks_for_today(function))
		return true;
	if (get_func_namespace(function) != PG_CATALOG_NAMESPACE)
		return true;
	name = get_func_name(function);
	if (name == NULL)
		return true;
	length = strlen(name);
	/* input and output functions, and comparisons of dates with timestamps */
	if ((length > 4 && strcmp(name + length - 4, "_out") == 0) ||
		(length > 3 && strcmp(name + length - 3, "_in") == 0 && strncmp(name, "reg", 3) != 0) ||
		strstr(name, "timestamptz_") == name || strstr(name, "_timestamptz") != NULL)
		return false;
	for (int i = 0; i < lengthof(settings_only); i++)
		if (strcmp(name, settings_only[i]) == 0)
			return false;
	return true;
}

static bool
stable_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (check_functions_in_node(node, stable_beyond_settings, arg))
		return true;
	if (IsA(node, SQLValueFunction))
		return !st_is_clock(node);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, stable_walker, arg, 0);
	return expression_tree_walker(node, stable_walker, arg);
}

bool
st_query_stable(Query *query)
{
	return stable_walker((Node *) query, NULL);
}

bool
st_query_reads_clock(Query *query)
{
	return st_reads_clock((Node *) query);
}

Query *
st_query_before(Query *query)
{
	return castNode(Query, st_clock_before((Node *) query));
}

/* ----- printing ----- */

char *
st_query_print(Query *query)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle printing", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	char	   *text;

	/* printing changes the tree's lists of names: work on a copy */
	text = pg_get_querydef(st_print_form_of_rows(copyObject(query)), false);
	MemoryContextSwitchTo(old);
	text = pstrdup(text);
	MemoryContextDelete(scratch);
	return text;
}

/* Rule J11: names in full, values that mean the same under any setting. */
char *
st_query_text(Query *analysed)
{
	static const char *const settings[][2] = {
		{"DateStyle", "ISO"}, {"IntervalStyle", "postgres"}, {"extra_float_digits", "3"},
		{"bytea_output", "hex"}, {"quote_all_identifiers", "off"}
	};
	int			level = NewGUCNestLevel();
	char	   *text;

	RestrictSearchPath();
	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	text = st_query_print(analysed);
	AtEOXact_GUC(false, level);
	return text + strspn(text, " ");
}
