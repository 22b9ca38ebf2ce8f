/*-------------------------------------------------------------------------
 *
 * slice.c
 *	  The deltas of slices: the query over what the touched keys have and had.
 *
 * The statements: the touched keys, from the deltas of the sliced relations;
 * for each sliced reference, its rows with one of these keys, found by index
 * if there is one; and the query itself over such rows, which the caller runs
 * over the present ones and over those without their delta (rule E5). Rows that
 * the query's conditions on a relation leave out are not fetched, nor are keys
 * touched by them; keys of which an inner join finds no row are dropped.
 *
 * A change of a relation of a linked class touches the slices of those rows of
 * the class's origin that it equals. Present rows are enough to find them: a
 * row of the origin that was there before is in the origin's own delta.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/typcache.h"

#include "delta/block.h"
#include "delta/join.h"
#include "query/make.h"
#include "query/source_facts.h"
#include "util/sqlbuf.h"

static List *
add_source_leaf(StProgram *program, List *leaves, Oid relid)
{
	ListCell   *lc;

	foreach(lc, leaves)
		if (((StLeaf *) lfirst(lc))->source == relid)
			return leaves;
	return lappend(leaves, st_source_leaf(program, relid));
}

static void
print_columns(StringInfo sql, const StSource *source)
{
	int			attnum = -1;
	const char *separator = "";

	while ((attnum = bms_next_member(source->attnums, attnum)) >= 0)
	{
		st_sql_text(sql, separator);
		st_sql_column(sql, "n", get_attname(source->relid, attnum, false));
		st_sql_format(sql, " AS c%d", attnum);
		separator = ", ";
	}
}

/* Rows "n" whose column equals a key "k". */
static void
print_match(StringInfo sql, Oid relid, AttrNumber attnum, Oid type)
{
	st_sql_column(sql, "n", get_attname(relid, attnum, false));
	st_sql_text(sql, " ");
	st_sql_operator(sql, lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr);
	st_sql_text(sql, " k.k");
}

/* " AND " and the condition on "n". */
static void
print_filter(StringInfo sql, Oid relid, Node *filter)
{
	if (filter)
		st_sql_format(sql, " AND (%s)", deparse_expression(filter, deparse_context_for("n", relid), true, false));
}

static int
count_attributes(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	int			natts = RelationGetNumberOfAttributes(rel);

	table_close(rel, AccessShareLock);
	return natts;
}

/* What the delta of a reference's relation has that its conditions leave; columns c1.. as given. */
static char *
print_changed(StProgram *program, const StSliceReference *reference, List *columns)
{
	StLeaf	   *leaf = st_source_leaf(program, reference->relid);
	RangeTblEntry *rte = st_make_with_entry(leaf->input, "d", st_make_names(count_attributes(reference->relid)));

	/*
	 * the weight is no attribute of the relation: it stands behind all that
	 * can be
	 */
	rte->eref->colnames = lappend(rte->eref->colnames, makeString(pstrdup(ST_WEIGHT_COLUMN)));
	return st_query_print(st_make_query(list_make1(rte), copyObject(reference->filter), st_make_targets(columns)));
}

static Var *
column_of(Oid relid, AttrNumber attnum)
{
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	return makeVar(1, attnum, type, typmod, collation, 0);
}

const char *
st_slice_key_order(Oid type)
{
	return OidIsValid(lookup_type_cache(type, TYPECACHE_LT_OPR)->lt_opr) ? " ORDER BY 1" : "";
}

static const char *
in_order(TupleDesc key_desc)
{
	return st_slice_key_order(TupleDescAttr(key_desc, 0)->atttypid);
}

static StInput
keys_input(TupleDesc desc)
{
	StInput		input = {.name = ST_KEYS_INPUT, .desc = desc};

	return input;
}

/*
 * The rows of the keys. "in_turn": key by key, which the planner takes for
 * several times what it is where the rows are in memory and the keys in order.
 */
