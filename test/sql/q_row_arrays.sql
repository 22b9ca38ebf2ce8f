-- Arrays of rows that an aggregate or a subquery collects, as keys: equal ones
-- are stored alike if equal values of all columns of the rows are (rule A3).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE t (id int PRIMARY KEY, g int, x numeric, s text);
CREATE TABLE u (id int PRIMARY KEY, g int, x numeric);
INSERT INTO t SELECT i, i % 4, i / 2.0, 's' || i % 3 FROM generate_series(1, 20) AS i;
INSERT INTO u SELECT i, i % 5, i / 3 FROM generate_series(1, 12) AS i;
SET client_min_messages = warning;
SELECT test.create('c_group', 'SELECT a::text AS a, count(*) AS c FROM (SELECT g, array_agg(ROW(id % 3, s) ORDER BY id) AS a FROM t GROUP BY g) AS q GROUP BY a');
SELECT test.create('c_subquery', 'SELECT a::text AS a, count(*) AS c FROM (SELECT id, ARRAY(SELECT ROW(t.g, t.s) FROM t WHERE t.g = u.g ORDER BY t.id) AS a FROM u) AS q GROUP BY a');
SELECT test.create('c_inequality', 'SELECT a::text AS a, count(*) AS c FROM (SELECT id, ARRAY(SELECT ROW(t.g, t.s) FROM t WHERE t.id < u.g ORDER BY t.id) AS a FROM u) AS q GROUP BY a');
SELECT test.create('c_alone', 'SELECT a::text AS a, sum(c) AS c FROM (SELECT ARRAY(SELECT ROW(g, s) FROM t WHERE g = 1 ORDER BY id) AS a, count(*) AS c FROM u GROUP BY g) AS q GROUP BY a');
SELECT test.create('c_distinct', 'SELECT a::text AS a FROM (SELECT DISTINCT array_agg(ROW(id % 2, s) ORDER BY id % 2, s) AS a FROM t GROUP BY x) AS q');
SELECT test.create('c_union', 'SELECT a::text AS a FROM (SELECT array_agg(ROW(g)) AS a FROM t GROUP BY g, s UNION SELECT ARRAY[ROW(g)] FROM u) AS q');
SELECT test.create('c_sides', 'SELECT a::text AS a, count(*) AS c FROM (SELECT array_agg(p ORDER BY id) AS a FROM (SELECT t.id, t.g, p FROM t LEFT JOIN (SELECT id, ROW(g, id % 2) AS p FROM u) AS q USING (id)) AS z GROUP BY g) AS y GROUP BY a');
SELECT test.create('c_sets', 'SELECT a::text AS a, b::text AS b, count(*) AS c FROM (SELECT t.g, array_agg(ROW(s)) FILTER (WHERE u.id IS NOT NULL) AS a, array_agg(ROW(u.g) ORDER BY u.g) AS b FROM t LEFT JOIN u USING (id) GROUP BY t.g, t.s) AS q GROUP BY GROUPING SETS ((a, b), (b), ())');
INSERT INTO t SELECT i, i % 6, i, 'z' FROM generate_series(21, 26) AS i;
INSERT INTO t VALUES (30, NULL, NULL, NULL), (31, 1, 1.0, 's1'), (32, 1, 1.00, 's1');
UPDATE u SET g = 77 WHERE id IN (1, 2);
DELETE FROM t WHERE g = 1 AND id < 20;
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET s = CASE WHEN id % 2 = 0 THEN NULL ELSE s END WHERE id % 3 = 0;
DELETE FROM u WHERE id % 4 = 0;
INSERT INTO u VALUES (30, 2, 1.00), (31, NULL, 5);
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t WHERE id > 3;
UPDATE u SET id = id + 1000 WHERE id < 3;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO t SELECT i, i % 3, i, 's' FROM generate_series(1, 4) AS i;
DELETE FROM u;
SELECT stream_table, run FROM test.refresh_all('DELTA');
SELECT test.drop_all();
-- equal arrays can look different
SELECT test.create('c_numeric', 'SELECT count(*) AS c, cardinality(a) AS n FROM (SELECT array_agg(ROW(x) ORDER BY id) AS a FROM t GROUP BY g) AS q GROUP BY a', 'AUTO');
INSERT INTO t VALUES (11, 11, 5.0), (12, 12, 5.00);
SELECT test.refresh('c_numeric', 'FULL');
SELECT test.drop_all();
DROP TABLE t, u;
