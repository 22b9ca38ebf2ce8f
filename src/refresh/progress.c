/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  How far a refresh has come, for those who look.
 *
 * NOTES
 *	  PostgreSQL takes what a process shows of its progress away with every
 *	  subtransaction that is rolled back: a delta that is given up, a function
 *	  of the query that catches an error. The refresh goes on after that, unless
 *	  it began in that subtransaction itself, so it is shown again: what it has
 *	  shown is kept here. A function of the query may refresh something else:
 *	  that one is shown until it ends, then the outer one again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/progress.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "refresh/progress.h"

#define NPARAMS (ST_PROGRESS_ROWS_READ + 1)

typedef struct Progress
{
	Oid			relid;
	SubTransactionId began_in;
	int64		params[NPARAMS];
	struct Progress *outer;
} Progress;

/* the innermost, in the transaction's memory; NULL: nothing is refreshed */
static Progress *shown = NULL;

static void
set_param(StProgressParam param, int64 value)
{
	shown->params[param] = value;
	pgstat_progress_update_param(param, value);
}

static void
show(void)
{
	pgstat_progress_start_command((ProgressCommandType) ST_PROGRESS_COMMAND, shown->relid);
	for (int i = 0; i < NPARAMS; i++)
		pgstat_progress_update_param(i, shown->params[i]);
}

void
st_progress_begin(Oid relid, const char *initiated_by, int members)
{
	Progress   *begun = MemoryContextAllocZero(TopTransactionContext, sizeof(Progress));

	begun->relid = relid;
	begun->began_in = GetCurrentSubTransactionId();
	begun->params[ST_PROGRESS_INITIATOR] = initiated_by[0];
	begun->params[ST_PROGRESS_STARTED] = GetCurrentTimestamp();
	begun->params[ST_PROGRESS_MEMBERS] = members;
	begun->outer = shown;
	shown = begun;
	show();
}

void
st_progress_member(Oid relid)
{
	set_param(ST_PROGRESS_CURRENT, relid);
	set_param(ST_PROGRESS_ROWS_READ, 0);
	set_param(ST_PROGRESS_PHASE, ST_PHASE_STARTING);
}

void
st_progress_done(int done)
{
	set_param(ST_PROGRESS_DONE, done);
}

void
st_progress_phase(StProgressPhase phase)
{
	set_param(ST_PROGRESS_PHASE, phase);
}

void
st_progress_rows(int64 rows)
{
	set_param(ST_PROGRESS_ROWS_READ, rows);
}

void
st_progress_end(void)
{
	Progress   *ended = shown;

	shown = ended->outer;
	pfree(ended);
	if (shown)
		show();
	else
		pgstat_progress_end_command();
}

static void
at_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		shown = NULL;
}

/* One that began later is inside the refresh: identifiers grow. */
static void
at_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB || shown == NULL)
		return;
	while (shown && shown->began_in >= mine)
		shown = shown->outer;
	if (shown)
		show();
}

void
st_progress_init(void)
{
	RegisterXactCallback(at_transaction, NULL);
	RegisterSubXactCallback(at_subtransaction, NULL);
}
