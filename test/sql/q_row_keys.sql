-- Rows of no type: they are compared as wholes, in which NULL equals NULL (rule
-- F3), unlike ROW(a) = ROW(b). Rows as keys: what is grouped, made distinct or put together by UNION is what
-- the rows are made of, whose equal values may look different.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE t (id int PRIMARY KEY, g int, n numeric, f float8, x text);
CREATE TABLE u (g int, n numeric, f float8);
INSERT INTO t SELECT i, nullif(i % 4, 3), (i % 3)::numeric / 2, nullif(i % 5, 4), 'x' || i % 2 FROM generate_series(1, 12) AS i;
INSERT INTO u SELECT i % 3, i % 4, i % 2 FROM generate_series(1, 8) AS i;

SELECT test.create('c_shown', 'SELECT id, r = ROW(0.0, 0::float8) AS equal, r < ROW(0.5, 0::float8) AS less, r IS DISTINCT FROM ROW(0.0, 0::float8) AS other, r IS NULL AS no, nullif(r, ROW(0.5, 1::float8)) IS NULL AS none, CASE r WHEN ROW(1.0, 2::float8) THEN 1 WHEN ROW(NULL::numeric, NULL::float8) THEN 2 END AS c FROM (SELECT id, ROW(n, f) AS r FROM t) AS s');
SELECT test.create('c_filter', 'SELECT id FROM (SELECT id, ROW(n, f) AS r FROM t) AS s WHERE r <> ROW(0.0, 0::float8) AND r <> ALL (ARRAY[ROW(1.0, 1::float8)])');
SELECT test.create('c_join', 'SELECT a.id, b.id AS b FROM (SELECT id, ROW(n, f) AS r FROM t) AS a JOIN (SELECT id, ROW(n, f) AS r FROM t) AS b ON a.r = b.r AND a.id < b.id');
SELECT test.create('c_outer', 'SELECT a.id, b.id AS b FROM t AS a LEFT JOIN (SELECT id, ROW(n) AS r FROM t WHERE g = 1) AS b ON b.r = ROW(a.f::numeric)');
SELECT test.create('c_in', 'SELECT id FROM (SELECT id, ROW(n, f) AS r FROM t) AS s WHERE r IN (SELECT v FROM (SELECT ROW(n, f) AS v FROM u) AS x)');
SELECT test.create('c_named', 'SELECT id FROM (SELECT t.id, s AS r FROM t, LATERAL (SELECT t.g, t.n) AS s) AS x WHERE r >= ROW(1, 0.0)');

