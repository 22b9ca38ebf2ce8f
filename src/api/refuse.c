/*-------------------------------------------------------------------------
 *
 * refuse.c
 *	  What plain DDL may not do to a stream table.
 *
 * NOTES
 *	  A stream table holds what its query returns and nothing else. Its guard
 *	  is a statement trigger, which rules rewrite away and which does not fire
 *	  for a statement on a parent; the rows of a child would be read as rows of
 *	  the stream table (rules G4, J30).
 *
 *	  A change of owner is let through, but may suspend the stream table.
 *
 *	  Looked at where PostgreSQL announces the change, whatever the command:
 *	  object_access_hook. An event trigger on ddl_command_start loads the
 *	  library in time. Where that did not happen, as in REASSIGN OWNED, a refresh
 *	  raises for an owner that has not accepted the stream table, and for
 *	  columns that are not the query's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "commands/tablecmds.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "api/refuse.h"
#include "catalog/extension.h"
#include "catalog/stream_table.h"
#include "store/wake.h"
#include "util/written_row.h"

static object_access_hook_type previous_hook = NULL;

/* the stream table whose columns this session is changing itself */
static Oid	let_pass = InvalidOid;

/* A stream table, or a partition of one. */
static bool
is_or_belongs_to_one(Oid relid)
{
	return st_is_stream_table(relid) || OidIsValid(st_stream_table_of_partition(relid));
}

static void
check_rule(Oid rule)
{
	HeapTuple	tuple = st_written_object(RewriteRelationId, RewriteOidIndexId, Anum_pg_rewrite_oid, rule);
	Oid			relid = HeapTupleIsValid(tuple) ? ((Form_pg_rewrite) GETSTRUCT(tuple))->ev_class : InvalidOid;

	if (OidIsValid(relid) && is_or_belongs_to_one(relid))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("rules on stream table \"%s\" are not supported", get_rel_name(relid)),
				 errdetail("A stream table holds what its query returns; a rule would write past that."),
				 errhint("Use a trigger.")));
}

static void
check_inheritance(Oid child, Oid parent)
{
	if (st_is_stream_table(child))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("stream table \"%s\" cannot become a child or partition of another table", get_rel_name(child)),
				 errdetail("What is written to \"%s\" could then reach the stream table.", get_rel_name(parent)),
				 errhint("Use a view with UNION ALL.")));
	/* partitions are api/partition_ddl.c's */
	if (st_is_stream_table(parent) && get_rel_relkind(parent) != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table \"%s\" cannot inherit from stream table \"%s\"", get_rel_name(child), get_rel_name(parent)),
				 errdetail("Its rows would be read as rows of the stream table."),
				 errhint("Use a view with UNION ALL, or CREATE TABLE ... (LIKE ...).")));
}

static void
refuse_columns(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("columns of stream table \"%s\" cannot be added, dropped or changed", get_rel_name(relid)),
			 errdetail("They are the columns of its query."),
			 errhint("Drop the stream table and create it with another query, or use a view over it.")));
}

static void
check_column(Oid relid, AttrNumber attnum)
{
	HeapTuple	old_row = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	HeapTuple	new_row = st_written_column(relid, attnum);
	bool		same;

	if (HeapTupleIsValid(old_row) && HeapTupleIsValid(new_row))
	{
		Form_pg_attribute was = (Form_pg_attribute) GETSTRUCT(old_row);
		Form_pg_attribute is = (Form_pg_attribute) GETSTRUCT(new_row);

		same = strcmp(NameStr(was->attname), NameStr(is->attname)) == 0 && was->atttypid == is->atttypid &&
			was->atttypmod == is->atttypmod && was->attcollation == is->attcollation &&
			was->attgenerated == is->attgenerated && was->attidentity == is->attidentity;
		ReleaseSysCache(old_row);
		if (!same)
			refuse_columns(relid);
	}
}

/*
 * Rule J17: whoever owns the stream table runs its query with all his rights.
 * A new owner to whom the former one could not have given it must say so.
 */
static void
check_owner(Oid relid, Oid owner)
{
	StStreamTable *table = st_stream_table_get(relid);

	if (owner == table->accepted_owner)
		return;
	if (is_member_of_role(table->accepted_owner, owner))
	{
		st_stream_table_accept_owner(table->pgt_id, owner);
		return;
	}
	st_stream_table_suspend(relid);
	ereport(WARNING,
			(errmsg("stream table \"%s.%s\" is suspended: its owner has changed", table->schema, table->name),
			 errdetail("The query would run with the rights of role \"%s\".", GetUserNameFromId(owner, false)),
			 errhint("Look at the query and the functions that it calls, then resume it with pgtrickle.alter_stream_table(%s, status => 'ACTIVE').",
					 quote_literal_cstr(quote_qualified_identifier(table->schema, table->name)))));
}

/* The catalog has names, too, for those who read it; the scheduler keeps a copy. */
static void
note_name(Oid relid, const char *name, const char *schema)
{
	st_stream_table_rename(relid, name, schema);
	st_wake_note_graph();
}

