/*-------------------------------------------------------------------------
 *
 * decorrelate.h
 *	  Correlated subqueries become queries of their own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_DECORRELATE_H
#define ST_QUERY_DECORRELATE_H

#include "query/build.h"

/* How a row outside finds the rows of what was its correlated subquery. */
typedef struct StCorrelation
{
	List	   *columns;		/* of the subquery: resnos of those that tie
								 * it */
	List	   *conditions;		/* over them, as columns of entry "varno", and
								 * the query outside */
	AttrNumber	found;			/* one of them that is not NULL in a row that
								 * is found, or 0 */
} StCorrelation;

/* Does an expression refer to a query around its own? */
extern bool st_refers_outside(Node *expr);

/*
 * Do outer joins in a subquery need what is around it, in their conditions or as
 * arguments of functions that they join? Then its items of FROM may not become
 * a nullable side, or the one of a semi join that only filters.
 */
extern bool st_outer_joins_refer_outside(Query *subquery);

/* "inner = outer" of a correlated subquery, by the equality that grouping by inner uses. */
extern bool st_split_equality(Node *condition, Node **inner, Node **outer);

/*
 * Make a subquery, which is going to be entry "varno" of "outside", one that
 * does not refer to it, in place. Rows of "from" ask, an item of FROM of the
 * first "nentries" entries. Its result has columns more, and for each
 * combination of these the rows that the subquery had where they are tied. Of
 * an ungrouped aggregate over no rows there is none. NULL: declined.
 */
extern StCorrelation *st_decorrelate(Query *outside, Node *from, int nentries, Query *subquery,
									 int varno, BuildContext *build);

#endif							/* ST_QUERY_DECORRELATE_H */
