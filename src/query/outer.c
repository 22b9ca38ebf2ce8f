/*-------------------------------------------------------------------------
 *
 * outer.c
 *	  Outer, semi and anti joins of FROM become joins of two references.
 *
 * NOTES
 *	  Semi and anti joins are JoinExprs of the planner's join types, as which
 *	  sublink.c writes them. From the leaves up, every such join whose sides are
 *	  one reference each becomes an StJoin, which the rest of the query reads as
 *	  one more reference; a side of several references, or with conditions of its
 *	  own, becomes a join first. What remains above are inner joins.
 *
 *	  Conditions of WHERE on the preserved side alone go below the join, and so
 *	  do those of ON on the other side: fewer rows are looked up.
 *
 *	  A LATERAL subquery that has been taken apart, or a domain that a subquery is
 *	  evaluated over (decorrelate.c), leaves items of FROM to which conditions of
 *	  ON in a join behind them refer. Such an item is joined with the side of
 *	  that join that is preserved: d, (a LEFT JOIN b ON p(d, a, b)) has the rows
 *	  of (d, a) LEFT JOIN b ON p(d, a, b).
 *
 *	  The delta of such a join asks which rows of the preserved side are joined
 *	  with a changed row of the other side, and must tell equal rows apart (rule
 *	  E3). They are known by their place in storage; of what is not stored in the
 *	  end, as VALUES, UNION ALL or a slice, a state of its distinct rows and
 *	  their numbers is preserved instead, and repeated above the join.
 *
 *	  The query is changed in place.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"

#include "compat.h"
#include "query/build.h"

/* ----- reduction ----- */

/*
 * As reduce_outer_joins in PostgreSQL's prepjointree.c; "nonnullable" are
 * entries whose columns some strict condition above needs. RIGHT becomes LEFT.
 */
static void
reduce(Node *item, Bitmapset *nonnullable)
{
	JoinExpr   *join = (JoinExpr *) item;
	Bitmapset  *own;
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, FromExpr))
	{
		nonnullable = bms_union(nonnullable, find_nonnullable_rels(((FromExpr *) item)->quals));
		foreach(lc, ((FromExpr *) item)->fromlist)
			reduce(lfirst(lc), nonnullable);
		return;
	}
	if (!IsA(item, JoinExpr))
		return;
	if (join->jointype == JOIN_FULL)
	{
		bool		left = bms_overlap(nonnullable, st_entries_below(join->larg, ST_REACH_ALL));
		bool		right = bms_overlap(nonnullable, st_entries_below(join->rarg, ST_REACH_ALL));

		if (left)
			join->jointype = right ? JOIN_INNER : JOIN_LEFT;
		else if (right)
			join->jointype = JOIN_RIGHT;
	}
	if (join->jointype == JOIN_RIGHT)
	{
		Node	   *larg = join->larg;

		join->larg = join->rarg;
		join->rarg = larg;
		join->jointype = JOIN_LEFT;
	}
	if (join->jointype == JOIN_LEFT && bms_overlap(nonnullable, st_entries_below(join->rarg, ST_REACH_ALL)))
		join->jointype = JOIN_INNER;

	own = find_nonnullable_rels(join->quals);
	switch (join->jointype)
	{
		case JOIN_INNER:
		case JOIN_SEMI:
			own = bms_join(own, bms_copy(nonnullable));
			reduce(join->larg, own);
			reduce(join->rarg, own);
			break;
		case JOIN_LEFT:
		case JOIN_ANTI:
			reduce(join->larg, nonnullable);
			reduce(join->rarg, own);
			break;
		default:
			reduce(join->larg, NULL);
			reduce(join->rarg, NULL);
	}
}

void
st_reduce_outer_joins(Query *query)
{
	reduce((Node *) query->jointree, NULL);
}

/* Entries that a function or VALUES takes its arguments from. */
static Bitmapset *
arguments_of(RangeTblEntry *rte)
{
	return pull_varnos(NULL, (Node *) st_entry_arguments(rte));
}

/* Are all arguments of what is read below an item of FROM from there? */
static bool
is_closed(Query *query, Bitmapset *below)
{
	int			varno = -1;

	while ((varno = bms_next_member(below, varno)) >= 0)
		if (!bms_is_subset(arguments_of(rt_fetch(varno, query->rtable)), below))
			return false;
	return true;
}

