/*-------------------------------------------------------------------------
 *
 * poll.c
 *	  Sources whose changes nobody tells: foreign tables, materialized views.
 *
 * NOTES
 *	  Such a source has a copy: a table of our own with the columns that are
 *	  needed, which is captured as any table is. Stream tables read the copy
 *	  instead, in everything but the check of rights, so that a delta and the
 *	  rows that it meets are of one time, whatever the source holds meanwhile.
 *	  Before a refresh takes its snapshot it reads the source, nets its rows
 *	  against those of the copy by image, and applies what is left: the copy's
 *	  change log then holds the difference, for every stream table that reads
 *	  the copy.
 *
 *	  What a source shows may depend on who reads it (user mappings), so a copy
 *	  is of one source as read by one role: the owner of the stream table, or of
 *	  the view that the source is read through.
 *
 *	  A copy has its columns at the places of the source's, since the query
 *	  names them by number. Columns that nobody needs are NULL. If the source's
 *	  columns have changed their types since, a further copy is made.
 *
 *	  Locks: an advisory tag of our own for each copy, taken after the nodes, by
 *	  OID. Whoever writes a copy, makes a stream table over it or drops it has
 *	  it. A copy that is no longer needed is dropped only if its lock is free;
 *	  if not, by the next one who looks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/heap.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "catalog/extension.h"
#include "catalog/internal_table.h"
#include "catalog/source_copy.h"
#include "compat.h"
#include "guc.h"
#include "refresh/poll.h"
#include "refresh/refresh.h"
#include "store/store.h"
#include "util/fault.h"
#include "util/lock_tag.h"
#include "util/sqlbuf.h"
#include "util/statement.h"
#include "util/zset.h"

/* ----- in a query ----- */

/* What to do with each foreign table and materialized view of a query. */
typedef struct PollContext
{
	bool		(*visit) (Query *query, RangeTblEntry *rte, struct PollContext *context);
	Oid			reader;			/* of those that the query itself reads */
	const List *copies;			/* OIDs */
	List	   *wanted;			/* of StSourceCopy: source, reader, attnums */
	const char *reason;
} PollContext;

/* Calls "visit" for each until it returns true. */
static bool
polled_walker(Node *node, void *arg)
{
	PollContext *context = arg;
	Query	   *query = (Query *) node;
	ListCell   *lc;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (!IsA(node, Query))
		return expression_tree_walker(node, polled_walker, arg);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RELATION &&
			(rte->relkind == RELKIND_FOREIGN_TABLE || rte->relkind == RELKIND_MATVIEW) &&
			context->visit(query, rte, context))
			return true;
	}
	return query_tree_walker(query, polled_walker, arg, 0);
}

static bool
stop_here(Query *query, RangeTblEntry *rte, PollContext *context)
{
	return true;
}

bool
st_query_polls(Query *query)
{
	PollContext context = {.visit = stop_here};

	return polled_walker((Node *) query, &context);
}

/* The columns that the query reads of an entry, with the offset for system columns. */
static Bitmapset *
selected_columns(Query *query, RangeTblEntry *rte)
{
#ifdef ST_HAVE_PERMINFOS
	return getRTEPermissionInfo(query->rteperminfos, rte)->selectedCols;
#else
	return rte->selectedCols;
#endif
}

static bool
is_refused(Query *query, RangeTblEntry *rte, PollContext *context)
{
	bool		foreign = rte->relkind == RELKIND_FOREIGN_TABLE;

	if (!(foreign ? st_guc_foreign_table_polling : st_guc_matview_polling))
		context->reason = foreign ? "a foreign table has no change log, and pg_trickle.foreign_table_polling is off" :
			"a materialized view has no change log, and pg_trickle.matview_polling is off";
	/* system columns would be those of the copy */
	else if (bms_next_member(selected_columns(query, rte), -1) < -FirstLowInvalidHeapAttributeNumber &&
			 !bms_is_empty(selected_columns(query, rte)))
		context->reason = foreign ? "a system column of a foreign table has no delta rule" :
			"a system column of a materialized view has no delta rule";
	else if (!rte->inh && has_subclass(rte->relid))
		context->reason = "FROM ONLY over a table with children has no delta rule";
	return context->reason != NULL;
}

