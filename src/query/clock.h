/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  Comparisons with now().
 *
 *	  Private to the rooms query and delta.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_CLOCK_H
#define ST_QUERY_CLOCK_H

#include "query/build.h"

/* A function that says what time it is: now() and those that follow from it. */
extern bool st_is_clock(Node *node);

/* Is there one in an expression or query, at any level? */
extern bool st_reads_clock(Node *node);

/* The same with pgtrickle.clock_before() in the place of now(); a copy. */
extern Node *st_clock_before(Node *node);

/*
 * Comparisons of one reference's columns with now() become columns of a
 * reference, which is a join of kind ST_JOIN_CLOCK. Changes the query, whose
 * subqueries are linear. False: declined.
 */
extern bool st_build_clocks(Query *query, BuildContext *context);

/* Decline if now() is left anywhere else. */
extern void st_check_clocks(Query *final, BuildContext *context);

/*
 * A condition on the rows of the reference of a join of kind ST_JOIN_CLOCK that
 * holds wherever one of its comparisons is not what it was; over varno 1.
 */
extern Node *st_clock_condition(const StJoin *join);

/*
 * A comparison of such a join, to find out when it next has another answer: when
 * the bound, here that of pgtrickle.clock_before(), reaches the least of the
 * values beyond it, which "rows" returns.
 */
typedef struct StClockEvent
{
	Query	   *rows;
	Oid			type;			/* of v */
	int32		typmod;
	Oid			collation;
	Oid			operator;		/* v <= bound */
	Node	   *bound;
} StClockEvent;

extern List *st_clock_events(const StJoin *join);

/* The columns of the reference (varno 1) that it compares with now() as they are. */
extern List *st_clock_columns(const StJoin *join);

#endif							/* ST_QUERY_CLOCK_H */
