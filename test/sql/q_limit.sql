-- LIMIT and OFFSET by a subquery, in FROM: the first rows are kept as those of a
-- constant are (rule E13), and all change when the number does.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE t (id int PRIMARY KEY, g int, n numeric, s text);
CREATE TABLE u (id int PRIMARY KEY, g int);
CREATE TABLE c (name text PRIMARY KEY, n int);
INSERT INTO t SELECT x, x % 4, x * 7 % 30 / 4.0, 's' || x % 3 FROM generate_series(1, 300) AS x;
INSERT INTO u SELECT x, x % 3 FROM generate_series(1, 5) AS x;
INSERT INTO c VALUES ('limit', 4), ('offset', 2), ('none', NULL);
SELECT test.create('l_limit', 'SELECT x.id, x.n FROM (SELECT id, n FROM t ORDER BY n DESC, id LIMIT (SELECT n FROM c WHERE name = ''limit'')) AS x');
SELECT test.create('l_both', 'SELECT x.id FROM (SELECT id FROM t ORDER BY n, id LIMIT (SELECT count(*) FROM u) * 2 OFFSET (SELECT n FROM c WHERE name = ''offset'')) AS x');
SELECT test.create('l_ties', 'SELECT x.n, x.id FROM (SELECT n, id FROM t ORDER BY n FETCH FIRST (SELECT n FROM c WHERE name = ''limit'') ROWS WITH TIES) AS x');
SELECT test.create('l_none', 'SELECT x.id FROM (SELECT id FROM t ORDER BY g, id LIMIT (SELECT n FROM c WHERE name = ''none'') OFFSET 3) AS x');
SELECT test.create('l_offset', 'SELECT x.id FROM (SELECT id FROM t ORDER BY n DESC, id OFFSET (SELECT max(g) FROM u)) AS x');
SELECT test.create('l_groups', 'SELECT x.g, x.s FROM (SELECT g, sum(n) AS s FROM t GROUP BY g ORDER BY sum(n) DESC, g LIMIT (SELECT count(*) FROM u WHERE g = 1)) AS x');
SELECT test.create('l_union', 'SELECT x.id FROM (SELECT id FROM t UNION ALL SELECT -id FROM u ORDER BY id LIMIT (SELECT n FROM c WHERE name = ''limit'') OFFSET 1) AS x');
SELECT test.create('l_joined', 'SELECT u.id, x.id AS t FROM u LEFT JOIN (SELECT DISTINCT ON (g) g, id FROM t ORDER BY g, n DESC, id LIMIT (SELECT n FROM c WHERE name = ''limit'') / 2 + 1) AS x ON x.g = u.g');
SELECT test.create('l_missing', 'SELECT count(*) AS n FROM (SELECT id FROM t ORDER BY id LIMIT (SELECT n FROM c WHERE name = ''no such'')) AS x');
SELECT test.create('l_in', 'SELECT id FROM u WHERE id IN (SELECT g FROM t ORDER BY id LIMIT (SELECT n FROM c WHERE name = ''offset''))');

SET client_min_messages = warning;
INSERT INTO t VALUES (0, 1, 99, 's'), (400, NULL, NULL, NULL), (401, 1, -1, 's');
SELECT * FROM test.refresh_all('DELTA');
-- a few more, many more, fewer than are kept, all and none
UPDATE c SET n = n + 2 WHERE name = 'limit';
UPDATE c SET n = 3 WHERE name = 'none';
SELECT * FROM test.refresh_all('DELTA');
UPDATE c SET n = 250 WHERE name = 'limit';
DELETE FROM u WHERE id = 1;
DELETE FROM t WHERE id IN (0, 401, 17);
SELECT * FROM test.refresh_all('DELTA');
UPDATE c SET n = 120 WHERE name = 'offset';
UPDATE c SET n = 3 WHERE name = 'limit';
INSERT INTO c VALUES ('no such', 7);
SELECT * FROM test.refresh_all('DELTA');
-- the kept ones are used up
DELETE FROM t WHERE id % 30 <> 7;
SELECT * FROM test.refresh_all('DELTA');
UPDATE c SET n = 0;
INSERT INTO t SELECT x, x % 5, x % 9, 's' FROM generate_series(500, 520) AS x;
SELECT * FROM test.refresh_all('DELTA');
UPDATE c SET n = NULL;
DELETE FROM u;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM t;
SELECT * FROM test.refresh_all('DELTA');
INSERT INTO t SELECT x, x % 2, x, 's' FROM generate_series(1, 8) AS x;
INSERT INTO u VALUES (1, 1), (2, 1);
UPDATE c SET n = 2;
SELECT * FROM test.refresh_all('DELTA');
-- what LIMIT does not accept
UPDATE c SET n = -1 WHERE name = 'limit';
SELECT pgtrickle.refresh_stream_table('l_limit');
UPDATE c SET n = -1 WHERE name = 'offset';
SELECT pgtrickle.refresh_stream_table('l_both');
UPDATE c SET n = 1;
SELECT * FROM test.refresh_all('DELTA');
RESET client_min_messages;
SELECT test.create('l_outer', 'SELECT u.id, x.id AS t FROM u, LATERAL (SELECT id FROM t ORDER BY id LIMIT u.g) AS x', 'AUTO');
SELECT test.create('l_top', 'SELECT id FROM t ORDER BY id LIMIT (SELECT n FROM c WHERE name = ''limit'')', 'AUTO');
SELECT test.drop_all();
DROP TABLE t, u, c;

-- The cost: as long as the number stays, that of the rows that are kept.
CREATE TABLE t (id int PRIMARY KEY, n int);
CREATE TABLE c (n int);
INSERT INTO t SELECT x, x * 7 % 20000 FROM generate_series(1, 20000) AS x;
INSERT INTO c VALUES (5);
ANALYZE;
SELECT test.create('l_cost', 'SELECT x.id FROM (SELECT id, n FROM t ORDER BY n DESC, id LIMIT (SELECT n FROM c)) AS x');
ANALYZE;
INSERT INTO t VALUES (20001, 30000), (20002, -1);
SELECT test.refresh('l_cost', 'DIFFERENTIAL', 1500, 300);
DELETE FROM t WHERE n >= 19999;
SELECT test.refresh('l_cost', 'DIFFERENTIAL', 1500, 300);
SELECT test.drop_all();
DROP TABLE t, c;
