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
 *	  That order is by pgt_id, the greatest first. It is not by rank: what a
 *	  stream table reads, and whether that is suspended, is another thing for a
 *	  session that looks a moment later. src/README.md has the order of all
 *	  locks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/lsyscache.h"

#include "catalog/component.h"
#include "catalog/stream_table.h"
#include "refresh/progress.h"
#include "refresh/refresh.h"
#include "store/store.h"
#include "util/lock_tag.h"

typedef struct RankedNode
{
	StStreamTable *table;
	int			rank;			/* of the longest way up to base tables */
} RankedNode;

static void
node_tag(LOCKTAG *tag, int64 pgt_id)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (pgt_id >> 32), (uint32) pgt_id, ST_LOCK_NODE);
}

bool
st_refresh_lock(int64 pgt_id, bool wait)
{
	LOCKTAG		tag;

	node_tag(&tag, pgt_id);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

char *
st_refresh_lock_holders(int64 pgt_id)
{
	LOCKTAG		tag;

	node_tag(&tag, pgt_id);
	return st_tag_holders_text(&tag, ExclusiveLock);
}

void
st_refresh_unlock(int64 pgt_id)
{
	LOCKTAG		tag;

	node_tag(&tag, pgt_id);
	(void) LockRelease(&tag, ExclusiveLock, false);
}

void
st_refresh_wait(int64 pgt_id)
{
	(void) st_refresh_lock(pgt_id, true);
	st_refresh_unlock(pgt_id);
}

void
st_relation_wait(Oid relid, LOCKMODE mode)
{
	LockRelationOid(relid, mode);
	UnlockRelationOid(relid, mode);
}

/* What it is refreshed together with, of StStreamTable; itself first. */
static List *
members_of(StStreamTable *table)
{
	List	   *members = list_make1(table);
	ListCell   *lc;

	foreach(lc, table->component > 0 ? st_component_members(table->component) : NIL)
	{
		StStreamTable *member = lfirst_oid(lc) == table->relid ? NULL : st_stream_table_get_if_exists(lfirst_oid(lc));

		if (member)
			members = lappend(members, member);
	}
	return members;
}

/* A member that keeps the others from being refreshed; NULL: there is none. */
static StStreamTable *
stopped_member(List *members)
{
	ListCell   *lc;

	foreach(lc, members)
		if (st_is_suspended(lfirst(lc)))
			return lfirst(lc);
	return NULL;
}

static int
find_rank(List *nodes, const StStreamTable *table)
{
	ListCell   *lc;

	foreach(lc, nodes)
		if (((RankedNode *) lfirst(lc))->table->pgt_id == table->pgt_id)
			return ((RankedNode *) lfirst(lc))->rank;
	return 0;
}

/*
 * Add the stream tables, those of one component, and what they read; returns their
 * rank, which is the same for all: neither is before the other.
 */
static int
add_nodes(List **nodes, List *members)
{
	int			component = ((StStreamTable *) linitial(members))->component;
	int			rank = 1;
	ListCell   *lc;
	ListCell   *lc2;

	check_stack_depth();
	foreach(lc, members)
		foreach(lc2, st_entry_sources(lfirst(lc)))
		{
			StStreamTable *source = st_stream_table_get_if_exists(lfirst_oid(lc2));
			List	   *with_source;
			int			source_rank;

			if (source == NULL || (component > 0 && source->component == component))
				continue;
			source_rank = find_rank(*nodes, source);
			if (source_rank == 0)
			{
				with_source = members_of(source);
				/* what is suspended is read as it is */
				if (stopped_member(with_source))
					continue;
				source_rank = add_nodes(nodes, with_source);
			}
			rank = Max(rank, source_rank + 1);
		}
	foreach(lc, members)
	{
		RankedNode *node = palloc(sizeof(RankedNode));

		node->table = lfirst(lc);
		node->rank = rank;
		*nodes = lappend(*nodes, node);
	}
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

List *
st_refresh_nodes(StStreamTable *table)
{
	List	   *nodes = NIL;
	List	   *tables = NIL;
	ListCell   *lc;

	(void) add_nodes(&nodes, members_of(table));
	list_sort(nodes, by_rank);
	foreach(lc, nodes)
		tables = lappend(tables, ((RankedNode *) lfirst(lc))->table);
	return tables;
}

static int
by_pgt_id(const ListCell *a, const ListCell *b)
{
	int64		x = ((const StStreamTable *) lfirst(a))->pgt_id;
	int64		y = ((const StStreamTable *) lfirst(b))->pgt_id;

	return x > y ? -1 : (x < y ? 1 : 0);
}

List *
st_refresh_lock_order(List *tables)
{
	List	   *sorted = list_copy(tables);
	List	   *result = NIL;
	int64		last = 0;
	ListCell   *lc;

	list_sort(sorted, by_pgt_id);
	foreach(lc, sorted)
	{
		StStreamTable *table = lfirst(lc);

		if (result == NIL || table->pgt_id != last)
			result = lappend(result, table);
		last = table->pgt_id;
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
	table = st_stream_table_get_if_exists(relid);
	return table ? psprintf("%s.%s", table->schema, table->name) : NULL;
}

void
st_refresh_init(void)
{
	st_store_hooks.lock_consumer = lock_consumer;
	st_progress_init();
}
