-- Renamed and moved stream tables: the catalog, and what reads it, knows their names.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE SCHEMA api_one;
CREATE SCHEMA api_two;
CREATE TABLE api_t (id int PRIMARY KEY);
SELECT test.create('api_a', 'SELECT id FROM api_t');
SELECT test.create('api_b', 'SELECT id + 1 AS id FROM api_a');
CREATE FUNCTION pg_temp.names() RETURNS SETOF text LANGUAGE sql AS $$ SELECT name FROM pgtrickle.pgt_status() ORDER BY 1 $$;
ALTER TABLE api_a RENAME TO "api ""x""";
SELECT pg_temp.names();
ALTER TABLE "api ""x""" SET SCHEMA api_one;
SELECT pg_temp.names();
INSERT INTO api_t VALUES (1);
SELECT test.refresh('api_one."api ""x"""');
SELECT pgtrickle.refresh_stream_table('api_b');
SELECT exact FROM pgtrickle.verify_stream_table('api_b');
-- two that change places
BEGIN;
ALTER TABLE api_b SET SCHEMA api_one;
ALTER TABLE api_one."api ""x""" RENAME TO api_y;
ALTER TABLE api_one.api_b RENAME TO "api ""x""";
ALTER TABLE api_one.api_y RENAME TO api_b;
COMMIT;
SELECT pg_temp.names();
-- a schema with stream tables, and one without
ALTER SCHEMA api_one RENAME TO api_three;
ALTER SCHEMA api_two RENAME TO api_one;
SELECT pg_temp.names();
BEGIN;
ALTER SCHEMA api_three RENAME TO api_four;
ALTER TABLE api_four.api_b RENAME TO api_c;
ROLLBACK;
SELECT pg_temp.names();
INSERT INTO api_t VALUES (2);
SELECT test.refresh('api_three.api_b');
SELECT pgtrickle.refresh_stream_table('api_three."api ""x"""');
SELECT exact FROM pgtrickle.verify_stream_table('api_three."api ""x"""');
-- what else is altered leaves them
ALTER SCHEMA api_three OWNER TO CURRENT_USER;
ALTER TABLE api_three.api_b SET (fillfactor = 70);
SELECT pg_temp.names();
SELECT tree_line FROM pgtrickle.dependency_tree();
SELECT test.drop_all();
DROP TABLE api_t;
DROP SCHEMA api_one, api_three;
