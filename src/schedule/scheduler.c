/*-------------------------------------------------------------------------
 *
 * scheduler.c
 *	  One process for a database that refreshes its stream tables.
 *
 * NOTES
 *	  It sleeps until a commit touches a source that some stream table wants
 *	  to follow at once, or until one is due by its schedule. A refresh is a
 *	  transaction of its own, of the stream table that is due and the stale ones
 *	  above it, in a worker; two that have a stream table in common do not run at
 *	  the same time. What an error means is for failure.c.
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

#include <signal.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
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
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "catalog/alert.h"
#include "catalog/extension.h"
#include "catalog/saved.h"
#include "catalog/stream_table.h"
#include "guc.h"
#include "refresh/refresh.h"
#include "schedule/check.h"
#include "schedule/failure.h"
#include "schedule/graph.h"
#include "schedule/held.h"
#include "schedule/internal.h"
#include "schedule/node.h"
#include "schedule/probation.h"
#include "schedule/queue.h"
#include "schedule/spacing.h"
#include "schedule/tally.h"
#include "schedule/unit.h"
#include "schedule/watch.h"
#include "schedule/worker.h"
#include "store/store.h"
#include "store/wake.h"
#include "util/fault.h"
#include "util/lock_tag.h"
#include "util/wait_event.h"

/* what no commit tells of is looked at so often */
#define HOUSEKEEPING_INTERVAL (1 * USECS_PER_SEC)

/* who has waited for a worker for so long comes before all others */
#define LONG_WAIT (1 * USECS_PER_SEC)

/* a large catalog is not read anew more often */
#define RELOAD_INTERVAL (1 * USECS_PER_SEC)
#define LARGE_SCHEDULE 500

/* a lock that another session holds is tried for again after so long, then twice as long */
#define LOCKED_DELAY (100 * INT64CONST(1000))
#define LONGEST_LOCKED_DELAY (5 * USECS_PER_SEC)

/* a refresh that was cancelled so often in a row, for those who waited, runs through */
#define MAX_CANCELS 3

/* after a crash of the server, refreshes are watched for so long */
#define PROBATION (10 * 60 * USECS_PER_SEC)

/*
 * one to which nothing has happened for so long leaves its process to others,
 * sooner where there are too few; but the next one looks at everything once, so
 * where there are enough it must not be much
 */
#define IDLE_PATIENCE (ST_FAULT("K17 soon") ? USECS_PER_SEC : 5 * 60 * USECS_PER_SEC)
#define CROWDED_PATIENCE USECS_PER_SEC
#define IDLE_STREAM_TABLES 200

#define SCHEDULER_NAME "pg_trickle scheduler"

/* the catalog's tables have changed: the extension was dropped, say */
static volatile bool catalog_changed = false;
static Oid	catalog_relid = InvalidOid;

static void
note_catalog_change(Datum arg, Oid relid)
{
	if (relid == catalog_relid || relid == InvalidOid)
		catalog_changed = true;
}

/* To cancel it would do nobody good; but it is this signal by which lock_timeout ends a wait. */
static void
handle_cancel(SIGNAL_ARGS)
{
	if (get_timeout_indicator(LOCK_TIMEOUT, false))
		StatementCancelHandler(postgres_signal_arg);
}

/* ----- one process for a database, which is in nobody's way ----- */

static bool
be_the_only_one(void)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, ST_LOCK_SCHEDULER);
	return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* ----- after a restore or an upgrade ----- */

/* rows that a restore has brought, and may still be bringing */
static bool restoring = false;

/*
 * A full dump links its stream tables itself (rule J4). This is for other ways
 * of restoring, once who restores has left, and for pg_upgrade (rule J3).
 */
static void
link_restored(void)
{
	StSavedState state = st_saved_state();

	if (st_installation_has_moved() || state == ST_SAVED_READY)
	{
		(void) OidFunctionCall0(st_internal_function("relink", false));
		CommandCounterIncrement();
		state = st_saved_state();
	}
	restoring = state == ST_SAVED_WAITS;
}

/* ----- after a creation that has failed ----- */

/* somebody is creating a stream table, or capture is left behind that is locked */
static bool creating = false;

