/*-------------------------------------------------------------------------
 *
 * saved.c
 *	  Definitions of stream tables as pg_dump carries them.
 *
 * NOTES
 *	  pgt_stream_tables is full of OIDs and trees, which mean nothing in another
 *	  database. What is dumped is pgtrickle_saved.stream_tables, all text (rule
 *	  J1), and beside it pgtrickle_saved.sources, with what holds refreshes back.
 *	  Rows are written before the end of each transaction that has changed the
 *	  catalog, from what the catalog holds then, without a statement (rule J15).
 *
 *	  Rows that a restore brings pass a trigger, which notes who restores: the
 *	  query will run with the rights of the table's owner, and only a member of
 *	  that role may say so (rule J21).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "catalog/gate.h"
#include "catalog/saved.h"
#include "catalog/stream_table.h"
#include "util/fault.h"

/* columns of pgtrickle_saved.stream_tables, in order */
enum
{
	SAVED_RELID,
	SAVED_SCHEMA,
	SAVED_NAME,
	SAVED_OWNER,
	SAVED_DEFINING_QUERY,
	SAVED_QUERY_TEXT,
	SAVED_SEARCH_PATH,
	SAVED_SETTINGS,
	SAVED_MODE,
	SAVED_OPTIONS,
	SAVED_RESTORED_BY,
	SAVED_RESTORED_IN,
	SAVED_PROBLEM,
	SAVED_COLUMNS
};

/* columns of pgtrickle_saved.sources, in order */
enum
{
	SOURCE_RELID,
	SOURCE_SCHEMA,
	SOURCE_NAME,
	SOURCE_OPTIONS,
	SOURCE_GROUPS,
	SOURCE_RESTORED_BY,
	SOURCE_RESTORED_IN,
	SOURCE_PROBLEM,
	SOURCE_COLUMNS
};

/* OIDs of stream tables, of sources, and of schemas of sources, in TopTransactionContext */
static List *noted = NIL;
static List *noted_sources = NIL;
static List *noted_schemas = NIL;

/* InvalidOid while the extension is being dropped. */
static Oid
saved_relation(const char *name)
{
	Oid			schema = get_namespace_oid(ST_SAVED_SCHEMA, true);

	return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

/* The present row of a stream table; NULL if it is none. */
static HeapTuple
form_row(TupleDesc desc, Oid relid)
{
	StStreamTable *table = st_stream_table_get_if_exists(relid);
	Datum		values[SAVED_COLUMNS] = {0};
	bool		nulls[SAVED_COLUMNS] = {0};

	if (table == NULL)
		return NULL;
	values[SAVED_RELID] = ObjectIdGetDatum(relid);
	values[SAVED_SCHEMA] = CStringGetTextDatum(table->schema);
	values[SAVED_NAME] = CStringGetTextDatum(table->name);

	/*
	 * a role that is gone can be nobody's owner: whoever owns the table
	 * resumes it (rule J17)
	 */
	values[SAVED_OWNER] = CStringGetTextDatum(GetUserNameFromId(table->accepted_owner, true) ?
											  GetUserNameFromId(table->accepted_owner, true) : "");
	values[SAVED_DEFINING_QUERY] = CStringGetTextDatum(table->query);
	values[SAVED_QUERY_TEXT] = CStringGetTextDatum(st_stream_table_query_text(table));
	values[SAVED_SEARCH_PATH] = CStringGetTextDatum(table->search_path);
	values[SAVED_SETTINGS] = st_text_array(table->settings);
	values[SAVED_MODE] = CStringGetTextDatum(table->requested_mode);
	values[SAVED_OPTIONS] = st_text_array(st_stream_table_options(relid));
	nulls[SAVED_RESTORED_BY] = nulls[SAVED_RESTORED_IN] = nulls[SAVED_PROBLEM] = true;
	return heap_form_tuple(desc, values, nulls);
}

/* The present row of a source; NULL if there is nothing to say of it. */
static HeapTuple
form_source_row(TupleDesc desc, Oid relid)
{
	char	   *name = get_rel_name(relid);
	List	   *options = st_gate_options(relid);
	List	   *groups = st_watermark_groups_of(relid);
	Datum		values[SOURCE_COLUMNS] = {0};
	bool		nulls[SOURCE_COLUMNS] = {0};

	if (name == NULL || (options == NIL && groups == NIL))
		return NULL;
	values[SOURCE_RELID] = ObjectIdGetDatum(relid);
	values[SOURCE_SCHEMA] = CStringGetTextDatum(get_namespace_name(get_rel_namespace(relid)));
	values[SOURCE_NAME] = CStringGetTextDatum(name);
	values[SOURCE_OPTIONS] = st_text_array(options);
	values[SOURCE_GROUPS] = st_text_array(groups);
	nulls[SOURCE_RESTORED_BY] = nulls[SOURCE_RESTORED_IN] = nulls[SOURCE_PROBLEM] = true;
	return heap_form_tuple(desc, values, nulls);
}

/* What both tables have in common: the first column is the relation, and the key. */
typedef struct SavedTable
{
	const char *name;
	const char *index;
	HeapTuple	(*form_row) (TupleDesc desc, Oid relid);
} SavedTable;

static const SavedTable saved_stream_tables = {"stream_tables", "stream_tables_pgt_relid_idx", form_row};
static const SavedTable saved_sources = {"sources", "sources_source_relid_idx", form_source_row};

/* Most sources that are renamed or dropped have no row, and get none. */
static void
write_row(Relation rel, const SavedTable *table, Oid relid)
{
	HeapTuple	row = table->form_row(RelationGetDescr(rel), relid);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	old;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, saved_relation(table->index), true, NULL, 1, &key);
	old = systable_getnext(scan);
	if (HeapTupleIsValid(old) && row)
		CatalogTupleUpdate(rel, &old->t_self, row);
	else if (HeapTupleIsValid(old))
		CatalogTupleDelete(rel, &old->t_self);
	else if (row)
		CatalogTupleInsert(rel, row);
	systable_endscan(scan);
	/* the next may be of the same one */
	CommandCounterIncrement();
}

