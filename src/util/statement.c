/*-------------------------------------------------------------------------
 *
 * statement.c
 *	  Generated statements over ephemeral relations.
 *
 * NOTES
 *	  The text of a statement is parsed and analysed once, with its inputs
 *	  known to the parser as ephemeral named relations. The rewriter is not
 *	  called: generated text is printed from rewritten trees, so every view is
 *	  expanded already, and row security was decided when the tree was made.
 *	  The planner takes the size of an ephemeral relation from the range table
 *	  entry, where the parser copied it; a plan is therefore made from a copy of
 *	  the analysed tree that carries the present sizes, and kept for inputs of
 *	  like size.
 *
 *	  Nothing is known of the values in an input, and the planner's guess is 200
 *	  different ones in each column. Of a column that comes from one of a table it is
 *	  told how many that has, in proportion where ANALYZE found it so, and
 *	  nothing else: which values a change is about cannot be told from the
 *	  table's most common ones and its histogram, least of all where rows are
 *	  appended.
 *
 *	  A statement and its plans live in one memory context of the caller, who
 *	  throws the statement away when a relation it reads has changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "executor/execdesc.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/plancat.h"
#include "optimizer/planmain.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "rewrite/rewriteHandler.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "util/statement.h"

#if ST_HAVE_SEPARATE_EXPLAIN_HEADERS
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* a plan is kept for input sizes within this factor of those it was made for */
#define PLAN_SIZE_FACTOR 8.0
/* plans kept per statement: a delta that alternates between sizes must not replan */
#define PLANS_KEPT 4
/* rows of a table for each row of the inputs from which looking up is cheaper than hashing it */
#define LOOK_UP_FROM 4
/* range table entries, joins included, from which PostgreSQL's default limits hold */
#define MANY_RELATIONS 128
/* items of one FROM from which it is planned in parts, of so many */
#define MANY_ITEMS 11
#define PART_ITEMS 8

typedef struct StPlan
{
	PlannedStmt *planned;
	double	   *counts;			/* of each input, when the plan was made */
	double		blocks;			/* of all relations read, likewise */
	uint64		last_used;
	MemoryContext context;
} StPlan;

struct StStatement
{
	MemoryContext context;
	char	   *text;
	Query	   *query;
	TupleDesc	desc;
	int			ninputs;
	StPlan		plans[PLANS_KEPT];
	int			nplans;
	uint64		uses;
	bool		check_permissions;	/* the user's own query, not a generated
									 * one */
	bool		looks_up;		/* st_statement_look_up() */
};

typedef struct StCallbackReceiver
{
	DestReceiver pub;
	StRowCallback callback;
	void	   *arg;
	Tuplestorestate *into;
} StCallbackReceiver;

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	StCallbackReceiver *receiver = (StCallbackReceiver *) self;

	if (receiver->into)
		tuplestore_puttupleslot(receiver->into, slot);
	else if (receiver->callback)
		receiver->callback(slot, receiver->arg);
	return true;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static void
receiver_noop(DestReceiver *self)
{
}

static QueryEnvironment *
make_environment(int ninputs, const StInput *inputs)
{
	QueryEnvironment *env = create_queryEnv();

	for (int i = 0; i < ninputs; i++)
	{
		EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));

		enr->md.name = pstrdup(inputs[i].name);
		enr->md.reliddesc = InvalidOid;
		enr->md.tupdesc = inputs[i].desc;
		enr->md.enrtype = ENR_NAMED_TUPLESTORE;
		enr->md.enrtuples = inputs[i].count;
		enr->reldata = inputs[i].rows;
		register_ENR(env, enr);
	}
	return env;
}

/* An error here is one of ours: the text shows which. Its position would point into it. */
static void
name_statement(void *arg)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(((StStatement *) arg)->text);
	}
	else
		errcontext("generated statement \"%s\"", ((StStatement *) arg)->text);
}

