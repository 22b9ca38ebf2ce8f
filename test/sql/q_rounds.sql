-- DISTINCT in the recursive term of UNION ALL: of the rows of one round, not of
-- those of different ones, and not of the rows that the recursion begins with
-- (rules A3, E12).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE e (src int, dst int);
CREATE TABLE n (id int PRIMARY KEY, w numeric, name text);
CREATE INDEX ON e (src);
CREATE INDEX ON e (dst);
-- an acyclic graph, with many ways from one node to another, and duplicates
INSERT INTO e SELECT s, s + d FROM generate_series(1, 7) AS s, (VALUES (1), (2), (2), (4)) AS v (d) WHERE s + d < 9;
INSERT INTO e VALUES (1, NULL), (NULL, 3), (NULL, NULL);
INSERT INTO n SELECT x, x % 3 + 0.50, 'n' || x % 4 FROM generate_series(1, 14) AS x;
SET client_min_messages = warning;
SELECT test.create('d_reached', 'WITH RECURSIVE r (x, d) AS (SELECT src, 0 FROM e WHERE src < 3 UNION ALL SELECT DISTINCT e.dst, r.d + 1 FROM r JOIN e ON e.src = r.x) SELECT * FROM r');
-- without a depth the same row comes again in other rounds
SELECT test.create('d_again', 'WITH RECURSIVE r (x) AS (SELECT src FROM e WHERE src < 3 UNION ALL SELECT DISTINCT e.dst FROM r JOIN e ON e.src = r.x) SELECT * FROM r');
SELECT test.create('d_counted', 'WITH RECURSIVE r (x) AS (SELECT src FROM e WHERE src < 3 UNION ALL SELECT DISTINCT e.dst FROM r JOIN e ON e.src = r.x) SELECT x, count(*) AS c FROM r GROUP BY x HAVING count(*) > 1');
-- what it begins with are several arms, whose rows are equal and different to look at
SELECT test.create('d_arms', 'WITH RECURSIVE r (x, w, s) AS (SELECT id, w, NULL::text FROM n WHERE id < 4 UNION ALL SELECT id, w * 1.0, NULL FROM n WHERE id < 4 UNION ALL SELECT DISTINCT e.dst, 1.0, coalesce(r.s, r.w::text) FROM r JOIN e ON e.src = r.x) SELECT * FROM r');
SELECT test.create('d_rows', 'WITH RECURSIVE r (x, p) AS (SELECT id, ROW(id, name) FROM n WHERE id < 4 UNION ALL SELECT DISTINCT e.dst, r.p FROM r JOIN e ON e.src = r.x) SELECT x, p::text AS p FROM r');
SELECT test.create('d_hash', 'WITH RECURSIVE r (x, p) AS (SELECT id, 0::bigint FROM n WHERE id < 4 UNION ALL SELECT DISTINCT e.dst, hash_record_extended(r, 0) FROM r JOIN e ON e.src = r.x WHERE p = 0) SELECT x, p FROM r');
-- the recursion within a subquery of the term, beside others and an outer join
SELECT test.create('d_inside', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM e WHERE src < 3 UNION ALL SELECT DISTINCT q.x, e.dst FROM (SELECT r.x, r.y FROM r, n WHERE n.id = r.y AND n.name <> ''n3'') AS q JOIN e ON e.src = q.y LEFT JOIN n ON n.id = e.dst WHERE n.name IS DISTINCT FROM ''n2'') SELECT * FROM r');
SELECT test.create('d_exists', 'WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT DISTINCT e.dst FROM r JOIN e ON e.src = r.x WHERE EXISTS (SELECT FROM n WHERE n.id = e.dst) AND NOT EXISTS (SELECT FROM n WHERE n.id = e.dst AND n.name = ''n1'')) SELECT x FROM r');
-- a recursion over another, and one that is read twice
SELECT test.create('d_two', 'WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT DISTINCT e.dst FROM r JOIN e ON e.src = r.x), s (x, d) AS (SELECT x, 1 FROM r UNION ALL SELECT DISTINCT e.dst, s.d + 1 FROM s JOIN e ON e.src = s.x WHERE s.d < 3) SELECT s.x, s.d, r.x AS rx FROM s JOIN r USING (x)');
-- for each row of a query
SELECT test.create('d_lateral', 'SELECT n.id, q.x, q.c FROM n, LATERAL (WITH RECURSIVE r (x) AS (SELECT dst FROM e WHERE src = n.id UNION ALL SELECT DISTINCT e.dst FROM r JOIN e ON e.src = r.x) SELECT x, count(*) AS c FROM r GROUP BY x) AS q');
SELECT test.create('d_nested', 'SELECT id, (SELECT count(*) FROM (WITH RECURSIVE r (x) AS (SELECT dst FROM e WHERE src = n.id UNION ALL SELECT DISTINCT q.dst FROM (SELECT e.dst FROM e, r WHERE e.src = r.x AND e.dst <> n.id + 3) AS q) SELECT x FROM r) AS z WHERE z.x <> n.id + 4) AS c FROM n');
SELECT test.create('d_scalar', 'SELECT id, (WITH RECURSIVE r (x) AS (SELECT n.id UNION ALL SELECT DISTINCT e.dst FROM r JOIN e ON e.src = r.x) SELECT count(*) FROM r) AS c FROM n');
-- nothing comes from the term
SELECT test.create('d_none', 'WITH RECURSIVE r (x) AS (SELECT src FROM e UNION ALL SELECT DISTINCT n.id FROM r JOIN n ON n.id = r.x + 100) SELECT x FROM r');
-- new ways, and other duplicates
INSERT INTO e VALUES (8, 9), (2, 3), (1, 9);
INSERT INTO n VALUES (15, 1, 'n1');
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- a way less, where another leads to the same; a way that was the only one
DELETE FROM e WHERE (src, dst) IN ((1, 2), (4, 6));
UPDATE n SET w = w * 1.00, name = 'n2' WHERE id IN (2, 5);
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- both sides of the join at once; a node is led round
BEGIN;
UPDATE e SET dst = dst + 1 WHERE src IN (3, 5);
DELETE FROM n WHERE id = 3;
INSERT INTO n VALUES (101, 1, 'n4'), (0, 0, NULL);
INSERT INTO e VALUES (0, 1), (NULL, 4);
COMMIT;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- the duplicates of what it begins with go one by one
DELETE FROM e WHERE ctid IN (SELECT min(ctid) FROM e GROUP BY src, dst HAVING count(*) > 1);
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM n;
DELETE FROM e WHERE src IS DISTINCT FROM 1;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM e;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO e VALUES (1, 2), (2, 3);
INSERT INTO n VALUES (1, 1.0, 'x'), (2, 1.00, 'y'), (3, 1, 'z');
SELECT stream_table, run FROM test.refresh_all('DELTA');
SELECT test.drop_all();

