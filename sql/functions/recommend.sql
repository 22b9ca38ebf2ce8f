-- What mode and schedule would suit a stream table, by what its refreshes have taken. All read-only.

CREATE OR REPLACE FUNCTION pgtrickle.join_count(pgt_id bigint)
RETURNS integer LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'st_sql_join_count';
COMMENT ON FUNCTION pgtrickle.join_count(bigint) IS
    'Relations that the query of a stream table reads, each as often as it names it and views as what they read, but for the first; NULL: there is no such stream table.';

CREATE OR REPLACE FUNCTION pgtrickle.refresh_mode_signals(stream_table bigint DEFAULT NULL)
RETURNS TABLE(pgt_id bigint, name text, score double precision, weight double precision, change_ratio_current double precision,
              change_ratio_avg double precision, diff_avg_ms double precision, full_avg_ms double precision,
              diff_p95_ms double precision, target_size_bytes bigint, join_count integer, has_covering_index boolean,
              history_rows_diff bigint, history_rows_full bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH st AS MATERIALIZED (
        SELECT t.pgt_id, t.pgt_relid, t.refresh_mode,
               coalesce(nullif(coalesce(t.auto_threshold, current_setting('pg_trickle.differential_max_change_ratio')::double precision), 0), 0.15) AS most,
               CASE WHEN to_regclass(format('%I.%I', t.pgt_schema, t.pgt_name)) IS NOT NULL THEN pg_table_size(t.pgt_relid) END AS bytes,
               EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = t.pgt_relid AND i.indisvalid) AS indexed
          FROM pgtrickle.pgt_stream_tables t
         WHERE t.pgt_id = refresh_mode_signals.stream_table OR refresh_mode_signals.stream_table IS NULL),
    source AS MATERIALIZED (
        SELECT d.pgt_id, sum(greatest(c.reltuples, 0)::double precision) AS rows,
               max(pgtrickle.pending_change_rows(d.pgt_id, d.source_relid) / greatest(c.reltuples, 1000)::double precision) AS pending
          FROM pgtrickle.pgt_dependencies d
          JOIN st USING (pgt_id)
          JOIN pg_catalog.pg_class c ON c.oid = d.source_relid
         WHERE d.source_type <> 'VIEW'
         GROUP BY d.pgt_id),
    run AS MATERIALIZED (
        SELECT r.pgt_id, sum(r.runs)::bigint AS runs,
               avg(r.delta_row_count / r.runs::double precision / greatest(s.rows, 1000)) FILTER (WHERE r.delta_row_count > 0) AS ratio,
               sum(r.duration_ms * r.runs) FILTER (WHERE r.action = 'DIFFERENTIAL')
                   / sum(r.runs) FILTER (WHERE r.action = 'DIFFERENTIAL')::double precision AS diff_ms,
               avg(r.duration_ms) FILTER (WHERE r.action <> 'DIFFERENTIAL') AS full_ms,
               percentile_cont(0.95) WITHIN GROUP (ORDER BY r.duration_ms) FILTER (WHERE r.action = 'DIFFERENTIAL') AS p95_ms,
               (sum(r.runs) FILTER (WHERE r.action = 'DIFFERENTIAL'))::bigint AS diffs,
               count(*) FILTER (WHERE r.action <> 'DIFFERENTIAL') AS fulls
          FROM pgtrickle.refresh_runs r
          JOIN st USING (pgt_id)
          LEFT JOIN source s USING (pgt_id)
         WHERE r.status = 'COMPLETED' AND r.action IN ('DIFFERENTIAL', 'FULL', 'REINITIALIZE') AND r.initiated_by <> 'INITIAL'
         GROUP BY r.pgt_id),
    known AS MATERIALIZED (
        SELECT st.pgt_id, st.most, st.bytes, st.indexed, pgtrickle.join_count(st.pgt_id) AS joins, s.pending, r.ratio, r.diff_ms, r.full_ms,
               r.p95_ms, coalesce(r.runs, 0) AS runs, coalesce(r.diffs, 0) AS diffs, coalesce(r.fulls, 0) AS fulls
          FROM st
          LEFT JOIN source s USING (pgt_id)
          LEFT JOIN run r USING (pgt_id))
    SELECT k.pgt_id, g.name, CASE WHEN g.score IS NOT NULL THEN greatest(-1, least(1, g.score)) END, g.weight, k.pending, k.ratio, k.diff_ms, k.full_ms, k.p95_ms, k.bytes, k.joins,
           k.indexed, k.diffs, k.fulls
      FROM known k,
           LATERAL (VALUES
               (1, 'change_ratio_current', 1 - k.pending / k.most, 0.25::double precision),
               (2, 'change_ratio_avg', 1 - k.ratio / k.most, CASE WHEN k.runs < 10 THEN 0.10 ELSE 0.30 END),
               (3, 'empirical_timing', CASE WHEN k.diffs >= 5 AND k.fulls >= 5 THEN
                   2 * (k.full_ms - k.diff_ms) / greatest(k.full_ms, k.diff_ms, 0.001) END, 0.35),
               (4, 'query_complexity', 1 - k.joins / 5.0::double precision, 0.10),
               (5, 'target_size', log((k.bytes + 1) / 1000000.0)::double precision / 2, 0.10),
               (6, 'index_coverage', CASE WHEN k.indexed THEN 1 ELSE -1 END, 0.05),
               (7, 'latency_variance', CASE WHEN k.runs >= 20 THEN 2 - k.p95_ms / nullif(k.diff_ms, 0) END, 0.05))
               AS g(place, name, score, weight)
     ORDER BY k.pgt_id, g.place;
