/*-------------------------------------------------------------------------
 *
 * guc.c
 *	  Every setting, in alphabetical order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"

#include "guc.h"

bool		st_guc_allow_circular = false;
bool		st_guc_auto_backoff = true;
bool		st_guc_block_source_ddl = true;
int			st_guc_cdc_capture_mode = ST_CAPTURE_DISCARD;
bool		st_guc_cdc_paused = false;
int			st_guc_change_buffer_durability = ST_DURABILITY_LOGGED;
double		st_guc_cost_model_safety_margin = 0.8;
int			st_guc_default_schedule_seconds = 1;
int			st_guc_delta_work_mem = 0;
double		st_guc_differential_max_change_ratio = 0.15;
int			st_guc_drain_timeout = 60;
bool		st_guc_enabled = true;
bool		st_guc_force_full_refresh = false;
bool		st_guc_foreign_table_polling = false;
int			st_guc_fuse_default_ceiling = 0;
int			st_guc_history_retention_days = 90;
bool		st_guc_log_refresh = false;
bool		st_guc_matview_polling = false;
int			st_guc_max_concurrent_refreshes = 4;
int			st_guc_max_consecutive_errors = 3;
int			st_guc_max_dynamic_refresh_workers = 4;
int			st_guc_max_fixpoint_iterations = 100;
int			st_guc_max_grouping_set_branches = 64;
int			st_guc_max_log_age = 24 * 60 * 60;
int			st_guc_max_log_bytes = 16 * 1024 * 1024;
int			st_guc_max_parallel_workers = 0;
int			st_guc_max_parse_depth = 64;
int			st_guc_max_parse_nodes = 0;
int			st_guc_min_delta_budget_ms = 5000;
int			st_guc_min_schedule_seconds = 1;
bool		st_guc_notify_refresh = false;
int			st_guc_parallel_refresh_mode = ST_PARALLEL_ON;
int			st_guc_per_database_worker_quota = 0;
int			st_guc_refresh_strategy = ST_STRATEGY_AUTO;
int			st_guc_schedule_alert_cooldown_seconds = 300;
int			st_guc_schedule_recommendation_min_samples = 20;
int			st_guc_scheduler_interval_ms = 1000;
int			st_guc_session_memory_limit = 32 * 1024;
int			st_guc_sla_window_hours = 24;
bool		st_guc_tiered_scheduling = true;
bool		st_guc_unlogged_buffers = false;
int			st_guc_volatile_function_policy = ST_VOLATILE_REJECT;
int			st_guc_wake_debounce_ms = 10;
int			st_guc_watermark_holdback_timeout = 0;

static const struct config_enum_entry cdc_capture_modes[] = {
	{"discard", ST_CAPTURE_DISCARD, false},
	{"hold", ST_CAPTURE_HOLD, false},
	{NULL, 0, false}
};

static const struct config_enum_entry durabilities[] = {
	{"unlogged", ST_DURABILITY_UNLOGGED, false},
	{"logged", ST_DURABILITY_LOGGED, false},
	{"sync", ST_DURABILITY_SYNC, false},
	{NULL, 0, false}
};

static const struct config_enum_entry volatile_function_policies[] = {
	{"reject", ST_VOLATILE_REJECT, false},
	{"warn", ST_VOLATILE_WARN, false},
	{"allow", ST_VOLATILE_ALLOW, false},
	{NULL, 0, false}
};

static const struct config_enum_entry refresh_strategies[] = {
	{"auto", ST_STRATEGY_AUTO, false},
	{"differential", ST_STRATEGY_DIFFERENTIAL, false},
	{"full", ST_STRATEGY_FULL, false},
	{NULL, 0, false}
};

static const struct config_enum_entry parallel_refresh_modes[] = {
	{"off", ST_PARALLEL_OFF, false},
	{"on", ST_PARALLEL_ON, false},
	{"dry_run", ST_PARALLEL_DRY_RUN, false},
	{NULL, 0, false}
};

struct Setting
{
	const char *name;			/* without the prefix */
	enum config_type type;
	void	   *variable;		/* its first value is the default */
	double		min;
	double		max;
	const struct config_enum_entry *words;
	GucContext	context;
	int			flags;
	const char *short_desc;
	const char *long_desc;
};

