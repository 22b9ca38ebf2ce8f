/*-------------------------------------------------------------------------
 *
 * make.h
 *	  Pieces of query trees, as the rules put them together.
 *
 *	  All are allocated in the current context and hold what they are given,
 *	  not copies of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_QUERY_MAKE_H
#define ST_QUERY_MAKE_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"

/* A SELECT of these columns from all entries of "rtable", in that order. */
extern Query *st_make_query(List *rtable, Node *quals, List *targets);

/* The names c1, c2 and so on. */
extern List *st_make_names(int n);

/* Expressions as columns c1, c2 and so on. */
extern List *st_make_targets(List *exprs);

/* "GROUP BY target" by its type's own equality, without which it is an error; the target is one of these. */
extern SortGroupClause *st_make_group_clause(TargetEntry *target, List *targets);

/* A window that is changed: from then on it is printed whole, not by the name of another. */
extern void st_unname_window(WindowClause *window);

/* A subquery in FROM with these column names, not LATERAL. */
extern RangeTblEntry *st_make_subquery_entry(Query *subquery, const char *name, List *columns);

/* What a WITH query of this name returns, as an item of FROM; it has no column types. */
extern RangeTblEntry *st_make_with_entry(const char *with, const char *alias, List *columns);

/*
 * The position, from 1, of an expression that is equal to this one; it is
 * appended, not copied, if there is none.
 */
extern int	st_position_in(List **exprs, Node *expr);

/*
 * A Var becomes, in place and at its level, a column of the entry "varno", which
 * returns "columns": Vars of its own FROM. The Var's is appended if it is not there.
 */
extern void st_move_var(Var *var, int varno, List **columns);

/* count(*) */
extern Aggref *st_make_count(void);

/*
 * Make of a query the SELECT of these columns from a subquery, which has the
 * columns "names", where "quals" hold; what it grouped by is the subquery's.
 * The range table is the subquery's, with the rights that were checked for it.
 */
extern void st_stand_on(Query *query, Query *below, List *names, List *targets, Node *quals);

/* What a function, VALUES or XMLTABLE and kin in FROM are computed from: their own, not a copy. */
extern List *st_entry_arguments(const RangeTblEntry *rte);

/* The reference of FROM to an entry. */
extern Node *st_make_reference(int varno);

/* Which of the entries that an item of FROM is made of. */
typedef enum StReach
{
	ST_REACH_ALL,
	ST_REACH_INNER,				/* that no outer join comes upon */
	ST_REACH_PRESERVED			/* whose rows an outer join keeps: of a full
								 * one, both sides */
} StReach;

extern Bitmapset *st_entries_below(Node *item, StReach reach);

/* What every row of a FROM clause fulfils: WHERE, and ON of joins that no outer join comes upon. */
extern List *st_inner_conditions(Node *item);

/* The window that a function is computed over. */
extern WindowClause *st_window_of(Query *query, WindowFunc *function);

#endif							/* ST_QUERY_MAKE_H */
