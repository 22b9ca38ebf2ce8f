/*-------------------------------------------------------------------------
 *
 * held.c
 *	  Stream tables that a refresh has left as they are.
 *
 * NOTES
 *	  What holds is read by the refresh, under the snapshot that reads the
 *	  sources (rule K10), so that it costs a job to find out. It is tried again
 *	  when the generation of the graph changes, which every function does that
 *	  opens, advances or resets something. One that has committed between the
 *	  snapshot and now has changed it already: the job remembers the generation
 *	  from before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "catalog/alert.h"
#include "catalog/stream_table.h"
#include "schedule/failure.h"
#include "schedule/held.h"
#include "schedule/queue.h"
#include "schedule/tally.h"
#include "store/wake.h"
#include "util/fault.h"

/* without shared memory nobody tells: look again after so long */
#define HELD_DELAY (1 * USECS_PER_SEC)

const StJobNode *
st_job_node(const StJobResult *result, Oid relid)
{
	for (int i = 0; i < result->nnodes; i++)
		if (result->nodes[i].relid == relid)
			return &result->nodes[i];
	return NULL;
}

static void
write_history(StScheduled *node, const char *reason)
{
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[] = {Int64GetDatum(node->pgt_id), CStringGetTextDatum(reason)};

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	(void) st_catalog_execute("INSERT INTO pgtrickle.pgt_refresh_history"
							  " (pgt_id, data_timestamp, start_time, end_time, action, status, initiated_by, error_message)"
							  " SELECT pgt_id, now, now, now, 'SKIP', 'SKIPPED', 'SCHEDULER', $2"
							  " FROM pgtrickle.pgt_stream_tables, pg_catalog.clock_timestamp() AS now WHERE pgt_id = $1",
							  2, types, values, NULL);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/*
 * The fuse has blown, unless somebody has taken it out or reset it meanwhile.
 * The alert goes with the status (rule K22).
 */
static void
blow_fuse(StScheduled *node, const StJobNode *run)
{
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[] = {Int64GetDatum(node->pgt_id), CStringGetTextDatum(run->reason)};
	bool		blown;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	blown = st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET fuse_state = 'blown', status = 'SUSPENDED',"
							   " blown_at = pg_catalog.clock_timestamp(), blow_reason = $2"
							   " WHERE pgt_id = $1 AND fuse_state = 'armed' AND fuse_mode <> 'off'", 2, types, values, NULL) > 0;
	if (blown && !node->quiet)
	{
		StAlert		alert;

		st_alert_begin(&alert, "fuse_blown", node->schema, node->name);
		st_alert_add_text(&alert, "stream_table", psprintf("%s.%s", node->schema, node->name));
		st_alert_add_number(&alert, "pending", run->pending);
		st_alert_add_number(&alert, "ceiling", run->ceiling);
		st_alert_send(&alert);
	}
	SPI_finish();
	PopActiveSnapshot();
	st_commit_transition(blown);
	if (!blown)
		return;
	node->runnable = false;
	node->blown = true;
	node->blown_since = node->reminded = st_now();
	ereport(WARNING,
			(errmsg("stream table \"%s.%s\" is suspended: its fuse has blown", node->schema, node->name),
			 errdetail("%s", run->reason),
			 errhint("Call pgtrickle.reset_fuse().")));
}

/* What cannot be written, because a disk is full, say, is known here all the same. */
static void
try_record(StScheduled *node, const StJobNode *run)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		if (run->hold == ST_HOLD_FUSE)
			blow_fuse(node, run);
		/* all are drained at once, and the catalog says so */
		else if (run->hold != ST_HOLD_DRAIN)
		{
			write_history(node, run->reason);
			st_tally_skipped(node);
		}
	}
	PG_CATCH();
	{
		st_failure_log(context);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}

void
st_held_record(StScheduled *node, const StJobNode *run, uint64 generation)
{
	bool		news = node->hold_reason == NULL || strcmp(node->hold_reason, run->reason) != 0;

	if (generation == 0)
		node->not_before = st_now() + HELD_DELAY;
	else
		node->held = generation == st_wake_generation() || ST_FAULT("K10 generation");
	st_queue_touch(node);
	if (!news && run->hold != ST_HOLD_FUSE)
		return;
	st_held_forget(node);
	node->hold_reason = MemoryContextStrdup(GetMemoryChunkContext(node), run->reason);
	try_record(node, run);
}

void
st_held_note_blocked(StScheduled *node, const StScheduled *obstacle)
{
	StJobNode	run = {.hold = ST_HOLD_UNIT};

	snprintf(run.reason, sizeof(run.reason), "blocked by %s.%s", obstacle->schema, obstacle->name);
	run.reason[pg_mbcliplen(run.reason, strlen(run.reason), sizeof(run.reason) - 1)] = '\0';
	if (node->hold_reason && strcmp(node->hold_reason, run.reason) == 0)
		return;
	st_held_forget(node);
	node->hold_reason = MemoryContextStrdup(GetMemoryChunkContext(node), run.reason);
	try_record(node, &run);
}

void
st_held_forget(StScheduled *node)
{
	if (node->hold_reason)
		pfree(node->hold_reason);
	node->hold_reason = NULL;
}
