/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  One process for the server that starts a scheduler where one is needed.
 *
 * NOTES
 *	  The launcher is connected to no database, so it is in nobody's way who
 *	  drops or copies one (rule K15). It starts a scheduler once in each
 *	  database; one that finds nothing to do ends, and so does one to which
 *	  nothing has happened for a while (rule K17): it is started again when a
 *	  commit asks for it in shared memory, or at the time that it has left there.
 *	  One that has died comes back after a while.
 *
 *	  It starts with the server if the library is in shared_preload_libraries;
 *	  otherwise with the first stream table that is created, and then it does
 *	  not come back by itself after a restart of the server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "schedule/internal.h"
#include "schedule/node.h"
#include "schedule/schedule.h"
#include "store/wake.h"
#include "util/fault.h"
#include "util/wait_event.h"

/* how often databases are looked for that nobody told of */
#define LOOK_INTERVAL_MS 10000

/* where nothing may be refreshed, a scheduler looks again after so long if commits ask for one */
#define REST (60 * USECS_PER_SEC)

/*
 * a scheduler that died comes back after so long, then after twice as long, and
 * so on; not later than after the first of these if a commit asks for one
 */
#define RESTART_DELAY (1 * USECS_PER_SEC)
#define LONGEST_RESTART_DELAY (60 * USECS_PER_SEC)

/* so long a lack of processes may pass by itself */
#define ROOM_PATIENCE (10 * USECS_PER_SEC)

typedef struct LaunchedDatabase
{
	Oid			database;		/* key */
	BackgroundWorkerHandle *handle;
	bool		present;		/* in pg_database, at the last look */
	int64		not_before;
	int			deaths;			/* in a row */
	int64		started;
	int64		ended;			/* 0: not yet */
	StWakeRest	resting;
} LaunchedDatabase;

void
st_worker_describe(BackgroundWorker *worker, const char *kind, const char *function)
{
	memset(worker, 0, sizeof(BackgroundWorker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, ST_LIBRARY, sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, sizeof(worker->bgw_function_name));
	snprintf(worker->bgw_type, sizeof(worker->bgw_type), "pg_trickle %s", kind);
	snprintf(worker->bgw_name, sizeof(worker->bgw_name), "pg_trickle %s", kind);
}

static void
describe_launcher(BackgroundWorker *worker)
{
	st_worker_describe(worker, "launcher", "st_launcher_main");
	worker->bgw_restart_time = 5;
}

void
st_schedule_init(void)
{
	BackgroundWorker worker;

	if (!process_shared_preload_libraries_in_progress || !IsPostmasterEnvironment)
		return;
	describe_launcher(&worker);
	RegisterBackgroundWorker(&worker);
}

bool
st_launcher_ensure(void)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	st_wake_note_graph();
	if (st_wake_launcher_pid() != 0)
		return true;
	if (!st_wake_attach())
		return false;
	describe_launcher(&worker);
	return RegisterDynamicBackgroundWorker(&worker, &handle);
}

/* ----- the process ----- */

/* Mark what is in pg_database and can be connected to. */
static void
look_for_databases(HTAB *databases)
{
	HASH_SEQ_STATUS sequence;
	LaunchedDatabase *known;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	hash_seq_init(&sequence, databases);
	while ((known = hash_seq_search(&sequence)))
		known->present = false;
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		bool		found;

		if (!form->datallowconn || form->datistemplate)
			continue;
		known = hash_search(databases, &form->oid, HASH_ENTER, &found);
		if (!found)
		{
			memset((char *) known + sizeof(Oid), 0, sizeof(LaunchedDatabase) - sizeof(Oid));
			known->not_before = st_now();
		}
		known->present = true;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	hash_seq_init(&sequence, databases);
	while ((known = hash_seq_search(&sequence)))
		if (!known->present && known->handle == NULL)
			(void) hash_search(databases, &known->database, HASH_REMOVE, NULL);
}

static bool
is_running(LaunchedDatabase *database)
{
	pid_t		pid;
	BgwHandleStatus status;

	if (database->handle == NULL)
		return false;
	status = GetBackgroundWorkerPid(database->handle, &pid);
	return status == BGWH_STARTED || status == BGWH_NOT_YET_STARTED;
}

