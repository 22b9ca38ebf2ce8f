/*-------------------------------------------------------------------------
 *
 * control.c
 *	  Resuming and pausing stream tables, and starting what refreshes them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

#include "api/definition.h"
#include "api/name.h"
#include "catalog/alert.h"
#include "catalog/fuse.h"
#include "catalog/stream_table.h"
#include "schedule/schedule.h"
#include "schedule/timing.h"
#include "store/wake.h"

PG_FUNCTION_INFO_V1(st_sql_resume_stream_table);
PG_FUNCTION_INFO_V1(st_sql_adopt_settings);
PG_FUNCTION_INFO_V1(st_sql_pause_all);
PG_FUNCTION_INFO_V1(st_sql_resume_all);
PG_FUNCTION_INFO_V1(st_sql_start_scheduler);
PG_FUNCTION_INFO_V1(st_sql_signal_launcher);
PG_FUNCTION_INFO_V1(st_sql_scheduler_pid);
PG_FUNCTION_INFO_V1(st_sql_next_fire_time);
PG_FUNCTION_INFO_V1(st_sql_scheduler_follows);
PG_FUNCTION_INFO_V1(st_sql_parse_duration_seconds);

Datum
st_sql_resume_stream_table(PG_FUNCTION_ARGS)
{
	Oid			relid;
	StStreamTable *table;
	Oid			types[] = {OIDOID};
	Datum		values[1];
	StAlert		alert;

	PreventCommandIfReadOnly("resume_stream_table()");
	relid = st_resolve_own_stream_table(PG_GETARG_TEXT_PP(0));
	table = st_stream_table_get(relid);
	if (!st_is_suspended(table))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: stream table \"%s.%s\" is not suspended, its status is %s",
						table->schema, table->name, table->status),
				 errhint("Only what is in status SUSPENDED or ERROR is resumed.")));
	st_note_lifecycle_call();
	values[0] = ObjectIdGetDatum(relid);
	st_stream_table_lock_rows(relid, false);
	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET status = 'ACTIVE', consecutive_errors = 0,"
							  " last_error_message = NULL, last_error_at = NULL, updated_at = pg_catalog.now()"
							  " WHERE pgt_relid = $1", 1, types, values, NULL);
	st_fuse_arm(table->pgt_id, true);
	SPI_finish();

	/*
	 * whoever resumes it says that the query may run with the owner's rights
	 * (rule J17)
	 */
	st_stream_table_accept_owner(table->pgt_id, st_relation_owner(relid));
	CacheInvalidateRelcacheByRelid(relid);
	st_alert_begin(&alert, "resumed", table->schema, table->name);
	st_alert_add_text(&alert, "previous_status", table->status);
	st_alert_send(&alert);
	ereport(INFO,
			(errmsg("stream table \"%s.%s\" resumed, its status was %s", table->schema, table->name, table->status)));
	PG_RETURN_VOID();
}

/*
 * What a query of text, time zones and kin returns depends on settings. They are
 * those of the session that created the stream table, until its owner calls
 * this in a session with others. The next refresh recomputes it.
 */
Datum
st_sql_adopt_settings(PG_FUNCTION_ARGS)
{
	Oid			relid;
	StStreamTable *table;
	Oid			types[] = {INT8OID, TEXTARRAYOID};
	Datum		values[2];

	PreventCommandIfReadOnly("adopt_settings()");
	relid = st_resolve_own_stream_table(PG_GETARG_TEXT_PP(0));
	st_note_lifecycle_call();
	table = st_stream_table_get(relid);
	(void) st_refresh_lock(table->pgt_id, true);
	/* it may have been dropped while we waited */
	table = st_stream_table_get(relid);
	values[0] = Int64GetDatum(table->pgt_id);
	values[1] = st_text_array(st_settings_now());
	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.stream_table_internals SET settings = $2 WHERE pgt_id = $1",
							  2, types, values, NULL);
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET needs_reinit = is_populated, updated_at = pg_catalog.now()"
							  " WHERE pgt_id = $1", 1, types, values, NULL);
	SPI_finish();
	CacheInvalidateRelcacheByRelid(relid);
	PG_RETURN_VOID();
}

void
st_require_owner_of_all(void)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(GetUserId())};

	SPI_connect();
	if (st_catalog_execute("SELECT c.oid::pg_catalog.regclass::text FROM pgtrickle.pgt_stream_tables AS t"
						   " JOIN pg_catalog.pg_class AS c ON c.oid = t.pgt_relid"
						   " WHERE NOT pg_catalog.pg_has_role($1, c.relowner, 'MEMBER') ORDER BY t.pgt_id LIMIT 1",
						   1, types, values, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: must be owner of all stream tables, and are not of %s",
						SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1))));
	SPI_finish();
}

