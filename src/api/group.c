/*-------------------------------------------------------------------------
 *
 * group.c
 *	  Refresh groups: stream tables that users want refreshed together.
 *
 * NOTES
 *	  Whatever a refresh does is one transaction over one snapshot, so that both
 *	  levels of isolation that a group may ask for are the same here. What a
 *	  group adds is that the scheduler refreshes its members together or not at
 *	  all (schedule/unit.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"

#include "api/definition.h"
#include "api/name.h"
#include "api/parameter.h"
#include "api/source_name.h"
#include "catalog/saved.h"
#include "catalog/stream_table.h"
#include "schedule/unit.h"

PG_FUNCTION_INFO_V1(st_sql_create_refresh_group);
PG_FUNCTION_INFO_V1(st_sql_drop_refresh_group);

static char *
name_argument(text *argument)
{
	char	   *name = text_to_cstring(argument);

	if (strspn(name, " \t\r\n") == strlen(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: the name of a refresh group is empty")));
	return name;
}

/* The members, each locked against being dropped; they are the caller's. */
static int
member_arguments(ArrayType *argument, Oid **members)
{
	Datum	   *names;
	bool	   *nulls;
	int			n;

	deconstruct_array(argument, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
	if (n < 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: a refresh group needs at least two stream tables")));
	if (n > ST_UNIT_MEMBERS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a refresh group of %d stream tables is too large", n),
				 errdetail("At most %d can be refreshed together.", ST_UNIT_MEMBERS)));
	*members = palloc(sizeof(Oid) * n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("invalid argument: a member of a refresh group must not be NULL")));
		(*members)[i] = st_lock_stream_table(DatumGetTextPP(names[i]));
		for (int j = 0; j < i; j++)
			if ((*members)[j] == (*members)[i])
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("invalid argument: stream table \"%s\" is named twice", st_source_name((*members)[i]))));
	}
	return n;
}

/* Two calls at once must not give a stream table to two groups. */
static void
lock_groups(void)
{
	(void) st_catalog_execute("LOCK TABLE pgtrickle.pgt_refresh_groups IN SHARE ROW EXCLUSIVE MODE", 0, NULL, NULL, NULL);
}

static char *
result_text(int column)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);
}

static void
check_free(const char *name, Datum members)
{
	Oid			types[] = {TEXTOID, OIDARRAYOID};
	Datum		values[] = {CStringGetTextDatum(name), members};

	if (st_catalog_execute("SELECT FROM pgtrickle.pgt_refresh_groups WHERE group_name = $1", 1, types, values, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("refresh group already exists: \"%s\"", name),
				 errhint("Drop it first, with drop_refresh_group().")));
	if (st_catalog_execute("SELECT g.group_name, t.pgt_schema || '.' || t.pgt_name"
						   " FROM pgtrickle.pgt_refresh_groups AS g JOIN pgtrickle.pgt_stream_tables AS t ON t.pgt_relid = ANY (g.member_oids)"
						   " WHERE t.pgt_relid = ANY ($2) ORDER BY t.pgt_id LIMIT 1", 2, types, values, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: stream table \"%s\" is a member of refresh group \"%s\"", result_text(2), result_text(1)),
				 errhint("Drop that group first, with drop_refresh_group().")));
}

Datum
st_sql_create_refresh_group(PG_FUNCTION_ARGS)
{
	char	   *name = name_argument(PG_GETARG_TEXT_PP(0));
	char	   *isolation = text_to_cstring(PG_GETARG_TEXT_PP(2));
	Oid		   *members;
	int			n;
	Oid			types[] = {TEXTOID, OIDARRAYOID, TEXTOID};
	Datum		values[3];
	bool		isnull;
	int32		id;

	PreventCommandIfReadOnly("create_refresh_group()");
	st_require_one_of("isolation", isolation, "read_committed", "repeatable_read", NULL);
	n = member_arguments(PG_GETARG_ARRAYTYPE_P(1), &members);
	st_note_lifecycle_call();
	values[0] = CStringGetTextDatum(name);
	values[1] = st_oid_array(n, members);
	values[2] = CStringGetTextDatum(asc_tolower(isolation, strlen(isolation)));
	SPI_connect();
	lock_groups();
	check_free(name, values[1]);
	(void) st_catalog_execute("INSERT INTO pgtrickle.pgt_refresh_groups (group_name, member_oids, isolation)"
							  " VALUES ($1, $2, $3) RETURNING group_id", 3, types, values, NULL);
	id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	for (int i = 0; i < n; i++)
		st_saved_note(members[i]);
	ereport(INFO,
			(errmsg("refresh group \"%s\" has %d members", name, n)));
	PG_RETURN_INT32(id);
}

static void
no_such_group(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("refresh group not found: \"%s\"", name),
			 errhint("refresh_groups() lists them.")));
}

Datum
st_sql_drop_refresh_group(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(name)};
	bool		isnull;
	Datum	   *members;
	int			n;

	PreventCommandIfReadOnly("drop_refresh_group()");
	st_note_lifecycle_call();
	SPI_connect();
	lock_groups();
	if (st_catalog_execute("SELECT member_oids FROM pgtrickle.pgt_refresh_groups WHERE group_name = $1", 1, types, values, NULL) == 0)
		no_such_group(name);
	deconstruct_array(DatumGetArrayTypePCopy(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)),
					  OIDOID, sizeof(Oid), true, TYPALIGN_INT, &members, NULL, &n);
	/* it takes the right that creating it took */
	for (int i = 0; i < n; i++)
		st_require_owner_of_source(DatumGetObjectId(members[i]));
	(void) st_catalog_execute("DELETE FROM pgtrickle.pgt_refresh_groups WHERE group_name = $1", 1, types, values, NULL);
	for (int i = 0; i < n; i++)
		st_saved_note(DatumGetObjectId(members[i]));
	SPI_finish();
	PG_RETURN_VOID();
}
