/*-------------------------------------------------------------------------
 *
 * internal_table.c
 *	  Tables of the engine's own: states.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_publication.h"
#include "catalog/toasting.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "catalog/extension.h"
#include "catalog/internal_table.h"
#include "util/fault.h"

bool
st_internal_tables_are_published(void)
{
	static bool warned = false;
	List	   *publications = list_concat(GetAllTablesPublications(), GetSchemaPublications(st_changes_namespace()));

	if (publications == NIL || ST_FAULT("B16"))
		return false;
	if (!warned)
		ereport(WARNING,
				(errmsg("change logs and states are created UNLOGGED because publication \"%s\" would send them to its subscribers",
						get_publication_name(linitial_oid(publications), false)),
				 errdetail("After a crash the stream tables that use them are recomputed.")));
	warned = true;
	return true;
}

void
st_set_replica_identity_full(Oid relid)
{
	Relation	rel = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple	tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	if (!ST_FAULT("B16"))
		((Form_pg_class) GETSTRUCT(tuple))->relreplident = REPLICA_IDENTITY_FULL;
	CatalogTupleUpdate(rel, &tuple->t_self, tuple);
	heap_freetuple(tuple);
	table_close(rel, RowExclusiveLock);
	CommandCounterIncrement();
}

Oid
st_internal_table_create(const char *name, TupleDesc desc)
{
	Oid			relid;
	char		persistence = st_internal_tables_are_published() ? RELPERSISTENCE_UNLOGGED : RELPERSISTENCE_PERMANENT;

	relid = heap_create_with_catalog(name, st_changes_namespace(), InvalidOid,
									 InvalidOid, InvalidOid, InvalidOid,
									 st_extension_owner(), HEAP_TABLE_AM_OID, desc, NIL,
									 RELKIND_RELATION, persistence,
									 false, false, ONCOMMIT_NOOP, (Datum) 0,
									 false, false, true, InvalidOid, NULL);
	CommandCounterIncrement();
	NewRelationCreateToastTable(relid, (Datum) 0);
	st_extension_adopt_relation(relid);
	st_set_replica_identity_full(relid);
	CommandCounterIncrement();
	return relid;
}
