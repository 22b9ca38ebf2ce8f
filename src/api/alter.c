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
 *	  Lock order (rule J9): st_definition_lock_all, with the nodes of all
 *	  upstreams because the recompute refreshes them; then the stream table. The index of
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
#include "utils/formatting.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "api/definition.h"
#include "api/fuse.h"
#include "api/name.h"
#include "api/parameter.h"
#include "api/partition.h"
#include "api/redefine.h"
#include "capture/capture.h"
#include "catalog/extension.h"
#include "catalog/fuse.h"
#include "catalog/saved.h"
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
			{
				st_fuse_arm(st_stream_table_get(relid)->pgt_id, true);
				st_stream_table_accept_owner(st_stream_table_get(relid)->pgt_id, st_relation_owner(relid));
			}
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
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[2] = {ObjectIdGetDatum(relid)};

	for (int i = 0; i < lengthof(tiers); i++)
		if (pg_strcasecmp(tier, tiers[i]) == 0)
		{
			values[1] = CStringGetTextDatum(tiers[i]);
			if (i >= 2 &&
				st_catalog_execute("SELECT 1 FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = $1 AND refresh_tier = 'hot' AND $2 <> 'hot'",
								   2, types, values, NULL) > 0)
				ereport(NOTICE,
						(errmsg("stream table \"%s\" leaves the tier hot for %s", get_rel_name(relid), tiers[i]),
						 errdetail(i == 3 ? "It is not refreshed by itself any more." : "It is refreshed less often than its schedule says.")));
			(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET refresh_tier = $2, updated_at = pg_catalog.now()"
									  " WHERE pgt_relid = $1", 2, types, values, NULL);
			return;
		}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: unknown tier \"%s\"", tier),
			 errhint("Use hot, warm, cold or frozen.")));
}

/* ----- words, flags and limits ----- */

static char *
word(FunctionCallInfo fcinfo, int n)
{
	char	   *value = PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));

	return value ? asc_tolower(value, strlen(value)) : NULL;
}

/* In the order of creation's checks, before anything is changed. */
static void
check_parameters(FunctionCallInfo fcinfo)
{
	char	   *cdc_mode = word(fcinfo, 7);

	st_require_one_of("diamond_consistency", word(fcinfo, 5), "none", "atomic", NULL);
	st_require_one_of("diamond_schedule_policy", word(fcinfo, 6), "fastest", "slowest", NULL);
	st_require_one_of("cdc_mode", cdc_mode, "auto", "trigger", "wal");
	if (cdc_mode && strcmp(cdc_mode, "wal") == 0)
		st_refuse_parameter("cdc_mode 'wal'");
	st_require_one_of("fuse", word(fcinfo, 11), "off", "on", "auto");
	if (!PG_ARGISNULL(14) && *text_to_cstring(PG_GETARG_TEXT_PP(14)) != '\0')
		(void) st_partitioning_parse(text_to_cstring(PG_GETARG_TEXT_PP(14)));
	st_check_limits(PG_ARGISNULL(15) ? 0 : PG_GETARG_INT32(15), PG_ARGISNULL(16) ? 0 : PG_GETARG_FLOAT8(16));
}

