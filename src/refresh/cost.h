/*-------------------------------------------------------------------------
 *
 * cost.h
 *	  Whether a stream table follows the changes or is recomputed, by what both
 *	  have taken so far (rule K26).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_COST_H
#define ST_REFRESH_COST_H

#include "refresh/refresh.h"

/* What is known of the costs of one stream table; see cost.c. */
typedef struct StCosts StCosts;

/*
 * Learn what others have measured since this session's last refresh. The
 * node is locked. To be called before the other functions; does nothing for a
 * stream table whose mode was chosen by its user.
 */
extern void st_costs_begin(StEntry *entry);

/*
 * What of the logs is to be read is so much that a recompute is certain to
 * follow: there is no need to read it. Returns the number of rows that it seems
 * to be, or 0; st_costs_choose() says why if it is asked with these and "ratio".
 * That comes as the greatest one of the pages to the rows of their source, and
 * goes as that of rows.
 */
extern int64 st_costs_foresee(StEntry *entry, int64 pages, double *ratio);

/* Reading so many rows of what is on so many pages has taken longer than the budget. */
extern void st_costs_note_unread(StEntry *entry, int64 rows, int64 pages, double ms);

/* Is it to be recomputed where that is cheaper, and not its user's choice? */
extern bool st_costs_compared(const StEntry *entry);

/* Was a recompute measured, and does that count? */
extern bool st_costs_measured(StEntry *entry);

/* So many rows were on so many pages. */
extern void st_costs_note_read(StEntry *entry, int64 rows, int64 pages);

/*
 * Decide, for a delta of "rows" changed rows, which are "ratio" of those of
 * the source that has changed most. NULL: follow the changes; otherwise why
 * not, for the history. May plan the query: the caller is not in the owner's
 * scope.
 */
extern const char *st_costs_choose(StEntry *entry, int64 rows, double ratio);

/* Milliseconds for reading a log and for the computing of the delta, see st_budget_begin(). */
extern int	st_costs_budget(StEntry *entry);

/* What a delta took; "spent": it was given up because of its budget. */
extern void st_costs_note_delta(StEntry *entry, int64 rows, double ms, bool spent);

/* What a recompute took; "initial": into an empty table, without a comparison. */
extern void st_costs_note_recompute(StEntry *entry, double ms, bool initial);

/* Keep what was noted, if that is due. The caller is connected to SPI. */
extern void st_costs_write(StEntry *entry);

/* Of the query, for the limit max_differential_joins: relations that it reads, but for the first. */
extern int	st_count_joins(Query *query);

#endif							/* ST_REFRESH_COST_H */
