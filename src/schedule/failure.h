/*-------------------------------------------------------------------------
 *
 * failure.h
 *	  What a failed refresh means for a stream table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_FAILURE_H
#define ST_SCHEDULE_FAILURE_H

#include "postgres.h"

#include "schedule/node.h"
#include "schedule/worker.h"

typedef enum StFailureKind
{
	ST_FAILURE_PASSING,			/* not its own: tried again for ever */
	ST_FAILURE_COUNTED,			/* so many in a row suspend it */
	ST_FAILURE_PERMANENT		/* the query, its data or rights: nothing to
								 * be had by trying again */
} StFailureKind;

extern StFailureKind st_failure_kind(int sqlstate);

/*
 * Remember a failure in memory and, in a transaction of its own, in the
 * catalog and the history; tell those who watch. Does not raise. The caller
 * is outside of any transaction.
 */
extern void st_failure_record(StScheduled *node, const StJobResult *error);

/*
 * Commit; what has been told to those who watch, a status that has "changed", is
 * there after a crash, too (rule K19): refreshes need not be.
 */
extern void st_commit_transition(bool changed);

/* A refresh has ended well. */
extern void st_failure_forget(StScheduled *node);

/*
 * From a PG_CATCH block of the scheduler itself: the error goes to the log, its
 * transaction ends, and the process goes on in "context".
 */
extern void st_failure_log(MemoryContext context);

#endif							/* ST_SCHEDULE_FAILURE_H */
