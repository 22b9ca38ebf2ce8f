/*-------------------------------------------------------------------------
 *
 * rename.c
 *	  Stored text follows when something that it names is renamed or moved.
 *
 * NOTES
 *	  Queries are stored as trees, for which names mean nothing, so a rename
 *	  recomputes nothing. Their text is for people, for dumps and for upgrades:
 *	  it is printed again from the tree, with the present names in full (rule
 *	  F6), and only if it has become another one.
 *
 *	  object_access_hook says what got another name or schema, before the name
 *	  can be seen; an event trigger on ddl_command_end prints. Neither runs a
 *	  statement (rule J15). What is noted is forgotten with the transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "fmgr.h"
#include "nodes/readfuncs.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "api/definition.h"
#include "api/name.h"
#include "api/partition.h"
#include "api/rename.h"
#include "api/source_ddl.h"
#include "catalog/depend.h"
#include "catalog/extension.h"
#include "catalog/saved.h"
#include "catalog/stream_table.h"
#include "query/query.h"
#include "util/fault.h"
#include "util/written_row.h"

PG_FUNCTION_INFO_V1(st_sql_on_ddl_end);

/* what has got another name or schema, or a column of it another name */
typedef struct Rename
{
	Oid			class;
	Oid			object;
	char	   *old_column;		/* NULL: the object itself */
	char	   *new_column;
} Rename;

static object_access_hook_type previous_hook = NULL;

/* of Rename, in TopTransactionContext; of commands whose end has not come */
static List *renames = NIL;

static void
note(Oid class, Oid object, const char *old_column, const char *new_column)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Rename	   *rename = palloc0(sizeof(Rename));

	rename->class = class;
	rename->object = object;
	if (old_column)
	{
		rename->old_column = pstrdup(old_column);
		rename->new_column = pstrdup(new_column);
	}
	renames = lappend(renames, rename);
	MemoryContextSwitchTo(old);
	if (class == RelationRelationId && old_column == NULL)
		st_saved_note_source(object);
	else if (class == NamespaceRelationId)
		st_saved_note_sources_of(object);
}

static void
look_at_column(Oid relid, AttrNumber attnum)
{
	HeapTuple	old_row = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	HeapTuple	new_row = st_written_column(relid, attnum);

	if (HeapTupleIsValid(old_row) && HeapTupleIsValid(new_row))
	{
		const char *was = NameStr(((Form_pg_attribute) GETSTRUCT(old_row))->attname);
		const char *is = NameStr(((Form_pg_attribute) GETSTRUCT(new_row))->attname);

		if (strcmp(was, is) != 0)
			note(RelationRelationId, relid, was, is);
	}
	if (HeapTupleIsValid(old_row))
		ReleaseSysCache(old_row);
}

static void
look_at_object(Oid class, Oid object)
{
	int			cache = get_object_catcache_oid(class);
	AttrNumber	name = get_object_attnum_name(class);
	AttrNumber	schema = get_object_attnum_namespace(class);
	HeapTuple	old_row = SearchSysCache1(cache, ObjectIdGetDatum(object));
	HeapTuple	new_row = st_written_object(class, get_object_oid_index(class), get_object_attnum_oid(class), object);
	bool		isnull;

	if (HeapTupleIsValid(old_row) && HeapTupleIsValid(new_row) &&
		(strcmp(NameStr(*DatumGetName(SysCacheGetAttr(cache, old_row, name, &isnull))),
				NameStr(*DatumGetName(SysCacheGetAttr(cache, new_row, name, &isnull)))) != 0 ||
		 (schema != InvalidAttrNumber &&
		  SysCacheGetAttr(cache, old_row, schema, &isnull) != SysCacheGetAttr(cache, new_row, schema, &isnull))))
		note(class, object, NULL, NULL);
	if (HeapTupleIsValid(old_row))
		ReleaseSysCache(old_row);
}

