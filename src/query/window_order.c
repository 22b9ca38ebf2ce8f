/*-------------------------------------------------------------------------
 *
 * window_order.c
 *	  Window functions over all rows in one order.
 *
 * NOTES
 *	  Where no PARTITION BY limits what a change can reach, two kinds of functions
 *	  do: those that look at rows near by, as lag() and frames of so many rows,
 *	  and those that run on, as row_number(), rank() and running sums: of these the
 *	  part before the first change stays as it is, and the rest begins with what
 *	  that part has come to (rule E10). All rows are a state, in the order of the
 *	  windows; src/delta/window.c follows its changes.
 *
 *	  Where rows that the order does not tell apart get different results, the
 *	  image decides (rule A5): such windows are ordered by the place of a row in
 *	  the order of its columns and then its image.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "utils/lsyscache.h"
#include "utils/fmgroids.h"

#include "query/build.h"
#include "query/window.h"

/* so many rows around each change are looked at, at most */
#define MAX_REACH 10000

typedef struct OrderContext
{
	Query	   *upper;
	StNode	   *node;
	WindowClause *first;		/* whose order all others have */
	List	   *columns;		/* expressions: the columns of the state, of
								 * its block */
	List	   *functions;		/* of WindowFunc */
	bool		failed;
} OrderContext;

/* The column of the state that an expression over the block is; added if it is none yet. */
static int
column_position(OrderContext *context, Node *expr)
{
	int			position = 0;

	while (position < list_length(context->columns) && !equal(list_nth(context->columns, position), expr))
		position++;
	if (position == list_length(context->columns))
		context->columns = lappend(context->columns, copyObject(expr));
	return position + 1;
}

static bool
same_order(OrderContext *context, WindowClause *window)
{
	List	   *targets = context->upper->targetList;
	ListCell   *lc1;
	ListCell   *lc2;

	if (list_length(window->orderClause) != list_length(context->first->orderClause))
		return false;
	forboth(lc1, window->orderClause, lc2, context->first->orderClause)
	{
		SortGroupClause *a = lfirst_node(SortGroupClause, lc1);
		SortGroupClause *b = lfirst_node(SortGroupClause, lc2);

		if (a->sortop != b->sortop || a->nulls_first != b->nulls_first ||
			!equal(get_sortgroupclause_expr(a, targets), get_sortgroupclause_expr(b, targets)))
			return false;
	}
	return true;
}

/* A constant number of rows; -1: it is none, or too many. */
static int64
constant_rows(Node *expr)
{
	Const	   *constant = (Const *) eval_const_expressions(NULL, expr);
	int64		rows;

	if (constant == NULL || !IsA(constant, Const) || constant->constisnull ||
		(constant->consttype != INT8OID && constant->consttype != INT4OID))
		return -1;
	rows = constant->consttype == INT8OID ? DatumGetInt64(constant->constvalue) : DatumGetInt32(constant->constvalue);
	return rows >= 0 && rows <= MAX_REACH ? rows : -1;
}

/* A frame of so many rows before and behind; false: it is another one. */
static bool
near_frame(WindowClause *window, int64 *preceding, int64 *following)
{
	int			options = window->frameOptions;
	int64		start = window->startOffset ? constant_rows(window->startOffset) : 0;
	int64		end = window->endOffset ? constant_rows(window->endOffset) : 0;

	if (!(options & FRAMEOPTION_ROWS) || start < 0 || end < 0 ||
		(options & (FRAMEOPTION_START_UNBOUNDED_PRECEDING | FRAMEOPTION_START_UNBOUNDED_FOLLOWING |
					FRAMEOPTION_END_UNBOUNDED_PRECEDING | FRAMEOPTION_END_UNBOUNDED_FOLLOWING)))
		return false;
	*preceding = *following = 0;
	if (options & FRAMEOPTION_START_OFFSET_PRECEDING)
		*preceding = Max(*preceding, start);
	if (options & FRAMEOPTION_START_OFFSET_FOLLOWING)
		*following = Max(*following, start);
	if (options & FRAMEOPTION_END_OFFSET_PRECEDING)
		*preceding = Max(*preceding, end);
	if (options & FRAMEOPTION_END_OFFSET_FOLLOWING)
		*following = Max(*following, end);
	return true;
}

