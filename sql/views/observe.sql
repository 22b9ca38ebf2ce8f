-- Stream tables with their figures, to be watched.

CREATE OR REPLACE VIEW pgtrickle.stream_tables_info AS
SELECT t.pgt_id, t.pgt_relid, t.pgt_name, t.pgt_schema, t.defining_query, t.original_query, t.schedule, t.refresh_mode,
       t.status, t.is_populated, t.data_timestamp, t.frontier, t.last_refresh_at, t.consecutive_errors, t.needs_reinit,
       t.auto_threshold, t.last_full_ms, t.functions_used, t.topk_limit, t.topk_offset, t.topk_order_by,
       t.diamond_consistency, t.diamond_schedule_policy, t.has_keyless_source, t.function_hashes, t.requested_cdc_mode,
       t.is_append_only, t.scc_id, t.last_fixpoint_iterations, t.max_differential_joins, t.max_delta_fraction,
       t.pooler_compatibility_mode, t.refresh_tier, t.effective_refresh_mode, t.fuse_mode, t.fuse_state, t.fuse_ceiling,
       t.fuse_sensitivity, t.blown_at, t.blow_reason, CASE WHEN pgtrickle.is_stream_table_reader(t.pgt_relid) THEN
       t.last_error_message END AS last_error_message, t.last_error_at, t.downstream_publication_name,
       t.freshness_deadline_ms, t.st_partition_key, t.st_placement, t.temporal_mode, t.storage_backend, t.column_lineage,
       t.created_at, t.updated_at,
       f.lag AS staleness, f.stale, t.topk_limit IS NOT NULL AS is_topk
  FROM pgtrickle.pgt_stream_tables t
  JOIN pgtrickle.freshness() f USING (pgt_id);
