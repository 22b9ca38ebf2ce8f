/*-------------------------------------------------------------------------
 *
 * poll.h
 *	  Sources whose changes nobody tells: foreign tables, materialized views.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_POLL_H
#define ST_REFRESH_POLL_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* Does the query read foreign tables or materialized views? */
extern bool st_query_polls(Query *query);

/*
 * Why they cannot be followed through copies, or may not; NULL if all of them
 * can, or there is none.
 */
extern const char *st_poll_refused(Query *query);

/*
 * A copy of the query that reads the copies instead. NULL if one of them is
 * missing: "reader" is the role as which the query runs.
 */
extern Query *st_poll_replaced(Query *query, Oid reader, const List *copies);

/* One that reads the sources as if they were tables, which is good for deciding only. */
extern Query *st_poll_pretended(Query *query);

/*
 * The copies for a query of "reader": OIDs, sorted, each once. Those that are
 * there and fit are used, and get the columns that they lack; others are made,
 * empty. None of them can be dropped or written by others until the end of the
 * transaction.
 */
extern List *st_poll_prepare(Query *query, Oid reader);

/*
 * Keep others from writing these copies until the end of the transaction, by
 * OID. Returns false if somebody else does and "wait" is not set.
 */
extern bool st_poll_lock(List *copies, bool wait);

/*
 * Read the sources and apply to their copies what differs. Under a snapshot of
 * its own, or that of the transaction if it keeps one. Errors are those of the
 * sources. The caller has the copies locked and has checked the rights of who
 * reads them.
 */
extern void st_poll(List *copies);

/* Drop the copies that no stream table reads, as far as nobody is using them. */
extern void st_poll_drop_unused(void);

#endif							/* ST_REFRESH_POLL_H */
