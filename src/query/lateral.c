/*-------------------------------------------------------------------------
 *
 * lateral.c
 *	  LATERAL subqueries become joins.
 *
 * NOTES
 *	  A correlated aggregate is joined as a scalar subquery is (sublink.c), and
 *	  any other subquery that does more than filter and project becomes one of its
 *	  own (decorrelate.c). What only filters and projects is taken apart as it is
 *	  (from.c); where an outer join puts NULL for its columns only if these are
 *	  plain ones, since NULL is not what an expression of them is.
 *
 *	  A side of an outer join for which NULL may stand, and which joins such
 *	  items, becomes a subquery first, for the same reason; so does one with
 *	  outer joins of its own that refer to what is around it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "query/build.h"
#include "query/decorrelate.h"
#include "query/unnest.h"

/* Is this item of FROM a subquery that is correlated with its neighbours, an ungrouped aggregate or none? */
static bool
is_lateral(Query *query, Node *item, bool aggregate)
{
	RangeTblEntry *rte;

	if (!IsA(item, RangeTblRef))
		return false;
	rte = rt_fetch(((RangeTblRef *) item)->rtindex, query->rtable);
	return rte->rtekind == RTE_SUBQUERY && rte->lateral && !rte->security_barrier &&
		st_is_one_row(rte->subquery) == aggregate && st_is_correlated(rte->subquery);
}

/* An entry is a subquery that is correlated no more. */
static void
stand_alone(RangeTblEntry *rte, Query *subquery)
{
	rte->subquery = subquery;
	rte->lateral = false;
	rte->eref = makeAlias(rte->eref->aliasname, st_make_names(ExecCleanTargetListLength(subquery->targetList)));
	rte->alias = NULL;
}

static bool
has_outer_join(Query *query)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
		if (lfirst_node(RangeTblEntry, lc)->rtekind == RTE_JOIN && lfirst_node(RangeTblEntry, lc)->jointype != JOIN_INNER)
			return true;
	return false;
}

bool
st_is_taken_apart(Query *subquery, bool nullable)
{
	ListCell   *lc;

	check_stack_depth();
	if (!st_is_plain(subquery) || subquery->hasSubLinks)
		return false;
	if (nullable && (subquery->jointree->fromlist == NIL || st_outer_joins_refer_outside(subquery)))
		return false;
	foreach(lc, nullable ? subquery->targetList : NIL)
		if (!IsA(lfirst_node(TargetEntry, lc)->expr, Var) || st_refers_outside((Node *) lfirst_node(TargetEntry, lc)->expr))
			return false;
	foreach(lc, subquery->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_SUBQUERY && st_is_correlated(rte->subquery) &&
			!st_is_taken_apart(rte->subquery, nullable || has_outer_join(subquery)))
			return false;
	}
	return true;
}

/*
 * Rows for each row of "left" of such an item, if they are grouped, limited or
 * numbered, become rows of their own that are joined; "nullable" says by an
 * outer join. Returns the conditions; what only filters and projects is taken
 * apart as it is (from.c), unless NULL would have to stand for an expression.
 */
static List *
tie_lateral(UnnestContext *context, Node *left, Node *item, bool nullable)
{
	int			varno = ((RangeTblRef *) item)->rtindex;
	RangeTblEntry *rte = rt_fetch(varno, context->query->rtable);
	Query	   *subquery = rte->subquery;
	StAskers	askers = {context->query, left, list_length(context->query->rtable)};
	StCorrelation *correlation;

	if (!st_inline_ctes(subquery, &askers, context->build) ||
		st_is_taken_apart(subquery, nullable))
		return NIL;
	if (nullable && st_is_plain(subquery))
	{
		Query	   *extracted = copyObject(subquery);
		List	   *conditions = st_extract_correlation(extracted, varno);

		if (!st_is_correlated(extracted))
		{
			stand_alone(rte, extracted);
			return conditions;
		}
	}
	correlation = st_decorrelate(context->query, left, list_length(context->query->rtable), subquery, varno, context->build);
	if (correlation == NULL)
		return NIL;
	stand_alone(rte, subquery);
	return correlation->conditions;
}

/*
 * "left" joined with one row for each of its rows, that of such an item: the
 * join that takes their place. What names the item's columns is changed.
 */
