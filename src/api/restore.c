/*-------------------------------------------------------------------------
 *
 * restore.c
 *	  Stream tables after a dump was restored or the server upgraded.
 *
 * NOTES
 *	  A dump brings a stream table as the table that it is, with its contents
 *	  and indexes, and its definition as text (catalog/saved.c). Linking makes a
 *	  stream table of the two: the text is analysed as the table's owner, the
 *	  catalog written, capture installed, and the next refresh recomputes, which
 *	  writes only what differs.
 *
 *	  That the restore has come to its end is told by a materialized view, which
 *	  is no member of the extension: every full dump ends with its REFRESH,
 *	  after data, indexes and grants (rule J4). Where that does not come the
 *	  scheduler links once the sessions that brought the rows have left, and
 *	  pgtrickle.restore_stream_tables() at any time.
 *
 *	  pg_upgrade brings our tables as they are, but functions and operators have
 *	  other OIDs then, and internal triggers and our rows of pg_depend are gone.
 *	  All stream tables are linked anew before any DDL, by the scheduler and by
 *	  the first call (rule J3).
 *
 *	  Each stream table is linked in a subtransaction. What cannot be is left as
 *	  a plain table, with its contents, and the reason is kept beside its
 *	  definition.
 *
 *	  Gates, watermarks and their groups come in the same way (restore_source.c).
 *
 *	  Locks: install_mark against others who do the same, then for each stream
 *	  table those of its creation.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "api/definition.h"
#include "api/name.h"
#include "api/restore.h"
#include "capture/capture.h"
#include "catalog/component.h"
#include "catalog/depend.h"
#include "catalog/extension.h"
#include "catalog/saved.h"
#include "compat.h"
#include "guc.h"
#include "schedule/schedule.h"
#include "store/store.h"
#include "store/wake.h"
#include "util/attempt.h"
#include "util/fault.h"
#include "util/sqlbuf.h"

PG_FUNCTION_INFO_V1(st_sql_restore_stream_tables);
PG_FUNCTION_INFO_V1(st_sql_relink);
PG_FUNCTION_INFO_V1(st_sql_stamp_restored_row);

/* A row of pgtrickle_saved.stream_tables that waits for its stream table. */
typedef struct Saved
{
	ItemPointerData tid;
	char	   *schema;
	char	   *name;
	char	   *owner;
	char	   *defining_query;
	char	   *query_text;
	char	   *search_path;
	List	   *settings;
	char	   *mode;
	Datum		options;
	char	   *restored_by;	/* NULL: not stamped, by a superuser's will */
	int64		pgt_id;			/* of an upgraded one; 0: it was restored */
	bool		populated;
	Oid			relid;
	List	   *sources;		/* OIDs, as far as the text can be analysed */
	List	   *upstreams;		/* of Saved: those among the sources */
	bool		done;			/* with or without success */
} Saved;

/* The same by its relation. */
typedef struct Restored
{
	Oid			relid;			/* hash key */
	Saved	   *saved;
} Restored;

/* ----- reading ----- */

static List *
text_list(Datum array)
{
	Datum	   *values;
	int			n;
	List	   *result = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, &n);
	for (int i = 0; i < n; i++)
		result = lappend(result, TextDatumGetCString(values[i]));
	return result;
}

static Saved *
read_saved(HeapTuple tuple, TupleDesc desc)
{
	Saved	   *saved = palloc0(sizeof(Saved));
	bool		isnull;

	saved->tid = *(ItemPointer) DatumGetPointer(SPI_getbinval(tuple, desc, 1, &isnull));
	saved->schema = SPI_getvalue(tuple, desc, 2);
	saved->name = SPI_getvalue(tuple, desc, 3);
	saved->owner = SPI_getvalue(tuple, desc, 4);
	saved->defining_query = SPI_getvalue(tuple, desc, 5);
	saved->query_text = SPI_getvalue(tuple, desc, 6);
	saved->search_path = SPI_getvalue(tuple, desc, 7);
	saved->settings = text_list(SPI_getbinval(tuple, desc, 8, &isnull));
	saved->mode = SPI_getvalue(tuple, desc, 9);
	saved->options = datumCopy(SPI_getbinval(tuple, desc, 10, &isnull), false, -1);
	saved->restored_by = SPI_getvalue(tuple, desc, 11);
	saved->pgt_id = DatumGetInt64(SPI_getbinval(tuple, desc, 12, &isnull));
	saved->populated = DatumGetBool(SPI_getbinval(tuple, desc, 13, &isnull));
	return saved;
}

