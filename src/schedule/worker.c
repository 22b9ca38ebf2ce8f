/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  Refreshing in processes of their own.
 *
 * NOTES
 *	  The scheduler has a dynamic shared memory segment with a job for each
 *	  worker that it may have. A job goes from free to queued (by the
 *	  scheduler), running, ended (by the worker), free (by the scheduler). A worker
 *	  that has had nothing to do for a while goes from free to gone, and ends;
 *	  so nobody queues a job for it. One that has become large or old ends with its
 *	  job: what PostgreSQL keeps of relations is given back by nobody else.
 *
 *	  A worker that dies leaves its job queued or running; the scheduler notices by
 *	  the state of the process. What the worker had not committed is undone, and
 *	  the scheduler counts it as a failure that passes.
 *
 *	  How many workers all databases have together is counted in shared memory,
 *	  by the workers themselves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "compat.h"
#include "guc.h"
#include "refresh/refresh.h"
#include "schedule/internal.h"
#include "schedule/node.h"
#include "schedule/worker.h"
#include "store/wake.h"
#include "util/fault.h"
#include "util/shared_area.h"
#include "util/wait_event.h"

/* a worker ends when it has had nothing to do for so long; the first one is kept for longer */
#define IDLE_MS 10000
#define FIRST_IDLE_MS 60000

/* it also ends after so many jobs, or with so much memory beside that of session_memory_limit */
#define MAX_JOBS (ST_FAULT("K17 jobs") ? 3 : 100000)
#define MAX_MEMORY ((Size) 256 * 1024 * 1024)

/* at which it looks so often */
#define MEMORY_JOBS (ST_FAULT("K17 memory") ? 3 : 100)

typedef enum JobState
{
	JOB_FREE,
	JOB_QUEUED,
	JOB_RUNNING,
	JOB_ENDED,
	JOB_LAST,					/* ended as well, and so does the worker */
	JOB_GONE					/* the worker ends */
} JobState;

typedef struct Job
{
	pg_atomic_uint32 state;
	pg_atomic_uint32 worker;	/* process number + 1; 0: not there yet */
	int			pid;
	Oid			relid;
	bool		probe;
	bool		record;
	int			nalong;
	Oid			along[ST_JOB_ALONG];
	int			units[ST_JOB_ALONG + 1];
	int			attempt;
	TimestampTz enqueued;
	TimestampTz started;		/* 0: not yet */
	StJobResult result;
} Job;

typedef struct JobArea
{
	pg_atomic_uint32 scheduler; /* process number + 1 */
	pg_atomic_uint32 nwaiting;	/* of all, also of those that are not told */
	StWaiting	waiting[ST_WAITING_TOLD];
	pg_atomic_uint32 spacing_ms;
	pg_atomic_uint32 no_slot;	/* no worker could be started */
	Job			jobs[ST_MAX_WORKERS];
} JobArea;

/* what a worker is told at its start */
typedef struct WorkerStart
{
	Oid			database;
	dsm_handle	segment;
	int			number;
} WorkerStart;

static JobArea *area = NULL;
static dsm_handle segment_handle;

/* the scheduler's */
static BackgroundWorkerHandle *handles[ST_MAX_WORKERS];

/* the worker's */
static Job *own_job = NULL;

/* ----- one refresh ----- */

