/*-------------------------------------------------------------------------
 *
 * build.h
 *	  What the files that decompose a query share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_BUILD_H
#define ST_QUERY_BUILD_H

#include "query/make.h"
#include "query/query.h"

/* references of a join, and joins, of one query: beyond it planning costs more than it saves */
#define ST_MAX_REFERENCES 64

typedef struct BuildContext
{
	List	   *nodes;			/* of StNode, in the making */
	List	   *joins;			/* of StJoin */
	const char *reason;			/* the first reason that there is no delta
								 * rule */
	int			depth;			/* of st_linearize */
	bool		failed_below;	/* the last level that failed was not the top
								 * one */
	bool		decided;		/* the states are there already */
	List	   *unindexed;		/* of StLookup, see st_lookup_is_indexed() */
} BuildContext;

/* Remember why; the first reason stays. Returns NULL. */
extern void *st_decline(BuildContext *context, const char *reason);

/* The rows around a correlated subquery: of "from", an item of FROM of the first "nentries" entries of "query". */
typedef struct StAskers
{
	Query	   *query;
	Node	   *from;
	int			nentries;
} StAskers;

/*
 * Put WITH queries in the place of their references; false: declined. A
 * recursion that refers to what is around the query needs those who ask.
 */
extern bool st_inline_ctes(Query *query, const StAskers *askers, BuildContext *context);

/* One SELECT with everything below it, in place; NULL: declined. */
extern Query *st_linearize(Query *query, BuildContext *context);

/* Can the changes of this source be captured in whole? False: declined. */
extern bool st_check_relation(RangeTblEntry *rte, BuildContext *context);

/*
 * A copy of the query in which rows as values are written out, column by column
 * (query/whole_row.c); NULL: one cannot be.
 */
extern Query *st_write_out_rows(Query *query);

/* The query in a form that prints as what it means: rows whose columns have names of their own. */
extern Query *st_print_form_of_rows(Query *query);

/* Names of ours for the entries of the range table (rule F2). */
extern void st_replace_aliases(Query *query);

/*
 * FROM becomes a flat list of references: inner joins become conditions of
 * WHERE, subqueries that only filter and project are taken apart, others are
 * linearized. Where more than one reference remains, they become an StJoin,
 * which the query then reads as its only entry. Subqueries in the select list
 * and in HAVING of a query that is going to be grouped stay. False: declined.
 */
extern bool st_flatten_from(Query *query, bool grouped, BuildContext *context);

/* Can this entry of FROM be a reference of a join? False: declined. */
extern bool st_check_reference(RangeTblEntry *rte, BuildContext *context);

/* Decline if a Var is no plain column of its own level, or of one within. */
extern void st_check_columns(Node *node, BuildContext *context);
extern void st_check_range_table(List *rtable, BuildContext *context);

/* Vars of the present level are of the entries numbers[varno] instead. */
extern void st_renumber_entries(Node *node, const int *numbers);
extern void st_renumber_range_table(List *rtable, const int *numbers);

/*
 * Register a join whose inner form is "flat", unless there is one like it.
 * Returns the entry by which it is read; its columns are those of "flat".
 */
extern RangeTblEntry *st_add_join(BuildContext *context, StJoinKind kind, Query *flat);

/* The join that an entry is, or NULL. */
extern StJoin *st_find_join(BuildContext *context, const RangeTblEntry *rte);

/* "flat", a join of two references, as it is written with an operator of this kind. */
extern Query *st_join_print_form(StJoinKind kind, const Query *flat);

/* Does a subquery refer to a query around it? */
extern bool st_is_correlated(Query *subquery);

/*
 * Subqueries in expressions of WHERE and, unless the query is grouped, of the
 * select list become items of FROM. False: declined.
 */
extern bool st_unnest_sublinks(Query *query, bool grouped, BuildContext *context);

/* Outer joins whose missing rows a condition above throws away become inner ones. */
extern void st_reduce_outer_joins(Query *query);

/* Do outer, semi and anti joins in an item of FROM refer to nothing beside it? */
extern bool st_outer_joins_are_closed(Query *query, Node *item);

/* Outer, semi and anti joins of FROM become references. False: declined. */
extern bool st_build_outer_joins(Query *query, BuildContext *context);

/* Complete a node whose block is ready, and register it unless there is one like it. */
extern bool st_finish_node(StNode *node, BuildContext *context);

