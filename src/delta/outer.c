/*-------------------------------------------------------------------------
 *
 * outer.c
 *	  The deltas of outer, semi and anti joins: counts of matching rows.
 *
 * NOTES
 *	  Let n(l) be the number of rows of R that a row l of L matches, and f(l)
 *	  either [n(l) > 0], for a semi join, or [n(l) = 0], for an anti join; both
 *	  return the l with f(l) = 1. With N the new contents, d the delta and f' the
 *	  f of the old R, the old result is (NL - dL) f', so that the delta is
 *
 *		NL f - (NL - dL) f' = dL f + NL (f - f') - dL (f - f')
 *
 *	  f differs from f' only for rows that match a row of dR. Those are found by
 *	  joining NL (or dL) with dR, which also gives n's change, the sum of the
 *	  weights of their matches; n itself is counted in the new R, and only as far
 *	  as it matters: n - n' = d and n > 0, n' > 0 differ only if 0 < n <= d, or
 *	  n = 0 and d < 0 (rule E3). No old state is needed.
 *
 *	  Where an index finds the matches of a row, they are counted row by row; else
 *	  in one join, for which the planner may hash.
 *
 *	  Equal rows of L must not be taken for one: they are grouped by their place
 *	  in storage, those of dL by a number.
 *
 *	  LEFT JOIN is the inner join and the anti join of the left side, the columns
 *	  of the right being NULL; FULL JOIN has the anti join of either side.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "delta/block.h"
#include "delta/join.h"
#include "delta/outer.h"
#include "query/make.h"
#include "query/source_facts.h"
#include "util/fault.h"
#include "util/sqlbuf.h"

/* Names within a term; those of the engine's CTEs begin alike. */
#define AFFECTED "__pgt_a"
#define NUMBERED "__pgt_n"
#define COUNTED "__pgt_c"

/* One side of the join, seen as the one whose rows are kept. */
typedef struct Side
{
	const StProgram *program;
	Query	   *flat;			/* the inner join of both */
	int			kept;			/* number of its reference */
	int			other;
	bool		matched;		/* semi join: rows that have a match */
	List	   *columns;		/* Vars of "kept" that are used */
} Side;

/* ----- moving columns ----- */

typedef struct MoveContext
{
	Side	   *side;
	int			kept_varno;		/* where the columns of "kept" are now */
	int			kept_levels_up;
	bool		by_position;	/* and they are those of side->columns */
	int			other_varno;	/* 0: the columns of "other" are NULL */
} MoveContext;

static Node *
move_mutator(Node *node, void *arg)
{
	MoveContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Var))
	{
		Var		   *var = copyObject((Var *) node);

		if (var->varno == context->side->kept)
		{
			if (context->by_position)
			{
				AttrNumber	position = 1;
				ListCell   *lc;

				foreach(lc, context->side->columns)
				{
					if (equal(lfirst(lc), node))
						break;
					position++;
				}
				Assert(lc != NULL);
				var->varattno = position;
			}
			var->varno = context->kept_varno;
			var->varlevelsup = context->kept_levels_up;
		}
		else if (context->other_varno == 0)
			return (Node *) makeNullConst(var->vartype, var->vartypmod, var->varcollid);
		else
			var->varno = context->other_varno;
		var->varnosyn = 0;
		var->varattnosyn = 0;
		return (Node *) var;
	}
	return expression_tree_mutator(node, move_mutator, arg);
}

static Node *
move(Side *side, Node *node, int kept_varno, int kept_levels_up, bool by_position, int other_varno)
{
	MoveContext context = {side, kept_varno, kept_levels_up, by_position, other_varno};

	return move_mutator(node, &context);
}

/* ----- pieces of trees ----- */

static void
add_target(Query *query, Expr *expr, const char *name)
{
	query->targetList = lappend(query->targetList,
								makeTargetEntry(expr, list_length(query->targetList) + 1,
												pstrdup(name), false));
}

/* c1.. */
static void
add_targets(Query *query, List *exprs)
{
	query->targetList = list_concat(query->targetList, st_make_targets(exprs));
}

static Expr *
int8_var(int varno, AttrNumber column, int levels_up)
{
	return (Expr *) makeVar(varno, column, INT8OID, -1, InvalidOid, levels_up);
}

static RangeTblEntry *
copy_entry(Side *side, int varno)
{
	return copyObject(rt_fetch(varno, side->flat->rtable));
}

