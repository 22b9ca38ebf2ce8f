-- Versions, and what the contract says of queries and columns that this engine has no use for.
\o /dev/null
SELECT test.restart_numbers();
\o
SELECT v->>'library_version' = pgtrickle.version() AS library, v->>'extension_version' = extversion AS extension,
       v->>'pg_version' = current_setting('server_version') AS server, v->'version_match' AS match
  FROM (SELECT pgtrickle.version_check()::json) AS c (v), pg_extension WHERE extname = 'pg_trickle';
SELECT version = pgtrickle.version() AS version, applied_at <= now() AS applied, description FROM pgtrickle.pgt_schema_version;
SELECT replace(pgtrickle.migrate(), pgtrickle.version(), 'N');
-- another version of the objects: as if ALTER EXTENSION UPDATE had not been run, or had been
BEGIN;
UPDATE pg_extension SET extversion = '0.0.1' WHERE extname = 'pg_trickle';
\set VERBOSITY terse
SELECT replace(pgtrickle.migrate(), pgtrickle.version(), 'N');
SET LOCAL client_min_messages = error;
SELECT pgtrickle.version_check()::json->'version_match' AS match;
ROLLBACK;
\set VERBOSITY default
BEGIN;
UPDATE pgtrickle.pgt_schema_version SET version = '0.0.1', applied_at = applied_at - interval '1 day';
SELECT replace(pgtrickle.migrate(), pgtrickle.version(), 'N');
SELECT replace(pgtrickle.migrate(), pgtrickle.version(), 'N');
SELECT replace(version, pgtrickle.version(), 'N') AS version, description FROM pgtrickle.pgt_schema_version ORDER BY applied_at;
ROLLBACK;
CREATE ROLE api_user;
GRANT USAGE ON SCHEMA pgtrickle TO api_user;
SET ROLE api_user;
SELECT pgtrickle.migrate();
SELECT count(*) FROM pgtrickle.pgt_schema_version;
RESET ROLE;
DROP OWNED BY api_user;
DROP ROLE api_user;
-- passes over a query
CREATE SCHEMA api_s;
CREATE TABLE api_s.api_t (id int PRIMARY KEY, g int, a int);
CREATE VIEW api_s.api_v AS SELECT id, g, a FROM api_s.api_t WHERE a > 1;
SET search_path = api_s;
SELECT * FROM pgtrickle.explain_query_rewrite('SELECT id FROM api_t');
-- each major prints queries a little differently
CREATE FUNCTION pg_temp.passes(query text) RETURNS TABLE (pass text, changed boolean, text text) LANGUAGE sql AS $$
    SELECT pass_name, changed, CASE WHEN pass_name = 'view_inlining' THEN CASE WHEN sql_after ~ 'api_s.api_t' AND sql_after !~ 'FROM api_v' THEN 'without the view' END ELSE sql_after END
      FROM pgtrickle.explain_query_rewrite(query) WHERE sql_after IS NOT NULL $$;
SELECT * FROM pg_temp.passes('SELECT g, sum(a) AS s FROM api_v GROUP BY g');
SELECT * FROM pg_temp.passes('SELECT id FROM api_t ORDER BY a, id LIMIT 3');
SELECT * FROM pg_temp.passes('SELECT t.id, random() AS r FROM api_t AS t LEFT JOIN api_v USING (id)');
SELECT count(*) FROM pgtrickle.explain_query_rewrite(NULL);
SELECT pgtrickle.explain_query_rewrite('SELECT FROM nowhere');
SELECT pgtrickle.explain_query_rewrite('DELETE FROM api_t');
RESET search_path;
-- a stream table has the columns of its query
SELECT test.create('api_st', 'SELECT g, count(*) AS c, avg(a) AS m FROM api_s.api_t GROUP BY g');
SELECT * FROM pgtrickle.list_auxiliary_columns('api_st');
SELECT * FROM pgtrickle.list_auxiliary_columns('api_missing');
SELECT test.drop_all();
SET client_min_messages = warning;
DROP SCHEMA api_s CASCADE;
RESET client_min_messages;
