/*-------------------------------------------------------------------------
 *
 * node.c
 *	  The stream tables as the scheduler sees them.
 *
 * NOTES
 *	  A node is pending from the commit that may have changed what it reads,
 *	  however far up, until a refresh that began later has ended well (rule
 *	  H2). A node whose schedule is a second or less, or follows from such
 *	  ones, is due as soon as it is pending; others when their schedule says so
 *	  and they are pending. What is not captured, or reads what no commit
 *	  tells of, is always pending, and what compares with now() is due when its
 *	  schedule says so, pending or not.
 *
 *	  When the graph has changed all of it is read, by one statement, and not what
 *	  a list in shared memory would say has changed (rule H3): a call changes more
 *	  than the row that it names, such as whom circles, diamonds and groups tie
 *	  together and how often 'calculated' is, and what such a list forgot would
 *	  never be refreshed again. 10,000 take about 0.3 seconds, at most a tenth of
 *	  the time while they are being created; the first change after a rest, and
 *	  any change of fewer than 500, is read at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "catalog/stream_table.h"
#include "guc.h"
#include "schedule/check.h"
#include "schedule/node.h"
#include "schedule/queue.h"
#include "schedule/spacing.h"
#include "schedule/unit.h"
#include "store/store.h"
#include "store/wake.h"
#include "util/fault.h"

/*
 * Of what may not have changed at all a scheduler that begins looks at so many a
 * second (rule H2).
 */
#define TURN_INTERVAL (ST_FAULT("H2 slow") ? 5 * USECS_PER_SEC : USECS_PER_SEC / 200)

int64
st_now(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

bool
st_scheduled_same_component(const StScheduled *node, const StScheduled *other)
{
	return node->component > 0 && node->component == other->component;
}

/* ----- reading the catalog ----- */

static char *
text_column(int row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

static bool
bool_column(int row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return !isnull && DatumGetBool(value);
}

static List *
oid_list_column(int row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);
	List	   *result = NIL;
	Datum	   *elements;
	int			n;

	if (isnull)
		return NIL;
	deconstruct_array(DatumGetArrayTypeP(value), OIDOID, sizeof(Oid), true, TYPALIGN_INT, &elements, NULL, &n);
	for (int i = 0; i < n; i++)
		result = lappend_oid(result, DatumGetObjectId(elements[i]));
	return result;
}

static int
tier_factor(const char *tier)
{
	if (!st_guc_tiered_scheduling)
		return 1;
	return strcmp(tier, "warm") == 0 ? 2 : strcmp(tier, "cold") == 0 ? 10 : 1;
}

/* A row of the query in st_schedule_read(). */
static StScheduled *
read_node(int row)
{
	StScheduled *node = palloc0(sizeof(StScheduled));
	const char *status = text_column(row, 6);
	const char *tier = text_column(row, 8);
	char	   *schedule = text_column(row, 5);
	bool		isnull;
	Datum		value;

	value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull);
	node->pgt_id = DatumGetInt64(value);
	value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2, &isnull);
	node->relid = DatumGetObjectId(value);
	node->schema = text_column(row, 3);
	node->name = text_column(row, 4);
	st_timing_parse(schedule, &node->timing);
	node->captured = strcmp(text_column(row, 7), "DIFFERENTIAL") == 0;
	node->polls = bool_column(row, 15);
	value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 9, &isnull);
	node->last_refresh = isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
	node->failed_before = bool_column(row, 10);
	node->quiet = bool_column(row, 11);
	node->reads = oid_list_column(row, 12);
	node->runnable = (strcmp(status, "ACTIVE") == 0 || strcmp(status, "INITIALIZING") == 0) &&
		!(st_guc_tiered_scheduling && strcmp(tier, "frozen") == 0) && !bool_column(row, 13);
	if (node->timing.kind == ST_TIMING_EVERY)
		node->interval = node->timing.every * USECS_PER_SEC * tier_factor(tier);
	value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 14, &isnull);
	node->longest = isnull ? ST_NEVER : Max(DatumGetInt64(value) * 1000 / 2, 1);
	node->clocked = node->captured && bool_column(row, 16) && !ST_FAULT("E15 scheduler");
	node->blown = bool_column(row, 17);
	value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 18, &isnull);
	node->blown_since = isnull ? 0 : st_now() - DatumGetInt64(value);
	node->atomic = bool_column(row, 19);
	node->slowest = bool_column(row, 20);
	value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 21, &isnull);
	node->component = isnull ? 0 : DatumGetInt32(value);
	node->frozen = st_guc_tiered_scheduling && strcmp(tier, "frozen") == 0;
	node->pending = true;
	node->stretch = 1;
	node->pending_since = st_now();
	value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 22, &isnull);
	node->last_fire = isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
	if (node->failed_before)
		node->not_before = st_now() + ST_PROBE_DELAY;
	return node;
}

