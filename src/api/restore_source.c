/*-------------------------------------------------------------------------
 *
 * restore_source.c
 *	  Gates, watermarks and watermark groups after a dump was restored.
 *
 * NOTES
 *	  A dump brings a row of pgtrickle_saved.sources for each source of which
 *	  there is something to say (catalog/saved.c). What this database says
 *	  already is not changed. A row is believed only of a role that could have
 *	  called the functions: a member of the table's owner (rule J21).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "api/name.h"
#include "api/restore.h"
#include "catalog/extension.h"
#include "catalog/saved.h"
#include "catalog/stream_table.h"
#include "util/fault.h"

/* A row of pgtrickle_saved.sources that a restore has brought. */
typedef struct SavedSource
{
	ItemPointerData tid;
	char	   *schema;
	char	   *name;
	Datum		options;
	Datum		groups;
	char	   *restored_by;	/* NULL: not stamped, by a superuser's will */
	Oid			relid;
} SavedSource;

static List *
read_saved(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *result = NIL;
	MemoryContext old;

	SPI_connect();
	(void) st_catalog_execute("SELECT ctid, table_schema, table_name, options, watermark_groups, restored_by"
							  " FROM pgtrickle_saved.sources WHERE source_relid IS NULL ORDER BY table_schema, table_name",
							  0, NULL, NULL, NULL);
	old = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		SavedSource *saved = palloc0(sizeof(SavedSource));
		bool		isnull;

		saved->tid = *(ItemPointer) DatumGetPointer(SPI_getbinval(tuple, desc, 1, &isnull));
		saved->schema = SPI_getvalue(tuple, desc, 2);
		saved->name = SPI_getvalue(tuple, desc, 3);
		saved->options = datumCopy(SPI_getbinval(tuple, desc, 4, &isnull), false, -1);
		saved->groups = datumCopy(SPI_getbinval(tuple, desc, 5, &isnull), false, -1);
		saved->restored_by = SPI_getvalue(tuple, desc, 6);
		result = lappend(result, saved);
	}
	MemoryContextSwitchTo(old);
	SPI_finish();
	return result;
}

static void
find_source(SavedSource *saved)
{
	Oid			schema = get_namespace_oid(saved->schema, true);
	Oid			role = saved->restored_by ? get_role_oid(saved->restored_by, true) : st_extension_owner();
	Oid			owner;

	saved->relid = OidIsValid(schema) ? get_relname_relid(saved->name, schema) : InvalidOid;
	if (!OidIsValid(saved->relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.%s\" does not exist", saved->schema, saved->name)));
	owner = st_relation_owner(saved->relid);
	if (ST_FAULT("J21") || (OidIsValid(role) && is_member_of_role(role, owner)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("role \"%s\", which has restored the row, is no member of the table's owner \"%s\"",
					saved->restored_by ? saved->restored_by : "", GetUserNameFromId(owner, false))));
}

/* Groups are made by the first of their sources. */
static bool
restore_source(void *arg)
{
	SavedSource *saved = arg;
	Oid			types[] = {OIDOID, TEXTARRAYOID, TEXTARRAYOID};
	Datum		values[3];
	Oid			row_types[] = {TIDOID};
	Datum		row_values[] = {PointerGetDatum(&saved->tid)};

	find_source(saved);
	values[0] = ObjectIdGetDatum(saved->relid);
	values[1] = saved->options;
	values[2] = saved->groups;
	SPI_connect();
	(void) st_catalog_execute("INSERT INTO pgtrickle.pgt_source_gates (source_relid, gated, gated_at, ungated_at, gated_by)"
							  " SELECT $1, (o->>'gated')::boolean, (o->>'gated_at')::timestamptz, (o->>'ungated_at')::timestamptz, o->>'gated_by'"
							  " FROM pg_catalog.jsonb_object($2) AS o WHERE o->>'gated' IS NOT NULL"
							  " ON CONFLICT (source_relid) DO NOTHING", 2, types, values, NULL);
	(void) st_catalog_execute("INSERT INTO pgtrickle.pgt_watermarks (source_relid, watermark, updated_at, advanced_by)"
							  " SELECT $1, (o->>'watermark')::timestamptz, (o->>'updated_at')::timestamptz, o->>'advanced_by'"
							  " FROM pg_catalog.jsonb_object($2) AS o WHERE o->>'watermark' IS NOT NULL"
							  " ON CONFLICT (source_relid) DO NOTHING", 2, types, values, NULL);
	(void) st_catalog_execute("INSERT INTO pgtrickle.pgt_watermark_groups AS g (group_name, source_relids, tolerance_secs, created_at)"
							  " SELECT $3[i], ARRAY[$1], $3[i + 1]::double precision, $3[i + 2]::timestamptz"
							  " FROM pg_catalog.generate_series(1, pg_catalog.cardinality($3), 3) AS i WHERE $2 IS NOT NULL"
							  " ON CONFLICT (group_name) DO UPDATE SET source_relids = g.source_relids || excluded.source_relids"
							  " WHERE g.created_at = excluded.created_at AND NOT excluded.source_relids <@ g.source_relids", 3, types, values, NULL);
	(void) st_catalog_execute("DELETE FROM pgtrickle_saved.sources WHERE ctid = $1", 1, row_types, row_values, NULL);
	SPI_finish();
	st_saved_note_source(saved->relid);
	return true;
}

void
st_restore_sources(void)
{
	ListCell   *lc;

	foreach(lc, read_saved())
	{
		SavedSource *saved = lfirst(lc);
		Oid			types[] = {TIDOID, TEXTOID};
		Datum		values[2];
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		st_note_lifecycle_call();
		error = st_restore_attempt(restore_source, saved);
		if (error == NULL)
			continue;
		values[0] = PointerGetDatum(&saved->tid);
		values[1] = CStringGetTextDatum(error->message);
		SPI_connect();
		(void) st_catalog_execute("UPDATE pgtrickle_saved.sources SET problem = $2 WHERE ctid = $1", 2, types, values, NULL);
		SPI_finish();
		ereport(WARNING,
				(errmsg("gate, watermark or watermark groups of \"%s\" could not be restored: %s",
						quote_qualified_identifier(saved->schema, saved->name), error->message),
				 errhint("Mend the cause and call pgtrickle.restore_stream_tables(), or set them again.")));
	}
}
