/*-------------------------------------------------------------------------
 *
 * query.h
 *	  From the text of a defining query to the nodes that maintain it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_QUERY_H
#define ST_QUERY_QUERY_H

#include "postgres.h"
#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"

/* Why a query is refused, or recomputed: one text, shown in four places. */
typedef struct StReason
{
	int			code;			/* SQLSTATE */
	const char *message;		/* of a refusal, in every mode */
	const char *detail;			/* of a refusal, or why there is no delta rule */
	const char *hint;
	int			location;		/* in the query text, -1 unknown */
} StReason;

/* How an aggregate follows a change of its group. */
typedef enum StAggregateStrategy
{
	ST_AGGREGATE_COUNT_ROWS,	/* count(*): the group's row count */
	ST_AGGREGATE_COUNT,			/* count of non-null arguments */
	ST_AGGREGATE_SUM,			/* exact sum and count */
	ST_AGGREGATE_AVG,			/* the same, divided */
	ST_AGGREGATE_VAR_POP,		/* exact sum, sum of squares and count */
	ST_AGGREGATE_VAR_SAMP,
	ST_AGGREGATE_STDDEV_POP,
	ST_AGGREGATE_STDDEV_SAMP,
	ST_AGGREGATE_MIN,			/* compared; when the extreme leaves, an index
								 * or the first values tell the next one, or
								 * the group is looked at */
	ST_AGGREGATE_MAX,
	ST_AGGREGATE_BOOL_AND,		/* counts of non-null and of true */
	ST_AGGREGATE_BOOL_OR,
	ST_AGGREGATE_RECOMPUTE		/* the affected group is computed again */
} StAggregateStrategy;

typedef struct StAggregate
{
	StAggregateStrategy strategy;
	Aggref	   *aggref;			/* over the block's columns (varno 1) */
	Node	   *result;			/* the same, or what JSON_OBJECTAGG and kin
								 * put around it */
	int			argument;		/* block column, FILTER folded in; 0: none */
	bool		track_scale;	/* numeric argument without a constant scale */
} StAggregate;

/* By what the rows of a group are ordered. */
typedef struct StSortColumn
{
	int			argument;		/* block column */
	Oid			record;			/* its type before it was stored as a bytea
								 * (query/record.c), or InvalidOid */
	Oid			operator;		/* < or > of a btree operator family */
	bool		nulls_first;
} StSortColumn;

/* How a window function follows a change. */
typedef enum StWindowKind
{
	ST_WINDOW_NEAR,				/* depends on a few rows around */
	ST_WINDOW_ROW_NUMBER,		/* these run on from what is before */
	ST_WINDOW_RANK,
	ST_WINDOW_DENSE_RANK,
	ST_WINDOW_COUNT,
	ST_WINDOW_SUM,
	ST_WINDOW_MIN,
	ST_WINDOW_MAX,
	ST_WINDOW_FIRST,			/* a value of the first row */
	ST_WINDOW_ANY_NUMBER,		/* any number that no other row has */
	ST_WINDOW_WHOLE				/* depends on the whole partition */
} StWindowKind;

/* Functions of a state of windows that share partition and order. */
typedef struct StWindow
{
	List	   *partition;		/* columns of the state */
	List	   *order;			/* of StSortColumn */
	bool		reversed;		/* rows that the order does not tell apart
								 * stand in the reverse order of their images */
	bool		whole;			/* partitions are computed whole */
	bool		numbered;		/* all rows have numbers, in no order */
	bool		placed;			/* some function tells such rows apart */
	bool		values;			/* reach is counted in values of the order's
								 * first column, not in rows */
	int64		preceding;		/* rows before and behind one that the
								 * functions look at */
	int64		following;
	Const	   *range_preceding;	/* or so far in that column, or NULL */
	Const	   *range_following;
	List	   *functions;		/* positions among the node's results */
	Query	   *query;			/* computes them, in that order, over a
								 * relation of the state's rows with the
								 * number of the partition and the place */
} StWindow;

