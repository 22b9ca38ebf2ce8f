/*-------------------------------------------------------------------------
 *
 * entry.c
 *	  What a session knows of a stream table, and as whom it acts.
 *
 * NOTES
 *	  An entry holds the definition, the nodes and the analysed and planned
 *	  statements. It is thrown away when a relation that it reads or writes, or
 *	  the row type of a value, is changed (relcache invalidation), or a function,
 *	  operator, enum or role is (syscache). Of a table that it reads it is seen
 *	  at the next use whether that was more than ANALYZE or VACUUM
 *	  (relation_mark.h): no refresh is to parse and plan because autovacuum has
 *	  come by (rule F5).
 *	  Everything that changes a stream table's definition sends a relcache
 *	  invalidation for the stream table.
 *
 *	  Making an entry executes the planner, and planning evaluates immutable
 *	  functions of the query: it happens as the owner, restricted (rule J15).
 *
 *	  Memory: one context per entry below CacheMemoryContext, thrown away when
 *	  nobody holds entries and it is invalid, or all together are too large. A
 *	  refresh can start within another one (a trigger on a stream table), so an
 *	  entry that is replaced meanwhile lives on until both have ended.
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
#include "parser/parse_relation.h"
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
#include "guc.h"
#include "refresh/cost.h"
#include "refresh/poll.h"
#include "refresh/refresh.h"
#include "refresh/relation_mark.h"
#include "util/attempt.h"
#include "util/counters.h"
#include "util/fault.h"

/* so often statistics may move before plans are made for them */
#define ANALYZES_BETWEEN_PLANS 20

/* what the cache holds of a stream table */
typedef struct EntrySlot
{
	Oid			relid;
	StEntry    *entry;
} EntrySlot;

static HTAB *entries = NULL;

/* refreshes going on in this session, one within the other */
static int	holders = 0;

/* counts what was asked for, to know what was not for longest */
static uint64 uses = 0;
static uint64 uses_before_hold = 0;

/* parent of the contexts of entries that were replaced while held */
static MemoryContext replaced_entries = NULL;

/* the state of ST_COUNT_ENTRIES_CLEARED that this session has heeded */
static uint64 cleared = 0;

/* counts invalidations: one that comes while an entry is made must not be missed */
static uint64 invalidations = 0;

static void entries_at_xact(XactEvent event, void *arg);

