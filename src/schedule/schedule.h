/*-------------------------------------------------------------------------
 *
 * schedule.h
 *	  Stream tables that refresh themselves.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_SCHEDULE_H
#define ST_SCHEDULE_SCHEDULE_H

#include "postgres.h"

/* Register the launcher, if the server is just loading the library; from _PG_init. */
extern void st_schedule_init(void);

/*
 * Make sure that the server has a launcher, which then starts a scheduler for
 * this database once this transaction has committed. False if there is
 * none and none can be started: all background workers are taken, say.
 */
extern bool st_launcher_ensure(void);

#endif							/* ST_SCHEDULE_SCHEDULE_H */
