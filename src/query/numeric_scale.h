/*-------------------------------------------------------------------------
 *
 * numeric_scale.h
 *	  The display scale that every value of a numeric expression has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_NUMERIC_SCALE_H
#define ST_QUERY_NUMERIC_SCALE_H

#include "nodes/nodes.h"
#include "nodes/pg_list.h"

/* The scale, or -1 if it is not the same for all values (rule E7d). */
extern int	st_numeric_scale(Node *expr, List *rtable);

#endif							/* ST_QUERY_NUMERIC_SCALE_H */
