-- partition_by of alter_stream_table(), and what else knows that a stream table is partitioned.
SELECT test.restart_numbers();
SET client_min_messages = error;
CREATE SCHEMA rp;
CREATE ROLE rp_reader;
CREATE TABLE rp.t (id int PRIMARY KEY, k text, v numeric);
INSERT INTO rp.t SELECT i, 'k' || i % 5, i FROM generate_series(1, 100) AS i;
SELECT pgtrickle.create_stream_table('rp.st', 'SELECT v, id, k FROM rp.t');
-- what stays: rights, comments, indexes, constraints of them, NOT NULL, row security, other parameters
GRANT SELECT ON rp.st TO rp_reader;
GRANT UPDATE (k) ON rp.st TO rp_reader;
COMMENT ON TABLE rp.st IS 'what it is';
COMMENT ON COLUMN rp.st.k IS 'a column';
CREATE INDEX st_v ON rp.st (v DESC);
ALTER TABLE rp.st ALTER k SET NOT NULL, ADD CONSTRAINT st_key UNIQUE (id, k), ENABLE ROW LEVEL SECURITY;
SELECT pgtrickle.alter_stream_table('rp.st', schedule => '5m', tier => 'cold');
CREATE FUNCTION rp.facts() RETURNS TABLE (fact text) LANGUAGE sql AS $$
    SELECT 'kind ' || relkind::text || ' ' || relreplident::text || ' ' || relrowsecurity || ' ' || array_to_string(ARRAY(SELECT a FROM unnest(relacl) AS a WHERE a::text LIKE 'rp_%'), ',') FROM pg_class WHERE oid = 'rp.st'::regclass
    UNION ALL SELECT attnum || ' ' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull || coalesce(' ' || attacl::text, '')
                     || coalesce(' "' || col_description(attrelid, attnum) || '"', '')
                FROM pg_attribute WHERE attrelid = 'rp.st'::regclass AND attnum > 0
    UNION ALL SELECT pg_get_indexdef(indexrelid) || ' ' || coalesce(conname, '') FROM pg_index LEFT JOIN pg_constraint ON conindid = indexrelid
               WHERE indrelid = 'rp.st'::regclass
    UNION ALL SELECT obj_description('rp.st'::regclass)
    UNION ALL SELECT schedule || ' ' || refresh_tier || ' ' || coalesce(st_partition_key, 'none') || ' ' || pgt_relid::regclass FROM pgtrickle.pgt_stream_tables
    UNION ALL SELECT 'partition ' || inhrelid::regclass FROM pg_inherits WHERE inhparent = 'rp.st'::regclass ORDER BY 1 $$;
SELECT * FROM rp.facts();
INSERT INTO rp.t SELECT i, 'k' || i % 7, i FROM generate_series(101, 120) AS i;
SET client_min_messages = notice;
SELECT pgtrickle.alter_stream_table('rp.st', partition_by => 'LIST:k');
SELECT * FROM rp.facts();
SELECT test.assert_fresh('rp.st');
CREATE TABLE rp.st_k1 PARTITION OF rp.st FOR VALUES IN ('k1');
SET client_min_messages = error;
UPDATE rp.t SET v = v + 1, k = 'k1' WHERE id < 10;
SELECT test.refresh('rp.st');
-- the same again is none
SELECT pgtrickle.alter_stream_table('rp.st', partition_by => 'LIST:k');
SELECT test.refresh('rp.st', 'NO_DATA'), 'rp.st_k1'::regclass;
-- another one, of which the unique index is none any more
SELECT pgtrickle.alter_stream_table('rp.st', partition_by => 'HASH:v');
SELECT pgtrickle.alter_stream_table('rp.st', partition_by => 'HASH:id:2');
DELETE FROM rp.t WHERE id % 9 = 0;
SELECT test.refresh('rp.st');
SELECT * FROM rp.facts();
SELECT pgtrickle.alter_stream_table('rp.st', partition_by => '');
UPDATE rp.t SET v = v + 1 WHERE id % 9 = 1;
SELECT test.refresh('rp.st');
SELECT * FROM rp.facts();
-- what is wrong changes nothing
SELECT pgtrickle.alter_stream_table('rp.st', schedule => '7m', partition_by => 'nothing');
SELECT pgtrickle.alter_stream_table('rp.st', schedule => '7m', partition_by => 'LIST:id,k');
-- with another query, and a column that was dropped on the way
SELECT pgtrickle.alter_stream_table('rp.st', query => 'SELECT id, k, upper(k) AS u FROM rp.t', partition_by => 'HASH:id:2');
SELECT test.refresh('rp.st', 'NO_DATA');
UPDATE rp.t SET k = 'K9' WHERE id % 9 = 2;
SELECT test.refresh('rp.st');
SELECT pgtrickle.alter_stream_table('rp.st', query => 'SELECT id, k, v::text AS u FROM rp.t');
SELECT pgtrickle.alter_stream_table('rp.st', partition_by => '');
UPDATE rp.t SET k = 'K8' WHERE id % 9 = 2;
SELECT test.refresh('rp.st');

