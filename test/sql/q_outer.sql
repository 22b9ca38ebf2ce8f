-- LEFT, RIGHT and FULL joins: counts of matches, not their old contents.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE a (id int PRIMARY KEY, k int, n numeric);
CREATE TABLE b (id int PRIMARY KEY, k int, t text, j json);
CREATE TABLE d (k int, t text);
CREATE INDEX ON a (k);
CREATE INDEX ON b (k);
INSERT INTO a SELECT x, nullif(x % 7, 3), x / 2.0 FROM generate_series(1, 12) AS x;
INSERT INTO b SELECT x, nullif(x % 5, 4), 'b' || x, to_json(x) FROM generate_series(1, 9) AS x;
INSERT INTO d VALUES (1, 'x'), (1, 'x'), (2, NULL), (NULL, 'y'), (NULL, 'y'), (9, 'z');

SELECT test.create('o_left', 'SELECT a.id, a.n, b.id AS b, b.j FROM a LEFT JOIN b ON b.k = a.k');
SELECT test.create('o_key', 'SELECT a.id, b.t FROM a LEFT JOIN b ON b.id = a.k');
SELECT test.create('o_right', 'SELECT d.*, a.n FROM a RIGHT JOIN d ON d.k = a.k AND a.n > 2');
SELECT test.create('o_full', 'SELECT k, d.t, b.t AS bt FROM d FULL JOIN b USING (k)');
SELECT test.create('o_cond', 'SELECT d.t, b.id FROM d LEFT JOIN b ON b.k > d.k AND d.t IS NOT NULL');
SELECT test.create('o_self', 'SELECT x.k, x.t, y.t AS yt FROM d AS x LEFT JOIN d AS y ON y.k = x.k + 1');
SELECT test.create('o_nulls', 'SELECT x.t, count(y.t) AS c, count(*) AS n FROM d AS x LEFT JOIN d AS y ON y.k IS NOT DISTINCT FROM x.k GROUP BY x.t');
SELECT test.create('o_where', 'SELECT a.id, b.t FROM a LEFT JOIN b ON b.k = a.k WHERE b.id IS NULL');
SELECT test.create('o_strict', 'SELECT a.id, b.t FROM a LEFT JOIN b ON b.k = a.k WHERE b.id > 3');
SELECT test.create('o_below', 'SELECT a.id, b.t FROM a LEFT JOIN b ON b.k = a.k WHERE a.n > 2 AND coalesce(b.id, 0) <> 4');
SELECT test.create('o_nest', 'SELECT a.id, b.id AS b, d.t FROM a LEFT JOIN (b JOIN d ON d.k = b.k) ON b.k = a.k');
SELECT test.create('o_chain', 'SELECT a.id, b.id AS b, d.t FROM a LEFT JOIN b ON b.k = a.k LEFT JOIN d ON d.k = b.id');
SELECT test.create('o_deep', 'SELECT a.id, b.id AS b, d.t FROM a LEFT JOIN (b LEFT JOIN d ON d.k = b.k) ON b.id = a.k');
SELECT test.create('o_inner', 'SELECT a.id, b.id AS b, d.t FROM d LEFT JOIN b ON b.k = d.k JOIN a ON a.k = d.k');
SELECT test.create('o_fulls', 'SELECT a.id, b.id AS b, d.t FROM (a FULL JOIN b ON b.k = a.k) FULL JOIN d ON d.k = b.k AND d.k = a.k');
SELECT test.create('o_expr', 'SELECT d.k, s.x FROM d LEFT JOIN (SELECT k, coalesce(t, ''none'') AS x FROM b WHERE id > 2) AS s ON s.k = d.k');
SELECT test.create('o_group', 'SELECT d.t, s.c FROM d LEFT JOIN (SELECT k, count(*) AS c FROM b GROUP BY k) AS s ON s.k = d.k');
SELECT test.create('o_state', 'SELECT s.k, s.c, d.t FROM (SELECT k, count(*) AS c FROM b GROUP BY k) AS s LEFT JOIN d ON d.k = s.k');
SELECT test.create('o_stack', 'SELECT g.c, count(d.t) AS n FROM (SELECT a.k, count(b.id) AS c FROM a LEFT JOIN b ON b.k = a.k GROUP BY a.k) AS g LEFT JOIN d ON d.k = g.c GROUP BY g.c');
SELECT test.create('o_distinct', 'SELECT DISTINCT d.t, b.k FROM d LEFT JOIN b ON b.k = d.k');
SELECT test.create('o_union', 'SELECT d.t, b.k FROM d LEFT JOIN b ON b.k = d.k UNION ALL SELECT d.t, s.k FROM d LEFT JOIN (SELECT k FROM a UNION ALL SELECT k FROM b) AS s ON s.k = d.k');
SELECT test.create('o_cross', 'SELECT d.t, b.id FROM d LEFT JOIN b ON true');
SELECT test.create('o_never', 'SELECT d.t, b.id FROM d LEFT JOIN b ON false');
SELECT test.create('o_count', 'SELECT count(*) AS c FROM d LEFT JOIN b ON b.k = d.k');
SELECT test.create('o_lateral', 'SELECT d.t, g.n FROM d LEFT JOIN LATERAL generate_series(1, d.k) AS g(n) ON g.n > 1');
SELECT test.create('o_lateral_sub', 'SELECT d.t, s.id FROM d LEFT JOIN LATERAL (SELECT b.id FROM b WHERE b.k = d.k AND b.id > 1) AS s ON true');
SELECT test.create('o_chained', 'SELECT l.b, count(*) AS c FROM o_left AS l LEFT JOIN o_right AS r ON r.n = l.n GROUP BY l.b');

