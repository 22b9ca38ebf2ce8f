-- Views, subqueries and CTEs over one table, aggregates over aggregates.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, a int, b text);
INSERT INTO q_t SELECT x, x % 4, chr(97 + x % 3) FROM generate_series(1, 12) AS x;
CREATE VIEW q_v AS SELECT id, a, b || '!' AS b FROM q_t WHERE a > 0;
CREATE VIEW q_vv AS SELECT a, count(*) AS c FROM q_v GROUP BY a;
SELECT test.create('q_view', 'SELECT * FROM q_v');
SELECT test.create('q_view_view', 'SELECT c, count(*) AS groups FROM q_vv GROUP BY c');
SELECT test.create('q_sub', 'SELECT a, s + 1 AS s1 FROM (SELECT a, sum(id) AS s FROM q_t GROUP BY a) AS x WHERE s > 10');
SELECT test.create('q_cte', 'WITH x AS (SELECT a, id FROM q_t WHERE b <> ''b''), y AS MATERIALIZED (SELECT a, max(id) AS m FROM x GROUP BY a) SELECT * FROM y');
SELECT test.create('q_deep', 'SELECT max(c) AS m FROM (SELECT count(*) AS c FROM (SELECT DISTINCT a, b FROM q_t) AS d GROUP BY a) AS e');
SELECT pg_get_viewdef('q_vv'::regclass) LIKE '%q_v%' AS view_kept;
INSERT INTO q_t SELECT x, x % 5, chr(97 + x % 3) FROM generate_series(13, 20) AS x;
SELECT stream_table FROM test.refresh_all();
UPDATE q_t SET a = 1 WHERE id % 3 = 0;
SELECT stream_table FROM test.refresh_all();
UPDATE q_t SET b = 'q' WHERE a = 0;
SELECT test.refresh('q_cte'), test.refresh('q_deep');
DELETE FROM q_t WHERE a = 1;
SELECT stream_table FROM test.refresh_all();
DELETE FROM q_t;
SELECT test.refresh('q_deep'), test.refresh('q_view_view');
SELECT * FROM q_deep;
-- list_sources names the table
SELECT source_table, source_type FROM pgtrickle.list_sources('q_view') ORDER BY 1;
SELECT test.drop_all();
DROP VIEW q_vv, q_v;
DROP TABLE q_t;
