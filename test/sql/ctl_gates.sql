-- Gates and watermarks: what the functions take, keep and refuse. What they do to the scheduler: test/py/test_control.py.
\set VERBOSITY terse
SELECT test.restart_numbers() IS NOT NULL AS numbers;
CREATE ROLE ctl_other;
GRANT USAGE ON SCHEMA pgtrickle TO ctl_other;
CREATE SCHEMA ctl;
GRANT USAGE ON SCHEMA ctl TO ctl_other;
CREATE TABLE ctl.t (id int PRIMARY KEY, n int);
CREATE TABLE "Odd name" (id int);
CREATE TABLE ctl_b (id int);
CREATE VIEW ctl_view AS SELECT * FROM ctl.t;
-- gates
SELECT * FROM pgtrickle.source_gates();
SELECT pgtrickle.ungate_source('ctl.t');
SELECT * FROM pgtrickle.source_gates();
SELECT pgtrickle.gate_source('ctl.t');
SELECT pgtrickle.gate_source('"Odd name"');
SELECT source_table, schema_name, gated, clock_timestamp() - gated_at < '1 minute' AS just_now, ungated_at, gated_by = current_user AS me FROM pgtrickle.source_gates();
BEGIN;
SELECT pgtrickle.ungate_source('"Odd name"');
SELECT source_table, gated, ungated_at = now() AS now, ungated_at > gated_at AS later FROM pgtrickle.source_gates();
SELECT pgtrickle.create_stream_table('ctl_s', 'SELECT n FROM ctl.t');
SELECT pgtrickle.create_stream_table('ctl_s2', 'SELECT count(*) FROM ctl_view');
SELECT source_table, gated, CASE WHEN gated THEN gate_duration BETWEEN now() - gated_at AND clock_timestamp() - gated_at
       ELSE gate_duration = ungated_at - gated_at END AS since, affected_stream_tables FROM pgtrickle.bootstrap_gate_status();
COMMIT;
-- since then, however old the transaction is in which somebody looks
BEGIN;
UPDATE pgtrickle.pgt_source_gates SET gated_at = clock_timestamp() WHERE source_relid = 'ctl.t'::regclass;
SELECT source_table, gate_duration >= '0' AS closed FROM pgtrickle.bootstrap_gate_status() WHERE gated;
ROLLBACK;
-- closed again: as if for the first time
SELECT pgtrickle.gate_source('"Odd name"');
SELECT source_table, gated, clock_timestamp() - gated_at < '1 minute' AS just_now, ungated_at FROM pgtrickle.source_gates() WHERE source_table = 'Odd name';
-- by hand
INSERT INTO ctl.t VALUES (1, 1);
SELECT test.refresh('ctl_s');
SELECT test.refresh('ctl_s2');
SELECT pgtrickle.gate_source('ctl_missing');
SELECT pgtrickle.gate_source('a.b.c.d');
SELECT pgtrickle.gate_source('');
SELECT pgtrickle.gate_source('ctl_view');
SELECT pgtrickle.gate_source('pgtrickle.pgt_source_gates_pkey');
SELECT pgtrickle.gate_source(NULL);
BEGIN READ ONLY;
SELECT pgtrickle.gate_source('ctl.t');
ROLLBACK;
BEGIN;
SELECT pgtrickle.gate_source('ctl.t');
PREPARE TRANSACTION 'gate';
SET ROLE ctl_other;
SELECT pgtrickle.gate_source('ctl.t');
SELECT pgtrickle.ungate_source('ctl.t');
SELECT source_table, gated FROM pgtrickle.source_gates();
RESET ROLE;
-- watermarks
SELECT pgtrickle.advance_watermark('ctl.t', '2026-01-01 00:00Z');
SELECT source_table, schema_name, watermark AT TIME ZONE 'UTC' AS watermark, clock_timestamp() - updated_at < '1 minute' AS just_now,
       advanced_by = current_user AS me, wal_lsn::pg_lsn <= pg_current_wal_insert_lsn() AS position FROM pgtrickle.watermarks();
