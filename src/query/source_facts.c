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

#include "catalog/stream_table.h"
#include "compat.h"
#include "query/source_facts.h"

static Bitmapset *
nullable_entries(Node *item, bool nullable)
{
	JoinExpr   *join = (JoinExpr *) item;
	Bitmapset  *result = NULL;
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, RangeTblRef))
		return nullable ? bms_make_singleton(((RangeTblRef *) item)->rtindex) : NULL;
	if (IsA(item, JoinExpr))
		return bms_join(nullable_entries(join->larg, nullable || join->jointype == JOIN_FULL || join->jointype == JOIN_RIGHT),
						nullable_entries(join->rarg, nullable || join->jointype == JOIN_FULL || join->jointype == JOIN_LEFT));
	foreach(lc, castNode(FromExpr, item)->fromlist)
		result = bms_join(result, nullable_entries(lfirst(lc), nullable));
	return result;
}

Bitmapset *
st_entries_nullable(Node *item)
{
	return nullable_entries(item, false);
}

bool
st_column_is_not_null(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
	ReleaseSysCache(tuple);
	return result;
}

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
	if (bms_is_member(var->varno, st_entries_nullable((Node *) query->jointree)))
		return false;
	if (rte->rtekind == RTE_SUBQUERY)
		return st_block_column_not_null(rte->subquery, var->varattno);
	if (rte->rtekind == RTE_RELATION)
		return st_column_is_not_null(rte->relid, var->varattno);
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
st_query_expr_not_null(Query *query, Node *expr)
{
	Var		   *var = (Var *) expr;

	if (IsA(expr, RelabelType))
		return st_query_expr_not_null(query, (Node *) ((RelabelType *) expr)->arg);
	if (IsA(expr, Var))
	{
		if (var->varlevelsup > 0 || rt_fetch(var->varno, query->rtable)->rtekind != RTE_RELATION)
			return false;
	}
	return expr_not_null(expr, query);
}

bool
st_query_column_not_null(Query *query, int column)
{
	if (query->setOperations || query->groupingSets || query->hasTargetSRFs)
		return false;
	return st_query_expr_not_null(query, (Node *) list_nth_node(TargetEntry, query->targetList, column - 1)->expr);
}

bool
st_relation_has_virtual(Oid relid)
{
#ifdef ST_HAVE_VIRTUAL_GENERATED
	Relation	rel = table_open(relid, AccessShareLock);
	bool		result = rel->rd_att->constr && rel->rd_att->constr->has_generated_virtual;

	table_close(rel, AccessShareLock);
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
	table_close(rel, AccessShareLock);
	return result;
}

bool
st_relation_orders_behind(Oid relid, const Bitmapset *attnums, AttrNumber last)
{
	Relation	rel = table_open(relid, AccessShareLock);
	List	   *indexes = RelationGetIndexList(rel);
	int			n = bms_num_members(attnums);
	bool		result = false;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;
		Bitmapset  *first = NULL;

		if (form->indisvalid && form->indnkeyatts > n && index->rd_rel->relam == BTREE_AM_OID &&
			heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL) && form->indkey.values[n] == last)
		{
			for (int i = 0; i < n; i++)
				if (form->indkey.values[i] > 0)
					first = bms_add_member(first, form->indkey.values[i]);
			result |= bms_equal(first, attnums);
		}
		index_close(index, AccessShareLock);
	}
	table_close(rel, AccessShareLock);
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

/* What a query reads side by side. */
typedef struct IdentityContext
{
	StTree	   *tree;
	Query	   *query;
	List	   *conditions;		/* under which it joins them */
	List	  **keys;			/* of CandidateKey, by reference */
} IdentityContext;

bool
st_type_is_small_key(Oid type)
{
	return get_typlen(type) > 0 && OidIsValid(GetDefaultOpClass(type, BTREE_AM_OID));
}

