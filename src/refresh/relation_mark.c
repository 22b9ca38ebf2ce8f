/*-------------------------------------------------------------------------
 *
 * relation_mark.c
 *	  What statements and plans took from a relation, to see whether it still holds.
 *
 * NOTES
 *	  ANALYZE and VACUUM invalidate a relation as ALTER TABLE does: they write
 *	  its size into its row of pg_class. They write it in place, so that the
 *	  row keeps its address and xmin, while whatever changes a definition makes
 *	  another version of a row: in pg_class, pg_attribute or pg_index; or it
 *	  changes the list of indexes or foreign keys. A mark holds the addresses
 *	  and xmins of these rows. An address can come back only with another xmin:
 *	  the row that was there has to be dead to everyone before.
 *
 *	  Children, policies, expressions of generated columns, and what foreign
 *	  tables and views stand for, are in other rows: such relations get no mark.
 *
 *	  Plans are made for numbers of rows and of different values. Which values
 *	  are most common, and the histogram, move with every ANALYZE: the caller
 *	  limits how often they may.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_statistic.h"
#include "lib/stringinfo.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "refresh/relation_mark.h"
#include "util/fault.h"

/* plans stay as long as numbers are within these factors of what they were */
#define ROWS_FACTOR 2.0
#define DISTINCT_FACTOR 4.0

#define NO_STATISTICS (-1.0)

struct StRelationMark
{
	Oid			relid;
	StringInfoData rows;		/* addresses and xmins of catalog rows */
	double		tuples;			/* -1: unknown */
	int			natts;
	double	   *distinct;		/* different values of each column; 0: unknown */
};

static void
add_oid(StringInfo rows, Oid oid)
{
	appendBinaryStringInfo(rows, (char *) &oid, sizeof(oid));
}

/* False if there is no such row. */
static bool
add_row(StringInfo rows, HeapTuple tuple)
{
	TransactionId xmin;

	if (!HeapTupleIsValid(tuple))
		return false;
	xmin = HeapTupleHeaderGetRawXmin(tuple->t_data);
	appendBinaryStringInfo(rows, (char *) &tuple->t_self, sizeof(tuple->t_self));
	appendBinaryStringInfo(rows, (char *) &xmin, sizeof(xmin));
	ReleaseSysCache(tuple);
	return true;
}

static double
count_distinct(Oid relid, AttrNumber attnum, double tuples)
{
	HeapTuple	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid), Int16GetDatum(attnum), BoolGetDatum(false));
	double		result;

	if (!HeapTupleIsValid(tuple))
		return NO_STATISTICS;
	result = ((Form_pg_statistic) GETSTRUCT(tuple))->stadistinct;
	ReleaseSysCache(tuple);
	return result < 0 ? -result * Max(tuples, 1) : result;
}

static bool
add_indexes(StringInfo rows, Relation rel)
{
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *lc;

	foreach(lc, indexes)
	{
		add_oid(rows, lfirst_oid(lc));
		if (!add_row(rows, SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)))))
			return false;
	}
	add_oid(rows, InvalidOid);
	foreach(lc, RelationGetFKeyList(rel))
		add_oid(rows, ((ForeignKeyCacheInfo *) lfirst(lc))->conoid);
	return true;
}

StRelationMark *
st_relation_mark(Oid relid)
{
	Relation	rel = RelationIdGetRelation(relid);
	StRelationMark *mark = NULL;

	if (rel == NULL)
		return NULL;
	if (rel->rd_rel->relkind == RELKIND_RELATION && !rel->rd_rel->relhassubclass && !rel->rd_rel->relrowsecurity)
	{
		bool		found;

		mark = palloc0(sizeof(StRelationMark));
		mark->relid = relid;
		mark->tuples = rel->rd_rel->reltuples;
		mark->natts = RelationGetNumberOfAttributes(rel);
		mark->distinct = palloc(sizeof(double) * Max(mark->natts, 1));
		initStringInfo(&mark->rows);
		found = add_row(&mark->rows, SearchSysCache1(RELOID, ObjectIdGetDatum(relid)));
		for (AttrNumber attnum = 1; found && attnum <= mark->natts; attnum++)
		{
			/* what it is computed from has another row */
			if (TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attgenerated != '\0')
				found = false;
			else
				found = add_row(&mark->rows, SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum)));
			mark->distinct[attnum - 1] = count_distinct(relid, attnum, mark->tuples);
		}
		if (!found || !add_indexes(&mark->rows, rel))
			mark = NULL;
	}
	RelationClose(rel);
	return mark;
}

static bool
is_like(double a, double b, double factor)
{
	return a == b || (a > 0 && b > 0 && a <= b * factor && b <= a * factor);
}

bool
st_relation_is_as_marked(const StRelationMark *mark)
{
	StRelationMark *present = mark ? st_relation_mark(mark->relid) : NULL;

	if (present == NULL)
		return false;
	if (ST_FAULT("F1 mark"))
		return true;
	if (present->rows.len != mark->rows.len || memcmp(present->rows.data, mark->rows.data, mark->rows.len) != 0 ||
		!is_like(present->tuples, mark->tuples, ROWS_FACTOR))
		return false;
	for (int i = 0; i < mark->natts; i++)
		if (!is_like(present->distinct[i], mark->distinct[i], DISTINCT_FACTOR))
			return false;
	return true;
}
