/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  What a query and a wanted mode make of a stream table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "api/definition.h"
#include "capture/capture.h"
#include "catalog/internal_table.h"
#include "catalog/source_copy.h"
#include "delta/block.h"
#include "guc.h"
#include "query/source_facts.h"
#include "refresh/poll.h"
#include "store/store.h"
#include "util/attempt.h"
#include "util/fault.h"
#include "util/inheritors.h"
#include "util/sqlbuf.h"

/* ----- the mode ----- */

/* A log has columns of its own, and a delta the weight. */
#define MAX_SOURCE_COLUMNS (MaxHeapAttributeNumber - 4)

/* Why changes of the sources cannot be captured, or NULL. */
static const char *
capture_refused(List *sources, int *code)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, sources)
	{
		Oid			source = ((StSource *) lfirst(lc))->relid;

		*code = ERRCODE_FEATURE_NOT_SUPPORTED;
		if (bms_num_members(((StSource *) lfirst(lc))->attnums) > MAX_SOURCE_COLUMNS)
			return psprintf("it reads too many columns of \"%s\" for a change log", get_rel_name(source));
		foreach(lc2, st_inheritors(source))
		{
			Oid			relid = lfirst_oid(lc2);
			char		relkind = get_rel_relkind(relid);

			/* its copy is captured */
			if (relid == source && (relkind == RELKIND_FOREIGN_TABLE || relkind == RELKIND_MATVIEW))
				break;
			/* rule J16: capture needs more than SELECT */
			*code = ERRCODE_INSUFFICIENT_PRIVILEGE;
			if (pg_class_aclcheck(relid, GetUserId(), ACL_TRIGGER) != ACLCHECK_OK)
				return psprintf("capturing changes of \"%s\" needs the TRIGGER privilege on it", get_rel_name(relid));
			*code = ERRCODE_FEATURE_NOT_SUPPORTED;
			if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
				return psprintf("\"%s\" is no table, its changes cannot be captured", get_rel_name(relid));
		}
	}
	return NULL;
}

/* The first volatile part of a query: a function, or "nextval", which is also an expression of its own. */
typedef struct VolatilePart
{
	Oid			function;
	int			location;
} VolatilePart;

static bool
is_volatile(Oid function, void *arg)
{
	if (func_volatile(function) != PROVOLATILE_VOLATILE)
		return false;
	((VolatilePart *) arg)->function = function;
	return true;
}

static bool
volatile_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (check_functions_in_node(node, is_volatile, arg) || IsA(node, NextValueExpr))
	{
		((VolatilePart *) arg)->location = exprLocation(node);
		return true;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, volatile_walker, arg, 0);
	return expression_tree_walker(node, volatile_walker, arg);
}

/* Why the query has no delta that could be maintained for ever, or NULL. */
static const char *
volatility_reason(StDefinition *definition, bool differential)
{
	const char *reason = st_query_volatile(definition->query);

	if (reason == NULL)
		return st_query_stable(definition->query) ?
			"a stable function's result may change without a change of a source" : NULL;
	if (differential && st_guc_volatile_function_policy == ST_VOLATILE_REJECT)
	{
		VolatilePart part = {InvalidOid, -1};

		(void) volatile_walker((Node *) definition->query, &part);
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("unsupported operator for DIFFERENTIAL mode: %s", reason),
				 errdetail("The result of %s would differ between the first fill and a later delta.",
						   OidIsValid(part.function) ? format_procedure(part.function) : "nextval"),
				 errhint("Use refresh mode FULL, or a deterministic expression."),
				 st_query_errposition(definition->text, part.location)));
	}
	if (st_guc_volatile_function_policy != ST_VOLATILE_ALLOW && definition->name)
		ereport(WARNING,
				(errmsg("%s: every refresh computes it anew", reason)));
	return reason;
}

static void
choose_identity(StDefinition *definition)
{
	StTree	   *tree = definition->tree;

	definition->identity.kind = ST_IDENTITY_IMAGE;
	definition->identity.nkeys = 0;
	definition->identity.keys = NULL;
	if (tree)
		st_identity_of_tree(tree, &definition->identity);
}

