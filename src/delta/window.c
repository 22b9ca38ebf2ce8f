/*-------------------------------------------------------------------------
 *
 * window.c
 *	  Prints the statements that keep window functions over all rows in one order.
 *
 * NOTES
 *	  Rows are taken by the values of the first column of the order, all rows of a
 *	  value or none: so rows that the order does not tell apart stay together, and
 *	  an index on that column is enough. Let the functions look at p rows before
 *	  and f rows behind one. For a change at a value, results can differ from the
 *	  f-th row before it up to the p-th row behind it; to compute these, p rows more
 *	  before and f rows more behind are read. All of that counts rows of the state,
 *	  as they were; rows that leave are changes themselves, with rows around them,
 *	  so that what is read has no gap in what a result depends on, however many
 *	  leave side by side. Rows from different places are one behind the other then,
 *	  further apart than any function looks.
 *
 *	  If a function runs on, the changes are one from the first to the last value,
 *	  and to the end if it comes to something else behind them than it did. What
 *	  runs on begins with what it has come to in the last value before the rows
 *	  that are read (rule E10):
 *
 *		row_number(), dense_rank(), count()	the greatest
 *		rank()				the least, and as many more as there are rows
 *		sum()				that of the last row; of equal rows the one that
 *							has added most of what they add
 *
 *	  A function that runs on comes to the same as before if as many rows come as
 *	  go, and for what it counts, adds up or ranks by, the same values do: then
 *	  the digits that a sum shows are the same, too.
 *
 *	  The caller nets what was and what is, and writes what differs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "delta/window.h"
#include "query/make.h"
#include "query/query.h"
#include "query/source_facts.h"
#include "util/fault.h"
#include "util/sqlbuf.h"

/* How the first column of the order compares. */
typedef struct FirstColumn
{
	int			column;			/* of the state */
	Oid			before;
	Oid			behind;
	Oid			not_before;
	Oid			not_behind;
	bool		not_null;
	bool		nulls_first;
} FirstColumn;

static FirstColumn
first_column(StNode *node)
{
	StSortColumn *column = linitial(node->order);
	FirstColumn first = {column->argument, column->operator};

	first.behind = get_commutator(first.before);
	first.not_before = get_negator(first.before);
	first.not_behind = get_negator(first.behind);
	first.not_null = st_block_column_not_null(node->block, column->argument);
	first.nulls_first = column->nulls_first;
	return first;
}

/* v1.., of which each may get an alias in front; with those of the results, or without. */
static char *
columns(StNode *node, const char *alias, bool results)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 1; i <= node->nshown + (results ? list_length(node->kinds) : 0); i++)
		st_sql_format(&sql, "%s%s.v%d", i == 1 ? "" : ", ", alias, i);
	return sql.data;
}

/* The columns of the order, then the image; or the reverse. */
static char *
total_order(StNode *node, const char *alias, bool reverse)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, node->order)
	{
		StSortColumn *column = lfirst(lc);

		st_sql_format(&sql, "%s.v%d USING ", alias, column->argument);
		st_sql_operator(&sql, reverse ? get_commutator(column->operator) : column->operator);
		st_sql_format(&sql, " NULLS %s, ", column->nulls_first != reverse ? "FIRST" : "LAST");
	}
	st_sql_format(&sql, "ROW(%s)::record USING OPERATOR(pg_catalog.*%s)", columns(node, alias, false), reverse ? ">" : "<");
	return sql.data;
}

/* "x USING < NULLS LAST", as the default index on it has it where there are no NULLs. */
static char *
by_first(const FirstColumn *first, const char *x, bool reverse)
{
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_format(&sql, "%s USING ", x);
	st_sql_operator(&sql, reverse ? first->behind : first->before);
	/* without a word about NULL it is what the operator has by default */
	if (!first->not_null)
		st_sql_format(&sql, " NULLS %s", first->nulls_first != reverse ? "FIRST" : "LAST");
	return sql.data;
}

/* "x is before y", strictly; or behind. */
static void
print_beyond(StringInfo sql, const FirstColumn *first, const char *x, const char *y, bool behind)
{
	const char *null = first->nulls_first != behind ? x : y;
	const char *other = first->nulls_first != behind ? y : x;

	st_sql_format(sql, "(%s ", x);
	st_sql_operator(sql, behind ? first->behind : first->before);
	st_sql_format(sql, " %s", y);
	if (!first->not_null)
		st_sql_format(sql, " OR (%s IS NULL AND %s IS NOT NULL)", null, other);
	st_sql_text(sql, ")");
}

