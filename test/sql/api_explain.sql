-- explain_stream_table, explain_st, explain_delta, debug_stream_table, debug_change_log.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE ROLE api_owner;
CREATE ROLE api_stats;
CREATE ROLE api_other;
GRANT pg_read_all_stats TO api_stats;
GRANT USAGE ON SCHEMA pgtrickle TO api_owner, api_stats, api_other;
GRANT CREATE ON SCHEMA public TO api_owner;
SET ROLE api_owner;
CREATE TABLE api_t (id int PRIMARY KEY, a int, b numeric, "Odd, name" text);
INSERT INTO api_t SELECT i, i % 3, i, 'x' FROM generate_series(1, 9) AS i;
CREATE TABLE api_u (id int, a int);
SELECT pgtrickle.create_stream_table('api_st', $$SELECT a, count(*) AS c, max(b) AS m, string_agg("Odd, name", '') AS l FROM api_t WHERE id > 0 GROUP BY a HAVING count(*) > 1$$);
SELECT pgtrickle.create_stream_table('api_union', 'SELECT id, a FROM api_u UNION ALL SELECT DISTINCT id, 1 AS a FROM api_u');
SELECT pgtrickle.create_stream_table('api_over', 'SELECT c, m FROM api_st WHERE c > 1');
SELECT pgtrickle.create_stream_table('api_full', 'SELECT a, ntile(2) OVER (ORDER BY id) AS n FROM api_t TABLESAMPLE system (100)');
INSERT INTO api_t VALUES (20, 2, 5, 'y');
SELECT pgtrickle.refresh_stream_table('api_st');
RESET ROLE;
ANALYZE api_t, api_u;
\pset format unaligned
\pset tuples_only on
-- OIDs, costs and hashes differ from run to run
CREATE FUNCTION pg_temp.plain(text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace($1, '[0-9a-f]{16}', 'HASH', 'g'),
        '__pgt_d\d+', '__pgt_dOID', 'g'), 'state_\d+_', 'state_ID_', 'g'), '(log of|Oid:) \d+', '\1 N', 'g') $$;
-- everything but the statements themselves, which other tests judge by what they do
SELECT l FROM pg_temp.plain(pgtrickle.explain_stream_table('api_st')) AS e, regexp_split_to_table(e, '\n') AS l
 WHERE l ~ '^(  )*[A-Z][A-Za-z0-9 ]*( \(|: | [0-9]+ keys|$)|computed again:$' AND l !~ '^ {2,}(SELECT|WITH|FROM|WHERE)|^ {3}[A-Z]';
SELECT l FROM pg_temp.plain(pgtrickle.explain_stream_table('api_union')) AS e, regexp_split_to_table(e, '\n') AS l
 WHERE l ~ '^(  )*(Union|Project|Distinct|Source|Filter)';
SELECT pg_temp.plain(pgtrickle.explain_stream_table('api_full'));
-- every statement with its text
SELECT count(*) FROM regexp_matches(pgtrickle.explain_stream_table('api_st'), '  Hash: [0-9a-f]{16}\n  Reads: .*?\n  May scan: .*?\n  (WITH|SELECT)', 'g');
-- the hash changes with the statement and only with it
SELECT array_agg(h[1] ORDER BY h[1]) AS before FROM regexp_matches(pgtrickle.explain_stream_table('api_over'), 'Hash: (\w+)', 'g') AS h
\gset
SELECT array_agg(h[1] ORDER BY h[1]) = :'before' AS same FROM regexp_matches(pgtrickle.explain_stream_table('api_over'), 'Hash: (\w+)', 'g') AS h;
SELECT count(DISTINCT h[1]) AS different FROM regexp_matches(pgtrickle.explain_stream_table('api_st') || pgtrickle.explain_stream_table('api_over'), 'Hash: (\w+)', 'g') AS h;

