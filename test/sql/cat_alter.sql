-- Sources and stream tables that were altered: what the stored tree says must
-- still be so, or the refresh says what is not.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE cat_t (id int PRIMARY KEY, v varchar(5), n numeric(6,2), w text COLLATE "C", x text, unused int);
INSERT INTO cat_t VALUES (1, 'abc', 1.25, 'a', 'x', 1), (2, 'abd', 2.5, 'B', 'xx', 2);
SELECT test.create('cat_v', 'SELECT id, v FROM cat_t');
SELECT test.create('cat_n', 'SELECT sum(n) AS s FROM cat_t');
SELECT test.create('cat_w', 'SELECT max(w) AS m FROM cat_t');
SELECT test.create('cat_x', 'SELECT id, (SELECT length(o.x)) AS l FROM cat_t AS o', 'FULL');
SELECT test.create('cat_j', 'SELECT a.id, b.x FROM cat_t AS a JOIN cat_t AS b USING (id)', 'FULL');
SELECT test.create('cat_free', 'SELECT a.id FROM cat_t AS a JOIN cat_t AS b USING (id)', 'FULL');
-- a column of which only the join knows
ALTER TABLE cat_t DROP COLUMN unused;
SELECT test.refresh('cat_free', 'FULL');
-- rule I2: what is used stays, unless a superuser says otherwise; what is not may go, and anything may come
ALTER TABLE cat_t ALTER v TYPE varchar(50);
ALTER TABLE cat_t DROP COLUMN x;
ALTER TABLE cat_t DROP COLUMN x CASCADE;
ALTER TABLE cat_t DROP COLUMN n, ADD COLUMN n int;
\set VERBOSITY sqlstate
ALTER TABLE cat_t DROP COLUMN x;
\set VERBOSITY default
ALTER TABLE cat_t ADD COLUMN more int;
ALTER TABLE cat_t ALTER more TYPE bigint, ALTER v TYPE varchar(5), ALTER v SET DEFAULT 'd';
ALTER TABLE cat_t DROP COLUMN more;
INSERT INTO cat_t VALUES (9, 'i', 9, 'i', 'i');
SELECT test.refresh(t, 'FULL') FROM unnest('{cat_v,cat_n,cat_w}'::text[]) AS t;
SET pg_trickle.block_source_ddl = off;
-- length, scale, collation, type: also of a column that a subquery reads
ALTER TABLE cat_t ALTER v TYPE varchar(50);
ALTER TABLE cat_t ALTER n TYPE numeric;
ALTER TABLE cat_t ALTER w TYPE text COLLATE "POSIX";
ALTER TABLE cat_t ALTER x TYPE int USING length(x);
INSERT INTO cat_t VALUES (3, 'abcdefgh', 3.12345, 'Z', 5);
SELECT pgtrickle.refresh_stream_table('cat_v');
SELECT pgtrickle.refresh_stream_table('cat_n');
SELECT pgtrickle.refresh_stream_table('cat_w');
SELECT pgtrickle.refresh_stream_table('cat_x');
SELECT pgtrickle.refresh_stream_table('cat_j');
SELECT test.refresh('cat_free', 'FULL');
SELECT test.assert_fresh(t) FROM unnest('{cat_v,cat_n,cat_w,cat_j}'::text[]) AS t;
-- adapted once
INSERT INTO cat_t VALUES (4, 'x', 1, 'q', 5);
SELECT test.refresh(t) FROM unnest('{cat_v,cat_n,cat_w}'::text[]) AS t;
SELECT test.drop_all();
DROP TABLE cat_t;

-- a column that is logged for nobody any more, of a table and of a tree: nothing is marked, unchanged columns write nothing
CREATE TABLE cat_t (id int PRIMARY KEY, a int, b int);
CREATE TABLE cat_p (id int, b int, a int) PARTITION BY LIST (a);
CREATE TABLE cat_p1 (b int, a int, id int);
ALTER TABLE cat_p ATTACH PARTITION cat_p1 FOR VALUES IN (1);
INSERT INTO cat_t VALUES (1, 1, 1);
INSERT INTO cat_p VALUES (1, 1, 1);
SELECT test.create('cat_1', 'SELECT id, a FROM cat_t');
SELECT test.create('cat_2', 'SELECT id, b FROM cat_t');
SELECT test.create('cat_3', 'SELECT id, a FROM cat_p');
SELECT test.create('cat_4', 'SELECT id, b FROM cat_p');
SELECT pgtrickle.drop_stream_table('cat_2');
SELECT pgtrickle.drop_stream_table('cat_4');
ALTER TABLE cat_t DROP COLUMN b, ADD COLUMN c int;
ALTER TABLE cat_p DROP COLUMN b;
INSERT INTO cat_t VALUES (2, 2);
UPDATE cat_t SET a = a + 1 WHERE id = 1;
UPDATE cat_t SET c = 1;
INSERT INTO cat_p VALUES (2, 1);
DELETE FROM cat_p1 WHERE id = 1;
SELECT weight, marker, "row" FROM pgtrickle.debug_change_log('cat_t');
SELECT weight, marker, "row" FROM pgtrickle.debug_change_log('cat_p');
SELECT test.refresh('cat_1');
SELECT test.refresh('cat_3');
-- who still wants it is told
SET pg_trickle.block_source_ddl = off;
SELECT test.create('cat_2', 'SELECT id, c FROM cat_t');
ALTER TABLE cat_t DROP COLUMN c;
INSERT INTO cat_t VALUES (3, 3);
SELECT pgtrickle.refresh_stream_table('cat_2');
SELECT test.refresh('cat_1');
-- another one of that name will do
ALTER TABLE cat_t ADD COLUMN c numeric DEFAULT 7;
SELECT test.refresh('cat_2', 'REINITIALIZE');
UPDATE cat_t SET c = 8 WHERE id = 3;
SELECT test.refresh('cat_2');
SELECT test.drop_all();
DROP TABLE cat_t, cat_p;
