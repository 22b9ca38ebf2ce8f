/*-------------------------------------------------------------------------
 *
 * window.c
 *	  Prints the statements that keep window functions over all rows of a block.
 *
 * NOTES
 *	  The state's rows are the block's, with the results of the functions. Each
 *	  window, that is, all functions of one partition and order, finds which of
 *	  the rows a change reaches; what comes out different is written, the results
 *	  of the other windows as they are. Rows that stay are known by their ctid.
 *
 *	  Of a window that is computed by partitions, those are read that a change
 *	  touches. Otherwise rows are taken by the values of the first column of the
 *	  order, all rows of a partition with a value or none: so rows that the order
 *	  does not tell apart stay together, and an index on the partition and that
 *	  column is enough. Where a value may be wider than an index can hold, the index is
 *	  on pgtrickle.short_value() of it, and those that it leaves out are compared
 *	  one by one, among the NULLs of the index. Let the functions look at p rows before and f rows behind
 *	  one. For a change at a value, results can differ from the f-th row before it
 *	  up to the p-th row behind it; to compute these, p rows more before and f rows
 *	  more behind are read. All of that counts rows of the state, as they were;
 *	  rows that leave are changes themselves, with rows around them, so that what
 *	  is read has no gap in what a result depends on, however many leave side by
 *	  side.
 *
 *	  The changes of a partition make stretches: each value by itself, or, if a
 *	  function runs on, those from a value to the next one up to which it comes to
 *	  the same as before, and to the end if there is none. So what lies between two
 *	  changes far apart is left alone where it can be told that it stays as it is.
 *	  Stretches that read the same rows are made one; each is computed as if it
 *	  were a partition. What runs on begins with what it has come to in the last
 *	  value before the rows that are read (rule E10):
 *
 *		row_number(), dense_rank(), count()	the greatest
 *		rank()				the least, and as many more as there are rows
 *		sum()				that of the last row; of equal rows the one that
 *							has added most of what they add
 *		min(), max()		the least, the greatest
 *		first_value()		that of any row, if there is one
 *
 *	  A function that runs on comes to the same as before if as many rows come as
 *	  go, and for what it counts, adds up or ranks by, the same values do: then
 *	  the digits that a sum shows are the same, too. A least or greatest value is
 *	  the same if what was before all changes is at least as far out as what they
 *	  bring or take, and a first value if there was a row before all changes. So
 *	  changes of a window that has a least or greatest value are one stretch.
 *
 *	  Frames of a distance in values are looked for by value: what can change lies
 *	  as far from a change as the frame reaches.
 *
 *	  WITH queries: "d" what changes, netted, with a number for each partition of
 *	  each window; "x" the rows that leave; "n" those that come. Of window 1, and
 *	  so on: "k1" the changes by place, "i1" what is counted up to there, "j1" and
 *	  "e1" the stretches, "f1" what they can change, "b1" and "g1" what that is
 *	  computed from, "o1" the rows as they were, "z" whether these are
 *	  too many, "p1" the rows as they are, "c1" what was before, "t1" what comes
 *	  out different.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "delta/window.h"
#include "query/make.h"
#include "query/query.h"
#include "query/source_facts.h"
#include "util/fault.h"
#include "util/sqlbuf.h"
#include "util/zset.h"

/* behind rows of a window: of more than enough no more are read */
#define LIMITED " LIMIT (SELECT l.rows FROM " ST_WINDOW_LIMIT_INPUT " l)"

/* How the first column of a window's order compares. */
typedef struct FirstColumn
{
	int			column;			/* of the state */
	Oid			before;
	Oid			behind;
	Oid			not_before;
	Oid			not_behind;
	Oid			equal;
	bool		not_null;
	bool		nulls_first;
	bool		row;			/* of a row type */
	bool		shortened;		/* in its index */
} FirstColumn;

/* Rows of the state that an index finds, and what the index holds of the first column. */
typedef struct RowSet
{
	const char *value;
	const char *condition;
	bool		nulls;			/* there are NULLs among others */
} RowSet;

/* What is printed for one window. */
typedef struct Printing
{
	StNode	   *node;
	StWindow   *window;
	int			number;			/* from 1 */
	Oid			state;
	FirstColumn first;			/* unless partitions are computed whole */
} Printing;

static Node *
block_column(StNode *node, int column)
{
	return (Node *) list_nth_node(TargetEntry, node->block->targetList, column - 1)->expr;
}

static Printing
begin_printing(StNode *node, int number, Oid state)
{
	Printing	result = {node, list_nth(node->windows, number - 1), number, state};

	if (!result.window->whole && !result.window->numbered)
	{
		StSortColumn *column = linitial(result.window->order);
		FirstColumn first = {column->argument, column->operator};

		first.behind = get_commutator(first.before);
		first.not_before = get_negator(first.before);
		first.not_behind = get_negator(first.behind);
		first.equal = lookup_type_cache(exprType(block_column(node, column->argument)), TYPECACHE_EQ_OPR)->eq_opr;
		first.row = type_is_rowtype(exprType(block_column(node, column->argument)));
		(void) st_window_index_column(node, result.window, &first.shortened);
		first.not_null = st_block_column_not_null(node->block, column->argument);
		first.nulls_first = column->nulls_first;
		result.first = first;
	}
	return result;
}

/* v1.., of which each gets an alias in front; with those of the results, or without. */
static char *
columns(StNode *node, const char *alias, bool results)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 1; i <= node->nshown + (results ? list_length(node->results) : 0); i++)
		st_sql_format(&sql, "%s%s.v%d", i == 1 ? "" : ", ", alias, i);
	return sql.data;
}

static char *
image(StNode *node, const char *alias)
{
	return psprintf("ROW(%s)::record", columns(node, alias, false));
}

/* The columns of the order, then the image; or the reverse. */
static char *
total_order(Printing *printing, const char *alias, bool reverse)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, printing->window->order)
	{
		StSortColumn *column = lfirst(lc);

		st_sql_format(&sql, "%s.v%d USING ", alias, column->argument);
		st_sql_operator(&sql, reverse ? get_commutator(column->operator) : column->operator);
		st_sql_format(&sql, " NULLS %s, ", column->nulls_first != reverse ? "FIRST" : "LAST");
	}
	st_sql_format(&sql, "%s USING OPERATOR(pg_catalog.*%s)", image(printing->node, alias),
				  reverse != printing->window->reversed ? ">" : "<");
	return sql.data;
}

/* "alias.v1, alias.v2 " of the partition, each with a prefix of its own and a comma behind. */
static char *
partition_columns(StWindow *window, const char *alias, bool named)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, window->partition)
		st_sql_format(&sql, named ? "%s.v%d AS q%d, " : "%s.q%d, ", alias,
					  named ? lfirst_int(lc) : foreach_current_index(lc) + 1, foreach_current_index(lc) + 1);
	return sql.data;
}