/*
 * A hidden state: groups of a linear block. The block's columns are the keys
 * k1.. and then the arguments a1.. . DISTINCT is a grouping without aggregates,
 * DISTINCT ON one that keeps a row of each group: v1.. are its first arguments.
 * WITH RECURSIVE is a state of all rows, whose columns are v1.. as well; so are
 * those of windows, with the functions' results behind the arguments.
 * Further up the state is an RTE_CTE named st_node_leaf_name(ordinal), with
 * columns k1.. and v1.. (the aggregates' values).
 */
typedef struct StNode
{
	int			ordinal;		/* 0-based, inputs first */
	Query	   *block;
	int			nkeys;
	int			narguments;
	bool		recompute;		/* some aggregate can only be recomputed */
	bool		inexact_keys;	/* rule A3 */
	bool		shown_by_first; /* of equal keys a row is shown whose first
								 * argument is not NULL, if there is one */
	bool		distinct;
	bool		first;			/* the first row by "order", then by its image */
	List	   *order;			/* of StSortColumn */
	int			nshown;			/* arguments that a first row keeps */
	bool		top;			/* no groups: the first rows by "order", with
								 * "nshown" columns */
	int64		limit;
	int64		offset;
	int			limit_column;	/* of "nshown": all rows have the limit there,
								 * and the offset behind it; 0: as above */
	bool		ties;
	bool	   *key_not_null;
	List	   *aggregates;		/* of StAggregate */
	Query	   *step;			/* of WITH RECURSIVE: reads the state itself;
								 * the block is where it begins */
	bool		all;			/* UNION ALL */
	bool		inexact_rows;	/* UNION shows one of several equal rows that
								 * look different (rule A3) */
	List	   *windows;		/* of StWindow: no groups, but all rows of the
								 * block with what window functions make of
								 * them */
	List	   *results;		/* of WindowFunc, or what is stored of the row
								 * that one returns: what follows the shown
								 * arguments */
	List	   *kinds;			/* of StWindowKind, for each of these */
	List	   *addends;		/* columns that they sum up or compare, or 0 */
	bool		whole;			/* no groups: all rows of the block, computed
								 * again at each change */
	bool		monotone;		/* more rows of what the step reads never take
								 * one of its rows away */
	Bitmapset  *exact_records;	/* of a recursion: columns that hold records
								 * which are equal if they are the same bytes */
} StNode;

typedef enum StJoinKind
{
	ST_JOIN_INNER,				/* of any number of references, also of one */
	ST_JOIN_LEFT,				/* of two references, as the next three */
	ST_JOIN_FULL,
	ST_JOIN_SEMI,				/* rows of the first that match some of the
								 * second */
	ST_JOIN_ANTI,				/* rows of the first that match none */
	ST_JOIN_CLOCK,				/* of one reference, with comparisons with
								 * now() among its columns */
	ST_JOIN_SLICE				/* evaluated for the touched keys */
} StJoinKind;

/*
 * Keys by which parts of a slice are cut. Number 0 is the slice's own key; the
 * keys of another class are the values of a column of the sliced reference
 * "origin", which is of a class before it.
 */
typedef struct StSliceClass
{
	Oid			type;
	Oid			collation;
	int			origin;			/* ordinal of a reference; -1 for number 0 */
	AttrNumber	column;			/* of the origin */
} StSliceClass;

/* A relation that a slice reads for some keys only; st_slice_ordinal() finds it. */
typedef struct StSliceReference
{
	Oid			relid;
	AttrNumber	attnum;			/* the key's column */
	int			number;			/* of the class whose keys these are */
	Node	   *filter;			/* cannot raise: other rows (varno 1) change
								 * nothing; NULL: all may */
	bool		required;		/* no row of the result is without one of it */
	RangeTblEntry *rte;			/* private to the files of query/slice.h */
} StSliceReference;