/* ----- items that go below ----- */

/*
 * Add the entries outside of an item that it cannot be read without: those that
 * conditions and functions of outer, semi and anti joins in it refer to.
 */
static Bitmapset *
add_needs(Query *query, Node *item, bool within, Bitmapset *needs)
{
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, RangeTblRef))
		return within ? bms_add_members(needs, arguments_of(rt_fetch(((RangeTblRef *) item)->rtindex, query->rtable))) : needs;
	if (IsA(item, FromExpr))
		foreach(lc, ((FromExpr *) item)->fromlist)
			needs = add_needs(query, lfirst(lc), within, needs);
	else
	{
		within = within || ((JoinExpr *) item)->jointype != JOIN_INNER;
		needs = add_needs(query, ((JoinExpr *) item)->larg, within, needs);
		needs = add_needs(query, ((JoinExpr *) item)->rarg, within, needs);
	}
	return within ? bms_add_members(needs, pull_varnos(NULL, IsA(item, FromExpr) ? ((FromExpr *) item)->quals : ((JoinExpr *) item)->quals)) : needs;
}

bool
st_outer_joins_are_closed(Query *query, Node *item)
{
	return bms_is_subset(add_needs(query, item, false, NULL), st_entries_below(item, ST_REACH_ALL));
}

/* Of items of FROM those that are needed, and those that these need. */
static List *
take_needed(Query *query, List **items, Bitmapset *needs)
{
	List	   *rest = NIL;
	List	   *taken = NIL;

	/* an item only needs what stands before it */
	for (int i = list_length(*items) - 1; i >= 0; i--)
	{
		Node	   *item = list_nth(*items, i);

		if (bms_overlap(needs, st_entries_below(item, ST_REACH_ALL)))
		{
			taken = lcons(item, taken);
			needs = add_needs(query, item, true, needs);
		}
		else
			rest = lcons(item, rest);
	}
	*items = rest;
	return taken;
}

static void
join_needed(Query *query, Node **place)
{
	JoinExpr   *join = (JoinExpr *) *place;
	List	   *before = NIL;
	FromExpr   *from;
	ListCell   *lc;

	check_stack_depth();
	if (IsA(join, RangeTblRef))
		return;
	if (IsA(join, JoinExpr) && join->jointype != JOIN_INNER)
	{
		join_needed(query, &join->larg);
		join_needed(query, &join->rarg);
		return;
	}
	if (IsA(join, JoinExpr))
		*place = (Node *) makeFromExpr(list_make2(join->larg, join->rarg), join->quals);
	from = castNode(FromExpr, *place);
	foreach(lc, from->fromlist)
	{
		JoinExpr   *item = lfirst(lc);
		List	   *taken = NIL;

		if (before && (IsA(item, FromExpr) || (IsA(item, JoinExpr) && item->jointype != JOIN_FULL)))
			taken = take_needed(query, &before, add_needs(query, (Node *) item, false, NULL));
		if (taken && IsA(item, JoinExpr) && item->jointype != JOIN_INNER)
			item->larg = (Node *) makeFromExpr(lappend(taken, item->larg), NULL);
		else if (taken && IsA(item, JoinExpr))
			lfirst(lc) = makeFromExpr(lappend(lappend(taken, item->larg), item->rarg), item->quals);
		else if (taken)
			((FromExpr *) item)->fromlist = list_concat(taken, ((FromExpr *) item)->fromlist);
		join_needed(query, (Node **) &lfirst(lc));
		before = lappend(before, lfirst(lc));
	}
	from->fromlist = before;
}

/* ----- conditions that go below ----- */

static List *
quals_of(Node *item)
{
	Node	   *quals = IsA(item, FromExpr) ? ((FromExpr *) item)->quals : ((JoinExpr *) item)->quals;

	return make_ands_implicit((Expr *) quals);
}

static void
set_quals(Node *item, List *quals)
{
	Node	   *all = quals ? (Node *) make_ands_explicit(quals) : NULL;

	if (IsA(item, FromExpr))
		((FromExpr *) item)->quals = all;
	else
		((JoinExpr *) item)->quals = all;
}