static void
keep_state(StScheduled *node, StScheduled *old)
{
	bool		revived = node->runnable && !old->runnable;

	node->pending = old->pending || revived;
	node->pending_since = old->pending ? old->pending_since : node->pending_since;
	node->turn = old->turn;
	node->last_start = old->last_start;
	node->last_end = old->last_end;
	node->last_fire = Max(old->last_fire, node->last_fire);
	node->running = old->running;
	node->worker = old->worker;
	node->cancels = old->cancels;
	node->locked_since = old->locked_since;
	node->told_locked = old->told_locked;
	node->stretch = old->stretch;
	node->reminded = old->reminded;
	node->warned_sla = old->warned_sla;
	node->told_stale = old->told_stale;
	node->told_slow = old->told_slow;
	node->due_since = old->due_since;
	node->took = old->took;
	node->cut = old->cut;
	/* what holds it may be gone: the next refresh tells (rule K10) */
	node->hold_reason = old->hold_reason ? pstrdup(old->hold_reason) : NULL;
	if (revived)
		return;
	node->failures = old->failures;
	node->alerted = old->alerted;
	node->not_before = old->not_before;
}

static int
compare_ranks(const ListCell *a, const ListCell *b)
{
	const StScheduled *left = lfirst(a);
	const StScheduled *right = lfirst(b);

	if (left->rank != right->rank)
		return left->rank - right->rank;
	return left->pgt_id < right->pgt_id ? -1 : 1;
}

typedef struct NodeByRelation
{
	Oid			relid;			/* key */
	StScheduled *node;
} NodeByRelation;

StScheduled *
st_schedule_find(StSchedule *schedule, Oid relid)
{
	NodeByRelation *entry = hash_search(schedule->by_relation, &relid, HASH_FIND, NULL);

	return entry ? entry->node : NULL;
}

typedef struct SourcePosition
{
	Oid			relid;			/* key */
	int			position;
} SourcePosition;

int
st_schedule_source(StSchedule *schedule, Oid relid)
{
	SourcePosition *position = hash_search(schedule->positions, &relid, HASH_FIND, NULL);

	return position ? position->position : -1;
}

