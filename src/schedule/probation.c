/*-------------------------------------------------------------------------
 *
 * probation.c
 *	  A stream table that crashes the server is found and stopped (rule K1).
 *
 * NOTES
 *	  Without this, a query that crashes its process would take the whole server
 *	  down again and again, as often as the stream table is due. What a crash
 *	  leaves is what was committed before: so a refresh is announced in the
 *	  catalog, and that is flushed, before it begins. That costs too much to be
 *	  done always; it is done for a while after a crash.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "catalog/alert.h"
#include "catalog/extension.h"
#include "catalog/stream_table.h"
#include "schedule/probation.h"
#include "store/wake.h"
#include "util/fault.h"

/* announced so often in a row without an end, it is what crashes the server */
#define MAX_ATTEMPTS 2

static void
begin_flushed(void)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	(void) set_config_option("synchronous_commit", "local", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	SPI_connect();
}

static void
end_flushed(MemoryContext context)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
}

/*
 * Note how this run stands. Returns whether the server has crashed during the
 * last one: that did not end in order, and not in this run of the server.
 */
static bool
note_run(bool clean)
{
	Oid			types[] = {BOOLOID, INT8OID};
	Datum		values[] = {BoolGetDatum(clean), Int64GetDatum(st_wake_incarnation())};
	bool		isnull;
	bool		was_clean;
	int64		incarnation;

	if (st_catalog_execute("SELECT clean, incarnation FROM pgtrickle.scheduler_run", 0, NULL, NULL, NULL) == 0)
		return false;
	was_clean = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	incarnation = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	(void) st_catalog_execute("UPDATE pgtrickle.scheduler_run SET clean = $1, incarnation = $2"
							  " WHERE (clean, incarnation) IS DISTINCT FROM ($1, $2)", 2, types, values, NULL);
	return !was_clean && incarnation != st_wake_incarnation();
}

/*
 * Each stream table in a transaction of its own: a refresh writes the rows of its
 * group in an order that nobody else knows.
 */
static List *
announced(int least, MemoryContext context)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(least)};
	List	   *found = st_catalog_oids("SELECT t.pgt_relid FROM pgtrickle.stream_table_internals AS i"
										" JOIN pgtrickle.pgt_stream_tables AS t USING (pgt_id) WHERE i.attempts >= $1"
										" ORDER BY t.pgt_id", 1, types, values);
	MemoryContext old = MemoryContextSwitchTo(context);
	List	   *result = list_copy(found);

	MemoryContextSwitchTo(old);
	return result;
}

static void
set_attempts(List *relids, const char *sql)
{
	MemoryContext context = CurrentMemoryContext;
	ListCell   *lc;

	foreach(lc, relids)
	{
		Oid			types[] = {OIDOID};
		Datum		values[] = {ObjectIdGetDatum(lfirst_oid(lc))};

		begin_flushed();
		(void) st_catalog_execute(sql, 1, types, values, NULL);
		end_flushed(context);
	}
}

/* It was announced too often. */
static void
suspend(Oid relid)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(relid)};
	uint64		count;

	begin_flushed();
	st_stream_table_lock_rows(relid, true);
	count = st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables AS t SET status = 'SUSPENDED',"
							   " last_error_message = 'crashed the server', last_error_at = clock_timestamp()"
							   " FROM pgtrickle.stream_table_internals AS i WHERE i.pgt_id = t.pgt_id AND t.pgt_relid = $1"
							   " AND t.status IN ('ACTIVE', 'INITIALIZING')"
							   " RETURNING t.pgt_schema, t.pgt_name, i.attempts", 1, types, values, NULL);
	for (uint64 i = 0; i < count; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		char	   *schema = SPI_getvalue(tuple, desc, 1);
		char	   *name = SPI_getvalue(tuple, desc, 2);
		StAlert		alert;

		st_alert_begin(&alert, "auto_suspended", schema, name);
		st_alert_add_number(&alert, "consecutive_errors", pg_strtoint32(SPI_getvalue(tuple, desc, 3)));
		st_alert_add_text(&alert, "reason", "crashed the server");
		st_alert_send(&alert);
		ereport(WARNING,
				(errmsg("stream table \"%s.%s\" is suspended", schema, name),
				 errdetail("Its last refreshes ended in a crash of the server."),
				 errhint("Once the reason is gone, call pgtrickle.resume_stream_table().")));
	}
	end_flushed(context);
}

bool
st_probation_begin(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *relids;
	bool		crashed;
	ListCell   *lc;

	begin_flushed();
	crashed = note_run(false);
	relids = announced(crashed ? MAX_ATTEMPTS : 1, context);
	end_flushed(context);
	if (crashed && ST_FAULT("K1"))
		return true;
	foreach(lc, crashed ? relids : NIL)
		suspend(lfirst_oid(lc));

	/*
	 * of others, a scheduler that was terminated says nothing of what it had
	 * announced
	 */
	st_probation_revoke(relids);
	return crashed;
}

void
st_probation_end(void)
{
	MemoryContext context = CurrentMemoryContext;

	begin_flushed();
	if (st_extension_exists())
		(void) note_run(true);
	end_flushed(context);
}

void
st_probation_announce(List *relids)
{
	set_attempts(relids, "UPDATE pgtrickle.stream_table_internals AS i SET attempts = attempts + 1"
				 " FROM pgtrickle.pgt_stream_tables AS t WHERE t.pgt_id = i.pgt_id AND t.pgt_relid = $1");
}

void
st_probation_revoke(List *relids)
{
	set_attempts(relids, "UPDATE pgtrickle.stream_table_internals AS i SET attempts = 0"
				 " FROM pgtrickle.pgt_stream_tables AS t WHERE t.pgt_id = i.pgt_id AND t.pgt_relid = $1");
}
