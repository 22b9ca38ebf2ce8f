/*-------------------------------------------------------------------------
 *
 * node_run.h
 *	  Maintaining one stream table with its states under a given snapshot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_NODE_RUN_H
#define ST_REFRESH_NODE_RUN_H

#include "portability/instr_time.h"

#include "refresh/refresh.h"
#include "store/store.h"

/* The delta of one source: what an entry's blocks read under its input name. */
typedef struct StSourceDelta
{
	Oid			relid;
	StFrontier *frontier;
	StLogProbe *probe;
	Tuplestorestate *rows;		/* columns, then the weight */
	TupleDesc	desc;
	int64		count;
} StSourceDelta;

/*
 * Evaluate and apply. Returns NULL, or why that cannot be: "inconsistent" if a
 * row was not where it must be (rule A4). The caller then rolls back and
 * recomputes. Runs as the owner.
 */
extern const char *st_run_differential(StEntry *entry, int nsources, StSourceDelta *sources,
									   Snapshot snapshot, StRefreshOutcome *outcome);

/* Compute everything and apply the difference; "empty": the table has no rows. */
extern void st_run_full(StEntry *entry, bool empty, Snapshot snapshot, StRefreshOutcome *outcome);

/* The rows of another relation with the same columns, instead of the query's. */
extern void st_run_take_over(StEntry *entry, Oid from, bool empty, Snapshot snapshot, StRefreshOutcome *outcome);

/* Note a step of the run for the log, if it is wanted: what, rows, milliseconds. */
extern void st_note_step(StRefreshOutcome *outcome, const char *format,...) __attribute__((format(printf, 2, 3)));

/* Milliseconds since an earlier reading of the clock. */
extern double st_elapsed_ms(instr_time since);

#endif							/* ST_REFRESH_NODE_RUN_H */
