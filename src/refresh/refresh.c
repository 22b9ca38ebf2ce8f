/*-------------------------------------------------------------------------
 *
 * refresh.c
 *	  One group, one transaction, one snapshot.
 *
 * NOTES
 *	  Order (rules B2, C5): lock the nodes (group.c), then their sources;
 *	  probe the logs; take the snapshot; then, member by member (member.c), read
 *	  the logs, evaluate and apply, and write the frontiers.
 *
 *	  Who has a source locked against readers may want a node in the same
 *	  transaction, as a migration does. So nobody waits for a source with nodes
 *	  that he can let go: he waits with nothing, and begins again.
 *
 *	  Who holds a node's lock is the only one who writes the stream table, its
 *	  states and its frontiers, but a snapshot that was taken before the lock
 *	  does not see what the former holder wrote: under REPEATABLE READ and
 *	  SERIALIZABLE every run first makes sure of that, or raises 40001.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "catalog/component.h"
#include "refresh/hold.h"
#include "refresh/identity.h"
#include "refresh/member.h"
#include "refresh/node_run.h"
#include "refresh/poll.h"
#include "refresh/progress.h"
#include "refresh/refresh.h"
#include "store/store.h"
#include "util/fault.h"

/* What to refresh, as its callers ask for it. */
typedef struct GroupOrder
{
	Oid			relid;
	bool		all;			/* with everything above that is not suspended */
	List	   *along;			/* else with these, see st_refresh_scheduled */
	List	   *units;
	bool		probe;
} GroupOrder;

/* a stream table whose definition was made anew, and why */
typedef struct Adapted
{
	Oid			relid;
	const char *reason;
} Adapted;

const char *(*st_refresh_adapt) (Oid relid, List *group) = NULL;

/* OIDs of the stream tables that this session is refreshing, in outer calls too */
static List *being_refreshed = NIL;

/* what a refresh is at */
static Oid	at_relation = InvalidOid;

Oid
st_refresh_failed_relation(void)
{
	return at_relation;
}

/*
 * A user's trigger or function calls for what an outer call has not finished:
 * its rows are written in part and its frontier is the old one (rule C3).
 */
static void
check_not_being_refreshed(Oid relid)
{
	if (!list_member_oid(being_refreshed, relid))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("stream table \"%s\" is being refreshed by this session", get_rel_name(relid)),
			 errdetail("A trigger or function that the refresh runs asks for another refresh.")));
}

/* ----- the group ----- */

/*
 * The same as st_refresh_nodes() for a scheduler that knows which upstreams are
 * stale and has them by rank: those above them need not be looked at, who may be
 * thousands. What has gone, or was suspended since, is left out; NIL if it has to be
 * refreshed together with what is left.
 */
static List *
nodes_along(StStreamTable *table, const GroupOrder *order, List **units)
{
	List	   *nodes = list_make1(table);

	*units = list_make1_int(llast_int(order->units));
	for (int i = list_length(order->along) - 1; i >= 0; i--)
	{
		StStreamTable *upstream = st_stream_table_get_if_exists(list_nth_oid(order->along, i));
		int			unit = list_nth_int(order->units, i);
		bool		stopped = upstream == NULL || st_is_suspended(upstream);

		if (unit > 0 && stopped && !(upstream && order->probe && st_owner_is_accepted(upstream)))
			return NIL;
		if (unit == 0 && stopped)
			continue;
		nodes = lappend(nodes, upstream);
		*units = lappend_int(*units, unit);
	}
	return nodes;
}

/* One that is suspended would be read as it is, and keep alive what only it supports (rule K9). */
static void
check_component(StStreamTable *table)
{
	ListCell   *lc;

	foreach(lc, table->component > 0 ? st_component_members(table->component) : NIL)
	{
		StStreamTable *member = st_stream_table_get_if_exists(lfirst_oid(lc));

		if (member && member->relid != table->relid && st_is_suspended(member))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("cannot refresh stream table \"%s.%s\" because \"%s.%s\", which it is in a cycle with, has status %s",
							table->schema, table->name, member->schema, member->name, member->status),
					 errhint("Stream tables that read each other are refreshed together. Resume it with pgtrickle.resume_stream_table().")));
	}
}