int
st_state_lookup_key(List *types)
{
	bool		all_small = types != NIL && list_length(types) <= INDEX_MAX_KEYS;
	int			small = -1;
	int			hashed = -1;
	ListCell   *lc;

	foreach(lc, types)
	{
		int			position = foreach_current_index(lc) + 1;

		if (st_type_is_small_key(lfirst_oid(lc)))
		{
			small = small < 0 ? position : small;
			continue;
		}
		all_small = false;

		/*
		 * the type cache knows whether what an array or a row consists of can
		 * be hashed
		 */
		if (hashed < 0 && OidIsValid(GetDefaultOpClass(lfirst_oid(lc), HASH_AM_OID)) &&
			OidIsValid(lookup_type_cache(lfirst_oid(lc), TYPECACHE_HASH_PROC)->hash_proc))
			hashed = position;
	}
	return all_small ? 0 : small > 0 ? small : hashed;
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

/* Columns of a stream table that are its unique key: refreshes never write a NULL there. */
static Bitmapset *
stream_table_key(Oid relid)
{
	StStreamTable *table = st_stream_table_get_if_exists(relid);
	Bitmapset  *key = NULL;

	if (table && table->identity_kind == ST_IDENTITY_KEY)
		for (int i = 0; i < table->nkeys; i++)
			key = bms_add_member(key, table->keys[i]);
	return key;
}

static List *
relation_keys(Oid relid)
{
	Relation	rel;
	Bitmapset  *never_null;
	List	   *keys = NIL;
	ListCell   *lc;

	/* an inheritance child may hold a second row with the same key */
	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE && has_subclass(relid))
		return NIL;
	never_null = stream_table_key(relid);
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

			usable = attnum > 0 && (TupleDescAttr(rel->rd_att, attnum - 1)->attnotnull ||
									bms_is_member(attnum, never_null));
			if (!usable)
				break;
			key->columns[i] = attnum;
			key->families[i] = index_rel->rd_opfamily[i];
			key->collations[i] = index_rel->rd_indcollation[i];
			key->simple = key->simple && st_type_is_small_key(TupleDescAttr(rel->rd_att, attnum - 1)->atttypid);
		}
		if (usable)
			keys = lappend(keys, key);
		index_close(index_rel, NoLock);
	}
	table_close(rel, AccessShareLock);
	return keys;
}

/* A state's rows differ in their keys; a key that is a constant tells none apart. */
static List *
state_keys(StNode *node)
{
	CandidateKey *key;
	int			n = 0;

	/* the first rows of an order may be alike, and those of a recursion */
	if ((node->top && (node->limit > 1 || node->limit_column || node->ties)) || node->step || node->whole || node->windows)
		return NIL;
	key = make_candidate_key(node->nkeys);
	key->simple = key->simple && !node->inexact_keys;
	for (int i = 0; i < node->nkeys; i++)
	{
		Node	   *expr = (Node *) list_nth_node(TargetEntry, node->block->targetList, i)->expr;

		if (IsA(expr, Const))
			continue;
		key->columns[n] = i + 1;
		key->families[n] = lookup_type_cache(exprType(expr), TYPECACHE_BTREE_OPFAMILY)->btree_opf;
		key->collations[n] = exprCollation(expr);
		if (!node->key_not_null[i] || !st_type_is_small_key(exprType(expr)))
			key->simple = false;
		n++;
	}
	key->ncolumns = n;
	return list_make1(key);
}

/* Does a condition ask for NULL on both sides of a comparison? */
static bool
asks_for_nulls(Node *condition, OpExpr *comparison)
{
	Bitmapset  *asked = NULL;
	ListCell   *lc;

	foreach(lc, make_ands_implicit((Expr *) condition))
	{
		NullTest   *test = lfirst(lc);

		if (!IsA(test, NullTest) || test->nulltesttype != IS_NULL)
			continue;
		for (int side = 0; side < 2; side++)
			if (equal(test->arg, list_nth(comparison->args, side)))
				asked = bms_add_member(asked, side);
	}
	return bms_num_members(asked) == 2;
}