static StStatement *
make_fetch(StProgram *program, const StSliceFetch *fetch, Node *filter, TupleDesc key_desc, bool in_turn)
{
	const StSource *source = st_program_source(program, fetch->relid);
	StInput		keys = keys_input(key_desc);
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_text(&sql, in_turn ? "SELECT m.* FROM " ST_KEYS_INPUT " k CROSS JOIN LATERAL (SELECT " : "SELECT ");
	print_columns(&sql, source);
	st_sql_text(&sql, in_turn ? " FROM " : " FROM " ST_KEYS_INPUT " k JOIN ");
	st_sql_relation(&sql, fetch->relid);
	st_sql_text(&sql, in_turn ? " n WHERE " : " n ON ");
	print_match(&sql, fetch->relid, fetch->attnum, TupleDescAttr(key_desc, 0)->atttypid);
	print_filter(&sql, fetch->relid, filter);
	/* keeps the planner from joining otherwise */
	if (in_turn)
		st_sql_text(&sql, " OFFSET 0) m");

	/*
	 * a search of its own, which an index serves as well; a link is by
	 * equality, which finds no NULL
	 */
	if (fetch->number == 0 && !st_column_is_not_null(fetch->relid, fetch->attnum))
	{
		st_sql_text(&sql, " UNION ALL SELECT ");
		print_columns(&sql, source);
		st_sql_text(&sql, " FROM ");
		st_sql_relation(&sql, fetch->relid);
		st_sql_text(&sql, " n WHERE ");
		st_sql_column(&sql, "n", get_attname(fetch->relid, fetch->attnum, false));
		st_sql_text(&sql, " IS NULL AND EXISTS (SELECT FROM " ST_KEYS_INPUT " k WHERE k.k IS NULL)");
		print_filter(&sql, fetch->relid, filter);
	}
	return st_make_statement(program->context, sql.data, NIL, &keys);
}

/* The part of a relation's delta that has one of the keys. */
static StStatement *
make_changed(StProgram *program, const StSliceFetch *fetch, const StSliceReference *reference, TupleDesc key_desc)
{
	StLeaf	   *leaf = st_source_leaf(program, fetch->relid);
	StInput		keys = keys_input(key_desc);
	const Bitmapset *attnums = st_program_source(program, fetch->relid)->attnums;
	List	   *columns = NIL;
	char	   *changed;
	int			attnum = -1;
	StringInfoData sql;

	while ((attnum = bms_next_member(attnums, attnum)) >= 0)
		columns = lappend(columns, column_of(fetch->relid, attnum));
	columns = lappend(columns, makeVar(1, count_attributes(fetch->relid) + 1, INT8OID, -1, InvalidOid, 0));
	changed = print_changed(program, reference, columns);
	initStringInfo(&sql);
	st_sql_format(&sql, "SELECT d.* FROM " ST_KEYS_INPUT " k JOIN (%s) d ON d.c%d ", changed,
				  bms_member_index(unconstify(Bitmapset *, attnums), fetch->attnum) + 1);
	st_sql_operator(&sql, lookup_type_cache(TupleDescAttr(key_desc, 0)->atttypid, TYPECACHE_EQ_OPR)->eq_opr);
	st_sql_text(&sql, " k.k");
	if (fetch->number == 0)
		st_sql_format(&sql, " UNION ALL SELECT d.* FROM (%s) d WHERE d.c%d IS NULL AND EXISTS (SELECT FROM "
					  ST_KEYS_INPUT " k WHERE k.k IS NULL)", changed,
					  bms_member_index(unconstify(Bitmapset *, attnums), fetch->attnum) + 1);
	return st_make_statement(program->context, sql.data, list_make1(leaf), &keys);
}

/* The keys of which there is a row, or was one. */
static StStatement *
make_reduce(StProgram *program, const StSliceFetch *fetch, TupleDesc key_desc)
{
	StInput		inputs[2] = {{.name = ST_PRESENT_INPUT, .desc = fetch->desc}, {.name = ST_BEFORE_INPUT, .desc = fetch->desc}};
	char	   *sql = psprintf("SELECT n.c%d AS k FROM " ST_PRESENT_INPUT " n UNION SELECT o.c%d FROM " ST_BEFORE_INPUT " o%s",
							   fetch->attnum, fetch->attnum, in_order(key_desc));

	return st_statement_create(program->context, sql, lengthof(inputs), inputs);
}

