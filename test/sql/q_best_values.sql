-- The extreme of a large group that leaves without an index: the values that
-- follow are kept with their numbers of rows (rule E8).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
CREATE TABLE q_t (id int PRIMARY KEY, g int, v int, n numeric, s varchar, m mood, f float8, a int[]);
INSERT INTO q_t SELECT x, nullif(x % 4, 3), nullif(x, 77), x * 7 % 30 / 2.0, 'v' || x * 7919 % 1000, (enum_range(NULL::mood))[1 + x % 3],
       CASE WHEN x % 5 > 0 THEN x ELSE 0.0 END, ARRAY[x] FROM generate_series(1, 8000) AS x;
SELECT test.create('q_int', 'SELECT g, min(v) AS a, max(v) AS z, count(*) AS c FROM q_t GROUP BY g');
SELECT test.create('q_few', 'SELECT g, min(m) AS a, max(m) AS z, max(n::int) AS n FROM q_t GROUP BY g');
-- of equal values that look different any may be shown that is there
SELECT pgtrickle.create_stream_table('q_images', 'SELECT g, max(n) AS z FROM q_t GROUP BY g', refresh_mode => 'DIFFERENTIAL');
CREATE VIEW wrong_images AS
    SELECT * FROM q_images AS i
     WHERE z IS DISTINCT FROM (SELECT max(n) FROM q_t WHERE g IS NOT DISTINCT FROM i.g)
        OR z IS NOT NULL AND NOT EXISTS (SELECT FROM q_t WHERE g IS NOT DISTINCT FROM i.g AND n::text = z::text);
