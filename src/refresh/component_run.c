/*-------------------------------------------------------------------------
 *
 * component_run.c
 *	  Refreshing stream tables that read each other (rule K9).
 *
 * NOTES
 *	  Their contents are what comes of their queries, which are monotone, when all of them
 *	  begin without rows and are repeated until nothing is new. As long as only rows
 *	  come, what they hold is part of that: each follows the changes of its
 *	  sources, the others among them, round after round, until there are none.
 *
 *	  When a row goes, rows that only support each other would stay: each is
 *	  there because of the other one. So all members begin without rows. That is done in a
 *	  subtransaction that is rolled back, of which only the contents are kept, and their
 *	  difference is written: nobody sees rows go that come again, no foreign
 *	  key, no trigger, no publication, no stream table that reads a member. Users' triggers
 *	  rest meanwhile. The states are computed again from the new contents, which
 *	  also proves them: each member has to be what its query says.
 *
 *	  Following is one subtransaction for all members, as one of them by itself means
 *	  nothing. Frontiers move in memory from round to round, and are written at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "guc.h"
#include "refresh/cost.h"
#include "refresh/member.h"
#include "refresh/progress.h"
#include "refresh/source_read.h"
#include "util/attempt.h"
#include "util/fault.h"

typedef struct Component
{
	List	   *members;		/* of StMember */
	const char *initiated_by;
	Snapshot	snapshot;		/* of the group */
	bool		fused;			/* a fuse may hold it */
	StMember   *held;			/* one that it does hold, see its "hold" */
	bool		growing;		/* nothing may go */
	int			rounds;			/* so far, in which there was something to do */
} Component;

/* Under the group's snapshot, as the command before has left things. */
static Snapshot
push_snapshot(const Component *component)
{
	CommandCounterIncrement();
	PushCopiedSnapshot(component->snapshot);
	UpdateActiveSnapshotCommandId();
	return GetActiveSnapshot();
}

static void
advance(StMember *member, Snapshot snapshot, bool recomputed)
{
	for (int i = 0; i < member->nsources; i++)
		st_frontier_advance(member->sources[i].frontier, member->sources[i].probe, snapshot, recomputed);
}

static void
compute(StMember *member, Snapshot snapshot, StRefreshOutcome *outcome)
{
	StOwnerScope scope;

	st_owner_enter(&scope, member->entry->owner, member->entry->table->settings);
	st_statement_check_permissions(member->entry->original);
	st_run_full(member->entry, false, snapshot, outcome);
	st_owner_leave(&scope);
}

/* What is computed anew follows its own rounds meanwhile. */
static void
show_phase(const Component *component, StProgressPhase phase)
{
	st_progress_phase(component->growing ? phase : ST_PHASE_RECOMPUTING);
}

/* ----- following ----- */

static bool
has_minus(const StSourceDelta *source)
{
	TupleTableSlot *slot;
	bool		found = false;
	bool		isnull;

	if (source->count == 0 || ST_FAULT("K9"))
		return false;
	slot = MakeSingleTupleTableSlot(source->desc, &TTSOpsMinimalTuple);
	tuplestore_rescan(source->rows);
	while (!found && tuplestore_gettupleslot(source->rows, true, false, slot))
		found = DatumGetInt64(slot_getattr(slot, source->desc->natts, &isnull)) < 0;
	tuplestore_rescan(source->rows);
	ExecDropSingleTupleTableSlot(slot);
	return found;
}

/* Read what is new of a member's sources, of which there are *rows; returns why that is of no use, or NULL. */
static const char *
read_member(Component *component, StMember *member, Snapshot snapshot, StRefreshOutcome *outcome, int64 *rows)
{
	const char *reason;

	*rows = 0;
	show_phase(component, ST_PHASE_READING);
	for (int i = 0; i < member->nsources; i++)
	{
		StSourceDelta *source = &member->sources[i];

		reason = st_read_source(member, i, NIL, snapshot, outcome);
		if (reason)
			return reason;
		if (component->growing && has_minus(source))
			return "rows have gone that others of the cycle may rest on";
		*rows += source->count;
	}
	st_progress_rows(outcome->delta_rows);
	if (component->fused && *rows > 0)
	{
		member->hold = st_hold_fuse(member->entry->table, outcome->delta_rows, snapshot);
		if (member->hold)
		{
			component->held = member;
			return "held";
		}
	}
	return NULL;
}

