/*-------------------------------------------------------------------------
 *
 * online.c
 *	  Capture for a creation that does not keep writers out (rule C7).
 *
 * NOTES
 *	  A function cannot commit, and a creation in one transaction keeps the
 *	  lock under which it installed capture until its fill is done. So a
 *	  process of its own, the installer, locks one source after another,
 *	  installs its capture and commits. The caller waits, takes its snapshot
 *	  afterwards, and fills without a lock on the sources that writers feel:
 *	  whoever wrote one before the installer had its lock has ended, whoever
 *	  wrote it since is in the log.
 *
 *	  What goes between them is an InstallJob in dynamic shared memory, which
 *	  the caller fills before it starts the installer, and the installer before
 *	  it ends. Its state goes from INSTALL_BEGUN to INSTALL_WAITS, when the
 *	  installer has the lock that the caller then waits for, and to
 *	  INSTALL_DONE or INSTALL_FAILED. If the installer dies it stays as it was.
 *
 *	  Locks of the caller, which holds none on what it has only looked at: the
 *	  hold of a first fill on the sources' logs, to the end of its transaction, so that nobody takes away what is installed for it
 *	  (rule J8); then the installer's lock. That is a lock of the lock manager,
 *	  so that the deadlock detector sees who waits for the installer. The
 *	  installer: its own, then those of st_capture_install on one source at a
 *	  time, for LOCK_MS: writers that queue behind it wait no longer. It tries
 *	  again until the time is over. CREATE INDEX CONCURRENTLY, or ATTACH of
 *	  what the caller reads, waits for the caller and keeps the installer
 *	  waiting: the installer looks for deadlocks at once, so that others do not
 *	  find them, and gives up after some (rule K29).
 *
 *	  A caller that fails after the installer has committed leaves capture
 *	  behind that has no consumer. The next installer removes it, or the
 *	  scheduler within a second.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "api/online.h"
#include "api/restore.h"
#include "capture/capture.h"
#include "compat.h"
#include "guc.h"
#include "schedule/internal.h"
#include "schedule/node.h"
#include "schedule/worker.h"
#include "store/store.h"
#include "store/wake.h"
#include "util/fault.h"
#include "util/inheritors.h"
#include "util/lock_tag.h"
#include "util/shared_area.h"
#include "util/wait_event.h"

/* milliseconds for which writers of a source may have to queue, and the longest pause between two tries */
#define LOCK_MS 100
#define LONGEST_PAUSE_MS 1000

/* so often in a row a deadlock is met before it is one with the caller, and not with a writer that ends */
#define DEADLOCK_TRIES 3

/* milliseconds for which a lock is waited for before it is looked whether that is a deadlock; others look later */
#define DEADLOCK_MS 10

/* milliseconds after which it is given up, unless lock_timeout says so earlier */
#define PATIENCE_MS (5 * 60 * 1000)

typedef enum InstallState
{
	INSTALL_BEGUN,
	INSTALL_WAITS,				/* the caller is to wait for the lock */
	INSTALL_DONE,
	INSTALL_FAILED
} InstallState;

typedef struct InstallSource
{
	Oid			relid;
	int			nattnums;
	AttrNumber	attnums[MaxHeapAttributeNumber];
} InstallSource;

typedef struct InstallJob
{
	pg_atomic_uint32 state;
	pid_t		caller;
	Oid			user;
	bool		unlogged;		/* what the caller's settings say of change
								 * logs */
	int			patience;		/* milliseconds */
	int			sqlstate;
	char		message[1024];
	char		detail[1024];
	char		hint[1024];
	int			nsources;
	InstallSource sources[FLEXIBLE_ARRAY_MEMBER];
} InstallJob;

/* What the installer is told with its start. */
typedef struct InstallStart
{
	Oid			database;
	dsm_handle	segment;
} InstallStart;

static void
installer_tag(LOCKTAG *tag, dsm_handle segment)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0, segment, ST_LOCK_INSTALLER);
}

/* ----- the caller ----- */

