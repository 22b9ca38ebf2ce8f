/*-------------------------------------------------------------------------
 *
 * alter.c
 *	  pgtrickle.alter_stream_table()
 *
 * NOTES
 *	  A change between FULL and DIFFERENTIAL makes or drops states, capture and
 *	  frontiers, and recomputes in the same transaction: capture begins under
 *	  ShareRowExclusiveLock on the sources, before the snapshot of the
 *	  recompute (rule C7), as at creation.
 *
 *	  Lock order (rule J9): st_definition_lock, with the nodes of all upstreams
 *	  because the recompute refreshes them; then the stream table. The index of
 *	  an identity that is no longer used is dropped last, because that locks out
 *	  readers until the end of the transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "api/definition.h"
#include "api/name.h"
#include "capture/capture.h"
#include "catalog/extension.h"
#include "compat.h"
#include "refresh/poll.h"
#include "schedule/timing.h"
#include "store/store.h"

PG_FUNCTION_INFO_V1(st_sql_alter_stream_table);

static void
set_column(Oid relid, const char *sql, const char *value)
{
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[2] = {ObjectIdGetDatum(relid), value ? CStringGetTextDatum(value) : (Datum) 0};

	(void) st_catalog_execute(sql, 2, types, values, value ? NULL : " n");
}

/* ----- status ----- */

static void
alter_status(Oid relid, const char *status)
{
	static const char *const statuses[] = {"INITIALIZING", "ACTIVE", "SUSPENDED", "ERROR"};

	for (int i = 0; i < lengthof(statuses); i++)
		if (pg_strcasecmp(status, statuses[i]) == 0)
		{
			set_column(relid, "UPDATE pgtrickle.pgt_stream_tables SET status = $2, updated_at = pg_catalog.now(),"
					   " consecutive_errors = CASE WHEN $2 = 'ACTIVE' THEN 0 ELSE consecutive_errors END,"
					   " last_error_message = NULL, last_error_at = NULL"
					   " WHERE pgt_relid = $1", statuses[i]);

			/*
			 * whoever resumes it says that the query may run with the owner's
			 * rights (rule J17)
			 */
			if (strcmp(statuses[i], "ACTIVE") == 0)
				st_stream_table_accept_owner(st_require_stream_table(relid)->pgt_id, st_relation_owner(relid));
			return;
		}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: unknown status \"%s\"", status),
			 errhint("Use INITIALIZING, ACTIVE, SUSPENDED or ERROR.")));
}

static void
alter_tier(Oid relid, const char *tier)
{
	static const char *const tiers[] = {"hot", "warm", "cold", "frozen"};

	for (int i = 0; i < lengthof(tiers); i++)
		if (pg_strcasecmp(tier, tiers[i]) == 0)
		{
			set_column(relid, "UPDATE pgtrickle.pgt_stream_tables SET refresh_tier = $2, updated_at = pg_catalog.now()"
					   " WHERE pgt_relid = $1", tiers[i]);
			return;
		}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: unknown tier \"%s\"", tier),
			 errhint("Use hot, warm, cold or frozen.")));
}

/* Whatever else was changed, a table in status ERROR gets another chance. */
static void
leave_error(Oid relid)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(relid)};

	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET status = 'ACTIVE', consecutive_errors = 0,"
							  " last_error_message = NULL, last_error_at = NULL"
							  " WHERE pgt_relid = $1 AND status = 'ERROR'", 1, types, values, NULL);
}

/* ----- mode ----- */

/* Sources that the stream table has captured so far, by OID. */
static List *
captured_sources(int64 pgt_id)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(pgt_id)};

	return st_catalog_oids("SELECT source_relid FROM pgtrickle.source_frontier WHERE pgt_id = $1 ORDER BY source_relid",
						   1, types, values);
}

/*
 * The sources whose capture begins or ends with the wanted mode, as far as can
 * be told without reading the query, which would lock them: those that the
 * owner may capture (rule J16).
 */
static List *
sources_concerned(StStreamTable *table, const char *wanted)
{
	Oid			owner = st_relation_owner(table->relid);
	List	   *sources = NIL;
	ListCell   *lc;

	if (strcmp(table->refresh_mode, "FULL") != 0)
		return strcmp(wanted, "FULL") == 0 ? captured_sources(table->pgt_id) : NIL;
	if (strcmp(wanted, "FULL") == 0)
		return NIL;
	foreach(lc, st_sources_of(table->pgt_id))
	{
		char		relkind = get_rel_relkind(lfirst_oid(lc));

		if ((relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE) &&
			pg_class_aclcheck(lfirst_oid(lc), owner, ACL_TRIGGER) == ACLCHECK_OK)
			sources = lappend_oid(sources, lfirst_oid(lc));
	}
	return sources;
}

