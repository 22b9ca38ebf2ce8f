/*-------------------------------------------------------------------------
 *
 * recursive.c
 *	  WITH RECURSIVE: a state that its own rows feed.
 *
 * NOTES
 *	  The state holds all rows of the recursion. Its block is the term that does
 *	  not recurse, its step the other one, which reads the state as a leaf.
 *	  PostgreSQL lets a step read the recursion once, outside of aggregates,
 *	  subqueries in expressions and nullable sides: so a step is linear in it,
 *	  and its change for a change of the state comes from that change alone (rule
 *	  E12). refresh/recursion.c says how the state follows.
 *
 *	  The step is made linear as any query. The state's number is known only when
 *	  that is done, since what it reads comes first; until then the leaf has a
 *	  number that no state has.
 *
 *	  The rewriter has made SEARCH and CYCLE columns of the terms: records, and
 *	  arrays of them, which no table can hold. The state has a bytea of each
 *	  (util/stored_row.c): both terms end in pgtrickle.store_row() or
 *	  store_rows(), and whoever reads the state begins with their inverse.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "query/build.h"
#include "query/source_facts.h"
#include "util/fault.h"

/* beyond any number of states; recursions within a recursion count on from here */
#define UNKNOWN_ORDINAL 1000000

typedef struct SelfContext
{
	const char *name;
	RangeTblEntry *entry;		/* that reads the state */
	int			references;
	int			from;			/* leaves of this number */
	int			to;				/* become ones of that */
} SelfContext;

/* The reference of a step to its recursion becomes the state's leaf. */
static bool
self_walker(Node *node, void *arg)
{
	SelfContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, self_walker, arg, QTW_EXAMINE_RTES_AFTER);
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_CTE && rte->self_reference && strcmp(rte->ctename, context->name) == 0)
		{
			bool		from_clause = rte->inFromCl;

			memcpy(rte, copyObject(context->entry), sizeof(RangeTblEntry));
			rte->inFromCl = from_clause;
			context->references++;
		}
		return false;
	}
	return expression_tree_walker(node, self_walker, arg);
}

static bool
renumber_leaf_walker(Node *node, void *arg)
{
	SelfContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, renumber_leaf_walker, arg, QTW_EXAMINE_RTES_AFTER);
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (st_node_leaf_ordinal(rte) == context->from)
		{
			rte->ctename = pstrdup(st_node_leaf_name(context->to));
			context->references++;
		}
		return false;
	}
	return expression_tree_walker(node, renumber_leaf_walker, arg);
}

/* How often does it read the leaf of this number? */
static int
count_leaves(Query *query, int ordinal)
{
	SelfContext context = {.from = ordinal, .to = ordinal};

	(void) renumber_leaf_walker((Node *) query, &context);
	return context.references;
}

Query *
st_set_operation_arm(Query *query, Node *arm)
{
	if (IsA(arm, RangeTblRef))
		return copyObject(rt_fetch(((RangeTblRef *) arm)->rtindex, query->rtable)->subquery);
	query = copyObject(query);
	query->setOperations = copyObject(arm);
	return query;
}

/* ----- rows without a type of their own ----- */

/*
 * The depth is the first column of what SEARCH BREADTH FIRST numbers rows by:
 * SQL has no way to ask for it.
 */
static Node *
depth_mutator(Node *node, void *arg)
{
	FieldSelect *field = (FieldSelect *) node;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, FieldSelect) && IsA(field->arg, Var) && ((Var *) field->arg)->vartype == RECORDOID && field->fieldnum == 1 &&
		field->resulttype == INT8OID)
		return (Node *) st_call_own("row_depth", RECORDOID, INT8OID, field->arg);
	if (IsA(node, Query))
		return (Node *) query_tree_mutator((Query *) node, depth_mutator, arg, 0);
	return expression_tree_mutator(node, depth_mutator, arg);
}

/* The columns of which equal records are the same bytes once they are stored. */
static Bitmapset *
find_exact_records(StNode *node, CommonTableExpr *cte, BuildContext *context)
{
	Bitmapset  *result = NULL;

	for (int i = 0; i < list_length(cte->ctecoltypes); i++)
	{
		List	   *terms = list_make2(node->block, node->step);
		List	   *exprs = NIL;
		ListCell   *lc;

		if (!st_is_record(list_nth_oid(cte->ctecoltypes, i)))
			continue;
		foreach(lc, terms)
			exprs = lappend(exprs, list_nth_node(TargetEntry, lfirst_node(Query, lc)->targetList, i)->expr);
		if (st_records_are_exact(exprs, terms, cte->ctename, context))
			result = bms_add_member(result, i + 1);
	}
	return result;
}

/* A term of a recursion as it is stored. */
static Query *
store_records(Query *term)
{
	ListCell   *lc;

	if (!st_has_records(term))
		return term;
	if (term->setOperations || term->distinctClause || term->groupClause)
		return st_store_records(term);
	foreach(lc, term->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			tle->expr = st_store_record(tle->expr);
	}
	return term;
}

