/*-------------------------------------------------------------------------
 *
 * find.c
 *	  Finds the rows of a table that have given images.
 *
 * NOTES
 *	  A plain table is looked up through its identity's index directly, row by
 *	  row: no plan that could grow old, about a microsecond per row. A
 *	  partitioned table, or one whose index was dropped, takes one statement
 *	  for the whole delta. Both check the whole image: equal keys or hashes
 *	  are only candidates.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_operator.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "apply/applier.h"
#include "compat.h"
#include "util/sqlbuf.h"

struct StFinder
{
	StApplier  *applier;
	Relation	index;
	IndexScanDesc scan;
	int			nkeys;
	ScanKeyData keys[INDEX_MAX_KEYS];
	int			positions[INDEX_MAX_KEYS];	/* of the Z-set, per index column */
	TupleTableSlot *slot;
	FmgrInfo	hash;			/* hash_record_extended */
	MemoryContext scan_context; /* for as long as the scan */
	MemoryContext row_context;	/* for one row looked for */
};

/* The Z-set's column (0..) for a column of the table, or -1. */
static int
position_of(StApplier *applier, AttrNumber column)
{
	for (int i = 0; i < applier->natts; i++)
		if (applier->columns[i] == column)
			return i;
	return -1;
}

/* How many columns the hash of a row is over. */
static int
hashed_columns(StApplier *applier)
{
	return Min(applier->identity.kind == ST_IDENTITY_KEY_HASH ? applier->identity.nkeys : applier->natts,
			   ST_HASHED_COLUMNS);
}

