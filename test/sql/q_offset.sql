-- OFFSET without LIMIT, in FROM, and LIMIT of so many rows that they are numbered, not kept.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE t (id int PRIMARY KEY, g int, n numeric, j json);
CREATE TABLE u (id int PRIMARY KEY, g int);
INSERT INTO t SELECT x, x % 4, x / 4.0, json_build_object('x', x) FROM generate_series(1, 30) AS x;
INSERT INTO u SELECT x, x % 3 FROM generate_series(1, 9) AS x;
SELECT test.create('o_rest', 'SELECT x.id, x.n FROM (SELECT id, n FROM t ORDER BY n DESC, id OFFSET 5) AS x');
SELECT test.create('o_hidden', 'SELECT x.id FROM (SELECT id FROM t ORDER BY g, n, id OFFSET 12) AS x');
SELECT test.create('o_groups', 'SELECT x.g, x.s FROM (SELECT g, sum(n) AS s FROM t GROUP BY g ORDER BY sum(n), g OFFSET 1) AS x');
SELECT test.create('o_distinct', 'SELECT x.g FROM (SELECT DISTINCT g FROM t ORDER BY g DESC OFFSET 2) AS x');
SELECT test.create('o_distinct_on', 'SELECT x.g, x.id FROM (SELECT DISTINCT ON (g) g, id FROM t ORDER BY g, n DESC OFFSET 1) AS x');
SELECT test.create('o_union', 'SELECT x.id FROM (SELECT id FROM t UNION ALL SELECT -id FROM u ORDER BY id OFFSET 20) AS x');
SELECT test.create('o_joined', 'SELECT u.id, x.id AS t FROM u LEFT JOIN (SELECT id, g FROM t ORDER BY id OFFSET 3) AS x ON x.g = u.g');
SELECT test.create('o_json', 'SELECT x.id, x.j FROM (SELECT id, j FROM t ORDER BY id OFFSET 3) AS x');
SELECT test.create('o_many', 'SELECT id, n FROM t ORDER BY n, id LIMIT 200000');
SELECT test.create('o_far', 'SELECT x.id FROM (SELECT id FROM t ORDER BY id LIMIT 9223372036854775807 OFFSET 2) AS x');
SELECT test.create('o_beyond', 'SELECT id FROM t ORDER BY id LIMIT 3 OFFSET 200000');
SET client_min_messages = warning;
INSERT INTO t VALUES (0, 1, 99, '1'), (40, NULL, NULL, NULL);
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET n = 0.50 WHERE id IN (20, 21);
UPDATE t SET g = 9 WHERE id < 5;
DELETE FROM u WHERE id > 7;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t WHERE id BETWEEN 3 AND 12;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO t SELECT x, x % 2, x, '{}' FROM generate_series(1, 8) AS x;
SELECT stream_table, run FROM test.refresh_all('DELTA');
RESET client_min_messages;
SELECT test.create('o_ties', 'SELECT x.n FROM (SELECT n FROM t ORDER BY n FETCH FIRST 200000 ROWS WITH TIES) AS x', 'AUTO');
SELECT test.drop_all();
DROP TABLE t, u;
