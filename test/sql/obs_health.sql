-- Health of stream tables: each check and each status with each value that it can take without a
-- scheduler. What a running one shows is in test/py/test_observe.py.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE FUNCTION pg_temp.health() RETURNS TABLE (found text) LANGUAGE sql AS $$
    SELECT check_name || ' ' || severity || ': ' || detail FROM pgtrickle.health_check() WHERE severity <> 'OK' $$;
CREATE FUNCTION pg_temp.summary() RETURNS TABLE (total integer, active integer, error integer, suspended integer, stale integer, reinit integer, max_staleness boolean, scheduler text)
LANGUAGE sql AS $$
    SELECT total_stream_tables, active_count, error_count, suspended_count, stale_count, reinit_pending, max_staleness_seconds > 0, scheduler_status
      FROM pgtrickle.health_summary() $$;
-- nothing there
SELECT total_stream_tables, error_tables, stale_tables, scheduler_running = (pgtrickle.scheduler_pid() IS NOT NULL) AS fits, status FROM pgtrickle.quick_health;
SELECT check_name, severity, detail FROM pgtrickle.health_check() WHERE check_name <> 'scheduler_running';
SELECT * FROM pg_temp.summary();
SELECT cache_hit_rate FROM pgtrickle.health_summary();
CREATE TABLE obs_t (id int PRIMARY KEY, n int);
INSERT INTO obs_t SELECT x, x FROM generate_series(1, 5) AS x;
\o /dev/null
SELECT pgtrickle.create_stream_table('obs_hour', 'SELECT id, n FROM obs_t', '1h');
SELECT pgtrickle.create_stream_table('obs_cron', 'SELECT n FROM obs_t', '0 0 29 2 *');
SELECT pgtrickle.create_stream_table('obs_full', 'SELECT n FROM obs_t', '1h', 'FULL');
\o
SELECT total_stream_tables, error_tables, stale_tables, scheduler_running = (pgtrickle.scheduler_pid() IS NOT NULL) AS fits, status FROM pgtrickle.quick_health;
SELECT * FROM pg_temp.health();
SELECT * FROM pg_temp.summary();
-- scheduler_status without a scheduler: switched off, and switched on in a server whose launcher may run or not
SELECT pgtrickle.scheduler_status();
BEGIN;
SET LOCAL pg_trickle.enabled = on;
SELECT CASE WHEN pgtrickle.launcher_pid() IS NULL THEN pgtrickle.scheduler_status() = 'NOT_LOADED'
            ELSE pgtrickle.scheduler_status() IN ('STARTING', 'ACTIVE') END AS fits,
       (SELECT CASE WHEN pgtrickle.launcher_pid() IS NULL THEN severity = 'ERROR' ELSE severity IN ('WARN', 'OK') END
          FROM pgtrickle.health_check() LIMIT 1) AS fits_too;
ROLLBACK;
-- each status
SELECT pgtrickle.alter_stream_table('obs_hour', status => 'SUSPENDED');
SELECT * FROM pg_temp.health();
SELECT * FROM pg_temp.summary();
SELECT error_tables, status FROM pgtrickle.quick_health;
SELECT pgtrickle.alter_stream_table('obs_hour', status => 'ERROR');
SELECT * FROM pg_temp.health();
SELECT * FROM pg_temp.summary();
SELECT error_tables, status FROM pgtrickle.quick_health;
SELECT pgtrickle.alter_stream_table('obs_hour', status => 'ACTIVE');
-- what only a scheduler writes
UPDATE pgtrickle.pgt_stream_tables SET consecutive_errors = 2 WHERE pgt_name = 'obs_hour';
SELECT * FROM pg_temp.health();
SELECT error_tables, status FROM pgtrickle.quick_health;
UPDATE pgtrickle.pgt_stream_tables SET consecutive_errors = 0, needs_reinit = true WHERE pgt_name = 'obs_hour';
SELECT * FROM pg_temp.health();
SELECT reinit FROM pg_temp.summary();
UPDATE pgtrickle.pgt_stream_tables SET needs_reinit = false WHERE pgt_name = 'obs_hour';
-- stale: nobody has looked for longer than the schedule and a tenth of it allow
CREATE FUNCTION pg_temp.aged(age interval) RETURNS TABLE (name text, stale boolean, about interval) LANGUAGE sql AS $$
    UPDATE pgtrickle.pgt_stream_tables SET data_timestamp = clock_timestamp() - age;
    SELECT pgt_name, i.stale, date_trunc('minute', s.staleness)
      FROM pgtrickle.pgt_status() AS s JOIN pgtrickle.stream_tables_info AS i ON s.name = 'public.' || pgt_name ORDER BY 1 $$;
