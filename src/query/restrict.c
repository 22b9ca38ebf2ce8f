/*-------------------------------------------------------------------------
 *
 * restrict.c
 *	  Subqueries compute no groups that nobody asks for.
 *
 * A correlated aggregate becomes a state with a group for each value of what
 * ties it to the query around it (sublink.c). Where that query asks for few of
 * them only, since its WHERE restricts the relation whose column asks, the
 * subquery gets the same restriction, as a semi join:
 *
 *		... FROM part p WHERE p.brand = 'x' AND (SELECT avg(l.n) FROM l WHERE l.part = p.id) ...
 *
 * Here the subquery may say "AND l.part IN (SELECT id FROM part WHERE brand =
 * 'x')", because rows of p for which this is not so fail WHERE, whatever the
 * subquery returns for them. What may be added depends on the text of the
 * query alone: the contents of a state must not change with statistics.
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
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "query/decorrelate.h"
#include "query/unnest.h"
#include "util/fault.h"

typedef struct RestrictContext
{
	Query	   *query;
	List	   *conditions;		/* of its WHERE, ANDed */
} RestrictContext;

/* Does the condition leave few rows, as far as one can tell from its form? */
static bool
is_selective(Node *condition)
{
	OpExpr	   *op = (OpExpr *) condition;
	RegProcedure estimator;

	if (!IsA(condition, OpExpr) || list_length(op->args) != 2 || pull_vars_of_level(condition, 0) == NIL)
		return false;
	estimator = get_oprrest(op->opno);
	return estimator == F_EQSEL || estimator == F_LIKESEL;
}

/* Conditions on one entry alone that may be asked for again elsewhere; NIL unless one is selective. */
static List *
conditions_on(RestrictContext *context, int varno)
{
	List	   *result = NIL;
	bool		selective = false;
	ListCell   *lc;

	foreach(lc, context->conditions)
	{
		Node	   *condition = lfirst(lc);
		int			single;

		if (checkExprHasSubLink(condition) || st_refers_outside(condition) ||
			contain_mutable_functions(condition) ||
			!bms_get_singleton_member(pull_varnos(NULL, condition), &single) || single != varno)
			continue;
		result = lappend(result, condition);
		selective = selective || is_selective(condition);
	}
	return selective ? result : NIL;
}

/* SELECT of a column of a relation under these conditions on it. */
static Query *
make_domain(RangeTblEntry *rte, const Var *column, List *conditions)
{
	Query	   *query;
	Var		   *shown = copyObject(unconstify(Var *, column));
	Node	   *quals = (Node *) make_ands_explicit(copyObject(conditions));

	rte = copyObject(rte);
#ifdef ST_HAVE_PERMINFOS
	rte->perminfoindex = 0;
#endif
	ChangeVarNodes(quals, column->varno, 1, 0);
	shown->varno = 1;
	shown->varlevelsup = 0;
	shown->varnosyn = 0;
	query = st_make_query(list_make1(rte), quals, list_make1(makeTargetEntry((Expr *) shown, 1, pstrdup("c1"), false)));
	return query;
}

/* "inner = ANY (domain)", with the operator that ties them. */
static Node *
make_in(Node *inner, Oid operator, Oid collation, Query *domain)
{
	SubLink    *sublink = makeNode(SubLink);
	Param	   *param = makeNode(Param);
	Node	   *shown = (Node *) linitial_node(TargetEntry, domain->targetList)->expr;

	param->paramkind = PARAM_SUBLINK;
	param->paramid = 1;
	param->paramtype = exprType(shown);
	param->paramtypmod = exprTypmod(shown);
	param->paramcollid = exprCollation(shown);
	param->location = -1;
	sublink->subLinkType = ANY_SUBLINK;
	sublink->testexpr = (Node *) make_opclause(operator, BOOLOID, false, (Expr *) copyObject(inner), (Expr *) param,
											   InvalidOid, collation);
	set_opfuncid((OpExpr *) sublink->testexpr);
	sublink->subselect = (Node *) domain;
	sublink->location = -1;
	return (Node *) sublink;
}

/* The column of a query around that is all that an expression is, or NULL. */
static Var *
asking_column(Node *outer)
{
	Var		   *var = (Var *) outer;

	return IsA(outer, Var) && var->varlevelsup == 1 && var->varattno > 0 ? var : NULL;
}

