/*-------------------------------------------------------------------------
 *
 * redefine.c
 *	  Another query for a stream table.
 *
 * NOTES
 *	  The table stays: its OID, rights, comments, indexes, triggers, policies,
 *	  views over it. Its columns are those of the query by name; columns are
 *	  added at the end and dropped where they are, so the order is the table's
 *	  and not the query's (rule J12).
 *
 *	  If columns change, the rows are computed aside (aside.c), and readers are
 *	  locked out when the table is altered and takes them over. If a column gets
 *	  another type, the table is emptied before, because no row is converted, all
 *	  are computed. Where that cannot be done aside, readers are locked out from
 *	  the beginning to the end of the transaction. Otherwise the
 *	  difference between the two results is written, as by any refresh.
 *
 *	  Lock order: as for a change of mode (alter.c), with the sources and
 *	  upstream nodes of both queries.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/readfuncs.h"
#include "parser/parse_type.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "api/aside.h"
#include "api/lineage.h"
#include "api/name.h"
#include "api/redefine.h"
#include "api/refuse.h"
#include "api/rename.h"
#include "capture/capture.h"
#include "catalog/component.h"
#include "catalog/depend.h"
#include "catalog/extension.h"
#include "catalog/saved.h"
#include "compat.h"
#include "guc.h"
#include "refresh/poll.h"
#include "store/store.h"
#include "util/fault.h"

/* What becomes of the columns; lists of names, and of ColumnDef. */
typedef struct ColumnChanges
{
	List	   *added;			/* of ColumnDef */
	List	   *retyped;		/* of ColumnDef */
	List	   *dropped;		/* of names */
	bool		reordered;
} ColumnChanges;

List *
st_captured_sources(int64 pgt_id)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(pgt_id)};

	return st_catalog_oids("SELECT source_relid FROM pgtrickle.source_frontier WHERE pgt_id = $1 ORDER BY source_relid",
						   1, types, values);
}

void
st_install_capture_as(StStreamTable *table, StDefinition *definition, Oid owner)
{
	StOwnerScope scope;

	st_owner_enter(&scope, owner, table->settings);
	st_definition_install_capture(definition);
	st_owner_leave(&scope);
}

/* ----- what the query may read ----- */

/* Members of a circle, of which each reads the next. */
static char *
path_text(List *path)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, path)
	{
		StStreamTable *table = st_stream_table_get(lfirst_oid(lc));

		appendStringInfo(&names, "%s%s", names.len > 0 ? " -> " : "", quote_qualified_identifier(table->schema, table->name));
	}
	return names.data;
}

/*
 * The stream tables that would read each other if this one had the query; NIL:
 * none. Raises 42P15 where that is not permitted; what they do already, they may
 * go on doing if nobody has asked for another query.
 */
static List *
find_cycle(StStreamTable *table, Query *query, bool asked_for, List **path)
{
	List	   *members = st_component_find(table->relid, st_query_sources(query), path);
	bool		known = table->component > 0 && !asked_for;
	ListCell   *lc;

	if (members == NIL || st_guc_allow_circular)
		return members;
	foreach(lc, members)
		known &= st_stream_table_get(lfirst_oid(lc))->component == table->component;
	if (!known)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_SCHEMA_DEFINITION),
				 errmsg("cycle detected in dependency graph: %s", path_text(*path)),
				 errdetail("A stream table reads no stream table that reads it while \"%s\" is off.", "pg_trickle.allow_circular"),
				 errhint("It may be set on by a superuser where all of them are in mode DIFFERENTIAL and have monotone queries.")));
	return members;
}

