/*-------------------------------------------------------------------------
 *
 * source_facts.c
 *	  What the catalogs say of sources: keys, NOT NULL, virtual columns.
 *
 * All of it may change under a stream table: what depends on it is derived
 * again whenever the stream table's nodes are built, and a table's identity is
 * stored when it is created.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "query/source_facts.h"

static bool
expr_not_null(Node *expr, Query *query)
{
	Var		   *var = (Var *) expr;
	RangeTblEntry *rte;

	check_stack_depth();
	if (IsA(expr, Const))
		return !((Const *) expr)->constisnull;
	if (!IsA(expr, Var) || var->varlevelsup > 0 || var->varattno <= 0)
		return false;
	rte = rt_fetch(var->varno, query->rtable);
	if (rte->rtekind == RTE_SUBQUERY)
		return st_block_column_not_null(rte->subquery, var->varattno);
	if (rte->rtekind == RTE_RELATION)
	{
		HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(rte->relid),
											Int16GetDatum(var->varattno));
		bool		result = false;

		if (HeapTupleIsValid(tuple))
		{
			result = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
			ReleaseSysCache(tuple);
		}
		return result;
	}
	return false;
}

bool
st_block_column_not_null(Query *block, int column)
{
	if (block->setOperations || column > list_length(block->targetList))
		return false;
	return expr_not_null((Node *) list_nth_node(TargetEntry, block->targetList, column - 1)->expr,
						 block);
}

bool
st_relation_has_virtual(Oid relid)
{
#ifdef ST_HAVE_VIRTUAL_GENERATED
	Relation	rel = table_open(relid, AccessShareLock);
	bool		result = rel->rd_att->constr && rel->rd_att->constr->has_generated_virtual;

	table_close(rel, NoLock);
	return result;
#else
	return false;
#endif
}

bool
st_relation_has_index_on(Oid relid, const Bitmapset *attnums)
{
	Relation	rel = table_open(relid, AccessShareLock);
	List	   *indexes = RelationGetIndexList(rel);
	bool		result = false;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		Form_pg_index index;

		if (!HeapTupleIsValid(tuple))
			continue;
		index = (Form_pg_index) GETSTRUCT(tuple);
		if (index->indisvalid && heap_attisnull(tuple, Anum_pg_index_indpred, NULL) &&
			index->indkey.values[0] > 0 && bms_is_member(index->indkey.values[0], attnums))
			result = true;
		ReleaseSysCache(tuple);
	}
	table_close(rel, NoLock);
	return result;
}

/* ----- identity ----- */

/* Columns of one reference that no two of its rows share. */
typedef struct CandidateKey
{
	int			ncolumns;
	AttrNumber *columns;
	Oid		   *families;		/* btree families of their equality */
	Oid		   *collations;
	bool		simple;			/* NOT NULL and of fixed length */
} CandidateKey;

/* What is read side by side, and which of it the result shows. */
typedef struct IdentityContext
{
	StTree	   *tree;
	Query	   *from;			/* the join, or the final block itself */
	List	  **keys;			/* of CandidateKey, by reference */
} IdentityContext;

/* Whether a unique index on values of the type can serve: they are small and ordered. */
static bool
is_simple(Oid type)
{
	return get_typlen(type) > 0 && OidIsValid(GetDefaultOpClass(type, BTREE_AM_OID));
}

/* Position among the targets of a plain column, or 0. */
static AttrNumber
target_position(List *targets, int varno, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Var		   *var = (Var *) tle->expr;

		if (IsA(var, Var) && var->varno == varno && var->varattno == attnum)
			return tle->resno;
	}
	return 0;
}

/* The result column that shows a column of a reference, or 0. */
static AttrNumber
shown_as(IdentityContext *context, int varno, AttrNumber attnum)
{
	AttrNumber	position = target_position(context->from->targetList, varno, attnum);

	if (position == 0 || context->from == context->tree->final)
		return position;
	return target_position(context->tree->final->targetList, 1, position);
}

