/*-------------------------------------------------------------------------
 *
 * hold.c
 *	  Stream tables that the scheduler is told not to refresh for now.
 *
 * NOTES
 *	  A gate holds what reads the source itself: what reads that sees no news.
 *	  Watermarks hold what puts two sources together, also where each has come
 *	  through a stream table of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "catalog/gate.h"
#include "refresh/hold.h"
#include "refresh/refresh.h"
#include "util/fault.h"

/* Add what a stream table reads, and what its upstreams do. */
static List *
add_sources(List *sources, StStreamTable *table)
{
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, st_entry_sources(table))
	{
		StStreamTable *upstream;

		if (list_member_oid(sources, lfirst_oid(lc)))
			continue;
		sources = lappend_oid(sources, lfirst_oid(lc));
		upstream = st_stream_table_get(lfirst_oid(lc));
		if (upstream)
			sources = add_sources(sources, upstream);
	}
	return sources;
}

static StHold *
make_hold(StStreamTable *table, StHoldKind kind, char *reason)
{
	StHold	   *hold = palloc(sizeof(StHold));

	hold->relid = table->relid;
	hold->kind = kind;
	hold->reason = reason;
	return hold;
}

StHold *
st_hold_find(StStreamTable *table, Snapshot snapshot)
{
	char	   *obstacle;

	if (ST_FAULT("K10"))
		return NULL;
	if (OidIsValid(st_gate_find_closed(st_entry_sources(table), snapshot)))
		return make_hold(table, ST_HOLD_GATE, "source gated");
	if (!st_watermark_groups_exist(snapshot))
		return NULL;
	obstacle = st_watermark_obstacle(add_sources(NIL, table), snapshot);
	return obstacle ? make_hold(table, ST_HOLD_WATERMARK, obstacle) : NULL;
}