/*
 * Hand conditions down to where all that they name is read, but not into the
 * nullable side of a join. Returns those that found no place.
 */
static List *
push_down(Query *query, Node **place, List *quals)
{
	Node	   *item = *place;
	List	   *rest = NIL;
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, FromExpr) || (IsA(item, JoinExpr) && ((JoinExpr *) item)->jointype == JOIN_INNER))
	{
		rest = list_concat(quals_of(item), quals);
		if (IsA(item, FromExpr))
			foreach(lc, ((FromExpr *) item)->fromlist)
				rest = push_down(query, (Node **) &lfirst(lc), rest);
		else
		{
			rest = push_down(query, &((JoinExpr *) item)->larg, rest);
			rest = push_down(query, &((JoinExpr *) item)->rarg, rest);
		}
		set_quals(item, rest);
		return NIL;
	}
	if (IsA(item, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) item;
		Bitmapset  *below = st_entries_below(join->larg, ST_REACH_ALL);
		List	   *down = NIL;
		List	   *own;
		List	   *stay = NIL;
		bool		closed;

		foreach(lc, quals)
		{
			Bitmapset  *varnos = pull_varnos(NULL, lfirst(lc));

			if (join->jointype != JOIN_FULL && !bms_is_empty(varnos) && bms_is_subset(varnos, below))
				down = lappend(down, lfirst(lc));
			else
				rest = lappend(rest, lfirst(lc));
		}
		down = push_down(query, &join->larg, down);
		if (down)
			join->larg = (Node *) makeFromExpr(list_make1(join->larg), (Node *) make_ands_explicit(down));

		/* its own conditions on the other side only filter that */
		own = quals_of(item);
		down = NIL;
		below = st_entries_below(join->rarg, ST_REACH_ALL);
		closed = join->jointype != JOIN_FULL && is_closed(query, below);
		foreach(lc, own)
		{
			Bitmapset  *varnos = pull_varnos(NULL, lfirst(lc));

			if (closed && !bms_is_empty(varnos) && bms_is_subset(varnos, below))
				down = lappend(down, lfirst(lc));
			else
				stay = lappend(stay, lfirst(lc));
		}
		set_quals(item, stay);
		down = push_down(query, &join->rarg, down);
		if (down)
			join->rarg = (Node *) makeFromExpr(list_make1(join->rarg), (Node *) make_ands_explicit(down));
		return rest;
	}
	return quals;
}

/* ----- joins ----- */

typedef struct EncloseContext
{
	Bitmapset  *inside;			/* entries that the join replaces */
	int			varno;			/* its own number */
	int			sublevels_up;
	List	   *columns;		/* Vars of entries inside that are used
								 * outside */
} EncloseContext;

/* Columns of enclosed entries become the join's own, added at the first use. */
static bool
enclose_walker(Node *node, void *arg)
{
	EncloseContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varlevelsup != context->sublevels_up || !bms_is_member(var->varno, context->inside))
			return false;
		st_move_var(var, context->varno, &context->columns);
		return false;
	}
	if (IsA(node, Query))
	{
		context->sublevels_up++;
		(void) query_tree_walker((Query *) node, enclose_walker, arg, 0);
		context->sublevels_up--;
		return false;
	}
	return expression_tree_walker(node, enclose_walker, arg);
}

/* Put an entry that reads nothing in the place of one that has moved into a join. */
static RangeTblEntry *
take_entry(Query *query, int varno)
{
	ListCell   *cell = list_nth_cell(query->rtable, varno - 1);
	RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);
	RangeTblEntry *empty = makeNode(RangeTblEntry);

	empty->rtekind = RTE_RESULT;
	empty->eref = makeAlias("moved", NIL);
	lfirst(cell) = empty;
#ifdef ST_HAVE_PERMINFOS
	rte->perminfoindex = 0;
#endif
	return rte;
}

/*
 * The references "varnos" under the conditions "quals" become one, which takes
 * the place of "*place". False: declined.
 */
