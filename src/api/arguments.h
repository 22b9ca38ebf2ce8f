/*-------------------------------------------------------------------------
 *
 * arguments.h
 *	  Calling lifecycle functions with arguments that come by name.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_ARGUMENTS_H
#define ST_API_ARGUMENTS_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/jsonb.h"

/* What can be called; each has the parameters of the SQL function of that name. */
typedef enum StLifecycleFunction
{
	ST_CREATE_STREAM_TABLE,
	ST_CREATE_STREAM_TABLE_IF_NOT_EXISTS,
	ST_CREATE_OR_REPLACE_STREAM_TABLE,
	ST_ALTER_STREAM_TABLE
} StLifecycleFunction;

typedef struct StArguments StArguments;

/* Arguments that are all at their defaults; the name of the stream table is given to the call. */
extern StArguments *st_arguments_make(StLifecycleFunction function);

/*
 * Give one that is not the name. Raises 22023 if the function has no such
 * parameter, with those that it has as HINT, or if the value is none of the
 * parameter's type. The value is the text of one, as SQL has it; NULL is SQL's.
 */
extern void st_arguments_set(StArguments *arguments, const char *parameter, const char *value);

/*
 * The same for each key of an object; a value's JSON type is the parameter's.
 * With "name" the object may say it as well: *name becomes NULL if it does not.
 */
extern void st_arguments_set_object(StArguments *arguments, JsonbContainer *object, char **name);

/* Does it have a value other than SQL's NULL? */
extern bool st_arguments_has(const StArguments *arguments, const char *parameter);

/* Call the function; may be done again for another name. */
extern void st_arguments_call(StArguments *arguments, const char *name);

#endif							/* ST_API_ARGUMENTS_H */
