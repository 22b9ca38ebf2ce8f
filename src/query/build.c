/*-------------------------------------------------------------------------
 *
 * build.c
 *	  Decompose a rewritten query into linear blocks and states.
 *
 * NOTES
 *	  Input: the analysed query with its views expanded. Output: a tree of
 *	  nodes and joins, inputs first, and the final linear block. A block is a
 *	  Query in which every level reads one relation, subquery, state or join, or
 *	  is a UNION ALL of such: a delta of its leaves, put in the leaves' place,
 *	  gives the delta of the block (it is linear, architecture decision 6). A
 *	  join's delta is made of terms, so it is a leaf of the block above it.
 *	  Grouping and DISTINCT end a block: their result is a state, which the block
 *	  above reads as a leaf.
 *
 *	  A query outside this language is no error here: "reason" says in one
 *	  line why it has no delta, and the caller recomputes or refuses.
 *
 *	  The input is copied, not changed. Everything lives in
 *	  CurrentMemoryContext.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/nbtree.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "query/build.h"
#include "query/clock.h"
#include "query/numeric_scale.h"
#include "query/source_facts.h"
#include "query/untie.h"
#include "util/fault.h"

void *
st_decline(BuildContext *context, const char *reason)
{
	if (context->reason == NULL)
		context->reason = reason;
	return NULL;
}

#define LEAF_PREFIX "__pgt_s"

const char *
st_node_leaf_name(int ordinal)
{
	return psprintf(LEAF_PREFIX "%d", ordinal);
}

int
st_node_leaf_ordinal(const RangeTblEntry *rte)
{
	if (rte->rtekind != RTE_CTE || strncmp(rte->ctename, LEAF_PREFIX, strlen(LEAF_PREFIX)) != 0)
		return -1;
	return atoi(rte->ctename + strlen(LEAF_PREFIX));
}

/* ----- common table expressions ----- */

typedef struct InlineContext
{
	const char *name;
	Query	   *query;
	int			levelsup;
} InlineContext;

/* As inline_cte_walker in PostgreSQL's subselect.c. */
static bool
inline_cte_walker(Node *node, void *arg)
{
	InlineContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
	{
		context->levelsup++;
		(void) query_tree_walker((Query *) node, inline_cte_walker, arg, QTW_EXAMINE_RTES_AFTER);
		context->levelsup--;
		return false;
	}
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_CTE && rte->ctelevelsup == context->levelsup &&
			strcmp(rte->ctename, context->name) == 0)
		{
			Query	   *copy = copyObject(context->query);

			if (context->levelsup > 0)
				IncrementVarSublevelsUp((Node *) copy, context->levelsup, 1);
			rte->rtekind = RTE_SUBQUERY;
			rte->subquery = copy;
			rte->security_barrier = false;
			rte->ctename = NULL;
			rte->ctelevelsup = 0;
			rte->self_reference = false;
			rte->coltypes = NIL;
			rte->coltypmods = NIL;
			rte->colcollations = NIL;
		}
		return false;
	}
	return expression_tree_walker(node, inline_cte_walker, arg);
}

typedef struct ReferenceContext
{
	const char *name;
	int			levelsup;
} ReferenceContext;

/* Is the common table expression read by anything but itself? */
static bool
reference_walker(Node *node, void *arg)
{
	ReferenceContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
	{
		bool		found;

		context->levelsup++;
		found = query_tree_walker((Query *) node, reference_walker, arg, QTW_EXAMINE_RTES_BEFORE);
		context->levelsup--;
		return found;
	}
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		return rte->rtekind == RTE_CTE && rte->ctelevelsup == context->levelsup && !rte->self_reference &&
			strcmp(rte->ctename, context->name) == 0;
	}
	return expression_tree_walker(node, reference_walker, arg);
}

/* What is not read is not computed either: PostgreSQL does not. One is read by later ones only. */
static void
drop_unread_ctes(Query *query)
{
	for (int i = list_length(query->cteList) - 1; i >= 0; i--)
	{
		CommonTableExpr *cte = list_nth_node(CommonTableExpr, query->cteList, i);
		ReferenceContext context = {cte->ctename, -1};

		if (castNode(Query, cte->ctequery)->commandType == CMD_SELECT && !reference_walker((Node *) query, &context))
			query->cteList = list_delete_nth_cell(query->cteList, i);
	}
}

/*
 * A query that is read more than once is put in every place: equal states and
 * joins become one (rule A5), so a choice that it holds is still made once.
 */
bool
st_inline_ctes(Query *query, const StAskers *askers, BuildContext *context)
{
	ListCell   *lc;

	drop_unread_ctes(query);
	foreach(lc, query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);
		InlineContext inlining = {.name = cte->ctename, .levelsup = -1};

		CHECK_FOR_INTERRUPTS();
		if (cte->cterecursive)
			st_spread_rounds(cte);
		inlining.query = castNode(Query, cte->ctequery);
		if (cte->cterecursive)
		{
			StDomain   *domain = NULL;

			/* the WITH query is a level below the query that it belongs to */
			if (askers && st_is_correlated(inlining.query))
			{
				domain = st_untie_recursion(askers, cte, context);
				if (domain == NULL)
					return false;
			}
			inlining.query = st_recursion(cte, domain ? list_length(domain->asked) : 0, context);
			if (inlining.query == NULL)
				return false;
			if (domain)
				st_tie_recursion(askers, domain, inlining.query);
		}
		if (inlining.query->commandType != CMD_SELECT)
			return st_decline(context, "WITH contains a data-modifying statement") != NULL;
		(void) inline_cte_walker((Node *) query, &inlining);
	}
	query->cteList = NIL;
	return true;
}

/* ----- exactness of keys (rule A3) ----- */

