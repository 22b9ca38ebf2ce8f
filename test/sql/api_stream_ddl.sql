-- Stream tables by commands: exec_stream_ddl().
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int PRIMARY KEY, a int, " AS " int);
INSERT INTO api_t VALUES (1, 1, 10), (2, 2, 20);
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_st AS SELECT id, a FROM api_t');
SELECT pgtrickle.exec_stream_ddl(E'  create\tstream/* no */ table -- none\n public."Api.AS"\nas\nSELECT " AS" AS "As" FROM (SELECT " AS " AS " AS" FROM api_t) AS x;');
SELECT pgtrickle.exec_stream_ddl($$CREATE STREAM TABLE api_with WITH (schedule = '5m', refresh_mode = Full, initialize = off, max_differential_joins = 2, max_delta_fraction = .5,
    pooler_compatibility_mode = 'true', storage_backend = heap) AS SELECT id, E'it''s \n' AS s FROM api_t$$);
SELECT pgt_name, schedule, refresh_mode, status, max_differential_joins, max_delta_fraction, pooler_compatibility_mode,
       test.assert_fresh(format('%I.%I', pgt_schema, pgt_name)) FROM pgtrickle.pgt_stream_tables WHERE is_populated OR pgt_name = 'api_with' AND test.refresh('api_with', 'FULL') <> '' ORDER BY pgt_id;
UPDATE api_t SET id = 5 WHERE id = 2;
SELECT test.refresh('api_with', 'FULL');
-- what is there
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_st AS SELECT id FROM api_t');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE IF NOT EXISTS api_st AS SELECT id FROM api_t');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE IF NOT EXISTS api_new AS SELECT id FROM api_t');
SELECT pgtrickle.exec_stream_ddl('CREATE OR REPLACE STREAM TABLE api_st WITH (schedule = ''1h'') AS SELECT id, a FROM api_t WHERE a > 1');
INSERT INTO api_t VALUES (3, 3, 30);
SELECT schedule, test.refresh('api_st') FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'api_st';
-- another word is no command
\set SHOW_CONTEXT never
SELECT pgtrickle.exec_stream_ddl('');
SELECT pgtrickle.exec_stream_ddl('CREATE TABLE api_x AS SELECT 1');
SELECT pgtrickle.exec_stream_ddl('ALTER STREAM TABLE api_st');
SELECT pgtrickle.exec_stream_ddl('"create" STREAM TABLE api_x AS SELECT 1');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x "as" SELECT 1');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE "api_x AS SELECT 1');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE ''api_x'' AS SELECT 1');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE U&"api_x" AS SELECT 1');
SELECT pgtrickle.exec_stream_ddl('CREATE OR REPLACE STREAM TABLE IF NOT EXISTS api_x AS SELECT 1');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x WITH () AS SELECT 1');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x WITH (schedule) AS SELECT 1');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x WITH (schedule = ) AS SELECT 1');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x WITH (schedule = -soon) AS SELECT 1');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x WITH (schedule = ''1m'', initialize = true, schedule = ''2m'') AS SELECT 1');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE a.b.c AS SELECT id FROM api_t');
-- parameters and queries are those of the functions
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x WITH (fuse = on) AS SELECT id FROM api_t');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x WITH (name = api_y) AS SELECT id FROM api_t');
SELECT pgtrickle.exec_stream_ddl('CREATE OR REPLACE STREAM TABLE api_x WITH (temporal = true) AS SELECT id FROM api_t');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x WITH (initialize = maybe) AS SELECT id FROM api_t');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x WITH (max_differential_joins = -1) AS SELECT id FROM api_t');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x WITH (max_delta_fraction = ''a bit'') AS SELECT id FROM api_t');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x AS');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x AS SELECT id FROM api_missing');
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE api_x AS SELECT id FROM api_t; DROP TABLE api_t');
-- dropping
SELECT pgtrickle.create_stream_table('api_reader', 'SELECT id FROM api_st');
SELECT pgtrickle.exec_stream_ddl('DROP STREAM TABLE api_st');
SELECT pgtrickle.exec_stream_ddl('DROP STREAM TABLE api_st CASCADE RESTRICT');
SELECT pgtrickle.exec_stream_ddl('DROP STREAM TABLE api_missing');
SELECT pgtrickle.exec_stream_ddl('DROP STREAM TABLE api_t');
SELECT pgtrickle.exec_stream_ddl('DROP STREAM TABLE IF EXISTS api_t');
SELECT pgtrickle.exec_stream_ddl('DROP STREAM TABLE IF EXISTS api_missing RESTRICT');
SELECT pgtrickle.exec_stream_ddl('DROP STREAM TABLE IF EXISTS api_missing, public."Api.AS", public."Api.AS";');
SELECT pgtrickle.exec_stream_ddl('drop stream table api_st cascade');
SELECT pgtrickle.exec_stream_ddl('DROP STREAM TABLE api_with, api_new RESTRICT');
SELECT pgtrickle.exec_stream_ddl(NULL), count(*) FROM pgtrickle.pgt_stream_tables;
DROP TABLE api_t;