void
st_definition_decide(StDefinition *definition)
{
	bool		differential = strcmp(definition->requested_mode, "DIFFERENTIAL") == 0;
	bool		full = strcmp(definition->requested_mode, "FULL") == 0;
	const char *reason = volatility_reason(definition, differential);
	StTree	   *tree = NULL;
	List	   *sources = NIL;
	int			code = ERRCODE_FEATURE_NOT_SUPPORTED;

	if (full)
		reason = "refresh mode FULL";
	if (reason == NULL)
		reason = st_poll_refused(definition->query);
	if (reason == NULL)
	{
		definition->polls = st_query_polls(definition->query);
		tree = st_query_build(definition->polls ? st_poll_pretended(definition->query) : definition->query, false, NIL);
		reason = tree->reason;
	}
	if (reason == NULL)
	{
		sources = st_tree_sources(tree);
		reason = capture_refused(sources, &code);
	}
	if (reason && differential)
		ereport(ERROR,
				(errcode(code),
				 errmsg(code == ERRCODE_INSUFFICIENT_PRIVILEGE ? "permission denied: %s" :
						"unsupported operator for DIFFERENTIAL mode: %s", reason),
				 errhint("Use refresh mode AUTO or FULL: the difference to a recomputed result is applied.")));
	if (reason && !full && definition->name)
		ereport(WARNING,
				(errmsg("stream table \"%s\" is refreshed by recomputing it", definition->name),
				 errdetail("%s.", reason)));
	definition->mode = reason ? "FULL" : "DIFFERENTIAL";
	definition->reason = reason;
	definition->tree = reason ? NULL : tree;
	definition->sources = reason ? NIL : sources;
	definition->nstates = reason ? 0 : list_length(tree->nodes);
	definition->states = palloc0(sizeof(Oid) * Max(definition->nstates, 1));
	choose_identity(definition);
}

/* ----- the result ----- */

List *
st_result_columns(Query *query)
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

void
st_definition_map_identity(StDefinition *definition)
{
	AttrNumber *keys = palloc(sizeof(AttrNumber) * Max(definition->identity.nkeys, 1));

	for (int i = 0; i < definition->identity.nkeys; i++)
		keys[i] = get_attnum(definition->relid,
							 list_nth_node(TargetEntry, definition->query->targetList,
										   definition->identity.keys[i] - 1)->resname);
	definition->identity.keys = keys;
}

bool
st_same_identity(const StIdentity *a, const StIdentity *b)
{
	return a->kind == b->kind && a->nkeys == b->nkeys &&
		(a->nkeys == 0 || memcmp(a->keys, b->keys, sizeof(AttrNumber) * a->nkeys) == 0);
}

/* ----- what belongs to it ----- */

void
st_definition_prepare_copies(StDefinition *definition)
{
	if (definition->tree == NULL || !definition->polls)
		return;
	definition->copies = st_poll_prepare(definition->query, GetUserId());
	definition->tree = st_query_build(st_poll_replaced(definition->query, GetUserId(), definition->copies), false, NIL);

	/*
	 * what can be said of a source can be said of its copy, which has other
	 * indexes
	 */
	if (definition->tree->reason)
		elog(ERROR, "a query has no delta over copies of its sources: %s", definition->tree->reason);
	definition->sources = st_tree_sources(definition->tree);
	definition->nstates = list_length(definition->tree->nodes);
	definition->states = palloc0(sizeof(Oid) * Max(definition->nstates, 1));
	choose_identity(definition);
}

void
st_definition_fill_copies(StDefinition *definition)
{
	List	   *empty = NIL;
	ListCell   *lc;

	foreach(lc, definition->copies)
		if (!st_source_copy_get(lfirst_oid(lc))->filled)
			empty = lappend_oid(empty, lfirst_oid(lc));
	st_poll(empty);
}

static void
lock_some(List *sources, bool stream_tables)
{
	List	   *some = NIL;
	ListCell   *lc;

	foreach(lc, sources)
		if (st_is_stream_table(lfirst_oid(lc)) == stream_tables)
			some = lappend_oid(some, lfirst_oid(lc));
	st_capture_lock(some);
}

