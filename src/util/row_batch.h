/*-------------------------------------------------------------------------
 *
 * row_batch.h
 *	  Rows on their way into a table, many at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_ROW_BATCH_H
#define ST_UTIL_ROW_BATCH_H

#include "postgres.h"
#include "utils/relcache.h"

typedef struct StRowBatch StRowBatch;

/*
 * For an open table, which stays open and locked until the end; memory below
 * the current context. "always_ring" says that much is to come: the first batch
 * goes through a ring of buffers too, not only the ones after it (rule B14).
 */
extern StRowBatch *st_row_batch_begin(Relation rel, bool always_ring);

/* Memory for what a row is made of: empty when its batch has been written. */
extern MemoryContext st_row_batch_context(StRowBatch *batch);

/* Add a row of the table, copied. True if that was the last of a batch, which is written. */
extern bool st_row_batch_add(StRowBatch *batch, const Datum *values, const bool *nulls);

/* Were rows added? */
extern bool st_row_batch_is_used(StRowBatch *batch);

/* Write what is left and free everything; indexes are the caller's. True if there was something left. */
extern bool st_row_batch_end(StRowBatch *batch);

#endif							/* ST_UTIL_ROW_BATCH_H */
