/*-------------------------------------------------------------------------
 *
 * index_advice.c
 *	  Indexes that deltas would look up rows by, and that are not there.
 *
 * A change of one reference of a join finds the rows of the others by the
 * columns that conditions equate, and of a row that EXISTS or an outer join
 * depends on, whether others match it; a slice finds the rows of a touched key,
 * and those that a changed row of a linked relation equals; as time passes, the
 * rows whose column now() has reached are looked up by it. Where no index
 * begins with such a column the relation is read in whole, which is right but
 * costs what the relation holds (rule E6).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/table.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/plancat.h"
#include "parser/parsetree.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "catalog/source_copy.h"
#include "query/clock.h"
#include "query/lookup.h"
#include "query/query.h"
#include "query/source_facts.h"

/* rows, or pages, up to which reading all is as good as an index */
#define SMALL_RELATION 1000
#define SMALL_PAGES 8

static bool
is_small(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	BlockNumber pages = 0;
	double		rows = 0;
	double		visible = 0;

	/* a partitioned table holds nothing itself: large until proven otherwise */
	if (RELKIND_HAS_STORAGE(rel->rd_rel->relkind))
	{
		/*
		 * the planner takes a table that was never vacuumed for larger than
		 * it is
		 */
		if (RelationGetNumberOfBlocks(rel) > SMALL_PAGES)
			estimate_rel_size(rel, NULL, &pages, &rows, &visible);
	}
	else
		rows = SMALL_RELATION + 1;
	table_close(rel, AccessShareLock);
	return rows <= SMALL_RELATION;
}

static List *
advise(List *advice, Oid relid, AttrNumber attnum)
{
	StLookup   *result;
	ListCell   *lc;

	foreach(lc, advice)
		if (((StLookup *) lfirst(lc))->relid == relid && ((StLookup *) lfirst(lc))->attnum == attnum)
			return advice;
	/* a copy gets its indexes when it is made, empty */
	if (is_small(relid) && st_source_copy_get(relid) == NULL)
		return advice;
	result = palloc(sizeof(StLookup));
	result->relid = relid;
	result->attnum = attnum;
	return lappend(advice, result);
}

/* The column of the reference that a condition equates with something of others, or 0. */
static AttrNumber
equated_column(Node *condition, int varno)
{
	OpExpr	   *op = (OpExpr *) condition;

	if (!IsA(op, OpExpr) || list_length(op->args) != 2)
		return 0;
	for (int side = 0; side < 2; side++)
	{
		Var		   *var = list_nth(op->args, side);
		Bitmapset  *others = pull_varnos(NULL, list_nth(op->args, 1 - side));
		Oid			family;

		while (IsA(var, RelabelType))
			var = (Var *) ((RelabelType *) var)->arg;
		if (!IsA(var, Var) || var->varno != varno || var->varlevelsup > 0 || var->varattno <= 0 ||
			bms_is_empty(others) || bms_is_member(varno, others))
			continue;
		family = lookup_type_cache(exprType(list_nth(op->args, side)), TYPECACHE_BTREE_OPFAMILY)->btree_opf;
		if (OidIsValid(family) && get_op_opfamily_strategy(op->opno, family) == BTEqualStrategyNumber)
			return var->varattno;
	}
	return 0;
}

/*
 * One index is enough for a reference: by whichever of the columns that
 * conditions equate. If there is none, the first is named.
 */
static List *
advise_reference(List *advice, List *conditions, int varno, RangeTblEntry *rte)
{
	Oid			first_relid = InvalidOid;
	AttrNumber	first_attnum = 0;
	ListCell   *lc;

	foreach(lc, conditions)
	{
		AttrNumber	column = equated_column(lfirst(lc), varno);
		Oid			relid;
		AttrNumber	attnum;

		if (column == 0 || !st_find_relation_column(rte, column, &relid, &attnum))
			continue;
		if (st_relation_has_index_on(relid, bms_make_singleton(attnum)))
			return advice;
		if (!OidIsValid(first_relid) || (relid == first_relid && attnum < first_attnum))
		{
			first_relid = relid;
			first_attnum = attnum;
		}
	}
	return OidIsValid(first_relid) ? advise(advice, first_relid, first_attnum) : advice;
}

static List *
advise_join(List *advice, Query *flat)
{
	List	   *conditions = make_ands_implicit((Expr *) flat->jointree->quals);
	int			varno = 1;
	ListCell   *lc;

	foreach(lc, flat->rtable)
		advice = advise_reference(advice, conditions, varno++, lfirst_node(RangeTblEntry, lc));
	return advice;
}

/* Rows whose time has come are found by each of the columns that are compared with now(). */
static List *
advise_clock(List *advice, StJoin *join)
{
	ListCell   *lc;

	foreach(lc, st_clock_columns(join))
	{
		Oid			relid;
		AttrNumber	attnum;

		if (st_find_relation_column(linitial_node(RangeTblEntry, join->flat->rtable), lfirst_node(Var, lc)->varattno, &relid, &attnum) &&
			!st_relation_has_index_on(relid, bms_make_singleton(attnum)))
			advice = advise(advice, relid, attnum);
	}
	return advice;
}

List *
st_tree_index_advice(StTree *tree)
{
	List	   *advice = NIL;
	ListCell   *lc;

	foreach(lc, tree->joins)
	{
		StJoin	   *join = lfirst(lc);
		ListCell   *lc2;

		CHECK_FOR_INTERRUPTS();
		if (join->flat)
			advice = advise_join(advice, join->flat);
		if (join->kind == ST_JOIN_CLOCK)
			advice = advise_clock(advice, join);
		foreach(lc2, join->classes)
		{
			StSliceClass *class = lfirst(lc2);
			StSliceReference *origin = class->origin >= 0 ? list_nth(join->sliced, class->origin) : NULL;

			if (origin && !st_relation_has_index_on(origin->relid, bms_make_singleton(class->column)))
				advice = advise(advice, origin->relid, class->column);
		}
		foreach(lc2, join->sliced)
		{
			StSliceReference *reference = lfirst(lc2);

			if (!st_relation_has_index_on(reference->relid, bms_make_singleton(reference->attnum)))
				advice = advise(advice, reference->relid, reference->attnum);
		}
	}
	return advice;
}