static const char *
follow_member(Component *component, StMember *member, int64 *rows)
{
	StRefreshOutcome *outcome = &member->outcome;
	StApplyResult before = outcome->applied;
	Snapshot	snapshot = push_snapshot(component);
	const char *reason = NULL;
	StOwnerScope scope;

	st_progress_member(member->entry->relid);
	if (member->entry->program == NULL)
	{
		show_phase(component, ST_PHASE_FOLLOWING);
		compute(member, snapshot, outcome);
		*rows = outcome->applied.inserted + outcome->applied.updated + outcome->applied.deleted;
	}
	else
	{
		reason = read_member(component, member, snapshot, outcome, rows);
		outcome->applied = (StApplyResult)
		{
			0
		};
		if (reason == NULL && *rows > 0)
		{
			show_phase(component, ST_PHASE_FOLLOWING);
			st_owner_enter(&scope, member->entry->owner, member->entry->table->settings);
			st_statement_check_permissions(member->entry->original);
			reason = st_run_differential(member->entry, member->nsources, member->sources, snapshot, outcome);
			st_owner_leave(&scope);
		}
		st_member_end_sources(member);
	}
	if (reason == NULL && component->growing && outcome->applied.updated + outcome->applied.deleted > 0)
		reason = "a row of the cycle has gone";
	outcome->applied.inserted += before.inserted;
	outcome->applied.updated += before.updated;
	outcome->applied.deleted += before.deleted;
	advance(member, snapshot, false);
	PopActiveSnapshot();
	return reason;
}

static void
raise_endless(const Component *component)
{
	StStreamTable *first = ((StMember *) linitial(component->members))->entry->table;

	ereport(ERROR,
			(errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
			 errmsg("stream tables that read each other find something new after %d rounds, \"%s.%s\" among them",
					st_guc_max_fixpoint_iterations, first->schema, first->name),
			 errdetail("Their queries may make new values without end."),
			 errhint("If they do not, raise \"%s\".", "pg_trickle.max_fixpoint_iterations")));
}

/* Round after round, until nothing is new; returns why that cannot be, or NULL. */
static const char *
follow_rounds(Component *component)
{
	int64		rows;
	ListCell   *lc;

	for (component->rounds = 0;; component->rounds++)
	{
		int64		all = 0;

		foreach(lc, component->members)
		{
			const char *reason = follow_member(component, lfirst(lc), &rows);

			if (reason)
				return reason;
			all += rows;
		}
		component->fused = false;
		if (all == 0)
			return NULL;
		if (component->rounds >= st_guc_max_fixpoint_iterations)
			raise_endless(component);
	}
}

typedef struct Following
{
	Component  *component;
	const char *reason;
} Following;

static bool
attempt_to_follow(void *arg)
{
	Following  *following = arg;

	following->reason = follow_rounds(following->component);
	return following->reason == NULL;
}

/* In a subtransaction, as try_differential(). */
static const char *
try_following(Component *component)
{
	Following	following = {component};
	ErrorData  *error;

	component->growing = true;
	error = st_attempt(attempt_to_follow, &following);
	if (error == NULL)
		return following.reason;
	following.reason = st_delta_error_reason(error);
	if (following.reason == NULL)
		ReThrowError(error);
	return following.reason;
}

/* ----- from nothing ----- */

/* The difference to these contents is written. */
static StApplyResult
apply_contents(const Component *component, StMember *member, Tuplestorestate *rows)
{
	StEntry    *entry = member->entry;
	Snapshot	snapshot = push_snapshot(component);
	StZset	   *changes = st_zset_begin(entry->desc, entry->table->nkeys, entry->keys);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(entry->desc, &TTSOpsMinimalTuple);
	StApplyResult result;
	StOwnerScope scope;

	st_owner_enter(&scope, entry->owner, entry->table->settings);
	while (rows && tuplestore_gettupleslot(rows, true, false, slot))
		st_zset_add(changes, slot, 1);
	ExecDropSingleTupleTableSlot(slot);
	st_applier_subtract_contents(entry->applier, changes, snapshot);
	st_guard_enter();
	result = st_apply(entry->applier, changes, false, snapshot, NULL, NULL);
	st_guard_leave();
	st_zset_end(changes);
	st_owner_leave(&scope);
	PopActiveSnapshot();
	return result;
}

/* Keep what a member holds; what goes is what its contents would take away. */
static void
keep_contents(const Component *component, StMember *member, Tuplestorestate *rows)
{
	StEntry    *entry = member->entry;
	Snapshot	snapshot = push_snapshot(component);
	StZset	   *contents = st_zset_begin(entry->desc, 0, NULL);
	StZsetStep	step;

	st_applier_subtract_contents(entry->applier, contents, snapshot);
	st_zset_rewind(contents);
	while (st_zset_next(contents, &step))
		for (int64 i = 0; i < step.weight; i++)
			tuplestore_puttupleslot(rows, step.old_row);
	st_zset_end(contents);
	PopActiveSnapshot();
}

typedef struct Anew
{
	Component  *component;
	Tuplestorestate **contents; /* of each member */
} Anew;

