/*-------------------------------------------------------------------------
 *
 * room.c
 *	  Room in the pages of tables whose rows are updated.
 *
 * NOTES
 *	  An update stays in its page (HOT, no index is written) if the page has
 *	  room, and PostgreSQL makes room by pruning the page when it is visited
 *	  with less than a tenth free. A page that was filled to its end has never
 *	  more room than that: each refresh that visits it prunes it, for one row,
 *	  which costs more than the update. In a small table many updates share
 *	  that cost, in a large one none do. So a large fill leaves twice as much
 *	  free as the fillfactor says afterwards, which is the tenth: what lies
 *	  between is what a page takes from one pruning to the next.
 *
 *	  A fillfactor that somebody has set is left alone.
 *
 *	  Locks: the table's, in ShareUpdateExclusiveMode, as ALTER TABLE .. SET
 *	  takes, if it can be had at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "apply/applier.h"

#define FILLFACTOR 90
#define FILLFACTOR_OF_FILL 80

static void
set_fillfactor(Oid relid, int percent)
{
	Relation	catalog = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Datum		values[Natts_pg_class] = {0};
	bool		nulls[Natts_pg_class] = {false};
	bool		replaces[Natts_pg_class] = {false};
	List	   *options = list_make1(makeDefElem("fillfactor", (Node *) makeInteger(percent), -1));
	HeapTuple	changed;
	Datum		old;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	old = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_reloptions, &isnull);
	values[Anum_pg_class_reloptions - 1] = transformRelOptions(isnull ? (Datum) 0 : old, options, NULL, NULL, false, false);
	replaces[Anum_pg_class_reloptions - 1] = true;
	changed = heap_modify_tuple(tuple, RelationGetDescr(catalog), values, nulls, replaces);
	CatalogTupleUpdate(catalog, &tuple->t_self, changed);
	heap_freetuple(changed);
	ReleaseSysCache(tuple);
	table_close(catalog, RowExclusiveLock);
	CommandCounterIncrement();
}

void
st_room_reserve(Oid relid)
{
	ListCell   *lc;

	foreach(lc, st_table_members(relid))
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_RELATION)
			set_fillfactor(lfirst_oid(lc), FILLFACTOR);
}

bool
st_room_begin(Relation rel)
{
	if (rel->rd_rel->relkind != RELKIND_RELATION || RelationGetFillFactor(rel, HEAP_DEFAULT_FILLFACTOR) != FILLFACTOR ||
		!ConditionalLockRelationOid(RelationGetRelid(rel), ShareUpdateExclusiveLock))
		return false;
	set_fillfactor(RelationGetRelid(rel), FILLFACTOR_OF_FILL);
	return true;
}

void
st_room_end(Relation rel)
{
	set_fillfactor(RelationGetRelid(rel), FILLFACTOR);
}
