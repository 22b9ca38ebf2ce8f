/*-------------------------------------------------------------------------
 *
 * stored_row.c
 *	  Rows without a type of their own, in a form that a table can hold.
 *
 * NOTES
 *	  A record, as SEARCH and CYCLE of WITH RECURSIVE collect them, names its
 *	  columns by a number that is good for one session. Here it becomes a bytea
 *	  that carries the columns' types and names, and comes back from there.
 *
 *	  The format, integers in network order: for an array the number of its
 *	  dimensions, and the length and lower bound of each; then each row, which
 *	  begins with a byte. 0: it is NULL; 1: it has the columns of the row before;
 *	  2: its columns follow, their number, and of each type, typmod and name;
 *	  those that were dropped from a table's rows are left out.
 *	  Behind it stand the values, their length (-1: NULL) and what the type's
 *	  send function gives, or its output function if it has none.
 *
 *	  Anybody may hand in any bytes: they are read by receive functions, which
 *	  expect that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(st_sql_store_row);
PG_FUNCTION_INFO_V1(st_sql_store_rows);
PG_FUNCTION_INFO_V1(st_sql_stored_row);
PG_FUNCTION_INFO_V1(st_sql_stored_rows);
PG_FUNCTION_INFO_V1(st_sql_row_depth);

#define ROW_IS_NULL 0
#define ROW_AS_BEFORE 1
#define ROW_WITH_COLUMNS 2

/* How the values of a column are written or read. */
typedef struct ColumnIO
{
	Oid			type;
	bool		binary;
	Oid			argument;
	FmgrInfo	function;
} ColumnIO;

/* Of one expression, for as long as its statement runs. */
typedef struct RowIO
{
	int			ncolumns;
	ColumnIO   *columns;
} RowIO;

static ColumnIO *
column_io(FunctionCallInfo fcinfo, int column, Oid type, bool reading)
{
	RowIO	   *io = fcinfo->flinfo->fn_extra;
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	ColumnIO   *result;
	int16		length;
	bool		by_value;
	char		align;
	char		delimiter;
	Oid			function;

	if (io == NULL)
		io = fcinfo->flinfo->fn_extra = MemoryContextAllocZero(context, sizeof(RowIO));
	if (column >= io->ncolumns)
	{
		int			ncolumns = Max(8, 2 * column);
		ColumnIO   *columns = MemoryContextAllocZero(context, sizeof(ColumnIO) * ncolumns);

		if (io->ncolumns > 0)
			memcpy(columns, io->columns, sizeof(ColumnIO) * io->ncolumns);
		io->columns = columns;
		io->ncolumns = ncolumns;
	}
	result = &io->columns[column];
	if (result->type == type)
		return result;
	result->type = InvalidOid;
	get_type_io_data(type, reading ? IOFunc_receive : IOFunc_send, &length, &by_value, &align, &delimiter, &result->argument, &function);
	result->binary = OidIsValid(function);
	if (!result->binary)
		get_type_io_data(type, reading ? IOFunc_input : IOFunc_output, &length, &by_value, &align, &delimiter, &result->argument,
						 &function);
	fmgr_info_cxt(function, &result->function, context);
	result->type = type;
	return result;
}

/* ----- writing ----- */

static void
write_columns(StringInfo out, TupleDesc desc)
{
	int			natts = 0;

	for (int i = 0; i < desc->natts; i++)
		natts += TupleDescAttr(desc, i)->attisdropped ? 0 : 1;
	pq_sendint16(out, natts);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (attribute->attisdropped)
			continue;
		pq_sendint32(out, attribute->atttypid);
		pq_sendint32(out, attribute->atttypmod);
		appendBinaryStringInfo(out, NameStr(attribute->attname), strlen(NameStr(attribute->attname)) + 1);
	}
}

