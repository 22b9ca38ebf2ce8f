/*-------------------------------------------------------------------------
 *
 * untie.c
 *	  Correlated set operations and recursions, over their domain.
 *
 * NOTES
 *	  UNION, INTERSECT and EXCEPT compare rows, and so does the UNION of a
 *	  recursion. If each row says as well for which value of the domain it is,
 *	  rows of different values are different, and one set operation does what
 *	  would be done for each value by itself.
 *
 *	  So each arm becomes a join of the domain with the arm as it is, LATERAL,
 *	  which is taken apart as any (decorrelate.c). In the term of a recursion
 *	  that recurses the values come from the row that it goes on from.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "query/decorrelate.h"
#include "query/source_facts.h"
#include "query/unnest.h"
#include "query/untie.h"

/* ----- arms ----- */

/* An arm, so many levels below one directly within that of the askers, with the domain's columns behind its own. */
static Query *
join_domain(Query *arm, const StDomain *domain, Index depth)
{
	RangeTblEntry *entry = st_make_domain_entry(domain);
	List	   *targets = NIL;
	RangeTblEntry *rte;
	ListCell   *lc;

	/* a reference to what is outside is now one to the level around */
	if (depth > 1)
		IncrementVarSublevelsUp((Node *) arm, -(int) (depth - 1), depth + 1);
	st_ask_entry(arm, domain, 1, 0, 1);
	rte = st_make_subquery_entry(arm, "arm", NIL);
	rte->lateral = st_is_correlated(arm);
	foreach(lc, arm->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk)
			continue;
		targets = lappend(targets, makeTargetEntry((Expr *) makeVarFromTargetEntry(2, tle), list_length(targets) + 1,
												   tle->resname, false));
	}
	rte->eref->colnames = st_make_names(list_length(arm->targetList));
	foreach(lc, entry->subquery->targetList)
		targets = lappend(targets, makeTargetEntry((Expr *) makeVarFromTargetEntry(1, lfirst_node(TargetEntry, lc)),
												   list_length(targets) + 1, psprintf("k%d", foreach_current_index(lc) + 1), false));
	return st_make_query(list_make2(entry, rte), NULL, targets);
}

/* A set operation of arms, and those within it, have the domain's columns as well. */
static void
combine_columns(SetOperationStmt *setop, const StDomain *domain)
{
	ListCell   *lc;

	check_stack_depth();
	if (!IsA(setop, SetOperationStmt))
		return;
	foreach(lc, domain->query->targetList)
	{
		Node	   *expr = (Node *) lfirst_node(TargetEntry, lc)->expr;

		setop->colTypes = lappend_oid(setop->colTypes, exprType(expr));
		setop->colTypmods = lappend_int(setop->colTypmods, exprTypmod(expr));
		setop->colCollations = lappend_oid(setop->colCollations, exprCollation(expr));
		if (setop->groupClauses)
			setop->groupClauses = lappend(setop->groupClauses, makeSortGroupClauseForSetOp(exprType(expr), false));
	}
	combine_columns((SetOperationStmt *) setop->larg, domain);
	combine_columns((SetOperationStmt *) setop->rarg, domain);
}

static void
join_domain_to_arms(Query *query, Node *place, const StDomain *domain, Index depth)
{
	check_stack_depth();
	if (IsA(place, SetOperationStmt))
	{
		join_domain_to_arms(query, ((SetOperationStmt *) place)->larg, domain, depth);
		join_domain_to_arms(query, ((SetOperationStmt *) place)->rarg, domain, depth);
	}
	else
	{
		RangeTblEntry *rte = rt_fetch(castNode(RangeTblRef, place)->rtindex, query->rtable);

		rte->subquery = join_domain(rte->subquery, domain, depth);
		rte->eref->colnames = st_make_names(list_length(rte->subquery->targetList));
		rte->alias = NULL;
	}
}

/* The domain's columns in the result of a set operation; their resnos. */
static List *
show_columns(Query *query, const StDomain *domain)
{
	Node	   *first = query->setOperations;
	List	   *resnos = NIL;
	ListCell   *lc;

	while (IsA(first, SetOperationStmt))
		first = ((SetOperationStmt *) first)->larg;
	foreach(lc, domain->query->targetList)
	{
		Node	   *expr = (Node *) lfirst_node(TargetEntry, lc)->expr;
		AttrNumber	column = list_length(query->targetList) + 1;

		query->targetList = lappend(query->targetList,
									makeTargetEntry((Expr *) makeVar(castNode(RangeTblRef, first)->rtindex, column, exprType(expr),
																	 exprTypmod(expr), exprCollation(expr), 0),
													column, psprintf("k%d", foreach_current_index(lc) + 1), false));
		resnos = lappend_int(resnos, column);
	}
	return resnos;
}

List *
st_combine_over_domain(Query *query, const StDomain *domain)
{
	List	   *targets = NIL;
	ListCell   *lc;

	query->sortClause = NIL;
	foreach(lc, query->targetList)
		if (!lfirst_node(TargetEntry, lc)->resjunk)
			targets = lappend(targets, lfirst(lc));
	query->targetList = targets;
	join_domain_to_arms(query, query->setOperations, domain, 1);
	combine_columns((SetOperationStmt *) query->setOperations, domain);
	return show_columns(query, domain);
}

