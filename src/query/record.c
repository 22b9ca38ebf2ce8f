/*-------------------------------------------------------------------------
 *
 * record.c
 *	  Rows without a type of their own, where a state has to hold them.
 *
 * NOTES
 *	  What a state holds of a record is a bytea of its columns and values. As a
 *	  key it says the same as the record if equal records have equal bytes: if
 *	  all that the column can have are made of columns of the same types and
 *	  names, and equal values of each of these types have one image (rule A3).
 *	  That is found out from where the records are made.
 *
 *	  Where the row is made by the query that groups, no record is needed as a
 *	  key: rows are equal where all their columns are, NULLs too, so these are
 *	  the keys, and equal values of them may look different as those of any key.
 *	  Out of set operations and DISTINCT come the columns, of which the row is made
 *	  above. DISTINCT ON, windows and ORDER BY with LIMIT go by the columns of a
 *	  row as well: it is less than another if the first column that differs is,
 *	  where NULL is the greatest. Where there may be no row, as on the side of an
 *	  outer join that may be NULL, whether there is one comes before the columns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_func.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "query/build.h"
#include "query/domain.h"
#include "query/source_facts.h"
#include "util/fault.h"

bool
st_is_record(Oid type)
{
	return type == RECORDOID || type == RECORDARRAYOID;
}

Expr *
st_call_own(const char *name, Oid argument_type, Oid type, Expr *argument)
{
	Oid			function = LookupFuncName(list_make2(makeString("pgtrickle"), makeString(pstrdup(name))), 1, &argument_type, false);

	return (Expr *) makeFuncExpr(function, type, list_make1(argument), InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

/* One of those that store records or read them. */
static bool
is_own_row_function(FuncExpr *function)
{
	Oid			type = list_length(function->args) == 1 ? exprType(linitial(function->args)) : InvalidOid;

	if (function->funcresulttype == BYTEAOID ? !st_is_record(type) : !st_is_record(function->funcresulttype) || type != BYTEAOID)
		return false;
	return get_func_namespace(function->funcid) == get_namespace_oid("pgtrickle", false);
}

Expr *
st_store_record(Expr *column)
{
	Oid			type = exprType((Node *) column);

	return st_is_record(type) ? st_call_own(type == RECORDOID ? "store_row" : "store_rows", type, BYTEAOID, column) : column;
}

Expr *
st_stored_record(Expr *column, Oid type)
{
	return st_is_record(type) ? st_call_own(type == RECORDOID ? "stored_row" : "stored_rows", BYTEAOID, type, column) : column;
}

/* ----- records as keys ----- */

typedef struct TraceContext
{
	BuildContext *build;
	const char *self;			/* the recursion whose terms are looked at, or
								 * NULL */
	RowExpr    *shape;			/* a row that was found: others have its
								 * columns */
} TraceContext;

static bool traces_to_rows(TraceContext *context, Node *expr, Query *query);

static bool
are_rows(TraceContext *context, List *exprs, Query *query)
{
	ListCell   *lc;

	foreach(lc, exprs)
		if (!traces_to_rows(context, lfirst(lc), query))
			return false;
	return true;
}

static bool
are_alike(RowExpr *a, RowExpr *b)
{
	ListCell   *lc;
	ListCell   *other;

	if (list_length(a->args) != list_length(b->args) || !equal(a->colnames, b->colnames))
		return false;
	forboth(lc, a->args, other, b->args)
		if (exprType(lfirst(lc)) != exprType(lfirst(other)) || exprTypmod(lfirst(lc)) != exprTypmod(lfirst(other)) ||
			exprCollation(lfirst(lc)) != exprCollation(lfirst(other)))
			return false;
	return true;
}

/* Has a row the columns of the one before, all of exact types? */
static bool
fits_shape(TraceContext *context, RowExpr *row, List *rtable)
{
	ListCell   *lc;

	if (row->row_typeid != RECORDOID)
		return false;
	foreach(lc, row->args)
		if (!st_key_is_exact(lfirst(lc), rtable) && !ST_FAULT("A3 record"))
			return false;
	if (context->shape == NULL)
		context->shape = row;
	return are_alike(row, context->shape);
}

