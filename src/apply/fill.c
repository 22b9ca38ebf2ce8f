/*-------------------------------------------------------------------------
 *
 * fill.c
 *	  Gives a state new contents, whatever it held.
 *
 * NOTES
 *	  As a bulk load does it: into a new file, many rows at a time, and the
 *	  indexes are built when all rows are there. What was there before comes back
 *	  when the (sub)transaction is rolled back. Nobody may read the state
 *	  meanwhile: its indexes are those of the former contents until the end.
 *
 *	  Memory: the rows of a batch.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "apply/applier.h"
#include "compat.h"
#include "util/row_batch.h"

struct StFill
{
	StApplier  *applier;
	Relation	rel;
	StRowBatch *batch;
	int64		rows;
	bool		room;			/* st_room_begin() says so */
	Datum	   *values;			/* room for one row of the table */
	bool	   *nulls;
};

/* A new file for what is not empty; its indexes are left as they are. Returns whether there was something. */
static bool
empty_storage(Oid relid)
{
	Relation	rel = relation_open(relid, AccessExclusiveLock);
	bool		filled = RelationGetNumberOfBlocks(rel) > 0;

	if (filled)
		RelationSetNewRelfilenumber(rel, rel->rd_rel->relpersistence);
	relation_close(rel, NoLock);
	return filled;
}

static void
build_indexes(Oid relid)
{
	ReindexParams params = {0};

	(void) StReindexRelationParts(relid, REINDEX_REL_SUPPRESS_INDEX_USE, &params);
}

StFill *
st_fill_begin(StApplier *applier)
{
	StFill	   *fill = palloc0(sizeof(StFill));
	Oid			toast;

	fill->applier = applier;
	(void) empty_storage(applier->relid);
	fill->rel = table_open(applier->relid, RowExclusiveLock);
	toast = fill->rel->rd_rel->reltoastrelid;
	if (OidIsValid(toast) && empty_storage(toast))
		build_indexes(toast);
	fill->batch = st_row_batch_begin(fill->rel, true);
	fill->values = palloc0(sizeof(Datum) * RelationGetNumberOfAttributes(fill->rel));
	fill->nulls = palloc(sizeof(bool) * RelationGetNumberOfAttributes(fill->rel));
	memset(fill->nulls, true, sizeof(bool) * RelationGetNumberOfAttributes(fill->rel));
	return fill;
}

void
st_fill_add(TupleTableSlot *row, void *arg)
{
	StFill	   *fill = arg;
	StApplier  *applier = fill->applier;

	CHECK_FOR_INTERRUPTS();
	if (++fill->rows == ST_ROOM_ROWS)
		fill->room = st_room_begin(fill->rel);
	slot_getallattrs(row);
	for (int i = 0; i < applier->natts; i++)
	{
		fill->values[applier->columns[i] - 1] = row->tts_values[i];
		fill->nulls[applier->columns[i] - 1] = row->tts_isnull[i];
	}
	(void) st_row_batch_add(fill->batch, fill->values, fill->nulls);
}

void
st_fill_end(StFill *fill)
{
	(void) st_row_batch_end(fill->batch);
	if (fill->room)
		st_room_end(fill->rel);
	table_close(fill->rel, NoLock);
	CommandCounterIncrement();
	build_indexes(fill->applier->relid);
	pfree(fill->values);
	pfree(fill->nulls);
	pfree(fill);
}
