/*-------------------------------------------------------------------------
 *
 * extension.c
 *	  The extension itself: its owner, its schemas, its member tables.
 *
 * NOTES
 *	  Everything here reads the catalogues by scan and checks no privilege:
 *	  the callers act for the extension, whoever the current user is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/catversion.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/uuid.h"

#include "catalog/extension.h"
#include "util/fault.h"

static Oid
missing(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("extension \"pg_trickle\" is not installed in this database"),
			 errdetail("%s does not exist.", what)));
	return InvalidOid;
}

Oid
st_extension_oid(void)
{
	Oid			oid = get_extension_oid("pg_trickle", true);

	return OidIsValid(oid) ? oid : missing("The extension");
}

bool
st_extension_exists(void)
{
	return OidIsValid(get_extension_oid("pg_trickle", true));
}

Oid
st_extension_owner(void)
{
	HeapTuple	tuple;
	Oid			owner;

	/* else a schema of that name could be anybody's */
	(void) st_extension_oid();
	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(st_internal_namespace()));
	if (!HeapTupleIsValid(tuple))
		return missing("Schema " ST_SCHEMA);
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* A column of its row of pg_extension, copied; false if it is not there. */
static bool
read_extension(AttrNumber column, Datum *value)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	Form_pg_attribute attribute = TupleDescAttr(desc, column - 1);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		isnull;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("pg_trickle"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		*value = datumCopy(heap_getattr(tuple, column, desc, &isnull), attribute->attbyval, attribute->attlen);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return HeapTupleIsValid(tuple);
}

Oid
st_extension_user(void)
{
	Datum		owner;

	return read_extension(Anum_pg_extension_extowner, &owner) ? DatumGetObjectId(owner) : missing("The extension");
}

bool
st_extension_is_other_version(void)
{
	Datum		version;

	return read_extension(Anum_pg_extension_extversion, &version) && strcmp(TextDatumGetCString(version), ST_VERSION) != 0;
}

Oid
st_internal_namespace(void)
{
	Oid			oid = get_namespace_oid(ST_SCHEMA, true);

	return OidIsValid(oid) ? oid : missing("Schema " ST_SCHEMA);
}

Oid
st_changes_namespace(void)
{
	Oid			oid = get_namespace_oid(ST_CHANGES_SCHEMA, true);

	return OidIsValid(oid) ? oid : missing("Schema " ST_CHANGES_SCHEMA);
}

Oid
st_internal_relation(const char *name, bool missing_ok)
{
	Oid			nsp = get_namespace_oid(ST_SCHEMA, true);
	Oid			oid = OidIsValid(nsp) ? get_relname_relid(name, nsp) : InvalidOid;

	if (!OidIsValid(oid) && !missing_ok)
		missing(psprintf("Relation " ST_SCHEMA ".%s", name));
	return oid;
}

Oid
st_internal_function(const char *name, bool missing_ok)
{
	Oid			nsp = get_namespace_oid(ST_SCHEMA, true);
	Oid			oid = InvalidOid;

	if (OidIsValid(nsp))
	{
		oidvector  *noargs = buildoidvector(NULL, 0);

		oid = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
							  CStringGetDatum(name),
							  PointerGetDatum(noargs),
							  ObjectIdGetDatum(nsp));
		pfree(noargs);
	}
	if (!OidIsValid(oid) && !missing_ok)
		missing(psprintf("Function " ST_SCHEMA ".%s()", name));
	return oid;
}

void
st_extension_adopt_relation(Oid relid)
{
	ObjectAddress relation;
	ObjectAddress extension;

	if (!ST_FAULT("J5"))
		deleteDependencyRecordsForClass(RelationRelationId, relid,
										TypeRelationId, DEPENDENCY_NORMAL);
	deleteDependencyRecordsForClass(RelationRelationId, relid,
									CollationRelationId, DEPENDENCY_NORMAL);
	deleteDependencyRecordsForClass(RelationRelationId, relid,
									OperatorClassRelationId, DEPENDENCY_NORMAL);
	ObjectAddressSet(relation, RelationRelationId, relid);
	ObjectAddressSet(extension, ExtensionRelationId, st_extension_oid());
	recordDependencyOn(&relation, &extension, DEPENDENCY_EXTENSION);
}

