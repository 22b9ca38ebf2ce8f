-- EXCEPT and EXCEPT ALL over types whose equal values can look different: the
-- right side takes away what looks different, the left side shows its own.
-- A server without ICU has nothing to test (q_setops_images_1.out).
SELECT test.lacks('icu') AS lacks \gset
\if :lacks
\quit
\endif
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE COLLATION fold (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE a (id int, f float8, s text COLLATE fold, j jsonb, n numeric, l numeric[]);
CREATE TABLE b (LIKE a);
INSERT INTO a VALUES (1, 0, 'a', '1.0', 1.0, '{1.0}'), (2, 3, 'x', '2', 2.00, '{2.00}'), (3, 'NaN', NULL, NULL, NULL, NULL), (4, 1.5, 'b', '{"k": 1}', 'NaN', '{}');
INSERT INTO b VALUES (1, '-0', 'A', '1', 1.00, '{1.00}');
SELECT test.create('x_float', 'SELECT f FROM a EXCEPT SELECT f FROM b');
SELECT test.create('x_float_all', 'SELECT f FROM a EXCEPT ALL SELECT f FROM b');
SELECT test.create('x_text', 'SELECT s FROM a EXCEPT SELECT s FROM b');
SELECT test.create('x_text_all', 'SELECT s FROM a EXCEPT ALL SELECT s FROM b');
SELECT test.create('x_jsonb', 'SELECT j FROM a EXCEPT SELECT j FROM b');
SELECT test.create('x_jsonb_all', 'SELECT j FROM a EXCEPT ALL SELECT j FROM b');
SELECT test.create('x_numeric', 'SELECT n FROM a EXCEPT SELECT n FROM b');
SELECT test.create('x_numeric_all', 'SELECT n FROM a EXCEPT ALL SELECT n FROM b');
SELECT test.create('x_array', 'SELECT l FROM a EXCEPT SELECT l FROM b');
SELECT test.create('x_array_all', 'SELECT l FROM a EXCEPT ALL SELECT l FROM b');
INSERT INTO b SELECT * FROM a WHERE id = 3;
UPDATE a SET f = 2, s = 'q', j = '7', n = 5, l = '{1,2}' WHERE id = 4;
SELECT * FROM test.refresh_all('DELTA');
INSERT INTO a SELECT * FROM a WHERE id < 4;
DELETE FROM b;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM a WHERE id = 1;
INSERT INTO b VALUES (9, 2, 'Q', '7.0', 5.0, '{1.0,2}');
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM a;
SELECT * FROM test.refresh_all('DELTA');
SELECT test.drop_all();
DROP TABLE a, b;
DROP COLLATION fold;
