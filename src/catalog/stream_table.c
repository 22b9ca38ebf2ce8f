/*-------------------------------------------------------------------------
 *
 * stream_table.c
 *	  Rows of pgt_stream_tables and what belongs to them.
 *
 * The contract's table and the engine's own stream_table_definition share the
 * primary key. Both are read with a catalog snapshot, never with the user's:
 * under REPEATABLE READ that would show a mode that is no longer true (L7).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "catalog/extension.h"
#include "catalog/gate.h"
#include "catalog/saved.h"
#include "catalog/stream_table.h"
#include "compat.h"

/* A row of our tables, which are wide, and of which most columns are asked for. */
typedef struct CatalogRow
{
	TupleDesc	desc;
	Datum	   *values;
	bool	   *nulls;
	int			next;			/* where the next column is looked for first */
} CatalogRow;

static CatalogRow *
open_row(HeapTuple tuple, Relation rel)
{
	CatalogRow *row = palloc(sizeof(CatalogRow));

	row->desc = RelationGetDescr(rel);
	row->values = palloc(sizeof(Datum) * row->desc->natts);
	row->nulls = palloc(sizeof(bool) * row->desc->natts);
	row->next = 0;
	heap_deform_tuple(tuple, row->desc, row->values, row->nulls);
	return row;
}

/* An attribute by name: updates may append columns. */
static Datum
attribute(CatalogRow *row, const char *name, bool *isnull)
{
	for (int n = 0; n < row->desc->natts; n++)
	{
		int			i = (row->next + n) % row->desc->natts;

		if (strcmp(NameStr(TupleDescAttr(row->desc, i)->attname), name) != 0)
			continue;
		row->next = i + 1;
		*isnull = row->nulls[i];
		return row->values[i];
	}
	elog(ERROR, "column \"%s\" of the catalog is missing", name);
}

static char *
text_attribute(CatalogRow *row, const char *name)
{
	bool		isnull;
	Datum		value = attribute(row, name, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static int
array_attribute(CatalogRow *row, const char *name, Oid type, int16 length, bool byval, char align, Datum **values)
{
	bool		isnull;
	Datum		array = attribute(row, name, &isnull);
	int			count = 0;

	*values = NULL;
	if (!isnull)
		deconstruct_array(DatumGetArrayTypeP(array), type, length, byval, align, values, NULL, &count);
	return count;
}

/* Under a snapshot that is taken for it if there is none. */
static HeapTuple
find_row_under(Relation rel, const char *index, AttrNumber attnum, Oid procedure, Datum value, Snapshot snapshot)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, attnum, BTEqualStrategyNumber, procedure, value);
	scan = systable_beginscan(rel, st_internal_relation(index, false), true, snapshot, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	return tuple;
}

static HeapTuple
find_row(Relation rel, const char *index, AttrNumber attnum, Oid procedure, Datum value)
{
	return find_row_under(rel, index, attnum, procedure, value, NULL);
}

static void
raise_gone(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("stream table not found: it was dropped by another session")));
}

/* The row that belongs to one of pgt_stream_tables, which may have gone since with that one. */
static HeapTuple
find_internals(Relation rel, const StStreamTable *table, Snapshot snapshot)
{
	HeapTuple	tuple = find_row_under(rel, "stream_table_internals_pkey", 1, F_INT8EQ, Int64GetDatum(table->pgt_id), snapshot);

	if (HeapTupleIsValid(tuple))
		return tuple;
	if (snapshot == NULL && !OidIsValid(st_stream_table_by_id(table->pgt_id)))
		raise_gone();
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("stream table \"%s.%s\" has no internal definition", table->schema, table->name)));
}

StStreamTable *
st_stream_table_get(Oid relid)
{
	StStreamTable *table = st_stream_table_get_if_exists(relid);

	if (table == NULL)
		raise_gone();
	return table;
}

