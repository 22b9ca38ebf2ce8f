-- What no stream table is made of: message, DETAIL, HINT, position and SQLSTATE.
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
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.create_stream_table('sec_x', 'SELECT id FROM sec_t TABLESAMPLE system (10)', refresh_mode => 'DIFFERENTIAL');
\echo :LAST_ERROR_SQLSTATE
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
