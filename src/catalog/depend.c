/*-------------------------------------------------------------------------
 *
 * depend.c
 *	  What a stream table's query uses, in pg_depend.
 *
 * NOTES
 *	  The rows are the stream table's own, of kind NORMAL and for the table as
 *	  a whole: dropping what the query uses needs CASCADE, and takes the stream
 *	  table along. A row about a column would make ALTER COLUMN TYPE fail with
 *	  an internal error, so columns stand for their relations.
 *
 *	  Such rows outlive the extension, and a later DROP TABLE of a source would
 *	  drop a table that is nothing but a table by then (rule J6). They are
 *	  deleted when the catalog of stream tables is about to be dropped, which
 *	  happens only together with the extension. An event trigger on
 *	  ddl_command_start makes sure that the library is loaded.
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
#include "catalog/objectaddress.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "catalog/depend.h"
#include "catalog/extension.h"
#include "catalog/stream_table.h"
#include "util/fault.h"

static object_access_hook_type previous_hook = NULL;

static void
add_object(Oid class, Oid object, ObjectAddresses *objects)
{
	ObjectAddress address;

	ObjectAddressSet(address, class, object);
	add_exact_object_address(&address, objects);
}

/*
 * Delete the rows of a relation as a whole. With "relations", only those about
 * columns, whose relations are put there.
 */
static void
delete_rows(Oid relid, ObjectAddresses *relations)
{
	Relation	rel = table_open(DependRelationId, RowExclusiveLock);
	ScanKeyData keys[3];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[2], Anum_pg_depend_objsubid, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(0));
	scan = systable_beginscan(rel, DependDependerIndexId, true, NULL, 3, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->deptype != DEPENDENCY_NORMAL || (relations && form->refobjsubid == 0))
			continue;
		/* a plain table depends on its schema and its access method */
		if (form->refclassid == NamespaceRelationId || form->refclassid == AccessMethodRelationId)
			continue;
		if (relations)
			add_object(form->refclassid, form->refobjid, relations);
		CatalogTupleDelete(rel, &tuple->t_self);
	}
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
}

/* Types of columns go with the columns in PostgreSQL's view; we have none. */
static bool
collect_types(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, collect_types, arg, 0);
	if (IsA(node, Var))
		add_object(TypeRelationId, ((Var *) node)->vartype, arg);
	return expression_tree_walker(node, collect_types, arg);
}

void
st_depend_forget(Oid relid)
{
	delete_rows(relid, NULL);
	CommandCounterIncrement();
}

void
st_depend_record(Oid relid, Query *query, List *views)
{
	ObjectAddresses *others = new_object_addresses();
	ObjectAddress self;
	ListCell   *lc;

	ObjectAddressSet(self, RelationRelationId, relid);
	recordDependencyOnExpr(&self, (Node *) query, NIL, DEPENDENCY_NORMAL);
	CommandCounterIncrement();
	delete_rows(relid, others);
	(void) collect_types((Node *) query, others);
	foreach(lc, views)
		add_object(RelationRelationId, lfirst_oid(lc), others);
	/* sorts out duplicates and what is pinned */
	record_object_address_dependencies(&self, others, DEPENDENCY_NORMAL);
	free_object_addresses(others);
	CommandCounterIncrement();
}

List *
st_depend_dependants(Oid class, Oid object)
{
	Relation	rel = table_open(DependRelationId, AccessShareLock);
	List	   *tables = NIL;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(class));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
	scan = systable_beginscan(rel, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->classid == RelationRelationId && form->deptype == DEPENDENCY_NORMAL && form->objsubid == 0 &&
			!list_member_oid(tables, form->objid) && st_is_stream_table(form->objid))
			tables = lappend_oid(tables, form->objid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return tables;
}

/* InvalidOid for a rule that stands for itself. */
static Oid
view_of_rule(Oid rule)
{
	Relation	rel = table_open(RewriteRelationId, AccessShareLock);
	HeapTuple	tuple = get_catalog_object_by_oid(rel, Anum_pg_rewrite_oid, rule);
	Oid			view = InvalidOid;

	if (HeapTupleIsValid(tuple) && strcmp(NameStr(((Form_pg_rewrite) GETSTRUCT(tuple))->rulename), "_RETURN") == 0)
		view = ((Form_pg_rewrite) GETSTRUCT(tuple))->ev_class;
	table_close(rel, AccessShareLock);
	return view;
}

List *
st_depend_views_of_column(Oid relid, AttrNumber attnum)
{
	Relation	rel = table_open(DependRelationId, AccessShareLock);
	List	   *views = NIL;
	ScanKeyData keys[3];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[2], Anum_pg_depend_refobjsubid, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(attnum));
	scan = systable_beginscan(rel, DependReferenceIndexId, true, NULL, 3, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		Oid			view = form->classid == RewriteRelationId ? view_of_rule(form->objid) : InvalidOid;

		if (OidIsValid(view))
			views = list_append_unique_oid(views, view);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return views;
}

/* Is it a table, of whatever kind, or a view? */
static bool
is_table(const ObjectAddress *object)
{
	switch (object->classId == RelationRelationId ? get_rel_relkind(object->objectId) : '\0')
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_FOREIGN_TABLE:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
			return true;
		default:
			return false;
	}
}

/*
 * What depends on an object, of pg_depend's rows, is put into the list. With
 * "columns", a column stands for its relation; without, it goes alone, with what
 * depends on it as on the whole.
 */