static bool
enclose(Query *query, StJoinKind kind, List *varnos, List *quals, Node **place, BuildContext *build)
{
	EncloseContext context = {.varno = list_length(query->rtable) + 1};
	int		   *numbers = palloc0(sizeof(int) * (list_length(query->rtable) + 1));
	Bitmapset  *needs = pull_varnos(NULL, (Node *) quals);
	List	   *entries = NIL;
	Query	   *flat;
	ListCell   *lc;

	foreach(lc, varnos)
	{
		RangeTblEntry *rte = take_entry(query, lfirst_int(lc));

		if (!st_check_reference(rte, build))
			return false;
		entries = lappend(entries, rte);
		context.inside = bms_add_member(context.inside, lfirst_int(lc));
		needs = bms_add_members(needs, arguments_of(rte));
		numbers[lfirst_int(lc)] = list_length(entries);
	}
	if (!bms_is_subset(needs, context.inside))
		return st_decline(build, "an outer join that refers to other items of FROM has no delta rule yet") != NULL;
	flat = st_make_query(entries, quals ? (Node *) make_ands_explicit(quals) : NULL, NIL);

	*place = st_make_reference(context.varno);
	(void) enclose_walker((Node *) query->targetList, &context);
	(void) enclose_walker(query->havingQual, &context);
	(void) enclose_walker((Node *) query->jointree, &context);
	(void) range_table_walker(query->rtable, enclose_walker, &context, 0);
	/* a query without columns cannot be printed and parsed again */
	if (context.columns == NIL)
		context.columns = list_make1(makeBoolConst(true, false));
	flat->targetList = st_make_targets(context.columns);

	st_check_columns((Node *) flat->targetList, build);
	st_check_columns(flat->jointree->quals, build);
	st_check_range_table(flat->rtable, build);
	if (build->reason)
		return false;
	st_renumber_entries((Node *) flat->targetList, numbers);
	st_renumber_entries(flat->jointree->quals, numbers);
	st_renumber_range_table(flat->rtable, numbers);
	query->rtable = lappend(query->rtable, st_add_join(build, kind, flat));
	return true;
}

static void
collect(Node *item, List **varnos, List **quals)
{
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, RangeTblRef))
	{
		*varnos = lappend_int(*varnos, ((RangeTblRef *) item)->rtindex);
		return;
	}
	if (IsA(item, JoinExpr))
	{
		collect(((JoinExpr *) item)->larg, varnos, quals);
		collect(((JoinExpr *) item)->rarg, varnos, quals);
	}
	else
		foreach(lc, ((FromExpr *) item)->fromlist)
			collect(lfirst(lc), varnos, quals);
	*quals = list_concat(*quals, quals_of(item));
}

/*
 * One side of a join becomes a single reference. Conditions in it that name the
 * other side move to the join.
 */
static bool
make_side(Query *query, JoinExpr *join, Node **place, BuildContext *build)
{
	List	   *varnos = NIL;
	List	   *quals = NIL;
	List	   *own = NIL;
	List	   *hoisted = quals_of((Node *) join);
	Bitmapset  *inside = st_entries_below(*place, ST_REACH_ALL);
	ListCell   *lc;

	if (IsA(*place, RangeTblRef))
		return true;
	collect(*place, &varnos, &quals);
	foreach(lc, quals)
	{
		if (bms_is_subset(pull_varnos(NULL, lfirst(lc)), inside))
			own = lappend(own, lfirst(lc));
		else
			hoisted = lappend(hoisted, lfirst(lc));
	}
	if (hoisted && place == &join->larg && list_length(hoisted) > list_length(quals_of((Node *) join)))
		return st_decline(build, "an outer join within LATERAL has no delta rule yet") != NULL;
	set_quals((Node *) join, hoisted);
	if (list_length(varnos) == 1 && own == NIL)
	{
		*place = st_make_reference(linitial_int(varnos));
		return true;
	}
	if (varnos == NIL)
		return st_decline(build, "an outer join of a query without a table has no delta rule yet") != NULL;
	if (!is_closed(query, inside))
		return st_decline(build, "a function that refers to the other side of an outer join has no delta rule yet") != NULL;
	return enclose(query, ST_JOIN_INNER, varnos, own, place, build);
}

