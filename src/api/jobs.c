/*-------------------------------------------------------------------------
 *
 * jobs.c
 *	  What the scheduler does now and has still to do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "schedule/failure.h"
#include "schedule/worker.h"

PG_FUNCTION_INFO_V1(st_sql_scheduler_jobs);
PG_FUNCTION_INFO_V1(st_sql_waiting_refreshes);
PG_FUNCTION_INFO_V1(st_sql_refresh_spacing);
PG_FUNCTION_INFO_V1(st_sql_lacks_worker_slot);
PG_FUNCTION_INFO_V1(st_sql_is_retried_error);

Datum
st_sql_scheduler_jobs(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, st_jobs_list())
	{
		StJobState *state = lfirst(lc);
		Datum		values[] = {ObjectIdGetDatum(state->relid), Int32GetDatum(state->members), Int32GetDatum(state->attempt),
		Int32GetDatum(state->pid), TimestampTzGetDatum(state->enqueued), TimestampTzGetDatum(state->started)};
		bool		nulls[] = {false, false, false, state->pid == 0, false, state->started == 0};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
st_sql_waiting_refreshes(PG_FUNCTION_ARGS)
{
	int			count = st_jobs_waiting();

	if (count < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(count);
}

Datum
st_sql_refresh_spacing(PG_FUNCTION_ARGS)
{
	int			spacing = st_jobs_spacing();

	if (spacing < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(spacing);
}

Datum
st_sql_lacks_worker_slot(PG_FUNCTION_ARGS)
{
	int			lacks = st_jobs_no_slot();

	if (lacks < 0)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(lacks > 0);
}

Datum
st_sql_is_retried_error(PG_FUNCTION_ARGS)
{
	char	   *code = text_to_cstring(PG_GETARG_TEXT_PP(0));

	/* what is no SQLSTATE is of an unknown error */
	PG_RETURN_BOOL(strlen(code) != 5 ||
				   st_failure_kind(MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4])) != ST_FAILURE_PERMANENT);
}
