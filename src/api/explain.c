/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  How a stream table is maintained: explain_stream_table(), explain_st(),
 *	  explain_delta().
 *
 * Planning evaluates immutable functions of the query and happens as the
 * owner of the stream table, restricted (rule J15). What is shown may hold
 * values of the owner's: it is for the owner and for pg_read_all_stats (J19).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/explain.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/timestamp.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "api/definition.h"
#include "api/explain.h"
#include "api/name.h"
#include "apply/apply.h"
#include "compat.h"
#include "delta/window.h"
#include "refresh/window_run.h"
#include "store/store.h"

#if ST_HAVE_SEPARATE_EXPLAIN_HEADERS
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

PG_FUNCTION_INFO_V1(st_sql_explain_stream_table);
PG_FUNCTION_INFO_V1(st_sql_explain_delta);
PG_FUNCTION_INFO_V1(st_sql_explain_diff_sql);
PG_FUNCTION_INFO_V1(st_sql_explain_st);

/* ----- statements ----- */

static StInput *
one_row_input(const char *name, TupleDesc desc, StInput *input)
{
	input->name = name;
	input->desc = desc;
	input->rows = tuplestore_begin_heap(false, false, work_mem);
	input->count = 1;
	return input;
}

static List *
add_statement(List *list, const char *label, StStatement *statement, int ninputs, StInput *inputs, bool is_delta)
{
	StNamedStatement *named = palloc(sizeof(StNamedStatement));

	named->label = label;
	named->statement = statement;
	named->ninputs = ninputs;
	named->inputs = inputs;
	named->is_delta = is_delta;
	return lappend(list, named);
}