/* The term that recurses, with columns of the types that the other one has. */
static Query *
coerce_term(Query *term, CommonTableExpr *cte)
{
	bool		same = true;
	Query	   *result;
	ListCell   *lc;

	foreach(lc, term->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		same = same && (tle->resjunk || exprType((Node *) tle->expr) == list_nth_oid(cte->ctecoltypes, tle->resno - 1));
	}
	if (same)
		return term;
	result = st_make_query(list_make1(st_make_subquery_entry(term, "term", st_make_names(list_length(term->targetList)))), NULL, NIL);
	for (int i = 0; i < list_length(cte->ctecoltypes); i++)
		result->targetList = lappend(result->targetList,
									 makeTargetEntry(st_coerced_column(term, i, list_nth_oid(cte->ctecoltypes, i),
																	   list_nth_oid(cte->ctecolcollations, i)),
													 i + 1, psprintf("c%d", i + 1), false));
	return result;
}

/* Do equal rows look alike? Otherwise the query above can make different ones of them. */
static bool
rows_are_exact(Query *query)
{
	for (int i = 0; i < ExecCleanTargetListLength(query->targetList); i++)
		if (!st_column_is_exact(query, i))
			return false;
	return true;
}

/*
 * Of what UNION keeps one row of, a term may bring more: DISTINCT does nothing in
 * it, nor in a subquery whose rows, of which equal ones look alike (rule A3), become rows of the
 * term.
 */
static void
drop_distinct(Query *term)
{
	ListCell   *lc;

	check_stack_depth();
	if (term->hasDistinctOn || term->limitCount || term->limitOffset)
		return;
	if (term->setOperations)
	{
		SetOperationStmt *setop = castNode(SetOperationStmt, term->setOperations);

		if (setop->op != SETOP_UNION || !IsA(setop->larg, RangeTblRef) || !IsA(setop->rarg, RangeTblRef))
			return;
		setop->all = true;
	}
	else if (term->hasAggs || term->groupClause || term->groupingSets || term->havingQual || term->hasWindowFuncs)
		return;
	term->distinctClause = NIL;
	foreach(lc, term->rtable)
		if (lfirst_node(RangeTblEntry, lc)->rtekind == RTE_SUBQUERY &&
			(rows_are_exact(lfirst_node(RangeTblEntry, lc)->subquery) || ST_FAULT("A3 within")))
			drop_distinct(lfirst_node(RangeTblEntry, lc)->subquery);
}

/* A query of the state's columns, as the recursion has them. */
static Query *
read_state(StNode *node, CommonTableExpr *cte)
{
	List	   *targets = NIL;

	for (int i = 1; i <= node->nshown; i++)
	{
		Node	   *column = (Node *) list_nth_node(TargetEntry, node->block->targetList, i - 1)->expr;
		Expr	   *var = (Expr *) makeVar(1, i, exprType(column), exprTypmod(column), exprCollation(column), 0);
		Oid			type = list_nth_oid(cte->ctecoltypes, i - 1);

		targets = lappend(targets, makeTargetEntry(st_stored_record(var, type), i, psprintf("c%d", i), false));
	}
	return st_make_query(list_make1(st_make_leaf(node)), NULL, targets);
}

/* Is the state read where a change of it changes the step by as much, and can nothing else take rows away? */
static bool
check_joins(int njoins, int self, StNode *node, BuildContext *context)
{
	ListCell   *lc;

	for_each_from(lc, context->joins, njoins)
	{
		StJoin	   *join = lfirst(lc);

		if (join->kind == ST_JOIN_SLICE || join->kind == ST_JOIN_LEFT || join->kind == ST_JOIN_FULL || join->kind == ST_JOIN_ANTI)
			node->monotone = false;
		if (count_leaves(join->query, self) == 0 || join->kind == ST_JOIN_INNER)
			continue;
		if (join->kind == ST_JOIN_SLICE || join->kind == ST_JOIN_FULL || join->kind == ST_JOIN_CLOCK)
			return false;
		/* the first reference is the one that is preserved */
		if (count_leaves(st_make_query(list_make1(lsecond(join->flat->rtable)), NULL, NIL), self) > 0)
			return false;
	}
	return true;
}