/* "x is in the range", its ends included. */
static void
print_between(StringInfo sql, const FirstColumn *first, const char *x, const char *low, const char *high)
{
	st_sql_format(sql, "(%s ", x);
	st_sql_operator(sql, first->not_before);
	st_sql_format(sql, " %s", low);
	if (!first->not_null)
		st_sql_format(sql, " OR %s IS NULL", first->nulls_first ? low : x);
	st_sql_format(sql, ") AND (%s ", x);
	st_sql_operator(sql, first->not_behind);
	st_sql_format(sql, " %s", high);
	if (!first->not_null)
		st_sql_format(sql, " OR %s IS NULL", first->nulls_first ? x : high);
	st_sql_text(sql, ")");
}

/* The value that so many rows before or behind one has; of fewer, if there are no more. */
static void
print_reach(StringInfo sql, const FirstColumn *first, Oid state, const char *value, int64 rows, bool behind)
{
	if (rows == 0 || ST_FAULT("E10 reach"))
	{
		st_sql_text(sql, value);
		return;
	}
	st_sql_format(sql, "(SELECT z.o FROM ((SELECT s.v%d AS o FROM ", first->column);
	st_sql_relation(sql, state);
	st_sql_text(sql, " s WHERE ");
	print_beyond(sql, first, psprintf("s.v%d", first->column), value, behind);
	st_sql_format(sql, " ORDER BY %s LIMIT " INT64_FORMAT ") UNION ALL SELECT %s) z ORDER BY %s LIMIT 1)",
				  by_first(first, psprintf("s.v%d", first->column), !behind), rows, value,
				  by_first(first, "z.o", behind));
}

static bool
runs_on(StNode *node)
{
	ListCell   *lc;

	foreach(lc, node->kinds)
		if (lfirst_int(lc) != ST_WINDOW_NEAR)
			return true;
	return false;
}

/* Does what runs on come to the same behind the changes? See the opening comment. */
static void
print_same(StringInfo sql, StNode *node)
{
	Bitmapset  *used = NULL;
	ListCell   *lc;
	int			column = -1;
	const char *separator = "";

	if (ST_FAULT("E10"))
	{
		st_sql_text(sql, "true");
		return;
	}
	st_sql_text(sql, "(SELECT COALESCE(pg_catalog.sum(d." ST_WEIGHT_COLUMN "), 0) = 0 FROM d)");
	foreach(lc, node->kinds)
	{
		Node	   *function = (Node *) list_nth_node(TargetEntry, node->window->targetList,
													  node->nshown + 1 + foreach_current_index(lc))->expr;
		ListCell   *lc2;

		if (lfirst_int(lc) == ST_WINDOW_COUNT || lfirst_int(lc) == ST_WINDOW_SUM)
			foreach(lc2, pull_var_clause(function, PVC_RECURSE_WINDOWFUNCS))
				used = bms_add_member(used, lfirst_node(Var, lc2)->varattno);
		if (lfirst_int(lc) == ST_WINDOW_DENSE_RANK)
			foreach(lc2, node->order)
				used = bms_add_member(used, ((StSortColumn *) lfirst(lc2))->argument);
	}
	if (bms_is_empty(used))
		return;
	st_sql_text(sql, " AND NOT EXISTS (SELECT FROM d GROUP BY ");
	while ((column = bms_next_member(used, column)) >= 0)
	{
		st_sql_format(sql, "%sROW(d.v%d)::record::text", separator, column);
		separator = ", ";
	}
	st_sql_text(sql, " HAVING pg_catalog.sum(d." ST_WEIGHT_COLUMN ") <> 0)");
}

