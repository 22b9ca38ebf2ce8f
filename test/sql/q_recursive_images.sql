-- UNION of a recursion over values that can be equal and look different: one of
-- each is shown, which comes about from others as they are shown (rule A3).
-- A server without ICU has nothing to test (q_recursive_images_1.out).
SELECT test.lacks('icu') AS lacks \gset
\if :lacks
\quit
\endif
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE COLLATION fold (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE place AS (x numeric, y int);
CREATE TABLE base (id int, n numeric, f float8, s text COLLATE fold, j jsonb, p place);
CREATE TABLE e (src int, dst int);
INSERT INTO base VALUES (1, 1.0, 0, 'a', '1', (1, 1)), (2, 2.50, 1.5, 'b', '{"k": 1.0}', (2.0, NULL)), (3, NULL, '-0', NULL, NULL, NULL);
INSERT INTO e VALUES (1, 2), (2, 3), (3, 1), (4, 5), (5, 6);
SELECT test.create('i_numeric', 'WITH RECURSIVE r AS (SELECT id, n FROM base UNION SELECT e.dst, r.n FROM r JOIN e ON e.src = r.id) SELECT * FROM r');
SELECT test.create('i_float', 'WITH RECURSIVE r AS (SELECT id, f FROM base WHERE f <> 0 OR id = 1 UNION SELECT e.dst, r.f FROM r JOIN e ON e.src = r.id) SELECT * FROM r');
SELECT test.create('i_text', 'WITH RECURSIVE r AS (SELECT id, s FROM base UNION SELECT e.dst, r.s FROM r JOIN e ON e.src = r.id) SELECT id, s FROM r');
SELECT test.create('i_jsonb', 'WITH RECURSIVE r AS (SELECT id, j FROM base UNION SELECT e.dst, r.j FROM r JOIN e ON e.src = r.id) SELECT * FROM r');
SELECT test.create('i_row', 'WITH RECURSIVE r AS (SELECT id, p FROM base UNION SELECT e.dst, r.p FROM r JOIN e ON e.src = r.id) SELECT id, (p).x, (p).y FROM r');
SELECT test.create('i_array', 'WITH RECURSIVE r AS (SELECT id, ARRAY[n] AS l FROM base UNION SELECT e.dst, r.l FROM r JOIN e ON e.src = r.id) SELECT * FROM r');
SELECT test.create('i_grouped', 'WITH RECURSIVE r AS (SELECT id, n FROM base UNION SELECT e.dst, r.n FROM r JOIN e ON e.src = r.id) SELECT id, count(*) AS c, sum(n) AS s FROM r GROUP BY id');
-- the term that recurses has other types than the recursion
SELECT test.create('i_types', 'WITH RECURSIVE r (x, y, z) AS (SELECT src::numeric, dst::float8, dst::bigint FROM e UNION SELECT r.z, e.dst, e.dst FROM r JOIN e ON e.src = r.y) SELECT * FROM r');
SELECT test.create('i_types_all', 'WITH RECURSIVE r (x, d) AS (SELECT id::numeric, 1::bigint FROM base UNION ALL SELECT e.dst, 1 + r.d::int FROM r JOIN e ON e.src = r.x WHERE d < 4) SELECT * FROM r');
SELECT * FROM test.refresh_all('DELTA');
INSERT INTO e VALUES (3, 4), (6, 6);
SELECT * FROM test.refresh_all('DELTA');
-- other images come, and go
UPDATE base SET n = 1.000, f = '-0', s = 'A', j = '1.00', p = (1.0, 1) WHERE id = 1;
SELECT * FROM test.refresh_all('DELTA');
UPDATE base SET n = 3, p = NULL WHERE id = 2;
DELETE FROM e WHERE src = 2;
SELECT * FROM test.refresh_all('DELTA');
INSERT INTO e VALUES (2, 3), (1, 6);
DELETE FROM base WHERE id = 3;
SELECT * FROM test.refresh_all('DELTA');

-- of two equal rows that come about one is shown, and when it goes the other
CREATE VIEW wrong AS
    SELECT * FROM i_numeric EXCEPT ALL SELECT r.id, r.n FROM
    (WITH RECURSIVE r AS (SELECT id, n FROM base UNION SELECT e.dst, r.n FROM r JOIN e ON e.src = r.id) SELECT * FROM r) AS r;
CREATE FUNCTION shown(OUT rows text, OUT wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pgtrickle.refresh_stream_table('i_numeric');
    SELECT string_agg(id || ':' || n, ' ' ORDER BY id, n) INTO rows FROM i_numeric;
    SELECT count(*) INTO wrong FROM wrong;
END $$;
DELETE FROM e;
DELETE FROM base;
INSERT INTO base (id, n) VALUES (1, 5.0);
INSERT INTO e VALUES (1, 2);
SELECT * FROM shown();
INSERT INTO base (id, n) VALUES (2, 5.00), (1, 5.0);
SELECT * FROM shown();
DELETE FROM base WHERE ctid = (SELECT min(ctid) FROM base WHERE id = 1);
SELECT * FROM shown();
DELETE FROM base WHERE id = 1;
SELECT * FROM shown();
SELECT test.last_run('i_numeric');
SELECT * FROM i_numeric;
DELETE FROM base;
SELECT * FROM shown();

-- what it is made of is shown, with the recursion once
SELECT split_part(split_part(explain_stream_table, E'Operators:\n', 2), 'Source: ', 1) FROM pgtrickle.explain_stream_table('i_numeric');
DROP VIEW wrong;
SELECT test.drop_all();
DROP FUNCTION shown;
DROP TABLE base, e;
DROP TYPE place;
DROP COLLATION fold;
