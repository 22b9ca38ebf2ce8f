/*-------------------------------------------------------------------------
 *
 * wake.c
 *	  What commits tell the scheduler, through shared memory (rules H).
 *
 * NOTES
 *	  A database has a slot with two bitmaps over hashes of its sources: "dirty"
 *	  is what commits have touched, "armed" what the scheduler wants to be woken
 *	  for. A collision costs a check in vain. The protocol is that of Dekker:
 *	  a writer sets dirty, then looks at armed; the scheduler sets armed, then
 *	  looks at dirty, with full barriers between. So one of them sees the other.
 *
 *	  Everything a writer does at commit is a few atomic operations and SetLatch:
 *	  the transaction is over, nothing may fail any more (rule H1). It finds the
 *	  area and its slot earlier, when it writes; if there is none, capture goes
 *	  on and the scheduler polls (rule H7).
 *
 *	  Loaded by shared_preload_libraries the area has room for many databases;
 *	  without, for few (util/shared_area.h).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "port/pg_bitutils.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "store/wake.h"
#include "util/fault.h"
#include "util/shared_area.h"

#define AREA_NAME "pg_trickle wake 4"

/*
 * Preloaded, and from the reserve (of which 16 kB are used). Of the large ones
 * only those that are taken are ever written to, so the others cost no memory.
 */
#define LARGE_SLOTS 1024
#define LARGE_BITS 65536
#define SMALL_SLOTS 14
#define SMALL_BITS 4096

/* databases without the extension that the launcher has not heard of yet */
#define EMPTY_DATABASES 32

typedef struct WakeSlot
{
	pg_atomic_uint32 scheduler; /* process number + 1; 0: none */
	pg_atomic_uint32 scheduler_pid;
	pg_atomic_uint32 requested; /* a scheduler is wanted, and why:
								 * StWakeReason */
	pg_atomic_uint32 resting;	/* StWakeRest: how the last one ended */
	pg_atomic_uint32 prepared;	/* a transaction that touched a source was
								 * prepared */
	pg_atomic_uint32 any_dirty;
	pg_atomic_uint32 jobs;		/* handle of the scheduler's jobs; 0: none */
	pg_atomic_uint64 generation;
	pg_atomic_uint64 next;		/* after ST_REST_IDLE: when there will be
								 * something to do without a commit */
	/* dirty, then armed */
	pg_atomic_uint32 words[FLEXIBLE_ARRAY_MEMBER];
} WakeSlot;

typedef struct WakeArea
{
	uint32		nslots;
	uint32		nbits;			/* of each map; a power of two */
	int64		incarnation;
	pg_atomic_uint32 launcher;	/* process number + 1; 0: none */
	pg_atomic_uint32 launcher_pid;
	pg_atomic_uint32 requested; /* in some slot, or without one */
	pg_atomic_uint32 homeless;	/* the graph of some database that has no slot
								 * has changed */
	pg_atomic_uint32 workers;	/* of all databases */
	pg_atomic_uint32 crowded;	/* there is no process for some database */
	pg_atomic_uint32 empty[EMPTY_DATABASES];	/* OIDs; 0: free */
	/* whose each slot is: OIDs; 0: free */
	pg_atomic_uint32 databases[FLEXIBLE_ARRAY_MEMBER];
} WakeArea;

static WakeArea *area = NULL;
static WakeSlot *slot = NULL;	/* of this database */

/* what this transaction has touched; in TopTransactionContext */
static Oid *touched = NULL;
static int	ntouched = 0;
static int	maxtouched = 0;
static bool graph_changed = false;

/*
 * What the scheduler's job refreshes that this process runs, and what of that it
 * has appended to. NULL: there is none.
 */
static Oid *job_members = NULL;
static int	njob_members = 0;
static Oid *job_touched = NULL;
static int	njob_touched = 0;
static pg_atomic_uint32 *job_scheduler = NULL;	/* 0: it has gone */

/* those of them that were altered, in TopMemoryContext */
static Oid *altered = NULL;
static int	naltered = 0;
static int	maxaltered = 0;

