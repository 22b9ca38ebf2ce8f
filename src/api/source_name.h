/*-------------------------------------------------------------------------
 *
 * source_name.h
 *	  Tables that stream tables read, as arguments of SQL functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_SOURCE_NAME_H
#define ST_API_SOURCE_NAME_H

#include "postgres.h"

#include "utils/acl.h"

/*
 * The table of that name, by search_path, with AccessShareLock to the end of
 * the transaction. Errors: 42601/42602 no name, 42P01 unknown, 42809 a view,
 * an index or the like, 42501 unless the current user owns it, or has one of
 * these rights on it.
 */
extern Oid	st_lock_source(text *name, AclMode rights);

/* Raises 42501 unless the current user owns it; what was dropped is everybody's. */
extern void st_require_owner_of_source(Oid relid);

/* schema.table as people write it. */
extern char *st_source_name(Oid relid);

#endif							/* ST_API_SOURCE_NAME_H */
