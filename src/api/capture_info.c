/*-------------------------------------------------------------------------
 *
 * capture_info.c
 *	  What capture consists of, and making it anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "api/definition.h"
#include "api/name.h"
#include "api/source_name.h"
#include "capture/capture.h"
#include "catalog/source_copy.h"
#include "compat.h"
#include "store/store.h"
#include "util/inheritors.h"

PG_FUNCTION_INFO_V1(st_sql_capture_triggers);
PG_FUNCTION_INFO_V1(st_sql_change_log_facts);
PG_FUNCTION_INFO_V1(st_sql_rebuild_cdc_triggers);
PG_FUNCTION_INFO_V1(st_sql_convert_buffers_to_unlogged);

/* ----- looking ----- */

Datum
st_sql_capture_triggers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			source = PG_GETARG_OID(0);
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	/* the engine writes the log of a stream table itself */
	if (!st_log_exists(source) || get_rel_name(source) == NULL || st_is_stream_table(source))
		return (Datum) 0;
	foreach(lc, st_capture_triggers(source))
	{
		StCaptureTrigger *trigger = lfirst(lc);
		Datum		values[5];
		bool		nulls[5] = {false, false, trigger->name == NULL, false, false};

		values[0] = ObjectIdGetDatum(trigger->relid);
		values[1] = CStringGetTextDatum(trigger->event);
		values[2] = trigger->name ? CStringGetTextDatum(trigger->name) : (Datum) 0;
		values[3] = BoolGetDatum(trigger->truncate);
		values[4] = BoolGetDatum(trigger->enabled);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
st_sql_change_log_facts(PG_FUNCTION_ARGS)
{
	Oid			source = PG_GETARG_OID(0);
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};
	const AttrNumber *attnums;
	int			natts;
	int			nsegments;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!st_log_columns(source, &natts, &attnums))
		PG_RETURN_NULL();
	values[0] = Int32GetDatum(natts);
	values[1] = Int64GetDatum(st_log_rows(source, GetActiveSnapshot(), &nsegments));
	values[2] = Int32GetDatum(nsegments);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* ----- making anew ----- */

/* May the current user stop its writers (rule J16)? A WARNING if not. */
static bool
may_capture(Oid source)
{
	ListCell   *lc;

	foreach(lc, st_inheritors(source))
		if (!StRelationOwnerCheck(lfirst_oid(lc), GetUserId()) &&
			pg_class_aclcheck(lfirst_oid(lc), GetUserId(), ACL_TRIGGER) != ACLCHECK_OK &&
			st_source_copy_get(lfirst_oid(lc)) == NULL)
		{
			ereport(WARNING,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("capture of %s stays as it is", st_source_name(source)),
					 errdetail("It takes the TRIGGER privilege on %s.", st_source_name(lfirst_oid(lc)))));
			return false;
		}
	return true;
}

/*
 * Lock all captured sources that the current user may capture, and keep what
 * reads them from being refreshed. "nodes": also those whose log the engine
 * writes. Sources that are gone by then are left out.
 */
static List *
lock_sources(bool nodes)
{
	List	   *sources = NIL;
	List	   *locked = NIL;
	List	   *readers = NIL;
	ListCell   *lc;

	foreach(lc, st_catalog_oids("SELECT source_relid FROM pgtrickle.pgt_change_tracking ORDER BY source_relid", 0, NULL, NULL))
	{
		bool		node = st_is_stream_table(lfirst_oid(lc));

		if (get_rel_name(lfirst_oid(lc)) && (node ? nodes : may_capture(lfirst_oid(lc))))
			sources = lappend_oid(sources, lfirst_oid(lc));
	}
	foreach(lc, st_catalog_oids("SELECT DISTINCT t.pgt_relid FROM pgtrickle.source_frontier f"
											  " JOIN pgtrickle.pgt_stream_tables t USING (pgt_id)", 0, NULL, NULL))
	{
		StStreamTable *table = st_stream_table_get_if_exists(lfirst_oid(lc));

		if (table)
			readers = lappend(readers, table);
	}
	st_definition_lock(sources, readers);
	foreach(lc, sources)
		if (get_rel_name(lfirst_oid(lc)) && st_log_exists(lfirst_oid(lc)))
			locked = lappend_oid(locked, lfirst_oid(lc));
	return locked;
}

typedef struct Rebuilt
{
	Oid			source;
	char	   *generation;		/* before */
	bool		unlogged;
} Rebuilt;

/*
 * What has consumed everything that capture has seen up to now is as good with
 * the triggers that have taken over under our lock.
 */
static void
adopt_generation(const Rebuilt *rebuilt)
{
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID};
	Datum		values[3];

	if (rebuilt->generation[0] == '!' || st_log_is_unlogged(rebuilt->source) != rebuilt->unlogged)
		return;
	values[0] = ObjectIdGetDatum(rebuilt->source);
	values[1] = CStringGetTextDatum(rebuilt->generation);
	values[2] = CStringGetTextDatum(st_capture_generation(rebuilt->source));
	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.source_frontier SET generation = $3 WHERE source_relid = $1 AND generation = $2",
							  3, types, values, NULL);
	SPI_finish();
}

Datum
st_sql_rebuild_cdc_triggers(PG_FUNCTION_ARGS)
{
	List	   *rebuilt = NIL;
	ListCell   *lc;

	PreventCommandIfReadOnly("rebuild_cdc_triggers()");
	st_require_owner_of_all();
	st_note_lifecycle_call();
	foreach(lc, lock_sources(false))
	{
		Rebuilt    *one = palloc(sizeof(Rebuilt));

		one->source = lfirst_oid(lc);
		one->generation = st_capture_generation(one->source);
		one->unlogged = st_log_is_unlogged(one->source);
		rebuilt = lappend(rebuilt, one);
	}
	/* a table can be below two sources: all of them first */
	foreach(lc, rebuilt)
		st_capture_rebuild(((Rebuilt *) lfirst(lc))->source);
	foreach(lc, rebuilt)
		adopt_generation(lfirst(lc));
	PG_RETURN_TEXT_P(cstring_to_text("done"));
}

Datum
st_sql_convert_buffers_to_unlogged(PG_FUNCTION_ARGS)
{
	int64		converted = 0;
	ListCell   *lc;

	PreventCommandIfReadOnly("convert_buffers_to_unlogged()");
	st_require_owner_of_all();
	st_note_lifecycle_call();
	foreach(lc, lock_sources(true))
	{
		if (!st_log_make_unlogged(lfirst_oid(lc)))
			continue;
		converted++;
		ereport(NOTICE,
				(errmsg("the change log of %s is UNLOGGED from now on", st_source_name(lfirst_oid(lc))),
				 errdetail("The stream tables that read it are recomputed by their next refresh, and after each crash.")));
	}
	ereport(NOTICE,
			(errmsg("%lld change logs converted", (long long) converted)));
	PG_RETURN_INT64(converted);
}
