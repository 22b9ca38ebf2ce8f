/*-------------------------------------------------------------------------
 *
 * slice.c
 *	  Queries that fall into slices: what is evaluated for the touched keys only.
 *
 * NOTES
 *	  A query falls into slices by a key when every row of its result depends
 *	  only on rows of its sources that agree in that key. Its delta is then the
 *	  query over the new rows with a touched key minus the query over the old
 *	  rows with a touched key (rule E5), whatever the query does inside a slice:
 *	  windows that are partitioned by the key, outer joins and subqueries that
 *	  are tied by it, groups that contain it.
 *
 *	  The key is searched for by trying columns (slice_level.c), after the query
 *	  has been prepared (slice_prepare.c).
 *
 *	  The query that is handed in is a copy and is changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "query/lookup.h"
#include "query/slice.h"
#include "query/source_facts.h"
#include "util/fault.h"

#define SLICE_PREFIX "__pgt_r"

int
st_slice_ordinal(const RangeTblEntry *rte)
{
	const char *name = rte->alias ? rte->alias->aliasname : "";

	if (rte->rtekind != RTE_RELATION || strncmp(name, SLICE_PREFIX, strlen(SLICE_PREFIX)) != 0)
		return -1;
	return atoi(name + strlen(SLICE_PREFIX));
}

char *
st_slice_input_name(int ordinal)
{
	return psprintf(SLICE_PREFIX "%d", ordinal);
}

/* ----- the search for a key ----- */

/* Where slices are taken only if there are indexes, what was there when the states were made counts. */
static bool
has_index(List *references, StSliceDemand demand, BuildContext *build)
{
	ListCell   *lc;

	foreach(lc, references)
	{
		StSliceReference *reference = lfirst(lc);

		if (demand == ST_SLICE_ANYHOW ?
			!st_relation_has_index_on(reference->relid, bms_make_singleton(reference->attnum)) :
			demand == ST_SLICE_INDEXED && reference->number == 0 ?
			!st_lookup_finds_few(build, reference->relid, reference->attnum) :
			!st_lookup_is_indexed(build, reference->relid, reference->attnum))
			return false;
	}
	return true;
}

static int
count_linked(const StSlicing *slicing)
{
	int			count = 0;
	ListCell   *lc;

	foreach(lc, slicing->sliced)
		if (((StSliceReference *) lfirst(lc))->number > 0)
			count++;
	return count;
}

/* Better: less is read whole, less over links, more by slice, by indexes. */
static bool
is_better(const StSlicing *a, const StSlicing *b, StSliceDemand demand, BuildContext *build)
{
	if (list_length(a->whole) != list_length(b->whole))
		return list_length(a->whole) < list_length(b->whole);
	if (count_linked(a) != count_linked(b))
		return count_linked(a) < count_linked(b);
	if (list_length(a->sliced) != list_length(b->sliced))
		return list_length(a->sliced) > list_length(b->sliced);
	return has_index(a->sliced, demand, build) && !has_index(b->sliced, demand, build);
}

/* The result's columns are called c1..; a set operation has the names of its first arm. */
static void
name_columns(Query *query)
{
	Node	   *first = query->setOperations;
	ListCell   *lc;
	int			i = 0;

	check_stack_depth();
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			tle->resname = psprintf("c%d", ++i);
	}
	while (first && IsA(first, SetOperationStmt))
		first = ((SetOperationStmt *) first)->larg;
	if (first)
		name_columns(rt_fetch(((RangeTblRef *) first)->rtindex, query->rtable)->subquery);
}

/* ----- rows that change nothing ----- */

typedef struct FilterContext
{
	Query	   *top;
	List	   *references;		/* of StSliceReference */
} FilterContext;