/* Rule K9: what one of them has used must not be taken back by another one. */
static void
check_member(StStreamTable *member, const char *mode, Query *query, List *path)
{
	const char *what = st_query_not_monotone(query);

	if (what)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_SCHEMA_DEFINITION),
				 errmsg("cycle detected in dependency graph: %s", path_text(path)),
				 errdetail("The query of stream table \"%s.%s\" is not monotone: it has %s.", member->schema, member->name, what),
				 errhint("With \"%s\" on, the queries of a cycle consist of joins, filters, EXISTS, IN, DISTINCT, UNION and INTERSECT.",
						 "pg_trickle.allow_circular")));
	if (strcmp(mode, "DIFFERENTIAL") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_SCHEMA_DEFINITION),
				 errmsg("cycle detected in dependency graph: %s", path_text(path)),
				 errdetail("Stream table \"%s.%s\" has refresh mode %s.", member->schema, member->name, mode),
				 errhint("With \"%s\" on, the stream tables of a cycle are in mode DIFFERENTIAL, with monotone queries.",
						 "pg_trickle.allow_circular")));
}

static void
check_cycle(StStreamTable *table, const StDefinition *definition, List *members, List *path)
{
	ListCell   *lc;

	foreach(lc, members)
	{
		StStreamTable *member = st_stream_table_get(lfirst_oid(lc));

		if (member->relid == table->relid)
			check_member(member, definition->mode, definition->query, path);
		else
			check_member(member, member->refresh_mode, castNode(Query, stringToNode(st_stream_table_tree(member))), path);
	}
}

/* Itself and all that the refresh at the end takes along, with what those read. */
static void
add_concerned(StLockSet *set, StStreamTable *table, const StDefinition *definition)
{
	ListCell   *lc;

	st_lock_set_add_definition(set, definition);
	set->sources = list_concat(set->sources, st_captured_sources(table->pgt_id));
	st_lock_set_add_group(set, table);
	foreach(lc, st_query_sources(definition->query))
	{
		StStreamTable *source = st_stream_table_get_if_exists(lfirst_oid(lc));

		if (source && !st_is_suspended(source))
			st_lock_set_add_group(set, source);
	}
}

/* ----- columns ----- */

static ColumnChanges *
compare_columns(Oid relid, Query *query)
{
	ColumnChanges *changes = palloc0(sizeof(ColumnChanges));
	Relation	rel = table_open(relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	List	   *columns = st_result_columns(query);
	AttrNumber	last = 0;
	ListCell   *lc;

	foreach(lc, columns)
	{
		ColumnDef  *column = lfirst_node(ColumnDef, lc);
		AttrNumber	attnum = get_attnum(relid, column->colname);
		Form_pg_attribute att;

		if (attnum < 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("column name \"%s\" conflicts with a system column name", column->colname)));
		if (attnum == InvalidAttrNumber)
		{
			changes->added = lappend(changes->added, column);
			continue;
		}
		/* columns that are added come last, wherever the query has them */
		changes->reordered |= attnum < last || changes->added != NIL;
		last = attnum;
		att = TupleDescAttr(desc, attnum - 1);
		if (att->atttypid != typenameTypeId(NULL, column->typeName) ||
			att->atttypmod != column->typeName->typemod || att->attcollation != column->collOid)
			changes->retyped = lappend(changes->retyped, column);
	}
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		found = false;

		foreach(lc, columns)
			found |= strcmp(lfirst_node(ColumnDef, lc)->colname, NameStr(att->attname)) == 0;
		if (!att->attisdropped && !found)
			changes->dropped = lappend(changes->dropped, pstrdup(NameStr(att->attname)));
	}
	table_close(rel, NoLock);
	return changes;
}

static bool
has_changes(const ColumnChanges *changes)
{
	return changes->added || changes->retyped || changes->dropped;
}

/*
 * Stream tables depend on the table only. Of views PostgreSQL would tell as well,
 * but by DROP COLUMN only with locks on them, which their readers have before
 * they come to the table, which is ours by then.
 */
