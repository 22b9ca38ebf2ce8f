/*-------------------------------------------------------------------------
 *
 * create.c
 *	  pgtrickle.create_stream_table()
 *
 * NOTES
 *	  Everything but capture happens in the caller's transaction. Capture is
 *	  installed and committed by another one, so that writers of the sources do
 *	  not wait for the fill (online.c); or in this one if it has written or
 *	  locked something itself, under ShareRowExclusiveLock on the sources, held
 *	  to its end. The snapshot of the first fill is taken after that (rule C7).
 *
 *	  Lock order: the hold on the sources' logs, the name, sources
 *	  (st_definition_lock_all), the stream table, which nobody else can see yet.
 *	  Analysing the query locks what it reads, stream tables too, in the order of
 *	  the query. So there is a look at it first, of which no lock stays.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "api/definition.h"
#include "api/parameter.h"
#include "api/name.h"
#include "api/online.h"
#include "api/partition.h"
#include "api/rename.h"
#include "api/restore.h"
#include "catalog/depend.h"
#include "catalog/saved.h"
#include "compat.h"
#include "guc.h"
#include "schedule/schedule.h"
#include "schedule/timing.h"
#include "util/attempt.h"
#include "util/fault.h"

PG_FUNCTION_INFO_V1(st_sql_create_stream_table);

typedef struct CreatePlan
{
	RangeVar   *name;
	char	   *query_text;
	char	   *schedule;
	StPartitioning *partitioning;	/* NULL: none */
	bool		append_only;
	StDefinition definition;
	bool		captured;		/* all that it reads, by another transaction */
} CreatePlan;

static char *
text_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* Parameters in the order of the contract; what comes later is refused. */
static void
check_parameters(FunctionCallInfo fcinfo, CreatePlan *plan)
{
	char	   *consistency = text_argument(fcinfo, 5);
	char	   *policy = text_argument(fcinfo, 6);
	char	   *cdc_mode = text_argument(fcinfo, 7);
	char	   *backend = text_argument(fcinfo, 15);

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("invalid argument: name, query and refresh_mode must not be NULL")));
	plan->definition.requested_mode = st_parse_mode(text_argument(fcinfo, 3));
	if (strcmp(plan->definition.requested_mode, "IMMEDIATE") == 0 && !PG_ARGISNULL(10))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: refresh mode IMMEDIATE is incompatible with partition_by")));
	if (strcmp(plan->definition.requested_mode, "IMMEDIATE") == 0)
		st_refuse_parameter("refresh mode IMMEDIATE");
	st_require_one_of("diamond_consistency", consistency, "none", "atomic", NULL);
	if (consistency && pg_strcasecmp(consistency, "none") == 0)
		ereport(NOTICE,
				(errmsg("stream tables that \"%s\" reads may be refreshed at different times", text_argument(fcinfo, 0)),
				 errdetail("Its diamond_consistency is \"none\".")));
	st_require_one_of("diamond_schedule_policy", policy, "fastest", "slowest", NULL);
	st_check_diamond(consistency, policy);
	plan->name = st_parse_name(PG_GETARG_TEXT_PP(0));
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: schedule is NULL"),
				 errhint("Use 'calculated' to follow the stream tables that read this one.")));
	plan->schedule = st_parse_schedule(text_argument(fcinfo, 2));
	st_require_one_of("cdc_mode", cdc_mode, "auto", "trigger", "wal");
	if (cdc_mode && pg_strcasecmp(cdc_mode, "wal") == 0)
		st_refuse_parameter("cdc_mode 'wal'");
	if (!PG_ARGISNULL(10))
		plan->partitioning = st_partitioning_parse(text_argument(fcinfo, 10));
	if (!PG_ARGISNULL(13))
		st_refuse_distribution();
	if (!PG_ARGISNULL(14) && PG_GETARG_BOOL(14))
		st_refuse_parameter("temporal");
	if (backend && (pg_strcasecmp(backend, "citus") == 0 || pg_strcasecmp(backend, "pg_mooncake") == 0))
		st_refuse_parameter(psprintf("storage_backend '%s'", backend));
	st_require_one_of("storage_backend", backend, "heap", "none", NULL);
	st_check_limits(PG_ARGISNULL(11) ? 0 : PG_GETARG_INT32(11), PG_ARGISNULL(12) ? 0 : PG_GETARG_FLOAT8(12));
	plan->append_only = !PG_ARGISNULL(8) && PG_GETARG_BOOL(8);
	plan->query_text = text_argument(fcinfo, 1);
}