static char *
partition_hash(StWindow *window, const char *alias, bool of_state)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	st_sql_text(&sql, "pg_catalog.hash_record_extended(ROW(");
	foreach(lc, window->partition)
		st_sql_format(&sql, of_state ? "%s%s.v%d" : "%s%s.q%d", foreach_current_index(lc) == 0 ? "" : ", ", alias,
					  of_state ? lfirst_int(lc) : foreach_current_index(lc) + 1);
	st_sql_text(&sql, "), 0)");
	return sql.data;
}

/* "the row s is of the partition whose columns q1.. the alias has"; found by the index of the hash. */
static char *
same_partition(Printing *printing, const char *alias)
{
	StWindow   *window = printing->window;
	StringInfoData sql;
	ListCell   *lc;

	if (window->partition == NIL)
		return pstrdup("true");
	initStringInfo(&sql);
	st_sql_format(&sql, "%s = %s", partition_hash(window, "s", true), partition_hash(window, alias, false));
	foreach(lc, window->partition)
	{
		int			q = foreach_current_index(lc) + 1;
		Oid			type = exprType(block_column(printing->node, lfirst_int(lc)));

		st_sql_format(&sql, " AND (s.v%d ", lfirst_int(lc));
		st_sql_operator(&sql, lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr);
		st_sql_format(&sql, " %s.q%d", alias, q);
		if (!st_block_column_not_null(printing->node->block, lfirst_int(lc)))
			st_sql_format(&sql, " OR (s.v%d IS NULL AND %s.q%d IS NULL)", lfirst_int(lc), alias, q);
		st_sql_text(&sql, ")");
	}
	return sql.data;
}

/* "x USING < NULLS LAST". */
static char *
by_first(const FirstColumn *first, const char *x, bool reverse)
{
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_format(&sql, "%s USING ", x);
	st_sql_operator(&sql, reverse ? first->behind : first->before);
	if (!first->not_null)
		st_sql_format(&sql, " NULLS %s", first->nulls_first != reverse ? "FIRST" : "LAST");
	return sql.data;
}

/* The same for what is not NULL: as an index has it. */
static char *
by_first_not_null(const FirstColumn *first, const char *x, bool reverse)
{
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_format(&sql, "%s USING ", x);
	st_sql_operator(&sql, reverse ? first->behind : first->before);
	return sql.data;
}

static char *
compare(const char *x, Oid operator, const char *y)
{
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_format(&sql, "%s ", x);
	st_sql_operator(&sql, operator);
	st_sql_format(&sql, " %s", y);
	return sql.data;
}

/* Also of rows, of which some columns are NULL. */
static char *
is_null(const FirstColumn *first, const char *x)
{
	return psprintf(first->row ? "%s IS NOT DISTINCT FROM NULL" : "%s IS NULL", x);
}

static char *
is_not_null(const FirstColumn *first, const char *x)
{
	return psprintf(first->row ? "%s IS DISTINCT FROM NULL" : "%s IS NOT NULL", x);
}

/* "alias.v" is in the range. */
static char *
is_between(Printing *printing, const char *alias, const char *low, const char *high)
{
	const FirstColumn *first = &printing->first;
	const char *s = psprintf("%s.v%d", alias, first->column);
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_format(&sql, "(%s", compare(s, first->not_before, low));
	if (!first->not_null)
		st_sql_format(&sql, " OR %s", is_null(first, first->nulls_first ? low : s));
	st_sql_format(&sql, ") AND (%s", compare(s, first->not_behind, high));
	if (!first->not_null)
		st_sql_format(&sql, " OR %s", is_null(first, first->nulls_first ? s : high));
	st_sql_text(&sql, ")");
	return sql.data;
}

/* The first column of rows "s", and what its index holds of it. */
static const char *
stored_column(const FirstColumn *first)
{
	return psprintf("s.v%d", first->column);
}

static const char *
indexed_column(const FirstColumn *first)
{
	return psprintf(first->shortened ? "pgtrickle.short_value(s.v%d)" : "s.v%d", first->column);
}

static List *
add_set(List *sets, const char *value, const char *condition, bool nulls)
{
	RowSet	   *set = palloc(sizeof(RowSet));

	set->value = value;
	set->condition = condition;
	set->nulls = nulls;
	return lappend(sets, set);
}

/*
 * What the index does not find: rows that are NULL if "null" is true, and,
 * among its NULLs, those of which it does not hold the value if that meets
 * "wide". Neither is needed of a column that is never NULL and always held.
 */
static List *
add_unindexed(List *sets, const FirstColumn *first, const char *wide, const char *null)
{
	const char *stored = stored_column(first);
	const char *missing = is_null(first, indexed_column(first));

	if (first->shortened && ST_FAULT("E10 wide"))
		wide = "false";
	if (first->shortened)
		return add_set(sets, stored, psprintf("%s AND (%s%s)", missing, wide,
											  first->not_null ? "" : psprintf(" OR (%s AND %s)", is_null(first, stored), null)), true);
	return first->not_null ? sets : add_set(sets, stored, psprintf("%s AND %s", missing, null), false);
}

/*
 * Sets of rows of the state that have none in common, each found by the index:
 * "s is strictly before y" in the order, or behind.
 */
static List *
beyond(Printing *printing, const char *y, bool behind)
{
	const FirstColumn *first = &printing->first;
	const char *stored = stored_column(first);
	const char *indexed = indexed_column(first);
	Oid			operator = behind ? first->behind : first->before;
	List	   *result = add_set(NIL, indexed, compare(indexed, operator, y), false);
	const char *wide = compare(stored, operator, y);

	if (first->not_null)
		return add_unindexed(result, first, wide, NULL);
	if (first->nulls_first != behind)
		return add_unindexed(result, first, wide, is_not_null(first, y));
	result = add_set(result, indexed, psprintf("%s AND %s", is_not_null(first, indexed), is_null(first, y)), false);
	if (!first->shortened)
		return result;
	return add_unindexed(result, first, psprintf("%s OR (%s AND %s)", wide, is_not_null(first, stored), is_null(first, y)), "false");
}

/* Likewise "s is in the range", its ends included. */
static List *
between(Printing *printing, const char *low, const char *high)
{
	const FirstColumn *first = &printing->first;
	const char *indexed = indexed_column(first);
	const char *not_before = compare(indexed, first->not_before, low);
	const char *not_behind = compare(indexed, first->not_behind, high);
	const char *null = is_null(first, first->nulls_first ? low : high);
	List	   *result = add_set(NIL, indexed, psprintf("%s AND %s", not_before, not_behind), false);

	if (!first->not_null)
		result = add_set(result, indexed, psprintf("%s AND %s", first->nulls_first ? not_behind : not_before, null), false);
	return add_unindexed(result, first, is_between(printing, "s", low, high), first->shortened ? "false" : null);
}

/* Likewise "s has this value". */
static List *
having(Printing *printing, const char *value)
{
	const FirstColumn *first = &printing->first;
	const char *indexed = indexed_column(first);

	return add_unindexed(add_set(NIL, indexed, compare(indexed, first->equal, value), false), first,
						 compare(stored_column(first), first->equal, value), is_null(first, value));
}

