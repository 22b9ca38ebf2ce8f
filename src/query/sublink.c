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
 *	  join, if it looks up a unique key. One that may have several rows keeps
 *	  them all, and raises where its value is looked at. EXISTS where a scalar may
 *	  stand, as under OR, is a count compared; so are IN, ANY and ALL (any.c).
 *
 *	  So do LATERAL subqueries (lateral.c).
 *
 *	  Correlated subqueries of semi and anti joins that only filter and project
 *	  enter FROM as LATERAL ones, which flattening takes apart (from.c), unless a
 *	  state of the values that they have is better (lookup.c); all others become
 *	  queries of their own first (decorrelate.c). Semi and anti joins are
 *	  JoinExprs of the planner's join types (outer.c).
 *
 *	  A condition with subqueries in ON of an outer join is evaluated over a side
 *	  that has their values as columns.
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
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "query/build.h"
#include "query/decorrelate.h"
#include "query/lookup.h"
#include "query/source_facts.h"
#include "query/unnest.h"
#include "util/fault.h"

/* ----- pieces ----- */

bool
st_is_plain(Query *query)
{
	return query->setOperations == NULL && !query->hasAggs && !query->hasWindowFuncs &&
		!query->hasTargetSRFs && query->groupClause == NIL && query->groupingSets == NIL &&
		query->havingQual == NULL && query->distinctClause == NIL &&
		query->limitCount == NULL && query->limitOffset == NULL && query->cteList == NIL &&
		query->rowMarks == NIL;
}

/* The number of rows of a LIMIT that is a constant; PG_INT64_MAX: of all, -1: it is none. */
static int64
constant_limit(Query *query)
{
	Const	   *limit = (Const *) eval_const_expressions(NULL, query->limitCount);

	if (limit == NULL)
		return PG_INT64_MAX;
	if (!IsA(limit, Const))
		return -1;
	return limit->constisnull ? PG_INT64_MAX : DatumGetInt64(limit->constvalue);
}

bool
st_is_one_row(Query *query)
{
	return query->hasAggs && query->setOperations == NULL && !query->hasWindowFuncs &&
		!query->hasTargetSRFs && query->groupClause == NIL && query->groupingSets == NIL &&
		query->havingQual == NULL && query->limitOffset == NULL && constant_limit(query) > 0;
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

Node *
st_make_null_test(Node *expr, NullTestType type)
{
	NullTest   *test = makeNode(NullTest);

	test->arg = (Expr *) expr;
	test->nulltesttype = type;
	test->location = -1;
	return (Node *) test;
}

Node *
st_make_boolean_test(Node *expr, BoolTestType type)
{
	BooleanTest *test = makeNode(BooleanTest);

	test->arg = (Expr *) expr;
	test->booltesttype = type;
	test->location = -1;
	return (Node *) test;
}

Node *
st_make_positive(Node *count)
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

Query *
st_make_wrapper(Query *subquery, Node *quals)
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
	Query	   *query = st_make_wrapper(subquery, quals);
	TargetEntry *target = makeTargetEntry((Expr *) makeBoolConst(true, false), 1, "m", false);

	query->targetList = list_make1(target);
	query->distinctClause = list_make1(st_make_group_clause(target, query->targetList));
	return query;
}

/* Its rows are counted by the first column: EXISTS (SELECT FROM ..) has one all the same. */
static void
give_column(Query *query)
{
	ListCell   *lc;

	query->targetList = lcons(makeTargetEntry((Expr *) makeBoolConst(true, false), 1, "m", false), query->targetList);
	foreach(lc, query->targetList)
		lfirst_node(TargetEntry, lc)->resno = foreach_current_index(lc) + 1;
}

