/*-------------------------------------------------------------------------
 *
 * refresh.c
 *	  One group, one transaction, one snapshot.
 *
 * NOTES
 *	  Order (rules B2, C5): lock the nodes (group.c), then their sources;
 *	  probe the logs; take the snapshot; read the logs; evaluate and apply node
 *	  by node; write the frontiers. A node's work is a subtransaction: when a
 *	  row is not where it must be, or an expression raises over rows that never
 *	  existed together, it is rolled back and the node recomputed, with the
 *	  reason recorded. Any other error is the caller's.
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
#include "catalog/index.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "catalog/component.h"
#include "catalog/extension.h"
#include "catalog/history.h"
#include "compat.h"
#include "guc.h"
#include "refresh/budget.h"
#include "refresh/cost.h"
#include "refresh/hold.h"
#include "refresh/identity.h"
#include "refresh/member.h"
#include "refresh/node_run.h"
#include "refresh/poll.h"
#include "refresh/progress.h"
#include "refresh/source_read.h"
#include "refresh/refresh.h"
#include "store/store.h"
#include "util/clock.h"
#include "util/counters.h"
#include "util/fault.h"

/* pages of change logs that a refresh may read in vain each time */
#define FEW_PAGES 16

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

const char *(*st_refresh_adapt) (Oid relid) = NULL;

/* OIDs of the stream tables that this session is refreshing, in outer calls too */
static List *being_refreshed = NIL;

/* what a refresh is at */
static Oid	at_relation = InvalidOid;

/* does the scheduler want a row in the history of what follows its changes? */
static bool rows_wanted = true;

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

static StMember *
make_member(StEntry *entry)
{
	StMember   *member = palloc0(sizeof(StMember));
	ListCell   *lc;

	member->entry = entry;
	if (entry->program)
	{
		member->sources = palloc0(sizeof(StSourceDelta) * Max(list_length(entry->program->sources), 1));
		foreach(lc, entry->program->sources)
			member->sources[member->nsources++].relid = ((StSource *) lfirst(lc))->relid;
	}
	else if (entry->stays_stale && !ST_FAULT("B15 stale"))
	{
		/* capture goes on: what the recompute has seen must not stay in the logs */
		member->sources = palloc0(sizeof(StSourceDelta) * Max(list_length(entry->relations), 1));
		foreach(lc, entry->relations)
			if (st_log_exists(lfirst_oid(lc)))
				member->sources[member->nsources++].relid = lfirst_oid(lc);
	}
	return member;
}

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

/* What is to be refreshed, in the order of locks; NIL as for nodes_along(). */
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
			reason = st_refresh_adapt ? st_refresh_adapt(at_relation) : NULL;
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

/*
 * Upstreams before the stream tables that read them. Returns false if the
 * one asked for is being refreshed elsewhere; an upstream is waited for. No
 * source is locked before the last node is: st_refresh_nodes says why.
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
	ListCell   *lc;

	at_relation = relid;
	check_not_being_refreshed(relid);
	nodes = adapt(order, &units, &adapted);
	if (nodes == NIL)
		return false;
	foreach(lc, nodes)
	{
		table = lfirst(lc);
		check_not_being_refreshed(table->relid);
		if (!st_refresh_lock(table->pgt_id, table->relid != relid))
			return false;
	}
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
		*members = lappend(*members, make_member(entry));
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

Snapshot
st_group_snapshot(void)
{
	if (IsolationUsesXactSnapshot())
		return RegisterSnapshot(GetTransactionSnapshot());
	return RegisterSnapshot(GetLatestSnapshot());
}

/* ----- one node ----- */

/*
 * Rule E1: values that never stood side by side may have met in the delta.
 * Domains and functions in PL/pgSQL raise errors of their own.
 */
const char *
st_delta_error_reason(const ErrorData *error)
{
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	if (category != ERRCODE_TO_CATEGORY(ERRCODE_DATA_EXCEPTION) &&
		category != ERRCODE_TO_CATEGORY(ERRCODE_CARDINALITY_VIOLATION) &&
		category != ERRCODE_TO_CATEGORY(ERRCODE_PLPGSQL_ERROR) &&
		error->sqlerrcode != ERRCODE_CHECK_VIOLATION)
		return NULL;
	return psprintf("an expression failed over the delta: %s", error->message);
}

