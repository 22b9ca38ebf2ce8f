/*-------------------------------------------------------------------------
 *
 * debug.c
 *	  Everything the engine keeps about a stream table or a source, for
 *	  superusers: debug_stream_table(), debug_change_log().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/explain.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "api/explain.h"
#include "api/name.h"
#include "compat.h"
#include "store/store.h"
#include "util/sqlbuf.h"

#if ST_HAVE_SEPARATE_EXPLAIN_HEADERS
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* rows of a state that are shown */
#define STATE_ROWS_SHOWN 100

PG_FUNCTION_INFO_V1(st_sql_debug_stream_table);
PG_FUNCTION_INFO_V1(st_sql_debug_change_log);

static void
require_superuser(const char *function)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: only a superuser may call %s()", function),
				 errdetail("It shows rows of tables without regard to privileges.")));
}

/*
 * A column as text by its type's output function: a cast to json or text may
 * be a user's function, which must not run as a superuser.
 */
static void
print_value(StringInfo sql, const char *key, const char *column)
{
	st_sql_literal(sql, key);
	st_sql_text(sql, ", CASE WHEN pg_catalog.num_nulls(s.");
	st_sql_identifier(sql, column);
	st_sql_text(sql, ") = 0 THEN pg_catalog.format('%s', s.");
	st_sql_identifier(sql, column);
	st_sql_text(sql, ") END");
}

/* ----- building JSON ----- */

/* A separating comma unless something was just opened; then the key. */
static void
json_key(StringInfo json, const char *key)
{
	char		last = json->len > 0 ? json->data[json->len - 1] : '{';

	if (last != '{' && last != '[')
		appendStringInfoString(json, ", ");
	if (key)
	{
		escape_json(json, key);
		appendStringInfoString(json, ": ");
	}
}

static void
json_text(StringInfo json, const char *key, const char *value)
{
	json_key(json, key);
	if (value)
		escape_json(json, value);
	else
		appendStringInfoString(json, "null");
}

/* A value that is JSON already. */
static void
json_raw(StringInfo json, const char *key, const char *value)
{
	json_key(json, key);
	appendStringInfoString(json, value ? value : "null");
}

