/*-------------------------------------------------------------------------
 *
 * budget.c
 *	  How long a delta may take to compute (rule K26).
 *
 * NOTES
 *	  A query's conditions may leave nothing of a join whose parts, joined with
 *	  each other alone, are of any size, and the delta joins such parts. The
 *	  planner does not foresee it, since it takes the conditions for
 *	  independent. So the clock decides: what has taken far longer than the
 *	  last recompute is given up.
 *
 *	  The alarm does what a cancel request does. One that comes from a user
 *	  between the alarm and the next check for interrupts is taken for the
 *	  alarm.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/timeout.h"

#include "guc.h"
#include "refresh/budget.h"
#include "util/fault.h"

/* how many times what the last recompute took a delta may take */
#define FULL_FACTOR 4.0

static TimeoutId alarm_id = MAX_TIMEOUTS;
static int	depth = 0;			/* of budgets that have begun */
static bool armed = false;		/* by the outermost */
static volatile sig_atomic_t spent = false;

/* In a signal handler. */
static void
cancel(void)
{
	spent = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

int
st_budget_for(double full_ms)
{
	if (full_ms < 0 || st_guc_min_delta_budget_ms == 0)
		return 0;
	return (int) Min(Max(full_ms * FULL_FACTOR, st_guc_min_delta_budget_ms), (double) PG_INT32_MAX);
}

int
st_budget_begin(int ms)
{
	if (depth == 0 && ms > 0 && !ST_FAULT("K26 budget"))
	{
		if (alarm_id == MAX_TIMEOUTS)
			alarm_id = RegisterTimeout(USER_TIMEOUT, cancel);
		spent = false;
		armed = true;
		enable_timeout_after(alarm_id, ms);
	}
	return depth++;
}

bool
st_budget_end(int level)
{
	bool		result;

	if (depth <= level)
		return false;
	depth = level;
	if (level > 0 || !armed)
		return false;
	disable_timeout(alarm_id, false);
	armed = false;
	result = spent;
	spent = false;
	if (result)
		QueryCancelPending = false;
	return result;
}