/* What of the rows around it a function depends on; false: that is not known to be little. */
static bool
classify(WindowFunc *function, WindowClause *window, StWindowKind *kind, int64 *preceding, int64 *following)
{
	const char *name = get_func_name(function->winfnoid);
	int			options = window->frameOptions;
	bool		running = (options & FRAMEOPTION_START_UNBOUNDED_PRECEDING) && (options & FRAMEOPTION_END_CURRENT_ROW) &&
		!(options & (FRAMEOPTION_EXCLUSION | FRAMEOPTION_GROUPS));

	*kind = ST_WINDOW_NEAR;
	*preceding = *following = 0;
	if (get_func_namespace(function->winfnoid) != PG_CATALOG_NAMESPACE && !function->winagg)
		return false;
	if (!function->winagg && (strcmp(name, "lag") == 0 || strcmp(name, "lead") == 0))
	{
		int64		rows = list_length(function->args) == 1 ? 1 : constant_rows(lsecond(function->args));

		*(strcmp(name, "lag") == 0 ? preceding : following) = Max(rows, 0);
		return rows >= 0;
	}
	if (!function->winagg && strcmp(name, "row_number") == 0)
		*kind = ST_WINDOW_ROW_NUMBER;
	else if (!function->winagg && strcmp(name, "rank") == 0)
		*kind = ST_WINDOW_RANK;
	else if (!function->winagg && strcmp(name, "dense_rank") == 0)
		*kind = ST_WINDOW_DENSE_RANK;
	else if (running && (function->winfnoid == F_COUNT_ || function->winfnoid == F_COUNT_ANY))
		*kind = ST_WINDOW_COUNT;
	else if (running && (function->winfnoid == F_SUM_INT2 || function->winfnoid == F_SUM_INT4 ||
						 function->winfnoid == F_SUM_INT8 || function->winfnoid == F_SUM_NUMERIC))
		*kind = ST_WINDOW_SUM;
	else
		return (function->winagg || strcmp(name, "first_value") == 0 || strcmp(name, "last_value") == 0 ||
				strcmp(name, "nth_value") == 0) &&
			near_frame(window, preceding, following);
	return true;
}

/* Functions are noted, each once. */
static bool
function_walker(Node *node, void *arg)
{
	OrderContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, WindowFunc))
	{
		WindowFunc *function = (WindowFunc *) node;
		WindowClause *window = st_window_of(context->upper, function);
		StWindowKind kind;
		int64		preceding;
		int64		following;

		if (context->first == NULL)
			context->first = window;
		if (list_member(context->functions, function))
			return false;
		if (window->partitionClause || window->orderClause == NIL || !same_order(context, window) ||
			!classify(function, window, &kind, &preceding, &following) ||
			get_typtype(function->wintype) == TYPTYPE_PSEUDO)
		{
			context->failed = true;
			return true;
		}
		context->functions = lappend(context->functions, function);
		context->node->kinds = lappend_int(context->node->kinds, kind);
		context->node->preceding = Max(context->node->preceding, preceding);
		context->node->following = Max(context->node->following, following);
		return false;
	}
	return expression_tree_walker(node, function_walker, arg);
}

/* Over the state: columns and functions are its columns. */
static Node *
result_mutator(Node *node, void *arg)
{
	OrderContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, WindowFunc))
	{
		WindowFunc *function = (WindowFunc *) node;
		int			position = 0;

		while (!equal(list_nth(context->functions, position), function))
			position++;
		return (Node *) makeVar(1, list_length(context->columns) + position + 1, function->wintype, -1, function->wincollid, 0);
	}
	if (IsA(node, Var))
		return (Node *) makeVar(1, column_position(context, node), exprType(node), exprTypmod(node), exprCollation(node), 0);
	return expression_tree_mutator(node, result_mutator, arg);
}

static bool
var_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Var))
		(void) column_position(arg, node);
	return expression_tree_walker(node, var_walker, arg);
}

/* The same for what the functions compute from. */
static Node *
column_mutator(Node *node, void *arg)
{
	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Var))
		return (Node *) makeVar(1, column_position(arg, node), exprType(node), exprTypmod(node), exprCollation(node), 0);
	return expression_tree_mutator(node, column_mutator, arg);
}

