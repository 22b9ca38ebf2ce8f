-- What stream tables are and how they are doing. All read-only.

CREATE OR REPLACE FUNCTION pgtrickle.version()
RETURNS text LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'st_sql_version';
COMMENT ON FUNCTION pgtrickle.version() IS 'Version of the loaded library.';

CREATE OR REPLACE FUNCTION pgtrickle.version_check()
RETURNS text LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'st_sql_version_check';
COMMENT ON FUNCTION pgtrickle.version_check() IS
    'A JSON document: library_version, extension_version (of the objects in this database), pg_version, and version_match, whether the first two are the same. If not, a WARNING says what to do.';

CREATE OR REPLACE FUNCTION pgtrickle.migrate()
RETURNS text LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH newest AS (
        SELECT v.version FROM pgtrickle.pgt_schema_version v ORDER BY v.applied_at DESC, v.version DESC LIMIT 1),
    added AS (
        INSERT INTO pgtrickle.pgt_schema_version (version, description)
        SELECT e.extversion, 'ALTER EXTENSION UPDATE, noted by migrate()' FROM pg_catalog.pg_extension e WHERE e.extname = 'pg_trickle'
            ON CONFLICT (version) DO NOTHING RETURNING version)
    SELECT CASE WHEN e.extversion <> pgtrickle.version()
                THEN format('The library is version %s, the schema %s: ALTER EXTENSION pg_trickle UPDATE migrates it.', pgtrickle.version(), e.extversion)
                WHEN EXISTS (SELECT 1 FROM added)
                THEN format('The schema has come from version %s to %s.', n.version, e.extversion)
                ELSE format('The schema is up to date: version %s.', e.extversion)
           END
      FROM pg_catalog.pg_extension e, newest n
     WHERE e.extname = 'pg_trickle';
END;
COMMENT ON FUNCTION pgtrickle.migrate() IS
    'Whether the objects of the extension are those of the loaded library, as a sentence, and notes their version in pgt_schema_version if nobody has. Changes nothing else: ALTER EXTENSION pg_trickle UPDATE does. Error: 42501 for others than superusers and the owner of the extension.';
REVOKE ALL ON FUNCTION pgtrickle.migrate() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgtrickle.migrate() TO @extowner@;

CREATE OR REPLACE FUNCTION pgtrickle.explain_stream_table(name text)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_explain_stream_table';
COMMENT ON FUNCTION pgtrickle.explain_stream_table(text) IS
    'How a stream table is maintained: mode and reason, identity, operators, sources, states, and every generated statement with its hash, the relations that it reads and those that its plan for one changed row reads from end to end. Errors: 42P01 unknown, 42501 neither the owner nor pg_read_all_stats.';

CREATE OR REPLACE FUNCTION pgtrickle.explain_st(name text, with_analyze boolean DEFAULT false)
RETURNS TABLE(property text, value text)
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_explain_st';
COMMENT ON FUNCTION pgtrickle.explain_st(text, boolean) IS
    'Properties of a stream table, one a row: definition, whether it has a delta, operators, statements, frontiers, figures of its last 20 refreshes, neighbours. With with_analyze the query is run, as the owner, and its plan with times is the last row. Errors: 42P01 unknown, 42501 neither the owner nor pg_read_all_stats.';

CREATE OR REPLACE FUNCTION pgtrickle.explain_delta(name text, format text DEFAULT 'text')
RETURNS SETOF text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_explain_delta';
COMMENT ON FUNCTION pgtrickle.explain_delta(text, text) IS
    'Plans of the statements that compute the delta of a stream table, for one changed row. Formats: text, a row per line; json, xml and yaml, one document. Errors: 42P01 unknown, 42501 neither the owner nor pg_read_all_stats, 0A000 if it has no delta, 22023 for another format.';

CREATE OR REPLACE FUNCTION pgtrickle.explain_diff_sql(name text)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_explain_diff_sql';
COMMENT ON FUNCTION pgtrickle.explain_diff_sql(text) IS
    'The statements that compute the delta of a stream table, which read the changes of its sources from named inputs; NULL, with a NOTICE that tells why, if it is always recomputed. Errors: 42P01 unknown, 42501 neither the owner nor pg_read_all_stats.';

