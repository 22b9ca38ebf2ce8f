/*-------------------------------------------------------------------------
 *
 * from.c
 *	  Flatten the FROM clause of one level into references and a join.
 *
 * NOTES
 *	  A reference is what a join's delta is made of term by term: a relation, a
 *	  state, a function, VALUES, or a linear subquery that cannot be taken apart
 *	  (UNION ALL, set-returning functions in its select list). Inner joins lose
 *	  their nesting: their conditions move to WHERE, which is what the planner
 *	  does as well (prepjointree.c, after which pulling up subqueries is
 *	  modelled here). Outer, semi and anti joins are references by the time that
 *	  the rest is flattened (outer.c). Columns of USING and NATURAL and whatever else names a
 *	  join's column are replaced by what they stand for (rule F2).
 *
 *	  The query is changed in place.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "query/build.h"
#include "query/clock.h"
#include "query/unnest.h"
#include "util/fault.h"

typedef struct FlattenContext
{
	BuildContext *build;
	Query	   *query;
	List	   *references;		/* range table indexes, in the order of FROM */
	List	   *quals;
	Bitmapset  *finished;		/* subqueries that are linear and stay */
} FlattenContext;

/* ----- names of joins ----- */

#define JOIN_PREFIX "__pgt_j"

int
st_join_ordinal(const RangeTblEntry *rte)
{
	const char *name = rte->alias ? rte->alias->aliasname : "";

	if (rte->rtekind != RTE_SUBQUERY || strncmp(name, JOIN_PREFIX, strlen(JOIN_PREFIX)) != 0)
		return -1;
	return atoi(name + strlen(JOIN_PREFIX));
}

/* ----- columns of joins ----- */

void
st_flatten_join_columns(Query *query)
{
	ListCell   *lc;

	query->targetList = (List *) StFlattenJoinAliasVars(query, (Node *) query->targetList);
	query->havingQual = StFlattenJoinAliasVars(query, query->havingQual);
	query->jointree = (FromExpr *) StFlattenJoinAliasVars(query, (Node *) query->jointree);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_SUBQUERY && rte->lateral)
			rte->subquery = (Query *) StFlattenJoinAliasVars(query, (Node *) rte->subquery);
		else if (rte->rtekind == RTE_FUNCTION)
			rte->functions = (List *) StFlattenJoinAliasVars(query, (Node *) rte->functions);
		else if (rte->rtekind == RTE_VALUES)
			rte->values_lists = (List *) StFlattenJoinAliasVars(query, (Node *) rte->values_lists);
		else if (rte->rtekind == RTE_TABLEFUNC)
			rte->tablefunc = (TableFunc *) StFlattenJoinAliasVars(query, (Node *) rte->tablefunc);
	}
}

/* The same where the joins themselves are going to go. */
static void
forget_joins(Query *query)
{
	ListCell   *lc;

	st_flatten_join_columns(query);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_JOIN)
			rte->joinaliasvars = NIL;
	}
}

/* ----- subqueries that only filter and project ----- */

/* As is_simple_subquery in PostgreSQL's prepjointree.c. */
static bool
is_simple(Query *query)
{
	return query->commandType == CMD_SELECT && query->setOperations == NULL &&
		!query->hasAggs && !query->hasWindowFuncs && !query->hasTargetSRFs &&
		!query->hasSubLinks && !query->hasDistinctOn &&
		query->groupClause == NIL && query->groupingSets == NIL && query->havingQual == NULL &&
		query->distinctClause == NIL && query->limitCount == NULL && query->limitOffset == NULL &&
		query->rowMarks == NIL && query->cteList == NIL;
}

