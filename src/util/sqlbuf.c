/*-------------------------------------------------------------------------
 *
 * sqlbuf.c
 *	  The one place where names and literals become SQL text.
 *
 * Everything printed here is meant to be parsed under a search_path of
 * pg_catalog only, so relations and types are always qualified.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_operator.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "util/fault.h"
#include "util/sqlbuf.h"

void
st_sql_identifier(StringInfo sql, const char *name)
{
	/* quote always: whether a word is reserved differs between versions */
	appendStringInfoChar(sql, '"');
	for (const char *p = name; *p; p++)
	{
		if (*p == '"')
			appendStringInfoChar(sql, '"');
		appendStringInfoChar(sql, *p);
	}
	appendStringInfoChar(sql, '"');
}

void
st_sql_literal(StringInfo sql, const char *value)
{
	char	   *quoted = quote_literal_cstr(value);

	appendStringInfoString(sql, quoted);
	pfree(quoted);
}

void
st_sql_relation(StringInfo sql, Oid relid)
{
	char	   *relname = get_rel_name(relid);
	char	   *nspname = relname ? get_namespace_name(get_rel_namespace(relid)) : NULL;

	if (nspname == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	st_sql_identifier(sql, nspname);
	appendStringInfoChar(sql, '.');
	st_sql_identifier(sql, relname);
}

void
st_sql_column(StringInfo sql, const char *alias, const char *column)
{
	if (alias)
	{
		st_sql_identifier(sql, alias);
		appendStringInfoChar(sql, '.');
	}
	st_sql_identifier(sql, column);
}

void
st_sql_operator(StringInfo sql, Oid operator)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	appendStringInfoString(sql, "OPERATOR(");
	st_sql_identifier(sql, get_namespace_name(form->oprnamespace));
	/* an operator's name cannot be quoted and needs not be */
	appendStringInfo(sql, ".%s)", NameStr(form->oprname));
	ReleaseSysCache(tuple);
}

void
st_sql_type(StringInfo sql, Oid type, int32 typmod)
{
	appendStringInfoString(sql,
						   format_type_extended(type, typmod,
												FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
}

void
st_sql_end_with(StringInfo sql)
{
	while (sql->len > 0 && (sql->data[sql->len - 1] == ' ' || sql->data[sql->len - 1] == ','))
		sql->data[--sql->len] = '\0';
	if (strcmp(sql->data, "WITH") == 0)
		resetStringInfo(sql);
	else
		appendStringInfoChar(sql, ' ');
}

int
st_sql_pin_printing(void)
{
	static const char *const settings[][2] = {
		{"DateStyle", "ISO, YMD"}, {"IntervalStyle", "postgres"}, {"extra_float_digits", "3"},
		{"bytea_output", "hex"}
	};
	int			level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(settings) && !ST_FAULT("J11"); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	return level;
}
