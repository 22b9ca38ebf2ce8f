/*-------------------------------------------------------------------------
 *
 * replace.c
 *	  Creating a stream table that may be there: pgtrickle.
 *	  create_stream_table_if_not_exists() and create_or_replace_stream_table();
 *	  pgtrickle.write_and_refresh().
 *
 * NOTES
 *	  Replacing is altering: what is asked for is compared with what is stored,
 *	  and what differs is handed to alter_stream_table(). Queries are compared
 *	  by their analysed trees, so other words for the same change nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"

#include "api/name.h"
#include "api/parameter.h"
#include "query/query.h"
#include "schedule/timing.h"

PG_FUNCTION_INFO_V1(st_sql_create_stream_table_if_not_exists);
PG_FUNCTION_INFO_V1(st_sql_create_or_replace_stream_table);
PG_FUNCTION_INFO_V1(st_sql_write_and_refresh);

extern Datum st_sql_create_stream_table(PG_FUNCTION_ARGS);
extern Datum st_sql_alter_stream_table(PG_FUNCTION_ARGS);
extern Datum st_sql_refresh_stream_table(PG_FUNCTION_ARGS);

/*
 * The stream table of this name, or InvalidOid; NULL is 22004. Who makes one of
 * this name, or replaces it, is waited for (rule J26).
 */
static Oid
existing(FunctionCallInfo fcinfo)
{
	Oid			relid;
	RangeVar   *name;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("invalid argument: name must not be NULL")));
	name = st_parse_name(PG_GETARG_TEXT_PP(0));
	st_claim_name(name);
	relid = RangeVarGetRelid(name, NoLock, true);
	return OidIsValid(relid) && st_is_stream_table(relid) ? relid : InvalidOid;
}

Datum
st_sql_create_stream_table_if_not_exists(PG_FUNCTION_ARGS)
{
	if (!OidIsValid(existing(fcinfo)))
		return st_sql_create_stream_table(fcinfo);
	ereport(INFO,
			(errmsg("stream table %s exists already, nothing was done", text_to_cstring(PG_GETARG_TEXT_PP(0)))));
	PG_RETURN_VOID();
}

static void
set_argument(FunctionCallInfo call, int n, Datum value)
{
	call->args[n].value = value;
	call->args[n].isnull = false;
}

/* Hand a word to alter_stream_table() unless it is stored already. NULL stands for the default. */
static bool
compare_word(FunctionCallInfo call, int n, FunctionCallInfo fcinfo, int argument, const char *normal, int column)
{
	const char *wanted = PG_ARGISNULL(argument) ? normal : text_to_cstring(PG_GETARG_TEXT_PP(argument));
	const char *stored = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);

	if (stored && pg_strcasecmp(wanted, stored) == 0)
		return false;
	set_argument(call, n, CStringGetTextDatum(wanted));
	return true;
}

