/*-------------------------------------------------------------------------
 *
 * aside.h
 *	  A stream table whose columns change is computed aside (rule J26).
 *
 *	  Its readers go on meanwhile. While a relation stands aside it is the stream
 *	  table to this transaction, whose refresh then fills it; the rows go from
 *	  there to the table, which is locked for that only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_ASIDE_H
#define ST_API_ASIDE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "refresh/refresh.h"

/*
 * Is it a table of which that can be done? "columns" (attribute numbers) go or
 * change; with "emptied" its rows are not to be compared with the present ones. Where something
 * stands in the way that PostgreSQL is to name, the answer is no, so that it does so at once.
 */
extern bool st_aside_is_possible(const StStreamTable *table, List *columns, bool emptied);

/* An empty relation with the table's columns, by the same numbers. */
extern Oid	st_aside_create(const StStreamTable *table);

/* From now on this is the stream table to this transaction. */
extern void st_aside_set(const StStreamTable *table, Oid relid);

/*
 * Make the table hold the rows of the relation that stood aside, and drop that.
 * The table is locked and has its columns; "empty": and no rows.
 */
extern void st_aside_end(const StStreamTable *table, Oid aside, bool empty);

#endif							/* ST_API_ASIDE_H */
