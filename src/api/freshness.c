/*-------------------------------------------------------------------------
 *
 * freshness.c
 *	  What the SQL functions that watch stream tables cannot ask the catalog.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "api/name.h"
#include "store/store.h"
#include "store/wake.h"

PG_FUNCTION_INFO_V1(st_sql_pending_since);
PG_FUNCTION_INFO_V1(st_sql_launcher_pid);
PG_FUNCTION_INFO_V1(st_sql_is_stream_table_reader);
PG_FUNCTION_INFO_V1(st_sql_readable_stream_table_id);

Datum
st_sql_pending_since(PG_FUNCTION_ARGS)
{
	StFrontier *frontier = st_frontier_read(PG_GETARG_INT64(0), PG_GETARG_OID(1));
	TimestampTz since = st_log_pending_since(frontier, GetActiveSnapshot());

	if (TIMESTAMP_IS_NOEND(since))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(since);
}

Datum
st_sql_launcher_pid(PG_FUNCTION_ARGS)
{
	int			pid = st_wake_launcher_pid();

	if (pid == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(pid);
}

Datum
st_sql_is_stream_table_reader(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);

	/* it may be dropped any time */
	PG_RETURN_BOOL(SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)) && st_is_reader(relid));
}

Datum
st_sql_readable_stream_table_id(PG_FUNCTION_ARGS)
{
	Oid			relid = st_resolve_stream_table(PG_GETARG_TEXT_PP(0));

	st_require_reader(relid);
	PG_RETURN_INT64(st_stream_table_get(relid)->pgt_id);
}
