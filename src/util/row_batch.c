/*-------------------------------------------------------------------------
 *
 * row_batch.c
 *	  Rows on their way into a table, many at a time.
 *
 * NOTES
 *	  As COPY does it. The free space map is not asked: tables that only grow
 *	  at their end stay in order of their rows. Tuples with many attributes
 *	  or with values out of line are the access method's business.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "util/row_batch.h"

/* rows per table_multi_insert() */
#define BATCH_ROWS	1000
#define BATCH_BYTES	(256 * 1024)

/* room to begin with: most statements write few rows */
#define FEW_ROWS	8

struct StRowBatch
{
	Relation	rel;
	MemoryContext context;		/* the caller's */
	MemoryContext row_context;	/* the rows, until they are written */
	TupleTableSlot **slots;
	int			maxslots;		/* room for them */
	int			nslots;			/* made so far */
	int			nrows;
	Size		bytes;
	bool		written;
	BulkInsertState bulk;		/* NULL before the second batch */
};

StRowBatch *
st_row_batch_begin(Relation rel, bool always_ring)
{
	StRowBatch *batch = palloc0(sizeof(StRowBatch));

	batch->rel = rel;
	batch->context = CurrentMemoryContext;
	batch->row_context = AllocSetContextCreate(batch->context, "pg_trickle rows", ALLOCSET_START_SMALL_SIZES);
	batch->maxslots = FEW_ROWS;
	batch->slots = palloc(sizeof(TupleTableSlot *) * batch->maxslots);
	batch->bulk = always_ring ? GetBulkInsertState() : NULL;
	return batch;
}

MemoryContext
st_row_batch_context(StRowBatch *batch)
{
	return batch->row_context;
}

static bool
write_rows(StRowBatch *batch)
{
	MemoryContext caller;

	if (batch->nrows == 0)
		return false;
	caller = MemoryContextSwitchTo(batch->context);
	if (batch->bulk == NULL && batch->written)
		batch->bulk = GetBulkInsertState();
	MemoryContextSwitchTo(batch->row_context);
	/* most statements write one row: that needs no room for a page of them */
	if (batch->nrows == 1)
		table_tuple_insert(batch->rel, batch->slots[0], GetCurrentCommandId(true), HEAP_INSERT_SKIP_FSM, batch->bulk);
	else
		table_multi_insert(batch->rel, batch->slots, batch->nrows, GetCurrentCommandId(true), HEAP_INSERT_SKIP_FSM, batch->bulk);
	for (int i = 0; i < batch->nrows; i++)
		ExecClearTuple(batch->slots[i]);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(batch->row_context);
	batch->nrows = 0;
	batch->bytes = 0;
	batch->written = true;
	return true;
}

bool
st_row_batch_add(StRowBatch *batch, const Datum *values, const bool *nulls)
{
	MemoryContext caller = MemoryContextSwitchTo(batch->row_context);
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(batch->rel), (Datum *) values, (bool *) nulls);

	if (batch->nrows == batch->nslots)
	{
		MemoryContextSwitchTo(batch->context);
		if (batch->nslots == batch->maxslots)
		{
			batch->maxslots *= 2;
			batch->slots = repalloc(batch->slots, sizeof(TupleTableSlot *) * batch->maxslots);
		}
		batch->slots[batch->nslots++] = MakeSingleTupleTableSlot(RelationGetDescr(batch->rel), &TTSOpsHeapTuple);
	}
	ExecStoreHeapTuple(tuple, batch->slots[batch->nrows], false);
	MemoryContextSwitchTo(caller);
	batch->nrows++;
	batch->bytes += tuple->t_len;
	return (batch->nrows >= BATCH_ROWS || batch->bytes >= BATCH_BYTES) && write_rows(batch);
}

bool
st_row_batch_is_used(StRowBatch *batch)
{
	return batch->written || batch->nrows > 0;
}

bool
st_row_batch_end(StRowBatch *batch)
{
	bool		left = write_rows(batch);

	for (int i = 0; i < batch->nslots; i++)
		ExecDropSingleTupleTableSlot(batch->slots[i]);
	if (batch->bulk)
	{
		FreeBulkInsertState(batch->bulk);
		table_finish_bulk_insert(batch->rel, HEAP_INSERT_SKIP_FSM);
	}
	MemoryContextDelete(batch->row_context);
	pfree(batch->slots);
	pfree(batch);
	return left;
}
