-- A relation that is taken out of a captured tree loses the triggers that it had for the tree's sake (rule B6), and no others.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE TABLE dt_p (id int, k int) PARTITION BY RANGE (k);
CREATE TABLE dt_p1 PARTITION OF dt_p FOR VALUES FROM (0) TO (10);
CREATE TABLE dt_p2 PARTITION OF dt_p FOR VALUES FROM (10) TO (20);
CREATE TABLE dt_p3 PARTITION OF dt_p FOR VALUES FROM (20) TO (30) PARTITION BY RANGE (k);
CREATE TABLE dt_p31 PARTITION OF dt_p3 FOR VALUES FROM (20) TO (30);
CREATE TABLE dt_p4 PARTITION OF dt_p FOR VALUES FROM (30) TO (40);
CREATE TABLE dt_a (id int PRIMARY KEY, k int);
CREATE TABLE dt_b () INHERITS (dt_a);
INSERT INTO dt_p SELECT i, i FROM generate_series(0, 39) i;
INSERT INTO dt_b VALUES (1, 1);
SELECT pgtrickle.create_stream_table('dt_sp', 'SELECT k % 3 AS g, count(*) AS n FROM dt_p GROUP BY 1');
SELECT pgtrickle.create_stream_table('dt_sa', 'SELECT id, k FROM dt_a');
SELECT pgtrickle.create_stream_table('dt_s2', 'SELECT id, k FROM dt_p2');
CREATE VIEW dt_triggers AS
    SELECT tgrelid::regclass::text AS relation, count(*) FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'dt%' AND tgname LIKE 'pgtrickle_capture%' GROUP BY 1;
SELECT relation FROM dt_triggers ORDER BY 1;
ALTER TABLE dt_p DETACH PARTITION dt_p1;
ALTER TABLE dt_p DETACH PARTITION dt_p2;
ALTER TABLE dt_p DETACH PARTITION dt_p3;
ALTER TABLE dt_p DETACH PARTITION dt_p4 CONCURRENTLY;
ALTER TABLE dt_b NO INHERIT dt_a;
-- dt_p2 is a source of its own
SELECT relation FROM dt_triggers ORDER BY 1;
SELECT test.orphans();
INSERT INTO dt_p2 VALUES (100, 15);
INSERT INTO dt_b VALUES (2, 2);
SELECT pgtrickle.refresh_stream_table('dt_sp'), pgtrickle.refresh_stream_table('dt_sa'), pgtrickle.refresh_stream_table('dt_s2');
SELECT test.assert_fresh('dt_sp'), test.assert_fresh('dt_sa'), test.assert_fresh('dt_s2');
-- what is rolled back has them again, and what comes back gets them
BEGIN;
ALTER TABLE dt_b INHERIT dt_a;
SELECT pgtrickle.refresh_stream_table('dt_sa');
SELECT relation FROM dt_triggers WHERE relation = 'dt_b';
ALTER TABLE dt_b NO INHERIT dt_a;
SELECT relation FROM dt_triggers WHERE relation = 'dt_b';
ROLLBACK;
ALTER TABLE dt_p ATTACH PARTITION dt_p1 FOR VALUES FROM (0) TO (10);
SELECT pgtrickle.refresh_stream_table('dt_sp');
UPDATE dt_p1 SET k = k + 1 WHERE k < 9;
SELECT pgtrickle.refresh_stream_table('dt_sp');
SELECT test.assert_fresh('dt_sp'), test.assert_fresh('dt_sa'), test.assert_fresh('dt_s2');
SELECT relation FROM dt_triggers ORDER BY 1;
DROP TABLE dt_p, dt_p2, dt_p3, dt_p4, dt_a, dt_b CASCADE;
SELECT test.orphans();
-- one that fails after it has put a table below another one leaves nothing for the next command
CREATE TABLE cat_root (id int) PARTITION BY RANGE (id);
CREATE TABLE cat_part PARTITION OF cat_root FOR VALUES FROM (0) TO (10);
CREATE TABLE cat_other (id int);
INSERT INTO cat_part VALUES (1);
INSERT INTO cat_other VALUES (99);
SELECT test.create('cat_rows', 'SELECT id FROM cat_root');
ALTER TABLE cat_root ATTACH PARTITION cat_other FOR VALUES FROM (10) TO (20);
CREATE FUNCTION cat_next(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
INSERT INTO cat_root VALUES (2);
SELECT test.refresh('cat_rows');
SELECT test.drop_all();
DROP FUNCTION cat_next;
DROP TABLE cat_root, cat_other;