static void
relation_changed(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	EntrySlot  *slot;

	if (ST_FAULT("J26 generation"))
		return;
	invalidations++;
	hash_seq_init(&status, entries);
	while ((slot = hash_seq_search(&status)) != NULL)
	{
		StEntry    *entry = slot->entry;

		if (!entry->valid)
			continue;
		if (!OidIsValid(relid) || relid == entry->relid || list_member_oid(entry->members, relid) ||
			list_member_oid(entry->row_types, relid))
			entry->valid = false;
		else if (list_member_oid(entry->relations, relid))
			entry->doubtful = true;
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

	RegisterXactCallback(entries_at_xact, NULL);

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(EntrySlot);
	ctl.hcxt = CacheMemoryContext;
	entries = hash_create("pg_trickle stream tables", 32, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(OPEROID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(ENUMOID, catalog_changed, (Datum) 0);
	/* whom policies concern */
	CacheRegisterSyscacheCallback(AUTHOID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, catalog_changed, (Datum) 0);
}

/* ----- acting as the owner ----- */

/* What output and stable functions read (rule E15, class a). */
static const char *const result_settings[] = {
	"TimeZone", "DateStyle", "IntervalStyle", "extra_float_digits", "bytea_output",
	"lc_monetary", "lc_numeric", "lc_time", "default_text_search_config", "xmloption",
	"xmlbinary", "array_nulls"
};

/*
 * Rule F4, and how generated text is printed and parsed. An exhaustive search
 * stays below 12 relations: 14 that are joined on one key take gigabytes.
 */
static const char *const plan_settings[][2] = {
	{"random_page_cost", "1.1"}, {"join_collapse_limit", "32"}, {"from_collapse_limit", "32"},
	{"jit", "off"}, {"geqo", "on"}, {"geqo_threshold", "12"}, {"quote_all_identifiers", "off"}, {"standard_conforming_strings", "on"},
	{"escape_string_warning", "off"}, {"enable_seqscan", "on"}, {"enable_indexscan", "on"},
	{"enable_bitmapscan", "on"}, {"enable_hashjoin", "on"}, {"enable_nestloop", "on"},
	{"enable_mergejoin", "on"}, {"enable_tidscan", "on"}, {"enable_material", "on"},
	{"enable_sort", "on"}, {"enable_hashagg", "on"}, {"plan_cache_mode", "auto"},
	{"default_transaction_read_only", "off"}, {"row_security", "on"}
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

/* Most have the value already, and setting and undoing run what checks and assigns them. */
static void
set_option(const char *name, const char *value)
{
	const char *present = GetConfigOption(name, false, false);

	if (present && strcmp(present, value) == 0)
		return;
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Rule J32: where a function does not find what it names. */
static void
hint_at_path(void *arg)
{
	int			code = geterrcode();

	if (code == ERRCODE_UNDEFINED_TABLE || code == ERRCODE_UNDEFINED_FUNCTION || code == ERRCODE_UNDEFINED_OBJECT)
		errhint("Functions that a stream table calls run under search_path pg_catalog, pg_temp: qualify the names in them, or use ALTER FUNCTION ... SET search_path.");
}

void
st_owner_enter(StOwnerScope *scope, Oid owner, List *settings)
{
	ListCell   *lc;

	scope->hint.callback = hint_at_path;
	scope->hint.arg = NULL;
	scope->hint.previous = error_context_stack;
	error_context_stack = &scope->hint;

	GetUserIdAndSecContext(&scope->user, &scope->context);
	SetUserIdAndSecContext(owner, scope->context | SECURITY_RESTRICTED_OPERATION);
	scope->level = NewGUCNestLevel();
	RestrictSearchPath();
	for (int i = 0; i < lengthof(plan_settings); i++)
		set_option(plan_settings[i][0], plan_settings[i][1]);
	if (st_guc_delta_work_mem > 0)
		set_option("work_mem", psprintf("%dMB", st_guc_delta_work_mem));
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
	error_context_stack = scope->hint.previous;
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
			get_atttype(entry->relid, attnum) != (type == UNKNOWNOID ? TEXTOID : type) ||
			TupleDescAttr(RelationGetDescr(rel), attnum - 1)->atttypmod != exprTypmod((Node *) tle->expr))
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

/* ----- is the stored tree still right? ----- */

typedef struct TypesContext
{
	List	   *queries;		/* those around, the innermost first */
	bool	   *changed;		/* something has another type */
} TypesContext;

static void
raise_dropped(Oid relid, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("upstream table schema changed: column %s of \"%s\" was dropped", name, get_rel_name(relid)),
			 errhint("Give the stream table another query with pgtrickle.alter_stream_table(), or drop it.")));
}

/*
 * A column of a source or of a row type must be what the tree says; "name" is
 * what it was called when the tree was made.
 */
static void
check_attribute(Oid relid, AttrNumber attnum, const char *name, Oid type, int32 typmod, Oid collation, bool *changed)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	Form_pg_attribute att;

	if (!HeapTupleIsValid(tuple) || ((Form_pg_attribute) GETSTRUCT(tuple))->attisdropped)
	{
		/* there may be another one of this name */
		if (get_attnum(relid, name) <= 0)
			raise_dropped(relid, psprintf("\"%s\"", name));
		*changed = true;
	}
	if (!HeapTupleIsValid(tuple))
		return;
	att = (Form_pg_attribute) GETSTRUCT(tuple);
	if (att->atttypid != type || att->atttypmod != typmod || att->attcollation != collation)
		*changed = true;
	ReleaseSysCache(tuple);
}

/*
 * The stored tree names columns by number and carries their types: both must
 * still be the source's, or the tree would read what is not there. Columns of a
 * join are looked at where they are used: those that nobody uses may change.
 */
static bool
types_walker(Node *node, void *arg)
{
	TypesContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
	{
		TypesContext inner = {lcons(node, list_copy(context->queries)), context->changed};

		return query_tree_walker((Query *) node, types_walker, &inner, QTW_IGNORE_JOINALIASES);
	}
	if (IsA(node, Var) && ((Var *) node)->varattno > 0)
	{
		Var		   *var = (Var *) node;
		Query	   *query = list_nth_node(Query, context->queries, var->varlevelsup);
		RangeTblEntry *rte = rt_fetch(var->varno, query->rtable);

		if (rte->rtekind == RTE_RELATION && rte->relkind != RELKIND_VIEW)
			check_attribute(rte->relid, var->varattno, strVal(list_nth(rte->eref->colnames, var->varattno - 1)),
							var->vartype, var->vartypmod, var->varcollid, context->changed);
		else if (rte->rtekind == RTE_JOIN)
		{
			TypesContext outer = {list_copy_tail(context->queries, var->varlevelsup), context->changed};

			return types_walker(list_nth(rte->joinaliasvars, var->varattno - 1), &outer);
		}
		return false;
	}
	if (IsA(node, FieldSelect))
	{
		FieldSelect *field = (FieldSelect *) node;
		Oid			relid = get_typ_typrelid(getBaseType(exprType((Node *) field->arg)));

		/* nobody has kept what it was called */
		if (OidIsValid(relid) && !OidIsValid(get_atttype(relid, field->fieldnum)))
			raise_dropped(relid, psprintf("%d", field->fieldnum));
		if (OidIsValid(relid))
			check_attribute(relid, field->fieldnum, "", field->resulttype,
							field->resulttypmod, field->resultcollid, context->changed);
	}
	return expression_tree_walker(node, types_walker, arg);
}

/* May its result change without a change of a source? Such a query has no delta. */
static bool
is_unstable(Query *query)
{
	return (st_query_volatile(query) || st_query_stable(query)) && !ST_FAULT("J7");
}

/*
 * Why the stored tree is no longer what the query means, or NULL. Raises if it
 * cannot be brought up to date. Its sources are locked.
 */
static const char *
why_outdated(StStreamTable *table, Query *query, bool *retyped)
{
	TypesContext context = {NIL, retyped};
	ListCell   *lc;

	*retyped = false;
	foreach(lc, st_query_sources(query))
		if (get_rel_name(lfirst_oid(lc)) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("upstream table dropped: a source of \"%s.%s\" does not exist",
							table->schema, table->name),
					 errhint("Drop the stream table, or create it again.")));
	(void) types_walker((Node *) query, &context);
	if (*retyped)
		return "a column of a source has another type";
	if (strcmp(table->views_fingerprint, st_query_views_fingerprint(query)) != 0 && !ST_FAULT("E16 view"))
		return "a view was replaced";
	if (strcmp(table->refresh_mode, "FULL") != 0)
		return is_unstable(query) ? "a function is no longer immutable" : NULL;
	/* it may be now */
	if (strcmp(table->requested_mode, "AUTO") == 0 && !is_unstable(query) &&
		strcmp(table->functions_fingerprint, st_query_functions_fingerprint(query)) != 0)
		return "a function was replaced";
	return NULL;
}

/*
 * Does row security filter a source, for the owner "arg" or the owner of the
 * view that reads it; or did it when the tree was made, which then holds the
 * policies of that time?
 */
static bool
row_security_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		if (query->hasRowSecurity)
			return true;
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
			Oid			user;

			if (rte->rtekind != RTE_RELATION)
				continue;
			user = StCheckAsUser(query, rte);
			if (check_enable_rls(rte->relid, OidIsValid(user) ? user : *(Oid *) arg, true) == RLS_ENABLED)
				return true;
		}
		return query_tree_walker(query, row_security_walker, arg, 0);
	}
	return expression_tree_walker(node, row_security_walker, arg);
}

