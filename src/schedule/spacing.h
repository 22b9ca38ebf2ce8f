/*-------------------------------------------------------------------------
 *
 * spacing.h
 *	  Refreshes further apart while old versions of rows pile up (rule K20).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_SPACING_H
#define ST_SCHEDULE_SPACING_H

#include "postgres.h"

/*
 * The least time, in microseconds, from the end of a refresh of what follows
 * commits to the next one.
 */
extern int64 st_spacing(void);

/* See whether it should be another, now and then. Outside of any transaction. */
extern void st_spacing_look(void);

#endif							/* ST_SCHEDULE_SPACING_H */
