-- ORDER BY with LIMIT, OFFSET and FETCH FIRST .. WITH TIES.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int, g int, n numeric, t text COLLATE "C", a int[]);
CREATE TABLE q_u (g int PRIMARY KEY, name text);
INSERT INTO q_u SELECT x, 'name ' || x FROM generate_series(0, 4) AS x;
INSERT INTO q_t SELECT x, nullif(x % 5, 4), nullif(x % 17, 3) / 4.0, 't' || x % 3, ARRAY[x, NULL] FROM generate_series(1, 40) AS x;
SELECT test.create('q_first', 'SELECT id, n, a FROM q_t ORDER BY n DESC NULLS LAST, id LIMIT 5');
SELECT test.create('q_offset', 'SELECT t, id FROM q_t ORDER BY t, id DESC LIMIT 4 OFFSET 3');
SELECT test.create('q_ties', 'SELECT id, n FROM q_t ORDER BY n DESC NULLS LAST FETCH FIRST 3 ROWS WITH TIES');
SELECT test.create('q_ties_offset', 'SELECT n FROM q_t ORDER BY n NULLS FIRST OFFSET 2 ROWS FETCH FIRST 6 ROWS WITH TIES');
-- what orders is not shown; an expression; nothing; everything
SELECT test.create('q_hidden', 'SELECT n FROM q_t ORDER BY g NULLS FIRST, id LIMIT 6');
SELECT test.create('q_expression', 'SELECT id % 3 AS m, id FROM q_t ORDER BY id % 3 + 1 DESC, id * -1 LIMIT 7');
SELECT test.create('q_none', 'SELECT id FROM q_t ORDER BY id LIMIT 0');
SELECT test.create('q_all', 'SELECT id FROM q_t ORDER BY id LIMIT ALL');
-- over groups, DISTINCT, DISTINCT ON, joins, set operations, views of one another
SELECT test.create('q_grouped', 'SELECT g, sum(n) AS s FROM q_t GROUP BY g ORDER BY count(*) DESC, g NULLS FIRST LIMIT 3');
SELECT test.create('q_distinct', 'SELECT DISTINCT g, t FROM q_t ORDER BY t DESC, g LIMIT 4 OFFSET 1');
SELECT test.create('q_on', 'SELECT DISTINCT ON (g) g, id FROM q_t ORDER BY g NULLS FIRST, n DESC, id LIMIT 3');
SELECT test.create('q_joined', 'SELECT u.name, t.id FROM q_t AS t JOIN q_u AS u USING (g) ORDER BY u.name DESC, t.id LIMIT 5');
SELECT test.create('q_union', 'SELECT id FROM q_t EXCEPT SELECT g FROM q_u ORDER BY id LIMIT 5');
-- below other operators
SELECT test.create('q_below', 'SELECT count(*) AS c, sum(id) AS s FROM (SELECT id FROM q_t ORDER BY n DESC NULLS LAST, id LIMIT 10) AS q');
SELECT test.create('q_twice', 'WITH q AS (SELECT id, g FROM q_t ORDER BY id DESC LIMIT 8) SELECT x.id, y.id AS other FROM q AS x JOIN q AS y ON x.g = y.g');
SELECT test.create('q_arm', '(SELECT id FROM q_t ORDER BY id LIMIT 3) UNION ALL (SELECT id FROM q_t ORDER BY id DESC LIMIT 2)');

INSERT INTO q_t SELECT x, nullif(x % 6, 4), (x % 13) / 4.0, 't' || x % 4, ARRAY[x] FROM generate_series(41, 60) AS x;
SELECT * FROM test.refresh_all() WHERE stream_table <> 'q_none';
-- what is shown leaves, moves and comes back; twins
DELETE FROM q_t WHERE id IN (SELECT id FROM q_first) OR id % 9 = 1;
UPDATE q_t SET n = n + 0.25, t = 't0' WHERE id % 4 = 0;
INSERT INTO q_t SELECT * FROM q_t WHERE id % 10 = 2;
SELECT stream_table FROM test.refresh_all();
UPDATE q_t SET n = NULL WHERE id % 2 = 0;
UPDATE q_u SET name = 'z' WHERE g = 1;
SELECT stream_table FROM test.refresh_all();
DELETE FROM q_t WHERE id > 3;
SELECT stream_table FROM test.refresh_all();
DELETE FROM q_t;
SELECT stream_table FROM test.refresh_all();
INSERT INTO q_t VALUES (1, 1, 1.00, 'a', NULL), (2, 1, 1.00, 'a', NULL), (2, 1, 1.00, 'a', NULL);
SELECT stream_table FROM test.refresh_all();
SELECT test.drop_all();

