/*-------------------------------------------------------------------------
 *
 * frontier.c
 *	  What a consumer has consumed of a source: its row, its arithmetic.
 *
 * NOTES
 *	  A log row is consumed if it is of the frontier's own transaction and of
 *	  an earlier command than the frontier's, or of another transaction that
 *	  the frontier's snapshot saw (rules C1, C2). Log rows carry top-level
 *	  transaction ids, so subtransactions never matter, and neither does a
 *	  snapshot's list of them.
 *
 *	  The marks only save reading (rules B2 to B4). A mark moves
 *	   - to N-1 when the segment had N pages and then no possible writer, in
 *	     this order, before the snapshot was taken;
 *	   - otherwise, N and the next transaction id X (read after N) are kept
 *	     until a snapshot has xmin >= X, when it moves to N-1;
 *	  and never beyond the last page on which the snapshot sees a row: pages
 *	  behind it may vanish in a crash and be written again. A crash empties an
 *	  unlogged segment, which keeps its file: a recompute begins its mark anew.
 *
 *	  While H is not empty the mark stays, but need not be where the next read
 *	  starts (rule B13). Before the last page that a read covered, all that is
 *	  not consumed is of the transactions of H, the holders: whoever writes
 *	  later writes behind. So the next read starts at that page, or earlier
 *	  where a holder that has ended since may have begun: at the page at which
 *	  the read ended that first met it. One long writer then costs one look at
 *	  its pages, when it ends. What is covered never reaches beyond the last
 *	  page on which a row was seen, for the same reason as the mark.
 *
 *	  Locks: a consumer's row is written by whoever holds its node's lock or,
 *	  when plain SQL has dropped it, AccessExclusiveLock on its table. To detach
 *	  or delete it takes the segments lock of the source as well, since another
 *	  consumer detaches it and DROP TABLE does not lock the node.
 *
 *	  Each refresh leaves an old version of its row behind, which nobody can take
 *	  away while some transaction could see it. So a session remembers where it
 *	  has seen or put a row, and searches the index only if the row is not there
 *	  any more (rule K20). No invalidation is needed: of the versions of a key a
 *	  snapshot sees one.
 *
 *	  Column "marks" is, one after the other, each StMark as it lies in memory
 *	  and its holders.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "catalog/extension.h"
#include "compat.h"
#include "store/segment.h"
#include "store/store.h"
#include "util/fault.h"

/* source_frontier */
#define ANUM_PGT_ID			1
#define ANUM_SOURCE			2
#define ANUM_OWN			3
#define ANUM_CID			4
#define ANUM_SNAPSHOT		5
#define ANUM_MARKS			6
#define ANUM_GENERATION		7
#define NATTS_FRONTIER		7

/* a generation that begins so is the reason why the consumer was detached */
#define DETACHED			"detached: "

/* more open writers than that are not remembered one by one */
#define MAX_HOLDERS			64

/* pg_snapshot on disk, which xid8funcs.c keeps to itself */
typedef struct DiskSnapshot
{
	int32		vl_len_;
	uint32		nxip;
	FullTransactionId xmin;
	FullTransactionId xmax;
	FullTransactionId xip[FLEXIBLE_ARRAY_MEMBER];
} DiskSnapshot;

/* --- arithmetic --- */

FullTransactionId
st_widen_xid(TransactionId xid)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	/* every id we meet is at most the next one, and less than 2^32 behind */
	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return FullTransactionIdFromEpochAndXid(epoch, xid);
}

static int
compare_xids(const void *a, const void *b)
{
	uint64		x = U64FromFullTransactionId(*(const FullTransactionId *) a);
	uint64		y = U64FromFullTransactionId(*(const FullTransactionId *) b);

	return x < y ? -1 : (x > y ? 1 : 0);
}

