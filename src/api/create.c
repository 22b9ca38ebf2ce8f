/*-------------------------------------------------------------------------
 *
 * create.c
 *	  pgtrickle.create_stream_table()
 *
 * NOTES
 *	  Everything happens in the caller's transaction. Capture is installed
 *	  under ShareRowExclusiveLock on the sources, held to its end, and the
 *	  snapshot of the first fill is taken after that (rule C7): writers of the
 *	  sources wait for the fill.
 *
 *	  Lock order: sources by OID, then the stream table, which nobody else can
 *	  see yet.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "catalog/toasting.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "api/name.h"
#include "capture/capture.h"
#include "catalog/extension.h"
#include "catalog/internal_table.h"
#include "compat.h"
#include "guc.h"
#include "query/query.h"

PG_FUNCTION_INFO_V1(st_sql_create_stream_table);

/* what has been decided before anything is created */
typedef struct CreatePlan
{
	RangeVar   *name;
	char	   *query_text;
	char	   *requested_mode;
	char	   *mode;			/* stored: FULL or DIFFERENTIAL */
	char	   *schedule;
	Query	   *query;
	StTree	   *tree;			/* NULL in mode FULL */
	const char *reason;			/* of mode FULL */
	List	   *sources;		/* of StSource; in mode FULL empty */
	StIdentity	identity;
	Oid			relid;
	Oid		   *states;
} CreatePlan;

static char *
text_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

static void
require_one_of(const char *what, const char *value, const char *first, const char *second, const char *third)
{
	if (value == NULL || pg_strcasecmp(value, first) == 0 || pg_strcasecmp(value, second) == 0 ||
		(third && pg_strcasecmp(value, third) == 0))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: %s \"%s\"", what, value),
			 errhint(third ? "Use %s, %s or %s." : "Use %s or %s.", first, second, third)));
}

static void
refuse(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("%s is not available in this release", what),
			 errhint("Leave the parameter out, or pass its default.")));
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
	plan->requested_mode = st_parse_mode(text_argument(fcinfo, 3));
	if (strcmp(plan->requested_mode, "IMMEDIATE") == 0)
		refuse("refresh mode IMMEDIATE");
	require_one_of("diamond_consistency", consistency, "none", "atomic", NULL);
	require_one_of("diamond_schedule_policy", policy, "fastest", "slowest", NULL);
	if (policy && pg_strcasecmp(policy, "slowest") == 0 && consistency && pg_strcasecmp(consistency, "none") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: diamond_schedule_policy \"slowest\" needs diamond_consistency \"atomic\"")));
	plan->name = st_parse_name(PG_GETARG_TEXT_PP(0));
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: schedule is NULL"),
				 errhint("Use 'calculated' to follow the stream tables that read this one.")));
	plan->schedule = st_parse_schedule(text_argument(fcinfo, 2));
	require_one_of("cdc_mode", cdc_mode, "auto", "trigger", "wal");
	if (cdc_mode && pg_strcasecmp(cdc_mode, "wal") == 0)
		refuse("cdc_mode 'wal'");
	if (!PG_ARGISNULL(8) && PG_GETARG_BOOL(8))
		refuse("append_only");
	if (!PG_ARGISNULL(10))
		refuse("partition_by");
	if (!PG_ARGISNULL(13))
		refuse("output_distribution_column");
	if (!PG_ARGISNULL(14) && PG_GETARG_BOOL(14))
		refuse("temporal");
	if (backend && (pg_strcasecmp(backend, "citus") == 0 || pg_strcasecmp(backend, "pg_mooncake") == 0))
		refuse(psprintf("storage_backend '%s'", backend));
	require_one_of("storage_backend", backend, "heap", "none", NULL);
	if (!PG_ARGISNULL(11) && PG_GETARG_INT32(11) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: max_differential_joins is negative"),
				 errhint("NULL or 0 means no limit.")));
	if (!PG_ARGISNULL(12) && !(PG_GETARG_FLOAT8(12) >= 0 && PG_GETARG_FLOAT8(12) <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: max_delta_fraction is not between 0 and 1"),
				 errhint("It is the share of a source that may have changed; NULL or 0 means no limit.")));
	plan->query_text = text_argument(fcinfo, 1);
}

