/*-------------------------------------------------------------------------
 *
 * capture.h
 *	  Capture triggers: from a writer's statement to the change log.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_CAPTURE_CAPTURE_H
#define ST_CAPTURE_CAPTURE_H

#include "postgres.h"
#include "nodes/bitmapset.h"

/*
 * Install (or complete) capture on a table, its partitions and inheritance
 * children: log with these columns and internal ENABLE ALWAYS triggers. Takes
 * ShareRowExclusiveLock on all of them, held to the end of transaction.
 * Raises 42501 unless the current user owns them or has TRIGGER (rule J16).
 */
extern void st_capture_install(Oid source, const Bitmapset *attnums);

/*
 * The same for who holds locks that others may wait for: never waits for a
 * lock, so that nobody's deadlock can be of our making. If after a moment of
 * trying somebody still has a lock in our way, changes nothing and returns
 * false.
 */
extern bool st_capture_complete(Oid source, const Bitmapset *attnums);

/*
 * Lock tables, their partitions and children against writers to the end of
 * transaction, as st_capture_install and st_capture_remove need it: parents
 * first, as writers have them, and otherwise by OID. Checks no rights.
 */
extern void st_capture_lock(List *sources);

/*
 * Remove the triggers that a relation has for an ancestor that it has been taken
 * from, which is locked. Of those below it, as far as they are to be had without
 * waiting: writers of them may wait for what is locked.
 */
extern void st_capture_remove_stray(Oid relid);

/* Remove triggers and log when nobody consumes the source any more. Locks as st_capture_lock. */
extern void st_capture_remove(Oid source);

/*
 * Drop our triggers on the source and what is below it and install them anew,
 * with the rights and under the locks of st_capture_install. For consumers the
 * generation is another one then.
 */
extern void st_capture_rebuild(Oid source);

/* A trigger that capture of a source needs. */
typedef struct StCaptureTrigger
{
	Oid			relid;			/* the source, or what is below it */
	const char *event;
	bool		truncate;		/* TRUNCATE, not rows */
	char	   *name;			/* NULL: it is missing */
	bool		enabled;
} StCaptureTrigger;

/* Those of a source (of StCaptureTrigger): by relation, then by event. Locks nothing for long. */
extern List *st_capture_triggers(Oid source);

/*
 * As st_capture_remove for all sources whose capture a creation that failed has left
 * behind. False if something is left for the next time: somebody has locked it,
 * or the creation is still under way.
 */
extern bool st_capture_remove_abandoned(void);

/* Rules B7, B5: text that changes whenever capture was tampered with. */
extern char *st_capture_generation(Oid source);

/* Another number when a capture trigger of any relation was made, changed or dropped. */
extern uint64 st_capture_digest(void);

/* Why a consumer of the old generation must recompute; NULL if they are equal. */
extern const char *st_capture_difference(const char *old, const char *new);

/* Is every trigger that the source needs in place and enabled? */
extern bool st_capture_is_complete(Oid source);

/* Register transaction callbacks; once, from _PG_init. */
extern void st_capture_init(void);

#endif							/* ST_CAPTURE_CAPTURE_H */
