/*-------------------------------------------------------------------------
 *
 * graph.c
 *	  What is refreshed together with a stream table (rule K8).
 *
 * NOTES
 *	  A graph may have thousands of stream tables, and a chain of them may be longer
 *	  than the stack is deep: walks keep their place in memory. A node is looked
 *	  at once in a walk, and once in a round when it waits for a refresh that is
 *	  running, so that a round takes no longer than the graph is large.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "schedule/graph.h"
#include "schedule/unit.h"
#include "util/fault.h"

/* of what can also be refreshed one after another: a transaction has room for so many (rule C12) */
#define MOST_TOGETHER 60

/* and if all of it is expected to take so many milliseconds, it is */
#define LONGEST_TOGETHER 50.0

/* where a walk is: a node, and how many of its upstreams it has seen */
typedef struct Step
{
	StScheduled *node;
	int			seen;
} Step;

static uint64 walk = 0;
static uint64 this_round = 0;
static int64 round_start = 0;

void
st_graph_begin_round(int64 now)
{
	this_round++;
	round_start = now;
}

/*
 * Is it refreshed along with those that read it? One that is suspended or held is
 * read as it is, and so is all that would have to be refreshed with it; where nothing is
 * pending, nothing above is, but for what follows the clock.
 */
static bool
goes_along(const StScheduled *node)
{
	ListCell   *lc;

	if (node->unit == NULL)
		return node->runnable && !node->held && (node->pending || node->clocked);
	if (st_unit_obstacle(node->unit))
		return false;
	foreach(lc, node->unit->members)
	{
		StScheduled *member = lfirst(lc);

		if (member->pending || member->clocked)
			return true;
	}
	return false;
}

/*
 * After a cut the part above is refreshed by itself, and then not again: commits
 * that go on would keep what is below waiting for ever.
 */
static bool
was_refreshed_since(const StScheduled *node, int64 cut)
{
	return cut > 0 && node->last_start >= cut;
}

/* By units, each after those that it reads from. */
static int
by_order(const ListCell *a, const ListCell *b)
{
	const StScheduled *x = lfirst(a);
	const StScheduled *y = lfirst(b);

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return st_scheduled_by_rank(a, b);
}

static StScheduled *
nth_neighbour(const StScheduled *node, int n)
{
	int			nupstream = list_length(node->upstream);

	if (n < nupstream)
		return list_nth(node->upstream, n);
	if (node->unit && n - nupstream < list_length(node->unit->members))
		return list_nth(node->unit->members, n - nupstream);
	return NULL;
}

/*
 * What "top" is refreshed with, but for what was refreshed since "cut"; false if
 * one of them cannot be now.
 */
static bool
walk_up(StScheduled *top, int64 cut, List **stale)
{
	int			room = 64;
	int			depth = 0;
	Step	   *steps = palloc(sizeof(Step) * room);
	bool		free = true;

	walk++;
	top->visited = walk;
	steps[0].node = top;
	steps[0].seen = 0;
	while (depth >= 0 && free)
	{
		Step	   *step = &steps[depth];
		StScheduled *node = step->node;
		StScheduled *upstream = nth_neighbour(node, step->seen++);
		bool		same;

		CHECK_FOR_INTERRUPTS();
		if (upstream == NULL)
		{
			if (depth > 0)
				*stale = lappend(*stale, node);
			depth--;
			continue;
		}
		same = node->unit && node->unit == upstream->unit;
		if (upstream->visited == walk)
			continue;
		if (upstream->running)
			free = false;
		else if (!same && (!goes_along(upstream) || was_refreshed_since(upstream, cut)))
			continue;
		/* with 'none' a node runs over what a failed upstream holds */
		else if (!same && !node->atomic && upstream->failures > 0 && upstream->not_before > round_start)
			continue;
		else if (upstream->blocked == this_round || upstream->not_before > round_start)
			free = false;
		else
		{
			upstream->visited = walk;
			if (++depth == room)
				steps = repalloc(steps, sizeof(Step) * (room *= 2));
			steps[depth].node = upstream;
			steps[depth].seen = 0;
		}
	}
	if (!free)
		for (int i = 0; i <= depth; i++)
			steps[i].node->blocked = this_round;
	pfree(steps);
	return free;
}

/*
 * How many of these, in their order, can be refreshed before "top" by themselves,
 * so that no unit is cut in two; 0: all go with it.
 */
static int
find_cut(const StScheduled *top, List *stale)
{
	double		took = top->took;
	double		so_far = 0;
	int			last = 0;
	ListCell   *lc;

	foreach(lc, stale)
		took += ((StScheduled *) lfirst(lc))->took;
	if ((list_length(stale) <= MOST_TOGETHER && took <= LONGEST_TOGETHER) || ST_FAULT("K8"))
		return 0;
	foreach(lc, stale)
	{
		StScheduled *node = lfirst(lc);
		StScheduled *next = lnext(stale, lc) ? lfirst(lnext(stale, lc)) : NULL;
		int			count = foreach_current_index(lc) + 1;

		/* from here on they are what "top" is never without */
		if (node->order == top->order)
			break;
		so_far += node->took;
		if (last > 0 && (count > MOST_TOGETHER || so_far > LONGEST_TOGETHER))
			break;
		if (next == NULL || next->order != node->order)
			last = count;
	}
	return last;
}

bool
st_graph_collect(StScheduled **node, List **along)
{
	int64		since = (*node)->cut;
	int			cut;

	*along = NIL;
	if (!walk_up(*node, since, along))
		return false;
	list_sort(*along, by_order);
	cut = find_cut(*node, *along);
	if (cut > 0)
	{
		if (since == 0)
			(*node)->cut = st_now();
		*node = list_nth(*along, cut - 1);
		*along = NIL;

		/*
		 * without what the first walk has left out: it may be pending again,
		 * and be more than there is room for
		 */
		if (!walk_up(*node, since, along))
			return false;
	}
	list_sort(*along, st_scheduled_by_rank);
	return true;
}
