/*-------------------------------------------------------------------------
 *
 * store.h
 *	  Change logs, their segments, and the frontiers of their consumers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_STORE_STORE_H
#define ST_STORE_STORE_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "executor/tuptable.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"
#include "utils/hsearch.h"
#include "utils/snapshot.h"

/* What a consumer has consumed of one source (rules C1, C2, B2 to B4, B7). */
typedef struct StFrontier StFrontier;

/* State of a source's log taken before the snapshot of a read (rule B2). */
typedef struct StLogProbe StLogProbe;

typedef struct StLogResult
{
	int64		plus;			/* rows handed out with weight +1 */
	int64		minus;			/* rows handed out with weight -1 */
	bool		stopped;		/* by the callback: there may be more rows */
	int64		pages;			/* log pages read, which is more than what is
								 * new if rows before them may still come to
								 * light */
	const char *recompute;		/* NULL, or why a delta cannot be had: a short
								 * static reason such as "truncated", "capture
								 * was interrupted" */
} StLogResult;

/*
 * Receives each unconsumed row: the wanted columns, in the order asked. False:
 * no more of them are wanted.
 */
typedef bool (*StLogCallback) (TupleTableSlot *slot, int weight, void *arg);

/* --- logs (writers' side) --- */

/*
 * Make sure that the source has a change log that holds at least these
 * columns (attribute numbers of the source); publishes a further segment when
 * the set grows. Caller holds ShareRowExclusiveLock on the source, so no
 * writer is between two segments (rule B9). Creates objects as the
 * extension's owner, without utility statements (rule J18).
 */
extern void st_log_ensure(Oid source, const Bitmapset *attnums);

/*
 * Let writers go on in an UNLOGGED segment, under the locks of st_log_ensure.
 * False if they do already. Consumers will recompute, as the rows of the log
 * have another fate then (rule B10).
 */
extern bool st_log_make_unlogged(Oid source);

/*
 * Lock what st_log_ensure would wait for, to the end of transaction; false if
 * somebody has it. The caller holds the lock on the source already.
 */
extern bool st_log_lock_nowait(Oid source);

/*
 * Keep others from truncating or dropping the log, which need not be there yet,
 * to the end of the transaction; waits for who is dropping it (rule J8).
 */
extern void st_log_hold(Oid source);

/*
 * Who has a lock on a relation that conflicts with the one wanted, for people:
 * process ids and names of prepared transactions; NULL if there is nobody.
 * Called within a transaction.
 */
extern char *st_lock_holders_text(Oid relid, LOCKMODE wanted);

/* The same for any lock. */
struct LOCKTAG;
extern char *st_tag_holders_text(const struct LOCKTAG *tag, LOCKMODE wanted);

/* The same: whose transactions have written the source's log. */
extern char *st_source_writers_text(Oid source);

/*
 * Sources whose log has no consumer and was not made for one to come: what a
 * creation that failed has left behind.
 */
extern List *st_logs_abandoned(void);

/* Drop the log of a source that has no consumer left, nor one in its first fill. */
extern void st_log_drop_unused(Oid source);

/*
 * The part of generated names that stands for a table: 16 digits made of its
 * present name, the same in every database; NULL if it is gone. The seed is
 * that of all hashes of the contract.
 */
#define ST_STABLE_SEED UINT64CONST(0x517cc1b727220a95)
extern char *st_stable_name(Oid relid);

/* Is there a log for this source? */
extern bool st_log_exists(Oid source);

/* And are its columns still of the types that the source's have? */
extern bool st_log_fits(Oid source);

/* And does it store these columns of the source (attribute numbers)? */
extern bool st_log_holds(Oid source, const Bitmapset *attnums);

/* Would its rows be lost in a crash? */
extern bool st_log_is_unlogged(Oid source);

/*
 * Append rows to the source's log on behalf of the current transaction.
 * begin opens the log with RowExclusiveLock, kept to the end of transaction
 * (rule B2); the slot has the row type "layout", in which map[attnum of the
 * source] is the attribute number, 0 if it has none; map may be NULL. Without a
 * layout there are no rows to come. NULL when there is no log.
 */
typedef struct StLogWriter StLogWriter;
extern StLogWriter *st_log_write_begin(Oid source, TupleDesc layout, const AttrNumber *map);
extern void st_log_write(StLogWriter *writer, TupleTableSlot *slot, int weight);
extern void st_log_write_end(StLogWriter *writer);

/* Was the source's column dropped? With layout and map as above. */
extern bool st_log_column_is_gone(Oid source, AttrNumber attnum, TupleDesc layout, const AttrNumber *map);

/*
 * The attribute numbers of the source that its log stores, NULL-terminated by
 * *natts; false when there is no log. The array lives until the next call.
 */
extern bool st_log_columns(Oid source, int *natts, const AttrNumber **attnums);

/* Append a marker: every consumer must recompute; reason is a short word. */
extern void st_log_mark_recompute(Oid source, const char *reason);

/* --- frontiers (consumers' side) --- */

/* The stored frontier, or an empty one ("never read") if there is none. */
extern StFrontier *st_frontier_read(int64 pgt_id, Oid source);

/* Write the frontier row in the current transaction (insert or update). */
extern void st_frontier_write(StFrontier *frontier);

/*
 * Delete all frontiers of a consumer, under the segments locks of its sources.
 * The caller keeps the consumer from running, and has locked the sources.
 */
extern void st_frontier_delete(int64 pgt_id);

