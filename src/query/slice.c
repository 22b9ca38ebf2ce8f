/*-------------------------------------------------------------------------
 *
 * slice.c
 *	  Queries that fall into slices: what is evaluated for the touched keys only.
 *
 * NOTES
 *	  A query falls into slices by a key when every row of its result depends
 *	  only on rows of its sources that agree in that key. Its delta is then the
 *	  query over the new rows with a touched key minus the query over the old
 *	  rows with a touched key (rule E5), whatever the query does inside a slice:
 *	  windows that are partitioned by the key, outer joins and subqueries that
 *	  are tied by it, groups that contain it.
 *
 *	  The key is searched for by trying columns. From one column the class of
 *	  those that equal it in every row grows along equality conditions, from
 *	  preserved to nullable sides of outer joins, into subqueries, and into
 *	  subqueries in expressions through the columns of outer levels that they
 *	  compare with. References in the class are read by slice.
 *
 *	  Others may be linked to those: "x.b = f.a" where a row of "x" that equals
 *	  no "f.a" has no influence. Then a slice needs only the rows of "x" that
 *	  equal an "f.a" of its rows of "f", and a change of "x" touches the slices
 *	  of the rows of "f" that it equals. So "x", or a subquery, is cut by keys of
 *	  its own, those of a linked class, whose parent is the class of "f". What
 *	  cannot be linked is read whole: it may not have changed.
 *
 *	  What a slice yields must be determined by its rows alone, since the old
 *	  result is evaluated again (rule A5): aggregates and windows that depend on
 *	  the order of their input are refused, or their order is completed.
 *
 *	  The query that is handed in is a copy and is changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_oper.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "query/build.h"
#include "query/source_facts.h"

#define SLICE_PREFIX "__pgt_r"

/* subqueries that are tried with another key, for one key of the whole */
#define MAX_ATTEMPTS 100

/* What is found for one key of the whole. */
typedef struct Slicing
{
	List	   *classes;		/* of StSliceClass */
	List	   *sliced;			/* of StSliceReference, with "rte" set */
	List	   *whole;			/* of RangeTblEntry */
	int			attempts;
} Slicing;

/* One class, while a query is cut by its keys. */
typedef struct SliceContext
{
	Slicing    *all;
	int			number;			/* of the class */
	Oid			type;			/* of its key */
	Oid			collation;
} SliceContext;

int
st_slice_ordinal(const RangeTblEntry *rte)
{
	const char *name = rte->alias ? rte->alias->aliasname : "";

	if (rte->rtekind != RTE_RELATION || strncmp(name, SLICE_PREFIX, strlen(SLICE_PREFIX)) != 0)
		return -1;
	return atoi(name + strlen(SLICE_PREFIX));
}

char *
st_slice_input_name(int ordinal)
{
	return psprintf(SLICE_PREFIX "%d", ordinal);
}

/* ----- the class of the key's columns ----- */

/* The columns of one level that equal the key, and those of outer levels. */
typedef struct Level
{
	SliceContext *slice;
	Query	   *query;
	struct Level *above;		/* of the query around it, or NULL */
	List	   *members;		/* of Var */
	List	   *links;			/* of Link */
	Bitmapset  *solid;			/* references that no outer join makes nullable */
	bool		correlated;		/* its rows are tied to the key of an outer row */
	bool		grown;
} Level;

/* A condition that throws away rows whose "to" does not equal "from". */
typedef struct Link
{
	Var		   *to;
	Var		   *from;			/* may be of an outer level */
} Link;

static bool
is_member(Level *level, Node *expr)
{
	ListCell   *lc;

	if (!IsA(expr, Var))
		return false;
	foreach(lc, level->members)
	{
		Var		   *member = lfirst_node(Var, lc);

		if (member->varno == ((Var *) expr)->varno && member->varattno == ((Var *) expr)->varattno &&
			member->varlevelsup == ((Var *) expr)->varlevelsup)
			return true;
	}
	return false;
}

/* The member that is a column of this reference, or NULL. */
static Var *
member_of(Level *level, int varno)
{
	ListCell   *lc;

	foreach(lc, level->members)
	{
		Var		   *member = lfirst_node(Var, lc);

		if (member->varlevelsup == 0 && member->varno == varno)
			return member;
	}
	return NULL;
}

/* Does the operator compare such keys as the grouping of keys does? */
static bool
is_equality(OpExpr *op, Oid type, Oid collation)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_EQ_OPR);

	return list_length(op->args) == 2 && op->opno == entry->eq_opr && op->inputcollid == collation &&
		exprType(linitial(op->args)) == type && exprType(lsecond(op->args)) == type;
}

static bool
is_key_equality(SliceContext *slice, OpExpr *op)
{
	return is_equality(op, slice->type, slice->collation);
}

/* Can values of the type be keys? */
static bool
can_be_key(Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_HASH_PROC);

	return OidIsValid(entry->eq_opr) && OidIsValid(entry->hash_proc) && !type_is_rowtype(type);
}

/* Columns of "targets" that a condition equates with another column may be linked to it. */
static void
note_links(Level *level, List *conditions, const Bitmapset *targets)
{
	ListCell   *lc;

	foreach(lc, conditions)
	{
		OpExpr	   *op = lfirst(lc);

		if (!IsA(op, OpExpr) || list_length(op->args) != 2)
			continue;
		for (int side = 0; side < 2; side++)
		{
			Var		   *from = list_nth(op->args, side);
			Var		   *to = list_nth(op->args, 1 - side);
			Link	   *link;

			if (!IsA(from, Var) || !IsA(to, Var) || to->varlevelsup > 0 || to->varattno <= 0 ||
				!bms_is_member(to->varno, targets) || !can_be_key(to->vartype) ||
				!is_equality(op, to->vartype, to->varcollid))
				continue;
			link = palloc(sizeof(Link));
			link->to = to;
			link->from = from;
			level->links = lappend(level->links, link);
		}
	}
}

