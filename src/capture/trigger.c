/*-------------------------------------------------------------------------
 *
 * trigger.c
 *	  The trigger functions: from transition tables or rows to the log.
 *
 * NOTES
 *	  A relation may have to tell several logs: its own and those of its
 *	  ancestors. Rows are converted to the source's layout by column name,
 *	  and only the columns that the log stores are looked at.
 *
 *	  An UPDATE's old and new rows come in two transition tables, usually
 *	  pair by pair. A pair that is equal in all stored columns is dropped;
 *	  nothing else depends on the pairing (rule B8).
 *
 *	  No function of this file evaluates anything of the user's, needs a
 *	  privilege, or raises an error because something of ours is missing: the
 *	  generation (rule B7) finds that out (rule J28).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type_d.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "capture/capture.h"
#include "capture/internal.h"
#include "guc.h"
#include "store/store.h"
#include "util/fault.h"

PG_FUNCTION_INFO_V1(st_sql_capture_before);
PG_FUNCTION_INFO_V1(st_sql_capture_statement);
PG_FUNCTION_INFO_V1(st_sql_capture_row);

/* --- which logs a relation writes --- */

typedef struct TargetCache
{
	StWatched	watched;
	int			ntargets;
	StTarget   *targets;
	MemoryContext context;
} TargetCache;

static HTAB *target_entries = NULL;

/* The relation and everything above it. */
static List *
ancestors(Oid relid)
{
	Relation	rel = table_open(InheritsRelationId, AccessShareLock);
	List	   *result = list_make1_oid(relid);

	for (int i = 0; i < list_length(result); i++)
	{
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		CHECK_FOR_INTERRUPTS();
		st_watch_relation(list_nth_oid(result, i));
		ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(list_nth_oid(result, i)));
		scan = systable_beginscan(rel, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
		while (HeapTupleIsValid(tuple = systable_getnext(scan)))
			result = list_append_unique_oid(result, ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
		systable_endscan(scan);
	}
	table_close(rel, AccessShareLock);
	return result;
}

/*
 * Map the attribute numbers of an ancestor to the relation's, by name. The
 * ancestor is not locked: who alters it locks it before the relation, which our
 * writer has, so that each would wait for the other. False if it is gone.
 */
static bool
map_by_name(StTarget *target, TupleDesc relation, MemoryContext context)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(target->source));

	if (!HeapTupleIsValid(tuple))
		return false;
	target->nmap = ((Form_pg_class) GETSTRUCT(tuple))->relnatts + 1;
	ReleaseSysCache(tuple);
	target->map = MemoryContextAllocZero(context, sizeof(AttrNumber) * target->nmap);
	for (int i = 1; i < target->nmap; i++)
	{
		char	   *name = get_attname(target->source, i, true);

		for (int j = 0; name && j < relation->natts; j++)
		{
			Form_pg_attribute att = TupleDescAttr(relation, j);

			if (!att->attisdropped && strcmp(name, NameStr(att->attname)) == 0)
				target->map[i] = j + 1;
		}
	}
	return true;
}