/* Does the condition fix this key column to something of the known references? */
static bool
fixes_column(OpExpr *condition, int varno, CandidateKey *key, int column, Bitmapset *known)
{
	/* "a = b OR (a IS NULL AND b IS NULL)" */
	if (is_orclause(condition) && list_length(((BoolExpr *) condition)->args) == 2)
		return fixes_column(linitial(((BoolExpr *) condition)->args), varno, key, column, known) &&
			asks_for_nulls(lsecond(((BoolExpr *) condition)->args), linitial(((BoolExpr *) condition)->args));
	if (!IsA(condition, OpExpr) || list_length(condition->args) != 2 ||
		(OidIsValid(key->collations[column]) && condition->inputcollid != key->collations[column]) ||
		get_op_opfamily_strategy(condition->opno, key->families[column]) != BTEqualStrategyNumber)
		return false;
	for (int side = 0; side < 2; side++)
	{
		Var		   *var = list_nth(condition->args, side);
		Node	   *other = list_nth(condition->args, 1 - side);

		/*
		 * a cast that keeps the value's bytes, as of varchar to text, is no
		 * obstacle
		 */
		while (IsA(var, RelabelType))
			var = (Var *) ((RelabelType *) var)->arg;
		if (IsA(var, Var) && var->varlevelsup == 0 && var->varno == varno &&
			var->varattno == key->columns[column] &&
			bms_is_subset(pull_varnos(NULL, other), known))
			return true;
	}
	return false;
}