void
st_definition_lock(List *sources, List *nodes)
{
	ListCell   *lc;

	list_sort(sources, list_oid_cmp);
	list_deduplicate_oid(sources);
	lock_some(sources, false);
	foreach(lc, st_refresh_lock_order(nodes))
		(void) st_refresh_lock(((StStreamTable *) lfirst(lc))->pgt_id, true);
	lock_some(sources, true);
}

void
st_lock_set_add_definition(StLockSet *set, const StDefinition *definition)
{
	ListCell   *lc;

	set->read = list_concat_unique_oid(set->read, st_query_sources(definition->query));
	set->read = list_concat_unique_oid(set->read, st_query_views(definition->query));
	foreach(lc, definition->sources)
	{
		Oid			source = ((StSource *) lfirst(lc))->relid;
		char		relkind = get_rel_relkind(source);

		/* what is followed through a copy is only read */
		if (relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE)
			set->sources = list_append_unique_oid(set->sources, source);
	}
}

void
st_lock_set_add_group(StLockSet *set, StStreamTable *table)
{
	ListCell   *lc;

	foreach(lc, st_refresh_nodes(table))
	{
		set->nodes = lappend(set->nodes, lfirst(lc));
		set->read = list_concat_unique_oid(set->read, st_sources_of(((StStreamTable *) lfirst(lc))->pgt_id));
	}
}

/* times that what has been locked is let go because more is needed */
#define LOCK_TRIES 20

typedef struct LockAttempt
{
	StLockLook	look;
	void	   *arg;
	StLockSet  *set;			/* what is to be locked */
	StLockSet  *found;			/* what the last look has told */
	int			tries;
	bool		enough;
	int64		busy;			/* a node that somebody else has, or 0 */
	Oid			busy_going;		/* likewise what is to go */
} LockAttempt;

static bool
look_and_forget(void *arg)
{
	LockAttempt *attempt = arg;

	attempt->found = palloc0(sizeof(StLockSet));
	attempt->look(attempt->found, attempt->arg);
	return false;
}

static void
look_now(LockAttempt *attempt)
{
	ErrorData  *error = st_attempt(look_and_forget, attempt);

	if (error)
		ReThrowError(error);
}

/* By OID; stream tables come after the nodes, when the query is analysed. */
static void
lock_to_read(List *relations, bool views)
{
	ListCell   *lc;

	list_sort(relations, list_oid_cmp);
	foreach(lc, relations)
		if (!st_is_stream_table(lfirst_oid(lc)) && (get_rel_relkind(lfirst_oid(lc)) == RELKIND_VIEW) == views)
			LockRelationOid(lfirst_oid(lc), AccessShareLock);
}

/*
 * What comes before the nodes: tables, then views, as DROP ... CASCADE comes by
 * them, then the nodes, then what goes. False, with what is "busy", if somebody
 * has one of the last two that is not to be waited for.
 */
static bool
lock_in_order(LockAttempt *attempt, bool wait)
{
	StLockSet  *set = attempt->set;
	ListCell   *lc;

	lock_to_read(set->read, false);
	lock_some(set->sources, false);
	lock_to_read(set->read, true);
	foreach(lc, st_refresh_lock_order(set->nodes))
	{
		int64		pgt_id = ((StStreamTable *) lfirst(lc))->pgt_id;

		if (st_refresh_lock(pgt_id, wait))
			continue;
		attempt->busy = pgt_id;
		return false;
	}
	lock_some(set->sources, true);
	foreach(lc, set->going)
	{
		if (wait || ST_FAULT("J9 going"))
			LockRelationOid(lfirst_oid(lc), AccessExclusiveLock);
		else if (!ConditionalLockRelationOid(lfirst_oid(lc), AccessExclusiveLock))
		{
			attempt->busy_going = lfirst_oid(lc);
			return false;
		}
	}
	return true;
}

