/*-------------------------------------------------------------------------
 *
 * internal.h
 *	  What the files of the room capture share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_CAPTURE_INTERNAL_H
#define ST_CAPTURE_INTERNAL_H

#include "postgres.h"
#include "nodes/pg_list.h"

/* A source whose log must hear of what happens to a relation. */
typedef struct StTarget
{
	Oid			source;
	bool		by_row;			/* its rows come by row triggers */
	int			nmap;			/* elements of map */
	AttrNumber *map;			/* attnum of source to attnum of the relation;
								 * NULL if it is the relation itself */
} StTarget;

/* Targets of a relation: itself and its ancestors, as far as they have a log. */
extern int	st_capture_targets(Oid relid, const StTarget **targets);

/* Is the source captured by row triggers (rule B5, and see README.md)? */
extern bool st_capture_by_row(Oid source);

/* The source and everything below it, in a stable order. */
extern List *st_capture_tree(Oid source);

/* rule B18 */
extern void st_book_open(Oid relid, char event);
extern void st_book_close(Oid relid, char event);
extern bool st_book_is_open(Oid source, bool *running);
extern void st_book_init(void);

#endif							/* ST_CAPTURE_INTERNAL_H */