static void
fill_targets(TargetCache *entry)
{
	Oid			relid = entry->watched.relid;
	Relation	rel = try_relation_open(relid, NoLock);
	List	   *above;
	ListCell   *lc;

	if (entry->context == NULL)
		entry->context = AllocSetContextCreate(TopMemoryContext, "pg_trickle capture targets", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(entry->context);
	entry->ntargets = 0;
	if (rel == NULL)
		return;
	above = ancestors(relid);
	entry->targets = MemoryContextAllocZero(entry->context, sizeof(StTarget) * list_length(above));
	foreach(lc, above)
	{
		Oid			source = lfirst_oid(lc);
		StTarget   *target = &entry->targets[entry->ntargets];

		if (!st_log_exists(source) || (ST_FAULT("B6") && source != relid))
			continue;
		target->source = source;
		target->by_row = st_capture_by_row(source);
		if (source == relid || map_by_name(target, RelationGetDescr(rel), entry->context))
			entry->ntargets++;
	}
	relation_close(rel, NoLock);
}

int
st_capture_targets(Oid relid, const StTarget **targets)
{
	bool		filled;
	TargetCache *entry = st_watched_entry(&target_entries, "pg_trickle capture targets", sizeof(TargetCache), relid, &filled);

	if (!filled)
	{
		fill_targets(entry);
		st_watched_filled(&entry->watched);
	}
	*targets = entry->targets;
	return entry->ntargets;
}

/* A copy that stays as it is while we write; *n targets of that kind. */
static StTarget *
copy_targets(Relation rel, bool rows, bool statements, int *n)
{
	const StTarget *targets;
	int			ntargets = st_capture_targets(RelationGetRelid(rel), &targets);
	StTarget   *result = palloc(sizeof(StTarget) * Max(ntargets, 1));

	*n = 0;
	for (int i = 0; i < ntargets; i++)
	{
		StTarget   *target = &result[*n];

		if (!(targets[i].by_row ? rows : statements))
			continue;
		*target = targets[i];
		if (target->map)
		{
			Size		size = sizeof(AttrNumber) * targets[i].nmap;

			target->map = memcpy(palloc(size), targets[i].map, size);
		}
		(*n)++;
	}
	return result;
}

/* --- writing one target's log --- */

typedef struct Output
{
	const StTarget *target;
	TupleDesc	layout;
	StLogWriter *writer;		/* made with the first row */
	bool		no_log;
	int			nattrs;			/* columns to compare, in the relation */
	AttrNumber *attrs;
	AttrNumber	last;
} Output;

static void
output_init(Output *output, const StTarget *target, TupleDesc layout)
{
	const AttrNumber *attnums;
	int			nattrs;

	memset(output, 0, sizeof(Output));
	output->target = target;
	output->layout = layout;
	if (!st_log_columns(target->source, &nattrs, &attnums))
	{
		output->no_log = true;
		return;
	}
	output->attrs = palloc(sizeof(AttrNumber) * Max(nattrs, 1));
	for (int i = 0; i < nattrs; i++)
	{
		AttrNumber	attr = target->map ? target->map[attnums[i]] : attnums[i];

		/* dropped: the log gets NULL */
		if (st_log_column_is_gone(target->source, attnums[i], layout, target->map))
			continue;
		output->attrs[output->nattrs++] = attr;
		output->last = Max(output->last, attr);
	}
}

static void
output_row(Output *output, TupleTableSlot *slot, int weight)
{
	if (output->no_log)
		return;
	if (output->writer == NULL)
	{
		output->writer = st_log_write_begin(output->target->source, output->layout, output->target->map);
		if (output->writer == NULL)
		{
			output->no_log = true;
			return;
		}
	}
	st_log_write(output->writer, slot, weight);
}

static void
output_end(Output *output)
{
	if (output->writer)
		st_log_write_end(output->writer);
}

/* Are two values equal as images? TOAST pointers first (rule B14). */
static bool
same_image(Datum a, Datum b, Form_pg_attribute att)
{
	if (ST_FAULT("A1") && att->atttypid == NUMERICOID)
		return DatumGetBool(DirectFunctionCall2(numeric_eq, a, b));
	if (att->attlen == -1)
	{
		struct varlena *x = (struct varlena *) DatumGetPointer(a);
		struct varlena *y = (struct varlena *) DatumGetPointer(b);

		if (VARATT_IS_EXTERNAL_ONDISK(x) && VARATT_IS_EXTERNAL_ONDISK(y) &&
			memcmp(VARDATA_EXTERNAL(x), VARDATA_EXTERNAL(y), sizeof(varatt_external)) == 0)
			return true;
	}
	return datum_image_eq(a, b, att->attbyval, att->attlen);
}

static bool
same_row(Output *output, TupleTableSlot *old, TupleTableSlot *new)
{
	slot_getsomeattrs(old, output->last);
	slot_getsomeattrs(new, output->last);
	for (int i = 0; i < output->nattrs; i++)
	{
		int			column = output->attrs[i] - 1;

		if (column < 0)
			return false;
		if (old->tts_isnull[column] != new->tts_isnull[column])
			return false;
		if (!old->tts_isnull[column] &&
			!same_image(old->tts_values[column], new->tts_values[column],
						TupleDescAttr(output->layout, column)))
			return false;
	}
	return true;
}

static void
output_change(Output *output, TupleTableSlot *old, TupleTableSlot *new)
{
	if (output->no_log)
		return;
	if (old && new && (ST_FAULT("B8") || same_row(output, old, new)))
		return;
	if (old)
		output_row(output, old, -1);
	if (new)
		output_row(output, new, 1);
}

/* --- pausing --- */

/*
 * While capture discards, a marker stands for all changes of the source by
 * this command. It goes with its subtransaction if that is undone, and the
 * next command may come after a refresh that has consumed it. True if so.
 */
static bool
discarded(const StTarget *targets, int ntargets)
{
	static Oid	marked;
	static FullTransactionId xid;
	static SubTransactionId subxid;
	static CommandId cid;

	if (!st_guc_cdc_paused || st_guc_cdc_capture_mode != ST_CAPTURE_DISCARD)
		return false;
	for (int i = 0; i < ntargets; i++)
	{
		FullTransactionId now = GetTopFullTransactionId();

		if (targets[i].source == marked && FullTransactionIdEquals(now, xid) &&
			GetCurrentSubTransactionId() == subxid && GetCurrentCommandId(false) == cid)
			continue;
		if (!ST_FAULT("cdc_paused"))
			st_log_mark_recompute(targets[i].source, "paused");
		marked = targets[i].source;
		xid = now;
		subxid = GetCurrentSubTransactionId();
		cid = GetCurrentCommandId(false);
	}
	return true;
}

/* --- transition tables --- */

/* Read a transition table from its start, whatever others have read of it. */
static bool
start_reading(Tuplestorestate *store, int *pointer)
{
	if (store == NULL || tuplestore_tuple_count(store) == 0)
		return false;
	*pointer = tuplestore_alloc_read_pointer(store, EXEC_FLAG_REWIND);
	tuplestore_select_read_pointer(store, *pointer);
	tuplestore_rescan(store);
	return true;
}

static bool
next_row(Tuplestorestate *store, int pointer, TupleTableSlot *slot)
{
	tuplestore_select_read_pointer(store, pointer);
	return tuplestore_gettupleslot(store, true, false, slot);
}

static void
capture_tables(Relation rel, Tuplestorestate *old, Tuplestorestate *new)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			old_pointer = 0;
	int			new_pointer = 0;
	bool		has_old = start_reading(old, &old_pointer);
	bool		has_new = start_reading(new, &new_pointer);
	int			ntargets;
	StTarget   *targets;
	Output	   *outputs;
	TupleTableSlot *old_slot = NULL;
	TupleTableSlot *new_slot = NULL;

	if (!has_old && !has_new)
		return;
	targets = copy_targets(rel, false, true, &ntargets);
	if (ntargets == 0 || discarded(targets, ntargets))
		return;
	outputs = palloc(sizeof(Output) * ntargets);
	for (int i = 0; i < ntargets; i++)
		output_init(&outputs[i], &targets[i], desc);
	if (has_old)
		old_slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	if (has_new)
		new_slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	while (has_old || has_new)
	{
		CHECK_FOR_INTERRUPTS();
		if (has_old)
			has_old = next_row(old, old_pointer, old_slot);
		if (has_new)
			has_new = next_row(new, new_pointer, new_slot);
		if (ST_FAULT("B8 drain") && old && new && has_old != has_new)
			break;
		for (int i = 0; i < ntargets; i++)
			output_change(&outputs[i], has_old ? old_slot : NULL, has_new ? new_slot : NULL);
	}
	for (int i = 0; i < ntargets; i++)
		output_end(&outputs[i]);
	if (old_slot)
		ExecDropSingleTupleTableSlot(old_slot);
	if (new_slot)
		ExecDropSingleTupleTableSlot(new_slot);
}

