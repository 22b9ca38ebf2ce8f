-- The oracle of the SQL tests, and short forms of what every test does.
-- test/sql/setup.sql installs it.

CREATE SCHEMA test;

/*
 * The row images of the stream table and of its defining query run now, as
 * multisets of output text in both directions: numeric 1.0 is not 1.00 here,
 * and -0 is not 0. Names and types of the columns as well. Raises on any
 * difference.
 */
CREATE FUNCTION test.assert_fresh(name text) RETURNS text
LANGUAGE plpgsql SET extra_float_digits = 3 AS $function$
DECLARE
    relation regclass := name::regclass;
    query text;
    want text[];
    have text[];
    images text;
    differences text;
    n bigint;
BEGIN
    SELECT regexp_replace(defining_query, ';\s*$', '') INTO query
      FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = relation;
    IF query IS NULL THEN
        RAISE EXCEPTION '% is not a stream table', name;
    END IF;

    EXECUTE format(E'CREATE TEMPORARY VIEW oracle_view AS %s\n', query);
    want := test.columns_of('pg_temp.oracle_view');
    have := test.columns_of(relation);
    IF want IS DISTINCT FROM have THEN
        RAISE EXCEPTION 'columns of % are %, of its query %', name, have, want;
    END IF;

    SELECT 'ARRAY[' || string_agg(format('%I::text', attname), ', ' ORDER BY attnum) || ']::text[]' INTO images
      FROM pg_attribute
     WHERE attrelid = 'pg_temp.oracle_view'::regclass AND attnum > 0 AND NOT attisdropped;
    EXECUTE format($$
        WITH want AS MATERIALIZED (SELECT %1$s AS image FROM pg_temp.oracle_view),
             have AS MATERIALIZED (SELECT %1$s AS image FROM %2$s),
             differences AS (
                 (SELECT '- ' AS side, image FROM (SELECT image FROM want EXCEPT ALL SELECT image FROM have) AS m)
                 UNION ALL
                 (SELECT '+ ', image FROM (SELECT image FROM have EXCEPT ALL SELECT image FROM want) AS u))
        SELECT count(*), string_agg(side || image::text, E'\n') FILTER (WHERE place <= 20)
          FROM (SELECT side, image, row_number() OVER (ORDER BY image::text, side) AS place
                  FROM differences) AS numbered
        $$, images, relation) INTO n, differences;
    DROP VIEW pg_temp.oracle_view;
    IF n > 0 THEN
        RAISE EXCEPTION '% differs from its query in % rows', name, n
            USING DETAIL = differences, HINT = 'query: ' || query;
    END IF;
    RETURN 'fresh';
END $function$;

CREATE FUNCTION test.columns_of(relation regclass) RETURNS text[] LANGUAGE sql AS $$
    SELECT array_agg(attname || ' ' || format_type(atttypid, atttypmod) ORDER BY attnum)
      FROM pg_attribute
     WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped
       AND attname NOT LIKE '\_\_pgt\_%'
$$;

/* The newest run, as "ACTION" or "ACTION: reason"; NULL if there is none. */
CREATE FUNCTION test.last_run(name text) RETURNS text LANGUAGE sql AS $$
    SELECT action || coalesce(': ' || refresh_reason, '')
      FROM pgtrickle.pgt_refresh_history
      JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
     WHERE pgt_relid = name::regclass
     ORDER BY refresh_id DESC LIMIT 1
$$;

CREATE FUNCTION test.last_run_id(name text) RETURNS bigint LANGUAGE sql AS $$
    SELECT coalesce(max(refresh_id), 0)
      FROM pgtrickle.pgt_refresh_history
      JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
     WHERE pgt_relid = name::regclass
$$;

/*
 * What this transaction has read so far, of all relations but the system's
 * catalogs: rows that access methods returned, pages that they asked for.
 * Whatever code did it: statements, apply, reading logs.
 */
CREATE FUNCTION test.reads(OUT rows bigint, OUT pages bigint) LANGUAGE sql AS $$
    SELECT sum(pg_stat_get_xact_tuples_returned(oid) +
               CASE WHEN relkind = 'i' THEN 0 ELSE pg_stat_get_xact_tuples_fetched(oid) END),
           sum(pg_stat_get_xact_blocks_fetched(oid))
      FROM pg_class
     WHERE relkind IN ('r', 'i', 't', 'm') AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
$$;

/*
 * Refresh, compare, and say what the run did: "DIFFERENTIAL +1 ~2 -3" are rows
 * inserted, updated and deleted. Raises unless the action is the wanted one
 * and a differential run has no reason to be something else. NO_DATA also
 * stands for a run that left no row in the history, and DELTA for either of
 * NO_DATA and DIFFERENTIAL.
 *
 * A recompute in disguise is an error as well: a run that read more rows or
 * pages than max_rows and max_pages, by default a constant times the changed
 * rows, which only a source of thousands of rows exceeds.
 */