static bool
has_all_nodes(List *nodes, List *wanted)
{
	List	   *both = list_concat(list_copy(nodes), wanted);

	return list_length(st_refresh_lock_order(both)) == list_length(st_refresh_lock_order(nodes));
}

/*
 * Lock, and look whether that is enough. Whoever has a node may want a source in
 * the same transaction, as may who reads what goes, or has locked a view of it:
 * only the last try waits for these with the sources.
 */
static bool
lock_and_look(void *arg)
{
	LockAttempt *attempt = arg;
	StLockSet  *set = attempt->set;

	attempt->busy = 0;
	attempt->busy_going = InvalidOid;
	if (!lock_in_order(attempt, attempt->tries == LOCK_TRIES))
		return false;
	look_now(attempt);
	attempt->enough = attempt->tries == LOCK_TRIES ||
		(list_difference_oid(attempt->found->read, set->read) == NIL &&
		 list_difference_oid(attempt->found->sources, set->sources) == NIL &&
		 list_difference_oid(attempt->found->going, set->going) == NIL &&
		 has_all_nodes(set->nodes, attempt->found->nodes));
	return attempt->enough;
}

StLockSet *
st_definition_look(StLockLook look, void *arg)
{
	LockAttempt attempt = {.look = look, .arg = arg};

	look_now(&attempt);
	return attempt.found;
}

StLockSet *
st_definition_lock_all(StLockLook look, void *arg)
{
	LockAttempt attempt = {.look = look, .arg = arg};

	look_now(&attempt);
	do
	{
		ErrorData  *error;

		attempt.set = attempt.found;
		attempt.tries++;
		error = st_attempt(lock_and_look, &attempt);
		if (error)
			ReThrowError(error);
		if (attempt.busy)
			st_refresh_wait(attempt.busy);
		else if (OidIsValid(attempt.busy_going))
			st_relation_wait(attempt.busy_going, AccessExclusiveLock);
		else
			continue;
		look_now(&attempt);
	} while (!attempt.enough);
	return attempt.found;
}

List *
st_definition_sources(const StDefinition *definition)
{
	List	   *sources = NIL;
	ListCell   *lc;

	foreach(lc, definition->sources)
		sources = lappend_oid(sources, ((StSource *) lfirst(lc))->relid);
	return sources;
}

void
st_definition_install_capture(StDefinition *definition)
{
	ListCell   *lc;

	foreach(lc, definition->sources)
	{
		StSource   *source = lfirst(lc);

		st_capture_install(source->relid, source->attnums);
	}
	if (definition->name && list_length(definition->sources) > list_length(definition->copies))
		ereport(NOTICE,
				(errmsg("writers of the sources of \"%s\" wait until this transaction ends",
						definition->name)));
}

void
st_definition_create_states(StDefinition *definition, int64 pgt_id)
{
	for (int i = 0; i < definition->nstates; i++)
		definition->states[i] = st_internal_table_create(psprintf("state_" INT64_FORMAT "_%d", pgt_id, i),
														 st_state_desc(list_nth(definition->tree->nodes, i)));
	CommandCounterIncrement();
	for (int i = 0; i < definition->nstates; i++)
	{
		StNode	   *node = list_nth(definition->tree->nodes, i);

		/* others' rows come and go */
		if (node->nkeys > 0 || node->windows)
			st_room_reserve(definition->states[i]);
	}
}

/*
 * By which the step of a recursion finds the rows that a change of what else it
 * reads goes with, and equal rows where these can look different.
 */
static void
create_recursion_indexes(StDefinition *definition, int ordinal, Oid state)
{
	StNode	   *node = list_nth(definition->tree->nodes, ordinal);
	Bitmapset  *columns = st_tree_joined_columns(definition->tree, ordinal);
	int			column = -1;

	if (node->inexact_rows)
	{
		StIdentity	identity = {.kind = ST_IDENTITY_KEY_HASH, .nkeys = node->nshown};

		identity.keys = palloc(sizeof(AttrNumber) * node->nshown);
		for (int i = 0; i < node->nshown; i++)
			identity.keys[i] = i + 1;
		(void) st_identity_create_index(state, &identity);
	}

	while ((column = bms_next_member(columns, column)) >= 0)
		(void) st_column_create_index(state, column, BTREE_AM_OID);
}