static void
check_readers(StStreamTable *table, const ColumnChanges *changes)
{
	List	   *names = list_copy(changes->dropped);
	List	   *readers;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, changes->retyped)
		names = lappend(names, lfirst_node(ColumnDef, lc)->colname);
	foreach(lc, ST_FAULT("J9 views") ? NIL : names)
		foreach(lc2, st_depend_views_of_column(table->relid, get_attnum(table->relid, lfirst(lc))))
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("cannot drop or change column \"%s\" of stream table \"%s.%s\" because view \"%s.%s\" uses it",
							(char *) lfirst(lc), table->schema, table->name,
							get_namespace_name(get_rel_namespace(lfirst_oid(lc2))), get_rel_name(lfirst_oid(lc2))),
					 errhint("Alter or drop that one first.")));
	readers = names == NIL ? NIL : st_depend_dependants(RelationRelationId, table->relid);
	foreach(lc, readers)
	{
		StStreamTable *reader = st_stream_table_get_if_exists(lfirst_oid(lc));
		Bitmapset  *used;

		if (reader == NULL)
			continue;
		used = st_query_columns_of(castNode(Query, stringToNode(st_stream_table_tree(reader))), table->relid);
		foreach(lc2, names)
			if (bms_is_member(get_attnum(table->relid, lfirst(lc2)), used))
				ereport(ERROR,
						(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
						 errmsg("cannot drop or change column \"%s\" of stream table \"%s.%s\" because stream table \"%s.%s\" uses it",
								(char *) lfirst(lc2), table->schema, table->name, reader->schema, reader->name),
						 errhint("Alter or drop that one first.")));
	}
}

/* Are rows found by the same columns as before, of which none changes? The image is of all columns. */
static bool
keeps_identity(const StIdentity *old_identity, const StDefinition *definition, const ColumnChanges *changes)
{
	const StIdentity *identity = &definition->identity;

	if (!has_changes(changes))
		return st_same_identity(identity, old_identity);
	if (identity->kind == ST_IDENTITY_IMAGE || !st_same_identity(identity, old_identity))
		return false;
	for (int i = 0; i < identity->nkeys; i++)
	{
		ListCell   *lc;

		foreach(lc, changes->retyped)
			if (get_attnum(definition->relid, lfirst_node(ColumnDef, lc)->colname) == identity->keys[i])
				return false;
	}
	return true;
}

/*
 * As TRUNCATE: refused if a foreign key points here; a partitioned table has its
 * rows in its partitions. The guard lets us.
 */
static void
empty_table(Oid relid)
{
	List	   *members = find_all_inheritors(relid, AccessExclusiveLock, NULL);
	List	   *relations = NIL;
	List	   *logged = NIL;
	ListCell   *lc;

	foreach(lc, members)
	{
		Relation	rel = table_open(lfirst_oid(lc), NoLock);

		relations = lappend(relations, rel);
		if (RelationIsLogicallyLogged(rel))
			logged = lappend_oid(logged, lfirst_oid(lc));
	}
	st_guard_enter();
	StExecuteTruncateGuts(relations, members, logged);
	st_guard_leave();
	foreach(lc, relations)
		table_close(lfirst(lc), NoLock);
	CommandCounterIncrement();
}

static AlterTableCmd *
command(AlterTableType type, const char *name, ColumnDef *column)
{
	AlterTableCmd *result = makeNode(AlterTableCmd);

	result->subtype = type;
	result->name = name ? pstrdup(name) : NULL;
	result->def = (Node *) column;
	result->behavior = DROP_RESTRICT;
	return result;
}

static void
change_columns(Oid relid, const ColumnChanges *changes)
{
	List	   *commands = NIL;
	StOwnerScope scope;
	ListCell   *lc;

	st_owner_enter(&scope, st_relation_owner(relid), NIL);
	foreach(lc, changes->dropped)
		commands = lappend(commands, command(AT_DropColumn, lfirst(lc), NULL));
	foreach(lc, changes->retyped)
	{
		ColumnDef  *column = copyObject(lfirst_node(ColumnDef, lc));
		A_Const    *nothing = makeNode(A_Const);
		TypeCast   *cast = makeNode(TypeCast);

		/* there is no row to be converted */
		nothing->isnull = true;
		nothing->location = -1;
		cast->arg = (Node *) nothing;
		cast->typeName = copyObject(column->typeName);
		cast->location = -1;
		column->raw_default = (Node *) cast;
		commands = lappend(commands, command(AT_AlterColumnType, column->colname, column));
	}
	foreach(lc, changes->added)
		commands = lappend(commands, command(AT_AddColumn, NULL, copyObject(lfirst_node(ColumnDef, lc))));
	st_alter_columns(relid, commands);
	st_owner_leave(&scope);
}

