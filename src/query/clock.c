/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  Comparisons with now(), whose truth changes while nothing is written.
 *
 * NOTES
 *	  A comparison is an operator of a btree family between an expression of one
 *	  reference's columns, the value, and one of now() and constants, the bound:
 *
 *		at > now() - interval '1 day'		current_date <= due
 *		now() - at < interval '1 hour'		at::date = current_date
 *
 *	  The third is taken for at > now() - interval '1 hour' where rows are looked
 *	  for; what is computed is always the comparison as it was written.
 *
 *	  The reference becomes a query of its own that shows each comparison as a
 *	  column, wherever that stood: in WHERE, under OR, in the select list, in the
 *	  condition of an outer join, in an aggregate's argument. What is above
 *	  reads a boolean. With N the reference's new contents, d its delta, and ' for
 *	  an expression at the time of the last refresh, the delta of that query is
 *
 *		d with c'   +   those of N with c <> c': once with c, minus once with c'
 *
 *	  since the old contents are N - d. A row of N that a comparison has another
 *	  answer for has its value between the bound then and the bound now, both
 *	  included; or it equals one of them. An index on the value finds it
 *	  (rule E15). It does not matter whether bounds grow with time, which dates a
 *	  month ago and days with a change to summer time do not always do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "query/clock.h"
#include "query/source_facts.h"
#include "util/fault.h"

/* longer intervals are beyond what a bound can be computed for */
#define MAX_DAYS 10000000

/* ----- what says the time ----- */

bool
st_is_clock(Node *node)
{
	if (IsA(node, FuncExpr))
		return ((FuncExpr *) node)->funcid == F_NOW || ((FuncExpr *) node)->funcid == F_TRANSACTION_TIMESTAMP;
	if (IsA(node, SQLValueFunction))
		return ((SQLValueFunction *) node)->op == SVFOP_CURRENT_DATE ||
			((SQLValueFunction *) node)->op == SVFOP_CURRENT_TIMESTAMP ||
			((SQLValueFunction *) node)->op == SVFOP_LOCALTIMESTAMP;
	return false;
}

static bool
clock_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (st_is_clock(node))
		return true;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, clock_walker, arg, 0);
	return expression_tree_walker(node, clock_walker, arg);
}

bool
st_reads_clock(Node *node)
{
	return clock_walker(node, NULL);
}

static Expr *
call(Oid function, Oid type, List *arguments)
{
	return (Expr *) makeFuncExpr(function, type, arguments, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

static Node *
before_mutator(Node *node, void *arg)
{
	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (st_is_clock(node))
	{
		Oid			function = LookupFuncName(list_make2(makeString("pgtrickle"), makeString("clock_before")), 0, NULL, false);
		Expr	   *now = call(function, TIMESTAMPTZOID, NIL);

		/* as ExecEvalSQLValueFunction has them */
		switch (exprType(node))
		{
			case DATEOID:
				return (Node *) call(F_DATE_TIMESTAMPTZ, DATEOID, list_make1(now));
			case TIMESTAMPOID:
				return (Node *) call(F_TIMESTAMP_TIMESTAMPTZ, TIMESTAMPOID, list_make1(now));
			default:
				return (Node *) now;
		}
	}
	if (IsA(node, Query))
		return (Node *) query_tree_mutator((Query *) node, before_mutator, arg, 0);
	return expression_tree_mutator(node, before_mutator, arg);
}

Node *
st_clock_before(Node *node)
{
	return before_mutator(node, NULL);
}

/* ----- comparisons ----- */

/* One comparison, over the columns of one entry. */
typedef struct ClockComparison
{
	Node	   *value;
	Node	   *bound;
	Oid			family;			/* of btree, that both are compared by */
	Oid			value_type;		/* as the family's operators take them */
	Oid			bound_type;
	bool		equality;
} ClockComparison;

static bool
not_plain_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query) || IsA(node, SubLink) || IsA(node, Aggref) || IsA(node, GroupingFunc) || IsA(node, WindowFunc) ||
		IsA(node, Param) || st_is_clock(node) ||
		(IsA(node, Var) && (((Var *) node)->varlevelsup > 0 || ((Var *) node)->varattno <= 0)))
		return true;
	return expression_tree_walker(node, not_plain_walker, arg);
}

