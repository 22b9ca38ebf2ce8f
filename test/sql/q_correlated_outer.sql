-- Outer joins in correlated subqueries: a condition of ON, or a function that is
-- joined, refers to what is around the subquery (rules E3, E11).
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
-- without statistics the oracle is taken for expensive
SET jit = off;
CREATE TABLE t (id int PRIMARY KEY, a int, n numeric);
CREATE TABLE u (id int, t_id int, a int);
CREATE TABLE v (a int, b int);
INSERT INTO t SELECT x, nullif(x % 5, 4), x % 3 / 2.0 FROM generate_series(1, 9) AS x;
INSERT INTO u SELECT x, nullif(x % 6, 5), x % 4 FROM generate_series(1, 8) AS x;
INSERT INTO v VALUES (1, 1), (1, 1), (2, NULL), (3, 0), (NULL, 2);

-- taken apart: the item that it asks for is joined with the preserved side
SELECT test.create('o_lateral', 'SELECT t.id, x.* FROM t, LATERAL (SELECT v.b, u.a FROM v LEFT JOIN u ON u.a < t.a AND u.id = v.a) AS x');
SELECT test.create('o_right', 'SELECT t.id, x.* FROM t, LATERAL (SELECT v.b, u.a FROM v RIGHT JOIN u ON v.a = t.a) AS x');
SELECT test.create('o_two', 'SELECT t.id, x.* FROM t, LATERAL (SELECT v.b, u.a, w.b AS c FROM v LEFT JOIN u ON u.a < t.a LEFT JOIN v AS w ON w.b = u.a + t.a) AS x');
SELECT test.create('o_chain', 'SELECT t.id, x.* FROM t, u, LATERAL (SELECT v.b FROM v LEFT JOIN LATERAL (SELECT w.a FROM v AS w LEFT JOIN u AS y ON y.a = t.a + w.b WHERE y.id IS NULL) AS z ON z.a = v.a) AS x WHERE t.id = u.id');
SELECT test.create('o_within', 'SELECT t.id, x.* FROM t LEFT JOIN LATERAL (SELECT v.a, y.id AS y FROM v, LATERAL (SELECT u.id FROM u LEFT JOIN t AS z ON z.a = v.b AND z.id = t.a) AS y) AS x ON x.a > t.a');
SELECT test.create('o_joined', 'SELECT t.id, x.b FROM v AS w RIGHT JOIN t ON w.a = t.a CROSS JOIN LATERAL (SELECT v.b FROM v LEFT JOIN u ON u.a < t.n WHERE v.a = 1) AS x');
-- evaluated for all values asked with
SELECT test.create('o_scalar', 'SELECT id, (SELECT max(u.a) FROM v LEFT JOIN u ON v.a = u.id AND u.a < t.a) AS m FROM t');
SELECT test.create('o_count', 'SELECT id, (SELECT count(*) FROM v LEFT JOIN u ON v.a = u.id AND u.a < t.n) AS c FROM t');
SELECT test.create('o_values', 'SELECT id, (SELECT count(u.id) FROM (VALUES (1), (2)) AS x (k) LEFT JOIN u ON u.id = k AND u.a < t.a) AS c FROM t');
SELECT test.create('o_inner_below', 'SELECT id, (SELECT count(*) FROM v LEFT JOIN (u JOIN t AS z ON u.a = z.a AND u.id < t.a) ON v.a = u.t_id) AS c FROM t');
SELECT test.create('o_outer_below', 'SELECT id, (SELECT count(z.id) FROM v LEFT JOIN (u LEFT JOIN t AS z ON u.a = z.a AND u.id < t.a) ON v.a = u.t_id) AS c FROM t');
SELECT test.create('o_function', 'SELECT id, (SELECT count(k) FROM v LEFT JOIN generate_series(1, t.a) AS k ON v.a = k) AS c FROM t');
SELECT test.create('o_nullable', 'SELECT t.id, x.* FROM t LEFT JOIN LATERAL (SELECT v.b, u.a FROM v LEFT JOIN u ON u.a < t.a) AS x ON x.b > t.n');
SELECT test.create('o_nullable_function', 'SELECT t.id, x.* FROM t LEFT JOIN LATERAL (SELECT v.a, k FROM v LEFT JOIN generate_series(1, t.a) AS k ON v.a = k) AS x ON true');
SELECT test.create('o_first', 'SELECT t.id, x.a FROM t LEFT JOIN LATERAL (SELECT u.a FROM v LEFT JOIN u ON u.a < t.a ORDER BY u.a LIMIT 1) AS x ON true');
SELECT test.create('o_distinct', 'SELECT t.id, x.a FROM t, LATERAL (SELECT DISTINCT u.a FROM v RIGHT JOIN u ON v.a < t.a AND v.b = u.a) AS x');
-- a right join behind the item that its other side asks for
SELECT test.create('o_behind', 'SELECT v.a, x.k, t.id FROM v, LATERAL (SELECT u.id + 1 AS k FROM u WHERE u.a < v.a ORDER BY 1 LIMIT 1) AS x RIGHT JOIN t ON t.a = x.k');
SELECT test.create('o_behind_side', 'SELECT v.a, x.k, t.id FROM v, (u CROSS JOIN LATERAL (SELECT u.a + w.b AS k FROM v AS w WHERE w.a > u.a OR w.b = v.a) AS x) RIGHT JOIN t ON t.a = x.k');
-- conditions
SELECT test.create('o_exists', 'SELECT id FROM t WHERE EXISTS (SELECT FROM v LEFT JOIN u ON u.a < t.a WHERE u.id + v.a = 3 OR u.id IS NULL)');
SELECT test.create('o_not_exists', 'SELECT id FROM t WHERE NOT EXISTS (SELECT FROM v LEFT JOIN u ON u.a < t.a AND u.id = v.a WHERE u.id + v.a = 4)');
SELECT test.create('o_in', 'SELECT id FROM t WHERE a IN (SELECT u.a FROM v LEFT JOIN u ON u.id < t.a AND u.a = v.a)');
SELECT test.create('o_not_in', 'SELECT id FROM t WHERE a NOT IN (SELECT u.a FROM v JOIN u ON u.id > t.a LEFT JOIN v AS w ON w.a = t.id AND u.a = v.a)');

