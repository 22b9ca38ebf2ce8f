/*-------------------------------------------------------------------------
 *
 * aggregate.h
 *	  Text of the statements that keep grouped states.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_DELTA_AGGREGATE_H
#define ST_DELTA_AGGREGATE_H

#include "lib/stringinfo.h"

#include "delta/delta.h"

/* The result columns of a state (k.., v..) over its raw columns of "alias". */
extern void st_state_print_values(StringInfo sql, StNode *node, const char *alias);

/* Does that take more than reading them, divisions of numbers of any length? */
extern bool st_state_computes_values(StNode *node);

/* Are the first values of groups to be followed (util/best_values.c)? By how large groups are, so not always the same. */
extern bool st_state_follows_best(StNode *node, Oid state);

/* SELECT of state rows from __pgt_in, which holds the block's columns; best: with the first values. */
extern void st_state_print_fill(StringInfo sql, StNode *node, bool best);

/* SELECT of touched groups, joined with the state, from a weighted __pgt_in. */
extern void st_state_print_delta(StringInfo sql, StNode *node, Oid state, bool best);

/* Column list of __pgt_in, in parentheses; weighted: with the weight. */
extern void st_state_print_input_columns(StringInfo sql, StNode *node, bool weighted);

#endif							/* ST_DELTA_AGGREGATE_H */