static Node *
join_lateral(UnnestContext *context, Node *left, Node *item)
{
	int			varno = ((RangeTblRef *) item)->rtindex;
	RangeTblEntry *rte = rt_fetch(varno, context->query->rtable);
	Query	   *subquery = rte->subquery;
	RangeTblEntry *replaced = palloc(sizeof(RangeTblEntry));
	List	   *results;
	List	   *targets = NIL;
	ListCell   *lc;

	memcpy(replaced, rte, sizeof(RangeTblEntry));
	rte->rtekind = RTE_RESULT;
	rte->subquery = NULL;
	context->from = context->asking = left;
	context->nentries = list_length(context->query->rtable);
	results = st_join_groups(context, subquery);
	foreach(lc, results)
		targets = lappend(targets, makeTargetEntry(lfirst(lc), list_length(targets) + 1, "v", false));
	context->replaced = lappend_int(context->replaced, varno);
	context->replacements = lappend(context->replacements, targets);
	context->replaced_entries = lappend(context->replaced_entries, replaced);
	return results ? context->from : left;
}

/* ----- sides for which NULL may stand ----- */

typedef struct NestContext
{
	const Bitmapset *inside;	/* entries that become a subquery */
	int			varno;			/* as which it is read; 0: this is the
								 * subquery itself */
	List	   *columns;		/* of it: Vars of these entries */
	Index		depth;			/* levels below theirs */
} NestContext;

/* In place, since places in the tree are being held; a Var may be met twice. */
static bool
nest_walker(Node *node, void *arg)
{
	NestContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;
		bool		inside = var->varlevelsup == context->depth && bms_is_member(var->varno, context->inside);

		if (context->varno == 0 && !inside && var->varlevelsup >= context->depth)
			var->varlevelsup++;
		else if (context->varno > 0 && inside)
			st_move_var(var, context->varno, &context->columns);
		return false;
	}
	if (IsA(node, Query))
	{
		context->depth++;
		(void) query_tree_walker((Query *) node, nest_walker, arg, 0);
		context->depth--;
		return false;
	}
	return expression_tree_walker(node, nest_walker, arg);
}

/* Is any of these entries a LATERAL subquery that is not taken apart as it is? */
static bool
holds_lateral(Query *query, const Bitmapset *entries)
{
	int			varno = -1;

	while ((varno = bms_next_member(entries, varno)) >= 0)
	{
		RangeTblEntry *rte = rt_fetch(varno, query->rtable);

		if (rte->rtekind == RTE_SUBQUERY && rte->lateral && st_is_correlated(rte->subquery) &&
			!st_is_taken_apart(rte->subquery, true))
			return true;
	}
	return false;
}

/* An entry that nobody reads any more. */
static void
empty_entry(RangeTblEntry *rte)
{
	rte->rtekind = RTE_RESULT;
	rte->subquery = NULL;
	rte->functions = rte->values_lists = NIL;
	rte->tablefunc = NULL;
	rte->lateral = false;
}

/* Such a side becomes a subquery, with numbers of entries as they were. */
static void
nest_side(UnnestContext *context, Node **place)
{
	Query	   *query = context->query;
	NestContext nesting = {.inside = st_entries_below(*place, ST_REACH_ALL)};
	int			varno = list_length(query->rtable) + 1;
	Query	   *nested;

	if (IsA(*place, RangeTblRef) || (!holds_lateral(query, nesting.inside) && st_outer_joins_are_closed(query, *place)))
		return;
	nested = st_make_query(NIL, NULL, NIL);
	nested->rtable = copyObject(query->rtable);
	nested->jointree = makeFromExpr(list_make1(copyObject(*place)), NULL);
	for (int i = 1; i < varno; i++)
		empty_entry(rt_fetch(i, bms_is_member(i, nesting.inside) ? query->rtable : nested->rtable));
	(void) query_tree_walker(nested, nest_walker, &nesting, 0);
	nested->hasSubLinks = checkExprHasSubLink((Node *) nested->jointree);
	*place = st_make_reference(varno);
	nesting.varno = varno;
	(void) query_tree_walker(query, nest_walker, &nesting, 0);
	if (nesting.columns == NIL)
		nesting.columns = list_make1(makeBoolConst(true, false));
	nested->targetList = st_make_targets(nesting.columns);
	query->rtable = lappend(query->rtable, st_make_subquery_entry(nested, "side", st_make_names(list_length(nesting.columns))));
	llast_node(RangeTblEntry, query->rtable)->lateral = st_is_correlated(nested);
}

