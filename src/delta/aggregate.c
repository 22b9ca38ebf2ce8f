/*-------------------------------------------------------------------------
 *
 * aggregate.c
 *	  Text of the statements that keep grouped states.
 *
 * NOTES
 *	  A state table holds per group: the keys k1.., the row count n, and per
 *	  aggregate i, by its strategy:
 *
 *		count			c<i>	non-null arguments
 *		sum, avg		s<i>	the sum, c<i> non-null arguments, and where the
 *						scale of a numeric varies m<i> the largest
 *						scale and q<i> how many arguments have it
 *		variance, ..	the same, and z<i> the sum of squares
 *		min, max		v<i>	the extreme, and of large groups b<i> the
 *						first values with e<i> the rows that have each,
 *						since one has been computed again
 *						(util/best_values.c); NULL: they are not known
 *		bool_and, _or	c<i>	non-null arguments, t<i> true ones
 *		recomputed		v<i>	the result
 *
 *	  A state of first rows (DISTINCT ON) holds v1.. of the row instead.
 *
 *	  Where equal keys can look different, r is a lower bound of how many rows of
 *	  the group have the very image that k1.. show (rule A3): the choice is made
 *	  again when none may be left. Images are told apart by their hashes. The
 *	  left arm of EXCEPT ALL alone may say what is shown: then r counts its rows,
 *	  those with a first argument, as c1 does.
 *
 *	  The delta of a group is added to its row. Where that cannot be right, the
 *	  group is marked and computed again from the block: the extreme left (unless
 *	  an index leads to the one that follows, which is then looked up, or the
 *	  first values are known and some are left), the last argument of the
 *	  largest scale left, a sum is or becomes NaN or infinite, or the last row
 *	  that looks like the shown key (rules A3, E7, E8).
 *
 *	  All names in here are the engine's own; user expressions come printed
 *	  from trees.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/plancat.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "delta/aggregate.h"
#include "delta/top.h"
#include "delta/window.h"
#include "query/build.h"
#include "query/make.h"
#include "query/source_facts.h"
#include "util/best_values.h"
#include "util/fault.h"
#include "util/sqlbuf.h"

/* Type of the block column that an aggregate takes. */
static Oid
argument_type(StNode *node, StAggregate *aggregate)
{
	TargetEntry *tle = list_nth_node(TargetEntry, node->block->targetList,
									 node->nkeys + aggregate->argument - 1);

	return exprType((Node *) tle->expr);
}

/* int8 holds the sum of int2 and int4 exactly; wider types are summed as numeric. */
static bool
sums_as_int8(StNode *node, StAggregate *aggregate)
{
	Oid			type = argument_type(node, aggregate);

	return type == INT2OID || type == INT4OID;
}

/*
 * The argument counts. IS NOT NULL of a composite asks for its fields, so the
 * value itself is asked for by num_nonnulls().
 */
static char *
present_condition(StNode *node, StAggregate *aggregate)
{
	return psprintf(type_is_rowtype(argument_type(node, aggregate)) ?
					"pg_catalog.num_nonnulls(i.a%d) = 1%s" : "i.a%d IS NOT NULL%s",
					aggregate->argument, ST_FAULT("E7a") ? " OR true" : "");
}

static bool
is_sum(StAggregate *aggregate)
{
	return aggregate->strategy >= ST_AGGREGATE_SUM && aggregate->strategy <= ST_AGGREGATE_STDDEV_SAMP;
}

static bool
is_variance(StAggregate *aggregate)
{
	return aggregate->strategy >= ST_AGGREGATE_VAR_POP && aggregate->strategy <= ST_AGGREGATE_STDDEV_SAMP;
}

static bool
is_extreme(StAggregate *aggregate)
{
	return aggregate->strategy == ST_AGGREGATE_MIN || aggregate->strategy == ST_AGGREGATE_MAX;
}

/* Of states with more aggregates no first values are kept: statements cannot have any number of columns. */
#define MOST_AGGREGATES_WITH_BEST 64

/*
 * Can the first values of a group be kept? It takes arrays of the type, and
 * that the aggregate orders values as the type does.
 */
static bool
keeps_best(StNode *node, StAggregate *aggregate)
{
	Oid			type = exprType(aggregate->result);
	TypeCacheEntry *entry;
	HeapTuple	tuple;
	Oid			operator;

	if (!is_extreme(aggregate) || node->recompute || list_length(node->aggregates) > MOST_AGGREGATES_WITH_BEST ||
		get_typtype(type) == TYPTYPE_PSEUDO || !OidIsValid(get_array_type(type)))
		return false;
	entry = lookup_type_cache(type, TYPECACHE_LT_OPR | TYPECACHE_GT_OPR | TYPECACHE_CMP_PROC);
	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate->aggref->aggfnoid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for aggregate %u", aggregate->aggref->aggfnoid);
	operator = ((Form_pg_aggregate) GETSTRUCT(tuple))->aggsortop;
	ReleaseSysCache(tuple);
	return OidIsValid(entry->cmp_proc) && OidIsValid(operator) &&
		operator == (aggregate->strategy == ST_AGGREGATE_MIN ? entry->lt_opr : entry->gt_opr);
}

static bool
is_boolean(StAggregate *aggregate)
{
	return aggregate->strategy == ST_AGGREGATE_BOOL_AND ||
		aggregate->strategy == ST_AGGREGATE_BOOL_OR;
}

typedef struct StateColumn
{
	char		kind;			/* the first letter of its name */
	int			position;		/* of the aggregate, 1-based */
	Oid			type;
	int32		typmod;
	Oid			collation;
} StateColumn;