/*
 * Run the differential maintenance in a subtransaction. Returns NULL, or why
 * it was rolled back; errors other than those of values propagate.
 */
static const char *
try_differential(StMember *member, Snapshot snapshot, StRefreshOutcome *outcome)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	const char *volatile reason = NULL;
	volatile bool spent = false;
	StOwnerScope scope;
	TimestampTz clock = st_clock_set_before(member->entry->table->clock);
	instr_time	start;

	INSTR_TIME_SET_CURRENT(start);

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	outcome->budget = st_budget_begin(st_costs_budget(member->entry));
	PG_TRY();
	{
		st_owner_enter(&scope, member->entry->owner, ST_FAULT("E15") ? NIL : member->entry->table->settings);
		st_statement_check_permissions(member->entry->original);
		reason = st_run_differential(member->entry, member->nsources, member->sources, snapshot, outcome);
		ST_STOP_POINT("delta applied");
		st_owner_leave(&scope);
		if (reason == NULL)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		(void) st_budget_end(outcome->budget);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		(void) st_clock_set_before(clock);
		spent = st_budget_end(outcome->budget);
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		/* an error must not leave with the subtransaction open */
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (spent && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			reason = "computing the delta took far longer than the last recompute";
		else
			reason = st_delta_error_reason(error);
		if (reason == NULL)
			ReThrowError(error);
	}
	PG_END_TRY();
	(void) st_clock_set_before(clock);
	if (reason == NULL || spent)
		st_costs_note_delta(member->entry, outcome->delta_rows, outcome->read_ms + st_elapsed_ms(start), reason != NULL);
	return reason;
}

/*
 * Rule C9: what fires for rows of the stream table must fire inside the
 * owner's operation, or PostgreSQL refuses to queue it there. "deferred" puts
 * those that are deferred by definition back.
 */
void
st_member_set_constraints(Oid relid, bool deferred)
{
	Relation	rel = table_open(relid, AccessShareLock);
	TriggerDesc *triggers = rel->trigdesc;
	ConstraintsSetStmt *statement = makeNode(ConstraintsSetStmt);

	statement->deferred = deferred;
	for (int i = 0; triggers && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];
		HeapTuple	tuple;

		if (!trigger->tgdeferrable || !OidIsValid(trigger->tgconstraint) ||
			(deferred && !trigger->tginitdeferred))
			continue;
		tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(trigger->tgconstraint));
		if (HeapTupleIsValid(tuple))
		{
			Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

			statement->constraints = lappend(statement->constraints,
											 makeRangeVar(get_namespace_name(form->connamespace),
														  pstrdup(NameStr(form->conname)), -1));
			ReleaseSysCache(tuple);
		}
	}
	table_close(rel, NoLock);
	/* an empty list would mean all constraints */
	if (statement->constraints)
		AfterTriggerSetState(statement);
}

static void
recompute(StMember *member, bool empty, Snapshot snapshot, StRefreshOutcome *outcome)
{
	StOwnerScope scope;
	instr_time	start;

	INSTR_TIME_SET_CURRENT(start);
	st_owner_enter(&scope, member->entry->owner, member->entry->table->settings);
	st_statement_check_permissions(member->entry->original);
	st_run_full(member->entry, empty, snapshot, outcome);
	st_owner_leave(&scope);
	outcome->full_ms = st_elapsed_ms(start);
	st_costs_begin(member->entry);
	st_costs_note_recompute(member->entry, outcome->full_ms, empty);
}

/*
 * What "snapshot" saw is consumed. Its command id is that of the log's read:
 * what a user's trigger on the stream table wrote since then comes next time
 * (rules C1, C4).
 */
static void
write_frontiers(StMember *member, Snapshot snapshot, bool recomputed)
{
	CommandCounterIncrement();
	for (int i = 0; i < member->nsources; i++)
	{
		st_frontier_advance(member->sources[i].frontier, member->sources[i].probe, snapshot, recomputed);
		st_frontier_write(member->sources[i].frontier);
	}
}

/*
 * From which time on the next refresh is to find what time has changed. Where
 * nothing was, the time before serves as well, and nothing is written.
 */