/* Columns of "targets" that a condition equates with a member become members. */
static void
grow_by_conditions(Level *level, List *conditions, const Bitmapset *targets, bool filters)
{
	ListCell   *lc;

	foreach(lc, conditions)
	{
		OpExpr	   *op = lfirst(lc);

		if (!IsA(op, OpExpr) || !is_key_equality(level->slice, op))
			continue;
		for (int side = 0; side < 2; side++)
		{
			Node	   *from = list_nth(op->args, side);
			Var		   *to = list_nth(op->args, 1 - side);

			if (!is_member(level, from) || !IsA(to, Var) || to->varlevelsup > 0 ||
				to->varattno <= 0 || !bms_is_member(to->varno, targets))
				continue;
			if (filters && ((Var *) from)->varlevelsup > 0)
				level->correlated = true;
			if (!is_member(level, (Node *) to) && member_of(level, to->varno) == NULL)
			{
				level->members = lappend(level->members, to);
				level->grown = true;
			}
		}
	}
}

/* Returns the references of the item that no outer join below it makes nullable. */
static Bitmapset *
grow_item(Level *level, Node *item)
{
	Bitmapset  *left;
	Bitmapset  *right;
	List	   *conditions;
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, RangeTblRef))
		return bms_make_singleton(((RangeTblRef *) item)->rtindex);
	if (IsA(item, FromExpr))
	{
		Bitmapset  *all = NULL;

		foreach(lc, ((FromExpr *) item)->fromlist)
			all = bms_join(all, grow_item(level, lfirst(lc)));
		conditions = make_ands_implicit((Expr *) ((FromExpr *) item)->quals);
		grow_by_conditions(level, conditions, all, true);
		note_links(level, conditions, all);
		return all;
	}
	left = grow_item(level, castNode(JoinExpr, item)->larg);
	right = grow_item(level, ((JoinExpr *) item)->rarg);
	conditions = make_ands_implicit((Expr *) ((JoinExpr *) item)->quals);
	switch (((JoinExpr *) item)->jointype)
	{
		case JOIN_INNER:
			left = bms_join(left, right);
			grow_by_conditions(level, conditions, left, true);
			note_links(level, conditions, left);
			return left;
		case JOIN_LEFT:
			grow_by_conditions(level, conditions, right, false);
			note_links(level, conditions, right);
			return left;
		case JOIN_RIGHT:
			grow_by_conditions(level, conditions, left, false);
			note_links(level, conditions, left);
			return right;
		default:
			/* rows of a full join that equal nothing are in its result */
			grow_by_conditions(level, conditions, bms_join(left, right), false);
			return NULL;
	}
}

static bool
has_member(Level *level, Node *item)
{
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, RangeTblRef))
		return member_of(level, ((RangeTblRef *) item)->rtindex) != NULL;
	if (IsA(item, FromExpr))
	{
		foreach(lc, ((FromExpr *) item)->fromlist)
			if (has_member(level, lfirst(lc)))
				return true;
		return false;
	}
	return has_member(level, castNode(JoinExpr, item)->larg) || has_member(level, ((JoinExpr *) item)->rarg);
}

/* A full join is tied by the key on both sides or not at all. */
static bool
full_joins_are_tied(Level *level, Node *item)
{
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, FromExpr))
	{
		foreach(lc, ((FromExpr *) item)->fromlist)
			if (!full_joins_are_tied(level, lfirst(lc)))
				return false;
	}
	else if (IsA(item, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) item;

		if (join->jointype == JOIN_FULL && has_member(level, join->larg) != has_member(level, join->rarg))
			return false;
		return full_joins_are_tied(level, join->larg) && full_joins_are_tied(level, join->rarg);
	}
	return true;
}

/* ----- levels ----- */

static bool slice_query(Query *query, List *seeds, List *outer, bool top, SliceContext *slice, Level *above);

/* Rows with equal values in these columns have the same key, also where it is NULL. */
static bool
clause_has_member(Level *level, List *clauses, List *targets)
{
	ListCell   *lc;

	foreach(lc, clauses)
	{
		Node	   *expr = get_sortgroupclause_expr(lfirst(lc), targets);

		if (is_member(level, expr) && bms_is_member(((Var *) expr)->varno, level->solid))
			return true;
	}
	return false;
}

/* Do grouping, DISTINCT and windows of the level stay within a slice? */
static bool
stays_in_slice(Level *level, Query *query)
{
	ListCell   *lc;

	if (level->correlated)
		return true;
	if (query->groupingSets)
		return false;
	if ((query->hasAggs || query->groupClause || query->havingQual) &&
		!clause_has_member(level, query->groupClause, query->targetList))
		return false;
	if (query->distinctClause && !clause_has_member(level, query->distinctClause, query->targetList))
		return false;
	foreach(lc, query->windowClause)
		if (!clause_has_member(level, lfirst_node(WindowClause, lc)->partitionClause, query->targetList))
			return false;
	return true;
}

static bool
whole_walker(Node *node, void *arg)
{
	Slicing    *all = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		if (((RangeTblEntry *) node)->rtekind == RTE_RELATION)
			all->whole = lappend(all->whole, node);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, whole_walker, arg,
								 QTW_EXAMINE_RTES_BEFORE | QTW_IGNORE_JOINALIASES);
	return expression_tree_walker(node, whole_walker, arg);
}

/* Slice a subquery, or leave everything as it was. */
static bool
try_slice(Query *query, List *seeds, List *outer, SliceContext *slice, Level *above)
{
	Slicing    *all = slice->all;
	int			classes = list_length(all->classes);
	int			sliced = list_length(all->sliced);
	int			whole = list_length(all->whole);

	if (slice_query(query, seeds, outer, false, slice, above))
		return true;
	all->classes = list_truncate(all->classes, classes);
	all->sliced = list_truncate(all->sliced, sliced);
	all->whole = list_truncate(all->whole, whole);
	return false;
}