/* Rows without a stream table; with "all", of an upgraded database, those with one as well. */
static List *
read_all_saved(bool all)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[] = {BOOLOID};
	Datum		values[] = {BoolGetDatum(all)};
	List	   *result = NIL;
	MemoryContext old;

	SPI_connect();
	(void) st_catalog_execute("SELECT s.ctid, s.table_schema, s.table_name, s.table_owner, s.defining_query, s.query_text,"
							  " s.search_path, s.settings, s.refresh_mode, s.options, s.restored_by,"
							  " coalesce(t.pgt_id, 0), coalesce(t.is_populated, false)"
							  " FROM pgtrickle_saved.stream_tables s"
							  " LEFT JOIN pgtrickle.pgt_stream_tables t ON t.pgt_schema = s.table_schema AND t.pgt_name = s.table_name"
							  " WHERE $1 OR t.pgt_id IS NULL ORDER BY s.table_schema, s.table_name", 1, types, values, NULL);
	old = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < SPI_processed; i++)
		result = lappend(result, read_saved(SPI_tuptable->vals[i], SPI_tuptable->tupdesc));
	MemoryContextSwitchTo(old);
	SPI_finish();
	return result;
}

/* ----- linking one ----- */

static void
find_table(Saved *saved)
{
	Oid			schema = get_namespace_oid(saved->schema, true);

	saved->relid = OidIsValid(schema) ? get_relname_relid(saved->name, schema) : InvalidOid;
	if (!OidIsValid(saved->relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.%s\" does not exist", saved->schema, saved->name)));
	if ((get_rel_relkind(saved->relid) != RELKIND_RELATION && get_rel_relkind(saved->relid) != RELKIND_PARTITIONED_TABLE) ||
		get_rel_relispartition(saved->relid) || saved->relid < FirstNormalObjectId ||
		OidIsValid(getExtensionOfObject(RelationRelationId, saved->relid)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s.%s\" is no table of a user", saved->schema, saved->name)));
}

/*
 * The query will run with the rights of the table's owner, so it must come
 * from somebody who has them (rule J21).
 */
/* The role on whose word it is restored. */
static Oid
restorer(const Saved *saved)
{
	return saved->restored_by ? get_role_oid(saved->restored_by, true) : st_extension_owner();
}

static void
check_restorer(const Saved *saved, Oid owner)
{
	Oid			role = restorer(saved);

	if (saved->pgt_id != 0 || ST_FAULT("J21") || (OidIsValid(role) && is_member_of_role(role, owner)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("role \"%s\", which has restored the definition, is no member of the table's owner \"%s\"",
					saved->restored_by ? saved->restored_by : "", GetUserNameFromId(owner, false))));
}

/* The table's columns must be what the query returns; keys are found by name (rule J12). */
static void
check_columns(const Saved *saved, StDefinition *definition)
{
	Relation	rel = RelationIdGetRelation(saved->relid);
	TupleDesc	desc = RelationGetDescr(rel);
	AttrNumber *attnums = palloc(sizeof(AttrNumber) * Max(list_length(definition->query->targetList), 1));
	int			n = 0;
	int			columns = 0;
	ListCell   *lc;

	foreach(lc, definition->query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Oid			type = exprType((Node *) tle->expr);
		AttrNumber	attnum;

		if (tle->resjunk)
			continue;
		attnum = get_attnum(saved->relid, tle->resname);
		if (attnum <= 0 || get_atttype(saved->relid, attnum) != (type == UNKNOWNOID ? TEXTOID : type) ||
			TupleDescAttr(desc, attnum - 1)->atttypmod != exprTypmod((Node *) tle->expr))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
					 errmsg("the table has no column \"%s\" of the type that the query returns", tle->resname)));
		attnums[n++] = attnum;
	}
	for (int i = 0; i < desc->natts; i++)
		columns += TupleDescAttr(desc, i)->attisdropped ? 0 : 1;
	if (columns != n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("the table has %d columns, the query returns %d", columns, n)));
	RelationClose(rel);
	for (int k = 0; k < definition->identity.nkeys; k++)
		definition->identity.keys[k] = attnums[definition->identity.keys[k] - 1];
}

