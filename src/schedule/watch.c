/*-------------------------------------------------------------------------
 *
 * watch.c
 *	  What those who watch are told of, now and then, and no refresh tells.
 *
 * NOTES
 *	  Alerts are sent by the scheduler, never by the transaction of a refresh,
 *	  which a full queue would fail; all that a look finds are one transaction
 *	  (rule K22). What is told once per episode is remembered where the episode
 *	  is: in the catalog if it has a row there, else in memory.
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

#include "catalog/alert.h"
#include "catalog/stream_table.h"
#include "guc.h"
#include "schedule/watch.h"

#define LOOK_INTERVAL (10 * USECS_PER_SEC)

static int64
number_column(uint64 row, int column)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull));
}

/* Watermarks of groups that have not been advanced for too long. */
static void
find_stuck(void)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(st_guc_watermark_holdback_timeout)};
	uint64		count;

	if (st_guc_watermark_holdback_timeout == 0)
		return;
	count = st_catalog_execute("UPDATE pgtrickle.pgt_watermarks AS w SET stuck_since = pg_catalog.clock_timestamp()"
							   " FROM pgtrickle.pgt_watermark_groups AS g"
							   " WHERE w.source_relid = ANY (g.source_relids) AND w.stuck_since IS NULL"
							   " AND w.updated_at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $1)"
							   " RETURNING g.group_name, w.source_relid::bigint,"
							   " extract(epoch FROM pg_catalog.clock_timestamp() - w.updated_at)::bigint", 1, types, values, NULL);
	for (uint64 row = 0; row < count; row++)
	{
		StAlert		alert;

		st_alert_begin(&alert, "watermark_stuck", NULL, NULL);
		st_alert_add_text(&alert, "group", SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1));
		st_alert_add_number(&alert, "source_oid", number_column(row, 2));
		st_alert_add_number(&alert, "age_secs", number_column(row, 3));
		st_alert_send(&alert);
	}
}

static void
look(StSchedule *schedule)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	find_stuck();
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

void
st_watch_look(StSchedule *schedule)
{
	static int64 looked = 0;
	MemoryContext context = CurrentMemoryContext;

	if (looked > 0 && st_now() - looked < LOOK_INTERVAL)
		return;
	looked = st_now();
	PG_TRY();
	{
		look(schedule);
	}
	PG_CATCH();
	{
		/* the queue of notifications is full, say: there is another time */
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}