/* What EXISTS does not ask for, as simplify_EXISTS_query in PostgreSQL's subselect.c. */
static void
simplify_exists(Query *query)
{
	if (query->setOperations == NULL && ExecCleanTargetListLength(query->targetList) == 0)
		give_column(query);
	query->sortClause = NIL;
	if (query->limitOffset == NULL && constant_limit(query) > 0)
	{
		query->limitCount = NULL;
		query->limitOption = LIMIT_OPTION_COUNT;
	}
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

List *
st_extract_correlation(Query *subquery, int varno)
{
	ExportContext context = {subquery, varno};
	List	   *stay = NIL;
	List	   *leave = NIL;
	List	   *shown = NIL;
	ListCell   *lc;

	/* columns are going to be found by their place */
	subquery->sortClause = NIL;
	foreach(lc, subquery->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, lc);

		if (target->resjunk)
			continue;
		shown = lappend(shown, target);
		target->resno = list_length(shown);
	}
	subquery->targetList = shown;
	foreach(lc, make_ands_implicit((Expr *) subquery->jointree->quals))
	{
		if (st_refers_outside(lfirst(lc)) && !checkExprHasSubLink(lfirst(lc)))
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

Node *
st_add_conditions(Node *quals, List *more)
{
	List	   *all = list_concat(make_ands_implicit((Expr *) quals), more);

	return all ? (Node *) make_ands_explicit(all) : NULL;
}

/* The subquery's last entry joined on what it is compared by, Params its columns. */
static void
join_on(UnnestContext *context, JoinType type, Query *subquery, Node *test)
{
	int			varno = list_length(context->query->rtable) + 1;
	List	   *correlation;
	Query	   *matches = st_match_state(context->build, subquery, varno, test, &correlation);

	if (matches)
	{
		(void) add_entry(context, matches);
		add_join(context, type, varno, (Node *) make_ands_explicit(correlation));
		return;
	}
	/* what is taken apart as LATERAL (from.c) stays correlated */
	if (st_is_correlated(subquery) && (!st_is_taken_apart(subquery, false) || st_outer_joins_refer_outside(subquery)))
	{
		Query	   *extracted = copyObject(subquery);

		correlation = st_is_plain(extracted) ? st_extract_correlation(extracted, varno) : NIL;
		if (!st_is_correlated(extracted))
			*subquery = *extracted;
		else
		{
			StCorrelation *ties = st_decorrelate(context->query, context->asking, context->nentries, subquery, varno,
												 context->build);

			if (ties == NULL)
				return;
			correlation = ties->conditions;
		}
	}
	else
		correlation = subquery->hasSubLinks && st_is_plain(subquery) ? st_extract_correlation(subquery, varno) : NIL;
	(void) add_entry(context, subquery);
	add_join(context, type, varno, st_add_conditions(param_mutator(test, context), correlation));
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
		join_on(context, JOIN_ANTI, subquery, st_make_boolean_test(test, IS_NOT_FALSE));
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
					st_make_null_test(copyObject(right), IS_NULL));
		else
		{
			TargetEntry *column = linitial_node(TargetEntry, subquery->targetList);
			Var		   *var = makeVarFromTargetEntry(1, column);

			join_on(context, JOIN_ANTI,
					make_nonempty(copyObject(subquery), st_make_null_test((Node *) var, IS_NULL)), NULL);
		}
	}
	if (!st_query_expr_not_null(context->query, left))
		join_on(context, JOIN_ANTI,
				correlated ? copyObject(subquery) : make_nonempty(copyObject(subquery), NULL),
				st_make_null_test(copyObject(left), IS_NULL));
}

static Node *scalar_mutator(Node *node, void *arg);

/*
 * Subqueries in what a subquery is compared with become columns; it is rows with
 * these that ask, from then on.
 */