/* What the text means in this database, judged as the table's owner (rule J15). */
static void
analyse(Saved *saved, StDefinition *definition, Oid owner)
{
	StOwnerScope scope;

	definition->requested_mode = saved->mode;
	definition->relid = saved->relid;
	definition->text = saved->query_text;
	st_owner_enter(&scope, owner, saved->settings);
	definition->analysed = st_query_parse(saved->query_text);
	definition->query = st_query_rewrite(definition->analysed);
	st_query_check(definition->query, saved->query_text);
	st_statement_check_permissions(st_statement_from_query(CurrentMemoryContext, definition->query, saved->query_text));
	st_definition_decide(definition);
	st_definition_prepare_copies(definition);
	st_owner_leave(&scope);
	check_columns(saved, definition);
}

/* The row of pgt_stream_tables, with what the user had given; that of an upgraded one stays. */
static void
write_catalog(Saved *saved, StDefinition *definition)
{
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, BOOLOID};
	Datum		values[] = {ObjectIdGetDatum(saved->relid), CStringGetTextDatum(saved->name), CStringGetTextDatum(saved->schema),
		CStringGetTextDatum(saved->defining_query), CStringGetTextDatum(definition->mode), saved->options,
		/* the first fill expects none */
		BoolGetDatum(st_table_has_rows(saved->relid))
	};
	bool		isnull;

	if (saved->pgt_id == 0)
	{
		(void) st_catalog_execute("INSERT INTO pgtrickle.pgt_stream_tables (pgt_relid, pgt_name, pgt_schema, defining_query, refresh_mode)"
								  " VALUES ($1, $2, $3, $4, $5) RETURNING pgt_id", 5, types, values, NULL);
		saved->pgt_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
		(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables AS t SET"
								  " (schedule, is_populated, diamond_consistency, diamond_schedule_policy, requested_cdc_mode,"
								  " is_append_only, max_differential_joins, max_delta_fraction, pooler_compatibility_mode,"
								  " refresh_tier, fuse_mode, fuse_ceiling, fuse_sensitivity, freshness_deadline_ms,"
								  " st_partition_key, st_placement, temporal_mode, storage_backend) ="
								  " (SELECT r.schedule, r.is_populated, r.diamond_consistency, r.diamond_schedule_policy, r.requested_cdc_mode,"
								  " r.is_append_only, r.max_differential_joins, r.max_delta_fraction, r.pooler_compatibility_mode,"
								  " r.refresh_tier, r.fuse_mode, r.fuse_ceiling, r.fuse_sensitivity, r.freshness_deadline_ms,"
								  " r.st_partition_key, r.st_placement, r.temporal_mode, r.storage_backend"
								  " FROM pg_catalog.jsonb_populate_record(t, pg_catalog.jsonb_object($6)) AS r)"
								  " WHERE pgt_relid = $1", 6, types, values, NULL);
	}
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET refresh_mode = $5,"
							  " is_populated = is_populated OR $7, needs_reinit = is_populated OR $7,"
							  " status = CASE WHEN status = 'INITIALIZING' AND (is_populated OR $7) THEN 'ACTIVE' ELSE status END,"
							  " updated_at = pg_catalog.now()"
							  " WHERE pgt_relid = $1", 7, types, values, NULL);
}

/*
 * Back into its refresh group, which the first of its members makes. Not into
 * one with members that are none of the restorer's: what one of them does
 * decides over all.
 */