/* Of rows in ST_PRESENT_INPUT those with one of the keys. */
static StStatement *
make_keep(StProgram *program, const StSliceFetch *fetch, TupleDesc key_desc)
{
	StInput		inputs[2] = {{.name = ST_PRESENT_INPUT, .desc = fetch->desc}, keys_input(key_desc)};
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_format(&sql, "SELECT n.* FROM " ST_KEYS_INPUT " k JOIN " ST_PRESENT_INPUT " n ON n.c%d ", fetch->attnum);
	st_sql_operator(&sql, lookup_type_cache(TupleDescAttr(key_desc, 0)->atttypid, TYPECACHE_EQ_OPR)->eq_opr);
	st_sql_text(&sql, " k.k");
	if (!st_column_is_not_null(fetch->relid, fetch->attnum))
		st_sql_format(&sql, " UNION ALL SELECT n.* FROM " ST_PRESENT_INPUT " n WHERE n.c%d IS NULL AND EXISTS (SELECT FROM "
					  ST_KEYS_INPUT " k WHERE k.k IS NULL)", fetch->attnum);
	return st_statement_create(program->context, sql.data, lengthof(inputs), inputs);
}

/* From the touched keys of a linked class to those of its origin's class. */
static StStatement *
make_climb(StProgram *program, const StSliceFetch *origin, const StSliceClass *class, TupleDesc key_desc)
{
	StInput		keys = keys_input(key_desc);
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_text(&sql, "SELECT ");
	st_sql_column(&sql, "n", get_attname(origin->relid, origin->attnum, false));
	st_sql_text(&sql, " AS k FROM " ST_KEYS_INPUT " k JOIN ");
	st_sql_relation(&sql, origin->relid);
	st_sql_text(&sql, " n ON ");
	print_match(&sql, origin->relid, class->column, class->type);
	return st_make_statement(program->context, sql.data, NIL, &keys);
}

static StStatement *
make_descend(StProgram *program, const StSliceFetch *origin, const StSliceClass *class, TupleDesc key_desc)
{
	StInput		inputs[2] = {{.name = ST_PRESENT_INPUT, .desc = origin->desc}, {.name = ST_BEFORE_INPUT, .desc = origin->desc}};
	char	   *sql = psprintf("SELECT n.c%d AS k FROM " ST_PRESENT_INPUT " n WHERE n.c%d IS NOT NULL UNION"
							   " SELECT o.c%d FROM " ST_BEFORE_INPUT " o WHERE o.c%d IS NOT NULL%s",
							   class->column, class->column, class->column, class->column, in_order(key_desc));

	return st_statement_create(program->context, sql, lengthof(inputs), inputs);
}

/* References become inputs: those of class 0, or all. */
static bool
read_fetches_walker(Node *node, void *arg)
{
	const StSliceProgram *slice = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;
		int			ordinal = st_slice_ordinal(rte);

		if (ordinal >= 0 && (slice == NULL || slice->fetches[ordinal].number == 0))
			st_read_as(rte, pstrdup(rte->alias->aliasname));
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, read_fetches_walker, arg, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, read_fetches_walker, arg);
}

static int
leaf_number(List *leaves, Oid relid)
{
	ListCell   *lc;

	foreach(lc, leaves)
		if (((StLeaf *) lfirst(lc))->source == relid)
			return foreach_current_index(lc);
	elog(ERROR, "relation %u is not among the leaves", relid);
}

/* Is one of the references that read the same rows required? */
static bool
is_required(StJoin *join, const StSliceReference *reference)
{
	ListCell   *lc;

	foreach(lc, join->sliced)
	{
		StSliceReference *other = lfirst(lc);

		if (other->required && other->relid == reference->relid && other->attnum == reference->attnum &&
			other->number == reference->number)
			return true;
	}
	return false;
}

