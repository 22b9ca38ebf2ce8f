/*-------------------------------------------------------------------------
 *
 * segment.h
 *	  The catalogue of log segments, inside the room store.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_STORE_SEGMENT_H
#define ST_STORE_SEGMENT_H

#include "postgres.h"
#include "access/transam.h"
#include "datatype/timestamp.h"
#include "storage/block.h"
#include "utils/relcache.h"

#include "compat.h"
#include "store/store.h"

/* Columns of every log; those of the source follow. */
#define ST_LOG_XID			1
#define ST_LOG_WEIGHT		2
#define ST_LOG_MARKER		3
#define ST_LOG_FIRST_COLUMN	4

typedef struct StSegment
{
	int			segment;
	Oid			log;
	bool		current;
	int			natts;
	AttrNumber *attnums;		/* of the source, ascending */
	TimestampTz since;			/* when it became current or ceased to be */
} StSegment;

/* List of StSegment, read afresh, in the current memory context. */
extern List *st_segments_load(Oid source);

/*
 * Make, or make anew, the view over a source's log; take it away. Its name ends
 * in what pgt_change_tracking has as the source's stable name.
 */
extern void st_log_view_create(Relation source, const char *stable_name, int natts, const AttrNumber *attnums);
extern void st_log_view_drop(const char *stable_name);

/* The current segment from the cache; NULL if the source has no log. */
extern const StSegment *st_segment_current(Oid source);

/* A writer that was open when a consumer read a segment (rule B13). */
typedef struct StHolder
{
	FullTransactionId xid;
	BlockNumber first;			/* its rows are on this page or later ones */
} StHolder;

/* How far one consumer has come in one segment (rules B2 to B4, B13). */
typedef struct StMark
{
	Oid			log;
	RelFileNumber node;			/* another one means that the mark is 0 */
	BlockNumber block;			/* first page to read */
	BlockNumber pending_pages;	/* durable rule: N, 0 if none */
	FullTransactionId pending_after;	/* durable rule: X */
	BlockNumber read_pages;		/* before the last of so many pages, only rows
								 * of the holders are not consumed; 0: unknown */
	int			nholders;
	StHolder   *holders;
} StMark;

struct StFrontier
{
	int64		pgt_id;
	Oid			source;
	bool		stored;			/* has a row in source_frontier */
	bool		empty;			/* never read */
	bool		detached;		/* holds no log, must recompute (rule B15) */
	FullTransactionId own;
	CommandId	cid;
	FullTransactionId xmin;
	FullTransactionId xmax;
	uint32		nxip;
	FullTransactionId *xip;		/* ascending */
	int			nmarks;
	StMark	   *marks;
	char	   *generation;
};

typedef struct StProbeSegment
{
	Oid			log;
	RelFileNumber node;
	BlockNumber pages;			/* N */
	bool		busy;			/* H is not empty */
	int			nholders;		/* those of H that have a transaction id */
	FullTransactionId *holders;
} StProbeSegment;

struct StLogProbe
{
	FullTransactionId after;	/* X */
	int			nsegments;
	StProbeSegment *segments;
};

/* Rule C1: has the frontier consumed a row of this transaction and command? */
extern bool st_frontier_consumed(const StFrontier *frontier, FullTransactionId xid, CommandId cmin);

/* The frontier's mark in a segment; 0 if it has none. */
extern BlockNumber st_frontier_mark(const StFrontier *frontier, Oid log, RelFileNumber node);

/*
 * Before this page there is nothing that the frontier has not consumed and
 * the snapshot sees. At least the mark; more while writers are still open that
 * were open when the consumer read last (rule B13).
 */
extern BlockNumber st_frontier_first_page(const StFrontier *frontier, Oid log, RelFileNumber node, Snapshot snapshot);

/*
 * All committed frontiers, and those of this transaction, that hold this
 * source's log: a list of StFrontier.
 */
extern List *st_frontiers_of_source(Oid source);

/*
 * Write that the frontier holds no log any more, and why; a static text. The
 * caller holds the consumer's node lock and the segments lock of the source.
 */
extern void st_frontier_detach(StFrontier *frontier, const char *reason);

/*
 * Keep every first fill of the source from beginning, to the end of the
 * transaction; false if another session has begun one (rule J8).
 */
extern bool st_log_claim_nowait(Oid source);

/* Is a first fill under way whose frontier nobody sees yet (rule J8)? */
extern bool st_log_is_held(Oid source);

/*
 * Who may write the log now: the transaction ids of those who have one, in the
 * current memory context. False if there is nobody, with an id or without.
 */
extern bool st_log_writers(Oid log, int *n, FullTransactionId **xids);

/* The same for people: process ids, names of prepared transactions; or NULL. */
extern char *st_log_writers_text(Oid log);

/* Widen a transaction id that is near the present one. */
extern FullTransactionId st_widen_xid(TransactionId xid);

/* Serialise changes of a source's segments; false if not to be had now. */
extern bool st_segments_lock(Oid source, bool wait);

/* Keep pgt_change_tracking.tracked_by_pgt_ids. */
extern void st_tracking_set_consumer(Oid source, int64 pgt_id, bool present);

#endif							/* ST_STORE_SEGMENT_H */