/* A subquery's FROM and WHERE take the place of the reference to it. */
static void
pull_up(Query *query, RangeTblRef *ref, Node **place)
{
	int			varno = ref->rtindex;
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);
	Query	   *subquery = rte->subquery;
	RangeTblEntry target;
	bool		sublinks = false;
	ListCell   *lc;

	forget_joins(subquery);
	/* what it reads may refer to its neighbours, if it may */
	if (rte->lateral)
		foreach(lc, subquery->rtable)
		{
			RangeTblEntry *child = lfirst_node(RangeTblEntry, lc);

			if (child->rtekind == RTE_SUBQUERY || child->rtekind == RTE_FUNCTION ||
				child->rtekind == RTE_VALUES || child->rtekind == RTE_TABLEFUNC)
				child->lateral = true;
		}
	OffsetVarNodes((Node *) subquery, list_length(query->rtable), 0);
	/* what a LATERAL subquery says of its neighbours now stands beside them */
	IncrementVarSublevelsUp((Node *) subquery, -1, 1);
	query->rtable = list_concat(query->rtable, subquery->rtable);
	*place = (Node *) subquery->jointree;
	memcpy(&target, rte, sizeof(target));
	rte->rtekind = RTE_RESULT;
	rte->subquery = NULL;
	*query = *(Query *) StReplaceVarsFromTargetList((Node *) query, varno, &target,
													subquery->targetList, &sublinks);
}

/*
 * Where an outer join may put NULL for all its columns, a subquery can be taken
 * apart only if these are columns of its own FROM, for which it does the same.
 */
static bool
can_pull_up(Query *subquery, bool nullable)
{
	return is_simple(subquery) && st_is_taken_apart(subquery, nullable);
}

/*
 * Take apart or linearize one subquery of FROM. Returns true if something
 * changed, after which the search starts again.
 */
static bool
flatten_one(Node **place, bool nullable, FlattenContext *context)
{
	Node	   *item = *place;
	ListCell   *lc;

	check_stack_depth();
	if (item == NULL || context->build->reason)
		return false;
	if (IsA(item, FromExpr))
	{
		foreach(lc, ((FromExpr *) item)->fromlist)
			if (flatten_one((Node **) &lfirst(lc), nullable, context))
				return true;
		return false;
	}
	if (IsA(item, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) item;
		JoinType	type = join->jointype;

		return flatten_one(&join->larg, nullable || type == JOIN_FULL || type == JOIN_RIGHT, context) ||
			flatten_one(&join->rarg, nullable || type == JOIN_FULL || type == JOIN_LEFT, context);
	}

	{
		RangeTblRef *ref = castNode(RangeTblRef, item);
		RangeTblEntry *rte = rt_fetch(ref->rtindex, context->query->rtable);
		StJoin	   *join;

		if (rte->rtekind != RTE_SUBQUERY || bms_is_member(ref->rtindex, context->finished))
			return false;

		/*
		 * a join of the subquery's own: an inner one becomes part of the join
		 * here
		 */
		join = st_find_join(context->build, rte);
		if (join && (nullable || join->kind != ST_JOIN_INNER))
			return false;
		if (rte->security_barrier && !ST_FAULT("F7 barrier"))
			return st_decline(context->build, "a security barrier view cannot be taken apart") != NULL;
		if (!st_inline_ctes(rte->subquery, NULL, context->build))
			return false;
		if (!can_pull_up(rte->subquery, nullable))
		{
			Query	   *linear = st_linearize(rte->subquery, context->build);

			if (linear == NULL)
				return false;
			rte->subquery = linear;
			if (!can_pull_up(linear, nullable))
			{
				context->finished = bms_add_member(context->finished, ref->rtindex);
				return true;
			}
		}
		pull_up(context->query, ref, place);
		return true;
	}
}

/* ----- references ----- */

static void
add_quals(FlattenContext *context, Node *quals)
{
	ListCell   *lc;

	check_stack_depth();
	if (quals == NULL)
		return;
	/* BETWEEN is an AND below an AND */
	foreach(lc, make_ands_implicit((Expr *) quals))
	{
		if (is_andclause(lfirst(lc)))
			add_quals(context, lfirst(lc));
		else
			context->quals = lappend(context->quals, lfirst(lc));
	}
}

