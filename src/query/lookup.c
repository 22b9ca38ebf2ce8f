/*-------------------------------------------------------------------------
 *
 * lookup.c
 *	  How rows with a given value are found: by an index, or in a state.
 *
 * NOTES
 *	  A semi or anti join counts the matches of the rows that changes touch. Where
 *	  no index finds these, each refresh would read the relation. If the subquery
 *	  is tied to what is around it by equality, it becomes a state of the distinct
 *	  values of its side instead, which counts the rows of each: a refresh then
 *	  costs what has changed, and only values that come or go are joined with the
 *	  rows outside (rule E6).
 *
 *	  Which indexes there are may change while the states are what they are. So
 *	  the columns that had none are remembered with the stream table, and the
 *	  nodes are built from that ever after (st_query_build).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "catalog/pg_class.h"
#include "catalog/pg_statistic.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "query/decorrelate.h"
#include "query/lookup.h"
#include "query/source_facts.h"
#include "query/unnest.h"
#include "util/fault.h"

/* of one value, beyond which what depends on all of them has a state instead (rule E10) */
#define MANY_ROWS 1000

bool
st_find_relation_column(RangeTblEntry *rte, AttrNumber column, Oid *relid, AttrNumber *attnum)
{
	Query	   *query = rte->subquery;
	Var		   *var;

	check_stack_depth();
	if (rte->rtekind == RTE_RELATION)
	{
		*relid = rte->relid;
		*attnum = column;
		return true;
	}
	if (rte->rtekind != RTE_SUBQUERY || query->setOperations || query->limitCount || query->limitOffset ||
		query->groupClause || query->groupingSets || query->hasAggs || query->hasWindowFuncs ||
		query->hasTargetSRFs || query->distinctClause)
		return false;
	var = (Var *) list_nth_node(TargetEntry, query->targetList, column - 1)->expr;
	return IsA(var, Var) && var->varlevelsup == 0 && var->varattno > 0 &&
		st_find_relation_column(rt_fetch(var->varno, query->rtable), var->varattno, relid, attnum);
}

static bool
is_noted(BuildContext *build, Oid relid, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, build->unindexed)
		if (((StLookup *) lfirst(lc))->relid == relid && ((StLookup *) lfirst(lc))->attnum == attnum)
			return true;
	return false;
}

static void
note(BuildContext *build, Oid relid, AttrNumber attnum)
{
	StLookup   *lookup = palloc(sizeof(StLookup));

	lookup->relid = relid;
	lookup->attnum = attnum;
	build->unindexed = lappend(build->unindexed, lookup);
}

bool
st_lookup_is_indexed(BuildContext *build, Oid relid, AttrNumber attnum)
{
	if (is_noted(build, relid, attnum))
		return false;
	if ((build->decided && !ST_FAULT("E6")) || st_relation_has_index_on(relid, bms_make_singleton(attnum)))
		return true;
	note(build, relid, attnum);
	return false;
}

/* So many rows have a value of the column, as far as ANALYZE knows; 0: it does not. */
static double
rows_per_value(Oid relid, AttrNumber attnum)
{
	HeapTuple	class = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	HeapTuple	statistics = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid), Int16GetDatum(attnum), BoolGetDatum(false));
	double		rows = 0;
	double		distinct = 0;

	if (!HeapTupleIsValid(statistics))
		statistics = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid), Int16GetDatum(attnum), BoolGetDatum(true));
	if (HeapTupleIsValid(class))
	{
		rows = ((Form_pg_class) GETSTRUCT(class))->reltuples;
		ReleaseSysCache(class);
	}
	if (HeapTupleIsValid(statistics))
	{
		distinct = ((Form_pg_statistic) GETSTRUCT(statistics))->stadistinct;
		ReleaseSysCache(statistics);
	}
	/* a negative number is a share of the rows */
	return distinct > 0 && rows > 0 ? rows / distinct : distinct < 0 ? -1 / distinct : 0;
}

bool
st_lookup_finds_few(BuildContext *build, Oid relid, AttrNumber attnum)
{
	if (!st_lookup_is_indexed(build, relid, attnum))
		return false;
	if (build->decided || rows_per_value(relid, attnum) <= MANY_ROWS)
		return true;
	note(build, relid, attnum);
	return false;
}

/* ----- states of what matches ----- */

typedef struct MatchContext
{
	BuildContext *build;
	Query	   *subquery;
	int			varno;			/* the subquery's number outside */
	List	   *keys;			/* expressions of the subquery */
	List	   *stay;			/* conditions within it */
	List	   *conditions;		/* of the join, as they read outside */
} MatchContext;

/* Is the expression a column by which rows are found as things are? */
static bool
is_served(MatchContext *context, Node *key)
{
	RangeTblEntry *rte;
	Var		   *var;
	Oid			relid;
	AttrNumber	attnum;

	while (IsA(key, RelabelType))
		key = (Node *) ((RelabelType *) key)->arg;
	var = (Var *) key;
	if (!IsA(var, Var) || var->varattno <= 0)
		return false;
	rte = rt_fetch(var->varno, context->subquery->rtable);
	if (st_find_relation_column(rte, var->varattno, &relid, &attnum))
		return st_lookup_is_indexed(context->build, relid, attnum);
	/* a key of a state */
	return rte->rtekind == RTE_SUBQUERY && rte->subquery->setOperations == NULL &&
		(rte->subquery->distinctClause ||
		 list_member(get_sortgrouplist_exprs(rte->subquery->groupClause, rte->subquery->targetList),
					 list_nth_node(TargetEntry, rte->subquery->targetList, var->varattno - 1)->expr));
}