/* The members as a subquery one level down sees them. */
static List *
members_from_below(Level *level)
{
	List	   *result = copyObject(level->members);
	ListCell   *lc;

	foreach(lc, result)
		lfirst_node(Var, lc)->varlevelsup++;
	return result;
}

static List *
column_as_seed(Query *query, AttrNumber column)
{
	TargetEntry *tle;

	if (column <= 0 || column > list_length(query->targetList))
		return NIL;
	tle = list_nth_node(TargetEntry, query->targetList, column - 1);
	/* columns of set operations are seeds by their number */
	if (!IsA(tle->expr, Var) || ((Var *) tle->expr)->varlevelsup > 0)
		return NIL;
	if (query->setOperations)
		return list_make1(makeVar(0, column, exprType((Node *) tle->expr), -1,
								  exprCollation((Node *) tle->expr), 0));
	return list_make1(copyObject(tle->expr));
}

static void
add_reference(SliceContext *slice, RangeTblEntry *rte, AttrNumber column)
{
	StSliceReference *reference = palloc0(sizeof(StSliceReference));

	reference->relid = rte->relid;
	reference->attnum = column;
	reference->number = slice->number;
	reference->rte = rte;
	slice->all->sliced = lappend(slice->all->sliced, reference);
}

typedef struct CandidateContext
{
	List	   *candidates;		/* of Var */
	Index		depth;
} CandidateContext;

/* Columns of the level, "depth" levels up, from wherever in it or below they are used. */
static bool
candidate_walker(Node *node, void *arg)
{
	CandidateContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Var))
	{
		if (((Var *) node)->varlevelsup == context->depth)
		{
			Var		   *var = makeVar(((Var *) node)->varno, ((Var *) node)->varattno, ((Var *) node)->vartype,
									  -1, ((Var *) node)->varcollid, 0);

			context->candidates = list_append_unique(context->candidates, var);
		}
		return false;
	}
	if (IsA(node, Query))
	{
		bool		result;

		context->depth++;
		result = query_tree_walker((Query *) node, candidate_walker, arg, QTW_IGNORE_JOINALIASES);
		context->depth--;
		return result;
	}
	return expression_tree_walker(node, candidate_walker, arg);
}

/* ----- links ----- */

/* The number of the sliced reference whose column a Var shows, or -1. */
static int
find_origin(Level *level, const Var *var, AttrNumber *column)
{
	Query	   *query;
	RangeTblEntry *rte;

	for (Index up = var->varlevelsup; up > 0 && level; up--)
		level = level->above;
	if (level == NULL)
		return -1;
	query = level->query;
	for (;;)
	{
		List	   *seeds;
		ListCell   *lc;

		if (var->varattno <= 0)
			return -1;
		rte = rt_fetch(var->varno, query->rtable);
		if (rte->rtekind == RTE_RELATION)
		{
			*column = var->varattno;
			foreach(lc, level->slice->all->sliced)
				if (((StSliceReference *) lfirst(lc))->rte == rte)
					return foreach_current_index(lc);
			return -1;
		}
		if (rte->rtekind != RTE_SUBQUERY || rte->subquery->setOperations)
			return -1;
		query = rte->subquery;
		seeds = column_as_seed(query, var->varattno);
		if (seeds == NIL)
			return -1;
		var = linitial_node(Var, seeds);
	}
}

/* The class whose keys are the values of a column of a sliced reference; false: it is none. */
static bool
find_class(Level *level, const Var *from, SliceContext *result)
{
	Slicing    *all = level->slice->all;
	AttrNumber	column;
	int			origin = find_origin(level, from, &column);
	StSliceClass *class;
	ListCell   *lc;

	if (origin < 0 || !can_be_key(from->vartype))
		return false;
	result->all = all;
	result->type = from->vartype;
	result->collation = from->varcollid;
	foreach(lc, all->classes)
	{
		class = lfirst(lc);
		result->number = foreach_current_index(lc);
		if (result->number > 0 && class->origin == origin && class->column == column)
			return true;
	}
	class = palloc0(sizeof(StSliceClass));
	class->type = result->type;
	class->collation = result->collation;
	class->origin = origin;
	class->column = column;
	result->number = list_length(all->classes);
	all->classes = lappend(all->classes, class);
	return true;
}

/* Try to cut a subquery by the keys that "from" shows. */
static bool
try_class(Level *level, Query *query, const Var *from, List *seeds, bool correlated)
{
	Slicing    *all = level->slice->all;
	int			classes = list_length(all->classes);
	SliceContext slice;
	List	   *outer = NIL;

	if (all->attempts >= MAX_ATTEMPTS || !find_class(level, from, &slice))
		return false;
	all->attempts++;
	if (correlated)
	{
		Var		   *var = copyObject(unconstify(Var *, from));

		var->varlevelsup++;
		outer = list_make1(var);
	}
	if (try_slice(query, seeds, outer, &slice, level))
		return true;
	all->classes = list_truncate(all->classes, classes);
	return false;
}

/* The columns of the level that a subquery refers to. */
static bool
link_correlated(Level *level, Query *query)
{
	CandidateContext search = {NIL, 1};
	ListCell   *lc;

	(void) query_tree_walker(query, candidate_walker, &search, QTW_IGNORE_JOINALIASES);
	foreach(lc, search.candidates)
		if (try_class(level, query, lfirst_node(Var, lc), NIL, true))
			return true;
	return false;
}

/* Link one entry of FROM. */
static bool
link_entry(Level *level, int varno)
{
	RangeTblEntry *rte = rt_fetch(varno, level->query->rtable);
	ListCell   *lc;

	foreach(lc, level->links)
	{
		Link	   *link = lfirst(lc);
		SliceContext slice;

		if (link->to->varno != varno)
			continue;
		if (rte->rtekind == RTE_SUBQUERY)
		{
			List	   *seeds = column_as_seed(rte->subquery, link->to->varattno);

			if (seeds && try_class(level, rte->subquery, link->from, seeds, false))
				return true;
		}
		else if (find_class(level, link->from, &slice))
		{
			add_reference(&slice, rte, link->to->varattno);
			return true;
		}
	}
	return rte->rtekind == RTE_SUBQUERY && rte->lateral && link_correlated(level, rte->subquery);
}

