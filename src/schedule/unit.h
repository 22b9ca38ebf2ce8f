/*-------------------------------------------------------------------------
 *
 * unit.h
 *	  Stream tables that are refreshed together or not at all.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_UNIT_H
#define ST_SCHEDULE_UNIT_H

#include "schedule/node.h"

/* More members than that are not kept together: they have to fit into one job. */
#define ST_UNIT_MEMBERS 120

/* Of a diamond, of a refresh group, or of several that have a member in common. */
typedef struct StUnit
{
	List	   *members;		/* of StScheduled, by rank; the last one
								 * stands for all */
	bool		slowest;		/* due when all are, not when the first is */
} StUnit;

/*
 * Find the units of a schedule whose nodes have their ranks: atomic diamonds, and
 * these groups (lists of StScheduled). Sets "unit" and "order" of every node.
 * Allocates in the current context.
 */
extern void st_units_find(StSchedule *schedule, List *groups);

/* Is it the member that stands for all, or has it no others? */
extern bool st_unit_is_leader(const StScheduled *node);

/* The member that keeps the others from being refreshed, because it may not be; NULL: there is none. */
extern StScheduled *st_unit_obstacle(const StUnit *unit);

/*
 * When the node, and its unit if it stands for one, is to be refreshed; ST_NEVER:
 * when a commit says so, with the one that stands for its unit, or never.
 */
extern int64 st_unit_due(StScheduled *node);

#endif							/* ST_SCHEDULE_UNIT_H */
