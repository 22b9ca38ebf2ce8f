/*-------------------------------------------------------------------------
 *
 * window_order.c
 *	  Window functions over tables: a state of all rows with their results.
 *
 * NOTES
 *	  What a change can reach depends on the function. Some look at rows near by,
 *	  as lag() and frames of so many rows or groups. Some run on, as row_number(),
 *	  rank() and running sums: of these the part before the first change stays as
 *	  it is, and the rest begins with what that part has come to (rule E10). What
 *	  any row of a partition may change everywhere in it, as ntile(), is computed
 *	  again for the partition. All rows are a state; src/delta/window.c follows its
 *	  changes. Functions of one partition and order are a window of the state, and
 *	  each window finds by itself which rows a change reaches.
 *
 *	  A frame that ends with the partition is one that begins with it, in the
 *	  reverse order. An average that runs on is a sum divided by a count.
 *
 *	  Of all rows without an order, row_number() may give any row any number: a row
 *	  keeps its number as long as there are so many rows, and the others get what
 *	  is free. Where something else depends on the order, one is chosen.
 *
 *	  Where rows that the order does not tell apart get different results, the
 *	  image decides (rule A5): such functions are ordered by the place of a row in
 *	  the order of its columns and then its image.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_am_d.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "query/build.h"
#include "query/source_facts.h"
#include "query/window.h"

/* so many rows around each change are looked at, at most */
#define MAX_REACH 10000

/* characters of text that a page of an index takes, at four bytes each */
#define MAX_INDEXED_LENGTH 500

#define FRAME_STARTS_WITH_ALL(options) (((options) & FRAMEOPTION_START_UNBOUNDED_PRECEDING) != 0)
#define FRAME_ENDS_WITH_ALL(options) (((options) & FRAMEOPTION_END_UNBOUNDED_FOLLOWING) != 0)
#define FRAME_STARTS_HERE(options) (((options) & FRAMEOPTION_START_CURRENT_ROW) != 0)
#define FRAME_ENDS_HERE(options) (((options) & FRAMEOPTION_END_CURRENT_ROW) != 0)

/* A window function, as the state computes it. */
typedef struct Function
{
	WindowFunc *original;
	WindowFunc *function;
	WindowClause *clause;		/* a copy, with the frame that it needs */
	StWindowKind kind;
	bool		reversed;		/* in the reverse of the clause's order */
	bool		by_place;		/* it tells apart rows that the order does not */
	bool		values;			/* reach counts values, not rows */
	int64		preceding;
	int64		following;
	Const	   *range_preceding;	/* or so far in the order's column, or
									 * NULL */
	Const	   *range_following;
} Function;

typedef struct OrderContext
{
	Query	   *upper;
	StNode	   *node;
	List	   *columns;		/* expressions: the columns of the state, of
								 * its block */
	List	   *functions;		/* of Function */
	List	   *members;		/* of each window, its functions' numbers */
	SortGroupClause *any_order; /* of windows of all rows that have none, or
								 * NULL */
	bool		numbers;		/* these only number them */
	const char *reason;			/* what the state cannot follow */
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

/* ----- what a function depends on ----- */

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

/* The constant distance of a RANGE frame in a column of this type; NULL: it is none. */
static Const *
constant_distance(Node *expr, Oid type)
{
	Const	   *constant = (Const *) eval_const_expressions(NULL, expr);
	bool		fits;

	if (constant == NULL || !IsA(constant, Const) || constant->constisnull)
		return NULL;
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			fits = constant->consttype == INT2OID || constant->consttype == INT4OID || constant->consttype == INT8OID;
			break;
		case NUMERICOID:
			fits = constant->consttype == NUMERICOID;
			break;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			fits = constant->consttype == INTERVALOID;
			break;
		default:
			fits = false;
	}
	return fits ? constant : NULL;
}

