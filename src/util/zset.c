/*-------------------------------------------------------------------------
 *
 * zset.c
 *	  Z-sets: rows with integer weights, netted by row image.
 *
 * NOTES
 *	  Rows are netted as they come in a hash table of distinct images. When
 *	  that grows beyond what a hash table may have (work_mem times
 *	  hash_mem_multiplier), its rows go to a tuplesort on (key hash, image hash)
 *	  and the table starts again empty, with half of work_mem as the sort has:
 *	  what repeats is still netted in memory, the rest spills.
 *
 *	  Reading goes run by run. A run is all rows of one key hash (of one image
 *	  if there are no keys), each image once with its summed weight. Only one
 *	  run is in memory; within it rows that leave are paired with rows that
 *	  enter and have the same key image.
 *
 *	  Memory: everything lives in the Z-set's own context, a child of the one
 *	  current at st_zset_begin. On error the context's and resource owner's
 *	  clean-up frees all, temporary files included.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "common/int.h"
#include "compat.h"
#include "miscadmin.h"
#include "util/zset.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

/* Columns in front of the row's in the sort: key hash, image hash, weight. */
#define SORT_EXTRA 3
#define FIRST_BUCKETS 64

typedef struct ZsetEntry
{
	uint64		image;			/* hash of the whole image */
	uint64		key;			/* hash of the key image; set for reading */
	int64		weight;
	MinimalTuple tuple;
} ZsetEntry;

typedef struct EntryArray
{
	ZsetEntry  *items;
	int64		count;
	int64		space;
} EntryArray;

struct StZset
{
	MemoryContext context;
	MemoryContext tuples;		/* of the hash table's rows; reset by a spill */
	MemoryContext run_context;	/* of the current run's rows, when sorted */
	TupleDesc	desc;
	int			nkeys;
	AttrNumber *keys;
	int64		added;
	bool		has_minus;
	bool		reading;

	/* the hash table */
	EntryArray	table;
	uint32	   *buckets;		/* 1 + index of an entry, 0: free */
	uint64		nbuckets;		/* power of 2 */
	Size		used;			/* bytes of tuples */
	Size		limit;

	/* the sort, NULL while in memory */
	Tuplesortstate *sort;
	TupleDesc	sort_desc;
	TupleTableSlot *sort_in;	/* virtual */
	TupleTableSlot *sort_out;	/* minimal */
	TupleTableSlot *row;		/* virtual, a sorted row without the extras */
	bool		sort_ahead;		/* sort_out holds a row not yet consumed */

	/* reading */
	TupleTableSlot *probe;		/* minimal, for comparisons */
	TupleTableSlot *old_row;	/* minimal */
	TupleTableSlot *new_row;
	int64		position;		/* next entry of the table, in memory */
	EntryArray	run;
	int64		leaving;		/* next entry of the run to look at as ... */
	int64		entering;		/* ... the one that leaves, the one that
								 * enters */
	int64		rest;			/* next entry to give out unpaired */
};

static void spill(StZset *zset);
static bool load_run(StZset *zset);
static bool load_sorted_run(StZset *zset);

static ZsetEntry *
append_entry(StZset *zset, EntryArray *array)
{
	if (array->count == array->space)
	{
		array->space = array->space > 0 ? array->space * 2 : 32;
		if (array->items == NULL)
			array->items = MemoryContextAlloc(zset->context, sizeof(ZsetEntry) * array->space);
		else
			array->items = repalloc_huge(array->items, sizeof(ZsetEntry) * array->space);
	}
	return &array->items[array->count++];
}

