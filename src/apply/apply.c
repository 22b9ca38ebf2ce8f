/*-------------------------------------------------------------------------
 *
 * apply.c
 *	  Applies a node's netted delta to its table.
 *
 * NOTES
 *	  st_apply drains the Z-set into three work lists: rows to delete (by
 *	  place), rows to update (by place, with their new image) and rows to
 *	  insert. Only then does it write, in this order (rules G1). Nothing is
 *	  written when a row that leaves was not found as often as it should.
 *
 *	  Memory: the applier, its descriptors and statements live in the context
 *	  given to st_applier_create; the work lists of one call in the current
 *	  context (their rows spill beyond work_mem) and end with the call.
 *
 *	  Locks: the table is opened with RowExclusiveLock, kept to the end of the
 *	  transaction. The caller keeps other appliers away. On error everything
 *	  is left to the (sub)transaction's abort.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "apply/applier.h"
#include "compat.h"
#include "util/fault.h"
#include "util/sqlbuf.h"

/* A descriptor of two leading columns and then those of the Z-set. */
static TupleDesc
make_desc(StApplier *applier, TupleDesc table, int extra, const char *first, Oid first_type,
		  const char *second, Oid second_type, char prefix, bool row)
{
	TupleDesc	desc = CreateTemplateTupleDesc(extra + (row ? applier->natts : 0));

	if (extra > 0)
	{
		TupleDescInitEntry(desc, 1, first, first_type, -1, 0);
		TupleDescInitEntry(desc, 2, second, second_type, -1, 0);
	}
	for (int i = 0; row && i < applier->natts; i++)
	{
		char		name[NAMEDATALEN];

		TupleDescCopyEntry(desc, extra + i + 1, table, applier->columns[i]);
		snprintf(name, sizeof(name), "%c%d", prefix, i + 1);
		namestrcpy(&TupleDescAttr(desc, extra + i)->attname, name);
	}
	return desc;
}

static int
compare_positions(const void *a, const void *b, void *arg)
{
	StApplier  *applier = arg;

	return applier->columns[*(const int *) a] - applier->columns[*(const int *) b];
}

