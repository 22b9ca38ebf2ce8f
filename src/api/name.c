/*-------------------------------------------------------------------------
 *
 * name.c
 *	  Reading the arguments of SQL functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "api/name.h"
#include "api/restore.h"
#include "compat.h"
#include "util/fault.h"
#include "util/lock_tag.h"

RangeVar *
st_parse_name(text *name)
{
	List	   *names;
	ListCell   *lc;

	if (VARSIZE_ANY_EXHDR(name) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("invalid argument: the name of a stream table is empty")));
	names = textToQualifiedNameList(name);
	if (list_length(names) > 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid argument: improper name of a stream table: \"%s\"", text_to_cstring(name)),
				 errhint("Write it as table or schema.table.")));
	/* which SQL could not write */
	foreach(lc, names)
		if (*strVal(lfirst(lc)) == '\0')
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("invalid argument: the name of a stream table holds an empty identifier: %s",
							text_to_cstring(name))));
	return makeRangeVarFromNameList(names);
}

static void
no_such_stream_table(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("stream table not found: %s", name),
			 errhint("pgtrickle.pgt_status() lists the stream tables of this database.")));
}

void
st_claim_name(const RangeVar *name)
{
	LOCKTAG		tag;

	if (ST_FAULT("J26 name"))
		return;
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, RangeVarGetCreationNamespace(name),
						 DatumGetUInt32(hash_any((const unsigned char *) name->relname, strlen(name->relname))), ST_LOCK_NAME);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	AcceptInvalidationMessages();
}

void
st_lock_schema_names(LOCKMODE mode)
{
	LOCKTAG		tag;

	if (ST_FAULT("F6 schema"))
		return;
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, ST_LOCK_SCHEMA_NAMES);
	(void) LockAcquire(&tag, mode, false, false);
	AcceptInvalidationMessages();
}

void
st_unlock_schema_names(LOCKMODE mode)
{
	LOCKTAG		tag;

	if (ST_FAULT("F6 schema"))
		return;
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, ST_LOCK_SCHEMA_NAMES);
	(void) LockRelease(&tag, mode, false);
}

Oid
st_resolve_stream_table(text *name)
{
	Oid			relid;

	st_restore_if_moved();
	relid = RangeVarGetRelid(st_parse_name(name), NoLock, true);
	if (!OidIsValid(relid) || !st_is_stream_table(relid))
		no_such_stream_table(text_to_cstring(name));
	return relid;
}

/* Nobody takes a lock on what is not his. */
static void
check_before_lock(const RangeVar *name, Oid relid, Oid old_relid, void *arg)
{
	if (!OidIsValid(relid) || !st_is_stream_table(relid))
		no_such_stream_table(text_to_cstring(arg));
	st_require_owner(relid);
}

Oid
st_lock_stream_table(text *name)
{
	Oid			relid;

	st_restore_if_moved();
	relid = RangeVarGetRelidExtended(st_parse_name(name), AccessShareLock, RVR_MISSING_OK, check_before_lock, name);

	/*
	 * the row may have gone with a rolled-back creation, or stands for
	 * another table
	 */
	if (!OidIsValid(relid) || !st_is_stream_table(relid))
		no_such_stream_table(text_to_cstring(name));
	return relid;
}

Oid
st_resolve_own_stream_table(text *name)
{
	Oid			relid = st_resolve_stream_table(name);

	st_require_owner(relid);
	return relid;
}

Oid
st_resolve_readable_stream_table(text *name)
{
	Oid			relid = st_resolve_stream_table(name);

	st_require_reader(relid);
	return relid;
}

void
st_require_owner(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("stream table not found: it was dropped by another session")));
	if (!StRelationOwnerCheck(relid, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: must be owner of stream table %s", name),
				 errdetail("It belongs to role \"%s\".", GetUserNameFromId(st_relation_owner(relid), true))));
}

bool
st_is_reader(Oid relid)
{
	return StRelationOwnerCheck(relid, GetUserId()) ||
		has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

void
st_require_reader(Oid relid)
{
	if (!st_is_reader(relid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied: must be owner of stream table %s", get_rel_name(relid)),
				 errdetail("Roles with the privileges of \"%s\" may look as well.", "pg_read_all_stats")));
}

void
st_require_fresh_snapshot(void)
{
	if (IsolationUsesXactSnapshot() && FirstSnapshotSet && !ST_FAULT("C7"))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("capture cannot begin in a REPEATABLE READ transaction that has a snapshot"),
				 errhint("Use a READ COMMITTED transaction.")));
}

char *
st_parse_mode(const char *mode)
{
	static const char *const modes[] = {"AUTO", "FULL", "DIFFERENTIAL", "IMMEDIATE"};

	for (int i = 0; i < lengthof(modes); i++)
		if (pg_strcasecmp(mode, modes[i]) == 0)
			return pstrdup(modes[i]);
	if (pg_strcasecmp(mode, "INCREMENTAL") == 0)
		return pstrdup("DIFFERENTIAL");
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: unknown refresh mode \"%s\"", mode),
			 errhint("Use AUTO, FULL, DIFFERENTIAL or IMMEDIATE.")));
}