StStreamTable *
st_stream_table_get_if_exists(Oid relid)
{
	Relation	rel;
	HeapTuple	tuple;
	CatalogRow *row;
	StStreamTable *result;
	Snapshot	snapshot;
	Datum	   *values;
	char	   *effective;
	bool		isnull;
	int			count;

	rel = table_open(st_internal_relation("pgt_stream_tables", false), AccessShareLock);
	/* both rows as one transaction left them */
	snapshot = RegisterSnapshot(GetCatalogSnapshot(RelationGetRelid(rel)));
	tuple = find_row_under(rel, "idx_pgt_relid", 2, F_OIDEQ, ObjectIdGetDatum(relid), snapshot);
	if (!HeapTupleIsValid(tuple))
	{
		UnregisterSnapshot(snapshot);
		table_close(rel, AccessShareLock);
		return NULL;
	}
	row = open_row(tuple, rel);
	result = palloc0(sizeof(StStreamTable));
	result->relid = relid;
	result->pgt_id = DatumGetInt64(attribute(row, "pgt_id", &isnull));
	result->schema = text_attribute(row, "pgt_schema");
	result->name = text_attribute(row, "pgt_name");
	result->query = text_attribute(row, "defining_query");
	result->refresh_mode = text_attribute(row, "refresh_mode");
	result->status = text_attribute(row, "status");
	/* 0 if it is NULL */
	result->component = DatumGetInt32(attribute(row, "scc_id", &isnull));
	result->populated = DatumGetBool(attribute(row, "is_populated", &isnull));
	result->needs_reinit = DatumGetBool(attribute(row, "needs_reinit", &isnull));
	effective = text_attribute(row, "effective_refresh_mode");
	result->found_nothing = effective && strcmp(effective, "NO_DATA") == 0;
	result->last_refresh_at = DatumGetTimestampTz(attribute(row, "last_refresh_at", &isnull));
	if (isnull)
		result->last_refresh_at = 0;
	result->last_full_ms = DatumGetFloat8(attribute(row, "last_full_ms", &isnull));
	if (isnull)
		result->last_full_ms = -1;
	result->auto_threshold = DatumGetFloat8(attribute(row, "auto_threshold", &isnull));
	if (isnull)
		result->auto_threshold = -1;
	/* 0 if they are NULL */
	result->max_delta_fraction = DatumGetFloat8(attribute(row, "max_delta_fraction", &isnull));
	result->append_only = DatumGetBool(attribute(row, "is_append_only", &isnull));
	result->fused = strcmp(text_attribute(row, "fuse_mode"), "off") != 0;
	result->max_joins = DatumGetInt32(attribute(row, "max_differential_joins", &isnull));
	result->written_by = HeapTupleHeaderXminFrozen(tuple->t_data) ? FrozenTransactionId :
		HeapTupleHeaderGetRawXmin(tuple->t_data);
	table_close(rel, AccessShareLock);

	rel = table_open(st_internal_relation("stream_table_internals", false), AccessShareLock);
	row = open_row(find_internals(rel, result, snapshot), rel);
	UnregisterSnapshot(snapshot);
	result->requested_mode = text_attribute(row, "requested_refresh_mode");
	result->reason = text_attribute(row, "full_reason");
	result->stale_reason = text_attribute(row, "stale_reason");
	result->automatic = strcmp(result->requested_mode, "AUTO") == 0;
	result->accepted_owner = DatumGetObjectId(attribute(row, "accepted_owner", &isnull));
	result->search_path = text_attribute(row, "search_path");
	result->views_fingerprint = text_attribute(row, "views_fingerprint");
	result->functions_fingerprint = text_attribute(row, "functions_fingerprint");
	result->guard_fingerprint = text_attribute(row, "guard_fingerprint");
	result->unlogged_mark = text_attribute(row, "unlogged_mark");
	result->clock = DatumGetTimestampTz(attribute(row, "clock", &isnull));
	if (isnull)
		result->clock = 0;
	result->identity_kind = DatumGetInt16(attribute(row, "identity_kind", &isnull));
	count = array_attribute(row, "settings", TEXTOID, -1, false, TYPALIGN_INT, &values);
	for (int i = 0; i < count; i++)
		result->settings = lappend(result->settings, TextDatumGetCString(values[i]));
	result->nstates = array_attribute(row, "states", OIDOID, 4, true, TYPALIGN_INT, &values);
	result->states = palloc(sizeof(Oid) * Max(result->nstates, 1));
	for (int i = 0; i < result->nstates; i++)
		result->states[i] = DatumGetObjectId(values[i]);
	count = array_attribute(row, "copies", OIDOID, 4, true, TYPALIGN_INT, &values);
	for (int i = 0; i < count; i++)
		result->copies = lappend_oid(result->copies, DatumGetObjectId(values[i]));
	result->nkeys = array_attribute(row, "key_columns", INT2OID, 2, true, TYPALIGN_SHORT, &values);
	result->keys = palloc(sizeof(AttrNumber) * Max(result->nkeys, 1));
	for (int i = 0; i < result->nkeys; i++)
		result->keys[i] = DatumGetInt16(values[i]);
	result->nunindexed = array_attribute(row, "unindexed_relations", OIDOID, 4, true, TYPALIGN_INT, &values);
	result->unindexed_relations = palloc(sizeof(Oid) * Max(result->nunindexed, 1));
	for (int i = 0; i < result->nunindexed; i++)
		result->unindexed_relations[i] = DatumGetObjectId(values[i]);
	count = array_attribute(row, "unindexed_columns", INT2OID, 2, true, TYPALIGN_SHORT, &values);
	Assert(count == result->nunindexed);
	result->unindexed_columns = palloc(sizeof(AttrNumber) * Max(count, 1));
	for (int i = 0; i < count; i++)
		result->unindexed_columns[i] = DatumGetInt16(values[i]);
	table_close(rel, AccessShareLock);
	return result;
}

