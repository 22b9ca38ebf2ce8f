/*-------------------------------------------------------------------------
 *
 * member.c
 *	  One stream table of a group: follow its changes or recompute it, then
 *	  write its frontiers and the record of the run.
 *
 * NOTES
 *	  Runs under the node's lock and the group's snapshot, which refresh.c takes;
 *	  component_run.c uses the same steps for several members at once. Following
 *	  is a subtransaction (rule E1): errors of values in it, and a row that is not
 *	  where it must be, lead to a recompute with the reason recorded; any other
 *	  error is the caller's. What is read of the sources lives until
 *	  st_member_end_sources(), everything else in the group's memory context.
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
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

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
#include "refresh/progress.h"
#include "refresh/source_read.h"
#include "refresh/refresh.h"
#include "store/store.h"
#include "util/clock.h"
#include "util/counters.h"
#include "util/fault.h"


/* pages of change logs that a refresh may read in vain each time */
#define FEW_PAGES 16

/* does the scheduler want a row in the history of what follows its changes? */
static bool rows_wanted = true;

StMember *
st_member_make(StEntry *entry)
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
		/*
		 * capture goes on: what the recompute has seen must not stay in the
		 * logs
		 */
		member->sources = palloc0(sizeof(StSourceDelta) * Max(list_length(entry->relations), 1));
		foreach(lc, entry->relations)
			if (st_log_exists(lfirst_oid(lc)))
				member->sources[member->nsources++].relid = lfirst_oid(lc);
	}
	return member;
}

Snapshot
st_group_snapshot(void)
{
	if (IsolationUsesXactSnapshot())
		return RegisterSnapshot(GetTransactionSnapshot());
	return RegisterSnapshot(GetLatestSnapshot());
}

/* ----- evaluating and applying ----- */

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
void
st_member_write_frontiers(StMember *member, Snapshot snapshot, bool recomputed)
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

void
st_member_want_rows(bool wanted)
{
	rows_wanted = wanted;
}

/* Rule K23: the scheduler counts what is too much for the history. */
bool
st_member_leaves_row(const char *initiated_by, const StRefreshOutcome *outcome)
{
	if (strcmp(outcome->action, "NO_DATA") == 0 || strcmp(outcome->action, "SKIP") == 0)
		return false;
	return rows_wanted || strcmp(initiated_by, "SCHEDULER") != 0 || strcmp(outcome->action, "DIFFERENTIAL") != 0 || ST_FAULT("K23");
}

/* From now on it cannot follow changes, or it can again. */
static void
note_stale(StEntry *entry)
{
	const char *was = entry->table->stale_reason;
	const char *is = entry->stays_stale ? entry->reason : NULL;
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[] = {Int64GetDatum(entry->table->pgt_id), is ? CStringGetTextDatum(is) : (Datum) 0};

	if (is == NULL ? was == NULL : was != NULL && strcmp(is, was) == 0)
		return;
	(void) st_catalog_execute("UPDATE pgtrickle.stream_table_internals SET stale_reason = $2 WHERE pgt_id = $1",
							  2, types, values, is ? NULL : " n");
	CacheInvalidateRelcacheByRelid(entry->relid);
	st_entry_forget(entry->relid);
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
	/* the row of stream_table_internals first, as everybody has it */
	note_stale(entry);
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
	else if (st_member_leaves_row(initiated_by, outcome))
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

const char *
st_member_recompute_action(const StMember *member)
{
	const StStreamTable *table = member->entry->table;
	bool		begins = member->entry->stays_stale && table->populated && table->stale_reason == NULL;
	bool		ends = !member->entry->stays_stale && table->needs_reinit;

	return begins || ends || member->adapted ? "REINITIALIZE" : "FULL";
}

/* A refresh that had nothing to do. */
static void
found_nothing(StMember *member, const char *initiated_by, TimestampTz start, Snapshot snapshot,
			  StRefreshOutcome *outcome)
{
	outcome->action = "NO_DATA";
	/* written when it spares the next one as much reading (rule C13) */
	if (outcome->log_pages > FEW_PAGES)
		st_member_write_frontiers(member, snapshot, false);

	/*
	 * rule C13: the scheduler knows, and looks often, unless nobody would
	 * tell
	 */
	if (strcmp(initiated_by, "SCHEDULER") != 0 || member->entry->table->copies != NIL)
		record(member->entry, initiated_by, start, outcome);
}

void
st_refresh_note_held(StRefreshOutcome *outcome)
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
		return entry->table->stale_reason ? psprintf("until now it was recomputed each time (%s)", entry->table->stale_reason) : "marked for recompute";
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
		st_identity_settle(member->entry);
	}
	/* the scheduler knows what found nothing (rule C13) */
	if (strcmp(outcome->action, "NO_DATA") != 0 || strcmp(initiated_by, "SCHEDULER") != 0)
		record(member->entry, initiated_by, start, outcome);
}

/* *hold: set if it has found so much to do that it has done nothing. */
void
st_member_run(StMember *member, const char *initiated_by, bool full, Snapshot snapshot,
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
				st_refresh_note_held(outcome);
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
	outcome->action = recomputed ? st_member_recompute_action(member) : "DIFFERENTIAL";
	st_member_write_frontiers(member, snapshot, recomputed);
	write_clock(entry);
	ST_STOP_POINT("frontiers written");
	if (recomputed)
	{
		adopt_present(entry);
		st_identity_settle(entry);
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
void
st_member_complete_capture(StMember *member)
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
void
st_member_check_snapshot(StMember *member, Snapshot snapshot)
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
