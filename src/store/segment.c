/*-------------------------------------------------------------------------
 *
 * segment.c
 *	  Creates, rotates, truncates and drops the segments of change logs.
 *
 * NOTES
 *	  A source's log is a set of tables, its segments; writers append to the
 *	  current one, consumers read all of them. Which is current is a row of
 *	  change_log_segment; a change of it invalidates the source's relcache
 *	  entry, upon which writers look again. A writer that has not heard of it
 *	  yet appends to the former segment, which is as good.
 *
 *	  Locks: the source (by the caller), then the segments lock of the source
 *	  (an object lock on class change_log_segment), then the logs.
 *
 *	  Segments are truncated by giving them a new file inside the refreshing
 *	  transaction, under a conditional AccessExclusiveLock kept to its end.
 *	  Frontier and file then commit or abort together, so this transaction's
 *	  own new frontier may count; other consumers count by what they have
 *	  committed. A consumer whose refresh runs at the same time has consumed
 *	  all of the segment already, or it is not truncated.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/heap.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "catalog/toasting.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "catalog/extension.h"
#include "catalog/internal_table.h"
#include "catalog/stream_table.h"
#include "compat.h"
#include "guc.h"
#include "store/segment.h"
#include "store/store.h"
#include "util/fault.h"
#include "util/xxhash.h"

int64		st_log_segment_bytes = 8 * 1024 * 1024;
StStoreHooks st_store_hooks;

/* change_log_segment */
#define ANUM_SOURCE		1
#define ANUM_SEGMENT	2
#define ANUM_LOG		3
#define ANUM_ATTNUMS	4
#define ANUM_CURRENT	5
#define ANUM_SINCE		6
#define NATTS_SEGMENT	6

/* look at no more than this many pages to prove a segment consumed */
#define MAX_PROOF_PAGES	64

typedef struct CurrentSegment
{
	StWatched	watched;
	bool		exists;
	StSegment	segment;
} CurrentSegment;

static HTAB *current_segments = NULL;

/*
 * Open a log for a look, but never wait: whoever has truncated another log in
 * this transaction would make a deadlock of it. NULL if gone or locked.
 */
static Relation
open_log_nowait(Oid relid)
{
	Relation	log;

	if (!ConditionalLockRelationOid(relid, AccessShareLock))
		return NULL;
	log = try_relation_open(relid, NoLock);
	if (log == NULL)
		UnlockRelationOid(relid, AccessShareLock);
	return log;
}

/* --- reading the catalogue --- */

static StSegment *
segment_from_tuple(HeapTuple tuple, TupleDesc desc)
{
	StSegment  *result = palloc0(sizeof(StSegment));
	Datum		values[NATTS_SEGMENT];
	bool		nulls[NATTS_SEGMENT];
	ArrayType  *attnums;

	heap_deform_tuple(tuple, desc, values, nulls);
	result->segment = DatumGetInt32(values[ANUM_SEGMENT - 1]);
	result->log = DatumGetObjectId(values[ANUM_LOG - 1]);
	result->current = DatumGetBool(values[ANUM_CURRENT - 1]);
	result->since = DatumGetTimestampTz(values[ANUM_SINCE - 1]);
	attnums = DatumGetArrayTypePCopy(values[ANUM_ATTNUMS - 1]);
	result->natts = ArrayGetNItems(ARR_NDIM(attnums), ARR_DIMS(attnums));
	result->attnums = (AttrNumber *) ARR_DATA_PTR(attnums);
	return result;
}

static SysScanDesc
scan_segments(Relation rel, Oid source, ScanKey key)
{
	ScanKeyInit(key, ANUM_SOURCE, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(source));
	return systable_beginscan(rel, st_internal_relation("change_log_segment_pkey", false),
							  true, NULL, 1, key);
}

