-- What a subquery has as a whole: arrays of its rows, and rows that are compared
-- with those of subqueries.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE a (id int PRIMARY KEY, k int, n numeric, arr int[]);
CREATE TABLE b (id int PRIMARY KEY, k int, t text, v int NOT NULL, n numeric);
CREATE TABLE d (k int, t text);
INSERT INTO a SELECT x, nullif(x % 7, 3), x / 2.0, ARRAY[x, x % 3] FROM generate_series(1, 12) AS x;
INSERT INTO b SELECT x, nullif(x % 5, 4), 'b' || x % 3, x % 4, x::numeric FROM generate_series(1, 15) AS x;
INSERT INTO d VALUES (1, 'x'), (1, 'x'), (2, NULL), (NULL, 'y'), (NULL, 'y'), (9, 'z');
-- ARRAY() of more than rows that are filtered
SELECT test.create('r_distinct', 'SELECT id, ARRAY(SELECT DISTINCT b.v FROM b WHERE b.k = a.k ORDER BY 1) AS x FROM a');
SELECT test.create('r_limit', 'SELECT id, ARRAY(SELECT b.v FROM b WHERE b.k = a.k ORDER BY n DESC, id LIMIT 2) AS x FROM a');
SELECT test.create('r_offset', 'SELECT id, ARRAY(SELECT b.t FROM b WHERE b.k < a.k ORDER BY v, id DESC OFFSET 1) AS x FROM a');
SELECT test.create('r_group', 'SELECT id, ARRAY(SELECT b.v FROM b WHERE b.k = a.k GROUP BY v ORDER BY count(*) DESC, v) AS x FROM a');
SELECT test.create('r_union', 'SELECT id, ARRAY(SELECT b.v FROM b WHERE b.k = a.k UNION SELECT d.k FROM d WHERE d.k > a.id ORDER BY 1 DESC) AS x FROM a');
SELECT test.create('r_on', 'SELECT id, ARRAY(SELECT DISTINCT ON (v) b.t || id FROM b WHERE b.k = a.k ORDER BY v DESC, n) AS x FROM a');
SELECT test.create('r_window', 'SELECT id, ARRAY(SELECT sum(v) OVER (ORDER BY b.id) FROM b WHERE b.k = a.k ORDER BY b.id DESC) AS x FROM a');
SELECT test.create('r_same', 'SELECT id, ARRAY(SELECT DISTINCT b.t FROM b ORDER BY 1) AS x, ARRAY(SELECT k FROM d EXCEPT SELECT v FROM b ORDER BY 1 NULLS FIRST) AS y FROM a WHERE id < 4');
SELECT test.create('r_first', 'SELECT k, count(*) AS c FROM a WHERE id = ANY (ARRAY(SELECT b.id FROM b WHERE b.k = a.k ORDER BY n LIMIT 3)) GROUP BY k');
-- arrays of arrays and of rows
SELECT test.create('r_arrays', 'SELECT id, ARRAY(SELECT ARRAY[b.v, b.id] FROM b WHERE b.k = a.k ORDER BY id) AS x FROM a');
SELECT test.create('r_arrays_limit', 'SELECT id, ARRAY(SELECT DISTINCT ARRAY[b.v, b.k] FROM b WHERE b.k >= a.k ORDER BY 1 DESC LIMIT 2) AS x FROM a');
SELECT test.create('r_rows', 'SELECT id, to_jsonb(ARRAY(SELECT ROW(b.v, b.n) FROM b WHERE b.k = a.k ORDER BY id)) AS x FROM a');
SELECT test.create('r_rows_limit', 'SELECT id, to_jsonb(ARRAY(SELECT ROW(b.v, b.n) FROM b WHERE b.k = a.k ORDER BY id LIMIT 2)) AS x FROM a');
SELECT test.create('r_rows_any', 'SELECT id FROM a WHERE ROW(k, n) = ANY (ARRAY(SELECT ROW(b.k, b.n / 2) FROM b WHERE v < 3))');
-- one row with several columns
SELECT test.create('r_pair', 'SELECT id FROM a WHERE (k, id) = (SELECT b.k, max(b.id) FROM b WHERE b.k = a.k GROUP BY b.k)');
SELECT test.create('r_pair_one', 'SELECT id FROM a WHERE (k, id) <> (SELECT k, max(id) FROM b GROUP BY k ORDER BY k NULLS FIRST LIMIT 1)');
SELECT test.create('r_pair_all', 'SELECT id FROM a WHERE (k, id) < (SELECT max(k), max(id) FROM b WHERE v > 0)');
SELECT test.create('r_pair_group', 'SELECT id FROM a WHERE (k, 3) >= (SELECT max(k), count(*) FROM b WHERE b.v = a.k)');
SELECT test.create('r_pair_key', 'SELECT id FROM a WHERE (k, n) < (SELECT b.k, b.n FROM b WHERE b.id = a.k)');
SELECT test.create('r_pair_rows', 'SELECT id, (k, n) = (SELECT b.k, b.n FROM b WHERE b.k = a.k AND b.id < 6) AS x FROM a');
SELECT test.create('r_pair_limit', 'SELECT id, NOT (k, id) > (SELECT b.k, b.v FROM b WHERE b.n > a.n ORDER BY b.id LIMIT 1) AS x FROM a');
SELECT test.create('r_pair_having', 'SELECT k, count(*) AS c FROM a GROUP BY k HAVING (k, count(*)) = (SELECT b.k, b.v FROM b WHERE b.id = a.k)');
SELECT test.create('r_pair_scalar', 'SELECT id FROM a WHERE ((SELECT max(d.k) FROM d WHERE d.k <= a.k), id) <= (SELECT b.k, b.v FROM b WHERE b.id = a.id)');
-- subqueries compared with subqueries
SELECT test.create('r_any', 'SELECT id FROM a WHERE (SELECT max(b.v) FROM b WHERE b.k = a.k) = ANY (SELECT k FROM d)');
SELECT test.create('r_not_in', 'SELECT id FROM a WHERE (SELECT max(b.v) FROM b WHERE b.k = a.k) NOT IN (SELECT d.k FROM d WHERE d.k <> a.id)');
SELECT test.create('r_all', 'SELECT id FROM a WHERE (SELECT max(b.v) FROM b WHERE b.k = a.k) >= ALL (SELECT d.k FROM d WHERE d.k < a.id)');
SELECT test.create('r_in_value', 'SELECT id, (SELECT min(b.v) FROM b WHERE b.k = a.k) IN (SELECT k FROM d) AS x FROM a');
SELECT test.create('r_any_value', 'SELECT id, (SELECT max(b.v) FROM b WHERE b.k = a.k) < ANY (SELECT d.k FROM d WHERE d.k <> a.k) AS x FROM a');
SELECT test.create('r_in_pair', 'SELECT id, ((SELECT max(b.v) FROM b WHERE b.k = a.k), t) IN (SELECT k, t FROM d) AS x FROM a LEFT JOIN d USING (k)');
SELECT test.create('r_either', 'SELECT id FROM a WHERE id > 9 OR (SELECT count(*) FROM b WHERE b.k = a.k) IN (SELECT k FROM d WHERE k IS NOT NULL)');
SELECT test.create('r_same_any', 'SELECT id FROM a WHERE (SELECT max(k) FROM b) = ANY (SELECT k FROM d) OR k = 1');
-- aggregates that are records
SELECT test.create('r_agg', 'SELECT k, to_jsonb(array_agg(ROW(n, id) ORDER BY id)) AS x, count(*) AS c FROM b GROUP BY k');
SELECT test.create('r_agg_having', 'SELECT k FROM b GROUP BY k HAVING ROW(1.0, 5) = ANY (array_agg(ROW(n, id))) OR count(*) > 3');

SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO b VALUES (20, 3, 'new', 3, 1.0), (21, 1, 'one', 1, 2.50), (22, NULL, 'none', 0, NULL);
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE b SET n = n + 0.00 WHERE id < 6;
DELETE FROM b WHERE k = 1;
SELECT stream_table, run FROM test.refresh_all('DELTA');
BEGIN;
UPDATE a SET k = k + 1, n = n - 1 WHERE id % 3 = 0;
UPDATE b SET k = k - 1, v = 4 - v WHERE id % 2 = 0 AND id > 5;
UPDATE d SET k = coalesce(k, 4) - 1;
INSERT INTO a VALUES (30, 2, 1.0, '{}'), (31, NULL, 1.00, NULL);
COMMIT;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM d WHERE k < 2;
UPDATE a SET id = id + 100 WHERE id > 29;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- the last rows, and the first
DELETE FROM b;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM d;
INSERT INTO b SELECT x, x % 4, 'again', x % 3, x / 2.0 FROM generate_series(4, 12) AS x;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- two rows where there may be one
INSERT INTO b VALUES (-1, 1, 'two', 1, 1);
SELECT pgtrickle.refresh_stream_table('r_pair_rows');
DELETE FROM b WHERE id = -1;
SELECT stream_table, run FROM test.refresh_all('DELTA');
SELECT test.drop_all();
DROP TABLE a, b, d;