Query *
st_recursion(CommonTableExpr *cte, int added, BuildContext *context)
{
	StNode	   *node = palloc0(sizeof(StNode));
	Query	   *query = castNode(Query, copyObject(cte->ctequery));
	SetOperationStmt *setop = (SetOperationStmt *) query->setOperations;
	int			self = UNKNOWN_ORDINAL + context->depth;
	SelfContext selves = {.name = cte->ctename};
	SelfContext numbers = {.from = self};
	int			nnodes;
	int			njoins;
	ListCell   *lc;

	check_stack_depth();
	if (!IsA(setop, SetOperationStmt) || setop->op != SETOP_UNION || st_is_correlated(query))
		return st_decline(context, "this form of WITH RECURSIVE has no delta rule yet");
	if (!st_inline_ctes(query, NULL, context))
		return NULL;
	node->all = setop->all;
	node->monotone = true;
	if (cte->search_clause && cte->search_clause->search_breadth_first)
		query = castNode(Query, depth_mutator((Node *) query, NULL));
	setop = castNode(SetOperationStmt, query->setOperations);
	node->block = st_set_operation_arm(query, setop->larg);
	node->step = coerce_term(st_set_operation_arm(query, setop->rarg), cte);
	if (!node->all)
		drop_distinct(node->step);
	node->exact_records = find_exact_records(node, cte, context);
	node->step = store_records(node->step);
	node->block = st_linearize(store_records(node->block), context);
	if (node->block == NULL)
		return NULL;
	/* columns have the types that the set operation gives them */
	node->nshown = node->narguments = list_length(node->block->targetList);
	node->ordinal = self;
	for (int i = 0; i < node->nshown; i++)
	{
		Node	   *column = (Node *) list_nth_node(TargetEntry, node->block->targetList, i)->expr;

		if (exprType(column) != (st_is_record(list_nth_oid(cte->ctecoltypes, i)) ? BYTEAOID : list_nth_oid(cte->ctecoltypes, i)) ||
			get_typtype(exprType(column)) == TYPTYPE_PSEUDO)
			return st_decline(context, "a column of WITH RECURSIVE has no type that a table can hold");

		/*
		 * the rows that SEARCH and CYCLE add are of columns that are looked
		 * at here
		 */
		if (!node->all && i < node->nshown - added - (cte->search_clause ? 1 : 0) - (cte->cycle_clause ? 2 : 0) &&
			st_is_record(list_nth_oid(cte->ctecoltypes, i)) && !bms_is_member(i + 1, node->exact_records))
			return st_decline(context, "UNION of a recursion over rows whose equal values can look different has no delta rule");
		if (!node->all && (!st_column_is_exact(node->block, i) ||
						   !st_type_is_exact(exprType(column), list_nth_int(cte->ctecoltypmods, i), exprCollation(column))))
			node->inexact_rows = true;
	}

	/* where the step begins to add states and joins, which are its own */
	njoins = list_length(context->joins);
	nnodes = list_length(context->nodes);
	selves.entry = list_member_oid(cte->ctecoltypes, RECORDOID) || list_member_oid(cte->ctecoltypes, RECORDARRAYOID) ?
		st_make_subquery_entry(read_state(node, cte), cte->ctename, copyObject(cte->ctecolnames)) : st_make_leaf(node);
	(void) self_walker((Node *) node->step, &selves);
	if (selves.references != 1)
		return st_decline(context, "this form of WITH RECURSIVE has no delta rule yet");
	node->step = st_linearize(node->step, context);
	if (node->step == NULL)
		return NULL;
	for_each_from(lc, context->nodes, nnodes)
		if (count_leaves(((StNode *) lfirst(lc))->block, self) > 0)
			return st_decline(context, "a recursive term that groups its rows has no delta rule yet");
	if (!check_joins(njoins, self, node, context))
		return st_decline(context, "this form of WITH RECURSIVE has no delta rule yet");

	node->ordinal = numbers.to = list_length(context->nodes);
	(void) renumber_leaf_walker((Node *) node->step, &numbers);
	for_each_from(lc, context->joins, njoins)
	{
		StJoin	   *join = lfirst(lc);

		(void) renumber_leaf_walker((Node *) join->query, &numbers);
		if (join->flat && join->flat != join->query)
			(void) renumber_leaf_walker((Node *) join->flat, &numbers);
	}
	context->nodes = lappend(context->nodes, node);

	return read_state(node, cte);
}

/* ----- indexes ----- */

Bitmapset *
st_tree_joined_columns(StTree *tree, int ordinal)
{
	Bitmapset  *columns = NULL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, tree->joins)
	{
		Query	   *flat = ((StJoin *) lfirst(lc))->flat;

		foreach(lc2, flat ? make_ands_implicit((Expr *) flat->jointree->quals) : NIL)
		{
			OpExpr	   *condition = lfirst(lc2);
			ListCell   *lc3;

			if (!IsA(condition, OpExpr) || list_length(condition->args) != 2 ||
				!op_mergejoinable(condition->opno, exprType(linitial(condition->args))))
				continue;
			foreach(lc3, condition->args)
			{
				Var		   *var = lfirst(lc3);

				if (IsA(var, Var) && var->varlevelsup == 0 && st_type_is_small_key(var->vartype) &&
					st_node_leaf_ordinal(rt_fetch(var->varno, flat->rtable)) == ordinal)
					columns = bms_add_member(columns, var->varattno);
			}
		}
	}
	return columns;
}
