/*-------------------------------------------------------------------------
 *
 * inheritors.h
 *	  The tables below a table, as the catalog tells while others change it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_INHERITORS_H
#define ST_UTIL_INHERITORS_H

#include "postgres.h"
#include "nodes/pg_list.h"

/* Is the relation in the catalog, as far as this session has heard? */
extern bool st_relation_exists(Oid relid);

/*
 * The table and what inherits from it, partitions included, directly or not,
 * parents before children; OIDs in memory of the caller. Takes no lock: what is
 * dropped meanwhile is left out, and NIL stands for a table that has gone.
 */
extern List *st_inheritors(Oid relid);

#endif							/* ST_UTIL_INHERITORS_H */
