-- A stream table made in the middle of something: what comes before and after in the transaction, what is undone.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE TABLE api_t (id int PRIMARY KEY, a int, b text);
CREATE TABLE api_u (id int PRIMARY KEY, a int);
INSERT INTO api_t SELECT i, i % 3, 'r' || i FROM generate_series(1, 9) AS i;
INSERT INTO api_u VALUES (1, 10);
-- all stream tables that there are follow what changes; nothing is left of others
CREATE PROCEDURE api_end() LANGUAGE plpgsql AS $$
DECLARE
    st text;
BEGIN
    INSERT INTO api_t SELECT max(id) + 1, 1, 'end' FROM api_t;
    UPDATE api_t SET a = a + 1 WHERE id % 2 = 0;
    DELETE FROM api_t WHERE id = (SELECT min(id) FROM api_t);
    FOR st IN SELECT pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id LOOP
        PERFORM test.refresh(st);
        RAISE WARNING '%: %', st, test.assert_fresh(st);
    END LOOP;
    COMMIT;
    IF EXISTS (SELECT FROM test.orphans()) THEN
        RAISE EXCEPTION 'there is: %', (SELECT string_agg(o, ', ') FROM test.orphans() AS o);
    END IF;
    PERFORM test.drop_all();
    COMMIT;
    IF EXISTS (SELECT FROM test.orphans()) THEN
        RAISE EXCEPTION 'left: %', (SELECT string_agg(o, ', ') FROM test.orphans() AS o);
    END IF;
END $$;
\set VERBOSITY terse

-- a procedure that commits between
CREATE PROCEDURE api_run() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pgtrickle.create_stream_table('api_1', 'SELECT a, count(*) AS c FROM api_t GROUP BY a');
    COMMIT;
    INSERT INTO api_t VALUES (100, 1, 'between');
    PERFORM pgtrickle.create_stream_table('api_2', 'SELECT id, b FROM api_t');
    INSERT INTO api_t VALUES (101, 1, 'after');
    COMMIT;
    PERFORM pgtrickle.create_stream_table('api_3', 'SELECT count(*) AS c FROM api_1');
    ROLLBACK;
    PERFORM pgtrickle.create_stream_table('api_3', 'SELECT sum(c) AS c FROM api_1');
END $$;
CALL api_run();
CALL api_end();

-- a function
CREATE FUNCTION api_make(name text, query text) RETURNS regclass LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pgtrickle.create_stream_table(name, query);
    RETURN name::regclass;
END $$;
SELECT api_make('api_1', 'SELECT a, max(b) AS b FROM api_t GROUP BY a');
SELECT api_make('api_' || n, 'SELECT id, a FROM api_t WHERE a < ' || n) FROM generate_series(2, 3) AS n;
CALL api_end();

-- blocks with EXCEPTION: undone, undone and made again, made though another failed
DO $$
BEGIN
    BEGIN
        PERFORM pgtrickle.create_stream_table('api_1', 'SELECT DISTINCT a FROM api_t');
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN
        INSERT INTO api_t VALUES (200, 5, 'caught');
    END;
    BEGIN
        PERFORM pgtrickle.create_stream_table('api_1', 'SELECT DISTINCT a FROM api_u JOIN api_t USING (a)');
        PERFORM pgtrickle.create_stream_table('api_1', 'SELECT 1 AS a FROM api_t');
    EXCEPTION WHEN duplicate_table THEN
        PERFORM pgtrickle.create_stream_table('api_1', 'SELECT a, min(id) AS id FROM api_t GROUP BY a');
    END;
    INSERT INTO api_t VALUES (201, 6, 'later');
END $$;
DO $$
BEGIN
    PERFORM pgtrickle.create_stream_table('api_2', 'SELECT id FROM api_missing');
EXCEPTION WHEN undefined_table THEN
    PERFORM pgtrickle.create_stream_table('api_2', 'SELECT id, a FROM api_u');
END $$;
INSERT INTO api_u VALUES (2, 20);
CALL api_end();

-- savepoints
BEGIN;
SAVEPOINT one;
SELECT pgtrickle.create_stream_table('api_1', 'SELECT a, sum(id) AS s FROM api_t GROUP BY a');
INSERT INTO api_t VALUES (300, 1, 'undone');
ROLLBACK TO one;
INSERT INTO api_t VALUES (301, 1, 'kept');
SELECT to_regclass('api_1') IS NULL AS gone;
SELECT pgtrickle.create_stream_table('api_1', 'SELECT a, sum(id) AS s FROM api_t GROUP BY a');
SAVEPOINT two;
INSERT INTO api_t VALUES (302, 1, 'released');
SELECT pgtrickle.create_stream_table('api_2', 'SELECT a, s FROM api_1 WHERE s > 10');
RELEASE two;
SAVEPOINT three;
DELETE FROM api_t WHERE id = 301;
SELECT pgtrickle.refresh_stream_table('api_2');
ROLLBACK TO three;
COMMIT;
CALL api_end();

