/*-------------------------------------------------------------------------
 *
 * program.c
 *	  From the nodes of a query to the statements that maintain them.
 *
 * A program is made once per session and stream table and kept until a
 * relation that it reads changes. Making it parses every statement; plans are
 * made at their first use.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "delta/aggregate.h"
#include "delta/block.h"
#include "delta/delta.h"
#include "delta/join.h"
#include "delta/recursive.h"
#include "delta/window.h"
#include "query/source_facts.h"
#include "util/sqlbuf.h"

/* ----- columns read of each source ----- */

typedef struct ColumnsContext
{
	List	   *sources;
	Query	   *query;
	struct ColumnsContext *outer;	/* of the level above */
} ColumnsContext;

static StSource *
need_source(List **sources, Oid relid)
{
	StSource   *source;
	ListCell   *lc;

	foreach(lc, *sources)
		if (((StSource *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	source = palloc0(sizeof(StSource));
	source->relid = relid;
	*sources = lappend(*sources, source);
	return source;
}

static bool
columns_walker(Node *node, void *arg)
{
	ColumnsContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Query))
	{
		ColumnsContext inner = {context->sources, (Query *) node, context};
		ListCell   *lc;

		foreach(lc, inner.query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_RELATION)
				(void) need_source(&inner.sources, rte->relid);
		}
		(void) query_tree_walker(inner.query, columns_walker, &inner, QTW_IGNORE_JOINALIASES);
		context->sources = inner.sources;
		return false;
	}
	if (IsA(node, Var) && context->query)
	{
		Var		   *var = (Var *) node;
		ColumnsContext *level = context;
		RangeTblEntry *rte;

		for (Index up = var->varlevelsup; up > 0; up--)
			level = level->outer;
		rte = rt_fetch(var->varno, level->query->rtable);
		if (rte->rtekind == RTE_RELATION)
		{
			StSource   *source = need_source(&context->sources, rte->relid);

			source->attnums = bms_add_member(source->attnums, var->varattno);
		}
		return false;
	}
	return expression_tree_walker(node, columns_walker, arg);
}

static int
compare_sources(const ListCell *a, const ListCell *b)
{
	Oid			left = ((StSource *) lfirst(a))->relid;
	Oid			right = ((StSource *) lfirst(b))->relid;

	return left < right ? -1 : left > right;
}

List *
st_tree_sources(StTree *tree)
{
	ColumnsContext context = {NIL, NULL, NULL};
	ListCell   *lc;

	foreach(lc, tree->nodes)
	{
		(void) columns_walker((Node *) ((StNode *) lfirst(lc))->block, &context);
		(void) columns_walker((Node *) ((StNode *) lfirst(lc))->step, &context);
	}
	(void) columns_walker((Node *) tree->final, &context);
	list_sort(context.sources, compare_sources);
	return context.sources;
}

/* ----- statements ----- */

/* Through subqueries to the source's column behind a block column; false if there is none. */
static bool
source_column(Query *query, int column, Oid *relid, AttrNumber *attnum)
{
	TargetEntry *tle;
	RangeTblEntry *rte;
	Var		   *var;

	check_stack_depth();
	if (query->setOperations || query->hasTargetSRFs || query->hasWindowFuncs || query->hasAggs ||
		query->groupClause || query->distinctClause)
		return false;
	tle = list_nth_node(TargetEntry, query->targetList, column - 1);
	if (!IsA(tle->expr, Var))
		return false;
	var = (Var *) tle->expr;
	rte = rt_fetch(var->varno, query->rtable);
	if (rte->rtekind == RTE_SUBQUERY)
		return source_column(rte->subquery, var->varattno, relid, attnum);
	if (rte->rtekind != RTE_RELATION)
		return false;
	*relid = rte->relid;
	*attnum = var->varattno;
	return true;
}

/* Can the groups' rows be found by an index of a source? */
static bool
keys_are_indexed(StNode *node)
{
	bool		result = false;

	for (int k = 1; k <= node->nkeys; k++)
	{
		Oid			relid;
		AttrNumber	attnum;

		/* IS NULL of a composite asks for its fields, not for the value */
		if (type_is_rowtype(exprType((Node *) list_nth_node(TargetEntry, node->block->targetList, k - 1)->expr)))
			return false;
		if (source_column(node->block, k, &relid, &attnum) &&
			st_relation_has_index_on(relid, bms_make_singleton(attnum)))
			result = true;
	}
	return result;
}

static void
print_key_equality(StringInfo sql, StNode *node, int k)
{
	Node	   *key = (Node *) list_nth_node(TargetEntry, node->block->targetList, k - 1)->expr;
	TypeCacheEntry *entry = lookup_type_cache(exprType(key), TYPECACHE_EQ_OPR);
	StringInfoData equality;

	/* IS NULL of a composite asks for its fields, not for the value */
	if (type_is_rowtype(exprType(key)))
	{
		st_sql_format(sql, "ROW(b.k%d)::record OPERATOR(pg_catalog.=) ROW(g.k%d)::record", k, k);
		return;
	}
	initStringInfo(&equality);
	st_sql_format(&equality, "b.k%d ", k);
	st_sql_operator(&equality, entry->eq_opr);
	st_sql_format(&equality, " g.k%d", k);
	if (node->key_not_null[k - 1])
		st_sql_text(sql, equality.data);
	else
		st_sql_format(sql, "(%s OR (b.k%d IS NULL AND g.k%d IS NULL))", equality.data, k, k);
}

