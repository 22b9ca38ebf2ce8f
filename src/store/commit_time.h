/*-------------------------------------------------------------------------
 *
 * commit_time.h
 *	  When transactions that appended to change logs have committed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_STORE_COMMIT_TIME_H
#define ST_STORE_COMMIT_TIME_H

#include "postgres.h"

#include "access/transam.h"
#include "datatype/timestamp.h"

/* This transaction appends to a log: remember when it commits. Never raises. */
extern void st_commit_time_note(void);

/*
 * When the transaction has committed; DT_NOBEGIN if that is not known: it
 * was prepared, or too many others have committed since.
 */
extern TimestampTz st_commit_time_of(FullTransactionId xid);

/* From _PG_init. */
extern void st_commit_time_init(void);

#endif							/* ST_STORE_COMMIT_TIME_H */
