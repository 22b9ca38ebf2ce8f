/*-------------------------------------------------------------------------
 *
 * aside.c
 *	  A stream table whose columns change is computed aside (rule J26).
 *
 * NOTES
 *	  ALTER TABLE locks readers out to the end of the transaction, and a query may
 *	  take an hour. So the refresh fills a relation that nobody else sees, with the
 *	  columns that the table will have, and only then the table is locked and
 *	  altered, and takes over the rows.
 *
 *	  They are written as the difference to those that it has, not by a swap of
 *	  files: who has an older snapshot must not see an empty table, what reads
 *	  the stream table gets its changes and need not be recomputed, and triggers,
 *	  foreign keys, constraints and publications are served. Where the rows cannot
 *	  be compared, because a column has another type or they are found by another key, the
 *	  table is emptied before. Of a partitioned table one plain relation stands
 *	  aside, and its rows are put into their partitions when they are taken over.
 *
 *	  Locks: the node's, which the caller has, keeps refreshes away; the table
 *	  against everything but readers, then AccessExclusiveLock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "catalog/toasting.h"
#include "commands/cluster.h"
#include "commands/tablecmds.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "api/aside.h"
#include "apply/apply.h"

/* Does a view read one of these columns? */
static bool
is_read_by_view(Oid relid, List *columns)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		found = form->classid == RewriteRelationId && list_member_int(columns, form->refobjsubid);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return found;
}

/* Are rows put into their partitions, of any level, by one of these columns? */
static bool
is_partition_key(Oid relid, List *columns)
{
	List	   *members = st_table_members(relid);
	bool		found = false;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, members)
	{
		Relation	rel;
		Bitmapset  *attributes = NULL;
		bool		in_expression;

		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_PARTITIONED_TABLE)
			continue;
		rel = relation_open(lfirst_oid(lc), AccessShareLock);
		foreach(lc2, columns)
		{
			/* a partition may have its columns by other numbers */
			AttrNumber	attnum = get_attnum(lfirst_oid(lc), get_attname(relid, lfirst_int(lc2), false));

			attributes = bms_add_member(attributes, attnum - FirstLowInvalidHeapAttributeNumber);
		}
		found |= has_partition_attrs(rel, attributes, &in_expression);
		relation_close(rel, NoLock);
	}
	return found;
}

bool
st_aside_is_possible(const StStreamTable *table, List *columns, bool emptied)
{
	return !is_partition_key(table->relid, columns) && !is_read_by_view(table->relid, columns) &&
		!(emptied && heap_truncate_find_FKs(st_table_members(table->relid)) != NIL);
}

/* The table refuses what it does not take, in its own name. */
static void
take_null(Oid relid, int natts)
{
	Relation	rel = table_open(AttributeRelationId, RowExclusiveLock);

	for (AttrNumber i = 1; i <= natts; i++)
	{
		HeapTuple	tuple = SearchSysCacheCopy2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(i));

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for attribute %d of relation %u", i, relid);
		((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull = false;
		CatalogTupleUpdate(rel, &tuple->t_self, tuple);
	}
	table_close(rel, RowExclusiveLock);
}

Oid
st_aside_create(const StStreamTable *table)
{
	Relation	rel = table_open(table->relid, ShareRowExclusiveLock);
	bool		partitioned = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	Oid			aside = make_new_heap(table->relid, rel->rd_rel->reltablespace,
									  partitioned ? HEAP_TABLE_AM_OID : rel->rd_rel->relam,
									  rel->rd_rel->relpersistence, ShareRowExclusiveLock);
	int			natts = RelationGetNumberOfAttributes(rel);

	table_close(rel, NoLock);
	CommandCounterIncrement();
	/* which a table without storage does not have */
	if (partitioned)
		NewHeapCreateToastTable(aside, (Datum) 0, AccessExclusiveLock, InvalidOid);
	take_null(aside, natts);
	/* ALTER TABLE that rewrites the table uses the name that it has got */
	RenameRelationInternal(aside, psprintf("pgtrickle_aside_" INT64_FORMAT, table->pgt_id), true, false);
	CommandCounterIncrement();
	return aside;
}

void
st_aside_set(const StStreamTable *table, Oid relid)
{
	Oid			types[] = {INT8OID, OIDOID};
	Datum		values[] = {Int64GetDatum(table->pgt_id), ObjectIdGetDatum(relid)};

	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET pgt_relid = $2 WHERE pgt_id = $1", 2, types, values, NULL);
	SPI_finish();
	CommandCounterIncrement();
}

/* The rows are those of the query whatever the guard of the table has let pass. */
static void
note_guard(const StStreamTable *table)
{
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[] = {Int64GetDatum(table->pgt_id), CStringGetTextDatum(st_guard_fingerprint(table->relid, NIL))};

	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.stream_table_internals SET guard_fingerprint = $2 WHERE pgt_id = $1",
							  2, types, values, NULL);
	SPI_finish();
	CommandCounterIncrement();
}

void
st_aside_end(const StStreamTable *table, Oid aside, bool empty)
{
	ObjectAddress address;

	st_refresh_take_over(table->relid, aside, empty);
	note_guard(table);
	st_entry_forget(aside);
	ObjectAddressSet(address, RelationRelationId, aside);
	performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	CacheInvalidateRelcacheByRelid(table->relid);
	CommandCounterIncrement();
}
