/*-------------------------------------------------------------------------
 *
 * capture.c
 *	  Installs and removes capture, and tells whether it is as it was.
 *
 * NOTES
 *	  Triggers are internal (tgisinternal) and ENABLE ALWAYS; their names and
 *	  arguments hold no OIDs, their functions find the logs by the relation
 *	  (rule B17). A source is captured by statement triggers, or by row
 *	  triggers if it has a parent (a statement on the parent fires none of
 *	  its statement triggers) or if an apply worker may write it (rule B5).
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
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/comment.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "capture/capture.h"
#include "capture/internal.h"
#include "catalog/extension.h"
#include "catalog/source_copy.h"
#include "compat.h"
#include "store/store.h"
#include "util/fault.h"
#include "util/inheritors.h"
#include "util/wait_event.h"

/* Bits of what a relation has, or needs. */
#define HAS_INSERT		0x01
#define HAS_UPDATE		0x02
#define HAS_DELETE		0x04
#define HAS_TRUNCATE	0x08
#define HAS_BEFORE		0x10
#define HAS_ROW			0x20
#define HAS_STATEMENT	(HAS_INSERT | HAS_UPDATE | HAS_DELETE | HAS_TRUNCATE | HAS_BEFORE)

List *
st_capture_tree(Oid source)
{
	List	   *tree = st_inheritors(source);
	ListCell   *lc;

	foreach(lc, tree)
		st_watch_relation(lfirst_oid(lc));
	return tree;
}

static bool
is_subscribed(Oid relid)
{
	CatCList   *list = SearchSysCacheList1(SUBSCRIPTIONRELMAP, ObjectIdGetDatum(relid));
	bool		result = list->n_members > 0;

	ReleaseCatCacheList(list);
	return result && !ST_FAULT("B5");
}

bool
st_capture_by_row(Oid source)
{
	ListCell   *lc;

	if (has_superclass(source))
		return true;
	foreach(lc, st_capture_tree(source))
	{
		if (is_subscribed(lfirst_oid(lc)))
			return true;
	}
	return false;
}

/* --- our triggers on a relation --- */

typedef struct OwnTrigger
{
	Oid			oid;
	TransactionId xmin;			/* raw */
	char		enabled;
	int			bits;
} OwnTrigger;

static int
trigger_bits(Form_pg_trigger form, Oid statement, Oid before, Oid row)
{
	if (form->tgfoid == before)
		return HAS_BEFORE;
	if (form->tgfoid == row)
		return HAS_ROW;
	if (form->tgfoid != statement)
		return 0;
	if (TRIGGER_FOR_INSERT(form->tgtype))
		return HAS_INSERT;
	if (TRIGGER_FOR_UPDATE(form->tgtype))
		return HAS_UPDATE;
	return TRIGGER_FOR_DELETE(form->tgtype) ? HAS_DELETE : HAS_TRUNCATE;
}