/* A column of a query's result. */
static bool
result_traces_to_rows(TraceContext *context, Query *query, AttrNumber column)
{
	ListCell   *lc;

	if (query == NULL)
		return false;
	if (query->setOperations == NULL)
		return traces_to_rows(context, (Node *) list_nth_node(TargetEntry, query->targetList, column - 1)->expr, query);
	foreach(lc, query->rtable)
		if (!result_traces_to_rows(context, lfirst_node(RangeTblEntry, lc)->subquery, column))
			return false;
	return true;
}

/* The value of a state's aggregate, which is over the columns of its block. */
static bool
aggregate_traces_to_rows(TraceContext *context, StNode *node, int number)
{
	Query	   *over = st_make_query(list_make1(st_make_subquery_entry(node->block, "b", NIL)), NULL, NIL);

	return traces_to_rows(context, ((StAggregate *) list_nth(node->aggregates, number))->result, over);
}

/* Does an aggregate return rows as it takes them? */
static bool
collects_rows(const Aggref *aggref)
{
	const char *name = get_func_name(aggref->aggfnoid);

	return get_func_namespace(aggref->aggfnoid) == PG_CATALOG_NAMESPACE && list_length(aggref->aggargtypes) == 1 &&
		(strcmp(name, "array_agg") == 0 || strcmp(name, "min") == 0 || strcmp(name, "max") == 0);
}

static bool
column_traces_to_rows(TraceContext *context, Var *var, Query *query)
{
	RangeTblEntry *rte = rt_fetch(var->varno, query->rtable);
	StJoin	   *join = st_find_join(context->build, rte);
	int			ordinal = st_node_leaf_ordinal(rte);

	if (var->varlevelsup > 0 || var->varattno <= 0)
		return false;
	/* a set operation names the columns of its first arm */
	if (query->setOperations)
		return result_traces_to_rows(context, query, var->varattno);
	if (rte->rtekind == RTE_CTE && rte->self_reference && context->self && strcmp(rte->ctename, context->self) == 0)
		return true;
	if (ordinal >= 0)
	{
		StNode	   *node = ordinal < list_length(context->build->nodes) ? list_nth(context->build->nodes, ordinal) : NULL;

		if (node == NULL)
			return false;
		if (var->varattno > node->nkeys && var->varattno <= node->nkeys + list_length(node->aggregates))
			return aggregate_traces_to_rows(context, node, var->varattno - node->nkeys - 1);
		if (var->varattno > node->nkeys + node->nshown)
			return false;
		if (node->step)
			return bms_is_member(var->varattno, node->exact_records);
		return result_traces_to_rows(context, node->block, var->varattno);
	}
	return result_traces_to_rows(context, join ? (join->flat ? join->flat : join->query) : rte->subquery, var->varattno);
}

static bool
is_empty_array(const Const *constant)
{
	return constant->consttype == RECORDARRAYOID && ARR_NDIM(DatumGetArrayTypeP(constant->constvalue)) == 0;
}

/* Is it a record, an array of them or a stored form of either, of one shape? */
static bool
traces_to_rows(TraceContext *context, Node *expr, Query *query)
{
	check_stack_depth();
	switch (nodeTag(expr))
	{
		case T_Var:
			return column_traces_to_rows(context, (Var *) expr, query);
		case T_Const:
			return ((Const *) expr)->constisnull || is_empty_array((Const *) expr);
		case T_Aggref:
			return collects_rows((Aggref *) expr) &&
				traces_to_rows(context, (Node *) linitial_node(TargetEntry, ((Aggref *) expr)->args)->expr, query);
		case T_RowExpr:
			return fits_shape(context, (RowExpr *) expr, query->rtable);
		case T_ArrayExpr:
			return are_rows(context, ((ArrayExpr *) expr)->elements, query);
		case T_CoalesceExpr:
			return are_rows(context, ((CoalesceExpr *) expr)->args, query);
		case T_OpExpr:
			return (((OpExpr *) expr)->opfuncid == F_ARRAY_CAT || ((OpExpr *) expr)->opfuncid == F_ARRAY_APPEND ||
					((OpExpr *) expr)->opfuncid == F_ARRAY_PREPEND) && are_rows(context, ((OpExpr *) expr)->args, query);
		case T_FuncExpr:
			return (((FuncExpr *) expr)->funcid == F_ARRAY_CAT || ((FuncExpr *) expr)->funcid == F_ARRAY_APPEND ||
					((FuncExpr *) expr)->funcid == F_ARRAY_PREPEND || is_own_row_function((FuncExpr *) expr)) &&
				are_rows(context, ((FuncExpr *) expr)->args, query);
		case T_CaseExpr:
			{
				ListCell   *lc;

				foreach(lc, ((CaseExpr *) expr)->args)
					if (!traces_to_rows(context, (Node *) lfirst_node(CaseWhen, lc)->result, query))
						return false;
				return ((CaseExpr *) expr)->defresult == NULL ||
					traces_to_rows(context, (Node *) ((CaseExpr *) expr)->defresult, query);
			}
		default:
			return false;
	}
}