/* what follows the name; superusers may set what names nobody else */
#define BOOL_AT(variable) \
	PGC_BOOL, variable, 0, 0, NULL, PGC_SUSET, 0
#define INT_AT(variable, min, max, unit) \
	INT_FOR(PGC_SUSET, variable, min, max, unit)
#define INT_FOR(who, variable, min, max, unit) \
	PGC_INT, variable, min, max, NULL, who, unit
#define REAL_AT(variable, min, max) \
	PGC_REAL, variable, min, max, NULL, PGC_SUSET, 0
#define WORD_AT(variable, words) \
	PGC_ENUM, variable, 0, 0, words, PGC_SUSET, 0

static const struct Setting settings[] = {
	{
		"allow_circular", BOOL_AT(&st_guc_allow_circular),
		"Lets stream tables be altered so that they read each other.",
		"All of a circle have to be in mode DIFFERENTIAL, with queries that only gain rows when what they read does."
	},
	{
		"auto_backoff", BOOL_AT(&st_guc_auto_backoff),
		"Refreshes a stream table less often when its refreshes take most of its schedule.",
		"A refresh that takes 95 % of a duration schedule doubles the interval, up to eight times; one in time sets it back."
	},
	{
		"block_source_ddl", BOOL_AT(&st_guc_block_source_ddl),
		"Refuses to drop, or give another type to, a column that a stream table uses.",
		"Off, the next refresh adapts the stream table to another type, and fails for a column that is gone."
	},
	{
		"cdc_capture_mode", WORD_AT(&st_guc_cdc_capture_mode, cdc_capture_modes),
		"What capture does with changes while pg_trickle.cdc_paused is on.",
		"discard: notes only that there were some, so that the stream tables that read the table are recomputed; hold: records them as ever."
	},
	{
		"cdc_paused", BOOL_AT(&st_guc_cdc_paused),
		"Pauses the recording of changes.",
		"Writers pay next to nothing meanwhile. See pg_trickle.cdc_capture_mode for what that costs later."
	},
	{
		"change_buffer_durability", WORD_AT(&st_guc_change_buffer_durability, durabilities),
		"Whether change logs that are created are logged.",
		"unlogged: as with pg_trickle.unlogged_buffers; logged: unless that is on; sync: the same, since a change and the row that it is of are of one transaction, and as durable as its COMMIT."
	},
	{
		"cost_model_safety_margin", REAL_AT(&st_guc_cost_model_safety_margin, 0.1, 2.0),
		"How much less than a delta a recompute must take to be preferred.",
		"A stream table of mode AUTO is recomputed after changes of a size whose delta, as measured, takes more than a recompute divided by this."
	},
	{
		"default_schedule_seconds", INT_AT(&st_guc_default_schedule_seconds, 1, 86400, 0),
		"Schedule of a stream table with schedule 'calculated' that no other reads, in seconds.",
		"1: after each commit that changes a source."
	},
	{
		"delta_work_mem", INT_AT(&st_guc_delta_work_mem, 0, 8192, 0),
		"Value of work_mem while a stream table is refreshed, in megabytes.",
		"0: that of the session, or of the scheduler."
	},
	{
		"differential_max_change_ratio", REAL_AT(&st_guc_differential_max_change_ratio, 0.0, 1.0),
		"Share of the rows of a source that must have changed for a recompute to be tried before any was measured.",
		"For stream tables of mode AUTO, and only if it is not foreseen to take longer; afterwards measurements decide. 0: never. A stream table's auto_threshold takes precedence."
	},
	{
		"drain_timeout", INT_AT(&st_guc_drain_timeout, 1, 3600, 0),
		"How many seconds drain() waits for refreshes to end if it is not told.",
		NULL
	},
	{
		"enabled", BOOL_AT(&st_guc_enabled),
		"Lets the scheduler refresh stream tables.",
		"Off, changes are captured and can be refreshed by hand."
	},
	{
		"force_full_refresh", BOOL_AT(&st_guc_force_full_refresh),
		"Recomputes stream tables instead of following their changes.",
		"For emergencies. What has not changed is not recomputed."
	},
	{
		"foreign_table_polling", BOOL_AT(&st_guc_foreign_table_polling),
		"Lets stream tables that are created over foreign tables follow them by comparison.",
		"A refresh reads the foreign table, compares it with a copy, and goes on with the difference. Off, it recomputes the stream table."
	},
	{
		"fuse_default_ceiling", INT_AT(&st_guc_fuse_default_ceiling, 0, 2000000000, 0),
		"Changes above which the fuse of a stream table blows that has no ceiling of its own.",
		"Only of stream tables whose fuse is on or auto. 0: none."
	},
	{
		"history_retention_days", INT_AT(&st_guc_history_retention_days, 0, 36500, 0),
		"How many days the refresh history goes back.",
		"Beside, it keeps the newest 1000 runs of each stream table. 0 keeps everything."
	},
	{
		"log_refresh", BOOL_AT(&st_guc_log_refresh),
		"Writes each refresh to the server log.",
		"A message per refreshed stream table: what it did, and each step with rows and time."
	},
	{
		"matview_polling", BOOL_AT(&st_guc_matview_polling),
		"Lets stream tables that are created over materialized views follow them by comparison.",
		"A refresh reads the materialized view, compares it with a copy, and goes on with the difference. Off, it recomputes the stream table."
	},
	{
		"max_concurrent_refreshes", INT_AT(&st_guc_max_concurrent_refreshes, 1, 32, 0),
		"How many workers refresh stream tables of one database at the same time.",
		NULL
	},
	{
		"max_consecutive_errors", INT_AT(&st_guc_max_consecutive_errors, 1, 100, 0),
		"How many failed refreshes in a row suspend a stream table.",
		"Failures that are not its own, as a lost lock or a full disk, do not count."
	},
	{
		"max_dynamic_refresh_workers", INT_AT(&st_guc_max_dynamic_refresh_workers, 1, 64, 0),
		"How many workers refresh stream tables of all databases at the same time.",
		"Each takes one of max_worker_processes."
	},
	{
		"max_fixpoint_iterations", INT_AT(&st_guc_max_fixpoint_iterations, 1, 10000, 0),
		"How many times stream tables that read each other are followed in one refresh until nothing is new.",
		"One that takes more is rolled back, and all of them get status ERROR."
	},
	{
		"max_grouping_set_branches", INT_AT(&st_guc_max_grouping_set_branches, 1, 65536, 0),
		"How many grouping sets a query may have that becomes a stream table.",
		"Those that ROLLUP and CUBE stand for count one by one. A state is kept for each."
	},
	{
		"max_log_age", INT_AT(&st_guc_max_log_age, 0, INT_MAX / 1000, GUC_UNIT_S),
		"How long a stream table that is not refreshed may hold a change log.",
		"After that the log is given back and the stream table recomputed at its next refresh. 0: without limit."
	},
	{
		"max_log_bytes", INT_AT(&st_guc_max_log_bytes, 0, INT_MAX, GUC_UNIT_KB),
		"How large a change log may become while a stream table that is not refreshed holds it.",
		"Beyond that the log is given back and the stream table recomputed at its next refresh. 0: without limit."
	},
	{
		"max_parallel_workers", INT_AT(&st_guc_max_parallel_workers, 0, 32, 0),
		"A further limit on how many workers refresh stream tables of one database at the same time.",
		"0: max_concurrent_refreshes alone."
	},
	{
		"max_parse_depth", INT_AT(&st_guc_max_parse_depth, 1, 10000, 0),
		"How deep the subqueries of a query may be nested that becomes a stream table.",
		"Views and WITH queries count as subqueries."
	},
	{
		"max_parse_nodes", INT_AT(&st_guc_max_parse_nodes, 0, 10000000, 0),
		"How many nodes the tree of a query may have that becomes a stream table.",
		"0: without limit."
	},
	{
		"min_delta_budget_ms", INT_AT(&st_guc_min_delta_budget_ms, 0, INT_MAX, 0),
		"How long the delta of a stream table may at least take to compute, in milliseconds.",
		"When it has taken as long and four times as long as the last recompute, it is given up and the stream table recomputed. In mode AUTO, once a recompute was measured, a hundredth of this and 1.2 times as long are enough. 0: without limit."
	},
	{
		"min_schedule_seconds", INT_AT(&st_guc_min_schedule_seconds, 1, 86400, 0),
		"Shortest schedule that a stream table may be given, in seconds.",
		"Applies to durations when they are set, not to cron expressions."
	},
	{
		"notify_refresh", BOOL_AT(&st_guc_notify_refresh),
		"Sends a notification for each scheduled refresh that has changed a stream table.",
		"Alerts refresh_completed, and on the channel pg_trickle_refresh; at most one transaction a second sends them."
	},
	{
		"parallel_refresh_mode", WORD_AT(&st_guc_parallel_refresh_mode, parallel_refresh_modes),
		"Whether refreshes run in workers, several at the same time.",
		"off: one after another, in the scheduler. dry_run: likewise, and the server log tells what would have gone to a worker."
	},
	{
		"per_database_worker_quota", INT_AT(&st_guc_per_database_worker_quota, 0, 64, 0),
		"How many of max_dynamic_refresh_workers a database may use.",
		"Half as many again while fewer than 80 % of them are taken. 0: all. To be set for a database, with ALTER DATABASE."
	},
	{
		"refresh_strategy", WORD_AT(&st_guc_refresh_strategy, refresh_strategies),
		"Whether stream tables that can follow their changes do so.",
		"auto: those of mode AUTO do what has taken less time so far. differential: they always follow the changes. full: all are recomputed, those of mode DIFFERENTIAL too."
	},
	{
		"schedule_alert_cooldown_seconds", INT_AT(&st_guc_schedule_alert_cooldown_seconds, 0, 86400, 0),
		"How many seconds pass at least between two alerts that a service level is in danger, per stream table.",
		NULL
	},
	{
		"schedule_recommendation_min_samples", INT_AT(&st_guc_schedule_recommendation_min_samples, 1, 1000, 0),
		"How many refreshes recommend_schedule() must have seen to be confident.",
		"It looks at three times as many."
	},
	{
		"scheduler_interval_ms", INT_AT(&st_guc_scheduler_interval_ms, 100, 600000, 0),
		"How long the scheduler sleeps at most, in milliseconds.",
		"Commits wake it without waiting for this. It looks at least once a second at what no commit tells, such as the end of a prepared transaction."
	},
	{
		"session_memory_limit", INT_FOR(PGC_USERSET, &st_guc_session_memory_limit, 0, INT_MAX, GUC_UNIT_KB),
		"How much memory a session keeps for what it knows of stream tables.",
		"Analysed queries and plans of those that were not refreshed for longest are thrown away and made anew when they are needed. 0: without limit."
	},
	{
		"sla_window_hours", INT_AT(&st_guc_sla_window_hours, 1, 8760, 0),
		"How many hours back sla_summary() looks.",
		NULL
	},
	{
		"tiered_scheduling", BOOL_AT(&st_guc_tiered_scheduling),
		"Lets tiers lengthen schedules.",
		"hot: as given; warm: twice; cold: ten times; frozen: never."
	},
	{
		"unlogged_buffers", BOOL_AT(&st_guc_unlogged_buffers),
		"Creates change logs UNLOGGED.",
		"Capture writes less WAL; after a crash the stream tables that read such a log are recomputed."
	},
	{
		"volatile_function_policy", WORD_AT(&st_guc_volatile_function_policy, volatile_function_policies),
		"What happens to a query that calls volatile functions.",
		"reject: an error, except for refresh mode FULL; warn: a warning and a recompute at each refresh; allow: the same without the warning."
	},
	{
		"wake_debounce_ms", INT_AT(&st_guc_wake_debounce_ms, 1, 5000, 0),
		"The least time between two refreshes of a stream table that follows commits, in milliseconds.",
		"The first commit after a rest is not delayed."
	},
	{
		"watermark_holdback_timeout", INT_AT(&st_guc_watermark_holdback_timeout, 0, 86400, 0),
		"After how many seconds a watermark that has not been advanced counts as stuck.",
		"What reads two sources of its group is not refreshed until it is advanced. 0: never."
	}
};

