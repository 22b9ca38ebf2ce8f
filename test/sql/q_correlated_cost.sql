-- What subqueries as values cost is the cost of the change: no refresh reads a
-- table of many rows from end to end.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = error;
CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, k int, n numeric);
CREATE TABLE u (id int PRIMARY KEY, t_id int NOT NULL, a int NOT NULL, s text NOT NULL);
CREATE INDEX ON t (a);
CREATE INDEX ON t (k);
CREATE INDEX ON u (t_id);
CREATE INDEX ON u (a);
INSERT INTO t SELECT x, x, x % 4000, x FROM generate_series(1, 20000) AS x;
INSERT INTO u SELECT x, x, x + 10000, 's' FROM generate_series(1, 20000) AS x;
ANALYZE t;
ANALYZE u;
SELECT test.create('b1', 'SELECT id, a IN (SELECT a FROM u) AS e FROM t');
SELECT test.create('b2', 'SELECT id, a IN (SELECT a FROM u WHERE u.t_id = t.id) AS e FROM t');
SELECT test.create('b3', 'SELECT id FROM t WHERE n < 5 OR id NOT IN (SELECT t_id FROM u WHERE a > 0)');
SELECT test.create('b4', 'SELECT id, (SELECT s FROM u WHERE u.t_id = t.id ORDER BY a DESC LIMIT 1) AS s FROM t');
SELECT test.create('b5', 'SELECT id, ARRAY(SELECT s FROM u WHERE u.t_id = t.id ORDER BY a) AS s FROM t');
SELECT test.create('b6', 'SELECT t.id, x.a FROM t LEFT JOIN LATERAL (SELECT a FROM u WHERE u.t_id = t.id ORDER BY a LIMIT 1) AS x ON true');
SELECT test.create('b7', 'SELECT t.id, u.id AS u FROM t LEFT JOIN u ON u.t_id = t.id AND EXISTS (SELECT FROM t AS x WHERE x.a = u.a)');
SELECT test.create('b8', 'SELECT id, (SELECT s FROM u WHERE u.t_id = t.id) AS s FROM t');
SELECT test.create('b9', 'SELECT k, count(*) AS c FROM t GROUP BY k HAVING EXISTS (SELECT FROM u WHERE u.a = t.k)');
SELECT test.create('b10', 'SELECT id, (SELECT count(*) FROM u WHERE u.t_id = t.id AND u.a > t.k) AS s FROM t');
SELECT test.create('b11', 'SELECT id, count(*) OVER (PARTITION BY a) AS c FROM t');
SELECT test.create('b12', 'SELECT id, EXISTS (SELECT FROM u WHERE a < 0) AS c FROM t');
ANALYZE;
UPDATE u SET a = a + 1, s = 'x' WHERE id IN (5, 7777);
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET a = a + 1, k = k + 1 WHERE id IN (6, 8888);
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO u VALUES (20001, 30001, -1, 's');
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- a second row makes no difference to whether there is one
INSERT INTO u VALUES (20002, 30002, -1, 's');
SELECT test.refresh('b12', 'DELTA');
DELETE FROM u WHERE id = 20001;
SELECT test.refresh('b12', 'DELTA');
SELECT test.drop_all();
DROP TABLE t, u;
