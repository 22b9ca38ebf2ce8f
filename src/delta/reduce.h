/*-------------------------------------------------------------------------
 *
 * reduce.h
 *	  Which unchanged references of a join restrict one changed one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_DELTA_REDUCE_H
#define ST_DELTA_REDUCE_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"

/*
 * Per reference (0-based), those that are attached to it (by position in the
 * range table, from 1) if the ones in "changed" (0-based) have changed; NULL
 * for one that has not.
 */
extern Bitmapset **st_attached_references(Query *join, const Bitmapset *changed);

#endif							/* ST_DELTA_REDUCE_H */
