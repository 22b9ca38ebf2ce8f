/*-------------------------------------------------------------------------
 *
 * gate.c
 *	  What holds refreshes back, as a refresh reads it.
 *
 * NOTES
 *	  Every scheduled refresh asks, and hardly ever is there an answer: so
 *	  tables are scanned, by their keys, without running a statement.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "catalog/extension.h"
#include "catalog/gate.h"
#include "catalog/saved.h"
#include "guc.h"

/* Attribute numbers, which no update script changes. */
#define GATE_SOURCE 1
#define GATE_GATED 2
#define GATE_GATED_AT 3
#define GATE_UNGATED_AT 4
#define GATE_GATED_BY 5
#define WATERMARK_SOURCE 1
#define WATERMARK_WATERMARK 2
#define WATERMARK_UPDATED_AT 3
#define WATERMARK_ADVANCED_BY 4
/* the same in both tables of groups */
#define GROUP_NAME 2
#define GROUP_SOURCES 3
#define GROUP_TOLERANCE 4
#define GROUP_ISOLATION 4
#define GROUP_CREATED_AT 5
#define GROUP_NATTS 5

static SysScanDesc
scan_source(Relation rel, const char *index, Oid source, Snapshot snapshot)
{
	ScanKeyData key;

	/* the source is the first column of both tables */
	ScanKeyInit(&key, GATE_SOURCE, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(source));
	return systable_beginscan(rel, st_internal_relation(index, false), true, snapshot, 1, &key);
}

Oid
st_gate_find_closed(List *sources, Snapshot snapshot)
{
	Relation	rel = table_open(st_internal_relation("pgt_source_gates", false), AccessShareLock);
	Oid			result = InvalidOid;
	ListCell   *lc;

	/* nobody has ever used a gate */
	if (RelationGetNumberOfBlocks(rel) == 0)
		sources = NIL;
	foreach(lc, sources)
	{
		SysScanDesc scan = scan_source(rel, "pgt_source_gates_pkey", lfirst_oid(lc), snapshot);
		HeapTuple	tuple = systable_getnext(scan);
		bool		isnull;

		if (HeapTupleIsValid(tuple) && DatumGetBool(heap_getattr(tuple, GATE_GATED, RelationGetDescr(rel), &isnull)))
			result = lfirst_oid(lc);
		systable_endscan(scan);
		if (OidIsValid(result))
			break;
	}
	table_close(rel, AccessShareLock);
	return result;
}

/* ----- watermarks ----- */

typedef struct Watermark
{
	Oid			source;
	TimestampTz watermark;
	TimestampTz updated_at;
} Watermark;

