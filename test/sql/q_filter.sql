-- One table: columns, expressions, WHERE. No key in the result unless the query has it.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, a int, b text, n numeric, f float8, j jsonb, arr int[], c char(3), v varchar(5));
INSERT INTO q_t VALUES
    (1, 1, 'x', 1.0, 0.5, '{"k": 1}', '{1,2}', 'a', 'abc'),
    (2, NULL, 'x', 1.00, '-0', '{"k": 1.0}', '{}', 'b', NULL),
    (3, 3, NULL, NULL, 'NaN', NULL, NULL, NULL, 'abcde');
SELECT test.create('q_all', 'SELECT * FROM q_t');
SELECT test.create('q_where', 'SELECT id, b FROM q_t WHERE a > 1');
SELECT test.create('q_null', 'SELECT id FROM q_t WHERE a IS NULL OR b IS DISTINCT FROM ''x''');
-- no key: rows with the same image count
SELECT test.create('q_bag', 'SELECT b FROM q_t');
SELECT test.create('q_image', 'SELECT n, f, j FROM q_t');
SELECT test.create('q_expression', $$SELECT a * 2 AS twice, b || coalesce(v, '-') AS joined,
    CASE WHEN n > 1 THEN 'big' ELSE c END AS word, arr[1] AS first, j->>'k' AS k, 7 AS seven, NULL AS nothing FROM q_t$$);
SELECT test.create('q_typed', 'SELECT n::numeric(10,2) AS n, c, v, b COLLATE "C" AS b FROM q_t');
SELECT test.create('q_nothing', 'SELECT id FROM q_t WHERE false');
SELECT test.create('q_keyed_late', 'SELECT b, id FROM q_t WHERE id % 2 = 1');

INSERT INTO q_t SELECT g, g % 3, chr(97 + g % 4), g / 4.0, g / 8.0, jsonb_build_object('k', g % 2), ARRAY[g % 2], 'c', 'v' FROM generate_series(10, 30) AS g;
SELECT * FROM test.refresh_all() WHERE stream_table <> 'q_nothing';
\set VERBOSITY terse
-- in and out of the condition
UPDATE q_t SET a = a + 1 WHERE id % 2 = 0;
SELECT test.refresh('q_where');
SELECT test.refresh('q_expression');
-- equal, but another image
UPDATE q_t SET n = n * 1.000 WHERE id = 1;
UPDATE q_t SET f = 0 WHERE id = 2;
UPDATE q_t SET j = '{"k": 1}' WHERE id = 2;
SELECT test.refresh('q_image');
SELECT test.refresh('q_all');
SELECT test.refresh('q_typed');
-- two equal rows become one and three
DELETE FROM q_t WHERE id = 10;
UPDATE q_t SET b = 'x' WHERE id IN (11, 12);
SELECT test.refresh('q_bag');
-- a key moves
UPDATE q_t SET id = id + 1000;
SELECT test.refresh('q_all');
SELECT test.refresh('q_keyed_late');
-- keys permuted in one transaction
BEGIN;
UPDATE q_t SET id = -id;
UPDATE q_t SET id = 4000 + id;
COMMIT;
SELECT test.refresh('q_all');
SELECT test.refresh('q_keyed_late');
-- several changes of one row between two refreshes
INSERT INTO q_t (id, a) VALUES (1, 5);
UPDATE q_t SET a = 6 WHERE id = 1;
DELETE FROM q_t WHERE id = 1;
INSERT INTO q_t (id, a) VALUES (1, 7);
SELECT test.refresh('q_where');
-- nothing changed
SELECT test.refresh('q_where', 'NO_DATA');
DELETE FROM q_t;
SELECT test.refresh('q_all');
SELECT test.refresh('q_bag');
SELECT test.refresh('q_image');
SELECT count(*) FROM q_all;
SELECT test.drop_all();
DROP TABLE q_t;