CREATE OR REPLACE FUNCTION pgtrickle.debug_stream_table(name text)
RETURNS jsonb LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_debug_stream_table';
COMMENT ON FUNCTION pgtrickle.debug_stream_table(text) IS
    'All that is known of a stream table: definition and stored tree, operators, sources with frontiers, marks and segments, states with up to 100 rows, statements with plans. Superusers only. Errors: 42P01 unknown, 42501 not a superuser.';
REVOKE ALL ON FUNCTION pgtrickle.debug_stream_table(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION pgtrickle.debug_change_log(source regclass)
RETURNS TABLE(segment integer, page bigint, line integer, xid xid8, weight integer, marker text, "row" jsonb)
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_debug_change_log';
COMMENT ON FUNCTION pgtrickle.debug_change_log(regclass) IS
    'Rows of a source''s change log, decoded: place, transaction, weight (1 new, -1 old), values as text by column. A row with weight 0 is a marker that makes consumers recompute. Superusers only. Errors: 42704 not captured, 42501 not a superuser.';
REVOKE ALL ON FUNCTION pgtrickle.debug_change_log(regclass) FROM PUBLIC;

CREATE OR REPLACE FUNCTION pgtrickle.validate_query(query text)
RETURNS TABLE(check_name text, result text, severity text)
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_validate_query';
COMMENT ON FUNCTION pgtrickle.validate_query(text) IS
    'What create_stream_table would make of a query in mode AUTO: resolved_refresh_mode (DIFFERENTIAL, TOPK or FULL), the reason of FULL, volatility, and a row per aggregate, join, set operation, window function, lateral item and scalar subquery. Creates nothing; raises what creation would raise.';

CREATE OR REPLACE FUNCTION pgtrickle.query_without_views(query text)
RETURNS text LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_query_without_views';
COMMENT ON FUNCTION pgtrickle.query_without_views(text) IS
    'A query with its views expanded, as PostgreSQL prints it; NULL if it reads none. Conditions of row security are not printed. Raises what creation would raise.';

CREATE OR REPLACE FUNCTION pgtrickle.explain_query_rewrite(query text)
RETURNS TABLE(pass_name text, changed boolean, sql_after text)
LANGUAGE sql VOLATILE STRICT
BEGIN ATOMIC
    WITH checks AS MATERIALIZED (
        SELECT c.check_name, c.result, c.ordinality AS n FROM pgtrickle.validate_query(explain_query_rewrite.query) WITH ORDINALITY c),
    mode AS (
        SELECT max(c.result) FILTER (WHERE c.check_name = 'resolved_refresh_mode') AS mode,
               max(c.result) FILTER (WHERE c.check_name = 'ivm_support_check') AS reason,
               max(c.result) FILTER (WHERE c.check_name = 'topk_pattern') AS topk,
               string_agg(c.check_name || ':' || c.result, '; ' ORDER BY c.n)
                   FILTER (WHERE c.check_name NOT IN ('resolved_refresh_mode', 'ivm_support_check', 'topk_pattern')) AS patterns
          FROM checks c),
    passes AS (
        SELECT 1 AS n, 'view_inlining' AS pass, v.text IS NOT NULL AS changed, v.text FROM (SELECT pgtrickle.query_without_views(explain_query_rewrite.query)) v (text)
        UNION ALL
        SELECT 1 + p.n, p.pass, false, NULL
          FROM unnest(ARRAY['nested_window_lift', 'distinct_on', 'grouping_sets', 'scalar_subquery_in_where', 'correlated_scalar_in_select',
                            'sublinks_in_or_demorgan', 'rows_from']) WITH ORDINALITY p (pass, n)
        UNION ALL
        SELECT 9, 'topk_detection', m.mode = 'TOPK', CASE WHEN m.mode = 'TOPK' THEN m.topk END FROM mode m
        UNION ALL
        SELECT 10, 'dvm_patterns', false,
               concat_ws('; ', 'ivm_support:' || CASE m.mode WHEN 'FULL' THEN 'FULL_ONLY(' || m.reason || ')' ELSE m.mode END, m.patterns)
          FROM mode m)
    SELECT p.pass, p.changed, p.text FROM passes p ORDER BY p.n;
END;
COMMENT ON FUNCTION pgtrickle.explain_query_rewrite(text) IS
    'What happens to a query before it is maintained, one row per pass, always ten in the same order: views are expanded (sql_after: the text then), ORDER BY with LIMIT is recognised (sql_after: how), and dvm_patterns lists what validate_query() finds. The other passes never change anything: what they rewrite in other implementations is maintained here as it stands. Raises what creation would raise.';

CREATE OR REPLACE FUNCTION pgtrickle.change_log_bytes(source oid)
RETURNS bigint LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_change_log_bytes';
COMMENT ON FUNCTION pgtrickle.change_log_bytes(oid) IS 'Size of a source''s change log in bytes.';

CREATE OR REPLACE FUNCTION pgtrickle.pending_change_rows(pgt_id bigint, source oid)
RETURNS bigint LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_pending_change_rows';
COMMENT ON FUNCTION pgtrickle.pending_change_rows(bigint, oid) IS
    'Rows of a source''s change log that a stream table has still to consume, counted now; an update is two. NULL if it does not read the log, or will be recomputed.';

CREATE OR REPLACE FUNCTION pgtrickle.stream_table_id(name text)
RETURNS bigint LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'st_sql_stream_table_id';
COMMENT ON FUNCTION pgtrickle.stream_table_id(text) IS 'Identifier of a stream table by its name. Error: 42P01 unknown.';

CREATE OR REPLACE FUNCTION pgtrickle.list_auxiliary_columns(name text)
RETURNS TABLE(column_name text, data_type text, purpose text)
LANGUAGE sql STABLE STRICT
BEGIN ATOMIC
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), 'maintained beside the columns of the query'::text
      FROM pgtrickle.pgt_stream_tables t
      JOIN pg_catalog.pg_attribute a ON a.attrelid = t.pgt_relid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE t.pgt_id = pgtrickle.stream_table_id(list_auxiliary_columns.name) AND a.attname LIKE '\_\_pgt\_%'
     ORDER BY a.attnum;
