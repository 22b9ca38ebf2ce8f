-- Every way to write to a source.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE cat_t (id int PRIMARY KEY, a int, b text);
INSERT INTO cat_t SELECT x, x % 3, 'b' || x FROM generate_series(1, 10) AS x;
SELECT test.create('cat_rows', 'SELECT id, a, b FROM cat_t');
SELECT test.create('cat_sum', 'SELECT a, count(*) AS c, sum(id) AS s FROM cat_t GROUP BY a');
COPY cat_t FROM stdin;
11	1	copied
12	\N	\N
\.
SELECT * FROM test.refresh_all();
MERGE INTO cat_t USING (VALUES (1, 9), (2, NULL), (20, 9)) AS m (id, a) ON cat_t.id = m.id
    WHEN MATCHED AND m.a IS NULL THEN DELETE
    WHEN MATCHED THEN UPDATE SET a = m.a
    WHEN NOT MATCHED THEN INSERT VALUES (m.id, m.a, 'merged');
SELECT * FROM test.refresh_all();
INSERT INTO cat_t VALUES (1, 4, 'c'), (21, 4, 'c') ON CONFLICT (id) DO UPDATE SET a = excluded.a;
INSERT INTO cat_t VALUES (1, 5, 'c'), (22, 5, 'c') ON CONFLICT DO NOTHING;
SELECT * FROM test.refresh_all();
UPDATE cat_t SET b = v.b FROM (VALUES (3, 'from'), (4, 'from')) AS v (id, b) WHERE cat_t.id = v.id;
DELETE FROM cat_t USING generate_series(5, 6) AS g WHERE id = g;
SELECT * FROM test.refresh_all() WHERE stream_table = 'cat_rows' UNION ALL SELECT 'again', test.refresh('cat_sum', 'NO_DATA');
WITH gone AS (DELETE FROM cat_t WHERE id = 7 RETURNING *), came AS (INSERT INTO cat_t SELECT id + 100, a, b FROM gone RETURNING id)
UPDATE cat_t SET a = 6 WHERE id = 8;
SELECT * FROM test.refresh_all();
-- unchanged: nothing is written
UPDATE cat_t SET a = a;
SELECT pgtrickle.refresh_stream_table('cat_rows'), pgtrickle.refresh_stream_table('cat_sum');
SELECT coalesce(sum(rows_inserted + rows_updated + rows_deleted), 0) AS written FROM pgtrickle.pgt_refresh_history
 WHERE refresh_id IN (test.last_run_id('cat_rows'), test.last_run_id('cat_sum')) AND delta_row_count > 8;
SELECT test.assert_fresh('cat_rows'), test.assert_fresh('cat_sum');
-- changed and changed back
UPDATE cat_t SET a = 100 WHERE id = 8;
UPDATE cat_t SET a = 6 WHERE id = 8;
SELECT pgtrickle.refresh_stream_table('cat_rows');
SELECT test.assert_fresh('cat_rows');
-- savepoints, and errors that are caught
BEGIN;
INSERT INTO cat_t VALUES (200, 1, 'kept');
SAVEPOINT s;
INSERT INTO cat_t VALUES (201, 1, 'undone');
ROLLBACK TO s;
INSERT INTO cat_t VALUES (202, 1, 'kept');
RELEASE s;
COMMIT;
DO $$ BEGIN INSERT INTO cat_t VALUES (203, 1, 'undone'), (200, 1, 'fails'); EXCEPTION WHEN unique_violation THEN NULL; END $$;
SELECT * FROM test.refresh_all();
SELECT test.assert_fresh('cat_rows'), test.assert_fresh('cat_sum');
-- TRUNCATE, alone and among others, undone too
BEGIN;
TRUNCATE cat_t;
ROLLBACK;
INSERT INTO cat_t VALUES (300, 1, 'x');
SELECT pgtrickle.refresh_stream_table('cat_rows'), pgtrickle.refresh_stream_table('cat_sum');
SELECT test.assert_fresh('cat_rows'), test.assert_fresh('cat_sum');
BEGIN;
INSERT INTO cat_t VALUES (301, 1, 'lost');
TRUNCATE cat_t;
INSERT INTO cat_t VALUES (302, 1, 'kept');
COMMIT;
SELECT pgtrickle.refresh_stream_table('cat_rows'), pgtrickle.refresh_stream_table('cat_sum');
SELECT test.assert_fresh('cat_rows'), test.assert_fresh('cat_sum');
SELECT count(*) FROM cat_rows;
UPDATE cat_t SET a = 2;
SELECT test.refresh('cat_rows'), test.refresh('cat_sum');
-- capture switched off, a load, capture on again: noticed
ALTER TABLE cat_t DISABLE TRIGGER ALL;
INSERT INTO cat_t VALUES (400, 1, 'loaded');
ALTER TABLE cat_t ENABLE TRIGGER ALL;
SELECT pgtrickle.refresh_stream_table('cat_rows'), pgtrickle.refresh_stream_table('cat_sum');
SELECT test.assert_fresh('cat_rows'), test.assert_fresh('cat_sum');
UPDATE cat_t SET a = 3;
SELECT test.refresh('cat_rows'), test.refresh('cat_sum');
-- the same through session_replication_role
SET session_replication_role = replica;
INSERT INTO cat_t VALUES (401, 1, 'replicated');
RESET session_replication_role;
SELECT pgtrickle.refresh_stream_table('cat_rows'), pgtrickle.refresh_stream_table('cat_sum');
SELECT test.assert_fresh('cat_rows'), test.assert_fresh('cat_sum');
-- a rewrite of the table is no change
CLUSTER cat_t USING cat_t_pkey;
VACUUM FULL cat_t;
INSERT INTO cat_t VALUES (402, 1, 'x');
SELECT pgtrickle.refresh_stream_table('cat_rows'), pgtrickle.refresh_stream_table('cat_sum');
SELECT test.assert_fresh('cat_rows'), test.assert_fresh('cat_sum');
SELECT test.drop_all();

