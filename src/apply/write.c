/*-------------------------------------------------------------------------
 *
 * write.c
 *	  Writes the work lists of an apply: deletes, updates, inserts.
 *
 * NOTES
 *	  A plain table that has no trigger but the guard is written row by row
 *	  with the table and index access methods (rules J14). Every other table
 *	  takes one statement per list: triggers, foreign keys and partitions need
 *	  the executor.
 *
 *	  A user's unique index can be violated on the way from one valid state to
 *	  the next (two rows swap a value). Where such an index exists and rows are
 *	  updated, the writing happens in a subtransaction, and on 23505 or 23P01
 *	  once more with the updates as deletes and inserts (rules G1), unless a
 *	  foreign key refers to the table: its rows must not vanish even for an
 *	  instant.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_index.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_relation.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "apply/applier.h"
#include "compat.h"
#include "util/attempt.h"
#include "util/fault.h"
#include "util/sqlbuf.h"

static char *
column_name(StApplier *applier, int position)
{
	return get_attname(applier->relid, applier->columns[position], false);
}

static void
append_columns(StringInfo sql, StApplier *applier, const char *alias, const char *fresh)
{
	for (int i = 0; i < applier->natts; i++)
	{
		int			position = applier->order[i];

		if (i > 0)
			st_sql_text(sql, ", ");
		if (fresh != NULL)
			st_sql_format(sql, "d.n%d", position + 1);
		else
			st_sql_column(sql, alias, column_name(applier, position));
	}
}

static void
append_place(StringInfo sql, StWork *work)
{
	st_sql_text(sql, " WHERE t.ctid OPERATOR(pg_catalog.=) d.tid");
	if (work->rel->rd_rel->relkind != RELKIND_RELATION)
		st_sql_text(sql, " AND t.tableoid OPERATOR(pg_catalog.=) d.rel");
}

static StStatement *
delete_statement(StWork *work, const StInput *input)
{
	StApplier  *applier = work->applier;
	StringInfoData sql;

	if (applier->delete_rows != NULL)
		return applier->delete_rows;
	initStringInfo(&sql);
	st_sql_text(&sql, "DELETE FROM ");
	st_sql_relation(&sql, applier->relid);
	st_sql_text(&sql, " t USING st_deletes d");
	append_place(&sql, work);
	applier->delete_rows = st_statement_create(applier->context, sql.data, 1, input);
	return applier->delete_rows;
}

static StStatement *
update_statement(StWork *work, const StInput *input, bool returning)
{
	StApplier  *applier = work->applier;
	StringInfoData sql;
	bool		first = true;

	if (applier->update_rows[returning] != NULL)
		return applier->update_rows[returning];
	initStringInfo(&sql);
	st_sql_text(&sql, "UPDATE ");
	st_sql_relation(&sql, applier->relid);
	st_sql_text(&sql, " t SET ");
	/* rows are paired by equal key images: the key stays as it is */
	for (int i = 0; i < applier->natts; i++)
	{
		int			position = applier->order[i];

		if (applier->is_key[position])
			continue;
		if (!first)
			st_sql_text(&sql, ", ");
		first = false;
		st_sql_identifier(&sql, column_name(applier, position));
		st_sql_format(&sql, " = d.n%d", position + 1);
	}
	st_sql_text(&sql, " FROM st_updates d");
	append_place(&sql, work);
	if (returning)
	{
		st_sql_text(&sql, " RETURNING ");
		append_columns(&sql, applier, "t", NULL);
		st_sql_text(&sql, ", ");
		append_columns(&sql, applier, NULL, "n");
	}
	applier->update_rows[returning] = st_statement_create(applier->context, sql.data, 1, input);
	return applier->update_rows[returning];
}

static StStatement *
insert_statement(StWork *work, const StInput *input, bool returning)
{
	StApplier  *applier = work->applier;
	StringInfoData sql;

	if (applier->insert_rows[returning] != NULL)
		return applier->insert_rows[returning];
	initStringInfo(&sql);
	st_sql_text(&sql, "INSERT INTO ");
	st_sql_relation(&sql, applier->relid);
	st_sql_text(&sql, " AS t (");
	append_columns(&sql, applier, NULL, NULL);
	st_sql_text(&sql, ") SELECT ");
	append_columns(&sql, applier, NULL, "n");
	st_sql_text(&sql, " FROM st_inserts d");
	if (returning)
	{
		st_sql_text(&sql, " RETURNING ");
		append_columns(&sql, applier, "t", NULL);
	}
	applier->insert_rows[returning] = st_statement_create(applier->context, sql.data, 1, input);
	return applier->insert_rows[returning];
}