static void
join_refresh_group(const Saved *saved)
{
	Oid			types[] = {OIDOID, TEXTARRAYOID, OIDOID};
	Datum		values[] = {ObjectIdGetDatum(saved->relid), saved->options, ObjectIdGetDatum(restorer(saved))};
	uint64		joined;

	if (st_catalog_execute("SELECT FROM pg_catalog.jsonb_object($2) AS o WHERE o ? 'refresh_group' AND NOT EXISTS"
						   " (SELECT FROM pgtrickle.pgt_refresh_groups AS g WHERE $1 = ANY (g.member_oids))",
						   2, types, values, NULL) == 0)
		return;
	joined = st_catalog_execute("INSERT INTO pgtrickle.pgt_refresh_groups AS g (group_name, member_oids, isolation, created_at)"
								" SELECT o->>'refresh_group', ARRAY[$1], o->>'refresh_group_isolation',"
								"        coalesce((o->>'refresh_group_created_at')::timestamptz, pg_catalog.now())"
								"   FROM pg_catalog.jsonb_object($2) AS o"
								" ON CONFLICT (group_name) DO UPDATE SET member_oids = g.member_oids || $1"
								"  WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid = ANY (g.member_oids)"
								"                    AND NOT pg_catalog.pg_has_role($3, c.relowner, 'MEMBER'))",
								3, types, values, NULL);
	if (joined == 0)
		ereport(WARNING,
				(errmsg("stream table \"%s\" was not restored into its refresh group", saved->name),
				 errdetail("There is a group of that name whose members are not those of the role that has restored it.")));
}

static void
write_saved(const Saved *saved)
{
	Oid			types[] = {TIDOID, OIDOID};
	ItemPointerData tid = saved->tid;
	Datum		values[] = {PointerGetDatum(&tid), ObjectIdGetDatum(saved->relid)};

	(void) st_catalog_execute("UPDATE pgtrickle_saved.stream_tables SET pgt_relid = $2 WHERE ctid = $1", 2, types, values, NULL);
	st_saved_note(saved->relid);
}

static bool
link_table(void *arg)
{
	Saved	   *saved = arg;
	StDefinition definition = {0};
	StOwnerScope scope;
	Oid			owner;

	find_table(saved);
	owner = st_relation_owner(saved->relid);
	check_restorer(saved, owner);
	analyse(saved, &definition, owner);
	st_definition_lock(st_definition_sources(&definition), NIL);
	st_owner_enter(&scope, owner, saved->settings);
	st_definition_install_capture(&definition);
	st_owner_leave(&scope);

	SPI_connect();
	write_catalog(saved, &definition);
	join_refresh_group(saved);
	st_definition_create_states(&definition, saved->pgt_id);
	st_definition_write_internals(&definition, saved->pgt_id, saved->settings, saved->search_path,
								  get_role_oid(saved->owner, true));
	st_definition_write_facts(&definition, saved->pgt_id);
	write_saved(saved);
	SPI_finish();
	st_depend_record(saved->relid, definition.query, st_query_views(definition.query));
	st_guard_install(saved->relid);
	st_definition_create_indexes(&definition, !OidIsValid(st_identity_index(saved->relid, &definition.identity)));
	CacheInvalidateRelcacheByRelid(saved->relid);
	CommandCounterIncrement();
	return true;
}

/* ----- linking all ----- */

/* What is left of one that cannot be linked is a plain table. */
static void
note_problem(Saved *saved, const char *problem)
{
	Oid			types[] = {TIDOID, TEXTOID};
	Datum		values[] = {PointerGetDatum(&saved->tid), CStringGetTextDatum(problem)};
	Oid			id_types[] = {INT8OID};
	Datum		id_values[] = {Int64GetDatum(saved->pgt_id)};

	SPI_connect();
	(void) st_catalog_execute("DELETE FROM pgtrickle.pgt_stream_tables WHERE pgt_id = $1", 1, id_types, id_values, NULL);
	(void) st_catalog_execute("UPDATE pgtrickle_saved.stream_tables SET problem = $2, pgt_relid = NULL WHERE ctid = $1",
							  2, types, values, NULL);
	SPI_finish();
	ereport(WARNING,
			(errmsg("stream table \"%s\" could not be restored: %s",
					quote_qualified_identifier(saved->schema, saved->name), problem),
			 errhint("It is a plain table. Mend the cause and call pgtrickle.restore_stream_tables().")));
}

