/*-------------------------------------------------------------------------
 *
 * source_ddl.c
 *	  DDL on what stream tables read.
 *
 * NOTES
 *	  What happens to a stream table whose sources were altered is decided by
 *	  its next refresh, which compares what it knows with what there is (rule
 *	  J7). This file only looks after what must be before and after that: it
 *	  refuses what a refresh could not make good or only by a recompute, while a
 *	  setting says so, and lets the scheduler have a look at stream tables that
 *	  no write makes due.
 *
 *	  A column goes in many ways, and with many of them the stream table goes as
 *	  well: DROP TYPE ... CASCADE. Only ALTER TABLE is refused. It is known from
 *	  the event trigger on ddl_command_start, which any later command that can
 *	  drop a column fires again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "nodes/parsenodes.h"
#include "nodes/readfuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "api/lineage.h"
#include "api/source_ddl.h"
#include "capture/capture.h"
#include "catalog/depend.h"
#include "catalog/extension.h"
#include "catalog/stream_table.h"
#include "guc.h"
#include "query/query.h"
#include "store/wake.h"
#include "util/row_function.h"
#include "util/written_row.h"

/* Columns of pg_event_trigger_ddl_commands(). */
#define COMMAND_CLASS	0
#define COMMAND_OBJECT	1

static object_access_hook_type previous_hook = NULL;

/* the command that runs is ALTER TABLE */
static bool altering = false;

/* relations that it has put below others or taken from them, in TopTransactionContext */
static List *children = NIL;

/* ----- what is refused ----- */

static void
refuse_if_used(Oid relid, AttrNumber attnum, const char *what)
{
	ListCell   *lc;

	foreach(lc, st_depend_dependants(RelationRelationId, relid))
	{
		StStreamTable *table = st_stream_table_get_if_exists(lfirst_oid(lc));
		Query	   *query;

		if (table == NULL)
			continue;
		query = castNode(Query, stringToNode(st_stream_table_tree(table)));
		if (!bms_is_member(attnum, st_query_columns_of(query, relid)))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("ALTER TABLE on \"%s\" blocked: stream table \"%s.%s\" uses column \"%s\"",
						get_rel_name(relid), table->schema, table->name, get_attname(relid, attnum, false)),
				 errdetail("%s", what),
				 errhint("Drop the stream table, give it another query, or set pg_trickle.block_source_ddl to off.")));
	}
}

static bool
has_other_type(Oid relid, AttrNumber attnum)
{
	HeapTuple	old_row = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	HeapTuple	new_row = st_written_column(relid, attnum);
	bool		result = false;

	if (HeapTupleIsValid(old_row) && HeapTupleIsValid(new_row))
	{
		Form_pg_attribute was = (Form_pg_attribute) GETSTRUCT(old_row);
		Form_pg_attribute is = (Form_pg_attribute) GETSTRUCT(new_row);

		result = was->atttypid != is->atttypid || was->atttypmod != is->atttypmod ||
			was->attcollation != is->attcollation;
	}
	if (HeapTupleIsValid(old_row))
		ReleaseSysCache(old_row);
	return result;
}

/* It has got a parent, or lost one. */
static void
note_child(Oid relid)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);

	children = list_append_unique_oid(children, relid);
	MemoryContextSwitchTo(old);
}

static void
object_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (previous_hook)
		previous_hook(access, class, object, sub, arg);
	if (altering && class == InheritsRelationId && access == OAT_POST_ALTER)
		note_child(object);
	if (!altering || !st_guc_block_source_ddl || class != RelationRelationId || sub <= 0 ||
		object < FirstNormalObjectId || st_is_stream_table(object))
		return;
	if (access == OAT_DROP)
		refuse_if_used(object, sub, "The column would be dropped.");
	else if (access == OAT_POST_ALTER && has_other_type(object, sub))
		refuse_if_used(object, sub, "The column would get another type, and the stream table be recomputed.");
}

void
st_source_ddl_begin(Node *statement)
{
	/* one that failed in a subtransaction has left them */
	children = NIL;
	altering = IsA(statement, AlterTableStmt) && OidIsValid(st_internal_relation("pgt_stream_tables", true));
}

/* ----- what the scheduler is to look at ----- */

static Oid
policy_relation(Oid policy)
{
	Relation	rel = table_open(PolicyRelationId, AccessShareLock);
	HeapTuple	tuple = get_catalog_object_by_oid(rel, Anum_pg_policy_oid, policy);
	Oid			relid = HeapTupleIsValid(tuple) ? ((Form_pg_policy) GETSTRUCT(tuple))->polrelid : InvalidOid;

	table_close(rel, AccessShareLock);
	return relid;
}

/* As if something had been written to all that a stream table reads. */
static void
wake_readers(TupleTableSlot *slot, void *arg)
{
	Oid			class = DatumGetObjectId(slot->tts_values[COMMAND_CLASS]);
	Oid			object = DatumGetObjectId(slot->tts_values[COMMAND_OBJECT]);
	ListCell   *lc;
	ListCell   *lc2;
	StStreamTable *reader;

	if (slot->tts_isnull[COMMAND_CLASS] || slot->tts_isnull[COMMAND_OBJECT] || object < FirstNormalObjectId)
		return;
	if (class == PolicyRelationId)
	{
		class = RelationRelationId;
		object = policy_relation(object);
	}
	foreach(lc, st_depend_dependants(class, object))
		if ((reader = st_stream_table_get_if_exists(lfirst_oid(lc))) != NULL)
			foreach(lc2, st_query_sources(castNode(Query, stringToNode(st_stream_table_tree(reader)))))
				st_wake_note_altered(lfirst_oid(lc2));
}

void
st_source_ddl_end(void)
{
	ListCell   *lc;
	List	   *moved = children;

	altering = false;
	children = NIL;
	foreach(lc, moved)
		st_capture_remove_stray(lfirst_oid(lc));
	st_row_function(F_PG_EVENT_TRIGGER_DDL_COMMANDS, wake_readers, NULL);
}

/* One that failed has not come to its end; one that commits on its way goes on. */
static void
forget_at_xact(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		children = NIL;
	if (event == XACT_EVENT_ABORT)
		altering = false;
}

void
st_source_ddl_init(void)
{
	RegisterXactCallback(forget_at_xact, NULL);
	previous_hook = object_access_hook;
	object_access_hook = object_access;
}
