-- Reads the catalogue of the Rust implementation of pg_trickle (0.38 to 0.41) and writes what creates
-- the same stream tables with this one. docs/moving.md says when to run it.
--
--   psql -XAtq -f from_rust.sql OLD_DATABASE > stream_tables.sql
--   psql -XAtq -v what=filter -f from_rust.sql OLD_DATABASE > filter.txt      for pg_dump --filter
--
-- It only reads, and needs none of the functions of either implementation.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
\if :{?what}
\else
\set what create
\endif
SELECT :'what' = 'filter' AS is_filter, :'what' NOT IN ('create', 'filter') AS is_bad \gset
\if :is_bad
\warn what must be create or filter
SELECT 1 / 0;
\endif
\if :is_filter
SELECT 'exclude extension pg_trickle';
SELECT 'exclude schema pgtrickle';
SELECT 'exclude schema pgtrickle_changes';
SELECT format('exclude table %I.%I', pgt_schema, pgt_name)
  FROM pgtrickle.pgt_stream_tables WHERE pgt_schema NOT IN ('pgtrickle', 'pgtrickle_changes') ORDER BY pgt_id;
\q
\endif

-- Those that read others come after them: the longest way down decides. Stream tables of a cycle stay at the depth where it closes.
CREATE TEMPORARY VIEW moving AS
WITH RECURSIVE below (pgt_id, upstream, depth) AS (
    SELECT s.pgt_id, s.pgt_id, 0 FROM pgtrickle.pgt_stream_tables s
    UNION
    SELECT b.pgt_id, u.pgt_id, b.depth + 1
      FROM below b
      JOIN pgtrickle.pgt_dependencies d ON d.pgt_id = b.upstream
      JOIN pgtrickle.pgt_stream_tables u ON u.pgt_relid = d.source_relid
     WHERE b.depth < (SELECT count(*) FROM pgtrickle.pgt_stream_tables))
SELECT s.*, p.depth, format('%I.%I', s.pgt_schema, s.pgt_name) AS name, pg_get_userbyid(c.relowner) AS owner,
       -- as it was typed; of a top-N query the rewritten one has lost its end
       coalesce(s.original_query, s.defining_query || CASE WHEN s.topk_limit IS NOT NULL
           THEN format(' ORDER BY %s LIMIT %s%s', s.topk_order_by, s.topk_limit, ' OFFSET ' || nullif(s.topk_offset, 0)) ELSE '' END) AS query,
       -- what this implementation has no parameter for yet, or decides by itself
       array_remove(ARRAY[
           CASE WHEN s.refresh_mode = 'IMMEDIATE' THEN 'refresh mode IMMEDIATE: it follows each commit instead' END,
           CASE WHEN s.refresh_mode = 'FULL' THEN 'refresh mode FULL: AUTO may follow changes, see validate_query()' END,
           CASE WHEN s.requested_cdc_mode = 'wal' THEN 'cdc_mode wal: changes are captured by triggers' END,
           CASE WHEN s.temporal_mode THEN 'temporal' END,
           CASE WHEN s.storage_backend <> 'heap' THEN 'storage_backend ' || s.storage_backend END,
           CASE WHEN s.downstream_publication_name IS NOT NULL THEN 'publication ' || s.downstream_publication_name END,
           CASE WHEN s.fuse_state = 'blown' THEN 'a blown fuse: it is armed again' END], NULL) AS left_behind
  FROM pgtrickle.pgt_stream_tables s
  JOIN (SELECT pgt_id, max(depth) AS depth FROM below GROUP BY pgt_id) p USING (pgt_id)
  LEFT JOIN pg_class c ON c.oid = s.pgt_relid
 -- made by the extension for itself, or for an inbox
 WHERE s.pgt_schema NOT IN ('pgtrickle', 'pgtrickle_changes');

SELECT '-- Stream tables of database ' || quote_ident(current_database()) || ', for pg_trickle without Rust.';
SELECT '-- Run it as a superuser, where the tables that they read are.';
SELECT '\set ON_ERROR_STOP on';
SELECT format('SET search_path = %s;', current_setting('search_path'));

SELECT CASE WHEN cardinality(left_behind) > 0 THEN E'\n-- ' || name || ' leaves behind: ' || array_to_string(left_behind, '; ') ELSE '' END
    || format(E'\nSET ROLE %I;', owner)
    || format(E'\nSELECT pgtrickle.create_stream_table(%L, %L, %s, %L, initialize => %s%s%s%s%s%s);',
              name, query,
              CASE WHEN refresh_mode = 'IMMEDIATE' THEN quote_literal('1s') ELSE quote_literal(coalesce(schedule, 'calculated')) END,
              CASE refresh_mode WHEN 'FULL' THEN 'FULL' ELSE 'AUTO' END, is_populated::text,
              CASE WHEN diamond_consistency <> 'atomic' THEN format(', diamond_consistency => %L', diamond_consistency) END,
              CASE WHEN diamond_schedule_policy <> 'fastest' THEN format(', diamond_schedule_policy => %L', diamond_schedule_policy) END,
              CASE WHEN pooler_compatibility_mode THEN ', pooler_compatibility_mode => true' END,
              CASE WHEN st_partition_key <> '' THEN format(', partition_by => %L', st_partition_key) END,
              CASE WHEN max_differential_joins > 0 THEN format(', max_differential_joins => %s', max_differential_joins) END)
    || CASE WHEN max_delta_fraction > 0 THEN format(E'\nSELECT pgtrickle.alter_stream_table(%L, max_delta_fraction => %s);', name, max_delta_fraction) ELSE '' END
    || CASE WHEN refresh_tier <> 'hot' THEN format(E'\nSELECT pgtrickle.alter_stream_table(%L, tier => %L);', name, refresh_tier) ELSE '' END
    || CASE WHEN fuse_mode <> 'off' THEN format(E'\nSELECT pgtrickle.alter_stream_table(%L, fuse => %L%s%s);', name, fuse_mode,
                                               ', fuse_ceiling => ' || fuse_ceiling, ', fuse_sensitivity => ' || nullif(fuse_sensitivity, 0)) ELSE '' END
    || CASE WHEN freshness_deadline_ms > 0 THEN format(E'\nSELECT pgtrickle.set_stream_table_sla(%L, %L);', name, freshness_deadline_ms || ' milliseconds') ELSE '' END
    || E'\nRESET ROLE;'
  FROM moving ORDER BY depth, pgt_id;

