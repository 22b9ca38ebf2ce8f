-- alter_stream_table(refresh_mode): states, capture and identity follow the mode.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int PRIMARY KEY, a int NOT NULL, b numeric);
INSERT INTO api_t SELECT i, i % 3, i / 4.0 FROM generate_series(1, 12) AS i;
-- what belongs to a stream table besides its rows
CREATE FUNCTION pg_temp.belongings(OUT states bigint, OUT logs bigint, OUT frontiers bigint, OUT triggers bigint, OUT columns text)
LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'pgtrickle_changes'::regnamespace AND relkind = 'r' AND relname LIKE 'state%'),
           (SELECT count(*) FROM pg_class WHERE relnamespace = 'pgtrickle_changes'::regnamespace AND relkind = 'r' AND relname LIKE 'log%'),
           (SELECT count(*) FROM pgtrickle.source_frontier),
           (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'api_t'::regclass AND tgname LIKE 'pgtrickle_capture%'),
           (SELECT string_agg(columns_used::text, ' ') FROM pgtrickle.pgt_dependencies) $$;
CREATE FUNCTION pg_temp.identity(name regclass) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT CASE WHEN indisunique THEN 'unique ' ELSE '' END || CASE WHEN indexprs IS NULL THEN 'columns' ELSE 'hash' END
      FROM pg_index WHERE indrelid = name $$;

