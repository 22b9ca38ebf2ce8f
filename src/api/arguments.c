/*-------------------------------------------------------------------------
 *
 * arguments.c
 *	  Calling lifecycle functions with arguments that come by name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "api/arguments.h"

extern Datum st_sql_create_stream_table(PG_FUNCTION_ARGS);
extern Datum st_sql_create_stream_table_if_not_exists(PG_FUNCTION_ARGS);
extern Datum st_sql_create_or_replace_stream_table(PG_FUNCTION_ARGS);
extern Datum st_sql_alter_stream_table(PG_FUNCTION_ARGS);

typedef struct Parameter
{
	const char *name;
	Oid			type;
	const char *normal;			/* the default; NULL is SQL's */
} Parameter;

/* as in sql/functions/lifecycle.sql; create_or_replace_stream_table() has the first 14 */
static const Parameter creation[] = {
	{"name", TEXTOID},
	{"query", TEXTOID},
	{"schedule", TEXTOID, "calculated"},
	{"refresh_mode", TEXTOID, "AUTO"},
	{"initialize", BOOLOID, "true"},
	{"diamond_consistency", TEXTOID},
	{"diamond_schedule_policy", TEXTOID},
	{"cdc_mode", TEXTOID},
	{"append_only", BOOLOID, "false"},
	{"pooler_compatibility_mode", BOOLOID, "false"},
	{"partition_by", TEXTOID},
	{"max_differential_joins", INT4OID},
	{"max_delta_fraction", FLOAT8OID},
	{"output_distribution_column", TEXTOID},
	{"temporal", BOOLOID, "false"},
	{"storage_backend", TEXTOID},
};

static const Parameter alteration[] = {
	{"name", TEXTOID},
	{"query", TEXTOID},
	{"schedule", TEXTOID},
	{"refresh_mode", TEXTOID},
	{"status", TEXTOID},
	{"diamond_consistency", TEXTOID},
	{"diamond_schedule_policy", TEXTOID},
	{"cdc_mode", TEXTOID},
	{"append_only", BOOLOID},
	{"pooler_compatibility_mode", BOOLOID},
	{"tier", TEXTOID},
	{"fuse", TEXTOID},
	{"fuse_ceiling", INT8OID},
	{"fuse_sensitivity", INT4OID},
	{"partition_by", TEXTOID},
	{"max_differential_joins", INT4OID},
	{"max_delta_fraction", FLOAT8OID},
};

#define MAX_PARAMETERS 17

static const struct
{
	const char *name;
	PGFunction	function;
	int			n;
	const Parameter *parameters;
}			functions[] = {
	[ST_CREATE_STREAM_TABLE] = {"create_stream_table", st_sql_create_stream_table, lengthof(creation), creation},
	[ST_CREATE_STREAM_TABLE_IF_NOT_EXISTS] = {"create_stream_table_if_not_exists", st_sql_create_stream_table_if_not_exists,
	lengthof(creation), creation},
	[ST_CREATE_OR_REPLACE_STREAM_TABLE] = {"create_or_replace_stream_table", st_sql_create_or_replace_stream_table, 14, creation},
	[ST_ALTER_STREAM_TABLE] = {"alter_stream_table", st_sql_alter_stream_table, lengthof(alteration), alteration},
};

struct StArguments
{
	StLifecycleFunction function;
	NullableDatum values[MAX_PARAMETERS];
};

static const char *
type_word(Oid type)
{
	switch (type)
	{
		case BOOLOID:
			return "a boolean";
		case INT4OID:
		case INT8OID:
			return "an integer";
		case FLOAT8OID:
			return "a number";
		default:
			return "a string";
	}
}

static void
refuse_value(const Parameter *parameter, const char *value)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: %s is %s, not %s", parameter->name, type_word(parameter->type), value)));
}

static Datum
parse_integer(const Parameter *parameter, const char *value, int64 lowest, int64 highest)
{
	char	   *end;
	long long	result;

	errno = 0;
	result = strtoll(value, &end, 10);
	if (end == value || *end != '\0' || errno != 0 || result < lowest || result > highest)
		refuse_value(parameter, psprintf("\"%s\"", value));
	return parameter->type == INT4OID ? Int32GetDatum((int32) result) : Int64GetDatum((int64) result);
}

