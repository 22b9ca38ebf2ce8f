/*-------------------------------------------------------------------------
 *
 * locate.c
 *	  Where in the text of a query stands what we refuse.
 *
 * NOTES
 *	  Expressions know their place in the text they were parsed from, and -1
 *	  when they come from a view. Relations and clauses do not: they are looked
 *	  for in the text, which is parsed again. Only on the way to an error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "common/keywords.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parser.h"
#include "parser/scanner.h"

#include "query/locate.h"
#include "query/query.h"

int
st_query_errposition(const char *text, int location)
{
	if (text != NULL && location >= 0 && location <= strlen(text))
	{
		internalerrposition(pg_mbstrlen_with_len(text, location) + 1);
		internalerrquery(text);
	}
	return 0;
}

/* ----- tokens ----- */

typedef struct Tokens
{
	core_yyscan_t scanner;
	core_yy_extra_type extra;
	int			offset;			/* of the scanned part in the text */
} Tokens;

static void
begin_tokens(Tokens *tokens, const char *text, int offset)
{
	tokens->offset = offset;
	tokens->scanner = scanner_init(text + offset, &tokens->extra, &ScanKeywords, ScanKeywordTokens);
}

/* The next token, 0 at the end. */
static int
next_token(Tokens *tokens, int *location)
{
	core_YYSTYPE value;
	YYLTYPE		place;
	int			token = core_yylex(&value, &place, tokens->scanner);

	*location = tokens->offset + place;
	return token;
}

static int
keyword(const char *word)
{
	return ScanKeywordTokens[ScanKeywordLookup(word, &ScanKeywords)];
}

int
st_locate_token(const char *text, int from)
{
	Tokens		tokens;
	int			location;
	int			token;

	begin_tokens(&tokens, text, from);
	token = next_token(&tokens, &location);
	scanner_finish(tokens.scanner);
	return token == 0 ? -1 : location;
}

int
st_locate_locking(const char *text)
{
	Tokens		tokens;
	int			location;
	int			before = -1;	/* a FOR that came just before */
	int			token;
	int			result = -1;

	begin_tokens(&tokens, text, 0);
	while (result < 0 && (token = next_token(&tokens, &location)) != 0)
	{
		CHECK_FOR_INTERRUPTS();
		if (before >= 0 && (token == keyword("update") || token == keyword("share") ||
							token == keyword("no") || token == keyword("key")))
			result = before;
		before = token == keyword("for") ? location : -1;
	}
	scanner_finish(tokens.scanner);
	return result;
}

/* ----- relations ----- */

typedef struct RelationSearch
{
	Oid			relid;
	List	   *cte_names;
	List	   *candidates;		/* of RangeVar */
} RelationSearch;

static bool
relation_walker(Node *node, void *arg)
{
	RelationSearch *search = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeVar))
		search->candidates = lappend(search->candidates, node);
	if (IsA(node, CommonTableExpr))
		search->cte_names = lappend(search->cte_names, makeString(((CommonTableExpr *) node)->ctename));
	return raw_expression_tree_walker(node, relation_walker, arg);
}

int
st_locate_relation(const char *text, Oid relid)
{
	RelationSearch search = {.relid = relid};
	ListCell   *lc;

	foreach(lc, raw_parser(text, RAW_PARSE_DEFAULT))
		(void) relation_walker(lfirst_node(RawStmt, lc)->stmt, &search);
	foreach(lc, search.candidates)
	{
		RangeVar   *name = lfirst(lc);

		if (name->schemaname == NULL && list_member(search.cte_names, makeString(name->relname)))
			continue;
		if (RangeVarGetRelid(name, NoLock, true) == relid)
			return name->location;
	}
	return -1;
}