/* What is to be refreshed, readers first; NIL as for nodes_along(). */
static List *
nodes_of(const GroupOrder *order, List **units)
{
	Oid			relid = order->relid;
	StStreamTable *table = st_stream_table_get(relid);

	if (order->all)
	{
		check_component(table);
		return st_refresh_nodes(table);
	}
	return nodes_along(table, order, units);
}

static void
add_adapted(List **adapted, Oid relid, const char *reason)
{
	Adapted    *one = palloc(sizeof(Adapted));

	one->relid = relid;
	one->reason = reason;
	*adapted = lappend(*adapted, one);
}

/*
 * Bring definitions up to date that an alteration of what they read has
 * outdated, before any lock is taken: upstreams first, whose columns may get
 * other types by that. What they read may be something else afterwards.
 */
static List *
adapt(const GroupOrder *order, List **units, List **adapted)
{
	List	   *nodes;
	bool		again;

	do
	{
		again = false;
		nodes = nodes_of(order, units);
		for (int i = list_length(nodes) - 1; i >= 0; i--)
		{
			const char *reason;

			at_relation = ((StStreamTable *) list_nth(nodes, i))->relid;
			check_not_being_refreshed(at_relation);
			reason = st_refresh_adapt ? st_refresh_adapt(at_relation, nodes) : NULL;
			if (reason == NULL)
				continue;
			again = true;
			add_adapted(adapted, at_relation, reason);
		}
	} while (again);
	at_relation = order->relid;
	return nodes;
}

static const char *
why_adapted(List *adapted, Oid relid)
{
	ListCell   *lc;

	foreach(lc, adapted)
		if (((Adapted *) lfirst(lc))->relid == relid)
			return ((Adapted *) lfirst(lc))->reason;
	return NULL;
}

static StMember *
find_member(List *members, Oid relid)
{
	ListCell   *lc;

	foreach(lc, members)
		if (((StMember *) lfirst(lc))->entry->relid == relid)
			return lfirst(lc);
	return NULL;
}

/*
 * Those that read each other are refreshed together (rule K9). False: somebody
 * has altered which they are since the nodes were looked for.
 */
static bool
has_whole_components(List *members)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, members)
	{
		int			component = ((StMember *) lfirst(lc))->entry->table->component;

		foreach(lc2, component > 0 ? st_component_members(component) : NIL)
			if (find_member(members, lfirst_oid(lc2)) == NULL)
				return false;
	}
	return true;
}

/* Upstreams that were dropped while we waited: nobody reads them any more. */
static void
forget_dropped(List **nodes, List **units, Oid asked)
{
	List	   *left = NIL;
	List	   *left_units = NIL;
	ListCell   *lc;

	AcceptInvalidationMessages();
	foreach(lc, *nodes)
	{
		StStreamTable *table = lfirst(lc);

		if (table->relid != asked && !st_is_stream_table(table->relid))
			continue;
		left = lappend(left, table);
		if (*units)
			left_units = lappend_int(left_units, list_nth_int(*units, foreach_current_index(lc)));
	}
	*nodes = left;
	*units = left_units;
}

/* The one asked for is not waited for: false, and none is locked, if another session refreshes it. */
static bool
lock_nodes(List *nodes, Oid asked)
{
	List	   *ordered = st_refresh_lock_order(nodes);
	ListCell   *lc;

	foreach(lc, ordered)
	{
		StStreamTable *table = lfirst(lc);

		check_not_being_refreshed(table->relid);
		if (st_refresh_lock(table->pgt_id, table->relid != asked))
			continue;
		for (int i = 0; i < foreach_current_index(lc); i++)
			st_refresh_unlock(((StStreamTable *) list_nth(ordered, i))->pgt_id);
		return false;
	}
	return true;
}

/* times that nodes are let go to wait for a source */
#define LOCK_TRIES 20

/* OIDs of those whose readers are to be kept out. */
static List *
remade_nodes(List *nodes)
{
	Oid			outer = at_relation;
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, ST_FAULT("J9 remade") ? NIL : nodes)
	{
		at_relation = ((StStreamTable *) lfirst(lc))->relid;
		if (st_entry_changes_identity(at_relation))
			result = lappend_oid(result, at_relation);
	}
	at_relation = outer;
	return result;
}

