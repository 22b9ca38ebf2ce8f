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

/* where a walk is: a node, and how many of its upstreams it has seen */
typedef struct Step
{
	StScheduled *node;
	int			seen;
} Step;

static uint64 walk = 0;
static uint64 this_round = 0;

void
st_graph_begin_round(void)
{
	this_round++;
}

/*
 * Is it refreshed along with those that read it? One that is suspended or held is
 * read as it is; where nothing is pending, nothing above is, but for what follows
 * the clock.
 */
static bool
goes_along(const StScheduled *node)
{
	return node->runnable && !node->held && (node->pending || node->clocked);
}

static int
by_rank(const ListCell *a, const ListCell *b)
{
	const StScheduled *x = lfirst(a);
	const StScheduled *y = lfirst(b);

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->pgt_id > y->pgt_id ? -1 : 1;
}

/* Pending ones above a node, each after those above it; false if one above is being refreshed. */
static bool
walk_up(StScheduled *top, List **stale)
{
	int			room = 64;
	int			depth = 0;
	Step	   *steps = palloc(sizeof(Step) * room);
	bool		free = true;

	walk++;
	steps[0].node = top;
	steps[0].seen = 0;
	while (depth >= 0 && free)
	{
		Step	   *step = &steps[depth];
		StScheduled *upstream;

		CHECK_FOR_INTERRUPTS();
		if (step->seen == list_length(step->node->upstream))
		{
			if (depth > 0)
				*stale = lappend(*stale, step->node);
			depth--;
			continue;
		}
		upstream = list_nth(step->node->upstream, step->seen++);
		if (upstream->running || (upstream->blocked == this_round && goes_along(upstream)))
			free = false;
		else if (goes_along(upstream) && upstream->visited != walk)
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

bool
st_graph_collect(StScheduled **node, int most, List **stale)
{
	*stale = NIL;
	if (!walk_up(*node, stale))
		return false;
	/* the first ones first, by themselves */
	if (list_length(*stale) > most)
	{
		*node = list_nth(*stale, most);
		*stale = NIL;
		(void) walk_up(*node, stale);
	}
	list_sort(*stale, by_rank);
	return true;
}