/*
 * One hash of all keys, that a NULL does not make NULL. A type's hash function
 * may be declared for another type, as that of bool for "char": a record's is
 * called in its stead.
 */
static void
print_key_hash(StringInfo sql, StNode *node, const char *alias)
{
	for (int k = 1; k <= node->nkeys; k++)
	{
		Oid			type = exprType((Node *) list_nth_node(TargetEntry, node->block->targetList, k - 1)->expr);
		Oid			function = lookup_type_cache(type, TYPECACHE_HASH_EXTENDED_PROC)->hash_extended_proc;
		Oid		   *arguments;
		int			narguments;

		(void) get_func_signature(function, &arguments, &narguments);
		if (k > 1)
			st_sql_text(sql, " OPERATOR(pg_catalog.#) ");
		if (!can_coerce_type(1, &type, arguments, COERCION_IMPLICIT))
		{
			st_sql_format(sql, "pg_catalog.hash_record_extended(ROW(%s.k%d), %d)", alias, k, k);
			continue;
		}
		st_sql_text(sql, "COALESCE(");
		st_sql_identifier(sql, get_namespace_name(get_func_namespace(function)));
		st_sql_text(sql, ".");
		st_sql_identifier(sql, get_func_name(function));
		st_sql_format(sql, "(%s.k%d, %d), 0)", alias, k, k);
	}
}

/*
 * The block's rows of the listed groups: by index, group by group, if there is
 * one; else in one pass over the block, hashed and null-safe.
 */
static void
print_recompute(StringInfo sql, StProgram *program, StNode *node, bool best)
{
	char	   *block = st_block_print(program, node->block);

	st_sql_text(sql, "WITH ");
	st_block_print_states(sql, program, st_block_states(node->block));
	if (node->nkeys > 0 && keys_are_indexed(node))
	{
		st_sql_end_with(sql);
		st_sql_text(sql, "SELECT x.* FROM " ST_GROUPS_INPUT " g CROSS JOIN LATERAL (WITH __pgt_in");
		st_state_print_input_columns(sql, node, false);
		st_sql_format(sql, " AS NOT MATERIALIZED (SELECT b.* FROM (%s) b", block);
		st_state_print_input_columns(sql, node, false);
		for (int k = 1; k <= node->nkeys; k++)
		{
			st_sql_text(sql, k == 1 ? " WHERE " : " AND ");
			print_key_equality(sql, node, k);
		}
		st_sql_text(sql, ") ");
		st_state_print_fill(sql, node, best);
		st_sql_text(sql, ") x");
		return;
	}
	st_sql_text(sql, "__pgt_in");
	st_state_print_input_columns(sql, node, false);
	st_sql_format(sql, " AS NOT MATERIALIZED (SELECT b.* FROM (%s) b", block);
	st_state_print_input_columns(sql, node, false);
	if (node->nkeys > 0)
	{
		st_sql_text(sql, " JOIN " ST_GROUPS_INPUT " g ON ");
		print_key_hash(sql, node, "b");
		st_sql_text(sql, " = ");
		print_key_hash(sql, node, "g");
		for (int k = 1; k <= node->nkeys; k++)
		{
			st_sql_text(sql, " AND ");
			print_key_equality(sql, node, k);
		}
	}
	st_sql_text(sql, ") ");
	st_state_print_fill(sql, node, best);
}

static TupleDesc
key_desc(StNodeProgram *program)
{
	TupleDesc	desc = CreateTemplateTupleDesc(program->node->nkeys);

	for (AttrNumber i = 1; i <= program->node->nkeys; i++)
		TupleDescCopyEntry(desc, i, program->desc, i);
	return desc;
}