/* One row for each leaf, and for "previous" if it is not NULL. */
static StInput *
leaf_inputs(List *leaves, TupleDesc previous)
{
	StInput    *inputs = palloc0(sizeof(StInput) * (list_length(leaves) + 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, leaves)
	{
		StLeaf	   *leaf = lfirst(lc);

		(void) one_row_input(leaf->input, leaf->desc, &inputs[n++]);
	}
	if (previous)
		(void) one_row_input(ST_STEP_INPUT, previous, &inputs[n]);
	return inputs;
}

/* The delta of a block, which reads the deltas of its leaves. */
static List *
add_delta(List *list, const char *label, StBlockProgram *block)
{
	return add_statement(list, label, block->delta, list_length(block->leaves), leaf_inputs(block->leaves, NULL), true);
}

/* The same for windows, which read a limit as well. */
static List *
add_windows(List *list, const char *label, StBlockProgram *block)
{
	int			nleaves = list_length(block->leaves);
	StInput    *inputs = palloc0(sizeof(StInput) * (nleaves + 1));

	memcpy(inputs, leaf_inputs(block->leaves, NULL), sizeof(StInput) * nleaves);
	(void) one_row_input(ST_WINDOW_LIMIT_INPUT, st_window_limit_desc(), &inputs[nleaves]);
	return add_statement(list, label, block->delta, nleaves + 1, inputs, true);
}

/* The deltas of a join, for a change of each of its references alone. */
static List *
add_join(List *list, StProgram *program, StJoinProgram *join)
{
	for (int i = 0; i < join->nreferences; i++)
	{
		StJoinDelta *delta;
		TupleDesc	previous = NULL;
		int			nleaves = list_length(join->leaves);
		ListCell   *lc;

		/* VALUES and functions never change */
		if (bms_is_empty(join->reference_leaves[i]))
			continue;
		delta = st_join_delta(program, join, bms_make_singleton(i));
		foreach(lc, delta->steps)
		{
			StJoinStep *step = lfirst(lc);

			list = add_statement(list, psprintf("Join %d delta of reference %d", join->join->ordinal, i + 1),
								 step->statement, previous ? nleaves + 1 : nleaves,
								 leaf_inputs(join->leaves, previous), true);
			previous = step->desc;
		}
	}
	if (join->join->kind == ST_JOIN_CLOCK)
		list = add_statement(list, psprintf("Join %d delta by time alone", join->join->ordinal),
							 ((StJoinStep *) linitial(st_join_delta(program, join, NULL)->steps))->statement,
							 list_length(join->leaves), leaf_inputs(join->leaves, NULL), true);
	return list;
}

static StInput *
one_key(TupleDesc desc)
{
	return one_row_input(ST_KEYS_INPUT, desc, palloc0(sizeof(StInput)));
}

/* What a slice runs: keys, rows of them, and the query over these. */
static List *
add_slice(List *list, StJoinProgram *join)
{
	StSliceProgram *slice = join->slice;
	int			ordinal = join->join->ordinal;
	StInput    *inputs = palloc0(sizeof(StInput) * slice->nfetches);

	for (int i = 0; i < slice->nclasses; i++)
	{
		StSliceKeys *class = &slice->classes[i];

		if (class->touched)
			list = add_statement(list, psprintf("Slice %d touched keys of class %d", ordinal, i), class->touched,
								 list_length(slice->key_leaves), leaf_inputs(slice->key_leaves, NULL), true);
		if (class->relevant)
			list = add_statement(list, psprintf("Slice %d touched keys of class %d that linked relations know", ordinal, i),
								 class->relevant, list_length(slice->key_leaves), leaf_inputs(slice->key_leaves, NULL), true);
		if (class->climb)
			list = add_statement(list, psprintf("Slice %d keys that class %d leads to", ordinal, i), class->climb,
								 1, one_key(class->desc), true);
	}
	for (int i = 0; i < slice->nfetches; i++)
	{
		StSliceFetch *fetch = &slice->fetches[i];

		(void) one_row_input(fetch->input, fetch->desc, &inputs[i]);
		if (fetch->fetch)
			list = add_statement(list, psprintf("Slice %d rows of reference %d", ordinal, i + 1), fetch->fetch,
								 1, one_key(slice->classes[fetch->number].desc), true);
	}
	if (slice->core)
	{
		int			nleaves = list_length(slice->key_leaves);
		StInput    *all = palloc(sizeof(StInput) * (nleaves + slice->nfetches));

		memcpy(all, leaf_inputs(slice->key_leaves, NULL), sizeof(StInput) * nleaves);
		memcpy(all + nleaves, inputs, sizeof(StInput) * slice->nfetches);
		list = add_statement(list, psprintf("Slice %d keys that the result can have rows of", ordinal), slice->core,
							 nleaves + slice->nfetches, all, true);
	}
	list = add_statement(list, psprintf("Slice %d", ordinal), slice->own, slice->nfetches, inputs, true);
	if (slice->query != slice->own)
		list = add_statement(list, psprintf("Slice %d where a linked relation has changed", ordinal), slice->query,
							 slice->nfetches, inputs, true);
	return list;
}

List *
st_named_statements(StEntry *entry)
{
	List	   *list = NIL;

	if (entry->program == NULL)
		return add_statement(NIL, "Query", entry->original, 0, NULL, false);
	for (int i = 0; i < entry->program->njoins; i++)
	{
		StJoinProgram *join = &entry->program->joins[i];

		list = join->slice ? add_slice(list, join) : add_join(list, entry->program, join);
	}
	for (int i = 0; i < entry->program->nnodes; i++)
	{
		StNodeProgram *node = &entry->program->nodes[i];

		list = add_statement(list, psprintf("State %d fill", i), node->block.fill, 0, NULL, false);
		if (node->node->windows)
			list = add_windows(list, psprintf("State %d delta", i), &node->block);
		else if (node->block.delta)
			list = add_delta(list, psprintf("State %d delta", i), &node->block);
		if (node->recursion)
			list = add_delta(list, psprintf("State %d step", i), &node->recursion->step);
		if (node->recompute != node->block.fill)
			list = add_statement(list, psprintf("State %d groups computed again", i), node->recompute, 1,
								 one_row_input(ST_GROUPS_INPUT, node->key_desc, palloc0(sizeof(StInput))), true);
	}
	list = add_statement(list, "Fill", entry->program->final.fill, 0, NULL, false);
	return add_delta(list, "Delta", &entry->program->final);
}

char *
st_statement_hash(StStatement *statement)
{
	const char *text = st_statement_text(statement);

	return psprintf("%016llx",
					(unsigned long long) DatumGetUInt64(hash_any_extended((const unsigned char *) text, strlen(text), 0)));
}

static char *
relation_labels(List *relations)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, relations)
		appendStringInfo(&text, "%s%s", text.len ? ", " : "", st_relation_label(lfirst_oid(lc)));
	return text.len ? text.data : "nothing";
}