END;
COMMENT ON FUNCTION pgtrickle.refresh_mode_signals(bigint) IS
    'What recommend_refresh_mode() goes by, for all stream tables or the one with this pgt_id: a row per signal, with its score from -1 (recompute) to 1 (follow the changes; NULL: not enough is known) and weight, and the figures behind them. Times in milliseconds.';

CREATE OR REPLACE FUNCTION pgtrickle.recommend_refresh_mode(st_name text DEFAULT NULL)
RETURNS TABLE(pgt_schema text, pgt_name text, current_mode text, effective_mode text, recommended_mode text, confidence text,
              reason text, signals jsonb)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH signal AS (
        SELECT s.pgt_id, sum(s.score * s.weight) / sum(s.weight) FILTER (WHERE s.score IS NOT NULL) AS score,
               bool_or(s.name = 'empirical_timing' AND s.score IS NOT NULL) AS timed,
               min(s.change_ratio_current) AS change_ratio_current, min(s.change_ratio_avg) AS change_ratio_avg,
               min(s.diff_avg_ms) AS diff_avg_ms, min(s.full_avg_ms) AS full_avg_ms, min(s.diff_p95_ms) AS diff_p95_ms,
               min(s.target_size_bytes) AS target_size_bytes, min(s.join_count) AS join_count, bool_and(s.has_covering_index) AS indexed,
               min(s.history_rows_diff) AS diffs, min(s.history_rows_full) AS fulls,
               jsonb_agg(jsonb_build_object('name', s.name, 'score', round(s.score::numeric, 4), 'weight', s.weight)) AS signals
          FROM pgtrickle.refresh_mode_signals(CASE WHEN recommend_refresh_mode.st_name IS NOT NULL THEN
                                                  pgtrickle.stream_table_id(recommend_refresh_mode.st_name) END) s
         GROUP BY s.pgt_id),
    judged AS (
        SELECT x.*, t.pgt_schema, t.pgt_name, t.refresh_mode, t.effective_refresh_mode, q.requested_refresh_mode, q.full_reason,
               CASE WHEN t.refresh_mode = 'IMMEDIATE' OR (q.full_reason IS NOT NULL AND q.requested_refresh_mode <> 'FULL') THEN 'KEEP'
                    WHEN x.score > 0.15 THEN 'DIFFERENTIAL'
                    WHEN x.score < -0.15 THEN 'FULL'
                    ELSE 'KEEP' END AS wanted
          FROM signal x
          JOIN pgtrickle.pgt_stream_tables t USING (pgt_id)
          JOIN pgtrickle.stream_table_reasons q ON q.pgt_schema = t.pgt_schema AND q.pgt_name = t.pgt_name)
    SELECT j.pgt_schema, j.pgt_name, j.refresh_mode, j.effective_refresh_mode,
           CASE WHEN j.wanted = j.refresh_mode THEN 'KEEP' ELSE j.wanted END,
           CASE WHEN j.timed AND abs(j.score) > 0.3 THEN 'high' WHEN j.timed OR j.diffs + j.fulls >= 10 THEN 'medium' ELSE 'low' END,
           CASE WHEN j.refresh_mode = 'IMMEDIATE' THEN 'It is maintained by the statements that change its sources; nothing was compared with that.'
                WHEN j.full_reason IS NOT NULL AND j.requested_refresh_mode <> 'FULL' THEN 'Changes cannot be followed: ' || j.full_reason
                ELSE format('The signals speak for %s (score %s): ', CASE WHEN j.score > 0.15 THEN 'following the changes'
                                                                         WHEN j.score < -0.15 THEN 'recomputing'
                                                                         ELSE 'neither' END, round(j.score::numeric, 2))
                     || coalesce('deltas took ' || round(j.diff_avg_ms::numeric, 1) || ' ms on average, ', 'no delta was measured, ')
                     || coalesce('recomputes ' || round(j.full_avg_ms::numeric, 1) || ' ms.', 'no recompute was.')
                     || CASE WHEN j.requested_refresh_mode = 'AUTO' THEN ' Mode AUTO chooses at each refresh, by the size of the change.' ELSE '' END
           END,
           jsonb_build_object('change_ratio_current', j.change_ratio_current, 'change_ratio_avg', j.change_ratio_avg,
                              'diff_avg_ms', j.diff_avg_ms, 'full_avg_ms', j.full_avg_ms, 'diff_p95_ms', j.diff_p95_ms,
                              'target_size_bytes', j.target_size_bytes, 'join_count', j.join_count, 'has_covering_index', j.indexed,
                              'history_rows_diff', j.diffs, 'history_rows_full', j.fulls, 'composite_score', round(j.score::numeric, 4),
                              'signals', j.signals)
      FROM judged j
     ORDER BY j.pgt_schema, j.pgt_name;
