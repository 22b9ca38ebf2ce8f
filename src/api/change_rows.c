/*-------------------------------------------------------------------------
 *
 * change_rows.c
 *	  What a change log holds, for the views changes_... of the contract.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "store/segment.h"
#include "util/sqlbuf.h"

/* of the result: change_id, lsn, action, pk_hash, changed_cols; then those of the source */
#define FIRST_VALUE 6

PG_FUNCTION_INFO_V1(st_sql_change_rows);

/*
 * The column of a log as one of the view, for rows with a weight of this sign
 * (0: of either). One that the log has not, or has of another type, is NULL;
 * what is text in the view is printed by its type's output function.
 */
static void
put_value(StringInfo sql, Oid log, AttrNumber attnum, Form_pg_attribute wanted, int sign)
{
	char	   *name = psprintf("c%d", attnum);
	AttrNumber	column = get_attnum(log, name);
	Oid			type = column == InvalidAttrNumber ? InvalidOid : get_atttype(log, column);

	st_sql_text(sql, ", CASE WHEN s.weight ");
	st_sql_text(sql, sign > 0 ? "> 0" : sign < 0 ? "< 0" : "<> 0");
	if (type == wanted->atttypid)
	{
		st_sql_text(sql, " THEN ");
		st_sql_column(sql, "s", name);
	}
	else if (wanted->atttypid == TEXTOID && SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type)))
	{
		st_sql_text(sql, " AND pg_catalog.num_nulls(");
		st_sql_column(sql, "s", name);
		st_sql_text(sql, ") = 0 THEN pg_catalog.format('%s', ");
		st_sql_column(sql, "s", name);
		st_sql_text(sql, ")");
	}
	else
	{
		st_sql_text(sql, " THEN NULL::");
		st_sql_type(sql, wanted->atttypid, -1);
	}
	st_sql_text(sql, " END");
}

static char *
segment_query(const StSegment *segment, TupleDesc desc, int natts, const int16 *attnums, bool with_old)
{
	StringInfoData sql;

	initStringInfo(&sql);
	st_sql_format(&sql, "SELECT %lld + (p.place[0]::pg_catalog.int8 << 16) + p.place[1]::pg_catalog.int8, NULL::pg_catalog.pg_lsn,"
				  " CASE WHEN s.weight > 0 THEN 'I' WHEN s.weight < 0 THEN 'D' ELSE 'T' END::pg_catalog.bpchar(1),"
				  " NULL::pg_catalog.int8, NULL::pg_catalog.varbit", (long long) segment->segment << 48);
	for (int i = 0; i < natts; i++)
		put_value(&sql, segment->log, attnums[i], TupleDescAttr(desc, FIRST_VALUE - 1 + i), with_old ? 1 : 0);
	for (int i = 0; with_old && i < natts; i++)
		put_value(&sql, segment->log, attnums[i], TupleDescAttr(desc, FIRST_VALUE - 1 + natts + i), -1);
	st_sql_text(&sql, ", NULL::pg_catalog.text FROM ");
	st_sql_relation(&sql, segment->log);
	st_sql_text(&sql, " AS s CROSS JOIN LATERAL (SELECT s.ctid::pg_catalog.text::pg_catalog.point) AS p (place) ORDER BY s.ctid");
	return sql.data;
}

Datum
st_sql_change_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			source = PG_GETARG_OID(0);
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);
	bool		with_old = PG_GETARG_BOOL(2);
	int			natts = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	ListCell   *lc;
	int			level;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: only a superuser may look into change logs"),
				 errdetail("They hold rows of tables without regard to privileges.")));
	if (ARR_HASNULL(array) || ARR_ELEMTYPE(array) != INT2OID)
		elog(ERROR, "unexpected array of columns");
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (rsinfo->setDesc->natts != FIRST_VALUE + natts * (with_old ? 2 : 1))
		elog(ERROR, "unexpected columns of a view over a change log");
	level = NewGUCNestLevel();
	RestrictSearchPath();
	SPI_connect();
	foreach(lc, st_segments_load(source))
	{
		StSegment  *segment = lfirst(lc);

		if (!OidIsValid(get_rel_namespace(segment->log)))
			continue;
		if (SPI_execute(segment_query(segment, rsinfo->setDesc, natts, (int16 *) ARR_DATA_PTR(array), with_old), true, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not read a change log");
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			CHECK_FOR_INTERRUPTS();
			tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_finish();
	AtEOXact_GUC(false, level);
	return (Datum) 0;
}
