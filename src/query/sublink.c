/*-------------------------------------------------------------------------
 *
 * sublink.c
 *	  Subqueries in expressions, and correlated aggregates, become joins.
 *
 * NOTES
 *	  What WHERE (and ON of inner joins) demands of a subquery as one of its
 *	  conjuncts becomes a semi or anti join:
 *
 *		EXISTS (R)			semi join
 *		x op ANY (R)		semi join on x op y
 *		NOT (x op ANY (R))	true if no y of R has (x op y) IS NOT FALSE: an anti
 *							join on x op y, where an index serves, one on
 *							y IS NULL and one on x IS NULL; the latter two only
 *							where NULL can be, and on nothing but whether there
 *							is such a row at all if R is the same for all rows
 *							(rule E4)
 *		x op ALL (R)		NOT (x negated-op ANY (R))
 *
 *	  A scalar subquery becomes a column of a join that keeps every row (rule
 *	  E11): of a cross join, if it is an aggregate and the same for all rows; of
 *	  a left join with its rows grouped by what it is correlated by; of a left
 *	  join, if it looks up a unique key. EXISTS where a scalar may stand, as under
 *	  OR, is a count compared.
 *
 *	  So does a correlated aggregate that stands in FROM already, as LATERAL.
 *
 *	  Correlated subqueries enter FROM as LATERAL ones, which flattening takes
 *	  apart (from.c); what cannot be taken apart is declined there. Semi and anti
 *	  joins are JoinExprs of the planner's join types (outer.c).
 *
 *	  The query is changed in place.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/namespace.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_oper.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "query/build.h"
#include "query/source_facts.h"
#include "util/fault.h"

typedef struct UnnestContext
{
	BuildContext *build;
	Query	   *query;
	Node	   *from;			/* FROM with what was joined to it so far */
	List	   *replaced;		/* entries that are read no more: numbers, */
	List	   *replaced_entries;	/* the entries as they were, */
	List	   *replacements;	/* and what their columns are: lists of TargetEntry */
} UnnestContext;

/* ----- pieces ----- */

static bool
outer_var_walker(Node *node, void *arg)
{
	Index		depth = *(Index *) arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Var))
		return ((Var *) node)->varlevelsup > depth;
	if (IsA(node, Aggref) && ((Aggref *) node)->agglevelsup > depth)
		return true;
	if (IsA(node, Query))
	{
		depth++;
		return query_tree_walker((Query *) node, outer_var_walker, &depth, 0);
	}
	return expression_tree_walker(node, outer_var_walker, arg);
}

/* Does an expression refer to a query around its own? */
static bool
refers_outside(Node *expr)
{
	Index		depth = 0;

	return outer_var_walker(expr, &depth);
}

bool
st_is_correlated(Query *subquery)
{
	Index		depth = 0;

	return query_tree_walker(subquery, outer_var_walker, &depth, 0);
}

/* Neither groups nor combines nor limits: rows of FROM that pass WHERE. */
static bool
is_plain(Query *query)
{
	return query->setOperations == NULL && !query->hasAggs && !query->hasWindowFuncs &&
		!query->hasTargetSRFs && query->groupClause == NIL && query->groupingSets == NIL &&
		query->havingQual == NULL && query->distinctClause == NIL &&
		query->limitCount == NULL && query->limitOffset == NULL && query->cteList == NIL &&
		query->rowMarks == NIL;
}

/* Is its result one row, whatever it reads? */
static bool
is_one_row(Query *query)
{
	return query->hasAggs && query->setOperations == NULL && !query->hasWindowFuncs &&
		!query->hasTargetSRFs && query->groupClause == NIL && query->groupingSets == NIL &&
		query->havingQual == NULL && query->limitCount == NULL && query->limitOffset == NULL;
}

/* A subquery as one more entry of the range table; its number. */
static int
add_entry(UnnestContext *context, Query *subquery)
{
	RangeTblEntry *rte = st_make_subquery_entry(subquery, "sublink",
												st_make_names(list_length(subquery->targetList)));

	rte->lateral = st_is_correlated(subquery);
	context->query->rtable = lappend(context->query->rtable, rte);
	return list_length(context->query->rtable);
}

