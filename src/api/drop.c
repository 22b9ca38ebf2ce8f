/*-------------------------------------------------------------------------
 *
 * drop.c
 *	  Dropping stream tables, with pgtrickle.drop_stream_table() and with
 *	  plain SQL.
 *
 * NOTES
 *	  PostgreSQL locks what DROP names first, and calls us only when it is gone:
 *	  too late for the lock order of lifecycle calls (rule J9). So the event
 *	  trigger on ddl_command_start takes our locks for the stream tables that a
 *	  DROP, or DROP OWNED, will meet, as far as pg_depend tells by then.
 *
 *	  Sources that go themselves it locks as PostgreSQL will. A weaker lock that
 *	  grows would be in the way of who has read the source and waits for the
 *	  installer of its capture (online.c). But a refresh has its node when it
 *	  asks for its sources, so with them locked against readers nobody waits
 *	  for a node: what is locked is let go, and locked again after the refresh.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_shdepend.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_func.h"
#include "parser/parse_oper.h"
#include "parser/parse_type.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "api/definition.h"
#include "api/drop.h"
#include "api/name.h"
#include "api/partition.h"
#include "api/restore.h"
#include "api/source_ddl.h"
#include "capture/capture.h"
#include "catalog/component.h"
#include "catalog/depend.h"
#include "catalog/extension.h"
#include "catalog/gate.h"
#include "catalog/saved.h"
#include "compat.h"
#include "refresh/poll.h"
#include "store/store.h"
#include "store/wake.h"
#include "util/fault.h"
#include "util/inheritors.h"
#include "util/row_function.h"

PG_FUNCTION_INFO_V1(st_sql_drop_stream_table);
PG_FUNCTION_INFO_V1(st_sql_on_drop);
PG_FUNCTION_INFO_V1(st_sql_on_ddl_start);

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
	/* deleting comes to them in another order than who alters it */
	if (!ST_FAULT("J9 rows"))
		st_stream_table_lock_rows(table->relid, true);
	SPI_connect();
	(void) st_catalog_execute("DELETE FROM pgtrickle.pgt_stream_tables WHERE pgt_id = $1", 1, types, values, NULL);
	st_saved_note(table->relid);
	SPI_finish();
	st_frontier_delete(table->pgt_id);
	CommandCounterIncrement();
	st_components_renew(table->component, InvalidOid);
	for (int i = 0; i < table->nstates; i++)
		st_extension_drop_relation(table->states[i]);
	foreach(lc, sources)
		st_capture_remove(lfirst_oid(lc));
	st_poll_drop_unused();
	/* no event tells of what is dropped from here */
	st_gate_forget(table->relid);
}

/* Add a stream table behind those that read it. */
static List *
add_readers(List *tables, List **met, Oid relid)
{
	StStreamTable *table = st_stream_table_get_if_exists(relid);
	ListCell   *lc;

	check_stack_depth();
	if (table == NULL || list_member_oid(*met, relid))
		return tables;
	*met = lappend_oid(*met, relid);
	foreach(lc, st_depend_dependants(RelationRelationId, relid))
		tables = add_readers(tables, met, lfirst_oid(lc));
	return lappend(tables, table);
}

/* The stream tables and all that read them, directly or not: readers first, where they do not read each other. */
static List *
with_readers(List *relids)
{
	List	   *tables = NIL;
	List	   *met = NIL;
	ListCell   *lc;

	foreach(lc, relids)
		tables = add_readers(tables, &met, lfirst_oid(lc));
	return tables;
}

/* None but those that go as well. */
static void
require_no_readers(StStreamTable *table, List *going)
{
	List	   *readers = list_difference_oid(dependants_of(table->relid), going);
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
			 errhint("Drop them as well, or use drop_stream_table() with cascade => true.")));
}

static List *
add_address(List *objects, Oid class, Oid object, bool owned)
{
	ObjectAddress *address;

	if (!OidIsValid(object) || !owned)
		return objects;
	address = palloc(sizeof(ObjectAddress));
	ObjectAddressSet(*address, class, object);
	return lappend(objects, address);
}