/* The query that computes the functions over the state's columns and, behind them, the place of each row. */
static Query *
make_window_query(OrderContext *context)
{
	int			ncolumns = list_length(context->columns);
	List	   *targets = NIL;
	List	   *windows = NIL;
	TargetEntry *place;
	Query	   *query;
	ListCell   *lc;

	foreach(lc, context->columns)
	{
		Node	   *column = lfirst(lc);
		int			position = foreach_current_index(lc) + 1;

		targets = lappend(targets, makeTargetEntry((Expr *) makeVar(1, position, exprType(column), exprTypmod(column), exprCollation(column), 0),
												   position, psprintf("v%d", position), false));
	}
	place = makeTargetEntry((Expr *) makeVar(1, ncolumns + 1, INT8OID, -1, InvalidOid, 0), ncolumns + 1, "place", false);
	targets = lappend(targets, place);
	foreach(lc, context->functions)
	{
		WindowFunc *function = (WindowFunc *) column_mutator(lfirst(lc), context);
		WindowClause *window = copyObject(st_window_of(context->upper, lfirst(lc)));
		StWindowKind kind = list_nth_int(context->node->kinds, foreach_current_index(lc));
		bool		by_place = kind == ST_WINDOW_NEAR || kind == ST_WINDOW_ROW_NUMBER || (window->frameOptions & FRAMEOPTION_ROWS);
		ListCell   *lc2;

		/* it is printed whole, not by the name of another */
		window->name = window->refname = NULL;
		window->copiedOrder = false;
		window->winref = function->winref = foreach_current_index(lc) + 1;
		window->orderClause = NIL;
		foreach(lc2, by_place ? NIL : context->node->order)
		{
			StSortColumn *column = lfirst(lc2);
			SortGroupClause *clause = copyObject(list_nth_node(SortGroupClause, context->first->orderClause, foreach_current_index(lc2)));

			clause->tleSortGroupRef = assignSortGroupRef(list_nth(targets, column->argument - 1), targets);
			window->orderClause = lappend(window->orderClause, clause);
		}
		if (by_place)
			window->orderClause = list_make1(st_make_group_clause(place, targets));
		windows = lappend(windows, window);
		targets = lappend(targets, makeTargetEntry((Expr *) function, list_length(targets) + 1,
												   psprintf("w%d", foreach_current_index(lc) + 1), false));
	}
	query = st_make_query(NIL, NULL, targets);
	query->jointree = makeFromExpr(list_make1(st_make_reference(1)), NULL);
	query->windowClause = windows;
	query->hasWindowFuncs = true;
	return query;
}

Query *
st_window_order(Query *upper, Query *below, BuildContext *build)
{
	OrderContext context = {.upper = upper, .node = palloc0(sizeof(StNode))};
	StNode	   *node = context.node;
	List	   *targets = NIL;
	ListCell   *lc;

	(void) function_walker((Node *) upper->targetList, &context);
	if (context.failed || context.functions == NIL)
		return NULL;
	foreach(lc, upper->targetList)
		if (!lfirst_node(TargetEntry, lc)->resjunk)
			(void) var_walker((Node *) lfirst_node(TargetEntry, lc)->expr, &context);
	foreach(lc, context.first->orderClause)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		StSortColumn *column = palloc0(sizeof(StSortColumn));

		column->argument = column_position(&context, get_sortgroupclause_expr(clause, upper->targetList));
		column->operator = clause->sortop;
		column->nulls_first = clause->nulls_first;
		node->order = lappend(node->order, column);
	}
	/* a running sum needs what it adds up as a column */
	foreach(lc, context.functions)
	{
		WindowFunc *function = lfirst_node(WindowFunc, lc);
		bool		sum = list_nth_int(node->kinds, foreach_current_index(lc)) == ST_WINDOW_SUM;

		node->addends = lappend_int(node->addends, sum ? column_position(&context, linitial(function->args)) : 0);
	}
	foreach(lc, context.columns)
		if (get_typtype(exprType(lfirst(lc))) == TYPTYPE_PSEUDO)
			return NULL;
	node->nshown = node->narguments = list_length(context.columns);
	node->window = make_window_query(&context);
	foreach(lc, upper->targetList)
	{
		TargetEntry *target = flatCopyTargetEntry(lfirst_node(TargetEntry, lc));

		if (target->resjunk)
			continue;
		target->expr = (Expr *) result_mutator((Node *) target->expr, &context);
		target->resno = list_length(targets) + 1;
		target->ressortgroupref = 0;
		if (target->resname == NULL)
			target->resname = "c";
		targets = lappend(targets, target);
	}
	Assert(node->nshown == list_length(context.columns));
	node->block = st_make_query(list_make1(st_make_subquery_entry(below, "a", st_make_names(list_length(below->targetList)))), NULL, NIL);
	foreach(lc, context.columns)
		node->block->targetList = lappend(node->block->targetList,
										  makeTargetEntry(lfirst(lc), foreach_current_index(lc) + 1,
														  psprintf("a%d", foreach_current_index(lc) + 1), false));
	st_replace_aliases(node->block);
	if (!st_finish_node(node, build))
		return NULL;
	return st_make_query(list_make1(st_make_leaf(node)), NULL, targets);
}
