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
RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE
           WHEN s.text ~ '^[0-9]{1,10}$' THEN s.text::bigint
           WHEN s.text ~ '^([0-9]{1,10}[smhdw])+$' THEN
               (SELECT sum(part[1]::bigint * CASE part[2] WHEN 's' THEN 1 WHEN 'm' THEN 60 WHEN 'h' THEN 3600
                                                          WHEN 'd' THEN 86400 ELSE 604800 END)::bigint
                  FROM regexp_matches(s.text, '([0-9]+)([smhdw])', 'g') AS part)
           END
      FROM (SELECT btrim(input)) AS s(text);
END;
COMMENT ON FUNCTION pgtrickle.parse_duration_seconds(text) IS
    'Seconds of a duration as schedules have it (90, 30s, 1h30m; units s, m, h, d, w); NULL for anything else, cron expressions too.';

CREATE OR REPLACE FUNCTION pgtrickle.freshness(stream_table bigint DEFAULT NULL)
RETURNS TABLE(pgt_id bigint, pending boolean, pending_since timestamptz, lag interval, effective_schedule interval, stale boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE
    present AS MATERIALIZED (
        SELECT clock_timestamp() AS now,
               pgtrickle.scheduler_pid() IS NOT NULL AND current_setting('pg_trickle.enabled')::boolean AS followed,
               current_setting('pg_trickle.tiered_scheduling')::boolean AS tiered,
               make_interval(secs => current_setting('pg_trickle.default_schedule_seconds')::integer) AS otherwise),
    edge AS MATERIALIZED (
        SELECT d.pgt_id AS reader, t.pgt_id AS upstream
          FROM pgtrickle.pgt_dependencies d
          JOIN pgtrickle.pgt_stream_tables t ON t.pgt_relid = d.source_relid),
    -- the one that is asked for, and those above it
    wanted(pgt_id) AS (
        SELECT t.pgt_id FROM pgtrickle.pgt_stream_tables t
         WHERE t.pgt_id = freshness.stream_table OR freshness.stream_table IS NULL
        UNION
        SELECT e.upstream FROM wanted w JOIN edge e ON e.reader = w.pgt_id),
    own AS MATERIALIZED (
        SELECT t.pgt_id,
               CASE WHEN t.refresh_mode = 'IMMEDIATE' THEN NULL
                    WHEN t.refresh_mode = 'FULL' OR t.needs_reinit OR NOT t.is_populated THEN t.data_timestamp
                    ELSE (SELECT min(pgtrickle.pending_since(d.pgt_id, d.source_relid))
                            FROM pgtrickle.pgt_dependencies d
                           WHERE d.pgt_id = t.pgt_id AND d.source_type <> 'VIEW')
               END AS since,
               t.data_timestamp, t.refresh_mode
          FROM pgtrickle.pgt_stream_tables t
          JOIN wanted w USING (pgt_id)),
    -- what an upstream has not consumed yet, its readers have not either
    behind(pgt_id, since) AS (
        SELECT o.pgt_id, greatest(o.since, o.data_timestamp) FROM own o WHERE o.since IS NOT NULL
        UNION
        SELECT e.reader, b.since
          FROM behind b
          JOIN edge e ON e.upstream = b.pgt_id
          JOIN own u ON u.pgt_id = b.pgt_id
          JOIN own r ON r.pgt_id = e.reader
         WHERE u.refresh_mode <> 'FULL'),
    -- durations, and 'calculated' as often as the most frequent of those that read it
    every(pgt_id, every) AS (
        SELECT t.pgt_id,
               make_interval(secs => pgtrickle.parse_duration_seconds(t.schedule)
                   * CASE WHEN NOT p.tiered THEN 1 WHEN t.refresh_tier = 'warm' THEN 2 WHEN t.refresh_tier = 'cold' THEN 10 ELSE 1 END)
          FROM pgtrickle.pgt_stream_tables t, present p
         WHERE pgtrickle.parse_duration_seconds(t.schedule) IS NOT NULL
        UNION
        SELECT t.pgt_id, p.otherwise
          FROM pgtrickle.pgt_stream_tables t, present p
         WHERE t.schedule IS NULL
           AND NOT EXISTS (SELECT 1 FROM edge e
                             JOIN pgtrickle.pgt_stream_tables r ON r.pgt_id = e.reader
                            WHERE e.upstream = t.pgt_id
                              AND (r.schedule IS NULL OR pgtrickle.parse_duration_seconds(r.schedule) IS NOT NULL))
        UNION
        -- half of a service level
        SELECT t.pgt_id, make_interval(secs => t.freshness_deadline_ms / 2000.0)
          FROM pgtrickle.pgt_stream_tables t
         WHERE t.freshness_deadline_ms IS NOT NULL
           AND (t.schedule IS NULL OR pgtrickle.parse_duration_seconds(t.schedule) IS NOT NULL)
        UNION
        SELECT e.upstream, v.every
          FROM every v
          JOIN edge e ON e.reader = v.pgt_id
          JOIN pgtrickle.pgt_stream_tables t ON t.pgt_id = e.upstream
         WHERE t.schedule IS NULL),
    age AS (
        SELECT t.pgt_id, t.refresh_mode, t.data_timestamp, b.since, v.every, p.now, t.schedule,
               t.refresh_tier = 'frozen' AND p.tiered AS frozen,
               CASE WHEN t.data_timestamp IS NULL THEN NULL
                    WHEN t.refresh_mode = 'IMMEDIATE' THEN interval '0'
                    WHEN NOT p.followed THEN p.now - t.data_timestamp
                    WHEN b.since IS NULL THEN interval '0'
                    ELSE greatest(p.now - b.since, interval '0')
               END AS lag
          FROM pgtrickle.pgt_stream_tables t
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
