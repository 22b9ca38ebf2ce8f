/*-------------------------------------------------------------------------
 *
 * source_ddl.h
 *	  DDL on what stream tables read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_SOURCE_DDL_H
#define ST_API_SOURCE_DDL_H

#include "postgres.h"
#include "nodes/nodes.h"

/*
 * While pg_trickle.block_source_ddl is on, ALTER TABLE of this session that
 * drops a column which a stream table uses, or gives it another type, raises
 * 55006 (deviation I2). From _PG_init only.
 */
extern void st_source_ddl_init(void);

/* A command begins, as the event triggers on ddl_command_start see it. */
extern void st_source_ddl_begin(Node *statement);

/*
 * It has ended: the stream tables that use what it has made or altered will be
 * refreshed, which tells whether that concerns them. From an event trigger on
 * ddl_command_end only.
 */
extern void st_source_ddl_end(void);

#endif							/* ST_API_SOURCE_DDL_H */