/* The scale that all values of a block's column have, in every arm of a UNION ALL; or -1. */
static int
column_scale(Query *block, int column)
{
	int			scale = -1;
	ListCell   *lc;

	check_stack_depth();
	if (block->setOperations == NULL)
		return st_numeric_scale((Node *) list_nth_node(TargetEntry, block->targetList, column)->expr,
								block->rtable);
	foreach(lc, block->rtable)
	{
		int			arm = column_scale(lfirst_node(RangeTblEntry, lc)->subquery, column);

		if (arm < 0 || (scale >= 0 && arm != scale))
			return -1;
		scale = arm;
	}
	return scale;
}

bool
st_type_is_exact(Oid type, int32 typmod, Oid collation)
{
	TypeCacheEntry *entry;
	Oid			proc;

	type = getBaseTypeAndTypmod(type, &typmod);

	/*
	 * equal values of char(n) are padded alike; without a length they need
	 * not be
	 */
	if (type == BPCHAROID)
		return typmod >= (int32) VARHDRSZ && get_collation_isdeterministic(collation);
	entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);
	if (!OidIsValid(entry->btree_opf))
		return false;
	proc = get_opfamily_proc(entry->btree_opf, entry->btree_opintype, entry->btree_opintype,
							 BTEQUALIMAGE_PROC);
	return OidIsValid(proc) &&
		DatumGetBool(OidFunctionCall1Coll(proc, collation, ObjectIdGetDatum(entry->btree_opintype)));
}

bool
st_key_is_exact(Node *key, List *rtable)
{
	/* equal numerics of one scale are one image */
	if (getBaseType(exprType(key)) == NUMERICOID && st_numeric_scale(key, rtable) >= 0)
		return true;
	return st_type_is_exact(exprType(key), exprTypmod(key), exprCollation(key));
}

Node *
st_make_image(Node *expr)
{
	CollateExpr *image = makeNode(CollateExpr);
	CoerceViaIO *text = makeNode(CoerceViaIO);

	/* as text char(n) loses its blanks, which it shows if it has no length */
	if (getBaseType(exprType(expr)) == BPCHAROID)
		image->arg = (Expr *) makeFuncExpr(F_CONCAT, TEXTOID, list_make1(copyObject(expr)), DEFAULT_COLLATION_OID,
										   exprCollation(expr), COERCE_EXPLICIT_CALL);
	else
	{
		text->arg = (Expr *) copyObject(expr);
		text->resulttype = TEXTOID;
		text->resultcollid = DEFAULT_COLLATION_OID;
		text->coerceformat = COERCE_EXPLICIT_CAST;
		text->location = -1;
		image->arg = (Expr *) text;
	}
	image->collOid = ST_FAULT("A3 collation") ? exprCollation(expr) : C_COLLATION_OID;
	image->location = -1;
	return (Node *) image;
}

Node *
st_image_of(Node *expr, List *rtable)
{
	return st_key_is_exact(expr, rtable) || ST_FAULT("A3 side") ? NULL : st_make_image(expr);
}

bool
st_column_is_exact(Query *block, int column)
{
	Node	   *key = (Node *) list_nth_node(TargetEntry, block->targetList, column)->expr;

	return (getBaseType(exprType(key)) == NUMERICOID && column_scale(block, column) >= 0) ||
		st_type_is_exact(exprType(key), exprTypmod(key), exprCollation(key));
}

static bool
key_type_is_hashable(Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_HASH_EXTENDED_PROC | TYPECACHE_EQ_OPR);

	return OidIsValid(entry->hash_extended_proc) && OidIsValid(entry->eq_opr);
}

/* ----- aggregates ----- */

/* The strategy for one of PostgreSQL's own aggregates. */
static StAggregateStrategy
classify_aggregate(Aggref *aggref)
{
	char	   *name = get_func_name(aggref->aggfnoid);
	Oid			type;

	if (get_func_namespace(aggref->aggfnoid) != PG_CATALOG_NAMESPACE || name == NULL || st_is_record(aggref->aggtype) ||
		aggref->aggdistinct != NIL || aggref->aggdirectargs != NIL ||
		aggref->aggkind != AGGKIND_NORMAL || list_length(aggref->args) > 1)
		return ST_AGGREGATE_RECOMPUTE;
	if (aggref->aggstar)
		return aggref->aggfilter ? ST_AGGREGATE_COUNT : ST_AGGREGATE_COUNT_ROWS;
	if (list_length(aggref->args) != 1)
		return ST_AGGREGATE_RECOMPUTE;
	if (strcmp(name, "count") == 0)
		return ST_AGGREGATE_COUNT;
	type = linitial_oid(aggref->aggargtypes);
	if (strcmp(name, "sum") == 0 || strcmp(name, "avg") == 0)
	{
		if (type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID)
			return strcmp(name, "sum") == 0 ? ST_AGGREGATE_SUM : ST_AGGREGATE_AVG;
		return ST_AGGREGATE_RECOMPUTE;
	}
	if (type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID)
	{
		if (strcmp(name, "variance") == 0 || strcmp(name, "var_samp") == 0)
			return ST_AGGREGATE_VAR_SAMP;
		if (strcmp(name, "var_pop") == 0)
			return ST_AGGREGATE_VAR_POP;
		if (strcmp(name, "stddev") == 0 || strcmp(name, "stddev_samp") == 0)
			return ST_AGGREGATE_STDDEV_SAMP;
		if (strcmp(name, "stddev_pop") == 0)
			return ST_AGGREGATE_STDDEV_POP;
	}
	/* min and max of floats: NaN and -0.0 compare totally, nothing special */
	if (strcmp(name, "min") == 0)
		return ST_AGGREGATE_MIN;
	if (strcmp(name, "max") == 0)
		return ST_AGGREGATE_MAX;
	if (strcmp(name, "bool_and") == 0 || strcmp(name, "every") == 0)
		return ST_AGGREGATE_BOOL_AND;
	if (strcmp(name, "bool_or") == 0)
		return ST_AGGREGATE_BOOL_OR;
	return ST_AGGREGATE_RECOMPUTE;
}