static void
make_fetches(StProgram *program, StSliceProgram *slice, StJoin *join)
{
	ListCell   *lc;
	int			i = 0;

	slice->nfetches = list_length(join->sliced);
	slice->fetches = palloc0(sizeof(StSliceFetch) * slice->nfetches);
	foreach(lc, join->sliced)
	{
		StSliceReference *reference = lfirst(lc);
		StSliceFetch *fetch = &slice->fetches[i];

		fetch->relid = reference->relid;
		fetch->attnum = reference->attnum;
		fetch->number = reference->number;
		fetch->leaf = leaf_number(slice->key_leaves, fetch->relid);
		fetch->input = st_slice_input_name(i);
		fetch->desc = st_source_desc(reference->relid, st_program_source(program, reference->relid)->attnums, false);
		for (fetch->same_as = 0; fetch->same_as < i; fetch->same_as++)
			if (slice->fetches[fetch->same_as].relid == fetch->relid &&
				slice->fetches[fetch->same_as].attnum == fetch->attnum &&
				slice->fetches[fetch->same_as].number == fetch->number)
				break;
		if (fetch->same_as == i)
		{
			TupleDesc	key_desc = slice->classes[fetch->number].desc;

			fetch->filtered = reference->filter != NULL;
			fetch->fetch = make_fetch(program, fetch, reference->filter, key_desc, false);
			if (st_relation_has_index_on(fetch->relid, bms_make_singleton(fetch->attnum)))
				fetch->lookup = make_fetch(program, fetch, reference->filter, key_desc, true);
			fetch->changed = make_changed(program, fetch, reference, key_desc);
			if (fetch->number == 0 && fetch->filtered && is_required(join, reference))
				fetch->reduce = make_reduce(program, fetch, key_desc);
		}
		i++;
	}
}

/*
 * Conditions on a changed row of a required reference: it comes to nothing
 * unless there are such rows as the required references linked to it want.
 * Columns that are compared are added to "columns"; leaves to "linked".
 */
static void
print_counterparts(StringInfo sql, StSliceProgram *slice, StJoin *join, int ordinal, List **columns, Bitmapset **linked)
{
	StSliceReference *reference = list_nth(join->sliced, ordinal);
	ListCell   *lc;

	foreach(lc, join->sliced)
	{
		StSliceReference *other = lfirst(lc);
		StSliceClass *class = list_nth(join->classes, other->number);

		if (!reference->required || !other->required || other->filter == NULL || class->origin != ordinal)
			continue;
		st_sql_format(sql, "%s EXISTS (SELECT FROM ", bms_is_empty(*linked) ? " WHERE" : " AND");
		st_sql_relation(sql, other->relid);
		st_sql_text(sql, " n WHERE ");
		st_sql_column(sql, "n", get_attname(other->relid, other->attnum, false));
		st_sql_text(sql, " ");
		st_sql_operator(sql, lookup_type_cache(class->type, TYPECACHE_EQ_OPR)->eq_opr);
		st_sql_format(sql, " d.c%d", st_position_in(columns, (Node *) column_of(reference->relid, class->column)));
		print_filter(sql, other->relid, other->filter);
		st_sql_text(sql, ")");
		*linked = bms_add_member(*linked, leaf_number(slice->key_leaves, other->relid));
	}
}

/* The keys that the deltas of a class's relations touch, or the relevant ones among them. */
static StStatement *
make_touched(StProgram *program, StSliceProgram *slice, StJoin *join, int number, Bitmapset **linked)
{
	StringInfoData sql;
	List	   *arms = NIL;
	int			ordinal = 0;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, join->sliced)
	{
		StSliceReference *reference = lfirst(lc);
		List	   *columns = list_make1(column_of(reference->relid, reference->attnum));
		Bitmapset  *own = NULL;
		StringInfoData counterparts;
		String	   *arm;

		if (reference->number != number)
		{
			ordinal++;
			continue;
		}
		initStringInfo(&counterparts);
		if (linked)
			print_counterparts(&counterparts, slice, join, ordinal, &columns, &own);
		arm = makeString(psprintf("SELECT d.c1 AS k FROM (%s) d%s", print_changed(program, reference, columns),
								  counterparts.data));
		/* a relation may be read several times */
		if (!list_member(arms, arm))
			st_sql_format(&sql, "%s%s", sql.len > 0 ? " UNION ALL " : "", strVal(arm));
		arms = lappend(arms, arm);
		if (linked)
			*linked = bms_join(*linked, own);
		ordinal++;
	}
	if (sql.len == 0 || (linked && bms_is_empty(*linked)))
		return NULL;
	return st_make_statement(program->context, psprintf("SELECT DISTINCT a.k FROM (%s) a%s", sql.data, in_order(slice->classes[number].desc)),
							 slice->key_leaves, NULL);
}

