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

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

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

/* The result column that shows this column of the block's only relation, or 0. */
static AttrNumber
result_column_of(Query *block, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, block->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (IsA(tle->expr, Var) && ((Var *) tle->expr)->varattno == attnum)
			return tle->resno;
	}
	return 0;
}

/* Whether a unique index on values of the type can serve: they are small and ordered. */
static bool
is_simple(Oid type)
{
	return get_typlen(type) > 0 && OidIsValid(GetDefaultOpClass(type, BTREE_AM_OID));
}

/* A usable key of the source, all of whose columns the block shows. */
static void
find_source_key(StTree *tree, Oid relid)
{
	Relation	rel;
	ListCell   *lc;

	/* an inheritance child may hold a second row with the same key */
	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE && has_subclass(relid))
		return;
	rel = table_open(relid, AccessShareLock);
	foreach(lc, RelationGetIndexList(rel))
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		Form_pg_index index;
		bool		usable;
		AttrNumber	keys[INDEX_MAX_KEYS];
		bool		simple = true;

		if (!HeapTupleIsValid(tuple))
			continue;
		index = (Form_pg_index) GETSTRUCT(tuple);
		usable = index->indisunique && index->indisvalid && index->indimmediate &&
			heap_attisnull(tuple, Anum_pg_index_indpred, NULL) &&
			heap_attisnull(tuple, Anum_pg_index_indexprs, NULL);
		for (int i = 0; usable && i < index->indnkeyatts; i++)
		{
			AttrNumber	attnum = index->indkey.values[i];
			Form_pg_attribute attribute;

			if (attnum <= 0)
			{
				usable = false;
				break;
			}
			attribute = TupleDescAttr(rel->rd_att, attnum - 1);
			keys[i] = result_column_of(tree->final, attnum);
			usable = attribute->attnotnull && keys[i] > 0;
			simple = simple && is_simple(attribute->atttypid);
		}
		if (usable && (tree->nkeys == 0 || index->indnkeyatts < tree->nkeys))
		{
			tree->nkeys = index->indnkeyatts;
			tree->keys = palloc(sizeof(AttrNumber) * tree->nkeys);
			memcpy(tree->keys, keys, sizeof(AttrNumber) * tree->nkeys);
			tree->key_simple = simple;
		}
		ReleaseSysCache(tuple);
	}
	table_close(rel, NoLock);
}

/* The keys of the state below, if the block shows them all. */
static void
find_group_key(StTree *tree, StNode *node)
{
	AttrNumber *keys;

	if (node->nkeys == 0)
		return;
	keys = palloc(sizeof(AttrNumber) * node->nkeys);
	tree->key_simple = !node->inexact_keys && node->nkeys <= INDEX_MAX_KEYS;
	for (int i = 0; i < node->nkeys; i++)
	{
		Node	   *key = (Node *) list_nth_node(TargetEntry, node->block->targetList, i)->expr;

		keys[i] = result_column_of(tree->final, i + 1);
		if (keys[i] == 0)
			return;
		if (!node->key_not_null[i] || !is_simple(exprType(key)))
			tree->key_simple = false;
	}
	tree->nkeys = node->nkeys;
	tree->keys = keys;
}

void
st_tree_find_identity(StTree *tree)
{
	RangeTblEntry *rte;

	if (tree->final->setOperations || tree->final->hasTargetSRFs)
		return;
	rte = linitial_node(RangeTblEntry, tree->final->rtable);
	if (rte->rtekind == RTE_RELATION)
		find_source_key(tree, rte->relid);
	else if (rte->rtekind == RTE_CTE)
	{
		ListCell   *lc;

		foreach(lc, tree->nodes)
		{
			StNode	   *node = lfirst(lc);

			if (strcmp(st_node_leaf_name(node->ordinal), rte->ctename) == 0)
				find_group_key(tree, node);
		}
	}
}
