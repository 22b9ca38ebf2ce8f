-- What a numeric sum prints follows from its arguments' scales; NaN and infinities.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, g int, n numeric, r real, f float8);
SELECT test.create('q_sum', 'SELECT g, sum(n) AS s, avg(n) AS a, count(n) AS c FROM q_t GROUP BY g');
SELECT test.create('q_total', 'SELECT sum(n) AS s, avg(n) AS a, min(n) AS mi, max(n) AS ma FROM q_t');
SELECT test.create('q_float', 'SELECT g, sum(f) AS s, avg(r) AS a, max(f) AS m FROM q_t GROUP BY g');
INSERT INTO q_t VALUES (1, 1, 1.5, 1, 1), (2, 1, 2.2500, 2, 2);
SELECT test.refresh('q_sum');
SELECT s FROM q_sum;
-- 1.5 + 2.2500 - 2.2500 is 1.5
DELETE FROM q_t WHERE id = 2;
SELECT test.refresh('q_sum');
SELECT s FROM q_sum;
-- two of the largest scale, one leaves
INSERT INTO q_t (id, g, n) VALUES (3, 1, 0.125), (4, 1, 0.375);
SELECT test.refresh('q_sum');
DELETE FROM q_t WHERE id = 3;
SELECT test.refresh('q_sum');
UPDATE q_t SET n = 2.0 WHERE id = 4;
SELECT test.refresh('q_sum');
SELECT s FROM q_sum;
-- NaN and infinities come and go
INSERT INTO q_t VALUES (10, 1, 'NaN', 'NaN', 'NaN');
SELECT test.refresh('q_sum'), test.refresh('q_float');
INSERT INTO q_t VALUES (11, 1, 'Infinity', 'Infinity', '-Infinity');
SELECT test.refresh('q_sum'), test.refresh('q_total');
DELETE FROM q_t WHERE id = 10;
SELECT test.refresh('q_sum'), test.refresh('q_total');
SELECT s FROM q_sum;
INSERT INTO q_t VALUES (12, 1, '-Infinity', '-Infinity', 'Infinity');
SELECT test.refresh('q_sum'), test.refresh('q_float');
SELECT s FROM q_sum;
DELETE FROM q_t WHERE id IN (11, 12);
SELECT test.refresh('q_sum'), test.refresh('q_float'), test.refresh('q_total');
SELECT s FROM q_sum;
-- only NULLs left: sum is NULL, not 0
UPDATE q_t SET n = NULL;
SELECT test.refresh('q_sum'), test.refresh('q_total');
SELECT s IS NULL AS null_sum, c FROM q_sum;
-- beyond bigint
INSERT INTO q_t SELECT x, 2, 9e30 + x / 100.0 FROM generate_series(100, 110) AS x;
SELECT test.refresh('q_sum'), test.refresh('q_total');
DELETE FROM q_t WHERE id BETWEEN 103 AND 108;
SELECT test.refresh('q_sum'), test.refresh('q_total');
SELECT test.drop_all();
-- keys that are equal and print differently
TRUNCATE q_t;
SELECT test.create('q_key', 'SELECT n, count(*) AS c, sum(id) AS s FROM q_t GROUP BY n');
SELECT test.create('q_key_float', 'SELECT f, count(*) AS c FROM q_t GROUP BY f');
INSERT INTO q_t (id, n, f) VALUES (1, 1.0, 0), (2, 2.0, 'NaN'), (3, NULL, NULL), (4, NULL, NULL), (5, 'NaN', 'NaN');
SELECT test.refresh('q_key'), test.refresh('q_key_float');
-- the only 1.0 leaves and 1.00 comes
BEGIN;
DELETE FROM q_t WHERE id = 1;
INSERT INTO q_t (id, n, f) VALUES (6, 1.00, '-0');
COMMIT;
SELECT test.refresh('q_key'), test.refresh('q_key_float');
SELECT n FROM q_key WHERE n = 1;
UPDATE q_t SET n = 1.000, f = 0 WHERE id = 6;
SELECT test.refresh('q_key'), test.refresh('q_key_float');
SELECT n FROM q_key WHERE n = 1;
SELECT test.drop_all();
DROP TABLE q_t;
