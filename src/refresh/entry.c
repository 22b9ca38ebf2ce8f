/*-------------------------------------------------------------------------
 *
 * entry.c
 *	  What a session knows of a stream table, and as whom it acts.
 *
 * NOTES
 *	  An entry holds the definition, the nodes and the analysed and planned
 *	  statements. It is thrown away when a relation that it reads or writes is
 *	  changed (relcache invalidation), or a function or operator is (syscache).
 *	  Everything that changes a stream table's definition sends a relcache
 *	  invalidation for the stream table.
 *
 *	  Making an entry executes the planner, and planning evaluates immutable
 *	  functions of the query: it happens as the owner, restricted (rule J15).
 *
 *	  Memory: one context per entry below CacheMemoryContext. An entry in use
 *	  is never freed: invalid ones are replaced when they are asked for again,
 *	  which a refresh does only after it has all its locks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/readfuncs.h"
#include "parser/parsetree.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "compat.h"
#include "refresh/refresh.h"
#include "util/fault.h"

static HTAB *entries = NULL;

static void
relation_changed(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	StEntry    *entry;

	hash_seq_init(&status, entries);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (!entry->valid)
			continue;
		if (!OidIsValid(relid) || relid == entry->relid ||
			list_member_oid(entry->relations, relid))
			entry->valid = false;
		for (int i = 0; entry->valid && i < entry->table->nstates; i++)
			if (entry->table->states[i] == relid)
				entry->valid = false;
	}
}

static void
catalog_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	relation_changed((Datum) 0, InvalidOid);
}

static void
make_cache(void)
{
	HASHCTL		ctl;

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(StEntry);
	ctl.hcxt = CacheMemoryContext;
	entries = hash_create("pg_trickle stream tables", 32, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(OPEROID, catalog_changed, (Datum) 0);
}

/* ----- acting as the owner ----- */

/* What output and stable functions read (rule E15, class a). */
static const char *const result_settings[] = {
	"TimeZone", "DateStyle", "IntervalStyle", "extra_float_digits", "bytea_output",
	"lc_monetary", "lc_numeric", "lc_time", "default_text_search_config", "xmloption",
	"xmlbinary", "array_nulls"
};

/* Rule F4, and how generated text is printed and parsed. */
static const char *const plan_settings[][2] = {
	{"random_page_cost", "1.1"}, {"join_collapse_limit", "32"}, {"from_collapse_limit", "32"},
	{"jit", "off"}, {"quote_all_identifiers", "off"}, {"standard_conforming_strings", "on"},
	{"escape_string_warning", "off"}, {"enable_seqscan", "on"}, {"enable_indexscan", "on"},
	{"enable_bitmapscan", "on"}, {"enable_hashjoin", "on"}, {"enable_nestloop", "on"},
	{"enable_mergejoin", "on"}, {"enable_tidscan", "on"}, {"enable_material", "on"},
	{"enable_sort", "on"}, {"enable_hashagg", "on"}, {"plan_cache_mode", "auto"},
	{"default_transaction_read_only", "off"}
};

/*
 * Under these constants are printed into generated text, and read again: under
 * the user's settings they could lose digits or change their meaning (rule J11).
 */
static const char *const print_settings[][2] = {
	{"DateStyle", "ISO, YMD"}, {"IntervalStyle", "postgres"}, {"extra_float_digits", "3"},
	{"bytea_output", "hex"}
};

List *
st_settings_now(void)
{
	List	   *result = NIL;

	for (int i = 0; i < lengthof(result_settings); i++)
	{
		result = lappend(result, pstrdup(result_settings[i]));
		result = lappend(result, pstrdup(GetConfigOption(result_settings[i], false, false)));
	}
	return result;
}

static void
set_option(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
st_owner_enter(StOwnerScope *scope, Oid owner, List *settings)
{
	ListCell   *lc;

	GetUserIdAndSecContext(&scope->user, &scope->context);
	SetUserIdAndSecContext(owner, scope->context | SECURITY_RESTRICTED_OPERATION);
	scope->level = NewGUCNestLevel();
	RestrictSearchPath();
	for (int i = 0; i < lengthof(plan_settings); i++)
		set_option(plan_settings[i][0], plan_settings[i][1]);
	for (lc = list_head(settings); lc; lc = lnext(settings, lc))
	{
		const char *name = lfirst(lc);

		lc = lnext(settings, lc);
		set_option(name, lfirst(lc));
	}
}

void
st_owner_leave(StOwnerScope *scope)
{
	AtEOXact_GUC(false, scope->level);
	SetUserIdAndSecContext(scope->user, scope->context);
}

/* ----- entries ----- */

/*
 * Where the query's columns lie in the table: by name, never by position, as
 * dropped columns leave gaps and others may have been added (rule J12).
 */
static AttrNumber *
map_columns(StEntry *entry, Query *query)
{
	Relation	rel = table_open(entry->relid, AccessShareLock);
	int			natts = ExecCleanTargetListLength(query->targetList);
	AttrNumber *columns = palloc(sizeof(AttrNumber) * Max(natts, 1));
	AttrNumber	n = 0;
	ListCell   *lc;

	entry->desc = CreateTemplateTupleDesc(natts);
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Oid			type = exprType((Node *) tle->expr);
		AttrNumber	attnum;

		if (tle->resjunk)
			continue;
		attnum = ST_FAULT("J12") ? n + 1 : get_attnum(entry->relid, tle->resname);
		if (attnum <= 0 ||
			get_atttype(entry->relid, attnum) != (type == UNKNOWNOID ? TEXTOID : type))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
					 errmsg("column \"%s\" of stream table \"%s\" was dropped, renamed or changed",
							tle->resname, RelationGetRelationName(rel)),
					 errhint("Drop the stream table and create it again.")));
		columns[n++] = attnum;
		TupleDescCopyEntry(entry->desc, n, RelationGetDescr(rel), attnum);
	}
	table_close(rel, NoLock);
	return columns;
}