StZset *
st_zset_begin(TupleDesc desc, int nkeys, const AttrNumber *keys)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle Z-set",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	StZset	   *zset = palloc0(sizeof(StZset));

	zset->context = context;
	zset->tuples = GenerationContextCreate(context, "pg_trickle Z-set rows",
										   ALLOCSET_DEFAULT_SIZES);
	zset->desc = CreateTupleDescCopy(desc);
	zset->nkeys = nkeys;
	if (nkeys > 0)
	{
		zset->keys = palloc(sizeof(AttrNumber) * nkeys);
		memcpy(zset->keys, keys, sizeof(AttrNumber) * nkeys);
	}
	zset->limit = get_hash_memory_limit();
	zset->nbuckets = FIRST_BUCKETS;
	zset->buckets = palloc0(sizeof(uint32) * zset->nbuckets);
	zset->probe = MakeSingleTupleTableSlot(zset->desc, &TTSOpsMinimalTuple);
	MemoryContextSwitchTo(caller);
	return zset;
}

/* Bytes of the hash table without its rows. */
static Size
table_size(const StZset *zset)
{
	return zset->table.space * sizeof(ZsetEntry) + zset->nbuckets * sizeof(uint32);
}

/* Make an empty hash table as small as a first one. */
static void
shrink_table(StZset *zset)
{
	pfree(zset->table.items);
	zset->table.items = NULL;
	zset->table.space = 0;
	pfree(zset->buckets);
	zset->nbuckets = FIRST_BUCKETS;
	zset->buckets = MemoryContextAllocZero(zset->context, sizeof(uint32) * zset->nbuckets);
}