/* What the functions have come to in the group "c", rows of the last value before those that are read. */
static void
print_carried(StringInfo sql, StNode *node)
{
	ListCell   *lc;

	foreach(lc, node->kinds)
	{
		int			i = foreach_current_index(lc) + 1;
		int			v = node->nshown + i;
		int			addend = list_nth_int(node->addends, i - 1);

		if (i > 1)
			st_sql_text(sql, ", ");
		switch ((StWindowKind) lfirst_int(lc))
		{
			case ST_WINDOW_NEAR:
				st_sql_format(sql, "NULL::int8 AS w%d", i);
				break;
			case ST_WINDOW_RANK:
				st_sql_format(sql, "COALESCE(pg_catalog.min(s.v%d) - 1 + pg_catalog.count(s.v%d), 0) AS w%d", v, v, i);
				break;
			case ST_WINDOW_SUM:
				st_sql_format(sql, "(pg_catalog.array_agg(s.v%d ORDER BY %s, CASE WHEN s.v%d < 0 THEN s.v%d ELSE - s.v%d END))[1] AS w%d",
							  v, total_order(node, "s", true), addend, v, v, i);
				break;
			default:
				st_sql_format(sql, "COALESCE(pg_catalog.max(s.v%d), 0) AS w%d", v, i);
		}
	}
}

/* The results of "r", with what was carried in "c" if a function runs on. */
static void
print_results(StringInfo sql, StNode *node)
{
	ListCell   *lc;

	foreach(lc, node->kinds)
	{
		int			i = foreach_current_index(lc) + 1;

		switch ((StWindowKind) lfirst_int(lc))
		{
			case ST_WINDOW_NEAR:
				st_sql_format(sql, ", r.w%d", i);
				break;
			case ST_WINDOW_SUM:
				st_sql_format(sql, ", COALESCE(c.w%d + r.w%d, c.w%d, r.w%d)", i, i, i, i);
				break;
			default:
				st_sql_format(sql, ", c.w%d + r.w%d", i, i);
		}
	}
}

/* The window functions over rows "from", which have the columns of the state and their place. */
static char *
print_functions(StNode *node, const char *from)
{
	Query	   *query = copyObject(node->window);
	List	   *names = NIL;

	for (int i = 1; i <= node->nshown; i++)
		names = lappend(names, makeString(psprintf("v%d", i)));
	query->rtable = list_make1(st_make_with_entry(from, "p", lappend(names, makeString("place"))));
	return st_query_print(query);
}

void
st_window_print_fill(StringInfo sql, StNode *node)
{
	st_sql_text(sql, "SELECT ");
	for (int i = 1; i <= node->nshown; i++)
		st_sql_format(sql, "r.v%d, ", i);
	for (int i = 1; i <= list_length(node->kinds); i++)
		st_sql_format(sql, "%sr.w%d AS v%d", i == 1 ? "" : ", ", i, node->nshown + i);
	st_sql_text(sql, " FROM (WITH p AS (SELECT i.*, pg_catalog.row_number() OVER (ORDER BY ");
	st_sql_format(sql, "%s) AS place FROM (SELECT ", total_order(node, "i", false));
	for (int i = 1; i <= node->nshown; i++)
		st_sql_format(sql, "%si.a%d AS v%d", i == 1 ? "" : ", ", i, i);
	st_sql_format(sql, " FROM __pgt_in i) i) %s) r", print_functions(node, "p"));
}

