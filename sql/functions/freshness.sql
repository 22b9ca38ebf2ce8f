-- How old the contents of stream tables are: the one definition that all views use (rule K30).

CREATE OR REPLACE FUNCTION pgtrickle.is_stream_table_reader(stream_table oid)
RETURNS boolean LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'st_sql_is_stream_table_reader';
COMMENT ON FUNCTION pgtrickle.is_stream_table_reader(oid) IS
    'May the caller see what a stream table says about itself, as error messages, which may hold values? Its owner, members of that role and pg_read_all_stats may. False for a relation that is gone.';

CREATE OR REPLACE FUNCTION pgtrickle.readable_stream_table_id(name text)
RETURNS bigint LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'st_sql_readable_stream_table_id';
COMMENT ON FUNCTION pgtrickle.readable_stream_table_id(text) IS
    'Identifier of a stream table by its name, for those who may see what it says about itself. Errors: 42P01 unknown, 42501 neither the owner nor pg_read_all_stats.';

CREATE OR REPLACE FUNCTION pgtrickle.launcher_pid()
RETURNS integer LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'st_sql_launcher_pid';
COMMENT ON FUNCTION pgtrickle.launcher_pid() IS 'Process that starts the schedulers of the server; NULL: there is none.';

CREATE OR REPLACE FUNCTION pgtrickle.pending_since(pgt_id bigint, source oid)
RETURNS timestamptz LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'st_sql_pending_since';
COMMENT ON FUNCTION pgtrickle.pending_since(bigint, oid) IS
    'When the oldest change of a source was committed that a stream table has still to consume; NULL: none; -infinity: not known, or it will be recomputed. Looks at a few rows of the change log and keeps no lock.';

CREATE OR REPLACE FUNCTION pgtrickle.parse_duration_seconds(input text)
RETURNS bigint LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'st_sql_parse_duration_seconds';
COMMENT ON FUNCTION pgtrickle.parse_duration_seconds(text) IS
    'Seconds of a duration as schedules have it (90, 30s, 1h30m; units s, m, h, d, w); 1 for ''on commit''; NULL for anything else, cron expressions too.';