/* what the last st_wake_collect() took */
static uint32 *collected = NULL;

static void init_area(void *memory, bool found, bool is_large);
static StSharedArea shared = {.name = AREA_NAME, .attached = init_area};

/* ----- the area ----- */

static Size
slot_size(uint32 nbits)
{
	return MAXALIGN(offsetof(WakeSlot, words) + sizeof(pg_atomic_uint32) * 2 * (nbits / 32));
}

/* Of what comes before the slots. */
static Size
head_size(uint32 nslots)
{
	return MAXALIGN(offsetof(WakeArea, databases) + sizeof(pg_atomic_uint32) * nslots);
}

static Size
area_size(uint32 nslots, uint32 nbits)
{
	return add_size(head_size(nslots), mul_size(nslots, slot_size(nbits)));
}

static WakeSlot *
slot_at(uint32 i)
{
	return (WakeSlot *) ((char *) area + head_size(area->nslots) + i * slot_size(area->nbits));
}

static void
init_area(void *memory, bool found, bool is_large)
{
	area = memory;
	if (found)
		return;
	area->nslots = is_large ? LARGE_SLOTS : SMALL_SLOTS;
	area->nbits = is_large ? LARGE_BITS : SMALL_BITS;
	if (!pg_strong_random(&area->incarnation, sizeof(int64)))
		area->incarnation = GetCurrentTimestamp();
	pg_atomic_init_u32(&area->launcher, 0);
	pg_atomic_init_u32(&area->launcher_pid, 0);
	pg_atomic_init_u32(&area->requested, 0);
	pg_atomic_init_u32(&area->homeless, 0);
	pg_atomic_init_u32(&area->workers, 0);
	pg_atomic_init_u32(&area->crowded, 0);
	for (int i = 0; i < EMPTY_DATABASES; i++)
		pg_atomic_init_u32(&area->empty[i], 0);
	for (uint32 i = 0; i < area->nslots; i++)
		pg_atomic_init_u32(&area->databases[i], 0);
}

/* Which slot is the database's; -1: none. */
static int
find_place(Oid database)
{
	for (uint32 i = 0; i < area->nslots; i++)
		if (pg_atomic_read_u32(&area->databases[i]) == database)
			return (int) i;
	return -1;
}

static WakeSlot *
find_slot(Oid database)
{
	int			place = find_place(database);

	return place < 0 ? NULL : slot_at(place);
}

/* Nothing has happened in the slot's database. */
static void
init_slot(WakeSlot *target)
{
	pg_atomic_init_u32(&target->scheduler, 0);
	pg_atomic_init_u32(&target->scheduler_pid, 0);
	pg_atomic_init_u32(&target->requested, 0);
	pg_atomic_init_u32(&target->resting, ST_REST_NOT);
	pg_atomic_init_u32(&target->prepared, 0);
	pg_atomic_init_u32(&target->any_dirty, 0);
	pg_atomic_init_u32(&target->jobs, 0);
	pg_atomic_init_u64(&target->generation, 1);
	pg_atomic_init_u64(&target->next, 0);
	for (uint32 word = 0; word < 2 * (area->nbits / 32); word++)
		pg_atomic_init_u32(&target->words[word], 0);
}

/* The place of a database that was dropped, and so is used by nobody; -1: none. */
static int
find_orphan(Oid *database)
{
	if (!IsTransactionState())
		return -1;
	for (uint32 i = 0; i < area->nslots; i++)
	{
		*database = pg_atomic_read_u32(&area->databases[i]);
		if (OidIsValid(*database) && !SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(*database)))
			return (int) i;
	}
	return -1;
}

/* The database's slot; made if there is none, NULL if all are taken. */
static WakeSlot *
claim_slot(Oid database)
{
	int			place = find_place(database);
	int			orphan = -1;
	Oid			dropped = InvalidOid;

	if (place >= 0)
		return slot_at(place);
	if (find_place(InvalidOid) < 0)
		orphan = find_orphan(&dropped);
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	place = find_place(database);
	if (place < 0)
	{
		place = find_place(InvalidOid);
		/* nobody else may have taken it meanwhile */
		if (place < 0 && orphan >= 0 && pg_atomic_read_u32(&area->databases[orphan]) == dropped)
			place = orphan;
		if (place >= 0)
		{
			init_slot(slot_at(place));
			/* whoever finds it by its database finds it empty */
			pg_write_barrier();
			pg_atomic_write_u32(&area->databases[place], database);
		}
	}
	LWLockRelease(AddinShmemInitLock);
	return place < 0 ? NULL : slot_at(place);
}

