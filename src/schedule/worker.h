/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  Refreshing in processes of their own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_WORKER_H
#define ST_SCHEDULE_WORKER_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "refresh/hold.h"

/* stream tables that one refresh takes along at most: a unit and what can go with it */
#define ST_JOB_ALONG 180

/* where there is no worker the scheduler refreshes, for so long at a time (rule K17) */
#define ST_INLINE_BUDGET_MS 100

/* workers of one database at most */
#define ST_MAX_WORKERS 32

/* What a job did with one of its stream tables. */
typedef struct StJobNode
{
	Oid			relid;
	StHoldKind	hold;			/* ST_HOLD_NONE, or why it was left as it is */
	char		action[16];		/* as in the history */
	char		reason[104];	/* of a hold or a recompute; "": none */
	bool		reverted;		/* it is not append_only any more */
	bool		recorded;		/* it has left a row in the history */
	bool		touched;		/* its log has got rows, for those that read
								 * it */
	int64		inserted;
	int64		updated;
	int64		deleted;
	int64		pending;		/* of a fuse: changes found, and its ceiling */
	int64		ceiling;
	int64		delta_rows;
	double		read_ms;
	double		delta_ms;
	double		apply_ms;
	double		ms;
} StJobNode;

/* What a job is to do. */
typedef struct StJobOrder
{
	Oid			relid;
	List	   *along;			/* OIDs by rank */
	List	   *units;			/* parallel, and one more for relid: the same
								 * number for those that are refreshed
								 * together or not at all, 0 for all others */
	bool		probe;			/* also those of its unit that their own
								 * errors have stopped */
	bool		record;			/* leave a row in the history of whatever
								 * changes */
} StJobOrder;

typedef struct StJobResult
{
	bool		done;			/* false, and not failed: another session
								 * refreshes it */
	bool		undone;			/* and nothing is: one that holds all of its
								 * unit was found late */
	bool		failed;
	bool		lost;			/* its process has gone: nobody knows how far
								 * it came */
	bool		put_off;		/* it takes longer than there was time;
								 * neither done nor failed */
	TimestampTz begun;
	int			sqlstate;
	Oid			culprit;		/* the stream table that raised */
	char		message[1024];
	int			nnodes;			/* if it is done */
	StJobNode	nodes[ST_JOB_ALONG + 1];
} StJobResult;

/*
 * Refresh in a transaction of its own, in this process, within so many
 * milliseconds if that is not 0. Does not raise. Leaves the caller's memory context
 * as it is. Commits tell the scheduler nothing of the logs of what is refreshed:
 * the result does.
 */
extern void st_job_run(const StJobOrder *order, int budget_ms, StJobResult *result);

/* Settings that no database or role may change for us (rules C14, K18). */
extern void st_worker_pin_session(const char *application_name);

/* ----- of the scheduler ----- */

/* Make room for jobs; once. */
extern void st_workers_init(void);

/* No worker has got a refresh. */
typedef enum StNoWorker
{
	ST_WORKERS_BUSY = -1,		/* all that there may be */
	ST_WORKERS_UNWANTED = -2,	/* by a setting */
	ST_WORKERS_NO_SLOT = -3		/* there is none and none can be started */
} StNoWorker;

/*
 * Hand a refresh to a worker, to "preferred" if that is free; starts one if
 * none is. Returns its number, or an StNoWorker.
 */
extern int	st_workers_dispatch(const StJobOrder *order, int preferred, TimestampTz enqueued, int attempt);

/* A refresh that is due and waits for a worker, or for another refresh. */
typedef struct StWaiting
{
	Oid			relid;
	int			attempt;
	TimestampTz since;
} StWaiting;

/* Let others know of them, of the first of so many. */
#define ST_WAITING_TOLD 256
extern void st_workers_publish_waiting(int count, const StWaiting *waiting);

/* Milliseconds by which refreshes are apart because of an old snapshot; 0: there is none. */
extern void st_workers_publish_spacing(uint32 spacing_ms);

/*
 * The number of a worker that has ended its job since the last call, with the
 * result; -1: none. A worker that died has failed.
 */
extern int	st_workers_collect(StJobResult *result);

/* End all workers, also those that are at work: what they have not committed is undone. */
extern void st_workers_stop(void);

/* The process of a worker, 0 if it has none. */
extern int	st_workers_pid(int worker);

/* ----- of those who want to know ----- */

typedef struct StJobState
{
	Oid			relid;
	int			members;		/* stream tables that are refreshed with it,
								 * it included */
	int			attempt;		/* 1, or one more than it has failed in a row */
	int			pid;			/* of the worker; 0: not known yet, or it
								 * waits for one */
	TimestampTz enqueued;		/* when it was due */
	TimestampTz started;		/* 0: it waits */
} StJobState;

/* What the scheduler of this database does and has still to do; of StJobState. */
extern List *st_jobs_list(void);

/* How many refreshes wait; -1: there is no scheduler. */
extern int	st_jobs_waiting(void);

/* What was published with st_workers_publish_spacing(); -1: there is no scheduler. */
extern int	st_jobs_spacing(void);

/* Was there none, and none to be started, when one was needed last? 0 or 1; -1: there is no scheduler. */
extern int	st_jobs_no_slot(void);

#endif							/* ST_SCHEDULE_WORKER_H */
