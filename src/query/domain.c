/*-------------------------------------------------------------------------
 *
 * domain.c
 *	  The domain of a correlated subquery: the distinct values asked with.
 *
 * NOTES
 *	  Its columns are the columns outside that the subquery refers to, and, of
 *	  each whose equal values can look different, what tells these apart: a value
 *	  that looks different though it is equal is one more value of the domain
 *	  (rule A3).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "query/domain.h"
#include "query/source_facts.h"
#include "util/fault.h"

/* ----- references to what is around ----- */

typedef struct ParameterContext
{
	List	   *parameters;		/* Vars of the query outside, of its own level */
	int			entry;			/* that they are read from, 0: only collect
								 * them */
	AttrNumber	before;			/* columns of it before theirs */
	Index		depth;			/* levels below that of the entry */
	bool		failed;			/* refers to what no domain can hold */
} ParameterContext;

static Node *
parameter_mutator(Node *node, void *arg)
{
	ParameterContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Var))
	{
		Var		   *var = copyObject((Var *) node);
		int			position;

		if (var->varlevelsup <= context->depth)
			return (Node *) var;
		if (var->varlevelsup > context->depth + 1 || var->varattno <= 0)
			context->failed = true;
		var->varlevelsup = 0;
		position = st_position_in(&context->parameters, (Node *) var);
		if (context->entry == 0)
			return node;
		return (Node *) makeVar(context->entry, context->before + position, var->vartype, var->vartypmod, var->varcollid, context->depth);
	}
	if ((IsA(node, Aggref) && ((Aggref *) node)->agglevelsup > context->depth) ||
		(IsA(node, GroupingFunc) && ((GroupingFunc *) node)->agglevelsup > context->depth))
	{
		context->failed = true;
		return node;
	}
	if (IsA(node, Query))
	{
		Query	   *result;

		context->depth++;
		result = query_tree_mutator((Query *) node, parameter_mutator, arg, 0);
		context->depth--;
		return (Node *) result;
	}
	return expression_tree_mutator(node, parameter_mutator, arg);
}

/* ----- values ----- */

bool
st_is_key_type(Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR | TYPECACHE_HASH_EXTENDED_PROC);

	return OidIsValid(entry->eq_opr) && OidIsValid(entry->lt_opr) && OidIsValid(entry->hash_extended_proc) &&
		get_typtype(type) != TYPTYPE_PSEUDO;
}

/* ----- who asks ----- */

static bool
is_read(Node *item, int varno)
{
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, RangeTblRef))
		return ((RangeTblRef *) item)->rtindex == varno;
	if (IsA(item, JoinExpr))
		return is_read(((JoinExpr *) item)->larg, varno) || is_read(((JoinExpr *) item)->rarg, varno);
	foreach(lc, castNode(FromExpr, item)->fromlist)
		if (is_read(lfirst(lc), varno))
			return true;
	return false;
}

/* Is the entry read by FROM, and by no nullable side of an outer join? */
static bool
is_kept(Node *item, int varno)
{
	JoinExpr   *join = (JoinExpr *) item;
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, RangeTblRef))
		return ((RangeTblRef *) item)->rtindex == varno;
	if (IsA(item, FromExpr))
	{
		foreach(lc, ((FromExpr *) item)->fromlist)
			if (is_kept(lfirst(lc), varno))
				return true;
		return false;
	}
	return (join->jointype != JOIN_RIGHT && join->jointype != JOIN_FULL && is_kept(join->larg, varno)) ||
		((join->jointype == JOIN_INNER || join->jointype == JOIN_RIGHT) && is_kept(join->rarg, varno));
}

/* Conditions of WHERE and of inner joins. */
static List *
conditions_of(Node *item)
{
	List	   *result;
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, FromExpr))
	{
		result = make_ands_implicit((Expr *) ((FromExpr *) item)->quals);
		foreach(lc, ((FromExpr *) item)->fromlist)
			result = list_concat(list_copy(result), conditions_of(lfirst(lc)));
		return result;
	}
	if (!IsA(item, JoinExpr) || ((JoinExpr *) item)->jointype != JOIN_INNER)
		return NIL;
	result = list_copy(make_ands_implicit((Expr *) ((JoinExpr *) item)->quals));
	result = list_concat(result, conditions_of(((JoinExpr *) item)->larg));
	return list_concat(result, conditions_of(((JoinExpr *) item)->rarg));
}

/* The rows outside that ask: those of one entry if all parameters are of it. */
static Query *
make_askers(const StAskers *askers, List *parameters)
{
	Query	   *outside = askers->query;
	Node	   *from = askers->from;
	int			varno = linitial_node(Var, parameters)->varno;
	RangeTblEntry *rte = rt_fetch(varno, outside->rtable);
	bool		single = !rte->lateral && is_kept(from, varno);
	Query	   *query;
	List	   *quals = NIL;
	ListCell   *lc;

	foreach(lc, parameters)
	{
		if (!is_read(from, lfirst_node(Var, lc)->varno))
			return NULL;
		single = single && lfirst_node(Var, lc)->varno == varno;
	}
	if (!single)
	{
		from = copyObject(from);
		query = st_make_query(list_copy_head(copyObject(outside->rtable), askers->nentries), NULL, NIL);
		query->jointree = IsA(from, FromExpr) ? (FromExpr *) from : makeFromExpr(list_make1(from), NULL);
		query->hasSubLinks = checkExprHasSubLink(from);
		return query;
	}
	query = st_make_query(list_make1(copyObject(rte)), NULL, NIL);
	/* on a nullable side its rows ask before anything above asks of them */
	foreach(lc, conditions_of(is_kept((Node *) outside->jointree, varno) || ST_FAULT("E11 nullable") ? (Node *) outside->jointree : from))
	{
		Bitmapset  *varnos = pull_varnos(NULL, lfirst(lc));

		if (bms_membership(varnos) == BMS_SINGLETON && bms_is_member(varno, varnos) && !checkExprHasSubLink(lfirst(lc)))
			quals = lappend(quals, copyObject(lfirst(lc)));
	}
	ChangeVarNodes((Node *) quals, varno, 1, 0);
	query->jointree->quals = quals ? (Node *) make_ands_explicit(quals) : NULL;
	return query;
}