static List *
add_column(List *columns, char kind, int position, Oid type, int32 typmod, Oid collation)
{
	StateColumn *column = palloc(sizeof(StateColumn));

	column->kind = kind;
	column->position = position;
	column->type = type;
	column->typmod = typmod;
	column->collation = collation;
	return lappend(columns, column);
}

/* Does the state know how many rows look like the shown key? */
static bool
counts_shown(StNode *node)
{
	return node->inexact_keys && !node->recompute;
}

/* The same, of rows with a first argument only. */
static bool
counts_shown_of_first(StNode *node)
{
	return counts_shown(node) && node->shown_by_first;
}

/* The state's columns behind the keys. */
static List *
state_columns(StNode *node)
{
	List	   *columns = node->top || node->step || node->whole || node->windows ? NIL : add_column(NIL, 'n', 0, INT8OID, -1, InvalidOid);
	ListCell   *lc;
	int			position = 0;

	if (counts_shown(node))
		columns = add_column(columns, 'r', 0, INT8OID, -1, InvalidOid);
	for (int i = 1; i <= node->nshown; i++)
	{
		Node	   *column = (Node *) list_nth_node(TargetEntry, node->block->targetList,
													node->nkeys + i - 1)->expr;

		columns = add_column(columns, 'v', i, exprType(column), exprTypmod(column), exprCollation(column));
	}
	foreach(lc, node->results)
		columns = add_column(columns, 'v', node->nshown + foreach_current_index(lc) + 1,
							 exprType(lfirst(lc)), -1, exprCollation(lfirst(lc)));
	if (node->top)
	{
		columns = add_column(columns, 'f', 0, BOOLOID, -1, InvalidOid);
		columns = add_column(columns, 'w', 0, BOOLOID, -1, InvalidOid);
	}

	foreach(lc, node->aggregates)
	{
		StAggregate *aggregate = lfirst(lc);

		position++;
		if (node->recompute || is_extreme(aggregate))
		{
			columns = add_column(columns, 'v', position, exprType(aggregate->result), -1,
								 exprCollation(aggregate->result));
			if (keeps_best(node, aggregate))
			{
				columns = add_column(columns, 'b', position, get_array_type(exprType(aggregate->result)), -1,
									 exprCollation(aggregate->result));
				columns = add_column(columns, 'e', position, INT8ARRAYOID, -1, InvalidOid);
			}
			continue;
		}
		if (is_sum(aggregate))
			columns = add_column(columns, 's', position,
								 sums_as_int8(node, aggregate) ? INT8OID : NUMERICOID, -1, InvalidOid);
		if (is_variance(aggregate))
			columns = add_column(columns, 'z', position, NUMERICOID, -1, InvalidOid);
		if (aggregate->strategy != ST_AGGREGATE_COUNT_ROWS)
			columns = add_column(columns, 'c', position, INT8OID, -1, InvalidOid);
		if (is_boolean(aggregate))
			columns = add_column(columns, 't', position, INT8OID, -1, InvalidOid);
		if (aggregate->track_scale)
		{
			columns = add_column(columns, 'm', position, INT4OID, -1, InvalidOid);
			columns = add_column(columns, 'q', position, INT8OID, -1, InvalidOid);
		}
	}
	return columns;
}

static char *
column_name(const StateColumn *column)
{
	return column->position == 0 ? psprintf("%c", column->kind) :
		psprintf("%c%d", column->kind, column->position);
}

TupleDesc
st_state_desc(StNode *node)
{
	List	   *columns = state_columns(node);
	TupleDesc	desc = CreateTemplateTupleDesc(node->nkeys + list_length(columns));
	AttrNumber	attnum = 0;
	ListCell   *lc;

	for (int i = 0; i < node->nkeys; i++)
	{
		Node	   *key = (Node *) list_nth_node(TargetEntry, node->block->targetList, i)->expr;

		TupleDescInitEntry(desc, ++attnum, psprintf("k%d", i + 1), exprType(key), exprTypmod(key), 0);
		TupleDescInitEntryCollation(desc, attnum, exprCollation(key));
	}
	foreach(lc, columns)
	{
		StateColumn *column = lfirst(lc);

		TupleDescInitEntry(desc, ++attnum, column_name(column), column->type, column->typmod, 0);
		TupleDescInitEntryCollation(desc, attnum, column->collation);
	}
	return desc;
}

void
st_state_print_input_columns(StringInfo sql, StNode *node, bool weighted)
{
	const char *separator = "";

	appendStringInfoChar(sql, '(');
	for (int i = 1; i <= node->nkeys; i++, separator = ", ")
		st_sql_format(sql, "%sk%d", separator, i);
	for (int i = 1; i <= node->narguments; i++, separator = ", ")
		st_sql_format(sql, "%sa%d", separator, i);
	if (weighted)
		st_sql_format(sql, "%s" ST_WEIGHT_COLUMN, separator);
	appendStringInfoChar(sql, ')');
}

/*
 * As numeric_stddev_internal in numeric.c: the same operations on the same
 * operands, so the same digits. Its root has the scale of the quotient, while
 * sqrt() chooses its own: twice that scale and as many digits as the root has
 * before the point tell the root from every boundary of rounding.
 */
