-- The history for everybody; texts that may hold values only for those who may see them (rule J19).

CREATE OR REPLACE VIEW pgtrickle.refresh_runs AS
SELECT h.refresh_id, h.pgt_id, t.pgt_schema, t.pgt_name, h.data_timestamp, h.start_time, h.end_time,
       coalesce(h.busy_ms / h.runs, 1000 * extract(epoch FROM h.end_time - h.start_time)::double precision) AS duration_ms,
       h.action, h.status, h.initiated_by, h.was_full_fallback, h.rows_inserted, h.rows_updated, h.rows_deleted, h.delta_row_count,
       h.read_ms, h.delta_ms, h.apply_ms, h.error_code,
       CASE WHEN pgtrickle.is_stream_table_reader(t.pgt_relid) THEN h.error_message END AS error_message,
       CASE WHEN pgtrickle.is_stream_table_reader(t.pgt_relid) THEN h.refresh_reason END AS refresh_reason,
       h.runs
  FROM pgtrickle.pgt_refresh_history h
  JOIN pgtrickle.pgt_stream_tables t USING (pgt_id);
COMMENT ON VIEW pgtrickle.refresh_runs IS
    'The refreshes of pgt_refresh_history that are still kept, with names. What finds nothing to do leaves no row; many in a short time leave one row per minute and stream table.';
COMMENT ON COLUMN pgtrickle.refresh_runs.refresh_id IS 'Number of the run.';
COMMENT ON COLUMN pgtrickle.refresh_runs.pgt_id IS 'The stream table.';
COMMENT ON COLUMN pgtrickle.refresh_runs.pgt_schema IS 'Its schema.';
COMMENT ON COLUMN pgtrickle.refresh_runs.pgt_name IS 'Its name.';
COMMENT ON COLUMN pgtrickle.refresh_runs.data_timestamp IS 'Every commit that returned before this time was considered.';
COMMENT ON COLUMN pgtrickle.refresh_runs.start_time IS 'Clock time of the start.';
COMMENT ON COLUMN pgtrickle.refresh_runs.end_time IS 'Clock time of the end.';
COMMENT ON COLUMN pgtrickle.refresh_runs.duration_ms IS 'Milliseconds that it took; the mean of several.';
COMMENT ON COLUMN pgtrickle.refresh_runs.action IS 'What the run did: DIFFERENTIAL, FULL, REINITIALIZE, or SKIP, nothing, because it was left out; of a failed one, what it was to do.';
COMMENT ON COLUMN pgtrickle.refresh_runs.status IS 'Outcome: COMPLETED, FAILED or SKIPPED.';
COMMENT ON COLUMN pgtrickle.refresh_runs.initiated_by IS 'Who asked for it: SCHEDULER, MANUAL or INITIAL.';
COMMENT ON COLUMN pgtrickle.refresh_runs.was_full_fallback IS 'Planned differential, executed as a recompute.';
COMMENT ON COLUMN pgtrickle.refresh_runs.rows_inserted IS 'Rows inserted into the stream table.';
COMMENT ON COLUMN pgtrickle.refresh_runs.rows_updated IS 'Rows updated in place.';
COMMENT ON COLUMN pgtrickle.refresh_runs.rows_deleted IS 'Rows deleted from it.';
COMMENT ON COLUMN pgtrickle.refresh_runs.delta_row_count IS 'Changed source rows read; an update is two.';
COMMENT ON COLUMN pgtrickle.refresh_runs.read_ms IS 'Milliseconds spent reading change logs.';
COMMENT ON COLUMN pgtrickle.refresh_runs.delta_ms IS 'Milliseconds spent computing the delta.';
COMMENT ON COLUMN pgtrickle.refresh_runs.apply_ms IS 'Milliseconds spent writing the stream table and its states.';
COMMENT ON COLUMN pgtrickle.refresh_runs.error_code IS 'SQLSTATE of the error; NULL: none.';
COMMENT ON COLUMN pgtrickle.refresh_runs.error_message IS 'Message of the error, or why it was left out; NULL for roles that are neither the owner nor pg_read_all_stats.';
COMMENT ON COLUMN pgtrickle.refresh_runs.refresh_reason IS 'Why it was a recompute, for the same roles; NULL for a differential run.';
COMMENT ON COLUMN pgtrickle.refresh_runs.runs IS 'How many refreshes the row stands for; rows, read_ms, delta_ms and apply_ms are sums.';
GRANT SELECT ON pgtrickle.refresh_runs TO PUBLIC;

-- Refreshes since each stream table was created.
CREATE OR REPLACE VIEW pgtrickle.refresh_counts AS
SELECT t.pgt_id, coalesce(sum(c.completed + c.failed + c.skipped), 0)::bigint AS total, coalesce(sum(c.completed), 0)::bigint AS completed,
       coalesce(sum(c.failed), 0)::bigint AS failed, coalesce(sum(c.rows_inserted), 0)::bigint AS rows_inserted,
       coalesce(sum(c.rows_updated), 0)::bigint AS rows_updated, coalesce(sum(c.rows_deleted), 0)::bigint AS rows_deleted,
       sum(c.busy_ms) / nullif(sum(c.completed), 0)::double precision AS mean_ms
  FROM pgtrickle.pgt_stream_tables t
  LEFT JOIN pgtrickle.refresh_totals c USING (pgt_id)
 GROUP BY t.pgt_id;
COMMENT ON VIEW pgtrickle.refresh_counts IS
    'Refreshes of each stream table since it was created, by whomever; those of the scheduler are added every 10 seconds. What finds nothing to do is not counted.';
COMMENT ON COLUMN pgtrickle.refresh_counts.pgt_id IS 'The stream table.';
COMMENT ON COLUMN pgtrickle.refresh_counts.total IS 'Refreshes, those that were left out, because a gate was closed, say, too.';
COMMENT ON COLUMN pgtrickle.refresh_counts.completed IS 'Those that were completed.';
COMMENT ON COLUMN pgtrickle.refresh_counts.failed IS 'Those that failed in the scheduler.';
COMMENT ON COLUMN pgtrickle.refresh_counts.rows_inserted IS 'Rows that they inserted into the stream table.';
COMMENT ON COLUMN pgtrickle.refresh_counts.rows_updated IS 'Rows that they updated in place.';
COMMENT ON COLUMN pgtrickle.refresh_counts.rows_deleted IS 'Rows that they deleted from it.';
COMMENT ON COLUMN pgtrickle.refresh_counts.mean_ms IS 'Mean milliseconds of the completed ones; NULL: there were none.';
GRANT SELECT ON pgtrickle.refresh_counts TO PUBLIC;