static void
write_clock(StEntry *entry)
{
	Oid			types[] = {INT8OID, TIMESTAMPTZOID};
	Datum		values[] = {Int64GetDatum(entry->table->pgt_id), TimestampTzGetDatum(GetCurrentTransactionStartTimestamp())};

	if (entry->program == NULL || !entry->program->clocked || ST_FAULT("E15 clock"))
		return;
	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.stream_table_internals SET clock = $2 WHERE pgt_id = $1",
							  2, types, values, NULL);
	SPI_finish();
	entry->table->clock = GetCurrentTransactionStartTimestamp();
}

/* ----- the record of a run ----- */

static void
raise_created_later(StEntry *entry)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access: stream table \"%s.%s\" was created after the snapshot of this transaction",
					entry->table->schema, entry->table->name),
			 errhint("The transaction might succeed if retried.")));
}

/* A refresh that finds nothing to do writes when it did so no more often than this (rule I5). */
#define IDLE_RECORD_SECONDS 5

static void
record_nothing(StEntry *entry, TimestampTz start)
{
	Oid			types[] = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	TimestampTz end = GetCurrentTimestamp();
	Datum		values[] = {Int64GetDatum(entry->table->pgt_id), TimestampTzGetDatum(start), TimestampTzGetDatum(end)};

	if (entry->table->found_nothing &&
		!TimestampDifferenceExceeds(entry->table->last_refresh_at, end, IDLE_RECORD_SECONDS * 1000))
		return;
	SPI_connect();
	if (st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET data_timestamp = $2, last_refresh_at = $3,"
						   " effective_refresh_mode = 'NO_DATA' WHERE pgt_id = $1", 3, types, values, NULL) == 0)
		raise_created_later(entry);
	SPI_finish();
}

/* Rule K23: the scheduler counts what is too much for the history. */
static bool
leaves_row(const char *initiated_by, const StRefreshOutcome *outcome)
{
	if (strcmp(outcome->action, "NO_DATA") == 0 || strcmp(outcome->action, "SKIP") == 0)
		return false;
	return rows_wanted || strcmp(initiated_by, "SCHEDULER") != 0 || strcmp(outcome->action, "DIFFERENTIAL") != 0 || ST_FAULT("K23");
}

static void
record_change(StEntry *entry, const char *initiated_by, TimestampTz start, const StRefreshOutcome *outcome)
{
	StHistoryRow row = {
		.pgt_id = entry->table->pgt_id,
		.start = start,
		.end = GetCurrentTimestamp(),
		.action = outcome->action,
		.initiated_by = initiated_by,
		.reason = outcome->reason,
		.fallback = outcome->fallback,
		.iterations = outcome->iterations,
		.inserted = outcome->applied.inserted,
		.updated = outcome->applied.updated,
		.deleted = outcome->applied.deleted,
		.delta_rows = outcome->delta_rows,
		.read_ms = outcome->read_ms,
		.delta_ms = outcome->delta_ms,
		.apply_ms = outcome->apply_ms
	};
	bool		full = strcmp(outcome->action, "DIFFERENTIAL") != 0;
	bool		appended = entry->table->append_only && !outcome->reverted;
	Oid			types[] = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, BOOLOID, FLOAT8OID, BOOLOID, INT4OID};
	Datum		values[8];
	char		nulls[] = {' ', ' ', ' ', ' ', ' ', full ? ' ' : 'n', ' ', row.iterations > 0 ? ' ' : 'n', '\0'};

	values[0] = Int64GetDatum(row.pgt_id);
	values[1] = TimestampTzGetDatum(row.start);
	values[2] = TimestampTzGetDatum(row.end);
	values[3] = CStringGetTextDatum(full ? "FULL" : appended ? "APPEND_ONLY" : "DIFFERENTIAL");
	values[4] = BoolGetDatum(entry->stays_stale);
	values[5] = Float8GetDatum(outcome->full_ms);
	values[6] = BoolGetDatum(outcome->reverted);
	values[7] = Int32GetDatum(row.iterations);
	SPI_connect();
	if (st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET status = 'ACTIVE', is_populated = true,"
						   " data_timestamp = $2, last_refresh_at = $3, needs_reinit = $5,"
						   " consecutive_errors = 0, last_error_message = NULL, last_error_at = NULL,"
						   " effective_refresh_mode = $4, last_full_ms = coalesce($6, last_full_ms),"
						   " is_append_only = is_append_only AND NOT $7, last_fixpoint_iterations = $8"
						   " WHERE pgt_id = $1", 8, types, values, nulls) == 0)
		raise_created_later(entry);
	if (!full)
	{
		st_count(ST_COUNT_DELTA, 1);
		st_count(ST_COUNT_DELTA_NETTED, outcome->netted ? 1 : 0);
	}
	st_costs_write(entry);
	if (strcmp(initiated_by, "SCHEDULER") != 0)
	{
		st_history_count(&row);
		st_history_prune(row.pgt_id, st_history_add(&row));
	}
	else if (leaves_row(initiated_by, outcome))
		(void) st_history_add(&row);
	SPI_finish();
}