static void
print_variance(StringInfo sql, StAggregate *aggregate, const char *alias, int i)
{
	bool		sample = aggregate->strategy == ST_AGGREGATE_VAR_SAMP ||
		aggregate->strategy == ST_AGGREGATE_STDDEV_SAMP;
	bool		root = aggregate->strategy == ST_AGGREGATE_STDDEV_POP ||
		aggregate->strategy == ST_AGGREGATE_STDDEV_SAMP;
	char	   *numerator = psprintf("(%s.c%d::numeric * %s.z%d - %s.s%d::numeric * %s.s%d::numeric)",
									 alias, i, alias, i, alias, i, alias, i);
	char	   *variance = psprintf("(%s / (%s.c%d::numeric * (%s.c%d - %d)::numeric))",
									numerator, alias, i, alias, i, sample ? 1 : 0);

	st_sql_format(sql, "CASE WHEN %s.c%d > %d THEN CASE"
				  " WHEN %s.s%d::numeric IN ('NaN', 'Infinity', '-Infinity') THEN 'NaN'::numeric"
				  " WHEN %s <= 0 THEN 0::numeric ELSE ", alias, i, sample ? 1 : 0, alias, i, numerator);
	if (root)
		st_sql_format(sql, "pg_catalog.round(pg_catalog.sqrt(pg_catalog.round(%s, 2 * pg_catalog.scale(%s) + 8"
					  " + pg_catalog.length(pg_catalog.trunc(%s)::text))), pg_catalog.scale(%s))",
					  variance, variance, variance, variance);
	else
		st_sql_text(sql, variance);
	st_sql_format(sql, " END END AS v%d", i);
}

void
st_state_print_values(StringInfo sql, StNode *node, const char *alias)
{
	const char *separator = "";
	ListCell   *lc;
	int			i = 0;

	for (int k = 1; k <= node->nkeys; k++, separator = ", ")
		st_sql_format(sql, "%s%s.k%d", separator, alias, k);
	for (int v = 1; v <= node->nshown + list_length(node->kinds); v++, separator = ", ")
		st_sql_format(sql, "%s%s.v%d", separator, alias, v);
	foreach(lc, node->aggregates)
	{
		StAggregate *aggregate = lfirst(lc);

		i++;
		st_sql_text(sql, separator);
		separator = ", ";
		if (node->recompute || is_extreme(aggregate))
			st_sql_format(sql, "%s.v%d", alias, i);
		else if (aggregate->strategy == ST_AGGREGATE_COUNT_ROWS)
			st_sql_format(sql, "%s.n AS v%d", alias, i);
		else if (aggregate->strategy == ST_AGGREGATE_COUNT)
			st_sql_format(sql, "%s.c%d AS v%d", alias, i, i);
		else if (aggregate->strategy == ST_AGGREGATE_SUM)
			st_sql_format(sql, "CASE WHEN %s.c%d > 0 THEN %s.s%d END AS v%d", alias, i, alias, i, i);
		else if (aggregate->strategy == ST_AGGREGATE_AVG)
			st_sql_format(sql, "CASE WHEN %s.c%d > 0 THEN %s.s%d::numeric / %s.c%d::numeric END AS v%d",
						  alias, i, alias, i, alias, i, i);
		else if (is_variance(aggregate))
			print_variance(sql, aggregate, alias, i);
		else if (aggregate->strategy == ST_AGGREGATE_BOOL_AND)
			st_sql_format(sql, "CASE WHEN %s.c%d > 0 THEN %s.t%d = %s.c%d END AS v%d",
						  alias, i, alias, i, alias, i, i);
		else
			st_sql_format(sql, "CASE WHEN %s.c%d > 0 THEN %s.t%d > 0 END AS v%d",
						  alias, i, alias, i, i);
	}
	if (node->nkeys == 0 && node->aggregates == NIL && !node->top && !node->step && !node->whole && !node->windows)
		st_sql_format(sql, "%s.n", alias);
}

bool
st_state_computes_values(StNode *node)
{
	ListCell   *lc;

	if (node->recompute)
		return false;
	foreach(lc, node->aggregates)
	{
		StAggregate *aggregate = lfirst(lc);

		if (aggregate->strategy == ST_AGGREGATE_AVG || is_variance(aggregate))
			return true;
	}
	return false;
}

/*
 * An aggregate's own text over __pgt_in: printed by ruleutils as the only
 * column of a query, whose FROM clause is what stands last.
 */
static char *
print_aggref(StNode *node, Node *aggregate)
{
	List	   *names = NIL;
	Query	   *query;
	char	   *text;
	char	   *from = NULL;

	for (int i = 1; i <= node->nkeys; i++)
		names = lappend(names, makeString(psprintf("k%d", i)));
	for (int i = 1; i <= node->narguments; i++)
		names = lappend(names, makeString(psprintf("a%d", i)));
	query = st_make_query(list_make1(st_make_with_entry("__pgt_in", "i", names)), NULL,
						  list_make1(makeTargetEntry((Expr *) copyObject(aggregate), 1, "v", false)));
	query->hasAggs = true;
	text = st_query_print(query);
	for (char *next = strstr(text, "FROM __pgt_in i"); next; next = strstr(next + 1, "FROM __pgt_in i"))
		from = next;
	if (from == NULL)
		elog(ERROR, "could not print an aggregate: %s", text);
	*from = '\0';
	from = strstr(text, "SELECT ");
	text = from + strlen("SELECT ");
	/* the column alias */
	from = NULL;
	for (char *next = strstr(text, " AS v"); next; next = strstr(next + 1, " AS v"))
		from = next;
	if (from)
		*from = '\0';
	return text;
}

/* The argument's square; that of int4 fits into int8. */
static char *
square(StNode *node, StAggregate *aggregate)
{
	const char *type = sums_as_int8(node, aggregate) ? "int8" : "numeric";

	return psprintf("(i.a%d::%s * i.a%d::%s)", aggregate->argument, type, aggregate->argument, type);
}

/* The hash of the keys' image. */
static void
print_key_image(StringInfo sql, StNode *node, const char *alias)
{
	st_sql_text(sql, "pgtrickle.row_image_hash(ROW(");
	for (int k = 1; k <= node->nkeys; k++)
		st_sql_format(sql, "%s%s.k%d", k == 1 ? "" : ", ", alias, k);
	st_sql_text(sql, "))");
}

/*
 * The smallest and the largest of the hashes of a group's images; "over" follows
 * each, as the rows that count or a window.
 */