/* An entry that names something, and reads columns c1.. and others of it. */
static RangeTblEntry *
named_entry(const char *name, const char *alias, int ncolumns, List *others)
{
	return st_make_with_entry(name, alias, list_concat(st_make_names(ncolumns), others));
}

static RangeTblEntry *
subquery_entry(Query *query, const char *alias, List *names)
{
	RangeTblEntry *rte = st_make_subquery_entry(query, alias, names);

	rte->alias = makeAlias(alias, NIL);
	rte->lateral = true;
	return rte;
}

/* The result's columns, those of the other side NULL unless rows are matched ones. */
static List *
result_columns(Side *side, int kept_varno, bool by_position)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, side->flat->targetList)
		result = lappend(result, move(side, (Node *) lfirst_node(TargetEntry, lc)->expr,
									  kept_varno, 0, by_position, 0));
	return result;
}

/* ----- terms ----- */

/* Rows of dL that are in the result as the other side is. */
static char *
print_kept_delta(Side *side)
{
	RangeTblEntry *kept = copy_entry(side, side->kept);
	RangeTblEntry *other = copy_entry(side, side->other);
	AttrNumber	weight = st_weigh_entry(kept);
	SubLink    *exists = makeNode(SubLink);
	Query	   *inner;
	Query	   *query;

	other->functions = (List *) move(side, (Node *) other->functions, 1, 1, false, 1);
	other->values_lists = (List *) move(side, (Node *) other->values_lists, 1, 1, false, 1);
	other->tablefunc = (TableFunc *) move(side, (Node *) other->tablefunc, 1, 1, false, 1);
	inner = st_make_query(list_make1(other), move(side, side->flat->jointree->quals, 1, 1, false, 1), NIL);
	add_target(inner, (Expr *) makeBoolConst(true, false), "m");
	exists->subLinkType = EXISTS_SUBLINK;
	exists->subselect = (Node *) inner;
	exists->location = -1;
	query = st_make_query(list_make1(kept),
						  side->matched ? (Node *) exists :
						  (Node *) makeBoolExpr(NOT_EXPR, list_make1(exists), -1), NIL);
	query->hasSubLinks = true;
	add_targets(query, result_columns(side, 1, false));
	add_target(query, int8_var(1, weight, 0), ST_WEIGHT_COLUMN);
	return st_block_print(side->program, query);
}

/*
 * "__pgt_a": rows of the kept side that match changed rows of the other one, d
 * the sum of their weights, u how many matches it is enough to count, and i a
 * number. Of the new contents, or of the delta, with w the weight then.
 */
static void
print_affected(StringInfo sql, Side *side, bool of_delta)
{
	RangeTblEntry *kept = copy_entry(side, side->kept);
	RangeTblEntry *other = copy_entry(side, side->other);
	int			ncolumns = list_length(side->columns);
	AttrNumber	weight;
	List	   *identity;
	Query	   *query;
	ListCell   *lc;
	StringInfoData key;
	StringInfoData columns;

	initStringInfo(&columns);
	for (int i = 1; i <= ncolumns; i++)
		st_sql_format(&columns, "c%d, ", i);
	if (of_delta)
		st_sql_text(&columns, "w, ");

	st_sql_text(sql, "WITH ");
	if (of_delta)
	{
		Query	   *delta = st_make_query(list_make1(kept), NULL, NIL);

		weight = st_weigh_entry(kept);
		add_targets(delta, (List *) move(side, (Node *) side->columns, 1, 0, false, 0));
		add_target(delta, int8_var(1, weight, 0), "w");
		st_sql_format(sql, NUMBERED " AS (SELECT %spg_catalog.row_number() OVER () AS i1 FROM (%s) b), ",
					  columns.data, st_block_print(side->program, delta));
		kept = named_entry(NUMBERED, "b", ncolumns, list_make2(makeString("w"), makeString("i1")));
		identity = list_make1(int8_var(1, ncolumns + 2, 0));
	}
	else
		identity = st_entry_expose_identity(kept, 1);

	weight = st_weigh_entry(other);
	query = st_make_query(list_make2(kept, other),
						  move(side, side->flat->jointree->quals, 1, 0, of_delta, 2), NIL);
	add_targets(query, (List *) move(side, (Node *) side->columns, 1, 0, of_delta, 2));
	if (of_delta)
		add_target(query, int8_var(1, ncolumns + 1, 0), "w");
	add_target(query, int8_var(2, weight, 0), "v");
	initStringInfo(&key);
	foreach(lc, identity)
	{
		int			position = foreach_current_index(lc) + 1;

		add_target(query, lfirst(lc), psprintf("i%d", position));
		st_sql_format(&key, "%s%c%d", position == 1 ? "" : ", ", ST_FAULT("E3") ? 'c' : 'i', position);
		if (ST_FAULT("E3"))
			break;
	}
	st_sql_format(sql, AFFECTED " AS (SELECT %sd, GREATEST(d, 0::int8) + 1 AS u, pg_catalog.row_number() OVER () AS i FROM ("
				  "SELECT DISTINCT ON (%s) %spg_catalog.sum(v) OVER (PARTITION BY %s)::int8 AS d"
				  " FROM (%s) b) b WHERE d <> 0) ",
				  columns.data, key.data, columns.data, key.data, st_block_print(side->program, query));
}