StStatement *
st_statement_create(MemoryContext context, const char *text, int ninputs, const StInput *inputs)
{
	MemoryContext own = AllocSetContextCreate(context, "pg_trickle statement",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext scratch = AllocSetContextCreate(own, "pg_trickle parsing", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(own);
	StStatement *statement = palloc0(sizeof(StStatement));
	Query	   *query;
	List	   *raw;
	List	   *targets;
	ErrorContextCallback callback = {error_context_stack, name_statement, statement};

	statement->context = own;
	statement->text = pstrdup(text);
	statement->ninputs = ninputs;
	error_context_stack = &callback;
	/* what the parser leaves behind takes several times what it makes */
	MemoryContextSwitchTo(scratch);
	raw = raw_parser(statement->text, RAW_PARSE_DEFAULT);
	query = parse_analyze_fixedparams(linitial_node(RawStmt, raw), statement->text,
									  NULL, 0, make_environment(ninputs, inputs));
	MemoryContextSwitchTo(own);
	statement->query = copyObject(query);
	MemoryContextDelete(scratch);
	targets = statement->query->commandType == CMD_SELECT ?
		statement->query->targetList : statement->query->returningList;
	statement->desc = ExecCleanTypeFromTL(targets);
	error_context_stack = callback.previous;
	MemoryContextSwitchTo(old);
	return statement;
}

StStatement *
st_statement_from_query(MemoryContext context, Query *query, const char *text)
{
	MemoryContext own = AllocSetContextCreate(context, "pg_trickle statement",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(own);
	StStatement *statement = palloc0(sizeof(StStatement));

	statement->context = own;
	statement->text = pstrdup(text);
	statement->query = copyObject(query);
	statement->desc = ExecCleanTypeFromTL(statement->query->targetList);
	statement->check_permissions = true;
	MemoryContextSwitchTo(old);
	return statement;
}

void
st_statement_look_up(StStatement *statement)
{
	statement->looks_up = true;
}

/* ----- planning ----- */

typedef struct SizeContext
{
	int			ninputs;
	const StInput *inputs;
} SizeContext;

/* Put the present sizes of the inputs into the range table entries. */
static bool
set_sizes_walker(Node *node, void *arg)
{
	SizeContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_NAMEDTUPLESTORE)
			for (int i = 0; i < context->ninputs; i++)
				if (strcmp(rte->enrname, context->inputs[i].name) == 0)
					rte->enrtuples = Max(context->inputs[i].count, 1);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, set_sizes_walker, arg, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, set_sizes_walker, arg);
}

/* the inputs of the statement that is being planned */
static const SizeContext *planned_inputs = NULL;
static get_relation_stats_hook_type previous_stats_hook = NULL;
static get_index_stats_hook_type previous_index_stats_hook = NULL;

static const StOrigin *
find_origin(const RangeTblEntry *rte, AttrNumber attnum)
{
	for (int i = 0; i < planned_inputs->ninputs; i++)
	{
		const StInput *input = &planned_inputs->inputs[i];

		if (strcmp(rte->enrname, input->name) == 0 && input->origins && attnum > 0 && attnum <= input->desc->natts &&
			OidIsValid(input->origins[attnum - 1].relid))
			return &input->origins[attnum - 1];
	}
	return NULL;
}

/* How many different values a column of an input has. */
static bool
input_stats(PlannerInfo *root, RangeTblEntry *rte, AttrNumber attnum, VariableStatData *vardata)
{
	const StOrigin *origin;
	HeapTuple	tuple;
	Form_pg_statistic stats;

	if (planned_inputs == NULL || rte->rtekind != RTE_NAMEDTUPLESTORE)
		return previous_stats_hook && previous_stats_hook(root, rte, attnum, vardata);
	origin = find_origin(rte, attnum);
	if (origin == NULL)
		return false;
	/* of a table with children, what is known of all of them */
	tuple = SearchSysCacheCopy3(STATRELATTINH, ObjectIdGetDatum(origin->relid), Int16GetDatum(origin->attnum), BoolGetDatum(true));
	if (!HeapTupleIsValid(tuple))
		tuple = SearchSysCacheCopy3(STATRELATTINH, ObjectIdGetDatum(origin->relid), Int16GetDatum(origin->attnum), BoolGetDatum(false));
	if (!HeapTupleIsValid(tuple))
		return false;
	stats = (Form_pg_statistic) GETSTRUCT(tuple);
	stats->stakind1 = stats->stakind2 = stats->stakind3 = stats->stakind4 = stats->stakind5 = 0;
	vardata->statsTuple = tuple;
	vardata->freefunc = heap_freetuple;
	vardata->acl_ok = true;
	return true;
}

/* Is that an index of the engine's own on the hashes of rows? */
static bool
is_own_hash_index(Oid index)
{
	Oid			schema = get_namespace_oid("pgtrickle_changes", true);
	Relation	rel;
	List	   *expressions;
	bool		result;

	if (!OidIsValid(schema) || get_rel_namespace(index) != schema)
		return false;
	rel = index_open(index, AccessShareLock);
	expressions = RelationGetIndexExpressions(rel);
	result = list_length(expressions) == 1 && IsA(linitial(expressions), FuncExpr) &&
		linitial_node(FuncExpr, expressions)->funcid == F_HASH_RECORD_EXTENDED;
	index_close(rel, AccessShareLock);
	return result;
}

/* Nobody may ever have looked at a state's hashes: there are as many as rows. */
static bool
hash_index_stats(PlannerInfo *root, Oid index, AttrNumber column, VariableStatData *vardata)
{
	Relation	rel;
	Datum		values[Natts_pg_statistic] = {0};
	bool		nulls[Natts_pg_statistic] = {false};

	if (planned_inputs == NULL || column != 1 || !is_own_hash_index(index))
		return previous_index_stats_hook && previous_index_stats_hook(root, index, column, vardata);
	for (int i = Anum_pg_statistic_stanumbers1; i <= Natts_pg_statistic; i++)
		nulls[i - 1] = true;
	values[Anum_pg_statistic_starelid - 1] = ObjectIdGetDatum(index);
	values[Anum_pg_statistic_staattnum - 1] = Int16GetDatum(column);
	values[Anum_pg_statistic_stawidth - 1] = Int32GetDatum(sizeof(int64));
	values[Anum_pg_statistic_stadistinct - 1] = Float4GetDatum(-1);
	rel = table_open(StatisticRelationId, AccessShareLock);
	vardata->statsTuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	table_close(rel, AccessShareLock);
	vardata->freefunc = heap_freetuple;
	vardata->acl_ok = true;
	return true;
}

/* is a statement being planned that is to look up rows of tables? */
static bool looking_up = false;

/* its WITH queries are taken to have as many rows as its inputs; 0: it is another statement */
static double least_rows = 0;
static set_rel_pathlist_hook_type previous_pathlist_hook = NULL;

/* The planner knows little of what a WITH query returns, and for one row it would compare all with all. */
static void
raise_rows(RelOptInfo *rel)
{
	ListCell   *lc;

	if (rel->rows >= least_rows)
		return;
	foreach(lc, rel->pathlist)
	{
		Path	   *path = lfirst(lc);

		path->total_cost += 2 * cpu_tuple_cost * (least_rows - rel->rows);
		path->rows = least_rows;
	}
	rel->rows = least_rows;
}

/*
 * A table whose rows can be looked up for those of others is not read whole, not for a
 * hash or merge join either; what is joined without a table is left to the planner.
 */
static void
prefer_look_ups(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	bool		found = false;
	ListCell   *lc;

	if (previous_pathlist_hook)
		previous_pathlist_hook(root, rel, rti, rte);
	if (rte->rtekind == RTE_CTE)
		raise_rows(rel);
	if (!looking_up || rte->rtekind != RTE_RELATION)
		return;
	foreach(lc, rel->pathlist)
		found |= ((Path *) lfirst(lc))->param_info != NULL;
	foreach(lc, found ? rel->pathlist : NIL)
	{
		Path	   *path = lfirst(lc);

		if (path->pathtype == T_SeqScan || (IsA(path, IndexPath) && ((IndexPath *) path)->indexclauses == NIL))
			StDisablePath(path);
	}
}

void
st_statement_init(void)
{
	previous_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = prefer_look_ups;
	previous_stats_hook = get_relation_stats_hook;
	get_relation_stats_hook = input_stats;
	previous_index_stats_hook = get_index_stats_hook;
	get_index_stats_hook = hash_index_stats;
}

/*
 * Rights were checked on the stream table's own query as its owner; what is
 * generated reads logs and state tables on which nobody has any.
 */
static void
clear_permissions(PlannedStmt *planned)
{
	ListCell   *lc;

#ifdef ST_HAVE_PERMINFOS
	/* 16 and later insist on something to check: let it be nobody's business */
	foreach(lc, planned->permInfos)
		lfirst_node(RTEPermissionInfo, lc)->checkAsUser = BOOTSTRAP_SUPERUSERID;
#else
	foreach(lc, planned->rtable)
		lfirst_node(RangeTblEntry, lc)->requiredPerms = 0;
#endif
}

static bool
like_size(double now, double then)
{
	return now <= then * PLAN_SIZE_FACTOR && now * PLAN_SIZE_FACTOR >= then;
}

/* Pages of the relations that a plan reads: one that was empty then may be large now. */
static double
count_blocks(PlannedStmt *planned)
{
	double		blocks = 1;
	ListCell   *lc;

	foreach(lc, planned->relationOids)
	{
		Relation	rel = try_relation_open(lfirst_oid(lc), AccessShareLock);

		if (rel == NULL)
			continue;
		if (RELKIND_HAS_STORAGE(rel->rd_rel->relkind))
			blocks += RelationGetNumberOfBlocks(rel);
		relation_close(rel, NoLock);
	}
	return blocks;
}

/* ----- FROM lists that are too long for a search of all orders ----- */

/* Items whose rows depend on other items come last. */
static bool
is_dependent(RangeTblEntry *rte)
{
	return rte->lateral || rte->rtekind == RTE_FUNCTION || rte->rtekind == RTE_VALUES || rte->rtekind == RTE_TABLEFUNC;
}

/* What a join starts with: the smallest delta if there is one. */
static int
first_item(Query *query)
{
	int			first = 0;
	double		rows = 0;
	ListCell   *lc;

	foreach(lc, query->jointree->fromlist)
	{
		int			varno = lfirst_node(RangeTblRef, lc)->rtindex;
		RangeTblEntry *rte = rt_fetch(varno, query->rtable);

		if (rte->rtekind == RTE_NAMEDTUPLESTORE && (rows == 0 || rte->enrtuples < rows))
		{
			first = varno;
			rows = Max(rte->enrtuples, 1);
		}
		else if (first == 0 && !is_dependent(rte))
			first = varno;
	}
	return first;
}

/*
 * The items of a FROM list, each behind one that a condition connects it with,
 * as far as there is one; starting with "first", breadth first.
 */
static List *
connected_order(Query *query, int first)
{
	int			n = list_length(query->rtable);
	Bitmapset **neighbours = palloc0(sizeof(Bitmapset *) * (n + 1));
	Bitmapset  *left = NULL;
	List	   *order = NIL;
	List	   *last = NIL;
	ListCell   *lc;
	int			done = 0;

	foreach(lc, make_ands_implicit((Expr *) query->jointree->quals))
	{
		Bitmapset  *varnos = pull_varnos(NULL, lfirst(lc));
		int			varno = -1;

		while ((varno = bms_next_member(varnos, varno)) >= 0)
			neighbours[varno] = bms_add_members(neighbours[varno], varnos);
	}
	foreach(lc, query->jointree->fromlist)
	{
		int			varno = lfirst_node(RangeTblRef, lc)->rtindex;

		if (is_dependent(rt_fetch(varno, query->rtable)))
			last = lappend_int(last, varno);
		else
			left = bms_add_member(left, varno);
	}
	while (!bms_is_empty(left))
	{
		int			varno = -1;

		if (!bms_is_member(first, left))
			first = bms_next_member(left, -1);
		order = lappend_int(order, first);
		left = bms_del_member(left, first);
		for (; done < list_length(order); done++)
			while ((varno = bms_next_member(neighbours[list_nth_int(order, done)], varno)) >= 0)
				if (bms_is_member(varno, left))
				{
					order = lappend_int(order, varno);
					left = bms_del_member(left, varno);
				}
	}
	return list_concat(order, last);
}

/*
 * PostgreSQL searches all orders of a FROM list, or, of a long one, at random
 * among orders that are mostly bad, for seconds. A long list becomes nested
 * ones: some items, then these and some more. True: there was one.
 */
static bool
divide_from_walker(Node *node, void *arg)
{
	Query	   *query = (Query *) node;
	FromExpr   *from;
	List	   *items = NIL;
	ListCell   *lc;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (!IsA(node, Query))
		return expression_tree_walker(node, divide_from_walker, arg);
	(void) query_tree_walker(query, divide_from_walker, arg, 0);
	from = query->jointree;
	if (from == NULL || list_length(from->fromlist) < MANY_ITEMS)
		return false;
	foreach(lc, from->fromlist)
		if (!IsA(lfirst(lc), RangeTblRef))
			return false;
	foreach(lc, connected_order(query, first_item(query)))
	{
		RangeTblRef *reference = makeNode(RangeTblRef);

		if (list_length(items) == PART_ITEMS)
			items = list_make1(makeFromExpr(items, NULL));
		reference->rtindex = lfirst_int(lc);
		items = lappend(items, reference);
	}
	from->fromlist = items;
	*(bool *) arg = true;
	return false;
}

static double
count_rows(int ninputs, const StInput *inputs)
{
	double		rows = 0;

	for (int i = 0; i < ninputs; i++)
		rows += inputs[i].count;
	return rows;
}

/* Do the inputs have few rows for what the statement reads? */
static bool
has_few_inputs(StStatement *statement, int ninputs, const StInput *inputs)
{
	double		stored = 0;
	ListCell   *lc;

	foreach(lc, st_statement_relations(statement))
	{
		Relation	rel = relation_open(lfirst_oid(lc), AccessShareLock);
		BlockNumber pages;
		double		tuples;
		double		visible;

		estimate_rel_size(rel, NULL, &pages, &tuples, &visible);
		stored += tuples;
		relation_close(rel, NoLock);
	}
	return count_rows(ninputs, inputs) * LOOK_UP_FROM <= stored;
}

/*
 * Plan a copy of the statement's query. What the planner leaves behind is
 * freed; a query with very many relations is planned in smaller parts, since
 * the limits that serve the statements of deltas are too high for it.
 */
static PlannedStmt *
plan_query(StStatement *statement, int ninputs, const StInput *inputs)
{
	MemoryContext target = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(target, "pg_trickle planning", ALLOCSET_DEFAULT_SIZES);
	SizeContext sizes = {ninputs, inputs};
	const SizeContext *outer = planned_inputs;
	int			join_limit = join_collapse_limit;
	int			from_limit = from_collapse_limit;
	bool		outer_looking = looking_up;
	double		outer_rows = least_rows;
	PlannedStmt *planned;
	bool		in_parts = false;
	Query	   *query;

	MemoryContextSwitchTo(scratch);
	query = copyObject(statement->query);
	set_sizes_walker((Node *) query, &sizes);
	(void) divide_from_walker((Node *) query, &in_parts);
	/* the parser's locks went with its transaction */
	AcquireRewriteLocks(query, true, false);
	PG_TRY();
	{
		if (in_parts || list_length(query->rtable) > MANY_RELATIONS)
		{
			join_collapse_limit = Min(join_collapse_limit, PART_ITEMS);
			from_collapse_limit = Min(from_collapse_limit, PART_ITEMS);
		}
		least_rows = statement->looks_up ? count_rows(ninputs, inputs) : 0;
		looking_up = statement->looks_up && has_few_inputs(statement, ninputs, inputs);
		planned_inputs = &sizes;
		planned = planner(query, statement->text, 0, NULL);
	}
	PG_FINALLY();
	{
		planned_inputs = outer;
		join_collapse_limit = join_limit;
		from_collapse_limit = from_limit;
		looking_up = outer_looking;
		least_rows = outer_rows;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(target);
	planned = copyObject(planned);
	MemoryContextDelete(scratch);
	return planned;
}

static PlannedStmt *
plan_for(StStatement *statement, int ninputs, const StInput *inputs)
{
	StPlan	   *plan = NULL;
	MemoryContext old;

	statement->uses++;
	for (int i = 0; i < statement->nplans; i++)
	{
		StPlan	   *candidate = &statement->plans[i];
		bool		fits = true;

		for (int j = 0; j < ninputs && fits; j++)
			fits = like_size(Max(inputs[j].count, 1), candidate->counts[j]);
		if (fits && like_size(count_blocks(candidate->planned), candidate->blocks))
		{
			candidate->last_used = statement->uses;
			return candidate->planned;
		}
	}

	if (statement->nplans < PLANS_KEPT)
		plan = &statement->plans[statement->nplans];
	else
	{
		plan = &statement->plans[0];
		for (int i = 1; i < PLANS_KEPT; i++)
			if (statement->plans[i].last_used < plan->last_used)
				plan = &statement->plans[i];
		MemoryContextDelete(plan->context);
		*plan = statement->plans[--statement->nplans];
		plan = &statement->plans[statement->nplans];
	}
	memset(plan, 0, sizeof(StPlan));
	plan->context = AllocSetContextCreate(statement->context, "pg_trickle plan",
										  ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(plan->context);
	plan->planned = plan_query(statement, ninputs, inputs);
	if (!statement->check_permissions)
		clear_permissions(plan->planned);
	plan->counts = palloc(sizeof(double) * Max(ninputs, 1));
	for (int j = 0; j < ninputs; j++)
		plan->counts[j] = Max(inputs[j].count, 1);
	plan->blocks = count_blocks(plan->planned);
	plan->last_used = statement->uses;
	statement->nplans++;
	MemoryContextSwitchTo(old);
	return plan->planned;
}

/* As AcquireExecutorLocks: the planner's locks went with its transaction. */
static void
lock_relations(PlannedStmt *planned)
{
	ListCell   *lc;

	foreach(lc, planned->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RELATION)
			LockRelationOid(rte->relid, rte->rellockmode);
	}
}

/* Rights stand at each level of a query; what the planner has from them is all it checks, too. */
static bool
check_permissions_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
	{
		StCheckQueryPermissions((Query *) node);
		return query_tree_walker((Query *) node, check_permissions_walker, arg, 0);
	}
	return expression_tree_walker(node, check_permissions_walker, arg);
}

void
st_statement_check_permissions(StStatement *statement)
{
	(void) check_permissions_walker((Node *) statement->query, NULL);
}

static uint64
run(StStatement *statement, int ninputs, const StInput *inputs, Snapshot snapshot,
	StCallbackReceiver *receiver)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_trickle run",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PlannedStmt *planned;
	QueryDesc  *desc;
	uint64		processed;

	Assert(ninputs == statement->ninputs);
	PushCopiedSnapshot(snapshot);
	UpdateActiveSnapshotCommandId();
	planned = plan_for(statement, ninputs, inputs);
	lock_relations(planned);

	receiver->pub.receiveSlot = receive_row;
	receiver->pub.rStartup = receiver_startup;
	receiver->pub.rShutdown = receiver_noop;
	receiver->pub.rDestroy = receiver_noop;
	receiver->pub.mydest = DestNone;

	desc = CreateQueryDesc(planned, statement->text, GetActiveSnapshot(), InvalidSnapshot,
						   &receiver->pub, NULL, make_environment(ninputs, inputs), 0);
	ExecutorStart(desc, 0);
	StExecutorRun(desc, ForwardScanDirection, 0);
	processed = desc->estate->es_processed;
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	PopActiveSnapshot();
	if (planned->commandType != CMD_SELECT)
		CommandCounterIncrement();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return processed;
}