/* Record what the stream table is from now on; needs a recompute if it was filled. */
static void
update_catalog(StStreamTable *table, StDefinition *definition)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, OIDARRAYOID, INT2OID, INT2ARRAYOID, OIDARRAYOID, INT2ARRAYOID,
	OIDARRAYOID};
	Datum		values[10];
	char		nulls[11] = "          ";

	values[0] = Int64GetDatum(table->pgt_id);
	values[1] = CStringGetTextDatum(definition->requested_mode);
	values[2] = definition->reason ? CStringGetTextDatum(definition->reason) : (Datum) 0;
	nulls[2] = definition->reason ? ' ' : 'n';
	values[3] = CStringGetTextDatum(definition->mode);
	values[4] = st_oid_array(definition->nstates, definition->states);
	values[5] = Int16GetDatum(definition->identity.kind);
	values[6] = st_attnum_array(definition->identity.nkeys, definition->identity.keys);
	st_definition_unindexed(definition, &values[7], &values[8]);
	values[9] = st_oid_list_array(definition->copies);
	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.stream_table_internals SET requested_refresh_mode = $2, full_reason = $3,"
							  " states = $5, identity_kind = $6, key_columns = $7,"
							  " unindexed_relations = $8, unindexed_columns = $9, copies = $10"
							  " WHERE pgt_id = $1", 10, types, values, nulls);
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET refresh_mode = $4, needs_reinit = is_populated,"
							  " updated_at = pg_catalog.now()"
							  " WHERE pgt_id = $1", 4, types, values, nulls);
	st_definition_write_dependencies(definition, table->pgt_id);
	SPI_finish();
	CacheInvalidateRelcacheByRelid(table->relid);
	CommandCounterIncrement();
}

/* The mode stays; what was asked for is remembered (rule I4). */
static void
remember_requested_mode(StStreamTable *table, StDefinition *definition)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID};
	Datum		values[] = {Int64GetDatum(table->pgt_id), CStringGetTextDatum(definition->requested_mode),
	definition->reason ? CStringGetTextDatum(definition->reason) : (Datum) 0};

	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.stream_table_internals SET requested_refresh_mode = $2, full_reason = $3"
							  " WHERE pgt_id = $1", 3, types, values, definition->reason ? NULL : "  n");
	SPI_finish();
	CacheInvalidateRelcacheByRelid(table->relid);
}

/* What the new mode makes of the stored query, judged as the owner (rule J15). */
static void
decide(StStreamTable *table, StDefinition *definition, Oid owner)
{
	StOwnerScope scope;

	definition->name = table->name;
	definition->relid = table->relid;
	definition->query = st_stored_query(table);
	st_owner_enter(&scope, owner, table->settings);
	st_definition_decide(definition);
	if (strcmp(definition->mode, table->refresh_mode) != 0)
		st_definition_prepare_copies(definition);
	st_owner_leave(&scope);
	if (strcmp(definition->mode, table->refresh_mode) != 0 && definition->sources)
		st_require_fresh_snapshot();
}

/* The right to capture the sources is the owner's (rule J16). */
static void
install_capture(StStreamTable *table, StDefinition *definition, Oid owner)
{
	StOwnerScope scope;

	st_owner_enter(&scope, owner, table->settings);
	st_definition_install_capture(definition);
	st_owner_leave(&scope);
}