static Datum
parse_value(const Parameter *parameter, const char *value)
{
	bool		word;
	double		number;
	char	   *end;

	switch (parameter->type)
	{
		case BOOLOID:
			if (!parse_bool(value, &word))
				refuse_value(parameter, psprintf("\"%s\"", value));
			return BoolGetDatum(word);
		case INT4OID:
			return parse_integer(parameter, value, PG_INT32_MIN, PG_INT32_MAX);
		case INT8OID:
			return parse_integer(parameter, value, PG_INT64_MIN, PG_INT64_MAX);
		case FLOAT8OID:
			number = strtod(value, &end);
			if (end == value || *end != '\0')
				refuse_value(parameter, psprintf("\"%s\"", value));
			return Float8GetDatum(number);
		default:
			return CStringGetTextDatum(value);
	}
}

static void
set_value(StArguments *arguments, int n, const char *value)
{
	arguments->values[n].isnull = value == NULL;
	if (value)
		arguments->values[n].value = parse_value(&functions[arguments->function].parameters[n], value);
}

/* Its position; the name of the stream table, which comes first, is none. */
static int
find_parameter(const StArguments *arguments, const char *name)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 1; i < functions[arguments->function].n; i++)
	{
		const char *known = functions[arguments->function].parameters[i].name;

		if (strcmp(known, name) == 0)
			return i;
		appendStringInfo(&names, "%s%s", i > 1 ? ", " : "", known);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: %s() has no parameter \"%s\"", functions[arguments->function].name, name),
			 errhint("Parameters are %s.", names.data)));
}

StArguments *
st_arguments_make(StLifecycleFunction function)
{
	StArguments *arguments = palloc0(sizeof(StArguments));

	arguments->function = function;
	for (int i = 0; i < functions[function].n; i++)
		set_value(arguments, i, functions[function].parameters[i].normal);
	return arguments;
}

void
st_arguments_set(StArguments *arguments, const char *parameter, const char *value)
{
	set_value(arguments, find_parameter(arguments, parameter), value);
}

static void
set_from_json(StArguments *arguments, const char *name, JsonbValue *value)
{
	const Parameter *parameter = &functions[arguments->function].parameters[find_parameter(arguments, name)];

	switch (value->type)
	{
		case jbvNull:
			st_arguments_set(arguments, name, NULL);
			return;
		case jbvString:
			if (parameter->type != TEXTOID)
				refuse_value(parameter, "a string");
			st_arguments_set(arguments, name, pnstrdup(value->val.string.val, value->val.string.len));
			return;
		case jbvBool:
			if (parameter->type != BOOLOID)
				refuse_value(parameter, "a boolean");
			st_arguments_set(arguments, name, value->val.boolean ? "true" : "false");
			return;
		case jbvNumeric:
			if (parameter->type == BOOLOID || parameter->type == TEXTOID)
				refuse_value(parameter, "a number");
			st_arguments_set(arguments, name,
							 DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric))));
			return;
		default:
			refuse_value(parameter, "an array or an object");
	}
}

void
st_arguments_set_object(StArguments *arguments, JsonbContainer *object, char **name)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *key = NULL;

	if (name)
		*name = NULL;
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token != WJB_VALUE)
			continue;
		else if (name == NULL || strcmp(key, "name") != 0)
			set_from_json(arguments, key, &value);
		else if (value.type == jbvString)
			*name = pnstrdup(value.val.string.val, value.val.string.len);
	}
}

bool
st_arguments_has(const StArguments *arguments, const char *parameter)
{
	return !arguments->values[find_parameter(arguments, parameter)].isnull;
}

void
st_arguments_call(StArguments *arguments, const char *name)
{
	LOCAL_FCINFO(call, MAX_PARAMETERS);
	int			n = functions[arguments->function].n;

	set_value(arguments, 0, name);
	InitFunctionCallInfoData(*call, NULL, n, InvalidOid, NULL, NULL);
	for (int i = 0; i < n; i++)
		call->args[i] = arguments->values[i];
	(void) functions[arguments->function].function(call);
}
