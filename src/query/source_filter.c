/*-------------------------------------------------------------------------
 *
 * source_filter.c
 *	  Which rows of a source any part of a query wants (rule E14).
 *
 * Each reference to a source has a restriction: what the conditions on it alone
 * leave, those that are in every arm of an OR included. A row that fits none of
 * the restrictions need not leave the log. It is looked at before the log is
 * netted, so that only conditions that cannot raise count (rule E1).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/prep.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "query/query.h"
#include "util/fault.h"

/* the condition is evaluated for every row of the log: a longer one is not worth it */
#define MAX_CONDITIONS 32

typedef struct FilterContext
{
	List	   *sources;		/* of StSource; "wanted" is an OR in the
								 * making */
	List	   *unrestricted;	/* OIDs */
} FilterContext;

/* Of the entry "varno" of an inner join, or of any other reference. */
static void
add_restriction(FilterContext *context, Oid relid, Node *restriction, StJoin *join, int varno)
{
	ListCell   *lc;

	if (restriction == NULL)
		context->unrestricted = list_append_unique_oid(context->unrestricted, relid);
	foreach(lc, context->sources)
	{
		StSource   *source = lfirst(lc);

		if (source->relid != relid)
			continue;
		if (restriction && !list_member(source->wanted, restriction))
			source->wanted = lappend(source->wanted, restriction);
		source->join = ++source->nreferences == 1 ? join : NULL;
		source->varno = varno;
	}
}

/* ----- conditions that cannot raise ----- */

static bool
is_users_function(Oid function, void *arg)
{
	return function >= FirstNormalObjectId || func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

/* Can it be computed here, on whoever's behalf? */
static bool
is_foldable(Node *node)
{
	ListCell   *lc;
	List	   *args;

	check_stack_depth();
	if (IsA(node, Const))
		return true;
	if (IsA(node, RelabelType))
		return is_foldable((Node *) ((RelabelType *) node)->arg);
	if (IsA(node, FuncExpr))
		args = ((FuncExpr *) node)->args;
	else if (IsA(node, OpExpr))
		args = ((OpExpr *) node)->args;
	else if (IsA(node, ArrayExpr))
		args = ((ArrayExpr *) node)->elements;
	else
		return false;
	if (IsA(node, OpExpr))
		set_opfuncid((OpExpr *) node);
	if (check_functions_in_node(node, is_users_function, NULL))
		return false;
	foreach(lc, args)
		if (!is_foldable(lfirst(lc)))
			return false;
	return true;
}

/* Constant expressions become constants, as the planner makes them. */
static Node *
fold_mutator(Node *node, void *arg)
{
	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Query))
		return node;
	if (is_foldable(node))
		return eval_const_expressions(NULL, node);
	return expression_tree_mutator(node, fold_mutator, arg);
}

static bool
is_plain(Oid type)
{
	return get_typtype(type) == TYPTYPE_BASE && !OidIsValid(get_element_type(type)) && !type_is_rowtype(type);
}

/* Does an operator of PostgreSQL compare two plain values? */
static bool
is_comparison(Oid operator, Node *left, Node *right)
{
	Oid			family = lookup_type_cache(exprType(left), TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	Oid			negator = get_negator(operator);

	if (get_opcode(operator) >= FirstNormalObjectId || !is_plain(exprType(left)) || !is_plain(exprType(right)))
		return false;
	if (get_func_leakproof(get_opcode(operator)))
		return true;
	return OidIsValid(family) &&
		(op_in_opfamily(operator, family) || (OidIsValid(negator) && op_in_opfamily(negator, family)));
}

/* LIKE complains about an escape character at the end only. */
static bool
is_like(OpExpr *op)
{
	Const	   *pattern = lsecond(op->args);
	Oid			function = get_opcode(op->opno);

	if (function != F_TEXTLIKE && function != F_TEXTNLIKE && function != F_BPCHARLIKE && function != F_BPCHARNLIKE)
		return false;
	return IsA(pattern, Const) && !pattern->constisnull && get_collation_isdeterministic(op->inputcollid) &&
		strchr(TextDatumGetCString(pattern->constvalue), '\\') == NULL;
}

static bool
is_column_or_constant(Node *node)
{
	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return IsA(node, Const) || (IsA(node, Var) && ((Var *) node)->varattno > 0 && ((Var *) node)->varlevelsup == 0);
}

static bool
can_raise_walker(Node *node, void *arg)
{
	int		   *conditions = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, List) || IsA(node, BoolExpr))
		return expression_tree_walker(node, can_raise_walker, arg);
	if (++*conditions > MAX_CONDITIONS)
		return true;
	if (IsA(node, OpExpr))
	{
		OpExpr	   *op = (OpExpr *) node;

		return list_length(op->args) != 2 || !is_column_or_constant(linitial(op->args)) ||
			!is_column_or_constant(lsecond(op->args)) || func_volatile(get_opcode(op->opno)) != PROVOLATILE_IMMUTABLE ||
			!(is_comparison(op->opno, linitial(op->args), lsecond(op->args)) || is_like(op));
	}
	if (IsA(node, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) node;
		Node	   *array = lsecond(op->args);

		return !is_column_or_constant(linitial(op->args)) || !IsA(array, Const) ||
			func_volatile(get_opcode(op->opno)) != PROVOLATILE_IMMUTABLE ||
			!is_comparison(op->opno, linitial(op->args),
						   (Node *) makeNullConst(get_element_type(exprType(array)), -1, InvalidOid));
	}
	if (IsA(node, NullTest))
		return ((NullTest *) node)->argisrow || !is_column_or_constant((Node *) ((NullTest *) node)->arg);
	if (IsA(node, BooleanTest))
		return !is_column_or_constant((Node *) ((BooleanTest *) node)->arg);
	return !is_column_or_constant(node);
}