bool
st_frontier_consumed(const StFrontier *frontier, FullTransactionId xid, CommandId cmin)
{
	if (frontier->empty)
		return false;
	/* own transaction first: its id is not in its own snapshot's list */
	if (FullTransactionIdEquals(xid, frontier->own) && !ST_FAULT("C1"))
		return cmin < frontier->cid || ST_FAULT("C1 cmin");
	if (FullTransactionIdPrecedes(xid, frontier->xmin))
		return true;
	if (!FullTransactionIdPrecedes(xid, frontier->xmax))
		return false;
	return bsearch(&xid, frontier->xip, frontier->nxip, sizeof(FullTransactionId), compare_xids) == NULL;
}

static const StMark *
find_mark(const StFrontier *frontier, Oid log, RelFileNumber node)
{
	for (int i = 0; i < frontier->nmarks; i++)
	{
		if (frontier->marks[i].log == log && (frontier->marks[i].node == node || ST_FAULT("B4")))
			return &frontier->marks[i];
	}
	return NULL;
}

BlockNumber
st_frontier_mark(const StFrontier *frontier, Oid log, RelFileNumber node)
{
	const StMark *mark = find_mark(frontier, log, node);

	return mark ? mark->block : 0;
}

/* Are the rows of this transaction invisible to the snapshot, and yet able to commit? */
static bool
still_open(FullTransactionId xid, Snapshot snapshot)
{
	TransactionId id = XidFromFullTransactionId(xid);

	if (FullTransactionIdPrecedes(xid, st_widen_xid(snapshot->xmin)))
		return false;
	return !TransactionIdIsCurrentTransactionId(id) && XidInMVCCSnapshot(id, snapshot);
}

BlockNumber
st_frontier_first_page(const StFrontier *frontier, Oid log, RelFileNumber node, Snapshot snapshot)
{
	const StMark *mark = find_mark(frontier, log, node);
	BlockNumber first;

	if (mark == NULL)
		return 0;
	if (mark->read_pages == 0 || ST_FAULT("B13"))
		return mark->block;
	first = mark->read_pages - 1;
	for (int i = 0; i < mark->nholders; i++)
	{
		if (!still_open(mark->holders[i].xid, snapshot) && !ST_FAULT("B13 ended"))
			first = Min(first, mark->holders[i].first);
	}
	return Max(first, mark->block);
}

/* --- the row --- */

static void
marks_from_bytea(StFrontier *frontier, bytea *marks)
{
	char	   *from = VARDATA_ANY(marks);
	char	   *end = from + VARSIZE_ANY_EXHDR(marks);

	/* more than enough: a mark is no smaller than its struct */
	frontier->marks = palloc(Max(end - from, sizeof(StMark)));
	while (from < end)
	{
		StMark	   *mark = &frontier->marks[frontier->nmarks++];

		memcpy(mark, from, sizeof(StMark));
		from += sizeof(StMark);
		mark->holders = palloc(sizeof(StHolder) * Max(mark->nholders, 1));
		memcpy(mark->holders, from, sizeof(StHolder) * mark->nholders);
		from += sizeof(StHolder) * mark->nholders;
	}
}

static bytea *
marks_to_bytea(const StFrontier *frontier)
{
	Size		size = VARHDRSZ + sizeof(StMark) * frontier->nmarks;
	bytea	   *result;
	char	   *to;

	for (int i = 0; i < frontier->nmarks; i++)
		size += sizeof(StHolder) * frontier->marks[i].nholders;
	result = palloc0(size);
	SET_VARSIZE(result, size);
	to = VARDATA(result);
	for (int i = 0; i < frontier->nmarks; i++)
	{
		StMark		mark = frontier->marks[i];

		mark.holders = NULL;
		memcpy(to, &mark, sizeof(StMark));
		to += sizeof(StMark);
		memcpy(to, frontier->marks[i].holders, sizeof(StHolder) * mark.nholders);
		to += sizeof(StHolder) * mark.nholders;
	}
	return result;
}

