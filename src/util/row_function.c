/*-------------------------------------------------------------------------
 *
 * row_function.c
 *	  Calling a set-returning function of PostgreSQL's without a statement.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/tuplestore.h"

#include "util/row_function.h"

void
st_row_function(Oid function, StRowCallback callback, void *arg)
{
	LOCAL_FCINFO(fcinfo, 0);
	FmgrInfo	info;
	ReturnSetInfo result = {.type = T_ReturnSetInfo};
	TupleTableSlot *slot;

	fmgr_info(function, &info);
	result.econtext = CreateStandaloneExprContext();
	result.allowedModes = SFRM_Materialize;
	InitFunctionCallInfoData(*fcinfo, &info, 0, InvalidOid, NULL, (Node *) &result);
	(void) FunctionCallInvoke(fcinfo);
	if (result.setResult == NULL)
		elog(ERROR, "function %u did not return rows", function);
	slot = MakeSingleTupleTableSlot(result.setDesc, &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(result.setResult, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		callback(slot, arg);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(result.setResult);
	FreeExprContext(result.econtext, true);
}
