/*-------------------------------------------------------------------------
 *
 * information.c
 *	  What stream tables are, and what would become of a query.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "api/name.h"
#include "compat.h"
#include "guc.h"
#include "store/store.h"

PG_FUNCTION_INFO_V1(st_sql_version);
PG_FUNCTION_INFO_V1(st_sql_stream_table_id);
PG_FUNCTION_INFO_V1(st_sql_change_log_bytes);
PG_FUNCTION_INFO_V1(st_sql_explain_stream_table);
PG_FUNCTION_INFO_V1(st_sql_explain_delta);
PG_FUNCTION_INFO_V1(st_sql_validate_query);

Datum
st_sql_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(ST_VERSION));
}

Datum
st_sql_stream_table_id(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(st_require_stream_table(st_resolve_stream_table(PG_GETARG_TEXT_PP(0)))->pgt_id);
}

Datum
st_sql_change_log_bytes(PG_FUNCTION_ARGS)
{
	Oid			source = PG_GETARG_OID(0);

	PG_RETURN_INT64(st_log_exists(source) ? st_log_size(source) : 0);
}

/* ----- explain ----- */

static void
explain_statement(StringInfo text, const char *label, StStatement *statement)
{
	appendStringInfo(text, "%s:\n  %s\n", label, st_statement_text(statement));
}

static void
explain_program(StringInfo text, StEntry *entry)
{
	ListCell   *lc;

	foreach(lc, entry->program->sources)
	{
		StSource   *source = lfirst(lc);
		int			attnum = -1;
		const char *separator = "";

		appendStringInfo(text, "Source: %s.%s (", get_namespace_name(get_rel_namespace(source->relid)),
						 get_rel_name(source->relid));
		while ((attnum = bms_next_member(source->attnums, attnum)) >= 0)
		{
			appendStringInfo(text, "%s%s", separator, get_attname(source->relid, attnum, false));
			separator = ", ";
		}
		appendStringInfoString(text, ")\n");
	}
	for (int i = 0; i < entry->program->nnodes; i++)
	{
		StNodeProgram *node = &entry->program->nodes[i];

		appendStringInfo(text, "State %d: pgtrickle_changes.%s, %s over %d keys, %s\n", i,
						 get_rel_name(node->state), node->node->distinct ? "DISTINCT" : "groups",
						 node->node->nkeys,
						 node->node->recompute ? "affected groups are computed again" :
						 "follows by counters");
		explain_statement(text, psprintf("State %d delta", i), node->block.delta);
		explain_statement(text, psprintf("State %d groups computed again", i), node->recompute);
	}
	explain_statement(text, "Delta", entry->program->final.delta);
}

Datum
st_sql_explain_stream_table(PG_FUNCTION_ARGS)
{
	static const char *const identities[] = {"unique key", "hash of the key", "hash of the row image"};
	Oid			relid = st_lock_stream_table(PG_GETARG_TEXT_PP(0));
	StEntry    *entry;
	StStreamTable *table;
	StringInfoData text;

	entry = st_entry_get(relid);
	table = entry->table;
	initStringInfo(&text);
	appendStringInfo(&text, "Stream table: %s.%s\n", table->schema, table->name);
	appendStringInfo(&text, "Status: %s\n", table->status);
	appendStringInfo(&text, "Populated: %s\n", table->populated ? "yes" : "no");
	appendStringInfo(&text, "Refresh mode: %s\n", table->refresh_mode);
	if (table->reason)
		appendStringInfo(&text, "Recomputed because: %s\n", table->reason);
	appendStringInfo(&text, "Row identity: %s\n", identities[table->identity_kind]);
	appendStringInfo(&text, "Defining query:\n  %s\n", table->query);
	if (entry->program)
		explain_program(&text, entry);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(text.data, text.len));
}

static void
put_lines(ReturnSetInfo *rsinfo, char *text)
{
	char	   *line;
	char	   *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL)
	{
		Datum		value = CStringGetTextDatum(line);
		bool		isnull = false;

		if (*line || rest)
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &isnull);
	}
}

static void
explain_block(ReturnSetInfo *rsinfo, const char *label, StBlockProgram *block)
{
	StInput    *inputs = palloc0(sizeof(StInput) * Max(list_length(block->leaves), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, block->leaves)
	{
		StLeaf	   *leaf = lfirst(lc);

		inputs[n].name = leaf->input;
		inputs[n].desc = leaf->desc;
		inputs[n].rows = tuplestore_begin_heap(false, false, work_mem);
		inputs[n++].count = 1;
	}
	put_lines(rsinfo, psprintf("%s", label));
	put_lines(rsinfo, st_statement_explain(block->delta, n, inputs));
}

Datum
st_sql_explain_delta(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			relid = st_lock_stream_table(PG_GETARG_TEXT_PP(0));
	char	   *format = text_to_cstring(PG_GETARG_TEXT_PP(1));
	StEntry    *entry;
	StOwnerScope scope;

	if (pg_strcasecmp(format, "text") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid argument: format \"%s\"", format),
				 errhint("This release prints plans as text only.")));
	entry = st_entry_get(relid);
	if (entry->program == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("stream table \"%s.%s\" has no delta", entry->table->schema, entry->table->name),
				 errdetail("%s.", entry->table->reason ? entry->table->reason : "It is recomputed")));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	st_owner_enter(&scope, entry->owner, entry->table->settings);
	for (int i = 0; i < entry->program->nnodes; i++)
		explain_block(rsinfo, psprintf("State %d", i), &entry->program->nodes[i].block);
	explain_block(rsinfo, "Delta", &entry->program->final);
	st_owner_leave(&scope);
	return (Datum) 0;
}

/* ----- validate ----- */

static void
put_check(ReturnSetInfo *rsinfo, const char *name, const char *result, const char *severity)
{
	Datum		values[3] = {CStringGetTextDatum(name), CStringGetTextDatum(result), CStringGetTextDatum(severity)};
	bool		nulls[3] = {false, false, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
st_sql_validate_query(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Query	   *query = st_query_analyze(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	const char *reason;
	const char *volatile_reason;
	bool		stable;
	StTree	   *tree = NULL;
	ListCell   *lc;

	st_query_check(query);
	volatile_reason = st_query_volatile(query);
	stable = st_query_stable(query);
	reason = volatile_reason;
	if (reason == NULL && stable)
		reason = "a stable function's result may change without a change of a source";
	if (reason == NULL)
	{
		tree = st_query_build(query);
		reason = tree->reason;
	}
	InitMaterializedSRF(fcinfo, 0);
	put_check(rsinfo, "resolved_refresh_mode", reason ? "FULL" : "DIFFERENTIAL", "INFO");
	if (reason)
		put_check(rsinfo, "ivm_support_check", reason, "WARNING");
	put_check(rsinfo, "volatility", volatile_reason ? "volatile" : stable ? "stable" : "immutable",
			  volatile_reason || stable ? "WARNING" : "INFO");
	if (reason == NULL)
		foreach(lc, tree->nodes)
		{
			StNode	   *node = lfirst(lc);
			ListCell   *lc2;

			foreach(lc2, node->aggregates)
			{
				StAggregate *aggregate = lfirst(lc2);
				bool		again = aggregate->strategy == ST_AGGREGATE_RECOMPUTE;

				put_check(rsinfo, "aggregate",
						  psprintf("%s: %s", get_func_name(aggregate->aggref->aggfnoid),
								   again ? "affected groups are computed again" : "follows by counters"),
						  again ? "WARNING" : "INFO");
			}
		}
	return (Datum) 0;
}