/* Each reference's own conditions, from the level where it stands. */
static bool
filter_walker(Node *node, void *arg)
{
	FilterContext *context = arg;
	Query	   *query = (Query *) node;
	Bitmapset  *inner;
	Node	   *conditions;
	ListCell   *lc;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (!IsA(node, Query))
		return expression_tree_walker(node, filter_walker, arg);
	inner = st_entries_below((Node *) query->jointree, ST_REACH_INNER);
	conditions = (Node *) st_inner_conditions((Node *) query->jointree);
	foreach(lc, context->references)
	{
		StSliceReference *reference = lfirst(lc);
		int			varno = -1;

		while ((varno = bms_next_member(inner, varno)) >= 0)
			if (rt_fetch(varno, query->rtable) == reference->rte)
			{
				reference->filter = st_restriction_on(conditions, varno);
				reference->required = (query == context->top && query->setOperations == NULL) || ST_FAULT("E5 required");
			}
	}
	return query_tree_walker(query, filter_walker, arg, 0);
}

static bool
reads_the_same(const StSliceReference *a, const StSliceReference *b)
{
	return a->relid == b->relid && a->attnum == b->attnum && a->number == b->number;
}

/* What is read once for several references must be what any of them wants. */
static void
find_filters(Query *query, List *references)
{
	FilterContext context = {query, references};
	List	   *filters = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	(void) filter_walker((Node *) query, &context);
	foreach(lc, references)
	{
		List	   *parts = NIL;
		bool		all = false;

		foreach(lc2, references)
		{
			StSliceReference *other = lfirst(lc2);

			if (!reads_the_same(lfirst(lc), other))
				continue;
			all |= other->filter == NULL;
			parts = list_append_unique(parts, other->filter);
		}
		filters = lappend(filters, all ? NULL : list_length(parts) == 1 ? linitial(parts) : (Node *) make_orclause(parts));
	}
	forboth(lc, references, lc2, filters)
		((StSliceReference *) lfirst(lc))->filter = lfirst(lc2);
}

static StJoin *
make_slice(Query *query, StSlicing *slice)
{
	StJoin	   *join = palloc0(sizeof(StJoin));
	ListCell   *lc;
	int			i = 0;

	join->kind = ST_JOIN_SLICE;
	join->query = query;
	join->classes = slice->classes;
	find_filters(query, slice->sliced);
	foreach(lc, slice->sliced)
	{
		StSliceReference *reference = lfirst(lc);

		reference->rte->alias = makeAlias(st_slice_input_name(i++), NIL);
		reference->rte->eref->aliasname = pstrdup(reference->rte->alias->aliasname);
		reference->rte = NULL;
		join->sliced = lappend(join->sliced, reference);
	}
	name_columns(query);
	foreach(lc, slice->whole)
		join->whole = list_append_unique_oid(join->whole, lfirst_node(RangeTblEntry, lc)->relid);
	return join;
}

/* A relation that some slice's own key cuts in three places or more: terms would join its changes with all of these. */
static bool
is_repeated(const StSlicing *slicing)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, slicing->sliced)
	{
		int			count = 0;

		foreach(lc2, slicing->sliced)
			if (((StSliceReference *) lfirst(lc2))->number == 0 &&
				((StSliceReference *) lfirst(lc2))->relid == ((StSliceReference *) lfirst(lc))->relid)
				count++;
		if (count >= 3)
			return true;
	}
	return false;
}

/* Are slices wanted that read so? */
static bool
meets_demand(const StSlicing *slicing, StSliceDemand demand, BuildContext *build)
{
	if (demand == ST_SLICE_ANYHOW)
		return true;
	return slicing->whole == NIL && has_index(slicing->sliced, demand, build) && (demand == ST_SLICE_INDEXED || is_repeated(slicing));
}

Query *
st_slice(Query *query, StSliceDemand demand, BuildContext *build)
{
	StSlicing	best = {NIL};
	ListCell   *lc;

	if (!st_slice_prepare(query, build))
		return NULL;
	foreach(lc, st_slice_candidates(query))
	{
		StSlicing	slicing = {NIL};

		CHECK_FOR_INTERRUPTS();
		if (st_slice_by(query, lfirst_node(Var, lc), &slicing) && (best.sliced == NIL || is_better(&slicing, &best, demand, build)))
			best = slicing;
	}
	if (best.sliced == NIL || !meets_demand(&best, demand, build))
		return st_decline(build, "no key cuts the query into slices");
	return st_read_join(make_slice(query, &best), build);
}