static void
switch_mode(StStreamTable *table, StDefinition *definition)
{
	List	   *captured = captured_sources(table->pgt_id);
	StIdentity	old_identity = {table->identity_kind, table->nkeys, table->keys};
	bool		same_identity = definition->identity.kind == old_identity.kind &&
		definition->identity.nkeys == old_identity.nkeys &&
		(old_identity.nkeys == 0 ||
		 memcmp(definition->identity.keys, old_identity.keys, sizeof(AttrNumber) * old_identity.nkeys) == 0);
	ListCell   *lc;

	if (table->populated && strcmp(table->status, "SUSPENDED") != 0)
		st_definition_fill_copies(definition);
	if (definition->sources)
		install_capture(table, definition, st_relation_owner(table->relid));
	st_definition_create_states(definition, table->pgt_id);
	st_definition_create_indexes(definition, !same_identity);
	update_catalog(table, definition);
	if (table->populated && strcmp(table->status, "SUSPENDED") != 0)
	{
		StRefreshOutcome outcome;

		ereport(WARNING,
				(errmsg("stream table \"%s.%s\" changes its refresh mode from %s to %s and is recomputed",
						table->schema, table->name, table->refresh_mode, definition->mode)));
		(void) st_refresh(table->relid, "MANUAL", false, &outcome);
	}

	if (definition->tree == NULL)
	{
		st_frontier_delete(table->pgt_id);
		CommandCounterIncrement();
		for (int i = 0; i < table->nstates; i++)
			st_extension_drop_relation(table->states[i]);
		foreach(lc, list_difference_oid(captured, table->copies))
			st_capture_remove(lfirst_oid(lc));
		st_poll_drop_unused();
	}
	if (!same_identity)
		st_identity_drop_index(table->relid, &old_identity);
}

static void
alter_mode(Oid relid, const char *mode)
{
	StStreamTable *table = st_require_stream_table(relid);
	StDefinition definition = {.requested_mode = st_parse_mode(mode)};
	List	   *sources;

	if (strcmp(definition.requested_mode, "IMMEDIATE") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("refresh mode IMMEDIATE is not available in this release"),
				 errhint("Use AUTO, FULL or DIFFERENTIAL.")));
	sources = sources_concerned(table, definition.requested_mode);
	if (sources)
		st_definition_lock(sources, st_refresh_nodes(table));
	LockRelationOid(relid, ShareRowExclusiveLock);
	/* somebody else may have changed or dropped it while we waited */
	table = st_require_stream_table(relid);
	decide(table, &definition, st_relation_owner(relid));
	if (strcmp(definition.mode, table->refresh_mode) == 0)
	{
		remember_requested_mode(table, &definition);
		return;
	}
	/* it cannot be maintained any more as it is, which only the query told */
	if (sources == NIL)
		st_definition_lock(definition.tree ? st_definition_sources(&definition) : captured_sources(table->pgt_id),
						   st_refresh_nodes(table));
	switch_mode(table, &definition);
}

Datum
st_sql_alter_stream_table(PG_FUNCTION_ARGS)
{
	static const char *const later[] = {
		NULL, "query", NULL, NULL, NULL, "diamond_consistency", "diamond_schedule_policy", "cdc_mode",
		"append_only", "pooler_compatibility_mode", NULL, "fuse", "fuse_ceiling", "fuse_sensitivity",
		"partition_by", "max_differential_joins", "max_delta_fraction"
	};
	Oid			relid;
	bool		changed = false;
	char	   *schedule = NULL;

	PreventCommandIfReadOnly("alter_stream_table()");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("invalid argument: name must not be NULL")));
	relid = st_resolve_stream_table(PG_GETARG_TEXT_PP(0));
	st_require_owner(relid);
	st_note_lifecycle_call();
	for (int i = 0; i < lengthof(later); i++)
	{
		changed |= i > 0 && !PG_ARGISNULL(i);
		if (later[i] && !PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("parameter \"%s\" of alter_stream_table() is not available in this release", later[i]),
					 errhint("Drop the stream table and create it with the other value.")));
	}
	if (!changed)
		PG_RETURN_VOID();
	if (!PG_ARGISNULL(2))
		schedule = st_parse_schedule(text_to_cstring(PG_GETARG_TEXT_PP(2)));

	/*
	 * its locks come before that of the catalog row, which a refresh writes
	 * last
	 */
	if (!PG_ARGISNULL(3))
		alter_mode(relid, text_to_cstring(PG_GETARG_TEXT_PP(3)));
	SPI_connect();
	if (!PG_ARGISNULL(2))
		set_column(relid, "UPDATE pgtrickle.pgt_stream_tables SET schedule = $2, updated_at = pg_catalog.now()"
				   " WHERE pgt_relid = $1", schedule);
	if (!PG_ARGISNULL(10))
		alter_tier(relid, text_to_cstring(PG_GETARG_TEXT_PP(10)));
	if (!PG_ARGISNULL(4))
		alter_status(relid, text_to_cstring(PG_GETARG_TEXT_PP(4)));
	else
		leave_error(relid);
	SPI_finish();
	CacheInvalidateRelcacheByRelid(relid);
	PG_RETURN_VOID();
}