static StFrontier *
frontier_from_tuple(HeapTuple tuple, TupleDesc desc)
{
	StFrontier *frontier = palloc0(sizeof(StFrontier));
	Datum		values[NATTS_FRONTIER];
	bool		nulls[NATTS_FRONTIER];
	DiskSnapshot *snapshot;

	heap_deform_tuple(tuple, desc, values, nulls);
	frontier->pgt_id = DatumGetInt64(values[ANUM_PGT_ID - 1]);
	frontier->source = DatumGetObjectId(values[ANUM_SOURCE - 1]);
	frontier->stored = true;
	frontier->own = DatumGetFullTransactionId(values[ANUM_OWN - 1]);
	frontier->cid = (CommandId) DatumGetInt64(values[ANUM_CID - 1]);
	snapshot = (DiskSnapshot *) PG_DETOAST_DATUM_COPY(values[ANUM_SNAPSHOT - 1]);
	frontier->xmin = snapshot->xmin;
	frontier->xmax = snapshot->xmax;
	frontier->nxip = snapshot->nxip;
	frontier->xip = snapshot->xip;
	marks_from_bytea(frontier, DatumGetByteaPP(values[ANUM_MARKS - 1]));
	frontier->generation = TextDatumGetCString(values[ANUM_GENERATION - 1]);
	frontier->detached = strncmp(frontier->generation, DETACHED, strlen(DETACHED)) == 0;
	return frontier;
}

static SysScanDesc
scan_frontiers(Relation rel, int64 pgt_id, Oid source, ScanKeyData *keys)
{
	ScanKeyInit(&keys[0], ANUM_PGT_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(pgt_id));
	ScanKeyInit(&keys[1], ANUM_SOURCE, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(source));
	return systable_beginscan(rel, st_internal_relation("source_frontier_pkey", false),
							  true, NULL, OidIsValid(source) ? 2 : 1, keys);
}

typedef struct Place
{
	int64		pgt_id;			/* hash key, with the next */
	int64		source;
	ItemPointerData tid;
} Place;

static HTAB *places = NULL;

static Place *
find_place(int64 pgt_id, Oid source)
{
	int64		key[2] = {pgt_id, source};
	bool		found;
	Place	   *place;

	if (places == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(key), .entrysize = sizeof(Place)};

		places = hash_create("pg_trickle places of frontiers", 64, &control, HASH_ELEM | HASH_BLOBS);
	}
	place = hash_search(places, key, HASH_ENTER, &found);
	if (!found)
		ItemPointerSetInvalid(&place->tid);
	return place;
}

/* The row at this place, if it is the one and the snapshot sees it. */
static HeapTuple
fetch_at(Relation rel, const Place *place, Snapshot snapshot)
{
	HeapTupleData tuple;
	Buffer		buffer;
	HeapTuple	result = NULL;
	bool		isnull;

	/* the table may have become shorter since, but not while it is open */
	if (!ItemPointerIsValid(&place->tid) || ST_FAULT("K20 place") ||
		ItemPointerGetBlockNumber(&place->tid) >= RelationGetNumberOfBlocks(rel))
		return NULL;
	/* as the index would have done: old versions make room for the next ones */
	buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(&place->tid));
	heap_page_prune_opt(rel, buffer);
	ReleaseBuffer(buffer);
	tuple.t_self = place->tid;
	if (!heap_fetch(rel, snapshot, &tuple, &buffer, false))
		return NULL;
	if (DatumGetInt64(heap_getattr(&tuple, ANUM_PGT_ID, RelationGetDescr(rel), &isnull)) == place->pgt_id &&
		DatumGetObjectId(heap_getattr(&tuple, ANUM_SOURCE, RelationGetDescr(rel), &isnull)) == (Oid) place->source)
		result = heap_copytuple(&tuple);
	ReleaseBuffer(buffer);
	return result;
}