/* A user's BEFORE ROW trigger did what rule G2 forbids. */
static void
refuse_trigger(StWork *work)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("a trigger on stream table \"%s\" suppressed or changed a row",
					RelationGetRelationName(work->rel)),
			 errhint("BEFORE ROW triggers on a stream table must return the row unchanged.")));
}

/* Compares what was written with what should have been. */
typedef struct Check
{
	StWork	   *work;
	TupleTableSlot *expected;	/* inserts: the list, read along */
	int			pointer;
} Check;

static bool
same_value(StWork *work, int position, TupleTableSlot *a, int i, TupleTableSlot *b, int j)
{
	Form_pg_attribute att = TupleDescAttr(work->applier->insert_desc, position);

	if (a->tts_isnull[i] != b->tts_isnull[j])
		return false;
	return a->tts_isnull[i] ||
		st_image_datum_equal(a->tts_values[i], b->tts_values[j], att->attbyval, att->attlen);
}

static void
check_updated(TupleTableSlot *slot, void *arg)
{
	StWork	   *work = ((Check *) arg)->work;
	int			natts = work->applier->natts;

	CHECK_FOR_INTERRUPTS();
	slot_getallattrs(slot);
	for (int i = 0; i < natts; i++)
		if (!same_value(work, work->applier->order[i], slot, i, slot, natts + i))
			refuse_trigger(work);
}

static void
check_inserted(TupleTableSlot *slot, void *arg)
{
	Check	   *check = arg;
	StWork	   *work = check->work;

	CHECK_FOR_INTERRUPTS();
	slot_getallattrs(slot);
	tuplestore_select_read_pointer(work->inserts, check->pointer);
	if (!st_apply_read_list(work->inserts, check->expected))
		refuse_trigger(work);
	slot_getallattrs(check->expected);
	for (int i = 0; i < work->applier->natts; i++)
		if (!same_value(work, work->applier->order[i], slot, i, check->expected,
						work->applier->order[i]))
			refuse_trigger(work);
}

/* Whether a row trigger may interfere; partitions may have their own. */
static bool
may_interfere(StWork *work, CmdType command)
{
	TriggerDesc *triggers = work->rel->trigdesc;

	if (work->rel->rd_rel->relkind != RELKIND_RELATION)
		return true;
	if (triggers == NULL)
		return false;
	switch (command)
	{
		case CMD_INSERT:
			return triggers->trig_insert_before_row;
		case CMD_UPDATE:
			return triggers->trig_update_before_row;
		default:
			return triggers->trig_delete_before_row;
	}
}

/* Not as many rows were written as were found a moment ago. */
static void
refuse_count(StWork *work, CmdType command)
{
	if (may_interfere(work, command))
		refuse_trigger(work);
	work->inconsistent = true;
}

static void
write_by_statements(StWork *work)
{
	StApplier  *applier = work->applier;
	Check		check = {.work = work};
	int			level = st_apply_pin_planner();

	if (work->ndeletes > 0)
	{
		StInput		input = {"st_deletes", applier->tid_desc, work->deletes, work->ndeletes};

		if (st_statement_run(delete_statement(work, &input), 1, &input, work->snapshot,
							 NULL, NULL) != work->ndeletes)
			refuse_count(work, CMD_DELETE);
	}
	if (work->nupdates > 0)
	{
		StInput		input = {"st_updates", applier->update_desc, work->updates, work->nupdates};
		bool		returning = may_interfere(work, CMD_UPDATE);

		if (st_statement_run(update_statement(work, &input, returning), 1, &input, work->snapshot,
							 returning ? check_updated : NULL, &check) != work->nupdates)
			refuse_count(work, CMD_UPDATE);
	}
	if (work->ninserts > 0)
	{
		StInput		input = {"st_inserts", applier->insert_desc, work->inserts, work->ninserts};
		bool		returning = may_interfere(work, CMD_INSERT);

		if (returning)
		{
			check.expected = MakeSingleTupleTableSlot(applier->insert_desc, &TTSOpsMinimalTuple);
			check.pointer = tuplestore_alloc_read_pointer(work->inserts, EXEC_FLAG_REWIND);
			tuplestore_select_read_pointer(work->inserts, check.pointer);
			tuplestore_rescan(work->inserts);
		}
		if (st_statement_run(insert_statement(work, &input, returning), 1, &input, work->snapshot,
							 returning ? check_inserted : NULL, &check) != work->ninserts)
			refuse_count(work, CMD_INSERT);
		if (returning)
			ExecDropSingleTupleTableSlot(check.expected);
	}
	AtEOXact_GUC(false, level);
}

