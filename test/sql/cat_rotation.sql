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
DROP TABLE cat_logged, cat_unlogged;
DROP FUNCTION cat_segments;
