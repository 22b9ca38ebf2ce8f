/*-------------------------------------------------------------------------
 *
 * attempt.h
 *	  Doing something that may fail.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_ATTEMPT_H
#define ST_UTIL_ATTEMPT_H

#include "postgres.h"

/*
 * Call "part" in a subtransaction, in the caller's memory context; it returns
 * whether what it has done is to stay. Returns NULL, or its error, whatever that
 * is: rolled back, in the caller's memory context, for the caller to judge or to
 * give to ReThrowError().
 */
extern ErrorData *st_attempt(bool (*part) (void *arg), void *arg);

#endif							/* ST_UTIL_ATTEMPT_H */