/* Read a work list from its start. */
static void
restart(Tuplestorestate *list)
{
	tuplestore_select_read_pointer(list, 0);
	tuplestore_rescan(list);
}

/* Whether the table can be written without the executor. */
bool
st_write_is_direct(Relation rel)
{
	TriggerDesc *triggers = rel->trigdesc;

	if (rel->rd_rel->relkind != RELKIND_RELATION || rel->rd_rel->relispartition)
		return false;
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		if (ST_FAULT("J14"))
			break;
		/* the only internal triggers of this kind are guards */
		if (!trigger->tgisinternal || TRIGGER_FOR_ROW(trigger->tgtype) ||
			!TRIGGER_FOR_BEFORE(trigger->tgtype))
			return false;
	}
	return true;
}

/* Put a row of a work list into a slot of the table. */
static void
fill_slot(StWork *work, TupleTableSlot *slot, TupleTableSlot *item, int extra)
{
	StApplier  *applier = work->applier;

	slot_getallattrs(item);
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	for (int i = 0; i < applier->natts; i++)
	{
		int			column = applier->columns[i] - 1;

		slot->tts_values[column] = item->tts_values[extra + i];
		slot->tts_isnull[column] = item->tts_isnull[extra + i];
	}
	ExecStoreVirtualTuple(slot);
}

/* Where a toasted value does not change, keep the one stored. */
static void
keep_toasted(StWork *work, TupleTableSlot *slot, TupleTableSlot *old)
{
	TupleDesc	desc = RelationGetDescr(work->rel);

	slot_getallattrs(old);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attlen == -1 && !slot->tts_isnull[i] && !old->tts_isnull[i] &&
			VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(old->tts_values[i])) &&
			st_image_datum_equal(slot->tts_values[i], old->tts_values[i], false, -1))
			slot->tts_values[i] = old->tts_values[i];
	}
}

static void
write_directly(StWork *work)
{
	StApplier  *applier = work->applier;
	Relation	rel = work->rel;
	EState	   *estate = CreateExecutorState();
	MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	List	   *perminfos = NIL;
	ResultRelInfo *result = makeNode(ResultRelInfo);
	TupleTableSlot *slot = table_slot_create(rel, &estate->es_tupleTable);
	TupleTableSlot *old = table_slot_create(rel, &estate->es_tupleTable);
	TupleTableSlot *item;
	EPQState	epqstate;

	rte->rtekind = RTE_RELATION;
	rte->relid = applier->relid;
	rte->relkind = rel->rd_rel->relkind;
	rte->rellockmode = RowExclusiveLock;
	StExecInitOneRelation(estate, rte, perminfos);
	if (work->nupdates > 0)
	{
		Bitmapset  *updated = NULL;

		for (int i = 0; i < applier->natts; i++)
			if (!applier->is_key[i])
				updated = bms_add_member(updated, applier->columns[i] - FirstLowInvalidHeapAttributeNumber);
		StSetUpdatedCols(rte, perminfos, updated);
	}
	InitResultRelInfo(result, rel, 1, NULL, 0);
	estate->es_opened_result_relations = lappend(estate->es_opened_result_relations, result);
	PushCopiedSnapshot(work->snapshot);
	UpdateActiveSnapshotCommandId();
	estate->es_snapshot = GetActiveSnapshot();
	estate->es_output_cid = GetCurrentCommandId(true);
	ExecOpenIndices(result, false);
	StEvalPlanQualInit(&epqstate, estate);

	if (work->ndeletes > 0)
	{
		item = ExecInitExtraTupleSlot(estate, applier->tid_desc, &TTSOpsMinimalTuple);
		restart(work->deletes);
		while (tuplestore_gettupleslot(work->deletes, true, false, item))
		{
			CHECK_FOR_INTERRUPTS();
			slot_getallattrs(item);
			old->tts_tid = *(ItemPointer) DatumGetPointer(item->tts_values[1]);
			ExecSimpleRelationDelete(result, estate, &epqstate, old);
			ResetPerTupleExprContext(estate);
		}
	}
	ST_STOP_POINT("old rows deleted");
	if (work->nupdates > 0)
	{
		item = ExecInitExtraTupleSlot(estate, applier->update_desc, &TTSOpsMinimalTuple);
		restart(work->updates);
		while (tuplestore_gettupleslot(work->updates, true, false, item))
		{
			ItemPointerData tid;

			CHECK_FOR_INTERRUPTS();
			fill_slot(work, slot, item, TID_EXTRA);
			tid = *(ItemPointer) DatumGetPointer(item->tts_values[1]);
			if (work->has_toasted && OidIsValid(rel->rd_rel->reltoastrelid) &&
				table_tuple_fetch_row_version(rel, &tid, estate->es_snapshot, old))
				keep_toasted(work, slot, old);
			old->tts_tid = tid;
			ExecSimpleRelationUpdate(result, estate, &epqstate, old, slot);
			ExecClearTuple(old);
			ResetPerTupleExprContext(estate);
		}
	}
	if (work->ninserts > 0)
	{
		item = ExecInitExtraTupleSlot(estate, applier->insert_desc, &TTSOpsMinimalTuple);
		restart(work->inserts);
		while (tuplestore_gettupleslot(work->inserts, true, false, item))
		{
			CHECK_FOR_INTERRUPTS();
			fill_slot(work, slot, item, 0);
			ExecSimpleRelationInsert(result, estate, slot);
			ResetPerTupleExprContext(estate);
		}
	}

	EvalPlanQualEnd(&epqstate);
	ExecResetTupleTable(estate->es_tupleTable, false);
	ExecCloseIndices(result);
	ExecCloseRangeTableRelations(estate);
	PopActiveSnapshot();
	MemoryContextSwitchTo(caller);
	FreeExecutorState(estate);
	CommandCounterIncrement();
}

