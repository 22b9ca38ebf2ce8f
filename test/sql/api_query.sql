-- Another query for a stream table, which stays the table that it is.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int PRIMARY KEY, a int, b text);
CREATE TABLE api_u (id int PRIMARY KEY, a int);
INSERT INTO api_t VALUES (1, 1, 'x'), (2, 2, 'y'), (3, 2, 'z');
INSERT INTO api_u VALUES (1, 10), (2, 20);
CREATE ROLE api_reader;
SELECT test.create('api_st', 'SELECT id, a FROM api_t');
COMMENT ON TABLE api_st IS 'kept';
COMMENT ON COLUMN api_st.a IS 'kept as well';
GRANT SELECT ON api_st TO api_reader;
CREATE INDEX api_own ON api_st (a);
CREATE VIEW api_v AS SELECT id FROM api_st;
CREATE TEMP TABLE was AS SELECT 'api_st'::regclass::oid AS oid, (SELECT pgt_id FROM pgtrickle.pgt_stream_tables) AS id;
CREATE FUNCTION pg_temp.kept() RETURNS TABLE (oid boolean, id boolean, description text, column_description text, readable boolean, index boolean)
LANGUAGE sql AS $$
    SELECT was.oid = 'api_st'::regclass::oid, was.id = t.pgt_id, obj_description(was.oid), col_description(was.oid, 2), has_table_privilege('api_reader', 'api_st', 'SELECT'),
           EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('api_own') AND indisvalid)
      FROM was, pgtrickle.pgt_stream_tables t WHERE t.pgt_relid = 'api_st'::regclass $$;