/* Of the objects, or with what depends on them, then with the tables that are none. */
static List *
stream_tables_going(List *objects, bool cascade, List **others)
{
	List	   *relations = NIL;
	ListCell   *lc;

	if (cascade)
		relations = st_depend_reached(objects, others);
	foreach(lc, cascade ? NIL : objects)
	{
		ObjectAddress *object = lfirst(lc);

		if (object->classId == RelationRelationId && st_is_stream_table(object->objectId))
			relations = lappend_oid(relations, object->objectId);
	}
	return with_readers(relations);
}

typedef struct Going
{
	List	   *objects;
	bool		cascade;
	bool		by_function;	/* by ours, which drops the stream tables
								 * itself */
	List	   *tables;
} Going;

/* While locks are waited for, somebody who reads one of them already may create another one over it. */
static void
look_what_goes(StLockSet *set, void *arg)
{
	Going	   *going = arg;
	List	   *others = NIL;
	ListCell   *lc;

	AcceptInvalidationMessages();
	going->tables = set->nodes = stream_tables_going(going->objects, going->cascade, &others);
	foreach(lc, going->tables)
	{
		StStreamTable *table = lfirst(lc);

		set->sources = list_concat(set->sources, captured(st_sources_of(table->pgt_id)));
		if (!going->by_function)
			continue;
		st_require_owner(table->relid);
		set->going = lcons_oid(table->relid, set->going);
	}
	if (going->by_function)
		set->going = list_concat_unique_oid(set->going, others);
}

/*
 * Lock order: sources and nodes of all that goes, then the stream tables. No
 * event trigger fires for what PostgreSQL drops on our behalf, so all of it has
 * to be known: also what reads a view that was replaced since its last refresh.
 */
void
st_drop_stream_tables(List *relids, bool cascade)
{
	ObjectAddresses *addresses = new_object_addresses();
	Going		going = {.cascade = cascade, .by_function = true};
	ListCell   *lc;

	foreach(lc, relids)
	{
		st_require_owner(lfirst_oid(lc));
		if (!cascade)
			require_no_readers(st_stream_table_get(lfirst_oid(lc)), relids);
		going.objects = add_address(going.objects, RelationRelationId, lfirst_oid(lc), true);
	}
	(void) st_definition_lock_all(look_what_goes, &going);
	/* another session may have dropped it meanwhile */
	foreach(lc, relids)
		st_require_owner(lfirst_oid(lc));
	foreach(lc, going.tables)
	{
		/* another session may have altered it meanwhile */
		StStreamTable *table = st_stream_table_get(((StStreamTable *) lfirst(lc))->relid);
		ObjectAddress address;

		forget_stream_table(table);
		CommandCounterIncrement();
		ObjectAddressSet(address, RelationRelationId, table->relid);
		if (cascade)
			add_exact_object_address(&address, addresses);
		else
			performDeletion(&address, DROP_RESTRICT, 0);
	}
	/* at once, as one may go with another by way of a view */
	performMultipleDeletions(addresses, DROP_CASCADE, 0);
}

Datum
st_sql_drop_stream_table(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("drop_stream_table()");
	st_note_lifecycle_call();
	st_drop_stream_tables(list_make1_oid(st_resolve_stream_table(PG_GETARG_TEXT_PP(0))), PG_GETARG_BOOL(1));
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
	st_partition_ddl_dropped();
	if (relations)
		st_wake_note_graph();
	foreach(lc, relations)
	{
		StStreamTable *table = st_stream_table_get_if_exists(lfirst_oid(lc));

		if (table)
			forget_stream_table(table);
	}
	foreach(lc, relations)
	{
		if (st_log_exists(lfirst_oid(lc)))
			st_log_drop_unused(lfirst_oid(lc));
		st_gate_forget(lfirst_oid(lc));
	}
	PG_RETURN_NULL();
}


/* ----- before plain SQL drops ----- */

