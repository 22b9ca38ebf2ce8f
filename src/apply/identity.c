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
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class_d.h"
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
	int			count = by_key ? identity->nkeys : desc->natts;

	row->row_typeid = RECORDOID;
	row->row_format = COERCE_IMPLICIT_CAST;
	row->location = -1;
	for (int i = 0; i < count && list_length(row->args) < ST_HASHED_COLUMNS; i++)
	{
		AttrNumber	attno = by_key ? identity->keys[i] : i + 1;
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

/* With a column behind the hash of the identity, unless it is 0. */
static Oid
create_index(Oid relid, const StIdentity *identity, AttrNumber behind, Oid method, bool unique)
{
	Relation	rel = table_open(relid, ShareLock);
	bool		by_key = identity->kind == ST_IDENTITY_KEY;
	int			count = by_key ? identity->nkeys : behind > 0 ? 2 : 1;
	IndexInfo  *info;
	char	   *name;
	Oid		   *collations = palloc0(sizeof(Oid) * count);
	Oid		   *classes = palloc0(sizeof(Oid) * count);
	int16	   *options = palloc0(sizeof(int16) * count);
	List	   *names = NIL;
	StringInfoData addition;
	Oid			index;

	initStringInfo(&addition);
	info = StMakeIndexInfo(count, method,
						   by_key ? NIL : list_make1(make_hash_expression(rel, identity)),
						   by_key && unique && may_be_unique(rel, identity));
	if (by_key)
	{
		for (int i = 0; i < count; i++)
		{
			Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), identity->keys[i] - 1);

			info->ii_IndexAttrNumbers[i] = identity->keys[i];
			collations[i] = att->attcollation;
			classes[i] = GetDefaultOpClass(att->atttypid, method);
			if (!OidIsValid(classes[i]))
				ereport(ERROR,
						(errcode(ERRCODE_UNDEFINED_OBJECT),
						 errmsg("data type %s has no default operator class for access method \"%s\"",
								format_type_be(att->atttypid), get_am_name(method))));
			names = lappend(names, pstrdup(NameStr(att->attname)));
			if (addition.len < NAMEDATALEN)
				appendStringInfo(&addition, "%s%s", i > 0 ? "_" : "", NameStr(att->attname));
		}
	}
	else
	{
		info->ii_IndexAttrNumbers[0] = 0;
		classes[0] = GetDefaultOpClass(INT8OID, BTREE_AM_OID);
		names = list_make1(pstrdup(identity->kind == ST_IDENTITY_KEY_HASH ? "key_hash" : "row_hash"));
		appendStringInfoString(&addition, linitial(names));
	}
	if (behind > 0)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), behind - 1);

		info->ii_IndexAttrNumbers[1] = behind;
		collations[1] = att->attcollation;
		classes[1] = GetDefaultOpClass(att->atttypid, method);
		names = lappend(names, pstrdup(NameStr(att->attname)));
	}

	name = ChooseRelationName(RelationGetRelationName(rel), addition.data, "idx", RelationGetNamespace(rel), false);
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		index = create_partitioned_index(rel, info, name);
	else
		index = StIndexCreate(rel, name, info, names, method, rel->rd_rel->reltablespace, collations, classes,
							  options, 0);
	table_close(rel, NoLock);
	CommandCounterIncrement();
	return index;
}

Oid
st_identity_create_index(Oid relid, const StIdentity *identity)
{
	return create_index(relid, identity, 0, BTREE_AM_OID, true);
}

Oid
st_column_create_index(Oid relid, AttrNumber column, Oid method)
{
	StIdentity	identity = {ST_IDENTITY_KEY, 1, &column};

	return create_index(relid, &identity, 0, method, false);
}

Oid
st_partition_create_index(Oid relid, const StIdentity *partition, AttrNumber column)
{
	Assert(partition->kind == ST_IDENTITY_KEY_HASH);
	return create_index(relid, partition, column, BTREE_AM_OID, false);
}

/* The table's index that st_identity_create_index would make, or InvalidOid. */
static Oid
find_own_index(Relation rel, const StIdentity *identity)
{
	TupleDesc	desc = RelationGetDescr(rel);
	AttrNumber *columns = palloc(sizeof(AttrNumber) * Max(desc->natts, 1));
	int			natts = 0;
	StApplier  *applier;
	ListCell   *lc;

	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			columns[natts++] = i + 1;
	applier = st_applier_create(CurrentMemoryContext, RelationGetRelid(rel), natts, columns, identity);
	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		bool		found = st_index_serves(applier, index) && !OidIsValid(get_index_constraint(lfirst_oid(lc)));

		index_close(index, NoLock);
		if (found)
			return lfirst_oid(lc);
	}
	return InvalidOid;
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