static char *
names_of(List *columns)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, columns)
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 IsA(lfirst(lc), ColumnDef) ? lfirst_node(ColumnDef, lc)->colname : strVal(lfirst(lc)));
	return names.data;
}

static void
tell(StStreamTable *table, const ColumnChanges *changes)
{
	StringInfoData detail;
	List	   *dropped = NIL;
	ListCell   *lc;

	initStringInfo(&detail);
	foreach(lc, changes->dropped)
		dropped = lappend(dropped, makeString(lfirst(lc)));
	if (changes->added)
		appendStringInfo(&detail, " Columns added: %s.", names_of(changes->added));
	if (changes->dropped)
		appendStringInfo(&detail, " Columns dropped: %s.", names_of(dropped));
	if (changes->retyped)
		appendStringInfo(&detail, " Columns of another type: %s.", names_of(changes->retyped));
	ereport(WARNING,
			(errmsg("stream table \"%s.%s\" has another query and is recomputed", table->schema, table->name),
			 errdetail("%s", detail.len > 0 ? detail.data + 1 : "Its columns stay as they are.")));
	if (changes->reordered)
		ereport(NOTICE,
				(errmsg("the columns of stream table \"%s.%s\" are in another order than those of its query",
						table->schema, table->name)));
}

/* ----- the catalog ----- */

static void
update_catalog(StStreamTable *table, StDefinition *definition, const char *text, List *settings,
			   const char *search_path, bool emptied)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, BOOLOID};
	Datum		values[4] = {Int64GetDatum(table->pgt_id)};
	Oid			query_types[] = {INT8OID, TEXTOID, TEXTARRAYOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		query[8] = {Int64GetDatum(table->pgt_id)};

	values[1] = CStringGetTextDatum(text);
	values[2] = CStringGetTextDatum(definition->mode);
	values[3] = BoolGetDatum(emptied);
	query[1] = CStringGetTextDatum(nodeToString(definition->query));
	query[2] = st_text_array(settings);
	query[3] = CStringGetTextDatum(search_path);
	query[4] = CStringGetTextDatum(st_query_views_fingerprint(definition->query));
	query[5] = CStringGetTextDatum(st_query_functions_fingerprint(definition->query));
	query[6] = CStringGetTextDatum(nodeToString(definition->analysed));
	query[7] = CStringGetTextDatum(st_query_text(definition->analysed));
	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.stream_table_internals SET query_tree = $2, settings = $3, search_path = $4,"
							  " views_fingerprint = $5, functions_fingerprint = $6, analysed_query = $7, query_text = $8"
							  " WHERE pgt_id = $1", 8, query_types, query, NULL);
	st_definition_update_internals(definition, table->pgt_id);
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET defining_query = $2, refresh_mode = $3,"
							  " is_populated = is_populated AND NOT $4, needs_reinit = is_populated AND NOT $4,"
							  " last_full_ms = NULL, updated_at = pg_catalog.now() WHERE pgt_id = $1", 4, types, values, NULL);
	st_definition_write_facts(definition, table->pgt_id);
	SPI_finish();
	CommandCounterIncrement();
	st_components_renew(table->component, table->relid);
	st_depend_forget(table->relid);
	st_depend_record(table->relid, definition->query, st_query_views(definition->query));
	st_depend_check_circle(table->relid);
	st_saved_note(table->relid);
	CacheInvalidateRelcacheByRelid(table->relid);
	CommandCounterIncrement();
}

/* ----- all of it ----- */

/* What the query is to the owner, whose rights it has (rule J15); with "copies", those of its sources are found or made. */
static void
decide(StDefinition *definition, const char *text, Oid owner, List *settings, bool copies)
{
	StOwnerScope scope;

	st_owner_enter(&scope, owner, settings);
	st_statement_check_permissions(st_statement_from_query(CurrentMemoryContext, definition->query, text));
	st_definition_decide(definition);
	if (copies)
		st_definition_prepare_copies(definition);
	st_owner_leave(&scope);
}