/*
 * Before the snapshot: page counts and possible writers of every segment.
 * The caller holds the node's lock and at least AccessShareLock on the source.
 * A consumer whose frontier is not committed yet also keeps others from
 * truncating the log until the end of its transaction (rule J8).
 */
extern StLogProbe *st_log_probe(const StFrontier *frontier);

/*
 * Hand every log row that "snapshot" sees and the frontier has not consumed
 * to the callback, columns in the order of "attnums". A result with
 * "recompute" set means that the rows handed out must not be used.
 * Raises 55006 when changes of this transaction are still queued (rule C3).
 */
extern StLogResult st_log_read(const StFrontier *frontier, const StLogProbe *probe, Snapshot snapshot,
							   int natts, const AttrNumber *attnums,
							   StLogCallback callback, void *arg);

/* Pages that st_log_read() would read. */
extern int64 st_log_pages(const StFrontier *frontier, const StLogProbe *probe, Snapshot snapshot);

/*
 * Rule C5: in a transaction that keeps its snapshot (REPEATABLE READ and
 * SERIALIZABLE), raise 40001 if the snapshot does not see what the transaction
 * "xid" did; the id is a current one. In any other, do nothing.
 */
extern void st_require_seen(TransactionId xid, Snapshot snapshot);

/*
 * The same for the transaction that gave the relation its present storage: a
 * TRUNCATE and most rewrites leave nothing that an older snapshot could see.
 * The caller holds a lock on the relation, so that it stays true.
 */
extern void st_require_storage_seen(Oid relid, Snapshot snapshot);

/*
 * When the oldest of those rows was committed, by what is known: DT_NOEND if
 * there is none, DT_NOBEGIN if its time is not known or the consumer must
 * recompute. Rows of the current transaction do not count. Cheap: the rows are
 * not counted. Neither waits nor keeps a lock.
 */
extern TimestampTz st_log_pending_since(const StFrontier *frontier, Snapshot snapshot);

/*
 * Move the frontier in memory: everything that "snapshot" sees is consumed.
 * "recomputed": also adopt the present generation of capture (rule B7).
 */
extern void st_frontier_advance(StFrontier *frontier, const StLogProbe *probe, Snapshot snapshot, bool recomputed);

/* For the catalog and debugging: a jsonb-able text of the frontier. */
extern char *st_frontier_json(const StFrontier *frontier);

/* Bytes of all segments of a source's log. */
extern int64 st_log_size(Oid source);

/* Rows of all segments that the snapshot sees, counted now, and how many segments there are. */
extern int64 st_log_rows(Oid source, Snapshot snapshot, int *nsegments);

/*
 * Give back the space of segments that every committed frontier has consumed:
 * rotate when the current one is large, truncate the others, never waiting
 * for a lock (rule B12). Called at the end of a refresh. A consumer that holds
 * more log, or holds it for longer, than the settings allow is detached, with
 * a WARNING: it will recompute. A writer is only named in a WARNING (B15).
 */
extern void st_log_reclaim(Oid source);

/* --- what the room asks of capture, which registers itself here --- */

typedef struct StStoreHooks
{
	/* rule B7: fingerprint of capture; starts with '!' if it is incomplete */
	char	   *(*generation) (Oid source);
	/* the same, roughly, of all triggers in the database, without any cache */
	uint64		(*triggers) (void);
	/* why a consumer of the old generation must recompute; NULL if equal */
	const char *(*difference) (const char *old, const char *new);
	/* rule B18: an entry of the book is open; *running: its statement runs */
	bool		(*is_open) (Oid source, bool *running);
	/* the relation and everything below it that carries capture triggers */
	List	   *(*tree) (Oid source);
	/* set by the graph: is this a stream table, whose log the engine writes? */
	bool		(*is_node) (Oid relid);
	/* does everything that can hold the source's rows carry capture? */
	bool		(*is_complete) (Oid source);
	/* put capture where it is missing, as st_capture_complete */
	bool		(*complete) (Oid source, const Bitmapset *attnums);

	/* as st_capture_remove_abandoned */
	bool		(*remove_abandoned) (void);

	/*
	 * lock a consumer without waiting: its name, or NULL if it is busy or
	 * gone
	 */
	char	   *(*lock_consumer) (int64 pgt_id);
} StStoreHooks;

extern StStoreHooks st_store_hooks;

/* --- invalidation: caches of this room and of capture --- */

/*
 * A counter that moves when anything about a watched relation may have
 * changed. Read it before filling a cache, compare it before using it.
 */
extern void st_watch_relation(Oid relid);
extern uint64 st_watch_counter(void);

/* Something has changed of which no invalidation tells: the counter moves. */
extern void st_watch_forget(void);

/* What an entry of a cache by relation begins with. */
typedef struct StWatched
{
	Oid			relid;			/* hash key */
	uint64		counter;		/* as it was before the entry was filled; 0:
								 * it holds nothing */
	uint64		begun;			/* the counter to which it is being filled */
} StWatched;

/*
 * The entry of a relation, of "size" bytes, in a cache that is made at its first
 * use; zero behind its head when it is new. If *filled is false the caller fills
 * it and then calls st_watched_filled(); an error in between leaves it empty.
 */
extern void *st_watched_entry(HTAB **cache, const char *name, Size size, Oid relid, bool *filled);
extern void st_watched_filled(StWatched *entry);

/* Rotation threshold in bytes; a variable for the tests. */
extern int64 st_log_segment_bytes;

#endif							/* ST_STORE_STORE_H */
