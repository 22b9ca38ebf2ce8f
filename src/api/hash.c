/*-------------------------------------------------------------------------
 *
 * hash.c
 *	  Hashes that are part of the public contract. Nothing here relies on
 *	  them: rows are told apart by their images.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "store/store.h"
#include "util/xxhash.h"

/* what stands for NULL, and between elements */
#define NULL_MARK		"\0NULL\0"
#define NULL_MARK_BYTES 6
#define SEPARATOR		'\x1e'

PG_FUNCTION_INFO_V1(st_sql_hash);
PG_FUNCTION_INFO_V1(st_sql_hash_multi);
PG_FUNCTION_INFO_V1(st_sql_source_stable_name);

Datum
st_sql_hash(PG_FUNCTION_ARGS)
{
	text	   *input;

	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(st_xxh64((const unsigned char *) NULL_MARK, NULL_MARK_BYTES, ST_STABLE_SEED));
	input = PG_GETARG_TEXT_PP(0);
	PG_RETURN_INT64(st_xxh64((unsigned char *) VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), ST_STABLE_SEED));
}

Datum
st_sql_hash_multi(PG_FUNCTION_ARGS)
{
	StringInfoData all;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	initStringInfo(&all);
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(&all, SEPARATOR);
		if (nulls[i])
			appendBinaryStringInfo(&all, NULL_MARK, NULL_MARK_BYTES);
		else
		{
			text	   *element = DatumGetTextPP(elements[i]);

			appendBinaryStringInfo(&all, VARDATA_ANY(element), VARSIZE_ANY_EXHDR(element));
		}
	}
	PG_RETURN_INT64(st_xxh3_64((unsigned char *) all.data, all.len, ST_STABLE_SEED));
}

Datum
st_sql_source_stable_name(PG_FUNCTION_ARGS)
{
	char	   *name = st_stable_name(PG_GETARG_OID(0));

	if (name == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(name));
}
