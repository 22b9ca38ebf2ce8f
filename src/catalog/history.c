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

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
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

/* The values of a row that is being made, by the names of the columns. */
typedef struct RowValues
{
	TupleDesc	desc;
	Datum	   *values;
	bool	   *nulls;
} RowValues;

static void
set_value(RowValues *row, const char *column, Datum value)
{
	for (int i = 0; i < row->desc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(row->desc, i)->attname), column) == 0)
		{
			row->values[i] = value;
			row->nulls[i] = false;
			return;
		}
	elog(ERROR, "column \"%s\" of the history is missing", column);
}

int64
st_history_add(const StHistoryRow *run)
{
	Relation	rel = table_open(st_internal_relation("pgt_refresh_history", false), RowExclusiveLock);
	int64		number = nextval_internal(st_internal_relation("pgt_refresh_history_refresh_id_seq", false), false);
	int			natts = RelationGetDescr(rel)->natts;
	RowValues	row = {RelationGetDescr(rel), palloc0(sizeof(Datum) * natts), palloc(sizeof(bool) * natts)};

	memset(row.nulls, true, sizeof(bool) * natts);
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

void
st_history_count(const StHistoryRow *run)
{
	Oid			types[] = {INT8OID, INT8OID, INT8OID, INT8OID, FLOAT8OID};
	Datum		values[] = {Int64GetDatum(run->pgt_id), Int64GetDatum(run->inserted), Int64GetDatum(run->updated),
	Int64GetDatum(run->deleted), Float8GetDatum((double) (run->end - run->start) / 1000)};

	/* nobody else writes this row: the node is locked */
	if (st_catalog_execute("UPDATE pgtrickle.refresh_totals SET completed = completed + 1, rows_inserted = rows_inserted + $2,"
						   " rows_updated = rows_updated + $3, rows_deleted = rows_deleted + $4, busy_ms = busy_ms + $5"
						   " WHERE pgt_id = $1 AND NOT scheduled", 5, types, values, NULL) == 0)
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