bool
st_cannot_raise(Node *condition)
{
	int			conditions = 0;

	return !can_raise_walker(condition, &conditions);
}

/* What a condition demands of one entry, or NULL: it is true only if that is. */
static Node *
restriction_of(Node *condition, int varno)
{
	Bitmapset  *varnos;
	int			conditions = 0;
	int			single;

	if (condition == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(condition, List) || is_andclause(condition) || is_orclause(condition))
	{
		List	   *args = IsA(condition, List) ? (List *) condition : ((BoolExpr *) condition)->args;
		List	   *parts = NIL;
		ListCell   *lc;

		foreach(lc, args)
		{
			Node	   *part = restriction_of(lfirst(lc), varno);

			if (part)
				parts = lappend(parts, part);
			else if (is_orclause(condition))
				return NULL;
		}
		if (parts == NIL)
			return NULL;
		return (Node *) (is_orclause(condition) ? make_orclause(parts) : make_ands_explicit(parts));
	}
	varnos = pull_varnos(NULL, condition);
	if (!bms_get_singleton_member(varnos, &single) || single != varno || can_raise_walker(condition, &conditions))
		return NULL;
	return condition;
}

Node *
st_restriction_on(Node *quals, int varno)
{
	Node	   *restriction = restriction_of(fold_mutator(quals, NULL), varno);

	if (restriction == NULL)
		return NULL;
	restriction = copyObject(restriction);
	ChangeVarNodes(restriction, varno, 1, 0);
	return restriction;
}

/* ----- references ----- */

static bool
unrestricted_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		if (((RangeTblEntry *) node)->rtekind == RTE_RELATION)
			add_restriction(arg, ((RangeTblEntry *) node)->relid, NULL, NULL, 0);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, unrestricted_walker, arg, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, unrestricted_walker, arg);
}

/* Of other entries than those in "filtered", all rows are wanted. "join": the inner join that it is, or NULL. */
static void
visit(Query *query, const Bitmapset *filtered, StJoin *join, FilterContext *context)
{
	Node	   *quals = query->jointree ? query->jointree->quals : NULL;
	ListCell   *lc;

	check_stack_depth();
	if (query->hasSubLinks)
	{
		(void) expression_tree_walker((Node *) query->targetList, unrestricted_walker, context);
		(void) expression_tree_walker((Node *) query->jointree, unrestricted_walker, context);
		(void) unrestricted_walker(query->havingQual, context);
	}
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		int			varno = foreach_current_index(lc) + 1;

		/* joins are visited by themselves */
		if (st_join_ordinal(rte) >= 0)
			continue;
		if (rte->rtekind == RTE_RELATION)
		{
			add_restriction(context, rte->relid,
							filtered && !bms_is_member(varno, filtered) ? NULL : st_restriction_on(quals, varno), join, varno);
		}
		else if (rte->rtekind == RTE_SUBQUERY)
			visit(rte->subquery, NULL, NULL, context);
	}
}

static void
visit_join(StJoin *join, FilterContext *context)
{
	switch (join->kind)
	{
		case ST_JOIN_INNER:
			visit(join->flat, NULL, join, context);
			break;
		case ST_JOIN_SEMI:
		case ST_JOIN_CLOCK:
			visit(join->flat, NULL, NULL, context);
			break;
		case ST_JOIN_LEFT:
		case ST_JOIN_ANTI:
			/* rows of the first that match nothing are shown */
			visit(join->flat, ST_FAULT("E14") ? NULL : bms_make_singleton(2), NULL, context);
			break;
		default:
			(void) unrestricted_walker((Node *) join->query, context);
	}
}

void
st_tree_filter_sources(StTree *tree, List *sources)
{
	FilterContext context = {sources, NIL};
	ListCell   *lc;

	foreach(lc, tree->nodes)
	{
		visit(((StNode *) lfirst(lc))->block, NULL, NULL, &context);
		if (((StNode *) lfirst(lc))->step)
			visit(((StNode *) lfirst(lc))->step, NULL, NULL, &context);
	}
	foreach(lc, tree->joins)
		visit_join(lfirst(lc), &context);
	visit(tree->final, NULL, NULL, &context);
	foreach(lc, sources)
	{
		StSource   *source = lfirst(lc);

		if (list_member_oid(context.unrestricted, source->relid) || source->wanted == NIL)
			source->wanted = NIL;
		else
			/* what all parts of an OR demand is looked at first */
			source->wanted = make_ands_implicit(canonicalize_qual(list_length(source->wanted) == 1 ? linitial(source->wanted) :
																  make_orclause(source->wanted), false));
	}
}

bool
st_source_ensures(const StSource *source, Node *condition, int varno)
{
	int			single;

	if (source->wanted == NIL || !bms_get_singleton_member(pull_varnos(NULL, condition), &single) || single != varno)
		return false;
	condition = fold_mutator(copyObject(condition), NULL);
	ChangeVarNodes(condition, varno, 1, 0);
	return list_member(source->wanted, condition);
}
