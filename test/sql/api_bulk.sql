-- Many stream tables in one call, and stream tables by commands.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int PRIMARY KEY, a int);
INSERT INTO api_t VALUES (1, 1), (2, 2), (3, 3);
CREATE VIEW api_look AS
    SELECT pgt_id, pgt_name, coalesce(schedule, 'calculated') AS schedule, refresh_mode, status, diamond_consistency AS diamond, diamond_schedule_policy AS policy,
           requested_cdc_mode AS cdc, pooler_compatibility_mode AS pooler, max_differential_joins AS joins, max_delta_fraction AS fraction, refresh_tier AS tier,
           concat_ws(' ', fuse_mode, fuse_ceiling, fuse_sensitivity) AS fuse, storage_backend AS backend,
           CASE WHEN is_populated THEN test.assert_fresh(format('%I.%I', pgt_schema, pgt_name)) END AS contents
      FROM pgtrickle.pgt_stream_tables;
-- defaults, each parameter, and one that reads another of them
SELECT pgtrickle.bulk_create('[{"name": "api_one", "query": "SELECT id, a FROM api_t"},
    {"name": "public.api_two", "query": "SELECT a, count(*) AS n FROM api_one GROUP BY a", "schedule": "5m", "refresh_mode": "incremental", "initialize": false,
     "diamond_consistency": "atomic", "diamond_schedule_policy": "slowest", "cdc_mode": "trigger", "append_only": false, "pooler_compatibility_mode": true,
     "max_differential_joins": 3, "max_delta_fraction": 0.25, "partition_by": null, "output_distribution_column": null, "temporal": false, "storage_backend": "heap"},
    {"name": "\"Api 3\"", "query": "SELECT id FROM api_t", "refresh_mode": "FULL"}]');
SELECT * FROM api_look ORDER BY pgt_id;
INSERT INTO api_t VALUES (4, 4);
SELECT test.refresh('api_two', 'FULL');
-- what is no definition is found before anything is created
SELECT pgtrickle.bulk_create('{"name": "api_four"}');
SELECT pgtrickle.bulk_create('[]');
SELECT pgtrickle.bulk_create('"api_four"');
SELECT pgtrickle.bulk_create('[{"name": "api_four", "query": "SELECT id FROM api_t"}, "api_five"]');
SELECT pgtrickle.bulk_create('[{"name": "api_four", "query": "SELECT id FROM api_t"}, ["api_five"]]');
SELECT pgtrickle.bulk_create('[{"query": "SELECT id FROM api_t"}]');
SELECT pgtrickle.bulk_create('[{"name": 4, "query": "SELECT id FROM api_t"}]');
SELECT pgtrickle.bulk_create('[{"name": "api_four"}]');
SELECT pgtrickle.bulk_create('[{"name": "api_four", "query": null}]');
SELECT pgtrickle.bulk_create('[{"name": "api_four", "query": "SELECT id FROM api_t", "sched": "1m"}]');
SELECT pgtrickle.bulk_create('[{"name": "api_four", "query": "SELECT id FROM api_t", "schedule": 60}]');
SELECT pgtrickle.bulk_create('[{"name": "api_four", "query": "SELECT id FROM api_t", "schedule": true}]');
SELECT pgtrickle.bulk_create('[{"name": "api_four", "query": "SELECT id FROM api_t", "initialize": "no"}]');
SELECT pgtrickle.bulk_create('[{"name": "api_four", "query": "SELECT id FROM api_t", "initialize": 0}]');
SELECT pgtrickle.bulk_create('[{"name": "api_four", "query": "SELECT id FROM api_t", "max_differential_joins": 1.5}]');
SELECT pgtrickle.bulk_create('[{"name": "api_four", "query": "SELECT id FROM api_t", "max_differential_joins": 3000000000}]');
SELECT pgtrickle.bulk_create('[{"name": "api_four", "query": "SELECT id FROM api_t", "max_delta_fraction": {"is": 1}}]');
-- what fails while creating undoes all, with its own SQLSTATE and the element
SELECT pgtrickle.bulk_create('[{"name": "api_four", "query": "SELECT id FROM api_t"}, {"name": "api_one", "query": "SELECT id FROM api_t"}]');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.bulk_create('[{"name": "api_four", "query": "SELECT id FROM api_missing"}]');
\echo :LAST_ERROR_SQLSTATE
SELECT pgtrickle.bulk_create('[{"name": "api_four", "query": "SELECT id FROM api_t", "schedule": null}]');
SELECT pgtrickle.bulk_create(NULL);
SELECT count(*) FROM pgtrickle.pgt_stream_tables;
-- altering: each parameter, and the same stream table under two names
SELECT pgtrickle.bulk_alter_stream_tables('{api_two, public.api_two}', '{"schedule": "10m", "status": "suspended", "diamond_consistency": "none",
    "diamond_schedule_policy": "fastest", "cdc_mode": "auto", "append_only": false, "pooler_compatibility_mode": false, "tier": "warm", "fuse": "on", "fuse_ceiling": 5000000000,
    "fuse_sensitivity": 4, "partition_by": "", "max_differential_joins": 0, "max_delta_fraction": 0}');
