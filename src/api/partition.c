/*-------------------------------------------------------------------------
 *
 * partition.c
 *	  Stream tables that are partitioned: the parameter partition_by.
 *
 * NOTES
 *	  A plain table cannot become a partitioned one, so another partitioning is
 *	  another relation. Its rows are carried over and not computed again, so
 *	  frontiers and states stay what they are. What the user has put on the
 *	  table and cannot be carried over is named, and nothing is done.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/attmap.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "catalog/toasting.h"
#include "commands/comment.h"
#include "commands/defrem.h"
#include "commands/tablecmds.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/readfuncs.h"
#include "nodes/value.h"
#include "parser/parse_utilcmd.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "api/definition.h"
#include "api/name.h"
#include "api/partition.h"
#include "catalog/depend.h"
#include "catalog/internal_table.h"
#include "catalog/saved.h"
#include "compat.h"
#include "store/wake.h"
#include "util/sqlbuf.h"
#include "util/statement.h"

#define DEFAULT_MODULUS 4
#define MIN_MODULUS 2
#define MAX_MODULUS 256

/* ----- the parameter ----- */

static void
invalid(const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: partition_by %s", problem),
			 errhint("Use 'column[, column]' for ranges, 'LIST:column' or 'HASH:column[:modulus]'.")));
}

/* Cut the ":modulus" off; that of a column's name is within double quotes. */
static int
cut_modulus(char *text)
{
	char	   *colon = NULL;
	bool		quoted = false;
	char	   *end;
	long		modulus;

	for (char *c = text; *c; c++)
	{
		if (*c == '"')
			quoted = !quoted;
		else if (*c == ':' && !quoted)
			colon = c;
	}
	if (colon == NULL)
		return DEFAULT_MODULUS;
	*colon = '\0';
	modulus = strtol(colon + 1, &end, 10);
	while (isspace((unsigned char) *end))
		end++;
	if (end == colon + 1 || *end != '\0' || modulus < MIN_MODULUS || modulus > MAX_MODULUS)
		invalid(psprintf("has the modulus \"%s\", which is no number from %d to %d", colon + 1, MIN_MODULUS, MAX_MODULUS));
	return (int) modulus;
}

StPartitioning *
st_partitioning_parse(const char *text)
{
	StPartitioning *result = palloc0(sizeof(StPartitioning));
	char	   *copy;

	while (isspace((unsigned char) *text))
		text++;
	if (pg_strncasecmp(text, "LIST:", 5) == 0)
		result->kind = ST_PARTITION_LIST;
	else if (pg_strncasecmp(text, "HASH:", 5) == 0)
		result->kind = ST_PARTITION_HASH;
	else
		result->kind = ST_PARTITION_RANGE;
	copy = pstrdup(result->kind == ST_PARTITION_RANGE ? text : text + 5);
	if (result->kind == ST_PARTITION_HASH)
		result->modulus = cut_modulus(copy);
	if (!SplitIdentifierString(copy, ',', &result->columns))
		invalid(psprintf("\"%s\" is no list of column names", text));
	if (result->columns == NIL)
		invalid("names no column");
	if (result->kind != ST_PARTITION_RANGE && list_length(result->columns) > 1)
		invalid(psprintf("names %d columns, and %s takes a single column", list_length(result->columns),
						 result->kind == ST_PARTITION_LIST ? "LIST" : "HASH"));
	return result;
}

void
st_partitioning_check(const StPartitioning *partitioning, List *columns)
{
	StringInfoData names;
	ListCell   *lc;
	ListCell   *lc2;

	initStringInfo(&names);
	foreach(lc, columns)
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", lfirst_node(ColumnDef, lc)->colname);
	foreach(lc, partitioning->columns)
	{
		bool		found = false;

		foreach(lc2, columns)
			found = found || strcmp(lfirst_node(ColumnDef, lc2)->colname, lfirst(lc)) == 0;
		if (!found)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid argument: partition_by names column \"%s\", which the query does not return", (char *) lfirst(lc)),
					 errhint("Its columns are: %s.", names.data)));
	}
}

/* ----- making the table ----- */