void
st_worker_pin_session(const char *application_name)
{
	static const char *const settings[][2] = {
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"session_replication_role", "origin"},
		{"row_security", "on"},
		{"statement_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"transaction_timeout", "0"},
		{"stats_fetch_consistency", "none"},
		/* small statements, whatever their cost is taken to be */
		{"jit", "off"},
		/* exact: frontier and rows are in one record (rule K19) */
		{"synchronous_commit", "off"},
		{"search_path", "pg_catalog, pg_temp"}
	};

	for (int i = 0; i < lengthof(settings); i++)
		if (GetConfigOption(settings[i][0], true, false))
			SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("lock_timeout", psprintf("%d", Max(Min(DeadlockTimeout / 2, 500), 1)), PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("application_name", application_name, PGC_SUSET, PGC_S_OVERRIDE);
}

static void
report_activity(Oid relid)
{
	char	   *name = get_rel_name(relid);
	char	   *schema = name ? get_namespace_name(get_rel_namespace(relid)) : NULL;

	pgstat_report_activity(STATE_RUNNING, schema ? psprintf("refreshing stream table %s.%s", schema, name) : NULL);
}

static void
keep_nodes(List *nodes, StJobResult *result)
{
	ListCell   *lc;

	foreach(lc, nodes)
	{
		StNodeRun  *run = lfirst(lc);
		StJobNode  *node = &result->nodes[result->nnodes++];

		node->relid = run->relid;
		node->hold = run->hold ? run->hold->kind : ST_HOLD_NONE;
		strlcpy(node->action, run->action, sizeof(node->action));
		st_shared_text(node->reason, run->hold ? run->hold->reason : run->reason ? run->reason : "", sizeof(node->reason));
		node->reverted = run->reverted;
		node->recorded = run->recorded;
		node->inserted = run->applied.inserted;
		node->updated = run->applied.updated;
		node->deleted = run->applied.deleted;
		node->delta_rows = run->delta_rows;
		node->read_ms = run->read_ms;
		node->delta_ms = run->delta_ms;
		node->apply_ms = run->apply_ms;
		node->ms = run->ms;
		node->pending = run->hold ? run->hold->pending : 0;
		node->ceiling = run->hold ? run->hold->ceiling : 0;
	}
}

/* A cancel that came too late for the last job is not meant for the next one (rule K18). */
static void
forget_cancel(void)
{
	if (!ST_FAULT("K18"))
		QueryCancelPending = false;
}

void
st_job_run(const StJobOrder *order, int budget_ms, StJobResult *result)
{
	MemoryContext context = CurrentMemoryContext;
	int64		begun = st_now();
	StRefreshOutcome outcome;

	memset(result, 0, offsetof(StJobResult, message) + 1);
	result->nnodes = 0;
	result->begun = GetCurrentTimestamp();
	forget_cancel();
	st_wake_begin_job(lappend_oid(list_copy(order->along), order->relid), own_job ? &area->scheduler : NULL);
	PG_TRY();
	{
		if (budget_ms > 0)
			enable_timeout_after(STATEMENT_TIMEOUT, budget_ms);
		/* what now() is in the queries */
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		report_activity(order->relid);

		/*
		 * who drains is waiting, or has just written so: what is there to do
		 * is tried again
		 */
		result->done = st_drain_share() && st_refresh_scheduled(order->relid, order->along, order->units, order->probe, order->record, &outcome);
		if (result->done)
			keep_nodes(outcome.nodes, result);
		result->undone = result->done && outcome.undo;
		if (result->undone)
			AbortCurrentTransaction();
		else
		{
			PopActiveSnapshot();
			CommitTransactionCommand();
		}
	}
	PG_CATCH();
	{
		ErrorData  *error;

		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		result->put_off = budget_ms > 0 && error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
			st_now() - begun >= budget_ms * INT64CONST(1000);
		result->failed = !result->put_off;
		result->done = false;
		result->nnodes = 0;
		result->sqlstate = error->sqlerrcode;
		result->culprit = st_refresh_failed_relation();
		st_shared_text(result->message, error->message, sizeof(result->message));
		errcontext("scheduled refresh of stream table with OID %u", order->relid);
		if (result->failed)
			EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	if (budget_ms > 0)
	{
		disable_timeout(STATEMENT_TIMEOUT, false);
		forget_cancel();
	}
	for (int i = 0; i < result->nnodes; i++)
		result->nodes[i].touched = st_wake_job_touched(result->nodes[i].relid);
	st_wake_end_job();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* ----- the scheduler's side ----- */

static void
forget_jobs(int code, Datum arg)
{
	pg_atomic_write_u32(&area->scheduler, 0);
	st_wake_publish_jobs(0);
	pg_memory_barrier();
	for (int i = 0; i < ST_MAX_WORKERS; i++)
	{
		uint32		worker = pg_atomic_read_u32(&area->jobs[i].worker);

		if (worker > 0)
			SetLatch(&GetPGProcByNumber(worker - 1)->procLatch);
	}
}

void
st_workers_init(void)
{
	dsm_segment *segment = dsm_create(sizeof(JobArea), DSM_CREATE_NULL_IF_MAXSEGMENTS);

	if (segment == NULL)
		return;
	area = dsm_segment_address(segment);
	segment_handle = dsm_segment_handle(segment);
	memset(area, 0, sizeof(JobArea));
	pg_atomic_init_u32(&area->scheduler, (uint32) ST_MY_PROC_NUMBER + 1);
	for (int i = 0; i < ST_MAX_WORKERS; i++)
	{
		pg_atomic_init_u32(&area->jobs[i].state, JOB_FREE);
		pg_atomic_init_u32(&area->jobs[i].worker, 0);
	}
	pg_atomic_init_u32(&area->nwaiting, 0);
	pg_atomic_init_u32(&area->spacing_ms, 0);
	pg_atomic_init_u32(&area->no_slot, 0);
	before_shmem_exit(forget_jobs, (Datum) 0);
	st_wake_publish_jobs((uint32) segment_handle);
}

/* How many workers this database may have: its share of those of the server, if it has one. */
static int
worker_limit(void)
{
	int			limit = Min(st_guc_max_concurrent_refreshes, ST_MAX_WORKERS);
	int			quota = st_guc_per_database_worker_quota;

	if (st_guc_max_parallel_workers > 0)
		limit = Min(limit, st_guc_max_parallel_workers);
	if (quota == 0)
		return limit;
	/* half as many again while others leave a fifth unused */
	if (st_wake_count_workers() * 5 < st_guc_max_dynamic_refresh_workers * 4)
		quota += quota / 2;
	return Min(limit, quota);
}

static bool
is_running(int number)
{
	pid_t		pid;
	BgwHandleStatus status;

	if (handles[number] == NULL)
		return false;
	status = GetBackgroundWorkerPid(handles[number], &pid);
	return status == BGWH_STARTED || status == BGWH_NOT_YET_STARTED;
}

static bool
start_worker(int number)
{
	BackgroundWorker worker;
	WorkerStart start = {MyDatabaseId, segment_handle, number};
	MemoryContext old;
	bool		started;

	if (st_wake_count_workers() >= st_guc_max_dynamic_refresh_workers)
		return false;
	pg_atomic_write_u32(&area->jobs[number].worker, 0);
	area->jobs[number].pid = 0;
	st_worker_describe(&worker, "worker", "st_worker_main");
	worker.bgw_notify_pid = MyProcPid;
	StaticAssertStmt(sizeof(WorkerStart) <= BGW_EXTRALEN, "too much to tell a worker");
	memcpy(worker.bgw_extra, &start, sizeof(WorkerStart));
	old = MemoryContextSwitchTo(TopMemoryContext);
	started = RegisterDynamicBackgroundWorker(&worker, &handles[number]);
	MemoryContextSwitchTo(old);
	return started;
}

/* Of a worker that has ended or died: nothing is left of it. */
static void
clear_worker(int number)
{
	pfree(handles[number]);
	handles[number] = NULL;
	pg_atomic_write_u32(&area->jobs[number].worker, 0);
	area->jobs[number].pid = 0;
	pg_atomic_write_u32(&area->jobs[number].state, JOB_FREE);
}

/* A free worker, the preferred one if possible, else a place for one; -1: none. */
static int
find_worker(int preferred)
{
	int			limit = worker_limit();
	int			place = -1;
	int			found = -1;

	for (int i = 0; i < limit; i++)
	{
		uint32		state = pg_atomic_read_u32(&area->jobs[i].state);

		/*
		 * a job that is not collected yet keeps its place, although the
		 * worker is gone
		 */
		if (handles[i] && (state == JOB_FREE || state == JOB_GONE) && !is_running(i))
			clear_worker(i);
		if (handles[i] == NULL)
			place = place < 0 ? i : place;
		else if (pg_atomic_read_u32(&area->jobs[i].state) == JOB_FREE && (found < 0 || i == preferred))
			found = i;
	}
	return found >= 0 ? found : place;
}

/* Is there a worker for what is due? Said once. */
static void
note_slot(bool found)
{
	if (pg_atomic_exchange_u32(&area->no_slot, !found) == !found)
		return;
	if (!found)
		ereport(LOG,
				(errmsg("no worker slot"),
				 errdetail("The scheduler refreshes by itself what takes up to %d ms; all else waits for a worker.", ST_INLINE_BUDGET_MS),
				 errhint("Increase max_worker_processes.")));
}

int
st_workers_dispatch(const StJobOrder *order, int preferred, TimestampTz enqueued, int attempt)
{
	uint32		expected = JOB_FREE;
	int			number;
	Job		   *job;
	ListCell   *lc;

	if (list_length(order->along) > ST_JOB_ALONG)
		elog(ERROR, "%d stream tables do not fit into a job", list_length(order->along));
	if (st_guc_parallel_refresh_mode == ST_PARALLEL_OFF)
		return ST_WORKERS_UNWANTED;
	if (area == NULL)
		return ST_WORKERS_NO_SLOT;
	if (st_guc_parallel_refresh_mode == ST_PARALLEL_DRY_RUN)
	{
		ereport(LOG,
				(errmsg("pg_trickle would refresh relation %u and %d others in a worker", order->relid, list_length(order->along)),
				 errdetail("It may have %d workers. The setting \"pg_trickle.parallel_refresh_mode\" is dry_run.", worker_limit())));
		return ST_WORKERS_UNWANTED;
	}
	ST_STOP_POINT("scheduler dispatches");
	number = find_worker(preferred);
	if (number < 0)
		return ST_WORKERS_BUSY;
	if (handles[number] == NULL && !start_worker(number))
	{
		for (int i = 0; i < ST_MAX_WORKERS; i++)
			if (handles[i])
				return ST_WORKERS_BUSY;
		note_slot(false);
		return ST_WORKERS_NO_SLOT;
	}
	note_slot(true);
	job = &area->jobs[number];
	job->relid = order->relid;
	job->probe = order->probe;
	job->record = order->record;
	job->nalong = 0;
	foreach(lc, order->along)
		job->along[job->nalong++] = lfirst_oid(lc);
	foreach(lc, order->units)
		job->units[foreach_current_index(lc)] = lfirst_int(lc);
	job->attempt = attempt;
	job->enqueued = enqueued;
	job->started = 0;
	pg_write_barrier();
	/* it has just gone: there will be another */
	if (!pg_atomic_compare_exchange_u32(&job->state, &expected, JOB_QUEUED))
		return ST_WORKERS_BUSY;
	if (pg_atomic_read_u32(&job->worker) > 0)
		SetLatch(&GetPGProcByNumber(pg_atomic_read_u32(&job->worker) - 1)->procLatch);
	return number;
}

int
st_workers_collect(StJobResult *result)
{
	for (int i = 0; area && i < ST_MAX_WORKERS; i++)
	{
		Job		   *job = &area->jobs[i];
		uint32		state = pg_atomic_read_u32(&job->state);

		if (handles[i] == NULL)
			continue;
		if (state == JOB_ENDED || state == JOB_LAST)
		{
			pg_read_barrier();
			*result = job->result;
			pg_atomic_write_u32(&job->state, state == JOB_LAST ? JOB_GONE : JOB_FREE);
			return i;
		}
		if (is_running(i))
			continue;
		clear_worker(i);
		/* one that has not begun has not failed */
		if (state == JOB_QUEUED || state == JOB_RUNNING)
		{
			memset(result, 0, offsetof(StJobResult, message));
			result->nnodes = 0;
			result->failed = result->lost = state == JOB_RUNNING;
			result->begun = job->started;
			result->sqlstate = ERRCODE_ADMIN_SHUTDOWN;
			result->culprit = job->relid;
			strlcpy(result->message, "the worker that refreshed it has ended", sizeof(result->message));
			return i;
		}
	}
	return -1;
}

void
st_workers_stop(void)
{
	for (int i = 0; area && i < ST_MAX_WORKERS; i++)
		if (handles[i])
			TerminateBackgroundWorker(handles[i]);
}

int
st_workers_pid(int worker)
{
	return area->jobs[worker].pid;
}

void
st_workers_publish_waiting(int count, const StWaiting *waiting)
{
	if (area == NULL)
		return;
	memcpy(area->waiting, waiting, sizeof(StWaiting) * Min(count, ST_WAITING_TOLD));
	pg_write_barrier();
	pg_atomic_write_u32(&area->nwaiting, count);
}

void
st_workers_publish_spacing(uint32 spacing_ms)
{
	if (area)
		pg_atomic_write_u32(&area->spacing_ms, spacing_ms);
}

/* ----- those who want to know ----- */

static List *
list_waiting(JobArea *jobs, List *result)
{
	int			count = Min(pg_atomic_read_u32(&jobs->nwaiting), ST_WAITING_TOLD);

	pg_read_barrier();
	for (int i = 0; i < count; i++)
	{
		StJobState *state = palloc0(sizeof(StJobState));

		state->relid = jobs->waiting[i].relid;
		state->members = 1;
		state->attempt = jobs->waiting[i].attempt;
		state->enqueued = jobs->waiting[i].since;
		result = lappend(result, state);
	}
	return result;
}

List *
st_jobs_list(void)
{
	uint32		handle = st_wake_jobs();
	dsm_segment *segment = handle ? dsm_attach((dsm_handle) handle) : NULL;
	JobArea    *jobs;
	List	   *result = NIL;

	if (segment == NULL)
		return NIL;
	jobs = dsm_segment_address(segment);
	for (int i = 0; i < ST_MAX_WORKERS; i++)
	{
		Job		   *job = &jobs->jobs[i];
		uint32		phase = pg_atomic_read_u32(&job->state);
		StJobState *state;

		if (phase != JOB_QUEUED && phase != JOB_RUNNING)
			continue;
		pg_read_barrier();
		state = palloc0(sizeof(StJobState));
		state->relid = job->relid;
		state->members = job->nalong + 1;
		state->attempt = job->attempt;
		state->pid = job->pid;
		state->enqueued = job->enqueued;
		state->started = phase == JOB_RUNNING ? job->started : 0;
		result = lappend(result, state);
	}
	result = list_waiting(jobs, result);
	dsm_detach(segment);
	return result;
}

/* A number that the scheduler has published, at this place of its area; -1: there is no scheduler. */
static int
published(Size offset)
{
	uint32		handle = st_wake_jobs();
	dsm_segment *segment = handle ? dsm_attach((dsm_handle) handle) : NULL;
	int			result;

	if (segment == NULL)
		return -1;
	result = pg_atomic_read_u32((pg_atomic_uint32 *) ((char *) dsm_segment_address(segment) + offset));
	dsm_detach(segment);
	return result;
}

int
st_jobs_waiting(void)
{
	return published(offsetof(JobArea, nwaiting));
}

int
st_jobs_spacing(void)
{
	return published(offsetof(JobArea, spacing_ms));
}

int
st_jobs_no_slot(void)
{
	return published(offsetof(JobArea, no_slot));
}

/* ----- the worker's side ----- */

static void
leave_job(int code, Datum arg)
{
	pg_atomic_write_u32(&own_job->worker, 0);
	if (pg_atomic_read_u32(&area->scheduler) > 0)
		SetLatch(&GetPGProcByNumber(pg_atomic_read_u32(&area->scheduler) - 1)->procLatch);
}

/* Is it better to begin anew, after so many jobs? */
static bool
is_worn(int jobs)
{
	Size		limit = MAX_MEMORY + st_guc_session_memory_limit * (Size) 1024;

	if (ST_FAULT("K17 memory"))
		limit = 0;
	if (jobs >= MAX_JOBS)
		return true;
	/* who sets no limit to the one has none for the other */
	return jobs % MEMORY_JOBS == 0 && st_guc_session_memory_limit > 0 &&
		MemoryContextMemAllocated(TopMemoryContext, true) > limit;
}

/* False: the worker is to end. */
static bool
run_job(MemoryContext context)
{
	static int	jobs = 0;
	bool		last;
	MemoryContext old = MemoryContextSwitchTo(context);
	StJobOrder	order = {0};
	uint32		scheduler;

	pg_read_barrier();
	own_job->started = GetCurrentTimestamp();
	pg_atomic_write_u32(&own_job->state, JOB_RUNNING);
	order.relid = own_job->relid;
	order.probe = own_job->probe;
	order.record = own_job->record;
	for (int i = 0; i < own_job->nalong; i++)
		order.along = lappend_oid(order.along, own_job->along[i]);
	for (int i = 0; i <= own_job->nalong; i++)
		order.units = lappend_int(order.units, own_job->units[i]);
	st_job_run(&order, 0, &own_job->result);
	last = is_worn(++jobs);
	pg_write_barrier();
	pg_atomic_write_u32(&own_job->state, last ? JOB_LAST : JOB_ENDED);
	scheduler = pg_atomic_read_u32(&area->scheduler);
	if (scheduler > 0)
		SetLatch(&GetPGProcByNumber(scheduler - 1)->procLatch);
	MemoryContextSwitchTo(old);
	MemoryContextReset(context);
	return !last;
}

void
st_worker_main(Datum argument)
{
	WorkerStart start;
	dsm_segment *segment;
	MemoryContext context;
	int64		idle_since;

	memcpy(&start, MyBgworkerEntry->bgw_extra, sizeof(WorkerStart));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	/*
	 * schedulers of several databases may have started the last one at the
	 * same time
	 */
	if (!st_wake_join_workers(st_guc_max_dynamic_refresh_workers))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(start.database, InvalidOid, 0);
	st_worker_pin_session("pg_trickle worker");
	segment = dsm_attach(start.segment);
	/* the scheduler has gone in the meantime */
	if (segment == NULL)
		proc_exit(0);
	area = dsm_segment_address(segment);
	own_job = &area->jobs[start.number];
	own_job->pid = MyProcPid;
	pg_atomic_write_u32(&own_job->worker, (uint32) ST_MY_PROC_NUMBER + 1);
	before_shmem_exit(leave_job, (Datum) 0);
	context = AllocSetContextCreate(TopMemoryContext, "pg_trickle job", ALLOCSET_DEFAULT_SIZES);
	idle_since = st_now();
	for (;;)
	{
		int64		patience = (start.number > 0 || st_wake_is_crowded() ? IDLE_MS : FIRST_IDLE_MS) * INT64CONST(1000);
		uint32		expected = JOB_FREE;

		ResetLatch(MyLatch);
		/* nor is it for the process */
		forget_cancel();
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			st_worker_pin_session("pg_trickle worker");
		}
		if (pg_atomic_read_u32(&area->scheduler) == 0)
			break;
		if (pg_atomic_read_u32(&own_job->state) == JOB_QUEUED)
		{
			if (!run_job(context))
				break;
			idle_since = st_now();
			continue;
		}
		if (st_now() - idle_since >= patience &&
			pg_atomic_compare_exchange_u32(&own_job->state, &expected, JOB_GONE))
			break;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(patience - (st_now() - idle_since), 0) / 1000 + 1, st_wait_event(ST_WAIT_WORKER));
	}
	proc_exit(0);
}