/*
 * Settings of the Rust implementation that have nothing to act on here, with
 * the reason. They are accepted with any value, so that configuration files and
 * ALTER SYSTEM, ALTER DATABASE and ALTER ROLE lines of it go on to work, and do
 * nothing (rule J33). Alphabetical.
 */
#define RETIRED_SETTINGS \
	RETIRED(adaptive_batch_coalescing, CAPTURE) \
	RETIRED(adaptive_merge_strategy, APPLYING) \
	RETIRED(agg_diff_cardinality_threshold, "A group costs the same to maintain, however few there are.") \
	RETIRED(aggregate_fast_path, APPLYING) \
	RETIRED(algebraic_drift_reset_cycles, "Sums are exact, and do not drift.") \
	RETIRED(analyze_before_delta, PLANS) \
	RETIRED(auto_index, "The index by which a refresh finds rows is always made, and no other.") \
	RETIRED(backpressure_consecutive_limit, LOG_SIZE) \
	RETIRED(buffer_alert_threshold, LOG_SIZE) \
	RETIRED(buffer_partitioning, CAPTURE) \
	RETIRED(cdc_trigger_mode, "Row triggers record the changes of tables that a subscription writes, statement triggers those of all others.") \
	RETIRED(change_buffer_schema, "Change logs lie in the schema pgtrickle_changes.") \
	RETIRED(cleanup_use_truncate, CAPTURE) \
	RETIRED(compact_threshold, CAPTURE) \
	RETIRED(delta_amplification_threshold, LOGGING) \
	RETIRED(delta_enable_nestloop, PLANS) \
	RETIRED(delta_work_mem_cap_mb, PLANS) \
	RETIRED(diff_output_format, APPLYING) \
	RETIRED(event_driven_wake, "Commits always wake the scheduler.") \
	RETIRED(frontier_holdback_mode, FRONTIERS) \
	RETIRED(frontier_holdback_warn_seconds, FRONTIERS) \
	RETIRED(history_prune_interval_seconds, "Refreshes prune the history, a little at a time.") \
	RETIRED(ivm_use_enr, "Transition tables are always read directly.") \
	RETIRED(log_delta_sql, LOGGING) \
	RETIRED(log_merge_sql, LOGGING) \
	RETIRED(max_buffer_rows, "The size of change logs is limited by pg_trickle.max_log_bytes.") \
	RETIRED(max_change_buffer_alert_rows, LOG_SIZE) \
	RETIRED(max_delta_estimate_rows, COSTS) \
	RETIRED(merge_join_strategy, APPLYING) \
	RETIRED(merge_planner_hints, PLANS) \
	RETIRED(merge_seqscan_threshold, PLANS) \
	RETIRED(merge_strategy, APPLYING) \
	RETIRED(merge_strategy_threshold, APPLYING) \
	RETIRED(merge_work_mem_mb, "pg_trickle.delta_work_mem is the memory of a refresh.") \
	RETIRED(online_schema_evolution, "A stream table whose query gains columns stays populated in any case.") \
	RETIRED(planner_aggressive, PLANS) \
	RETIRED(prediction_min_samples, COSTS) \
	RETIRED(prediction_ratio, COSTS) \
	RETIRED(prediction_window, COSTS) \
	RETIRED(spill_consecutive_limit, COSTS) \
	RETIRED(spill_threshold_blocks, COSTS) \
	RETIRED(template_cache, CACHES) \
	RETIRED(template_cache_max_age_hours, CACHES) \
	RETIRED(template_cache_max_entries, CACHES) \
	RETIRED(tick_watermark_enabled, FRONTIERS) \
	RETIRED(use_prepared_statements, CACHES) \
	RETIRED(use_sqlstate_classification, "Errors are always told apart by SQLSTATE.") \
	RETIRED(user_triggers, "Triggers on a stream table fire for what a refresh changes; ALTER TABLE ... DISABLE TRIGGER USER keeps them from it.") \
	RETIRED(worker_pool_size, "A worker takes the next refresh when it has ended one, and ends when there is none for a while.")

