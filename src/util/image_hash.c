/*-------------------------------------------------------------------------
 *
 * image_hash.c
 *	  Hash and equality of row images.
 *
 * NOTES
 *	  Two images are equal when record_image_eq() says so: NULLs are equal, a
 *	  by-value type compares as its Datum, everything else as the bytes after
 *	  detoasting. The hash is stored in indexes, so it must never change: it
 *	  uses hash_bytes_extended(), as hash partitioning does, and a mixing step
 *	  of our own. It does not depend on how a value is toasted, compressed or
 *	  whether it is expanded. Detoasted copies are freed at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "util/zset.h"
#include "utils/typcache.h"

/* What a NULL contributes; any constant serves. */
#define NULL_IMAGE UINT64CONST(0x9e3779b97f4a7c15)

PG_FUNCTION_INFO_V1(st_sql_row_image_hash);

static inline uint64
mix(uint64 hash)
{
	hash ^= hash >> 33;
	hash *= UINT64CONST(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	hash *= UINT64CONST(0xc4ceb9fe1a85ec53);
	hash ^= hash >> 33;
	return hash;
}

/* Order matters: (a, b) and (b, a) fold to different hashes. */
static inline uint64
fold(uint64 hash, uint64 value)
{
	return mix(((hash << 27) | (hash >> 37)) + UINT64CONST(0x52dce729) + value);
}

/* A by-value Datum cut to the width of its type. */
static inline uint64
by_value_image(Datum value, int16 len)
{
	switch (len)
	{
		case 1:
			return (uint8) value;
		case 2:
			return (uint16) value;
		case 4:
			return (uint32) value;
		default:
			return (uint64) value;
	}
}

uint64
st_image_null_hash(uint64 hash)
{
	return fold(hash, NULL_IMAGE);
}

uint64
st_image_datum_hash(uint64 hash, Datum value, bool byval, int16 len)
{
	if (byval)
		return fold(hash, by_value_image(value, len));

	if (len == -1)
	{
		struct varlena *packed = pg_detoast_datum_packed((struct varlena *) DatumGetPointer(value));
		uint64		image = hash_bytes_extended((unsigned char *) VARDATA_ANY(packed),
												VARSIZE_ANY_EXHDR(packed), 0);

		if ((Pointer) packed != DatumGetPointer(value))
			pfree(packed);
		return fold(hash, image);
	}

	if (len == -2)
		return fold(hash, hash_bytes_extended((unsigned char *) DatumGetCString(value),
											  strlen(DatumGetCString(value)), 0));

	return fold(hash, hash_bytes_extended((unsigned char *) DatumGetPointer(value), len, 0));
}

bool
st_image_datum_equal(Datum a, Datum b, bool byval, int16 len)
{
	struct varlena *x;
	struct varlena *y;
	Size		size;
	bool		equal;

	if (byval)
		return by_value_image(a, len) == by_value_image(b, len);
	if (a == b)
		return true;
	if (len == -2)
		return strcmp(DatumGetCString(a), DatumGetCString(b)) == 0;
	if (len != -1)
		return memcmp(DatumGetPointer(a), DatumGetPointer(b), len) == 0;

	x = (struct varlena *) DatumGetPointer(a);
	y = (struct varlena *) DatumGetPointer(b);

	/* The same stored value: no need to fetch it. */
	if (VARATT_IS_EXTERNAL_ONDISK(x) && VARATT_IS_EXTERNAL_ONDISK(y) &&
		memcmp(x, y, VARSIZE_EXTERNAL(x)) == 0)
		return true;

	size = toast_raw_datum_size(a);
	if (size != toast_raw_datum_size(b))
		return false;

	x = pg_detoast_datum_packed(x);
	y = pg_detoast_datum_packed(y);
	equal = memcmp(VARDATA_ANY(x), VARDATA_ANY(y), size - VARHDRSZ) == 0;
	if ((Pointer) x != DatumGetPointer(a))
		pfree(x);
	if ((Pointer) y != DatumGetPointer(b))
		pfree(y);
	return equal;
}

/*
 * The hash of the images of the named attributes, in the order given; all that
 * are not dropped if natts = 0.
 */
uint64
st_image_hash(TupleTableSlot *slot, int natts, const AttrNumber *atts)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	int			count = natts > 0 ? natts : desc->natts;
	uint64		hash = 0;

	slot_getallattrs(slot);
	for (int i = 0; i < count; i++)
	{
		int			column = natts > 0 ? atts[i] - 1 : i;
		Form_pg_attribute att = TupleDescAttr(desc, column);

		if (att->attisdropped)
			continue;
		if (slot->tts_isnull[column])
			hash = st_image_null_hash(hash);
		else
			hash = st_image_datum_hash(hash, slot->tts_values[column], att->attbyval, att->attlen);
	}
	return hash;
}

/* Whether the named attributes (all if natts = 0) have equal images. */
bool
st_image_equal(TupleTableSlot *a, TupleTableSlot *b, int natts, const AttrNumber *atts)
{
	TupleDesc	desc = a->tts_tupleDescriptor;
	int			count = natts > 0 ? natts : desc->natts;

	slot_getallattrs(a);
	slot_getallattrs(b);
	for (int i = 0; i < count; i++)
	{
		int			column = natts > 0 ? atts[i] - 1 : i;
		Form_pg_attribute att = TupleDescAttr(desc, column);

		if (att->attisdropped)
			continue;
		if (a->tts_isnull[column] != b->tts_isnull[column])
			return false;
		if (!a->tts_isnull[column] &&
			!st_image_datum_equal(a->tts_values[column], b->tts_values[column],
								  att->attbyval, att->attlen))
			return false;
	}
	return true;
}

/*
 * pgtrickle.row_image_hash(record) returns bigint
 *
 * The expression of the index of an identity by image. Gives what
 * st_image_hash() gives for a slot with the same values.
 */
Datum
st_sql_row_image_hash(PG_FUNCTION_ARGS)
{
	HeapTupleHeader record = PG_GETARG_HEAPTUPLEHEADER(0);
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(record),
											  HeapTupleHeaderGetTypMod(record));
	HeapTupleData tuple;
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	uint64		hash = 0;

	tuple.t_len = HeapTupleHeaderGetDatumLength(record);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = record;
	heap_deform_tuple(&tuple, desc, values, nulls);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		if (nulls[i])
			hash = st_image_null_hash(hash);
		else
			hash = st_image_datum_hash(hash, values[i], att->attbyval, att->attlen);
	}

	pfree(values);
	pfree(nulls);
	ReleaseTupleDesc(desc);
	PG_FREE_IF_COPY(record, 0);
	PG_RETURN_INT64((int64) hash);
}