SELECT * FROM pg_temp.aged('1 hour 5 minutes');
SELECT * FROM pg_temp.aged('1 hour 7 minutes');
SELECT * FROM pg_temp.health();
SELECT stale FROM pg_temp.summary();
SELECT stale_tables, status FROM pgtrickle.quick_health;
-- tiers
SELECT pgtrickle.alter_stream_table('obs_hour', tier => 'warm');
SELECT * FROM pg_temp.aged('2 hours 11 minutes');
SELECT * FROM pg_temp.aged('2 hours 13 minutes');
SELECT pgtrickle.alter_stream_table('obs_hour', tier => 'cold');
SELECT * FROM pg_temp.aged('10 hours 59 minutes');
SELECT * FROM pg_temp.aged('11 hours 1 minute');
SELECT pgtrickle.alter_stream_table('obs_hour', tier => 'frozen');
-- a frozen one never is; a cron expression is over when it has fired
SELECT * FROM pg_temp.aged('3000 days');
BEGIN;
SET LOCAL pg_trickle.tiered_scheduling = off;
SELECT * FROM pg_temp.aged('1 hour 7 minutes');
ROLLBACK;
SELECT pgtrickle.refresh_stream_table(name) FROM (VALUES ('obs_hour'), ('obs_cron'), ('obs_full')) AS v (name);
SELECT * FROM pg_temp.health();
-- effective schedules: of tiers, of readers, of nobody
\o /dev/null
SELECT pgtrickle.alter_stream_table('obs_hour', tier => 'warm', schedule => 'calculated');
SELECT pgtrickle.create_stream_table('obs_a', 'SELECT id, n FROM obs_hour', 'calculated');
SELECT pgtrickle.create_stream_table('obs_b', 'SELECT n FROM obs_a', '10m');
SELECT pgtrickle.create_stream_table('obs_c', 'SELECT count(*) FROM obs_a', '20m');
SELECT pgtrickle.create_stream_table('obs_d', 'SELECT id FROM obs_a', '@daily');
SELECT pgtrickle.create_stream_table('obs_e', 'SELECT id FROM obs_t', 'calculated');
\o
CREATE FUNCTION pg_temp.schedules() RETURNS TABLE (name text, effective interval, pending boolean) LANGUAGE sql AS $$
    SELECT pgt_name, effective_schedule, pending FROM pgtrickle.freshness() JOIN pgtrickle.pgt_stream_tables USING (pgt_id) ORDER BY 1 $$;
