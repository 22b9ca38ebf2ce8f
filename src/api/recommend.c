/*-------------------------------------------------------------------------
 *
 * recommend.c
 *	  What the SQL functions that recommend modes and schedules cannot see.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "nodes/nodes.h"
#include "nodes/parsenodes.h"

#include "catalog/stream_table.h"
#include "refresh/cost.h"

PG_FUNCTION_INFO_V1(st_sql_join_count);

/* The number alone says nothing that the query's text would not. */
Datum
st_sql_join_count(PG_FUNCTION_ARGS)
{
	Oid			relid = st_stream_table_by_id(PG_GETARG_INT64(0));
	StStreamTable *table = OidIsValid(relid) ? st_stream_table_get_if_exists(relid) : NULL;

	if (table == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT32(st_count_joins(castNode(Query, stringToNode(st_stream_table_tree(table)))));
}
