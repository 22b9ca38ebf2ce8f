-- What captures changes is the same in all releases, and fails nobody whose objects are of another one (rule J28).
\o /dev/null
SELECT test.restart_numbers();
\o
SELECT p.oid::regprocedure AS function, p.prosrc AS symbol, p.probin = '$libdir/pg_trickle' AS ours, p.prorettype::regtype AS result
  FROM pg_proc AS p WHERE p.proname IN ('capture_before', 'capture_statement', 'capture_row', '_on_ddl_end', '_on_sql_drop', 'on_ddl_start')
 ORDER BY p.oid::regprocedure::text COLLATE "C";
CREATE TABLE cat_t (id int PRIMARY KEY, a int);
CREATE TABLE cat_parts (id int, a int) PARTITION BY LIST (a);
CREATE TABLE cat_part PARTITION OF cat_parts DEFAULT;
CREATE TABLE cat_row (id int PRIMARY KEY, a int);
INSERT INTO cat_t VALUES (1, 1);
SELECT test.create('cat_st', 'SELECT id, a FROM cat_t');
SELECT test.create('cat_of_parts', 'SELECT id, a FROM cat_parts');
SELECT t.tgrelid::regclass AS "table", regexp_replace(t.tgname, '_\d+$', '_N') AS trigger, t.tgtype AS type, t.tgfoid::regproc AS function,
       t.tgnargs AS arguments, t.tgenabled AS enabled, t.tgoldtable AS old, t.tgnewtable AS new, t.tgisinternal AS internal
  FROM pg_trigger AS t WHERE t.tgname LIKE 'pgtrickle\_capture%' AND t.tgrelid::regclass::text LIKE 'cat\_%' ORDER BY t.tgrelid::regclass::text COLLATE "C", t.tgtype;
-- a trigger that no release of ours has made
CREATE TRIGGER cat_strange AFTER INSERT ON cat_row FOR EACH STATEMENT EXECUTE FUNCTION pgtrickle.capture_statement('an', 'argument');
CREATE TRIGGER cat_strange_row AFTER INSERT OR UPDATE OR DELETE ON cat_row FOR EACH ROW EXECUTE FUNCTION pgtrickle.capture_row('another');
CREATE TRIGGER cat_strange_before BEFORE UPDATE ON cat_row FOR EACH STATEMENT EXECUTE FUNCTION pgtrickle.capture_before();
INSERT INTO cat_row VALUES (1, 1);
UPDATE cat_row SET a = 2;
DELETE FROM cat_row;
-- objects of another version: writes, refreshes, DDL and creations go on
UPDATE pg_extension SET extversion = '0.0.1' WHERE extname = 'pg_trickle';
INSERT INTO cat_t VALUES (4, 4);
INSERT INTO cat_parts VALUES (1, 1);
SELECT * FROM test.refresh_all();
ALTER TABLE cat_t ADD COLUMN b int;
SELECT test.create('cat_late', 'SELECT a, count(*) AS c FROM cat_t GROUP BY a');
UPDATE cat_t SET a = 9 WHERE id = 1;
INSERT INTO cat_parts VALUES (2, 2);
SELECT * FROM test.refresh_all();
UPDATE pg_extension SET extversion = pgtrickle.version() WHERE extname = 'pg_trickle';
SELECT test.assert_fresh(n) FROM unnest('{cat_st,cat_of_parts,cat_late}'::text[]) AS n;
-- a log that is not there: the writer goes on, the refresh notices
SET allow_system_table_mods = on;
DELETE FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e' AND objid IN (SELECT log FROM pgtrickle.change_log_segment WHERE source = 'cat_t'::regclass);
RESET allow_system_table_mods;
DO $$ BEGIN EXECUTE format('DROP TABLE %s', (SELECT log::regclass FROM pgtrickle.change_log_segment WHERE source = 'cat_t'::regclass)); END $$;
INSERT INTO cat_t (id, a) VALUES (5, 5);
UPDATE cat_t SET a = 3 WHERE id = 1;
DELETE FROM cat_t WHERE id = 4;
SET client_min_messages = error;
SELECT pgtrickle.refresh_stream_table('cat_st');
SELECT pgtrickle.refresh_stream_table('cat_late');
SELECT test.assert_fresh(n), test.last_run(n) FROM unnest('{cat_st,cat_late}'::text[]) AS n;
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE cat_t, cat_parts, cat_row;
