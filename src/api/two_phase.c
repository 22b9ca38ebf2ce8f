/*-------------------------------------------------------------------------
 *
 * two_phase.c
 *	  PREPARE TRANSACTION after a lifecycle call is refused (rule J34).
 *
 * Creating, altering and dropping change capture, caches and locks that
 * other sessions wait for; a prepared transaction would keep them so for as
 * long as somebody likes, through restarts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "api/name.h"
#include "store/wake.h"

static bool called = false;

static void
at_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_PREPARE:
			if (called)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has created, altered or dropped a stream table"),
						 errhint("Commit it, and prepare the rest of the work in a transaction of its own.")));
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			called = false;
			break;
		default:
			break;
	}
}

void
st_note_lifecycle_call(void)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(at_transaction, NULL);
	registered = true;
	called = true;
	st_wake_note_graph();
}
