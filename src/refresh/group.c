/*-------------------------------------------------------------------------
 *
 * group.c
 *	  Which stream tables are refreshed together, and their locks.
 *
 * NOTES
 *	  Node locks are advisory lock tags with a fourth field of our own, by
 *	  pgt_id, held to the end of transaction. Everybody takes those of a group
 *	  in one order, and before any lock on a relation that another member of the
 *	  group writes: who has a node may need it for himself (rule C10).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/lsyscache.h"

#include "catalog/stream_table.h"
#include "refresh/refresh.h"
#include "store/store.h"

/* tells our lock tags from the users' advisory locks (1 and 2) */
#define NODE_LOCK_FIELD4 7712

typedef struct RankedNode
{
	StStreamTable *table;
	int			rank;			/* of the longest way up to base tables */
} RankedNode;

bool
st_refresh_lock(int64 pgt_id, bool wait)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (pgt_id >> 32), (uint32) pgt_id, NODE_LOCK_FIELD4);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

/* Add the stream table and those that it reads; returns its rank. */
static int
add_node(List **nodes, StStreamTable *table)
{
	RankedNode *node = palloc(sizeof(RankedNode));
	int			rank = 1;
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, st_entry_sources(table))
	{
		StStreamTable *source = st_stream_table_get(lfirst_oid(lc));
		ListCell   *lc2;
		int			source_rank = 0;

		/* a suspended one is read as it is */
		if (source == NULL || st_is_suspended(source))
			continue;
		foreach(lc2, *nodes)
		{
			RankedNode *other = lfirst(lc2);

			if (other->table->pgt_id == source->pgt_id)
				source_rank = other->rank;
		}
		if (source_rank == 0)
			source_rank = add_node(nodes, source);
		rank = Max(rank, source_rank + 1);
	}
	node->table = table;
	node->rank = rank;
	*nodes = lappend(*nodes, node);
	return rank;
}

static int
by_rank(const ListCell *a, const ListCell *b)
{
	const RankedNode *x = lfirst(a);
	const RankedNode *y = lfirst(b);

	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	return x->table->pgt_id < y->table->pgt_id ? -1 : 1;
}

static bool
has_node(List *nodes, const StStreamTable *table)
{
	ListCell   *lc;

	foreach(lc, nodes)
		if (((RankedNode *) lfirst(lc))->table->pgt_id == table->pgt_id)
			return true;
	return false;
}

List *
st_refresh_nodes(StStreamTable *table)
{
	List	   *nodes = NIL;
	List	   *tables = NIL;
	ListCell   *lc;

	(void) add_node(&nodes, table);
	list_sort(nodes, by_rank);
	foreach(lc, nodes)
		tables = lappend(tables, ((RankedNode *) lfirst(lc))->table);
	return tables;
}

List *
st_refresh_lock_order(List *tables)
{
	List	   *nodes = NIL;
	List	   *result = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, tables)
		if (!has_node(nodes, lfirst(lc)))
			(void) add_node(&nodes, lfirst(lc));
	list_sort(nodes, by_rank);
	foreach(lc, nodes)
	{
		StStreamTable *node = ((RankedNode *) lfirst(lc))->table;

		foreach(lc2, tables)
			if (((StStreamTable *) lfirst(lc2))->pgt_id == node->pgt_id)
			{
				result = lappend(result, lfirst(lc2));
				break;
			}
	}
	return result;
}

/* For the room store, which gives up logs of consumers that do not consume. */
static char *
lock_consumer(int64 pgt_id)
{
	Oid			relid = st_stream_table_by_id(pgt_id);
	StStreamTable *table;

	if (!OidIsValid(relid) || !st_refresh_lock(pgt_id, false))
		return NULL;
	table = st_stream_table_get(relid);
	return table ? psprintf("%s.%s", table->schema, table->name) : NULL;
}

void
st_refresh_init(void)
{
	st_store_hooks.lock_consumer = lock_consumer;
}
