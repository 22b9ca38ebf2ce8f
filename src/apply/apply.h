/*-------------------------------------------------------------------------
 *
 * apply.h
 *	  Writes a node's netted delta to its table as the smallest difference.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_APPLY_APPLY_H
#define ST_APPLY_APPLY_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "nodes/primnodes.h"
#include "utils/snapshot.h"

#include "catalog/stream_table.h"
#include "util/zset.h"

typedef struct StIdentity
{
	StIdentityKind kind;
	int			nkeys;			/* 0 for IMAGE; of an index that is by the
								 * image of some columns, their number */
	AttrNumber *keys;			/* attribute numbers in the node's table */
} StIdentity;

typedef struct StApplyResult
{
	int64		inserted;
	int64		updated;
	int64		deleted;
	bool		inconsistent;	/* a row to delete or update was not there as
								 * expected: the caller rolls back and
								 * recomputes */
} StApplyResult;

/* ----- partitions ----- */

/* The table and its partitions at every level, which are not locked; a child by inheritance is none. */
extern List *st_table_members(Oid relid);

/* Does a table or one of its partitions hold a row that others or this transaction can see now? */
extern bool st_table_has_rows(Oid relid);

/* A DEFAULT partition of the table at any level that holds rows, or InvalidOid. */
extern Oid	st_table_filled_default(Oid relid);

/* Called for every row image that leaves (-1) or enters (+1) the node. */
typedef void (*StApplyCallback) (TupleTableSlot *slot, int weight, void *arg);

typedef struct StApplier StApplier;

/*
 * Create the identity's index on a node table and its partitions. As the
 * extension's or the table's owner; no utility statement (rule J18). Unique
 * only where a partitioned table can have it so.
 */
extern Oid	st_identity_create_index(Oid relid, const StIdentity *identity);

/* The table's index that st_identity_create_index would make, or InvalidOid. A restore brings it along. */
extern Oid	st_identity_index(Oid relid, const StIdentity *identity);

/* Likewise an index, by the access method btree or hash, of a column by which rows of a state are looked up. */
extern Oid	st_column_create_index(Oid relid, AttrNumber column, Oid method);

/*
 * An index, not unique, by the hash of some columns, if there are any, and then,
 * unless it is 0, by another one; "shortened": by pgtrickle.short_value() of it.
 */
extern Oid	st_window_create_index(Oid relid, const StIdentity *partition, AttrNumber column, bool shortened);

/*
 * Drop the identity's index, unless a constraint owns it or there is none.
 * Takes AccessExclusiveLock on the table.
 */
extern void st_identity_drop_index(Oid relid, const StIdentity *identity);

/*
 * Prepare to apply deltas to a node's table: statements are built and kept in
 * "context". columns: the attribute numbers of the table's live columns in the
 * order of the Z-sets' columns.
 */
extern StApplier *st_applier_create(MemoryContext context, Oid relid, int natts, const AttrNumber *columns,
									const StIdentity *identity);

/*
 * Apply a delta. The Z-set was begun with the identity's keys as pairing keys
 * (translated to its column positions). Deletes, updates, inserts in this
 * order (rules G1). "fill": the table is known to be empty, insert only.
 * Runs under a copy of "snapshot" with the current command id.
 */
extern StApplyResult st_apply(StApplier *applier, StZset *delta, bool fill, Snapshot snapshot,
							  StApplyCallback callback, void *arg);

/*
 * Changes of a table by place: no row is looked for. Each of them deletes the
 * row at "tid", or gives it a new image, in which the identity's keys are the
 * same, or, where "tid" is NULL, inserts the new row; none may be changed twice. Values that a
 * new image shares with the old one may be stored out of line. They are written
 * at the end, unless the caller has found something amiss; under a copy of
 * "snapshot" with the current command id.
 */
typedef struct StWork StWork;

extern StWork *st_places_begin(StApplier *applier);
extern void st_places_change(StWork *work, ItemPointer tid, TupleTableSlot *new_row);
extern StApplyResult st_places_end(StWork *work, bool inconsistent, Snapshot snapshot);

/*
 * Give a state, a plain table without triggers but the guard, the rows that
 * are added (slots of the Z-sets' columns) and no others. Takes
 * AccessExclusiveLock. Between begin and end nobody may read the table, its
 * indexes are not those of its rows. On error everything is left to the
 * (sub)transaction's abort.
 */
typedef struct StFill StFill;

extern StFill *st_fill_begin(StApplier *applier);
extern void st_fill_add(TupleTableSlot *row, void *fill);
extern void st_fill_end(StFill *fill);

/*
 * Leave some of each page free for updates: of a table just created, or of its
 * partitions, whose rows are found by a key.
 */
extern void st_room_reserve(Oid relid);

/*
 * Add every row of the table as seen by "snapshot" to the Z-set with weight
 * -1: with the new contents added at +1 it holds their difference.
 */
extern void st_applier_subtract_contents(StApplier *applier, StZset *zset, Snapshot snapshot);

/* The guard (rule G4): engine code writes between enter and leave. */
extern void st_guard_init(void);	/* once, from _PG_init */

/* Put it on a table and its partitions, where it is missing; take it away. */
extern void st_guard_install(Oid relid);
extern void st_guard_remove(Oid relid);

/*
 * Text that changes when the guard was disabled or dropped, were it only for a
 * while, or other partitions hold the rows; "except" are partitions left out.
 * Begins with '!' as long as others can write past it: it is not there, or the
 * table has rules, children or parents. A relcache invalidation of the table or
 * a partition tells of all that makes it so, not of a child that goes.
 */
extern char *st_guard_fingerprint(Oid relid, List *except);
extern void st_guard_enter(void);
extern void st_guard_leave(void);
extern void st_guard_reset(void);	/* at transaction and subtransaction abort */

#endif							/* ST_APPLY_APPLY_H */
