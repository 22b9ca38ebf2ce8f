-- The functions, tables, views and settings of the public contract, as empty objects of the schema "contract", for
-- test/sql/api_contract.sql to compare with what is installed.
CREATE SCHEMA contract;
SET check_function_bodies = off;
\set strict 'LANGUAGE plpgsql STRICT AS ''BEGIN END'';'
\set called 'LANGUAGE plpgsql AS ''BEGIN END'';'

CREATE FUNCTION contract.create_stream_table(name text, query text, schedule text DEFAULT 'calculated', refresh_mode text DEFAULT 'AUTO',
    initialize boolean DEFAULT true, diamond_consistency text DEFAULT NULL, diamond_schedule_policy text DEFAULT NULL, cdc_mode text DEFAULT
    NULL, append_only boolean DEFAULT false, pooler_compatibility_mode boolean DEFAULT false, partition_by text DEFAULT NULL,
    max_differential_joins integer DEFAULT NULL, max_delta_fraction double precision DEFAULT NULL, output_distribution_column text DEFAULT
    NULL, temporal boolean DEFAULT false, storage_backend text DEFAULT NULL) RETURNS void :called
CREATE FUNCTION contract.create_stream_table_if_not_exists(name text, query text, schedule text DEFAULT 'calculated', refresh_mode text
    DEFAULT 'AUTO', initialize boolean DEFAULT true, diamond_consistency text DEFAULT NULL, diamond_schedule_policy text DEFAULT NULL,
    cdc_mode text DEFAULT NULL, append_only boolean DEFAULT false, pooler_compatibility_mode boolean DEFAULT false, partition_by text
    DEFAULT NULL, max_differential_joins integer DEFAULT NULL, max_delta_fraction double precision DEFAULT NULL, output_distribution_column
    text DEFAULT NULL, temporal boolean DEFAULT false, storage_backend text DEFAULT NULL) RETURNS void :called
CREATE FUNCTION contract.create_or_replace_stream_table(name text, query text, schedule text DEFAULT 'calculated', refresh_mode text
    DEFAULT 'AUTO', initialize boolean DEFAULT true, diamond_consistency text DEFAULT NULL, diamond_schedule_policy text DEFAULT NULL,
    cdc_mode text DEFAULT NULL, append_only boolean DEFAULT false, pooler_compatibility_mode boolean DEFAULT false, partition_by text
    DEFAULT NULL, max_differential_joins integer DEFAULT NULL, max_delta_fraction double precision DEFAULT NULL, output_distribution_column
    text DEFAULT NULL) RETURNS void :called
CREATE FUNCTION contract.bulk_create(definitions jsonb) RETURNS jsonb :strict
CREATE FUNCTION contract.alter_stream_table(name text, query text DEFAULT NULL, schedule text DEFAULT NULL, refresh_mode text DEFAULT NULL,
    status text DEFAULT NULL, diamond_consistency text DEFAULT NULL, diamond_schedule_policy text DEFAULT NULL, cdc_mode text DEFAULT NULL,
    append_only boolean DEFAULT NULL, pooler_compatibility_mode boolean DEFAULT NULL, tier text DEFAULT NULL, fuse text DEFAULT NULL,
    fuse_ceiling bigint DEFAULT NULL, fuse_sensitivity integer DEFAULT NULL, partition_by text DEFAULT NULL, max_differential_joins integer
    DEFAULT NULL, max_delta_fraction double precision DEFAULT NULL) RETURNS void :called
CREATE FUNCTION contract.drop_stream_table(name text, cascade boolean DEFAULT false) RETURNS void :strict
CREATE FUNCTION contract.resume_stream_table(name text) RETURNS void :strict
CREATE FUNCTION contract.pause_all() RETURNS void :called
CREATE FUNCTION contract.resume_all() RETURNS void :called
CREATE FUNCTION contract.exec_stream_ddl(cmd text) RETURNS boolean :strict
CREATE FUNCTION contract.export_definition(st_name text) RETURNS text :strict
CREATE FUNCTION contract.stream_table_definition(p_name text) RETURNS text :called
CREATE FUNCTION contract.bulk_alter_stream_tables(names text[], params json) RETURNS integer :strict
CREATE FUNCTION contract.bulk_drop_stream_tables(names text[]) RETURNS integer :strict
CREATE FUNCTION contract.canary_begin(p_name text, p_new_query text) RETURNS text :called
CREATE FUNCTION contract.canary_diff(p_name text) RETURNS TABLE(row_source text, diff_row text) :called
CREATE FUNCTION contract.canary_promote(p_name text) RETURNS text :called
CREATE FUNCTION contract.view_evolution_status() RETURNS TABLE(stream_table text, in_shadow_build boolean, shadow_table_name text, status
    text) :strict
CREATE FUNCTION contract.restore_stream_tables() RETURNS void :strict
CREATE FUNCTION contract.refresh_stream_table(name text) RETURNS void :strict
CREATE FUNCTION contract.refresh_if_stale(p_name text, p_max_age interval DEFAULT '5min') RETURNS boolean :called
CREATE FUNCTION contract.write_and_refresh(sql text, stream_table_name text) RETURNS void :strict
CREATE FUNCTION contract.create_refresh_group(group_name text, members text[], isolation text DEFAULT 'read_committed') RETURNS integer
    :strict
CREATE FUNCTION contract.drop_refresh_group(group_name text) RETURNS void :strict
CREATE FUNCTION contract.refresh_groups() RETURNS TABLE(group_id integer, group_name text, member_count integer, isolation text, created_at
    timestamptz) :strict
CREATE FUNCTION contract.parse_duration_seconds(input text) RETURNS bigint IMMUTABLE PARALLEL SAFE :strict
CREATE FUNCTION contract.diamond_groups() RETURNS TABLE(group_id integer, member_name text, member_schema text, is_convergence boolean,
    epoch bigint, schedule_policy text) :strict
CREATE FUNCTION contract.pgt_scc_status() RETURNS TABLE(scc_id integer, member_count integer, members text[], last_iterations integer,
    last_converged_at timestamptz) :strict
CREATE FUNCTION contract.recommend_schedule(p_name text) RETURNS jsonb :strict
CREATE FUNCTION contract.schedule_recommendations() RETURNS TABLE(name text, current_interval_seconds double precision,
    recommended_interval_seconds double precision, delta_pct double precision, confidence double precision, reasoning text) :strict
CREATE FUNCTION contract.cdc_pause_status() RETURNS TABLE(paused boolean, capture_mode text, note text) :strict
CREATE FUNCTION contract.trigger_inventory() RETURNS TABLE(source_table text, source_oid bigint, trigger_name text, trigger_type text,
    present boolean, enabled boolean) :strict
