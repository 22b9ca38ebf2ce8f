/*-------------------------------------------------------------------------
 *
 * inheritors.c
 *	  The tables below a table, as the catalog tells while others change it.
 *
 * PostgreSQL's find_all_inheritors is meant for callers who lock what they
 * walk: "cache lookup failed" is what it says of a table that has gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "util/inheritors.h"

bool
st_relation_exists(Oid relid)
{
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid));
}

List *
st_inheritors(Oid relid)
{
	List	   *result = st_relation_exists(relid) ? list_make1_oid(relid) : NIL;
	ListCell   *lc;

	/* the list grows while it is walked */
	foreach(lc, result)
	{
		Oid			parent = lfirst_oid(lc);
		List	   *children = NIL;

		CHECK_FOR_INTERRUPTS();
		/* nothing is heard of others between this and the same look in there */
		if (st_relation_exists(parent))
			children = find_inheritance_children(parent, NoLock);
		/* a partition has one parent, so it is not met twice */
		if (get_rel_relkind(parent) == RELKIND_PARTITIONED_TABLE)
			result = list_concat(result, children);
		else
			result = list_concat_unique_oid(result, children);
	}
	return result;
}
