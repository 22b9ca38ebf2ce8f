/*-------------------------------------------------------------------------
 *
 * book.c
 *	  Statements that have begun to write a captured table (rule B18).
 *
 * NOTES
 *	  An AFTER STATEMENT trigger may never fire: SPI with a row limit stops
 *	  the executor in the middle. So the BEFORE STATEMENT trigger opens an
 *	  entry, which the AFTER trigger closes; what is open when the transaction
 *	  prepares or commits makes the sources' consumers recompute.
 *
 *	  Entries carry the subtransaction level: an abort drops its own, a
 *	  release hands them to the parent. The book lives in
 *	  TopTransactionContext and is forgotten at the transaction's end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"

#include "capture/capture.h"
#include "capture/internal.h"
#include "store/store.h"
#include "util/fault.h"

typedef struct OpenEntry
{
	Oid			relid;
	char		event;			/* 'i', 'u' or 'd' */
	int			level;			/* subtransaction nesting */
} OpenEntry;

static OpenEntry *entries = NULL;
static int	nentries = 0;
static int	maxentries = 0;

void
st_book_open(Oid relid, char event)
{
	if (nentries == maxentries)
	{
		maxentries = Max(8, maxentries * 2);
		entries = entries == NULL ?
			MemoryContextAlloc(TopTransactionContext, sizeof(OpenEntry) * maxentries) :
			repalloc(entries, sizeof(OpenEntry) * maxentries);
	}
	entries[nentries].relid = relid;
	entries[nentries].event = event;
	entries[nentries].level = GetCurrentTransactionNestLevel();
	nentries++;
}

void
st_book_close(Oid relid, char event)
{
	for (int i = nentries - 1; i >= 0; i--)
	{
		if (entries[i].relid == relid && entries[i].event == event)
		{
			memmove(&entries[i], &entries[i + 1], sizeof(OpenEntry) * (nentries - i - 1));
			nentries--;
			return;
		}
	}
}

/* Does a statement still have the relation open? */
static bool
in_use(Oid relid)
{
	Relation	rel = RelationIdGetRelation(relid);
	bool		result;

	if (rel == NULL)
		return false;
	result = rel->rd_refcnt > 1;
	RelationClose(rel);
	return result;
}

bool
st_book_is_open(Oid source, bool *running)
{
	bool		open = false;

	*running = false;
	for (int i = 0; i < nentries; i++)
	{
		const StTarget *targets;
		int			ntargets = st_capture_targets(entries[i].relid, &targets);

		for (int j = 0; j < ntargets; j++)
		{
			if (targets[j].source == source && !targets[j].by_row)
			{
				open = true;
				if (in_use(entries[i].relid))
					*running = true;
			}
		}
	}
	return open;
}

/* What is open now will never be closed: its rows are not in the log. */
static void
mark_open_entries(void)
{
	/* the last one has gone at the end of the last statement */
	PushActiveSnapshot(GetTransactionSnapshot());
	for (int i = 0; i < nentries; i++)
	{
		const StTarget *targets;
		int			ntargets = st_capture_targets(entries[i].relid, &targets);
		Oid		   *sources = palloc(sizeof(Oid) * Max(ntargets, 1));
		int			nsources = 0;

		CHECK_FOR_INTERRUPTS();
		/* writing may fill the cache of targets again: copy first */
		for (int j = 0; j < ntargets; j++)
		{
			if (!targets[j].by_row)
				sources[nsources++] = targets[j].source;
		}
		for (int j = 0; j < nsources; j++)
			st_log_mark_recompute(sources[j], "interrupted");
		pfree(sources);
	}
	nentries = 0;
	PopActiveSnapshot();
}

static void
at_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (nentries > 0 && !ST_FAULT("B18"))
				mark_open_entries();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			/* the array goes with its context */
			entries = NULL;
			nentries = maxentries = 0;
			break;
		default:
			break;
	}
}

static void
at_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();
	int			kept = 0;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	for (int i = 0; i < nentries; i++)
	{
		if (entries[i].level >= level)
		{
			if (event == SUBXACT_EVENT_ABORT_SUB)
				continue;
			entries[i].level = level - 1;
		}
		entries[kept++] = entries[i];
	}
	nentries = kept;
}

void
st_book_init(void)
{
	RegisterXactCallback(at_transaction, NULL);
	RegisterSubXactCallback(at_subtransaction, NULL);
}