bool
st_records_are_exact(List *exprs, List *queries, const char *self, BuildContext *build)
{
	TraceContext context = {.build = build, .self = self};
	ListCell   *expr;
	ListCell   *query;

	forboth(expr, exprs, query, queries)
		if (!traces_to_rows(&context, lfirst(expr), lfirst_node(Query, query)))
			return false;
	return true;
}

/* ----- the columns of rows as keys ----- */

/* Is it a row of columns that can be keys themselves? */
static bool
is_split(Node *expr)
{
	ListCell   *lc;

	if (!IsA(expr, RowExpr) || ((RowExpr *) expr)->row_typeid != RECORDOID || ((RowExpr *) expr)->args == NIL)
		return false;
	foreach(lc, ((RowExpr *) expr)->args)
		if (!st_is_key_type(exprType(lfirst(lc))))
			return false;
	return true;
}

List *
st_row_keys(Expr *key)
{
	return is_split((Node *) key) ? copyObject(((RowExpr *) key)->args) : list_make1(key);
}

/* A row that can as well be made above the query whose column it is. */
static bool
is_hoisted(TargetEntry *target)
{
	return !target->resjunk && target->ressortgroupref == 0 && is_split((Node *) target->expr) &&
		!expression_returns_set((Node *) target->expr);
}

/* The first arm of a query's set operation, which its columns refer to: before 16 a view has other entries before. */
static int
first_arm(Query *query)
{
	int			varno = 1;

	while (rt_fetch(varno, query->rtable)->rtekind != RTE_SUBQUERY)
		varno++;
	return varno;
}

/*
 * The row that a column of a query is in all that the query puts together, or
 * NULL. "alone": nothing in the query is going to name its columns.
 */
static RowExpr *
row_of_column(Query *query, int column, bool alone)
{
	RowExpr    *result = NULL;
	ListCell   *lc;

	check_stack_depth();
	if (query->setOperations == NULL)
	{
		TargetEntry *target = list_nth_node(TargetEntry, query->targetList, column);

		return is_hoisted(target) || (alone && is_split((Node *) target->expr)) ? (RowExpr *) target->expr : NULL;
	}
	if (!alone && (query->sortClause || query->limitCount || query->limitOffset))
		return NULL;
	for_each_from(lc, query->rtable, first_arm(query) - 1)
	{
		RowExpr    *row = row_of_column(lfirst_node(RangeTblEntry, lc)->subquery, column, alone);

		if (row == NULL || (result && !are_alike(row, result)))
			return NULL;
		result = result ? result : row;
	}
	return result;
}

/* For each column of a query, the row that it is, or NULL. NIL: there is none. */
static List *
rows_of_columns(Query *query, bool alone)
{
	List	   *rows = NIL;
	bool		any = false;

	for (int i = 0; i < ExecCleanTargetListLength(query->targetList); i++)
	{
		rows = lappend(rows, row_of_column(query, i, alone));
		any |= llast(rows) != NULL;
	}
	return any ? rows : NIL;
}