/* Collects relations and subqueries of FROM that are not cut by the level's key. */
static void
slice_references(Level *level, Node *item, List **rest)
{
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, RangeTblRef))
	{
		int			varno = ((RangeTblRef *) item)->rtindex;
		RangeTblEntry *rte = rt_fetch(varno, level->query->rtable);
		Var		   *member = member_of(level, varno);

		if (rte->rtekind == RTE_RELATION && member)
			add_reference(level->slice, rte, member->varattno);
		else if (rte->rtekind == RTE_RELATION)
			*rest = lappend_int(*rest, varno);
		else if (rte->rtekind == RTE_SUBQUERY &&
				 !try_slice(rte->subquery, member ? column_as_seed(rte->subquery, member->varattno) : NIL,
							rte->lateral ? members_from_below(level) : NIL, level->slice, level))
			*rest = lappend_int(*rest, varno);
	}
	else if (IsA(item, FromExpr))
	{
		foreach(lc, ((FromExpr *) item)->fromlist)
			slice_references(level, lfirst(lc), rest);
	}
	else
	{
		slice_references(level, castNode(JoinExpr, item)->larg, rest);
		slice_references(level, ((JoinExpr *) item)->rarg, rest);
	}
}

/* Link what can be, in any order, to what is sliced or linked already; read the others whole. */
static void
link_references(Level *level, List *rest)
{
	bool		progress;
	ListCell   *lc;

	do
	{
		progress = false;
		foreach(lc, rest)
			if (link_entry(level, lfirst_int(lc)))
			{
				rest = foreach_delete_current(rest, lc);
				progress = true;
			}
	} while (progress);
	foreach(lc, rest)
	{
		RangeTblEntry *rte = rt_fetch(lfirst_int(lc), level->query->rtable);

		if (rte->rtekind == RTE_SUBQUERY)
			(void) whole_walker((Node *) rte->subquery, level->slice->all);
		else
			level->slice->all->whole = lappend(level->slice->all->whole, rte);
	}
}

typedef struct SublinkContext
{
	Level	   *level;
	List	   *conjuncts;		/* of WHERE: here a NULL is as good as false */
} SublinkContext;

static bool
sublink_walker(Node *node, void *arg)
{
	SublinkContext *context = arg;
	Level	   *level = context->level;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, SubLink))
	{
		SubLink    *sublink = (SubLink *) node;
		Query	   *query = castNode(Query, sublink->subselect);
		OpExpr	   *test = (OpExpr *) sublink->testexpr;
		Var		   *tested = NULL;
		List	   *seeds = NIL;

		/* "key IN (SELECT column ...)" where only true counts */
		if (sublink->subLinkType == ANY_SUBLINK && list_member_ptr(context->conjuncts, sublink) &&
			IsA(test, OpExpr) && IsA(linitial(test->args), Var) && IsA(lsecond(test->args), Param))
		{
			tested = linitial(test->args);
			if (is_equality(test, tested->vartype, tested->varcollid))
				seeds = column_as_seed(query, ((Param *) lsecond(test->args))->paramid);
		}
		if (!try_slice(query, seeds && is_key_equality(level->slice, test) && is_member(level, (Node *) tested) ? seeds : NIL,
					   members_from_below(level), level->slice, level) &&
			!(seeds && try_class(level, query, tested, seeds, false)) &&
			!link_correlated(level, query))
			(void) whole_walker((Node *) query, level->slice->all);
		return sublink_walker(sublink->testexpr, arg);
	}
	if (IsA(node, Query))
		return false;
	return expression_tree_walker(node, sublink_walker, arg);
}

/* Every arm of a set operation has the key in the same column. */
static bool
slice_arms(Query *query, List *seeds, SliceContext *slice)
{
	ListCell   *lc;
	AttrNumber	column;

	if (seeds == NIL)
		return false;
	column = linitial_node(Var, seeds)->varattno;
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		List	   *seed = rte->rtekind == RTE_SUBQUERY ? column_as_seed(rte->subquery, column) : NIL;

		if (seed == NIL || exprType(linitial(seed)) != slice->type ||
			exprCollation(linitial(seed)) != slice->collation ||
			!slice_query(rte->subquery, seed, NIL, false, slice, NULL))
			return false;
	}
	return true;
}

static void
collect_conjuncts(Node *item, List **conjuncts)
{
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, FromExpr))
	{
		*conjuncts = list_concat(*conjuncts, make_ands_implicit((Expr *) ((FromExpr *) item)->quals));
		foreach(lc, ((FromExpr *) item)->fromlist)
			collect_conjuncts(lfirst(lc), conjuncts);
	}
	else if (IsA(item, JoinExpr) && ((JoinExpr *) item)->jointype == JOIN_INNER)
	{
		*conjuncts = list_concat(*conjuncts, make_ands_implicit((Expr *) ((JoinExpr *) item)->quals));
		collect_conjuncts(((JoinExpr *) item)->larg, conjuncts);
		collect_conjuncts(((JoinExpr *) item)->rarg, conjuncts);
	}
}

/* References whose columns can be the key of the whole: of full joins, either side. */
static Bitmapset *
possible_places(Node *item)
{
	Bitmapset  *places = NULL;
	ListCell   *lc;

	check_stack_depth();
	if (IsA(item, RangeTblRef))
		return bms_make_singleton(((RangeTblRef *) item)->rtindex);
	if (IsA(item, FromExpr))
	{
		foreach(lc, ((FromExpr *) item)->fromlist)
			places = bms_join(places, possible_places(lfirst(lc)));
		return places;
	}
	if (castNode(JoinExpr, item)->jointype != JOIN_RIGHT)
		places = possible_places(((JoinExpr *) item)->larg);
	if (((JoinExpr *) item)->jointype != JOIN_LEFT)
		places = bms_join(places, possible_places(((JoinExpr *) item)->rarg));
	return places;
}

