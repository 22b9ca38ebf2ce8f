/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  The deltas of references whose rows are compared with now().
 *
 *	  Private to the room delta.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_DELTA_CLOCK_H
#define ST_DELTA_CLOCK_H

#include "lib/stringinfo.h"

#include "delta/delta.h"

/* The terms of the delta of a join of kind ST_JOIN_CLOCK, whose reference has changed or not. */
extern void st_clock_print_terms(StringInfo terms, const StJoin *join, bool changed);

#endif							/* ST_DELTA_CLOCK_H */
