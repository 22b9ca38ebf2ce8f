/*-------------------------------------------------------------------------
 *
 * unit.c
 *	  Stream tables that are refreshed together or not at all (rule K8).
 *
 * NOTES
 *	  What ties stream tables together are sets: the members of an atomic
 *	  diamond, and those of a refresh group. Sets that share a member are one, and
 *	  so is everything that lies on a way from one member to another, or nothing could be
 *	  refreshed before or after the set. All of that is said by one graph, in which
 *	  the members of each set form a ring and each stream table leads to what it
 *	  reads: its strongly connected components are the units, and come out
 *	  in an order in which each is after what it reads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/bitmapset.h"

#include "schedule/unit.h"
#include "util/fault.h"

/* ----- diamonds ----- */

/* What a node reads, itself or through others, and the node itself. */
static Bitmapset *
reach(const StScheduled *node)
{
	return bms_add_member(bms_copy(node->sources), node->position);
}

/* What a node reads; those that read each other are one, and have what any of them reads from outside. */
static List *
upstreams(StScheduled *node)
{
	List	   *result = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	if (node->component == 0)
		return list_copy(node->upstream);
	foreach(lc, node->circle)
		foreach(lc2, ((StScheduled *) lfirst(lc))->upstream)
			if (!st_scheduled_same_component(node, lfirst(lc2)))
				result = list_append_unique_ptr(result, lfirst(lc2));
	return result;
}

/* What is reached through more than one of these. */
static Bitmapset *
shared_sources(List *nodes)
{
	Bitmapset  *seen = NULL;
	Bitmapset  *shared = NULL;
	ListCell   *lc;

	foreach(lc, nodes)
	{
		Bitmapset  *reached = reach(lfirst(lc));

		shared = bms_join(shared, bms_intersect(seen, reached));
		seen = bms_join(seen, reached);
	}
	bms_free(seen);
	return shared;
}

/*
 * The members of the diamond that ends in a node: what lies between it and what
 * is shared. NIL: there is none, or it is too large.
 */
static List *
diamond(StScheduled *joint)
{
	List	   *above = upstreams(joint);
	Bitmapset  *shared;
	List	   *members = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	if (!joint->atomic || list_length(above) < 2)
		return NIL;
	shared = shared_sources(above);
	if (bms_is_empty(shared))
		return NIL;
	members = list_make1(joint);
	/* grows as it is walked */
	foreach(lc, members)
	{
		foreach(lc2, upstreams(lfirst(lc)))
		{
			StScheduled *upstream = lfirst(lc2);

			/* what does not read it has nobody above it that does */
			if (bms_overlap(upstream->sources, shared) && !bms_is_member(upstream->position, shared))
				members = list_append_unique_ptr(members, upstream);
		}
		if (list_length(members) > ST_UNIT_MEMBERS)
			return NIL;
	}
	bms_free(shared);
	return members;
}

/* ----- components ----- */

typedef struct Place
{
	StScheduled *node;
	int			seen;			/* of what it leads to */
} Place;

typedef struct Walk
{
	StSchedule *schedule;
	List	  **tied;			/* by number: what the rings lead to */
	int		   *index;			/* of the first visit; 0: none yet */
	int		   *low;
	bool	   *open;			/* no component yet */
	List	   *pending;		/* of StScheduled: those that are open, as
								 * they were found */
	int			visits;
	int			components;
	List	   *units;
} Walk;

static StScheduled *
next_of(Walk *walk, StScheduled *node, int n)
{
	int			nupstream = list_length(node->upstream);

	if (n < nupstream)
		return list_nth(node->upstream, n);
	if (n - nupstream < list_length(walk->tied[node->number]))
		return list_nth(walk->tied[node->number], n - nupstream);
	return NULL;
}

/* All that were found since the node, and are open, are a component. */
static void
close_component(Walk *walk, StScheduled *node)
{
	List	   *members = NIL;
	StScheduled *member;
	StUnit	   *unit = NULL;
	ListCell   *lc;

	do
	{
		member = llast(walk->pending);
		walk->pending = list_delete_last(walk->pending);
		walk->open[member->number] = false;
		members = lappend(members, member);
	} while (member != node);
	if (list_length(members) > 1 && list_length(members) <= ST_UNIT_MEMBERS)
	{
		unit = palloc0(sizeof(StUnit));
		list_sort(members, st_scheduled_by_rank);
		unit->members = members;
	}
	else if (list_length(members) > ST_UNIT_MEMBERS)
		ereport(LOG,
				(errmsg("%d stream tables that belong together are refreshed one by one", list_length(members)),
				 errdetail("There are \"%s.%s\" and others in diamonds or refresh groups that have members in common. At most %d can be refreshed together.",
						   node->schema, node->name, ST_UNIT_MEMBERS)));
	/* if it is no unit, by rank they are in order as well */
	foreach(lc, members)
	{
		member = lfirst(lc);
		member->order = walk->components;
		member->unit = unit;
		if (unit)
			unit->slowest |= member->slowest && member->joint;
	}
	walk->components++;
}