static PartitionSpec *
make_specification(const StPartitioning *partitioning)
{
	PartitionSpec *spec = makeNode(PartitionSpec);
	ListCell   *lc;

	switch (partitioning->kind)
	{
		case ST_PARTITION_RANGE:
			spec->strategy = ST_PARTITION_BY_RANGE;
			break;
		case ST_PARTITION_LIST:
			spec->strategy = ST_PARTITION_BY_LIST;
			break;
		case ST_PARTITION_HASH:
			spec->strategy = ST_PARTITION_BY_HASH;
			break;
	}
	foreach(lc, partitioning->columns)
	{
		PartitionElem *element = makeNode(PartitionElem);

		element->name = pstrdup(lfirst(lc));
		element->location = -1;
		spec->partParams = lappend(spec->partParams, element);
	}
	spec->location = -1;
	return spec;
}

static void
create_partition(const RangeVar *parent, const char *suffix, PartitionBoundSpec *bound)
{
	CreateStmt *create = makeNode(CreateStmt);
	ObjectAddress address;

	create->relation = makeRangeVar(parent->schemaname, makeObjectName(parent->relname, NULL, suffix), -1);
	create->inhRelations = list_make1(makeRangeVar(parent->schemaname, parent->relname, -1));
	create->partbound = bound;
	create->oncommit = ONCOMMIT_NOOP;
	bound->location = -1;
	address = DefineRelation(create, RELKIND_RELATION, GetUserId(), NULL, NULL);
	CommandCounterIncrement();
	NewRelationCreateToastTable(address.objectId, (Datum) 0);
	st_set_replica_identity_full(address.objectId);
}

static void
create_partitions(const RangeVar *parent, const StPartitioning *partitioning)
{
	PartitionBoundSpec *bound;

	if (partitioning->kind != ST_PARTITION_HASH)
	{
		bound = makeNode(PartitionBoundSpec);
		bound->strategy = partitioning->kind == ST_PARTITION_RANGE ? PARTITION_STRATEGY_RANGE : PARTITION_STRATEGY_LIST;
		bound->is_default = true;
		create_partition(parent, "default", bound);
		return;
	}
	for (int i = 0; i < partitioning->modulus; i++)
	{
		bound = makeNode(PartitionBoundSpec);
		bound->strategy = PARTITION_STRATEGY_HASH;
		bound->modulus = partitioning->modulus;
		bound->remainder = i;
		create_partition(parent, psprintf("p%d", i), bound);
	}
}

/* As create_ctas_internal in PostgreSQL's createas.c. */
Oid
st_partitioning_create_table(RangeVar *name, List *columns, const StPartitioning *partitioning)
{
	CreateStmt *create = makeNode(CreateStmt);
	ObjectAddress address;

	create->relation = name;
	create->tableElts = columns;
	create->oncommit = ONCOMMIT_NOOP;
	if (partitioning)
		create->partspec = make_specification(partitioning);
	address = DefineRelation(create, RELKIND_RELATION, GetUserId(), NULL, NULL);
	CommandCounterIncrement();
	NewRelationCreateToastTable(address.objectId, (Datum) 0);
	/* a publication of all tables must not make refreshes fail (rule B16) */
	st_set_replica_identity_full(address.objectId);
	if (partitioning)
		create_partitions(makeRangeVar(get_namespace_name(get_rel_namespace(address.objectId)),
									   get_rel_name(address.objectId), -1), partitioning);
	return address.objectId;
}

/* ----- another partitioning ----- */

/* What a relation has beside its rows. */
typedef struct Belongings
{
	Form_pg_class form;
	Datum		acl;
	bool		has_acl;
	Datum	   *column_acls;	/* per live column; 0: none */
	List	   *comments;		/* of the table and its columns, NULL: none */
	List	   *indexes;		/* of IndexStmt, but the identity's own */
	List	   *columns;		/* of ColumnDef */
	AttrMap    *map;			/* from its columns to those of the next */
} Belongings;

static void
require_no_readers(StStreamTable *table)
{
	List	   *readers = st_depend_dependants(RelationRelationId, table->relid);

	if (readers != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot change the partitioning of stream table \"%s.%s\" because stream table \"%s\" reads it",
						table->schema, table->name, get_rel_name(linitial_oid(readers))),
				 errhint("Drop that one first, and create it again afterwards.")));
}

