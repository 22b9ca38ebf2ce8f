/*-------------------------------------------------------------------------
 *
 * view.c
 *	  A view over the change log of each source, under the name and with the
 *	  columns that the contract gives to change buffers.
 *
 * NOTES
 *	  Segments come and go, so the view selects from a function, which finds
 *	  them (pgtrickle.change_rows). It is made anew when the log gets other
 *	  columns. As a member of the extension it must not depend on anything of
 *	  users' (rule J5): columns of types that they may drop are text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/heap.h"
#include "catalog/pg_type.h"
#include "commands/view.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "catalog/extension.h"
#include "catalog/stream_table.h"
#include "store/segment.h"
#include "util/sqlbuf.h"

/* what is not a column of the source, and two for each that is */
#define FIXED_COLUMNS		6
#define MAX_SOURCE_COLUMNS	((MaxHeapAttributeNumber - FIXED_COLUMNS) / 2)

/* The prefix before the name of the column, cut to whole characters, and not used yet. */
static char *
column_name(const char *prefix, const char *attname, List **used)
{
	char	   *name = psprintf("%s%s", prefix, attname);
	bool		taken = true;

	while (taken)
	{
		ListCell   *lc;

		name[pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1)] = '\0';
		taken = false;
		foreach(lc, *used)
			taken = taken || strcmp(lfirst(lc), name) == 0;
		if (taken)
		{
			name[pg_mbcliplen(name, strlen(name), NAMEDATALEN - 2)] = '\0';
			name = psprintf("%s_", name);
		}
	}
	*used = lappend(*used, name);
	return name;
}

static void
put_columns(StringInfo sql, const char *prefix, TupleDesc desc, int natts, const AttrNumber *attnums, List **used)
{
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, attnums[i] - 1);
		bool		lasting = att->atttypid < FirstUnpinnedObjectId;

		st_sql_text(sql, ", ");
		st_sql_identifier(sql, column_name(prefix, NameStr(att->attname), used));
		st_sql_text(sql, " ");
		st_sql_type(sql, lasting ? att->atttypid : TEXTOID, lasting ? att->atttypmod : -1);
	}
}

static Query *
view_query(Relation source, int natts, const AttrNumber *attnums)
{
	bool		with_old = !st_is_stream_table(RelationGetRelid(source));
	StringInfoData sql;
	List	   *used = NIL;

	natts = Min(natts, MAX_SOURCE_COLUMNS);
	initStringInfo(&sql);
	st_sql_format(&sql, "SELECT * FROM pgtrickle.change_rows('%u', '{", RelationGetRelid(source));
	for (int i = 0; i < natts; i++)
		st_sql_format(&sql, "%s%d", i ? "," : "", attnums[i]);
	st_sql_format(&sql, "}', %s) AS c (change_id pg_catalog.int8, lsn pg_catalog.pg_lsn, action pg_catalog.bpchar(1),"
				  " pk_hash pg_catalog.int8, changed_cols pg_catalog.varbit", with_old ? "true" : "false");
	put_columns(&sql, "new_", RelationGetDescr(source), natts, attnums, &used);
	if (with_old)
		put_columns(&sql, "old_", RelationGetDescr(source), natts, attnums, &used);
	st_sql_text(&sql, ", __pgt_trace_context pg_catalog.text)");
	return parse_analyze_fixedparams(linitial_node(RawStmt, pg_parse_query(sql.data)), sql.data, NULL, 0, NULL);
}

void
st_log_view_drop(const char *stable_name)
{
	Oid			view = get_relname_relid(psprintf("changes_%s", stable_name), st_changes_namespace());

	if (OidIsValid(view))
		st_extension_drop_relation(view);
}

void
st_log_view_create(Relation source, const char *stable_name, int natts, const AttrNumber *attnums)
{
	Query	   *query = view_query(source, natts, attnums);
	TupleDesc	desc = CreateTemplateTupleDesc(list_length(query->targetList));
	Oid			user;
	int			context;
	Oid			view;
	ListCell   *lc;

	st_log_view_drop(stable_name);
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) tle->expr;

		TupleDescInitEntry(desc, tle->resno, tle->resname, exprType(expr), exprTypmod(expr), 0);
		TupleDescInitEntryCollation(desc, tle->resno, exprCollation(expr));
	}
	view = heap_create_with_catalog(psprintf("changes_%s", stable_name), st_changes_namespace(), InvalidOid,
									InvalidOid, InvalidOid, InvalidOid,
									st_extension_owner(), InvalidOid, desc, NIL,
									RELKIND_VIEW, RELPERSISTENCE_PERMANENT,
									false, false, ONCOMMIT_NOOP, (Datum) 0,
									false, false, true, InvalidOid, NULL);
	CommandCounterIncrement();

	/* a rule is its relation's owner's */
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(st_extension_owner(), context | SECURITY_LOCAL_USERID_CHANGE);
	StoreViewQuery(view, query, false);
	SetUserIdAndSecContext(user, context);
	CommandCounterIncrement();
	st_extension_adopt_relation(view);
	CommandCounterIncrement();
}
