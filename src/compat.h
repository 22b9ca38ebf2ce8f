/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between PostgreSQL 15, 16, 17 and 18.
 *
 * The only file that may name PG_VERSION_NUM.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_COMPAT_H
#define ST_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "pg_trickle supports PostgreSQL 15 to 18"
#endif

/* 16 renamed relfilenode numbers */
#if PG_VERSION_NUM < 160000
typedef Oid RelFileNumber;
#define InvalidRelFileNumber InvalidOid
#define RelationGetFileNumber(rel) ((rel)->rd_node.relNode)
#define RelationSetNewRelfilenumber(rel, persistence) RelationSetNewRelfilenode(rel, persistence)
#else
#define RelationGetFileNumber(rel) ((rel)->rd_locator.relNumber)
#endif

/* 16 added the SQL/JSON constructors */
#if PG_VERSION_NUM >= 160000
#define ST_HAVE_JSON_CONSTRUCTOR 1
#endif

/* 18 dropped execute_once */
#if PG_VERSION_NUM >= 180000
#define StExecutorRun(qd, dir, count) ExecutorRun(qd, dir, count)
#else
#define StExecutorRun(qd, dir, count) ExecutorRun(qd, dir, count, true)
#endif

/* 18 counts what is disabled in a path, beside its cost */
#if PG_VERSION_NUM >= 180000
#define StDisablePath(path) ((void) (path)->disabled_nodes++)
#else
#define StDisablePath(path) \
	((void) ((path)->startup_cost += disable_cost, (path)->total_cost += disable_cost))
#endif

/* 16 moved permissions out of the range table */
#if PG_VERSION_NUM >= 160000
#define ST_HAVE_PERMINFOS 1
#define StCheckQueryPermissions(query) \
	((void) ExecCheckPermissions((query)->rtable, (query)->rteperminfos, true))
#else
#define StCheckQueryPermissions(query) ((void) ExecCheckRTPerms((query)->rtable, true))
#endif

/* as whom a relation of a rewritten query is read; InvalidOid: the current user */
#if PG_VERSION_NUM >= 160000
#define StCheckAsUser(query, rte) \
	((rte)->perminfoindex > 0 ? getRTEPermissionInfo((query)->rteperminfos, rte)->checkAsUser : InvalidOid)
#else
#define StCheckAsUser(query, rte) ((rte)->checkAsUser)
#endif

/* 18 added RTE_GROUP entries and virtual generated columns */
#if PG_VERSION_NUM >= 180000
#define ST_HAVE_RTE_GROUP 1
#define ST_HAVE_VIRTUAL_GENERATED 1
#endif

#if PG_VERSION_NUM >= 180000
#define ST_HAVE_SEPARATE_EXPLAIN_HEADERS 1
#else
#define ST_HAVE_SEPARATE_EXPLAIN_HEADERS 0
#endif

/* 16 let the planner hand itself to flatten_join_alias_vars */
#if PG_VERSION_NUM >= 160000
#define StFlattenJoinAliasVars(query, node) flatten_join_alias_vars(NULL, query, node)
#else
#define StFlattenJoinAliasVars(query, node) flatten_join_alias_vars(query, node)
#endif

/* 17 numbers processes apart from their structures */
#if PG_VERSION_NUM >= 170000
#define ST_MY_PROC_NUMBER MyProcNumber
#else
#define ST_MY_PROC_NUMBER MyProc->pgprocno
#endif

/* 16 marked columns that outer joins may make NULL; a printed query does without */
#if PG_VERSION_NUM >= 160000
#define StClearNullingRels(var) ((var)->varnullingrels = NULL)
#else
#define StClearNullingRels(var) ((void) 0)
#endif

/* 16 tells outer joins from inner ones; both, as a Var names those that may make it NULL */
#if PG_VERSION_NUM >= 160000
#define StRelidsInJointree(item) get_relids_in_jointree(item, true, true)
#else
#define StRelidsInJointree(item) get_relids_in_jointree(item, true)
#endif

/*
 * 18 asks for the kind of RETURNING; columns and Vars of an entry, without dropped
 * ones, or with NULL for these
 */
#if PG_VERSION_NUM >= 180000
#define StExpandRTE(rte, varno, names, vars) \
	expandRTE(rte, varno, 0, VAR_RETURNING_DEFAULT, -1, false, names, vars)
#define StExpandAllRTE(rte, varno, names, vars) \
	expandRTE(rte, varno, 0, VAR_RETURNING_DEFAULT, -1, true, names, vars)
#else
#define StExpandRTE(rte, varno, names, vars) expandRTE(rte, varno, 0, -1, false, names, vars)
#define StExpandAllRTE(rte, varno, names, vars) expandRTE(rte, varno, 0, -1, true, names, vars)
#endif

