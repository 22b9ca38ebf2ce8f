/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  Keeps everybody but the engine from writing to a stream table.
 *
 * NOTES
 *	  A statement trigger (rules G4, J22: BEFORE, internal, ENABLE ALWAYS)
 *	  refuses every INSERT, UPDATE, DELETE and TRUNCATE that is not between
 *	  st_guard_enter and st_guard_leave. What passes is bound to the trigger
 *	  depth at which the engine entered: a user's trigger that runs on behalf
 *	  of the engine's statement stands one deeper and is refused.
 *
 *	  A superuser can disable it. That leaves the trigger's row changed for good,
 *	  even if it is enabled again: the fingerprint tells the next refresh.
 *
 *	  Entries remember their transaction nesting level, so the abort of a
 *	  (sub)transaction removes exactly its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "replication/logicalworker.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "apply/apply.h"
#include "catalog/extension.h"
#include "util/fault.h"

typedef struct GuardEntry
{
	int			nest_level;
	int			trigger_depth;
} GuardEntry;

static GuardEntry *entries = NULL;
static int	nentries = 0;
static int	space = 0;

PG_FUNCTION_INFO_V1(st_sql_guard_stream_table);

static int
trigger_depth(void)
{
	return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0));
}

void
st_guard_enter(void)
{
	if (nentries == space)
	{
		int			wanted = space > 0 ? space * 2 : 8;

		entries = entries == NULL ?
			MemoryContextAlloc(TopMemoryContext, sizeof(GuardEntry) * wanted) :
			repalloc(entries, sizeof(GuardEntry) * wanted);
		space = wanted;
	}
	entries[nentries].nest_level = GetCurrentTransactionNestLevel();
	entries[nentries].trigger_depth = trigger_depth();
	nentries++;
}

void
st_guard_leave(void)
{
	Assert(nentries > 0);
	if (nentries > 0)
		nentries--;
}

/* Forget what the aborting (sub)transaction entered. */
void
st_guard_reset(void)
{
	int			level = GetCurrentTransactionNestLevel();

	while (nentries > 0 && entries[nentries - 1].nest_level >= level)
		nentries--;
}

static void
guard_at_xact(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		nentries = 0;
}

static void
guard_at_subxact(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		st_guard_reset();
}

/* Called once from _PG_init. */
void
st_guard_init(void)
{
	RegisterXactCallback(guard_at_xact, NULL);
	RegisterSubXactCallback(guard_at_subxact, NULL);
}

/* Put the guard on a table. No utility statement, so no event trigger fires. */
void
st_guard_install(Oid relid)
{
	List	   *name = list_make2(makeString("pgtrickle"), makeString("guard_stream_table"));
	CreateTrigStmt *stmt = makeNode(CreateTrigStmt);

	stmt->trigname = "pg_trickle_guard";
	stmt->funcname = name;
	stmt->row = false;
	stmt->timing = TRIGGER_TYPE_BEFORE;
	stmt->events = TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE |
		TRIGGER_TYPE_DELETE | TRIGGER_TYPE_TRUNCATE;
	(void) CreateTriggerFiringOn(stmt, NULL, relid, InvalidOid, InvalidOid, InvalidOid,
								 LookupFuncName(name, 0, NULL, false), InvalidOid, NULL,
								 true, false, TRIGGER_FIRES_ALWAYS);
	CommandCounterIncrement();
}

char *
st_guard_fingerprint(Oid relid)
{
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	Oid			function = st_internal_function("guard_stream_table", false);
	Relation	guarded;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	StringInfoData text;
	bool		intact = false;

	initStringInfo(&text);
	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		if (form->tgfoid != function)
			continue;
		intact = form->tgenabled == TRIGGER_FIRES_ALWAYS;
		appendStringInfo(&text, "%u:%u:%c", form->oid, HeapTupleHeaderGetRawXmin(tuple->t_data), form->tgenabled);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	guarded = table_open(relid, AccessShareLock);
	intact = intact && guarded->rd_rules == NULL && !has_superclass(relid) &&
		find_inheritance_children(relid, NoLock) == NIL;
	table_close(guarded, NoLock);
	return intact ? text.data : psprintf("!%s", text.data);
}

/*
 * pgtrickle.guard_stream_table() returns trigger
 */
Datum
st_sql_guard_stream_table(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager", "guard_stream_table")));

	if (nentries > 0 && trigger_depth() == entries[nentries - 1].trigger_depth + 1)
		return PointerGetDatum(NULL);
	if (IsLogicalWorker() || ST_FAULT("G4"))
		return PointerGetDatum(NULL);

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("Direct DML on stream table \"%s\" is not allowed",
					RelationGetRelationName(trigger->tg_relation)),
			 errhint("Change the tables it is defined over, or refresh it with pgtrickle.refresh_stream_table().")));
}