/* Is it "CASE WHEN condition THEN ROW(..) END"? Then the condition, otherwise NULL. */
static Expr *
condition_of_row(Node *expr)
{
	CaseExpr   *choice = (CaseExpr *) expr;
	CaseWhen   *when;

	if (!IsA(expr, CaseExpr) || choice->arg || list_length(choice->args) != 1 ||
		(choice->defresult && !(IsA(choice->defresult, Const) && ((Const *) choice->defresult)->constisnull)))
		return NULL;
	when = linitial_node(CaseWhen, choice->args);
	return is_split((Node *) when->result) && !checkExprHasSubLink((Node *) when->expr) ? when->expr : NULL;
}

/* "CASE WHEN condition THEN value END" */
static Node *
make_choice(Expr *condition, Node *value)
{
	CaseExpr   *choice = makeNode(CaseExpr);
	CaseWhen   *when = makeNode(CaseWhen);

	when->expr = copyObject(condition);
	when->result = (Expr *) copyObject(value);
	when->location = choice->location = -1;
	choice->casetype = exprType(value);
	choice->casecollid = exprCollation(value);
	choice->args = list_make1(when);
	choice->defresult = (Expr *) makeNullConst(choice->casetype, exprTypmod(value), choice->casecollid);
	return (Node *) choice;
}

/*
 * The columns that take the place of rows: the first of each row the row's own,
 * the others come behind all.
 */
typedef struct Columns
{
	List	   *rows;			/* of each column, the row that it is, or NULL */
	bool		presence;		/* one more, which says that there is a row */
} Columns;

/* The fields of the rows that come behind all others, as expressions of the row's. */
static List *
fields_behind(List *rows)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, rows)
		if (lfirst(lc))
			result = list_concat(result, list_copy_tail(((RowExpr *) lfirst(lc))->args, 1));
	return result;
}

/* All columns of a query that shows them. */
static List *
columns_shown(Query *query, const Columns *columns)
{
	List	   *exprs = NIL;
	List	   *behind = NIL;
	ListCell   *lc;
	ListCell   *row;

	forboth(lc, query->targetList, row, columns->rows)
	{
		Expr	   *expr = lfirst_node(TargetEntry, lc)->expr;
		List	   *fields = NIL;

		if (lfirst(row))
			fields = query->setOperations ? ((RowExpr *) lfirst(row))->args : ((RowExpr *) expr)->args;
		exprs = lappend(exprs, lfirst(row) ? linitial(fields) : expr);
		behind = list_concat(behind, list_copy_tail(fields, 1));
	}
	exprs = list_concat(exprs, behind);
	return columns->presence ? lappend(exprs, makeBoolConst(true, false)) : exprs;
}

/* What set operations say of each column. */
static void
split_tree(Node *tree, List *exprs, const Columns *columns)
{
	SetOperationStmt *operation = (SetOperationStmt *) tree;
	ListCell   *lc;

	check_stack_depth();
	if (!IsA(tree, SetOperationStmt))
		return;
	split_tree(operation->larg, exprs, columns);
	split_tree(operation->rarg, exprs, columns);
	foreach(lc, exprs)
	{
		int			column = foreach_current_index(lc);
		Node	   *expr = lfirst(lc);

		if (column < list_length(columns->rows) && list_nth(columns->rows, column) == NULL)
			continue;
		if (column < list_length(columns->rows))
		{
			lfirst_oid(list_nth_cell(operation->colTypes, column)) = exprType(expr);
			lfirst_int(list_nth_cell(operation->colTypmods, column)) = exprTypmod(expr);
			lfirst_oid(list_nth_cell(operation->colCollations, column)) = exprCollation(expr);
			continue;
		}
		operation->colTypes = lappend_oid(operation->colTypes, exprType(expr));
		operation->colTypmods = lappend_int(operation->colTypmods, exprTypmod(expr));
		operation->colCollations = lappend_oid(operation->colCollations, exprCollation(expr));
	}
}