/* Would it be lost? Constraints of indexes are made again with them. */
static bool
is_in_the_way(Oid class, Oid object)
{
	HeapTuple	tuple;
	bool		result;

	switch (class)
	{
		case AttrDefaultRelationId:
		case PolicyRelationId:
		case PublicationRelRelationId:
		case StatisticExtRelationId:
			return true;
		case TriggerRelationId:
			{
				Relation	rel = table_open(TriggerRelationId, AccessShareLock);

				tuple = get_catalog_object_by_oid(rel, Anum_pg_trigger_oid, object);
				result = HeapTupleIsValid(tuple) && !((Form_pg_trigger) GETSTRUCT(tuple))->tgisinternal;
				table_close(rel, AccessShareLock);
				return result;
			}
		case ConstraintRelationId:
			tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(object));
			result = HeapTupleIsValid(tuple) &&
				(((Form_pg_constraint) GETSTRUCT(tuple))->contype == CONSTRAINT_CHECK ||
				 ((Form_pg_constraint) GETSTRUCT(tuple))->contype == CONSTRAINT_FOREIGN);
			if (HeapTupleIsValid(tuple))
				ReleaseSysCache(tuple);
			return result;
		default:
			return false;
	}
}

static void
require_nothing_in_the_way(StStreamTable *table)
{
	Relation	rel = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(table->relid));
	scan = systable_beginscan(rel, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress address;

		if (!is_in_the_way(form->classid, form->objid))
			continue;
		ObjectAddressSet(address, form->classid, form->objid);
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot change the partitioning of stream table \"%s.%s\" because it has %s",
						table->schema, table->name, getObjectDescription(&address, false)),
				 errhint("Drop that first, and create it again afterwards.")));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

static Belongings *
collect_belongings(Oid relid, const StIdentity *identity)
{
	Belongings *result = palloc0(sizeof(Belongings));
	Relation	rel = table_open(relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	Oid			own = st_identity_index(relid, identity);
	HeapTuple	tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));
	bool		isnull;
	AttrNumber	n = 0;
	ListCell   *lc;

	result->form = (Form_pg_class) GETSTRUCT(tuple);
	result->acl = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &isnull);
	result->has_acl = !isnull;
	result->comments = list_make1(GetComment(relid, RelationRelationId, 0));
	result->map = make_attrmap(desc->natts);
	result->column_acls = palloc0(sizeof(Datum) * desc->natts);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		ColumnDef  *column;
		HeapTuple	row;
		Datum		acl;

		if (att->attisdropped)
			continue;
		row = SearchSysCacheCopy2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(i + 1));
		acl = SysCacheGetAttr(ATTNUM, row, Anum_pg_attribute_attacl, &isnull);
		result->column_acls[n] = isnull ? (Datum) 0 : acl;
		result->map->attnums[i] = ++n;
		column = makeColumnDef(NameStr(att->attname), att->atttypid, att->atttypmod, att->attcollation);
		column->is_not_null = att->attnotnull;
		result->columns = lappend(result->columns, column);
		result->comments = lappend(result->comments, GetComment(relid, RelationRelationId, i + 1));
	}
	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index;
		Oid			constraint;
		IndexStmt  *stmt;

		if (lfirst_oid(lc) == own)
			continue;
		index = index_open(lfirst_oid(lc), AccessShareLock);
		stmt = generateClonedIndexStmt(NULL, index, result->map, &constraint);
		stmt->idxname = pstrdup(RelationGetRelationName(index));
		result->indexes = lappend(result->indexes, stmt);
		index_close(index, AccessShareLock);
	}
	table_close(rel, NoLock);
	return result;
}

