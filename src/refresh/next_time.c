/*-------------------------------------------------------------------------
 *
 * next_time.c
 *	  When time will next change what a stream table shows.
 *
 * For each comparison with now() that is when the bound reaches the least of
 * the values beyond it. Bounds are computed from a time, not the other way
 * round, so the time is searched for: in doubled steps, then by halves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "refresh/refresh.h"
#include "util/clock.h"

/* a bound that has not got there after a thousand years will not */
#define LONGEST_WAIT (INT64CONST(1000) * 366 * USECS_PER_DAY)

typedef struct LeastValue
{
	bool		found;
	Datum		value;
} LeastValue;

static void
receive_value(TupleTableSlot *slot, void *arg)
{
	LeastValue *least = arg;
	bool		isnull;
	Datum		value = slot_getattr(slot, 1, &isnull);
	Form_pg_attribute attribute = TupleDescAttr(slot->tts_tupleDescriptor, 0);

	if (isnull)
		return;
	least->found = true;
	least->value = datumCopy(value, attribute->attbyval, attribute->attlen);
}

/* Has the bound reached the value by then? */
static bool
is_reached(ExprState *reached, ExprContext *context, TimestampTz when)
{
	bool		isnull;

	(void) st_clock_set_before(when);
	ResetExprContext(context);
	return DatumGetBool(ExecEvalExprSwitchContext(reached, context, &isnull)) && !isnull;
}

/* The first time after now at which it is reached, or DT_NOEND. */
static TimestampTz
when_reached(StClockStatement *statement, Datum value)
{
	EState	   *estate = CreateExecutorState();
	ExprContext *context = GetPerTupleExprContext(estate);
	TimestampTz before = GetCurrentTransactionStartTimestamp();
	TimestampTz result = DT_NOEND;
	TimestampTz saved = st_clock_set_before(before);
	int64		step = 1;
	Expr	   *condition;
	ExprState  *reached;

	condition = make_opclause(statement->operator, BOOLOID, false,
							  (Expr *) makeConst(statement->type, statement->typmod, statement->collation,
												 get_typlen(statement->type), value, false, get_typbyval(statement->type)),
							  (Expr *) copyObject(statement->bound), InvalidOid, statement->collation);
	set_opfuncid((OpExpr *) condition);
	PG_TRY();
	{
		reached = ExecPrepareExpr(condition, estate);
		while (step < LONGEST_WAIT && !is_reached(reached, context, before + step))
			step *= 2;
		if (step < LONGEST_WAIT)
		{
			TimestampTz low = before + step / 2;

			result = before + step;
			while (result - low > 1)
			{
				TimestampTz middle = low + (result - low) / 2;

				CHECK_FOR_INTERRUPTS();
				if (is_reached(reached, context, middle))
					result = middle;
				else
					low = middle;
			}
		}
	}
	PG_FINALLY();
	{
		(void) st_clock_set_before(saved);
	}
	PG_END_TRY();
	FreeExecutorState(estate);
	return result;
}

TimestampTz
st_next_time(StEntry *entry, Snapshot snapshot)
{
	TimestampTz result = DT_NOEND;
	ListCell   *lc;

	if (entry->program == NULL)
		return result;
	foreach(lc, st_clock_statements(CurrentMemoryContext, entry->program))
	{
		StClockStatement *statement = lfirst(lc);
		LeastValue	least = {false};

		(void) st_statement_run(statement->least, 0, NULL, snapshot, receive_value, &least);
		if (least.found)
			result = Min(result, when_reached(statement, least.value));
	}
	return result;
}