/* By which windows find partitions, and the rows around a change in their order. */
static void
create_window_indexes(StNode *node, Oid state)
{
	StIdentity	image = {.kind = ST_IDENTITY_IMAGE, .nkeys = node->nshown};
	List	   *created = NIL;
	bool		ordered = false;
	ListCell   *lc;

	foreach(lc, node->windows)
	{
		StWindow   *window = lfirst(lc);
		StIdentity	partition = {.kind = ST_IDENTITY_KEY_HASH};
		bool		shortened;
		AttrNumber	column = st_window_index_column(node, window, &shortened);
		List	   *key = lappend_int(list_copy(window->partition), column);
		ListCell   *lc2;

		if (list_member(created, key) || (column == 0 && window->partition == NIL))
			continue;
		created = lappend(created, key);
		partition.keys = palloc(sizeof(AttrNumber) * (list_length(window->partition) + 1));
		foreach(lc2, window->partition)
			partition.keys[partition.nkeys++] = lfirst_int(lc2);
		(void) st_window_create_index(state, &partition, column, shortened);
	}
	foreach(lc, node->windows)
		ordered |= !((StWindow *) lfirst(lc))->numbered;
	if (ordered)
		return;
	/* nothing else finds the rows that leave */
	image.keys = palloc(sizeof(AttrNumber) * image.nkeys);
	for (int i = 0; i < image.nkeys; i++)
		image.keys[i] = i + 1;
	(void) st_identity_create_index(state, &image);
}

/* By which joins find the group of a row. */
static void
create_lookup_index(StNode *node, Oid state)
{
	StIdentity	identity = {.kind = ST_IDENTITY_KEY, .nkeys = node->nkeys};
	List	   *types = NIL;
	int			key;

	for (int i = 0; i < node->nkeys; i++)
		types = lappend_oid(types, exprType((Node *) list_nth_node(TargetEntry, node->block->targetList, i)->expr));
	key = st_state_lookup_key(types);
	if (key > 0)
		(void) st_column_create_index(state, key, st_type_is_small_key(list_nth_oid(types, key - 1)) ? BTREE_AM_OID : HASH_AM_OID);
	else if (key == 0)
	{
		identity.keys = palloc(sizeof(AttrNumber) * node->nkeys);
		for (int i = 0; i < node->nkeys; i++)
			identity.keys[i] = i + 1;
		(void) st_identity_create_index(state, &identity);
	}
}

/* Nobody else can make the indexes that refreshes would use of a copy. */
static void
create_copy_indexes(StDefinition *definition)
{
	ListCell   *lc;

	foreach(lc, st_tree_index_advice(definition->tree))
	{
		StLookup   *lookup = lfirst(lc);
		Oid			type = get_atttype(lookup->relid, lookup->attnum);
		Oid			method = st_type_is_small_key(type) ? BTREE_AM_OID : HASH_AM_OID;

		if (list_member_oid(definition->copies, lookup->relid) && OidIsValid(GetDefaultOpClass(type, method)))
			(void) st_column_create_index(lookup->relid, lookup->attnum, method);
	}
}

void
st_definition_create_indexes(StDefinition *definition, bool own)
{
	Bitmapset  *joined = NULL;
	ListCell   *lc;

	foreach(lc, definition->tree ? definition->tree->joins : NIL)
	{
		StJoin	   *join = lfirst(lc);

		if (join->flat)
			joined = bms_join(joined, st_block_states(join->flat));
	}
	if (definition->copies)
		create_copy_indexes(definition);
	if (own)
		(void) st_identity_create_index(definition->relid, &definition->identity);
	for (int i = 0; i < definition->nstates; i++)
	{
		StNode	   *node = list_nth(definition->tree->nodes, i);
		StIdentity	identity = {.kind = ST_IDENTITY_IMAGE};

		if (node->nkeys > 0)
		{
			identity.kind = ST_IDENTITY_KEY_HASH;
			identity.nkeys = node->nkeys;
			identity.keys = palloc(sizeof(AttrNumber) * node->nkeys);
			for (int k = 0; k < node->nkeys; k++)
				identity.keys[k] = k + 1;
		}
		/* rows of windows are found by these and changed by place */
		if (node->windows)
			create_window_indexes(node, definition->states[i]);
		else
			(void) st_identity_create_index(definition->states[i], &identity);

		if (bms_is_member(i, joined))
			create_lookup_index(node, definition->states[i]);
		if (node->step)
			create_recursion_indexes(definition, i, definition->states[i]);
	}
	CommandCounterIncrement();
}

