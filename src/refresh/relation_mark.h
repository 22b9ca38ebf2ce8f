/*-------------------------------------------------------------------------
 *
 * relation_mark.h
 *	  What statements and plans took from a relation, to see whether it still holds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_RELATION_MARK_H
#define ST_REFRESH_RELATION_MARK_H

#include "postgres.h"

typedef struct StRelationMark StRelationMark;

/*
 * The mark of a relation that the caller has locked, in CurrentMemoryContext;
 * NULL of one whose definition is more than its own rows of the catalog.
 */
extern StRelationMark *st_relation_mark(Oid relid);

/*
 * Has nothing about the relation changed but statistics, and these little? The
 * caller has locked it.
 */
extern bool st_relation_is_as_marked(const StRelationMark *mark);

#endif							/* ST_REFRESH_RELATION_MARK_H */