/* --- the functions --- */

static TriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("capture function was not called by the trigger manager")));
	return (TriggerData *) fcinfo->context;
}

static char
event_letter(TriggerEvent event)
{
	if (TRIGGER_FIRED_BY_INSERT(event))
		return 'i';
	return TRIGGER_FIRED_BY_UPDATE(event) ? 'u' : 'd';
}

Datum
st_sql_capture_before(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);

	st_book_open(RelationGetRelid(trigger->tg_relation), event_letter(trigger->tg_event));
	return PointerGetDatum(NULL);
}

Datum
st_sql_capture_statement(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	Relation	rel = trigger->tg_relation;

	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
	{
		int			ntargets;
		StTarget   *targets = copy_targets(rel, true, true, &ntargets);

		for (int i = 0; i < ntargets; i++)
			st_log_mark_recompute(targets[i].source, "truncated");
		return PointerGetDatum(NULL);
	}
	capture_tables(rel, trigger->tg_oldtable, trigger->tg_newtable);
	st_book_close(RelationGetRelid(rel), event_letter(trigger->tg_event));
	return PointerGetDatum(NULL);
}

Datum
st_sql_capture_row(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	Relation	rel = trigger->tg_relation;
	int			ntargets;
	StTarget   *targets = copy_targets(rel, true, false, &ntargets);
	TupleTableSlot *old = NULL;
	TupleTableSlot *new = NULL;

	if (discarded(targets, ntargets))
		return PointerGetDatum(NULL);
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		new = trigger->tg_trigslot;
	else
		old = trigger->tg_trigslot;
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		new = trigger->tg_newslot;
	for (int i = 0; i < ntargets; i++)
	{
		Output		output;

		output_init(&output, &targets[i], RelationGetDescr(rel));
		output_change(&output, old, new);
		output_end(&output);
	}
	return PointerGetDatum(NULL);
}
