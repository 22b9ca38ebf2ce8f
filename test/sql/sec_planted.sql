-- Functions, operators and casts of others, under the names of PostgreSQL's own and first in the caller's search_path:
-- nothing of the extension calls any, whichever function, view or DDL brings it to work.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE ROLE sec_owner;
CREATE SCHEMA sec;
CREATE SCHEMA planted;
GRANT USAGE, CREATE ON SCHEMA sec TO sec_owner;
GRANT USAGE ON SCHEMA planted TO PUBLIC;
SET client_min_messages = error;
SET ROLE sec_owner;
CREATE TABLE sec.t (id int PRIMARY KEY, a text, n numeric);
INSERT INTO sec.t VALUES (1, '1', 1), (2, '2', 2.0);
CREATE TABLE sec.u (id int PRIMARY KEY, a text);
INSERT INTO sec.u VALUES (1, '1'), (2, '1');
SELECT pgtrickle.create_stream_table('sec.st', 'SELECT id, a::int FROM sec.t', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('sec.st3', $$SELECT t.a, count(*) AS c, sum(t.n) AS s, min(u.a) AS m FROM sec.t LEFT JOIN sec.u USING (id)
    WHERE t.a <> 'x' GROUP BY t.a$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_watermark_group('sec_group', ARRAY['sec.t', 'sec.st']) > 0 AS made;
SELECT pgtrickle.create_refresh_group('sec_group', ARRAY['sec.st3', 'sec.st']) > 0 AS made;
INSERT INTO sec.t VALUES (3, '3', 3);
DELETE FROM sec.t WHERE id = 1;
RESET ROLE;
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set calls :abs_srcdir '/lib/calls.sql'
\i :calls
\set ECHO all

-- what is planted: each function without pseudotypes, each operator over them, casts
CREATE SEQUENCE planted.ran;
GRANT USAGE ON planted.ran TO PUBLIC;
CREATE FUNCTION planted.spy(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.nextval('planted.ran');
    RAISE LOG 'planted: % as %', what, current_user;
END $$;
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN
        SELECT p.oid, proname, pg_get_function_identity_arguments(p.oid) AS arguments, proretset, prorettype::regtype AS result
          FROM pg_proc AS p
         WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND proallargtypes IS NULL
           AND (SELECT bool_and(typtype <> 'p') FROM pg_type WHERE oid = ANY (proargtypes::oid[] || prorettype))
    LOOP
        EXECUTE format('CREATE FUNCTION planted.%I(%s) RETURNS %s%s LANGUAGE plpgsql AS %L', f.proname, f.arguments,
                       CASE WHEN f.proretset THEN 'SETOF ' END, f.result,
                       format('BEGIN PERFORM planted.spy(%L); RETURN%s; END', f.oid::regprocedure, CASE WHEN NOT f.proretset THEN ' NULL' END));
    END LOOP;
    FOR f IN
        SELECT o.oid, oprname, oprleft::regtype AS l, oprright::regtype AS r, proname
          FROM pg_operator AS o JOIN pg_proc AS p ON p.oid = oprcode
         WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b' AND proallargtypes IS NULL
           AND (SELECT bool_and(typtype <> 'p') FROM pg_type WHERE oid = ANY (proargtypes::oid[] || prorettype || oprleft || oprright))
           AND to_regprocedure(format('planted.%I(%s,%s)', proname, oprleft::regtype, oprright::regtype)) IS NOT NULL
    LOOP
        EXECUTE format('CREATE OPERATOR planted.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = planted.%I)', f.oprname, f.l, f.r, f.proname);
    END LOOP;
END $$;
-- aggregates, and what fits better than PostgreSQL's own where types differ
CREATE FUNCTION planted.step(bigint, text) RETURNS bigint LANGUAGE plpgsql AS $$BEGIN PERFORM planted.spy('aggregate'); RETURN 1; END$$;
CREATE AGGREGATE planted.count(text) (SFUNC = planted.step, STYPE = bigint);
CREATE AGGREGATE planted.min(text) (SFUNC = planted.step, STYPE = bigint);
CREATE AGGREGATE planted.max(text) (SFUNC = planted.step, STYPE = bigint);
CREATE FUNCTION planted.format(text, name) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM planted.spy('format'); RETURN ''; END$$;
CREATE FUNCTION planted.format(text, text) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM planted.spy('format'); RETURN ''; END$$;
CREATE FUNCTION planted.same(name, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN PERFORM planted.spy('name = text'); RETURN false; END$$;
CREATE FUNCTION planted.same(oid, bigint) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN PERFORM planted.spy('oid = bigint'); RETURN false; END$$;
CREATE OPERATOR planted.= (LEFTARG = oid, RIGHTARG = bigint, FUNCTION = planted.same);
CREATE TYPE planted.money2 AS (a int);
CREATE DOMAIN planted.text AS pg_catalog.text CHECK (false);
CREATE DOMAIN planted.int8 AS pg_catalog.int8 CHECK (false);
CREATE TABLE planted.pg_class (oid oid);
CREATE TABLE planted.pg_namespace (oid oid);
CREATE TABLE planted.pgt_stream_tables (pgt_id bigint);
SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = 'planted'::regnamespace) > 1500 AS functions,
       (SELECT count(*) FROM pg_operator WHERE oprnamespace = 'planted'::regnamespace) > 400 AS operators;
-- they do come first, and are seen to run
BEGIN;
SET LOCAL search_path = planted, pg_catalog;
SELECT 1 = 2, lower('A');
RESET search_path;
SELECT last_value AS ran FROM planted.ran;
ROLLBACK;
SELECT setval('planted.ran', 1, false);

/* A statement with the planted ones in front, undone; the SQLSTATE, and how many of them ran. */
CREATE FUNCTION test.beside_planted(statement text, OUT outcome text, OUT ran bigint) LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM setval('planted.ran', 1, false);
    BEGIN
        PERFORM set_config('search_path', 'planted, pg_catalog', true);
        EXECUTE statement;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog', true);
        RAISE EXCEPTION USING ERRCODE = 'ZZ000';
    EXCEPTION WHEN OTHERS THEN
        outcome := CASE SQLSTATE WHEN 'ZZ000' THEN 'ok' ELSE SQLSTATE || ' ' || SQLERRM END;
    END;
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO ran FROM planted.ran;
END $$;
-- the query that is given to create_or_replace_stream_table() is the caller's: his search_path says what > means in it
SELECT function, p.* FROM test.calls CROSS JOIN LATERAL test.beside_planted(format('SELECT pgtrickle.%I%s', function, call)) AS p
 WHERE call IS NOT NULL AND (ran > 0 OR outcome <> 'ok') ORDER BY function COLLATE "C";
SELECT relation, p.* FROM (SELECT oid::regclass AS relation FROM pg_class WHERE relnamespace = 'pgtrickle'::regnamespace AND relkind IN ('r', 'v')) AS r
 CROSS JOIN LATERAL test.beside_planted(format('SELECT * FROM %s', relation)) AS p WHERE ran > 0 OR outcome <> 'ok';
SELECT statement, p.* FROM unnest(ARRAY[
        $s$INSERT INTO sec.t VALUES (7, '7', 7)$s$, $s$UPDATE sec.t SET a = '9'$s$, $s$DELETE FROM sec.t$s$, $s$TRUNCATE sec.t$s$,
        $s$ALTER TABLE sec.t RENAME a TO b$s$, $s$ALTER TABLE sec.t ADD COLUMN b int$s$, $s$ALTER TABLE sec.t DROP COLUMN n$s$, $s$ALTER TABLE sec.t RENAME TO t1$s$,
        $s$ALTER SCHEMA sec RENAME TO sec1$s$, $s$ALTER TABLE sec.st OWNER TO sec_owner$s$, $s$ALTER TABLE sec.st ADD COLUMN x int$s$, $s$CREATE INDEX ON sec.st (a)$s$,
        $s$DROP TABLE sec.st CASCADE$s$, $s$DROP TABLE sec.t CASCADE$s$, $s$DROP OWNED BY sec_owner CASCADE$s$, $s$DROP EXTENSION pg_trickle CASCADE$s$,
        $s$SELECT pgtrickle.canary_begin('sec.st', 'SELECT id FROM sec.t'); SELECT pgtrickle.canary_diff('sec.st'); SELECT pgtrickle.canary_promote('sec.st')$s$,
        $s$SELECT pgtrickle.alter_stream_table('sec.st', refresh_mode => 'FULL', tier => 'cold'), pgtrickle.alter_stream_table('sec.st', status => 'SUSPENDED'), pgtrickle.resume_stream_table('sec.st')$s$,
        $s$INSERT INTO sec.u VALUES (3, '3'); UPDATE sec.t SET n = 5; SELECT pgtrickle.refresh_stream_table('sec.st3'), pgtrickle.verify_stream_table('sec.st3')$s$,
        $s$SELECT pgtrickle.create_stream_table('sec.more', 'SELECT a, n FROM sec.t'); INSERT INTO sec.t VALUES (7, '7', 7); SELECT pgtrickle.refresh_stream_table('sec.more')$s$,
        $s$DELETE FROM sec.st$s$, $s$REFRESH MATERIALIZED VIEW pgtrickle_saved.relink$s$]) AS statement
 CROSS JOIN LATERAL test.beside_planted(statement) AS p ORDER BY statement COLLATE "C";
SELECT test.refresh('sec.st'), test.refresh('sec.st3');
SELECT test.drop_all();
DROP FUNCTION test.beside_planted(text);
DROP TABLE test.calls;
DROP SCHEMA sec, planted CASCADE;
DROP OWNED BY sec_owner;
DROP ROLE sec_owner;
RESET client_min_messages;
