/*-------------------------------------------------------------------------
 *
 * watch.c
 *	  What those who watch are told of, now and then, and no refresh tells.
 *
 * NOTES
 *	  Alerts are sent by the scheduler, never by the transaction of a refresh,
 *	  which a full queue would fail; all that a look finds are one transaction
 *	  (rule K22). What is told once per episode is remembered where the episode
 *	  is: in the catalog if it has a row there, else in memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "catalog/alert.h"
#include "catalog/stream_table.h"
#include "guc.h"
#include "refresh/refresh.h"
#include "schedule/failure.h"
#include "schedule/watch.h"
#include "store/store.h"
#include "util/fault.h"

#define LOOK_INTERVAL (ST_FAULT("K25 soon") ? 0 : 10 * USECS_PER_SEC)

/* who keeps a stream table from being refreshed for so long is named */
#define LONG_LOCKED (ST_FAULT("K25 soon") ? 0 : 60 * USECS_PER_SEC)

/* and this costs something for each source */
#define AUDIT_INTERVAL (60 * USECS_PER_SEC)

/* what is stopped on purpose is told of so often */
#define REMIND_INTERVAL (60 * USECS_PER_SEC)

/* when it was done last; 0: it is to be done */
static int64 looked = 0;
static int64 audited = 0;

static int64
number_column(uint64 row, int column)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull));
}

/* Watermarks of groups that have not been advanced for too long. */
static void
find_stuck(void)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(st_guc_watermark_holdback_timeout)};
	uint64		count;

	if (st_guc_watermark_holdback_timeout == 0)
		return;
	count = st_catalog_execute("UPDATE pgtrickle.pgt_watermarks AS w SET stuck_since = pg_catalog.clock_timestamp()"
							   " FROM pgtrickle.pgt_watermark_groups AS g"
							   " WHERE w.source_relid = ANY (g.source_relids) AND w.stuck_since IS NULL"
							   " AND w.updated_at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $1)"
							   " RETURNING g.group_name, w.source_relid::bigint,"
							   " extract(epoch FROM pg_catalog.clock_timestamp() - w.updated_at)::bigint", 1, types, values, NULL);
	for (uint64 row = 0; row < count; row++)
	{
		StAlert		alert;

		st_alert_begin(&alert, "watermark_stuck", NULL, NULL);
		st_alert_add_text(&alert, "group", SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1));
		st_alert_add_number(&alert, "source_oid", number_column(row, 2));
		st_alert_add_number(&alert, "age_secs", number_column(row, 3));
		st_alert_send(&alert);
	}
}

static const char *
blow_reason(StScheduled *node)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(node->pgt_id)};
	char	   *reason = NULL;

	if (st_catalog_execute("SELECT blow_reason FROM pgtrickle.pgt_stream_tables WHERE pgt_id = $1", 1, types, values, NULL) > 0)
		reason = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	return reason ? reason : "";
}

/* What is stopped on purpose, and easily forgotten. */
static void
remind(StScheduled *node)
{
	int64		now = st_now();
	StAlert		alert;

	if (node->quiet || now - node->reminded < REMIND_INTERVAL)
		return;
	if (node->blown)
	{
		st_alert_begin(&alert, "fuse_blown_reminder", node->schema, node->name);
		st_alert_add_number(&alert, "blown_seconds", (now - node->blown_since) / USECS_PER_SEC);
		st_alert_add_text(&alert, "reason", blow_reason(node));
	}
	else if (node->frozen && node->pending)
	{
		st_alert_begin(&alert, "frozen_tier_skip", node->schema, node->name);
		st_alert_add_number(&alert, "frozen_seconds", (now - node->pending_since) / USECS_PER_SEC);
	}
	else
		return;
	st_alert_send(&alert);
	node->reminded = now;
}

/* ----- what refreshes tell ----- */

/* A refresh that somebody wants to know of, until the next look. */
typedef struct Told
{
	const char *event;			/* NULL: of every refresh, as the contract has
								 * it */
	char	   *schema;
	char	   *name;
	StJobNode	run;
	int64		took;			/* milliseconds, and what they are compared
								 * with */
	int64		allowed;
} Told;

/* more than that between two looks are not told */
#define MAX_TOLD 1000

static List *told = NIL;

static void
keep(const char *event, StScheduled *node, const StJobNode *run, int64 took, int64 allowed)
{
	MemoryContext old;
	Told	   *entry;

	if (node->quiet || list_length(told) >= MAX_TOLD)
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	entry = palloc(sizeof(Told));
	entry->event = event;
	entry->schema = pstrdup(node->schema);
	entry->name = pstrdup(node->name);
	entry->run = *run;
	entry->took = took;
	entry->allowed = allowed;
	told = lappend(told, entry);
	MemoryContextSwitchTo(old);
}

