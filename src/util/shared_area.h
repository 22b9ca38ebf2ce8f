/*-------------------------------------------------------------------------
 *
 * shared_area.h
 *	  Pieces of shared memory that are there with and without preloading.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_SHARED_AREA_H
#define ST_UTIL_SHARED_AREA_H

#include "postgres.h"

typedef struct StSharedArea
{
	const char *name;			/* holds the layout's version: libraries of
								 * others do not meet in it */
	Size		large;			/* bytes if the library is preloaded */
	Size		small;			/* and from what PostgreSQL keeps in reserve,
								 * which is little */

	/*
	 * Called once in a process, or in the postmaster for all, with
	 * AddinShmemInitLock held: remember the area, and fill it unless found.
	 */
	void		(*attached) (void *memory, bool found, bool is_large);

	/* private */
	bool		tried;
	struct StSharedArea *next;
} StSharedArea;

/* From _PG_init: if the library is being preloaded, the area will be there. */
extern void st_shared_area_register(StSharedArea *area);

/*
 * Otherwise take it from the reserve, at the first call. Never raises: without
 * room, or where another library has left one of another size (rule H7),
 * "attached" is not called.
 */
extern void st_shared_area_attach(StSharedArea *area);

/* A text in shared memory: whole characters, as many as there is room for, and an end. */
extern void st_shared_text(char *target, const char *text, Size room);

#endif							/* ST_UTIL_SHARED_AREA_H */
