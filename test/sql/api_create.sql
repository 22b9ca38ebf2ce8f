-- create_stream_table: what is made, what is refused and with which code.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE SCHEMA api;
CREATE TABLE api.t (id int PRIMARY KEY, a int NOT NULL, c char(3), v varchar(5), n numeric(10,2), s text COLLATE "C");
INSERT INTO api.t VALUES (1, 10, 'abc', 'v', 1.5, 's'), (2, 20, NULL, NULL, NULL, NULL);

-- defaults
SELECT pgtrickle.create_stream_table('api.st', 'SELECT id, a, c, v, n, s FROM api.t;');
SELECT test.assert_fresh('api.st');
SELECT pgt_schema, pgt_name, schedule, refresh_mode, status, is_populated, needs_reinit, consecutive_errors,
       data_timestamp IS NOT NULL AS has_time, last_refresh_at IS NOT NULL AS has_refresh
  FROM pgtrickle.pgt_stream_tables;
SELECT action, h.status, initiated_by, rows_inserted, rows_deleted, was_full_fallback, end_time >= start_time AS ordered
  FROM pgtrickle.pgt_refresh_history AS h JOIN pgtrickle.pgt_stream_tables USING (pgt_id);
SELECT name, status, refresh_mode, is_populated, consecutive_errors, schedule, staleness IS NOT NULL AS has_staleness
  FROM pgtrickle.pgt_status();
SELECT source_table, source_oid = 'api.t'::regclass::oid::bigint AS same, source_type FROM pgtrickle.list_sources('api.st');
SELECT attname, format_type(atttypid, atttypmod), collname
  FROM pg_attribute LEFT JOIN pg_collation AS c ON c.oid = attcollation AND collname <> 'default'
 WHERE attrelid = 'api.st'::regclass AND attnum > 0 AND attname NOT LIKE '\_\_pgt%' ORDER BY attnum;
SELECT * FROM pgtrickle.verify_stream_table('api.st');
SELECT length(pgtrickle.explain_stream_table('api.st')) > 0 AS explained;
SELECT missing_rows.* FROM pgtrickle.get_refresh_history('api.nowhere') AS missing_rows;
SELECT action, status, rows_inserted, rows_deleted, error_message FROM pgtrickle.get_refresh_history('api.st');

-- empty at first
SELECT pgtrickle.create_stream_table('api.later', 'SELECT id FROM api.t', schedule => '1h30m', refresh_mode => 'incremental', initialize => false);
SELECT status, is_populated, schedule, refresh_mode FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'later';
SELECT count(*) FROM api.later;
SELECT pgtrickle.refresh_stream_table('api.later');
SELECT test.assert_fresh('api.later');
SELECT status, is_populated FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'later';
INSERT INTO api.t (id, a) VALUES (3, 3);

-- modes and schedules
SELECT pgtrickle.create_stream_table('api.full', 'SELECT id FROM api.t', refresh_mode => 'FULL', schedule => '@hourly');
SELECT refresh_mode, schedule FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'full';
SELECT test.refresh('api.full', 'FULL') LIKE 'FULL%' AS full_run;

-- names
SET search_path = api, public;
SELECT pgtrickle.create_stream_table('"Mixed Case.x"', 'SELECT id FROM t');
SELECT test.assert_fresh('"Mixed Case.x"');
SELECT pgtrickle.create_stream_table('Folded', 'SELECT id FROM t');
SELECT pgt_schema, pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
RESET search_path;
INSERT INTO api.t (id, a) VALUES (4, 4);
-- the query keeps the search_path it was written under
SELECT pgtrickle.refresh_stream_table('api.folded');
SELECT count(*) FROM api.folded;

-- refresh_if_stale
SELECT pgtrickle.refresh_if_stale('api.st', '1 day');
SELECT pgtrickle.refresh_if_stale('api.st');
SELECT pgtrickle.refresh_if_stale('api.st', '0 s');
SELECT test.assert_fresh('api.st');

