/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  What now() was when a stream table was refreshed last.
 *
 * Statements that find the rows for which time has made a difference compare
 * with now() and with what it was (rule E15). A function, not a parameter, so
 * that the planner can ask it when it estimates how many rows there are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/timestamp.h"

#include "util/clock.h"

PG_FUNCTION_INFO_V1(st_sql_clock_before);

/* 0 outside of refreshes */
static TimestampTz clock_before = 0;

TimestampTz
st_clock_set_before(TimestampTz before)
{
	TimestampTz previous = clock_before;

	clock_before = before;
	return previous;
}

/* clock_before() returns timestamptz */
Datum
st_sql_clock_before(PG_FUNCTION_ARGS)
{
	if (clock_before == 0)
		PG_RETURN_TIMESTAMPTZ(GetCurrentTransactionStartTimestamp());
	PG_RETURN_TIMESTAMPTZ(clock_before);
}
