/*-------------------------------------------------------------------------
 *
 * check.h
 *	  Changes of what is read that no commit tells of (rule H6).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_CHECK_H
#define ST_SCHEDULE_CHECK_H

#include "postgres.h"

#include "schedule/node.h"

/*
 * Note what capture of the sources that nobody has looked at yet was like when
 * their readers were refreshed. Within SPI, right after the catalog was read.
 */
extern void st_check_prepare(StSchedule *schedule);

/*
 * Mark what reads a source whose capture, storage or partitions have changed
 * since. Looks at as many as a short time allows: to be called again and again.
 * Outside of any transaction.
 */
extern void st_check_sources(StSchedule *schedule);

#endif							/* ST_SCHEDULE_CHECK_H */