/*
 * Rule J13: the identity of the rows rests on the sources' keys. Where it is the
 * image, it may have become that when rows had another query, to be changed by a
 * recompute.
 */
static void
check_identity(StEntry *entry, StTree *tree, const AttrNumber *columns)
{
	StStreamTable *table = entry->table;

	if (table->identity_kind == ST_IDENTITY_IMAGE && tree->nkeys > 0)
		entry->identity_waits = true;
	else if (table->identity_kind != ST_IDENTITY_KEY || ST_FAULT("J13") ||
			 (tree->key_simple && tree->nkeys == table->nkeys &&
			  memcmp(tree->keys, entry->keys, sizeof(AttrNumber) * tree->nkeys) == 0))
		return;
	else
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

/* Of StLookup. */
static List *
unindexed_lookups(StStreamTable *table)
{
	List	   *result = NIL;

	for (int i = 0; i < table->nunindexed; i++)
	{
		StLookup   *lookup = palloc(sizeof(StLookup));

		lookup->relid = table->unindexed_relations[i];
		lookup->attnum = table->unindexed_columns[i];
		result = lappend(result, lookup);
	}
	return result;
}

static const char other_states[] = "the query needs other states than it was created with";

/* Are the state tables those of the tree? */
static bool
states_fit(StStreamTable *table, StTree *tree)
{
	if (list_length(tree->nodes) != table->nstates)
		return false;
	for (int i = 0; i < table->nstates; i++)
	{
		Relation	rel = try_table_open(table->states[i], AccessShareLock);
		TupleDesc	wanted = st_state_desc(list_nth(tree->nodes, i));
		TupleDesc	is;
		bool		same;

		/* whoever asks without locks will ask again with them */
		if (rel == NULL)
			return false;
		is = RelationGetDescr(rel);
		same = is->natts == wanted->natts;

		for (int j = 0; same && j < wanted->natts; j++)
			same = TupleDescAttr(is, j)->atttypid == TupleDescAttr(wanted, j)->atttypid &&
				strcmp(NameStr(TupleDescAttr(is, j)->attname), NameStr(TupleDescAttr(wanted, j)->attname)) == 0;
		table_close(rel, AccessShareLock);
		if (!same)
			return false;
	}
	return true;
}

/* The nodes of a query that is to be maintained, or NULL and why there are none. As the owner. */
static StTree *
build_tree(StStreamTable *table, Query *query, Oid owner, const char **reason)
{
	StTree	   *tree;

	if (st_query_polls(query))
		query = st_poll_replaced(query, owner, table->copies);
	*reason = "there is no copy of a source as its owner sees it";
	if (query == NULL)
		return NULL;
	tree = st_query_build(query, true, unindexed_lookups(table));
	*reason = tree->reason;
	if (*reason == NULL && !states_fit(table, tree))
		*reason = other_states;
	return *reason ? NULL : tree;
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
	if (row_security_walker((Node *) query, &entry->owner) && !ST_FAULT("E17") && !ST_FAULT("F7"))
	{
		/* policies are put in by the rewriter (rules E17, F7) */
		query = st_query_rewrite(castNode(Query, stringToNode(st_stream_table_analysed(table))));
		entry->reason = "row security applies to a source";
		entry->stays_stale = strcmp(table->refresh_mode, "FULL") != 0;
	}
	else if (strcmp(table->refresh_mode, "FULL") != 0)
	{
		tree = build_tree(table, query, entry->owner, &entry->reason);
		entry->stays_stale = tree == NULL;
		entry->needs_states = tree == NULL && entry->reason == other_states;
	}
	entry->original = st_statement_from_query(entry->context, query, table->query);
	entry->njoins = st_count_joins(query);
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
		entry->program = st_program_create(entry->context, tree, table->states);
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

/* What the stored tree says, as it stands. */
static Query *
read_query(StStreamTable *table)
{
	st_require_accepted_owner(table);
	return ST_FAULT("F6") ? st_query_analyze(table->query) : castNode(Query, stringToNode(st_stream_table_tree(table)));
}

Query *
st_stored_query(StStreamTable *table)
{
	Query	   *query = read_query(table);
	bool		retyped;
	const char *reason;
	ListCell   *lc;

	foreach(lc, st_query_sources(query))
		LockRelationOid(lfirst_oid(lc), AccessShareLock);
	reason = why_outdated(table, query, &retyped);

	/*
	 * a refresh adapts it before it takes a lock (refresh.c), so another one
	 * will
	 */
	if (reason)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("upstream table schema changed: the definition of \"%s.%s\" is out of date",
						table->schema, table->name),
				 errdetail("Since it was made, %s.", reason),
				 errhint("The next refresh of the stream table brings it up to date.")));
	return query;
}