static CandidateKey *
make_candidate_key(int ncolumns)
{
	CandidateKey *key = palloc0(sizeof(CandidateKey));

	key->ncolumns = ncolumns;
	key->columns = palloc0(sizeof(AttrNumber) * Max(ncolumns, 1));
	key->families = palloc0(sizeof(Oid) * Max(ncolumns, 1));
	key->collations = palloc0(sizeof(Oid) * Max(ncolumns, 1));
	key->simple = ncolumns <= INDEX_MAX_KEYS;
	return key;
}

static List *
relation_keys(Oid relid)
{
	Relation	rel;
	List	   *keys = NIL;
	ListCell   *lc;

	/* an inheritance child may hold a second row with the same key */
	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE && has_subclass(relid))
		return NIL;
	rel = table_open(relid, AccessShareLock);
	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index_rel = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index index = index_rel->rd_index;
		CandidateKey *key = make_candidate_key(index->indnkeyatts);
		bool		usable = index->indisunique && index->indisvalid && index->indimmediate &&
			RelationGetIndexPredicate(index_rel) == NIL;

		for (int i = 0; usable && i < key->ncolumns; i++)
		{
			AttrNumber	attnum = index->indkey.values[i];

			usable = attnum > 0 && TupleDescAttr(rel->rd_att, attnum - 1)->attnotnull;
			if (!usable)
				break;
			key->columns[i] = attnum;
			key->families[i] = index_rel->rd_opfamily[i];
			key->collations[i] = index_rel->rd_indcollation[i];
			key->simple = key->simple && is_simple(TupleDescAttr(rel->rd_att, attnum - 1)->atttypid);
		}
		if (usable)
			keys = lappend(keys, key);
		index_close(index_rel, NoLock);
	}
	table_close(rel, NoLock);
	return keys;
}

/* A state's rows differ in their keys. */
static List *
state_keys(StNode *node)
{
	CandidateKey *key = make_candidate_key(node->nkeys);

	key->simple = key->simple && !node->inexact_keys;
	for (int i = 0; i < node->nkeys; i++)
	{
		Node	   *expr = (Node *) list_nth_node(TargetEntry, node->block->targetList, i)->expr;

		key->columns[i] = i + 1;
		key->families[i] = lookup_type_cache(exprType(expr), TYPECACHE_BTREE_OPFAMILY)->btree_opf;
		key->collations[i] = exprCollation(expr);
		if (!node->key_not_null[i] || !is_simple(exprType(expr)))
			key->simple = false;
	}
	return list_make1(key);
}

/* Does the condition fix this key column to something of the known references? */
static bool
fixes_column(OpExpr *condition, int varno, CandidateKey *key, int column, Bitmapset *known)
{
	if (!IsA(condition, OpExpr) || list_length(condition->args) != 2 ||
		(OidIsValid(key->collations[column]) && condition->inputcollid != key->collations[column]) ||
		get_op_opfamily_strategy(condition->opno, key->families[column]) != BTEqualStrategyNumber)
		return false;
	for (int side = 0; side < 2; side++)
	{
		Var		   *var = list_nth(condition->args, side);
		Node	   *other = list_nth(condition->args, 1 - side);

		/* a cast that keeps the value's bytes, as of varchar to text, is no obstacle */
		while (IsA(var, RelabelType))
			var = (Var *) ((RelabelType *) var)->arg;
		if (IsA(var, Var) && var->varno == varno && var->varattno == key->columns[column] &&
			bms_is_subset(pull_varnos(NULL, other), known))
			return true;
	}
	return false;
}

/* Is at most one row of the reference joined to each row of the known ones? */
static bool
is_determined(IdentityContext *context, int varno, Bitmapset *known)
{
	List	   *conditions = make_ands_implicit((Expr *) context->from->jointree->quals);
	ListCell   *lc;

	foreach(lc, context->keys[varno - 1])
	{
		CandidateKey *key = lfirst(lc);
		int			column;

		for (column = 0; column < key->ncolumns; column++)
		{
			ListCell   *lc2;

			foreach(lc2, conditions)
				if (fixes_column(lfirst(lc2), varno, key, column, known))
					break;
			if (lc2 == NULL)
				break;
		}
		if (column == key->ncolumns)
			return true;
	}
	return false;
}

