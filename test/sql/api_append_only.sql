-- append_only: a promise about the sources, watched.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int PRIMARY KEY, g int, x int);
CREATE TABLE api_keyless (id int, x int);
INSERT INTO api_t VALUES (1, 1, 10), (2, 1, 20);

-- where it cannot be kept
SELECT pgtrickle.create_stream_table('api_no', 'SELECT id, x FROM api_keyless', append_only => true);
SELECT pgtrickle.create_stream_table('api_no', 'SELECT id, x FROM api_t', refresh_mode => 'FULL', append_only => true);
SELECT pgtrickle.create_stream_table('api_no', 'SELECT id, random() AS r FROM api_t TABLESAMPLE system (100)', append_only => true);

SELECT pgtrickle.create_stream_table('api_st', 'SELECT g, sum(x) AS sum, max(x) AS most FROM api_t GROUP BY g', append_only => true);
SELECT pgtrickle.create_stream_table('api_rows', 'SELECT id, x FROM api_t', append_only => true);
CREATE FUNCTION pg_temp.shown() RETURNS TABLE (name text, append_only boolean, effective text, explained text) LANGUAGE sql AS $$
    SELECT pgt_name, is_append_only, effective_refresh_mode, (pgtrickle.explain_refresh_mode(pgt_name)).downgrade_reason
      FROM pgtrickle.pgt_stream_tables ORDER BY pgt_name $$;
SELECT * FROM pg_temp.shown();

INSERT INTO api_t VALUES (3, 2, 30), (4, 1, 5);
SELECT test.refresh('api_st');
SELECT test.refresh('api_rows');
SELECT * FROM pg_temp.shown();
SELECT value FROM pgtrickle.explain_st('api_st') WHERE property = 'append_only_mode';

-- the same promise for another query, and for another mode
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'FULL');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id AS g, x::bigint AS sum, x AS most FROM api_keyless');
SELECT pgtrickle.create_or_replace_stream_table('api_rows', 'SELECT id, x FROM api_t', append_only => true);
SELECT pgtrickle.create_or_replace_stream_table('api_rows', 'SELECT id, x FROM api_t');
SELECT pgtrickle.alter_stream_table('api_rows', append_only => true);
SELECT * FROM pg_temp.shown();

-- what leaves breaks it, and is followed
UPDATE api_t SET x = 21 WHERE id = 2;
SELECT test.refresh('api_st');
DELETE FROM api_t WHERE id = 3;
SELECT test.refresh('api_rows');
SELECT * FROM pg_temp.shown();
INSERT INTO api_t VALUES (5, 2, 30);
SELECT test.refresh('api_st');
SELECT test.refresh('api_rows');
SELECT * FROM pg_temp.shown();

-- given again
SELECT pgtrickle.alter_stream_table('api_st', append_only => true);
INSERT INTO api_t VALUES (6, 2, 31);
SELECT test.refresh('api_st');
SELECT * FROM pg_temp.shown();
SELECT pgtrickle.alter_stream_table('api_st', append_only => false, refresh_mode => 'FULL');
SELECT * FROM pg_temp.shown();

-- what else the catalog tells of a query
CREATE FUNCTION api_twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
SELECT pgtrickle.alter_stream_table('api_rows', query => 'SELECT id, api_twice(x) AS x FROM api_t ORDER BY x DESC, id + 1 NULLS FIRST LIMIT 3 OFFSET 1');
CREATE FUNCTION pg_temp.told() RETURNS TABLE (functions text[], n int, skipped int, ordered text, keyless boolean) LANGUAGE sql AS $$
    SELECT functions_used, topk_limit, topk_offset, topk_order_by, has_keyless_source
      FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'api_rows' $$;
SELECT * FROM pg_temp.told();
SELECT jsonb_path_query_array(column_snapshot, '$.columns[*].name') AS columns, column_snapshot - 'columns' AS others,
       schema_fingerprint = encode(sha256(column_snapshot::text::bytea), 'hex') AS digest
  FROM pgtrickle.pgt_dependencies JOIN pgtrickle.pgt_stream_tables USING (pgt_id) WHERE pgt_name = 'api_rows';
INSERT INTO api_keyless VALUES (1, 1), (1, 1);
SELECT pgtrickle.alter_stream_table('api_rows', query => 'SELECT id, x FROM api_keyless');
SELECT * FROM pg_temp.told();
INSERT INTO api_keyless VALUES (2, 2);
SELECT test.refresh('api_rows');

SELECT pgtrickle.drop_stream_table('api_st');
SELECT pgtrickle.drop_stream_table('api_rows');
DROP TABLE api_t, api_keyless;
DROP FUNCTION api_twice;
