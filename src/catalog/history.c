/*-------------------------------------------------------------------------
 *
 * history.c
 *	  Keeps pgtrickle.pgt_refresh_history small.
 *
 * NOTES
 *	  A row goes when it is older than pg_trickle.history_retention_days, or
 *	  when as many newer ones of its stream table are there as are kept
 *	  (rule K23). Both ends are found by an index, so that the cost does not
 *	  depend on how much history there is, and one run deletes no more than a
 *	  batch. All indexes begin with the stream table: of one that is busy, whole
 *	  pages become empty and are used again, whatever is kept of others. By the
 *	  number of the run alone, which only grows, none would.
 *
 *	  Who refreshes by hand adds a row, counts and prunes. What the scheduler's
 *	  refreshes leave is a row, or its count: see schedule/tally.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "catalog/extension.h"
#include "catalog/history.h"
#include "catalog/stream_table.h"
#include "guc.h"

/* one refresh of this many prunes; by a hash, so that no stream table never does */
#define PRUNE_EVERY 64

/* rows that are kept of each stream table, if anything is deleted at all */
#define ROWS_KEPT 1000

/* The values of a row that is being written, by the names of the columns. */
typedef struct RowValues
{
	TupleDesc	desc;
	Datum	   *values;
	bool	   *nulls;
} RowValues;

static RowValues
make_values(Relation rel)
{
	int			natts = RelationGetDescr(rel)->natts;
	RowValues	row = {RelationGetDescr(rel), palloc0(sizeof(Datum) * natts), palloc(sizeof(bool) * natts)};

	memset(row.nulls, true, sizeof(bool) * natts);
	return row;
}

static int
find_column(const RowValues *row, const char *column)
{
	for (int i = 0; i < row->desc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(row->desc, i)->attname), column) == 0)
			return i;
	elog(ERROR, "column \"%s\" of the history is missing", column);
}

static void
set_value(RowValues *row, const char *column, Datum value)
{
	int			i = find_column(row, column);

	row->values[i] = value;
	row->nulls[i] = false;
}

static void
add_number(RowValues *row, const char *column, int64 number)
{
	Datum	   *value = &row->values[find_column(row, column)];

	*value = Int64GetDatum(DatumGetInt64(*value) + number);
}

int64
st_history_add(const StHistoryRow *run)
{
	Relation	rel = table_open(st_internal_relation("pgt_refresh_history", false), RowExclusiveLock);
	int64		number = nextval_internal(st_internal_relation("pgt_refresh_history_refresh_id_seq", false), false);
	RowValues	row = make_values(rel);

	set_value(&row, "refresh_id", Int64GetDatum(number));
	set_value(&row, "pgt_id", Int64GetDatum(run->pgt_id));
	set_value(&row, "data_timestamp", TimestampTzGetDatum(run->start));
	set_value(&row, "start_time", TimestampTzGetDatum(run->start));
	set_value(&row, "end_time", TimestampTzGetDatum(run->end));
	set_value(&row, "action", CStringGetTextDatum(run->action));
	set_value(&row, "rows_inserted", Int64GetDatum(run->inserted));
	set_value(&row, "rows_deleted", Int64GetDatum(run->deleted));
	set_value(&row, "rows_updated", Int64GetDatum(run->updated));
	set_value(&row, "delta_row_count", Int64GetDatum(run->delta_rows));
	set_value(&row, "merge_strategy_used", CStringGetTextDatum("difference"));
	set_value(&row, "was_full_fallback", BoolGetDatum(run->fallback));
	set_value(&row, "status", CStringGetTextDatum("COMPLETED"));
	set_value(&row, "initiated_by", CStringGetTextDatum(run->initiated_by));
	if (run->iterations > 0)
		set_value(&row, "fixpoint_iteration", Int32GetDatum(run->iterations));
	if (run->reason)
		set_value(&row, "refresh_reason", CStringGetTextDatum(run->reason));
	set_value(&row, "read_ms", Float8GetDatum(run->read_ms));
	set_value(&row, "delta_ms", Float8GetDatum(run->delta_ms));
	set_value(&row, "apply_ms", Float8GetDatum(run->apply_ms));
	set_value(&row, "runs", Int64GetDatum(1));
	CatalogTupleInsert(rel, heap_form_tuple(row.desc, row.values, row.nulls));
	table_close(rel, RowExclusiveLock);
	return number;
}

/* What the run took, in ms. */
static double
busy_ms(const StHistoryRow *run)
{
	return (double) (run->end - run->start) / 1000;
}

/*
 * Add it to the totals of what the scheduler does not do, if they are there. As the row
 * of the history, without a statement. Nobody else writes this row: the node is
 * locked.
 */
