/*-------------------------------------------------------------------------
 *
 * lifecycle.c
 *	  Refreshing and dropping stream tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/formatting.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "api/definition.h"
#include "api/name.h"
#include "capture/capture.h"
#include "catalog/extension.h"
#include "compat.h"
#include "query/query.h"
#include "store/store.h"
#include "store/wake.h"
#include "util/row_function.h"

PG_FUNCTION_INFO_V1(st_sql_refresh_stream_table);
PG_FUNCTION_INFO_V1(st_sql_refresh_if_stale);
PG_FUNCTION_INFO_V1(st_sql_drop_stream_table);
PG_FUNCTION_INFO_V1(st_sql_on_drop);
PG_FUNCTION_INFO_V1(st_sql_verify_stream_table);

/* ----- refresh ----- */

/* "report": tell the client what was done, which a function's result may say already. */
static void
refresh(Oid relid, bool report)
{
	StStreamTable *table;
	StRefreshOutcome outcome;

	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: a stream table cannot be refreshed on a standby")));
	PreventCommandIfReadOnly("refresh_stream_table()");
	table = st_require_stream_table(relid);
	if (strcmp(table->status, "SUSPENDED") == 0 || strcmp(table->status, "ERROR") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: stream table \"%s.%s\" is %s, resume it with pgtrickle.alter_stream_table(%s, status => 'ACTIVE')",
						table->schema, table->name,
						strcmp(table->status, "ERROR") == 0 ? "in status ERROR" : "suspended",
						quote_literal_cstr(quote_qualified_identifier(table->schema, table->name)))));
	st_require_accepted_owner(table);
	if (!st_refresh(relid, "MANUAL", false, &outcome))
	{
		ereport(NOTICE,
				(errmsg("stream table \"%s.%s\" is being refreshed by another session, nothing was done",
						table->schema, table->name)));
		return;
	}
	if (report)
		ereport(INFO,
				(errmsg("stream table \"%s.%s\" refreshed: %s, %lld inserted, %lld updated, %lld deleted",
						table->schema, table->name, outcome.action, (long long) outcome.applied.inserted,
						(long long) outcome.applied.updated, (long long) outcome.applied.deleted),
				 outcome.reason ? errdetail("It was recomputed: %s.", outcome.reason) : 0));
}

Datum
st_sql_refresh_stream_table(PG_FUNCTION_ARGS)
{
	refresh(st_lock_stream_table(PG_GETARG_TEXT_PP(0)), true);
	PG_RETURN_VOID();
}

Datum
st_sql_refresh_if_stale(PG_FUNCTION_ARGS)
{
	Oid			relid;
	Oid			types[] = {OIDOID, INTERVALOID};
	Datum		values[2];
	bool		fresh;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("invalid argument: name must not be NULL")));
	relid = st_lock_stream_table(PG_GETARG_TEXT_PP(0));
	if (PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);
	values[0] = ObjectIdGetDatum(relid);
	values[1] = PG_GETARG_DATUM(1);
	SPI_connect();
	fresh = st_catalog_execute("SELECT 1 FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = $1"
							   " AND last_refresh_at >= pg_catalog.clock_timestamp() - $2",
							   2, types, values, NULL) > 0;
	SPI_finish();
	if (fresh)
		PG_RETURN_BOOL(false);
	refresh(relid, false);
	PG_RETURN_BOOL(true);
}

/* ----- drop ----- */

/* Stream tables that read a relation. */
static List *
dependants_of(Oid relid)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(relid)};

	return st_catalog_oids("SELECT t.pgt_relid FROM pgtrickle.pgt_dependencies d"
						   " JOIN pgtrickle.pgt_stream_tables t USING (pgt_id)"
						   " WHERE d.source_relid = $1 ORDER BY t.pgt_schema, t.pgt_name",
						   1, types, values);
}

/* Of these sources, those that are captured. */
static List *
captured(List *sources)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, sources)
		if (st_log_exists(lfirst_oid(lc)))
			result = lappend_oid(result, lfirst_oid(lc));
	return result;
}

/*
 * Take a stream table out of the catalog with everything that only it needs:
 * its states, and the capture of sources that nobody else reads. The caller
 * holds AccessExclusiveLock on it. If plain SQL has dropped it, the sources are
 * locked here, without its node: nobody can refresh it, and who has the node
 * may wait for the dropped table.
 */
static void
forget_stream_table(StStreamTable *table)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(table->pgt_id)};
	List	   *sources = captured(st_sources_of(table->pgt_id));
	ListCell   *lc;

	st_definition_lock(sources, NIL);
	SPI_connect();
	(void) st_catalog_execute("DELETE FROM pgtrickle.pgt_stream_tables WHERE pgt_id = $1", 1, types, values, NULL);
	SPI_finish();
	st_frontier_delete(table->pgt_id);
	CommandCounterIncrement();
	for (int i = 0; i < table->nstates; i++)
		st_extension_drop_relation(table->states[i]);
	foreach(lc, sources)
		st_capture_remove(lfirst_oid(lc));
}

/* The stream table and all that read it, directly or not: readers first. */
static List *
with_readers(List *tables, Oid relid)
{
	StStreamTable *table = st_stream_table_get(relid);
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, tables)
		if (((StStreamTable *) lfirst(lc))->relid == relid)
			return tables;
	if (table == NULL)
		return tables;
	foreach(lc, dependants_of(relid))
		tables = with_readers(tables, lfirst_oid(lc));
	return lappend(tables, table);
}

