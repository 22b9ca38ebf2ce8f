/*-------------------------------------------------------------------------
 *
 * block.c
 *	  Printing linear blocks: over their sources, and over deltas.
 *
 * A delta block is the block itself in which every leaf is an ephemeral
 * relation with one more column, the weight, handed up through each level.
 * The rule is the bilinearity of SELECT over Z-sets (Budiu et al., DBSP, VLDB
 * 2023): filter, projection, set-returning functions and UNION ALL commute
 * with addition, so nothing but the leaves changes.
 *
 * ruleutils cannot print an ephemeral relation. A leaf is therefore printed
 * as a reference to a CTE, which is just its name, and the parser finds the
 * ephemeral relation under that name (rule F2).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "delta/aggregate.h"
#include "delta/block.h"
#include "query/make.h"
#include "util/sqlbuf.h"

static char *
source_input_name(Oid relid)
{
	return psprintf("__pgt_d%u", relid);
}

static char *
state_input_name(int ordinal)
{
	return psprintf("__pgt_e%d", ordinal);
}

/* A state's delta as its readers see it: its values, from the state's columns. */
static char *
state_delta_name(int ordinal)
{
	return psprintf("__pgt_u%d", ordinal);
}

static char *
join_input_name(int ordinal)
{
	return psprintf("__pgt_x%d", ordinal);
}

TupleDesc
st_source_desc(Oid relid, const Bitmapset *attnums, bool weighted)
{
	Relation	rel = table_open(relid, AccessShareLock);
	TupleDesc	desc = CreateTemplateTupleDesc(bms_num_members(attnums) + (weighted ? 1 : 0));
	int			attnum = -1;
	AttrNumber	column = 1;

	while ((attnum = bms_next_member(attnums, attnum)) >= 0)
	{
		Form_pg_attribute attribute = TupleDescAttr(rel->rd_att, attnum - 1);

		TupleDescInitEntry(desc, column, psprintf("c%d", attnum), attribute->atttypid,
						   attribute->atttypmod, attribute->attndims);
		TupleDescInitEntryCollation(desc, column, attribute->attcollation);
		column++;
	}
	if (weighted)
		TupleDescInitEntry(desc, column, ST_WEIGHT_COLUMN, INT8OID, -1, 0);
	table_close(rel, AccessShareLock);
	return desc;
}

static TupleDesc
state_input_desc(const StNodeProgram *node)
{
	TupleDesc	desc = CreateTemplateTupleDesc(node->desc->natts + 1);

	for (AttrNumber i = 1; i <= node->desc->natts; i++)
		TupleDescCopyEntry(desc, i, node->desc, i);
	TupleDescInitEntry(desc, desc->natts, ST_WEIGHT_COLUMN, INT8OID, -1, 0);
	return desc;
}

TupleDesc
st_join_input_desc(StJoin *join)
{
	TupleDesc	desc = CreateTemplateTupleDesc(ExecCleanTargetListLength(join->query->targetList) + 1);
	AttrNumber	column = 0;
	ListCell   *lc;

	foreach(lc, join->query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) tle->expr;

		if (tle->resjunk)
			continue;
		TupleDescInitEntry(desc, ++column, tle->resname, exprType(expr), exprTypmod(expr), 0);
		TupleDescInitEntryCollation(desc, column, exprCollation(expr));
	}
	TupleDescInitEntry(desc, ++column, ST_WEIGHT_COLUMN, INT8OID, -1, 0);
	return desc;
}

static bool
has_leaf(List *leaves, const char *input)
{
	ListCell   *lc;

	foreach(lc, leaves)
		if (strcmp(((StLeaf *) lfirst(lc))->input, input) == 0)
			return true;
	return false;
}

