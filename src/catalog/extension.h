/*-------------------------------------------------------------------------
 *
 * extension.h
 *	  The extension itself: its owner, its schemas, its member tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_CATALOG_EXTENSION_H
#define ST_CATALOG_EXTENSION_H

#include "postgres.h"

#define ST_SCHEMA			"pgtrickle"
#define ST_CHANGES_SCHEMA	"pgtrickle_changes"

/* Is the extension installed in this database? */
extern bool st_extension_exists(void);

/*
 * Is it there in another version than this library's, as between the installation
 * of new files and ALTER EXTENSION UPDATE?
 */
extern bool st_extension_is_other_version(void);

/* All raise 55000 if the extension is not installed in this database. */
extern Oid	st_extension_oid(void);

/*
 * The role that owns the extension's objects, and the one that has installed
 * it. They differ where a role that is no superuser has: the objects are then
 * the bootstrap superuser's, as of every trusted extension.
 */
extern Oid	st_extension_owner(void);
extern Oid	st_extension_user(void);
extern Oid	st_internal_namespace(void);
extern Oid	st_changes_namespace(void);

/* A table, view or index of schema pgtrickle; InvalidOid if missing_ok. */
extern Oid	st_internal_relation(const char *name, bool missing_ok);

/* The function pgtrickle.name() without arguments; InvalidOid if missing_ok. */
extern Oid	st_internal_function(const char *name, bool missing_ok);

/*
 * Make a relation a member of the extension by a direct pg_depend row, and
 * take away its rows about types, collations and operator classes, so that no
 * user's object is tied to it (rules B17, J5).
 */
extern void st_extension_adopt_relation(Oid relid);

/* Drop a member relation that st_extension_adopt_relation() registered. */
extern void st_extension_drop_relation(Oid relid);

/* Rule C8's install mark with system and catalogue version; lives in cache. */
extern const char *st_install_fingerprint(void);

/*
 * Are the trees, OIDs and frontiers of the catalog another cluster's, as after
 * pg_upgrade? Cheap: once it is not so, the session does not look again.
 */
extern bool st_installation_has_moved(void);

/* They are this cluster's from now on. The caller holds a lock that keeps others from it. */
extern void st_installation_settle(void);

/* Rule C8's crash mark; a new one if there is none (a crash emptied its table). */
extern char *st_crash_mark_ensure(void);

#endif							/* ST_CATALOG_EXTENSION_H */
