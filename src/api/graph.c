/*-------------------------------------------------------------------------
 *
 * graph.c
 *	  What the SQL functions that show the graph cannot raise themselves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(st_sql_graph_format);

Datum
st_sql_graph_format(PG_FUNCTION_ARGS)
{
	static const char *const formats[] = {"mermaid", "dot"};
	char	   *format;

	if (PG_ARGISNULL(0))
		PG_RETURN_TEXT_P(cstring_to_text(formats[0]));
	format = text_to_cstring(PG_GETARG_TEXT_PP(0));
	for (int i = 0; i < lengthof(formats); i++)
		if (pg_strcasecmp(format, formats[i]) == 0)
			PG_RETURN_TEXT_P(cstring_to_text(formats[i]));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: unknown format \"%s\"", format),
			 errhint("Use mermaid or dot.")));
}
