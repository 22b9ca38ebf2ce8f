-- Set operations and recursions that are correlated with what is around them
-- are evaluated for all values asked with at once (rule E11), and LATERAL
-- subqueries of any form where an outer join puts NULL.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE TABLE t (id int PRIMARY KEY, a int, n numeric);
CREATE TABLE u (id int PRIMARY KEY, t_id int, a int, s text);
CREATE TABLE v (a int, b int);
CREATE TABLE e (src int, dst int);
CREATE INDEX ON u (t_id);
CREATE INDEX ON v (a);
INSERT INTO t SELECT x, nullif(x % 5, 4), x % 3 / 2.0 FROM generate_series(1, 14) AS x;
INSERT INTO u SELECT x, nullif(x % 6, 5), x % 4, 's' || x % 2 FROM generate_series(1, 12) AS x;
INSERT INTO v VALUES (1, 1), (1, 1), (2, NULL), (3, 0), (NULL, 2);
INSERT INTO e VALUES (1, 2), (2, 3), (3, 1), (5, 6), (6, 5), (3, 4), (8, 9);

-- every set operation, wherever a subquery may stand
SELECT test.create('s_union', 'SELECT id, (SELECT max(x.k) FROM (SELECT v.b AS k FROM v WHERE v.a = t.a UNION SELECT u.a FROM u WHERE u.t_id = t.id) AS x) AS m FROM t');
SELECT test.create('s_union_all', 'SELECT id, (SELECT count(*) FROM (SELECT b FROM v WHERE v.a = t.a UNION ALL SELECT a FROM u WHERE u.t_id = t.id) AS x) AS c FROM t');
SELECT test.create('s_except', 'SELECT id, ARRAY(SELECT k FROM (SELECT b AS k FROM v WHERE v.a >= t.a EXCEPT ALL SELECT a FROM u WHERE u.t_id = t.id) AS x ORDER BY k) AS l FROM t');
SELECT test.create('s_intersect', 'SELECT t.id, x.k FROM t LEFT JOIN LATERAL (SELECT b AS k FROM v WHERE v.a = t.a INTERSECT SELECT a FROM u WHERE u.t_id <= t.id) AS x ON true');
SELECT test.create('s_nested', 'SELECT t.id, x.k FROM t, LATERAL ((SELECT b AS k FROM v WHERE v.a = t.a UNION SELECT a FROM u WHERE u.t_id = t.id) EXCEPT (SELECT dst FROM e WHERE src = t.id UNION ALL VALUES (t.id))) AS x');
SELECT test.create('s_value', 'SELECT id, (SELECT b AS k FROM v WHERE v.a = t.a UNION ALL SELECT a FROM u WHERE u.t_id = t.id ORDER BY k LIMIT 1) AS k FROM t');
SELECT test.create('s_limit', 'SELECT t.id, x.k FROM t, LATERAL (SELECT b AS k FROM v WHERE v.a = t.a UNION SELECT a FROM u WHERE u.t_id = t.id ORDER BY k DESC LIMIT 2) AS x');
SELECT test.create('s_aggregates', 'SELECT id, (SELECT max(k) FROM (SELECT count(*) AS k FROM v WHERE v.a = t.a UNION ALL SELECT max(a) FROM u WHERE u.t_id = t.id) AS x) AS m FROM t');
SELECT test.create('s_exists', 'SELECT id FROM t WHERE NOT EXISTS (SELECT b FROM v WHERE v.a = t.a UNION ALL SELECT a FROM u WHERE u.t_id = t.id) OR n > 0');
SELECT test.create('s_in', 'SELECT id FROM t WHERE a IN (SELECT b FROM v WHERE v.a = t.a UNION SELECT a FROM u WHERE u.t_id = t.id)');
SELECT test.create('s_not_in', 'SELECT id FROM t WHERE a NOT IN (SELECT b FROM v WHERE v.a = t.a UNION SELECT a FROM u WHERE u.t_id = t.id)');
SELECT test.create('s_numeric', 'SELECT id, (SELECT max(k::text) FROM (SELECT v.b + t.n AS k FROM v WHERE v.b >= t.n UNION SELECT t.n) AS x) AS m FROM t');
SELECT test.create('s_having', 'SELECT a, count(*) AS c FROM t GROUP BY a HAVING count(*) > (SELECT count(*) FROM (SELECT b FROM v WHERE v.a = t.a UNION SELECT a FROM u WHERE u.a = t.a) AS x)');
-- two levels up
SELECT test.create('s_two_up', 'SELECT id, (SELECT count(*) FROM u WHERE u.t_id = t.id AND EXISTS (SELECT b FROM v WHERE v.a = t.a UNION SELECT dst FROM e WHERE src = u.a)) AS c FROM t');