/* A writer must not fail because there is no room (rule H7): then there is no slot. */
static bool
attach(void)
{
	if (slot)
		return true;
	if (area == NULL)
		st_shared_area_attach(&shared);
	if (area && OidIsValid(MyDatabaseId))
		slot = claim_slot(MyDatabaseId);
	return slot != NULL;
}

bool
st_wake_attach(void)
{
	return attach();
}

/* ----- writers ----- */

static bool
contains(const Oid *oids, int count, Oid oid)
{
	for (int i = 0; i < count; i++)
		if (oids[i] == oid)
			return true;
	return false;
}

void
st_wake_note_source(Oid source)
{
	if (ntouched > 0 && touched[ntouched - 1] == source)
		return;
	if (contains(job_members, njob_members, source))
	{
		if (!contains(job_touched, njob_touched, source))
			job_touched[njob_touched++] = source;
		return;
	}
	if (!attach() || contains(touched, ntouched, source))
		return;
	if (ntouched == maxtouched)
	{
		maxtouched = Max(8, maxtouched * 2);
		touched = touched == NULL ?
			MemoryContextAlloc(TopTransactionContext, sizeof(Oid) * maxtouched) :
			repalloc(touched, sizeof(Oid) * maxtouched);
	}
	touched[ntouched++] = source;
}

void
st_wake_note_altered(Oid source)
{
	st_wake_note_source(source);
	ST_STOP_POINT("source altered");
	if (contains(altered, naltered, source))
		return;
	if (naltered == maxaltered)
	{
		maxaltered = Max(8, maxaltered * 2);
		altered = altered == NULL ?
			MemoryContextAlloc(TopMemoryContext, sizeof(Oid) * maxaltered) :
			repalloc(altered, sizeof(Oid) * maxaltered);
	}
	altered[naltered++] = source;
}

void
st_wake_note_graph(void)
{
	graph_changed = attach() || area != NULL;
}

static void
set_latch_of(pg_atomic_uint32 *process)
{
	uint32		number = pg_atomic_read_u32(process);

	if (number > 0)
		SetLatch(&GetPGProcByNumber(number - 1)->procLatch);
}

static uint32
bit_of(Oid source)
{
	return murmurhash32((uint32) source) & (area->nbits - 1);
}

static pg_atomic_uint32 *
dirty_word(uint32 bit)
{
	return &slot->words[bit / 32];
}

static pg_atomic_uint32 *
armed_word(uint32 bit)
{
	return &slot->words[area->nbits / 32 + bit / 32];
}

/* Nobody listens: ask for somebody who does. What was asked for already costs the launcher nothing. */
static void
request(StWakeReason reason)
{
	if (pg_atomic_fetch_or_u32(&slot->requested, reason) & reason)
		return;
	pg_atomic_write_u32(&area->requested, 1);
	pg_memory_barrier();
	set_latch_of(&area->launcher);
}

static void
tell_scheduler(const Oid *sources, int count)
{
	bool		wake = graph_changed;

	if (slot == NULL)
	{
		pg_atomic_write_u32(&area->homeless, 1);
		pg_atomic_write_u32(&area->requested, 1);
		pg_memory_barrier();
		set_latch_of(&area->launcher);
		return;
	}
	for (int i = 0; i < count; i++)
	{
		uint32		bit = bit_of(sources[i]);

		pg_atomic_fetch_or_u32(dirty_word(bit), (uint32) 1 << (bit % 32));
	}
	if (count > 0)
		pg_atomic_write_u32(&slot->any_dirty, 1);
	if (graph_changed)
		pg_atomic_fetch_add_u64(&slot->generation, 1);
	/* what is set above is seen by whoever does not see what is read below */
	pg_memory_barrier();
	for (int i = 0; i < count; i++)
	{
		uint32		bit = bit_of(sources[i]);
		uint32		mask = (uint32) 1 << (bit % 32);

		if ((pg_atomic_read_u32(armed_word(bit)) & mask) &&
			(pg_atomic_fetch_and_u32(armed_word(bit), ~mask) & mask))
			wake = true;
	}
	if (pg_atomic_read_u32(&slot->scheduler) == 0)
		request(graph_changed ? ST_WAKE_GRAPH : ST_WAKE_COMMIT);
	else if (wake && !ST_FAULT("H1"))
		set_latch_of(&slot->scheduler);
}