/* See st_entry_expose_identity(). */
static bool
has_identity(RangeTblEntry *rte, BuildContext *build)
{
	StJoin	   *join = st_find_join(build, rte);
	ListCell   *lc;

	check_stack_depth();
	if (rte->rtekind == RTE_RELATION || rte->rtekind == RTE_JOIN || st_node_leaf_ordinal(rte) >= 0)
		return true;
	if (rte->rtekind != RTE_SUBQUERY || (join && join->kind == ST_JOIN_SLICE) || rte->subquery->setOperations || rte->subquery->hasTargetSRFs)
		return false;
	foreach(lc, rte->subquery->rtable)
		if (!has_identity(lfirst_node(RangeTblEntry, lc), build))
			return false;
	return true;
}

/*
 * A reference whose rows cannot be told apart becomes a state of its distinct
 * rows and how many there are of each: these are known by their place in it.
 * Returns the entry of a function that gives so many rows for one of the state;
 * 0: declined.
 */
static int
store_side(Query *query, Node **place, BuildContext *build)
{
	int			varno = castNode(RangeTblRef, *place)->rtindex;
	EncloseContext context = {.inside = bms_make_singleton(varno), .varno = list_length(query->rtable) + 1};
	RangeTblEntry *rte = take_entry(query, varno);
	List	   *exprs = NIL;
	Query	   *grouping;
	Query	   *linear;
	RangeTblEntry *repeat = makeNode(RangeTblEntry);
	RangeTblFunction *function = makeNode(RangeTblFunction);
	CoalesceExpr *times = makeNode(CoalesceExpr);
	Const	   *one = makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(1), false, FLOAT8PASSBYVAL);
	ListCell   *lc;

	if (!st_check_reference(rte, build) || rte->lateral)
	{
		(void) st_decline(build, "an outer, semi or anti join preserves rows that are not stored: it has no delta rule yet");
		return 0;
	}
	(void) enclose_walker((Node *) query->targetList, &context);
	(void) enclose_walker(query->havingQual, &context);
	(void) enclose_walker((Node *) query->jointree, &context);
	(void) range_table_walker(query->rtable, enclose_walker, &context, 0);
	grouping = st_make_query(list_make1(rte), NULL, NIL);
	foreach(lc, context.columns)
	{
		lfirst_node(Var, lc)->varno = 1;
		st_check_columns(lfirst(lc), build);
		exprs = lappend(exprs, lfirst(lc));
	}
	foreach(lc, context.columns)
	{
		Node	   *image = st_image_of(lfirst(lc), grouping->rtable);

		if (image)
			exprs = lappend(exprs, image);
	}
	grouping->targetList = st_make_targets(lappend(list_copy(exprs), st_make_count()));
	grouping->hasAggs = true;
	for (int i = 0; i < list_length(exprs); i++)
	{
		SortGroupClause *clause = st_make_group_clause(list_nth(grouping->targetList, i), grouping->targetList);

		if (!OidIsValid(clause->eqop))
			(void) st_decline(build, "an outer, semi or anti join preserves rows that cannot be compared: it has no delta rule");
		grouping->groupClause = lappend(grouping->groupClause, clause);
	}
	linear = build->reason ? NULL : st_linearize(grouping, build);
	if (linear == NULL)
		return 0;
	query->rtable = lappend(query->rtable, st_make_subquery_entry(linear, "side", st_make_names(list_length(exprs) + 1)));
	*place = st_make_reference(context.varno);

	times->coalescetype = INT8OID;
	times->args = list_make2(makeVar(context.varno, list_length(exprs) + 1, INT8OID, -1, InvalidOid, 0), copyObject(one));
	times->location = -1;
	function->funcexpr = (Node *) makeFuncExpr(F_GENERATE_SERIES_INT8_INT8, INT8OID, list_make2(one, times),
											   InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
	((FuncExpr *) function->funcexpr)->funcretset = true;
	function->funccolcount = 1;
	repeat->rtekind = RTE_FUNCTION;
	repeat->functions = list_make1(function);
	repeat->lateral = true;
	repeat->inFromCl = true;
	repeat->eref = makeAlias("repeat", list_make1(makeString("n")));
	query->rtable = lappend(query->rtable, repeat);
	return list_length(query->rtable);
}