static void
add_join(UnnestContext *context, JoinType type, int varno, Node *quals)
{
	JoinExpr   *join = makeNode(JoinExpr);

	join->jointype = type;
	join->larg = context->from;
	join->rarg = st_make_reference(varno);
	join->quals = quals;
	context->from = (Node *) join;
}

static Node *
make_null_test(Node *expr, NullTestType type)
{
	NullTest   *test = makeNode(NullTest);

	test->arg = (Expr *) expr;
	test->nulltesttype = type;
	test->location = -1;
	return (Node *) test;
}

static Node *
make_boolean_test(Node *expr, BoolTestType type)
{
	BooleanTest *test = makeNode(BooleanTest);

	test->arg = (Expr *) expr;
	test->booltesttype = type;
	test->location = -1;
	return (Node *) test;
}

static Node *
make_positive(Node *count)
{
	Oid			operator = OpernameGetOprid(list_make2(makeString("pg_catalog"), makeString(">")),
											INT8OID, INT8OID);
	Expr	   *result = make_opclause(operator, BOOLOID, false, (Expr *) count,
									   (Expr *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64),
														  Int64GetDatum(0), false, FLOAT8PASSBYVAL),
									   InvalidOid, InvalidOid);

	set_opfuncid((OpExpr *) result);
	return (Node *) result;
}

/* SELECT .. FROM (subquery) WHERE quals; what it selects is for the caller to add. */
static Query *
make_wrapper(Query *subquery, Node *quals)
{
	return st_make_query(list_make1(st_make_subquery_entry(subquery, "wrapped",
														   st_make_names(list_length(subquery->targetList)))),
						 quals, NIL);
}

/*
 * One row if the subquery, which is the same for all rows, has any that passes
 * "quals": so a change of their number is not a change for every row outside.
 */
static Query *
make_nonempty(Query *subquery, Node *quals)
{
	Query	   *query = make_wrapper(subquery, quals);

	query->hasAggs = true;
	query->havingQual = make_positive((Node *) st_make_count());
	query->targetList = list_make1(makeTargetEntry((Expr *) makeBoolConst(true, false), 1, "m", false));
	return query;
}

/* What EXISTS does not ask for, as simplify_EXISTS_query in PostgreSQL's subselect.c. */
static void
simplify_exists(Query *query)
{
	Const	   *limit = (Const *) eval_const_expressions(NULL, query->limitCount);

	query->sortClause = NIL;
	if (limit && IsA(limit, Const) && !limit->constisnull && query->limitOffset == NULL &&
		DatumGetInt64(limit->constvalue) > 0)
		query->limitCount = NULL;
	if (query->setOperations || query->hasWindowFuncs || query->hasTargetSRFs ||
		query->limitCount || query->limitOffset || query->groupingSets || query->hasAggs ||
		query->havingQual)
		return;
	query->groupClause = NIL;
	query->distinctClause = NIL;
	query->hasDistinctOn = false;
	st_flatten_grouping(query);
	query->targetList = list_make1(makeTargetEntry((Expr *) makeBoolConst(true, false), 1, "m", false));
}

/* ----- correlation ----- */

typedef struct ExportContext
{
	Query	   *subquery;
	int			varno;			/* its number outside */
} ExportContext;

/* A condition of the subquery as it reads outside of it. */
static Node *
export_mutator(Node *node, void *arg)
{
	ExportContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Var))
	{
		Var		   *var = copyObject((Var *) node);
		List	  **targets = &context->subquery->targetList;
		ListCell   *lc;

		if (var->varlevelsup > 0)
		{
			var->varlevelsup--;
			return (Node *) var;
		}
		foreach(lc, *targets)
			if (equal(lfirst_node(TargetEntry, lc)->expr, var))
				return (Node *) makeVarFromTargetEntry(context->varno, lfirst(lc));
		*targets = lappend(*targets, makeTargetEntry((Expr *) var, list_length(*targets) + 1, "x", false));
		return (Node *) makeVarFromTargetEntry(context->varno, llast(*targets));
	}
	return expression_tree_mutator(node, export_mutator, arg);
}

