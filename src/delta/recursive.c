/*-------------------------------------------------------------------------
 *
 * recursive.c
 *	  Text of the statements that keep a recursion.
 *
 * NOTES
 *	  The state holds the recursion's rows as they are, v1... It is filled by
 *	  the recursion itself. The changes of the term that begins and of the step
 *	  are printed as those of any block; the state is one of the step's leaves.
 *	  refresh/recursion_run.c says how they are put together (rule E12).
 *
 *	  Rows are looked up in the state by the hash of their image, which its
 *	  identity's index holds. Where equal rows can look different (rule A3), UNION
 *	  shows one of them: what is there already is asked by equality, what has lost
 *	  where it came from by image, and an equal row that still comes about stands
 *	  in for one that has gone as it looks itself. So each row of the state comes
 *	  about from others as they are shown.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "utils/typcache.h"

#include "delta/block.h"
#include "delta/join.h"
#include "delta/recursive.h"
#include "util/fault.h"
#include "util/sqlbuf.h"

/* as many columns as apply/identity.c hashes */
#define HASHED_COLUMNS 256

static void
print_columns(StringInfo sql, StNode *node, const char *alias, int n)
{
	for (int i = 1; i <= n; i++)
		st_sql_format(sql, "%s%s%sv%d", i == 1 ? "" : ", ", alias, alias[0] ? "." : "", i);
}

static void
print_hash(StringInfo sql, StNode *node, const char *alias)
{
	st_sql_text(sql, "pgtrickle.row_image_hash(ROW(");
	print_columns(sql, node, alias, Min(node->nshown, HASHED_COLUMNS));
	st_sql_text(sql, "))");
}

static void
print_equality_hash(StringInfo sql, StNode *node, const char *alias)
{
	st_sql_text(sql, "pg_catalog.hash_record_extended(ROW(");
	print_columns(sql, node, alias, node->nshown);
	st_sql_text(sql, "), 0::int8)");
}

/* Rows of the input that the state has as they look, or of which it has no equal. */
static StStatement *
make_lookup(StProgram *program, StNodeProgram *target, bool present)
{
	StNode	   *node = target->node;
	StInput		rows = {.name = ST_GROUPS_INPUT, .desc = target->desc};
	bool		by_equality = !present && node->inexact_rows && !ST_FAULT("A3 recursion");
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_text(&sql, "SELECT DISTINCT ");
	print_columns(&sql, node, "c", node->nshown);
	st_sql_format(&sql, " FROM " ST_GROUPS_INPUT " c WHERE %sEXISTS (SELECT FROM ", present ? "" : "NOT ");
	st_sql_relation(&sql, target->state);
	st_sql_text(&sql, " s WHERE ");
	if (by_equality)
	{
		print_equality_hash(&sql, node, "s");
		st_sql_text(&sql, " = ");
		print_equality_hash(&sql, node, "c");
	}
	else
	{
		print_hash(&sql, node, "s");
		st_sql_text(&sql, " = ");
		print_hash(&sql, node, "c");
	}
	st_sql_text(&sql, " AND ROW(");
	print_columns(&sql, node, "s", node->nshown);
	st_sql_format(&sql, ")::record OPERATOR(pg_catalog.%s) ROW(", by_equality ? "=" : "*=");
	print_columns(&sql, node, "c", node->nshown);
	st_sql_text(&sql, ")::record)");
	return st_make_statement(program->context, sql.data, NIL, &rows);
}

/*
 * Rows of a term of which the input has equals, compared as UNION does, by an
 * index where no column is NULL. They look as in the term.
 */