SELECT updated_at AS before FROM pgtrickle.watermarks() \gset
SELECT pgtrickle.advance_watermark('ctl.t', '2026-01-01 00:00Z');
SELECT updated_at = :'before' AS unchanged FROM pgtrickle.watermarks();
SELECT pgtrickle.advance_watermark('ctl.t', '2025-12-31 23:59:59Z');
SELECT pgtrickle.create_watermark_group('loads', ARRAY['ctl.t', 'ctl_b', '"Odd name"'], 60);
SELECT group_name, source_count, tolerance_secs, clock_timestamp() - created_at < '1 minute' AS just_now FROM pgtrickle.watermark_groups();
SELECT group_name, min_watermark = max_watermark AS same, lag_secs, aligned, sources_with_watermark AS known, sources_total AS total FROM pgtrickle.watermark_status();
SELECT pgtrickle.advance_watermark('ctl_b', '2026-01-01 00:01Z');
SELECT lag_secs, aligned, sources_with_watermark AS known, sources_total AS total FROM pgtrickle.watermark_status();
SELECT pgtrickle.advance_watermark('ctl_b', '2026-01-01 00:01:00.5Z');
SELECT lag_secs, aligned FROM pgtrickle.watermark_status();
SELECT pgtrickle.advance_watermark('ctl.t', 'infinity');
SELECT lag_secs, aligned, max_watermark FROM pgtrickle.watermark_status();
SELECT pgtrickle.advance_watermark('ctl_b', 'infinity');
SELECT lag_secs, aligned FROM pgtrickle.watermark_status();
SELECT pgtrickle.create_watermark_group('loads', ARRAY['ctl.t', 'ctl_b']);
SELECT pgtrickle.create_watermark_group('  ', ARRAY['ctl.t', 'ctl_b']);
SELECT pgtrickle.create_watermark_group('one', ARRAY['ctl.t']);
SELECT pgtrickle.create_watermark_group('one', '{}');
SELECT pgtrickle.create_watermark_group('twice', ARRAY['ctl.t', 'ctl_b', 'ctl.t']);
SELECT pgtrickle.create_watermark_group('null', ARRAY['ctl.t', NULL]);
SELECT pgtrickle.create_watermark_group('missing', ARRAY['ctl.t', 'ctl_missing']);
SELECT pgtrickle.create_watermark_group('negative', ARRAY['ctl.t', 'ctl_b'], -1);
SELECT pgtrickle.create_watermark_group('nan', ARRAY['ctl.t', 'ctl_b'], 'nan');
SELECT pgtrickle.drop_watermark_group('missing');
SELECT pgtrickle.advance_watermark('ctl_missing', now());
SELECT pgtrickle.advance_watermark('ctl_view', now());
SET ROLE ctl_other;
SELECT pgtrickle.advance_watermark('ctl.t', 'infinity');
SELECT pgtrickle.create_watermark_group('mine', ARRAY['ctl.t', 'ctl_b']);
SELECT pgtrickle.drop_watermark_group('loads');
SELECT group_name, sources_total FROM pgtrickle.watermark_status();
RESET ROLE;
-- who loads may tell
GRANT INSERT ON "Odd name" TO ctl_other;
SET ROLE ctl_other;
SELECT pgtrickle.advance_watermark('"Odd name"', '2026-01-01 00:00Z');
SELECT source_table, advanced_by FROM pgtrickle.watermarks() WHERE source_table = 'Odd name';
RESET ROLE;
-- what is dropped leaves nothing behind
DROP TABLE "Odd name";
SELECT group_name, source_count FROM pgtrickle.watermark_groups();
SELECT count(*) AS gates FROM pgtrickle.pgt_source_gates;
SELECT count(*) AS watermarks FROM pgtrickle.pgt_watermarks;
SELECT test.drop_all();
DROP SCHEMA ctl CASCADE;
SELECT group_name, source_count FROM pgtrickle.watermark_groups();
DROP TABLE ctl_b;
SELECT (SELECT count(*) FROM pgtrickle.pgt_source_gates) AS gates, (SELECT count(*) FROM pgtrickle.pgt_watermarks) AS watermarks,
       (SELECT count(*) FROM pgtrickle.pgt_watermark_groups) AS groups;
REVOKE USAGE ON SCHEMA pgtrickle FROM ctl_other;
DROP ROLE ctl_other;