CREATE FUNCTION contract.check_cdc_health() RETURNS TABLE(source_relid bigint, source_table text, cdc_mode text, slot_name text, lag_bytes
    bigint, confirmed_lsn text, alert text, selective_capture boolean) :strict
CREATE FUNCTION contract.slot_health() RETURNS TABLE(slot_name text, source_relid bigint, active boolean, retained_wal_bytes bigint,
    wal_status text) :strict
CREATE FUNCTION contract.change_buffer_sizes() RETURNS TABLE(stream_table text, source_table text, source_oid bigint, cdc_mode text,
    pending_rows bigint, buffer_bytes bigint) :strict
CREATE FUNCTION contract.shared_buffer_stats() RETURNS TABLE(source_oid bigint, source_table text, consumer_count integer, consumers text,
    columns_tracked integer, safe_frontier_lsn text, buffer_rows bigint, is_partitioned boolean) :strict
CREATE FUNCTION contract.list_sources(name text) RETURNS TABLE(source_table text, source_oid bigint, source_type text, cdc_mode text,
    columns_used text) :strict
CREATE FUNCTION contract.rebuild_cdc_triggers() RETURNS text :strict
CREATE FUNCTION contract.convert_buffers_to_unlogged() RETURNS bigint :strict
CREATE FUNCTION contract.dedup_stats() RETURNS TABLE(total_diff_refreshes bigint, dedup_needed bigint, dedup_ratio_pct double precision)
    :strict
CREATE FUNCTION contract.pgt_status() RETURNS TABLE(name text, status text, refresh_mode text, is_populated boolean, consecutive_errors
    integer, schedule text, data_timestamp timestamptz, staleness interval, scc_id integer) :strict
CREATE FUNCTION contract.st_refresh_stats() RETURNS TABLE(pgt_name text, pgt_schema text, status text, refresh_mode text, is_populated
    boolean, total_refreshes bigint, successful_refreshes bigint, failed_refreshes bigint, total_rows_inserted bigint, total_rows_deleted
    bigint, avg_duration_ms double precision, last_refresh_action text, last_refresh_status text, last_refresh_at timestamptz,
    staleness_secs double precision, stale boolean, consecutive_errors integer, schedule text, refresh_tier text, last_error_message text,
    downstream_publication text) :strict
CREATE FUNCTION contract.get_refresh_history(name text, max_rows integer DEFAULT 20) RETURNS TABLE(refresh_id bigint, data_timestamp
    timestamptz, start_time timestamptz, end_time timestamptz, action text, status text, rows_inserted bigint, rows_deleted bigint,
    duration_ms double precision, error_message text) :strict
CREATE FUNCTION contract.refresh_timeline(max_rows integer DEFAULT 50) RETURNS TABLE(start_time timestamptz, stream_table text, action
    text, status text, rows_inserted bigint, rows_deleted bigint, duration_ms double precision, error_message text) :strict
CREATE FUNCTION contract.get_staleness(name text) RETURNS double precision :strict
CREATE FUNCTION contract.st_auto_threshold(name text) RETURNS double precision :strict
CREATE FUNCTION contract.pgtrickle_refresh_stats() RETURNS TABLE(stream_table text, mode text, avg_ms double precision, p95_ms double
    precision, p99_ms double precision, refresh_count bigint, last_refresh_at timestamptz) :strict
CREATE FUNCTION contract.refresh_efficiency() RETURNS TABLE(pgt_schema text, pgt_name text, refresh_mode text, total_refreshes bigint,
    diff_count bigint, full_count bigint, avg_diff_ms double precision, avg_full_ms double precision, avg_change_ratio double precision,
    diff_speedup text, last_refresh_at text) :strict
CREATE FUNCTION contract.health_check() RETURNS TABLE(check_name text, severity text, detail text) :strict
CREATE FUNCTION contract.health_summary() RETURNS TABLE(total_stream_tables integer, active_count integer, error_count integer,
    suspended_count integer, stale_count integer, reinit_pending integer, max_staleness_seconds double precision, scheduler_status text,
    cache_hit_rate double precision) :strict
CREATE FUNCTION contract.metrics_summary() RETURNS TABLE(db_name text, total_stream_tables bigint, active_stream_tables bigint,
    suspended_stream_tables bigint, total_refreshes bigint, successful_refreshes bigint, failed_refreshes bigint, total_rows_processed
    bigint, active_workers integer, ivm_lock_parse_error_count bigint) :strict
CREATE FUNCTION contract.sla_summary() RETURNS TABLE(stream_table text, p50_ms double precision, p99_ms double precision, freshness_lag_s
    double precision, error_rate double precision, error_budget_remaining double precision) :strict
CREATE FUNCTION contract.explain_st(name text, with_analyze boolean DEFAULT false) RETURNS TABLE(property text, value text) :strict
CREATE FUNCTION contract.explain_stream_table(name text) RETURNS text :strict
CREATE FUNCTION contract.explain_diff_sql(name text) RETURNS text :strict
CREATE FUNCTION contract.explain_delta(name text, format text DEFAULT 'text') RETURNS SETOF text :strict
CREATE FUNCTION contract.validate_query(query text) RETURNS TABLE(check_name text, result text, severity text) :strict
CREATE FUNCTION contract.explain_query_rewrite(query text) RETURNS TABLE(pass_name text, changed boolean, sql_after text) :strict
CREATE FUNCTION contract.diagnose_errors(name text) RETURNS TABLE(event_time timestamptz, error_type text, error_message text, remediation
    text) :strict
CREATE FUNCTION contract.explain_refresh_mode(name text) RETURNS TABLE(configured_mode text, effective_mode text, downgrade_reason text)
    :strict
CREATE FUNCTION contract.recommend_refresh_mode(st_name text DEFAULT NULL) RETURNS TABLE(pgt_schema text, pgt_name text, current_mode text,
    effective_mode text, recommended_mode text, confidence text, reason text, signals jsonb) :called
CREATE FUNCTION contract.list_auxiliary_columns(name text) RETURNS TABLE(column_name text, data_type text, purpose text) :strict
CREATE FUNCTION contract.dependency_tree() RETURNS TABLE(tree_line text, node text, node_type text, depth integer, status text, refresh_mode
    text) :strict
