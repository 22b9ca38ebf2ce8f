/*-------------------------------------------------------------------------
 *
 * internal_table.h
 *	  Tables of the engine's own: states.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_CATALOG_INTERNAL_TABLE_H
#define ST_CATALOG_INTERNAL_TABLE_H

#include "postgres.h"
#include "access/tupdesc.h"

/*
 * Create a table in schema pgtrickle_changes, owned by the extension's owner
 * and a member of it, without a utility statement (rules B17, J5, J18).
 */
extern Oid	st_internal_table_create(const char *name, TupleDesc desc);

#endif							/* ST_CATALOG_INTERNAL_TABLE_H */
