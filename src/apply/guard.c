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
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
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
#include "utils/lsyscache.h"
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

/* OID of the guard's trigger on a relation, or InvalidOid; with "text", what tells it from another one. */
static Oid
find_guard(Oid relid, StringInfo text, bool *always)
{
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	Oid			function = st_internal_function("guard_stream_table", false);
	Oid			result = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	*always = false;
	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		if (form->tgfoid != function)
			continue;
		result = form->oid;
		*always = form->tgenabled == TRIGGER_FIRES_ALWAYS;
		if (text)
			appendStringInfo(text, "%u:%u:%c", form->oid, HeapTupleHeaderGetRawXmin(tuple->t_data), form->tgenabled);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* No utility statement, so no event trigger fires. */
static void
install_guard(Oid relid)
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

void
st_guard_install(Oid relid)
{
	ListCell   *lc;

	foreach(lc, st_table_members(relid))
	{
		bool		always;

		if (!OidIsValid(find_guard(lfirst_oid(lc), NULL, &always)) && !(get_rel_relispartition(lfirst_oid(lc)) && ST_FAULT("G4 partition")))
			install_guard(lfirst_oid(lc));
	}
}

void
st_guard_remove(Oid relid)
{
	ListCell   *lc;

	foreach(lc, st_table_members(relid))
	{
		bool		always;
		ObjectAddress address;

		ObjectAddressSet(address, TriggerRelationId, find_guard(lfirst_oid(lc), NULL, &always));
		if (OidIsValid(address.objectId))
			performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	}
	CommandCounterIncrement();
}

/* Is nothing but the guard between others and the rows of this relation? */
static bool
is_guarded(Oid relid, StringInfo text)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	bool		intact;

	/* dropped in this moment */
	if (rel == NULL)
		return false;
	(void) find_guard(relid, text, &intact);
	intact = intact && rel->rd_rules == NULL &&
		(rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ||
		 (rel->rd_rel->relkind == RELKIND_RELATION && find_inheritance_children(relid, NoLock) == NIL));
	relation_close(rel, AccessShareLock);
	return intact;
}

char *
st_guard_fingerprint(Oid relid, List *except)
{
	StringInfoData text;
	bool		intact = !has_superclass(relid);
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, st_table_members(relid))
	{
		if (list_member_oid(except, lfirst_oid(lc)))
			continue;
		if (lfirst_oid(lc) != relid)
			appendStringInfo(&text, ";%u=", lfirst_oid(lc));
		intact = is_guarded(lfirst_oid(lc), &text) && intact;
	}
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