/* List of OwnTrigger, in the order of their names. */
static List *
own_triggers(Oid relid)
{
	Oid			statement = st_internal_function("capture_statement", true);
	Oid			before = st_internal_function("capture_before", true);
	Oid			row = st_internal_function("capture_row", true);
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
		int			bits = form->tgisinternal ? trigger_bits(form, statement, before, row) : 0;
		OwnTrigger *trigger;

		if (bits == 0)
			continue;
		trigger = palloc(sizeof(OwnTrigger));
		trigger->oid = form->oid;
		trigger->xmin = HeapTupleHeaderGetRawXmin(tuple->t_data);
		trigger->enabled = form->tgenabled;
		trigger->bits = bits;
		result = lappend(result, trigger);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

static int
present_bits(List *triggers)
{
	int			bits = 0;
	ListCell   *lc;

	foreach(lc, triggers)
	{
		OwnTrigger *trigger = lfirst(lc);

		if (trigger->enabled == TRIGGER_FIRES_ALWAYS)
			bits |= trigger->bits;
	}
	return bits;
}

static int
needed_bits(bool by_row, char relkind)
{
	if (!by_row)
		return HAS_STATEMENT;
	/* rows lie in the leaves */
	return relkind == RELKIND_PARTITIONED_TABLE ? HAS_TRUNCATE : HAS_ROW | HAS_TRUNCATE;
}

/* --- installing --- */

static TriggerTransition *
transition(const char *name, bool isnew)
{
	TriggerTransition *result = makeNode(TriggerTransition);

	result->name = pstrdup(name);
	result->isNew = isnew;
	result->isTable = true;
	return result;
}

static void
create_trigger(Oid relid, int bit)
{
	CreateTrigStmt *stmt = makeNode(CreateTrigStmt);
	const char *function = "capture_statement";

	stmt->trigname = "pgtrickle_capture";
	stmt->timing = TRIGGER_TYPE_AFTER;
	switch (bit)
	{
		case HAS_INSERT:
			stmt->events = TRIGGER_TYPE_INSERT;
			stmt->transitionRels = list_make1(transition("pgtrickle_new", true));
			break;
		case HAS_UPDATE:
			stmt->events = TRIGGER_TYPE_UPDATE;
			stmt->transitionRels = list_make2(transition("pgtrickle_old", false), transition("pgtrickle_new", true));
			break;
		case HAS_DELETE:
			stmt->events = TRIGGER_TYPE_DELETE;
			stmt->transitionRels = list_make1(transition("pgtrickle_old", false));
			break;
		case HAS_TRUNCATE:
			stmt->events = TRIGGER_TYPE_TRUNCATE;
			break;
		case HAS_BEFORE:
			function = "capture_before";
			stmt->timing = TRIGGER_TYPE_BEFORE;
			stmt->events = TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE;
			break;
		case HAS_ROW:
			function = "capture_row";
			stmt->row = true;
			stmt->events = TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE;
			break;
	}
	(void) CreateTriggerFiringOn(stmt, NULL, relid, InvalidOid, InvalidOid, InvalidOid,
								 st_internal_function(function, false), InvalidOid, NULL,
								 true, false, TRIGGER_FIRES_ALWAYS);
	CommandCounterIncrement();
}

/*
 * As RemoveTriggerById in PostgreSQL's trigger.c, under the caller's
 * ShareRowExclusiveLock instead of AccessExclusiveLock: readers do not look at
 * triggers of statements that write, and CREATE and DISABLE TRIGGER lock no
 * more either. So nobody's reading waits, and no lock grows stronger, which
 * would deadlock with whoever has read the table and waits for ours.
 */
static void
drop_trigger(Oid relid, Oid trigger)
{
	Relation	rel = table_open(TriggerRelationId, RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	InvokeObjectDropHookArg(TriggerRelationId, trigger, 0, PERFORM_DELETION_INTERNAL);
	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(trigger));
	scan = systable_beginscan(rel, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		CatalogTupleDelete(rel, &tuple->t_self);
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
	deleteDependencyRecordsFor(TriggerRelationId, trigger, false);
	DeleteComments(trigger, TriggerRelationId, 0);
	CacheInvalidateRelcacheByRelid(relid);
	CommandCounterIncrement();
}

/* Raise an error unless the current user may capture this table (rule J16). */
static void
check_capturable(Oid relid)
{
	char		relkind = get_rel_relkind(relid);
	const char *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("changes of \"%s\" cannot be captured", name),
				 errdetail("Only tables can carry capture triggers.")));
	if (get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("changes of temporary table \"%s\" cannot be captured", name)));

	/*
	 * nobody has rights on a copy, which is read on behalf of those who may
	 * read its source
	 */
	if (!StRelationOwnerCheck(relid, GetUserId()) &&
		pg_class_aclcheck(relid, GetUserId(), ACL_TRIGGER) != ACLCHECK_OK &&
		st_source_copy_get(relid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", name),
				 errdetail("Capturing its changes needs the TRIGGER privilege on the table.")));
}

/* A table, and how far it is below the topmost one of its tree. */
typedef struct TreeTable
{
	Oid			relid;
	int			depth;
} TreeTable;