static void
grow_buckets(StZset *zset)
{
	uint64		mask;

	pfree(zset->buckets);
	zset->nbuckets *= 2;
	zset->buckets = MemoryContextAllocExtended(zset->context, sizeof(uint32) * zset->nbuckets,
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	mask = zset->nbuckets - 1;
	for (int64 i = 0; i < zset->table.count; i++)
	{
		uint64		at = zset->table.items[i].image & mask;

		while (zset->buckets[at] != 0)
			at = (at + 1) & mask;
		zset->buckets[at] = (uint32) (i + 1);
	}
}

static void
add_weight(ZsetEntry *entry, int64 weight)
{
	if (pg_add_s64_overflow(entry->weight, weight, &entry->weight))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the number of equal rows is out of range")));
}

void
st_zset_add(StZset *zset, TupleTableSlot *slot, int64 weight)
{
	uint64		image = st_image_hash(slot, 0, NULL);
	uint64		mask = zset->nbuckets - 1;
	uint64		at = image & mask;
	ZsetEntry  *entry;
	MemoryContext caller;

	Assert(!zset->reading);
	Assert(slot->tts_tupleDescriptor->natts == zset->desc->natts);

	zset->added++;
	if (weight < 0)
		zset->has_minus = true;

	for (; zset->buckets[at] != 0; at = (at + 1) & mask)
	{
		entry = &zset->table.items[zset->buckets[at] - 1];
		if (entry->image != image)
			continue;
		ExecStoreMinimalTuple(entry->tuple, zset->probe, false);
		if (st_image_equal(slot, zset->probe, 0, NULL))
		{
			add_weight(entry, weight);
			return;
		}
	}

	entry = append_entry(zset, &zset->table);
	entry->image = image;
	entry->weight = weight;
	caller = MemoryContextSwitchTo(zset->tuples);
	entry->tuple = ExecCopySlotMinimalTuple(slot);
	MemoryContextSwitchTo(caller);
	zset->buckets[at] = (uint32) zset->table.count;
	zset->used += entry->tuple->t_len + 16;

	if (zset->used + table_size(zset) > zset->limit ||
		zset->table.count >= PG_INT32_MAX)
		spill(zset);
	else if ((uint64) zset->table.count * 2 > zset->nbuckets)
		grow_buckets(zset);
}

int64
st_zset_count(const StZset *zset)
{
	return zset->added;
}

bool
st_zset_has_minus(const StZset *zset)
{
	return zset->has_minus;
}

static void
begin_sort(StZset *zset)
{
	static const char *const names[SORT_EXTRA] = {"key", "image", "weight"};
	MemoryContext caller = MemoryContextSwitchTo(zset->context);
	AttrNumber	columns[2] = {1, 2};
	Oid			operators[2] = {Int8LessOperator, Int8LessOperator};
	Oid			collations[2] = {InvalidOid, InvalidOid};
	bool		nulls_first[2] = {false, false};

	zset->sort_desc = CreateTemplateTupleDesc(zset->desc->natts + SORT_EXTRA);
	for (int i = 0; i < SORT_EXTRA; i++)
		TupleDescInitEntry(zset->sort_desc, i + 1, names[i], INT8OID, -1, 0);
	for (int i = 0; i < zset->desc->natts; i++)
		TupleDescCopyEntry(zset->sort_desc, SORT_EXTRA + i + 1, zset->desc, i + 1);
	zset->sort_in = MakeSingleTupleTableSlot(zset->sort_desc, &TTSOpsVirtual);
	zset->sort_out = MakeSingleTupleTableSlot(zset->sort_desc, &TTSOpsMinimalTuple);
	zset->row = MakeSingleTupleTableSlot(zset->desc, &TTSOpsVirtual);
	zset->sort = tuplesort_begin_heap(zset->sort_desc, 2, columns, operators, collations,
									  nulls_first, Max(work_mem / 2, 64), NULL, TUPLESORT_NONE);
	zset->limit = (Size) work_mem * 1024 / 2;
	MemoryContextSwitchTo(caller);
}

/*
 * The key hash of an entry's row. Rows are read in its order: a first key that
 * is a number stands in front, so that who finds and writes them goes through
 * tables and indexes from one end to the other and not criss-cross.
 */
static uint64
entry_key(StZset *zset, ZsetEntry *entry)
{
	Datum		first;
	bool		isnull;

	if (zset->nkeys == 0)
		return entry->image;
	ExecStoreMinimalTuple(entry->tuple, zset->probe, false);
	if (!TupleDescAttr(zset->desc, zset->keys[0] - 1)->attbyval)
		return st_image_hash(zset->probe, zset->nkeys, zset->keys);
	first = slot_getattr(zset->probe, zset->keys[0], &isnull);
	if (isnull)
		first = 0;
	if (zset->nkeys == 1)
		return (uint64) first;
	return (uint64) first << 32 | (uint32) st_image_hash(zset->probe, zset->nkeys, zset->keys);
}

/* Move the hash table's rows into the sort and empty it. */
static void
spill(StZset *zset)
{
	int			natts = zset->desc->natts;

	if (zset->sort == NULL)
		begin_sort(zset);

	for (int64 i = 0; i < zset->table.count; i++)
	{
		ZsetEntry  *entry = &zset->table.items[i];
		TupleTableSlot *in = zset->sort_in;

		CHECK_FOR_INTERRUPTS();
		if (entry->weight == 0)
			continue;
		ExecClearTuple(in);
		in->tts_values[0] = Int64GetDatum((int64) entry_key(zset, entry));
		ExecStoreMinimalTuple(entry->tuple, zset->probe, false);
		slot_getallattrs(zset->probe);
		in->tts_values[1] = Int64GetDatum((int64) entry->image);
		in->tts_values[2] = Int64GetDatum(entry->weight);
		memset(in->tts_isnull, false, SORT_EXTRA);
		memcpy(in->tts_values + SORT_EXTRA, zset->probe->tts_values, sizeof(Datum) * natts);
		memcpy(in->tts_isnull + SORT_EXTRA, zset->probe->tts_isnull, sizeof(bool) * natts);
		ExecStoreVirtualTuple(in);
		tuplesort_puttupleslot(zset->sort, in);
	}

	ExecClearTuple(zset->probe);
	zset->table.count = 0;
	zset->used = 0;
	MemoryContextReset(zset->tuples);

	/*
	 * the first limit is higher than the next: the empty table must not reach
	 * that by itself
	 */
	if (table_size(zset) > zset->limit / 2)
		shrink_table(zset);
	else
		memset(zset->buckets, 0, sizeof(uint32) * zset->nbuckets);
}

static inline int
compare_entries(const ZsetEntry *x, const ZsetEntry *y)
{
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->image != y->image)
		return x->image < y->image ? -1 : 1;
	return 0;
}

#define ST_SORT sort_entries
#define ST_ELEMENT_TYPE ZsetEntry
#define ST_COMPARE(a, b) compare_entries(a, b)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