static void
join_test(UnnestContext *context, SubLink *sublink)
{
	if (sublink->testexpr == NULL || !checkExprHasSubLink(sublink->testexpr))
		return;
	sublink->testexpr = scalar_mutator(sublink->testexpr, context);
	context->asking = context->from;
	context->nentries = list_length(context->query->rtable);
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
	join_test(context, sublink);
	if (context->build->reason)
		return false;
	subquery = castNode(Query, sublink->subselect);
	test = sublink->testexpr;
	switch (sublink->subLinkType)
	{
		case EXISTS_SUBLINK:
			simplify_exists(subquery);
			if (st_is_one_row(subquery))
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
			if (IsA(test, OpExpr) && OidIsValid(get_negator(((OpExpr *) test)->opno)))
			{
				OpExpr	   *comparison = (OpExpr *) test;

				comparison->opno = get_negator(comparison->opno);
				comparison->opfuncid = get_opcode(comparison->opno);
				if (negated)
					join_on(context, JOIN_SEMI, subquery, test);
				else
					join_on_no_match(context, subquery, test);
			}
			else if (negated)
				join_on(context, JOIN_SEMI, subquery, (Node *) make_notclause((Expr *) test));
			else
				join_on(context, JOIN_ANTI, subquery, st_make_boolean_test(test, IS_NOT_TRUE));
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
	/* what is around the subquery is there without any row of it */
	if (IsA(node, Var) && ((Var *) node)->varlevelsup > 0)
	{
		Var		   *var = copyObject((Var *) node);

		var->varlevelsup--;
		return (Node *) var;
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
	when->expr = (Expr *) st_make_null_test((Node *) copyObject(key), IS_NULL);
	when->result = (Expr *) empty;
	when->location = -1;
	choice->casetype = exprType((Node *) result);
	choice->casecollid = exprCollation((Node *) result);
	choice->args = list_make1(when);
	choice->defresult = (Expr *) result;
	choice->location = -1;
	return (Node *) choice;
}

List *
st_join_groups(UnnestContext *context, Query *subquery)
{
	List	   *values = NIL;
	List	   *empties = NIL;
	List	   *results = NIL;
	ListCell   *value;
	ListCell   *empty;
	bool		unknown = false;
	int			varno = list_length(context->query->rtable) + 1;
	StCorrelation *correlation;
	Var		   *found = NULL;
	ListCell   *lc;

	foreach(lc, subquery->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, lc);
		Node	   *none;

		if (target->resjunk)
			continue;
		values = lappend(values, target);
		/* no text can be read as a record */
		none = empty_mutator(copyObject((Node *) target->expr), &unknown);
		empties = lappend(empties, st_is_record(exprType(none)) ? none : eval_const_expressions(NULL, none));
	}
	subquery->targetList = values;
	foreach(lc, subquery->targetList)
		lfirst_node(TargetEntry, lc)->resno = foreach_current_index(lc) + 1;
	values = list_copy(values);
	subquery->sortClause = NIL;
	subquery->distinctClause = NIL;
	subquery->limitCount = NULL;
	if (unknown)
		return st_decline(context->build, "a correlated subquery of this form has no delta rule yet");
	correlation = st_decorrelate(context->query, context->asking, context->nentries, subquery, varno, context->build);
	if (correlation == NULL)
		return NIL;
	if (correlation->found)
		found = makeVarFromTargetEntry(varno, list_nth(subquery->targetList, correlation->found - 1));
	else
	{
		TargetEntry *count = makeTargetEntry((Expr *) st_make_count(), list_length(subquery->targetList) + 1, "n", false);

		subquery->targetList = lappend(subquery->targetList, count);
		found = makeVarFromTargetEntry(varno, count);
	}
	(void) add_entry(context, subquery);
	add_join(context, JOIN_LEFT, varno, (Node *) make_ands_explicit(correlation->conditions));
	forboth(value, values, empty, empties)
		results = lappend(results, make_choice(makeVarFromTargetEntry(varno, list_nth(subquery->targetList, lfirst_node(TargetEntry, value)->resno - 1)),
											   found, lfirst(empty)));
	return results;
}

/*
 * A subquery's rows, grouped by the columns that tie it to what is around it:
 * its first columns become "aggregates", which may read it as entry 1. The tying
 * columns keep their places; "last", if there is one, is an aggregate behind all.
 */
static Query *
group_rows(Query *subquery, StCorrelation *correlation, List *aggregates, Aggref *last)
{
	Query	   *query = st_make_wrapper(subquery, NULL);
	ListCell   *lc;

	foreach(lc, subquery->targetList)
	{
		TargetEntry *column = lfirst_node(TargetEntry, lc);
		bool		tie = correlation && list_member_int(correlation->columns, column->resno);
		Node	   *value;
		TargetEntry *target;

		if (column->resjunk)
			continue;
		if (tie)
			value = (Node *) makeVarFromTargetEntry(1, column);
		else if (column->resno <= list_length(aggregates))
			value = list_nth(aggregates, column->resno - 1);
		else
			value = (Node *) st_make_count();
		target = makeTargetEntry((Expr *) value, column->resno, "v", false);
		query->targetList = lappend(query->targetList, target);
		if (tie)
			query->groupClause = lappend(query->groupClause, st_make_group_clause(target, query->targetList));
	}
	if (last)
		query->targetList = lappend(query->targetList, makeTargetEntry((Expr *) last, list_length(query->targetList) + 1, "v", false));
	query->hasAggs = true;
	return query;
}

/*
 * The subquery's rows become one for each value that asks, with "aggregates" of
 * its columns and "last". The entry's number, and the "conditions" that tie it to what asks; 0: declined.
 */
static int
join_grouped_rows(UnnestContext *context, Query *subquery, List *aggregates, Aggref *last, List **conditions)
{
	int			varno = list_length(context->query->rtable) + 1;
	StCorrelation *correlation = NULL;

	if (st_is_correlated(subquery))
	{
		correlation = st_decorrelate(context->query, context->asking, context->nentries, subquery, varno, context->build);
		if (correlation == NULL)
			return 0;
	}
	(void) add_entry(context, group_rows(subquery, correlation, aggregates, last));
	if (correlation)
		add_join(context, JOIN_LEFT, varno, (Node *) make_ands_explicit(correlation->conditions));
	else
		context->from = (Node *) makeFromExpr(list_make2(context->from, st_make_reference(varno)), NULL);
	if (conditions)
		*conditions = correlation ? correlation->conditions : NIL;
	return varno;
}

/*
 * array_agg() of a column that can be NULL or a value; of arrays, which have to
 * fit one another, where "nest". In the order of the clauses of "order", by
 * columns of "targets". NULL: there is none.
 */
static Aggref *
make_array(Node *column, bool nest, List *targets, List *order)
{
	Oid			type = exprType(column);
	Oid			array = nest && OidIsValid(get_element_type(type)) ? type : get_array_type(type);
	Aggref	   *aggref = makeNode(Aggref);
	ListCell   *lc;

	if ((get_typtype(type) == TYPTYPE_PSEUDO && type != RECORDOID) || (OidIsValid(get_element_type(type)) && !nest) ||
		!OidIsValid(array))
		return NULL;
	aggref->aggfnoid = array == type ? F_ARRAY_AGG_ANYARRAY : F_ARRAY_AGG_ANYNONARRAY;
	aggref->aggtype = array;
	aggref->aggcollid = aggref->inputcollid = exprCollation(column);
	aggref->aggargtypes = list_make1_oid(type);
	aggref->args = list_make1(makeTargetEntry((Expr *) column, 1, NULL, false));
	foreach(lc, order)
	{
		SortGroupClause *clause = copyObject(lfirst_node(SortGroupClause, lc));
		TargetEntry *target = flatCopyTargetEntry(get_sortgroupclause_tle(clause, targets));

		target->resno = list_length(aggref->args) + 1;
		target->resjunk = true;
		target->ressortgroupref = clause->tleSortGroupRef = target->resno;
		aggref->args = lappend(aggref->args, target);
		aggref->aggorder = lappend(aggref->aggorder, clause);
	}
	aggref->aggkind = AGGKIND_NORMAL;
	aggref->aggno = aggref->aggtransno = -1;
	aggref->location = -1;
	return aggref;
}

/* ARRAY() of a subquery that does more than to filter: of its rows, which it shows with all that they are ordered by. */
static Node *
join_array_of_rows(UnnestContext *context, Query *subquery, Oid *type)
{
	List	   *columns = NIL;
	Aggref	   *aggref;
	int			varno;
	ListCell   *lc;

	foreach(lc, subquery->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, lc);
		TargetEntry *column = flatCopyTargetEntry(target);

		target->resjunk = false;
		column->expr = (Expr *) makeVarFromTargetEntry(1, target);
		columns = lappend(columns, column);
	}
	aggref = make_array((Node *) linitial_node(TargetEntry, columns)->expr, true, columns, subquery->sortClause);
	if (aggref == NULL)
		return st_decline(context->build, "an ARRAY of a subquery of this type has no delta rule yet");
	*type = aggref->aggtype;
	varno = join_grouped_rows(context, subquery, list_make1(aggref), NULL, NULL);
	return varno ? (Node *) makeVar(varno, 1, aggref->aggtype, -1, aggref->aggcollid, 0) : NULL;
}