/*
 * What a block reads as a leaf though it is a query. A join of references is
 * one SELECT of their columns, c1..: "flat" is that of their inner join, with
 * all conditions in WHERE, and "query" says the same as the user did, with LEFT
 * or FULL JOIN, or [NOT] EXISTS. Of a reference whose rows time changes (clock.c) they are the same. A slice is any query that falls into slices by
 * a key. Above it is an RTE_SUBQUERY with this very query, for which
 * st_join_ordinal() gives its number.
 */
typedef struct StJoin
{
	int			ordinal;		/* 0-based, inputs first */
	StJoinKind	kind;
	Query	   *query;
	Query	   *flat;			/* of an inner join or a clock, "query"
								 * itself; of a slice, NULL */
	/* of a slice: */
	List	   *classes;		/* of StSliceClass, by number */
	List	   *sliced;			/* of StSliceReference, by ordinal; origins
								 * first */
	List	   *whole;			/* OIDs of relations that are read whole and
								 * may not change */
} StJoin;

/* A column of a relation by which rows are looked up. */
typedef struct StLookup
{
	Oid			relid;
	AttrNumber	attnum;
} StLookup;

typedef struct StTree
{
	List	   *nodes;			/* of StNode, inputs first */
	List	   *joins;			/* of StJoin, inputs first */
	Query	   *final;			/* linear block over sources and nodes; NULL
								 * if "reason" */
	const char *reason;			/* why the query is recomputed, NULL if
								 * incremental */
	int			nkeys;			/* identity of the result, 0: the row image */
	AttrNumber *keys;			/* result columns (1-based) */
	bool		key_simple;		/* NOT NULL and of fixed length: a unique
								 * index serves */
	List	   *unindexed;		/* of StLookup: states are what they are for
								 * want of an index on these */
} StTree;

/* A source relation and the columns that the query reads of it. */
typedef struct StSource
{
	Oid			relid;
	Bitmapset  *attnums;		/* offset by
								 * FirstLowInvalidHeapAttributeNumber not
								 * applied: plain attnums */
	List	   *wanted;			/* conditions on rows (varno 1) of which any
								 * is of use; NIL: all */
	int			nreferences;	/* in the tree */
	StJoin	   *join;			/* the inner join that has the only one, or
								 * NULL */
	int			varno;			/* of it in the join's flat query */
} StSource;

/*
 * Parse and analyse the text of one SELECT under the present search_path; its
 * views stay what they are. Raises what PostgreSQL raises; 42601 for anything
 * but a SELECT, 42000 for several statements.
 */
extern Query *st_query_parse(const char *text);

/* Expand the views, and put in the policies, of such a query, which is copied. Locks what it reads. */
extern Query *st_query_rewrite(Query *analysed);

/* Both of it. */
extern Query *st_query_analyze(const char *text);

/*
 * The text of a query as st_query_parse() returns it, by the present names:
 * two queries that say the same in different words have the same text. It
 * reads alike under any search_path and settings (rule J11).
 */
extern char *st_query_text(Query *analysed);

/*
 * Raises if the query is refused in every mode, with the place in its text.
 * Notices for what is accepted silently.
 */
extern void st_query_check(Query *query, const char *text);

/* Raises 54000 if the query is larger than pg_trickle.max_parse_depth and kin allow. */
extern void st_query_check_size(Query *query);

/*
 * To be called within ereport(): a cursor at a byte offset of the query's text.
 * None if the text is NULL or the offset -1.
 */
extern int	st_query_errposition(const char *text, int location);

/* Why the query has volatile parts, or NULL. */
extern const char *st_query_volatile(Query *query);

/* Does it call stable functions whose result depends on more than arguments, settings and the time? */
extern bool st_query_stable(Query *query);

/* Does the query ask for the time, by now() or one of those that follow from it? */
extern bool st_query_reads_clock(Query *query);

/*
 * What of the query may make rows go when what it reads gets more of them, or
 * counts them (UNION ALL); NULL: nothing does.
 */
