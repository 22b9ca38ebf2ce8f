-- Rules J15, J16, J18, J20 and J22: whose code runs, who may capture, what is seen of it.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE ROLE sec_owner;
CREATE ROLE sec_other;
CREATE SCHEMA sec AUTHORIZATION sec_owner;
GRANT USAGE ON SCHEMA pgtrickle, test TO sec_owner;
GRANT CREATE ON SCHEMA public TO sec_owner;

-- J15: planning evaluates immutable functions, as the owner and restricted, whoever asks
SET ROLE sec_owner;
CREATE FUNCTION sec.spy(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF current_user <> 'sec_owner' THEN
        RAISE EXCEPTION 'evaluated as %', current_user;
    END IF;
    RETURN $1 || current_setting('search_path');
END $$;
CREATE TABLE sec.t (id int PRIMARY KEY, a text);
INSERT INTO sec.t VALUES (1, 'x'), (2, 'y');
SELECT pgtrickle.create_stream_table('sec.st', $$SELECT a, count(*) AS c, sec.spy('path ') AS p FROM sec.t GROUP BY a$$, refresh_mode => 'DIFFERENTIAL');
SELECT DISTINCT p FROM sec.st;
RESET ROLE;
\c
SELECT length(pgtrickle.explain_stream_table('sec.st')) > 0 AS explained;
SELECT count(*) > 0 AS explained FROM pgtrickle.explain_delta('sec.st');
INSERT INTO sec.t VALUES (3, 'z');
SELECT pgtrickle.refresh_stream_table('sec.st');
SELECT exact FROM pgtrickle.verify_stream_table('sec.st');
SELECT pgtrickle.alter_stream_table('sec.st', refresh_mode => 'FULL');
SELECT pgtrickle.alter_stream_table('sec.st', refresh_mode => 'AUTO');
DELETE FROM sec.t WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('sec.st');
SELECT * FROM sec.st ORDER BY a;
-- a text that is not stored yet is its caller's
SELECT check_name, result FROM pgtrickle.validate_query($$SELECT sec.spy('x') AS p FROM sec.t$$);
-- a restricted operation cannot leave anything behind
SET ROLE sec_owner;
CREATE FUNCTION sec.sneak() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMPORARY TABLE left_behind ();
    RETURN 'done';
END $$;
SELECT pgtrickle.create_stream_table('sec.sneaky', 'SELECT id, sec.sneak() AS s FROM sec.t', refresh_mode => 'FULL');
RESET ROLE;

-- J32: names in functions are looked for under the same path at creation as later, and the error says what helps
CREATE FUNCTION sec_unqualified() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM sec_parts_of); END';
CREATE FUNCTION sec_unqualified(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN sec_no_function($1); END';
CREATE TABLE sec_parts_of (id int);
SELECT pgtrickle.create_stream_table('sec.unqualified', 'SELECT id, sec_unqualified() AS c FROM sec.t', refresh_mode => 'FULL');
SELECT pgtrickle.create_stream_table('sec.unqualified', 'SELECT id, sec_unqualified(id) AS c FROM sec.t');
ALTER FUNCTION sec_unqualified() SET search_path = public;
SELECT pgtrickle.create_stream_table('sec.unqualified', 'SELECT id, sec_unqualified() AS c FROM sec.t', refresh_mode => 'FULL');
SELECT pgtrickle.drop_stream_table('sec.unqualified');
DROP FUNCTION sec_unqualified(), sec_unqualified(int);
DROP TABLE sec_parts_of;

-- J16: SELECT is not enough to capture, on none of the tables that hold rows
CREATE TABLE sec_parts (id int, a int) PARTITION BY LIST (a);
CREATE TABLE sec_part_1 PARTITION OF sec_parts FOR VALUES IN (1);
CREATE TABLE sec_part_2 PARTITION OF sec_parts FOR VALUES IN (2);
INSERT INTO sec_parts VALUES (1, 1), (2, 2);
GRANT SELECT ON sec_parts TO sec_owner;
SET ROLE sec_owner;
BEGIN;
SELECT pgtrickle.create_stream_table('sec.parts', 'SELECT id, a FROM sec_parts');
SELECT relation::regclass, mode FROM pg_locks
 WHERE pid = pg_backend_pid() AND relation IN ('sec_parts'::regclass, 'sec_part_1'::regclass, 'sec_part_2'::regclass) AND mode <> 'AccessShareLock';
ROLLBACK;
SELECT pgtrickle.create_stream_table('sec.parts', 'SELECT id, a FROM sec_parts', refresh_mode => 'DIFFERENTIAL');
RESET ROLE;
GRANT TRIGGER ON sec_parts TO sec_owner;
SET ROLE sec_owner;
SELECT pgtrickle.create_stream_table('sec.parts', 'SELECT id, a FROM sec_parts', refresh_mode => 'DIFFERENTIAL');
RESET ROLE;
GRANT TRIGGER ON sec_part_1, sec_part_2 TO sec_owner;
SET ROLE sec_owner;
SELECT pgtrickle.create_stream_table('sec.parts', 'SELECT id, a FROM sec_parts', refresh_mode => 'DIFFERENTIAL');
RESET ROLE;
INSERT INTO sec_parts VALUES (3, 1);
SELECT test.refresh('sec.parts');

-- J18: what is internal is the extension's, no default privilege applies, no event trigger sees it
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE sec_owner GRANT SELECT ON TABLES TO PUBLIC;
CREATE TABLE sec_seen (what text);
CREATE FUNCTION sec_watch() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.sec_seen VALUES (TG_EVENT || ' ' || TG_TAG);
END $$;
CREATE EVENT TRIGGER sec_watch_start ON ddl_command_start EXECUTE FUNCTION sec_watch();
CREATE EVENT TRIGGER sec_watch_end ON ddl_command_end EXECUTE FUNCTION sec_watch();
CREATE EVENT TRIGGER sec_watch_drop ON sql_drop EXECUTE FUNCTION sec_watch();
TRUNCATE sec_seen;
GRANT INSERT ON sec_seen TO sec_owner;
TRUNCATE sec_seen;
SET ROLE sec_owner;
SELECT pgtrickle.create_stream_table('sec.watched', 'SELECT a, count(*) AS c FROM sec.t GROUP BY a');
SELECT pgtrickle.alter_stream_table('sec.watched', refresh_mode => 'FULL');
SELECT pgtrickle.alter_stream_table('sec.watched', refresh_mode => 'AUTO');
INSERT INTO sec.t VALUES (9, 'z');
SELECT pgtrickle.refresh_stream_table('sec.watched');
RESET ROLE;
SELECT DISTINCT relowner = (SELECT extowner FROM pg_extension WHERE extname = 'pg_trickle') AS extensions_own, relacl
  FROM pg_class WHERE relnamespace = 'pgtrickle_changes'::regnamespace AND relkind = 'r';
SELECT relowner::regrole FROM pg_class WHERE oid = 'sec.watched'::regclass;
SELECT * FROM sec_seen;
SELECT test.assert_fresh('sec.watched');
TRUNCATE sec_seen;
SELECT pgtrickle.drop_stream_table('sec.watched');
SELECT * FROM sec_seen;
DROP EVENT TRIGGER sec_watch_start;
DROP EVENT TRIGGER sec_watch_end;
DROP EVENT TRIGGER sec_watch_drop;
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC;
DROP TABLE sec_seen;
DROP FUNCTION sec_watch();
-- members, so that only the extension takes them along
SELECT count(*) > 0 AS has, bool_and(d.refobjid IS NOT NULL) AS all_members
  FROM pg_class AS c
  LEFT JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
 WHERE c.relnamespace = 'pgtrickle_changes'::regnamespace AND c.relkind = 'r';

-- J20: nothing of the extension lies in a schema that users drop
SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'pg_trickle';
SELECT DISTINCT n.nspname
  FROM pg_depend AS d JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid JOIN pg_namespace AS n ON n.oid = p.pronamespace
 WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_trickle');

-- J22: capture and guard are internal triggers
SET ROLE sec_owner;
ALTER TABLE sec.t DISABLE TRIGGER USER;
INSERT INTO sec.t VALUES (10, 'user');
SELECT pgtrickle.refresh_stream_table('sec.st');
\set VERBOSITY sqlstate
ALTER TABLE sec.t DISABLE TRIGGER ALL;
ALTER TABLE sec.st DISABLE TRIGGER ALL;
DO $$
DECLARE
    command text;
BEGIN
    FOR command IN
        SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) FROM pg_trigger
         WHERE tgrelid IN ('sec.t'::regclass, 'sec.st'::regclass) AND tgisinternal
    LOOP
        BEGIN
            EXECUTE command;
            RAISE EXCEPTION 'done: %', command;
        EXCEPTION WHEN dependent_objects_still_exist THEN
            NULL;
        END;
    END LOOP;
END $$;
\set VERBOSITY default
RESET ROLE;
SELECT tgrelid::regclass, count(*), bool_and(tgisinternal AND tgenabled = 'A') AS internal
  FROM pg_trigger WHERE tgrelid IN ('sec.t'::regclass, 'sec.st'::regclass) GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM information_schema.triggers WHERE event_object_schema = 'sec';
INSERT INTO sec.t VALUES (11, 'last');
SELECT pgtrickle.refresh_stream_table('sec.st');
SELECT test.last_run('sec.st');
SELECT a, c FROM sec.st ORDER BY a;
-- an owner can go with all he has
SET client_min_messages = warning;
DROP OWNED BY sec_owner CASCADE;
RESET client_min_messages;
SELECT count(*) FROM pgtrickle.pgt_stream_tables;
SELECT count(*) FROM pg_class WHERE relnamespace = 'pgtrickle_changes'::regnamespace;
DROP TABLE sec_parts;
DROP ROLE sec_owner, sec_other;