static void
remove_abandoned(void)
{
	MemoryContext context = CurrentMemoryContext;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	creating = !st_store_hooks.remove_abandoned();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
}

/* ----- refreshes ----- */

/* What a worker is at, by its number; kept apart from the schedule, which is read anew meanwhile. */
typedef struct Dispatched
{
	Oid			relid;			/* InvalidOid: nothing */
	int			nalong;
	Oid			along[ST_JOB_ALONG];
	int64		start;
	uint64		generation;		/* of the graph, before it began */
	bool		cancelled;
	bool		told;			/* that it is not cancelled */
} Dispatched;

static Dispatched dispatched[ST_MAX_WORKERS];

/* until then refreshes run one at a time, and are announced (rule K1) */
static int64 probation_until = 0;
static List *announced = NIL;	/* OIDs of what the running one writes */

static bool
is_busy(void)
{
	for (int i = 0; i < ST_MAX_WORKERS; i++)
		if (OidIsValid(dispatched[i].relid))
			return true;
	return false;
}

/* However it has ended, it has not crashed the server. */
static void
revoke_announcement(void)
{
	if (announced == NIL)
		return;
	st_probation_revoke(announced);
	list_free(announced);
	announced = NIL;
}

static void
note_begun(StScheduled *node, int worker)
{
	/* commits from here on are seen by the next refresh */
	node->pending = false;
	node->turn = 0;
	node->due_since = 0;
	node->running = true;
	node->worker = worker;
	st_queue_touch(node);
}

/* The refresh began at "start", a time that was before its snapshot. */
static void
note_done(StScheduled *node, int64 start)
{
	node->running = false;
	node->last_start = start;
	node->last_end = st_now();
	/* what was committed since it began is for the next time (rule K24) */
	node->last_fire = GetCurrentTimestamp() - (node->last_end - start);
	node->cancels = 0;
	node->locked_since = 0;
	node->told_locked = false;
	node->cut = 0;
	st_failure_forget(node);
	st_held_forget(node);
	st_queue_touch(node);
}

static void
note_undone(StScheduled *node)
{
	node->running = false;
	node->pending = !ST_FAULT("H2");
	st_queue_touch(node);
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

/* None of those that read each other by itself is why they do not come to an end (rule K9). */
static void
fail_circle(StScheduled *culprit, const StJobResult *error)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, culprit->circle)
	{
		StScheduled *member = lfirst(lc);

		st_failure_record(member, error);
		appendStringInfo(&names, "%s\"%s.%s\"", names.len > 0 ? ", " : "", member->schema, member->name);
	}
	ereport(WARNING,
			(errmsg("stream tables that read each other have status ERROR now: %s", names.data),
			 errdetail("%s", error->message)));
}

static void
fail(StSchedule *schedule, StScheduled *node, const StJobResult *error)
{
	StScheduled *culprit = st_schedule_find(schedule, error->culprit);

	/* what has failed may not be there any more */
	AcceptInvalidationMessages();
	if (catalog_changed)
		return;
	if (culprit == NULL)
		culprit = node;
	if (error->sqlstate == ERRCODE_STATEMENT_TOO_COMPLEX && culprit->circle)
		fail_circle(culprit, error);
	else
		st_failure_record(culprit, error);
	if (culprit == node)
		return;
	culprit->pending = true;
	st_queue_touch(culprit);

	/*
	 * what reads it waits with it, or goes on without it once it is stopped,
	 * or at once
	 */
	node->not_before = culprit->runnable && (node->atomic || node->unit) ? culprit->not_before : 0;
}

/* The job has ended well; false: it has left the node as it is, for a reason. */
static bool
settle(StScheduled *node, int64 start, uint64 generation, const StJobResult *result)
{
	const StJobNode *run = st_job_node(result, node->relid);

	if (run == NULL || run->hold == ST_HOLD_NONE)
	{
		note_done(node, start);
		if (run && strcmp(run->action, "NO_DATA") != 0)
			node->took = run->ms;
		if (run)
		{
			st_tally_refreshed(node, run);
			st_watch_refreshed(node, run);
		}
		return true;
	}
	note_undone(node);
	AcceptInvalidationMessages();
	if (!catalog_changed)
		st_held_record(node, run, generation);
	return false;
}