/*
 * A plain subquery that holds subqueries itself is not taken apart as it is:
 * conditions that correlate it move out first. Returns them.
 */
static List *
extract_correlation(Query *subquery, int varno)
{
	ExportContext context = {subquery, varno};
	List	   *stay = NIL;
	List	   *leave = NIL;
	ListCell   *lc;

	if (!subquery->hasSubLinks || !is_plain(subquery))
		return NIL;
	foreach(lc, make_ands_implicit((Expr *) subquery->jointree->quals))
	{
		if (refers_outside(lfirst(lc)) && !checkExprHasSubLink(lfirst(lc)))
			leave = lappend(leave, export_mutator(lfirst(lc), &context));
		else
			stay = lappend(stay, lfirst(lc));
	}
	subquery->jointree->quals = stay ? (Node *) make_ands_explicit(stay) : NULL;
	return leave;
}

/* ----- semi and anti joins ----- */

static Node *
param_mutator(Node *node, void *arg)
{
	RangeTblEntry *rte = ((UnnestContext *) arg)->query ?
		llast_node(RangeTblEntry, ((UnnestContext *) arg)->query->rtable) : NULL;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_SUBLINK)
		return (Node *) makeVarFromTargetEntry(list_length(((UnnestContext *) arg)->query->rtable),
											   list_nth_node(TargetEntry, rte->subquery->targetList,
															 ((Param *) node)->paramid - 1));
	return expression_tree_mutator(node, param_mutator, arg);
}

static Node *
add_conditions(Node *quals, List *more)
{
	List	   *all = list_concat(make_ands_implicit((Expr *) quals), more);

	return all ? (Node *) make_ands_explicit(all) : NULL;
}

/* The subquery's last entry joined on what it is compared by, Params its columns. */
static void
join_on(UnnestContext *context, JoinType type, Query *subquery, Node *test)
{
	int			varno = add_entry(context, subquery);
	List	   *correlation = extract_correlation(subquery, varno);
	RangeTblEntry *rte = rt_fetch(varno, context->query->rtable);

	while (list_length(rte->eref->colnames) < list_length(subquery->targetList))
		rte->eref->colnames = lappend(rte->eref->colnames,
									  makeString(psprintf("c%d", list_length(rte->eref->colnames) + 1)));
	rte->lateral = st_is_correlated(subquery);
	add_join(context, type, varno, add_conditions(param_mutator(test, context), correlation));
}

/* NOT (x op ANY (subquery)): see the opening comment. */
static void
join_on_no_match(UnnestContext *context, Query *subquery, Node *test)
{
	OpExpr	   *comparison = (OpExpr *) test;
	bool		correlated = st_is_correlated(subquery);
	Node	   *left;
	Node	   *right;

	if (!IsA(test, OpExpr) || list_length(comparison->args) != 2 || !op_strict(comparison->opno) ||
		type_is_rowtype(exprType(linitial(comparison->args))) ||
		type_is_rowtype(exprType(lsecond(comparison->args))))
	{
		join_on(context, JOIN_ANTI, subquery, make_boolean_test(test, IS_NOT_FALSE));
		return;
	}
	left = linitial(comparison->args);
	right = lsecond(comparison->args);
	join_on(context, JOIN_ANTI, copyObject(subquery), test);
	if (ST_FAULT("E4"))
		return;
	if (!st_query_column_not_null(subquery, 1))
	{
		if (correlated)
			join_on(context, JOIN_ANTI, copyObject(subquery),
					make_null_test(copyObject(right), IS_NULL));
		else
		{
			TargetEntry *column = linitial_node(TargetEntry, subquery->targetList);
			Var		   *var = makeVarFromTargetEntry(1, column);

			join_on(context, JOIN_ANTI,
					make_nonempty(copyObject(subquery), make_null_test((Node *) var, IS_NULL)), NULL);
		}
	}
	if (!st_query_expr_not_null(context->query, left))
		join_on(context, JOIN_ANTI,
				correlated ? copyObject(subquery) : make_nonempty(copyObject(subquery), NULL),
				make_null_test(copyObject(left), IS_NULL));
}