static bool
add_to_totals(const StHistoryRow *run)
{
	Relation	rel = table_open(st_internal_relation("refresh_totals", false), RowExclusiveLock);
	RowValues	row = make_values(rel);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	ScanKeyInit(&keys[0], find_column(&row, "pgt_id") + 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(run->pgt_id));
	ScanKeyInit(&keys[1], find_column(&row, "scheduled") + 1, BTEqualStrategyNumber, F_BOOLEQ, BoolGetDatum(false));
	scan = systable_beginscan(rel, st_internal_relation("refresh_totals_pkey", false), true, NULL, 2, keys);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
	{
		heap_deform_tuple(tuple, row.desc, row.values, row.nulls);
		add_number(&row, "completed", 1);
		add_number(&row, "rows_inserted", run->inserted);
		add_number(&row, "rows_updated", run->updated);
		add_number(&row, "rows_deleted", run->deleted);
		set_value(&row, "busy_ms", Float8GetDatum(DatumGetFloat8(row.values[find_column(&row, "busy_ms")]) + busy_ms(run)));
		CatalogTupleUpdate(rel, &tuple->t_self, heap_form_tuple(row.desc, row.values, row.nulls));
		CommandCounterIncrement();
	}
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
	return found;
}

void
st_history_count(const StHistoryRow *run)
{
	Oid			types[] = {INT8OID, INT8OID, INT8OID, INT8OID, FLOAT8OID};
	Datum		values[] = {Int64GetDatum(run->pgt_id), Int64GetDatum(run->inserted), Int64GetDatum(run->updated),
	Int64GetDatum(run->deleted), Float8GetDatum(busy_ms(run))};

	if (!add_to_totals(run))
		(void) st_catalog_execute("INSERT INTO pgtrickle.refresh_totals"
								  " (pgt_id, scheduled, completed, rows_inserted, rows_updated, rows_deleted, busy_ms)"
								  " VALUES ($1, false, 1, $2, $3, $4, $5)", 5, types, values, NULL);
}

void
st_history_prune(int64 pgt_id, int64 refresh_id)
{
	if (st_guc_history_retention_days == 0 || hash_bytes_uint32((uint32) refresh_id) % PRUNE_EVERY != 0)
		return;
	/* a row that someone else has pruned since the snapshot would be an error */
	if (IsolationUsesXactSnapshot())
		return;
	(void) st_history_prune_batch(pgt_id);
}

uint64
st_history_prune_batch(int64 pgt_id)
{
	Oid			types[] = {INT8OID, INT4OID, INT4OID, INT4OID};
	Datum		values[] = {Int64GetDatum(pgt_id), Int32GetDatum(st_guc_history_retention_days), Int32GetDatum(ROWS_KEPT),
	Int32GetDatum(ST_HISTORY_BATCH)};

	if (st_guc_history_retention_days == 0)
		return 0;
	/* by ctid, or the planner might join with all of the history */
	return st_catalog_execute("DELETE FROM pgtrickle.pgt_refresh_history WHERE ctid = ANY (ARRAY"
							  " (SELECT h.ctid FROM pgtrickle.pgt_refresh_history AS h"
							  "   WHERE h.pgt_id = $1 AND h.start_time < greatest("
							  "         clock_timestamp() - pg_catalog.make_interval(days => $2),"
							  "         (SELECT n.start_time FROM pgtrickle.pgt_refresh_history AS n WHERE n.pgt_id = $1"
							  "           ORDER BY n.start_time DESC OFFSET $3 LIMIT 1))"
							  "   ORDER BY h.start_time LIMIT $4))", 4, types, values, NULL);
}

uint64
st_history_prune_old(void)
{
	Oid			types[] = {INT4OID, INT4OID};
	Datum		values[] = {Int32GetDatum(st_guc_history_retention_days), Int32GetDatum(ST_HISTORY_BATCH)};

	if (st_guc_history_retention_days == 0)
		return 0;
	return st_catalog_execute("DELETE FROM pgtrickle.pgt_refresh_history WHERE ctid = ANY (ARRAY"
							  " (SELECT h.ctid FROM pgtrickle.pgt_stream_tables AS t, LATERAL"
							  "    (SELECT o.ctid FROM pgtrickle.pgt_refresh_history AS o WHERE o.pgt_id = t.pgt_id"
							  "      AND o.start_time < clock_timestamp() - pg_catalog.make_interval(days => $1)"
							  "      ORDER BY o.start_time LIMIT $2) AS h LIMIT $2))", 2, types, values, NULL);
}