SELECT test.create('q_text', 'SELECT g, min(s) AS a, max(s COLLATE "C") AS z FROM q_t GROUP BY g');
SELECT test.create('q_filter', 'SELECT g, min(v) FILTER (WHERE id % 2 = 0) AS a, max(f) AS z FROM q_t GROUP BY g');
SELECT test.create('q_all', 'SELECT min(v) AS a, max(v) AS z, min(f) AS f FROM q_t');
SELECT test.create('q_join', 'SELECT t.g, max(u.v) AS z, min(u.v) AS a FROM q_t AS t JOIN q_t AS u ON u.id = t.id GROUP BY t.g');
SELECT test.create('q_array', 'SELECT g, max(a) AS z FROM q_t GROUP BY g');
CREATE FUNCTION everything(OUT name text, OUT run text) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT name, test.refresh(name, 'DELTA', 1000000, 1000000) FROM unnest(ARRAY['q_int', 'q_few', 'q_text', 'q_filter', 'q_all', 'q_join', 'q_array']) AS name
$$;
SET client_min_messages = warning;
-- the first to leave are read from the group, which is remembered then
DELETE FROM q_t WHERE id IN (1, 2, 3, 4, 7997, 7998, 7999, 8000);
UPDATE q_t SET m = 'ok' WHERE id BETWEEN 5 AND 40;
UPDATE q_t SET n = 14.50 WHERE id IN (50, 51, 52, 53);
DELETE FROM q_t WHERE n = 14.5 AND id % 3 = 0 OR s IN (SELECT min(s) FROM q_t GROUP BY g UNION SELECT max(s COLLATE "C") FROM q_t GROUP BY g);
DELETE FROM q_t WHERE f = 0 AND id < 200;
SELECT * FROM everything();
-- those that follow are known: nothing like a group is read, which test.refresh() would find
DELETE FROM q_t WHERE id IN (SELECT min(id) FROM q_t GROUP BY g UNION SELECT max(id) FROM q_t GROUP BY g);
SELECT name, test.refresh(name, 'DELTA') FROM unnest(ARRAY['q_int', 'q_few', 'q_filter', 'q_all']) AS name;
UPDATE q_t SET m = 'glad' WHERE m = 'sad' AND id BETWEEN 1000 AND 1100;
UPDATE q_t SET n = n + 0.0 WHERE id IN (SELECT id FROM q_t WHERE n = 14.5 ORDER BY id LIMIT 5);
DELETE FROM q_t WHERE v IN (SELECT min(v) FROM q_t GROUP BY g) OR s IN (SELECT min(s) FROM q_t GROUP BY g);
SELECT name, test.refresh(name, 'DELTA') FROM unnest(ARRAY['q_int', 'q_few', 'q_text', 'q_filter', 'q_all']) AS name;
SELECT test.refresh('q_join', 'DELTA', 1000000, 1000000);
SELECT pgtrickle.refresh_stream_table('q_images');
TABLE wrong_images;
DELETE FROM q_t WHERE n = 14.5 AND n::text = '14.50';
SELECT pgtrickle.refresh_stream_table('q_images');
TABLE wrong_images;
-- new ones before, between and behind them, of which some leave again; in one change as many enter as leave
INSERT INTO q_t (id, g, v, s, f, n, m) SELECT 10000 + x, x % 3, CASE WHEN x % 2 = 0 THEN x - 10 ELSE 7900 + x END, 'a' || x, -0.0, 15, 'ok' FROM generate_series(1, 40) AS x;
SELECT * FROM everything();
BEGIN;
DELETE FROM q_t WHERE id BETWEEN 10005 AND 10030;
UPDATE q_t SET v = v + 3 WHERE v < 30;
INSERT INTO q_t (id, g, v, n, s) VALUES (20000, 1, 4, 15.0, 'a'), (20001, 1, 4, 15.00, 'a'), (20002, NULL, NULL, NULL, NULL);
COMMIT;
SELECT * FROM everything();
SELECT pgtrickle.refresh_stream_table('q_images');
TABLE wrong_images;
UPDATE q_t SET v = 5 WHERE id IN (20000, 20001);
DELETE FROM q_t WHERE n = 15.0 AND id NOT IN (20000, 20001);
SELECT pgtrickle.refresh_stream_table('q_images');
TABLE wrong_images;
DELETE FROM q_t WHERE id = 20001;
SELECT pgtrickle.refresh_stream_table('q_images');
TABLE wrong_images;
DELETE FROM q_t WHERE id = 20000;
INSERT INTO q_t (id, g, n) SELECT 40000 + x, 1, ('16.' || repeat('0', x))::numeric FROM generate_series(0, 20) AS x;
SELECT pgtrickle.refresh_stream_table('q_images');
TABLE wrong_images;
DELETE FROM q_t WHERE id BETWEEN 40001 AND 40010;
SELECT pgtrickle.refresh_stream_table('q_images');
TABLE wrong_images;
DELETE FROM q_t WHERE id BETWEEN 40010 AND 40020;
SELECT pgtrickle.refresh_stream_table('q_images');
TABLE wrong_images;
SELECT name, test.refresh(name, 'DELTA') FROM unnest(ARRAY['q_int', 'q_filter', 'q_all']) AS name;
SELECT * FROM everything();
-- more leave than were known, at once and one after another
DELETE FROM q_t WHERE v < 200 OR v > 7700;
SELECT * FROM everything();
DO $$
BEGIN
    FOR i IN 1..4 LOOP
        DELETE FROM q_t WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY g ORDER BY v) AS up, row_number() OVER (PARTITION BY g ORDER BY v DESC) AS down FROM q_t WHERE v IS NOT NULL) AS r WHERE up < 6 OR down < 6);
        PERFORM test.refresh(name, 'DELTA', 1000000, 1000000) FROM unnest(ARRAY['q_int', 'q_filter', 'q_all']) AS name;
    END LOOP;
