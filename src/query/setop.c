/*-------------------------------------------------------------------------
 *
 * setop.c
 *	  UNION, INTERSECT and EXCEPT as blocks and states.
 *
 * NOTES
 *	  UNION ALL is linear, UNION is DISTINCT over it. INTERSECT and EXCEPT are a
 *	  state as well: the rows of both arms, behind one another, grouped by all
 *	  columns, with how many came from the left and from the right, l and r. A
 *	  row is shown
 *
 *		INTERSECT		if l > 0 and r > 0
 *		EXCEPT			if l > 0 and r = 0
 *		INTERSECT ALL	least(l, r) times
 *		EXCEPT ALL		l - r times
 *
 *	  which the block above the state says, so that its delta is that of any
 *	  filter over a state. A set operation within another is a query of its own.
 *
 *	  Of equal rows with different images the state shows one that an arm has
 *	  (rule A3). Either arm's will do for INTERSECT, and where EXCEPT shows a row
 *	  the right arm has none. The state of EXCEPT ALL shows one of the left arm.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"

#include "query/build.h"
#include "util/fault.h"

/* Number of the leftmost arm of a set operation. */
static int
leftmost_arm(Node *node)
{
	while (IsA(node, SetOperationStmt))
		node = ((SetOperationStmt *) node)->larg;
	return castNode(RangeTblRef, node)->rtindex;
}

/* A set operation over all entries of "rtable", which are its arms. */
static Query *
make_set_operation(List *rtable, Node *setop, List *targets)
{
	Query	   *query = st_make_query(rtable, NULL, targets);

	query->jointree = makeFromExpr(NIL, NULL);
	query->setOperations = setop;
	return query;
}

/* A set operation within another becomes a subquery, of which it is the whole. */
static RangeTblRef *
nest_set_operation(Query *query, SetOperationStmt *setop)
{
	RangeTblEntry *arm = rt_fetch(leftmost_arm((Node *) setop), query->rtable);
	Query	   *nested;
	List	   *targets = NIL;
	ListCell   *type;
	ListCell   *typmod;
	ListCell   *collation;
	AttrNumber	column = 0;

	forthree(type, setop->colTypes, typmod, setop->colTypmods, collation, setop->colCollations)
	{
		Var		   *var = makeVar(leftmost_arm((Node *) setop), column + 1, lfirst_oid(type),
								  lfirst_int(typmod), lfirst_oid(collation), 0);

		targets = lappend(targets,
						  makeTargetEntry((Expr *) var, column + 1,
										  pstrdup(list_nth_node(TargetEntry, arm->subquery->targetList, column)->resname),
										  false));
		column++;
	}
	nested = make_set_operation(copyObject(query->rtable), (Node *) setop, targets);
	query->rtable = lappend(query->rtable, st_make_subquery_entry(nested, "u", NIL));
	return (RangeTblRef *) st_make_reference(list_length(query->rtable));
}

/*
 * Turn a tree of set operations into one of UNION ALL. Below a UNION
 * duplicates do not count, so its arms are UNION ALL as well; a UNION below a
 * UNION ALL is a query of its own, and so is INTERSECT or EXCEPT anywhere.
 */
static void
flatten_union(Query *query, Node **place, bool distinct_above)
{
	SetOperationStmt *setop;

	check_stack_depth();
	if (IsA(*place, RangeTblRef))
		return;
	setop = castNode(SetOperationStmt, *place);
	if (setop->op != SETOP_UNION || (!setop->all && !distinct_above))
	{
		*place = (Node *) nest_set_operation(query, setop);
		return;
	}
	setop->all = true;
	setop->groupClauses = NIL;
	flatten_union(query, &setop->larg, distinct_above);
	flatten_union(query, &setop->rarg, distinct_above);
}

/* Only the arms that are still referred to, numbered anew. */
static void
keep_arms(Query *query, Node *node, List **rtable)
{
	RangeTblRef *ref;

	check_stack_depth();
	if (IsA(node, SetOperationStmt))
	{
		keep_arms(query, ((SetOperationStmt *) node)->larg, rtable);
		keep_arms(query, ((SetOperationStmt *) node)->rarg, rtable);
		return;
	}
	ref = castNode(RangeTblRef, node);
	*rtable = lappend(*rtable, rt_fetch(ref->rtindex, query->rtable));
	ref->rtindex = list_length(*rtable);
}

