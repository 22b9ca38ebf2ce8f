/*-------------------------------------------------------------------------
 *
 * wait_event.h
 *	  What our processes wait for, as pg_stat_activity shows it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_WAIT_EVENT_H
#define ST_UTIL_WAIT_EVENT_H

#include "postgres.h"

typedef enum StWaitEvent
{
	ST_WAIT_LAUNCHER,			/* the launcher: for a database to start a
								 * scheduler in */
	ST_WAIT_SCHEDULER,			/* a scheduler: for a commit, or for what is
								 * due */
	ST_WAIT_WORKER,				/* a worker: for a job */
	ST_WAIT_INSTALLER,			/* who creates a stream table: for the process
								 * that installs capture to start */
	ST_WAIT_WRITERS				/* who installs capture: for the writers of a
								 * source to end */
} StWaitEvent;

/*
 * For WaitLatch(). Below PostgreSQL 17, where extensions cannot name what they
 * wait for, "Extension" for all. May take a lock of shared memory at a process's
 * first call for an event.
 */
extern uint32 st_wait_event(StWaitEvent event);

#endif							/* ST_UTIL_WAIT_EVENT_H */
