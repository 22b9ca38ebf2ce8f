/*-------------------------------------------------------------------------
 *
 * queue.c
 *	  Which stream tables are due, and when the next one is.
 *
 * NOTES
 *	  There may be ten thousand of them, and hundreds of commits a second that
 *	  concern one: a round must cost what has changed, not what there is. So
 *	  whatever changes something about a stream table says so, and it is looked at in
 *	  the next round; one that is not due waits in a heap until it is, one that is
 *	  due stays so until something happens to it. Times
 *	  in the heap may be too early, for then it is looked at in vain, but never too
 *	  late. What goes by a clock that somebody may set is looked at once a minute
 *	  (rule K24).
 *
 *	  A unit is represented by its leader. It is looked at when any of its
 *	  members has changed or becomes due, for one that waits for another
 *	  says so then.
 *
 *	  A source stays armed until a commit touches it, which makes all pending
 *	  that read it: those arm it again when they have begun.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/pairingheap.h"
#include "nodes/bitmapset.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "schedule/held.h"
#include "schedule/queue.h"
#include "schedule/unit.h"
#include "store/wake.h"

/* what goes by a clock that somebody may set */
#define LONGEST_TRUST (60 * USECS_PER_SEC)

/* nodes of one schedule, and in its memory context */
static pairingheap *heap = NULL;
static List *touched = NIL;
static List *due = NIL;
static Bitmapset *unarmed = NULL;

static int64 round_start = 0;

static int
compare_times(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const StScheduled *x = pairingheap_const_container(StScheduled, place, a);
	const StScheduled *y = pairingheap_const_container(StScheduled, place, b);

	/* the greatest comes first */
	return x->look_at < y->look_at ? 1 : x->look_at > y->look_at ? -1 : 0;
}

void
st_queue_reset(StSchedule *schedule)
{
	MemoryContext old = MemoryContextSwitchTo(schedule->context);
	ListCell   *lc;

	heap = pairingheap_allocate(compare_times, NULL);
	touched = list_copy(schedule->nodes);
	due = NIL;
	unarmed = NULL;
	foreach(lc, touched)
	{
		StScheduled *node = lfirst(lc);

		node->touched = true;
		node->queued = node->waiting = node->listed = false;
	}
	MemoryContextSwitchTo(old);
}

void
st_queue_touch(StScheduled *node)
{
	MemoryContext old;

	if (node->touched)
		return;
	old = MemoryContextSwitchTo(GetMemoryChunkContext(node));
	touched = lappend(touched, node);
	node->touched = true;
	MemoryContextSwitchTo(old);
}

/* Those that are due, and wait for another one of their unit that is stopped: say so. */
static void
note_blocked(const StUnit *unit)
{
	StScheduled *obstacle = st_unit_obstacle(unit);
	ListCell   *lc;

	/* what is held was found by a refresh, and written down */
	if (obstacle == NULL || obstacle->held)
		return;
	foreach(lc, unit->members)
	{
		StScheduled *member = lfirst(lc);

		if (member->runnable && member->pending && !member->running && st_scheduled_due(member) <= round_start)
			st_held_note_blocked(member, obstacle);
	}
}

static bool
goes_by_wall_clock(const StScheduled *node)
{
	return node->timing.kind == ST_TIMING_CRON || node->last_start == 0;
}

/* When to look at one again that is due at this time, after the round. */
static int64
next_look(const StScheduled *node, int64 at)
{
	bool		by_wall_clock = goes_by_wall_clock(node);
	ListCell   *lc;

	if (node->unit)
		foreach(lc, node->unit->members)
		{
			StScheduled *member = lfirst(lc);
			int64		then = st_scheduled_due(member);

			if (then > round_start)
				at = Min(at, then);
			by_wall_clock |= goes_by_wall_clock(member);
		}
	return at < ST_NEVER && by_wall_clock ? Min(at, round_start + LONGEST_TRUST) : at;
}

/* Put it where it belongs. */
static void
look_at(StScheduled *node)
{
	int64		at;

	if (node->queued)
		pairingheap_remove(heap, &node->place);
	node->queued = node->waiting = false;
	/* what is at work is looked at when it ends */
	if (node->running)
		return;
	at = st_unit_due(node);
	if (at <= round_start)
	{
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(node));

		if (!node->listed)
			due = lappend(due, node);
		node->waiting = node->listed = true;
		MemoryContextSwitchTo(old);
		return;
	}
	if (node->unit)
		note_blocked(node->unit);
	node->due_since = 0;
	node->look_at = next_look(node, at);
	if (node->look_at == ST_NEVER)
		return;
	pairingheap_add(heap, &node->place);
	node->queued = true;
}

/* Does a commit that touches one of its sources have to wake us? */
static bool
is_followed(StScheduled *node)
{
	return (!node->pending || node->turn > 0) && node->runnable && !node->held && st_scheduled_follows_commits(node);
}

static void
look_at_touched(void)
{
	/* what is written down on the way may touch another one */
	for (int i = 0; i < list_length(touched); i++)
	{
		StScheduled *node = list_nth(touched, i);
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(node));

		node->touched = false;
		if (is_followed(node))
			unarmed = bms_add_members(unarmed, node->sources);
		MemoryContextSwitchTo(old);
		look_at(node->unit ? llast(node->unit->members) : node);
	}
	list_free(touched);
	touched = NIL;
}

/* Leave out what is not due any more; the others keep their order. */
static void
tidy_due(TimestampTz time)
{
	int			left = 0;
	ListCell   *lc;

	foreach(lc, due)
	{
		StScheduled *node = lfirst(lc);

		node->listed = node->waiting;
		if (!node->waiting)
			continue;
		if (node->due_since == 0)
			node->due_since = time;
		lfirst(list_nth_cell(due, left++)) = node;
	}
	if (left > 0)
		due = list_truncate(due, left);
	else
	{
		/* which would keep the memory of an empty one */
		list_free(due);
		due = NIL;
	}
}

List *
st_queue_due(int64 now, TimestampTz time)
{
	round_start = now;
	look_at_touched();
	while (!pairingheap_is_empty(heap))
	{
		StScheduled *node = pairingheap_container(StScheduled, place, pairingheap_first(heap));

		if (node->look_at > now)
			break;
		look_at(node);
	}
	tidy_due(time);
	return due;
}

List *
st_queue_waiting(void)
{
	return due;
}

int64
st_queue_prepare_sleep(StSchedule *schedule)
{
	int			source = -1;

	look_at_touched();
	while ((source = bms_next_member(unarmed, source)) >= 0)
		st_wake_arm(list_nth_oid(schedule->sources, source));
	bms_free(unarmed);
	unarmed = NULL;
	if (pairingheap_is_empty(heap))
		return ST_NEVER;
	return pairingheap_container(StScheduled, place, pairingheap_first(heap))->look_at;
}