/* Do the rows of some references determine those of all? */
static bool
determine_all(IdentityContext *context, Bitmapset *some)
{
	int			n = list_length(context->from->rtable);
	Bitmapset  *known = bms_copy(some);
	bool		grown = true;

	while (grown)
	{
		grown = false;
		for (int varno = 1; varno <= n; varno++)
			if (!bms_is_member(varno, known) && is_determined(context, varno, known))
			{
				known = bms_add_member(known, varno);
				grown = true;
			}
	}
	return bms_num_members(known) == n;
}

/* The smallest key of a reference that the result shows whole, or NULL. */
static CandidateKey *
shown_key(IdentityContext *context, int varno)
{
	CandidateKey *best = NULL;
	ListCell   *lc;

	foreach(lc, context->keys[varno - 1])
	{
		CandidateKey *key = lfirst(lc);
		int			column;

		for (column = 0; column < key->ncolumns; column++)
			if (shown_as(context, varno, key->columns[column]) == 0)
				break;
		if (column == key->ncolumns && (best == NULL || key->ncolumns < best->ncolumns))
			best = key;
	}
	return best;
}

/*
 * Leave out references that the others determine, those first whose key is
 * not shown; the keys of the rest identify a row of the result.
 */
void
st_tree_find_identity(StTree *tree)
{
	IdentityContext context = {tree, tree->final, NULL};
	RangeTblEntry *first;
	Bitmapset  *kept = NULL;
	int			n;
	int			varno;

	if (tree->final->setOperations || tree->final->hasTargetSRFs)
		return;
	first = linitial_node(RangeTblEntry, tree->final->rtable);
	if (st_join_ordinal(first) >= 0)
	{
		context.from = first->subquery;
		/* a slice shows the rows of one relation, or anything */
		if (((StJoin *) list_nth(tree->joins, st_join_ordinal(first)))->kind != ST_JOIN_INNER &&
			(list_length(context.from->rtable) != 1 || context.from->groupClause || context.from->hasAggs ||
			 context.from->distinctClause || context.from->setOperations || context.from->hasTargetSRFs ||
			 context.from->havingQual))
			return;
	}
	n = list_length(context.from->rtable);
	context.keys = palloc0(sizeof(List *) * n);
	for (varno = 1; varno <= n; varno++)
	{
		RangeTblEntry *rte = rt_fetch(varno, context.from->rtable);

		if (rte->rtekind == RTE_RELATION)
			context.keys[varno - 1] = relation_keys(rte->relid);
		else if (st_node_leaf_ordinal(rte) >= 0)
			context.keys[varno - 1] = state_keys(list_nth(tree->nodes, st_node_leaf_ordinal(rte)));
		kept = bms_add_member(kept, varno);
	}
	for (int pass = 0; pass < 2; pass++)
		for (varno = n; varno >= 1; varno--)
		{
			Bitmapset  *rest = bms_del_member(bms_copy(kept), varno);

			if ((pass == 1 || shown_key(&context, varno) == NULL) && determine_all(&context, rest))
				kept = rest;
		}

	tree->keys = palloc(sizeof(AttrNumber) * list_length(tree->final->targetList));
	tree->key_simple = true;
	varno = -1;
	while ((varno = bms_next_member(kept, varno)) >= 0)
	{
		CandidateKey *key = shown_key(&context, varno);

		if (key == NULL)
		{
			tree->nkeys = 0;
			return;
		}
		for (int column = 0; column < key->ncolumns; column++)
			tree->keys[tree->nkeys++] = shown_as(&context, varno, key->columns[column]);
		tree->key_simple = tree->key_simple && key->simple;
	}
	tree->key_simple = tree->key_simple && tree->nkeys > 0 && tree->nkeys <= INDEX_MAX_KEYS;
}
