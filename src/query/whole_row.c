/*-------------------------------------------------------------------------
 *
 * whole_row.c
 *	  Rows as values become rows of columns.
 *
 * NOTES
 *	  A log holds columns, and a subquery that is taken apart has no row any
 *	  more. So a reference to a row is written out before anything else is done
 *	  (rule F3):
 *
 *		ROW(t.c1, t.c2)::t
 *
 *	  Where an outer join may put NULL in the row's place, which is something
 *	  else than a row of NULLs, the entry of FROM becomes a subquery with one
 *	  more column, which says that there is a row:
 *
 *		CASE WHEN t.present THEN ROW(t.c1, t.c2)::t END
 *
 *	  The row of a subquery has no type of its own, but its columns have names,
 *	  which to_jsonb() shows. A RowExpr keeps them, SQL does not: it is printed as
 *
 *		(SELECT x FROM (SELECT t.c1 AS a, t.c2 AS b) x)
 *
 *	  Records are compared as wholes: NULL equals NULL. SQL says so of all but
 *	  ROW(a) = ROW(b), which is a = b. Where ROW() has come into a comparison of
 *	  records by taking a subquery apart, COALESCE(ROW(a)) keeps it one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "query/build.h"
#include "query/source_facts.h"
#include "util/fault.h"

/* A query and those around it, while its expressions are rewritten. */
typedef struct Level
{
	Query	   *query;
	Bitmapset  *nullable;		/* entries for which an outer join may put
								 * NULL */
	Bitmapset  *asked;			/* of them, those that must say whether there
								 * is a row */
	bool	   *failed;
	struct Level *outer;
} Level;

/* ----- expressions ----- */

/* Columns of a row: their names, and expressions over the entry that it is of. */
static void
columns_of(RangeTblEntry *rte, const Var *row, List **names, List **vars)
{
	TupleDesc	desc;

	*names = NIL;
	*vars = NIL;
	if (row->vartype == RECORDOID)
	{
		StExpandRTE(rte, row->varno, names, vars);
		IncrementVarSublevelsUp((Node *) *vars, row->varlevelsup, 0);
		return;
	}
	desc = lookup_rowtype_tupdesc(row->vartype, -1);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		*names = lappend(*names, makeString(pstrdup(NameStr(attribute->attname))));
		*vars = lappend(*vars, attribute->attisdropped ? (Node *) makeNullConst(INT4OID, -1, InvalidOid) :
						(Node *) makeVar(row->varno, i + 1, attribute->atttypid, attribute->atttypmod,
										 attribute->attcollation, row->varlevelsup));
	}
	ReleaseTupleDesc(desc);
}

/* The column that says whether there is a row, behind the entry's own. */
static Var *
presence_of(RangeTblEntry *rte, const Var *row)
{
	List	   *names;
	List	   *vars;

	StExpandAllRTE(rte, row->varno, &names, &vars);
	return makeVar(row->varno, list_length(vars) + 1, BOOLOID, -1, InvalidOid, row->varlevelsup);
}

static Node *
write_out(Level *level, const Var *row)
{
	RangeTblEntry *rte = rt_fetch(row->varno, level->query->rtable);
	RowExpr    *result = makeNode(RowExpr);
	CaseExpr   *choice;
	CaseWhen   *when;
	ListCell   *lc;

	/*
	 * the row of a domain over a composite type is checked, which ROW() is
	 * not
	 */
	if (row->vartype != RECORDOID && get_typtype(row->vartype) != TYPTYPE_COMPOSITE)
	{
		*level->failed = true;
		return (Node *) copyObject(unconstify(Var *, row));
	}
	columns_of(rte, row, &result->colnames, &result->args);
	/* printing would give columns of one name names of their own */
	foreach(lc, result->colnames)
		for (int i = 0; i < foreach_current_index(lc); i++)
			if (equal(lfirst(lc), list_nth(result->colnames, i)))
				*level->failed = *level->failed || row->vartype == RECORDOID;
	result->row_typeid = row->vartype;
	result->row_format = row->vartype == RECORDOID ? COERCE_EXPLICIT_CALL : COERCE_EXPLICIT_CAST;
	result->location = -1;
	/* what a join shows is a row, though of NULLs only */
	if (!bms_is_member(row->varno, level->nullable) || rte->rtekind == RTE_JOIN || ST_FAULT("F3"))
		return (Node *) result;

	level->asked = bms_add_member(level->asked, row->varno);
	choice = makeNode(CaseExpr);
	when = makeNode(CaseWhen);
	when->expr = (Expr *) presence_of(rte, row);
	when->result = (Expr *) result;
	when->location = -1;
	choice->casetype = row->vartype;
	choice->args = list_make1(when);
	choice->defresult = (Expr *) makeNullConst(row->vartype, -1, InvalidOid);
	choice->location = -1;
	return (Node *) choice;
}

/* ----- FROM ----- */