/* A conjunct that is nothing but a subquery asked about; false: it is something else. */
static bool
join_conjunct(UnnestContext *context, Node *node)
{
	bool		negated = false;
	SubLink    *sublink;
	Query	   *subquery;
	Node	   *test;

	while (is_notclause(node))
	{
		negated = !negated;
		node = (Node *) get_notclausearg((Expr *) node);
	}
	if (!IsA(node, SubLink))
		return false;
	sublink = (SubLink *) node;
	subquery = castNode(Query, sublink->subselect);
	test = sublink->testexpr;
	if (test && checkExprHasSubLink(test))
		return false;
	switch (sublink->subLinkType)
	{
		case EXISTS_SUBLINK:
			simplify_exists(subquery);
			if (is_one_row(subquery))
			{
				if (negated)
					context->from = (Node *) makeFromExpr(list_make1(context->from), makeBoolConst(false, false));
				return true;
			}
			if (!st_is_correlated(subquery))
				subquery = make_nonempty(subquery, NULL);
			join_on(context, negated ? JOIN_ANTI : JOIN_SEMI, subquery, NULL);
			return true;
		case ANY_SUBLINK:
			if (negated)
				join_on_no_match(context, subquery, test);
			else
				join_on(context, JOIN_SEMI, subquery, test);
			return true;
		case ALL_SUBLINK:
			if (negated)
				join_on(context, JOIN_SEMI, subquery, (Node *) make_notclause((Expr *) test));
			else if (IsA(test, OpExpr) && OidIsValid(get_negator(((OpExpr *) test)->opno)))
			{
				OpExpr	   *comparison = (OpExpr *) test;

				comparison->opno = get_negator(comparison->opno);
				comparison->opfuncid = get_opcode(comparison->opno);
				join_on_no_match(context, subquery, test);
			}
			else
				join_on(context, JOIN_ANTI, subquery, make_boolean_test(test, IS_NOT_TRUE));
			return true;
		default:
			return false;
	}
}

/* ----- scalar subqueries ----- */

/* What an aggregate gives for no rows at all, or NULL if that is not known. */
static Node *
empty_value(Aggref *aggref)
{
	if (aggref->aggkind == AGGKIND_HYPOTHETICAL ||
		get_func_namespace(aggref->aggfnoid) != PG_CATALOG_NAMESPACE)
		return NULL;
	if ((aggref->aggfnoid == F_COUNT_ || aggref->aggfnoid == F_COUNT_ANY ||
		 aggref->aggfnoid == F_REGR_COUNT) && !ST_FAULT("E11"))
		return (Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(0), false,
								  FLOAT8PASSBYVAL);
	return (Node *) makeNullConst(aggref->aggtype, -1, aggref->aggcollid);
}

static Node *
empty_mutator(Node *node, void *arg)
{
	bool	   *unknown = arg;
	Node	   *value;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Aggref))
	{
		value = empty_value((Aggref *) node);
		if (value)
			return value;
		*unknown = true;
		return node;
	}
	if (IsA(node, Var) || IsA(node, SubLink) || IsA(node, GroupingFunc))
	{
		*unknown = true;
		return node;
	}
#ifdef ST_HAVE_JSON_CONSTRUCTOR
	if (IsA(node, JsonConstructorExpr))
	{
		*unknown = true;
		return node;
	}
#endif
	return expression_tree_mutator(node, empty_mutator, arg);
}

/* "inner = outer" of a correlated subquery, by the equality that grouping by inner uses. */
static bool
split_equality(Node *condition, Node **inner, Node **outer)
{
	OpExpr	   *equality = (OpExpr *) condition;
	TypeCacheEntry *entry;

	if (!IsA(condition, OpExpr) || list_length(equality->args) != 2 || checkExprHasSubLink(condition))
		return false;
	for (int side = 0; side < 2; side++)
	{
		*inner = list_nth(equality->args, side);
		*outer = list_nth(equality->args, 1 - side);
		if (refers_outside(*inner) || contain_vars_of_level(*outer, 0) || !contain_vars_of_level(*inner, 0))
			continue;
		entry = lookup_type_cache(exprType(*inner), TYPECACHE_BTREE_OPFAMILY);
		return OidIsValid(entry->btree_opf) && op_strict(equality->opno) &&
			!type_is_rowtype(exprType(*inner)) &&
			equality->inputcollid == exprCollation(*inner) &&
			get_op_opfamily_strategy(equality->opno, entry->btree_opf) == BTEqualStrategyNumber;
	}
	return false;
}