CREATE FUNCTION contract.explain_dag(format text DEFAULT 'mermaid') RETURNS text :called
CREATE FUNCTION contract.stream_table_lineage(name text) RETURNS TABLE(output_col text, source_table text, source_col text) :strict
CREATE FUNCTION contract.snapshot_stream_table(p_name text, p_target text DEFAULT NULL) RETURNS text :called
CREATE FUNCTION contract.restore_from_snapshot(p_name text, p_source text) RETURNS void :strict
CREATE FUNCTION contract.list_snapshots(p_name text) RETURNS TABLE(snapshot_table text, created_at timestamptz, row_count bigint, frontier
    jsonb, size_bytes bigint) :strict
CREATE FUNCTION contract.drop_snapshot(p_snapshot_table text) RETURNS void :strict
CREATE FUNCTION contract.enable_outbox(p_name text, p_retention_hours integer DEFAULT 24) RETURNS void :strict
CREATE FUNCTION contract.disable_outbox(p_name text, p_if_exists boolean DEFAULT false) RETURNS void :strict
CREATE FUNCTION contract.outbox_status(p_name text) RETURNS jsonb :strict
CREATE FUNCTION contract.outbox_rows_consumed(p_stream_table text, p_outbox_id bigint) RETURNS void :strict
CREATE FUNCTION contract.create_consumer_group(p_name text, p_outbox text, p_auto_offset_reset text DEFAULT 'latest') RETURNS void :strict
CREATE FUNCTION contract.drop_consumer_group(p_name text, p_if_exists boolean DEFAULT false) RETURNS void :strict
CREATE FUNCTION contract.poll_outbox(p_group text, p_consumer text, p_batch_size integer DEFAULT 100, p_visibility_seconds integer DEFAULT
    30) RETURNS TABLE(outbox_id bigint, pgt_id uuid, created_at timestamptz, inserted_count bigint, deleted_count bigint, is_claim_check
    boolean, payload jsonb) :strict
CREATE FUNCTION contract.commit_offset(p_group text, p_consumer text, p_last_offset bigint) RETURNS void :strict
CREATE FUNCTION contract.extend_lease(p_group text, p_consumer text, p_extension_seconds integer DEFAULT 30) RETURNS timestamptz :strict
CREATE FUNCTION contract.seek_offset(p_group text, p_consumer text, p_new_offset bigint) RETURNS void :strict
CREATE FUNCTION contract.consumer_heartbeat(p_group text, p_consumer text) RETURNS void :strict
CREATE FUNCTION contract.consumer_lag(p_group text) RETURNS TABLE(consumer_id text, committed_offset bigint, max_outbox_id bigint, lag
    bigint, last_heartbeat_at timestamptz, is_alive boolean) :strict
CREATE FUNCTION contract.create_inbox( p_name text, p_schema text DEFAULT 'pgtrickle', p_max_retries integer DEFAULT 3, p_schedule text
    DEFAULT '1s', with_dead_letter boolean DEFAULT true, with_stats boolean DEFAULT true, p_retention_hours integer DEFAULT 72) RETURNS void
    :strict
CREATE FUNCTION contract.drop_inbox(p_name text, p_if_exists boolean DEFAULT false, p_cascade boolean DEFAULT false) RETURNS void :strict
CREATE FUNCTION contract.enable_inbox_tracking( p_name text, p_table_ref text, p_id_column text DEFAULT 'event_id', p_processed_at_column
    text DEFAULT 'processed_at', p_retry_count_column text DEFAULT 'retry_count', p_error_column text DEFAULT 'error', p_received_at_column
    text DEFAULT 'received_at', p_event_type_column text DEFAULT 'event_type', p_max_retries integer DEFAULT 3, p_schedule text DEFAULT
    '1s') RETURNS void :strict
CREATE FUNCTION contract.inbox_health(p_name text) RETURNS jsonb :strict
CREATE FUNCTION contract.inbox_status(p_name text DEFAULT NULL) RETURNS TABLE(inbox_name text, inbox_schema text, max_retries integer,
    schedule text, with_dead_letter boolean, with_stats boolean, created_at timestamptz) :called
CREATE FUNCTION contract.replay_inbox_messages(p_name text, p_event_ids text[]) RETURNS bigint :strict
CREATE FUNCTION contract.enable_inbox_ordering(p_inbox text, p_aggregate_id_col text, p_sequence_num_col text) RETURNS void :strict
CREATE FUNCTION contract.disable_inbox_ordering(p_inbox text, p_if_exists boolean DEFAULT false) RETURNS void :strict
CREATE FUNCTION contract.enable_inbox_priority(p_inbox text, p_priority_col text, p_tiers jsonb DEFAULT NULL) RETURNS void :called
CREATE FUNCTION contract.disable_inbox_priority(p_inbox text, p_if_exists boolean DEFAULT false) RETURNS void :strict
CREATE FUNCTION contract.inbox_ordering_gaps(p_inbox_name text) RETURNS TABLE(aggregate_id text, expected_seq bigint, found_seq bigint)
    :strict
CREATE FUNCTION contract.inbox_is_my_partition(p_aggregate_id text, p_worker_id integer, p_total_workers integer) RETURNS boolean IMMUTABLE
    :strict
CREATE FUNCTION contract.set_relay_outbox( p_name text, p_outbox text, p_group text, p_sink jsonb, p_retention_hours integer DEFAULT 24,
    p_enabled boolean DEFAULT true) RETURNS void :called
CREATE FUNCTION contract.set_relay_inbox( p_name text, p_inbox text, p_source jsonb, p_max_retries integer DEFAULT 3, p_schedule text
    DEFAULT '1s', p_with_dead_letter boolean DEFAULT true, p_retention_hours integer DEFAULT 24, p_enabled boolean DEFAULT true) RETURNS
    void :called
CREATE FUNCTION contract.enable_relay(p_name text) RETURNS void :called
CREATE FUNCTION contract.disable_relay(p_name text) RETURNS void :called
CREATE FUNCTION contract.delete_relay(p_name text) RETURNS void :called
CREATE FUNCTION contract.get_relay_config(p_name text) RETURNS TABLE(name text, direction text, enabled boolean, config jsonb) :called
CREATE FUNCTION contract.list_relay_configs() RETURNS TABLE(name text, direction text, enabled boolean, config jsonb) :called
CREATE FUNCTION contract.stream_table_to_publication(name text) RETURNS void :strict
CREATE FUNCTION contract.drop_stream_table_publication(name text) RETURNS void :strict
CREATE FUNCTION contract.subscribe(stream_table text, channel text) RETURNS void :strict
CREATE FUNCTION contract.unsubscribe(stream_table text, channel text) RETURNS void :strict
CREATE FUNCTION contract.list_subscriptions() RETURNS TABLE(stream_table text, channel text, created_at timestamptz) :strict
CREATE FUNCTION contract.gate_source(source text) RETURNS void :strict
CREATE FUNCTION contract.ungate_source(source text) RETURNS void :strict
CREATE FUNCTION contract.source_gates() RETURNS TABLE(source_table text, schema_name text, gated boolean, gated_at timestamptz, ungated_at
    timestamptz, gated_by text) :strict