SELECT property, CASE WHEN property IN ('operator_tree', 'output_columns', 'aggregate_strategies', 'defining_query', 'refresh_mode', 'status',
                                        'is_populated', 'dvm_supported', 'dvm_error', 'dependency_graph_dot', 'append_only_mode', 'pgt_name')
                      THEN value ELSE left(value, 0) || '...' END AS value
  FROM pgtrickle.explain_st('api_st');
SELECT value::jsonb - 'min_ms' - 'max_ms' - 'avg_ms' - 'latest_ms' AS timing FROM pgtrickle.explain_st('api_st') WHERE property = 'refresh_timing_stats';
SELECT value FROM pgtrickle.explain_st('api_st') WHERE property = 'amplification_stats';
SELECT k, jsonb_object_keys(v) FROM pgtrickle.explain_st('api_st'), jsonb_each(value::jsonb) AS x(k, v) WHERE property = 'frontier';
SELECT property FROM pgtrickle.explain_st('api_full', true);
SELECT value ~ 'WindowAgg.*actual.*rows=10' FROM pgtrickle.explain_st('api_full', with_analyze => true) WHERE property = 'explain_analyze';
CREATE TABLE api_parts (id int, a int) PARTITION BY LIST (a);
CREATE TABLE api_part PARTITION OF api_parts FOR VALUES IN (1);
SELECT pgtrickle.create_stream_table('api_of_parts', 'SELECT id FROM api_parts');
SELECT value FROM pgtrickle.explain_st('api_of_parts') WHERE property = 'source_partitions';

SELECT regexp_replace(l, '\(cost.*', '') FROM pgtrickle.explain_delta('api_over') AS l;
SELECT count(*), min(jsonb_array_length(d::jsonb)), min(d::jsonb -> 0 ->> 'Statement') FROM pgtrickle.explain_delta('api_st', 'JSON') AS d;
SELECT count(*), bool_and(CASE WHEN test.lacks('xml') THEN d ~ '^<explain .*</explain>\s*$' ELSE d::xml IS DOCUMENT END) FROM pgtrickle.explain_delta('api_st', 'xml') AS d;
SELECT count(*), min(split_part(d, E'\n', 1)) FROM pgtrickle.explain_delta('api_st', 'yaml') AS d;
-- the statements that explain_stream_table() lists as those of the delta; none of what is recomputed
SELECT regexp_replace(pgtrickle.explain_diff_sql('api_over'), '__pgt_d\d+', '__pgt_d', 'g');
SELECT pgtrickle.explain_diff_sql('api_missing');
SELECT name, pgtrickle.explain_diff_sql(name) IS NULL FROM unnest('{api_st, api_union, api_full}'::text[]) AS name;
SELECT bool_and(position(trim(E';\n' FROM s) IN pgtrickle.explain_stream_table('api_st')) > 0), count(*) FROM regexp_split_to_table(pgtrickle.explain_diff_sql('api_st'), '-- [^\n]*\n') AS s WHERE s <> '';
SELECT pgtrickle.explain_delta('api_st', 'html');
SELECT pgtrickle.explain_delta('api_full');
SELECT pgtrickle.explain_stream_table('api_missing');
SELECT pgtrickle.explain_st('api_missing');

-- what the engine keeps
SELECT jsonb_object_keys(pgtrickle.debug_stream_table('api_st'));
SELECT d ->> 'name', d ->> 'owner', d ->> 'refresh_mode', jsonb_array_length(d -> 'statements'), left(d ->> 'tree', 7)
  FROM pgtrickle.debug_stream_table('api_st') AS d;
