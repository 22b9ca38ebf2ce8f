/*-------------------------------------------------------------------------
 *
 * locate.h
 *	  Where in the text of a query stands what we refuse.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_LOCATE_H
#define ST_QUERY_LOCATE_H

#include "postgres.h"

/*
 * All return a byte offset into a text that PostgreSQL has parsed, -1 if it is
 * not there, for example because it comes from a view.
 */

/* The first token at or after an offset: comments and blanks are none. */
extern int	st_locate_token(const char *text, int from);

/* FOR UPDATE, FOR SHARE and kin. */
extern int	st_locate_locking(const char *text);

/* Where the relation is named, under the present search_path. */
extern int	st_locate_relation(const char *text, Oid relid);

#endif							/* ST_QUERY_LOCATE_H */
