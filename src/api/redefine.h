/*-------------------------------------------------------------------------
 *
 * redefine.h
 *	  Another query for a stream table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_REDEFINE_H
#define ST_API_REDEFINE_H

#include "api/definition.h"

/*
 * Give a stream table another query, and with "mode" another wanted mode, and
 * recompute it. It stays the table that it is: columns are added, dropped and
 * get other types where nothing stands in the way, or 2BP01 and what
 * PostgreSQL raises. The text is analysed as the current user, who may alter
 * the stream table; its rights are those of the owner.
 */
extern void st_redefine(Oid relid, const char *query_text, const char *mode);

/* Lets refreshes bring definitions up to date; from _PG_init only. */
extern void st_redefine_init(void);

/* Sources that a stream table has captured so far, by OID. */
extern List *st_captured_sources(int64 pgt_id);

/* Capture the sources with the rights of the stream table's owner (rule J16). */
extern void st_install_capture_as(StStreamTable *table, StDefinition *definition, Oid owner);

#endif							/* ST_API_REDEFINE_H */