uint64
st_statement_run(StStatement *statement, int ninputs, const StInput *inputs,
				 Snapshot snapshot, StRowCallback callback, void *arg)
{
	StCallbackReceiver receiver = {.callback = callback, .arg = arg};

	return run(statement, ninputs, inputs, snapshot, &receiver);
}

uint64
st_statement_fill(StStatement *statement, int ninputs, const StInput *inputs,
				  Snapshot snapshot, Tuplestorestate *into)
{
	StCallbackReceiver receiver = {.into = into};

	return run(statement, ninputs, inputs, snapshot, &receiver);
}

double
st_statement_cost(StStatement *statement, int ninputs, const StInput *inputs)
{
	return plan_for(statement, ninputs, inputs)->planTree->total_cost;
}

void
st_statement_estimate(StStatement *statement, int ninputs, const StInput *inputs, double *cost, double *rows)
{
	Plan	   *plan = plan_for(statement, ninputs, inputs)->planTree;

	*cost = plan->total_cost;
	*rows = plan->plan_rows;
}

TupleDesc
st_statement_desc(StStatement *statement)
{
	return statement->desc;
}

const char *
st_statement_text(StStatement *statement)
{
	return statement->text;
}

static bool
relations_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_RELATION && rte->relkind != RELKIND_VIEW)
			*(List **) arg = list_append_unique_oid(*(List **) arg, rte->relid);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, relations_walker, arg, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, relations_walker, arg);
}

