/*-------------------------------------------------------------------------
 *
 * hold.h
 *	  Stream tables that the scheduler is told not to refresh for now.
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
	ST_HOLD_WATERMARK			/* its sources are not complete to the same
								 * time */
} StHoldKind;

typedef struct StHold
{
	Oid			relid;			/* of the stream table */
	StHoldKind	kind;
	char	   *reason;
} StHold;

/*
 * What keeps the stream table from being refreshed under this snapshot, which
 * will read its sources (rule K10); NULL: nothing.
 */
extern StHold *st_hold_find(StStreamTable *table, Snapshot snapshot);

#endif							/* ST_REFRESH_HOLD_H */
