/*-------------------------------------------------------------------------
 *
 * identity.c
 *	  The index by which a row of a node is found again.
 *
 * NOTES
 *	  Made by index_create, of a partitioned table by DefineIndex, never by a
 *	  utility statement (rules J18). Indexed
 *	  expressions are built as the parser would build them, so that a generated
 *	  statement finds them again:
 *	  hash_record_extended(ROW(keys), 0::bigint) and
 *	  pgtrickle.row_image_hash(ROW(columns)), columns in attribute order, and
 *	  no more than ST_HASHED_COLUMNS of them: an expression must fit into a row
 *	  of pg_index, which before 18 has no TOAST table. What has an equal hash is
 *	  a candidate only, so hashing less is as right.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class_d.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_opclass_d.h"
#include "catalog/pg_type_d.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"

#include "apply/applier.h"
#include "compat.h"

/* The function in the expression of a hashed identity's index. */
Oid
st_identity_hash_function(StIdentityKind kind)
{
	Oid			record = RECORDOID;

	if (kind == ST_IDENTITY_KEY_HASH)
		return F_HASH_RECORD_EXTENDED;
	return LookupFuncName(list_make2(makeString("pgtrickle"), makeString("row_image_hash")),
						  1, &record, false);
}

static Expr *
make_hash_expression(Relation rel, const StIdentity *identity)
{
	TupleDesc	desc = RelationGetDescr(rel);
	RowExpr    *row = makeNode(RowExpr);
	List	   *args;
	bool		by_key = identity->kind == ST_IDENTITY_KEY_HASH;
	int			count = identity->nkeys > 0 ? identity->nkeys : desc->natts;

	row->row_typeid = RECORDOID;
	row->row_format = COERCE_IMPLICIT_CAST;
	row->location = -1;
	for (int i = 0; i < count && list_length(row->args) < ST_HASHED_COLUMNS; i++)
	{
		AttrNumber	attno = identity->nkeys > 0 ? identity->keys[i] : i + 1;
		Form_pg_attribute att = TupleDescAttr(desc, attno - 1);

		if (att->attisdropped)
			continue;
		row->args = lappend(row->args, makeVar(1, attno, att->atttypid, att->atttypmod,
											   att->attcollation, 0));
		row->colnames = lappend(row->colnames,
								makeString(psprintf("f%d", list_length(row->args))));
	}

	args = list_make1(row);
	if (by_key)
		args = lappend(args, makeConst(INT8OID, -1, InvalidOid, sizeof(int64),
									   Int64GetDatum(0), false, FLOAT8PASSBYVAL));
	return (Expr *) makeFuncExpr(st_identity_hash_function(identity->kind), INT8OID, args,
								 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

/* A unique index of a partitioned table has its partition key among its columns. */
static bool
may_be_unique(Relation rel, const StIdentity *identity)
{
	PartitionKey key = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ? RelationGetPartitionKey(rel) : NULL;

	for (int i = 0; key && i < key->partnatts; i++)
	{
		bool		found = false;

		for (int j = 0; j < identity->nkeys; j++)
			found = found || key->partattrs[i] == identity->keys[j];
		if (!found)
			return false;
	}
	return true;
}

/* Of a partitioned table: PostgreSQL's own way makes those of the partitions as well, and of later ones. */
static Oid
create_partitioned_index(Relation rel, IndexInfo *info, const char *name)
{
	IndexStmt  *stmt = makeNode(IndexStmt);

	stmt->idxname = pstrdup(name);
	stmt->accessMethod = pstrdup("btree");
	stmt->unique = info->ii_Unique;
	stmt->transformed = true;
	for (int i = 0; i < info->ii_NumIndexAttrs; i++)
	{
		IndexElem  *element = makeNode(IndexElem);

		if (info->ii_IndexAttrNumbers[i] != 0)
			element->name = pstrdup(NameStr(TupleDescAttr(RelationGetDescr(rel), info->ii_IndexAttrNumbers[i] - 1)->attname));
		else
			element->expr = linitial(info->ii_Expressions);
		stmt->indexParams = lappend(stmt->indexParams, element);
	}
	return StDefineIndex(RelationGetRelid(rel), stmt).objectId;
}

/* pgtrickle.short_value(column) */
static Expr *
make_short_value(Form_pg_attribute att)
{
	Oid			any = ANYELEMENTOID;
	Oid			function = LookupFuncName(list_make2(makeString("pgtrickle"), makeString("short_value")), 1, &any, false);
	Var		   *column = makeVar(1, att->attnum, att->atttypid, att->atttypmod, att->attcollation, 0);

	return (Expr *) makeFuncExpr(function, att->atttypid, list_make1(column), att->attcollation, att->attcollation,
								 COERCE_EXPLICIT_CALL);
}

/* What an index is made of, in the making. */
typedef struct IndexParts
{
	Relation	rel;
	Oid			method;
	int			count;
	AttrNumber	columns[INDEX_MAX_KEYS];	/* 0: an expression */
	List	   *expressions;
	Oid			collations[INDEX_MAX_KEYS];
	Oid			classes[INDEX_MAX_KEYS];
	List	   *names;
	StringInfoData addition;	/* to the name of the index */
} IndexParts;

static void
add_part(IndexParts *parts, AttrNumber column, Expr *expression, Oid type, Oid collation, const char *name)
{
	int			i = parts->count++;

	parts->columns[i] = expression ? 0 : column;
	if (expression)
		parts->expressions = lappend(parts->expressions, expression);
	parts->collations[i] = collation;
	parts->classes[i] = GetDefaultOpClass(type, parts->method);
	if (!OidIsValid(parts->classes[i]))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("data type %s has no default operator class for access method \"%s\"",
						format_type_be(type), get_am_name(parts->method))));
	parts->names = lappend(parts->names, pstrdup(name));
}