SELECT r ->> 'k1', r ->> 'n', r ->> 'v2', r ->> 'v3' FROM pgtrickle.debug_stream_table('api_st') AS d, jsonb_array_elements(d #> '{states,0,rows}') AS r ORDER BY 1;
SELECT s ->> 'label', length(s ->> 'hash'), length(s ->> 'sql') > 0, s #>> '{plan,0,Statement}', jsonb_array_length(s -> 'reads')
  FROM pgtrickle.debug_stream_table('api_st') AS d, jsonb_array_elements(d -> 'statements') AS s;
SELECT s ->> 'relation', s ->> 'columns', jsonb_array_length(s -> 'segments'), jsonb_array_length(s #> '{frontier,marks}')
  FROM pgtrickle.debug_stream_table('api_st') AS d, jsonb_array_elements(d -> 'sources') AS s;
SELECT jsonb_object_keys(pgtrickle.debug_stream_table('api_full')) INTERSECT VALUES ('states'), ('reason'), ('sources') ORDER BY 1;
SELECT segment, page, line, xid IS NOT NULL AS has_xid, weight, marker, "row" FROM pgtrickle.debug_change_log('api_t');
UPDATE api_t SET b = NULL, "Odd, name" = 'it''s "quoted"' WHERE id = 20;
TRUNCATE api_u;
SELECT weight, "row" FROM pgtrickle.debug_change_log('api_t') ORDER BY page, line OFFSET 1;
SELECT weight, marker, "row" FROM pgtrickle.debug_change_log('api_u');
SELECT * FROM pgtrickle.debug_change_log('api_part');
-- no user's code runs on the way
CREATE TYPE api_evil AS (x int);
CREATE FUNCTION api_evil_json(api_evil) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$;
CREATE CAST (api_evil AS json) WITH FUNCTION api_evil_json(api_evil);
CREATE TABLE api_v (id int, e api_evil);
SELECT pgtrickle.create_stream_table('api_evil_st', 'SELECT e, count(*) AS c FROM api_v GROUP BY e');
INSERT INTO api_v VALUES (1, ROW(1)), (2, NULL), (3, ROW(NULL));
SELECT "row" FROM pgtrickle.debug_change_log('api_v') ORDER BY page, line;
SELECT pgtrickle.refresh_stream_table('api_evil_st');
SELECT pgtrickle.debug_stream_table('api_evil_st') #> '{states,0,row_count}';

-- who may look
SET ROLE api_stats;
SELECT length(pgtrickle.explain_stream_table('api_st')) > 0, count(*) > 0 FROM pgtrickle.explain_st('api_st');
SELECT count(*) > 0 FROM pgtrickle.explain_delta('api_st');
SELECT pgtrickle.explain_st('api_st', with_analyze => true);
SELECT pgtrickle.debug_stream_table('api_st');
SET ROLE api_owner;
SELECT length(pgtrickle.explain_stream_table('api_st')) > 0, count(*) > 0 FROM pgtrickle.explain_st('api_st', true);
SELECT pgtrickle.debug_change_log('api_t');
SET ROLE api_other;
SELECT pgtrickle.explain_stream_table('api_st');
SELECT pgtrickle.explain_st('api_st');
SELECT pgtrickle.explain_delta('api_st');
RESET ROLE;
GRANT EXECUTE ON FUNCTION pgtrickle.debug_stream_table(text), pgtrickle.debug_change_log(regclass) TO api_owner;
SET ROLE api_owner;
SELECT pgtrickle.debug_stream_table('api_st');
SELECT pgtrickle.debug_change_log('api_t');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION pgtrickle.debug_stream_table(text), pgtrickle.debug_change_log(regclass) FROM api_owner;
-- and none of it changes anything
SELECT pgtrickle.refresh_stream_table('api_over');
SELECT test.assert_fresh('api_st'), test.assert_fresh('api_over');
\pset format aligned
\pset tuples_only off
SELECT test.drop_all();
DROP TABLE api_t, api_u, api_parts, api_v;
DROP CAST (api_evil AS json);
DROP FUNCTION api_evil_json(api_evil);
DROP TYPE api_evil;
REVOKE USAGE ON SCHEMA pgtrickle FROM api_owner, api_stats, api_other;
DROP OWNED BY api_owner, api_stats, api_other;
DROP ROLE api_owner, api_stats, api_other;
