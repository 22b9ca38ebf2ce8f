/*-------------------------------------------------------------------------
 *
 * progress.h
 *	  How far a refresh has come, for those who look.
 *
 *	  It is in the entry of the process among PostgreSQL's backend statuses,
 *	  and ends with the process and the transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_PROGRESS_H
#define ST_REFRESH_PROGRESS_H

#include "postgres.h"

/* among PostgreSQL's own numbers, which are small */
#define ST_PROGRESS_COMMAND 7712

/* the parameters */
typedef enum StProgressParam
{
	ST_PROGRESS_PHASE,
	ST_PROGRESS_INITIATOR,
	ST_PROGRESS_STARTED,		/* clock time */
	ST_PROGRESS_MEMBERS,		/* stream tables of the group, and done of
								 * them */
	ST_PROGRESS_DONE,
	ST_PROGRESS_CURRENT,		/* relation */
	ST_PROGRESS_ROWS_READ		/* of the present stream table's sources */
} StProgressParam;

typedef enum StProgressPhase
{
	ST_PHASE_STARTING,
	ST_PHASE_READING,
	ST_PHASE_FOLLOWING,			/* delta and apply */
	ST_PHASE_RECOMPUTING,
	ST_PHASE_FINISHING			/* frontiers, history, space */
} StProgressPhase;

/* A refresh of a group, the last of which is "relid"; while one inside another runs, it is shown instead. */
extern void st_progress_begin(Oid relid, const char *initiated_by, int members);
extern void st_progress_member(Oid relid);
extern void st_progress_done(int done);
extern void st_progress_phase(StProgressPhase phase);
extern void st_progress_rows(int64 rows);
extern void st_progress_end(void);

/* Called once from st_refresh_init. */
extern void st_progress_init(void);

#endif							/* ST_REFRESH_PROGRESS_H */