CREATE FUNCTION contract.bootstrap_gate_status() RETURNS TABLE(source_table text, schema_name text, gated boolean, gated_at timestamptz,
    ungated_at timestamptz, gated_by text, gate_duration interval, affected_stream_tables text) :strict
CREATE FUNCTION contract.advance_watermark(source text, watermark timestamptz) RETURNS void :strict
CREATE FUNCTION contract.create_watermark_group(group_name text, sources text[], tolerance_secs double precision DEFAULT 0.0) RETURNS
    integer :strict
CREATE FUNCTION contract.drop_watermark_group(group_name text) RETURNS void :strict
CREATE FUNCTION contract.watermarks() RETURNS TABLE(source_table text, schema_name text, watermark timestamptz, updated_at timestamptz,
    advanced_by text, wal_lsn text) :strict
CREATE FUNCTION contract.watermark_groups() RETURNS TABLE(group_name text, source_count integer, tolerance_secs double precision, created_at
    timestamptz) :strict
CREATE FUNCTION contract.watermark_status() RETURNS TABLE(group_name text, min_watermark timestamptz, max_watermark timestamptz, lag_secs
    double precision, aligned boolean, sources_with_watermark integer, sources_total integer) :strict
CREATE FUNCTION contract.reset_fuse(name text, action text DEFAULT 'apply') RETURNS void :strict
CREATE FUNCTION contract.fuse_status() RETURNS TABLE(stream_table text, fuse_mode text, fuse_state text, fuse_ceiling bigint,
    effective_ceiling bigint, fuse_sensitivity integer, blown_at timestamptz, blow_reason text) :strict
CREATE FUNCTION contract.set_stream_table_sla(name text, sla interval) RETURNS void :strict
CREATE FUNCTION contract.worker_pool_status() RETURNS TABLE(active_workers integer, max_workers integer, per_db_cap integer, parallel_mode
    text) :strict
CREATE FUNCTION contract.worker_allocation_status() RETURNS TABLE(db_name text, workers_used bigint, workers_quota bigint, workers_queued
    bigint, cluster_active bigint, cluster_max bigint) :strict
CREATE FUNCTION contract.parallel_job_status(max_age_seconds integer DEFAULT 300) RETURNS TABLE(job_id bigint, unit_key text, unit_kind
    text, status text, member_count integer, attempt_no integer, scheduler_pid integer, worker_pid integer, enqueued_at timestamptz,
    started_at timestamptz, finished_at timestamptz, duration_ms double precision) :strict
CREATE FUNCTION contract.cluster_worker_summary() RETURNS TABLE(db_oid bigint, db_name text, active_workers integer, scheduler_pid integer,
    scheduler_running boolean, total_active_workers integer) :strict
CREATE FUNCTION contract.source_stable_name(source_oid oid) RETURNS text :strict
CREATE FUNCTION contract.handle_vp_promoted(payload text) RETURNS boolean :strict
CREATE FUNCTION contract.setup_self_monitoring() RETURNS void :strict
CREATE FUNCTION contract.teardown_self_monitoring() RETURNS void :strict
CREATE FUNCTION contract.self_monitoring_status() RETURNS TABLE(st_name text, "exists" boolean, status text, refresh_mode text,
    last_refresh_at text, total_refreshes bigint) :strict
CREATE FUNCTION contract.scheduler_overhead() RETURNS TABLE(total_refreshes_1h bigint, df_refreshes_1h bigint, df_refresh_fraction double
    precision, avg_refresh_ms double precision, avg_df_refresh_ms double precision, total_refresh_time_s double precision, df_refresh_time_s
    double precision) :strict
CREATE FUNCTION contract.drain(timeout_s integer DEFAULT 60) RETURNS boolean :strict
CREATE FUNCTION contract.is_drained() RETURNS boolean :strict
CREATE FUNCTION contract.cache_stats() RETURNS TABLE(l1_hits bigint, l2_hits bigint, misses bigint, evictions bigint, l1_size integer)
    :strict
CREATE FUNCTION contract.clear_caches() RETURNS bigint :strict
CREATE FUNCTION contract.version() RETURNS text IMMUTABLE PARALLEL SAFE :strict
CREATE FUNCTION contract.version_check() RETURNS text :strict
CREATE FUNCTION contract.migrate() RETURNS text :strict
CREATE FUNCTION contract.pg_trickle_hash(input text) RETURNS bigint IMMUTABLE PARALLEL SAFE :called
CREATE FUNCTION contract.pg_trickle_hash_multi(inputs text[]) RETURNS bigint IMMUTABLE PARALLEL SAFE :strict
CREATE FUNCTION contract.pgt_ivm_apply_delta(pgt_id bigint, source_oid integer, has_new boolean, has_old boolean) RETURNS void :strict
CREATE FUNCTION contract.pgt_ivm_apply_delta_enr(pgt_id bigint, source_oid integer, has_new boolean, has_old boolean) RETURNS void :strict
CREATE FUNCTION contract.pgt_ivm_handle_truncate(pgt_id bigint) RETURNS void :strict
CREATE FUNCTION contract._signal_launcher_rescan() RETURNS void :strict
CREATE FUNCTION contract._on_ddl_end() RETURNS event_trigger :strict
CREATE FUNCTION contract._on_sql_drop() RETURNS event_trigger :strict
CREATE FUNCTION contract.relay_config_notify() RETURNS trigger :strict