List *
st_segments_load(Oid source)
{
	Oid			relid = st_internal_relation("change_log_segment", true);
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;

	if (!OidIsValid(relid))
		return NIL;
	rel = table_open(relid, AccessShareLock);
	scan = scan_segments(rel, source, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = lappend(result, segment_from_tuple(tuple, RelationGetDescr(rel)));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

static StSegment *
find_current(List *segments)
{
	ListCell   *lc;

	foreach(lc, segments)
	{
		StSegment  *segment = lfirst(lc);

		if (segment->current)
			return segment;
	}
	return NULL;
}

const StSegment *
st_segment_current(Oid source)
{
	bool		filled;
	CurrentSegment *entry = st_watched_entry(&current_segments, "pg_trickle current segments",
											 sizeof(CurrentSegment), source, &filled);

	if (!filled)
	{
		StSegment  *now = find_current(st_segments_load(source));
		AttrNumber *attnums = NULL;

		if (now)
		{
			attnums = MemoryContextAlloc(TopMemoryContext,
										 sizeof(AttrNumber) * Max(now->natts, 1));
			memcpy(attnums, now->attnums, sizeof(AttrNumber) * now->natts);
		}
		if (entry->segment.attnums)
			pfree(entry->segment.attnums);
		entry->exists = now != NULL;
		if (now)
			entry->segment = *now;
		entry->segment.attnums = attnums;
		st_watched_filled(&entry->watched);
	}
	return entry->exists ? &entry->segment : NULL;
}

bool
st_log_exists(Oid source)
{
	return st_segment_current(source) != NULL;
}

bool
st_log_is_unlogged(Oid source)
{
	ListCell   *lc;

	foreach(lc, st_segments_load(source))
	{
		Oid			log = ((StSegment *) lfirst(lc))->log;

		if (OidIsValid(get_rel_namespace(log)) && get_rel_persistence(log) == RELPERSISTENCE_UNLOGGED)
			return true;
	}
	return false;
}

bool
st_log_columns(Oid source, int *natts, const AttrNumber **attnums)
{
	const StSegment *segment = st_segment_current(source);

	if (segment == NULL)
		return false;
	*natts = segment->natts;
	*attnums = segment->attnums;
	return true;
}

bool
st_segments_lock(Oid source, bool wait)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId,
					   st_internal_relation("change_log_segment", false), source, 0);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

/* --- writing the catalogue --- */

static void
insert_segment(Oid source, const StSegment *segment)
{
	Relation	rel = table_open(st_internal_relation("change_log_segment", false), RowExclusiveLock);
	Datum		values[NATTS_SEGMENT];
	bool		nulls[NATTS_SEGMENT] = {false};
	Datum	   *elements = palloc(sizeof(Datum) * Max(segment->natts, 1));

	for (int i = 0; i < segment->natts; i++)
		elements[i] = Int16GetDatum(segment->attnums[i]);
	values[ANUM_SOURCE - 1] = ObjectIdGetDatum(source);
	values[ANUM_SEGMENT - 1] = Int32GetDatum(segment->segment);
	values[ANUM_LOG - 1] = ObjectIdGetDatum(segment->log);
	values[ANUM_ATTNUMS - 1] = PointerGetDatum(construct_array(elements, segment->natts, INT2OID, 2, true, TYPALIGN_SHORT));
	values[ANUM_CURRENT - 1] = BoolGetDatum(segment->current);
	values[ANUM_SINCE - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	CatalogTupleInsert(rel, heap_form_tuple(RelationGetDescr(rel), values, nulls));
	table_close(rel, RowExclusiveLock);
}

/* Make this segment the current one; -1: only take the present one away. */
static void
set_current(Oid source, int number)
{
	Relation	rel = table_open(st_internal_relation("change_log_segment", false), RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan = scan_segments(rel, source, &key);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		StSegment  *segment = segment_from_tuple(tuple, RelationGetDescr(rel));
		bool		current = segment->segment == number;

		if (segment->current != current)
		{
			Datum		values[NATTS_SEGMENT];
			bool		nulls[NATTS_SEGMENT] = {false};
			bool		replace[NATTS_SEGMENT] = {false};

			values[ANUM_CURRENT - 1] = BoolGetDatum(current);
			replace[ANUM_CURRENT - 1] = true;
			values[ANUM_SINCE - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
			replace[ANUM_SINCE - 1] = true;
			CatalogTupleUpdate(rel, &tuple->t_self,
							   heap_modify_tuple(tuple, RelationGetDescr(rel), values, nulls, replace));
		}
	}
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
}

/* Take one segment out of the catalogue. */
static void
delete_segment(Oid log)
{
	Relation	rel = table_open(st_internal_relation("change_log_segment", false), RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, ANUM_LOG, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(log));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		CatalogTupleDelete(rel, &tuple->t_self);
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
	CommandCounterIncrement();
}

static void
delete_matching(const char *table, const char *index, Oid source)
{
	Relation	rel = table_open(st_internal_relation(table, false), RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(source));
	scan = systable_beginscan(rel, st_internal_relation(index, false), true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		CatalogTupleDelete(rel, &tuple->t_self);
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
}

/* --- pgt_change_tracking --- */

#define ANUM_TRACK_SOURCE		1
#define ANUM_TRACK_SLOT			2
#define ANUM_TRACK_CONSUMERS	4
#define ANUM_TRACK_STABLE_NAME	5
#define ANUM_TRACK_PLACEMENT	6
#define NATTS_TRACK				7

char *
st_stable_name(Oid relid)
{
	char	   *relname = get_rel_name(relid);
	char	   *name;

	if (relname == NULL)
		return NULL;
	name = psprintf("%s.%s", get_namespace_name(get_rel_namespace(relid)), relname);
	return psprintf("%016llx", (unsigned long long) st_xxh64((unsigned char *) name, strlen(name), ST_STABLE_SEED));
}

/* Is it the name of another source that had this name before, or of none any more? */
static bool
is_taken(Relation tracking, const char *stable_name)
{
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		taken = false;

	if (!OidIsValid(get_relname_relid(psprintf("changes_%s", stable_name), st_changes_namespace())))
		return false;
	scan = systable_beginscan(tracking, InvalidOid, false, NULL, 0, NULL);
	while (!taken && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		name = heap_getattr(tuple, ANUM_TRACK_STABLE_NAME, RelationGetDescr(tracking), &isnull);

		taken = !isnull && strcmp(TextDatumGetCString(name), stable_name) == 0;
	}
	systable_endscan(scan);
	return taken;
}

/* A name for what is generated for the source, as the contract has it. */
static char *
new_stable_name(Relation tracking, Oid source)
{
	char	   *name;

	if (st_is_stream_table(source))
		return psprintf("pgt_" INT64_FORMAT, st_stream_table_get(source)->pgt_id);
	name = st_stable_name(source);
	if (is_taken(tracking, name))
	{
		char	   *other = psprintf("%s.%u", name, source);

		name = psprintf("%016llx", (unsigned long long) st_xxh64((unsigned char *) other, strlen(other), ST_STABLE_SEED));
	}
	return name;
}

/* What was written for it by insert_tracking; NULL: nothing. */
static char *
tracked_name(Oid source)
{
	Relation	rel = table_open(st_internal_relation("pgt_change_tracking", false), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *name = NULL;

	ScanKeyInit(&key, ANUM_TRACK_SOURCE, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(source));
	scan = systable_beginscan(rel, st_internal_relation("pgt_change_tracking_pkey", false), true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, ANUM_TRACK_STABLE_NAME, RelationGetDescr(rel), &isnull);

		name = isnull ? NULL : TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return name;
}

static void
insert_tracking(Relation source)
{
	Relation	rel = table_open(st_internal_relation("pgt_change_tracking", false), RowExclusiveLock);
	Datum		values[NATTS_TRACK] = {0};
	bool		nulls[NATTS_TRACK];

	memset(nulls, true, sizeof(nulls));
	values[ANUM_TRACK_SOURCE - 1] = ObjectIdGetDatum(RelationGetRelid(source));
	values[ANUM_TRACK_SLOT - 1] = CStringGetTextDatum("pgtrickle_capture");
	values[ANUM_TRACK_CONSUMERS - 1] = PointerGetDatum(construct_empty_array(INT8OID));
	values[ANUM_TRACK_STABLE_NAME - 1] = CStringGetTextDatum(new_stable_name(rel, RelationGetRelid(source)));
	values[ANUM_TRACK_PLACEMENT - 1] = CStringGetTextDatum("local");
	nulls[ANUM_TRACK_SOURCE - 1] = nulls[ANUM_TRACK_SLOT - 1] = false;
	nulls[ANUM_TRACK_CONSUMERS - 1] = nulls[ANUM_TRACK_STABLE_NAME - 1] = false;
	nulls[ANUM_TRACK_PLACEMENT - 1] = false;
	CatalogTupleInsert(rel, heap_form_tuple(RelationGetDescr(rel), values, nulls));
	table_close(rel, RowExclusiveLock);
}

void
st_tracking_set_consumer(Oid source, int64 pgt_id, bool present)
{
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	(void) st_segments_lock(source, true);
	rel = table_open(st_internal_relation("pgt_change_tracking", false), RowExclusiveLock);
	ScanKeyInit(&key, ANUM_TRACK_SOURCE, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(source));
	scan = systable_beginscan(rel, st_internal_relation("pgt_change_tracking_pkey", false),
							  true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		old = heap_getattr(tuple, ANUM_TRACK_CONSUMERS, RelationGetDescr(rel), &isnull);
		Datum	   *elements = NULL;
		int			n = 0;
		int			kept = 0;
		Datum	   *ids;
		Datum		values[NATTS_TRACK];
		bool		nulls[NATTS_TRACK] = {false};
		bool		replace[NATTS_TRACK] = {false};

		if (!isnull)
			deconstruct_array(DatumGetArrayTypeP(old), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, NULL, &n);
		ids = palloc(sizeof(Datum) * (n + 1));
		for (int i = 0; i < n; i++)
		{
			if (DatumGetInt64(elements[i]) != pgt_id)
				ids[kept++] = elements[i];
		}
		if (present)
			ids[kept++] = Int64GetDatum(pgt_id);
		values[ANUM_TRACK_CONSUMERS - 1] = PointerGetDatum(construct_array(ids, kept, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		replace[ANUM_TRACK_CONSUMERS - 1] = true;
		CatalogTupleUpdate(rel, &tuple->t_self,
						   heap_modify_tuple(tuple, RelationGetDescr(rel), values, nulls, replace));
	}
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
}

/* --- creating a segment --- */

static TupleDesc
log_descriptor(Relation source, int natts, const AttrNumber *attnums)
{
	TupleDesc	desc = CreateTemplateTupleDesc(ST_LOG_FIRST_COLUMN - 1 + natts);
	TupleDesc	from = RelationGetDescr(source);

	TupleDescInitEntry(desc, ST_LOG_XID, "xid", XID8OID, -1, 0);
	TupleDescInitEntry(desc, ST_LOG_WEIGHT, "weight", INT2OID, -1, 0);
	TupleDescInitEntry(desc, ST_LOG_MARKER, "marker", TEXTOID, -1, 0);
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(from, attnums[i] - 1);
		Form_pg_attribute to = TupleDescAttr(desc, ST_LOG_FIRST_COLUMN - 1 + i);

		TupleDescInitEntry(desc, ST_LOG_FIRST_COLUMN + i, psprintf("c%d", attnums[i]),
						   att->atttypid, att->atttypmod, att->attndims);
		to->attcollation = att->attcollation;
		to->attstorage = att->attstorage;
		to->attcompression = att->attcompression;
	}
	return desc;
}

/* Must a log of this source be UNLOGGED, whatever the setting (rules B10, B16)? */
static bool
must_be_unlogged(Relation source)
{
	return (source->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED && !ST_FAULT("B10")) ||
		st_internal_tables_are_published();
}

/* Create the table of a segment and register it. */
static void
create_segment(Relation source, int number, bool unlogged, int natts, AttrNumber *attnums)
{
	StSegment	segment = {.segment = number, .current = true, .natts = natts, .attnums = attnums};
	char		persistence = unlogged || must_be_unlogged(source) ? RELPERSISTENCE_UNLOGGED : RELPERSISTENCE_PERMANENT;

	/* VACUUM must never cut the log's end (rule B4) nor waste time on it */
	List	   *options = list_make2(makeDefElem("vacuum_truncate", (Node *) makeString("off"), -1),
									 makeDefElem("autovacuum_enabled", (Node *) makeString("off"), -1));
	Datum		reloptions = transformRelOptions((Datum) 0, options, NULL, NULL, false, false);

	segment.log = heap_create_with_catalog(psprintf("log_%u_%d", RelationGetRelid(source), number),
										   st_changes_namespace(), InvalidOid,
										   InvalidOid, InvalidOid, InvalidOid,
										   st_extension_owner(), HEAP_TABLE_AM_OID,
										   log_descriptor(source, natts, attnums), NIL,
										   RELKIND_RELATION, persistence,
										   false, false, ONCOMMIT_NOOP, reloptions,
										   false, false, true, InvalidOid, NULL);
	CommandCounterIncrement();
	NewRelationCreateToastTable(segment.log, reloptions);
	st_extension_adopt_relation(segment.log);
	set_current(RelationGetRelid(source), -1);
	insert_segment(RelationGetRelid(source), &segment);
	CacheInvalidateRelcache(source);
	CommandCounterIncrement();
	if (persistence == RELPERSISTENCE_UNLOGGED)
		(void) st_crash_mark_ensure();
}

/* Does the segment's table still have the types of the source? */
static bool
types_fit(Relation source, const StSegment *segment, Relation log)
{
	for (int i = 0; i < segment->natts; i++)
	{
		Form_pg_attribute is = TupleDescAttr(RelationGetDescr(log), ST_LOG_FIRST_COLUMN - 1 + i);
		Form_pg_attribute should = TupleDescAttr(RelationGetDescr(source), segment->attnums[i] - 1);

		/*
		 * of a column that is gone the log gets NULLs, and nobody asks for
		 * them
		 */
		if (!should->attisdropped && is->atttypid != should->atttypid)
			return false;
	}
	return true;
}

/* And the persistence that a segment made now would have? */
static bool
segment_fits(Relation source, const StSegment *segment, bool unlogged)
{
	Relation	log = open_log_nowait(segment->log);
	bool		fits;

	if (log == NULL)
		return false;
	fits = types_fit(source, segment, log);
	if (log->rd_rel->relpersistence != RELPERSISTENCE_UNLOGGED)
		fits = fits && !must_be_unlogged(source);
	else
		fits = fits && (unlogged || must_be_unlogged(source));
	relation_close(log, AccessShareLock);
	return fits;
}

/* Are the types those that the writers write? Persistence may change. */
static bool
types_fit_current(Relation source, const StSegment *segment)
{
	Relation	log = open_log_nowait(segment->log);
	bool		fits;

	/* nobody can have locked the current segment for good */
	if (log == NULL)
		return true;
	fits = types_fit(source, segment, log);
	relation_close(log, AccessShareLock);
	return fits;
}

bool
st_log_fits(Oid source)
{
	const StSegment *segment = st_segment_current(source);
	Relation	rel = segment ? try_relation_open(source, AccessShareLock) : NULL;
	bool		fits;

	if (rel == NULL)
		return false;
	fits = types_fit_current(rel, segment);
	relation_close(rel, AccessShareLock);
	return fits;
}

bool
st_log_holds(Oid source, const Bitmapset *attnums)
{
	const StSegment *segment = st_segment_current(source);
	Bitmapset  *missing;

	if (segment == NULL)
		return false;
	missing = bms_copy(attnums);
	for (int i = 0; i < segment->natts; i++)
		missing = bms_del_member(missing, segment->attnums[i]);
	return bms_is_empty(missing);
}

bool
st_log_lock_nowait(Oid source)
{
	return st_segments_lock(source, false);
}

void
st_log_ensure(Oid source, const Bitmapset *attnums)
{
	Relation	rel = table_open(source, NoLock);
	List	   *segments;
	StSegment  *current;
	ListCell   *lc;
	int			number = 0;
	Bitmapset  *wanted = NULL;
	int			attnum = -1;
	int			natts = 0;
	AttrNumber *array;

	Assert(CheckRelationLockedByMe(rel, ShareRowExclusiveLock, true));
	(void) st_segments_lock(source, true);
	while ((attnum = bms_next_member(attnums, attnum)) >= 0)
	{
		if (attnum < 1 || attnum > RelationGetNumberOfAttributes(rel) ||
			TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attisdropped)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column %d of \"%s\" does not exist", attnum, RelationGetRelationName(rel))));
		wanted = bms_add_member(wanted, attnum);
	}
	segments = st_segments_load(source);
	current = find_current(segments);
	foreach(lc, segments)
		number = Max(number, ((StSegment *) lfirst(lc))->segment + 1);
	if (current && segment_fits(rel, current, st_guc_logs_are_unlogged()))
	{
		Bitmapset  *have = NULL;

		for (int i = 0; i < current->natts; i++)
			have = bms_add_member(have, current->attnums[i]);
		if (bms_is_subset(wanted, have) || ST_FAULT("B9"))
		{
			table_close(rel, NoLock);
			return;
		}
	}
	/* other consumers still need what the current segment has */
	for (int i = 0; current && i < current->natts; i++)
	{
		if (!TupleDescAttr(RelationGetDescr(rel), current->attnums[i] - 1)->attisdropped)
			wanted = bms_add_member(wanted, current->attnums[i]);
	}
	if (bms_num_members(wanted) > MaxHeapAttributeNumber - (ST_LOG_FIRST_COLUMN - 1))
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_COLUMNS),
				 errmsg("stream tables read too many columns of table \"%s\"", RelationGetRelationName(rel)),
				 errdetail("A change log can have at most %d columns of its table, for all stream tables together.",
						   MaxHeapAttributeNumber - (ST_LOG_FIRST_COLUMN - 1)),
				 errhint("Read fewer columns, or use refresh mode FULL.")));
	array = palloc(sizeof(AttrNumber) * Max(bms_num_members(wanted), 1));
	attnum = -1;
	while ((attnum = bms_next_member(wanted, attnum)) >= 0)
		array[natts++] = attnum;
	create_segment(rel, number, st_guc_logs_are_unlogged(), natts, array);
	if (segments == NIL)
	{
		insert_tracking(rel);
		CommandCounterIncrement();
	}
	st_log_view_create(rel, tracked_name(source), natts, array);
	table_close(rel, NoLock);
}

