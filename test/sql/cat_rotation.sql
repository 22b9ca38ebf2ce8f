-- A consumed log gives its space back, logged or not, whatever the session's setting says then.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE FUNCTION cat_segments(source regclass) RETURNS TABLE (segment int, current boolean, persistence "char", empty boolean) LANGUAGE sql AS $$
    SELECT s.segment, s.is_current, c.relpersistence, pg_relation_size(c.oid) = 0
      FROM pgtrickle.change_log_segment AS s JOIN pg_class AS c ON c.oid = s.log WHERE s.source = $1 ORDER BY s.segment $$;
CREATE TABLE cat_logged (id int, pad text);
CREATE TABLE cat_unlogged (id int, pad text);
SELECT test.create('cat_1', 'SELECT id, pad FROM cat_logged');
SET pg_trickle.unlogged_buffers = on;
SELECT test.create('cat_2', 'SELECT id, pad FROM cat_unlogged');
RESET pg_trickle.unlogged_buffers;
-- more than a segment holds: the next one is begun
INSERT INTO cat_logged SELECT x, repeat('x', 1000) FROM generate_series(1, 9500) AS x;
INSERT INTO cat_unlogged SELECT x, repeat('x', 1000) FROM generate_series(1, 9500) AS x;
SELECT test.refresh('cat_1'), test.refresh('cat_2');
SELECT * FROM cat_segments('cat_logged');
SELECT * FROM cat_segments('cat_unlogged');
-- and the first one is emptied
INSERT INTO cat_logged VALUES (0, 'y');
INSERT INTO cat_unlogged VALUES (0, 'y');
SELECT test.refresh('cat_1'), test.refresh('cat_2');
SELECT * FROM cat_segments('cat_logged');
SELECT * FROM cat_segments('cat_unlogged');
-- the other setting does not change what a log is either
SET pg_trickle.unlogged_buffers = on;
INSERT INTO cat_logged SELECT x, repeat('x', 1000) FROM generate_series(1, 9500) AS x;
SELECT test.refresh('cat_1');
SELECT * FROM cat_segments('cat_logged');
RESET pg_trickle.unlogged_buffers;
SELECT test.drop_all();
-- either setting makes one that is not logged; nothing else does
CREATE TABLE cat_small (id int);
CREATE FUNCTION cat_created(durability text, buffers bool) RETURNS "char" LANGUAGE plpgsql AS $$
DECLARE
    found "char";
BEGIN
    PERFORM set_config('pg_trickle.change_buffer_durability', durability, true), set_config('pg_trickle.unlogged_buffers', buffers::text, true);
    PERFORM pgtrickle.create_stream_table('cat_1', 'SELECT id FROM cat_small');
    INSERT INTO cat_small VALUES (1);
    PERFORM test.refresh('cat_1'), test.assert_fresh('cat_1');
    SELECT DISTINCT persistence INTO STRICT found FROM cat_segments('cat_small');
    PERFORM pgtrickle.drop_stream_table('cat_1');
    RETURN found;
END $$;
SHOW pg_trickle.change_buffer_durability;
\set VERBOSITY terse
SET client_min_messages = error;
SELECT durability, buffers, cat_created(durability, buffers)
  FROM unnest(ARRAY['unlogged', 'logged', 'sync']) AS durability CROSS JOIN unnest(ARRAY[false, true]) AS buffers;
RESET client_min_messages;
\set VERBOSITY default
DROP FUNCTION cat_created(text, bool);
DROP TABLE cat_small;
-- what is recomputed because of row security does not read the log, and does not keep it either
CREATE ROLE cat_reader;
GRANT USAGE ON SCHEMA pgtrickle, test TO cat_reader;
GRANT CREATE ON SCHEMA public TO cat_reader;
GRANT SELECT, TRIGGER ON cat_logged TO cat_reader;
SET ROLE cat_reader;
SELECT test.create('cat_seen', 'SELECT id FROM public.cat_logged WHERE pad IS NOT NULL');
RESET ROLE;
CREATE POLICY cat_even ON cat_logged USING (id % 2 = 0);
ALTER TABLE cat_logged ENABLE ROW LEVEL SECURITY;
INSERT INTO cat_logged SELECT x, repeat('x', 1000) FROM generate_series(1, 9500) AS x;
SELECT pgtrickle.refresh_stream_table('cat_seen');
INSERT INTO cat_logged VALUES (2, 'y');
SELECT pgtrickle.refresh_stream_table('cat_seen');
SELECT * FROM cat_segments('cat_logged');
SET ROLE cat_reader;
SELECT test.assert_fresh('cat_seen');
RESET ROLE;
ALTER TABLE cat_logged DISABLE ROW LEVEL SECURITY;
INSERT INTO cat_logged VALUES (3, 'z');
SELECT test.refresh('cat_seen', 'REINITIALIZE');
INSERT INTO cat_logged VALUES (5, 'z');
SELECT test.refresh('cat_seen');
SELECT test.drop_all();
DROP TABLE cat_logged, cat_unlogged;
DROP OWNED BY cat_reader;
DROP ROLE cat_reader;
DROP FUNCTION cat_segments;
