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
 * and a member of it, without a utility statement (rules B17, J5, J18). Its
 * old rows identify themselves to a publication made later (rule B16).
 */
extern Oid	st_internal_table_create(const char *name, TupleDesc desc);

/*
 * Would a table of the engine's own be sent to subscribers, by a publication
 * FOR ALL TABLES or for our schema? Such tables are made UNLOGGED, which
 * exempts them (rule B16); the first time in a session that is said in a
 * WARNING.
 */
extern bool st_internal_tables_are_published(void);

/* REPLICA IDENTITY FULL, without a utility statement and checks of rights. */
extern void st_set_replica_identity_full(Oid relid);

#endif							/* ST_CATALOG_INTERNAL_TABLE_H */