static void
add_column(IndexParts *parts, AttrNumber column, bool shortened)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(parts->rel), column - 1);

	add_part(parts, column, shortened ? make_short_value(att) : NULL, att->atttypid, att->attcollation, NameStr(att->attname));
	if (parts->addition.len < NAMEDATALEN)
		appendStringInfo(&parts->addition, "%s%s", parts->count > 1 ? "_" : "", NameStr(att->attname));
}

static void
add_hash(IndexParts *parts, const StIdentity *identity)
{
	const char *name = identity->kind == ST_IDENTITY_KEY_HASH ? "key_hash" : "row_hash";

	add_part(parts, 0, make_hash_expression(parts->rel, identity), INT8OID, InvalidOid, name);
	appendStringInfoString(&parts->addition, name);
}

static IndexParts *
begin_index(Oid relid, Oid method)
{
	IndexParts *parts = palloc0(sizeof(IndexParts));

	parts->rel = table_open(relid, ShareLock);
	parts->method = method;
	initStringInfo(&parts->addition);
	return parts;
}

static Oid
create_index(IndexParts *parts, bool unique)
{
	Relation	rel = parts->rel;
	IndexInfo  *info = StMakeIndexInfo(parts->count, parts->method, parts->expressions, unique);
	char	   *name = ChooseRelationName(RelationGetRelationName(rel), parts->addition.data, "idx", RelationGetNamespace(rel), false);
	int16	   *options = palloc0(sizeof(int16) * parts->count);
	Oid			index;

	for (int i = 0; i < parts->count; i++)
		info->ii_IndexAttrNumbers[i] = parts->columns[i];
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		index = create_partitioned_index(rel, info, name);
	else
		index = StIndexCreate(rel, name, info, parts->names, parts->method, rel->rd_rel->reltablespace, parts->collations,
							  parts->classes, options, 0);
	table_close(rel, NoLock);
	CommandCounterIncrement();
	return index;
}

/* A dependency that PostgreSQL records of no index: a normal one on its table. It goes with the table all the same. */
static void
mark_own(Oid relid, Oid index)
{
	ObjectAddress own;
	ObjectAddress table;

	ObjectAddressSet(own, RelationRelationId, index);
	ObjectAddressSet(table, RelationRelationId, relid);
	recordDependencyOn(&own, &table, DEPENDENCY_NORMAL);
}

static bool
is_marked_own(Oid relid, Oid index)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(index));
	scan = systable_beginscan(depend, DependDependerIndexId, true, NULL, 2, keys);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		found = form->refclassid == RelationRelationId && form->refobjid == relid && form->deptype == DEPENDENCY_NORMAL;
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return found;
}

Oid
st_identity_create_index(Oid relid, const StIdentity *identity)
{
	IndexParts *parts = begin_index(relid, BTREE_AM_OID);
	Oid			index;

	if (identity->kind != ST_IDENTITY_KEY)
		add_hash(parts, identity);
	for (int i = 0; identity->kind == ST_IDENTITY_KEY && i < identity->nkeys; i++)
		add_column(parts, identity->keys[i], false);
	index = create_index(parts, identity->kind == ST_IDENTITY_KEY && may_be_unique(parts->rel, identity));
	mark_own(relid, index);
	return index;
}

Oid
st_column_create_index(Oid relid, AttrNumber column, Oid method)
{
	IndexParts *parts = begin_index(relid, method);

	add_column(parts, column, false);
	return create_index(parts, false);
}

Oid
st_window_create_index(Oid relid, const StIdentity *partition, AttrNumber column, bool shortened)
{
	IndexParts *parts = begin_index(relid, BTREE_AM_OID);

	Assert(partition->kind == ST_IDENTITY_KEY_HASH);
	if (partition->nkeys > 0)
		add_hash(parts, partition);
	if (column > 0)
		add_column(parts, column, shortened);
	return create_index(parts, false);
}

/*
 * The table's index that st_identity_create_index has made, or would make, or
 * InvalidOid. A user may have made another such one; which is ours, REINDEX
 * CONCURRENTLY carries over and a dump does not.
 */
static Oid
find_own_index(Relation rel, const StIdentity *identity)
{
	TupleDesc	desc = RelationGetDescr(rel);
	AttrNumber *columns = palloc(sizeof(AttrNumber) * Max(desc->natts, 1));
	int			natts = 0;
	StApplier  *applier;
	Oid			found = InvalidOid;
	ListCell   *lc;

	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			columns[natts++] = i + 1;
	applier = st_applier_create(CurrentMemoryContext, RelationGetRelid(rel), natts, columns, identity);
	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		bool		serves = st_index_serves(applier, index) && !OidIsValid(get_index_constraint(lfirst_oid(lc)));

		index_close(index, NoLock);
		if (serves && is_marked_own(RelationGetRelid(rel), lfirst_oid(lc)))
			return lfirst_oid(lc);
		if (serves && !OidIsValid(found))
			found = lfirst_oid(lc);
	}
	return found;
}

Oid
st_identity_index(Oid relid, const StIdentity *identity)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Oid			found = find_own_index(rel, identity);

	table_close(rel, NoLock);
	return found;
}

void
st_identity_drop_index(Oid relid, const StIdentity *identity)
{
	Relation	rel = table_open(relid, AccessExclusiveLock);
	Oid			index = find_own_index(rel, identity);
	ObjectAddress address;

	table_close(rel, NoLock);
	if (!OidIsValid(index))
		return;
	ObjectAddressSet(address, RelationRelationId, index);
	performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	CommandCounterIncrement();
}