/* Of a job that has undone everything: only what holds its unit, and that, is settled. */
static void
settle_undone(StScheduled *node, int64 start, uint64 generation, const StJobResult *result)
{
	const StJobNode *run = st_job_node(result, node->relid);

	if (run && run->hold != ST_HOLD_NONE)
		(void) settle(node, start, generation, result);
	else
		note_undone(node);
}

/* The end of a refresh, for those that it has taken along. */
static void
finish_along(List *along, int64 start, uint64 generation, const StJobResult *result)
{
	ListCell   *lc;

	foreach(lc, along)
	{
		if (result->undone)
			settle_undone(lfirst(lc), start, generation, result);
		else if (result->done)
			(void) settle(lfirst(lc), start, generation, result);
		else
			note_undone(lfirst(lc));
	}
}

/* And for the stream table that was to be refreshed. */
static void
finish(StSchedule *schedule, StScheduled *node, int64 start, uint64 generation, const StJobResult *result)
{
	if (result->undone)
	{
		settle_undone(node, start, generation, result);
		return;
	}
	if (result->done)
	{
		if (settle(node, start, generation, result))
			adapt_interval(node);
		return;
	}
	note_undone(node);
	if (result->failed)
	{
		fail(schedule, node, result);
		return;
	}
	/* rule K25: another session refreshes it, and may roll back */
	if (node->locked_since == 0 && !result->put_off)
		node->locked_since = st_now();
	node->not_before = st_now() + Min(LOCKED_DELAY << Min(node->failures, 10), LONGEST_LOCKED_DELAY);
	node->failures++;
}

/*
 * What a job has appended to the log of a stream table was consumed by those of
 * its readers that came after it in the same job; the others have it to do (rule H2).
 * Those that read each other come before and after one another.
 */
static void
tell_readers(StSchedule *schedule, const StJobResult *result)
{
	for (int i = 0; i < result->nnodes; i++)
	{
		StScheduled *node = result->nodes[i].touched ? st_schedule_find(schedule, result->nodes[i].relid) : NULL;
		ListCell   *lc;

		foreach(lc, node && !ST_FAULT("H2 readers") ? node->readers : NIL)
		{
			StScheduled *reader = lfirst(lc);
			const StJobNode *run = st_job_node(result, reader->relid);

			if (run == NULL || run->hold != ST_HOLD_NONE || st_scheduled_same_component(node, reader))
				st_schedule_mark_node(reader);
		}
	}
}

/* What workers have ended. */
static void
collect_results(StSchedule *schedule)
{
	StJobResult result;
	int			worker;

	while ((worker = st_workers_collect(&result)) >= 0)
	{
		Dispatched *job = &dispatched[worker];
		StScheduled *node = st_schedule_find(schedule, job->relid);
		List	   *along = NIL;
		ListCell   *lc;

		for (int i = 0; i < job->nalong; i++)
		{
			StScheduled *upstream = st_schedule_find(schedule, job->along[i]);

			if (upstream)
				along = lappend(along, upstream);
		}
		job->relid = InvalidOid;
		/* also of one that was dropped meanwhile: the others are there */
		revoke_announcement();
		finish_along(along, job->start, job->generation, &result);
		if (node)
		{
			if (result.failed && job->cancelled)
				node->cancels++;
			finish(schedule, node, job->start, job->generation, &result);
		}
		tell_readers(schedule, &result);
		if (!result.lost)
			continue;
		/* it may have committed */
		foreach(lc, along)
			st_schedule_mark_node(lfirst(lc));
		if (node)
			st_schedule_mark_node(node);
	}
}

/* The number of a node's unit in a job. */
static int
unit_number(const StScheduled *node)
{
	return node->unit ? node->order + 1 : 0;
}

typedef enum Outcome
{
	BEGUN,						/* and maybe ended */
	NOT_NOW,					/* something else is in the way */
	NO_WORKER					/* all are busy: nor is there one for any
								 * other node */
} Outcome;

/* A refresh in the scheduler itself, which is nobody's to cancel otherwise. */
static void
run_here(const StJobOrder *order, int budget_ms, StJobResult *result)
{
	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, StatementCancelHandler);
	st_job_run(order, budget_ms, result);
	revoke_announcement();
	pqsignal(SIGINT, handle_cancel);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
}

