/*-------------------------------------------------------------------------
 *
 * join.c
 *	  The deltas of joins: inclusion and exclusion over the new states.
 *
 * NOTES
 *	  With N the new contents and d the delta of each reference, O = N - d the
 *	  old contents, the delta of a join of references 1..n of which those in C
 *	  have changed is
 *
 *		N1 x .. x Nn - O1 x .. x On =
 *			sum over non-empty S of C: (-1)^(|S|+1) (d in S) x (N elsewhere)
 *
 *	  No old state is needed and an unchanged reference contributes no term
 *	  (rule E2). Inside a term every d is small and the planner finds the rows
 *	  of N by index.
 *
 *	  The number of terms doubles with every changed reference. From four on the
 *	  changed ones are added one after another instead. With L the references
 *	  joined so far, P their delta, c the next changed one and B unchanged ones
 *	  that connect it,
 *
 *		P := net(P x B x Nc + L x B x dc - P x B x dc)
 *
 *	  which is the formula above for two, and at the end P is joined with the
 *	  rest. That is 3 (k - 1) + 2 terms for k changed references.
 *
 *	  Below four, what restricts one changed reference only is joined with its
 *	  delta before the terms (reduce.c).
 *
 *	  A state of one row that is only compared with has a term of its own.
 *
 *	  A join that is not an inner one has further terms, or others (outer.c).
 *
 *	  A term may join rows that never existed together, so terms carry columns
 *	  as they are stored and are netted by their reader before any expression
 *	  is evaluated over them (rule E1).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "delta/block.h"
#include "delta/clock.h"
#include "delta/join.h"
#include "delta/outer.h"
#include "delta/reduce.h"
#include "query/make.h"
#include "util/fault.h"
#include "util/sqlbuf.h"

/* from so many changed references on, the delta is computed in steps (rule E2) */
#define STEPS_FROM 4