COMMENT ON VIEW pgtrickle.stream_tables_info IS 'One row per stream table: its row of pgt_stream_tables, and how old its contents are.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.pgt_id IS 'Identifier of the stream table, used everywhere.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.pgt_relid IS 'The stream table itself (pg_class.oid).';
COMMENT ON COLUMN pgtrickle.stream_tables_info.pgt_name IS 'Its name.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.pgt_schema IS 'Its schema.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.defining_query IS 'The query as the user wrote it; once something that it names is renamed, with the present names in full.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.original_query IS 'NULL: the defining query is stored as written.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.schedule IS 'Duration, cron expression or ''on commit''; NULL: calculated from dependants.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.refresh_mode IS 'How it is refreshed.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.status IS 'Whether it is refreshed.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.is_populated IS 'It has been filled once.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.data_timestamp IS 'Every commit that returned before this time is contained. Refreshes that find nothing to do write it at most every 5 seconds.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.frontier IS 'Unused: frontiers are kept per source in source_frontier.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.last_refresh_at IS 'End of the last successful refresh. Those that find nothing to do write it at most every 5 seconds.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.consecutive_errors IS 'Refreshes that failed by an error of its own since the last successful one; locks, a full disk and other conditions that pass do not count.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.needs_reinit IS 'The next refresh recomputes.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.auto_threshold IS 'Share of changed source rows above which a recompute is tried before any was measured; NULL: the setting.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.last_full_ms IS 'Duration of the last recompute in milliseconds.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.functions_used IS 'Names of the functions that the query calls, other than PostgreSQL''s own; NULL: none.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.topk_limit IS 'LIMIT of a top-N query.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.topk_offset IS 'OFFSET of a top-N query.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.topk_order_by IS 'ORDER BY of a top-N query, as EXPLAIN prints a sort key.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.diamond_consistency IS 'Whether the stream tables of a diamond are refreshed together.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.diamond_schedule_policy IS 'Which schedule a diamond follows.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.has_keyless_source IS 'Some source, other than stream tables, had no primary key when the query or the mode was given.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.function_hashes IS 'Unused: what functions did at the last recompute is kept with the internal definition.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.requested_cdc_mode IS 'Capture mode asked for; NULL: the setting pg_trickle.cdc_mode.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.is_append_only IS 'Somebody has promised that rows of its sources are neither updated nor deleted; a refresh that finds otherwise clears it.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.scc_id IS 'Cycle component.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.last_fixpoint_iterations IS 'Rounds that the last refresh of a cycle took.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.max_differential_joins IS 'More joins than this: recompute; NULL or 0: without limit.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.max_delta_fraction IS 'Larger change than this share of a source: recompute; NULL or 0: without limit.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.pooler_compatibility_mode IS 'No NOTIFY and no prepared statements for this stream table.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.refresh_tier IS 'Scheduling tier.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.effective_refresh_mode IS 'What the last refresh did: FULL, DIFFERENTIAL, APPEND_ONLY (the same, with is_append_only) or NO_DATA; NULL: there was none.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.fuse_mode IS 'Whether too many changes suspend it: off, on, or auto (only if a recompute is cheaper).';
COMMENT ON COLUMN pgtrickle.stream_tables_info.fuse_state IS 'armed, or blown: too many changes have suspended it.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.fuse_ceiling IS 'Changes above which the fuse blows; NULL: pg_trickle.fuse_default_ceiling.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.fuse_sensitivity IS 'How many refreshes in a row must find as many; NULL: one.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.blown_at IS 'When the fuse blew.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.blow_reason IS 'Why it did.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.last_error_message IS 'Message of the last failed refresh; NULL for roles that are neither the owner nor pg_read_all_stats.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.last_error_at IS 'When it failed.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.downstream_publication_name IS 'Publication that carries the stream table.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.freshness_deadline_ms IS 'Service level: greatest allowed lag in milliseconds.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.st_partition_key IS 'Partitioning as given at creation.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.st_placement IS 'Placement of the table.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.temporal_mode IS 'Validity columns are kept.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.storage_backend IS 'Storage of the table.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.column_lineage IS 'Lineage of the result columns.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.created_at IS 'When it was created.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.updated_at IS 'When its definition was last changed.';
COMMENT ON COLUMN pgtrickle.stream_tables_info.staleness IS 'How old its contents are: 0 if nothing has changed that it does not contain; NULL before its first refresh (lag of freshness()).';
COMMENT ON COLUMN pgtrickle.stream_tables_info.stale IS 'They are older than its schedule allows; NULL before its first refresh (freshness()).';
COMMENT ON COLUMN pgtrickle.stream_tables_info.is_topk IS 'The query has ORDER BY with LIMIT.';
GRANT SELECT ON pgtrickle.stream_tables_info TO PUBLIC;

CREATE OR REPLACE VIEW pgtrickle.pg_stat_stream_tables AS
SELECT t.pgt_id, t.pgt_schema, t.pgt_name, t.status, t.refresh_mode, t.is_populated, t.data_timestamp, t.schedule,
       f.lag AS staleness, f.stale, t.consecutive_errors, t.needs_reinit, t.last_refresh_at,
       c.total AS total_refreshes, c.completed AS successful_refreshes, c.failed AS failed_refreshes,
       c.rows_inserted AS total_rows_inserted, c.rows_deleted AS total_rows_deleted, c.mean_ms AS avg_duration_ms,
       h.action AS last_action, h.status AS last_status,
       (SELECT array_agg(DISTINCT d.cdc_mode ORDER BY d.cdc_mode) FROM pgtrickle.pgt_dependencies d
         WHERE d.pgt_id = t.pgt_id AND d.source_type = 'TABLE') AS cdc_modes,
       t.scc_id, t.last_fixpoint_iterations, t.refresh_tier
  FROM pgtrickle.pgt_stream_tables t
  JOIN pgtrickle.freshness() f USING (pgt_id)
  JOIN pgtrickle.refresh_counts c USING (pgt_id)
  LEFT JOIN LATERAL (SELECT r.action, r.status FROM pgtrickle.pgt_refresh_history r
                      WHERE r.pgt_id = t.pgt_id ORDER BY r.refresh_id DESC LIMIT 1) h ON true;
