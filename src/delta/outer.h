/*-------------------------------------------------------------------------
 *
 * outer.h
 *	  The deltas of outer, semi and anti joins.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_DELTA_OUTER_H
#define ST_DELTA_OUTER_H

#include "lib/stringinfo.h"

#include "delta/delta.h"

/*
 * Add the terms that an outer join has beside those of its inner join, or those
 * of a semi or anti join, when the references in "changed" (0-based) have
 * changed.
 */
extern void st_outer_print_terms(StringInfo terms, const StProgram *program, const StJoin *join, const Bitmapset *changed);

#endif							/* ST_DELTA_OUTER_H */
