/*-------------------------------------------------------------------------
 *
 * facts.c
 *	  What the catalog tells people of a stream table's query.
 *
 * NOTES
 *	  Nothing that is written here is read by a refresh.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/ruleutils.h"
#include "utils/typcache.h"

#include "api/definition.h"
#include "catalog/source_copy.h"
#include "catalog/stream_table.h"

/* ----- the query ----- */

static bool
has_primary_key(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	bool		result;

	list_free(RelationGetIndexList(rel));
	result = OidIsValid(rel->rd_pkindex);
	table_close(rel, NoLock);
	return result;
}

Oid
st_keyless_source(Query *query)
{
	ListCell   *lc;

	foreach(lc, st_query_sources(query))
		if (!st_is_stream_table(lfirst_oid(lc)) && !has_primary_key(lfirst_oid(lc)))
			return lfirst_oid(lc);
	return InvalidOid;
}

/* The constant of LIMIT or OFFSET of a top-N query, as an integer; false if it has none. */
static bool
row_limit(Query *query, Node *rows, Datum *result)
{
	Const	   *constant = (Const *) eval_const_expressions(NULL, rows);

	*result = (Datum) 0;
	if (query->sortClause == NIL || constant == NULL || !IsA(constant, Const) || constant->constisnull ||
		constant->consttype != INT8OID || DatumGetInt64(constant->constvalue) > INT_MAX)
		return false;
	*result = Int32GetDatum((int32) DatumGetInt64(constant->constvalue));
	return true;
}

/* The columns of ORDER BY, as EXPLAIN prints a sort key. */
static char *
order_text(Query *query)
{
	PlannedStmt *statement = makeNode(PlannedStmt);
	Bitmapset  *used = NULL;
	StringInfoData text;
	List	   *context;
	ListCell   *lc;

	for (int i = 1; i <= list_length(query->rtable); i++)
		used = bms_add_member(used, i);
	statement->rtable = query->rtable;
	context = deparse_context_for_plan_tree(statement, select_rtable_names_for_explain(query->rtable, used));
	initStringInfo(&text);
	foreach(lc, query->sortClause)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		TargetEntry *tle = get_sortgroupclause_tle(clause, query->targetList);
		TypeCacheEntry *type = lookup_type_cache(exprType((Node *) tle->expr), TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);
		bool		descending = clause->sortop == type->gt_opr;

		if (lc != list_head(query->sortClause))
			appendStringInfoString(&text, ", ");
		appendStringInfoString(&text, tle->resjunk ? deparse_expression((Node *) tle->expr, context, false, false) :
							   quote_identifier(tle->resname));
		if (descending)
			appendStringInfoString(&text, " DESC");
		else if (clause->sortop != type->lt_opr)
			appendStringInfo(&text, " USING %s", get_opname(clause->sortop));
		if (clause->nulls_first != descending)
			appendStringInfo(&text, " NULLS %s", clause->nulls_first ? "FIRST" : "LAST");
	}
	return text.data;
}

static List *
function_names(Query *query)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, st_query_functions(query))
	{
		char	   *name = get_func_name(lfirst_oid(lc));

		if (name)
			names = lappend(names, name);
	}
	return names;
}

static void
write_query(StDefinition *definition, int64 pgt_id)
{
	Query	   *query = definition->query;
	Oid			types[] = {INT8OID, INT4OID, INT4OID, TEXTOID, TEXTARRAYOID, BOOLOID};
	Datum		values[6] = {Int64GetDatum(pgt_id)};
	List	   *functions = function_names(query);
	char		nulls[] = "      ";

	nulls[1] = row_limit(query, query->limitCount, &values[1]) ? ' ' : 'n';
	nulls[2] = nulls[1] == ' ' && row_limit(query, query->limitOffset, &values[2]) ? ' ' : 'n';
	nulls[3] = nulls[1];
	values[3] = nulls[3] == ' ' ? CStringGetTextDatum(order_text(query)) : (Datum) 0;
	nulls[4] = functions ? ' ' : 'n';
	values[4] = functions ? st_text_array(functions) : (Datum) 0;
	values[5] = BoolGetDatum(OidIsValid(st_keyless_source(query)));
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET topk_limit = $2, topk_offset = $3, topk_order_by = $4,"
							  " functions_used = $5, has_keyless_source = $6 WHERE pgt_id = $1", 6, types, values, nulls);
}