/* What a condition of WHERE says of this column: that it is in a subquery of its own; or NULL. */
static Query *
membership(Node *condition, const Var *column, Oid operator)
{
	SubLink    *sublink = (SubLink *) condition;
	OpExpr	   *test;
	Var		   *tested;
	Query	   *query;

	if (!IsA(condition, SubLink) || sublink->subLinkType != ANY_SUBLINK || !IsA(sublink->testexpr, OpExpr))
		return NULL;
	test = (OpExpr *) sublink->testexpr;
	tested = linitial(test->args);
	query = castNode(Query, sublink->subselect);
	if (list_length(test->args) != 2 || test->opno != operator || !IsA(tested, Var) || tested->varno != column->varno ||
		tested->varattno != column->varattno || tested->varlevelsup != 0 || !IsA(lsecond(test->args), Param) ||
		!st_is_plain(query) || query->hasSubLinks || st_is_correlated(query) || list_length(query->rtable) != 1 ||
		linitial_node(RangeTblEntry, query->rtable)->rtekind != RTE_RELATION ||
		contain_mutable_functions((Node *) query->jointree) || query->jointree->quals == NULL)
		return NULL;
	return query;
}

/* The restriction that a tie of a subquery allows, or NULL. */
static Node *
find_restriction(RestrictContext *context, OpExpr *tie, Node *inner, const Var *outer)
{
	RangeTblEntry *rte = rt_fetch(outer->varno, context->query->rtable);
	bool		inner_first = equal(linitial(tie->args), inner);
	Oid			operator = inner_first ? tie->opno : get_commutator(tie->opno);
	List	   *conditions = NIL;
	ListCell   *lc;

	if (!OidIsValid(operator))
		return NULL;
	if (rte->rtekind == RTE_RELATION)
		conditions = conditions_on(context, outer->varno);
	if (conditions)
		return make_in(inner, operator, tie->inputcollid, make_domain(rte, outer, conditions));
	if (exprType(inner) != outer->vartype)
		return NULL;
	foreach(lc, context->conditions)
	{
		Query	   *domain = membership(lfirst(lc), outer, operator);

		if (domain)
			return make_in(inner, operator, tie->inputcollid, copyObject(domain));
	}
	return NULL;
}

static bool
restrict_walker(Node *node, void *arg)
{
	RestrictContext *context = arg;

	if (node == NULL || IsA(node, Query))
		return false;
	check_stack_depth();
	if (IsA(node, SubLink) && ((SubLink *) node)->subLinkType == EXPR_SUBLINK)
	{
		Query	   *subquery = castNode(Query, ((SubLink *) node)->subselect);
		List	   *added = NIL;
		ListCell   *lc;

		if (!subquery->hasAggs || subquery->groupClause || subquery->groupingSets || subquery->setOperations ||
			subquery->cteList || subquery->jointree->fromlist == NIL)
			return false;
		foreach(lc, make_ands_implicit((Expr *) subquery->jointree->quals))
		{
			Node	   *inner;
			Node	   *outer;
			Var		   *column;
			Node	   *restriction;

			if (!st_refers_outside(lfirst(lc)) || !st_split_equality(lfirst(lc), &inner, &outer))
				continue;
			column = asking_column(outer);
			restriction = column ? find_restriction(context, lfirst(lc), inner, column) : NULL;
			if (restriction)
				added = lappend(added, restriction);
		}
		if (added)
		{
			subquery->jointree->quals = st_add_conditions(subquery->jointree->quals, added);
			subquery->hasSubLinks = true;
		}
		return false;
	}
	return expression_tree_walker(node, restrict_walker, arg);
}

void
st_restrict_subqueries(Query *query)
{
	RestrictContext context = {query, NIL};

	if (!query->hasSubLinks || query->jointree->quals == NULL)
		return;
	context.conditions = make_ands_implicit((Expr *) query->jointree->quals);
	if (ST_FAULT("E11 asked") && is_orclause(query->jointree->quals))
		context.conditions = ((BoolExpr *) query->jointree->quals)->args;
	(void) restrict_walker((Node *) query->targetList, &context);
	(void) restrict_walker((Node *) query->jointree, &context);
}
