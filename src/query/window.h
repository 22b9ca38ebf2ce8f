/*-------------------------------------------------------------------------
 *
 * window.h
 *	  What the files that take window functions apart share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_WINDOW_H
#define ST_QUERY_WINDOW_H

#include "query/build.h"

/*
 * "upper", a level with nothing but windows and a select list, over the linear
 * "below", which is its only entry: as a state of all rows with their results.
 * NULL: declined, as where a change may change a function of every row.
 */
extern Query *st_window_order(Query *upper, Query *below, BuildContext *build);

#endif							/* ST_QUERY_WINDOW_H */