/* ----- INTERSECT and EXCEPT ----- */

Expr *
st_coerced_column(Query *arm, int column, Oid type, Oid collation)
{
	TargetEntry *tle = list_nth_node(TargetEntry, arm->targetList, column);
	Node	   *expr = (Node *) makeVar(1, column + 1, exprType((Node *) tle->expr),
										exprTypmod((Node *) tle->expr), exprCollation((Node *) tle->expr), 0);

	if (exprType(expr) != type)
		expr = coerce_to_common_type(NULL, expr, type, "set operation");
	if (OidIsValid(collation) && exprCollation(expr) != collation)
	{
		CollateExpr *collate = makeNode(CollateExpr);

		collate->arg = (Expr *) expr;
		collate->collOid = collation;
		collate->location = -1;
		expr = (Node *) collate;
	}
	return (Expr *) expr;
}

/* One arm's columns, and two that say whose they are: true for its own, else NULL. */
static Query *
tag_arm(Query *arm, SetOperationStmt *setop, bool left)
{
	List	   *targets = NIL;
	ListCell   *type;
	ListCell   *collation;
	Query	   *result;

	forboth(type, setop->colTypes, collation, setop->colCollations)
		targets = lappend(targets,
						  makeTargetEntry(st_store_record(st_coerced_column(arm, list_length(targets), lfirst_oid(type),
																			lfirst_oid(collation))),
										  list_length(targets) + 1,
										  psprintf("k%d", list_length(targets) + 1), false));
	for (int side = 1; side <= 2; side++)
		targets = lappend(targets,
						  makeTargetEntry((Expr *) makeBoolConst(true, left != (side == 1)),
										  list_length(targets) + 1, psprintf("a%d", side), false));
	result = st_make_query(list_make1(st_make_subquery_entry(arm, "a", NIL)), NULL, targets);
	st_replace_aliases(result);
	return result;
}

/* count(a<side>) over the tagged arms */
static StAggregate *
count_side(int nkeys, int side)
{
	StAggregate *aggregate = palloc0(sizeof(StAggregate));
	Aggref	   *aggref = makeNode(Aggref);
	Var		   *argument = makeVar(1, nkeys + side, BOOLOID, -1, InvalidOid, 0);

	aggref->aggfnoid = F_COUNT_ANY;
	aggref->aggtype = INT8OID;
	aggref->aggargtypes = list_make1_oid(BOOLOID);
	aggref->args = list_make1(makeTargetEntry((Expr *) argument, 1, NULL, false));
	aggref->aggkind = AGGKIND_NORMAL;
	aggref->aggsplit = AGGSPLIT_SIMPLE;
	aggref->aggno = -1;
	aggref->aggtransno = -1;
	aggref->location = -1;
	aggregate->strategy = ST_AGGREGATE_COUNT;
	aggregate->aggref = aggref;
	aggregate->result = (Node *) aggref;
	aggregate->argument = side;
	return aggregate;
}

static Expr *
int8_constant(int64 value)
{
	return (Expr *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(value), false,
							  FLOAT8PASSBYVAL);
}

/* 0 < count */
static Expr *
is_positive(Var *count)
{
	OpExpr	   *result = (OpExpr *) make_opclause(Int8LessOperator, BOOLOID, false, int8_constant(0),
												  (Expr *) copyObject(count), InvalidOid, InvalidOid);

	result->opfuncid = F_INT8LT;
	return (Expr *) result;
}

