/*-------------------------------------------------------------------------
 *
 * join.h
 *	  The deltas of joins.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_DELTA_JOIN_H
#define ST_DELTA_JOIN_H

#include "lib/stringinfo.h"

#include "delta/delta.h"

/* Fill in a join's program but for its statements. */
extern void st_join_program_init(StProgram *program, StJoinProgram *target, StJoin *join);

/* The same for a slice, statements included. */
extern void st_slice_program_init(StProgram *program, StJoinProgram *target);

/* The slice's "core", if there is one; of the rest of the program there are classes and fetches. */
extern void st_slice_core_init(StProgram *program, StSliceProgram *slice, StJoin *join);

/* Searches go through tables and indexes in one direction: keys of that type are ordered by this. */
extern const char *st_slice_key_order(Oid type);

/* Parse a generated statement whose inputs are the leaves and "extra" (may be NULL). */
extern StStatement *st_make_statement(MemoryContext context, const char *text, List *leaves,
									  const StInput *extra);

/* Add the text of one term of a join's delta to the others. */
extern void st_add_term(StringInfo terms, const char *text);

#endif							/* ST_DELTA_JOIN_H */