/* ----- explain_stream_table ----- */

static void
print_statements(StringInfo text, StEntry *entry)
{
	ListCell   *lc;

	foreach(lc, st_named_statements(entry))
	{
		StNamedStatement *named = lfirst(lc);

		appendStringInfo(text, "%s:\n", named->label);
		appendStringInfo(text, "  Hash: %s\n", st_statement_hash(named->statement));
		appendStringInfo(text, "  Reads: %s", relation_labels(st_statement_relations(named->statement)));
		for (int i = 0; i < named->ninputs; i++)
			appendStringInfo(text, ", %s", named->inputs[i].name);
		appendStringInfo(text, "\n  May scan: %s\n",
						 relation_labels(st_statement_scanned(named->statement, named->ninputs, named->inputs)));
		appendStringInfo(text, "  %s\n", st_statement_text(named->statement));
	}
}

static void
print_program(StringInfo text, StEntry *entry)
{
	ListCell   *lc;

	appendStringInfoString(text, "Operators:\n");
	st_print_operators(text, entry, 1);
	foreach(lc, entry->program->sources)
	{
		StSource   *source = lfirst(lc);

		appendStringInfo(text, "Source: %s (%s), change log of " INT64_FORMAT " bytes\n",
						 st_relation_label(source->relid), st_source_columns(source), st_log_size(source->relid));
		if (source->wanted)
			appendStringInfo(text, "  Only rows: %s\n",
							 deparse_expression((Node *) make_ands_explicit(source->wanted),
												deparse_context_for(get_rel_name(source->relid), source->relid), false, false));
	}
	foreach(lc, st_tree_index_advice(entry->program->tree))
		appendStringInfo(text, "Missing index: %s\n", st_index_advice_sql(lfirst(lc)));
	for (int i = 0; i < entry->program->nnodes; i++)
	{
		StNodeProgram *node = &entry->program->nodes[i];

		appendStringInfo(text, "State %d: %s (", i, st_relation_label(node->state));
		for (int a = 0; a < node->desc->natts; a++)
			appendStringInfo(text, "%s%s%s", a ? ", " : "", NameStr(TupleDescAttr(node->desc, a)->attname),
							 a < node->node->nkeys ? " key" : "");
		if (st_windows_limit(entry, i) > 0)
			appendStringInfo(text, "), recomputed where " INT64_FORMAT " rows or more of a window would be computed again\n",
							 st_windows_limit(entry, i));
		else
			appendStringInfo(text, "), %s\n", node->node->recompute ? "affected groups are computed again" :
							 "follows by counters");
	}
}

/* The columns that tell rows apart, and how. */
static void
print_identity(StringInfo text, StEntry *entry)
{
	static const char *const identities[] = {"unique key", "hash of the key", "hash of the row image"};
	StStreamTable *table = entry->table;

	appendStringInfo(text, "Row identity: %s", identities[table->identity_kind]);
	for (int i = 0; i < table->nkeys; i++)
		appendStringInfo(text, "%s%s", i ? ", " : " (",
						 quote_identifier(get_attname(entry->relid, table->keys[i], false)));
	appendStringInfoString(text, table->nkeys > 0 ? ")\n" : "\n");
}

/* Since when its rows are right, and until when they are if nothing is written. */
static void
print_time(StringInfo text, StEntry *entry)
{
	TimestampTz clock = st_stream_table_get(entry->relid)->clock;
	TimestampTz next;

	if (entry->table->populated && clock != 0)
		appendStringInfo(text, "Compared with now() at: %s\n", timestamptz_to_str(clock));
	st_statement_check_permissions(entry->original);
	next = st_next_time(entry, GetActiveSnapshot());
	appendStringInfo(text, "Next row changes by time at: %s\n", TIMESTAMP_IS_NOEND(next) ? "never" : timestamptz_to_str(next));
}