/* 18 asks for the result relation; replaces the columns of "varno" by a select list */
#if PG_VERSION_NUM >= 180000
#define StReplaceVarsFromTargetList(node, varno, rte, targets, sublinks) \
	ReplaceVarsFromTargetList(node, varno, 0, rte, targets, 0, REPLACEVARS_REPORT_ERROR, 0, sublinks)
#else
#define StReplaceVarsFromTargetList(node, varno, rte, targets, sublinks) \
	ReplaceVarsFromTargetList(node, varno, 0, rte, targets, REPLACEVARS_REPORT_ERROR, 0, sublinks)
#endif

/* 17 added the planner's memory */
#if PG_VERSION_NUM >= 170000
#define StExplainOnePlan(planned, es, text) \
	ExplainOnePlan(planned, NULL, es, text, NULL, NULL, NULL, NULL, NULL)
#else
#define StExplainOnePlan(planned, es, text) \
	ExplainOnePlan(planned, NULL, es, text, NULL, NULL, NULL, NULL)
#endif

/* 17 gave security-restricted operations their own search_path helper */
#if PG_VERSION_NUM < 170000
#define RestrictSearchPath() \
	((void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, \
							  PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false))
#endif

/* 16 replaced per-object ownership tests by one */
#if PG_VERSION_NUM < 160000
#define StRelationOwnerCheck(relid, role) pg_class_ownercheck(relid, role)
#define StSchemaOwnerCheck(schema, role) pg_namespace_ownercheck(schema, role)
#define StFunctionOwnerCheck(function, role) pg_proc_ownercheck(function, role)
#define StTypeOwnerCheck(type, role) pg_type_ownercheck(type, role)
#define StOperatorOwnerCheck(operator, role) pg_oper_ownercheck(operator, role)
#define StCollationOwnerCheck(collation, role) pg_collation_ownercheck(collation, role)
#define StExtensionOwnerCheck(extension, role) pg_extension_ownercheck(extension, role)
#else
#define StRelationOwnerCheck(relid, role) object_ownercheck(RelationRelationId, relid, role)
#define StSchemaOwnerCheck(schema, role) object_ownercheck(NamespaceRelationId, schema, role)
#define StFunctionOwnerCheck(function, role) object_ownercheck(ProcedureRelationId, function, role)
#define StTypeOwnerCheck(type, role) object_ownercheck(TypeRelationId, type, role)
#define StOperatorOwnerCheck(operator, role) object_ownercheck(OperatorRelationId, operator, role)
#define StCollationOwnerCheck(collation, role) object_ownercheck(CollationRelationId, collation, role)
#define StExtensionOwnerCheck(extension, role) object_ownercheck(ExtensionRelationId, extension, role)
#endif

/* 17 added the statement to reindex_relation */
#if PG_VERSION_NUM >= 170000
#define StReindexRelationParts(relid, flags, params) reindex_relation(NULL, relid, flags, params)
#else
#define StReindexRelationParts(relid, flags, params) reindex_relation(relid, flags, params)
#endif

/* 16 can check as whom a table is truncated */
#if PG_VERSION_NUM >= 160000
#define StExecuteTruncateGuts(rels, relids, logged) \
	ExecuteTruncateGuts(rels, relids, logged, DROP_RESTRICT, false, false)
#else
#define StExecuteTruncateGuts(rels, relids, logged) ExecuteTruncateGuts(rels, relids, logged, DROP_RESTRICT, false)
#endif

/* index_create and makeIndexInfo gain arguments in 16, 17 and 18 */
#if PG_VERSION_NUM >= 180000
#define StMakeIndexInfo(natts, am, expressions, unique) \
	makeIndexInfo(natts, natts, am, expressions, NIL, unique, false, true, false, false, false)
#elif PG_VERSION_NUM >= 160000
#define StMakeIndexInfo(natts, am, expressions, unique) \
	makeIndexInfo(natts, natts, am, expressions, NIL, unique, false, true, false, false)
#else
#define StMakeIndexInfo(natts, am, expressions, unique) \
	makeIndexInfo(natts, natts, am, expressions, NIL, unique, false, true, false)
#endif
#if PG_VERSION_NUM >= 170000
#define StIndexCreate(rel, name, info, columns, am, space, collations, classes, options, flags) \
	index_create(rel, name, InvalidOid, InvalidOid, InvalidOid, InvalidRelFileNumber, info, columns, \
				 am, space, collations, classes, NULL, options, NULL, (Datum) 0, flags, 0, \
				 false, true, NULL)
