/*-------------------------------------------------------------------------
 *
 * xxhash.h
 *	  The hashes XXH64 and XXH3 (64 bits).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_XXHASH_H
#define ST_UTIL_XXHASH_H

#include "postgres.h"

/* The same on every machine. */
extern uint64 st_xxh64(const unsigned char *data, Size length, uint64 seed);
extern uint64 st_xxh3_64(const unsigned char *data, Size length, uint64 seed);

#endif							/* ST_UTIL_XXHASH_H */
