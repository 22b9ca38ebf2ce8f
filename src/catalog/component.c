/*-------------------------------------------------------------------------
 *
 * component.c
 *	  Stream tables that read each other in a circle.
 *
 * NOTES
 *	  A strongly connected component of the graph has a number, column scc_id of
 *	  its members, which changes only when one of them gets other sources or
 *	  goes. So whoever walks the graph can tell a component without looking
 *	  for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "catalog/component.h"
#include "catalog/stream_table.h"

/* a stream table that the walk has met */
typedef struct Met
{
	Oid			relid;
	List	   *sources;
	struct Met *reader;			/* by which it was met */
	bool		member;
} Met;

static Met *
find_met(List *all, Oid relid)
{
	ListCell   *lc;

	foreach(lc, all)
		if (((Met *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	return NULL;
}

static Met *
meet(Oid relid, List *sources, Met *reader)
{
	Met		   *met = palloc0(sizeof(Met));

	met->relid = relid;
	met->sources = sources;
	met->reader = reader;
	return met;
}

/* Who reads a member is one, until nobody else does. */
static void
spread(List *all)
{
	bool		again = true;

	while (again)
	{
		again = false;
		/* what was met last is furthest up */
		for (int i = list_length(all) - 1; i >= 0; i--)
		{
			Met		   *met = list_nth(all, i);
			ListCell   *lc;

			CHECK_FOR_INTERRUPTS();
			foreach(lc, met->member ? NIL : met->sources)
			{
				Met		   *source = find_met(all, lfirst_oid(lc));

				if (source == NULL || !source->member)
					continue;
				met->member = again = true;
				break;
			}
		}
	}
}

List *
st_component_find(Oid relid, List *sources, List **path)
{
	Met		   *start = meet(relid, sources, NULL);
	List	   *all = list_make1(start);
	List	   *members = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	*path = NIL;
	/* grows as it is walked */
	foreach(lc, all)
	{
		Met		   *met = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		foreach(lc2, met->sources)
		{
			Oid			source = lfirst_oid(lc2);
			StStreamTable *table;

			if (source == relid && *path == NIL)
			{
				*path = list_make1_oid(relid);
				for (Met *on = met; on; on = on->reader)
					*path = lcons_oid(on->relid, *path);
			}
			if (find_met(all, source) || (table = st_stream_table_get_if_exists(source)) == NULL)
				continue;
			all = lappend(all, meet(source, st_sources_of(table->pgt_id), met));
		}
	}
	if (*path == NIL)
		return NIL;
	start->member = true;
	spread(all);
	foreach(lc, all)
		if (((Met *) lfirst(lc))->member)
			members = lappend_oid(members, ((Met *) lfirst(lc))->relid);
	return members;
}

List *
st_component_members(int component)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(component)};

	return st_catalog_oids("SELECT pgt_relid FROM pgtrickle.pgt_stream_tables WHERE scc_id = $1 ORDER BY pgt_id",
						   1, types, values);
}

/* One that plain SQL drops together with the others has gone already. */
static void
note_change(Oid relid)
{
	if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		CacheInvalidateRelcacheByRelid(relid);
}

static void
set_number(Oid relid, bool member)
{
	Oid			types[] = {OIDOID, BOOLOID};
	Datum		values[] = {ObjectIdGetDatum(relid), BoolGetDatum(member)};

	/*
	 * the members of one component are numbered one after the other, by the
	 * first of them
	 */
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET scc_id = CASE WHEN $2 THEN ("
							  " SELECT min(n) FROM pg_catalog.generate_series(1, (SELECT count(*) + 1 FROM pgtrickle.pgt_stream_tables)::integer) AS n"
							  "  WHERE NOT EXISTS (SELECT FROM pgtrickle.pgt_stream_tables AS o WHERE o.scc_id = n)) END"
							  " WHERE pgt_relid = $1", 2, types, values, NULL);
	note_change(relid);
}

static void
share_number(Oid relid, Oid first)
{
	Oid			types[] = {OIDOID, OIDOID};
	Datum		values[] = {ObjectIdGetDatum(relid), ObjectIdGetDatum(first)};

	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET scc_id ="
							  " (SELECT scc_id FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = $2)"
							  " WHERE pgt_relid = $1", 2, types, values, NULL);
	note_change(relid);
}

/* The component of a stream table by what is written. */
static List *
component_of(Oid relid)
{
	StStreamTable *table = st_stream_table_get_if_exists(relid);
	List	   *path;

	return table ? st_component_find(relid, st_sources_of(table->pgt_id), &path) : NIL;
}

void
st_components_renew(int component, Oid relid)
{
	List	   *left = component > 0 ? st_component_members(component) : NIL;
	List	   *numbered = NIL;
	List	   *members;
	ListCell   *lc;
	ListCell   *lc2;

	if (OidIsValid(relid))
	{
		members = component_of(relid);
		if (members == NIL && left == NIL)
			return;
		left = list_concat_unique_oid(list_append_unique_oid(left, relid), members);
	}
	if (left == NIL)
		return;
	SPI_connect();
	foreach(lc, left)
		set_number(lfirst_oid(lc), false);
	CommandCounterIncrement();
	foreach(lc, left)
	{
		if (list_member_oid(numbered, lfirst_oid(lc)))
			continue;
		members = component_of(lfirst_oid(lc));
		foreach(lc2, members)
		{
			if (lc2 == list_head(members))
				set_number(lfirst_oid(lc2), true);
			else
				share_number(lfirst_oid(lc2), linitial_oid(members));
			CommandCounterIncrement();
		}
		numbered = list_concat_unique_oid(numbered, members);
	}
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET last_fixpoint_iterations = NULL"
							  " WHERE scc_id IS NULL AND last_fixpoint_iterations IS NOT NULL", 0, NULL, NULL, NULL);
	SPI_finish();
}