/* What the statement names, unless the user may not drop it: nobody has things locked that are not his. */
static List *
add_named(List *objects, ObjectType type, Node *name)
{
	Oid			role = GetUserId();
	Oid			oid;

	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_FOREIGN_TABLE:
			oid = RangeVarGetRelid(makeRangeVarFromNameList(castNode(List, name)), NoLock, true);
			return add_address(objects, RelationRelationId, oid, OidIsValid(oid) && StRelationOwnerCheck(oid, role));
		case OBJECT_SCHEMA:
			oid = get_namespace_oid(strVal(name), true);
			return add_address(objects, NamespaceRelationId, oid, OidIsValid(oid) && StSchemaOwnerCheck(oid, role));
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_ROUTINE:
		case OBJECT_AGGREGATE:
			oid = LookupFuncWithArgs(type, castNode(ObjectWithArgs, name), true);
			return add_address(objects, ProcedureRelationId, oid, OidIsValid(oid) && StFunctionOwnerCheck(oid, role));
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			oid = LookupTypeNameOid(NULL, castNode(TypeName, name), true);
			return add_address(objects, TypeRelationId, oid, OidIsValid(oid) && StTypeOwnerCheck(oid, role));
		case OBJECT_OPERATOR:
			oid = LookupOperWithArgs(castNode(ObjectWithArgs, name), true);
			return add_address(objects, OperatorRelationId, oid, OidIsValid(oid) && StOperatorOwnerCheck(oid, role));
		case OBJECT_COLLATION:
			oid = get_collation_oid(castNode(List, name), true);
			return add_address(objects, CollationRelationId, oid, OidIsValid(oid) && StCollationOwnerCheck(oid, role));
		case OBJECT_EXTENSION:
			oid = get_extension_oid(strVal(name), true);
			return add_address(objects, ExtensionRelationId, oid, OidIsValid(oid) && StExtensionOwnerCheck(oid, role));
		default:
			return objects;
	}
}

/* What a role owns in this database. */
static List *
add_owned(List *objects, Oid owner)
{
	Relation	rel = table_open(SharedDependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_shdepend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(AuthIdRelationId));
	ScanKeyInit(&keys[1], Anum_pg_shdepend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(owner));
	scan = systable_beginscan(rel, SharedDependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_shdepend form = (Form_pg_shdepend) GETSTRUCT(tuple);

		if (form->dbid == MyDatabaseId && form->deptype == SHARED_DEPENDENCY_OWNER)
			objects = add_address(objects, form->classid, form->objid, true);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return objects;
}

/* times that what was locked is let go for a refresh */
#define LOCK_TRIES 20

/* A lock on a table that DROP is to have. */
typedef struct TableLock
{
	Oid			relid;
	LOCKMODE	mode;
} TableLock;

static List *
add_lock(List *locks, Oid relid, LOCKMODE mode)
{
	TableLock  *lock = palloc(sizeof(TableLock));

	lock->relid = relid;
	lock->mode = mode;
	return lappend(locks, lock);
}

/* Take all without waiting but for one. Returns the first that is not to be had, with those released that were; or NULL. */
static TableLock *
lock_tables(List *locks, TableLock *patient)
{
	ListCell   *lc;

	LockRelationOid(patient->relid, patient->mode);
	foreach(lc, locks)
	{
		TableLock  *lock = lfirst(lc);

		if (lock == patient || ConditionalLockRelationOid(lock->relid, lock->mode))
			continue;
		for (int i = 0; i < foreach_current_index(lc); i++)
			if (list_nth(locks, i) != patient)
				UnlockRelationOid(((TableLock *) list_nth(locks, i))->relid, ((TableLock *) list_nth(locks, i))->mode);
		UnlockRelationOid(patient->relid, patient->mode);
		return lock;
	}
	return NULL;
}

/* As for lock_tables(): the first that is not to be had, or NULL. */
static StStreamTable *
lock_nodes(List *nodes)
{
	ListCell   *lc;

	foreach(lc, nodes)
	{
		if (st_refresh_lock(((StStreamTable *) lfirst(lc))->pgt_id, false))
			continue;
		for (int i = 0; i < foreach_current_index(lc); i++)
			st_refresh_unlock(((StStreamTable *) list_nth(nodes, i))->pgt_id);
		return lfirst(lc);
	}
	return NULL;
}

/*
 * Of captured partitions that go the parents that stay. PostgreSQL locks them as
 * well, but if it was not asked for the table itself only after the partitions,
 * and everybody else before.
 */
static List *
parents_that_stay(List *going)
{
	List	   *result = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, going)
	{
		List	   *ancestors = get_rel_relispartition(lfirst_oid(lc)) ? get_partition_ancestors(lfirst_oid(lc)) : NIL;

		if (ancestors == NIL || list_member_oid(going, linitial_oid(ancestors)) || st_is_stream_table(llast_oid(ancestors)))
			continue;
		foreach(lc2, ancestors)
			if (st_log_exists(lfirst_oid(lc2)))
				result = list_append_unique_oid(result, linitial_oid(ancestors));
	}
	return result;
}

