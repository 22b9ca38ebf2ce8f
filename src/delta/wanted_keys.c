/*-------------------------------------------------------------------------
 *
 * wanted_keys.c
 *	  Which values other relations leave of a source's column (rule E14).
 *
 * NOTES
 *	  Let the only reference to a source be in an inner join, under r.x = u.y
 *	  and conditions on u. A term of the join's delta that has a changed row of r
 *	  joins it with a row of u as it is, or with one of u's delta (rule E2), so
 *	  that it is of no use unless its x is among the y of these: of TPC-H Q8, 0.7 %
 *	  of the changed lines are of parts that it wants. That is so whatever else
 *	  has changed, and the fewer rows leave the log, the less is netted, kept and
 *	  joined.
 *
 *	  Both sides of the comparison may be looked at before the log is netted,
 *	  so that only conditions count that cannot raise (rule E1). Whether the
 *	  values are worth to be asked for is the reader's to decide.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "delta/block.h"
#include "delta/delta.h"
#include "delta/join.h"
#include "query/make.h"
#include "util/fault.h"
#include "util/sqlbuf.h"

/* The column of an entry that an expression is, but for its type's name; NULL: it is none. */
static Var *
column_of(Node *expr)
{
	while (IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	return IsA(expr, Var) && ((Var *) expr)->varattno > 0 && ((Var *) expr)->varlevelsup == 0 ? (Var *) expr : NULL;
}

/* Does PostgreSQL compare them, by hash if it is asked to? */
static bool
is_hashed_equality(const OpExpr *op)
{
	RegProcedure left;
	RegProcedure right;

	return get_opcode(op->opno) < FirstNormalObjectId && op_strict(op->opno) &&
		get_op_hash_functions(op->opno, &left, &right) && left == right && left < FirstNormalObjectId;
}

static bool
is_plain(Node *expr)
{
	Oid			type = exprType(expr);

	return get_typtype(type) == TYPTYPE_BASE && !OidIsValid(get_element_type(type)) && OidIsValid(get_array_type(type));
}

/* "expr" of the entry as its rows are, under "restriction", and as they have changed. */
static char *
print_keys(StProgram *program, RangeTblEntry *entry, Node *expr, Node *restriction)
{
	StLeaf	   *leaf = st_source_leaf(program, entry->relid);
	RangeTblEntry *now = copyObject(entry);
	RangeTblEntry *delta = copyObject(entry);
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_text(&sql, st_query_print(st_make_query(list_make1(now), restriction, st_make_targets(list_make1(copyObject(expr))))));
	if (ST_FAULT("E14 keys"))
		return sql.data;
	delta->lateral = false;
	st_read_as(delta, pstrdup(leaf->input));
	st_sql_text(&sql, " UNION ALL ");
	st_sql_text(&sql, st_query_print(st_make_query(list_make1(delta), NULL, st_make_targets(list_make1(copyObject(expr))))));
	return sql.data;
}

/* What a condition of the join tells about the source that is its entry "varno", or NULL. */
static StWantedKeys *
make_keys(StProgram *program, Query *join, int varno, OpExpr *condition)
{
	StWantedKeys *keys;
	OpExpr	   *op;
	Var		   *mine;
	Var		   *others;
	Node	   *expr;
	Node	   *restriction;
	RangeTblEntry *entry;

	if (!IsA(condition, OpExpr) || list_length(condition->args) != 2)
		return NULL;
	op = copyObject(condition);
	mine = column_of(linitial(op->args));
	others = column_of(lsecond(op->args));
	if (mine == NULL || others == NULL)
		return NULL;
	if (others->varno == varno)
	{
		op->opno = get_commutator(op->opno);
		op->args = list_make2(lsecond(op->args), linitial(op->args));
		mine = others;
		others = column_of(lsecond(op->args));
	}
	if (mine->varno != varno || others->varno == varno || !OidIsValid(op->opno) || !is_hashed_equality(op) ||
		!is_plain(linitial(op->args)) || !is_plain(lsecond(op->args)))
		return NULL;
	entry = rt_fetch(others->varno, join->rtable);
	if (entry->rtekind != RTE_RELATION || entry->relkind == RELKIND_FOREIGN_TABLE || entry->tablesample)
		return NULL;
	restriction = st_restriction_on(join->jointree->quals, others->varno);
	if (restriction == NULL)
		return NULL;

	keys = palloc0(sizeof(StWantedKeys));
	expr = lsecond(op->args);
	ChangeVarNodes(expr, others->varno, 1, 0);
	keys->column = linitial(op->args);
	ChangeVarNodes(keys->column, varno, 1, 0);
	keys->operator = op->opno;
	keys->collation = op->inputcollid;
	keys->type = exprType(expr);
	keys->relid = entry->relid;
	keys->keys = st_make_statement(program->context, print_keys(program, entry, expr, restriction),
								   list_make1(st_source_leaf(program, entry->relid)), NULL);
	return keys;
}

StSourceKeys *
st_source_keys(StProgram *program, int n)
{
	StSourceKeys *result = &program->source_keys[n];
	StSource   *source = list_nth(program->sources, n);
	MemoryContext old;
	ListCell   *lc;
	int			level;

	if (result->made)
		return result;
	old = MemoryContextSwitchTo(program->context);
	level = st_sql_pin_printing();
	foreach(lc, source->join ? make_ands_implicit((Expr *) source->join->flat->jointree->quals) : NIL)
	{
		StWantedKeys *keys = make_keys(program, source->join->flat, source->varno, lfirst(lc));

		if (keys)
			result->wanted = lappend(result->wanted, keys);
	}
	result->made = true;
	AtEOXact_GUC(false, level);
	MemoryContextSwitchTo(old);
	return result;
}
