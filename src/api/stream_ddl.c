/*-------------------------------------------------------------------------
 *
 * stream_ddl.c
 *	  pgtrickle.exec_stream_ddl(): stream tables made and dropped by commands.
 *
 * NOTES
 *	  CREATE [ OR REPLACE ] STREAM TABLE [ IF NOT EXISTS ] name
 *	      [ WITH ( parameter = value [, ...] ) ] AS query
 *	  DROP STREAM TABLE [ IF EXISTS ] name [, ...] [ CASCADE | RESTRICT ]
 *
 *	  Words are told apart by PostgreSQL's own scanner; the query is whatever
 *	  follows AS, and is not looked at here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/scanner.h"
#include "parser/scansup.h"
#include "utils/builtins.h"

#include "api/arguments.h"
#include "api/drop.h"
#include "api/name.h"
#include "query/query.h"

PG_FUNCTION_INFO_V1(st_sql_exec_stream_ddl);

/*
 * What core_yylex() returns, in the order of PostgreSQL's gram.y, which cannot
 * be included from here; PL/pgSQL's grammar repeats them as well. All others
 * are single characters, or refused.
 */
enum
{
	TOKEN_END = 0,
	TOKEN_IDENT = 258,
	TOKEN_UIDENT,
	TOKEN_FCONST,
	TOKEN_SCONST,
	TOKEN_USCONST,
	TOKEN_BCONST,
	TOKEN_XCONST,
	TOKEN_OP,
	TOKEN_ICONST
};

typedef struct Command
{
	const char *text;
	core_yyscan_t scanner;
	core_yy_extra_type extra;
	/* the token that is looked at */
	int			token;
	core_YYSTYPE value;
	YYLTYPE		location;
} Command;

/* no word is a keyword to the scanner */
static const ScanKeywordList no_keywords = {.max_kw_len = 0};

/* The scanner's own errors are about the command, not about the statement that calls us. */
static void
move_position(void *arg)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(((Command *) arg)->text);
	}
}

static void
next(Command *command)
{
	ErrorContextCallback callback = {error_context_stack, move_position, command};

	error_context_stack = &callback;
	command->token = core_yylex(&command->value, &command->location, command->scanner);
	error_context_stack = callback.previous;
}

#define SYNTAX "Write CREATE [OR REPLACE] STREAM TABLE [IF NOT EXISTS] name [WITH (parameter = value, ...)] AS query," \
	" or DROP STREAM TABLE [IF EXISTS] name, ... [CASCADE | RESTRICT]."

static void
refuse(const Command *command)
{
	if (command->token == TOKEN_END)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("syntax error at end of input"),
				 errhint(SYNTAX),
				 st_query_errposition(command->text, command->location)));
	/* the scanner has put the end of a string behind the token */
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("syntax error at or near \"%s\"", command->extra.scanbuf + command->location),
			 errhint(SYNTAX),
			 st_query_errposition(command->text, command->location)));
}

/* Is the token this word, in any case, and not within quotes? */
static bool
is_word(const Command *command, const char *word)
{
	return command->token == TOKEN_IDENT && command->text[command->location] != '"' &&
		strcmp(command->value.str, word) == 0;
}

static bool
accept_word(Command *command, const char *word)
{
	if (!is_word(command, word))
		return false;
	next(command);
	return true;
}

static void
require_word(Command *command, const char *word)
{
	if (!accept_word(command, word))
		refuse(command);
}

static void
require_token(Command *command, int token)
{
	if (command->token != token)
		refuse(command);
	next(command);
}

/* A name as the functions take it: quoted where that matters. */
static char *
read_name(Command *command)
{
	StringInfoData name;

	initStringInfo(&name);
	for (;;)
	{
		if (command->token != TOKEN_IDENT)
			refuse(command);
		appendStringInfoString(&name, quote_identifier(command->value.str));
		next(command);
		if (command->token != '.')
			return name.data;
		appendStringInfoChar(&name, '.');
		next(command);
	}
}