/* Do two lists of StSortColumn say the same? */
extern bool st_same_order(List *a, List *b);

/* The range table entry of a state, as read by the block above it. */
extern RangeTblEntry *st_make_leaf(StNode *node);

/* DISTINCT: all columns of a linear query are the keys of a state. */
extern Query *st_distinct(Query *query, BuildContext *context);

/* UNION, INTERSECT and EXCEPT, in place; NULL: declined. */
extern Query *st_linearize_set_operation(Query *query, BuildContext *context);

/*
 * WITH RECURSIVE becomes a state; a query that reads it (query/recursive.c).
 * The last "added" columns are not of the user's. NULL: declined.
 */
extern Query *st_recursion(CommonTableExpr *cte, int added, BuildContext *context);

/* One of the two arms of a query's set operation, as a query; a copy. */
extern Query *st_set_operation_arm(Query *query, Node *arm);

/*
 * WITH RECURSIVE .. UNION ALL SELECT DISTINCT becomes, in place, a WITH query of
 * the same rows that does not recurse itself (query/rounds.c). Others stay.
 */
extern void st_spread_rounds(CommonTableExpr *cte);

/*
 * A level with window functions and nothing else above them: neither DISTINCT
 * nor LIMIT (query/window.c). Changes it. NULL: declined.
 */
extern Query *st_window_level(Query *query, BuildContext *context);

/*
 * Does every window of the level have a PARTITION BY, while some function is
 * more than an aggregate of its partition? Then its states would be read whole
 * for what changes in one partition.
 */
extern bool st_windows_are_partitioned(Query *query);

/*
 * A column in the form in which a state holds it: a record, or an array of
 * them, as a bytea (util/stored_row.c), anything else as it is. And back, to a
 * column of this type.
 */
extern bool st_is_record(Oid type);
extern Expr *st_store_record(Expr *column);
extern Expr *st_stored_record(Expr *column, Oid type);

/*
 * What a key that is a row is made of where the query that groups makes it, or
 * the key alone. st_split_rows() does that with the columns of a query, which
 * are keys all, and returns what the query's result is made of, from a relation
 * that has these keys and stored records.
 */
extern List *st_row_keys(Expr *key);
extern List *st_split_rows(Query *query);

/* Has the result such columns? Then a query of the result with each of them stored. */
extern bool st_has_records(Query *query);
extern Query *st_store_records(Query *query);

/* Rows that subqueries in FROM make are made by the query instead, of columns of theirs. In place. */
extern void st_hoist_rows(Query *query);

/* What a query orders by, partitions by or takes DISTINCT ON are columns of rows instead of the rows. */
extern void st_split_row_clauses(Query *query);

/*
 * Are all these, each a record or an array of them at the level of its query,
 * equal if and only if their stored forms are the same bytes? In the terms of
 * the recursion "self", if it is given, that is taken for granted of what it
 * returns itself.
 */
extern bool st_records_are_exact(List *exprs, List *queries, const char *self, BuildContext *build);

/* What is above a grouping, whose keys are the stored forms of these records. */
extern Node *st_read_records_from_keys(Node *node, List *records);

/* Call one of our functions of one argument. */
extern Expr *st_call_own(const char *name, Oid argument_type, Oid type, Expr *argument);

/* ORDER BY, taken out of a query. */
typedef struct StOrder
{
	List	   *order;			/* of SortGroupClause */
	List	   *references;		/* sort group references of the query's
								 * columns */
	List	   *shown;			/* positions of the result's columns */
} StOrder;

/* Columns that only order, or only are keys of DISTINCT ON, become columns like any other. */
extern void st_take_order(Query *query, StOrder *order);

/* The column of the query that a clause names, 1-based, as a Var of the level above, and in a list. */
extern int	st_ordered_position(StOrder *order, SortGroupClause *clause);
extern Var *st_ordered_var(Query *query, int position);
extern List *st_add_ordered_column(List *columns, Query *query, int position, char *name);

/*
 * Complete a node over the linear query "query" whose block has these columns,
 * to which those of the order are added; "targets" are read of it. NULL: declined.
 */
extern Query *st_ordered_rows(Query *query, StOrder *order, StNode *node, List *columns, List *targets,
							  BuildContext *context);

