-- SEARCH and CYCLE of WITH RECURSIVE: the columns that they add are records and
-- arrays of them, which the state keeps in another form (rule E12).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TABLE e (src int, dst int, c colour);
CREATE TABLE n (id int PRIMARY KEY, up int, name text, w numeric, at timestamptz, tags text[]);
CREATE INDEX ON e (src);
CREATE INDEX ON e (dst);
CREATE INDEX ON n (up);
INSERT INTO e VALUES (1, 2, 'red'), (2, 3, 'green'), (3, 1, 'red'), (3, 4, NULL), (4, 5, 'red'), (7, 8, 'red'), (8, 7, NULL), (NULL, 1, NULL), (5, NULL, NULL);
INSERT INTO n SELECT x, nullif(x / 2, 0), 'n' || x, x / 4.0, '2024-02-03 04:05:06+00', ARRAY['t' || x, NULL] FROM generate_series(1, 15) AS x;

SELECT test.create('s_depth', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH DEPTH FIRST BY id SET o SELECT id, o::text AS o, cardinality(o) AS d FROM r');
SELECT test.create('s_breadth', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH BREADTH FIRST BY up, id SET o SELECT id, o::text AS o FROM r ORDER BY o');
SELECT test.create('s_types', 'WITH RECURSIVE r AS (SELECT id, up, name, w, at, tags FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up, r.name || ''(,"'' || n.name, n.w, n.at, n.tags FROM n JOIN r ON n.up = r.id) SEARCH DEPTH FIRST BY name, w, at, tags, id SET o SELECT id, to_jsonb(o) AS j, o::text AS t FROM r');
SELECT test.create('s_union', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH BREADTH FIRST BY up SET o SELECT up, id, o::text AS o FROM r');
SELECT test.create('c_cycle', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM e UNION ALL SELECT r.x, e.dst FROM r JOIN e ON e.src = r.y) CYCLE x, y SET c USING p SELECT x, y, c, p::text AS p FROM r');
SELECT test.create('c_kept', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM e UNION ALL SELECT r.x, e.dst FROM r JOIN e ON e.src = r.y) CYCLE x, y SET c TO ''yes'' DEFAULT ''no'' USING p SELECT x, y FROM r WHERE c = ''no''');
SELECT test.create('c_distinct', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM e UNION SELECT r.x, e.dst FROM r JOIN e ON e.src = r.y) CYCLE y SET c USING p SELECT x, y, c, p::text AS p FROM r');
SELECT test.create('c_enum', 'WITH RECURSIVE r (x, y, k) AS (SELECT src, dst, c FROM e WHERE src = 1 UNION ALL SELECT r.x, e.dst, e.c FROM r JOIN e ON e.src = r.y) CYCLE y, k SET c USING p SELECT y, max(p::text) AS p, count(*) AS n, bool_or(c) AS c FROM r GROUP BY y');
SELECT test.create('sc_both', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM e WHERE src IN (1, 7) UNION ALL SELECT r.x, e.dst FROM r JOIN e ON e.src = r.y) SEARCH BREADTH FIRST BY y SET o CYCLE y SET c USING p SELECT x, y, o::text AS o, c, p::text AS p, (p = ARRAY[ROW(2), ROW(3)]) AS is FROM r');
SELECT test.create('sc_read_twice', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM e WHERE src IN (1, 7) UNION ALL SELECT r.x, e.dst FROM r JOIN e ON e.src = r.y) SEARCH DEPTH FIRST BY y SET o CYCLE y SET c USING p SELECT a.x, b.y FROM r AS a JOIN r AS b ON a.o < b.o AND b.x = a.x');
SELECT test.create('sc_state', 'WITH RECURSIVE r (x, y) AS (SELECT src, count(*) FROM e GROUP BY src UNION ALL SELECT g.d, r.y FROM r JOIN (SELECT src, max(dst) AS d FROM e GROUP BY src) AS g ON g.src = r.x) CYCLE x SET c USING p SELECT x, y, c, p::text AS p FROM r');

SET client_min_messages = warning;
INSERT INTO e VALUES (5, 6, 'green'), (6, 9, 'red');
INSERT INTO n VALUES (20, 7, 'new', 2.50), (21, 20, 'newer', 1), (16, NULL, 'root', 0);
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- a circle opens, another way closes one
DELETE FROM e WHERE (src, dst) IN ((2, 3), (4, 5));
SELECT stream_table, run FROM test.refresh_all('DELTA');
BEGIN;
INSERT INTO e VALUES (2, 4, 'red'), (4, 3, NULL), (1, 4, 'green');
DELETE FROM e WHERE (src, dst) IN ((1, 2), (3, 4));
COMMIT;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- subtrees move, duplicates come and go, values of other looks
UPDATE n SET up = 3 WHERE id = 4;
INSERT INTO e SELECT * FROM e WHERE src = 7;
UPDATE n SET w = w * 1.00, tags = NULL WHERE id IN (1, 5);
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM e WHERE ctid IN (SELECT min(ctid) FROM e WHERE src = 7);
DELETE FROM n WHERE id = 2;
DELETE FROM e WHERE src IS NULL OR dst IS NULL;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM n;
DELETE FROM e;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO e VALUES (1, 2, 'red'), (2, 1, NULL);
INSERT INTO n VALUES (1, NULL, 'again', 1);
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- names of labels are part of what is shown
ALTER TYPE colour RENAME VALUE 'red' TO 'crimson';
SELECT test.refresh('c_enum', 'FULL');
INSERT INTO e VALUES (2, 9, 'crimson');
SELECT test.refresh('c_enum');
SELECT test.drop_all();
-- the rows themselves order, are shown further up, and group
SELECT test.create('x_top', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH DEPTH FIRST BY id SET o SELECT id FROM r ORDER BY o LIMIT 3', 'AUTO');
SELECT test.create('x_top_shown', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH BREADTH FIRST BY id SET o SELECT id, o::text AS o FROM (SELECT id, o FROM r ORDER BY o DESC LIMIT 2) AS r', 'AUTO');
SELECT test.create('x_first', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH DEPTH FIRST BY id SET o SELECT o::text AS o FROM (SELECT DISTINCT ON (id % 2) o FROM r ORDER BY id % 2, o DESC) AS r', 'AUTO');
SELECT test.create('x_first_key', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH DEPTH FIRST BY id SET o SELECT DISTINCT ON (o) id FROM r ORDER BY o, id', 'AUTO');
SELECT test.create('x_group', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH DEPTH FIRST BY id SET o SELECT count(*) AS n FROM r GROUP BY o', 'AUTO');
SELECT test.create('x_distinct', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH BREADTH FIRST BY up SET o SELECT x.o::text AS o FROM (SELECT DISTINCT o FROM r) AS x ORDER BY x.o', 'AUTO');
SELECT test.create('x_group_shown', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM e UNION ALL SELECT r.x, e.dst FROM r JOIN e ON e.src = r.y) CYCLE y SET c USING p SELECT p::text AS p, c, count(*) AS n, cardinality(p) AS l, GROUPING(p) AS g FROM r GROUP BY ROLLUP (p, c) HAVING cardinality(p) > 1 OR GROUPING(p) = 1', 'AUTO');
SELECT test.create('x_group_first', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH DEPTH FIRST BY up, id SET o SELECT o::text AS o, n FROM (SELECT o, count(*) AS n FROM r GROUP BY o ORDER BY o DESC LIMIT 2) AS x', 'AUTO');
SELECT test.create('x_group_above', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH DEPTH FIRST BY id SET o SELECT o::text AS o, (SELECT count(*) FROM r AS s WHERE s.o > r.o) AS c FROM r GROUP BY o', 'AUTO');
SELECT test.create('x_rows', 'SELECT k::text AS k, count(*) AS c FROM (SELECT ROW(up, name) AS k FROM n UNION ALL SELECT ROW(src, NULL::text) FROM e) AS x GROUP BY k', 'AUTO');
SELECT test.create('x_inexact', 'SELECT k::text AS k, count(*) AS c FROM (SELECT ROW(up, w) AS k FROM n) AS x GROUP BY k', 'AUTO');
SELECT test.create('x_shapes', 'SELECT k::text AS k, count(*) AS c FROM (SELECT ROW(up, name) AS k FROM n UNION ALL SELECT ROW(src, dst) FROM e WHERE src IS NULL AND dst > 5) AS x GROUP BY k', 'AUTO');
SELECT test.create('x_union_exact', 'WITH RECURSIVE r (x, k) AS (SELECT id, ROW(up, name) FROM n WHERE up IS NULL UNION SELECT r.x, ROW(n.up, n.name) FROM n JOIN r ON n.up > r.x AND n.id < 5) SELECT x, k::text AS k FROM r', 'AUTO');
SELECT test.create('x_step', 'WITH RECURSIVE r (x, k) AS (SELECT id, ROW(up) FROM n WHERE up IS NULL GROUP BY id UNION ALL SELECT * FROM (SELECT n.id, ROW(n.up) FROM n JOIN r ON n.up = r.x) AS s) SELECT x, k::text AS k FROM r', 'AUTO');
SELECT test.create('x_window', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH DEPTH FIRST BY id SET o SELECT id, row_number() OVER (ORDER BY o) AS n FROM r', 'AUTO');
SELECT test.create('x_join', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH DEPTH FIRST BY id SET o SELECT n.id, o::text AS o FROM n LEFT JOIN r ON r.id = n.id', 'AUTO');
SELECT test.create('x_exists', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH DEPTH FIRST BY id SET o SELECT id, (SELECT max(o::text) FROM r WHERE r.up = n.id) AS o FROM n WHERE EXISTS (SELECT FROM r WHERE r.id = n.id AND r.o > ARRAY[ROW(0)])', 'AUTO');
SELECT test.create('x_row', 'WITH RECURSIVE r AS (SELECT id, up FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up FROM n JOIN r ON n.up = r.id) SEARCH BREADTH FIRST BY id SET o SELECT to_jsonb(r) AS r FROM r', 'AUTO');
SELECT test.create('x_records', 'WITH RECURSIVE r (x, k) AS (SELECT id, ROW(id, name) FROM n WHERE up IS NULL UNION ALL SELECT n.id, ROW(n.id, n.name) FROM n JOIN r ON n.up = r.x) SELECT x, k::text AS k FROM r', 'AUTO');
SELECT test.create('x_union', 'WITH RECURSIVE r (x, k) AS (SELECT id, ROW(w) FROM n WHERE up IS NULL UNION SELECT n.id, ROW(n.w) FROM n JOIN r ON n.up = r.x) SELECT x, k::text AS k FROM r', 'AUTO');
INSERT INTO n VALUES (2, 1, 'more', 2), (3, 2, 'again', 1);
SELECT pgt_name, test.refresh(pgt_name, CASE refresh_mode WHEN 'FULL' THEN 'FULL' ELSE 'DELTA' END) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
UPDATE n SET up = 1, w = 2.0 WHERE id = 3;
INSERT INTO e VALUES (9, 2, NULL), (9, 2, NULL), (2, 5, NULL);
DELETE FROM e WHERE src = 1;
SELECT pgt_name, test.refresh(pgt_name, CASE refresh_mode WHEN 'FULL' THEN 'FULL' ELSE 'DELTA' END) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
RESET client_min_messages;

SELECT test.drop_all();
-- the form in which rows are kept gives back what it was given, and reads no nonsense
SELECT pgtrickle.stored_row(pgtrickle.store_row(ROW(1, 'a'::text, NULL::int, 1.50, ARRAY[NULL, 'x']))) AS r;
SELECT pgtrickle.stored_rows(pgtrickle.store_rows(ARRAY[ROW(1, 'a'::text), NULL, ROW('green'::colour), ROW()])) AS r;
SELECT pgtrickle.stored_rows(pgtrickle.store_rows('{}'::record[])) AS r;
SELECT to_jsonb(pgtrickle.stored_row(pgtrickle.store_row(n))) AS r FROM n;
ALTER TABLE n DROP COLUMN up, ADD COLUMN more point DEFAULT '(1,2)';
SELECT pgtrickle.stored_row(pgtrickle.store_row(n)) AS r FROM n;
SELECT pgtrickle.row_depth(ROW(5::bigint, 'x'));
SELECT pgtrickle.row_depth(ROW('x'::text));
SELECT pgtrickle.stored_row('\x00');
SELECT pgtrickle.stored_row('\x01');
SELECT pgtrickle.stored_row('\x020001000006a4ffffffff6100000000040102');
SELECT pgtrickle.stored_row('\x0200010098967fffffffff6100000000040102');
SELECT pgtrickle.stored_row('\x02000100000901ffffffff610000000001');
SELECT pgtrickle.stored_rows('\x00000001000f424000000001');
SELECT pgtrickle.stored_row(substr(pgtrickle.store_row(ROW(1, 'a'::text)), 1, 20));
-- a change costs what it reaches
CREATE TABLE big (src int, dst int);
CREATE INDEX ON big (src);
INSERT INTO big SELECT x, x + 1 FROM generate_series(1, 20000) AS x WHERE x % 10 <> 0;
ANALYZE big;
SELECT test.create('b_cycle', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM big UNION ALL SELECT r.x, big.dst FROM r JOIN big ON big.src = r.y) SEARCH DEPTH FIRST BY x, y SET o CYCLE y SET c USING p SELECT x, y, c, o::text AS o FROM r');
INSERT INTO big VALUES (10, 11);
SELECT test.refresh('b_cycle');
INSERT INTO big VALUES (5005, 5001);
SELECT test.refresh('b_cycle');
DELETE FROM big WHERE src = 5005;
SELECT test.refresh('b_cycle');
SELECT test.drop_all();
DROP TABLE e, n, big;
DROP TYPE colour;