/* An expression of columns of this level alone. */
static bool
is_value(Node *node)
{
	return contain_var_clause(node) && !not_plain_walker(node, NULL) && !expression_returns_set(node) &&
		!contain_volatile_functions(node);
}

/* Functions of PostgreSQL's that give a time for any time, never NULL, and have no say in what now() is. */
static bool
gives_time(Oid function)
{
	static const char *const names[] = {
		"timestamptz_pl_interval", "timestamptz_mi_interval", "timestamp_pl_interval", "timestamp_mi_interval",
		"date_pl_interval", "date_mi_interval", "interval_pl_timestamptz", "interval_pl_timestamp", "interval_pl_date",
		"date_pli", "date_mii", "integer_pl_date", "date_trunc", "date_bin", "timestamptz", "timestamp", "date", "timezone"
	};
	char	   *name = get_func_name(function);

	if (name == NULL || get_func_namespace(function) != PG_CATALOG_NAMESPACE)
		return false;
	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool
users_or_mutable(Oid function, void *arg)
{
	return get_func_namespace(function) != PG_CATALOG_NAMESPACE || func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

static bool
no_constant_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (!(IsA(node, Const) || IsA(node, FuncExpr) || IsA(node, OpExpr) || IsA(node, RelabelType) || IsA(node, NamedArgExpr) ||
		  IsA(node, List)) ||
		check_functions_in_node(node, users_or_mutable, NULL))
		return true;
	return expression_tree_walker(node, no_constant_walker, arg);
}

/* The constant that an expression is, or NULL. */
static Const *
constant_of(Node *node)
{
	Node	   *result = IsA(node, Const) ? node : no_constant_walker(node, NULL) ? NULL : eval_const_expressions(NULL, node);

	return result && IsA(result, Const) && !((Const *) result)->constisnull ? (Const *) result : NULL;
}

static bool
is_bound(Node *node)
{
	List	   *args;
	ListCell   *lc;

	check_stack_depth();
	if (st_is_clock(node) || IsA(node, Const))
		return st_is_clock(node) || !((Const *) node)->constisnull;
	if (IsA(node, FuncExpr) && gives_time(((FuncExpr *) node)->funcid))
		args = ((FuncExpr *) node)->args;
	else if (IsA(node, OpExpr) && gives_time(get_opcode(((OpExpr *) node)->opno)))
		args = ((OpExpr *) node)->args;
	else
		return constant_of(node) != NULL;
	foreach(lc, args)
		if (!is_bound(lfirst(lc)))
			return false;
	return true;
}

/* Such an expression that is a time of the day that it is. */
static bool
is_time_bound(Node *node)
{
	Oid			type = exprType(node);

	return (type == DATEOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID) && st_reads_clock(node) && is_bound(node);
}

/* An interval as one that is added without regard to days and months, as comparisons of intervals see it. */
static Node *
span_of(Const *constant)
{
	Interval   *interval = DatumGetIntervalP(constant->constvalue);
	Interval   *span;
	int64		days = (int64) interval->month * DAYS_PER_MONTH + interval->day;

	if (days > MAX_DAYS || days < -MAX_DAYS || interval->time / USECS_PER_DAY > MAX_DAYS || interval->time / USECS_PER_DAY < -MAX_DAYS)
		return NULL;
	span = palloc0(sizeof(Interval));
	span->time = interval->time + days * USECS_PER_DAY;
	return (Node *) makeConst(INTERVALOID, -1, InvalidOid, sizeof(Interval), IntervalPGetDatum(span), false, false);
}

/*
 * "bound - value" or "value - bound", compared with a constant: the bound that
 * the value is then compared with. False: it is nothing of the kind.
 */
static bool
split_difference(Node *difference, Node *other, ClockComparison *result)
{
	OpExpr	   *op = (OpExpr *) difference;
	Const	   *constant = constant_of(other);
	Oid			function;
	Oid			shift;
	Node	   *distance;

	if (!IsA(difference, OpExpr) || constant == NULL || list_length(op->args) != 2)
		return false;
	function = get_opcode(op->opno);
	if (is_time_bound(linitial(op->args)) && is_value(lsecond(op->args)))
	{
		result->bound = linitial(op->args);
		result->value = lsecond(op->args);
		shift = function == F_TIMESTAMPTZ_MI ? F_TIMESTAMPTZ_MI_INTERVAL :
			function == F_TIMESTAMP_MI ? F_TIMESTAMP_MI_INTERVAL : F_DATE_MII;
	}
	else if (is_value(linitial(op->args)) && is_time_bound(lsecond(op->args)))
	{
		result->value = linitial(op->args);
		result->bound = lsecond(op->args);
		shift = function == F_TIMESTAMPTZ_MI ? F_TIMESTAMPTZ_PL_INTERVAL :
			function == F_TIMESTAMP_MI ? F_TIMESTAMP_PL_INTERVAL : F_DATE_PLI;
	}
	else
		return false;
	if (function == F_DATE_MI && constant->consttype == INT4OID)
		distance = (Node *) constant;
	else if ((function == F_TIMESTAMPTZ_MI || function == F_TIMESTAMP_MI) && constant->consttype == INTERVALOID)
		distance = span_of(constant);
	else
		return false;
	if (distance == NULL)
		return false;
	result->bound = (Node *) call(shift, exprType(result->bound), list_make2(result->bound, distance));
	result->value_type = result->bound_type = exprType(result->bound);
	return exprType(result->value) == result->bound_type;
}

/* Is it a comparison of columns of this level with now()? */
static bool
find_comparison(Node *node, ClockComparison *result)
{
	OpExpr	   *op = (OpExpr *) node;
	Node	   *left;
	Node	   *right;
	Oid			negator;
	Oid			left_type;
	Oid			right_type;
	Oid			family;

	if (!IsA(node, OpExpr) || list_length(op->args) != 2 || op->opretset || op->opresulttype != BOOLOID)
		return false;
	left = linitial(op->args);
	right = lsecond(op->args);
	op_input_types(op->opno, &left_type, &right_type);
	family = lookup_type_cache(left_type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	if (!OidIsValid(family))
		return false;
	negator = get_negator(op->opno);
	if (op_in_opfamily(op->opno, family))
		result->equality = get_op_opfamily_strategy(op->opno, family) == BTEqualStrategyNumber;
	else if (OidIsValid(negator) && get_op_opfamily_strategy(negator, family) == BTEqualStrategyNumber)
		result->equality = true;
	else
		return false;

	if (is_value(left) && is_time_bound(right))
	{
		result->value = left;
		result->bound = right;
		result->value_type = left_type;
		result->bound_type = right_type;
	}
	else if (is_value(right) && is_time_bound(left))
	{
		result->value = right;
		result->bound = left;
		result->value_type = right_type;
		result->bound_type = left_type;
	}
	else if (!split_difference(left, right, result) && !split_difference(right, left, result))
		return false;
	result->family = lookup_type_cache(result->value_type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	for (int strategy = BTLessStrategyNumber; strategy <= BTGreaterStrategyNumber; strategy++)
		if (!OidIsValid(result->family) ||
			!OidIsValid(get_opfamily_member(result->family, result->value_type, result->bound_type, strategy)))
			return false;
	return true;
}

/* The entry whose columns a comparison is over, 0 if there are several or it is none. */
static int
comparison_varno(Node *node)
{
	ClockComparison comparison;
	int			varno;

	if (!find_comparison(node, &comparison) || !bms_get_singleton_member(pull_varnos(NULL, comparison.value), &varno))
		return 0;
	return varno;
}

/* ----- the condition ----- */

static Node *
compare(const ClockComparison *comparison, int strategy, Node *bound)
{
	Oid			operator = get_opfamily_member(comparison->family, comparison->value_type, comparison->bound_type, strategy);
	OpExpr	   *op = (OpExpr *) make_opclause(operator, BOOLOID, false, (Expr *) copyObject(comparison->value),
											  (Expr *) bound, InvalidOid, exprCollation(comparison->value));

	set_opfuncid(op);
	return (Node *) op;
}

static Node *
outer_bound(const ClockComparison *comparison, MinMaxOp which)
{
	MinMaxExpr *result = makeNode(MinMaxExpr);

	result->minmaxtype = exprType(comparison->bound);
	result->op = which;
	result->args = list_make2(st_clock_before(comparison->bound), copyObject(comparison->bound));
	result->location = -1;
	return (Node *) result;
}

Node *
st_clock_condition(const StJoin *join)
{
	List	   *arms = NIL;
	ListCell   *lc;

	foreach(lc, join->flat->targetList)
	{
		ClockComparison comparison;

		if (!find_comparison((Node *) lfirst_node(TargetEntry, lc)->expr, &comparison))
			continue;
		if (comparison.equality)
		{
			arms = lappend(arms, compare(&comparison, BTEqualStrategyNumber, st_clock_before(comparison.bound)));
			arms = lappend(arms, compare(&comparison, BTEqualStrategyNumber, copyObject(comparison.bound)));
		}
		else
			arms = lappend(arms, make_andclause(list_make2(compare(&comparison, BTGreaterEqualStrategyNumber, outer_bound(&comparison, IS_LEAST)),
														   compare(&comparison, BTLessEqualStrategyNumber, outer_bound(&comparison, IS_GREATEST)))));
	}
	return list_length(arms) == 1 ? linitial(arms) : (Node *) make_orclause(arms);
}

List *
st_clock_events(const StJoin *join)
{
	List	   *events = NIL;
	ListCell   *lc;

	foreach(lc, join->flat->targetList)
	{
		ClockComparison comparison;
		StClockEvent *event;

		if (!find_comparison((Node *) lfirst_node(TargetEntry, lc)->expr, &comparison))
			continue;
		event = palloc0(sizeof(StClockEvent));
		event->type = exprType(comparison.value);
		event->typmod = exprTypmod(comparison.value);
		event->collation = exprCollation(comparison.value);
		event->operator = get_opfamily_member(comparison.family, comparison.value_type, comparison.bound_type, BTLessEqualStrategyNumber);
		event->bound = st_clock_before(comparison.bound);
		event->rows = copyObject(join->flat);
		event->rows->targetList = list_make1(makeTargetEntry((Expr *) copyObject(comparison.value), 1, pstrdup("v"), false));
		event->rows->jointree->quals =
			(Node *) make_ands_explicit(lappend(make_ands_implicit((Expr *) event->rows->jointree->quals),
												compare(&comparison, BTGreaterStrategyNumber, copyObject(comparison.bound))));
		events = lappend(events, event);
	}
	return events;
}

List *
st_clock_columns(const StJoin *join)
{
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, join->flat->targetList)
	{
		ClockComparison comparison;

		if (find_comparison((Node *) lfirst_node(TargetEntry, lc)->expr, &comparison) && IsA(comparison.value, Var))
			columns = list_append_unique(columns, comparison.value);
	}
	return columns;
}

/* ----- references ----- */

typedef struct ClockContext
{
	int			varno;			/* of the entry; 0: any */
	Bitmapset  *varnos;			/* found */
	List	   *comparisons;	/* of the entry: the first columns of what it
								 * becomes */
	List	   *columns;		/* Vars of it, the next ones */
	Index		depth;			/* levels of subqueries around the expression */
} ClockContext;

/* Comparisons of a level, not those of subqueries in its expressions. */
static bool
comparisons_walker(Node *node, void *arg)
{
	ClockContext *context = arg;
	int			varno;

	if (node == NULL || IsA(node, Query))
		return false;
	check_stack_depth();
	varno = comparison_varno(node);
	if (varno > 0)
	{
		context->varnos = bms_add_member(context->varnos, varno);
		if (varno == context->varno)
			context->comparisons = list_append_unique(context->comparisons, node);
		return false;
	}
	return expression_tree_walker(node, comparisons_walker, arg);
}

static void
find_comparisons(Query *query, ClockContext *context)
{
	(void) comparisons_walker((Node *) query->targetList, context);
	(void) comparisons_walker(query->havingQual, context);
	(void) comparisons_walker((Node *) query->jointree, context);
}

/* Comparisons and columns of the entry become columns of what takes its place. */
static Node *
columns_mutator(Node *node, void *arg)
{
	ClockContext *context = arg;
	AttrNumber	column = 1;
	ListCell   *lc;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (context->depth == 0 && IsA(node, OpExpr))
		foreach(lc, context->comparisons)
		{
			if (equal(lfirst(lc), node))
				return (Node *) makeVar(context->varno, column, BOOLOID, -1, InvalidOid, 0);
			column++;
		}
	if (IsA(node, Var))
	{
		Var		   *var = copyObject((Var *) node);

		if (var->varlevelsup != context->depth || var->varno != context->varno)
			return (Node *) var;
		var->varlevelsup = 0;
		column = list_length(context->comparisons) + 1;
		foreach(lc, context->columns)
		{
			if (equal(lfirst(lc), var))
				break;
			column++;
		}
		if (lc == NULL)
			context->columns = lappend(context->columns, var);
		return (Node *) makeVar(var->varno, column, var->vartype, var->vartypmod, var->varcollid, context->depth);
	}
	if (IsA(node, Query))
	{
		Query	   *result;

		context->depth++;
		result = query_tree_mutator((Query *) node, columns_mutator, arg, 0);
		context->depth--;
		return (Node *) result;
	}
	return expression_tree_mutator(node, columns_mutator, arg);
}

/* The conditions of WHERE on the entry alone that time does not change; the query loses them. */
static List *
take_conditions(Query *query, int varno)
{
	List	   *taken = NIL;
	List	   *rest = NIL;
	ListCell   *lc;

	foreach(lc, make_ands_implicit((Expr *) query->jointree->quals))
	{
		int			single;

		if (bms_get_singleton_member(pull_varnos(NULL, lfirst(lc)), &single) && single == varno &&
			!checkExprHasSubLink(lfirst(lc)) && !st_reads_clock(lfirst(lc)))
			taken = lappend(taken, lfirst(lc));
		else
			rest = lappend(rest, lfirst(lc));
	}
	query->jointree->quals = rest ? (Node *) make_ands_explicit(rest) : NULL;
	return taken;
}

/* One entry shows its comparisons as columns. */
static bool
build_clock(Query *query, int varno, BuildContext *build)
{
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);
	ClockContext context = {.varno = varno};
	List	   *quals = NIL;
	int		   *numbers = palloc0(sizeof(int) * (list_length(query->rtable) + 1));
	Query	   *flat;
	ListCell   *lc;

	if (!st_check_reference(rte, build))
		return false;
	find_comparisons(query, &context);
	if (bms_is_member(varno, st_entries_below((Node *) query->jointree, ST_REACH_INNER)))
		quals = take_conditions(query, varno);
	query->targetList = (List *) columns_mutator((Node *) query->targetList, &context);
	query->havingQual = columns_mutator(query->havingQual, &context);
	query->jointree = (FromExpr *) columns_mutator((Node *) query->jointree, &context);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *other = lfirst_node(RangeTblEntry, lc);

		other->functions = (List *) columns_mutator((Node *) other->functions, &context);
		other->values_lists = (List *) columns_mutator((Node *) other->values_lists, &context);
		other->tablefunc = (TableFunc *) columns_mutator((Node *) other->tablefunc, &context);
		if (other->lateral && other->rtekind == RTE_SUBQUERY)
			other->subquery = (Query *) columns_mutator((Node *) other->subquery, &context);
	}

	numbers[varno] = 1;
#ifdef ST_HAVE_PERMINFOS
	rte->perminfoindex = 0;
#endif
	flat = st_make_query(list_make1(rte), quals ? (Node *) make_ands_explicit(quals) : NULL,
						 st_make_targets(list_concat(copyObject(context.comparisons), context.columns)));
	st_check_columns((Node *) flat->targetList, build);
	st_check_columns(flat->jointree->quals, build);
	if (build->reason)
		return false;
	st_renumber_entries((Node *) flat->targetList, numbers);
	st_renumber_entries(flat->jointree->quals, numbers);
	lfirst(list_nth_cell(query->rtable, varno - 1)) = st_add_join(build, ST_JOIN_CLOCK, flat);
	return true;
}

