-- get_refresh_history: what is recorded, and what readers see of it.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE ROLE api_owner;
CREATE ROLE api_stats;
CREATE ROLE api_reader;
GRANT pg_read_all_stats TO api_stats;
GRANT USAGE ON SCHEMA pgtrickle TO api_owner, api_stats, api_reader;
GRANT CREATE ON SCHEMA public TO api_owner;
SET ROLE api_owner;
CREATE TABLE api_t (id int PRIMARY KEY, a text);
INSERT INTO api_t VALUES (1, '1'), (2, '2'), (3, '3');
SELECT pgtrickle.create_stream_table('api_st', 'SELECT id, 10 / (a::int - 5) AS q FROM api_t');
INSERT INTO api_t VALUES (4, '4');
UPDATE api_t SET a = '10' WHERE id = 1;
DELETE FROM api_t WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('api_st');
-- nothing to do leaves no row
SELECT pgtrickle.refresh_stream_table('api_st');
TRUNCATE api_t;
INSERT INTO api_t VALUES (7, '7');
SELECT pgtrickle.refresh_stream_table('api_st');
RESET ROLE;
CREATE FUNCTION pg_temp.history() RETURNS TABLE (action text, status text, inserted bigint, updated bigint, deleted bigint, delta bigint, times boolean, parts boolean, error text, reason text)
LANGUAGE sql AS $$
    SELECT action, status, rows_inserted, rows_updated, rows_deleted, delta_row_count,
           duration_ms > 0 AND start_time <= end_time AND data_timestamp <= end_time,
           read_ms >= 0 AND delta_ms >= 0 AND apply_ms > 0 AND read_ms + delta_ms + apply_ms <= duration_ms + 0.1, error_message, refresh_reason
      FROM pgtrickle.get_refresh_history('public.api_st') $$;
SELECT * FROM pg_temp.history();
SELECT action, rows_inserted FROM pgtrickle.get_refresh_history('api_st', 1);
SELECT count(*) FROM pgtrickle.get_refresh_history('api_st', 0);
\set VERBOSITY sqlstate
SELECT * FROM pgtrickle.get_refresh_history('api_st', -1);
SELECT * FROM pgtrickle.get_refresh_history('api_missing');
SELECT * FROM pgtrickle.get_refresh_history('api_t');
\set VERBOSITY default
-- without any right on the table or the history: figures, but no text that may hold values
SET ROLE api_reader;
SELECT count(*), count(rows_inserted) AS figures, count(refresh_reason) AS reasons FROM pgtrickle.get_refresh_history('api_st');
\set VERBOSITY sqlstate
SELECT count(*) FROM pgtrickle.pgt_refresh_history;
\set VERBOSITY default
SET ROLE api_stats;
SELECT count(*), count(rows_inserted) AS figures, count(refresh_reason) AS reasons FROM pgtrickle.get_refresh_history('api_st');
SET ROLE api_owner;
SELECT count(*), count(rows_inserted) AS figures, count(refresh_reason) AS reasons FROM pgtrickle.get_refresh_history('api_st');
-- the other functions for readers
SET ROLE api_reader;
SELECT name, status, refresh_mode FROM pgtrickle.pgt_status();
SELECT source_table, columns_used FROM pgtrickle.list_sources('api_st');
SELECT stream_table, source_table, pending_rows, buffer_bytes > 0 AS bytes FROM pgtrickle.change_buffer_sizes();
SELECT tree_line FROM pgtrickle.dependency_tree();
SELECT full_reason FROM pgtrickle.stream_table_reasons;
RESET ROLE;
SELECT test.assert_fresh('api_st');
-- changes that wait, for each of two readers
SELECT pgtrickle.create_stream_table('api_late', 'SELECT a FROM api_t');
SELECT pgtrickle.create_stream_table('api_full', 'SELECT a, percent_rank() OVER (ORDER BY id) AS r FROM api_t TABLESAMPLE system (100)');
INSERT INTO api_t VALUES (8, '8'), (9, '9');
UPDATE api_t SET a = '80' WHERE id = 8;
SELECT stream_table, pending_rows FROM pgtrickle.change_buffer_sizes();
SELECT test.refresh('api_late');
BEGIN;
DELETE FROM api_t WHERE id = 9;
SELECT stream_table, pending_rows FROM pgtrickle.change_buffer_sizes();
ROLLBACK;
SELECT stream_table, pending_rows FROM pgtrickle.change_buffer_sizes();
TRUNCATE api_t;
SELECT stream_table, pending_rows FROM pgtrickle.change_buffer_sizes();
SELECT test.refresh('api_late', 'FULL');
SELECT stream_table, pending_rows FROM pgtrickle.change_buffer_sizes();
-- rules C13, I5: what finds nothing writes the first time, and then that it did at most every 5 seconds
CREATE FUNCTION pg_temp.written() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before record;
    after record;
BEGIN
    SELECT xmin, last_refresh_at, data_timestamp INTO before FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'api_late';
    PERFORM pgtrickle.refresh_stream_table('api_late');
    SELECT xmin, last_refresh_at, data_timestamp, effective_refresh_mode AS mode INTO after FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'api_late';
    RETURN after.mode || CASE WHEN after.xmin = before.xmin THEN ', nothing written'
                              WHEN after.last_refresh_at > before.last_refresh_at AND after.data_timestamp > before.data_timestamp THEN ', written' END;
END $$;
SELECT pg_temp.written();
SELECT pg_temp.written();
SELECT pg_temp.written();
UPDATE pgtrickle.pgt_stream_tables SET last_refresh_at = last_refresh_at - interval '6 seconds' WHERE pgt_name = 'api_late';
SELECT pg_temp.written();
SELECT pg_temp.written();
INSERT INTO api_t VALUES (1, '1');
SELECT pg_temp.written();
SELECT test.drop_all();
DROP TABLE api_t;
REVOKE USAGE ON SCHEMA pgtrickle FROM api_owner, api_stats, api_reader;
DROP OWNED BY api_owner, api_stats, api_reader;
DROP ROLE api_owner, api_stats, api_reader;