END;
COMMENT ON FUNCTION pgtrickle.list_auxiliary_columns(text) IS
    'Columns of a stream table that its query does not have: none, what maintenance needs besides is kept elsewhere. Error: 42P01 unknown.';

CREATE OR REPLACE FUNCTION pgtrickle.get_refresh_history(name text, max_rows integer DEFAULT 20)
RETURNS TABLE(refresh_id bigint, data_timestamp timestamptz, start_time timestamptz, end_time timestamptz,
              action text, status text, rows_inserted bigint, rows_deleted bigint, duration_ms double precision,
              error_message text, rows_updated bigint, delta_row_count bigint, read_ms double precision,
              delta_ms double precision, apply_ms double precision, refresh_reason text)
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'st_sql_get_refresh_history';
COMMENT ON FUNCTION pgtrickle.get_refresh_history(text, integer) IS
    'The last refreshes of a stream table in the history (refresh_runs), newest first; durations in milliseconds. error_message, the error or why it was left out, and refresh_reason are NULL for roles that are neither the owner nor pg_read_all_stats. Errors: 42P01 unknown, 2201W negative max_rows.';

CREATE OR REPLACE FUNCTION pgtrickle.list_sources(name text)
RETURNS TABLE(source_table text, source_oid bigint, source_type text, cdc_mode text, columns_used text)
LANGUAGE sql STABLE STRICT
BEGIN ATOMIC
    SELECT n.nspname || '.' || c.relname, d.source_relid::bigint, d.source_type, d.cdc_mode, d.columns_used::text
      FROM pgtrickle.pgt_dependencies d
      JOIN pg_catalog.pg_class c ON c.oid = d.source_relid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE d.pgt_id = pgtrickle.stream_table_id(list_sources.name)
     ORDER BY 1;
END;
COMMENT ON FUNCTION pgtrickle.list_sources(text) IS 'What a stream table reads, and which columns of it. Error: 42P01 unknown.';

CREATE OR REPLACE FUNCTION pgtrickle.change_buffer_sizes()
RETURNS TABLE(stream_table text, source_table text, source_oid bigint, cdc_mode text, pending_rows bigint, buffer_bytes bigint)
LANGUAGE sql
BEGIN ATOMIC
    SELECT t.pgt_schema || '.' || t.pgt_name, n.nspname || '.' || c.relname, d.source_relid::bigint, d.cdc_mode,
           pgtrickle.pending_change_rows(d.pgt_id, d.source_relid),
           pgtrickle.change_log_bytes(d.source_relid)
      FROM pgtrickle.pgt_dependencies d
      JOIN pgtrickle.pgt_stream_tables t USING (pgt_id)
      JOIN pg_catalog.pg_class c ON c.oid = d.source_relid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     ORDER BY 1, 2;
