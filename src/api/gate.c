/*-------------------------------------------------------------------------
 *
 * gate.c
 *	  Gates: the scheduler does not refresh what reads a gated source.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "api/name.h"
#include "api/source_name.h"
#include "catalog/saved.h"
#include "catalog/stream_table.h"

PG_FUNCTION_INFO_V1(st_sql_gate_source);
PG_FUNCTION_INFO_V1(st_sql_ungate_source);

/* The notification is that of the contract: the source's OID. */
static void
set_gate(text *name, const char *sql, const char *message)
{
	Oid			source = st_lock_source(name, ACL_NO_RIGHTS);
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(source), CStringGetTextDatum(GetUserNameFromId(GetUserId(), false))};

	st_note_lifecycle_call();
	SPI_connect();
	(void) st_catalog_execute(sql, 2, types, values, NULL);
	SPI_finish();
	st_saved_note_source(source);
	Async_Notify("pgtrickle_source_gate", psprintf("%u", source));
	ereport(INFO,
			(errmsg(message, st_source_name(source))));
}

Datum
st_sql_gate_source(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("gate_source()");
	set_gate(PG_GETARG_TEXT_PP(0),
			 "INSERT INTO pgtrickle.pgt_source_gates (source_relid, gated, gated_at, ungated_at, gated_by)"
			 " VALUES ($1, true, pg_catalog.now(), NULL, $2)"
			 " ON CONFLICT (source_relid) DO UPDATE SET gated = true, gated_at = pg_catalog.now(), ungated_at = NULL, gated_by = $2",
			 "source \"%s\" is gated: the scheduler does not refresh what reads it");
	PG_RETURN_VOID();
}

Datum
st_sql_ungate_source(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("ungate_source()");
	set_gate(PG_GETARG_TEXT_PP(0),
			 "UPDATE pgtrickle.pgt_source_gates SET gated = false, ungated_at = pg_catalog.now()"
			 " WHERE source_relid = $1 AND gated AND $2 IS NOT NULL",
			 "source \"%s\" is not gated");
	PG_RETURN_VOID();
}