static void
object_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (previous_hook)
		previous_hook(access, class, object, sub, arg);
	if (access != OAT_POST_ALTER || object < FirstNormalObjectId)
		return;
	switch (class)
	{
		case RelationRelationId:
			if (sub > 0)
			{
				look_at_column(object, sub);
				break;
			}
			/* FALLTHROUGH */
		case ProcedureRelationId:
		case TypeRelationId:
		case OperatorRelationId:
		case CollationRelationId:
		case NamespaceRelationId:
		case TSConfigRelationId:
		case TSDictionaryRelationId:
			look_at_object(class, object);
			break;
		default:
			break;
	}
}

/* ----- the end of the command ----- */

/* The stream tables whose queries may name it. */
static List *
concerned(const Rename *rename)
{
	List	   *tables;
	Oid			type;
	ListCell   *lc;

	if (rename->class == NamespaceRelationId)
	{
		List	   *all = st_stream_tables_in(InvalidOid);

		tables = NIL;
		foreach(lc, all)
			if (st_depend_uses_schema(lfirst_oid(lc), rename->object))
				tables = lappend_oid(tables, lfirst_oid(lc));
		return tables;
	}
	tables = st_depend_dependants(rename->class, rename->object);
	/* attributes of a composite type, which a query uses by the type */
	type = rename->class == RelationRelationId ? get_rel_type_id(rename->object) : InvalidOid;
	if (OidIsValid(type))
		tables = list_concat_unique_oid(tables, st_depend_dependants(TypeRelationId, type));
	return tables;
}

/* Whether it has become another text. */
static bool
print_text(Oid relid)
{
	StStreamTable *table = st_stream_table_get_if_exists(relid);
	char	   *text;

	if (table == NULL || ST_FAULT("F6 text"))
		return false;
	text = st_query_text(castNode(Query, stringToNode(st_stream_table_analysed(table))));
	if (strcmp(text, st_stream_table_query_text(table)) == 0)
		return false;
	st_stream_table_set_query(table, text);
	return true;
}

static void
print_again(Oid relid)
{
	(void) print_text(relid);
	/* statements that sessions keep for it show the old name */
	CacheInvalidateRelcacheByRelid(relid);
}

void
st_rename_settle(Oid relid)
{
	st_lock_schema_names(ShareLock);
	if (print_text(relid))
		CacheInvalidateRelcacheByRelid(relid);
}

/*
 * Rows of the catalog are written as refreshes write them: with the node. Who
 * renames a relation keeps refreshes that read it out already, and must not wait
 * for them.
 */
static void
lock_nodes(List *done, List *relids)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, done)
		if (((Rename *) lfirst(lc))->class == RelationRelationId)
			return;
	foreach(lc, relids)
	{
		StStreamTable *table = st_stream_table_get_if_exists(lfirst_oid(lc));

		if (table)
			tables = lappend(tables, table);
	}
	st_definition_lock(NIL, tables);
}

Datum
st_sql_on_ddl_end(PG_FUNCTION_ARGS)
{
	List	   *done = renames;
	List	   *tables = NIL;
	bool		snapshot;
	ListCell   *lc;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("not called by an event trigger")));
	renames = NIL;
	if (!OidIsValid(st_internal_relation("pgt_stream_tables", true)))
		PG_RETURN_NULL();

	/*
	 * a command that has committed on its way has none, and long texts need
	 * one
	 */
	snapshot = !ActiveSnapshotSet();
	if (snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	st_source_ddl_end();
	st_partition_ddl_end();
	foreach(lc, done)
	{
		Rename	   *rename = lfirst(lc);

		if (rename->old_column)
			st_dependencies_rename_column(rename->object, rename->old_column, rename->new_column);
		tables = list_concat_unique_oid(tables, concerned(rename));
	}
	lock_nodes(done, tables);
	foreach(lc, tables)
		print_again(lfirst_oid(lc));
	if (snapshot)
		PopActiveSnapshot();
	PG_RETURN_NULL();
}

static void
at_xact_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		renames = NIL;
}

void
st_rename_init(void)
{
	previous_hook = object_access_hook;
	object_access_hook = object_access;
	RegisterXactCallback(at_xact_end, NULL);
}
