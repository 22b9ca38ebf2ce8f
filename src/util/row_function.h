/*-------------------------------------------------------------------------
 *
 * row_function.h
 *	  Calling a set-returning function of PostgreSQL's without a statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_ROW_FUNCTION_H
#define ST_UTIL_ROW_FUNCTION_H

#include "postgres.h"

#include "util/statement.h"

/*
 * Hand every row that a function without arguments returns to the callback,
 * all attributes read. For functions that return a tuplestore. Runs no
 * statement, so that no operator or cast of a user has a part in it.
 */
extern void st_row_function(Oid function, StRowCallback callback, void *arg);

#endif							/* ST_UTIL_ROW_FUNCTION_H */
