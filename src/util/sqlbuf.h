/*-------------------------------------------------------------------------
 *
 * sqlbuf.h
 *	  The one place where names and literals become SQL text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_UTIL_SQLBUF_H
#define ST_UTIL_SQLBUF_H

#include "postgres.h"
#include "lib/stringinfo.h"

/* Fixed text, printf style: never a name or a value in the arguments. */
#define st_sql_text appendStringInfoString
#define st_sql_format appendStringInfo

extern void st_sql_identifier(StringInfo sql, const char *name);
extern void st_sql_literal(StringInfo sql, const char *value);

/* schema-qualified name of a relation; raises 42P01 if it is gone */
extern void st_sql_relation(StringInfo sql, Oid relid);

/* alias.column, both quoted; alias may be NULL */
extern void st_sql_column(StringInfo sql, const char *alias, const char *column);

/* fully qualified type name with modifier */
extern void st_sql_type(StringInfo sql, Oid type, int32 typmod);

/* OPERATOR(schema.name) */
extern void st_sql_operator(StringInfo sql, Oid operator);

/*
 * End a list of WITH queries that starts the text: the comma behind the last
 * goes, or the WITH if there is none.
 */
extern void st_sql_end_with(StringInfo sql);

/*
 * Pin the settings under which constants are printed into generated text and
 * read again (rule J11); undo with AtEOXact_GUC(false, level).
 */
extern int	st_sql_pin_printing(void);

#endif							/* ST_UTIL_SQLBUF_H */
