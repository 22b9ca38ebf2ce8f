-- Columns of views and functions that no other test drives.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT test.restart_numbers() IS NOT NULL AS numbers;
CREATE SCHEMA obs_columns;
SET search_path = obs_columns;
CREATE TABLE t (id int PRIMARY KEY, n int, unused text);
INSERT INTO t SELECT i, i % 3, 'x' FROM generate_series(1, 9) AS i;
SELECT pgtrickle.create_stream_table('s', 'SELECT n, count(*) AS c FROM t GROUP BY n', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('f', 'SELECT sum(c) AS c FROM s', '1h', 'FULL');
SELECT pgtrickle.create_stream_table('d', 'SELECT x.id, 10 / (x.n - y.n) AS q FROM t AS x JOIN t AS y ON y.id = x.id + 1', '1h', 'DIFFERENTIAL');

-- what waits, by source: of what is recomputed nothing is counted
UPDATE t SET n = 3 WHERE id = 1;
UPDATE t SET unused = 'y';
SELECT stream_table, source_table, source_oid = to_regclass(source_table)::oid::bigint AS oid, cdc_mode, pending_rows, buffer_bytes > 0 AS bytes
  FROM pgtrickle.change_buffer_sizes() WHERE stream_table LIKE 'obs_columns.%' ORDER BY 1, 2;
SELECT source_table, source_oid = to_regclass(source_table)::oid::bigint AS oid, source_type, cdc_mode, columns_used FROM pgtrickle.list_sources('s');
SELECT source_table, source_oid = to_regclass(source_table)::oid::bigint AS oid, source_type, cdc_mode, columns_used FROM pgtrickle.list_sources('f');

-- runs as the history has them: followed, recomputed as the mode says, and because there was no delta
SELECT pgtrickle.refresh_stream_table('s'), pgtrickle.refresh_stream_table('f');
UPDATE t SET n = n + 1;
SELECT pgtrickle.refresh_stream_table('d');
TRUNCATE t;
INSERT INTO t VALUES (1, 1), (2, 2);
SELECT pgtrickle.refresh_stream_table('d');
SELECT pgt_name, action, status, initiated_by, was_full_fallback AS fallback, refresh_reason IS NOT NULL AS reason,
       rows_inserted AS ins, rows_updated AS upd, rows_deleted AS del, delta_row_count AS delta,
       data_timestamp = start_time AS since, end_time >= start_time AND duration_ms >= 0 AS ended,
       read_ms >= 0 AND delta_ms >= 0 AND apply_ms >= 0 AND read_ms + delta_ms + apply_ms <= duration_ms AS parts,
       refresh_id = (SELECT h.refresh_id FROM pgtrickle.pgt_refresh_history AS h WHERE h.refresh_id = r.refresh_id AND h.pgt_id = r.pgt_id) AS id,
       error_code, error_message
  FROM pgtrickle.refresh_runs AS r WHERE pgt_schema = 'obs_columns' ORDER BY refresh_id;

-- everything that can be given is shown as it was given
SELECT pgtrickle.alter_stream_table('s', tier => 'cold', fuse => 'on', fuse_ceiling => 7, fuse_sensitivity => 2);
SELECT pgtrickle.alter_stream_table('s', diamond_consistency => 'none', diamond_schedule_policy => 'fastest', max_differential_joins => 3, max_delta_fraction => 0.5);
SELECT pgtrickle.set_stream_table_sla('s', '45 seconds');
SELECT pgt_relid = to_regclass(pgt_name)::oid AS relid, defining_query, schedule, refresh_mode, effective_refresh_mode, refresh_tier, fuse_mode, fuse_state,
       fuse_ceiling, fuse_sensitivity, blown_at, blow_reason, diamond_consistency, diamond_schedule_policy, max_differential_joins, max_delta_fraction,
       freshness_deadline_ms, last_error_at, last_full_ms > 0 AS full_ms, created_at <= updated_at AS times, is_topk, stale, staleness >= '0' AS staleness
  FROM pgtrickle.stream_tables_info WHERE pgt_schema = 'obs_columns' ORDER BY pgt_name;
SELECT count(*), bool_and(to_jsonb(i) @> to_jsonb(t)) AS same
  FROM pgtrickle.stream_tables_info AS i JOIN pgtrickle.pgt_stream_tables AS t USING (pgt_id) WHERE t.pgt_schema = 'obs_columns';
SELECT * FROM pgtrickle.fuse_status() WHERE stream_table = 'obs_columns.s';
SELECT pgtrickle.refresh_stream_table('f');
SELECT test.assert_fresh('s'), test.assert_fresh('d'), test.assert_fresh('f');
DROP SCHEMA obs_columns CASCADE;
