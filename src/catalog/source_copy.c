/*-------------------------------------------------------------------------
 *
 * source_copy.c
 *	  Copies of foreign tables and materialized views, in the catalog.
 *
 * The table is small: it is read from end to end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "catalog/extension.h"
#include "catalog/source_copy.h"
#include "catalog/stream_table.h"

/* Columns of pgtrickle.source_copy. */
#define COLUMN_COPY		1
#define COLUMN_SOURCE	2
#define COLUMN_READER	3
#define COLUMN_ATTNUMS	4
#define COLUMN_FILLED	5

static StSourceCopy *
read_copy(HeapTuple tuple, TupleDesc desc)
{
	StSourceCopy *copy = palloc0(sizeof(StSourceCopy));
	bool		isnull;
	Datum	   *attnums;
	int			n;

	copy->relid = DatumGetObjectId(heap_getattr(tuple, COLUMN_COPY, desc, &isnull));
	copy->source = DatumGetObjectId(heap_getattr(tuple, COLUMN_SOURCE, desc, &isnull));
	copy->reader = DatumGetObjectId(heap_getattr(tuple, COLUMN_READER, desc, &isnull));
	copy->filled = DatumGetBool(heap_getattr(tuple, COLUMN_FILLED, desc, &isnull));
	deconstruct_array(DatumGetArrayTypeP(heap_getattr(tuple, COLUMN_ATTNUMS, desc, &isnull)),
					  INT2OID, 2, true, TYPALIGN_SHORT, &attnums, NULL, &n);
	for (int i = 0; i < n; i++)
		copy->attnums = bms_add_member(copy->attnums, DatumGetInt16(attnums[i]));
	return copy;
}

/* Of StSourceCopy: those with this copy, source and reader, as far as they are given. */
static List *
read_copies(Oid relid, Oid source, Oid reader)
{
	Oid			catalog = st_internal_relation("source_copy", true);
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;

	/* the extension is being dropped */
	if (!OidIsValid(catalog))
		return NIL;
	rel = table_open(catalog, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		StSourceCopy *copy = read_copy(tuple, RelationGetDescr(rel));

		if ((!OidIsValid(relid) || copy->relid == relid) && (!OidIsValid(source) || copy->source == source) &&
			(!OidIsValid(reader) || copy->reader == reader))
			result = lappend(result, copy);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

StSourceCopy *
st_source_copy_get(Oid relid)
{
	List	   *copies = read_copies(relid, InvalidOid, InvalidOid);

	return copies ? linitial(copies) : NULL;
}

static int
by_oid(const ListCell *a, const ListCell *b)
{
	Oid			x = ((StSourceCopy *) lfirst(a))->relid;
	Oid			y = ((StSourceCopy *) lfirst(b))->relid;

	return x < y ? -1 : x > y;
}

List *
st_source_copy_find(Oid source, Oid reader)
{
	List	   *copies = read_copies(InvalidOid, source, reader);

	list_sort(copies, by_oid);
	return copies;
}

List *
st_source_copy_unused(void)
{
	return st_catalog_oids("SELECT c.copy_relid FROM pgtrickle.source_copy AS c WHERE NOT EXISTS"
						   " (SELECT FROM pgtrickle.stream_table_internals AS i"
						   "   WHERE c.copy_relid OPERATOR(pg_catalog.=) ANY (i.copies)) ORDER BY 1", 0, NULL, NULL);
}

/* Run a statement with a copy's columns as parameters $1 to $5. */
static void
execute(const char *sql, const StSourceCopy *copy)
{
	Oid			types[] = {OIDOID, OIDOID, OIDOID, INT2ARRAYOID, BOOLOID};
	Datum		values[5];
	Datum	   *attnums = palloc(sizeof(Datum) * Max(bms_num_members(copy->attnums), 1));
	int			attnum = -1;
	int			n = 0;

	while ((attnum = bms_next_member(copy->attnums, attnum)) >= 0)
		attnums[n++] = Int16GetDatum(attnum);
	values[0] = ObjectIdGetDatum(copy->relid);
	values[1] = ObjectIdGetDatum(copy->source);
	values[2] = ObjectIdGetDatum(copy->reader);
	values[3] = PointerGetDatum(construct_array(attnums, n, INT2OID, 2, true, TYPALIGN_SHORT));
	values[4] = BoolGetDatum(copy->filled);
	SPI_connect();
	(void) st_catalog_execute(sql, 5, types, values, NULL);
	SPI_finish();
}

void
st_source_copy_insert(const StSourceCopy *copy)
{
	execute("INSERT INTO pgtrickle.source_copy (copy_relid, source_relid, reader, attnums, filled)"
			" VALUES ($1, $2, $3, $4, $5)", copy);
}

void
st_source_copy_update(const StSourceCopy *copy)
{
	execute("UPDATE pgtrickle.source_copy SET attnums = $4, filled = $5 WHERE copy_relid = $1", copy);
}

void
st_source_copy_delete(Oid relid)
{
	StSourceCopy copy = {.relid = relid};

	execute("DELETE FROM pgtrickle.source_copy WHERE copy_relid = $1", &copy);
}
