/*-------------------------------------------------------------------------
 *
 * best_values.c
 *	  The first values of a group, as min() and max() order them, with the
 *	  number of rows that have each.
 *
 * When the extreme of a group leaves, the next one is known from these; only
 * when all of them have left the group is read again (rule E8).
 *
 * What is kept is two arrays: values in order, each once, and their numbers of
 * rows. Equal values that look different are different values here. If there
 * are more than fit, a last value with the number 0 is the floor: of what is
 * before it every row is counted, of what is not, none. A floor alone tells
 * nothing: then there is NULL instead, as for groups so small that reading them
 * costs no more than keeping this, for long values, and after a change of very
 * many, which are collected in memory.
 *
 * Values are compared by the default order of their type, and the images of
 * equal ones byte by byte. What the functions return and keep lives in the
 * caller's memory context, the state of the aggregates in the aggregate's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "util/best_values.h"
#include "util/fault.h"

#define MOST_VALUES 16
#define LONGEST_VALUE 500		/* bytes */
#define MOST_CHANGES 10000		/* of one group at a time */

typedef struct Order
{
	TypeCacheEntry *type;
	Oid			collation;
	bool		largest;		/* max() */
} Order;

typedef struct Counted
{
	Datum		value;
	int64		rows;
} Counted;

/* State of the aggregates. */
typedef struct Best
{
	Order		order;
	MemoryContext context;
	int64		rows;			/* so many have been looked at */
	bool		too_long;		/* one of the first values is */
	bool		has_floor;
	Datum		floor;
	int			nvalues;
	Counted		values[MOST_VALUES + 1];
} Best;

