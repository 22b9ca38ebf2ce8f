-- Tables whose rows are updated have room for that in their pages.
\o /dev/null
SELECT test.restart_numbers();
CREATE FUNCTION pg_temp.rooms() RETURNS TABLE (rel name, options text[], pages_more numeric) LANGUAGE plpgsql AS $$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN SELECT oid FROM pg_class WHERE (relname ~ '^api_r_' AND relnamespace = 'public'::regnamespace AND relkind = 'r') OR
                           (relname ~ '^state_' AND relnamespace = 'pgtrickle_changes'::regnamespace AND relkind = 'r') ORDER BY relname LOOP
        EXECUTE format('CREATE TEMP TABLE full_copy AS TABLE %s', relation);
        -- those that hold rows; there are more where a table was extended by many at once
        EXECUTE format('SELECT round((SELECT count(DISTINCT split_part(ctid::text, %2$L, 1)) FROM %1$s)::numeric /
                                     (SELECT count(DISTINCT split_part(ctid::text, %2$L, 1)) FROM full_copy), 1)', relation, ',') INTO pages_more;
        SELECT relname, reloptions INTO rel, options FROM pg_class WHERE oid = relation;
        DROP TABLE full_copy;
        RETURN NEXT;
    END LOOP;
END $$;
\o
CREATE TABLE api_t (id int PRIMARY KEY, g int, n int);
INSERT INTO api_t SELECT i, i % 5000, i FROM generate_series(1, 10000) AS i;
SELECT pgtrickle.create_stream_table('api_r_rows', 'SELECT id, n FROM api_t', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('api_r_groups', 'SELECT g, avg(n) AS a FROM api_t GROUP BY g', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('api_r_full', 'SELECT id, n FROM api_t', refresh_mode => 'FULL');
-- of few rows nobody notices that there is more room than the fillfactor says
SELECT pgtrickle.create_stream_table('api_r_few', 'SELECT id, n FROM api_t WHERE id <= 999', refresh_mode => 'DIFFERENTIAL');
-- rows that only come and go
SELECT pgtrickle.create_stream_table('api_r_keyless', 'SELECT g, n FROM api_t', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('api_r_appended', 'SELECT id, n FROM api_t', refresh_mode => 'DIFFERENTIAL', append_only => true);
SELECT pgtrickle.create_stream_table('api_r_parts', 'SELECT id, n FROM api_t', refresh_mode => 'DIFFERENTIAL', partition_by => 'HASH:id:2');
SELECT * FROM pg_temp.rooms();
-- an update finds room beside what it replaces, time and again, and no index is written
BEGIN;
UPDATE api_t SET n = n + 1 WHERE id % 25 = 0;
SELECT test.refresh('api_r_rows');
SELECT test.refresh('api_r_groups');
UPDATE api_t SET n = n + 1 WHERE id % 25 = 0;
SELECT test.refresh('api_r_rows');
SELECT test.refresh('api_r_groups');
SELECT relname, n_tup_upd, n_tup_upd - n_tup_hot_upd AS elsewhere FROM pg_stat_xact_all_tables
 WHERE relname IN ('api_r_rows', 'api_r_groups') OR relname ~ '^state_' AND n_tup_upd > 0 ORDER BY relname;
COMMIT;
SELECT test.assert_fresh('api_r_rows');
SELECT test.assert_fresh('api_r_groups');
-- what somebody has set stays as it is
SELECT pgtrickle.create_stream_table('api_r_half', 'SELECT id, n FROM api_t', refresh_mode => 'DIFFERENTIAL', initialize => false);
ALTER TABLE api_r_half SET (fillfactor = 50, autovacuum_enabled = off);
SELECT pgtrickle.refresh_stream_table('api_r_half');
SELECT test.assert_fresh('api_r_half');
-- a recompute fills the states anew
TRUNCATE api_t;
INSERT INTO api_t SELECT i, i % 4000, i FROM generate_series(1, 10000) AS i;
SELECT test.refresh('api_r_groups', 'FULL');
SELECT * FROM pg_temp.rooms() WHERE rel = 'api_r_half' OR rel ~ 'state';
SELECT test.drop_all();
DROP TABLE api_t;