static void
set_acl(Oid catalog, HeapTuple tuple, AttrNumber attnum_acl, Oid relid, AttrNumber column, Oid owner, Datum acl)
{
	Relation	rel = table_open(catalog, RowExclusiveLock);
	TupleDesc	desc = RelationGetDescr(rel);
	Datum	   *values = palloc0(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc0(sizeof(bool) * desc->natts);
	bool	   *replaces = palloc0(sizeof(bool) * desc->natts);
	Oid		   *members;
	int			n = aclmembers(DatumGetAclP(acl), &members);

	values[attnum_acl - 1] = acl;
	replaces[attnum_acl - 1] = true;
	tuple = heap_modify_tuple(tuple, desc, values, nulls, replaces);
	CatalogTupleUpdate(rel, &tuple->t_self, tuple);
	updateAclDependencies(RelationRelationId, relid, column, owner, 0, NULL, n, members);
	table_close(rel, RowExclusiveLock);
	CommandCounterIncrement();
}

/* Row security, rights and comments. */
static void
hand_over(const Belongings *belongings, Oid relid)
{
	Relation	rel = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple	tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
	ListCell   *lc;

	form->relrowsecurity = belongings->form->relrowsecurity;
	form->relforcerowsecurity = belongings->form->relforcerowsecurity;
	CatalogTupleUpdate(rel, &tuple->t_self, tuple);
	table_close(rel, RowExclusiveLock);
	CommandCounterIncrement();
	if (belongings->has_acl)
		set_acl(RelationRelationId, SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid)), Anum_pg_class_relacl,
				relid, 0, belongings->form->relowner, belongings->acl);
	for (int i = 0; i < list_length(belongings->columns); i++)
		if (belongings->column_acls[i] != (Datum) 0)
			set_acl(AttributeRelationId, SearchSysCacheCopy2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(i + 1)),
					Anum_pg_attribute_attacl, relid, i + 1, belongings->form->relowner, belongings->column_acls[i]);
	foreach(lc, belongings->comments)
		if (lfirst(lc))
			CreateComments(relid, RelationRelationId, foreach_current_index(lc), lfirst(lc));
}

/* "SELECT ... FROM table" or "INSERT INTO table ... SELECT ... FROM st_rows". */
static StStatement *
row_statement(Oid relid, List *columns, const StInput *input)
{
	StringInfoData names;
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&names);
	initStringInfo(&sql);
	foreach(lc, columns)
	{
		if (foreach_current_index(lc) > 0)
			st_sql_text(&names, ", ");
		st_sql_identifier(&names, lfirst_node(ColumnDef, lc)->colname);
	}
	if (input)
	{
		st_sql_text(&sql, "INSERT INTO ");
		st_sql_relation(&sql, relid);
		st_sql_format(&sql, " (%s) ", names.data);
	}
	st_sql_format(&sql, "SELECT %s FROM ", names.data);
	if (input)
		st_sql_text(&sql, "st_rows d");
	else
	{
		st_sql_relation(&sql, relid);
		st_sql_text(&sql, " t");
	}
	return st_statement_create(CurrentMemoryContext, sql.data, input ? 1 : 0, input);
}

static Snapshot
push_snapshot(void)
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	UpdateActiveSnapshotCommandId();
	return GetActiveSnapshot();
}

/* The old relation's rows, indexes and rights in a new one of the same name. */
static Oid
replace_relation(StStreamTable *table, const StPartitioning *partitioning, const Belongings *belongings)
{
	RangeVar   *name = makeRangeVar(get_namespace_name(get_rel_namespace(table->relid)), get_rel_name(table->relid), -1);
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	StStatement *statement = row_statement(table->relid, belongings->columns, NULL);
	StInput		input = {.name = "st_rows", .desc = CreateTupleDescCopy(st_statement_desc(statement)), .rows = rows};
	ObjectAddress address;
	Oid			relid;
	ListCell   *lc;

	input.count = st_statement_fill(statement, 0, NULL, push_snapshot(), rows);
	PopActiveSnapshot();
	/* PostgreSQL says what else depends on it */
	ObjectAddressSet(address, RelationRelationId, table->relid);
	performDeletion(&address, DROP_RESTRICT, 0);
	CommandCounterIncrement();

	relid = st_partitioning_create_table(name, belongings->columns, partitioning);
	if (table->nkeys > 0 && !table->append_only)
		st_room_reserve(relid);
	st_guard_install(relid);
	statement = row_statement(relid, belongings->columns, &input);
	st_guard_enter();
	(void) st_statement_run(statement, 1, &input, push_snapshot(), NULL, NULL);
	st_guard_leave();
	PopActiveSnapshot();
	tuplestore_end(rows);
	foreach(lc, belongings->indexes)
		(void) StDefineIndex(relid, lfirst_node(IndexStmt, lc));
	CommandCounterIncrement();
	hand_over(belongings, relid);
	return relid;
}