const char *
st_poll_refused(Query *query)
{
	PollContext context = {.visit = is_refused};

	(void) polled_walker((Node *) query, &context);
	return context.reason;
}

static Oid
reader_of(Query *query, RangeTblEntry *rte, Oid reader)
{
	Oid			user = StCheckAsUser(query, rte);

	return OidIsValid(user) ? user : reader;
}

/* Has the copy these columns of its source, as they are now? */
static bool
fits(const StSourceCopy *copy, const Bitmapset *attnums)
{
	int			attnum = -1;

	while ((attnum = bms_next_member(attnums, attnum)) >= 0)
	{
		Oid			types[2];
		int32		typmods[2];
		Oid			collations[2];

		if (!OidIsValid(get_atttype(copy->source, attnum)) || !OidIsValid(get_atttype(copy->relid, attnum)))
			return false;
		get_atttypetypmodcoll(copy->source, attnum, &types[0], &typmods[0], &collations[0]);
		get_atttypetypmodcoll(copy->relid, attnum, &types[1], &typmods[1], &collations[1]);
		if (types[0] != types[1] || typmods[0] != typmods[1] || collations[0] != collations[1])
			return false;
	}
	return true;
}

/* What a value of the row is made of. */
static Bitmapset *
all_columns(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Bitmapset  *attnums = NULL;

	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
		if (!TupleDescAttr(RelationGetDescr(rel), i)->attisdropped)
			attnums = bms_add_member(attnums, i + 1);
	table_close(rel, NoLock);
	return attnums;
}

/* Collect what is wanted of each source, as read by each role. */
static bool
collect_wanted(Query *query, RangeTblEntry *rte, PollContext *context)
{
	Oid			reader = reader_of(query, rte, context->reader);
	StSourceCopy *wanted = NULL;
	ListCell   *lc;
	int			member = -1;

	foreach(lc, context->wanted)
		if (((StSourceCopy *) lfirst(lc))->source == rte->relid && ((StSourceCopy *) lfirst(lc))->reader == reader)
			wanted = lfirst(lc);
	if (wanted == NULL)
	{
		wanted = palloc0(sizeof(StSourceCopy));
		wanted->source = rte->relid;
		wanted->reader = reader;
		context->wanted = lappend(context->wanted, wanted);
	}
	while ((member = bms_next_member(selected_columns(query, rte), member)) >= 0)
	{
		if (member == -FirstLowInvalidHeapAttributeNumber)
			wanted->attnums = bms_add_members(wanted->attnums, all_columns(rte->relid));
		else
			wanted->attnums = bms_add_member(wanted->attnums, member + FirstLowInvalidHeapAttributeNumber);
	}
	return false;
}

/* Let an entry read the copy; true if there is none. */
static bool
replace(Query *query, RangeTblEntry *rte, PollContext *context)
{
	Oid			reader = reader_of(query, rte, context->reader);
	ListCell   *lc;

	foreach(lc, context->copies)
	{
		StSourceCopy *copy = st_source_copy_get(lfirst_oid(lc));

		if (copy == NULL || copy->source != rte->relid || copy->reader != reader)
			continue;
		/* a row may have got a column that the copy knows nothing of */
		if (bms_is_member(-FirstLowInvalidHeapAttributeNumber, selected_columns(query, rte)) && !ST_FAULT("F3 polled"))
		{
			Bitmapset  *columns = all_columns(rte->relid);

			if (!bms_is_subset(columns, copy->attnums) || !fits(copy, columns))
				continue;
		}
#ifdef ST_HAVE_PERMINFOS
		getRTEPermissionInfo(query->rteperminfos, rte)->relid = copy->relid;
#endif
		rte->relid = copy->relid;
		rte->relkind = RELKIND_RELATION;
		return false;
	}
	return true;
}

static bool
pretend(Query *query, RangeTblEntry *rte, PollContext *context)
{
	rte->relkind = RELKIND_RELATION;
	return false;
}