/* Instead of rows a query shows their columns. */
static void
split_columns(Query *query, const Columns *columns)
{
	int			nshown = list_length(columns->rows);
	List	   *exprs = columns_shown(query, columns);
	List	   *targets = NIL;
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, exprs)
	{
		int			position = foreach_current_index(lc) + 1;
		Expr	   *expr = copyObject(lfirst(lc));
		TargetEntry *target = position <= nshown ? list_nth_node(TargetEntry, query->targetList, position - 1) : NULL;

		if (query->setOperations)
			expr = (Expr *) makeVar(first_arm(query), position, exprType((Node *) expr), exprTypmod((Node *) expr),
									exprCollation((Node *) expr), 0);
		targets = lappend(targets, makeTargetEntry(expr, position, psprintf("c%d", position), false));
		if (target && list_nth(columns->rows, position - 1) == NULL)
			llast_node(TargetEntry, targets)->ressortgroupref = target->ressortgroupref;
	}
	/* those that only order come last */
	for_each_from(lc, query->targetList, nshown)
	{
		targets = lappend(targets, lfirst(lc));
		llast_node(TargetEntry, targets)->resno = list_length(targets);
	}
	for_each_from(lc, query->setOperations ? query->rtable : NIL, query->setOperations ? first_arm(query) - 1 : 0)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		split_columns(rte->subquery, columns);
		rte->alias = NULL;
		rte->eref->colnames = st_make_names(list_length(exprs));
	}
	query->targetList = targets;
	if (query->setOperations)
		split_tree(query->setOperations, exprs, columns);
}

/* The rows, of columns of the entry "varno" that shows these instead; where there is none, NULL. */
static List *
rows_of_entry(List *rows, int varno)
{
	int			behind = list_length(rows);
	List	   *result = NIL;
	ListCell   *lc;
	ListCell   *field;

	foreach(lc, rows)
	{
		RowExpr    *row = copyObject(lfirst(lc));

		foreach(field, row ? row->args : NIL)
		{
			Node	   *expr = lfirst(field);

			lfirst(field) = makeVar(varno, foreach_current_index(field) == 0 ? foreach_current_index(lc) + 1 : ++behind, exprType(expr),
									exprTypmod(expr), exprCollation(expr), 0);
		}
		result = lappend(result, row);
	}
	return result;
}

List *
st_split_rows(Query *query)
{
	Columns		columns = {.rows = rows_of_columns(query, true)};
	List	   *rows = rows_of_entry(columns.rows, 1);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Expr	   *column = rows ? list_nth(rows, foreach_current_index(lc)) : NULL;
		Oid			type = exprType((Node *) tle->expr);

		if (column == NULL)
			column = st_stored_record((Expr *) makeVar(1, tle->resno, st_is_record(type) ? BYTEAOID : type, exprTypmod((Node *) tle->expr),
													   exprCollation((Node *) tle->expr), 0), type);
		result = lappend(result, makeTargetEntry(column, list_length(result) + 1, tle->resname, false));
	}
	if (rows)
		split_columns(query, &columns);
	return result;
}

/* ----- the columns of rows as an order ----- */

/* The entry of a query that is a column of a row, which may be there already. */
static TargetEntry *
field_entry(Query *query, Node *field)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
		if (equal(lfirst_node(TargetEntry, lc)->expr, field))
			return lfirst_node(TargetEntry, lc);
	query->targetList = lappend(query->targetList, makeTargetEntry((Expr *) copyObject(field), list_length(query->targetList) + 1, NULL, true));
	return llast_node(TargetEntry, query->targetList);
}

/* Can be taken apart to order or partition by? */
static bool
is_ordered_by_columns(Node *expr)
{
	return is_split(expr) || condition_of_row(expr);
}

/* "result" ends with a clause by this column, like "clause", unless it is there. */
static List *
add_part(Query *query, List *result, Node *column, bool reversed, bool nulls_first)
{
	TargetEntry *target = field_entry(query, column);
	SortGroupClause *part = st_make_group_clause(target, query->targetList);

	if (get_sortgroupref_clause_noerr(part->tleSortGroupRef, result))
		return result;
	if (reversed)
		part->sortop = lookup_type_cache(exprType(column), TYPECACHE_GT_OPR)->gt_opr;
	part->nulls_first = nulls_first;
	return lappend(result, part);
}