/* NULL leaves what is; 0 is no limit. */
static void
alter_options(FunctionCallInfo fcinfo, Oid relid)
{
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, INT4OID, FLOAT8OID, BOOLOID};
	static const int arguments[] = {5, 6, 7, 9, 15, 16, 8};
	Datum		values[8] = {ObjectIdGetDatum(relid)};
	char		nulls[] = "        ";
	bool		isnull;

	for (int i = 0; i < lengthof(arguments); i++)
	{
		char	   *chosen = i < 3 ? word(fcinfo, arguments[i]) : NULL;

		nulls[i + 1] = PG_ARGISNULL(arguments[i]) ? 'n' : ' ';
		values[i + 1] = chosen ? CStringGetTextDatum(chosen) : PG_GETARG_DATUM(arguments[i]);
	}
	if (strcmp(nulls, " nnnnnnn") == 0)
		return;
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET diamond_consistency = coalesce($2, diamond_consistency),"
							  " diamond_schedule_policy = coalesce($3, diamond_schedule_policy),"
							  " requested_cdc_mode = coalesce($4, requested_cdc_mode),"
							  " pooler_compatibility_mode = coalesce($5, pooler_compatibility_mode),"
							  " max_differential_joins = CASE WHEN $6 IS NULL THEN max_differential_joins ELSE nullif($6, 0) END,"
							  " max_delta_fraction = CASE WHEN $7 IS NULL THEN max_delta_fraction ELSE nullif($7, 0) END,"
							  " is_append_only = coalesce($8, is_append_only),"
							  " updated_at = pg_catalog.now() WHERE pgt_relid = $1"
							  " RETURNING diamond_consistency, diamond_schedule_policy", 8, types, values, nulls);
	st_check_diamond(TextDatumGetCString(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)),
					 TextDatumGetCString(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull)));
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
		return strcmp(wanted, "FULL") == 0 ? st_captured_sources(table->pgt_id) : NIL;
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
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[] = {Int64GetDatum(table->pgt_id), CStringGetTextDatum(definition->mode)};

	SPI_connect();
	st_definition_update_internals(definition, table->pgt_id);
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET refresh_mode = $2, needs_reinit = is_populated,"
							  " updated_at = pg_catalog.now()"
							  " WHERE pgt_id = $1", 2, types, values, NULL);
	st_definition_write_facts(definition, table->pgt_id);
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
	st_definition_map_identity(definition);
	st_owner_leave(&scope);
	if (strcmp(definition->mode, table->refresh_mode) != 0 && definition->sources)
		st_require_fresh_snapshot();
}

static void
switch_mode(StStreamTable *table, StDefinition *definition)
{
	List	   *captured = st_captured_sources(table->pgt_id);
	StIdentityChange identity = {.before = {table->identity_kind, table->nkeys, table->keys}, .left = true};
	bool		fill = table->populated && strcmp(table->status, "SUSPENDED") != 0;
	ListCell   *lc;

	identity.same = st_same_identity(&definition->identity, &identity.before);
	if (fill)
		st_definition_fill_copies(definition);
	if (definition->sources)
		st_install_capture_as(table, definition, st_relation_owner(table->relid));
	st_definition_create_states(definition, table->pgt_id);
	st_definition_create_indexes(definition, st_identity_change_begin(&identity, definition, table->populated, false));
	update_catalog(table, definition);
	if (fill)
	{
		StRefreshOutcome outcome;

		ereport(WARNING,
				(errmsg("stream table \"%s.%s\" changes its refresh mode from %s to %s and is recomputed",
						table->schema, table->name, table->refresh_mode, definition->mode)));
		(void) st_refresh(table->relid, "MANUAL", false, &outcome);
	}

	/*
	 * readers are locked out from here on; who reads states has locked the
	 * stream table first
	 */
	st_identity_change_end(&identity, table);

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
}

/* Stream tables that read each other are followed together (rule K9). */
static void
check_mode_of_cycle(StStreamTable *table, const StDefinition *definition)
{
	if (table->component > 0 && strcmp(definition->mode, "DIFFERENTIAL") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_SCHEMA_DEFINITION),
				 errmsg("cycle detected in dependency graph: stream table \"%s.%s\" is in one, and cannot have refresh mode %s",
						table->schema, table->name, definition->mode),
				 errhint("With \"%s\" on, the stream tables of a cycle are in mode DIFFERENTIAL, with monotone queries.",
						 "pg_trickle.allow_circular")));
}

typedef struct ModeChange
{
	Oid			relid;
	const char *mode;
} ModeChange;

static void
look_at_mode(StLockSet *set, void *arg)
{
	const ModeChange *change = arg;
	StStreamTable *table = st_stream_table_get(change->relid);

	set->sources = sources_concerned(table, change->mode);
	st_lock_set_add_group(set, table);
}

