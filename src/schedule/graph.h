/*-------------------------------------------------------------------------
 *
 * graph.h
 *	  What is refreshed together with a stream table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_GRAPH_H
#define ST_SCHEDULE_GRAPH_H

#include "schedule/node.h"

/*
 * Begin a round of asking for what can be refreshed. Within it, what has begun
 * has not ended: who was found to wait for it is not looked at again.
 */
extern void st_graph_begin_round(void);

/*
 * The pending stream tables above *node, in the order of their ranks, "most" of
 * them at the most: *node becomes the one that can be refreshed with these, if
 * there are more. Returns false if one of all that are above is being refreshed.
 */
extern bool st_graph_collect(StScheduled **node, int most, List **stale);

#endif							/* ST_SCHEDULE_GRAPH_H */
