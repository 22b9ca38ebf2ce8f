/*-------------------------------------------------------------------------
 *
 * failure.c
 *	  What a failed refresh means for a stream table (rules K2, C11).
 *
 * NOTES
 *	  Only a stream table's own errors count against it: a full disk or a lost
 *	  lock must not suspend everything. Backing off lives in memory; what a
 *	  failure changes in the catalog is committed by itself, together with its
 *	  alert.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "catalog/alert.h"
#include "catalog/stream_table.h"
#include "guc.h"
#include "schedule/failure.h"
#include "schedule/queue.h"
#include "schedule/tally.h"
#include "util/fault.h"

#define LONGEST_DELAY (60 * USECS_PER_SEC)

StFailureKind
st_failure_kind(int sqlstate)
{
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case MAKE_SQLSTATE('H', 'V', '0', '0', '0'):	/* foreign data */
		case MAKE_SQLSTATE('0', '8', '0', '0', '0'):	/* connection */
		case MAKE_SQLSTATE('4', '0', '0', '0', '0'):	/* serialization,
														 * deadlock */
		case MAKE_SQLSTATE('5', '3', '0', '0', '0'):	/* insufficient
														 * resources */
		case MAKE_SQLSTATE('5', '5', '0', '0', '0'):	/* in use, lock not
														 * available */
		case MAKE_SQLSTATE('5', '7', '0', '0', '0'):	/* operator intervention */
		case MAKE_SQLSTATE('5', '8', '0', '0', '0'):	/* system */
			return ST_FAULT("K2") ? ST_FAILURE_COUNTED : ST_FAILURE_PASSING;
		case MAKE_SQLSTATE('2', '5', '0', '0', '0'):	/* timeouts of
														 * transactions */
			return sqlstate == MAKE_SQLSTATE('2', '5', '0', '0', '6') ? ST_FAILURE_PERMANENT : ST_FAILURE_PASSING;
		case MAKE_SQLSTATE('0', 'A', '0', '0', '0'):	/* not supported */
		case MAKE_SQLSTATE('2', '2', '0', '0', '0'):	/* data */
		case MAKE_SQLSTATE('2', '3', '0', '0', '0'):	/* constraints */
		case MAKE_SQLSTATE('2', '8', '0', '0', '0'):	/* authorization */
		case MAKE_SQLSTATE('4', '2', '0', '0', '0'):	/* names, rights,
														 * definitions */
			return ST_FAILURE_PERMANENT;
		default:

			/*
			 * what does not end, or asks for more stack than there is, does
			 * so the next time
			 */
			return sqlstate == ERRCODE_STATEMENT_TOO_COMPLEX ? ST_FAILURE_PERMANENT : ST_FAILURE_COUNTED;
	}
}

/* One second, doubled with each failure, give or take a quarter. */
static int64
backoff_delay(int failures)
{
	int64		delay = USECS_PER_SEC << Min(failures - 1, 6);

	delay = Min(delay, LONGEST_DELAY);
	return delay * 3 / 4 + (int64) (pg_prng_double(&pg_global_prng_state) * delay / 2);
}

static void
send_alerts(StScheduled *node, const StJobResult *error, const char *status, int consecutive)
{
	StAlert		alert;

	if (node->quiet)
		return;
	st_alert_begin(&alert, "refresh_failed", node->schema, node->name);
	st_alert_add_text(&alert, "action", node->captured ? "DIFFERENTIAL" : "FULL");
	/* everybody may listen: a message may hold values (rule J19) */
	st_alert_add_text(&alert, "error", ST_FAULT("J19 alert") ? error->message : unpack_sql_state(error->sqlstate));
	st_alert_send(&alert);
	if (status == NULL || strcmp(status, "SUSPENDED") != 0)
		return;
	st_alert_begin(&alert, "auto_suspended", node->schema, node->name);
	st_alert_add_number(&alert, "consecutive_errors", consecutive);
	st_alert_send(&alert);
}

static void
write_history(StScheduled *node, const StJobResult *error)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID};
	Datum		values[] = {Int64GetDatum(node->pgt_id), CStringGetTextDatum(node->captured ? "DIFFERENTIAL" : "FULL"),
	CStringGetTextDatum(error->message), CStringGetTextDatum(unpack_sql_state(error->sqlstate)), TimestampTzGetDatum(error->begun)};

	(void) st_catalog_execute("INSERT INTO pgtrickle.pgt_refresh_history"
							  " (pgt_id, data_timestamp, start_time, end_time, action, status, initiated_by, error_message, error_code)"
							  " VALUES ($1, $5, $5, clock_timestamp(), $2, 'FAILED', 'SCHEDULER', $3, $4)", 5, types, values, NULL);
}

/* Returns the stream table's status, and in *consecutive how often it has failed. */
static char *
count_error(StScheduled *node, const char *message, bool permanent, int *consecutive)
{
	Oid			types[] = {INT8OID, TEXTOID, BOOLOID, INT4OID};
	Datum		values[] = {Int64GetDatum(node->pgt_id), CStringGetTextDatum(message), BoolGetDatum(permanent),
	Int32GetDatum(st_guc_max_consecutive_errors)};
	bool		isnull;

	if (st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET consecutive_errors = consecutive_errors + 1,"
						   " last_error_message = $2, last_error_at = clock_timestamp(),"
						   " status = CASE WHEN $3 THEN 'ERROR' WHEN consecutive_errors + 1 >= $4 THEN 'SUSPENDED' ELSE status END"
						   " WHERE pgt_id = $1 RETURNING status, consecutive_errors", 4, types, values, NULL) == 0)
		return NULL;
	*consecutive = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

static void
record(StScheduled *node, const StJobResult *error, StFailureKind kind)
{
	char	   *status = NULL;
	int			consecutive = 0;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	if (kind != ST_FAILURE_PASSING)
		status = count_error(node, error->message, kind == ST_FAILURE_PERMANENT, &consecutive);
	/* one row and one alert for what passes, however often it is tried */
	if (kind != ST_FAILURE_PASSING || !node->alerted)
	{
		write_history(node, error);
		send_alerts(node, error, status, consecutive);
	}
	if (status && (strcmp(status, "SUSPENDED") == 0 || strcmp(status, "ERROR") == 0))
	{
		node->runnable = false;
		node->failed_before = true;
		node->not_before = st_now() + ST_PROBE_DELAY;
	}
	SPI_finish();
	PopActiveSnapshot();
	st_commit_transition(status != NULL);
}

void
st_commit_transition(bool changed)
{
	if (changed && !ST_FAULT("K19"))
		ForceSyncCommit();
	CommitTransactionCommand();
}

void
st_failure_log(MemoryContext context)
{
	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(context);
	EmitErrorReport();
	FlushErrorState();
	AbortCurrentTransaction();
	RESUME_INTERRUPTS();
}

void
st_failure_record(StScheduled *node, const StJobResult *error)
{
	StFailureKind kind = st_failure_kind(error->sqlstate);
	MemoryContext context = CurrentMemoryContext;

	node->failures++;
	node->not_before = st_now() + backoff_delay(node->failures);
	st_tally_failed(node);
	PG_TRY();
	{
		record(node, error, kind);
	}
	PG_CATCH();
	{
		/* a full disk, for example: memory knows it */
		st_failure_log(context);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	node->alerted = true;
	st_queue_touch(node);
}

void
st_failure_forget(StScheduled *node)
{
	node->failures = 0;
	node->alerted = false;
	node->not_before = 0;
	/* one that was paused or frozen while its refresh ran stays so */
	if (node->failed_before)
		node->runnable = true;
	node->failed_before = false;
}
