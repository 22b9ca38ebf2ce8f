/*-------------------------------------------------------------------------
 *
 * held.h
 *	  Stream tables that a refresh has left as they are, because somebody wants
 *	  it so.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_SCHEDULE_HELD_H
#define ST_SCHEDULE_HELD_H

#include "postgres.h"

#include "schedule/node.h"
#include "schedule/worker.h"

/* What a job says of a stream table; NULL: it was not part of it. */
extern const StJobNode *st_job_node(const StJobResult *result, Oid relid);

/*
 * A refresh that was handed out under this generation of the graph has left
 * the node as it is. Remember it until the generation changes, and write it into
 * the history if it is news. Does not raise. The caller is outside of any
 * transaction.
 */
extern void st_held_record(StScheduled *node, const StJobNode *run, uint64 generation);

/* Another one of its unit keeps it from being refreshed: into the history, if it is news. Likewise. */
extern void st_held_note_blocked(StScheduled *node, const StScheduled *obstacle);

/* It was refreshed. */
extern void st_held_forget(StScheduled *node);

#endif							/* ST_SCHEDULE_HELD_H */
