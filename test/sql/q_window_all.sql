-- Windows of all rows that have no order, and functions that follow from others
-- or from every row (rule E10).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE t (id int PRIMARY KEY, a int, n numeric, s text);
CREATE TABLE u (a int, n int);
INSERT INTO t SELECT x, nullif(x % 5, 3), x * 1.5, 's' || x % 3 FROM generate_series(1, 20) AS x;
INSERT INTO u SELECT nullif(x % 3, 2), x % 4 FROM generate_series(1, 9) AS x;

-- shares and parts of all rows
SELECT test.create('a_shares', 'SELECT id, percent_rank() OVER (ORDER BY a) AS p, cume_dist() OVER (ORDER BY a DESC) AS c FROM t');
SELECT test.create('a_frames', 'SELECT a, cume_dist() OVER (ORDER BY a ROWS 2 PRECEDING) AS c, ntile(3) OVER (ORDER BY a, id) AS t, ntile(100) OVER (ORDER BY id DESC NULLS FIRST) AS m FROM t WHERE a IS NOT NULL');
SELECT test.create('a_keyless', 'SELECT a, n, percent_rank() OVER (ORDER BY a DESC NULLS FIRST) AS p, cume_dist() OVER (ORDER BY n NULLS FIRST) AS c FROM u');
SELECT test.create('a_parts', 'SELECT id, ntile(1) OVER (ORDER BY id) AS o, ntile(7) OVER (ORDER BY id) AS s, ntile(NULL) OVER (ORDER BY id) AS x, count(*) OVER () AS c FROM t');
SELECT test.create('a_grouped', 'SELECT a, count(*) AS c, cume_dist() OVER (ORDER BY count(*)) AS p, ntile(2) OVER (ORDER BY a) AS t FROM u GROUP BY a');
-- peers only
SELECT test.create('a_peers', 'SELECT id, a, rank() OVER () AS r, dense_rank() OVER (PARTITION BY a) AS d, percent_rank() OVER () AS p, cume_dist() OVER (PARTITION BY s) AS c FROM t');
-- everything may change
SELECT test.create('a_whole', 'SELECT id, nth_value(n, 3) OVER (ORDER BY id) AS v, array_agg(id) OVER (ORDER BY id DESC) AS g, sum(n) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS q, rank() OVER (PARTITION BY s ORDER BY n) AS k FROM t');
SELECT test.create('a_exclude', 'SELECT id, sum(n) OVER (ORDER BY a RANGE UNBOUNDED PRECEDING EXCLUDE TIES) AS v, lag(id, a) OVER (ORDER BY id) AS l, count(*) OVER (ORDER BY n::float8 RANGE BETWEEN 3 PRECEDING AND 2 FOLLOWING) AS f FROM t');
SELECT test.create('a_tiles', 'SELECT id, ntile(a) OVER (ORDER BY id DESC) AS t FROM t WHERE id < 12');
-- no order: numbers that no two rows share, and neighbours that are those of the numbers
SELECT test.create('a_number', 'SELECT row_number() OVER () AS r FROM t');
SELECT pgtrickle.create_stream_table('a_numbered', 'SELECT id, n, row_number() OVER () AS r, rank() OVER (ORDER BY a) AS k FROM t', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('a_numbers', 'SELECT a, n, row_number() OVER () AS r, count(*) OVER () AS c FROM u', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('a_near', 'SELECT id, row_number() OVER w AS r, lag(id) OVER w AS l, first_value(id) OVER w AS f, last_value(id) OVER w AS e, nth_value(id, 2) OVER w AS s FROM t WINDOW w AS ()', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('a_frame', 'SELECT id, sum(id) OVER w AS s, count(*) OVER w AS c, max(id) OVER w AS m, row_number() OVER w AS r FROM t WINDOW w AS (ROWS 2 PRECEDING)', refresh_mode => 'DIFFERENTIAL');

/*
 * What a refresh did, and whether the result is one of those that the query can
 * have: which rows have which numbers is free, all else follows from it.
 */
CREATE FUNCTION check_numbers(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    last bigint := test.last_run_id(name);
    wrong bigint;
    run text;
BEGIN
    PERFORM pgtrickle.refresh_stream_table(name);
    EXECUTE format($q$SELECT count(*) FROM (SELECT r, row_number() OVER (ORDER BY r) AS wanted FROM %I) x WHERE r <> wanted$q$, name) INTO wrong;
    IF name IN ('a_numbered', 'a_near', 'a_frame') THEN
        EXECUTE format('SELECT $1 + count(*) FROM (SELECT id FROM t) x FULL JOIN %I y USING (id) WHERE x IS NULL OR y IS NULL', name) INTO wrong USING wrong;
    END IF;
    CASE name
        WHEN 'a_numbered' THEN
            SELECT wrong + count(*) INTO wrong FROM a_numbered JOIN (SELECT id, n, rank() OVER (ORDER BY a) AS k FROM t) x USING (id) WHERE (a_numbered.n, a_numbered.k) IS DISTINCT FROM (x.n, x.k);
        WHEN 'a_near' THEN
            SELECT wrong + count(*) INTO wrong FROM (
                SELECT n.*, lag(id) OVER w AS l2, first_value(id) OVER w AS f2, last_value(id) OVER w AS e2, nth_value(id, 2) OVER w AS s2 FROM a_near AS n
                WINDOW w AS (ORDER BY r ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) x WHERE (l, f, e, s) IS DISTINCT FROM (l2, f2, e2, s2);
        WHEN 'a_frame' THEN
            SELECT wrong + count(*) INTO wrong FROM (
                SELECT n.*, sum(id) OVER w AS s2, count(*) OVER w AS c2, max(id) OVER w AS m2 FROM a_frame AS n WINDOW w AS (ORDER BY r ROWS 2 PRECEDING)) x WHERE (s, c, m) IS DISTINCT FROM (s2, c2, m2);
        WHEN 'a_number' THEN
            wrong := wrong + (SELECT count(*) FROM t) - (SELECT count(*) FROM a_number);
        ELSE
            wrong := wrong + (SELECT count(*) FROM ((SELECT a, n, count(*) OVER () FROM u) EXCEPT ALL SELECT a, n, c FROM a_numbers) x) + (SELECT count(*) FROM a_numbers) - (SELECT count(*) FROM u);
    END CASE;
    SELECT CASE WHEN wrong = 0 THEN '' ELSE 'WRONG ' END || action || format(' +%s ~%s -%s', rows_inserted, rows_updated, rows_deleted) || coalesce(': ' || refresh_reason, '') INTO run
      FROM pgtrickle.pgt_refresh_history WHERE refresh_id = test.last_run_id(name) AND refresh_id > last;
    RETURN coalesce(run, CASE WHEN wrong = 0 THEN 'NO_DATA' ELSE 'WRONG' END);
END $$;
CREATE FUNCTION check_all() RETURNS TABLE (stream_table text, run text) LANGUAGE sql AS $$
    SELECT pgt_name, CASE WHEN pgt_name ~ '^a_(n|frame$)' THEN check_numbers(pgt_name) ELSE test.refresh(pgt_name, 'DELTA') END
      FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id
$$;

SET client_min_messages = warning;
INSERT INTO t VALUES (30, 1, 4.5, 'x'), (0, NULL, NULL, NULL);
INSERT INTO u VALUES (1, 1), (NULL, NULL), (1, 1);
SELECT * FROM check_all();
-- as many rows as before: only what runs on changes, and numbers stay with their rows
UPDATE t SET a = a + 1, n = n + 0.00 WHERE id IN (4, 9, 12);
UPDATE u SET n = 7 WHERE n = 0;
SELECT * FROM check_all();
-- numbers that are free go to the last rows
DELETE FROM t WHERE id IN (1, 30, 10);
DELETE FROM u WHERE a = 1;
SELECT * FROM check_all();
UPDATE t SET s = 'y' WHERE id IN (3, 20);
SELECT * FROM check_all();
BEGIN;
DELETE FROM t WHERE id % 3 = 0;
INSERT INTO t SELECT x, x % 4, x, 's' FROM generate_series(40, 44) AS x;
UPDATE t SET a = NULL, n = -n WHERE id > 41;
INSERT INTO u SELECT * FROM u;
DELETE FROM t WHERE id = 44;
COMMIT;
SELECT * FROM check_all();
DELETE FROM t WHERE id > 2;
DELETE FROM u WHERE n = 7;
SELECT * FROM check_all();
DELETE FROM t;
DELETE FROM u;
SELECT * FROM check_all();
INSERT INTO t SELECT x, nullif(x % 5, 3), x * 1.5, 's' || x % 3 FROM generate_series(1, 7) AS x;
INSERT INTO u VALUES (NULL, 1), (NULL, 1);
SELECT * FROM check_all();
SELECT pgt_name, ltrim(line) AS line FROM pgtrickle.pgt_stream_tables, regexp_split_to_table(pgtrickle.explain_stream_table(pgt_name), '\n') AS line WHERE line ~ 'window functions' ORDER BY pgt_id;
-- a number of parts that is none
SELECT test.create('a_wrong', 'SELECT id, ntile(0) OVER (ORDER BY id) AS t FROM t');
SELECT test.drop_all();
DROP FUNCTION check_all, check_numbers;
DROP TABLE t, u;

-- The cost: of numbers, what changes; of shares, what changes as long as there are as many rows.
CREATE TABLE t (id int PRIMARY KEY, v int, note text);
INSERT INTO t SELECT x, x % 100, 'n' FROM generate_series(1, 20000) AS x;
ANALYZE t;
SELECT test.create('a_number', 'SELECT count(*) AS c, sum(r) AS s, sum(r * r) AS q FROM (SELECT id, row_number() OVER () AS r FROM t) x');
SELECT test.create('a_share', 'SELECT id, percent_rank() OVER (ORDER BY id) AS p, ntile(10) OVER (ORDER BY id) AS t, v FROM t');
SELECT test.create('a_near', 'SELECT count(*) AS c, count(l) AS l, sum(m) AS m FROM (SELECT id, lag(id) OVER w AS l, sum(1) OVER (w ROWS 3 PRECEDING) AS m FROM t WINDOW w AS ()) x');
ANALYZE;
INSERT INTO t VALUES (20001, 7, 'n'), (20002, 8, 'n');
DELETE FROM t WHERE id IN (5, 10000);
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 300) FROM (VALUES ('a_number'), ('a_near')) AS x (stream_table);
DELETE FROM t WHERE id = 7777;
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 300) FROM (VALUES ('a_number'), ('a_near')) AS x (stream_table);
SELECT test.refresh('a_share');
UPDATE t SET v = v + 1 WHERE id = 9000;
SELECT test.refresh('a_share', 'DELTA', 500, 300);
SELECT test.drop_all();
DROP TABLE t;