static void
make_classes(StProgram *program, StSliceProgram *slice, StJoin *join)
{
	ListCell   *lc;
	int			number = 0;

	slice->nclasses = list_length(join->classes);
	slice->classes = palloc0(sizeof(StSliceKeys) * slice->nclasses);
	foreach(lc, join->classes)
	{
		StSliceClass *class = lfirst(lc);
		StSliceKeys *keys = &slice->classes[number];
		StInput		input;

		keys->desc = CreateTemplateTupleDesc(1);
		TupleDescInitEntry(keys->desc, 1, "k", class->type, -1, 0);
		TupleDescInitEntryCollation(keys->desc, 1, class->collation);
		keys->origin = class->origin;
		keys->touched = make_touched(program, slice, join, number, NULL);
		keys->relevant = make_touched(program, slice, join, number, &keys->linked);
		number++;
		input = keys_input(keys->desc);
		keys->distinct = st_make_statement(program->context, psprintf("SELECT DISTINCT k.k FROM " ST_KEYS_INPUT " k%s", in_order(keys->desc)), NIL, &input);
	}
}

/* A statement of the query over the inputs of the fetches, or of those of class 0. */
static StStatement *
make_query(StProgram *program, StSliceProgram *slice, StJoin *join, bool all)
{
	Query	   *query = copyObject(join->query);
	StInput    *inputs = palloc0(sizeof(StInput) * slice->nfetches);

	for (int i = 0; i < slice->nfetches; i++)
	{
		inputs[i].name = slice->fetches[i].input;
		inputs[i].desc = slice->fetches[i].desc;
	}
	(void) read_fetches_walker((Node *) query, all ? NULL : slice);
	return st_statement_create(program->context, st_query_print(query), slice->nfetches, inputs);
}

void
st_slice_program_init(StProgram *program, StJoinProgram *target)
{
	StSliceProgram *slice = palloc0(sizeof(StSliceProgram));
	StJoin	   *join = target->join;
	ListCell   *lc;

	target->slice = slice;
	slice->whole = st_make_statement(program->context, st_query_print(copyObject(join->query)), NIL, NULL);
	foreach(lc, join->sliced)
		slice->key_leaves = add_source_leaf(program, slice->key_leaves, ((StSliceReference *) lfirst(lc))->relid);
	target->leaves = list_copy(slice->key_leaves);
	foreach(lc, join->whole)
		target->leaves = add_source_leaf(program, target->leaves, lfirst_oid(lc));

	make_classes(program, slice, join);
	make_fetches(program, slice, join);
	for (int i = 1; i < slice->nclasses; i++)
	{
		StSliceClass *class = list_nth(join->classes, i);
		StSliceFetch *origin = &slice->fetches[class->origin];

		slice->classes[i].climb = make_climb(program, origin, class, slice->classes[i].desc);
		slice->classes[i].descend = make_descend(program, origin, class, slice->classes[i].desc);
	}
	st_slice_core_init(program, slice, join);
	for (int i = 0; slice->core && i < slice->nfetches; i++)
		if (slice->fetches[i].number == 0 && slice->fetches[i].same_as == i)
			slice->fetches[i].keep = make_keep(program, &slice->fetches[i], slice->classes[0].desc);
	slice->query = make_query(program, slice, join, true);
	slice->own = slice->nclasses > 1 ? make_query(program, slice, join, false) : slice->query;
}
