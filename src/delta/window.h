/*-------------------------------------------------------------------------
 *
 * window.h
 *	  Text of the statements that keep window functions over all rows of a block.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_DELTA_WINDOW_H
#define ST_DELTA_WINDOW_H

#include "lib/stringinfo.h"

#include "delta/delta.h"

/* SELECT of state rows from __pgt_in, which holds the block's columns. */
extern void st_window_print_fill(StringInfo sql, StNode *node);

/*
 * More WITH queries and a SELECT, from a weighted __pgt_in and the state, of
 * (weight, state columns): rows that may have changed as they were with -1, as
 * they are with 1, and with 0 a row that should leave and is not there.
 */
extern void st_window_print_delta(StringInfo sql, StNode *node, Oid state);

#endif							/* ST_DELTA_WINDOW_H */
