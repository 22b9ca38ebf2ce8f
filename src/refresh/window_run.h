/*-------------------------------------------------------------------------
 *
 * window_run.h
 *	  Bringing a state of windows up to date.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_WINDOW_RUN_H
#define ST_REFRESH_WINDOW_RUN_H

#include "refresh/run.h"

/*
 * Compute the delta of a state of all rows with the results of window functions
 * from those of its leaves, apply it, and append it to "result". False:
 * the state does not fit the delta, or run->failure says why there is none.
 */
extern bool st_run_windows(StRun *run, int ordinal, StWeightedStore *result);

/*
 * So many rows of one of its windows that a recompute is cheaper than computing
 * them again; 0: the state is none of windows, or small, or the stream table's
 * user has chosen. May plan the state's query, in the owner's scope.
 */
extern int64 st_windows_limit(StEntry *entry, int ordinal);

#endif							/* ST_REFRESH_WINDOW_RUN_H */