const StSource *
st_program_source(const StProgram *program, Oid relid)
{
	ListCell   *lc;

	foreach(lc, program->sources)
		if (((StSource *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	elog(ERROR, "relation %u is not among the sources", relid);
}

/* Where the columns of a source's delta come from. */
static const StOrigin *
source_origins(Oid relid, const Bitmapset *attnums)
{
	/* the weight has none */
	StOrigin   *origins = palloc0(sizeof(StOrigin) * (bms_num_members(attnums) + 1));
	int			attnum = -1;
	int			n = 0;

	while ((attnum = bms_next_member(attnums, attnum)) >= 0)
		origins[n++] = (StOrigin)
	{
		relid, attnum
	};
	return origins;
}

StLeaf *
st_source_leaf(const StProgram *program, Oid relid)
{
	const StSource *source = st_program_source(program, relid);
	StLeaf	   *leaf = palloc0(sizeof(StLeaf));

	leaf->kind = ST_LEAF_SOURCE;
	leaf->source = source->relid;
	leaf->input = source_input_name(source->relid);
	leaf->desc = st_source_desc(source->relid, source->attnums, true);
	leaf->origins = source_origins(source->relid, source->attnums);
	return leaf;
}

List *
st_entry_leaves(RangeTblEntry *rte, const StProgram *program, List *leaves)
{
	StLeaf	   *leaf;
	int			ordinal;

	if (rte->rtekind == RTE_RELATION)
	{
		if (has_leaf(leaves, source_input_name(rte->relid)))
			return leaves;
		return lappend(leaves, st_source_leaf(program, rte->relid));
	}
	if (rte->rtekind == RTE_SUBQUERY && st_join_ordinal(rte) < 0)
		return st_block_leaves(rte->subquery, program, leaves);

	leaf = palloc0(sizeof(StLeaf));
	if ((ordinal = st_join_ordinal(rte)) >= 0)
	{
		leaf->kind = ST_LEAF_JOIN;
		leaf->input = join_input_name(ordinal);
		leaf->desc = st_join_input_desc(list_nth(program->tree->joins, ordinal));
	}
	else if ((ordinal = st_node_leaf_ordinal(rte)) >= 0)
	{
		leaf->kind = ST_LEAF_STATE;
		leaf->input = state_input_name(ordinal);
		leaf->desc = state_input_desc(&program->nodes[ordinal]);
	}
	else
		return leaves;
	leaf->ordinal = ordinal;
	return has_leaf(leaves, leaf->input) ? leaves : lappend(leaves, leaf);
}

List *
st_block_leaves(Query *block, const StProgram *program, List *leaves)
{
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, block->rtable)
		leaves = st_entry_leaves(lfirst_node(RangeTblEntry, lc), program, leaves);
	return leaves;
}

static bool
states_walker(Node *node, void *arg)
{
	Bitmapset **states = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		int			ordinal = st_node_leaf_ordinal((RangeTblEntry *) node);

		if (ordinal >= 0)
			*states = bms_add_member(*states, ordinal);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, states_walker, arg, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, states_walker, arg);
}

Bitmapset *
st_block_states(Query *block)
{
	Bitmapset  *states = NULL;

	(void) states_walker((Node *) block, &states);
	return states;
}

/* ----- weights ----- */

static void weigh(Query *query);

static Var *
weight_var(int varno, AttrNumber attnum)
{
	return makeVar(varno, attnum, INT8OID, -1, InvalidOid, 0);
}

static void
read_input(RangeTblEntry *rte, char *name)
{
	rte->rtekind = RTE_CTE;
	rte->ctename = name;
	rte->subquery = NULL;
	rte->lateral = false;
}

void
st_read_as(RangeTblEntry *rte, char *name)
{
	Relation	rel = table_open(rte->relid, AccessShareLock);
	int			natts = RelationGetNumberOfAttributes(rel);

	table_close(rel, AccessShareLock);
	read_input(rte, name);
	rte->relid = InvalidOid;
	rte->relkind = 0;
	rte->inh = false;
	rte->eref->colnames = NIL;
	for (int i = 1; i <= natts; i++)
		rte->eref->colnames = lappend(rte->eref->colnames, makeString(psprintf("c%d", i)));
}

AttrNumber
st_weigh_entry(RangeTblEntry *rte)
{
	if (st_join_ordinal(rte) >= 0)
		read_input(rte, join_input_name(st_join_ordinal(rte)));
	else if (st_node_leaf_ordinal(rte) >= 0)
		read_input(rte, state_delta_name(st_node_leaf_ordinal(rte)));
	else if (rte->rtekind == RTE_SUBQUERY)
		weigh(rte->subquery);
	else if (rte->rtekind == RTE_RELATION)
		st_read_as(rte, source_input_name(rte->relid));
	rte->eref->colnames = lappend(rte->eref->colnames, makeString(pstrdup(ST_WEIGHT_COLUMN)));
	if (rte->alias && rte->alias->colnames)
		rte->alias->colnames = copyObject(rte->eref->colnames);
	return list_length(rte->eref->colnames);
}

static void
weigh_set_operation(Node *node)
{
	SetOperationStmt *setop;

	check_stack_depth();
	if (!IsA(node, SetOperationStmt))
		return;
	setop = (SetOperationStmt *) node;
	setop->colTypes = lappend_oid(setop->colTypes, INT8OID);
	setop->colTypmods = lappend_int(setop->colTypmods, -1);
	setop->colCollations = lappend_oid(setop->colCollations, InvalidOid);
	weigh_set_operation(setop->larg);
	weigh_set_operation(setop->rarg);
}

static void
weigh(Query *query)
{
	AttrNumber	column = 0;
	ListCell   *lc;
	int			varno = 1;

	check_stack_depth();
	if (query->setOperations)
	{
		Node	   *leftmost = query->setOperations;

		foreach(lc, query->rtable)
			(void) st_weigh_entry(lfirst_node(RangeTblEntry, lc));
		while (IsA(leftmost, SetOperationStmt))
			leftmost = ((SetOperationStmt *) leftmost)->larg;
		varno = ((RangeTblRef *) leftmost)->rtindex;
		column = list_length(query->targetList) + 1;
		weigh_set_operation(query->setOperations);
	}
	else
		column = st_weigh_entry(linitial_node(RangeTblEntry, query->rtable));
	query->targetList = lappend(query->targetList,
								makeTargetEntry((Expr *) weight_var(varno, column),
												list_length(query->targetList) + 1,
												pstrdup(ST_WEIGHT_COLUMN), false));
}

/* ----- states of one row ----- */

bool
st_node_is_one_row(const StNode *node)
{
	return node->nkeys == 0 && !node->distinct && !node->first && !node->top && !node->step && !node->whole && !node->windows;
}

typedef struct ValueContext
{
	RangeTblEntry *state;
	int			varno;
	int			depth;			/* levels below the one that reads it */
} ValueContext;

static Node *
value_mutator(Node *node, void *arg)
{
	ValueContext *context = arg;
	SubLink    *sublink;
	Var		   *var;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Query))
	{
		context->depth++;
		node = (Node *) query_tree_mutator((Query *) node, value_mutator, arg, 0);
		context->depth--;
		return node;
	}
	var = (Var *) node;
	if (!IsA(node, Var) || var->varno != context->varno || var->varlevelsup != context->depth)
		return expression_tree_mutator(node, value_mutator, arg);
	var = copyObject(var);
	var->varno = 1;
	var->varnosyn = 0;
	var->varattnosyn = 0;
	var->varlevelsup = 0;
	sublink = makeNode(SubLink);
	sublink->subLinkType = EXPR_SUBLINK;
	sublink->location = -1;
	sublink->subselect = (Node *) st_make_query(list_make1(copyObject(context->state)), NULL, NIL);
	((Query *) sublink->subselect)->targetList = st_make_targets(list_make1(var));
	return (Node *) sublink;
}

