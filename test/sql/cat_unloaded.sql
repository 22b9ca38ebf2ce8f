-- What sessions do to stream tables before they have loaded the library, in a database whose event
-- trigger is off: nobody refuses it, and the next refresh notices.  Where the library is preloaded
-- there are no such sessions (cat_unloaded_1.out).
\o /dev/null
SELECT test.restart_numbers();
\o
SELECT current_setting('shared_preload_libraries') ~ 'pg_trickle' AS preloaded \gset
\if :preloaded
\quit
\endif
ALTER EVENT TRIGGER pg_trickle_on_ddl_start DISABLE;

-- columns of the query (rule J30)
CREATE TABLE cat_t (id int PRIMARY KEY, a int, n numeric(6,2));
INSERT INTO cat_t VALUES (1, 1, 1);
SELECT test.create('cat_1', 'SELECT id, a FROM cat_t');
SELECT test.create('cat_2', 'SELECT id, a FROM cat_t');
SELECT test.create('cat_3', 'SELECT id, n FROM cat_t');
\c
ALTER TABLE cat_1 DROP COLUMN a;
\c
ALTER TABLE cat_2 ALTER a TYPE bigint;
\c
ALTER TABLE cat_3 ALTER n TYPE numeric(6,1);
INSERT INTO cat_t VALUES (2, 2, 2.22);
SELECT pgtrickle.refresh_stream_table('cat_1');
SELECT pgtrickle.refresh_stream_table('cat_2');
SELECT pgtrickle.refresh_stream_table('cat_3');
-- undone, it goes on
\c
ALTER TABLE cat_2 ALTER a TYPE int;
SELECT test.refresh('cat_2');
SELECT test.drop_all();
DROP TABLE cat_t;

-- columns that came and went
CREATE TABLE cat_i (id int PRIMARY KEY, a int NOT NULL, b text);
INSERT INTO cat_i VALUES (1, 10, 'x'), (2, 20, 'y'), (3, 30, 'z');

-- a user's own column beside the query's
SELECT test.create('cat_id', 'SELECT b, id, a FROM cat_i');
\c
ALTER TABLE cat_id ADD COLUMN note text;
INSERT INTO cat_i VALUES (4, 40, 'u');
UPDATE cat_i SET a = a + 1 WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('cat_id');
SELECT * FROM cat_id ORDER BY id;
SELECT * FROM pgtrickle.verify_stream_table('cat_id');
-- gone again: the table keeps a gap
\c
ALTER TABLE cat_id DROP COLUMN note, ADD COLUMN other int;
DELETE FROM cat_i WHERE id = 4;
UPDATE cat_i SET b = b || b WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('cat_id');
SELECT * FROM cat_id ORDER BY id;
\c
ALTER TABLE cat_id DROP COLUMN other;
INSERT INTO cat_i VALUES (4, 40, 'u');
SELECT test.refresh('cat_id');
-- a column of the query is missed
\c
ALTER TABLE cat_id RENAME COLUMN a TO c;
INSERT INTO cat_i VALUES (5, 50, 'v');
SELECT pgtrickle.refresh_stream_table('cat_id');
\c
ALTER TABLE cat_id RENAME COLUMN c TO a;
SELECT test.refresh('cat_id');
\c
BEGIN;
ALTER TABLE cat_id DROP COLUMN b;
SELECT pgtrickle.refresh_stream_table('cat_id');
ROLLBACK;
-- put in another place: the key lies elsewhere, too
\c
ALTER TABLE cat_id DROP COLUMN b;
\c
ALTER TABLE cat_id ADD COLUMN b text;
SELECT pgtrickle.alter_stream_table('cat_id', refresh_mode => 'FULL');
SELECT pgtrickle.alter_stream_table('cat_id', refresh_mode => 'DIFFERENTIAL');
INSERT INTO cat_i VALUES (6, 60, 'w');
UPDATE cat_i SET b = 'one' WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('cat_id');
SELECT id, a, b FROM cat_id ORDER BY id;
SELECT test.drop_all();
DROP TABLE cat_i;

