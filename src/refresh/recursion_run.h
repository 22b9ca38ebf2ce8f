/*-------------------------------------------------------------------------
 *
 * recursion_run.h
 *	  Bringing the state of a WITH RECURSIVE up to date (rule E12).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_RECURSION_RUN_H
#define ST_REFRESH_RECURSION_RUN_H

#include "refresh/run.h"

/*
 * Apply the change of one recursion to its state, and add it to "result", which
 * has begun. False: "inconsistent", or run->failure says why.
 */
extern bool st_run_recursion(StRun *run, int ordinal, StWeightedStore *result);

#endif							/* ST_REFRESH_RECURSION_RUN_H */
