/*-------------------------------------------------------------------------
 *
 * top.c
 *	  Text of the statements that keep the first rows of an order.
 *
 * NOTES
 *	  With N rows shown behind OFFSET M, the state holds the first
 *	  max(2 (M + N), M + N + 100) rows of the block (rule E13) in total order:
 *	  by ORDER BY, then by the row's image, so that the choice among equals is
 *	  the same whenever it is made (rule A5). Its columns are v1.. of the row, f
 *	  whether the row is shown, and w whether the state holds the whole block.
 *	  With ties, all rows equal to the last by ORDER BY are in as well.
 *
 *	  The state is a prefix of the order, and so is a change of it: rows that
 *	  come or go behind its last row do not matter, those before are merged with
 *	  it and counted off anew. Where rows that left leave fewer than M + N of a
 *	  state that is not the whole, the caller fills it again.
 *
 *	  A change reads the state and the delta, nothing else. Of a delta most rows
 *	  come behind the last row by the order's first column alone: they are left
 *	  out before anything is sorted. Where none is left the state stays as it is,
 *	  and is not read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "delta/top.h"
#include "util/fault.h"
#include "util/sqlbuf.h"

/* beyond what any table has, and twice the sum of two is an int8 */
#define ALL_ROWS	"1000000000000000000"

/*
 * How many rows are shown, are needed, and are kept. Of a limit that is no constant,
 * which a row of "lim" has, it is NULL if there is none.
 */
static char *
rows_offset(StNode *node)
{
	return node->limit_column ? "lim.o" : psprintf(INT64_FORMAT, node->offset);
}

static char *
rows_needed(StNode *node)
{
	return node->limit_column ? "(lim.o + lim.l)" : psprintf(INT64_FORMAT, node->offset + node->limit);
}

static char *
rows_kept(StNode *node)
{
	int64		needed = node->offset + node->limit;

	/* GREATEST() would ignore a NULL */
	if (node->limit_column)
		return "(lim.o + lim.l + CASE WHEN lim.o + lim.l > 100 THEN lim.o + lim.l ELSE 100 END)";
	return psprintf(INT64_FORMAT, Max(2 * needed, needed + 100));
}

/* ", lim AS (..)": what the rows of "from" agree on. */
static void
print_limits(StringInfo sql, StNode *node, const char *from, char letter)
{
	if (node->limit_column)
		st_sql_format(sql, "lim AS MATERIALIZED (SELECT CASE WHEN z.l IS NOT NULL THEN LEAST(z.l, " ALL_ROWS ") END AS l,"
					  " LEAST(COALESCE(z.o, 0), " ALL_ROWS ") AS o FROM (SELECT true) y LEFT JOIN (SELECT z.%c%d AS l, z.%c%d AS o FROM %s z LIMIT 1) z ON true)",
					  letter, node->limit_column, letter, node->limit_column + 1, from);
}

void
st_print_order(StringInfo sql, StNode *node, const char *alias, char letter)
{
	ListCell   *lc;

	foreach(lc, node->order)
	{
		StSortColumn *column = lfirst(lc);

		st_sql_text(sql, lc == list_head(node->order) ? "" : ", ");
		if (OidIsValid(column->record))
			st_sql_text(sql, column->record == RECORDOID ? "pgtrickle.stored_row(" : "pgtrickle.stored_rows(");
		st_sql_format(sql, "%s.%c%d%s USING ", alias, letter, column->argument, OidIsValid(column->record) ? ")" : "");
		st_sql_operator(sql, column->operator);
		st_sql_format(sql, " NULLS %s", column->nulls_first ? "FIRST" : "LAST");
	}
}

/* The columns of a row, as text that goes behind SELECT or in ROW(). */
static char *
row_columns(StNode *node, const char *alias, char letter, bool rename)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 1; i <= node->narguments; i++)
	{
		st_sql_format(&sql, "%s%s.%c%d", i == 1 ? "" : ", ", alias, letter, i);
		if (rename)
			st_sql_format(&sql, " AS v%d", i);
	}
	return sql.data;
}

