-- Another query with other columns is computed aside (rule J26): what belongs to the table sees ordinary changes of rows, and nothing is left.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = error;
CREATE TABLE api_t (id int PRIMARY KEY, a int, b text);
INSERT INTO api_t SELECT i, i, repeat('x', 3000 * (i % 2)) || i FROM generate_series(1, 6) AS i;
SELECT test.create('api_st', 'SELECT id, a, b FROM api_t');
SELECT test.create('api_over', 'SELECT count(*) AS c, max(a) AS a FROM api_st');
ALTER TABLE api_st ALTER a SET NOT NULL, ADD CONSTRAINT api_small CHECK (a < 100), ADD CONSTRAINT api_once UNIQUE (a) DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE api_log (what text);
CREATE FUNCTION api_tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.api_log VALUES (TG_OP); RETURN NULL; END $$;
CREATE TRIGGER api_tell AFTER INSERT OR UPDATE OR DELETE ON api_st FOR EACH ROW EXECUTE FUNCTION api_tell();
CREATE FUNCTION api_look() RETURNS TABLE (exact boolean, over text, told text, orphans bigint, relations bigint, columns text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pgtrickle.refresh_stream_table('api_over');
    RETURN QUERY SELECT (pgtrickle.verify_stream_table('api_st')).exact, test.assert_fresh('api_over') || ', ' || test.last_run('api_over'),
        (SELECT string_agg(w, ', ') FROM (SELECT what || ' ' || count(*) AS w FROM api_log GROUP BY what ORDER BY 1) AS w),
        (SELECT count(*) FROM test.orphans()), (SELECT count(*) FROM pg_class WHERE relname LIKE 'pgtrickle\_aside%' OR relname LIKE 'pg\_temp\_%'),
        (SELECT string_agg(attname || ' ' || attnum, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'api_st'::regclass AND attnum > 0 AND NOT attisdropped);
    DELETE FROM api_log;
END $$;
-- a column comes, another one goes, rows come and go
INSERT INTO api_t VALUES (7, 7, 'new');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a, a * 2 AS c FROM api_t WHERE id <> 2');
SELECT * FROM api_look();
INSERT INTO api_t VALUES (8, 8, 'new');
SELECT test.refresh('api_st');
-- wide values, several at once
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT b, a, id, b || b AS d FROM api_t');
SELECT * FROM api_look();
-- another type: the table is emptied
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT b, a, id, 1.5 AS d FROM api_t');
SELECT * FROM api_look();
-- rows are found by another key, or by none
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT a, max(id) AS id FROM api_t GROUP BY a');
SELECT * FROM api_look();
UPDATE api_t SET b = 'y';
SELECT pgtrickle.refresh_stream_table('api_st');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT a, a + 1 AS e FROM api_t');
SELECT * FROM api_look();
UPDATE api_t SET a = a + 10 WHERE id = 3;
SELECT test.refresh('api_st');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a FROM api_t');
SELECT * FROM api_look();
-- a foreign key that points here
ALTER TABLE api_st ADD CONSTRAINT api_key UNIQUE (id);
CREATE TABLE api_child (id int REFERENCES api_st (id));
INSERT INTO api_child VALUES (4);
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a, 1 AS one FROM api_t');
SELECT * FROM api_look();
-- what the table does not take leaves everything as it was
\set VERBOSITY terse
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a * 100 AS a, 2 AS two FROM api_t');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, nullif(a, 5) AS a, 2 AS two FROM api_t');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a, 2 AS two FROM api_t WHERE id <> 4');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, 3 AS a, 2 AS two FROM api_t');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a, 1 / (a - 5) AS two FROM api_t');
SELECT * FROM api_look();
-- the owner's query, whoever alters it; a savepoint takes it back
BEGIN;
SAVEPOINT one;
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a, b FROM api_t');
ROLLBACK TO one;
INSERT INTO api_t VALUES (9, 9, 'new');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a, length(b) AS l FROM api_t');
UPDATE api_t SET b = 'long' WHERE id = 9;
COMMIT;
SELECT pgtrickle.refresh_stream_table('api_st');
SELECT * FROM api_look();
DROP TABLE api_child;
SELECT test.drop_all();
DROP TABLE api_t, api_log;
DROP FUNCTION api_look, api_tell;