static void
collect_references(Node *item, FlattenContext *context)
{
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, RangeTblRef))
		context->references = lappend_int(context->references, ((RangeTblRef *) item)->rtindex);
	else if (IsA(item, JoinExpr))
	{
		collect_references(((JoinExpr *) item)->larg, context);
		collect_references(((JoinExpr *) item)->rarg, context);
		add_quals(context, ((JoinExpr *) item)->quals);
	}
	else
	{
		foreach(lc, castNode(FromExpr, item)->fromlist)
			collect_references(lfirst(lc), context);
		add_quals(context, ((FromExpr *) item)->quals);
	}
}

bool
st_check_reference(RangeTblEntry *rte, BuildContext *context)
{
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			return st_check_relation(rte, context);
		case RTE_SUBQUERY:
		case RTE_FUNCTION:
		case RTE_VALUES:
		case RTE_TABLEFUNC:
		case RTE_CTE:			/* a state: all others were inlined */
			return true;
		default:
			return st_decline(context, "this kind of FROM item has no delta rule yet") != NULL;
	}
}

typedef struct RenumberContext
{
	const int  *numbers;
	int			sublevels_up;
} RenumberContext;

static bool
renumber_entries(Node *node, void *arg)
{
	RenumberContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varlevelsup == context->sublevels_up)
		{
			var->varno = context->numbers[var->varno];
			var->varnosyn = 0;
			var->varattnosyn = 0;
		}
		return false;
	}
	if (IsA(node, Query))
	{
		RenumberContext inner = {context->numbers, context->sublevels_up + 1};

		return query_tree_walker((Query *) node, renumber_entries, &inner, 0);
	}
	return expression_tree_walker(node, renumber_entries, arg);
}

void
st_renumber_entries(Node *node, const int *numbers)
{
	RenumberContext context = {numbers, 0};

	(void) renumber_entries(node, &context);
}

void
st_renumber_range_table(List *rtable, const int *numbers)
{
	RenumberContext context = {numbers, 0};

	(void) range_table_walker(rtable, renumber_entries, &context, 0);
}

typedef struct ColumnContext
{
	BuildContext *build;
	int			depth;			/* query levels below the one that is checked */
	bool		sublinks;		/* these are subqueries in expressions, which
								 * see the level's columns */
} ColumnContext;

/* System columns of a source have no place in its log (rule F2). */
static bool
bad_var_walker(Node *node, void *arg)
{
	ColumnContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Var))
	{
		/* an entry of the range table may only refer to what is inside of it */
		if (((Var *) node)->varlevelsup > (context->sublinks ? context->depth : Max(context->depth - 1, 0)))
			(void) st_decline(context->build, "a subquery that refers to other items of FROM and cannot be taken apart has no delta rule yet");
		else if (((Var *) node)->varattno < 1)
			(void) st_decline(context->build, "system columns have no delta rule");
		return false;
	}
	if (IsA(node, Query))
	{
		ColumnContext inner = {context->build, context->depth + 1, context->sublinks};

		return query_tree_walker((Query *) node, bad_var_walker, &inner, 0);
	}
	return expression_tree_walker(node, bad_var_walker, arg);
}

void
st_check_columns(Node *node, BuildContext *context)
{
	ColumnContext checking = {context, 0, false};

	(void) bad_var_walker(node, &checking);
}

/* The same above a grouping, where subqueries stay until there is a state. */
static void
check_grouped_columns(Node *node, BuildContext *context)
{
	ColumnContext checking = {context, 0, true};

	(void) bad_var_walker(node, &checking);
}

/* Subqueries have been looked at when they were made linear. */
void
st_check_range_table(List *rtable, BuildContext *context)
{
	ListCell   *lc;

	foreach(lc, rtable)
		st_check_columns((Node *) st_entry_arguments(lfirst_node(RangeTblEntry, lc)), context);
}