/* The column "result" of a left join, or "empty" where "key" tells that nothing was found. */
static Node *
make_choice(Var *result, Var *key, Node *empty)
{
	CaseExpr   *choice;
	CaseWhen   *when;

	if (IsA(empty, Const) && ((Const *) empty)->constisnull)
		return (Node *) result;
	choice = makeNode(CaseExpr);
	when = makeNode(CaseWhen);
	when->expr = (Expr *) make_null_test((Node *) copyObject(key), IS_NULL);
	when->result = (Expr *) empty;
	when->location = -1;
	choice->casetype = exprType((Node *) result);
	choice->casecollid = exprCollation((Node *) result);
	choice->args = list_make1(when);
	choice->defresult = (Expr *) result;
	choice->location = -1;
	return (Node *) choice;
}

/*
 * A correlated aggregate: its rows are grouped by what the correlation compares,
 * and the values for no rows stand in where no group is found. Returns what its
 * columns are outside; NIL: declined.
 */
static List *
join_groups(UnnestContext *context, Query *subquery)
{
	List	   *values = NIL;
	List	   *empties = NIL;
	List	   *results = NIL;
	ListCell   *value;
	ListCell   *empty;
	bool		unknown = false;
	List	   *stay = NIL;
	List	   *conditions = NIL;
	int			varno = list_length(context->query->rtable) + 1;
	Var		   *key = NULL;
	ListCell   *lc;

	foreach(lc, subquery->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, lc);

		if (target->resjunk)
			continue;
		values = lappend(values, target);
		empties = lappend(empties, eval_const_expressions(NULL, empty_mutator(copyObject((Node *) target->expr), &unknown)));
	}
	subquery->targetList = list_copy(values);
	subquery->sortClause = NIL;
	subquery->distinctClause = NIL;
	if (unknown)
		return st_decline(context->build, "a correlated subquery of this form has no delta rule yet");
	foreach(lc, make_ands_implicit((Expr *) subquery->jointree->quals))
	{
		OpExpr	   *condition = lfirst(lc);
		SortGroupClause *clause;
		TargetEntry *target;
		Node	   *inner;
		Node	   *outer;
		bool		hashable;

		if (!refers_outside((Node *) condition))
		{
			stay = lappend(stay, condition);
			continue;
		}
		if (!split_equality((Node *) condition, &inner, &outer))
			return st_decline(context->build, "an aggregate that is correlated by more than equality has no delta rule yet");
		clause = makeNode(SortGroupClause);
		get_sort_group_operators(exprType(inner), false, true, false, &clause->sortop, &clause->eqop,
								 NULL, &hashable);
		clause->hashable = hashable;
		target = makeTargetEntry((Expr *) inner, list_length(subquery->targetList) + 1, "k", false);
		clause->tleSortGroupRef = target->ressortgroupref = target->resno;
		subquery->targetList = lappend(subquery->targetList, target);
		subquery->groupClause = lappend(subquery->groupClause, clause);

		key = makeVarFromTargetEntry(varno, target);
		condition = copyObject(condition);
		outer = copyObject(outer);
		IncrementVarSublevelsUp(outer, -1, 1);
		if (equal(linitial(condition->args), inner))
			condition->args = list_make2(copyObject(key), outer);
		else
			condition->args = list_make2(outer, copyObject(key));
		conditions = lappend(conditions, condition);
	}
	subquery->jointree->quals = stay ? (Node *) make_ands_explicit(stay) : NULL;
	if (st_is_correlated(subquery) || key == NULL)
		return st_decline(context->build, "a correlated subquery of this form has no delta rule yet");
	(void) add_entry(context, subquery);
	add_join(context, JOIN_LEFT, varno, (Node *) make_ands_explicit(conditions));
	forboth(value, values, empty, empties)
		results = lappend(results, make_choice(makeVarFromTargetEntry(varno, lfirst(value)), key, lfirst(empty)));
	return results;
}

