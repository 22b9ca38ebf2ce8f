/*-------------------------------------------------------------------------
 *
 * history.h
 *	  The record of past refreshes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_CATALOG_HISTORY_H
#define ST_CATALOG_HISTORY_H

#include "postgres.h"

/*
 * Now and then, and not in every refresh, delete what is too old or too much
 * of a stream table's history; refresh_id is the number of its newest run. The
 * caller is connected to SPI and holds the node's lock.
 */
extern void st_history_prune(int64 pgt_id, int64 refresh_id);

#endif							/* ST_CATALOG_HISTORY_H */