/* A frame of constant distances in the values of the order; false: it is another one. */
static bool
near_range(Query *upper, Function *result)
{
	WindowClause *window = result->clause;
	int			options = window->frameOptions;
	Oid			type = exprType(get_sortgroupclause_expr(linitial(window->orderClause), upper->targetList));
	Const	   *start = window->startOffset ? constant_distance(window->startOffset, type) : NULL;
	Const	   *end = window->endOffset ? constant_distance(window->endOffset, type) : NULL;

	if ((window->startOffset && start == NULL) || (window->endOffset && end == NULL))
		return false;

	/*
	 * of two distances to one side the further one decides, or the frame is
	 * empty
	 */
	result->range_preceding = (options & FRAMEOPTION_START_OFFSET_PRECEDING) ? start : (options & FRAMEOPTION_END_OFFSET_PRECEDING) ? end : NULL;
	result->range_following = (options & FRAMEOPTION_END_OFFSET_FOLLOWING) ? end : (options & FRAMEOPTION_START_OFFSET_FOLLOWING) ? start : NULL;
	return true;
}

/* A frame of so many rows, or groups of peers, or so far in values, before and behind; false: it is another one. */
static bool
near_frame(Query *upper, Function *result)
{
	WindowClause *window = result->clause;
	int			options = window->frameOptions;
	int64		start = window->startOffset ? constant_rows(window->startOffset) : 0;
	int64		end = window->endOffset ? constant_rows(window->endOffset) : 0;

	if (FRAME_STARTS_WITH_ALL(options) || FRAME_ENDS_WITH_ALL(options) ||
		(options & (FRAMEOPTION_START_UNBOUNDED_FOLLOWING | FRAMEOPTION_END_UNBOUNDED_PRECEDING)))
		return false;
	if ((options & FRAMEOPTION_RANGE) && (window->startOffset || window->endOffset))
		return near_range(upper, result);
	if (start < 0 || end < 0)
		return false;
	/* whoever is a peer cannot be told by the place of a row */
	if (result->by_place && (options & (FRAMEOPTION_EXCLUDE_GROUP | FRAMEOPTION_EXCLUDE_TIES)))
		return false;
	result->values = (options & FRAMEOPTION_GROUPS) != 0;
	if (options & FRAMEOPTION_START_OFFSET_PRECEDING)
		result->preceding = start;
	if (options & FRAMEOPTION_START_OFFSET_FOLLOWING)
		result->following = start;
	if (options & FRAMEOPTION_END_OFFSET_PRECEDING)
		result->preceding = Max(result->preceding, end);
	if (options & FRAMEOPTION_END_OFFSET_FOLLOWING)
		result->following = Max(result->following, end);
	return true;
}

/* A frame of its own: of rows, or of peers, from the first of the partition on. */
static void
set_running_frame(Function *result, bool rows)
{
	result->clause->frameOptions = FRAMEOPTION_NONDEFAULT | FRAMEOPTION_BETWEEN | (rows ? FRAMEOPTION_ROWS : FRAMEOPTION_RANGE) |
		FRAMEOPTION_START_UNBOUNDED_PRECEDING | FRAMEOPTION_END_CURRENT_ROW;
	result->clause->startOffset = result->clause->endOffset = NULL;
	result->by_place = rows;
}

/* Functions for which frames mean nothing. */
static bool
classify_by_rank(Function *result, const char *name)
{
	static const struct
	{
		const char *name;
		StWindowKind kind;
		bool		by_place;
	}			kinds[] = {
		{"row_number", ST_WINDOW_ROW_NUMBER, true},
		{"rank", ST_WINDOW_RANK, false},
		{"dense_rank", ST_WINDOW_DENSE_RANK, false},
		{"percent_rank", ST_WINDOW_WHOLE, false},
		{"cume_dist", ST_WINDOW_WHOLE, false},
		{"ntile", ST_WINDOW_WHOLE, true},
		{"lag", ST_WINDOW_NEAR, true},
		{"lead", ST_WINDOW_NEAR, true},
	};

	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (strcmp(name, kinds[i].name) != 0)
			continue;
		result->kind = kinds[i].kind;
		set_running_frame(result, false);
		result->by_place = kinds[i].by_place;
		if (result->kind == ST_WINDOW_NEAR)
		{
			List	   *args = result->function->args;
			int64		rows = list_length(args) == 1 ? 1 : constant_rows(lsecond(args));

			*(strcmp(name, "lag") == 0 ? &result->preceding : &result->following) = Max(rows, 0);
			if (rows < 0)
				result->kind = ST_WINDOW_WHOLE;
		}
		return true;
	}
	return false;
}

