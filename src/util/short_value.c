/*-------------------------------------------------------------------------
 *
 * short_value.c
 *	  Values that an index can hold.
 *
 * A row of a btree index takes a third of a page. Where a column may be wider,
 * its index is on this function: what it leaves out is among the NULLs of the
 * index, and compared by itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "fmgr.h"
#include "utils/lsyscache.h"

/* leaves room for a hash and for what the row itself takes */
#define LONGEST_VALUE 2000

PG_FUNCTION_INFO_V1(st_sql_short_value);

/* short_value(anyelement) returns anyelement */
Datum
st_sql_short_value(PG_FUNCTION_ARGS)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	Datum		value = PG_GETARG_DATUM(0);
	int16	   *length = flinfo->fn_extra;

	if (length == NULL)
	{
		length = MemoryContextAlloc(flinfo->fn_mcxt, sizeof(int16));
		*length = get_typlen(get_fn_expr_argtype(flinfo, 0));
		flinfo->fn_extra = length;
	}
	/* that of a value stored out of line is known without reading it */
	if (*length == -1 && toast_raw_datum_size(value) > LONGEST_VALUE)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(value);
}