static void
print_key_images(StringInfo sql, StNode *node, const char *over, const char *separator)
{
	st_sql_text(sql, "pg_catalog.min(");
	print_key_image(sql, node, "i");
	st_sql_format(sql, ")%s%spg_catalog.max(", over, separator);
	print_key_image(sql, node, "i");
	st_sql_format(sql, ")%s", over);
}

/*
 * FROM and GROUP BY over __pgt_in. Where scales vary, the largest one of the
 * group is needed beside each of its rows.
 */
static void
print_grouped_input(StringInfo sql, StNode *node)
{
	ListCell   *lc;
	int			i = 0;
	bool		windows = false;

	st_sql_text(sql, " FROM ");
	foreach(lc, node->aggregates)
	{
		StAggregate *aggregate = lfirst(lc);

		i++;
		if (!aggregate->track_scale || node->recompute)
			continue;
		st_sql_text(sql, windows ? ", " : "(SELECT j.*, ");
		windows = true;
		st_sql_format(sql, "pg_catalog.max(pg_catalog.scale(j.a%d)) OVER (", aggregate->argument);
		for (int k = 1; k <= node->nkeys; k++)
			st_sql_format(sql, "%sj.k%d", k == 1 ? "PARTITION BY " : ", ", k);
		st_sql_format(sql, ") AS m%d", i);
	}
	st_sql_text(sql, windows ? " FROM __pgt_in j) i" : "__pgt_in i");
	for (int k = 1; k <= node->nkeys; k++)
		st_sql_format(sql, "%si.k%d", k == 1 ? " GROUP BY " : ", ", k);
}

/* The first row of each key, with the number of its rows. */
static void
print_first_rows(StringInfo sql, StNode *node)
{
	StringInfoData keys;

	initStringInfo(&keys);
	for (int k = 1; k <= node->nkeys; k++)
		st_sql_format(&keys, "%si.k%d", k == 1 ? "" : ", ", k);
	st_sql_format(sql, "SELECT DISTINCT ON (%s) %s, pg_catalog.count(*) OVER (PARTITION BY %s) AS n",
				  keys.data, keys.data, keys.data);
	for (int v = 1; v <= node->nshown; v++)
		st_sql_format(sql, ", i.a%d AS v%d", v, v);
	st_sql_format(sql, " FROM __pgt_in i ORDER BY %s", keys.data);
	if (node->order)
	{
		st_sql_text(sql, ", ");
		st_print_order(sql, node, "i", 'a');
	}

	/*
	 * among equals the image decides: the choice is the same whenever it is
	 * made
	 */
	st_sql_format(sql, ", ROW(%s", keys.data);
	for (int a = 1; a <= node->narguments; a++)
		st_sql_format(sql, ", i.a%d", a);
	st_sql_text(sql, ")::record USING OPERATOR(pg_catalog.*<)");
	pfree(keys.data);
}

/* Groups of which a row with a first argument is shown, if there is one; they count arguments only. */
static void
print_groups_by_first(StringInfo sql, StNode *node)
{
	StringInfoData keys;
	char	   *over;

	initStringInfo(&keys);
	for (int k = 1; k <= node->nkeys; k++)
		st_sql_format(&keys, "%si.k%d", k == 1 ? "" : ", ", k);
	over = psprintf(" FILTER (WHERE i.a1 IS NOT NULL) OVER (PARTITION BY %s)", keys.data);
	st_sql_format(sql, "SELECT DISTINCT ON (%s) %s, pg_catalog.count(*) OVER (PARTITION BY %s) AS n, CASE WHEN ",
				  keys.data, keys.data, keys.data);
	print_key_images(sql, node, over, " = ");
	st_sql_format(sql, " THEN pg_catalog.count(*)%s WHEN i.a1 IS NOT NULL THEN 1 ELSE 0 END AS r", over);
	for (int i = 1; i <= list_length(node->aggregates); i++)
		st_sql_format(sql, ", pg_catalog.count(i.a%d) OVER (PARTITION BY %s) AS c%d", i, keys.data, i);
	st_sql_format(sql, " FROM __pgt_in i ORDER BY %s, i.a1 IS NULL, ROW(%s)::record USING OPERATOR(pg_catalog.*<)",
				  keys.data, keys.data);
	pfree(keys.data);
}

/*
 * Rule E8: does an index of the only relation that a block reads lead to a
 * group's extreme? Then it is looked up when it leaves, however large the group.
 */
static bool
is_looked_up(StNode *node, StAggregate *aggregate)
{
	Query	   *block = node->block;
	RangeTblEntry *rte = linitial_node(RangeTblEntry, block->rtable);
	Var		   *argument;
	Bitmapset  *keys = NULL;

	if (!is_extreme(aggregate) || node->recompute || node->nkeys == 0 || list_length(block->rtable) != 1 ||
		rte->rtekind != RTE_RELATION || block->hasSubLinks || block->setOperations || block->hasTargetSRFs)
		return false;
	for (int k = 0; k < node->nkeys; k++)
	{
		Var		   *key = (Var *) list_nth_node(TargetEntry, block->targetList, k)->expr;

		if (!IsA(key, Var) || key->varattno <= 0 || type_is_rowtype(key->vartype))
			return false;
		keys = bms_add_member(keys, key->varattno);
	}
	argument = (Var *) list_nth_node(TargetEntry, block->targetList, node->nkeys + aggregate->argument - 1)->expr;
	return IsA(argument, Var) && argument->varattno > 0 &&
		st_type_is_exact(argument->vartype, argument->vartypmod, argument->varcollid) &&
		st_relation_orders_behind(rte->relid, keys, argument->varattno);
}