/* Likewise all rows. */
static List *
everything(Printing *printing)
{
	const FirstColumn *first = &printing->first;
	const char *indexed = indexed_column(first);

	return add_unindexed(add_set(NIL, indexed, is_not_null(first, indexed), false), first,
						 is_not_null(first, stored_column(first)), "true");
}

/*
 * "what" of the rows of the partition that are in one of the sets, or, if it is
 * NULL, the first column as "o"; if "near" is given, only of so many that come first in that
 * order, and each value once if values are counted.
 */
static char *
rows_where(Printing *printing, const char *what, const char *alias, List *sets, bool near, bool reverse, int64 rows)
{
	char	   *partition = same_partition(printing, alias);
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, sets)
	{
		RowSet	   *set = lfirst(lc);

		st_sql_format(&sql, "%s(SELECT ", foreach_current_index(lc) == 0 ? "" : " UNION ALL ");
		if (what)
			st_sql_text(&sql, what);
		else
			st_sql_format(&sql, "%s AS o", set->value);
		st_sql_text(&sql, " FROM ");
		st_sql_relation(&sql, printing->state);
		st_sql_format(&sql, " s WHERE %s AND %s", partition, set->condition);
		if (near)
		{
			if (printing->window->values && rows > 1)
				st_sql_format(&sql, " GROUP BY %s", set->value);
			st_sql_format(&sql, " ORDER BY %s LIMIT " INT64_FORMAT,
						  set->nulls ? by_first(&printing->first, set->value, reverse) : by_first_not_null(&printing->first, set->value, reverse), rows);
		}
		st_sql_text(&sql, ")");
	}
	return sql.data;
}

/* The value so far before or behind another in the order; beyond what the type holds, the last that it does. */
static char *
shift(Printing *printing, const char *value, Const *distance, bool behind)
{
	Oid			type = exprType(block_column(printing->node, printing->first.column));
	bool		ascending = printing->first.before == lookup_type_cache(type, TYPECACHE_LT_OPR)->lt_opr;
	Oid			output;
	bool		varlena;
	StringInfoData sql;
	char	   *limits;

	getTypeOutputInfo(distance->consttype, &output, &varlena);
	initStringInfo(&sql);
	st_sql_format(&sql, "(%s%s %c ", value, distance->consttype == INTERVALOID ? "" : "::numeric",
				  behind == ascending ? '+' : '-');

	/*
	 * months differ in length, and so do days where clocks change; hours do
	 * not
	 */
	st_sql_text(&sql, distance->consttype == INTERVALOID && (DatumGetIntervalP(distance->constvalue)->month != 0 ||
															 DatumGetIntervalP(distance->constvalue)->day != 0) ? "('4 days'::interval + " : "(");
	st_sql_literal(&sql, OidOutputFunctionCall(output, distance->constvalue));
	st_sql_text(&sql, "::");
	st_sql_type(&sql, distance->consttype, -1);
	st_sql_text(&sql, "))");
	if (type == NUMERICOID)
		return sql.data;
	if (distance->consttype == INTERVALOID)
	{
		st_sql_text(&sql, "::");
		st_sql_type(&sql, type, -1);
		return sql.data;
	}
	limits = type == INT2OID ? "-32768), 32767)::int2" : type == INT4OID ? "-2147483648), 2147483647)::int4" :
		"-9223372036854775808), 9223372036854775807)::int8";
	return psprintf("CASE WHEN %s IS NOT NULL THEN LEAST(GREATEST(%s, %s END", value, sql.data, limits);
}

/*
 * The value that as many rows before or behind one has as the functions look
 * into that direction, or into the other one, "following" the order or against
 * it; of fewer, if there are no more.
 */
static char *
reach(Printing *printing, const char *alias, const char *column, bool following, bool behind)
{
	const FirstColumn *first = &printing->first;
	int64		rows = following ? printing->window->following : printing->window->preceding;
	Const	   *distance = following ? printing->window->range_following : printing->window->range_preceding;
	const char *value = psprintf("%s.%s", alias, column);
	const char *found;

	if (ST_FAULT("E10 reach"))
		return pstrdup(value);
	if (distance)
		return shift(printing, value, distance, behind);
	if (rows == 0)
		return pstrdup(value);
	found = rows_where(printing, NULL, alias, beyond(printing, value, behind), true, !behind, rows);
	return psprintf("(SELECT z.o FROM ((SELECT z.o FROM (%s) z ORDER BY %s LIMIT " INT64_FORMAT ") UNION ALL SELECT %s) z ORDER BY %s LIMIT 1)",
					found, by_first(first, "z.o", !behind), rows, value, by_first(first, "z.o", behind));
}

/* The last value of the partition, or this one. */
static char *
reach_end(Printing *printing, const char *alias, const char *column)
{
	const char *value = psprintf("%s.%s", alias, column);

	return psprintf("(SELECT z.o FROM (%s UNION ALL SELECT %s) z ORDER BY %s LIMIT 1)",
					rows_where(printing, NULL, alias, everything(printing), true, true, 1), value,
					by_first(&printing->first, "z.o", true));
}

static StWindowKind
kind_of(Printing *printing, int function)
{
	return list_nth_int(printing->node->kinds, function);
}

static bool
is_extreme(StWindowKind kind)
{
	return kind == ST_WINDOW_MIN || kind == ST_WINDOW_MAX;
}

static bool
runs_on(Printing *printing)
{
	ListCell   *lc;

	if (!printing->window->whole)
		foreach(lc, printing->window->functions)
			if (kind_of(printing, lfirst_int(lc)) != ST_WINDOW_NEAR)
				return true;
	return false;
}

/* Does a function show the least or greatest value so far? */
static bool
has_extreme(Printing *printing)
{
	ListCell   *lc;

	foreach(lc, printing->window->functions)
		if (is_extreme(kind_of(printing, lfirst_int(lc))))
			return true;
	return false;
}

/* ----- where the changes are ----- */

/* Columns of which the same values must come and go; false: no function counts. */
static bool
counted_columns(Printing *printing, Bitmapset **used)
{
	bool		counts = false;
	ListCell   *lc;
	ListCell   *lc2;

	*used = NULL;
	foreach(lc, printing->window->functions)
	{
		StWindowKind kind = kind_of(printing, lfirst_int(lc));

		if (kind == ST_WINDOW_NEAR || kind == ST_WINDOW_FIRST || is_extreme(kind))
			continue;
		counts = true;
		if (kind == ST_WINDOW_COUNT || kind == ST_WINDOW_SUM)
			foreach(lc2, pull_var_clause(list_nth(printing->node->results, lfirst_int(lc)), PVC_RECURSE_WINDOWFUNCS))
				*used = bms_add_member(*used, lfirst_node(Var, lc2)->varattno);
		if (kind == ST_WINDOW_DENSE_RANK)
			foreach(lc2, printing->window->order)
				*used = bms_add_member(*used, ((StSortColumn *) lfirst(lc2))->argument);
	}
	return counts;
}