/* ----- another identity ----- */

bool
st_identity_change_begin(StIdentityChange *change, StDefinition *definition, bool filled, bool unlike)
{
	bool		by_image = filled && definition->identity.kind != ST_IDENTITY_IMAGE;

	if (change->same)
	{
		change->left = false;
		return false;
	}
	if (by_image)
	{
		definition->identity.kind = ST_IDENTITY_IMAGE;
		definition->identity.nkeys = 0;
		definition->identity.keys = NULL;
	}
	if (change->left && by_image && change->before.kind == ST_IDENTITY_IMAGE)
	{
		change->left = false;
		return false;
	}
	if (change->left && filled && unlike && change->before.kind == ST_IDENTITY_KEY)
	{
		st_identity_drop_index(definition->relid, &change->before);
		change->left = false;
	}
	return true;
}

void
st_identity_change_end(const StIdentityChange *change, const StStreamTable *table)
{
	if (change->left)
		st_identity_drop_index(table->relid, &change->before);
}

/* ----- the catalog ----- */

Datum
st_oid_array(int n, const Oid *oids)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		values[i] = ObjectIdGetDatum(oids[i]);
	return PointerGetDatum(construct_array(values, n, OIDOID, 4, true, TYPALIGN_INT));
}

Datum
st_oid_list_array(List *oids)
{
	Oid		   *array = palloc(sizeof(Oid) * Max(list_length(oids), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, oids)
		array[n++] = lfirst_oid(lc);
	return st_oid_array(n, array);
}

Datum
st_attnum_array(int n, const AttrNumber *attnums)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		values[i] = Int16GetDatum(attnums[i]);
	return PointerGetDatum(construct_array(values, n, INT2OID, 2, true, TYPALIGN_SHORT));
}

void
st_definition_unindexed(const StDefinition *definition, Datum *relations, Datum *columns)
{
	List	   *lookups = definition->tree ? definition->tree->unindexed : NIL;
	Oid		   *oids = palloc(sizeof(Oid) * Max(list_length(lookups), 1));
	AttrNumber *attnums = palloc(sizeof(AttrNumber) * Max(list_length(lookups), 1));
	ListCell   *lc;

	foreach(lc, lookups)
	{
		oids[foreach_current_index(lc)] = ((StLookup *) lfirst(lc))->relid;
		attnums[foreach_current_index(lc)] = ((StLookup *) lfirst(lc))->attnum;
	}
	*relations = st_oid_array(list_length(lookups), oids);
	*columns = st_attnum_array(list_length(lookups), attnums);
}

void
st_definition_update_internals(StDefinition *definition, int64 pgt_id)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, OIDARRAYOID, INT2OID, INT2ARRAYOID, OIDARRAYOID, INT2ARRAYOID,
	OIDARRAYOID, BOOLOID};
	Datum		values[10];
	char		nulls[] = "          ";

	values[0] = Int64GetDatum(pgt_id);
	values[1] = CStringGetTextDatum(definition->requested_mode);
	values[2] = definition->reason ? CStringGetTextDatum(definition->reason) : (Datum) 0;
	nulls[2] = definition->reason ? ' ' : 'n';
	values[3] = st_oid_array(definition->nstates, definition->states);
	values[4] = Int16GetDatum(definition->identity.kind);
	values[5] = st_attnum_array(definition->identity.nkeys, definition->identity.keys);
	st_definition_unindexed(definition, &values[6], &values[7]);
	values[8] = st_oid_list_array(definition->copies);

	/*
	 * as at creation: the scheduler is to know before the recompute that time
	 * matters
	 */
	values[9] = BoolGetDatum(definition->tree && st_query_reads_clock(definition->query));
	(void) st_catalog_execute("UPDATE pgtrickle.stream_table_internals SET requested_refresh_mode = $2, full_reason = $3,"
							  " states = $4, identity_kind = $5, key_columns = $6,"
							  " unindexed_relations = $7, unindexed_columns = $8, copies = $9,"
							  " clock = CASE WHEN $10 THEN pg_catalog.now() END, stale_reason = NULL"
							  " WHERE pgt_id = $1", 10, types, values, nulls);
}

