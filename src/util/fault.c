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
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "util/fault.h"

#ifdef ST_FAULT_POINTS

PG_FUNCTION_INFO_V1(st_sql_fault_spi);

static char *fault = NULL;
static char *library = NULL;
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

const char *
st_fault_library(void)
{
	return library;
}

void
st_fault_stop(const char *name)
{
	static bool stopped = false;

	passed = true;
	if (!st_fault_is(name) || (stopped && st_fault_is("once")))
		return;
	stopped = true;
	/* is sent at once */
	ereport(NOTICE, (errmsg_internal("stopping at \"%s\"", name + strlen("stop "))));
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

/*
 * For the test of rule B18: run a statement through SPI with a row limit, as a
 * caller in C may. Tests declare it as fault_spi(text, bigint) RETURNS bigint.
 */
Datum
st_sql_fault_spi(PG_FUNCTION_ARGS)
{
	uint64		processed;

	SPI_connect();
	if (SPI_execute(text_to_cstring(PG_GETARG_TEXT_PP(0)), false, PG_GETARG_INT64(1)) < 0)
		elog(ERROR, "SPI_execute failed");
	processed = SPI_processed;
	SPI_finish();
	PG_RETURN_INT64(processed);
}

void
st_fault_init(void)
{
	DefineCustomStringVariable("pg_trickle.fault",
							   "Breaks rules or stops the process on purpose, for tests.", NULL,
							   &fault, "", PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("pg_trickle.fault_library",
							   "File of the library with fault points.", NULL,
							   &library, "pg_trickle", PGC_SUSET, 0, NULL, NULL, NULL);
	RegisterXactCallback(at_transaction, NULL);
}

#endif