static int
depth_of(Oid relid)
{
	Relation	rel = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			depth = 0;

	check_stack_depth();
	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		depth = Max(depth, depth_of(((Form_pg_inherits) GETSTRUCT(tuple))->inhparent) + 1);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return depth;
}

static int
by_depth(const ListCell *a, const ListCell *b)
{
	const TreeTable *x = lfirst(a);
	const TreeTable *y = lfirst(b);

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return x->relid < y->relid ? -1 : x->relid > y->relid;
}

void
st_capture_lock(List *sources)
{
	List	   *tables = NIL;
	List	   *met = NIL;
	ListCell   *lc;

	foreach(lc, sources)
		met = list_concat_unique_oid(met, st_inheritors(lfirst_oid(lc)));
	foreach(lc, met)
	{
		TreeTable  *table = palloc(sizeof(TreeTable));

		table->relid = lfirst_oid(lc);
		table->depth = depth_of(table->relid);
		tables = lappend(tables, table);
	}
	list_sort(tables, by_depth);
	foreach(lc, tables)
	{
		Oid			relid = ((TreeTable *) lfirst(lc))->relid;

		LockRelationOid(relid, ShareRowExclusiveLock);
		if (!st_relation_exists(relid))
			UnlockRelationOid(relid, ShareRowExclusiveLock);
	}
	/* those that came below them while we waited */
	foreach(lc, sources)
		if (st_relation_exists(lfirst_oid(lc)))
			(void) find_all_inheritors(lfirst_oid(lc), ShareRowExclusiveLock, NULL);
}

void
st_capture_install(Oid source, const Bitmapset *attnums)
{
	List	   *tree;
	ListCell   *lc;
	bool		by_row;

	/* rights before locks: nobody may stop writers of a table not his (J16) */
	check_capturable(source);
	LockRelationOid(source, ShareRowExclusiveLock);
	/* it may have been dropped while we waited */
	check_capturable(source);
	foreach(lc, st_inheritors(source))
		check_capturable(lfirst_oid(lc));
	tree = find_all_inheritors(source, ShareRowExclusiveLock, NULL);
	foreach(lc, tree)
		check_capturable(lfirst_oid(lc));

	st_log_ensure(source, attnums);
	by_row = st_capture_by_row(source);
	foreach(lc, tree)
	{
		Oid			relid = lfirst_oid(lc);
		List	   *triggers = own_triggers(relid);
		int			needed = needed_bits(by_row, get_rel_relkind(relid));
		int			missing = needed & ~present_bits(triggers);
		ListCell   *lc2;

		CHECK_FOR_INTERRUPTS();
		/* one that somebody disabled is replaced */
		foreach(lc2, triggers)
		{
			OwnTrigger *trigger = lfirst(lc2);

			if (trigger->bits & missing)
				drop_trigger(relid, trigger->oid);
		}
		for (int bit = HAS_INSERT; bit <= HAS_ROW; bit <<= 1)
		{
			if (missing & bit)
				create_trigger(relid, bit);
		}
		CacheInvalidateRelcacheByRelid(relid);
	}
	CommandCounterIncrement();
}

/* tries to complete capture, and milliseconds between them */
#define COMPLETE_TRIES 10
#define COMPLETE_NAP 10

/*
 * What st_capture_install locks, if that can be had without waiting; else
 * nothing. What a locked relation has below it cannot change any more.
 */
static bool
lock_tree_nowait(Oid source)
{
	List	   *locked = NIL;
	List	   *more;
	ListCell   *lc;

	while ((more = list_difference_oid(st_inheritors(source), locked)) != NIL)
	{
		foreach(lc, more)
		{
			if (!ConditionalLockRelationOid(lfirst_oid(lc), ShareRowExclusiveLock))
				break;
			locked = lappend_oid(locked, lfirst_oid(lc));
		}
		if (lc)
			break;
	}
	if (more == NIL && st_log_lock_nowait(source))
		return true;
	foreach(lc, locked)
		UnlockRelationOid(lfirst_oid(lc), ShareRowExclusiveLock);
	return false;
}