/* The value of a scalar subquery, as a column of what is joined. NULL: declined. */
static Node *
join_scalar(UnnestContext *context, Query *subquery)
{
	bool		correlated = st_is_correlated(subquery);
	TargetEntry *value = linitial_node(TargetEntry, subquery->targetList);
	int			varno;

	if (is_one_row(subquery))
	{
		if (correlated)
		{
			List	   *results = join_groups(context, subquery);

			return results ? linitial(results) : NULL;
		}
		varno = add_entry(context, subquery);
		context->from = (Node *) makeFromExpr(list_make2(context->from, st_make_reference(varno)), NULL);
		return (Node *) makeVarFromTargetEntry(varno, value);
	}
	if (!is_plain(subquery) || subquery->hasSubLinks || !st_query_has_one_row(subquery))
		return st_decline(context->build, "a scalar subquery that may have several rows has no delta rule yet");
	subquery->sortClause = NIL;
	varno = add_entry(context, subquery);
	add_join(context, JOIN_LEFT, varno, NULL);
	return (Node *) makeVarFromTargetEntry(varno, value);
}

/* Subqueries within an expression become columns. */
static Node *
scalar_mutator(Node *node, void *arg)
{
	UnnestContext *context = arg;
	SubLink    *sublink = (SubLink *) node;

	if (node == NULL || context->build->reason)
		return node;
	check_stack_depth();
	if (IsA(node, SubLink))
	{
		Query	   *subquery = castNode(Query, sublink->subselect);

		if (sublink->subLinkType == EXPR_SUBLINK)
		{
			Node	   *value = join_scalar(context, subquery);

			return value ? value : node;
		}
		if (sublink->subLinkType == EXISTS_SUBLINK)
		{
			Node	   *count;

			simplify_exists(subquery);
			if (is_one_row(subquery))
				return makeBoolConst(true, false);
			if (!is_plain(subquery))
			{
				if (st_is_correlated(subquery))
					return st_decline(context->build, "a correlated subquery of this form has no delta rule yet");
				subquery = make_wrapper(subquery, NULL);
			}
			subquery->hasAggs = true;
			subquery->targetList = list_make1(makeTargetEntry((Expr *) st_make_count(), 1, "n", false));
			count = join_scalar(context, subquery);
			return count ? make_positive(count) : node;
		}
		(void) st_decline(context->build, "IN, ANY and ALL of a subquery as a value have no delta rule yet");
		return node;
	}
	if (IsA(node, Query))
		return node;
	return expression_tree_mutator(node, scalar_mutator, arg);
}

/* ----- LATERAL ----- */

/* Is this item of FROM an aggregate that is correlated with its neighbours? */
static bool
is_lateral_aggregate(Query *query, Node *item)
{
	RangeTblEntry *rte;

	if (!IsA(item, RangeTblRef))
		return false;
	rte = rt_fetch(((RangeTblRef *) item)->rtindex, query->rtable);
	return rte->rtekind == RTE_SUBQUERY && rte->lateral && !rte->security_barrier &&
		is_one_row(rte->subquery) && st_is_correlated(rte->subquery);
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
	context->from = left;
	results = join_groups(context, subquery);
	foreach(lc, results)
		targets = lappend(targets, makeTargetEntry(lfirst(lc), list_length(targets) + 1, "v", false));
	context->replaced = lappend_int(context->replaced, varno);
	context->replacements = lappend(context->replacements, targets);
	context->replaced_entries = lappend(context->replaced_entries, replaced);
	return results ? context->from : left;
}

