-- Subqueries that are correlated in any way, or compared with as a value: they
-- are evaluated over their domain, and any of their sources may change (rules
-- E4 and E11).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE t (id int PRIMARY KEY, a int, n numeric, s text);
CREATE TABLE u (id int PRIMARY KEY, t_id int, a int, s text);
CREATE TABLE v (a int, b int);
CREATE INDEX ON t (a);
CREATE INDEX ON u (t_id);
CREATE INDEX ON v (a);
INSERT INTO t SELECT x, nullif(x % 5, 4), x / 2.0, 's' || x % 3 FROM generate_series(1, 14) AS x;
INSERT INTO u SELECT x, nullif(x % 6, 5), x % 4, 's' || x % 2 FROM generate_series(1, 12) AS x;
INSERT INTO v VALUES (1, 1), (1, 1), (2, NULL), (3, 0);

-- as a value, and under OR
SELECT test.create('c_in', 'SELECT id, a IN (SELECT a FROM v) AS e FROM t');
SELECT test.create('c_not_in', 'SELECT id, a NOT IN (SELECT b FROM v) AS e FROM t');
SELECT test.create('c_in_or', 'SELECT id FROM t WHERE s = ''s1'' OR NOT (a IN (SELECT u.a FROM u WHERE u.s = t.s))');
SELECT test.create('c_in_case', 'SELECT id, CASE WHEN n IN (SELECT a FROM v) THEN s WHEN id = ANY (SELECT t_id FROM u) THEN ''u'' END AS e FROM t');
SELECT test.create('c_in_row', 'SELECT id, (a, s) IN (SELECT a, s FROM u) AS e, (id, a) NOT IN (SELECT t_id, a FROM u WHERE u.s = t.s) AS f FROM t');
SELECT test.create('c_in_group', 'SELECT id, a IN (SELECT a FROM v GROUP BY a HAVING count(*) > 1) AS e, a IN (SELECT max(u.a) FROM u WHERE u.s = t.s GROUP BY u.t_id) AS f FROM t');
SELECT test.create('c_in_union', 'SELECT id, a IN (SELECT a FROM v UNION SELECT a FROM u) AS e FROM t');
SELECT test.create('c_any', 'SELECT id, a > ANY (SELECT b FROM v) AS e, a < ALL (SELECT u.a FROM u WHERE u.t_id = t.id) AS f, s > ALL (SELECT s FROM u) AS g FROM t');
SELECT test.create('c_like', 'SELECT id, s LIKE ANY (SELECT u.s FROM u WHERE u.a = t.a) AS e FROM t');
SELECT test.create('c_exists', 'SELECT id, EXISTS (SELECT FROM v WHERE v.a > t.a) AS e, EXISTS (SELECT FROM v WHERE b > 0) AS f, EXISTS (SELECT max(u.a) FROM u WHERE u.t_id = t.id GROUP BY u.s HAVING count(*) > 1) AS g FROM t');
-- correlated by more than equality, several levels up
SELECT test.create('c_less', 'SELECT id, (SELECT count(*) FROM v WHERE v.a < t.a) AS c, (SELECT max(u.s) FROM u WHERE u.a + t.a = 3 AND u.s <> t.s) AS m FROM t');
SELECT test.create('c_outer', 'SELECT id, (SELECT sum(v.b * t.a) + t.id FROM v WHERE v.a = t.a OR v.b = t.id) AS c FROM t');
SELECT test.create('c_image', 'SELECT id, (SELECT string_agg(t.n::text || v.a, '','' ORDER BY v.a) FROM v WHERE v.a <= t.n) AS c FROM t');
SELECT test.create('c_null', 'SELECT id, (SELECT count(*) FROM v WHERE v.a IS NOT DISTINCT FROM t.a) AS c FROM t');
SELECT test.create('c_levels', 'SELECT id, (SELECT count(*) FROM u WHERE u.t_id = t.id AND EXISTS (SELECT FROM v WHERE v.a = t.a AND v.b = u.a)) AS c FROM t');
SELECT test.create('c_deep', 'SELECT id FROM t WHERE EXISTS (SELECT FROM u WHERE u.a > (SELECT count(*) FROM v WHERE v.a < t.a AND v.a <= u.a))');
SELECT test.create('c_joined', 'SELECT t.id, u.id AS u, (SELECT count(*) FROM v WHERE v.a BETWEEN t.a AND u.a) AS c FROM t LEFT JOIN u ON u.t_id = t.id');
-- one row of several, and all of them
SELECT test.create('c_first', 'SELECT id, (SELECT u.s FROM u WHERE u.t_id = t.id ORDER BY u.a DESC, u.id LIMIT 1) AS f, (SELECT a FROM v ORDER BY a DESC LIMIT 1) AS g, (SELECT u.id FROM u WHERE u.a > t.a ORDER BY u.a, u.id LIMIT 1) AS h FROM t');
SELECT test.create('c_array', 'SELECT id, ARRAY(SELECT u.id FROM u WHERE u.t_id = t.id ORDER BY u.a, u.id DESC) AS r, ARRAY(SELECT a FROM v ORDER BY a) AS q FROM t');
SELECT test.create('c_only', 'SELECT id, CASE WHEN id <= 4 THEN (SELECT u.s FROM u WHERE u.t_id + 0 = t.id AND u.id < 7) END AS o FROM t');
SELECT test.create('c_lateral', 'SELECT t.id, x.id AS u FROM t, LATERAL (SELECT u.id, u.a FROM u WHERE u.t_id = t.id ORDER BY u.a, u.id LIMIT 1) AS x');
SELECT test.create('c_lateral_left', 'SELECT t.id, x.id AS u, y.s, y.c FROM t LEFT JOIN LATERAL (SELECT u.id FROM u WHERE u.t_id = t.id ORDER BY u.id DESC LIMIT 2) AS x ON true LEFT JOIN LATERAL (SELECT s, count(*) AS c FROM u WHERE u.a < t.a GROUP BY s) AS y ON y.s = t.s');
-- in HAVING, and in ON of outer joins
SELECT test.create('c_having', 'SELECT a, count(*) AS c FROM t GROUP BY a HAVING EXISTS (SELECT FROM v WHERE v.a = t.a) OR sum(n) > (SELECT count(*) FROM u WHERE u.a < max(t.n))');
SELECT test.create('c_above', 'SELECT a + 1 AS k, (SELECT count(*) FROM v WHERE v.a = t.a + 1 OR v.b = sum(t.id)) AS c, sum(n) AS n FROM t GROUP BY a');
SELECT test.create('c_on', 'SELECT t.id, u.id AS u FROM t LEFT JOIN u ON u.t_id = t.id AND EXISTS (SELECT FROM v WHERE v.a = u.a) AND t.a IN (SELECT a FROM v)');
SELECT test.create('c_on_full', 'SELECT t.id, u.id AS u FROM t FULL JOIN u ON u.t_id = t.id AND u.a NOT IN (SELECT b FROM v) AND t.n > (SELECT avg(n) FROM t)');