/* Whatever differs from what is stored of the stream table becomes an argument of alter_stream_table(). */
static bool
compare(FunctionCallInfo fcinfo, StStreamTable *table, FunctionCallInfo call)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(table->pgt_id)};
	char	   *schedule = st_parse_schedule(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	char	   *mode = st_parse_mode(text_to_cstring(PG_GETARG_TEXT_PP(3)));
	const char *stored;
	bool		changed = false;
	bool		isnull;
	int			joins = PG_ARGISNULL(11) ? 0 : PG_GETARG_INT32(11);
	double		fraction = PG_ARGISNULL(12) ? 0 : PG_GETARG_FLOAT8(12);
	Datum		value;

	(void) st_catalog_execute("SELECT schedule, diamond_consistency, diamond_schedule_policy, coalesce(requested_cdc_mode, 'auto'),"
							  " pooler_compatibility_mode, max_differential_joins, max_delta_fraction, is_append_only, st_partition_key"
							  " FROM pgtrickle.pgt_stream_tables WHERE pgt_id = $1", 1, types, values, NULL);
	stored = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if ((stored == NULL) != (schedule == NULL) || (stored && strcmp(stored, schedule) != 0))
	{
		set_argument(call, 2, PG_GETARG_DATUM(2));
		changed = true;
	}
	if (strcmp(mode, st_stream_table_requested_mode(table)) != 0)
	{
		set_argument(call, 3, CStringGetTextDatum(mode));
		changed = true;
	}
	changed |= compare_word(call, 5, fcinfo, 5, "atomic", 2);
	changed |= compare_word(call, 6, fcinfo, 6, "fastest", 3);
	changed |= compare_word(call, 7, fcinfo, 7, "auto", 4);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 8, &isnull);
	if (DatumGetBool(value) != (!PG_ARGISNULL(8) && PG_GETARG_BOOL(8)))
	{
		set_argument(call, 8, BoolGetDatum(!DatumGetBool(value)));
		changed = true;
	}
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 5, &isnull);
	if (DatumGetBool(value) != (!PG_ARGISNULL(9) && PG_GETARG_BOOL(9)))
	{
		set_argument(call, 9, BoolGetDatum(!DatumGetBool(value)));
		changed = true;
	}
	if (!PG_ARGISNULL(10))
		changed |= compare_word(call, 14, fcinfo, 10, "", 9);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 6, &isnull);
	if ((isnull ? 0 : DatumGetInt32(value)) != joins)
	{
		set_argument(call, 15, Int32GetDatum(joins));
		changed = true;
	}
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 7, &isnull);
	if ((isnull ? 0 : DatumGetFloat8(value)) != fraction)
	{
		set_argument(call, 16, Float8GetDatum(fraction));
		changed = true;
	}
	if (!PG_ARGISNULL(13))
		st_refuse_distribution();
	return changed;
}

static void
require_arguments(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(1) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("invalid argument: name, query and refresh_mode must not be NULL")));
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: schedule is NULL"),
				 errhint("Use 'calculated' to follow the stream tables that read this one.")));
}

Datum
st_sql_create_or_replace_stream_table(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(create, 16);
	LOCAL_FCINFO(alter, 17);
	Oid			relid;
	StStreamTable *table;
	bool		changed;

	PreventCommandIfReadOnly("create_or_replace_stream_table()");
	relid = existing(fcinfo);
	if (!OidIsValid(relid))
	{
		InitFunctionCallInfoData(*create, NULL, 16, InvalidOid, NULL, NULL);
		for (int i = 0; i < 16; i++)
		{
			create->args[i].isnull = i >= PG_NARGS() || PG_ARGISNULL(i);
			create->args[i].value = i < PG_NARGS() ? PG_GETARG_DATUM(i) : (Datum) 0;
		}
		return st_sql_create_stream_table(create);
	}
	st_require_owner(relid);
	require_arguments(fcinfo);
	table = st_stream_table_get(relid);
	InitFunctionCallInfoData(*alter, NULL, 17, InvalidOid, NULL, NULL);
	for (int i = 0; i < 17; i++)
		alter->args[i].isnull = true;
	set_argument(alter, 0, PG_GETARG_DATUM(0));
	SPI_connect();
	changed = compare(fcinfo, table, alter);
	if (strcmp(st_query_text(st_query_parse(text_to_cstring(PG_GETARG_TEXT_PP(1)))), st_stream_table_query_text(table)) != 0)
	{
		set_argument(alter, 1, PG_GETARG_DATUM(1));
		changed = true;
	}
	if (changed)
		(void) st_sql_alter_stream_table(alter);
	else
		ereport(INFO,
				(errmsg("stream table \"%s.%s\" is like that already, nothing was changed", table->schema, table->name)));
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
st_sql_write_and_refresh(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(refresh, 1);
	int			code;

	PreventCommandIfReadOnly("write_and_refresh()");
	SPI_connect();
	code = SPI_execute(text_to_cstring(PG_GETARG_TEXT_PP(0)), false, 0);
	if (code < 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("write_and_refresh() cannot run this statement: %s", SPI_result_code_string(code)),
				 errhint("COPY and statements that control transactions are for the client.")));
	SPI_finish();
	InitFunctionCallInfoData(*refresh, NULL, 1, InvalidOid, NULL, NULL);
	set_argument(refresh, 0, PG_GETARG_DATUM(1));
	return st_sql_refresh_stream_table(refresh);
}