END;
COMMENT ON FUNCTION pgtrickle.recommend_refresh_mode(text) IS
    'Which refresh mode would suit a stream table, or each of them: DIFFERENTIAL, FULL, or KEEP the one it has; by weighted signals from its size, its query and the history that is kept (refresh_mode_signals()), with what speaks for it. confidence: high if both modes were measured and differ clearly, medium if one of these holds or there are ten refreshes, else low. Error: 42P01 unknown.';

CREATE OR REPLACE FUNCTION pgtrickle.schedule_recommendations()
RETURNS TABLE(name text, current_interval_seconds double precision, recommended_interval_seconds double precision,
              delta_pct double precision, confidence double precision, reasoning text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH measured AS (
        SELECT r.pgt_id, r.duration_ms,
               row_number() OVER (PARTITION BY r.pgt_id ORDER BY r.refresh_id DESC) AS place
          FROM pgtrickle.refresh_runs r
         WHERE r.status = 'COMPLETED'),
    recent AS MATERIALIZED (
        SELECT m.pgt_id, m.duration_ms FROM measured m
         WHERE m.place <= 3 * current_setting('pg_trickle.schedule_recommendation_min_samples')::integer),
    middle AS (
        SELECT x.pgt_id, count(*) AS samples, percentile_cont(0.5) WITHIN GROUP (ORDER BY x.duration_ms) AS m
          FROM recent x GROUP BY x.pgt_id),
    spread AS (
        SELECT x.pgt_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(x.duration_ms - m.m)) AS d
          FROM recent x JOIN middle m USING (pgt_id) GROUP BY x.pgt_id),
    advice AS (
        SELECT t.pgt_id, t.pgt_schema || '.' || t.pgt_name AS name, coalesce(m.samples, 0) AS samples, m.m, s.d,
               coalesce(m.samples, 0) >= current_setting('pg_trickle.schedule_recommendation_min_samples')::integer AS enough,
               coalesce(extract(epoch FROM f.effective_schedule),
                        CASE WHEN pgtrickle.parse_duration_seconds(t.schedule) IS NULL THEN
                            extract(epoch FROM pgtrickle.next_fire_time(t.schedule, nullif(pgtrickle.next_fire_time(t.schedule), 'infinity'))
                                               - pgtrickle.next_fire_time(t.schedule)) END)::double precision AS current,
               t.last_full_ms
          FROM pgtrickle.pgt_stream_tables t
          JOIN pgtrickle.freshness() f USING (pgt_id)
          LEFT JOIN middle m USING (pgt_id)
          LEFT JOIN spread s USING (pgt_id)),
    recommended AS (
        SELECT a.*,
               CASE WHEN a.enough THEN greatest(1, 1.5 * (a.m + 3 * a.d) / 1000) ELSE coalesce(a.last_full_ms / 1000, 60) END AS interval,
               CASE WHEN a.enough THEN greatest(0.1, 1 - least(1, a.d / nullif(a.m, 0))) ELSE 0 END::double precision AS sure
          FROM advice a)
    SELECT r.name, r.current, r.interval, 100 * (r.interval - r.current) / nullif(r.current, 0), r.sure,
           CASE WHEN r.enough THEN format('The last %s refreshes took %s ms in the middle, give or take %s ms: this interval leaves half as much again.',
                                          r.samples, round(r.m::numeric, 1), round(r.d::numeric, 1))
                ELSE format('%s refreshes were measured, %s are needed: this is %s.', r.samples,
                            current_setting('pg_trickle.schedule_recommendation_min_samples'),
                            CASE WHEN r.last_full_ms IS NULL THEN 'a guess' ELSE 'what the last recompute took' END) END
      FROM recommended r
     ORDER BY r.pgt_id;
