/*-------------------------------------------------------------------------
 *
 * identity.c
 *	  Stream tables whose rows are to be found by another identity.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/array.h"

#include "refresh/identity.h"

/*
 * Find rows by another identity from now on. Keeps readers out until the end of
 * the transaction.
 */
static void
replace_identity(StEntry *entry)
{
	StStreamTable *table = entry->table;
	StIdentity	old_identity = {table->identity_kind, table->nkeys, table->keys};
	Oid			types[] = {INT8OID, INT2OID, INT2ARRAYOID};
	Datum		values[3];
	Datum	   *keys = palloc(sizeof(Datum) * Max(entry->identity.nkeys, 1));

	for (int i = 0; i < entry->identity.nkeys; i++)
		keys[i] = Int16GetDatum(entry->identity.keys[i]);
	values[0] = Int64GetDatum(table->pgt_id);
	values[1] = Int16GetDatum(entry->identity.kind);
	values[2] = PointerGetDatum(construct_array(keys, entry->identity.nkeys, INT2OID, 2, true, TYPALIGN_SHORT));
	st_identity_drop_index(entry->relid, &old_identity);
	(void) st_identity_create_index(entry->relid, &entry->identity);
	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.stream_table_internals SET identity_kind = $2, key_columns = $3"
							  " WHERE pgt_id = $1", 3, types, values, NULL);
	SPI_finish();
	st_entry_forget(entry->relid);
	CommandCounterIncrement();
}

/* The unique index must go before the recompute that follows. */
void
st_identity_change(StEntry *entry)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(entry->table->pgt_id)};

	replace_identity(entry);
	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET needs_reinit = true WHERE pgt_id = $1",
							  1, types, values, NULL);
	SPI_finish();
	CommandCounterIncrement();
}

void
st_identity_settle(StEntry *entry)
{
	ListCell   *lc;

	if (!entry->identity_waits)
		return;
	foreach(lc, entry->members)
		if (!ConditionalLockRelationOid(lfirst_oid(lc), AccessExclusiveLock))
			return;
	replace_identity(entry);
}
