/*-------------------------------------------------------------------------
 *
 * delta.h
 *	  From the nodes of a query to the statements that maintain them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_DELTA_DELTA_H
#define ST_DELTA_DELTA_H

#include "postgres.h"
#include "access/tupdesc.h"

#include "query/query.h"
#include "util/statement.h"

/* A leaf of a block: a source or a state; its delta is an input of that name. */
typedef struct StLeaf
{
	Oid			source;			/* or InvalidOid */
	int			node;			/* ordinal of the state, if source is invalid */
	const char *input;			/* name of the ephemeral relation */
	TupleDesc	desc;			/* its columns, the weight last */
} StLeaf;

/* The statements of a block: its whole contents, and its delta. */
typedef struct StBlockProgram
{
	List	   *leaves;			/* of StLeaf, in the order of the delta's inputs */
	StStatement *fill;
	StStatement *delta;
} StBlockProgram;

/*
 * The statements of a state node. "fill" returns state rows. "delta" returns,
 * for every group that the leaves' deltas touch: (present bool, recompute
 * bool, old state columns, new state columns). "recompute" reads the groups'
 * keys from the input ST_GROUPS_INPUT and returns their state rows.
 */
typedef struct StNodeProgram
{
	StNode	   *node;
	Oid			state;
	TupleDesc	desc;			/* state columns: keys, row count, the rest */
	TupleDesc	key_desc;		/* of ST_GROUPS_INPUT */
	StBlockProgram block;
	StStatement *recompute;
} StNodeProgram;

typedef struct StProgram
{
	StTree	   *tree;
	int			nnodes;
	StNodeProgram *nodes;		/* inputs first */
	StBlockProgram final;		/* delta: result columns and the weight */
	List	   *sources;		/* of StSource, each once, by OID */
} StProgram;

#define ST_GROUPS_INPUT "__pgt_g"
#define ST_WEIGHT_COLUMN "__pgt_w"

/* Layout of a node's state table; allocated in CurrentMemoryContext. */
extern TupleDesc st_state_desc(StNode *node);

/* The sources of a tree with the columns that it reads of each. */
extern List *st_tree_sources(StTree *tree);

/*
 * Build and analyse every statement; "states" holds the OID of each node's
 * state table. Lives in "context". The caller has set the pinned search_path
 * and holds locks on all relations.
 */
extern StProgram *st_program_create(MemoryContext context, StTree *tree, const Oid *states);

#endif							/* ST_DELTA_DELTA_H */