/* A copy of the row as it is now; NULL: there is none. */
static HeapTuple
find_row(Relation rel, int64 pgt_id, Oid source)
{
	Place	   *place = find_place(pgt_id, source);
	Snapshot	snapshot = RegisterSnapshot(GetCatalogSnapshot(RelationGetRelid(rel)));
	HeapTuple	result = fetch_at(rel, place, snapshot);

	UnregisterSnapshot(snapshot);
	if (result == NULL)
	{
		ScanKeyData keys[2];
		SysScanDesc scan = scan_frontiers(rel, pgt_id, source, keys);

		result = systable_getnext(scan);
		if (HeapTupleIsValid(result))
		{
			result = heap_copytuple(result);
			place->tid = result->t_self;
		}
		systable_endscan(scan);
	}
	return result;
}

StFrontier *
st_frontier_read(int64 pgt_id, Oid source)
{
	Relation	rel = table_open(st_internal_relation("source_frontier", false), AccessShareLock);
	HeapTuple	tuple = find_row(rel, pgt_id, source);
	StFrontier *frontier;

	if (HeapTupleIsValid(tuple))
		frontier = frontier_from_tuple(tuple, RelationGetDescr(rel));
	else
	{
		frontier = palloc0(sizeof(StFrontier));
		frontier->pgt_id = pgt_id;
		frontier->source = source;
		frontier->empty = true;
		frontier->generation = pstrdup("");
	}
	table_close(rel, AccessShareLock);
	return frontier;
}

