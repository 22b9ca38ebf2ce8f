/*-------------------------------------------------------------------------
 *
 * recursive.h
 *	  Text of the statements that keep a recursion.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_DELTA_RECURSIVE_H
#define ST_DELTA_RECURSIVE_H

#include "delta/delta.h"

/* Make all statements of a node that has a step. */
extern void st_recursion_program_init(StProgram *program, StNodeProgram *target);

#endif							/* ST_DELTA_RECURSIVE_H */