static void
print_partitions(StringInfo to, StEntry *entry)
{
	Datum		key = OidFunctionCall1(F_PG_GET_PARTKEYDEF, ObjectIdGetDatum(entry->relid));

	appendStringInfo(to, "Partitioned: %s, %d partition%s%s\n", TextDatumGetCString(key),
					 list_length(entry->members) - 1, list_length(entry->members) == 2 ? "" : "s",
					 OidIsValid(st_table_filled_default(entry->relid)) ? ", rows in the default partition" : "");
}

Datum
st_sql_explain_stream_table(PG_FUNCTION_ARGS)
{
	Oid			relid = st_resolve_readable_stream_table(PG_GETARG_TEXT_PP(0));
	StEntry    *entry;
	StStreamTable *table;
	StringInfoData text;
	StOwnerScope scope;

	st_entries_hold();
	entry = st_entry_get(relid);
	table = entry->table;
	initStringInfo(&text);
	appendStringInfo(&text, "Stream table: %s.%s\n", table->schema, table->name);
	appendStringInfo(&text, "Status: %s\n", table->status);
	appendStringInfo(&text, "Populated: %s\n", table->populated ? "yes" : "no");
	appendStringInfo(&text, "Refresh mode: %s (configured)\n",
					 strcmp(table->refresh_mode, "FULL") == 0 ? "Full" : "Differential");
	appendStringInfo(&text, "Effective mode: %s\n", entry->program ? "Differential" : "Full");
	appendStringInfo(&text, "CDC status: %s\n", entry->program ? "active" : "none");
	appendStringInfoString(&text, "Backpressure: disabled, writers are never held back\n");
	if (get_rel_relkind(entry->relid) == RELKIND_PARTITIONED_TABLE)
		print_partitions(&text, entry);
	if (entry->program == NULL)
		appendStringInfo(&text, "Recomputed because: %s\n", entry->reason);
	print_identity(&text, entry);
	appendStringInfo(&text, "Defining query:\n  %s\n", table->query);
	if (entry->program)
		print_program(&text, entry);
	st_owner_enter(&scope, entry->owner, table->settings);
	if (entry->program && entry->program->clocked)
		print_time(&text, entry);
	print_statements(&text, entry);
	st_owner_leave(&scope);
	st_entries_release();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(text.data, text.len));
}

/* ----- explain_delta ----- */

static ExplainFormat
parse_format(const char *format)
{
	static const struct
	{
		const char *name;
		ExplainFormat format;
	}			formats[] = {
		{"text", EXPLAIN_FORMAT_TEXT}, {"json", EXPLAIN_FORMAT_JSON},
		{"xml", EXPLAIN_FORMAT_XML}, {"yaml", EXPLAIN_FORMAT_YAML}
	};

	for (int i = 0; i < lengthof(formats); i++)
		if (pg_strcasecmp(format, formats[i].name) == 0)
			return formats[i].format;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid argument: format \"%s\"", format),
			 errhint("Use text, json, xml or yaml.")));
}

static void
put_line(ReturnSetInfo *rsinfo, const char *line)
{
	Datum		value = CStringGetTextDatum(line);
	bool		isnull = false;

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &isnull);
}

/* Text: a row per line; the other formats are one document. */
static void
put_output(ReturnSetInfo *rsinfo, ExplainState *es)
{
	char	   *line;
	char	   *rest = es->str->data;

	while (es->str->len > 0 && es->str->data[es->str->len - 1] == '\n')
		es->str->data[--es->str->len] = '\0';
	if (es->format != EXPLAIN_FORMAT_TEXT)
	{
		put_line(rsinfo, es->str->data);
		return;
	}
	while ((line = strsep(&rest, "\n")) != NULL)
		put_line(rsinfo, line);
}