void
st_definition_write_internals(StDefinition *definition, int64 pgt_id, List *settings, const char *search_path, Oid owner)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTOID, OIDARRAYOID, INT2OID, INT2ARRAYOID,
	TEXTOID, TEXTOID, OIDOID, TEXTOID, TEXTOID, OIDARRAYOID, INT2ARRAYOID, OIDARRAYOID, TIMESTAMPTZOID};
	Datum		values[18];
	char		nulls[18];

	memset(nulls, ' ', sizeof(nulls));
	values[0] = Int64GetDatum(pgt_id);
	values[1] = CStringGetTextDatum(nodeToString(definition->query));
	values[2] = CStringGetTextDatum(definition->requested_mode);
	values[3] = definition->reason ? CStringGetTextDatum(definition->reason) : (Datum) 0;
	nulls[3] = definition->reason ? ' ' : 'n';
	values[4] = st_text_array(settings);
	values[5] = CStringGetTextDatum(search_path);
	values[6] = st_oid_array(definition->nstates, definition->states);
	values[7] = Int16GetDatum(definition->identity.kind);
	values[8] = st_attnum_array(definition->identity.nkeys, definition->identity.keys);
	values[9] = CStringGetTextDatum(st_query_views_fingerprint(definition->query));
	values[10] = CStringGetTextDatum(st_query_functions_fingerprint(definition->query));
	values[11] = ObjectIdGetDatum(owner);
	values[12] = CStringGetTextDatum(nodeToString(definition->analysed));
	values[13] = CStringGetTextDatum(st_query_text(definition->analysed));
	st_definition_unindexed(definition, &values[14], &values[15]);
	values[16] = st_oid_list_array(definition->copies);
	/* the scheduler is to know before it is filled that time matters */
	values[17] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	nulls[17] = definition->tree && st_query_reads_clock(definition->query) ? ' ' : 'n';
	(void) st_catalog_execute("INSERT INTO pgtrickle.stream_table_internals (pgt_id, query_tree, requested_refresh_mode,"
							  " full_reason, settings, search_path, states, identity_kind, key_columns,"
							  " views_fingerprint, functions_fingerprint, accepted_owner, analysed_query, query_text,"
							  " unindexed_relations, unindexed_columns, copies, clock)"
							  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)", 18, types, values, nulls);
}

char *
st_index_advice_sql(const StLookup *advice)
{
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_format(&sql, "CREATE INDEX ON %s (%s);",
				  quote_qualified_identifier(get_namespace_name(get_rel_namespace(advice->relid)),
											 get_rel_name(advice->relid)),
				  quote_identifier(get_attname(advice->relid, advice->attnum, false)));
	return sql.data;
}

void
st_definition_advise(const StDefinition *definition)
{
	ListCell   *lc;

	if (definition->tree == NULL)
		return;
	foreach(lc, st_tree_index_advice(definition->tree))
	{
		StLookup   *advice = lfirst(lc);

		if (list_member_oid(definition->copies, advice->relid))
			continue;
		ereport(NOTICE,
				(errmsg("refreshes of \"%s\" look up rows of \"%s\" by column \"%s\", which no index begins with",
						definition->name, get_rel_name(advice->relid),
						get_attname(advice->relid, advice->attnum, false)),
				 errdetail("Finding them takes reading all of \"%s\".", get_rel_name(advice->relid)),
				 errhint("%s", st_index_advice_sql(advice))));
	}
}
