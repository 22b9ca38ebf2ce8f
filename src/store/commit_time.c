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
#include "util/shared_area.h"

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
static bool noted = false;		/* this transaction appends to a log */

static void init_area(void *memory, bool found, bool is_large);
static StSharedArea shared = {.name = AREA_NAME, .attached = init_area};

static Size
area_size(uint32 nplaces)
{
	return offsetof(CommitTimes, places) + sizeof(CommitTime) * nplaces;
}

static void
init_area(void *memory, bool found, bool is_large)
{
	times = memory;
	if (found)
		return;
	times->nplaces = is_large ? LARGE_PLACES : SMALL_PLACES;
	for (uint32 i = 0; i < times->nplaces; i++)
	{
		pg_atomic_init_u64(&times->places[i].xid, 0);
		pg_atomic_init_u64(&times->places[i].time, 0);
	}
}

/* A writer must not fail because there is no room. */
static bool
attach(void)
{
	if (times == NULL)
		st_shared_area_attach(&shared);
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
	shared.large = area_size(LARGE_PLACES);
	shared.small = area_size(SMALL_PLACES);
	st_shared_area_register(&shared);
}