/* And what they read, unless others have come between: InvalidOid, or what is to be waited for, and how. */
static Oid
lock_sources_of(List *nodes, LOCKMODE *mode)
{
	List	   *relids = NIL;
	Oid			missing;
	ListCell   *lc;

	foreach(lc, nodes)
		relids = lappend_oid(relids, ((StStreamTable *) lfirst(lc))->relid);
	missing = st_entries_lock_nowait(relids, remade_nodes(nodes), mode);
	foreach(lc, OidIsValid(missing) ? nodes : NIL)
		st_refresh_unlock(((StStreamTable *) lfirst(lc))->pgt_id);
	return missing;
}

/*
 * The nodes, and what they read, both locked; NIL: the one asked for is being
 * refreshed elsewhere. No source is locked before the last node is:
 * st_refresh_nodes says why.
 */
static List *
lock_group(const GroupOrder *order, List **units, List **adapted)
{
	for (int i = 1;; i++)
	{
		List	   *nodes = adapt(order, units, adapted);
		Oid			missing;
		LOCKMODE	mode;

		/*
		 * who had the source may have the node for a moment yet, while he
		 * ends
		 */
		if (nodes == NIL || !lock_nodes(nodes, i == 1 ? order->relid : InvalidOid))
			return NIL;
		if (i == LOCK_TRIES || !OidIsValid(missing = lock_sources_of(nodes, &mode)))
			return nodes;
		st_relation_wait(missing, mode);
	}
}

/*
 * Upstreams before the stream tables that read them. Returns false if the
 * one asked for is being refreshed elsewhere; an upstream is waited for.
 */
static bool
collect(const GroupOrder *order, List **members)
{
	Oid			relid = order->relid;
	StStreamTable *table;
	List	   *nodes;
	List	   *units = NIL;
	List	   *copies = NIL;
	List	   *adapted = NIL;

	at_relation = relid;
	check_not_being_refreshed(relid);
	nodes = lock_group(order, &units, &adapted);
	if (nodes == NIL)
		return false;
	forget_dropped(&nodes, &units, relid);
	for (int i = list_length(nodes) - 1; i >= 0; i--)
	{
		StEntry    *entry;

		table = list_nth(nodes, i);
		at_relation = table->relid;
		entry = st_entry_get(table->relid);
		/* a new owner that the former one could have chosen himself */
		if (entry->owner != table->accepted_owner)
		{
			st_stream_table_accept_owner(table->pgt_id, entry->owner);
			CommandCounterIncrement();
		}
		if (entry->identity_changed)
		{
			st_identity_change(entry);
			add_adapted(&adapted, table->relid, "the key that its rows were found by is no longer one");
		}
	}
	for (int i = list_length(nodes) - 1; i >= 0; i--)
	{
		/*
		 * loading the others may have invalidated it; what a refresh changes
		 * is read under the lock
		 */
		StEntry    *entry = st_entry_get(((StStreamTable *) list_nth(nodes, i))->relid);

		table = st_stream_table_get(entry->relid);
		entry->table->populated = table->populated;
		entry->table->needs_reinit = table->needs_reinit;
		entry->table->written_by = table->written_by;
		entry->table->last_refresh_at = table->last_refresh_at;
		entry->table->clock = table->clock;
		entry->table->found_nothing = table->found_nothing;
		entry->table->append_only = table->append_only;
		copies = list_concat_unique_oid(copies, table->copies);
		entry->table->last_full_ms = table->last_full_ms;
		entry->table->auto_threshold = table->auto_threshold;
		entry->table->max_delta_fraction = table->max_delta_fraction;
		entry->table->max_joins = table->max_joins;
		entry->table->fused = table->fused;
		entry->table->component = table->component;
		*members = lappend(*members, st_member_make(entry));
		((StMember *) llast(*members))->adapted = why_adapted(adapted, entry->relid);
		if (units)
			((StMember *) llast(*members))->unit = list_nth_int(units, i);
	}

	if (!has_whole_components(*members))
		return false;

	/*
	 * the scheduler comes again rather than wait for a refresh that has one
	 * of them
	 */
	return st_poll_lock(copies, order->all);
}

