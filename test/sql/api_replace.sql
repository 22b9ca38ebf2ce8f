-- Creating what may be there, and writing with a refresh.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int PRIMARY KEY, a int);
INSERT INTO api_t VALUES (1, 1), (2, 2);
CREATE FUNCTION pg_temp.look() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', pgt_id, coalesce(schedule, 'calculated'), refresh_mode, diamond_consistency, diamond_schedule_policy, coalesce(requested_cdc_mode, '-'),
                     pooler_compatibility_mode, coalesce(max_differential_joins::text, '-'), coalesce(max_delta_fraction::text, '-'), test.assert_fresh('api_st'))
      FROM pgtrickle.pgt_stream_tables $$;
SELECT pgtrickle.create_stream_table_if_not_exists('api_st', 'SELECT id, a FROM api_t');
SELECT pgtrickle.create_stream_table_if_not_exists('api_st', 'no query', 'no schedule', 'no mode');
SELECT pg_temp.look();
-- its parameters are those of create_stream_table()
SELECT pgtrickle.create_stream_table_if_not_exists('api_all', 'SELECT id, a FROM api_t', '7m', 'DIFFERENTIAL', false, 'atomic', 'slowest', 'trigger', true, true,
    'HASH:id:3', 5, 0.25, NULL, false, 'heap');
SELECT is_populated, schedule, refresh_mode, diamond_consistency, diamond_schedule_policy, requested_cdc_mode, is_append_only,
       pooler_compatibility_mode, st_partition_key, max_differential_joins, max_delta_fraction
  FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'api_all';
SELECT pgtrickle.create_or_replace_stream_table('api_empty', 'SELECT id, a FROM api_t', initialize => false);
SELECT pgt_name, is_populated, (SELECT count(*) FROM api_empty) AS rows FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'api_empty';
-- it is for creation only
SELECT pgtrickle.create_or_replace_stream_table('api_empty', 'SELECT id, a FROM api_t', initialize => true);
SELECT count(*) FROM api_empty;
SELECT pgtrickle.refresh_stream_table(n), test.assert_fresh(n) FROM unnest('{api_all,api_empty}'::text[]) AS n;
SELECT pgtrickle.drop_stream_table(n) FROM unnest('{api_all,api_empty}'::text[]) AS n;
-- the same in other words: nothing
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT  id, api_t.a AS "a" from public.api_t;');
SELECT pgtrickle.create_or_replace_stream_table('public.api_st', 'SELECT id, (a) FROM api_t');
ALTER TABLE api_t RENAME a TO b;
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id, b AS a FROM api_t');
ALTER TABLE api_t RENAME b TO a;
-- each property alone; what is not passed gets its default
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id, a FROM api_t', '5m'), pg_temp.look();
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id, a FROM api_t', refresh_mode => 'FULL'), pg_temp.look();
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id, a FROM api_t', refresh_mode => 'incremental'), pg_temp.look();
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id, a FROM api_t', diamond_schedule_policy => 'slowest'), pg_temp.look();
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id, a FROM api_t', diamond_consistency => 'none'), pg_temp.look();
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id, a FROM api_t', cdc_mode => 'trigger', pooler_compatibility_mode => true), pg_temp.look();
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id, a FROM api_t', max_differential_joins => 2, max_delta_fraction => 0.1), pg_temp.look();
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id, a FROM api_t'), pg_temp.look();
-- another query, and a property with it
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id, a FROM api_t WHERE a > 1', '1h'), pg_temp.look();
INSERT INTO api_t VALUES (3, 3);
SELECT test.refresh('api_st');
-- refusals
\set VERBOSITY sqlstate
SELECT pgtrickle.create_or_replace_stream_table(NULL, 'SELECT id FROM api_t');
SELECT pgtrickle.create_or_replace_stream_table('api_st', NULL);
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id FROM api_t', NULL);
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id FROM api_t', refresh_mode => NULL);
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id FROM api_t', 'soon');
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id FROM api_t', output_distribution_column => 'id');
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELEC');
SELECT pgtrickle.create_or_replace_stream_table('api_t', 'SELECT id FROM api_st');
SELECT pgtrickle.create_stream_table_if_not_exists('api_t', 'SELECT id FROM api_st');
SELECT pgtrickle.create_stream_table_if_not_exists(NULL, 'SELECT id FROM api_st');
SELECT pgtrickle.create_stream_table_if_not_exists('api_new', 'SELECT id FROM api_t', output_distribution_column => 'id');
SELECT pgtrickle.create_stream_table_if_not_exists('api_new', 'SELECT id FROM api_t', temporal => true);
SELECT pgtrickle.create_stream_table_if_not_exists('api_new', 'SELECT id FROM api_t', storage_backend => 'citus');
SELECT pgtrickle.create_stream_table_if_not_exists('api_new', 'SELECT id FROM api_t', diamond_consistency => 'maybe');
SELECT pgtrickle.create_stream_table_if_not_exists('api_new', 'SELECT id FROM api_t', diamond_schedule_policy => 'soon');
SELECT pgtrickle.create_stream_table_if_not_exists('api_new', 'SELECT id FROM api_t', cdc_mode => 'magic');
SELECT pgtrickle.create_stream_table_if_not_exists('api_new', 'SELECT id FROM api_t', partition_by => 'nothing');
SELECT pgtrickle.create_stream_table_if_not_exists('api_new', 'SELECT id FROM api_t', max_differential_joins => -1);
SELECT pgtrickle.create_stream_table_if_not_exists('api_new', 'SELECT id FROM api_t', max_delta_fraction => 2);
CREATE ROLE api_other;
GRANT USAGE ON SCHEMA pgtrickle TO api_other;
SET ROLE api_other;
SELECT pgtrickle.create_or_replace_stream_table('api_st', 'SELECT id, a FROM api_t');
RESET ROLE;
-- writing
SELECT pgtrickle.write_and_refresh('SELEC', 'api_st');
SELECT pgtrickle.write_and_refresh('INSERT INTO api_t VALUES (9, 9)', 'api_missing');
SELECT pgtrickle.write_and_refresh('COMMIT', 'api_st');
\set VERBOSITY default
SELECT pgtrickle.write_and_refresh(NULL, 'api_st');
SELECT pgtrickle.write_and_refresh('INSERT INTO api_t VALUES (4, 4); UPDATE api_t SET a = 30 WHERE id = 3', 'api_st');
SELECT test.assert_fresh('api_st'), count(*) FROM api_st;
SELECT test.drop_all();
DROP TABLE api_t;
REVOKE ALL ON SCHEMA pgtrickle FROM api_other;
DROP ROLE api_other;
