/*-------------------------------------------------------------------------
 *
 * fault.c
 *	  The setting that chooses a fault; empty in a normal build.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "util/fault.h"

#ifdef ST_FAULT_POINTS

static char *fault = NULL;

bool
st_fault_is(const char *name)
{
	return fault != NULL && strcmp(fault, name) == 0;
}

/* Before st_guc_init(), which reserves the prefix of our settings. */
void
st_fault_init(void)
{
	DefineCustomStringVariable("pg_trickle.fault",
							   "Breaks one rule on purpose, for tests.", NULL,
							   &fault, "", PGC_USERSET, 0, NULL, NULL, NULL);
}

#endif
