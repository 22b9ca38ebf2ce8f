-- What cannot be told as rows makes the next refresh recompute, once, and the
-- history says why.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE cat_t (id int PRIMARY KEY, a int, b int, c text);
INSERT INTO cat_t SELECT x, x % 3, x, 'c' FROM generate_series(1, 9) AS x;
SELECT test.create('cat_rows', 'SELECT id, a FROM cat_t');
-- after each event one recompute with its reason, then differential again
CREATE FUNCTION cat_next(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE reason text;
BEGIN
    PERFORM pgtrickle.refresh_stream_table(name);
    PERFORM test.assert_fresh(name);
    reason := test.last_run(name);
    EXECUTE 'UPDATE cat_t SET a = coalesce(a, 0) + 1 WHERE id = (SELECT min(id) FROM cat_t)';
    PERFORM test.refresh(name);
    RETURN reason;
END $$;
\set VERBOSITY terse
SET client_min_messages = warning;
TRUNCATE cat_t;
INSERT INTO cat_t SELECT x, x % 3, x, 'c' FROM generate_series(1, 9) AS x;
SELECT cat_next('cat_rows');
VACUUM FULL cat_t;
SELECT cat_next('cat_rows');
ALTER TABLE cat_t DISABLE TRIGGER ALL;
ALTER TABLE cat_t ENABLE TRIGGER ALL;
SELECT cat_next('cat_rows');
ALTER TABLE cat_t SET UNLOGGED;
SELECT cat_next('cat_rows');
ALTER TABLE cat_t SET LOGGED;
SELECT cat_next('cat_rows');
ALTER TABLE cat_rows SET UNLOGGED;
SELECT cat_next('cat_rows');
ALTER TABLE cat_rows SET LOGGED;
SELECT cat_next('cat_rows');
\set VERBOSITY default
-- a captured column that only another stream table reads gets another type
SELECT test.create('cat_b', 'SELECT id, b FROM cat_t');
SET pg_trickle.block_source_ddl = off;
ALTER TABLE cat_t ALTER b TYPE bigint;
RESET pg_trickle.block_source_ddl;
INSERT INTO cat_t VALUES (50, 5, 5, 'x');
SELECT cat_next('cat_rows');
SELECT count(*) AS segments, bool_and(attnums = '{1,2,3}') AS columns FROM pgtrickle.change_log_segment
 WHERE source = 'cat_t'::regclass AND is_current;
-- one that is dropped concerns nobody
SELECT pgtrickle.drop_stream_table('cat_b');
ALTER TABLE cat_t DROP COLUMN b;
INSERT INTO cat_t VALUES (51, 5, 'x');
SELECT cat_next('cat_rows');
SELECT attnums FROM pgtrickle.change_log_segment WHERE source = 'cat_t'::regclass AND is_current;
SELECT test.drop_all();
-- children
SELECT test.create('cat_rows', 'SELECT a, count(*) AS c FROM cat_t GROUP BY a');
CREATE TABLE cat_child () INHERITS (cat_t);
INSERT INTO cat_child VALUES (100, 1, 'child');
SELECT cat_next('cat_rows');
UPDATE cat_child SET a = 7;
SELECT test.refresh('cat_rows');
DROP TABLE cat_child;
SELECT cat_next('cat_rows');
SELECT test.drop_all();
DROP FUNCTION cat_next(text);
DROP TABLE cat_t;

-- a trigger on a stream table may write its source and refresh others, but not itself
CREATE TABLE cat_t (id int, n int);
SELECT test.create('cat_1', 'SELECT id, n FROM cat_t');
SELECT test.create('cat_2', 'SELECT n, count(*) AS c FROM cat_t GROUP BY n');
CREATE FUNCTION cat_echo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id < 100 THEN
        INSERT INTO public.cat_t VALUES (NEW.id + 100, NEW.n);
        PERFORM pgtrickle.refresh_stream_table('public.cat_2');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER echo AFTER INSERT ON cat_1 FOR EACH ROW EXECUTE FUNCTION cat_echo();
INSERT INTO cat_t VALUES (1, 1), (2, 1);
SELECT pgtrickle.refresh_stream_table('cat_1');
SELECT test.assert_fresh('cat_2');
SELECT test.refresh('cat_1');
DELETE FROM cat_t WHERE id > 100;
SELECT * FROM test.refresh_all();
CREATE OR REPLACE FUNCTION cat_echo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pgtrickle.refresh_stream_table('public.cat_1');
    RETURN NULL;
END $$;
INSERT INTO cat_t VALUES (3, 1);
SELECT pgtrickle.refresh_stream_table('cat_1');
DROP TRIGGER echo ON cat_1;
SELECT * FROM test.refresh_all();
SELECT test.drop_all();
DROP TABLE cat_t;
DROP FUNCTION cat_echo();
