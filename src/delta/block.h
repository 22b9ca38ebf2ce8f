/*-------------------------------------------------------------------------
 *
 * block.h
 *	  Printing linear blocks: over their sources, and over deltas.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_DELTA_BLOCK_H
#define ST_DELTA_BLOCK_H

#include "lib/stringinfo.h"

#include "delta/delta.h"

/* Add the leaves of a block, or of one entry, to a list: each input once. */
extern List *st_block_leaves(Query *block, const StProgram *program, List *leaves);
extern List *st_entry_leaves(RangeTblEntry *rte, const StProgram *program, List *leaves);
extern StLeaf *st_source_leaf(const StProgram *program, Oid relid);

/* What the program reads of a source; raises if it is none. */
extern const StSource *st_program_source(const StProgram *program, Oid relid);

/* Columns c<attnum> of the wanted attributes, with the source's types. */
extern TupleDesc st_source_desc(Oid relid, const Bitmapset *attnums, bool weighted);

/* A join's columns and the weight. */
extern TupleDesc st_join_input_desc(StJoin *join);

/* The states that a block reads, through joins as well. */
extern Bitmapset *st_block_states(Query *block);

/* Has the state one row, whatever its sources hold? */
extern bool st_node_is_one_row(const StNode *node);

/*
 * The block, or a query over its leaves, as it reads them; states under their
 * leaf names, and those of one row as subqueries for each of their values.
 */
extern char *st_block_print(const StProgram *program, Query *block);

/* The block with every leaf replaced by its delta, the weight as last column. */
extern char *st_block_print_delta(Query *block);

/* An entry becomes its delta, in place; the number of its column that is the weight. */
extern AttrNumber st_weigh_entry(RangeTblEntry *rte);

/* A relation becomes an ephemeral one of that name, with columns c1.., in place. */
extern void st_read_as(RangeTblEntry *rte, char *name);

/* Text that goes behind WITH and names states, or their deltas; ends in a comma. */
extern void st_block_print_states(StringInfo sql, const StProgram *program, const Bitmapset *states);
extern void st_block_print_state_deltas(StringInfo sql, const StProgram *program, List *leaves);

#endif							/* ST_DELTA_BLOCK_H */
