/*-------------------------------------------------------------------------
 *
 * bulk.c
 *	  Creating, altering and dropping many stream tables in one call.
 *
 * NOTES
 *	  All or none: each is done by the function for one, in this transaction.
 *	  Everything that can be told from the arguments alone is checked before
 *	  anything is done; what fails later keeps its SQLSTATE, and the context
 *	  says which one it was.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "api/arguments.h"
#include "api/drop.h"
#include "api/name.h"

PG_FUNCTION_INFO_V1(st_sql_bulk_create);
PG_FUNCTION_INFO_V1(st_sql_bulk_alter_stream_tables);
PG_FUNCTION_INFO_V1(st_sql_bulk_drop_stream_tables);

/* Which one of several an error is about. */
typedef struct Position
{
	ErrorContextCallback callback;
	const char *list;			/* NULL: the name says it all */
	int			n;				/* from 1 */
	const char *name;			/* NULL: not known yet */
} Position;

static void
tell_position(void *arg)
{
	Position   *position = arg;

	if (position->list == NULL)
		errcontext("stream table %s", position->name);
	else if (position->name)
		errcontext("element %d of %s, stream table %s", position->n, position->list, position->name);
	else
		errcontext("element %d of %s", position->n, position->list);
}

static void
position_enter(Position *position, const char *list)
{
	position->list = list;
	position->n = 0;
	position->name = NULL;
	position->callback.callback = tell_position;
	position->callback.arg = position;
	position->callback.previous = error_context_stack;
	error_context_stack = &position->callback;
}

static void
position_leave(Position *position)
{
	error_context_stack = position->callback.previous;
}

/* ----- creating ----- */

typedef struct Creation
{
	char	   *name;
	StArguments *arguments;
} Creation;

/* The stream table that a name stands for when it is created. */
static int64
created_id(const char *name)
{
	RangeVar   *range = st_parse_name(cstring_to_text(name));

	return st_stream_table_get(get_relname_relid(range->relname, RangeVarGetCreationNamespace(range)))->pgt_id;
}

static Creation *
read_creation(JsonbValue *element)
{
	Creation   *creation = palloc0(sizeof(Creation));

	if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: the definition of a stream table is an object"),
				 errhint("Its keys are the parameters of create_stream_table().")));
	creation->arguments = st_arguments_make(ST_CREATE_STREAM_TABLE);
	st_arguments_set_object(creation->arguments, element->val.binary.data, &creation->name);
	if (creation->name == NULL || !st_arguments_has(creation->arguments, "query"))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: the definition of a stream table needs a %s",
						creation->name ? "query" : "name"),
				 errdetail("It has to be a string with the key \"%s\".", creation->name ? "query" : "name")));
	return creation;
}

Datum
st_sql_bulk_create(PG_FUNCTION_ARGS)
{
	JsonbContainer *definitions = &PG_GETARG_JSONB_P(0)->root;
	List	   *creations = NIL;
	Position	position;
	StringInfoData result;
	ListCell   *lc;

	PreventCommandIfReadOnly("bulk_create()");
	if (!JsonContainerIsArray(definitions) || JsonContainerIsScalar(definitions) || JsonContainerSize(definitions) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: the definitions are an array of at least one object"),
				 errhint("The keys of an object are the parameters of create_stream_table().")));
	position_enter(&position, "the definitions");
	for (uint32 i = 0; i < JsonContainerSize(definitions); i++)
	{
		position.n = i + 1;
		creations = lappend(creations, read_creation(getIthJsonbValueFromContainer(definitions, i)));
	}

	initStringInfo(&result);
	foreach(lc, creations)
	{
		Creation   *creation = lfirst(lc);

		position.n = foreach_current_index(lc) + 1;
		position.name = creation->name;
		st_arguments_call(creation->arguments, creation->name);
		appendStringInfoString(&result, result.len > 0 ? ", {\"name\": " : "[{\"name\": ");
		escape_json(&result, creation->name);
		appendStringInfo(&result, ", \"status\": \"created\", \"pgt_id\": " INT64_FORMAT "}", created_id(creation->name));
	}
	position_leave(&position);
	appendStringInfoChar(&result, ']');
	ereport(INFO,
			(errmsg("%d stream tables created", list_length(creations))));
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(result.data));
}

/* ----- altering and dropping ----- */

/*
 * The stream tables of these names, once each, with the name that was given;
 * 22004 for NULL, 42P01, and 42501 for those of others.
 */
static List *
resolve(ArrayType *array, List **names)
{
	List	   *relids = NIL;
	Position	position;
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	position_enter(&position, "the names");
	for (int i = 0; i < n; i++)
	{
		Oid			relid;

		position.n = i + 1;
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("invalid argument: the name of a stream table must not be NULL")));
		relid = st_resolve_stream_table(DatumGetTextPP(values[i]));
		st_require_owner(relid);
		if (list_member_oid(relids, relid))
			continue;
		relids = lappend_oid(relids, relid);
		*names = lappend(*names, TextDatumGetCString(values[i]));
	}
	position_leave(&position);
	return relids;
}

Datum
st_sql_bulk_alter_stream_tables(PG_FUNCTION_ARGS)
{
	JsonbContainer *parameters = &PG_GETARG_JSONB_P(1)->root;
	StArguments *arguments = st_arguments_make(ST_ALTER_STREAM_TABLE);
	List	   *names = NIL;
	Position	position;
	ListCell   *lc;

	PreventCommandIfReadOnly("bulk_alter_stream_tables()");
	if (!JsonContainerIsObject(parameters))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: what is to be changed is an object"),
				 errhint("Its keys are the parameters of alter_stream_table().")));
	st_arguments_set_object(arguments, parameters, NULL);
	(void) resolve(PG_GETARG_ARRAYTYPE_P(0), &names);
	position_enter(&position, NULL);
	foreach(lc, names)
	{
		position.name = lfirst(lc);
		st_arguments_call(arguments, position.name);
	}
	position_leave(&position);
	PG_RETURN_INT32(list_length(names));
}

Datum
st_sql_bulk_drop_stream_tables(PG_FUNCTION_ARGS)
{
	List	   *names = NIL;
	List	   *relids;

	PreventCommandIfReadOnly("bulk_drop_stream_tables()");
	relids = resolve(PG_GETARG_ARRAYTYPE_P(0), &names);
	st_note_lifecycle_call();
	st_drop_stream_tables(relids, false);
	PG_RETURN_INT32(list_length(relids));
}