void
st_window_print_delta(StringInfo sql, StNode *node, Oid state)
{
	FirstColumn first = first_column(node);
	const char *d = psprintf("d.v%d", first.column);
	const char *s = psprintf("s.v%d", first.column);
	char	   *total = total_order(node, "m", false);
	bool		running = runs_on(node);

	st_sql_text(sql, ", d AS MATERIALIZED (SELECT ");
	for (int i = 1; i <= node->nshown; i++)
		st_sql_format(sql, "i.a%d AS v%d, ", i, i);
	st_sql_text(sql, "i." ST_WEIGHT_COLUMN " FROM __pgt_in i)");

	/*
	 * where the changes are: each value by itself, or all of them if
	 * something runs on from the first
	 */
	if (running)
	{
		st_sql_format(sql, ", e AS MATERIALIZED (SELECT (SELECT %s FROM d ORDER BY %s LIMIT 1) AS l, (SELECT %s FROM d ORDER BY %s LIMIT 1) AS h, ",
					  d, by_first(&first, d, false), d, by_first(&first, d, true));
		print_same(sql, node);
		st_sql_text(sql, " AS same)");
	}
	else
		st_sql_format(sql, ", e AS MATERIALIZED (SELECT DISTINCT %s AS l, %s AS h, true AS same FROM d)", d, d);

	/* what they can change, and what that is computed from */
	st_sql_text(sql, ", f AS MATERIALIZED (SELECT ");
	print_reach(sql, &first, state, "e.l", node->following, false);
	st_sql_text(sql, " AS l, CASE WHEN e.same THEN ");
	print_reach(sql, &first, state, "e.h", node->preceding, true);
	st_sql_format(sql, " ELSE (SELECT z.o FROM ((SELECT %s AS o FROM ", s);
	st_sql_relation(sql, state);
	st_sql_format(sql, " s ORDER BY %s LIMIT 1) UNION ALL SELECT e.h) z ORDER BY %s LIMIT 1) END AS h FROM e)",
				  by_first(&first, s, true), by_first(&first, "z.o", true));
	st_sql_text(sql, ", g AS MATERIALIZED (SELECT f.l AS fl, f.h AS fh, ");
	print_reach(sql, &first, state, "f.l", node->preceding, false);
	st_sql_text(sql, " AS l, ");
	print_reach(sql, &first, state, "f.h", node->following, true);
	st_sql_text(sql, " AS h FROM f)");

	/*
	 * the rows as they were, each once, and whether it is among those that
	 * can change
	 */
	st_sql_format(sql, ", o AS MATERIALIZED (SELECT %s%s, s.inside FROM g CROSS JOIN LATERAL (SELECT s.ctid, s.*, (",
				  running ? "" : "DISTINCT ON (s.ctid) ", columns(node, "s", true));
	print_between(sql, &first, s, "g.fl", "g.fh");
	st_sql_text(sql, ") IS TRUE AS inside FROM ");
	st_sql_relation(sql, state);
	st_sql_text(sql, " s WHERE ");
	print_between(sql, &first, s, "g.l", "g.h");
	st_sql_format(sql, ") s%s)", running ? "" : " ORDER BY s.ctid, s.inside DESC");

	/* as they are; equal images are peers */
	st_sql_format(sql, ", m AS (SELECT %s, 1::int8 AS weight, o.inside FROM o UNION ALL SELECT %s, d." ST_WEIGHT_COLUMN ", true FROM d)",
				  columns(node, "o", false), columns(node, "d", false));
	st_sql_format(sql, ", n AS (SELECT m.*, pg_catalog.sum(m.weight) OVER (ORDER BY %s RANGE BETWEEN CURRENT ROW AND CURRENT ROW)::int8 AS net"
				  ", pg_catalog.row_number() OVER (ORDER BY %s) = pg_catalog.rank() OVER (ORDER BY %s) AS one FROM m)",
				  total, total, total);
	st_sql_format(sql, ", k AS MATERIALIZED (SELECT %s, m.net, m.inside FROM n m WHERE m.one AND m.net <> 0)", columns(node, "m", false));
	st_sql_format(sql, ", p AS MATERIALIZED (SELECT %s, m.inside, pg_catalog.row_number() OVER (ORDER BY %s) AS place FROM k m"
				  " CROSS JOIN LATERAL pg_catalog.generate_series(1::int8, m.net))", columns(node, "m", false), total);
	if (running)
	{
		st_sql_text(sql, ", c AS MATERIALIZED (SELECT ");
		print_carried(sql, node);
		st_sql_format(sql, " FROM g LEFT JOIN LATERAL (SELECT %s AS o, true AS found FROM ", s);
		st_sql_relation(sql, state);
		st_sql_text(sql, " s WHERE ");
		print_beyond(sql, &first, s, "g.l", false);
		st_sql_format(sql, " ORDER BY %s LIMIT 1) z ON true LEFT JOIN LATERAL (SELECT s.* FROM ", by_first(&first, s, true));
		st_sql_relation(sql, state);
		st_sql_text(sql, " s WHERE z.found AND ");
		print_between(sql, &first, s, "z.o", "z.o");
		st_sql_text(sql, ") s ON true)");
	}

	st_sql_format(sql, " SELECT -1::int8, %s FROM o WHERE o.inside UNION ALL SELECT 0, %s", columns(node, "o", true), columns(node, "k", false));
	for (int i = 0; i < list_length(node->kinds); i++)
		st_sql_text(sql, ", NULL");
	st_sql_format(sql, " FROM k WHERE k.net < 0 UNION ALL SELECT 1, %s", columns(node, "r", false));
	print_results(sql, node);
	st_sql_format(sql, " FROM (%s) r JOIN p ON p.place = r.place%s WHERE p.inside", print_functions(node, "p"),
				  running ? " CROSS JOIN c" : "");
}