/*
 * If sources go, or partitions of them: the tables that go, as PostgreSQL will
 * lock them, the other captured base tables as for any lifecycle call, and then
 * the nodes. That is not the order of lifecycle calls, so it waits only while it
 * has nothing. Gives up after others have come between a number of times: what
 * follows waits whatever comes of it.
 */
static void
lock_sources_that_go(List *going, List *tables)
{
	List	   *parents = parents_that_stay(going);
	List	   *sources = NIL;
	List	   *locks = NIL;
	TableLock  *patient;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, tables)
		sources = list_concat_unique_oid(sources, captured(st_sources_of(((StStreamTable *) lfirst(lc))->pgt_id)));
	if (parents == NIL && list_length(list_difference_oid(sources, going)) == list_length(sources))
		return;
	foreach(lc, list_concat(parents, going))
		locks = add_lock(locks, lfirst_oid(lc), AccessExclusiveLock);
	foreach(lc, sources)
		if (!list_member_oid(going, lfirst_oid(lc)) && !st_is_stream_table(lfirst_oid(lc)) && get_rel_name(lfirst_oid(lc)))
			foreach(lc2, st_inheritors(lfirst_oid(lc)))
				locks = add_lock(locks, lfirst_oid(lc2), ShareRowExclusiveLock);
	patient = linitial(locks);
	for (int i = 0; i < LOCK_TRIES; i++)
	{
		TableLock  *missing = lock_tables(locks, patient);
		StStreamTable *busy = missing ? NULL : lock_nodes(tables);

		if (missing)
		{
			patient = missing;
			continue;
		}
		if (busy == NULL)
			return;
		foreach(lc, locks)
			UnlockRelationOid(((TableLock *) lfirst(lc))->relid, ((TableLock *) lfirst(lc))->mode);
		st_refresh_wait(busy->pgt_id);
	}
}

/* The stream tables that are in it, or whose queries use something of it. */
static List *
tables_of_schema(Oid schema)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, st_stream_tables_in(InvalidOid))
	{
		StStreamTable *table = st_stream_table_get_if_exists(lfirst_oid(lc));

		if (table && (get_rel_namespace(table->relid) == schema || st_depend_uses_schema(table->relid, schema)))
			tables = lappend(tables, table);
	}
	return tables;
}

/*
 * Those of the schema that gets another name are noted under it, row by row, and
 * the queries that name it printed again. A group that is refreshed writes these
 * rows, too: its nodes come before. Who is making another one is waited for, and
 * waits for us (st_rename_settle): with the names in hand we wait for no node.
 */
static void
lock_renamed_schema(Oid schema)
{
	if (!OidIsValid(schema) || !StSchemaOwnerCheck(schema, GetUserId()))
		return;
	for (int i = 1;; i++)
	{
		List	   *tables;
		StStreamTable *busy;

		/* as PostgreSQL will: who is making a table in it waits for the names */
		LockDatabaseObject(NamespaceRelationId, schema, 0, AccessExclusiveLock);
		st_lock_schema_names(ExclusiveLock);
		tables = tables_of_schema(schema);
		if (i == LOCK_TRIES)
		{
			st_definition_lock(NIL, tables);
			return;
		}
		busy = lock_nodes(tables);
		if (busy == NULL)
			return;
		st_unlock_schema_names(ExclusiveLock);
		UnlockDatabaseObject(NamespaceRelationId, schema, 0, AccessExclusiveLock);
		st_refresh_wait(busy->pgt_id);
	}
}