/* The identity's key within the result. */
static AttrNumber *
key_positions(StEntry *entry, const AttrNumber *columns)
{
	AttrNumber *keys = palloc0(sizeof(AttrNumber) * Max(entry->table->nkeys, 1));

	for (int k = 0; k < entry->table->nkeys; k++)
		for (int i = 0; i < entry->desc->natts; i++)
			if (columns[i] == entry->table->keys[k])
				keys[k] = i + 1;
	return keys;
}

/*
 * The stored tree names columns by number and carries their types: both must
 * still be the source's, or the tree would read what is not there.
 */
static bool
types_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, types_walker, node, 0);
	if (IsA(node, Var) && ((Var *) node)->varlevelsup == 0 && ((Var *) node)->varattno > 0)
	{
		Var		   *var = (Var *) node;
		RangeTblEntry *rte = rt_fetch(var->varno, ((Query *) arg)->rtable);

		if (rte->rtekind == RTE_RELATION && rte->relkind != RELKIND_VIEW &&
			get_atttype(rte->relid, var->varattno) != var->vartype)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
					 errmsg("upstream table schema changed: column %d of \"%s\" was dropped or changed its type",
							var->varattno, get_rel_name(rte->relid)),
					 errhint("Drop the stream table and create it again.")));
		return false;
	}
	return expression_tree_walker(node, types_walker, arg);
}

/* Is some source under row security for the owner? */
static bool
row_security_applies(StEntry *entry)
{
	ListCell   *lc;

	if (ST_FAULT("E17") || ST_FAULT("F7"))
		return false;
	foreach(lc, entry->relations)
		if (check_enable_rls(lfirst_oid(lc), entry->owner, true) == RLS_ENABLED)
			return true;
	return false;
}

/*
 * Policies are put into a query by the rewriter: under row security the text
 * is analysed again, and the result recomputed (rules E17, F7).
 */
static Query *
analyse_again(StEntry *entry, StStreamTable *table)
{
	Query	   *query;

	set_option("search_path", table->search_path);
	query = st_query_analyze(table->query);
	RestrictSearchPath();
	return query;
}

/* Rule J13: the identity of the rows rests on the sources' keys. */
static void
check_identity(StEntry *entry, StTree *tree, const AttrNumber *columns)
{
	StStreamTable *table = entry->table;

	if (table->identity_kind != ST_IDENTITY_KEY || ST_FAULT("J13") ||
		(tree->key_simple && tree->nkeys == table->nkeys &&
		 memcmp(tree->keys, entry->keys, sizeof(AttrNumber) * tree->nkeys) == 0))
		return;
	entry->identity_changed = true;
	st_identity_of_tree(tree, &entry->identity);
	entry->identity.keys = palloc(sizeof(AttrNumber) * Max(tree->nkeys, 1));
	for (int i = 0; i < tree->nkeys; i++)
		entry->identity.keys[i] = columns[tree->keys[i] - 1];
}

void
st_identity_of_tree(StTree *tree, StIdentity *identity)
{
	identity->kind = tree->nkeys == 0 ? ST_IDENTITY_IMAGE :
		tree->key_simple ? ST_IDENTITY_KEY : ST_IDENTITY_KEY_HASH;
	identity->nkeys = tree->nkeys;
	identity->keys = tree->keys;
}

