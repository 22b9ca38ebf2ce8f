-- The contract's catalog, and what the engine keeps beside it.

CREATE TABLE pgtrickle.pgt_stream_tables (
    pgt_id bigserial PRIMARY KEY,
    pgt_relid oid NOT NULL UNIQUE,
    pgt_name text NOT NULL,
    pgt_schema text NOT NULL,
    defining_query text NOT NULL,
    original_query text,
    schedule text,
    refresh_mode text NOT NULL DEFAULT 'DIFFERENTIAL' CHECK (refresh_mode IN ('FULL', 'DIFFERENTIAL', 'IMMEDIATE')),
    status text NOT NULL DEFAULT 'INITIALIZING' CHECK (status IN ('INITIALIZING', 'ACTIVE', 'SUSPENDED', 'ERROR')),
    is_populated boolean NOT NULL DEFAULT false,
    data_timestamp timestamptz,
    frontier jsonb,
    last_refresh_at timestamptz,
    consecutive_errors integer NOT NULL DEFAULT 0,
    needs_reinit boolean NOT NULL DEFAULT false,
    auto_threshold double precision,
    last_full_ms double precision,
    functions_used text[],
    topk_limit integer,
    topk_offset integer,
    topk_order_by text,
    diamond_consistency text NOT NULL DEFAULT 'atomic' CHECK (diamond_consistency IN ('none', 'atomic')),
    diamond_schedule_policy text NOT NULL DEFAULT 'fastest' CHECK (diamond_schedule_policy IN ('fastest', 'slowest')),
    has_keyless_source boolean NOT NULL DEFAULT false,
    function_hashes text,
    requested_cdc_mode text CHECK (requested_cdc_mode IN ('auto', 'trigger', 'wal')),
    is_append_only boolean NOT NULL DEFAULT false,
    scc_id integer,
    last_fixpoint_iterations integer,
    max_differential_joins integer,
    max_delta_fraction double precision,
    pooler_compatibility_mode boolean NOT NULL DEFAULT false,
    refresh_tier text NOT NULL DEFAULT 'hot' CHECK (refresh_tier IN ('hot', 'warm', 'cold', 'frozen')),
    effective_refresh_mode text,
    fuse_mode text NOT NULL DEFAULT 'off' CHECK (fuse_mode IN ('off', 'on', 'auto')),
    fuse_state text NOT NULL DEFAULT 'armed' CHECK (fuse_state IN ('armed', 'blown', 'disabled')),
    fuse_ceiling bigint,
    fuse_sensitivity integer,
    blown_at timestamptz,
    blow_reason text,
    last_error_message text,
    last_error_at timestamptz,
    downstream_publication_name text,
    freshness_deadline_ms bigint,
    st_partition_key text,
    st_placement text NOT NULL DEFAULT 'local',
    temporal_mode boolean NOT NULL DEFAULT false,
    storage_backend text NOT NULL DEFAULT 'heap',
    column_lineage jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE pgtrickle.pgt_stream_tables IS 'One row per stream table.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.pgt_id IS 'Identifier of the stream table, used everywhere.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.pgt_relid IS 'The stream table itself (pg_class.oid).';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.pgt_name IS 'Its name.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.pgt_schema IS 'Its schema.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.defining_query IS 'The query as the user wrote it; once something that it names is renamed, with the present names in full.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.original_query IS 'NULL: the defining query is stored as written.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.schedule IS 'Duration, cron expression or ''on commit''; NULL: calculated from dependants.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.refresh_mode IS 'How it is refreshed.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.status IS 'Whether it is refreshed.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.is_populated IS 'It has been filled once.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.data_timestamp IS 'Every commit that returned before this time is contained. Refreshes that find nothing to do write it at most every 5 seconds.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.frontier IS 'Unused: frontiers are kept per source in source_frontier.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.last_refresh_at IS 'End of the last successful refresh. Those that find nothing to do write it at most every 5 seconds.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.consecutive_errors IS 'Refreshes that failed by an error of its own since the last successful one; locks, a full disk and other conditions that pass do not count.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.needs_reinit IS 'The next refresh recomputes.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.auto_threshold IS 'Share of changed source rows above which a recompute is tried before any was measured; NULL: the setting pg_trickle.differential_max_change_ratio.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.last_full_ms IS 'Duration of the last recompute in milliseconds.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.functions_used IS 'Names of the functions that the query calls, other than PostgreSQL''s own; NULL: none.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.topk_limit IS 'LIMIT of a top-N query.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.topk_offset IS 'OFFSET of a top-N query.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.topk_order_by IS 'ORDER BY of a top-N query, as EXPLAIN prints a sort key.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.diamond_consistency IS 'Whether the stream tables of a diamond are refreshed together.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.diamond_schedule_policy IS 'Which schedule a diamond follows.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.has_keyless_source IS 'Some source, other than stream tables, had no primary key when the query or the mode was given.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.function_hashes IS 'Unused: what functions did at the last recompute is kept with the internal definition.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.requested_cdc_mode IS 'Capture mode asked for; NULL: the setting pg_trickle.cdc_mode.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.is_append_only IS 'Somebody has promised that rows of its sources are neither updated nor deleted; a refresh that finds otherwise clears it.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.scc_id IS 'Cycle component.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.last_fixpoint_iterations IS 'Rounds that the last refresh of a cycle took.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.max_differential_joins IS 'More joins than this: recompute; NULL or 0: without limit.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.max_delta_fraction IS 'Larger change than this share of a source, which is taken to have at least 1000 rows: recompute; NULL or 0: without limit.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.pooler_compatibility_mode IS 'No NOTIFY and no prepared statements for this stream table.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.refresh_tier IS 'Scheduling tier.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.effective_refresh_mode IS 'What the last refresh did: FULL, DIFFERENTIAL, APPEND_ONLY (the same, with is_append_only) or NO_DATA; NULL: there was none.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.fuse_mode IS 'Whether too many changes suspend it: off, on, or auto (only if a recompute is cheaper).';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.fuse_state IS 'armed, or blown: too many changes have suspended it.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.fuse_ceiling IS 'Changes above which the fuse blows; NULL: pg_trickle.fuse_default_ceiling.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.fuse_sensitivity IS 'How many refreshes in a row must find as many; NULL: one.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.blown_at IS 'When the fuse blew.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.blow_reason IS 'Why it did.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.last_error_message IS 'Message of the last failed refresh. It may hold values of rows: owners read it in stream_tables_info.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.last_error_at IS 'When it failed.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.downstream_publication_name IS 'Publication that carries the stream table.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.freshness_deadline_ms IS 'Service level: greatest allowed lag in milliseconds.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.st_partition_key IS 'Partitioning as given at creation.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.st_placement IS 'Placement of the table.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.temporal_mode IS 'Validity columns are kept.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.storage_backend IS 'Storage of the table.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.column_lineage IS 'Lineage of the result columns.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.created_at IS 'When it was created.';
COMMENT ON COLUMN pgtrickle.pgt_stream_tables.updated_at IS 'When its definition was last changed.';

CREATE UNIQUE INDEX idx_pgt_name ON pgtrickle.pgt_stream_tables (pgt_schema, pgt_name);
CREATE INDEX idx_pgt_status ON pgtrickle.pgt_stream_tables (status);
CREATE INDEX idx_pgt_relid ON pgtrickle.pgt_stream_tables (pgt_relid);

CREATE TABLE pgtrickle.pgt_dependencies (
    pgt_id bigint NOT NULL REFERENCES pgtrickle.pgt_stream_tables ON DELETE CASCADE,
    source_relid oid NOT NULL,
    source_type text NOT NULL CHECK (source_type IN ('TABLE', 'STREAM_TABLE', 'VIEW', 'MATVIEW', 'FOREIGN_TABLE')),
    columns_used text[],
    column_snapshot jsonb,
    schema_fingerprint text,
    cdc_mode text NOT NULL DEFAULT 'TRIGGER' CHECK (cdc_mode IN ('TRIGGER', 'TRANSITIONING', 'WAL')),
    slot_name text,
    decoder_confirmed_lsn pg_lsn,
    transition_started_at timestamptz,
    source_stable_name text,
    source_placement text NOT NULL DEFAULT 'local',
    PRIMARY KEY (pgt_id, source_relid)
);
COMMENT ON TABLE pgtrickle.pgt_dependencies IS 'What each stream table reads.';
COMMENT ON COLUMN pgtrickle.pgt_dependencies.pgt_id IS 'The stream table.';
COMMENT ON COLUMN pgtrickle.pgt_dependencies.source_relid IS 'The source: a table, a stream table, a view.';
COMMENT ON COLUMN pgtrickle.pgt_dependencies.source_type IS 'Kind of source.';
COMMENT ON COLUMN pgtrickle.pgt_dependencies.columns_used IS 'Columns that the query reads; NULL: all.';
COMMENT ON COLUMN pgtrickle.pgt_dependencies.column_snapshot IS 'The source when the query or the mode was given: columns (name, ordinal, type_oid), rls_enabled, rls_forced, partition_child_count.';
COMMENT ON COLUMN pgtrickle.pgt_dependencies.schema_fingerprint IS 'SHA-256 of column_snapshot, in hexadecimal digits.';
COMMENT ON COLUMN pgtrickle.pgt_dependencies.cdc_mode IS 'How changes are captured.';
COMMENT ON COLUMN pgtrickle.pgt_dependencies.slot_name IS 'Replication slot, in WAL mode.';
COMMENT ON COLUMN pgtrickle.pgt_dependencies.decoder_confirmed_lsn IS 'Decoded up to here, in WAL mode.';
COMMENT ON COLUMN pgtrickle.pgt_dependencies.transition_started_at IS 'When the change of capture mode began.';
COMMENT ON COLUMN pgtrickle.pgt_dependencies.source_stable_name IS 'Stands for the source in generated names: source_stable_name() when its changes began to be captured, or of now.';
COMMENT ON COLUMN pgtrickle.pgt_dependencies.source_placement IS 'Placement of the source.';

CREATE INDEX idx_deps_source ON pgtrickle.pgt_dependencies (source_relid);
CREATE INDEX idx_deps_pgt_id ON pgtrickle.pgt_dependencies (pgt_id);

CREATE TABLE pgtrickle.pgt_refresh_history (
    refresh_id bigserial,
    pgt_id bigint NOT NULL REFERENCES pgtrickle.pgt_stream_tables ON DELETE CASCADE,
    data_timestamp timestamptz NOT NULL,
    start_time timestamptz NOT NULL,
    end_time timestamptz,
    action text NOT NULL CHECK (action IN ('NO_DATA', 'FULL', 'DIFFERENTIAL', 'REINITIALIZE', 'SKIP')),
    rows_inserted bigint DEFAULT 0,
    rows_deleted bigint DEFAULT 0,
    delta_row_count bigint DEFAULT 0,
    merge_strategy_used text,
    was_full_fallback boolean NOT NULL DEFAULT false,
    error_message text,
    status text NOT NULL CHECK (status IN ('RUNNING', 'COMPLETED', 'FAILED', 'SKIPPED')),
    initiated_by text CHECK (initiated_by IN ('SCHEDULER', 'MANUAL', 'INITIAL', 'SELF_MONITOR')),
    freshness_deadline timestamptz,
    tick_watermark_lsn pg_lsn,
    fixpoint_iteration integer,
    refresh_reason text,
    rows_updated bigint DEFAULT 0,
    read_ms double precision,
    delta_ms double precision,
    apply_ms double precision,
    error_code text,
    runs bigint NOT NULL DEFAULT 1,
    busy_ms double precision,
    -- what is pruned of one stream table leaves whole pages, whatever is kept of others
    PRIMARY KEY (pgt_id, refresh_id)
);
COMMENT ON TABLE pgtrickle.pgt_refresh_history IS 'One row per refresh that did something, failed or was left out; of many in a short time, one row per minute and stream table.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.refresh_id IS 'Number of the run.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.pgt_id IS 'The stream table.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.data_timestamp IS 'Every commit that returned before this time was considered.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.start_time IS 'Clock time of the start.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.end_time IS 'Clock time of the end.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.action IS 'What the run did.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.rows_inserted IS 'Rows inserted into the stream table.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.rows_deleted IS 'Rows deleted from it.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.delta_row_count IS 'Changed source rows read, updates counted twice (old and new).';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.merge_strategy_used IS 'How the difference was applied.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.was_full_fallback IS 'Planned differential, executed as a recompute.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.error_message IS 'Error, or reason of a skip.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.status IS 'Outcome.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.initiated_by IS 'Who asked for it.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.freshness_deadline IS 'Unused: sla_summary() shows whether a service level is kept.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.tick_watermark_lsn IS 'Unused with snapshot frontiers.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.fixpoint_iteration IS 'Round within a cycle.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.refresh_reason IS 'Why it was a recompute; NULL for a differential run.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.rows_updated IS 'Rows updated in place.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.read_ms IS 'Milliseconds spent reading change logs.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.delta_ms IS 'Milliseconds spent computing the delta.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.apply_ms IS 'Milliseconds spent writing the stream table and its states.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.error_code IS 'SQLSTATE of the error; NULL: none.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.runs IS 'How many refreshes the row stands for; their rows and milliseconds are sums.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_history.busy_ms IS 'Milliseconds that they took; NULL: from start to end.';

CREATE INDEX idx_hist_pgt_ts ON pgtrickle.pgt_refresh_history (pgt_id, data_timestamp);
CREATE INDEX idx_hist_pgt_start ON pgtrickle.pgt_refresh_history (pgt_id, start_time);

CREATE TABLE pgtrickle.refresh_totals (
    pgt_id bigint NOT NULL REFERENCES pgtrickle.pgt_stream_tables ON DELETE CASCADE,
    scheduled boolean NOT NULL,
    completed bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    rows_inserted bigint NOT NULL DEFAULT 0,
    rows_updated bigint NOT NULL DEFAULT 0,
    rows_deleted bigint NOT NULL DEFAULT 0,
    busy_ms double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (pgt_id, scheduled)
) WITH (fillfactor = 50);
COMMENT ON TABLE pgtrickle.refresh_totals IS 'Refreshes of each stream table since it was created. What the scheduler does is added every 10 seconds and when it ends.';
COMMENT ON COLUMN pgtrickle.refresh_totals.pgt_id IS 'The stream table.';
COMMENT ON COLUMN pgtrickle.refresh_totals.scheduled IS 'Those of the scheduler; false: all others.';
COMMENT ON COLUMN pgtrickle.refresh_totals.completed IS 'Refreshes that did something.';
COMMENT ON COLUMN pgtrickle.refresh_totals.failed IS 'Those that failed in the scheduler.';
COMMENT ON COLUMN pgtrickle.refresh_totals.skipped IS 'Those that were left out, because a gate was closed, say.';
COMMENT ON COLUMN pgtrickle.refresh_totals.rows_inserted IS 'Rows inserted into the stream table.';
COMMENT ON COLUMN pgtrickle.refresh_totals.rows_updated IS 'Rows updated in place.';
COMMENT ON COLUMN pgtrickle.refresh_totals.rows_deleted IS 'Rows deleted from it.';
COMMENT ON COLUMN pgtrickle.refresh_totals.busy_ms IS 'Milliseconds of the completed ones.';

CREATE TABLE pgtrickle.stream_table_internals (
    pgt_id bigint PRIMARY KEY REFERENCES pgtrickle.pgt_stream_tables ON DELETE CASCADE,
    analysed_query text NOT NULL,
    query_text text NOT NULL,
    query_tree text NOT NULL,
    accepted_owner oid NOT NULL,
    requested_refresh_mode text NOT NULL,
    full_reason text,
    stale_reason text,
    settings text[] NOT NULL,
    search_path text NOT NULL,
    states oid[] NOT NULL,
    copies oid[] NOT NULL DEFAULT '{}',
    identity_kind smallint NOT NULL,
    key_columns smallint[] NOT NULL,
    unindexed_relations oid[] NOT NULL,
    unindexed_columns smallint[] NOT NULL,
    views_fingerprint text NOT NULL,
    functions_fingerprint text NOT NULL,
    guard_fingerprint text NOT NULL DEFAULT '',
    unlogged_mark text NOT NULL DEFAULT '',
    attempts smallint NOT NULL DEFAULT 0,
    clock timestamptz,
    fuse_observations integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE pgtrickle.stream_table_internals IS 'The engine''s half of a stream table''s definition. Internal.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.pgt_id IS 'The stream table.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.analysed_query IS 'The analysed query before views are expanded, as PostgreSQL prints node trees.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.query_text IS 'The same as SQL, with names in full: equal for queries that say the same. The defining query follows when it changes.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.query_tree IS 'The query with views expanded and policies put in.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.accepted_owner IS 'The role with whose rights the query may run; another owner resumes the stream table first.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.requested_refresh_mode IS 'The mode asked for; AUTO becomes differential as soon as that is possible.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.full_reason IS 'Why the query has no delta; NULL: it has.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.stale_reason IS 'Why its last refresh could not follow changes, and neither can the next ones, although its mode is not FULL; NULL: it could.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.settings IS 'Settings that the result depends on, name and value in turn, as they were at creation.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.search_path IS 'The search_path under which the query was written.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.states IS 'State tables, inputs first (pg_class.oid).';
COMMENT ON COLUMN pgtrickle.stream_table_internals.copies IS 'Copies of foreign tables and materialized views that it reads instead of them (source_copy).';
COMMENT ON COLUMN pgtrickle.stream_table_internals.identity_kind IS '0: unique key, 1: hash of the key, 2: hash of the row image.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.key_columns IS 'Attribute numbers of the key.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.unindexed_relations IS 'Relations in which no index found rows when the states were made, which depend on that (pg_class.oid).';
COMMENT ON COLUMN pgtrickle.stream_table_internals.unindexed_columns IS 'The columns that no index began with, one for each of unindexed_relations (attribute numbers).';
COMMENT ON COLUMN pgtrickle.stream_table_internals.views_fingerprint IS 'Changes when a view that the query was expanded from is replaced.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.functions_fingerprint IS 'Changes when a function that the query calls is replaced.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.guard_fingerprint IS 'Changes when the trigger that keeps others from writing was disabled or dropped, were it only for a while.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.attempts IS 'Refreshes in a row that have begun after a crash of the server and not ended.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.clock IS 'What now() was when the contents were computed, if the query compares with it; NULL: it does not, or was not filled yet.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.fuse_observations IS 'Refreshes in a row that found more changes than the ceiling of its fuse; -1: the next one may find any number.';
COMMENT ON COLUMN pgtrickle.stream_table_internals.unlogged_mark IS 'The crash mark when it was last recomputed, if the stream table or a state is UNLOGGED.';

CREATE TABLE pgtrickle.source_copy (
    copy_relid oid PRIMARY KEY,
    source_relid oid NOT NULL,
    reader oid NOT NULL,
    attnums smallint[] NOT NULL,
    filled boolean NOT NULL
);
COMMENT ON TABLE pgtrickle.source_copy IS 'Copies of foreign tables and materialized views: a refresh brings them up to date first, and what they change is captured. Internal.';
COMMENT ON COLUMN pgtrickle.source_copy.copy_relid IS 'The copy (pg_class.oid), a table of schema pgtrickle_changes.';
COMMENT ON COLUMN pgtrickle.source_copy.source_relid IS 'What it is a copy of.';
COMMENT ON COLUMN pgtrickle.source_copy.reader IS 'The role as which the source is read: another one may see other rows of it.';
COMMENT ON COLUMN pgtrickle.source_copy.attnums IS 'Columns that are copied; others are NULL in the copy.';
COMMENT ON COLUMN pgtrickle.source_copy.filled IS 'It has been filled once.';

CREATE TABLE pgtrickle.refresh_costs (
    pgt_id bigint PRIMARY KEY REFERENCES pgtrickle.pgt_stream_tables ON DELETE CASCADE,
    runs bigint NOT NULL,
    spent_ms double precision NOT NULL,
    explored_ms double precision NOT NULL,
    explored_at bigint NOT NULL,
    delta_classes smallint[] NOT NULL,
    streaks smallint[] NOT NULL,
    overruns smallint[] NOT NULL,
    retry_at bigint[] NOT NULL,
    delta_ms real[] NOT NULL,
    full_ms double precision,
    full_cost double precision NOT NULL,
    full_at bigint NOT NULL,
    full_measured boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    rows_per_page double precision NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE pgtrickle.refresh_costs IS 'What deltas and recomputes of a stream table of mode AUTO have taken; written now and then. Internal.';
COMMENT ON COLUMN pgtrickle.refresh_costs.pgt_id IS 'The stream table.';
COMMENT ON COLUMN pgtrickle.refresh_costs.runs IS 'Refreshes with changes so far.';
COMMENT ON COLUMN pgtrickle.refresh_costs.spent_ms IS 'Milliseconds that they took together.';
COMMENT ON COLUMN pgtrickle.refresh_costs.explored_ms IS 'Milliseconds of the recomputes among them that were tried to measure them.';
COMMENT ON COLUMN pgtrickle.refresh_costs.explored_at IS 'Run of the last of those; 0: none.';
COMMENT ON COLUMN pgtrickle.refresh_costs.delta_classes IS 'Sizes that were measured: n is from 2^n changed source rows to below 2^(n+1).';
COMMENT ON COLUMN pgtrickle.refresh_costs.streaks IS 'Per size, how often in a row a recompute seemed cheaper; 2: changes of this size are recomputed.';
COMMENT ON COLUMN pgtrickle.refresh_costs.overruns IS 'Per size, how many deltas in a row were given up for taking too long.';
COMMENT ON COLUMN pgtrickle.refresh_costs.retry_at IS 'Per size, the run from which on a delta is tried again.';
COMMENT ON COLUMN pgtrickle.refresh_costs.delta_ms IS 'Per size the last nine deltas in milliseconds, oldest first; 0: less than nine were measured.';
COMMENT ON COLUMN pgtrickle.refresh_costs.full_ms IS 'Milliseconds of the last recompute.';
COMMENT ON COLUMN pgtrickle.refresh_costs.full_cost IS 'The planner''s cost of the query about then.';
COMMENT ON COLUMN pgtrickle.refresh_costs.full_at IS 'Its run.';
COMMENT ON COLUMN pgtrickle.refresh_costs.full_measured IS 'It was a recompute, not the first fill.';
COMMENT ON COLUMN pgtrickle.refresh_costs.updated_at IS 'When this was written.';
COMMENT ON COLUMN pgtrickle.refresh_costs.rows_per_page IS 'Changed rows per page of the change logs, when much was read last; 0: not known.';

CREATE TABLE pgtrickle.scheduler_run (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    clean boolean NOT NULL,
    incarnation bigint NOT NULL
);
COMMENT ON TABLE pgtrickle.scheduler_run IS 'How the last run of the scheduler has ended. Internal.';
COMMENT ON COLUMN pgtrickle.scheduler_run.only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN pgtrickle.scheduler_run.clean IS 'It ended in order, or has not run; false while it runs, and after a crash of the server.';
COMMENT ON COLUMN pgtrickle.scheduler_run.incarnation IS 'Random number of the server''s shared memory during that run: another one after each start and each crash.';
INSERT INTO pgtrickle.scheduler_run (clean, incarnation) VALUES (true, 0);

CREATE TABLE pgtrickle.pgt_schema_version (
    version text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now(),
    description text
);
COMMENT ON TABLE pgtrickle.pgt_schema_version IS 'Versions that the objects of the extension in this database have had.';
COMMENT ON COLUMN pgtrickle.pgt_schema_version.version IS 'As in pg_extension.extversion.';
COMMENT ON COLUMN pgtrickle.pgt_schema_version.applied_at IS 'When it was installed or updated to.';
COMMENT ON COLUMN pgtrickle.pgt_schema_version.description IS 'By what.';
INSERT INTO pgtrickle.pgt_schema_version (version, description)
    SELECT extversion, 'CREATE EXTENSION' FROM pg_catalog.pg_extension WHERE extname = 'pg_trickle';
GRANT SELECT ON pgtrickle.pgt_schema_version TO PUBLIC;

-- all but last_error_message
GRANT SELECT (pgt_id, pgt_relid, pgt_name, pgt_schema, defining_query, original_query, schedule, refresh_mode,
              status, is_populated, data_timestamp, frontier, last_refresh_at, consecutive_errors,
              needs_reinit, auto_threshold, last_full_ms, functions_used, topk_limit, topk_offset,
              topk_order_by, diamond_consistency, diamond_schedule_policy, has_keyless_source,
              function_hashes, requested_cdc_mode, is_append_only, scc_id, last_fixpoint_iterations,
              max_differential_joins, max_delta_fraction, pooler_compatibility_mode, refresh_tier,
              effective_refresh_mode, fuse_mode, fuse_state, fuse_ceiling, fuse_sensitivity, blown_at,
              blow_reason, last_error_at, downstream_publication_name, freshness_deadline_ms,
              st_partition_key, st_placement, temporal_mode, storage_backend, column_lineage, created_at,
              updated_at)
    ON pgtrickle.pgt_stream_tables TO PUBLIC;
GRANT SELECT ON pgtrickle.pgt_dependencies TO PUBLIC;