-- the same columns: a difference is written, other sources are captured and the former ones no more
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a FROM api_t WHERE a > 1');
SELECT test.assert_fresh('api_st'), test.last_run('api_st');
SELECT * FROM pg_temp.kept();
INSERT INTO api_t VALUES (4, 4, 'v'), (5, 0, 'w');
SELECT test.refresh('api_st');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a FROM api_u;');
SELECT source_relid::regclass, columns_used FROM pgtrickle.pgt_dependencies;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'api_t'::regclass;
INSERT INTO api_u VALUES (3, 30);
SELECT test.refresh('api_st');
-- columns added, dropped, in another order
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT b, a, id FROM api_t');
SELECT * FROM pg_temp.kept();
SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'api_st'::regclass AND attnum > 0 AND NOT attisdropped;
INSERT INTO api_t VALUES (6, 6, 'u');
SELECT pgtrickle.refresh_stream_table('api_st');
SELECT exact FROM pgtrickle.verify_stream_table('api_st');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a FROM api_t');
-- another type, wider or not to be converted; identity, states, mode
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a::bigint AS a FROM api_t');
UPDATE api_t SET a = a + 1;
SELECT test.refresh('api_st');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, ARRAY[b] AS a FROM api_t');
SELECT * FROM pg_temp.kept();
SELECT test.assert_fresh('api_st');
UPDATE api_t SET b = b || b WHERE id < 3;
SELECT test.refresh('api_st');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT a AS id, count(*) AS a FROM api_t GROUP BY a');
UPDATE api_t SET a = 7 WHERE id = 1;
SELECT test.refresh('api_st');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a::bigint AS a, a::numeric(5,1) AS n, b FROM api_t');
DELETE FROM api_t WHERE id = 1;
SELECT test.refresh('api_st');
SELECT * FROM pg_temp.kept();
-- AUTO stays AUTO: what has no delta is recomputed, and has one again
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'AUTO');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a::bigint AS a, a::numeric(5,1) AS n, random()::text AS b FROM api_t');
SELECT refresh_mode FROM pgtrickle.pgt_stream_tables;
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a::bigint AS a, a::numeric(5,1) AS n, b FROM api_t');
SELECT refresh_mode FROM pgtrickle.pgt_stream_tables;
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a::bigint AS a FROM api_t', refresh_mode => 'FULL');
SELECT refresh_mode, test.assert_fresh('api_st') FROM pgtrickle.pgt_stream_tables;
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a::bigint AS a FROM api_t', refresh_mode => 'DIFFERENTIAL');
INSERT INTO api_t VALUES (8, 8, 'q');
SELECT test.refresh('api_st');
-- top-N
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a::bigint AS a FROM api_t ORDER BY a DESC LIMIT 2 OFFSET 1');
SELECT topk_limit, topk_offset FROM pgtrickle.pgt_stream_tables;
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a::bigint AS a FROM api_t');
SELECT topk_limit, topk_offset FROM pgtrickle.pgt_stream_tables;
-- time
SELECT pgtrickle.alter_stream_table('api_st', query => $$SELECT id, a::bigint AS a FROM api_t WHERE now() > '2020-01-01'::timestamptz + a * interval '1 day'$$);
SELECT clock IS NOT NULL AS clocked, test.assert_fresh('api_st') FROM pgtrickle.stream_table_internals;
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a::bigint AS a FROM api_t');
SELECT clock IS NOT NULL AS clocked, test.assert_fresh('api_st') FROM pgtrickle.stream_table_internals;
-- what stands in the way is named, and nothing has changed
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT a::bigint AS a FROM api_t');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id::text, a::bigint AS a FROM api_t');
SELECT test.create('api_over', 'SELECT a, count(*) AS c FROM api_st GROUP BY a');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id FROM api_t');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a::numeric AS a FROM api_t');
-- it may have more, and another id
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a::bigint AS a, b FROM api_t WHERE id <> 2');
INSERT INTO api_t VALUES (9, 8, 'p');
SELECT test.refresh('api_over');
SELECT test.assert_fresh('api_st');
-- cycles
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a, b FROM api_st');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT 1 AS id, a, c::text AS b FROM api_over');
-- foreign keys forbid to empty the table
ALTER TABLE api_st ADD CONSTRAINT api_key UNIQUE (id);
CREATE TABLE api_f (id int REFERENCES api_st (id) DEFERRABLE INITIALLY DEFERRED);
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a::bigint AS a, 1 AS b FROM api_t');
DROP TABLE api_f;
-- the query is checked as at creation
\set VERBOSITY sqlstate
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELEC');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT 1');
SELECT pgtrickle.alter_stream_table('api_st', query => 'DELETE FROM api_t');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id FROM api_missing');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, missing FROM api_t');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id FROM api_t LIMIT 1');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id, a::bigint AS a, random()::text AS b FROM api_t');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id AS ctid FROM api_t');
\set VERBOSITY default
-- suspended: it waits; not filled: it stays so
SELECT pgtrickle.alter_stream_table('api_over', status => 'SUSPENDED');
SELECT pgtrickle.alter_stream_table('api_over', query => 'SELECT a, 2 * count(*) AS c FROM api_st GROUP BY a');
SELECT status, needs_reinit FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'api_over';
SELECT pgtrickle.alter_stream_table('api_over', status => 'ACTIVE');
SELECT test.refresh('api_over', 'REINITIALIZE');
SELECT pgtrickle.drop_stream_table('api_over');
SELECT pgtrickle.create_stream_table('api_over', 'SELECT a FROM api_st', initialize => false);
SELECT pgtrickle.alter_stream_table('api_over', query => 'SELECT a, id FROM api_st');
SELECT count(*), (SELECT is_populated FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'api_over') FROM api_over;
SELECT test.refresh('api_over', 'FULL');
-- rolled back
BEGIN;
SELECT pgtrickle.alter_stream_table('api_over', query => 'SELECT id FROM api_u');
ROLLBACK;
INSERT INTO api_t VALUES (10, 1, 'o');
SELECT test.refresh('api_over');
-- where values come from
SELECT * FROM pgtrickle.stream_table_lineage('api_over');
SELECT pgtrickle.alter_stream_table('api_over', query => $$
WITH c AS (SELECT t.id, u.a + t.a AS s FROM api_t t LEFT JOIN api_u u USING (id) WHERE t.b > 'a')
SELECT c.id AS a, sum(c.s) AS total, (SELECT max(u.a) FROM api_u u WHERE u.id = c.id) AS m, 1 AS one FROM c GROUP BY c.id
UNION ALL SELECT id, a, count(*), 2 FROM api_u GROUP BY id, a$$, refresh_mode => 'AUTO');
SELECT * FROM pgtrickle.stream_table_lineage('api_over');
SELECT * FROM pgtrickle.stream_table_lineage('api_missing');
-- whoever alters it, the query has the rights of the owner
GRANT USAGE ON SCHEMA pgtrickle TO api_reader;
GRANT CREATE ON SCHEMA public TO api_reader;
GRANT SELECT, TRIGGER ON api_t TO api_reader;
SET ROLE api_reader;
SELECT pgtrickle.create_stream_table('api_mine', 'SELECT id FROM api_t');
RESET ROLE;
SELECT pgtrickle.alter_stream_table('api_mine', query => 'SELECT id FROM api_u');
GRANT SELECT ON api_u TO api_reader;
SELECT pgtrickle.alter_stream_table('api_mine', query => 'SELECT id FROM api_u', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.alter_stream_table('api_mine', query => 'SELECT id FROM api_u', refresh_mode => 'AUTO');
SELECT tableowner FROM pg_tables WHERE tablename = 'api_mine';
SELECT test.assert_fresh('api_mine');
DROP VIEW api_v;
SELECT test.drop_all();
DROP TABLE api_t, api_u;
REVOKE ALL ON SCHEMA pgtrickle, public FROM api_reader;
DROP ROLE api_reader;
