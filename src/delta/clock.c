/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  The deltas of references whose rows are compared with now().
 *
 * query/clock.c has the rule: changed rows with the answers of the last
 * refresh, and rows as they are now for which an answer has changed, with
 * weight 1 for the answers now and -1 for those then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/guc.h"

#include "delta/block.h"
#include "delta/clock.h"
#include "delta/join.h"
#include "query/clock.h"
#include "query/make.h"
#include "util/fault.h"
#include "util/sqlbuf.h"

static char *
print_changed(const StJoin *join)
{
	Query	   *term = copyObject(join->flat);
	AttrNumber	weight;

	if (!ST_FAULT("E15 then"))
		term->targetList = (List *) st_clock_before((Node *) term->targetList);
	weight = st_weigh_entry(linitial_node(RangeTblEntry, term->rtable));
	term->targetList = lappend(term->targetList,
							   makeTargetEntry((Expr *) makeVar(1, weight, INT8OID, -1, InvalidOid, 0),
											   list_length(term->targetList) + 1, pstrdup(ST_WEIGHT_COLUMN), false));
	return st_query_print(term);
}

static char *
print_flipped(const StJoin *join)
{
	Query	   *rows = copyObject(join->flat);
	int			n = list_length(rows->targetList);
	StringInfoData sql;
	StringInfoData condition;

	initStringInfo(&sql);
	initStringInfo(&condition);
	st_sql_text(&sql, "SELECT ");
	for (int i = 1; i <= n; i++)
	{
		TargetEntry *now = list_nth_node(TargetEntry, rows->targetList, i - 1);

		if (!st_reads_clock((Node *) now->expr))
		{
			st_sql_format(&sql, "f.c%d, ", i);
			continue;
		}
		rows->targetList = lappend(rows->targetList,
								   makeTargetEntry((Expr *) st_clock_before((Node *) now->expr),
												   list_length(rows->targetList) + 1, psprintf("o%d", i), false));
		st_sql_format(&sql, "CASE WHEN s.w > 0 THEN f.c%d ELSE f.o%d END, ", i, i);
		st_sql_format(&condition, "%sf.c%d IS DISTINCT FROM f.o%d", condition.len ? " OR " : "", i, i);
	}
	rows->jointree->quals = (Node *) make_ands_explicit(lappend(make_ands_implicit((Expr *) rows->jointree->quals),
																st_clock_condition(join)));
	st_sql_format(&sql, "s.w FROM (%s) f CROSS JOIN (VALUES (1::int8), (-1::int8)) s(w) WHERE %s",
				  st_query_print(rows), condition.data);
	pfree(condition.data);
	return sql.data;
}

void
st_clock_print_terms(StringInfo terms, const StJoin *join, bool changed)
{
	if (changed)
		st_add_term(terms, print_changed(join));
	if (!ST_FAULT("E15 flip"))
		st_add_term(terms, print_flipped(join));
	else if (!changed)
		st_add_term(terms, psprintf("SELECT q.* FROM (%s) q WHERE false", print_changed(join)));
}

List *
st_clock_statements(MemoryContext context, StProgram *program)
{
	List	   *statements = NIL;
	int			level = st_sql_pin_printing();
	ListCell   *lc;

	for (int i = 0; i < program->njoins; i++)
	{
		StJoin	   *join = program->joins[i].join;

		if (join->kind != ST_JOIN_CLOCK)
			continue;
		foreach(lc, st_clock_events(join))
		{
			StClockEvent *event = lfirst(lc);
			StClockStatement *statement = palloc0(sizeof(StClockStatement));
			StringInfoData sql;

			initStringInfo(&sql);
			st_sql_text(&sql, "WITH ");
			st_block_print_states(&sql, program, st_block_states(event->rows));
			st_sql_end_with(&sql);
			/* an index gives it without a look at the others */
			st_sql_format(&sql, "SELECT f.v FROM (%s) f ORDER BY f.v LIMIT 1", st_query_print(event->rows));
			statement->least = st_make_statement(context, sql.data, NIL, NULL);
			statement->type = event->type;
			statement->typmod = event->typmod;
			statement->collation = event->collation;
			statement->operator = event->operator;
			statement->bound = event->bound;
			statements = lappend(statements, statement);
		}
	}
	AtEOXact_GUC(false, level);
	return statements;
}
