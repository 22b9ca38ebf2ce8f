/*-------------------------------------------------------------------------
 *
 * written_row.h
 *	  Rows of catalogs between being written and being seen.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_WRITTEN_ROW_H
#define ST_UTIL_WRITTEN_ROW_H

#include "postgres.h"

#include "access/htup.h"
#include "access/skey.h"

/*
 * For object_access_hook, which runs after a catalog's row was written and
 * before the command counter moves: the row as it will be, a copy, or NULL.
 * As it was it is still in the syscache.
 */
extern HeapTuple st_written_row(Oid catalog, Oid index, int nkeys, ScanKey keys);

/* The same by the OID of an object. */
extern HeapTuple st_written_object(Oid catalog, Oid index, AttrNumber oid_column, Oid object);

/* The same for a column. */
extern HeapTuple st_written_column(Oid relid, AttrNumber attnum);

#endif							/* ST_UTIL_WRITTEN_ROW_H */