extern const char *st_query_not_monotone(Query *query);

/* The same query as it was at the last refresh; see st_clock_set_before(). */
extern Query *st_query_before(Query *query);

/*
 * Decompose; never raises for a query that PostgreSQL accepts: see reason. The
 * states depend on which indexes there are. When they are there already,
 * "decided" is true and "unindexed" what StTree said when they were made.
 */
extern StTree *st_query_build(Query *query, bool decided, List *unindexed);

/* Columns by which the deltas look up rows of large relations without an index (rule E6): of StLookup. */
extern List *st_tree_index_advice(StTree *tree);

/*
 * Set "wanted" of each source: what no part of the tree has a use for may be
 * dropped from its delta (rule E14). The conditions never raise and depend on
 * nothing but the row. Also set where its references are.
 */
extern void st_tree_filter_sources(StTree *tree, List *sources);

/*
 * What the conditions of a WHERE clause demand of the entry "varno" alone, as a
 * condition on varno 1 that cannot raise; NULL: nothing.
 */
extern Node *st_restriction_on(Node *quals, int varno);

/* Is a condition on columns certain to raise no error, whatever they hold? */
extern bool st_cannot_raise(Node *condition);

/*
 * Is a condition true for every row of a source's delta, which was read under
 * "wanted"? It is over the entry "varno" of its query.
 */
extern bool st_source_ensures(const StSource *source, Node *condition, int varno);

/* All relations read by a rewritten query, views excluded, each once, by OID. */
extern List *st_query_sources(Query *query);

/*
 * Views that the query was expanded from; functions of users that it calls,
 * aggregates with their support functions; enums and row types of users among
 * the types of its expressions. OIDs, sorted.
 */
extern List *st_query_views(Query *query);
extern List *st_query_functions(Query *query);
extern List *st_query_types(Query *query);

/*
 * Text that changes when one of them is replaced (rule E16): OIDs, the raw xmin
 * of views' rules, hashes of what functions do, of labels and attributes.
 * Other names change nothing, but those of labels and attributes do.
 * That of functions holds types too; st_functions_are_same() says whether two
 * differ by types only.
 */
extern char *st_query_views_fingerprint(Query *query);
extern char *st_query_functions_fingerprint(Query *query);
extern bool st_functions_are_same(const char *a, const char *b);

/* The name under which a block reads a state, and back: -1 if it is none. */
extern const char *st_node_leaf_name(int ordinal);
extern int	st_node_leaf_ordinal(const RangeTblEntry *rte);

/* Columns of a state, of types that are small keys, that joins compare by equality. */
extern Bitmapset *st_tree_joined_columns(StTree *tree, int ordinal);

/*
 * The column of the state by which an index finds the rows around a change of a
 * window: the first of its order, or its number, or 0. "shortened": it may
 * be too wide, and the index is on pgtrickle.short_value() of it.
 */
extern AttrNumber st_window_index_column(const StNode *node, const StWindow *window, bool *shortened);

/* The number of the slice's reference that a range table entry is, or -1. */
extern int	st_slice_ordinal(const RangeTblEntry *rte);
extern char *st_slice_input_name(int ordinal);

/* The number of the join that a range table entry is, or -1. */
extern int	st_join_ordinal(const RangeTblEntry *rte);

/*
 * Make rows of an entry (number "varno" of its query) tell themselves apart:
 * Vars of it that no two of its rows share, added to it where they are missing.
 * A state is to show its ctid as ST_IDENTITY_COLUMN. Only for what
 * st_build_outer_joins() lets be the preserved side of a join.
 */
extern List *st_entry_expose_identity(RangeTblEntry *rte, int varno);

#define ST_IDENTITY_COLUMN "__pgt_i"

/* Text of an analysed query, for a search_path of pg_catalog only. */
extern char *st_query_print(Query *query);

#endif							/* ST_QUERY_QUERY_H */