typedef struct GroupContext
{
	BuildContext *build;
	Query	   *inner;			/* the block in the making */
	StNode	   *node;
	List	   *keys;			/* expressions over the query's FROM */
	List	   *arguments;		/* expressions of the block after the keys */
	List	   *originals;		/* Aggrefs as they stand in the query */
	Index		depth;			/* levels of subqueries around the expression */
} GroupContext;

/* The block column of an argument expression; numbered from 1 among arguments. */
static int
argument_column(GroupContext *context, Expr *expr)
{
	return st_position_in(&context->arguments, (Node *) expr);
}

/* A Var of the block; argument numbers become attribute numbers in finish_aggregates. */
static Var *
argument_var(GroupContext *context, Expr *expr)
{
	int			position = argument_column(context, expr);

	return makeVar(1, -position, exprType((Node *) expr), exprTypmod((Node *) expr),
				   exprCollation((Node *) expr), 0);
}

static Expr *
fold_filter(Expr *argument, Expr *filter)
{
	CaseExpr   *result = makeNode(CaseExpr);
	CaseWhen   *when = makeNode(CaseWhen);

	when->expr = filter;
	when->result = argument;
	when->location = -1;
	result->casetype = exprType((Node *) argument);
	result->casecollid = exprCollation((Node *) argument);
	result->args = list_make1(when);
	result->defresult = (Expr *) makeNullConst(exprType((Node *) argument),
											   exprTypmod((Node *) argument),
											   exprCollation((Node *) argument));
	result->location = -1;
	return (Expr *) result;
}

static Node *key_mutator(Node *node, void *arg);
static Node *any_value(GroupContext *context, Var *var);

/* The aggregate within what JSON_OBJECTAGG and JSON_ARRAYAGG put around it, or NULL. */
static Aggref **
json_aggregate(Node *node)
{
#ifdef ST_HAVE_JSON_CONSTRUCTOR
	if (IsA(node, JsonConstructorExpr) && ((JsonConstructorExpr *) node)->func &&
		IsA(((JsonConstructorExpr *) node)->func, Aggref))
		return (Aggref **) &((JsonConstructorExpr *) node)->func;
#endif
	return NULL;
}

/* Find or add the aggregate; returns its 1-based number. */
static int
add_aggregate(GroupContext *context, Node *original)
{
	Aggref	   *aggref = IsA(original, Aggref) ? (Aggref *) original : *json_aggregate(original);
	StAggregate *aggregate;
	ListCell   *lc;
	int			position = 1;

	foreach(lc, context->originals)
	{
		if (equal(lfirst(lc), original))
			return position;
		position++;
	}
	context->originals = lappend(context->originals, original);

	aggregate = palloc0(sizeof(StAggregate));
	aggregate->strategy = (Node *) aggref == original ? classify_aggregate(aggref) : ST_AGGREGATE_RECOMPUTE;
	aggregate->aggref = copyObject(aggref);
	aggregate->result = (Node *) aggregate->aggref;
	if ((Node *) aggref != original)
	{
		aggregate->result = copyObject(original);
		*json_aggregate(aggregate->result) = aggregate->aggref;
	}
	if (aggregate->strategy == ST_AGGREGATE_RECOMPUTE)
	{
		Aggref	   *copy = aggregate->aggref;

		context->node->recompute = true;
		foreach(lc, copy->args)
		{
			TargetEntry *tle = lfirst_node(TargetEntry, lc);

			tle->expr = (Expr *) argument_var(context, tle->expr);
		}
		copy->aggdirectargs = (List *) key_mutator((Node *) copy->aggdirectargs, context);
		if (copy->aggfilter)
			copy->aggfilter = (Expr *) argument_var(context, copy->aggfilter);
		aggregate->result = (Node *) st_store_record((Expr *) aggregate->result);
	}
	else if (aggregate->strategy != ST_AGGREGATE_COUNT_ROWS)
	{
		Expr	   *argument = aggref->aggstar ? (Expr *) makeBoolConst(true, false) :
			linitial_node(TargetEntry, aggref->args)->expr;

		aggregate->track_scale =
			aggregate->strategy >= ST_AGGREGATE_SUM && aggregate->strategy <= ST_AGGREGATE_STDDEV_SAMP &&
			exprType((Node *) argument) == NUMERICOID &&
			st_numeric_scale((Node *) argument, context->inner->rtable) < 0;
		if (aggref->aggfilter)
			argument = fold_filter(argument, aggref->aggfilter);
		aggregate->argument = argument_column(context, argument);
	}
	context->node->aggregates = lappend(context->node->aggregates, aggregate);
	return position;
}

/* The value of an aggregate as its state has it, read that many levels of subqueries below the grouping. */
static Node *
aggregate_value(Node *original, int position, Index depth)
{
	Oid			type = exprType(original);
	Var		   *var = makeVar(1, -position, st_is_record(type) ? BYTEAOID : type, -1, exprCollation(original), depth);

	return (Node *) st_stored_record((Expr *) var, type);
}

/* Is an expression, so many levels of subqueries below the grouping, one of its keys? */
static bool
is_key_from_below(Node *key, Node *node, Index depth)
{
	if (depth == 0)
		return equal(key, node);
	if (nodeTag(key) != nodeTag(node) || !contain_vars_of_level(node, depth))
		return false;
	key = copyObject(key);
	IncrementVarSublevelsUp(key, depth, 0);
	return equal(key, node);
}

/* An aggregate of the grouped rows that stands in a subquery, brought up to their level. */
static int
add_from_below(GroupContext *context, Aggref *aggref)
{
	Index		depth = context->depth;
	int			position;

	context->depth = 0;
	position = add_aggregate(context, (Node *) aggref);
	context->depth = depth;
	return position;
}

/*
 * An expression above the grouping, over the query's FROM, becomes one over
 * the state: keys are k columns, aggregates v columns (negative attribute
 * numbers mark those until the number of keys is known). A column that is
 * functionally dependent on the keys becomes one more key.
 */
