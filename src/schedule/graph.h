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
 * Begin a round of asking for what can be refreshed at this time (st_now()).
 * Within it, what has begun has not ended: who was found to wait for it is not
 * looked at again.
 */
extern void st_graph_begin_round(int64 now);

/*
 * What is refreshed along with *node, by rank: the other members of its unit
 * and the pending stream tables above them, with all of their units. If they are
 * more than a transaction has room for, or are expected to take long, *node
 * becomes one above it that is refreshed before it. Returns false if one of them
 * is being refreshed, or waits after a failure.
 */
extern bool st_graph_collect(StScheduled **node, List **along);

#endif							/* ST_SCHEDULE_GRAPH_H */