static void
write_value(FunctionCallInfo fcinfo, StringInfo out, int column, Oid type, Datum value, bool isnull)
{
	ColumnIO   *io;

	if (isnull)
	{
		pq_sendint32(out, (uint32) -1);
		return;
	}
	io = column_io(fcinfo, column, type, false);
	if (io->binary)
	{
		bytea	   *bytes = SendFunctionCall(&io->function, value);

		pq_sendint32(out, VARSIZE_ANY_EXHDR(bytes));
		appendBinaryStringInfo(out, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
		pfree(bytes);
	}
	else
	{
		char	   *text = OutputFunctionCall(&io->function, value);

		pq_sendint32(out, strlen(text));
		appendBinaryStringInfo(out, text, strlen(text));
		pfree(text);
	}
}

/* "columns" holds those of the row before, and then of this one. */
static void
write_row(FunctionCallInfo fcinfo, StringInfo out, HeapTupleHeader row, StringInfo columns)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row};
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	StringInfoData own;

	initStringInfo(&own);
	write_columns(&own, desc);
	if (columns->len == own.len && memcmp(columns->data, own.data, own.len) == 0)
		pq_sendbyte(out, ROW_AS_BEFORE);
	else
	{
		pq_sendbyte(out, ROW_WITH_COLUMNS);
		appendBinaryStringInfo(out, own.data, own.len);
		resetStringInfo(columns);
		appendBinaryStringInfo(columns, own.data, own.len);
	}
	heap_deform_tuple(&tuple, desc, values, nulls);
	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			write_value(fcinfo, out, i, TupleDescAttr(desc, i)->atttypid, values[i], nulls[i]);
	ReleaseTupleDesc(desc);
	pfree(own.data);
	pfree(values);
	pfree(nulls);
}

/*
 * pgtrickle.store_row(record) returns bytea
 */
