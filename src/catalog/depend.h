/*-------------------------------------------------------------------------
 *
 * depend.h
 *	  What a stream table's query uses, in pg_depend.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_CATALOG_DEPEND_H
#define ST_CATALOG_DEPEND_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/*
 * Make a stream table depend on everything that its analysed query uses:
 * relations, views that were expanded, functions, operators, types, collations.
 * Never on columns (rule F6).
 */
extern void st_depend_record(Oid relid, Query *query, List *views);

/* The end of all such rows of a stream table. */
extern void st_depend_forget(Oid relid);

/* OIDs of the stream tables that depend on an object by such a row; whether one does on something in a schema. */
extern List *st_depend_dependants(Oid class, Oid object);
extern bool st_depend_uses_schema(Oid relid, Oid schema);

/*
 * OIDs of the stream tables that dropping these objects (of ObjectAddress) with
 * CASCADE would take along, by whatever rows of pg_depend; those among the
 * objects, too. It may be a few more: a column stands for its relation. Into
 * "relations" go the other tables, and views, that they would take along, each after
 * what it goes with, and before that those among the objects.
 */
extern List *st_depend_reached(List *objects, List **relations);

/* The views, materialized ones too, whose queries use a column; none of them is locked. */
extern List *st_depend_views_of_column(Oid relid, AttrNumber attnum);

/*
 * Raise 42P15 if the query that was recorded uses what depends on the stream table,
 * which then depends on itself: pg_dump finds no order for that (rule J27). Stream
 * tables among themselves are the dependency graph's.
 */
extern void st_depend_check_circle(Oid relid);

/*
 * Watch for the end of the extension: the stream tables that it leaves behind
 * are plain tables and lose these dependencies (rule J6). From _PG_init only.
 */
extern void st_depend_init(void);

#endif							/* ST_CATALOG_DEPEND_H */
