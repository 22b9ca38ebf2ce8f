/*-------------------------------------------------------------------------
 *
 * export.c
 *	  pgtrickle.export_definition(): SQL that makes a stream table again.
 *
 * NOTES
 *	  The query is written as the user wrote it. What it means depends on the
 *	  search_path and the settings of its creation, so these are set for the
 *	  statement that creates it, by a subquery: that works wherever the script
 *	  is run, statement by statement or as a whole, and leaves the session as it
 *	  was.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "api/name.h"
#include "catalog/stream_table.h"
#include "util/sqlbuf.h"

PG_FUNCTION_INFO_V1(st_sql_export_definition);

/* What users have given, by the name of its column of pgt_stream_tables; NULL if nothing. */
static const char *
option(List *options, const char *name)
{
	for (int i = 0; i < list_length(options); i += 2)
		if (strcmp(list_nth(options, i), name) == 0)
			return list_nth(options, i + 1);
	return NULL;
}

/* Is it there and not the default? */
static bool
differs(const char *value, const char *normal)
{
	return value && strcmp(value, normal) != 0;
}

static void
argument(StringInfo sql, const char *name, const char *value)
{
	st_sql_format(sql, ",\n    %s => ", name);
	st_sql_literal(sql, value);
}

/* One that is written without quotes: a number or a boolean as the catalog prints it. */
static void
plain_argument(StringInfo sql, const char *name, const char *value)
{
	st_sql_format(sql, ",\n    %s => %s", name,
				  strcmp(value, "t") == 0 ? "true" : strcmp(value, "f") == 0 ? "false" : value);
}

/* Between dollar signs with a word that the text does not hold. */
static void
dollar_quote(StringInfo sql, const char *text)
{
	char	   *tag = pstrdup("$pgt$");

	for (int i = 1; strstr(text, tag) != NULL; i++)
		tag = psprintf("$pgt%d$", i);
	st_sql_text(sql, tag);
	st_sql_text(sql, text);
	st_sql_text(sql, tag);
}

static void
setting(StringInfo sql, const char *name, const char *value, bool first)
{
	st_sql_text(sql, first ? "pg_catalog.set_config(" : ",\n         pg_catalog.set_config(");
	st_sql_literal(sql, name);
	st_sql_text(sql, ", ");
	st_sql_literal(sql, value);
	st_sql_text(sql, ", true)");
}

static void
write_creation(StringInfo sql, StStreamTable *table, List *options)
{
	const char *value;
	ListCell   *lc;

	st_sql_text(sql, "SELECT pgtrickle.create_stream_table(\n    name => ");
	st_sql_literal(sql, quote_qualified_identifier(table->schema, table->name));
	st_sql_text(sql, ",\n    query => ");
	dollar_quote(sql, table->query);
	if ((value = option(options, "schedule")) != NULL)
		argument(sql, "schedule", value);
	argument(sql, "refresh_mode", st_stream_table_requested_mode(table));
	if (strcmp(option(options, "is_populated"), "f") == 0)
		plain_argument(sql, "initialize", "f");
	if (differs(value = option(options, "diamond_consistency"), "atomic"))
		argument(sql, "diamond_consistency", value);
	if (differs(value = option(options, "diamond_schedule_policy"), "fastest"))
		argument(sql, "diamond_schedule_policy", value);
	if ((value = option(options, "requested_cdc_mode")) != NULL)
		argument(sql, "cdc_mode", value);
	if (differs(value = option(options, "is_append_only"), "f"))
		plain_argument(sql, "append_only", value);
	if (differs(value = option(options, "pooler_compatibility_mode"), "f"))
		plain_argument(sql, "pooler_compatibility_mode", value);
	if ((value = option(options, "st_partition_key")) != NULL)
		argument(sql, "partition_by", value);
	if ((value = option(options, "max_differential_joins")) != NULL)
		plain_argument(sql, "max_differential_joins", value);
	if ((value = option(options, "max_delta_fraction")) != NULL)
		plain_argument(sql, "max_delta_fraction", value);
	if (differs(value = option(options, "temporal_mode"), "f"))
		plain_argument(sql, "temporal", value);
	if (differs(value = option(options, "storage_backend"), "heap"))
		argument(sql, "storage_backend", value);
	st_sql_text(sql, ")\n  FROM (SELECT ");
	setting(sql, "search_path", table->search_path, true);
	for (lc = list_head(table->settings); lc; lc = lnext(table->settings, lc))
	{
		const char *name = lfirst(lc);

		lc = lnext(table->settings, lc);
		setting(sql, name, lfirst(lc), false);
	}
	st_sql_text(sql, ") AS settings;\n");
}

static void
write_service_level(StringInfo sql, const char *name, const char *milliseconds)
{
	st_sql_text(sql, "SELECT pgtrickle.set_stream_table_sla(");
	st_sql_literal(sql, name);
	st_sql_text(sql, ", ");
	st_sql_literal(sql, psprintf("%s milliseconds", milliseconds));
	st_sql_text(sql, ");\n");
}

/* What creation has no parameter for. A service level has set the tier. */
static void
write_alteration(StringInfo sql, const char *name, List *options)
{
	const char *level = option(options, "freshness_deadline_ms");
	const char *value;
	StringInfoData arguments;

	initStringInfo(&arguments);
	if (level)
		write_service_level(sql, name, level);
	if (differs(value = option(options, "refresh_tier"), level ? "" : "hot"))
		argument(&arguments, "tier", value);
	if (differs(value = option(options, "fuse_mode"), "off"))
		argument(&arguments, "fuse", value);
	if ((value = option(options, "fuse_ceiling")) != NULL)
		plain_argument(&arguments, "fuse_ceiling", value);
	if ((value = option(options, "fuse_sensitivity")) != NULL)
		plain_argument(&arguments, "fuse_sensitivity", value);
	if (arguments.len == 0)
		return;
	st_sql_text(sql, "SELECT pgtrickle.alter_stream_table(\n    name => ");
	st_sql_literal(sql, name);
	st_sql_text(sql, arguments.data);
	st_sql_text(sql, ");\n");
}

Datum
st_sql_export_definition(PG_FUNCTION_ARGS)
{
	StStreamTable *table = st_stream_table_get(st_resolve_stream_table(PG_GETARG_TEXT_PP(0)));
	List	   *options = st_stream_table_options(table->relid);
	const char *name = quote_qualified_identifier(table->schema, table->name);
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_text(&sql, "SELECT pgtrickle.exec_stream_ddl(");
	st_sql_literal(&sql, psprintf("DROP STREAM TABLE IF EXISTS %s", name));
	st_sql_text(&sql, ");\n");
	write_creation(&sql, table, options);
	write_alteration(&sql, name, options);
	st_sql_text(&sql, "ALTER TABLE ");
	st_sql_relation(&sql, table->relid);
	st_sql_text(&sql, " OWNER TO ");
	st_sql_identifier(&sql, GetUserNameFromId(st_relation_owner(table->relid), false));
	st_sql_text(&sql, ";\n");
	PG_RETURN_TEXT_P(cstring_to_text(sql.data));
}