void
st_zset_rewind(StZset *zset)
{
	MemoryContext caller = MemoryContextSwitchTo(zset->context);

	Assert(!zset->reading);
	zset->reading = true;
	zset->old_row = MakeSingleTupleTableSlot(zset->desc, &TTSOpsMinimalTuple);
	zset->new_row = MakeSingleTupleTableSlot(zset->desc, &TTSOpsMinimalTuple);

	if (zset->sort != NULL)
	{
		spill(zset);
		zset->run_context = AllocSetContextCreate(zset->context, "pg_trickle Z-set run",
												  ALLOCSET_DEFAULT_SIZES);
		tuplesort_performsort(zset->sort);
	}
	else
	{
		int64		kept = 0;

		for (int64 i = 0; i < zset->table.count; i++)
		{
			ZsetEntry  *entry = &zset->table.items[i];

			if (entry->weight == 0)
				continue;
			entry->key = entry_key(zset, entry);
			zset->table.items[kept++] = *entry;
		}
		zset->table.count = kept;
		if (zset->nkeys > 0 && kept > 1)
			sort_entries(zset->table.items, kept);
	}
	MemoryContextSwitchTo(caller);
}

/* Fill zset->run with the next rows of one key hash; false at the end. */
static bool
load_run(StZset *zset)
{
	uint64		key;

	zset->run.count = 0;
	zset->leaving = zset->entering = zset->rest = 0;
	if (zset->sort != NULL)
		return load_sorted_run(zset);

	if (zset->position == zset->table.count)
		return false;
	key = zset->table.items[zset->position].key;
	do
	{
		*append_entry(zset, &zset->run) = zset->table.items[zset->position++];
	} while (zset->nkeys > 0 && zset->position < zset->table.count &&
			 zset->table.items[zset->position].key == key);
	return true;
}

/* Get the row that the sort is at; false at its end. Fills "entry". */
static bool
peek_sorted(StZset *zset, ZsetEntry *entry)
{
	if (!zset->sort_ahead)
	{
		CHECK_FOR_INTERRUPTS();
		if (!tuplesort_gettupleslot(zset->sort, true, false, zset->sort_out, NULL))
			return false;
		zset->sort_ahead = true;
		slot_getallattrs(zset->sort_out);
	}
	entry->key = (uint64) DatumGetInt64(zset->sort_out->tts_values[0]);
	entry->image = (uint64) DatumGetInt64(zset->sort_out->tts_values[1]);
	entry->weight = DatumGetInt64(zset->sort_out->tts_values[2]);
	return true;
}

/* Drop the entries from "from" on whose weights came to nothing. */
static void
drop_empty(StZset *zset, int64 from)
{
	int64		kept = from;

	for (int64 i = from; i < zset->run.count; i++)
	{
		if (zset->run.items[i].weight == 0)
			pfree(zset->run.items[i].tuple);
		else
			zset->run.items[kept++] = zset->run.items[i];
	}
	zset->run.count = kept;
}