static Order
order_of(FunctionCallInfo fcinfo, Oid type, bool largest)
{
	Order		order;

	order.type = lookup_type_cache(type, TYPECACHE_CMP_PROC_FINFO);
	if (!OidIsValid(order.type->cmp_proc_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify a comparison function for type %s", format_type_be(type))));
	order.collation = PG_GET_COLLATION();
	order.largest = largest;
	return order;
}

static int
compare(const Order *order, Datum a, Datum b)
{
	int32		result = DatumGetInt32(FunctionCall2Coll(&order->type->cmp_proc_finfo, order->collation, a, b));

	if (order->largest)
		INVERT_COMPARE_RESULT(result);
	return result;
}

/* Any order of the images of values that are equal. */
static int
compare_images(const Order *order, Datum a, Datum b)
{
	int16		length = order->type->typlen;
	Size		sizes[2];
	int			result;

	if (order->type->typbyval)
		return a == b ? 0 : a < b ? -1 : 1;
	sizes[0] = datumGetSize(a, false, length);
	sizes[1] = datumGetSize(b, false, length);
	if (length == -1)
	{
		/* the header may be short or long */
		Size		bytes[] = {VARSIZE_ANY_EXHDR(DatumGetPointer(a)), VARSIZE_ANY_EXHDR(DatumGetPointer(b))};

		result = memcmp(VARDATA_ANY(DatumGetPointer(a)), VARDATA_ANY(DatumGetPointer(b)), Min(bytes[0], bytes[1]));
		return result != 0 ? result : bytes[0] == bytes[1] ? 0 : bytes[0] < bytes[1] ? -1 : 1;
	}
	result = memcmp(DatumGetPointer(a), DatumGetPointer(b), Min(sizes[0], sizes[1]));
	return result != 0 ? result : sizes[0] == sizes[1] ? 0 : sizes[0] < sizes[1] ? -1 : 1;
}

static int
compare_counted(const void *left, const void *right, void *arg)
{
	Datum		a = ((const Counted *) left)->value;
	Datum		b = ((const Counted *) right)->value;
	int			result = compare(arg, a, b);

	return result != 0 ? result : compare_images(arg, a, b);
}

/* It is not kept. */
static bool
is_long(const TypeCacheEntry *type, Datum value)
{
	if (type->typlen == -1)
		return toast_raw_datum_size(value) > LONGEST_VALUE;
	return !type->typbyval && datumGetSize(value, false, type->typlen) > LONGEST_VALUE;
}

/* Without compression and in this process's memory. */
static Datum
plain_value(const TypeCacheEntry *type, Datum value)
{
	return type->typlen == -1 ? PointerGetDatum(PG_DETOAST_DATUM_PACKED(value)) : value;
}

/* ----- reading a group ----- */

static void
free_value(Best *best, Datum value)
{
	if (!best->order.type->typbyval)
		pfree(DatumGetPointer(value));
}

/* The last value goes, and with it all that are equal to it. */
static void
lower_floor(Best *best)
{
	if (best->has_floor)
		free_value(best, best->floor);
	best->has_floor = true;
	best->floor = best->values[--best->nvalues].value;
	while (best->nvalues > 0 && compare(&best->order, best->values[best->nvalues - 1].value, best->floor) == 0)
		free_value(best, best->values[--best->nvalues].value);
}

static void
count_value(Best *best, Datum value)
{
	Counted		counted = {.rows = 1};
	MemoryContext outer;
	int			low = 0;
	int			high = best->nvalues;

	if (best->too_long || (best->has_floor && compare(&best->order, value, best->floor) >= 0))
		return;
	best->too_long = is_long(best->order.type, value);
	if (best->too_long)
		return;
	value = counted.value = plain_value(best->order.type, value);
	while (low < high)
	{
		int			middle = (low + high) / 2;
		int			side = compare_counted(&counted, &best->values[middle], &best->order);

		if (side == 0)
		{
			best->values[middle].rows++;
			return;
		}
		if (side < 0)
			high = middle;
		else
			low = middle + 1;
	}
	outer = MemoryContextSwitchTo(best->context);
	counted.value = datumCopy(value, best->order.type->typbyval, best->order.type->typlen);
	MemoryContextSwitchTo(outer);
	memmove(&best->values[low + 1], &best->values[low], (best->nvalues - low) * sizeof(Counted));
	best->values[low] = counted;
	if (++best->nvalues > MOST_VALUES)
		lower_floor(best);
}

PG_FUNCTION_INFO_V1(st_sql_best_step);
PG_FUNCTION_INFO_V1(st_sql_best_values);
PG_FUNCTION_INFO_V1(st_sql_best_counts);
PG_FUNCTION_INFO_V1(st_sql_change_step);
PG_FUNCTION_INFO_V1(st_sql_changed_values);
PG_FUNCTION_INFO_V1(st_sql_changed_counts);
PG_FUNCTION_INFO_V1(st_sql_best_values_after);
PG_FUNCTION_INFO_V1(st_sql_best_counts_after);

/* best_step(internal, anynonarray, boolean) returns internal */
Datum
st_sql_best_step(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Best	   *best;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "best_step called in non-aggregate context");
	if (PG_ARGISNULL(0))
	{
		if (PG_ARGISNULL(2))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("the order of the values must not be null")));
		best = MemoryContextAllocZero(context, sizeof(Best));
		best->context = context;
		best->order = order_of(fcinfo, get_fn_expr_argtype(fcinfo->flinfo, 1), PG_GETARG_BOOL(2));
	}
	else
		best = (Best *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
	{
		best->rows++;
		count_value(best, PG_GETARG_DATUM(1));
	}
	PG_RETURN_POINTER(best);
}

/* ----- what is kept, as arrays ----- */

static Datum
make_values(const Order *order, const Counted *values, int nvalues, const Datum *floor)
{
	Datum	   *datums = palloc((nvalues + 1) * sizeof(Datum));

	for (int i = 0; i < nvalues; i++)
		datums[i] = values[i].value;
	if (floor)
		datums[nvalues] = *floor;
	return PointerGetDatum(construct_array(datums, nvalues + (floor ? 1 : 0), order->type->type_id, order->type->typlen,
										   order->type->typbyval, order->type->typalign));
}

