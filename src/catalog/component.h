/*-------------------------------------------------------------------------
 *
 * component.h
 *	  Stream tables that read each other in a circle.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_CATALOG_COMPONENT_H
#define ST_CATALOG_COMPONENT_H

#include "postgres.h"
#include "nodes/pg_list.h"

/*
 * The stream tables (OIDs) that would read "relid", and be read by it, if it read
 * "sources": itself first, and NIL if there is no such circle. *path: those of one
 * circle, in the order in which each reads the next, from relid to relid.
 */
extern List *st_component_find(Oid relid, List *sources, List **path);

/* The members (OIDs, by pgt_id) of the component of this number. */
extern List *st_component_members(int component);

/*
 * After a stream table has got other sources, or has gone: number the component
 * that it is in now, and what is left of the one that it was in (0: none). The
 * dependencies are written; relid is InvalidOid if it has gone.
 */
extern void st_components_renew(int component, Oid relid);

#endif							/* ST_CATALOG_COMPONENT_H */
