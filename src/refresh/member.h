/*-------------------------------------------------------------------------
 *
 * member.h
 *	  A stream table of a group that is being refreshed, from lock to frontier.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_MEMBER_H
#define ST_REFRESH_MEMBER_H

#include "refresh/hold.h"
#include "refresh/node_run.h"
#include "refresh/refresh.h"

typedef struct StMember
{
	StEntry    *entry;
	int			nsources;
	StSourceDelta *sources;
	const char *adapted;		/* why its definition was made anew, or NULL */
	int			unit;			/* refreshed together with those of the same
								 * number, or not at all; 0: by itself */
	StHold	   *hold;			/* what keeps it from being refreshed */
	bool		done;			/* with its component */
	StRefreshOutcome outcome;	/* of its component's refresh, likewise */
} StMember;

/*
 * Refresh the members of a component, which are all of it, until none of them has
 * anything new for another one. *hold of one of them is set, and nothing done, if it has
 * found so much to do. "full": recompute them, whatever has changed.
 */
extern void st_run_component(List *members, const char *initiated_by, bool full, Snapshot snapshot);

/* ----- what runs of one and of several members have in common ----- */

/*
 * Why a member has to be recomputed whatever its sources have to say, or NULL.
 * *renew: another layout of its values asks for its identity's index as well.
 */
extern const char *st_member_reason(StMember *member, bool full, bool *renew);

/* The snapshot that a group is refreshed under, registered. */
extern Snapshot st_group_snapshot(void);

/* Why the delta that has raised this error is to be replaced by a recompute; NULL: it is not. */
extern const char *st_delta_error_reason(const ErrorData *error);

/* Let constraints of the stream table that are deferred fire at once, or put them back. */
extern void st_member_set_constraints(Oid relid, bool deferred);

/* Read where the frontiers stand, and probe the logs. */
extern void st_member_probe(StMember *member);

/* Release what was read of the sources. */
extern void st_member_end_sources(StMember *member);

/* After a recompute that replaces another layout of values. */
extern void st_member_renew_identity(StMember *member);

/*
 * The member is as its outcome says: write its frontiers, which were moved in memory,
 * and the record of the run.
 */
extern void st_member_finish(StMember *member, const char *initiated_by, TimestampTz start, bool recomputed,
							 const StRefreshOutcome *outcome);

#endif							/* ST_REFRESH_MEMBER_H */