/* How an aggregate runs on; ST_WINDOW_WHOLE: it is not known to. */
static StWindowKind
running_kind(Oid function)
{
	const char *name = get_func_name(function);

	switch (function)
	{
		case F_COUNT_:
		case F_COUNT_ANY:
			return ST_WINDOW_COUNT;
		case F_SUM_INT2:
		case F_SUM_INT4:
		case F_SUM_INT8:
		case F_SUM_NUMERIC:
			return ST_WINDOW_SUM;
	}
	if (get_func_namespace(function) != PG_CATALOG_NAMESPACE)
		return ST_WINDOW_WHOLE;
	return strcmp(name, "min") == 0 ? ST_WINDOW_MIN : strcmp(name, "max") == 0 ? ST_WINDOW_MAX : ST_WINDOW_WHOLE;
}

/* Functions that run on from the first row of the partition, or back from the last. */
static bool
classify_running(Function *result)
{
	int			options = result->clause->frameOptions;
	bool		from_first = FRAME_STARTS_WITH_ALL(options) && FRAME_ENDS_HERE(options);
	bool		to_last = FRAME_STARTS_HERE(options) && FRAME_ENDS_WITH_ALL(options);
	bool		all = FRAME_STARTS_WITH_ALL(options) && FRAME_ENDS_WITH_ALL(options);
	Oid			function = result->function->winfnoid;

	if (options & FRAMEOPTION_EXCLUSION)
		return false;
	if (result->function->winagg)
	{
		/*
		 * of a record there is what is stored, which does not compare as it
		 * does
		 */
		result->kind = st_is_record(result->function->wintype) ? ST_WINDOW_WHOLE : running_kind(function);
		if (result->kind == ST_WINDOW_WHOLE || !(from_first || to_last))
			return false;
		result->reversed = to_last;
		set_running_frame(result, result->by_place);
		return true;
	}
	if (function == F_LAST_VALUE && (from_first || (FRAME_STARTS_HERE(options) && FRAME_ENDS_HERE(options))))
	{
		result->kind = ST_WINDOW_NEAR;
		return true;
	}
	if (!(function == F_FIRST_VALUE && (from_first || all)) && !(function == F_LAST_VALUE && (to_last || all)))
		return false;
	/* an array of them carries it on, and there are none of arrays */
	if (!OidIsValid(get_array_type(result->function->wintype)) || OidIsValid(get_element_type(getBaseType(result->function->wintype))))
		return false;
	result->kind = ST_WINDOW_FIRST;
	result->reversed = function == F_LAST_VALUE;
	result->function->winfnoid = F_FIRST_VALUE;
	set_running_frame(result, true);
	return true;
}

/* Of all rows, which are peers. */
static bool
has_no_order(WindowClause *clause)
{
	return clause->partitionClause == NIL && clause->orderClause == NIL;
}

/* Is there a function of all rows without an order but row_number()? */
static bool
beside_numbers_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, WindowFunc))
		return ((WindowFunc *) node)->winfnoid != F_ROW_NUMBER && has_no_order(st_window_of(arg, (WindowFunc *) node));
	return expression_tree_walker(node, beside_numbers_walker, arg);
}

/*
 * All rows without an order are peers: a RANGE frame is all of them. Which of them
 * is first, or next to another, is free, so they get an order that is cheap to follow.
 */
