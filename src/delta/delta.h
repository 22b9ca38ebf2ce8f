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

typedef enum StLeafKind
{
	ST_LEAF_SOURCE,
	ST_LEAF_STATE,
	ST_LEAF_JOIN
} StLeafKind;

/* A leaf of a block; its delta is an input of that name. */
typedef struct StLeaf
{
	StLeafKind	kind;
	Oid			source;			/* of a source */
	int			ordinal;		/* of a state or join */
	const char *input;			/* name of the ephemeral relation */
	TupleDesc	desc;			/* its columns, the weight last */
	const StOrigin *origins;	/* of a source: of its columns */
} StLeaf;

/* The statements of a block: its whole contents, and its delta. */
typedef struct StBlockProgram
{
	List	   *leaves;			/* of StLeaf, in the order of the delta's
								 * inputs */
	StStatement *fill;
	StStatement *delta;
	const AttrNumber *join_columns; /* of the final block, if it does nothing
									 * but take columns of the join that is
									 * its only leaf: which; else NULL */
} StBlockProgram;

/*
 * The statements of a recursion. "step" gives the change of one step for the
 * deltas of its leaves, among which is the state itself. "absent" gives those
 * of the rows in ST_GROUPS_INPUT of which the state has no equal, each once, and
 * "present" those that it has; "derived" equals of them that come about from its
 * rows, each once.
 */
typedef struct StRecursionProgram
{
	StBlockProgram step;
	StStatement *absent;
	StStatement *present;
	StStatement *derived;
} StRecursionProgram;

/*
 * The statements of a state node. "fill" returns state rows. "delta" returns,
 * for every group that the leaves' deltas touch: (present bool, recompute
 * bool, old state columns, new state columns, place of the old row). "recompute" reads the groups'
 * keys from the input ST_GROUPS_INPUT and returns their state rows. The delta of
 * the first rows of an order is (weight, state columns), as src/delta/top.h says.
 */
typedef struct StNodeProgram
{
	StNode	   *node;
	Oid			state;
	TupleDesc	desc;			/* state columns: keys, row count, the rest */
	TupleDesc	key_desc;		/* of ST_GROUPS_INPUT */
	StBlockProgram block;
	StStatement *recompute;
	StRecursionProgram *recursion;	/* of WITH RECURSIVE, or NULL; "block" is
									 * where it begins */
} StNodeProgram;

/*
 * One statement on the way to a join's delta. Its inputs are the join's leaves
 * and, but for the first step, the netted rows of the step before as
 * ST_STEP_INPUT. The last step gives the join's columns and the weight.
 */
typedef struct StJoinStep
{
	StStatement *statement;
	TupleDesc	desc;			/* with the weight */
	TupleDesc	row_desc;		/* without it */
	const StOrigin *origins;	/* of its columns, or NULL */
	bool		net;			/* several terms: rows may be there that never
								 * existed */
} StJoinStep;

/*
 * The delta of a changed reference joined with unchanged ones (src/delta/reduce.h),
 * by its leaves alone; the steps read it as "input".
 */
typedef struct StReduction
{
	int			reference;		/* 0-based */
	Bitmapset  *inside;			/* itself and what is attached, 1-based */
	List	   *columns;		/* Vars of these that it has */
	const char *input;
	StJoinStep *step;
} StReduction;

typedef struct StJoinDelta
{
	Bitmapset  *changed;		/* references, 0-based */
	List	   *reductions;		/* of StReduction; inputs of each step, behind
								 * the leaves */
	List	   *steps;			/* of StJoinStep */
} StJoinDelta;

/*
 * The rows of a relation with given keys that its conditions leave: "fetch"
 * reads them, from the keys in ST_KEYS_INPUT; the slice's query reads them under
 * "input". What has changed among them "changed" finds in the delta of the
 * relation's leaf; its inputs are the leaf and the keys. If the result has no
 * rows without these, "reduce" gives the keys of those that there are
 * (ST_PRESENT_INPUT) or were (ST_BEFORE_INPUT), which are enough; else NULL.
 * "keep" leaves of rows in ST_PRESENT_INPUT those with one of the keys; of a class
 * that the core reduces, else NULL.
 */
typedef struct StSliceFetch
{
	Oid			relid;
	AttrNumber	attnum;
	int			number;			/* of the class whose keys these are */
	int			same_as;		/* an earlier fetch of the same rows, or
								 * itself */
	int			leaf;			/* position of the relation's among the leaves */
	const char *input;
	TupleDesc	desc;
	bool		filtered;
	StStatement *fetch;
	StStatement *lookup;		/* the same, key by key over an index; or NULL */
	StStatement *changed;
	StStatement *reduce;
	StStatement *keep;
} StSliceFetch;

/*
 * One class of keys. "touched" finds those that the deltas of its own relations
 * touch, from the leaves; NULL if it has none. "relevant" does the same, but leaves out
 * rows that find no counterpart in linked relations, those of the leaves "linked",
 * as long as these have not changed. Of a linked class, "climb" leads from its touched
 * keys (ST_KEYS_INPUT) to those of its origin's class, "descend" from the rows of the origin,
 * present (ST_PRESENT_INPUT) and before (ST_BEFORE_INPUT), to all keys that a
 * slice needs. "distinct" leaves each key in ST_KEYS_INPUT once.
 */
