/*-------------------------------------------------------------------------
 *
 * internal_table.c
 *	  Tables of the engine's own: states.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/heap.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/toasting.h"

#include "catalog/extension.h"
#include "catalog/internal_table.h"

Oid
st_internal_table_create(const char *name, TupleDesc desc)
{
	Oid			relid;

	relid = heap_create_with_catalog(name, st_changes_namespace(), InvalidOid,
									 InvalidOid, InvalidOid, InvalidOid,
									 st_extension_owner(), HEAP_TABLE_AM_OID, desc, NIL,
									 RELKIND_RELATION, RELPERSISTENCE_PERMANENT,
									 false, false, ONCOMMIT_NOOP, (Datum) 0,
									 false, false, true, InvalidOid, NULL);
	CommandCounterIncrement();
	NewRelationCreateToastTable(relid, (Datum) 0);
	st_extension_adopt_relation(relid);
	CommandCounterIncrement();
	return relid;
}