List *
st_statement_relations(StStatement *statement)
{
	List	   *relations = NIL;

	(void) relations_walker((Node *) statement->query, &relations);
	return relations;
}

static void
collect_scanned(Plan *plan, PlannedStmt *planned, List **relations)
{
	List	   *children = NIL;
	ListCell   *lc;

	if (plan == NULL)
		return;
	check_stack_depth();
	switch (nodeTag(plan))
	{
		case T_SeqScan:
		case T_SampleScan:
			*relations = list_append_unique_oid(*relations, rt_fetch(((Scan *) plan)->scanrelid, planned->rtable)->relid);
			break;
		case T_IndexScan:
			if (((IndexScan *) plan)->indexqual == NIL)
				*relations = list_append_unique_oid(*relations, rt_fetch(((Scan *) plan)->scanrelid, planned->rtable)->relid);
			break;
		case T_IndexOnlyScan:
			if (((IndexOnlyScan *) plan)->indexqual == NIL)
				*relations = list_append_unique_oid(*relations, rt_fetch(((Scan *) plan)->scanrelid, planned->rtable)->relid);
			break;
		case T_Append:
			children = ((Append *) plan)->appendplans;
			break;
		case T_MergeAppend:
			children = ((MergeAppend *) plan)->mergeplans;
			break;
		case T_SubqueryScan:
			collect_scanned(((SubqueryScan *) plan)->subplan, planned, relations);
			break;
		default:
			break;
	}
	foreach(lc, children)
		collect_scanned(lfirst(lc), planned, relations);
	collect_scanned(plan->lefttree, planned, relations);
	collect_scanned(plan->righttree, planned, relations);
}

