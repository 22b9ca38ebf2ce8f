-- A view over each change log, under the contract's name for change buffers (deviation I7).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE ROLE cat_reader;
CREATE TYPE cat_mood AS ENUM ('well', 'ill');
CREATE TABLE orders (id int PRIMARY KEY, g int, price numeric(10, 2), mood cat_mood, note text);
INSERT INTO orders VALUES (1, 1, 1.5, 'well', 'a'), (2, 2, 2.5, 'ill', 'b');
CREATE VIEW cat_views AS
    SELECT c.oid::regclass AS view, string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) AS columns
      FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid AND attnum > 0
     WHERE relnamespace = 'pgtrickle_changes'::regnamespace AND relkind = 'v' GROUP BY c.oid ORDER BY c.oid;
SELECT test.create('cat_sums', 'SELECT g, sum(price) AS s FROM orders GROUP BY g');
SELECT * FROM cat_views;
SELECT relname, ('pgtrickle_changes.changes_' || pgtrickle.source_stable_name(oid))::regclass AS view FROM pg_class WHERE oid = 'orders'::regclass;
INSERT INTO orders VALUES (3, 1, 3.5, 'ill', 'c');
UPDATE orders SET price = 9 WHERE id = 1;
DELETE FROM orders WHERE id = 2;
SELECT action, new_g, new_price, old_g, old_price, lsn, pk_hash, changed_cols, __pgt_trace_context, count(*) OVER (PARTITION BY change_id) AS same
  FROM pgtrickle_changes.changes_d6ad704b2cddddcd ORDER BY change_id;
SELECT test.refresh('cat_sums', 'DIFFERENTIAL');
-- what another stream table wants as well; types of users are text
SELECT test.create('cat_moods', 'SELECT id, mood, note FROM orders');
SELECT * FROM cat_views;
UPDATE orders SET mood = 'well', note = NULL WHERE id = 3;
SELECT action, new_id, new_g, new_price, new_mood, new_note, old_mood, old_note FROM pgtrickle_changes.changes_d6ad704b2cddddcd ORDER BY change_id;
BEGIN;
TRUNCATE orders;
SELECT action, new_id, old_id FROM pgtrickle_changes.changes_d6ad704b2cddddcd WHERE action = 'T';
ROLLBACK;
SELECT test.refresh('cat_sums', 'DIFFERENTIAL'), test.refresh('cat_moods', 'DIFFERENTIAL');
-- nobody else
SET ROLE cat_reader;
SELECT * FROM pgtrickle_changes.changes_d6ad704b2cddddcd;
SELECT * FROM pgtrickle.change_rows('orders'::regclass, '{1}', false) AS c (a int8, b pg_lsn, c char(1), d int8, e varbit, f int, g text);
RESET ROLE;
-- a stream table as a source: only new_ columns
SELECT test.create('cat_over', 'SELECT count(*) AS n, max(s) AS m FROM cat_sums');
SELECT * FROM cat_views;
UPDATE orders SET price = 10 WHERE id = 1;
BEGIN;
SELECT test.refresh('cat_sums', 'DIFFERENTIAL');
SELECT action, new_s FROM pgtrickle_changes.changes_pgt_1 ORDER BY change_id;
COMMIT;
SELECT test.refresh('cat_over', 'DIFFERENTIAL');
-- a renamed table keeps the view, and another of its former name gets one, too
ALTER TABLE orders RENAME TO orders_2029;
CREATE TABLE orders (id int PRIMARY KEY, "a long name of a column, as long as a name may ever become, yes" int, "a long name of a column, as long as a name may ever become, yet" int);
SELECT test.create('cat_second', 'SELECT * FROM orders');
INSERT INTO orders VALUES (7, 7, 7);
SELECT count(*) AS views, count(DISTINCT view) AS names FROM cat_views;
SELECT columns FROM cat_views OFFSET 2;
SELECT source_stable_name AS second FROM pgtrickle.pgt_change_tracking WHERE source_relid = 'orders'::regclass \gset
SELECT action, new_id FROM pgtrickle_changes.changes_:second;
SELECT source_stable_name = pgtrickle.source_stable_name(source_relid) AS of_its_name FROM pgtrickle.pgt_change_tracking WHERE source_relid = 'orders'::regclass;
SELECT test.refresh('cat_second', 'DIFFERENTIAL');
SELECT * FROM test.orphans();
-- nothing of users' holds them, and they hold nothing of users'
SELECT test.drop_all();
SELECT * FROM cat_views;
SELECT test.create('cat_moods', 'SELECT id, mood FROM orders_2029');
UPDATE orders_2029 SET mood = 'ill';
SET client_min_messages = warning;
SELECT pgtrickle.drop_stream_table('cat_moods');
SELECT test.create('cat_moods', 'SELECT id, mood, price FROM orders_2029') AS made \gset
SET pg_trickle.block_source_ddl = off;
ALTER TABLE orders_2029 ALTER mood TYPE text;
UPDATE orders_2029 SET mood = 'fine' WHERE id = 1;
SELECT test.refresh('cat_moods', 'REINITIALIZE');
DROP TYPE cat_mood;
SELECT columns FROM cat_views;
UPDATE orders_2029 SET mood = 'well' WHERE id = 1;
SELECT source_stable_name AS name FROM pgtrickle.pgt_change_tracking \gset
SELECT action, new_mood, old_mood FROM pgtrickle_changes.changes_:name ORDER BY change_id DESC LIMIT 2;
SELECT pg_get_viewdef(view) LIKE '%mood%' AS printed FROM cat_views;
SELECT test.refresh('cat_moods', 'DIFFERENTIAL');
DROP TABLE orders_2029 CASCADE;
SELECT * FROM cat_views;
SELECT * FROM test.orphans();
DROP VIEW cat_views;
DROP TABLE orders;
DROP ROLE cat_reader;
RESET client_min_messages;
RESET pg_trickle.block_source_ddl;