SELECT test.create('k_group', 'SELECT r = ROW(1.0, 0::float8) AS one, count(*) AS c FROM (SELECT ROW(n, f) AS r FROM t) AS s GROUP BY r');
SELECT test.create('k_group_beside', 'SELECT g, r > ROW(1, 0.5) AS more, count(*) AS c, sum(id) AS s FROM (SELECT id, g, ROW(g, n) AS r FROM t) AS s GROUP BY r, g HAVING r IS NOT NULL');
SELECT test.create('k_group_sets', 'SELECT x, GROUPING(ROW(n, x)) AS r, count(*) AS c FROM t GROUP BY ROLLUP (x, ROW(n, x))');
SELECT test.create('k_distinct', 'SELECT count(*) AS c, count(r = ROW(0.0, 0::float8)) AS zeros FROM (SELECT DISTINCT ROW(n, f) AS r FROM t) AS s');
SELECT test.create('k_distinct_beside', 'SELECT g, count(*) AS c FROM (SELECT DISTINCT g, ROW(n, f) AS r, ROW(n) AS s FROM t) AS s GROUP BY g');
SELECT test.create('k_union', 'SELECT g, count(*) AS c FROM (SELECT g, ROW(n, f) AS r FROM t UNION SELECT g, ROW(n, f) FROM u UNION SELECT 7, ROW(n, 0.0::float8) FROM t WHERE g = 2) AS s GROUP BY g');
SELECT test.create('k_intersect', 'SELECT r = ROW(1.0, 0::float8) AS one, r IS NULL AS no, g FROM (SELECT ROW(n, f) AS r, g FROM t INTERSECT SELECT ROW(n, f), g FROM u) AS s');
SELECT test.create('k_except', 'SELECT g, r < ROW(1.0, 0::float8) AS b, count(*) AS c FROM (SELECT g, ROW(n, f) AS r FROM t EXCEPT SELECT g, ROW(n, f) FROM u) AS s GROUP BY 1, 2');
SELECT test.create('k_except_all', 'SELECT r < ROW(1.0, 0::float8) AS b, g FROM (SELECT ROW(n, f) AS r, g FROM t EXCEPT ALL SELECT ROW(n, f), g FROM u) AS s');
SELECT test.create('k_intersect_all', 'SELECT r < ROW(1.0, 0::float8) AS b FROM (SELECT ROW(n, f) AS r FROM t INTERSECT ALL SELECT ROW(n, f) FROM u) AS s');
SELECT test.create('k_nested', 'SELECT r < ROW(1.0, 0::float8) AS b FROM (SELECT ROW(n, f) AS r FROM t EXCEPT (SELECT ROW(n, f) FROM u INTERSECT SELECT ROW(n, f) FROM t WHERE g = 1 UNION ALL SELECT ROW(n, f) FROM t WHERE g = 2)) AS s');
SELECT test.create('k_except_exact', 'SELECT to_jsonb(r) AS j FROM (SELECT ROW(g, x) AS r FROM t EXCEPT SELECT ROW(g, ''x1''::text) FROM u) AS s');
SELECT test.create('k_mixed', 'SELECT g, r < ROW(1.0, 0::float8) AS b FROM (SELECT id AS g, ROW(n, f) AS r FROM t INTERSECT SELECT n, ROW(n, f) FROM u) AS s');
-- rows that order and partition
SELECT test.create('k_on', 'SELECT DISTINCT ON (ROW(n, g)) id, g FROM t ORDER BY ROW(n, g), id');
SELECT test.create('k_on_beside', 'SELECT DISTINCT ON (ROW(n, g), x) id, g, to_jsonb(ROW(g, x)) AS j FROM t ORDER BY x, ROW(n, g) DESC, id');
SELECT test.create('k_on_shown', 'SELECT r < ROW(0.5, 1) AS b, id FROM (SELECT DISTINCT ON (ROW(n, g)) ROW(n, g) AS r, id FROM t ORDER BY ROW(n, g), id) AS s');
SELECT test.create('k_rank', 'SELECT id, rank() OVER (ORDER BY ROW(n, g)) AS a, dense_rank() OVER (ORDER BY ROW(g, f) DESC NULLS LAST) AS b FROM t');
SELECT test.create('k_partition', 'SELECT id, row_number() OVER (PARTITION BY ROW(n, g) ORDER BY ROW(f, x) DESC, id) AS a FROM t');
SELECT test.create('k_top', 'SELECT id FROM t ORDER BY ROW(f, n) DESC, id LIMIT 4');
SELECT test.create('k_top_ties', 'SELECT id FROM t ORDER BY ROW(f, n) NULLS FIRST FETCH FIRST 4 ROWS WITH TIES');
SELECT test.create('k_lateral', 'SELECT a.id, b.id AS b FROM t AS a, LATERAL (SELECT id FROM t WHERE t.g = a.g ORDER BY ROW(f, n), id LIMIT 2) AS b');
-- rows that a subquery has made
SELECT test.create('m_rank', 'SELECT id, rank() OVER (ORDER BY r) AS a, (r).f1 AS f FROM (SELECT id, ROW(n, g) AS r FROM t) AS s');
SELECT test.create('m_partition', 'SELECT id, r::text AS r, row_number() OVER (PARTITION BY r ORDER BY id) AS a FROM (SELECT id, ROW(f, g) AS r FROM t WHERE f <> 0) AS s');
SELECT test.create('m_levels', 'SELECT id, count(*) OVER (PARTITION BY s, q) AS a FROM (SELECT id, r AS s, ROW(id % 2, g) AS q FROM (SELECT id, g, ROW(n, x) AS r FROM t ORDER BY id) AS a) AS b');
SELECT test.create('m_above_group', 'SELECT r::text AS r, count(*) AS c FROM (SELECT ROW(count(*), sum(id)) AS r, g FROM t GROUP BY g HAVING count(*) > 1) AS s GROUP BY r');
SELECT test.create('m_above_top', 'SELECT r = ROW(1, 0) AS b, rank() OVER (ORDER BY r) AS a FROM (SELECT ROW(id, g) AS r, id FROM t ORDER BY x, id LIMIT 5) AS s');
SELECT test.create('m_lateral', 'SELECT id, v, dense_rank() OVER (ORDER BY r DESC) AS a FROM t, LATERAL (SELECT ROW(t.n, u.n) AS r, u.f AS v FROM u WHERE u.g = t.g) AS s');
-- an outer join makes NULL of them, which is no row of NULLs
SELECT test.create('m_nullable', 'SELECT t.id, r IS NOT DISTINCT FROM NULL AS none, r IS NOT DISTINCT FROM ROW(NULL::numeric, NULL::float8) AS nulls FROM t LEFT JOIN (SELECT g, ROW(n, f) AS r FROM u) AS s ON s.g = t.g');
-- rows beside windows, and in them
SELECT test.create('w_beside', 'SELECT id, (SELECT ROW(max(u.n), count(*)) FROM u WHERE u.g = t.g) = ROW(1.0, 3::bigint) AS b, rank() OVER (ORDER BY id) AS a FROM t');
SELECT test.create('w_lag', 'SELECT id, lag(ROW(n, x)) OVER (ORDER BY id)::text AS a, lead(r, 2, ROW(0.0, 0)) OVER (PARTITION BY g ORDER BY id)::text AS b FROM (SELECT *, ROW(n, g) AS r FROM t) AS s');
SELECT test.create('w_values', 'SELECT id, first_value(ROW(n, f)) OVER w::text AS a, last_value(ROW(n, f)) OVER w::text AS b, nth_value(ROW(n, f), 2) OVER w IS NOT DISTINCT FROM ROW(NULL::numeric, NULL::float8) AS c FROM t WINDOW w AS (PARTITION BY g ORDER BY id)');
SELECT test.create('w_first', 'SELECT id, first_value(ROW(n, f)) OVER (ORDER BY id)::text AS a FROM t');
SELECT test.create('w_above_group', 'SELECT r::text AS r, lag(r) OVER (ORDER BY c, s)::text AS a, ntile(2) OVER (ORDER BY c, s) AS b FROM (SELECT ROW(g, count(*)) AS r, count(*) AS c, sum(id) AS s FROM t GROUP BY g) AS q');
SELECT test.create('w_array', 'SELECT id, (a[1] = ROW(1.0, 2)) AS b, row_number() OVER (ORDER BY id) AS n FROM (SELECT id, ARRAY[ROW(n, g)] AS a FROM t) AS s');
-- what is shown is one of the equal values
SELECT test.create('k_shown', 'SELECT ROW(n, x)::text AS r, count(*) AS c FROM t WHERE g = 0 GROUP BY ROW(n, x)');
SELECT test.create('k_shown_distinct', 'SELECT r::text AS r FROM (SELECT DISTINCT ROW(n, x) AS r FROM t WHERE g = 0) AS s');

