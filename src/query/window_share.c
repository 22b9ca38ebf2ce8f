/*-------------------------------------------------------------------------
 *
 * window_share.c
 *	  Window functions that follow from others.
 *
 * NOTES
 *	  The share of all rows that a row has before it, or the part of them that it is
 *	  in, is a number that runs on and the number of all rows: percent_rank(),
 *	  cume_dist() and ntile() are computed from rank(), count() and row_number(),
 *	  which only change where something did, and from count(*) over all rows,
 *	  which is the same for each (rule E10). When that changes, all shares do, but
 *	  nothing is sorted again. With PARTITION BY they stay what they are: partitions
 *	  are computed again.
 *
 *	  Without ORDER BY all rows of a partition are peers, and ranks constants.
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
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "query/window.h"

typedef struct ShareContext
{
	Query	   *query;
	Index		totals;			/* winref of all rows, 0: not there yet */
} ShareContext;

static WindowFunc *
make_function(Oid function, Oid type, Index winref)
{
	WindowFunc *result = makeNode(WindowFunc);

	result->winfnoid = function;
	result->wintype = type;
	result->winref = winref;
	result->winstar = result->winagg = function == F_COUNT_;
	result->location = -1;
	return result;
}

static WindowClause *
add_window(Query *query, WindowClause *like)
{
	WindowClause *result = like ? copyObject(like) : makeNode(WindowClause);
	ListCell   *lc;

	st_unname_window(result);
	result->frameOptions = FRAMEOPTION_DEFAULTS;
	result->startOffset = result->endOffset = NULL;
	result->winref = 1;
	foreach(lc, query->windowClause)
		result->winref = Max(result->winref, lfirst_node(WindowClause, lc)->winref + 1);
	query->windowClause = lappend(query->windowClause, result);
	return result;
}

/* count(*) OVER () */
static Node *
count_all(ShareContext *context)
{
	if (context->totals == 0)
		context->totals = add_window(context->query, NULL)->winref;
	return (Node *) make_function(F_COUNT_, INT8OID, context->totals);
}

static Node *
int8_constant(int64 value)
{
	return (Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(value), false, FLOAT8PASSBYVAL);
}

