/*-------------------------------------------------------------------------
 *
 * internal.h
 *	  What launcher and scheduler share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_INTERNAL_H
#define ST_SCHEDULE_INTERNAL_H

#include "postgres.h"

#include "postmaster/bgworker.h"

/* Fill in what all our workers have in common. */
extern void st_worker_describe(BackgroundWorker *worker, const char *kind, const char *function);

/*
 * Does somebody hold or wait for a lock on the database that is not for
 * connections: to drop, rename or copy it (rule K13)? Waits for nobody.
 */
extern bool st_is_database_wanted(Oid database);

extern PGDLLEXPORT void st_launcher_main(Datum argument);
extern PGDLLEXPORT void st_worker_main(Datum argument);

/* argument: the OID of the database */
extern PGDLLEXPORT void st_scheduler_main(Datum argument);

#endif							/* ST_SCHEDULE_INTERNAL_H */