static Node *
key_mutator(Node *node, void *arg)
{
	GroupContext *context = arg;
	ListCell   *lc;
	int			position = 1;

	if (node == NULL || context->build->reason)
		return node;
	check_stack_depth();
	if (!IsA(node, List) && !IsA(node, Const))
		foreach(lc, context->keys)
		{
			Node	   *key = lfirst(lc);

			if (is_key_from_below(key, node, context->depth))
				return (Node *) makeVar(1, position, exprType(key), exprTypmod(key),
										exprCollation(key), context->depth);
			position++;
		}

	/*
	 * a subquery above the grouping may hold aggregates of its rows, and has
	 * some of its own
	 */
	if (IsA(node, Aggref) && context->depth > 0)
	{
		Aggref	   *aggref = copyObject((Aggref *) node);

		if (aggref->agglevelsup != context->depth)
			return expression_tree_mutator(node, key_mutator, arg);
		IncrementVarSublevelsUp((Node *) aggref, -(int) context->depth, context->depth);
		return aggregate_value(node, add_from_below(context, aggref), context->depth);
	}
	if (context->depth == 0 && (IsA(node, Aggref) || json_aggregate(node)))
		return aggregate_value(node, add_aggregate(context, node), 0);
	if (IsA(node, Query))
	{
		Query	   *result;

		if (!st_is_correlated((Query *) node) && context->depth == 0)
			return node;
		context->depth++;
		result = query_tree_mutator((Query *) node, key_mutator, arg, 0);
		context->depth--;
		return (Node *) result;
	}
	/* without grouping sets every key is there */
	if (IsA(node, GroupingFunc) && ((GroupingFunc *) node)->agglevelsup == context->depth)
		return (Node *) makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(0), false, true);
	if (IsA(node, Var))
	{
		Var		   *var = copyObject((Var *) node);

		if (var->varlevelsup < context->depth)
			return (Node *) var;
		if (var->varlevelsup > context->depth)
			return st_decline(context->build, "a reference to an outer query has no delta rule yet");
		var->varlevelsup = 0;
		if (!key_type_is_hashable(var->vartype) && OidIsValid(get_array_type(var->vartype)))
			return any_value(context, var);
		context->keys = lappend(context->keys, var);
		return (Node *) makeVar(1, list_length(context->keys), var->vartype, var->vartypmod,
								var->varcollid, context->depth);
	}
	return expression_tree_mutator(node, key_mutator, arg);
}

/*
 * A column that depends on the keys, all rows of a group have the same, but no
 * key can be of its type: (array_agg(column))[1].
 */
static Node *
any_value(GroupContext *context, Var *var)
{
	Aggref	   *aggref = makeNode(Aggref);
	SubscriptingRef *result = makeNode(SubscriptingRef);
	Index		depth = context->depth;
	Oid			array = get_array_type(var->vartype);

	aggref->aggfnoid = F_ARRAY_AGG_ANYNONARRAY;
	aggref->aggtype = array;
	aggref->aggcollid = aggref->inputcollid = var->varcollid;
	aggref->aggargtypes = list_make1_oid(var->vartype);
	aggref->args = list_make1(makeTargetEntry((Expr *) var, 1, NULL, false));
	aggref->aggkind = AGGKIND_NORMAL;
	aggref->aggsplit = AGGSPLIT_SIMPLE;
	aggref->aggno = aggref->aggtransno = -1;
	aggref->location = -1;

	result->refcontainertype = array;
	result->refelemtype = result->refrestype = var->vartype;
	result->reftypmod = -1;
	result->refcollid = var->varcollid;
	result->refupperindexpr = list_make1(makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(1), false, true));
	context->depth = 0;
	result->refexpr = (Expr *) makeVar(1, -add_aggregate(context, (Node *) aggref), array, -1, var->varcollid, depth);
	context->depth = depth;
	return (Node *) result;
}

typedef struct RenumberContext
{
	int			nkeys;
	Index		depth;
} RenumberContext;

/* Negative attribute numbers count from the columns behind the keys. */
static bool
renumber_walker(Node *node, void *arg)
{
	RenumberContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varlevelsup == context->depth && var->varattno < 0)
		{
			var->varattno = context->nkeys - var->varattno;
			var->varattnosyn = var->varattno;
		}
		return false;
	}
	if (IsA(node, Query))
	{
		context->depth++;
		(void) query_tree_walker((Query *) node, renumber_walker, arg, 0);
		context->depth--;
		return false;
	}
	return expression_tree_walker(node, renumber_walker, arg);
}

RangeTblEntry *
st_make_leaf(StNode *node)
{
	char	   *alias = psprintf("s%d", node->ordinal);
	RangeTblEntry *rte = st_make_with_entry(st_node_leaf_name(node->ordinal), alias, NIL);
	List	   *names = NIL;
	ListCell   *lc;
	int			i;

	for (i = 1; i <= node->nkeys; i++)
	{
		Node	   *key = (Node *) list_nth_node(TargetEntry, node->block->targetList, i - 1)->expr;

		names = lappend(names, makeString(psprintf("k%d", i)));
		rte->coltypes = lappend_oid(rte->coltypes, exprType(key));
		rte->coltypmods = lappend_int(rte->coltypmods, exprTypmod(key));
		rte->colcollations = lappend_oid(rte->colcollations, exprCollation(key));
	}
	i = 1;
	foreach(lc, node->aggregates)
	{
		Node	   *result = ((StAggregate *) lfirst(lc))->result;

		names = lappend(names, makeString(psprintf("v%d", i++)));
		rte->coltypes = lappend_oid(rte->coltypes, exprType(result));
		rte->coltypmods = lappend_int(rte->coltypmods, -1);
		rte->colcollations = lappend_oid(rte->colcollations, exprCollation(result));
	}
	for (i = 1; i <= node->nshown; i++)
	{
		Node	   *column = (Node *) list_nth_node(TargetEntry, node->block->targetList,
													node->nkeys + i - 1)->expr;

		names = lappend(names, makeString(psprintf("v%d", i)));
		rte->coltypes = lappend_oid(rte->coltypes, exprType(column));
		rte->coltypmods = lappend_int(rte->coltypmods, exprTypmod(column));
		rte->colcollations = lappend_oid(rte->colcollations, exprCollation(column));
	}
	foreach(lc, node->results)
	{
		Node	   *result = lfirst(lc);

		names = lappend(names, makeString(psprintf("v%d", i++)));
		rte->coltypes = lappend_oid(rte->coltypes, exprType(result));
		rte->coltypmods = lappend_int(rte->coltypmods, -1);
		rte->colcollations = lappend_oid(rte->colcollations, exprCollation(result));
	}
	rte->eref->colnames = names;
	return rte;
}