/* A partition for them was not made yet, or is not wanted: somebody should know. */
static void
warn_of_default(StEntry *entry, const StRefreshOutcome *outcome)
{
	Oid			partition = outcome->applied.inserted + outcome->applied.updated > 0 ?
		st_table_filled_default(entry->relid) : InvalidOid;

	if (OidIsValid(partition))
		ereport(WARNING,
				(errmsg("default partition \"%s\" of stream table \"%s.%s\" holds rows",
						get_rel_name(partition), entry->table->schema, entry->table->name),
				 errdetail("No other partition is for their values."),
				 errhint("Add one with CREATE TABLE ... PARTITION OF; the rows move there.")));
}

static void
record(StEntry *entry, const char *initiated_by, TimestampTz start, const StRefreshOutcome *outcome)
{
	if (strcmp(outcome->action, "NO_DATA") == 0)
		record_nothing(entry, start);
	else
	{
		record_change(entry, initiated_by, start, outcome);
		warn_of_default(entry, outcome);
	}
	if (outcome->steps)
		ereport(LOG,
				(errmsg("refreshed \"%s.%s\": %s, %lld changed source rows, %lld inserted, %lld updated, %lld deleted; read %.3f ms, delta %.3f ms, apply %.3f ms",
						entry->table->schema, entry->table->name, outcome->action,
						(long long) outcome->delta_rows, (long long) outcome->applied.inserted,
						(long long) outcome->applied.updated, (long long) outcome->applied.deleted,
						outcome->read_ms, outcome->delta_ms, outcome->apply_ms),
				 outcome->steps->len > 0 ? errdetail_log("%s", outcome->steps->data) : 0));
}

/*
 * The hash of a row value is another one once its type has got or lost an
 * attribute: the rows stand at the wrong place in the index that finds them.
 */
void
st_member_renew_identity(StMember *member)
{
	StEntry    *entry = member->entry;
	ReindexParams params = {0};
	ListCell   *lc;

	foreach(lc, entry->table->identity_kind == ST_IDENTITY_KEY_HASH ? entry->members : NIL)
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_RELATION)
			(void) StReindexRelationParts(lfirst_oid(lc), 0, &params);
}

/*
 * Rule C8 for what the stream table itself consists of: the crash mark if the
 * table or a state is UNLOGGED, else "".
 */
static const char *
unlogged_mark(StEntry *entry)
{
	bool		unlogged = false;
	ListCell   *lc;

	foreach(lc, entry->members)
		unlogged |= get_rel_persistence(lfirst_oid(lc)) == RELPERSISTENCE_UNLOGGED;
	for (int i = 0; i < entry->table->nstates; i++)
		unlogged |= get_rel_persistence(entry->table->states[i]) == RELPERSISTENCE_UNLOGGED;
	return unlogged && !ST_FAULT("C8 own") ? st_crash_mark_ensure() : "";
}

/* Rule G4: may there be rows that the guard has not seen? */
static bool
others_wrote(StEntry *entry)
{
	return entry->guard_fingerprint[0] == '!' ||
		strcmp(entry->guard_fingerprint, entry->table->guard_fingerprint) != 0;
}