-- what stands in the way is named
CREATE VIEW rp.w AS SELECT * FROM rp.st;
SELECT pgtrickle.alter_stream_table('rp.st', partition_by => 'LIST:k');
DROP VIEW rp.w;
CREATE POLICY p ON rp.st USING (true);
SELECT pgtrickle.alter_stream_table('rp.st', partition_by => 'LIST:k');
DROP POLICY p ON rp.st;
ALTER TABLE rp.st ADD CONSTRAINT c CHECK (id > 0);
SELECT pgtrickle.alter_stream_table('rp.st', partition_by => 'LIST:k');
ALTER TABLE rp.st DROP CONSTRAINT c;
CREATE TRIGGER t AFTER UPDATE ON rp.st FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
SELECT pgtrickle.alter_stream_table('rp.st', partition_by => 'LIST:k');
DROP TRIGGER t ON rp.st;
SELECT pgtrickle.create_stream_table('rp.over', 'SELECT k, count(*) AS n FROM rp.st GROUP BY k', partition_by => 'LIST:k');
SELECT pgtrickle.alter_stream_table('rp.st', partition_by => 'LIST:k');

-- read by another one: its changes are captured whichever partition they are in
SELECT pgtrickle.alter_stream_table('rp.over', partition_by => 'HASH:k:2');
SELECT pgtrickle.create_stream_table('rp.top', 'SELECT n, count(*) AS c FROM rp.over GROUP BY n');
UPDATE rp.t SET k = 'k' || id % 4 WHERE id < 50;
SELECT test.refresh('rp.top');
SELECT test.assert_fresh('rp.over'), test.assert_fresh('rp.st');
DELETE FROM rp.t WHERE id % 5 = 0;
SELECT test.refresh('rp.top');

-- create or replace, definitions
SELECT pgtrickle.create_or_replace_stream_table('rp.one', 'SELECT id, v FROM rp.t', partition_by => 'HASH:id:2');
SELECT pgtrickle.create_or_replace_stream_table('rp.one', 'SELECT id, v FROM rp.t', partition_by => 'HASH:id:2');
SELECT relkind, (SELECT count(*) FROM pg_inherits WHERE inhparent = pg_class.oid) FROM pg_class WHERE oid = 'rp.one'::regclass;
SELECT pgtrickle.create_or_replace_stream_table('rp.one', 'SELECT id, v FROM rp.t', partition_by => 'HASH:id:3');
SELECT relkind, (SELECT count(*) FROM pg_inherits WHERE inhparent = pg_class.oid) FROM pg_class WHERE oid = 'rp.one'::regclass;
SELECT pgtrickle.exec_stream_ddl('CREATE STREAM TABLE rp.two WITH (partition_by = ''v'') AS SELECT id, v FROM rp.t');
SELECT regexp_replace(pgtrickle.export_definition('rp.two'), '.*(partition_by => [^,)]*).*', '\1');
SELECT pgtrickle.export_definition('rp.two') AS script \gset
:script
SELECT test.refresh('rp.two', 'DELTA'), pg_get_partkeydef('rp.two'::regclass);
SELECT pgtrickle.explain_stream_table('rp.two') ~ 'Partitioned: RANGE \(v\), 1 partition, rows in' AS said;

-- a suspended one keeps its rows
SELECT pgtrickle.alter_stream_table('rp.two', status => 'SUSPENDED');
SELECT pgtrickle.alter_stream_table('rp.two', partition_by => 'HASH:id');
SELECT count(*) = (SELECT count(*) FROM rp.t) FROM rp.two;
SELECT pgtrickle.alter_stream_table('rp.two', status => 'ACTIVE');
SELECT test.refresh('rp.two', 'DELTA');
-- not filled yet
SELECT pgtrickle.create_stream_table('rp.empty', 'SELECT id FROM rp.t', initialize => false, partition_by => 'HASH:id:2');
SELECT pgtrickle.alter_stream_table('rp.empty', partition_by => 'id');
SELECT pgtrickle.refresh_stream_table('rp.empty');
SELECT test.refresh('rp.empty', 'DELTA');

-- an owner without other rights; not anybody else
CREATE ROLE rp_owner;
GRANT USAGE, CREATE ON SCHEMA rp TO rp_owner;
GRANT USAGE ON SCHEMA pgtrickle TO rp_owner, rp_reader;
GRANT SELECT, TRIGGER ON rp.t TO rp_owner;
GRANT USAGE ON SCHEMA rp TO rp_reader;
SET ROLE rp_owner;
SELECT pgtrickle.create_stream_table('rp.mine', 'SELECT id, k FROM rp.t', partition_by => 'LIST:k');
CREATE TABLE rp.mine_k1 PARTITION OF rp.mine FOR VALUES IN ('k1');
SELECT pgtrickle.refresh_stream_table('rp.mine');
SELECT pgtrickle.alter_stream_table('rp.mine', partition_by => 'HASH:id:2');
SET ROLE rp_reader;
SELECT pgtrickle.alter_stream_table('rp.mine', partition_by => '');
CREATE TABLE rp.mine_p3 PARTITION OF rp.mine FOR VALUES WITH (MODULUS 4, REMAINDER 3);
RESET ROLE;
SELECT test.refresh('rp.mine', 'DELTA');
SELECT test.orphans();
DROP SCHEMA rp CASCADE;
REVOKE USAGE ON SCHEMA pgtrickle FROM rp_owner, rp_reader;
DROP ROLE rp_reader, rp_owner;
