/*-------------------------------------------------------------------------
 *
 * name.h
 *	  Reading the arguments of SQL functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_NAME_H
#define ST_API_NAME_H

#include "postgres.h"
#include "nodes/primnodes.h"
#include "refresh/refresh.h"

/* A name by the server's identifier rules, at most schema.table; 42601/42602. */
extern RangeVar *st_parse_name(text *name);

/* The stream table of that name, by search_path; 42P01. Not locked: it may be dropped any time. */
extern Oid	st_resolve_stream_table(text *name);

/*
 * The same with AccessShareLock, held to the end of the transaction; 42501
 * unless the current user owns it.
 */
extern Oid	st_lock_stream_table(text *name);

/* The same for whoever may see what stream tables say about themselves (st_require_reader). */
extern Oid	st_lock_readable_stream_table(text *name);

/* Raises 42501 unless the current user owns the relation or is a member of its owner. */
extern void st_require_owner(Oid relid);

/*
 * Raises 42501 unless the current user may see what stream tables say about
 * themselves: texts, plans, errors (rule J19).
 */
extern void st_require_reader(Oid relid);
extern bool st_is_reader(Oid relid);

/* Raises 42501 unless the current user owns all stream tables, or is a member of their owners. */
extern void st_require_owner_of_all(void);

/* AUTO, FULL, DIFFERENTIAL or IMMEDIATE in upper case; 22023. */
extern char *st_parse_mode(const char *mode);

/*
 * Raises 25001 in a REPEATABLE READ or SERIALIZABLE transaction that has a
 * snapshot: a commit between that snapshot and new capture triggers would be
 * in neither (rule C7).
 */
extern void st_require_fresh_snapshot(void);

/*
 * The current transaction creates, alters or drops a stream table: it can no
 * longer be prepared for two-phase commit (rule J34).
 */
extern void st_note_lifecycle_call(void);

#endif							/* ST_API_NAME_H */