bool
st_capture_complete(Oid source, const Bitmapset *attnums)
{
	ListCell   *lc;

	/* as in st_capture_install */
	foreach(lc, st_inheritors(source))
		check_capturable(lfirst_oid(lc));
	for (int i = 1; !lock_tree_nowait(source); i++)
	{
		if (i == COMPLETE_TRIES)
			return false;
		CHECK_FOR_INTERRUPTS();
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, COMPLETE_NAP, st_wait_event(ST_WAIT_WRITERS));
		ResetLatch(MyLatch);
	}
	st_capture_install(source, attnums);
	return true;
}

/* A log of an ancestor, or of the relation itself, needs them. */
static void
drop_unneeded_triggers(Oid relid)
{
	const StTarget *targets;
	ListCell   *lc;

	CHECK_FOR_INTERRUPTS();
	if (st_capture_targets(relid, &targets) > 0)
		return;
	foreach(lc, own_triggers(relid))
		drop_trigger(relid, ((OwnTrigger *) lfirst(lc))->oid);
}

void
st_capture_remove(Oid source)
{
	List	   *tree;
	ListCell   *lc;

	if (st_relation_exists(source))
		LockRelationOid(source, ShareRowExclusiveLock);
	/* it may have been dropped while we waited */
	if (!st_relation_exists(source))
	{
		st_log_drop_unused(source);
		return;
	}
	tree = find_all_inheritors(source, ShareRowExclusiveLock, NULL);
	st_log_drop_unused(source);
	if (st_log_exists(source))
		return;
	foreach(lc, tree)
		drop_unneeded_triggers(lfirst_oid(lc));
	CommandCounterIncrement();
}

void
st_capture_remove_stray(Oid relid)
{
	ListCell   *lc;

	if (get_rel_name(relid) == NULL)
		return;
	drop_unneeded_triggers(relid);
	foreach(lc, st_inheritors(relid))
		if (ConditionalLockRelationOid(lfirst_oid(lc), ShareRowExclusiveLock))
			drop_unneeded_triggers(lfirst_oid(lc));
	CommandCounterIncrement();
}

void
st_capture_rebuild(Oid source)
{
	const AttrNumber *columns;
	int			ncolumns;
	Bitmapset  *attnums = NULL;
	bool		by_row = st_capture_by_row(source);
	ListCell   *lc;

	if (!st_log_columns(source, &ncolumns, &columns))
		return;
	for (int i = 0; i < ncolumns; i++)
		if (OidIsValid(get_atttype(source, columns[i])))
			attnums = bms_add_member(attnums, columns[i]);
	foreach(lc, st_inheritors(source))
		check_capturable(lfirst_oid(lc));
	LockRelationOid(source, ShareRowExclusiveLock);
	check_capturable(source);
	foreach(lc, find_all_inheritors(source, ShareRowExclusiveLock, NULL))
	{
		int			needed = needed_bits(by_row, get_rel_relkind(lfirst_oid(lc)));
		ListCell   *lc2;

		/* others may be there for another source's sake */
		foreach(lc2, own_triggers(lfirst_oid(lc)))
			if (((OwnTrigger *) lfirst(lc2))->bits & needed)
				drop_trigger(lfirst_oid(lc), ((OwnTrigger *) lfirst(lc2))->oid);
	}
	st_capture_install(source, attnums);
}

static const char *
event_name(int bit)
{
	switch (bit)
	{
		case HAS_INSERT:
			return "INSERT";
		case HAS_UPDATE:
			return "UPDATE";
		case HAS_DELETE:
			return "DELETE";
		case HAS_TRUNCATE:
			return "TRUNCATE";
		case HAS_BEFORE:
			return "BEFORE INSERT OR UPDATE OR DELETE";
		default:
			return "INSERT OR UPDATE OR DELETE FOR EACH ROW";
	}
}

