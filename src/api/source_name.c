/*-------------------------------------------------------------------------
 *
 * source_name.c
 *	  Tables that stream tables read, as arguments of SQL functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "api/source_name.h"
#include "compat.h"

/* Nobody takes a lock on what is not his. */
static void
check_before_lock(const RangeVar *name, Oid relid, Oid old_relid, void *arg)
{
	AclMode		rights = *(AclMode *) arg;

	if (!OidIsValid(relid))
		return;
	switch (get_rel_relkind(relid))
	{
		case '\0':
			return;				/* dropped meanwhile: it is looked up again */
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_FOREIGN_TABLE:
		case RELKIND_MATVIEW:
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("invalid argument: \"%s\" is not a table", get_rel_name(relid)),
					 errdetail("Stream tables read the tables below a view.")));
	}
	if (StRelationOwnerCheck(relid, GetUserId()) ||
		(rights != ACL_NO_RIGHTS && pg_class_aclcheck(relid, GetUserId(), rights) == ACLCHECK_OK))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied: must be owner of table %s", get_rel_name(relid)),
			 rights != ACL_NO_RIGHTS ? errdetail("Roles that may insert into it may do this as well.") : 0));
}

Oid
st_lock_source(text *name, AclMode rights)
{
	List	   *names = textToQualifiedNameList(name);

	return RangeVarGetRelidExtended(makeRangeVarFromNameList(names), AccessShareLock, 0, check_before_lock, &rights);
}

void
st_require_owner_of_source(Oid relid)
{
	AclMode		rights = ACL_NO_RIGHTS;

	check_before_lock(NULL, relid, InvalidOid, &rights);
}

char *
st_source_name(Oid relid)
{
	return psprintf("%s.%s", get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
}