/* count(*) of what the other side has for a row of __pgt_a, up to u. */
static RangeTblEntry *
count_entry(Side *side, AttrNumber limit)
{
	Query	   *rows;
	Query	   *query;

	rows = st_make_query(list_make1(copy_entry(side, side->other)),
						 move(side, side->flat->jointree->quals, 1, 2, true, 1), NIL);
	add_target(rows, (Expr *) makeBoolConst(true, false), "m");
	rows->limitCount = (Node *) int8_var(1, limit, 2);
	rows->limitOption = LIMIT_OPTION_COUNT;

	query = st_make_query(list_make1(subquery_entry(rows, "m", list_make1(makeString("m")))), NULL, NIL);
	query->hasAggs = true;
	add_target(query, (Expr *) st_make_count(), "n");
	return subquery_entry(query, "x", list_make1(makeString("n")));
}

/* __pgt_a with n, the counts of one join of it with the other side, in the place of u. */
static void
print_counted(StringInfo sql, Side *side, bool of_delta)
{
	int			ncolumns = list_length(side->columns);
	List	   *others = list_make3(makeString("d"), makeString("u"), makeString("i"));
	Query	   *query;

	if (of_delta)
		others = lcons(makeString("w"), others);
	query = st_make_query(list_make2(named_entry(AFFECTED, "a", ncolumns, others), copy_entry(side, side->other)),
						  move(side, side->flat->jointree->quals, 1, 0, true, 2), NIL);
	add_target(query, int8_var(1, ncolumns + list_length(others), 0), "i");
	st_sql_text(sql, ", " COUNTED " AS (SELECT ");
	for (int i = 1; i <= ncolumns; i++)
		st_sql_format(sql, "a.c%d, ", i);
	st_sql_format(sql, "%sa.d, COALESCE(m.n, 0::int8) AS n FROM " AFFECTED " a LEFT JOIN"
				  " (SELECT b.i, pg_catalog.count(*) AS n FROM (%s) b GROUP BY b.i) m ON m.i = a.i) ",
				  of_delta ? "a.w, " : "", st_block_print(side->program, query));
}

/* Does an index find the rows with a value of this column of an entry? */
static bool
is_indexed(RangeTblEntry *rte, AttrNumber column)
{
	TargetEntry *target;
	Var		   *var;

	check_stack_depth();
	if (rte->rtekind == RTE_RELATION)
		return st_relation_has_index_on(rte->relid, bms_make_singleton(column));
	/* see st_definition_create_indexes() */
	if (st_node_leaf_ordinal(rte) >= 0)
	{
		List	   *keys = NIL;
		ListCell   *name;
		ListCell   *type;

		forboth(name, rte->eref->colnames, type, rte->coltypes)
			if (strVal(lfirst(name))[0] == 'k')
				keys = lappend_oid(keys, lfirst_oid(type));
		return column == Max(st_state_lookup_key(keys), 1);
	}
	if (rte->rtekind != RTE_SUBQUERY || rte->subquery->setOperations)
		return false;
	target = list_nth_node(TargetEntry, rte->subquery->targetList, column - 1);
	var = (Var *) target->expr;
	return IsA(var, Var) && var->varlevelsup == 0 &&
		is_indexed(rt_fetch(var->varno, rte->subquery->rtable), var->varattno);
}

/*
 * Is counting row by row, up to a limit, the way? It is where an index serves,
 * and where nothing but comparing each with each is possible.
 */