SELECT * FROM test.refresh_all('DELTA');
UPDATE t SET a = a + 1, n = n + 0.50 WHERE id IN (3, 4);
DELETE FROM t WHERE id = 5;
INSERT INTO t VALUES (20, NULL, 1.00), (21, 2, 1.0);
UPDATE u SET a = a + 1, t_id = 4 WHERE id = 3;
DELETE FROM u WHERE id = 5;
DELETE FROM v WHERE a = 3;
INSERT INTO v VALUES (1, 1), (2, 1), (0, 1);
SELECT * FROM test.refresh_all('DELTA');
UPDATE t SET id = id + 1 WHERE id = 9;
UPDATE u SET id = coalesce(t_id, 0) + 1;
DELETE FROM v WHERE b = 1;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM u;
SELECT * FROM test.refresh_all('DELTA');
INSERT INTO u SELECT x, nullif(x % 6, 5), x % 4 FROM generate_series(1, 8) AS x;
DELETE FROM v;
SELECT * FROM test.refresh_all('DELTA');
INSERT INTO v VALUES (1, 1), (2, NULL);
DELETE FROM t WHERE id % 3 = 0;
SELECT * FROM test.refresh_all('DELTA');
-- of a full join both sides are preserved
SELECT test.create('o_full', 'SELECT id, (SELECT count(*) FROM v FULL JOIN u ON v.a = u.id AND u.a < t.a) AS c FROM t', 'AUTO');
INSERT INTO u VALUES (1, 1, 0);
SELECT test.refresh('o_full', 'FULL');
-- one that cannot be taken apart names what is around it from below its own levels
SELECT test.create('o_windows', 'SELECT id, (SELECT (SELECT count(*) FROM v WHERE v.a = w.a) FROM (SELECT a, count(*) OVER () AS n FROM u WHERE u.a > t.a) AS z FULL JOIN v AS w ON w.b = z.n ORDER BY w.a, w.b LIMIT 1) AS c FROM t', 'AUTO');
SELECT test.create('o_limit', 'SELECT id, (SELECT max(w.b) FROM (SELECT a FROM u WHERE u.a > t.a ORDER BY a LIMIT 2) AS z FULL JOIN v AS w ON w.a = z.a) AS c FROM t', 'AUTO');
SELECT test.create('o_distinct_on', 'SELECT id, (SELECT max(w.b) FROM (SELECT DISTINCT ON (a) a, id FROM u WHERE u.a > t.a ORDER BY a, id) AS z FULL JOIN v AS w ON w.a = z.a) AS c FROM t', 'AUTO');
INSERT INTO u VALUES (2, 1, 3), (3, 1, 2);
SELECT test.refresh('o_windows', 'FULL'), test.refresh('o_limit', 'FULL'), test.refresh('o_distinct_on', 'FULL');
SELECT test.drop_all();
DROP TABLE t, u, v;
