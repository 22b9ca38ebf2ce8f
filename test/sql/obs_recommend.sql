-- Which mode and schedule would suit a stream table, by a history that is made up.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE TABLE or_t (id int PRIMARY KEY, g int, n int);
INSERT INTO or_t SELECT x, x % 10, x FROM generate_series(1, 10000) AS x;
ANALYZE or_t;
SELECT test.create('or_auto', 'SELECT g, count(*) AS c FROM or_t GROUP BY g', 'AUTO');
SELECT test.create('or_diff', 'SELECT a.id, b.n FROM or_t AS a JOIN or_t AS b USING (id)', 'DIFFERENTIAL');
SELECT test.create('or_full', 'SELECT id, n FROM or_t WHERE n < 5', 'FULL');
SELECT pgtrickle.create_stream_table('or_none', 'SELECT id, current_user::text AS who FROM or_t');
CREATE FUNCTION test.history(name text, action text, ms float, rows bigint, times int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pgtrickle.pgt_refresh_history (pgt_id, data_timestamp, start_time, end_time, action, delta_row_count, status, initiated_by)
    SELECT pgtrickle.stream_table_id(name), s, s, s + (ms + i % 3) * interval '1 ms', action, rows, 'COMPLETED', 'SCHEDULER'
      FROM generate_series(1, times) AS i, LATERAL (SELECT timestamptz '2026-01-01' + i * interval '1 minute' AS s) AS x
$$;
-- nothing was measured: what is known of query and size is all there is
SELECT pgt_name, current_mode, effective_mode, recommended_mode, confidence, regexp_replace(reason, 'score [0-9.-]+', 'score #') FROM pgtrickle.recommend_refresh_mode();
SELECT name, score IS NULL AS unknown, weight, change_ratio_current, change_ratio_avg, diff_avg_ms, join_count, has_covering_index, history_rows_diff
  FROM pgtrickle.refresh_mode_signals(2);
SELECT string_agg(k, ' ' ORDER BY k) FROM pgtrickle.recommend_refresh_mode('or_diff'), jsonb_object_keys(signals) AS k;
-- changes that wait to be read
UPDATE or_t SET n = n + 1 WHERE id <= 750;
SELECT change_ratio_current, round(score::numeric, 3) FROM pgtrickle.refresh_mode_signals(1) WHERE name = 'change_ratio_current';
SELECT pgt_id, count(*) FROM pgtrickle.refresh_mode_signals() GROUP BY pgt_id ORDER BY pgt_id;
SELECT test.refresh('or_auto', 'DELTA'), test.refresh('or_diff'), test.refresh('or_full', 'FULL');
DELETE FROM pgtrickle.pgt_refresh_history;
-- five of each kind are a measurement
SELECT test.history('or_diff', 'DIFFERENTIAL', 100, 1000, 5), test.history('or_diff', 'FULL', 10, 0, 4);
SELECT name, round(score::numeric, 2) AS score, weight FROM pgtrickle.refresh_mode_signals(2) WHERE name IN ('empirical_timing', 'latency_variance', 'change_ratio_avg');
SELECT test.history('or_diff', 'FULL', 11, 0, 1);
SELECT name, round(score::numeric, 2) AS score, weight FROM pgtrickle.refresh_mode_signals(2) WHERE name IN ('empirical_timing', 'latency_variance', 'change_ratio_avg');
SELECT test.history('or_diff', 'DIFFERENTIAL', 100, 9000, 20);
SELECT name, round(score::numeric, 2) AS score, weight FROM pgtrickle.refresh_mode_signals(2) WHERE name IN ('empirical_timing', 'latency_variance', 'change_ratio_avg');
SELECT recommended_mode, confidence, regexp_replace(reason, 'score [0-9.-]+', 'score #') FROM pgtrickle.recommend_refresh_mode('or_diff');
SELECT test.history('or_full', 'DIFFERENTIAL', 1, 10, 20), test.history('or_full', 'FULL', 50, 0, 20);
SELECT recommended_mode, confidence, regexp_replace(reason, 'score [0-9.-]+', 'score #') FROM pgtrickle.recommend_refresh_mode('public.or_full');
SELECT pgtrickle.recommend_refresh_mode('or_missing');
-- schedules
DELETE FROM pgtrickle.pgt_refresh_history;
SELECT pgtrickle.alter_stream_table('or_auto', schedule => '10s');
SELECT pgtrickle.alter_stream_table('or_diff', schedule => '0 * * * *');
SELECT pgtrickle.alter_stream_table('or_full', tier => 'frozen');
UPDATE pgtrickle.pgt_stream_tables SET last_full_ms = 7000 WHERE pgt_name = 'or_auto';
UPDATE pgtrickle.pgt_stream_tables SET last_full_ms = NULL WHERE pgt_name = 'or_none';
SELECT name, current_interval_seconds AS current, CASE WHEN name ~ 'auto|none' THEN recommended_interval_seconds END AS recommended, CASE WHEN name ~ 'auto' THEN delta_pct END AS delta_pct, confidence, reasoning
  FROM pgtrickle.schedule_recommendations();
SELECT test.history('or_auto', 'DIFFERENTIAL', 3999, 10, 20);
SELECT * FROM pgtrickle.schedule_recommendations() WHERE name = 'public.or_auto';
SET pg_trickle.schedule_recommendation_min_samples = 21;
SELECT confidence, reasoning FROM pgtrickle.schedule_recommendations() WHERE name = 'public.or_auto';
SET pg_trickle.schedule_recommendation_min_samples = 2;
SELECT test.history('or_auto', 'DIFFERENTIAL', 0, 10, 3), test.history('or_auto', 'DIFFERENTIAL', 0, 10, 3);
SELECT pgtrickle.recommend_schedule('or_auto');
SELECT pgtrickle.recommend_schedule('or_missing');
SELECT pgtrickle.recommend_schedule(NULL) IS NULL AS nothing;
RESET pg_trickle.schedule_recommendation_min_samples;
-- for everybody who may look
CREATE ROLE or_reader;
GRANT USAGE ON SCHEMA pgtrickle TO or_reader;
SET ROLE or_reader;
SELECT count(*) FROM pgtrickle.recommend_refresh_mode();
SELECT count(*) FROM pgtrickle.schedule_recommendations();
RESET ROLE;
REVOKE USAGE ON SCHEMA pgtrickle FROM or_reader;
DROP ROLE or_reader;
SELECT stream_table, test.assert_fresh(stream_table) FROM (SELECT pgt_name AS stream_table FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id) AS s;
SELECT test.drop_all();
DROP FUNCTION test.history;
DROP TABLE or_t;