static Datum
make_counts(const Counted *values, int nvalues, bool has_floor)
{
	Datum	   *datums = palloc0((nvalues + 1) * sizeof(Datum));

	for (int i = 0; i < nvalues; i++)
		datums[i] = Int64GetDatum(values[i].rows);
	if (has_floor)
		datums[nvalues] = Int64GetDatum(0);
	return PointerGetDatum(construct_array(datums, nvalues + (has_floor ? 1 : 0), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Best *
kept(FunctionCallInfo fcinfo)
{
	Best	   *best = PG_ARGISNULL(0) ? NULL : (Best *) PG_GETARG_POINTER(0);

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "a final function was called in non-aggregate context");
	return best == NULL || best->rows <= ST_BEST_FEW_ROWS || best->too_long || best->nvalues == 0 ? NULL : best;
}

/* best_values(internal, anynonarray, boolean) returns anyarray */
Datum
st_sql_best_values(PG_FUNCTION_ARGS)
{
	Best	   *best = kept(fcinfo);

	if (best == NULL)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(make_values(&best->order, best->values, best->nvalues, best->has_floor ? &best->floor : NULL));
}

/* best_counts(internal, anynonarray, boolean) returns bigint[] */
Datum
st_sql_best_counts(PG_FUNCTION_ARGS)
{
	Best	   *best = kept(fcinfo);

	if (best == NULL)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(make_counts(best->values, best->nvalues, best->has_floor));
}

/* ----- a change ----- */

/* State of the aggregates. */
typedef struct Changes
{
	const TypeCacheEntry *type;
	bool		too_much;		/* values, or a long one */
	ArrayBuildState *values;
	ArrayBuildState *counts;
} Changes;

/* change_step(internal, anynonarray, bigint) returns internal */
Datum
st_sql_change_step(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Changes    *changes;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "change_step called in non-aggregate context");
	if (PG_ARGISNULL(0))
	{
		changes = MemoryContextAllocZero(context, sizeof(Changes));
		changes->type = lookup_type_cache(get_fn_expr_argtype(fcinfo->flinfo, 1), 0);
		/* without a memory context of its own for each group */
		changes->values = initArrayResult(changes->type->type_id, context, false);
		changes->counts = initArrayResult(INT8OID, context, false);
	}
	else
		changes = (Changes *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(1) || changes->too_much)
		PG_RETURN_POINTER(changes);
	changes->too_much = is_long(changes->type, PG_GETARG_DATUM(1)) ||
		changes->values->nelems >= MOST_CHANGES;
	if (changes->too_much)
		PG_RETURN_POINTER(changes);
	(void) accumArrayResult(changes->values, PG_GETARG_DATUM(1), false, changes->type->type_id, context);
	(void) accumArrayResult(changes->counts, PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2), PG_ARGISNULL(2), INT8OID, context);
	PG_RETURN_POINTER(changes);
}

static Datum
collected(FunctionCallInfo fcinfo, bool counts)
{
	Changes    *changes = PG_ARGISNULL(0) ? NULL : (Changes *) PG_GETARG_POINTER(0);
	ArrayBuildState *state;
	int			first = 1;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "a final function was called in non-aggregate context");
	if (changes == NULL || changes->values->nelems == 0 || changes->too_much)
		PG_RETURN_NULL();
	state = counts ? changes->counts : changes->values;
	/* the state may be asked for again */
	PG_RETURN_DATUM(makeMdArrayResult(state, 1, &state->nelems, &first, CurrentMemoryContext, false));
}

/* changed_values(internal, anynonarray, bigint) returns anyarray */
Datum
st_sql_changed_values(PG_FUNCTION_ARGS)
{
	return collected(fcinfo, false);
}

/* changed_counts(internal, anynonarray, bigint) returns bigint[] */
Datum
st_sql_changed_counts(PG_FUNCTION_ARGS)
{
	return collected(fcinfo, true);
}

/* ----- following it ----- */

/* What is kept after a change, or what it is made of. */
typedef struct After
{
	Order		order;
	int			nvalues;
	Counted    *values;
	bool		has_floor;
	Datum		floor;
} After;

