/*-------------------------------------------------------------------------
 *
 * tally.h
 *	  What the scheduler's refreshes leave in the history and in the totals
 *	  (rule K23).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_TALLY_H
#define ST_SCHEDULE_TALLY_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "schedule/node.h"
#include "schedule/worker.h"

/*
 * May a refresh of these, of StScheduled, leave rows in the history? There is a budget
 * for all, which what comes after a failure or a hold does not ask for.
 */
extern bool st_tally_wants_rows(StScheduled *node, List *along);

/* Count what has been done, and what was left out with a row in the history. */
extern void st_tally_refreshed(StScheduled *node, const StJobNode *run);
extern void st_tally_failed(StScheduled *node);
extern void st_tally_skipped(StScheduled *node);

/*
 * Write what is to be written by now, or all of it, and prune the history. Does not raise;
 * what cannot be written is kept. Outside of any transaction.
 */
extern void st_tally_write(StSchedule *schedule, bool all);

#endif							/* ST_SCHEDULE_TALLY_H */
