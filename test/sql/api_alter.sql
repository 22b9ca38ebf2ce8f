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
-- words, flags and limits: each alone, NULL leaves it, 0 takes a limit away
CREATE FUNCTION pg_temp.options() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', diamond_consistency, diamond_schedule_policy, coalesce(requested_cdc_mode, '-'), pooler_compatibility_mode, refresh_tier,
                     coalesce(max_differential_joins::text, '-'), coalesce(max_delta_fraction::text, '-')) FROM pgtrickle.pgt_stream_tables $$;
SELECT pg_temp.options();
SELECT pgtrickle.alter_stream_table('api_st', diamond_schedule_policy => 'Slowest'), pg_temp.options();
SELECT pgtrickle.alter_stream_table('api_st', diamond_schedule_policy => 'fastest', diamond_consistency => 'NONE'), pg_temp.options();
SELECT pgtrickle.alter_stream_table('api_st', cdc_mode => 'TRIGGER'), pg_temp.options();
SELECT pgtrickle.alter_stream_table('api_st', pooler_compatibility_mode => true, append_only => false, fuse => 'off', partition_by => ''), pg_temp.options();
SELECT pgtrickle.alter_stream_table('api_st', max_differential_joins => 3, max_delta_fraction => 0.5), pg_temp.options();
SELECT pgtrickle.alter_stream_table('api_st', max_differential_joins => 0), pg_temp.options();
SELECT pgtrickle.alter_stream_table('api_st', max_delta_fraction => 0), pg_temp.options();
SELECT pgtrickle.alter_stream_table('api_st', tier => 'WARM'), pg_temp.options();
SELECT pgtrickle.alter_stream_table('api_st', tier => 'hot'), pg_temp.options();
SELECT pgtrickle.alter_stream_table('api_st', tier => 'cold'), pg_temp.options();
SELECT pgtrickle.alter_stream_table('api_st', tier => 'frozen'), pg_temp.options();
SELECT pgtrickle.alter_stream_table('api_st', tier => 'hot'), pg_temp.options();
-- the partner that is stored counts
SELECT pgtrickle.alter_stream_table('api_st', diamond_schedule_policy => 'slowest');
SELECT pg_temp.options();
-- whatever is altered, ERROR is left
UPDATE pgtrickle.pgt_stream_tables SET status = 'ERROR', consecutive_errors = 3, last_error_message = 'x';
SELECT pgtrickle.alter_stream_table('api_st');
SELECT status, consecutive_errors, last_error_message FROM pgtrickle.pgt_stream_tables;
-- refusals
\set VERBOSITY sqlstate
SELECT pgtrickle.alter_stream_table(NULL);
SELECT pgtrickle.alter_stream_table('api_st', diamond_consistency => 'maybe');
SELECT pgtrickle.alter_stream_table('api_st', diamond_schedule_policy => 'maybe');
SELECT pgtrickle.alter_stream_table('api_st', cdc_mode => 'maybe');
SELECT pgtrickle.alter_stream_table('api_st', cdc_mode => 'wal');
SELECT pgtrickle.alter_stream_table('api_st', tier => 'maybe');
SELECT pgtrickle.alter_stream_table('api_st', fuse => 'maybe');
SELECT pgtrickle.alter_stream_table('api_st', fuse_ceiling => -1);
SELECT pgtrickle.alter_stream_table('api_st', fuse_sensitivity => 0);
SELECT pgtrickle.alter_stream_table('api_st', max_differential_joins => -1);
SELECT pgtrickle.alter_stream_table('api_st', max_delta_fraction => 1.5);
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'IMMEDIATE');
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
