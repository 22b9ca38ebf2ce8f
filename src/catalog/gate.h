/*-------------------------------------------------------------------------
 *
 * gate.h
 *	  What holds refreshes back, as a refresh reads it (rule K10).
 *
 *	  All of it is read under the snapshot given, the one that reads the
 *	  sources: whoever opens a gate after loading knows that what was refreshed
 *	  holds all of the load or nothing of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_CATALOG_GATE_H
#define ST_CATALOG_GATE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/snapshot.h"

/* One of these sources that is gated; InvalidOid: none is. */
extern Oid	st_gate_find_closed(List *sources, Snapshot snapshot);

/* Is nothing to be refreshed at all? */
extern bool st_drain_is_on(Snapshot snapshot);

/* Is there a group of watermarks at all? Spares finding out what is read. */
extern bool st_watermark_groups_exist(Snapshot snapshot);

/*
 * Why watermarks forbid refreshing what reads these sources, as a sentence, or
 * NULL: two that it reads are too far apart, or one has not moved for too long.
 */
extern char *st_watermark_obstacle(List *sources, Snapshot snapshot);

/*
 * What the tables of gates and watermarks say of a source now: names and values
 * of columns in turn, values as any session reads them; NIL: nothing.
 */
extern List *st_gate_options(Oid relid);

/* Name, tolerance and time of creation of each watermark group that it is in, in turn. */
extern List *st_watermark_groups_of(Oid relid);

/*
 * A relation was dropped: its gate and its watermark go, and it leaves the
 * groups; one without any left goes, too. Runs no statement.
 */
extern void st_gate_forget(Oid relid);

/* What is saved of the refresh group that a stream table is a member of, name and value in turn; NIL: it is in none. */
extern List *st_refresh_group_options(Oid relid);

#endif							/* ST_CATALOG_GATE_H */
