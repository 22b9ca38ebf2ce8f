/*-------------------------------------------------------------------------
 *
 * refuse.h
 *	  What plain DDL may not do to a stream table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_REFUSE_H
#define ST_API_REFUSE_H

#include "postgres.h"
#include "nodes/pg_list.h"

/*
 * From now on DDL of this session that would give a stream table rows past its
 * guard, or other columns than its query's, raises 0A000 (rules G4, J30). From
 * _PG_init only.
 */
extern void st_refuse_init(void);

/* ALTER TABLE of a stream table's columns on our own behalf, as the current user: AlterTableCmds. */
extern void st_alter_columns(Oid relid, List *commands);

#endif							/* ST_API_REFUSE_H */