/* Is the row of an entry asked for as a whole? */
static bool
whole_row_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, Var))
		return ((Var *) node)->varno == *(int *) arg && ((Var *) node)->varattno == 0;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, whole_row_walker, arg, 0);
	return expression_tree_walker(node, whole_row_walker, arg);
}

/*
 * A state without keys is one row, always. In FROM its values are compared with
 * what the rest has already been joined to, as if any row could meet it. As
 * subqueries, which the executor computes once, they are constants for scans
 * and indexes.
 */
static Query *
read_values(const StProgram *program, Query *query)
{
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_SUBQUERY)
			rte->subquery = read_values(program, rte->subquery);
	}
	if (query->setOperations || query->jointree == NULL)
		return query;
	for (int i = list_length(query->jointree->fromlist) - 1; i >= 0; i--)
	{
		Node	   *item = list_nth(query->jointree->fromlist, i);
		ValueContext context = {NULL};
		int			ordinal;

		if (list_length(query->jointree->fromlist) == 1 || !IsA(item, RangeTblRef))
			continue;
		context.varno = ((RangeTblRef *) item)->rtindex;
		context.state = rt_fetch(context.varno, query->rtable);
		ordinal = st_node_leaf_ordinal(context.state);
		if (ordinal < 0 || !st_node_is_one_row(program->nodes[ordinal].node) ||
			query_tree_walker(query, whole_row_walker, &context.varno, 0))
			continue;
		query = query_tree_mutator(query, value_mutator, &context, 0);
		query->jointree->fromlist = list_delete_nth_cell(query->jointree->fromlist, i);
	}
	return query;
}

char *
st_block_print(const StProgram *program, Query *block)
{
	return st_query_print(read_values(program, copyObject(block)));
}

char *
st_block_print_delta(Query *block)
{
	Query	   *copy = copyObject(block);

	weigh(copy);
	return st_query_print(copy);
}

/*
 * "name AS (SELECT the values of a state FROM where), ". A row of a state's
 * delta may meet many of other relations: what takes a division is computed
 * before, which OFFSET 0 makes the planner do. The state itself is left open
 * to be searched by index.
 */
static void
print_state(StringInfo sql, const StNodeProgram *node, const char *name, const char *from, bool delta)
{
	st_sql_format(sql, "%s AS NOT MATERIALIZED (SELECT ", name);
	st_state_print_values(sql, node->node, "e");
	st_sql_format(sql, "%s FROM %s e%s%s), ",
				  delta ? ", e." ST_WEIGHT_COLUMN : ", e.ctid AS " ST_IDENTITY_COLUMN, from,
				  node->node->top ? " WHERE e.f" : "",
				  delta && st_state_computes_values(node->node) ? " OFFSET 0" : "");
}

void
st_block_print_states(StringInfo sql, const StProgram *program, const Bitmapset *states)
{
	int			ordinal = -1;

	while ((ordinal = bms_next_member(states, ordinal)) >= 0)
	{
		StringInfoData from;

		initStringInfo(&from);
		st_sql_relation(&from, program->nodes[ordinal].state);
		print_state(sql, &program->nodes[ordinal], st_node_leaf_name(ordinal), from.data, false);
		pfree(from.data);
	}
}

void
st_block_print_state_deltas(StringInfo sql, const StProgram *program, List *leaves)
{
	ListCell   *lc;

	foreach(lc, leaves)
	{
		StLeaf	   *leaf = lfirst(lc);

		if (leaf->kind == ST_LEAF_STATE)
			print_state(sql, &program->nodes[leaf->ordinal], state_delta_name(leaf->ordinal),
						leaf->input, true);
	}
}