StApplier *
st_applier_create(MemoryContext context, Oid relid, int natts, const AttrNumber *columns,
				  const StIdentity *identity)
{
	Relation	rel = table_open(relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	MemoryContext caller = MemoryContextSwitchTo(context);
	StApplier  *applier = palloc0(sizeof(StApplier));

	applier->context = context;
	applier->relid = relid;
	applier->natts = natts;
	applier->columns = palloc(sizeof(AttrNumber) * Max(natts, 1));
	memcpy(applier->columns, columns, sizeof(AttrNumber) * natts);
	applier->order = palloc(sizeof(int) * Max(natts, 1));
	applier->is_key = palloc0(sizeof(bool) * Max(natts, 1));
	applier->identity.kind = identity->kind;
	applier->identity.nkeys = identity->nkeys;
	applier->identity.keys = palloc(sizeof(AttrNumber) * Max(identity->nkeys, 1));
	for (int i = 0; i < identity->nkeys; i++)
		applier->identity.keys[i] = identity->keys[i];
	for (int i = 0; i < natts; i++)
	{
		applier->order[i] = i;
		for (int j = 0; j < identity->nkeys; j++)
			applier->is_key[i] |= identity->keys[j] == columns[i];
	}
	qsort_arg(applier->order, natts, sizeof(int), compare_positions, applier);

	applier->old_desc = make_desc(applier, desc, OLD_EXTRA, "ord", INT8OID, "k", INT8OID, 'o', true);
	applier->tid_desc = make_desc(applier, desc, TID_EXTRA, "rel", OIDOID, "tid", TIDOID, 0, false);
	applier->update_desc = make_desc(applier, desc, TID_EXTRA, "rel", OIDOID, "tid", TIDOID, 'n', true);
	applier->insert_desc = make_desc(applier, desc, 0, NULL, 0, NULL, 0, 'n', true);
	MemoryContextSwitchTo(caller);
	table_close(rel, NoLock);
	return applier;
}

/*
 * Rows are reached by place or through the identity, never by reading the
 * table, however small it is when a plan that is kept is made.
 */
int
st_apply_pin_planner(void)
{
	static const char *const off[] = {"enable_seqscan", "enable_hashjoin", "enable_mergejoin"};
	int			level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(off); i++)
		(void) set_config_option(off[i], "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	return level;
}

bool
st_apply_read_list(Tuplestorestate *list, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(slot->tts_mcxt);
	bool		found = tuplestore_gettupleslot(list, true, false, slot);

	MemoryContextSwitchTo(old);
	return found;
}

/* Tell the callback the images of one step. */
void
st_apply_report(const StZsetStep *step, StApplyCallback callback, void *arg)
{
	for (int64 i = 0; i < step->weight; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (step->old_row != NULL)
			callback(step->old_row, -1, arg);
		if (step->new_row != NULL)
			callback(step->new_row, 1, arg);
	}
}

/* Put a row that enters k times on the list of inserts. */
void
st_apply_add_insert(StWork *work, TupleTableSlot *row, int64 k)
{
	if (work->inserts == NULL)
		work->inserts = tuplestore_begin_heap(true, false, work_mem);
	work->ninserts += k;
	for (; k > 0; k--)
	{
		CHECK_FOR_INTERRUPTS();
		tuplestore_puttupleslot(work->inserts, row);
	}
}

static void
remember_place(StWork *work, Oid rel, ItemPointer tid)
{
	if (work->ntids == work->space)
	{
		int64		space = work->space > 0 ? work->space * 2 : 64;

		if (work->tids == NULL)
		{
			work->tids = MemoryContextAlloc(work->context, sizeof(ItemPointerData) * space);
			work->rels = MemoryContextAlloc(work->context, sizeof(Oid) * space);
		}
		else
		{
			work->tids = repalloc_huge(work->tids, sizeof(ItemPointerData) * space);
			work->rels = repalloc_huge(work->rels, sizeof(Oid) * space);
		}
		work->space = space;
	}
	work->tids[work->ntids] = *tid;
	work->rels[work->ntids] = rel;
	work->ntids++;
}

/* A row that leaves was found; new_row is what it becomes, NULL: nothing. */
void
st_apply_add_found(StWork *work, Oid rel, ItemPointer tid, TupleTableSlot *new_row)
{
	StApplier  *applier = work->applier;
	MemoryContext caller = MemoryContextSwitchTo(work->context);
	int			natts = new_row != NULL ? applier->natts : 0;

	/* only rows paired by a key come in more than one step */
	if (applier->identity.nkeys > 0)
		remember_place(work, rel, tid);

	work->values[0] = ObjectIdGetDatum(rel);
	work->values[1] = PointerGetDatum(tid);
	work->nulls[0] = work->nulls[1] = false;
	if (new_row != NULL)
	{
		slot_getallattrs(new_row);
		memcpy(work->values + TID_EXTRA, new_row->tts_values, sizeof(Datum) * natts);
		memcpy(work->nulls + TID_EXTRA, new_row->tts_isnull, sizeof(bool) * natts);
		if (work->updates == NULL)
			work->updates = tuplestore_begin_heap(true, false, work_mem);
		work->nupdates++;
		tuplestore_putvalues(work->updates, applier->update_desc, work->values, work->nulls);
	}
	else
	{
		if (work->deletes == NULL)
			work->deletes = tuplestore_begin_heap(true, false, work_mem);
		work->ndeletes++;
		tuplestore_putvalues(work->deletes, applier->tid_desc, work->values, work->nulls);
	}
	MemoryContextSwitchTo(caller);
}

typedef struct Place
{
	Oid			rel;
	ItemPointerData tid;
} Place;

static inline int
compare_places(const Place *x, const Place *y)
{
	if (x->rel != y->rel)
		return x->rel < y->rel ? -1 : 1;
	return ItemPointerCompare((ItemPointer) &x->tid, (ItemPointer) &y->tid);
}

#define ST_SORT sort_places
#define ST_ELEMENT_TYPE Place
#define ST_COMPARE(a, b) compare_places(a, b)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Whether two steps took the same row: then one of them lacks its own. */
static bool
took_a_row_twice(StWork *work)
{
	Place	   *places;
	bool		twice = false;

	if (work->ntids < 2)
		return false;
	places = MemoryContextAllocHuge(work->context, sizeof(Place) * work->ntids);
	for (int64 i = 0; i < work->ntids; i++)
	{
		places[i].rel = work->rels[i];
		places[i].tid = work->tids[i];
	}
	sort_places(places, work->ntids);
	for (int64 i = 1; i < work->ntids && !twice; i++)
		twice = compare_places(&places[i - 1], &places[i]) == 0;
	pfree(places);
	return twice;
}

/* Fill the work lists from the Z-set. */
static void
collect(StWork *work, StZset *delta, bool fill, StApplyCallback callback, void *arg)
{
	StApplier  *applier = work->applier;
	StFinder   *finder = NULL;
	bool		plain = work->rel->rd_rel->relkind == RELKIND_RELATION;
	StZsetStep	step;

	st_zset_rewind(delta);
	if (!fill && st_zset_has_minus(delta))
	{
		if (!plain || !OidIsValid(st_find_index(applier, work->rel)))
		{
			st_find_by_statement(work, delta, callback, arg);
			return;
		}
		finder = st_find_begin(applier, work->rel, work->snapshot);
	}

	while (!work->inconsistent && st_zset_next(delta, &step))
	{
		if (callback != NULL)
			st_apply_report(&step, callback, arg);
		if (step.old_row == NULL)
			st_apply_add_insert(work, step.new_row, step.weight);
		else if (finder == NULL ||
				 !st_find_rows(finder, work, step.old_row, step.weight, step.new_row))
			work->inconsistent = !ST_FAULT("A4");
	}
	if (finder != NULL)
		st_find_end(finder);
}

/* Empty work lists, in a context of their own. */
static StWork *
begin_work(StApplier *applier)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle apply",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	StWork	   *work = palloc0(sizeof(StWork));

	work->applier = applier;
	work->context = context;
	work->rel = table_open(applier->relid, RowExclusiveLock);
	work->values = palloc(sizeof(Datum) * (applier->natts + TID_EXTRA));
	work->nulls = palloc(sizeof(bool) * (applier->natts + TID_EXTRA));
	MemoryContextSwitchTo(caller);
	return work;
}