/* "inner", which stands on this side of an equality, becomes a key of the state. False: it cannot be one. */
static bool
add_key(MatchContext *context, OpExpr *equality, int side, Node *inner, Node *outer)
{
	OpExpr	   *condition = copyObject(equality);
	Node	   *key;
	int			position = 0;

	if (!st_key_is_exact(inner, context->subquery->rtable))
		return false;
	while (position < list_length(context->keys) && !equal(list_nth(context->keys, position), inner))
		position++;
	if (position == list_length(context->keys))
		context->keys = lappend(context->keys, inner);
	key = (Node *) makeVar(context->varno, position + 1, exprType(inner), exprTypmod(inner), exprCollation(inner), 0);
	condition->args = side == 0 ? list_make2(key, outer) : list_make2(outer, key);
	context->conditions = lappend(context->conditions, condition);
	return true;
}

/* Does a condition refer to more than the subquery and the query that asks, or hold what a join cannot? */
static bool
far_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Var))
		return ((Var *) node)->varlevelsup > 1 || ((Var *) node)->varattno <= 0;
	if (IsA(node, SubLink) || IsA(node, Aggref))
		return true;
	return expression_tree_walker(node, far_walker, arg);
}

/* The conditions of the subquery's WHERE. */
static bool
take_correlation(MatchContext *context)
{
	ListCell   *lc;

	foreach(lc, make_ands_implicit((Expr *) context->subquery->jointree->quals))
	{
		OpExpr	   *equality = lfirst(lc);
		Node	   *inner;
		Node	   *outer;

		if (!st_refers_outside((Node *) equality))
		{
			context->stay = lappend(context->stay, equality);
			continue;
		}
		if (far_walker((Node *) equality, NULL) || !st_split_equality((Node *) equality, &inner, &outer))
			return false;
		outer = copyObject(outer);
		IncrementVarSublevelsUp(outer, -1, 1);
		if (!add_key(context, equality, inner == linitial(equality->args) ? 0 : 1, inner, outer))
			return false;
	}
	return true;
}

static bool
param_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_SUBLINK)
		return true;
	return expression_tree_walker(node, param_walker, arg);
}

/* Params become what the subquery selects. */
static Node *
column_mutator(Node *node, void *arg)
{
	List	   *targets = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_SUBLINK)
		return copyObject((Node *) list_nth_node(TargetEntry, targets, ((Param *) node)->paramid - 1)->expr);
	return expression_tree_mutator(node, column_mutator, arg);
}

/* Is this side of a comparison the subquery's, by an equality that groups by it, and the other one not? */
static bool
is_equality(OpExpr *comparison, int side)
{
	Node	   *inner = list_nth(comparison->args, side);
	TypeCacheEntry *entry = lookup_type_cache(exprType(inner), TYPECACHE_BTREE_OPFAMILY);

	return param_walker(inner, NULL) && !contain_vars_of_level(inner, 0) &&
		!param_walker(list_nth(comparison->args, 1 - side), NULL) &&
		OidIsValid(entry->btree_opf) && !type_is_rowtype(exprType(inner)) &&
		comparison->inputcollid == exprCollation(inner) &&
		get_op_opfamily_strategy(comparison->opno, entry->btree_opf) == BTEqualStrategyNumber;
}

/* What is asked of the subquery's columns, which are Params. */
static bool
take_test(MatchContext *context, Node *test)
{
	ListCell   *lc;

	foreach(lc, make_ands_implicit((Expr *) test))
	{
		OpExpr	   *comparison = lfirst(lc);
		List	   *targets = context->subquery->targetList;
		int			side = 0;
		Node	   *inner;

		if (far_walker((Node *) comparison, NULL) || st_refers_outside((Node *) comparison))
			return false;
		if (!param_walker((Node *) comparison, NULL))
		{
			context->conditions = lappend(context->conditions, comparison);
			continue;
		}
		if (!contain_vars_of_level((Node *) comparison, 0))
		{
			inner = column_mutator((Node *) comparison, targets);
			if (st_refers_outside(inner))
				return false;
			context->stay = lappend(context->stay, inner);
			continue;
		}
		if (!IsA(comparison, OpExpr) || list_length(comparison->args) != 2 || !op_strict(comparison->opno))
			return false;
		while (side < 2 && !is_equality(comparison, side))
			side++;
		if (side == 2)
			return false;
		inner = column_mutator(list_nth(comparison->args, side), targets);
		if (st_refers_outside(inner) || checkExprHasSubLink(inner) ||
			!add_key(context, comparison, side, inner, list_nth(comparison->args, 1 - side)))
			return false;
	}
	return true;
}

Query *
st_match_state(BuildContext *build, Query *subquery, int varno, Node *test, List **conditions)
{
	MatchContext context = {.build = build, .varno = varno};
	List	   *targets;
	ListCell   *lc;

	if (!st_is_plain(subquery))
		return NULL;
	subquery = context.subquery = copyObject(subquery);
	st_flatten_join_columns(subquery);
	if (!take_correlation(&context) || !take_test(&context, copyObject(test)) || context.keys == NIL)
		return NULL;
	subquery->jointree->quals = context.stay ? (Node *) make_ands_explicit(context.stay) : NULL;
	targets = st_make_targets(context.keys);
	subquery->targetList = targets;
	if (st_is_correlated(subquery))
		return NULL;
	foreach(lc, context.keys)
		if (is_served(&context, lfirst(lc)))
			return NULL;
	foreach(lc, targets)
		subquery->distinctClause = lappend(subquery->distinctClause, st_make_group_clause(lfirst(lc), targets));
	subquery->sortClause = NIL;
	*conditions = context.conditions;
	return subquery;
}
