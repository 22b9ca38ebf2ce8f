/*-------------------------------------------------------------------------
 *
 * zset.h
 *	  Z-sets: rows with integer weights, netted by row image.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_ZSET_H
#define ST_UTIL_ZSET_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"

typedef struct StZset StZset;

/*
 * One step of a drained Z-set. At least one of the slots is set.
 * old_row: the row leaves (weight times), new_row: it enters (weight times).
 * Both set: the row whose key image is that of both changes from old to new;
 * weight is then 1.
 */
typedef struct StZsetStep
{
	TupleTableSlot *old_row;
	TupleTableSlot *new_row;
	int64		weight;			/* > 0 */
} StZsetStep;

/*
 * Begin an empty Z-set over rows of "desc" (without a weight column; copied).
 * key attributes pair rows that leave with rows that enter; nkeys = 0: no
 * pairing. Spills to disk beyond work_mem. Lives in CurrentMemoryContext.
 */
extern StZset *st_zset_begin(TupleDesc desc, int nkeys, const AttrNumber *keys);

/* Add a row "weight" times (may be negative, not 0). The slot is copied. */
extern void st_zset_add(StZset *zset, TupleTableSlot *slot, int64 weight);

/* Rows added so far, before netting, and whether any weight was negative. */
extern int64 st_zset_count(const StZset *zset);
extern bool st_zset_has_minus(const StZset *zset);

/*
 * End adding and start reading. Then st_zset_next fills "step" and returns
 * true until the netted Z-set is exhausted; the step's slots are valid until
 * the next call. Interruptible.
 */
extern void st_zset_rewind(StZset *zset);
extern bool st_zset_next(StZset *zset, StZsetStep *step);

/* Release everything, temporary files included. */
extern void st_zset_end(StZset *zset);

/* An index by the hash of images is over this many columns at most: the first ones. */
#define ST_HASHED_COLUMNS 256

/*
 * Image functions over one slot: the hash of the (detoasted) images of the
 * named attributes (all if natts = 0), NULL-safe, and their equality.
 */
extern uint64 st_image_hash(TupleTableSlot *slot, int natts, const AttrNumber *atts);
extern bool st_image_equal(TupleTableSlot *a, TupleTableSlot *b, int natts, const AttrNumber *atts);


/*
 * The same for one value that is not NULL: st_image_datum_hash folds the value
 * into "hash", st_image_null_hash a NULL.
 */
extern uint64 st_image_datum_hash(uint64 hash, Datum value, bool byval, int16 len);
extern uint64 st_image_null_hash(uint64 hash);
extern bool st_image_datum_equal(Datum a, Datum b, bool byval, int16 len);

#endif							/* ST_UTIL_ZSET_H */
