-- Trying another query beside a stream table.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE SCHEMA api_other;
CREATE TABLE api_t (t int PRIMARY KEY, a int, f float8);
INSERT INTO api_t VALUES (1, 1, 0.1), (2, 2, 0.2), (3, 2, 0.3);
SELECT pgtrickle.create_stream_table('api_st', 'SELECT a AS t, f FROM api_t', '5m', 'DIFFERENTIAL', diamond_consistency => 'atomic', diamond_schedule_policy => 'slowest',
    cdc_mode => 'trigger', pooler_compatibility_mode => true, max_differential_joins => 3, max_delta_fraction => 0.25);
-- there is none
\set SHOW_CONTEXT never
SELECT pgtrickle.canary_diff('api_st');
SELECT pgtrickle.canary_promote('api_st');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM pgtrickle.view_evolution_status();
-- the same query: no difference; it has the properties of the live one
SELECT pgtrickle.canary_begin('api_st', 'SELECT a AS t, f FROM api_t');
SELECT * FROM pgtrickle.canary_diff('api_st');
SELECT l.pgt_name, to_jsonb(c) - '{pgt_id,pgt_relid,pgt_name,created_at,updated_at,data_timestamp,frontier,last_refresh_at,last_full_ms}'::text[]
       = to_jsonb(l) - '{pgt_id,pgt_relid,pgt_name,created_at,updated_at,data_timestamp,frontier,last_refresh_at,last_full_ms}'::text[] AS same
  FROM pgtrickle.pgt_stream_tables AS l, pgtrickle.pgt_stream_tables AS c WHERE l.pgt_name = 'api_st' AND c.pgt_name = '__pgt_canary_api_st';
-- another one: surplus rows are counted, columns compared by name, values in full
SET extra_float_digits = 0;
SELECT pgtrickle.canary_begin('api_st', 'SELECT f + 1e-16 AS f, least(a, 1) AS t FROM api_t UNION ALL SELECT 0.2::float8, 2');
RESET extra_float_digits;
SELECT * FROM pgtrickle.canary_diff('api_st');
SELECT * FROM pgtrickle.view_evolution_status();
SELECT pgtrickle.canary_begin('api_st', 'SELECT a AS t, 1 AS one FROM api_t');
SELECT * FROM pgtrickle.canary_diff('api_st');
SELECT pgtrickle.canary_begin('api_st', 'SELECT a FROM api_t');
SELECT * FROM pgtrickle.canary_diff('api_st');
-- promoted, with the names and settings that it was begun under; LIMIT is part of it
SET search_path = api_other, public;
SET TimeZone = 'America/New_York';
SELECT pgtrickle.canary_begin('public.api_st', 'SELECT a AS t, f FROM api_t ORDER BY f DESC LIMIT 2');
RESET search_path;
RESET TimeZone;
SET search_path = pg_catalog, pgtrickle, test;
SELECT pgtrickle.canary_promote('public.api_st');
RESET search_path;
SELECT defining_query, search_path, settings[2], topk_limit, schedule, refresh_mode, test.assert_fresh('api_st')
  FROM pgtrickle.pgt_stream_tables JOIN pgtrickle.stream_table_internals USING (pgt_id);
INSERT INTO api_t VALUES (4, 4, 0.4);
SELECT test.refresh('api_st');
SELECT * FROM pgtrickle.view_evolution_status();
-- what was tried is promoted, whatever its words mean by now
SET search_path = api_other, public;
SELECT pgtrickle.canary_begin('api_st', 'SELECT a AS t, f FROM api_t WHERE a > 1');
RESET search_path;
CREATE TABLE api_other.api_t (a int, f float8);
SELECT pgtrickle.canary_promote('api_st');
SELECT defining_query, test.assert_fresh('api_st'), count(*) FROM pgtrickle.pgt_stream_tables, api_st GROUP BY 1;
UPDATE api_t SET a = 9 WHERE t = 1;
SELECT test.refresh('api_st');
-- refusals
SELECT pgtrickle.canary_begin(NULL, 'SELECT 1');
SELECT pgtrickle.canary_begin('api_st', NULL);
SELECT pgtrickle.canary_diff(NULL);
SELECT pgtrickle.canary_promote(NULL);
SELECT pgtrickle.canary_begin('api_t', 'SELECT a FROM api_t');
SELECT pgtrickle.canary_diff('api_missing');
SELECT pgtrickle.canary_promote('api_missing');
SELECT pgtrickle.canary_begin('api_st', 'SELECT a FROM api_missing');
SELECT pgtrickle.create_stream_table('api_' || repeat('x', 50), 'SELECT a FROM api_t');
SELECT pgtrickle.canary_begin('api_' || repeat('x', 50), 'SELECT a FROM api_t');
CREATE TABLE __pgt_canary_api_st ();
SELECT pgtrickle.canary_begin('api_st', 'SELECT a AS t, f FROM api_t');
SELECT pgtrickle.canary_diff('api_st');
DROP TABLE __pgt_canary_api_st;
CREATE ROLE api_user;
GRANT USAGE ON SCHEMA pgtrickle TO api_user;
SELECT pgtrickle.canary_begin('api_st', 'SELECT a AS t, f FROM api_t');
SET ROLE api_user;
SELECT pgtrickle.canary_begin('api_st', 'SELECT 1');
SELECT pgtrickle.canary_diff('api_st');
SELECT pgtrickle.canary_promote('api_st');
RESET ROLE;
-- others read the canary: it stays
SELECT pgtrickle.create_stream_table('api_reader', 'SELECT t FROM __pgt_canary_api_st');
SELECT pgtrickle.canary_promote('api_st');
SELECT pgtrickle.canary_begin('api_st', 'SELECT a AS t, f FROM api_t');
SELECT test.assert_fresh('api_st'), test.assert_fresh('api_reader');
SELECT test.drop_all();
DROP TABLE api_t;
DROP SCHEMA api_other CASCADE;
REVOKE ALL ON SCHEMA pgtrickle FROM api_user;
DROP ROLE api_user;