/* Lock the first that can be had without waiting, up to one that cannot; how many they are. */
static int
lock_nowait(List *relations, LOCKMODE mode)
{
	ListCell   *lc;

	foreach(lc, relations)
		if (!ConditionalLockRelationOid(lfirst_oid(lc), mode))
			return foreach_current_index(lc);
	return list_length(relations);
}

static void
unlock_first(List *relations, int n, LOCKMODE mode)
{
	for (int i = 0; i < n; i++)
		UnlockRelationOid(list_nth_oid(relations, i), mode);
}

/* Would it recompute each time because its states are not those that it needs? As dear as making half an entry. */
static bool
lacks_states(StStreamTable *table, Query *query)
{
	Oid			owner = st_relation_owner(table->relid);
	StOwnerScope scope;
	const char *reason = NULL;
	bool		result;

	if (strcmp(table->refresh_mode, "FULL") == 0)
		return false;
	st_owner_enter(&scope, owner, table->settings);
	result = !row_security_walker((Node *) query, &owner) && build_tree(table, query, owner, &reason) == NULL &&
		reason == other_states;
	st_owner_leave(&scope);
	return result;
}

/*
 * Is an entry as good as one that would be made now? Its relations are locked.
 * What is looked up may bring invalidations, even of what was looked at.
 */