static void
report_number(uint64 n)
{
	ereport(INFO,
			(errmsg_plural("%llu stream table", "%llu stream tables", n, (unsigned long long) n)));
}

/*
 * Neither pausing nor resuming writes a row of a stream table: refreshes write
 * those, each in the order of its group.
 */
Datum
st_sql_pause_all(PG_FUNCTION_ARGS)
{
	uint64		n;

	PreventCommandIfReadOnly("pause_all()");
	st_require_owner_of_all();
	st_note_lifecycle_call();
	SPI_connect();
	n = st_catalog_execute("SELECT FROM pgtrickle.pgt_stream_tables"
						   " WHERE pgt_id > coalesce((SELECT up_to FROM pgtrickle.scheduler_pause), 0)", 0, NULL, NULL, NULL);
	(void) st_catalog_execute("INSERT INTO pgtrickle.scheduler_pause AS p (up_to)"
							  " SELECT max(pgt_id) FROM pgtrickle.pgt_stream_tables HAVING count(*) > 0"
							  " ON CONFLICT (only_row) DO UPDATE SET up_to = greatest(p.up_to, excluded.up_to)", 0, NULL, NULL, NULL);
	SPI_finish();
	report_number(n);
	PG_RETURN_VOID();
}

Datum
st_sql_resume_all(PG_FUNCTION_ARGS)
{
	uint64		n;

	PreventCommandIfReadOnly("resume_all()");
	st_require_owner_of_all();
	st_note_lifecycle_call();
	SPI_connect();
	n = st_catalog_execute("SELECT FROM pgtrickle.pgt_stream_tables"
						   " WHERE pgt_id <= (SELECT up_to FROM pgtrickle.scheduler_pause)", 0, NULL, NULL, NULL);
	(void) st_catalog_execute("DELETE FROM pgtrickle.scheduler_pause", 0, NULL, NULL, NULL);
	(void) st_catalog_execute("DELETE FROM pgtrickle.scheduler_drain", 0, NULL, NULL, NULL);
	SPI_finish();
	report_number(n);
	PG_RETURN_VOID();
}

Datum
st_sql_start_scheduler(PG_FUNCTION_ARGS)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute start_scheduler() during recovery")));
	if (!st_launcher_ensure())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no background worker is free for the pg_trickle launcher"),
				 errhint("Increase max_worker_processes, or put pg_trickle into shared_preload_libraries.")));
	PG_RETURN_VOID();
}

Datum
st_sql_signal_launcher(PG_FUNCTION_ARGS)
{
	st_wake_note_graph();
	PG_RETURN_VOID();
}

Datum
st_sql_scheduler_pid(PG_FUNCTION_ARGS)
{
	int			pid = st_wake_scheduler_pid(MyDatabaseId);

	if (pid == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(pid);
}

Datum
st_sql_scheduler_follows(PG_FUNCTION_ARGS)
{
	int64		next;

	PG_RETURN_BOOL(st_wake_scheduler_pid(MyDatabaseId) != 0 ||
				   (st_wake_launcher_pid() != 0 && st_wake_resting(MyDatabaseId, &next) == ST_REST_IDLE));
}

Datum
st_sql_parse_duration_seconds(PG_FUNCTION_ARGS)
{
	text	   *input = PG_GETARG_TEXT_PP(0);
	char	   *schedule = VARDATA_ANY(input);
	int			length = VARSIZE_ANY_EXHDR(input);
	int64		seconds;

	for (; length > 0 && *schedule == ' '; length--)
		schedule++;
	while (length > 0 && schedule[length - 1] == ' ')
		length--;
	if (length == 0 || st_timing_duration(pnstrdup(schedule, length), &seconds))
		PG_RETURN_NULL();
	PG_RETURN_INT64(seconds);
}

Datum
st_sql_next_fire_time(PG_FUNCTION_ARGS)
{
	char	   *schedule = st_parse_schedule(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	TimestampTz after = PG_GETARG_TIMESTAMPTZ(1);
	StTiming	timing;

	st_timing_parse(schedule, &timing);
	if (timing.kind == ST_TIMING_CALCULATED)
		PG_RETURN_NULL();
	if (TIMESTAMP_NOT_FINITE(after))
		PG_RETURN_TIMESTAMPTZ(after);
	if (timing.kind == ST_TIMING_EVERY)
		PG_RETURN_TIMESTAMPTZ(TimestampTzPlusMilliseconds(after, timing.every * 1000));
	PG_RETURN_TIMESTAMPTZ(st_timing_next(&timing, after));
}