static bool
counts_row_by_row(Side *side)
{
	RangeTblEntry *other = rt_fetch(side->other, side->flat->rtable);
	bool		equality = false;
	ListCell   *lc;

	foreach(lc, make_ands_implicit((Expr *) side->flat->jointree->quals))
	{
		OpExpr	   *condition = lfirst(lc);

		if (!IsA(condition, OpExpr) || list_length(condition->args) != 2 ||
			!op_mergejoinable(condition->opno, exprType(linitial(condition->args))))
			continue;
		for (int i = 0; i < 2; i++)
		{
			Var		   *var = list_nth(condition->args, i);

			if (!bms_is_member(side->kept, pull_varnos(NULL, list_nth(condition->args, 1 - i))) ||
				!bms_is_member(side->other, pull_varnos(NULL, (Node *) var)))
				continue;
			equality = true;
			while (IsA(var, RelabelType))
				var = (Var *) ((RelabelType *) var)->arg;
			if (IsA(var, Var) && is_indexed(other, var->varattno))
				return true;
		}
	}
	return !equality;
}

/* Rows that enter or leave the result because the other side has changed. */
static char *
print_crossing(Side *side, bool of_delta)
{
	int			ncolumns = list_length(side->columns);
	AttrNumber	d = ncolumns + (of_delta ? 2 : 1);
	bool		enters = side->matched != of_delta; /* with n > 0 */
	bool		row_by_row = counts_row_by_row(side);
	List	   *others = list_make2(makeString("d"), makeString(row_by_row ? "u" : "n"));
	StringInfoData sql;
	Query	   *query;
	int			n;

	initStringInfo(&sql);
	st_sql_text(&sql, "SELECT z.* FROM (");
	print_affected(&sql, side, of_delta);
	if (!row_by_row)
		print_counted(&sql, side, of_delta);
	if (of_delta)
		others = lcons(makeString("w"), others);
	if (row_by_row)
		query = st_make_query(list_make2(named_entry(AFFECTED, "a", ncolumns, others),
										 count_entry(side, d + 1)), NULL, NIL);
	else
		query = st_make_query(list_make1(named_entry(COUNTED, "a", ncolumns, others)), NULL, NIL);
	add_targets(query, result_columns(side, 1, true));
	n = list_length(query->targetList);
	add_target(query, int8_var(1, d, 0), "d");
	add_target(query, row_by_row ? int8_var(2, 1, 0) : int8_var(1, d + 1, 0), "n");
	if (of_delta)
		add_target(query, int8_var(1, ncolumns + 1, 0), "w");
	st_sql_text(&sql, "SELECT ");
	for (int i = 1; i <= n; i++)
		st_sql_format(&sql, "f.c%d, ", i);
	st_sql_format(&sql, "CASE WHEN f.n > 0 THEN %d ELSE %d END::int8%s AS " ST_WEIGHT_COLUMN
				  " FROM (%s) f WHERE (f.n > 0) <> (f.n - f.d > 0)) z",
				  enters ? 1 : -1, enters ? -1 : 1, of_delta ? " * f.w" : "", st_block_print(side->program, query));
	return sql.data;
}

static void
print_side(StringInfo terms, const StProgram *program, const StJoin *join, int kept, const Bitmapset *changed)
{
	Side		side = {program, join->flat, kept, 3 - kept, join->kind == ST_JOIN_SEMI, NIL};
	List	   *used = list_concat(pull_var_clause((Node *) side.flat->targetList, 0),
								   pull_var_clause(side.flat->jointree->quals, 0));
	bool		kept_changed = bms_is_member(kept - 1, changed);
	bool		other_changed = bms_is_member(side.other - 1, changed);
	ListCell   *lc;

	foreach(lc, used)
		if (lfirst_node(Var, lc)->varno == kept)
			side.columns = list_append_unique(side.columns, lfirst(lc));
	if (kept_changed)
		st_add_term(terms, print_kept_delta(&side));
	if (other_changed)
		st_add_term(terms, print_crossing(&side, false));
	if (kept_changed && other_changed)
		st_add_term(terms, print_crossing(&side, true));
}

void
st_outer_print_terms(StringInfo terms, const StProgram *program, const StJoin *join, const Bitmapset *changed)
{
	print_side(terms, program, join, 1, changed);
	if (join->kind == ST_JOIN_FULL)
		print_side(terms, program, join, 2, changed);
}
