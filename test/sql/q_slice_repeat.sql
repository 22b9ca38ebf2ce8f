-- A relation that is read three times, in subqueries too, is followed by slices (rule E5).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_order (id int PRIMARY KEY, state text);
CREATE TABLE q_line (ord int, supp int, late boolean, n int);
CREATE TABLE q_supp (id int PRIMARY KEY, name text, nation int);
CREATE INDEX ON q_line (ord);
CREATE INDEX ON q_line (supp);
CREATE INDEX ON q_supp (nation);
INSERT INTO q_supp SELECT x, 's' || x, x % 3 FROM generate_series(1, 10) AS x;
INSERT INTO q_order SELECT x, CASE WHEN x % 4 > 0 THEN 'F' ELSE 'O' END FROM generate_series(1, 80) AS x;
INSERT INTO q_line SELECT x % 80 + 1, x % 7 * x % 10 + 1, x % 3 = 0, x FROM generate_series(1, 240) AS x;
SELECT test.create('q_waits', $$SELECT name, count(*) AS c FROM q_supp AS s, q_line AS a, q_order AS o WHERE s.id = a.supp AND o.id = a.ord AND state = 'F' AND a.late AND EXISTS (SELECT * FROM q_line AS b WHERE b.ord = a.ord AND b.supp <> a.supp) AND NOT EXISTS (SELECT * FROM q_line AS c WHERE c.ord = a.ord AND c.supp <> a.supp AND c.late) AND nation = 1 GROUP BY name ORDER BY c DESC, name LIMIT 3$$);
SELECT test.create('q_rows', $$SELECT a.ord, a.n, s.name FROM q_line AS a JOIN q_supp AS s ON s.id = a.supp WHERE EXISTS (SELECT FROM q_line AS b WHERE b.ord = a.ord AND b.n > a.n) AND a.n > (SELECT avg(c.n) FROM q_line AS c WHERE c.ord = a.ord)$$);
-- three times, but by a column without an index: terms
SELECT test.create('q_terms', $$SELECT a.ord, a.n FROM q_line AS a WHERE EXISTS (SELECT FROM q_line AS b WHERE b.n = a.n AND b.ord > a.ord) OR NOT EXISTS (SELECT FROM q_line AS c WHERE c.n = a.n + 1)$$);
SELECT name, count(*) FILTER (WHERE line ~ '^Slice') > 0 AS slices FROM unnest(ARRAY['q_waits', 'q_rows', 'q_terms']) AS name, regexp_split_to_table(pgtrickle.explain_stream_table(name), E'\n') AS line GROUP BY name ORDER BY name;
SET client_min_messages = warning;
UPDATE q_line SET late = NOT late WHERE n % 11 = 0;
DELETE FROM q_line WHERE n % 17 = 0;
INSERT INTO q_line VALUES (3, 1, true, 1), (3, 4, false, 5), (NULL, 1, true, 1), (999, 4, true, 2);
SELECT * FROM test.refresh_all('DELTA');
UPDATE q_supp SET nation = 1, name = name || 'x' WHERE id IN (2, 3);
UPDATE q_order SET state = 'F' WHERE id % 8 = 0;
SELECT * FROM test.refresh_all('DELTA');
BEGIN;
UPDATE q_supp SET nation = (nation + 1) % 3 WHERE id > 5;
UPDATE q_line SET ord = ord % 80 + 1 WHERE supp = 4;
DELETE FROM q_order WHERE id BETWEEN 10 AND 15;
DELETE FROM q_supp WHERE id = 7;
COMMIT;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM q_line WHERE ord > 5;
SELECT * FROM test.refresh_all('DELTA');
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE q_order, q_line, q_supp;