bool
st_log_make_unlogged(Oid source)
{
	Relation	rel = table_open(source, NoLock);
	List	   *segments;
	StSegment  *current;
	ListCell   *lc;
	int			number = 0;
	bool		logged;

	Assert(CheckRelationLockedByMe(rel, ShareRowExclusiveLock, true));
	(void) st_segments_lock(source, true);
	segments = st_segments_load(source);
	current = find_current(segments);
	foreach(lc, segments)
		number = Max(number, ((StSegment *) lfirst(lc))->segment + 1);
	logged = current && get_rel_persistence(current->log) != RELPERSISTENCE_UNLOGGED;
	if (logged)
		create_segment(rel, number, true, current->natts, current->attnums);
	table_close(rel, NoLock);
	return logged;
}

void
st_log_drop_unused(Oid source)
{
	List	   *segments;
	ListCell   *lc;
	char	   *stable_name;

	(void) st_segments_lock(source, true);
	segments = st_segments_load(source);
	if (segments == NIL || st_frontiers_of_source(source) != NIL || !st_log_claim_nowait(source))
		return;
	stable_name = tracked_name(source);
	delete_matching("change_log_segment", "change_log_segment_pkey", source);
	delete_matching("pgt_change_tracking", "pgt_change_tracking_pkey", source);
	/* the source may be gone already, when we come from sql_drop */
	if (OidIsValid(get_rel_namespace(source)))
		CacheInvalidateRelcacheByRelid(source);
	CommandCounterIncrement();
	if (stable_name)
		st_log_view_drop(stable_name);
	foreach(lc, segments)
	{
		StSegment  *segment = lfirst(lc);

		if (OidIsValid(get_rel_namespace(segment->log)))
			st_extension_drop_relation(segment->log);
	}
	CommandCounterIncrement();
}

