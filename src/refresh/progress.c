/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  How far a refresh has come, for those who look.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/progress.h"
#include "utils/backend_progress.h"
#include "utils/timestamp.h"

#include "refresh/progress.h"

void
st_progress_begin(Oid relid, const char *initiated_by, int members)
{
	pgstat_progress_start_command((ProgressCommandType) ST_PROGRESS_COMMAND, relid);
	pgstat_progress_update_param(ST_PROGRESS_INITIATOR, initiated_by[0]);
	pgstat_progress_update_param(ST_PROGRESS_STARTED, GetCurrentTimestamp());
	pgstat_progress_update_param(ST_PROGRESS_MEMBERS, members);
}

void
st_progress_member(Oid relid, int done)
{
	pgstat_progress_update_param(ST_PROGRESS_CURRENT, relid);
	pgstat_progress_update_param(ST_PROGRESS_DONE, done);
	pgstat_progress_update_param(ST_PROGRESS_ROWS_READ, 0);
}

void
st_progress_phase(StProgressPhase phase)
{
	pgstat_progress_update_param(ST_PROGRESS_PHASE, phase);
}

void
st_progress_rows(int64 rows)
{
	pgstat_progress_update_param(ST_PROGRESS_ROWS_READ, rows);
}

void
st_progress_end(void)
{
	pgstat_progress_end_command();
}
