-- Rules J12 and J13: columns are found by name, rows by a key only for as long as it is one.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE cat_t (id int PRIMARY KEY, a int NOT NULL, b text);
INSERT INTO cat_t VALUES (1, 10, 'x'), (2, 20, 'y'), (3, 30, 'z');

-- columns that came and went while nobody refused it (rule J30)
ALTER EVENT TRIGGER pg_trickle_on_ddl_start DISABLE;

-- a user's own column beside the query's
SELECT test.create('cat_st', 'SELECT b, id, a FROM cat_t');
\c
ALTER TABLE cat_st ADD COLUMN note text;
INSERT INTO cat_t VALUES (4, 40, 'u');
UPDATE cat_t SET a = a + 1 WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('cat_st');
SELECT * FROM cat_st ORDER BY id;
SELECT * FROM pgtrickle.verify_stream_table('cat_st');
-- gone again: the table keeps a gap
\c
ALTER TABLE cat_st DROP COLUMN note, ADD COLUMN other int;
DELETE FROM cat_t WHERE id = 4;
UPDATE cat_t SET b = b || b WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('cat_st');
SELECT * FROM cat_st ORDER BY id;
\c
ALTER TABLE cat_st DROP COLUMN other;
INSERT INTO cat_t VALUES (4, 40, 'u');
SELECT test.refresh('cat_st');
-- a column of the query is missed
\c
ALTER TABLE cat_st RENAME COLUMN a TO c;
INSERT INTO cat_t VALUES (5, 50, 'v');
SELECT pgtrickle.refresh_stream_table('cat_st');
\c
ALTER TABLE cat_st RENAME COLUMN c TO a;
SELECT test.refresh('cat_st');
\c
BEGIN;
ALTER TABLE cat_st DROP COLUMN b;
SELECT pgtrickle.refresh_stream_table('cat_st');
ROLLBACK;
-- put in another place: the key lies elsewhere, too
\c
ALTER TABLE cat_st DROP COLUMN b;
\c
ALTER TABLE cat_st ADD COLUMN b text;
SELECT pgtrickle.alter_stream_table('cat_st', refresh_mode => 'FULL');
SELECT pgtrickle.alter_stream_table('cat_st', refresh_mode => 'DIFFERENTIAL');
INSERT INTO cat_t VALUES (6, 60, 'w');
UPDATE cat_t SET b = 'one' WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('cat_st');
SELECT id, a, b FROM cat_st ORDER BY id;
SELECT test.drop_all();
ALTER EVENT TRIGGER pg_trickle_on_ddl_start ENABLE;

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
