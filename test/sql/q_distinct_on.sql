-- DISTINCT ON: the first row of each key.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, g int, h text COLLATE "C", n numeric, v varchar(4), d date, a int[], j jsonb, b bool);
CREATE TABLE q_u (g int PRIMARY KEY, name text);
INSERT INTO q_u SELECT x, 'name ' || x FROM generate_series(0, 4) AS x;
INSERT INTO q_t SELECT x, nullif(x % 5, 4), chr(97 + x % 3), x * 7 % 11 / 4.0, 'v' || x % 4, '2024-01-01'::date + x * 3 % 7, ARRAY[x, NULL], jsonb_build_object('x', x), x % 2 = 0
  FROM generate_series(1, 40) AS x;
SELECT test.create('q_latest', 'SELECT DISTINCT ON (g) g, id, h, n, v, d, a, j FROM q_t ORDER BY g, d DESC, id');
SELECT test.create('q_two_keys', 'SELECT DISTINCT ON (g, h) id, h, g FROM q_t ORDER BY h, g, n NULLS FIRST, id DESC');
SELECT test.create('q_last', 'SELECT DISTINCT ON (g) id, n, g FROM q_t ORDER BY g, id');
-- what orders is not shown, the key is not shown, an expression is the key
SELECT test.create('q_hidden', 'SELECT DISTINCT ON (g) h, id FROM q_t ORDER BY g DESC, n DESC NULLS LAST, d, id');
SELECT test.create('q_expression', 'SELECT DISTINCT ON (id % 4, upper(h)) upper(h) AS u, n * 2 AS n2 FROM q_t ORDER BY upper(h), id % 4, id');
SELECT test.create('q_rows', 'SELECT DISTINCT ON (g, h) g, h FROM q_t');
SELECT test.create('q_using', 'SELECT DISTINCT ON (g) g, id FROM q_t ORDER BY g, v USING >, id');
-- a key whose equal values look different is that of the first row
SELECT test.create('q_inexact', 'SELECT DISTINCT ON (n) n, id FROM q_t ORDER BY n, id DESC');
-- over groups, joins, set operations; below other operators
SELECT test.create('q_grouped', 'SELECT DISTINCT ON (h) h, g, count(*) AS c FROM q_t GROUP BY g, h ORDER BY h, count(*) DESC, g');
SELECT test.create('q_joined', 'SELECT DISTINCT ON (u.name) u.name, t.id, t.n FROM q_t AS t JOIN q_u AS u USING (g) ORDER BY u.name, t.n DESC, t.id');
SELECT test.create('q_union', 'SELECT DISTINCT ON (g) g, x FROM (SELECT g, id AS x FROM q_t UNION ALL SELECT g, -g FROM q_u) AS q ORDER BY g, x');
SELECT test.create('q_below', 'SELECT h, count(*) AS c, sum(id) AS s FROM (SELECT DISTINCT ON (g) h, id FROM q_t ORDER BY g, id DESC) AS q GROUP BY h');
SELECT test.create('q_sets', 'SELECT DISTINCT ON (g) g, h, c FROM (SELECT g, h, count(*) AS c FROM q_t GROUP BY ROLLUP (g, h)) AS q ORDER BY g, h NULLS FIRST, c DESC');
SELECT test.create('q_twice', 'WITH q AS (SELECT DISTINCT ON (g) g, id FROM q_t ORDER BY g, d, id) SELECT x.id, y.id AS other FROM q AS x JOIN q AS y ON x.g = y.g');

INSERT INTO q_t SELECT x, nullif(x % 6, 4), chr(97 + x % 4), x * 5 % 13 / 4.0, 'v' || x % 3, '2024-01-03'::date + x * 2 % 5, ARRAY[x], jsonb_build_object('x', x), x % 2 = 0
  FROM generate_series(41, 50) AS x;
SELECT * FROM test.refresh_all();
-- first rows leave, change their key, change their place
DELETE FROM q_t WHERE id IN (SELECT id FROM q_latest);
UPDATE q_t SET g = g + 1 WHERE id % 7 = 0;
UPDATE q_t SET n = n * 1.00, d = d + 5 WHERE id % 5 = 0;
UPDATE q_u SET name = 'name 1' WHERE g = 2;
SELECT stream_table FROM test.refresh_all();
UPDATE q_t SET h = NULL, n = NULL, v = NULL, d = NULL, a = NULL WHERE id % 3 = 1;
SELECT stream_table FROM test.refresh_all();
DELETE FROM q_t;
SELECT stream_table FROM test.refresh_all();
INSERT INTO q_t (id, g) VALUES (1, NULL), (2, NULL), (3, 1);
SELECT stream_table FROM test.refresh_all();
SELECT * FROM q_latest ORDER BY g;
SELECT test.drop_all();
-- the rest of a large table is not read where an index leads to the key
INSERT INTO q_t SELECT x, x / 10, 'x', x % 7 FROM generate_series(1000, 30000) AS x;
CREATE INDEX ON q_t (g);
ANALYZE q_t;
SELECT test.create('q_large', 'SELECT DISTINCT ON (g) g, id, n FROM q_t ORDER BY g, n DESC, id');
UPDATE q_t SET n = 100 WHERE id IN (5005, 6006);
DELETE FROM q_t WHERE id = 7007;
SELECT test.refresh('q_large');
SELECT test.drop_all();
DROP TABLE q_t, q_u;
