/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  Is a stream table what its query says?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "refresh/member.h"
#include "util/clock.h"

static void
collect_result(TupleTableSlot *slot, void *arg)
{
	st_zset_add((StZset *) arg, slot, 1);
}

bool
st_verify(Oid relid, int64 *missing, int64 *unexpected, char **sample)
{
	StEntry    *entry;
	Snapshot	snapshot;
	StOwnerScope scope;
	StStatement *query;
	TimestampTz clock;
	StZset	   *zset;
	StZsetStep	step;

	st_entries_hold();
	entry = st_entry_get(relid);
	query = entry->original;
	snapshot = st_group_snapshot();
	*missing = *unexpected = 0;
	*sample = NULL;
	PushCopiedSnapshot(snapshot);
	UpdateActiveSnapshotCommandId();
	st_owner_enter(&scope, entry->owner, entry->table->settings);
	zset = st_zset_begin(entry->desc, 0, NULL);
	/* what was right at the last refresh */
	if (entry->program && entry->program->clocked)
		query = st_statement_from_query(CurrentMemoryContext, st_query_before(st_stored_query(entry->table)), entry->table->query);
	clock = st_clock_set_before(st_stream_table_get(relid)->clock);
	PG_TRY();
	{
		(void) st_statement_run(query, 0, NULL, GetActiveSnapshot(), collect_result, zset);
	}
	PG_FINALLY();
	{
		(void) st_clock_set_before(clock);
	}
	PG_END_TRY();
	st_applier_subtract_contents(entry->applier, zset, GetActiveSnapshot());
	st_zset_rewind(zset);
	while (st_zset_next(zset, &step))
	{
		TupleTableSlot *slot = step.new_row ? step.new_row : step.old_row;

		if (step.new_row)
			*missing += step.weight;
		else
			*unexpected += step.weight;
		if (*sample == NULL)
		{
			StringInfoData text;

			initStringInfo(&text);
			slot_getallattrs(slot);
			for (int i = 0; i < entry->desc->natts; i++)
			{
				Oid			output;
				bool		is_varlena;

				getTypeOutputInfo(TupleDescAttr(entry->desc, i)->atttypid, &output, &is_varlena);
				appendStringInfo(&text, "%s%s = %s", i ? ", " : "",
								 NameStr(TupleDescAttr(entry->desc, i)->attname),
								 slot->tts_isnull[i] ? "NULL" :
								 OidOutputFunctionCall(output, slot->tts_values[i]));
			}
			*sample = psprintf("%s: %s", step.new_row ? "missing" : "unexpected", text.data);
		}
	}
	st_zset_end(zset);
	st_owner_leave(&scope);
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
	st_entries_release();
	return *missing == 0 && *unexpected == 0;
}
