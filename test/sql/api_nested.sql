-- What a refresh runs may ask for another refresh, change definitions, or be a
-- constraint that is deferred.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int PRIMARY KEY, g int, v int);
INSERT INTO api_t SELECT i, i % 3, i FROM generate_series(1, 9) AS i;
SELECT test.create('api_1', 'SELECT g, count(*) AS c, sum(v) AS s FROM api_t GROUP BY g');
SELECT test.create('api_2', 'SELECT sum(s) AS s FROM api_1');
SELECT test.create('api_3', 'SELECT id, v FROM api_t');
CREATE FUNCTION api_run() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE TG_ARGV[0]; RETURN NULL; END $$;
-- itself, what reads it, what has nothing to do with it
CREATE TRIGGER api_x AFTER UPDATE ON api_1 FOR EACH STATEMENT EXECUTE FUNCTION api_run('SELECT pgtrickle.refresh_stream_table(''public.api_1'')');
UPDATE api_t SET v = v + 1;
\set VERBOSITY terse
SELECT pgtrickle.refresh_stream_table('api_1');
DROP TRIGGER api_x ON api_1;
CREATE TRIGGER api_x AFTER UPDATE ON api_1 FOR EACH STATEMENT EXECUTE FUNCTION api_run('SELECT pgtrickle.refresh_stream_table(''public.api_2'')');
SELECT pgtrickle.refresh_stream_table('api_1');
SELECT pgtrickle.refresh_stream_table('api_2');
-- definitions of what is being refreshed
DROP TRIGGER api_x ON api_1;
CREATE TRIGGER api_x AFTER UPDATE ON api_1 FOR EACH STATEMENT EXECUTE FUNCTION api_run('SELECT pgtrickle.drop_stream_table(''public.api_2'')');
SELECT pgtrickle.refresh_stream_table('api_2');
DROP TRIGGER api_x ON api_1;
CREATE TRIGGER api_x AFTER UPDATE ON api_1 FOR EACH STATEMENT EXECUTE FUNCTION api_run('DROP TABLE public.api_1 CASCADE');
SELECT pgtrickle.refresh_stream_table('api_2');
\set VERBOSITY default
-- an index on the source makes the running definition stale; another refresh starts meanwhile
DROP TRIGGER api_x ON api_1;
CREATE TRIGGER api_x AFTER UPDATE ON api_1 FOR EACH STATEMENT
    EXECUTE FUNCTION api_run('CREATE INDEX IF NOT EXISTS api_i ON public.api_t (v); SELECT pgtrickle.refresh_stream_table(''public.api_3'')');
SELECT test.refresh('api_2');
DROP TRIGGER api_x ON api_1;
UPDATE api_t SET v = v + 1;
SELECT * FROM test.refresh_all();
SELECT test.drop_all();
DROP FUNCTION api_run();
DROP TABLE api_t;

-- deferred constraints of the stream table are checked by the refresh (rule C9)
CREATE TABLE api_t (id int PRIMARY KEY, p int, u int);
CREATE TABLE api_parent (p int PRIMARY KEY);
INSERT INTO api_parent VALUES (1), (2);
INSERT INTO api_t VALUES (1, 1, 10), (2, 2, 20);
SELECT test.create('api_1', 'SELECT id, p, u FROM api_t');
ALTER TABLE api_1 ADD PRIMARY KEY (id),
    ADD CONSTRAINT api_u UNIQUE (u) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT api_f FOREIGN KEY (p) REFERENCES api_parent DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE api_child (c int CONSTRAINT api_c REFERENCES api_1 DEFERRABLE INITIALLY DEFERRED);
INSERT INTO api_child VALUES (1);
-- swapped, and a new row
UPDATE api_t SET u = 30 - u;
INSERT INTO api_t VALUES (3, 1, 30);
SELECT test.refresh('api_1');
-- an orphan on either side fails here, not at COMMIT
BEGIN;
INSERT INTO api_t VALUES (4, 9, 40);
SELECT pgtrickle.refresh_stream_table('api_1');
ROLLBACK;
BEGIN;
DELETE FROM api_t WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('api_1');
ROLLBACK;
-- afterwards they are deferred again
BEGIN;
DELETE FROM api_t WHERE id = 2;
SELECT test.refresh('api_1');
INSERT INTO api_child VALUES (77);
DELETE FROM api_child WHERE c = 77;
COMMIT;
DROP TABLE api_child;
SELECT test.drop_all();
DROP TABLE api_parent, api_t;