/*
 * Slice one level and what is below it, starting from columns of its own
 * ("seeds") and of outer levels. Below the top, the seeds must show the key in
 * every row. False: it does not fall into slices.
 */
static bool
slice_query(Query *query, List *seeds, List *outer, bool top, SliceContext *slice, Level *above)
{
	Level		level = {.slice = slice, .query = query, .above = above};
	SublinkContext sublinks = {&level, NIL};
	List	   *rest = NIL;
	Bitmapset  *places;
	ListCell   *lc;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (query->setOperations)
		return slice_arms(query, seeds, slice);
	foreach(lc, seeds)
		if (exprType(lfirst(lc)) != slice->type || exprCollation(lfirst(lc)) != slice->collation)
			return false;
	level.members = list_concat(list_copy(seeds), outer);
	do
	{
		level.grown = false;
		level.links = NIL;
		level.solid = grow_item(&level, (Node *) query->jointree);
	} while (level.grown);
	places = top ? possible_places((Node *) query->jointree) : level.solid;
	foreach(lc, seeds)
		if (!bms_is_member(lfirst_node(Var, lc)->varno, places))
			return false;
	if ((seeds == NIL && !level.correlated) ||
		!full_joins_are_tied(&level, (Node *) query->jointree) || !stays_in_slice(&level, query))
		return false;
	slice_references(&level, (Node *) query->jointree, &rest);
	link_references(&level, rest);
	collect_conjuncts((Node *) query->jointree, &sublinks.conjuncts);
	(void) sublink_walker((Node *) query->targetList, &sublinks);
	(void) sublink_walker((Node *) query->jointree, &sublinks);
	(void) sublink_walker(query->havingQual, &sublinks);
	return true;
}

/* ----- what depends on the order of rows ----- */

/* Aggregates whose result depends on the set of their inputs only. */
static bool
aggregate_is_determined(Oid function, List *types, Oid collation)
{
	static const char *const sums[] = {
		"sum", "avg", "variance", "var_samp", "var_pop", "stddev", "stddev_samp", "stddev_pop"
	};
	static const char *const others[] = {
		"count", "bool_and", "bool_or", "every", "bit_and", "bit_or", "bit_xor",
		"rank", "dense_rank", "percent_rank", "cume_dist"
	};
	char	   *name = get_func_name(function);
	Oid			type = types ? linitial_oid(types) : InvalidOid;

	if (get_func_namespace(function) != PG_CATALOG_NAMESPACE || name == NULL)
		return false;
	/* which of several equal images is shown is a choice */
	if (strcmp(name, "min") == 0 || strcmp(name, "max") == 0)
		return st_type_is_exact(type, -1, collation);
	/* sums of floats depend on the order */
	for (int i = 0; i < lengthof(sums); i++)
		if (strcmp(name, sums[i]) == 0)
			return type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID;
	for (int i = 0; i < lengthof(others); i++)
		if (strcmp(name, others[i]) == 0)
			return true;
	return false;
}

