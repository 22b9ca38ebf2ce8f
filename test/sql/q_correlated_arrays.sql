-- Scalar subqueries for arrays, of which there may be several rows: that is an
-- error only where the value is looked at (rules E11 and A3).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE t (id int PRIMARY KEY, a int);
CREATE TABLE u (id int PRIMARY KEY, a int, k int, n numeric[], tags text[]);
CREATE INDEX ON u (a);
INSERT INTO t SELECT x, x FROM generate_series(1, 8) AS x;
INSERT INTO u VALUES (1, 1, 1, '{1.0}', '{a,b}'), (2, 1, 1, '{1.00}', '{a,b}'), (3, 2, 1, '{}', '{}'), (4, 3, 1, NULL, NULL), (5, 4, 1, '{NULL,2}', '{{a},{b}}'), (6, 4, 2, '{3}', NULL);
SELECT test.create('a_group', 'SELECT id, (SELECT array_agg(u.id ORDER BY u.id) FROM u WHERE u.a = t.a GROUP BY u.a) AS r FROM t');
SELECT test.create('a_key', 'SELECT id, (SELECT tags FROM u WHERE u.a = t.a AND k = 1 GROUP BY tags) AS r FROM t');
SELECT test.create('a_inexact', 'SELECT id, (SELECT n FROM u WHERE u.a = t.a AND k = 1 GROUP BY n) AS r FROM t');
SELECT test.create('a_distinct', 'SELECT id, (SELECT DISTINCT tags FROM u WHERE u.a = t.a AND k = 1) AS r, (SELECT array_agg(DISTINCT k) FROM u WHERE u.a = t.a HAVING count(*) > 1) AS h FROM t');
SELECT test.create('a_union', 'SELECT id, (SELECT tags FROM u WHERE k = 2 AND a <= 4 UNION SELECT NULL FROM u WHERE k = 3) AS r FROM t');
SELECT test.create('a_limit', 'SELECT id, coalesce((SELECT tags FROM u WHERE u.a = t.a AND k = 1 GROUP BY tags LIMIT 2), ''{none}'') AS r FROM t');
SELECT test.create('a_row', 'SELECT id FROM t WHERE (id, ''{a,b}'') = (SELECT min(u.id), tags FROM u WHERE u.a = t.a AND k = 1 GROUP BY tags)');
SELECT test.create('a_less', 'SELECT id, (SELECT array_agg(u.id ORDER BY u.id) FROM u WHERE u.a < t.a GROUP BY u.k > 0) AS r FROM t');
SELECT test.create('a_case', 'SELECT id, CASE WHEN id <= 4 THEN (SELECT array_agg(u.k ORDER BY u.id) FROM u WHERE u.a = t.a GROUP BY u.n) END AS r FROM t WHERE id <> 4');
SELECT test.create('a_where', 'SELECT id FROM t WHERE ''{a,b}'' = (SELECT tags FROM u WHERE u.a = t.a AND k = 1 GROUP BY tags)');
SELECT test.create('a_scalar', 'SELECT id FROM t WHERE 3 > (SELECT u.id FROM u WHERE u.a = t.a AND k = 2) OR id = (SELECT u.id FROM u WHERE u.a = t.a AND k = 2)');
SET client_min_messages = warning;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- of the equal arrays the one that was shown goes, with others, and comes back
DELETE FROM u WHERE id = 1;
UPDATE u SET tags = '{c}' WHERE id IN (2, 3);
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO u VALUES (1, 1, 1, '{1.000}', '{c}'), (7, 7, 1, '{7}', '{z}'), (8, 8, 2, NULL, '{NULL}');
DELETE FROM u WHERE id = 2;
UPDATE t SET a = 9 - a;
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE u SET n = '{NULL,2.0}', tags = NULL, a = 9 WHERE id = 5;
DELETE FROM t WHERE id = 3;
INSERT INTO t VALUES (30, 9), (31, NULL);
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- two rows where one is wanted: the error is the query's own, and only where it asks
INSERT INTO u VALUES (10, 40, 1, '{1}', '{x}'), (11, 40, 1, '{2}', '{y}'), (12, 40, 2, '{1}', '{x}'), (13, 40, 2, '{1}', '{x}');
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO t VALUES (40, 40);
SELECT pgtrickle.refresh_stream_table('a_key');
SELECT pgtrickle.refresh_stream_table('a_inexact');
SELECT pgtrickle.refresh_stream_table('a_row');
SELECT pgtrickle.refresh_stream_table('a_where');
SELECT pgtrickle.refresh_stream_table('a_scalar');
SELECT test.refresh('a_case');
SELECT test.refresh('a_group');
DELETE FROM u WHERE id IN (10, 12);
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- equal arrays are two rows as well
UPDATE u SET k = 1, n = '{2.0}' WHERE id = 13;
SELECT test.refresh('a_inexact');
SELECT pgtrickle.refresh_stream_table('a_key');
TRUNCATE u;
\o /dev/null
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
\o
SELECT count(test.assert_fresh(pgt_name)) FROM pgtrickle.pgt_stream_tables;
-- what has no order is not compared
CREATE TABLE p (id int PRIMARY KEY, a int, at point[]);
SELECT test.create('a_unordered', 'SELECT id, (SELECT array_agg(p.at[1]) FROM p WHERE p.a = t.a GROUP BY p.a) AS r FROM t', 'AUTO');
SELECT pgtrickle.create_stream_table('a_refused', 'SELECT id, (SELECT at FROM p WHERE p.a = t.a LIMIT 2) AS r FROM t', refresh_mode => 'DIFFERENTIAL');
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE t, u, p;
