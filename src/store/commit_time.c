/*-------------------------------------------------------------------------
 *
 * commit_time.c
 *	  When transactions that appended to change logs have committed.
 *
 * NOTES
 *	  Since when a stream table lags cannot be told from its last refresh, which
 *	  may be long ago because nothing has changed, and rows of a change log know
 *	  their transaction but not its time. So each such transaction leaves its
 *	  time in shared memory, in a table with one place for all transaction ids
 *	  with the same remainder; what comes later takes the place.
 *
 *	  What happens at commit may not fail: a few atomic writes. Without room for
 *	  the table times are not known.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/commit_ts.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "store/commit_time.h"
#include "util/fault.h"

#define AREA_NAME "pg_trickle commit times 1"

/* preloaded, and from what PostgreSQL keeps in reserve, which is little */
#define LARGE_PLACES 16384
#define SMALL_PLACES 512

typedef struct CommitTime
{
	pg_atomic_uint64 xid;		/* 0: none, or it is being written */
	pg_atomic_uint64 time;
} CommitTime;

typedef struct CommitTimes
{
	uint32		nplaces;
	CommitTime	places[FLEXIBLE_ARRAY_MEMBER];
} CommitTimes;

static CommitTimes *times = NULL;
static bool tried = false;
static bool noted = false;		/* this transaction appends to a log */

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static Size
area_size(uint32 nplaces)
{
	return offsetof(CommitTimes, places) + sizeof(CommitTime) * nplaces;
}

static void
init_area(uint32 nplaces)
{
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	times = ShmemInitStruct(AREA_NAME, area_size(nplaces), &found);
	if (!found)
	{
		times->nplaces = nplaces;
		for (uint32 i = 0; i < nplaces; i++)
		{
			pg_atomic_init_u64(&times->places[i].xid, 0);
			pg_atomic_init_u64(&times->places[i].time, 0);
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

static void
request_area(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(area_size(LARGE_PLACES));
}

static void
startup_area(void)
{
	if (previous_startup_hook)
		previous_startup_hook();
	init_area(LARGE_PLACES);
}

/* A writer must not fail because there is no room. */
static bool
attach(void)
{
	MemoryContext context = CurrentMemoryContext;

	if (times || tried)
		return times != NULL;
	tried = true;
	PG_TRY();
	{
		init_area(SMALL_PLACES);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
		if (LWLockHeldByMe(AddinShmemInitLock))
			LWLockRelease(AddinShmemInitLock);
		times = NULL;
	}
	PG_END_TRY();
	return times != NULL;
}

static CommitTime *
place_of(FullTransactionId xid)
{
	return &times->places[U64FromFullTransactionId(xid) % times->nplaces];
}

void
st_commit_time_note(void)
{
	noted = attach();
}

static void
at_transaction(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (noted && event == XACT_EVENT_COMMIT && !ST_FAULT("K30"))
	{
		FullTransactionId xid = GetTopFullTransactionIdIfAny();

		if (FullTransactionIdIsValid(xid))
		{
			CommitTime *place = place_of(xid);

			pg_atomic_write_u64(&place->xid, 0);
			pg_write_barrier();
			pg_atomic_write_u64(&place->time, (uint64) GetCurrentTransactionStopTimestamp());
			pg_write_barrier();
			pg_atomic_write_u64(&place->xid, U64FromFullTransactionId(xid));
		}
	}
	noted = false;
}

TimestampTz
st_commit_time_of(FullTransactionId xid)
{
	TimestampTz result = DT_NOBEGIN;

	if (attach())
	{
		CommitTime *place = place_of(xid);

		if (pg_atomic_read_u64(&place->xid) == U64FromFullTransactionId(xid))
		{
			pg_read_barrier();
			result = (TimestampTz) pg_atomic_read_u64(&place->time);
			pg_read_barrier();
			if (pg_atomic_read_u64(&place->xid) != U64FromFullTransactionId(xid))
				result = DT_NOBEGIN;
		}
	}
	/* if the server was asked to keep them, it knows all of them */
	if (TIMESTAMP_IS_NOBEGIN(result) && track_commit_timestamp)
		(void) TransactionIdGetCommitTsData(XidFromFullTransactionId(xid), &result, NULL);
	return result == 0 ? DT_NOBEGIN : result;
}

void
st_commit_time_init(void)
{
	RegisterXactCallback(at_transaction, NULL);
	if (!process_shared_preload_libraries_in_progress)
		return;
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_area;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_area;
}
