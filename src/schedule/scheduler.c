/*-------------------------------------------------------------------------
 *
 * scheduler.c
 *	  One process for a database that refreshes its stream tables.
 *
 * NOTES
 *	  It sleeps until a commit touches a source that some stream table wants
 *	  to follow at once, or until one is due by its schedule. A refresh is a
 *	  transaction of its own, of the stream table that is due and those above it;
 *	  what an error means is for failure.c.
 *
 *	  The order of looking is rule H1: take what commits have touched, then the
 *	  snapshot; arm, then look again, then sleep. The catalog is read anew
 *	  when the generation has changed, which is read before the snapshot
 *	  (rule H3).
 *
 *	  It waits for nobody's lock for longer than half of deadlock_timeout, so
 *	  that it is never a user who gives way (rule C10), and ends as soon as
 *	  somebody wants to drop, rename or copy the database (rule K13).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "catalog/extension.h"
#include "catalog/stream_table.h"
#include "guc.h"
#include "refresh/refresh.h"
#include "schedule/failure.h"
#include "schedule/internal.h"
#include "schedule/node.h"
#include "store/wake.h"
#include "util/fault.h"

/* with the node locks of the room refresh: the one scheduler of a database */
#define SCHEDULER_LOCK_FIELD4 7713

/* what no commit tells of is looked at so often */
#define HOUSEKEEPING_INTERVAL (1 * USECS_PER_SEC)

/* a large catalog is not read anew more often */
#define RELOAD_INTERVAL (1 * USECS_PER_SEC)
#define LARGE_SCHEDULE 500

/* a lock that another session holds is tried for again after so long, then twice as long */
#define LOCKED_DELAY (100 * INT64CONST(1000))
#define LONGEST_LOCKED_DELAY (5 * USECS_PER_SEC)

/* the catalog's tables have changed: the extension was dropped, say */
static volatile bool catalog_changed = false;
static Oid	catalog_relid = InvalidOid;

static void
note_catalog_change(Datum arg, Oid relid)
{
	if (relid == catalog_relid || relid == InvalidOid)
		catalog_changed = true;
}