List *
st_logs_abandoned(void)
{
	return st_catalog_oids("SELECT source_relid FROM pgtrickle.pgt_change_tracking AS t WHERE NOT EXISTS"
						   " (SELECT FROM pgtrickle.source_frontier AS f WHERE f.source_relid = t.source_relid)"
						   " AND NOT EXISTS (SELECT FROM pgtrickle.source_copy AS c WHERE c.copy_relid = t.source_relid)"
						   " AND NOT EXISTS (SELECT FROM pgtrickle.pgt_dependencies AS d JOIN pgtrickle.pgt_stream_tables AS s USING (pgt_id)"
						   " WHERE d.source_relid = t.source_relid AND s.refresh_mode <> 'FULL')",
						   0, NULL, NULL);
}

int64
st_log_size(Oid source)
{
	int64		bytes = 0;
	ListCell   *lc;

	foreach(lc, st_segments_load(source))
	{
		StSegment  *segment = lfirst(lc);
		Relation	log = open_log_nowait(segment->log);

		if (log == NULL)
			continue;
		bytes += (int64) RelationGetNumberOfBlocks(log) * BLCKSZ;
		if (OidIsValid(log->rd_rel->reltoastrelid))
		{
			Relation	toast = try_relation_open(log->rd_rel->reltoastrelid, AccessShareLock);

			if (toast)
			{
				bytes += (int64) RelationGetNumberOfBlocks(toast) * BLCKSZ;
				relation_close(toast, AccessShareLock);
			}
		}
		relation_close(log, AccessShareLock);
	}
	return bytes;
}

