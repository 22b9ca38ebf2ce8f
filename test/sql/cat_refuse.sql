-- Rules G4 and J30: what plain DDL may not do to a stream table, in a session that has not loaded the library either.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE cat_t (id int PRIMARY KEY, a int);
INSERT INTO cat_t VALUES (1, 1), (2, 2);
SELECT test.create('cat_st', 'SELECT id, a FROM cat_t');

-- a rule writes where the guard does not fire
\c
CREATE RULE cat_rule AS ON INSERT TO cat_st DO INSTEAD NOTHING;
CREATE RULE cat_rule AS ON DELETE TO cat_st DO ALSO SELECT 1;
CREATE RULE cat_rule AS ON INSERT TO cat_t DO ALSO SELECT 1;
DROP RULE cat_rule ON cat_t;
CREATE VIEW cat_view AS SELECT * FROM cat_st;
CREATE OR REPLACE RULE cat_rule AS ON INSERT TO cat_view DO INSTEAD NOTHING;
DROP VIEW cat_view;

-- children of a stream table
CREATE TABLE cat_child (more text) INHERITS (cat_st);
CREATE TABLE cat_child (id int, a int);
ALTER TABLE cat_child INHERIT cat_st;
DROP TABLE cat_child;

-- a stream table as a child
CREATE TABLE cat_parent (id int, a int);
ALTER TABLE cat_st INHERIT cat_parent;
DROP TABLE cat_parent;
CREATE TABLE cat_parent (id int, a int) PARTITION BY RANGE (id);
ALTER TABLE cat_parent ATTACH PARTITION cat_st DEFAULT;
ALTER TABLE cat_parent ATTACH PARTITION cat_st FOR VALUES FROM (0) TO (10);

-- a statement within another one
CREATE SCHEMA cat_schema CREATE TABLE cat_child () INHERITS (public.cat_st);

-- columns, whoever names the command for them
ALTER TABLE cat_st ADD COLUMN more int;
ALTER TABLE cat_st ADD COLUMN more int GENERATED ALWAYS AS (a + 1) STORED;
ALTER TABLE cat_st DROP COLUMN a;
ALTER TABLE cat_st RENAME COLUMN a TO b;
ALTER VIEW cat_st RENAME COLUMN a TO b;
ALTER TABLE cat_st ALTER a TYPE bigint;
ALTER TABLE cat_st ALTER id SET NOT NULL;
ALTER TABLE cat_st ALTER id ADD GENERATED ALWAYS AS IDENTITY;
-- the rest of its structure
CREATE TYPE cat_type AS (id int, a int);
ALTER TABLE cat_st OF cat_type;
DROP TYPE cat_type;
CREATE ACCESS METHOD cat_heap TYPE TABLE HANDLER heap_tableam_handler;
ALTER TABLE cat_st SET ACCESS METHOD cat_heap;
DROP ACCESS METHOD cat_heap;
ALTER TABLE cat_st DISABLE TRIGGER ALL;
ALTER TABLE cat_st DISABLE TRIGGER USER;
\set VERBOSITY sqlstate
ALTER TABLE cat_st ADD COLUMN more int;
ALTER TABLE cat_st DISABLE TRIGGER ALL;
CREATE RULE cat_rule AS ON INSERT TO cat_st DO INSTEAD NOTHING;
\set VERBOSITY default
-- what is free
ALTER TABLE cat_st ALTER a SET STATISTICS 10, ALTER a SET NOT NULL, ALTER a SET DEFAULT 5, ALTER a SET STORAGE PLAIN,
    ALTER a TYPE int, ADD CHECK (a > 0), ADD CONSTRAINT cat_unique UNIQUE (a), SET (fillfactor = 50), REPLICA IDENTITY DEFAULT, CLUSTER ON cat_unique;
CLUSTER cat_st;
VACUUM FULL cat_st, pgtrickle.pgt_stream_tables;
INSERT INTO cat_t VALUES (5, 5);
SELECT test.refresh('cat_st');
ALTER TABLE cat_st SET UNLOGGED;
SELECT test.refresh('cat_st', 'FULL');

-- what has nothing to do with stream tables, and sources
CREATE TABLE cat_part PARTITION OF cat_parent DEFAULT;
ALTER TABLE cat_parent DETACH PARTITION cat_part;
ALTER TABLE cat_parent ATTACH PARTITION cat_part DEFAULT;
CREATE TABLE cat_like (LIKE cat_st);
CREATE TABLE cat_child () INHERITS (cat_t);
INSERT INTO cat_child VALUES (3, 3);
SELECT test.refresh('cat_st', 'REINITIALIZE');

-- the user's search_path and operators are not asked, and a plain user is refused as well
CREATE ROLE cat_user;
GRANT CREATE ON SCHEMA public TO cat_user;
ALTER TABLE cat_t OWNER TO cat_user;
ALTER TABLE cat_child OWNER TO cat_user;
ALTER TABLE cat_st OWNER TO cat_user;
SET ROLE cat_user;
CREATE RULE cat_rule AS ON INSERT TO cat_st DO INSTEAD NOTHING;
CREATE TABLE cat_more () INHERITS (cat_st);
CREATE TABLE cat_more (a int);
DROP TABLE cat_more;
RESET ROLE;
INSERT INTO cat_t VALUES (4, 4);
SELECT test.refresh('cat_st');
SELECT test.drop_all();
DROP TABLE cat_child, cat_t, cat_parent, cat_like;
REVOKE CREATE ON SCHEMA public FROM cat_user;
DROP ROLE cat_user;