-- What hangs on the tables. Indexes over hidden columns were the other implementation's.
SELECT E'\n-- Indexes, rights and comments' WHERE EXISTS (SELECT FROM moving);
SELECT pg_get_indexdef(i.indexrelid) || ';'
  FROM moving m JOIN pg_index i ON i.indrelid = m.pgt_relid
 WHERE pg_get_indexdef(i.indexrelid) NOT LIKE '%\_\_pgt\_%' AND NOT i.indisprimary
   AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
 ORDER BY m.pgt_id, i.indexrelid;
SELECT format('GRANT %s ON %s TO %s%s;', a.privilege_type, m.name, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM moving m JOIN pg_class c ON c.oid = m.pgt_relid CROSS JOIN aclexplode(c.relacl) a
 WHERE a.grantee <> c.relowner AND a.privilege_type IN ('SELECT', 'REFERENCES', 'TRIGGER')
 ORDER BY m.pgt_id, a.grantee, a.privilege_type;
SELECT format('COMMENT ON TABLE %s IS %L;', m.name, obj_description(m.pgt_relid, 'pg_class'))
  FROM moving m WHERE obj_description(m.pgt_relid, 'pg_class') IS NOT NULL ORDER BY m.pgt_id;
SELECT format('COMMENT ON COLUMN %s.%I IS %L;', m.name, attname, col_description(attrelid, attnum))
  FROM moving m JOIN pg_attribute ON attrelid = m.pgt_relid AND attnum > 0 AND NOT attisdropped
 WHERE attname NOT LIKE '\_\_pgt\_%' AND col_description(attrelid, attnum) IS NOT NULL ORDER BY m.pgt_id, attnum;

SELECT E'\n-- What was not being refreshed' WHERE EXISTS (SELECT FROM moving WHERE status IN ('SUSPENDED', 'ERROR'));
SELECT format('SELECT pgtrickle.alter_stream_table(%L, status => ''SUSPENDED'');', name)
  FROM moving WHERE status IN ('SUSPENDED', 'ERROR') ORDER BY pgt_id;

SELECT E'\n-- Gates and watermarks' WHERE EXISTS (SELECT FROM pgtrickle.pgt_source_gates WHERE gated) OR EXISTS (SELECT FROM pgtrickle.pgt_watermarks);
SELECT format('SELECT pgtrickle.gate_source(%L);', format('%I.%I', nspname, relname))
  FROM pgtrickle.pgt_source_gates JOIN pg_class c ON c.oid = source_relid JOIN pg_namespace n ON n.oid = relnamespace
 WHERE gated ORDER BY nspname, relname;
SELECT format('SELECT pgtrickle.advance_watermark(%L, %L);', format('%I.%I', nspname, relname), watermark)
  FROM pgtrickle.pgt_watermarks JOIN pg_class c ON c.oid = source_relid JOIN pg_namespace n ON n.oid = relnamespace
 ORDER BY nspname, relname;
SELECT format('SELECT pgtrickle.create_watermark_group(%L, ARRAY[%s], %s);', group_name,
              (SELECT string_agg(quote_literal(format('%I.%I', nspname, relname)), ', ' ORDER BY place)
                 FROM unnest(source_relids) WITH ORDINALITY AS s (relid, place)
                 JOIN pg_class c ON c.oid = relid JOIN pg_namespace n ON n.oid = relnamespace), tolerance_secs)
  FROM pgtrickle.pgt_watermark_groups ORDER BY group_id;

-- Declared groups, with the members that are left. Early versions had none.
SELECT to_regclass('pgtrickle.pgt_refresh_groups') IS NOT NULL AS has_groups \gset
\if :has_groups
SELECT format('SELECT pgtrickle.create_refresh_group(%L, ARRAY[%s], %L);', group_name, string_agg(quote_literal(m.name), ', ' ORDER BY place), isolation)
  FROM pgtrickle.pgt_refresh_groups g CROSS JOIN unnest(g.member_oids) WITH ORDINALITY AS o (relid, place) JOIN moving m ON m.pgt_relid = o.relid
 GROUP BY group_id, group_name, isolation HAVING count(*) > 1 ORDER BY group_id;
\endif