/* The JSON that a query returns, as the superuser who asks. */
static char *
json_of(const char *sql)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *value = NULL;

	if (SPI_connect() != SPI_OK_CONNECT ||
		SPI_execute(sql, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read internal tables");
	if (SPI_processed > 0)
		value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (value)
		value = MemoryContextStrdup(context, value);
	SPI_finish();
	return value;
}

/* ----- debug_stream_table ----- */

static void
json_definition(StringInfo json, StEntry *entry)
{
	StStreamTable *table = entry->table;
	ListCell   *lc;

	json_text(json, "name", quote_qualified_identifier(table->schema, table->name));
	json_raw(json, "pgt_id", psprintf(INT64_FORMAT, table->pgt_id));
	json_text(json, "owner", GetUserNameFromId(entry->owner, true));
	json_text(json, "refresh_mode", table->refresh_mode);
	json_text(json, "status", table->status);
	json_raw(json, "needs_reinit", table->needs_reinit ? "true" : "false");
	json_text(json, "reason", entry->program ? NULL : entry->reason);
	json_text(json, "query", table->query);
	json_text(json, "search_path", table->search_path);
	json_raw(json, "settings", "{");
	for (lc = list_head(table->settings); lc; lc = lnext(table->settings, lc))
	{
		const char *name = lfirst(lc);

		lc = lnext(table->settings, lc);
		json_text(json, name, lfirst(lc));
	}
	appendStringInfoChar(json, '}');
	json_text(json, "tree", st_stream_table_tree(table));
}

static void
json_sources(StringInfo json, StEntry *entry)
{
	ListCell   *lc;

	json_raw(json, "sources", "[");
	foreach(lc, entry->program->sources)
	{
		StSource   *source = lfirst(lc);

		json_raw(json, NULL, "{");
		json_text(json, "relation", st_relation_label(source->relid));
		json_text(json, "columns", st_source_columns(source));
		/* the marks are part of it */
		json_raw(json, "frontier", st_frontier_json(st_frontier_read(entry->table->pgt_id, source->relid)));
		json_raw(json, "segments",
				 json_of(psprintf("SELECT pg_catalog.json_agg(pg_catalog.json_build_object('segment', segment, 'table', log::pg_catalog.regclass,"
								  " 'current', is_current, 'bytes', pg_catalog.pg_relation_size(log), 'attnums', attnums)"
								  " ORDER BY segment) FROM pgtrickle.change_log_segment WHERE source = %u", source->relid)));
		appendStringInfoChar(json, '}');
	}
	appendStringInfoChar(json, ']');
}

static void
json_states(StringInfo json, StEntry *entry)
{
	json_raw(json, "states", "[");
	for (int i = 0; i < entry->program->nnodes; i++)
	{
		StNodeProgram *node = &entry->program->nodes[i];
		StringInfoData sql;

		json_raw(json, NULL, "{");
		json_text(json, "table", st_relation_label(node->state));
		json_raw(json, "keys", psprintf("%d", node->node->nkeys));
		initStringInfo(&sql);
		st_sql_text(&sql, "SELECT pg_catalog.count(*) FROM ");
		st_sql_relation(&sql, node->state);
		json_raw(json, "row_count", json_of(sql.data));
		resetStringInfo(&sql);
		st_sql_text(&sql, "SELECT COALESCE(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(");
		for (int a = 0; a < node->desc->natts; a++)
		{
			const char *name = NameStr(TupleDescAttr(node->desc, a)->attname);

			st_sql_text(&sql, a ? ", " : "");
			print_value(&sql, name, name);
		}
		st_sql_text(&sql, ")), '[]') FROM (SELECT * FROM ");
		st_sql_relation(&sql, node->state);
		st_sql_format(&sql, " LIMIT %d) AS s", STATE_ROWS_SHOWN);
		json_raw(json, "rows", json_of(sql.data));
		appendStringInfoChar(json, '}');
	}
	appendStringInfoChar(json, ']');
}

static char *
json_relations(List *relations)
{
	StringInfoData json;
	ListCell   *lc;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	foreach(lc, relations)
		json_text(&json, NULL, st_relation_label(lfirst_oid(lc)));
	appendStringInfoChar(&json, ']');
	return json.data;
}

static void
json_statements(StringInfo json, StEntry *entry)
{
	ListCell   *lc;

	json_raw(json, "statements", "[");
	foreach(lc, st_named_statements(entry))
	{
		StNamedStatement *named = lfirst(lc);
		ExplainState *es = NewExplainState();

		es->format = EXPLAIN_FORMAT_JSON;
		ExplainBeginOutput(es);
		st_statement_explain(named->statement, named->ninputs, named->inputs, named->label, es);
		ExplainEndOutput(es);
		json_raw(json, NULL, "{");
		json_text(json, "label", named->label);
		json_text(json, "hash", st_statement_hash(named->statement));
		json_text(json, "sql", st_statement_text(named->statement));
		json_raw(json, "reads", json_relations(st_statement_relations(named->statement)));
		json_raw(json, "scans", json_relations(st_statement_scanned(named->statement, named->ninputs, named->inputs)));
		json_raw(json, "plan", es->str->data);
		appendStringInfoChar(json, '}');
	}
	appendStringInfoChar(json, ']');
}

Datum
st_sql_debug_stream_table(PG_FUNCTION_ARGS)
{
	StEntry    *entry;
	StringInfoData json;
	StOwnerScope scope;
	int			level;

	require_superuser("debug_stream_table");
	st_entries_hold();
	entry = st_entry_get(st_resolve_own_stream_table(PG_GETARG_TEXT_PP(0)));
	level = NewGUCNestLevel();
	RestrictSearchPath();
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	json_definition(&json, entry);
	if (entry->program)
	{
		StringInfoData operators;

		initStringInfo(&operators);
		st_print_operators(&operators, entry, 0);
		json_text(&json, "operators", operators.data);
		json_sources(&json, entry);
		json_states(&json, entry);
	}
	st_owner_enter(&scope, entry->owner, entry->table->settings);
	json_statements(&json, entry);
	st_owner_leave(&scope);
	AtEOXact_GUC(false, level);
	st_entries_release();
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/* ----- debug_change_log ----- */

/* SELECT of a segment's rows with the source's names for the columns. */
static char *
segment_query(Oid source, int segment, Oid log, ArrayType *attnums)
{
	StringInfoData sql;
	int16	   *values = (int16 *) ARR_DATA_PTR(attnums);

	initStringInfo(&sql);
	st_sql_format(&sql, "SELECT %d, (s.ctid::pg_catalog.text::pg_catalog.point)[0]::pg_catalog.int8,"
				  " (s.ctid::pg_catalog.text::pg_catalog.point)[1]::pg_catalog.int4, s.xid, s.weight::pg_catalog.int4, s.marker,"
				  " CASE WHEN s.weight <> 0 THEN pg_catalog.jsonb_build_object(", segment);
	for (int i = 0; i < ArrayGetNItems(ARR_NDIM(attnums), ARR_DIMS(attnums)); i++)
	{
		char	   *name = OidIsValid(get_atttype(source, values[i])) ? get_attname(source, values[i], true) : NULL;

		st_sql_text(&sql, i ? ", " : "");
		print_value(&sql, name ? name : psprintf("dropped column %d", values[i]), psprintf("c%d", values[i]));
	}
	st_sql_text(&sql, ") END FROM ");
	st_sql_relation(&sql, log);
	st_sql_text(&sql, " AS s ORDER BY s.ctid");
	return sql.data;
}

static void
put_segment(ReturnSetInfo *rsinfo, const char *sql)
{
	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read a change log");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		CHECK_FOR_INTERRUPTS();
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
	}
	SPI_freetuptable(SPI_tuptable);
}

Datum
st_sql_debug_change_log(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			source = PG_GETARG_OID(0);
	SPITupleTable *segments;
	uint64		nsegments;
	int			level;

	require_superuser("debug_change_log");
	if (!st_log_exists(source))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the changes of \"%s\" are not captured",
						get_rel_name(source) ? get_rel_name(source) : psprintf("%u", source)),
				 errhint("Only sources of differential stream tables have a change log.")));
	InitMaterializedSRF(fcinfo, 0);
	level = NewGUCNestLevel();
	RestrictSearchPath();
	SPI_connect();
	if (SPI_execute(psprintf("SELECT segment, log, attnums FROM pgtrickle.change_log_segment"
							 " WHERE source = %u ORDER BY segment", source), true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the segments of a change log");
	segments = SPI_tuptable;
	nsegments = SPI_processed;
	for (uint64 i = 0; i < nsegments; i++)
	{
		bool		isnull;
		HeapTuple	row = segments->vals[i];
		int			segment = DatumGetInt32(SPI_getbinval(row, segments->tupdesc, 1, &isnull));
		Oid			log = DatumGetObjectId(SPI_getbinval(row, segments->tupdesc, 2, &isnull));
		ArrayType  *attnums = DatumGetArrayTypeP(SPI_getbinval(row, segments->tupdesc, 3, &isnull));

		put_segment(rsinfo, segment_query(source, segment, log, attnums));
	}
	SPI_finish();
	AtEOXact_GUC(false, level);
	return (Datum) 0;
}
