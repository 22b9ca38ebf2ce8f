-- Values of the columns to be watched that no other test brings about: circles, nothing that is captured, runs that
-- were left out, promises that are broken, each way of refreshing.
\o /dev/null
SELECT test.restart_numbers();
\o
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA obs_values;
SET search_path = obs_values;
CREATE TABLE e (id int PRIMARY KEY, f int, t int);
INSERT INTO e VALUES (1, 1, 2), (2, 2, 3);
SELECT pgtrickle.create_stream_table('one', 'SELECT f, t FROM e UNION SELECT f, t FROM e', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('two', 'SELECT DISTINCT o.f, e.t FROM one AS o JOIN e ON e.f = o.t', '1h', 'DIFFERENTIAL');
SET pg_trickle.allow_circular = on;
SELECT pgtrickle.alter_stream_table('one', query => 'SELECT f, t FROM e UNION SELECT v.f, e.t FROM two AS v JOIN e ON e.f = v.t');
RESET pg_trickle.allow_circular;
SELECT pgtrickle.create_stream_table('upon', 'SELECT count(*) AS n FROM one', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('later', 'SELECT id FROM e', initialize => false);
INSERT INTO e VALUES (3, 3, 4);
SELECT pgtrickle.refresh_stream_table('upon');
-- the two are one component; who reads a stream table only has nothing captured
SELECT pgt_name, status, is_populated, cdc_modes, scc_id = (SELECT min(scc_id) FROM pgtrickle.pg_stat_stream_tables) AS component,
       last_fixpoint_iterations > 0 AS rounds, schedule, total_refreshes, last_action, last_status, avg_duration_ms IS NULL AS no_mean
  FROM pgtrickle.pg_stat_stream_tables WHERE pgt_schema = 'obs_values' ORDER BY pgt_name;
SELECT count(DISTINCT i.scc_id) AS components, count(i.scc_id) AS members, bool_and(i.scc_id IS NOT DISTINCT FROM s.scc_id) AS same
  FROM pgtrickle.stream_tables_info AS i JOIN pgtrickle.pgt_status() AS s ON s.name = i.pgt_schema || '.' || i.pgt_name WHERE pgt_schema = 'obs_values';

-- the same everywhere
SELECT count(*) AS tables,
       count(*) FILTER (WHERE (s.name, s.status, s.refresh_mode, s.is_populated, s.consecutive_errors, s.schedule, s.data_timestamp, s.scc_id)
           IS NOT DISTINCT FROM (t.pgt_schema || '.' || t.pgt_name, t.status, t.refresh_mode, t.is_populated, t.consecutive_errors, t.schedule, t.data_timestamp, t.scc_id)) AS pgt_status,
       count(*) FILTER (WHERE to_jsonb(t) @> to_jsonb(v) - ARRAY['staleness', 'stale', 'total_refreshes', 'successful_refreshes', 'failed_refreshes',
           'total_rows_inserted', 'total_rows_deleted', 'avg_duration_ms', 'last_action', 'last_status', 'cdc_modes']) AS pg_stat,
       count(*) FILTER (WHERE (r.status, r.refresh_mode, r.is_populated, r.last_refresh_at, r.consecutive_errors, r.schedule, r.refresh_tier, r.stale)
           IS NOT DISTINCT FROM (t.status, t.refresh_mode, t.is_populated, t.last_refresh_at, t.consecutive_errors, t.schedule, t.refresh_tier, v.stale)) AS st_refresh,
       count(*) FILTER (WHERE (r.total_refreshes, r.successful_refreshes, r.failed_refreshes, r.total_rows_inserted, r.total_rows_deleted, r.avg_duration_ms, r.last_refresh_action, r.last_refresh_status)
           IS NOT DISTINCT FROM (v.total_refreshes, v.successful_refreshes, v.failed_refreshes, v.total_rows_inserted, v.total_rows_deleted, coalesce(v.avg_duration_ms, 0), v.last_action, v.last_status)) AS figures,
       count(*) FILTER (WHERE p.last_refresh_at IS NOT DISTINCT FROM t.last_refresh_at AND p.mode = t.refresh_mode) AS refresh_stats,
       count(*) FILTER (WHERE e.last_refresh_at IS NOT DISTINCT FROM t.last_refresh_at::text AND e.refresh_mode = t.refresh_mode) AS efficiency
  FROM pgtrickle.pgt_stream_tables AS t
  JOIN pgtrickle.pgt_status() AS s ON s.name = t.pgt_schema || '.' || t.pgt_name
  JOIN pgtrickle.pg_stat_stream_tables AS v USING (pgt_id)
  JOIN pgtrickle.st_refresh_stats() AS r ON (r.pgt_schema, r.pgt_name) = (t.pgt_schema, t.pgt_name)
  JOIN pgtrickle.pgtrickle_refresh_stats() AS p ON p.stream_table = s.name
  JOIN pgtrickle.refresh_efficiency() AS e ON (e.pgt_schema, e.pgt_name) = (t.pgt_schema, t.pgt_name)
 WHERE t.pgt_schema = 'obs_values';
-- what the statements that write its sources maintain is compared with nothing
BEGIN;
UPDATE pgtrickle.pgt_stream_tables SET refresh_mode = 'IMMEDIATE' WHERE pgt_name = 'later';
SELECT * FROM pgtrickle.explain_refresh_mode('later');
SELECT current_mode, recommended_mode, reason FROM pgtrickle.recommend_refresh_mode('later');
SELECT pending, lag, stale FROM pgtrickle.freshness(pgtrickle.stream_table_id('later'));
ROLLBACK;

-- what only the scheduler writes: a run that failed, then one that was left out
CREATE FUNCTION pg_temp.run(act text, outcome text, code text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pgtrickle.pgt_refresh_history (pgt_id, data_timestamp, start_time, end_time, action, status, initiated_by, error_code, error_message)
    SELECT pgtrickle.stream_table_id('upon'), now(), now(), now(), act, outcome, 'SCHEDULER', code, 'message';
    INSERT INTO pgtrickle.refresh_totals AS t (pgt_id, scheduled, failed, skipped)
    SELECT pgtrickle.stream_table_id('upon'), true, (outcome = 'FAILED')::int, (outcome = 'SKIPPED')::int
        ON CONFLICT (pgt_id, scheduled) DO UPDATE SET failed = t.failed + excluded.failed, skipped = t.skipped + excluded.skipped $$;
DELETE FROM pgtrickle.pgt_refresh_history;
SELECT pg_temp.run('DIFFERENTIAL', 'FAILED', '22012');
SELECT pg_temp.run('SKIP', 'SKIPPED', NULL);
CREATE FUNCTION pg_temp.figures() RETURNS TABLE (total bigint, failed bigint, successful bigint, action text, status text) LANGUAGE sql AS $$
    SELECT total_refreshes, failed_refreshes, successful_refreshes, last_action, last_status FROM pgtrickle.pg_stat_stream_tables WHERE pgt_name = 'upon'
    UNION ALL
    SELECT total_refreshes, failed_refreshes, successful_refreshes, last_refresh_action, last_refresh_status FROM pgtrickle.st_refresh_stats() WHERE pgt_name = 'upon' $$;
SELECT * FROM pg_temp.figures();
SELECT action, status, rows_inserted, error_message FROM pgtrickle.refresh_timeline();
SELECT unit_kind, status, member_count, attempt_no, worker_pid, duration_ms FROM pgtrickle.parallel_job_status() ORDER BY 2;
UPDATE pgtrickle.pgt_refresh_history SET pgt_id = pgtrickle.stream_table_id('one') WHERE status = 'FAILED';
SELECT unit_kind, status FROM pgtrickle.parallel_job_status() ORDER BY 2;
SELECT unit_kind, status, retryable FROM pgtrickle.pgt_scheduler_jobs ORDER BY 2;
UPDATE pgtrickle.pgt_refresh_history SET pgt_id = pgtrickle.stream_table_id('upon');
-- what is tried again, and what is not: by the same rule as the scheduler's
SELECT string_agg(code, ' ') FILTER (WHERE pgtrickle.is_retried_error(code)) AS again, string_agg(code, ' ') FILTER (WHERE NOT pgtrickle.is_retried_error(code)) AS never
  FROM unnest(ARRAY['08006', '0A000', '22012', '23505', '25006', '25P03', '28000', '40001', '42501', '53100', '54000', '54001', '55P03', '57014', '58030',
                    'HV000', 'P0001', 'XX000', 'what']) AS code;
SELECT total_refreshes, diff_count, full_count, avg_diff_ms, avg_full_ms, avg_change_ratio, diff_speedup FROM pgtrickle.refresh_efficiency() WHERE pgt_name = 'upon';
SELECT total_refreshes_1h, avg_refresh_ms, total_refresh_time_s FROM pgtrickle.scheduler_overhead();
-- all of those that were tried have failed; what was left out is neither
SELECT p50_ms, p99_ms, error_rate, error_budget_remaining, deadline_ms, within_sla FROM pgtrickle.sla_summary() WHERE stream_table = 'obs_values.upon';
-- a promise that is kept, and one that is broken
SELECT pgtrickle.set_stream_table_sla('upon', '1 hour');
UPDATE pgtrickle.pgt_stream_tables SET data_timestamp = clock_timestamp() - interval '59 minutes' WHERE pgt_name = 'upon';
SELECT deadline_ms, within_sla FROM pgtrickle.sla_summary() WHERE stream_table = 'obs_values.upon';
UPDATE pgtrickle.pgt_stream_tables SET data_timestamp = clock_timestamp() - interval '61 minutes' WHERE pgt_name = 'upon';
SELECT deadline_ms, within_sla, freshness_lag_s BETWEEN 3660 AND 3900 AS lag FROM pgtrickle.sla_summary() WHERE stream_table = 'obs_values.upon';
SELECT refresh_tier, staleness > '1 hour' AS staleness, stale FROM pgtrickle.pg_stat_stream_tables WHERE pgt_name = 'upon';
SELECT pgtrickle.set_stream_table_sla('later', '1 hour');
SELECT freshness_lag_s, deadline_ms, within_sla FROM pgtrickle.sla_summary() WHERE stream_table = 'obs_values.later';
-- each tier, each status, each figure of them
SELECT name, pgtrickle.alter_stream_table(name, tier => tier, status => status)
  FROM (VALUES ('one', 'warm', 'SUSPENDED'), ('upon', 'cold', 'ERROR'), ('later', 'frozen', NULL)) AS v (name, tier, status);
SELECT pgt_name, refresh_tier, status, needs_reinit FROM pgtrickle.pg_stat_stream_tables WHERE pgt_schema = 'obs_values' ORDER BY 1;
SELECT total_stream_tables, active_stream_tables, suspended_stream_tables FROM pgtrickle.metrics_summary();
SELECT total_stream_tables, active_count, error_count, suspended_count FROM pgtrickle.health_summary();
SELECT total_stream_tables, error_tables, status FROM pgtrickle.quick_health;
CREATE FUNCTION pg_temp.pool(mode text) RETURNS TABLE (parallel_mode text, checks text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('pg_trickle.parallel_refresh_mode', mode, false);
    RETURN QUERY SELECT w.parallel_mode, (SELECT string_agg(check_name, ' ') FROM pgtrickle.health_check() WHERE check_name IN ('worker_pool', 'job_queue'))
                   FROM pgtrickle.worker_pool_status() AS w;
END $$;
-- who may not know how many work
CREATE ROLE obs_reader;
GRANT USAGE ON SCHEMA pgtrickle TO obs_reader;
SET ROLE obs_reader;
SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'worker_pool';
SELECT p.active_workers AS pool, m.active_workers AS metrics, a.workers_used, a.cluster_active
  FROM pgtrickle.worker_pool_status() AS p, pgtrickle.metrics_summary() AS m, pgtrickle.worker_allocation_status() AS a;
RESET ROLE;
REVOKE USAGE ON SCHEMA pgtrickle FROM obs_reader;
DROP ROLE obs_reader;
SELECT p.* FROM unnest(ARRAY['on', 'dry_run', 'off']) AS mode, pg_temp.pool(mode) AS p;
RESET pg_trickle.parallel_refresh_mode;
SELECT pgtrickle.alter_stream_table(name, status => 'ACTIVE') FROM unnest('{one,upon}'::text[]) AS name;
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{upon,later}'::text[]) AS name;
SELECT test.assert_fresh(name) FROM unnest('{upon,later}'::text[]) AS name;
CREATE FUNCTION pg_temp.fill() RETURNS pg_lsn LANGUAGE sql VOLATILE AS $$ SELECT pg_logical_emit_message(false, 'obs', 'x'); SELECT pg_switch_wal() $$;
-- a slot that nobody reads; a switch fills a file of 16 MB; it begins at the last checkpoint
CHECKPOINT;
BEGIN;
UPDATE pgtrickle.pgt_dependencies SET slot_name = 'obs_slot' WHERE pgt_id = pgtrickle.stream_table_id('upon');
SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'slot_lag';
SELECT count(pg_create_physical_replication_slot('obs_slot', true));
SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'slot_lag';
SELECT count(pg_temp.fill()) FROM generate_series(1, 8);
SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'slot_lag';
ROLLBACK;
SELECT pg_drop_replication_slot('obs_slot');
DROP SCHEMA obs_values CASCADE;