/* ARRAY(SELECT ..) is an aggregate that is empty instead of NULL. */
static Node *
join_array(UnnestContext *context, Query *subquery)
{
	TargetEntry *column = linitial_node(TargetEntry, subquery->targetList);
	Aggref	   *aggref;
	CoalesceExpr *result;
	Node	   *value;
	Oid			type = InvalidOid;

	if (column->resjunk)
		return st_decline(context->build, "an ARRAY of a subquery of this form has no delta rule yet");
	if (st_is_plain(subquery))
	{
		aggref = make_array((Node *) column->expr, true, subquery->targetList, subquery->sortClause);
		if (aggref == NULL)
			return st_decline(context->build, "an ARRAY of a subquery of this type has no delta rule yet");
		type = aggref->aggtype;
		subquery->targetList = list_make1(makeTargetEntry((Expr *) aggref, 1, "v", false));
		subquery->sortClause = NIL;
		subquery->hasAggs = true;
		value = st_join_scalar(context, subquery);
	}
	else
		value = join_array_of_rows(context, subquery, &type);
	if (value == NULL)
		return NULL;
	result = makeNode(CoalesceExpr);
	result->coalescetype = type;
	result->coalescecollid = exprCollation(value);
	result->args = list_make2(value, makeConst(type, -1, exprCollation(value), -1,
											   PointerGetDatum(construct_empty_array(get_element_type(type))),
											   false, false));
	result->location = -1;
	return (Node *) result;
}