/* The capture of sources that it does not read any more, unless others do. */
static void
leave_sources(StDefinition *definition, List *captured, List *copies)
{
	List	   *kept = st_definition_sources(definition);
	ListCell   *lc;

	foreach(lc, list_difference_oid(list_difference_oid(captured, kept), copies))
		st_capture_remove(lfirst_oid(lc));
	st_poll_drop_unused();
}

static bool
is_to_be_filled(StStreamTable *table)
{
	return table->populated && strcmp(table->status, "SUSPENDED") != 0;
}

/* Can the rows be computed before the table is locked against readers? */
static bool
can_be_aside(StStreamTable *table, const StDefinition *definition, const ColumnChanges *changes)
{
	StDefinition mapped = *definition;
	StIdentity	identity = {table->identity_kind, table->nkeys, table->keys};
	List	   *columns = NIL;
	ListCell   *lc;

	if (!has_changes(changes) || !is_to_be_filled(table) || ST_FAULT("J26"))
		return false;
	st_definition_map_identity(&mapped);
	foreach(lc, changes->dropped)
		columns = lappend_int(columns, get_attnum(table->relid, lfirst(lc)));
	foreach(lc, changes->retyped)
		columns = lappend_int(columns, get_attnum(table->relid, lfirst_node(ColumnDef, lc)->colname));
	return st_aside_is_possible(table, columns, changes->retyped || !keeps_identity(&identity, &mapped, changes));
}

/*
 * What the columns of the result and of the table make necessary, with the table
 * locked for it. All that it reads and takes along is locked. "aside": true if
 * readers need not be locked out yet where the rows can be computed aside, and
 * set to whether they can; NULL is false.
 */
static ColumnChanges *
lock_columns(StStreamTable **table, StDefinition *definition, List **captured, bool *aside)
{
	Oid			relid = definition->relid;
	ColumnChanges *changes;

	/* copies, which were not there when locks were taken */
	st_definition_lock(st_definition_sources(definition), NIL);
	changes = compare_columns(relid, definition->query);
	if (aside && *aside)
		*aside = can_be_aside(st_stream_table_get(relid), definition, changes);
	LockRelationOid(relid, has_changes(changes) && !(aside && *aside) ? AccessExclusiveLock : ShareRowExclusiveLock);
	/* plain SQL may have dropped it while we waited */
	*table = st_stream_table_get(relid);
	*captured = st_captured_sources((*table)->pgt_id);
	return compare_columns(relid, definition->query);
}

/*
 * Make the stream table that of the definition, but for its contents; if the
 * definition's relation stands aside, the columns are that one's. "index": make
 * the index of another identity now, and not after the table was filled.
 */
static void
remake(StStreamTable *table, StDefinition *definition, ColumnChanges *changes, bool fill, bool index,
	   StIdentityChange *identity)
{
	Oid			relid = definition->relid;
	AttrNumber *positions = definition->identity.keys;
	bool		aside = relid != table->relid;
	bool		own;

	identity->before.kind = table->identity_kind;
	identity->before.nkeys = table->nkeys;
	identity->before.keys = table->keys;
	st_definition_map_identity(definition);
	identity->same = keeps_identity(&identity->before, definition, changes);
	identity->left = !identity->same && !has_changes(changes);
	if (fill)
		st_definition_fill_copies(definition);
	if (definition->sources)
		st_install_capture_as(table, definition, st_relation_owner(relid));
	if (has_changes(changes))
	{
		if (!identity->same && !aside)
			st_identity_drop_index(relid, &identity->before);
		if (changes->retyped && !aside)
			empty_table(relid);
		change_columns(relid, changes);
		/* some keys may be new columns */
		definition->identity.keys = positions;
		st_definition_map_identity(definition);
	}
	st_frontier_delete(table->pgt_id);
	CommandCounterIncrement();
	own = st_identity_change_begin(identity, definition, table->populated && changes->retyped == NIL && !aside, true);
	for (int i = 0; i < table->nstates; i++)
		st_extension_drop_relation(table->states[i]);
	st_definition_create_states(definition, table->pgt_id);
	st_definition_create_indexes(definition, own && index);
}

