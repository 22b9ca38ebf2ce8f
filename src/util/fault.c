/*-------------------------------------------------------------------------
 *
 * fault.c
 *	  The setting that chooses faults and stops; empty in a normal build.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "util/fault.h"

#ifdef ST_FAULT_POINTS

static char *fault = NULL;
static bool passed = false;		/* a stop point, in this transaction */

bool
st_fault_is(const char *name)
{
	const char *entry = fault;
	size_t		length = strlen(name);

	while (entry && *entry)
	{
		entry += strspn(entry, "; ");
		if (strncmp(entry, name, length) == 0 && (entry[length] == ';' || entry[length] == '\0'))
			return true;
		entry = strchr(entry, ';');
	}
	return false;
}

void
st_fault_stop(const char *name)
{
	passed = true;
	if (st_fault_is(name))
		kill(MyProcPid, SIGSTOP);
}

static void
at_transaction(XactEvent event, void *arg)
{
	if (passed && event == XACT_EVENT_PRE_COMMIT)
		ST_STOP_POINT("committing");
	if (passed && event == XACT_EVENT_COMMIT)
		ST_STOP_POINT("committed");
	if (event != XACT_EVENT_PRE_COMMIT)
		passed = false;
}

void
st_fault_init(void)
{
	DefineCustomStringVariable("pg_trickle.fault",
							   "Breaks rules or stops the process on purpose, for tests.", NULL,
							   &fault, "", PGC_USERSET, 0, NULL, NULL, NULL);
	RegisterXactCallback(at_transaction, NULL);
}

#endif