CREATE OR REPLACE FUNCTION pgtrickle.freshness(stream_table bigint DEFAULT NULL)
RETURNS TABLE(pgt_id bigint, pending boolean, pending_since timestamptz, lag interval, effective_schedule interval, stale boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off
BEGIN ATOMIC
    -- compiling would take seconds: estimates of recursive queries are high
    WITH RECURSIVE
    present AS MATERIALIZED (
        SELECT clock_timestamp() AS now,
               pgtrickle.scheduler_follows() AND current_setting('pg_trickle.enabled')::boolean AS followed,
               current_setting('pg_trickle.tiered_scheduling')::boolean AS tiered,
               make_interval(secs => current_setting('pg_trickle.default_schedule_seconds')::integer) AS otherwise),
    st AS MATERIALIZED (
        SELECT t.pgt_id, t.pgt_relid, t.refresh_mode, t.data_timestamp, t.schedule IS NULL AS calculated, t.schedule,
               pgtrickle.parse_duration_seconds(t.schedule) AS seconds, t.refresh_tier, t.freshness_deadline_ms,
               t.refresh_mode = 'FULL' OR t.needs_reinit OR NOT t.is_populated AS recomputed
          FROM pgtrickle.pgt_stream_tables t),
    edge AS MATERIALIZED (
        SELECT d.pgt_id AS reader, s.pgt_id AS upstream
          FROM pgtrickle.pgt_dependencies d
          JOIN st s ON s.pgt_relid = d.source_relid),
    -- the one that is asked for, and those above it
    wanted(pgt_id) AS (
        SELECT s.pgt_id FROM st s WHERE s.pgt_id = freshness.stream_table OR freshness.stream_table IS NULL
        UNION
        SELECT e.upstream FROM wanted w JOIN edge e ON e.reader = w.pgt_id),
    unread AS MATERIALIZED (
        SELECT d.pgt_id, min(pgtrickle.pending_since(d.pgt_id, d.source_relid)) AS since
          FROM pgtrickle.pgt_dependencies d
          JOIN wanted w ON w.pgt_id = d.pgt_id
         WHERE d.source_type <> 'VIEW'
         GROUP BY d.pgt_id),
    own AS MATERIALIZED (
        SELECT s.pgt_id, s.refresh_mode,
               CASE WHEN s.refresh_mode = 'IMMEDIATE' THEN NULL
                    WHEN s.recomputed THEN s.data_timestamp
                    WHEN u.since IS NOT NULL THEN greatest(u.since, s.data_timestamp) END AS since
          FROM st s
          JOIN wanted w ON w.pgt_id = s.pgt_id
          LEFT JOIN unread u ON u.pgt_id = s.pgt_id),
    -- what an upstream has not consumed yet, its readers have not either
    handed AS MATERIALIZED (
        SELECT e.reader, e.upstream
          FROM edge e
          JOIN own u ON u.pgt_id = e.upstream AND u.refresh_mode <> 'FULL'
          JOIN own r ON r.pgt_id = e.reader),
    behind(pgt_id, since) AS (
        SELECT o.pgt_id, o.since FROM own o WHERE o.since IS NOT NULL
        UNION
        SELECT h.reader, b.since FROM behind b JOIN handed h ON h.upstream = b.pgt_id),
    -- durations, and 'calculated' as often as the most frequent of those that read it
    followed AS MATERIALIZED (
        SELECT DISTINCT e.upstream
          FROM edge e
          JOIN st r ON r.pgt_id = e.reader
         WHERE r.calculated OR r.seconds IS NOT NULL),
    calculated AS MATERIALIZED (
        SELECT e.reader, e.upstream
          FROM edge e
          JOIN st u ON u.pgt_id = e.upstream
         WHERE u.calculated),
    every(pgt_id, every) AS (
        SELECT s.pgt_id,
               make_interval(secs => s.seconds
                   * CASE WHEN NOT p.tiered THEN 1 WHEN s.refresh_tier = 'warm' THEN 2 WHEN s.refresh_tier = 'cold' THEN 10 ELSE 1 END)
          FROM st s, present p
         WHERE s.seconds IS NOT NULL
        UNION
        SELECT s.pgt_id, p.otherwise
          FROM st s
          CROSS JOIN present p
          LEFT JOIN followed f ON f.upstream = s.pgt_id
         WHERE s.calculated AND f.upstream IS NULL
        UNION
        -- half of a service level
        SELECT s.pgt_id, make_interval(secs => s.freshness_deadline_ms / 2000.0)
          FROM st s
         WHERE s.freshness_deadline_ms IS NOT NULL AND (s.calculated OR s.seconds IS NOT NULL)
        UNION
        SELECT c.upstream, v.every FROM every v JOIN calculated c ON c.reader = v.pgt_id),
    age AS (
        SELECT t.pgt_id, t.refresh_mode, t.data_timestamp, b.since, v.every, p.now, t.schedule,
               t.refresh_tier = 'frozen' AND p.tiered AS frozen,
               CASE WHEN t.data_timestamp IS NULL THEN NULL
                    WHEN t.refresh_mode = 'IMMEDIATE' THEN interval '0'
                    WHEN NOT p.followed THEN p.now - t.data_timestamp
                    WHEN b.since IS NULL THEN interval '0'
                    ELSE greatest(p.now - b.since, interval '0')
               END AS lag
          FROM st t
          CROSS JOIN present p
          LEFT JOIN (SELECT x.pgt_id, min(x.since) AS since FROM behind x GROUP BY x.pgt_id) b ON b.pgt_id = t.pgt_id
          LEFT JOIN (SELECT x.pgt_id, min(x.every) AS every FROM every x GROUP BY x.pgt_id) v ON v.pgt_id = t.pgt_id
         WHERE t.pgt_id = freshness.stream_table OR freshness.stream_table IS NULL)
    SELECT a.pgt_id, a.since IS NOT NULL OR (a.data_timestamp IS NULL AND a.refresh_mode <> 'IMMEDIATE'), a.since, a.lag,
           CASE WHEN NOT a.frozen THEN a.every END,
           CASE WHEN a.lag IS NULL THEN NULL
                WHEN a.frozen THEN false
                WHEN a.every IS NOT NULL THEN a.lag > a.every + greatest(a.every / 10, interval '1 second')
                WHEN a.lag = interval '0' THEN false
                ELSE pgtrickle.next_fire_time(a.schedule, a.now - a.lag) + interval '1 minute' < a.now
           END
      FROM age a;
END;
COMMENT ON FUNCTION pgtrickle.freshness(bigint) IS
    'How old the contents of stream tables are, of all or of the one with this pgt_id. pending: something has changed that it does not contain yet, in its sources or those of its upstreams; mode FULL always is. pending_since: since when, at the earliest. lag: 0 if nothing is pending; otherwise, how long ago the oldest change was committed; without a scheduler, the time since its last refresh; NULL before its first. effective_schedule: the duration, with tier, readers and service level considered; NULL for cron expressions and frozen ones. stale: lag exceeds that by more than a tenth and more than a second, or a cron expression fired over a minute ago and the refresh has not come; never for frozen ones. Other functions and views take lag as staleness.';