/* ----- the domain ----- */

/*
 * Are the rows that ask those of a DISTINCT, with all its columns? Then they are
 * distinct as they are.
 */
static bool
is_distinct(Query *askers, List *asked)
{
	RangeTblEntry *rte = linitial_node(RangeTblEntry, askers->rtable);

	if (list_length(askers->rtable) != 1 || rte->rtekind != RTE_SUBQUERY || rte->subquery->distinctClause == NIL ||
		rte->subquery->hasDistinctOn)
		return false;
	for (int i = 1; i <= list_length(rte->subquery->targetList); i++)
	{
		bool		found = false;
		ListCell   *lc;

		foreach(lc, asked)
			found |= IsA(lfirst(lc), Var) && lfirst_node(Var, lc)->varattno == i;
		if (!found)
			return false;
	}
	return true;
}

StDomain *
st_find_domain(const StAskers *askers, Query *query, Index depth, BuildContext *build)
{
	ParameterContext context = {.depth = depth};
	StDomain   *domain = palloc0(sizeof(StDomain));
	ListCell   *lc;

	(void) query_tree_mutator(query, parameter_mutator, &context, 0);
	if (context.failed || context.parameters == NIL)
		return st_decline(build, "a subquery that is correlated with more than the query around it has no delta rule yet");
	foreach(lc, context.parameters)
		if (!st_is_key_type(lfirst_node(Var, lc)->vartype))
			return st_decline(build, "a subquery is correlated by values that cannot be compared");
	domain->parameters = context.parameters;
	domain->query = make_askers(askers, context.parameters);
	if (domain->query == NULL || st_is_correlated(domain->query))
		return st_decline(build, "a subquery that is correlated with more than the query around it has no delta rule yet");

	domain->asked = copyObject(context.parameters);
	foreach(lc, context.parameters)
	{
		Node	   *image = st_image_of(lfirst(lc), askers->query->rtable);

		if (image && !ST_FAULT("A3 domain"))
			domain->asked = lappend(domain->asked, image);
	}
	domain->query->targetList = st_make_targets(copyObject(domain->asked));
	if (list_length(domain->query->rtable) == 1)
		ChangeVarNodes((Node *) domain->query->targetList, linitial_node(Var, context.parameters)->varno, 1, 0);
	if (is_distinct(domain->query, domain->asked))
		return domain;
	foreach(lc, domain->query->targetList)
		domain->query->distinctClause = lappend(domain->query->distinctClause,
												st_make_group_clause(lfirst(lc), domain->query->targetList));
	return domain;
}

RangeTblEntry *
st_make_domain_entry(const StDomain *domain)
{
	return st_make_subquery_entry(copyObject(domain->query), "domain", st_make_names(list_length(domain->asked)));
}

void
st_ask_entry(Query *query, const StDomain *domain, int entry, AttrNumber before, Index depth)
{
	ParameterContext context = {.parameters = list_copy(domain->parameters), .entry = entry, .before = before, .depth = depth};
	ListCell   *lc;

	*query = *query_tree_mutator(query, parameter_mutator, &context, 0);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_SUBQUERY)
			rte->lateral = rte->lateral || st_is_correlated(rte->subquery);
		else if (rte->rtekind == RTE_FUNCTION || rte->rtekind == RTE_VALUES || rte->rtekind == RTE_TABLEFUNC)
			rte->lateral = true;
	}
}

Node *
st_domain_column_plain(const StDomain *domain, int column)
{
	Node	   *expr = list_nth(domain->asked, column);

	return column < list_length(domain->parameters) ? expr : linitial(pull_var_clause(expr, 0));
}

/* ----- how a row outside finds its own ----- */

bool
st_throws_null_away(Query *query, Var *column)
{
	ListCell   *lc;

	foreach(lc, conditions_of((Node *) query->jointree))
	{
		Node	   *condition = lfirst(lc);

		if (!checkExprHasSubLink(condition) && !contain_nonstrict_functions(condition) &&
			list_member(pull_var_clause(condition, PVC_RECURSE_AGGREGATES | PVC_RECURSE_WINDOWFUNCS), column))
			return true;
	}
	return false;
}

static Node *
make_null_test(Node *expr, NullTestType type)
{
	NullTest   *test = makeNode(NullTest);

	test->arg = (Expr *) copyObject(expr);
	test->nulltesttype = type;
	test->location = -1;
	return (Node *) test;
}

Node *
st_make_domain_tie(Node *expr, Var *column, bool not_null)
{
	Oid			operator = lookup_type_cache(column->vartype, TYPECACHE_EQ_OPR)->eq_opr;
	Expr	   *equality = make_opclause(operator, BOOLOID, false, (Expr *) copyObject(expr), (Expr *) copyObject(column),
										 InvalidOid, column->varcollid);

	set_opfuncid((OpExpr *) equality);
	if (not_null)
		return (Node *) equality;
	return (Node *) make_orclause(list_make2(equality,
											 make_andclause(list_make2(make_null_test(expr, IS_NULL),
																	   make_null_test((Node *) column, IS_NULL)))));
}