List *
st_frontiers_of_source(Oid source)
{
	Relation	rel = table_open(st_internal_relation("source_frontier", false), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;

	ScanKeyInit(&key, ANUM_SOURCE, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(source));
	scan = systable_beginscan(rel, st_internal_relation("source_frontier_source_relid_idx", false),
							  true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		StFrontier *frontier = frontier_from_tuple(tuple, RelationGetDescr(rel));

		if (!frontier->detached)
			result = lappend(result, frontier);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

void
st_frontier_write(StFrontier *frontier)
{
	Relation	rel = table_open(st_internal_relation("source_frontier", false), RowExclusiveLock);
	Datum		values[NATTS_FRONTIER];
	bool		nulls[NATTS_FRONTIER] = {false};
	Size		size = offsetof(DiskSnapshot, xip) + sizeof(FullTransactionId) * frontier->nxip;
	DiskSnapshot *snapshot = palloc0(size);
	HeapTuple	new;
	HeapTuple	old;
	bool		inserted;

	Assert(!frontier->empty);
	SET_VARSIZE(snapshot, size);
	snapshot->nxip = frontier->nxip;
	snapshot->xmin = frontier->xmin;
	snapshot->xmax = frontier->xmax;
	memcpy(snapshot->xip, frontier->xip, sizeof(FullTransactionId) * frontier->nxip);
	values[ANUM_PGT_ID - 1] = Int64GetDatum(frontier->pgt_id);
	values[ANUM_SOURCE - 1] = ObjectIdGetDatum(frontier->source);
	values[ANUM_OWN - 1] = FullTransactionIdGetDatum(frontier->own);
	values[ANUM_CID - 1] = Int64GetDatum((int64) frontier->cid);
	values[ANUM_SNAPSHOT - 1] = PointerGetDatum(snapshot);
	values[ANUM_MARKS - 1] = PointerGetDatum(marks_to_bytea(frontier));
	values[ANUM_GENERATION - 1] = CStringGetTextDatum(frontier->generation);
	new = heap_form_tuple(RelationGetDescr(rel), values, nulls);

	old = find_row(rel, frontier->pgt_id, frontier->source);
	inserted = !HeapTupleIsValid(old);
	if (inserted)
		CatalogTupleInsert(rel, new);
	else
		CatalogTupleUpdate(rel, &old->t_self, new);
	find_place(frontier->pgt_id, frontier->source)->tid = new->t_self;
	table_close(rel, RowExclusiveLock);
	frontier->stored = true;
	/* the row may be read or written again in this transaction */
	CommandCounterIncrement();
	if (inserted)
	{
		st_tracking_set_consumer(frontier->source, frontier->pgt_id, true);
		CommandCounterIncrement();
	}
}

void
st_frontier_detach(StFrontier *frontier, const char *reason)
{
	Assert(frontier->stored && !frontier->empty);
	frontier->generation = psprintf(DETACHED "%s", reason);
	frontier->detached = true;
	frontier->nmarks = 0;
	st_frontier_write(frontier);
}

/* The sources of which the consumer has a frontier, by OID; maybe delete the rows. */
static List *
frontier_sources(int64 pgt_id, bool delete)
{
	Relation	rel = table_open(st_internal_relation("source_frontier", false), RowExclusiveLock);
	ScanKeyData keys[2];
	SysScanDesc scan = scan_frontiers(rel, pgt_id, InvalidOid, keys);
	HeapTuple	tuple;
	List	   *sources = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		sources = lappend_oid(sources, DatumGetObjectId(heap_getattr(tuple, ANUM_SOURCE, RelationGetDescr(rel), &isnull)));
		if (delete)
			CatalogTupleDelete(rel, &tuple->t_self);
	}
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
	list_sort(sources, list_oid_cmp);
	return sources;
}

void
st_frontier_delete(int64 pgt_id)
{
	List	   *sources = frontier_sources(pgt_id, false);
	ListCell   *lc;

	/*
	 * another session that detaches the consumer has this lock, if not the
	 * node's
	 */
	foreach(lc, sources)
		(void) st_segments_lock(lfirst_oid(lc), true);
	sources = frontier_sources(pgt_id, true);
	foreach(lc, sources)
		st_tracking_set_consumer(lfirst_oid(lc), pgt_id, false);
	CommandCounterIncrement();
}

char *
st_frontier_json(const StFrontier *frontier)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (frontier->empty)
		return pstrdup("{}");
	appendStringInfo(&buf, "{\"own\": \"" UINT64_FORMAT "\", \"cid\": %u, \"snapshot\": \"" UINT64_FORMAT ":" UINT64_FORMAT ":",
					 U64FromFullTransactionId(frontier->own), frontier->cid,
					 U64FromFullTransactionId(frontier->xmin), U64FromFullTransactionId(frontier->xmax));
	for (uint32 i = 0; i < frontier->nxip; i++)
		appendStringInfo(&buf, "%s" UINT64_FORMAT, i ? "," : "", U64FromFullTransactionId(frontier->xip[i]));
	appendStringInfoString(&buf, "\", \"marks\": [");
	for (int i = 0; i < frontier->nmarks; i++)
		appendStringInfo(&buf, "%s{\"log\": %u, \"block\": %u, \"pending\": %u, \"read\": %u, \"holders\": %d}", i ? ", " : "",
						 frontier->marks[i].log, frontier->marks[i].block, frontier->marks[i].pending_pages,
						 frontier->marks[i].read_pages, frontier->marks[i].nholders);
	appendStringInfoString(&buf, "], \"generation\": ");
	escape_json(&buf, frontier->generation);
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/* --- before and after a read --- */

/* The lock that a consumer without a committed frontier holds (rule J8). */
static void
hold_tag(LOCKTAG *tag, Oid source)
{
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, st_internal_relation("change_log_segment", false), source, 1);
}

void
st_log_hold(Oid source)
{
	LOCKTAG		tag;

	hold_tag(&tag, source);
	(void) LockAcquire(&tag, ShareLock, false, false);
}

bool
st_log_claim_nowait(Oid source)
{
	LOCKTAG		tag;

	hold_tag(&tag, source);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL || ST_FAULT("J8 drop");
}

bool
st_log_is_held(Oid source)
{
	LOCKTAG		tag;
	int			n;

	hold_tag(&tag, source);
	(void) GetLockConflicts(&tag, ExclusiveLock, &n);
	return n > 0 && !ST_FAULT("J8");
}

StLogProbe *
st_log_probe(const StFrontier *frontier)
{
	StLogProbe *probe = palloc0(sizeof(StLogProbe));
	List	   *segments;
	ListCell   *lc;

	if (frontier->empty || frontier->detached)
		st_log_hold(frontier->source);
	segments = st_segments_load(frontier->source);
	probe->segments = palloc0(sizeof(StProbeSegment) * Max(list_length(segments), 1));
	foreach(lc, segments)
	{
		Oid			relid = ((StSegment *) lfirst(lc))->log;
		Relation	log = try_relation_open(relid, AccessShareLock);
		StProbeSegment *p;

		if (log == NULL)
			continue;
		p = &probe->segments[probe->nsegments++];
		p->log = relid;
		p->node = RelationGetFileNumber(log);
		/* first the pages, then who may write, and the snapshot later (B2) */
		p->pages = RelationGetNumberOfBlocks(log);
		p->busy = st_log_writers(relid, &p->nholders, &p->holders) && !ST_FAULT("B2");
		relation_close(log, NoLock);
	}
	/* after the pages (B3) */
	probe->after = ReadNextFullTransactionId();
	return probe;
}

/*
 * The last page from first to last on which the snapshot sees a row, or
 * InvalidBlockNumber.
 */
static BlockNumber
last_seen_page(Relation log, Snapshot snapshot, BlockNumber first, BlockNumber last)
{
	TupleTableSlot *slot = table_slot_create(log, NULL);
	ItemPointerData mintid;
	ItemPointerData maxtid;
	TableScanDesc scan;
	BlockNumber result = InvalidBlockNumber;

	ItemPointerSet(&mintid, first, FirstOffsetNumber);
	ItemPointerSet(&maxtid, last, MaxOffsetNumber);
	scan = table_beginscan_tidrange(log, snapshot, &mintid, &maxtid);
	if (table_scan_getnextslot_tidrange(scan, BackwardScanDirection, slot))
		result = ItemPointerGetBlockNumber(&slot->tts_tid);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return result;
}

/*
 * Rule B13: what the read under this snapshot has covered, and the writers
 * whose rows it may have left behind. "newcomers" is the first page on which
 * a writer that was not met before can have rows.
 */
static void
remember_holders(StMark *mark, const StProbeSegment *p, Relation log, Snapshot snapshot)
{
	BlockNumber newcomers = mark->read_pages > 0 ? Max(mark->block, mark->read_pages - 1) : mark->block;
	StHolder   *holders = palloc(sizeof(StHolder) * (mark->nholders + p->nholders + 1));
	int			nholders = 0;
	int			known;
	BlockNumber seen;

	for (int i = 0; i < mark->nholders; i++)
	{
		if (still_open(mark->holders[i].xid, snapshot))
			holders[nholders++] = mark->holders[i];
	}
	mark->holders = holders;
	mark->nholders = nholders;

	/*
	 * the snapshot of a transaction is older than the probe, who wrote in
	 * between is unknown
	 */
	if (IsolationUsesXactSnapshot())
		return;

	known = nholders;
	for (int i = 0; i < p->nholders; i++)
	{
		bool		met = false;

		for (int j = 0; j < known; j++)
			met |= FullTransactionIdEquals(holders[j].xid, p->holders[i]);
		if (met || !still_open(p->holders[i], snapshot))
			continue;
		holders[nholders].xid = p->holders[i];
		holders[nholders++].first = newcomers;
	}
	mark->nholders = nholders;
	if (p->pages > newcomers)
	{
		seen = last_seen_page(log, snapshot, newcomers, p->pages - 1);
		if (seen != InvalidBlockNumber)
			mark->read_pages = seen + 1;
	}
	if (nholders > MAX_HOLDERS)
	{
		mark->read_pages = 0;
		mark->nholders = 0;
	}
}

/* Move one segment's mark by the rules at the head of this file. */
static void
advance_mark(StMark *mark, const StProbeSegment *p, FullTransactionId after, Relation log, Snapshot snapshot,
			 FullTransactionId xmin)
{
	BlockNumber candidate = mark->block;

	if (mark->pending_pages > 0 && (FullTransactionIdFollowsOrEquals(xmin, mark->pending_after) || ST_FAULT("B3")))
	{
		candidate = Max(candidate, mark->pending_pages - 1);
		mark->pending_pages = 0;
	}
	if (p && p->pages > 0)
	{
		if (!p->busy && !IsolationUsesXactSnapshot())
		{
			candidate = Max(candidate, p->pages - 1);
			mark->pending_pages = 0;
		}
		else if (mark->pending_pages == 0 && p->pages - 1 > candidate)
		{
			mark->pending_pages = p->pages;
			mark->pending_after = after;
		}
	}
	if (candidate > mark->block)
	{
		BlockNumber seen = last_seen_page(log, snapshot, mark->block, candidate);

		if (ST_FAULT("B4 tail"))
			seen = candidate;
		if (seen != InvalidBlockNumber)
			mark->block = Max(mark->block, seen);
	}
	if (p && p->busy)
		remember_holders(mark, p, log, snapshot);
	else if (p && !IsolationUsesXactSnapshot())
	{
		mark->read_pages = 0;
		mark->nholders = 0;
	}
}

void
st_frontier_advance(StFrontier *frontier, const StLogProbe *probe, Snapshot snapshot, bool recomputed)
{
	List	   *segments = st_segments_load(frontier->source);
	StMark	   *marks = palloc0(sizeof(StMark) * Max(list_length(segments), 1));
	int			nmarks = 0;
	ListCell   *lc;
	FullTransactionId xmin = st_widen_xid(snapshot->xmin);

	foreach(lc, segments)
	{
		StMark	   *mark = &marks[nmarks];
		const StProbeSegment *p = NULL;
		const StMark *old = NULL;
		Relation	log = try_relation_open(((StSegment *) lfirst(lc))->log, AccessShareLock);

		CHECK_FOR_INTERRUPTS();
		if (log == NULL)
			continue;
		mark->log = RelationGetRelid(log);
		mark->node = RelationGetFileNumber(log);
		/* what made us recompute may be that the log lost pages: begin anew */
		if (!recomputed)
			old = find_mark(frontier, mark->log, mark->node);
		if (old)
			*mark = *old;
		for (int i = 0; i < probe->nsegments; i++)
		{
			if (probe->segments[i].log == mark->log && probe->segments[i].node == mark->node)
				p = &probe->segments[i];
		}
		advance_mark(mark, p, probe->after, log, snapshot, xmin);
		relation_close(log, AccessShareLock);
		nmarks++;
	}
	frontier->marks = marks;
	frontier->nmarks = nmarks;

	/* xip lists every running top-level transaction, also if suboverflowed */
	frontier->xmin = xmin;
	frontier->xmax = st_widen_xid(snapshot->xmax);
	frontier->nxip = snapshot->xcnt;
	frontier->xip = palloc(sizeof(FullTransactionId) * Max(snapshot->xcnt, 1));
	for (uint32 i = 0; i < snapshot->xcnt; i++)
		frontier->xip[i] = st_widen_xid(snapshot->xip[i]);
	qsort(frontier->xip, frontier->nxip, sizeof(FullTransactionId), compare_xids);
	frontier->own = GetTopFullTransactionId();
	frontier->cid = ST_FAULT("C2") ? 0 : ST_FAULT("C4") ? GetCurrentCommandId(false) : snapshot->curcid;
	frontier->empty = false;
	frontier->detached = false;
	if (recomputed || !frontier->stored)
		frontier->generation = st_store_hooks.generation ? st_store_hooks.generation(frontier->source) : pstrdup("");
}
