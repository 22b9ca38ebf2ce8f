/*-------------------------------------------------------------------------
 *
 * partition_ddl.c
 *	  Plain DDL on partitions of stream tables.
 *
 * NOTES
 *	  Users add partitions with CREATE TABLE ... PARTITION OF and ATTACH
 *	  PARTITION, and take away empty ones (rule J30). PostgreSQL refuses to add
 *	  one whose rows lie in the default partition, and nobody but us could move
 *	  them: they are lifted out before the command and put back after it, where
 *	  they then belong. Both in the command's transaction, which keeps the stream
 *	  table locked meanwhile.
 *
 *	  A partition that comes or goes empty changes no row, so the next refresh is
 *	  told that this was us (st_guard_fingerprint). Where the event triggers did
 *	  not run it recomputes.
 *
 *	  What is noted here ends with the transaction, or with the subtransaction
 *	  that is rolled back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/partition.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "parser/parse_utilcmd.h"
#include "partitioning/partbounds.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "api/partition.h"
#include "catalog/extension.h"
#include "catalog/internal_table.h"
#include "catalog/stream_table.h"
#include "compat.h"
#include "refresh/refresh.h"
#include "util/fault.h"
#include "util/inheritors.h"
#include "util/sqlbuf.h"
#include "util/statement.h"
#include "util/written_row.h"

/* A partition that came or went by the command that runs. */
typedef struct Change
{
	Oid			root;			/* the stream table */
	Oid			partition;
	bool		comes;
	bool		had_rows;		/* goes with rows */
	char	   *name;
} Change;

/* Rows that were lifted out of a default partition. */
typedef struct Lifted
{
	Oid			root;
	Tuplestorestate *rows;
	TupleDesc	desc;
	double		count;
} Lifted;

static object_access_hook_type previous_hook = NULL;

/* of Change and Lifted, in TopTransactionContext */
static List *changes = NIL;
static List *lifted = NIL;

static void
note(Oid root, Oid partition, bool comes, bool had_rows)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Change	   *change = palloc(sizeof(Change));

	change->root = root;
	change->partition = partition;
	change->comes = comes;
	change->had_rows = had_rows;
	change->name = get_rel_name(partition);
	changes = lappend(changes, change);
	MemoryContextSwitchTo(old);
}

static void
forget_at_xact(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		changes = lifted = NIL;
}

/* The command that it was noted for is one of those undone, or long over. */
static void
forget_at_subxact(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		changes = lifted = NIL;
}

/* The stream table that a relation is, or belongs to as a partition. */
static Oid
root_of(Oid relid)
{
	return st_is_stream_table(relid) ? relid : st_stream_table_of_partition(relid);
}

/* ----- what is refused ----- */

/* All that PostgreSQL asks of a partition, and that rows of it are found and guarded as those of a heap. */
static void
check_coming(Oid root, Oid partition)
{
	ListCell   *lc;

	foreach(lc, st_inheritors(partition))
	{
		char		relkind = get_rel_relkind(lfirst_oid(lc));
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(lc)));
		bool		heap = !HeapTupleIsValid(tuple) || ((Form_pg_class) GETSTRUCT(tuple))->relam == HEAP_TABLE_AM_OID ||
			!OidIsValid(((Form_pg_class) GETSTRUCT(tuple))->relam);

		if (HeapTupleIsValid(tuple))
			ReleaseSysCache(tuple);
		if ((relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE) || !heap)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("\"%s\" cannot be a partition of stream table \"%s\"", get_rel_name(lfirst_oid(lc)), get_rel_name(root)),
					 errhint("Stream tables and their partitions are stored as heaps.")));
	}
	if (st_table_has_rows(partition) && !ST_FAULT("J30"))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table \"%s\" cannot become a partition of stream table \"%s\" with rows in it",
						get_rel_name(partition), get_rel_name(root)),
				 errdetail("A stream table holds what its query returns."),
				 errhint("Attach an empty table; refreshes put the rows there that belong to it.")));
}

