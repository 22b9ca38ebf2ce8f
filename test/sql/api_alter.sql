-- alter_stream_table: refresh_mode, status, schedule.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int PRIMARY KEY, a int);
INSERT INTO api_t VALUES (1, 1), (2, 2);
SELECT test.create('api_st', 'SELECT a, count(*) AS c FROM api_t GROUP BY a');
-- without arguments: nothing
SELECT pgtrickle.alter_stream_table('api_st');
SELECT refresh_mode, status, schedule FROM pgtrickle.pgt_stream_tables;
SELECT pgtrickle.alter_stream_table('api_st', schedule => '2m');
SELECT schedule FROM pgtrickle.pgt_stream_tables;
SELECT pgtrickle.alter_stream_table('api_st', schedule => 'calculated');
SELECT schedule IS NULL AS calculated FROM pgtrickle.pgt_stream_tables;
-- between DIFFERENTIAL and FULL: no change is lost
INSERT INTO api_t VALUES (3, 3);
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'full');
SELECT refresh_mode FROM pgtrickle.pgt_stream_tables;
INSERT INTO api_t VALUES (4, 3);
SELECT pgtrickle.refresh_stream_table('api_st');
SELECT test.assert_fresh('api_st'), test.last_run('api_st');
INSERT INTO api_t VALUES (5, 3);
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.refresh_stream_table('api_st');
SELECT test.assert_fresh('api_st');
DELETE FROM api_t WHERE a = 3;
SELECT test.refresh('api_st');
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'AUTO');
SELECT refresh_mode FROM pgtrickle.pgt_stream_tables;
-- suspended
SELECT pgtrickle.alter_stream_table('api_st', status => 'suspended');
INSERT INTO api_t VALUES (6, 6);
\set VERBOSITY sqlstate
SELECT pgtrickle.refresh_stream_table('api_st');
\set VERBOSITY default
SELECT pgtrickle.alter_stream_table('api_st', status => 'ACTIVE');
SELECT pgtrickle.refresh_stream_table('api_st');
SELECT test.assert_fresh('api_st');
-- refusals
\set VERBOSITY sqlstate
SELECT pgtrickle.alter_stream_table('api_missing', status => 'ACTIVE');
SELECT pgtrickle.alter_stream_table('api_st', status => 'SLEEPY');
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'SLEEPY');
SELECT pgtrickle.alter_stream_table('api_st', schedule => 'soon');
CREATE ROLE api_other;
GRANT USAGE ON SCHEMA pgtrickle TO api_other;
SET ROLE api_other;
SELECT pgtrickle.alter_stream_table('api_st', status => 'SUSPENDED');
SELECT pgtrickle.drop_stream_table('api_st');
RESET ROLE;
\set VERBOSITY default
REVOKE USAGE ON SCHEMA pgtrickle FROM api_other;
DROP ROLE api_other;
UPDATE api_t SET a = 8;
SELECT test.refresh('api_st');
SELECT test.drop_all();
DROP TABLE api_t;