/* Is at most one row of the reference joined to each row of the known ones? */
static bool
is_determined(IdentityContext *context, int varno, Bitmapset *known)
{
	ListCell   *lc;

	foreach(lc, context->keys[varno - 1])
	{
		CandidateKey *key = lfirst(lc);
		int			column;

		for (column = 0; column < key->ncolumns; column++)
		{
			ListCell   *lc2;

			foreach(lc2, context->conditions)
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

/* These references, and those whose rows they determine. */
static Bitmapset *
determined_by(IdentityContext *context, const Bitmapset *some, int n)
{
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
	return known;
}

/* Do the rows of some references determine those of all? */
static bool
determine_all(IdentityContext *context, Bitmapset *some, int n)
{
	return bms_num_members(determined_by(context, some, n)) == n;
}

/* The smallest key of a reference that the query shows whole, or NULL. */
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
			if (target_position(context->query->targetList, varno, key->columns[column]) == 0)
				break;
		if (column == key->ncolumns && (best == NULL || key->ncolumns < best->ncolumns))
			best = key;
	}
	return best;
}

static List *query_keys(StTree *tree, Query *query, Bitmapset *shown);

/* Keys of a reference; "shown" are the columns that the query above shows. */
static List *
entry_keys(IdentityContext *context, int varno)
{
	RangeTblEntry *rte = rt_fetch(varno, context->query->rtable);
	StNode	   *node = NULL;
	Bitmapset  *shown = NULL;
	ListCell   *lc;

	if (rte->rtekind == RTE_RELATION)
		return relation_keys(rte->relid);
	if (st_node_leaf_ordinal(rte) >= 0)
		node = list_nth(context->tree->nodes, st_node_leaf_ordinal(rte));
	if (node && node->windows == NIL)
		return state_keys(node);
	if (rte->rtekind != RTE_SUBQUERY && node == NULL)
		return NIL;
	/* a slice shows the rows of one relation, or anything */
	if (node == NULL && st_join_ordinal(rte) >= 0 && list_length(rte->subquery->rtable) != 1 &&
		((StJoin *) list_nth(context->tree->joins, st_join_ordinal(rte)))->kind == ST_JOIN_SLICE)
		return NIL;
	foreach(lc, context->query->targetList)
	{
		Var		   *var = (Var *) lfirst_node(TargetEntry, lc)->expr;

		if (IsA(var, Var) && var->varno == varno)
			shown = bms_add_member(shown, var->varattno);
	}
	/* windows have the rows of what they are over, and its columns in front */
	return query_keys(context->tree, node ? node->block : rte->subquery, shown);
}

/*
 * The references of a query, and the conditions of its join; how many of them
 * identify a row together with those that determine. Those behind are NULL
 * where nothing was found, and must be determined.
 */
static int
look_at_join(IdentityContext *context)
{
	Query	   *query = context->query;
	JoinExpr   *join = linitial(query->jointree->fromlist);

	if (!IsA(join, JoinExpr))
	{
		context->conditions = make_ands_implicit((Expr *) query->jointree->quals);
		return list_length(query->rtable);
	}
	context->conditions = make_ands_implicit((Expr *) join->quals);
	return join->jointype == JOIN_LEFT ? 1 : 0;
}

/*
 * A key of a query's rows, if there is one, as a list: leave out references
 * that the others determine, those first whose key is not shown; the keys of
 * the rest identify a row. "shown" are the columns that may be used, NULL all.
 */
static List *
query_keys(StTree *tree, Query *query, Bitmapset *shown)
{
	IdentityContext context = {tree, query};
	Bitmapset  *kept = NULL;
	CandidateKey *result;
	List	   *parts = NIL;
	int			n = 0;
	int			ncolumns = 0;
	int			preserved;
	int			varno;
	ListCell   *lc;

	check_stack_depth();
	if (query->setOperations || query->hasTargetSRFs || query->groupClause || query->hasAggs ||
		query->distinctClause || query->havingQual || query->groupingSets || query->jointree->fromlist == NIL)
		return NIL;
	if (shown)
	{
		/* columns that are not shown are as good as none */
		query = copyObject(query);
		foreach(lc, query->targetList)
			if (!bms_is_member(lfirst_node(TargetEntry, lc)->resno, shown))
				lfirst_node(TargetEntry, lc)->expr = (Expr *) makeBoolConst(true, false);
		context.query = query;
	}
	preserved = look_at_join(&context);
	foreach(lc, query->rtable)
		if (lfirst_node(RangeTblEntry, lc)->rtekind != RTE_JOIN)
			n++;
	context.keys = palloc0(sizeof(List *) * list_length(query->rtable));
	for (varno = 1; varno <= n; varno++)
	{
		context.keys[varno - 1] = entry_keys(&context, varno);
		kept = bms_add_member(kept, varno);
	}
	for (int pass = 0; pass < 2; pass++)
		for (varno = n; varno >= 1; varno--)
		{
			Bitmapset  *rest = bms_del_member(bms_copy(kept), varno);

			if ((pass == 1 || shown_key(&context, varno) == NULL) && determine_all(&context, rest, n) &&
				(preserved == n || varno > preserved))
				kept = rest;
		}

	varno = -1;
	while ((varno = bms_next_member(kept, varno)) >= 0)
	{
		CandidateKey *key = shown_key(&context, varno);

		if (key == NULL || varno > preserved)
			return NIL;
		parts = lappend(parts, key);
		ncolumns += key->ncolumns;
	}
	result = make_candidate_key(ncolumns);
	ncolumns = 0;
	varno = -1;
	foreach(lc, parts)
	{
		CandidateKey *key = lfirst(lc);

		varno = bms_next_member(kept, varno);
		for (int column = 0; column < key->ncolumns; column++)
		{
			result->columns[ncolumns] = target_position(query->targetList, varno, key->columns[column]);
			result->families[ncolumns] = key->families[column];
			result->collations[ncolumns++] = key->collations[column];
		}
		result->simple = result->simple && key->simple;
	}
	return list_make1(result);
}

bool
st_query_has_one_row(Query *query)
{
	IdentityContext context = {NULL, query};
	int			n = list_length(query->rtable);
	ListCell   *lc;

	if (list_length(query->jointree->fromlist) != n)
		return false;
	context.keys = palloc0(sizeof(List *) * n);
	context.conditions = make_ands_implicit((Expr *) query->jointree->quals);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind != RTE_RELATION)
			return false;
		context.keys[foreach_current_index(lc)] = relation_keys(rte->relid);
	}
	return determine_all(&context, NULL, n);
}

bool
st_query_determines(Query *query, const Bitmapset *known, const Bitmapset *others)
{
	IdentityContext context = {NULL, query};
	int			n = list_length(query->rtable);
	int			varno = -1;

	/* what is neither has no keys here, and so is not determined */
	context.keys = palloc0(sizeof(List *) * n);
	context.conditions = make_ands_implicit((Expr *) query->jointree->quals);
	while ((varno = bms_next_member(others, varno)) >= 0)
		context.keys[varno - 1] = relation_keys(rt_fetch(varno, query->rtable)->relid);
	return bms_is_subset(others, determined_by(&context, known, n));
}

void
st_tree_find_identity(StTree *tree)
{
	List	   *keys = query_keys(tree, tree->final, NULL);
	CandidateKey *key;

	if (keys == NIL)
		return;
	key = linitial(keys);
	tree->nkeys = key->ncolumns;
	tree->keys = key->columns;
	tree->key_simple = key->simple && key->ncolumns > 0;
}
