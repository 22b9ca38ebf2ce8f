/*-------------------------------------------------------------------------
 *
 * limits.c
 *	  Queries that are larger than the settings allow.
 *
 * Only a query that is about to be a stream table is looked at: one that is, is
 * kept whatever becomes of the settings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_agg.h"

#include "guc.h"
#include "query/query.h"

typedef struct SizeContext
{
	int64		nodes;
	int			depth;
	int			deepest;
	bool		too_many_sets;
} SizeContext;

/* WITH queries count where they stand, views as subqueries. */
static bool
size_walker(Node *node, void *arg)
{
	SizeContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	context->nodes++;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		context->depth++;
		context->deepest = Max(context->deepest, context->depth);
		if (query->groupingSets &&
			expand_grouping_sets(query->groupingSets, query->groupDistinct, st_guc_max_grouping_set_branches) == NIL)
			context->too_many_sets = true;
		(void) query_tree_walker(query, size_walker, arg, 0);
		context->depth--;
		return false;
	}
	return expression_tree_walker(node, size_walker, arg);
}

void
st_query_check_size(Query *query)
{
	SizeContext context = {0};

	(void) size_walker((Node *) query, &context);
	if (context.deepest > st_guc_max_parse_depth)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("query too complex: subqueries are nested %d levels deep", context.deepest),
				 errdetail("The limit is %d. Views and WITH queries count as subqueries.", st_guc_max_parse_depth),
				 errhint("Define some of them as stream tables of their own, or raise \"%s\".", "pg_trickle.max_parse_depth")));
	if (st_guc_max_parse_nodes > 0 && context.nodes > st_guc_max_parse_nodes)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("query too complex: it has %lld nodes", (long long) context.nodes),
				 errdetail("The limit is %d.", st_guc_max_parse_nodes),
				 errhint("Define parts of it as stream tables of their own, or raise \"%s\".", "pg_trickle.max_parse_nodes")));
	if (context.too_many_sets)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("query too complex: GROUP BY has more than %d grouping sets", st_guc_max_grouping_set_branches),
				 errdetail("A state is kept for each of them."),
				 errhint("Ask for fewer, or raise \"%s\".", "pg_trickle.max_grouping_set_branches")));
}