/* Are the first values of its groups followed, if any are? An index makes them useless. */
static bool
follows_best(StNode *node, StAggregate *aggregate, bool best)
{
	return best && keeps_best(node, aggregate) && !is_looked_up(node, aggregate);
}

static double
estimated_rows(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	BlockNumber pages;
	double		rows;
	double		visible;

	estimate_rel_size(rel, NULL, &pages, &rows, &visible);
	table_close(rel, NoLock);
	return rows;
}

/* With fewer groups it costs little to follow the first values, whether they will be asked for or not. */
#define FEW_GROUPS 100

/*
 * Is it worth while to follow the first values of groups? Not if there are many,
 * and so small on average that none will be kept. Any answer is right: groups
 * that are touched while it is no are unknown from then on.
 */
bool
st_state_follows_best(StNode *node, Oid state)
{
	double		groups;
	ListCell   *lc;
	bool		any = false;

	foreach(lc, node->aggregates)
		any = any || follows_best(node, lfirst(lc), true);
	if (!any)
		return false;
	groups = estimated_rows(state);
	if (groups <= FEW_GROUPS)
		return true;
	foreach(lc, node->block->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		/* what is no table here has any number of rows */
		if (rte->rtekind != RTE_RELATION || !RELKIND_HAS_STORAGE(rte->relkind) ||
			estimated_rows(rte->relid) > ST_BEST_FEW_ROWS * groups)
			return true;
	}
	return false;
}

/* The argument as what the aggregate takes. */
static void
print_extreme_argument(StringInfo sql, StAggregate *aggregate)
{
	st_sql_format(sql, "i.a%d::", aggregate->argument);
	st_sql_type(sql, exprType(aggregate->result), -1);
}

/* Of the functions of util/best_values.c, which argument says. */
static const char *
is_largest(StAggregate *aggregate)
{
	return aggregate->strategy == ST_AGGREGATE_MAX ? "true" : "false";
}

/* Two columns of the state, the first values and their numbers: read, or unknown. */
static void
print_best(StringInfo sql, StAggregate *aggregate, int i, bool read)
{
	static const char *const functions[] = {"best_values", "best_counts"};

	for (int which = 0; which < 2; which++)
	{
		if (read)
		{
			st_sql_format(sql, ", pgtrickle.%s(", functions[which]);
			print_extreme_argument(sql, aggregate);
			st_sql_format(sql, ", %s)", is_largest(aggregate));
		}
		else
		{
			st_sql_text(sql, ", NULL::");
			st_sql_type(sql, which == 0 ? get_array_type(exprType(aggregate->result)) : INT8ARRAYOID, -1);
		}
		if (i > 0)
			st_sql_format(sql, " AS %c%d", "be"[which], i);
	}
}

void
st_state_print_fill(StringInfo sql, StNode *node, bool best)
{
	ListCell   *lc;
	int			i = 0;

	if (node->first)
	{
		print_first_rows(sql, node);
		return;
	}
	if (node->top)
	{
		st_top_print_fill(sql, node);
		return;
	}
	if (node->windows)
	{
		st_window_print_fill(sql, node);
		return;
	}
	if (counts_shown_of_first(node))
	{
		print_groups_by_first(sql, node);
		return;
	}
	st_sql_text(sql, "SELECT ");
	for (int k = 1; k <= node->nkeys; k++)
		st_sql_format(sql, "i.k%d, ", k);
	st_sql_text(sql, "pg_catalog.count(*) AS n");
	if (counts_shown(node))
	{
		st_sql_text(sql, ", CASE WHEN ");
		print_key_images(sql, node, "", " = ");
		st_sql_text(sql, " THEN pg_catalog.count(*) ELSE 1 END AS r");
	}
	foreach(lc, node->aggregates)
	{
		StAggregate *aggregate = lfirst(lc);
		int			a = aggregate->argument;

		i++;
		if (node->recompute)
		{
			if (aggregate->strategy == ST_AGGREGATE_RECOMPUTE)
				st_sql_format(sql, ", %s AS v%d", print_aggref(node, aggregate->result), i);
			else if (aggregate->strategy == ST_AGGREGATE_COUNT_ROWS)
				st_sql_format(sql, ", pg_catalog.count(*) AS v%d", i);
			else

				/*
				 * a FILTER is folded into the argument, which these ignore
				 * when NULL
				 */
				st_sql_format(sql, ", pg_catalog.%s(i.a%d) AS v%d",
							  quote_identifier(get_func_name(aggregate->aggref->aggfnoid)), a, i);
			continue;
		}
		if (is_extreme(aggregate))
			st_sql_format(sql, ", pg_catalog.%s(i.a%d) AS v%d",
						  aggregate->strategy == ST_AGGREGATE_MIN ? "min" : "max", a, i);
		if (keeps_best(node, aggregate))
			print_best(sql, aggregate, i, follows_best(node, aggregate, best));
		if (is_sum(aggregate))
			st_sql_format(sql, ", COALESCE(pg_catalog.sum(i.a%d), 0)::%s AS s%d", a,
						  sums_as_int8(node, aggregate) ? "int8" : "numeric", i);
		if (is_variance(aggregate))
			st_sql_format(sql, ", COALESCE(pg_catalog.sum(%s), 0)::numeric AS z%d", square(node, aggregate), i);
		if (aggregate->strategy != ST_AGGREGATE_COUNT_ROWS && !is_extreme(aggregate))
			st_sql_format(sql, ", pg_catalog.count(i.a%d) AS c%d", a, i);
		if (is_boolean(aggregate))
			st_sql_format(sql, ", pg_catalog.count(*) FILTER (WHERE i.a%d) AS t%d", a, i);
		if (aggregate->track_scale)
			st_sql_format(sql, ", pg_catalog.max(pg_catalog.scale(i.a%d)) AS m%d"
						  ", pg_catalog.count(*) FILTER (WHERE pg_catalog.scale(i.a%d) = i.m%d) AS q%d",
						  a, i, a, i, i);
	}
	print_grouped_input(sql, node);
}