static bool
is_up_to_date(StEntry *entry)
{
	while (entry->valid && entry->doubtful)
	{
		ListCell   *lc;

		entry->doubtful = false;
		if (++entry->analyzed > ANALYZES_BETWEEN_PLANS)
			entry->valid = false;
		foreach(lc, entry->marks)
			if (entry->valid && !st_relation_is_as_marked(lfirst(lc)))
				entry->valid = false;
	}
	return entry->valid;
}

typedef struct Look
{
	StStreamTable *table;
	StEntry    *entry;			/* NULL: none, or not a good one */
	const char *reason;
	bool		retyped;
} Look;

static bool
look_at_definition(void *arg)
{
	Look	   *look = arg;
	List	   *relations;
	Query	   *query;

	if (look->entry)
	{
		relations = look->entry->relations;
		if (lock_nowait(relations, AccessShareLock) == list_length(relations) && is_up_to_date(look->entry))
			return false;
	}
	query = read_query(look->table);

	/*
	 * Nodes are locked before sources (st_refresh_nodes): who drops or alters
	 * a source now may be waiting for what this transaction has read.
	 */
	relations = st_query_sources(query);
	if (lock_nowait(relations, AccessShareLock) < list_length(relations))
		return false;
	look->reason = why_outdated(look->table, query, &look->retyped);
	if (look->reason == NULL && lacks_states(look->table, query))
		look->reason = other_states;
	/* of relations, and of their indexes, no lock stays */
	return false;
}

const char *
st_entry_outdated(StStreamTable *table, bool *retyped)
{
	EntrySlot  *slot = entries ? hash_search(entries, &table->relid, HASH_FIND, NULL) : NULL;
	Look		look = {.table = table};
	ErrorData  *error;

	AcceptInvalidationMessages();
	if (slot && slot->entry->valid && !slot->entry->needs_states)
	{
		*retyped = false;
		if (!slot->entry->doubtful)
			return NULL;
		look.entry = slot->entry;
	}
	error = st_attempt(look_at_definition, &look);
	if (error)
		ReThrowError(error);
	*retyped = look.retyped;
	return look.reason;
}

/* Nobody asks for it again; who has it may still use it. */
static void
discard(StEntry *entry)
{
	if (holders == 0)
	{
		MemoryContextDelete(entry->context);
		return;
	}
	if (replaced_entries == NULL)
		replaced_entries = AllocSetContextCreate(CacheMemoryContext, "pg_trickle replaced entries",
												 ALLOCSET_SMALL_SIZES);
	MemoryContextSetParent(entry->context, replaced_entries);
}