static void
begin_snapshot(StWork *work, Snapshot snapshot)
{
	PushCopiedSnapshot(snapshot);
	UpdateActiveSnapshotCommandId();
	work->snapshot = GetActiveSnapshot();
}

/* Write the lists, unless something is amiss, and free everything. */
static StApplyResult
end_work(StWork *work)
{
	StApplyResult result = {0};
	MemoryContext caller = MemoryContextSwitchTo(work->context);

	if (!work->inconsistent)
	{
		result.inserted = work->ninserts;
		result.updated = work->nupdates;
		result.deleted = work->ndeletes;
		if (work->ninserts + work->nupdates + work->ndeletes > 0)
			st_write(work);
		if (work->room)
			st_room_end(work->rel);
	}
	result.inconsistent = work->inconsistent;

	PopActiveSnapshot();
	if (work->deletes != NULL)
		tuplestore_end(work->deletes);
	if (work->updates != NULL)
		tuplestore_end(work->updates);
	if (work->inserts != NULL)
		tuplestore_end(work->inserts);
	table_close(work->rel, NoLock);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work->context);
	return result;
}

StApplyResult
st_apply(StApplier *applier, StZset *delta, bool fill, Snapshot snapshot,
		 StApplyCallback callback, void *arg)
{
	StWork	   *work = begin_work(applier);
	MemoryContext caller = MemoryContextSwitchTo(work->context);

	begin_snapshot(work, snapshot);
	collect(work, delta, fill, callback, arg);
	if (!work->inconsistent && applier->identity.nkeys > 0)
		work->inconsistent = took_a_row_twice(work);
	work->room = fill && work->ninserts >= ST_ROOM_ROWS && st_room_begin(work->rel);
	MemoryContextSwitchTo(caller);
	return end_work(work);
}

/* ----- rows whose places are known ----- */

StWork *
st_places_begin(StApplier *applier)
{
	return begin_work(applier);
}

void
st_places_change(StWork *work, ItemPointer tid, TupleTableSlot *new_row)
{
	MemoryContext caller = MemoryContextSwitchTo(work->context);

	if (tid != NULL)
		st_apply_add_found(work, work->applier->relid, tid, new_row);
	else
		st_apply_add_insert(work, new_row, 1);
	MemoryContextSwitchTo(caller);
}

StApplyResult
st_places_end(StWork *work, bool inconsistent, Snapshot snapshot)
{
	work->inconsistent = inconsistent;
	begin_snapshot(work, snapshot);
	return end_work(work);
}

static void
subtract_row(TupleTableSlot *slot, void *arg)
{
	CHECK_FOR_INTERRUPTS();
	st_zset_add((StZset *) arg, slot, -1);
}

void
st_applier_subtract_contents(StApplier *applier, StZset *zset, Snapshot snapshot)
{
	Relation	rel = table_open(applier->relid, AccessShareLock);

	if (rel->rd_rel->relkind == RELKIND_RELATION)
	{
		TupleTableSlot *slot = table_slot_create(rel, NULL);
		TupleTableSlot *row = MakeSingleTupleTableSlot(applier->insert_desc, &TTSOpsVirtual);
		TableScanDesc scan;

		PushCopiedSnapshot(snapshot);
		UpdateActiveSnapshotCommandId();
		scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
		while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		{
			slot_getallattrs(slot);
			ExecClearTuple(row);
			for (int i = 0; i < applier->natts; i++)
			{
				row->tts_values[i] = slot->tts_values[applier->columns[i] - 1];
				row->tts_isnull[i] = slot->tts_isnull[applier->columns[i] - 1];
			}
			ExecStoreVirtualTuple(row);
			subtract_row(row, zset);
		}
		table_endscan(scan);
		PopActiveSnapshot();
		ExecDropSingleTupleTableSlot(row);
		ExecDropSingleTupleTableSlot(slot);
	}
	else
	{
		if (applier->contents == NULL)
		{
			StringInfoData sql;

			initStringInfo(&sql);
			st_sql_text(&sql, "SELECT ");
			for (int i = 0; i < applier->natts; i++)
			{
				if (i > 0)
					st_sql_text(&sql, ", ");
				st_sql_column(&sql, "t", get_attname(applier->relid, applier->columns[i], false));
			}
			st_sql_text(&sql, " FROM ");
			st_sql_relation(&sql, applier->relid);
			st_sql_text(&sql, " t");
			applier->contents = st_statement_create(applier->context, sql.data, 0, NULL);
			pfree(sql.data);
		}
		st_statement_run(applier->contents, 0, NULL, snapshot, subtract_row, zset);
	}
	table_close(rel, NoLock);
}