CREATE TABLE contract.pgt_stream_tables (
    pgt_id bigserial PRIMARY KEY, pgt_relid oid NOT NULL UNIQUE, pgt_name text NOT NULL, pgt_schema text NOT NULL,
    defining_query text NOT NULL, original_query text, schedule text,
    refresh_mode text NOT NULL DEFAULT 'DIFFERENTIAL' CHECK (refresh_mode IN ('FULL', 'DIFFERENTIAL', 'IMMEDIATE')),
    status text NOT NULL DEFAULT 'INITIALIZING' CHECK (status IN ('INITIALIZING', 'ACTIVE', 'SUSPENDED', 'ERROR')),
    is_populated boolean NOT NULL DEFAULT false, data_timestamp timestamptz, frontier jsonb, last_refresh_at timestamptz,
    consecutive_errors int NOT NULL DEFAULT 0, needs_reinit boolean NOT NULL DEFAULT false, auto_threshold double precision,
    last_full_ms double precision, functions_used text[], topk_limit int, topk_offset int, topk_order_by text,
    diamond_consistency text NOT NULL DEFAULT 'atomic' CHECK (diamond_consistency IN ('none', 'atomic')),
    diamond_schedule_policy text NOT NULL DEFAULT 'fastest' CHECK (diamond_schedule_policy IN ('fastest', 'slowest')),
    has_keyless_source boolean NOT NULL DEFAULT false, function_hashes text,
    requested_cdc_mode text CHECK (requested_cdc_mode IN ('auto', 'trigger', 'wal')), is_append_only boolean NOT NULL DEFAULT false,
    scc_id int, last_fixpoint_iterations int, max_differential_joins int, max_delta_fraction double precision,
    pooler_compatibility_mode boolean NOT NULL DEFAULT false,
    refresh_tier text NOT NULL DEFAULT 'hot' CHECK (refresh_tier IN ('hot', 'warm', 'cold', 'frozen')),
    effective_refresh_mode text, fuse_mode text NOT NULL DEFAULT 'off' CHECK (fuse_mode IN ('off', 'on', 'auto')),
    fuse_state text NOT NULL DEFAULT 'armed' CHECK (fuse_state IN ('armed', 'blown', 'disabled')), fuse_ceiling bigint,
    fuse_sensitivity int, blown_at timestamptz, blow_reason text, last_error_message text, last_error_at timestamptz,
    downstream_publication_name text, freshness_deadline_ms bigint, st_partition_key text,
    st_placement text NOT NULL DEFAULT 'local', temporal_mode boolean NOT NULL DEFAULT false,
    storage_backend text NOT NULL DEFAULT 'heap', column_lineage jsonb, created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now());
CREATE UNIQUE INDEX idx_pgt_name ON contract.pgt_stream_tables (pgt_schema, pgt_name);
CREATE INDEX idx_pgt_status ON contract.pgt_stream_tables (status);
CREATE INDEX idx_pgt_relid ON contract.pgt_stream_tables (pgt_relid);
CREATE TABLE contract.pgt_dependencies (
    pgt_id bigint NOT NULL REFERENCES contract.pgt_stream_tables ON DELETE CASCADE, source_relid oid NOT NULL,
    source_type text NOT NULL CHECK (source_type IN ('TABLE', 'STREAM_TABLE', 'VIEW', 'MATVIEW', 'FOREIGN_TABLE')),
    columns_used text[], column_snapshot jsonb, schema_fingerprint text,
    cdc_mode text NOT NULL DEFAULT 'TRIGGER' CHECK (cdc_mode IN ('TRIGGER', 'TRANSITIONING', 'WAL')), slot_name text,
    decoder_confirmed_lsn pg_lsn, transition_started_at timestamptz, source_stable_name text,
    source_placement text NOT NULL DEFAULT 'local', PRIMARY KEY (pgt_id, source_relid));
CREATE INDEX idx_deps_source ON contract.pgt_dependencies (source_relid);
CREATE INDEX idx_deps_pgt_id ON contract.pgt_dependencies (pgt_id);
CREATE TABLE contract.pgt_refresh_history (
    refresh_id bigserial PRIMARY KEY, pgt_id bigint NOT NULL REFERENCES contract.pgt_stream_tables ON DELETE CASCADE,
    data_timestamp timestamptz NOT NULL, start_time timestamptz NOT NULL, end_time timestamptz,
    action text NOT NULL CHECK (action IN ('NO_DATA', 'FULL', 'DIFFERENTIAL', 'REINITIALIZE', 'SKIP')),
    rows_inserted bigint DEFAULT 0, rows_deleted bigint DEFAULT 0, delta_row_count bigint DEFAULT 0, merge_strategy_used text,
    was_full_fallback boolean NOT NULL DEFAULT false, error_message text,
    status text NOT NULL CHECK (status IN ('RUNNING', 'COMPLETED', 'FAILED', 'SKIPPED')),
    initiated_by text CHECK (initiated_by IN ('SCHEDULER', 'MANUAL', 'INITIAL', 'SELF_MONITOR')), freshness_deadline timestamptz,
    tick_watermark_lsn pg_lsn, fixpoint_iteration int, refresh_reason text);
CREATE INDEX idx_hist_pgt_ts ON contract.pgt_refresh_history (pgt_id, data_timestamp);
CREATE INDEX idx_hist_pgt_start ON contract.pgt_refresh_history (pgt_id, start_time);
CREATE TABLE contract.pgt_change_tracking (
    source_relid oid PRIMARY KEY, slot_name text NOT NULL, last_consumed_lsn pg_lsn, tracked_by_pgt_ids bigint[],
    source_stable_name text, source_placement text NOT NULL DEFAULT 'local', frontier_per_node jsonb);
CREATE TABLE contract.pgt_scheduler_jobs (
    job_id bigserial PRIMARY KEY, dag_version bigint NOT NULL, unit_key text NOT NULL, unit_kind text NOT NULL CHECK (unit_kind IN
        ('singleton', 'atomic_group', 'immediate_closure', 'cyclic_scc', 'repeatable_read_group', 'fused_chain')),
    member_pgt_ids bigint[] NOT NULL, root_pgt_id bigint NOT NULL, status text NOT NULL DEFAULT 'QUEUED' CHECK (status IN
        ('QUEUED', 'RUNNING', 'SUCCEEDED', 'RETRYABLE_FAILED', 'PERMANENT_FAILED', 'CANCELLED')),
    scheduler_pid int NOT NULL, worker_pid int, attempt_no int NOT NULL DEFAULT 1, enqueued_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz, finished_at timestamptz, outcome_detail text, retryable boolean);
