/*-------------------------------------------------------------------------
 *
 * domain.h
 *	  The distinct values with which the rows around a correlated subquery ask.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_DOMAIN_H
#define ST_QUERY_DOMAIN_H

#include "query/build.h"

typedef struct StDomain
{
	List	   *parameters;		/* Vars of the query outside that are asked
								 * with */
	List	   *asked;			/* expressions outside, by column: these, and
								 * then the images of some */
	Query	   *query;			/* SELECT DISTINCT of them, c1.. */
} StDomain;

/* Can the type be a key of all that a subquery may do with its rows? */
extern bool st_is_key_type(Oid type);

/*
 * The domain of what "query" refers to outside; that is so many levels below a
 * query directly within that of the askers. NULL: declined.
 */
extern StDomain *st_find_domain(const StAskers *askers, Query *query, Index depth, BuildContext *build);

/* An item of FROM of its own that reads the domain. */
extern RangeTblEntry *st_make_domain_entry(const StDomain *domain);

/*
 * References to what is outside become columns of an entry, "before" columns
 * of which come first. It is an entry of the query "depth" levels above "query",
 * which is the one directly within that of the askers.
 */
extern void st_ask_entry(Query *query, const StDomain *domain, int entry, AttrNumber before, Index depth);

/* The parameter that a column of the domain (0-based) is, or is an image of. */
extern Node *st_domain_column_plain(const StDomain *domain, int column);

/* Is a condition of the query not true where this column of its own is NULL? */
extern bool st_throws_null_away(Query *query, Var *column);

/* "expr = column", null-safe if it has to be. */
extern Node *st_make_domain_tie(Node *expr, Var *column, bool not_null);

#endif							/* ST_QUERY_DOMAIN_H */
