/*-------------------------------------------------------------------------
 *
 * fuse.c
 *	  Fuses of stream tables, as a refresh reads them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "catalog/extension.h"
#include "catalog/fuse.h"

static Datum
column(HeapTuple tuple, TupleDesc desc, const char *name, bool *isnull)
{
	for (int i = 0; i < desc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return heap_getattr(tuple, i + 1, desc, isnull);
	elog(ERROR, "column \"%s\" of the catalog is missing", name);
}

/* The row of a stream table, by pgt_id, in a table that has that first. */
static HeapTuple
read_row(const char *table, const char *index, int64 pgt_id, Snapshot snapshot, TupleDesc *desc)
{
	Relation	rel = table_open(st_internal_relation(table, false), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(pgt_id));
	scan = systable_beginscan(rel, st_internal_relation(index, false), true, snapshot, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	*desc = CreateTupleDescCopy(RelationGetDescr(rel));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return tuple;
}

bool
st_fuse_read(StStreamTable *table, Snapshot snapshot, StFuse *fuse)
{
	TupleDesc	desc;
	HeapTuple	tuple = read_row("pgt_stream_tables", "pgt_stream_tables_pkey", table->pgt_id, snapshot, &desc);
	char	   *mode;
	bool		isnull;
	Datum		value;

	if (!HeapTupleIsValid(tuple))
		return false;
	mode = TextDatumGetCString(column(tuple, desc, "fuse_mode", &isnull));
	fuse->on = strcmp(mode, "off") != 0 &&
		strcmp(TextDatumGetCString(column(tuple, desc, "fuse_state", &isnull)), "armed") == 0;
	fuse->only_if_cheaper = strcmp(mode, "auto") == 0;
	value = column(tuple, desc, "fuse_ceiling", &isnull);
	fuse->ceiling = isnull ? 0 : DatumGetInt64(value);
	value = column(tuple, desc, "fuse_sensitivity", &isnull);
	fuse->sensitivity = isnull ? 1 : DatumGetInt32(value);
	fuse->observations = 0;
	if (!fuse->on)
		return true;
	tuple = read_row("stream_table_internals", "stream_table_internals_pkey", table->pgt_id, snapshot, &desc);
	if (HeapTupleIsValid(tuple))
		fuse->observations = DatumGetInt32(column(tuple, desc, "fuse_observations", &isnull));
	return true;
}

void
st_fuse_arm(int64 pgt_id, bool once)
{
	Oid			types[] = {INT8OID, INT4OID};
	Datum		values[] = {Int64GetDatum(pgt_id), Int32GetDatum(once ? -1 : 0)};

	if (st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET fuse_state = 'armed', blown_at = NULL, blow_reason = NULL"
						   " WHERE pgt_id = $1 AND fuse_state = 'blown'", 1, types, values, NULL) > 0)
		(void) st_catalog_execute("UPDATE pgtrickle.stream_table_internals SET fuse_observations = $2 WHERE pgt_id = $1",
								  2, types, values, NULL);
}
