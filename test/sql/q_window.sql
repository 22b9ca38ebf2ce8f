-- Aggregates of whole partitions are joined to their rows (rule E10); windows
-- over states are computed again from these.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE t (id int PRIMARY KEY, a int, b text, n numeric);
CREATE TABLE u (id int, a int);
CREATE INDEX ON t (a);
INSERT INTO t SELECT x, nullif(x % 4, 3), 'b' || x % 2, x / 2.0 FROM generate_series(1, 12) AS x;
INSERT INTO u SELECT x, nullif(x % 5, 4) FROM generate_series(1, 10) AS x;
INSERT INTO u SELECT * FROM u WHERE id < 4;

SELECT test.create('w_sum', 'SELECT id, sum(n) OVER () AS s, n FROM t');
SELECT test.create('w_share', 'SELECT id, n / sum(n) OVER () AS s, n - avg(n) OVER (PARTITION BY a) AS p, count(*) FILTER (WHERE n > 2) OVER (PARTITION BY a, b) AS c FROM t WHERE id <> 5');
SELECT test.create('w_keyless', 'SELECT a, count(*) OVER (PARTITION BY a) AS c, max(id) OVER w AS m FROM u WINDOW w AS (PARTITION BY id)');
SELECT test.create('w_distinct', 'SELECT DISTINCT a, count(*) OVER (PARTITION BY a) AS c FROM u');
SELECT test.create('w_joined', 'SELECT t.id, u.id AS u, count(*) OVER (PARTITION BY u.id) AS c, string_agg(t.b, '','' ) FILTER (WHERE t.id = 1) OVER (PARTITION BY t.id) AS g FROM t JOIN u ON u.a = t.a');
SELECT test.create('w_grouped', 'SELECT a, sum(n) AS s, sum(sum(n)) OVER () AS t, count(*) OVER (PARTITION BY b) AS c FROM t GROUP BY a, b');
SELECT test.create('w_subquery', 'SELECT id, rank() OVER (ORDER BY n) AS r, (SELECT count(*) FROM u WHERE u.a = t.a) AS c, EXISTS (SELECT FROM u WHERE u.id = t.id) AS e FROM t');
SELECT test.create('w_of_subquery', 'SELECT id, sum((SELECT max(u.id) FROM u WHERE u.a = t.a)) OVER (PARTITION BY b ORDER BY id) AS s, a IN (SELECT a FROM u) AS e FROM t');
SELECT test.create('w_above_groups', 'SELECT a, sum(n) AS s, rank() OVER (ORDER BY sum(n), a) AS r, (SELECT count(*) FROM u WHERE u.a = t.a) AS c FROM t GROUP BY a');
SELECT test.create('w_sets', 'SELECT a, b, sum(n) AS s, rank() OVER (PARTITION BY GROUPING(a) ORDER BY sum(n)) AS r FROM t GROUP BY ROLLUP (a, b)');
SELECT test.create('w_rank', 'SELECT a, sum(n) AS s, rank() OVER (ORDER BY sum(n) DESC) AS r, lag(a) OVER (ORDER BY a) AS l FROM t GROUP BY a');
SELECT test.create('w_frame', 'SELECT k, c, sum(c) OVER w AS s, ntile(2) OVER (ORDER BY k) AS t, first_value(k) OVER (w ROWS 1 PRECEDING EXCLUDE CURRENT ROW) AS f FROM (SELECT a AS k, count(*) AS c FROM u GROUP BY a) AS x WINDOW w AS (ORDER BY k)');
SELECT test.create('w_above', 'SELECT r, count(*) AS c, min(a) AS m FROM (SELECT a, b, dense_rank() OVER (ORDER BY a) AS r FROM t GROUP BY a, b) AS x GROUP BY r');
SELECT test.create('w_back', 'SELECT t.id, x.r FROM t LEFT JOIN (SELECT a, row_number() OVER (ORDER BY count(*) DESC, a) AS r FROM u GROUP BY a) AS x ON x.a = t.a');
SELECT test.create('w_top', 'SELECT id, rank() OVER (PARTITION BY a ORDER BY n) AS r FROM t ORDER BY r DESC, id LIMIT 3');
SELECT test.create('w_top_all', 'SELECT id, n, sum(n) OVER () AS s FROM t ORDER BY n DESC, id LIMIT 3');
SET client_min_messages = warning;
UPDATE t SET n = n + 1.00 WHERE id = 4;
INSERT INTO u VALUES (11, 2), (11, 2), (12, NULL);
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO t VALUES (20, 9, NULL, NULL), (21, NULL, 'b0', 'NaN');
DELETE FROM u WHERE a = 0;
SELECT stream_table, run FROM test.refresh_all('DELTA');
BEGIN;
UPDATE t SET a = a + 1 WHERE id % 3 = 0;
DELETE FROM t WHERE id = 21;
UPDATE u SET a = NULL WHERE id = 1;
COMMIT;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t;
DELETE FROM u WHERE id > 1;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO t VALUES (1, 1, 'b1', 1);
DELETE FROM u;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- the cost of a window over groups is that of the groups
TRUNCATE t;
INSERT INTO t SELECT x, x % 50, 'b', x FROM generate_series(1, 20000) AS x;
ANALYZE t;
\o /dev/null
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
\o
INSERT INTO t VALUES (30001, 7, 'b', 1);
SELECT test.refresh('w_rank'), test.refresh('w_above');
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE t, u;
