-- Windows over all rows of a table in one order: what is before a change, or not
-- near it, stays as it is (rule E10).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE t (id int PRIMARY KEY, o int, n numeric, b bigint, s text, at date NOT NULL);
CREATE TABLE u (o int, n numeric(8,2));
INSERT INTO t SELECT x, nullif(x * 7 % 10, 4), nullif(x % 5, 2) / 2.0, x % 4, 's' || x % 3, '2024-01-01'::date + x * 3 % 11 FROM generate_series(1, 24) AS x;
INSERT INTO u SELECT x % 6, x FROM generate_series(1, 12) AS x;
INSERT INTO u VALUES (2, 2), (2, 2), (NULL, NULL), (NULL, -1), (NULL, -1), (3, -9);

SELECT test.create('o_number', 'SELECT id, row_number() OVER (ORDER BY o, id) AS r, s FROM t');
SELECT test.create('o_rank', 'SELECT id, rank() OVER w AS r, dense_rank() OVER w + 1 AS d, count(*) OVER w AS c FROM t WINDOW w AS (ORDER BY o)');
SELECT test.create('o_rank_desc', 'SELECT id, rank() OVER w AS r, dense_rank() OVER w AS d, count(n) OVER w AS c FROM t WHERE id <> 3 WINDOW w AS (ORDER BY o DESC)');
SELECT test.create('o_nulls', 'SELECT id, rank() OVER w AS r, lag(id) OVER (ORDER BY o NULLS FIRST, id) AS l FROM t WINDOW w AS (ORDER BY o NULLS FIRST, id)');
SELECT test.create('o_nulls_last', 'SELECT id, rank() OVER w AS r, lag(id, 2, -1) OVER w AS l FROM t WINDOW w AS (ORDER BY o DESC NULLS LAST, id)');
SELECT test.create('o_sum', 'SELECT id, sum(n) OVER (ORDER BY o) AS s, sum(b) OVER (ORDER BY o) AS t FROM t');
SELECT test.create('o_sum_rows', 'SELECT id, sum(n) OVER w AS s, count(*) FILTER (WHERE b > 1) OVER w AS c, sum(b) FILTER (WHERE b > 1) OVER w AS t FROM t WINDOW w AS (ORDER BY at, id ROWS UNBOUNDED PRECEDING)');
SELECT test.create('o_lag', 'SELECT id, b - lag(b) OVER w AS d, lead(id, 2) OVER w AS e FROM t WINDOW w AS (ORDER BY at, id)');
SELECT test.create('o_frame', 'SELECT id, avg(n) OVER w AS a, first_value(id) OVER w AS f, string_agg(s, '','') OVER w AS g FROM t WINDOW w AS (ORDER BY at, id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING)');
SELECT test.create('o_exclude', 'SELECT id, count(*) OVER w AS c, max(n) OVER w AS m FROM t WINDOW w AS (ORDER BY id DESC ROWS BETWEEN CURRENT ROW AND 3 FOLLOWING EXCLUDE CURRENT ROW)');
SELECT test.create('o_both', 'SELECT id, sum(b) OVER (ORDER BY o, id) AS s, lag(id) OVER (ORDER BY o, id) AS l, avg(b) OVER (ORDER BY o, id ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING) AS a FROM t');
SELECT test.create('o_expression', 'SELECT id, row_number() OVER (ORDER BY o % 3, -id) * 10 AS r, sum(b * 2) OVER (ORDER BY o % 3, -id) AS s FROM t');
SELECT test.create('o_text', 'SELECT id, row_number() OVER (ORDER BY s, id) AS r FROM t');
SELECT test.create('o_numeric', 'SELECT id, rank() OVER (ORDER BY n) AS r, sum(n) OVER (ORDER BY n) AS s FROM t');
-- duplicates, and no key
SELECT test.create('o_keyless', 'SELECT o, n, rank() OVER w AS r, sum(n) OVER w AS s FROM u WINDOW w AS (ORDER BY o, n)');
SELECT test.create('o_keyless_rows', 'SELECT o, n, sum(n) OVER w AS s, row_number() OVER w AS r, lag(n) OVER w AS l FROM u WINDOW w AS (ORDER BY o, n ROWS UNBOUNDED PRECEDING)');
SELECT test.create('o_joined', 'SELECT t.id, u.n, row_number() OVER (ORDER BY t.o, t.id, u.n) AS r FROM t JOIN u ON u.o = t.b');
SELECT test.create('o_above', 'SELECT r / 5 AS r, count(*) AS c, sum(b) AS b FROM (SELECT row_number() OVER (ORDER BY id) AS r, b FROM t) AS x GROUP BY r / 5');
SELECT test.create('o_page', 'SELECT * FROM (SELECT id, s, row_number() OVER (ORDER BY o, id) AS r FROM t) AS x WHERE r BETWEEN 5 AND 9');
SELECT test.create('o_gaps', 'SELECT at, gap FROM (SELECT at, at - lag(at) OVER (ORDER BY at, id) AS gap FROM t) AS x WHERE gap > 0');

