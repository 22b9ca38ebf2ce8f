-- Rows of a nullable side ask a subquery also where WHERE, which sees the row
-- after the join, leaves them out (rule E11).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE a (id int PRIMARY KEY, k int);
CREATE TABLE b (id int PRIMARY KEY, k int, v int);
CREATE TABLE d (k int);
INSERT INTO a SELECT x, nullif(x % 7, 3) FROM generate_series(1, 12) AS x;
INSERT INTO b SELECT x, nullif(x % 5, 4), x % 4 FROM generate_series(1, 15) AS x;
INSERT INTO d VALUES (1), (1), (2), (NULL), (9);
SELECT test.create('n_on', 'SELECT a.id, x.id AS x FROM a LEFT JOIN b AS x ON x.k = a.k AND (SELECT count(*) FROM d WHERE d.k > x.v) > 2 WHERE coalesce(x.v, 1) > 0');
SELECT test.create('n_on_equal', 'SELECT a.id, x.id AS x FROM a LEFT JOIN b AS x ON x.k = a.k AND (SELECT count(*) FROM d WHERE d.k = x.v) < 2 WHERE coalesce(x.v, 1) > 0');
SELECT test.create('n_right', 'SELECT a.id, x.id AS x FROM b AS x RIGHT JOIN a ON x.k = a.k AND x.v > ANY (SELECT d.k FROM d WHERE d.k <> x.id) WHERE x.v IS NULL OR x.v <> 2');
SELECT test.create('n_full', 'SELECT a.id, x.id AS x FROM a FULL JOIN (SELECT x.*, (SELECT count(*) FROM d WHERE d.k > x.v) AS c FROM b AS x) AS x ON x.k = a.k AND x.c = a.id WHERE coalesce(x.v, 1) > 0');
SELECT test.create('n_lateral', 'SELECT a.id, x.v, y.c FROM a LEFT JOIN (b AS x CROSS JOIN LATERAL (SELECT count(*) AS c FROM d WHERE d.k > x.v) AS y) ON x.k = a.k AND y.c > 2 WHERE coalesce(x.v, 1) > 0');
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE b SET v = v - 1 WHERE id % 2 = 0;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO d VALUES (3), (0);
DELETE FROM d WHERE k = 9;
SELECT stream_table, run FROM test.refresh_all('DELTA');
BEGIN;
UPDATE b SET v = 3 - v;
UPDATE a SET k = k + 1 WHERE id < 6;
DELETE FROM d WHERE k = 1;
COMMIT;
SELECT stream_table, run FROM test.refresh_all('DELTA');
SELECT test.drop_all();
DROP TABLE a, b, d;
