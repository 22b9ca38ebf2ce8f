/*-------------------------------------------------------------------------
 *
 * lock_tag.h
 *	  What our locks on things that are no objects of the catalog stand for.
 *
 * They are advisory locks: field 4 of the tag tells them from each other and
 * from the users', which have 1 and 2 there; fields 2 and 3 tell what of its
 * kind is locked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_LOCK_TAG_H
#define ST_UTIL_LOCK_TAG_H

enum StLockKind
{
	ST_LOCK_NODE = 7712,		/* a stream table that is refreshed or altered */
	ST_LOCK_SCHEDULER = 7713,	/* the one scheduler of a database */
	ST_LOCK_DRAIN = 7714,		/* what refreshes hold that drain() waits for */
	ST_LOCK_COPY = 7716,		/* a source that is compared with its copy */
	ST_LOCK_INSTALLER = 7718,	/* an installer at work */
	ST_LOCK_NAME = 7719,		/* the name of a stream table that is created */
	ST_LOCK_SCHEMA_NAMES = 7720 /* those of all schemas, as stored queries say
								 * them */
};

#endif							/* ST_UTIL_LOCK_TAG_H */