Query *
st_poll_replaced(Query *query, Oid reader, const List *copies)
{
	PollContext context = {.visit = replace, .reader = reader, .copies = copies};
	Query	   *result = copyObject(query);

	return polled_walker((Node *) result, &context) ? NULL : result;
}

Query *
st_poll_pretended(Query *query)
{
	PollContext context = {.visit = pretend};
	Query	   *result = copyObject(query);

	(void) polled_walker((Node *) result, &context);
	return result;
}

/* ----- copies ----- */

bool
st_poll_lock(List *copies, bool wait)
{
	List	   *sorted = list_copy(copies);
	ListCell   *lc;

	list_sort(sorted, list_oid_cmp);
	foreach(lc, sorted)
	{
		LOCKTAG		tag;

		SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, lfirst_oid(lc), ST_LOCK_COPY);
		if (LockAcquire(&tag, ExclusiveLock, false, !wait) == LOCKACQUIRE_NOT_AVAIL)
			return false;
	}
	return true;
}

/* An empty copy. */
static void
create_copy(StSourceCopy *copy)
{
	Relation	rel = table_open(copy->source, AccessShareLock);
	TupleDesc	source = RelationGetDescr(rel);
	TupleDesc	desc = CreateTemplateTupleDesc(source->natts);
	StIdentity	identity = {.kind = ST_IDENTITY_IMAGE};

	for (int i = 1; i <= source->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(source, i - 1);

		/* a type that may be dropped must not be named without need */
		if (att->attisdropped || (att->atttypid >= FirstNormalObjectId && !bms_is_member(i, copy->attnums)))
		{
			TupleDescInitEntry(desc, i, NameStr(att->attname), INT4OID, -1, 0);
			continue;
		}
		TupleDescInitEntry(desc, i, NameStr(att->attname), att->atttypid, att->atttypmod, 0);
		TupleDescInitEntryCollation(desc, i, att->attcollation);
	}
	copy->relid = st_internal_table_create(ChooseRelationName("copy", NULL, psprintf("%u", copy->source),
															  st_changes_namespace(), false), desc);
	(void) st_identity_create_index(copy->relid, &identity);
	table_close(rel, NoLock);
	st_source_copy_insert(copy);
	CommandCounterIncrement();
	(void) st_poll_lock(list_make1_oid(copy->relid), true);
}

/* One that is there already, locked, and with the columns that are wanted. */
static bool
use_copy(StSourceCopy *wanted)
{
	ListCell   *lc;

	foreach(lc, st_source_copy_find(wanted->source, wanted->reader))
	{
		StSourceCopy *copy = lfirst(lc);

		(void) st_poll_lock(list_make1_oid(copy->relid), true);
		AcceptInvalidationMessages();
		/* it may have been dropped or have got columns while we waited */
		copy = st_source_copy_get(copy->relid);
		if (copy == NULL || !fits(copy, wanted->attnums))
			continue;
		wanted->relid = copy->relid;
		if (!bms_is_subset(wanted->attnums, copy->attnums))
		{
			copy->attnums = bms_union(copy->attnums, wanted->attnums);
			st_source_copy_update(copy);
			CommandCounterIncrement();
		}
		return true;
	}
	return false;
}

List *
st_poll_prepare(Query *query, Oid reader)
{
	PollContext context = {.visit = collect_wanted, .reader = reader};
	List	   *copies = NIL;
	ListCell   *lc;

	(void) polled_walker((Node *) query, &context);
	foreach(lc, context.wanted)
	{
		StSourceCopy *wanted = lfirst(lc);

		if (!use_copy(wanted))
			create_copy(wanted);
		copies = lappend_oid(copies, wanted->relid);
	}
	list_sort(copies, list_oid_cmp);
	return copies;
}

