/*-------------------------------------------------------------------------
 *
 * check.c
 *	  Changes of what is read that no commit tells of (rule H6).
 *
 * NOTES
 *	  What a source's capture, storage and partitions are like is compared with
 *	  what they were like when its readers were last recomputed, which their
 *	  frontiers say: so it is no matter what has happened before the scheduler
 *	  came. All frontiers are read at once; that is nothing compared with looking at
 *	  the sources, of which there may be ten thousand. They are looked at when an
 *	  invalidation has come, one after the other, for a tenth of the time at most,
 *	  and meanwhile commits do not wait.
 *
 *	  Who changes the catalog with UPDATE sends no invalidation for a trigger. So
 *	  all triggers are looked at once a minute, which costs far less than to
 *	  look at all sources; only if one of them has changed are these looked at, and
 *	  all sessions told of those that are not what they were.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "catalog/alert.h"
#include "catalog/stream_table.h"
#include "schedule/check.h"
#include "store/store.h"
#include "util/fault.h"

/* how long one call looks at sources; it is made once a second */
#define CHECK_TIME (USECS_PER_SEC / 10)

/* and at triggers, though nobody has told of any */
#define TRIGGER_INTERVAL (ST_FAULT("H6 soon") ? 0 : 60 * USECS_PER_SEC)

/* The sources that nobody has looked at yet. */
static Datum *
unknown_sources(const StSchedule *schedule, int *count)
{
	Datum	   *oids = palloc(sizeof(Datum) * Max(list_length(schedule->sources), 1));
	ListCell   *lc;

	*count = 0;
	foreach(lc, schedule->sources)
	{
		int			source = foreach_current_index(lc);

		if (schedule->generations[source] == NULL && bms_is_member(source, schedule->captured))
			oids[(*count)++] = ObjectIdGetDatum(lfirst_oid(lc));
	}
	return oids;
}

void
st_check_prepare(StSchedule *schedule)
{
	Oid			types[] = {OIDARRAYOID};
	Datum		values[1];
	int			nunknown;
	Datum	   *unknown = unknown_sources(schedule, &nunknown);
	uint64		count;

	if (nunknown == 0)
		return;
	/* of what was never looked at no invalidation is heard */
	schedule->left = list_length(schedule->sources);
	if (ST_FAULT("H6 first"))
		return;
	values[0] = PointerGetDatum(construct_array(unknown, nunknown, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	/* readers that differ in it are all looked at */
	count = st_catalog_execute("SELECT source_relid, CASE WHEN min(generation) = max(generation) THEN min(generation) ELSE '' END"
							   " FROM pgtrickle.source_frontier WHERE source_relid = ANY ($1) GROUP BY 1", 1, types, values, NULL);
	for (uint64 row = 0; row < count; row++)
	{
		bool		isnull;
		Datum		relid = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull);
		int			source = st_schedule_source(schedule, DatumGetObjectId(relid));

		schedule->generations[source] =
			MemoryContextStrdup(schedule->context, SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2));
	}
}

/* Somebody has disabled capture triggers, or they are missing. */
static void
tell_disabled(Oid source)
{
	StAlert		alert;

	st_alert_begin(&alert, "cdc_trigger_disabled", NULL, NULL);
	st_alert_add_number(&alert, "source_oid", source);
	st_alert_send(&alert);
}

/* It may be dropped any time. */
static void
tell_sessions(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));

	if (!HeapTupleIsValid(tuple))
		return;
	CacheInvalidateRelcacheByTuple(tuple);
	ReleaseSysCache(tuple);
}

static void
unlock_all(List *relids)
{
	ListCell   *lc;

	foreach(lc, relids)
		UnlockRelationOid(lfirst_oid(lc), AccessShareLock);
	list_free(relids);
}

/*
 * Whoever waits to alter a table has all behind him who come later: nobody is
 * waited for. NIL: it is altered, or its children are, or it is gone.
 */
static List *
lock_tree(Oid source)
{
	List	   *locked = NIL;
	ListCell   *lc;

	foreach(lc, st_store_hooks.tree(source))
	{
		if (!ConditionalLockRelationOid(lfirst_oid(lc), AccessShareLock))
		{
			unlock_all(locked);
			return NIL;
		}
		locked = lappend_oid(locked, lfirst_oid(lc));
	}
	return locked;
}

/* "silent": others have not been told either, whatever has changed. */
static void
check_source(StSchedule *schedule, int source, bool silent)
{
	Oid			relid = list_nth_oid(schedule->sources, source);
	char	   *before = schedule->generations[source];
	List	   *locked;
	char	   *now;

	if (!bms_is_member(source, schedule->captured) || get_rel_relkind(relid) == '\0')
		return;
	locked = lock_tree(relid);
	if (locked == NIL)
	{
		/* look at all once more */
		schedule->checked = 0;
		return;
	}
	now = st_store_hooks.generation(relid);
	unlock_all(locked);
	if (before && strcmp(before, now) == 0)
		return;
	schedule->generations[source] = MemoryContextStrdup(schedule->context, now);

	/*
	 * incomplete: the next refresh of what reads it puts that right, which
	 * may be in an hour
	 */
	if (now[0] == '!' && before && before[0] != '!')
		tell_disabled(relid);
	/* one without a frontier may have got it after this change, or before */
	if (before || !ST_FAULT("H6 first"))
		st_schedule_mark_readers(schedule, source);
	if (before)
		pfree(before);
	if (silent)
		tell_sessions(relid);
}

/* When the triggers were looked at last; 0: not yet. */
static int64 looked = 0;

static bool
triggers_are_due(void)
{
	return (looked == 0 || st_now() - looked >= TRIGGER_INTERVAL) && !ST_FAULT("H6 triggers");
}

/* Has somebody changed a trigger of ours since the last call, however? */
static bool
triggers_changed(void)
{
	static uint64 known = 0;
	bool		first = looked == 0;
	uint64		before = known;

	looked = st_now();
	known = st_store_hooks.triggers();
	return !first && known != before;
}

/* Those that are left, as long as there is time. */
static void
check_some(StSchedule *schedule, bool silent)
{
	int			count = list_length(schedule->sources);
	int64		start = st_now();

	while (schedule->left > 0 && st_now() - start < CHECK_TIME)
	{
		CHECK_FOR_INTERRUPTS();
		schedule->next = (schedule->next + 1) % count;
		schedule->left--;
		check_source(schedule, schedule->next, silent);
	}
}

/* Is everything refreshed, as far as commits told of it? */
static bool
is_settled(const StSchedule *schedule)
{
	ListCell   *lc;

	foreach(lc, schedule->nodes)
	{
		StScheduled *node = lfirst(lc);

		if (node->pending || node->running)
			return false;
	}
	return true;
}

void
st_check_sources(StSchedule *schedule)
{
	static bool silent = false;
	MemoryContext context = CurrentMemoryContext;
	int			all = list_length(schedule->sources);
	bool		due = triggers_are_due();
	uint64		counter = st_watch_counter();

	if ((schedule->left == 0 && counter == schedule->checked && !due) || ST_FAULT("H6") ||
		(ST_FAULT("H6 late") && !is_settled(schedule)))
		return;
	if (schedule->left > 0)
		ST_STOP_POINT("scheduler looks");
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (due && triggers_changed())
	{
		silent = true;
		st_watch_forget();
		counter = st_watch_counter();
		schedule->left = all;
	}
	if (schedule->left == 0 && counter != schedule->checked)
		schedule->left = all;
	if (schedule->left == all)
		schedule->checked = counter;
	check_some(schedule, silent);
	silent &= schedule->left > 0;
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
}