/*
 * What nobody tells of has to be looked at before the snapshot: the differences
 * are changes of this transaction, which come before it.
 */
static void
poll_sources(List *members)
{
	List	   *polled = NIL;
	ListCell   *lc;

	foreach(lc, members)
	{
		StEntry    *entry = ((StMember *) lfirst(lc))->entry;
		StOwnerScope scope;

		if (entry->table->copies == NIL || entry->program == NULL)
			continue;
		at_relation = entry->relid;
		st_owner_enter(&scope, entry->owner, NIL);
		st_statement_check_permissions(entry->original);
		st_owner_leave(&scope);
		st_poll(list_difference_oid(entry->table->copies, polled));
		polled = list_concat_unique_oid(polled, entry->table->copies);
	}
}

static StNodeRun *
make_node_run(StMember *member, StHold *hold, const char *initiated_by, const StRefreshOutcome *outcome, double ms)
{
	StNodeRun  *run = palloc(sizeof(StNodeRun));

	run->relid = member->entry->relid;
	run->hold = hold;
	run->action = outcome->action;
	run->reason = outcome->reason;
	run->reverted = outcome->reverted;
	run->recorded = st_member_leaves_row(initiated_by, outcome);
	run->applied = outcome->applied;
	run->delta_rows = outcome->delta_rows;
	run->read_ms = outcome->read_ms;
	run->delta_ms = outcome->delta_ms;
	run->apply_ms = outcome->apply_ms;
	run->ms = ms;
	return run;
}

/* Copy into the current context. */
static List *
copy_node_runs(List *nodes)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, nodes)
	{
		StNodeRun  *run = palloc(sizeof(StNodeRun));

		*run = *(StNodeRun *) lfirst(lc);
		if (run->reason)
			run->reason = pstrdup(run->reason);
		if (run->hold)
		{
			StHold	   *hold = palloc(sizeof(StHold));

			*hold = *run->hold;
			hold->reason = pstrdup(hold->reason);
			run->hold = hold;
		}
		result = lappend(result, run);
	}
	return result;
}

/*
 * What keeps members from being refreshed, before any of them is: what belongs
 * to one that is held, is held as well. By hand all are refreshed whatever holds the scheduler
 * back.
 */
static void
find_holds(List *members, const char *initiated_by, Snapshot snapshot)
{
	ListCell   *lc;

	if (strcmp(initiated_by, "SCHEDULER") != 0)
		return;
	foreach(lc, members)
	{
		StMember   *member = lfirst(lc);

		member->hold = st_hold_find(member->entry->table, snapshot);
	}
}

/* Let the others be held by what holds one of them. */
static void
hold_members(List *members, const StMember *held)
{
	ListCell   *lc;

	foreach(lc, members)
	{
		StMember   *member = lfirst(lc);

		if (member->hold == NULL)
			member->hold = st_hold_with(member->entry->table, held->hold, held->entry->table);
	}
}

/* Those of its unit, that is. */
static void
hold_unit(List *members, const StMember *held)
{
	List	   *unit = NIL;
	ListCell   *lc;

	foreach(lc, members)
		if (((StMember *) lfirst(lc))->unit == held->unit && held->unit > 0)
			unit = lappend(unit, lfirst(lc));
	hold_members(unit, held);
}

/* Nothing is refreshed, because of what was found too late: only what is held is told. */
static void
undo_group(List *members, StRefreshOutcome *outcome)
{
	ListCell   *lc;

	st_refresh_note_held(outcome);
	outcome->undo = true;
	foreach(lc, members)
	{
		StMember   *member = lfirst(lc);

		if (member->hold)
			outcome->nodes = lappend(outcome->nodes, make_node_run(member, member->hold, "SCHEDULER", outcome, 0));
	}
}

/* The members of the component that this one is in. */
static List *
component_of(List *members, const StMember *member)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, members)
		if (((StMember *) lfirst(lc))->entry->table->component == member->entry->table->component)
			result = lappend(result, lfirst(lc));
	return result;
}