void
st_poll_drop_unused(void)
{
	ListCell   *lc;

	foreach(lc, st_source_copy_unused())
	{
		Oid			copy = lfirst_oid(lc);

		if (!st_poll_lock(list_make1_oid(copy), false) || !ConditionalLockRelationOid(copy, AccessExclusiveLock))
			continue;
		AcceptInvalidationMessages();
		/* whoever had the lock may have dropped it, or begun to read it */
		if (st_source_copy_get(copy) == NULL || !list_member_oid(st_source_copy_unused(), copy))
			continue;
		st_log_drop_unused(copy);
		st_source_copy_delete(copy);
		CommandCounterIncrement();
		st_extension_drop_relation(copy);
	}
}

/* ----- comparing ----- */

/* All rows of the source, with NULL for the columns that are not copied. */
static StStatement *
source_statement(const StSourceCopy *copy, TupleDesc desc)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 1; i <= desc->natts; i++)
	{
		st_sql_text(&sql, i == 1 ? "SELECT " : ", ");
		if (bms_is_member(i, copy->attnums))
			st_sql_column(&sql, "s", get_attname(copy->source, i, false));
		else
		{
			Form_pg_attribute att = TupleDescAttr(desc, i - 1);

			st_sql_text(&sql, "NULL::");
			st_sql_type(&sql, att->atttypid, att->atttypmod);
		}
	}
	st_sql_text(&sql, desc->natts > 0 ? " FROM " : "SELECT FROM ");
	st_sql_relation(&sql, copy->source);
	st_sql_text(&sql, " s");
	return st_statement_create(CurrentMemoryContext, sql.data, 0, NULL);
}

static void
add_row(TupleTableSlot *slot, void *arg)
{
	st_zset_add((StZset *) arg, slot, 1);
}

/*
 * Bring one copy up to date, as the role that reads the source. Under a
 * snapshot that does not see what another refresh has done to the copy, rows
 * that have gone raise 40001, and rows that have come are added once more: the
 * next comparison, which every reader of the copy makes first, takes them away.
 */
static StApplyResult
compare(const StSourceCopy *copy, Snapshot snapshot)
{
	Relation	rel = table_open(copy->relid, RowExclusiveLock);
	TupleDesc	desc = RelationGetDescr(rel);
	AttrNumber *columns = palloc(sizeof(AttrNumber) * Max(desc->natts, 1));
	StIdentity	identity = {.kind = ST_IDENTITY_IMAGE};
	StZset	   *rows = st_zset_begin(desc, 0, NULL);
	StApplier  *applier;
	StApplyResult result;

	for (int i = 0; i < desc->natts; i++)
		columns[i] = i + 1;
	applier = st_applier_create(CurrentMemoryContext, copy->relid, desc->natts, columns, &identity);
	(void) st_statement_run(source_statement(copy, desc), 0, NULL, snapshot, add_row, rows);
	if (copy->filled)
		st_applier_subtract_contents(applier, rows, snapshot);
	result = st_apply(applier, rows, !copy->filled, snapshot, NULL, NULL);
	st_zset_end(rows);
	table_close(rel, NoLock);
	return result;
}

static void
poll_copy(Oid relid)
{
	StSourceCopy *copy = st_source_copy_get(relid);
	StApplyResult result;
	StOwnerScope scope;
	Snapshot	snapshot;

	if (copy == NULL)
		elog(ERROR, "copy %u of a source is missing", relid);
	LockRelationOid(copy->source, AccessShareLock);
	CommandCounterIncrement();
	snapshot = RegisterSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot() : GetLatestSnapshot());
	PushCopiedSnapshot(snapshot);
	UpdateActiveSnapshotCommandId();
	st_owner_enter(&scope, copy->reader, NIL);
	result = compare(copy, GetActiveSnapshot());
	st_owner_leave(&scope);
	PopActiveSnapshot();
	UnregisterSnapshot(snapshot);
	if (result.inconsistent)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("the rows of the copy of \"%s\" changed while they were compared", get_rel_name(copy->source))));
	if (!copy->filled)
	{
		copy->filled = true;
		st_source_copy_update(copy);
	}
	CommandCounterIncrement();
}

void
st_poll(List *copies)
{
	ListCell   *lc;

	foreach(lc, copies)
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle poll", ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		poll_copy(lfirst_oid(lc));
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
	}
}