/* Columns of the state table, at most: keys, row count, those of aggregates. */
static int
state_width(StNode *node)
{
	int			width = node->nkeys + node->nshown + list_length(node->results) + 2;
	ListCell   *lc;

	foreach(lc, node->aggregates)
	{
		StAggregate *aggregate = lfirst(lc);

		width += aggregate->track_scale ? 4 : node->recompute ? 1 : 2;
		if (aggregate->strategy >= ST_AGGREGATE_VAR_POP && aggregate->strategy <= ST_AGGREGATE_STDDEV_SAMP)
			width++;
	}
	return width;
}

bool
st_same_order(List *a, List *b)
{
	ListCell   *lc1;
	ListCell   *lc2;

	if (list_length(a) != list_length(b))
		return false;
	forboth(lc1, a, lc2, b)
	{
		StSortColumn *left = lfirst(lc1);
		StSortColumn *right = lfirst(lc2);

		if (left->argument != right->argument || left->record != right->record || left->operator != right->operator ||
			left->nulls_first != right->nulls_first)
			return false;
	}
	return true;
}

static bool
same_windows(List *a, List *b)
{
	ListCell   *lc1;
	ListCell   *lc2;

	if (list_length(a) != list_length(b))
		return false;
	forboth(lc1, a, lc2, b)
	{
		StWindow   *left = lfirst(lc1);
		StWindow   *right = lfirst(lc2);

		if (!equal(left->partition, right->partition) || !st_same_order(left->order, right->order) ||
			left->reversed != right->reversed || !equal(left->functions, right->functions) || !equal(left->query, right->query))
			return false;
	}
	return true;
}

/* Do two nodes hold the same rows, in the same columns? */
static bool
same_node(StNode *a, StNode *b)
{
	ListCell   *lc1;
	ListCell   *lc2;

	if (a->nkeys != b->nkeys || a->narguments != b->narguments || a->distinct != b->distinct ||
		list_length(a->aggregates) != list_length(b->aggregates) || a->first != b->first ||
		a->nshown != b->nshown || a->top != b->top || a->limit != b->limit || a->offset != b->offset || a->limit_column != b->limit_column ||
		a->ties != b->ties || a->step || b->step || a->whole != b->whole || a->shown_by_first != b->shown_by_first || !same_windows(a->windows, b->windows) ||
		!st_same_order(a->order, b->order) || !equal(a->block, b->block))
		return false;
	forboth(lc1, a->aggregates, lc2, b->aggregates)
	{
		StAggregate *left = lfirst(lc1);
		StAggregate *right = lfirst(lc2);

		if (left->strategy != right->strategy || left->argument != right->argument ||
			left->track_scale != right->track_scale || !equal(left->result, right->result))
			return false;
	}
	return true;
}

bool
st_finish_node(StNode *node, BuildContext *context)
{
	ListCell   *lc;

	/* old and new state stand side by side in its delta, with two flags */
	if (2 * state_width(node) + 2 > MaxTupleAttributeNumber)
		return st_decline(context, "it has too many grouping keys and aggregates for a state table") != NULL;
	for (int i = 0; i < node->nshown; i++)
		if (get_typtype(exprType((Node *) list_nth_node(TargetEntry, node->block->targetList,
														node->nkeys + i)->expr)) == TYPTYPE_PSEUDO)
			return st_decline(context, "a column of DISTINCT ON or LIMIT has no type that a table can hold") != NULL;
	foreach(lc, node->aggregates)
		if (get_typtype(exprType(((StAggregate *) lfirst(lc))->result)) == TYPTYPE_PSEUDO)
			return st_decline(context, "an aggregate's result has no type that a table can hold") != NULL;
	node->key_not_null = palloc0(sizeof(bool) * Max(node->nkeys, 1));
	for (int i = 0; i < node->nkeys; i++)
	{
		Node	   *key = (Node *) list_nth_node(TargetEntry, node->block->targetList, i)->expr;

		if (get_typtype(exprType(key)) == TYPTYPE_PSEUDO)
			return st_decline(context, "a grouping key has no type that a table can hold") != NULL;
		if (!key_type_is_hashable(exprType(key)))
			return st_decline(context, psprintf("a grouping key of type %s cannot be hashed",
												format_type_be(exprType(key)))) != NULL;
		if (!st_column_is_exact(node->block, i))
			node->inexact_keys = true;
		node->key_not_null[i] = st_block_column_not_null(node->block, i + 1);
	}
	foreach(lc, context->nodes)
	{
		StNode	   *other = lfirst(lc);

		if (same_node(other, node) && !ST_FAULT("A5"))
		{
			node->ordinal = other->ordinal;
			return true;
		}
	}
	node->ordinal = list_length(context->nodes);
	context->nodes = lappend(context->nodes, node);
	return true;
}