-- what is recomputed
-- within a subquery DISTINCT of UNION's term keeps one of rows that look different, and the term can show which
SELECT test.create('d_within', 'WITH RECURSIVE r (x, w, s) AS (SELECT id, 0.5, ''a'' FROM n UNION SELECT id, 0.50, ''b'' FROM n UNION SELECT e.dst, 7.0, d.w::text FROM (SELECT DISTINCT x, w FROM r) AS d JOIN e ON e.src = d.x AND d.w < 7) SELECT x, w, s < ''c'' AS b, length(s) < 9 AS c FROM r', 'AUTO');
-- here values that are different become equal
SELECT test.create('d_types', 'WITH RECURSIVE r (x) AS (SELECT id::float8 FROM n WHERE id < 4 UNION ALL SELECT DISTINCT e.dst + 9007199254740992 FROM r JOIN e ON e.src = r.x) SELECT x FROM r', 'AUTO');
INSERT INTO e VALUES (3, 4), (2, 4);
SELECT stream_table, run FROM test.refresh_all('FULL');
SELECT test.drop_all();

-- an edge more or less costs what it changes
CREATE TABLE big (src int, dst int);
CREATE INDEX ON big (src);
CREATE INDEX ON big (dst);
INSERT INTO big SELECT x, x + 1 FROM generate_series(1, 20000) AS x WHERE x % 10 <> 0;
INSERT INTO big SELECT * FROM big WHERE src % 3 = 0;
ANALYZE big;
SELECT test.create('d_big', 'WITH RECURSIVE r (x, y) AS (SELECT src, dst FROM big UNION ALL SELECT DISTINCT r.x, big.dst FROM r JOIN big ON big.src = r.y) SELECT * FROM r');
INSERT INTO big VALUES (10, 11);
SELECT test.refresh('d_big');
DELETE FROM big WHERE src = 5005;
SELECT test.refresh('d_big');
SELECT test.drop_all();
DROP TABLE e, n, big;