bool
st_index_serves(StApplier *applier, Relation index)
{
	Form_pg_index form = index->rd_index;
	List	   *expressions;
	FuncExpr   *call;
	RowExpr    *row;
	int			count;

	if (!form->indisvalid || index->rd_rel->relam != BTREE_AM_OID ||
		!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
		return false;
	expressions = RelationGetIndexExpressions(index);

	if (applier->identity.kind == ST_IDENTITY_KEY)
	{
		/*
		 * partitions can have rows of the same key if it does not hold the
		 * partition key
		 */
		if ((!form->indisunique && index->rd_rel->relkind != RELKIND_PARTITIONED_INDEX) || expressions != NIL || form->indnkeyatts != applier->identity.nkeys)
			return false;
		for (int i = 0; i < form->indnkeyatts; i++)
		{
			bool		known = false;

			for (int j = 0; j < applier->identity.nkeys; j++)
				known |= form->indkey.values[i] == applier->identity.keys[j];
			if (!known)
				return false;
		}
		return true;
	}

	if (form->indnkeyatts != 1 || list_length(expressions) != 1 || !IsA(linitial(expressions), FuncExpr))
		return false;
	call = linitial(expressions);
	if (call->funcid != st_identity_hash_function(applier->identity.kind) ||
		!IsA(linitial(call->args), RowExpr))
		return false;
	row = linitial(call->args);
	count = hashed_columns(applier);
	if (list_length(row->args) != count)
		return false;
	for (int i = 0; i < count; i++)
	{
		Var		   *var = list_nth(row->args, i);
		AttrNumber	wanted = applier->identity.kind == ST_IDENTITY_KEY_HASH ?
			applier->identity.keys[i] : applier->columns[applier->order[i]];

		if (!IsA(var, Var) || var->varattno != wanted)
			return false;
	}
	return true;
}

/* The index of the identity, InvalidOid if the table has none any more. */
Oid
st_find_index(StApplier *applier, Relation rel)
{
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *lc;
	Oid			found = InvalidOid;

	if (OidIsValid(applier->index) && list_member_oid(indexes, applier->index))
		found = applier->index;
	else
		foreach(lc, indexes)
		{
			Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

			if (st_index_serves(applier, index))
				found = lfirst_oid(lc);
			index_close(index, NoLock);
			if (OidIsValid(found))
				break;
		}
	list_free(indexes);
	applier->index = found;
	return found;
}

/* The equality operator of the index's column. */
static Oid
index_equality(Relation index, int column)
{
	Oid			type = index->rd_opcintype[column];
	Oid			operator = get_opfamily_member(index->rd_opfamily[column], type, type,
											   BTEqualStrategyNumber);

	if (!OidIsValid(operator))
		elog(ERROR, "missing operator %d(%u,%u) in opfamily %u", BTEqualStrategyNumber,
			 type, type, index->rd_opfamily[column]);
	return operator;
}

/* The table has an identity index (st_find_index) and is not partitioned. */
StFinder *
st_find_begin(StApplier *applier, Relation rel, Snapshot snapshot)
{
	StFinder   *finder = palloc0(sizeof(StFinder));

	finder->applier = applier;
	finder->scan_context = CurrentMemoryContext;
	finder->index = index_open(applier->index, RowExclusiveLock);
	finder->nkeys = IndexRelationGetNumberOfKeyAttributes(finder->index);
	for (int i = 0; i < finder->nkeys; i++)
	{
		ScanKeyEntryInitialize(&finder->keys[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid,
							   finder->index->rd_indcollation[i],
							   get_opcode(index_equality(finder->index, i)), (Datum) 0);
		finder->positions[i] = position_of(applier, finder->index->rd_index->indkey.values[i]);
	}
	if (applier->identity.kind == ST_IDENTITY_KEY_HASH)
	{
		fmgr_info(F_HASH_RECORD_EXTENDED, &finder->hash);
		if (applier->hash_desc == NULL)
		{
			MemoryContext caller = MemoryContextSwitchTo(applier->context);
			TupleDesc	desc = CreateTemplateTupleDesc(hashed_columns(applier));

			for (int i = 0; i < hashed_columns(applier); i++)
				TupleDescCopyEntry(desc, i + 1, RelationGetDescr(rel), applier->identity.keys[i]);
			applier->hash_desc = BlessTupleDesc(desc);
			MemoryContextSwitchTo(caller);
		}
	}
	finder->slot = table_slot_create(rel, NULL);
	finder->scan = StIndexBeginScan(rel, finder->index, snapshot, finder->nkeys);
	finder->row_context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle find",
												ALLOCSET_SMALL_SIZES);
	return finder;
}

static Datum
key_hash(StFinder *finder, TupleTableSlot *old_row)
{
	StApplier  *applier = finder->applier;
	int			nkeys = hashed_columns(applier);
	Datum	   *values = palloc(sizeof(Datum) * nkeys);
	bool	   *nulls = palloc(sizeof(bool) * nkeys);
	HeapTuple	tuple;

	for (int i = 0; i < nkeys; i++)
	{
		int			position = position_of(applier, applier->identity.keys[i]);

		values[i] = old_row->tts_values[position];
		nulls[i] = old_row->tts_isnull[position];
	}
	tuple = heap_form_tuple(applier->hash_desc, values, nulls);
	return FunctionCall2(&finder->hash, HeapTupleGetDatum(tuple), Int64GetDatum(0));
}

/* Whether the table's row in finder->slot has the image of "old_row". */
static bool
same_image(StFinder *finder, TupleTableSlot *old_row)
{
	StApplier  *applier = finder->applier;
	TupleTableSlot *slot = finder->slot;

	slot_getallattrs(slot);
	for (int i = 0; i < applier->natts; i++)
	{
		int			column = applier->columns[i] - 1;
		Form_pg_attribute att = TupleDescAttr(slot->tts_tupleDescriptor, column);

		if (slot->tts_isnull[column] != old_row->tts_isnull[i])
			return false;
		if (!slot->tts_isnull[column] &&
			!st_image_datum_equal(slot->tts_values[column], old_row->tts_values[i],
								  att->attbyval, att->attlen))
			return false;
	}
	return true;
}

bool
st_find_rows(StFinder *finder, StWork *work, TupleTableSlot *old_row, int64 k,
			 TupleTableSlot *new_row)
{
	StApplier  *applier = finder->applier;
	MemoryContext caller = MemoryContextSwitchTo(finder->row_context);

	slot_getallattrs(old_row);
	switch (applier->identity.kind)
	{
		case ST_IDENTITY_KEY:
			for (int i = 0; i < finder->nkeys; i++)
			{
				int			position = finder->positions[i];

				/* key columns are NOT NULL: no row has this image */
				if (old_row->tts_isnull[position])
				{
					MemoryContextSwitchTo(caller);
					MemoryContextReset(finder->row_context);
					return false;
				}
				finder->keys[i].sk_argument = old_row->tts_values[position];
				/* btree wants plain values */
				if (TupleDescAttr(old_row->tts_tupleDescriptor, position)->attlen == -1)
					finder->keys[i].sk_argument =
						PointerGetDatum(PG_DETOAST_DATUM_PACKED(finder->keys[i].sk_argument));
			}
			break;
		case ST_IDENTITY_KEY_HASH:
			finder->keys[0].sk_argument = key_hash(finder, old_row);
			break;
		case ST_IDENTITY_IMAGE:
			{
				uint64		hash = 0;

				for (int i = 0; i < hashed_columns(applier); i++)
				{
					int			position = applier->order[i];
					Form_pg_attribute att = TupleDescAttr(old_row->tts_tupleDescriptor, position);

					if (old_row->tts_isnull[position])
						hash = st_image_null_hash(hash);
					else
						hash = st_image_datum_hash(hash, old_row->tts_values[position],
												   att->attbyval, att->attlen);
				}
				finder->keys[0].sk_argument = Int64GetDatum((int64) hash);
				break;
			}
	}

	/* the scan keeps what it allocates now: not in the context reset below */
	MemoryContextSwitchTo(finder->scan_context);
	index_rescan(finder->scan, finder->keys, finder->nkeys, NULL, 0);
	while (k > 0 && index_getnext_slot(finder->scan, ForwardScanDirection, finder->slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (same_image(finder, old_row))
		{
			if (!TTS_IS_BUFFERTUPLE(finder->slot) ||
				HeapTupleHasExternal(((BufferHeapTupleTableSlot *) finder->slot)->base.tuple))
				work->has_toasted = true;
			st_apply_add_found(work, applier->relid, &finder->slot->tts_tid, new_row);
			k--;
		}
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(finder->row_context);
	return k == 0;
}

void
st_find_end(StFinder *finder)
{
	index_endscan(finder->scan);
	index_close(finder->index, NoLock);
	ExecDropSingleTupleTableSlot(finder->slot);
	MemoryContextDelete(finder->row_context);
	pfree(finder);
}

/* "(t.c1, t.c2..)" or "(d.o1, d.o2..)" of the columns at "positions" */
static void
append_row(StringInfo sql, StApplier *applier, const int *positions, int count, bool delta)
{
	st_sql_text(sql, "ROW(");
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			st_sql_text(sql, ", ");
		if (delta)
			st_sql_format(sql, "d.o%d", positions[i] + 1);
		else
			st_sql_column(sql, "t", get_attname(applier->relid, applier->columns[positions[i]], false));
	}
	st_sql_text(sql, ")");
}

static void
append_lookup(StringInfo sql, StApplier *applier)
{
	int		   *positions = palloc(sizeof(int) * Max(applier->identity.nkeys, 1));
	int			hashed = hashed_columns(applier);

	if (applier->identity.kind == ST_IDENTITY_IMAGE)
	{
		st_sql_text(sql, "pgtrickle.row_image_hash(");
		append_row(sql, applier, applier->order, hashed, false);
		st_sql_text(sql, ") OPERATOR(pg_catalog.=) pgtrickle.row_image_hash(");
		append_row(sql, applier, applier->order, hashed, true);
		st_sql_text(sql, ") AND ");
		return;
	}
	for (int i = 0; i < applier->identity.nkeys; i++)
		positions[i] = position_of(applier, applier->identity.keys[i]);
	if (applier->identity.kind == ST_IDENTITY_KEY_HASH)
	{
		st_sql_text(sql, "pg_catalog.hash_record_extended(");
		append_row(sql, applier, positions, hashed, false);
		st_sql_text(sql, ", 0::pg_catalog.int8) OPERATOR(pg_catalog.=) pg_catalog.hash_record_extended(");
		append_row(sql, applier, positions, hashed, true);
		st_sql_text(sql, ", 0::pg_catalog.int8) AND ");
		return;
	}
	for (int i = 0; i < applier->identity.nkeys; i++)
	{
		Oid			type = TupleDescAttr(applier->insert_desc, positions[i])->atttypid;
		Oid			opclass = GetDefaultOpClass(type, BTREE_AM_OID);
		Oid			input = get_opclass_input_type(opclass);
		Oid			operator = get_opfamily_member(get_opclass_family(opclass), input, input,
												   BTEqualStrategyNumber);

		st_sql_column(sql, "t", get_attname(applier->relid, applier->columns[positions[i]], false));
		st_sql_text(sql, " ");
		st_sql_operator(sql, operator);
		st_sql_format(sql, " d.o%d AND ", positions[i] + 1);
	}
}

static StStatement *
find_statement(StApplier *applier, const StInput *input)
{
	StringInfoData sql;

	if (applier->find != NULL)
		return applier->find;
	initStringInfo(&sql);
	st_sql_text(&sql, "SELECT d.ord, m.rel, m.tid FROM st_old d CROSS JOIN LATERAL"
				" (SELECT t.tableoid AS rel, t.ctid AS tid FROM ");
	st_sql_relation(&sql, applier->relid);
	st_sql_text(&sql, " t WHERE ");
	append_lookup(&sql, applier);
	/* with the casts it is one comparison of records, not one per column */
	append_row(&sql, applier, applier->order, applier->natts, false);
	st_sql_text(&sql, "::pg_catalog.record OPERATOR(pg_catalog.*=) ");
	append_row(&sql, applier, applier->order, applier->natts, true);
	st_sql_text(&sql, "::pg_catalog.record LIMIT d.k) m");
	applier->find = st_statement_create(applier->context, sql.data, 1, input);
	pfree(sql.data);
	return applier->find;
}

/* Rows come back in the order of "ord": each step's new row is read along. */
typedef struct FindState
{
	StWork	   *work;
	Tuplestorestate *steps;		/* as old_desc: whether an update, k, new row */
	TupleTableSlot *step;		/* minimal, of steps */
	TupleTableSlot *new_row;	/* virtual */
	int64		ord;			/* of the step in the slot, 0 before the first */
	int64		wanted;			/* rows still missing for it */
	bool		is_update;
} FindState;

static void
next_step(FindState *state)
{
	int			natts = state->work->applier->natts;

	if (state->wanted != 0)
		state->work->inconsistent = true;
	if (!st_apply_read_list(state->steps, state->step))
		elog(ERROR, "rows found in the wrong order");
	slot_getallattrs(state->step);
	state->ord++;
	state->wanted = DatumGetInt64(state->step->tts_values[1]);
	state->is_update = DatumGetInt64(state->step->tts_values[0]) != 0;
	ExecClearTuple(state->new_row);
	memcpy(state->new_row->tts_values, state->step->tts_values + OLD_EXTRA, sizeof(Datum) * natts);
	memcpy(state->new_row->tts_isnull, state->step->tts_isnull + OLD_EXTRA, sizeof(bool) * natts);
	ExecStoreVirtualTuple(state->new_row);
}

static void
row_found(TupleTableSlot *slot, void *arg)
{
	FindState  *state = arg;
	int64		ord;

	CHECK_FOR_INTERRUPTS();
	slot_getallattrs(slot);
	ord = DatumGetInt64(slot->tts_values[0]);
	if (ord < state->ord)
		elog(ERROR, "rows found in the wrong order");
	while (state->ord < ord)
		next_step(state);
	state->wanted--;
	st_apply_add_found(state->work, DatumGetObjectId(slot->tts_values[1]),
					   (ItemPointer) DatumGetPointer(slot->tts_values[2]),
					   state->is_update ? state->new_row : NULL);
}

/* Append (first, second, row) to a tuplestore of old_desc; NULLs for no row. */
static void
put_with_numbers(StWork *work, Tuplestorestate *store, int64 first, int64 second,
				 TupleTableSlot *row, Datum *values, bool *nulls)
{
	int			natts = work->applier->natts;

	values[0] = Int64GetDatum(first);
	values[1] = Int64GetDatum(second);
	nulls[0] = nulls[1] = false;
	if (row != NULL)
	{
		slot_getallattrs(row);
		memcpy(values + OLD_EXTRA, row->tts_values, sizeof(Datum) * natts);
		memcpy(nulls + OLD_EXTRA, row->tts_isnull, sizeof(bool) * natts);
	}
	else
		memset(nulls + OLD_EXTRA, true, sizeof(bool) * natts);
	tuplestore_putvalues(store, work->applier->old_desc, values, nulls);
}

/*
 * Look up all rows that leave by one statement. Steps without a row that
 * leaves are not in "old"; st_apply has put them on the list of inserts.
 */
void
st_find_by_statement(StWork *work, StZset *delta, StApplyCallback callback, void *arg)
{
	StApplier  *applier = work->applier;
	Tuplestorestate *old = tuplestore_begin_heap(true, false, work_mem);
	FindState	state = {.work = work};
	Datum	   *values = palloc(sizeof(Datum) * (applier->natts + OLD_EXTRA));
	bool	   *nulls = palloc(sizeof(bool) * (applier->natts + OLD_EXTRA));
	int64		count = 0;
	StZsetStep	step;
	StInput		input = {"st_old", applier->old_desc, old, 0};

	work->has_toasted = true;
	state.steps = tuplestore_begin_heap(false, false, work_mem);
	while (st_zset_next(delta, &step))
	{
		if (callback != NULL)
			st_apply_report(&step, callback, arg);
		if (step.old_row == NULL)
		{
			st_apply_add_insert(work, step.new_row, step.weight);
			continue;
		}
		count++;
		put_with_numbers(work, old, count, step.weight, step.old_row, values, nulls);
		put_with_numbers(work, state.steps, step.new_row != NULL, step.weight, step.new_row,
						 values, nulls);
	}

	if (count > 0)
	{
		int			level = st_apply_pin_planner();

		state.step = MakeSingleTupleTableSlot(applier->old_desc, &TTSOpsMinimalTuple);
		state.new_row = MakeSingleTupleTableSlot(applier->insert_desc, &TTSOpsVirtual);
		input.count = count;
		st_statement_run(find_statement(applier, &input), 1, &input, work->snapshot,
						 row_found, &state);
		while (state.ord < count)
			next_step(&state);
		if (state.wanted != 0)
			work->inconsistent = true;
		ExecDropSingleTupleTableSlot(state.new_row);
		ExecDropSingleTupleTableSlot(state.step);
		AtEOXact_GUC(false, level);
	}
	tuplestore_end(state.steps);
	tuplestore_end(old);
	pfree(values);
	pfree(nulls);
}
