/*-------------------------------------------------------------------------
 *
 * window.h
 *	  Text of the statements that keep window functions over all rows of a block.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_DELTA_WINDOW_H
#define ST_DELTA_WINDOW_H

#include "access/tupdesc.h"
#include "lib/stringinfo.h"

#include "delta/delta.h"

/* SELECT of state rows from __pgt_in, which holds the block's columns. */
extern void st_window_print_fill(StringInfo sql, StNode *node);

/* What becomes of a row of the state. */
#define ST_WINDOW_LEAVES	(-1)
#define ST_WINDOW_AMISS		0	/* it should leave and is not there */
#define ST_WINDOW_COMES		1
#define ST_WINDOW_STAYS		2	/* with other results */
#define ST_WINDOW_MANY		3	/* no row: so many would be computed again
								 * that the rest means nothing */

/*
 * An input of the delta beside its leaves, of one row of one column: how many
 * rows of a window are too many to be computed again; NULL: none are.
 */
#define ST_WINDOW_LIMIT_INPUT "__pgt_limit"

extern TupleDesc st_window_limit_desc(void);

/* The columns before those of the row in what the delta returns. */
#define ST_WINDOW_ROW		2

/*
 * More WITH queries and a SELECT, from a weighted __pgt_in and the state, of
 * (what becomes of it, ctid, columns of the row, old results, new results).
 * What does not apply is NULL.
 */
extern void st_window_print_delta(StringInfo sql, StNode *node, Oid state);

#endif							/* ST_DELTA_WINDOW_H */
