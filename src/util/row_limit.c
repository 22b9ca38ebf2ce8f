/*-------------------------------------------------------------------------
 *
 * row_limit.c
 *	  What LIMIT and OFFSET accept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

PG_FUNCTION_INFO_V1(st_sql_limit_rows);
PG_FUNCTION_INFO_V1(st_sql_offset_rows);

/* limit_rows(bigint) returns bigint */
Datum
st_sql_limit_rows(PG_FUNCTION_ARGS)
{
	int64		rows = PG_GETARG_INT64(0);

	if (rows < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_ROW_COUNT_IN_LIMIT_CLAUSE),
				 errmsg("LIMIT must not be negative")));
	PG_RETURN_INT64(rows);
}

/* offset_rows(bigint) returns bigint */
Datum
st_sql_offset_rows(PG_FUNCTION_ARGS)
{
	int64		rows = PG_GETARG_INT64(0);

	if (rows < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE),
				 errmsg("OFFSET must not be negative")));
	PG_RETURN_INT64(rows);
}