static HTAB *
make_map(const char *name, Size entry_size)
{
	HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = entry_size, .hcxt = CurrentMemoryContext};

	return hash_create(name, 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* The position of a source among all. */
static int
source_position(Oid relid, HTAB *positions, List **sources)
{
	bool		found;
	SourcePosition *position = hash_search(positions, &relid, HASH_ENTER, &found);

	if (!found)
	{
		position->position = list_length(*sources);
		*sources = lappend_oid(*sources, relid);
	}
	return position->position;
}

/* The sources of which commits tell by the same bit. */
typedef struct SourcesOfBit
{
	uint32		bit;			/* key */
	List	   *sources;		/* positions */
} SourcesOfBit;

/* Who reads what, from below: when all nodes are linked. */
static void
find_readers(StSchedule *schedule, HTAB *positions)
{
	HASHCTL		control = {.keysize = sizeof(uint32), .entrysize = sizeof(SourcesOfBit), .hcxt = CurrentMemoryContext};
	ListCell   *lc;
	ListCell   *lc2;

	schedule->readers = palloc0(sizeof(List *) * Max(list_length(schedule->sources), 1));
	schedule->by_bit = hash_create("pg_trickle sources by bit", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(lc, schedule->sources)
	{
		uint32		bit = st_wake_bit(lfirst_oid(lc));
		bool		found;
		SourcesOfBit *entry = hash_search(schedule->by_bit, &bit, HASH_ENTER, &found);

		entry->sources = lappend_int(found ? entry->sources : NIL, foreach_current_index(lc));
	}
	foreach(lc, schedule->nodes)
	{
		StScheduled *node = lfirst(lc);

		foreach(lc2, node->reads)
		{
			int			position = source_position(lfirst_oid(lc2), positions, &schedule->sources);

			schedule->readers[position] = lappend(schedule->readers[position], node);
		}
	}
}

/* Note what a node reads: its sources, and those that are nodes. */
static void
link_node(StScheduled *node, HTAB *by_relation, HTAB *positions, List **sources)
{
	ListCell   *lc;

	foreach(lc, node->reads)
	{
		Oid			relid = lfirst_oid(lc);
		NodeByRelation *upstream = hash_search(by_relation, &relid, HASH_FIND, NULL);
		int			position = source_position(relid, positions, sources);

		node->sources = bms_add_member(node->sources, position);
		if (upstream == NULL)
			continue;
		upstream->node->position = position;
		node->upstream = lappend(node->upstream, upstream->node);
		upstream->node->readers = lappend(upstream->node->readers, node);
		/* those that read each other get their ranks together */
		if (!st_scheduled_same_component(node, upstream->node))
			node->unranked++;
	}
}

/* Find those that read each other; a node that is in no circle, or in one with itself only, has no list. */
static void
find_components(List *nodes)
{
	List	  **members = palloc0(sizeof(List *) * (list_length(nodes) + 1));
	ListCell   *lc;

	/* components are numbered from 1, and are no more than nodes */
	foreach(lc, nodes)
	{
		StScheduled *node = lfirst(lc);

		if (node->component > 0 && node->component <= list_length(nodes))
			members[node->component] = lappend(members[node->component], node);
	}
	foreach(lc, nodes)
	{
		StScheduled *node = lfirst(lc);

		if (node->component > 0 && node->component <= list_length(nodes))
			node->circle = members[node->component];
	}
	pfree(members);
}

/* All that it reads has its rank, and all that its circle does. */
static bool
is_ready(const StScheduled *node)
{
	ListCell   *lc;

	if (node->unranked > 0)
		return false;
	foreach(lc, node->circle)
		if (((StScheduled *) lfirst(lc))->unranked > 0)
			return false;
	return true;
}

/* A node that is ready; those of a circle have one rank, and read what any of them does. */
static List *
add_ready(List *ready, StScheduled *node)
{
	int			rank = Max(node->least_rank, 1);
	ListCell   *lc;

	if (node->circle == NIL)
	{
		node->rank = rank;
		return lappend(ready, node);
	}
	foreach(lc, node->circle)
		rank = Max(rank, ((StScheduled *) lfirst(lc))->least_rank);
	foreach(lc, node->circle)
	{
		StScheduled *member = lfirst(lc);

		member->rank = rank;
		if (member != node)
			node->sources = bms_add_members(node->sources, member->sources);
	}
	foreach(lc, node->circle)
	{
		StScheduled *member = lfirst(lc);

		if (member != node)
			member->sources = bms_add_members(member->sources, node->sources);
		ready = lappend(ready, member);
	}
	return ready;
}

/*
 * Ranks, and everything that is read by a node and its upstreams: each node
 * after the last of its upstreams. A chain may be longer than the stack is deep.
 */
static void
rank_nodes(List *nodes)
{
	List	   *ready = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, nodes)
	{
		StScheduled *node = lfirst(lc);

		/* of a circle the first one brings all */
		if (node->rank == 0 && is_ready(node))
			ready = add_ready(ready, node);
	}
	/* grows as it is walked */
	foreach(lc, ready)
	{
		StScheduled *node = lfirst(lc);

		foreach(lc2, node->readers)
		{
			StScheduled *reader = lfirst(lc2);

			if (st_scheduled_same_component(node, reader))
				continue;
			reader->sources = bms_add_members(reader->sources, node->sources);
			reader->least_rank = Max(reader->least_rank, node->rank + 1);
			reader->unranked--;
			if (is_ready(reader))
				ready = add_ready(ready, reader);
		}
	}
	list_free(ready);
}

/* What is read by others with an interval and has none gets the shortest of them. */
static void
calculate_intervals(StSchedule *schedule)
{
	for (int i = list_length(schedule->nodes) - 1; i >= 0; i--)
	{
		StScheduled *node = list_nth(schedule->nodes, i);
		ListCell   *lc;

		if (node->timing.kind == ST_TIMING_CALCULATED && node->interval == 0)
			node->interval = st_guc_default_schedule_seconds * USECS_PER_SEC;
		/* half of what is promised is left for the refresh */
		if (node->timing.kind != ST_TIMING_CRON)
			node->interval = Min(node->interval, node->longest);
		foreach(lc, node->upstream)
		{
			StScheduled *upstream = lfirst(lc);

			if (upstream->timing.kind == ST_TIMING_CALCULATED && node->interval > 0 &&
				(upstream->interval == 0 || upstream->interval > node->interval))
				upstream->interval = node->interval;
		}
	}
}

/* The refresh groups, as lists of those of their members that are there; switches to the context. */
static List *
read_groups(HTAB *by_relation, MemoryContext context)
{
	List	   *groups = NIL;
	uint64		count = st_catalog_execute("SELECT member_oids FROM pgtrickle.pgt_refresh_groups", 0, NULL, NULL, NULL);

	/* a statement leaves SPI's */
	MemoryContextSwitchTo(context);
	for (uint64 row = 0; row < count; row++)
	{
		List	   *members = NIL;
		ListCell   *lc;

		foreach(lc, oid_list_column(row, 1))
		{
			Oid			relid = lfirst_oid(lc);
			NodeByRelation *entry = hash_search(by_relation, &relid, HASH_FIND, NULL);

			if (entry)
				members = lappend(members, entry->node);
		}
		groups = lappend(groups, members);
	}
	return groups;
}

/*
 * Everything is pending when a scheduler begins, one after the other: what others
 * read first, which would go along with them otherwise.
 */
static void
give_turns(StSchedule *schedule)
{
	int64		now = st_now();
	ListCell   *lc;

	foreach(lc, schedule->nodes)
		((StScheduled *) lfirst(lc))->turn = now + foreach_current_index(lc) * TURN_INTERVAL;
}

StSchedule *
st_schedule_read(StSchedule *old)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "pg_trickle schedule", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller;
	StSchedule *schedule = MemoryContextAllocZero(context, sizeof(StSchedule));
	HTAB	   *by_relation;
	HTAB	   *positions;
	ListCell   *lc;
	uint64		count;

	schedule->context = context;
	/* before the snapshot, so that what commits later is read again (rule H3) */
	schedule->generation = st_wake_generation();
	SPI_connect();
	count = st_catalog_execute("SELECT t.pgt_id, t.pgt_relid, t.pgt_schema, t.pgt_name, t.schedule, t.status, t.refresh_mode,"
							   " t.refresh_tier, t.last_refresh_at,"
							   " t.status IN ('SUSPENDED', 'ERROR') AND t.last_error_message IS NOT NULL AND t.fuse_state <> 'blown',"
							   " t.pooler_compatibility_mode,"
							   " d.relids,"
							   " coalesce(t.pgt_id <= p.up_to, false), t.freshness_deadline_ms, i.copies <> '{}', i.clock IS NOT NULL,"
							   " t.fuse_state = 'blown', (1000000 * extract(epoch FROM clock_timestamp() - t.blown_at))::bigint,"
							   " t.diamond_consistency = 'atomic', t.diamond_schedule_policy = 'slowest', t.scc_id, t.data_timestamp"
							   " FROM pgtrickle.pgt_stream_tables AS t JOIN pgtrickle.stream_table_internals AS i USING (pgt_id)"
							   " LEFT JOIN (SELECT pgt_id, pg_catalog.array_agg(source_relid) AS relids FROM pgtrickle.pgt_dependencies"
							   "             WHERE source_type <> 'VIEW' GROUP BY pgt_id) AS d USING (pgt_id)"
							   " LEFT JOIN pgtrickle.scheduler_pause AS p ON true",
							   0, NULL, NULL, NULL);
	ST_STOP_POINT("scheduler has read");
	caller = MemoryContextSwitchTo(context);
	by_relation = make_map("pg_trickle nodes by relation", sizeof(NodeByRelation));
	schedule->by_relation = by_relation;
	positions = make_map("pg_trickle positions of sources", sizeof(SourcePosition));
	schedule->positions = positions;
	for (uint64 row = 0; row < count; row++)
	{
		StScheduled *node = read_node(row);
		NodeByRelation *entry = hash_search(by_relation, &node->relid, HASH_ENTER, NULL);

		entry->node = node;
		schedule->nodes = lappend(schedule->nodes, node);
	}
	foreach(lc, schedule->nodes)
		link_node(lfirst(lc), by_relation, positions, &schedule->sources);
	find_readers(schedule, positions);
	find_components(schedule->nodes);
	rank_nodes(schedule->nodes);
	foreach(lc, schedule->nodes)
	{
		StScheduled *node = lfirst(lc);

		if (node->captured)
			schedule->captured = bms_add_members(schedule->captured, node->sources);
	}
	list_sort(schedule->nodes, compare_ranks);
	calculate_intervals(schedule);
	st_units_find(schedule, read_groups(by_relation, context));
	schedule->generations = palloc0(sizeof(char *) * Max(list_length(schedule->sources), 1));
	schedule->left = list_length(schedule->sources);
	if (old)
	{
		foreach(lc, old->sources)
		{
			Oid			relid = lfirst_oid(lc);
			SourcePosition *position = hash_search(positions, &relid, HASH_FIND, NULL);
			char	   *generation = old->generations[foreach_current_index(lc)];

			if (position && generation)
				schedule->generations[position->position] = pstrdup(generation);
		}
		foreach(lc, old->nodes)
		{
			StScheduled *before = lfirst(lc);
			NodeByRelation *entry = hash_search(by_relation, &before->relid, HASH_FIND, NULL);

			if (entry && entry->node->pgt_id == before->pgt_id)
				keep_state(entry->node, before);
		}
		schedule->checked = old->checked;
		schedule->next = old->next;
		schedule->left = old->left > 0 ? list_length(schedule->sources) : 0;
		MemoryContextDelete(old->context);
	}
	else
		give_turns(schedule);
	if (ST_FAULT("H3"))
		schedule->generation = st_wake_generation();
	MemoryContextSwitchTo(caller);
	st_check_prepare(schedule);
	SPI_finish();
	return schedule;
}