/* Where such an item stands on its own, or on the right side of a join that keeps every row. */
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
			join_laterals(context, (Node **) &lfirst(lc));
			if (before && is_lateral_aggregate(context->query, lfirst(lc)))
				before = list_make1(join_lateral(context, (Node *) makeFromExpr(before, NULL), lfirst(lc)));
			else
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

		/* where another join puts NULL, the value for no rows must not stand in */
		if (join->jointype == JOIN_INNER || join->jointype == JOIN_LEFT)
			join_laterals(context, &join->larg);
		if (join->jointype == JOIN_INNER || join->jointype == JOIN_RIGHT)
			join_laterals(context, &join->rarg);
		if (is_lateral_aggregate(context->query, join->rarg) &&
			(join->jointype == JOIN_INNER || (join->jointype == JOIN_LEFT && unconditional)))
			*place = (Node *) makeFromExpr(list_make1(join_lateral(context, join->larg, join->rarg)),
										   unconditional ? NULL : join->quals);
	}
}

/* ----- one query ----- */

/* Conditions with subqueries, of ON where it stands for WHERE, are taken out. */
static void
take_conditions(Node *item, List **taken)
{
	Node	  **quals;
	List	   *stay = NIL;
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, FromExpr))
	{
		foreach(lc, ((FromExpr *) item)->fromlist)
			take_conditions(lfirst(lc), taken);
		quals = &((FromExpr *) item)->quals;
	}
	else if (IsA(item, JoinExpr) && ((JoinExpr *) item)->jointype == JOIN_INNER)
	{
		take_conditions(((JoinExpr *) item)->larg, taken);
		take_conditions(((JoinExpr *) item)->rarg, taken);
		quals = &((JoinExpr *) item)->quals;
	}
	else
		return;
	foreach(lc, make_ands_implicit((Expr *) *quals))
	{
		if (checkExprHasSubLink(lfirst(lc)))
			*taken = lappend(*taken, lfirst(lc));
		else
			stay = lappend(stay, lfirst(lc));
	}
	*quals = stay ? (Node *) make_ands_explicit(stay) : NULL;
}

static bool
sublink_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, SubLink))
		return true;
	return expression_tree_walker(node, sublink_walker, arg);
}

bool
st_unnest_sublinks(Query *query, bool grouped, BuildContext *build)
{
	UnnestContext context = {.build = build, .query = query};
	ListCell   *number;
	ListCell   *entry;
	ListCell   *targets;
	Node	   *top = (Node *) query->jointree;
	bool		sublinks = false;
	List	   *taken = NIL;
	List	   *asked = NIL;
	List	   *compared = NIL;
	ListCell   *lc;

	join_laterals(&context, &top);
	if (build->reason)
		return false;
	forthree(number, context.replaced, entry, context.replaced_entries, targets, context.replacements)
		*query = *(Query *) StReplaceVarsFromTargetList((Node *) query, lfirst_int(number), lfirst(entry),
														lfirst(targets), &sublinks);
	if (!query->hasSubLinks)
		return true;
	take_conditions((Node *) query->jointree, &taken);
	context.from = (Node *) query->jointree;
	foreach(lc, taken)
	{
		Node	   *condition = lfirst(lc);
		Node	   *bare = condition;

		while (is_notclause(bare))
			bare = (Node *) get_notclausearg((Expr *) bare);
		if (IsA(bare, SubLink) && ((SubLink *) bare)->subLinkType != EXPR_SUBLINK)
			asked = lappend(asked, condition);
		else
			compared = lappend(compared, scalar_mutator(condition, &context));
	}
	if (build->reason)
		return false;
	if (compared)
		context.from = (Node *) makeFromExpr(list_make1(context.from), (Node *) make_ands_explicit(compared));
	foreach(lc, asked)
		if (!join_conjunct(&context, lfirst(lc)))
			return st_decline(build, "this form of a subquery in an expression has no delta rule yet") != NULL;
	/* above a grouping they are of the query that reads its state */
	if (!grouped)
		query->targetList = (List *) scalar_mutator((Node *) query->targetList, &context);
	if (build->reason)
		return false;
	query->jointree = IsA(context.from, FromExpr) ? (FromExpr *) context.from :
		makeFromExpr(list_make1(context.from), NULL);
	query->hasSubLinks = false;
	if (sublink_walker((Node *) query->jointree, NULL) ||
		range_table_walker(query->rtable, sublink_walker, NULL, QTW_IGNORE_RT_SUBQUERIES))
		return st_decline(build, "a subquery within an outer join's condition or a FROM item has no delta rule yet") != NULL;
	return true;
}
