-- What the scheduler does and has done, as the contract has it.

CREATE OR REPLACE VIEW pgtrickle.pgt_scheduler_jobs AS
SELECT j.job_id, NULL::bigint AS dag_version, 's:' || t.pgt_id AS unit_key,
       CASE WHEN t.scc_id IS NULL THEN 'singleton' ELSE 'cyclic_scc' END AS unit_kind, ARRAY[t.pgt_id] AS member_pgt_ids,
       t.pgt_id AS root_pgt_id, j.status, j.scheduler_pid, j.worker_pid, j.attempt_no, j.enqueued_at, j.started_at, j.finished_at,
       j.outcome_detail, CASE j.status WHEN 'RETRYABLE_FAILED' THEN true WHEN 'PERMANENT_FAILED' THEN false END AS retryable
  FROM (SELECT NULL::bigint AS job_id, s.pgt_id, CASE WHEN n.started_at IS NULL THEN 'QUEUED' ELSE 'RUNNING' END AS status,
               pgtrickle.scheduler_pid() AS scheduler_pid, n.worker_pid, n.attempt_no, n.enqueued_at, n.started_at,
               NULL::timestamptz AS finished_at, NULL::text AS outcome_detail
          FROM pgtrickle.scheduler_jobs() n
          JOIN pgtrickle.pgt_stream_tables s ON s.pgt_relid = n.stream_table
         UNION ALL
        SELECT r.refresh_id, r.pgt_id,
               CASE WHEN r.status = 'COMPLETED' THEN 'SUCCEEDED'
                    WHEN r.status = 'SKIPPED' THEN 'CANCELLED'
                    WHEN coalesce(pgtrickle.is_retried_error(r.error_code), true) THEN 'RETRYABLE_FAILED'
                    ELSE 'PERMANENT_FAILED' END,
               NULL, NULL, NULL, NULL, r.start_time, r.end_time, r.error_message
          FROM pgtrickle.refresh_runs r
         WHERE r.initiated_by = 'SCHEDULER' AND r.end_time IS NOT NULL) j
  JOIN pgtrickle.pgt_stream_tables t USING (pgt_id);
COMMENT ON VIEW pgtrickle.pgt_scheduler_jobs IS
    'Refreshes of the scheduler: those that wait or run, and those that have ended and are still in the history. See parallel_job_status(), which counts what is refreshed together.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.job_id IS 'Number of the run in the history; NULL before it has ended.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.dag_version IS 'NULL: what depends on what is read when a refresh begins.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.unit_key IS 's: and the pgt_id of the stream table.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.unit_kind IS 'singleton, or cyclic_scc for stream tables that read each other.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.member_pgt_ids IS 'The stream table, which others may have been refreshed with.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.root_pgt_id IS 'The same.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.status IS
    'QUEUED, RUNNING, SUCCEEDED, RETRYABLE_FAILED (is_retried_error()), PERMANENT_FAILED, or CANCELLED: left out, because a gate was closed, say.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.scheduler_pid IS 'Process of the scheduler; NULL once it has ended.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.worker_pid IS 'Process of the worker, likewise.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.attempt_no IS 'How often it has been tried in a row, likewise.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.enqueued_at IS 'Since when it is due, likewise.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.started_at IS 'When it began.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.finished_at IS 'When it ended.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.outcome_detail IS 'Message of the error; NULL for roles that are neither the owner nor pg_read_all_stats.';
COMMENT ON COLUMN pgtrickle.pgt_scheduler_jobs.retryable IS 'Whether it is tried again after a failure; NULL for all else.';
GRANT SELECT ON pgtrickle.pgt_scheduler_jobs TO PUBLIC;