/* Append what two arrays say, a value and a number each; those not before the floor are left out. False: it cannot be kept. */
static bool
append_values(After *after, ArrayType *values, ArrayType *counts)
{
	const TypeCacheEntry *type = after->order.type;
	Datum	   *value_datums;
	Datum	   *count_datums;
	bool	   *nulls[2];
	int			n[2];

	if (ARR_NDIM(values) > 1 || ARR_NDIM(counts) > 1)
		return false;
	deconstruct_array(values, type->type_id, type->typlen, type->typbyval, type->typalign, &value_datums, &nulls[0], &n[0]);
	deconstruct_array(counts, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &count_datums, &nulls[1], &n[1]);
	if (n[0] != n[1])
		return false;
	after->values = after->values ? repalloc_huge(after->values, (after->nvalues + n[0]) * sizeof(Counted)) :
		MemoryContextAllocHuge(CurrentMemoryContext, Max(n[0], 1) * sizeof(Counted));
	for (int i = 0; i < n[0]; i++)
	{
		Counted    *counted = &after->values[after->nvalues];

		CHECK_FOR_INTERRUPTS();
		if (nulls[0][i] || nulls[1][i])
			return false;
		counted->value = plain_value(type, value_datums[i]);
		counted->rows = DatumGetInt64(count_datums[i]);
		if (after->has_floor && compare(&after->order, counted->value, after->floor) >= 0 && !ST_FAULT("E8 floor"))
			continue;
		if (is_long(type, counted->value))
			return false;
		after->nvalues++;
	}
	return true;
}

/* The floor stands last in what was kept, with the number 0. */
static void
take_floor(After *after, ArrayType *values, ArrayType *counts)
{
	const TypeCacheEntry *type = after->order.type;
	int			last = ArrayGetNItems(ARR_NDIM(counts), ARR_DIMS(counts));
	bool		is_null;
	Datum		datum;

	if (ARR_NDIM(counts) != 1 || ARR_NDIM(values) != 1 || ARR_LBOUND(counts)[0] != 1 || ARR_LBOUND(values)[0] != 1)
		return;
	datum = array_get_element(PointerGetDatum(counts), 1, &last, -1, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &is_null);
	if (is_null || DatumGetInt64(datum) != 0)
		return;
	datum = array_get_element(PointerGetDatum(values), 1, &last, -1, type->typlen, type->typbyval, type->typalign, &is_null);
	if (is_null)
		return;
	after->floor = plain_value(type, datum);
	after->has_floor = true;
}

/* Sum up what is the same. False: more rows leave than there were. */
static bool
net_values(After *after)
{
	int			n = 0;

	qsort_arg(after->values, after->nvalues, sizeof(Counted), compare_counted, &after->order);
	for (int i = 0; i < after->nvalues;)
	{
		Counted		sum = after->values[i];

		for (i++; i < after->nvalues && compare_counted(&sum, &after->values[i], &after->order) == 0; i++)
			if (pg_add_s64_overflow(sum.rows, after->values[i].rows, &sum.rows))
				return false;
		if (sum.rows < 0)
			return false;
		if (sum.rows > 0)
			after->values[n++] = sum;
	}
	after->nvalues = n;
	return true;
}

/* False: nothing can be kept. */
static bool
follow(After *after, FunctionCallInfo fcinfo)
{
	ArrayType  *values = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType  *counts = PG_GETARG_ARRAYTYPE_P(1);

	memset(after, 0, sizeof(After));
	after->order = order_of(fcinfo, ARR_ELEMTYPE(values), PG_GETARG_BOOL(4));
	take_floor(after, values, counts);
	if (!append_values(after, values, counts) ||
		!append_values(after, PG_GETARG_ARRAYTYPE_P(2), PG_GETARG_ARRAYTYPE_P(3)) ||
		!net_values(after))
		return false;
	if (after->nvalues > MOST_VALUES)
	{
		after->has_floor = true;
		after->floor = after->values[MOST_VALUES].value;
		after->nvalues = MOST_VALUES;
		while (after->nvalues > 0 && compare(&after->order, after->values[after->nvalues - 1].value, after->floor) == 0)
			after->nvalues--;
	}
	return after->nvalues > 0;
}

/* best_values_after(anyarray, bigint[], anyarray, bigint[], boolean) returns anyarray */
Datum
st_sql_best_values_after(PG_FUNCTION_ARGS)
{
	After		after;

	if (!follow(&after, fcinfo))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(make_values(&after.order, after.values, after.nvalues, after.has_floor ? &after.floor : NULL));
}

/* best_counts_after(anyarray, bigint[], anyarray, bigint[], boolean) returns bigint[] */
Datum
st_sql_best_counts_after(PG_FUNCTION_ARGS)
{
	After		after;

	if (!follow(&after, fcinfo))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(make_counts(after.values, after.nvalues, after.has_floor));
}
