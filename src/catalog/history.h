/*-------------------------------------------------------------------------
 *
 * history.h
 *	  The record of past refreshes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_CATALOG_HISTORY_H
#define ST_CATALOG_HISTORY_H

#include "postgres.h"
#include "datatype/timestamp.h"

/* A run that has ended well. */
typedef struct StHistoryRow
{
	int64		pgt_id;
	TimestampTz start;
	TimestampTz end;
	const char *action;
	const char *initiated_by;
	const char *reason;			/* of a recompute, or NULL */
	bool		fallback;		/* a recompute that was not planned */
	int			iterations;		/* of its component; 0: it is in none */
	int64		inserted;
	int64		updated;
	int64		deleted;
	int64		delta_rows;
	double		read_ms;
	double		delta_ms;
	double		apply_ms;
} StHistoryRow;

/*
 * Add it, with the times as the contract has them; returns its number. No
 * statement is run: the stream table is there, its node is locked.
 */
extern int64 st_history_add(const StHistoryRow *row);

/* Count it among the refreshes that are not the scheduler's. As for st_history_add(). */
extern void st_history_count(const StHistoryRow *row);

/*
 * Now and then, and not in every refresh, delete what is too old or too much
 * of a stream table's history; refresh_id is the number of its newest run. The
 * caller is connected to SPI and holds the node's lock.
 */
extern void st_history_prune(int64 pgt_id, int64 refresh_id);

/*
 * Delete a batch of what is too old or too much of one stream table's history, or of
 * what is too old of anybody's; how many rows there were. The caller is connected
 * to SPI, and no other session prunes the same, or it sees rows that are gone.
 */
extern uint64 st_history_prune_batch(int64 pgt_id);
extern uint64 st_history_prune_old(void);

/* so many rows at most */
#define ST_HISTORY_BATCH 1000

#endif							/* ST_CATALOG_HISTORY_H */