/* Rule J16: capture needs more than SELECT. */
static const char *
capture_refused(List *sources)
{
	ListCell   *lc;

	foreach(lc, sources)
	{
		Oid			relid = ((StSource *) lfirst(lc))->relid;

		if (pg_class_aclcheck(relid, GetUserId(), ACL_TRIGGER) != ACLCHECK_OK)
			return psprintf("capturing changes of \"%s\" needs the TRIGGER privilege on it", get_rel_name(relid));
	}
	return NULL;
}

/* FULL, and why; or DIFFERENTIAL. */
static void
decide_mode(CreatePlan *plan)
{
	bool		differential = strcmp(plan->requested_mode, "DIFFERENTIAL") == 0;
	const char *reason = NULL;
	const char *volatile_reason = st_query_volatile(plan->query);

	plan->mode = "FULL";
	if (volatile_reason)
	{
		if (differential && st_guc_volatile_function_policy == ST_VOLATILE_REJECT)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("unsupported operator for DIFFERENTIAL mode: %s", volatile_reason),
					 errdetail("Its result would differ between the first fill and a later delta."),
					 errhint("Use refresh mode FULL, or remove the volatile function.")));
		if (st_guc_volatile_function_policy != ST_VOLATILE_ALLOW)
			ereport(WARNING,
					(errmsg("%s: every refresh computes it anew", volatile_reason)));
		reason = volatile_reason;
	}
	else if (st_query_stable(plan->query))
		reason = "a stable function's result may change without a change of a source";
	if (strcmp(plan->requested_mode, "FULL") == 0)
	{
		plan->reason = "refresh mode FULL";
		return;
	}
	if (reason == NULL)
	{
		plan->tree = st_query_build(plan->query);
		reason = plan->tree->reason;
	}
	if (reason == NULL)
	{
		plan->sources = st_tree_sources(plan->tree);
		reason = capture_refused(plan->sources);
		if (reason && differential)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied: %s", reason)));
	}
	if (reason == NULL)
	{
		plan->mode = "DIFFERENTIAL";
		return;
	}
	if (differential)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("unsupported operator for DIFFERENTIAL mode: %s", reason),
				 errhint("Use refresh mode AUTO or FULL: the difference to a recomputed result is applied.")));
	ereport(WARNING,
			(errmsg("stream table \"%s\" is refreshed by recomputing it", plan->name->relname),
			 errdetail("%s.", reason)));
	plan->reason = reason;
	plan->tree = NULL;
	plan->sources = NIL;
}

/* ----- creating ----- */

static List *
result_columns(Query *query)
{
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Oid			type = exprType((Node *) tle->expr);

		if (tle->resjunk)
			continue;
		columns = lappend(columns, makeColumnDef(tle->resname, type == UNKNOWNOID ? TEXTOID : type,
												 exprTypmod((Node *) tle->expr),
												 exprCollation((Node *) tle->expr)));
	}
	return columns;
}

/* As create_ctas_internal in PostgreSQL's createas.c. */
static void
create_relation(CreatePlan *plan)
{
	CreateStmt *create = makeNode(CreateStmt);
	ObjectAddress address;

	create->relation = plan->name;
	create->tableElts = result_columns(plan->query);
	create->oncommit = ONCOMMIT_NOOP;
	address = DefineRelation(create, RELKIND_RELATION, GetUserId(), NULL, NULL);
	CommandCounterIncrement();
	NewRelationCreateToastTable(address.objectId, (Datum) 0);
	plan->relid = address.objectId;
}

