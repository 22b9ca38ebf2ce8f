-- Rows that no part of a query wants stay in the log (rule E14).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, g int, n numeric, d date, w timestamptz, t text, b boolean, a int[]);
CREATE TABLE q_u (g int, t text);
INSERT INTO q_t SELECT x, x % 5, x / 3.0, date '2026-01-01' + x, timestamptz '2026-01-01 00:00+00' + x * interval '1 hour',
       't' || x % 4, CASE x % 3 WHEN 0 THEN true WHEN 1 THEN false END, ARRAY[x, x % 2] FROM generate_series(1, 40) AS x;
INSERT INTO q_u SELECT x, 't' || x FROM generate_series(0, 6) AS x;
CREATE FUNCTION test.wanted(name text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT line FROM regexp_split_to_table(pgtrickle.explain_stream_table(name), E'\n') AS line WHERE line ~ '^Source:|^  Only rows'
$$;
-- constants are folded; conditions that may raise, or depend on settings, do not count
SELECT test.create('q_filter', $$SELECT id, n FROM q_t WHERE d >= date '2026-01-10' AND d < date '2026-01-10' + interval '10 days' AND g IN (1, 2, 3) AND b IS NOT FALSE AND 10 / id < 5 AND w > '2026-01-01' AND t LIKE 't_' AND t NOT LIKE 'a\_%'$$);
SELECT test.create('q_either', $$SELECT u.t, count(*) AS c, sum(n) AS n FROM q_t AS t, q_u AS u WHERE (t.g = u.g AND t.n < 5 AND u.t = 't1') OR (t.g = u.g AND t.n > 10 AND t.b AND u.t <> 't2') GROUP BY u.t$$);
SELECT test.create('q_arms', $$SELECT id, 1 AS x FROM q_t WHERE g = 1 UNION ALL SELECT id, 2 FROM q_t WHERE g = 2 AND b IS NULL$$);
SELECT test.create('q_all', $$SELECT id, 1 AS x FROM q_t WHERE g = 1 UNION ALL SELECT g, 2 FROM q_t$$);
SELECT test.create('q_left', $$SELECT t.id, u.t FROM q_t AS t LEFT JOIN q_u AS u ON t.g = u.g AND u.t < 't4' AND t.id > 10$$);
SELECT test.create('q_full', $$SELECT t.id, u.t FROM q_t AS t FULL JOIN q_u AS u ON t.g = u.g AND u.t < 't4' AND t.id > 10$$);
SELECT test.create('q_semi', $$SELECT id FROM q_t WHERE g > 1 AND g IN (SELECT g FROM q_u WHERE t > 't1')$$);
SELECT test.create('q_anti', $$SELECT id FROM q_t WHERE g > 1 AND NOT EXISTS (SELECT FROM q_u WHERE q_u.g = q_t.g AND q_u.t > 't1' AND q_t.id > 7)$$);
SELECT test.create('q_self', $$SELECT x.id, y.id AS z FROM q_t AS x JOIN q_t AS y USING (g) WHERE x.id < 5 AND y.id > 35$$);
SELECT test.create('q_window', $$SELECT id, rank() OVER (PARTITION BY g ORDER BY id) AS r FROM q_t WHERE id > 3$$);
SELECT test.create('q_null', $$SELECT id FROM q_t WHERE g IS NULL OR n <> 3 OR a[1] = 3$$);
SELECT test.create('q_outside', $$SELECT g, count(*) AS c FROM (SELECT * FROM q_t WHERE n > 1) AS x WHERE g < 4 GROUP BY g HAVING count(*) > 2$$);
SELECT name, test.wanted(name) FROM unnest(ARRAY['q_filter', 'q_either', 'q_arms', 'q_all', 'q_left', 'q_full', 'q_semi', 'q_anti', 'q_self', 'q_window', 'q_null', 'q_outside']) AS name;
SET client_min_messages = warning;
-- rows come, go and cross the borders
UPDATE q_t SET g = g + 1, n = n + 2, d = d + 3 WHERE id % 3 = 0;
UPDATE q_t SET g = NULL, b = NOT b WHERE id % 7 = 0;
INSERT INTO q_t SELECT x, x % 6, x, date '2026-01-15', '2026-01-02', 't' || x, NULL, NULL FROM generate_series(41, 60) AS x;
DELETE FROM q_t WHERE id % 5 = 0;
UPDATE q_u SET t = 't' || 5 - g WHERE g > 1;
INSERT INTO q_u VALUES (NULL, 't9'), (3, NULL), (2, 't2');
SELECT * FROM test.refresh_all('DELTA');
BEGIN;
UPDATE q_t SET id = id + 100 WHERE id > 30;
UPDATE q_t SET id = id - 100 WHERE id > 120;
DELETE FROM q_u WHERE g = 3;
UPDATE q_u SET g = g + 1;
COMMIT;
SELECT * FROM test.refresh_all('DELTA');
-- what nobody wants costs no more than reading the log, whatever becomes of it
INSERT INTO q_t SELECT x, 9, 100 FROM generate_series(1001, 3000) AS x;
SELECT test.refresh('q_arms', 'DELTA', 3000, 400);
DELETE FROM q_t WHERE id > 1000;
SELECT test.refresh('q_arms', 'DELTA', 3000, 400);
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE q_t, q_u;
DROP FUNCTION test.wanted;