static void
refuse_going(Oid root, const char *partition)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("partition \"%s\" of stream table \"%s\" cannot be taken away with rows in it", partition, get_rel_name(root)),
			 errdetail("They are rows that its query returns."),
			 errhint("Change the partitioning with pgtrickle.alter_stream_table(), or the query so that it does not return them.")));
}

/* A relation becomes a partition, or is one no longer. Its row in pg_inherits says which. */
static void
check_partition(Oid partition, Oid parent)
{
	Oid			root = get_rel_relkind(parent) == RELKIND_PARTITIONED_TABLE ? root_of(parent) : InvalidOid;
	ScanKeyData key;

	if (!OidIsValid(root) || st_is_stream_table(partition))
		return;
	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(partition));
	if (HeapTupleIsValid(st_written_row(InheritsRelationId, InheritsRelidSeqnoIndexId, 1, &key)))
	{
		check_coming(root, partition);
		note(root, partition, true, false);
		return;
	}
	if (st_table_has_rows(partition) && !ST_FAULT("J30"))
		refuse_going(root, get_rel_name(partition));
	note(root, partition, false, false);
}

static void
object_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (previous_hook)
		previous_hook(access, class, object, sub, arg);
	if (object < FirstNormalObjectId || sub != 0)
		return;
	if (class == InheritsRelationId && access == OAT_POST_ALTER)
		check_partition(object, ((ObjectAccessPostAlter *) arg)->auxiliary_id);
	else if (class == RelationRelationId && access == OAT_DROP && get_rel_relispartition(object) &&
			 get_rel_relkind(object) != RELKIND_INDEX && get_rel_relkind(object) != RELKIND_PARTITIONED_INDEX)
	{
		Oid			root = st_stream_table_of_partition(object);

		/* it may go with the stream table, which nobody can say yet */
		if (OidIsValid(root))
			note(root, object, false, st_table_has_rows(object));
	}
}

void
st_partition_ddl_init(void)
{
	previous_hook = object_access_hook;
	object_access_hook = object_access;
	RegisterXactCallback(forget_at_xact, NULL);
	RegisterSubXactCallback(forget_at_subxact, NULL);
}

void
st_partition_ddl_dropped(void)
{
	ListCell   *lc;

	foreach(lc, changes)
	{
		Change	   *change = lfirst(lc);

		if (change->had_rows && SearchSysCacheExists1(RELOID, ObjectIdGetDatum(change->root)) && st_is_stream_table(change->root))
			refuse_going(change->root, change->name);
	}
}

/* ----- rows of the default partition ----- */

/* "a, b" of the columns of a table, as the stream table calls them. */
static char *
column_names(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);

		if (att->attisdropped)
			continue;
		if (names.len > 0)
			st_sql_text(&names, ", ");
		st_sql_identifier(&names, NameStr(att->attname));
	}
	table_close(rel, NoLock);
	return names.data;
}

static void
keep_row(TupleTableSlot *slot, void *arg)
{
	tuplestore_puttupleslot(arg, slot);
}