INSERT INTO t VALUES (20, 0, 7.50, '-0', 'new'), (21, 0, 7.50, '-0', 'new'), (22, NULL, NULL, NULL, NULL), (23, NULL, NULL, NULL, NULL), (24, 2, 'NaN', 'NaN', 'x');
INSERT INTO u VALUES (NULL, NULL, NULL), (0, 7.5, 0), (9, 1, 1);
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- other looks of the same values
UPDATE t SET n = n * 1.00, f = -f WHERE g IS DISTINCT FROM 0 AND f = 0;
UPDATE u SET n = n + 0.000;
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET n = 7.500 WHERE id = 20;
DELETE FROM t WHERE id = 21;
UPDATE t SET g = 1 WHERE g = 2 AND id % 2 = 0;
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET f = NULL WHERE id % 4 = 1;
UPDATE t SET n = NULL WHERE id % 5 = 1;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM u WHERE g = 0;
DELETE FROM t WHERE id % 3 = 0 OR n IS NULL;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t;
DELETE FROM u;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO t VALUES (1, 0, 1.0, 0, 'x'), (2, 0, 2, 0, 'x');
INSERT INTO u VALUES (0, 1, 0);
SELECT stream_table, run FROM test.refresh_all('DELTA');
SELECT test.drop_all();
DROP TABLE t, u;