/* GROUP BY, aggregates, HAVING: "query" with a linear FROM becomes state and block. */
static Query *
group(Query *query, BuildContext *context)
{
	StNode	   *node = palloc0(sizeof(StNode));
	Query	   *inner = makeNode(Query);
	RenumberContext renumbering = {0};
	GroupContext grouping = {.build = context, .inner = inner, .node = node};
	List	   *keys = NIL;
	List	   *records = NIL;
	List	   *targets = NIL;
	List	   *block_targets = NIL;
	Node	   *having;
	ListCell   *lc;
	int			position;
	Query	   *outer;

	inner->rtable = query->rtable;
	foreach(lc, query->groupClause)
	{
		Expr	   *key = copyObject((Expr *) get_sortgroupclause_expr(lfirst_node(SortGroupClause, lc), query->targetList));

		keys = list_concat(keys, st_row_keys(key));
	}
	foreach(lc, keys)
	{
		Expr	   *key = lfirst(lc);

		if (st_is_record(exprType((Node *) key)))
		{
			if (!st_records_are_exact(list_make1(key), list_make1(query), NULL, context))
				return st_decline(context, "a grouping key has no type that a table can hold");
			records = lappend(records, key);
		}
		grouping.keys = lappend(grouping.keys, st_store_record(key));
	}
	if (records)
	{
		query->targetList = (List *) st_read_records_from_keys((Node *) query->targetList, records);
		query->havingQual = st_read_records_from_keys(query->havingQual, records);
	}
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		TargetEntry *copy;

		if (tle->resjunk)
			continue;
		copy = flatCopyTargetEntry(tle);
		copy->expr = (Expr *) key_mutator((Node *) copyObject(tle->expr), &grouping);
		copy->ressortgroupref = 0;
		copy->resno = list_length(targets) + 1;
		targets = lappend(targets, copy);
	}
	having = key_mutator((Node *) copyObject(query->havingQual), &grouping);
	if (having && IsA(having, List))
		having = (Node *) make_ands_explicit((List *) having);
	if (context->reason)
		return NULL;

	node->nkeys = list_length(grouping.keys);
	node->narguments = list_length(grouping.arguments);
	renumbering.nkeys = node->nkeys;
	(void) renumber_walker((Node *) targets, &renumbering);
	(void) renumber_walker(having, &renumbering);
	foreach(lc, node->aggregates)
		(void) renumber_walker(((StAggregate *) lfirst(lc))->result, &renumbering);

	position = 1;
	foreach(lc, grouping.keys)
	{
		block_targets = lappend(block_targets,
								makeTargetEntry(lfirst(lc), position, psprintf("k%d", position), false));
		position++;
	}
	foreach(lc, grouping.arguments)
	{
		block_targets = lappend(block_targets,
								makeTargetEntry(lfirst(lc), position,
												psprintf("a%d", position - node->nkeys), false));
		position++;
	}
	if (checkExprHasSubLink((Node *) block_targets))
		return st_decline(context, "a subquery in a grouping key or an aggregate's argument has no delta rule yet");
	/* a block without columns cannot be printed and parsed again */
	if (block_targets == NIL)
	{
		block_targets = list_make1(makeTargetEntry((Expr *) makeBoolConst(true, false), 1, "a1", false));
		node->narguments = 1;
	}
	node->block = st_make_query(query->rtable, query->jointree->quals, block_targets);
	node->block->jointree = query->jointree;
	if (!st_finish_node(node, context))
		return NULL;
	outer = st_make_query(list_make1(st_make_leaf(node)), having, targets);
	outer->hasSubLinks = checkExprHasSubLink((Node *) targets) || checkExprHasSubLink(having);
	return st_build_clocks(outer, context) ? outer : NULL;
}

/* One grouping for each set, one behind the other. */
static Query *
group_by_sets(Query *query, BuildContext *context)
{
	List	   *groupings = NIL;
	ListCell   *lc;

	foreach(lc, st_expand_grouping_sets(query, context))
		groupings = lappend(groupings, group(lfirst_node(Query, lc), context));
	return context->reason ? NULL : st_union_all(groupings);
}

Query *
st_distinct(Query *query, BuildContext *context)
{
	StNode	   *node = palloc0(sizeof(StNode));
	List	   *targets = st_split_rows(query);
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		Expr	   *column = lfirst_node(TargetEntry, lc)->expr;

		if (st_is_record(exprType((Node *) column)) && !st_records_are_exact(list_make1(column), list_make1(query), NULL, context))
			return st_decline(context, "a grouping key has no type that a table can hold");
	}
	node->block = st_has_records(query) ? st_store_records(query) : query;
	node->nkeys = list_length(query->targetList);
	node->distinct = true;
	if (!st_finish_node(node, context))
		return NULL;
	return st_make_query(list_make1(st_make_leaf(node)), NULL, targets);
}

/* ----- linear levels ----- */

bool
st_check_relation(RangeTblEntry *rte, BuildContext *context)
{
	if (rte->tablesample)
		return st_decline(context, "TABLESAMPLE has no delta rule") != NULL;
	if (rte->securityQuals && !ST_FAULT("F7"))
		return st_decline(context, "row security applies to a source") != NULL;
	if (rte->relkind == RELKIND_FOREIGN_TABLE)
		return st_decline(context, "a foreign table has no change log") != NULL;
	if (rte->relkind == RELKIND_MATVIEW)
		return st_decline(context, "a materialized view has no change log") != NULL;
	if (rte->relkind != RELKIND_RELATION && rte->relkind != RELKIND_PARTITIONED_TABLE)
		return st_decline(context, "a source is not a table") != NULL;
	/* FROM ONLY of a table with children reads less than its log holds */
	if (!rte->inh && (rte->relkind == RELKIND_PARTITIONED_TABLE || has_subclass(rte->relid)))
		return st_decline(context, "FROM ONLY over a table with children has no delta rule") != NULL;
	if (st_relation_has_virtual(rte->relid))
		return st_decline(context, "virtual generated columns have no delta rule yet") != NULL;
	return true;
}

/*
 * Remove what only ordered the result, and hidden columns with
 * it, so that a block's columns are its result columns.
 */
