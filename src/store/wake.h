/*-------------------------------------------------------------------------
 *
 * wake.h
 *	  What commits tell the scheduler, through shared memory (rules H).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_STORE_WAKE_H
#define ST_STORE_WAKE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "port/atomics.h"

/*
 * --- writers; none of these raises, waits or does anything without the area ---
 */

/* This transaction appends to the source's log. */
extern void st_wake_note_source(Oid source);

/*
 * This transaction alters what a stream table reads from it, or how. The
 * scheduler is told once more when others have been sent the invalidations:
 * told before, as of rows, a refresh may begin with what was cached.
 */
extern void st_wake_note_altered(Oid source);

/* This transaction changes which stream tables there are, or what they are. */
extern void st_wake_note_graph(void);

/*
 * --- the scheduler of this database ---
 */

/* Is the area there? Attaches to it. Without it the scheduler polls. */
extern bool st_wake_attach(void);

/* Random number of this server's run: another one after each start and each crash. 0: no area. */
extern int64 st_wake_incarnation(void);

/*
 * Become the one whose latch commits set, until the end of the process; false:
 * another process is it.
 */
extern bool st_wake_become_scheduler(void);

/*
 * Stop being it because there is nothing that may be refreshed, whatever commits
 * touch: the launcher starts another when the graph changes, and looks again
 * now and then while commits ask. False if the graph has changed since the
 * generation was read.
 */
extern bool st_wake_rest(uint64 generation);

/*
 * Stop being it because nothing has happened for a while: the launcher starts
 * another when a commit asks for one, or at "next", a time of st_now(). Only with
 * a place in the area. False if something has been told that was not collected.
 */
extern bool st_wake_go_idle(uint64 generation, int64 next);

/* The process that commits of this database wake, or 0. */
extern int	st_wake_scheduler_pid(Oid database);

/*
 * Take what commits have touched since the last call, in one go; false: nothing.
 */
extern bool st_wake_collect(void);

/*
 * The bit by which commits tell of the source; others may have the same. The first
 * one from *bit on that st_wake_collect() has found last; false: none.
 */
extern uint32 st_wake_bit(Oid source);
extern bool st_wake_next_touched(uint32 *bit);

/* Let the next commit that touches the source set the latch. */
extern void st_wake_arm(Oid source);

/* Has a commit touched an armed source? A scheduler looks after arming, before it sleeps. */
extern bool st_wake_is_due(void);

/* Changes when a transaction that changed the graph has committed. */
extern uint64 st_wake_generation(void);

/* Was a transaction that touched a source prepared since the last call? */
extern bool st_wake_take_prepared(void);

/*
 * --- workers ---
 */

/*
 * This process refreshes these stream tables in a job of the scheduler, which is
 * told by the job's result what was appended to their logs: most of it was
 * consumed in the same transaction, and wakes nobody (rule H2). *scheduler is 0
 * once it has gone, and then the commit tells as others do; NULL: it is this
 * process. Until st_wake_end_job().
 */
extern void st_wake_begin_job(List *members, pg_atomic_uint32 *scheduler);
extern void st_wake_end_job(void);

/* Has the job appended to this one's log, and not rolled that back? */
extern bool st_wake_job_touched(Oid member);

/* How many there are, of all databases. */
extern int	st_wake_count_workers(void);

/* Be one of them, until the end of the process; false: there are as many as there may be. */
extern bool st_wake_join_workers(int limit);

/* Where those find the jobs of this database's scheduler who want to know; 0: there are none. */
extern void st_wake_publish_jobs(uint32 handle);
extern uint32 st_wake_jobs(void);

/*
 * --- the launcher ---
 */

/* Become the one who is asked for schedulers; false: another process is it. */
extern bool st_wake_become_launcher(void);
extern int	st_wake_launcher_pid(void);

/*
 * Is a scheduler asked for in this database, and why? Bits of StWakeReason, which
 * stay until st_wake_take_requests(), or until there is a scheduler.
 */
typedef enum StWakeReason
{
	ST_WAKE_COMMIT = 1,			/* a source was touched */
	ST_WAKE_GRAPH = 2
} StWakeReason;

extern uint32 st_wake_requests(Oid database);
extern void st_wake_take_requests(Oid database);

/* Is one asked for in any? The question is taken. */
extern bool st_wake_take_any_request(void);

/* Are there commits that can ask for this database? */
extern bool st_wake_has_place(Oid database);

/* Has the graph of some database changed for which nobody can ask? Said once. */
extern bool st_wake_take_homeless(void);

/* Why the last scheduler of a database has ended, if there is none. */
typedef enum StWakeRest
{
	ST_REST_NOT,				/* it has died, or there was none yet */
	ST_REST_NOTHING,			/* nothing may be refreshed */
	ST_REST_IDLE				/* nothing has happened for a while */
} StWakeRest;

/* "next" is what st_wake_go_idle() was told. */
extern StWakeRest st_wake_resting(Oid database, int64 *next);

/* Is there no room for the process that some database needs? The launcher says so. */
extern void st_wake_note_crowded(bool crowded);
extern bool st_wake_is_crowded(void);

/*
 * The database of this process does not have the extension, and needs no place
 * in the area. Told to the launcher once, which takes it.
 */
extern void st_wake_note_empty(void);
extern bool st_wake_take_empty(Oid database);

/* From _PG_init. */
extern void st_wake_init(void);

#endif							/* ST_STORE_WAKE_H */