static void
check_schema(Oid schema)
{
	HeapTuple	tuple = st_written_object(NamespaceRelationId, NamespaceOidIndexId, Anum_pg_namespace_oid, schema);
	char	   *old_name = get_namespace_name(schema);
	ListCell   *lc;

	if (!HeapTupleIsValid(tuple) || old_name == NULL || !OidIsValid(st_internal_relation("pgt_stream_tables", true)) ||
		strcmp(NameStr(((Form_pg_namespace) GETSTRUCT(tuple))->nspname), old_name) == 0)
		return;
	foreach(lc, st_stream_tables_in(schema))
		note_name(lfirst_oid(lc), NULL, NameStr(((Form_pg_namespace) GETSTRUCT(tuple))->nspname));
}

/* Stream tables and their partitions are heaps. */
static void
check_storage(Oid relid)
{
	HeapTuple	old_row = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	HeapTuple	new_row = st_written_object(RelationRelationId, ClassOidIndexId, Anum_pg_class_oid, relid);
	bool		same = !HeapTupleIsValid(old_row) || !HeapTupleIsValid(new_row) ||
		((Form_pg_class) GETSTRUCT(old_row))->relam == ((Form_pg_class) GETSTRUCT(new_row))->relam;

	if (HeapTupleIsValid(old_row))
		ReleaseSysCache(old_row);
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the access method of stream table \"%s\" cannot be changed", get_rel_name(relid)),
				 errhint("Stream tables are stored as heaps.")));
}

static void
check_relation(Oid relid)
{
	HeapTuple	old_row = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	HeapTuple	new_row = st_written_object(RelationRelationId, ClassOidIndexId, Anum_pg_class_oid, relid);

	check_storage(relid);
	if (HeapTupleIsValid(old_row) && HeapTupleIsValid(new_row))
	{
		Form_pg_class was = (Form_pg_class) GETSTRUCT(old_row);
		Form_pg_class is = (Form_pg_class) GETSTRUCT(new_row);

		if (was->reloftype != is->reloftype)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("stream table \"%s\" cannot become a typed table", get_rel_name(relid)),
					 errdetail("Its columns are those of its query."),
					 errhint("Give the query's columns the names and types of the type.")));
		if (was->relowner != is->relowner)
			check_owner(relid, is->relowner);
		if (strcmp(NameStr(was->relname), NameStr(is->relname)) != 0)
			note_name(relid, NameStr(is->relname), NULL);
		if (was->relnamespace != is->relnamespace)
			note_name(relid, NULL, get_namespace_name(is->relnamespace));
	}
	if (HeapTupleIsValid(old_row))
		ReleaseSysCache(old_row);
}

/* Ours are the guard, and capture for stream tables that read this one. */
static void
check_trigger(Oid trigger)
{
	HeapTuple	tuple = st_written_object(TriggerRelationId, TriggerOidIndexId, Anum_pg_trigger_oid, trigger);
	Form_pg_trigger form;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_trigger) GETSTRUCT(tuple);
	if (form->tgisinternal && form->tgenabled != TRIGGER_FIRES_ALWAYS &&
		get_func_namespace(form->tgfoid) == get_namespace_oid(ST_SCHEMA, true) && is_or_belongs_to_one(form->tgrelid))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the internal triggers of stream table \"%s\" cannot be disabled", get_rel_name(form->tgrelid)),
				 errhint("DISABLE TRIGGER USER leaves them on.")));
}

static void
object_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (previous_hook)
		previous_hook(access, class, object, sub, arg);
	if (object < FirstNormalObjectId)
		return;
	if (class == RewriteRelationId && access == OAT_POST_CREATE)
		check_rule(object);
	else if (class == InheritsRelationId && access == OAT_POST_ALTER)
		check_inheritance(object, ((ObjectAccessPostAlter *) arg)->auxiliary_id);
	else if (class == TriggerRelationId && access == OAT_POST_ALTER)
		check_trigger(object);
	else if (class == NamespaceRelationId && access == OAT_POST_ALTER)
		check_schema(object);
	else if (class == RelationRelationId && sub > 0 && object == let_pass)
		return;
	else if (class == RelationRelationId && sub > 0 && (access == OAT_POST_CREATE || access == OAT_DROP))
	{
		if (st_is_stream_table(object))
			refuse_columns(object);
	}
	else if (class == RelationRelationId && access == OAT_POST_ALTER && st_is_stream_table(object))
	{
		if (sub > 0)
			check_column(object, sub);
		else
			check_relation(object);
	}
	else if (class == RelationRelationId && access == OAT_POST_ALTER && sub == 0 &&
			 OidIsValid(st_stream_table_of_partition(object)))
		check_storage(object);
}

void
st_alter_columns(Oid relid, List *commands)
{
	Oid			outer = let_pass;
	AlterTableStmt *statement = makeNode(AlterTableStmt);

	/* a change of type wants to know the statement that it is part of */
	AlterTableUtilityContext context = {.pstmt = makeNode(PlannedStmt),.queryString = "", .relid = relid};

	statement->relation = makeRangeVar(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid), -1);
	statement->cmds = commands;
	statement->objtype = OBJECT_TABLE;
	let_pass = relid;
	PG_TRY();
	{
		AlterTable(statement, AccessExclusiveLock, &context);
	}
	PG_FINALLY();
	{
		let_pass = outer;
	}
	PG_END_TRY();
	CommandCounterIncrement();
}

void
st_refuse_init(void)
{
	previous_hook = object_access_hook;
	object_access_hook = object_access;
}