/*
 * With locks on its states, to the end of the transaction. Whoever gives it
 * others lets others read the stream table meanwhile, and then locks them out:
 * NULL, without any of these locks, if he has one of them, which is "busy".
 */
static StStreamTable *
get_with_states(Oid relid, Oid *busy)
{
	Oid			missing = InvalidOid;

	for (;;)
	{
		StStreamTable *table = st_stream_table_get(relid);
		Oid			before = missing;

		missing = InvalidOid;
		for (int i = 0; i < table->nstates && !OidIsValid(missing); i++)
		{
			if (ST_FAULT("J9 states"))
				LockRelationOid(table->states[i], AccessShareLock);
			else if (!ConditionalLockRelationOid(table->states[i], AccessShareLock))
			{
				*busy = table->states[i];
				while (--i >= 0)
					UnlockRelationOid(table->states[i], AccessShareLock);
				return NULL;
			}
			if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(table->states[i])))
				missing = table->states[i];
		}
		/* the one that was missing still is: a restore has yet to make it */
		if (missing == before || !OidIsValid(missing))
			return table;
	}
}

/* What a stream table reads, as far as is known without reading its query, and then itself. */
static List *
known_relations(Oid relid)
{
	EntrySlot  *slot = entries ? hash_search(entries, &relid, HASH_FIND, NULL) : NULL;
	StStreamTable *table;

	if (slot && slot->entry->valid)
		return lappend_oid(list_copy(slot->entry->relations), relid);
	table = st_stream_table_get_if_exists(relid);
	return lappend_oid(table ? st_sources_of(table->pgt_id) : NIL, relid);
}

/*
 * What is read comes before what reads it, as in a DROP that cascades, and
 * tables before views. Stream tables among those that are read come last: their
 * own sources may be among the others. Returns them all.
 */
static List *
lock_relations(Oid relid)
{
	List	   *relations = known_relations(relid);
	int			locked = lock_nowait(relations, AccessShareLock);
	List	   *later = NIL;
	ListCell   *lc;

	if (locked == list_length(relations))
		return relations;
	unlock_first(relations, locked, AccessShareLock);
	relations = list_truncate(relations, list_length(relations) - 1);
	list_sort(relations, list_oid_cmp);
	foreach(lc, relations)
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_VIEW || st_is_stream_table(lfirst_oid(lc)))
			later = lappend_oid(later, lfirst_oid(lc));
		else
			LockRelationOid(lfirst_oid(lc), AccessShareLock);
	foreach(lc, later)
		LockRelationOid(lfirst_oid(lc), AccessShareLock);
	LockRelationOid(relid, AccessShareLock);
	return lappend_oid(relations, relid);
}

/* What is locked to write a stream table: its partitions as well. */
static List *
written_relations(List *relids)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, relids)
	{
		EntrySlot  *slot = entries ? hash_search(entries, &lfirst_oid(lc), HASH_FIND, NULL) : NULL;

		result = list_concat(result, slot && slot->entry->valid ? slot->entry->members : st_table_members(lfirst_oid(lc)));
	}
	return result;
}

Oid
st_entries_lock_nowait(List *relids, List *remade, LOCKMODE *mode)
{
	List	   *relations[3] = {NIL, written_relations(relids), written_relations(remade)};
	const LOCKMODE modes[] = {AccessShareLock, RowExclusiveLock, AccessExclusiveLock};
	int			wanted = ST_FAULT("J9 written") ? 1 : lengthof(modes);
	ListCell   *lc;

	foreach(lc, relids)
		relations[0] = list_concat(relations[0], known_relations(lfirst_oid(lc)));
	for (int i = 0; i < wanted; i++)
	{
		int			locked = lock_nowait(relations[i], modes[i]);

		if (locked == list_length(relations[i]))
			continue;
		unlock_first(relations[i], locked, modes[i]);
		*mode = modes[i];
		for (int j = 0; j < i; j++)
			unlock_first(relations[j], list_length(relations[j]), modes[j]);
		return list_nth_oid(relations[i], locked);
	}
	return InvalidOid;
}

