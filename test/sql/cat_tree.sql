-- Partitioned tables and inheritance: written through the root and through a leaf.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE cat_p (id int, k int, a text, PRIMARY KEY (id, k)) PARTITION BY RANGE (k);
CREATE TABLE cat_p1 PARTITION OF cat_p FOR VALUES FROM (0) TO (10);
-- another column order
CREATE TABLE cat_p2 (gone int, a text, k int NOT NULL, id int NOT NULL);
ALTER TABLE cat_p2 DROP COLUMN gone;
ALTER TABLE cat_p ATTACH PARTITION cat_p2 FOR VALUES FROM (10) TO (20);
CREATE TABLE cat_p3 PARTITION OF cat_p FOR VALUES FROM (20) TO (30) PARTITION BY LIST (k);
CREATE TABLE cat_p3d PARTITION OF cat_p3 DEFAULT;
INSERT INTO cat_p SELECT x, x, 'a' || x FROM generate_series(0, 29) AS x;
SELECT test.create('cat_1', 'SELECT id, k, a FROM cat_p');
SELECT test.create('cat_2', 'SELECT k / 10 AS decade, count(*) AS c, min(a) AS m FROM cat_p GROUP BY k / 10');
SELECT test.create('cat_leaf', 'SELECT id, a FROM cat_p2');
-- through the root
UPDATE cat_p SET a = 'root' WHERE id % 5 = 0;
DELETE FROM cat_p WHERE id = 3;
SELECT test.refresh('cat_1'), test.refresh('cat_2'), test.refresh('cat_leaf');
-- through leaves
INSERT INTO cat_p2 (id, k, a) VALUES (100, 11, 'leaf');
UPDATE cat_p3d SET a = 'leaf' WHERE id = 25;
DELETE FROM cat_p1 WHERE id = 1;
SELECT test.refresh('cat_1'), test.refresh('cat_2'), test.refresh('cat_leaf');
-- rows move
UPDATE cat_p SET k = k + 10 WHERE k IN (5, 15) AND id < 100;
UPDATE cat_p SET k = 2 WHERE id = 100;
SELECT test.refresh('cat_1'), test.refresh('cat_2'), test.refresh('cat_leaf');
-- a leaf is emptied
TRUNCATE cat_p1;
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM (SELECT pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY pgt_name OFFSET 0) t;
SELECT test.assert_fresh('cat_1'), test.assert_fresh('cat_2'), test.assert_fresh('cat_leaf');
-- leaves come and go
CREATE TABLE cat_p4 PARTITION OF cat_p FOR VALUES FROM (30) TO (40);
INSERT INTO cat_p4 VALUES (31, 31, 'new');
INSERT INTO cat_p VALUES (32, 32, 'new');
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM (SELECT pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY pgt_name OFFSET 0) t;
SELECT test.assert_fresh('cat_1'), test.assert_fresh('cat_2'), test.assert_fresh('cat_leaf');
INSERT INTO cat_p4 VALUES (33, 33, 'captured');
SELECT test.refresh('cat_1'), test.refresh('cat_2');
ALTER TABLE cat_p DETACH PARTITION cat_p2;
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM (SELECT pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY pgt_name OFFSET 0) t;
SELECT test.assert_fresh('cat_1'), test.assert_fresh('cat_2'), test.assert_fresh('cat_leaf');
INSERT INTO cat_p2 (id, k, a) VALUES (12, 1000, 'apart');
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM (SELECT pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY pgt_name OFFSET 0) t;
SELECT test.assert_fresh('cat_1'), test.assert_fresh('cat_2'), test.assert_fresh('cat_leaf');
DELETE FROM cat_p2 WHERE k = 1000;
ALTER TABLE cat_p ATTACH PARTITION cat_p2 FOR VALUES FROM (10) TO (20);
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM (SELECT pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY pgt_name OFFSET 0) t;
SELECT test.assert_fresh('cat_1'), test.assert_fresh('cat_2'), test.assert_fresh('cat_leaf');
DROP TABLE cat_p4;
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM (SELECT pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY pgt_name OFFSET 0) t;
SELECT test.assert_fresh('cat_1'), test.assert_fresh('cat_2'), test.assert_fresh('cat_leaf');
TRUNCATE cat_p;
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM (SELECT pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY pgt_name OFFSET 0) t;
SELECT test.assert_fresh('cat_1'), test.assert_fresh('cat_2'), test.assert_fresh('cat_leaf');
SELECT test.drop_all();
DROP TABLE cat_p;

-- inheritance: the child has a column more; ONLY reads one table of the tree
CREATE TABLE cat_i (id int, a int);
CREATE TABLE cat_i1 (more text) INHERITS (cat_i);
INSERT INTO cat_i VALUES (1, 1);
INSERT INTO cat_i1 VALUES (2, 2, 'm');
SELECT pgtrickle.create_stream_table('cat_1', 'SELECT id, a FROM cat_i');
SELECT pgtrickle.create_stream_table('cat_2', 'SELECT id, a FROM ONLY cat_i');
SELECT test.assert_fresh('cat_1'), test.assert_fresh('cat_2');
UPDATE cat_i SET a = 10;
INSERT INTO cat_i1 VALUES (3, 3, 'm');
DELETE FROM cat_i1 WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('cat_1'), pgtrickle.refresh_stream_table('cat_2');
SELECT test.assert_fresh('cat_1'), test.assert_fresh('cat_2');
CREATE TABLE cat_i2 () INHERITS (cat_i);
INSERT INTO cat_i2 VALUES (4, 4);
SELECT pgtrickle.refresh_stream_table('cat_1'), pgtrickle.refresh_stream_table('cat_2');
SELECT test.assert_fresh('cat_1'), test.assert_fresh('cat_2');
TRUNCATE ONLY cat_i;
SELECT pgtrickle.refresh_stream_table('cat_1'), pgtrickle.refresh_stream_table('cat_2');
SELECT test.assert_fresh('cat_1'), test.assert_fresh('cat_2');
TRUNCATE cat_i1;
SELECT pgtrickle.refresh_stream_table('cat_1'), pgtrickle.refresh_stream_table('cat_2');
SELECT test.assert_fresh('cat_1'), test.assert_fresh('cat_2');
SELECT test.drop_all();
DROP TABLE cat_i CASCADE;
