/*-------------------------------------------------------------------------
 *
 * wait_event.c
 *	  What our processes wait for, as pg_stat_activity shows it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/wait_event.h"

#include "compat.h"
#include "util/wait_event.h"

static const char *const names[] = {
	[ST_WAIT_LAUNCHER] = "PgTrickleLauncher",
	[ST_WAIT_SCHEDULER] = "PgTrickleScheduler",
	[ST_WAIT_WORKER] = "PgTrickleWorker",
	[ST_WAIT_INSTALLER] = "PgTrickleInstaller",
	[ST_WAIT_WRITERS] = "PgTrickleWriters"
};

uint32
st_wait_event(StWaitEvent event)
{
	static uint32 numbers[lengthof(names)];

	/* the server hands out the same number for a name each time */
	if (numbers[event] == 0)
		numbers[event] = ST_NEW_WAIT_EVENT(names[event]);
	return numbers[event];
}