/* Write as the engine does: guarded, and without the triggers of users, for whom nothing changes. */
static void
write_rows(StStatement *statement, const StInput *input, StRowCallback callback, void *arg)
{
	int			level = NewGUCNestLevel();

	(void) set_config_option("session_replication_role", "replica", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	UpdateActiveSnapshotCommandId();
	st_guard_enter();
	(void) st_statement_run(statement, input ? 1 : 0, input, GetActiveSnapshot(), callback, arg);
	st_guard_leave();
	PopActiveSnapshot();
	AtEOXact_GUC(false, level);
}

static bool
are_constants(List *values)
{
	ListCell   *lc;

	foreach(lc, values)
	{
		Node	   *value = lfirst(lc);

		if (IsA(value, TypeCast))
			value = ((TypeCast *) value)->arg;
		/* a name alone is MINVALUE or MAXVALUE */
		if (!IsA(value, A_Const) && !IsA(value, ColumnRef))
			return false;
	}
	return true;
}

/*
 * The condition on rows of a partition to belong to one with these bounds,
 * which raises what PostgreSQL will say of those that cannot be; true if that
 * would evaluate more than constants, as PostgreSQL will once more.
 */
static Node *
bound_condition(Oid parent, Oid partition, PartitionBoundSpec *bound)
{
	Relation	parent_rel;
	Relation	partition_rel;
	ParseState *pstate;
	List	   *conditions;

	if (!are_constants(bound->listdatums) || !are_constants(bound->lowerdatums) || !are_constants(bound->upperdatums))
		return makeBoolConst(true, false);
	parent_rel = table_open(parent, NoLock);
	partition_rel = table_open(partition, NoLock);
	pstate = make_parsestate(NULL);
	conditions = get_qual_from_partbound(parent_rel, transformPartitionBound(pstate, parent_rel, copyObject(bound)));
	conditions = map_partition_varattnos(conditions, 1, partition_rel, parent_rel);
	free_parsestate(pstate);
	table_close(partition_rel, NoLock);
	table_close(parent_rel, NoLock);
	return (Node *) make_ands_explicit(conditions);
}

/* Those for which the condition holds; which belong elsewhere PostgreSQL finds out when they come back. */
static void
lift_rows(Oid root, Oid partition, Node *condition)
{
	MemoryContext old;
	ResourceOwner owner = CurrentResourceOwner;
	Lifted	   *rows;
	StringInfoData sql;
	StStatement *statement;
	StOwnerScope scope;
	int			level;

	initStringInfo(&sql);
	st_sql_text(&sql, "DELETE FROM ");
	st_sql_relation(&sql, partition);
	st_owner_enter(&scope, st_relation_owner(root), NIL);
	level = st_sql_pin_printing();
	st_sql_format(&sql, " t WHERE %s RETURNING %s",
				  deparse_expression(condition, deparse_context_for("t", partition), false, false), column_names(root));
	statement = st_statement_create(CurrentMemoryContext, sql.data, 0, NULL);
	AtEOXact_GUC(false, level);
	old = MemoryContextSwitchTo(TopTransactionContext);
	rows = palloc0(sizeof(Lifted));
	rows->root = root;
	rows->desc = CreateTupleDescCopy(st_statement_desc(statement));
	/* a file of it lives as long */
	CurrentResourceOwner = TopTransactionResourceOwner;
	rows->rows = tuplestore_begin_heap(false, false, work_mem);
	CurrentResourceOwner = owner;
	lifted = lappend(lifted, rows);
	MemoryContextSwitchTo(old);
	write_rows(statement, NULL, keep_row, rows->rows);
	rows->count = tuplestore_tuple_count(rows->rows);
	st_owner_leave(&scope);
}

static void
put_rows(Lifted *rows)
{
	StInput		input = {.name = "st_rows", .desc = rows->desc, .rows = rows->rows, .count = rows->count};
	char	   *names = column_names(rows->root);
	StringInfoData sql;
	StOwnerScope scope;

	initStringInfo(&sql);
	st_sql_text(&sql, "INSERT INTO ");
	st_sql_relation(&sql, rows->root);
	st_sql_format(&sql, " (%s) SELECT %s FROM st_rows d", names, names);
	st_owner_enter(&scope, st_relation_owner(rows->root), NIL);
	write_rows(st_statement_create(CurrentMemoryContext, sql.data, 1, &input), &input, NULL, NULL);
	st_owner_leave(&scope);
	tuplestore_end(rows->rows);
}

/* The relation that is to have a partition more, with these bounds, if the user may do that. */
static void
make_room(RangeVar *name, PartitionBoundSpec *bound)
{
	Oid			parent = RangeVarGetRelid(name, NoLock, true);
	Oid			root;
	Oid			partition;

	if (bound->is_default || !OidIsValid(parent) || get_rel_relkind(parent) != RELKIND_PARTITIONED_TABLE ||
		!StRelationOwnerCheck(parent, GetUserId()))
		return;
	root = root_of(parent);
	if (!OidIsValid(root))
		return;
	LockRelationOid(root, AccessExclusiveLock);
	LockRelationOid(parent, AccessExclusiveLock);
	partition = get_default_partition_oid(parent);
	if (OidIsValid(partition) && st_table_has_rows(partition))
	{
		(void) find_all_inheritors(partition, AccessExclusiveLock, NULL);
		LockRelationOid(partition, AccessExclusiveLock);
		lift_rows(root, partition, bound_condition(parent, partition, bound));
	}
}

static void
look_at_command(AlterTableStmt *statement, AlterTableCmd *command)
{
	Oid			relid;

	if (command->subtype == AT_AttachPartition)
		make_room(statement->relation, ((PartitionCmd *) command->def)->bound);
	if (command->subtype != AT_DetachPartition || !((PartitionCmd *) command->def)->concurrent)
		return;
	/* its second transaction could not refuse what was written meanwhile */
	relid = RangeVarGetRelid(statement->relation, NoLock, true);
	if (OidIsValid(relid) && OidIsValid(root_of(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("partitions of stream table \"%s\" cannot be detached concurrently", get_rel_name(root_of(relid))),
				 errhint("Use DETACH PARTITION without CONCURRENTLY.")));
}

void
st_partition_ddl_begin(Node *statement)
{
	ListCell   *lc;

	if (IsA(statement, CreateStmt) && ((CreateStmt *) statement)->partbound)
		make_room(linitial_node(RangeVar, ((CreateStmt *) statement)->inhRelations), ((CreateStmt *) statement)->partbound);
	else if (IsA(statement, AlterTableStmt) && ((AlterTableStmt *) statement)->objtype == OBJECT_TABLE)
		foreach(lc, ((AlterTableStmt *) statement)->cmds)
			look_at_command((AlterTableStmt *) statement, lfirst_node(AlterTableCmd, lc));
}

/* ----- after the command ----- */

static void
protect(Oid partition)
{
	ListCell   *lc;

	st_guard_install(partition);
	/* as for the stream table itself (rule B16) */
	foreach(lc, st_table_members(partition))
		st_set_replica_identity_full(lfirst_oid(lc));
}

/* A partition, which may be gone, and those below it. */
static List *
with_members(Oid partition)
{
	return list_append_unique_oid(st_table_members(partition), partition);
}

/* The guard is as whole as it was: whoever knew it so knows it so now. */
static void
accept_guard(Oid root, List *others)
{
	StStreamTable *table = st_stream_table_get(root);
	char	   *before = st_guard_fingerprint(root, others);
	char	   *stored = pstrdup(table->guard_fingerprint);
	Oid			types[] = {INT8OID, TEXTOID};
	Datum		values[2] = {Int64GetDatum(table->pgt_id)};
	ListCell   *lc;

	/* those that went */
	foreach(lc, others)
	{
		char	   *part = psprintf(";%u=", lfirst_oid(lc));
		char	   *found = strstr(stored, part);
		char	   *next = found ? strchr(found + 1, ';') : NULL;

		if (found)
			memmove(found, next ? next : "", next ? strlen(next) + 1 : 1);
	}
	if (strcmp(before, stored) == 0)
	{
		values[1] = CStringGetTextDatum(st_guard_fingerprint(root, NIL));
		SPI_connect();
		(void) st_catalog_execute("UPDATE pgtrickle.stream_table_internals SET guard_fingerprint = $2 WHERE pgt_id = $1",
								  2, types, values, NULL);
		SPI_finish();
	}
	CacheInvalidateRelcacheByRelid(root);
	CommandCounterIncrement();
}

void
st_partition_ddl_end(void)
{
	List	   *done = changes;
	List	   *rows = lifted;
	List	   *roots = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	changes = lifted = NIL;
	foreach(lc, done)
	{
		Change	   *change = lfirst(lc);

		if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(change->root)) || !st_is_stream_table(change->root))
			continue;
		roots = list_append_unique_oid(roots, change->root);
		if (change->comes)
			protect(change->partition);
		else if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(change->partition)))
			st_guard_remove(change->partition);
	}
	foreach(lc, rows)
		put_rows(lfirst(lc));
	foreach(lc, roots)
	{
		List	   *others = NIL;

		foreach(lc2, done)
			if (((Change *) lfirst(lc2))->root == lfirst_oid(lc))
				others = list_concat_unique_oid(others, with_members(((Change *) lfirst(lc2))->partition));
		accept_guard(lfirst_oid(lc), others);
	}
}
