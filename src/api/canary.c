/*-------------------------------------------------------------------------
 *
 * canary.c
 *	  Trying another query beside a stream table: its canary.
 *
 * NOTES
 *	  The canary of a stream table is another one, in the same schema, with the
 *	  same properties and the query that is to be tried; its name alone says
 *	  whose it is. Whoever begins one owns it, and its query runs with his
 *	  rights; promoted, the query runs with those of the live table's owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "api/arguments.h"
#include "api/drop.h"
#include "api/name.h"
#include "catalog/stream_table.h"
#include "compat.h"
#include "query/query.h"
#include "util/sqlbuf.h"

PG_FUNCTION_INFO_V1(st_sql_canary_begin);
PG_FUNCTION_INFO_V1(st_sql_canary_diff);
PG_FUNCTION_INFO_V1(st_sql_canary_promote);

#define PREFIX "__pgt_canary_"

static void
require_argument(FunctionCallInfo fcinfo, int n, const char *what)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("invalid argument: %s must not be NULL", what)));
}

/* A longer name would be cut, and stand for several stream tables. */
static char *
canary_name(const StStreamTable *live)
{
	if (strlen(PREFIX) + strlen(live->name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("the name of stream table \"%s\" is too long for a canary", live->name),
				 errdetail("The canary's name would be longer than %d bytes.", NAMEDATALEN - 1)));
	return psprintf(PREFIX "%s", live->name);
}

/* InvalidOid if there is none. */
static Oid
find_canary(const StStreamTable *live)
{
	Oid			relid = get_relname_relid(canary_name(live), get_rel_namespace(live->relid));

	return OidIsValid(relid) && st_is_stream_table(relid) ? relid : InvalidOid;
}

static StStreamTable *
require_canary(const StStreamTable *live)
{
	Oid			relid = find_canary(live);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("stream table \"%s.%s\" has no canary", live->schema, live->name),
				 errhint("Make one with pgtrickle.canary_begin().")));
	return st_stream_table_get(relid);
}

/* ----- beginning ----- */

/* What the live table has and creation has a parameter for, but the query. */
static void
take_over(StArguments *arguments, StStreamTable *live)
{
	static const char *const options[][2] = {
		{"schedule", "schedule"}, {"diamond_consistency", "diamond_consistency"},
		{"diamond_schedule_policy", "diamond_schedule_policy"}, {"requested_cdc_mode", "cdc_mode"},
		{"is_append_only", "append_only"}, {"pooler_compatibility_mode", "pooler_compatibility_mode"},
		{"st_partition_key", "partition_by"}, {"max_differential_joins", "max_differential_joins"},
		{"max_delta_fraction", "max_delta_fraction"}, {"temporal_mode", "temporal"},
		{"storage_backend", "storage_backend"}
	};
	List	   *given = st_stream_table_options(live->relid);

	st_arguments_set(arguments, "refresh_mode", st_stream_table_requested_mode(live));
	for (int i = 0; i < list_length(given); i += 2)
		for (int j = 0; j < lengthof(options); j++)
			if (strcmp(list_nth(given, i), options[j][0]) == 0)
				st_arguments_set(arguments, options[j][1], list_nth(given, i + 1));
}

Datum
st_sql_canary_begin(PG_FUNCTION_ARGS)
{
	StArguments *arguments = st_arguments_make(ST_CREATE_STREAM_TABLE);
	StStreamTable *live;
	Oid			old;
	const char *name;

	PreventCommandIfReadOnly("canary_begin()");
	require_argument(fcinfo, 0, "the name");
	require_argument(fcinfo, 1, "the query");
	live = st_stream_table_get(st_resolve_stream_table(PG_GETARG_TEXT_PP(0)));
	st_require_owner(live->relid);
	st_note_lifecycle_call();
	name = quote_qualified_identifier(live->schema, canary_name(live));
	take_over(arguments, live);
	st_arguments_set(arguments, "query", text_to_cstring(PG_GETARG_TEXT_PP(1)));
	old = find_canary(live);
	if (OidIsValid(old))
		st_drop_stream_tables(list_make1_oid(old), false);
	st_arguments_call(arguments, name);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("Stream table %s is the canary of %s: look at canary_diff(), then call canary_promote() or drop it.",
											  name, quote_qualified_identifier(live->schema, live->name))));
}

/* ----- comparing ----- */

static List *
column_names(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	List	   *names = NIL;

	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);

		if (!att->attisdropped)
			names = lappend(names, makeString(pstrdup(NameStr(att->attname))));
	}
	table_close(rel, NoLock);
	return names;
}