void
st_limit_above(Query *query)
{
	Query	   *combined = makeNode(Query);
	Query	   *limited;
	ListCell   *lc;

	memcpy(combined, query, sizeof(Query));
	combined->limitCount = combined->limitOffset = NULL;
	combined->limitOption = LIMIT_OPTION_COUNT;
	combined->sortClause = NIL;
	IncrementVarSublevelsUp((Node *) combined, 1, 1);
	limited = st_make_wrapper(combined, NULL);
	linitial_node(RangeTblEntry, limited->rtable)->lateral = true;
	foreach(lc, combined->targetList)
	{
		TargetEntry *column = flatCopyTargetEntry(lfirst(lc));

		column->expr = (Expr *) makeVarFromTargetEntry(1, lfirst(lc));
		limited->targetList = lappend(limited->targetList, column);
	}
	limited->sortClause = query->sortClause;
	limited->limitCount = query->limitCount;
	limited->limitOffset = query->limitOffset;
	limited->limitOption = query->limitOption;
	memcpy(query, limited, sizeof(Query));
}

/* ----- recursions ----- */

int
st_find_self(Query *query, const char *name, bool *inside)
{
	int			varno = 0;
	ListCell   *lc;

	check_stack_depth();
	if (!st_is_plain(query))
		return 0;
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		varno++;
		if (rte->rtekind == RTE_CTE && rte->self_reference && strcmp(rte->ctename, name) == 0)
		{
			*inside = false;
			return varno;
		}
		if (rte->rtekind == RTE_SUBQUERY && !rte->lateral && st_find_self(rte->subquery, name, inside) > 0)
		{
			*inside = true;
			return varno;
		}
	}
	return 0;
}

/*
 * The term that recurses hands on the values of the row that it goes on from,
 * and asks with them, "depth" levels below the term as one directly within a
 * WITH query. False: declined.
 */
static bool
hand_values_on(Query *query, const CommonTableExpr *cte, const StDomain *domain, Index depth)
{
	bool		inside = false;
	int			varno = st_find_self(query, cte->ctename, &inside);
	AttrNumber	before;
	ListCell   *lc;

	if (varno == 0)
		return false;
	if (inside)
	{
		Query	   *subquery = rt_fetch(varno, query->rtable)->subquery;

		before = list_length(subquery->targetList);
		if (!hand_values_on(subquery, cte, domain, depth + 1))
			return false;
		rt_fetch(varno, query->rtable)->eref->colnames = st_make_names(list_length(subquery->targetList));
	}
	else
		before = list_length(cte->ctecoltypes);
	IncrementVarSublevelsUp((Node *) query, -(int) (depth + 2), depth + 3);
	st_ask_entry(query, domain, varno, before, 0);
	foreach(lc, domain->query->targetList)
	{
		Node	   *expr = (Node *) lfirst_node(TargetEntry, lc)->expr;

		query->targetList = lappend(query->targetList,
									makeTargetEntry((Expr *) makeVar(varno, before + foreach_current_index(lc) + 1, exprType(expr),
																	 exprTypmod(expr), exprCollation(expr), 0),
													list_length(query->targetList) + 1,
													psprintf("k%d", foreach_current_index(lc) + 1), false));
	}
	return true;
}

StDomain *
st_untie_recursion(const StAskers *askers, CommonTableExpr *cte, BuildContext *build)
{
	Query	   *query = castNode(Query, cte->ctequery);
	SetOperationStmt *setop = (SetOperationStmt *) query->setOperations;
	StDomain   *domain;
	RangeTblEntry *step;
	ListCell   *lc;

	if (!IsA(setop, SetOperationStmt) || !IsA(setop->rarg, RangeTblRef))
		return st_decline(build, "this form of WITH RECURSIVE has no delta rule yet");
	domain = st_find_domain(askers, query, 1, build);
	if (domain == NULL)
		return NULL;
	step = rt_fetch(((RangeTblRef *) setop->rarg)->rtindex, query->rtable);
	if (!hand_values_on(step->subquery, cte, domain, 0))
		return st_decline(build, "this form of WITH RECURSIVE has no delta rule yet");
	step->eref->colnames = st_make_names(list_length(step->subquery->targetList));
	join_domain_to_arms(query, setop->larg, domain, 2);
	combine_columns(setop, domain);
	(void) show_columns(query, domain);
	foreach(lc, domain->query->targetList)
	{
		Node	   *expr = (Node *) lfirst_node(TargetEntry, lc)->expr;

		cte->ctecolnames = lappend(cte->ctecolnames, makeString(psprintf("k%d", foreach_current_index(lc) + 1)));
		cte->ctecoltypes = lappend_oid(cte->ctecoltypes, exprType(expr));
		cte->ctecoltypmods = lappend_int(cte->ctecoltypmods, exprTypmod(expr));
		cte->ctecolcollations = lappend_oid(cte->ctecolcollations, exprCollation(expr));
	}
	return domain;
}

void
st_tie_recursion(const StAskers *askers, const StDomain *domain, Query *read)
{
	int			columns = list_length(read->targetList) - list_length(domain->asked);
	List	   *quals = NIL;

	for (int i = 0; i < list_length(domain->asked); i++)
	{
		Var		   *column = (Var *) list_nth_node(TargetEntry, read->targetList, columns + i)->expr;
		Node	   *expr = copyObject(list_nth(domain->asked, i));

		/*
		 * the query that reads is within one directly within that of the
		 * askers
		 */
		IncrementVarSublevelsUp(expr, 2, 0);
		quals = lappend(quals, st_make_domain_tie(expr, column, st_query_expr_not_null(askers->query, st_domain_column_plain(domain, i))));
	}
	read->targetList = list_truncate(read->targetList, columns);
	read->jointree->quals = (Node *) make_ands_explicit(quals);
}
