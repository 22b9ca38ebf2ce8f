-- Subqueries that are grouped by: they are columns of a query below the grouping.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE t (id int PRIMARY KEY, a int, n numeric);
CREATE TABLE v (a int, b int);
CREATE INDEX ON t (a);
CREATE INDEX ON v (a);
INSERT INTO t SELECT x, x % 7, x / 4.0 FROM generate_series(1, 30) AS x;
INSERT INTO v VALUES (0, 1), (1, 1), (1, 2), (2, 5), (3, NULL), (NULL, 4);
SELECT test.create('g_scalar', 'SELECT (SELECT max(v.b) FROM v WHERE v.a = t.a) AS k, count(*) AS c, sum(n) AS s FROM t GROUP BY 1');
SELECT test.create('g_exists', 'SELECT EXISTS (SELECT FROM v WHERE v.a = t.a) AS k, count(*) AS c FROM t GROUP BY 1 HAVING count(*) > 1');
SELECT test.create('g_within', 'SELECT 2 * coalesce((SELECT sum(v.b) FROM v WHERE v.a = t.a), 0) + t.a % 2 AS k, t.a, max(n) AS m FROM t GROUP BY 1, 2');
SELECT test.create('g_hidden', 'SELECT count(*) AS c, min((SELECT count(*) FROM v WHERE v.b = t.a)) AS m FROM t GROUP BY (SELECT min(v.b) FROM v WHERE v.a = t.a)');
SELECT test.create('g_above', 'SELECT 10 + (SELECT max(v.b) FROM v WHERE v.a = t.a) AS k, (SELECT count(*) FROM v) AS n, count(*) AS c FROM t GROUP BY (SELECT max(v.b) FROM v WHERE v.a = t.a) HAVING sum(n) > (SELECT min(b) FROM v)');
SELECT test.create('g_in', 'SELECT a IN (SELECT b FROM v) AS k, string_agg(id::text, '','' ORDER BY id) AS ids FROM t GROUP BY a IN (SELECT b FROM v) ORDER BY 1');
SELECT test.create('g_sets', 'SELECT (SELECT max(v.b) FROM v WHERE v.a = t.a) AS k, a, count(*) AS c, GROUPING(a) AS g FROM t GROUP BY ROLLUP (1, a)');
SELECT test.create('g_sets_above', 'SELECT EXISTS (SELECT FROM v WHERE v.a = t.a) AS k, a, sum(n) AS s, (SELECT count(*) FROM v WHERE v.b > t.a) AS c, (SELECT max(b) FROM v) AS m FROM t GROUP BY GROUPING SETS ((1), (1, a), (a), ()) HAVING count(*) > (SELECT count(*) FROM v WHERE v.a = t.a)');
SET client_min_messages = warning;
UPDATE v SET b = 9 WHERE a = 1 AND b = 2;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO v VALUES (4, 5), (5, 0), (20, 7);
UPDATE t SET a = 4, n = n + 0.00 WHERE id IN (3, 10);
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM v WHERE a < 2 OR a IS NULL;
DELETE FROM t WHERE a = 6;
INSERT INTO t VALUES (100, NULL, NULL);
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM v;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t;
INSERT INTO v VALUES (1, 1);
SELECT stream_table, run FROM test.refresh_all('DELTA');
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE t, v;