/* --- giving space back --- */

/*
 * Has the frontier consumed every row? The log is locked against writers, so
 * that every row in it belongs to an ended transaction or to ours. Rows before
 * the frontier's mark are consumed by what the mark means; those from there on
 * are looked at one by one, unless they are too many to be worth it.
 */
static bool
all_consumed(Relation log, const StFrontier *frontier)
{
	BlockNumber pages = RelationGetNumberOfBlocks(log);
	BlockNumber first = st_frontier_mark(frontier, RelationGetRelid(log), RelationGetFileNumber(log));
	TupleTableSlot *slot;
	TableScanDesc scan;
	ItemPointerData mintid;
	ItemPointerData maxtid;
	bool		consumed = true;

	if (first >= pages)
		return true;
	if (pages - first > MAX_PROOF_PAGES)
		return false;

	ItemPointerSet(&mintid, first, FirstOffsetNumber);
	ItemPointerSet(&maxtid, MaxBlockNumber, MaxOffsetNumber);
	slot = table_slot_create(log, NULL);
	scan = table_beginscan_tidrange(log, SnapshotSelf, &mintid, &maxtid);
	while (consumed && table_scan_getnextslot_tidrange(scan, ForwardScanDirection, slot))
	{
		HeapTuple	tuple = ((HeapTupleTableSlot *) slot)->tuple;
		bool		isnull;
		FullTransactionId xid = DatumGetFullTransactionId(slot_getattr(slot, ST_LOG_XID, &isnull));

		CHECK_FOR_INTERRUPTS();
		consumed = st_frontier_consumed(frontier, xid, HeapTupleHeaderGetRawCommandId(tuple->t_data));
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return consumed;
}

/* Rule B15: why a consumer may not hold this segment any longer, or NULL. */
static const char *
overdue(const StSegment *segment, int64 log_bytes)
{
	if (ST_FAULT("B15"))
		return NULL;
	if (st_guc_max_log_bytes > 0 && log_bytes > (int64) st_guc_max_log_bytes * 1024)
		return "its unread changes exceeded pg_trickle.max_log_bytes";
	if (st_guc_max_log_age > 0 && !ST_FAULT("B15 age") &&
		TimestampDifferenceExceeds(segment->since, GetCurrentTimestamp(), st_guc_max_log_age * 1000))
		return "its unread changes were older than pg_trickle.max_log_age";
	return NULL;
}

/* Take the log away from a consumer, unless it is just being refreshed. */
static bool
detach_consumer(StFrontier *frontier, Oid source, const char *reason)
{
	char	   *name = st_store_hooks.lock_consumer ? st_store_hooks.lock_consumer(frontier->pgt_id) : NULL;
	List	   *frontiers;
	ListCell   *lc;

	if (name == NULL)
		return false;
	/* as it is under the lock */
	frontiers = st_frontiers_of_source(source);
	foreach(lc, frontiers)
	{
		StFrontier *now = lfirst(lc);

		if (now->pgt_id != frontier->pgt_id || !FullTransactionIdEquals(now->own, frontier->own))
			continue;
		st_frontier_detach(now, reason);
		ereport(WARNING,
				(errmsg("stream table \"%s\" does not hold the change log of \"%s\" any longer", name, get_rel_name(source)),
				 errdetail("Detached: %s.", reason),
				 errhint("Its next refresh recomputes it.")));
		return true;
	}
	return false;
}

/* Nobody uses the segment and all have consumed it: give back its space. */
static void
empty_segment(Relation log, bool stale)
{
	Oid			relid = RelationGetRelid(log);
	Oid			toastrelid = log->rd_rel->reltoastrelid;
	ReindexParams params = {0};

	/* with another set of columns than the current one it is of no use */
	if (stale)
	{
		relation_close(log, NoLock);
		delete_segment(relid);
		st_extension_drop_relation(relid);
		CommandCounterIncrement();
		return;
	}
	RelationSetNewRelfilenumber(log, log->rd_rel->relpersistence);
	if (OidIsValid(toastrelid))
	{
		Relation	toast = relation_open(toastrelid, AccessExclusiveLock);

		RelationSetNewRelfilenumber(toast, toast->rd_rel->relpersistence);
		relation_close(toast, NoLock);
	}
	relation_close(log, NoLock);
	CommandCounterIncrement();
	(void) StReindexRelationParts(relid, REINDEX_REL_PROCESS_TOAST, &params);
	CommandCounterIncrement();
	ST_STOP_POINT("log truncated");
}

/*
 * Empty a segment that is not current, if nobody uses it and all consumers
 * have consumed it, without waiting for a lock.
 */
static void
truncate_segment(Oid source, const StSegment *segment, bool stale, int64 log_bytes)
{
	Relation	log;
	bool		consumed;

	if (!ConditionalLockRelationOid(segment->log, AccessExclusiveLock))
		return;
	log = try_relation_open(segment->log, NoLock);
	if (log == NULL)
		return;

	/*
	 * A first fill that is under way, then the frontiers: one that ends in
	 * between has a frontier. One that begins later waits for our lock before
	 * it takes its snapshot, and sees all that was in the segment.
	 */
	consumed = log->rd_refcnt == 1 && !st_log_is_held(source);
	if (consumed)
	{
		ListCell   *lc;

		foreach(lc, st_frontiers_of_source(source))
		{
			StFrontier *frontier = lfirst(lc);
			const char *reason;

			CHECK_FOR_INTERRUPTS();
			if (all_consumed(log, frontier))
				continue;
			reason = overdue(segment, log_bytes);
			if (reason == NULL || !detach_consumer(frontier, source, reason))
				consumed = false;
		}
	}
	if (consumed && (stale || RelationGetNumberOfBlocks(log) > 0))
		empty_segment(log, stale);
	else
	{
		relation_close(log, NoLock);
		UnlockRelationOid(segment->log, AccessExclusiveLock);
	}
}

/* Rule B15: an open writer is waited for, however long; but say who it is. */
static void
warn_of_writers(Oid source, const StSegment *segment, int64 log_bytes)
{
	char	   *writers;

	if (st_guc_max_log_bytes == 0 || log_bytes <= (int64) st_guc_max_log_bytes * 1024)
		return;
	writers = st_log_writers_text(segment->log);
	if (writers == NULL || ST_FAULT("B15 alert"))
		return;
	ereport(WARNING,
			(errmsg("the change log of \"%s\" cannot be given back: transactions that wrote it are open", get_rel_name(source)),
			 errdetail("%s; the log has " INT64_FORMAT " MB.", writers, log_bytes / (1024 * 1024)),
			 errhint("End the transactions, or COMMIT PREPARED or ROLLBACK PREPARED them.")));
}

char *
st_source_writers_text(Oid source)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, st_segments_load(source))
	{
		char	   *writers = st_log_writers_text(((StSegment *) lfirst(lc))->log);

		if (writers)
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "", writers);
	}
	return buf.len > 0 ? buf.data : NULL;
}

