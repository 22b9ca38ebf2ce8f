/*-------------------------------------------------------------------------
 *
 * lookup.h
 *	  How rows with a given value are found: by an index, or in a state.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_LOOKUP_H
#define ST_QUERY_LOOKUP_H

#include "query/build.h"

/*
 * The column of a relation that a reference's column is, through subqueries
 * that do not compute it: a condition on it reaches the relation's index.
 */
extern bool st_find_relation_column(RangeTblEntry *rte, AttrNumber column, Oid *relid, AttrNumber *attnum);

/*
 * Does an index begin with the column, or did one when the states were made? To
 * be asked by whatever makes one set of states if so and another if not.
 */
extern bool st_lookup_is_indexed(BuildContext *build, Oid relid, AttrNumber attnum);

/*
 * The same, and are there few rows of a value, or were there when the states were
 * made?
 */
extern bool st_lookup_finds_few(BuildContext *build, Oid relid, AttrNumber attnum);

/*
 * The distinct values of what ties a subquery to the query around it, or is
 * compared with its columns (Params of "test"), as a query to be joined as entry
 * "varno" of that query under these conditions. NULL: an index finds the
 * matches, or they depend on more than equality. The subquery stays as it is.
 */
extern Query *st_match_state(BuildContext *build, Query *subquery, int varno, Node *test, List **conditions);

#endif							/* ST_QUERY_LOOKUP_H */
