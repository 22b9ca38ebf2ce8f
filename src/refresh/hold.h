/*-------------------------------------------------------------------------
 *
 * hold.h
 *	  Stream tables that the scheduler is told to leave as they are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_HOLD_H
#define ST_REFRESH_HOLD_H

#include "postgres.h"

#include "catalog/stream_table.h"
#include "utils/snapshot.h"

typedef enum StHoldKind
{
	ST_HOLD_NONE,
	ST_HOLD_GATE,				/* a source that it reads is gated */
	ST_HOLD_WATERMARK,			/* its sources do not belong together yet */
	ST_HOLD_FUSE,				/* too much has changed: to be suspended */
	ST_HOLD_UNIT,				/* something else that belongs to it is */
	ST_HOLD_DRAIN				/* nothing is to be refreshed at all */
} StHoldKind;

typedef struct StHold
{
	Oid			relid;			/* of the stream table */
	StHoldKind	kind;
	char	   *reason;
	int64		pending;		/* of a fuse: what was found, and what it
								 * allows */
	int64		ceiling;
} StHold;

/*
 * What keeps the stream table from being refreshed under this snapshot, which
 * will read its sources (rule K10); NULL: nothing.
 */
extern StHold *st_hold_find(StStreamTable *table, Snapshot snapshot);

/*
 * What its fuse says to so many changes; NULL: they may be applied. Counts
 * refreshes in a row that find too many, in this transaction.
 */
extern StHold *st_hold_fuse(StStreamTable *table, int64 pending, Snapshot snapshot);

/* For a stream table that must not be refreshed without another one, which this holds. */
extern StHold *st_hold_with(StStreamTable *table, const StHold *other, const StStreamTable *held);

/*
 * Scheduled refreshes hold this lock to the end of their transaction, whoever
 * drains wants it for himself. Returns false if it is not to be had at once.
 */
extern bool st_drain_share(void);

/* Wait for scheduled refreshes to end, and keep others from beginning; false: it took too long. */
extern bool st_drain_exclude(int timeout_ms);

#endif							/* ST_REFRESH_HOLD_H */
