/*-------------------------------------------------------------------------
 *
 * decorrelate.c
 *	  Correlated subqueries become queries of their own.
 *
 * NOTES
 *	  A subquery whose WHERE equates what it reads with what is around it is
 *	  evaluated for all values of its side at once, and these become columns of
 *	  its result, by which a row outside finds its own.
 *
 *	  One that is correlated in another way is evaluated over its domain (rule
 *	  E11): the distinct values with which the rows outside ask, joined to its
 *	  FROM. In it and in what it holds, the columns outside are those of the
 *	  domain; so a subquery that refers several levels up ends as one that refers
 *	  one level up, and is taken apart in its turn (domain.c).
 *
 *	  Either way the columns become keys of everything that the subquery does
 *	  with its rows: of its grouping, of DISTINCT, of its windows, and of its
 *	  LIMIT, which becomes a DISTINCT ON or a row number (top.c), as also one with
 *	  columns from around the subquery can. Set operations and
 *	  recursions are taken apart in untie.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "query/decorrelate.h"
#include "query/domain.h"
#include "query/source_facts.h"
#include "query/untie.h"
#include "util/fault.h"

/* ----- references to what is around ----- */

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

bool
st_refers_outside(Node *expr)
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

static bool
outer_join_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, JoinExpr) && ((JoinExpr *) node)->jointype != JOIN_INNER)
		return outer_var_walker(node, arg);
	return expression_tree_walker(node, outer_join_walker, arg);
}

static bool
outer_joins_refer_outside(Query *query, Index depth)
{
	Node	   *from = (Node *) query->jointree;
	bool		arguments = false;
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_SUBQUERY && outer_joins_refer_outside(rte->subquery, depth + 1))
			return true;
		arguments = arguments || outer_var_walker((Node *) st_entry_arguments(rte), &depth);
	}
	return outer_join_walker((Node *) query->jointree->fromlist, &depth) ||
		(arguments && !bms_equal(st_entries_below(from, ST_REACH_INNER), st_entries_below(from, ST_REACH_ALL)));
}

bool
st_outer_joins_refer_outside(Query *subquery)
{
	return outer_joins_refer_outside(subquery, 0);
}

bool
st_split_equality(Node *condition, Node **inner, Node **outer)
{
	OpExpr	   *equality = (OpExpr *) condition;
	TypeCacheEntry *entry;

	if (!IsA(condition, OpExpr) || list_length(equality->args) != 2 || checkExprHasSubLink(condition))
		return false;
	for (int side = 0; side < 2; side++)
	{
		*inner = list_nth(equality->args, side);
		*outer = list_nth(equality->args, 1 - side);
		if (st_refers_outside(*inner) || contain_vars_of_level(*outer, 0) || !contain_vars_of_level(*inner, 0))
			continue;
		entry = lookup_type_cache(exprType(*inner), TYPECACHE_BTREE_OPFAMILY);
		return OidIsValid(entry->btree_opf) && op_strict(equality->opno) &&
			!type_is_rowtype(exprType(*inner)) &&
			equality->inputcollid == exprCollation(*inner) &&
			get_op_opfamily_strategy(equality->opno, entry->btree_opf) == BTEqualStrategyNumber;
	}
	return false;
}

/* ----- columns that tie ----- */

/* Columns of the result, in front of those that only order. Returns their entries. */
static List *
add_columns(Query *query, List *exprs)
{
	List	   *shown = NIL;
	List	   *hidden = NIL;
	List	   *added = NIL;
	int			resno = 1;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, lc);

		if (target->resjunk)
			hidden = lappend(hidden, target);
		else
			shown = lappend(shown, target);
	}
	foreach(lc, exprs)
		added = lappend(added, makeTargetEntry(lfirst(lc), 0, "k", false));
	query->targetList = list_concat(list_concat(shown, added), hidden);
	foreach(lc, query->targetList)
		lfirst_node(TargetEntry, lc)->resno = resno++;
	return added;
}

static List *
make_clauses(Query *query, List *columns)
{
	List	   *clauses = NIL;
	ListCell   *lc;

	foreach(lc, columns)
		clauses = lappend(clauses, st_make_group_clause(lfirst(lc), query->targetList));
	return clauses;
}

typedef struct MoveContext
{
	List	   *exprs;			/* Vars of the present level */
	List	   *resnos;			/* that are these columns of entry 1 above */
	Index		depth;
} MoveContext;

static Node *
move_mutator(Node *node, void *arg)
{
	MoveContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Var) && ((Var *) node)->varlevelsup == context->depth)
	{
		Var		   *var = copyObject((Var *) node);

		var->varlevelsup = 0;
		return (Node *) makeVar(1, list_nth_int(context->resnos, st_position_in(&context->exprs, (Node *) var) - 1), var->vartype,
								var->vartypmod, var->varcollid, context->depth);
	}
	if (IsA(node, Query))
	{
		Query	   *result;

		context->depth++;
		result = query_tree_mutator((Query *) node, move_mutator, arg, 0);
		context->depth--;
		return (Node *) result;
	}
	return expression_tree_mutator(node, move_mutator, arg);
}