/* The work lists with every update as a delete and an insert. */
void
st_write_split_updates(StWork *work)
{
	StApplier  *applier = work->applier;
	TupleTableSlot *item = MakeSingleTupleTableSlot(applier->update_desc, &TTSOpsMinimalTuple);
	TupleTableSlot *row = MakeSingleTupleTableSlot(applier->insert_desc, &TTSOpsVirtual);
	int64		count = work->nupdates;

	restart(work->updates);
	work->ntids = 0;
	while (tuplestore_gettupleslot(work->updates, true, false, item))
	{
		slot_getallattrs(item);
		ExecClearTuple(row);
		memcpy(row->tts_values, item->tts_values + TID_EXTRA, sizeof(Datum) * applier->natts);
		memcpy(row->tts_isnull, item->tts_isnull + TID_EXTRA, sizeof(bool) * applier->natts);
		ExecStoreVirtualTuple(row);
		st_apply_add_insert(work, row, 1);
		st_apply_add_found(work, DatumGetObjectId(item->tts_values[0]),
						   (ItemPointer) DatumGetPointer(item->tts_values[1]), NULL);
	}
	work->nupdates -= count;
	ExecDropSingleTupleTableSlot(row);
	ExecDropSingleTupleTableSlot(item);
}

static void
write_lists(StWork *work)
{
	if (st_write_is_direct(work->rel))
		write_directly(work);
	else
	{
		st_guard_enter();
		write_by_statements(work);
		st_guard_leave();
	}
}

/* Whether a unique or exclusion index other than the identity's exists. */
static bool
has_other_unique_index(StWork *work)
{
	List	   *indexes = RelationGetIndexList(work->rel);
	Oid			own = st_find_index(work->applier, work->rel);
	ListCell   *lc;
	bool		found = false;

	foreach(lc, indexes)
	{
		HeapTuple	tuple;

		if (lfirst_oid(lc) == own)
			continue;
		tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		if (HeapTupleIsValid(tuple))
		{
			Form_pg_index form = (Form_pg_index) GETSTRUCT(tuple);

			found |= form->indisunique || form->indisexclusion;
			ReleaseSysCache(tuple);
		}
	}
	list_free(indexes);
	return found;
}

static bool
is_referenced(Relation rel)
{
	TriggerDesc *triggers = rel->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (RI_FKey_trigger_type(triggers->triggers[i].tgfoid) == RI_TRIGGER_PK)
			return true;
	return false;
}

static bool
attempt_to_write(void *arg)
{
	write_lists(arg);
	return true;
}

/* Write the lists; false if a unique or exclusion index objected. */
static bool
try_write_lists(StWork *work)
{
	ErrorData  *error = st_attempt(attempt_to_write, work);

	if (error == NULL)
		return true;
	if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION &&
		error->sqlerrcode != ERRCODE_EXCLUSION_VIOLATION)
		ReThrowError(error);
	if (is_referenced(work->rel))
	{
		error->hint = pstrdup("A foreign key refers to the stream table: its rows can trade values of a unique constraint only if that is DEFERRABLE.");
		ReThrowError(error);
	}
	FreeErrorData(error);
	return false;
}

void
st_write(StWork *work)
{
	if (work->nupdates == 0 || !has_other_unique_index(work))
		write_lists(work);
	else if (!try_write_lists(work))
	{
		st_write_split_updates(work);
		write_lists(work);
	}
}