/* The one that is there, if it is as good as another. */
static StEntry *
find_entry(Oid relid)
{
	EntrySlot  *slot = hash_search(entries, &relid, HASH_FIND, NULL);

	if (slot == NULL || !slot->entry->valid)
		return NULL;
	slot->entry->last_used = ++uses;
	return is_up_to_date(slot->entry) ? slot->entry : NULL;
}

/* With its relations locked. NULL: somebody has a state, "busy", and may want the stream table. */
static StEntry *
get_locked(Oid relid, Oid *busy)
{
	StEntry    *entry = find_entry(relid);
	EntrySlot  *slot;
	MemoryContext old;
	Query	   *query;
	StStreamTable *table;
	MemoryContext context;
	uint64		before;
	ListCell   *lc;

	if (entry)
	{
		st_count(ST_COUNT_ENTRY_FOUND, 1);
		return entry;
	}

	/*
	 * small blocks: there are many entries, and each is kept as large as it
	 * becomes
	 */
	context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle stream table",
									ALLOCSET_DEFAULT_MINSIZE, ALLOCSET_DEFAULT_INITSIZE, 64 * 1024);
	old = MemoryContextSwitchTo(context);
	table = get_with_states(relid, busy);
	if (table == NULL)
	{
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		return NULL;
	}
	st_count(ST_COUNT_ENTRY_MADE, 1);
	query = st_stored_query(table);

	before = invalidations;
	entry = palloc0(sizeof(StEntry));
	entry->relid = relid;
	entry->context = context;
	entry->table = table;
	entry->relations = list_concat(st_query_sources(query), st_query_views(query));
	foreach(lc, table->copies)
	{
		LockRelationOid(lfirst_oid(lc), AccessShareLock);
		entry->relations = lappend_oid(entry->relations, lfirst_oid(lc));
	}
	foreach(lc, entry->relations)
		entry->marks = lappend(entry->marks, st_relation_mark(lfirst_oid(lc)));
	foreach(lc, st_query_types(query))
		entry->row_types = lappend_oid(entry->row_types, get_typ_typrelid(lfirst_oid(lc)));
	entry->functions_fingerprint = st_query_functions_fingerprint(query);
	entry->guard_fingerprint = st_guard_fingerprint(relid, NIL);
	entry->members = st_table_members(relid);
	entry->owner = st_relation_owner(relid);
	fill_entry(entry, table, query);
	MemoryContextSwitchTo(old);

	/* making it may have run functions of the query, and those anything */
	slot = hash_search(entries, &relid, HASH_FIND, NULL);
	if (slot)
		discard(slot->entry);
	else
		slot = hash_search(entries, &relid, HASH_ENTER, NULL);
	slot->entry = entry;
	entry->valid = invalidations == before;
	entry->last_used = ++uses;
	MemoryContextSetParent(context, CacheMemoryContext);
	return entry;
}

StEntry *
st_entry_get(Oid relid)
{
	if (entries == NULL)
		make_cache();
	for (;;)
	{
		List	   *locked = lock_relations(relid);
		Oid			busy = InvalidOid;
		StEntry    *entry = get_locked(relid, &busy);

		if (entry)
			return entry;
		unlock_first(locked, list_length(locked), AccessShareLock);
		st_relation_wait(busy, AccessShareLock);
	}
}

typedef struct IdentityLook
{
	Oid			relid;
	bool		changed;
} IdentityLook;

static bool
look_at_identity(void *arg)
{
	IdentityLook *look = arg;
	List	   *relations = known_relations(look->relid);
	Oid			busy;
	StEntry    *entry;

	if (lock_nowait(relations, AccessShareLock) < list_length(relations))
		return false;
	entry = get_locked(look->relid, &busy);
	look->changed = entry && entry->identity_changed;
	return false;
}

