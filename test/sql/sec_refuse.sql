-- What no stream table is made of: message, DETAIL, HINT, position and SQLSTATE.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE sec_t (id int PRIMARY KEY, a int);
CREATE TEMPORARY TABLE sec_temporary (id int);
CREATE VIEW sec_v AS SELECT oid FROM pg_class;
CREATE FUNCTION sec_dice() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 4';
SELECT test.create('sec_st', 'SELECT id, a FROM sec_t');
-- not one SELECT
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id FROM sec_t; SELECT 1');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', ' ; ');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'DELETE FROM sec_t RETURNING id');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id INTO sec_y FROM sec_t');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'WITH w AS (DELETE FROM sec_t RETURNING id) SELECT id FROM w');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'TRUNCATE sec_t');
\echo :LAST_ERROR_SQLSTATE
-- PostgreSQL's own errors point into the text
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id FORM sec_t');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id, missing FROM sec_t');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id FROM sec_missing');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id, $1 AS p FROM sec_t');
\echo :LAST_ERROR_SQLSTATE
-- no source, no column
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT 1 AS one');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'VALUES (1), (2)');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT FROM sec_t');
\echo :LAST_ERROR_SQLSTATE
-- volatile functions, by policy
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id, sec_dice() AS d FROM sec_t', refresh_mode => 'DIFFERENTIAL');
\echo :LAST_ERROR_SQLSTATE
SET pg_trickle.volatile_function_policy = 'allow';
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id, sec_dice() AS d FROM sec_t', refresh_mode => 'DIFFERENTIAL');
\echo :LAST_ERROR_SQLSTATE
RESET pg_trickle.volatile_function_policy;
-- tables that cannot be sources
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id FROM sec_temporary');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT oid FROM pg_catalog.pg_class', refresh_mode => 'FULL');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT oid FROM sec_v');
\echo :LAST_ERROR_SQLSTATE
-- locks and limits, in every mode
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id FROM sec_t FOR UPDATE', refresh_mode => 'FULL');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id FROM sec_t LIMIT 3');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id FROM sec_t ORDER BY id OFFSET 3', refresh_mode => 'FULL');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id FROM sec_t ORDER BY id LIMIT (SELECT 3)', refresh_mode => 'FULL');
-- what a function's inlined body says is no constant
CREATE FUNCTION sec_three() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT 3::bigint';
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id FROM sec_t ORDER BY id LIMIT sec_three()');
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id FROM sec_t ORDER BY id LIMIT 3 OFFSET sec_three()', refresh_mode => 'FULL');
ALTER FUNCTION sec_three() STABLE;
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id FROM sec_t ORDER BY id LIMIT sec_three()');
DROP FUNCTION sec_three;
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id FROM sec_t TABLESAMPLE system (10)', refresh_mode => 'DIFFERENTIAL');
\echo :LAST_ERROR_SQLSTATE
-- the place is counted in characters, and found behind comments, aliases and names of CTEs
SELECT pgtrickle.create_stream_table('sec_x', E'/* höher; */ SELECT id\nFROM sec_t; -- ünd;\n  DELETE FROM sec_t');
SELECT pgtrickle.create_stream_table('sec_x', E'-- höher\nUPDATE sec_t SET a = 1');
SELECT pgtrickle.create_stream_table('sec_x', E'WITH sec_temporary AS (SELECT 1 AS id)\nSELECT ''ö'', id FROM sec_temporary UNION ALL SELECT ''ö'', (SELECT max(id) FROM pg_temp.sec_temporary) FROM sec_t AS sec_temporary');
SELECT pgtrickle.create_stream_table('sec_x', E'SELECT id FROM sec_t WHERE id IN\n(SELECT pgt_id FROM pgtrickle.pgt_stream_tables)');
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id, substring(''update'' FOR 2) AS s FROM (SELECT id FROM sec_t FOR NO KEY UPDATE) AS sec_t', refresh_mode => 'FULL');
SELECT pgtrickle.create_stream_table('sec_x', E'SELECT id\nFROM sec_t ORDER BY id\nLIMIT 3 OFFSET a_function()');
SELECT pgtrickle.create_stream_table('sec_x', E'SELECT id\nFROM sec_t ORDER BY id\nLIMIT 3 OFFSET (random() * 3)::int', refresh_mode => 'FULL');
SELECT pgtrickle.create_stream_table('sec_x', E'SELECT id,\n  ''ö'' || random() AS r FROM sec_t', refresh_mode => 'DIFFERENTIAL');
SELECT * FROM pgtrickle.validate_query(E'SELECT 1\n AS one');
-- in a function
DO $$ BEGIN PERFORM pgtrickle.create_stream_table('sec_x', 'SELECT oid FROM pg_class'); END $$;
-- its own name
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id FROM sec_x');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_st', 'SELECT id FROM sec_st');
\echo :LAST_ERROR_SQLSTATE
-- nothing was made, and what there was goes on
SELECT to_regclass('sec_x') IS NULL AS nothing, count(*) FROM pgtrickle.pgt_stream_tables;
INSERT INTO sec_t VALUES (1, 1);
SELECT test.refresh('sec_st');
SELECT test.drop_all();
DROP VIEW sec_v;
DROP FUNCTION sec_dice();
DROP TABLE sec_t, sec_temporary;
