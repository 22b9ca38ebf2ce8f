/*-------------------------------------------------------------------------
 *
 * read.c
 *	  Hands a consumer the log rows it has not consumed.
 *
 * NOTES
 *	  The segments are listed after the snapshot was taken: one that was
 *	  published between probe and snapshot may hold rows that the snapshot
 *	  sees. A segment that the probe does not know is read from page 0.
 *
 *	  The slot given to the callback is valid only during the call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/xid8.h"

#include "store/commit_time.h"
#include "store/segment.h"
#include "store/store.h"
#include "util/fault.h"

static void
pending_changes(Oid relid)
{
	const char *name = get_rel_name(relid);

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("cannot read the changes of table \"%s\" because this transaction has changes that are still being captured",
					name ? name : "(dropped)"),
			 errhint("Refresh after the statement that changes the table has ended.")));
}

/*
 * Rule C3: base rows that this transaction has written must not be visible
 * before their log rows are.
 */
static void
check_pending(Oid source)
{
	List	   *tree = st_store_hooks.tree ? st_store_hooks.tree(source) : list_make1_oid(source);
	ListCell   *lc;
	bool		running = false;

	if (ST_FAULT("C3"))
		return;
	if (st_store_hooks.is_open && st_store_hooks.is_open(source, &running) && running)
		pending_changes(source);
	foreach(lc, tree)
	{
		Oid			relid = lfirst_oid(lc);
		Relation	rel;
		bool		in_use;

		CHECK_FOR_INTERRUPTS();
		if (AfterTriggerPendingOnRel(relid))
			pending_changes(relid);
		rel = RelationIdGetRelation(relid);
		if (rel == NULL)
			continue;
		/* a statement that writes it has it open; ours is one reference */
		in_use = rel->rd_refcnt > 1 && relid != source && CheckRelationLockedByMe(rel, RowExclusiveLock, false);
		RelationClose(rel);
		if (in_use)
			pending_changes(relid);
	}
}

void
st_require_seen(TransactionId xid, Snapshot snapshot)
{
	if (!IsolationUsesXactSnapshot() || ST_FAULT("C5") ||
		!TransactionIdIsNormal(xid) ||
		TransactionIdIsCurrentTransactionId(xid) ||
		!XidInMVCCSnapshot(xid, snapshot))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to a concurrent refresh or change of storage"),
			 errhint("The transaction might succeed if retried.")));
}

void
st_require_storage_seen(Oid relid, Snapshot snapshot)
{
	HeapTuple	tuple;
	TransactionId xmin;

	if (!IsolationUsesXactSnapshot())
		return;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		return;
	xmin = HeapTupleHeaderXminFrozen(tuple->t_data) ? FrozenTransactionId :
		HeapTupleHeaderGetRawXmin(tuple->t_data);
	ReleaseSysCache(tuple);
	st_require_seen(xmin, snapshot);
}

/*
 * Rule C5: the snapshot of a REPEATABLE READ transaction may be older than
 * the last refresh, or than a TRUNCATE or rewrite, which are not MVCC-safe.
 */
static void
check_snapshot_age(const StFrontier *frontier, Snapshot snapshot)
{
	if (!frontier->empty && !FullTransactionIdPrecedes(frontier->own, st_widen_xid(snapshot->xmin)))
		st_require_seen(XidFromFullTransactionId(frontier->own), snapshot);
	st_require_storage_seen(frontier->source, snapshot);
}

/* What a marker's reason means to the consumer; the texts are static. */
static const char *
marker_reason(const char *marker)
{
	static const struct
	{
		const char *marker;
		const char *reason;
	}			known[] = {
		{"truncated", "truncated"},
		{"interrupted", "capture was interrupted"},
		{"altered", "a column was altered"},
		{"paused", "capture was paused"},
	};

	for (int i = 0; i < lengthof(known); i++)
	{
		if (strcmp(known[i].marker, marker) == 0)
			return known[i].reason;
	}
	return marker;				/* allocated in the caller's context */
}

typedef struct ReadState
{
	const StFrontier *frontier;
	Snapshot	snapshot;
	int			natts;
	const AttrNumber *attnums;
	TupleTableSlot *out;
	StLogCallback callback;
	void	   *arg;
	StLogResult *result;
	bool		markers_only;	/* rows are of no use, but a marker tells why */
	bool		columns_missing;	/* of the segment at hand */
	AttrNumber *column;			/* per wanted attribute, column of the log */
	AttrNumber	last_column;	/* of these */
	bool		look_only;		/* for when the first rows were committed */
	int			looked;
	TimestampTz since;
} ReadState;