static void
give_order(OrderContext *context, WindowClause *clause)
{
	int			options = clause->frameOptions;

	if (!has_no_order(clause) || context->any_order == NULL ||
		(options & (FRAMEOPTION_EXCLUDE_GROUP | FRAMEOPTION_EXCLUDE_TIES)))
		return;
	if (options & FRAMEOPTION_RANGE)
		clause->frameOptions = FRAMEOPTION_NONDEFAULT | FRAMEOPTION_BETWEEN | FRAMEOPTION_RANGE |
			FRAMEOPTION_START_UNBOUNDED_PRECEDING | FRAMEOPTION_END_UNBOUNDED_FOLLOWING | (options & FRAMEOPTION_EXCLUSION);
	clause->orderClause = list_make1(copyObject(context->any_order));
}

static Function *
classify(OrderContext *context, WindowFunc *function)
{
	Function   *result = palloc0(sizeof(Function));
	bool		own = get_func_namespace(function->winfnoid) != PG_CATALOG_NAMESPACE;
	int			options;

	result->original = function;
	result->function = copyObject(function);
	result->clause = copyObject(st_window_of(context->upper, function));
	give_order(context, result->clause);
	options = result->clause->frameOptions;
	result->by_place = (options & FRAMEOPTION_ROWS) != 0;
	if (context->numbers && function->winfnoid == F_ROW_NUMBER && has_no_order(result->clause))
	{
		result->kind = ST_WINDOW_ANY_NUMBER;
		return result;
	}
	if (!own && !function->winagg && classify_by_rank(result, get_func_name(function->winfnoid)))
		return result;
	if (classify_running(result))
		return result;
	result->reversed = false;
	if ((function->winagg || (!own && (function->winfnoid == F_FIRST_VALUE || function->winfnoid == F_LAST_VALUE ||
									   function->winfnoid == F_NTH_VALUE))) && near_frame(context->upper, result))
	{
		result->kind = ST_WINDOW_NEAR;
		return result;
	}
	result->kind = ST_WINDOW_WHOLE;
	if (options & (FRAMEOPTION_EXCLUDE_GROUP | FRAMEOPTION_EXCLUDE_TIES))
		result->by_place = false;
	return result;
}

/* ----- windows of the state ----- */

/* Its columns of the order; in the reverse one, what comes behind is before. */
static List *
order_columns(OrderContext *context, Function *function)
{
	List	   *order = NIL;
	ListCell   *lc;

	foreach(lc, function->clause->orderClause)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		StSortColumn *column = palloc0(sizeof(StSortColumn));

		column->argument = column_position(context, get_sortgroupclause_expr(clause, context->upper->targetList));
		column->operator = function->reversed ? get_commutator(clause->sortop) : clause->sortop;
		column->nulls_first = clause->nulls_first != function->reversed;
		order = lappend(order, column);
	}
	return order;
}

static List *
partition_columns(OrderContext *context, Function *function)
{
	List	   *partition = NIL;
	ListCell   *lc;

	foreach(lc, function->clause->partitionClause)
		partition = list_append_unique_int(partition,
										   column_position(context, get_sortgroupclause_expr(lfirst(lc), context->upper->targetList)));
	list_sort(partition, list_int_cmp);
	return partition;
}

/* Put a function into the window of its partition and order. */
static void
add_to_window(OrderContext *context, Function *function)
{
	List	   *partition = partition_columns(context, function);
	List	   *order = order_columns(context, function);
	StWindow   *window = NULL;
	int			number = list_length(context->functions) - 1;
	int			position = 0;
	ListCell   *lc;

	foreach(lc, context->node->windows)
	{
		window = lfirst(lc);
		if (equal(window->partition, partition) && st_same_order(window->order, order) && window->reversed == function->reversed &&
			equal(window->range_preceding, function->range_preceding) && equal(window->range_following, function->range_following))
			break;
		position++;
	}
	if (lc == NULL)
	{
		window = palloc0(sizeof(StWindow));
		window->partition = partition;
		window->order = order;
		window->reversed = function->reversed;
		window->range_preceding = function->range_preceding;
		window->range_following = function->range_following;
		context->node->windows = lappend(context->node->windows, window);
		context->members = lappend(context->members, NIL);
	}
	window->numbered = function->kind == ST_WINDOW_ANY_NUMBER;
	window->whole |= function->kind == ST_WINDOW_WHOLE || (order == NIL && !window->numbered);
	window->values |= function->values;
	window->preceding = Max(window->preceding, function->preceding);
	window->following = Max(window->following, function->following);
	lc = list_nth_cell(context->members, position);
	lfirst(lc) = lappend_int(lfirst(lc), number);
}

