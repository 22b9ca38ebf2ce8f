/*-------------------------------------------------------------------------
 *
 * guc.h
 *	  Settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ST_GUC_H
#define ST_GUC_H

#include "postgres.h"

/* The scheduler refreshes what is due. */
extern bool st_guc_enabled;

/* Refreshes that take most of their schedule come less often. */
extern bool st_guc_auto_backoff;

/* Columns that stream tables use are neither dropped nor given another type. */
extern bool st_guc_block_source_ddl;

/* Schedule of a stream table that follows those that read it, if none does, in seconds. */
extern int	st_guc_default_schedule_seconds;

/* Every refresh that would follow the changes recomputes instead. */
extern bool st_guc_force_full_refresh;

/* Whether stream tables follow their changes: one of ST_STRATEGY_*. */
enum
{
	ST_STRATEGY_AUTO,
	ST_STRATEGY_DIFFERENTIAL,
	ST_STRATEGY_FULL
};
extern int	st_guc_refresh_strategy;

/* A recompute is the cheaper one where it takes less than this part of a delta. */
extern double st_guc_cost_model_safety_margin;

/* Share of a source whose change is reason to try a recompute, once; 0: none. */
extern double st_guc_differential_max_change_ratio;

/* Refreshes that recommend_schedule() wants to have seen. */
extern int	st_guc_schedule_recommendation_min_samples;

/* Refresh workers of a database, and of all databases together. */
extern int	st_guc_max_concurrent_refreshes;
extern int	st_guc_max_dynamic_refresh_workers;

/* The same as the first, once more; 0: no further limit. */
extern int	st_guc_max_parallel_workers;

/* Whether refreshes run in workers: one of ST_PARALLEL_*. */
enum
{
	ST_PARALLEL_OFF,
	ST_PARALLEL_ON,
	ST_PARALLEL_DRY_RUN
};
extern int	st_guc_parallel_refresh_mode;

/* work_mem of refreshes, in MB; 0: as it is. */
extern int	st_guc_delta_work_mem;

/* The least time after which the computing of a delta is given up, in milliseconds; 0: never. */
extern int	st_guc_min_delta_budget_ms;

/* May stream tables read each other (rule K9), and for how many rounds in one refresh? */
extern bool st_guc_allow_circular;
extern int	st_guc_max_fixpoint_iterations;

/* Errors of a stream table's own in a row that suspend it. */
extern int	st_guc_max_consecutive_errors;

/* The longest time between two looks at what no commit tells, in milliseconds. */
extern int	st_guc_scheduler_interval_ms;

/* Tiers lengthen schedules. */
extern bool st_guc_tiered_scheduling;

/* The least time between two refreshes of a stream table that follows commits, in milliseconds. */
extern int	st_guc_wake_debounce_ms;

/* What the next one says of all change logs, or one of ST_DURABILITY_*. */
extern bool st_guc_unlogged_buffers;
enum
{
	ST_DURABILITY_UNLOGGED,
	ST_DURABILITY_LOGGED,
	ST_DURABILITY_SYNC
};
extern int	st_guc_change_buffer_durability;

/* Are change logs that are created from now on UNLOGGED? */
extern bool st_guc_logs_are_unlogged(void);

/* Age limit of the rows of the refresh history; 0 keeps everything. */
extern int	st_guc_history_retention_days;

/* Each refresh is written to the server log. */
extern bool st_guc_log_refresh;

/* Rule B15, in seconds and in kB; 0: no limit. */
extern int	st_guc_max_log_age;
extern int	st_guc_max_log_bytes;

/* How large a query may be that becomes a stream table: grouping sets, nested subqueries, nodes (0: any). */
extern int	st_guc_max_grouping_set_branches;
extern int	st_guc_max_parse_depth;
extern int	st_guc_max_parse_nodes;

/* Rule L9, in kB; 0: no limit. The entry that was used last is always kept. */
extern int	st_guc_session_memory_limit;

/* How far back sla_summary() looks, in hours. */
extern int	st_guc_sla_window_hours;

/* Shortest duration that is accepted as a schedule, in seconds. */
extern int	st_guc_min_schedule_seconds;

/* What a query with volatile functions is: one of ST_VOLATILE_*. */
enum
{
	ST_VOLATILE_REJECT,
	ST_VOLATILE_WARN,
	ST_VOLATILE_ALLOW
};
extern int	st_guc_volatile_function_policy;

/* Age in seconds at which a watermark of a group is stuck; 0: none ever is. */
extern int	st_guc_watermark_holdback_timeout;

/* Foreign tables and materialized views may be followed through copies, by what is created from now on. */
extern bool st_guc_foreign_table_polling;
extern bool st_guc_matview_polling;

/* How long drain() waits, in seconds, if it is not told. */
extern int	st_guc_drain_timeout;

/* Ceiling of fuses that have none of their own; 0: none. */
extern int	st_guc_fuse_default_ceiling;

/* Workers that one database may use, of those of the server; 0: all. */
extern int	st_guc_per_database_worker_quota;

/* Notifications of single refreshes are wanted. */
extern bool st_guc_notify_refresh;

/* The least time between two predicted_sla_breach of a stream table, in seconds. */
extern int	st_guc_schedule_alert_cooldown_seconds;

/* Register all settings; from _PG_init only. */
extern void st_guc_init(void);

/* Capture is paused, and what it does meanwhile with changes: one of ST_CAPTURE_*. */
enum
{
	ST_CAPTURE_DISCARD,
	ST_CAPTURE_HOLD
};
extern bool st_guc_cdc_paused;
extern int	st_guc_cdc_capture_mode;

#endif							/* ST_GUC_H */