-- two that want different columns of a source, writes between and after, in one transaction
BEGIN;
SELECT pgtrickle.create_stream_table('api_1', 'SELECT id, a FROM api_t');
UPDATE api_t SET a = 7, b = 'seven' WHERE id = 5;
SELECT pgtrickle.create_stream_table('api_2', 'SELECT b, count(*) AS c FROM api_t GROUP BY b');
UPDATE api_t SET b = 'eight' WHERE id = 6;
SELECT pgtrickle.refresh_stream_table('api_1'), pgtrickle.refresh_stream_table('api_2');
SELECT test.assert_fresh('api_1'), test.assert_fresh('api_2');
DELETE FROM api_t WHERE id = 6;
COMMIT;
SELECT test.refresh('api_1'), test.refresh('api_2');
CALL api_end();

-- created and dropped again, alone and beside one that stays
BEGIN;
SELECT pgtrickle.create_stream_table('api_1', 'SELECT a, count(*) AS c FROM api_t GROUP BY a');
INSERT INTO api_t VALUES (400, 4, 'd');
SELECT pgtrickle.drop_stream_table('api_1');
INSERT INTO api_t VALUES (401, 4, 'd');
COMMIT;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'api_t'::regclass;
BEGIN;
SELECT pgtrickle.create_stream_table('api_1', 'SELECT a, count(*) AS c FROM api_t GROUP BY a');
SELECT pgtrickle.create_stream_table('api_2', 'SELECT id, b FROM api_t');
DROP TABLE api_1;
INSERT INTO api_t VALUES (402, 4, 'd');
SELECT pgtrickle.create_stream_table('api_1', 'SELECT a, sum(id) AS c FROM api_t GROUP BY a');
COMMIT;
CALL api_end();

-- its source is made, changed and dropped in the same transaction
BEGIN;
CREATE TABLE api_own (id int PRIMARY KEY, a int);
SELECT pgtrickle.create_stream_table('api_1', 'SELECT a, count(*) AS c FROM api_own GROUP BY a');
INSERT INTO api_own VALUES (1, 1), (2, 1);
ALTER TABLE api_own ADD COLUMN z int, ALTER id TYPE bigint;
TRUNCATE api_own;
INSERT INTO api_own VALUES (3, 3);
SELECT pgtrickle.refresh_stream_table('api_1');
COMMIT;
INSERT INTO api_own VALUES (4, 3);
CALL api_end();
BEGIN;
SELECT pgtrickle.create_stream_table('api_1', 'SELECT a, count(*) AS c FROM api_own GROUP BY a');
DROP TABLE api_own CASCADE;
COMMIT;
SELECT to_regclass('api_1') IS NULL AS gone, (SELECT count(*) FROM test.orphans()) AS orphans;

-- transactions that may not write, or have an older snapshot; PREPARE TRANSACTION
BEGIN READ ONLY;
SELECT pgtrickle.create_stream_table('api_1', 'SELECT id FROM api_t');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pgtrickle.create_stream_table('api_1', 'SELECT id, a FROM api_t');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM api_u;
SELECT pgtrickle.create_stream_table('api_1', 'SELECT id, a FROM api_t');
ROLLBACK;
BEGIN;
SELECT pgtrickle.create_stream_table('api_1', 'SELECT id FROM api_t');
INSERT INTO api_t VALUES (500, 5, 'p');
PREPARE TRANSACTION 'api_prepared';
SELECT to_regclass('api_1') IS NULL AS undone, count(*) FROM pg_prepared_xacts;
BEGIN;
INSERT INTO api_t VALUES (501, 5, 'p');
PREPARE TRANSACTION 'api_prepared';
COMMIT PREPARED 'api_prepared';
-- capture that the one before has left is found
SELECT pgtrickle.create_stream_table('api_1', 'SELECT id FROM api_t');
CALL api_end();

-- a user like any other
CREATE ROLE api_user;
GRANT CREATE ON SCHEMA public TO api_user;
GRANT SELECT, TRIGGER ON api_t TO api_user;
SET ROLE api_user;
BEGIN;
SELECT pgtrickle.create_stream_table('api_1', 'SELECT a, count(*) AS c FROM api_t GROUP BY a');
SAVEPOINT one;
SELECT pgtrickle.create_stream_table('api_2', 'SELECT id FROM api_u');
ROLLBACK TO one;
SELECT pgtrickle.create_stream_table('api_2', 'SELECT id, b FROM api_t');
COMMIT;
DO $$
BEGIN
    PERFORM pgtrickle.create_stream_table('api_3', 'SELECT b FROM api_t', refresh_mode => 'DIFFERENTIAL');
    RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
    PERFORM pgtrickle.create_stream_table('api_3', 'SELECT a FROM api_1');
END $$;
RESET ROLE;
SELECT tablename, tableowner FROM pg_tables WHERE tablename LIKE 'api\__' ORDER BY 1;
CALL api_end();
DROP PROCEDURE api_run, api_end;
DROP FUNCTION api_make;
DROP TABLE api_t, api_u;
REVOKE ALL ON SCHEMA public FROM api_user;
DROP ROLE api_user;
