/*-------------------------------------------------------------------------
 *
 * slice_core.c
 *	  Which of the touched slices can have rows in the result.
 *
 * NOTES
 *	  The core of a query that falls into slices is the inner join of relations
 *	  of its FROM, under those of WHERE's conditions that connect or restrict
 *	  them and that cannot raise. A slice of which the core has no row has
 *	  none in the result either, whatever subqueries, groups and windows
 *	  do. Of TPC-H Q21, one touched order in ten has a late line of a supplier of
 *	  the nation that is asked for.
 *
 *	  The core is read over everything that there is, or was, of each relation:
 *	  its rows as they are, and its delta, whatever the weights. So a slice that
 *	  it leaves out had no row in the result before, either.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

#include "delta/block.h"
#include "delta/join.h"
#include "query/make.h"
#include "util/fault.h"
#include "util/sqlbuf.h"

typedef struct Core
{
	StProgram  *program;
	StSliceProgram *slice;
	StJoin	   *join;
	Query	   *query;
	Bitmapset  *entries;		/* of its range table: those of the core */
	int			key;			/* the one of which the key is taken; 0: there
								 * is no core */
	List	   *conditions;		/* that all rows of FROM fulfil */
	List	   *connections;	/* those between entries */
} Core;

/* The sliced reference that an entry is, or NULL. */
static StSliceReference *
reference_of(Core *core, int varno)
{
	int			ordinal = st_slice_ordinal(rt_fetch(varno, core->query->rtable));

	return ordinal < 0 ? NULL : list_nth(core->join->sliced, ordinal);
}

static bool
is_own(Core *core, int varno)
{
	StSliceReference *reference = reference_of(core, varno);

	return reference && reference->number == 0;
}

/* Relations that every row of the result has a row of. */
static void
find_entries(Core *core)
{
	Bitmapset  *inner = st_entries_below((Node *) core->query->jointree, ST_REACH_INNER);
	int			varno = -1;

	while ((varno = bms_next_member(inner, varno)) >= 0)
	{
		RangeTblEntry *rte = rt_fetch(varno, core->query->rtable);

		if (rte->rtekind != RTE_RELATION || rte->tablesample || rte->relkind == RELKIND_FOREIGN_TABLE)
			continue;
		core->entries = bms_add_member(core->entries, varno);
		if (core->key == 0 && is_own(core, varno))
			core->key = varno;
	}
}

/* What is not connected with the key would only multiply rows. */
static void
find_connections(Core *core)
{
	Bitmapset  *connected = bms_make_singleton(core->key);
	bool		grows = true;
	ListCell   *lc;

	foreach(lc, core->conditions)
	{
		Bitmapset  *varnos = pull_varnos(NULL, lfirst(lc));

		if (bms_num_members(varnos) > 1 && bms_is_subset(varnos, core->entries) && st_cannot_raise(lfirst(lc)))
			core->connections = lappend(core->connections, lfirst(lc));
	}
	while (grows)
	{
		grows = false;
		foreach(lc, core->connections)
		{
			Bitmapset  *varnos = pull_varnos(NULL, lfirst(lc));

			if (bms_overlap(varnos, connected) && !bms_is_subset(varnos, connected))
			{
				connected = bms_add_members(connected, varnos);
				grows = true;
			}
		}
	}
	core->entries = connected;
}

/* Does it leave out slices that the conditions on what is fetched do not? */
static bool
is_selective(Core *core)
{
	int			varno = -1;

	while ((varno = bms_next_member(core->entries, varno)) >= 0)
	{
		StSliceReference *reference = reference_of(core, varno);

		if ((reference == NULL || reference->number > 0 || reference->filter == NULL) &&
			st_restriction_on((Node *) core->conditions, varno))
			return true;
	}
	return false;
}

