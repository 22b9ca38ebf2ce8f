/*-------------------------------------------------------------------------
 *
 * service.c
 *	  Service levels of stream tables, and repairing them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "api/definition.h"
#include "api/name.h"
#include "catalog/fuse.h"
#include "catalog/stream_table.h"
#include "refresh/refresh.h"
#include "store/store.h"

PG_FUNCTION_INFO_V1(st_sql_set_stream_table_sla);
PG_FUNCTION_INFO_V1(st_sql_repair_stream_table);

/* ----- service levels ----- */

/* Milliseconds; a month has 30 days. */
static int64
sla_milliseconds(const Interval *sla)
{
	double		ms = sla->time / 1000.0 + (sla->day + sla->month * 30.0) * (USECS_PER_DAY / 1000.0);

	if (ms < 1 || ms > 1000.0 * DAYS_PER_YEAR * (USECS_PER_DAY / 1000.0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: the service level must be positive and at most 1000 years"),
				 errhint("NULL removes it.")));
	return (int64) ms;
}

Datum
st_sql_set_stream_table_sla(PG_FUNCTION_ARGS)
{
	Oid			relid;
	Oid			types[] = {OIDOID, INT8OID, TEXTOID};
	Datum		values[3];
	char		nulls[3] = {' ', ' ', ' '};
	int64		deadline = 0;
	const char *tier = "hot";

	PreventCommandIfReadOnly("set_stream_table_sla()");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("invalid argument: name must not be NULL")));
	relid = st_resolve_own_stream_table(PG_GETARG_TEXT_PP(0));
	if (PG_ARGISNULL(1))
		nulls[1] = 'n';
	else
	{
		deadline = sla_milliseconds(PG_GETARG_INTERVAL_P(1));
		tier = deadline <= 5000 ? "hot" : deadline <= 30000 ? "warm" : "cold";
	}
	st_note_lifecycle_call();
	values[0] = ObjectIdGetDatum(relid);
	values[1] = Int64GetDatum(deadline);
	values[2] = CStringGetTextDatum(tier);
	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET freshness_deadline_ms = $2, refresh_tier = $3,"
							  " updated_at = pg_catalog.now() WHERE pgt_relid = $1", 3, types, values, nulls);
	SPI_finish();
	CacheInvalidateRelcacheByRelid(relid);
	if (PG_ARGISNULL(1))
		ereport(INFO,
				(errmsg("stream table %s has no service level, its tier is %s", text_to_cstring(PG_GETARG_TEXT_PP(0)), tier)));
	else
		ereport(INFO,
				(errmsg("stream table %s has a service level of " INT64_FORMAT " ms, its tier is %s",
						text_to_cstring(PG_GETARG_TEXT_PP(0)), deadline, tier)));
	PG_RETURN_VOID();
}

/* ----- repair ----- */

static void
tell(StringInfo summary, const char *text)
{
	appendStringInfo(summary, "%s%s", summary->len > 0 ? "; " : "", text);
}

static void
tell_fuse(StringInfo summary, Oid relid)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(relid)};

	SPI_connect();
	if (st_catalog_execute("SELECT 1 FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = $1 AND fuse_state = 'blown'",
						   1, types, values, NULL) > 0)
		tell(summary, "its fuse had blown");
	SPI_finish();
}

/* Sources whose changes are not all captured: the refresh captures them again. */
static void
tell_sources(StringInfo summary, int64 pgt_id)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(pgt_id)};
	List	   *sources = st_catalog_oids("SELECT source_relid FROM pgtrickle.source_frontier"
										  " WHERE pgt_id = $1 ORDER BY source_relid", 1, types, values);
	ListCell   *lc;

	foreach(lc, sources)
		if (!st_log_exists(lfirst_oid(lc)) || !st_store_hooks.is_complete(lfirst_oid(lc)))
			tell(summary, psprintf("not all changes of %s were captured",
								   quote_qualified_identifier(get_namespace_name(get_rel_namespace(lfirst_oid(lc))),
															  get_rel_name(lfirst_oid(lc)))));
}

static void
look_what_is_repaired(StLockSet *set, void *arg)
{
	st_lock_set_add_group(set, st_stream_table_get(*(Oid *) arg));
}

Datum
st_sql_repair_stream_table(PG_FUNCTION_ARGS)
{
	Oid			relid;
	StStreamTable *table;
	Oid			types[] = {OIDOID};
	Datum		values[1];
	StringInfoData summary;
	StRefreshOutcome outcome;

	PreventCommandIfReadOnly("repair_stream_table()");
	relid = st_resolve_own_stream_table(PG_GETARG_TEXT_PP(0));
	st_note_lifecycle_call();
	(void) st_definition_lock_all(look_what_is_repaired, &relid);
	table = st_stream_table_get(relid);
	initStringInfo(&summary);
	if (strcmp(table->status, "ACTIVE") != 0)
		tell(&summary, psprintf("its status was %s", table->status));
	if (!st_owner_is_accepted(table))
		tell(&summary, "its owner had changed");
	tell_fuse(&summary, relid);
	tell_sources(&summary, table->pgt_id);
	values[0] = ObjectIdGetDatum(relid);
	st_stream_table_lock_rows(relid, false);
	SPI_connect();
	st_fuse_arm(table->pgt_id, false);
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET status = 'ACTIVE', consecutive_errors = 0,"
							  " last_error_message = NULL, last_error_at = NULL, needs_reinit = is_populated, updated_at = pg_catalog.now()"
							  " WHERE pgt_relid = $1", 1, types, values, NULL);
	SPI_finish();
	st_stream_table_accept_owner(table->pgt_id, st_relation_owner(relid));
	CacheInvalidateRelcacheByRelid(relid);
	CommandCounterIncrement();
	if (!st_refresh(relid, "MANUAL", true, &outcome))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("stream table \"%s.%s\" is being refreshed by another session", table->schema, table->name),
				 errhint("Call repair_stream_table() again when it has ended.")));
	if (summary.len == 0)
		tell(&summary, "nothing was found to be wrong");
	tell(&summary, psprintf("recomputed: " INT64_FORMAT " inserted, " INT64_FORMAT " updated, " INT64_FORMAT " deleted",
							(int64) outcome.applied.inserted, (int64) outcome.applied.updated,
							(int64) outcome.applied.deleted));
	PG_RETURN_TEXT_P(cstring_to_text(summary.data));
}
