-- Schedules: what is accepted and how it is stored, and what is refused.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int PRIMARY KEY);
SELECT test.create('api_st', 'SELECT id FROM api_t');
-- what is stored for each, or the error
CREATE FUNCTION pg_temp.try(schedule text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    code text;
    detail text;
BEGIN
    PERFORM pgtrickle.alter_stream_table('api_st', schedule => try.schedule);
    RETURN (SELECT coalesce('"' || t.schedule || '"', 'calculated') FROM pgtrickle.pgt_stream_tables AS t);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
    RETURN code || ' ' || coalesce(nullif(detail, ''), SQLERRM);
END $$;
\pset format unaligned
\pset tuples_only on
SELECT s, pg_temp.try(s) FROM unnest(ARRAY[
    'calculated', 'CALCULATED', ' Calculated ', 'on commit', ' On COMMIT ', '1', '90', '90s', '1h30m', '2d12h', '1w', ' 5m ',
    '@hourly', '@Daily', '@weekly', '@monthly', '@yearly', '@annually',
    '* * * * *', '*/5 * * * *', '0 0 1 1 *', '59 23 31 12 7', '0 12 * * MON-FRI', '0 0 * jan,jul sun', '1-5,10-20/2 * * * *',
    '30 0 0 * * *', '*/10 * * * * *', E'5\t4 * * *', '0  3 * *  *', ' 0 0 * * 0 ']) AS s;
SELECT s, pg_temp.try(s) FROM unnest(ARRAY[
    '', ' ', 'on', 'commit', 'on  commit', 'on commits', '0', '0s', '-1s', '+1s', '1.5h', '1 h', '5M', '1y', '1mo', '1h30', 'h', 'soon', '99999999999s', '900000000w',
    '@midnight', '@reboot', '@every 5m', '@', '* * * *', '* * * * * * *', '61 * * * *', '60 * * * *', '* 24 * * *', '* * 0 * *',
    '* * 32 * *', '* * * 0 *', '* * * 13 *', '* * * * 8', '60 * * * * *', '5-1 * * * *', '*/0 * * * *', '*/60 * * * *', '* * * * FRI-MON',
    '* * * FOO *', '* MON * * *', '1- * * * *', '1, * * * *', ',1 * * * *', '1/ * * * *', '** * * * *', '1-2-3 * * * *', '? * * * *',
    '1;2 * * * *', '99999999999999999999 * * * *', '* * L * *', 'é * * * *']) AS s;
\pset format aligned
\pset tuples_only off
-- the shortest duration is a setting; cron expressions have none, nor has what follows commits
SET pg_trickle.min_schedule_seconds = 60;
SELECT pgtrickle.alter_stream_table('api_st', schedule => '59s');
SELECT pgtrickle.alter_stream_table('api_st', schedule => '1m');
SELECT pgtrickle.alter_stream_table('api_st', schedule => '* * * * * *');
SELECT pgtrickle.alter_stream_table('api_st', schedule => 'on commit');
RESET pg_trickle.min_schedule_seconds;
SELECT schedule, effective_schedule, pgtrickle.next_fire_time(schedule, '2026-01-01 UTC') AT TIME ZONE 'UTC' AS next
  FROM pgtrickle.pgt_stream_tables JOIN pgtrickle.freshness() USING (pgt_id);
-- the message names the text, and creation reads schedules the same way
SELECT pgtrickle.create_stream_table('api_x', 'SELECT id FROM api_t', schedule => '61 * * * *');
SELECT pgtrickle.create_stream_table('api_x', 'SELECT id FROM api_t', schedule => NULL);
SELECT test.drop_all();
DROP TABLE api_t;
