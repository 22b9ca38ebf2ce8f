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
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "delta/aggregate.h"
#include "delta/block.h"
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

/* Columns c<attnum> with the source's types, for the wanted attributes. */
static TupleDesc
source_input_desc(Oid relid, const Bitmapset *attnums)
{
	Relation	rel = table_open(relid, AccessShareLock);
	TupleDesc	desc = CreateTemplateTupleDesc(bms_num_members(attnums) + 1);
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
	TupleDescInitEntry(desc, column, ST_WEIGHT_COLUMN, INT8OID, -1, 0);
	table_close(rel, NoLock);
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

typedef struct LeafContext
{
	const StProgram *program;
	List	   *leaves;
} LeafContext;

static bool
leaf_walker(Node *node, void *arg)
{
	LeafContext *context = arg;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;
		StLeaf	   *leaf;
		ListCell   *lc;
		const char *input;

		if (rte->rtekind == RTE_RELATION)
			input = source_input_name(rte->relid);
		else if (rte->rtekind == RTE_CTE)
			input = state_input_name(atoi(rte->ctename + strlen("__pgt_s")));
		else
			return false;
		foreach(lc, context->leaves)
			if (strcmp(((StLeaf *) lfirst(lc))->input, input) == 0)
				return false;
		leaf = palloc0(sizeof(StLeaf));
		leaf->input = input;
		if (rte->rtekind == RTE_RELATION)
		{
			leaf->source = rte->relid;
			foreach(lc, context->program->sources)
			{
				StSource   *source = lfirst(lc);

				if (source->relid == rte->relid)
					leaf->desc = source_input_desc(rte->relid, source->attnums);
			}
		}
		else
		{
			leaf->node = atoi(rte->ctename + strlen("__pgt_s"));
			leaf->desc = state_input_desc(&context->program->nodes[leaf->node]);
		}
		context->leaves = lappend(context->leaves, leaf);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, leaf_walker, arg, QTW_EXAMINE_RTES_BEFORE);
	return false;
}

List *
st_block_leaves(Query *block, const StProgram *program)
{
	LeafContext context = {program, NIL};

	(void) leaf_walker((Node *) block, &context);
	return context.leaves;
}

/* ----- weights ----- */

static void weigh(Query *query);

static Var *
weight_var(int varno, AttrNumber attnum)
{
	return makeVar(varno, attnum, INT8OID, -1, InvalidOid, 0);
}

/* Hand the weight of a range table entry out as one more column; its number. */
static AttrNumber
weigh_range_entry(RangeTblEntry *rte)
{
	if (rte->rtekind == RTE_SUBQUERY)
		weigh(rte->subquery);
	else if (rte->rtekind == RTE_RELATION)
	{
		Relation	rel = table_open(rte->relid, AccessShareLock);
		int			natts = RelationGetNumberOfAttributes(rel);
		List	   *names = NIL;

		table_close(rel, NoLock);
		for (int i = 1; i <= natts; i++)
			names = lappend(names, makeString(psprintf("c%d", i)));
		rte->rtekind = RTE_CTE;
		rte->ctename = source_input_name(rte->relid);
		rte->relid = InvalidOid;
		rte->relkind = 0;
		rte->inh = false;
		rte->eref->colnames = names;
	}
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
			(void) weigh_range_entry(lfirst_node(RangeTblEntry, lc));
		while (IsA(leftmost, SetOperationStmt))
			leftmost = ((SetOperationStmt *) leftmost)->larg;
		varno = ((RangeTblRef *) leftmost)->rtindex;
		column = list_length(query->targetList) + 1;
		weigh_set_operation(query->setOperations);
	}
	else
		column = weigh_range_entry(linitial_node(RangeTblEntry, query->rtable));
	query->targetList = lappend(query->targetList,
								makeTargetEntry((Expr *) weight_var(varno, column),
												list_length(query->targetList) + 1,
												pstrdup(ST_WEIGHT_COLUMN), false));
}

char *
st_block_print(Query *block)
{
	return st_query_print(block);
}

char *
st_block_print_delta(Query *block)
{
	Query	   *copy = copyObject(block);

	weigh(copy);
	return st_query_print(copy);
}

void
st_block_print_states(StringInfo sql, const StProgram *program, List *leaves, bool delta)
{
	ListCell   *lc;

	foreach(lc, leaves)
	{
		StLeaf	   *leaf = lfirst(lc);
		const StNodeProgram *node;

		if (OidIsValid(leaf->source))
			continue;
		node = &program->nodes[leaf->node];
		st_sql_format(sql, "%s AS %s(SELECT ", st_node_leaf_name(leaf->node),
					  delta ? "" : "NOT MATERIALIZED ");
		st_state_print_values(sql, node->node, "e");
		if (delta)
			st_sql_format(sql, ", e." ST_WEIGHT_COLUMN " FROM %s e", leaf->input);
		else
		{
			st_sql_text(sql, " FROM ");
			st_sql_relation(sql, node->state);
			st_sql_text(sql, " e");
		}
		st_sql_text(sql, "), ");
	}
}