/* Is what the definition needs of the source captured already? */
static bool
is_captured(const StSource *source)
{
	return st_capture_is_complete(source->relid) && st_log_holds(source->relid, source->attnums) &&
		(st_guc_logs_are_unlogged() || !st_log_is_unlogged(source->relid));
}

bool
st_online_is_captured(const StDefinition *definition)
{
	ListCell   *lc;

	foreach(lc, definition->sources)
		if (!is_captured(lfirst(lc)))
			return false;
	return true;
}

/* Would the installer wait for this transaction, which waits for it? */
static bool
has_locked(Oid relid)
{
	Relation	rel = RelationIdGetRelation(relid);
	bool		result = rel == NULL || CheckRelationLockedByMe(rel, RowExclusiveLock, true);

	if (rel)
		RelationClose(rel);
	return result;
}

/* May another transaction do it, which nothing of this one keeps waiting? */
static bool
is_for_installer(const StDefinition *definition)
{
	ListCell   *lc;

	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return false;
	foreach(lc, definition->sources)
	{
		ListCell   *lc2;

		foreach(lc2, st_inheritors(((StSource *) lfirst(lc))->relid))
			if (has_locked(lfirst_oid(lc2)))
				return false;
	}
	return true;
}

static dsm_segment *
make_job(const StDefinition *definition)
{
	int			n = list_length(definition->sources);
	dsm_segment *segment = dsm_create(offsetof(InstallJob, sources) + n * sizeof(InstallSource), 0);
	InstallJob *job = dsm_segment_address(segment);
	List	   *relids = st_definition_sources(definition);
	ListCell   *lc;

	memset(job, 0, offsetof(InstallJob, sources));
	pg_atomic_init_u32(&job->state, INSTALL_BEGUN);
	job->caller = MyProcPid;
	job->user = GetUserId();
	job->unlogged = st_guc_logs_are_unlogged();
	/* ours, which names who is in the way, comes before the caller's */
	job->patience = LockTimeout > 0 ? Max(LockTimeout - 2 * LOCK_MS, LockTimeout / 2) : PATIENCE_MS;
	list_sort(relids, list_oid_cmp);
	list_deduplicate_oid(relids);
	foreach(lc, relids)
	{
		InstallSource *target = &job->sources[job->nsources++];
		ListCell   *lc2;

		target->relid = lfirst_oid(lc);
		target->nattnums = 0;
		foreach(lc2, definition->sources)
		{
			StSource   *source = lfirst(lc2);
			int			attnum = -1;

			while (source->relid == target->relid && (attnum = bms_next_member(source->attnums, attnum)) >= 0)
				target->attnums[target->nattnums++] = attnum;
		}
	}
	return segment;
}

/* Wait until the installer has its lock; false if it has ended without. */
static bool
wait_for_start(InstallJob *job, BackgroundWorkerHandle *handle)
{
	for (;;)
	{
		pid_t		pid;
		bool		ended = GetBackgroundWorkerPid(handle, &pid) == BGWH_STOPPED;

		if (pg_atomic_read_u32(&job->state) != INSTALL_BEGUN)
			return true;
		if (ended)
			return false;
		CHECK_FOR_INTERRUPTS();
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, st_wait_event(ST_WAIT_INSTALLER));
		ResetLatch(MyLatch);
	}
}

static void
raise_failure(const InstallJob *job)
{
	ereport(ERROR,
			(errcode(job->sqlstate),
			 errmsg("%s", job->message),
			 job->detail[0] ? errdetail("%s", job->detail) : 0,
			 job->hint[0] ? errhint("%s", job->hint) : 0));
}

/* What the caller has only looked at was altered: he hears it in his own words when he looks again. */
static bool
is_altered(const InstallJob *job)
{
	return job->sqlstate == ERRCODE_UNDEFINED_TABLE || job->sqlstate == ERRCODE_UNDEFINED_COLUMN;
}

