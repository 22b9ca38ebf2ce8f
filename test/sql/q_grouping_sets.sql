-- GROUPING SETS, ROLLUP, CUBE and GROUPING().
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE TABLE q_t (id int PRIMARY KEY, g int, h varchar(5) COLLATE "C", n numeric(6,2), d date, b bool);
CREATE TABLE q_u (g int PRIMARY KEY, name text);
INSERT INTO q_u SELECT x, 'name ' || x % 2 FROM generate_series(0, 4) AS x;
INSERT INTO q_t SELECT x, nullif(x % 5, 4), chr(97 + x % 3), x / 8.0, '2024-01-01'::date + x % 2, x % 2 = 0 FROM generate_series(1, 30) AS x;
SELECT test.create('q_rollup', 'SELECT g, h, count(*) AS c, sum(n) AS s FROM q_t GROUP BY ROLLUP (g, h)');
SELECT test.create('q_cube', 'SELECT g, h, d, count(*) AS c, max(n) AS m, GROUPING(g, h, d) AS i FROM q_t GROUP BY CUBE (g, h, d)');
SELECT test.create('q_sets', 'SELECT g, h, avg(n) AS a FROM q_t GROUP BY GROUPING SETS ((g), (h), (g, h), ())');
SELECT test.create('q_twice', 'SELECT g, count(*) AS c FROM q_t GROUP BY GROUPING SETS ((g), (g), (), ())');
SELECT test.create('q_distinct_sets', 'SELECT g, h, count(*) AS c FROM q_t GROUP BY DISTINCT ROLLUP (g, h), ROLLUP (g)');
SELECT test.create('q_mixed', 'SELECT g, h, d, count(*) AS c FROM q_t GROUP BY g, ROLLUP (h, d)');
SELECT test.create('q_nested', 'SELECT g, h, d, sum(id) AS s FROM q_t GROUP BY GROUPING SETS (ROLLUP (g, h), CUBE (d), GROUPING SETS ((g, d)))');
-- a key within an expression, an expression as key, a key as argument, a key that is not shown
SELECT test.create('q_inside', 'SELECT coalesce(g, -1) AS g0, g + 1 AS g1, sum(g) AS s, count(g) FILTER (WHERE b) AS f FROM q_t GROUP BY ROLLUP (g)');
SELECT test.create('q_expression', 'SELECT g + 1 AS g1, g, (g + 1) * 2 AS g2, count(*) AS c FROM q_t GROUP BY GROUPING SETS ((g + 1), (g), (g + 1, g))');
SELECT test.create('q_hidden', 'SELECT sum(n) AS s, GROUPING(h) AS i FROM q_t GROUP BY CUBE (g, h)');
SELECT test.create('q_constant', 'SELECT ''x''::text AS x, ''x''::text || h AS xh, count(*) AS c FROM q_t GROUP BY GROUPING SETS ((1), (h))');
SELECT test.create('q_dependent', 'SELECT id, h, count(*) AS c FROM q_t GROUP BY GROUPING SETS ((id, g), (id, d))');
SELECT test.create('q_case', 'SELECT CASE GROUPING(g) WHEN 1 THEN ''all'' ELSE g::text END AS label, count(*) AS c FROM q_t GROUP BY ROLLUP (g) HAVING count(*) > 5 OR GROUPING(g) = 1');
-- no column is grouped; only aggregates that are computed again; HAVING on a set
SELECT test.create('q_empty_set', 'SELECT count(*) AS c, min(h) AS m FROM q_t GROUP BY ()');
SELECT test.create('q_no_aggregate', 'SELECT g, b FROM q_t GROUP BY CUBE (g, b)');
SELECT test.create('q_list', 'SELECT g, string_agg(h, '','' ORDER BY id) AS l, percentile_disc(0.5) WITHIN GROUP (ORDER BY n) AS p FROM q_t GROUP BY ROLLUP (g)');
SELECT test.create('q_direct', 'SELECT g, rank(g) WITHIN GROUP (ORDER BY id) AS r FROM q_t GROUP BY ROLLUP (g)');
SELECT test.create('q_having', 'SELECT g, h, sum(n) AS s FROM q_t GROUP BY CUBE (g, h) HAVING g IS NULL OR sum(n) > 4');
-- over joins and below other operators
SELECT test.create('q_joined', 'SELECT u.name, t.h, count(*) AS c, sum(t.n) AS s FROM q_t AS t JOIN q_u AS u USING (g) GROUP BY ROLLUP (u.name, t.h)');
SELECT test.create('q_above', 'SELECT i, count(*) AS c, sum(c) AS s FROM (SELECT g, h, count(*) AS c, GROUPING(g, h) AS i FROM q_t GROUP BY CUBE (g, h)) AS x GROUP BY i');
SELECT test.create('q_distinct', 'SELECT DISTINCT h, count(*) AS c FROM q_t GROUP BY ROLLUP (g, h)');
SELECT test.create('q_except', 'SELECT g FROM q_t GROUP BY ROLLUP (g) EXCEPT ALL SELECT g FROM q_t WHERE id < 3');
-- the sets of one query share the join: one state for each set that differs
SELECT pgt_name, cardinality(states) AS states
  FROM pgtrickle.stream_table_internals JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
 WHERE pgt_name IN ('q_rollup', 'q_twice', 'q_distinct_sets', 'q_joined') ORDER BY pgt_id;