/* The watermark of a source; false: it has none. */
static bool
read_watermark(Oid source, Snapshot snapshot, Watermark *watermark)
{
	Relation	rel = table_open(st_internal_relation("pgt_watermarks", false), AccessShareLock);
	SysScanDesc scan = scan_source(rel, "pgt_watermarks_pkey", source, snapshot);
	HeapTuple	tuple = systable_getnext(scan);
	bool		found = HeapTupleIsValid(tuple);
	bool		isnull;

	if (found)
	{
		watermark->source = source;
		watermark->watermark = DatumGetTimestampTz(heap_getattr(tuple, WATERMARK_WATERMARK, RelationGetDescr(rel), &isnull));
		watermark->updated_at = DatumGetTimestampTz(heap_getattr(tuple, WATERMARK_UPDATED_AT, RelationGetDescr(rel), &isnull));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* Seconds between two watermarks; infinite ones of one sign are no time apart. */
static double
seconds_between(TimestampTz a, TimestampTz b)
{
	if (a == b)
		return 0;
	if (TIMESTAMP_NOT_FINITE(a) || TIMESTAMP_NOT_FINITE(b))
		return get_float8_infinity();
	return fabs((double) a - (double) b) / USECS_PER_SEC;
}

static List *
group_sources(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum	   *elements;
	int			n;
	List	   *result = NIL;

	deconstruct_array(DatumGetArrayTypeP(heap_getattr(tuple, GROUP_SOURCES, desc, &isnull)),
					  OIDOID, sizeof(Oid), true, TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
		result = lappend_oid(result, DatumGetObjectId(elements[i]));
	return result;
}

/* What a group has against reading these sources together. */
static char *
group_obstacle(const char *name, List *members, double tolerance, List *sources, Snapshot snapshot)
{
	Watermark	earliest = {0};
	Watermark	latest = {0};
	int			read = 0;
	int			known = 0;
	char	   *stuck = NULL;
	ListCell   *lc;

	foreach(lc, members)
	{
		Watermark	watermark;
		double		age;

		if (!list_member_oid(sources, lfirst_oid(lc)))
			continue;
		read++;
		if (!read_watermark(lfirst_oid(lc), snapshot, &watermark))
			continue;
		if (known == 0 || watermark.watermark < earliest.watermark)
			earliest = watermark;
		if (known == 0 || watermark.watermark > latest.watermark)
			latest = watermark;
		known++;
		age = (GetCurrentTimestamp() - watermark.updated_at) / (double) USECS_PER_SEC;
		if (st_guc_watermark_holdback_timeout > 0 && age > st_guc_watermark_holdback_timeout)
			stuck = psprintf("watermark group \"%s\" is stuck: the watermark of %u has not been advanced for %d s",
							 name, watermark.source, st_guc_watermark_holdback_timeout);
	}
	if (read < 2)
		return NULL;
	if (stuck)
		return stuck;
	if (known < read || seconds_between(earliest.watermark, latest.watermark) <= tolerance)
		return NULL;
	return psprintf("watermark group \"%s\" is not aligned: lag %g s, tolerance %g s",
					name, seconds_between(earliest.watermark, latest.watermark), tolerance);
}

static bool
has_row(const char *table, Snapshot snapshot)
{
	Relation	rel = table_open(st_internal_relation(table, false), AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, snapshot, 0, NULL);
	bool		result = HeapTupleIsValid(systable_getnext(scan));

	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

bool
st_watermark_groups_exist(Snapshot snapshot)
{
	return has_row("pgt_watermark_groups", snapshot);
}

bool
st_drain_is_on(Snapshot snapshot)
{
	return has_row("scheduler_drain", snapshot);
}

char *
st_watermark_obstacle(List *sources, Snapshot snapshot)
{
	Relation	rel = table_open(st_internal_relation("pgt_watermark_groups", false), AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, snapshot, 0, NULL);
	HeapTuple	tuple;
	char	   *result = NULL;

	while (result == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		result = group_obstacle(TextDatumGetCString(heap_getattr(tuple, GROUP_NAME, desc, &isnull)),
								group_sources(tuple, desc),
								DatumGetFloat8(heap_getattr(tuple, GROUP_TOLERANCE, desc, &isnull)),
								sources, snapshot);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* ----- what is saved of them ----- */

/* A column of the row and its value, unless that is NULL. Times do not depend on settings (rule J11). */
static List *
add_option(List *options, HeapTuple tuple, TupleDesc desc, AttrNumber attnum)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, attnum, desc, &isnull);
	char	   *printed;

	if (isnull)
		return options;
	switch (TupleDescAttr(desc, attnum - 1)->atttypid)
	{
		case TIMESTAMPTZOID:
			printed = pstrdup(timestamptz_to_str(DatumGetTimestampTz(value)));
			break;
		case BOOLOID:
			printed = pstrdup(DatumGetBool(value) ? "true" : "false");
			break;
		default:
			printed = TextDatumGetCString(value);
	}
	return lappend(lappend(options, pstrdup(NameStr(TupleDescAttr(desc, attnum - 1)->attname))), printed);
}

static List *
add_options(List *options, const char *table, const char *index, Oid relid, const AttrNumber *attnums, int n)
{
	Relation	rel = table_open(st_internal_relation(table, false), AccessShareLock);
	SysScanDesc scan = scan_source(rel, index, relid, NULL);
	HeapTuple	tuple = systable_getnext(scan);

	if (HeapTupleIsValid(tuple))
		for (int i = 0; i < n; i++)
			options = add_option(options, tuple, RelationGetDescr(rel), attnums[i]);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return options;
}

List *
st_gate_options(Oid relid)
{
	static const AttrNumber gate[] = {GATE_GATED, GATE_GATED_AT, GATE_UNGATED_AT, GATE_GATED_BY};
	static const AttrNumber watermark[] = {WATERMARK_WATERMARK, WATERMARK_UPDATED_AT, WATERMARK_ADVANCED_BY};
	List	   *options = add_options(NIL, "pgt_source_gates", "pgt_source_gates_pkey", relid, gate, lengthof(gate));

	return add_options(options, "pgt_watermarks", "pgt_watermarks_pkey", relid, watermark, lengthof(watermark));
}

List *
st_watermark_groups_of(Oid relid)
{
	Relation	rel = table_open(st_internal_relation("pgt_watermark_groups", false), AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		if (!list_member_oid(group_sources(tuple, desc), relid))
			continue;
		result = lappend(result, TextDatumGetCString(heap_getattr(tuple, GROUP_NAME, desc, &isnull)));
		result = lappend(result, psprintf("%.17g", DatumGetFloat8(heap_getattr(tuple, GROUP_TOLERANCE, desc, &isnull))));
		result = lappend(result, pstrdup(timestamptz_to_str(DatumGetTimestampTz(heap_getattr(tuple, GROUP_CREATED_AT, desc, &isnull)))));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* ----- dropped relations ----- */

static void
delete_row(const char *table, const char *index, Oid relid)
{
	Relation	rel = table_open(st_internal_relation(table, false), RowExclusiveLock);
	SysScanDesc scan = scan_source(rel, index, relid, NULL);
	HeapTuple	tuple = systable_getnext(scan);

	if (HeapTupleIsValid(tuple))
		CatalogTupleDelete(rel, &tuple->t_self);
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
}

static void
leave_groups(const char *table, Oid relid)
{
	Relation	rel = table_open(st_internal_relation(table, false), RowExclusiveLock);
	TupleDesc	desc = RelationGetDescr(rel);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		List	   *members = group_sources(tuple, desc);
		Datum		values[GROUP_NATTS] = {0};
		bool		nulls[GROUP_NATTS] = {0};
		bool		replace[GROUP_NATTS] = {0};
		Datum	   *elements;
		HeapTuple	changed;
		ListCell   *lc;

		if (!list_member_oid(members, relid))
			continue;
		members = list_delete_oid(members, relid);
		if (members == NIL)
		{
			CatalogTupleDelete(rel, &tuple->t_self);
			continue;
		}
		elements = palloc(sizeof(Datum) * list_length(members));
		foreach(lc, members)
			elements[foreach_current_index(lc)] = ObjectIdGetDatum(lfirst_oid(lc));
		values[GROUP_SOURCES - 1] = PointerGetDatum(construct_array(elements, list_length(members), OIDOID, sizeof(Oid),
																	true, TYPALIGN_INT));
		replace[GROUP_SOURCES - 1] = true;
		changed = heap_modify_tuple(tuple, desc, values, nulls, replace);
		CatalogTupleUpdate(rel, &tuple->t_self, changed);
	}
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
}

List *
st_refresh_group_options(Oid relid)
{
	Relation	rel = table_open(st_internal_relation("pgt_refresh_groups", false), AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	bool		isnull;
	List	   *result = NIL;

	while (result == NIL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (!list_member_oid(group_sources(tuple, desc), relid))
			continue;
		result = list_make4("refresh_group", TextDatumGetCString(heap_getattr(tuple, GROUP_NAME, desc, &isnull)),
							"refresh_group_isolation", TextDatumGetCString(heap_getattr(tuple, GROUP_ISOLATION, desc, &isnull)));
		result = lappend(result, "refresh_group_created_at");
		result = lappend(result, pstrdup(timestamptz_to_str(DatumGetTimestampTz(heap_getattr(tuple, GROUP_CREATED_AT, desc, &isnull)))));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

void
st_gate_forget(Oid relid)
{
	delete_row("pgt_source_gates", "pgt_source_gates_pkey", relid);
	delete_row("pgt_watermarks", "pgt_watermarks_pkey", relid);
	leave_groups("pgt_watermark_groups", relid);
	leave_groups("pgt_refresh_groups", relid);
	st_saved_note_source(relid);
	CommandCounterIncrement();
}