/* Functions are noted, each once. */
static bool
function_walker(Node *node, void *arg)
{
	OrderContext *context = arg;
	ListCell   *lc;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, WindowFunc))
	{
		foreach(lc, context->functions)
			if (equal(((Function *) lfirst(lc))->original, node))
				return false;
		if (get_typtype(((WindowFunc *) node)->wintype) == TYPTYPE_PSEUDO && !st_is_record(((WindowFunc *) node)->wintype))
			context->reason = "a window function has no type that a table can hold";
		context->functions = lappend(context->functions, classify(context, (WindowFunc *) node));
		add_to_window(context, llast(context->functions));
		return false;
	}
	return expression_tree_walker(node, function_walker, arg);
}

/* What an aggregate that compares or adds up takes of each row. */
static Node *
addend(Function *function)
{
	WindowFunc *aggregate = function->function;
	CaseExpr   *folded;
	CaseWhen   *when;

	if (aggregate->aggfilter == NULL)
		return linitial(aggregate->args);
	folded = makeNode(CaseExpr);
	when = makeNode(CaseWhen);
	when->expr = aggregate->aggfilter;
	when->result = linitial(aggregate->args);
	when->location = folded->location = -1;
	folded->casetype = exprType((Node *) when->result);
	folded->casecollid = exprCollation((Node *) when->result);
	folded->args = list_make1(when);
	folded->defresult = (Expr *) makeNullConst(folded->casetype, exprTypmod((Node *) when->result), folded->casecollid);
	return (Node *) folded;
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

		while (!equal(((Function *) list_nth(context->functions, position))->original, function))
			position++;
		return (Node *) st_stored_record((Expr *) makeVar(1, list_length(context->columns) + position + 1,
														  st_is_record(function->wintype) ? BYTEAOID : function->wintype, -1,
														  function->wincollid, 0),
										 function->wintype);
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

/*
 * The query that computes the functions of one window over the state's columns
 * and, behind them, the number of each row's partition and its place.
 */
static Query *
make_window_query(OrderContext *context, StWindow *window, List *members)
{
	int			ncolumns = list_length(context->columns);
	List	   *targets = NIL;
	List	   *windows = NIL;
	TargetEntry *part;
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
	part = makeTargetEntry((Expr *) makeVar(1, ncolumns + 1, INT8OID, -1, InvalidOid, 0), ncolumns + 1, "part", false);
	place = makeTargetEntry((Expr *) makeVar(1, ncolumns + 2, INT8OID, -1, InvalidOid, 0), ncolumns + 2, "place", false);
	targets = lappend(lappend(targets, part), place);
	foreach(lc, members)
	{
		Function   *member = list_nth(context->functions, lfirst_int(lc));
		WindowFunc *function = (WindowFunc *) column_mutator((Node *) member->function, context);
		WindowClause *clause = member->clause;
		ListCell   *lc2;

		st_unname_window(clause);
		clause->winref = function->winref = foreach_current_index(lc) + 1;
		clause->partitionClause = list_make1(st_make_group_clause(part, targets));
		if (member->by_place)
			clause->orderClause = list_make1(st_make_group_clause(place, targets));
		else
			foreach(lc2, clause->orderClause)
			{
				SortGroupClause *order = lfirst_node(SortGroupClause, lc2);
				StSortColumn *column = list_nth(window->order, foreach_current_index(lc2));

				order->tleSortGroupRef = assignSortGroupRef(list_nth(targets, column->argument - 1), targets);
				order->sortop = column->operator;
				order->nulls_first = column->nulls_first;
			}
		window->placed |= member->by_place;
		windows = lappend(windows, clause);
		targets = lappend(targets, makeTargetEntry(st_store_record((Expr *) function), list_length(targets) + 1,
												   psprintf("w%d", lfirst_int(lc) + 1), false));
	}
	query = st_make_query(NIL, NULL, targets);
	query->jointree = makeFromExpr(list_make1(st_make_reference(1)), NULL);
	query->windowClause = windows;
	query->hasWindowFuncs = true;
	return query;
}

/* ----- averages ----- */

static WindowFunc *
make_part_of_average(WindowFunc *average, Oid function, Oid type)
{
	WindowFunc *result = copyObject(average);

	result->winfnoid = function;
	result->wintype = type;
	return result;
}

/* An average that runs on becomes its sum divided by its count. */
static Node *
average_mutator(Node *node, void *arg)
{
	Query	   *upper = arg;
	WindowFunc *average = (WindowFunc *) node;
	int			options;
	Oid			sum;
	Oid			type = NUMERICOID;
	Node	   *dividend;
	Node	   *divisor;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (!IsA(node, WindowFunc))
		return expression_tree_mutator(node, average_mutator, arg);
	options = st_window_of(upper, average)->frameOptions;
	if ((options & FRAMEOPTION_EXCLUSION) || st_window_of(upper, average)->orderClause == NIL ||
		!((FRAME_STARTS_WITH_ALL(options) && FRAME_ENDS_HERE(options)) || (FRAME_STARTS_HERE(options) && FRAME_ENDS_WITH_ALL(options))))
		return node;
	switch (average->winfnoid)
	{
		case F_AVG_INT2:
			sum = F_SUM_INT2;
			type = INT8OID;
			break;
		case F_AVG_INT4:
			sum = F_SUM_INT4;
			type = INT8OID;
			break;
		case F_AVG_INT8:
			sum = F_SUM_INT8;
			break;
		case F_AVG_NUMERIC:
			sum = F_SUM_NUMERIC;
			break;
		default:
			return node;
	}
	dividend = (Node *) make_part_of_average(average, sum, type);
	if (type == INT8OID)
		dividend = (Node *) makeFuncExpr(F_NUMERIC_INT8, NUMERICOID, list_make1(dividend), InvalidOid, InvalidOid, COERCE_EXPLICIT_CAST);
	divisor = (Node *) makeFuncExpr(F_NUMERIC_INT8, NUMERICOID, list_make1(make_part_of_average(average, F_COUNT_ANY, INT8OID)),
									InvalidOid, InvalidOid, COERCE_EXPLICIT_CAST);
	/* over no value at all the sum is NULL, and so is the quotient */
	return (Node *) makeFuncExpr(F_NUMERIC_DIV, NUMERICOID, list_make2(dividend, divisor), InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

/* ----- the state ----- */

/* Can an index hold every value of an expression? */
static bool
fits_index(Node *expr)
{
	int32		typmod = exprTypmod(expr);

	switch (exprType(expr))
	{
		case NUMERICOID:
			/* two digits a byte, of 1,000 at most */
			return typmod >= (int32) VARHDRSZ;
		case VARCHAROID:
		case BPCHAROID:
			return typmod >= (int32) VARHDRSZ && typmod - (int32) VARHDRSZ <= MAX_INDEXED_LENGTH;
		default:
			return st_type_is_small_key(exprType(expr));
	}
}

AttrNumber
st_window_index_column(const StNode *node, const StWindow *window, bool *shortened)
{
	AttrNumber	column;
	Node	   *expr;

	*shortened = false;
	if (window->numbered)
		return node->nshown + linitial_int(window->functions) + 1;
	if (window->whole || window->order == NIL)
		return 0;
	column = ((StSortColumn *) linitial(window->order))->argument;
	expr = (Node *) list_nth_node(TargetEntry, node->block->targetList, column - 1)->expr;
	*shortened = !fits_index(expr);
	return OidIsValid(GetDefaultOpClass(exprType(expr), BTREE_AM_OID)) ? column : 0;
}

/* Can the rows of a partition be found? Otherwise a reason. */
static const char *
check_partitions(OrderContext *context)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, context->node->windows)
		foreach(lc2, ((StWindow *) lfirst(lc))->partition)
		{
			Oid			type = exprType(list_nth(context->columns, lfirst_int(lc2) - 1));
			TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_HASH_EXTENDED_PROC | TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR);

			if (!OidIsValid(entry->hash_extended_proc) || !OidIsValid(entry->eq_opr) || !OidIsValid(entry->lt_opr) ||
				type_is_rowtype(type))
				return "windows are partitioned by a type without a hash function";
		}
	foreach(lc, context->columns)
		if (get_typtype(exprType(lfirst(lc))) == TYPTYPE_PSEUDO)
			return "a column of a window has no type that a table can hold";
	return NULL;
}

