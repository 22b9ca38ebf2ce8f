/*-------------------------------------------------------------------------
 *
 * probation.h
 *	  A stream table that crashes the server is found and stopped.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_PROBATION_H
#define ST_SCHEDULE_PROBATION_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* All of these are transactions of their own, flushed when they return. */

/*
 * A scheduler begins. True if the server has crashed under the last one: for a
 * while refreshes run one at a time, each announced. What was announced twice and
 * has not ended is suspended.
 */
extern bool st_probation_begin(void);

/* A scheduler ends in order. */
extern void st_probation_end(void);

/* A refresh of these stream tables (by relation) begins, or has ended in whatever way. */
extern void st_probation_announce(List *relids);
extern void st_probation_revoke(List *relids);

#endif							/* ST_SCHEDULE_PROBATION_H */
