/*-------------------------------------------------------------------------
 *
 * rounds.c
 *	  WITH RECURSIVE .. UNION ALL, whose recursive term is DISTINCT.
 *
 * NOTES
 *	  A recursion goes on in rounds: the term is applied to the rows of the round
 *	  before. DISTINCT in it is of the rows of one round: the same row may come
 *	  again in another. So with the round's number as one more column it is DISTINCT
 *	  over all rounds, which is what UNION does; the rows of the first term, round
 *	  0, stand by themselves. With B and T(r) for the terms, the recursion
 *
 *		r AS (B UNION ALL SELECT DISTINCT T(r))
 *
 *	  has the rows of
 *
 *		B UNION ALL SELECT T FROM r
 *
 *	  with
 *
 *		r AS (SELECT T(B), 1 UNION SELECT T(r), r.round + 1)
 *
 *	  What UNION keeps one row of is so kept by refresh/recursion_run.c (rule E12).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_oper.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "query/build.h"
#include "query/untie.h"
#include "util/fault.h"

/* how much deeper the terms are in the WITH query that is made than in the one they are from */
#define LEVELS_DEEPER 2

static Expr *
make_round(int round)
{
	return (Expr *) makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(round), false, true);
}

/* The term, read from the first one: the rows of round 1. "depth" levels below the term. */
static void
begin_with(Query *term, const char *name, Query *first, int depth)
{
	bool		inside = false;
	RangeTblEntry *self = rt_fetch(st_find_self(term, name, &inside), term->rtable);
	RangeTblEntry *entry;

	if (inside)
	{
		begin_with(self->subquery, name, first, depth + 1);
		return;
	}
	entry = st_make_subquery_entry(copyObject(first), name, copyObject(self->eref->colnames));
	entry->inFromCl = self->inFromCl;
	IncrementVarSublevelsUp((Node *) entry->subquery, depth + 1, 1);
	memcpy(self, entry, sizeof(RangeTblEntry));
}

/* The term shows the round of the row that it goes on from. */
static void
show_round(Query *query, CommonTableExpr *cte)
{
	bool		inside = false;
	int			varno = st_find_self(query, cte->ctename, &inside);
	RangeTblEntry *self = rt_fetch(varno, query->rtable);
	AttrNumber	column = list_length(cte->ctecoltypes) + 1;

	if (inside)
	{
		show_round(self->subquery, cte);
		column = list_length(self->subquery->targetList);
		self->eref->colnames = st_make_names(column);
	}
	query->targetList = lappend(query->targetList,
								makeTargetEntry((Expr *) makeVar(varno, column, INT4OID, -1, InvalidOid, 0),
												list_length(query->targetList) + 1, pstrdup("round"), false));
}

/* The recursion of all rounds but the first, which has the rounds as its last column. */
static CommonTableExpr *
make_recursion(CommonTableExpr *cte, Query *first, Query *term)
{
	CommonTableExpr *result = copyObject(cte);
	Query	   *begin = copyObject(term);
	Query	   *step = copyObject(term);
	TargetEntry *round;
	Query	   *query;

	begin_with(begin, cte->ctename, first, 0);
	begin->targetList = lappend(begin->targetList, makeTargetEntry(make_round(1), list_length(begin->targetList) + 1,
																   pstrdup("round"), false));
	show_round(step, cte);
	round = llast_node(TargetEntry, step->targetList);
	if (!ST_FAULT("E12 round"))
		round->expr = make_op(NULL, list_make2(makeString("pg_catalog"), makeString("+")), (Node *) round->expr,
							  (Node *) make_round(1), NULL, -1);
	query = st_union_all(list_make2(begin, step));
	castNode(SetOperationStmt, query->setOperations)->all = false;

	/*
	 * what is around the query that it belongs to; the recursion itself stays
	 * as near
	 */
	IncrementVarSublevelsUp((Node *) query, LEVELS_DEEPER, 2);
	result->ctequery = (Node *) query;
	result->ctecolnames = lappend(result->ctecolnames, makeString(pstrdup("round")));
	result->ctecoltypes = lappend_oid(result->ctecoltypes, INT4OID);
	result->ctecoltypmods = lappend_int(result->ctecoltypmods, -1);
	result->ctecolcollations = lappend_oid(result->ctecolcollations, InvalidOid);
	return result;
}

/* The term of a recursion that this file is about, without DISTINCT; or NULL. */
static Query *
distinct_term(CommonTableExpr *cte)
{
	Query	   *query = castNode(Query, cte->ctequery);
	SetOperationStmt *setop = (SetOperationStmt *) query->setOperations;
	Query	   *term;
	bool		inside;
	ListCell   *lc;

	if (setop == NULL || !IsA(setop, SetOperationStmt) || setop->op != SETOP_UNION || !setop->all || !IsA(setop->rarg, RangeTblRef) ||
		query->cteList || cte->search_clause || cte->cycle_clause)
		return NULL;
	term = copyObject(rt_fetch(((RangeTblRef *) setop->rarg)->rtindex, query->rtable)->subquery);
	if (term->distinctClause == NIL || term->hasDistinctOn)
		return NULL;
	term->distinctClause = NIL;
	term->sortClause = NIL;
	/* values that are different can become equal as those of another type */
	foreach(lc, term->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk || exprType((Node *) tle->expr) != list_nth_oid(cte->ctecoltypes, tle->resno - 1))
			return NULL;
	}
	return st_find_self(term, cte->ctename, &inside) > 0 ? term : NULL;
}

void
st_spread_rounds(CommonTableExpr *cte)
{
	Query	   *term = distinct_term(cte);
	Query	   *query = castNode(Query, cte->ctequery);
	RangeTblEntry *entry;
	Query	   *first;
	Query	   *others;
	List	   *targets = NIL;
	CommonTableExpr *recursion;

	if (term == NULL)
		return;
	first = st_set_operation_arm(query, castNode(SetOperationStmt, query->setOperations)->larg);
	recursion = make_recursion(cte, first, term);
	for (int i = 0; i < list_length(cte->ctecoltypes); i++)
		targets = lappend(targets, makeTargetEntry((Expr *) makeVar(1, i + 1, list_nth_oid(cte->ctecoltypes, i),
																	list_nth_int(cte->ctecoltypmods, i),
																	list_nth_oid(cte->ctecolcollations, i), 0),
												   i + 1, psprintf("c%d", i + 1), false));
	entry = st_make_with_entry(cte->ctename, cte->ctename, copyObject(recursion->ctecolnames));
	entry->coltypes = list_copy(recursion->ctecoltypes);
	entry->coltypmods = list_copy(recursion->ctecoltypmods);
	entry->colcollations = list_copy(recursion->ctecolcollations);
	others = st_make_query(list_make1(entry), NULL, targets);
	others->cteList = list_make1(recursion);
	others->hasRecursive = true;
	cte->ctequery = (Node *) st_union_all(list_make2(first, others));
	cte->cterecursive = false;
}