static bool
load_sorted_run(StZset *zset)
{
	int			natts = zset->desc->natts;
	ZsetEntry	next;
	uint64		key = 0;
	uint64		image = 0;
	int64		first = 0;		/* first entry of the current image hash */
	bool		started = false;

	for (;;)
	{
		int64		i;
		bool		more = peek_sorted(zset, &next);

		/* the end of an image hash, perhaps of the run */
		if (started && (!more || next.key != key || next.image != image))
		{
			drop_empty(zset, first);
			first = zset->run.count;
			if (more && next.key != key && zset->run.count == 0)
				started = false;	/* the run came to nothing: the next one */
			else if (!more || next.key != key)
				return zset->run.count > 0;
			image = next.image;
		}
		if (!more)
			return zset->run.count > 0;
		if (!started)
		{
			MemoryContextReset(zset->run_context);
			ExecClearTuple(zset->old_row);
			ExecClearTuple(zset->new_row);
			ExecClearTuple(zset->probe);
			key = next.key;
			image = next.image;
			first = zset->run.count = 0;
			started = true;
		}

		/* zset->row borrows the sorted row's values */
		ExecClearTuple(zset->row);
		memcpy(zset->row->tts_values, zset->sort_out->tts_values + SORT_EXTRA, sizeof(Datum) * natts);
		memcpy(zset->row->tts_isnull, zset->sort_out->tts_isnull + SORT_EXTRA, sizeof(bool) * natts);
		ExecStoreVirtualTuple(zset->row);

		for (i = first; i < zset->run.count; i++)
		{
			ExecStoreMinimalTuple(zset->run.items[i].tuple, zset->probe, false);
			if (st_image_equal(zset->row, zset->probe, 0, NULL))
				break;
		}
		if (i < zset->run.count)
			add_weight(&zset->run.items[i], next.weight);
		else
		{
			MemoryContext caller;

			caller = MemoryContextSwitchTo(zset->run_context);
			next.tuple = ExecCopySlotMinimalTuple(zset->row);
			MemoryContextSwitchTo(caller);
			*append_entry(zset, &zset->run) = next;
		}
		ExecClearTuple(zset->row);
		zset->sort_ahead = false;
	}
}

/* Whether two entries of a run have the same key image. */
static bool
same_key(StZset *zset, ZsetEntry *leaves, ZsetEntry *enters)
{
	ExecStoreMinimalTuple(leaves->tuple, zset->old_row, false);
	ExecStoreMinimalTuple(enters->tuple, zset->new_row, false);
	return st_image_equal(zset->old_row, zset->new_row, zset->nkeys, zset->keys);
}

/*
 * Find the next pair of the run and leave it in the two slots. Key images
 * that differ under one hash are rare, so "entering" starts anew per row that
 * leaves only after passing over such a one.
 */
static bool
next_pair(StZset *zset)
{
	EntryArray *run = &zset->run;

	if (zset->nkeys == 0 || run->count < 2)
		return false;
	for (; zset->leaving < run->count; zset->leaving++)
	{
		ZsetEntry  *leaves = &run->items[zset->leaving];
		bool		passed = false;

		if (leaves->weight >= 0)
			continue;
		for (int64 i = zset->entering; i < run->count; i++)
		{
			ZsetEntry  *enters = &run->items[i];

			if (enters->weight <= 0)
				continue;
			if (same_key(zset, leaves, enters))
			{
				leaves->weight++;
				enters->weight--;
				if (!passed)
					zset->entering = i;
				return true;
			}
			passed = true;
		}
	}
	return false;
}

bool
st_zset_next(StZset *zset, StZsetStep *step)
{
	Assert(zset->reading);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		step->old_row = step->new_row = NULL;

		if (zset->rest == 0 && next_pair(zset))
		{
			step->old_row = zset->old_row;
			step->new_row = zset->new_row;
			step->weight = 1;
			return true;
		}
		while (zset->rest < zset->run.count)
		{
			ZsetEntry  *entry = &zset->run.items[zset->rest++];

			if (entry->weight == 0)
				continue;
			if (entry->weight < 0)
			{
				step->old_row = zset->old_row;
				step->weight = -entry->weight;
				ExecStoreMinimalTuple(entry->tuple, zset->old_row, false);
			}
			else
			{
				step->new_row = zset->new_row;
				step->weight = entry->weight;
				ExecStoreMinimalTuple(entry->tuple, zset->new_row, false);
			}
			return true;
		}
		if (!load_run(zset))
			return false;
	}
}

void
st_zset_end(StZset *zset)
{
	ExecDropSingleTupleTableSlot(zset->probe);
	if (zset->reading)
	{
		ExecDropSingleTupleTableSlot(zset->old_row);
		ExecDropSingleTupleTableSlot(zset->new_row);
	}
	if (zset->sort != NULL)
	{
		ExecDropSingleTupleTableSlot(zset->row);
		ExecDropSingleTupleTableSlot(zset->sort_in);
		ExecDropSingleTupleTableSlot(zset->sort_out);
		tuplesort_end(zset->sort);
	}
	MemoryContextDelete(zset->context);
}
