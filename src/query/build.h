/*-------------------------------------------------------------------------
 *
 * build.h
 *	  What the files that decompose a query share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_BUILD_H
#define ST_QUERY_BUILD_H

#include "query/query.h"

typedef struct BuildContext
{
	List	   *nodes;			/* of StNode, in the making */
	List	   *joins;			/* of StJoin */
	const char *reason;			/* the first reason that there is no delta rule */
} BuildContext;

/* Remember why; the first reason stays. Returns NULL. */
extern void *st_decline(BuildContext *context, const char *reason);

/* Put WITH queries in the place of their references; false: declined. */
extern bool st_inline_ctes(Query *query, BuildContext *context);

/* One SELECT with everything below it, in place; NULL: declined. */
extern Query *st_linearize(Query *query, BuildContext *context);

/* Can the changes of this source be captured in whole? False: declined. */
extern bool st_check_relation(RangeTblEntry *rte, BuildContext *context);

/* Names of ours for the entries of the range table (rule F2). */
extern void st_replace_aliases(Query *query);

/*
 * FROM becomes a flat list of references: inner joins become conditions of
 * WHERE, subqueries that only filter and project are taken apart, others are
 * linearized. Where more than one reference remains, they become an StJoin,
 * which the query then reads as its only entry. False: declined.
 */
extern bool st_flatten_from(Query *query, BuildContext *context);

#endif							/* ST_QUERY_BUILD_H */
