/*-------------------------------------------------------------------------
 *
 * drain.c
 *	  Letting the scheduler come to rest, and go on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "api/name.h"
#include "catalog/gate.h"
#include "catalog/stream_table.h"
#include "guc.h"
#include "refresh/hold.h"

PG_FUNCTION_INFO_V1(st_sql_drain);
PG_FUNCTION_INFO_V1(st_sql_undrain);
PG_FUNCTION_INFO_V1(st_sql_is_drained);

/* Where there is no stream table yet, who may decide for those to come? */
static void
require_right(void)
{
	st_require_owner_of_all();
	if (superuser())
		return;
	SPI_connect();
	if (st_catalog_execute("SELECT FROM pgtrickle.pgt_stream_tables LIMIT 1", 0, NULL, NULL, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: must be superuser while there is no stream table")));
	SPI_finish();
}

Datum
st_sql_drain(PG_FUNCTION_ARGS)
{
	int			seconds = PG_GETARG_INT32(0);
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(GetUserNameFromId(GetUserId(), false))};

	PreventCommandIfReadOnly("drain()");
	require_right();
	if (seconds < 1)
		seconds = st_guc_drain_timeout;
	/* what could not begin meanwhile begins when this transaction has ended */
	st_note_lifecycle_call();
	if (!st_drain_exclude((int) Min((int64) seconds * 1000, INT_MAX)))
		PG_RETURN_BOOL(false);
	SPI_connect();
	(void) st_catalog_execute("INSERT INTO pgtrickle.scheduler_drain (drained_by) VALUES ($1) ON CONFLICT DO NOTHING",
							  1, types, values, NULL);
	SPI_finish();
	PG_RETURN_BOOL(true);
}

Datum
st_sql_undrain(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("undrain()");
	require_right();
	st_note_lifecycle_call();
	SPI_connect();
	(void) st_catalog_execute("DELETE FROM pgtrickle.scheduler_drain", 0, NULL, NULL, NULL);
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
st_sql_is_drained(PG_FUNCTION_ARGS)
{
	/* nothing was running when it was written, and nothing has begun since */
	PG_RETURN_BOOL(st_drain_is_on(GetActiveSnapshot()));
}