-- refusals
\set VERBOSITY sqlstate
SELECT pgtrickle.create_stream_table(NULL, 'SELECT id FROM api.t');
SELECT pgtrickle.create_stream_table('api.x', NULL);
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', schedule => NULL);
SELECT pgtrickle.create_stream_table('', 'SELECT id FROM api.t');
SELECT pgtrickle.create_stream_table('a.b.c', 'SELECT id FROM api.t');
SELECT pgtrickle.create_stream_table('nowhere.x', 'SELECT id FROM api.t');
SELECT pgtrickle.create_stream_table('api.st', 'SELECT id FROM api.t');
SELECT pgtrickle.create_stream_table('api.t', 'SELECT id FROM api.t');
SELECT pgtrickle.create_stream_table('api.x', 'SELEC id FROM api.t');
SELECT pgtrickle.create_stream_table('api.x', 'INSERT INTO api.t (id, a) VALUES (99, 9)');
SELECT pgtrickle.create_stream_table('api.x', 'WITH w AS (DELETE FROM api.t RETURNING id) SELECT * FROM w');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id INTO api.y FROM api.t');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t; SELECT 1');
SELECT pgtrickle.create_stream_table('api.x', '');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT 1');
SELECT pgtrickle.create_stream_table('api.x', 'VALUES (1)');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT FROM api.t');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.missing');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT missing FROM api.t');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id, id FROM api.t');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', refresh_mode => 'SOMETIMES');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', schedule => '5 parsecs');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', schedule => '-1s');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', schedule => '0s');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', schedule => '@every 5m');
\set VERBOSITY default
SELECT pgtrickle.create_stream_table('api.loose', 'SELECT id FROM api.t', diamond_consistency => 'None');
SELECT diamond_consistency, diamond_schedule_policy FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'loose';
SELECT pgtrickle.drop_stream_table('api.loose');
\set VERBOSITY sqlstate
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', diamond_consistency => 'never');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t FOR UPDATE', refresh_mode => 'FULL');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t LIMIT 3', refresh_mode => 'FULL');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id, random() AS r FROM api.t', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id, percent_rank() OVER (ORDER BY a) AS r FROM api.t TABLESAMPLE system (100)', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id, percent_rank() OVER (ORDER BY a) AS r FROM api.t TABLESAMPLE system (100)', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT oid FROM pg_catalog.pg_class');
SELECT pgtrickle.create_stream_table('api.x', 'SELECT 1 / (a - 10) AS fails FROM api.t');
SELECT pgtrickle.refresh_stream_table('api.missing');
SELECT pgtrickle.refresh_stream_table('api.t');
SELECT pgtrickle.refresh_if_stale('api.missing', '1 s');
CREATE TEMPORARY TABLE api_temporary (id int);
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api_temporary');
-- a failed creation leaves nothing
SELECT to_regclass('api.x') IS NULL AS nothing, count(*) FROM pgtrickle.pgt_stream_tables;
\set VERBOSITY default

-- validate_query creates nothing
SELECT * FROM pgtrickle.validate_query('SELECT a, count(*) AS c FROM api.t GROUP BY a') WHERE check_name = 'resolved_refresh_mode';
SELECT result FROM pgtrickle.validate_query('SELECT id, percent_rank() OVER (ORDER BY a) AS r FROM api.t TABLESAMPLE system (100)') WHERE check_name = 'resolved_refresh_mode';
SELECT count(*) FROM pgtrickle.pgt_stream_tables;

-- a creation that is rolled back leaves nothing
BEGIN;
SELECT pgtrickle.create_stream_table('api.undone', 'SELECT id FROM api.t');
ROLLBACK;
SELECT to_regclass('api.undone') IS NULL AS nothing;
SELECT test.drop_all();
DROP SCHEMA api CASCADE;
DROP TABLE api_temporary;