-- below and above what else has states; types without order; no ORDER BY at all
ALTER TABLE q_t ADD j json, ADD x point;
INSERT INTO q_t SELECT i, i % 4, i % 3, 't' || i % 3, NULL, json_build_object('a', i % 3), point(i, i) FROM generate_series(1, 30) AS i;
SELECT test.create('q_json', 'SELECT id, j, x FROM q_t ORDER BY g, id, n LIMIT 4');
SELECT test.create('q_json_on', 'SELECT DISTINCT ON (g) g, j, x FROM q_t ORDER BY g, id DESC');
SELECT test.create('q_unordered', 'SELECT count(*) AS c FROM (SELECT j FROM q_t LIMIT 7) AS q');
SELECT test.create('q_sets', 'SELECT unnest(ARRAY[id, -id]) AS u FROM q_t ORDER BY u LIMIT 5 OFFSET 1');
SELECT test.create('q_left', 'SELECT a.id, b.id AS other FROM q_t AS a LEFT JOIN q_t AS b ON b.id = a.id + 20 ORDER BY a.id DESC, b.id LIMIT 15');
SELECT test.create('q_in', 'SELECT id FROM q_t WHERE g IN (SELECT g FROM q_t ORDER BY id, n LIMIT 2) ORDER BY id LIMIT 100');
SELECT test.create('q_scalar', 'SELECT (SELECT sum(id) FROM (SELECT id FROM q_t ORDER BY id DESC LIMIT 3) AS q) AS s, count(*) AS c FROM q_t');
DELETE FROM q_t WHERE id % 5 = 0;
UPDATE q_t SET g = g + 1 WHERE id % 3 = 1;
SELECT * FROM test.refresh_all();
DELETE FROM q_t WHERE id > 2;
SELECT stream_table FROM test.refresh_all();
SELECT test.drop_all();
TRUNCATE q_t;

-- a large table: what is behind the state does not matter, and when too few
-- rows are left the state is filled again
INSERT INTO q_t (id, g, n, t) SELECT x, x % 7, x, 'x' FROM generate_series(1000, 40000) AS x;
CREATE INDEX ON q_t (id);
ANALYZE q_t;
SELECT test.create('q_large', 'SELECT id, n FROM q_t ORDER BY id DESC LIMIT 10 OFFSET 5');
UPDATE q_t SET n = n + 1 WHERE id BETWEEN 2000 AND 2010 OR id = 39990;
SELECT test.refresh('q_large');
-- the state holds 115 rows: these are gone beyond what it can make up for
DELETE FROM q_t WHERE id > 39899;
SELECT test.refresh('q_large', max_rows => 3000);
DELETE FROM q_t WHERE id > 39890 AND id <= 39899;
INSERT INTO q_t (id, g, n, t) SELECT x, 1, x, 'y' FROM generate_series(39000, 39020) AS x;
SELECT test.refresh('q_large');
DELETE FROM q_t WHERE id > 39700;
SELECT test.refresh('q_large', max_rows => 30000);
SELECT min(id), max(id), count(*) FROM q_large;
-- rows from behind the last one of the state come before it, one by one
UPDATE q_t SET id = 50000 + id WHERE id BETWEEN 5000 AND 5200;
SELECT test.refresh('q_large', max_rows => 30000);
SELECT test.drop_all();

-- the last row of the state is one of many that look alike, of which more leave than the state holds
TRUNCATE q_t;
INSERT INTO q_t (id, g) SELECT x % 4, 1 FROM generate_series(0, 799) AS x;
SELECT test.create('q_alike', 'SELECT id FROM q_t ORDER BY id LIMIT 150');
SELECT test.create('q_alike_below', 'SELECT count(*) AS c, sum(x.id) AS s FROM (SELECT id FROM q_t ORDER BY id LIMIT (SELECT 120)) AS x');
DELETE FROM q_t WHERE ctid IN (SELECT ctid FROM q_t WHERE id = 1 LIMIT 180);
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM q_t WHERE ctid IN (SELECT ctid FROM q_t WHERE id = 0 LIMIT 100);
SELECT * FROM test.refresh_all('DELTA');
INSERT INTO q_t (id, g) SELECT 1, 1 FROM generate_series(1, 300);
DELETE FROM q_t WHERE id = 0;
SELECT * FROM test.refresh_all('DELTA');
SELECT test.drop_all();

-- what comes behind the last row by the first column of the order is not looked at:
-- columns with few values, NULLs at either end, ties
TRUNCATE q_t;
INSERT INTO q_t (id, g, n, t) SELECT x, nullif(x % 3, 2), nullif(x % 50, 7), 't' || x % 9 FROM generate_series(1, 600) AS x;
SELECT test.create('q_few', 'SELECT id, g FROM q_t ORDER BY g, id LIMIT 4');
SELECT test.create('q_nulls_first', 'SELECT id, g FROM q_t ORDER BY g DESC, id DESC LIMIT 7');
SELECT test.create('q_only_nulls', 'SELECT id, n FROM q_t ORDER BY n NULLS FIRST, id LIMIT 3');
SELECT test.create('q_nulls_last', 'SELECT id, n FROM q_t ORDER BY n DESC NULLS LAST, t COLLATE "C", id LIMIT 6 OFFSET 2');
SELECT test.create('q_tied', 'SELECT n, id FROM q_t ORDER BY n FETCH FIRST 2 ROWS WITH TIES');
SELECT test.create('q_limited', 'SELECT x.id FROM (SELECT id FROM q_t ORDER BY n, id LIMIT (SELECT min(g) + 3 FROM q_u)) AS x');
INSERT INTO q_t (id, g, n, t) VALUES (0, 0, 0.5, 't'), (-1, NULL, NULL, 't'), (-2, 1, 49, 'a'), (700, 1, 49.0, 't0'), (701, 0, 0.00, 't'), (702, 9, 99, 't');
UPDATE q_t SET n = 49.5 WHERE id % 60 = 11;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM q_t WHERE id % 50 IN (0, 49) AND id > 300 OR id < 3;
SELECT * FROM test.refresh_all('DELTA');
UPDATE q_t SET n = NULL, g = NULL WHERE id % 2 = 0;
SELECT stream_table FROM test.refresh_all();
UPDATE q_t SET n = id, g = 0 WHERE n IS NULL;
SELECT stream_table FROM test.refresh_all();
SELECT test.drop_all();
DROP TABLE q_t, q_u;
