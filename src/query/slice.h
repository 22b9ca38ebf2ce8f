/*-------------------------------------------------------------------------
 *
 * slice.h
 *	  What the files that cut queries into slices share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_SLICE_H
#define ST_QUERY_SLICE_H

#include "query/build.h"

/* What is found for one key of the whole. */
typedef struct StSlicing
{
	List	   *classes;		/* of StSliceClass */
	List	   *sliced;			/* of StSliceReference, with "rte" set */
	List	   *whole;			/* of RangeTblEntry */
	int			attempts;
} StSlicing;

/*
 * Names of ours, no columns of joins, orders completed; in place, in all levels.
 * False: declined.
 */
extern bool st_slice_prepare(Query *query, BuildContext *build);

/* Columns of a prepared query by which slices may be tried: a list of Var. */
extern List *st_slice_candidates(Query *query);

/*
 * What the values of "key", one of the candidates, cut of a prepared query;
 * "slicing" is empty before. The references in it point into the query, which
 * is not changed. False: it does not fall into slices, and "slicing" is void.
 */
extern bool st_slice_by(Query *query, const Var *key, StSlicing *slicing);

#endif							/* ST_QUERY_SLICE_H */