/* Refresh a node in a worker, or here if there can be none. */
static Outcome
refresh(StSchedule *schedule, StScheduled *node)
{
	List	   *stale = NIL;
	StJobOrder	order = {0};
	int64		start;
	uint64		generation;
	int			worker;
	ListCell   *lc;

	StaticAssertStmt(ST_JOB_ALONG >= ST_UNIT_MEMBERS + 60, "a unit with what goes along does not fit into a job");
	if (node->running || !st_graph_collect(&node, &stale))
		return NOT_NOW;
	start = st_now();
	generation = st_wake_generation();
	if (start < probation_until && is_busy())
		return NOT_NOW;
	foreach(lc, stale)
	{
		StScheduled *upstream = lfirst(lc);

		order.along = lappend_oid(order.along, upstream->relid);
		order.units = lappend_int(order.units, unit_number(upstream));
	}
	order.relid = node->relid;
	order.units = lappend_int(order.units, unit_number(node));
	order.probe = node->unit && st_unit_obstacle(node->unit);
	order.record = st_tally_wants_rows(node, stale);
	if (start < probation_until)
	{
		MemoryContext context = MemoryContextSwitchTo(TopMemoryContext);

		announced = lappend_oid(list_copy(order.along), node->relid);
		MemoryContextSwitchTo(context);
		st_probation_announce(announced);
	}
	worker = st_workers_dispatch(&order, node->worker,
								 node->due_since ? node->due_since : GetCurrentTimestamp(), node->failures + 1);
	if (worker == ST_WORKERS_BUSY)
	{
		revoke_announcement();
		return NO_WORKER;
	}
	note_begun(node, worker);
	foreach(lc, stale)
		note_begun(lfirst(lc), worker);
	if (worker >= 0)
	{
		Dispatched *job = &dispatched[worker];

		job->relid = node->relid;
		job->start = start;
		job->generation = generation;
		job->cancelled = job->told = false;
		job->nalong = 0;
		foreach(lc, order.along)
			job->along[job->nalong++] = lfirst_oid(lc);
	}
	else
	{
		StJobResult result;

		run_here(&order, worker == ST_WORKERS_NO_SLOT ? ST_INLINE_BUDGET_MS : 0, &result);
		finish_along(stale, start, generation, &result);
		finish(schedule, node, start, generation, &result);
		tell_readers(schedule, &result);
	}
	return BEGUN;
}

/*
 * Does a refresh by this process keep somebody waiting for a lock on a relation?
 * Those who watch are told so of one that runs through.
 */
static bool
is_in_the_way(StScheduled *node, int pid, bool tell)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(pid)};
	char	   *waiting;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	(void) st_catalog_execute("SELECT pg_catalog.string_agg(DISTINCT 'process ' || l.pid, ', ') FROM pg_catalog.pg_locks AS l"
							  " WHERE NOT l.granted AND l.locktype = 'relation' AND $1 = ANY (pg_catalog.pg_blocking_pids(l.pid))",
							  1, types, values, NULL);
	waiting = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (waiting && tell && !node->quiet && !ST_FAULT("K12"))
	{
		StAlert		alert;

		st_alert_begin(&alert, "refresh_blocks", node->schema, node->name);
		st_alert_add_number(&alert, "pid", pid);
		st_alert_add_text(&alert, "waiting", waiting);
		st_alert_send(&alert);
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return waiting != NULL;
}

/*
 * Rule K12: a refresh gives way. One that runs for over a second, and keeps
 * somebody waiting who wants a lock on a relation, is cancelled; the fourth time
 * it runs through.
 */
static void
give_way(StSchedule *schedule)
{
	for (int i = 0; i < ST_MAX_WORKERS; i++)
	{
		Dispatched *job = &dispatched[i];
		StScheduled *node;
		bool		through;

		if (!OidIsValid(job->relid) || job->cancelled || job->told || st_now() - job->start < USECS_PER_SEC)
			continue;
		node = st_schedule_find(schedule, job->relid);
		if (node == NULL || st_workers_pid(i) == 0)
			continue;
		through = node->cancels >= MAX_CANCELS;
		if (!is_in_the_way(node, st_workers_pid(i), through))
			continue;
		job->told = through;
		if (through)
			continue;
		ereport(LOG,
				(errmsg("refresh of stream table \"%s.%s\" gives way to a session that waits for a lock",
						node->schema, node->name)));
		job->cancelled = true;
		kill(st_workers_pid(i), SIGINT);
	}
}