/*
 * "i1": of each place where something changes how much there is up to it, the
 * place included, that what is counted does not come to the same by: rows, and
 * values of the columns that count.
 */
static void
print_open(StringInfo sql, Printing *printing, const Bitmapset *used)
{
	int			number = printing->number;
	int			column = -1;

	st_sql_format(sql, ", i%d AS MATERIALIZED (SELECT m.*, pg_catalog.count(*) FILTER (WHERE m.open = 0) OVER (PARTITION BY m.part ORDER BY m.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS stretch FROM ("
				  "SELECT m.part, m.place, pg_catalog.sum(m.change) OVER (PARTITION BY m.part ORDER BY m.place) AS open FROM ("
				  "SELECT m.part, m.place, pg_catalog.sum((m.so_far <> 0)::int4 - (m.so_far <> m.net)::int4) AS change FROM ("
				  "SELECT m.part, m.place, pg_catalog.sum(m.net) AS net, pg_catalog.sum(pg_catalog.sum(m.net)) OVER (PARTITION BY m.part, m.counted, m.value ORDER BY m.place) AS so_far FROM ("
				  "SELECT k.part, k.place, 0 AS counted, NULL::text AS value, k.net FROM k%d k", number, number);
	while ((column = bms_next_member(used, column)) >= 0)
		st_sql_format(sql, " UNION ALL SELECT k.part, k.place, %d, ROW(k.v%d)::record::text, k.net FROM k%d k", column, column, number);
	st_sql_text(sql, ") m GROUP BY m.part, m.place, m.counted, m.value) m GROUP BY m.part, m.place) m) m)");
}

static char *
extreme(StWindowKind kind, const char *a, const char *b)
{
	return psprintf("%s(%s, %s)", kind == ST_WINDOW_MAX ? "GREATEST" : "LEAST", a, b);
}

/* Does what runs on come to the same behind the changes of a stretch, from e.l to e.h? See the opening comment. */
static void
print_same(StringInfo sql, Printing *printing)
{
	Bitmapset  *used;
	ListCell   *lc;

	st_sql_text(sql, "(true");
	if (counted_columns(printing, &used) && !ST_FAULT("E10"))
		st_sql_text(sql, " AND e.open = 0");
	foreach(lc, printing->window->functions)
	{
		int			i = lfirst_int(lc) + 1;
		StWindowKind kind = kind_of(printing, i - 1);
		const char *before;

		if (kind == ST_WINDOW_FIRST && !ST_FAULT("E10 first"))
			st_sql_format(sql, " AND EXISTS (%s)",
						  rows_where(printing, "1", "e", beyond(printing, "e.l", false), false, false, 0));
		if (!is_extreme(kind) || ST_FAULT("E10 extreme"))
			continue;

		/*
		 * what is furthest out before all changes is in the rows of the last
		 * value
		 */
		before = psprintf("(SELECT %s(s.v%d) FROM (SELECT z.o, e.* FROM (%s) z ORDER BY %s LIMIT 1) z CROSS JOIN LATERAL (%s) s)",
						  kind == ST_WINDOW_MAX ? "pg_catalog.max" : "pg_catalog.min", printing->node->nshown + i,
						  rows_where(printing, NULL, "e", beyond(printing, "e.l", false), true, true, 1),
						  by_first(&printing->first, "z.o", true),
						  rows_where(printing, psprintf("s.v%d", printing->node->nshown + i), "z", between(printing, "z.o", "z.o"), false, false, 0));
		st_sql_format(sql, " AND (e.m%d IS NULL OR (SELECT %s IS NOT DISTINCT FROM b.b FROM (SELECT %s AS b) b))",
					  i, extreme(kind, "b.b", psprintf("e.m%d", i)), before);
	}
	st_sql_text(sql, ")");
}

/*
 * "k1": the changes, with the rank of their value in the partition; "j1": and
 * with the stretch that they belong to. "e1": the stretches, which end where what is counted comes to the same as
 * before; what shows the least or greatest is followed in one. One stretch
 * that does not come to the same goes on into those behind it.
 */
static void
print_places(StringInfo sql, Printing *printing)
{
	const FirstColumn *first = &printing->first;
	int			number = printing->number;
	const char *value = psprintf("k.v%d", first->column);
	Bitmapset  *used;
	bool		counts;
	ListCell   *lc;

	if (printing->window->whole)
	{
		st_sql_format(sql, ", e%d AS MATERIALIZED (SELECT DISTINCT ON (d.p%d) %sd.p%d AS part FROM d)",
					  number, number, partition_columns(printing->window, "d", true), number);
		return;
	}
	st_sql_format(sql, ", k%d AS MATERIALIZED (SELECT d.*, d.p%d AS part, pg_catalog.dense_rank() OVER (PARTITION BY d.p%d ORDER BY %s) AS place FROM d)",
				  number, number, number, by_first(first, psprintf("d.v%d", first->column), false));
	counts = counted_columns(printing, &used);
	if (counts)
		print_open(sql, printing, used);
	st_sql_format(sql, ", j%d AS MATERIALIZED (SELECT k.*, %s AS stretch%s FROM k%d k%s)", number,
				  has_extreme(printing) ? "1" : counts ? "i.stretch" : "k.place", counts ? ", i.open" : "", number,
				  counts ? psprintf(" JOIN i%d i ON i.part = k.part AND i.place = k.place", number) : "");
	st_sql_format(sql, ", e%d AS MATERIALIZED (SELECT e.*, pg_catalog.bool_and(", number);
	print_same(sql, printing);
	st_sql_format(sql, ") OVER (PARTITION BY e.part ORDER BY e.stretch) AS same FROM (SELECT DISTINCT ON (k.part, k.stretch) %sk.part, k.stretch",
				  partition_columns(printing->window, "k", true));
	for (int reverse = 0; reverse < 2; reverse++)
		st_sql_format(sql, ", pg_catalog.first_value(%s) OVER (PARTITION BY k.part, k.stretch ORDER BY %s) AS %c",
					  value, by_first(first, value, reverse), reverse ? 'h' : 'l');
	if (counts)
		st_sql_text(sql, ", pg_catalog.first_value(k.open) OVER (PARTITION BY k.part, k.stretch ORDER BY k.place DESC) AS open");
	foreach(lc, printing->window->functions)
		if (is_extreme(kind_of(printing, lfirst_int(lc))))
			st_sql_format(sql, ", %s(k.v%d) OVER (PARTITION BY k.part, k.stretch) AS m%d",
						  kind_of(printing, lfirst_int(lc)) == ST_WINDOW_MAX ? "pg_catalog.max" : "pg_catalog.min",
						  list_nth_int(printing->node->addends, lfirst_int(lc)), lfirst_int(lc) + 1);
	st_sql_format(sql, " FROM j%d k) e)", number);
}

