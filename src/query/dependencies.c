/*-------------------------------------------------------------------------
 *
 * dependencies.c
 *	  What a query's result depends on besides rows: views, functions, types.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_class.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "query/query.h"

/* between functions and types in a fingerprint */
#define TYPES_FOLLOW ";"

/*
 * Before 16 an expanded view leaves the entries of its rule (relkind VIEW) in
 * the range table of the subquery; from 16 on the subquery's entry keeps relid.
 */
static bool
views_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if ((rte->rtekind == RTE_RELATION || rte->rtekind == RTE_SUBQUERY) &&
			OidIsValid(rte->relid) && rte->relkind == RELKIND_VIEW)
			*(List **) arg = list_append_unique_oid(*(List **) arg, rte->relid);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, views_walker, arg, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, views_walker, arg);
}

List *
st_query_views(Query *query)
{
	List	   *views = NIL;

	(void) views_walker((Node *) query, &views);
	list_sort(views, list_oid_cmp);
	return views;
}

/* An aggregate is what its support functions do. */
static void
note_aggregate(Oid function, List **functions)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function));
	Form_pg_aggregate form;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_aggregate) GETSTRUCT(tuple);
	{
		Oid			support[] = {form->aggtransfn, form->aggfinalfn, form->aggcombinefn, form->aggserialfn,
		form->aggdeserialfn, form->aggmtransfn, form->aggminvtransfn, form->aggmfinalfn};

		for (int i = 0; i < lengthof(support); i++)
			if (support[i] >= FirstNormalObjectId)
				*functions = list_append_unique_oid(*functions, support[i]);
	}
	ReleaseSysCache(tuple);
}

static bool
note_function(Oid function, void *arg)
{
	if (function >= FirstNormalObjectId && !list_member_oid(*(List **) arg, function))
	{
		*(List **) arg = lappend_oid(*(List **) arg, function);
		note_aggregate(function, arg);
	}
	return false;
}

static bool
functions_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	(void) check_functions_in_node(node, note_function, arg);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, functions_walker, arg, 0);
	return expression_tree_walker(node, functions_walker, arg);
}

List *
st_query_functions(Query *query)
{
	List	   *functions = NIL;

	(void) functions_walker((Node *) query, &functions);
	list_sort(functions, list_oid_cmp);
	return functions;
}

/* Enums and row types of users in a type, those inside others too. */
static void
note_type(Oid type, List **types)
{
	Oid			inner;
	TupleDesc	desc;

	check_stack_depth();
	type = getBaseType(type);
	if (type < FirstNormalObjectId || list_member_oid(*types, type))
		return;
	switch (get_typtype(type))
	{
		case TYPTYPE_ENUM:
			*types = lappend_oid(*types, type);
			break;
		case TYPTYPE_COMPOSITE:
			*types = lappend_oid(*types, type);
			desc = lookup_rowtype_tupdesc(type, -1);
			for (int i = 0; i < desc->natts; i++)
				if (!TupleDescAttr(desc, i)->attisdropped)
					note_type(TupleDescAttr(desc, i)->atttypid, types);
			ReleaseTupleDesc(desc);
			break;
		case TYPTYPE_RANGE:
			note_type(get_range_subtype(type), types);
			break;
		case TYPTYPE_MULTIRANGE:
			note_type(get_multirange_range(type), types);
			break;
		default:
			inner = get_element_type(type);
			if (OidIsValid(inner))
				note_type(inner, types);
	}
}

static bool
types_walker(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_Query:
			return query_tree_walker((Query *) node, types_walker, arg, 0);
		case T_Var:
		case T_Const:
		case T_Aggref:
		case T_WindowFunc:
		case T_FuncExpr:
		case T_OpExpr:
		case T_FieldSelect:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_CaseExpr:
		case T_CoerceToDomain:
			note_type(exprType(node), arg);
			break;
		default:
			break;
	}
	return expression_tree_walker(node, types_walker, arg);
}

List *
st_query_types(Query *query)
{
	List	   *types = NIL;

	(void) types_walker((Node *) query, &types);
	list_sort(types, list_oid_cmp);
	return types;
}

/* Labels of an enum, in the order of their names. */
static void
append_labels(StringInfo text, Oid type)
{
	Relation	rel = table_open(EnumRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_enum_enumtypid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(type));
	scan = systable_beginscan(rel, EnumTypIdLabelIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_enum form = (Form_pg_enum) GETSTRUCT(tuple);

		appendStringInfo(text, "%u:%s ", form->oid, NameStr(form->enumlabel));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

static void
append_attributes(StringInfo text, Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(type, -1);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped)
			appendStringInfo(text, "%d:%s:%u:%d ", i, NameStr(att->attname), att->atttypid, att->atttypmod);
	}
	ReleaseTupleDesc(desc);
}

