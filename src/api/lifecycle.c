/*-------------------------------------------------------------------------
 *
 * lifecycle.c
 *	  Refreshing stream tables and comparing them with their queries.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/formatting.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "api/definition.h"
#include "api/name.h"
#include "capture/capture.h"
#include "catalog/extension.h"
#include "compat.h"
#include "query/query.h"
#include "store/store.h"
#include "store/wake.h"
#include "util/row_function.h"

PG_FUNCTION_INFO_V1(st_sql_refresh_stream_table);
PG_FUNCTION_INFO_V1(st_sql_refresh_if_stale);
PG_FUNCTION_INFO_V1(st_sql_verify_stream_table);

/* ----- refresh ----- */

/* "report": tell the client what was done, which a function's result may say already. */
static void
refresh(Oid relid, bool report)
{
	StStreamTable *table;
	StRefreshOutcome outcome;

	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: a stream table cannot be refreshed on a standby")));
	PreventCommandIfReadOnly("refresh_stream_table()");
	table = st_stream_table_get(relid);
	if (strcmp(table->status, "SUSPENDED") == 0 || strcmp(table->status, "ERROR") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: stream table \"%s.%s\" is %s, resume it with pgtrickle.alter_stream_table(%s, status => 'ACTIVE')",
						table->schema, table->name,
						strcmp(table->status, "ERROR") == 0 ? "in status ERROR" : "suspended",
						quote_literal_cstr(quote_qualified_identifier(table->schema, table->name)))));
	st_require_accepted_owner(table);
	if (!st_refresh(relid, "MANUAL", false, &outcome))
	{
		ereport(NOTICE,
				(errmsg("stream table \"%s.%s\" is being refreshed by another session, nothing was done",
						table->schema, table->name)));
		return;
	}
	if (report)
		ereport(INFO,
				(errmsg("stream table \"%s.%s\" refreshed: %s, %lld inserted, %lld updated, %lld deleted",
						table->schema, table->name, outcome.action, (long long) outcome.applied.inserted,
						(long long) outcome.applied.updated, (long long) outcome.applied.deleted),
				 outcome.reason ? errdetail("It was recomputed: %s.", outcome.reason) : 0));
}

Datum
st_sql_refresh_stream_table(PG_FUNCTION_ARGS)
{
	refresh(st_resolve_own_stream_table(PG_GETARG_TEXT_PP(0)), true);
	PG_RETURN_VOID();
}

Datum
st_sql_refresh_if_stale(PG_FUNCTION_ARGS)
{
	Oid			relid;
	Oid			types[] = {OIDOID, INTERVALOID};
	Datum		values[2];
	bool		fresh;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("invalid argument: name must not be NULL")));
	relid = st_resolve_own_stream_table(PG_GETARG_TEXT_PP(0));
	if (PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);
	values[0] = ObjectIdGetDatum(relid);
	values[1] = PG_GETARG_DATUM(1);
	SPI_connect();
	fresh = st_catalog_execute("SELECT 1 FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = $1"
							   " AND last_refresh_at >= pg_catalog.clock_timestamp() - $2",
							   2, types, values, NULL) > 0;
	SPI_finish();
	if (fresh)
		PG_RETURN_BOOL(false);
	refresh(relid, false);
	PG_RETURN_BOOL(true);
}

/* ----- verify ----- */

Datum
st_sql_verify_stream_table(PG_FUNCTION_ARGS)
{
	Oid			relid = st_resolve_own_stream_table(PG_GETARG_TEXT_PP(0));
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};
	int64		missing;
	int64		unexpected;
	char	   *sample;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = BoolGetDatum(st_verify(relid, &missing, &unexpected, &sample));
	values[1] = Int64GetDatum(missing);
	values[2] = Int64GetDatum(unexpected);
	if (sample)
	{
		StringInfoData json;

		initStringInfo(&json);
		escape_json(&json, sample);
		values[3] = DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
	}
	else
		nulls[3] = true;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