/* The contents are those of the functions, types and files as they are now. */
static void
adopt_present(StEntry *entry)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[4];
	const char *mark = unlogged_mark(entry);

	/* nothing tells when the guard is whole again */
	if (entry->guard_fingerprint[0] == '!')
		st_entry_forget(entry->relid);
	if (strcmp(entry->functions_fingerprint, entry->table->functions_fingerprint) == 0 &&
		strcmp(entry->guard_fingerprint, entry->table->guard_fingerprint) == 0 &&
		strcmp(mark, entry->table->unlogged_mark) == 0)
		return;
	values[0] = Int64GetDatum(entry->table->pgt_id);
	values[1] = CStringGetTextDatum(entry->functions_fingerprint);
	values[2] = CStringGetTextDatum(mark);
	values[3] = CStringGetTextDatum(entry->guard_fingerprint);
	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.stream_table_internals SET functions_fingerprint = $2, unlogged_mark = $3,"
							  " guard_fingerprint = $4 WHERE pgt_id = $1", 4, types, values, NULL);
	SPI_finish();
	CacheInvalidateRelcacheByRelid(entry->relid);
	st_entry_forget(entry->relid);
}

/* What spilled to a file must not wait for the end of the transaction. */
void
st_member_end_sources(StMember *member)
{
	for (int i = 0; i < member->nsources; i++)
	{
		if (member->sources[i].rows)
			tuplestore_end(member->sources[i].rows);
		member->sources[i].rows = NULL;
		member->sources[i].count = 0;
	}
}

/* A refresh that had nothing to do. */
static void
found_nothing(StMember *member, const char *initiated_by, TimestampTz start, Snapshot snapshot,
			  StRefreshOutcome *outcome)
{
	outcome->action = "NO_DATA";
	/* written when it spares the next one as much reading (rule C13) */
	if (outcome->log_pages > FEW_PAGES)
		write_frontiers(member, snapshot, false);

	/*
	 * rule C13: the scheduler knows, and looks often, unless nobody would
	 * tell
	 */
	if (strcmp(initiated_by, "SCHEDULER") != 0 || member->entry->table->copies != NIL)
		record(member->entry, initiated_by, start, outcome);
}

static void
note_held(StRefreshOutcome *outcome)
{
	memset(outcome, 0, sizeof(StRefreshOutcome));
	outcome->action = "SKIP";
}

/*
 * Rows of a source have left that was to be appended to only: that is a
 * mistake, or the promise was one. The delta is right in either case.
 */
static void
check_promise(StEntry *entry, StRefreshOutcome *outcome)
{
	if (!entry->table->append_only || outcome->minus_rows == 0)
		return;
	outcome->reverted = true;
	ereport(WARNING,
			(errmsg("stream table \"%s.%s\" is not append-only any more", entry->table->schema, entry->table->name),
			 errdetail("Rows of its sources were updated or deleted."),
			 errhint("Call pgtrickle.alter_stream_table() with append_only => true when that was a mistake.")));
}

const char *
st_member_reason(StMember *member, bool full, bool *renew)
{
	StEntry    *entry = member->entry;

	*renew = strcmp(entry->functions_fingerprint, entry->table->functions_fingerprint) != 0 && !ST_FAULT("E16");
	if (member->adapted)
		return member->adapted;
	if (!entry->table->populated)
		return "first fill";
	if (entry->program == NULL)
		return entry->reason;
	if (entry->table->needs_reinit)
		return "marked for recompute";
	if (full)
		return "asked for";
	if (*renew)
		return st_functions_are_same(entry->functions_fingerprint, entry->table->functions_fingerprint) ?
			"a type was altered" : "a function was replaced";
	if (strcmp(unlogged_mark(entry), entry->table->unlogged_mark) != 0)
		return "the stream table or a state became UNLOGGED or LOGGED, or a crash emptied it";
	if (others_wrote(entry) && !ST_FAULT("G4 disabled"))
		return "others could write to the stream table";
	return NULL;
}

void
st_member_finish(StMember *member, const char *initiated_by, TimestampTz start, bool recomputed,
				 const StRefreshOutcome *outcome)
{
	CommandCounterIncrement();
	for (int i = 0; i < member->nsources; i++)
		st_frontier_write(member->sources[i].frontier);
	if (recomputed)
	{
		adopt_present(member->entry);
		st_identity_settle(member->entry, initiated_by);
	}
	/* the scheduler knows what found nothing (rule C13) */
	if (strcmp(outcome->action, "NO_DATA") != 0 || strcmp(initiated_by, "SCHEDULER") != 0)
		record(member->entry, initiated_by, start, outcome);
}

