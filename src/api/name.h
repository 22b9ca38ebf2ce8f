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
#include "storage/lockdefs.h"
#include "refresh/refresh.h"

/* A name by the server's identifier rules, at most schema.table; 42601/42602. */
extern RangeVar *st_parse_name(text *name);

/*
 * Whoever claims the name of a stream table that is to be made here waits until
 * the end of our transaction, and sees then what we have made.
 */
extern void st_claim_name(const RangeVar *name);

/*
 * Names of schemas, to the end of the transaction: shared by those whose
 * transactions store queries that say them, exclusively for who renames one and
 * prints again what is stored. Waits; afterwards the present names are seen.
 */
extern void st_lock_schema_names(LOCKMODE mode);
extern void st_unlock_schema_names(LOCKMODE mode);

/* The stream table of that name, by search_path; 42P01. Not locked: it may be dropped any time. */
extern Oid	st_resolve_stream_table(text *name);

/*
 * The same; 42501 unless the current user owns it. Whoever waits for nodes, for
 * what it reads or for its row of the catalog has no lock on it: the one who has
 * those may want it for himself.
 */
extern Oid	st_resolve_own_stream_table(text *name);

/* The same for whoever may see what stream tables say about themselves (st_require_reader). */
extern Oid	st_resolve_readable_stream_table(text *name);

/* The caller's own with AccessShareLock, held to the end of the transaction. */
extern Oid	st_lock_stream_table(text *name);

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