static void
choose_identity(CreatePlan *plan)
{
	StTree	   *tree = plan->tree;

	plan->identity.kind = ST_IDENTITY_IMAGE;
	if (tree == NULL || tree->nkeys == 0)
		return;
	plan->identity.kind = tree->key_simple ? ST_IDENTITY_KEY : ST_IDENTITY_KEY_HASH;
	plan->identity.nkeys = tree->nkeys;
	plan->identity.keys = tree->keys;
}

static void
create_states(CreatePlan *plan, int64 pgt_id)
{
	int			n = list_length(plan->tree->nodes);

	for (int i = 0; i < n; i++)
	{
		plan->states[i] = st_internal_table_create(psprintf("state_" INT64_FORMAT "_%d", pgt_id, i),
												   st_state_desc(list_nth(plan->tree->nodes, i)));
	}
	CommandCounterIncrement();
}

/* Indexes come after the fill: one sort instead of a search per row. */
static void
create_indexes(CreatePlan *plan)
{
	int			n = plan->tree ? list_length(plan->tree->nodes) : 0;

	(void) st_identity_create_index(plan->relid, &plan->identity);
	for (int i = 0; i < n; i++)
	{
		StNode	   *node = list_nth(plan->tree->nodes, i);
		StIdentity	identity = {.kind = ST_IDENTITY_IMAGE};

		if (node->nkeys > 0)
		{
			identity.kind = ST_IDENTITY_KEY_HASH;
			identity.nkeys = node->nkeys;
			identity.keys = palloc(sizeof(AttrNumber) * node->nkeys);
			for (int k = 0; k < node->nkeys; k++)
				identity.keys[k] = k + 1;
		}
		(void) st_identity_create_index(plan->states[i], &identity);
	}
	CommandCounterIncrement();
}

/* Rule F6: own rows in pg_depend, on whole relations and functions, never on columns. */
static void
record_dependencies(CreatePlan *plan)
{
	ObjectAddress self;
	ObjectAddress other;
	ListCell   *lc;

	ObjectAddressSet(self, RelationRelationId, plan->relid);
	foreach(lc, list_concat(st_query_sources(plan->query), st_query_views(plan->query)))
	{
		ObjectAddressSet(other, RelationRelationId, lfirst_oid(lc));
		recordDependencyOn(&self, &other, DEPENDENCY_NORMAL);
	}
	foreach(lc, st_query_functions(plan->query))
	{
		ObjectAddressSet(other, ProcedureRelationId, lfirst_oid(lc));
		recordDependencyOn(&self, &other, DEPENDENCY_NORMAL);
	}
}

/* ----- the catalog ----- */

static Datum
text_array(List *strings)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(strings), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, strings)
		values[n++] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static int64
insert_catalog(CreatePlan *plan, FunctionCallInfo fcinfo)
{
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, INT4OID, FLOAT8OID};
	Datum		values[12];
	char		nulls[12];
	bool		isnull;
	int64		pgt_id;

	memset(nulls, ' ', sizeof(nulls));
	values[0] = ObjectIdGetDatum(plan->relid);
	values[1] = CStringGetTextDatum(get_rel_name(plan->relid));
	values[2] = CStringGetTextDatum(get_namespace_name(get_rel_namespace(plan->relid)));
	values[3] = CStringGetTextDatum(plan->query_text);
	values[4] = plan->schedule ? CStringGetTextDatum(plan->schedule) : (Datum) 0;
	nulls[4] = plan->schedule ? ' ' : 'n';
	values[5] = CStringGetTextDatum(plan->mode);
	values[6] = CStringGetTextDatum(PG_ARGISNULL(5) ? "atomic" : asc_tolower(text_argument(fcinfo, 5), strlen(text_argument(fcinfo, 5))));
	values[7] = CStringGetTextDatum(PG_ARGISNULL(6) ? "fastest" : asc_tolower(text_argument(fcinfo, 6), strlen(text_argument(fcinfo, 6))));
	nulls[8] = PG_ARGISNULL(7) ? 'n' : ' ';
	values[8] = PG_ARGISNULL(7) ? (Datum) 0 : CStringGetTextDatum(asc_tolower(text_argument(fcinfo, 7), strlen(text_argument(fcinfo, 7))));
	values[9] = BoolGetDatum(!PG_ARGISNULL(9) && PG_GETARG_BOOL(9));
	nulls[10] = PG_ARGISNULL(11) ? 'n' : ' ';
	values[10] = PG_ARGISNULL(11) ? (Datum) 0 : PG_GETARG_DATUM(11);
	nulls[11] = PG_ARGISNULL(12) ? 'n' : ' ';
	values[11] = PG_ARGISNULL(12) ? (Datum) 0 : PG_GETARG_DATUM(12);
	(void) st_catalog_execute("INSERT INTO pgtrickle.pgt_stream_tables (pgt_relid, pgt_name, pgt_schema, defining_query,"
							  " schedule, refresh_mode, diamond_consistency, diamond_schedule_policy, requested_cdc_mode,"
							  " pooler_compatibility_mode, max_differential_joins, max_delta_fraction)"
							  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING pgt_id",
							  12, types, values, nulls);
	pgt_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	return pgt_id;
}