/* *hold: set if it has found so much to do that it has done nothing. */
static void
run_member(StMember *member, const char *initiated_by, bool full, Snapshot snapshot,
		   StRefreshOutcome *outcome, StHold **hold)
{
	StEntry    *entry = member->entry;
	bool		initial = !entry->table->populated;
	const char *reason;
	bool		renew;
	bool		recomputed = true;
	TimestampTz start = GetCurrentTimestamp();

	memset(outcome, 0, sizeof(StRefreshOutcome));
	if (st_guc_log_refresh)
		outcome->steps = makeStringInfo();
	reason = st_member_reason(member, full, &renew);
	if (reason == NULL)
	{
		int64		rows = 0;

		st_costs_begin(entry);

		/*
		 * a fuse wants to know how much has changed, append_only what has
		 * left
		 */
		reason = entry->table->fused || entry->table->append_only ? NULL : st_foresee_sources(member, snapshot);
		if (reason == NULL)
		{
			st_progress_phase(ST_PHASE_READING);
			reason = st_read_sources(member, snapshot, outcome);
			st_progress_rows(outcome->delta_rows);
			rows = outcome->delta_rows;
			outcome->fallback = reason != NULL;
			check_promise(entry, outcome);
			if (outcome->read_spent)
				st_costs_note_unread(entry, rows, outcome->log_pages, outcome->read_ms);
		}
		ST_STOP_POINT("changes read");
		if (reason == NULL && rows == 0 && (!entry->program->clocked || ST_FAULT("E15 skip")))
		{
			found_nothing(member, initiated_by, start, snapshot, outcome);
			return;
		}
		if (reason == NULL && strcmp(initiated_by, "SCHEDULER") == 0)
		{
			*hold = st_hold_fuse(entry->table, outcome->delta_rows, snapshot);
			if (*hold)
			{
				note_held(outcome);
				return;
			}
		}
		if (reason == NULL)
			reason = st_costs_choose(entry, rows, outcome->change_ratio);
		if (reason == NULL)
		{
			st_progress_phase(ST_PHASE_FOLLOWING);
			st_member_set_constraints(entry->relid, false);
			reason = try_differential(member, snapshot, outcome);
			outcome->fallback = reason != NULL;
			recomputed = reason != NULL;
			if (!recomputed && outcome->delta_rows == 0 && outcome->clock_rows == 0)
			{
				st_member_set_constraints(entry->relid, true);
				found_nothing(member, initiated_by, start, snapshot, outcome);
				return;
			}
		}
	}
	if (recomputed)
	{
		memset(&outcome->applied, 0, sizeof(StApplyResult));
		st_note_step(outcome, "recompute because: %s", reason);
		if (renew)
			st_member_renew_identity(member);
		st_progress_phase(ST_PHASE_RECOMPUTING);
		st_member_set_constraints(entry->relid, false);
		recompute(member, initial, snapshot, outcome);
		ST_STOP_POINT("recomputed");
	}
	st_progress_phase(ST_PHASE_FINISHING);
	st_member_set_constraints(entry->relid, true);
	outcome->reason = reason;
	outcome->action = !recomputed ? "DIFFERENTIAL" : entry->table->needs_reinit || member->adapted ? "REINITIALIZE" : "FULL";
	write_frontiers(member, snapshot, recomputed);
	write_clock(entry);
	ST_STOP_POINT("frontiers written");
	if (recomputed)
	{
		adopt_present(entry);
		st_identity_settle(entry, initiated_by);
	}
	record(entry, initiated_by, start, outcome);
}

/*
 * A partition that was attached or triggers that were dropped since, or columns
 * that the program reads and its first version did not (rule B9): complete
 * capture before the snapshot, under its lock; the generation, or rows that lack
 * the columns, then say that this refresh must recompute. They say so each
 * time until it succeeds: we hold nodes, for which others wait, and must not
 * wait for a lock. Nor may a snapshot be older than the capture that it counts
 * as complete.
 */
