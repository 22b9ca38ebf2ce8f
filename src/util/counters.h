/*-------------------------------------------------------------------------
 *
 * counters.h
 *	  What has happened in the whole server since its start.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_COUNTERS_H
#define ST_UTIL_COUNTERS_H

#include "postgres.h"

typedef enum StCounter
{
	ST_COUNT_ENTRY_FOUND,		/* what a session knows of a stream table was
								 * there */
	ST_COUNT_ENTRY_MADE,		/* it was not, and was made */
	ST_COUNT_ENTRY_REMOVED,		/* thrown away for lack of room, or on demand */
	ST_COUNT_ENTRIES_CLEARED,	/* times all sessions were told to do so */
	ST_COUNT_DELTA,				/* a stream table followed its changes */
	ST_COUNT_DELTA_NETTED,		/* and these were more than what they came to */
	ST_NCOUNTERS
} StCounter;

/*
 * Add to a counter; read it. Cheap and without locks, never raise. Where there
 * is no room in shared memory, each session counts for itself.
 */
extern void st_count(StCounter counter, uint64 n);
extern uint64 st_counted(StCounter counter);

/* Once, from _PG_init. */
extern void st_counters_init(void);

#endif							/* ST_UTIL_COUNTERS_H */