/* ----- what is pending, and due ----- */

static void
mark(StScheduled *node)
{
	if (node->turn > 0)
		st_queue_touch(node);
	node->turn = 0;
	if (node->pending)
		return;
	node->pending = true;
	node->pending_since = st_now();
	st_queue_touch(node);
}

static uint64 walks = 0;

/* Mark these, and what reads them, however far up. "walk": each node once, whatever it reads. */
static void
mark_upwards(const List *nodes, uint64 walk)
{
	List	   *found = list_copy(nodes);
	ListCell   *lc;

	/* grows as it is walked */
	foreach(lc, found)
	{
		StScheduled *node = lfirst(lc);

		if (node->marked == walk)
			continue;
		node->marked = walk;
		mark(node);
		found = list_concat(found, node->readers);
	}
	list_free(found);
}

void
st_schedule_mark_node(StScheduled *node)
{
	List	   *nodes = list_make1(node);

	mark_upwards(nodes, ++walks);
	list_free(nodes);
}

void
st_schedule_mark_touched(StSchedule *schedule)
{
	uint32		bit = 0;

	walks++;
	for (; st_wake_next_touched(&bit); bit++)
	{
		SourcesOfBit *entry = hash_search(schedule->by_bit, &bit, HASH_FIND, NULL);
		ListCell   *lc;

		foreach(lc, entry ? entry->sources : NIL)
			mark_upwards(schedule->readers[lfirst_int(lc)], walks);
	}
}

