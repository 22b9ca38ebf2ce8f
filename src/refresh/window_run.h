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

#endif							/* ST_REFRESH_WINDOW_RUN_H */