END $$;
-- an index makes them useless; without it they are unknown again
CREATE INDEX ON q_t (g, v);
DELETE FROM q_t WHERE v IN (SELECT min(v) FROM q_t GROUP BY g);
SELECT test.refresh('q_int', 'DELTA', 1000000);
DROP INDEX q_t_g_v_idx;
DELETE FROM q_t WHERE v IN (SELECT min(v) FROM q_t GROUP BY g);
SELECT test.refresh('q_int', 'DELTA', 1000000, 1000000);
DELETE FROM q_t WHERE v IN (SELECT min(v) FROM q_t GROUP BY g);
SELECT test.refresh('q_int', 'DELTA');
-- long values are not kept
UPDATE q_t SET s = repeat('a', 600) || id WHERE id % 50 = 0;
SELECT * FROM everything();
DELETE FROM q_t WHERE id IN (SELECT id FROM q_t WHERE id % 50 = 0 ORDER BY s LIMIT 3);
SELECT test.refresh('q_text', 'DELTA', 1000000, 1000000);
-- a very long one is not even looked at, and as little are very many
INSERT INTO q_t (id, g, v, s) VALUES (50000, 1, 1, repeat('z', 1000000));
INSERT INTO q_t (id, g, v) SELECT 60000 + x, 0, x FROM generate_series(1, 10001) AS x;
SELECT * FROM everything();
DELETE FROM q_t WHERE id IN (SELECT min(id) FROM q_t WHERE id > 60000) OR id = 50000;
SELECT * FROM everything();
-- groups become small, lose their values, and go
DELETE FROM q_t WHERE g = 1 AND id % 100 <> 0 OR g = 2;
UPDATE q_t SET v = NULL, s = NULL, f = NULL WHERE g = 0;
SELECT * FROM everything();
DELETE FROM q_t WHERE g IS NOT NULL;
INSERT INTO q_t (id, g, v) SELECT 30000 + x, 2, x FROM generate_series(1, 100) AS x;
SELECT * FROM everything();
DELETE FROM q_t;
SELECT * FROM everything();
RESET client_min_messages;
-- what users may call as well
SELECT pgtrickle.best_values(x % 20, false) AS v, pgtrickle.best_counts(x % 20, false) AS c FROM generate_series(1, 100) AS x;
SELECT pgtrickle.best_values(x % 20, true) IS NULL AS few, pgtrickle.best_counts(NULL::text, true) IS NULL AS none FROM generate_series(1, 64) AS x;
SELECT pgtrickle.best_values(repeat('x', 400 + x), true) IS NULL AS long FROM generate_series(1, 200) AS x;
SELECT pgtrickle.changed_values(x, x * 10) AS v, pgtrickle.changed_counts(x, x * 10) AS c FROM unnest(ARRAY[1, NULL, 3]) AS x;
SELECT pgtrickle.changed_values(x, x) IS NULL AS many, pgtrickle.changed_counts(NULL::int, x) IS NULL AS none FROM generate_series(1, 10001) AS x;
SELECT pgtrickle.changed_values(repeat('x', x), x) IS NULL AS long FROM generate_series(499, 501) AS x;
SELECT pgtrickle.best_values_after('{1,3,9}'::int[], '{1,2,0}', v, c, false) AS v, pgtrickle.best_counts_after('{1,3,9}'::int[], '{1,2,0}', v, c, false) AS c
  FROM (VALUES ('{1,2,10}'::int[], '{-1,4,-1}'::bigint[]), ('{1,3,3}', '{-1,-1,-1}'), ('{2}', '{-1}'), ('{2,3}', '{1}'), ('{NULL}', '{1}'), ('{{1,2}}', '{{1,2}}'),
        ('{}', '{}'), ('{3,3}', '{9223372036854775807,1}')) AS changes (v, c);
SELECT pgtrickle.best_values_after(ARRAY[point(1, 1)], '{1}', ARRAY[point(1, 1)], '{1}', false);
DROP VIEW wrong_images;
SELECT test.drop_all();
DROP FUNCTION everything;
DROP TABLE q_t;
DROP TYPE mood;