/* What is ordered by: ORDER BY alone, or the total order. */
static char *
order_text(StNode *node, const char *alias, char letter, bool total)
{
	StringInfoData sql;

	initStringInfo(&sql);
	st_print_order(&sql, node, alias, letter);
	if (total)
		st_sql_format(&sql, "%sROW(%s)::record USING OPERATOR(pg_catalog.*<)", sql.len ? ", " : "",
					  row_columns(node, alias, letter, false));
	return sql.data;
}

/* Rows of "alias" with their place as p, and as q the place of the first of equals. */
static void
print_numbered(StringInfo sql, StNode *node, const char *alias, char letter)
{
	st_sql_format(sql, "SELECT %s, pg_catalog.row_number() OVER (ORDER BY %s) AS p",
				  row_columns(node, alias, letter, true), order_text(node, alias, letter, true));
	if (node->ties)
		st_sql_format(sql, ", pg_catalog.rank() OVER (ORDER BY %s) AS q",
					  order_text(node, alias, letter, false));
	else
		st_sql_text(sql, ", 0::int8 AS q");
}

/* Is a numbered row within the first "rows"? */
static char *
within(StNode *node, const char *rows)
{
	return psprintf(node->limit_column ? "COALESCE(r.%c <= %s, true)" : "r.%c <= %s", node->ties ? 'q' : 'p', rows);
}

static char *
is_shown(StNode *node)
{
	return psprintf("r.p > %s AND %s", rows_offset(node), within(node, rows_needed(node)));
}

void
st_top_print_fill(StringInfo sql, StNode *node)
{
	const char *limits = node->limit_column ? " CROSS JOIN lim" : "";

	if (node->limit_column)
		st_sql_text(sql, "SELECT * FROM (WITH ");
	print_limits(sql, node, "__pgt_in", 'a');
	st_sql_format(sql, " SELECT %s, %s AS f, COALESCE(pg_catalog.count(*) OVER () < %s, true) AS w FROM (",
				  row_columns(node, "r", 'v', false), is_shown(node), rows_kept(node));
	print_numbered(sql, node, "i", 'a');
	st_sql_format(sql, " FROM (SELECT i.* FROM __pgt_in i ORDER BY %s FETCH FIRST %s ROWS %s) i) r%s",
				  order_text(node, "i", 'a', !node->ties), node->limit_column ? psprintf("(SELECT %s FROM lim)", rows_kept(node)) : rows_kept(node),
				  node->ties ? "WITH TIES" : "ONLY", limits);
	if (node->limit_column)
		st_sql_text(sql, ") f");
}

/* The column that decides first, if an operator tells the last of its values; else NULL. */
static StSortColumn *
first_column(StNode *node)
{
	StSortColumn *column = node->order ? linitial(node->order) : NULL;

	return column && !OidIsValid(column->record) && OidIsValid(get_commutator(column->operator)) ? column : NULL;
}

/* ", floor AS (..)": the last value of that column in the state; NULL tells nothing. */
static void
print_floor(StringInfo sql, StSortColumn *column, Oid state)
{
	st_sql_format(sql, ", floor AS (SELECT o.v%d AS v FROM ", column->argument);
	st_sql_relation(sql, state);
	st_sql_format(sql, " o ORDER BY o.v%d USING ", column->argument);
	st_sql_operator(sql, get_commutator(column->operator));
	st_sql_format(sql, " NULLS %s LIMIT 1)", column->nulls_first ? "LAST" : "FIRST");
}

/*
 * A row of the delta is not behind the last one of the state, as far as the column
 * tells; or the state is the whole.
 */
static void
print_not_behind(StringInfo sql, StSortColumn *column)
{
	bool		fault = ST_FAULT("E13 behind");

	st_sql_text(sql, " WHERE (SELECT whole.w FROM whole) OR (");
	st_sql_format(sql, fault ? "i.a%d " : "(SELECT floor.v FROM floor) ", column->argument);
	st_sql_operator(sql, column->operator);
	st_sql_format(sql, fault ? " (SELECT floor.v FROM floor)) IS TRUE" : " i.a%d) IS NOT TRUE", column->argument);
}

