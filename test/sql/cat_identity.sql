-- Rules J12 and J13: columns are found by name, rows by a key only for as long as it is one.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE cat_t (id int PRIMARY KEY, a int NOT NULL, b text);
INSERT INTO cat_t VALUES (1, 10, 'x'), (2, 21, 'y'), (3, 30, 'z'), (4, 40, 'u'), (5, 50, 'v'), (6, 60, 'w');
CREATE FUNCTION pg_temp.identity(name regclass) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT CASE WHEN indisunique THEN 'unique ' ELSE '' END || CASE WHEN indexprs IS NULL THEN 'columns' ELSE 'hash' END
      FROM pg_index WHERE indrelid = name $$;
-- the key goes: another identity, and a recompute
SELECT test.create('cat_key', 'SELECT id, a, b FROM cat_t');
SELECT pg_temp.identity('cat_key');
ALTER TABLE cat_t DROP CONSTRAINT cat_t_pkey;
INSERT INTO cat_t SELECT * FROM cat_t WHERE id < 3;
SELECT test.refresh('cat_key', 'REINITIALIZE');
SELECT pg_temp.identity('cat_key');
INSERT INTO cat_t SELECT * FROM cat_t;
UPDATE cat_t SET a = a + 1 WHERE ctid IN (SELECT min(ctid) FROM cat_t GROUP BY id);
SELECT test.refresh('cat_key');
DELETE FROM cat_t WHERE ctid IN (SELECT min(ctid) FROM cat_t GROUP BY id);
SELECT test.refresh('cat_key');
SELECT test.drop_all();
TRUNCATE cat_t;
INSERT INTO cat_t VALUES (1, 1, 'x'), (2, 2, 'y');
-- NOT NULL goes, which the key of a unique index needs
CREATE UNIQUE INDEX cat_t_a ON cat_t (a);
SELECT test.create('cat_unique', 'SELECT a, b FROM cat_t');
SELECT pg_temp.identity('cat_unique');
ALTER TABLE cat_t ALTER COLUMN a DROP NOT NULL;
INSERT INTO cat_t VALUES (3, NULL, 'p'), (4, NULL, 'p'), (5, NULL, 'q');
SELECT test.refresh('cat_unique', 'REINITIALIZE');
UPDATE cat_t SET b = 'r' WHERE id = 4;
SELECT test.refresh('cat_unique');
SELECT test.drop_all();
DELETE FROM cat_t WHERE a IS NULL;
ALTER TABLE cat_t ALTER COLUMN a SET NOT NULL;
-- not a key: deferrable, partial, with children
DROP INDEX cat_t_a;
ALTER TABLE cat_t ADD CONSTRAINT cat_t_a UNIQUE (a) DEFERRABLE;
SELECT test.create('cat_none', 'SELECT a, b FROM cat_t');
SELECT pg_temp.identity('cat_none');
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
UPDATE cat_t SET a = 2 WHERE id = 1;
UPDATE cat_t SET a = 1 WHERE id = 2;
COMMIT;
UPDATE cat_t SET b = 'deferred';
SELECT test.refresh('cat_none');
SELECT test.drop_all();
ALTER TABLE cat_t DROP CONSTRAINT cat_t_a;
CREATE UNIQUE INDEX cat_t_a ON cat_t (a) WHERE id > 0;
SELECT test.create('cat_none', 'SELECT a, b FROM cat_t');
SELECT pg_temp.identity('cat_none');
SELECT test.drop_all();
DROP INDEX cat_t_a;
CREATE UNIQUE INDEX cat_t_a ON cat_t (a);
CREATE TABLE cat_child () INHERITS (cat_t);
SELECT test.create('cat_none', 'SELECT a, b FROM cat_t');
SELECT pg_temp.identity('cat_none');
INSERT INTO cat_child SELECT * FROM cat_t;
SELECT test.refresh('cat_none');
DELETE FROM ONLY cat_t WHERE id = 1;
SELECT test.refresh('cat_none');
SELECT test.drop_all();
DROP TABLE cat_t CASCADE;
-- a child that comes later
CREATE TABLE cat_t (id int, a int PRIMARY KEY, b text);
INSERT INTO cat_t VALUES (1, 1, 'x'), (2, 2, 'y');
SELECT test.create('cat_later', 'SELECT a, b FROM cat_t');
SELECT pg_temp.identity('cat_later');
CREATE TABLE cat_child () INHERITS (cat_t);
INSERT INTO cat_child SELECT * FROM cat_t;
SELECT test.refresh('cat_later', 'REINITIALIZE');
SELECT pg_temp.identity('cat_later');
DELETE FROM ONLY cat_t WHERE a = 1;
SELECT test.refresh('cat_later');
SELECT test.drop_all();
DROP TABLE cat_t CASCADE;
-- an index of a user's own on the same key is not taken for ours, were it the older one
CREATE TABLE cat_t (id int PRIMARY KEY, b text);
INSERT INTO cat_t VALUES (1, 'x'), (2, 'y');
SELECT test.create('cat_own', 'SELECT id, b FROM cat_t');
CREATE UNIQUE INDEX cat_users ON cat_own (id);
REINDEX INDEX CONCURRENTLY cat_own_id_idx;
ALTER TABLE cat_t DROP CONSTRAINT cat_t_pkey;
UPDATE cat_t SET b = 'z' WHERE id = 2;
SELECT test.refresh('cat_own', 'REINITIALIZE');
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'cat_own'::regclass ORDER BY indexrelid::regclass::text;
-- which keeps duplicates out
INSERT INTO cat_t VALUES (1, 'x');
SELECT pgtrickle.refresh_stream_table('cat_own');
DROP INDEX cat_users;
SELECT test.refresh('cat_own');
SELECT test.drop_all();
DROP TABLE cat_t CASCADE;