static void
at_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			if (ntouched > 0 || graph_changed)
				tell_scheduler(touched, ntouched);
			/* one that begins from here on finds what is committed */
			if (njob_touched > 0 && job_scheduler && pg_atomic_read_u32(job_scheduler) == 0)
				tell_scheduler(job_touched, njob_touched);
			break;
		case XACT_EVENT_PREPARE:

			/*
			 * COMMIT PREPARED may run where this library is not loaded (rule
			 * H5). The transaction can be seen by now, so that whoever takes
			 * the flag finds it.
			 */
			if (slot && (ntouched > 0 || graph_changed) && !ST_FAULT("H5"))
				pg_atomic_write_u32(&slot->prepared, 1);
			break;
		case XACT_EVENT_ABORT:
			njob_touched = 0;
			break;
		default:
			return;
	}
	/* the array goes with its context */
	touched = NULL;
	ntouched = maxtouched = 0;
	graph_changed = false;
}

/*
 * Locks are released after invalidations were sent, which is after the callbacks
 * of the commit (rule H3).
 */
static void
at_release(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void *arg)
{
	if (naltered == 0 || !is_top_level || phase != RESOURCE_RELEASE_AFTER_LOCKS)
		return;
	if (is_commit && area != NULL && !ST_FAULT("H3 altered"))
		tell_scheduler(altered, naltered);
	naltered = 0;
}

/* ----- jobs ----- */

void
st_wake_begin_job(List *members, pg_atomic_uint32 *scheduler)
{
	Size		size = sizeof(Oid) * list_length(members);
	ListCell   *lc;

	job_members = MemoryContextAlloc(TopMemoryContext, size);
	job_touched = MemoryContextAlloc(TopMemoryContext, size);
	job_scheduler = scheduler;
	njob_touched = 0;
	foreach(lc, members)
		job_members[njob_members++] = lfirst_oid(lc);
}

bool
st_wake_job_touched(Oid member)
{
	return contains(job_touched, njob_touched, member);
}

void
st_wake_end_job(void)
{
	if (job_members == NULL)
		return;
	pfree(job_members);
	pfree(job_touched);
	job_members = job_touched = NULL;
	njob_members = njob_touched = 0;
	job_scheduler = NULL;
}

/* ----- the scheduler ----- */

/* Take a role, if nobody has it. */
static bool
become(pg_atomic_uint32 *role, pg_atomic_uint32 *pid)
{
	uint32		nobody = 0;

	if (!pg_atomic_compare_exchange_u32(role, &nobody, (uint32) ST_MY_PROC_NUMBER + 1))
		return nobody == (uint32) ST_MY_PROC_NUMBER + 1;
	pg_atomic_write_u32(pid, (uint32) MyProcPid);
	return true;
}

static void
resign(pg_atomic_uint32 *role, pg_atomic_uint32 *pid)
{
	if (pg_atomic_read_u32(pid) != (uint32) MyProcPid)
		return;
	pg_atomic_write_u32(pid, 0);
	pg_atomic_write_u32(role, 0);
	pg_memory_barrier();
}

bool
st_wake_rest(uint64 generation)
{
	if (slot == NULL)
		return true;
	ST_STOP_POINT("scheduler rests");
	resign(&slot->scheduler, &slot->scheduler_pid);
	/* a commit that came before found somebody to tell */
	if (pg_atomic_read_u64(&slot->generation) != generation && !ST_FAULT("H4"))
		return false;

	/*
	 * who changes the graph from here on asks the launcher, whatever this
	 * says
	 */
	pg_atomic_write_u32(&slot->resting, ST_REST_NOTHING);
	return true;
}