/* "reductions" and "extra" may be NULL. */
static StStatement *
make_statement(MemoryContext context, const char *text, List *leaves, List *reductions, const StInput *extra)
{
	StInput    *inputs = palloc0(sizeof(StInput) * (list_length(leaves) + list_length(reductions) + 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, leaves)
	{
		StLeaf	   *leaf = lfirst(lc);

		inputs[n].name = leaf->input;
		inputs[n++].desc = leaf->desc;
	}
	foreach(lc, reductions)
	{
		StReduction *reduction = lfirst(lc);

		inputs[n].name = reduction->input;
		inputs[n++].desc = reduction->step->desc;
	}
	if (extra)
		inputs[n++] = *extra;
	return st_statement_create(context, text, n, inputs);
}

StStatement *
st_make_statement(MemoryContext context, const char *text, List *leaves, const StInput *extra)
{
	return make_statement(context, text, leaves, NIL, extra);
}

static int
leaf_position(List *leaves, const char *input)
{
	int			position = 0;
	ListCell   *lc;

	foreach(lc, leaves)
	{
		if (strcmp(((StLeaf *) lfirst(lc))->input, input) == 0)
			return position;
		position++;
	}
	elog(ERROR, "input %s is not among the leaves of its join", input);
}

void
st_join_program_init(StProgram *program, StJoinProgram *target, StJoin *join)
{
	ListCell   *lc;
	int			i = 0;

	target->join = join;
	target->desc = st_join_input_desc(join);
	target->row_desc = CreateTemplateTupleDesc(target->desc->natts - 1);
	for (AttrNumber column = 1; column < target->desc->natts; column++)
		TupleDescCopyEntry(target->row_desc, column, target->desc, column);
	if (join->kind == ST_JOIN_SLICE)
	{
		st_slice_program_init(program, target);
		return;
	}
	target->leaves = st_block_leaves(join->flat, program, NIL);
	target->nreferences = list_length(join->flat->rtable);
	target->reference_leaves = palloc0(sizeof(Bitmapset *) * target->nreferences);
	foreach(lc, join->flat->rtable)
	{
		ListCell   *lc2;

		foreach(lc2, st_entry_leaves(lfirst_node(RangeTblEntry, lc), program, NIL))
			target->reference_leaves[i] =
				bms_add_member(target->reference_leaves[i],
							   leaf_position(target->leaves, ((StLeaf *) lfirst(lc2))->input));
		i++;
	}
}

/* ----- terms ----- */

static Expr *
weight_of(int varno, AttrNumber column)
{
	return (Expr *) makeVar(varno, column, INT8OID, -1, InvalidOid, 0);
}

static Expr *
multiply(Expr *left, Expr *right)
{
	if (left == NULL)
		return right;
	return (Expr *) makeFuncExpr(F_INT8MUL, INT8OID, list_make2(left, right), InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

static Expr *
minus(Expr *weight)
{
	return multiply((Expr *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(-1),
									   false, FLOAT8PASSBYVAL), weight);
}

static void
add_weight(Query *term, Expr *weight)
{
	term->targetList = lappend(term->targetList,
							   makeTargetEntry(weight, list_length(term->targetList) + 1,
											   pstrdup(ST_WEIGHT_COLUMN), false));
}

void
st_add_term(StringInfo terms, const char *text)
{
	if (terms->len > 0)
		st_sql_text(terms, " UNION ALL ");
	st_sql_text(terms, text);
}

static void
add_term(StringInfo terms, StProgram *program, Query *term)
{
	st_add_term(terms, st_block_print(program, term));
}

/*
 * Does the log of a reference give only such rows? Then the condition is not
 * for its delta: the planner, who knows nothing of what it holds, would take
 * few of its rows to pass, and go through other deltas for each of them.
 */
static bool
is_ensured(StProgram *program, Query *join, Node *condition, int varno)
{
	RangeTblEntry *rte = rt_fetch(varno, join->rtable);

	return rte->rtekind == RTE_RELATION &&
		st_source_ensures(st_program_source(program, rte->relid), condition, varno);
}

typedef struct CarriedContext
{
	List	   *columns;
	int			varno;
} CarriedContext;

/* Columns that P carries are read from P. */
static Node *
carried_mutator(Node *node, void *arg)
{
	CarriedContext *context = arg;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) copyObject(node);
		AttrNumber	column = 1;
		ListCell   *lc;

		foreach(lc, context->columns)
		{
			if (equal(lfirst(lc), var))
			{
				var->varno = context->varno;
				var->varattno = column;
				break;
			}
			column++;
		}
		return (Node *) var;
	}
	return expression_tree_mutator(node, carried_mutator, arg);
}

static StReduction *
find_reduction(List *reductions, int reference)
{
	ListCell   *lc;

	foreach(lc, reductions)
		if (((StReduction *) lfirst(lc))->reference == reference)
			return lfirst(lc);
	return NULL;
}

/* Did the reduction of a delta see to a condition? */
static bool
is_reduced(List *reductions, const Bitmapset *deltas, Node *condition)
{
	Bitmapset  *varnos = pull_varnos(NULL, condition);
	ListCell   *lc;

	foreach(lc, reductions)
	{
		StReduction *reduction = lfirst(lc);

		if (bms_is_member(reduction->reference, deltas) && !bms_is_empty(varnos) && bms_is_subset(varnos, reduction->inside))
			return true;
	}
	return false;
}

/* Let a term read a reduction in place of its references; returns the column of the weight. */
static AttrNumber
read_reduction(Query *term, StReduction *reduction)
{
	int			varno = reduction->reference + 1;
	RangeTblEntry *rte = rt_fetch(varno, term->rtable);
	List	   *names = lappend(st_make_names(list_length(reduction->columns)), makeString(pstrdup(ST_WEIGHT_COLUMN)));
	CarriedContext carried = {reduction->columns, varno};
	List	   *refs = NIL;
	ListCell   *lc;

	lfirst(list_nth_cell(term->rtable, reduction->reference)) =
		st_make_with_entry(reduction->input, rte->eref->aliasname, names);
	foreach(lc, term->jointree->fromlist)
	{
		int			rtindex = lfirst_node(RangeTblRef, lc)->rtindex;

		if (rtindex == varno || !bms_is_member(rtindex, reduction->inside))
			refs = lappend(refs, lfirst(lc));
	}
	foreach(lc, term->rtable)
	{
		rte = lfirst_node(RangeTblEntry, lc);
		rte->functions = (List *) carried_mutator((Node *) rte->functions, &carried);
		rte->values_lists = (List *) carried_mutator((Node *) rte->values_lists, &carried);
	}
	term->jointree->fromlist = refs;
	term->jointree->quals = carried_mutator(term->jointree->quals, &carried);
	term->targetList = (List *) carried_mutator((Node *) term->targetList, &carried);
	return list_length(names);
}

/* The join with the references in "deltas" replaced, the weight as last column. */
static Query *
make_term(StProgram *program, Query *join, const Bitmapset *deltas, List *reductions)
{
	Query	   *term = copyObject(join);
	List	   *quals = NIL;
	Expr	   *weight = NULL;
	int			reference = -1;
	ListCell   *lc;

	foreach(lc, make_ands_implicit((Expr *) term->jointree->quals))
	{
		int			varno;

		if (is_reduced(reductions, deltas, lfirst(lc)))
			continue;
		if (!bms_get_singleton_member(pull_varnos(NULL, lfirst(lc)), &varno) || !bms_is_member(varno - 1, deltas) ||
			!is_ensured(program, join, lfirst(lc), varno))
			quals = lappend(quals, lfirst(lc));
	}
	term->jointree->quals = quals ? (Node *) make_ands_explicit(quals) : NULL;

	while ((reference = bms_next_member(deltas, reference)) >= 0)
	{
		StReduction *reduction = find_reduction(reductions, reference);
		AttrNumber	column = reduction ? read_reduction(term, reduction) :
			st_weigh_entry(rt_fetch(reference + 1, term->rtable));

		weight = multiply(weight, weight_of(reference + 1, column));
	}
	add_weight(term, bms_num_members(deltas) % 2 == 0 ? minus(weight) : weight);
	return term;
}

/* ----- one row that changes its values ----- */

/*
 * The delta of an ungrouped state is its row before and its row after. Where
 * nothing but comparisons other than by equality connects it, most rows of the
 * rest compare alike with either, and come to nothing when they are netted.
 * So the rest is asked for the rows that do not (rule E11). True: "reference"
 * is such a state; "about" are the conditions on it.
 */
static bool
is_only_compared(StProgram *program, Query *join, int reference, List **about)
{
	int			varno = reference + 1;
	int			ordinal = st_node_leaf_ordinal(rt_fetch(varno, join->rtable));
	StNode	   *node = ordinal < 0 ? NULL : program->nodes[ordinal].node;
	ListCell   *lc;

	*about = NIL;
	if (node == NULL || !st_node_is_one_row(node) || list_length(join->rtable) == 1 ||
		bms_is_member(varno, pull_varnos(NULL, (Node *) join->targetList)))
		return false;
	foreach(lc, make_ands_implicit((Expr *) join->jointree->quals))
	{
		OpExpr	   *condition = lfirst(lc);

		if (!bms_is_member(varno, pull_varnos(NULL, (Node *) condition)))
			continue;
		/* by an index, few rows are found for either */
		if (IsA(condition, OpExpr) && list_length(condition->args) == 2 &&
			op_mergejoinable(condition->opno, exprType(linitial(condition->args))))
			return false;
		*about = lappend(*about, condition);
	}
	foreach(lc, join->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (bms_is_member(varno, pull_varnos(NULL, (Node *) st_entry_arguments(rte))))
			return false;
	}
	return *about != NIL;
}

typedef struct ValueContext
{
	RangeTblEntry *state;
	int			varno;
	bool		after;			/* of the row that has entered, else left */
} ValueContext;

/* Values of the state become subqueries of its delta, which are computed once. */
static Node *
value_mutator(Node *node, void *arg)
{
	ValueContext *context = arg;
	RangeTblEntry *rte;
	AttrNumber	weight;
	SubLink    *sublink;
	Expr	   *zero;
	Expr	   *sign;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (!IsA(node, Var) || ((Var *) node)->varno != context->varno)
		return expression_tree_mutator(node, value_mutator, arg);
	rte = copyObject(context->state);
	weight = st_weigh_entry(rte);
	zero = (Expr *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(0), false, FLOAT8PASSBYVAL);
	sign = weight_of(1, weight);
	sublink = makeNode(SubLink);
	sublink->subLinkType = EXPR_SUBLINK;
	sublink->location = -1;
	sublink->subselect = (Node *)
		st_make_query(list_make1(rte),
					  (Node *) make_opclause(Int8LessOperator, BOOLOID, false, context->after ? zero : sign,
											 context->after ? sign : zero, InvalidOid, InvalidOid),
					  NIL);
	node = copyObject(node);
	((Var *) node)->varno = 1;
	((Query *) sublink->subselect)->targetList = st_make_targets(list_make1(node));
	return (Node *) sublink;
}

/* Do these conditions hold for the state's row before, or after? */
static Expr *
holds(List *conditions, RangeTblEntry *state, int varno, bool after)
{
	ValueContext context = {state, varno, after};
	BooleanTest *test = makeNode(BooleanTest);

	test->arg = (Expr *) value_mutator((Node *) make_ands_explicit(copyObject(conditions)), &context);
	/* without a value, or with NULL, they do not hold, nor is that unknown */
	test->booltesttype = IS_TRUE;
	test->location = -1;
	return ST_FAULT("E11 compared") ? test->arg : (Expr *) test;
}

/* The term of such a state. */
static Query *
make_crossing_term(Query *join, int reference, List *about)
{
	Query	   *term = copyObject(join);
	RangeTblEntry *state = rt_fetch(reference + 1, join->rtable);
	List	   *quals = NIL;
	List	   *refs = NIL;
	CaseExpr   *sign = makeNode(CaseExpr);
	CaseWhen   *enters = makeNode(CaseWhen);
	ListCell   *lc;

	foreach(lc, make_ands_implicit((Expr *) join->jointree->quals))
		if (!list_member_ptr(about, lfirst(lc)))
			quals = lappend(quals, copyObject(lfirst(lc)));
	quals = lappend(quals, make_opclause(BooleanNotEqualOperator, BOOLOID, false, holds(about, state, reference + 1, true),
										 holds(about, state, reference + 1, false), InvalidOid, InvalidOid));
	foreach(lc, term->jointree->fromlist)
		if (lfirst_node(RangeTblRef, lc)->rtindex != reference + 1)
			refs = lappend(refs, lfirst(lc));
	enters->expr = holds(about, state, reference + 1, true);
	enters->result = (Expr *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(1), false, FLOAT8PASSBYVAL);
	sign->casetype = INT8OID;
	sign->args = list_make1(enters);
	sign->defresult = (Expr *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(-1), false, FLOAT8PASSBYVAL);
	term->jointree = makeFromExpr(refs, (Node *) make_ands_explicit(quals));
	term->hasSubLinks = true;
	add_weight(term, (Expr *) sign);
	return term;
}

/* All terms, over the subsets of "changed" from behind "member" on added to "chosen". */
static void
print_terms(StringInfo sql, StProgram *program, Query *join, const StJoinDelta *delta, int member, Bitmapset *chosen)
{
	int			next = bms_next_member(delta->changed, member);
	int			only;
	List	   *about;

	if (next < 0)
	{
		if (bms_get_singleton_member(chosen, &only) && is_only_compared(program, join, only, &about))
			add_term(sql, program, make_crossing_term(join, only, about));
		else if (!bms_is_empty(chosen) && !(ST_FAULT("E2") && bms_num_members(chosen) > 1))
			add_term(sql, program, make_term(program, join, chosen, delta->reductions));
		return;
	}
	print_terms(sql, program, join, delta, next, chosen);
	print_terms(sql, program, join, delta, next, bms_add_member(bms_copy(chosen), next));
}

/* A step that reads the leaves and, if there are, the reductions and the step before. */
static StJoinStep *
make_step(StProgram *program, StJoinProgram *join, List *reductions, StJoinStep *before, const char *terms,
		  TupleDesc desc, bool net)
{
	StJoinStep *step = palloc0(sizeof(StJoinStep));
	StringInfoData sql;
	StInput		previous = {.name = ST_STEP_INPUT};

	initStringInfo(&sql);
	st_sql_text(&sql, "WITH ");
	st_block_print_states(&sql, program, st_block_states(join->join->flat));
	st_block_print_state_deltas(&sql, program, join->leaves);
	st_sql_end_with(&sql);
	st_sql_text(&sql, terms);

	step->desc = desc;
	step->row_desc = CreateTemplateTupleDesc(desc->natts - 1);
	for (AttrNumber column = 1; column < desc->natts; column++)
		TupleDescCopyEntry(step->row_desc, column, desc, column);
	step->net = net;
	if (before)
		previous.desc = before->desc;
	step->statement = make_statement(program->context, sql.data, join->leaves, reductions, before ? &previous : NULL);
	pfree(sql.data);
	return step;
}

static void
add_step(StProgram *program, StJoinProgram *join, StJoinDelta *delta, const char *terms, TupleDesc desc,
		 bool net)
{
	delta->steps = lappend(delta->steps, make_step(program, join, delta->reductions,
												   delta->steps ? llast(delta->steps) : NULL, terms, desc, net));
}

/* ----- steps ----- */

typedef struct StepContext
{
	StProgram  *program;
	Query	   *join;
	List	   *quals;			/* implicitly ANDed */
	Bitmapset **neighbours;		/* of each reference, 1-based as everything
								 * here */
	Bitmapset  *joined;			/* references in P */
	List	   *columns;		/* Vars of those that P carries */
} StepContext;

/* References connected by a condition; functions only ever come at the end. */
static void
find_neighbours(StepContext *context)
{
	ListCell   *lc;

	context->neighbours = palloc0(sizeof(Bitmapset *) * (list_length(context->join->rtable) + 1));
	foreach(lc, context->quals)
	{
		Bitmapset  *varnos = pull_varnos(NULL, lfirst(lc));
		int			varno = -1;

		while ((varno = bms_next_member(varnos, varno)) >= 0)
			context->neighbours[varno] = bms_add_members(context->neighbours[varno], varnos);
	}
}

/*
 * The changed reference that the fewest unchanged ones separate from those
 * joined so far, and these; by breadth-first search.
 */
static int
nearest(StepContext *context, const Bitmapset *changed, Bitmapset **bridge)
{
	int			n = list_length(context->join->rtable);
	int		   *from = palloc0(sizeof(int) * (n + 1));
	int		   *queue = palloc(sizeof(int) * (n + 1));
	int			first = 0;
	int			last = 0;
	int			varno = -1;

	*bridge = NULL;
	while ((varno = bms_next_member(context->joined, varno)) >= 0)
	{
		from[varno] = -1;
		queue[last++] = varno;
	}
	while (first < last)
	{
		int			at = queue[first++];
		int			next = -1;

		while ((next = bms_next_member(context->neighbours[at], next)) >= 0)
		{
			RangeTblEntry *rte = rt_fetch(next, context->join->rtable);

			if (from[next] != 0 || rte->rtekind == RTE_FUNCTION || rte->rtekind == RTE_TABLEFUNC)
				continue;
			from[next] = at;
			if (!bms_is_member(next - 1, changed))
			{
				queue[last++] = next;
				continue;
			}
			for (int step = at; from[step] > 0; step = from[step])
				*bridge = bms_add_member(*bridge, step);
			return next;
		}
	}
	/* not connected: a cross product, with whichever comes next */
	varno = -1;
	while ((varno = bms_next_member(changed, varno)) >= 0)
		if (!bms_is_member(varno + 1, context->joined))
			return varno + 1;
	elog(ERROR, "no changed reference is left");
}

/* What of "inside" the select list or a reference or condition that is not inside needs. */
static List *
columns_to_carry(StepContext *context, const Bitmapset *inside)
{
	List	   *needed = pull_var_clause((Node *) context->join->targetList, 0);
	List	   *columns = NIL;
	int			varno = 1;
	ListCell   *lc;

	foreach(lc, context->quals)
		if (!bms_is_subset(pull_varnos(NULL, lfirst(lc)), inside))
			needed = list_concat(needed, pull_var_clause(lfirst(lc), 0));
	foreach(lc, context->join->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (!bms_is_member(varno++, inside))
			needed = list_concat(needed, pull_var_clause((Node *) st_entry_arguments(rte), 0));
	}
	foreach(lc, needed)
	{
		Var		   *var = lfirst_node(Var, lc);

		if (bms_is_member(var->varno, inside))
			columns = list_append_unique(columns, var);
	}
	return columns;
}

static TupleDesc
carried_desc(List *columns)
{
	TupleDesc	desc = CreateTemplateTupleDesc(list_length(columns) + 1);
	AttrNumber	column = 0;
	ListCell   *lc;

	foreach(lc, columns)
	{
		Var		   *var = lfirst_node(Var, lc);

		column++;
		TupleDescInitEntry(desc, column, psprintf("c%d", column), var->vartype, var->vartypmod, 0);
		TupleDescInitEntryCollation(desc, column, var->varcollid);
	}
	TupleDescInitEntry(desc, ++column, ST_WEIGHT_COLUMN, INT8OID, -1, 0);
	return desc;
}

/*
 * A term over the references in "from" and, if "previous", over P in place of
 * those joined so far. "delta" is replaced by its delta if it is not 0.
 */
static Query *
make_step_term(StepContext *context, const Bitmapset *from, bool previous, int delta, List *targets,
			   bool last)
{
	Query	   *term = copyObject(context->join);
	List	   *names = NIL;
	List	   *refs = NIL;
	List	   *quals = NIL;
	Expr	   *weight = NULL;
	Bitmapset  *present = bms_copy(from);
	CarriedContext carried = {context->columns, list_length(term->rtable) + 1};
	int			varno = -1;
	ListCell   *lc;

	if (previous)
	{
		names = lappend(st_make_names(list_length(context->columns)), makeString(pstrdup(ST_WEIGHT_COLUMN)));
		term->rtable = lappend(term->rtable, st_make_with_entry(ST_STEP_INPUT, "p", names));
		refs = lappend(refs, st_make_reference(carried.varno));
		weight = weight_of(carried.varno, list_length(names));
		present = bms_add_members(present, context->joined);
	}
	while ((varno = bms_next_member(from, varno)) >= 0)
	{
		RangeTblEntry *rte = rt_fetch(varno, term->rtable);

		refs = lappend(refs, st_make_reference(varno));
		if (varno == delta)
			weight = multiply(weight, weight_of(varno, st_weigh_entry(rte)));
		if (previous)
		{
			rte->functions = (List *) carried_mutator((Node *) rte->functions, &carried);
			rte->values_lists = (List *) carried_mutator((Node *) rte->values_lists, &carried);
			rte->tablefunc = (TableFunc *) carried_mutator((Node *) rte->tablefunc, &carried);
		}
	}
	foreach(lc, context->quals)
	{
		Bitmapset  *varnos = pull_varnos(NULL, lfirst(lc));

		if (delta && is_ensured(context->program, context->join, lfirst(lc), delta))
			continue;
		if (bms_is_empty(varnos) ? last :
			bms_is_subset(varnos, present) && !(previous && bms_is_subset(varnos, context->joined)))
			quals = lappend(quals, copyObject(lfirst(lc)));
	}
	term->targetList = NIL;
	foreach(lc, targets)
		term->targetList = lappend(term->targetList,
								   makeTargetEntry(copyObject(lfirst(lc)), list_length(term->targetList) + 1,
												   psprintf("c%d", list_length(term->targetList) + 1), false));
	if (previous)
	{
		quals = (List *) carried_mutator((Node *) quals, &carried);
		term->targetList = (List *) carried_mutator((Node *) term->targetList, &carried);
	}
	add_weight(term, previous && delta ? minus(weight) : weight);
	term->jointree = makeFromExpr(refs, quals ? (Node *) make_ands_explicit(quals) : NULL);
	return term;
}

static void
add_steps(StProgram *program, StJoinProgram *join, StJoinDelta *delta)
{
	StepContext context = {.program = program, .join = join->join->flat};
	StringInfoData terms;
	Bitmapset  *rest = NULL;
	List	   *targets = NIL;
	List	   *columns;
	ListCell   *lc;
	int			first = bms_next_member(delta->changed, -1) + 1;

	context.quals = make_ands_implicit((Expr *) context.join->jointree->quals);
	find_neighbours(&context);
	initStringInfo(&terms);
	columns = columns_to_carry(&context, bms_make_singleton(first));
	add_term(&terms, program, make_step_term(&context, bms_make_singleton(first), false, first, columns, false));
	add_step(program, join, delta, terms.data, carried_desc(columns), true);
	context.joined = bms_make_singleton(first);
	context.columns = columns;

	for (int i = 1; i < bms_num_members(delta->changed); i++)
	{
		Bitmapset  *bridge;
		int			next = nearest(&context, delta->changed, &bridge);
		Bitmapset  *added = bms_add_member(bridge, next);
		Bitmapset  *all = bms_union(context.joined, added);

		columns = columns_to_carry(&context, all);
		resetStringInfo(&terms);
		add_term(&terms, program, make_step_term(&context, added, true, 0, columns, false));
		add_term(&terms, program, make_step_term(&context, all, false, next, columns, false));
		if (!ST_FAULT("E2 steps"))
			add_term(&terms, program, make_step_term(&context, added, true, next, columns, false));
		add_step(program, join, delta, terms.data, carried_desc(columns), true);
		context.joined = all;
		context.columns = columns;
	}

	for (int varno = 1; varno <= join->nreferences; varno++)
		if (!bms_is_member(varno, context.joined))
			rest = bms_add_member(rest, varno);
	foreach(lc, context.join->targetList)
		targets = lappend(targets, lfirst_node(TargetEntry, lc)->expr);
	resetStringInfo(&terms);
	add_term(&terms, program, make_step_term(&context, rest, true, 0, targets, true));
	add_step(program, join, delta, terms.data, join->desc, false);
	pfree(terms.data);
}

/* ----- reductions ----- */

/* Of columns that are read where they are stored. */
static const StOrigin *
origins_of(Query *join, List *columns)
{
	/* the weight has none */
	StOrigin   *origins = palloc0(sizeof(StOrigin) * (list_length(columns) + 1));
	ListCell   *lc;

	foreach(lc, columns)
	{
		Var		   *var = lfirst_node(Var, lc);
		RangeTblEntry *rte = rt_fetch(var->varno, join->rtable);

		if (rte->rtekind == RTE_RELATION)
			origins[foreach_current_index(lc)] = (StOrigin)
		{
			rte->relid, var->varattno
		};
	}
	return origins;
}

static void
add_reductions(StProgram *program, StJoinProgram *join, StJoinDelta *delta)
{
	StepContext context = {.program = program, .join = join->join->flat};
	Bitmapset **attached = st_attached_references(context.join, delta->changed);
	int			reference = -1;
	List	   *reductions = NIL;

	context.quals = make_ands_implicit((Expr *) context.join->jointree->quals);
	while ((reference = bms_next_member(delta->changed, reference)) >= 0)
	{
		StReduction *reduction;
		Query	   *term;

		if (bms_is_empty(attached[reference]))
			continue;
		reduction = palloc0(sizeof(StReduction));
		reduction->reference = reference;
		reduction->input = psprintf("__pgt_y%d", reference);
		reduction->inside = bms_add_member(attached[reference], reference + 1);
		reduction->columns = columns_to_carry(&context, reduction->inside);
		term = make_step_term(&context, reduction->inside, false, reference + 1, reduction->columns, false);
		reduction->step = make_step(program, join, NIL, NULL, st_block_print(program, term), carried_desc(reduction->columns), false);
		reduction->step->origins = origins_of(context.join, reduction->columns);
		reductions = lappend(reductions, reduction);
	}
	delta->reductions = reductions;
}

StJoinDelta *
st_join_delta(StProgram *program, StJoinProgram *join, const Bitmapset *changed)
{
	StJoinDelta *delta;
	ListCell   *lc;
	MemoryContext old;
	int			level;
	int			n = bms_num_members(changed);

	foreach(lc, join->deltas)
	{
		delta = lfirst(lc);
		if (bms_equal(delta->changed, changed))
			return delta;
	}

	old = MemoryContextSwitchTo(program->context);
	level = st_sql_pin_printing();
	delta = palloc0(sizeof(StJoinDelta));
	delta->changed = bms_copy(changed);
	if (n < STEPS_FROM)
	{
		StringInfoData terms;

		initStringInfo(&terms);
		if (join->join->kind == ST_JOIN_INNER && n > 1 && join->nreferences > n)
			add_reductions(program, join, delta);
		if (join->join->kind == ST_JOIN_CLOCK)
			st_clock_print_terms(&terms, join->join, n > 0);
		else
		{
			if (join->join->kind != ST_JOIN_SEMI && join->join->kind != ST_JOIN_ANTI)
				print_terms(&terms, program, join->join->flat, delta, -1, NULL);
			if (join->join->kind != ST_JOIN_INNER)
				st_outer_print_terms(&terms, program, join->join, changed);
		}

		/*
		 * of one reference, few columns may be left of rows that differed in
		 * others
		 */
		add_step(program, join, delta, terms.data, join->desc, n > 1 || join->nreferences == 1);
		pfree(terms.data);
	}
	else
		add_steps(program, join, delta);
	join->deltas = lappend(join->deltas, delta);
	AtEOXact_GUC(false, level);
	MemoryContextSwitchTo(old);
	return delta;
}
