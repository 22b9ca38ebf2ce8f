-- drop_stream_table, and DROP TABLE of what it made or reads.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int PRIMARY KEY, a int);
INSERT INTO api_t VALUES (1, 1), (2, 2);
CREATE TEMPORARY TABLE api_before AS
    SELECT (SELECT count(*) FROM pg_trigger) AS triggers, (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'i', 'S', 'v') AND relpersistence <> 't') AS relations,
           (SELECT count(*) FROM pg_proc) AS functions, (SELECT count(*) FROM pg_depend) AS dependencies;
SELECT pgtrickle.create_stream_table('api_1', 'SELECT a, count(*) AS c FROM api_t GROUP BY a');
SELECT pgtrickle.create_stream_table('api_2', 'SELECT c, sum(a) AS s FROM api_1 GROUP BY c');
\set VERBOSITY sqlstate
SELECT pgtrickle.drop_stream_table('api_missing');
SELECT pgtrickle.drop_stream_table('api_t');
-- something reads it
SELECT pgtrickle.drop_stream_table('api_1');
\set VERBOSITY default
INSERT INTO api_t VALUES (3, 3);
SELECT test.refresh('api_2');
SELECT pgtrickle.drop_stream_table('api_1', cascade => true);
SELECT to_regclass('api_1') IS NULL AS no_1, to_regclass('api_2') IS NULL AS no_2;
SELECT count(*) FROM pgtrickle.pgt_stream_tables;
SELECT count(*) FROM pgtrickle.pgt_dependencies;
SELECT count(*) FROM pgtrickle.pgt_refresh_history;
-- nothing of it is left
SELECT (SELECT count(*) FROM pg_trigger) - triggers AS triggers, (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'i', 'S', 'v') AND relpersistence <> 't') - relations AS relations,
       (SELECT count(*) FROM pg_proc) - functions AS functions FROM api_before;
-- and writing goes on
INSERT INTO api_t VALUES (4, 4);
-- two readers of one table: the other goes on
SELECT pgtrickle.create_stream_table('api_1', 'SELECT id FROM api_t');
SELECT pgtrickle.create_stream_table('api_2', 'SELECT a FROM api_t');
SELECT pgtrickle.drop_stream_table('api_1');
INSERT INTO api_t VALUES (5, 5);
SELECT test.refresh('api_2');
-- a dropped name can be used again, in the same transaction too
BEGIN;
SELECT pgtrickle.drop_stream_table('api_2');
SELECT pgtrickle.create_stream_table('api_2', 'SELECT id, a FROM api_t');
COMMIT;
UPDATE api_t SET a = 6 WHERE id = 5;
SELECT test.refresh('api_2');
-- undone
BEGIN;
SELECT pgtrickle.drop_stream_table('api_2');
ROLLBACK;
DELETE FROM api_t WHERE id = 5;
SELECT test.refresh('api_2');
-- DROP TABLE does the same
DROP TABLE api_2;
SELECT count(*) FROM pgtrickle.pgt_stream_tables;
INSERT INTO api_t VALUES (7, 7);
DROP TABLE api_t;
SELECT (SELECT count(*) FROM pg_trigger) - triggers AS triggers FROM api_before;
DROP TABLE api_before;