/* The stream table is another relation from now on; whose guard was whole has a whole one. */
static void
update_catalog(StStreamTable *table, Oid relid, const char *text, const StIdentity *identity, bool guarded)
{
	Oid			types[] = {OIDOID, OIDOID, TEXTOID, INT8OID, INT2ARRAYOID, TEXTOID};
	Datum		values[6];
	char		nulls[] = "      ";

	values[0] = ObjectIdGetDatum(table->relid);
	values[1] = ObjectIdGetDatum(relid);
	values[2] = CStringGetTextDatum(text);
	nulls[2] = *text ? ' ' : 'n';
	values[3] = Int64GetDatum(table->pgt_id);
	values[4] = st_attnum_array(identity->nkeys, identity->keys);
	values[5] = CStringGetTextDatum(guarded ? st_guard_fingerprint(relid, NIL) : "");
	SPI_connect();
	(void) st_catalog_execute("UPDATE pgtrickle.stream_table_internals SET key_columns = $5, guard_fingerprint = $6 WHERE pgt_id = $4",
							  6, types, values, nulls);
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_stream_tables SET pgt_relid = $2, st_partition_key = $3,"
							  " updated_at = pg_catalog.now() WHERE pgt_relid = $1", 3, types, values, nulls);
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_source_gates SET source_relid = $2 WHERE source_relid = $1", 2, types, values, NULL);
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_watermarks SET source_relid = $2 WHERE source_relid = $1", 2, types, values, NULL);
	(void) st_catalog_execute("UPDATE pgtrickle.pgt_watermark_groups SET source_relids = pg_catalog.array_replace(source_relids, $1, $2)"
							  " WHERE $1 OPERATOR(pg_catalog.=) ANY (source_relids)", 2, types, values, NULL);
	SPI_finish();
	st_saved_note(table->relid);
	st_saved_note(relid);
	CommandCounterIncrement();
}

/* Is it what the stream table has already? */
static bool
is_present(StStreamTable *table, const char *text)
{
	List	   *options = st_stream_table_options(table->relid);
	const char *present = "";
	ListCell   *lc;

	for (lc = list_head(options); lc; lc = lnext(options, lnext(options, lc)))
		if (strcmp(lfirst(lc), "st_partition_key") == 0)
			present = lfirst(lnext(options, lc));
	return strcmp(present, text) == 0;
}

static void
look_what_is_replaced(StLockSet *set, void *arg)
{
	StStreamTable *table = st_stream_table_get(*(Oid *) arg);

	st_lock_set_add_group(set, table);
	set->going = list_make1_oid(table->relid);
}

Oid
st_repartition(Oid relid, const char *text)
{
	StStreamTable *table = st_stream_table_get(relid);
	StPartitioning *partitioning = *text ? st_partitioning_parse(text) : NULL;
	StIdentity	identity;
	Belongings *belongings;
	StOwnerScope scope;
	Query	   *query;
	bool		guarded;
	Oid			next;

	if (is_present(table, text))
		return relid;
	(void) st_definition_lock_all(look_what_is_replaced, &relid);
	table = st_stream_table_get(relid);
	require_no_readers(table);
	require_nothing_in_the_way(table);
	guarded = strcmp(st_guard_fingerprint(relid, NIL), table->guard_fingerprint) == 0;
	identity.kind = table->identity_kind;
	identity.nkeys = table->nkeys;
	identity.keys = table->keys;
	belongings = collect_belongings(relid, &identity);
	if (partitioning)
		st_partitioning_check(partitioning, belongings->columns);
	for (int i = 0; i < identity.nkeys; i++)
		identity.keys[i] = belongings->map->attnums[identity.keys[i] - 1];
	query = castNode(Query, stringToNode(st_stream_table_tree(table)));

	st_owner_enter(&scope, belongings->form->relowner, NIL);
	next = replace_relation(table, partitioning, belongings);
	if (!OidIsValid(st_identity_index(next, &identity)))
		(void) st_identity_create_index(next, &identity);
	st_owner_leave(&scope);
	update_catalog(table, next, text, &identity, guarded);
	st_depend_record(next, query, st_query_views(query));
	CacheInvalidateRelcacheByRelid(next);
	st_wake_note_graph();
	CommandCounterIncrement();
	ereport(WARNING,
			(errmsg("stream table \"%s.%s\" has another partitioning and is another relation", table->schema, table->name),
			 errdetail("Its rows, indexes, rights and comments are what they were.")));
	return next;
}