/* Refresh the component of a member that is the first of it, if nothing holds it. */
static void
run_component_of(List *members, StMember *member, const char *initiated_by, bool full, Snapshot snapshot)
{
	List	   *component = component_of(members, member);
	ListCell   *lc;

	foreach(lc, component)
		if (((StMember *) lfirst(lc))->hold)
			hold_members(component, lfirst(lc));
	if (member->hold == NULL)
		st_run_component(component, initiated_by, full, snapshot);
	foreach(lc, component)
		if (((StMember *) lfirst(lc))->hold)
			hold_members(component, lfirst(lc));
	foreach(lc, component)
		((StMember *) lfirst(lc))->done = true;
}

static void
run_group(List *members, Oid relid, const char *initiated_by, bool full, StRefreshOutcome *outcome)
{
	StRefreshOutcome asked = {0};
	Snapshot	snapshot;
	List	   *nodes = NIL;
	ListCell   *lc;

	CommandCounterIncrement();
	foreach(lc, members)
		st_member_complete_capture(lfirst(lc));
	poll_sources(members);
	foreach(lc, members)
		st_member_probe(lfirst(lc));
	ST_STOP_POINT("logs probed");
	CommandCounterIncrement();
	snapshot = st_group_snapshot();
	ST_STOP_POINT("snapshot taken");
	foreach(lc, members)
		st_member_check_snapshot(lfirst(lc), snapshot);
	find_holds(members, initiated_by, snapshot);
	foreach(lc, members)
		if (((StMember *) lfirst(lc))->hold)
			hold_unit(members, lfirst(lc));
	foreach(lc, members)
	{
		StMember   *member = lfirst(lc);
		bool		is_asked = member->entry->relid == relid;
		bool		held_before = member->hold != NULL;
		instr_time	start;

		INSTR_TIME_SET_CURRENT(start);
		at_relation = member->entry->relid;
		st_progress_member(at_relation);
		if (member->entry->table->component > 0 && !member->done)
			run_component_of(members, member, initiated_by, full && find_member(component_of(members, member), relid), snapshot);
		if (member->hold)
			st_refresh_note_held(outcome);
		else if (member->done)
			*outcome = member->outcome;
		else
		{
			PushCopiedSnapshot(snapshot);
			if (!ST_FAULT("C6"))
				UpdateActiveSnapshotCommandId();
			st_member_run(member, initiated_by, full && is_asked, GetActiveSnapshot(), outcome, &member->hold);
			st_member_end_sources(member);
			PopActiveSnapshot();
			CommandCounterIncrement();
		}
		if (member->hold && !held_before && member->unit > 0)
		{
			hold_unit(members, member);
			UnregisterSnapshot(snapshot);
			undo_group(members, outcome);
			return;
		}
		nodes = lappend(nodes, make_node_run(member, member->hold, initiated_by, outcome, st_elapsed_ms(start)));
		st_progress_done(list_length(nodes));
		if (is_asked)
			asked = *outcome;
		ST_STOP_POINT("node done");
	}
	*outcome = asked;
	outcome->nodes = nodes;
	UnregisterSnapshot(snapshot);
	foreach(lc, members)
	{
		StMember   *member = lfirst(lc);

		for (int i = 0; i < member->nsources; i++)
			st_log_reclaim(member->sources[i].relid);
	}
	ST_STOP_POINT("space reclaimed");
}

/* Run the group, known to calls from inside it. */
static void
run_known_group(List *members, Oid relid, const char *initiated_by, bool full, StRefreshOutcome *outcome)
{
	List	   *outer = being_refreshed;
	List	   *all = list_copy(outer);
	List	   *open = NIL;
	ListCell   *lc;

	foreach(lc, members)
	{
		Oid			each = ((StMember *) lfirst(lc))->entry->relid;

		all = lappend_oid(all, each);
		/* what is open cannot be dropped or altered by what the refresh runs */
		open = lappend(open, table_open(each, AccessShareLock));
	}
	being_refreshed = all;
	st_progress_begin(relid, initiated_by, list_length(members));
	PG_TRY();
	{
		run_group(members, relid, initiated_by, full, outcome);
	}
	PG_FINALLY();
	{
		being_refreshed = outer;
	}
	PG_END_TRY();
	st_progress_end();
	foreach(lc, open)
		table_close(lfirst(lc), NoLock);
}

