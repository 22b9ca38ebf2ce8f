/*-------------------------------------------------------------------------
 *
 * explain.h
 *	  What the explaining and debugging functions share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_API_EXPLAIN_H
#define ST_API_EXPLAIN_H

#include "postgres.h"

#include "refresh/refresh.h"

/* A statement of a stream table, with inputs of one row each. */
typedef struct StNamedStatement
{
	const char *label;
	StStatement *statement;
	int			ninputs;
	StInput    *inputs;
	bool		is_delta;		/* runs at every refresh with changes */
} StNamedStatement;

/*
 * All statements of a stream table; a recomputed one has its query only. Some
 * are made by this: the caller has entered the owner's scope.
 */
extern List *st_named_statements(StEntry *entry);

/* 16 hexadecimal digits of a statement's text. */
extern char *st_statement_hash(StStatement *statement);

/* The contract's word for how an aggregate is maintained. */
extern const char *st_strategy_word(StAggregateStrategy strategy);

/* Append the operators of a tree, one a line, inputs indented below. */
extern void st_print_operators(StringInfo text, StEntry *entry, int indent);

/* schema.name, quoted where needed. */
extern char *st_relation_label(Oid relid);

/* Names of a source's columns, joined by comma and blank. */
extern char *st_source_columns(const StSource *source);

#endif							/* ST_API_EXPLAIN_H */