static char *
internal_text(const StStreamTable *table, const char *column)
{
	Relation	rel = table_open(st_internal_relation("stream_table_internals", false), AccessShareLock);
	HeapTuple	tuple = find_internals(rel, table, NULL);
	char	   *value = text_attribute(open_row(tuple, rel), column);

	table_close(rel, AccessShareLock);
	return value;
}

/* A tree names functions by number, and not even its form is the same in another version. */
static char *
internal_tree(const StStreamTable *table, const char *column)
{
	if (st_installation_has_moved())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("stream table \"%s\" has not been restored since this database was upgraded",
						quote_qualified_identifier(table->schema, table->name)),
				 errhint("Call pgtrickle.restore_stream_tables().")));
	return internal_text(table, column);
}

char *
st_stream_table_tree(const StStreamTable *table)
{
	return internal_tree(table, "query_tree");
}

char *
st_stream_table_analysed(const StStreamTable *table)
{
	return internal_tree(table, "analysed_query");
}

char *
st_stream_table_requested_mode(const StStreamTable *table)
{
	return internal_text(table, "requested_refresh_mode");
}

char *
st_stream_table_query_text(const StStreamTable *table)
{
	return internal_text(table, "query_text");
}

Oid
st_stream_table_by_id(int64 pgt_id)
{
	Relation	rel = table_open(st_internal_relation("pgt_stream_tables", false), AccessShareLock);
	HeapTuple	tuple = find_row(rel, "pgt_stream_tables_pkey", 1, F_INT8EQ, Int64GetDatum(pgt_id));
	bool		isnull;
	Oid			relid = InvalidOid;

	if (HeapTupleIsValid(tuple))
		relid = DatumGetObjectId(attribute(open_row(tuple, rel), "pgt_relid", &isnull));
	table_close(rel, AccessShareLock);
	return relid;
}