/* Is it the same for all rows that are equal in the order? */
static bool
is_of_peers(WindowFunc *function)
{
	static const char *const names[] = {"rank", "dense_rank", "percent_rank", "cume_dist"};
	char	   *name = get_func_name(function->winfnoid);

	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Window functions that number or reach for single rows. */
static bool
depends_on_ties(WindowFunc *function, WindowClause *clause)
{
	char	   *name = get_func_name(function->winfnoid);

	return strcmp(name, "row_number") == 0 || strcmp(name, "ntile") == 0 ||
		strcmp(name, "lag") == 0 || strcmp(name, "lead") == 0 ||
		((clause->frameOptions & FRAMEOPTION_ROWS) != 0 && !is_of_peers(function));
}

static bool
window_is_determined(WindowFunc *function, WindowClause *clause)
{
	List	   *types = NIL;
	ListCell   *lc;

	if (get_func_namespace(function->winfnoid) != PG_CATALOG_NAMESPACE)
		return false;
	/* a complete order, which rows get that depend on ties, has other peers */
	if ((clause->frameOptions & FRAMEOPTION_ROWS) != 0 && !is_of_peers(function) &&
		(clause->frameOptions & (FRAMEOPTION_EXCLUDE_GROUP | FRAMEOPTION_EXCLUDE_TIES)) != 0)
		return false;
	if (is_of_peers(function) || (depends_on_ties(function, clause) && !function->winagg))
		return true;
	if (!function->winagg)
		return false;
	foreach(lc, function->args)
		types = lappend_oid(types, exprType(lfirst(lc)));
	return aggregate_is_determined(function->winfnoid, types, function->inputcollid);
}

typedef struct OrderContext
{
	Query	   *query;
	const char *reason;
} OrderContext;

static bool
order_walker(Node *node, void *arg)
{
	OrderContext *context = arg;

	if (node == NULL || context->reason)
		return context->reason != NULL;
	check_stack_depth();
	if (IsA(node, Aggref))
	{
		Aggref	   *aggref = (Aggref *) node;

		if (!aggregate_is_determined(aggref->aggfnoid, aggref->aggargtypes, aggref->inputcollid))
			context->reason = psprintf("%s() depends on the order of rows", get_func_name(aggref->aggfnoid));
	}
	else if (IsA(node, WindowFunc))
	{
		WindowFunc *function = (WindowFunc *) node;
		ListCell   *lc;

		foreach(lc, context->query->windowClause)
		{
			WindowClause *clause = lfirst_node(WindowClause, lc);

			if (clause->winref == function->winref && !window_is_determined(function, clause))
				context->reason = psprintf("%s() over a window depends on the order of equal rows",
										   get_func_name(function->winfnoid));
		}
	}
	else if (IsA(node, Query))
		return false;			/* each level is looked at by itself */
	return expression_tree_walker(node, order_walker, arg);
}

/* The clause for a column of the select list, added as a hidden one if need be. */
static SortGroupClause *
order_by(Query *query, Node *expr)
{
	SortGroupClause *clause = makeNode(SortGroupClause);
	TargetEntry *tle = NULL;
	ListCell   *lc;
	TypeCacheEntry *entry = lookup_type_cache(exprType(expr), TYPECACHE_LT_OPR | TYPECACHE_EQ_OPR);

	foreach(lc, query->targetList)
		if (equal(lfirst_node(TargetEntry, lc)->expr, expr))
			tle = lfirst(lc);
	if (tle == NULL)
	{
		tle = makeTargetEntry((Expr *) copyObject(expr), list_length(query->targetList) + 1, NULL, true);
		query->targetList = lappend(query->targetList, tle);
	}
	if (tle->ressortgroupref == 0)
	{
		Index		highest = 0;

		foreach(lc, query->targetList)
			highest = Max(highest, lfirst_node(TargetEntry, lc)->ressortgroupref);
		tle->ressortgroupref = highest + 1;
	}
	clause->tleSortGroupRef = tle->ressortgroupref;
	clause->eqop = entry->eq_opr;
	clause->sortop = entry->lt_opr;
	clause->nulls_first = false;
	clause->hashable = false;
	return clause;
}

/* An order by it tells apart whatever prints differently. */
static Node *
tie_breaker(Node *expr, List *rtable)
{
	CoerceViaIO *text;

	if (st_key_is_exact(expr, rtable) &&
		OidIsValid(lookup_type_cache(exprType(expr), TYPECACHE_LT_OPR)->lt_opr))
		return expr;
	text = makeNode(CoerceViaIO);
	text->arg = (Expr *) expr;
	text->resulttype = TEXTOID;
	text->resultcollid = C_COLLATION_OID;
	text->coerceformat = COERCE_EXPLICIT_CAST;
	text->location = -1;
	return (Node *) text;
}

/*
 * Functions that depend on the order of equal rows get a window of their own,
 * ordered to the end by everything that the level's rows are made of.
 */
static bool
complete_walker(Node *node, void *arg)
{
	Query	   *query = arg;

	if (node == NULL || IsA(node, Query))
		return false;
	check_stack_depth();
	if (IsA(node, WindowFunc))
	{
		WindowFunc *function = (WindowFunc *) node;
		WindowClause *clause = NULL;
		WindowClause *complete;
		List	   *exprs = NIL;
		Index		highest = 0;
		ListCell   *lc;

		foreach(lc, query->windowClause)
		{
			highest = Max(highest, lfirst_node(WindowClause, lc)->winref);
			if (lfirst_node(WindowClause, lc)->winref == function->winref)
				clause = lfirst(lc);
		}
		if (clause == NULL || !depends_on_ties(function, clause))
			return expression_tree_walker(node, complete_walker, arg);
		complete = copyObject(clause);
		complete->name = NULL;
		complete->refname = NULL;
		complete->copiedOrder = false;
		complete->winref = highest + 1;
		if (query->groupClause)
			foreach(lc, query->groupClause)
				exprs = lappend(exprs, get_sortgroupclause_expr(lfirst(lc), query->targetList));
		else
			exprs = pull_var_clause((Node *) query->targetList, PVC_RECURSE_WINDOWFUNCS | PVC_RECURSE_AGGREGATES);
		foreach(lc, exprs)
			complete->orderClause = lappend(complete->orderClause, order_by(query, tie_breaker(lfirst(lc), query->rtable)));
		query->windowClause = lappend(query->windowClause, complete);
		function->winref = complete->winref;
		return false;
	}
	return expression_tree_walker(node, complete_walker, arg);
}

/* ----- preparing the levels ----- */

/*
 * Every join becomes one with ON: ruleutils must not find columns that USING
 * has merged, since inputs are going to have columns of other names. Returns
 * the item's number in the range table.
 */
static int
drop_using(Query *query, Node *item)
{
	JoinExpr   *join = (JoinExpr *) item;
	RangeTblEntry *rte;
	int			sides[2];

	check_stack_depth();
	if (IsA(item, RangeTblRef))
		return ((RangeTblRef *) item)->rtindex;
	sides[0] = drop_using(query, castNode(JoinExpr, item)->larg);
	sides[1] = drop_using(query, join->rarg);
	join->usingClause = NIL;
	join->join_using_alias = NULL;
	join->isNatural = false;
	join->alias = NULL;
	rte = rt_fetch(join->rtindex, query->rtable);
	rte->alias = NULL;
	rte->join_using_alias = NULL;
	rte->joinmergedcols = 0;
	rte->joinaliasvars = rte->joinleftcols = rte->joinrightcols = NIL;
	rte->eref->colnames = NIL;
	for (int side = 0; side < 2; side++)
	{
		List	   *names = rt_fetch(sides[side], query->rtable)->eref->colnames;

		for (int i = 1; i <= list_length(names); i++)
		{
			List	  **columns = side == 0 ? &rte->joinleftcols : &rte->joinrightcols;

			*columns = lappend_int(*columns, i);
			rte->joinaliasvars = lappend(rte->joinaliasvars,
										 makeVar(sides[side], i, INT4OID, -1, InvalidOid, 0));
		}
		rte->eref->colnames = list_concat(rte->eref->colnames, copyObject(names));
	}
	return join->rtindex;
}

/* Is an item of FROM as a user can write it? Not so one that rules have put together (sublink.c). */
static bool
is_as_written(Node *item)
{
	check_stack_depth();
	if (IsA(item, RangeTblRef))
		return true;
	return IsA(item, JoinExpr) && ((JoinExpr *) item)->rtindex > 0 &&
		is_as_written(((JoinExpr *) item)->larg) && is_as_written(((JoinExpr *) item)->rarg);
}

/* Names of ours, no columns of joins, nothing that has no delta at all (rules F2, F7). */
static bool
prepare_level(Query *query, BuildContext *build)
{
	OrderContext order = {query, NULL};
	List	   *keys;
	ListCell   *lc;

	if (!st_inline_ctes(query, build))
		return false;
	if (query->limitCount || query->limitOffset)
		return st_decline(build, "LIMIT and OFFSET have no delta rule yet") != NULL;
	if (query->rowMarks)
		return st_decline(build, "row locking has no delta rule") != NULL;
	if (query->hasDistinctOn)
		return st_decline(build, "DISTINCT ON has no delta rule yet") != NULL;
	st_flatten_grouping(query);
	st_flatten_join_columns(query);
	query->sortClause = NIL;
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

#ifdef ST_HAVE_PERMINFOS
		rte->perminfoindex = 0;
#endif
		switch (rte->rtekind)
		{
			case RTE_RELATION:
				/* what the rewriter leaves in the range table of a view, out of FROM */
				if (rte->relkind == RELKIND_VIEW)
				{
					rte->rtekind = RTE_RESULT;
					rte->relid = InvalidOid;
				}
				else if (!st_check_relation(rte, build))
					return false;
				break;
			case RTE_SUBQUERY:
				if (rte->security_barrier)
					return st_decline(build, "a security barrier view cannot be taken apart") != NULL;
				break;
			case RTE_JOIN:
			case RTE_FUNCTION:
			case RTE_VALUES:
			case RTE_RESULT:
				break;
			default:
				return st_decline(build, "this kind of FROM item has no delta rule yet") != NULL;
		}
	}
#ifdef ST_HAVE_PERMINFOS
	query->rteperminfos = NIL;
#endif
	st_replace_aliases(query);
	foreach(lc, query->jointree->fromlist)
	{
		if (!is_as_written(lfirst(lc)))
			return st_decline(build, "this form of FROM has no delta rule yet") != NULL;
		(void) drop_using(query, lfirst(lc));
	}

	(void) order_walker((Node *) query->targetList, &order);
	(void) order_walker(query->havingQual, &order);
	if (order.reason)
		return st_decline(build, order.reason) != NULL;
	keys = list_concat(get_sortgrouplist_exprs(query->groupClause, query->targetList),
					   get_sortgrouplist_exprs(query->distinctClause, query->targetList));
	foreach(lc, keys)
		if (!st_key_is_exact(lfirst(lc), query->rtable))
			return st_decline(build, "a key shows one of several equal values") != NULL;
	foreach(lc, query->setOperations ? query->targetList : NIL)
	{
		Node	   *expr = (Node *) lfirst_node(TargetEntry, lc)->expr;

		if (!st_type_is_exact(exprType(expr), exprTypmod(expr), exprCollation(expr)))
			return st_decline(build, "a key shows one of several equal values") != NULL;
	}
	if (query->hasWindowFuncs)
	{
		List	   *targets = list_copy(query->targetList);

		(void) complete_walker((Node *) targets, query);
	}
	return true;
}