END;
COMMENT ON FUNCTION pgtrickle.change_buffer_sizes() IS
    'Per source of each stream table: changes that it has still to consume, counted now (NULL if it is recomputed), and bytes of the source''s change log, which its stream tables share.';

CREATE OR REPLACE FUNCTION pgtrickle.dependency_tree()
RETURNS TABLE(tree_line text, node text, node_type text, depth integer, status text, refresh_mode text)
LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    WITH RECURSIVE stream_table AS (
        SELECT t.pgt_relid AS relid, t.pgt_schema || '.' || t.pgt_name AS name, t.status, t.refresh_mode,
               -- those that read each other are one, and the first by name is its root
               NOT EXISTS (SELECT 1 FROM pgtrickle.pgt_stream_tables m
                             JOIN pgtrickle.pgt_dependencies d ON d.pgt_id = m.pgt_id
                             JOIN pgtrickle.pgt_stream_tables u ON u.pgt_relid = d.source_relid
                            WHERE (m.pgt_id = t.pgt_id OR m.scc_id = t.scc_id) AND (u.scc_id = t.scc_id) IS NOT TRUE)
               AND NOT EXISTS (SELECT 1 FROM pgtrickle.pgt_stream_tables m
                                WHERE m.scc_id = t.scc_id AND (m.pgt_schema || '.' || m.pgt_name) < (t.pgt_schema || '.' || t.pgt_name)) AS is_root
          FROM pgtrickle.pgt_stream_tables t),
    edge AS (
        -- dependants of a stream table, then the base tables that it reads
        SELECT e.parent, e.child, e.name, e.node_type, e.status, e.refresh_mode,
               row_number() OVER (PARTITION BY e.parent ORDER BY e.name, e.child) AS position,
               count(*) OVER (PARTITION BY e.parent) AS siblings
          FROM (SELECT d.source_relid AS parent, s.relid AS child, s.name, 'stream_table' AS node_type,
                       s.status, s.refresh_mode
                  FROM pgtrickle.pgt_dependencies d
                  JOIN pgtrickle.pgt_stream_tables t USING (pgt_id)
                  JOIN stream_table s ON s.relid = t.pgt_relid
                 WHERE d.source_type = 'STREAM_TABLE'
                UNION ALL
                SELECT t.pgt_relid, NULL, (n.nspname || '.' || c.relname) COLLATE "default", 'source_table', NULL, NULL
                  FROM pgtrickle.pgt_dependencies d
                  JOIN pgtrickle.pgt_stream_tables t USING (pgt_id)
                  JOIN pg_catalog.pg_class c ON c.oid = d.source_relid
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE d.source_type <> 'STREAM_TABLE') e),
    tree AS (
        SELECT s.relid, s.name, 'stream_table' AS node_type, 0 AS depth, s.status, s.refresh_mode,
               '' AS indent, s.name AS line, ARRAY[row_number() OVER (ORDER BY s.name)] AS path, ARRAY[s.relid] AS above
          FROM stream_table s
         WHERE s.is_root
        UNION ALL
        -- what stands above it already is not followed again
        SELECT CASE WHEN e.child <> ALL (t.above) THEN e.child END, e.name, e.node_type, t.depth + 1, e.status, e.refresh_mode,
               t.indent || CASE WHEN e.position = e.siblings THEN '    ' ELSE ' │   ' END,
               t.indent || CASE WHEN e.position = e.siblings THEN ' └── ' ELSE ' ├── ' END || e.name
               || CASE WHEN e.node_type = 'source_table' THEN ' [src]' ELSE '' END,
               t.path || e.position, t.above || e.child
          FROM tree t
          JOIN edge e ON e.parent = t.relid)
    SELECT tree.line, tree.name, tree.node_type, tree.depth, tree.status, tree.refresh_mode
      FROM tree
     ORDER BY tree.path;
END;
COMMENT ON FUNCTION pgtrickle.dependency_tree() IS
    'Stream tables with those that read them below, and their base tables as leaves; a table reachable twice is shown twice. Of stream tables that read each other the first by name stands at the top, and one that stands above itself has nothing below.';
