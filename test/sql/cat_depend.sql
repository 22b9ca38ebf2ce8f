-- Rules F6, J5, I9: dropping what a query uses needs CASCADE and takes the stream table along.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE SCHEMA dep;
SET search_path = dep, public;
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TYPE pair AS (x int, y int);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE COLLATION plain FROM "C";
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1';
CREATE FUNCTION same(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE OPERATOR =~= (FUNCTION = same, LEFTARG = int, RIGHTARG = int);
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE TABLE t (id int PRIMARY KEY, a int, m mood, p pair, d positive, s text, ms mood[]);
INSERT INTO t VALUES (1, 1, 'low', (1, 2), 5, 'x', '{low}'), (2, 2, 'high', NULL, 6, 'y', NULL);
CREATE VIEW v AS SELECT id, a FROM t;
-- create a stream table, try to drop what it uses, drop it with CASCADE, undo
CREATE FUNCTION try(query text, object text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    refused text := 'dropped';
    gone boolean;
    logs bigint;
BEGIN
    PERFORM pgtrickle.create_stream_table('dep.st', query);
    PERFORM test.assert_fresh('dep.st');
    BEGIN
        EXECUTE 'DROP ' || object;
    EXCEPTION WHEN dependent_objects_still_exist THEN
        refused := 'refused';
    END;
    BEGIN
        EXECUTE 'DROP ' || object || ' CASCADE';
        gone := to_regclass('dep.st') IS NULL AND NOT EXISTS (SELECT FROM pgtrickle.pgt_stream_tables);
        SELECT count(*) INTO logs FROM pg_class WHERE relnamespace = 'pgtrickle_changes'::regnamespace;
        RAISE EXCEPTION 'undo';
    EXCEPTION WHEN raise_exception THEN
        NULL;
    END;
    PERFORM pgtrickle.drop_stream_table('dep.st');
    RETURN object || ': ' || refused || ', with CASCADE ' || CASE WHEN gone THEN 'gone' ELSE 'STAYS' END
        || CASE WHEN logs > 0 THEN ' and leaves internal tables' ELSE '' END;
END $$;
\pset tuples_only on
SELECT try('SELECT id, m FROM t', 'TYPE mood');
SELECT try($$SELECT id FROM t WHERE m = 'low'$$, 'TYPE mood');
SELECT try('SELECT m, count(*) AS c FROM t GROUP BY m', 'TYPE mood');
SELECT try('SELECT DISTINCT ms FROM t', 'TYPE mood');
SELECT try($$SELECT a::text = 'low'::mood::text AS b FROM t$$, 'TYPE mood');
SELECT try('SELECT id, (p).x FROM t', 'TYPE pair');
SELECT try('SELECT id, p FROM t', 'TYPE pair');
SELECT try('SELECT id, d FROM t', 'DOMAIN positive');
SELECT try('SELECT id, a::positive AS a FROM t', 'DOMAIN positive');
SELECT try('SELECT id, s COLLATE plain AS s FROM t', 'COLLATION plain');
SELECT try('SELECT id FROM t WHERE s < ''b'' COLLATE plain', 'COLLATION plain');
SELECT try('SELECT id, twice(a) AS b FROM t', 'FUNCTION twice(int)');
SELECT try('SELECT id FROM t WHERE a =~= 1', 'OPERATOR =~= (int, int)');
SELECT try('SELECT total(a) AS t FROM t', 'AGGREGATE total(int)');
SELECT try('SELECT id, a FROM v', 'VIEW v');
SELECT try('SELECT id, a FROM v', 'TABLE t');
SELECT try('SELECT a, count(*) AS c FROM t GROUP BY a', 'TABLE t');
SELECT try('SELECT id, ntile(2) OVER (ORDER BY id) AS n, m FROM t TABLESAMPLE system (100)', 'TYPE mood');
SELECT try('SELECT id, a, s FROM t GROUP BY id', 'TABLE t');
\pset tuples_only off
-- never on a column, never twice
SELECT pgtrickle.create_stream_table('st', 'SELECT m, twice(sum(a)::int) AS s FROM t WHERE a =~= a GROUP BY m');
SELECT refclassid::regclass AS class, refobjsubid AS sub, count(*)
  FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = 'st'::regclass AND objsubid = 0 AND refclassid <> 'pg_namespace'::regclass
 GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) AS doubles FROM (
    SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = 'st'::regclass
     GROUP BY objsubid, refclassid, refobjid, refobjsubid, deptype HAVING count(*) > 1) AS d;
-- no internal table is tied to an object of a user
SELECT c.relname, d.refclassid::regclass, d.refobjid
  FROM pg_depend AS d JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
 WHERE c.relnamespace = 'pgtrickle_changes'::regnamespace AND d.refobjid >= 16384 AND c.relkind = 'r' AND d.deptype = 'n'
   AND d.refclassid <> 'pg_namespace'::regclass;
-- a type that only a log still knows can be dropped
SELECT pgtrickle.create_stream_table('ids', 'SELECT id FROM t');
SELECT pgtrickle.drop_stream_table('st');
ALTER TABLE t DROP COLUMN m, DROP COLUMN ms;
DROP TYPE mood;
INSERT INTO t (id, a) VALUES (4, 4);
SELECT pgtrickle.refresh_stream_table('ids');
SELECT test.assert_fresh('ids');
SELECT pgtrickle.drop_stream_table('ids');
SELECT pgtrickle.create_stream_table('st', 'SELECT twice(a) AS b FROM t');
-- columns are free to change their types, and the stream table to notice
ALTER TABLE t ALTER COLUMN s TYPE varchar(20);
INSERT INTO t (id, a) VALUES (3, 3);
SELECT pgtrickle.refresh_stream_table('st');
SELECT test.assert_fresh('st');
RESET search_path;
SELECT test.drop_all();
DROP SCHEMA dep CASCADE;