/*
 * Queries that use a function, say, are printed again when it has got another
 * name or schema, with their nodes: these come first, as for DROP, and
 * PostgreSQL's lock on the function afterwards. Relations are not concerned
 * (lock_nodes() in rename.c).
 */
static void
lock_users_of_renamed(ObjectType type, Node *name)
{
	bool		is_type = type == OBJECT_TYPE || type == OBJECT_DOMAIN;
	List	   *tables = NIL;
	ObjectAddress *object;
	List	   *objects;
	ListCell   *lc;

	if (!is_type && type != OBJECT_FUNCTION && type != OBJECT_PROCEDURE && type != OBJECT_ROUTINE &&
		type != OBJECT_AGGREGATE && type != OBJECT_OPERATOR && type != OBJECT_COLLATION)
		return;
	objects = add_named(NIL, type, is_type ? (Node *) makeTypeNameFromNameList(castNode(List, name)) : name);
	if (objects == NIL || ST_FAULT("J9 renamed"))
		return;
	object = linitial(objects);
	if (is_type && get_typtype(object->objectId) == TYPTYPE_COMPOSITE)
		return;
	foreach(lc, st_depend_dependants(object->classId, object->objectId))
	{
		StStreamTable *table = st_stream_table_get_if_exists(lfirst_oid(lc));

		if (table)
			tables = lappend(tables, table);
	}
	st_definition_lock(NIL, tables);
}

static void
lock_what_is_renamed(Node *statement)
{
	RenameStmt *rename = (RenameStmt *) statement;
	AlterObjectSchemaStmt *move = (AlterObjectSchemaStmt *) statement;

	if (IsA(statement, AlterObjectSchemaStmt))
		lock_users_of_renamed(move->objectType, move->object);
	else if (!IsA(statement, RenameStmt))
		return;
	else if (rename->renameType == OBJECT_SCHEMA)
		lock_renamed_schema(get_namespace_oid(rename->subname, true));
	else
		lock_users_of_renamed(rename->renameType, rename->object);
}

static void
lock_what_goes(Node *statement)
{
	Going		going = {.cascade = true};
	List	   *others = NIL;
	ListCell   *lc;

	if (IsA(statement, DropStmt))
	{
		foreach(lc, ((DropStmt *) statement)->objects)
			going.objects = add_named(going.objects, ((DropStmt *) statement)->removeType, lfirst(lc));
	}
	else if (IsA(statement, DropOwnedStmt))
	{
		foreach(lc, ((DropOwnedStmt *) statement)->roles)
		{
			Oid			role = get_rolespec_oid(lfirst_node(RoleSpec, lc), true);

			if (OidIsValid(role) && has_privs_of_role(GetUserId(), role))
				going.objects = add_owned(going.objects, role);
		}
	}
	if (going.objects == NIL)
		return;

	/*
	 * without CASCADE PostgreSQL locks what stands in the way before it says
	 * so
	 */
	going.tables = stream_tables_going(going.objects, true, &others);
	if (ST_FAULT("J9 drop"))
		return;
	lock_sources_that_go(others, going.tables);
	if (going.tables)
		(void) st_definition_lock_all(look_what_goes, &going);
}

/*
 * Event trigger on ddl_command_start. That it is called has loaded the library,
 * whose hooks have a say in what follows.
 */
Datum
st_sql_on_ddl_start(PG_FUNCTION_ARGS)
{
	Node	   *statement;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("not called by an event trigger")));
	st_restore_if_moved();
	statement = ((EventTriggerData *) fcinfo->context)->parsetree;
	st_source_ddl_begin(statement);
	if (OidIsValid(st_internal_relation("pgt_stream_tables", true)))
	{
		lock_what_is_renamed(statement);
		lock_what_goes(statement);
		st_partition_ddl_begin(statement);
	}
	PG_RETURN_NULL();
}
