-- What capture consists of, making it anew, and pausing it.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE cat_t (id int PRIMARY KEY, a int, b int, c text);
INSERT INTO cat_t SELECT x, x % 3, x, 'c' FROM generate_series(1, 10) AS x;
CREATE TABLE cat_p (id int PRIMARY KEY, a int) PARTITION BY RANGE (id);
CREATE TABLE cat_p1 PARTITION OF cat_p FOR VALUES FROM (0) TO (100);
CREATE FUNCTION pg_temp.triggers() RETURNS TABLE (source text, type text, present boolean, enabled boolean, event text) LANGUAGE sql AS $$
    SELECT source_table, trigger_type, present, enabled, event FROM pgtrickle.trigger_inventory() $$;
-- nothing is captured yet
SELECT (SELECT count(*) FROM pgtrickle.trigger_inventory()) AS triggers, (SELECT count(*) FROM pgtrickle.check_cdc_health()) AS health,
       (SELECT count(*) FROM pgtrickle.slot_health()) AS slots, (SELECT count(*) FROM pgtrickle.shared_buffer_stats()) AS logs, pgtrickle.rebuild_cdc_triggers(), pgtrickle.convert_buffers_to_unlogged();
SELECT test.create('cat_one', 'SELECT id, a FROM cat_t'), test.create('cat_two', 'SELECT a, sum(b) AS b FROM cat_t GROUP BY a'),
       test.create('cat_reader', 'SELECT b FROM cat_two'), test.create('cat_all', 'SELECT a FROM cat_p'), test.create('cat_leaf', 'SELECT a FROM cat_p1');
