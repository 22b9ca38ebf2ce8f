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

/* In CurrentMemoryContext, with the sources that its program reads or, if it is recomputed, captures. */
extern StMember *st_member_make(StEntry *entry);

/*
 * Follow the changes of the member's sources or recompute it, as of "snapshot", and write
 * its frontiers and the record of the run. *hold is set, and nothing done, if it has found
 * so much to do. "full": recompute it, whatever has changed. The caller ends the sources.
 */
extern void st_member_run(StMember *member, const char *initiated_by, bool full, Snapshot snapshot,
						  StRefreshOutcome *outcome, StHold **hold);

/* Does the scheduler want a row in the history of what follows its changes? True at first. */
extern void st_member_want_rows(bool wanted);

/* The outcome of what the scheduler was told to leave as it is. */
extern void st_refresh_note_held(StRefreshOutcome *outcome);

/* Is there a row in the history of a run with this outcome? */
extern bool st_member_leaves_row(const char *initiated_by, const StRefreshOutcome *outcome);

/* ----- what runs of one and of several members have in common ----- */

/*
 * Why a member has to be recomputed whatever its sources have to say, or NULL.
 * *renew: another layout of its values asks for its identity's index as well.
 */
extern const char *st_member_reason(StMember *member, bool full, bool *renew);

/*
 * What its recompute is called: REINITIALIZE once after what it reads has
 * changed, FULL otherwise.
 */
extern const char *st_member_recompute_action(const StMember *member);

/* The snapshot that a group is refreshed under, registered. */
extern Snapshot st_group_snapshot(void);

/* Why the delta that has raised this error is to be replaced by a recompute; NULL: it is not. */
extern const char *st_delta_error_reason(const ErrorData *error);

/* Let constraints of the stream table that are deferred fire at once, or put them back. */
extern void st_member_set_constraints(Oid relid, bool deferred);

/*
 * Capture what the program reads and no trigger writes down yet, before the snapshot:
 * this refresh must recompute then. Waits for the source's writers;
 * nothing happens under REPEATABLE READ and SERIALIZABLE.
 */
extern void st_member_complete_capture(StMember *member);

/* Read where the frontiers stand, and probe the logs. */
extern void st_member_probe(StMember *member);

/* Raise 40001 if "snapshot" is older than what it would have to see (rule C5). */
extern void st_member_check_snapshot(StMember *member, Snapshot snapshot);

/* What "snapshot" has seen is consumed, by a recompute if "recomputed". */
extern void st_member_write_frontiers(StMember *member, Snapshot snapshot, bool recomputed);

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