bool
st_is_database_wanted(Oid database)
{
	LOCKTAG		tag;

	if (ST_FAULT("K13"))
		return false;
	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
	if (LockAcquire(&tag, RowExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	LockRelease(&tag, RowExclusiveLock, true);
	return false;
}

/* Its scheduler has ended: by itself, or not. */
static void
note_end(LaunchedDatabase *database)
{
	int64		next;

	pfree(database->handle);
	database->handle = NULL;
	database->ended = st_now();
	database->resting = st_wake_resting(database->database, &next);
	if (st_wake_take_empty(database->database))
		database->resting = ST_REST_NOTHING;
	if (database->resting != ST_REST_NOT)
	{
		database->deaths = 0;
		database->not_before = database->resting == ST_REST_IDLE ? next : ST_NEVER;
		return;
	}
	/* one that lived long does not count */
	if (database->ended - database->started > LONGEST_RESTART_DELAY)
		database->deaths = 0;
	database->not_before = database->ended + Min(RESTART_DELAY << Min(database->deaths, 10), LONGEST_RESTART_DELAY);
	database->deaths++;
}

/* Commits must not start processes one after the other that find nothing to do, or die. */
static void
heed_requests(LaunchedDatabase *database)
{
	uint32		requests = st_wake_requests(database->database);
	int64		delay = RESTART_DELAY;

	if (requests == 0)
		return;
	if (database->resting != ST_REST_NOT)
		delay = (requests & ST_WAKE_GRAPH) || database->resting == ST_REST_IDLE ? 0 : REST;
	database->not_before = Min(database->not_before, database->ended == 0 ? st_now() : database->ended + delay);
}

/* False if there is no room for another process. */
static bool
start_scheduler(LaunchedDatabase *database)
{
	BackgroundWorker worker;

	st_worker_describe(&worker, "scheduler", "st_scheduler_main");
	worker.bgw_main_arg = ObjectIdGetDatum(database->database);
	worker.bgw_notify_pid = MyProcPid;
	database->started = st_now();
	/* what is asked from here on is not answered by what it finds */
	st_wake_take_requests(database->database);
	return RegisterDynamicBackgroundWorker(&worker, &database->handle);
}

/* Is one to be started, or has one ended? */
static bool
needs_attention(HTAB *databases)
{
	HASH_SEQ_STATUS sequence;
	LaunchedDatabase *database;
	bool		result = false;

	hash_seq_init(&sequence, databases);
	while ((database = hash_seq_search(&sequence)))
		result |= database->handle ? !is_running(database) : database->not_before <= st_now();
	return result;
}

static int
by_time(const ListCell *a, const ListCell *b)
{
	const LaunchedDatabase *x = lfirst(a);
	const LaunchedDatabase *y = lfirst(b);

	return x->not_before < y->not_before ? -1 : x->not_before > y->not_before;
}

/* Those who have nothing to do make room; whoever runs the server is told if they do not. */
static void
note_room(bool full)
{
	static bool complained = false;
	static int64 full_since = 0;

	st_wake_note_crowded(full);
	if (!full)
	{
		full_since = 0;
		complained = false;
		return;
	}
	if (full_since == 0)
		full_since = st_now();
	if (complained || st_now() - full_since < ROOM_PATIENCE)
		return;
	complained = true;
	ereport(WARNING,
			(errmsg("no background worker is free for a pg_trickle scheduler"),
			 errdetail("Stream tables of a database are not refreshed until one is."),
			 errhint("Increase max_worker_processes.")));
}

/* Start what is to be started, who waits for longest first; returns when to look again. */
static int64
attend(HTAB *databases)
{
	HASH_SEQ_STATUS sequence;
	LaunchedDatabase *database;
	List	   *wanted = NIL;
	int64		next = ST_NEVER;
	bool		full = false;
	bool		homeless = st_wake_take_homeless();
	ListCell   *lc;

	hash_seq_init(&sequence, databases);
	while ((database = hash_seq_search(&sequence)))
	{
		if (database->handle && !is_running(database))
			note_end(database);
		/* or an earlier launcher has started it */
		if (database->handle || !database->present || st_wake_scheduler_pid(database->database) != 0)
			continue;
		heed_requests(database);
		if (homeless && !st_wake_has_place(database->database))
			database->not_before = Min(database->not_before, Max(st_now(), database->ended + RESTART_DELAY));
		if (database->not_before <= st_now() && st_is_database_wanted(database->database))
			database->not_before = st_now() + RESTART_DELAY;
		if (database->not_before <= st_now())
			wanted = lappend(wanted, database);
		else
			next = Min(next, database->not_before);
	}
	list_sort(wanted, by_time);
	foreach(lc, wanted)
		full = full || !start_scheduler(lfirst(lc));
	list_free(wanted);
	note_room(full);
	return full ? Min(next, st_now() + RESTART_DELAY) : next;
}

void
st_launcher_main(Datum argument)
{
	HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(LaunchedDatabase)};
	HTAB	   *databases;
	int64		looked = 0;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	/* another one was faster */
	if (!st_wake_become_launcher())
		proc_exit(0);
	databases = hash_create("pg_trickle databases", 64, &control, HASH_ELEM | HASH_BLOBS);
	for (;;)
	{
		int64		next;
		int64		timeout;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (looked == 0 || st_now() - looked >= LOOK_INTERVAL_MS * INT64CONST(1000) ||
			st_wake_take_any_request() || needs_attention(databases))
		{
			look_for_databases(databases);
			looked = st_now();
		}
		next = attend(databases);
		timeout = LOOK_INTERVAL_MS;
		if (next != ST_NEVER)
			timeout = Min(timeout, Max(next - st_now(), 0) / 1000 + 1);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout, st_wait_event(ST_WAIT_LAUNCHER));
	}
}
