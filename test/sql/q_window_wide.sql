-- Windows in the order of columns whose values may be wider than an index can
-- hold: long ones are compared one by one (rule E10).
-- A server without ICU has nothing to test (q_window_wide_1.out).
SELECT test.lacks('icu') AS lacks \gset
\if :lacks
\quit
\endif
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE COLLATION q_wide_nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE q_wide_pair AS (x int, y text);
CREATE DOMAIN q_wide_name AS text;
CREATE TABLE t (id int PRIMARY KEY, s text, n numeric, l text COLLATE q_wide_nocase, a int[], p q_wide_pair, d q_wide_name NOT NULL, j jsonb, b bytea);
INSERT INTO t SELECT x, nullif('s' || x % 7, 's3'), nullif(x % 6, 2) / 4.0, CASE x % 4 WHEN 0 THEN 'Ab' WHEN 1 THEN 'aB' WHEN 2 THEN NULL ELSE 'c' END,
    nullif(ARRAY[x % 3, x], ARRAY[2, 5]), CASE WHEN x % 5 > 0 THEN ROW(nullif(x % 3, 1), nullif('p' || x % 2, 'p1'))::q_wide_pair END,
    'd' || x % 4, to_jsonb(x % 5), decode(lpad(to_hex(x % 9), 2, '0'), 'hex') FROM generate_series(1, 30) AS x;

SELECT test.create('w_text', 'SELECT id, row_number() OVER (ORDER BY s, id) AS r, lag(id) OVER (ORDER BY s, id) AS l, dense_rank() OVER (ORDER BY s DESC NULLS LAST) AS d FROM t');
SELECT test.create('w_numeric', 'SELECT id, rank() OVER (ORDER BY n) AS r, sum(id) OVER (ORDER BY n DESC NULLS LAST) AS s, count(*) OVER (ORDER BY n RANGE BETWEEN 0.5 PRECEDING AND 0.25 FOLLOWING) AS c FROM t');
SELECT test.create('w_nocase', 'SELECT id, rank() OVER (ORDER BY l) AS r, lead(id) OVER (ORDER BY l NULLS FIRST, id) AS e, count(l) OVER (PARTITION BY l ORDER BY s) AS c, max(l) OVER (ORDER BY id) AS m FROM t');
SELECT test.create('w_array', 'SELECT id, lag(id) OVER (ORDER BY a, id) AS l, sum(id) OVER (PARTITION BY a[1] ORDER BY a DESC) AS s FROM t');
SELECT test.create('w_row', 'SELECT id, rank() OVER (ORDER BY p) AS r, lead(id) OVER (ORDER BY p DESC NULLS FIRST, id) AS l, max(id) OVER (ORDER BY p GROUPS 1 PRECEDING) AS m FROM t');
SELECT test.create('w_domain', 'SELECT id, first_value(id) OVER (ORDER BY d, id) AS f, count(*) OVER (ORDER BY d GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS c FROM t');
SELECT test.create('w_jsonb', 'SELECT id, rank() OVER (ORDER BY j) AS r, lag(j) OVER (ORDER BY b, id) AS l, max(id) OVER (ORDER BY b DESC) AS m FROM t');
SELECT test.create('w_back', 'SELECT id, sum(id) OVER (ORDER BY s, id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS s, last_value(s) OVER (ORDER BY s, id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS e, min(n) OVER (ORDER BY s) AS m FROM t');

SET client_min_messages = warning;
UPDATE t SET s = 's1', n = n + 0.250, l = 'AB', j = '{"a": 1}' WHERE id IN (3, 14);
INSERT INTO t VALUES (31, NULL, NULL, NULL, NULL, NULL, '', NULL, NULL), (32, '', 'NaN', '', '{}', ROW(NULL, NULL)::q_wide_pair, 'z', 'null', '');
SELECT * FROM test.refresh_all('DELTA');
-- what no index holds: several of them, equal, first and last of the order
INSERT INTO t SELECT x, repeat('s', 500000 + x % 2), (CASE x % 2 WHEN 0 THEN '-1e5000' ELSE '1e5000' END)::numeric, repeat('b', 5000 + x % 3), array_fill(x % 2, ARRAY[3000]),
    ROW(1, repeat('p', 4000))::q_wide_pair, repeat('d', 9000 + x), to_jsonb(repeat('j', 3000)), decode(repeat('05', 3000 + x), 'hex') FROM generate_series(40, 45) AS x;
SELECT * FROM test.refresh_all('DELTA');
UPDATE t SET s = s || 'x', n = n / 3, l = upper(l), p = ROW((p).x + 1, (p).y)::q_wide_pair, j = jsonb_build_array(j) WHERE id IN (41, 44, 5);
SELECT * FROM test.refresh_all('DELTA');
-- from one side of the limit to the other
UPDATE t SET s = left(s, 100), n = 1, a = a[1:2], d = 'd2', b = '\x05' WHERE id IN (40, 43);
UPDATE t SET s = repeat('t', 3000), n = n + 1e300, l = repeat('A', 3000), d = repeat('d', 3000), b = decode(repeat('05', 3000), 'hex') WHERE id IN (7, 8, 31);
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM t WHERE id IN (42, 45, 32, 1, 31);
SELECT * FROM test.refresh_all('DELTA');
UPDATE t SET s = NULL, n = NULL, l = NULL, a = NULL, p = NULL, j = NULL, b = NULL WHERE id > 10;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM t WHERE id <> 8;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM t;
SELECT * FROM test.refresh_all('DELTA');
INSERT INTO t SELECT x, repeat('s', 5000 * (x % 2)), 1 / x::numeric, 'l', NULL, ROW(x, NULL)::q_wide_pair, 'd', '1', NULL FROM generate_series(1, 4) AS x;
SELECT * FROM test.refresh_all('DELTA');
SELECT test.drop_all();
DROP TABLE t;
DROP TYPE q_wide_pair;
DROP DOMAIN q_wide_name;
DROP COLLATION q_wide_nocase;

-- The cost: that of what changes, by the index.
CREATE TABLE t (id int PRIMARY KEY, s text, n numeric, a int[]);
INSERT INTO t SELECT x, md5(x::text), x * 1.5, ARRAY[x % 7, x] FROM generate_series(1, 20000) AS x;
ANALYZE t;
SELECT test.create('w_text', 'SELECT id, row_number() OVER (ORDER BY s, id) AS r, lag(id) OVER (ORDER BY s) AS l FROM t');
SELECT test.create('w_numeric', 'SELECT id, lead(id) OVER (ORDER BY n DESC) AS l, sum(id) OVER (PARTITION BY a ORDER BY s) AS s FROM t');
SELECT test.create('w_array', 'SELECT id, lag(id) OVER (ORDER BY a) AS l FROM t');
ANALYZE;
INSERT INTO t VALUES (20001, 'zzz', 1e300, NULL);
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 400) FROM (VALUES ('w_text'), ('w_numeric'), ('w_array')) AS x (stream_table);
INSERT INTO t VALUES (20002, repeat('z', 1000000), 1e3000::numeric, array_fill(9, ARRAY[5000]));
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 700) FROM (VALUES ('w_text'), ('w_numeric'), ('w_array')) AS x (stream_table);
DELETE FROM t WHERE id IN (20001, 20002);
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 700) FROM (VALUES ('w_text'), ('w_numeric'), ('w_array')) AS x (stream_table);
UPDATE t SET n = n + 0.1, a = a || 1 WHERE id = 9000;
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 400) FROM (VALUES ('w_text'), ('w_numeric'), ('w_array')) AS x (stream_table);
SELECT test.drop_all();
DROP TABLE t;
