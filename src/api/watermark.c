/*-------------------------------------------------------------------------
 *
 * watermark.c
 *	  Watermarks: up to which time sources are complete, and which of them must
 *	  be so together.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "api/definition.h"
#include "api/name.h"
#include "api/source_name.h"
#include "catalog/alert.h"
#include "catalog/saved.h"
#include "catalog/stream_table.h"

PG_FUNCTION_INFO_V1(st_sql_advance_watermark);
PG_FUNCTION_INFO_V1(st_sql_create_watermark_group);
PG_FUNCTION_INFO_V1(st_sql_drop_watermark_group);

/* ----- watermarks ----- */

static Datum
result_value(int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, isnull);
}

/* Lock the watermark of a source against others who advance it; false: it has none. */
static bool
lock_watermark(Oid source, TimestampTz *watermark, bool *stuck)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(source)};
	bool		isnull;

	if (st_catalog_execute("SELECT watermark, stuck_since IS NOT NULL FROM pgtrickle.pgt_watermarks"
						   " WHERE source_relid = $1 FOR UPDATE", 1, types, values, NULL) == 0)
		return false;
	*watermark = DatumGetTimestampTz(result_value(1, &isnull));
	*stuck = DatumGetBool(result_value(2, &isnull));
	return true;
}

static void
write_watermark(Oid source, TimestampTz watermark)
{
	Oid			types[] = {OIDOID, TIMESTAMPTZOID, TEXTOID, LSNOID};
	Datum		values[] = {ObjectIdGetDatum(source), TimestampTzGetDatum(watermark),
	CStringGetTextDatum(GetUserNameFromId(GetUserId(), false)), LSNGetDatum(GetXLogInsertRecPtr())};

	/* another session may have written the first one since we looked */
	if (st_catalog_execute("INSERT INTO pgtrickle.pgt_watermarks AS w"
						   " (source_relid, watermark, updated_at, advanced_by, wal_lsn_at_advance)"
						   " VALUES ($1, $2, pg_catalog.clock_timestamp(), $3, $4::text)"
						   " ON CONFLICT (source_relid) DO UPDATE SET watermark = $2, updated_at = pg_catalog.clock_timestamp(),"
						   " advanced_by = $3, wal_lsn_at_advance = $4::text, stuck_since = NULL WHERE w.watermark <= $2",
						   4, types, values, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("watermark moved backward: another session has advanced that of \"%s\" further", st_source_name(source)),
				 errhint("Watermarks only advance.")));
}

Datum
st_sql_advance_watermark(PG_FUNCTION_ARGS)
{
	TimestampTz watermark = PG_GETARG_TIMESTAMPTZ(1);
	Oid			source;
	TimestampTz before = DT_NOBEGIN;
	bool		stuck = false;
	bool		known;
	StAlert		alert;

	PreventCommandIfReadOnly("advance_watermark()");
	source = st_lock_source(PG_GETARG_TEXT_PP(0), ACL_INSERT);
	SPI_connect();
	known = lock_watermark(source, &before, &stuck);
	if (known && watermark < before)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("watermark moved backward: that of \"%s\" is %s, later than %s", st_source_name(source),
						timestamptz_to_str(before), pstrdup(timestamptz_to_str(watermark))),
				 errhint("Watermarks only advance.")));
	if (known && watermark == before)
	{
		SPI_finish();
		PG_RETURN_VOID();
	}
	st_note_lifecycle_call();
	write_watermark(source, watermark);
	SPI_finish();
	st_saved_note_source(source);
	Async_Notify("pgtrickle_watermark", psprintf("wm:%u", source));
	if (stuck)
	{
		st_alert_begin(&alert, "watermark_resumed", NULL, NULL);
		st_alert_add_number(&alert, "source_oid", source);
		st_alert_send(&alert);
	}
	ereport(INFO,
			(errmsg("watermark of \"%s\" is %s", st_source_name(source), timestamptz_to_str(watermark))));
	PG_RETURN_VOID();
}

/* ----- groups ----- */

static char *
group_name_argument(text *argument)
{
	char	   *name = text_to_cstring(argument);

	if (strspn(name, " \t\r\n") == strlen(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: the name of a watermark group is empty")));
	return name;
}

static Datum
sources_argument(ArrayType *argument)
{
	Datum	   *names;
	bool	   *nulls;
	int			n;
	Oid		   *sources;

	deconstruct_array(argument, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
	if (n < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: a watermark group needs at least two sources")));
	sources = palloc(sizeof(Oid) * n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("invalid argument: a source must not be NULL")));
		sources[i] = st_lock_source(DatumGetTextPP(names[i]), ACL_NO_RIGHTS);
		st_saved_note_source(sources[i]);
		for (int j = 0; j < i; j++)
			if (sources[j] == sources[i])
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("invalid argument: source \"%s\" is named twice", st_source_name(sources[i]))));
	}
	return st_oid_array(n, sources);
}

Datum
st_sql_create_watermark_group(PG_FUNCTION_ARGS)
{
	char	   *name = group_name_argument(PG_GETARG_TEXT_PP(0));
	double		tolerance = PG_GETARG_FLOAT8(2);
	Oid			types[] = {TEXTOID, OIDARRAYOID, FLOAT8OID};
	Datum		values[3];
	bool		isnull;
	int32		id;

	PreventCommandIfReadOnly("create_watermark_group()");
	if (isnan(tolerance) || tolerance < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: the tolerance must not be negative")));
	values[0] = CStringGetTextDatum(name);
	values[1] = sources_argument(PG_GETARG_ARRAYTYPE_P(1));
	values[2] = Float8GetDatum(tolerance);
	st_note_lifecycle_call();
	SPI_connect();
	if (st_catalog_execute("INSERT INTO pgtrickle.pgt_watermark_groups (group_name, source_relids, tolerance_secs)"
						   " VALUES ($1, $2, $3) ON CONFLICT (group_name) DO NOTHING RETURNING group_id",
						   3, types, values, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("watermark group already exists: \"%s\"", name),
				 errhint("Drop it first, with drop_watermark_group().")));
	id = DatumGetInt32(result_value(1, &isnull));
	SPI_finish();
	PG_RETURN_INT32(id);
}

static void
no_such_group(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("watermark group not found: \"%s\"", name),
			 errhint("pgtrickle.watermark_groups() lists them.")));
}

/* It takes the right that creating it took. Its sources are noted as changed. */
static void
require_group_owner(const char *name)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(name)};
	bool		isnull;
	Datum	   *sources;
	int			n;

	if (st_catalog_execute("SELECT source_relids FROM pgtrickle.pgt_watermark_groups WHERE group_name = $1",
						   1, types, values, NULL) == 0)
		no_such_group(name);
	deconstruct_array(DatumGetArrayTypeP(result_value(1, &isnull)), OIDOID, sizeof(Oid), true, TYPALIGN_INT,
					  &sources, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		st_require_owner_of_source(DatumGetObjectId(sources[i]));
		st_saved_note_source(DatumGetObjectId(sources[i]));
	}
}

Datum
st_sql_drop_watermark_group(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(name)};

	PreventCommandIfReadOnly("drop_watermark_group()");
	st_note_lifecycle_call();
	SPI_connect();
	require_group_owner(name);
	if (st_catalog_execute("DELETE FROM pgtrickle.pgt_watermark_groups WHERE group_name = $1", 1, types, values, NULL) == 0)
		no_such_group(name);
	SPI_finish();
	PG_RETURN_VOID();
}