List *
st_statement_scanned(StStatement *statement, int ninputs, const StInput *inputs)
{
	PlannedStmt *planned = plan_for(statement, ninputs, inputs);
	List	   *relations = NIL;
	ListCell   *lc;

	collect_scanned(planned->planTree, planned, &relations);
	foreach(lc, planned->subplans)
		collect_scanned(lfirst(lc), planned, &relations);
	return relations;
}

void
st_statement_explain(StStatement *statement, int ninputs, const StInput *inputs, const char *label,
					 ExplainState *es)
{
	PlannedStmt *planned = plan_for(statement, ninputs, inputs);
	QueryDesc  *desc;

	lock_relations(planned);
	desc = CreateQueryDesc(planned, statement->text, GetActiveSnapshot(), InvalidSnapshot,
						   None_Receiver, NULL, make_environment(ninputs, inputs), 0);
	ExecutorStart(desc, EXEC_FLAG_EXPLAIN_ONLY);
	ExplainOpenGroup("Query", NULL, true, es);
	ExplainPropertyText("Statement", label, es);
	ExplainPrintPlan(es, desc);
	ExplainCloseGroup("Query", NULL, true, es);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
}

void
st_statement_explain_run(StStatement *statement, ExplainState *es)
{
	PlannedStmt *planned = plan_for(statement, 0, NULL);

	lock_relations(planned);
	StExplainOnePlan(planned, es, statement->text);
}