/* name of the operator that orders the values of min (<) or max (>) */
static char *
extreme_operator(StAggregate *aggregate)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate->aggref->aggfnoid));
	Oid			operator;
	StringInfoData sql;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for aggregate %u", aggregate->aggref->aggfnoid);
	operator = ((Form_pg_aggregate) GETSTRUCT(tuple))->aggsortop;
	ReleaseSysCache(tuple);
	initStringInfo(&sql);
	st_sql_operator(&sql, operator);
	return sql.data;
}

/* The leaving value is not behind the extreme, and no entering one is before it. */
static void
print_extreme_left(StringInfo sql, StAggregate *aggregate, int i)
{
	char	   *before = extreme_operator(aggregate);

	st_sql_format(sql, "(t.x%d IS NOT NULL AND (s.v%d IS NULL OR NOT (s.v%d %s t.x%d))"
				  " AND NOT COALESCE(t.p%d %s t.x%d, false))",
				  i, i, i, before, i, i, before, i);
}

/* The extreme of the group as it is. */
static void
print_lookup(StringInfo sql, StNode *node, StAggregate *aggregate)
{
	st_sql_format(sql, "(SELECT pg_catalog.%s(b.a%d) FROM (%s) b",
				  aggregate->strategy == ST_AGGREGATE_MIN ? "min" : "max", aggregate->argument, st_query_print(node->block));
	st_state_print_input_columns(sql, node, false);
	for (int k = 1; k <= node->nkeys; k++)
	{
		Node	   *key = (Node *) list_nth_node(TargetEntry, node->block->targetList, k - 1)->expr;

		st_sql_format(sql, "%sb.k%d ", k == 1 ? " WHERE " : " AND ", k);
		st_sql_operator(sql, lookup_type_cache(exprType(key), TYPECACHE_EQ_OPR)->eq_opr);
		st_sql_format(sql, " t.k%d", k);
	}
	st_sql_text(sql, ")");
}

/* The groups' own deltas: __pgt_t, one row per touched group. */
static void
print_group_deltas(StringInfo sql, StNode *node, bool best)
{
	ListCell   *lc;
	int			i = 0;

	st_sql_text(sql, "SELECT ");
	for (int k = 1; k <= node->nkeys; k++)
		st_sql_format(sql, "i.k%d, ", k);
	st_sql_text(sql, "COALESCE(pg_catalog.sum(i." ST_WEIGHT_COLUMN "), 0)::int8 AS n"
				", COALESCE(pg_catalog.bool_or(i." ST_WEIGHT_COLUMN " < 0), false) AS leaves"
				", pg_catalog.count(*) AS rows");
	if (counts_shown(node))
	{
		bool		of_first = counts_shown_of_first(node);

		st_sql_format(sql, ", COALESCE(pg_catalog.sum(-i." ST_WEIGHT_COLUMN ") FILTER (WHERE i."
					  ST_WEIGHT_COLUMN " < 0%s), 0)::int8 AS left_rows, ", of_first ? " AND i.a1 IS NOT NULL" : "");
		print_key_images(sql, node, of_first ? " FILTER (WHERE i.a1 IS NOT NULL)" : "", " AS first_image, ");
		st_sql_text(sql, " AS last_image");
		if (of_first)
		{
			st_sql_text(sql, ", ");
			print_key_images(sql, node, "", " = ");
			st_sql_text(sql, " AS alike");
		}
	}
	foreach(lc, node->aggregates)
	{
		StAggregate *aggregate = lfirst(lc);
		int			a = aggregate->argument;

		i++;
		if (node->recompute)
			continue;
		if (is_extreme(aggregate))
		{
			const char *function = aggregate->strategy == ST_AGGREGATE_MIN ? "min" : "max";

			st_sql_format(sql, ", pg_catalog.%s(i.a%d) FILTER (WHERE i." ST_WEIGHT_COLUMN " > 0) AS p%d",
						  function, a, i);
			st_sql_format(sql, ", pg_catalog.%s(i.a%d) FILTER (WHERE i." ST_WEIGHT_COLUMN " < 0) AS x%d",
						  function, a, i);
		}
		if (follows_best(node, aggregate, best))
		{
			st_sql_text(sql, ", pgtrickle.changed_values(");
			print_extreme_argument(sql, aggregate);
			st_sql_format(sql, ", i." ST_WEIGHT_COLUMN ") AS d%d, pgtrickle.changed_counts(", i);
			print_extreme_argument(sql, aggregate);
			st_sql_format(sql, ", i." ST_WEIGHT_COLUMN ") AS g%d", i);
		}
		if (is_sum(aggregate))
		{
			bool		int8 = sums_as_int8(node, aggregate);

			st_sql_format(sql, ", COALESCE(pg_catalog.sum(i." ST_WEIGHT_COLUMN "%s * i.a%d), 0)::%s AS s%d",
						  int8 ? "" : "::numeric", a, int8 ? "int8" : ST_FAULT("E7c") ? "int8::numeric" : "numeric", i);
		}
		if (is_variance(aggregate))
			st_sql_format(sql, ", COALESCE(pg_catalog.sum(i." ST_WEIGHT_COLUMN "::numeric * %s), 0)::numeric AS z%d",
						  square(node, aggregate), i);
		if (aggregate->strategy != ST_AGGREGATE_COUNT_ROWS && !is_extreme(aggregate))
			st_sql_format(sql, ", COALESCE(pg_catalog.sum(i." ST_WEIGHT_COLUMN ") FILTER (WHERE %s), 0)::int8 AS c%d",
						  present_condition(node, aggregate), i);
		if (is_boolean(aggregate))
			st_sql_format(sql, ", COALESCE(pg_catalog.sum(i." ST_WEIGHT_COLUMN ") FILTER (WHERE i.a%d), 0)::int8 AS t%d",
						  a, i);
		if (aggregate->track_scale)
			st_sql_format(sql, ", pg_catalog.max(pg_catalog.scale(i.a%d)) AS m%d"
						  ", COALESCE(pg_catalog.sum(i." ST_WEIGHT_COLUMN ") FILTER (WHERE pg_catalog.scale(i.a%d) = i.m%d), 0)::int8 AS q%d",
						  a, i, a, i, i);
	}
	print_grouped_input(sql, node);
}