/* Columns that both have, in the order of the live table; a NOTICE about the others. */
static List *
common_columns(Oid live, Oid canary)
{
	List	   *of_live = column_names(live);
	List	   *of_canary = column_names(canary);
	List	   *common = list_intersection(of_live, of_canary);
	StringInfoData others;
	ListCell   *lc;

	initStringInfo(&others);
	foreach(lc, list_concat(list_difference(of_live, common), list_difference(of_canary, common)))
		appendStringInfo(&others, "%s%s", others.len > 0 ? ", " : "", strVal(lfirst(lc)));
	if (common == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("stream table \"%s\" and its canary have no column in common", get_rel_name(live))));
	if (others.len > 0)
		ereport(NOTICE,
				(errmsg("columns that only one of them has are not compared: %s", others.data)));
	return common;
}

static void
add_images(StringInfo sql, Oid relid, List *columns)
{
	ListCell   *lc;

	st_sql_text(sql, "SELECT ROW(");
	foreach(lc, columns)
	{
		if (foreach_current_index(lc) > 0)
			st_sql_text(sql, ", ");
		st_sql_column(sql, "t", strVal(lfirst(lc)));
	}
	st_sql_text(sql, ")::pg_catalog.text COLLATE \"C\" AS image FROM ");
	st_sql_relation(sql, relid);
	st_sql_text(sql, " AS t");
}

/* Rows of the first that the second does not have, or not as often. */
static void
add_difference(StringInfo sql, const char *label, Oid first, Oid second, List *columns)
{
	st_sql_text(sql, "SELECT ");
	st_sql_literal(sql, label);
	st_sql_text(sql, "::pg_catalog.text, d.image FROM ((");
	add_images(sql, first, columns);
	st_sql_text(sql, ") EXCEPT ALL (");
	add_images(sql, second, columns);
	st_sql_text(sql, ")) AS d");
}

Datum
st_sql_canary_diff(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	StStreamTable *live;
	StStreamTable *canary;
	List	   *columns;
	StringInfoData sql;
	int			level;

	require_argument(fcinfo, 0, "the name");
	live = st_stream_table_get(st_resolve_stream_table(PG_GETARG_TEXT_PP(0)));
	canary = require_canary(live);
	columns = common_columns(live->relid, canary->relid);
	initStringInfo(&sql);
	add_difference(&sql, "live_only", live->relid, canary->relid, columns);
	st_sql_text(&sql, " UNION ALL ");
	add_difference(&sql, "canary_only", canary->relid, live->relid, columns);
	st_sql_text(&sql, " ORDER BY 2, 1");

	/* as whoever asks, with his rights on both; values print in full */
	InitMaterializedSRF(fcinfo, 0);
	level = st_sql_pin_printing();
	SPI_connect();
	if (SPI_execute(sql.data, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not compare a stream table with its canary");
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
	SPI_finish();
	AtEOXact_GUC(false, level);
	return (Datum) 0;
}

/* ----- promoting ----- */

/* The canary's query means what it meant when the canary was made. */
static int
enter_settings(const StStreamTable *canary)
{
	int			level = NewGUCNestLevel();
	ListCell   *lc;

	(void) set_config_option("search_path", canary->search_path, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	for (lc = list_head(canary->settings); lc; lc = lnext(canary->settings, lc))
	{
		const char *name = lfirst(lc);

		lc = lnext(canary->settings, lc);
		(void) set_config_option(name, lfirst(lc), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	}
	return level;
}

/*
 * The canary's query as it was written, or with names in full if these words
 * mean something else by now: what was tried is what is promoted.
 */
static const char *
tried_query(const StStreamTable *canary)
{
	const char *meaning = st_stream_table_query_text(canary);

	return strcmp(st_query_text(st_query_parse(canary->query)), meaning) == 0 ? canary->query : meaning;
}

Datum
st_sql_canary_promote(PG_FUNCTION_ARGS)
{
	StArguments *arguments = st_arguments_make(ST_ALTER_STREAM_TABLE);
	StStreamTable *live;
	StStreamTable *canary;
	const char *name;
	int			level;

	PreventCommandIfReadOnly("canary_promote()");
	require_argument(fcinfo, 0, "the name");
	live = st_stream_table_get(st_resolve_stream_table(PG_GETARG_TEXT_PP(0)));
	st_require_owner(live->relid);
	canary = require_canary(live);
	st_require_owner(canary->relid);
	name = quote_qualified_identifier(live->schema, live->name);
	level = enter_settings(canary);
	st_arguments_set(arguments, "query", tried_query(canary));
	st_arguments_call(arguments, name);
	AtEOXact_GUC(false, level);
	st_drop_stream_tables(list_make1_oid(canary->relid), false);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("Stream table %s has the query of its canary, which is dropped.", name)));
}