static void
insert_internals(CreatePlan *plan, int64 pgt_id)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTOID, OIDARRAYOID, INT2OID, INT2ARRAYOID, TEXTOID, TEXTOID};
	Datum		values[11];
	char		nulls[11];
	int			nstates = plan->tree ? list_length(plan->tree->nodes) : 0;
	Datum	   *items = palloc(sizeof(Datum) * Max(Max(nstates, plan->identity.nkeys), 1));

	memset(nulls, ' ', sizeof(nulls));
	values[0] = Int64GetDatum(pgt_id);
	values[1] = CStringGetTextDatum(nodeToString(plan->query));
	values[2] = CStringGetTextDatum(plan->requested_mode);
	values[3] = plan->reason ? CStringGetTextDatum(plan->reason) : (Datum) 0;
	nulls[3] = plan->reason ? ' ' : 'n';
	values[4] = text_array(st_settings_now());
	values[5] = CStringGetTextDatum(GetConfigOption("search_path", false, false));
	for (int i = 0; i < nstates; i++)
		items[i] = ObjectIdGetDatum(plan->states[i]);
	values[6] = PointerGetDatum(construct_array(items, nstates, OIDOID, 4, true, TYPALIGN_INT));
	values[7] = Int16GetDatum(plan->identity.kind);
	for (int i = 0; i < plan->identity.nkeys; i++)
		items[i] = Int16GetDatum(plan->identity.keys[i]);
	values[8] = PointerGetDatum(construct_array(items, plan->identity.nkeys, INT2OID, 2, true, TYPALIGN_SHORT));
	values[9] = CStringGetTextDatum(st_query_views_fingerprint(plan->query));
	values[10] = CStringGetTextDatum(st_query_functions_fingerprint(plan->query));
	(void) st_catalog_execute("INSERT INTO pgtrickle.stream_table_internals (pgt_id, query_tree, requested_refresh_mode,"
							  " full_reason, settings, search_path, states, identity_kind, key_columns,"
							  " views_fingerprint, functions_fingerprint)"
							  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", 11, types, values, nulls);
}

static const char *
source_type(Oid relid)
{
	switch (get_rel_relkind(relid))
	{
		case RELKIND_MATVIEW:
			return "MATVIEW";
		case RELKIND_FOREIGN_TABLE:
			return "FOREIGN_TABLE";
		case RELKIND_VIEW:
			return "VIEW";
		default:
			return st_is_stream_table(relid) ? "STREAM_TABLE" : "TABLE";
	}
}