/* False if no installer is to be had, or it has died. */
static bool
run_installer(const StDefinition *definition)
{
	dsm_segment *segment = make_job(definition);
	InstallJob *job = dsm_segment_address(segment);
	InstallStart start = {MyDatabaseId, dsm_segment_handle(segment)};
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;
	LOCKTAG		tag;
	bool		started;
	uint32		state;

	st_worker_describe(&worker, "installer", "st_installer_main");
	worker.bgw_notify_pid = MyProcPid;
	StaticAssertStmt(sizeof(InstallStart) <= BGW_EXTRALEN, "too much to tell an installer");
	memcpy(worker.bgw_extra, &start, sizeof(InstallStart));
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		dsm_detach(segment);
		return false;
	}
	PG_TRY();
	{
		started = wait_for_start(job, handle);
		if (started)
		{
			installer_tag(&tag, start.segment);
			(void) LockAcquire(&tag, ShareLock, false, false);
			(void) LockRelease(&tag, ShareLock, false);
		}
	}
	PG_CATCH();
	{
		TerminateBackgroundWorker(handle);
		PG_RE_THROW();
	}
	PG_END_TRY();
	state = pg_atomic_read_u32(&job->state);
	if (state == INSTALL_FAILED && !is_altered(job))
		raise_failure(job);
	dsm_detach(segment);
	/* triggers and log that it has committed */
	AcceptInvalidationMessages();
	return started && (state == INSTALL_DONE || state == INSTALL_FAILED);
}

bool
st_online_install_capture(StDefinition *definition)
{
	ListCell   *lc;

	if (definition->sources == NIL || definition->polls || IsolationUsesXactSnapshot())
		return false;
	foreach(lc, definition->sources)
		st_log_hold(((StSource *) lfirst(lc))->relid);
	AcceptInvalidationMessages();
	if (st_online_is_captured(definition))
		return true;
	return is_for_installer(definition) && run_installer(definition);
}

/* ----- the installer ----- */

static InstallJob *job_of_installer;

static void
tell_caller(InstallState state)
{
	PGPROC	   *caller;

	pg_atomic_write_u32(&job_of_installer->state, state);
	caller = BackendPidGetProc(job_of_installer->caller);
	if (caller)
		SetLatch(&caller->procLatch);
}