/* "x is strictly before y in the order". */
static char *
is_before(const FirstColumn *first, const char *x, const char *y)
{
	const char *before = compare(x, first->before, y);

	if (first->not_null)
		return pstrdup(before);
	return psprintf("(%s OR (%s AND %s)) IS TRUE", before, first->nulls_first ? is_null(first, x) : is_not_null(first, x),
					first->nulls_first ? is_not_null(first, y) : is_null(first, y));
}

/*
 * "The stretch e, whose rows are e.l to e.h, has none in common with the one before it in its
 * partition, and does not depend on it": nothing does on rows that come into a partition that
 * had none, as far as it tells.
 */
static char *
is_apart(Printing *printing)
{
	const FirstColumn *first = &printing->first;
	StWindow   *window = printing->window;
	StringInfoData sql;

	if (ST_FAULT("E10 apart"))
		return pstrdup("true");
	initStringInfo(&sql);
	st_sql_format(&sql, "%s AND pg_catalog.lag(e.same) OVER o", is_before(first, "pg_catalog.lag(e.h) OVER o", "e.l"));
	if (window->preceding > 0 || window->following > 0)
		st_sql_format(&sql, " AND (%s OR %s)", is_before(first, "e.l", "e.cl"), is_before(first, "e.ch", "e.h"));
	return sql.data;
}

/*
 * "f1" and "b1": of each stretch what it can change, and what that is computed
 * from. "g1": stretches that have rows of that in common are one.
 */
static void
print_stretches(StringInfo sql, Printing *printing)
{
	static const char *const ends[] = {"fl", "l", "fh", "h"};
	const char *partition = partition_columns(printing->window, "e", false);
	int			number = printing->number;

	st_sql_format(sql, ", f%d AS MATERIALIZED (SELECT %se.part, e.stretch, e.same, e.l AS cl, e.h AS ch, %s AS l, ", number, partition,
				  reach(printing, "e", "l", true, false));
	if (runs_on(printing))
		st_sql_format(sql, "CASE WHEN e.same THEN %s ELSE %s END", reach(printing, "e", "h", false, true),
					  reach_end(printing, "e", "h"));
	else
		st_sql_text(sql, reach(printing, "e", "h", false, true));
	st_sql_format(sql, " AS h FROM e%d e)", number);
	st_sql_format(sql, ", b%d AS MATERIALIZED (SELECT e.*, pg_catalog.sum(e.begins) OVER (ORDER BY e.part, e.stretch)::int8 AS span FROM ("
				  "SELECT e.*, CASE WHEN pg_catalog.row_number() OVER o = 1 OR (%s) THEN 1 ELSE 0 END AS begins FROM ("
				  "SELECT %se.part, e.stretch, e.same, e.cl, e.ch, e.l AS fl, e.h AS fh, %s AS l, %s AS h FROM f%d e) e"
				  " WINDOW o AS (PARTITION BY e.part ORDER BY e.stretch)) e)",
				  number, is_apart(printing), partition, reach(printing, "e", "l", false, false), reach(printing, "e", "h", true, true), number);
	st_sql_format(sql, ", g%d AS MATERIALIZED (SELECT DISTINCT ON (e.span) %se.span AS part", number, partition);
	for (int i = 0; i < lengthof(ends); i++)
		st_sql_format(sql, ", pg_catalog.first_value(e.%s) OVER (PARTITION BY e.span ORDER BY e.stretch%s) AS %s",
					  ends[i], i < 2 ? "" : " DESC", ends[i]);
	st_sql_format(sql, " FROM b%d e)", number);
}

/* "o1": the rows as they were that a stretch is computed from, and whether it can change them. */
static void
print_old_rows(StringInfo sql, Printing *printing)
{
	StNode	   *node = printing->node;
	int			number = printing->number;

	if (printing->window->whole)
	{
		st_sql_format(sql, ", o%d AS MATERIALIZED (SELECT s.ctid, %s, e.part, true AS inside FROM e%d e CROSS JOIN LATERAL (SELECT s.ctid, s.* FROM ",
					  number, columns(node, "s", true), number);
		st_sql_relation(sql, printing->state);
		st_sql_format(sql, " s WHERE %s) s" LIMITED ")", same_partition(printing, "e"));
		return;
	}
	print_stretches(sql, printing);
	st_sql_format(sql, ", o%d AS MATERIALIZED (SELECT s.ctid, %s, g.part, (%s) IS TRUE AS inside FROM g%d g CROSS JOIN LATERAL (%s) s" LIMITED ")",
				  number, columns(node, "s", true), is_between(printing, "s", "g.fl", "g.fh"), number,
				  rows_where(printing, "s.ctid, s.*", "g", between(printing, "g.l", "g.h"), false, false, 0));
}

/* "z": are there more of them than are to be computed again, in any window? */
static void
print_limit(StringInfo sql, StNode *node)
{
	const char *separator = "";
	ListCell   *lc;

	st_sql_text(sql, ", z AS MATERIALIZED (SELECT CASE WHEN l.rows IS NULL THEN false ELSE ");
	foreach(lc, node->windows)
	{
		if (((StWindow *) lfirst(lc))->numbered)
			continue;
		st_sql_format(sql, "%s(SELECT pg_catalog.count(*) FROM o%d) >= l.rows", separator, foreach_current_index(lc) + 1);
		separator = " OR ";
	}
	st_sql_format(sql, "%s END AS many FROM " ST_WINDOW_LIMIT_INPUT " l)", separator[0] ? "" : "false");
}

/* ----- computing the functions ----- */

/* What the functions have come to in the group "s", rows of the last value before those that are read. */
static void
print_carried(StringInfo sql, Printing *printing)
{
	ListCell   *lc;

	foreach(lc, printing->window->functions)
	{
		int			i = lfirst_int(lc) + 1;
		int			v = printing->node->nshown + i;
		int			addend = list_nth_int(printing->node->addends, i - 1);

		switch (kind_of(printing, i - 1))
		{
			case ST_WINDOW_NEAR:
			case ST_WINDOW_WHOLE:
				break;
			case ST_WINDOW_RANK:
				st_sql_format(sql, ", COALESCE(pg_catalog.min(s.v%d) - 1 + pg_catalog.count(s.v%d), 0) AS w%d", v, v, i);
				break;
			case ST_WINDOW_SUM:
				st_sql_format(sql, ", (pg_catalog.array_agg(s.v%d ORDER BY %s, CASE WHEN s.v%d < 0 THEN s.v%d ELSE - s.v%d END))[1] AS w%d",
							  v, total_order(printing, "s", true), addend, v, v, i);
				break;
			case ST_WINDOW_FIRST:
				st_sql_format(sql, ", (pg_catalog.array_agg(s.v%d) FILTER (WHERE s.found))[1] AS w%d", v, i);
				break;
			case ST_WINDOW_MIN:
			case ST_WINDOW_MAX:
				st_sql_format(sql, ", %s(s.v%d) AS w%d", kind_of(printing, i - 1) == ST_WINDOW_MAX ? "pg_catalog.max" : "pg_catalog.min", v, i);
				break;
			default:
				st_sql_format(sql, ", COALESCE(pg_catalog.max(s.v%d), 0) AS w%d", v, i);
		}
	}
}