static List *
add_dependants(Relation rel, const ObjectAddress *object, bool columns, List *todo)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object->classId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object->objectId));
	scan = systable_beginscan(rel, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		bool		is_rule = form->classid == RewriteRelationId;
		ObjectAddress *dependant;

		if (!columns && form->objsubid != 0 && form->classid == RelationRelationId)
			continue;
		dependant = palloc(sizeof(ObjectAddress));
		/* a view's query is part of the view, which goes with it */
		ObjectAddressSet(*dependant, is_rule ? RelationRelationId : form->classid,
						 is_rule ? view_of_rule(form->objid) : form->objid);
		if (OidIsValid(dependant->objectId))
			todo = lappend(todo, dependant);
	}
	systable_endscan(scan);
	return todo;
}

/* The objects and all that depends on them, as far as "columns" says, each once, as a whole, after what it depends on. */
static List *
reach(List *objects, bool columns)
{
	Relation	rel = table_open(DependRelationId, AccessShareLock);
	List	   *todo = list_copy(objects);
	List	   *result = NIL;
	HTAB	   *seen;
	HASHCTL		ctl;

	ctl.keysize = sizeof(ObjectAddress);
	ctl.entrysize = sizeof(ObjectAddress);
	ctl.hcxt = CurrentMemoryContext;
	seen = hash_create("pg_trickle objects that depend on others", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	while (todo != NIL)
	{
		ObjectAddress *object = palloc(sizeof(ObjectAddress));
		bool		known;

		CHECK_FOR_INTERRUPTS();
		*object = *(ObjectAddress *) llast(todo);
		todo = list_delete_last(todo);

		/*
		 * parts of an object as the whole: few objects have columns that
		 * others depend on
		 */
		object->objectSubId = 0;
		(void) hash_search(seen, object, HASH_ENTER, &known);
		if (known)
			continue;
		result = lappend(result, object);
		todo = add_dependants(rel, object, columns, todo);
	}
	hash_destroy(seen);
	table_close(rel, AccessShareLock);
	return result;
}

List *
st_depend_reached(List *objects, List **relations)
{
	List	   *tables = NIL;
	ListCell   *lc;

	*relations = NIL;
	foreach(lc, objects)
		if (is_table(lfirst(lc)) && !st_is_stream_table(((ObjectAddress *) lfirst(lc))->objectId))
			*relations = lappend_oid(*relations, ((ObjectAddress *) lfirst(lc))->objectId);
	foreach(lc, reach(objects, false))
	{
		ObjectAddress *object = lfirst(lc);

		if (object->classId == RelationRelationId && st_is_stream_table(object->objectId))
			tables = lappend_oid(tables, object->objectId);
		else if (is_table(object))
			*relations = list_append_unique_oid(*relations, object->objectId);
	}
	return tables;
}

/* A relation, or the type of its rows, that is a stream table: of circles of these others decide. */
static bool
is_of_stream_table(Oid class, Oid object)
{
	Oid			relid = class == TypeRelationId ? get_typ_typrelid(object) : class == RelationRelationId ? object : InvalidOid;

	return OidIsValid(relid) && st_is_stream_table(relid);
}

void
st_depend_check_circle(Oid relid)
{
	ObjectAddress self;
	List	   *reached;
	Relation	rel;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	if (ST_FAULT("J27"))
		return;
	ObjectAddressSet(self, RelationRelationId, relid);
	reached = reach(list_make1(&self), true);
	rel = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, DependDependerIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		ListCell   *lc;

		if (form->deptype != DEPENDENCY_NORMAL || is_of_stream_table(form->refclassid, form->refobjid))
			continue;
		foreach(lc, reached)
		{
			ObjectAddress *object = lfirst(lc);

			if (object->classId == form->refclassid && object->objectId == form->refobjid)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_SCHEMA_DEFINITION),
						 errmsg("cycle detected in dependency graph: stream table \"%s\" would use %s, which depends on it",
								get_rel_name(relid), getObjectDescription(object, false)),
						 errhint("Neither could be dumped, or dropped, before the other.")));
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

bool
st_depend_uses_schema(Oid relid, Oid schema)
{
	Relation	rel = table_open(DependRelationId, AccessShareLock);
	bool		found = false;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, DependDependerIndexId, true, NULL, 2, keys);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress used;

		ObjectAddressSet(used, form->refclassid, form->refobjid);
		found = form->deptype == DEPENDENCY_NORMAL && is_objectclass_supported(form->refclassid) &&
			get_object_namespace(&used) == schema;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* ----- the end of the extension ----- */

static void
release_stream_tables(Oid catalog)
{
	Relation	rel = table_open(catalog, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	int			count = 0;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		relid = heap_getattr(tuple, 2, RelationGetDescr(rel), &isnull);

		delete_rows(DatumGetObjectId(relid), NULL);
		count++;
	}
	systable_endscan(scan);
	table_close(rel, NoLock);
	if (count > 0)
		ereport(NOTICE,
				(errmsg_plural("%d stream table stays as a plain table", "%d stream tables stay as plain tables",
							   count, count)));
}

static void
object_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (previous_hook)
		previous_hook(access, class, object, sub, arg);
	if (access == OAT_DROP && class == RelationRelationId && sub == 0 &&
		object == st_internal_relation("pgt_stream_tables", true) && !ST_FAULT("J6"))
		release_stream_tables(object);
}

void
st_depend_init(void)
{
	previous_hook = object_access_hook;
	object_access_hook = object_access;
}
