/*-------------------------------------------------------------------------
 *
 * queue.h
 *	  Which stream tables are due, and when the next one is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_QUEUE_H
#define ST_SCHEDULE_QUEUE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "schedule/node.h"

/* Look at all of them again: the schedule is another one, or a setting is. */
extern void st_queue_reset(StSchedule *schedule);

/*
 * Something about it has changed by which it may be due earlier, or be woken by
 * commits again. What makes it due later need not be told: who is about to refresh it
 * asks when it is due.
 */
extern void st_queue_touch(StScheduled *node);

/*
 * Those that are due at this time by both clocks and not at work, of units the
 * one that stands for it, in no order that matters; the caller may put them into
 * another one. Each has "due_since" until it is not due any more. Valid until the next
 * call of any of these.
 */
extern List *st_queue_due(int64 now, TimestampTz time);

/* The same as at the last call; some may be at work since. */
extern List *st_queue_waiting(void);

/*
 * Arm what commits tell, and say when something is due that they do not. Nothing
 * that was due then counts.
 */
extern int64 st_queue_prepare_sleep(StSchedule *schedule);

#endif							/* ST_SCHEDULE_QUEUE_H */