List *
st_capture_triggers(Oid source)
{
	bool		by_row = st_capture_by_row(source);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, st_capture_tree(source))
	{
		List	   *triggers = own_triggers(lfirst_oid(lc));
		int			needed = needed_bits(by_row, get_rel_relkind(lfirst_oid(lc)));

		CHECK_FOR_INTERRUPTS();
		for (int bit = HAS_INSERT; bit <= HAS_ROW; bit <<= 1)
		{
			StCaptureTrigger *trigger;
			ListCell   *lc2;

			if (!(needed & bit))
				continue;
			trigger = palloc0(sizeof(StCaptureTrigger));
			trigger->relid = lfirst_oid(lc);
			trigger->event = event_name(bit);
			trigger->truncate = bit == HAS_TRUNCATE;
			foreach(lc2, triggers)
			{
				OwnTrigger *own = lfirst(lc2);

				if (own->bits != bit)
					continue;
				/* as PostgreSQL names internal triggers */
				trigger->name = psprintf("pgtrickle_capture_%u", own->oid);
				trigger->enabled = own->enabled == TRIGGER_FIRES_ALWAYS;
			}
			result = lappend(result, trigger);
		}
	}
	return result;
}

bool
st_capture_remove_abandoned(void)
{
	bool		all = true;
	ListCell   *lc;

	foreach(lc, st_logs_abandoned())
	{
		Oid			source = lfirst_oid(lc);

		if (get_rel_name(source) == NULL ? st_log_lock_nowait(source) : lock_tree_nowait(source))
			st_capture_remove(source);
		all = all && !st_log_exists(source);
	}
	return all;
}

/* --- the generation --- */

/* Parts of a generation, in the order in which a difference is named. */
typedef enum GenerationPart
{
	PART_INSTALL,				/* this installation in this cluster (rule C8) */
	PART_CRASH,					/* the crash mark, if anything is unlogged */
	PART_TREE,					/* which relations hold the rows */
	PART_FILES,					/* their files and persistence */
	PART_TRIGGERS				/* our triggers on them, and their kind */
} GenerationPart;

#define N_PARTS (PART_TRIGGERS + 1)
#define PART_LENGTH 16			/* a hash in hexadecimal digits */

static const char *const part_reasons[N_PARTS] = {
	[PART_INSTALL] = "the database was restored or upgraded",
	[PART_CRASH] = "a crash may have emptied an unlogged table",
	[PART_TREE] = "partitions or children of a source changed",
	[PART_FILES] = "a source was rewritten",
	[PART_TRIGGERS] = "capture triggers were changed",
};

typedef struct GenerationEntry
{
	StWatched	watched;
	char		text[1 + N_PARTS * PART_LENGTH + 1];
} GenerationEntry;

static HTAB *generations = NULL;

/* Describe one relation of the tree; false if its triggers are incomplete. */
static bool
describe_relation(StringInfo parts, Oid relid, bool by_row, bool node, bool *unlogged)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	List	   *triggers;
	ListCell   *lc;
	int			needed;

	if (rel == NULL)
		return false;
	appendStringInfo(&parts[PART_TREE], "%u;", relid);
	appendStringInfo(&parts[PART_FILES], "%u:%u:%c;", relid, (unsigned) RelationGetFileNumber(rel), rel->rd_rel->relpersistence);
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED && !ST_FAULT("B10"))
		*unlogged = true;
	needed = node ? 0 : needed_bits(by_row, rel->rd_rel->relkind);
	triggers = own_triggers(relid);
	foreach(lc, triggers)
	{
		OwnTrigger *trigger = lfirst(lc);

		/* triggers for another source's sake come and go */
		if (trigger->bits & needed)
			appendStringInfo(&parts[PART_TRIGGERS], "%u:%u:%u:%c;", relid, trigger->oid, trigger->xmin, trigger->enabled);
	}
	relation_close(rel, AccessShareLock);
	return (needed & ~present_bits(triggers)) == 0;
}

static int
print_hash(char *to, const char *data, int length)
{
	uint64		hash = DatumGetUInt64(hash_any_extended((const unsigned char *) data, length, 0));

	return sprintf(to, "%016llx", (unsigned long long) hash);
}

