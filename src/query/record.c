/*-------------------------------------------------------------------------
 *
 * record.c
 *	  Rows without a type of their own, where a state has to hold them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"

#include "query/build.h"

bool
st_is_record(Oid type)
{
	return type == RECORDOID || type == RECORDARRAYOID;
}

Expr *
st_call_own(const char *name, Oid argument_type, Oid type, Expr *argument)
{
	Oid			function = LookupFuncName(list_make2(makeString("pgtrickle"), makeString(pstrdup(name))), 1, &argument_type, false);

	return (Expr *) makeFuncExpr(function, type, list_make1(argument), InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

Expr *
st_store_record(Expr *column)
{
	Oid			type = exprType((Node *) column);

	return st_is_record(type) ? st_call_own(type == RECORDOID ? "store_row" : "store_rows", type, BYTEAOID, column) : column;
}

Expr *
st_stored_record(Expr *column, Oid type)
{
	return st_is_record(type) ? st_call_own(type == RECORDOID ? "stored_row" : "stored_rows", BYTEAOID, type, column) : column;
}