/* Of columns by which rows are told apart: those that windows are partitioned by, since the image of a row is there as well. */
static List *
partitioning_columns(Query *query, List *resnos)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, resnos)
		if (!type_is_rowtype(exprType((Node *) list_nth_node(TargetEntry, query->targetList, lfirst_int(lc) - 1)->expr)))
			result = lappend_int(result, lfirst_int(lc));
	return result;
}

/*
 * The first rows for each combination of the columns "resnos", which are the
 * values of "exprs". The result has the same columns. False: declined.
 */
static bool
limit_each(Query *query, List *exprs, List *resnos, BuildContext *build)
{
	MoveContext moving = {exprs, resnos, 0};
	StTop	   *top = st_read_limit(query, build);
	List	   *columns = NIL;
	Query	   *rows;
	ListCell   *lc;

	if (top == NULL)
		return false;
	if (top->limit < 0 && top->offset == 0)
	{
		if (!query->hasDistinctOn)
			query->sortClause = NIL;
		return true;
	}
	if (top->limit == 1 && top->offset == 0 && !top->ties && query->distinctClause == NIL)
	{
		foreach(lc, resnos)
			columns = lappend(columns, list_nth(query->targetList, lfirst_int(lc) - 1));
		query->distinctClause = make_clauses(query, columns);
		query->hasDistinctOn = true;
		query->sortClause = list_concat(copyObject(query->distinctClause), query->sortClause);
		return true;
	}
	st_take_order(query, &top->order);
	top->limit_expr = move_mutator(top->limit_expr, &moving);
	top->offset_expr = move_mutator(top->offset_expr, &moving);
	resnos = partitioning_columns(query, resnos);
	rows = makeNode(Query);
	memcpy(rows, query, sizeof(Query));
	if (!rows->hasDistinctOn)
		rows->sortClause = NIL;
	memcpy(query, st_number_rows(rows, top, resnos), sizeof(Query));
	return true;
}

/*
 * The expressions become columns, and whatever the query does with its rows is
 * done for each combination of them. Returns their resnos; NIL: declined.
 */
static List *
evaluate_for_each(Query *query, List *exprs, BuildContext *build)
{
	List	   *columns;
	List	   *partitions = NIL;
	List	   *resnos = NIL;
	ListCell   *lc;

	if (query->rowMarks || query->cteList)
		return st_decline(build, "a correlated subquery of this form has no delta rule yet");
	columns = add_columns(query, exprs);
	foreach(lc, columns)
		resnos = lappend_int(resnos, lfirst_node(TargetEntry, lc)->resno);
	if (query->hasAggs || query->groupClause)
		query->groupClause = list_concat(query->groupClause, make_clauses(query, columns));
	foreach(lc, partitioning_columns(query, resnos))
		partitions = lappend(partitions, list_nth(query->targetList, lfirst_int(lc) - 1));
	foreach(lc, query->windowClause)
	{
		WindowClause *window = lfirst_node(WindowClause, lc);

		st_unname_window(window);
		window->partitionClause = list_concat(window->partitionClause, make_clauses(query, partitions));
	}
	if (query->hasDistinctOn)
	{
		List	   *clauses = make_clauses(query, columns);

		query->distinctClause = list_concat(copyObject(clauses), query->distinctClause);
		query->sortClause = list_concat(clauses, query->sortClause);
	}
	else if (query->distinctClause)
		query->distinctClause = list_concat(query->distinctClause, make_clauses(query, columns));
	if (query->limitCount || query->limitOffset)
		return limit_each(query, exprs, resnos, build) ? resnos : NIL;
	if (!query->hasDistinctOn)
		query->sortClause = NIL;
	return resnos;
}

/*
 * Groupings that have rows where there is no input, if they do more with these
 * than to show them: that is left to a query above. Grouping sets become the
 * arms of a set operation, some of which may be such groupings.
 */
static bool
take_groupings_apart(Query *query, BuildContext *build)
{
	bool		more = query->hasWindowFuncs || query->hasTargetSRFs || query->limitCount || query->limitOffset;
	List	   *arms;
	ListCell   *lc;

	more = more || (query->groupingSets && (query->distinctClause || checkExprHasSubLink((Node *) query->targetList) ||
											checkExprHasSubLink(query->havingQual)));
	if (query->groupingSets ? more : query->groupClause == NIL && (query->havingQual || (query->hasAggs && more)) && !ST_FAULT("E11 row"))
	{
		if (!st_stand_on_groups(query))
			return st_decline(build, "a correlated subquery of this form has no delta rule yet") != NULL;
	}
	else if (query->groupingSets)
	{
		arms = st_expand_grouping_sets(query, build);
		foreach(lc, arms)
		{
			Query	   *arm = lfirst_node(Query, lc);

			/* the empty set groups without saying so */
			if (arm->groupClause == NIL && arm->havingQual == NULL)
				arm->havingQual = makeBoolConst(true, false);
			if (list_length(arms) > 1)
				IncrementVarSublevelsUp((Node *) arm, 1, 1);
		}
		memcpy(query, st_union_all(arms), sizeof(Query));
		if (list_length(arms) == 1)
			return take_groupings_apart(query, build);
	}
	return true;
}