Datum
st_sql_explain_delta(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			relid = st_resolve_readable_stream_table(PG_GETARG_TEXT_PP(0));
	ExplainState *es = NewExplainState();
	StEntry    *entry;
	StOwnerScope scope;
	ListCell   *lc;

	es->format = parse_format(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	st_entries_hold();
	entry = st_entry_get(relid);
	if (entry->program == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("stream table \"%s.%s\" has no delta", entry->table->schema, entry->table->name),
				 errdetail("It is recomputed: %s.", entry->reason)));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	st_owner_enter(&scope, entry->owner, entry->table->settings);
	ExplainBeginOutput(es);
	foreach(lc, st_named_statements(entry))
	{
		StNamedStatement *named = lfirst(lc);

		if (named->is_delta)
			st_statement_explain(named->statement, named->ninputs, named->inputs, named->label, es);
	}
	ExplainEndOutput(es);
	st_owner_leave(&scope);
	put_output(rsinfo, es);
	st_entries_release();
	return (Datum) 0;
}

Datum
st_sql_explain_diff_sql(PG_FUNCTION_ARGS)
{
	Oid			relid = st_resolve_readable_stream_table(PG_GETARG_TEXT_PP(0));
	StEntry    *entry;
	StringInfoData text;

	st_entries_hold();
	entry = st_entry_get(relid);
	initStringInfo(&text);
	if (entry->program)
	{
		StOwnerScope scope;
		ListCell   *lc;

		st_owner_enter(&scope, entry->owner, entry->table->settings);
		foreach(lc, st_named_statements(entry))
		{
			StNamedStatement *named = lfirst(lc);

			if (named->is_delta)
				appendStringInfo(&text, "-- %s\n%s;\n", named->label, st_statement_text(named->statement));
		}
		st_owner_leave(&scope);
	}
	else
		ereport(NOTICE,
				(errmsg("stream table \"%s.%s\" has no delta", entry->table->schema, entry->table->name),
				 errdetail("It is recomputed: %s.", entry->reason)));
	st_entries_release();
	if (text.len == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(text.data));
}

/* ----- explain_st ----- */

static void
put_property(ReturnSetInfo *rsinfo, const char *property, const char *value)
{
	Datum		values[2] = {CStringGetTextDatum(property), value ? CStringGetTextDatum(value) : (Datum) 0};
	bool		nulls[2] = {false, value == NULL};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* The first column of the one row of a query about a stream table, or NULL. */
static char *
catalog_value(int64 pgt_id, const char *sql)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(pgt_id)};
	MemoryContext context = CurrentMemoryContext;
	char	   *value = NULL;

	SPI_connect();
	if (st_catalog_execute(sql, 1, types, values, NULL) > 0)
	{
		value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		if (value)
			value = MemoryContextStrdup(context, value);
	}
	SPI_finish();
	return value;
}

static void
put_catalog_property(ReturnSetInfo *rsinfo, const char *property, int64 pgt_id, const char *sql)
{
	char	   *value = catalog_value(pgt_id, sql);

	if (value)
		put_property(rsinfo, property, value);
}

const char *
st_strategy_word(StAggregateStrategy strategy)
{
	switch (strategy)
	{
		case ST_AGGREGATE_COUNT_ROWS:
		case ST_AGGREGATE_COUNT:
		case ST_AGGREGATE_SUM:
			return "ALGEBRAIC_INVERTIBLE";
		case ST_AGGREGATE_AVG:
		case ST_AGGREGATE_VAR_POP:
		case ST_AGGREGATE_VAR_SAMP:
		case ST_AGGREGATE_STDDEV_POP:
		case ST_AGGREGATE_STDDEV_SAMP:
		case ST_AGGREGATE_BOOL_AND:
		case ST_AGGREGATE_BOOL_OR:
			return "ALGEBRAIC_VIA_AUX";
		case ST_AGGREGATE_MIN:
		case ST_AGGREGATE_MAX:
			return "SEMI_ALGEBRAIC";
		case ST_AGGREGATE_RECOMPUTE:
			return "GROUP_RESCAN";
	}
	return "";
}

