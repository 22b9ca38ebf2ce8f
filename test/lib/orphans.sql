-- What is left of stream tables that are gone, or lacks something: nothing, ever.
-- For schema test; test/sql/setup.sql installs it, and tests in Python do.

/* A line for each thing that should not be there, or is missing. Looks at everything of this database. */
CREATE FUNCTION test.orphans() RETURNS SETOF text LANGUAGE sql AS $function$
    WITH own AS (
        SELECT oid, relname FROM pg_class
         WHERE relnamespace = 'pgtrickle_changes'::regnamespace AND relkind IN ('r', 'p')),
    known AS (
        SELECT log AS relid FROM pgtrickle.change_log_segment
        UNION ALL SELECT unnest(states) FROM pgtrickle.stream_table_internals
        UNION ALL SELECT copy_relid FROM pgtrickle.source_copy)
    SELECT format('stream table %s has no relation', pgt_id) FROM pgtrickle.pgt_stream_tables
     WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = pgt_relid)
    UNION ALL
    SELECT format('stream table %s is called %s.%s', pgt_relid::regclass, pgt_schema, pgt_name)
      FROM pgtrickle.pgt_stream_tables JOIN pg_class AS c ON c.oid = pgt_relid
     WHERE (pgt_schema, pgt_name) <> (c.relnamespace::regnamespace::text, c.relname::text) AND pgt_schema = quote_ident(pgt_schema)
    UNION ALL
    SELECT format('stream table %s has no definition', pgt_id) FROM pgtrickle.pgt_stream_tables
     WHERE pgt_id NOT IN (SELECT pgt_id FROM pgtrickle.stream_table_internals)
    UNION ALL
    SELECT format('stream table %s has no guard', pgt_relid::regclass) FROM pgtrickle.pgt_stream_tables
     WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pgt_relid AND tgfoid = 'pgtrickle.guard_stream_table'::regproc)
    UNION ALL
    SELECT format('stream table %s depends on nothing', pgt_relid::regclass) FROM pgtrickle.pgt_stream_tables
     WHERE NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pgt_relid AND objsubid = 0
                          AND refclassid = 'pg_class'::regclass AND deptype = 'n')
    UNION ALL
    SELECT format('stream table %s is not saved', pgt_relid::regclass) FROM pgtrickle.pgt_stream_tables AS t
     WHERE NOT EXISTS (SELECT FROM pgtrickle_saved.stream_tables AS s WHERE s.pgt_relid = t.pgt_relid)
    UNION ALL
    SELECT format('saved is %s.%s', table_schema, table_name) FROM pgtrickle_saved.stream_tables
     WHERE pgt_relid IS NOT NULL AND pgt_relid NOT IN (SELECT pgt_relid FROM pgtrickle.pgt_stream_tables)
    UNION ALL
    SELECT format('gate, watermark or groups of %s are not saved', source::regclass)
      FROM (SELECT source_relid FROM pgtrickle.pgt_source_gates UNION SELECT source_relid FROM pgtrickle.pgt_watermarks
            UNION SELECT unnest(source_relids) FROM pgtrickle.pgt_watermark_groups) AS c (source)
     WHERE NOT EXISTS (SELECT FROM pgtrickle_saved.sources AS s JOIN pg_class AS r ON r.oid = s.source_relid
                        WHERE s.source_relid = c.source AND s.table_name = relname AND quote_ident(s.table_schema) = relnamespace::regnamespace::text)
    UNION ALL
    SELECT format('saved is a source that is gone: %s.%s', table_schema, table_name) FROM pgtrickle_saved.sources
     WHERE source_relid IS NOT NULL AND source_relid NOT IN (SELECT oid FROM pg_class)
    UNION ALL
    SELECT format('stream table %s lacks its relation %s', i.pgt_id, k)
      FROM pgtrickle.stream_table_internals AS i, unnest(states || copies) AS k WHERE k NOT IN (SELECT oid FROM own)
    UNION ALL
    SELECT format('nobody knows table %s', relname) FROM own WHERE oid NOT IN (SELECT relid FROM known)
    UNION ALL
    SELECT format('nobody knows view %s', relname) FROM pg_class
     WHERE relnamespace = 'pgtrickle_changes'::regnamespace AND relkind = 'v'
       AND relname NOT IN (SELECT 'changes_' || source_stable_name FROM pgtrickle.pgt_change_tracking)
    UNION ALL
    SELECT format('the log of %s has no view', source_relid::regclass) FROM pgtrickle.pgt_change_tracking
     WHERE to_regclass('pgtrickle_changes.changes_' || source_stable_name) IS NULL
    UNION ALL
    SELECT format('the log of %s is gone', source::regclass) FROM pgtrickle.change_log_segment WHERE log NOT IN (SELECT oid FROM own)
    UNION ALL
    SELECT format('%s has a log that nobody reads', source::regclass) FROM pgtrickle.change_log_segment
     WHERE source NOT IN (SELECT source_relid FROM pgtrickle.source_frontier)
    UNION ALL
    SELECT format('stream table %s reads the log of %s, which has none', pgt_id, source_relid::regclass) FROM pgtrickle.source_frontier
     WHERE source_relid NOT IN (SELECT source FROM pgtrickle.change_log_segment)
    UNION ALL
    SELECT format('a frontier of stream table %s', pgt_id) FROM pgtrickle.source_frontier
     WHERE pgt_id NOT IN (SELECT pgt_id FROM pgtrickle.pgt_stream_tables)
    UNION ALL
    SELECT format('%s of %s, which is gone', what, relid)
      FROM (SELECT 'a log', source FROM pgtrickle.change_log_segment
            UNION ALL SELECT 'a frontier', source_relid FROM pgtrickle.source_frontier
            UNION ALL SELECT 'a copy', source_relid FROM pgtrickle.source_copy
            UNION ALL SELECT 'a gate', source_relid FROM pgtrickle.pgt_source_gates
            UNION ALL SELECT 'a watermark', source_relid FROM pgtrickle.pgt_watermarks) AS t (what, relid)
     WHERE relid NOT IN (SELECT oid FROM pg_class)
    UNION ALL
    SELECT format('a copy of %s that nobody reads', source_relid::regclass) FROM pgtrickle.source_copy
     WHERE NOT EXISTS (SELECT FROM pgtrickle.stream_table_internals WHERE copy_relid = ANY (copies))
    UNION ALL
    SELECT format('%s has trigger %s for nobody', tgrelid::regclass, tgname) FROM pg_trigger
     WHERE tgfoid = ANY ('{pgtrickle.capture_statement,pgtrickle.capture_before,pgtrickle.capture_row}'::regproc[])
       AND NOT EXISTS (
           WITH RECURSIVE up (relid) AS (
               SELECT tgrelid UNION SELECT inhparent FROM up JOIN pg_inherits ON inhrelid = relid)
           SELECT FROM up JOIN pgtrickle.change_log_segment ON source = relid)
    UNION ALL
    SELECT format('%s has a guard and is no stream table', tgrelid::regclass) FROM pg_trigger
     WHERE tgfoid = 'pgtrickle.guard_stream_table'::regproc
       AND coalesce(pg_partition_root(tgrelid), tgrelid) NOT IN (SELECT pgt_relid FROM pgtrickle.pgt_stream_tables)
    UNION ALL
    SELECT format('partition %s of stream table %s has no guard', t.relid, pgt_relid::regclass)
      FROM pgtrickle.pgt_stream_tables, pg_partition_tree(pgt_relid) AS t
     WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = t.relid AND tgfoid = 'pgtrickle.guard_stream_table'::regproc)
    UNION ALL
    SELECT format('a dependency of %s %s', classid::regclass, objid) FROM pg_depend
     WHERE classid = 'pg_class'::regclass AND objid NOT IN (SELECT oid FROM pg_class)
        OR refclassid = 'pg_class'::regclass AND refobjid NOT IN (SELECT oid FROM pg_class)
$function$;