SELECT pgtrickle.create_stream_table('cat_full', 'SELECT c FROM cat_t', refresh_mode => 'FULL');
SELECT * FROM pg_temp.triggers();
-- the names are those of the triggers
SELECT count(*), bool_and(EXISTS (SELECT FROM pg_trigger WHERE tgname = trigger_name AND tgrelid = source_oid)) FROM pgtrickle.trigger_inventory();
SELECT source_relid::regclass = source_table::regclass AS oid, source_table, cdc_mode, slot_name, lag_bytes, confirmed_lsn, alert, selective_capture FROM pgtrickle.check_cdc_health();
SELECT source_relid::regclass, slot_name <> '' AS named, active, retained_wal_bytes, wal_status FROM pgtrickle.slot_health() ORDER BY source_relid::regclass::text;
UPDATE cat_t SET a = a + 1 WHERE id < 4;
SELECT source_oid::regclass, source_table, consumer_count, consumers, columns_tracked, safe_frontier_lsn, buffer_rows, is_partitioned FROM pgtrickle.shared_buffer_stats();
SELECT pgt_name, source_schema, source_name, source_relid::regclass, cdc_mode, slot_name, decoder_confirmed_lsn, transition_started_at FROM pgtrickle.pgt_cdc_status ORDER BY 1, 3;
-- made anew, without recomputing anything: changes from before and after are one delta
SELECT pgtrickle.rebuild_cdc_triggers();
INSERT INTO cat_t VALUES (20, 20, 20, 'x');
INSERT INTO cat_p VALUES (1, 1);
SELECT name, test.refresh(name) FROM unnest('{cat_one, cat_two, cat_reader, cat_all, cat_leaf}'::text[]) AS name;
-- what is missing or disabled is told, and put right; then nothing but a recompute will do
ALTER TABLE cat_t DISABLE TRIGGER ALL;
UPDATE cat_t SET a = 100 WHERE id = 5;
SELECT * FROM pg_temp.triggers() WHERE NOT enabled;
SELECT source_table, alert FROM pgtrickle.check_cdc_health() WHERE alert IS NOT NULL;
SELECT source_relid::regclass, active FROM pgtrickle.slot_health() WHERE NOT active;
SELECT pgtrickle.rebuild_cdc_triggers();
SELECT count(*) FROM pg_temp.triggers() WHERE NOT enabled OR NOT present;
UPDATE cat_t SET a = 101 WHERE id = 6;
SELECT test.refresh('cat_one', 'FULL'), test.refresh('cat_all', 'NO_DATA');
CREATE TABLE cat_p2 PARTITION OF cat_p FOR VALUES FROM (100) TO (200);
INSERT INTO cat_p2 VALUES (150, 150);
SELECT * FROM pg_temp.triggers() WHERE NOT present;
SELECT pgtrickle.rebuild_cdc_triggers();
SELECT count(*) FROM pg_temp.triggers() WHERE NOT present;
SELECT test.refresh('cat_all', 'FULL');
-- UNLOGGED logs: once each; they stay that when they are rotated
SELECT test.refresh('cat_two', 'FULL'), test.refresh('cat_reader');
SELECT pgtrickle.convert_buffers_to_unlogged();
SELECT pgtrickle.convert_buffers_to_unlogged();
INSERT INTO cat_t VALUES (30, 30, 30, 'x');
SELECT test.refresh('cat_one', 'FULL'), test.refresh('cat_two', 'FULL'), test.refresh('cat_reader', 'FULL'), test.refresh('cat_all', 'FULL'), test.refresh('cat_leaf', 'FULL');
INSERT INTO cat_t VALUES (31, 31, 31, 'x');
SELECT test.refresh('cat_one'), test.refresh('cat_two'), test.refresh('cat_reader');
-- back again
SELECT pgtrickle.rebuild_cdc_triggers();
INSERT INTO cat_t VALUES (32, 32, 32, 'x');
SELECT test.refresh('cat_one', 'DELTA'), test.refresh('cat_two', 'DELTA'), test.refresh('cat_reader', 'DELTA');
-- pausing
SELECT * FROM pgtrickle.cdc_pause_status();
SET pg_trickle.cdc_paused = on;
SELECT * FROM pgtrickle.cdc_pause_status();
INSERT INTO cat_t VALUES (40, 40, 40, 'x');
BEGIN;
SAVEPOINT s;
UPDATE cat_t SET a = 41 WHERE id = 40;
ROLLBACK TO s;
UPDATE cat_t SET a = 42 WHERE id = 40;
UPDATE cat_t SET a = 43 WHERE id = 40;
SELECT test.refresh('cat_one', 'FULL');
UPDATE cat_t SET a = 44 WHERE id = 40;
SELECT test.refresh('cat_one', 'FULL');
COMMIT;
INSERT INTO cat_p1 SELECT x, x FROM generate_series(50, 60) AS x;
SELECT source_table, buffer_rows FROM pgtrickle.shared_buffer_stats() WHERE source_table = 'public.cat_p1';
RESET pg_trickle.cdc_paused;
SELECT test.refresh('cat_leaf', 'FULL'), test.refresh('cat_all', 'FULL'), test.refresh('cat_two', 'FULL');
SET pg_trickle.cdc_paused = on;
SET pg_trickle.cdc_capture_mode = 'hold';
SELECT * FROM pgtrickle.cdc_pause_status();
UPDATE cat_t SET a = 45 WHERE id = 40;
SELECT test.refresh('cat_one');
RESET pg_trickle.cdc_paused;
RESET pg_trickle.cdc_capture_mode;
SELECT pgtrickle.rebuild_cdc_triggers();
SELECT name, test.refresh(name, 'DELTA') FROM unnest('{cat_one, cat_two, cat_reader, cat_all, cat_leaf}'::text[]) AS name;
-- rights: only who owns all, and what he may not capture is left out
CREATE ROLE cat_other;
GRANT USAGE ON SCHEMA pgtrickle TO cat_other;
SET ROLE cat_other;
SELECT pgtrickle.rebuild_cdc_triggers();
SELECT pgtrickle.convert_buffers_to_unlogged();
SET pg_trickle.cdc_paused = on;
SELECT count(*) FROM pgtrickle.trigger_inventory() UNION ALL SELECT count(*) FROM pgtrickle.check_cdc_health() UNION ALL
SELECT count(*) FROM pgtrickle.slot_health() UNION ALL SELECT count(*) FROM pgtrickle.shared_buffer_stats() UNION ALL SELECT count(*) FROM pgtrickle.pgt_cdc_status;
RESET ROLE;
SELECT test.drop_all();
GRANT SELECT, TRIGGER ON cat_p TO cat_other;
SELECT test.create('cat_own', 'SELECT a FROM cat_p');
ALTER TABLE cat_own OWNER TO cat_other;
SET ROLE cat_other;
SELECT pgtrickle.rebuild_cdc_triggers();
SELECT pgtrickle.convert_buffers_to_unlogged();
RESET ROLE;
INSERT INTO cat_p VALUES (70, 70);
SELECT test.refresh('cat_own', 'DELTA');
SELECT test.drop_all();
DROP TABLE cat_t, cat_p;
REVOKE ALL ON SCHEMA pgtrickle FROM cat_other;
DROP ROLE cat_other;