#else
#define StIndexCreate(rel, name, info, columns, am, space, collations, classes, options, flags) \
	index_create(rel, name, InvalidOid, InvalidOid, InvalidOid, InvalidRelFileNumber, info, columns, \
				 am, space, collations, classes, options, (Datum) 0, flags, 0, \
				 false, true, NULL)
#endif

/* an index of a table and its partitions, by their owner and for whoever calls; 16 wants the number of partitions */
#if PG_VERSION_NUM >= 160000
#define StDefineIndex(relid, stmt) \
	DefineIndex(relid, stmt, InvalidOid, InvalidOid, InvalidOid, -1, false, false, false, false, true)
#else
#define StDefineIndex(relid, stmt) \
	DefineIndex(relid, stmt, InvalidOid, InvalidOid, InvalidOid, false, false, false, false, true)
#endif

/* strategies of partitioning, which have names before 16 */
#if PG_VERSION_NUM >= 160000
#define ST_PARTITION_BY_RANGE PARTITION_STRATEGY_RANGE
#define ST_PARTITION_BY_LIST PARTITION_STRATEGY_LIST
#define ST_PARTITION_BY_HASH PARTITION_STRATEGY_HASH
#else
#define ST_PARTITION_BY_RANGE "range"
#define ST_PARTITION_BY_LIST "list"
#define ST_PARTITION_BY_HASH "hash"
#endif

/* 18 counts index searches per scan */
#if PG_VERSION_NUM >= 180000
#define StIndexBeginScan(rel, index, snapshot, nkeys) \
	index_beginscan(rel, index, snapshot, NULL, nkeys, 0)
#else
#define StIndexBeginScan(rel, index, snapshot, nkeys) index_beginscan(rel, index, snapshot, nkeys, 0)
#endif

/* a range table of the one relation "rte", for row-wise writes to it */
#if PG_VERSION_NUM >= 180000
#define StExecInitOneRelation(estate, rte, perminfos) \
	(addRTEPermissionInfo(&(perminfos), rte), \
	 ExecInitRangeTable(estate, list_make1(rte), perminfos, bms_make_singleton(1)))
#elif PG_VERSION_NUM >= 160000
#define StExecInitOneRelation(estate, rte, perminfos) \
	(addRTEPermissionInfo(&(perminfos), rte), \
	 ExecInitRangeTable(estate, list_make1(rte), perminfos))
#else
#define StExecInitOneRelation(estate, rte, perminfos) \
	((void) (perminfos), ExecInitRangeTable(estate, list_make1(rte)))
#endif

/* the updated columns of a range table entry made by StExecInitOneRelation */
#if PG_VERSION_NUM >= 160000
#define StSetUpdatedCols(rte, perminfos, columns) \
	(linitial_node(RTEPermissionInfo, perminfos)->updatedCols = (columns))
#else
#define StSetUpdatedCols(rte, perminfos, columns) ((rte)->updatedCols = (columns))
#endif

/* 16 told EvalPlanQual which relations are written */
#if PG_VERSION_NUM >= 160000
#define StEvalPlanQualInit(epqstate, estate) EvalPlanQualInit(epqstate, estate, NULL, NIL, -1, NIL)
#else
#define StEvalPlanQualInit(epqstate, estate) EvalPlanQualInit(epqstate, estate, NULL, NIL, -1)
#endif

/* 17 numbers processes alike everywhere; both need storage/procarray.h or sinvaladt.h */
#if PG_VERSION_NUM >= 170000
#define StVirtualXidProc(vxid) ProcNumberGetProc((vxid).procNumber)
#define StVirtualXidIsPrepared(vxid) ((vxid).procNumber == INVALID_PROC_NUMBER)
#define StProcLocalXid(proc) ((proc)->vxid.lxid)
#else
#define StVirtualXidProc(vxid) BackendIdGetProc((vxid).backendId)
#define StVirtualXidIsPrepared(vxid) ((vxid).backendId == InvalidBackendId)
#define StProcLocalXid(proc) ((proc)->lxid)
#endif

/* the i-th of the backend statuses, from 1 */
#if PG_VERSION_NUM >= 160000
#define StBackendStatus(i) pgstat_get_local_beentry_by_index(i)
#else
#define StBackendStatus(i) pgstat_fetch_stat_local_beentry(i)
#endif

/* 17 lets extensions name what they wait for; needs utils/wait_event.h */
#if PG_VERSION_NUM >= 170000
#define ST_NEW_WAIT_EVENT(name) WaitEventExtensionNew(name)
#else
#define ST_NEW_WAIT_EVENT(name) ((void) (name), PG_WAIT_EXTENSION)
#endif

#endif							/* ST_COMPAT_H */