/* generate_series(1, how often the row is shown) */
static Expr *
repeat(SetOperation op, Var *left, Var *right)
{
	Expr	   *times;
	FuncExpr   *series;

	if (op == SETOP_INTERSECT)
	{
		MinMaxExpr *least = makeNode(MinMaxExpr);

		least->minmaxtype = INT8OID;
		least->op = IS_LEAST;
		least->args = list_make2(copyObject(left), copyObject(right));
		least->location = -1;
		times = (Expr *) least;
	}
	else
		times = (Expr *) makeFuncExpr(F_INT8MI, INT8OID, list_make2(copyObject(left), copyObject(right)),
									  InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
	series = makeFuncExpr(F_GENERATE_SERIES_INT8_INT8, INT8OID, list_make2(int8_constant(1), times),
						  InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
	series->funcretset = true;
	return (Expr *) series;
}

/* The leaf's first columns, under the names of the query's result. */
static List *
key_targets(Query *query, RangeTblEntry *leaf)
{
	List	   *targets = NIL;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		int			column = tle->resno - 1;

		if (!tle->resjunk)
			targets = lappend(targets,
							  makeTargetEntry((Expr *) makeVar(1, tle->resno,
															   list_nth_oid(leaf->coltypes, column),
															   list_nth_int(leaf->coltypmods, column),
															   list_nth_oid(leaf->colcollations, column), 0),
											  tle->resno, tle->resname, false));
	}
	return targets;
}

/* What the set operation shows of its state. */
static Query *
show_counted(Query *query, SetOperationStmt *setop, StNode *node)
{
	RangeTblEntry *leaf = st_make_leaf(node);
	List	   *targets = key_targets(query, leaf);
	Var		   *left = makeVar(1, node->nkeys + 1, INT8OID, -1, InvalidOid, 0);
	Var		   *right = makeVar(1, node->nkeys + 2, INT8OID, -1, InvalidOid, 0);
	List	   *quals = list_make1(is_positive(left));
	Query	   *result;

	if (setop->op == SETOP_INTERSECT)
		quals = lappend(quals, is_positive(right));
	else if (!setop->all)
		quals = lappend(quals, makeBoolExpr(NOT_EXPR, list_make1(is_positive(right)), -1));
	if (!setop->all)
		return st_make_query(list_make1(leaf), (Node *) make_ands_explicit(quals), targets);
	result = st_make_query(list_make1(leaf), (Node *) make_ands_explicit(quals),
						   lappend(copyObject(targets),
								   makeTargetEntry(repeat(setop->op, left, right),
												   list_length(targets) + 1, "n", false)));
	result = st_make_query(list_make1(st_make_subquery_entry(result, "a", NIL)), NULL, targets);
	st_replace_aliases(result);
	return result;
}

/*
 * The arms have columns instead of the rows that all of them make, of which the
 * result makes the rows (record.c). Returns what it shows; NIL: declined.
 */
static List *
split_arms(Query *query, SetOperationStmt *setop, List *arms, BuildContext *context)
{
	Query	   *whole;
	List	   *entries = NIL;
	List	   *result;
	ListCell   *lc;

	foreach(lc, arms)
		entries = lappend(entries, st_make_subquery_entry(lfirst_node(Query, lc), "a", NIL));
	setop->larg = st_make_reference(1);
	setop->rarg = st_make_reference(2);
	whole = make_set_operation(entries, (Node *) setop, query->targetList);
	foreach(lc, whole->targetList)
		((Var *) lfirst_node(TargetEntry, lc)->expr)->varno = 1;
	result = st_split_rows(whole);
	query->targetList = whole->targetList;
	foreach(lc, whole->targetList)
	{
		Expr	   *column = lfirst_node(TargetEntry, lc)->expr;

		if (st_is_record(exprType((Node *) column)) && !st_records_are_exact(list_make1(column), list_make1(whole), NULL, context))
			return st_decline(context, "a grouping key has no type that a table can hold");
	}
	return result;
}

/* INTERSECT or EXCEPT of two arms. */
static Query *
count_arms(Query *query, BuildContext *context)
{
	SetOperationStmt *setop = castNode(SetOperationStmt, query->setOperations);
	Node	   *places[] = {setop->larg, setop->rarg};
	StNode	   *node = palloc0(sizeof(StNode));
	List	   *arms = NIL;
	List	   *tagged = NIL;
	List	   *rows = NIL;
	Query	   *result;
	ListCell   *lc;

	for (int side = 0; side < 2; side++)
	{
		RangeTblRef *ref = IsA(places[side], RangeTblRef) ? (RangeTblRef *) places[side] :
			nest_set_operation(query, castNode(SetOperationStmt, places[side]));
		Query	   *arm = st_linearize(rt_fetch(ref->rtindex, query->rtable)->subquery, context);

		if (arm == NULL)
			return NULL;
		arms = lappend(arms, arm);
	}
	if (st_has_records(query))
	{
		rows = split_arms(query, setop, arms, context);
		if (rows == NIL)
			return NULL;
	}
	foreach(lc, arms)
		tagged = lappend(tagged, tag_arm(lfirst_node(Query, lc), setop, lc == list_head(arms)));
	node->block = st_union_all(tagged);
	node->nkeys = list_length(setop->colTypes);
	node->narguments = 2;
	node->aggregates = list_make2(count_side(node->nkeys, 1), count_side(node->nkeys, 2));
	node->shown_by_first = setop->op == SETOP_EXCEPT && setop->all && !ST_FAULT("A3 left");
	if (!st_finish_node(node, context))
		return NULL;
	result = show_counted(query, setop, node);
	if (rows == NIL)
		return result;
	result = st_make_query(list_make1(st_make_subquery_entry(result, "a", NIL)), NULL, rows);
	st_replace_aliases(result);
	return result;
}

/* ----- all of them ----- */

/* The modifier that a column has in all queries, or -1. */
static int32
common_typmod(List *queries, int column)
{
	int32		result = -1;
	ListCell   *lc;

	foreach(lc, queries)
	{
		Query	   *query = lfirst_node(Query, lc);
		int32		typmod = exprTypmod((Node *) list_nth_node(TargetEntry, query->targetList, column)->expr);

		if (lc != list_head(queries) && typmod != result)
			return -1;
		result = typmod;
	}
	return result;
}

Query *
st_union_all(List *queries)
{
	Query	   *first = linitial_node(Query, queries);
	SetOperationStmt *columns = makeNode(SetOperationStmt);
	List	   *targets = NIL;
	List	   *arms = NIL;
	Node	   *tree = NULL;
	Query	   *result;
	ListCell   *lc;

	if (list_length(queries) == 1)
		return first;
	foreach(lc, first->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) tle->expr;
		int32		typmod;

		if (tle->resjunk)
			continue;
		typmod = common_typmod(queries, tle->resno - 1);
		columns->colTypes = lappend_oid(columns->colTypes, exprType(expr));
		columns->colTypmods = lappend_int(columns->colTypmods, typmod);
		columns->colCollations = lappend_oid(columns->colCollations, exprCollation(expr));
		targets = lappend(targets,
						  makeTargetEntry((Expr *) makeVar(1, tle->resno, exprType(expr), typmod,
														   exprCollation(expr), 0),
										  tle->resno, tle->resname, false));
	}
	foreach(lc, queries)
	{
		Node	   *arm;

		arms = lappend(arms, st_make_subquery_entry(lfirst_node(Query, lc), "a", NIL));
		arm = st_make_reference(list_length(arms));
		if (tree)
		{
			SetOperationStmt *setop = copyObject(columns);

			setop->op = SETOP_UNION;
			setop->all = true;
			setop->larg = tree;
			setop->rarg = arm;
			tree = (Node *) setop;
		}
		else
			tree = arm;
	}
	result = make_set_operation(arms, tree, targets);
	st_replace_aliases(result);
	return result;
}

Query *
st_linearize_set_operation(Query *query, BuildContext *context)
{
	SetOperationStmt *top = castNode(SetOperationStmt, query->setOperations);
	bool		is_distinct = top->op == SETOP_UNION && !top->all;
	List	   *arms = NIL;
	ListCell   *lc;

	if (top->op != SETOP_UNION)
		return count_arms(query, context);
	flatten_union(query, &query->setOperations, is_distinct);
	keep_arms(query, query->setOperations, &arms);
	query->rtable = arms;

	/*
	 * the result's columns are those of the leftmost arm, which is now the
	 * first
	 */
	foreach(lc, query->targetList)
		((Var *) lfirst_node(TargetEntry, lc)->expr)->varno = 1;
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind != RTE_SUBQUERY)
			return st_decline(context, "this set operation has no delta rule yet");
		rte->subquery = st_linearize(rte->subquery, context);
		if (rte->subquery == NULL)
			return NULL;
	}
	query->sortClause = NIL;
	st_replace_aliases(query);
	return is_distinct ? st_distinct(query, context) : query;
}
