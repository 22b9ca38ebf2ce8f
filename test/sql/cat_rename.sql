-- Renamed and moved sources: nothing is recomputed, and everything says the present names (rule F6).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE SCHEMA cat_s;
CREATE TYPE cat_s.cat_mood AS ENUM ('low', 'high');
CREATE TYPE cat_s.cat_pair AS (x int, y int);
CREATE FUNCTION cat_s.cat_twice(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2 * n';
CREATE AGGREGATE cat_s.cat_total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE OPERATOR cat_s.@@@ (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
CREATE COLLATION cat_s.cat_order (LOCALE = 'C');
CREATE TABLE cat_s.cat_t (id int PRIMARY KEY, a int, b text, d date, mood cat_s.cat_mood, pair cat_s.cat_pair);
CREATE TABLE cat_s.cat_u (id int PRIMARY KEY, a int);
INSERT INTO cat_s.cat_t VALUES (1, 1, 'x', '2026-11-02', 'low', (1, 2)), (2, 2, 'Y', '2026-12-01', 'high', (3, 4));
INSERT INTO cat_s.cat_u VALUES (1, 10), (2, 20);
CREATE VIEW cat_s.cat_v AS SELECT id, a FROM cat_s.cat_t WHERE a > 0;
SET search_path = cat_s, public;
SET DateStyle = 'SQL, DMY';
SELECT test.create('public.cat_all', $$
SELECT t.*, cat_twice(t.a) AS twice, t.a @@@ 1 AS plus, t.mood::text AS label, (t.pair).x AS px FROM cat_t t
 WHERE t.d > '02/01/2024' AND t.mood >= 'low'::cat_mood AND t.b COLLATE cat_order > 'A' $$);
SELECT test.create('public.cat_join', 'SELECT id, t.a, u.a AS ua FROM cat_t t JOIN cat_u u USING (id)');
SELECT test.create('public.cat_view', 'SELECT a, count(*) AS n FROM cat_v GROUP BY a');
SELECT test.create('public.cat_total', 'SELECT cat_total(a) AS s FROM cat_u');
SELECT test.create('public.cat_other', 'select  id from cat_u');
RESET DateStyle;
-- one more row of each source, which each stream table follows: a recompute would raise; then their queries as they are stored
CREATE FUNCTION pg_temp.look(source text) RETURNS TABLE (name text, query text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %1$s SELECT (jsonb_populate_record(s, jsonb_build_object(''id'', id + 1))).* FROM %1$s s ORDER BY id DESC LIMIT 1', source);
    PERFORM test.refresh_all('DELTA');
    RETURN QUERY SELECT pgt_name, defining_query FROM pgtrickle.pgt_stream_tables JOIN pg_temp.seen USING (pgt_id)
                  WHERE defining_query <> seen.query ORDER BY pgt_id;
    UPDATE pg_temp.seen SET query = defining_query FROM pgtrickle.pgt_stream_tables t WHERE t.pgt_id = seen.pgt_id;
END $$;
CREATE TEMP TABLE seen AS SELECT pgt_id, defining_query AS query FROM pgtrickle.pgt_stream_tables;
SELECT * FROM pg_temp.look('cat_s.cat_t');
-- a column, used and not
ALTER TABLE cat_s.cat_t RENAME a TO "A 1";
SELECT source_relid::regclass, columns_used FROM pgtrickle.pgt_dependencies WHERE 'A 1' = ANY (columns_used) ORDER BY pgt_id;
ALTER TABLE cat_s.cat_t ADD COLUMN unused int;
ALTER TABLE cat_s.cat_t RENAME unused TO not_used;
ALTER TABLE cat_s.cat_t RENAME "A 1" TO a;
SELECT * FROM pg_temp.look('cat_s.cat_t');
ALTER TABLE cat_s.cat_t RENAME id TO key;
ALTER TABLE cat_s.cat_u RENAME a TO amount;
ALTER TABLE cat_s.cat_u ADD COLUMN a int;
SELECT * FROM pg_temp.look('cat_s.cat_u');
ALTER TABLE cat_s.cat_t RENAME key TO id;
-- tables, a view and its columns
ALTER TABLE cat_s.cat_t RENAME TO cat_table;
ALTER VIEW cat_s.cat_v RENAME COLUMN a TO b;
ALTER VIEW cat_s.cat_v RENAME TO cat_view;
SELECT * FROM pg_temp.look('cat_s.cat_table');
-- functions, aggregates, operators, collations, types, their attributes
ALTER FUNCTION cat_s.cat_twice(int) RENAME TO cat_double;
ALTER AGGREGATE cat_s.cat_total(int) RENAME TO cat_sum;
ALTER COLLATION cat_s.cat_order RENAME TO cat_collation;
ALTER TYPE cat_s.cat_mood RENAME TO cat_humour;
SELECT * FROM pg_temp.look('cat_s.cat_table');
SELECT * FROM pg_temp.look('cat_s.cat_u');
-- moved, and all of it with the schema
CREATE SCHEMA cat_other;
ALTER FUNCTION cat_s.cat_double(int) SET SCHEMA cat_other;
ALTER OPERATOR cat_s.@@@ (int, int) SET SCHEMA cat_other;
ALTER TABLE cat_s.cat_u SET SCHEMA cat_other;
ALTER SCHEMA cat_s RENAME TO "cat schema";
RESET search_path;
SELECT * FROM pg_temp.look('"cat schema".cat_table');
SELECT * FROM pg_temp.look('cat_other.cat_u');
-- rolled back: as before
BEGIN;
ALTER TABLE cat_other.cat_u RENAME TO cat_x;
ROLLBACK;
BEGIN;
SAVEPOINT s;
ALTER TABLE cat_other.cat_u RENAME TO cat_x;
ROLLBACK TO s;
ALTER SCHEMA cat_other RENAME TO cat_third;
ROLLBACK;
SELECT * FROM pg_temp.look('cat_other.cat_u');
-- what says the old name: nothing
SELECT pgt_name FROM pgtrickle.pgt_stream_tables, pgtrickle.explain_st(pgt_name)
 WHERE value ~ 'cat_s\.|cat_t\M|cat_v\M|cat_twice|cat_total\(|cat_order|cat_mood' AND property NOT IN ('pgt_name', 'dependency_graph_dot');
SELECT pgt_name FROM pgtrickle.pgt_stream_tables, pgtrickle.explain_stream_table(pgt_name) AS line WHERE line ~ 'cat_s\.|cat_t\M|cat_v\M|cat_twice|cat_order|cat_mood';
-- an attribute's name is part of a value, a body is what a function does: recomputed, in new words
ALTER TYPE "cat schema".cat_pair RENAME ATTRIBUTE x TO first;
SELECT test.refresh('cat_all', 'FULL');
SELECT test.refresh('cat_join', 'FULL');
SELECT defining_query LIKE '%.first AS px%' AS renamed FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'cat_all';
CREATE OR REPLACE FUNCTION cat_other.cat_double(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 3 * n';
SELECT test.refresh('cat_all', 'FULL');
CREATE OR REPLACE AGGREGATE "cat schema".cat_sum(int) (SFUNC = int4pl, STYPE = int, INITCOND = '1');
SELECT test.refresh('cat_total', 'FULL');
-- as it was, or another name, owner, cost: not
CREATE OR REPLACE FUNCTION cat_other.cat_double(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 3 * n';
ALTER FUNCTION cat_other.cat_double(int) COST 50;
SELECT * FROM pg_temp.look('"cat schema".cat_table');
-- under row security the query is analysed at each refresh
CREATE ROLE cat_owner;
GRANT USAGE ON SCHEMA pgtrickle, cat_other TO cat_owner;
GRANT SELECT, TRIGGER ON cat_other.cat_u TO cat_owner;
GRANT CREATE ON SCHEMA public TO cat_owner;
ALTER TABLE cat_other.cat_u ENABLE ROW LEVEL SECURITY;
CREATE POLICY cat_p ON cat_other.cat_u USING (id > 1);
SET ROLE cat_owner;
SELECT pgtrickle.create_stream_table('cat_rls', 'SELECT id FROM cat_other.cat_u', refresh_mode => 'FULL');
RESET ROLE;
ALTER TABLE cat_other.cat_u RENAME id TO number;
ALTER TABLE cat_other.cat_u RENAME TO cat_secret;
SET ROLE cat_owner;
SELECT pgtrickle.refresh_stream_table('cat_rls');
SELECT exact FROM pgtrickle.verify_stream_table('cat_rls');
RESET ROLE;
SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'cat_rls';
-- 42501: messages may hold values; everything else of the catalog is for all
SET ROLE cat_owner;
SELECT count(last_error_message) FROM pgtrickle.pgt_stream_tables;
SELECT count(defining_query) > 0 AS visible FROM pgtrickle.pgt_stream_tables;
RESET ROLE;
SELECT test.drop_all();
REVOKE ALL ON SCHEMA pgtrickle, public, cat_other FROM cat_owner;
REVOKE ALL ON cat_other.cat_secret FROM cat_owner;
DROP ROLE cat_owner;
SET client_min_messages = warning;
DROP SCHEMA "cat schema", cat_other CASCADE;