/* How well a column serves as an order: nothing at all, an index, a narrow one, and without NULLs. */
static int
rank_of_order(Query *below, Var *column)
{
	if (!OidIsValid(GetDefaultOpClass(column->vartype, BTREE_AM_OID)) || type_is_rowtype(column->vartype))
		return 0;
	if (!fits_index((Node *) column))
		return 1;
	return st_query_column_not_null(below, column->varattno) ? 3 : 2;
}

/* Choose a column for windows of all rows without an order; NULL: there is none. */
static SortGroupClause *
choose_order(Query *upper, Query *below)
{
	Var		   *best = NULL;
	TargetEntry *target;
	SortGroupClause *clause;
	ListCell   *lc;

	foreach(lc, pull_var_clause((Node *) upper->targetList, PVC_RECURSE_WINDOWFUNCS))
	{
		Var		   *column = lfirst_node(Var, lc);

		if (rank_of_order(below, column) > (best ? rank_of_order(below, best) : 0))
			best = column;
	}
	if (best == NULL)
		return NULL;
	target = makeTargetEntry((Expr *) copyObject(best), list_length(upper->targetList) + 1, NULL, true);
	upper->targetList = lappend(upper->targetList, target);
	clause = st_make_group_clause(target, upper->targetList);
	clause->nulls_first = false;
	return clause;
}

