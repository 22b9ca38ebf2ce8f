/*-------------------------------------------------------------------------
 *
 * lineage.h
 *	  Which columns of relations a query uses.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_LINEAGE_H
#define ST_API_LINEAGE_H

#include "postgres.h"
#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"

/*
 * Attribute numbers of the columns of a relation that a rewritten query uses
 * anywhere; all that there are if it uses a whole row.
 */
extern Bitmapset *st_query_columns_of(Query *query, Oid relid);

#endif							/* ST_API_LINEAGE_H */