static void
require_no_readers(StStreamTable *table)
{
	List	   *readers = dependants_of(table->relid);
	StringInfoData names;
	ListCell   *lc;

	if (readers == NIL)
		return;
	initStringInfo(&names);
	foreach(lc, readers)
		appendStringInfo(&names, "%s%s", names.len ? ", " : "", get_rel_name(lfirst_oid(lc)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: other stream tables read \"%s.%s\": %s",
					table->schema, table->name, names.data),
			 errhint("Drop them first, or pass cascade => true.")));
}

/* Lock order: sources and nodes of all that goes (st_definition_lock), then the stream tables. */
static void
drop(Oid relid, bool cascade)
{
	List	   *tables;
	List	   *sources = NIL;
	ListCell   *lc;

	st_require_owner(relid);
	if (!cascade)
		require_no_readers(st_require_stream_table(relid));
	tables = with_readers(NIL, relid);
	foreach(lc, tables)
	{
		StStreamTable *table = lfirst(lc);

		st_require_owner(table->relid);
		sources = list_concat(sources, captured(st_sources_of(table->pgt_id)));
	}
	st_definition_lock(sources, tables);
	foreach(lc, tables)
		LockRelationOid(((StStreamTable *) lfirst(lc))->relid, AccessExclusiveLock);
	foreach(lc, tables)
	{
		/* another session may have altered or dropped it meanwhile */
		StStreamTable *table = st_require_stream_table(((StStreamTable *) lfirst(lc))->relid);
		ObjectAddress address;

		forget_stream_table(table);
		CommandCounterIncrement();
		ObjectAddressSet(address, RelationRelationId, table->relid);
		performDeletion(&address, cascade ? DROP_CASCADE : DROP_RESTRICT, 0);
	}
}

Datum
st_sql_drop_stream_table(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("drop_stream_table()");
	st_note_lifecycle_call();
	drop(st_resolve_stream_table(PG_GETARG_TEXT_PP(0)), PG_GETARG_BOOL(1));
	PG_RETURN_VOID();
}

/* Columns of pg_event_trigger_dropped_objects(). */
#define DROPPED_CLASS		0
#define DROPPED_OBJECT		1
#define DROPPED_SUB			2
#define DROPPED_ORIGINAL	3
#define DROPPED_IDENTITY	9
#define DROPPED_NAMES		10

/* Is it named as capture and guard triggers are? */
static bool
is_own_trigger(Oid trigger, Datum address_names)
{
	Datum	   *names;
	int			n;
	const char *name;

	deconstruct_array(DatumGetArrayTypeP(address_names), TEXTOID, -1, false, TYPALIGN_INT, &names, NULL, &n);
	if (n == 0)
		return false;
	name = TextDatumGetCString(names[n - 1]);
	return strcmp(name, psprintf("pgtrickle_capture_%u", trigger)) == 0 ||
		strcmp(name, psprintf("pg_trickle_guard_%u", trigger)) == 0;
}

/* Collect dropped relations; refuse DROP TRIGGER of what capture or the guard rests on (rule J22). */
static void
look_at_dropped(TupleTableSlot *slot, void *arg)
{
	List	  **relations = arg;
	Oid			class = DatumGetObjectId(slot->tts_values[DROPPED_CLASS]);
	Oid			object = DatumGetObjectId(slot->tts_values[DROPPED_OBJECT]);

	if (class == RelationRelationId && DatumGetInt32(slot->tts_values[DROPPED_SUB]) == 0)
		*relations = lappend_oid(*relations, object);
	if (class == TriggerRelationId && DatumGetBool(slot->tts_values[DROPPED_ORIGINAL]) &&
		!slot->tts_isnull[DROPPED_NAMES] && is_own_trigger(object, slot->tts_values[DROPPED_NAMES]))
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop trigger %s because stream tables need it",
						TextDatumGetCString(slot->tts_values[DROPPED_IDENTITY])),
				 errhint("It goes with them: use pgtrickle.drop_stream_table().")));
}

/*
 * Event trigger on sql_drop: a stream table that plain SQL dropped leaves the
 * catalog, and a dropped source's log goes with it.
 */
Datum
st_sql_on_drop(PG_FUNCTION_ARGS)
{
	List	   *relations = NIL;
	ListCell   *lc;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("not called by an event trigger")));
	/* the extension itself is being dropped */
	if (!OidIsValid(st_internal_relation("pgt_stream_tables", true)))
		PG_RETURN_NULL();
	st_row_function(F_PG_EVENT_TRIGGER_DROPPED_OBJECTS, look_at_dropped, &relations);
	if (relations)
		st_wake_note_graph();
	foreach(lc, relations)
	{
		StStreamTable *table = st_stream_table_get(lfirst_oid(lc));

		if (table)
			forget_stream_table(table);
	}
	foreach(lc, relations)
		if (st_log_exists(lfirst_oid(lc)))
			st_log_drop_unused(lfirst_oid(lc));
	PG_RETURN_NULL();
}

/* ----- verify ----- */

Datum
st_sql_verify_stream_table(PG_FUNCTION_ARGS)
{
	Oid			relid = st_lock_stream_table(PG_GETARG_TEXT_PP(0));
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};
	int64		missing;
	int64		unexpected;
	char	   *sample;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = BoolGetDatum(st_verify(relid, &missing, &unexpected, &sample));
	values[1] = Int64GetDatum(missing);
	values[2] = Int64GetDatum(unexpected);
	if (sample)
	{
		StringInfoData json;

		initStringInfo(&json);
		escape_json(&json, sample);
		values[3] = DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
	}
	else
		nulls[3] = true;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