static Node *
call(Oid function, Oid type, Node *a, Node *b)
{
	return (Node *) makeFuncExpr(function, type, b ? list_make2(a, b) : list_make1(a), InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

static Node *
if_then_else(Node *condition, Node *then, Node *otherwise)
{
	CaseExpr   *result = makeNode(CaseExpr);
	CaseWhen   *when = makeNode(CaseWhen);

	when->expr = (Expr *) condition;
	when->result = (Expr *) then;
	when->location = result->location = -1;
	result->casetype = exprType(then);
	result->args = list_make1(when);
	result->defresult = (Expr *) otherwise;
	return (Node *) result;
}

/*
 * Terms of a delta put the results of before beside the number of rows of after:
 * what is divided by must not be zero there either (rule E1).
 */
static Node *
at_least_one(Node *rows)
{
	return if_then_else(call(F_INT8LE, BOOLOID, rows, int8_constant(0)), int8_constant(1), copyObject(rows));
}

/* As PostgreSQL divides them. */
static Node *
share(Node *part, Node *whole)
{
	return call(F_FLOAT8DIV, FLOAT8OID, call(F_FLOAT8_INT8, FLOAT8OID, part, NULL), call(F_FLOAT8_INT8, FLOAT8OID, whole, NULL));
}

/* (rank - 1) / (rows - 1) */
static Node *
percent_rank(ShareContext *context, Index winref)
{
	Node	   *one = int8_constant(1);
	Node	   *rank = (Node *) make_function(F_RANK_, INT8OID, winref);
	Node	   *zero = (Node *) makeConst(FLOAT8OID, -1, InvalidOid, sizeof(float8), Float8GetDatum(0), false, FLOAT8PASSBYVAL);

	return if_then_else(call(F_INT8LE, BOOLOID, count_all(context), one), zero,
						share(call(F_INT8MI, INT8OID, rank, one), call(F_INT8MI, INT8OID, count_all(context), one)));
}

/*
 * Rows are dealt out to "buckets" parts, each of q = rows / buckets, of which the first
 * r = rows % buckets have one more: those up to number r * (q + 1).
 */
static Node *
ntile(ShareContext *context, Index winref, int64 buckets)
{
	Node	   *one = int8_constant(1);
	Node	   *before = call(F_INT8MI, INT8OID, (Node *) make_function(F_ROW_NUMBER, INT8OID, winref), one);
	Node	   *size = call(F_INT8DIV, INT8OID, count_all(context), int8_constant(buckets));
	Node	   *larger = call(F_INT8MOD, INT8OID, count_all(context), int8_constant(buckets));
	Node	   *larger_size = call(F_INT8PL, INT8OID, size, one);
	Node	   *in_larger = call(F_INT8MUL, INT8OID, larger, larger_size);
	Node	   *tile = if_then_else(call(F_INT8LT, BOOLOID, before, in_larger),
									call(F_INT8DIV, INT8OID, before, larger_size),
									call(F_INT8PL, INT8OID, larger, call(F_INT8DIV, INT8OID, call(F_INT8MI, INT8OID, before, in_larger), at_least_one(size))));

	return call(F_INT4_INT8, INT4OID, call(F_INT8PL, INT8OID, tile, one), NULL);
}

/* A function of all rows in an order, by others; NULL: it is none of these. */
static Node *
by_others(ShareContext *context, WindowFunc *function, WindowClause *window)
{
	const char *name = get_func_name(function->winfnoid);

	if (strcmp(name, "percent_rank") == 0)
		return percent_rank(context, window->winref);
	/* rows up to the last peer, whatever frame the window has */
	if (strcmp(name, "cume_dist") == 0)
		return share((Node *) make_function(F_COUNT_, INT8OID, add_window(context->query, window)->winref),
					 at_least_one(count_all(context)));
	if (strcmp(name, "ntile") == 0)
	{
		Const	   *buckets = (Const *) eval_const_expressions(NULL, linitial(function->args));

		if (IsA(buckets, Const) && !buckets->constisnull && DatumGetInt32(buckets->constvalue) > 0)
			return ntile(context, window->winref, DatumGetInt32(buckets->constvalue));
	}
	return NULL;
}

/* What a function of ranks is among nothing but peers; NULL: it is none. */
static Node *
among_peers(WindowFunc *function)
{
	const char *name = get_func_name(function->winfnoid);

	if (strcmp(name, "rank") == 0 || strcmp(name, "dense_rank") == 0)
		return int8_constant(1);
	if (strcmp(name, "percent_rank") == 0 || strcmp(name, "cume_dist") == 0)
		return (Node *) makeConst(FLOAT8OID, -1, InvalidOid, sizeof(float8), Float8GetDatum(name[0] == 'c' ? 1 : 0), false, FLOAT8PASSBYVAL);
	return NULL;
}

static Node *
share_mutator(Node *node, void *arg)
{
	ShareContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, WindowFunc))
	{
		WindowFunc *function = (WindowFunc *) node;
		WindowClause *window = st_window_of(context->query, function);
		Node	   *result = NULL;

		if (function->winagg || get_func_namespace(function->winfnoid) != PG_CATALOG_NAMESPACE)
			return node;
		if (window->orderClause == NIL)
			result = among_peers(function);
		if (result == NULL && window->partitionClause == NIL)
			result = by_others(context, function, window);
		return result ? result : node;
	}
	return expression_tree_mutator(node, share_mutator, arg);
}

void
st_replace_shares(Query *query)
{
	ShareContext context = {.query = query};
	List	   *kept = NIL;
	ListCell   *lc;

	query->targetList = (List *) share_mutator((Node *) query->targetList, &context);
	query->hasWindowFuncs = contain_windowfuncs((Node *) query->targetList);
	if (query->hasWindowFuncs)
		return;
	query->windowClause = NIL;
	/* what windows were partitioned by is no column of the result */
	foreach(lc, query->targetList)
		if (!lfirst_node(TargetEntry, lc)->resjunk)
		{
			lfirst_node(TargetEntry, lc)->ressortgroupref = 0;
			kept = lappend(kept, lfirst(lc));
		}
	query->targetList = kept;
}
