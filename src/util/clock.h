/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  What now() was when a stream table was refreshed last.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_CLOCK_H
#define ST_UTIL_CLOCK_H

#include "postgres.h"
#include "datatype/timestamp.h"

/*
 * What pgtrickle.clock_before() answers from here on. Returns what it answered
 * before, which the caller puts back, after an error too: refreshes nest.
 */
extern TimestampTz st_clock_set_before(TimestampTz before);

#endif							/* ST_UTIL_CLOCK_H */