/* Whether there are rows does not depend on what they show. */
static void
forget_columns(Query *query)
{
	if (query->setOperations || query->hasAggs || query->groupClause || query->groupingSets || query->havingQual ||
		query->distinctClause || query->hasTargetSRFs || query->hasWindowFuncs)
		return;
	query->targetList = list_make1(makeTargetEntry((Expr *) makeBoolConst(true, false), 1, pstrdup("c1"), false));
	query->sortClause = NIL;
}

static bool
prepare_walker(Node *node, void *arg)
{
	BuildContext *build = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, SubLink) && ((SubLink *) node)->subLinkType == EXISTS_SUBLINK)
		forget_columns(castNode(Query, ((SubLink *) node)->subselect));
	if (IsA(node, SubLink) && ((SubLink *) node)->subLinkType == ARRAY_SUBLINK)
		return st_decline(build, "ARRAY of a subquery depends on the order of rows") == NULL;
	if (IsA(node, Query))
	{
		if (!prepare_level((Query *) node, build))
			return true;
		return query_tree_walker((Query *) node, prepare_walker, arg, QTW_IGNORE_JOINALIASES);
	}
	if (IsA(node, Var) && ((Var *) node)->varattno <= 0)
		return st_decline(build, "whole-row and system columns have no delta rule yet") == NULL;
	return expression_tree_walker(node, prepare_walker, arg);
}

/* ----- the search for a key ----- */

static bool
has_index(List *references)
{
	ListCell   *lc;

	foreach(lc, references)
	{
		StSliceReference *reference = lfirst(lc);

		if (!st_relation_has_index_on(reference->relid, bms_make_singleton(reference->attnum)))
			return false;
	}
	return true;
}

static int
count_linked(const Slicing *slicing)
{
	int			count = 0;
	ListCell   *lc;

	foreach(lc, slicing->sliced)
		if (((StSliceReference *) lfirst(lc))->number > 0)
			count++;
	return count;
}

/* Better: less is read whole, less over links, more by slice, by indexes. */
static bool
is_better(const Slicing *a, const Slicing *b)
{
	if (list_length(a->whole) != list_length(b->whole))
		return list_length(a->whole) < list_length(b->whole);
	if (count_linked(a) != count_linked(b))
		return count_linked(a) < count_linked(b);
	if (list_length(a->sliced) != list_length(b->sliced))
		return list_length(a->sliced) > list_length(b->sliced);
	return has_index(a->sliced) && !has_index(b->sliced);
}

/* The result's columns are called c1..; a set operation has the names of its first arm. */
static void
name_columns(Query *query)
{
	Node	   *first = query->setOperations;
	ListCell   *lc;
	int			i = 0;

	check_stack_depth();
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			tle->resname = psprintf("c%d", ++i);
	}
	while (first && IsA(first, SetOperationStmt))
		first = ((SetOperationStmt *) first)->larg;
	if (first)
		name_columns(rt_fetch(((RangeTblRef *) first)->rtindex, query->rtable)->subquery);
}

