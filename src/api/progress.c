/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  Refreshes that are running, for those who look.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "refresh/progress.h"

PG_FUNCTION_INFO_V1(st_sql_running_refreshes);

static const char *
phase_name(int64 phase)
{
	static const char *const names[] = {"starting", "reading changes", "following changes", "recomputing", "finishing"};

	return phase >= 0 && phase < lengthof(names) ? names[phase] : "";
}

static const char *
initiator_name(int64 letter)
{
	return letter == 'S' ? "SCHEDULER" : letter == 'M' ? "MANUAL" : "INITIAL";
}

Datum
st_sql_running_refreshes(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			count = pgstat_fetch_stat_numbackends();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 1; i <= count; i++)
	{
		LocalPgBackendStatus *local = StBackendStatus(i);
		PgBackendStatus *status;
		int64	   *params;
		Datum		values[9];
		bool		nulls[9] = {0};

		if (local == NULL)
			continue;
		status = &local->backendStatus;
		if ((int) status->st_progress_command != ST_PROGRESS_COMMAND || status->st_databaseid != MyDatabaseId)
			continue;
		params = status->st_progress_param;
		values[0] = Int32GetDatum(status->st_procpid);
		values[1] = ObjectIdGetDatum(status->st_progress_command_target);
		values[2] = CStringGetTextDatum(phase_name(params[ST_PROGRESS_PHASE]));
		values[3] = CStringGetTextDatum(initiator_name(params[ST_PROGRESS_INITIATOR]));
		values[4] = TimestampTzGetDatum(params[ST_PROGRESS_STARTED]);
		values[5] = Int64GetDatum(params[ST_PROGRESS_MEMBERS]);
		values[6] = Int64GetDatum(params[ST_PROGRESS_DONE]);
		values[7] = ObjectIdGetDatum((Oid) params[ST_PROGRESS_CURRENT]);
		nulls[7] = params[ST_PROGRESS_CURRENT] == 0;
		values[8] = Int64GetDatum(params[ST_PROGRESS_ROWS_READ]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
