/*-------------------------------------------------------------------------
 *
 * statement.h
 *	  Generated statements over ephemeral relations: parsed once, planned
 *	  for the delta's size, executed under a given snapshot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_STATEMENT_H
#define ST_UTIL_STATEMENT_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "tcop/dest.h"
#include "utils/snapshot.h"
#include "utils/tuplestore.h"

struct ExplainState;

/* The column of a relation that a column's values come from; its OID is 0 if there is none. */
typedef struct StOrigin
{
	Oid			relid;
	AttrNumber	attnum;
} StOrigin;

/* A named tuplestore that a statement may read by that name. */
typedef struct StInput
{
	const char *name;
	TupleDesc	desc;
	Tuplestorestate *rows;		/* may be NULL when only parsing */
	double		count;			/* rows, for the planner */
	const StOrigin *origins;	/* of each column, for the planner, or NULL */
} StInput;

typedef struct StStatement StStatement;

/* Called per result row; the slot is the executor's, valid for the call. */
typedef void (*StRowCallback) (TupleTableSlot *slot, void *arg);

/* Have the planner told of the inputs' values; once, when the library is loaded. */
extern void st_statement_init(void);

/*
 * Analyse the text of one statement, without the rewriter (rules F1): it must
 * name all columns itself. Ephemeral relations are resolved by name in
 * "inputs". The result lives in "context"; errors are those of the parser.
 */
extern StStatement *st_statement_create(MemoryContext context, const char *text,
										int ninputs, const StInput *inputs);

/*
 * The same for a query that is analysed and rewritten already (copied); its
 * permissions are checked at each run, as the current user.
 */
extern StStatement *st_statement_from_query(MemoryContext context, struct Query *query, const char *text);

/*
 * Rows of tables are looked up by index as long as the inputs have few for what
 * the statement reads. The planner takes an expression to cost nothing, and hashing
 * that of all rows for cheaper than it is. WITH queries are taken to return as
 * many rows as the inputs have, so that they are not compared row by row.
 */
extern void st_statement_look_up(StStatement *statement);

/* Check the permissions of such a statement without running it; raises 42501. */
extern void st_statement_check_permissions(StStatement *statement);

/*
 * Run a statement under "snapshot" (pushed as the active one; for statements
 * that write, the caller's snapshot must carry the current command id) and
 * hand each result row to "callback" (NULL: discard). Permissions are not
 * checked; relations are locked. Plans per size of the inputs. Returns the
 * number of rows processed. Ends with CommandCounterIncrement() if it wrote.
 */
extern uint64 st_statement_run(StStatement *statement, int ninputs, const StInput *inputs,
							   Snapshot snapshot, StRowCallback callback, void *arg);

/* Same, a SELECT's rows are put into a tuplestore. Returns their number. */
extern uint64 st_statement_fill(StStatement *statement, int ninputs, const StInput *inputs,
								Snapshot snapshot, Tuplestorestate *into);

/* What the planner expects a run to cost with these inputs, in its units. */
extern double st_statement_cost(StStatement *statement, int ninputs, const StInput *inputs);

/* The same, and how many rows the planner expects. */
extern void st_statement_estimate(StStatement *statement, int ninputs, const StInput *inputs, double *cost, double *rows);

/* The result's row type (SELECT or RETURNING); owned by the statement. */
extern TupleDesc st_statement_desc(StStatement *statement);
extern const char *st_statement_text(StStatement *statement);

/* Relations that the statement names, each once; views are expanded. */
extern List *st_statement_relations(StStatement *statement);

/* Relations that the plan for these inputs reads from end to end. */
extern List *st_statement_scanned(StStatement *statement, int ninputs, const StInput *inputs);

/* EXPLAIN the plan for these inputs (costs), as a group headed by "label". */
extern void st_statement_explain(StStatement *statement, int ninputs, const StInput *inputs,
								 const char *label, struct ExplainState *es);

/* Run a statement without inputs and EXPLAIN what happened; es->analyze is set. */
extern void st_statement_explain_run(StStatement *statement, struct ExplainState *es);

#endif							/* ST_UTIL_STATEMENT_H */
