-- Stream tables that are partitioned: parameter partition_by.
SELECT test.restart_numbers();
SET client_min_messages = warning;
CREATE SCHEMA pt;
CREATE TABLE pt.sale (id int PRIMARY KEY, day date, region text, amount numeric);
INSERT INTO pt.sale SELECT i, date '2026-01-01' + i % 60, CASE WHEN i % 7 = 0 THEN NULL ELSE 'r' || i % 3 END, i FROM generate_series(1, 300) AS i;

-- what is refused, in the order of the contract
SELECT pgtrickle.create_stream_table('pt.bad', 'SELECT * FROM pt.sale', partition_by => '');
SELECT pgtrickle.create_stream_table('pt.bad', 'SELECT * FROM pt.sale', partition_by => 'LIST:day, region');
SELECT pgtrickle.create_stream_table('pt.bad', 'SELECT * FROM pt.sale', partition_by => 'HASH:day,region:8');
SELECT pgtrickle.create_stream_table('pt.bad', 'SELECT * FROM pt.sale', partition_by => 'HASH:day:1');
SELECT pgtrickle.create_stream_table('pt.bad', 'SELECT * FROM pt.sale', partition_by => 'HASH:day:257');
SELECT pgtrickle.create_stream_table('pt.bad', 'SELECT * FROM pt.sale', partition_by => 'HASH:day:x');
SELECT pgtrickle.create_stream_table('pt.bad', 'SELECT * FROM pt.sale', partition_by => 'day,,region');
SELECT pgtrickle.create_stream_table('pt.bad', 'SELECT id, day FROM pt.sale', partition_by => 'region');
SELECT pgtrickle.create_stream_table('pt.bad', 'SELECT * FROM pt.sale', NULL, 'IMMEDIATE', partition_by => 'day');

-- a range of two columns, a list, a hash; keys that hold the partition key and keys that do not; rows without a key
SELECT pgtrickle.create_stream_table('pt.by_range', 'SELECT id, day, region, amount FROM pt.sale', partition_by => 'day, region');
SELECT pgtrickle.create_stream_table('pt.by_list', 'SELECT region, count(*) AS n, sum(amount) AS amount FROM pt.sale GROUP BY region', partition_by => 'LIST:region');
SELECT pgtrickle.create_stream_table('pt.by_hash', 'SELECT id, amount FROM pt.sale WHERE amount > 10', partition_by => 'HASH:id:3');
SELECT pgtrickle.create_stream_table('pt.keyless', 'SELECT day, region FROM pt.sale', partition_by => 'hash:day');
SELECT pgtrickle.create_stream_table('pt.odd', 'SELECT id AS "a:b", day AS "D,y" FROM pt.sale', partition_by => ' HASH: "a:b" : 2 ');
SELECT pgtrickle.create_stream_table('pt.full', 'SELECT day, max(amount) AS most FROM pt.sale GROUP BY day', refresh_mode => 'FULL', partition_by => 'day');
SELECT parent, array_agg(child || ' ' || pg_get_expr(c.relpartbound, c.oid) ORDER BY child) AS partitions, pg_get_partkeydef(parent::regclass)
  FROM (SELECT inhparent::regclass::text AS parent, inhrelid::regclass::text AS child, inhrelid FROM pg_inherits) AS i JOIN pg_class AS c ON c.oid = inhrelid
 WHERE parent LIKE 'pt.%' AND c.relkind = 'r' GROUP BY parent ORDER BY parent;
SELECT indexrelid::regclass, indisunique, pg_get_indexdef(indexrelid) FROM pg_index
 WHERE indrelid::regclass::text ~ '^pt\.(by_range|by_list|by_hash|keyless)(_default|_p0)?$' ORDER BY indexrelid::regclass::text COLLATE "C";
SELECT pgt_name, st_partition_key, refresh_mode FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'pt' ORDER BY 1;

-- inserts, updates within a partition and across, deletes; only what changed is written
CREATE FUNCTION pt.refresh_all(wanted text DEFAULT 'DELTA') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT name || ': ' || test.refresh(name, CASE WHEN name = 'pt.full' AND wanted = 'DELTA' THEN 'FULL' ELSE wanted END)
      FROM unnest('{pt.by_hash,pt.by_list,pt.by_range,pt.full,pt.keyless,pt.odd}'::text[]) AS name $$;