/* A change of the query, as it was asked for. */
typedef struct Redefinition
{
	Oid			relid;
	const char *text;
	const char *mode;
	StDefinition definition;
	List	   *members;
	List	   *path;
} Redefinition;

/* What the query means at the moment; with "copies", those of its sources are found or made. */
static void
analyse(Redefinition *change, bool copies)
{
	StStreamTable *table = st_stream_table_get(change->relid);
	StDefinition *definition = &change->definition;

	memset(definition, 0, sizeof(StDefinition));
	definition->name = copies ? table->name : NULL;
	definition->relid = change->relid;
	definition->text = change->text;
	definition->requested_mode = st_parse_mode(change->mode ? change->mode : st_stream_table_requested_mode(table));
	definition->analysed = st_query_parse(change->text);
	definition->query = st_query_rewrite(definition->analysed);
	st_query_check(definition->query, change->text);
	st_require_fresh_snapshot();
	change->members = find_cycle(table, definition->query, true, &change->path);
	decide(definition, change->text, st_relation_owner(change->relid), st_settings_now(), copies);
	check_cycle(table, definition, change->members, change->path);
}

static void
look_at_query(StLockSet *set, void *arg)
{
	Redefinition *change = arg;
	StStreamTable *table = st_stream_table_get(change->relid);

	analyse(change, false);
	add_concerned(set, table, &change->definition);
}

/* What was computed aside comes into the table, which readers are locked out of from here on. */
static void
come_in(StStreamTable *table, StDefinition *definition, const ColumnChanges *changes, const StIdentityChange *identity)
{
	Oid			aside = definition->relid;
	bool		emptied = changes->retyped || !identity->same;

	definition->relid = table->relid;
	st_aside_set(table, table->relid);
	LockRelationOid(table->relid, AccessExclusiveLock);
	if (!identity->same)
		st_identity_drop_index(table->relid, &identity->before);
	if (emptied)
		empty_table(table->relid);
	change_columns(table->relid, changes);
	st_aside_end(table, aside, emptied);
	if (!identity->same)
		(void) st_identity_create_index(table->relid, &definition->identity);
}

void
st_redefine(Oid relid, const char *query_text, const char *mode)
{
	Redefinition change = {.relid = relid, .text = query_text, .mode = mode};
	StStreamTable *table;
	StDefinition definition;
	ColumnChanges *changes;
	List	   *captured;
	StIdentityChange identity;
	bool		aside;

	(void) st_definition_lock_all(look_at_query, &change);
	analyse(&change, true);
	definition = change.definition;

	/*
	 * members of a cycle are computed together, and the others of them read
	 * the table
	 */
	aside = change.members == NIL;
	changes = lock_columns(&table, &definition, &captured, &aside);
	check_readers(table, changes);
	if (aside)
		definition.relid = st_aside_create(table);
	remake(table, &definition, changes, is_to_be_filled(table), !aside && changes->retyped == NIL, &identity);
	tell(table, changes);
	update_catalog(table, &definition, query_text, st_settings_now(), GetConfigOption("search_path", false, false),
				   changes->retyped != NIL);
	if (aside)
		st_aside_set(table, definition.relid);
	if (is_to_be_filled(table))
	{
		StRefreshOutcome outcome;

		(void) st_refresh(definition.relid, "MANUAL", false, &outcome);
	}
	if (aside)
		come_in(table, &definition, changes, &identity);
	/* a table that is filled anew gets its index afterwards, as at creation */
	else if (changes->retyped && !identity.same)
		(void) st_identity_create_index(relid, &definition.identity);
	st_identity_change_end(&identity, table);
	leave_sources(&definition, captured, table->copies);
	st_rename_settle(relid);
}

/* ----- what it reads has changed ----- */

/*
 * The query as it is meant now: its views expanded again, or, where types have
 * changed, its text analysed again. That text has all names in full, as they
 * are now, so nobody can put something else in their place.
 */