bool
st_is_stream_table(Oid relid)
{
	Oid			catalog = st_internal_relation("pgt_stream_tables", true);
	Relation	rel;
	HeapTuple	tuple;

	/* while the extension is being dropped, the index goes first */
	if (!OidIsValid(catalog) || !OidIsValid(st_internal_relation("idx_pgt_relid", true)))
		return false;
	rel = table_open(catalog, AccessShareLock);
	tuple = find_row(rel, "idx_pgt_relid", 2, F_OIDEQ, ObjectIdGetDatum(relid));
	table_close(rel, AccessShareLock);
	return HeapTupleIsValid(tuple);
}

Oid
st_stream_table_of_partition(Oid relid)
{
	/*
	 * none while it is being detached CONCURRENTLY, or after that was
	 * cancelled
	 */
	List	   *ancestors = get_rel_relispartition(relid) ? get_partition_ancestors(relid) : NIL;

	return ancestors != NIL && st_is_stream_table(llast_oid(ancestors)) ? llast_oid(ancestors) : InvalidOid;
}

Oid
st_relation_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* ----- changes by hooks ----- */

/* The same row with other values of some columns. */
static void
update_columns(Relation rel, HeapTuple tuple, int n, const char *const *names, const Datum *new_values)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Datum	   *values = palloc0(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc0(sizeof(bool) * desc->natts);
	bool	   *replaces = palloc0(sizeof(bool) * desc->natts);

	for (int i = 0; i < desc->natts; i++)
		for (int j = 0; j < n; j++)
			if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), names[j]) == 0)
			{
				values[i] = new_values[j];
				replaces[i] = true;
			}
	CatalogTupleUpdate(rel, &tuple->t_self, heap_modify_tuple(tuple, desc, values, nulls, replaces));
}

static void
update_column(Relation rel, HeapTuple tuple, const char *name, Datum value)
{
	update_columns(rel, tuple, 1, &name, &value);
}

void
st_stream_table_suspend(Oid relid)
{
	Relation	rel = table_open(st_internal_relation("pgt_stream_tables", false), RowExclusiveLock);
	HeapTuple	tuple = find_row(rel, "idx_pgt_relid", 2, F_OIDEQ, ObjectIdGetDatum(relid));

	if (HeapTupleIsValid(tuple))
		update_column(rel, tuple, "status", CStringGetTextDatum("SUSPENDED"));
	table_close(rel, RowExclusiveLock);
}

void
st_stream_table_rename(Oid relid, const char *name, const char *schema)
{
	Relation	rel = table_open(st_internal_relation("pgt_stream_tables", false), RowExclusiveLock);
	HeapTuple	tuple = find_row(rel, "idx_pgt_relid", 2, F_OIDEQ, ObjectIdGetDatum(relid));

	if (HeapTupleIsValid(tuple) && name)
		update_column(rel, tuple, "pgt_name", CStringGetTextDatum(name));
	else if (HeapTupleIsValid(tuple))
		update_column(rel, tuple, "pgt_schema", CStringGetTextDatum(schema));
	table_close(rel, RowExclusiveLock);
	st_saved_note(relid);
}

void
st_stream_table_set_query(const StStreamTable *table, const char *text)
{
	static const char *const names[] = {"query_text", "search_path"};
	Datum		values[] = {CStringGetTextDatum(text), CStringGetTextDatum("pg_catalog, pg_temp")};
	Relation	rel = table_open(st_internal_relation("stream_table_internals", false), RowExclusiveLock);

	update_columns(rel, find_internals(rel, table, NULL), 2, names, values);
	table_close(rel, RowExclusiveLock);
	rel = table_open(st_internal_relation("pgt_stream_tables", false), RowExclusiveLock);
	update_column(rel, find_row(rel, "idx_pgt_relid", 2, F_OIDEQ, ObjectIdGetDatum(table->relid)),
				  "defining_query", CStringGetTextDatum(text));
	table_close(rel, RowExclusiveLock);
	st_saved_note(table->relid);
}