/* Where there may be no row the first part is whether there is; the columns are NULL then. */
static List *
split_clause(Query *query, List *result, const SortGroupClause *clause, Node *row, bool reversed)
{
	Expr	   *condition = condition_of_row(row);
	ListCell   *field;

	if (condition)
	{
		BooleanTest *test = makeNode(BooleanTest);

		test->arg = copyObject(condition);
		test->booltesttype = IS_TRUE;
		test->location = -1;
		result = add_part(query, result, (Node *) test, clause->nulls_first == ST_FAULT("A5 no row"), false);
		row = (Node *) linitial_node(CaseWhen, ((CaseExpr *) row)->args)->result;
	}
	foreach(field, ((RowExpr *) row)->args)
	{
		Node	   *column = lfirst(field);

		if (condition)
			column = make_choice(condition, column);
		/* NULL is greater than all else in a row, wherever the row stands */
		result = add_part(query, result, column, reversed, reversed != ST_FAULT("A5 row"));
	}
	return result;
}

static List *
split_clauses(Query *query, List *clauses)
{
	TypeCacheEntry *record = lookup_type_cache(RECORDOID, TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		Node	   *row = get_sortgroupclause_expr(clause, query->targetList);
		bool		reversed = clause->sortop == record->gt_opr;

		if (!is_ordered_by_columns(row) || (clause->sortop != record->lt_opr && !reversed) || expression_returns_set(row) ||
			contain_volatile_functions(row) || get_sortgroupref_clause_noerr(clause->tleSortGroupRef, query->groupClause))
			result = lappend(result, clause);
		else
			result = split_clause(query, result, clause, row, reversed);
	}
	return result;
}

static bool
is_named(Query *query, Index reference)
{
	ListCell   *lc;

	foreach(lc, query->windowClause)
		if (get_sortgroupref_clause_noerr(reference, lfirst_node(WindowClause, lc)->partitionClause) ||
			get_sortgroupref_clause_noerr(reference, lfirst_node(WindowClause, lc)->orderClause))
			return true;
	return get_sortgroupref_clause_noerr(reference, query->sortClause) || get_sortgroupref_clause_noerr(reference, query->distinctClause) ||
		get_sortgroupref_clause_noerr(reference, query->groupClause);
}

void
st_split_row_clauses(Query *query)
{
	List	   *targets = NIL;
	bool		any = false;
	ListCell   *lc;

	foreach(lc, query->targetList)
		any |= lfirst_node(TargetEntry, lc)->ressortgroupref > 0 && is_ordered_by_columns((Node *) lfirst_node(TargetEntry, lc)->expr);
	if (!any || query->setOperations)
		return;
	/* what DISTINCT orders by has to be shown */
	if (query->hasDistinctOn || query->distinctClause == NIL)
		query->sortClause = split_clauses(query, query->sortClause);
	if (query->hasDistinctOn)
		query->distinctClause = split_clauses(query, query->distinctClause);
	foreach(lc, query->windowClause)
	{
		WindowClause *window = lfirst_node(WindowClause, lc);

		st_unname_window(window);
		window->partitionClause = split_clauses(query, window->partitionClause);
		window->orderClause = split_clauses(query, window->orderClause);
	}
	foreach(lc, query->targetList)
	{
		TargetEntry *target = lfirst_node(TargetEntry, lc);

		if (target->resjunk && is_ordered_by_columns((Node *) target->expr) && !is_named(query, target->ressortgroupref))
			continue;
		targets = lappend(targets, target);
		target->resno = list_length(targets);
	}
	query->targetList = targets;
}

/* ----- rows that a subquery makes ----- */

typedef struct HoistContext
{
	int			varno;			/* of the subquery */
	Index		depth;
	List	   *rows;			/* of each of its columns, the row that is
								 * made of others, or NULL */
	Expr	   *presence;		/* whether there is a row, or NULL: there is */
} HoistContext;

static RowExpr *
hoisted_row(Node *node, HoistContext *context)
{
	Var		   *var = (Var *) node;
	RowExpr    *row = NULL;

	if (node && IsA(node, Var) && var->varno == context->varno && var->varlevelsup == context->depth && var->varattno > 0)
		row = copyObject(list_nth(context->rows, var->varattno - 1));
	if (row)
		IncrementVarSublevelsUp((Node *) row, context->depth, 0);
	return row;
}