SET client_min_messages = warning;
-- at the end, in the middle, at the beginning
INSERT INTO t VALUES (30, 9, 1.25, 7, 's1', '2024-02-01');
INSERT INTO u VALUES (5, 12.5);
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO t VALUES (31, 5, 2.5, 2, 's0', '2024-01-05'), (0, -1, 0.125, 1, 's', '2023-01-01');
DELETE FROM u WHERE o = 0;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- what nothing runs on from; what comes to the same behind the changes, and what does not
UPDATE t SET s = 'x' WHERE id IN (2, 9);
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET o = 6 WHERE o = 5 AND id < 20;
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET n = CASE id WHEN 8 THEN 1.50 ELSE 0.5 END WHERE id IN (8, 11);
UPDATE u SET n = -n WHERE o = 2;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- NULLs, the last row of a value, digits that leave
UPDATE t SET o = NULL WHERE id IN (1, 12, 20);
DELETE FROM t WHERE id = 0;
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET o = 3, n = NULL WHERE o IS NULL;
INSERT INTO u VALUES (NULL, 3), (NULL, -1);
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM u WHERE o IS NULL;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- everything at once
BEGIN;
UPDATE t SET o = o + id % 3, at = at + id % 2 WHERE id % 2 = 0;
DELETE FROM t WHERE id % 7 = 0;
INSERT INTO t SELECT x, x % 8, x / 4.0, x, 's', '2024-01-03' FROM generate_series(40, 45) AS x;
UPDATE u SET o = o + 1;
INSERT INTO u SELECT o, n FROM u WHERE n > 5;
DELETE FROM t WHERE id = 44;
COMMIT;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t WHERE id > 3;
DELETE FROM u;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO t SELECT x, x % 4, 'NaN', x, 's' || x, '2024-01-01'::date + x FROM generate_series(1, 6) AS x;
UPDATE t SET n = 'Infinity' WHERE id = 2;
INSERT INTO u VALUES (1, 1), (1, 1), (NULL, 1);
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t WHERE n = 'NaN' AND id < 6;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- functions that follow from others; windows in several orders
RESET client_min_messages;
SELECT test.create('o_ntile', 'SELECT id, ntile(3) OVER (ORDER BY id) AS x FROM t', 'AUTO');
SELECT test.create('o_percent', 'SELECT id, percent_rank() OVER (ORDER BY id) AS x FROM t', 'AUTO');
SELECT test.create('o_following', 'SELECT id, last_value(id) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS x FROM t', 'AUTO');
SELECT test.create('o_orders', 'SELECT id, rank() OVER (ORDER BY o) AS x, rank() OVER (ORDER BY b) AS y FROM t', 'AUTO');
SELECT test.drop_all();
DROP TABLE t, u;

-- The cost: rows appended to many, changes near together, changes that nothing runs on from.
CREATE TABLE t (id int PRIMARY KEY, at timestamptz NOT NULL, v int, note text);
INSERT INTO t SELECT x, '2024-01-01'::timestamptz + x * interval '1 minute', x % 100, 'n' FROM generate_series(1, 20000) AS x;
ANALYZE t;
SET client_min_messages = warning;
SELECT test.create('o_run', 'SELECT id, sum(v) OVER w AS s, row_number() OVER w AS r FROM t WINDOW w AS (ORDER BY at)');
SELECT test.create('o_lag', 'SELECT id, v - lag(v) OVER (ORDER BY id) AS d FROM t');
SELECT test.create('o_mean', 'SELECT id, avg(v) OVER (ORDER BY at ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS a FROM t');
ANALYZE;
INSERT INTO t VALUES (20001, '2024-01-20', 7, 'n'), (20002, '2024-01-20 00:01', 8, 'n');
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 300) FROM (VALUES ('o_run'), ('o_lag'), ('o_mean')) AS x (stream_table);
UPDATE t SET v = v + 1 WHERE id = 7000;
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 300) FROM (VALUES ('o_lag'), ('o_mean')) AS x (stream_table);
UPDATE t SET v = CASE id WHEN 6000 THEN 1 ELSE 0 END WHERE id IN (6000, 6001);
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 300) FROM (VALUES ('o_lag'), ('o_mean')) AS x (stream_table);
UPDATE t SET note = 'other' WHERE id IN (1, 100, 19000);
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 300) FROM (VALUES ('o_lag'), ('o_mean')) AS x (stream_table);
SELECT test.refresh('o_run', 'DELTA');
SELECT test.drop_all();
DROP TABLE t;