/* The first values after the change: a row u beside each of s and t, if any are followed. */
static void
print_best_after(StringInfo sql, StNode *node, bool best)
{
	static const char *const functions[] = {"best_values_after", "best_counts_after"};
	const char *separator = " CROSS JOIN LATERAL (SELECT ";
	ListCell   *lc;
	bool		any = false;

	foreach(lc, node->aggregates)
	{
		StAggregate *aggregate = lfirst(lc);
		int			i = foreach_current_index(lc) + 1;

		if (!follows_best(node, aggregate, best))
			continue;
		for (int which = 0; which < 2; which++, separator = ", ")
			st_sql_format(sql, "%sCASE WHEN t.p%d IS NULL AND t.x%d IS NULL%s THEN s.%c%d ELSE pgtrickle.%s(s.b%d, s.e%d, t.d%d, t.g%d, %s) END AS %c%d",
						  separator, i, i, ST_FAULT("E8 followed") ? " OR true" : "", "be"[which], i,
						  functions[which], i, i, i, i, is_largest(aggregate), "be"[which], i);
		any = true;
	}
	/* each is looked at several times, and computed once */
	if (any)
		st_sql_text(sql, " OFFSET 0) u");
}

/*
 * How many rows look like the shown key after the change, at least. Where the
 * delta's rows look different from one another all that left may have been such.
 */
static void
print_shown_rows(StringInfo sql, StNode *node)
{
	if (counts_shown_of_first(node))
	{
		/* a group that enters shows any of its rows */
		st_sql_text(sql, "CASE WHEN s.n IS NULL THEN CASE WHEN t.alike THEN t.c1 ELSE 0 END"
					" WHEN s.c1 + t.c1 = 0 THEN 0"
					" WHEN t.first_image < t.last_image THEN s.r - t.left_rows WHEN t.first_image = ");
		print_key_image(sql, node, "s");
		st_sql_text(sql, " THEN s.r + t.c1 ELSE s.r END");
		return;
	}
	st_sql_text(sql, "CASE WHEN s.n IS NULL THEN CASE WHEN t.first_image = t.last_image THEN t.n"
				" WHEN t.leaves THEN 0 ELSE 1 END"
				" WHEN t.first_image < t.last_image THEN s.r - t.left_rows WHEN t.first_image = ");
	print_key_image(sql, node, "s");
	st_sql_text(sql, " THEN s.r + t.n ELSE s.r END");
}

/* Conditions under which a group must be computed again. */
static void
print_recompute_condition(StringInfo sql, StNode *node, bool best)
{
	ListCell   *lc;
	int			i = 0;

	if (node->recompute)
	{
		st_sql_text(sql, "true");
		return;
	}
	if (counts_shown(node) && !ST_FAULT("A3"))
	{
		print_shown_rows(sql, node);
		st_sql_format(sql, " <= 0%s", counts_shown_of_first(node) ? " AND COALESCE(s.c1, 0) + t.c1 > 0" : "");
	}
	else
		st_sql_text(sql, "false");
	foreach(lc, node->aggregates)
	{
		StAggregate *aggregate = lfirst(lc);

		i++;
		if (is_extreme(aggregate) && !ST_FAULT("E8"))
		{
			st_sql_text(sql, " OR (");
			print_extreme_left(sql, aggregate, i);
			/* equality, by which it is looked up, finds no NULL */
			if (is_looked_up(node, aggregate) && !ST_FAULT("E8 null"))
			{
				st_sql_text(sql, " AND pg_catalog.num_nulls(");
				for (int k = 1; k <= node->nkeys; k++)
					st_sql_format(sql, "%st.k%d", k == 1 ? "" : ", ", k);
				st_sql_text(sql, ") > 0");
			}
			else if (is_looked_up(node, aggregate))
				st_sql_text(sql, " AND false");
			else if (follows_best(node, aggregate, best))
				st_sql_format(sql, " AND u.b%d IS NULL", i);
			st_sql_text(sql, ")");
		}
		if (is_sum(aggregate) && !sums_as_int8(node, aggregate) &&
			argument_type(node, aggregate) == NUMERICOID && !ST_FAULT("E7e"))
			st_sql_format(sql, " OR (COALESCE(s.s%d, 0) + t.s%d) IN ('NaN', 'Infinity', '-Infinity')", i, i);
		if (aggregate->track_scale && !ST_FAULT("E7d"))
			st_sql_format(sql, " OR (COALESCE(s.c%d, 0) + t.c%d > 0 AND s.m%d IS NOT NULL"
						  " AND t.m%d = s.m%d AND s.q%d + t.q%d <= 0)", i, i, i, i, i, i, i);
	}
}