bool
st_wake_go_idle(uint64 generation, int64 next)
{
	pg_atomic_write_u64(&slot->next, (uint64) next);
	ST_STOP_POINT("scheduler goes idle");
	resign(&slot->scheduler, &slot->scheduler_pid);
	/* commits from here on ask the launcher */
	if ((pg_atomic_read_u64(&slot->generation) != generation || pg_atomic_read_u32(&slot->any_dirty) != 0 ||
		 pg_atomic_read_u32(&slot->prepared) != 0) && !ST_FAULT("K17 told"))
		return false;
	pg_atomic_write_u32(&slot->resting, ST_REST_IDLE);
	return true;
}

static void
resign_at_exit(int code, Datum arg)
{
	if (slot && pg_atomic_read_u32(&slot->scheduler_pid) == (uint32) MyProcPid)
	{
		resign(&slot->scheduler, &slot->scheduler_pid);

		/*
		 * which may not be the one that has started this process, and is told
		 * by nobody else then
		 */
		set_latch_of(&area->launcher);
	}
	if (area)
		resign(&area->launcher, &area->launcher_pid);
}

int64
st_wake_incarnation(void)
{
	return area ? area->incarnation : 0;
}

bool
st_wake_become_scheduler(void)
{
	if (!attach())
		return true;			/* nobody can be asked; a lock tells */
	if (!become(&slot->scheduler, &slot->scheduler_pid))
		return false;
	pg_atomic_write_u32(&slot->resting, ST_REST_NOT);
	pg_atomic_write_u32(&slot->requested, 0);
	pg_memory_barrier();
	if (collected == NULL)
	{
		before_shmem_exit(resign_at_exit, (Datum) 0);
		collected = MemoryContextAllocZero(TopMemoryContext, sizeof(uint32) * (area->nbits / 32));
	}
	return true;
}

int
st_wake_scheduler_pid(Oid database)
{
	WakeSlot   *other;

	(void) attach();
	other = area ? find_slot(database) : NULL;
	return other ? (int) pg_atomic_read_u32(&other->scheduler_pid) : 0;
}

bool
st_wake_collect(void)
{
	if (slot == NULL || pg_atomic_exchange_u32(&slot->any_dirty, 0) == 0)
		return false;
	for (uint32 word = 0; word < area->nbits / 32; word++)
	{
		collected[word] = 0;
		if (pg_atomic_read_u32(&slot->words[word]) != 0)
			collected[word] = pg_atomic_exchange_u32(&slot->words[word], 0);
	}
	return true;
}

uint32
st_wake_bit(Oid source)
{
	return area ? bit_of(source) : 0;
}

bool
st_wake_next_touched(uint32 *bit)
{
	uint32		word = *bit / 32;
	uint32		bits;

	if (word >= area->nbits / 32)
		return false;
	bits = collected[word] >> (*bit % 32);
	if (bits != 0)
	{
		*bit += pg_rightmost_one_pos32(bits);
		return true;
	}
	while (++word < area->nbits / 32)
		if (collected[word] != 0)
		{
			*bit = word * 32 + pg_rightmost_one_pos32(collected[word]);
			return true;
		}
	return false;
}

void
st_wake_arm(Oid source)
{
	uint32		bit;

	if (slot == NULL)
		return;
	bit = bit_of(source);
	pg_atomic_fetch_or_u32(armed_word(bit), (uint32) 1 << (bit % 32));
}

bool
st_wake_is_due(void)
{
	pg_memory_barrier();
	if (slot == NULL || pg_atomic_read_u32(&slot->any_dirty) == 0)
		return false;
	for (uint32 word = 0; word < area->nbits / 32; word++)
		if (pg_atomic_read_u32(&slot->words[word]) & pg_atomic_read_u32(&slot->words[area->nbits / 32 + word]))
			return true;
	return false;
}

