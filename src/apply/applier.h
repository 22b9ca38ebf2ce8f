/*-------------------------------------------------------------------------
 *
 * applier.h
 *	  What the files of this room share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_APPLY_APPLIER_H
#define ST_APPLY_APPLIER_H

#include "postgres.h"
#include "access/attnum.h"
#include "apply/apply.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "util/statement.h"

/* Which columns stand before the row's in the descriptors below. */
#define OLD_EXTRA 2				/* ord, k */
#define TID_EXTRA 2				/* rel, tid */

struct StApplier
{
	MemoryContext context;
	Oid			relid;
	int			natts;
	AttrNumber *columns;		/* column of the table per column of the Z-set */
	int		   *order;			/* Z-set columns (0..) by column of the table */
	StIdentity	identity;
	bool	   *is_key;			/* per column of the Z-set */

	TupleDesc	old_desc;		/* ord, k, o1.. */
	TupleDesc	tid_desc;		/* rel, tid */
	TupleDesc	update_desc;	/* rel, tid, n1.. */
	TupleDesc	insert_desc;	/* n1.. */

	/* built when first needed */
	StStatement *find;
	StStatement *delete_rows;
	StStatement *update_rows[2];	/* without and with RETURNING */
	StStatement *insert_rows[2];
	StStatement *contents;
	TupleDesc	hash_desc;		/* of the keys, for hash_record_extended */
	Oid			index;			/* identity's index found last */
};

/* The work lists of one st_apply. */
struct StWork
{
	StApplier  *applier;
	Relation	rel;
	Snapshot	snapshot;
	Tuplestorestate *deletes;	/* tid_desc */
	Tuplestorestate *updates;	/* update_desc */
	Tuplestorestate *inserts;	/* insert_desc */
	int64		ndeletes;
	int64		nupdates;
	int64		ninserts;
	MemoryContext context;
	Datum	   *values;			/* room for one row of the lists */
	bool	   *nulls;
	ItemPointer tids;			/* of deletes and updates, if keys pair rows */
	Oid		   *rels;
	int64		ntids;
	int64		space;
	bool		has_toasted;	/* a row that is found may have values stored
								 * out of line */
	bool		inconsistent;
	bool		room;			/* st_room_begin() says so */
};

typedef struct StFinder StFinder;

/* apply.c */
extern void st_apply_report(const StZsetStep *step, StApplyCallback callback, void *arg);
extern void st_apply_add_insert(StWork *work, TupleTableSlot *row, int64 k);

/* settings under which our statements are planned; undo: AtEOXact_GUC(false, level) */
extern int	st_apply_pin_planner(void);

/*
 * The next row of a list, as tuplestore_gettupleslot(). A list that has been
 * spilled makes a row where it is called, and a statement's callback is called
 * where nothing outlives the statement, as the slot does.
 */
extern bool st_apply_read_list(Tuplestorestate *list, TupleTableSlot *slot);
extern void st_apply_add_found(StWork *work, Oid rel, ItemPointer tid, TupleTableSlot *new_row);

/* find.c */
/* Whether an index serves the applier's identity. */
extern bool st_index_serves(StApplier *applier, Relation index);
extern Oid	st_find_index(StApplier *applier, Relation rel);
extern StFinder *st_find_begin(StApplier *applier, Relation rel, Snapshot snapshot);

/* take up to k rows with this image; false if there are fewer */
extern bool st_find_rows(StFinder *finder, StWork *work, TupleTableSlot *old_row, int64 k,
						 TupleTableSlot *new_row);
extern void st_find_end(StFinder *finder);

/* the same for a whole delta by a statement; the delta is drained by it */
extern void st_find_by_statement(StWork *work, StZset *delta, StApplyCallback callback, void *arg);

/* write.c */
extern void st_write(StWork *work);
extern bool st_write_is_direct(Relation rel);

/* turn updates into deletes and inserts */
extern void st_write_split_updates(StWork *work);

/* room.c: around the fill of a table, which has "rel" open; if begin returns true */
#define ST_ROOM_ROWS 1000		/* with fewer nobody notices */
extern bool st_room_begin(Relation rel);
extern void st_room_end(Relation rel);

/* identity.c */
extern Oid	st_identity_hash_function(StIdentityKind kind);

#endif							/* ST_APPLY_APPLIER_H */