/* The columns of an entry that have "targets", which are not junk. */
static List *
shown_columns(int varno, List *targets)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, targets)
		if (!lfirst_node(TargetEntry, lc)->resjunk)
			result = lappend(result, makeVarFromTargetEntry(varno, lfirst(lc)));
	return result;
}

/* Is there an array of the values of each column? */
static bool
have_arrays(List *targets)
{
	ListCell   *lc;

	foreach(lc, shown_columns(1, targets))
		if (make_array(lfirst(lc), false, NIL, NIL) == NULL)
			return false;
	return true;
}

/* Aggregates of all rows together, of which HAVING may leave nothing. */
static bool
is_one_row_or_none(Query *query)
{
	Query		whole;

	memcpy(&whole, query, sizeof(Query));
	whole.havingQual = NULL;
	return st_is_one_row(&whole);
}

/* The greatest of a column's arrays, of which there is none of arrays of all. NULL: they have no order. */
static Aggref *
make_greatest(Node *column)
{
	Oid			type = exprType(column);
	Aggref	   *aggref;

	if (!OidIsValid(get_element_type(type)) || !OidIsValid(lookup_type_cache(type, TYPECACHE_CMP_PROC)->cmp_proc))
		return NULL;
	aggref = make_array(column, true, NIL, NIL);
	if (aggref)
		aggref->aggfnoid = F_MAX_ANYARRAY;
	return aggref;
}

