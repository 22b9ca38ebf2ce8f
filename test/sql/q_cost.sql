-- Mode, reason, rows and pages read of every construct: one row of 20,000 changes.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, g int, h text, i int, n numeric, f float8, b bool, t text, d date, a int[]);
CREATE INDEX ON q_t (g);
INSERT INTO q_t SELECT x, x / 10, 'h' || x % 3, x % 7, x / 4.0, x / 8.0, x % 2 = 0, 't' || x, '2024-01-01'::date + x % 300, ARRAY[x % 2, x % 3]
  FROM generate_series(1, 20000) AS x;
VACUUM ANALYZE q_t;
CREATE VIEW q_v AS SELECT id, g, n FROM q_t WHERE i < 3;
CREATE AGGREGATE q_product(float8) (sfunc = float8mul, stype = float8, initcond = 1);
CREATE TABLE q_constructs (name text PRIMARY KEY, query text);
INSERT INTO q_constructs VALUES
    ('q_01_columns', 'SELECT id, g, t FROM q_t WHERE id BETWEEN 9000 AND 11000'),
    ('q_02_expressions', 'SELECT id, upper(t) AS u, CASE WHEN i > 3 THEN n END AS n FROM q_t WHERE i % 2 = 1'),
    ('q_03_no_key', 'SELECT h, i FROM q_t WHERE id > 19000'),
    ('q_04_count_sum', 'SELECT g, count(*) AS c, count(n) AS k, sum(i) AS s, avg(n) AS a FROM q_t GROUP BY g'),
    ('q_05_few_groups', 'SELECT i, count(*) AS c, sum(n) AS s FROM q_t GROUP BY i'),
    ('q_06_no_group', 'SELECT count(*) AS c, sum(n) AS s, bool_or(b) AS o FROM q_t'),
    ('q_07_min_max', 'SELECT g, min(t) AS mi, max(n) AS ma FROM q_t GROUP BY g'),
    ('q_08_bool', 'SELECT g, bool_and(b) AS a, every(i > 2) AS e FROM q_t GROUP BY g'),
    ('q_09_float', 'SELECT g, sum(f) AS s, avg(f) AS a FROM q_t GROUP BY g'),
    ('q_10_variance', 'SELECT g, variance(i) AS v, stddev(n) AS s FROM q_t GROUP BY g'),
    ('q_11_lists', $$SELECT g, string_agg(t, ',' ORDER BY id) AS s, array_agg(id ORDER BY id) AS a, jsonb_agg(i ORDER BY id) AS j FROM q_t GROUP BY g$$),
    ('q_12_ordered_set', 'SELECT g, percentile_cont(0.5) WITHIN GROUP (ORDER BY f) AS p, mode() WITHIN GROUP (ORDER BY i) AS m FROM q_t GROUP BY g'),
    ('q_13_distinct_aggregate', 'SELECT g, count(DISTINCT i) AS c FROM q_t GROUP BY g'),
    ('q_14_filter', 'SELECT g, count(*) FILTER (WHERE b) AS c, sum(n) FILTER (WHERE i > 2) AS s FROM q_t GROUP BY g'),
    ('q_15_having', 'SELECT g, count(*) AS c FROM q_t GROUP BY g HAVING count(*) > 9 AND sum(i) > 20'),
    ('q_16_user', 'SELECT g, q_product(f) AS p FROM q_t GROUP BY g'),
    ('q_17_distinct', 'SELECT DISTINCT g, h FROM q_t'),
    ('q_18_distinct_few', 'SELECT DISTINCT i, b FROM q_t'),
    ('q_19_union_all', 'SELECT id, g FROM q_t WHERE i = 1 UNION ALL SELECT id, i FROM q_t WHERE i = 2'),
    ('q_20_union', 'SELECT g FROM q_t WHERE i = 1 UNION SELECT i FROM q_t'),
    ('q_21_view', 'SELECT g, sum(n) AS s FROM q_v GROUP BY g'),
    ('q_22_cte', 'WITH q AS (SELECT id, g, n * 2 AS n2 FROM q_t WHERE b) SELECT id, n2 FROM q WHERE g > 1500'),
    ('q_23_series', 'SELECT id, unnest(a) AS x FROM q_t WHERE id > 18000'),
    ('q_24_nested', 'SELECT c, count(*) AS n FROM (SELECT g, count(*) AS c FROM q_t GROUP BY g) AS x GROUP BY c'),
    ('q_25_above', 'SELECT s % 5 AS k, count(*) AS n FROM q_04_count_sum GROUP BY s % 5');
\o /dev/null
SELECT test.create(name, query) FROM (SELECT * FROM q_constructs ORDER BY name) AS x;
\o
-- a run that reads the source again reads 1,000 rows more at least; some 800 are those of catalogs
UPDATE q_t SET n = n + 1, i = 8, f = 0, t = 'new', b = NOT b WHERE id = 10001;
SELECT name, test.refresh(name, 'DIFFERENTIAL', 1000, 300) FROM (SELECT * FROM q_constructs ORDER BY name) AS x;
UPDATE q_t SET g = 7, h = 'x' WHERE id = 19998;
SELECT name, test.refresh(name, 'DIFFERENTIAL', 1000, 300) FROM (SELECT * FROM q_constructs ORDER BY name) AS x;
DELETE FROM q_t WHERE id = 19990;
SELECT name, test.refresh(name, 'DIFFERENTIAL', 1000, 300) FROM (SELECT * FROM q_constructs ORDER BY name) AS x;
INSERT INTO q_t VALUES (30000, 1999, 'h1', 1, 1.5, 2.5, true, 't', '2024-05-05', '{1,2}');
SELECT name, test.refresh(name, 'DIFFERENTIAL', 1000, 300) FROM (SELECT * FROM q_constructs ORDER BY name) AS x;
-- what the limits are for
\set VERBOSITY terse
CREATE TABLE q_n AS SELECT x AS id, x % 3 AS g FROM generate_series(1, 20000) AS x;
SELECT test.create('q_recomputed', 'SELECT DISTINCT ON (g) g, id FROM q_n ORDER BY g, id', 'FULL');
SELECT test.create('q_no_index', 'SELECT g, array_agg(id ORDER BY id) AS a FROM q_n GROUP BY g');
INSERT INTO q_n VALUES (20001, 1);
SELECT test.refresh('q_recomputed', 'FULL', 1000, 300);
SELECT test.refresh('q_no_index');
SELECT test.drop_all();
DROP TABLE q_t, q_n, q_constructs CASCADE;
DROP AGGREGATE q_product(float8);