static void
drop_ordering(Query *query)
{
	List	   *targets = NIL;
	ListCell   *lc;

	query->sortClause = NIL;
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			targets = lappend(targets, tle);
	}
	query->targetList = targets;
}

void
st_replace_aliases(Query *query)
{
	ListCell   *lc;
	int			position = 1;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		List	   *columns = rte->alias ? rte->alias->colnames : NIL;

		position++;
		if (st_join_ordinal(rte) >= 0)
			continue;
		if (columns && ST_FAULT("F2"))
			continue;
		rte->alias = makeAlias(psprintf("r%d", position - 1), NIL);
		rte->eref->aliasname = pstrdup(rte->alias->aliasname);
		if (rte->rtekind == RTE_SUBQUERY)
		{
			/*
			 * a subquery is printed whole, so its columns can be named by
			 * position
			 */
			rte->eref->colnames = st_make_names(ExecCleanTargetListLength(rte->subquery->targetList));
			rte->alias->colnames = copyObject(rte->eref->colnames);
		}
		else if (rte->rtekind == RTE_FUNCTION || rte->rtekind == RTE_VALUES || rte->rtekind == RTE_TABLEFUNC)

			/*
			 * the names in a column definition list are part of a function's
			 * meaning
			 */
			rte->alias->colnames = columns;
	}
}

/* 18 has grouped columns in an entry of their own: back to the expressions. */
void
st_flatten_grouping(Query *query)
{
#ifdef ST_HAVE_RTE_GROUP
	if (query->hasGroupRTE)
	{
		query->targetList = (List *) flatten_group_exprs(NULL, query, (Node *) query->targetList);
		query->havingQual = flatten_group_exprs(NULL, query, query->havingQual);
		query->rtable = list_truncate(query->rtable, list_length(query->rtable) - 1);
		query->hasGroupRTE = false;
	}
#endif
}

static Query *
linearize_level(Query *query, BuildContext *context)
{
	Query	   *result = query;
	StFirstRows *first = NULL;
	bool		is_distinct;
	bool		is_grouped;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (!st_inline_ctes(query, NULL, context))
		return NULL;
	/* their rules put a level between the query and what it refers to */
	if ((query->limitCount || query->limitOffset || query->hasWindowFuncs || query->hasDistinctOn) && st_is_correlated(query))
		return st_decline(context, "a subquery that refers to other items of FROM and cannot be taken apart has no delta rule yet");
	st_hoist_rows(query);
	st_split_row_clauses(query);
	if (query->limitCount || query->limitOffset)
	{
		StTop	   *top = st_take_limit(query, context);
		Query	   *whole;

		if (top && top->numbered)
			return st_linearize(st_number_rows(query, top, NIL), context);
		whole = top ? st_linearize(st_add_limits(query, top), context) : NULL;
		return whole ? st_top_rows(whole, top, context) : NULL;
	}
	if (query->rowMarks)
		return st_decline(context, "row locking has no delta rule");
	if (query->setOperations)
		return st_linearize_set_operation(query, context);

	st_flatten_grouping(query);
	if (query->groupingSets &&
		(checkExprHasSubLink((Node *) query->targetList) || checkExprHasSubLink(query->havingQual)))
	{
		/* those that are keys are columns below */
		Query	   *split = st_split_grouping(copyObject(query), context);

		if (context->reason)
			return NULL;
		if (split)
			query = result = split;
		if ((checkExprHasSubLink((Node *) query->targetList) || checkExprHasSubLink(query->havingQual)) &&
			!st_stand_on_groups(query))
			return st_decline(context, "this form of a subquery above grouping sets has no delta rule yet");
	}
	if (query->hasDistinctOn)
		first = st_take_distinct_on(query);
	is_distinct = query->distinctClause != NIL;
	if (query->hasWindowFuncs)
	{
		query->distinctClause = NIL;
		query->sortClause = NIL;
		result = st_window_level(query, context);
		if (result && first)
			return st_first_rows(result, first, context);
		return result && is_distinct ? st_distinct(result, context) : result;
	}
	is_grouped = query->hasAggs || query->groupClause || query->havingQual || query->groupingSets;
	query->distinctClause = NIL;
	if (!is_grouped)
		drop_ordering(query);
	if (!st_flatten_from(query, is_grouped, context))
		return NULL;
	st_replace_aliases(query);
	if (query->groupingSets)
		result = group_by_sets(query, context);
	else if (is_grouped)
		result = group(query, context);
	if (result == NULL)
		return NULL;
	if (result->hasSubLinks)
	{
		if (!st_flatten_from(result, false, context))
			return NULL;
		st_replace_aliases(result);
	}
	if (first)
		return st_first_rows(result, first, context);
	return is_distinct ? st_distinct(result, context) : result;
}

/* Does the query hold anything that only slices may be able to follow? */
static bool
beyond_blocks_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, JoinExpr) && ((JoinExpr *) node)->jointype != JOIN_INNER)
		return true;
	if (IsA(node, SetOperationStmt) && ((SetOperationStmt *) node)->op != SETOP_UNION)
		return true;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		foreach(lc, query->rtable)
			if (lfirst_node(RangeTblEntry, lc)->rtekind == RTE_SUBQUERY && lfirst_node(RangeTblEntry, lc)->lateral)
				return true;
		return query->hasWindowFuncs || query->hasSubLinks ||
			query_tree_walker(query, beyond_blocks_walker, arg, QTW_IGNORE_JOINALIASES);
	}
	return expression_tree_walker(node, beyond_blocks_walker, arg);
}

/* Forget what a failed attempt has registered. */
static void
start_again(BuildContext *context, int nnodes, int njoins)
{
	context->reason = NULL;
	context->nodes = list_truncate(context->nodes, nnodes);
	context->joins = list_truncate(context->joins, njoins);
}

/* levels of nesting at which slices are tried: each keeps a copy of its query */
#define SLICE_DEPTH 8