/* ----- the catalog ----- */

static int64
insert_catalog(CreatePlan *plan, FunctionCallInfo fcinfo)
{
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, INT4OID, FLOAT8OID, BOOLOID, TEXTOID};
	Datum		values[14];
	char		nulls[14];
	bool		isnull;
	int64		pgt_id;

	memset(nulls, ' ', sizeof(nulls));
	values[0] = ObjectIdGetDatum(plan->definition.relid);
	values[1] = CStringGetTextDatum(get_rel_name(plan->definition.relid));
	values[2] = CStringGetTextDatum(get_namespace_name(get_rel_namespace(plan->definition.relid)));
	values[3] = CStringGetTextDatum(plan->query_text);
	values[4] = plan->schedule ? CStringGetTextDatum(plan->schedule) : (Datum) 0;
	nulls[4] = plan->schedule ? ' ' : 'n';
	values[5] = CStringGetTextDatum(plan->definition.mode);
	values[6] = CStringGetTextDatum(PG_ARGISNULL(5) ? "atomic" : asc_tolower(text_argument(fcinfo, 5), strlen(text_argument(fcinfo, 5))));
	values[7] = CStringGetTextDatum(PG_ARGISNULL(6) ? "fastest" : asc_tolower(text_argument(fcinfo, 6), strlen(text_argument(fcinfo, 6))));
	nulls[8] = PG_ARGISNULL(7) ? 'n' : ' ';
	values[8] = PG_ARGISNULL(7) ? (Datum) 0 : CStringGetTextDatum(asc_tolower(text_argument(fcinfo, 7), strlen(text_argument(fcinfo, 7))));
	values[9] = BoolGetDatum(!PG_ARGISNULL(9) && PG_GETARG_BOOL(9));
	nulls[10] = PG_ARGISNULL(11) ? 'n' : ' ';
	values[10] = PG_ARGISNULL(11) ? (Datum) 0 : PG_GETARG_DATUM(11);
	nulls[11] = PG_ARGISNULL(12) ? 'n' : ' ';
	values[11] = PG_ARGISNULL(12) ? (Datum) 0 : PG_GETARG_DATUM(12);
	values[12] = BoolGetDatum(!PG_ARGISNULL(8) && PG_GETARG_BOOL(8));
	nulls[13] = PG_ARGISNULL(10) ? 'n' : ' ';
	values[13] = PG_ARGISNULL(10) ? (Datum) 0 : PG_GETARG_DATUM(10);
	(void) st_catalog_execute("INSERT INTO pgtrickle.pgt_stream_tables (pgt_relid, pgt_name, pgt_schema, defining_query,"
							  " schedule, refresh_mode, diamond_consistency, diamond_schedule_policy, requested_cdc_mode,"
							  " pooler_compatibility_mode, max_differential_joins, max_delta_fraction, is_append_only,"
							  " st_partition_key)"
							  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING pgt_id",
							  14, types, values, nulls);
	pgt_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	return pgt_id;
}

static void
check_name_free(CreatePlan *plan)
{
	Oid			namespace = RangeVarGetCreationNamespace(plan->name);
	Oid			existing = get_relname_relid(plan->name->relname, namespace);

	if (isAnyTempNamespace(namespace))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a stream table cannot be temporary: \"%s\"", plan->name->relname),
				 errhint("Name a schema in which other sessions can see it.")));
	if (OidIsValid(existing) && st_is_stream_table(existing))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("stream table already exists: \"%s\"", plan->name->relname),
				 errhint("Use create_or_replace_stream_table() to give it another query, or create_stream_table_if_not_exists().")));
}

/*
 * Who creates another stream table of this name waits, and then hears that it
 * exists, not that a catalog's index has its key already. Comes before the locks
 * on sources and their logs, which we take with the name: nobody has them who
 * waits for it.
 */
static void
claim_name(CreatePlan *plan)
{
	st_claim_name(plan->name);
	check_name_free(plan);
}

/* With "silent", only to know what it reads; the definition has no copies. */
static void
analyse(CreatePlan *plan, bool silent)
{
	StDefinition *definition = &plan->definition;
	const char *mode = definition->requested_mode;

	memset(definition, 0, sizeof(StDefinition));
	definition->requested_mode = mode;
	definition->name = silent ? NULL : plan->name->relname;
	definition->analysed = st_query_parse(plan->query_text);
	definition->query = st_query_rewrite(definition->analysed);
	definition->text = plan->query_text;
	st_query_check(definition->query, plan->query_text);
	st_require_fresh_snapshot();
	st_statement_check_permissions(st_statement_from_query(CurrentMemoryContext, definition->query, plan->query_text));
	st_definition_decide(definition);
	/* after the warning that tells why */
	if (plan->append_only && !silent)
		st_check_append_only(definition->mode, definition->query);
	check_name_free(plan);
	if (plan->partitioning)
		st_partitioning_check(plan->partitioning, st_result_columns(definition->query));
}