static bool
refresh(const GroupOrder *order, const char *initiated_by, bool full, StRefreshOutcome *outcome)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle group",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	List	   *members = NIL;
	bool		done;

	st_entries_hold();
	PG_TRY();
	{
		done = collect(order, &members);
		if (done)
		{
			StRefreshOutcome result;

			run_known_group(members, order->relid, initiated_by, full, &result);
			*outcome = result;
			outcome->steps = NULL;
			MemoryContextSwitchTo(old);
			outcome->reason = result.reason ? pstrdup(result.reason) : NULL;
			outcome->nodes = copy_node_runs(result.nodes);
			MemoryContextSwitchTo(context);
		}
	}
	PG_FINALLY();
	{
		st_entries_release();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return done;
}

bool
st_refresh(Oid relid, const char *initiated_by, bool full, StRefreshOutcome *outcome)
{
	GroupOrder	order = {.relid = relid, .all = true};

	return refresh(&order, initiated_by, full, outcome);
}

bool
st_refresh_scheduled(Oid relid, List *along, List *units, bool probe, bool record, StRefreshOutcome *outcome)
{
	GroupOrder	order = {relid, false, along, units, probe};

	/*
	 * no other refresh of the scheduler runs in this process; it is set anew
	 * by the next one
	 */
	st_member_want_rows(record);
	return refresh(&order, "SCHEDULER", false, outcome);
}

void
st_refresh_initial(Oid relid, StRefreshOutcome *outcome)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle fill",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	st_entries_hold();
	PG_TRY();
	{
		StEntry    *entry = st_entry_get(relid);

		(void) st_refresh_lock(entry->table->pgt_id, true);
		run_known_group(list_make1(st_member_make(entry)), relid, "INITIAL", false, outcome);
		outcome->steps = NULL;
	}
	PG_FINALLY();
	{
		st_entries_release();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static void
take_over(Oid relid, Oid from, bool empty)
{
	StEntry    *entry = st_entry_get(relid);
	StRefreshOutcome outcome = {0};
	StOwnerScope scope;
	Snapshot	snapshot;

	CommandCounterIncrement();
	snapshot = st_group_snapshot();
	PushCopiedSnapshot(snapshot);
	UpdateActiveSnapshotCommandId();
	st_member_set_constraints(relid, false);
	st_owner_enter(&scope, entry->owner, entry->table->settings);
	st_run_take_over(entry, from, empty, GetActiveSnapshot(), &outcome);
	st_owner_leave(&scope);
	st_member_set_constraints(relid, true);
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
	CommandCounterIncrement();
}

void
st_refresh_take_over(Oid relid, Oid from, bool empty)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle take over",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	List	   *outer = being_refreshed;

	st_entries_hold();
	being_refreshed = lappend_oid(list_copy(outer), relid);
	PG_TRY();
	{
		take_over(relid, from, empty);
	}
	PG_FINALLY();
	{
		being_refreshed = outer;
		st_entries_release();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

bool
st_refresh_skip(Oid relid)
{
	StStreamTable *table = st_stream_table_get(relid);
	StMember   *member;
	Snapshot	snapshot;

	for (;;)
	{
		Oid			missing;
		LOCKMODE	mode;

		if (!lock_nodes(list_make1(table), relid))
			return false;
		if (!OidIsValid(missing = lock_sources_of(list_make1(table), &mode)))
			break;
		st_relation_wait(missing, mode);
		table = st_stream_table_get(relid);
	}
	st_entries_hold();
	member = st_member_make(st_entry_get(relid));
	st_member_probe(member);
	CommandCounterIncrement();
	snapshot = st_group_snapshot();
	st_member_check_snapshot(member, snapshot);
	st_member_write_frontiers(member, snapshot, false);
	UnregisterSnapshot(snapshot);
	st_entries_release();
	return true;
}
