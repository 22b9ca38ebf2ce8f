/*-------------------------------------------------------------------------
 *
 * timing.h
 *	  Schedules: reading durations and cron expressions, and when they fire.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_TIMING_H
#define ST_SCHEDULE_TIMING_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "pgtime.h"

typedef enum StTimingKind
{
	ST_TIMING_CALCULATED,		/* as often as those that read it */
	ST_TIMING_EVERY,
	ST_TIMING_CRON
} StTimingKind;

typedef struct StTiming
{
	StTimingKind kind;
	int64		every;			/* seconds */
	/* cron: sets of values, one bit each */
	uint64		seconds;
	uint64		minutes;
	uint64		hours;
	uint64		days;
	uint64		months;			/* 1 to 12 */
	uint64		weekdays;		/* 0 is Sunday */
	bool		every_hour;		/* the field begins with a star */
	bool		every_day;
	bool		every_weekday;
	pg_tz	   *zone;
} StTiming;

/*
 * Check a schedule as users give it: 22023 if it is none. Returns what is
 * stored, NULL for "calculated".
 */
extern char *st_parse_schedule(const char *schedule);

/*
 * Seconds of concatenated number and unit pairs, without blanks, or of
 * "on commit", which is 1; else returns what is wrong with them.
 */
extern const char *st_timing_duration(const char *schedule, int64 *seconds);

/* Read a stored schedule. */
extern void st_timing_parse(const char *schedule, StTiming *timing);

/* The first time after "after" that a cron expression fires; infinity: never. */
extern TimestampTz st_timing_next(const StTiming *timing, TimestampTz after);

#endif							/* ST_SCHEDULE_TIMING_H */