void
st_extension_drop_relation(Oid relid)
{
	Oid			type = get_rel_type_id(relid);
	ObjectAddress relation;

	/*
	 * as a member it could only be dropped with the whole extension;
	 * pg_upgrade has made members of its row types, too
	 */
	deleteDependencyRecordsFor(RelationRelationId, relid, false);
	(void) deleteDependencyRecordsForClass(TypeRelationId, type, ExtensionRelationId, DEPENDENCY_EXTENSION);
	(void) deleteDependencyRecordsForClass(TypeRelationId, get_array_type(type), ExtensionRelationId, DEPENDENCY_EXTENSION);
	CommandCounterIncrement();
	ObjectAddressSet(relation, RelationRelationId, relid);
	performDeletion(&relation, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
}

/* The uuid in the one row of a mark table, or NULL. */
static char *
read_mark(const char *name)
{
	Oid			relid = st_internal_relation(name, true);
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *mark = NULL;

	if (!OidIsValid(relid))
		return NULL;
	rel = table_open(relid, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, 2, RelationGetDescr(rel), &isnull);

		if (!isnull)
			mark = DatumGetCString(DirectFunctionCall1(uuid_out, value));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return mark;
}

const char *
st_install_fingerprint(void)
{
	static char fingerprint[128];
	static Oid	cached_for = InvalidOid;
	Oid			relid = st_internal_relation("install_mark", true);

	/* the row never changes while its table lives */
	if (!OidIsValid(relid) || relid != cached_for)
	{
		char	   *mark = read_mark("install_mark");

		snprintf(fingerprint, sizeof(fingerprint), "%s/" UINT64_FORMAT "/%d",
				 mark ? mark : "none", GetSystemIdentifier(), CATALOG_VERSION_NO);
		cached_for = mark ? relid : InvalidOid;
	}
	return fingerprint;
}

/* The row of install_mark says which cluster it was written in. */
bool
st_installation_has_moved(void)
{
	static Oid	settled = InvalidOid;
	Oid			relid = st_internal_relation("install_mark", true);
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		moved = false;

	if (!OidIsValid(relid) || relid == settled || ST_FAULT("J3"))
		return false;
	rel = table_open(relid, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		char	   *system = TextDatumGetCString(heap_getattr(tuple, 3, RelationGetDescr(rel), &isnull));

		moved = strcmp(system, psprintf(UINT64_FORMAT, GetSystemIdentifier())) != 0 ||
			DatumGetInt32(heap_getattr(tuple, 4, RelationGetDescr(rel), &isnull)) != CATALOG_VERSION_NO;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	if (!moved)
		settled = relid;
	return moved;
}

void
st_installation_settle(void)
{
	Relation	rel = table_open(st_internal_relation("install_mark", false), RowExclusiveLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple = systable_getnext(scan);
	Datum		values[4] = {0};
	bool		nulls[4] = {0};
	bool		replaces[4] = {false, false, true, true};

	values[2] = CStringGetTextDatum(psprintf(UINT64_FORMAT, GetSystemIdentifier()));
	values[3] = Int32GetDatum(CATALOG_VERSION_NO);
	if (HeapTupleIsValid(tuple))
		CatalogTupleUpdate(rel, &tuple->t_self, heap_modify_tuple(tuple, RelationGetDescr(rel), values, nulls, replaces));
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
	CommandCounterIncrement();
}

char *
st_crash_mark_ensure(void)
{
	Oid			relid = st_internal_relation("crash_mark", true);
	Relation	rel;
	char	   *mark;

	if (!OidIsValid(relid))
		return pstrdup("none");
	mark = read_mark("crash_mark");
	if (mark)
		return mark;
	/* lock out another session that does the same, and look again */
	rel = table_open(relid, ShareRowExclusiveLock);
	if (read_mark("crash_mark") == NULL)
	{
		Datum		values[2];
		bool		nulls[2] = {false, false};
		pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));
		HeapTuple	tuple;

		if (!pg_strong_random(uuid->data, UUID_LEN))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate random values")));
		values[0] = BoolGetDatum(true);
		values[1] = UUIDPGetDatum(uuid);
		tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
		CatalogTupleInsert(rel, tuple);
		CommandCounterIncrement();
	}
	table_close(rel, NoLock);
	return read_mark("crash_mark");
}
