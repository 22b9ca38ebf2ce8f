-- Of many touched slices, those of which the query's inner join has no row, and had
-- none, are not looked at any further (rule E5).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, k numeric, g int, v int);
CREATE TABLE q_u (g int PRIMARY KEY, b text, h int);
CREATE TABLE q_h (h int PRIMARY KEY, name text);
CREATE INDEX ON q_t (k);
INSERT INTO q_t SELECT i, nullif(i % 1500, 7), i % 40, i % 97 FROM generate_series(1, 30000) AS i;
INSERT INTO q_u SELECT i, CASE WHEN i IN (3, 17) THEN 'x' ELSE 'y' END, i % 3 FROM generate_series(0, 39) AS i;
INSERT INTO q_h SELECT i, 'h' || i FROM generate_series(0, 2) AS i;
ANALYZE q_t, q_u, q_h;
SELECT test.create('q_core', $$SELECT t.k, t.id, h.name FROM q_t AS t, q_u AS u, q_h AS h WHERE u.g = t.g AND u.h = h.h AND u.b = 'x' AND t.v > 3
  AND EXISTS (SELECT FROM q_t AS o WHERE o.k = t.k AND o.v < t.v) AND NOT EXISTS (SELECT FROM q_t AS o WHERE o.k = t.k AND o.v > t.v + 60)$$);
-- it does so, of which it tells
SELECT pgtrickle.explain_stream_table('q_core') LIKE '%keys that the result can have rows of%' AS has_core;
-- conditions of JOIN .. ON, too
SET client_min_messages = warning;
SELECT test.create('q_on', $$SELECT t.k, t.id, h.name FROM q_t AS t JOIN q_u AS u ON u.g = t.g AND u.b = 'x' AND t.v > 3 JOIN q_h AS h ON u.h = h.h
  WHERE EXISTS (SELECT FROM q_t AS o WHERE o.k = t.k AND o.v < t.v) AND NOT EXISTS (SELECT FROM q_t AS o WHERE o.k = t.k AND o.v > t.v + 60)$$);
SELECT pgtrickle.explain_stream_table('q_on') LIKE '%keys that the result can have rows of%' AS has_core;
-- but not of an outer join, all rows of which are in the result
SELECT test.create('q_outer', $$SELECT t.k, t.id, u.h FROM q_t AS t LEFT JOIN q_u AS u ON u.g = t.g AND u.b = 'x' AND t.v > 3
  WHERE EXISTS (SELECT FROM q_t AS o WHERE o.k = t.k AND o.v < t.v) AND NOT EXISTS (SELECT FROM q_t AS o WHERE o.k = t.k AND o.v > t.v + 60)$$);
SELECT pgtrickle.explain_stream_table('q_outer') LIKE '%keys that the result can have rows of%' AS has_core;
UPDATE q_t SET v = (v + 50) % 97 WHERE id % 11 = 0;
SELECT test.refresh('q_core');
SELECT test.refresh('q_on');
SELECT test.assert_fresh('q_core');
SELECT test.assert_fresh('q_on');
SELECT test.refresh('q_outer');
SELECT pgtrickle.drop_stream_table('q_outer');
-- what has left a slice was its only row in the result; NULL is a key as well
DELETE FROM q_t WHERE g IN (3, 17) AND id % 3 = 0;
UPDATE q_t SET k = NULL WHERE id % 700 = 3;
UPDATE q_t SET k = k * 1.00 WHERE id % 40 = 17;
SELECT test.refresh('q_core');
SELECT test.refresh('q_on');
SELECT test.assert_fresh('q_core');
SELECT test.assert_fresh('q_on');
-- other relations change with it: what was in the result for their former rows
UPDATE q_u SET b = CASE b WHEN 'x' THEN 'y' ELSE 'x' END WHERE g IN (3, 5);
UPDATE q_h SET name = name || '!' WHERE h = 2;
UPDATE q_t SET v = (v + 13) % 97, g = (g + 1) % 40 WHERE id % 13 = 0;
DELETE FROM q_t WHERE g = 17 AND id % 5 = 0;
SELECT test.refresh('q_core');
SELECT test.refresh('q_on');
SELECT test.assert_fresh('q_core');
SELECT test.assert_fresh('q_on');
-- all slices are left: then it is not looked for again soon
UPDATE q_u SET b = 'x';
UPDATE q_t SET v = 96 - v WHERE id % 9 = 0;
SELECT test.refresh('q_core');
SELECT test.refresh('q_on');
UPDATE q_t SET v = 96 - v WHERE id % 9 = 1;
SELECT test.refresh('q_core');
SELECT test.refresh('q_on');
SELECT test.assert_fresh('q_core');
SELECT test.assert_fresh('q_on');
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE q_t, q_u, q_h;