void
st_schedule_mark_all(StSchedule *schedule)
{
	ListCell   *lc;

	foreach(lc, schedule->nodes)
		mark(lfirst(lc));
}

void
st_schedule_mark_readers(StSchedule *schedule, int source)
{
	mark_upwards(schedule->readers[source], ++walks);
}

/* Can it rest until a commit makes it pending? */
static bool
told_by_commits(StScheduled *node)
{
	return node->captured && !node->polls;
}

int
st_scheduled_by_rank(const ListCell *a, const ListCell *b)
{
	const StScheduled *x = lfirst(a);
	const StScheduled *y = lfirst(b);

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->pgt_id > y->pgt_id ? -1 : 1;
}

bool
st_scheduled_follows_commits(StScheduled *node)
{
	return told_by_commits(node) && node->timing.kind != ST_TIMING_CRON && node->interval <= USECS_PER_SEC;
}

static int64
due_by_cron(StScheduled *node)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz fire;

	/*
	 * never refreshed: at once; a clock that was set back must not make it
	 * wait for the future
	 */
	if (TIMESTAMP_IS_NOBEGIN(node->last_fire))
		return 0;
	if (node->last_fire > now && st_timing_next(&node->timing, now) < node->last_fire)
		node->last_fire = now;
	if (node->next_fire == 0 || node->fire_after != node->last_fire)
	{
		node->next_fire = st_timing_next(&node->timing, node->last_fire);
		node->fire_after = node->last_fire;
	}
	fire = node->next_fire;
	if (TIMESTAMP_IS_NOEND(fire))
		return ST_NEVER;
	return fire <= now ? 0 : st_now() + (fire - now);
}