COMMENT ON VIEW pgtrickle.pg_stat_stream_tables IS 'One row per stream table with figures of its refreshes since it was created.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.pgt_id IS 'Identifier of the stream table.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.pgt_schema IS 'Its schema.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.pgt_name IS 'Its name.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.status IS 'Whether it is refreshed: INITIALIZING, ACTIVE, SUSPENDED or ERROR.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.refresh_mode IS 'How it is refreshed: DIFFERENTIAL, FULL or IMMEDIATE.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.is_populated IS 'It has been filled once.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.data_timestamp IS 'Every commit that returned before this time is contained.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.schedule IS 'Duration, cron expression or ''on commit''; NULL: calculated from dependants.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.staleness IS 'How old its contents are: 0 if nothing has changed that it does not contain; NULL before its first refresh (lag of freshness()).';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.stale IS 'They are older than its schedule allows; NULL before its first refresh (freshness()).';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.consecutive_errors IS 'Refreshes that failed by an error of its own since the last successful one; locks, a full disk and other conditions that pass do not count.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.needs_reinit IS 'The next refresh recomputes.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.last_refresh_at IS 'End of the last successful refresh that was recorded.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.total_refreshes IS 'Refreshes that did something, and those that failed or were left out, because a gate was closed, say. What the scheduler does is added every 10 seconds.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.successful_refreshes IS 'Those that were completed.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.failed_refreshes IS 'Those that failed.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.total_rows_inserted IS 'Rows that they inserted into the stream table.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.total_rows_deleted IS 'Rows that they deleted from it.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.avg_duration_ms IS 'Mean duration of the completed ones in milliseconds; NULL: none.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.last_action IS 'What the last one did.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.last_status IS 'How it ended: COMPLETED, FAILED or SKIPPED.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.cdc_modes IS 'How changes of the tables that it reads are captured, sorted; NULL: it reads none.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.scc_id IS 'Cycle component.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.last_fixpoint_iterations IS 'Rounds that the last refresh of a cycle took.';
COMMENT ON COLUMN pgtrickle.pg_stat_stream_tables.refresh_tier IS 'Scheduling tier: hot, warm, cold or frozen.';
GRANT SELECT ON pgtrickle.pg_stat_stream_tables TO PUBLIC;

CREATE OR REPLACE VIEW pgtrickle.quick_health AS
SELECT h.total AS total_stream_tables, h.errors AS error_tables, h.stale AS stale_tables,
       pgtrickle.scheduler_follows() AS scheduler_running,
       CASE WHEN h.total = 0 THEN 'EMPTY' WHEN h.suspended > 0 THEN 'CRITICAL' WHEN h.errors > 0 OR h.stale > 0 THEN 'WARNING' ELSE 'OK' END AS status
  FROM (SELECT count(*) AS total, count(*) FILTER (WHERE t.status = 'ERROR' OR t.consecutive_errors > 0) AS errors,
               count(*) FILTER (WHERE f.stale) AS stale, count(*) FILTER (WHERE t.status = 'SUSPENDED') AS suspended
          FROM pgtrickle.pgt_stream_tables t
          JOIN pgtrickle.freshness() f USING (pgt_id)) h;
COMMENT ON VIEW pgtrickle.quick_health IS 'One row: how the stream tables of this database are.';
COMMENT ON COLUMN pgtrickle.quick_health.total_stream_tables IS 'How many there are.';
COMMENT ON COLUMN pgtrickle.quick_health.error_tables IS 'In status ERROR, or failed by an error of their own since they were refreshed last.';
COMMENT ON COLUMN pgtrickle.quick_health.stale_tables IS 'Older than their schedules allow.';
COMMENT ON COLUMN pgtrickle.quick_health.scheduler_running IS 'A scheduler runs in this database, or the next commit starts it (scheduler_follows()).';
COMMENT ON COLUMN pgtrickle.quick_health.status IS 'EMPTY: there are none. CRITICAL: one is SUSPENDED. WARNING: one has failed or is stale. Otherwise OK.';
GRANT SELECT ON pgtrickle.quick_health TO PUBLIC;
