/*-------------------------------------------------------------------------
 *
 * watch.h
 *	  What those who watch are told of, now and then, and no refresh tells.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_WATCH_H
#define ST_SCHEDULE_WATCH_H

#include "postgres.h"

#include "schedule/node.h"
#include "schedule/worker.h"

/* A refresh of the node has ended well; "run" says what it did. Told with the next look, if it is worth it. */
extern void st_watch_refreshed(StScheduled *node, const StJobNode *run);

/*
 * Look, if it is time to. Does not raise. The caller is outside of any
 * transaction, and calls this about once a second.
 */
extern void st_watch_look(StSchedule *schedule);

#endif							/* ST_SCHEDULE_WATCH_H */
