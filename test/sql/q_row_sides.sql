-- Rows made by the arms of a set operation, or on the side of an outer join that
-- may be NULL, as what windows, DISTINCT ON and LIMIT go by: by their columns,
-- and by whether there is a row (rules A3, A5, F3).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE t (id int PRIMARY KEY, g int, x numeric, s text);
CREATE TABLE u (id int PRIMARY KEY, g int, x numeric, s varchar(4));
INSERT INTO t SELECT i, i % 4, i / 2.0, 's' || i % 3 FROM generate_series(1, 12) AS i;
INSERT INTO u SELECT i, i % 5, i / 3, 's' || i % 2 FROM generate_series(1, 8) AS i;
INSERT INTO u VALUES (20, NULL, NULL, NULL), (21, NULL, 1, 'a');
SET client_min_messages = warning;
-- set operations, with the same row out of both arms
SELECT test.create('s_all', 'SELECT id, k, rank() OVER (ORDER BY p) AS r, count(*) OVER (PARTITION BY p) AS c FROM (SELECT id, 1 AS k, ROW(g, s) AS p FROM t UNION ALL SELECT id, 2, ROW(g, s::text) FROM u) AS q');
SELECT test.create('s_three', 'SELECT id, g, row_number() OVER (PARTITION BY p ORDER BY id, g) AS r, (p).f2 AS f FROM (SELECT ROW(g, x) AS p, id, 0 AS g FROM t UNION SELECT ROW(g, x), id, 0 FROM u UNION ALL SELECT ROW(g, x), id, 1 FROM u WHERE g > 1) AS q (p, id, g) WHERE (p).f1 IS NOT NULL');
SELECT test.create('s_two_rows', 'SELECT id, rank() OVER (ORDER BY p, o DESC) AS r, lag(id) OVER (PARTITION BY o ORDER BY p DESC, id) AS l FROM (SELECT ROW(g) AS p, id, ROW(s, id % 2) AS o FROM t UNION ALL SELECT ROW(g), id + 100, ROW(s::text, id % 2) FROM u) AS q');
SELECT test.create('s_except', 'SELECT p::text AS p, dense_rank() OVER (ORDER BY p DESC NULLS LAST) AS r FROM (SELECT ROW(g, id / 4) AS p FROM t EXCEPT ALL SELECT ROW(g, id / 4) FROM u) AS q');
SELECT test.create('s_intersect', 'SELECT p::text AS p, dense_rank() OVER (ORDER BY p) AS r FROM (SELECT ROW(g, id / 4) AS p FROM t INTERSECT SELECT ROW(g, id / 4) FROM u) AS q');
SELECT test.create('s_on', 'SELECT DISTINCT ON (p) id, p::text AS p FROM (SELECT id, ROW(g, s) AS p FROM t UNION ALL SELECT -id, ROW(g, s::text) FROM u) AS q ORDER BY p DESC, id');
SELECT test.create('s_first', 'SELECT id, p::text AS p FROM (SELECT id, ROW(g, x) AS p FROM t UNION ALL SELECT -id, ROW(g, x) FROM u) AS q ORDER BY p DESC, id LIMIT 4');
SELECT test.create('s_group', 'SELECT min(id) AS m, count(*) AS c, (p).f1 AS f FROM (SELECT id, ROW(g, s) AS p FROM t UNION ALL SELECT id, ROW(g, s::text) FROM u) AS q GROUP BY p');
-- an arm that groups, and one within another set operation
SELECT test.create('s_arms', 'SELECT n, rank() OVER (ORDER BY p) AS r FROM (SELECT g AS n, ROW(max(id), g) AS p FROM t GROUP BY g UNION ALL (SELECT id, ROW(id, g) FROM u EXCEPT SELECT id, ROW(id, g) FROM t)) AS q');
-- a set operation that is a view, which has none
CREATE VIEW both_tables AS SELECT id, g FROM t UNION ALL SELECT id, g FROM u;
SELECT test.create('s_view', 'SELECT a.g, a.c, b.id FROM (SELECT v.g, count(*) AS c FROM both_tables AS v GROUP BY v.g) AS a JOIN u AS b ON b.g = a.g');
SELECT test.create('s_over_view', 'SELECT a.id, rank() OVER (ORDER BY a.p) AS r FROM (SELECT v.id, ROW(v.g) AS p FROM both_tables AS v UNION ALL SELECT id, ROW(g) FROM t) AS a');
-- outer joins: no row is NULL, which comes where NULLs come; a row of NULLs is none of them
SELECT test.create('o_left', 'SELECT t.id, rank() OVER (ORDER BY p) AS r, rank() OVER (ORDER BY p DESC) AS d FROM t LEFT JOIN (SELECT id, ROW(g, s) AS p FROM u) AS q ON q.id = t.id');
SELECT test.create('o_nulls', 'SELECT t.id, rank() OVER (ORDER BY p NULLS FIRST) AS r, rank() OVER (ORDER BY p DESC NULLS LAST) AS d FROM t LEFT JOIN (SELECT id, ROW(g, s) AS p FROM u) AS q ON q.id = t.id + 9');
SELECT test.create('o_partition', 'SELECT t.id, p IS NULL AS n, count(*) OVER (PARTITION BY p) AS c, sum(t.id) OVER (PARTITION BY p ORDER BY t.id) AS s FROM t LEFT JOIN (SELECT id, ROW(NULLIF(g, 1), NULL::text) AS p FROM u) AS q ON q.id = t.id');
SELECT test.create('o_full', 'SELECT t.id, q.id AS q, dense_rank() OVER (ORDER BY o, p) AS r FROM (SELECT id, ROW(x) AS o FROM t) AS t FULL JOIN (SELECT id, ROW(g, x) AS p FROM u) AS q ON q.id = t.id + 4');
SELECT test.create('o_on', 'SELECT DISTINCT ON (p) t.id, p::text AS p FROM t LEFT JOIN (SELECT id, ROW(g, s) AS p FROM u) AS q ON q.id = t.id ORDER BY p NULLS FIRST, t.id');
SELECT test.create('o_first', 'SELECT t.id, p::text AS p, (p).f2 AS f FROM t LEFT JOIN (SELECT id, ROW(g, s) AS p FROM u) AS q ON q.id = t.id ORDER BY p DESC, t.id LIMIT 4');
SELECT test.create('o_lateral', 'SELECT t.id, rank() OVER (ORDER BY p, t.id) AS r FROM t LEFT JOIN LATERAL (SELECT ROW(u.g, u.s) AS p FROM u WHERE u.g = t.g ORDER BY u.id DESC LIMIT 1) AS q ON true');
-- a set operation on such a side
SELECT test.create('o_set', 'SELECT t.id, k, rank() OVER (ORDER BY p NULLS FIRST) AS r, p IS NULL AS n FROM t LEFT JOIN (SELECT id, 1 AS k, ROW(g, s) AS p FROM u UNION ALL SELECT id + 1, 2, ROW(NULL::int, NULL::varchar(4)) FROM u) AS q ON q.id = t.id');
-- a row that is there on a condition
SELECT test.create('o_case', 'SELECT id, rank() OVER (ORDER BY CASE WHEN g <> 2 THEN ROW(g, s) ELSE NULL END DESC NULLS LAST) AS r FROM t');
-- what it comes to elsewhere
SELECT test.create('o_shown', 'SELECT t.id, p::text AS p, p IS NULL AS n, p IS DISTINCT FROM NULL AS d, (p).f1 AS f, to_jsonb(p) AS j FROM t LEFT JOIN (SELECT id, ROW(g, s) AS p FROM u) AS q ON q.id = t.id');
SELECT test.create('o_count', 'SELECT g, count(p) AS c, count(DISTINCT p) AS d FROM (SELECT t.g, p FROM t LEFT JOIN (SELECT id, ROW(g, s) AS p FROM u) AS q ON q.id = t.id) AS z GROUP BY g');
SELECT test.create('o_compared', 'SELECT t.id, p = ROW(1, ''s1''::varchar) AS e, p < ROW(2, NULL::varchar) AS l FROM t LEFT JOIN (SELECT id, ROW(g, s) AS p FROM u) AS q ON q.id = t.id');
INSERT INTO t VALUES (20, NULL, NULL, NULL), (21, 1, 1.0, 's1'), (22, 1, 3.50, 's1');
INSERT INTO u VALUES (9, 3, 7, 's0'), (22, 1, 2, 's1');
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE u SET g = NULL, s = NULL WHERE id IN (2, 3);
UPDATE t SET g = g + 1, x = x + 1 WHERE id % 3 = 0;
DELETE FROM u WHERE id IN (4, 20);
SELECT stream_table, run FROM test.refresh_all('DELTA');
BEGIN;
DELETE FROM t WHERE id BETWEEN 5 AND 9;
UPDATE u SET id = id + 4 WHERE id IN (6, 7);
INSERT INTO t VALUES (40, 1, 1, 's1');
COMMIT;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM u;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t;
INSERT INTO u VALUES (1, 1, 1, 's1'), (2, NULL, NULL, NULL);
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO t VALUES (1, 1, 1, 's1'), (2, 1, 2, 's1'), (3, 1, 2.0, NULL);
SELECT stream_table, run FROM test.refresh_all('DELTA');
SELECT test.drop_all();
DROP VIEW both_tables;
DROP TABLE t, u;