/* pgtrickle.only_row() of an array with an element for each row */
static Node *
only_row(Var *rows, Oid type, Oid collation)
{
	Oid			anyarray = ANYARRAYOID;

	return (Node *) makeFuncExpr(LookupFuncName(list_make2(makeString("pgtrickle"), makeString("only_row")), 1, &anyarray, false),
								 type, list_make1(rows), collation, collation, COERCE_EXPLICIT_CALL);
}

/*
 * "value" where the conditions hold, otherwise NULL. They tie the value's entry to
 * what asks for it, and it may raise: of rows that nobody asks for the planner
 * would evaluate it, where WHERE compares it, before it joins them.
 */
static Node *
value_where(Node *value, List *conditions)
{
	CaseExpr   *choice;
	CaseWhen   *when;

	if (conditions == NIL)
		return value;
	choice = makeNode(CaseExpr);
	when = makeNode(CaseWhen);
	when->expr = (Expr *) make_ands_explicit(copyObject(conditions));
	when->result = (Expr *) value;
	when->location = -1;
	choice->casetype = exprType(value);
	choice->casecollid = exprCollation(value);
	choice->args = list_make1(when);
	choice->defresult = (Expr *) makeNullConst(exprType(value), exprTypmod(value), exprCollation(value));
	choice->location = -1;
	return (Node *) choice;
}

/*
 * A scalar subquery that may have several rows: they are kept together, since
 * that there are is an error only where the value is looked at. There is no
 * array of arrays: of those the greatest is kept, and how many rows there are.
 */
static List *
join_several_rows(UnnestContext *context, Query *subquery)
{
	int			varno = list_length(context->query->rtable) + 1;
	List	   *values = shown_columns(varno, subquery->targetList);
	List	   *aggregates = NIL;
	List	   *results = NIL;
	Aggref	   *rows = NULL;
	Var		   *count = NULL;
	List	   *conditions;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, shown_columns(1, subquery->targetList))
	{
		Aggref	   *aggref = make_array(lfirst(lc), false, NIL, NIL);

		if (aggref == NULL && (aggref = make_greatest(lfirst(lc))) != NULL)
			rows = make_array(makeBoolConst(true, false), false, NIL, NIL);
		if (aggref == NULL)
			return st_decline(context->build, "a scalar subquery of this type that may have several rows has no delta rule yet");
		aggregates = lappend(aggregates, aggref);
	}
	if (!subquery->limitCount && !subquery->hasDistinctOn)
		subquery->sortClause = NIL;
	if (join_grouped_rows(context, subquery, aggregates, rows, &conditions) == 0)
		return NIL;
	if (rows)
		count = makeVar(varno, list_length(rt_fetch(varno, context->query->rtable)->subquery->targetList), rows->aggtype, -1, InvalidOid, 0);
	forboth(lc, values, lc2, aggregates)
	{
		Node	   *value = lfirst(lc);
		Aggref	   *aggref = lfirst_node(Aggref, lc2);
		Var		   *kept = makeVar(varno, list_length(results) + 1, aggref->aggtype, -1, aggref->aggcollid, 0);

		if (aggref->aggfnoid != F_MAX_ANYARRAY)
			value = only_row(kept, exprType(value), exprCollation(value));
		else
		{
			/* the greatest is that of the only row */
			Node	   *is_one = st_make_null_test(only_row(copyObject(count), BOOLOID, InvalidOid), IS_NOT_NULL);

			value = ST_FAULT("E11 several") ? (Node *) kept : value_where((Node *) kept, list_make1(is_one));
		}
		results = lappend(results, value_where(value, conditions));
	}
	return results;
}