#define APPLYING	"Differences are applied row by row, whatever their size."
#define CACHES		"Plans are kept per session, up to pg_trickle.session_memory_limit."
#define CAPTURE		"Change logs are read from where the last refresh ended, and given back whole."
#define COSTS		"Mode AUTO compares measured times: see pg_trickle.cost_model_safety_margin and pg_trickle.min_delta_budget_ms."
#define FRONTIERS	"A refresh goes by snapshots, which no open transaction is passed by."
#define LOG_SIZE	"The alert buffer_growth_warning comes at half of pg_trickle.max_log_bytes."
#define LOGGING		"pg_trickle.log_refresh writes each refresh with its steps to the server log."
#define PLANS		"Deltas are planned with settings of their own."

/*
 * To whoever sets one, and to the server log when configuration files are read;
 * never at a login, for which nobody can do anything.
 */
static bool
check_retired(const char *name, const char *why, const char *value, GucSource source)
{
	bool		interactive = source == PGC_S_SESSION || source == PGC_S_TEST || source == PGC_S_INTERACTIVE;

	if (value && (interactive || (!IsUnderPostmaster && source > PGC_S_DYNAMIC_DEFAULT)))
		ereport(WARNING,
				(errmsg("setting \"pg_trickle.%s\" has no effect", name),
				 errdetail("%s", why)));
	return true;
}