static void
print_derived(StringInfo sql, StNode *node, const char *term, bool nulls)
{
	bool		as_in_term = node->inexact_rows && !ST_FAULT("A3 derived");

	st_sql_text(sql, "SELECT ");
	print_columns(sql, node, as_in_term ? "b" : "c", node->nshown);
	st_sql_text(sql, " FROM " ST_GROUPS_INPUT " c");
	if (as_in_term)
	{
		st_sql_format(sql, ", (%s) b (", term);
		print_columns(sql, node, "", node->nshown);
		st_sql_text(sql, ")");
	}
	st_sql_text(sql, " WHERE pg_catalog.num_nulls(");
	print_columns(sql, node, "c", node->nshown);
	st_sql_format(sql, ") %s 0 AND ", nulls ? ">" : "=");
	if (!as_in_term)
	{
		st_sql_format(sql, "EXISTS (SELECT FROM (%s) b (", term);
		print_columns(sql, node, "", node->nshown);
		st_sql_text(sql, ") WHERE ");
	}
	for (int i = 1; i <= node->nshown; i++)
	{
		Node	   *column = (Node *) list_nth_node(TargetEntry, node->block->targetList, i - 1)->expr;

		st_sql_format(sql, "%s(b.v%d ", i == 1 ? "" : " AND ", i);
		st_sql_operator(sql, lookup_type_cache(exprType(column), TYPECACHE_EQ_OPR)->eq_opr);
		st_sql_format(sql, " c.v%d", i);
		if (nulls)
			st_sql_format(sql, " OR (b.v%d IS NULL AND c.v%d IS NULL)", i, i);
		st_sql_text(sql, ")");
	}
	if (!as_in_term)
		st_sql_text(sql, ")");
}

static StStatement *
make_derived(StProgram *program, StNodeProgram *target, const char *block, const char *step)
{
	StInput		rows = {.name = ST_GROUPS_INPUT, .desc = target->desc};
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_text(&sql, "WITH ");
	st_block_print_states(&sql, program, bms_union(st_block_states(target->node->block), st_block_states(target->node->step)));
	st_sql_end_with(&sql);
	for (int term = 0; term < 2; term++)
		for (int nulls = 0; nulls < 2; nulls++)
		{
			if (term + nulls > 0)
				st_sql_text(&sql, " UNION ");
			print_derived(&sql, target->node, term == 0 ? block : step, nulls == 1);
		}
	return st_make_statement(program->context, sql.data, NIL, &rows);
}

static void
make_delta(StProgram *program, StBlockProgram *target, Query *block)
{
	StringInfoData sql;

	target->leaves = st_block_leaves(block, program, NIL);
	initStringInfo(&sql);
	st_sql_text(&sql, "WITH ");
	st_block_print_state_deltas(&sql, program, target->leaves);
	st_sql_end_with(&sql);
	st_sql_text(&sql, st_block_print_delta(block));
	target->delta = st_make_statement(program->context, sql.data, target->leaves, NULL);
}

void
st_recursion_program_init(StProgram *program, StNodeProgram *target)
{
	StNode	   *node = target->node;
	char	   *block = st_block_print(program, node->block);
	char	   *step = st_block_print(program, node->step);
	const char *leaf = st_node_leaf_name(node->ordinal);
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_text(&sql, "WITH RECURSIVE ");
	st_block_print_states(&sql, program, bms_del_member(bms_union(st_block_states(node->block), st_block_states(node->step)),
														node->ordinal));
	st_sql_format(&sql, "%s (", leaf);
	print_columns(&sql, node, "", node->nshown);
	st_sql_format(&sql, ") AS ((%s) UNION %s(%s)) SELECT ", block, node->all ? "ALL " : "", step);
	print_columns(&sql, node, "r", node->nshown);
	st_sql_format(&sql, " FROM %s r", leaf);
	target->block.fill = target->recompute = st_make_statement(program->context, sql.data, NIL, NULL);

	make_delta(program, &target->block, node->block);
	target->recursion = palloc0(sizeof(StRecursionProgram));
	make_delta(program, &target->recursion->step, node->step);
	if (!node->all)
	{
		target->recursion->absent = make_lookup(program, target, false);
		target->recursion->present = make_lookup(program, target, true);
		target->recursion->derived = make_derived(program, target, block, step);
	}
}