-- one side
INSERT INTO b VALUES (20, 3, 'new', NULL), (21, 1, 'one', '1'), (22, NULL, 'none', '2');
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM b WHERE k = 1;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO d VALUES (1, 'x'), (NULL, 'y'), (3, 'w'), (0, NULL);
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE d SET t = 'changed' WHERE k = 1;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- both, and rows that come and go
BEGIN;
UPDATE a SET k = k + 1 WHERE id % 3 = 0;
UPDATE b SET k = k - 1, t = t || '!' WHERE id % 2 = 0;
UPDATE d SET k = coalesce(k, 4) - 1;
INSERT INTO b VALUES (30, 3, 'gone', NULL);
DELETE FROM b WHERE id = 30;
COMMIT;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- duplicates: one of two equal rows leaves with its match
DELETE FROM d WHERE ctid IN (SELECT min(ctid) FROM d GROUP BY k, t HAVING count(*) > 1);
DELETE FROM b WHERE id IN (5, 6, 7);
INSERT INTO a VALUES (40, 3, 0), (41, 3, 0);
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- the last match leaves while the row that had it is changed
DELETE FROM b;
UPDATE a SET n = n + 1;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO b SELECT x, x % 4, 'again', NULL FROM generate_series(1, 8) AS x;
UPDATE d SET t = upper(t);
SELECT stream_table, run FROM test.refresh_all('DELTA');
TRUNCATE b, d;
SET client_min_messages = error;
SELECT pgt_name, test.refresh(pgt_name, 'FULL') FROM pgtrickle.pgt_stream_tables WHERE pgt_name <> 'o_chained' ORDER BY pgt_id;
RESET client_min_messages;
SELECT test.refresh('o_chained');
INSERT INTO d VALUES (1, 'after');
INSERT INTO b VALUES (1, 1, 'after', '1');
SELECT stream_table, run FROM test.refresh_all('DELTA');
SELECT test.drop_all();
DROP TABLE a, b, d;

-- columns that come and go after the stream table was made: the JOIN is printed without those that it does not know
CREATE SCHEMA late;
CREATE TABLE late.l (id int PRIMARY KEY, a int, b numeric, c text, d int);
CREATE TABLE late.r (id int PRIMARY KEY, a int, b int);
ALTER TABLE late.r DROP COLUMN a;
SELECT pgtrickle.create_stream_table('late.st', 'SELECT l.c, (SELECT count(*) FROM late.r WHERE r.id::text = l.c) AS n FROM late.l');
INSERT INTO late.l VALUES (1, 1, 1, '1', 1), (2, 1, 1, '2', 1);
ALTER TABLE late.l ADD COLUMN e int;
ALTER TABLE late.l DROP COLUMN b;
ALTER TABLE late.r ADD COLUMN f int, ADD COLUMN g int;
INSERT INTO late.r VALUES (1), (3);
SELECT test.refresh('late.st');
\c -
INSERT INTO late.l VALUES (3, 1, '3');
DELETE FROM late.r WHERE id = 1;
SELECT test.refresh('late.st');
DROP SCHEMA late CASCADE;
