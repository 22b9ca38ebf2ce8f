/*-------------------------------------------------------------------------
 *
 * writers.c
 *	  Who may still write a log.
 *
 * NOTES
 *	  Writers keep RowExclusiveLock on the segment they append to until their
 *	  transaction ends, prepared ones until they are resolved (rule B2): the
 *	  lock manager knows them all.
 *
 *	  A writer takes its lock first and its transaction id before its first
 *	  row. One without an id when we look will write at the end of the log as
 *	  it was when we counted the pages, or behind.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/twophase.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/sinvaladt.h"
#include "utils/builtins.h"

#include "compat.h"
#include "store/segment.h"

/* The transaction id of a writer, invalid if it has none; *pid 0: prepared. */
static TransactionId
writer_xid(VirtualTransactionId vxid, int *pid)
{
	TransactionId xid = InvalidTransactionId;
	PGPROC	   *proc;
	bool		more;

	*pid = 0;
	/* prepared before the last restart */
	if (StVirtualXidIsPrepared(vxid))
		return vxid.localTransactionId;
	LWLockAcquire(ProcArrayLock, LW_SHARED);
	proc = StVirtualXidProc(vxid);
	if (proc && StProcLocalXid(proc) == vxid.localTransactionId)
	{
		*pid = proc->pid;
		xid = proc->xid;
	}
	LWLockRelease(ProcArrayLock);
	/* prepared since: it is valid there before it leaves its process */
	return *pid ? xid : TwoPhaseGetXidByVirtualXID(vxid, &more);
}

bool
st_log_writers(Oid log, int *n, FullTransactionId **xids)
{
	LOCKTAG		tag;
	int			nholders;
	VirtualTransactionId *holders;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, log);
	holders = GetLockConflicts(&tag, ShareLock, &nholders);
	*n = 0;
	*xids = palloc(sizeof(FullTransactionId) * Max(nholders, 1));
	for (int i = 0; i < nholders; i++)
	{
		int			pid;
		TransactionId xid = writer_xid(holders[i], &pid);

		if (TransactionIdIsNormal(xid))
			(*xids)[(*n)++] = st_widen_xid(xid);
	}
	return nholders > 0;
}

/* The name that a prepared transaction was given. */
static char *
prepared_name(TransactionId xid)
{
	Oid			types[] = {XIDOID};
	Datum		values[] = {TransactionIdGetDatum(xid)};
	char	   *result = NULL;
	MemoryContext context = CurrentMemoryContext;

	SPI_connect();
	if (SPI_execute_with_args("SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE transaction OPERATOR(pg_catalog.=) $1",
							  1, types, values, NULL, false, 1) == SPI_OK_SELECT && SPI_processed > 0)
		result = MemoryContextStrdup(context, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	return result;
}

char *
st_tag_holders_text(const LOCKTAG *tag, LOCKMODE wanted)
{
	int			nholders;
	VirtualTransactionId *holders = GetLockConflicts(tag, wanted, &nholders);
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < nholders; i++)
	{
		int			pid;
		TransactionId xid = writer_xid(holders[i], &pid);
		char	   *gid = pid == 0 && TransactionIdIsNormal(xid) ? prepared_name(xid) : NULL;

		if (pid == 0 && gid == NULL)
			continue;			/* ended meanwhile */
		if (buf.len > 0)
			appendStringInfoString(&buf, ", ");
		if (gid)
			appendStringInfo(&buf, "prepared transaction \"%s\"", gid);
		else
			appendStringInfo(&buf, "process %d", pid);
	}
	return buf.len > 0 ? buf.data : NULL;
}

char *
st_lock_holders_text(Oid relid, LOCKMODE wanted)
{
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	return st_tag_holders_text(&tag, wanted);
}

char *
st_log_writers_text(Oid log)
{
	return st_lock_holders_text(log, ShareLock);
}