/* An array of names with one of them replaced; (Datum) 0 if it is not among them. */
static Datum
replace_name(Datum array, const char *old_name, const char *new_name)
{
	Datum	   *names;
	int			n;
	bool		found = false;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &names, NULL, &n);
	for (int i = 0; i < n; i++)
		if (strcmp(TextDatumGetCString(names[i]), old_name) == 0)
		{
			names[i] = CStringGetTextDatum(new_name);
			found = true;
		}
	return found ? PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT)) : (Datum) 0;
}

void
st_dependencies_rename_column(Oid source, const char *old_name, const char *new_name)
{
	Relation	rel = table_open(st_internal_relation("pgt_dependencies", false), RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, 2, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(source));
	scan = systable_beginscan(rel, st_internal_relation("idx_deps_source", false), true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		names = attribute(open_row(tuple, rel), "columns_used", &isnull);

		if (!isnull)
			names = replace_name(names, old_name, new_name);
		if (!isnull && names != (Datum) 0)
			update_column(rel, heap_copytuple(tuple), "columns_used", names);
	}
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
}

List *
st_stream_tables_in(Oid schema)
{
	Relation	rel = table_open(st_internal_relation("pgt_stream_tables", false), AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Oid			relid = DatumGetObjectId(heap_getattr(tuple, 2, RelationGetDescr(rel), &isnull));

		if (!OidIsValid(schema) || get_rel_namespace(relid) == schema)
			result = lappend_oid(result, relid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

void
st_stream_table_accept_owner(int64 pgt_id, Oid owner)
{
	Relation	rel = table_open(st_internal_relation("stream_table_internals", false), RowExclusiveLock);
	HeapTuple	tuple = find_row(rel, "stream_table_internals_pkey", 1, F_INT8EQ, Int64GetDatum(pgt_id));

	if (HeapTupleIsValid(tuple))
		update_column(rel, tuple, "accepted_owner", ObjectIdGetDatum(owner));
	table_close(rel, RowExclusiveLock);
	st_saved_note(st_stream_table_by_id(pgt_id));
}

/* ----- what a dump carries ----- */

Datum
st_text_array(List *strings)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(strings), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, strings)
		values[n++] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static const char *const options[] = {
	"schedule", "is_populated", "diamond_consistency", "diamond_schedule_policy", "requested_cdc_mode", "is_append_only",
	"max_differential_joins", "max_delta_fraction", "pooler_compatibility_mode", "refresh_tier",
	"fuse_mode", "fuse_ceiling", "fuse_sensitivity", "freshness_deadline_ms",
	"st_partition_key", "st_placement", "temporal_mode", "storage_backend"
};

List *
st_stream_table_options(Oid relid)
{
	Relation	rel = table_open(st_internal_relation("pgt_stream_tables", false), AccessShareLock);
	HeapTuple	tuple = find_row(rel, "idx_pgt_relid", 2, F_OIDEQ, ObjectIdGetDatum(relid));
	TupleDesc	desc = RelationGetDescr(rel);
	List	   *result = NIL;

	for (int i = 0; HeapTupleIsValid(tuple) && i < lengthof(options); i++)
		for (int j = 0; j < desc->natts; j++)
			if (strcmp(NameStr(TupleDescAttr(desc, j)->attname), options[i]) == 0)
			{
				char	   *value = SPI_getvalue(tuple, desc, j + 1);

				if (value)
					result = lappend(lappend(result, pstrdup(options[i])), value);
			}
	table_close(rel, AccessShareLock);
	return list_concat(result, st_refresh_group_options(relid));
}

/* ----- the owner ----- */

bool
st_owner_is_accepted(const StStreamTable *table)
{
	Oid			owner = st_relation_owner(table->relid);

	return owner == table->accepted_owner || is_member_of_role(table->accepted_owner, owner);
}

void
st_require_accepted_owner(const StStreamTable *table)
{
	if (!st_owner_is_accepted(table))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: stream table \"%s.%s\" is suspended, resume it with pgtrickle.alter_stream_table(%s, status => 'ACTIVE')",
						table->schema, table->name,
						quote_literal_cstr(quote_qualified_identifier(table->schema, table->name))),
				 errdetail("Its owner has changed: the query would run with the rights of role \"%s\".",
						   GetUserNameFromId(st_relation_owner(table->relid), false)),
				 errhint("Look at the query and the functions that it calls before you resume it.")));
}