ErrorData *
st_restore_attempt(bool (*part) (void *arg), void *arg)
{
	ErrorData  *error = st_attempt(part, arg);

	if (error && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	return error;
}

/* True if it is a stream table; false if its problem is noted. */
static bool
try_to_link(Saved *saved)
{
	int64		pgt_id = saved->pgt_id;
	ErrorData  *error = st_restore_attempt(link_table, saved);

	saved->done = true;
	if (error == NULL)
		return true;
	saved->pgt_id = pgt_id;
	note_problem(saved, error->message);
	return false;
}

/* ----- the order ----- */

static bool
find_sources(void *arg)
{
	Saved	   *saved = arg;
	StOwnerScope scope;

	find_table(saved);
	st_owner_enter(&scope, st_relation_owner(saved->relid), saved->settings);
	saved->sources = st_query_sources(st_query_rewrite(st_query_parse(saved->query_text)));
	st_owner_leave(&scope);
	return true;
}

/* Which of them each reads, as far as that can be told: linking will say what is wrong. */
static void
find_upstreams(List *all)
{
	HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(Restored), .hcxt = CurrentMemoryContext};
	HTAB	   *restored = hash_create("pg_trickle restored tables", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, all)
	{
		Saved	   *saved = lfirst(lc);

		if (st_restore_attempt(find_sources, saved) == NULL)
			((Restored *) hash_search(restored, &saved->relid, HASH_ENTER, NULL))->saved = saved;
	}
	foreach(lc, all)
	{
		Saved	   *saved = lfirst(lc);

		foreach(lc2, saved->sources)
		{
			Restored   *upstream = hash_search(restored, &lfirst_oid(lc2), HASH_FIND, NULL);

			if (upstream && upstream->saved != saved)
				saved->upstreams = lappend(saved->upstreams, upstream->saved);
		}
	}
	hash_destroy(restored);
}

/* Does it read one that is not linked yet? */
static bool
must_wait(const Saved *saved)
{
	ListCell   *lc;

	foreach(lc, saved->upstreams)
		if (!((Saved *) lfirst(lc))->done)
			return true;
	return false;
}

/* Upstreams first; those that read one another in a circle in any order. */
static int64
link_all(List *all)
{
	int64		linked = 0;
	bool		progress;
	bool		circles = false;
	ListCell   *lc;

	find_upstreams(all);
	for (bool circle = false;; circle = !progress)
	{
		bool		left = false;

		progress = false;
		foreach(lc, all)
		{
			Saved	   *saved = lfirst(lc);

			CHECK_FOR_INTERRUPTS();
			if (saved->done)
				continue;
			if (!circle && must_wait(saved))
			{
				left = true;
				continue;
			}
			circles |= circle || list_member_oid(saved->sources, saved->relid);
			linked += try_to_link(saved) ? 1 : 0;
			progress = true;
		}
		if (!left)
			break;
	}
	foreach(lc, circles ? all : NIL)
		st_components_renew(0, ((Saved *) lfirst(lc))->relid);
	return linked;
}

/*
 * What the catalog holds is of another cluster: frontiers, states, logs and
 * trees go; linking makes them anew.
 */
static void
forget_other_cluster(void)
{
	List	   *states = st_catalog_oids("SELECT pg_catalog.unnest(states) FROM pgtrickle.stream_table_internals", 0, NULL, NULL);
	List	   *sources = st_catalog_oids("SELECT DISTINCT source FROM pgtrickle.change_log_segment", 0, NULL, NULL);
	ListCell   *lc;

	SPI_connect();
	(void) st_catalog_execute("DELETE FROM pgtrickle.source_frontier", 0, NULL, NULL, NULL);
	(void) st_catalog_execute("DELETE FROM pgtrickle.stream_table_internals", 0, NULL, NULL, NULL);
	SPI_finish();
	CommandCounterIncrement();
	foreach(lc, states)
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_RELATION)
			st_extension_drop_relation(lfirst_oid(lc));
	foreach(lc, sources)
		st_capture_remove(lfirst_oid(lc));
}

