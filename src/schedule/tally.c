/*-------------------------------------------------------------------------
 *
 * tally.c
 *	  What the scheduler's refreshes leave in the history and in the totals.
 *
 * NOTES
 *	  A refresh that is a recompute, that has failed, or that is the first after
 *	  something was in its way leaves a row. Others do within a budget of ten
 *	  rows a second, or the history of a busy database would be mostly about
 *	  itself; what is above it is added up here, and leaves one row per
 *	  stream table and minute (rule K23). Who asks for a row is decided when the
 *	  refresh is handed out, and paid for when it has left one: a few too many are made
 *	  up for later.
 *
 *	  The totals are exact but for what a crash of the scheduler loses, ten
 *	  seconds at most. Refreshes by hand count in their own transactions, in a row
 *	  of their own, so that nobody waits for another one's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "catalog/history.h"
#include "catalog/stream_table.h"
#include "schedule/failure.h"
#include "schedule/tally.h"
#include "util/fault.h"

/* rows of the history a second, and how many may come at once, or be owed */
#define ROWS_PER_SECOND 10
#define MOST_ROWS 100

#define TOTALS_INTERVAL (10 * USECS_PER_SEC)
#define ROWS_INTERVAL (60 * USECS_PER_SEC)

/* what is too old is looked for so often, or sooner where there is much of it */
#define AGE_INTERVAL (60 * 60 * USECS_PER_SEC)

/* of one stream table, so many rows are pruned together */
#define PRUNE_ROWS 64

typedef struct Tally
{
	int64		pgt_id;			/* hash key */
	Oid			relid;

	/* since the totals were written */
	int64		completed;
	int64		failed;
	int64		skipped;
	int64		inserted;
	int64		updated;
	int64		deleted;
	double		ms;

	/* refreshes without a row of their own */
	StHistoryRow sum;
	int64		runs;
	double		busy_ms;

	int			rows;			/* since its history was pruned */
} Tally;

static HTAB *tallies = NULL;

static double rows_left = MOST_ROWS;
static int64 filled = 0;

static int64 totals_written = 0;
static int64 rows_written = 0;
static int64 age_pruned = 0;
static bool totals_due = false; /* there is something to be written */
static bool rows_due = false;

static Tally *
tally_of(StScheduled *node)
{
	Tally	   *tally;
	bool		found;

	if (tallies == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(int64), .entrysize = sizeof(Tally)};

		tallies = hash_create("pg_trickle tallies", 64, &control, HASH_ELEM | HASH_BLOBS);
	}
	tally = hash_search(tallies, &node->pgt_id, HASH_ENTER, &found);
	if (!found)
	{
		memset((char *) tally + sizeof(int64), 0, sizeof(Tally) - sizeof(int64));
		tally->relid = node->relid;
	}
	totals_due = rows_due = true;
	return tally;
}

/* Has something been in its way, so that people will want to know when it was refreshed? */
static bool
after_transition(const StScheduled *node)
{
	return node->failures > 0 || node->failed_before || node->hold_reason != NULL;
}

bool
st_tally_wants_rows(StScheduled *node, List *along)
{
	int64		now = st_now();
	ListCell   *lc;

	rows_left = Min(rows_left + (double) (now - filled) / USECS_PER_SEC * ROWS_PER_SECOND, MOST_ROWS);
	filled = now;
	if (rows_left > 0 || after_transition(node))
		return true;
	foreach(lc, along)
		if (after_transition(lfirst(lc)))
			return true;
	return false;
}

static void
left_row(Tally *tally)
{
	tally->rows++;
	rows_left = Max(rows_left - 1, -MOST_ROWS);
}