static void
write_rows(const SavedTable *table, List *relids)
{
	Oid			saved = saved_relation(table->name);
	Relation	rel;
	ListCell   *lc;

	if (relids == NIL || !OidIsValid(saved))
		return;
	rel = table_open(saved, RowExclusiveLock);
	foreach(lc, relids)
		write_row(rel, table, lfirst_oid(lc));
	table_close(rel, NoLock);
}

/* The saved sources of these schemas, in addition to those. */
static List *
add_sources_of(List *sources, List *schemas)
{
	Oid			saved = saved_relation(saved_sources.name);
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (schemas == NIL || !OidIsValid(saved))
		return sources;
	rel = table_open(saved, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Oid			source = DatumGetObjectId(heap_getattr(tuple, SOURCE_RELID + 1, RelationGetDescr(rel), &isnull));

		if (!isnull && list_member_oid(schemas, get_rel_namespace(source)))
			sources = list_append_unique_oid(sources, source);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return sources;
}

static void
forget_notes(void)
{
	noted = noted_sources = noted_schemas = NIL;
}

static void
write_noted(void)
{
	List	   *tables = noted;
	List	   *sources = noted_sources;
	List	   *schemas = noted_schemas;

	forget_notes();
	CommandCounterIncrement();
	if (ST_FAULT("J1"))
		return;

	/*
	 * there is none any more at the end of a transaction; long texts are read
	 * under one
	 */
	PushActiveSnapshot(GetTransactionSnapshot());
	write_rows(&saved_stream_tables, tables);
	write_rows(&saved_sources, add_sources_of(sources, schemas));
	PopActiveSnapshot();
}

static void
at_xact_event(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (noted != NIL || noted_sources != NIL || noted_schemas != NIL)
				write_noted();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			forget_notes();
			break;
		default:
			break;
	}
}

static void
note(List **list, Oid oid)
{
	static bool registered = false;
	MemoryContext old;

	if (!registered)
		RegisterXactCallback(at_xact_event, NULL);
	registered = true;
	old = MemoryContextSwitchTo(TopTransactionContext);
	*list = list_append_unique_oid(*list, oid);
	MemoryContextSwitchTo(old);
}

void
st_saved_note(Oid relid)
{
	note(&noted, relid);
}

void
st_saved_note_source(Oid relid)
{
	note(&noted_sources, relid);
}

void
st_saved_note_sources_of(Oid schema)
{
	note(&noted_schemas, schema);
}

/* ----- restoring ----- */

/* Of one of the tables; "restored_in" and "problem" are columns of it. */
static StSavedState
state_of(const SavedTable *table, int restored_in, int problem)
{
	Oid			saved = saved_relation(table->name);
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	StSavedState state = ST_SAVED_NONE;

	if (!OidIsValid(saved))
		return ST_SAVED_NONE;
	rel = table_open(saved, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (state != ST_SAVED_WAITS && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		process;
		bool		isnull;

		(void) heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull);
		if (!isnull)
			continue;
		(void) heap_getattr(tuple, problem + 1, RelationGetDescr(rel), &isnull);
		if (!isnull)
			continue;
		process = heap_getattr(tuple, restored_in + 1, RelationGetDescr(rel), &isnull);
		state = !isnull && BackendPidGetProc(DatumGetInt32(process)) ? ST_SAVED_WAITS : ST_SAVED_READY;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return state;
}

StSavedState
st_saved_state(void)
{
	StSavedState tables = state_of(&saved_stream_tables, SAVED_RESTORED_IN, SAVED_PROBLEM);
	StSavedState sources = state_of(&saved_sources, SOURCE_RESTORED_IN, SOURCE_PROBLEM);

	if (tables == ST_SAVED_NONE)
		return sources;
	return sources == ST_SAVED_WAITS ? sources : tables;
}