#define RETIRED(name, why) \
static char *retired_##name = NULL; \
static bool \
check_##name(char **value, void **extra, GucSource source) \
{ \
	return check_retired(#name, why, *value, source); \
}
RETIRED_SETTINGS
#undef RETIRED

bool
st_guc_logs_are_unlogged(void)
{
	return st_guc_unlogged_buffers || st_guc_change_buffer_durability == ST_DURABILITY_UNLOGGED;
}

static void
define_setting(const struct Setting *setting)
{
	char	   *name = psprintf("pg_trickle.%s", setting->name);

	switch (setting->type)
	{
		case PGC_BOOL:
			DefineCustomBoolVariable(name, setting->short_desc, setting->long_desc, setting->variable, *(bool *) setting->variable,
									 setting->context, setting->flags, NULL, NULL, NULL);
			break;
		case PGC_INT:
			DefineCustomIntVariable(name, setting->short_desc, setting->long_desc, setting->variable, *(int *) setting->variable,
									(int) setting->min, (int) setting->max, setting->context, setting->flags, NULL, NULL, NULL);
			break;
		case PGC_REAL:
			DefineCustomRealVariable(name, setting->short_desc, setting->long_desc, setting->variable, *(double *) setting->variable,
									 setting->min, setting->max, setting->context, setting->flags, NULL, NULL, NULL);
			break;
		case PGC_ENUM:
			DefineCustomEnumVariable(name, setting->short_desc, setting->long_desc, setting->variable, *(int *) setting->variable,
									 setting->words, setting->context, setting->flags, NULL, NULL, NULL);
			break;
		default:
			elog(ERROR, "unexpected type of setting \"%s\"", name);
	}
	pfree(name);
}

static void
define_retired(void)
{
#define RETIRED(name, why) \
	DefineCustomStringVariable("pg_trickle." #name, "Has no effect.", why, &retired_##name, NULL, \
							   PGC_SUSET, GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, check_##name, NULL, NULL);
	RETIRED_SETTINGS;
#undef RETIRED
}

void
st_guc_init(void)
{
	for (int i = 0; i < lengthof(settings); i++)
		define_setting(&settings[i]);
	define_retired();
	MarkGUCPrefixReserved("pg_trickle");
}