void
st_tally_refreshed(StScheduled *node, const StJobNode *run)
{
	Tally	   *tally;
	StHistoryRow *sum;
	TimestampTz now;

	if (strcmp(run->action, "NO_DATA") == 0)
		return;
	tally = tally_of(node);
	tally->completed++;
	tally->inserted += run->inserted;
	tally->updated += run->updated;
	tally->deleted += run->deleted;
	tally->ms += run->ms;
	if (run->recorded)
	{
		left_row(tally);
		return;
	}
	sum = &tally->sum;
	now = GetCurrentTimestamp();
	if (tally->runs == 0)
		sum->start = now - (int64) (run->ms * 1000);
	sum->end = now;
	sum->inserted += run->inserted;
	sum->updated += run->updated;
	sum->deleted += run->deleted;
	sum->delta_rows += run->delta_rows;
	sum->read_ms += run->read_ms;
	sum->delta_ms += run->delta_ms;
	sum->apply_ms += run->apply_ms;
	tally->runs++;
	tally->busy_ms += run->ms;
}

void
st_tally_failed(StScheduled *node)
{
	Tally	   *tally = tally_of(node);

	tally->failed++;
	left_row(tally);
}

void
st_tally_skipped(StScheduled *node)
{
	Tally	   *tally = tally_of(node);

	tally->skipped++;
	left_row(tally);
}

/* ----- writing ----- */

/* Somebody may be dropping the stream table: its totals wait for the next time. */
static bool
add_to_totals(Tally *tally)
{
	Oid			types[] = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, FLOAT8OID};
	Datum		values[] = {
		Int64GetDatum(tally->pgt_id), Int64GetDatum(tally->completed), Int64GetDatum(tally->failed), Int64GetDatum(tally->skipped),
		Int64GetDatum(tally->inserted), Int64GetDatum(tally->updated), Int64GetDatum(tally->deleted), Float8GetDatum(tally->ms)
	};

	return st_catalog_execute("UPDATE pgtrickle.refresh_totals AS t SET completed = t.completed + $2, failed = t.failed + $3,"
							  " skipped = t.skipped + $4, rows_inserted = t.rows_inserted + $5, rows_updated = t.rows_updated + $6,"
							  " rows_deleted = t.rows_deleted + $7, busy_ms = t.busy_ms + $8"
							  " FROM (SELECT pgt_id FROM pgtrickle.refresh_totals WHERE pgt_id = $1 AND scheduled"
							  "       FOR UPDATE SKIP LOCKED) AS f"
							  " WHERE t.pgt_id = f.pgt_id AND t.scheduled", 8, types, values, NULL) > 0 ||
		st_catalog_execute("INSERT INTO pgtrickle.refresh_totals"
						   " (pgt_id, scheduled, completed, failed, skipped, rows_inserted, rows_updated, rows_deleted, busy_ms)"
						   " SELECT $1, true, $2, $3, $4, $5, $6, $7, $8"
						   " WHERE EXISTS (SELECT FROM pgtrickle.pgt_stream_tables WHERE pgt_id = $1)"
						   " AND NOT EXISTS (SELECT FROM pgtrickle.refresh_totals WHERE pgt_id = $1 AND scheduled)",
						   8, types, values, NULL) > 0;
}

static void
add_row(Tally *tally)
{
	const StHistoryRow *sum = &tally->sum;
	Oid			types[] = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID, INT8OID,
	FLOAT8OID, FLOAT8OID, FLOAT8OID, INT8OID, FLOAT8OID};
	Datum		values[] = {
		Int64GetDatum(tally->pgt_id), TimestampTzGetDatum(sum->start), TimestampTzGetDatum(sum->end),
		Int64GetDatum(sum->inserted), Int64GetDatum(sum->updated), Int64GetDatum(sum->deleted), Int64GetDatum(sum->delta_rows),
		Float8GetDatum(sum->read_ms), Float8GetDatum(sum->delta_ms), Float8GetDatum(sum->apply_ms),
		Int64GetDatum(tally->runs), Float8GetDatum(tally->busy_ms)
	};

	(void) st_catalog_execute("INSERT INTO pgtrickle.pgt_refresh_history"
							  " (pgt_id, data_timestamp, start_time, end_time, action, status, initiated_by, merge_strategy_used,"
							  "  rows_inserted, rows_updated, rows_deleted, delta_row_count, read_ms, delta_ms, apply_ms, runs, busy_ms)"
							  " SELECT pgt_id, $2, $2, $3, 'DIFFERENTIAL', 'COMPLETED', 'SCHEDULER', 'difference',"
							  "        $4, $5, $6, $7, $8, $9, $10, $11, $12"
							  "   FROM pgtrickle.pgt_stream_tables WHERE pgt_id = $1", 12, types, values, NULL);
}