static StJoin *
make_slice(Query *query, Slicing *slice)
{
	StJoin	   *join = palloc0(sizeof(StJoin));
	ListCell   *lc;
	int			i = 0;

	join->kind = ST_JOIN_SLICE;
	join->query = query;
	join->classes = slice->classes;
	foreach(lc, slice->sliced)
	{
		StSliceReference *reference = lfirst(lc);

		reference->rte->alias = makeAlias(st_slice_input_name(i++), NIL);
		reference->rte->eref->aliasname = pstrdup(reference->rte->alias->aliasname);
		reference->rte = NULL;
		join->sliced = lappend(join->sliced, reference);
	}
	name_columns(query);
	foreach(lc, slice->whole)
		join->whole = list_append_unique_oid(join->whole, lfirst_node(RangeTblEntry, lc)->relid);
	return join;
}

/* A relation that some slice's own key cuts in three places or more: terms would join its changes with all of these. */
static bool
is_repeated(const Slicing *slicing)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, slicing->sliced)
	{
		int			count = 0;

		foreach(lc2, slicing->sliced)
			if (((StSliceReference *) lfirst(lc2))->number == 0 &&
				((StSliceReference *) lfirst(lc2))->relid == ((StSliceReference *) lfirst(lc))->relid)
				count++;
		if (count >= 3)
			return true;
	}
	return false;
}

/* Are slices wanted that read so? */
static bool
meets_demand(const Slicing *slicing, StSliceDemand demand)
{
	if (demand == ST_SLICE_ANYHOW)
		return true;
	return slicing->whole == NIL && has_index(slicing->sliced) && (demand == ST_SLICE_INDEXED || is_repeated(slicing));
}

Query *
st_slice(Query *query, StSliceDemand demand, BuildContext *build)
{
	CandidateContext search = {NIL, 0};
	Slicing		best = {NIL};
	AttrNumber	column = 0;
	ListCell   *lc;

	if (prepare_walker((Node *) query, build) || build->reason)
		return NULL;
	if (query->setOperations)
		foreach(lc, query->targetList)
			search.candidates = list_concat(search.candidates, column_as_seed(query, ++column));
	else
		(void) query_tree_walker(query, candidate_walker, &search, QTW_IGNORE_JOINALIASES);
	foreach(lc, search.candidates)
	{
		Var		   *var = lfirst_node(Var, lc);
		Slicing		slicing = {NIL};
		SliceContext slice = {&slicing, 0, var->vartype, var->varcollid};
		StSliceClass *class;

		CHECK_FOR_INTERRUPTS();
		if (!can_be_key(var->vartype))
			continue;
		class = palloc0(sizeof(StSliceClass));
		class->type = var->vartype;
		class->collation = var->varcollid;
		class->origin = -1;
		slicing.classes = list_make1(class);
		if (slice_query(query, list_make1(copyObject(var)), NIL, true, &slice, NULL) && slicing.sliced != NIL &&
			(best.sliced == NIL || is_better(&slicing, &best)))
			best = slicing;
	}
	if (best.sliced == NIL || !meets_demand(&best, demand))
		return st_decline(build, "no key cuts the query into slices");
	return st_read_join(make_slice(query, &best), build);
}

/* ----- grouping above a slice ----- */

typedef struct SplitContext
{
	List	   *columns;		/* expressions of the query below */
	bool		in_aggregate;
	bool		failed;
} SplitContext;

static Node *
split_mutator(Node *node, void *arg)
{
	SplitContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	/* a subquery above the grouping would name what is below it */
	if (IsA(node, SubLink) && !context->in_aggregate &&
		st_is_correlated(castNode(Query, ((SubLink *) node)->subselect)))
		context->failed = true;
	if ((IsA(node, Var) && ((Var *) node)->varlevelsup == 0) ||
		(IsA(node, SubLink) && context->in_aggregate))
	{
		ListCell   *lc;
		AttrNumber	column = 1;

		foreach(lc, context->columns)
		{
			if (equal(lfirst(lc), node))
				break;
			column++;
		}
		if (lc == NULL)
			context->columns = lappend(context->columns, copyObject(node));
		return (Node *) makeVar(1, column, exprType(node), exprTypmod(node), exprCollation(node), 0);
	}
	if (IsA(node, Aggref))
	{
		SplitContext inner = {context->columns, true, false};
		Node	   *result = expression_tree_mutator(node, split_mutator, &inner);

		context->columns = inner.columns;
		return result;
	}
	return expression_tree_mutator(node, split_mutator, arg);
}

Query *
st_split_grouping(Query *query, BuildContext *build)
{
	SplitContext context = {NIL, false, false};
	Query	   *below;

	if (query->setOperations || query->groupingSets || !st_inline_ctes(query, build) ||
		!(query->hasAggs || query->groupClause || query->havingQual))
		return NULL;
	st_flatten_grouping(query);
	st_flatten_join_columns(query);
	query->targetList = (List *) split_mutator((Node *) query->targetList, &context);
	query->havingQual = split_mutator(query->havingQual, &context);
	if (context.failed)
		return NULL;
	if (context.columns == NIL)
		context.columns = list_make1(makeBoolConst(true, false));
	below = st_make_query(query->rtable, NULL, st_make_targets(context.columns));
	below->jointree = query->jointree;
	below->hasSubLinks = checkExprHasSubLink((Node *) below->targetList) ||
		checkExprHasSubLink((Node *) below->jointree);
	query->rtable = list_make1(st_make_subquery_entry(below, "b", st_make_names(list_length(context.columns))));
	query->jointree = makeFromExpr(list_make1(st_make_reference(1)), NULL);
	query->hasSubLinks = checkExprHasSubLink((Node *) query->targetList) ||
		checkExprHasSubLink(query->havingQual);
	return query;
}