-- recursions
SELECT test.create('r_lateral', 'SELECT t.id, x.y FROM t, LATERAL (WITH RECURSIVE r (y) AS (SELECT dst FROM e WHERE src = t.id UNION SELECT e.dst FROM r JOIN e ON e.src = r.y) SELECT y FROM r) AS x');
SELECT test.create('r_scalar', 'SELECT id, (WITH RECURSIVE r (y) AS (SELECT dst FROM e WHERE src = t.id UNION SELECT e.dst FROM r JOIN e ON e.src = r.y AND e.dst < t.id + 3) SELECT count(*) FROM r) AS c FROM t');
SELECT test.create('r_exists', 'SELECT id FROM t WHERE EXISTS (WITH RECURSIVE r (y, d) AS (SELECT dst, 1 FROM e WHERE src = t.id UNION ALL SELECT e.dst, d + 1 FROM r JOIN e ON e.src = r.y WHERE d < 4) SELECT FROM r WHERE d = 3)');
SELECT test.create('r_in', 'SELECT id FROM t WHERE a IN (WITH RECURSIVE r (y) AS (VALUES (t.id) UNION SELECT e.dst FROM r JOIN e ON e.src = r.y) SELECT y - 3 FROM r)');
SELECT test.create('r_cycle', 'SELECT t.id, x.* FROM t LEFT JOIN LATERAL (WITH RECURSIVE r (y, z) AS (SELECT dst, src FROM e WHERE src = t.id UNION ALL SELECT e.dst, e.src FROM r JOIN e ON e.src = r.y) CYCLE y SET c USING p SELECT y, z, c FROM r) AS x ON true');
SELECT test.create('r_null', 'SELECT t.id, x.y FROM t, LATERAL (WITH RECURSIVE r (y) AS (SELECT t.a UNION ALL SELECT coalesce(r.y, -1) + 1 FROM r WHERE coalesce(r.y, -1) < t.id / 3) SELECT y FROM r) AS x');
SELECT test.create('r_two_up', 'SELECT id, (SELECT count(*) FROM u WHERE u.t_id = t.id AND u.a IN (WITH RECURSIVE r (y) AS (SELECT dst FROM e WHERE src = t.id UNION SELECT e.dst FROM r JOIN e ON e.src = r.y) SELECT y FROM r)) AS c FROM t');

-- the nullable side of an outer join: NULL for an expression is not the expression of NULLs
SELECT test.create('l_plus', 'SELECT t.id, x.* FROM t LEFT JOIN LATERAL (SELECT coalesce(u.a, 7) AS a, 1 AS one FROM u WHERE u.t_id > t.id ORDER BY u.s) AS x ON true');
SELECT test.create('l_both', 'SELECT t.id, x.a FROM t LEFT JOIN LATERAL (SELECT u.a + t.a AS a FROM u WHERE u.t_id >= t.id) AS x ON x.a > 2');
SELECT test.create('l_within', 'SELECT t.id, x.a FROM t LEFT JOIN LATERAL (SELECT y.a, v.b FROM v, LATERAL (SELECT u.a * v.b AS a FROM u WHERE u.t_id = t.id AND u.a > v.a) AS y) AS x ON x.b IS NOT NULL');