static bool
build_joins(Query *query, Node **place, BuildContext *build)
{
	Node	   *item = *place;
	JoinExpr   *join = (JoinExpr *) item;
	StJoinKind	kind;
	ListCell   *lc;
	RangeTblEntry *left;
	RangeTblEntry *right;
	List	   *repeats = NIL;

	check_stack_depth();
	if (IsA(item, FromExpr))
	{
		foreach(lc, ((FromExpr *) item)->fromlist)
			if (!build_joins(query, (Node **) &lfirst(lc), build))
				return false;
		return true;
	}
	if (!IsA(item, JoinExpr))
		return true;
	if (!build_joins(query, &join->larg, build) || !build_joins(query, &join->rarg, build))
		return false;
	switch (join->jointype)
	{
		case JOIN_INNER:
			return true;
		case JOIN_LEFT:
			kind = ST_JOIN_LEFT;
			break;
		case JOIN_FULL:
			kind = ST_JOIN_FULL;
			break;
		case JOIN_SEMI:
			kind = ST_JOIN_SEMI;
			break;
		case JOIN_ANTI:
			kind = ST_JOIN_ANTI;
			break;
		default:
			elog(ERROR, "unexpected join type %d", (int) join->jointype);
	}
	if (!make_side(query, join, &join->larg, build) || !make_side(query, join, &join->rarg, build))
		return false;
	left = rt_fetch(castNode(RangeTblRef, join->larg)->rtindex, query->rtable);
	right = rt_fetch(castNode(RangeTblRef, join->rarg)->rtindex, query->rtable);
	for (int side = 0; side < (kind == ST_JOIN_FULL ? 2 : 1); side++)
	{
		Node	  **reference = side == 0 ? &join->larg : &join->rarg;
		int			repeat;

		if (has_identity(side == 0 ? left : right, build))
			continue;
		repeat = store_side(query, reference, build);
		if (repeat == 0)
			return false;
		repeats = lappend(repeats, st_make_reference(repeat));
	}
	left = rt_fetch(castNode(RangeTblRef, join->larg)->rtindex, query->rtable);
	right = rt_fetch(castNode(RangeTblRef, join->rarg)->rtindex, query->rtable);
	if (!bms_is_empty(arguments_of(right)) && kind != ST_JOIN_LEFT)
		return st_decline(build, "a function that refers to the other side of a join has no delta rule yet") != NULL;
	if (!enclose(query, kind,
				 list_make2_int(castNode(RangeTblRef, join->larg)->rtindex,
								castNode(RangeTblRef, join->rarg)->rtindex),
				 quals_of(item), place, build))
		return false;
	if (repeats)
		*place = (Node *) makeFromExpr(lcons(*place, repeats), NULL);
	return true;
}

bool
st_build_outer_joins(Query *query, BuildContext *build)
{
	join_needed(query, (Node **) &query->jointree);
	(void) push_down(query, (Node **) &query->jointree, NIL);
	return build_joins(query, (Node **) &query->jointree, build);
}

/* ----- the written form ----- */

/*
 * ruleutils wants to know which columns of its sides a JOIN has, though nobody
 * names them by it.
 */
static void
describe_join(Query *query)
{
	RangeTblEntry *join = llast_node(RangeTblEntry, query->rtable);

	join->joinaliasvars = NIL;
	join->joinleftcols = NIL;
	join->joinrightcols = NIL;
	join->joinmergedcols = 0;
	join->eref = makeAlias("unnamed_join", NIL);
	for (int varno = 1; varno <= 2; varno++)
	{
		List	   *names;
		List	   *vars;
		ListCell   *lc;

		StExpandRTE(rt_fetch(varno, query->rtable), varno, &names, &vars);
		foreach(lc, vars)
		{
			AttrNumber	column = lfirst_node(Var, lc)->varattno;

			/*
			 * to ruleutils, a column that a table got since is none of the
			 * JOIN
			 */
			if (column > list_length(rt_fetch(varno, query->rtable)->eref->colnames))
				continue;
			if (varno == 1)
				join->joinleftcols = lappend_int(join->joinleftcols, column);
			else
				join->joinrightcols = lappend_int(join->joinrightcols, column);
			join->joinaliasvars = lappend(join->joinaliasvars, lfirst(lc));
			join->eref->colnames = lappend(join->eref->colnames, list_nth(names, foreach_current_index(lc)));
		}
	}
}

