-- When schedules fire.
SET timezone = 'UTC';
CREATE FUNCTION pg_temp.fires(schedule text, after timestamptz, n int) RETURNS SETOF timestamptz LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..n LOOP
        after := pgtrickle.next_fire_time(schedule, after);
        RETURN NEXT after;
    END LOOP;
END $$;
SELECT pgtrickle.next_fire_time('1h30m', '2026-01-01 00:00:00Z');
SELECT pgtrickle.next_fire_time('calculated', '2026-01-01 00:00:00Z');
-- after, not at
SELECT * FROM pg_temp.fires('*/15 * * * *', '2026-01-01 00:15:00Z', 3);
SELECT * FROM pg_temp.fires('5-10/2 3,4 * * *', '2026-01-01 03:06:00Z', 4);
SELECT * FROM pg_temp.fires('*/20 59 * * * *', '2026-01-01 00:59:19.5Z', 3);
SELECT * FROM pg_temp.fires('10/20 * * * *', '2026-01-01 00:00:00Z', 4);
-- both days: either is enough, unless one is a star
SELECT * FROM pg_temp.fires('0 0 13 * 5', '2026-02-01 00:00:00Z', 4);
SELECT * FROM pg_temp.fires('0 0 * * 7', '2026-02-01 00:00:00Z', 2);
SELECT * FROM pg_temp.fires('0 0 * * SUN', '2026-02-01 00:00:00Z', 2);
SELECT * FROM pg_temp.fires('@monthly', '2026-11-30 00:00:00Z', 3);
SELECT * FROM pg_temp.fires('@yearly', '2026-11-30 00:00:00Z', 2);
-- leap years; never
SELECT * FROM pg_temp.fires('0 12 29 2 *', '2096-03-01 00:00:00Z', 2);
SELECT pgtrickle.next_fire_time('0 0 30 2 *', '2026-01-01 00:00:00Z');
-- another time zone: its midnight
SELECT * FROM pg_temp.fires('CRON_TZ=Asia/Kolkata 0 0 * * *', '2026-01-01 00:00:00Z', 2);
SELECT * FROM pg_temp.fires('CRON_TZ=Europe/Berlin @daily', '2026-01-01 00:00:00Z', 1);
-- clocks put forward (2026-03-29, 2:00 becomes 3:00): what is left out fires at the end of the gap, once
SELECT * FROM pg_temp.fires('CRON_TZ=Europe/Berlin 30 2 * * *', '2026-03-27 12:00:00Z', 3);
SELECT * FROM pg_temp.fires('CRON_TZ=Europe/Berlin 15,45 2 * * *', '2026-03-29 00:00:00Z', 2);
SELECT * FROM pg_temp.fires('CRON_TZ=Europe/Berlin 30 * * * *', '2026-03-29 00:00:00Z', 3);
SELECT * FROM pg_temp.fires('CRON_TZ=Australia/Lord_Howe 15 2 * * *', '2026-10-03 00:00:00Z', 2);
-- clocks put back (2026-10-25, 3:00 becomes 2:00): once, but every hour if it says so
SELECT * FROM pg_temp.fires('CRON_TZ=Europe/Berlin 30 2 * * *', '2026-10-24 12:00:00Z', 2);
SELECT * FROM pg_temp.fires('CRON_TZ=Europe/Berlin 30 * * * *', '2026-10-24 23:00:00Z', 4);
-- what is no schedule
\set VERBOSITY terse
SELECT pgtrickle.next_fire_time('CRON_TZ=Nowhere/Atall 0 0 * * *');
SELECT pgtrickle.next_fire_time('0 0 * *');
SELECT pgtrickle.next_fire_time(NULL) IS NULL AS is_null;