/* What has been written, to be forgotten when it is committed. */
typedef struct Written
{
	Tally	   *tally;
	bool		totals;
	bool		row;
	bool		pruned;
} Written;

static void
write_one(Tally *tally, bool totals, bool rows, Written *written)
{
	written->tally = tally;
	if (totals && tally->completed + tally->failed + tally->skipped > 0)
		written->totals = add_to_totals(tally);
	if (rows && tally->runs > 0)
	{
		add_row(tally);
		written->row = true;
	}
	if (rows && tally->rows + (written->row ? 1 : 0) >= PRUNE_ROWS)
		written->pruned = st_history_prune_batch(tally->pgt_id) < ST_HISTORY_BATCH;
}

static void
forget_written(const Written *written)
{
	Tally	   *tally = written->tally;

	if (written->totals)
	{
		tally->completed = tally->failed = tally->skipped = 0;
		tally->inserted = tally->updated = tally->deleted = 0;
		tally->ms = 0;
	}
	if (written->row)
	{
		memset(&tally->sum, 0, sizeof(StHistoryRow));
		tally->runs = 0;
		tally->busy_ms = 0;
		left_row(tally);
	}
	if (written->pruned)
		tally->rows = 0;
	totals_due |= tally->completed + tally->failed + tally->skipped > 0;
	rows_due |= tally->runs > 0 || tally->rows >= PRUNE_ROWS;
}

/* Of stream tables that are not there any more nothing is written. */
static void
forget_dropped(StSchedule *schedule)
{
	HASH_SEQ_STATUS status;
	Tally	   *tally;

	hash_seq_init(&status, tallies);
	while ((tally = hash_seq_search(&status)) != NULL)
	{
		StScheduled *node = st_schedule_find(schedule, tally->relid);

		if (node == NULL || node->pgt_id != tally->pgt_id)
			(void) hash_search(tallies, &tally->pgt_id, HASH_REMOVE, NULL);
	}
}

static void
write_all(bool totals, bool rows, bool age)
{
	long		count = tallies && (totals || rows) ? hash_get_num_entries(tallies) : 0;
	Written    *written = palloc0(sizeof(Written) * Max(count, 1));
	bool		much = false;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	if (count > 0)
	{
		HASH_SEQ_STATUS status;
		Tally	   *tally;
		int			i = 0;

		hash_seq_init(&status, tallies);
		while ((tally = hash_seq_search(&status)) != NULL)
			write_one(tally, totals, rows, &written[i++]);
	}
	if (age)
		much = st_history_prune_old() >= ST_HISTORY_BATCH;
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	if (totals)
		totals_due = false;
	if (rows)
		rows_due = false;
	for (long i = 0; i < count; i++)
		forget_written(&written[i]);
	if (much)
		age_pruned = 0;
	pfree(written);
}

void
st_tally_write(StSchedule *schedule, bool all)
{
	MemoryContext context = CurrentMemoryContext;
	int64		now = st_now();
	bool		totals = totals_due && (all || now - totals_written >= TOTALS_INTERVAL);
	bool		rows = rows_due && (all || now - rows_written >= ROWS_INTERVAL);
	bool		age = !all && (age_pruned == 0 || now - age_pruned >= AGE_INTERVAL);

	if (!totals && !rows && !age)
		return;
	if (totals)
		totals_written = now;
	if (rows)
		rows_written = now;
	if (age)
		age_pruned = now;
	PG_TRY();
	{
		if (tallies)
			forget_dropped(schedule);
		write_all(totals, rows, age);
	}
	PG_CATCH();
	{
		/* a full disk, say: there is another time */
		st_failure_log(context);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}
