/*-------------------------------------------------------------------------
 *
 * run.h
 *	  One run over the nodes of a stream table, as its files share it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_RUN_H
#define ST_REFRESH_RUN_H

#include "refresh/node_run.h"
#include "util/zset.h"

/* Rows with a weight behind them, for the next block. */
typedef struct StWeightedStore
{
	Tuplestorestate *rows;
	TupleDesc	desc;			/* with the weight */
	int64		count;
} StWeightedStore;

/* What the blocks of an entry read. */
typedef struct StRun
{
	StEntry    *entry;
	StSourceDelta *sources;		/* parallel to the program's sources */
	int			nsources;
	StWeightedStore *states;	/* by ordinal; filled as they are brought up
								 * to date */
	StWeightedStore *joins;		/* by ordinal; rows is NULL until it is needed */
	Snapshot	snapshot;
	StRefreshOutcome *outcome;
	const char *failure;		/* why the delta cannot be computed, or NULL */
} StRun;

/* The inputs of a block or join, in the order of its leaves. */
extern StInput *st_run_bind_inputs(StRun *run, List *leaves, bool *all_empty);

extern void st_begin_store(StWeightedStore *store, TupleDesc desc);
extern void st_store_row(TupleTableSlot *slot, int64 weight, StWeightedStore *store);

/* Move a netted Z-set without keys into a store. */
extern void st_store_zset(StZset *zset, StWeightedStore *store);

#endif							/* ST_REFRESH_RUN_H */
