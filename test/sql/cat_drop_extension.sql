-- Rule J6: without the extension stream tables are tables, and nothing drops them behind their owner's back.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE cat_t (id int PRIMARY KEY, a int);
INSERT INTO cat_t VALUES (1, 1), (2, 2);
CREATE VIEW cat_v AS SELECT id, a FROM cat_t;
CREATE TYPE cat_mood AS ENUM ('low');
SELECT test.create('cat_st', 'SELECT a, count(*) AS c FROM cat_t GROUP BY a');
SELECT test.create('cat_over', $$SELECT c, 'low'::cat_mood AS m FROM cat_st$$);
SELECT pgtrickle.create_stream_table('cat_full', 'SELECT id, a FROM cat_v', refresh_mode => 'FULL');
-- it needs CASCADE, because capture and guard are triggers
\set VERBOSITY terse
DROP EXTENSION pg_trickle;
SELECT test.refresh('cat_over', 'NO_DATA');
-- undone, it is all there
\c
SET client_min_messages = warning;
BEGIN;
DROP EXTENSION pg_trickle CASCADE;
ROLLBACK;
RESET client_min_messages;
INSERT INTO cat_t VALUES (3, 2);
SELECT test.refresh('cat_over');
DROP TABLE cat_t;
DROP TYPE cat_mood;
-- in a session that has not loaded the library
\c
\o /dev/null
DROP EXTENSION pg_trickle CASCADE;
\o
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE 'pg%trickle%';
INSERT INTO cat_t VALUES (4, 4);
INSERT INTO cat_st VALUES (9, 9);
DROP TABLE cat_t CASCADE;
SELECT count(*) FROM cat_st;
SELECT count(*) FROM cat_over;
SELECT count(*) FROM cat_full;
-- what is part of the table still counts
DROP TYPE cat_mood;
DROP TABLE cat_st, cat_over, cat_full;
DROP TYPE cat_mood;
-- rule J20: it does not move into a schema that somebody else has made
CREATE SCHEMA pgtrickle;
CREATE EXTENSION pg_trickle;
DROP SCHEMA pgtrickle;
\set VERBOSITY default
-- and the extension can come back
CREATE EXTENSION pg_trickle;
CREATE TABLE cat_t (id int PRIMARY KEY, a int);
SELECT test.create('cat_st', 'SELECT a, count(*) AS c FROM cat_t GROUP BY a');
INSERT INTO cat_t VALUES (1, 1), (2, 2);
SELECT test.refresh('cat_st');
SELECT test.drop_all();
DROP TABLE cat_t;
