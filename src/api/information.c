/*-------------------------------------------------------------------------
 *
 * information.c
 *	  What stream tables are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "api/name.h"
#include "compat.h"
#include "guc.h"
#include "store/store.h"

PG_FUNCTION_INFO_V1(st_sql_version);
PG_FUNCTION_INFO_V1(st_sql_version_check);
PG_FUNCTION_INFO_V1(st_sql_stream_table_id);
PG_FUNCTION_INFO_V1(st_sql_change_log_bytes);
PG_FUNCTION_INFO_V1(st_sql_pending_change_rows);
PG_FUNCTION_INFO_V1(st_sql_get_refresh_history);

Datum
st_sql_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(ST_VERSION));
}

/* Of the objects in this database. */
static char *
installed_version(void)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *version;

	SPI_connect();
	if (st_catalog_execute("SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'pg_trickle'", 0, NULL, NULL, NULL) == 0)
		elog(ERROR, "extension pg_trickle is not there");
	version = MemoryContextStrdup(context, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	return version;
}

Datum
st_sql_version_check(PG_FUNCTION_ARGS)
{
	char	   *installed = installed_version();
	bool		same = strcmp(installed, ST_VERSION) == 0;
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"library_version\": ");
	escape_json(&json, ST_VERSION);
	appendStringInfoString(&json, ", \"extension_version\": ");
	escape_json(&json, installed);
	appendStringInfoString(&json, ", \"pg_version\": ");
	escape_json(&json, GetConfigOption("server_version", false, false));
	appendStringInfo(&json, ", \"version_match\": %s}", same ? "true" : "false");
	if (!same)
		ereport(WARNING,
				(errmsg("the library of pg_trickle is version %s, its objects in this database are of version %s", ST_VERSION, installed),
				 errhint("Run ALTER EXTENSION pg_trickle UPDATE.")));
	PG_RETURN_TEXT_P(cstring_to_text(json.data));
}

Datum
st_sql_stream_table_id(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(st_stream_table_get(st_resolve_stream_table(PG_GETARG_TEXT_PP(0)))->pgt_id);
}

Datum
st_sql_change_log_bytes(PG_FUNCTION_ARGS)
{
	Oid			source = PG_GETARG_OID(0);

	PG_RETURN_INT64(st_log_exists(source) ? st_log_size(source) : 0);
}

/* ----- pending changes ----- */

static bool
ignore_row(TupleTableSlot *slot, int weight, void *arg)
{
	return true;
}

static bool
has_frontier(int64 pgt_id, Oid source)
{
	Oid			types[] = {INT8OID, OIDOID};
	Datum		values[] = {Int64GetDatum(pgt_id), ObjectIdGetDatum(source)};
	bool		result;

	SPI_connect();
	result = st_catalog_execute("SELECT 1 FROM pgtrickle.source_frontier WHERE pgt_id = $1 AND source_relid = $2",
								2, types, values, NULL) > 0;
	SPI_finish();
	return result;
}

/* Log rows that a consumer has not consumed; NULL if it reads no log, or must recompute anyway. */
Datum
st_sql_pending_change_rows(PG_FUNCTION_ARGS)
{
	int64		pgt_id = PG_GETARG_INT64(0);
	Oid			source = PG_GETARG_OID(1);
	StFrontier *frontier;
	StLogResult result;

	/* who looks must not queue up behind an ALTER TABLE */
	if (!has_frontier(pgt_id, source) || !ConditionalLockRelationOid(source, AccessShareLock))
		PG_RETURN_NULL();
	frontier = st_frontier_read(pgt_id, source);
	result = st_log_read(frontier, st_log_probe(frontier), GetActiveSnapshot(), 0, NULL, ignore_row, NULL);
	if (result.recompute)
		PG_RETURN_NULL();
	PG_RETURN_INT64(result.plus + result.minus);
}

/* ----- history ----- */

Datum
st_sql_get_refresh_history(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			relid = st_resolve_stream_table(PG_GETARG_TEXT_PP(0));
	Oid			types[] = {INT8OID, INT4OID, BOOLOID};
	Datum		values[3];

	values[0] = Int64GetDatum(st_stream_table_get(relid)->pgt_id);
	values[1] = PG_GETARG_DATUM(1);
	/* rule J19: messages may hold values of the sources */
	values[2] = BoolGetDatum(st_is_reader(relid));
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	(void) st_catalog_execute("SELECT refresh_id, data_timestamp, start_time, end_time, action, status, rows_inserted, rows_deleted,"
							  " coalesce(busy_ms / runs, (1000 * extract(epoch FROM end_time - start_time))::double precision),"
							  " CASE WHEN $3 THEN error_message END, rows_updated, delta_row_count, read_ms, delta_ms, apply_ms,"
							  " CASE WHEN $3 THEN refresh_reason END"
							  " FROM pgtrickle.pgt_refresh_history WHERE pgt_id = $1 ORDER BY refresh_id DESC LIMIT $2",
							  3, types, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
	SPI_finish();
	return (Datum) 0;
}