typedef struct StSliceKeys
{
	TupleDesc	desc;			/* of ST_KEYS_INPUT */
	int			origin;			/* number of a fetch; -1 for the slice's own
								 * key */
	StStatement *touched;
	StStatement *relevant;		/* or NULL */
	Bitmapset  *linked;			/* positions among the key leaves */
	StStatement *climb;
	StStatement *descend;
	StStatement *distinct;
} StSliceKeys;

/*
 * "core" finds those of the slice's own keys that the result can have, or have had,
 * rows of; its inputs are the key leaves and the present rows of all fetches, of
 * which it reads those of class 0. NULL: all that are fetched can.
 */
typedef struct StSliceProgram
{
	List	   *key_leaves;		/* of StLeaf: of the sliced relations; the
								 * join's first ones */
	int			nclasses;
	StSliceKeys *classes;		/* origins' first */
	int			nfetches;
	StSliceFetch *fetches;		/* origins first */
	StStatement *core;			/* or NULL */
	double		core_left;		/* share of the keys that it left when it ran
								 * last; 0: it has not */
	int			core_spared;	/* runs since then without it */
	StStatement *query;			/* over the inputs of all fetches */
	StStatement *own;			/* the same, but over those of class 0 and the
								 * other relations */
	StStatement *whole;			/* over the relations: what slices must not
								 * cost */
} StSliceProgram;

/* A join's deltas, one for each set of references that has changed so far. */
typedef struct StJoinProgram
{
	StJoin	   *join;
	TupleDesc	desc;			/* the join's columns and the weight */
	List	   *leaves;			/* of StLeaf, of all references */
	TupleDesc	row_desc;		/* without it */
	int			nreferences;
	Bitmapset **reference_leaves;	/* of each reference: positions in
									 * "leaves" */
	List	   *deltas;			/* of StJoinDelta */
	StSliceProgram *slice;		/* of a slice, which has none of these three */
} StJoinProgram;

/*
 * Rows of a source are of use only if another relation has, or had, a row with
 * the same value that its conditions leave: "keys" returns these values, some
 * more than once, or NULL. Its input is the delta of that relation's leaf.
 */
typedef struct StWantedKeys
{
	Node	   *column;			/* of the source (varno 1) */
	Oid			operator;		/* compares it with a key; both hash alike */
	Oid			collation;
	Oid			type;			/* of a key */
	Oid			relid;			/* the other relation */
	StStatement *keys;
} StWantedKeys;

/* What is known of a source's log. */
typedef struct StSourceKeys
{
	bool		made;
	List	   *wanted;			/* of StWantedKeys; any will do */
	double		rows_per_page;	/* that conditions on the row alone left of
								 * it, when much was read last; 0: not known */
} StSourceKeys;

typedef struct StProgram
{
	StTree	   *tree;
	int			nnodes;
	StNodeProgram *nodes;		/* inputs first */
	int			njoins;
	StJoinProgram *joins;		/* inputs first */
	StBlockProgram final;		/* delta: result columns and the weight */
	List	   *sources;		/* of StSource, each once, by OID */
	List	   *source_leaves;	/* of StLeaf, parallel to sources */
	StSourceKeys *source_keys;	/* likewise; see st_source_keys() */
	bool		clocked;		/* time alone may change the result */
	MemoryContext context;
} StProgram;

#define ST_GROUPS_INPUT "__pgt_g"
#define ST_WEIGHT_COLUMN "__pgt_w"
#define ST_STEP_INPUT "__pgt_p"
#define ST_KEYS_INPUT "__pgt_k"
#define ST_PRESENT_INPUT "__pgt_n"
#define ST_BEFORE_INPUT "__pgt_o"

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

/*
 * How to compute a join's delta when exactly the references in "changed"
 * (0-based) have changed; of a clock, also if none has. Made at first use, then
 * kept with the program.
 */
extern StJoinDelta *st_join_delta(StProgram *program, StJoinProgram *join, const Bitmapset *changed);

/*
 * What other relations leave of the n-th source's log (rule E14). Made at first
 * use, then kept with the program; the caller has set the pinned search_path.
 */
extern StSourceKeys *st_source_keys(StProgram *program, int n);

/*
 * Statements for each comparison with now() that a program's rows depend on:
 * "least" returns the least value that a bound has not reached, or no row that
 * is not NULL; it is reached as soon as "operator" says that it is at most
 * "bound", an expression over pgtrickle.clock_before().
 */
typedef struct StClockStatement
{
	StStatement *least;
	Oid			type;			/* of that value */
	int32		typmod;
	Oid			collation;
	Oid			operator;
	Node	   *bound;
} StClockStatement;

extern List *st_clock_statements(MemoryContext context, StProgram *program);

#endif							/* ST_DELTA_DELTA_H */
