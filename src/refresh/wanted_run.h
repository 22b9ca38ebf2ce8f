/*-------------------------------------------------------------------------
 *
 * wanted_run.h
 *	  Which rows of a large log other relations leave.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_WANTED_RUN_H
#define ST_REFRESH_WANTED_RUN_H

#include "refresh/member.h"

/* of a log from which on that is asked */
#define ST_WANTED_PAGES 16

/*
 * Conditions on the rows of a member's n-th source (varno 1), whose log has so
 * many pages: others change nothing. NIL if they cannot be told, or are not worth
 * the time. "read": the sources whose changes are known.
 */
extern List *st_wanted_keys(StMember *member, int n, const Bitmapset *read, int64 pages, Snapshot snapshot,
							StRefreshOutcome *outcome);

/* The conditions on single rows have left so many of what is on so many pages. */
extern void st_wanted_note_read(StProgram *program, int n, int64 rows, int64 pages);

#endif							/* ST_REFRESH_WANTED_RUN_H */
