-- What each kind of window function over all rows in one order costs, without PARTITION BY
-- (rule E10): ./dev psql -v rows=1000000 -f bench/windows.sql
-- Elapsed ms of REFRESH MATERIALIZED VIEW, of the creation, and of refreshes after changes; "D" followed
-- the change, "F" recomputed. Each kind by itself; the second of two refreshes counts.
\set ON_ERROR_STOP on
\if :{?rows}
\else
\set rows 1000000
\endif
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS e10 CASCADE;
CREATE SCHEMA e10;
SET search_path = e10, public;
SET pg_trickle.refresh_strategy = auto;
SELECT set_config('e10.rows', :'rows', false) \gset
CREATE TABLE t (id int PRIMARY KEY, at timestamptz NOT NULL, v int NOT NULL, w int NOT NULL);
INSERT INTO t SELECT x, '2024-01-01'::timestamptz + x * interval '1 minute', x % 100, x % 7 FROM generate_series(1, current_setting('e10.rows')::int) AS x;
VACUUM ANALYZE t;
CREATE TABLE kinds (number serial, kind text, expression text);
INSERT INTO kinds (kind, expression) VALUES
    ('lag', 'lag(v) OVER (ORDER BY at)'),
    ('sum, ROWS 10 PRECEDING', 'sum(v) OVER (ORDER BY at ROWS 10 PRECEDING)'),
    ('sum, RANGE 1 hour PRECEDING', 'sum(v) OVER (ORDER BY at RANGE ''1 hour'' PRECEDING)'),
    ('row_number', 'row_number() OVER (ORDER BY at)'),
    ('rank', 'rank() OVER (ORDER BY at)'),
    ('running sum', 'sum(v) OVER (ORDER BY at)'),
    ('running max', 'max(v) OVER (ORDER BY at)'),
    ('first_value', 'first_value(v) OVER (ORDER BY at)'),
    ('percent_rank', 'percent_rank() OVER (ORDER BY at)'),
    ('ntile', 'ntile(100) OVER (ORDER BY at)'),
    ('row_number, no order', 'row_number() OVER ()'),
    ('sum, no order', 'sum(v) OVER ()'),
    ('nth_value', 'nth_value(v, 5) OVER (ORDER BY at)');
CREATE TABLE changes (number serial, change text, statement text);
INSERT INTO changes (change, statement) VALUES
    ('appended', 'INSERT INTO t SELECT m + x, ''2024-01-01''::timestamptz + (m + x) * interval ''1 minute'', x % 100, x % 7 FROM generate_series(1, 1000) AS x, (SELECT max(id) AS m FROM t) AS y'),
    ('middle', 'UPDATE t SET v = v + 1 WHERE id = @rows / 2'),
    ('near_end', 'UPDATE t SET v = v + 1 WHERE id = @rows - 1000'),
    ('apart', 'UPDATE t SET v = u.v FROM t AS u WHERE (t.id, u.id) IN ((100, 101), (101, 100), (@rows - 101, @rows - 100), (@rows - 100, @rows - 101))'),
    ('unread', 'UPDATE t SET w = w + 1 WHERE id < 1000');
CREATE TABLE results (kind int, what text, ms numeric, action text);

CREATE PROCEDURE measure(number int, expression text) LANGUAGE plpgsql AS $$
DECLARE
    start timestamptz;
    change record;
BEGIN
    EXECUTE format('CREATE MATERIALIZED VIEW m AS SELECT id, at, v, %s AS x FROM t', expression);
    start := clock_timestamp();
    REFRESH MATERIALIZED VIEW m;
    INSERT INTO results VALUES (number, 'refresh', extract(epoch FROM clock_timestamp() - start) * 1000, '');
    DROP MATERIALIZED VIEW m;
    COMMIT;
    start := clock_timestamp();
    PERFORM pgtrickle.create_stream_table('s', format('SELECT id, at, v, %s AS x FROM t', expression));
    INSERT INTO results VALUES (number, 'creation', extract(epoch FROM clock_timestamp() - start) * 1000, '');
    COMMIT;
    FOR change IN SELECT * FROM changes ORDER BY changes.number LOOP
        FOR turn IN 1..2 LOOP
            EXECUTE replace(change.statement, '@rows', current_setting('e10.rows'));
            COMMIT;
            start := clock_timestamp();
            PERFORM pgtrickle.refresh_stream_table('s');
            INSERT INTO results SELECT number, change.change, extract(epoch FROM clock_timestamp() - start) * 1000, left(effective_refresh_mode, 1)
              FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 's' AND pgt_schema = 'e10' AND turn = 2;
            COMMIT;
        END LOOP;
    END LOOP;
    PERFORM pgtrickle.drop_stream_table('s');
    COMMIT;
END $$;
SELECT format('CALL measure(%s, %L)', number, expression) FROM kinds ORDER BY number \gexec

SELECT k.kind, string_agg(round(ms)::text, '') FILTER (WHERE what = 'refresh') AS "REFRESH", string_agg(round(ms)::text, '') FILTER (WHERE what = 'creation') AS creation,
       string_agg(action || ' ' || round(ms), '') FILTER (WHERE what = 'appended') AS "1,000 appended",
       string_agg(action || ' ' || round(ms), '') FILTER (WHERE what = 'middle') AS "1 in the middle",
       string_agg(action || ' ' || round(ms), '') FILTER (WHERE what = 'near_end') AS "1 near the end",
       string_agg(action || ' ' || round(ms), '') FILTER (WHERE what = 'apart') AS "2 + 2 far apart",
       string_agg(action || ' ' || round(ms), '') FILTER (WHERE what = 'unread') AS "1,000, column not read"
  FROM results AS r JOIN kinds AS k ON k.number = r.kind GROUP BY k.number, k.kind ORDER BY k.number;
DROP SCHEMA e10 CASCADE;