bool
st_entry_changes_identity(Oid relid)
{
	IdentityLook look = {.relid = relid};
	EntrySlot  *slot;
	ErrorData  *error;

	if (entries == NULL)
		make_cache();
	slot = hash_search(entries, &relid, HASH_FIND, NULL);
	if (slot && slot->entry->valid && !slot->entry->doubtful)
		return slot->entry->identity_changed;
	/* it may have been dropped */
	if (!st_is_stream_table(relid))
		return false;
	error = st_attempt(look_at_identity, &look);
	if (error)
		ReThrowError(error);
	return look.changed;
}

List *
st_entry_sources(StStreamTable *table)
{
	EntrySlot  *slot = entries ? hash_search(entries, &table->relid, HASH_FIND, NULL) : NULL;

	return slot && slot->entry->valid && !slot->entry->doubtful ? list_copy(slot->entry->relations) : st_sources_of(table->pgt_id);
}

/* All were told to forget what they know: those that are in use are freed later. */
static int
heed_clearing(void)
{
	HASH_SEQ_STATUS status;
	EntrySlot  *slot;
	uint64		now = st_counted(ST_COUNT_ENTRIES_CLEARED);
	int			count = 0;

	if (now == cleared)
		return 0;
	cleared = now;
	hash_seq_init(&status, entries);
	while ((slot = hash_seq_search(&status)) != NULL)
	{
		count += slot->entry->valid;
		slot->entry->valid = false;
	}
	st_count(ST_COUNT_ENTRY_REMOVED, count);
	return count;
}

int
st_entries_clear(void)
{
	int			count;

	if (entries == NULL)
		make_cache();
	st_count(ST_COUNT_ENTRIES_CLEARED, 1);
	count = heed_clearing();
	/* frees them, unless a refresh is going on around us */
	st_entries_hold();
	st_entries_release();
	return count;
}

int
st_entries_count(void)
{
	return entries ? (int) hash_get_num_entries(entries) : 0;
}

void
st_entries_hold(void)
{
	HASH_SEQ_STATUS status;
	EntrySlot  *slot;

	if (entries == NULL)
		make_cache();
	if (holders++ > 0)
		return;
	uses_before_hold = uses;
	if (replaced_entries)
		MemoryContextDeleteChildren(replaced_entries);
	heed_clearing();
	hash_seq_init(&status, entries);
	while ((slot = hash_seq_search(&status)) != NULL)
		if (!slot->entry->valid)
		{
			MemoryContextDelete(slot->entry->context);
			(void) hash_search(entries, &slot->relid, HASH_REMOVE, NULL);
		}
}

/* Rule L9: least recently used first. */
static void
limit_memory(void)
{
	HASH_SEQ_STATUS status;
	EntrySlot  *slot;
	Size		bytes = 0;

	hash_seq_init(&status, entries);
	while ((slot = hash_seq_search(&status)) != NULL)
	{
		/* plans have come and gone with its use only */
		if (slot->entry->last_used > uses_before_hold)
			slot->entry->bytes = MemoryContextMemAllocated(slot->entry->context, true);
		bytes += slot->entry->bytes;
	}
	while (st_guc_session_memory_limit > 0 && bytes / 1024 > st_guc_session_memory_limit)
	{
		EntrySlot  *oldest = NULL;

		hash_seq_init(&status, entries);
		while ((slot = hash_seq_search(&status)) != NULL)
			if (slot->entry->last_used < uses && (oldest == NULL || slot->entry->last_used < oldest->entry->last_used))
				oldest = slot;
		if (oldest == NULL)
			return;
		bytes -= oldest->entry->bytes;
		MemoryContextDelete(oldest->entry->context);
		st_count(ST_COUNT_ENTRY_REMOVED, 1);
		(void) hash_search(entries, &oldest->relid, HASH_REMOVE, NULL);
	}
}

void
st_entries_release(void)
{
	if (--holders == 0)
		limit_memory();
}

/* Who was stopped by an error does not use its entries any more. */
static void
entries_at_xact(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		holders = 0;
}

void
st_entry_forget(Oid relid)
{
	EntrySlot  *slot = entries ? hash_search(entries, &relid, HASH_FIND, NULL) : NULL;

	if (slot)
		slot->entry->valid = false;
}
