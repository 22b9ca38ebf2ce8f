/*-------------------------------------------------------------------------
 *
 * unnest.h
 *	  What the files that take subqueries out of expressions share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_UNNEST_H
#define ST_QUERY_UNNEST_H

#include "query/build.h"

typedef struct UnnestContext
{
	BuildContext *build;
	Query	   *query;
	Node	   *from;			/* FROM with what was joined to it so far */
	Node	   *asking;			/* FROM as it was, and of how many entries it
								 * is */
	int			nentries;
	List	   *replaced;		/* entries that are read no more: numbers, */
	List	   *replaced_entries;	/* the entries as they were, */
	List	   *replacements;	/* and what their columns are: lists of
								 * TargetEntry */
} UnnestContext;

/* Neither groups nor combines nor limits: rows of FROM that pass WHERE. */
extern bool st_is_plain(Query *query);

/* Is its result one row, whatever it reads? */
extern bool st_is_one_row(Query *query);

/*
 * Conditions that correlate a plain subquery, which is not taken apart as it is
 * and going to be entry "varno", move out of it. Returns them.
 */
extern List *st_extract_correlation(Query *subquery, int varno);

/*
 * A correlated aggregate: its rows are grouped by what the correlation compares,
 * and the values for no rows stand in where no group is found. Returns what its
 * columns are outside; NIL: declined.
 */
extern List *st_join_groups(UnnestContext *context, Query *subquery);

/* LATERAL subqueries below an item of FROM become ones that are joined. */
extern void st_join_laterals(UnnestContext *context, Node **place);

/*
 * Do the FROM and the WHERE of a subquery take its place (from.c), where
 * "nullable" says that an outer join puts NULL for its columns? Not if they hold
 * LATERAL subqueries that have to become joins first.
 */
extern bool st_is_taken_apart(Query *subquery, bool nullable);

/* SELECT .. FROM (subquery) WHERE quals; what it selects is for the caller to add. */
extern Query *st_make_wrapper(Query *subquery, Node *quals);

/* The value of a scalar subquery, as a column of what is joined. NULL: declined. */
extern Node *st_join_scalar(UnnestContext *context, Query *subquery);

/* Whether a subquery has rows, as an expression over what is joined. NULL: declined. */
extern Node *st_join_exists(UnnestContext *context, Query *subquery);

/* The truth value of x op ANY or ALL (subquery), likewise (rule E4). NULL: declined. */
extern Node *st_join_comparison(UnnestContext *context, SubLink *sublink);

/* A comparison with a subquery, whose Params become what its columns are. */
extern Node *st_replace_params(Node *test, List *columns);

/* Both of what is true and what follows, as a list in WHERE. */
extern Node *st_add_conditions(Node *quals, List *more);

extern Node *st_make_null_test(Node *expr, NullTestType type);
extern Node *st_make_boolean_test(Node *expr, BoolTestType type);

/*
 * Correlated aggregates of a query get those conditions of its WHERE that leave
 * out groups which nobody asks for.
 */
extern void st_restrict_subqueries(Query *query);

/* "count > 0" */
extern Node *st_make_positive(Node *count);

#endif							/* ST_QUERY_UNNEST_H */
