-- SELECT DISTINCT, and UNION, which removes duplicates too.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, a int, b text, j jsonb);
INSERT INTO q_t VALUES (1, 1, 'x'), (2, 1, 'x'), (3, NULL, NULL), (4, NULL, NULL), (5, 2, 'y');
SELECT test.create('q_distinct', 'SELECT DISTINCT a, b FROM q_t');
SELECT test.create('q_one', 'SELECT DISTINCT b FROM q_t WHERE id > 1');
SELECT test.create('q_expression', 'SELECT DISTINCT a % 2 AS odd, j FROM q_t');
SELECT test.create('q_union', 'SELECT a, b FROM q_t WHERE id < 4 UNION SELECT a, b FROM q_t WHERE id > 2');
SELECT test.create('q_grouped', 'SELECT DISTINCT count(*) AS c FROM q_t GROUP BY a');
-- another copy changes nothing
INSERT INTO q_t VALUES (6, 1, 'x');
SELECT test.refresh('q_distinct');
-- one of several copies leaves, then all
DELETE FROM q_t WHERE id = 1;
SELECT test.refresh('q_distinct');
DELETE FROM q_t WHERE a = 1;
SELECT test.refresh('q_distinct');
SELECT test.refresh('q_union');
SELECT test.refresh('q_grouped');
UPDATE q_t SET a = 3, b = 'z' WHERE id IN (3, 5);
SELECT stream_table FROM test.refresh_all();
UPDATE q_t SET j = '{"a": [1, 2.0]}';
SELECT test.refresh('q_expression');
DELETE FROM q_t;
SELECT stream_table FROM test.refresh_all();
SELECT count(*) FROM q_distinct;
SELECT test.drop_all();
DROP TABLE q_t;