/* All members begin without rows; what they come to is kept, and nothing else. */
static bool
begin_anew(void *arg)
{
	Component  *component = ((Anew *) arg)->component;
	Tuplestorestate **contents = ((Anew *) arg)->contents;
	int			level = NewGUCNestLevel();
	const char *reason;
	ListCell   *lc;

	/* what happens here does not happen: ours are ENABLE ALWAYS */
	(void) set_config_option("session_replication_role", "replica", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	foreach(lc, component->members)
		(void) apply_contents(component, lfirst(lc), NULL);
	foreach(lc, component->members)
	{
		StMember   *member = lfirst(lc);
		StRefreshOutcome ignored = {0};
		Snapshot	snapshot = push_snapshot(component);

		compute(member, snapshot, &ignored);
		advance(member, snapshot, true);
		PopActiveSnapshot();
	}
	reason = follow_rounds(component);
	if (reason)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("stream tables that read each other could not be followed: %s", reason)));
	/* the first was the computing */
	component->rounds++;
	foreach(lc, component->members)
		keep_contents(component, lfirst(lc), contents[foreach_current_index(lc)]);
	AtEOXact_GUC(false, level);
	return false;
}

/* The states of the new contents; and these are what the query says, as nothing is left to change. */
static void
compute_states(const Component *component, StMember *member)
{
	StRefreshOutcome check = {0};
	Snapshot	snapshot = push_snapshot(component);

	compute(member, snapshot, &check);
	if (check.applied.inserted + check.applied.updated + check.applied.deleted > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("the rows of \"%s.%s\" are not what comes of the cycle that it is in",
						member->entry->table->schema, member->entry->table->name)));
	advance(member, snapshot, true);
	PopActiveSnapshot();
}

static void
run_anew(Component *component)
{
	Tuplestorestate **contents = palloc(sizeof(Tuplestorestate *) * list_length(component->members));
	Anew		anew = {component, contents};
	ErrorData  *error;
	ListCell   *lc;

	component->growing = false;
	show_phase(component, ST_PHASE_RECOMPUTING);
	foreach(lc, component->members)
	{
		/* what was moved or read before was undone */
		st_member_probe(lfirst(lc));
		((StMember *) lfirst(lc))->outcome = (StRefreshOutcome)
		{
			0
		};
		contents[foreach_current_index(lc)] = tuplestore_begin_heap(false, false, work_mem);
	}
	error = st_attempt(begin_anew, &anew);
	if (error)
		ReThrowError(error);
	foreach(lc, component->members)
	{
		StMember   *member = lfirst(lc);

		st_progress_member(member->entry->relid);
		show_phase(component, ST_PHASE_RECOMPUTING);
		/* its frontier begins as it was */
		st_member_probe(member);
		member->outcome.applied = apply_contents(component, member, contents[foreach_current_index(lc)]);
		tuplestore_end(contents[foreach_current_index(lc)]);
	}
	ST_STOP_POINT("recomputed");
	foreach(lc, component->members)
		compute_states(component, lfirst(lc));
}

/* ----- all of it ----- */

static const char *
find_reason(const Component *component, bool full)
{
	const char *reason = NULL;
	ListCell   *lc;

	foreach(lc, component->members)
	{
		StMember   *member = lfirst(lc);
		bool		renew;
		const char *own = st_member_reason(member, full, &renew);

		st_costs_begin(member->entry);
		if (renew)
			st_member_renew_identity(member);
		reason = reason ? reason : own;
	}
	return reason;
}

/* What each has done, by what is known at the end. */
static void
describe(const Component *component, StMember *member, const char *reason, double ms)
{
	StRefreshOutcome *outcome = &member->outcome;

	outcome->reason = reason;
	if (reason)
	{
		outcome->action = st_member_recompute_action(member);
		outcome->full_ms = ms;
	}
	else
		outcome->action = outcome->delta_rows > 0 ? "DIFFERENTIAL" : "NO_DATA";
	outcome->iterations = component->rounds;
}

void
st_run_component(List *members, const char *initiated_by, bool full, Snapshot snapshot)
{
	Component	component = {.members = members, .initiated_by = initiated_by, .snapshot = snapshot};
	TimestampTz start = GetCurrentTimestamp();
	const char *reason = find_reason(&component, full);
	bool		fallback = false;
	instr_time	began;
	ListCell   *lc;

	INSTR_TIME_SET_CURRENT(began);
	foreach(lc, members)
		st_member_set_constraints(((StMember *) lfirst(lc))->entry->relid, false);
	if (reason == NULL)
	{
		component.fused = strcmp(initiated_by, "SCHEDULER") == 0;
		reason = try_following(&component);
		fallback = reason != NULL;
	}
	if (component.held == NULL && reason)
		run_anew(&component);
	foreach(lc, members)
		st_member_set_constraints(((StMember *) lfirst(lc))->entry->relid, true);
	if (component.held)
		return;
	st_progress_phase(ST_PHASE_FINISHING);
	foreach(lc, members)
	{
		StMember   *member = lfirst(lc);

		describe(&component, member, reason, st_elapsed_ms(began));
		member->outcome.fallback = fallback;
		if (component.rounds > 0 || reason)
			st_member_finish(member, initiated_by, start, reason != NULL, &member->outcome);
		else if (strcmp(initiated_by, "SCHEDULER") != 0)
			st_member_finish(member, initiated_by, start, false, &member->outcome);
	}
}
