/*-------------------------------------------------------------------------
 *
 * budget.h
 *	  How long a delta may take to compute (rule K26).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_BUDGET_H
#define ST_REFRESH_BUDGET_H

/* Milliseconds for a delta whose recompute took "full_ms"; 0: without limit, as where that is not known (negative). */
extern int	st_budget_for(double full_ms);

/*
 * What runs from now on is cancelled, with ERRCODE_QUERY_CANCELED, once it has
 * taken "ms". Within a budget another one does not count: the outer one goes
 * on. Returns the level, to end it with.
 */
extern int	st_budget_begin(int ms);

/*
 * No limit any more; nothing happens if it has ended already. To be called on
 * errors, too. Returns whether the budget was spent: an error because of that
 * is the caller's to handle, and no cancel by it is pending.
 */
extern bool st_budget_end(int level);

#endif							/* ST_REFRESH_BUDGET_H */
