-- Figures of refreshes: every one from a history that is known, and who may see the texts.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE ROLE obs_owner;
CREATE ROLE obs_stats;
CREATE ROLE obs_reader;
GRANT pg_read_all_stats TO obs_stats;
GRANT USAGE ON SCHEMA pgtrickle TO obs_owner, obs_stats, obs_reader;
GRANT CREATE ON SCHEMA public TO obs_owner;
CREATE TABLE obs_theirs (id int);
GRANT SELECT ON obs_theirs TO obs_owner;
SET ROLE obs_owner;
CREATE TABLE obs_t (id int PRIMARY KEY, n int);
INSERT INTO obs_t SELECT x, x FROM generate_series(1, 10) AS x;
SELECT pgtrickle.create_stream_table('obs_rows', 'SELECT id, n FROM obs_t');
SELECT pgtrickle.create_stream_table('obs_top', 'SELECT id FROM obs_t ORDER BY id LIMIT 3');
SELECT pgtrickle.create_stream_table('obs_next', 'SELECT id FROM obs_t ORDER BY id LIMIT 2 + 1 OFFSET 1');
SELECT pgtrickle.create_stream_table('obs_full', 'SELECT id, rank() OVER (ORDER BY n) FROM obs_t', '1h', 'FULL');
SELECT pgtrickle.create_stream_table('obs_auto', 'SELECT id FROM obs_theirs');
SELECT pgtrickle.create_stream_table('obs_empty', 'SELECT id FROM obs_t', initialize => false);
INSERT INTO obs_t VALUES (11, 11);
UPDATE obs_t SET n = 0 WHERE id = 1;
DELETE FROM obs_t WHERE id = 2;
RESET ROLE;
SELECT test.refresh('obs_rows');
SELECT pgt_name, r.status, action, initiated_by, m.* FROM pgtrickle.refresh_runs AS r, pgtrickle.explain_refresh_mode(pgt_name) AS m ORDER BY refresh_id;
-- a history that nobody has measured
CREATE FUNCTION pg_temp.run(name text, act text, outcome text, ms float8, ins int, upd int, del int, code text DEFAULT NULL, message text DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO pgtrickle.pgt_refresh_history (pgt_id, data_timestamp, start_time, end_time, action, status, rows_inserted, rows_updated, rows_deleted, initiated_by, error_code, error_message, refresh_reason)
    SELECT pgtrickle.stream_table_id(name), now(), now(), now() + ms * interval '1 ms', act, outcome, ins, upd, del, 'SCHEDULER', code, message,
           CASE WHEN act = 'FULL' THEN 'truncated' END;
    INSERT INTO pgtrickle.refresh_totals AS t (pgt_id, scheduled, completed, failed, rows_inserted, rows_updated, rows_deleted, busy_ms)
    SELECT pgtrickle.stream_table_id(name), true, (outcome = 'COMPLETED')::int, (outcome = 'FAILED')::int, ins, upd, del, ms
        ON CONFLICT (pgt_id, scheduled) DO UPDATE SET completed = t.completed + excluded.completed, failed = t.failed + excluded.failed,
           rows_inserted = t.rows_inserted + excluded.rows_inserted, rows_updated = t.rows_updated + excluded.rows_updated,
           rows_deleted = t.rows_deleted + excluded.rows_deleted, busy_ms = t.busy_ms + excluded.busy_ms $$;
-- what was refreshed by hand is counted at once
SELECT pgt_name, completed, failed, skipped, rows_inserted, rows_updated, rows_deleted, busy_ms > 0 AS ms
  FROM pgtrickle.refresh_totals JOIN pgtrickle.pgt_stream_tables USING (pgt_id) WHERE NOT scheduled ORDER BY pgt_id;
DELETE FROM pgtrickle.pgt_refresh_history;
DELETE FROM pgtrickle.refresh_totals;
SELECT count(pg_temp.run('obs_rows', 'DIFFERENTIAL', 'COMPLETED', ms, 1, 2, 1)) FROM generate_series(1, 99) AS ms;
SELECT pg_temp.run('obs_rows', 'FULL', 'COMPLETED', 250, 0, 0, 7);
SELECT pg_temp.run('obs_rows', 'DIFFERENTIAL', 'FAILED', 0, 0, 0, 0, '22012', 'division by zero');
SELECT pg_temp.run('obs_top', 'FULL', 'COMPLETED', 40, 3, 0, 0);
ANALYZE obs_rows;
\x on
SELECT pgt_name, total_refreshes, successful_refreshes, failed_refreshes, total_rows_inserted, total_rows_deleted, avg_duration_ms, last_refresh_action, last_refresh_status,
       last_refresh_at IS NULL AS never, staleness_secs >= 0 AS staleness, stale, is_populated, status, refresh_mode, schedule, refresh_tier, consecutive_errors, downstream_publication
  FROM pgtrickle.st_refresh_stats();
SELECT pgt_id, pgt_schema, pgt_name, status, refresh_mode, is_populated, data_timestamp IS NULL AS never, schedule, staleness >= '0' AS staleness, stale, consecutive_errors, needs_reinit,
       last_refresh_at IS NULL AS never_refreshed, total_refreshes, successful_refreshes, failed_refreshes, total_rows_inserted, total_rows_deleted, avg_duration_ms, last_action, last_status,
       cdc_modes, scc_id, last_fixpoint_iterations, refresh_tier
  FROM pgtrickle.pg_stat_stream_tables WHERE pgt_name IN ('obs_rows', 'obs_empty') ORDER BY pgt_id;
\x off
SELECT stream_table, mode, avg_ms, p95_ms, round(p99_ms::numeric, 2) AS p99_ms, refresh_count FROM pgtrickle.pgtrickle_refresh_stats();
SELECT pgt_name, refresh_mode, total_refreshes, diff_count, full_count, avg_diff_ms, avg_full_ms, round(avg_change_ratio::numeric, 4) AS ratio, diff_speedup, last_refresh_at IS NULL AS never
  FROM pgtrickle.refresh_efficiency();
SELECT db_name = current_database() AS here, total_stream_tables, active_stream_tables, suspended_stream_tables, total_refreshes, successful_refreshes, failed_refreshes, total_rows_processed,
       active_workers, ivm_lock_parse_error_count FROM pgtrickle.metrics_summary();
SELECT stream_table, p50_ms, round(p99_ms::numeric, 2) AS p99_ms, freshness_lag_s >= 0 AS lag, error_rate, error_budget_remaining, deadline_ms, within_sla FROM pgtrickle.sla_summary();
SELECT stream_table, action, status, rows_inserted, rows_deleted, duration_ms, error_message FROM pgtrickle.refresh_timeline(3) ORDER BY 1, 2, 3, 6;
SELECT count(*) FROM pgtrickle.refresh_timeline();
SELECT count(*) FROM pgtrickle.refresh_timeline(0);
SELECT count(*) FROM pgtrickle.refresh_timeline(-1);
SELECT pgt_name, is_topk, topk_limit, topk_offset, staleness >= '0' AS staleness, stale FROM pgtrickle.stream_tables_info ORDER BY 1;
-- the columns of the table, in its order, and three more
SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
 WHERE attrelid = 'pgtrickle.stream_tables_info'::regclass AND attnum > (SELECT max(attnum) FROM pg_attribute WHERE attrelid = 'pgtrickle.pgt_stream_tables'::regclass);
SELECT t.attnum, t.attname, v.attname FROM pg_attribute AS t JOIN pg_attribute AS v USING (attnum)
 WHERE t.attrelid = 'pgtrickle.pgt_stream_tables'::regclass AND v.attrelid = 'pgtrickle.stream_tables_info'::regclass AND attnum > 0
   AND (t.attname, t.atttypid) IS DISTINCT FROM (v.attname, v.atttypid);
-- jobs: what the scheduler has done lately
SELECT unit_key, unit_kind, status, count(*), count(job_id) AS ids, bool_and(finished_at - started_at = duration_ms * interval '1 ms') AS times, count(worker_pid) AS pids
  FROM pgtrickle.parallel_job_status() GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT pg_temp.run('obs_rows', 'DIFFERENTIAL', 'FAILED', 1, 0, 0, 0, '55P03', 'lock timeout');
SELECT status, job_id = (SELECT max(refresh_id) FROM pgtrickle.pgt_refresh_history) AS newest FROM pgtrickle.parallel_job_status() LIMIT 1;
SELECT unit_key, unit_kind, member_pgt_ids, root_pgt_id, status, retryable, outcome_detail, count(*), bool_and(finished_at >= started_at AND job_id > 0) AS ended
  FROM pgtrickle.pgt_scheduler_jobs GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 5;
SET ROLE obs_reader;
SELECT status, outcome_detail, count(*) FROM pgtrickle.pgt_scheduler_jobs GROUP BY 1, 2 ORDER BY 1, 2;
RESET ROLE;
DELETE FROM pgtrickle.pgt_refresh_history WHERE error_code = '55P03';
-- windows: what is older than the window, or than an hour, does not count
SELECT total_refreshes_1h, df_refreshes_1h, df_refresh_fraction, round(avg_refresh_ms::numeric, 2) AS avg_ms, avg_df_refresh_ms, total_refresh_time_s, df_refresh_time_s FROM pgtrickle.scheduler_overhead();
UPDATE pgtrickle.pgt_refresh_history SET start_time = start_time - interval '2 hours', end_time = end_time - interval '2 hours' WHERE action = 'DIFFERENTIAL';
SELECT total_refreshes_1h, avg_refresh_ms, total_refresh_time_s FROM pgtrickle.scheduler_overhead();
SELECT age, count(status) AS jobs FROM unnest(ARRAY[3600, 10000]) AS age LEFT JOIN pgtrickle.parallel_job_status(age) ON true GROUP BY 1 ORDER BY 1;
SELECT stream_table, p50_ms, error_rate FROM pgtrickle.sla_summary() WHERE stream_table = 'public.obs_rows';
SET pg_trickle.sla_window_hours = 1;
SELECT stream_table, p50_ms, p99_ms, error_rate, error_budget_remaining FROM pgtrickle.sla_summary() WHERE stream_table = 'public.obs_rows';
RESET pg_trickle.sla_window_hours;
-- refreshes of what watches the extension itself
BEGIN;
UPDATE pgtrickle.pgt_stream_tables SET pgt_schema = 'pgtrickle', pgt_name = 'df_top' WHERE pgt_name = 'obs_top';
SELECT * FROM pgtrickle.scheduler_overhead();
DELETE FROM pgtrickle.pgt_refresh_history;
SELECT * FROM pgtrickle.scheduler_overhead();
ROLLBACK;
-- modes and why
SELECT pgtrickle.refresh_stream_table('obs_rows');
SELECT n, m.* FROM unnest(ARRAY['obs_rows', 'obs_top', 'obs_next', 'obs_full', 'obs_auto', 'obs_empty']) AS n, pgtrickle.explain_refresh_mode(n) AS m;
TRUNCATE obs_t;
SELECT test.refresh('obs_rows', 'FULL');
SELECT * FROM pgtrickle.explain_refresh_mode('obs_rows');
INSERT INTO obs_t VALUES (1, 1);
SELECT test.refresh('obs_rows');
SELECT * FROM pgtrickle.explain_refresh_mode('obs_rows');
SELECT * FROM pgtrickle.explain_refresh_mode('obs_missing');
SELECT pgtrickle.st_auto_threshold('obs_rows');
UPDATE pgtrickle.pgt_stream_tables SET auto_threshold = 0.25 WHERE pgt_name = 'obs_rows';
SELECT pgtrickle.st_auto_threshold('obs_rows');
SELECT pgtrickle.st_auto_threshold('obs_missing');
-- errors by their codes
DELETE FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED';
CREATE FUNCTION pg_temp.diagnose(codes text[]) RETURNS TABLE (code text, kind text, remediation text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH code IN ARRAY codes LOOP
        PERFORM pg_temp.run('obs_rows', 'DIFFERENTIAL', 'FAILED', 0, 0, 0, 0, code, 'message of ' || code);
        SELECT d.error_type, d.remediation INTO STRICT kind, remediation FROM pgtrickle.diagnose_errors('obs_rows') AS d LIMIT 1;
        RETURN NEXT;
    END LOOP;
END $$;
SELECT * FROM pg_temp.diagnose(ARRAY['22012', '23505', 'P0001', '42501', '42P01', '42703', '42883', '0A000', 'XX000', 'XX001', '57014', '53200', '54001', '55P03', '40P01',
                                     '40001', '53100', '08006', '57P01', '58030', NULL]);
-- the last five, newest first
SELECT error_type, error_message FROM pgtrickle.diagnose_errors('obs_rows');
SELECT count(*) FROM pgtrickle.diagnose_errors('obs_top');
SELECT * FROM pgtrickle.diagnose_errors('obs_missing');
-- figures for everybody, texts for owner and pg_read_all_stats
CREATE FUNCTION pg_temp.texts() RETURNS TABLE (timeline boolean, stats boolean, info boolean, runs boolean, reasons boolean, mode text) LANGUAGE sql AS $$
    SELECT EXISTS (SELECT FROM pgtrickle.refresh_timeline(1000) WHERE error_message IS NOT NULL),
           EXISTS (SELECT FROM pgtrickle.st_refresh_stats() WHERE last_error_message IS NOT NULL),
           EXISTS (SELECT FROM pgtrickle.stream_tables_info WHERE last_error_message IS NOT NULL),
           EXISTS (SELECT FROM pgtrickle.refresh_runs WHERE error_message IS NOT NULL),
           EXISTS (SELECT FROM pgtrickle.refresh_runs WHERE refresh_reason IS NOT NULL),
           (SELECT downgrade_reason FROM pgtrickle.explain_refresh_mode('public.obs_rows')) $$;
TRUNCATE obs_t;
SELECT test.refresh('obs_rows', 'FULL');
UPDATE pgtrickle.pgt_stream_tables SET last_error_message = 'secret' WHERE pgt_name = 'obs_rows';
SET ROLE obs_reader;
SELECT * FROM pg_temp.texts();
SELECT count(*) FROM pgtrickle.diagnose_errors('obs_rows');
SELECT total_stream_tables FROM pgtrickle.quick_health;
SELECT count(*) FROM pgtrickle.health_check();
SELECT total_stream_tables FROM pgtrickle.health_summary();
SELECT count(*) > 0 AS figures FROM pgtrickle.pg_stat_stream_tables WHERE total_refreshes > 0;
SELECT total_refreshes > 0 AS figures, active_workers FROM pgtrickle.metrics_summary();
SELECT count(*) FROM pgtrickle.pgtrickle_refresh_stats() UNION ALL SELECT count(*) FROM pgtrickle.refresh_efficiency() UNION ALL SELECT count(*) FROM pgtrickle.sla_summary()
 UNION ALL SELECT count(*) FROM pgtrickle.scheduler_overhead() UNION ALL SELECT count(*) FROM pgtrickle.freshness();
SET ROLE obs_stats;
SELECT * FROM pg_temp.texts();
SELECT count(*) FROM pgtrickle.diagnose_errors('obs_rows');
SET ROLE obs_owner;
SELECT * FROM pg_temp.texts();
SELECT count(*) FROM pgtrickle.diagnose_errors('obs_rows');
RESET ROLE;
DELETE FROM pgtrickle.pgt_refresh_history;
SELECT test.drop_all();
DROP TABLE obs_t, obs_theirs;
REVOKE USAGE ON SCHEMA pgtrickle FROM obs_owner, obs_stats, obs_reader;
DROP OWNED BY obs_owner, obs_stats, obs_reader;
DROP ROLE obs_owner, obs_stats, obs_reader;