static void
set_session_option(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

/* Rules C14, K18: what a database or role may have set must not change what we do. */
static void
pin_session(void)
{
	set_session_option("default_transaction_isolation", "read committed");
	set_session_option("default_transaction_read_only", "off");
	set_session_option("default_transaction_deferrable", "off");
	set_session_option("session_replication_role", "origin");
	set_session_option("row_security", "on");
	set_session_option("statement_timeout", "0");
	set_session_option("idle_in_transaction_session_timeout", "0");
	set_session_option("synchronous_commit", "off");
	set_session_option("search_path", "pg_catalog, pg_temp");
	set_session_option("lock_timeout", psprintf("%d", Max(Min(DeadlockTimeout / 2, 500), 1)));
	set_session_option("application_name", "pg_trickle scheduler");
	if (GetConfigOption("transaction_timeout", true, false))
		set_session_option("transaction_timeout", "0");
	if (GetConfigOption("stats_fetch_consistency", true, false))
		set_session_option("stats_fetch_consistency", "none");
}

/* ----- one process for a database, which is in nobody's way ----- */

static bool
be_the_only_one(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, SCHEDULER_LOCK_FIELD4);
	return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* Does somebody hold or wait for a lock on the database that is not for connections? */
static bool
is_database_wanted(void)
{
	LOCKTAG		tag;

	if (ST_FAULT("K13"))
		return false;
	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	if (LockAcquire(&tag, RowExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	LockRelease(&tag, RowExclusiveLock, true);
	return false;
}

/* ----- one refresh ----- */

static void
clear_pending(StScheduled *node)
{
	ListCell   *lc;

	check_stack_depth();
	if (!node->pending)
		return;
	node->pending = false;
	foreach(lc, node->upstream)
	{
		StScheduled *upstream = lfirst(lc);

		/* one that is suspended is not refreshed with those that read it */
		if (upstream->runnable)
			clear_pending(upstream);
	}
}

/* It and the upstreams that are refreshed with it: what is done is done for all. */
static void
note_done(StScheduled *node, int64 start)
{
	ListCell   *lc;

	check_stack_depth();
	if (node->last_start == start)
		return;
	node->last_start = start;
	node->last_end = st_now();
	node->checked = node->last_end;
	node->last_fire = GetCurrentTimestamp();
	st_failure_forget(node);
	foreach(lc, node->upstream)
		if (((StScheduled *) lfirst(lc))->runnable)
			note_done(lfirst(lc), start);
}

/* Rule 6.12 of the contract: a schedule that cannot be kept is stretched. */
static void
adapt_interval(StScheduled *node)
{
	int64		took = node->last_end - node->last_start;
	int			before = node->stretch;

	if (node->timing.kind == ST_TIMING_CRON || st_scheduled_follows_commits(node))
		return;
	if (!st_guc_auto_backoff || took * 100 < node->interval * 95)
		node->stretch = 1;
	else
		node->stretch = Min(node->stretch * 2, 8);
	if (node->stretch != before)
		ereport(node->stretch > before ? WARNING : LOG,
				(errmsg("stream table \"%s.%s\" is refreshed every %lld s",
						node->schema, node->name, (long long) (node->interval * node->stretch / USECS_PER_SEC)),
				 errdetail("Its last refresh took %lld ms, its schedule is %lld s.",
						   (long long) (took / 1000), (long long) (node->interval / USECS_PER_SEC))));
}

static void
fail(StSchedule *schedule, StScheduled *node, const ErrorData *error)
{
	StScheduled *culprit = st_schedule_find(schedule, st_refresh_failed_relation());

	if (culprit == NULL)
		culprit = node;
	st_failure_record(culprit, error);
	if (culprit == node)
		return;
	culprit->pending = true;
	/* what reads it waits with it, or goes on without it once it is stopped */
	node->not_before = culprit->runnable ? culprit->not_before : 0;
}

static void
refresh(StSchedule *schedule, StScheduled *node, MemoryContext context)
{
	int64		start = st_now();
	StRefreshOutcome outcome;
	bool		done = false;

	/* commits from here on are seen by the next one */
	clear_pending(node);
	QueryCancelPending = false;
	pgstat_report_activity(STATE_RUNNING, psprintf("refreshing stream table %s.%s", node->schema, node->name));
	PG_TRY();
	{
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		done = st_refresh(node->relid, "SCHEDULER", false, &outcome);
		PopActiveSnapshot();
		CommitTransactionCommand();
		MemoryContextSwitchTo(context);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		errcontext("scheduled refresh of stream table \"%s.%s\"", node->schema, node->name);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(context);
		RESUME_INTERRUPTS();
		pgstat_report_activity(STATE_IDLE, NULL);
		node->pending = !ST_FAULT("H2");
		/* what has failed may not be there any more */
		AcceptInvalidationMessages();
		if (!catalog_changed)
			fail(schedule, node, error);
		return;
	}
	PG_END_TRY();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
	if (done)
	{
		note_done(node, start);
		adapt_interval(node);
		return;
	}
	/* rule K25: another session refreshes it, and may roll back */
	node->pending = true;
	node->not_before = st_now() + Min(LOCKED_DELAY << Min(node->failures, 10), LONGEST_LOCKED_DELAY);
	node->failures++;
}

/* ----- the loop ----- */

/* Read the catalog; NULL: the extension is gone. */
static StSchedule *
reload(StSchedule *old)
{
	MemoryContext context = CurrentMemoryContext;
	StSchedule *schedule = NULL;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	catalog_changed = false;
	if (st_extension_exists())
	{
		catalog_relid = st_internal_relation("pgt_stream_tables", false);
		schedule = st_schedule_read(old);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return schedule;
}

static bool
has_work(StSchedule *schedule)
{
	ListCell   *lc;

	foreach(lc, schedule->nodes)
		if (((StScheduled *) lfirst(lc))->runnable)
			return true;
	return false;
}

/*
 * Rule H5: the end of a prepared transaction is told by nobody. Those of this
 * database, as text.
 */
static char *
prepared_transactions(void)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *result = NULL;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	if (st_catalog_execute("SELECT pg_catalog.string_agg(transaction::text, ' ' ORDER BY transaction::text)"
						   " FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()",
						   0, NULL, NULL, NULL) > 0)
	{
		result = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		result = result ? MemoryContextStrdup(context, result) : NULL;
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return result;
}

static void
watch_prepared(StSchedule *schedule)
{
	static bool looked = false; /* there may be some of before the server's start */
	static char known[256];		/* enough to notice a change; more are told by their length */
	bool		prepared = st_wake_take_prepared();
	char	   *present;
	char		digest[256];

	if (!prepared && looked && known[0] == '\0')
		return;
	looked = true;
	present = prepared_transactions();
	snprintf(digest, sizeof(digest), "%zu %s", present ? strlen(present) : 0, present ? present : "");
	if (present == NULL)
		digest[0] = '\0';
	/* one that was prepared since may have ended already */
	if (prepared || strcmp(digest, known) != 0)
		st_schedule_mark_all(schedule);
	strcpy(known, digest);
}

/* What no commit tells. False: the process is to end. */
static bool
keep_house(StSchedule *schedule)
{
	if (is_database_wanted())
		return false;
	AcceptInvalidationMessages();
	watch_prepared(schedule);
	st_schedule_mark_unchecked(schedule);
	return true;
}

/* Refresh what is due, furthest from the sources first; their upstreams go with them. */
static bool
run_due(StSchedule *schedule, MemoryContext context)
{
	bool		ran = false;

	for (int i = list_length(schedule->nodes) - 1; i >= 0; i--)
	{
		StScheduled *node = list_nth(schedule->nodes, i);

		CHECK_FOR_INTERRUPTS();
		if (st_scheduled_due(node) > st_now())
			continue;
		refresh(schedule, node, context);
		MemoryContextReset(context);
		ran = true;
	}
	return ran;
}

/* When something is due that no commit has to tell; arms what commits tell. */
static int64
prepare_sleep(StSchedule *schedule)
{
	int64		next = ST_NEVER;
	ListCell   *lc;

	foreach(lc, schedule->nodes)
	{
		StScheduled *node = lfirst(lc);
		int64		due = st_scheduled_due(node);
		int			source = -1;

		next = Min(next, due);
		if (due != ST_NEVER || !node->runnable || !st_scheduled_follows_commits(node))
			continue;
		while ((source = bms_next_member(node->sources, source)) >= 0)
			st_wake_arm(list_nth_oid(schedule->sources, source));
	}
	return next;
}

static void
run_loop(StSchedule *schedule)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "pg_trickle tick", ALLOCSET_DEFAULT_SIZES);
	int64		kept = 0;
	int64		read = st_now();

	for (;;)
	{
		int64		wake;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(context);
		MemoryContextSwitchTo(context);
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			pin_session();
		}
		if (st_now() - kept >= HOUSEKEEPING_INTERVAL)
		{
			if (!keep_house(schedule))
				return;
			kept = st_now();
		}
		if ((catalog_changed || st_wake_generation() != schedule->generation) &&
			(list_length(schedule->nodes) < LARGE_SCHEDULE || st_now() - read >= RELOAD_INTERVAL))
		{
			schedule = reload(schedule);
			if (schedule == NULL)
				return;
			read = st_now();
		}
		st_schedule_collect(schedule);
		if (st_guc_enabled && run_due(schedule, context))
			continue;
		if (!has_work(schedule))
		{
			if (st_wake_rest(schedule->generation))
				return;
			if (!st_wake_become_scheduler())
				return;
		}
		wake = Min(st_guc_enabled ? prepare_sleep(schedule) : ST_NEVER,
				   kept + Min(HOUSEKEEPING_INTERVAL, st_guc_scheduler_interval_ms * INT64CONST(1000)));
		if ((st_guc_enabled && st_wake_is_due()) || st_wake_generation() != schedule->generation)
			continue;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(wake - st_now(), 0) / 1000 + 1, PG_WAIT_EXTENSION);
	}
}

void
st_scheduler_main(Datum argument)
{
	StSchedule *schedule;
	uint64		generation;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(argument), InvalidOid, 0);
	pin_session();
	(void) st_wake_attach();
	CacheRegisterRelcacheCallback(note_catalog_change, (Datum) 0);
	if (is_database_wanted())
		proc_exit(1);
	if (!be_the_only_one() || !st_wake_become_scheduler())
		proc_exit(1);
	generation = st_wake_generation();
	do
		schedule = reload(NULL);
	while (schedule == NULL && !st_wake_rest(generation) && st_wake_become_scheduler());
	if (schedule)
		run_loop(schedule);
	proc_exit(0);
}