/* ----- what it reads ----- */

static const char *
source_type(Oid relid)
{
	switch (get_rel_relkind(relid))
	{
		case RELKIND_MATVIEW:
			return "MATVIEW";
		case RELKIND_FOREIGN_TABLE:
			return "FOREIGN_TABLE";
		case RELKIND_VIEW:
			return "VIEW";
		default:
			return st_is_stream_table(relid) ? "STREAM_TABLE" : "TABLE";
	}
}

/* Names of the columns that are captured of a relation; NIL: none are. */
static List *
columns_used(StDefinition *definition, Oid relid)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, definition->sources)
	{
		StSource   *source = lfirst(lc);
		StSourceCopy *copy = list_member_oid(definition->copies, source->relid) ? st_source_copy_get(source->relid) : NULL;
		int			attnum = -1;

		if ((copy ? copy->source : source->relid) != relid)
			continue;
		while ((attnum = bms_next_member(source->attnums, attnum)) >= 0)
			names = lappend(names, get_attname(relid, attnum, false));
	}
	return names;
}

static void
write_sources(StDefinition *definition, int64 pgt_id)
{
	Oid			types[] = {INT8OID, OIDOID, TEXTOID, TEXTARRAYOID};
	Datum		values[4] = {Int64GetDatum(pgt_id)};
	ListCell   *lc;

	(void) st_catalog_execute("DELETE FROM pgtrickle.pgt_dependencies WHERE pgt_id = $1", 1, types, values, NULL);
	foreach(lc, list_concat(st_query_sources(definition->query), st_query_views(definition->query)))
	{
		Oid			relid = lfirst_oid(lc);
		List	   *names = columns_used(definition, relid);
		char		nulls[4] = {' ', ' ', ' ', names ? ' ' : 'n'};

		values[1] = ObjectIdGetDatum(relid);
		values[2] = CStringGetTextDatum(source_type(relid));
		values[3] = names ? st_text_array(names) : (Datum) 0;
		(void) st_catalog_execute("INSERT INTO pgtrickle.pgt_dependencies"
								  " (pgt_id, source_relid, source_type, columns_used, column_snapshot, schema_fingerprint, source_stable_name)"
								  " SELECT $1, $2, $3, $4, s.snapshot,"
								  "        pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(s.snapshot::text, 'UTF8')), 'hex'),"
								  "        coalesce((SELECT k.source_stable_name FROM pgtrickle.pgt_change_tracking AS k WHERE k.source_relid = $2),"
								  "                 pgtrickle.source_stable_name($2))"
								  " FROM (SELECT pg_catalog.jsonb_build_object("
								  "   'columns', (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', a.attname,"
								  "               'ordinal', a.attnum, 'type_oid', a.atttypid::bigint) ORDER BY a.attnum)"
								  "               FROM pg_catalog.pg_attribute AS a"
								  "               WHERE a.attrelid = $2 AND a.attnum > 0 AND NOT a.attisdropped),"
								  "   'rls_enabled', c.relrowsecurity, 'rls_forced', c.relforcerowsecurity,"
								  "   'partition_child_count', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_inherits AS i"
								  "                             WHERE i.inhparent = $2))"
								  "       FROM pg_catalog.pg_class AS c WHERE c.oid = $2) AS s (snapshot)", 4, types, values, nulls);
	}
}

void
st_definition_write_facts(StDefinition *definition, int64 pgt_id)
{
	write_query(definition, pgt_id);
	write_sources(definition, pgt_id);
}