/* An entry becomes a subquery of all its columns, and true. */
static void
add_presence(RangeTblEntry *rte)
{
	RangeTblEntry *inner = makeNode(RangeTblEntry);
	List	   *entries = list_make1(inner);
	bool		lateral = rte->lateral;
	List	   *names;
	List	   *vars;

	StExpandAllRTE(rte, 1, &names, &vars);
	memcpy(inner, rte, sizeof(RangeTblEntry));
	/* what it refers to is one level further away */
	IncrementVarSublevelsUp_rtable(entries, 1, 0);
#ifdef ST_HAVE_PERMINFOS
	/* rights are checked on the original query */
	inner->perminfoindex = 0;
#endif
	vars = lappend(vars, makeBoolConst(true, false));
	*rte = *st_make_subquery_entry(st_make_query(entries, NULL, st_make_targets(vars)), inner->eref->aliasname,
								   st_make_names(list_length(vars)));
	rte->lateral = lateral;
}

/* ----- the whole query ----- */

static Node *
whole_row_mutator(Node *node, void *arg)
{
	Level	   *level = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Var))
	{
		Level	   *own = level;

		if (((Var *) node)->varattno != 0)
			return (Node *) copyObject(node);
		for (Index up = ((Var *) node)->varlevelsup; up > 0; up--)
			own = own->outer;
		return write_out(own, (Var *) node);
	}
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		Level		inner = {
			.query = query,
			.nullable = st_entries_nullable((Node *) query->jointree),
			.failed = level->failed,
			.outer = level
		};
		int			varno = -1;

		query = query_tree_mutator(query, whole_row_mutator, &inner, 0);
		while ((varno = bms_next_member(inner.asked, varno)) >= 0)
			add_presence(rt_fetch(varno, query->rtable));
		return (Node *) query;
	}
	return expression_tree_mutator(node, whole_row_mutator, arg);
}

Query *
st_write_out_rows(Query *query)
{
	bool		failed = false;
	Level		outside = {.failed = &failed};

	query = (Query *) whole_row_mutator((Node *) copyObject(query), &outside);
	return failed ? NULL : query;
}

/* ----- printing ----- */

/* Are these not the names that ROW() gives? */
static bool
has_names(const RowExpr *row)
{
	ListCell   *lc;

	foreach(lc, row->colnames)
		if (strcmp(strVal(lfirst(lc)), psprintf("f%d", foreach_current_index(lc) + 1)) != 0)
			return row->row_typeid == RECORDOID;
	return false;
}

/* A comparison's left side stays a record. */
static void
keep_comparison(OpExpr *comparison)
{
	Node	   *left = comparison->args ? linitial(comparison->args) : NULL;
	CoalesceExpr *record;

	if (left == NULL || !IsA(left, RowExpr) || ((RowExpr *) left)->row_typeid != RECORDOID || ST_FAULT("F3 record"))
		return;
	record = makeNode(CoalesceExpr);
	record->coalescetype = RECORDOID;
	record->args = list_make1(left);
	record->location = -1;
	linitial(comparison->args) = record;
}

static Node *
print_mutator(Node *node, void *arg)
{
	RowExpr    *row = (RowExpr *) node;
	SubLink    *result;
	List	   *targets = NIL;
	Query	   *query;
	ListCell   *lc;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Query))
	{
		query = query_tree_mutator((Query *) node, print_mutator, arg, 0);
		/* ruleutils leaves out what a user has called the columns of XMLTABLE */
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind != RTE_TABLEFUNC)
				continue;
			rte->eref->colnames = copyObject(rte->tablefunc->colnames);
			if (rte->alias)
				rte->alias->colnames = NIL;
		}
		return (Node *) query;
	}
	node = expression_tree_mutator(node, print_mutator, arg);
	if (IsA(node, OpExpr) || IsA(node, DistinctExpr))
		keep_comparison((OpExpr *) node);
	if (!IsA(node, RowExpr) || !has_names(row))
		return node;
	row = (RowExpr *) node;
	IncrementVarSublevelsUp((Node *) row->args, 2, 0);
	foreach(lc, row->args)
		targets = lappend(targets,
						  makeTargetEntry(lfirst(lc), list_length(targets) + 1,
										  strVal(list_nth(row->colnames, list_length(targets))), false));
	query = st_make_query(list_make1(st_make_subquery_entry(st_make_query(NIL, NULL, targets), "x",
															copyObject(row->colnames))),
						  NULL,
						  list_make1(makeTargetEntry((Expr *) makeVar(1, 0, RECORDOID, -1, InvalidOid, 0), 1, pstrdup("x"), false)));
	result = makeNode(SubLink);
	result->subLinkType = EXPR_SUBLINK;
	result->subselect = (Node *) query;
	result->location = -1;
	return (Node *) result;
}

Query *
st_print_form_of_rows(Query *query)
{
	return (Query *) print_mutator((Node *) query, NULL);
}
