-- What a key cuts into slices: windows, outer joins, subqueries in expressions
-- and LATERAL ones, set operations, and grouping above them (rule E5).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_l (id int PRIMARY KEY, k int, v int, t text);
CREATE TABLE q_r (id int, k int, w int);
CREATE INDEX ON q_l (k);
CREATE INDEX ON q_r (k);
INSERT INTO q_l SELECT x, nullif(x % 10, 0), x % 7, 't' || x % 3 FROM generate_series(1, 40) AS x;
INSERT INTO q_r SELECT x, nullif(x % 13, 0), x % 5 FROM generate_series(1, 40) AS x;
SELECT test.create('q_numbered', 'SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY v, id) AS n, sum(v) OVER (PARTITION BY k ORDER BY v) AS s, rank() OVER (PARTITION BY k, t ORDER BY v DESC) AS r FROM q_l');
SELECT test.create('q_excluded', 'SELECT id, sum(v) OVER (PARTITION BY k ORDER BY v, id ROWS 2 PRECEDING EXCLUDE CURRENT ROW) AS s, count(*) OVER (PARTITION BY k ORDER BY v GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE TIES) AS c, rank() OVER w AS r FROM q_l WINDOW w AS (PARTITION BY k ORDER BY v, id ROWS 2 PRECEDING)');
SELECT test.create('q_peers', 'SELECT id, rank() OVER (PARTITION BY k ORDER BY v % 3 ROWS 1 PRECEDING) AS r, sum(v) OVER (PARTITION BY k ORDER BY v % 3 RANGE UNBOUNDED PRECEDING EXCLUDE GROUP) AS s FROM q_l');
SELECT test.create('q_excluded_group', 'SELECT id, sum(v) OVER (PARTITION BY k ORDER BY v % 3 ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE GROUP) AS s FROM q_l');
SELECT test.create('q_best', 'SELECT * FROM (SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY v, id) AS n FROM q_l) AS x WHERE n <= 2');
SELECT test.create('q_ranked', 'SELECT k, t, rank() OVER (PARTITION BY k ORDER BY s) AS r, lag(s) OVER (PARTITION BY k ORDER BY s, t) AS p FROM (SELECT k, t, sum(v) AS s FROM q_l GROUP BY k, t) AS x');
SELECT test.create('q_left', 'SELECT l.id, l.v, r.w FROM q_l AS l LEFT JOIN q_r AS r ON l.k = r.k AND r.w > 1');
SELECT test.create('q_full', 'SELECT l.id, l.k, r.id AS r FROM q_l AS l FULL JOIN q_r AS r ON l.k = r.k AND r.w > l.v');
SELECT test.create('q_counted', 'SELECT l.t, count(r.id) AS c, count(*) AS n FROM q_l AS l LEFT JOIN q_r AS r ON l.k = r.k GROUP BY l.t');
SELECT test.create('q_nested', 'SELECT x.id, x.w, y.c FROM (SELECT l.id, l.k, r.w FROM q_l AS l LEFT JOIN q_r AS r USING (k)) AS x LEFT JOIN (SELECT k, count(*) AS c FROM q_r GROUP BY k) AS y ON y.k = x.k WHERE x.id < 20');
SELECT test.create('q_exists', 'SELECT id FROM q_l AS l WHERE EXISTS (SELECT FROM q_r AS r WHERE r.k = l.k AND r.w > l.v) OR v = 0');
SELECT test.create('q_none', 'SELECT t, count(*) AS c FROM q_l AS l WHERE NOT EXISTS (SELECT FROM q_r AS r WHERE r.k = l.k) GROUP BY t');
SELECT test.create('q_in', 'SELECT id FROM q_l WHERE k IN (SELECT k FROM q_r WHERE w > 2)');
SELECT test.create('q_value', 'SELECT id, (SELECT max(w) FROM q_r AS r WHERE r.k = l.k) AS m, (SELECT count(*) FROM q_r AS r WHERE r.k = l.k) AS n FROM q_l AS l');
SELECT test.create('q_sum', 'SELECT t, sum((SELECT count(*) FROM q_r AS r WHERE r.k = l.k)) AS s FROM q_l AS l GROUP BY t');
SELECT test.create('q_lateral', 'SELECT l.id, x.m FROM q_l AS l, LATERAL (SELECT max(w) AS m FROM q_r AS r WHERE r.k = l.k) AS x');
SELECT test.create('q_reader', 'SELECT n, count(*) AS c FROM q_best GROUP BY n');
SET client_min_messages = warning;
UPDATE q_l SET v = v + 1 WHERE id % 6 = 1;
UPDATE q_r SET k = nullif(k - 1, 0), w = 6 - w WHERE id % 5 = 2;
SELECT * FROM test.refresh_all();
INSERT INTO q_l VALUES (100, 3, 2, 't0'), (101, NULL, 4, 't1'), (102, 55, 0, 't3');
INSERT INTO q_r VALUES (100, 55, 3), (100, 55, 3), (101, NULL, 4);
DELETE FROM q_r WHERE k = 4;
DELETE FROM q_l WHERE id % 9 = 4;
SELECT * FROM test.refresh_all();
BEGIN;
UPDATE q_l SET k = 3, t = 't3' WHERE k = 5;
DELETE FROM q_r WHERE k = 3;
INSERT INTO q_r SELECT id, k, v FROM q_l WHERE v > 3;
COMMIT;
SELECT * FROM test.refresh_all();
DELETE FROM q_r;
UPDATE q_l SET v = 9 - v WHERE id % 2 = 0;
SELECT * FROM test.refresh_all();
-- a table that the key does not reach may not change: then all is computed again
CREATE TABLE q_name (v int PRIMARY KEY, name text);
INSERT INTO q_name SELECT x, 'name ' || x FROM generate_series(0, 8) AS x;
SELECT test.create('q_named', 'SELECT id, name, row_number() OVER (PARTITION BY k ORDER BY id, q_name.v) IN (SELECT q_r.id FROM q_r WHERE q_r.k = q_l.k) AS e FROM q_l JOIN q_name ON q_name.v < q_l.v');
INSERT INTO q_l VALUES (200, 3, 2, 't0');
SELECT test.refresh('q_named');
SELECT test.assert_fresh('q_named');
UPDATE q_name SET name = 'two' WHERE v = 2;
SELECT test.refresh('q_named', 'FULL');
SELECT test.assert_fresh('q_named'), test.last_run('q_named');
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE q_l, q_r, q_name;