/* Find the wanted columns in a segment. */
static void
map_columns(ReadState *state, const StSegment *segment, Relation log)
{
	TupleDesc	desc = state->out->tts_tupleDescriptor;

	state->columns_missing = false;
	state->last_column = 0;
	for (int i = 0; i < state->natts; i++)
	{
		state->column[i] = 0;
		for (int j = 0; j < segment->natts; j++)
		{
			if (segment->attnums[j] == state->attnums[i])
				state->column[i] = ST_LOG_FIRST_COLUMN + j;
		}
		if (state->column[i] == 0 ||
			TupleDescAttr(RelationGetDescr(log), state->column[i] - 1)->atttypid != TupleDescAttr(desc, i)->atttypid)
			state->columns_missing = true;
		state->last_column = Max(state->last_column, state->column[i]);
	}
}

/* rows lie in a log about in the order of their commits */
#define ROWS_TO_LOOK_AT 100

/* When was a row committed? False if nothing more is of interest. */
static bool
look_at_row(ReadState *state, FullTransactionId xid)
{
	if (TransactionIdIsCurrentTransactionId(XidFromFullTransactionId(xid)))
		return true;
	state->since = Min(state->since, st_commit_time_of(xid));
	return ++state->looked < ROWS_TO_LOOK_AT && !TIMESTAMP_IS_NOBEGIN(state->since);
}

/* Handle one visible log row; false if nothing more is of interest. */
static bool
read_row(ReadState *state, TupleTableSlot *slot)
{
	HeapTuple	tuple = ((HeapTupleTableSlot *) slot)->tuple;
	bool		isnull;
	FullTransactionId xid = DatumGetFullTransactionId(slot_getattr(slot, ST_LOG_XID, &isnull));
	int			weight;

	if (st_frontier_consumed(state->frontier, xid, HeapTupleHeaderGetRawCommandId(tuple->t_data)))
		return true;
	if (state->look_only)
		return look_at_row(state, xid);
	weight = DatumGetInt16(slot_getattr(slot, ST_LOG_WEIGHT, &isnull));
	if (weight == 0)
	{
		Datum		marker = slot_getattr(slot, ST_LOG_MARKER, &isnull);

		state->result->recompute = isnull ? "marked" : marker_reason(TextDatumGetCString(marker));
		return false;
	}
	if (state->markers_only)
		return true;
	if (state->columns_missing)
	{
		state->result->recompute = "a column was not captured";
		return false;
	}
	/* other consumers may want columns behind these, and wide ones */
	slot_getsomeattrs(slot, state->last_column);
	ExecClearTuple(state->out);
	for (int i = 0; i < state->natts; i++)
	{
		state->out->tts_values[i] = slot->tts_values[state->column[i] - 1];
		state->out->tts_isnull[i] = slot->tts_isnull[state->column[i] - 1];
	}
	ExecStoreVirtualTuple(state->out);
	if (weight > 0)
		state->result->plus++;
	else
		state->result->minus++;
	state->result->stopped = !state->callback(state->out, weight, state->arg);
	return !state->result->stopped;
}

/*
 * Is a segment that we saw a moment ago still in the catalogue? One that all
 * consumers have consumed, us too, may have been dropped since.
 */
static bool
is_listed(Oid source, Oid log)
{
	ListCell   *lc;

	foreach(lc, st_segments_load(source))
	{
		if (((StSegment *) lfirst(lc))->log == log)
			return true;
	}
	return false;
}

static void
read_segment(ReadState *state, const StSegment *segment)
{
	Relation	log = try_relation_open(segment->log, AccessShareLock);
	BlockNumber first;
	BlockNumber pages;
	ItemPointerData mintid;
	ItemPointerData maxtid;
	TupleTableSlot *slot;
	TableScanDesc scan;

	if (log == NULL)
	{
		if (!state->markers_only && is_listed(state->frontier->source, segment->log))
			state->result->recompute = "a change log is missing";
		return;
	}
	first = st_frontier_first_page(state->frontier, segment->log, RelationGetFileNumber(log), state->snapshot);
	pages = RelationGetNumberOfBlocks(log);
	if (first < pages)
	{
		state->result->pages += pages - first;
		map_columns(state, segment, log);
		slot = table_slot_create(log, NULL);
		ItemPointerSet(&mintid, first, FirstOffsetNumber);
		ItemPointerSet(&maxtid, MaxBlockNumber, MaxOffsetNumber);
		scan = table_beginscan_tidrange(log, state->snapshot, &mintid, &maxtid);
		while (table_scan_getnextslot_tidrange(scan, ForwardScanDirection, slot))
		{
			CHECK_FOR_INTERRUPTS();
			if (!read_row(state, slot))
				break;
		}
		table_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
	}
	else if (first > 0 && !state->markers_only)
		state->result->recompute = "a change log lost pages";
	relation_close(log, state->look_only ? AccessShareLock : NoLock);
}

