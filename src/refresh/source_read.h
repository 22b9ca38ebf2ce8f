/*-------------------------------------------------------------------------
 *
 * source_read.h
 *	  The delta of one source, read from its log.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_REFRESH_SOURCE_READ_H
#define ST_REFRESH_SOURCE_READ_H

#include "refresh/member.h"

/*
 * Fill in "rows", "desc" and "count" of the n-th source of a member: what is new
 * of its log, netted, without rows that nobody wants; "keys" are further conditions on
 * rows (varno 1) that are. Returns NULL, or why there is no
 * delta. Adds to the outcome's changed rows, wanted or not, and pages.
 */
extern const char *st_read_source(StMember *member, int n, List *keys, Snapshot snapshot, StRefreshOutcome *outcome);

/* All sources of a member, within the budget that its costs leave. */
extern const char *st_read_sources(StMember *member, Snapshot snapshot, StRefreshOutcome *outcome);

/* Is there so much to read that a recompute is certain to follow? Returns why, or NULL. */
extern const char *st_foresee_sources(StMember *member, Snapshot snapshot);

/* Of a relation, by the last ANALYZE or VACUUM. */
extern double st_estimated_rows(Oid relid);

/* The reason of that function when "read_budget_ms" of the outcome is spent. */
#define ST_READING_TOO_LONG "reading the changes took longer than the last recompute"

/* Is there anything to read? Makes the same checks. */
extern bool st_source_has_rows(StSourceDelta *source, Snapshot snapshot);

#endif							/* ST_REFRESH_SOURCE_READ_H */
