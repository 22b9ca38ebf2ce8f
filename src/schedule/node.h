/*-------------------------------------------------------------------------
 *
 * node.h
 *	  The stream tables as the scheduler sees them: what they read, when they
 *	  are due, and what has happened to them.
 *
 *	  All of it lives in the scheduler's memory; what must survive it is in the
 *	  catalog. Times are microseconds of a clock that nobody sets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_NODE_H
#define ST_SCHEDULE_NODE_H

#include "postgres.h"

#include "lib/pairingheap.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"

#include "schedule/timing.h"

/* Not before the end of time. */
#define ST_NEVER PG_INT64_MAX

/* so long after its last try may what its own errors have suspended be tried again */
#define ST_PROBE_DELAY (60 * 60 * USECS_PER_SEC)

typedef struct StScheduled
{
	int64		pgt_id;
	Oid			relid;
	char	   *schema;
	char	   *name;
	StTiming	timing;
	int64		interval;		/* effective: microseconds, tier included; 0
								 * for cron */
	int64		longest;		/* interval that the service level allows */
	bool		captured;		/* it reads change logs */
	bool		polls;			/* and something of which no commit tells */
	bool		clocked;		/* its rows come and go with time */
	bool		quiet;			/* no NOTIFY: pooler compatibility */
	bool		runnable;		/* neither suspended nor in error nor frozen
								 * nor paused */
	bool		failed_before;	/* suspended or in error, by its own error */
	List	   *reads;			/* OIDs of what it reads */
	List	   *upstream;		/* of StScheduled: those of them that are
								 * stream tables */
	List	   *readers;		/* of StScheduled: those that read it */
	int			component;		/* of those that read each other: its number;
								 * 0: none */
	List	   *circle;			/* of StScheduled: its members, this one too */
	int			unranked;		/* upstreams without a rank, while ranks are
								 * given */
	int			least_rank;		/* after those that have one, likewise */
	uint64		visited;		/* by the walk of this number, see graph.c */
	uint64		blocked;		/* in the round of this number: something
								 * above it is refreshed */
	Bitmapset  *sources;		/* positions in StSchedule.sources, of what
								 * all of its upstreams read too */
	int			rank;			/* greater than that of any upstream */
	bool		atomic;			/* a diamond that ends here is refreshed as a
								 * whole */
	bool		slowest;		/* and when all of it is due */
	bool		joint;			/* one does */
	int			position;		/* in StSchedule.sources */
	int			number;			/* while units are looked for */
	int			order;			/* of its unit: greater than that of any it
								 * reads from */
	struct StUnit *unit;		/* what it is refreshed together with; NULL:
								 * nothing */

	/* kept when the catalog is read again */
	bool		pending;		/* something may have changed since its last
								 * refresh began */
	int64		pending_since;
	int64		turn;			/* it is pending because the scheduler has
								 * begun, and not due before this; 0:
								 * something has happened since */
	int64		last_start;		/* 0: none since the scheduler began */
	int64		last_end;
	TimestampTz last_fire;		/* of a cron expression, that was followed */
	TimestampTz fire_after;		/* "next_fire" is the first after this time:
								 * finding it is dear */
	TimestampTz next_fire;
	TimestampTz last_refresh;	/* as the catalog says */
	int			failures;		/* in a row, of any kind */
	bool		alerted;		/* of the present row of failures */
	int64		not_before;		/* backing off */
	int			stretch;		/* factor of auto_backoff: 1, 2, 4, 8 */
	bool		running;		/* in a worker, as its own job or along with
								 * one */
	int			worker;			/* that has refreshed it last */
	int			cancels;		/* in a row, for those who waited */
	int64		locked_since;	/* others refresh it, or what it reads; 0:
								 * they do not */
	bool		told_locked;	/* those who watch know of it */
	TimestampTz due_since;		/* it waits for a worker; 0: it does not */
	bool		blown;			/* its fuse has suspended it */
	bool		frozen;			/* its tier is */
	int64		blown_since;
	int64		reminded;		/* when they were told last who watch */
	int64		warned_sla;		/* likewise, that a service level is in danger */
	bool		told_stale;		/* they know of this row of late refreshes */
	bool		told_slow;
	bool		held;			/* until the graph's generation changes */
	char	   *hold_reason;	/* as recorded; NULL: it was refreshed since */
	double		took;			/* milliseconds of its last refresh that did
								 * something */
	uint64		marked;			/* by the walk of this number, see node.c */

	/* of queue.c */
	pairingheap_node place;
	int64		look_at;		/* not before */
	bool		queued;
	bool		touched;
	bool		waiting;		/* it is due */
	bool		listed;			/* among those that are, or were */
	int64		cut;			/* since then it waits for others that are
								 * refreshed before it; 0: it does not */
} StScheduled;

typedef struct StSchedule
{
	MemoryContext context;
	List	   *nodes;			/* of StScheduled, by rank */
	HTAB	   *by_relation;	/* the same by their OIDs */
	List	   *sources;		/* OIDs of all that is read */
	List	  **readers;		/* of StScheduled, parallel: those that read
								 * it themselves */
	HTAB	   *positions;		/* in the list, by their OIDs */
	HTAB	   *by_bit;			/* the same by what commits tell of them */
	Bitmapset  *captured;		/* positions of those that a captured node
								 * reads, however far up */
	uint64		generation;		/* of what was read */

	/* of check.c */
	char	  **generations;	/* of each source's capture, at the last look;
								 * NULL: none yet */
	uint64		checked;		/* counter of changes of relations when all
								 * sources were begun to be looked at */
	int			left;			/* of those, how many are still to be */
	int			next;			/* after this one */
} StSchedule;

/* What takes long is done again after so many times as long. */
#define ST_LEISURE 10

/* Microseconds of the monotonic clock. */
extern int64 st_now(void);

/*
 * Read the catalog within a transaction; what is known of nodes that are still
 * there is kept from "old", which is freed. Everything else is pending.
 */
extern StSchedule *st_schedule_read(StSchedule *old);

/* Mark what the commits may have changed that st_wake_collect() has found last. */
extern void st_schedule_mark_touched(StSchedule *schedule);
extern void st_schedule_mark_all(StSchedule *schedule);

/* Something has changed that this one reads: mark it, and what reads it, however far up. */
extern void st_schedule_mark_node(StScheduled *node);

/* The same for all that read the source at this position. */
extern void st_schedule_mark_readers(StSchedule *schedule, int source);

/* The position of a source; -1: nothing reads it. */
extern int	st_schedule_source(StSchedule *schedule, Oid relid);

/* When the node is to be refreshed; ST_NEVER: when a commit says so. */
extern int64 st_scheduled_due(StScheduled *node);

/* The same as if something had changed. */
extern int64 st_scheduled_due_pending(StScheduled *node);

/* Do they read each other (rule K9)? */
extern bool st_scheduled_same_component(const StScheduled *node, const StScheduled *other);

/* Does a commit make it due at once? */
extern bool st_scheduled_follows_commits(StScheduled *node);

/* For list_sort(): upstreams first, of equals the one that was created last. */
extern int	st_scheduled_by_rank(const ListCell *a, const ListCell *b);

extern StScheduled *st_schedule_find(StSchedule *schedule, Oid relid);

#endif							/* ST_SCHEDULE_NODE_H */