static void
complete_capture(StMember *member)
{
	ListCell   *lc;
	StOwnerScope scope;

	if (member->entry->program == NULL || IsolationUsesXactSnapshot())
		return;
	foreach(lc, member->entry->program->sources)
	{
		StSource   *source = lfirst(lc);

		if (st_store_hooks.is_complete(source->relid) &&
			(st_log_holds(source->relid, source->attnums) || ST_FAULT("B9 refresh")))
			continue;
		st_owner_enter(&scope, member->entry->owner, NIL);
		(void) st_store_hooks.complete(source->relid, source->attnums);
		st_owner_leave(&scope);
	}
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

void
st_member_probe(StMember *member)
{
	for (int i = 0; i < member->nsources; i++)
	{
		StSourceDelta *source = &member->sources[i];

		source->frontier = st_frontier_read(member->entry->table->pgt_id, source->relid);
		source->probe = st_log_probe(source->frontier);
	}
}

/*
 * Rule C5 for whatever the run may touch, before it touches anything: under a
 * snapshot older than the last refresh, rows that others have written since
 * would be written again; under one older than the storage of a table, the
 * table is empty. The frontiers tell only where a log is read.
 */
static void
check_snapshot_age(StMember *member, Snapshot snapshot)
{
	StEntry    *entry = member->entry;
	ListCell   *lc;
	ListCell   *lc2;

	if (!IsolationUsesXactSnapshot())
		return;
	st_require_seen(entry->table->written_by, snapshot);

	/*
	 * the stream table and the sources are locked, the partitions below them
	 * here
	 */
	foreach(lc, find_all_inheritors(entry->relid, AccessShareLock, NULL))
		st_require_storage_seen(lfirst_oid(lc), snapshot);
	for (int i = 0; i < entry->table->nstates; i++)
	{
		LockRelationOid(entry->table->states[i], AccessShareLock);
		st_require_storage_seen(entry->table->states[i], snapshot);
	}
	foreach(lc, entry->relations)
		foreach(lc2, find_all_inheritors(lfirst_oid(lc), AccessShareLock, NULL))
			st_require_storage_seen(lfirst_oid(lc2), snapshot);
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
	run->recorded = leaves_row(initiated_by, outcome);
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

	note_held(outcome);
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
		complete_capture(lfirst(lc));
	poll_sources(members);
	foreach(lc, members)
		st_member_probe(lfirst(lc));
	ST_STOP_POINT("logs probed");
	CommandCounterIncrement();
	snapshot = st_group_snapshot();
	ST_STOP_POINT("snapshot taken");
	foreach(lc, members)
		check_snapshot_age(lfirst(lc), snapshot);
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
		st_progress_member(at_relation, list_length(nodes));
		if (member->entry->table->component > 0 && !member->done)
			run_component_of(members, member, initiated_by, full && find_member(component_of(members, member), relid), snapshot);
		if (member->hold)
			note_held(outcome);
		else if (member->done)
			*outcome = member->outcome;
		else
		{
			PushCopiedSnapshot(snapshot);
			if (!ST_FAULT("C6"))
				UpdateActiveSnapshotCommandId();
			run_member(member, initiated_by, full && is_asked, GetActiveSnapshot(), outcome, &member->hold);
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
	if (outer == NIL)
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
	if (outer == NIL)
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
	GroupOrder	order = {.relid = relid,.all = true};

	return refresh(&order, initiated_by, full, outcome);
}

bool
st_refresh_scheduled(Oid relid, List *along, List *units, bool probe, bool record, StRefreshOutcome *outcome)
{
	GroupOrder	order = {relid, false, along, units, probe};

	/* no other refresh of the scheduler runs in this process; it is set anew by the next one */
	rows_wanted = record;
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
		run_known_group(list_make1(make_member(entry)), relid, "INITIAL", false, outcome);
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

bool
st_refresh_skip(Oid relid)
{
	StStreamTable *table = st_stream_table_get(relid);
	StMember *member;
	Snapshot	snapshot;

	check_not_being_refreshed(relid);
	if (!st_refresh_lock(table->pgt_id, false))
		return false;
	st_entries_hold();
	member = make_member(st_entry_get(relid));
	st_member_probe(member);
	CommandCounterIncrement();
	snapshot = st_group_snapshot();
	check_snapshot_age(member, snapshot);
	write_frontiers(member, snapshot, false);
	UnregisterSnapshot(snapshot);
	st_entries_release();
	return true;
}