Datum
st_sql_store_row(PG_FUNCTION_ARGS)
{
	StringInfoData out;
	StringInfoData columns;

	initStringInfo(&columns);
	pq_begintypsend(&out);
	write_row(fcinfo, &out, PG_GETARG_HEAPTUPLEHEADER(0), &columns);
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

/*
 * pgtrickle.store_rows(record[]) returns bytea
 */
Datum
st_sql_store_rows(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	StringInfoData out;
	StringInfoData columns;
	Datum	   *rows;
	bool	   *nulls;
	int			count;

	initStringInfo(&columns);
	pq_begintypsend(&out);
	pq_sendint32(&out, ARR_NDIM(array));
	for (int i = 0; i < ARR_NDIM(array); i++)
	{
		pq_sendint32(&out, ARR_DIMS(array)[i]);
		pq_sendint32(&out, ARR_LBOUND(array)[i]);
	}
	deconstruct_array(array, RECORDOID, -1, false, TYPALIGN_DOUBLE, &rows, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			pq_sendbyte(&out, ROW_IS_NULL);
		else
			write_row(fcinfo, &out, DatumGetHeapTupleHeader(rows[i]), &columns);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

/* ----- reading ----- */

static void
begin_reading(StringInfo in, bytea *bytes)
{
	in->data = VARDATA_ANY(bytes);
	in->len = in->maxlen = VARSIZE_ANY_EXHDR(bytes);
	in->cursor = 0;
}

static void
refuse_bytes(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid representation of a stored row")));
}

static TupleDesc
read_columns(StringInfo in)
{
	int			natts = pq_getmsgint(in, 2);
	TupleDesc	desc;

	if (natts > MaxTupleAttributeNumber)
		refuse_bytes();
	desc = CreateTemplateTupleDesc(natts);
	for (int i = 0; i < natts; i++)
	{
		Oid			type = pq_getmsgint(in, 4);
		int32		typmod = pq_getmsgint(in, 4);
		const char *name = pq_getmsgrawstring(in);

		if (strlen(name) >= NAMEDATALEN || !pg_verifymbstr(name, strlen(name), true) ||
			get_typtype(type) == '\0' || get_typtype(type) == TYPTYPE_PSEUDO)
			refuse_bytes();
		TupleDescInitEntry(desc, i + 1, name, type, typmod, 0);
	}
	return BlessTupleDesc(desc);
}

static Datum
read_value(FunctionCallInfo fcinfo, StringInfo in, int column, Form_pg_attribute attribute, bool *isnull)
{
	int			length = pq_getmsgint(in, 4);
	StringInfoData bytes;
	ColumnIO   *io;
	Datum		value;
	const char *start;

	*isnull = length < 0;
	if (*isnull)
		return (Datum) 0;
	io = column_io(fcinfo, column, attribute->atttypid, true);
	start = pq_getmsgbytes(in, length);
	/* receive functions want a zero behind it */
	initStringInfo(&bytes);
	appendBinaryStringInfo(&bytes, start, length);
	if (!io->binary)
	{
		if (strlen(bytes.data) != (size_t) length || !pg_verifymbstr(bytes.data, length, true))
			refuse_bytes();
		return InputFunctionCall(&io->function, bytes.data, io->argument, attribute->atttypmod);
	}
	value = ReceiveFunctionCall(&io->function, &bytes, io->argument, attribute->atttypmod);
	if (bytes.cursor != bytes.len)
		refuse_bytes();
	return value;
}

/* "desc" is that of the row before, or NULL, and then of this one; false: it is NULL. */
static bool
read_row(FunctionCallInfo fcinfo, StringInfo in, TupleDesc *desc, Datum *row)
{
	int			kind = pq_getmsgbyte(in);
	Datum	   *values;
	bool	   *nulls;

	if (kind == ROW_IS_NULL)
		return false;
	if (kind == ROW_WITH_COLUMNS)
		*desc = read_columns(in);
	else if (kind != ROW_AS_BEFORE || *desc == NULL)
		refuse_bytes();
	values = palloc(sizeof(Datum) * (*desc)->natts);
	nulls = palloc(sizeof(bool) * (*desc)->natts);
	for (int i = 0; i < (*desc)->natts; i++)
		values[i] = read_value(fcinfo, in, i, TupleDescAttr(*desc, i), &nulls[i]);
	*row = HeapTupleGetDatum(heap_form_tuple(*desc, values, nulls));
	pfree(values);
	pfree(nulls);
	return true;
}

/*
 * pgtrickle.stored_row(bytea) returns record
 */
Datum
st_sql_stored_row(PG_FUNCTION_ARGS)
{
	StringInfoData in;
	TupleDesc	desc = NULL;
	Datum		row;

	begin_reading(&in, PG_GETARG_BYTEA_PP(0));
	if (!read_row(fcinfo, &in, &desc, &row))
		refuse_bytes();
	pq_getmsgend(&in);
	PG_RETURN_DATUM(row);
}

/*
 * pgtrickle.stored_rows(bytea) returns record[]
 */
Datum
st_sql_stored_rows(PG_FUNCTION_ARGS)
{
	StringInfoData in;
	TupleDesc	desc = NULL;
	Datum	   *rows;
	bool	   *nulls;
	int			ndims;
	int			count;
	int			lengths[MAXDIM];
	int			bounds[MAXDIM];

	begin_reading(&in, PG_GETARG_BYTEA_PP(0));
	ndims = pq_getmsgint(&in, 4);
	if (ndims < 0 || ndims > MAXDIM)
		refuse_bytes();
	for (int i = 0; i < ndims; i++)
	{
		lengths[i] = pq_getmsgint(&in, 4);
		bounds[i] = pq_getmsgint(&in, 4);
	}
	count = ArrayGetNItems(ndims, lengths);
	ArrayCheckBounds(ndims, lengths, bounds);
	/* each is a byte at least */
	if (count > in.len - in.cursor)
		refuse_bytes();
	rows = palloc0(sizeof(Datum) * Max(count, 1));
	nulls = palloc(sizeof(bool) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		nulls[i] = !read_row(fcinfo, &in, &desc, &rows[i]);
	}
	pq_getmsgend(&in);
	if (count == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(RECORDOID));
	PG_RETURN_ARRAYTYPE_P(construct_md_array(rows, nulls, ndims, lengths, bounds, RECORDOID, -1, false, TYPALIGN_DOUBLE));
}

/*
 * pgtrickle.row_depth(record) returns bigint
 */
Datum
st_sql_row_depth(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	bool		fits = desc->natts > 0 && TupleDescAttr(desc, 0)->atttypid == INT8OID;
	Datum		depth;
	bool		isnull;

	ReleaseTupleDesc(desc);
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the row does not begin with a depth"),
				 errdetail("Its first column is not of type bigint.")));
	depth = GetAttributeByNum(row, 1, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(depth);
}