/* Can the entry's rows be looked at before it is joined with others? */
static bool
can_build(Query *query, int varno, Bitmapset *nullable)
{
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);
	ClockContext context = {.varno = varno};
	ListCell   *lc;

	if (rte->lateral || !(rte->rtekind == RTE_RELATION || rte->rtekind == RTE_SUBQUERY || st_node_leaf_ordinal(rte) >= 0))
		return false;
	if (!bms_is_member(varno, nullable))
		return true;
	/* a row of NULLs that an outer join makes has NULL for an answer */
	find_comparisons(query, &context);
	foreach(lc, context.comparisons)
	{
		ClockComparison comparison;

		(void) find_comparison(lfirst(lc), &comparison);
		if (contain_nonstrict_functions(comparison.value))
			return false;
	}
	return true;
}

bool
st_build_clocks(Query *query, BuildContext *build)
{
	ClockContext context = {0};
	Bitmapset  *nullable;
	int			varno = -1;

	if (query->setOperations)
		return true;
	find_comparisons(query, &context);
	if (bms_is_empty(context.varnos))
		return true;
	nullable = st_entries_nullable((Node *) query->jointree);
	while ((varno = bms_next_member(context.varnos, varno)) >= 0)
		if (can_build(query, varno, nullable) && !build_clock(query, varno, build))
			return false;
	return true;
}