SELECT pgtrickle.bulk_alter_stream_tables('{api_one, "\"Api 3\""}', '{"schedule": "1h"}');
SELECT pgtrickle.bulk_alter_stream_tables('{"\"Api 3\""}', '{"query": "SELECT id, a FROM api_t WHERE a > 1", "refresh_mode": "DIFFERENTIAL"}');
SELECT pgtrickle.bulk_alter_stream_tables('{}', '{"schedule": "1h"}'), pgtrickle.bulk_alter_stream_tables('{api_one}', '{}');
SELECT * FROM api_look ORDER BY pgt_id;
UPDATE api_t SET a = a + 10;
SELECT test.refresh('"Api 3"');
SELECT pgtrickle.bulk_alter_stream_tables('{api_one}', '["schedule"]');
SELECT pgtrickle.bulk_alter_stream_tables('{api_one}', '{"name": "api_other"}');
SELECT pgtrickle.bulk_alter_stream_tables('{api_one}', '{"fuse_ceiling": "many"}');
SELECT pgtrickle.bulk_alter_stream_tables('{api_one, NULL}', '{"schedule": "2h"}');
SELECT pgtrickle.bulk_alter_stream_tables('{api_one, api_missing}', '{"schedule": "2h"}');
SELECT pgtrickle.bulk_alter_stream_tables('{api_one, api_two}', '{"schedule": "soon"}');
SELECT pgtrickle.bulk_alter_stream_tables(NULL, '{}'), pgtrickle.bulk_alter_stream_tables('{api_one}', NULL);
-- dropping: readers first, whatever the order
SELECT pgtrickle.bulk_drop_stream_tables('{api_one}');
SELECT pgtrickle.bulk_drop_stream_tables('{api_one, api_missing}');
SELECT pgtrickle.bulk_drop_stream_tables('{api_one, api_t}');
SELECT pgtrickle.bulk_drop_stream_tables('{NULL}');
CREATE ROLE api_other;
GRANT USAGE ON SCHEMA pgtrickle TO api_other;
SET ROLE api_other;
SELECT pgtrickle.bulk_alter_stream_tables('{api_one}', '{}');
SELECT pgtrickle.bulk_drop_stream_tables('{api_one}');
RESET ROLE;
CREATE VIEW api_v AS SELECT * FROM api_two;
SELECT pgtrickle.bulk_drop_stream_tables('{api_one, api_two}');
DROP VIEW api_v;
SELECT pgtrickle.bulk_drop_stream_tables('{api_one, api_two, public.api_one}'), pgtrickle.bulk_drop_stream_tables('{}'), pgtrickle.bulk_drop_stream_tables(NULL);
SELECT pgt_name FROM pgtrickle.pgt_stream_tables;
SELECT test.drop_all();
DROP VIEW api_look;
DROP TABLE api_t;
REVOKE ALL ON SCHEMA pgtrickle FROM api_other;
DROP ROLE api_other;