static bool
relations_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		if (((RangeTblEntry *) node)->rtekind == RTE_RELATION)
			*(List **) arg = lappend_oid(*(List **) arg, ((RangeTblEntry *) node)->relid);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, relations_walker, arg, QTW_EXAMINE_RTES_BEFORE | QTW_IGNORE_JOINALIASES);
	return expression_tree_walker(node, relations_walker, arg);
}

/* Does the query read a relation so many times or more? */
static bool
repeats_relation(Query *query, int times)
{
	List	   *relations = NIL;
	ListCell   *lc;
	int			run = 0;
	Oid			previous = InvalidOid;

	(void) relations_walker((Node *) query, &relations);
	list_sort(relations, list_oid_cmp);
	foreach(lc, relations)
	{
		run = lfirst_oid(lc) == previous ? run + 1 : 1;
		previous = lfirst_oid(lc);
		if (run >= times)
			return true;
	}
	return false;
}

/* Is a value looked for among the keys of groups, as x IN (SELECT k FROM .. GROUP BY k HAVING ..) does? */
static bool
seeks_groups_walker(Node *node, void *arg)
{
	if (node == NULL || IsA(node, Query))
		return false;
	check_stack_depth();
	if (IsA(node, SubLink) && ((SubLink *) node)->subLinkType == ANY_SUBLINK &&
		castNode(Query, ((SubLink *) node)->subselect)->groupClause)
		return true;
	return expression_tree_walker(node, seeks_groups_walker, arg);
}

/*
 * A query that reads a relation three times or more, in subqueries too, has
 * many terms, some of which join its change with most of the relation. One that
 * asks for groups of a relation that it also joins needs a state of these, which
 * costs two lookups and a write for each touched group; where an index finds the
 * few rows of a group, reading them is cheaper (rule E7b). Slices, below a
 * grouping if there is one, read what the touched keys have.
 */
static Query *
slice_repeated(Query *copy, BuildContext *context)
{
	int			nnodes = list_length(context->nodes);
	int			njoins = list_length(context->joins);
	StSliceDemand demand = ST_SLICE_REPEATED;
	Query	   *split;
	Query	   *result = NULL;

	if (!copy->hasSubLinks || copy->setOperations || copy->limitCount || copy->limitOffset)
		return NULL;
	if (!repeats_relation(copy, 3))
	{
		if (!repeats_relation(copy, 2) || !seeks_groups_walker(copy->jointree->quals, NULL))
			return NULL;
		demand = ST_SLICE_INDEXED;
	}
	split = st_split_grouping(copyObject(copy), context);
	if (split && st_slice(copyObject(linitial_node(RangeTblEntry, split->rtable)->subquery), demand, context))
	{
		start_again(context, nnodes, njoins);
		result = linearize_level(split, context);
	}
	else if (!split)
		result = st_slice(copyObject(copy), demand, context);
	if (result == NULL)
		start_again(context, nnodes, njoins);
	return result;
}

/*
 * Windows with partitions over states would be computed again in whole from
 * these (window.c). A slice reads the touched partitions, if by an index and
 * these are not large.
 */
static Query *
slice_partitions(Query *copy, BuildContext *context)
{
	int			nnodes = list_length(context->nodes);
	int			njoins = list_length(context->joins);
	Query	   *result;

	if (!st_windows_are_partitioned(copy) || copy->limitCount || copy->limitOffset)
		return NULL;
	result = st_slice(copyObject(copy), ST_SLICE_INDEXED, context);
	if (result == NULL)
		start_again(context, nnodes, njoins);
	return result;
}

/*
 * Blocks and states first. Slices are the second line before a query is
 * recomputed (rule E5): below its grouping, which is then a state, or whole.
 */
static Query *
linearize_or_slice(Query *query, BuildContext *context)
{
	/*
	 * the rows that a slice reads are not those that a query around it has at
	 * hand
	 */
	Query	   *copy = context->depth <= SLICE_DEPTH && beyond_blocks_walker((Node *) query, NULL) && !st_is_correlated(query) ?
		copyObject(query) : NULL;
	int			nnodes = list_length(context->nodes);
	int			njoins = list_length(context->joins);
	Query	   *result;
	Query	   *split;
	const char *reason;

	context->failed_below = false;
	result = copy ? slice_repeated(copy, context) : NULL;
	if (result == NULL && copy)
		result = slice_partitions(copy, context);
	if (result)
		return result;
	result = linearize_level(query, context);
	reason = context->reason;
	if (result || copy == NULL)
		return result;
	/* what failed below would fail again below a grouping */
	if (!context->failed_below)
	{
		start_again(context, nnodes, njoins);
		split = st_split_grouping(copyObject(copy), context);
		if (split)
		{
			result = linearize_level(split, context);
			if (result)
				return result;
		}
	}
	start_again(context, nnodes, njoins);
	result = st_slice(copy, ST_SLICE_ANYHOW, context);
	if (result == NULL)
		context->reason = reason;
	return result;
}

Query *
st_linearize(Query *query, BuildContext *context)
{
	Query	   *result;

	context->depth++;
	result = linearize_or_slice(query, context);
	context->depth--;
	context->failed_below = result == NULL;
	return result;
}

StTree *
st_query_build(Query *query, bool decided, List *unindexed)
{
	StTree	   *tree = palloc0(sizeof(StTree));
	BuildContext context = {.decided = decided, .unindexed = list_copy(unindexed)};
	Query	   *copy = st_write_out_rows(query);

	if (copy == NULL)
		(void) st_decline(&context, "a row of a domain, or with two columns of one name, has no delta rule");
	else
	{
		tree->final = st_linearize(copy, &context);
		if (tree->final)
			st_check_clocks(tree->final, &context);
		if (context.reason)
			tree->final = NULL;
	}
	tree->nodes = context.nodes;
	tree->joins = context.joins;
	tree->reason = context.reason;
	tree->unindexed = context.unindexed;
	Assert((tree->final == NULL) == (tree->reason != NULL));
	if (tree->final)
		st_tree_find_identity(tree);
	return tree;
}
