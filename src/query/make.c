/*-------------------------------------------------------------------------
 *
 * make.c
 *	  Pieces of query trees, as the rules put them together.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_clause.h"
#include "parser/parse_oper.h"
#include "utils/fmgroids.h"

#include "query/make.h"

Node *
st_make_reference(int varno)
{
	RangeTblRef *ref = makeNode(RangeTblRef);

	ref->rtindex = varno;
	return (Node *) ref;
}

Query *
st_make_query(List *rtable, Node *quals, List *targets)
{
	Query	   *query = makeNode(Query);
	List	   *from = NIL;

	for (int varno = 1; varno <= list_length(rtable); varno++)
		from = lappend(from, st_make_reference(varno));
	query->commandType = CMD_SELECT;
	query->querySource = QSRC_ORIGINAL;
	query->canSetTag = true;
	query->rtable = rtable;
	query->jointree = makeFromExpr(from, quals);
	query->targetList = targets;
	query->hasTargetSRFs = expression_returns_set((Node *) targets);
	return query;
}

List *
st_make_names(int n)
{
	List	   *names = NIL;

	for (int i = 1; i <= n; i++)
		names = lappend(names, makeString(psprintf("c%d", i)));
	return names;
}

List *
st_make_targets(List *exprs)
{
	List	   *targets = NIL;
	ListCell   *lc;
	int			column = 1;

	foreach(lc, exprs)
	{
		targets = lappend(targets, makeTargetEntry(lfirst(lc), column, psprintf("c%d", column), false));
		column++;
	}
	return targets;
}

void
st_unname_window(WindowClause *window)
{
	window->name = window->refname = NULL;
	window->copiedOrder = false;
}

SortGroupClause *
st_make_group_clause(TargetEntry *target, List *targets)
{
	SortGroupClause *clause = makeNode(SortGroupClause);

	clause->tleSortGroupRef = assignSortGroupRef(target, targets);
	get_sort_group_operators(exprType((Node *) target->expr), false, true, false, &clause->sortop, &clause->eqop,
							 NULL, &clause->hashable);
	return clause;
}

RangeTblEntry *
st_make_subquery_entry(Query *subquery, const char *name, List *columns)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = subquery;
	rte->inFromCl = true;
	rte->eref = makeAlias(name, columns);
	return rte;
}

void
st_stand_on(Query *query, Query *below, List *names, List *targets, Node *quals)
{
	query->targetList = targets;
	query->rtable = list_make1(st_make_subquery_entry(below, "b", names));
#ifdef ST_HAVE_PERMINFOS
	query->rteperminfos = NIL;
	below->rteperminfos = NIL;
#endif
	query->jointree = makeFromExpr(list_make1(st_make_reference(1)), quals);
	query->groupClause = NIL;
	query->groupingSets = NIL;
	query->havingQual = NULL;
	query->hasAggs = false;
}

RangeTblEntry *
st_make_with_entry(const char *with, const char *alias, List *columns)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_CTE;
	rte->ctename = pstrdup(with);
	rte->inFromCl = true;
	rte->alias = makeAlias(alias, NIL);
	rte->eref = makeAlias(alias, columns);
	return rte;
}

List *
st_entry_arguments(const RangeTblEntry *rte)
{
	return list_make3(rte->functions, rte->values_lists, rte->tablefunc);
}

Aggref *
st_make_count(void)
{
	Aggref	   *count = makeNode(Aggref);

	count->aggfnoid = F_COUNT_;
	count->aggtype = INT8OID;
	count->aggstar = true;
	count->aggkind = AGGKIND_NORMAL;
	count->aggno = count->aggtransno = -1;
	count->location = -1;
	return count;
}

int
st_position_in(List **exprs, Node *expr)
{
	ListCell   *lc;

	foreach(lc, *exprs)
		if (equal(lfirst(lc), expr))
			return foreach_current_index(lc) + 1;
	*exprs = lappend(*exprs, expr);
	return list_length(*exprs);
}

void
st_move_var(Var *var, int varno, List **columns)
{
	Var		   *column = copyObject(var);

	column->varlevelsup = 0;
	var->varno = varno;
	var->varattno = st_position_in(columns, (Node *) column);
	var->varnosyn = 0;
	var->varattnosyn = 0;
}

static bool
goes_into(const JoinExpr *join, bool left, StReach reach)
{
	switch (reach)
	{
		case ST_REACH_INNER:
			return join->jointype == JOIN_INNER;
		case ST_REACH_PRESERVED:
			return join->jointype != (left ? JOIN_RIGHT : JOIN_LEFT);
		default:
			return true;
	}
}

Bitmapset *
st_entries_below(Node *item, StReach reach)
{
	Bitmapset  *result = NULL;
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, RangeTblRef))
		return bms_make_singleton(((RangeTblRef *) item)->rtindex);
	if (IsA(item, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) item;

		if (goes_into(join, true, reach))
			result = st_entries_below(join->larg, reach);
		if (goes_into(join, false, reach))
			result = bms_join(result, st_entries_below(join->rarg, reach));
		return result;
	}
	foreach(lc, castNode(FromExpr, item)->fromlist)
		result = bms_join(result, st_entries_below(lfirst(lc), reach));
	return result;
}

List *
st_inner_conditions(Node *item)
{
	List	   *result = NIL;
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, FromExpr))
	{
		foreach(lc, ((FromExpr *) item)->fromlist)
			result = list_concat(result, st_inner_conditions(lfirst(lc)));
		return list_concat_copy(result, make_ands_implicit((Expr *) ((FromExpr *) item)->quals));
	}
	if (IsA(item, JoinExpr) && ((JoinExpr *) item)->jointype == JOIN_INNER)
	{
		JoinExpr   *join = (JoinExpr *) item;

		result = list_concat(st_inner_conditions(join->larg), st_inner_conditions(join->rarg));
		return list_concat_copy(result, make_ands_implicit((Expr *) join->quals));
	}
	return NIL;
}

WindowClause *
st_window_of(Query *query, WindowFunc *function)
{
	ListCell   *lc;

	foreach(lc, query->windowClause)
		if (lfirst_node(WindowClause, lc)->winref == function->winref)
			return lfirst_node(WindowClause, lc);
	elog(ERROR, "window %u is not there", function->winref);
}