SET client_min_messages = error;
INSERT INTO pt.sale SELECT i, date '2026-03-01' + i % 5, 'r' || i % 5, i FROM generate_series(301, 340) AS i;
SELECT pt.refresh_all();
UPDATE pt.sale SET amount = amount + 1 WHERE id % 50 = 0;
UPDATE pt.sale SET region = 'r9', day = day + 40 WHERE id % 40 = 0;
UPDATE pt.sale SET id = id + 1000 WHERE id < 5;
SELECT pt.refresh_all();
DELETE FROM pt.sale WHERE id % 11 = 0;
SELECT pt.refresh_all();
TRUNCATE pt.sale;
SELECT pt.refresh_all('FULL');
INSERT INTO pt.sale SELECT i, date '2026-01-01' + i % 60, CASE WHEN i % 7 = 0 THEN NULL ELSE 'r' || i % 3 END, i FROM generate_series(1, 300) AS i;
SELECT pt.refresh_all();

-- a refresh that leaves rows in the default partition says so
SET client_min_messages = warning;
UPDATE pt.sale SET amount = amount + 1 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('pt.by_range');
SET client_min_messages = notice;

-- partitions are added by plain DDL; rows of the default partition move there, and nothing is recomputed
CREATE TABLE pt.january PARTITION OF pt.by_range FOR VALUES FROM ('2026-01-01', MINVALUE) TO ('2026-02-01', MINVALUE);
SELECT tableoid::regclass, count(*) FROM pt.by_range GROUP BY 1 ORDER BY 1;
SELECT test.assert_fresh('pt.by_range');
CREATE TABLE pt.february (LIKE pt.by_range);
ALTER TABLE pt.by_range ATTACH PARTITION pt.february FOR VALUES FROM ('2026-02-01', MINVALUE) TO ('2026-03-01', MINVALUE);
-- only those move that belong there
CREATE TEMPORARY TABLE stay AS SELECT ctid AS place, xmin::text AS writer FROM pt.by_list_default WHERE region IN ('r1', 'r2');
CREATE TABLE pt.r0 PARTITION OF pt.by_list FOR VALUES IN ('r0');
CREATE TABLE pt.r_null PARTITION OF pt.by_list FOR VALUES IN (NULL);
SELECT count(*) > 0 AS some, count(*) = (SELECT count(*) FROM stay) AS stayed FROM pt.by_list_default AS d JOIN stay ON d.ctid = place AND d.xmin::text = writer;
SELECT tableoid::regclass, region, count(*) FROM pt.by_list GROUP BY 1, 2 ORDER BY 1, 2;
CREATE TABLE pt.march (LIKE pt.by_range) PARTITION BY HASH (region);
CREATE TABLE pt.march_0 PARTITION OF pt.march FOR VALUES WITH (MODULUS 1, REMAINDER 0);
ALTER TABLE pt.by_range ATTACH PARTITION pt.march FOR VALUES FROM ('2026-03-01', MINVALUE) TO ('2026-04-01', MINVALUE);
SELECT tableoid::regclass, count(*) FROM pt.by_range GROUP BY 1 ORDER BY 1;
SET client_min_messages = error;
UPDATE pt.sale SET amount = amount + 1, day = day + 20 WHERE id % 10 = 0;
SELECT test.refresh('pt.by_range'), test.refresh('pt.by_list');
SET client_min_messages = notice;
-- one that overlaps leaves all as it was
CREATE TABLE pt.overlap PARTITION OF pt.by_range FOR VALUES FROM ('2026-01-15', MINVALUE) TO ('2026-02-15', MINVALUE);
BEGIN;
CREATE TABLE pt.april PARTITION OF pt.by_range FOR VALUES FROM ('2026-04-01', MINVALUE) TO ('2026-05-01', MINVALUE);
ROLLBACK;
SELECT test.refresh('pt.by_range', 'DELTA');

-- bounds mean what they mean to the user: names, settings, and values that are another one each time
CREATE SEQUENCE pt.bound;
CREATE FUNCTION pt.five() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 5';
CREATE TABLE pt.number (id int PRIMARY KEY, f float8 NOT NULL);
INSERT INTO pt.number VALUES (1, 0.3), (2, 0.1 + 0.2), (3, 4), (4, 7);
SELECT test.create('pt.numbers', 'SELECT id, f FROM pt.number');
SELECT pgtrickle.alter_stream_table('pt.numbers', partition_by => 'f');
SET extra_float_digits = -10;
CREATE TABLE pt.third PARTITION OF pt.numbers FOR VALUES FROM (MINVALUE) TO (0.30000000000000004);
RESET extra_float_digits;
SET search_path = pt, public;
CREATE TABLE pt.small PARTITION OF pt.numbers FOR VALUES FROM (1) TO (five());
RESET search_path;
CREATE TABLE pt.larger PARTITION OF pt.numbers FOR VALUES FROM (5) TO (nextval('pt.bound') + 6.5);
SELECT tableoid::regclass, id FROM pt.numbers ORDER BY id;
SELECT last_value FROM pt.bound;
SELECT test.refresh('pt.numbers', 'DELTA');
SELECT pgtrickle.drop_stream_table('pt.numbers');