static Node *
hoist_mutator(Node *node, void *arg)
{
	HoistContext *context = arg;
	RowExpr    *row;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if ((row = hoisted_row(node, context)))
	{
		Expr	   *presence = copyObject(context->presence);

		IncrementVarSublevelsUp((Node *) presence, context->depth, 0);
		return presence ? make_choice(presence, (Node *) row) : (Node *) row;
	}
	if (IsA(node, FieldSelect) && (row = hoisted_row((Node *) ((FieldSelect *) node)->arg, context)))
		return list_nth(row->args, ((FieldSelect *) node)->fieldnum - 1);
	if (IsA(node, Query))
	{
		Query	   *result;

		context->depth++;
		result = query_tree_mutator((Query *) node, hoist_mutator, arg, 0);
		context->depth--;
		return (Node *) result;
	}
	return expression_tree_mutator(node, hoist_mutator, arg);
}

void
st_hoist_rows(Query *query)
{
	Bitmapset  *nullable = st_entries_nullable((Node *) query->jointree);
	int			nentries = list_length(query->rtable);

	check_stack_depth();
	for (int varno = 1; varno <= nentries; varno++)
	{
		RangeTblEntry *rte = rt_fetch(varno, query->rtable);
		HoistContext context = {.varno = varno};
		Columns		columns = {0};

		if (rte->rtekind != RTE_SUBQUERY)
			continue;
		st_hoist_rows(rte->subquery);
		if (query->setOperations)
			continue;
		columns.rows = rows_of_columns(rte->subquery, false);
		if (columns.rows == NIL)
			continue;
		context.rows = rows_of_entry(columns.rows, varno);
		/* a row that an outer join has made up is NULL, not a row of NULLs */
		columns.presence = bms_is_member(varno, nullable) && !ST_FAULT("F3 hoisted");
		if (columns.presence)
			context.presence = (Expr *) makeVar(varno, list_length(columns.rows) + list_length(fields_behind(columns.rows)) + 1,
												BOOLOID, -1, InvalidOid, 0);
		split_columns(rte->subquery, &columns);
		rte->alias = makeAlias(rte->eref->aliasname, NIL);
		rte->eref = makeAlias(rte->eref->aliasname, st_make_names(ExecCleanTargetListLength(rte->subquery->targetList)));
		memcpy(query, query_tree_mutator(query, hoist_mutator, &context, 0), sizeof(Query));
	}
}

typedef struct ReplaceContext
{
	List	   *records;		/* expressions */
	Index		depth;
} ReplaceContext;

static Node *
replace_mutator(Node *node, void *arg)
{
	ReplaceContext *context = arg;
	ListCell   *lc;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	foreach(lc, context->records)
	{
		Node	   *record = copyObject(lfirst(lc));
		Oid			type = exprType(record);

		IncrementVarSublevelsUp(record, context->depth, 0);
		if (equal(node, record))
			return (Node *) st_stored_record(st_store_record((Expr *) record), type);
	}
	if (IsA(node, Query))
	{
		Query	   *result;

		context->depth++;
		result = query_tree_mutator((Query *) node, replace_mutator, arg, 0);
		context->depth--;
		return (Node *) result;
	}
	return expression_tree_mutator(node, replace_mutator, arg);
}

Node *
st_read_records_from_keys(Node *node, List *records)
{
	ReplaceContext context = {records, 0};

	return replace_mutator(node, &context);
}

Query *
st_store_records(Query *query)
{
	List	   *targets = NIL;
	Query	   *result;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			targets = lappend(targets, makeTargetEntry(st_store_record((Expr *) makeVarFromTargetEntry(1, tle)), list_length(targets) + 1,
													   psprintf("c%d", list_length(targets) + 1), false));
	}
	result = st_make_query(list_make1(st_make_subquery_entry(query, "a", st_make_names(list_length(query->targetList)))), NULL, targets);
	st_replace_aliases(result);
	return result;
}

bool
st_has_records(Query *query)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
		if (!lfirst_node(TargetEntry, lc)->resjunk && st_is_record(exprType((Node *) lfirst_node(TargetEntry, lc)->expr)))
			return true;
	return false;
}