static void
compute_generation(GenerationEntry *entry)
{
	Oid			source = entry->watched.relid;
	StringInfoData parts[N_PARTS];
	bool		complete = st_log_fits(source);
	bool		node = st_store_hooks.is_node && st_store_hooks.is_node(source);
	bool		by_row = st_capture_by_row(source);
	bool		unlogged = false;
	char	   *text = entry->text;
	ListCell   *lc;

	for (int i = 0; i < N_PARTS; i++)
		initStringInfo(&parts[i]);
	appendStringInfoString(&parts[PART_INSTALL], ST_FAULT("C8") ? "" : st_install_fingerprint());
	appendStringInfo(&parts[PART_TRIGGERS], "%d;", by_row);
	foreach(lc, st_capture_tree(source))
	{
		bool		detaching = false;

		CHECK_FOR_INTERRUPTS();
		if (!describe_relation(parts, lfirst_oid(lc), by_row, node, &unlogged))
			complete = false;

		/*
		 * No part of the tree any more, but its triggers still write to our
		 * log, also for transactions that began when it was one. The table
		 * that it was a part of is not locked, and may have gone.
		 */
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_PARTITIONED_TABLE)
			(void) find_inheritance_children_extended(lfirst_oid(lc), false, NoLock, &detaching, NULL);
		if (detaching && !ST_FAULT("J7 detach"))
			complete = false;
	}
	if ((unlogged || st_log_is_unlogged(source)) && !ST_FAULT("C8"))
		appendStringInfoString(&parts[PART_CRASH], st_crash_mark_ensure());
	if (!complete)
		*text++ = '!';
	for (int i = 0; i < N_PARTS; i++)
	{
		text += print_hash(text, parts[i].data, parts[i].len);
		pfree(parts[i].data);
	}
}

const char *
st_capture_difference(const char *old, const char *new)
{
	char		nothing[PART_LENGTH + 1];

	(void) print_hash(nothing, "", 0);
	if (new[0] == '!')
		return "capture is incomplete";
	for (int i = 0; i < N_PARTS && strlen(old) == strlen(new); i++)
	{
		const char *was = old + i * PART_LENGTH;
		const char *is = new + i * PART_LENGTH;

		if (strncmp(was, is, PART_LENGTH) == 0)
			continue;
		if (i == PART_CRASH && (strncmp(was, nothing, PART_LENGTH) == 0 || strncmp(is, nothing, PART_LENGTH) == 0))
			return "a source or its change log became UNLOGGED or LOGGED";
		return part_reasons[i];
	}
	/* one of another version, or of incomplete capture */
	return strcmp(old, new) == 0 ? NULL : "capture was incomplete";
}

char *
st_capture_generation(Oid source)
{
	GenerationEntry *entry;
	bool		filled;

	/* what others have committed since our last lock */
	AcceptInvalidationMessages();
	entry = st_watched_entry(&generations, "pg_trickle capture generations", sizeof(GenerationEntry), source, &filled);
	if (!filled)
	{
		compute_generation(entry);
		st_watched_filled(&entry->watched);
	}
	return pstrdup(entry->text);
}

uint64
st_capture_digest(void)
{
	Oid			statement = st_internal_function("capture_statement", true);
	Oid			before = st_internal_function("capture_before", true);
	Oid			row = st_internal_function("capture_row", true);
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	uint64		result = 0;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
		uint32		what[] = {form->oid, HeapTupleHeaderGetRawXmin(tuple->t_data), (uint32) form->tgenabled};

		CHECK_FOR_INTERRUPTS();
		/* in whatever order they come */
		if (form->tgisinternal && trigger_bits(form, statement, before, row) != 0)
			result += DatumGetUInt64(hash_any_extended((const unsigned char *) what, sizeof(what), 0));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

bool
st_capture_is_complete(Oid source)
{
	return st_capture_generation(source)[0] != '!';
}

void
st_capture_init(void)
{
	st_store_hooks.generation = st_capture_generation;
	st_store_hooks.triggers = st_capture_digest;
	st_store_hooks.difference = st_capture_difference;
	st_store_hooks.is_open = st_book_is_open;
	st_store_hooks.tree = st_capture_tree;
	st_store_hooks.is_complete = st_capture_is_complete;
	st_store_hooks.complete = st_capture_complete;
	st_store_hooks.remove_abandoned = st_capture_remove_abandoned;
	st_book_init();
}