/* "WITH name AS (what there is and was of an entry)" for those that may have changed, which become these. */
static void
print_contents(StringInfo sql, Core *core, int varno, RangeTblEntry *rte)
{
	StSliceReference *reference = reference_of(core, varno);
	StSliceFetch *fetch;
	char	   *name;
	const char *separator = "";
	StringInfoData columns;
	int			attnum = -1;
	const Bitmapset *attnums;

	if (reference == NULL)
		return;
	name = psprintf("__pgt_core%d", varno);
	attnums = st_program_source(core->program, reference->relid)->attnums;
	fetch = &core->slice->fetches[st_slice_ordinal(rte)];
	initStringInfo(&columns);
	while ((attnum = bms_next_member(attnums, attnum)) >= 0)
	{
		st_sql_format(&columns, "%sc%d", separator, attnum);
		separator = ", ";
	}
	st_sql_format(sql, "%s%s AS (SELECT ", sql->len == 0 ? "WITH " : ", ", name);
	if (reference->number == 0)
		st_sql_format(sql, "%s FROM %s", columns.data, core->slice->fetches[fetch->same_as].input);
	else
	{
		separator = "";
		attnum = -1;
		while ((attnum = bms_next_member(attnums, attnum)) >= 0)
		{
			st_sql_text(sql, separator);
			st_sql_column(sql, "n", get_attname(reference->relid, attnum, false));
			st_sql_format(sql, " AS c%d", attnum);
			separator = ", ";
		}
		st_sql_text(sql, " FROM ");
		st_sql_relation(sql, reference->relid);
		st_sql_text(sql, " n");
	}
	if (!ST_FAULT("E5 core"))
		st_sql_format(sql, " UNION ALL SELECT %s FROM %s", columns.data, st_source_leaf(core->program, reference->relid)->input);
	st_sql_text(sql, ")");
	st_read_as(rte, name);
}

/* An expression over the query's entries as one over those of the core, which stand in the same order. */
static Node *
move(Core *core, Node *expr)
{
	int			n = list_length(core->query->rtable);
	int			varno = -1;
	int			position = 0;

	expr = copyObject(expr);
	while ((varno = bms_next_member(core->entries, varno)) >= 0)
		ChangeVarNodes(expr, varno, n + ++position, 0);
	OffsetVarNodes(expr, -n, 0);
	return expr;
}

static char *
print_core(Core *core)
{
	StringInfoData sql;
	List	   *entries = NIL;
	List	   *conditions = NIL;
	AttrNumber	attnum = reference_of(core, core->key)->attnum;
	Oid			type;
	int32		typmod;
	Oid			collation;
	Query	   *query;
	int			varno = -1;
	ListCell   *lc;

	initStringInfo(&sql);
	get_atttypetypmodcoll(reference_of(core, core->key)->relid, attnum, &type, &typmod, &collation);
	while ((varno = bms_next_member(core->entries, varno)) >= 0)
	{
		RangeTblEntry *rte = copyObject(rt_fetch(varno, core->query->rtable));
		Node	   *restriction = st_restriction_on((Node *) core->conditions, varno);

		print_contents(&sql, core, varno, rte);
		entries = lappend(entries, rte);
		if (restriction)
		{
			ChangeVarNodes(restriction, 1, list_length(entries), 0);
			conditions = lappend(conditions, restriction);
		}
	}
	foreach(lc, core->connections)
		if (bms_is_subset(pull_varnos(NULL, lfirst(lc)), core->entries))
			conditions = lappend(conditions, move(core, lfirst(lc)));
	query = st_make_query(entries, (Node *) make_ands_explicit(conditions),
						  st_make_targets(list_make1(move(core, (Node *) makeVar(core->key, attnum, type, typmod, collation, 0)))));
	st_sql_format(&sql, " SELECT DISTINCT k.c1 AS k FROM (%s) k%s", st_query_print(query), st_slice_key_order(type));
	return sql.data;
}

void
st_slice_core_init(StProgram *program, StSliceProgram *slice, StJoin *join)
{
	Core		core = {.program = program, .slice = slice, .join = join, .query = join->query};
	int			nleaves = list_length(slice->key_leaves);
	StInput    *inputs = palloc0(sizeof(StInput) * (nleaves + slice->nfetches));
	ListCell   *lc;

	if (join->query->setOperations)
		return;
	core.conditions = st_inner_conditions((Node *) join->query->jointree);
	find_entries(&core);
	if (core.key == 0)
		return;
	find_connections(&core);
	if (!is_selective(&core))
		return;
	foreach(lc, slice->key_leaves)
	{
		StLeaf	   *leaf = lfirst(lc);

		inputs[foreach_current_index(lc)] = (StInput)
		{
			.name = leaf->input, .desc = leaf->desc
		};
	}
	for (int i = 0; i < slice->nfetches; i++)
		inputs[nleaves + i] = (StInput)
	{
		.name = slice->fetches[i].input, .desc = slice->fetches[i].desc
	};
	slice->core = st_statement_create(program->context, print_core(&core), nleaves + slice->nfetches, inputs);
}