CREATE FUNCTION test.refresh(name text, wanted text DEFAULT 'DIFFERENTIAL', max_rows bigint DEFAULT NULL, max_pages bigint DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $function$
DECLARE
    last bigint := test.last_run_id(name);
    run pgtrickle.pgt_refresh_history;
    changed bigint;
    before record;
    after record;
BEGIN
    before := test.reads();
    PERFORM pgtrickle.refresh_stream_table(name);
    after := test.reads();
    PERFORM test.assert_fresh(name);
    SELECT * INTO run FROM pgtrickle.pgt_refresh_history
     WHERE refresh_id = test.last_run_id(name) AND refresh_id > last;
    IF wanted = 'DELTA' THEN
        wanted := CASE WHEN coalesce(run.action, 'NO_DATA') = 'NO_DATA' THEN 'NO_DATA' ELSE 'DIFFERENTIAL' END;
    END IF;
    IF coalesce(run.action, 'NO_DATA') <> wanted OR
       (wanted = 'DIFFERENTIAL' AND run.refresh_reason IS NOT NULL) OR
       run.refresh_reason = 'inconsistent' OR run.status <> 'COMPLETED' THEN
        RAISE EXCEPTION '% was refreshed as %, wanted %', name, coalesce(run.action, 'NO_DATA'), wanted
            USING DETAIL = 'reason: ' || coalesce(run.refresh_reason, 'none');
    END IF;
    IF wanted IN ('DIFFERENTIAL', 'NO_DATA') THEN
        changed := coalesce(run.delta_row_count + run.rows_inserted + run.rows_updated + run.rows_deleted, 0);
        max_rows := coalesce(max_rows, 3000 + 100 * changed);
        max_pages := coalesce(max_pages, 3000 + 100 * changed);
    END IF;
    IF after.rows - before.rows > max_rows OR after.pages - before.pages > max_pages THEN
        RAISE EXCEPTION '% was recomputed in disguise', name
            USING DETAIL = format('read %s rows and %s pages, allowed are %s and %s',
                                  after.rows - before.rows, after.pages - before.pages, max_rows, max_pages);
    END IF;
    RETURN wanted || format(' +%s ~%s -%s', run.rows_inserted, run.rows_updated, run.rows_deleted)
        || coalesce(': ' || run.refresh_reason, '');
END $function$;

/* Create, explicitly incremental, and compare. */
CREATE FUNCTION test.create(name text, query text, mode text DEFAULT 'DIFFERENTIAL') RETURNS text
LANGUAGE plpgsql AS $function$
BEGIN
    PERFORM pgtrickle.create_stream_table(name, query, refresh_mode => mode);
    PERFORM test.assert_fresh(name);
    RETURN (SELECT refresh_mode FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = name::regclass);
END $function$;

/* Refresh every stream table of the search_path; sources come before readers. */
CREATE FUNCTION test.refresh_all(wanted text DEFAULT 'DIFFERENTIAL')
RETURNS TABLE (stream_table text, run text) LANGUAGE plpgsql AS $function$
BEGIN
    FOR stream_table IN
        SELECT pgt_relid::regclass::text FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id
    LOOP
        run := test.refresh(stream_table, wanted);
        RETURN NEXT;
    END LOOP;
END $function$;

/*
 * Drop every stream table, readers first. That a row was not where the delta
 * expected it is a defect, although the recompute made up for it (rule A4).
 */
CREATE FUNCTION test.drop_all() RETURNS void LANGUAGE plpgsql AS $function$
DECLARE
    name text;
BEGIN
    SELECT pgt_name INTO name FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
     WHERE refresh_reason = 'inconsistent' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% was recomputed because its contents did not fit its delta', name;
    END IF;
    FOR name IN
        SELECT format('%I.%I', pgt_schema, pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id DESC
    LOOP
        PERFORM pgtrickle.drop_stream_table(name);
    END LOOP;
END $function$;

/*
 * Number stream tables from 1 again: creation says the number in an INFO line.
 * Only while there is none.
 */
CREATE FUNCTION test.restart_numbers() RETURNS void LANGUAGE sql AS $$
    SELECT setval('pgtrickle.pgt_stream_tables_pgt_id_seq', 1, false)
     WHERE NOT EXISTS (SELECT FROM pgtrickle.pgt_stream_tables)
$$;

/*
 * Does the server lack something that not every build has: icu, xml, or an
 * extension by its name? A test of it ends there. The setting test.lacks, a list
 * separated by commas, plays such a server.
 */
CREATE FUNCTION test.lacks(feature text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF feature = ANY (string_to_array(current_setting('test.lacks', true), ',')) THEN
        RETURN true;
    ELSIF feature = 'icu' THEN
        CREATE COLLATION test.icu (provider = icu, locale = 'und');
        DROP COLLATION test.icu;
        RETURN false;
    ELSIF feature = 'xml' THEN
        PERFORM xmlparse(content '<a/>');
        RETURN false;
    END IF;
    RETURN NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = feature);
EXCEPTION WHEN feature_not_supported THEN
    RETURN true;
END $$;