-- groups: with a state and back
SELECT test.create('api_st', 'SELECT a, count(*) AS c, sum(b) AS s, max(b) AS m FROM api_t GROUP BY a');
SELECT * FROM pg_temp.belongings();
SELECT pg_temp.identity('api_st');
INSERT INTO api_t VALUES (13, 7, 7.5);
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'FULL');
SELECT test.assert_fresh('api_st'), test.last_run('api_st');
SELECT refresh_mode, requested_refresh_mode, full_reason FROM pgtrickle.stream_table_reasons;
SELECT * FROM pg_temp.belongings();
SELECT pg_temp.identity('api_st');
UPDATE api_t SET b = b + 1 WHERE a = 1;
SELECT test.refresh('api_st', 'FULL');
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'DIFFERENTIAL');
SELECT test.assert_fresh('api_st'), test.last_run('api_st');
SELECT * FROM pg_temp.belongings();
SELECT pg_temp.identity('api_st');
UPDATE api_t SET b = b + 1 WHERE a = 1;
DELETE FROM api_t WHERE a = 7;
SELECT test.refresh('api_st');
-- AUTO: what is possible, remembered
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'auto');
SELECT refresh_mode, requested_refresh_mode, full_reason FROM pgtrickle.stream_table_reasons;
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'full');
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'auto');
SELECT refresh_mode, requested_refresh_mode, full_reason FROM pgtrickle.stream_table_reasons;
DELETE FROM api_t WHERE id = 3;
SELECT test.refresh('api_st');
-- undone
BEGIN;
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'FULL');
DELETE FROM api_t WHERE id = 6;
ROLLBACK;
INSERT INTO api_t VALUES (3, 0, 0.25);
SELECT test.refresh('api_st');
-- capture stays for another reader, and is there again for this one
SELECT test.create('api_other', 'SELECT id, b FROM api_t WHERE a > 0');
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'FULL');
SELECT * FROM pg_temp.belongings();
UPDATE api_t SET b = -b, a = a + 1 WHERE id % 2 = 0;
SELECT test.refresh('api_other');
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'DIFFERENTIAL');
SELECT test.assert_fresh('api_st');
UPDATE api_t SET b = -b, a = a + 1 WHERE id % 3 = 0;
SELECT * FROM test.refresh_all();
-- one in between of a chain
SELECT test.create('api_last', 'SELECT c, count(*) AS groups FROM api_st GROUP BY c');
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'FULL');
DELETE FROM api_t WHERE id < 4;
SELECT test.refresh('api_last');
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'DIFFERENTIAL');
DELETE FROM api_t WHERE id < 7;
SELECT test.refresh('api_last');
-- with a key: its unique index goes, as without capture nobody watches the key
SELECT pgtrickle.alter_stream_table('api_other', refresh_mode => 'FULL');
SELECT pg_temp.identity('api_other');
ALTER TABLE api_t DROP CONSTRAINT api_t_pkey;
INSERT INTO api_t SELECT * FROM api_t;
SELECT test.refresh('api_other', 'FULL');
SELECT pgtrickle.alter_stream_table('api_other', refresh_mode => 'DIFFERENTIAL');
DELETE FROM api_t WHERE ctid = (SELECT min(ctid) FROM api_t);
SELECT test.refresh('api_other');
SELECT test.refresh('api_last');
-- not filled yet, and suspended: nothing is read before its time
SELECT pgtrickle.create_stream_table('api_empty', 'SELECT a, min(b) AS m FROM api_t GROUP BY a', refresh_mode => 'FULL', initialize => false);
SELECT pgtrickle.alter_stream_table('api_empty', refresh_mode => 'DIFFERENTIAL');
SELECT count(*) FROM api_empty;
SELECT pgtrickle.refresh_stream_table('api_empty');
SELECT test.assert_fresh('api_empty');
SELECT pgtrickle.alter_stream_table('api_empty', status => 'SUSPENDED');
SELECT pgtrickle.alter_stream_table('api_empty', refresh_mode => 'FULL');
SELECT pgtrickle.alter_stream_table('api_empty', refresh_mode => 'DIFFERENTIAL');
DELETE FROM api_t WHERE a = 1;
SELECT status, refresh_mode, needs_reinit FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'api_empty';
SELECT pgtrickle.alter_stream_table('api_empty', status => 'ACTIVE');
SELECT test.refresh('api_empty', 'REINITIALIZE');
DELETE FROM api_t WHERE a = 2;
SELECT test.refresh('api_empty');
-- ERROR: any change is another chance
SELECT pgtrickle.alter_stream_table('api_empty', status => 'ERROR');
SELECT pgtrickle.refresh_stream_table('api_empty');
SELECT pgtrickle.alter_stream_table('api_empty', schedule => '5m');
SELECT test.refresh('api_empty', 'NO_DATA');
-- refused, and everything is as it was
SELECT pgtrickle.create_stream_table('api_rank', 'SELECT id, percent_rank() OVER (ORDER BY b, id) AS r FROM api_t TABLESAMPLE system (100)');
SELECT pgtrickle.alter_stream_table('api_rank', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('api_random', 'SELECT id, random() < 2 AS r FROM api_t', refresh_mode => 'FULL');
SELECT pgtrickle.alter_stream_table('api_random', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.alter_stream_table('api_empty', refresh_mode => 'IMMEDIATE');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) > 0 AS has_snapshot FROM api_t;
SELECT pgtrickle.alter_stream_table('api_random', refresh_mode => 'FULL');
SELECT pgtrickle.alter_stream_table('api_empty', refresh_mode => 'FULL');
ROLLBACK;
-- rule J16: as the owner, who may not capture
CREATE ROLE api_owner;
GRANT SELECT ON api_t TO api_owner;
SELECT pgtrickle.create_stream_table('api_poor', 'SELECT id FROM api_t', refresh_mode => 'FULL');
ALTER TABLE api_poor OWNER TO api_owner;
SELECT pgtrickle.alter_stream_table('api_poor', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.alter_stream_table('api_poor', refresh_mode => 'AUTO');
GRANT TRIGGER ON api_t TO api_owner;
SELECT pgtrickle.alter_stream_table('api_poor', refresh_mode => 'AUTO');
DELETE FROM api_t WHERE a = 3;
SELECT test.refresh('api_poor');
SELECT test.refresh('api_empty'), test.refresh('api_other');
SELECT test.drop_all();
DROP TABLE api_t;
DROP ROLE api_owner;