static void
look_at_query(StLockSet *set, void *arg)
{
	CreatePlan *plan = arg;

	analyse(plan, true);
	st_lock_set_add_definition(set, &plan->definition);
}

/* Analyse the query if all that it reads is captured: somebody may have altered that, or its capture. */
static bool
analyse_captured(void *arg)
{
	CreatePlan *plan = arg;

	analyse(plan, false);
	plan->captured = st_online_is_captured(&plan->definition);
	return plan->captured || ST_FAULT("J9 analysed");
}

/* times that capture is installed for what the query turns out not to read any more */
#define INSTALL_TRIES 3

/*
 * Analyse the query and let what it reads be captured, by another transaction
 * where that is possible; else its sources are locked. Returns whether it was.
 * No lock stays of an analysis that was in vain: whoever keeps a source from
 * being captured may want another.
 */
static bool
prepare(CreatePlan *plan)
{
	StDefinition *definition = &plan->definition;

	for (int i = 0; i < INSTALL_TRIES; i++)
	{
		ErrorData  *error;

		st_definition_look(look_at_query, plan);
		if (!st_online_install_capture(definition))
			break;
		claim_name(plan);
		error = st_attempt(analyse_captured, plan);
		if (error)
			ReThrowError(error);
		if (plan->captured)
			return true;
	}
	claim_name(plan);
	(void) st_definition_lock_all(look_at_query, plan);
	analyse(plan, false);
	st_definition_prepare_copies(definition);
	st_definition_lock(st_definition_sources(definition), NIL);
	return false;
}

Datum
st_sql_create_stream_table(PG_FUNCTION_ARGS)
{
	CreatePlan	plan = {0};
	StDefinition *definition = &plan.definition;
	bool		initialize = PG_ARGISNULL(4) || PG_GETARG_BOOL(4);
	int64		pgt_id;
	bool		online;

	PreventCommandIfReadOnly("create_stream_table()");
	st_restore_if_moved();
	check_parameters(fcinfo, &plan);
	st_note_lifecycle_call();
	online = prepare(&plan);
	st_definition_advise(definition);
	if (!online)
	{
		if (initialize)
			st_definition_fill_copies(definition);
		st_definition_install_capture(definition);
	}

	definition->relid = st_partitioning_create_table(plan.name, st_result_columns(definition->query), plan.partitioning);
	if (definition->identity.nkeys > 0 && !plan.append_only)
		st_room_reserve(definition->relid);
	SPI_connect();
	pgt_id = insert_catalog(&plan, fcinfo);
	st_definition_create_states(definition, pgt_id);
	st_definition_write_internals(definition, pgt_id, st_settings_now(), GetConfigOption("search_path", false, false),
								  st_relation_owner(definition->relid));
	st_definition_write_facts(definition, pgt_id);
	SPI_finish();
	st_depend_record(definition->relid, definition->query, st_query_views(definition->query));
	st_guard_install(definition->relid);
	st_restore_prepare();
	st_saved_note(definition->relid);
	CommandCounterIncrement();

	if (initialize)
	{
		StRefreshOutcome outcome;

		st_refresh_initial(definition->relid, &outcome);
		st_definition_create_indexes(definition, true);
		ereport(INFO,
				(errmsg("stream table \"%s\" created with id " INT64_FORMAT ": mode %s, %lld rows",
						definition->name, pgt_id, definition->mode, (long long) outcome.applied.inserted)));
	}
	else
	{
		st_definition_create_indexes(definition, true);
		ereport(INFO,
				(errmsg("stream table \"%s\" created with id " INT64_FORMAT ": mode %s, not filled",
						definition->name, pgt_id, definition->mode)));
	}
	st_rename_settle(definition->relid);
	if (st_guc_enabled && !st_launcher_ensure())
		ereport(WARNING,
				(errmsg("stream table \"%s\" does not refresh itself", definition->name),
				 errdetail("No background worker is free for the pg_trickle launcher."),
				 errhint("Increase max_worker_processes, or put pg_trickle into shared_preload_libraries; then call pgtrickle.start_scheduler().")));
	PG_RETURN_VOID();
}