/* The condition as it reads inside of EXISTS: the first reference is one level up. */
static bool
descend_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varno == 1)
			var->varlevelsup = 1;
		else
			var->varno = 1;
		return false;
	}
	return expression_tree_walker(node, descend_walker, arg);
}

Query *
st_join_print_form(StJoinKind kind, const Query *flat)
{
	Query	   *query = castNode(Query, copyObjectImpl(flat));
	Node	   *quals = query->jointree->quals;

	if (kind == ST_JOIN_LEFT || kind == ST_JOIN_FULL)
	{
		RangeTblEntry *rte = makeNode(RangeTblEntry);
		JoinExpr   *join = makeNode(JoinExpr);

		join->jointype = kind == ST_JOIN_LEFT ? JOIN_LEFT : JOIN_FULL;
		join->larg = linitial(query->jointree->fromlist);
		join->rarg = lsecond(query->jointree->fromlist);
		join->quals = quals ? quals : makeBoolConst(true, false);
		join->rtindex = 3;
		rte->rtekind = RTE_JOIN;
		rte->jointype = join->jointype;
		rte->inFromCl = true;
		query->rtable = lappend(query->rtable, rte);
		describe_join(query);
		query->jointree = makeFromExpr(list_make1(join), NULL);
	}
	else
	{
		SubLink    *exists = makeNode(SubLink);

		(void) descend_walker(quals, NULL);
		exists->subLinkType = EXISTS_SUBLINK;
		exists->subselect = (Node *)
			st_make_query(list_make1(lsecond(query->rtable)), quals,
						  list_make1(makeTargetEntry((Expr *) makeBoolConst(true, false), 1, "m", false)));
		exists->location = -1;
		query->rtable = list_make1(linitial(query->rtable));
		query->jointree = makeFromExpr(list_make1(st_make_reference(1)),
									   kind == ST_JOIN_SEMI ? (Node *) exists :
									   (Node *) makeBoolExpr(NOT_EXPR, list_make1(exists), -1));
		query->hasSubLinks = true;
	}
	return query;
}

/* ----- identity of rows within one statement ----- */

static void
add_column_name(RangeTblEntry *rte, char *name)
{
	rte->eref->colnames = lappend(rte->eref->colnames, makeString(name));
	if (rte->alias && rte->alias->colnames)
		rte->alias->colnames = lappend(rte->alias->colnames, makeString(pstrdup(name)));
}

static List *
expose_query(Query *query)
{
	List	   *vars = NIL;
	ListCell   *lc;
	int			varno = 1;

	check_stack_depth();
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_JOIN)
			describe_join(query);
		else
			vars = list_concat(vars, st_entry_expose_identity(rte, varno));
		varno++;
	}
	return vars;
}

List *
st_entry_expose_identity(RangeTblEntry *rte, int varno)
{
	List	   *vars = NIL;
	ListCell   *lc;

	if (rte->rtekind == RTE_RELATION)
		return list_make2(makeVar(varno, TableOidAttributeNumber, OIDOID, -1, InvalidOid, 0),
						  makeVar(varno, SelfItemPointerAttributeNumber, TIDOID, -1, InvalidOid, 0));
	if (rte->rtekind == RTE_CTE)
	{
		add_column_name(rte, ST_IDENTITY_COLUMN);
		rte->coltypes = lappend_oid(rte->coltypes, TIDOID);
		rte->coltypmods = lappend_int(rte->coltypmods, -1);
		rte->colcollations = lappend_oid(rte->colcollations, InvalidOid);
		return list_make1(makeVar(varno, list_length(rte->eref->colnames), TIDOID, -1, InvalidOid, 0));
	}
	foreach(lc, expose_query(rte->subquery))
	{
		Var		   *var = lfirst_node(Var, lc);
		List	  **targets = &rte->subquery->targetList;
		char	   *name = psprintf(ST_IDENTITY_COLUMN "%d", list_length(*targets) + 1);

		*targets = lappend(*targets, makeTargetEntry((Expr *) var, list_length(*targets) + 1, name, false));
		add_column_name(rte, pstrdup(name));
		vars = lappend(vars, makeVar(varno, list_length(*targets), var->vartype, -1, InvalidOid, 0));
	}
	return vars;
}
