/*-------------------------------------------------------------------------
 *
 * saved.c
 *	  Definitions of stream tables as pg_dump carries them.
 *
 * NOTES
 *	  pgt_stream_tables is full of OIDs and trees, which mean nothing in another
 *	  database. What is dumped is pgtrickle_saved.stream_tables, all text (rule
 *	  J1). Its rows are written before the end of each transaction that has
 *	  changed the catalog, from what the catalog holds then, without a statement
 *	  (rule J15).
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

/* OIDs of relations, in TopTransactionContext */
static List *noted = NIL;

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
	StStreamTable *table = st_stream_table_get(relid);
	Datum		values[SAVED_COLUMNS] = {0};
	bool		nulls[SAVED_COLUMNS] = {0};

	if (table == NULL)
		return NULL;
	values[SAVED_RELID] = ObjectIdGetDatum(relid);
	values[SAVED_SCHEMA] = CStringGetTextDatum(table->schema);
	values[SAVED_NAME] = CStringGetTextDatum(table->name);
	/* a role that is gone can be nobody's owner: whoever owns the table resumes it (rule J17) */
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

static void
write_row(Relation rel, Oid relid)
{
	HeapTuple	row = form_row(RelationGetDescr(rel), relid);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	old;

	ScanKeyInit(&key, SAVED_RELID + 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, saved_relation("stream_tables_pgt_relid_idx"), true, NULL, 1, &key);
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
write_noted(void)
{
	List	   *relids = noted;
	Oid			saved;
	Relation	rel;
	ListCell   *lc;

	noted = NIL;
	CommandCounterIncrement();
	saved = saved_relation("stream_tables");
	if (relids == NIL || !OidIsValid(saved) || ST_FAULT("J1"))
		return;
	/* there is none any more at the end of a transaction; long texts are read under one */
	PushActiveSnapshot(GetTransactionSnapshot());
	rel = table_open(saved, RowExclusiveLock);
	foreach(lc, relids)
		write_row(rel, lfirst_oid(lc));
	table_close(rel, NoLock);
	PopActiveSnapshot();
}

static void
at_xact_event(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (noted != NIL)
				write_noted();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			noted = NIL;
			break;
		default:
			break;
	}
}

void
st_saved_note(Oid relid)
{
	static bool registered = false;
	MemoryContext old;

	if (!registered)
		RegisterXactCallback(at_xact_event, NULL);
	registered = true;
	old = MemoryContextSwitchTo(TopTransactionContext);
	noted = list_append_unique_oid(noted, relid);
	MemoryContextSwitchTo(old);
}

/* ----- restoring ----- */

StSavedState
st_saved_state(void)
{
	Oid			saved = saved_relation("stream_tables");
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

		(void) heap_getattr(tuple, SAVED_RELID + 1, RelationGetDescr(rel), &isnull);
		if (!isnull)
			continue;
		(void) heap_getattr(tuple, SAVED_PROBLEM + 1, RelationGetDescr(rel), &isnull);
		if (!isnull)
			continue;
		process = heap_getattr(tuple, SAVED_RESTORED_IN + 1, RelationGetDescr(rel), &isnull);
		state = !isnull && BackendPidGetProc(DatumGetInt32(process)) ? ST_SAVED_WAITS : ST_SAVED_READY;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return state;
}