void
st_top_print_delta(StringInfo sql, StNode *node, Oid state)
{
	StSortColumn *column = first_column(node);
	char	   *total = order_text(node, "m", 'v', true);
	char	   *floor = order_text(node, "m", 'v', !node->ties);
	const char *limits = node->limit_column ? " CROSS JOIN lim" : "";

	st_sql_text(sql, ", whole AS (SELECT COALESCE(pg_catalog.bool_and(o.w), true) AS w FROM ");
	st_sql_relation(sql, state);
	st_sql_text(sql, " o)");
	if (column)
		print_floor(sql, column, state);

	st_sql_format(sql, ", d AS MATERIALIZED (SELECT %s, i." ST_WEIGHT_COLUMN " AS weight FROM __pgt_in i",
				  row_columns(node, "i", 'a', true));
	if (column)
		print_not_behind(sql, column);
	st_sql_text(sql, "), s AS (SELECT o.* FROM ");
	st_sql_relation(sql, state);
	st_sql_text(sql, " o WHERE EXISTS (SELECT FROM d))");

	/* the state and the delta, one behind the other */
	st_sql_format(sql, ", m AS (SELECT %s, 1::int8 AS weight, true AS old FROM s o UNION ALL SELECT %s, i.weight, false FROM d i",
				  row_columns(node, "o", 'v', false), row_columns(node, "i", 'v', false));

	/*
	 * equal images are peers: how many there are, and whether it is the first
	 * of them
	 */
	st_sql_format(sql, "), n AS (SELECT m.*, pg_catalog.sum(m.weight) OVER (ORDER BY %s RANGE BETWEEN CURRENT ROW AND CURRENT ROW)::int8 AS net"
				  ", pg_catalog.row_number() OVER (ORDER BY %s) = pg_catalog.rank() OVER (ORDER BY %s) AS one"
				  ", pg_catalog.bool_or(m.old) OVER (ORDER BY %s RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS inside", total, total, total, floor);

	/*
	 * of the last image the state may hold a part of the rows, of which more
	 * may leave than it holds
	 */
	if (!node->ties)
		st_sql_format(sql, ", pg_catalog.bool_or(m.old) OVER (ORDER BY %s GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS before", total);
	st_sql_text(sql, " FROM m)");
	st_sql_format(sql, ", k AS (SELECT m.* FROM n m CROSS JOIN whole WHERE m.one AND (%s)), r AS (",
				  ST_FAULT("E13") ? "true" : "m.inside OR whole.w");
	print_numbered(sql, node, "m", 'v');
	st_sql_text(sql, " FROM k m CROSS JOIN LATERAL pg_catalog.generate_series(1::int8, m.net))");
	if (node->limit_column)
		st_sql_text(sql, ", ");
	print_limits(sql, node, "r", 'v');

	st_sql_format(sql, " SELECT -1::int8, %s, o.f, o.w FROM s o UNION ALL SELECT 0, %s, false, false FROM k m CROSS JOIN whole WHERE m.net < 0%s",
				  row_columns(node, "o", 'v', false), row_columns(node, "m", 'v', false), node->ties ? "" : " AND (m.before OR whole.w)");
	st_sql_format(sql, " UNION ALL SELECT 1, %s, %s, whole.w AND COALESCE((SELECT pg_catalog.max(%s) FROM r) <= %s, true) FROM r CROSS JOIN whole%s WHERE %s",
				  row_columns(node, "r", 'v', false), is_shown(node), node->ties ? "r.q" : "r.p", rows_kept(node), limits, within(node, rows_kept(node)));
	/* too few of them are left of those that were kept */
	st_sql_text(sql, " UNION ALL SELECT 2");
	for (int i = 1; i <= node->narguments; i++)
		st_sql_text(sql, ", NULL");
	st_sql_format(sql, ", NULL, NULL FROM whole%s WHERE NOT whole.w AND EXISTS (SELECT FROM d) AND COALESCE((SELECT pg_catalog.count(*) FROM r) < %s, true)",
				  limits, rows_needed(node));
}