-- a guard that was off for a while, a rule, a child
CREATE TABLE cat_own (id int PRIMARY KEY, a int);
INSERT INTO cat_own VALUES (1, 1);
SELECT test.create('cat_left', 'SELECT id, a FROM cat_own');
SELECT 'ALTER TABLE cat_left ENABLE ALWAYS TRIGGER ' || quote_ident(tgname) AS enable FROM pg_trigger
 WHERE tgrelid = 'cat_left'::regclass AND tgname LIKE 'pg_trickle_guard%' \gset
\c
ALTER TABLE cat_left DISABLE TRIGGER ALL;
INSERT INTO cat_left VALUES (7, 7);
:enable;
SELECT test.refresh('cat_left', 'FULL');
INSERT INTO cat_own VALUES (2, 2);
SELECT test.refresh('cat_left');
\c
CREATE RULE cat_rule AS ON INSERT TO cat_left DO INSTEAD NOTHING;
CREATE TABLE cat_heir () INHERITS (cat_left);
SELECT test.refresh('cat_left', 'FULL');
DROP RULE cat_rule ON cat_left;
INSERT INTO cat_own VALUES (3, 3);
SELECT test.refresh('cat_left', 'FULL');
DROP TABLE cat_heir;
SELECT test.refresh('cat_left', 'FULL');
INSERT INTO cat_own VALUES (4, 4);
SELECT test.refresh('cat_left');
SELECT pgtrickle.drop_stream_table('cat_left');
-- the same of a partition; partitions with rows that come and go
\c
SELECT test.create('cat_parted', 'SELECT id, a FROM cat_own');
SELECT pgtrickle.alter_stream_table('cat_parted', partition_by => 'HASH:id:2');
SELECT 'ALTER TABLE cat_parted_p0 ENABLE ALWAYS TRIGGER ' || quote_ident(tgname) AS enable FROM pg_trigger
 WHERE tgrelid = 'cat_parted_p0'::regclass AND tgname LIKE 'pg_trickle_guard%' \gset
\c
ALTER TABLE cat_parted_p0 DISABLE TRIGGER ALL;
DELETE FROM cat_parted_p0;
:enable;
SELECT test.refresh('cat_parted', 'FULL');
CREATE TABLE cat_other (id int NOT NULL, a int);
INSERT INTO cat_other SELECT i, i FROM generate_series(100, 120) AS i WHERE satisfies_hash_partition('cat_parted'::regclass, 2, 0, i);
\c
ALTER TABLE cat_parted DETACH PARTITION cat_parted_p0;
\c
ALTER TABLE cat_parted ATTACH PARTITION cat_other FOR VALUES WITH (MODULUS 2, REMAINDER 0);
\c
SELECT test.refresh('cat_parted', 'FULL');
SELECT pgtrickle.drop_stream_table('cat_parted');
DROP TABLE cat_own, cat_parted_p0;


-- rule J17: REASSIGN OWNED fires no event trigger at all; none of the owner's code runs for another
CREATE ROLE cat_bob;
GRANT USAGE ON SCHEMA pgtrickle, test TO cat_bob;
GRANT CREATE ON SCHEMA public TO cat_bob;
CREATE TABLE cat_t (id int PRIMARY KEY);
GRANT SELECT, TRIGGER ON cat_t TO cat_bob;
INSERT INTO cat_t VALUES (1);
SET ROLE cat_bob;
-- planning evaluates it (rule J15)
CREATE FUNCTION cat_spy(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE INFO 'runs as %', current_user;
    RETURN $1;
END $$;
SELECT pgtrickle.create_stream_table('cat_st', 'SELECT id, cat_spy(7) AS s FROM public.cat_t', refresh_mode => 'DIFFERENTIAL');
RESET ROLE;
\c
REASSIGN OWNED BY cat_bob TO postgres;
SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = 'cat_st'::regclass;
INSERT INTO cat_t VALUES (2);
SELECT pgtrickle.refresh_stream_table('cat_st');
SELECT pgtrickle.explain_stream_table('cat_st');
SELECT pgtrickle.resume_stream_table('cat_st');
SELECT pgtrickle.refresh_stream_table('cat_st');
SELECT test.assert_fresh('cat_st');
SELECT test.drop_all();
DROP FUNCTION cat_spy(int);
DROP TABLE cat_t;
DROP OWNED BY cat_bob;
DROP ROLE cat_bob;
ALTER EVENT TRIGGER pg_trickle_on_ddl_start ENABLE;