static void
append_row(StringInfo text, Oid object, HeapTuple tuple)
{
	if (HeapTupleIsValid(tuple))
	{
		appendStringInfo(text, "%u:%u ", object, HeapTupleHeaderGetRawXmin(tuple->t_data));
		ReleaseSysCache(tuple);
	}
	else
		appendStringInfo(text, "%u:gone ", object);
}

static uint64
attribute_hash(HeapTuple tuple, TupleDesc desc, AttrNumber attnum)
{
	Form_pg_attribute att = TupleDescAttr(desc, attnum - 1);
	bool		isnull;
	Datum		value = heap_getattr(tuple, attnum, desc, &isnull);
	struct varlena *bytes;

	if (isnull)
		return 0;
	if (att->attbyval)
		return hash_bytes_extended((const unsigned char *) &value, sizeof(Datum), attnum);
	Assert(att->attlen == -1);
	bytes = PG_DETOAST_DATUM_PACKED(value);
	return hash_bytes_extended((const unsigned char *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), attnum);
}

/*
 * What a function does, in a few digits: not its name, schema, owner, rights or
 * costs, which may change freely. Whose rights it has does count, and of an
 * aggregate what it is made of.
 */
static uint64
function_hash(Oid function)
{
	static const AttrNumber told[] = {
		Anum_pg_proc_prolang, Anum_pg_proc_provariadic, Anum_pg_proc_prokind, Anum_pg_proc_prosecdef,
		Anum_pg_proc_proisstrict, Anum_pg_proc_proretset, Anum_pg_proc_provolatile, Anum_pg_proc_prorettype,
		Anum_pg_proc_proargtypes, Anum_pg_proc_proallargtypes, Anum_pg_proc_proargmodes, Anum_pg_proc_protrftypes,
		Anum_pg_proc_prosrc, Anum_pg_proc_probin, Anum_pg_proc_prosqlbody, Anum_pg_proc_proconfig
	};
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Relation	rel;
	uint64		hash;

	if (!HeapTupleIsValid(tuple))
		return 0;
	hash = ((Form_pg_proc) GETSTRUCT(tuple))->prosecdef ? ((Form_pg_proc) GETSTRUCT(tuple))->proowner : 0;
	rel = table_open(ProcedureRelationId, AccessShareLock);
	for (int i = 0; i < lengthof(told); i++)
		hash = hash_combine64(hash, attribute_hash(tuple, RelationGetDescr(rel), told[i]));
	table_close(rel, AccessShareLock);
	ReleaseSysCache(tuple);

	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function));
	if (HeapTupleIsValid(tuple))
	{
		rel = table_open(AggregateRelationId, AccessShareLock);
		for (int i = 1; i <= RelationGetDescr(rel)->natts; i++)
			hash = hash_combine64(hash, attribute_hash(tuple, RelationGetDescr(rel), i));
		table_close(rel, AccessShareLock);
		ReleaseSysCache(tuple);
	}
	return hash;
}

/* Whose rights a view has, and its options: security_barrier, security_invoker. */
static void
append_view(StringInfo text, Oid view)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(view));
	bool		isnull;
	Datum		options;

	if (!HeapTupleIsValid(tuple))
		return;
	appendStringInfo(text, "%u ", ((Form_pg_class) GETSTRUCT(tuple))->relowner);
	options = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_reloptions, &isnull);
	if (!isnull)
	{
		struct varlena *bytes = PG_DETOAST_DATUM_PACKED(options);

		appendStringInfo(text, "%08x ", hash_bytes((const unsigned char *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)));
	}
	ReleaseSysCache(tuple);
}

char *
st_query_views_fingerprint(Query *query)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, st_query_views(query))
	{
		append_row(&text, lfirst_oid(lc),
				   SearchSysCache2(RULERELNAME, ObjectIdGetDatum(lfirst_oid(lc)),
								   CStringGetDatum("_RETURN")));
		append_view(&text, lfirst_oid(lc));
	}
	return text.data;
}

char *
st_query_functions_fingerprint(Query *query)
{
	StringInfoData text;
	StringInfoData type;
	ListCell   *lc;

	initStringInfo(&text);
	initStringInfo(&type);
	foreach(lc, st_query_functions(query))
		appendStringInfo(&text, "%u:%016llx ", lfirst_oid(lc), (unsigned long long) function_hash(lfirst_oid(lc)));
	appendStringInfoString(&text, TYPES_FOLLOW);
	foreach(lc, st_query_types(query))
	{
		resetStringInfo(&type);
		if (get_typtype(lfirst_oid(lc)) == TYPTYPE_ENUM)
			append_labels(&type, lfirst_oid(lc));
		else
			append_attributes(&type, lfirst_oid(lc));
		appendStringInfo(&text, "%u:%08x ", lfirst_oid(lc),
						 hash_bytes((const unsigned char *) type.data, type.len));
	}
	return text.data;
}

bool
st_functions_are_same(const char *a, const char *b)
{
	size_t		length = strcspn(a, TYPES_FOLLOW);

	return length == strcspn(b, TYPES_FOLLOW) && strncmp(a, b, length) == 0;
}
