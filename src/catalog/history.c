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
 *	  batch.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"

#include "catalog/history.h"
#include "catalog/stream_table.h"
#include "guc.h"

/* one refresh of this many prunes; by a hash, so that no stream table never does */
#define PRUNE_EVERY 64

/* rows that are kept of each stream table, if anything is deleted at all */
#define ROWS_KEPT 1000

void
st_history_prune(int64 pgt_id, int64 refresh_id)
{
	Oid			types[] = {INT8OID, INT4OID, INT4OID};
	Datum		values[] = {Int64GetDatum(pgt_id), Int32GetDatum(st_guc_history_retention_days), Int32GetDatum(ROWS_KEPT)};

	if (st_guc_history_retention_days == 0 || hash_bytes_uint32((uint32) refresh_id) % PRUNE_EVERY != 0)
		return;
	/* a row that someone else has pruned since the snapshot would be an error */
	if (IsolationUsesXactSnapshot())
		return;
	(void) st_catalog_execute("DELETE FROM pgtrickle.pgt_refresh_history WHERE refresh_id IN"
							  " (SELECT h.refresh_id FROM pgtrickle.pgt_refresh_history AS h"
							  "   WHERE h.pgt_id = $1 AND h.start_time < greatest("
							  "         clock_timestamp() - pg_catalog.make_interval(days => $2),"
							  "         (SELECT n.start_time FROM pgtrickle.pgt_refresh_history AS n WHERE n.pgt_id = $1"
							  "           ORDER BY n.start_time DESC OFFSET $3 LIMIT 1))"
							  "   ORDER BY h.start_time LIMIT 1000)", 3, types, values, NULL);
}
