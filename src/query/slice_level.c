/*-------------------------------------------------------------------------
 *
 * slice_level.c
 *	  Which references of a query one key cuts, level by level.
 *
 * NOTES
 *	  From one column the class of those that equal it in every row grows along
 *	  equality conditions, from preserved to nullable sides of outer joins, into
 *	  subqueries, and into subqueries in expressions through the columns of outer
 *	  levels that they compare with. References in the class are read by slice.
 *
 *	  Others may be linked to those: "x.b = f.a" where a row of "x" that equals
 *	  no "f.a" has no influence. Then a slice needs only the rows of "x" that
 *	  equal an "f.a" of its rows of "f", and a change of "x" touches the slices
 *	  of the rows of "f" that it equals. So "x", or a subquery, is cut by keys of
 *	  its own, those of a linked class, whose parent is the class of "f". What
 *	  cannot be linked is read whole: it may not have changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "query/slice.h"

/* subqueries that are tried with another key, for one key of the whole */
#define MAX_ATTEMPTS 100

/* One class, while a query is cut by its keys. */
typedef struct SliceContext
{
	StSlicing  *all;
	int			number;			/* of the class */
	Oid			type;			/* of its key */
	Oid			collation;
} SliceContext;

/* ----- the class of the key's columns ----- */

/* The columns of one level that equal the key, and those of outer levels. */
typedef struct Level
{
	SliceContext *slice;
	Query	   *query;
	struct Level *above;		/* of the query around it, or NULL */
	List	   *members;		/* of Var */
	List	   *links;			/* of Link */
	Bitmapset  *solid;			/* references that no outer join makes
								 * nullable */
	bool		correlated;		/* its rows are tied to the key of an outer
								 * row */
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
	StSlicing  *all = arg;

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
	StSlicing  *all = slice->all;
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
	StSlicing  *all = level->slice->all;
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
	StSlicing  *all = level->slice->all;
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
	/* whose columns can be the key of the whole */
	places = top ? st_entries_below((Node *) query->jointree, ST_REACH_PRESERVED) : level.solid;
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

/* ----- what the search asks ----- */

List *
st_slice_candidates(Query *query)
{
	CandidateContext search = {NIL, 0};

	if (query->setOperations)
		for (int column = 1; column <= list_length(query->targetList); column++)
			search.candidates = list_concat(search.candidates, column_as_seed(query, column));
	else
		(void) query_tree_walker(query, candidate_walker, &search, QTW_IGNORE_JOINALIASES);
	return search.candidates;
}

bool
st_slice_by(Query *query, const Var *key, StSlicing *slicing)
{
	SliceContext slice = {slicing, 0, key->vartype, key->varcollid};
	StSliceClass *class;

	if (!can_be_key(key->vartype))
		return false;
	class = palloc0(sizeof(StSliceClass));
	class->type = key->vartype;
	class->collation = key->varcollid;
	class->origin = -1;
	slicing->classes = list_make1(class);
	return slice_query(query, list_make1(copyObject(unconstify(Var *, key))), NIL, true, &slice, NULL) && slicing->sliced != NIL;
}