CREATE TABLE contract.pgt_refresh_groups (
    group_id serial PRIMARY KEY, group_name text NOT NULL UNIQUE, member_oids oid[] NOT NULL,
    isolation text NOT NULL DEFAULT 'read_committed' CHECK (isolation IN ('read_committed', 'repeatable_read')),
    created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE contract.pgt_source_gates (
    source_relid oid PRIMARY KEY, gated boolean NOT NULL DEFAULT true, gated_at timestamptz NOT NULL DEFAULT now(),
    ungated_at timestamptz, gated_by text);
CREATE TABLE contract.pgt_watermarks (
    source_relid oid PRIMARY KEY, watermark timestamptz NOT NULL, updated_at timestamptz NOT NULL DEFAULT now(), advanced_by text,
    wal_lsn_at_advance text);
CREATE TABLE contract.pgt_watermark_groups (
    group_id serial PRIMARY KEY, group_name text NOT NULL UNIQUE, source_relids oid[] NOT NULL,
    tolerance_secs double precision NOT NULL DEFAULT 0, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE contract.pgt_schema_version (version text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now(), description text);
CREATE TABLE contract.pgt_st_locks (
    lock_key text PRIMARY KEY, holder text NOT NULL, acquired_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL);
CREATE TABLE contract.pgt_worker_slots (
    pgt_id bigint NOT NULL REFERENCES contract.pgt_stream_tables ON DELETE CASCADE, source_relid oid NOT NULL,
    worker_name text NOT NULL, worker_port int NOT NULL DEFAULT 5432, slot_name text NOT NULL, last_frontier text,
    last_polled_at timestamptz, PRIMARY KEY (pgt_id, source_relid, worker_name, worker_port));
CREATE UNLOGGED TABLE contract.pgt_template_cache (
    pgt_id bigint PRIMARY KEY REFERENCES contract.pgt_stream_tables ON DELETE CASCADE, query_hash bigint NOT NULL,
    delta_sql text NOT NULL, columns text[] NOT NULL, source_oids integer[] NOT NULL, is_dedup boolean NOT NULL DEFAULT false,
    key_changed boolean NOT NULL DEFAULT false, all_algebraic boolean NOT NULL DEFAULT false,
    cached_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE contract.pgt_outbox_config (
    stream_table_oid oid PRIMARY KEY, stream_table_name text NOT NULL, outbox_table_name text NOT NULL CONSTRAINT uq_outbox_table_name UNIQUE,
    retention_hours int NOT NULL DEFAULT 24, created_at timestamptz NOT NULL DEFAULT now(), last_drained_at timestamptz,
    last_drained_count bigint NOT NULL DEFAULT 0);
CREATE INDEX idx_pgt_outbox_config_name ON contract.pgt_outbox_config (stream_table_name);
CREATE TABLE contract.pgt_consumer_groups (
    group_name text PRIMARY KEY, outbox_name text NOT NULL,
    auto_offset_reset text NOT NULL DEFAULT 'latest' CHECK (auto_offset_reset IN ('earliest', 'latest')),
    created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE contract.pgt_consumer_offsets (
    group_name text NOT NULL REFERENCES contract.pgt_consumer_groups ON DELETE CASCADE, consumer_id text NOT NULL,
    committed_offset bigint NOT NULL DEFAULT 0, last_committed_at timestamptz, last_heartbeat_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_name, consumer_id));
CREATE TABLE contract.pgt_consumer_leases (
    group_name text NOT NULL, consumer_id text NOT NULL, batch_start bigint NOT NULL, batch_end bigint NOT NULL,
    lease_expires timestamptz NOT NULL, PRIMARY KEY (group_name, consumer_id),
    FOREIGN KEY (group_name, consumer_id) REFERENCES contract.pgt_consumer_offsets ON DELETE CASCADE);
CREATE TABLE contract.pgt_inbox_config (
    inbox_name text PRIMARY KEY, inbox_schema text NOT NULL DEFAULT 'pgtrickle', max_retries int NOT NULL DEFAULT 3,
    schedule text NOT NULL DEFAULT '1s', with_dead_letter boolean NOT NULL DEFAULT true, with_stats boolean NOT NULL DEFAULT true,
    retention_hours int NOT NULL DEFAULT 72, id_column text NOT NULL DEFAULT 'event_id',
    processed_at_column text NOT NULL DEFAULT 'processed_at', retry_count_column text NOT NULL DEFAULT 'retry_count',
    error_column text NOT NULL DEFAULT 'error', received_at_column text NOT NULL DEFAULT 'received_at',
    event_type_column text NOT NULL DEFAULT 'event_type', is_managed boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE contract.pgt_inbox_ordering_config (
    inbox_name text PRIMARY KEY REFERENCES contract.pgt_inbox_config ON DELETE CASCADE, aggregate_id_col text NOT NULL,
    sequence_num_col text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE contract.pgt_inbox_priority_config (
    inbox_name text PRIMARY KEY REFERENCES contract.pgt_inbox_config ON DELETE CASCADE, priority_col text NOT NULL, tiers jsonb,
    created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE contract.relay_outbox_config (name text PRIMARY KEY, enabled boolean NOT NULL DEFAULT true, config jsonb NOT NULL);
CREATE TABLE contract.relay_inbox_config (name text PRIMARY KEY, enabled boolean NOT NULL DEFAULT true, config jsonb NOT NULL);
CREATE TABLE contract.relay_consumer_offsets (
    relay_group_id text NOT NULL, pipeline_id text NOT NULL, last_change_id bigint NOT NULL DEFAULT 0, worker_id text,
    updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (relay_group_id, pipeline_id));
CREATE TABLE contract.pgt_snapshots (
    snapshot_id bigserial PRIMARY KEY, pgt_id bigint NOT NULL REFERENCES contract.pgt_stream_tables ON DELETE CASCADE,
    snapshot_schema text NOT NULL, snapshot_table text NOT NULL, snapshot_version text NOT NULL, frontier jsonb,
    created_at timestamptz NOT NULL DEFAULT now(), CONSTRAINT uq_snapshot_table UNIQUE (snapshot_schema, snapshot_table));
CREATE INDEX idx_pgt_snapshots_pgt_id ON contract.pgt_snapshots (pgt_id);
CREATE TABLE contract.pgt_subscriptions (
    stream_table text NOT NULL, channel text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (stream_table, channel));

-- views, of which only the columns count
CREATE VIEW contract.stream_tables_info AS
    SELECT t.*, NULL::interval AS staleness, NULL::boolean AS stale, NULL::boolean AS is_topk FROM contract.pgt_stream_tables AS t;
CREATE VIEW contract.pg_stat_stream_tables AS
    SELECT pgt_id, pgt_schema, pgt_name, status, refresh_mode, is_populated, data_timestamp, schedule, NULL::interval AS staleness,
           NULL::boolean AS stale, consecutive_errors, needs_reinit, last_refresh_at, 0::bigint AS total_refreshes,
           0::bigint AS successful_refreshes, 0::bigint AS failed_refreshes, 0::bigint AS total_rows_inserted,
           0::bigint AS total_rows_deleted, 0::double precision AS avg_duration_ms, ''::text AS last_action, ''::text AS last_status,
           NULL::text[] AS cdc_modes, scc_id, last_fixpoint_iterations, refresh_tier FROM contract.pgt_stream_tables;
CREATE VIEW contract.quick_health AS
    SELECT 0::bigint AS total_stream_tables, 0::bigint AS error_tables, 0::bigint AS stale_tables, true AS scheduler_running, ''::text AS status;
CREATE VIEW contract.pgt_cdc_status AS
    SELECT ''::text AS pgt_schema, ''::text AS pgt_name, source_relid, ''::name AS source_name, ''::name AS source_schema, cdc_mode,
           slot_name, decoder_confirmed_lsn, transition_started_at FROM contract.pgt_dependencies;
CREATE VIEW contract.citus_status AS
    SELECT pgt_id, ''::text AS pgt_schema, ''::text AS pgt_name, source_relid, source_stable_name, ''::text AS coordinator_slot,
           source_placement, NULL::jsonb AS frontier_per_node, ''::text AS worker_name, 0 AS worker_port, ''::text AS worker_slot,
           ''::text AS worker_frontier, NULL::timestamptz AS last_polled_at, ''::text AS lease_holder, NULL::timestamptz AS lease_acquired_at,
           NULL::timestamptz AS lease_expires_at, ''::text AS lease_health FROM contract.pgt_dependencies;

-- settings, without their prefix; which values, of words and numbers
CREATE TABLE contract.settings (name text, type text, "default" text, "values" text, context text);
INSERT INTO contract.settings VALUES
    ('enabled', 'bool', 'on', NULL, 'superuser'),
    ('scheduler_interval_ms', 'integer', '1000', '100 to 600000', 'superuser'),
    ('min_schedule_seconds', 'integer', '1', '1 to 86400', 'superuser'),
    ('default_schedule_seconds', 'integer', '1', '1 to 86400', 'superuser'),
    ('max_consecutive_errors', 'integer', '3', '1 to 100', 'superuser'),
    ('tick_watermark_enabled', 'bool', 'on', NULL, 'superuser'),
    ('auto_backoff', 'bool', 'on', NULL, 'superuser'),
    ('drain_timeout', 'integer', '60', '1 to 3600', 'superuser'),
    ('watermark_holdback_timeout', 'integer', '0', '0 to 86400', 'superuser'),
    ('frontier_holdback_mode', 'string', 'xmin', 'xmin, none, lsn:<bytes>; any other text acts as xmin', 'superuser'),
    ('frontier_holdback_warn_seconds', 'integer', '60', '0 to 3600', 'superuser'),
    ('parallel_refresh_mode', 'string', 'on', 'on, off, dry_run', 'superuser'),
    ('max_concurrent_refreshes', 'integer', '4', '1 to 32', 'superuser'),
    ('max_dynamic_refresh_workers', 'integer', '4', '1 to 64', 'superuser'),
    ('per_database_worker_quota', 'integer', '0', '0 to 64', 'superuser'),
    ('max_parallel_workers', 'integer', '0', '0 to 32', 'superuser'),
    ('worker_pool_size', 'integer', '0', '0 to 64', 'superuser'),
    ('refresh_strategy', 'string', 'auto', 'auto, differential, full', 'superuser'),
    ('force_full_refresh', 'bool', 'off', NULL, 'superuser'),
    ('differential_max_change_ratio', 'real', '0.15', '0 to 1', 'superuser'),
    ('cost_model_safety_margin', 'real', '0.8', '0.1 to 2', 'superuser'),
    ('prediction_window', 'integer', '60', '5 to 1440', 'superuser'),
    ('prediction_ratio', 'real', '1.5', '1 to 10', 'superuser'),
    ('prediction_min_samples', 'integer', '5', '0 to 1000', 'superuser'),
    ('max_delta_estimate_rows', 'integer', '0', '0 to 10000000', 'superuser'),
    ('max_buffer_rows', 'integer', '1000000', '0 to 100000000', 'superuser'),
    ('algebraic_drift_reset_cycles', 'integer', '0', '0 to 100000', 'superuser'),
    ('spill_threshold_blocks', 'integer', '0', '0 to 100000000', 'superuser'),
    ('spill_consecutive_limit', 'integer', '3', '1 to 100', 'superuser'),
    ('delta_amplification_threshold', 'real', '100', '0 to 100000', 'superuser'),
    ('agg_diff_cardinality_threshold', 'integer', '1000', '0 to 100000000', 'superuser'),
    ('merge_strategy', 'string', 'auto', 'auto, merge', 'superuser'),
    ('merge_strategy_threshold', 'real', '0.01', '0.001 to 1', 'superuser'),
    ('adaptive_merge_strategy', 'bool', 'off', NULL, 'superuser'),
    ('merge_join_strategy', 'string', 'auto', 'auto, hash_join, nested_loop, merge_join', 'superuser'),
    ('planner_aggressive', 'bool', 'on', NULL, 'superuser'),
    ('merge_planner_hints', 'bool', 'on', NULL, 'superuser'),
    ('merge_work_mem_mb', 'integer', '64', '8 to 4096', 'superuser'),
    ('delta_work_mem_cap_mb', 'integer', '0', '0 to 8192', 'superuser'),
    ('merge_seqscan_threshold', 'real', '0.001', '0 to 1', 'superuser'),
    ('use_prepared_statements', 'bool', 'on', NULL, 'superuser'),
    ('aggregate_fast_path', 'bool', 'on', NULL, 'superuser'),
    ('delta_work_mem', 'integer', '0', '0 to 8192', 'superuser'),
    ('delta_enable_nestloop', 'bool', 'on', NULL, 'superuser'),
    ('analyze_before_delta', 'bool', 'on', NULL, 'superuser'),
    ('diff_output_format', 'string', 'split', 'split, merged', 'superuser'),
    ('template_cache', 'bool', 'on', NULL, 'superuser'),
    ('template_cache_max_entries', 'integer', '0', '0 to 65536', 'superuser'),
    ('template_cache_max_age_hours', 'integer', '168', '0 to 87600', 'superuser'),
    ('log_merge_sql', 'bool', 'off', NULL, 'superuser'),
    ('log_delta_sql', 'bool', 'off', NULL, 'superuser'),
    ('max_parse_depth', 'integer', '64', '1 to 10000', 'superuser'),
    ('max_parse_nodes', 'integer', '0', '0 to 10000000', 'superuser'),
    ('max_grouping_set_branches', 'integer', '64', '1 to 65536', 'superuser'),
    ('volatile_function_policy', 'string', 'reject', 'reject, warn, allow', 'superuser'),
    ('allow_circular', 'bool', 'off', NULL, 'superuser'),
    ('max_fixpoint_iterations', 'integer', '100', '1 to 10000', 'superuser'),
    ('ivm_topk_max_limit', 'integer', '1000', '0 to 1000000', 'superuser'),
    ('ivm_recursive_max_depth', 'integer', '100', '0 to 100000', 'superuser'),
    ('ivm_use_enr', 'bool', 'off', NULL, 'superuser'),
    ('cdc_mode', 'string', 'auto', 'auto, trigger, wal', 'superuser'),
    ('cdc_trigger_mode', 'string', 'statement', 'statement, row', 'superuser'),
    ('wal_transition_timeout', 'integer', '300', '10 to 3600', 'superuser'),
    ('slot_lag_warning_threshold_mb', 'integer', '100', '1 to 1048576', 'superuser'),
    ('slot_lag_critical_threshold_mb', 'integer', '1024', '1 to 1048576', 'superuser'),
    ('enforce_backpressure', 'bool', 'off', NULL, 'superuser'),
    ('cdc_paused', 'bool', 'off', NULL, 'superuser'),
    ('cdc_capture_mode', 'string', 'discard', 'discard, hold', 'superuser'),
    ('block_source_ddl', 'bool', 'on', NULL, 'superuser'),
    ('foreign_table_polling', 'bool', 'off', NULL, 'superuser'),
    ('matview_polling', 'bool', 'off', NULL, 'superuser'),
    ('change_buffer_schema', 'string', 'pgtrickle_changes', NULL, 'superuser'),
    ('buffer_alert_threshold', 'integer', '1000000', '1000 to 100000000', 'superuser'),
    ('backpressure_consecutive_limit', 'integer', '3', '0 to 100', 'superuser'),
    ('max_change_buffer_alert_rows', 'integer', '0', '0 to 100000000', 'superuser'),
    ('compact_threshold', 'integer', '100000', '0 to 100000000', 'superuser'),
    ('cleanup_use_truncate', 'bool', 'on', NULL, 'superuser'),
    ('buffer_partitioning', 'string', 'off', 'off, on, auto', 'superuser'),
    ('unlogged_buffers', 'bool', 'off', NULL, 'superuser'),
    ('change_buffer_durability', 'string', 'unlogged', 'unlogged, logged, sync', 'superuser'),
    ('adaptive_batch_coalescing', 'bool', 'on', NULL, 'superuser'),
    ('publication_lag_warn_bytes', 'integer', '0', '0 to 2147483647', 'superuser'),
    ('auto_index', 'bool', 'on', NULL, 'superuser'),
    ('user_triggers', 'string', 'auto', 'auto, off', 'superuser'),
    ('online_schema_evolution', 'bool', 'off', NULL, 'superuser'),
    ('columnar_backend', 'string', 'none', 'none, citus, pg_mooncake', 'superuser'),
    ('temporal_stream_tables', 'bool', 'off', NULL, 'superuser'),
    ('enable_vector_agg', 'bool', 'off', NULL, 'superuser'),
    ('tiered_scheduling', 'bool', 'on', NULL, 'superuser'),
    ('sla_window_hours', 'integer', '24', '1 to 8760', 'superuser'),
    ('schedule_recommendation_min_samples', 'integer', '20', '1 to 1000', 'superuser'),
    ('schedule_alert_cooldown_seconds', 'integer', '300', '0 to 86400', 'superuser'),
    ('self_monitoring_auto_apply', 'string', 'off', 'off, threshold_only, full', 'superuser'),
    ('fuse_default_ceiling', 'integer', '0', '0 to 2000000000', 'superuser'),
    ('event_driven_wake', 'bool', 'off', NULL, 'superuser'),
    ('wake_debounce_ms', 'integer', '10', '1 to 5000', 'superuser'),
    ('notify_coalesce_ms', 'integer', '250', '0 to 60000', 'superuser'),
    ('connection_pooler_mode', 'string', 'off', 'off, transaction, session', 'superuser'),
    ('history_retention_days', 'integer', '90', '0 to 36500', 'superuser'),
    ('history_prune_interval_seconds', 'integer', '60', '0 to 86400', 'superuser'),
    ('log_format', 'string', 'text', 'text, json', 'superuser'),
    ('metrics_port', 'integer', '0', '0 to 65535', 'superuser'),
    ('metrics_request_timeout_ms', 'integer', '5000', '0 to 600000', 'superuser'),
    ('use_sqlstate_classification', 'bool', 'on', NULL, 'superuser'),
    ('enable_trace_propagation', 'bool', 'off', NULL, 'superuser'),
    ('otel_endpoint', 'string', '', NULL, 'superuser'),
    ('trace_id', 'string', '', NULL, 'user'),
    ('outbox_enabled', 'bool', 'on', NULL, 'superuser'),
    ('outbox_retention_hours', 'integer', '24', '1 to 87600', 'superuser'),
    ('outbox_drain_batch_size', 'integer', '500', '1 to 1000000', 'superuser'),
    ('outbox_drain_interval_seconds', 'integer', '60', '0 to 86400', 'superuser'),
    ('outbox_inline_threshold_rows', 'integer', '10000', '0 to 10000000', 'superuser'),
    ('outbox_claim_check_batch_size', 'integer', '1000', '1 to 1000000', 'superuser'),
    ('outbox_storage_critical_mb', 'integer', '1024', '1 to 10000000', 'superuser'),
    ('outbox_skip_empty_delta', 'bool', 'on', NULL, 'superuser'),
    ('outbox_force_retention', 'bool', 'off', NULL, 'superuser'),
    ('consumer_dead_threshold_hours', 'integer', '24', '1 to 87600', 'superuser'),
    ('consumer_stale_offset_threshold_days', 'integer', '7', '1 to 3650', 'superuser'),
    ('consumer_cleanup_enabled', 'bool', 'on', NULL, 'superuser'),
    ('inbox_enabled', 'bool', 'on', NULL, 'superuser'),
    ('inbox_processed_retention_hours', 'integer', '72', '1 to 87600', 'superuser'),
    ('inbox_dlq_retention_hours', 'integer', '0', '0 to 87600', 'superuser'),
    ('inbox_drain_batch_size', 'integer', '500', '1 to 1000000', 'superuser'),
    ('inbox_drain_interval_seconds', 'integer', '60', '0 to 86400', 'superuser'),
    ('inbox_dlq_alert_max_per_refresh', 'integer', '10', '0 to 100', 'superuser'),
    ('citus_st_lock_lease_ms', 'integer', '60000', '0 to 600000', 'superuser'),
    ('citus_worker_retry_ticks', 'integer', '5', '0 to 100', 'superuser');
RESET check_function_bodies;
