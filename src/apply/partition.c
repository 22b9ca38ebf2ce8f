/*-------------------------------------------------------------------------
 *
 * partition.c
 *	  What a partitioned stream table consists of.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "apply/apply.h"
#include "util/inheritors.h"

List *
st_table_members(Oid relid)
{
	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		return list_make1_oid(relid);
	return st_inheritors(relid);
}

static bool
relation_has_rows(Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	bool		result = false;

	if (rel == NULL)
		return false;
	if (rel->rd_rel->relkind == RELKIND_RELATION && RelationGetNumberOfBlocks(rel) > 0)
	{
		Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
		TupleTableSlot *slot = table_slot_create(rel, NULL);
		TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);

		result = table_scan_getnextslot(scan, ForwardScanDirection, slot);
		table_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		UnregisterSnapshot(snapshot);
	}
	relation_close(rel, AccessShareLock);
	return result;
}

bool
st_table_has_rows(Oid relid)
{
	ListCell   *lc;

	foreach(lc, st_table_members(relid))
		if (relation_has_rows(lfirst_oid(lc)))
			return true;
	return false;
}

Oid
st_table_filled_default(Oid relid)
{
	ListCell   *lc;

	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		return InvalidOid;
	foreach(lc, st_inheritors(relid))
	{
		Oid			partition = get_default_partition_oid(lfirst_oid(lc));

		if (OidIsValid(partition) && st_table_has_rows(partition))
			return partition;
	}
	return InvalidOid;
}