/* A word, a string or a number. */
static char *
read_value(Command *command)
{
	bool		negative = command->token == '-';
	char	   *value = NULL;

	if (negative)
		next(command);
	switch (command->token)
	{
		case TOKEN_ICONST:
			value = psprintf("%s%d", negative ? "-" : "", command->value.ival);
			break;
		case TOKEN_FCONST:
			value = psprintf("%s%s", negative ? "-" : "", command->value.str);
			break;
		case TOKEN_IDENT:
		case TOKEN_SCONST:
			if (negative)
				refuse(command);
			value = pstrdup(command->value.str);
			break;
		default:
			refuse(command);
	}
	next(command);
	return value;
}

static void
read_parameters(Command *command, StArguments *arguments)
{
	List	   *given = NIL;

	require_token(command, '(');
	do
	{
		char	   *parameter;

		if (command->token == ',')
			next(command);
		if (command->token != TOKEN_IDENT)
			refuse(command);
		parameter = pstrdup(command->value.str);
		if (list_member(given, makeString(parameter)))
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("parameter \"%s\" is given twice", parameter),
					 st_query_errposition(command->text, command->location)));
		given = lappend(given, makeString(parameter));
		next(command);
		require_token(command, '=');
		st_arguments_set(arguments, parameter, read_value(command));
	} while (command->token == ',');
	require_token(command, ')');
}

/* After CREATE. False if it was there already, and was to be left alone. */
static bool
create(Command *command)
{
	StLifecycleFunction function = ST_CREATE_STREAM_TABLE;
	StArguments *arguments;
	char	   *name;
	const char *query;
	Oid			existing = InvalidOid;

	if (accept_word(command, "or"))
	{
		require_word(command, "replace");
		function = ST_CREATE_OR_REPLACE_STREAM_TABLE;
	}
	require_word(command, "stream");
	require_word(command, "table");
	if (function == ST_CREATE_STREAM_TABLE && accept_word(command, "if"))
	{
		require_word(command, "not");
		require_word(command, "exists");
		function = ST_CREATE_STREAM_TABLE_IF_NOT_EXISTS;
	}
	name = read_name(command);
	arguments = st_arguments_make(function);
	if (accept_word(command, "with"))
		read_parameters(command, arguments);
	if (!is_word(command, "as"))
		refuse(command);
	query = command->text + command->location + strlen("as");
	while (scanner_isspace(*query))
		query++;
	st_arguments_set(arguments, "query", query);
	if (function == ST_CREATE_STREAM_TABLE_IF_NOT_EXISTS)
		existing = RangeVarGetRelid(st_parse_name(cstring_to_text(name)), NoLock, true);
	st_arguments_call(arguments, name);
	return !OidIsValid(existing);
}

/* After DROP. False if there was none of them, and none was required. */
static bool
drop(Command *command)
{
	List	   *relids = NIL;
	bool		missing_ok = false;
	bool		cascade;

	require_word(command, "stream");
	require_word(command, "table");
	if (accept_word(command, "if"))
	{
		require_word(command, "exists");
		missing_ok = true;
	}
	do
	{
		text	   *name;
		Oid			relid;

		if (command->token == ',')
			next(command);
		name = cstring_to_text(read_name(command));
		relid = missing_ok ? RangeVarGetRelid(st_parse_name(name), NoLock, true) : st_resolve_stream_table(name);
		if (OidIsValid(relid))
			relids = list_append_unique_oid(relids, st_resolve_stream_table(name));
		else
			ereport(NOTICE,
					(errmsg("stream table %s does not exist, skipping", text_to_cstring(name))));
	} while (command->token == ',');
	cascade = accept_word(command, "cascade");
	if (!cascade)
		(void) accept_word(command, "restrict");
	if (command->token == ';')
		next(command);
	if (command->token != TOKEN_END)
		refuse(command);
	if (relids == NIL)
		return false;
	st_note_lifecycle_call();
	st_drop_stream_tables(relids, cascade);
	return true;
}

Datum
st_sql_exec_stream_ddl(PG_FUNCTION_ARGS)
{
	Command		command = {.text = text_to_cstring(PG_GETARG_TEXT_PP(0))};
	bool		done;

	PreventCommandIfReadOnly("exec_stream_ddl()");
	command.scanner = scanner_init(command.text, &command.extra, &no_keywords, NULL);
	next(&command);
	if (accept_word(&command, "create"))
		done = create(&command);
	else
	{
		require_word(&command, "drop");
		done = drop(&command);
	}
	scanner_finish(command.scanner);
	PG_RETURN_BOOL(done);
}
