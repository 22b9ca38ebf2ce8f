-- WITH RECURSIVE follows its changes: rows go round the step until none come
-- out; with UNION what is in doubt is deleted and derived again (rule E12).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE e (src int, dst int);
CREATE TABLE n (id int PRIMARY KEY, up int, name text, w numeric);
CREATE INDEX ON e (src);
CREATE INDEX ON e (dst);
CREATE INDEX ON n (up);
INSERT INTO e VALUES (1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (7, 8), (8, 7), (NULL, 1), (5, NULL);
INSERT INTO n SELECT x, nullif(x / 2, 0), 'n' || x, x / 4.0 FROM generate_series(1, 15) AS x;

SELECT test.create('r_closure', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM e UNION SELECT r.x, e.dst FROM r JOIN e ON e.src = r.y) SELECT * FROM r');
SELECT test.create('r_from', 'WITH RECURSIVE r (x) AS (SELECT 1 UNION SELECT e.dst FROM r, e WHERE e.src = r.x) SELECT x FROM r');
SELECT test.create('r_tree', 'WITH RECURSIVE r AS (SELECT id, up, 1 AS depth FROM n WHERE up IS NULL UNION ALL SELECT n.id, n.up, r.depth + 1 FROM n JOIN r ON n.up = r.id) SELECT * FROM r');
SELECT test.create('r_path', 'WITH RECURSIVE r AS (SELECT id, name AS path, w FROM n WHERE up IS NULL UNION ALL SELECT n.id, r.path || ''/'' || n.name, n.w * r.w FROM r JOIN n ON n.up = r.id) SELECT * FROM r');
SELECT test.create('r_visited', 'WITH RECURSIVE r (x, path) AS (SELECT src, ARRAY[src] FROM e WHERE src < 5 UNION ALL SELECT e.dst, r.path || e.dst FROM r JOIN e ON e.src = r.x WHERE e.dst <> ALL (r.path)) SELECT * FROM r');
SELECT test.create('r_above', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM e UNION SELECT r.x, e.dst FROM r JOIN e ON e.src = r.y) SELECT x, count(*) AS c, max(y) AS m FROM r LEFT JOIN n ON n.id = r.y GROUP BY x HAVING count(*) > 1');
SELECT test.create('r_numbers', 'WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 6) SELECT r.x, n.name FROM r LEFT JOIN n ON n.id = r.x');
SELECT test.create('r_two', 'WITH RECURSIVE r (x) AS (SELECT 1 UNION SELECT e.dst FROM r JOIN e ON e.src = r.x), s (id, up) AS (SELECT n.id, n.up FROM n JOIN r ON r.x = n.id UNION ALL SELECT n.id, n.up FROM n JOIN s ON n.id = s.up) SELECT id, count(*) AS c FROM s GROUP BY id');
SELECT test.create('r_twice', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM e UNION SELECT a.src, r.y FROM r JOIN e AS a ON a.dst = r.x JOIN n ON n.id = a.src) SELECT p.x, q.y FROM r AS p JOIN r AS q ON q.x = p.y WHERE p.x < q.y');
SELECT test.create('r_grouped', 'WITH RECURSIVE r (x) AS (SELECT min(src) FROM e UNION SELECT g.d FROM r JOIN (SELECT src, max(dst) AS d FROM e GROUP BY src) AS g ON g.src = r.x) SELECT * FROM r');
SELECT test.create('r_exists', 'WITH RECURSIVE r (x) AS (SELECT 1 UNION SELECT e.dst FROM r JOIN e ON e.src = r.x WHERE EXISTS (SELECT FROM n WHERE n.id = e.dst) AND NOT EXISTS (SELECT FROM n WHERE n.up = e.dst AND n.id > 12)) SELECT * FROM r');
SELECT test.create('r_doubled', 'WITH RECURSIVE r (x, d) AS (SELECT src, 0 FROM e WHERE src = 1 UNION ALL SELECT e.dst, d + 1 FROM r JOIN e ON e.src = r.x WHERE d < 4) SELECT * FROM r');
SELECT test.create('r_keyed', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM e UNION ALL SELECT r.x, n.up FROM r JOIN n ON n.id = r.y) SELECT n.id, r.y FROM n JOIN r ON r.x = n.id');
-- of what UNION keeps one row of, a term may make less or more of the same
SELECT test.create('r_distinct', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM e UNION SELECT DISTINCT d.x, e.dst FROM (SELECT DISTINCT x, y FROM r ORDER BY x) AS d JOIN e ON e.src = d.y) SELECT * FROM r');
SELECT test.create('r_arms', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM e UNION SELECT d.x, d.y FROM (SELECT r.x, e.dst AS y FROM r JOIN e ON e.src = r.y UNION SELECT up, id FROM n WHERE up > 3) AS d) SELECT * FROM r');
-- what nobody reads is not computed: this recursion would have no end
SELECT test.create('r_unread', 'WITH RECURSIVE a (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM a), b AS (SELECT x FROM a), c AS (SELECT src FROM e) SELECT src FROM c WHERE src > 2');

SET client_min_messages = warning;
-- rows come
INSERT INTO e VALUES (5, 6), (6, 9);
INSERT INTO n VALUES (20, 7, 'new', 2.50), (21, 20, 'newer', 1), (16, NULL, 'root', 0);
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- a circle loses what holds it: its rows still come from each other
DELETE FROM e WHERE (src, dst) IN ((2, 3), (4, 5));
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- another way for what is lost
BEGIN;
INSERT INTO e VALUES (2, 4), (4, 3);
DELETE FROM e WHERE (src, dst) IN ((1, 2), (3, 4));
INSERT INTO e VALUES (1, 4);
COMMIT;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- subtrees move, duplicates come and go one by one
UPDATE n SET up = 3 WHERE id = 4;
INSERT INTO e SELECT * FROM e WHERE src = 7;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM e WHERE ctid IN (SELECT min(ctid) FROM e WHERE src = 7);
UPDATE n SET name = name || '!', w = w * 1.00 WHERE id IN (1, 5);
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM n WHERE id = 2;
DELETE FROM e WHERE src IS NULL OR dst IS NULL;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- a circle that nothing leads to has a change without an end, and then its rows
DELETE FROM n WHERE up IS NULL;
DELETE FROM e;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO e VALUES (1, 2), (2, 1);
INSERT INTO n VALUES (1, NULL, 'again', 1);
SELECT stream_table, run FROM test.refresh_all('DELTA');
RESET client_min_messages;
-- the step may not take rows away: then all of it is computed again
SELECT test.drop_all();
CREATE TABLE big (src int, dst int);
CREATE INDEX ON big (src);
CREATE INDEX ON big (dst);
INSERT INTO big SELECT x, x + 1 FROM generate_series(1, 20000) AS x WHERE x % 10 <> 0;
ANALYZE big;
SELECT test.create('r_big', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM big UNION SELECT r.x, big.dst FROM r JOIN big ON big.src = r.y) SELECT * FROM r');
INSERT INTO big VALUES (10, 11);
SELECT test.refresh('r_big');
DELETE FROM big WHERE src = 5005;
SELECT test.refresh('r_big');
-- what comes to a NOT EXISTS or an outer join takes rows away from the first term
CREATE TABLE barred (id int PRIMARY KEY, dst int);
SELECT test.create('r_barred', 'WITH RECURSIVE r (x, y) AS (SELECT e.src, e.dst FROM e WHERE NOT EXISTS (SELECT FROM barred AS b WHERE b.dst = e.dst) UNION SELECT r.x, big.dst FROM r JOIN big ON big.src = r.y) SELECT * FROM r');
SELECT test.create('r_outer', 'WITH RECURSIVE r (x, y) AS (SELECT e.src, b.id FROM e LEFT JOIN barred AS b ON b.dst = e.dst UNION SELECT r.x, big.dst FROM r JOIN big ON big.src = r.y) SELECT * FROM r');
INSERT INTO barred SELECT row_number() OVER (ORDER BY dst), dst FROM (SELECT DISTINCT dst FROM e ORDER BY dst LIMIT 2) AS d;
SELECT test.refresh('r_barred');
SELECT test.refresh('r_outer');
DELETE FROM barred WHERE id = 1;
SELECT test.refresh('r_barred');
SELECT test.refresh('r_outer');
SELECT test.drop_all();
DROP TABLE e, n, big, barred;
