-- GROUP BY and every kind of aggregate.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, g int, h text, i int, s int2, l int8, n numeric, n2 numeric(10,2), f float8, b bool, t text, d date, iv interval, j jsonb);
INSERT INTO q_t SELECT x, nullif(x % 4, 3), chr(97 + x % 3), nullif(x % 5, 0), x, x * 1000000000::int8, nullif(x, 7) / 4.0, x / 8.0, x, x % 2 = 0,
    chr(97 + x % 6), '2024-01-01'::date + x, make_interval(days => x), jsonb_build_object('x', x) FROM generate_series(1, 20) AS x;
SELECT test.create('q_sum', 'SELECT g, sum(i) AS i, sum(s) AS s, sum(l) AS l, sum(n) AS n, sum(n2) AS n2, sum(iv) AS iv FROM q_t GROUP BY g');
SELECT test.create('q_avg', 'SELECT g, avg(i) AS i, avg(s) AS s, avg(l) AS l, avg(n) AS n, avg(n2) AS n2, avg(iv) AS iv FROM q_t GROUP BY g');
SELECT test.create('q_count', 'SELECT g, count(*) AS c, count(i) AS ci, count(DISTINCT i) AS cd FROM q_t GROUP BY g');
SELECT test.create('q_minmax', 'SELECT g, min(i) AS mi, max(i) AS ma, min(t) AS mt, max(n) AS mn, max(d) AS md, min(f) AS mf FROM q_t GROUP BY g');
SELECT test.create('q_bool', 'SELECT g, bool_and(b) AS a, bool_or(b) AS o, every(b) AS e FROM q_t GROUP BY g');
SELECT test.create('q_stat', 'SELECT g, variance(i) AS v, stddev(n) AS sd, var_pop(i) AS vp FROM q_t GROUP BY g');
SELECT test.create('q_list', $$SELECT g, string_agg(t, ',' ORDER BY id) AS s, array_agg(id ORDER BY id DESC) AS a, jsonb_agg(j ORDER BY id) AS ja, jsonb_object_agg(id, i ORDER BY id) AS jo FROM q_t GROUP BY g$$);
SELECT test.create('q_ordered', 'SELECT g, percentile_cont(0.5) WITHIN GROUP (ORDER BY f) AS p, percentile_disc(0.5) WITHIN GROUP (ORDER BY i) AS pd, mode() WITHIN GROUP (ORDER BY t) AS m, rank(3) WITHIN GROUP (ORDER BY i) AS r FROM q_t GROUP BY g');
SELECT test.create('q_filtered', 'SELECT g, count(*) FILTER (WHERE b) AS c, sum(n) FILTER (WHERE i > 2) AS s, min(i) FILTER (WHERE b) AS m, avg(i) FILTER (WHERE false) AS never FROM q_t GROUP BY g');
SELECT test.create('q_having', 'SELECT g, count(*) AS c FROM q_t GROUP BY g HAVING count(*) > 5 AND sum(i) IS NOT NULL');
SELECT test.create('q_having_only', 'SELECT g FROM q_t GROUP BY g HAVING max(i) >= 4');
SELECT test.create('q_keys', 'SELECT h, g, g + 1 AS g1, count(*) AS c FROM q_t GROUP BY g, h');
SELECT test.create('q_key_hidden', 'SELECT count(*) AS c FROM q_t GROUP BY g, b');
SELECT test.create('q_key_expression', 'SELECT i % 2 AS parity, upper(h) AS u, sum(i) * 2 + count(*) AS x FROM q_t GROUP BY i % 2, upper(h)');
SELECT test.create('q_key_only', 'SELECT g, h FROM q_t GROUP BY g, h');
SELECT test.create('q_where', 'SELECT g, sum(n) AS s FROM q_t WHERE b GROUP BY g');
SELECT test.create('q_total', 'SELECT count(*) AS c, sum(i) AS s, avg(n) AS a, min(t) AS mi, bool_or(b) AS bo, string_agg(t, '''' ORDER BY id) AS st FROM q_t');
SELECT test.create('q_total_having', 'SELECT sum(i) AS s FROM q_t HAVING count(*) > 19');
CREATE AGGREGATE q_product(numeric) (sfunc = numeric_mul, stype = numeric, initcond = 1);
SELECT test.create('q_user', 'SELECT g, q_product(i) AS p, q_product(DISTINCT i) FILTER (WHERE b) AS pd FROM q_t GROUP BY g');

INSERT INTO q_t SELECT x, nullif(x % 4, 3), chr(97 + x % 3), nullif(x % 5, 0), x, x * 1000000000::int8, nullif(x, 37) / 4.0, x / 8.0, x, x % 2 = 0,
    chr(97 + x % 6), '2024-01-01'::date + x, make_interval(days => x), jsonb_build_object('x', x) FROM generate_series(21, 44) AS x;
SELECT * FROM test.refresh_all();
-- extremes leave, groups grow and shrink
DELETE FROM q_t WHERE id % 4 = 1 AND id > 5;
UPDATE q_t SET i = 9, n = n + 0.12345, b = NOT b WHERE id % 4 = 2;
SELECT stream_table FROM test.refresh_all();
-- a row moves to another group; a group ends, one begins
UPDATE q_t SET g = 77, h = 'z' WHERE g = 0;
SELECT stream_table FROM test.refresh_all();
-- the empty table: no group, and one row where there is no GROUP BY
DELETE FROM q_t;
SELECT stream_table FROM test.refresh_all();
SELECT * FROM q_total;
SELECT count(*) FROM q_total_having;
SELECT count(*) FROM q_sum;
INSERT INTO q_t (id, g) VALUES (1, NULL), (2, NULL);
SELECT stream_table FROM test.refresh_all() WHERE stream_table NOT IN ('q_where', 'q_having', 'q_having_only', 'q_total_having');
SELECT test.drop_all();
DROP AGGREGATE q_product(numeric);
DROP TABLE q_t;
