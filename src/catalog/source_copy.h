/*-------------------------------------------------------------------------
 *
 * source_copy.h
 *	  Copies of foreign tables and materialized views, in the catalog.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_CATALOG_SOURCE_COPY_H
#define ST_CATALOG_SOURCE_COPY_H

#include "postgres.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"

typedef struct StSourceCopy
{
	Oid			relid;			/* the copy: a column for each of the
								 * source's, at the same place */
	Oid			source;
	Oid			reader;			/* the role as which the source is read */
	Bitmapset  *attnums;		/* columns that are copied, others are NULL */
	bool		filled;
} StSourceCopy;

/* By the copy's OID; NULL if it is none. Not under the user's snapshot. */
extern StSourceCopy *st_source_copy_get(Oid relid);

/* All of one role's copies of a source, the oldest first; of StSourceCopy. */
extern List *st_source_copy_find(Oid source, Oid reader);

/* OIDs of copies that no stream table reads. */
extern List *st_source_copy_unused(void);

extern void st_source_copy_insert(const StSourceCopy *copy);
extern void st_source_copy_delete(Oid relid);

/* Write "attnums" and "filled". */
extern void st_source_copy_update(const StSourceCopy *copy);

#endif							/* ST_CATALOG_SOURCE_COPY_H */