/* ----- what is left ----- */

/* Joins are looked at by themselves. */
static bool
left_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (st_is_clock(node))
		return true;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_SUBQUERY ? st_join_ordinal(rte) < 0 && left_walker((Node *) rte->subquery, arg) :
				left_walker((Node *) st_entry_arguments(rte), arg))
				return true;
		}
		return query_tree_walker(query, left_walker, arg, QTW_IGNORE_RANGE_TABLE);
	}
	return expression_tree_walker(node, left_walker, arg);
}

void
st_check_clocks(Query *final, BuildContext *build)
{
	bool		left = left_walker((Node *) final, NULL);
	ListCell   *lc;

	foreach(lc, build->nodes)
	{
		StNode	   *node = lfirst(lc);
		ListCell   *lc2;

		left = left || left_walker((Node *) node->block, NULL) || left_walker((Node *) node->step, NULL);
		foreach(lc2, node->aggregates)
			left = left || left_walker(((StAggregate *) lfirst(lc2))->result, NULL);
	}
	foreach(lc, build->joins)
	{
		StJoin	   *join = lfirst(lc);

		if (join->kind == ST_JOIN_CLOCK)
			left = left || left_walker((Node *) st_make_query(join->flat->rtable, join->flat->jointree->quals, NIL), NULL);
		else
			left = left || left_walker((Node *) join->query, NULL);
	}
	if (left && !ST_FAULT("E15 slices"))
		(void) st_decline(build, "now() other than in a comparison with columns of one table has no delta rule");
}