/* ----- joins ----- */

/*
 * Items of FROM to which LATERAL subqueries or conditions within a join behind
 * them may refer come in front of its first item. False: there are none, or it is nullable.
 */
static bool
put_before(UnnestContext *context, List *before, Node **place)
{
	if (!IsA(*place, JoinExpr) || (!holds_lateral(context->query, st_entries_below(*place, ST_REACH_ALL)) &&
								   st_outer_joins_are_closed(context->query, *place)))
		return false;
	while (IsA(*place, JoinExpr) &&
		   (((JoinExpr *) *place)->jointype == JOIN_INNER || ((JoinExpr *) *place)->jointype == JOIN_LEFT))
		place = &((JoinExpr *) *place)->larg;
	if (!IsA(*place, RangeTblRef))
		return false;
	*place = (Node *) makeFromExpr(lappend(before, *place), NULL);
	return true;
}

/*
 * RIGHT becomes LEFT, since what the nullable side refers to can only come in
 * front of the other one.
 */
static void
turn_right_joins(Node *item)
{
	JoinExpr   *join = (JoinExpr *) item;
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, FromExpr))
		foreach(lc, ((FromExpr *) item)->fromlist)
			turn_right_joins(lfirst(lc));
	if (!IsA(item, JoinExpr))
		return;
	if (join->jointype == JOIN_RIGHT)
	{
		Node	   *larg = join->larg;

		join->larg = join->rarg;
		join->rarg = larg;
		join->jointype = JOIN_LEFT;
	}
	turn_right_joins(join->larg);
	turn_right_joins(join->rarg);
}

/* Of one level of FROM, without RIGHT joins. */
static void
join_laterals(UnnestContext *context, Node **place)
{
	Node	   *item = *place;

	check_stack_depth();
	if (IsA(item, FromExpr))
	{
		List	   *before = NIL;
		ListCell   *lc;

		foreach(lc, ((FromExpr *) item)->fromlist)
		{
			if (before && put_before(context, before, (Node **) &lfirst(lc)))
				before = NIL;
			join_laterals(context, (Node **) &lfirst(lc));
			if (before && is_lateral(context->query, lfirst(lc), true))
			{
				before = list_make1(join_lateral(context, (Node *) makeFromExpr(before, NULL), lfirst(lc)));
				continue;
			}
			if (before && is_lateral(context->query, lfirst(lc), false))
				((FromExpr *) item)->quals =
					st_add_conditions(((FromExpr *) item)->quals,
									  tie_lateral(context, (Node *) makeFromExpr(list_copy(before), ((FromExpr *) item)->quals), lfirst(lc), false));
			before = lappend(before, lfirst(lc));
		}
		((FromExpr *) item)->fromlist = before;
	}
	else if (IsA(item, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) item;
		Const	   *always = (Const *) join->quals;
		bool		unconditional = always == NULL ||
			(IsA(always, Const) && !always->constisnull && DatumGetBool(always->constvalue));

		/*
		 * where this join puts NULL, the value for no rows must not stand in
		 */
		if (join->jointype == JOIN_LEFT || join->jointype == JOIN_FULL)
			nest_side(context, &join->rarg);
		if (join->jointype == JOIN_FULL)
			nest_side(context, &join->larg);
		if (join->jointype == JOIN_INNER || join->jointype == JOIN_LEFT)
			join_laterals(context, &join->larg);
		if (join->jointype == JOIN_INNER)
			join_laterals(context, &join->rarg);
		if ((join->jointype == JOIN_INNER || join->jointype == JOIN_LEFT) && is_lateral(context->query, join->rarg, false))
			join->quals = st_add_conditions(join->quals, tie_lateral(context, join->larg, join->rarg, join->jointype == JOIN_LEFT));
		if (is_lateral(context->query, join->rarg, true) &&
			(join->jointype == JOIN_INNER || (join->jointype == JOIN_LEFT && unconditional)))
			*place = (Node *) makeFromExpr(list_make1(join_lateral(context, join->larg, join->rarg)),
										   unconditional ? NULL : join->quals);
	}
}

void
st_join_laterals(UnnestContext *context, Node **place)
{
	turn_right_joins(*place);
	join_laterals(context, place);
}