-- written by a foreign key and by a trigger
CREATE TABLE cat_child (id int PRIMARY KEY, t int REFERENCES cat_t ON DELETE CASCADE ON UPDATE CASCADE, n int DEFAULT 0);
CREATE TABLE cat_null (id int PRIMARY KEY, t int REFERENCES cat_t ON DELETE SET NULL);
INSERT INTO cat_child VALUES (1, 400), (2, 400), (3, 401);
INSERT INTO cat_null VALUES (1, 400), (2, 401);
CREATE FUNCTION cat_touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE cat_child SET n = n + 1; NEW.a := NEW.a + 1; RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON cat_t FOR EACH ROW EXECUTE FUNCTION cat_touch();
SELECT test.create('cat_1', 'SELECT id, t, n FROM cat_child');
SELECT test.create('cat_2', 'SELECT t, count(*) AS c FROM cat_null GROUP BY t');
SELECT test.create('cat_3', 'SELECT id, a FROM cat_t');
UPDATE cat_t SET a = 50 WHERE id = 400;
SELECT test.refresh('cat_1'), test.refresh('cat_3');
ALTER TABLE cat_null DROP CONSTRAINT cat_null_t_fkey;
UPDATE cat_t SET id = 500 WHERE id = 401;
SELECT test.refresh('cat_1'), test.refresh('cat_3');
ALTER TABLE cat_null ADD FOREIGN KEY (t) REFERENCES cat_t ON DELETE SET NULL NOT VALID;
DELETE FROM cat_t WHERE id = 400;
SELECT test.refresh('cat_1'), test.refresh('cat_2'), test.refresh('cat_3');
SELECT test.drop_all();
DROP TABLE cat_child, cat_null, cat_t;
DROP FUNCTION cat_touch();

-- generated columns, dropped columns, wide values
CREATE TABLE cat_t (gone int, id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED, gone2 text, w text);
ALTER TABLE cat_t DROP COLUMN gone, DROP COLUMN gone2;
INSERT INTO cat_t (id, a, w) VALUES (1, 1, repeat('x', 100000)), (2, 2, 'w');
ALTER TABLE cat_t ALTER w SET STORAGE EXTERNAL;
SELECT test.create('cat_1', 'SELECT id, a, twice, w FROM cat_t');
SELECT test.create('cat_2', 'SELECT w, count(*) AS c FROM cat_t GROUP BY w');
UPDATE cat_t SET a = 5;
SELECT test.refresh('cat_1');
INSERT INTO cat_t (id, a, w) SELECT x, x, (SELECT string_agg(md5(x::text || y), '') FROM generate_series(1, 1000) AS y) FROM generate_series(3, 5) AS x;
SELECT test.refresh('cat_1'), test.refresh('cat_2');
UPDATE cat_t SET w = w || 'tail' WHERE id IN (1, 3);
SELECT test.refresh('cat_1'), test.refresh('cat_2');
DELETE FROM cat_t WHERE id IN (1, 4);
SELECT test.refresh('cat_1'), test.refresh('cat_2');
SELECT test.drop_all();
DROP TABLE cat_t;
-- no primary key
CREATE TABLE cat_t (a int, b numeric);
INSERT INTO cat_t VALUES (1, 1.0), (1, 1.0), (1, 1.00), (NULL, NULL);
SELECT test.create('cat_1', 'SELECT a, b FROM cat_t');
DELETE FROM cat_t WHERE ctid = (SELECT min(ctid) FROM cat_t WHERE a = 1);
SELECT test.refresh('cat_1');
INSERT INTO cat_t SELECT * FROM cat_t;
SELECT test.refresh('cat_1');
UPDATE cat_t SET b = 1.0 WHERE a = 1;
SELECT test.refresh('cat_1');
SELECT test.drop_all();
DROP TABLE cat_t;