static void
analyse_again(StStreamTable *table, StDefinition *definition, bool retyped)
{
	StOwnerScope scope;

	definition->requested_mode = st_stream_table_requested_mode(table);
	st_owner_enter(&scope, st_relation_owner(table->relid), table->settings);
	if (retyped)
	{
		definition->text = st_stream_table_query_text(table);
		definition->analysed = st_query_parse(definition->text);
	}
	else
		definition->analysed = castNode(Query, stringToNode(st_stream_table_analysed(table)));
	definition->query = st_query_rewrite(definition->analysed);
	st_query_check(definition->query, definition->text);
	st_owner_leave(&scope);
}

typedef struct AdaptContext
{
	const StStreamTable *table;
	const char *reason;
} AdaptContext;

static void
tell_why(void *arg)
{
	AdaptContext *context = arg;

	errcontext("adapting stream table \"%s.%s\", as %s", context->table->schema, context->table->name, context->reason);
}

/*
 * What is adapted after another one may read what is not locked yet, and readers
 * of the stream table may be in the way of what its columns need: nobody waits so
 * long for us, or we for them, that it becomes a deadlock. Whoever gives up tries
 * again (rule C10). Returns the level to end it with.
 */
static int
wait_briefly(void)
{
	int			level = NewGUCNestLevel();
	int			timeout = Max(Min(DeadlockTimeout / 2, 500), 1);

	if (LockTimeout == 0 || LockTimeout > timeout)
		(void) set_config_option("lock_timeout", psprintf("%d", timeout), PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/* Of those that are refreshed together, those that are out of date. */
static void
look_what_is_outdated(StLockSet *set, void *arg)
{
	List	   *group = arg;
	ListCell   *lc;

	foreach(lc, group)
	{
		StStreamTable *table = st_stream_table_get_if_exists(((StStreamTable *) lfirst(lc))->relid);
		StDefinition definition = {0};
		bool		retyped;

		if (table == NULL || st_entry_outdated(table, &retyped) == NULL)
			continue;
		definition.relid = table->relid;
		analyse_again(table, &definition, retyped);
		decide(&definition, table->query, st_relation_owner(table->relid), table->settings, false);
		add_concerned(set, table, &definition);
	}
	if (set->nodes)
		set->nodes = list_concat(set->nodes, group);
}

static const char *
adapt(Oid relid, List *group)
{
	StStreamTable *table = st_stream_table_get_if_exists(relid);
	AdaptContext context;
	ErrorContextCallback callback = {error_context_stack, tell_why, &context};
	StDefinition definition = {.relid = relid};
	ColumnChanges *changes;
	List	   *captured;
	List	   *members;
	List	   *path;
	const char *reason;
	bool		retyped;
	StIdentityChange identity;
	int			level;

	if (table == NULL || (reason = st_entry_outdated(table, &retyped)) == NULL)
		return NULL;
	context.table = table;
	context.reason = reason;
	error_context_stack = &callback;
	st_require_fresh_snapshot();

	(void) st_definition_lock_all(look_what_is_outdated, group);
	table = st_stream_table_get_if_exists(relid);
	/* whoever had it may have done it */
	if (table == NULL || st_entry_outdated(table, &retyped) == NULL)
	{
		error_context_stack = callback.previous;
		return NULL;
	}
	level = wait_briefly();
	analyse_again(table, &definition, retyped);
	members = find_cycle(table, definition.query, false, &path);
	decide(&definition, table->query, st_relation_owner(relid), table->settings, true);
	check_cycle(table, &definition, members, path);
	changes = lock_columns(&table, &definition, &captured, NULL);
	/* those who read its columns are adapted after it */
	remake(table, &definition, changes, is_to_be_filled(table), true, &identity);
	update_catalog(table, &definition, table->query, table->settings, table->search_path, changes->retyped != NIL);
	st_identity_change_end(&identity, table);
	leave_sources(&definition, captured, table->copies);
	st_rename_settle(relid);
	AtEOXact_GUC(true, level);
	error_context_stack = callback.previous;
	ereport(NOTICE,
			(errmsg("stream table \"%s.%s\" is adapted and recomputed: %s", table->schema, table->name, reason)));
	return reason;
}

void
st_redefine_init(void)
{
	st_refresh_adapt = adapt;
}
