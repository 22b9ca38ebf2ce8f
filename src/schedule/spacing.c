/*-------------------------------------------------------------------------
 *
 * spacing.c
 *	  Refreshes further apart while old versions of rows pile up (rule K20).
 *
 * NOTES
 *	  What a refresh updates leaves an old version behind, of the frontier at
 *	  least, which stays as long as some snapshot might see it: a transaction
 *	  that is open for hours makes every refresh of a busy stream table dearer
 *	  than the one before. While there is such a one, refreshes get rarer, to one a
 *	  second, each of which does what many would have done.
 *
 *	  How old the oldest snapshot is, is not asked: what could be removed is
 *	  compared with the transaction ids of a minute ago. That holds for prepared
 *	  transactions, slots and standbys as well.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/procarray.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "catalog/extension.h"
#include "guc.h"
#include "schedule/node.h"
#include "schedule/spacing.h"
#include "schedule/worker.h"
#include "util/fault.h"

#define LOOK_INTERVAL (ST_FAULT("K20 soon") ? 0 : 10 * USECS_PER_SEC)

/* a snapshot is old after so many looks: a minute */
#define OLD_LOOKS 6
#define LONGEST_SPACING (1 * USECS_PER_SEC)

/* what an old snapshot adds; 0: there is none */
static int64 spacing = 0;

/* the next transaction id at each of the last looks, the latest first */
static FullTransactionId seen[OLD_LOOKS];
static int	nseen = 0;

int64
st_spacing(void)
{
	return Max(st_guc_wake_debounce_ms * INT64CONST(1000), spacing);
}

/* The oldest transaction id whose rows somebody may still see. */
static TransactionId
horizon(void)
{
	MemoryContext context = CurrentMemoryContext;
	Relation	rel;
	TransactionId result;

	StartTransactionCommand();
	rel = table_open(st_internal_relation("source_frontier", false), AccessShareLock);
	result = GetOldestNonRemovableTransactionId(rel);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return result;
}

static void
set_spacing(int64 wanted)
{
	if ((spacing == 0) != (wanted == 0))
		ereport(LOG,
				wanted > 0 ?
				(errmsg("refreshes get rarer, up to one a second of each stream table"),
				 errdetail("A snapshot that is over a minute old keeps all versions of rows that were updated since.")) :
				(errmsg("refreshes are as frequent again as schedules ask for")));
	spacing = wanted;
	st_workers_publish_spacing((uint32) (wanted / 1000));
}

void
st_spacing_look(void)
{
	static int64 looked = 0;
	FullTransactionId next = ReadNextFullTransactionId();

	if (st_now() - looked < LOOK_INTERVAL || ST_FAULT("K20"))
		return;
	looked = st_now();
	/* where nothing is written, nothing piles up */
	if (nseen == OLD_LOOKS &&
		(spacing > 0 || !FullTransactionIdEquals(next, seen[OLD_LOOKS - 1])))
	{
		if (TransactionIdPrecedes(horizon(), XidFromFullTransactionId(seen[OLD_LOOKS - 1])))
			set_spacing(Min(2 * Max(st_spacing(), 1000), LONGEST_SPACING));
		else if (spacing > 0)
			set_spacing(0);
	}
	nseen = Min(nseen + 1, OLD_LOOKS);
	memmove(&seen[1], &seen[0], sizeof(FullTransactionId) * (nseen - 1));
	seen[0] = next;
}
