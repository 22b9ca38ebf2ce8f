/*-------------------------------------------------------------------------
 *
 * drop.h
 *	  Dropping stream tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_DROP_H
#define ST_API_DROP_H

#include "postgres.h"
#include "nodes/pg_list.h"

/*
 * Drop these stream tables, readers first, with what only they need. 42501
 * unless the current user owns them all; 22023 if another one reads them,
 * unless it goes as well or "cascade" lets it go.
 */
extern void st_drop_stream_tables(List *relids, bool cascade);

#endif							/* ST_API_DROP_H */
