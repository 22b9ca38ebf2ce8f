-- Errors that the comment of a function names and that come about in no other test; api_errors has those of each kind.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int PRIMARY KEY, a int);
CREATE TABLE api_u (id int PRIMARY KEY);
SELECT test.create('api_st', 'SELECT id, a FROM api_t');
CREATE ROLE api_stranger;
GRANT USAGE ON SCHEMA pgtrickle TO api_stranger;
\set VERBOSITY sqlstate
-- 42P01, and 42809 for what is no table
SELECT pgtrickle.debug_stream_table('api_missing');
SELECT pgtrickle.explain_delta('api_missing');
SELECT pgtrickle.list_sources('api_missing');
SELECT pgtrickle.stream_table_id('api_missing');
SELECT pgtrickle.readable_stream_table_id('api_missing');
SELECT pgtrickle.resume_stream_table('api_missing');
SELECT pgtrickle.ungate_source('api_missing');
SELECT pgtrickle.ungate_source('api_t_pkey');
SELECT pgtrickle.create_watermark_group('api_group', '{api_t,api_u_pkey}');
-- 22023
SELECT pgtrickle.explain_dag('gif');
SELECT pgtrickle.resume_stream_table('api_st');
-- 2BP01
CREATE VIEW api_v AS SELECT id FROM api_st;
SELECT pgtrickle.drop_stream_table('api_st');
-- 42501
SET ROLE api_stranger;
SELECT pgtrickle.explain_diff_sql('api_st');
SELECT pgtrickle.readable_stream_table_id('api_st');
SELECT pgtrickle.resume_stream_table('api_st');
SELECT pgtrickle.repair_stream_table('api_st');
SELECT pgtrickle.clear_caches();
SELECT pgtrickle.resume_all();
SELECT pgtrickle.restore_stream_tables();
RESET ROLE;
\set VERBOSITY default
INSERT INTO api_t VALUES (1, 1);
SELECT test.refresh('api_st');
SELECT pgtrickle.drop_stream_table('api_st', cascade => true);
SELECT to_regclass('api_v') IS NULL AS gone;
SELECT test.drop_all();
DROP TABLE api_t, api_u;
REVOKE ALL ON SCHEMA pgtrickle FROM api_stranger;
DROP ROLE api_stranger;