static bool
same_columns(const StSegment *a, const StSegment *b)
{
	return a->natts == b->natts &&
		memcmp(a->attnums, b->attnums, sizeof(AttrNumber) * a->natts) == 0;
}

/*
 * Direct the writers to an empty segment, a new one if there is none. A log
 * stays logged or unlogged as it was made: this session's setting is not asked.
 */
static void
rotate(Oid source, List *segments, StSegment *current)
{
	Relation	rel = try_relation_open(source, AccessShareLock);
	ListCell   *lc;
	int			number = 0;
	StSegment  *empty = NULL;
	bool		unlogged;

	if (rel == NULL)
		return;
	unlogged = get_rel_persistence(current->log) == RELPERSISTENCE_UNLOGGED;
	foreach(lc, segments)
	{
		StSegment  *segment = lfirst(lc);
		Relation	log;

		number = Max(number, segment->segment + 1);
		if (segment->current || empty || !same_columns(segment, current) || !segment_fits(rel, segment, unlogged) ||
			get_rel_persistence(segment->log) != get_rel_persistence(current->log))
			continue;
		log = open_log_nowait(segment->log);
		if (log == NULL)
			continue;
		if (RelationGetNumberOfBlocks(log) == 0)
			empty = segment;
		relation_close(log, AccessShareLock);
	}
	if (empty)
	{
		set_current(source, empty->segment);
		CacheInvalidateRelcache(rel);
		CommandCounterIncrement();
	}
	else if (types_fit_current(rel, current))
		create_segment(rel, number, unlogged, current->natts, current->attnums);
	relation_close(rel, AccessShareLock);
	ST_STOP_POINT("log rotated");
}

