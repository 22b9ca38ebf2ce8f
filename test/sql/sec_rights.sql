-- Who may do what: every function, view and table, as nobody in particular, as the owner of a stream table, as the owner
-- of another one, as a reader of statistics.  What is not in the table of calls below is listed as missing.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE ROLE sec_nobody;
CREATE ROLE sec_owner;
CREATE ROLE sec_other;
CREATE ROLE sec_stats IN ROLE pg_read_all_stats;
CREATE SCHEMA sec;
GRANT USAGE, CREATE ON SCHEMA sec TO PUBLIC;
SET client_min_messages = error;
SET ROLE sec_owner;
CREATE TABLE sec.t (id int PRIMARY KEY, a text);
INSERT INTO sec.t VALUES (1, '1'), (2, '2');
SELECT pgtrickle.create_stream_table('sec.st', 'SELECT id, a::int FROM sec.t', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_watermark_group('sec_group', ARRAY['sec.t', 'sec.st']) > 0 AS made;
SELECT pgtrickle.create_stream_table('sec.st3', 'SELECT id FROM sec.t', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_refresh_group('sec_group', ARRAY['sec.st3', 'sec.st']) > 0 AS made;
-- an error whose text holds a value, which the rights of others must not show (rule J19)
INSERT INTO sec.t VALUES (3, 'secret value');
DO $$ BEGIN PERFORM pgtrickle.refresh_stream_table('sec.st'); EXCEPTION WHEN invalid_text_representation THEN NULL; END $$;
RESET ROLE;
INSERT INTO pgtrickle.pgt_refresh_history (pgt_id, data_timestamp, start_time, end_time, action, status, initiated_by, error_message, error_code, refresh_reason)
    SELECT pgt_id, now(), now(), now(), 'DIFFERENTIAL', 'FAILED', 'SCHEDULER', 'invalid input syntax: "secret value"', '22P02', 'secret value'
      FROM pgtrickle.pgt_stream_tables;
UPDATE pgtrickle.pgt_stream_tables SET last_error_message = 'invalid input syntax: "secret value"', last_error_at = now();
SET ROLE sec_owner;
DELETE FROM sec.t WHERE id = 3;
SET ROLE sec_other;
CREATE TABLE sec.t2 (id int PRIMARY KEY);
SELECT pgtrickle.create_stream_table('sec.st2', 'SELECT id FROM sec.t2', '1h', 'DIFFERENTIAL');
RESET ROLE;

-- how each function is called
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set calls :abs_srcdir '/lib/calls.sql'
\i :calls
\set ECHO all
CREATE VIEW test.functions AS
    SELECT oid, proname::text AS function FROM pg_proc WHERE pronamespace = 'pgtrickle'::regnamespace;
SELECT function AS missing FROM test.functions WHERE function NOT IN (SELECT function FROM test.calls);
SELECT function AS gone FROM test.calls WHERE function NOT IN (SELECT function FROM test.functions);
-- the same name with other arguments would need a row as well
SELECT function AS twice FROM test.functions GROUP BY function HAVING count(*) > 1;

-- names in them were looked up when they were made: no caller's search_path has a say
SELECT p.oid::regprocedure AS text_of_sql FROM pg_proc AS p JOIN pg_language AS l ON l.oid = prolang
 WHERE pronamespace = 'pgtrickle'::regnamespace AND lanname <> 'c' AND prosqlbody IS NULL AND prokind <> 'a';

-- whose rights are its owner's, and under which search_path
SELECT p.oid::regprocedure AS of_its_owner, proconfig FROM pg_proc AS p
 WHERE prosecdef AND (pronamespace::regnamespace::text LIKE 'pgtrickle%' OR EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e'
                                  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_trickle'))) ORDER BY 1;

-- What becomes of it under a role, all undone: ok, SECRET if what it returns holds the value, or the SQLSTATE.
CREATE FUNCTION test.attempt(role text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    PERFORM set_config('role', role, true);
    EXECUTE format('SELECT string_agg(x::text, '' '') FROM %s AS x', statement) INTO answer;
    RAISE EXCEPTION USING MESSAGE = CASE WHEN answer LIKE '%secret value%' THEN 'SECRET' ELSE 'ok' END, ERRCODE = 'ZZ000';
EXCEPTION WHEN OTHERS THEN
    -- the role is back
    RETURN CASE SQLSTATE WHEN 'ZZ000' THEN SQLERRM ELSE SQLSTATE END;
END $$;
SELECT function, has_function_privilege('public', oid, 'EXECUTE') AS "PUBLIC",
       test.attempt('sec_nobody', statement) AS nobody, test.attempt('sec_owner', statement) AS owner,
       test.attempt('sec_other', statement) AS other, test.attempt('sec_stats', statement) AS stats
  FROM test.functions JOIN test.calls USING (function)
 CROSS JOIN LATERAL (SELECT format('(SELECT pgtrickle.%I%s)', function, call) AS statement) AS s
 WHERE call IS NOT NULL ORDER BY function COLLATE "C";
SELECT function, has_function_privilege('public', oid, 'EXECUTE') AS "PUBLIC"
  FROM test.functions JOIN test.calls USING (function) WHERE call IS NULL ORDER BY function COLLATE "C";
-- rights of the owner are rights of whoever is a member
GRANT sec_owner TO sec_other;
SELECT test.attempt('sec_other', 'pgtrickle.refresh_stream_table(''sec.st'')'), test.attempt('sec_other', 'pgtrickle.drop_stream_table(''sec.st'')');
REVOKE sec_owner FROM sec_other;

-- Relations: what PUBLIC may do with each, and what selecting all its columns gives.
SELECT relation, kind, public_may, columns_of_all, test.attempt('sec_nobody', relation) AS nobody,
       test.attempt('sec_owner', relation) AS owner, test.attempt('sec_other', relation) AS other, test.attempt('sec_stats', relation) AS stats
  FROM (SELECT format('%I.%I', nspname, relname) AS relation, relkind AS kind,
               (SELECT string_agg(p, ', ' ORDER BY p)
                  FROM unnest(CASE WHEN relkind = 'S' THEN '{SELECT,USAGE,UPDATE}'
                                   ELSE '{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}' END::text[]) AS p
                 WHERE CASE WHEN relkind = 'S' THEN has_sequence_privilege('public', c.oid, p)
                            ELSE has_table_privilege('public', c.oid, p) END) AS public_may,
               (SELECT format('%s of %s', count(*) FILTER (WHERE has_column_privilege('public', c.oid, attnum, 'SELECT')), count(*))
                  FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND relkind <> 'S') AS columns_of_all
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
         WHERE nspname IN ('pgtrickle', 'pgtrickle_saved') AND relkind NOT IN ('i', 'c')) AS r
 ORDER BY relation COLLATE "C";
-- columns that may be read, of what may be read in parts
SELECT attrelid::regclass AS relation, attname AS hidden FROM pg_attribute
 WHERE attrelid IN (SELECT attrelid FROM pg_attribute WHERE attacl IS NOT NULL) AND attnum > 0 AND NOT attisdropped
   AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'pgtrickle'::regnamespace)
   AND NOT has_column_privilege('public', attrelid, attnum, 'SELECT');
-- logs and states: nothing, whoever made them
SELECT count(*) > 1 AS has, bool_or(has_table_privilege(role, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
           OR has_any_column_privilege(role, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')) AS any_right,
       bool_or(relowner <> (SELECT nspowner FROM pg_namespace WHERE nspname = 'pgtrickle')) AS of_another
  FROM pg_class AS c, unnest('{public,sec_owner,sec_other,sec_stats}'::name[]) AS role
 WHERE relnamespace = 'pgtrickle_changes'::regnamespace AND relkind NOT IN ('i', 'c', 't');
-- schemas
SELECT nspname, has_schema_privilege('public', oid, 'USAGE') AS usage, has_schema_privilege('public', oid, 'CREATE') AS "create"
  FROM pg_namespace WHERE nspname LIKE 'pgtrickle%' ORDER BY nspname;
-- types: of relations only
SELECT oid::regtype FROM pg_type WHERE typnamespace IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pgtrickle%') AND typrelid = 0 AND typelem = 0;

SELECT test.drop_all();
DROP VIEW test.functions;
DROP TABLE test.calls;
DROP FUNCTION test.attempt(text, text);
DROP SCHEMA sec CASCADE;
DROP OWNED BY sec_nobody, sec_owner, sec_other, sec_stats;
DROP ROLE sec_nobody, sec_owner, sec_other, sec_stats;
RESET client_min_messages;
