-- How stream tables are doing: figures of their refreshes, health, what to do about errors. All read-only.

CREATE OR REPLACE FUNCTION pgtrickle.pgt_status()
RETURNS TABLE(name text, status text, refresh_mode text, is_populated boolean, consecutive_errors integer,
              schedule text, data_timestamp timestamptz, staleness interval, scc_id integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.pgt_schema || '.' || t.pgt_name, t.status, t.refresh_mode, t.is_populated, t.consecutive_errors,
           t.schedule, t.data_timestamp, f.lag, t.scc_id
      FROM pgtrickle.pgt_stream_tables t
      JOIN pgtrickle.freshness() f USING (pgt_id)
     ORDER BY t.pgt_schema, t.pgt_name;
END;
COMMENT ON FUNCTION pgtrickle.pgt_status() IS 'One row per stream table: status, mode, schedule and how old its contents are (staleness is lag of freshness()).';

CREATE OR REPLACE FUNCTION pgtrickle.get_staleness(name text)
RETURNS double precision LANGUAGE sql STABLE STRICT
BEGIN ATOMIC
    SELECT extract(epoch FROM f.lag)::double precision FROM pgtrickle.freshness(pgtrickle.stream_table_id(get_staleness.name)) f;
END;
COMMENT ON FUNCTION pgtrickle.get_staleness(text) IS
    'How old the contents of a stream table are, in seconds: 0 if nothing has changed that it does not contain; NULL before its first refresh. See freshness(). Error: 42P01 unknown.';

CREATE OR REPLACE FUNCTION pgtrickle.st_auto_threshold(name text)
RETURNS double precision LANGUAGE sql STABLE STRICT
BEGIN ATOMIC
    SELECT coalesce(t.auto_threshold, current_setting('pg_trickle.differential_max_change_ratio')::double precision)
      FROM pgtrickle.pgt_stream_tables t WHERE t.pgt_id = pgtrickle.stream_table_id(st_auto_threshold.name);
END;
COMMENT ON FUNCTION pgtrickle.st_auto_threshold(text) IS
    'Share of the rows of a source (at least 1000) above whose change a stream table of mode AUTO tries a recompute before any was measured: its own, or pg_trickle.differential_max_change_ratio. Afterwards measurements decide. 0: never. Error: 42P01 unknown.';

CREATE OR REPLACE FUNCTION pgtrickle.st_refresh_stats()
RETURNS TABLE(pgt_name text, pgt_schema text, status text, refresh_mode text, is_populated boolean, total_refreshes bigint,
              successful_refreshes bigint, failed_refreshes bigint, total_rows_inserted bigint, total_rows_deleted bigint,
              avg_duration_ms double precision, last_refresh_action text, last_refresh_status text, last_refresh_at timestamptz,
              staleness_secs double precision, stale boolean, consecutive_errors integer, schedule text, refresh_tier text,
              last_error_message text, downstream_publication text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.pgt_name, t.pgt_schema, t.status, t.refresh_mode, t.is_populated, c.total, c.completed, c.failed,
           c.rows_inserted, c.rows_deleted, coalesce(c.mean_ms, 0),
           h.action, h.status, t.last_refresh_at, extract(epoch FROM f.lag)::double precision, f.stale,
           t.consecutive_errors, t.schedule, t.refresh_tier,
           t.last_error_message, t.downstream_publication_name
      FROM pgtrickle.stream_tables_info t
      JOIN pgtrickle.freshness() f USING (pgt_id)
      JOIN pgtrickle.refresh_counts c USING (pgt_id)
      LEFT JOIN LATERAL (SELECT r.action, r.status FROM pgtrickle.refresh_runs r
                          WHERE r.pgt_id = t.pgt_id ORDER BY r.refresh_id DESC LIMIT 1) h ON true
     ORDER BY t.pgt_schema, t.pgt_name;
END;
COMMENT ON FUNCTION pgtrickle.st_refresh_stats() IS
    'One row per stream table: its refreshes since it was created (0 if there are none; those of the scheduler are added every 10 seconds), mean duration of the completed ones in milliseconds, the last one in the history, and how old its contents are (freshness()). last_error_message is NULL for roles that are neither the owner nor pg_read_all_stats.';

CREATE OR REPLACE FUNCTION pgtrickle.refresh_timeline(max_rows integer DEFAULT 50)
RETURNS TABLE(start_time timestamptz, stream_table text, action text, status text, rows_inserted bigint, rows_deleted bigint,
              duration_ms double precision, error_message text)
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.start_time, r.pgt_schema || '.' || r.pgt_name, r.action, r.status, r.rows_inserted, r.rows_deleted, r.duration_ms, r.error_message
      FROM (SELECT h.start_time, h.pgt_schema, h.pgt_name, h.action, h.status, h.rows_inserted, h.rows_deleted, h.duration_ms, h.error_message,
                   h.refresh_id
              FROM pgtrickle.refresh_runs h
            UNION ALL
            SELECT p.started_at, t.pgt_schema, t.pgt_name,
                   CASE WHEN t.refresh_mode = 'FULL' OR t.needs_reinit OR NOT t.is_populated
                          OR (p.phase = 'recomputing' AND p.current_member = p.stream_table) THEN 'FULL' ELSE 'DIFFERENTIAL' END,
                   'RUNNING', NULL, NULL, NULL, NULL, NULL
              FROM pgtrickle.running_refreshes() p
              JOIN pgtrickle.pgt_stream_tables t ON t.pgt_relid = p.stream_table) r
     ORDER BY r.start_time DESC, r.refresh_id DESC
     LIMIT refresh_timeline.max_rows;
END;
COMMENT ON FUNCTION pgtrickle.refresh_timeline(integer) IS
    'The last refreshes of all stream tables, newest first, with those that are RUNNING (action: what it does with the one that was asked for, by what is known so far); durations in milliseconds. error_message is the error, or why one was left out (SKIPPED); it is NULL for roles that are neither the owner nor pg_read_all_stats. Error: 2201W negative max_rows.';

CREATE OR REPLACE FUNCTION pgtrickle.pgtrickle_refresh_stats()
RETURNS TABLE(stream_table text, mode text, avg_ms double precision, p95_ms double precision, p99_ms double precision,
              refresh_count bigint, last_refresh_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.pgt_schema || '.' || t.pgt_name, t.refresh_mode, coalesce(h.avg_ms, 0), coalesce(h.p95_ms, 0), coalesce(h.p99_ms, 0),
           coalesce(h.runs, 0), t.last_refresh_at
      FROM pgtrickle.pgt_stream_tables t
      LEFT JOIN (SELECT r.pgt_id, sum(r.duration_ms * r.runs) / sum(r.runs)::double precision AS avg_ms,
                        percentile_cont(0.95) WITHIN GROUP (ORDER BY r.duration_ms) AS p95_ms,
                        percentile_cont(0.99) WITHIN GROUP (ORDER BY r.duration_ms) AS p99_ms, sum(r.runs)::bigint AS runs
                   FROM pgtrickle.refresh_runs r WHERE r.status = 'COMPLETED' GROUP BY r.pgt_id) h USING (pgt_id)
     ORDER BY coalesce(h.avg_ms, 0) DESC, t.pgt_schema, t.pgt_name;
END;
COMMENT ON FUNCTION pgtrickle.pgtrickle_refresh_stats() IS
    'Per stream table mean, 95th and 99th percentile of the durations of its completed refreshes in milliseconds, over the history that is kept, slowest first; zeros if there are none.';

CREATE OR REPLACE FUNCTION pgtrickle.refresh_efficiency()
RETURNS TABLE(pgt_schema text, pgt_name text, refresh_mode text, total_refreshes bigint, diff_count bigint, full_count bigint,
              avg_diff_ms double precision, avg_full_ms double precision, avg_change_ratio double precision, diff_speedup text,
              last_refresh_at text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.pgt_schema, t.pgt_name, t.refresh_mode, coalesce(h.total, 0), coalesce(h.diffs, 0), coalesce(h.fulls, 0),
           h.diff_ms, h.full_ms, h.ratio, round((h.full_ms / nullif(h.diff_ms, 0))::numeric, 1)::text || 'x', t.last_refresh_at::text
      FROM pgtrickle.pgt_stream_tables t
      LEFT JOIN (SELECT r.pgt_id, sum(r.runs)::bigint AS total, sum(r.runs) FILTER (WHERE r.action = 'DIFFERENTIAL')::bigint AS diffs,
                        count(*) FILTER (WHERE r.action IN ('FULL', 'REINITIALIZE')) AS fulls,
                        sum(r.duration_ms * r.runs) FILTER (WHERE r.action = 'DIFFERENTIAL')
                            / sum(r.runs) FILTER (WHERE r.action = 'DIFFERENTIAL')::double precision AS diff_ms,
                        avg(r.duration_ms) FILTER (WHERE r.action IN ('FULL', 'REINITIALIZE')) AS full_ms,
                        avg(least(1, (r.rows_inserted + r.rows_updated + r.rows_deleted) / r.runs::double precision / greatest(c.reltuples, 1)))
                            FILTER (WHERE r.action = 'DIFFERENTIAL' AND c.reltuples >= 0) AS ratio
                   FROM pgtrickle.refresh_runs r
                   JOIN pgtrickle.pgt_stream_tables s USING (pgt_id)
                   JOIN pg_catalog.pg_class c ON c.oid = s.pgt_relid
                  WHERE r.status = 'COMPLETED' GROUP BY r.pgt_id) h USING (pgt_id)
     ORDER BY t.pgt_schema, t.pgt_name;
END;
COMMENT ON FUNCTION pgtrickle.refresh_efficiency() IS
    'Per stream table its completed refreshes in the history that is kept, by what they did, with mean durations in milliseconds. avg_change_ratio: mean share of its rows that a differential one changed, at most 1, by the planner''s estimate of their number (NULL before the first ANALYZE). diff_speedup: avg_full_ms by avg_diff_ms, as 3.2x; NULL if one of them is missing.';

CREATE OR REPLACE FUNCTION pgtrickle.metrics_summary()
RETURNS TABLE(db_name text, total_stream_tables bigint, active_stream_tables bigint, suspended_stream_tables bigint,
              total_refreshes bigint, successful_refreshes bigint, failed_refreshes bigint, total_rows_processed bigint,
              active_workers integer, ivm_lock_parse_error_count bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT current_database()::text, t.total, t.active, t.suspended, r.total, r.successful, r.failed, r.rows,
           CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN
               (SELECT count(*)::integer FROM pg_catalog.pg_stat_activity a
                 WHERE a.backend_type IN ('pg_trickle worker', 'pg_trickle scheduler') AND a.state = 'active') END,
           0::bigint
      FROM (SELECT count(*) AS total, count(*) FILTER (WHERE s.status = 'ACTIVE') AS active,
                   count(*) FILTER (WHERE s.status = 'SUSPENDED') AS suspended
              FROM pgtrickle.pgt_stream_tables s) t,
           (SELECT coalesce(sum(c.total), 0)::bigint AS total, coalesce(sum(c.completed), 0)::bigint AS successful,
                   coalesce(sum(c.failed), 0)::bigint AS failed,
                   coalesce(sum(c.rows_inserted + c.rows_updated + c.rows_deleted), 0)::bigint AS rows
              FROM pgtrickle.refresh_counts c) r;
END;
COMMENT ON FUNCTION pgtrickle.metrics_summary() IS
    'One row for this database: stream tables by status; refreshes by outcome and the rows that they inserted, updated and deleted, since the stream tables were created; those of the scheduler are added every 10 seconds. active_workers: workers and schedulers of the whole server that are refreshing at the moment; NULL for roles without pg_read_all_stats. ivm_lock_parse_error_count: statements whose query could not be parsed to choose locks; always 0, because no text is parsed for that.';

CREATE OR REPLACE FUNCTION pgtrickle.sla_summary()
RETURNS TABLE(stream_table text, p50_ms double precision, p99_ms double precision, freshness_lag_s double precision,
              error_rate double precision, error_budget_remaining double precision, deadline_ms bigint, within_sla boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.pgt_schema || '.' || t.pgt_name, h.p50_ms, h.p99_ms, extract(epoch FROM f.lag)::double precision,
           coalesce(h.error_rate, 0), greatest(0, 1 - coalesce(h.error_rate, 0)), t.freshness_deadline_ms,
           1000 * extract(epoch FROM f.lag) <= t.freshness_deadline_ms
      FROM pgtrickle.pgt_stream_tables t
      JOIN pgtrickle.freshness() f USING (pgt_id)
      LEFT JOIN (SELECT r.pgt_id,
                        percentile_cont(0.5) WITHIN GROUP (ORDER BY r.duration_ms) FILTER (WHERE r.status = 'COMPLETED') AS p50_ms,
                        percentile_cont(0.99) WITHIN GROUP (ORDER BY r.duration_ms) FILTER (WHERE r.status = 'COMPLETED') AS p99_ms,
                        round(sum(r.runs) FILTER (WHERE r.status = 'FAILED') / sum(r.runs), 4)::double precision AS error_rate
                   FROM pgtrickle.refresh_runs r
                  WHERE r.status <> 'SKIPPED' AND r.start_time > now() - make_interval(hours => current_setting('pg_trickle.sla_window_hours')::integer)
                  GROUP BY r.pgt_id) h USING (pgt_id)
     ORDER BY 1;
END;
COMMENT ON FUNCTION pgtrickle.sla_summary() IS
    'Per stream table over the last pg_trickle.sla_window_hours: median and 99th percentile of the durations of completed refreshes in milliseconds (NULL: none), share of failed ones, and 1 minus that. freshness_lag_s: how old its contents are now, in seconds (freshness()). deadline_ms: what set_stream_table_sla() promised, in milliseconds, and whether it is kept now; NULL: nothing was.';

CREATE OR REPLACE FUNCTION pgtrickle.scheduler_overhead()
RETURNS TABLE(total_refreshes_1h bigint, df_refreshes_1h bigint, df_refresh_fraction double precision, avg_refresh_ms double precision,
              avg_df_refresh_ms double precision, total_refresh_time_s double precision, df_refresh_time_s double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT h.runs, h.own, h.own / nullif(h.runs, 0)::double precision, h.avg_ms, h.own_avg_ms,
           coalesce(h.sum_ms, 0) / 1000, coalesce(h.own_sum_ms, 0) / 1000
      FROM (SELECT coalesce(sum(r.runs), 0)::bigint AS runs, coalesce(sum(r.runs) FILTER (WHERE r.own), 0)::bigint AS own,
                   sum(r.busy_ms) / sum(r.runs)::double precision AS avg_ms,
                   sum(r.busy_ms) FILTER (WHERE r.own) / sum(r.runs) FILTER (WHERE r.own)::double precision AS own_avg_ms,
                   sum(r.busy_ms) AS sum_ms, sum(r.busy_ms) FILTER (WHERE r.own) AS own_sum_ms
              FROM (SELECT x.runs, x.duration_ms * x.runs AS busy_ms, x.pgt_schema = 'pgtrickle' AND x.pgt_name LIKE 'df\_%' AS own
                      FROM pgtrickle.refresh_runs x
                     WHERE x.status = 'COMPLETED' AND x.start_time > now() - interval '1 hour') r) h;
END;
COMMENT ON FUNCTION pgtrickle.scheduler_overhead() IS
    'One row over the refreshes of the last hour that were completed: how many, how long (mean in milliseconds, sum in seconds), and the share of those that watch the extension itself (stream tables df_... of schema pgtrickle). Means and share are NULL if there are none.';

CREATE OR REPLACE FUNCTION pgtrickle.diagnose_errors(name text)
RETURNS TABLE(event_time timestamptz, error_type text, error_message text, remediation text)
LANGUAGE sql STABLE STRICT
BEGIN ATOMIC
    SELECT e.end_time, k.kind, e.error_message,
           CASE WHEN e.error_code = '42501' THEN 'The owner of the stream table lacks a right on something that its query reads or calls: grant it, then resume_stream_table().'
                WHEN e.error_code = '0A000' THEN 'The query holds something that cannot be refreshed any more: see validate_query(), then drop and create the stream table.'
                WHEN k.kind = 'user' THEN 'A value or function of the query raises this error: correct the rows or the query, then resume_stream_table().'
                WHEN k.kind = 'schema' THEN 'Something that the query reads or calls was dropped or altered: put it back, then resume_stream_table(), or drop and create the stream table.'
                WHEN k.kind = 'correctness' THEN 'An internal error or damaged data: see the server log, verify_stream_table() and repair_stream_table(); please report it.'
                WHEN e.error_code IN ('55P03', '40P01') THEN 'Another session held a lock for too long: pg_locks tells which. It is tried again by itself.'
                WHEN e.error_code = '53100' THEN 'The disk is full: make room. It is tried again by itself.'
                WHEN k.kind = 'performance' THEN 'The refresh needed more time or memory than it may have: see explain_delta(), give it more or make the query smaller.'
                WHEN e.error_code IS NULL THEN 'See the server log.'
                ELSE 'A condition of the server that passes: see the server log. It is tried again by itself.'
           END
      FROM (SELECT r.* FROM pgtrickle.refresh_runs r
             WHERE r.pgt_id = pgtrickle.readable_stream_table_id(diagnose_errors.name) AND r.status = 'FAILED'
             ORDER BY r.refresh_id DESC LIMIT 5) e,
           LATERAL (SELECT CASE WHEN e.error_code = '42501' THEN 'user'
                                WHEN left(e.error_code, 2) IN ('0A', '42', '3F', '3D') THEN 'schema'
                                WHEN left(e.error_code, 2) IN ('20', '21', '22', '23', '28', 'P0', '09', '38', '39') THEN 'user'
                                WHEN left(e.error_code, 2) = 'XX' THEN 'correctness'
                                WHEN e.error_code IN ('57014', '25P03', '25P04', '53200', '53400', '55P03', '40P01')
                                  OR left(e.error_code, 2) = '54' THEN 'performance'
                                ELSE 'infrastructure' END AS kind) k
     ORDER BY e.refresh_id DESC;
END;
COMMENT ON FUNCTION pgtrickle.diagnose_errors(text) IS
    'The last five refreshes of a stream table that failed in the scheduler, newest first, by SQLSTATE: error_type is user (values, functions, rights), schema (what the query reads has changed), correctness (internal), performance (time, memory, locks) or infrastructure (the server). remediation says what to do. Errors of refresh_stream_table() are raised to its caller and not recorded. Errors: 42P01 unknown, 42501 neither the owner nor pg_read_all_stats.';

CREATE OR REPLACE FUNCTION pgtrickle.explain_refresh_mode(name text)
RETURNS TABLE(configured_mode text, effective_mode text, downgrade_reason text)
LANGUAGE sql STABLE STRICT
BEGIN ATOMIC
    SELECT t.refresh_mode, t.effective_refresh_mode,
           CASE WHEN t.refresh_mode = 'IMMEDIATE' THEN 'It is maintained by the statements that change its sources; refreshes only build it anew.'
                WHEN t.refresh_mode = 'FULL' AND q.requested_refresh_mode = 'FULL' THEN NULL
                WHEN t.refresh_mode = 'FULL' THEN 'Mode ' || q.requested_refresh_mode || ' was asked for, but changes cannot be followed: ' || q.full_reason
                WHEN t.effective_refresh_mode = 'FULL' AND r.reason IS DISTINCT FROM 'first fill' THEN
                    coalesce('The last refresh recomputed the stream table: ' || r.reason, 'The last refresh recomputed the stream table.')
                WHEN t.effective_refresh_mode = 'APPEND_ONLY' THEN 'Its sources are promised to be appended to only, and were.'
           END
      FROM pgtrickle.pgt_stream_tables t
      JOIN pgtrickle.stream_table_reasons q USING (pgt_schema, pgt_name)
      LEFT JOIN LATERAL (SELECT h.refresh_reason AS reason FROM pgtrickle.refresh_runs h
                          WHERE h.pgt_id = t.pgt_id AND h.status = 'COMPLETED' ORDER BY h.refresh_id DESC LIMIT 1) r ON true
     WHERE t.pgt_id = pgtrickle.stream_table_id(explain_refresh_mode.name);
END;
COMMENT ON FUNCTION pgtrickle.explain_refresh_mode(text) IS
    'The mode of a stream table, what its last refresh did (DIFFERENTIAL, APPEND_ONLY, FULL, NO_DATA; NULL: there was none), and why that is less than it could be: the query has no delta, or something happened that cannot be told as rows (for roles that are neither the owner nor pg_read_all_stats without saying what). Error: 42P01 unknown.';

CREATE OR REPLACE FUNCTION pgtrickle.scheduler_status()
RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN NOT s.enabled THEN 'STOPPED'
                WHEN s.follows THEN 'ACTIVE'
                WHEN s.launcher IS NULL THEN 'NOT_LOADED'
                WHEN EXISTS (SELECT 1 FROM pgtrickle.pgt_stream_tables t WHERE t.status IN ('ACTIVE', 'INITIALIZING')) THEN 'STARTING'
                ELSE 'STOPPED'
           END
      FROM (SELECT current_setting('pg_trickle.enabled')::boolean AS enabled,
                   pgtrickle.scheduler_follows() AS follows, pgtrickle.launcher_pid() AS launcher) s;
END;
COMMENT ON FUNCTION pgtrickle.scheduler_status() IS
    'ACTIVE: a scheduler refreshes the stream tables of this database, or is started by the next commit after a while in which nothing has happened. STARTING: the launcher is about to start one, or cannot because no background worker is free. STOPPED: pg_trickle.enabled is off, or there is nothing to refresh. NOT_LOADED: no launcher runs; start_scheduler() starts it.';

CREATE OR REPLACE FUNCTION pgtrickle.worker_pool_status()
RETURNS TABLE(active_workers integer, max_workers integer, per_db_cap integer, parallel_mode text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN
               (SELECT count(*)::integer FROM pg_catalog.pg_stat_activity a
                 WHERE a.backend_type = 'pg_trickle worker' AND a.state = 'active') END,
           current_setting('pg_trickle.max_dynamic_refresh_workers')::integer,
           least(current_setting('pg_trickle.max_concurrent_refreshes')::integer,
                 nullif(current_setting('pg_trickle.max_parallel_workers')::integer, 0)),
           current_setting('pg_trickle.parallel_refresh_mode');
END;
COMMENT ON FUNCTION pgtrickle.worker_pool_status() IS
    'One row: workers of the whole server that are refreshing at the moment (NULL for roles without pg_read_all_stats), how many there may be, how many of them in one database, and whether refreshes run in workers at all (on, off, dry_run).';

CREATE OR REPLACE FUNCTION pgtrickle.scheduler_jobs()
RETURNS TABLE(stream_table oid, member_count integer, attempt_no integer, worker_pid integer, enqueued_at timestamptz, started_at timestamptz)
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'st_sql_scheduler_jobs';
COMMENT ON FUNCTION pgtrickle.scheduler_jobs() IS
    'What the scheduler of this database has handed to workers, and up to 256 refreshes that are due and wait (started_at is NULL): the stream table, how many are refreshed with it, how often it has been tried in a row, since when it is due. See parallel_job_status().';

CREATE OR REPLACE FUNCTION pgtrickle.waiting_refreshes()
RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'st_sql_waiting_refreshes';
COMMENT ON FUNCTION pgtrickle.waiting_refreshes() IS 'How many refreshes are due in this database and wait for a worker or for another refresh; NULL: no scheduler runs.';

CREATE OR REPLACE FUNCTION pgtrickle.refresh_spacing()
RETURNS integer LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'st_sql_refresh_spacing';
COMMENT ON FUNCTION pgtrickle.refresh_spacing() IS
    'While a snapshot is over a minute old, and old versions of rows pile up, how many milliseconds lie between two refreshes of a stream table that follows commits: up to 1000. 0: there is no such snapshot; NULL: no scheduler runs.';

CREATE OR REPLACE FUNCTION pgtrickle.lacks_worker_slot()
RETURNS boolean LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'st_sql_lacks_worker_slot';
COMMENT ON FUNCTION pgtrickle.lacks_worker_slot() IS
    'Was no worker to be had when the scheduler needed one last? Then it refreshes by itself what takes up to 100 ms, and all else waits for a worker. NULL: no scheduler runs.';

CREATE OR REPLACE FUNCTION pgtrickle.worker_allocation_status()
RETURNS TABLE(db_name text, workers_used bigint, workers_quota bigint, workers_queued bigint, cluster_active bigint, cluster_max bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT current_database()::text, w.used,
           least(s.cluster_max, s.database_max, CASE WHEN s.quota > 0 THEN s.quota END), pgtrickle.waiting_refreshes(), w.active, s.cluster_max
      FROM (SELECT current_setting('pg_trickle.max_dynamic_refresh_workers')::bigint AS cluster_max,
                   least(current_setting('pg_trickle.max_concurrent_refreshes')::bigint,
                         nullif(current_setting('pg_trickle.max_parallel_workers')::bigint, 0)) AS database_max,
                   current_setting('pg_trickle.per_database_worker_quota')::bigint AS quota) s,
           (SELECT CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN count(*) FILTER (WHERE a.datname = current_database()) END AS used,
                   CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN count(*) END AS active
              FROM pg_catalog.pg_stat_activity a
             WHERE a.backend_type = 'pg_trickle worker' AND a.state = 'active') w;
END;
COMMENT ON FUNCTION pgtrickle.worker_allocation_status() IS
    'One row for this database: workers that are refreshing, how many it may have by max_concurrent_refreshes, max_parallel_workers, max_dynamic_refresh_workers and per_database_worker_quota of pg_trickle (half as many again as the quota while few are busy elsewhere), refreshes that are due and wait for one (NULL: no scheduler runs); workers of the whole server that are refreshing, and how many there may be. Workers at work are NULL for roles without pg_read_all_stats.';

CREATE OR REPLACE FUNCTION pgtrickle.cluster_worker_summary()
RETURNS TABLE(db_oid bigint, db_name text, active_workers integer, scheduler_pid integer, scheduler_running boolean, total_active_workers integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT d.oid::bigint, d.datname::text, d.workers, d.scheduler, d.scheduler IS NOT NULL, (sum(d.workers) OVER ())::integer
      FROM (SELECT a.datid AS oid, a.datname, count(*) FILTER (WHERE a.backend_type = 'pg_trickle worker' AND a.state = 'active')::integer AS workers,
                   min(a.pid) FILTER (WHERE a.backend_type = 'pg_trickle scheduler') AS scheduler
              FROM pg_catalog.pg_stat_activity a
             WHERE a.backend_type IN ('pg_trickle worker', 'pg_trickle scheduler') AND a.datid IS NOT NULL
             GROUP BY a.datid, a.datname) d
     ORDER BY d.datname;
END;
COMMENT ON FUNCTION pgtrickle.cluster_worker_summary() IS
    'One row per database of the server in which a scheduler or worker runs: workers that are refreshing, the scheduler (NULL: none runs), and workers of all databases. Roles without pg_read_all_stats see no worker at work.';

CREATE OR REPLACE FUNCTION pgtrickle.is_retried_error(error_code text)
RETURNS boolean LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'st_sql_is_retried_error';
COMMENT ON FUNCTION pgtrickle.is_retried_error(text) IS
    'Does the scheduler try a refresh again after an error with this SQLSTATE, for ever or some times, or (false) has the stream table status ERROR at once?';

CREATE OR REPLACE FUNCTION pgtrickle.parallel_job_status(max_age_seconds integer DEFAULT 300)
RETURNS TABLE(job_id bigint, unit_key text, unit_kind text, status text, member_count integer, attempt_no integer, scheduler_pid integer,
              worker_pid integer, enqueued_at timestamptz, started_at timestamptz, finished_at timestamptz, duration_ms double precision)
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT NULL::bigint, 's:' || t.pgt_id, CASE WHEN t.scc_id IS NULL THEN 'singleton' ELSE 'cyclic_scc' END,
           CASE WHEN j.started_at IS NULL THEN 'QUEUED' ELSE 'RUNNING' END, j.member_count, j.attempt_no,
           pgtrickle.scheduler_pid(), j.worker_pid, j.enqueued_at, j.started_at, NULL::timestamptz,
           1000 * extract(epoch FROM clock_timestamp() - j.started_at)::double precision
      FROM pgtrickle.scheduler_jobs() j
      JOIN pgtrickle.pgt_stream_tables t ON t.pgt_relid = j.stream_table
    UNION ALL
    (SELECT r.refresh_id, 's:' || r.pgt_id, CASE WHEN t.scc_id IS NULL THEN 'singleton' ELSE 'cyclic_scc' END,
            CASE WHEN r.status = 'COMPLETED' THEN 'SUCCEEDED'
                 WHEN r.status = 'SKIPPED' THEN 'CANCELLED'
                 WHEN coalesce(pgtrickle.is_retried_error(r.error_code), true) THEN 'RETRYABLE_FAILED'
                 ELSE 'PERMANENT_FAILED' END,
            1, NULL, NULL, NULL, NULL, r.start_time, r.end_time, r.duration_ms
       FROM pgtrickle.refresh_runs r
       JOIN pgtrickle.pgt_stream_tables t USING (pgt_id)
      WHERE r.initiated_by = 'SCHEDULER'
        AND r.end_time >= now() - make_interval(secs => greatest(parallel_job_status.max_age_seconds, 0))
      ORDER BY r.refresh_id DESC);
END;
COMMENT ON FUNCTION pgtrickle.parallel_job_status(integer) IS
    'Refreshes of the scheduler. QUEUED: due, and waiting for a worker or for another refresh; RUNNING: a worker is at it, with so many stream tables in one transaction. Then those that ended within so many seconds, newest first: SUCCEEDED, RETRYABLE_FAILED (tried again, see is_retried_error()), PERMANENT_FAILED, or CANCELLED (left out, because a gate was closed, say); of these there is one row per stream table, and no process, attempt or time of queueing is known. unit_key is s: and the pgt_id of the stream table, unit_kind singleton, or cyclic_scc if it is one of those that read each other.';

CREATE OR REPLACE FUNCTION pgtrickle.health_check()
RETURNS TABLE(check_name text, severity text, detail text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH st AS MATERIALIZED (
        SELECT t.pgt_id, t.pgt_schema || '.' || t.pgt_name AS name, t.status, t.needs_reinit, t.consecutive_errors, f.stale,
               f.lag > f.effective_schedule AND t.status IN ('ACTIVE', 'INITIALIZING') AS overdue
          FROM pgtrickle.pgt_stream_tables t
          JOIN pgtrickle.freshness() f USING (pgt_id)),
    found AS (
        SELECT count(*) FILTER (WHERE s.status IN ('ERROR', 'SUSPENDED')) AS errors,
               string_agg(s.name, ', ' ORDER BY s.name) FILTER (WHERE s.status IN ('ERROR', 'SUSPENDED')) AS error_names,
               count(*) FILTER (WHERE s.stale) AS stale,
               string_agg(s.name, ', ' ORDER BY s.name) FILTER (WHERE s.stale) AS stale_names,
               count(*) FILTER (WHERE s.needs_reinit) AS reinit,
               string_agg(s.name, ', ' ORDER BY s.name) FILTER (WHERE s.needs_reinit) AS reinit_names,
               count(*) FILTER (WHERE s.status = 'ACTIVE' AND s.consecutive_errors > 0) AS failing,
               string_agg(s.name, ', ' ORDER BY s.name) FILTER (WHERE s.status = 'ACTIVE' AND s.consecutive_errors > 0) AS failing_names,
               count(*) FILTER (WHERE s.overdue) AS overdue
          FROM st s),
    scheduler AS (SELECT pgtrickle.scheduler_status() AS status, pgtrickle.scheduler_pid() AS pid),
    buffers AS (
        SELECT string_agg(DISTINCT b.source, ', ' ORDER BY b.source) AS names
          FROM (SELECT n.nspname || '.' || c.relname AS source, pgtrickle.pending_change_rows(d.pgt_id, d.source_relid) AS pending
                  FROM pgtrickle.pgt_dependencies d
                  JOIN pg_catalog.pg_class c ON c.oid = d.source_relid
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE pgtrickle.pending_since(d.pgt_id, d.source_relid) IS NOT NULL) b
         WHERE b.pending > 10000)
    SELECT 'scheduler_running'::text,
           CASE s.status WHEN 'ACTIVE' THEN 'OK' WHEN 'STARTING' THEN 'WARN' WHEN 'NOT_LOADED' THEN 'ERROR'
                         ELSE CASE WHEN EXISTS (SELECT 1 FROM st x WHERE x.status IN ('ACTIVE', 'INITIALIZING')) THEN 'ERROR' ELSE 'OK' END END,
           CASE s.status WHEN 'ACTIVE' THEN coalesce('scheduler is process ' || s.pid, 'nothing has happened for a while; the next commit starts a scheduler')
                         WHEN 'STARTING' THEN 'the launcher runs, but no scheduler in this database'
                         WHEN 'NOT_LOADED' THEN 'no launcher runs; call pgtrickle.start_scheduler()'
                         ELSE CASE WHEN current_setting('pg_trickle.enabled')::boolean THEN 'there is nothing to refresh' ELSE 'pg_trickle.enabled is off' END END
      FROM scheduler s
    UNION ALL
    SELECT 'error_tables', CASE WHEN f.errors = 0 THEN 'OK' ELSE 'ERROR' END,
           coalesce(f.errors || ' in status ERROR or SUSPENDED: ' || f.error_names, 'none') FROM found f
    UNION ALL
    SELECT 'stale_tables', CASE WHEN f.stale = 0 THEN 'OK' ELSE 'WARN' END,
           coalesce(f.stale || ' older than their schedules allow: ' || f.stale_names, 'none') FROM found f
    UNION ALL
    SELECT 'needs_reinit', CASE WHEN f.reinit = 0 THEN 'OK' ELSE 'WARN' END,
           coalesce(f.reinit || ' to be recomputed: ' || f.reinit_names, 'none') FROM found f
    UNION ALL
    SELECT 'consecutive_errors', CASE WHEN f.failing = 0 THEN 'OK' ELSE 'WARN' END,
           coalesce(f.failing || ' failing, not yet suspended: ' || f.failing_names, 'none') FROM found f
    UNION ALL
    SELECT 'buffer_growth', CASE WHEN b.names IS NULL THEN 'OK' ELSE 'WARN' END,
           coalesce('more than 10000 changes are still to be consumed: ' || b.names, 'none') FROM buffers b
    UNION ALL
    SELECT 'slot_lag', CASE WHEN l.names IS NULL THEN 'OK' ELSE 'WARN' END,
           coalesce('more than 100 MB of WAL are retained by: ' || l.names, 'none')
      FROM (SELECT string_agg(DISTINCT r.slot_name::text, ', ') AS names
              FROM pg_catalog.pg_replication_slots r
              JOIN pgtrickle.pgt_dependencies d ON d.slot_name = r.slot_name::text
             WHERE NOT pg_is_in_recovery()
               AND pg_wal_lsn_diff(CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() END, r.restart_lsn) > 100 * 1048576) l
    UNION ALL
    SELECT 'worker_pool', CASE WHEN w.active_workers >= w.max_workers OR p.lacks THEN 'WARN' ELSE 'OK' END,
           CASE WHEN p.lacks THEN 'no worker slot: refreshes of more than 100 ms wait for one; increase max_worker_processes'
                ELSE coalesce(w.active_workers::text, 'an unknown number') || ' of ' || w.max_workers || ' workers are busy' END
      FROM pgtrickle.worker_pool_status() w, (SELECT pgtrickle.lacks_worker_slot() AS lacks) p
     WHERE w.parallel_mode <> 'off'
    UNION ALL
    SELECT 'job_queue', CASE WHEN f.overdue > 10 THEN 'WARN' ELSE 'OK' END, f.overdue || ' refreshes are overdue'
      FROM found f
     WHERE current_setting('pg_trickle.parallel_refresh_mode') <> 'off'
    UNION ALL
    SELECT 'old_snapshot', CASE WHEN o.spacing > 0 THEN 'WARN' ELSE 'OK' END,
           CASE WHEN o.spacing > 0 THEN 'refreshes of a stream table are ' || o.spacing || ' ms apart, because a snapshot is over a minute old'
                     || coalesce(': process ' || (SELECT a.pid FROM pg_catalog.pg_stat_activity a
                                                   WHERE a.backend_xmin IS NOT NULL AND a.xact_start < clock_timestamp() - interval '1 minute'
                                                   ORDER BY a.xact_start LIMIT 1), '')
                ELSE 'none' END
      FROM (SELECT pgtrickle.refresh_spacing() AS spacing) o;
END;
COMMENT ON FUNCTION pgtrickle.health_check() IS
    'One row per check, always in the same order: scheduler_running, error_tables, stale_tables, needs_reinit, consecutive_errors, buffer_growth (over 10,000 changes of a source to be consumed), slot_lag (over 100 MB of WAL retained), and unless pg_trickle.parallel_refresh_mode is off worker_pool (all workers are busy, or no worker slot is free) and job_queue (over 10 refreshes are overdue), then old_snapshot (refresh_spacing()). severity is OK, WARN or ERROR; detail names what was found.';

CREATE OR REPLACE FUNCTION pgtrickle.health_summary()
RETURNS TABLE(total_stream_tables integer, active_count integer, error_count integer, suspended_count integer, stale_count integer,
              reinit_pending integer, max_staleness_seconds double precision, scheduler_status text, cache_hit_rate double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT count(*)::integer, count(*) FILTER (WHERE t.status = 'ACTIVE')::integer, count(*) FILTER (WHERE t.status = 'ERROR')::integer,
           count(*) FILTER (WHERE t.status = 'SUSPENDED')::integer, count(*) FILTER (WHERE f.stale)::integer,
           count(*) FILTER (WHERE t.needs_reinit)::integer, max(extract(epoch FROM f.lag))::double precision,
           pgtrickle.scheduler_status(), NULL::double precision
      FROM pgtrickle.pgt_stream_tables t
      JOIN pgtrickle.freshness() f USING (pgt_id);
END;
COMMENT ON FUNCTION pgtrickle.health_summary() IS
    'One row: stream tables by status, stale ones, those that are to be recomputed, the greatest lag in seconds (freshness(); NULL: there are none), scheduler_status() and cache_hit_rate, which is NULL because there is no cache of templates.';
