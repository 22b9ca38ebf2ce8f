/*-------------------------------------------------------------------------
 *
 * top.c
 *	  ORDER BY with LIMIT, OFFSET and FETCH FIRST .. WITH TIES.
 *
 * NOTES
 *	  A state holds the first rows by ORDER BY and then by their image, more of
 *	  them than are shown, so that deletes seldom need the whole query (rule
 *	  E13). src/delta/top.c says how it follows a change.
 *
 *	  The level becomes one without a limit, in which columns that only order
 *	  are columns like any other; the state's columns are those of the result
 *	  first, then those by which it is ordered.
 *
 *	  A LIMIT or OFFSET that is no constant is a column of every row, in whose
 *	  value all agree. When it changes, all rows do.
 *
 *	  Where the first rows are too many for that, or all but the first are shown
 *	  (OFFSET without LIMIT), rows are numbered by row_number() and a condition
 *	  on the number takes LIMIT's place: windows have their own state. So are
 *	  the rows of a correlated subquery, for each value asked with
 *	  (decorrelate.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/typcache.h"

#include "query/build.h"
#include "query/decorrelate.h"
#include "util/fault.h"

/* a refresh reads the state: more rows are numbered instead */
#define MAX_ROWS 100000

/* The number of rows of a LIMIT or OFFSET; absent: -1. False if it is no fit constant. */
static bool
constant_rows(Node *expr, int64 *rows)
{
	Const	   *constant = (Const *) eval_const_expressions(NULL, expr);

	*rows = -1;
	if (constant == NULL)
		return true;
	if (!IsA(constant, Const) || constant->consttype != INT8OID)
		return false;
	if (constant->constisnull)
		return true;
	*rows = DatumGetInt64(constant->constvalue);
	return *rows >= 0;
}

StTop *
st_read_limit(Query *query, BuildContext *context)
{
	StTop	   *top = palloc0(sizeof(StTop));

	if (!constant_rows(query->limitCount, &top->limit) || !constant_rows(query->limitOffset, &top->offset))
	{
		if (st_refers_outside(query->limitCount) || st_refers_outside(query->limitOffset))
			return st_decline(context, "LIMIT and OFFSET by an outer query have no delta rule");
		top->limit_expr = query->limitCount ? query->limitCount : (Node *) makeNullConst(INT8OID, -1, InvalidOid);
		top->offset_expr = query->limitOffset ? query->limitOffset : (Node *) makeNullConst(INT8OID, -1, InvalidOid);
		top->limit = top->offset = 0;
	}
	top->offset = Max(top->offset, 0);
	top->numbered = (top->limit < 0 && top->offset > 0) || top->limit > MAX_ROWS || top->offset > MAX_ROWS;
	top->ties = query->limitOption == LIMIT_OPTION_WITH_TIES;
	query->limitCount = query->limitOffset = NULL;
	query->limitOption = LIMIT_OPTION_COUNT;
	return top;
}

StTop *
st_take_limit(Query *query, BuildContext *context)
{
	StTop	   *top = st_read_limit(query, context);

	if (top)
		st_take_order(query, &top->order);
	return top;
}

Query *
st_add_limits(Query *query, StTop *top)
{
	int			ncolumns = list_length(top->order.references);
	List	   *targets = NIL;
	Query	   *result;

	if (top->limit_expr == NULL)
		return query;
	for (int i = 1; i <= ncolumns; i++)
	{
		TargetEntry *target = makeTargetEntry((Expr *) st_ordered_var(query, i), i, psprintf("c%d", i), false);

		target->ressortgroupref = list_nth_int(top->order.references, i - 1);
		targets = lappend(targets, target);
	}
	targets = lappend(targets, makeTargetEntry(st_call_own("limit_rows", INT8OID, INT8OID, (Expr *) top->limit_expr), ncolumns + 1, "l", false));
	targets = lappend(targets, makeTargetEntry(st_call_own("offset_rows", INT8OID, INT8OID, (Expr *) top->offset_expr), ncolumns + 2, "o", false));
	result = st_make_query(list_make1(st_make_subquery_entry(query, "r", st_make_names(ncolumns))), NULL, targets);
	result->hasSubLinks = checkExprHasSubLink((Node *) targets);
	return result;
}

/* ----- numbers ----- */

static Expr *
make_number(int64 number)
{
	return (Expr *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(number), false, FLOAT8PASSBYVAL);
}

static Expr *
compare_numbers(Oid operator, Expr *left, Expr *right)
{
	Expr	   *result = make_opclause(operator, BOOLOID, false, left, right, InvalidOid, InvalidOid);

	set_opfuncid((OpExpr *) result);
	return result;
}

/* The value of a LIMIT or OFFSET, "absent" where it is NULL. */
static Expr *
rows_of(const char *function, Node *expr, int64 absent)
{
	CoalesceExpr *result = makeNode(CoalesceExpr);

	result->coalescetype = INT8OID;
	result->args = list_make2(st_call_own(function, INT8OID, INT8OID, (Expr *) expr), make_number(absent));
	result->location = -1;
	return (Expr *) result;
}

/*
 * The last row has the number, or is a tie of it if its rank says so. Numbers
 * from the offset on are compared, since offset and limit may add up to more
 * than int8 holds.
 */