/* Reasons that are known before a row is read, or NULL. */
static const char *
early_reason(const StFrontier *frontier, List *segments)
{
	bool		running;

	if (frontier->empty)
		return "never read";
	if (frontier->detached)
		return frontier->generation;
	if (segments == NIL)
		return "there is no change log";
	if (FullTransactionIdPrecedes(ReadNextFullTransactionId(), frontier->xmax))
		return "transaction ids went back";
	if (st_store_hooks.is_open && st_store_hooks.is_open(frontier->source, &running))
		return "capture was interrupted";
	return NULL;
}

/* Rule B7: what happened to capture since the frontier, or NULL. */
static const char *
capture_change(const StFrontier *frontier)
{
	if (st_store_hooks.generation == NULL || ST_FAULT("B7"))
		return NULL;
	return st_store_hooks.difference(frontier->generation, st_store_hooks.generation(frontier->source));
}

StLogResult
st_log_read(const StFrontier *frontier, const StLogProbe *probe, Snapshot snapshot,
			int natts, const AttrNumber *attnums,
			StLogCallback callback, void *arg)
{
	StLogResult result = {0};
	ReadState	state = {0};
	Relation	source;
	List	   *segments;
	ListCell   *lc;
	TupleDesc	desc;
	const char *change;

	check_pending(frontier->source);
	check_snapshot_age(frontier, snapshot);
	/* fresh, not the probe's: see above */
	segments = st_segments_load(frontier->source);
	result.recompute = early_reason(frontier, segments);
	if (result.recompute)
		return result;
	change = capture_change(frontier);

	source = relation_open(frontier->source, AccessShareLock);
	desc = CreateTemplateTupleDesc(natts);
	for (int i = 0; i < natts; i++)
	{
		if (attnums[i] < 1 || attnums[i] > RelationGetNumberOfAttributes(source))
			elog(ERROR, "relation %u has no attribute %d", frontier->source, attnums[i]);
		TupleDescCopyEntry(desc, i + 1, RelationGetDescr(source), attnums[i]);
	}
	relation_close(source, NoLock);
	state.frontier = frontier;
	state.snapshot = snapshot;
	state.natts = natts;
	state.attnums = attnums;
	state.out = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	state.callback = callback;
	state.arg = arg;
	state.result = &result;
	state.markers_only = change != NULL;
	state.column = palloc0(sizeof(AttrNumber) * Max(natts, 1));
	foreach(lc, segments)
	{
		read_segment(&state, lfirst(lc));
		if (result.recompute || result.stopped)
			break;
	}
	if (result.recompute == NULL)
		result.recompute = change;
	ExecDropSingleTupleTableSlot(state.out);
	return result;
}

int64
st_log_pages(const StFrontier *frontier, const StLogProbe *probe, Snapshot snapshot)
{
	int64		pages = 0;

	for (int i = 0; i < probe->nsegments; i++)
	{
		const StProbeSegment *segment = &probe->segments[i];
		BlockNumber first = st_frontier_first_page(frontier, segment->log, segment->node, snapshot);

		pages += segment->pages > first ? segment->pages - first : 0;
	}
	return pages;
}

TimestampTz
st_log_pending_since(const StFrontier *frontier, Snapshot snapshot)
{
	StLogResult result = {0};
	ReadState	state = {.frontier = frontier, .snapshot = snapshot, .result = &result, .look_only = true, .since = DT_NOEND};
	List	   *segments = st_segments_load(frontier->source);
	ListCell   *lc;

	if (early_reason(frontier, segments))
		return DT_NOBEGIN;

	/*
	 * who looks must not queue up behind an ALTER TABLE; and many are looked
	 * at, so no lock stays
	 */
	if (ConditionalLockRelationOid(frontier->source, AccessShareLock))
	{
		if (get_rel_name(frontier->source) && capture_change(frontier))
			state.since = DT_NOBEGIN;
		UnlockRelationOid(frontier->source, AccessShareLock);
	}
	state.out = MakeSingleTupleTableSlot(CreateTemplateTupleDesc(0), &TTSOpsVirtual);
	foreach(lc, segments)
	{
		if (state.looked < ROWS_TO_LOOK_AT && !TIMESTAMP_IS_NOBEGIN(state.since))
			read_segment(&state, lfirst(lc));
		if (result.recompute)
			state.since = DT_NOBEGIN;
	}
	ExecDropSingleTupleTableSlot(state.out);
	return state.since;
}

int64
st_log_rows(Oid source, Snapshot snapshot, int *nsegments)
{
	List	   *segments = st_segments_load(source);
	int64		rows = 0;
	ListCell   *lc;

	*nsegments = list_length(segments);
	foreach(lc, segments)
	{
		Relation	log = try_relation_open(((StSegment *) lfirst(lc))->log, AccessShareLock);
		TupleTableSlot *slot;
		TableScanDesc scan;

		if (log == NULL)
			continue;
		slot = table_slot_create(log, NULL);
		scan = table_beginscan(log, snapshot, 0, NULL);
		while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		{
			CHECK_FOR_INTERRUPTS();
			rows++;
		}
		table_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		relation_close(log, AccessShareLock);
	}
	return rows;
}
