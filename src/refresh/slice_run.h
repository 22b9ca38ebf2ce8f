/*-------------------------------------------------------------------------
 *
 * slice_run.h
 *	  The delta of a query that falls into slices (rule E5).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_SLICE_RUN_H
#define ST_REFRESH_SLICE_RUN_H

#include "delta/delta.h"
#include "util/zset.h"
#include "utils/snapshot.h"

/*
 * Evaluate the slices that the inputs, those of the join's leaves, touch.
 * Returns NULL and the delta, which the caller ends; or why it cannot be had
 * or is not worth its cost, and no delta.
 */
extern const char *st_run_slice(StJoinProgram *join, StInput *inputs, Snapshot snapshot, StZset **delta);

#endif							/* ST_REFRESH_SLICE_RUN_H */