/* Function of each aggregate to its strategy, numbered by state and place. */
static char *
aggregate_strategies(StEntry *entry)
{
	StringInfoData json;
	ListCell   *lc;
	ListCell   *lc2;

	initStringInfo(&json);
	foreach(lc, entry->program->tree->nodes)
	{
		StNode	   *node = lfirst(lc);

		foreach(lc2, node->aggregates)
		{
			StAggregate *aggregate = lfirst(lc2);

			appendStringInfoString(&json, json.len ? ", " : "{");
			escape_json(&json, psprintf("%s (state %d, v%d)", get_func_name(aggregate->aggref->aggfnoid),
										node->ordinal, foreach_current_index(lc2) + 1));
			appendStringInfo(&json, ": \"%s\"", st_strategy_word(aggregate->strategy));
		}
	}
	if (json.len == 0)
		return NULL;
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* The statements that run at a refresh, in their order. */
static char *
delta_query(StEntry *entry)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, st_named_statements(entry))
	{
		StNamedStatement *named = lfirst(lc);

		if (named->is_delta)
			appendStringInfo(&text, "%s%s", text.len ? ";\n" : "", st_statement_text(named->statement));
	}
	return text.data;
}

/* Frontier of each source, by its name. */
static char *
frontiers(StEntry *entry)
{
	StringInfoData json;
	ListCell   *lc;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	foreach(lc, entry->program->sources)
	{
		Oid			relid = ((StSource *) lfirst(lc))->relid;

		appendStringInfoString(&json, json.len > 1 ? ", " : "");
		escape_json(&json, st_relation_label(relid));
		appendStringInfo(&json, ": %s", st_frontier_json(st_frontier_read(entry->table->pgt_id, relid)));
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

static void
put_maintenance(ReturnSetInfo *rsinfo, StEntry *entry)
{
	StringInfoData text;
	StOwnerScope scope;

	put_property(rsinfo, "dvm_supported", entry->program ? "true" : "false");
	if (entry->program == NULL)
	{
		put_property(rsinfo, "dvm_error", entry->reason);
		return;
	}
	initStringInfo(&text);
	st_print_operators(&text, entry, 0);
	put_property(rsinfo, "operator_tree", text.data);
	resetStringInfo(&text);
	for (int i = 0; i < entry->desc->natts; i++)
		appendStringInfo(&text, "%s%s", i ? ", " : "", NameStr(TupleDescAttr(entry->desc, i)->attname));
	put_property(rsinfo, "output_columns", text.data);
	put_catalog_property(rsinfo, "source_oids", entry->table->pgt_id,
						 "SELECT string_agg(source_relid::text, ', ' ORDER BY source_relid)"
						 " FROM pgtrickle.pgt_dependencies WHERE pgt_id = $1 AND source_type <> 'VIEW'");
	if (aggregate_strategies(entry))
		put_property(rsinfo, "aggregate_strategies", aggregate_strategies(entry));
	st_owner_enter(&scope, entry->owner, entry->table->settings);
	put_property(rsinfo, "delta_query", delta_query(entry));
	st_owner_leave(&scope);
}

static void
put_statistics(ReturnSetInfo *rsinfo, StEntry *entry)
{
	int64		pgt_id = entry->table->pgt_id;

	put_catalog_property(rsinfo, "amplification_stats", pgt_id,
						 "SELECT json_build_object('samples', count(*), 'min', min(r), 'max', max(r), 'avg', avg(r),"
						 "   'latest', (array_agg(r ORDER BY refresh_id DESC))[1])"
						 " FROM (SELECT refresh_id, round((rows_inserted + rows_updated + rows_deleted)::numeric / delta_row_count, 3) AS r"
						 "         FROM pgtrickle.pgt_refresh_history"
						 "        WHERE pgt_id = $1 AND action = 'DIFFERENTIAL' AND delta_row_count > 0"
						 "        ORDER BY refresh_id DESC LIMIT 20) AS h HAVING count(*) > 0");
	put_catalog_property(rsinfo, "refresh_timing_stats", pgt_id,
						 "SELECT json_build_object('samples', count(*), 'min_ms', min(ms), 'max_ms', max(ms), 'avg_ms', round(avg(ms), 3),"
						 "   'latest_ms', (array_agg(ms ORDER BY refresh_id DESC))[1],"
						 "   'latest_action', (array_agg(action ORDER BY refresh_id DESC))[1])"
						 " FROM (SELECT refresh_id, action, round(coalesce((busy_ms / runs)::numeric, 1000 * extract(epoch FROM end_time - start_time)), 3) AS ms"
						 "         FROM pgtrickle.pgt_refresh_history WHERE pgt_id = $1 AND end_time IS NOT NULL"
						 "        ORDER BY refresh_id DESC LIMIT 20) AS h HAVING count(*) > 0");
	put_catalog_property(rsinfo, "source_partitions", pgt_id,
						 "SELECT json_agg(json_build_object('source', format('%I.%I', n.nspname, c.relname),"
						 "   'partition_key', pg_get_partkeydef(c.oid),"
						 "   'partitions', (SELECT count(*) FROM pg_partition_tree(c.oid) WHERE isleaf)) ORDER BY n.nspname, c.relname)"
						 " FROM pgtrickle.pgt_dependencies d JOIN pg_class c ON c.oid = d.source_relid"
						 " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE d.pgt_id = $1 AND c.relkind = 'p'");
	put_catalog_property(rsinfo, "dependency_graph_dot", pgt_id,
						 "SELECT 'digraph {' || coalesce(string_agg(format(E'\\n    %s -> %s;', to_json(parent), to_json(child)), ''"
						 "   ORDER BY parent, child), '') || E'\\n}'"
						 " FROM (SELECT format('%I.%I', n.nspname, c.relname) AS parent, format('%I.%I', t.pgt_schema, t.pgt_name) AS child"
						 "         FROM pgtrickle.pgt_dependencies d JOIN pgtrickle.pgt_stream_tables t USING (pgt_id)"
						 "         JOIN pg_class c ON c.oid = d.source_relid JOIN pg_namespace n ON n.oid = c.relnamespace"
						 "        WHERE d.pgt_id = $1 OR d.source_relid = (SELECT s.pgt_relid FROM pgtrickle.pgt_stream_tables s WHERE s.pgt_id = $1)) AS e");
	put_catalog_property(rsinfo, "append_only_mode", pgt_id,
						 "SELECT CASE WHEN is_append_only THEN 'on' ELSE 'off' END FROM pgtrickle.pgt_stream_tables WHERE pgt_id = $1");
}

static char *
explain_analyze(StEntry *entry)
{
	ExplainState *es = NewExplainState();

	es->analyze = true;
	es->costs = es->timing = es->summary = es->buffers = true;
	ExplainBeginOutput(es);
	st_statement_check_permissions(entry->original);
	st_statement_explain_run(entry->original, es);
	ExplainEndOutput(es);
	return es->str->data;
}

Datum
st_sql_explain_st(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		with_analyze = PG_GETARG_BOOL(1);
	Oid			relid = with_analyze ? st_resolve_own_stream_table(PG_GETARG_TEXT_PP(0)) :
		st_resolve_readable_stream_table(PG_GETARG_TEXT_PP(0));
	StEntry    *entry;
	StOwnerScope scope;

	st_entries_hold();
	entry = st_entry_get(relid);
	InitMaterializedSRF(fcinfo, 0);
	put_property(rsinfo, "pgt_name", entry->table->name);
	put_property(rsinfo, "defining_query", entry->table->query);
	put_property(rsinfo, "refresh_mode", entry->table->refresh_mode);
	put_property(rsinfo, "status", entry->table->status);
	put_property(rsinfo, "is_populated", entry->table->populated ? "true" : "false");
	put_maintenance(rsinfo, entry);
	if (entry->program)
		put_property(rsinfo, "frontier", frontiers(entry));
	put_statistics(rsinfo, entry);
	if (with_analyze)
	{
		st_owner_enter(&scope, entry->owner, entry->table->settings);
		put_property(rsinfo, "explain_analyze", explain_analyze(entry));
		st_owner_leave(&scope);
	}
	st_entries_release();
	return (Datum) 0;
}
