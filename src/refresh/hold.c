/*-------------------------------------------------------------------------
 *
 * hold.c
 *	  Stream tables that the scheduler is told to leave as they are.
 *
 * NOTES
 *	  A gate holds what reads the source itself: what reads that sees no news.
 *	  Watermarks hold what puts two sources together, also where each has come
 *	  through a stream table of its own.
 *
 *	  Draining has two parts. A row in the catalog keeps refreshes from
 *	  beginning, until it is taken away; they read it as they read gates. A lock,
 *	  held while the row is being written, waits for those that have begun, and
 *	  makes those that would begin meanwhile try again later. A refresh that
 *	  waits for a lock of whoever drains gives up by its own lock_timeout.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/guc.h"

#include "catalog/fuse.h"
#include "catalog/gate.h"
#include "guc.h"
#include "refresh/hold.h"
#include "refresh/refresh.h"
#include "util/attempt.h"
#include "util/fault.h"
#include "util/lock_tag.h"

/* Add what a stream table reads, and what its upstreams do. */
static List *
add_sources(List *sources, StStreamTable *table)
{
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, st_entry_sources(table))
	{
		StStreamTable *upstream;

		if (list_member_oid(sources, lfirst_oid(lc)))
			continue;
		sources = lappend_oid(sources, lfirst_oid(lc));
		upstream = st_stream_table_get_if_exists(lfirst_oid(lc));
		if (upstream)
			sources = add_sources(sources, upstream);
	}
	return sources;
}

static StHold *
make_hold(StStreamTable *table, StHoldKind kind, char *reason)
{
	StHold	   *hold = palloc0(sizeof(StHold));

	hold->relid = table->relid;
	hold->kind = kind;
	hold->reason = reason;
	return hold;
}

StHold *
st_hold_find(StStreamTable *table, Snapshot snapshot)
{
	char	   *obstacle;

	if (ST_FAULT("K10"))
		return NULL;
	if (st_drain_is_on(snapshot) && !ST_FAULT("K27"))
		return make_hold(table, ST_HOLD_DRAIN, "drained");
	if (OidIsValid(st_gate_find_closed(st_entry_sources(table), snapshot)))
		return make_hold(table, ST_HOLD_GATE, "source gated");
	if (!st_watermark_groups_exist(snapshot))
		return NULL;
	obstacle = st_watermark_obstacle(add_sources(NIL, table), snapshot);
	return obstacle ? make_hold(table, ST_HOLD_WATERMARK, obstacle) : NULL;
}

StHold *
st_hold_with(StStreamTable *table, const StHold *other, const StStreamTable *held)
{
	if (other->kind == ST_HOLD_DRAIN)
		return make_hold(table, ST_HOLD_DRAIN, other->reason);
	return make_hold(table, ST_HOLD_UNIT, psprintf("blocked by %s.%s", held->schema, held->name));
}

/* ----- fuses ----- */

static void
set_observations(StStreamTable *table, int observations)
{
	Oid			types[] = {INT8OID, INT4OID};
	Datum		values[] = {Int64GetDatum(table->pgt_id), Int32GetDatum(observations)};

	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.stream_table_internals SET fuse_observations = $2 WHERE pgt_id = $1",
							  2, types, values, NULL);
	SPI_finish();
}

/* Would a recompute be cheaper, by what past refreshes took? False if that is not known. */
static bool
recompute_is_cheaper(StStreamTable *table, int64 pending)
{
	Oid			types[] = {INT8OID, FLOAT8OID, FLOAT8OID};
	Datum		values[] = {Int64GetDatum(table->pgt_id), Float8GetDatum((double) pending), Float8GetDatum(table->last_full_ms)};
	bool		isnull;
	Datum		answer;

	if (table->last_full_ms < 0)
		return false;
	SPI_connect();
	(void) st_catalog_execute("SELECT coalesce(sum(coalesce(h.busy_ms, 1000 * extract(epoch FROM h.end_time - h.start_time)))::double precision"
							  "                / sum(h.delta_row_count) * $2 > $3, false)"
							  " FROM (SELECT * FROM pgtrickle.pgt_refresh_history WHERE pgt_id = $1 AND action = 'DIFFERENTIAL'"
							  "       AND status = 'COMPLETED' AND delta_row_count > 0 ORDER BY start_time DESC LIMIT 20) AS h",
							  3, types, values, NULL);
	answer = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	SPI_finish();
	return DatumGetBool(answer);
}

StHold *
st_hold_fuse(StStreamTable *table, int64 pending, Snapshot snapshot)
{
	StFuse		fuse;
	StHold	   *hold;
	int64		ceiling;

	if (!st_fuse_read(table, snapshot, &fuse) || !fuse.on)
		return NULL;
	ceiling = fuse.ceiling > 0 ? fuse.ceiling : st_guc_fuse_default_ceiling;
	if (ceiling == 0 || pending <= ceiling || fuse.observations < 0 ||
		(fuse.only_if_cheaper && !recompute_is_cheaper(table, pending)))
	{
		if (fuse.observations != 0)
			set_observations(table, 0);
		return NULL;
	}
	if (fuse.observations + 1 < fuse.sensitivity)
	{
		set_observations(table, fuse.observations + 1);
		return NULL;
	}
	hold = make_hold(table, ST_HOLD_FUSE,
					 psprintf("change buffer count (" INT64_FORMAT ") exceeded ceiling (" INT64_FORMAT ")", pending, ceiling));
	hold->pending = pending;
	hold->ceiling = ceiling;
	return hold;
}

/* ----- draining ----- */

static void
make_drain_lock_tag(LOCKTAG *tag)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0, 0, ST_LOCK_DRAIN);
}

bool
st_drain_share(void)
{
	LOCKTAG		tag;

	make_drain_lock_tag(&tag);
	return LockAcquire(&tag, ShareLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

static bool
exclude(void *arg)
{
	LOCKTAG		tag;

	make_drain_lock_tag(&tag);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	return true;
}

bool
st_drain_exclude(int timeout_ms)
{
	int			level = NewGUCNestLevel();
	ErrorData  *error;

	(void) set_config_option("lock_timeout", psprintf("%d", timeout_ms), PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	error = st_attempt(exclude, NULL);
	if (error && error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
		ReThrowError(error);
	AtEOXact_GUC(false, level);
	return error == NULL;
}