/* A scalar subquery with LIMIT 1 has no other rows, which can also be said of one group. */
static List *
join_rows(UnnestContext *context, Query *subquery)
{
	int			varno = list_length(context->query->rtable) + 1;
	List	   *values = shown_columns(varno, subquery->targetList);
	StCorrelation *correlation = NULL;

	if (linitial_node(TargetEntry, subquery->targetList)->resjunk)
		return st_decline(context->build, "a scalar subquery of this form has no delta rule yet");
	if (is_one_row_or_none(subquery) && !have_arrays(subquery->targetList))
		subquery->limitCount = (Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(1), false, FLOAT8PASSBYVAL);
	if (subquery->limitOption != LIMIT_OPTION_COUNT || constant_limit(subquery) != 1)
		return join_several_rows(context, subquery);
	if (st_is_correlated(subquery))
	{
		correlation = st_decorrelate(context->query, context->asking, context->nentries, subquery, varno, context->build);
		if (correlation == NULL)
			return NIL;
	}
	(void) add_entry(context, subquery);
	add_join(context, JOIN_LEFT, varno, correlation ? (Node *) make_ands_explicit(correlation->conditions) : NULL);
	return values;
}

/* What the columns of a subquery that has one row or none are outside. NIL: declined. */
static List *
join_columns(UnnestContext *context, Query *subquery)
{
	int			varno;

	if (st_is_one_row(subquery))
	{
		if (st_is_correlated(subquery))
			return st_join_groups(context, subquery);
		varno = add_entry(context, subquery);
		context->from = (Node *) makeFromExpr(list_make2(context->from, st_make_reference(varno)), NULL);
		return shown_columns(varno, subquery->targetList);
	}
	if (st_is_plain(subquery) && !subquery->hasSubLinks && st_query_has_one_row(subquery))
	{
		subquery->sortClause = NIL;
		varno = add_entry(context, subquery);
		add_join(context, JOIN_LEFT, varno, NULL);
		return shown_columns(varno, subquery->targetList);
	}
	return join_rows(context, subquery);
}

Node *
st_join_scalar(UnnestContext *context, Query *subquery)
{
	List	   *results = join_columns(context, subquery);

	return results ? linitial(results) : NULL;
}

/* A row compared with that of a subquery, which is NULL in all columns if there is none. */
static Node *
join_row_comparison(UnnestContext *context, SubLink *sublink)
{
	List	   *columns = join_columns(context, castNode(Query, sublink->subselect));

	return columns ? st_replace_params(sublink->testexpr, columns) : NULL;
}

/* Whether a correlated subquery has rows: by how many there are for each value. */
static Node *
count_rows(UnnestContext *context, Query *subquery)
{
	int			varno;

	/* a set operation of rows without columns */
	if (ExecCleanTargetListLength(subquery->targetList) == 0)
		return st_decline(context->build, "a correlated subquery of this form has no delta rule yet");
	varno = join_grouped_rows(context, subquery, list_make1(st_make_count()), NULL, NULL);
	return varno ? st_make_null_test((Node *) makeVar(varno, 1, INT8OID, -1, InvalidOid, 0), IS_NOT_NULL) : NULL;
}

Node *
st_join_exists(UnnestContext *context, Query *subquery)
{
	Node	   *count;
	int			varno;

	simplify_exists(subquery);
	if (st_is_one_row(subquery))
		return makeBoolConst(true, false);
	if (!st_is_correlated(subquery))
	{
		varno = add_entry(context, make_nonempty(subquery, NULL));
		add_join(context, JOIN_LEFT, varno, NULL);
		return st_make_null_test((Node *) makeVar(varno, 1, BOOLOID, -1, InvalidOid, 0), IS_NOT_NULL);
	}
	if (!st_is_plain(subquery))
		return count_rows(context, subquery);
	subquery->hasAggs = true;
	subquery->targetList = list_make1(makeTargetEntry((Expr *) st_make_count(), 1, "n", false));
	count = st_join_scalar(context, subquery);
	return count ? st_make_positive(count) : NULL;
}