/* ----- the loop ----- */

/*
 * Tables and functions are of another version than this library: nothing is looked
 * at until they are of the same (rule J28). One that gets to know it later ends,
 * and its successor, which may load another library, comes here.
 */
static void
wait_for_update(void)
{
	bool		told = false;

	for (;;)
	{
		bool		other;

		StartTransactionCommand();
		other = st_extension_is_other_version();
		CommitTransactionCommand();
		if (!other)
			return;
		if (!told)
			ereport(LOG,
					(errmsg("refreshes wait for ALTER EXTENSION pg_trickle UPDATE"),
					 errdetail("The library is version %s, its objects in this database are of another one.", ST_VERSION)));
		told = true;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, HOUSEKEEPING_INTERVAL / 1000, st_wait_event(ST_WAIT_SCHEDULER));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (st_is_database_wanted(MyDatabaseId))
			proc_exit(1);
	}
}

/* Read the catalog; NULL: the extension is gone. */
static StSchedule *
reload(StSchedule *old)
{
	MemoryContext context = CurrentMemoryContext;
	StSchedule *schedule = NULL;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	/* there may be a place by now */
	if (st_wake_attach() && !st_wake_become_scheduler())
		proc_exit(1);
	catalog_changed = false;
	if (st_extension_is_other_version())
	{
		st_workers_stop();
		proc_exit(1);
	}
	if (st_extension_exists())
	{
		link_restored();
		catalog_relid = st_internal_relation("pgt_stream_tables", false);
		schedule = st_schedule_read(old);
		st_queue_reset(schedule);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	if (schedule)
		remove_abandoned();
	return schedule;
}

/* from the end of a reading to the next one */
static int64 reload_interval = RELOAD_INTERVAL;

static bool
has_extension(void)
{
	bool		result;

	StartTransactionCommand();
	result = st_extension_exists();
	CommitTransactionCommand();
	return result;
}

static bool
may_reload(StSchedule *schedule, int64 read)
{
	return list_length(schedule->nodes) < LARGE_SCHEDULE || st_now() - read >= reload_interval;
}

static bool
has_work(StSchedule *schedule)
{
	ListCell   *lc;

	if (restoring || creating)
		return true;
	foreach(lc, schedule->nodes)
	{
		StScheduled *node = lfirst(lc);

		/*
		 * what its own error has stopped is tried again (rule K2), and of a
		 * blown fuse those who watch are reminded
		 */
		if (node->runnable || node->failed_before || node->blown)
			return true;
	}
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

/* Those that were there at the last look; enough to notice a change: more are told by their length. */
static char known_prepared[256];

static void
watch_prepared(StSchedule *schedule)
{
	static bool looked = false; /* there may be some of before the server's
								 * start */
	bool		prepared = st_wake_take_prepared();
	char	   *present;
	char		digest[256];

	if (!prepared && looked && known_prepared[0] == '\0')
		return;
	looked = true;
	present = prepared_transactions();
	snprintf(digest, sizeof(digest), "%zu %s", present ? strlen(present) : 0, present ? present : "");
	if (present == NULL)
		digest[0] = '\0';
	/* one that was prepared since may have ended already */
	if (prepared || strcmp(digest, known_prepared) != 0)
		st_schedule_mark_all(schedule);
	strcpy(known_prepared, digest);
}

/* What no commit tells. False: the process is to end. */
static bool
keep_house(StSchedule *schedule)
{
	if (st_is_database_wanted(MyDatabaseId))
	{
		st_workers_stop();
		return false;
	}
	AcceptInvalidationMessages();
	give_way(schedule);
	watch_prepared(schedule);
	if (restoring)
		catalog_changed = true;
	if (creating)
		remove_abandoned();
	st_check_sources(schedule);
	/* without a place in shared memory nobody tells */
	if (st_wake_generation() == 0)
		catalog_changed = true;
	if (!catalog_changed)
	{
		st_watch_look(schedule);
		st_tally_write(schedule, false);
		st_spacing_look();
	}
	return true;
}

/* What is due and was not handed out. */
static void
publish_waiting(void)
{
	static bool published = false;
	List	   *nodes = st_queue_waiting();
	StWaiting  *waiting = palloc(sizeof(StWaiting) * Max(Min(list_length(nodes), ST_WAITING_TOLD), 1));
	int			count = 0;
	ListCell   *lc;

	foreach(lc, nodes)
	{
		StScheduled *node = lfirst(lc);

		if (node->running)
			continue;
		if (count < ST_WAITING_TOLD)
			waiting[count] = (StWaiting)
		{
			node->relid, node->failures + 1, node->due_since
		};
		count++;
	}
	if (count > 0 || published)
		st_workers_publish_waiting(count, waiting);
	published = count > 0;
	pfree(waiting);
}

/*
 * When a round began: who waits for long is the same throughout, and what becomes
 * due meanwhile is left to the next one.
 */
static TimestampTz round_time;

/*
 * Furthest from the sources first: what it needs goes with it. But where there is
 * more to do than workers can, those that have waited for long come before all
 * others, or some would wait for ever.
 */
static int
by_turn(const ListCell *a, const ListCell *b)
{
	const StScheduled *x = lfirst(a);
	const StScheduled *y = lfirst(b);
	bool		x_long = round_time - x->due_since > LONG_WAIT && !ST_FAULT("K16");
	bool		y_long = round_time - y->due_since > LONG_WAIT && !ST_FAULT("K16");

	if (x_long != y_long)
		return x_long ? -1 : 1;
	if (x_long && x->due_since != y->due_since)
		return x->due_since < y->due_since ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	return x->pgt_id > y->pgt_id ? -1 : 1;
}

static bool
run_due(StSchedule *schedule, MemoryContext context)
{
	bool		ran = false;
	MemoryContext one = AllocSetContextCreate(context, "pg_trickle refresh", ALLOCSET_DEFAULT_SIZES);
	int64		round_start = st_now();
	List	   *due;
	ListCell   *lc;

	round_time = GetCurrentTimestamp();
	st_graph_begin_round(round_start);
	due = st_queue_due(round_start, round_time);
	list_sort(due, by_turn);
	foreach(lc, due)
	{
		StScheduled *node = lfirst(lc);
		Outcome		outcome;

		CHECK_FOR_INTERRUPTS();
		/* it may have gone with one before it in this round */
		if (node->running)
			continue;
		if (st_unit_due(node) > round_start)
		{
			st_queue_touch(node);
			continue;
		}
		MemoryContextSwitchTo(one);
		outcome = refresh(schedule, node);
		MemoryContextSwitchTo(context);
		MemoryContextReset(one);
		ran |= outcome == BEGUN;
		if (outcome == NO_WORKER)
			break;
		/* where it refreshes by itself there is other work meanwhile */
		if (outcome == BEGUN && !node->running && st_now() - round_start >= HOUSEKEEPING_INTERVAL)
			break;
	}
	publish_waiting();
	MemoryContextDelete(one);
	return ran;
}

/* The process ends; the extension may have gone before. */
static void
write_the_rest(StSchedule *schedule)
{
	AcceptInvalidationMessages();
	if (!catalog_changed)
		st_tally_write(schedule, true);
}

/* Nobody needs it until "next", unless a commit asks: its process can be somebody else's (rule K17). */
static bool
is_idle(StSchedule *schedule, int64 active, int64 *next)
{
	bool		crowded = st_wake_is_crowded();
	int64		patience = crowded ? CROWDED_PATIENCE : IDLE_PATIENCE;
	ListCell   *lc;

	/*
	 * the end of a prepared transaction asks for nobody, nor does who alters
	 * a server's setting
	 */
	if (st_now() - active < patience || is_busy() || !st_guc_enabled || restoring || creating || known_prepared[0] != '\0' ||
		schedule->left > 0 || !st_wake_has_place(MyDatabaseId) ||
		(!crowded && list_length(schedule->nodes) > IDLE_STREAM_TABLES))
		return false;
	foreach(lc, schedule->nodes)
	{
		StScheduled *node = lfirst(lc);

		if (node->failed_before || node->blown)
			return false;
	}
	*next = st_queue_prepare_sleep(schedule);
	return *next - st_now() >= patience;
}

/* End because there is nothing to do; false: there is. */
static bool
leave(StSchedule *schedule, int64 active)
{
	int64		next = ST_NEVER;
	bool		nothing = !has_work(schedule) && !is_busy();

	if (!nothing && !is_idle(schedule, active, &next))
		return false;
	st_probation_end();
	st_tally_write(schedule, true);
	if (nothing ? st_wake_rest(schedule->generation) : st_wake_go_idle(schedule->generation, next))
		return true;
	if (!st_wake_become_scheduler())
		return true;
	(void) st_probation_begin();
	return false;
}

/* Until it is time to end; false if the catalog is not there any more. */
static bool
run_loop(StSchedule *schedule)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "pg_trickle tick", ALLOCSET_DEFAULT_SIZES);
	int64		kept = 0;
	int64		read = st_now();
	int64		active = read;

	for (;;)
	{
		int64		wake;
		bool		is_old;
		bool		touched;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(context);
		MemoryContextSwitchTo(context);
		if (ShutdownRequestPending)
		{
			write_the_rest(schedule);
			return true;
		}
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			st_worker_pin_session(SCHEDULER_NAME);
			st_queue_reset(schedule);
		}
		if (st_now() - kept >= HOUSEKEEPING_INTERVAL)
		{
			if (!keep_house(schedule))
			{
				write_the_rest(schedule);
				return true;
			}
			kept = st_now();
		}

		/*
		 * who changes the graph and then a source finds it changed: the
		 * commits are taken before the graph is looked at, and sought in the
		 * graph that is read then
		 */
		touched = st_wake_collect();
		if ((catalog_changed || st_wake_generation() != schedule->generation) && may_reload(schedule, read))
		{
			int64		start = st_now();

			schedule = reload(schedule);
			if (schedule == NULL)
				return false;
			read = active = st_now();
			reload_interval = Max((read - start) * ST_LEISURE, RELOAD_INTERVAL);
		}
		if (touched)
			st_schedule_mark_touched(schedule);
		collect_results(schedule);
		if (touched || is_busy())
			active = st_now();
		if (st_guc_enabled && run_due(schedule, context))
			continue;
		if (leave(schedule, active))
			return false;
		wake = Min(st_guc_enabled ? st_queue_prepare_sleep(schedule) : ST_NEVER,
				   kept + Min(HOUSEKEEPING_INTERVAL, st_guc_scheduler_interval_ms * INT64CONST(1000)));
		is_old = catalog_changed || st_wake_generation() != schedule->generation;
		/* a large one waits until it may be read again */
		if (is_old && may_reload(schedule, read))
			continue;
		if (is_old)
			wake = Min(wake, read + reload_interval);
		if (st_guc_enabled && st_wake_is_due())
			continue;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(wake - st_now(), 0) / 1000 + 1, st_wait_event(ST_WAIT_SCHEDULER));
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
	st_worker_pin_session(SCHEDULER_NAME);
	CacheRegisterRelcacheCallback(note_catalog_change, (Datum) 0);
	if (st_is_database_wanted(MyDatabaseId) || !be_the_only_one())
		proc_exit(1);
	if (!has_extension())
	{
		st_wake_note_empty();
		proc_exit(0);
	}
	wait_for_update();
	do
	{
		if (!st_wake_become_scheduler())
			proc_exit(1);
		/* before the snapshot, as always (rule H3) */
		generation = st_wake_generation();
		schedule = reload(NULL);
	} while (schedule == NULL && !st_wake_rest(generation));
	if (schedule)
	{
		if (st_probation_begin())
		{
			ereport(LOG,
					(errmsg("refreshes run one at a time for %d minutes", (int) (PROBATION / USECS_PER_SEC / 60)),
					 errdetail("The server has crashed while stream tables of this database were refreshed.")));
			probation_until = st_now() + PROBATION;
			/* what was suspended */
			schedule = reload(schedule);
		}
		/* from here on it ends in order, unless it refreshes itself */
		pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
		pqsignal(SIGINT, handle_cancel);
		st_workers_init();
		if (run_loop(schedule))
			st_probation_end();
	}
	proc_exit(0);
}