static void
fill_entry(StEntry *entry, StStreamTable *table, Query *query)
{
	StTree	   *tree = NULL;
	StIdentity	identity;
	AttrNumber *columns;
	StOwnerScope scope;

	st_owner_enter(&scope, entry->owner, table->settings);
	entry->reason = table->reason ? table->reason : "refresh mode FULL";
	if (row_security_applies(entry))
	{
		query = analyse_again(entry, table);
		entry->reason = "row security applies to a source";
		entry->stays_stale = strcmp(table->refresh_mode, "FULL") != 0;
	}
	else if (strcmp(table->refresh_mode, "FULL") != 0)
	{
		tree = st_query_build(query);
		if (tree->reason || list_length(tree->nodes) != table->nstates)
		{
			entry->reason = tree->reason ? tree->reason : "the query needs other states than it was created with";
			entry->stays_stale = true;
			tree = NULL;
		}
	}
	entry->original = st_statement_from_query(entry->context, query, table->query);
	columns = map_columns(entry, query);
	entry->keys = key_positions(entry, columns);
	if (tree)
		check_identity(entry, tree, columns);
	identity.kind = table->identity_kind;
	identity.nkeys = table->nkeys;
	identity.keys = table->keys;
	entry->applier = st_applier_create(entry->context, entry->relid, entry->desc->natts, columns, &identity);

	if (tree)
	{
		int			level = NewGUCNestLevel();

		for (int i = 0; i < lengthof(print_settings) && !ST_FAULT("J11"); i++)
			set_option(print_settings[i][0], print_settings[i][1]);
		entry->program = st_program_create(entry->context, tree, table->states);
		AtEOXact_GUC(false, level);
		entry->state_appliers = palloc0(sizeof(StApplier *) * Max(table->nstates, 1));
		for (int i = 0; i < table->nstates; i++)
		{
			StNodeProgram *node = &entry->program->nodes[i];
			StIdentity	state_identity;
			AttrNumber *state_columns = palloc(sizeof(AttrNumber) * node->desc->natts);

			for (int j = 0; j < node->desc->natts; j++)
				state_columns[j] = j + 1;
			state_identity.nkeys = node->node->nkeys;
			state_identity.kind = state_identity.nkeys > 0 ? ST_IDENTITY_KEY_HASH : ST_IDENTITY_IMAGE;
			state_identity.keys = palloc(sizeof(AttrNumber) * Max(state_identity.nkeys, 1));
			for (int j = 0; j < state_identity.nkeys; j++)
				state_identity.keys[j] = j + 1;
			entry->state_appliers[i] = st_applier_create(entry->context, node->state, node->desc->natts,
														 state_columns, &state_identity);
		}
	}
	st_owner_leave(&scope);
}

Query *
st_stored_query(StStreamTable *table)
{
	Query	   *query;
	ListCell   *lc;

	query = ST_FAULT("F6") ? st_query_analyze(table->query) : castNode(Query, stringToNode(table->tree));
	foreach(lc, st_query_sources(query))
	{
		LockRelationOid(lfirst_oid(lc), AccessShareLock);
		if (get_rel_name(lfirst_oid(lc)) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("upstream table dropped: a source of \"%s.%s\" does not exist",
							table->schema, table->name),
					 errhint("Drop the stream table, or create it again.")));
	}
	if (strcmp(table->views_fingerprint, st_query_views_fingerprint(query)) != 0 && !ST_FAULT("E16 view"))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("upstream table schema changed: a view that \"%s.%s\" reads was replaced",
						table->schema, table->name),
				 errhint("Drop the stream table and create it again.")));
	(void) types_walker((Node *) query, query);
	return query;
}

StEntry *
st_entry_get(Oid relid)
{
	StEntry    *entry;
	bool		found;
	MemoryContext old;
	Query	   *query;
	StStreamTable *table;
	MemoryContext context;
	ListCell   *lc;

	if (entries == NULL)
		make_cache();
	entry = hash_search(entries, &relid, HASH_FIND, &found);
	if (found && entry->valid)
	{
		foreach(lc, entry->relations)
			LockRelationOid(lfirst_oid(lc), AccessShareLock);
		if (entry->valid)
			return entry;
	}

	context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle stream table",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	table = st_stream_table_get(relid);
	if (table == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("stream table not found: \"%s\"",
						get_rel_name(relid) ? get_rel_name(relid) : psprintf("%u", relid))));
	query = st_stored_query(table);

	if (found)
		MemoryContextDelete(entry->context);
	else
		entry = hash_search(entries, &relid, HASH_ENTER, NULL);
	memset((char *) entry + sizeof(Oid), 0, sizeof(StEntry) - sizeof(Oid));
	MemoryContextSetParent(context, CacheMemoryContext);
	entry->context = context;
	entry->table = table;
	entry->relations = list_concat(st_query_sources(query), st_query_views(query));
	entry->functions_fingerprint = st_query_functions_fingerprint(query);
	entry->owner = st_relation_owner(relid);
	/* an error on the way leaves an invalid entry, which the next call replaces */
	fill_entry(entry, table, query);
	entry->valid = true;
	MemoryContextSwitchTo(old);
	return entry;
}

void
st_entry_forget(Oid relid)
{
	StEntry    *entry = entries ? hash_search(entries, &relid, HASH_FIND, NULL) : NULL;

	if (entry)
		entry->valid = false;
}
