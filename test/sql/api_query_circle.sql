-- A query over what depends on the stream table itself is refused (rule J27), else nothing could dump the two.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = error;
CREATE TABLE ac_t (id int PRIMARY KEY, a int);
INSERT INTO ac_t SELECT i, i % 4 FROM generate_series(1, 8) AS i;
SELECT pgtrickle.create_stream_table('ac_st', 'SELECT id, a FROM ac_t');
SELECT pgtrickle.create_stream_table('ac_parts', 'SELECT id, a FROM ac_t', partition_by => 'a');
SELECT pgtrickle.create_stream_table('ac_over', 'SELECT a, count(*) AS n FROM ac_st GROUP BY a');
CREATE VIEW ac_v AS SELECT * FROM ac_st;
CREATE MATERIALIZED VIEW ac_mv AS SELECT * FROM ac_v;
CREATE MATERIALIZED VIEW ac_far AS SELECT a FROM ac_over;
CREATE FUNCTION ac_atomic() RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*) FROM public.ac_st; END;
CREATE FUNCTION ac_row(ac_st) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.id';
CREATE TABLE ac_column (id int, r ac_st);
ALTER TABLE ac_st ADD PRIMARY KEY (id);
CREATE TABLE ac_child (id int REFERENCES ac_st, a int);
CREATE TABLE ac_like (LIKE ac_st);
\set VERBOSITY terse
SELECT pgtrickle.alter_stream_table('ac_st', query => 'SELECT id, a FROM ac_v');
SELECT pgtrickle.alter_stream_table('ac_st', query => 'SELECT id, a FROM ac_mv');
SELECT pgtrickle.alter_stream_table('ac_st', query => 'SELECT id, a FROM ac_mv', refresh_mode => 'FULL');
SELECT pgtrickle.alter_stream_table('ac_st', query => 'SELECT id, a FROM ac_t WHERE a IN (SELECT a FROM ac_far)');
SELECT pgtrickle.create_or_replace_stream_table('ac_st', 'SELECT id, ac_atomic()::int AS a FROM ac_t');
SELECT pgtrickle.alter_stream_table('ac_st', query => 'SELECT id, ac_row(NULL) AS a FROM ac_t');
SELECT pgtrickle.alter_stream_table('ac_st', query => 'SELECT id, (r).a FROM ac_column');
SELECT pgtrickle.alter_stream_table('ac_parts', query => 'SELECT id, a FROM ac_parts_default');
-- what only points there, or has been made like it, is free
SELECT pgtrickle.alter_stream_table('ac_st', query => 'SELECT id, a FROM ac_child');
SELECT pgtrickle.alter_stream_table('ac_st', query => 'SELECT id, a FROM ac_like');
SELECT pgtrickle.alter_stream_table('ac_st', query => 'SELECT id, a FROM ac_t');
SELECT test.assert_fresh(n) FROM unnest('{ac_st,ac_parts}'::text[]) AS n;
-- a view that is replaced so that it closes a circle
SELECT pgtrickle.create_stream_table('ac_base', 'SELECT id, a FROM ac_t');
CREATE VIEW ac_between AS SELECT id, a FROM ac_t;
SELECT pgtrickle.alter_stream_table('ac_base', query => 'SELECT id, a FROM ac_between');
CREATE MATERIALIZED VIEW ac_late AS SELECT id, a FROM ac_base;
\set VERBOSITY sqlstate
CREATE OR REPLACE VIEW ac_between AS SELECT id, a FROM ac_late;
SELECT pgtrickle.refresh_stream_table('ac_base');
CREATE OR REPLACE VIEW ac_between AS SELECT id, a FROM ac_t WHERE id > 2;
SELECT pgtrickle.refresh_stream_table('ac_base');
SELECT test.assert_fresh('ac_base');
DROP MATERIALIZED VIEW ac_mv, ac_far, ac_late;
DROP VIEW ac_v;
DROP TABLE ac_column, ac_child;
DROP FUNCTION ac_atomic, ac_row;
SELECT test.drop_all();
DROP VIEW ac_between;
DROP TABLE ac_t, ac_like;