-- more rows than memory, of a table whose rows are written and looked up by statements
CREATE TABLE pt.load (id int PRIMARY KEY, k int, pad text);
INSERT INTO pt.load SELECT x, x % 10, repeat(md5(x::text), 10) FROM generate_series(1, 2000) AS x;
SET work_mem = '64kB';
SELECT pgtrickle.create_stream_table('pt.loaded', 'SELECT id, k, pad FROM pt.load', refresh_mode => 'DIFFERENTIAL', partition_by => 'HASH:k:4');
UPDATE pt.load SET k = k + 1;
SELECT test.refresh('pt.loaded');
DELETE FROM pt.load WHERE id % 2 = 0;
INSERT INTO pt.load SELECT x, x % 10, repeat(md5(x::text), 10) FROM generate_series(2001, 4000) AS x;
SELECT test.refresh('pt.loaded');
SELECT pgtrickle.create_stream_table('pt.watched', 'SELECT id, k, pad FROM pt.load', refresh_mode => 'DIFFERENTIAL');
CREATE FUNCTION pt.same() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER same BEFORE INSERT OR UPDATE ON pt.watched FOR EACH ROW EXECUTE FUNCTION pt.same();
UPDATE pt.load SET k = k + 1;
INSERT INTO pt.load SELECT x, x % 10, repeat(md5(x::text), 10) FROM generate_series(4001, 6000) AS x;
SELECT test.refresh('pt.watched');
RESET work_mem;
SELECT pgtrickle.bulk_drop_stream_tables(ARRAY['pt.loaded', 'pt.watched']);
DROP TABLE pt.load, pt.number;

-- rule G4: partitions are guarded, those that were added as well
INSERT INTO pt.january SELECT * FROM pt.january LIMIT 1;
UPDATE pt.february SET amount = 0;
DELETE FROM pt.march_0;
TRUNCATE pt.by_list_default;
DELETE FROM pt.by_range;
COPY pt.by_hash_p0 FROM stdin;
\.
-- rule J30: what plain DDL may not do
ALTER TABLE pt.by_range DETACH PARTITION pt.january;
ALTER TABLE pt.by_hash DETACH PARTITION pt.by_hash_p0 CONCURRENTLY;
DROP TABLE pt.january;
CREATE TABLE pt.full_one (LIKE pt.by_range);
INSERT INTO pt.full_one VALUES (1, '2026-05-01', 'r1', 1);
ALTER TABLE pt.by_range ATTACH PARTITION pt.full_one FOR VALUES FROM ('2026-05-01', MINVALUE) TO ('2026-06-01', MINVALUE);
ALTER TABLE pt.by_range ATTACH PARTITION pt.by_hash FOR VALUES FROM ('2026-05-01', MINVALUE) TO ('2026-06-01', MINVALUE);
ALTER TABLE pt.january DISABLE TRIGGER ALL;
ALTER TABLE pt.by_range DISABLE TRIGGER ALL;
CREATE RULE r AS ON INSERT TO pt.january DO INSTEAD NOTHING;
ALTER TABLE pt.by_range ADD COLUMN z int;
ALTER TABLE pt.january ADD COLUMN z int;
CREATE TABLE pt.child () INHERITS (pt.by_range);
CREATE TRIGGER t BEFORE INSERT ON pt.january FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
DROP TRIGGER t ON pt.january;
-- what it may
ALTER TABLE pt.january RENAME TO jan;
CREATE INDEX by_range_amount ON pt.by_range (amount);
ALTER TABLE pt.jan SET UNLOGGED;
ALTER TABLE pt.jan SET LOGGED;
VACUUM FULL pt.jan;
ALTER TABLE pt.by_range ADD CHECK (amount > 0);
CREATE TABLE pt.june PARTITION OF pt.by_range FOR VALUES FROM ('2026-06-01', MINVALUE) TO ('2026-07-01', MINVALUE);
ALTER TABLE pt.by_range DETACH PARTITION pt.june;
INSERT INTO pt.june VALUES (1, '2026-06-02', 'r1', 1);
CREATE TABLE pt.july PARTITION OF pt.by_range FOR VALUES FROM ('2026-07-01', MINVALUE) TO ('2026-08-01', MINVALUE);
DROP TABLE pt.july;
SET client_min_messages = error;
UPDATE pt.sale SET amount = amount + 1 WHERE id % 20 = 1;
SELECT test.refresh('pt.by_range', 'DELTA');

-- rows of a stream table go with it
DROP TABLE pt.odd;
SELECT pgtrickle.drop_stream_table('pt.keyless');
DROP TABLE pt.sale CASCADE;
SELECT test.orphans();
DROP SCHEMA pt CASCADE;