/* DISTINCT ON, taken out of a query. */
typedef struct StFirstRows
{
	List	   *keys;			/* of SortGroupClause */
	StOrder		order;
} StFirstRows;

/*
 * Take DISTINCT ON out: columns that only order are columns like any other.
 * Then, of the linear query with these columns, the first row of each key.
 */
extern StFirstRows *st_take_distinct_on(Query *query);
extern Query *st_first_rows(Query *query, StFirstRows *first, BuildContext *context);

/* Do equal values of a linear query's column (0-based) look alike (rule A3)? */
extern bool st_column_is_exact(Query *query, int column);

/* LIMIT and OFFSET, taken out of a query. */
typedef struct StTop
{
	int64		limit;			/* -1: all */
	int64		offset;
	bool		ties;
	bool		numbered;		/* rows are to be numbered, not kept */
	Node	   *limit_expr;		/* what is no constant: instead of both; or
								 * NULL */
	Node	   *offset_expr;
	StOrder		order;
} StTop;

/*
 * Take LIMIT out (NULL: declined): columns that only order are columns like any
 * other. Then, of the linear query with these columns, its first rows; or, if
 * "numbered", of the query with these columns another one, not linear yet, that
 * says the same without LIMIT; if there are columns "each", 1-based, for every
 * combination of these.
 */
extern StTop *st_take_limit(Query *query, BuildContext *context);
extern Query *st_number_rows(Query *query, StTop *top, List *each);

/* LIMIT alone, without the order. NULL: declined. */
extern StTop *st_read_limit(Query *query, BuildContext *context);

/* With what is no constant as two more columns of the query, which is not linear yet. */
extern Query *st_add_limits(Query *query, StTop *top);
extern Query *st_top_rows(Query *query, StTop *top, BuildContext *context);

/* A query for each grouping set, without any; NIL: declined. */
extern List *st_expand_grouping_sets(Query *query, BuildContext *context);

/*
 * A query that groups becomes one that does not, over a subquery that does:
 * subqueries, windows, DISTINCT, ORDER BY and LIMIT stay above. False: it has
 * subqueries in aggregates or keys of grouping sets, and is as it was.
 */
extern bool st_stand_on_groups(Query *query);

/*
 * A column of an arm, 0-based, as a set operation has it: of the only entry of
 * the query that reads the arm, as generate_setop_tlist of the planner.
 */
extern Expr *st_coerced_column(Query *arm, int column, Oid type, Oid collation);

/* Queries with the same columns, one behind the other. */
extern Query *st_union_all(List *queries);

/*
 * A grouped query becomes a grouping over a subquery that holds its FROM, its
 * WHERE and the subqueries in keys and in arguments of aggregates. NULL: it is
 * none, or has grouping sets and no subquery in a key or an argument; it may be changed.
 */
extern Query *st_split_grouping(Query *query, BuildContext *context);

/* Replace columns of the grouping's own entry (18) by what they stand for. */
extern void st_flatten_grouping(Query *query);

/* Replace columns of joins, as those of USING, by what they stand for. */
extern void st_flatten_join_columns(Query *query);

/* Register a join, or find its equal, and make a query that reads all its columns. */
extern Query *st_read_join(StJoin *join, BuildContext *context);

/* When a query becomes a slice. */
typedef enum StSliceDemand
{
	ST_SLICE_ANYHOW,			/* if any key cuts it */
	ST_SLICE_INDEXED,			/* if nothing but touched keys is read, and
								 * few rows of each */
	ST_SLICE_REPEATED			/* and it reads a relation so often that
								 * slices are better than terms */
} StSliceDemand;

/* Does an aggregate's result depend on the set of its inputs, of these types, only? */
extern bool st_aggregate_is_determined(Oid function, List *types, Oid collation);

/* A query as a slice (query/slice.c); changes it. NULL: declined. */
extern Query *st_slice(Query *query, StSliceDemand demand, BuildContext *context);

/* Have equal values of the type, or of the expression, one image (rule A3)? */
extern bool st_type_is_exact(Oid type, int32 typmod, Oid collation);
extern bool st_key_is_exact(Node *key, List *rtable);

/*
 * An expression that tells images of equal values apart; the other one is NULL
 * if they are all alike. NULL itself may look as an empty value does.
 */
extern Node *st_make_image(Node *expr);
extern Node *st_image_of(Node *expr, List *rtable);

#endif							/* ST_QUERY_BUILD_H */
