-- The variance family over integers and numeric: PostgreSQL's own digits.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, g int, s int2, i int4, l int8, n numeric, n2 numeric(10,2), f float8, b bool);
INSERT INTO q_t SELECT x, x % 5, (x * 37 % 200 - 100)::int2, x * 7919 % 10007 - 5000, (x * 7919 % 10007)::int8 * 922337203685477, (x * 31 % 17) / (x % 7 + 1.0), x * 13 % 97 / 8.0, x / 3.0, x % 3 = 0
  FROM generate_series(1, 100) AS x;
-- values far apart, far from 0, tiny, huge, equal
INSERT INTO q_t SELECT 200 + x, 10, 32767, 2147483647 - x, 9223372036854775807 - x, 1e20 + x, 99999999, 1, true FROM generate_series(1, 3) AS x;
INSERT INTO q_t SELECT 210 + x, 11, -32768, -2147483648, -9223372036854775808 + x, 1e-12 * x, 0.01 * x, 1, false FROM generate_series(1, 3) AS x;
INSERT INTO q_t SELECT 220 + x, 12, 7, 7, 7, 1.2345678901234567890123456789, 7, 7, NULL FROM generate_series(1, 3) AS x;
INSERT INTO q_t SELECT 230 + x, 13, x, x, x, x * 1e100, x, x, true FROM generate_series(1, 2) AS x;
INSERT INTO q_t VALUES (240, 14, 1, 1, 1, 1, 1, 1, true), (250, 15, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (260, 16, 2, 2, 2, 'NaN', 'NaN', 2, true), (261, 16, 3, 3, 3, 3, 3, 3, true),
    (270, 17, 1, 1, 1, 'Infinity', 1, 1, true), (271, 17, 2, 2, 2, 5.0, 2, 2, true), (280, NULL, 1, 2, 3, 4.5, 5.5, 6.5, true);
SELECT test.create('q_small', 'SELECT g, variance(s) AS v, var_samp(s) AS vs, var_pop(s) AS vp, stddev(s) AS d, stddev_samp(s) AS ds, stddev_pop(s) AS dp FROM q_t GROUP BY g');
SELECT test.create('q_int', 'SELECT g, variance(i) AS v, var_samp(i) AS vs, var_pop(i) AS vp, stddev(i) AS d, stddev_samp(i) AS ds, stddev_pop(i) AS dp FROM q_t GROUP BY g');
SELECT test.create('q_big', 'SELECT g, variance(l) AS v, var_samp(l) AS vs, var_pop(l) AS vp, stddev(l) AS d, stddev_samp(l) AS ds, stddev_pop(l) AS dp FROM q_t GROUP BY g');
SELECT test.create('q_numeric', 'SELECT g, variance(n) AS v, var_samp(n) AS vs, var_pop(n) AS vp, stddev(n) AS d, stddev_samp(n) AS ds, stddev_pop(n) AS dp FROM q_t GROUP BY g');
SELECT test.create('q_scaled', 'SELECT g, variance(n2) AS v, var_samp(n2) AS vs, var_pop(n2) AS vp, stddev(n2) AS d, stddev_samp(n2) AS ds, stddev_pop(n2) AS dp FROM q_t GROUP BY g');
SELECT test.create('q_total', 'SELECT stddev(i) AS i, variance(n2) AS n2, stddev_pop(l) AS l, var_pop(s) FILTER (WHERE b) AS s FROM q_t');
SELECT test.create('q_mixed', 'SELECT g, stddev(i / 2) AS a, stddev(n2 - 1) + 1 AS b, avg(i) AS c, variance(DISTINCT s) AS d FROM q_t GROUP BY g HAVING variance(i) > 0');
INSERT INTO q_t SELECT x + 1000, x % 5, (x * 41 % 200 - 100)::int2, x * 104729 % 10007 - 5000, x * 922337203685, (x * 29 % 17) / (x % 9 + 1.0), x * 17 % 97 / 8.0, x / 7.0, x % 3 = 1
  FROM generate_series(1, 40) AS x;
SELECT * FROM test.refresh_all();
-- groups of one row, scales that end, NaN and Infinity that leave and come
DELETE FROM q_t WHERE id IN (201, 211, 222, 223, 231, 260, 270);
UPDATE q_t SET s = s + 1, i = i / 2, l = l / 3, n = n * 1.10, n2 = -n2 WHERE id % 4 = 0;
SELECT stream_table FROM test.refresh_all();
UPDATE q_t SET n = 'NaN' WHERE g = 1 AND id % 2 = 0;
UPDATE q_t SET n = round(n, 1) WHERE g = 2;
SELECT stream_table FROM test.refresh_all();
UPDATE q_t SET n = 2.50 WHERE g = 1;
UPDATE q_t SET s = NULL, i = NULL, l = NULL, n = NULL, n2 = NULL WHERE g = 3;
SELECT stream_table FROM test.refresh_all();
-- they follow the change alone: the group is not read again
SELECT test.drop_all();
INSERT INTO q_t SELECT x, 99, x % 100, x, x, x % 100 / 4.0, x % 100 / 4.0, x FROM generate_series(10000, 40000) AS x;
SELECT test.create('q_large', 'SELECT g, stddev(i) AS i, variance(n2) AS n2, stddev_pop(n) AS n FROM q_t GROUP BY g');
UPDATE q_t SET i = i + 1, n2 = n2 + 1, n = n + 0.25 WHERE id BETWEEN 20000 AND 20005;
SELECT test.refresh('q_large');
SELECT test.drop_all();
DROP TABLE q_t;