static List *
conditions_on_numbers(const StTop *top, Expr *number, Expr *rank)
{
	TypeCacheEntry *type = lookup_type_cache(INT8OID, TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);
	Oid			minus = OpernameGetOprid(list_make2(makeString("pg_catalog"), makeString("-")), INT8OID, INT8OID);
	Expr	   *limit = top->limit_expr ? rows_of("limit_rows", top->limit_expr, PG_INT64_MAX) : make_number(top->limit);
	Expr	   *offset = top->limit_expr ? rows_of("offset_rows", top->offset_expr, 0) : make_number(top->offset);
	List	   *result = NIL;

	if (top->limit_expr || top->offset > 0)
		result = lappend(result, compare_numbers(type->gt_opr, number, offset));
	if (top->limit_expr)
	{
		Expr	   *behind = make_opclause(minus, INT8OID, false, copyObject(rank), copyObject(offset), InvalidOid, InvalidOid);

		set_opfuncid((OpExpr *) behind);
		result = lappend(result, make_notclause(compare_numbers(type->gt_opr, behind, limit)));
	}
	/* no sum beyond int8 has that many rows */
	else if (top->limit >= 0 && top->limit < PG_INT64_MAX - top->offset)
		result = lappend(result, compare_numbers(type->lt_opr, copyObject(rank), make_number(top->offset + top->limit + 1)));
	/* the last of no rows has no ties */
	if (top->ties && (top->limit_expr || top->limit == 0) && !ST_FAULT("E13 none"))
		result = lappend(result, compare_numbers(type->gt_opr, copyObject(limit), make_number(0)));
	return result;
}

static WindowFunc *
make_ranking(Oid function)
{
	WindowFunc *result = makeNode(WindowFunc);

	result->winfnoid = function;
	result->wintype = INT8OID;
	result->winref = 1;
	result->location = -1;
	return result;
}

Query *
st_number_rows(Query *query, StTop *top, List *each)
{
	int			ncolumns = list_length(top->order.references);
	RangeTblEntry *rows = st_make_subquery_entry(query, "r", st_make_names(ncolumns));
	WindowClause *window = makeNode(WindowClause);
	int			nnumbers = top->ties ? 2 : 1;
	List	   *conditions;
	List	   *targets = NIL;
	Query	   *numbered;
	Query	   *result;
	ListCell   *lc;

	for (int i = 1; i <= ncolumns; i++)
	{
		TargetEntry *target = makeTargetEntry((Expr *) st_ordered_var(query, i), i, psprintf("c%d", i), false);

		target->ressortgroupref = list_nth_int(top->order.references, i - 1);
		targets = lappend(targets, target);
	}
	foreach(lc, each)
		window->partitionClause = lappend(window->partitionClause,
										  st_make_group_clause(list_nth_node(TargetEntry, targets, lfirst_int(lc) - 1), targets));
	window->orderClause = copyObject(top->order.order);
	window->frameOptions = FRAMEOPTION_DEFAULTS;
	window->winref = 1;
	targets = lappend(targets, makeTargetEntry((Expr *) make_ranking(F_ROW_NUMBER), ncolumns + 1, "number", false));
	if (top->ties)
		targets = lappend(targets, makeTargetEntry((Expr *) make_ranking(F_RANK_), ncolumns + 2, "rank", false));
	numbered = st_make_query(list_make1(rows), NULL, targets);
	numbered->windowClause = list_make1(window);
	numbered->hasWindowFuncs = true;

	conditions = conditions_on_numbers(top, (Expr *) makeVar(1, ncolumns + 1, INT8OID, -1, InvalidOid, 0),
									   (Expr *) makeVar(1, ncolumns + nnumbers, INT8OID, -1, InvalidOid, 0));
	targets = NIL;
	foreach(lc, top->order.shown)
		targets = lappend(targets, makeTargetEntry((Expr *) st_ordered_var(query, lfirst_int(lc)), list_length(targets) + 1,
												   list_nth_node(TargetEntry, query->targetList, lfirst_int(lc) - 1)->resname, false));
	result = st_make_query(list_make1(st_make_subquery_entry(numbered, "n", st_make_names(ncolumns + nnumbers))),
						   conditions ? (Node *) make_ands_explicit(conditions) : NULL, targets);
	result->hasSubLinks = checkExprHasSubLink((Node *) conditions);
	return result;
}

Query *
st_top_rows(Query *query, StTop *top, BuildContext *context)
{
	StNode	   *node = palloc0(sizeof(StNode));
	List	   *columns = NIL;
	List	   *targets = NIL;
	ListCell   *lc;

	/* LIMIT ALL */
	if (top->limit < 0)
		return query;
	node->top = true;
	node->limit = top->limit;
	node->offset = top->offset;
	node->ties = top->ties;
	foreach(lc, top->order.shown)
	{
		TargetEntry *tle = list_nth_node(TargetEntry, query->targetList, lfirst_int(lc) - 1);
		Var		   *var = st_ordered_var(query, lfirst_int(lc));

		node->narguments++;
		columns = st_add_ordered_column(columns, query, lfirst_int(lc), psprintf("a%d", node->narguments));
		var->varattno = var->varattnosyn = node->narguments;
		targets = lappend(targets, makeTargetEntry(st_stored_record((Expr *) var, var->vartype), node->narguments, tle->resname, false));
	}

	/*
	 * a state without columns cannot be printed, as that of EXISTS (SELECT
	 * FROM .. LIMIT ..) would be
	 */
	if (columns == NIL && top->order.order == NIL)
		columns = list_make1(makeTargetEntry((Expr *) makeBoolConst(true, false), ++node->narguments, "a1", false));
	for (int i = 1; top->limit_expr && i <= 2; i++)
	{
		columns = st_add_ordered_column(columns, query, list_length(top->order.references) + i, psprintf("a%d", ++node->narguments));
		if (i == 1)
			node->limit_column = node->narguments;
	}
	return st_ordered_rows(query, &top->order, node, columns, targets, context);
}
