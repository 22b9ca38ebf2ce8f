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

/*
 * --- writers; none of these raises, waits or does anything without the area ---
 */

/* This transaction appends to the source's log. */
extern void st_wake_note_source(Oid source);

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
 * Stop being it because there is nothing to do: the launcher starts another
 * when a commit asks for one. False if a commit came since the generation was
 * read and st_wake_collect() was called.
 */
extern bool st_wake_rest(uint64 generation);

/* The process that commits of this database wake, or 0. */
extern int	st_wake_scheduler_pid(Oid database);

/*
 * Has a commit since the last st_wake_collect() touched the source?
 * st_wake_collect() takes what is there, in one go; false: nothing.
 */
extern bool st_wake_collect(void);
extern bool st_wake_was_touched(Oid source);

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

/* How many there are, of all databases. */
extern int	st_wake_count_workers(void);

/* Be one of them, until the end of the process; false: there are as many as there may be. */
extern bool st_wake_join_workers(int limit);

/*
 * --- the launcher ---
 */

/* Become the one who is asked for schedulers; false: another process is it. */
extern bool st_wake_become_launcher(void);
extern int	st_wake_launcher_pid(void);

/* Is a scheduler asked for in this database, or in any? The question is taken. */
extern bool st_wake_take_request(Oid database);
extern bool st_wake_take_any_request(void);

/* Has the last scheduler of the database ended because there was nothing to do? Said once. */
extern bool st_wake_take_rest(Oid database);

/* Ask for a scheduler of this database, now. */
extern void st_wake_request_scheduler(void);

/* From _PG_init. */
extern void st_wake_init(void);

#endif							/* ST_STORE_WAKE_H */
