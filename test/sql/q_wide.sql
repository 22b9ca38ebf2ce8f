-- As many columns as a table can have. A change log keeps four of its own, a state
-- has old and new values side by side: beyond that it is recomputed, and says so.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE FUNCTION pg_temp.columns(n int, form text DEFAULT 'c%1$s') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format(form, i), ', ') FROM generate_series(1, n) AS i $$;
DO $$ BEGIN
    EXECUTE 'CREATE TABLE w (' || pg_temp.columns(1600, 'c%1$s int') || ')';
    EXECUTE 'INSERT INTO w SELECT ' || pg_temp.columns(1600, 'g * %1$s') || ' FROM generate_series(1, 5) AS g';
END $$;
-- queries are not shown: they are long
CREATE FUNCTION pg_temp.try(name text, query text, mode text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL client_min_messages = error;
    RETURN test.create(name, query, mode);
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END $$;
SELECT pg_temp.try('w_some', 'SELECT c1, c1600 FROM w WHERE c800 > 800', 'DIFFERENTIAL');
SELECT pg_temp.try('w_widest', 'SELECT ' || pg_temp.columns(1596) || ' FROM w', 'DIFFERENTIAL');
SELECT pg_temp.try('w_1597', 'SELECT ' || pg_temp.columns(1597) || ' FROM w', 'DIFFERENTIAL');
SELECT pg_temp.try('w_all', 'SELECT * FROM w', 'AUTO');
SELECT pg_temp.try('w_row', 'SELECT c1, to_jsonb(w) AS j FROM w', 'AUTO');
SELECT pg_temp.try('w_join', 'SELECT a.c1, b.c1600 FROM w AS a LEFT JOIN w AS b ON b.c2 = a.c1', 'DIFFERENTIAL');
SELECT pg_temp.try('w_groups', 'SELECT c1, ' || pg_temp.columns(400, 'sum(c%1$s) AS s%1$s') || ' FROM w GROUP BY c1', 'DIFFERENTIAL');
SELECT pg_temp.try('w_more_groups', 'SELECT c1, ' || pg_temp.columns(900, 'sum(c%1$s) AS s%1$s') || ' FROM w GROUP BY c1', 'DIFFERENTIAL');
SELECT pg_temp.try('w_distinct', 'SELECT DISTINCT ' || pg_temp.columns(1600) || ' FROM w', 'AUTO');
SELECT pg_temp.try('w_beyond', 'SELECT w.*, 1 AS one FROM w', 'AUTO');
UPDATE w SET c1600 = 0, c2 = 3 WHERE c1 = 2;
DELETE FROM w WHERE c1 = 3;
INSERT INTO w (c1, c1596, c1600) VALUES (6, 6, 6);
SET client_min_messages = warning;
SELECT pgt_name, test.refresh(pgt_name, CASE refresh_mode WHEN 'FULL' THEN 'FULL' ELSE 'DELTA' END) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE w;
