/*-------------------------------------------------------------------------
 *
 * fuse.c
 *	  Fuses: too many changes at once suspend a stream table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"

#include "api/fuse.h"
#include "api/name.h"
#include "catalog/fuse.h"
#include "catalog/stream_table.h"
#include "refresh/refresh.h"

PG_FUNCTION_INFO_V1(st_sql_reset_fuse);

static bool
is_blown(Oid relid)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(relid)};

	return st_catalog_execute("SELECT FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = $1 AND fuse_state = 'blown'",
							  1, types, values, NULL) > 0;
}

/* What may come through is decided by the next refresh; what is forgotten, now. */
static void
act(StStreamTable *table, const char *action)
{
	if (pg_strcasecmp(action, "skip_changes") == 0 && !st_refresh_skip(table->relid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("stream table \"%s.%s\" is being refreshed by another session", table->schema, table->name),
				 errhint("Call reset_fuse() again when it has ended.")));
}

Datum
st_sql_reset_fuse(PG_FUNCTION_ARGS)
{
	Oid			relid;
	StStreamTable *table;
	char	   *action = text_to_cstring(PG_GETARG_TEXT_PP(1));
	bool		rebuild = pg_strcasecmp(action, "reinitialize") == 0;
	Oid			types[] = {OIDOID, BOOLOID};
	Datum		values[2];

	PreventCommandIfReadOnly("reset_fuse()");
	relid = st_resolve_own_stream_table(PG_GETARG_TEXT_PP(0));
	table = st_stream_table_get(relid);
	SPI_connect();
	if (!is_blown(relid))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: the fuse of stream table \"%s.%s\" has not blown", table->schema, table->name)));
	if (!rebuild && pg_strcasecmp(action, "apply") != 0 && pg_strcasecmp(action, "skip_changes") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: unknown action \"%s\"", action),
				 errhint("Use apply, reinitialize or skip_changes.")));
	st_note_lifecycle_call();
	act(table, action);
	st_stream_table_lock_rows(relid, false);
	st_fuse_arm(table->pgt_id, pg_strcasecmp(action, "apply") == 0);
	values[0] = ObjectIdGetDatum(relid);
	values[1] = BoolGetDatum(rebuild);
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET status = 'ACTIVE', consecutive_errors = 0,"
							  " last_error_message = NULL, last_error_at = NULL, needs_reinit = needs_reinit OR $2,"
							  " updated_at = pg_catalog.now() WHERE pgt_relid = $1", 2, types, values, NULL);
	SPI_finish();
	CacheInvalidateRelcacheByRelid(relid);
	PG_RETURN_VOID();
}

/* ----- alter_stream_table() ----- */

static void
set_column(Oid relid, const char *sql, Oid type, Datum value, bool isnull)
{
	Oid			types[] = {OIDOID, type};
	Datum		values[] = {ObjectIdGetDatum(relid), value};

	(void) st_catalog_execute(sql, 2, types, values, isnull ? " n" : NULL);
}

void
st_alter_fuse_mode(Oid relid, const char *mode)
{
	static const char *const modes[] = {"off", "on", "auto"};

	for (int i = 0; i < lengthof(modes); i++)
		if (pg_strcasecmp(mode, modes[i]) == 0)
		{
			set_column(relid, "UPDATE pgtrickle.pgt_stream_tables SET fuse_mode = $2, updated_at = pg_catalog.now()"
					   " WHERE pgt_relid = $1", TEXTOID, CStringGetTextDatum(modes[i]), false);
			return;
		}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: unknown fuse mode \"%s\"", mode),
			 errhint("Use off, on or auto.")));
}

void
st_alter_fuse_ceiling(Oid relid, int64 ceiling)
{
	if (ceiling < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: fuse_ceiling must not be negative"),
				 errhint("0 takes it away: pg_trickle.fuse_default_ceiling counts.")));
	set_column(relid, "UPDATE pgtrickle.pgt_stream_tables SET fuse_ceiling = $2, updated_at = pg_catalog.now()"
			   " WHERE pgt_relid = $1", INT8OID, Int64GetDatum(ceiling), ceiling == 0);
}

void
st_alter_fuse_sensitivity(Oid relid, int sensitivity)
{
	if (sensitivity < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: fuse_sensitivity must be positive")));
	set_column(relid, "UPDATE pgtrickle.pgt_stream_tables SET fuse_sensitivity = $2, updated_at = pg_catalog.now()"
			   " WHERE pgt_relid = $1", INT4OID, Int32GetDatum(sensitivity), false);
}