END;
COMMENT ON FUNCTION pgtrickle.schedule_recommendations() IS
    'For each stream table, the shortest interval that its refreshes leave room for: 1.5 times the median and three median deviations of the last ones, at least a second. delta_pct: by how many percent that is more than the present one (NULL for a frozen stream table). confidence from 0 (fewer than pg_trickle.schedule_recommendation_min_samples were measured) to 1 (all took the same time).';

CREATE OR REPLACE FUNCTION pgtrickle.recommend_schedule(p_name text)
RETURNS jsonb LANGUAGE sql STABLE STRICT
BEGIN ATOMIC
    SELECT jsonb_build_object('recommended_interval_seconds', r.recommended_interval_seconds, 'peak_window_cron', NULL,
                              'confidence', r.confidence, 'reasoning', r.reasoning,
                              'current_interval_seconds', r.current_interval_seconds, 'delta_pct', r.delta_pct)
      FROM pgtrickle.pgt_stream_tables t
      JOIN pgtrickle.schedule_recommendations() r ON r.name = t.pgt_schema || '.' || t.pgt_name
     WHERE t.pgt_id = pgtrickle.stream_table_id(recommend_schedule.p_name);
END;
COMMENT ON FUNCTION pgtrickle.recommend_schedule(text) IS
    'The row of schedule_recommendations() of a stream table, as an object with its columns as keys. peak_window_cron is always null. Error: 42P01 unknown.';