Query *
st_window_order(Query *upper, Query *below, BuildContext *build)
{
	OrderContext context = {.upper = upper, .node = palloc0(sizeof(StNode))};
	StNode	   *node = context.node;
	List	   *targets = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	upper->targetList = (List *) average_mutator((Node *) upper->targetList, upper);
	foreach(lc, upper->targetList)
		if (!lfirst_node(TargetEntry, lc)->resjunk)
			(void) var_walker((Node *) lfirst_node(TargetEntry, lc)->expr, &context);
	if (context.columns == NIL)
		(void) column_position(&context, (Node *) makeVarFromTargetEntry(1, linitial_node(TargetEntry, below->targetList)));
	context.numbers = !beside_numbers_walker((Node *) upper->targetList, upper);
	if (!context.numbers)
		context.any_order = choose_order(upper, below);
	(void) function_walker((Node *) upper->targetList, &context);
	/* what runs on needs what it adds up or compares as a column */
	foreach(lc, context.functions)
	{
		Function   *function = lfirst(lc);
		bool		adds = function->kind == ST_WINDOW_SUM || function->kind == ST_WINDOW_MIN || function->kind == ST_WINDOW_MAX;

		node->kinds = lappend_int(node->kinds, function->kind);
		node->addends = lappend_int(node->addends, adds ? column_position(&context, addend(function)) : 0);
	}
	if (context.reason == NULL)
		context.reason = check_partitions(&context);
	if (context.reason)
		return st_decline(build, context.reason);
	node->nshown = node->narguments = list_length(context.columns);
	forboth(lc, node->windows, lc2, context.members)
	{
		StWindow   *window = lfirst(lc);

		window->functions = lfirst(lc2);
		window->query = make_window_query(&context, window, window->functions);
	}
	foreach(lc, context.functions)
		node->results = lappend(node->results,
								st_store_record((Expr *) column_mutator((Node *) ((Function *) lfirst(lc))->function, &context)));
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