void
st_watch_refreshed(StScheduled *node, const StJobNode *run)
{
	int64		took = (node->last_end - node->last_start) / 1000;
	int64		sla = node->longest == ST_NEVER ? 0 : node->longest / 500;
	bool		slow = node->timing.kind != ST_TIMING_CRON && !st_scheduled_follows_commits(node) &&
		took * 1000 * 100 >= node->interval * 80;

	node->told_stale = false;
	if (slow && !node->told_slow)
		keep("scheduler_falling_behind", node, run, took, node->interval / 1000);
	node->told_slow = slow;
	if (sla > 0 && took * 10 > sla * 12 &&
		(node->warned_sla == 0 || st_now() - node->warned_sla >= st_guc_schedule_alert_cooldown_seconds * USECS_PER_SEC))
	{
		keep("predicted_sla_breach", node, run, took, sla);
		node->warned_sla = st_now();
	}
	if (strcmp(run->action, "NO_DATA") == 0)
		return;
	if (run->reverted)
		keep("append_only_reverted", node, run, 0, 0);
	/* a recompute of what follows changes otherwise */
	if (node->captured && strcmp(run->action, "DIFFERENTIAL") != 0 && strcmp(run->reason, "first fill") != 0)
		keep("reinitialize_needed", node, run, 0, 0);
	if (st_guc_notify_refresh)
		keep(NULL, node, run, 0, 0);
}

/* The reason without what comes after a colon, which may hold values (rule J19). */
static char *
plain_reason(const char *reason)
{
	const char *colon = strchr(reason, ':');

	return colon ? pnstrdup(reason, colon - reason) : pstrdup(reason);
}

static void
add_ratio(StAlert *alert, const char *key, double value)
{
	appendStringInfoString(&alert->json, ", ");
	escape_json(&alert->json, key);
	appendStringInfo(&alert->json, ": %.2f", value);
}

static void
send_completed(const Told *entry)
{
	StAlert		alert;
	StringInfoData json;

	st_alert_begin(&alert, "refresh_completed", entry->schema, entry->name);
	st_alert_add_text(&alert, "action", entry->run.action);
	st_alert_add_number(&alert, "rows_inserted", entry->run.inserted);
	st_alert_add_number(&alert, "rows_deleted", entry->run.deleted);
	st_alert_add_number(&alert, "rows_updated", entry->run.updated);
	st_alert_add_number(&alert, "duration_ms", (int64) entry->run.ms);
	st_alert_send(&alert);
	initStringInfo(&json);
	appendStringInfoString(&json, "{\"stream_table\": ");
	escape_json(&json, entry->name);
	appendStringInfoString(&json, ", \"schema\": ");
	escape_json(&json, entry->schema);
	appendStringInfo(&json, ", \"mode\": \"%s\", \"rows\": " INT64_FORMAT "}",
					 strcmp(entry->run.action, "DIFFERENTIAL") == 0 ? "DIFFERENTIAL" : "FULL",
					 entry->run.inserted + entry->run.updated + entry->run.deleted);
	Async_Notify("pg_trickle_refresh", json.data);
}

static void
send_told(const Told *entry)
{
	StAlert		alert;

	if (entry->event == NULL)
	{
		send_completed(entry);
		return;
	}
	st_alert_begin(&alert, entry->event, entry->schema, entry->name);
	if (strcmp(entry->event, "append_only_reverted") == 0)
	{
		/* whom it is about is all there is to tell */
	}
	else if (strcmp(entry->event, "reinitialize_needed") == 0)
		st_alert_add_text(&alert, "reason", plain_reason(entry->run.reason));
	else if (strcmp(entry->event, "scheduler_falling_behind") == 0)
	{
		st_alert_add_number(&alert, "elapsed_ms", entry->took);
		st_alert_add_number(&alert, "schedule_ms", entry->allowed);
		add_ratio(&alert, "ratio", (double) entry->took / entry->allowed);
	}
	else
	{
		st_alert_add_number(&alert, "predicted_ms", entry->took);
		st_alert_add_number(&alert, "sla_ms", entry->allowed);
		add_ratio(&alert, "pct_over", 100.0 * (entry->took - entry->allowed) / entry->allowed);
	}
	st_alert_send(&alert);
}

static void
send_kept(void)
{
	ListCell   *lc;

	foreach(lc, told)
		send_told(lfirst(lc));
}

static void
forget_kept(void)
{
	ListCell   *lc;

	foreach(lc, told)
	{
		Told	   *entry = lfirst(lc);

		pfree(entry->schema);
		pfree(entry->name);
		pfree(entry);
	}
	list_free(told);
	told = NIL;
}

/* ----- what no refresh tells ----- */

/* A refresh that has not come although it is long due. */
static void
find_stale(StScheduled *node)
{
	int64		age = st_now() - node->pending_since;
	StAlert		alert;

	if (!node->pending || !node->captured || node->quiet || node->told_stale || node->interval == 0 ||
		node->timing.kind == ST_TIMING_CRON || age <= 2 * node->interval)
		return;
	st_alert_begin(&alert, "stale_data", node->schema, node->name);
	st_alert_add_number(&alert, "staleness_seconds", age / USECS_PER_SEC);
	st_alert_add_number(&alert, "schedule_seconds", node->interval / USECS_PER_SEC);
	add_ratio(&alert, "ratio", (double) age / node->interval);
	st_alert_send(&alert);
	node->told_stale = true;
}

