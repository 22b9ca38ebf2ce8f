/*-------------------------------------------------------------------------
 *
 * block.h
 *	  Printing linear blocks: over their sources, and over deltas.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_DELTA_BLOCK_H
#define ST_DELTA_BLOCK_H

#include "delta/delta.h"

/* The leaves of a block, in range table order, each once. */
extern List *st_block_leaves(Query *block, const StProgram *program);

/* The block as it reads its leaves; states under their leaf names. */
extern char *st_block_print(Query *block);

/* The block with every leaf replaced by its delta, the weight as last column. */
extern char *st_block_print_delta(Query *block);

/* "WITH ..., " naming the states that the block reads; delta: their deltas. Empty if none. */
extern void st_block_print_states(StringInfo sql, const StProgram *program, List *leaves, bool delta);

#endif							/* ST_DELTA_BLOCK_H */
