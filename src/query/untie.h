/*-------------------------------------------------------------------------
 *
 * untie.h
 *	  Correlated set operations and recursions, over their domain.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_UNTIE_H
#define ST_QUERY_UNTIE_H

#include "query/domain.h"

/*
 * Make a correlated set operation, in place, one of all values of its domain at
 * once. Returns the resnos of the domain's columns.
 */
extern List *st_combine_over_domain(Query *query, const StDomain *domain);

/* LIMIT of a set operation, with its order, becomes that of a query that reads it. Changes the query. */
extern void st_limit_above(Query *query);

/*
 * Make the recursion of a WITH query that is correlated, in place, one for all
 * values of its domain at once: it gets that many columns more. "read", which
 * reads all columns of the recursion, then becomes a query of those that were
 * there before, for the values asked with.
 */
extern StDomain *st_untie_recursion(const StAskers *askers, CommonTableExpr *cte, BuildContext *build);
extern void st_tie_recursion(const StAskers *askers, const StDomain *domain, Query *read);

/*
 * The entry of FROM that is the recursion of this name itself, or holds it ("inside"); 0:
 * none, or not where rows are taken as they are.
 */
extern int	st_find_self(Query *query, const char *name, bool *inside);

#endif							/* ST_QUERY_UNTIE_H */