static void
begin_transaction(void)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
commit_transaction(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* As the caller, whose rights are asked; in a transaction of its own. */
static void
install_capture(const InstallSource *source)
{
	Bitmapset  *attnums = NULL;
	Oid			user;
	int			context;

	begin_transaction();
	for (int i = 0; i < source->nattnums; i++)
		attnums = bms_add_member(attnums, source->attnums[i]);
	pgstat_report_activity(STATE_RUNNING, psprintf("installing capture on table with OID %u", source->relid));
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(job_of_installer->user, context | SECURITY_LOCAL_USERID_CHANGE);
	st_capture_install(source->relid, attnums);
	/* the scheduler looks whether the caller has left it behind */
	st_wake_note_graph();
	SetUserIdAndSecContext(user, context);
	commit_transaction();
}

/* Who keeps a source locked, in a transaction of its own; NULL: nobody any more. */
static char *
name_holders(Oid source, MemoryContext context)
{
	char	   *result = NULL;
	ListCell   *lc;

	begin_transaction();
	foreach(lc, st_inheritors(source))
		if (result == NULL)
			result = st_lock_holders_text(lfirst_oid(lc), ShareRowExclusiveLock);
	if (result)
		result = MemoryContextStrdup(context, result);
	commit_transaction();
	return result;
}

static void
note_failure(int sqlstate, const char *message, const char *detail, const char *hint)
{
	InstallJob *job = job_of_installer;

	job->sqlstate = sqlstate;
	st_shared_text(job->message, message, sizeof(job->message));
	st_shared_text(job->detail, detail ? detail : "", sizeof(job->detail));
	st_shared_text(job->hint, hint ? hint : "", sizeof(job->hint));
}

static void
note_patience_over(Oid source, const char *holders)
{
	begin_transaction();
	note_failure(ERRCODE_LOCK_NOT_AVAILABLE,
				 psprintf("could not lock table \"%s\" against writers to install change capture",
						  get_rel_name(source) ? get_rel_name(source) : "?"),
				 holders ? psprintf("It is locked by %s.", holders) : "Others lock it all the time.",
				 "End the transactions that have written it, or raise lock_timeout; writers do not wait meanwhile.");
	commit_transaction();
}

/* One try: true if it is installed; false with *retry, and whether by a deadlock, or with the failure noted. */
static bool
try_install(const InstallSource *source, MemoryContext context, bool *retry, bool *deadlock)
{
	volatile bool done = false;

	*retry = *deadlock = false;
	PG_TRY();
	{
		install_capture(source);
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(context);
		*deadlock = error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
		*retry = *deadlock || error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
		if (!*retry)
			note_failure(error->sqlerrcode, error->message, error->detail, error->hint);
		FreeErrorData(error);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	return done;
}

static bool
install_source(const InstallSource *source, int64 until, MemoryContext context)
{
	long		pause = LOCK_MS;
	bool		retry;
	bool		deadlock;
	int			deadlocks = 0;

	while (!try_install(source, context, &retry, &deadlock))
	{
		char	   *holders;

		if (!retry)
			return false;
		holders = name_holders(source->relid, context);
		deadlocks = deadlock ? deadlocks + 1 : 0;

		/*
		 * who has the table waits for the caller, and nothing that we do ends
		 * that
		 */
		if (st_now() >= until || deadlocks >= DEADLOCK_TRIES)
		{
			note_patience_over(source->relid, holders);
			return false;
		}
		pgstat_report_activity(STATE_RUNNING, psprintf("waiting for %s to install capture", holders ? holders : "writers"));
		CHECK_FOR_INTERRUPTS();
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(Min(pause, (long) ((until - st_now()) / 1000)), 1), st_wait_event(ST_WAIT_WRITERS));
		ResetLatch(MyLatch);
		pause = Min(2 * pause, LONGEST_PAUSE_MS);
	}
	return true;
}

static void
remove_abandoned(void)
{
	(void) st_capture_remove_abandoned();
}

/* What need not be done now, in a transaction of its own. */
static void
try_to(void (*work) (void), MemoryContext context)
{
	PG_TRY();
	{
		begin_transaction();
		work();
		commit_transaction();
	}
	PG_CATCH();
	{
		/* the caller does it, or the next installer */
		MemoryContextSwitchTo(context);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}

void
st_installer_main(Datum argument)
{
	InstallStart start;
	dsm_segment *segment;
	MemoryContext context;
	LOCKTAG		tag;
	int64		until;
	bool		done = true;

	memcpy(&start, MyBgworkerEntry->bgw_extra, sizeof(InstallStart));
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(start.database, InvalidOid, 0);
	st_worker_pin_session("pg_trickle installer");
	SetConfigOption("lock_timeout", psprintf("%d", LOCK_MS), PGC_SUSET, PGC_S_OVERRIDE);

	/*
	 * DROP that waits for the caller stands before us in the queue: the
	 * detector lets us pass it, if it looks in time
	 */
	SetConfigOption("deadlock_timeout", psprintf("%d", DEADLOCK_MS), PGC_SUSET, PGC_S_OVERRIDE);
	segment = dsm_attach(start.segment);
	/* the caller has gone in the meantime */
	if (segment == NULL)
		proc_exit(0);
	job_of_installer = dsm_segment_address(segment);
	SetConfigOption("pg_trickle.unlogged_buffers", "off", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("pg_trickle.change_buffer_durability", job_of_installer->unlogged ? "unlogged" : "logged", PGC_SUSET, PGC_S_OVERRIDE);
	until = st_now() + job_of_installer->patience * INT64CONST(1000);
	installer_tag(&tag, start.segment);
	(void) LockAcquire(&tag, ExclusiveLock, true, false);
	tell_caller(INSTALL_WAITS);
	context = AllocSetContextCreate(TopMemoryContext, "pg_trickle installer", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	try_to(remove_abandoned, context);
	/* others would wait for the end of the database's first creation */
	try_to(st_restore_prepare, context);
	for (int i = 0; done && i < job_of_installer->nsources; i++)
		done = install_source(&job_of_installer->sources[i], until, context);
	tell_caller(done ? INSTALL_DONE : INSTALL_FAILED);
	/* the lock goes with the process */
	proc_exit(0);
}