/* The subquery is evaluated over its domain, which becomes an entry of it. */
static StCorrelation *
evaluate_over_domain(const StAskers *askers, Query *subquery, int varno, BuildContext *build)
{
	StDomain   *domain = st_find_domain(askers, subquery, 0, build);
	StCorrelation *result = palloc0(sizeof(StCorrelation));
	List	   *columns = NIL;	/* of the domain, in the subquery */
	List	   *not_null = NIL; /* by column */
	int			entry = list_length(subquery->rtable) + 1;
	RangeTblEntry *rte;

	if (domain == NULL)
		return NULL;
	rte = st_make_domain_entry(domain);
	if (subquery->setOperations)
		result->columns = st_combine_over_domain(subquery, domain);
	else
	{
		st_ask_entry(subquery, domain, entry, 0, 0);
		subquery->rtable = lappend(subquery->rtable, rte);
		subquery->jointree->fromlist = lcons(st_make_reference(entry), subquery->jointree->fromlist);
	}
	for (int i = 0; i < list_length(domain->asked); i++)
	{
		Var		   *column = makeVarFromTargetEntry(entry, list_nth(rte->subquery->targetList, i));
		bool		strict = i < list_length(domain->parameters) && !subquery->setOperations && st_throws_null_away(subquery, column);

		columns = lappend(columns, column);
		not_null = lappend_int(not_null, strict || st_query_expr_not_null(askers->query, st_domain_column_plain(domain, i)));
	}
	if (!subquery->setOperations)
		result->columns = evaluate_for_each(subquery, columns, build);
	if (result->columns == NIL)
		return NULL;
	for (int i = 0; i < list_length(domain->asked); i++)
		result->conditions = lappend(result->conditions,
									 st_make_domain_tie(list_nth(domain->asked, i),
														makeVarFromTargetEntry(varno, list_nth(subquery->targetList, list_nth_int(result->columns, i) - 1)),
														list_nth_int(not_null, i) != 0));
	return result;
}

/* ----- equality ----- */

StCorrelation *
st_decorrelate(Query *outside, Node *from, int nentries, Query *subquery, int varno, BuildContext *build)
{
	StAskers	askers = {outside, from, nentries};
	StCorrelation *result = palloc0(sizeof(StCorrelation));
	Node	   *quals;
	List	   *stay = NIL;
	List	   *ties = NIL;		/* of OpExpr */
	List	   *inners = NIL;	/* their sides, by tie */
	List	   *outers = NIL;
	ListCell   *lc;
	int			n = 0;

	if (!st_inline_ctes(subquery, &askers, build))
		return NULL;
	/* entries are added behind that of a grouping (18) */
	st_flatten_grouping(subquery);
	if (!take_groupings_apart(subquery, build))
		return NULL;
	if (subquery->setOperations && (subquery->limitCount || subquery->limitOffset))
		st_limit_above(subquery);
	if (subquery->setOperations)
		return evaluate_over_domain(&askers, subquery, varno, build);
	quals = subquery->jointree->quals;
	foreach(lc, make_ands_implicit((Expr *) quals))
	{
		Node	   *inner;
		Node	   *outer;

		if (st_refers_outside(lfirst(lc)) && st_split_equality(lfirst(lc), &inner, &outer) &&
			st_is_key_type(exprType(inner)) && !contain_volatile_functions(inner))
		{
			ties = lappend(ties, lfirst(lc));
			inners = lappend(inners, copyObject(inner));
			outers = lappend(outers, copyObject(outer));
		}
		else
			stay = lappend(stay, lfirst(lc));
	}
	subquery->jointree->quals = stay ? (Node *) make_ands_explicit(stay) : NULL;
	if (ties == NIL || st_is_correlated(subquery))
	{
		subquery->jointree->quals = quals;
		return evaluate_over_domain(&askers, subquery, varno, build);
	}
	result->columns = evaluate_for_each(subquery, inners, build);
	if (result->columns == NIL)
		return NULL;
	result->found = llast_int(result->columns);
	foreach(lc, ties)
	{
		OpExpr	   *tie = copyObject(lfirst_node(OpExpr, lc));
		TargetEntry *column = list_nth(subquery->targetList, list_nth_int(result->columns, n) - 1);
		Node	   *key = (Node *) makeVarFromTargetEntry(varno, column);
		Node	   *outer = list_nth(outers, n);
		bool		inner_first = equal(linitial(tie->args), list_nth(inners, n));

		IncrementVarSublevelsUp(outer, -1, 1);
		tie->args = inner_first ? list_make2(key, outer) : list_make2(outer, key);
		result->conditions = lappend(result->conditions, tie);
		n++;
	}
	return result;
}