SELECT * FROM pg_temp.schedules();
SELECT pgtrickle.alter_stream_table('obs_b', tier => 'cold');
SELECT pgtrickle.alter_stream_table('obs_e', schedule => '@daily');
SELECT * FROM pg_temp.schedules();
SELECT pgtrickle.alter_stream_table('obs_c', tier => 'frozen');
SELECT * FROM pg_temp.schedules();
-- pending: what it reads has changed, however far up; not by what is not committed
BEGIN;
UPDATE obs_t SET n = 0;
SELECT name FROM pg_temp.schedules() WHERE pending;
ROLLBACK;
SELECT name FROM pg_temp.schedules() WHERE pending;
UPDATE obs_t SET n = 0 WHERE id = 1;
SELECT name FROM pg_temp.schedules() WHERE pending;
SELECT test.refresh('obs_hour');
SELECT name FROM pg_temp.schedules() WHERE pending;
SELECT test.refresh('obs_e'), test.refresh('obs_cron');
SELECT test.refresh('obs_a');
SELECT name FROM pg_temp.schedules() WHERE pending;
SELECT test.refresh('obs_b'), test.refresh('obs_c', 'DELTA'), test.refresh('obs_d', 'DELTA');
SELECT name FROM pg_temp.schedules() WHERE pending;
-- since when
SELECT pending_since IS NULL FROM pgtrickle.freshness(pgtrickle.stream_table_id('obs_hour'));
SELECT clock_timestamp() AS before \gset
UPDATE obs_t SET n = 2 WHERE id = 1;
SELECT clock_timestamp() AS after \gset
UPDATE obs_t SET n = 3 WHERE id = 1;
SELECT pending, pending_since BETWEEN :'before' AND :'after' AS then, effective_schedule FROM pgtrickle.freshness(pgtrickle.stream_table_id('obs_b'));
-- a marker, and a change of capture
\o /dev/null
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
\o
TRUNCATE obs_t;
SELECT name FROM pg_temp.schedules() WHERE pending;
SELECT pending_since = data_timestamp AS unknown FROM pgtrickle.freshness() JOIN pgtrickle.pgt_stream_tables USING (pgt_id) WHERE pgt_name = 'obs_hour';
-- more than 10,000 changes
\o /dev/null
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
\o
INSERT INTO obs_t SELECT x, x FROM generate_series(1, 10000) AS x;
SELECT * FROM pg_temp.health();
INSERT INTO obs_t VALUES (0, 0);
SELECT * FROM pg_temp.health();
-- jobs that wait: as many as are overdue
BEGIN;
UPDATE pgtrickle.pgt_stream_tables SET data_timestamp = clock_timestamp() - interval '11 hours', refresh_tier = 'hot', schedule = '10h';
SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'job_queue';
CREATE FUNCTION pg_temp.many() RETURNS void LANGUAGE plpgsql SET client_min_messages = warning AS $$
BEGIN
    FOR i IN 1..3 LOOP
        PERFORM pgtrickle.create_stream_table('obs_' || i, 'SELECT id FROM obs_t', '10h');
    END LOOP;
END $$;
SELECT pg_temp.many();
UPDATE pgtrickle.pgt_stream_tables SET data_timestamp = clock_timestamp() - interval '11 hours';
SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'job_queue';
SET LOCAL pg_trickle.parallel_refresh_mode = off;
SELECT check_name FROM pgtrickle.health_check();
ROLLBACK;
SELECT max_workers, per_db_cap, parallel_mode FROM pgtrickle.worker_pool_status();
-- before its first refresh
SELECT pgtrickle.create_stream_table('obs_later', 'SELECT id FROM obs_t', initialize => false);
SELECT pending, pending_since, lag, stale FROM pgtrickle.freshness(pgtrickle.stream_table_id('obs_later'));
SELECT pgtrickle.get_staleness('obs_later'), pgtrickle.get_staleness('obs_hour') > 0 AS seconds;
SELECT stale, staleness, is_topk FROM pgtrickle.stream_tables_info WHERE pgt_name = 'obs_later';
SELECT pgtrickle.get_staleness('obs_missing');
SELECT s, pgtrickle.parse_duration_seconds(s) FROM unnest(ARRAY['1h30m', '5', '1h30', 'x', '', ' 2m ', '1w', '1d1s', '@daily', '* * * * *', 'on commit', '-1s', '1.5h', '99999999999']) AS s;
-- estimates of recursive queries are so high that compiling them would take seconds
SELECT proname FROM pg_proc WHERE pronamespace = 'pgtrickle'::regnamespace AND prosqlbody::text LIKE '%:hasRecursive true%' AND NOT coalesce('jit=off' = ANY (proconfig), false);
SELECT test.drop_all();
DROP TABLE obs_t;