static void
make_node_program(MemoryContext context, StProgram *program, StNodeProgram *target)
{
	StNode	   *node = target->node;
	List	   *leaves;
	StInput		limit;
	StringInfoData sql;
	bool		best;

	if (node->step)
	{
		st_recursion_program_init(program, target);
		return;
	}
	leaves = target->block.leaves = st_block_leaves(node->block, program, NIL);
	if (node->whole)
	{
		initStringInfo(&sql);
		st_sql_text(&sql, "WITH ");
		st_block_print_states(&sql, program, st_block_states(node->block));
		st_sql_end_with(&sql);
		st_sql_text(&sql, st_block_print(program, node->block));
		target->block.fill = target->recompute = st_make_statement(context, sql.data, NIL, NULL);
		return;
	}

	best = st_state_follows_best(node, target->state);
	initStringInfo(&sql);
	st_sql_text(&sql, "WITH ");
	st_block_print_states(&sql, program, st_block_states(node->block));
	st_sql_text(&sql, "__pgt_in");
	st_state_print_input_columns(&sql, node, false);
	st_sql_format(&sql, " AS NOT MATERIALIZED (%s) ", st_block_print(program, node->block));
	/* the one group without keys is computed again by the same */
	st_state_print_fill(&sql, node, best && node->nkeys == 0);
	target->block.fill = st_make_statement(context, sql.data, NIL, NULL);

	resetStringInfo(&sql);
	st_sql_text(&sql, "WITH ");
	st_block_print_state_deltas(&sql, program, leaves);
	st_sql_text(&sql, "__pgt_in");
	st_state_print_input_columns(&sql, node, true);
	st_sql_format(&sql, " AS NOT MATERIALIZED (%s) ", st_block_print_delta(node->block));
	st_state_print_delta(&sql, node, target->state, best);
	if (node->windows)
		limit = (StInput)
	{
		.name = ST_WINDOW_LIMIT_INPUT, .desc = st_window_limit_desc()
	};
	target->block.delta = st_make_statement(context, sql.data, leaves, node->windows ? &limit : NULL);
	st_statement_look_up(target->block.delta);

	if (node->nkeys > 0)
	{
		StInput		groups = {.name = ST_GROUPS_INPUT, .desc = target->key_desc};

		resetStringInfo(&sql);
		print_recompute(&sql, program, node, best);
		target->recompute = st_make_statement(context, sql.data, NIL, &groups);
	}
	else
		target->recompute = target->block.fill;
	pfree(sql.data);
}

/*
 * The columns of a join that a block takes, if it does nothing else. There is
 * nothing in it that could raise an error, so the join's rows need not be
 * netted before (rule E1).
 */
static const AttrNumber *
find_join_columns(StProgram *program, Query *block)
{
	AttrNumber *columns;
	StJoin	   *join;
	int			ordinal;
	int			n = 0;
	ListCell   *lc;

	if (block->setOperations || block->jointree->quals || list_length(block->rtable) != 1)
		return NULL;
	ordinal = st_join_ordinal(linitial_node(RangeTblEntry, block->rtable));
	if (ordinal < 0)
		return NULL;
	join = program->joins[ordinal].join;
	/* slices are netted as they come, and of a clock the rows are counted */
	if (join->kind == ST_JOIN_SLICE || join->kind == ST_JOIN_CLOCK)
		return NULL;
	columns = palloc(sizeof(AttrNumber) * Max(list_length(block->targetList), 1));
	foreach(lc, block->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk || !IsA(tle->expr, Var) || ((Var *) tle->expr)->varlevelsup > 0)
			return NULL;
		columns[n++] = ((Var *) tle->expr)->varattno;
	}
	return columns;
}

StProgram *
st_program_create(MemoryContext context, StTree *tree, const Oid *states)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	StProgram  *program = palloc0(sizeof(StProgram));
	StringInfoData sql;
	ListCell   *lc;
	int			level = st_sql_pin_printing();

	program->tree = tree;
	program->context = context;
	program->nnodes = list_length(tree->nodes);
	program->nodes = palloc0(sizeof(StNodeProgram) * Max(program->nnodes, 1));
	program->sources = st_tree_sources(tree);
	st_tree_filter_sources(tree, program->sources);
	foreach(lc, program->sources)
		program->source_leaves = lappend(program->source_leaves,
										 st_source_leaf(program, ((StSource *) lfirst(lc))->relid));
	program->source_keys = palloc0(sizeof(StSourceKeys) * Max(list_length(program->sources), 1));
	for (int i = 0; i < program->nnodes; i++)
	{
		StNodeProgram *target = &program->nodes[i];

		target->node = list_nth(tree->nodes, i);
		target->state = states[i];
		target->desc = st_state_desc(target->node);
		target->key_desc = key_desc(target);
	}
	program->njoins = list_length(tree->joins);
	program->joins = palloc0(sizeof(StJoinProgram) * Max(program->njoins, 1));
	for (int i = 0; i < program->njoins; i++)
	{
		st_join_program_init(program, &program->joins[i], list_nth(tree->joins, i));
		if (program->joins[i].join->kind == ST_JOIN_CLOCK)
			program->clocked = true;
	}
	for (int i = 0; i < program->nnodes; i++)
		make_node_program(context, program, &program->nodes[i]);

	program->final.leaves = st_block_leaves(tree->final, program, NIL);
	initStringInfo(&sql);
	st_sql_text(&sql, "WITH ");
	st_block_print_states(&sql, program, st_block_states(tree->final));
	st_sql_end_with(&sql);
	st_sql_text(&sql, st_block_print(program, tree->final));
	program->final.fill = st_make_statement(context, sql.data, NIL, NULL);

	resetStringInfo(&sql);
	st_sql_text(&sql, "WITH ");
	st_block_print_state_deltas(&sql, program, program->final.leaves);
	st_sql_end_with(&sql);
	st_sql_text(&sql, st_block_print_delta(tree->final));
	program->final.delta = st_make_statement(context, sql.data, program->final.leaves, NULL);
	program->final.join_columns = find_join_columns(program, tree->final);
	AtEOXact_GUC(false, level);
	MemoryContextSwitchTo(old);
	return program;
}
