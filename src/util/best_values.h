/*-------------------------------------------------------------------------
 *
 * best_values.h
 *	  The first values of a group, as min() and max() order them.
 *
 * best_values.c has them as functions, which generated statements call.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_BEST_VALUES_H
#define ST_UTIL_BEST_VALUES_H

/* Of groups of so few rows none are kept: reading them costs no more. */
#define ST_BEST_FEW_ROWS 64

#endif							/* ST_UTIL_BEST_VALUES_H */
