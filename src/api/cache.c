/*-------------------------------------------------------------------------
 *
 * cache.c
 *	  What sessions keep of stream tables, and how often it was of use.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "api/name.h"
#include "refresh/refresh.h"
#include "util/counters.h"

PG_FUNCTION_INFO_V1(st_sql_cache_stats);
PG_FUNCTION_INFO_V1(st_sql_clear_caches);
PG_FUNCTION_INFO_V1(st_sql_dedup_stats);

static Datum
row_of(FunctionCallInfo fcinfo, Datum *values)
{
	TupleDesc	desc;
	bool		nulls[8] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

Datum
st_sql_cache_stats(PG_FUNCTION_ARGS)
{
	/* there is no cache between that of the session and the catalog */
	Datum		values[] = {
		Int64GetDatum(st_counted(ST_COUNT_ENTRY_FOUND)),
		Int64GetDatum(0),
		Int64GetDatum(st_counted(ST_COUNT_ENTRY_MADE)),
		Int64GetDatum(st_counted(ST_COUNT_ENTRY_REMOVED)),
		Int32GetDatum(st_entries_count())
	};

	return row_of(fcinfo, values);
}

Datum
st_sql_clear_caches(PG_FUNCTION_ARGS)
{
	int			count;

	st_require_owner_of_all();
	count = st_entries_clear();
	ereport(INFO,
			(errmsg_plural("this session forgot %d stream table", "this session forgot %d stream tables", count, count),
			 errdetail("The others do before their next refresh.")));
	PG_RETURN_INT64(count);
}

Datum
st_sql_dedup_stats(PG_FUNCTION_ARGS)
{
	uint64		total = st_counted(ST_COUNT_DELTA);
	uint64		netted = st_counted(ST_COUNT_DELTA_NETTED);
	Datum		values[] = {
		Int64GetDatum(total),
		Int64GetDatum(netted),
		Float8GetDatum(total > 0 ? 100.0 * netted / total : 0)
	};

	return row_of(fcinfo, values);
}