SET client_min_messages = warning;
INSERT INTO v VALUES (NULL, 2), (5, NULL);
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE u SET a = a + 1, s = 's2' WHERE id % 3 = 0;
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET a = NULL WHERE id = 3;
UPDATE t SET n = n + 0.00, a = coalesce(a, 0) + 1 WHERE id % 4 = 2;
DELETE FROM v WHERE a = 1;
SELECT stream_table, run FROM test.refresh_all('DELTA');
BEGIN;
DELETE FROM u WHERE t_id = 2;
INSERT INTO t VALUES (20, 1, 2.00, 's0'), (21, 1, 2, NULL), (22, NULL, NULL, 's1');
INSERT INTO v VALUES (1, 1), (2, 3), (2, 3);
INSERT INTO u VALUES (20, 20, NULL, NULL), (21, NULL, 1, 's0');
COMMIT;
SELECT stream_table, run FROM test.refresh_all('DELTA');
TRUNCATE v;
DELETE FROM t WHERE id % 2 = 0;
\o /dev/null
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
\o
SELECT count(test.assert_fresh(pgt_name)) FROM pgtrickle.pgt_stream_tables;
INSERT INTO v VALUES (0, 0);
DELETE FROM u;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM v;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO u SELECT x, x % 4, x % 3, 's' || x % 2 FROM generate_series(30, 40) AS x;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- two rows where one is wanted: the error is the query's own, and only where it asks
INSERT INTO u VALUES (1, 3, 1, 'x'), (3, 9, 1, 'x'), (4, 9, 1, 'y');
SELECT test.refresh('c_only');
INSERT INTO u VALUES (2, 3, 1, 'y');
SELECT pgtrickle.refresh_stream_table('c_only');
DELETE FROM u WHERE id = 1;
SELECT test.refresh('c_only');
SELECT test.drop_all();
DROP TABLE t, u, v;