-- sides of outer joins that join such items, and joins behind what these refer to
SELECT test.create('l_side', 'SELECT t.id, x.y, x.z FROM t LEFT JOIN (u JOIN LATERAL (SELECT count(*) AS y, u.a + 1 AS z FROM v WHERE v.a > u.a) AS x ON true) ON u.t_id = t.id');
SELECT test.create('l_full', 'SELECT t.id, x.y, x.z FROM t FULL JOIN (u JOIN LATERAL (SELECT v.b + 1 AS y, u.a + 1 AS z FROM v WHERE v.a > u.a ORDER BY 1 LIMIT 1) AS x ON true) ON u.t_id = t.id');
SELECT test.create('l_behind', 'SELECT v.b, x.k FROM v, LATERAL (SELECT sum(u.a)::int AS k, count(*) AS c FROM u WHERE u.t_id = v.b) AS x JOIN t ON x.c = t.a');
SELECT test.create('l_left_behind', 'SELECT v.b, x.k, t.id FROM v, LATERAL (SELECT max(u.a) AS k FROM u WHERE u.t_id > v.b) AS x LEFT JOIN t ON x.k = t.a');
-- within a subquery that would be taken apart
SELECT test.create('l_below', 'SELECT * FROM (SELECT t.id, x.c FROM t, LATERAL (SELECT max(u.a) AS c FROM u WHERE u.t_id < t.a GROUP BY u.s) AS x) AS y WHERE c > 0');
SELECT test.create('l_below_left', 'SELECT v.a, y.* FROM v LEFT JOIN (SELECT t.id, x.c FROM t LEFT JOIN LATERAL (SELECT u.a + 1 AS c FROM u WHERE u.t_id < t.a) AS x ON true) AS y ON y.id = v.b');

SELECT * FROM test.refresh_all('DELTA');
UPDATE t SET a = a + 1, n = n + 0.50 WHERE id IN (3, 4);
DELETE FROM t WHERE id = 5;
INSERT INTO t VALUES (20, NULL, 1.00), (21, 2, 1.0);
UPDATE u SET a = a + 1, t_id = 4 WHERE id = 3;
DELETE FROM u WHERE id = 5;
DELETE FROM v WHERE a = 3;
INSERT INTO v VALUES (1, 1), (2, 1), (0, 1);
INSERT INTO e VALUES (4, 7), (20, 1);
DELETE FROM e WHERE src = 1;
SELECT * FROM test.refresh_all('DELTA');
-- everything that asks, and everything that answers
UPDATE t SET id = id + 1 WHERE id = 14;
UPDATE u SET t_id = coalesce(t_id, 0) + 1;
DELETE FROM v WHERE b = 1;
INSERT INTO e SELECT dst, src FROM e WHERE src < 4;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM e;
DELETE FROM u WHERE id % 2 = 0;
SELECT * FROM test.refresh_all('DELTA');
INSERT INTO e VALUES (1, 2), (2, 1), (7, 7);
DELETE FROM t WHERE id % 3 = 0;
INSERT INTO v SELECT b, a FROM v;
SELECT * FROM test.refresh_all('DELTA');
-- what stands on a nullable side and refers to an item before the join: by slices
SELECT test.create('l_argument', 'SELECT v.b, x.k FROM v, LATERAL (SELECT count((SELECT sum(e.src) FROM e WHERE e.dst < u.a)) AS k FROM u WHERE u.t_id = v.b) AS x RIGHT JOIN t ON x.k = t.a');
INSERT INTO e VALUES (3, 0);
UPDATE u SET a = a - 1;
SELECT pgtrickle.refresh_stream_table('l_argument');
SELECT test.assert_fresh('l_argument');
SELECT test.drop_all();
DROP TABLE t, u, v, e;