/* The range table holds the references only, numbered from 1 in the order of FROM. */
static bool
keep_references(FlattenContext *context)
{
	Query	   *query = context->query;
	int		   *numbers = palloc0(sizeof(int) * (list_length(query->rtable) + 1));
	List	   *rtable = NIL;
	List	   *refs = NIL;
	ListCell   *lc;

	foreach(lc, context->references)
	{
		RangeTblEntry *rte = rt_fetch(lfirst_int(lc), query->rtable);

		if (!st_check_reference(rte, context->build))
			return false;
		rtable = lappend(rtable, rte);
		numbers[lfirst_int(lc)] = list_length(rtable);
		refs = lappend(refs, st_make_reference(list_length(rtable)));
		/* rights are checked on the original query */
#ifdef ST_HAVE_PERMINFOS
		rte->perminfoindex = 0;
#endif
	}
#ifdef ST_HAVE_PERMINFOS
	query->rteperminfos = NIL;
#endif
	query->rtable = rtable;
	query->jointree = makeFromExpr(refs, (Node *) (context->quals ? make_ands_explicit(context->quals) : NULL));
	check_grouped_columns((Node *) query->targetList, context->build);
	check_grouped_columns(query->havingQual, context->build);
	st_check_columns(query->jointree->quals, context->build);
	st_check_range_table(rtable, context->build);
	if (context->build->reason)
		return false;
	st_renumber_entries((Node *) query->targetList, numbers);
	st_renumber_entries(query->havingQual, numbers);
	st_renumber_entries(query->jointree->quals, numbers);
	st_renumber_range_table(rtable, numbers);
	return true;
}

/* ----- the join ----- */

typedef struct JoinContext
{
	List	   *columns;		/* Vars over the references */
	Index		depth;			/* levels of subqueries around the expression */
} JoinContext;

/* A column above the join becomes the join's own, added at its first use. */
static Node *
join_column_mutator(Node *node, void *arg)
{
	JoinContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Var))
	{
		Var		   *var = copyObject((Var *) node);
		int			position;

		if (var->varlevelsup != context->depth)
			return (Node *) var;
		var->varlevelsup = 0;
		position = st_position_in(&context->columns, (Node *) var);
		return (Node *) makeVar(1, position, var->vartype, var->vartypmod, var->varcollid, context->depth);
	}
	/* a subquery above a grouping */
	if (IsA(node, Query))
	{
		Query	   *result;

		context->depth++;
		result = query_tree_mutator((Query *) node, join_column_mutator, arg, 0);
		context->depth--;
		return (Node *) result;
	}
	return expression_tree_mutator(node, join_column_mutator, arg);
}

StJoin *
st_find_join(BuildContext *context, const RangeTblEntry *rte)
{
	int			ordinal = st_join_ordinal(rte);

	return ordinal < 0 ? NULL : list_nth(context->joins, ordinal);
}

Query *
st_read_join(StJoin *join, BuildContext *build)
{
	List	   *targets = NIL;
	List	   *names = NIL;
	RangeTblEntry *rte;
	ListCell   *lc;

	foreach(lc, build->joins)
		if (equal(((StJoin *) lfirst(lc))->query, join->query))
			break;
	if (lc)
		join = lfirst(lc);
	else
	{
		join->ordinal = list_length(build->joins);
		build->joins = lappend(build->joins, join);
	}
	foreach(lc, join->query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) tle->expr;
		Var		   *var = makeVar(1, tle->resno, exprType(expr), exprTypmod(expr), exprCollation(expr), 0);

		if (tle->resjunk)
			continue;
		names = lappend(names, makeString(pstrdup(tle->resname)));
		targets = lappend(targets, makeTargetEntry((Expr *) var, tle->resno, pstrdup(tle->resname), false));
	}
	rte = st_make_subquery_entry(copyObject(join->query), psprintf(JOIN_PREFIX "%d", join->ordinal), names);
	rte->alias = makeAlias(rte->eref->aliasname, NIL);
	return st_make_query(list_make1(rte), NULL, targets);
}

/* Where nothing is read, a reference to one row that never changes. */
static int
add_one_row(Query *query)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_VALUES;
	rte->values_lists = list_make1(list_make1(makeBoolConst(true, false)));
	rte->coltypes = list_make1_oid(BOOLOID);
	rte->coltypmods = list_make1_int(-1);
	rte->colcollations = list_make1_oid(InvalidOid);
	rte->eref = makeAlias("one", list_make1(makeString("c1")));
	rte->inFromCl = true;
	query->rtable = lappend(query->rtable, rte);
	return list_length(query->rtable);
}

