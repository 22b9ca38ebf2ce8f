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
 * Functions that are a share of all rows become expressions over others, and
 * ranks among nothing but peers constants; what is left may have no window any more.
 */
extern void st_replace_shares(Query *query);

/*
 * "upper", a level with nothing but windows and a select list, over the linear
 * "below", which is its only entry: as a state of all rows with their results.
 * NULL: declined.
 */
extern Query *st_window_order(Query *upper, Query *below, BuildContext *build);

#endif							/* ST_QUERY_WINDOW_H */