static void
alter_mode(Oid relid, const char *mode)
{
	ModeChange	change = {relid, mode};
	StDefinition definition = {.requested_mode = mode};
	List	   *sources = st_definition_lock_all(look_at_mode, &change)->sources;
	StStreamTable *table;

	LockRelationOid(relid, ShareRowExclusiveLock);
	table = st_stream_table_get(relid);
	decide(table, &definition, st_relation_owner(relid));
	if (strcmp(definition.mode, table->refresh_mode) == 0)
	{
		remember_requested_mode(table, &definition);
		return;
	}
	/* copies, of which only the query told: they come after the nodes */
	if (sources == NIL)
		st_definition_lock(definition.tree ? st_definition_sources(&definition) : st_captured_sources(table->pgt_id), NIL);
	check_mode_of_cycle(table, &definition);
	switch_mode(table, &definition);
}

/* With a refresh, as each rebuild; returns the OID of what it is from now on. */
static Oid
alter_partitioning(Oid relid, const char *text)
{
	Oid			next = st_repartition(relid, text);
	StStreamTable *table = st_stream_table_get(next);

	if (next != relid && table->populated && strcmp(table->status, "SUSPENDED") != 0)
	{
		StRefreshOutcome outcome;

		(void) st_refresh(next, "MANUAL", false, &outcome);
	}
	return next;
}

Datum
st_sql_alter_stream_table(PG_FUNCTION_ARGS)
{
	Oid			relid;
	bool		changed = false;
	char	   *schedule = NULL;
	char	   *mode;

	PreventCommandIfReadOnly("alter_stream_table()");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("invalid argument: name must not be NULL")));
	relid = st_resolve_stream_table(PG_GETARG_TEXT_PP(0));
	st_require_owner(relid);
	st_note_lifecycle_call();
	mode = PG_ARGISNULL(3) ? NULL : st_parse_mode(text_to_cstring(PG_GETARG_TEXT_PP(3)));
	if (mode && strcmp(mode, "IMMEDIATE") == 0)
		st_refuse_parameter("refresh mode IMMEDIATE");
	check_parameters(fcinfo);
	for (int i = 1; i < PG_NARGS(); i++)
		changed |= !PG_ARGISNULL(i);
	if (!PG_ARGISNULL(2))
		schedule = st_parse_schedule(text_to_cstring(PG_GETARG_TEXT_PP(2)));

	/*
	 * their locks come before that of the catalog row, which a refresh writes
	 * last
	 */
	if (!PG_ARGISNULL(1))
		st_redefine(relid, text_to_cstring(PG_GETARG_TEXT_PP(1)), mode);
	else if (mode)
		alter_mode(relid, mode);
	if (!PG_ARGISNULL(14))
		relid = alter_partitioning(relid, text_to_cstring(PG_GETARG_TEXT_PP(14)));
	st_stream_table_lock_rows(relid, false);
	SPI_connect();
	alter_options(fcinfo, relid);
	if (!PG_ARGISNULL(1) || !PG_ARGISNULL(8) || mode)
	{
		StStreamTable *table;

		CommandCounterIncrement();
		table = st_stream_table_get(relid);
		if (table->append_only)
			st_check_append_only(table->refresh_mode, st_stored_query(table));
	}
	if (!PG_ARGISNULL(2))
		set_column(relid, "UPDATE pgtrickle.pgt_stream_tables SET schedule = $2, updated_at = pg_catalog.now()"
				   " WHERE pgt_relid = $1", schedule);
	if (!PG_ARGISNULL(10))
		alter_tier(relid, text_to_cstring(PG_GETARG_TEXT_PP(10)));
	if (!PG_ARGISNULL(11))
		st_alter_fuse_mode(relid, text_to_cstring(PG_GETARG_TEXT_PP(11)));
	if (!PG_ARGISNULL(12))
		st_alter_fuse_ceiling(relid, PG_GETARG_INT64(12));
	if (!PG_ARGISNULL(13))
		st_alter_fuse_sensitivity(relid, PG_GETARG_INT32(13));
	if (!PG_ARGISNULL(4))
		alter_status(relid, text_to_cstring(PG_GETARG_TEXT_PP(4)));
	else
		leave_error(relid);
	SPI_finish();
	st_saved_note(relid);
	if (changed)
		CacheInvalidateRelcacheByRelid(relid);
	PG_RETURN_VOID();
}
