/*-------------------------------------------------------------------------
 *
 * top.h
 *	  Text of the statements that keep the first rows of an order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_DELTA_TOP_H
#define ST_DELTA_TOP_H

#include "lib/stringinfo.h"

#include "delta/delta.h"

/* ", alias.<letter><n> USING .." of each column that orders, the first without the comma. */
extern void st_print_order(StringInfo sql, StNode *node, const char *alias, char letter);

/* SELECT of state rows from __pgt_in, which holds the block's columns. */
extern void st_top_print_fill(StringInfo sql, StNode *node);

/*
 * SELECT from a weighted __pgt_in and the state of (weight, state columns):
 * the state's rows as they were with -1, as they are with 1, with 0 a row
 * that should leave and is not there, and with 2, and no row, if too few are left.
 */
extern void st_top_print_delta(StringInfo sql, StNode *node, Oid state);

#endif							/* ST_DELTA_TOP_H */
