/*-------------------------------------------------------------------------
 *
 * restore.h
 *	  Stream tables after a dump was restored or the server upgraded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_RESTORE_H
#define ST_API_RESTORE_H

#include "postgres.h"

/*
 * Make sure that dumps of this database end in a call of ours (rule J4). From
 * whoever creates a stream table. May wait for another session that does.
 */
extern void st_restore_prepare(void);

/*
 * If the database has come from another cluster, by pg_upgrade, make its stream
 * tables good for this one (rule J3). Does nothing in a transaction that cannot
 * write. Cheap if there is nothing to do.
 */
extern void st_restore_if_moved(void);

/*
 * Bring gates, watermarks and watermark groups back of the sources that a
 * restore has brought. Raises only the user's cancel: what cannot be is noted
 * as the problem of its row, with a WARNING.
 */
extern void st_restore_sources(void);

/* As st_attempt(), for a part of a restore; but what ends the whole is raised: the user's cancel. */
extern ErrorData *st_restore_attempt(bool (*part) (void *arg), void *arg);

#endif							/* ST_API_RESTORE_H */