/* Intervals count from the last refresh, by a clock that nobody sets once there was one (rule K24). */
static int64
due_by_interval(StScheduled *node)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		interval = node->interval * node->stretch;

	if (node->last_start > 0)
		return node->last_start + interval;
	if (TIMESTAMP_IS_NOBEGIN(node->last_refresh) || node->last_refresh > now ||
		now - node->last_refresh >= interval)
		return 0;
	return st_now() + interval - (now - node->last_refresh);
}

/* Nothing was written, but time goes on, which may change what it shows. */
static int64
due_by_time(StScheduled *node)
{
	if (!node->clocked)
		return ST_NEVER;
	return Max(due_by_interval(node), node->last_start + USECS_PER_SEC);
}

/* If something has changed and nothing else stands in its way. */
static int64
due_by_schedule(StScheduled *node)
{
	if (node->timing.kind == ST_TIMING_CRON)
		return due_by_cron(node);
	/* rules K16, K20: a spacing, not a delay */
	if (st_scheduled_follows_commits(node))
		return node->last_end + Max(st_spacing(), node->last_end - node->last_start);
	return due_by_interval(node);
}

int64
st_scheduled_due_pending(StScheduled *node)
{
	return Max(due_by_schedule(node), node->not_before);
}

int64
st_scheduled_due(StScheduled *node)
{
	int64		due;

	if (node->held)
		return ST_NEVER;
	if (!node->runnable)
	{
		/*
		 * rule K2: what its own error has stopped is tried again when
		 * something changes, now and then
		 */
		if (!node->failed_before || !node->pending)
			return ST_NEVER;
		return node->not_before > 0 ? node->not_before : ST_NEVER;
	}
	if (node->timing.kind == ST_TIMING_CRON)
	{
		due = due_by_cron(node);
		/* it has fired, and there is nothing to do */
		if (due == 0 && told_by_commits(node) && !node->pending && !node->clocked)
		{
			node->last_fire = GetCurrentTimestamp();
			due = due_by_cron(node);
		}
	}
	else if (told_by_commits(node) && !node->pending)
		due = due_by_time(node);
	else
		due = due_by_schedule(node);
	return Max(due, Max(node->not_before, node->turn));
}