static int64
restore(void)
{
	Oid			mark = st_internal_relation("install_mark", false);
	bool		moved;
	List	   *saved;
	int64		linked;

	LockRelationOid(mark, ShareRowExclusiveLock);
	moved = st_installation_has_moved();
	saved = read_all_saved(moved);
	if (saved == NIL && !moved)
	{
		st_restore_sources();
		return 0;
	}
	st_note_lifecycle_call();
	if (moved)
	{
		forget_other_cluster();
		st_installation_settle();
	}
	/* first, so that nothing is refreshed that was held back */
	st_restore_sources();
	linked = link_all(saved);
	if (linked > 0 && st_guc_enabled)
		(void) st_launcher_ensure();
	return linked;
}

void
st_restore_if_moved(void)
{
	if (IsBinaryUpgrade || RecoveryInProgress() || XactReadOnly || !st_installation_has_moved())
		return;
	(void) restore();
}

static bool
has_signal(void)
{
	return OidIsValid(get_relname_relid("relink", get_namespace_oid(ST_SAVED_SCHEMA, false)));
}

void
st_restore_prepare(void)
{
	StringInfoData owner;

	if (has_signal() || ST_FAULT("J4"))
		return;
	LockRelationOid(st_internal_relation("install_mark", false), ShareRowExclusiveLock);
	if (has_signal())
		return;
	initStringInfo(&owner);
	st_sql_text(&owner, "ALTER MATERIALIZED VIEW pgtrickle_saved.relink OWNER TO ");
	st_sql_identifier(&owner, GetUserNameFromId(st_extension_user(), false));
	SPI_connect();
	(void) st_catalog_execute("CREATE MATERIALIZED VIEW pgtrickle_saved.relink AS SELECT pgtrickle.relink() AS restored", 0, NULL, NULL, NULL);
	(void) st_catalog_execute("ALTER MATERIALIZED VIEW pgtrickle_saved.relink DEPENDS ON EXTENSION pg_trickle", 0, NULL, NULL, NULL);
	(void) st_catalog_execute("COMMENT ON MATERIALIZED VIEW pgtrickle_saved.relink IS"
							  " 'A dump ends with the refresh of this view, which makes stream tables of the restored tables. Number of them.'",
							  0, NULL, NULL, NULL);

	/*
	 * who has installed the extension dumps and restores its database (rule
	 * J21)
	 */
	(void) st_catalog_execute(owner.data, 0, NULL, NULL, NULL);
	SPI_finish();
}

/*
 * The view may be another's than who restores: the session counts as well. What
 * is linked is judged row by row (check_restorer); this keeps strangers from
 * doing it amidst a restore.
 */
static bool
may_relink(void)
{
	return superuser_arg(GetSessionUserId()) || has_privs_of_role(GetUserId(), st_extension_user());
}

/* ----- SQL ----- */

Datum
st_sql_restore_stream_tables(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("restore_stream_tables()");
	(void) restore();
	PG_RETURN_VOID();
}

Datum
st_sql_relink(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(IsBinaryUpgrade || RecoveryInProgress() || !may_relink() ? 0 : restore());
}

/* BEFORE INSERT on the tables of pgtrickle_saved: only a restore comes by here. */
Datum
st_sql_stamp_restored_row(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"restored_by", "restored_in", "problem"};
	TriggerData *data = (TriggerData *) fcinfo->context;
	int			columns[lengthof(names) + 1];
	Datum		values[lengthof(columns)] = {0};
	bool		nulls[lengthof(columns)] = {false, false, true, true};

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("not called by a trigger")));
	for (int i = 0; i < lengthof(names); i++)
		columns[i] = SPI_fnumber(RelationGetDescr(data->tg_relation), names[i]);
	values[0] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	values[1] = Int32GetDatum(MyProcPid);
	/* the first column is the OID of the relation in this database */
	columns[lengthof(names)] = 1;
	/* the scheduler has to look after what is restored */
	st_wake_note_graph();
	return PointerGetDatum(heap_modify_tuple_by_cols(data->tg_trigtuple, RelationGetDescr(data->tg_relation),
													 lengthof(columns), columns, values, nulls));
}