/* The results of "r", with what was carried in "c" if a function runs on. */
static void
print_results(StringInfo sql, Printing *printing)
{
	bool		carried = runs_on(printing);
	ListCell   *lc;

	foreach(lc, printing->window->functions)
	{
		int			i = lfirst_int(lc) + 1;
		StWindowKind kind = carried ? kind_of(printing, i - 1) : ST_WINDOW_NEAR;

		switch (kind)
		{
			case ST_WINDOW_NEAR:
			case ST_WINDOW_WHOLE:
				st_sql_format(sql, ", r.w%d AS n%d", i, i);
				break;
			case ST_WINDOW_SUM:
				st_sql_format(sql, ", COALESCE(c.w%d + r.w%d, c.w%d, r.w%d) AS n%d", i, i, i, i, i);
				break;
			case ST_WINDOW_FIRST:
				st_sql_format(sql, ", CASE WHEN c.found THEN c.w%d ELSE r.w%d END AS n%d", i, i, i);
				break;
			case ST_WINDOW_MIN:
			case ST_WINDOW_MAX:
				st_sql_format(sql, ", %s AS n%d", extreme(kind, psprintf("c.w%d", i), psprintf("r.w%d", i)), i);
				break;
			default:
				st_sql_format(sql, ", c.w%d + r.w%d AS n%d", i, i, i);
		}
	}
}

/*
 * The window's functions over rows "from", which have the columns of the state,
 * the number of the partition, their place, and "more" columns of these names
 * behind, which are passed on.
 */
static char *
print_functions(Printing *printing, const char *from, List *more)
{
	StNode	   *node = printing->node;
	Query	   *query = copyObject(printing->window->query);
	List	   *names = NIL;
	ListCell   *lc;

	for (int i = 1; i <= node->nshown; i++)
		names = lappend(names, makeString(psprintf("v%d", i)));
	names = lappend(lappend(names, makeString("part")), makeString("place"));
	names = list_concat(names, more);
	foreach(lc, more)
		query->targetList = lappend(query->targetList,
									makeTargetEntry((Expr *) makeVar(1, node->nshown + 3 + foreach_current_index(lc), INT8OID, -1, InvalidOid, 0),
													list_length(query->targetList) + 1, strVal(lfirst(lc)), false));
	query->rtable = list_make1(st_make_with_entry(from, "p", names));
	return st_query_print(query);
}

/* "p1", "c1", "t1". */
static void
print_new_rows(StringInfo sql, Printing *printing)
{
	StNode	   *node = printing->node;
	int			number = printing->number;
	bool		running = runs_on(printing);
	List	   *more = list_make3(makeString("tid"), makeString("id"), makeString("inside"));
	const char *separator = "";
	ListCell   *lc;

	st_sql_format(sql, ", p%d AS MATERIALIZED (SELECT m.*, ", number);
	if (printing->window->placed)
		st_sql_format(sql, "pg_catalog.row_number() OVER (ORDER BY m.part, %s)", total_order(printing, "m", false));
	else
		st_sql_text(sql, "NULL::int8");
	st_sql_format(sql, " AS place FROM (SELECT o.ctid AS tid, NULL::int8 AS id, %s, o.part, o.inside FROM o%d o WHERE NOT EXISTS (SELECT FROM x WHERE x.ctid = o.ctid)",
				  columns(node, "o", true), number);
	st_sql_format(sql, " UNION ALL SELECT NULL, n.id, %s", columns(node, "n", false));
	for (int i = 0; i < list_length(node->results); i++)
		st_sql_text(sql, ", NULL");
	if (printing->window->whole)
		st_sql_format(sql, ", n.p%d, true FROM n", number);
	else
		st_sql_format(sql, ", b.span, true FROM n JOIN j%d k ON k.number = n.number JOIN b%d b ON b.part = k.part AND b.stretch = k.stretch",
					  number, number);
	st_sql_text(sql, ") m WHERE NOT (SELECT z.many FROM z))");
	if (running)
	{
		List	   *last = between(printing, "z.o", "z.o");

		st_sql_format(sql, ", c%d AS MATERIALIZED (SELECT g.part, pg_catalog.bool_and(s.found IS NOT NULL) AS found", number);
		print_carried(sql, printing);
		foreach(lc, last)
			((RowSet *) lfirst(lc))->condition = psprintf("z.found AND %s", ((RowSet *) lfirst(lc))->condition);
		st_sql_format(sql, " FROM g%d g LEFT JOIN LATERAL (SELECT z.o, true AS found, g.* FROM (%s) z ORDER BY %s LIMIT 1) z ON true"
					  " LEFT JOIN LATERAL (%s) s ON true GROUP BY g.part)", number,
					  rows_where(printing, NULL, "g", beyond(printing, "g.l", false), true, true, 1),
					  by_first(&printing->first, "z.o", true),
					  rows_where(printing, "s.*, true AS found", "z", last, false, false, 0));
	}

	for (int i = 1; i <= list_length(node->results); i++)
		more = lappend(more, makeString(psprintf("v%d", node->nshown + i)));
	st_sql_format(sql, ", t%d AS MATERIALIZED (SELECT r.* FROM (SELECT r.tid, r.id, %s", number, columns(node, "r", true));
	print_results(sql, printing);
	st_sql_format(sql, " FROM (%s) r%s WHERE r.inside) r WHERE r.tid IS NULL OR ROW(", print_functions(printing, psprintf("p%d", number), more),
				  running ? psprintf(" JOIN c%d c ON c.part = r.part", number) : "");
	foreach(lc, printing->window->functions)
	{
		st_sql_format(sql, "%sr.n%d", separator, lfirst_int(lc) + 1);
		separator = ", ";
	}
	st_sql_text(sql, ")::record OPERATOR(pg_catalog.*<>) ROW(");
	separator = "";
	foreach(lc, printing->window->functions)
	{
		st_sql_format(sql, "%sr.v%d", separator, node->nshown + lfirst_int(lc) + 1);
		separator = ", ";
	}
	st_sql_text(sql, ")::record)");
}

/* ----- numbers in no order ----- */

/* So many NULLs, each with a comma in front. */
static char *
nulls(int n)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < n; i++)
		st_sql_text(&sql, ", NULL");
	return sql.data;
}

/*
 * "t1": rows that come and those with a number beyond the last get those that
 * are free: of rows that leave, and beyond the last one so far.
 */