INSERT INTO q_t SELECT x, nullif(x % 5, 4), chr(97 + x % 4), x / 8.0, '2024-01-01'::date + x % 3, x % 2 = 0 FROM generate_series(31, 40) AS x;
SELECT * FROM test.refresh_all();
UPDATE q_t SET g = NULL, h = 'z' WHERE id % 4 = 1;
DELETE FROM q_t WHERE h = 'b' OR id % 7 = 0;
UPDATE q_u SET name = 'other' WHERE g < 2;
SELECT stream_table FROM test.refresh_all();
-- only the empty set has a row without input
DELETE FROM q_t;
SELECT stream_table FROM test.refresh_all();
SELECT count(*) FROM q_rollup;
SELECT * FROM q_twice;
SELECT count(*) FROM q_mixed;
INSERT INTO q_t (id, g, n) VALUES (1, NULL, 1), (2, NULL, 2), (3, 1, 7);
SELECT count(pgtrickle.refresh_stream_table(pgt_name)) FROM (SELECT pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id) AS s;
SELECT count(test.assert_fresh(pgt_name)) FROM pgtrickle.pgt_stream_tables;
SELECT test.drop_all();
-- subqueries above the sets: of keys, which are NULL where a set lacks them, and of nothing
CREATE TABLE gs_t (a int, b text, n numeric);
CREATE TABLE gs_v (a int, b text, w int);
INSERT INTO gs_t VALUES (1, 'x', 1.0), (1, 'y', 2.50), (2, 'x', 3), (NULL, 'x', 4), (2, NULL, NULL);
INSERT INTO gs_v VALUES (1, 'x', 10), (NULL, 'y', 20), (3, 'z', 30);
SELECT test.create('gs_scalar', 'SELECT a, b, sum(n) AS s, (SELECT max(w) FROM gs_v) AS m FROM gs_t GROUP BY ROLLUP (a, b)');
SELECT test.create('gs_correlated', 'SELECT a, count(*) AS c, GROUPING(a) AS g, (SELECT sum(w) FROM gs_v WHERE gs_v.a = gs_t.a) AS m FROM gs_t GROUP BY CUBE (a, b)');
SELECT test.create('gs_exists', 'SELECT a, b, sum(n) AS s FROM gs_t GROUP BY GROUPING SETS ((a), (b), ()) HAVING NOT EXISTS (SELECT FROM gs_v WHERE gs_v.a = gs_t.a)');
SELECT test.create('gs_in', 'SELECT DISTINCT b IN (SELECT b FROM gs_v) AS known, count(*) AS c FROM gs_t GROUP BY ROLLUP (b)');
SELECT test.create('gs_having', 'SELECT a + 1 AS k, count(*) AS c FROM gs_t GROUP BY ROLLUP (a + 1) HAVING count(*) > (SELECT count(*) FROM gs_v WHERE w > 15) ORDER BY 2');
SELECT test.create('gs_inside', 'SELECT a, sum((SELECT max(w) FROM gs_v WHERE gs_v.a = gs_t.a)) AS s FROM gs_t GROUP BY ROLLUP (a)', 'AUTO');
SELECT pgtrickle.drop_stream_table('gs_inside');
INSERT INTO gs_t VALUES (3, 'z', 5), (1, 'x', 1.00);
INSERT INTO gs_v VALUES (2, 'x', 40), (1, 'q', -1);
SELECT stream_table, run FROM test.refresh_all();
UPDATE gs_t SET a = a + 1 WHERE b = 'x';
UPDATE gs_v SET a = 1 WHERE a IS NULL;
DELETE FROM gs_v WHERE w = 40;
SELECT stream_table, run FROM test.refresh_all();
DELETE FROM gs_t WHERE a = 2;
DELETE FROM gs_v;
SELECT stream_table, run FROM test.refresh_all();
DELETE FROM gs_t;
SELECT stream_table, run FROM test.refresh_all();
INSERT INTO gs_t VALUES (NULL, NULL, NULL);
INSERT INTO gs_v VALUES (NULL, NULL, NULL);
SELECT stream_table, run FROM test.refresh_all();
SELECT test.drop_all();
DROP TABLE gs_t, gs_v;
\set VERBOSITY terse
SELECT pgtrickle.create_stream_table('q_x', 'SELECT count(*) AS c FROM q_t GROUP BY CUBE (id, g, h, n, d, b, id + 1)', refresh_mode => 'DIFFERENTIAL');
\set VERBOSITY default
DROP TABLE q_t, q_u;
