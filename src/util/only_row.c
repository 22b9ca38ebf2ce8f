/*-------------------------------------------------------------------------
 *
 * only_row.c
 *	  The value of a scalar subquery of which all rows are at hand.
 *
 * A scalar subquery becomes a column that holds the values of all its rows.
 * That there are several is an error only where the query looks at the value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(st_sql_only_row);

/* only_row(anyarray) returns anyelement */
Datum
st_sql_only_row(PG_FUNCTION_ARGS)
{
	ArrayType  *rows = PG_GETARG_ARRAYTYPE_P(0);
	int			n = ArrayGetNItems(ARR_NDIM(rows), ARR_DIMS(rows));
	int			first = 1;
	int16		length;
	bool		by_value;
	char		alignment;
	bool		is_null;
	Datum		value;

	if (n > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("more than one row returned by a subquery used as an expression")));
	if (n == 0)
		PG_RETURN_NULL();
	get_typlenbyvalalign(ARR_ELEMTYPE(rows), &length, &by_value, &alignment);
	value = array_get_element(PointerGetDatum(rows), 1, &first, -1, length, by_value, alignment, &is_null);
	if (is_null)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(value);
}