static void
print_new_numbers(StringInfo sql, Printing *printing)
{
	StNode	   *node = printing->node;
	int			k = printing->number;
	const char *number = psprintf("v%d", node->nshown + linitial_int(printing->window->functions) + 1);
	ListCell   *lc;

	st_sql_format(sql, ", m%d AS MATERIALIZED (SELECT m.was, m.was - (SELECT pg_catalog.count(*) FROM x) + (SELECT pg_catalog.count(*) FROM n) AS is FROM (SELECT COALESCE((SELECT s.%s FROM ",
				  k, number);
	st_sql_relation(sql, printing->state);
	st_sql_format(sql, " s ORDER BY s.%s DESC LIMIT 1), 0) AS was) m)", number);
	st_sql_format(sql, ", f%d AS MATERIALIZED (SELECT f.number, pg_catalog.row_number() OVER (ORDER BY f.number) AS place"
				  " FROM (SELECT x.%s AS number FROM x JOIN m%d m ON x.%s <= m.is UNION ALL"
				  " SELECT g.g FROM m%d m CROSS JOIN LATERAL pg_catalog.generate_series(m.was + 1, m.is) AS g(g)) f)", k, number, k, number, k);
	st_sql_format(sql, ", t%d AS MATERIALIZED (SELECT r.tid, r.id, %s", k, columns(node, "r", true));
	foreach(lc, printing->window->functions)
		st_sql_format(sql, ", f.number AS n%d", lfirst_int(lc) + 1);
	st_sql_format(sql, " FROM (SELECT r.*, pg_catalog.row_number() OVER () AS place FROM (SELECT s.ctid AS tid, NULL::int8 AS id, %s FROM m%d m JOIN ",
				  columns(node, "s", true), k);
	st_sql_relation(sql, printing->state);
	st_sql_format(sql, " s ON s.%s > m.is%s WHERE NOT EXISTS (SELECT FROM x WHERE x.ctid = s.ctid) UNION ALL SELECT NULL, n.id, %s",
				  number, ST_FAULT("E10 numbers") ? " AND false" : "", columns(node, "n", false));
	st_sql_text(sql, nulls(list_length(node->results)));
	st_sql_format(sql, " FROM n) r) r JOIN f%d f ON f.place = r.place)", k);
}

/* ----- the statements ----- */

/* A number for the partition that a row is of. */
static char *
partition_number(StWindow *window, const char *alias)
{
	StringInfoData sql;
	ListCell   *lc;

	if (window->partition == NIL)
		return pstrdup("1::int8");
	initStringInfo(&sql);
	st_sql_text(&sql, "pg_catalog.dense_rank() OVER (ORDER BY ");
	foreach(lc, window->partition)
		st_sql_format(&sql, "%s%s.v%d", foreach_current_index(lc) == 0 ? "" : ", ", alias, lfirst_int(lc));
	st_sql_text(&sql, ")");
	return sql.data;
}

/* The windows are computed one after the other, each over what the one before makes of all rows. */
void
st_window_print_fill(StringInfo sql, StNode *node)
{
	char	   *from;
	StringInfoData so_far;
	List	   *more = NIL;
	ListCell   *lc2;

	initStringInfo(&so_far);
	for (int i = 1; i <= node->nshown; i++)
		st_sql_format(&so_far, "%si.a%d AS v%d", i == 1 ? "" : ", ", i, i);
	from = psprintf("SELECT %s FROM __pgt_in i", so_far.data);
	resetStringInfo(&so_far);
	st_sql_text(&so_far, columns(node, "i", false));
	for (int number = 1; number <= list_length(node->windows); number++)
	{
		Printing	printing = begin_printing(node, number, InvalidOid);
		StringInfoData order;

		initStringInfo(&order);
		foreach(lc2, printing.window->partition)
			st_sql_format(&order, "i.v%d, ", lfirst_int(lc2));
		st_sql_text(&order, total_order(&printing, "i", false));
		from = psprintf("WITH p AS (SELECT %s, %s AS part, %s AS place FROM (%s) i) %s", so_far.data, partition_number(printing.window, "i"),
						printing.window->placed ? psprintf("pg_catalog.row_number() OVER (ORDER BY %s)", order.data) : "NULL::int8",
						from, print_functions(&printing, "p", list_copy(more)));
		foreach(lc2, printing.window->functions)
		{
			more = lappend(more, makeString(psprintf("w%d", lfirst_int(lc2) + 1)));
			st_sql_format(&so_far, ", i.w%d", lfirst_int(lc2) + 1);
		}
	}
	st_sql_format(sql, "SELECT %s", columns(node, "r", false));
	for (int i = 1; i <= list_length(node->results); i++)
		st_sql_format(sql, ", r.w%d AS v%d", i, node->nshown + i);
	st_sql_format(sql, " FROM (%s) r", from);
}

/* The window by whose index the rows that leave are found best. */
static int
narrowest_window(StNode *node)
{
	int			best = 1;
	int			best_rank = -1;
	ListCell   *lc;

	foreach(lc, node->windows)
	{
		StWindow   *window = lfirst(lc);
		bool		shortened;
		int			rank = window->numbered ? -1 : (st_window_index_column(node, window, &shortened) > 0 ? 2 : 0) + (window->partition ? 1 : 0);

		if (rank > best_rank)
		{
			best = foreach_current_index(lc) + 1;
			best_rank = rank;
		}
	}
	return best;
}

/* "d": equal images are peers. */
static void
print_changes(StringInfo sql, StNode *node)
{
	const char *by_image = psprintf("%s USING OPERATOR(pg_catalog.*<)", image(node, "m"));
	ListCell   *lc;

	st_sql_format(sql, ", d AS MATERIALIZED (SELECT %s, m.net, pg_catalog.row_number() OVER () AS number", columns(node, "m", false));
	foreach(lc, node->windows)
		st_sql_format(sql, ", %s AS p%d", partition_number(lfirst(lc), "m"), foreach_current_index(lc) + 1);
	st_sql_format(sql, " FROM (SELECT m.*, pg_catalog.sum(m.weight) OVER (ORDER BY %s RANGE BETWEEN CURRENT ROW AND CURRENT ROW)::int8 AS net"
				  ", pg_catalog.row_number() OVER (ORDER BY %s) = pg_catalog.rank() OVER (ORDER BY %s) AS one FROM (SELECT ",
				  by_image, by_image, by_image);
	for (int i = 1; i <= node->nshown; i++)
		st_sql_format(sql, "i.a%d AS v%d, ", i, i);
	st_sql_text(sql, "i." ST_WEIGHT_COLUMN " AS weight FROM __pgt_in i) m) m WHERE m.one AND m.net <> 0)");
}

/* Hash of the columns of the block, of as many as an index has. */
static char *
image_hash(StNode *node, const char *alias)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 1; i <= Min(node->nshown, ST_HASHED_COLUMNS); i++)
		st_sql_format(&sql, "%s%s.v%d", i == 1 ? "pgtrickle.row_image_hash(ROW(" : ", ", alias, i);
	st_sql_text(&sql, "))");
	return sql.data;
}

/*
 * "x" and "n". Of a partition that is read whole, rows are found among what was
 * read; where there are nothing but numbers, by the image.
 */