uint64
st_wake_generation(void)
{
	return slot ? pg_atomic_read_u64(&slot->generation) : 0;
}

bool
st_wake_take_prepared(void)
{
	return slot == NULL || pg_atomic_exchange_u32(&slot->prepared, 0) != 0;
}

/* ----- workers ----- */

int
st_wake_count_workers(void)
{
	return area ? (int) pg_atomic_read_u32(&area->workers) : 0;
}

static void
leave_workers(int code, Datum arg)
{
	pg_atomic_fetch_sub_u32(&area->workers, 1);
}

bool
st_wake_join_workers(int limit)
{
	uint32		present;

	/* this process has no database yet, and so no slot */
	if (area == NULL)
		(void) attach();
	if (area == NULL)
		return true;
	present = pg_atomic_read_u32(&area->workers);
	do
	{
		if (present >= (uint32) limit)
			return false;
	} while (!pg_atomic_compare_exchange_u32(&area->workers, &present, present + 1));
	before_shmem_exit(leave_workers, (Datum) 0);
	return true;
}

void
st_wake_publish_jobs(uint32 handle)
{
	if (slot)
		pg_atomic_write_u32(&slot->jobs, handle);
}

uint32
st_wake_jobs(void)
{
	return attach() ? pg_atomic_read_u32(&slot->jobs) : 0;
}

/* ----- the launcher ----- */

bool
st_wake_become_launcher(void)
{
	if (area == NULL)
		(void) attach();
	if (area == NULL || !become(&area->launcher, &area->launcher_pid))
		return false;
	before_shmem_exit(resign_at_exit, (Datum) 0);
	return true;
}

int
st_wake_launcher_pid(void)
{
	(void) attach();
	return area ? (int) pg_atomic_read_u32(&area->launcher_pid) : 0;
}

uint32
st_wake_requests(Oid database)
{
	WakeSlot   *other = find_slot(database);

	return other ? pg_atomic_read_u32(&other->requested) : 0;
}

void
st_wake_take_requests(Oid database)
{
	WakeSlot   *other = find_slot(database);

	if (other)
		pg_atomic_write_u32(&other->requested, 0);
}

bool
st_wake_take_any_request(void)
{
	return pg_atomic_exchange_u32(&area->requested, 0) != 0;
}

bool
st_wake_has_place(Oid database)
{
	return area && find_slot(database) != NULL;
}

bool
st_wake_take_homeless(void)
{
	return pg_atomic_exchange_u32(&area->homeless, 0) != 0;
}

StWakeRest
st_wake_resting(Oid database, int64 *next)
{
	WakeSlot   *other;

	(void) attach();
	other = area ? find_slot(database) : NULL;
	*next = other ? (int64) pg_atomic_read_u64(&other->next) : 0;
	return other ? pg_atomic_read_u32(&other->resting) : ST_REST_NOT;
}

void
st_wake_note_crowded(bool crowded)
{
	pg_atomic_write_u32(&area->crowded, crowded);
}

bool
st_wake_is_crowded(void)
{
	return area && pg_atomic_read_u32(&area->crowded) != 0;
}

void
st_wake_note_empty(void)
{
	if (area == NULL)
		(void) st_shared_area_attach(&shared);
	for (int i = 0; area && i < EMPTY_DATABASES; i++)
	{
		uint32		nobody = 0;

		if (pg_atomic_compare_exchange_u32(&area->empty[i], &nobody, MyDatabaseId))
			return;
	}
}

bool
st_wake_take_empty(Oid database)
{
	bool		result = false;

	for (int i = 0; i < EMPTY_DATABASES; i++)
	{
		uint32		expected = database;

		result |= pg_atomic_compare_exchange_u32(&area->empty[i], &expected, 0);
	}
	return result;
}

void
st_wake_init(void)
{
	RegisterXactCallback(at_transaction, NULL);
	RegisterResourceReleaseCallback(at_release, NULL);
	shared.large = area_size(LARGE_SLOTS, LARGE_BITS);
	shared.small = area_size(SMALL_SLOTS, SMALL_BITS);
	st_shared_area_register(&shared);
}
