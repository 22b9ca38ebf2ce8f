/*-------------------------------------------------------------------------
 *
 * numeric_scale.c
 *	  The display scale that every value of a numeric expression has.
 *
 * A sum shows the largest scale of its inputs. Where all inputs have one known
 * scale, and that is so for columns declared numeric(p,s) and what is added and
 * multiplied from them, a running sum keeps it by itself. Otherwise the
 * state must remember how many rows have the largest scale.
 *
 * The rules are those of numeric.c: add and subtract show the larger scale of
 * their arguments, multiply the sum of both, as long as that stays below
 * NUMERIC_MAX_DISPLAY_SCALE; divide depends on the values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "query/numeric_scale.h"

/* As numeric_typmod_scale in numeric.c (15 and later allow negative scales). */
static int
scale_of_typmod(int32 typmod)
{
	int			scale;

	if (typmod < (int32) VARHDRSZ)
		return -1;
	scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
	return Max(scale, 0);
}

/* extract() of these fields gives integers, whatever the source's precision. */
static bool
is_integer_field(Node *field)
{
	static const char *const fields[] = {
		"day", "month", "quarter", "week", "year", "decade", "century", "millennium",
		"isoyear", "dow", "isodow", "doy", "hour", "minute"
	};
	char	   *name;

	if (!IsA(field, Const) || ((Const *) field)->constisnull)
		return false;
	name = TextDatumGetCString(((Const *) field)->constvalue);
	for (int i = 0; i < lengthof(fields); i++)
		if (pg_strcasecmp(name, fields[i]) == 0)
			return true;
	return false;
}

static int
scale_of_call(Oid function, List *args, List *rtable)
{
	int			left;
	int			right;

	switch (function)
	{
		case F_NUMERIC_INT2:
		case F_NUMERIC_INT4:
		case F_NUMERIC_INT8:
			return 0;
		case F_NUMERIC_NUMERIC_INT4:
			{
				Node	   *typmod = lsecond(args);

				if (IsA(typmod, Const) && !((Const *) typmod)->constisnull)
					return scale_of_typmod(DatumGetInt32(((Const *) typmod)->constvalue));
				return -1;
			}
		case F_EXTRACT_TEXT_DATE:
		case F_EXTRACT_TEXT_TIME:
		case F_EXTRACT_TEXT_TIMETZ:
		case F_EXTRACT_TEXT_TIMESTAMP:
		case F_EXTRACT_TEXT_TIMESTAMPTZ:
		case F_EXTRACT_TEXT_INTERVAL:
			return is_integer_field(linitial(args)) ? 0 : -1;
		case F_NUMERIC_UMINUS:
		case F_NUMERIC_UPLUS:
			return st_numeric_scale(linitial(args), rtable);
		case F_NUMERIC_ADD:
		case F_NUMERIC_SUB:
		case F_NUMERIC_MUL:
			left = st_numeric_scale(linitial(args), rtable);
			right = st_numeric_scale(lsecond(args), rtable);
			if (left < 0 || right < 0)
				return -1;
			if (function != F_NUMERIC_MUL)
				return Max(left, right);
			return left + right <= NUMERIC_MAX_DISPLAY_SCALE ? left + right : -1;
		default:
			return -1;
	}
}

int
st_numeric_scale(Node *expr, List *rtable)
{
	check_stack_depth();
	switch (nodeTag(expr))
	{
		case T_Var:
			{
				Var		   *var = (Var *) expr;
				RangeTblEntry *rte;

				if (var->varlevelsup > 0 || var->vartype != NUMERICOID)
					return -1;
				rte = rt_fetch(var->varno, rtable);
				/* through a subquery only where it is one SELECT */
				if (rte->rtekind == RTE_SUBQUERY && rte->subquery->setOperations == NULL &&
					var->varattno > 0)
				{
					TargetEntry *tle = list_nth_node(TargetEntry, rte->subquery->targetList,
													 var->varattno - 1);

					return st_numeric_scale((Node *) tle->expr, rte->subquery->rtable);
				}
				/* of a column, a state's key, a set operation's result */
				return scale_of_typmod(var->vartypmod);
			}
		case T_Const:
			{
				Const	   *constant = (Const *) expr;

				if (constant->constisnull || constant->consttype != NUMERICOID ||
					numeric_is_nan(DatumGetNumeric(constant->constvalue)) ||
					numeric_is_inf(DatumGetNumeric(constant->constvalue)))
					return -1;
				return DatumGetInt32(DirectFunctionCall1(numeric_scale, constant->constvalue));
			}
		case T_FuncExpr:
			return scale_of_call(((FuncExpr *) expr)->funcid, ((FuncExpr *) expr)->args, rtable);
		case T_OpExpr:
			set_opfuncid((OpExpr *) expr);
			return scale_of_call(((OpExpr *) expr)->opfuncid, ((OpExpr *) expr)->args, rtable);
		default:
			return -1;
	}
}