/* How large the current segment may become. */
static int64
segment_limit(void)
{
	return ST_FAULT("small segments") ? 4 * BLCKSZ : st_log_segment_bytes;
}

/* The size of one segment; -1 if it is locked or gone. */
static int64
segment_bytes(const StSegment *segment)
{
	Relation	log = open_log_nowait(segment->log);
	int64		bytes = -1;

	if (log)
	{
		bytes = (int64) RelationGetNumberOfBlocks(log) * BLCKSZ;
		relation_close(log, AccessShareLock);
	}
	return bytes;
}

void
st_log_reclaim(Oid source)
{
	List	   *segments = st_segments_load(source);
	StSegment  *current = find_current(segments);
	ListCell   *lc;
	bool		large = false;
	bool		garbage = false;
	int64		log_bytes;

	/* a look without locks first: most of the time there is nothing to do */
	foreach(lc, segments)
	{
		StSegment  *segment = lfirst(lc);
		int64		bytes = segment_bytes(segment);

		if (segment->current && bytes > segment_limit())
			large = true;
		if (!segment->current && (bytes > 0 || (bytes == 0 && current && !same_columns(segment, current))))
			garbage = true;
	}
	if ((!large && !garbage) || !st_segments_lock(source, false))
		return;

	/* under the lock, look again at what is current */
	segments = st_segments_load(source);
	current = find_current(segments);
	log_bytes = st_log_size(source);
	foreach(lc, segments)
	{
		StSegment  *segment = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (segment->current || current == NULL)
			continue;
		warn_of_writers(source, segment, log_bytes);
		truncate_segment(source, segment, !same_columns(segment, current), log_bytes);
	}
	/* another session may have rotated since our first look */
	if (current && segment_bytes(current) > segment_limit())
		rotate(source, segments, current);
}
