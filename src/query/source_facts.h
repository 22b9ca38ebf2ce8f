/*-------------------------------------------------------------------------
 *
 * source_facts.h
 *	  What the catalogs say of sources: keys, NOT NULL, virtual columns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_SOURCE_FACTS_H
#define ST_QUERY_SOURCE_FACTS_H

#include "query/query.h"

/* Entries for which an outer join within an item of FROM may put NULL. */
extern Bitmapset *st_entries_nullable(Node *item);

/* Is the column of the relation declared NOT NULL? False as well if it is gone. */
extern bool st_column_is_not_null(Oid relid, AttrNumber attnum);

/* Is a result column (1-based) of a linear block never NULL? */
extern bool st_block_column_not_null(Query *block, int column);

/*
 * The same for a column (1-based) or an expression of a query as it was
 * analysed: outer joins of its FROM are looked at.
 */
extern bool st_query_column_not_null(Query *query, int column);
extern bool st_query_expr_not_null(Query *query, Node *expr);

/* Do a query's conditions fix a unique key of each relation that it joins? */
extern bool st_query_has_one_row(Query *query);

/*
 * Do the query's conditions join at most one row of each of the references in
 * "others", which are relations, to each row of those in "known"? Both by
 * position in the range table, from 1.
 */
extern bool st_query_determines(Query *query, const Bitmapset *known, const Bitmapset *others);

/* Has the relation virtual generated columns? Only ever true from 18 on. */
extern bool st_relation_has_virtual(Oid relid);

/* Can a btree hold any value of the type? They are small and ordered. */
extern bool st_type_is_small_key(Oid type);

/*
 * By what joins look up rows of a state whose keys have these types: 0 for all
 * keys, in a btree, else the position of one. That is hashed unless it is small.
 * -1: no index can be.
 */
extern int	st_state_lookup_key(List *types);

/* Has any index of the relation one of these columns as its first? */
extern bool st_relation_has_index_on(Oid relid, const Bitmapset *attnums);

/* Is there an ordered index, not a partial one, over these columns in any order and then that one? */
extern bool st_relation_orders_behind(Oid relid, const Bitmapset *attnums, AttrNumber last);

/* Fill in the identity of the result (rule J13). */
extern void st_tree_find_identity(StTree *tree);

#endif							/* ST_QUERY_SOURCE_FACTS_H */