bool
st_is_suspended(const StStreamTable *table)
{
	return strcmp(table->status, "SUSPENDED") == 0 || strcmp(table->status, "ERROR") == 0 ||
		!st_owner_is_accepted(table);
}

void
st_stream_table_lock_rows(Oid relid, bool missing_ok)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(relid)};
	uint64		found;

	SPI_connect();
	found = st_catalog_execute("SELECT FROM pgtrickle.stream_table_internals WHERE pgt_id ="
							   " (SELECT pgt_id FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = $1)"
							   " FOR NO KEY UPDATE", 1, types, values, NULL);
	SPI_finish();
	if (found == 0 && !missing_ok)
		raise_gone();
}

/* A statement of st_catalog_execute with its plan, kept for the session. */
typedef struct CatalogStatement
{
	uint64		hash;			/* hash key: of the text */
	char	   *text;
	SPIPlanPtr	plan;
} CatalogStatement;

static HTAB *catalog_statements = NULL;

/*
 * The kept plan of a statement. PostgreSQL makes it anew by itself when a table
 * that it reads was changed or is another one.
 */
static SPIPlanPtr
catalog_plan(const char *sql, int nargs, Oid *types)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) sql, strlen(sql), 0);
	CatalogStatement *statement;
	SPIPlanPtr	plan;
	bool		found;

	if (catalog_statements == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(uint64), .entrysize = sizeof(CatalogStatement)};

		catalog_statements = hash_create("pg_trickle catalog statements", 32, &control, HASH_ELEM | HASH_BLOBS);
	}
	statement = hash_search(catalog_statements, &hash, HASH_FIND, NULL);
	if (statement && strcmp(statement->text, sql) == 0)
		return statement->plan;

	plan = SPI_prepare(sql, nargs, types);
	if (plan == NULL)
		elog(ERROR, "catalog statement failed: %s", SPI_result_code_string(SPI_result));
	if (statement == NULL)
	{
		char	   *text = MemoryContextStrdup(TopMemoryContext, sql);

		SPI_keepplan(plan);
		statement = hash_search(catalog_statements, &hash, HASH_ENTER, &found);
		statement->text = text;

		statement->plan = plan;
	}
	return plan;
}

uint64
st_catalog_execute(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls)
{
	Oid			user;
	int			context;
	int			level = NewGUCNestLevel();
	int			code;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(st_extension_owner(), context | SECURITY_LOCAL_USERID_CHANGE);
	RestrictSearchPath();
	code = SPI_execute_plan(catalog_plan(sql, nargs, types), values, nulls, false, 0);
	if (code < 0)
		elog(ERROR, "catalog statement failed: %s", SPI_result_code_string(code));
	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(user, context);
	return SPI_processed;
}

List *
st_catalog_oids(const char *sql, int nargs, Oid *types, Datum *values)
{
	List	   *result = NIL;
	MemoryContext context = CurrentMemoryContext;

	SPI_connect();
	(void) st_catalog_execute(sql, nargs, types, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Oid			oid = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
		MemoryContext old = MemoryContextSwitchTo(context);

		result = lappend_oid(result, oid);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return result;
}

List *
st_sources_of(int64 pgt_id)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(pgt_id)};

	return st_catalog_oids("SELECT source_relid FROM pgtrickle.pgt_dependencies WHERE pgt_id = $1 ORDER BY source_relid",
						   1, types, values);
}