/* The state row after the change, column by column, behind the keys. */
static void
print_new_state(StringInfo sql, StNode *node, bool best)
{
	ListCell   *lc;
	int			i = 0;

	st_sql_text(sql, ", COALESCE(s.n, 0) + t.n");
	for (int v = 1; v <= node->nshown; v++)
		st_sql_format(sql, ", s.v%d", v);
	if (counts_shown(node))
	{
		st_sql_text(sql, ", ");
		print_shown_rows(sql, node);
	}
	foreach(lc, node->aggregates)
	{
		StAggregate *aggregate = lfirst(lc);

		i++;
		if (node->recompute)
		{
			st_sql_text(sql, ", NULL::");
			st_sql_type(sql, exprType(aggregate->result), -1);
			continue;
		}
		if (is_extreme(aggregate))
		{
			char	   *before = extreme_operator(aggregate);

			st_sql_text(sql, ", CASE ");
			if (is_looked_up(node, aggregate))
			{
				st_sql_text(sql, "WHEN ");
				print_extreme_left(sql, aggregate, i);
				st_sql_text(sql, " THEN ");
				print_lookup(sql, node, aggregate);
			}
			else if (follows_best(node, aggregate, best))
			{
				st_sql_text(sql, "WHEN ");
				print_extreme_left(sql, aggregate, i);
				st_sql_format(sql, " THEN u.b%d[1]", i);
			}
			st_sql_format(sql, " WHEN s.v%d IS NULL OR t.p%d %s s.v%d THEN t.p%d ELSE s.v%d END",
						  i, i, before, i, i, i);
			if (follows_best(node, aggregate, best))
				st_sql_format(sql, ", u.b%d, u.e%d", i, i);
			else if (keeps_best(node, aggregate))
				print_best(sql, aggregate, 0, false);
		}
		if (is_sum(aggregate))
			st_sql_format(sql, ", CASE WHEN COALESCE(s.c%d, 0) + t.c%d = 0 THEN 0::%s ELSE COALESCE(s.s%d, 0) + t.s%d END",
						  i, i, sums_as_int8(node, aggregate) ? "int8" : "numeric", i, i);
		if (is_variance(aggregate))
			st_sql_format(sql, ", CASE WHEN COALESCE(s.c%d, 0) + t.c%d = 0 THEN 0::numeric ELSE COALESCE(s.z%d, 0) + t.z%d END",
						  i, i, i, i);
		if (aggregate->strategy != ST_AGGREGATE_COUNT_ROWS && !is_extreme(aggregate))
			st_sql_format(sql, ", COALESCE(s.c%d, 0) + t.c%d", i, i);
		if (is_boolean(aggregate))
			st_sql_format(sql, ", COALESCE(s.t%d, 0) + t.t%d", i, i);
		if (aggregate->track_scale)
		{
			st_sql_format(sql, ", CASE WHEN COALESCE(s.c%d, 0) + t.c%d = 0 THEN NULL ELSE GREATEST(s.m%d, t.m%d) END",
						  i, i, i, i);
			st_sql_format(sql, ", CASE WHEN COALESCE(s.c%d, 0) + t.c%d = 0 THEN 0"
						  " WHEN t.m%d IS NULL OR t.m%d < s.m%d THEN COALESCE(s.q%d, 0)"
						  " WHEN s.m%d IS NULL OR t.m%d > s.m%d THEN t.q%d ELSE s.q%d + t.q%d END",
						  i, i, i, i, i, i, i, i, i, i, i, i);
		}
	}
}

void
st_state_print_delta(StringInfo sql, StNode *node, Oid state, bool best)
{
	ListCell   *lc;
	const char *separator;

	if (node->top)
	{
		st_top_print_delta(sql, node, state);
		return;
	}
	if (node->windows)
	{
		st_window_print_delta(sql, node, state);
		return;
	}
	st_sql_text(sql, "SELECT s.n IS NOT NULL, ");
	print_recompute_condition(sql, node, best);
	for (int k = 1; k <= node->nkeys; k++)
		st_sql_format(sql, ", s.k%d", k);
	foreach(lc, state_columns(node))
		st_sql_format(sql, ", s.%s", column_name(lfirst(lc)));
	for (int k = 1; k <= node->nkeys; k++)
		st_sql_format(sql, ", CASE WHEN s.n IS NULL THEN t.k%d ELSE s.k%d END", k, k);
	print_new_state(sql, node, best);
	st_sql_text(sql, ", s." ST_IDENTITY_COLUMN " FROM (");
	print_group_deltas(sql, node, best);
	st_sql_text(sql, ") t LEFT JOIN LATERAL (SELECT o.*, o.ctid AS " ST_IDENTITY_COLUMN " FROM ");
	st_sql_relation(sql, state);
	st_sql_text(sql, " o");
	if (node->nkeys > 0)
	{
		static const char *const sides[] = {"o", "t"};

		/* null-safe, for any number of keys of any length (rule E9) */
		st_sql_text(sql, " WHERE ");
		for (int side = 0; side < 2; side++)
		{
			st_sql_text(sql, side ? " = pg_catalog.hash_record_extended(ROW(" :
						"pg_catalog.hash_record_extended(ROW(");
			separator = "";
			for (int k = 1; k <= node->nkeys; k++, separator = ", ")
				st_sql_format(sql, "%s%s.k%d", separator, sides[side], k);
			st_sql_text(sql, "), 0::int8)");
		}
		for (int side = 0; side < 2; side++)
		{
			st_sql_text(sql, side ? " OPERATOR(pg_catalog.=) ROW(" : " AND ROW(");
			separator = "";
			for (int k = 1; k <= node->nkeys; k++, separator = ", ")
				st_sql_format(sql, "%s%s.k%d", separator, sides[side], k);
			st_sql_text(sql, ")::record");
		}
		if (ST_FAULT("E9"))
			st_sql_text(sql, " AND o.k1 OPERATOR(pg_catalog.=) t.k1");
	}
	st_sql_text(sql, ") s ON true");
	print_best_after(sql, node, best);

	/*
	 * one group without keys is there always, and must not be touched for
	 * nothing
	 */
	if (node->nkeys == 0)
		st_sql_text(sql, " WHERE t.rows > 0");
}