/* Rule K25: another session refreshes it, or something that it reads, and does not come to an end. */
static void
find_locked(StScheduled *node)
{
	List	   *nodes;
	char	   *holders = NULL;
	StAlert		alert;
	ListCell   *lc;

	if (node->locked_since == 0 || node->told_locked || node->quiet || st_now() - node->locked_since < LONG_LOCKED ||
		ST_FAULT("K25"))
		return;
	nodes = list_concat(list_make1(node), list_concat_copy(node->upstream, node->circle));
	foreach(lc, nodes)
		if ((holders = st_refresh_lock_holders(((StScheduled *) lfirst(lc))->pgt_id)) != NULL)
			break;
	/* it has just ended, or is further up */
	if (holders == NULL)
		return;
	st_alert_begin(&alert, "refresh_blocked", node->schema, node->name);
	st_alert_add_text(&alert, "held_by", holders);
	st_alert_add_number(&alert, "blocked_seconds", (st_now() - node->locked_since) / USECS_PER_SEC);
	st_alert_send(&alert);
	node->told_locked = true;
}

/* Change logs that have grown to half of what they may, and who holds them (rules B15, K21). */
static void
find_growth(void)
{
	static List *known = NIL;
	List	   *large = NIL;
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(st_guc_max_log_bytes * INT64CONST(1024) / 2)};
	uint64		count;
	MemoryContext old;

	if (st_guc_max_log_bytes == 0)
		return;
	count = st_catalog_execute("SELECT l.source::bigint, l.bytes, coalesce((SELECT pg_catalog.string_agg(t.pgt_schema || '.' || t.pgt_name || ' ('"
							   " || CASE WHEN t.fuse_state = 'blown' THEN 'fuse blown' WHEN t.status IN ('SUSPENDED', 'ERROR') THEN lower(t.status)"
							   "         WHEN t.pgt_id <= p.up_to THEN 'paused' WHEN t.refresh_tier = 'frozen' THEN 'frozen'"
							   "         WHEN g.gated THEN 'gated' WHEN n.only_row THEN 'drained' ELSE 'behind' END || ')', ', ' ORDER BY t.pgt_id)"
							   " FROM pgtrickle.source_frontier AS f JOIN pgtrickle.pgt_stream_tables AS t USING (pgt_id)"
							   " LEFT JOIN pgtrickle.pgt_source_gates AS g ON g.source_relid = f.source_relid"
							   " LEFT JOIN pgtrickle.scheduler_drain AS n ON true"
							   " LEFT JOIN pgtrickle.scheduler_pause AS p ON true WHERE f.source_relid = l.source), ''),"
							   " coalesce((SELECT slot_name FROM pgtrickle.pgt_change_tracking AS k WHERE k.source_relid = l.source), '')"
							   " FROM (SELECT source, pgtrickle.change_log_bytes(source) AS bytes"
							   "       FROM pgtrickle.change_log_segment GROUP BY source) AS l WHERE l.bytes > $1", 1, types, values, NULL);
	for (uint64 row = 0; row < count; row++)
	{
		StAlert		alert;
		char	   *writers;

		large = lappend_oid(large, (Oid) number_column(row, 1));
		if (list_member_oid(known, (Oid) number_column(row, 1)))
			continue;
		st_alert_begin(&alert, "buffer_growth_warning", NULL, NULL);
		st_alert_add_text(&alert, "slot_name", SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 4));
		st_alert_add_number(&alert, "source_oid", number_column(row, 1));
		st_alert_add_number(&alert, "pending_bytes", number_column(row, 2));
		st_alert_add_text(&alert, "held_by", SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 3));
		writers = st_source_writers_text((Oid) number_column(row, 1));
		st_alert_add_text(&alert, "open_writers", writers ? writers : "");
		st_alert_send(&alert);
	}
	list_free(known);
	old = MemoryContextSwitchTo(TopMemoryContext);
	known = list_copy(large);
	MemoryContextSwitchTo(old);
}

/* "all": it is time to look around, and not only to tell what was kept */
static void
look(StSchedule *schedule, bool all)
{
	ListCell   *lc;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	send_kept();
	if (all)
	{
		find_stuck();
		if (audited == 0 || st_now() - audited >= AUDIT_INTERVAL)
		{
			audited = st_now();
			find_growth();
		}
		foreach(lc, schedule->nodes)
		{
			remind(lfirst(lc));
			find_stale(lfirst(lc));
			find_locked(lfirst(lc));
		}
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

void
st_watch_look(StSchedule *schedule)
{
	MemoryContext context = CurrentMemoryContext;
	bool		all = looked == 0 || st_now() - looked >= LOOK_INTERVAL;

	if (!all && told == NIL)
		return;
	if (all)
		looked = st_now();
	PG_TRY();
	{
		look(schedule, all);
	}
	PG_CATCH();
	{
		/* the queue of notifications is full, say: there is another time */
		st_failure_log(context);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	forget_kept();
}