/* What a subquery is compared with, or asked about, and that subquery become columns. */
static Node *
join_comparison(UnnestContext *context, SubLink *sublink)
{
	UnnestContext before = *context;
	Node	   *value = NULL;

	join_test(context, sublink);
	if (context->build->reason == NULL)
		value = sublink->subLinkType == ROWCOMPARE_SUBLINK ? join_row_comparison(context, sublink) :
			st_join_comparison(context, sublink);
	context->asking = before.asking;
	context->nentries = before.nentries;
	return value;
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

		Node	   *value = NULL;

		switch (sublink->subLinkType)
		{
			case EXPR_SUBLINK:
				value = st_join_scalar(context, subquery);
				break;
			case EXISTS_SUBLINK:
				value = st_join_exists(context, subquery);
				break;
			case ANY_SUBLINK:
			case ALL_SUBLINK:
			case ROWCOMPARE_SUBLINK:
				value = join_comparison(context, sublink);
				break;
			case ARRAY_SUBLINK:
				value = join_array(context, subquery);
				break;
			default:
				(void) st_decline(context->build, "this form of a subquery in an expression has no delta rule yet");
		}
		return value ? value : node;
	}
	if (IsA(node, Query))
		return node;
	return expression_tree_mutator(node, scalar_mutator, arg);
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

/*
 * Subqueries in ON of an outer join that ask about one side only become columns
 * of that side, and conditions on them stay where they are.
 */
static void
join_in_conditions(UnnestContext *context, Node *item)
{
	JoinExpr   *join = (JoinExpr *) item;
	List	   *quals = NIL;
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, FromExpr))
		foreach(lc, ((FromExpr *) item)->fromlist)
			join_in_conditions(context, lfirst(lc));
	if (!IsA(item, JoinExpr))
		return;
	join_in_conditions(context, join->larg);
	join_in_conditions(context, join->rarg);
	if (join->jointype == JOIN_INNER || !checkExprHasSubLink(join->quals))
		return;
	foreach(lc, make_ands_implicit((Expr *) join->quals))
	{
		Node	   *condition = lfirst(lc);
		Bitmapset  *varnos = pull_varnos(NULL, condition);
		Node	  **side = NULL;

		if (bms_is_subset(varnos, st_entries_below(join->rarg, ST_REACH_ALL)))
			side = &join->rarg;
		else if (bms_is_subset(varnos, st_entries_below(join->larg, ST_REACH_ALL)))
			side = &join->larg;
		if (side && checkExprHasSubLink(condition))
		{
			context->from = context->asking = *side;
			context->nentries = list_length(context->query->rtable);
			condition = scalar_mutator(condition, context);
			*side = context->from;
		}
		quals = lappend(quals, condition);
	}
	join->quals = (Node *) make_ands_explicit(quals);
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

	st_restrict_subqueries(query);
	st_join_laterals(&context, &top);
	if (build->reason)
		return false;
	forthree(number, context.replaced, entry, context.replaced_entries, targets, context.replacements)
		*query = *(Query *) StReplaceVarsFromTargetList((Node *) query, lfirst_int(number), lfirst(entry),
														lfirst(targets), &sublinks);
	if (!query->hasSubLinks)
		return true;
	join_in_conditions(&context, (Node *) query->jointree);
	if (build->reason)
		return false;
	take_conditions((Node *) query->jointree, &taken);
	context.from = context.asking = (Node *) query->jointree;
	context.nentries = list_length(query->rtable);
	foreach(lc, taken)
	{
		Node	   *condition = lfirst(lc);
		Node	   *bare = condition;

		while (is_notclause(bare))
			bare = (Node *) get_notclausearg((Expr *) bare);
		if (IsA(bare, SubLink) && ((SubLink *) bare)->subLinkType != EXPR_SUBLINK &&
			((SubLink *) bare)->subLinkType != ROWCOMPARE_SUBLINK)
			asked = lappend(asked, condition);
		else
			compared = lappend(compared, scalar_mutator(condition, &context));
	}
	if (build->reason)
		return false;
	if (compared)
		context.from = (Node *) makeFromExpr(list_make1(context.from), (Node *) make_ands_explicit(compared));
	foreach(lc, asked)
	{
		UnnestContext before = context;

		if (!join_conjunct(&context, lfirst(lc)))
			return st_decline(build, "this form of a subquery in an expression has no delta rule yet") != NULL;
		context.asking = before.asking;
		context.nentries = before.nentries;
	}
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