static void
print_rows_that_change(StringInfo sql, StNode *node, Oid state)
{
	Printing	narrowest = begin_printing(node, narrowest_window(node), state);

	if (narrowest.window->numbered)
	{
		st_sql_text(sql, ", x AS MATERIALIZED (SELECT s.* FROM (SELECT d.* FROM d WHERE d.net < 0) d CROSS JOIN LATERAL (SELECT s.ctid, s.* FROM ");
		st_sql_relation(sql, state);
		st_sql_format(sql, " s WHERE %s = %s AND %s OPERATOR(pg_catalog.*=) %s LIMIT - d.net) s)", image_hash(node, "s"), image_hash(node, "d"),
					  image(node, "s"), image(node, "d"));
	}
	else if (narrowest.window->whole)
		st_sql_format(sql, ", x AS MATERIALIZED (SELECT s.* FROM (SELECT s.*, d.net, pg_catalog.row_number() OVER (PARTITION BY d.number ORDER BY s.ctid) AS copy"
					  " FROM o%d s JOIN d ON pgtrickle.row_image_hash(%s) = pgtrickle.row_image_hash(%s) AND %s OPERATOR(pg_catalog.*=) %s WHERE d.net < 0) s WHERE s.copy <= - s.net)",
					  narrowest.number, image(node, "s"), image(node, "d"), image(node, "s"), image(node, "d"));
	else
	{
		const char *d = psprintf("d.v%d", narrowest.first.column);

		st_sql_format(sql, ", x AS MATERIALIZED (SELECT s.* FROM (SELECT %sd.* FROM d WHERE d.net < 0) d CROSS JOIN LATERAL (SELECT s.*, pg_catalog.row_number() OVER (ORDER BY s.ctid) AS copy FROM (%s) s WHERE %s OPERATOR(pg_catalog.*=) %s) s WHERE s.copy <= - d.net)",
					  partition_columns(narrowest.window, "d", true),
					  rows_where(&narrowest, "s.ctid, s.*", "d", having(&narrowest, d), false, false, 0), image(node, "s"), image(node, "d"));
	}
	st_sql_text(sql, ", n AS MATERIALIZED (SELECT pg_catalog.row_number() OVER () AS id, d.* FROM d CROSS JOIN LATERAL pg_catalog.generate_series(1::int8, d.net))");
}

/* "alias.v2" of each result, with a comma in front. */
static char *
old_results(StNode *node, const char *alias)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 1; i <= list_length(node->results); i++)
		st_sql_format(&sql, ", %s.v%d", alias, node->nshown + i);
	return sql.data;
}

/* The number of the window that a result is of. */
static int
window_of_result(StNode *node, int result)
{
	ListCell   *lc;

	foreach(lc, node->windows)
		if (list_member_int(((StWindow *) lfirst(lc))->functions, result))
			return foreach_current_index(lc) + 1;
	elog(ERROR, "result %d is of no window", result);
}

/* "u": rows that stay and are different, in any of several windows. */
static void
print_different_rows(StringInfo sql, StNode *node)
{
	st_sql_text(sql, ", u AS MATERIALIZED (SELECT DISTINCT ON (t.tid) t.* FROM (");
	for (int number = ST_FAULT("E10 windows") ? list_length(node->windows) : 1; number <= list_length(node->windows); number++)
		st_sql_format(sql, "%sSELECT t.tid, %s FROM t%d t WHERE t.tid IS NOT NULL", number == 1 || ST_FAULT("E10 windows") ? "" : " UNION ALL ",
					  columns(node, "t", true), number);
	st_sql_text(sql, ") t)");
}

/* Rows that come, or stay, with what each window makes of them. */
static void
print_rows_of_windows(StringInfo sql, StNode *node, bool comes)
{
	st_sql_format(sql, "SELECT %d, %s, %s%s", comes ? ST_WINDOW_COMES : ST_WINDOW_STAYS, comes ? "NULL" : "u.tid", columns(node, "u", false),
				  comes ? nulls(list_length(node->results)) : old_results(node, "u"));
	for (int i = 1; i <= list_length(node->results); i++)
	{
		int			number = window_of_result(node, i - 1);

		if (comes)
			st_sql_format(sql, ", t%d.n%d", number, i);
		else
			st_sql_format(sql, ", CASE WHEN t%d.tid IS NULL THEN u.v%d ELSE t%d.n%d END", number, node->nshown + i, number, i);
	}
	st_sql_format(sql, " FROM %s u", comes ? "n" : "u");
	for (int number = 1; number <= list_length(node->windows); number++)
		st_sql_format(sql, comes ? " JOIN t%d ON t%d.id = u.id" : " LEFT JOIN t%d ON t%d.tid = u.tid", number, number);
}

/* The SELECT. What stays is printed first: it tells the types of all columns. */
static void
print_result(StringInfo sql, StNode *node)
{
	int			nresults = list_length(node->results);

	if (list_length(node->windows) > 1)
	{
		print_different_rows(sql, node);
		st_sql_text(sql, " ");
		print_rows_of_windows(sql, node, false);
		st_sql_text(sql, " UNION ALL ");
		print_rows_of_windows(sql, node, true);
	}
	else
	{
		st_sql_format(sql, " SELECT CASE WHEN u.tid IS NULL THEN %d ELSE %d END, u.tid, %s%s", ST_WINDOW_COMES, ST_WINDOW_STAYS,
					  columns(node, "u", false), old_results(node, "u"));
		for (int i = 1; i <= nresults; i++)
			st_sql_format(sql, ", u.n%d", i);
		st_sql_text(sql, " FROM t1 u");
	}
	st_sql_format(sql, " UNION ALL SELECT %d, x.ctid, %s%s%s FROM x", ST_WINDOW_LEAVES, columns(node, "x", false), old_results(node, "x"), nulls(nresults));
	st_sql_format(sql, " UNION ALL SELECT %d, NULL, %s%s FROM d WHERE d.net < 0 AND (SELECT pg_catalog.sum(- d.net) FROM d WHERE d.net < 0) <> (SELECT pg_catalog.count(*) FROM x)",
				  ST_WINDOW_AMISS, columns(node, "d", false), nulls(2 * nresults));
	st_sql_format(sql, " UNION ALL SELECT %d, NULL%s FROM z WHERE z.many", ST_WINDOW_MANY, nulls(node->nshown + 2 * nresults));
}

TupleDesc
st_window_limit_desc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(1);

	TupleDescInitEntry(desc, 1, "rows", INT8OID, -1, 0);
	return desc;
}

void
st_window_print_delta(StringInfo sql, StNode *node, Oid state)
{
	print_changes(sql, node);
	for (int number = 1; number <= list_length(node->windows); number++)
	{
		Printing	printing = begin_printing(node, number, state);

		if (printing.window->numbered)
			continue;
		print_places(sql, &printing);
		print_old_rows(sql, &printing);
	}
	print_limit(sql, node);
	print_rows_that_change(sql, node, state);
	for (int number = 1; number <= list_length(node->windows); number++)
	{
		Printing	printing = begin_printing(node, number, state);

		if (printing.window->numbered)
			print_new_numbers(sql, &printing);
		else
			print_new_rows(sql, &printing);
	}
	print_result(sql, node);
}