/* ----- grouping above a slice ----- */

typedef struct SplitContext
{
	List	   *keys;			/* what is grouped by and holds a subquery */
	List	   *columns;		/* expressions of the query below */
	bool		in_aggregate;
	bool		above;			/* correlated subqueries stay above */
	Index		depth;			/* levels of subqueries around the expression */
	bool		failed;
} SplitContext;

static Node *
split_mutator(Node *node, void *arg)
{
	SplitContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (context->depth == 0 && !IsA(node, List) && list_member(context->keys, node))
		return (Node *) makeVar(1, st_position_in(&context->columns, copyObject(node)), exprType(node), exprTypmod(node),
								exprCollation(node), 0);
	/* a subquery above the grouping would name what is below it */
	if (IsA(node, SubLink) && !context->in_aggregate && !context->above &&
		st_is_correlated(castNode(Query, ((SubLink *) node)->subselect)))
		context->failed = true;
	if ((IsA(node, Var) && ((Var *) node)->varlevelsup == context->depth) ||
		(IsA(node, SubLink) && context->in_aggregate && context->depth == 0))
	{
		Node	   *below = copyObject(node);

		if (IsA(below, Var))
			((Var *) below)->varlevelsup = 0;
		return (Node *) makeVar(1, st_position_in(&context->columns, below), exprType(node), exprTypmod(node),
								exprCollation(node), context->depth);
	}
	if (IsA(node, Aggref) && context->depth == 0)
	{
		SplitContext inner = *context;
		Node	   *result;

		inner.in_aggregate = true;
		result = expression_tree_mutator(node, split_mutator, &inner);
		context->columns = inner.columns;
		return result;
	}
	if (IsA(node, Query))
	{
		Query	   *result;

		context->depth++;
		result = query_tree_mutator((Query *) node, split_mutator, arg, 0);
		context->depth--;
		return (Node *) result;
	}
	return expression_tree_mutator(node, split_mutator, arg);
}

Query *
st_split_grouping(Query *query, BuildContext *build)
{
	SplitContext context = {.above = query->groupingSets != NIL};
	Query	   *below;
	ListCell   *lc;

	if (query->setOperations || !st_inline_ctes(query, NULL, build) ||
		!(query->hasAggs || query->groupClause || query->havingQual))
		return NULL;
	st_flatten_grouping(query);
	st_flatten_join_columns(query);
	foreach(lc, get_sortgrouplist_exprs(query->groupClause, query->targetList))
		if (checkExprHasSubLink(lfirst(lc)))
			context.keys = lappend(context.keys, copyObject(lfirst(lc)));
	query->targetList = (List *) split_mutator((Node *) query->targetList, &context);
	query->havingQual = split_mutator(query->havingQual, &context);
	if (context.failed || (query->groupingSets && !checkExprHasSubLink((Node *) context.columns)))
		return NULL;
	if (context.columns == NIL)
		context.columns = list_make1(makeBoolConst(true, false));
	below = st_make_query(query->rtable, NULL, st_make_targets(context.columns));
	below->jointree = query->jointree;
	below->hasSubLinks = checkExprHasSubLink((Node *) below->targetList) ||
		checkExprHasSubLink((Node *) below->jointree);
	query->rtable = list_make1(st_make_subquery_entry(below, "b", st_make_names(list_length(context.columns))));
	query->jointree = makeFromExpr(list_make1(st_make_reference(1)), NULL);
	query->hasSubLinks = checkExprHasSubLink((Node *) query->targetList) ||
		checkExprHasSubLink(query->havingQual);
	return query;
}
