/*-------------------------------------------------------------------------
 *
 * source_read.h
 *	  The delta of one source, read from its log.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_SOURCE_READ_H
#define ST_REFRESH_SOURCE_READ_H

#include "refresh/node_run.h"

/*
 * Fill in "rows", "desc" and "count" of a source: what is new of its log,
 * netted, without rows that nobody wants. Returns NULL, or why there is no
 * delta. Adds to the outcome's changed rows, wanted or not, and pages.
 */
extern const char *st_read_source(StSourceDelta *source, StSource *columns, StLeaf *leaf, Snapshot snapshot,
								  StRefreshOutcome *outcome);

/* The reason of that function when "read_budget_ms" of the outcome is spent. */
#define ST_READING_TOO_LONG "reading the changes took longer than the last recompute"

/* Is there anything to read? Makes the same checks. */
extern bool st_source_has_rows(StSourceDelta *source, Snapshot snapshot);

#endif							/* ST_REFRESH_SOURCE_READ_H */