/* Tarjan's algorithm, with its own stack: a chain may be longer than ours is deep. */
static void
visit(Walk *walk, StScheduled *start)
{
	int			room = 64;
	int			depth = 0;
	Place	   *places = palloc(sizeof(Place) * room);

	places[0] = (Place)
	{
		start, -1
	};
	while (depth >= 0)
	{
		Place	   *place = &places[depth];
		StScheduled *node = place->node;
		StScheduled *next;

		CHECK_FOR_INTERRUPTS();
		if (place->seen < 0)
		{
			walk->index[node->number] = walk->low[node->number] = ++walk->visits;
			walk->open[node->number] = true;
			walk->pending = lappend(walk->pending, node);
			place->seen = 0;
		}
		next = next_of(walk, node, place->seen);
		if (next == NULL)
		{
			if (walk->low[node->number] == walk->index[node->number])
				close_component(walk, node);
			if (--depth >= 0)
			{
				StScheduled *reader = places[depth].node;

				walk->low[reader->number] = Min(walk->low[reader->number], walk->low[node->number]);
			}
			continue;
		}
		place->seen++;
		if (walk->index[next->number] == 0)
		{
			if (++depth == room)
				places = repalloc(places, sizeof(Place) * (room *= 2));
			places[depth] = (Place)
			{
				next, -1
			};
		}
		else if (walk->open[next->number])
			walk->low[node->number] = Min(walk->low[node->number], walk->index[next->number]);
	}
	pfree(places);
}

static void
tie(Walk *walk, List *members)
{
	ListCell   *lc;

	foreach(lc, members)
	{
		StScheduled *node = lfirst(lc);
		ListCell   *next = lnext(members, lc);

		walk->tied[node->number] = lappend(walk->tied[node->number], next ? lfirst(next) : linitial(members));
	}
}

void
st_units_find(StSchedule *schedule, List *groups)
{
	int			count = Max(list_length(schedule->nodes), 1);
	Walk		walk = {schedule};
	ListCell   *lc;

	if (ST_FAULT("K8 unit"))
		groups = NIL;
	foreach(lc, schedule->nodes)
		((StScheduled *) lfirst(lc))->number = foreach_current_index(lc);
	walk.tied = palloc0(sizeof(List *) * count);
	walk.index = palloc0(sizeof(int) * count);
	walk.low = palloc0(sizeof(int) * count);
	walk.open = palloc0(sizeof(bool) * count);
	foreach(lc, groups)
		tie(&walk, lfirst(lc));
	foreach(lc, schedule->nodes)
	{
		StScheduled *node = lfirst(lc);
		List	   *members = ST_FAULT("K8 unit") ? NIL : diamond(node);

		node->joint = members != NIL;
		tie(&walk, members);
		list_free(members);
	}
	foreach(lc, schedule->nodes)
		if (walk.index[((StScheduled *) lfirst(lc))->number] == 0)
			visit(&walk, lfirst(lc));
	for (int i = 0; i < list_length(schedule->nodes); i++)
		list_free(walk.tied[i]);
	pfree(walk.tied);
	pfree(walk.index);
	pfree(walk.low);
	pfree(walk.open);
}

/* ----- when ----- */

bool
st_unit_is_leader(const StScheduled *node)
{
	return node->unit == NULL || llast(node->unit->members) == node;
}

StScheduled *
st_unit_obstacle(const StUnit *unit)
{
	ListCell   *lc;

	foreach(lc, unit->members)
	{
		StScheduled *member = lfirst(lc);

		if (!member->runnable || member->held)
			return member;
	}
	return NULL;
}

static int64
due_together(const StUnit *unit)
{
	int64		first = ST_NEVER;
	int64		last = 0;
	int64		not_before = 0;
	bool		wanted = false;
	ListCell   *lc;

	foreach(lc, unit->members)
	{
		StScheduled *member = lfirst(lc);
		int64		due = st_scheduled_due(member);

		if (member->held)
			return ST_NEVER;
		/* what its own error has stopped is tried again, with the others */
		if (!member->runnable)
		{
			if (due == ST_NEVER)
				return ST_NEVER;
			not_before = Max(not_before, due);
			wanted = true;
			continue;
		}
		not_before = Max(not_before, member->not_before);
		wanted |= due != ST_NEVER;
		first = Min(first, due);

		/*
		 * one that has nothing to do keeps nobody waiting for longer than its
		 * schedule does
		 */
		last = Max(last, due == ST_NEVER ? st_scheduled_due_pending(member) : due);
	}
	if (!wanted)
		return ST_NEVER;
	return Max(unit->slowest ? last : first == ST_NEVER ? 0 : first, not_before);
}

int64
st_unit_due(StScheduled *node)
{
	if (node->unit == NULL)
		return st_scheduled_due(node);
	return st_unit_is_leader(node) ? due_together(node->unit) : ST_NEVER;
}