static void
insert_dependencies(CreatePlan *plan, int64 pgt_id)
{
	Oid			types[] = {INT8OID, OIDOID, TEXTOID, TEXTARRAYOID};
	ListCell   *lc;

	foreach(lc, list_concat(st_query_sources(plan->query), st_query_views(plan->query)))
	{
		Datum		values[4] = {Int64GetDatum(pgt_id), ObjectIdGetDatum(lfirst_oid(lc)),
		CStringGetTextDatum(source_type(lfirst_oid(lc)))};
		char		nulls[4] = {' ', ' ', ' ', 'n'};
		ListCell   *lc2;

		foreach(lc2, plan->sources)
		{
			StSource   *source = lfirst(lc2);
			List	   *names = NIL;
			int			attnum = -1;

			if (source->relid != lfirst_oid(lc))
				continue;
			while ((attnum = bms_next_member(source->attnums, attnum)) >= 0)
				names = lappend(names, get_attname(source->relid, attnum, false));
			values[3] = text_array(names);
			nulls[3] = ' ';
		}
		(void) st_catalog_execute("INSERT INTO pgtrickle.pgt_dependencies (pgt_id, source_relid, source_type, columns_used)"
								  " VALUES ($1, $2, $3, $4)", 4, types, values, nulls);
	}
}

static void
check_name_free(CreatePlan *plan)
{
	Oid			namespace = RangeVarGetCreationNamespace(plan->name);
	Oid			existing = get_relname_relid(plan->name->relname, namespace);

	if (OidIsValid(existing) && st_is_stream_table(existing))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("stream table already exists: \"%s\"", plan->name->relname)));
}

static void
install_capture(CreatePlan *plan)
{
	ListCell   *lc;

	foreach(lc, plan->sources)
	{
		StSource   *source = lfirst(lc);

		st_capture_install(source->relid, source->attnums);
	}
	if (plan->sources)
		ereport(NOTICE,
				(errmsg("writers of the sources of \"%s\" wait until this transaction ends",
						plan->name->relname)));
}

Datum
st_sql_create_stream_table(PG_FUNCTION_ARGS)
{
	CreatePlan	plan = {0};
	bool		initialize = PG_ARGISNULL(4) || PG_GETARG_BOOL(4);
	StStatement *original;
	int64		pgt_id;

	PreventCommandIfReadOnly("create_stream_table()");
	check_parameters(fcinfo, &plan);
	st_note_lifecycle_call();
	plan.query = st_query_analyze(plan.query_text);
	st_query_check(plan.query);
	/* rule C7: a commit between the transaction's snapshot and the triggers would be in neither */
	if (IsolationUsesXactSnapshot() && FirstSnapshotSet)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("a stream table cannot be created in a REPEATABLE READ transaction that has a snapshot"),
				 errhint("Create it in a READ COMMITTED transaction.")));
	original = st_statement_from_query(CurrentMemoryContext, plan.query, plan.query_text);
	st_statement_check_permissions(original);
	decide_mode(&plan);
	check_name_free(&plan);
	install_capture(&plan);

	create_relation(&plan);
	choose_identity(&plan);
	/* outlives SPI's memory */
	plan.states = palloc0(sizeof(Oid) * (plan.tree ? list_length(plan.tree->nodes) + 1 : 1));
	SPI_connect();
	pgt_id = insert_catalog(&plan, fcinfo);
	if (plan.tree)
		create_states(&plan, pgt_id);
	insert_internals(&plan, pgt_id);
	insert_dependencies(&plan, pgt_id);
	SPI_finish();
	record_dependencies(&plan);
	st_guard_install(plan.relid);
	CommandCounterIncrement();

	if (initialize)
	{
		StRefreshOutcome outcome;

		st_refresh_initial(plan.relid, &outcome);
		create_indexes(&plan);
		ereport(INFO,
				(errmsg("stream table \"%s\" created with id " INT64_FORMAT ": mode %s, %lld rows",
						plan.name->relname, pgt_id, plan.mode, (long long) outcome.applied.inserted)));
	}
	else
	{
		create_indexes(&plan);
		ereport(INFO,
				(errmsg("stream table \"%s\" created with id " INT64_FORMAT ": mode %s, not filled",
						plan.name->relname, pgt_id, plan.mode)));
	}
	PG_RETURN_VOID();
}