RangeTblEntry *
st_add_join(BuildContext *context, StJoinKind kind, Query *flat)
{
	StJoin	   *join = palloc0(sizeof(StJoin));

	st_replace_aliases(flat);
	join->kind = kind;
	join->flat = flat;
	join->query = kind == ST_JOIN_INNER || kind == ST_JOIN_CLOCK ? flat : st_join_print_form(kind, flat);
	return linitial_node(RangeTblEntry, st_read_join(join, context)->rtable);
}

/* The conditions of WHERE that time changes; the query loses them. */
static List *
take_clock_conditions(Query *query)
{
	List	   *taken = NIL;
	List	   *rest = NIL;
	ListCell   *lc;

	foreach(lc, make_ands_implicit((Expr *) query->jointree->quals))
	{
		if (st_reads_clock(lfirst(lc)))
			taken = lappend(taken, lfirst(lc));
		else
			rest = lappend(rest, lfirst(lc));
	}
	query->jointree->quals = rest ? (Node *) make_ands_explicit(rest) : NULL;
	return taken;
}

/*
 * The references and WHERE become a join, whose columns are those that the
 * rest of the query uses (rule E1: expressions stay above). What compares
 * columns of several references with now() stays above as well.
 */
static void
make_join(Query *query, BuildContext *build)
{
	JoinContext context = {NIL, 0};
	Query	   *inner;
	List	   *conditions = take_clock_conditions(query);

	query->targetList = (List *) join_column_mutator((Node *) query->targetList, &context);
	query->havingQual = join_column_mutator(query->havingQual, &context);
	conditions = (List *) join_column_mutator((Node *) conditions, &context);
	/* a query without columns cannot be printed and parsed again */
	if (context.columns == NIL)
		context.columns = list_make1(makeBoolConst(true, false));
	inner = st_make_query(query->rtable, NULL, st_make_targets(context.columns));
	inner->jointree = query->jointree;
	query->rtable = list_make1(st_add_join(build, ST_JOIN_INNER, inner));
	query->jointree = makeFromExpr(list_make1(st_make_reference(1)), conditions ? (Node *) make_ands_explicit(conditions) : NULL);
}

/* Which joins may have made a column NULL is said anew when the text is parsed. */
static bool
clear_nulling_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Var))
		StClearNullingRels((Var *) node);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, clear_nulling_walker, arg, 0);
	return expression_tree_walker(node, clear_nulling_walker, arg);
}

bool
st_flatten_from(Query *query, bool grouped, BuildContext *build)
{
	FlattenContext context = {.build = build, .query = query};
	RangeTblEntry *first;

	(void) clear_nulling_walker((Node *) query, NULL);
	forget_joins(query);
	if (!st_unnest_sublinks(query, grouped, build))
		return false;
	st_reduce_outer_joins(query);
	while (flatten_one((Node **) &query->jointree, false, &context))
		;
	if (build->reason)
		return false;
	st_reduce_outer_joins(query);
	if (list_length(query->rtable) > 4 * ST_MAX_REFERENCES)
		return st_decline(build, psprintf("a join of more than %d relations has no delta rule", ST_MAX_REFERENCES)) != NULL;
	if (!st_build_clocks(query, build) || !st_build_outer_joins(query, build))
		return false;
	collect_references((Node *) query->jointree, &context);
	if (context.references == NIL)
		context.references = list_make1_int(add_one_row(query));
	if (!keep_references(&context))
		return false;
	if (list_length(query->rtable) > ST_MAX_REFERENCES || list_length(build->joins) > ST_MAX_REFERENCES)
		return st_decline(build, psprintf("a join of more than %d relations has no delta rule", ST_MAX_REFERENCES)) != NULL;
	first = linitial_node(RangeTblEntry, query->rtable);
	if (list_length(query->rtable) > 1 ||
		first->rtekind == RTE_FUNCTION || first->rtekind == RTE_VALUES || first->rtekind == RTE_TABLEFUNC)
		make_join(query, build);
	return st_build_clocks(query, build);
}
