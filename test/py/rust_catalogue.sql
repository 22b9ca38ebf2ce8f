-- A database of the Rust implementation, as far as its catalogue is part of the contract: the tables that a
-- move reads, with all their columns, and stream tables as it stores them, hidden columns and guards included.
CREATE SCHEMA pgtrickle;
CREATE SCHEMA pgtrickle_changes;
CREATE TABLE pgtrickle.pgt_stream_tables (
    pgt_id bigserial PRIMARY KEY, pgt_relid oid NOT NULL UNIQUE, pgt_name text NOT NULL, pgt_schema text NOT NULL,
    defining_query text NOT NULL, original_query text, schedule text, refresh_mode text NOT NULL DEFAULT 'DIFFERENTIAL',
    status text NOT NULL DEFAULT 'INITIALIZING', is_populated boolean NOT NULL DEFAULT false, data_timestamp timestamptz, frontier jsonb,
    last_refresh_at timestamptz, consecutive_errors int NOT NULL DEFAULT 0, needs_reinit boolean NOT NULL DEFAULT false,
    auto_threshold double precision, last_full_ms double precision, functions_used text[], topk_limit int, topk_offset int, topk_order_by text,
    diamond_consistency text NOT NULL DEFAULT 'atomic', diamond_schedule_policy text NOT NULL DEFAULT 'fastest',
    has_keyless_source boolean NOT NULL DEFAULT false, function_hashes text, requested_cdc_mode text, is_append_only boolean NOT NULL DEFAULT false,
    scc_id int, last_fixpoint_iterations int, max_differential_joins int, max_delta_fraction double precision,
    pooler_compatibility_mode boolean NOT NULL DEFAULT false, refresh_tier text NOT NULL DEFAULT 'hot', effective_refresh_mode text,
    fuse_mode text NOT NULL DEFAULT 'off', fuse_state text NOT NULL DEFAULT 'armed', fuse_ceiling bigint, fuse_sensitivity int,
    blown_at timestamptz, blow_reason text, last_error_message text, last_error_at timestamptz, downstream_publication_name text,
    freshness_deadline_ms bigint, st_partition_key text, st_placement text NOT NULL DEFAULT 'local', temporal_mode boolean NOT NULL DEFAULT false,
    storage_backend text NOT NULL DEFAULT 'heap', column_lineage jsonb, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE pgtrickle.pgt_dependencies (
    pgt_id bigint NOT NULL REFERENCES pgtrickle.pgt_stream_tables ON DELETE CASCADE, source_relid oid NOT NULL, source_type text NOT NULL,
    columns_used text[], column_snapshot jsonb, schema_fingerprint text, cdc_mode text NOT NULL DEFAULT 'TRIGGER', slot_name text,
    decoder_confirmed_lsn pg_lsn, transition_started_at timestamptz, source_stable_name text, source_placement text NOT NULL DEFAULT 'local',
    PRIMARY KEY (pgt_id, source_relid));
CREATE TABLE pgtrickle.pgt_source_gates (source_relid oid PRIMARY KEY, gated boolean NOT NULL DEFAULT true, gated_at timestamptz NOT NULL DEFAULT now(), ungated_at timestamptz, gated_by text);
CREATE TABLE pgtrickle.pgt_watermarks (source_relid oid PRIMARY KEY, watermark timestamptz NOT NULL, updated_at timestamptz NOT NULL DEFAULT now(), advanced_by text, wal_lsn_at_advance text);
CREATE TABLE pgtrickle.pgt_watermark_groups (group_id serial PRIMARY KEY, group_name text NOT NULL UNIQUE, source_relids oid[] NOT NULL, tolerance_secs double precision NOT NULL DEFAULT 0, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE pgtrickle.pgt_refresh_groups (group_id serial PRIMARY KEY, group_name text NOT NULL UNIQUE, member_oids oid[] NOT NULL, isolation text NOT NULL DEFAULT 'read_committed', created_at timestamptz NOT NULL DEFAULT now());
CREATE FUNCTION pgtrickle._pgt_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'Direct DML on stream table'; END $$;

-- the user's own
CREATE SCHEMA shop;
CREATE TABLE shop.kind (g int PRIMARY KEY, label text);
CREATE TABLE shop.item (id int PRIMARY KEY, g int, amount numeric(10, 2), note text);
INSERT INTO shop.kind SELECT x, 'kind ' || x FROM generate_series(0, 4) AS x;
INSERT INTO shop.item SELECT x, x % 5, x * 1.5, 'it''s ' || x FROM generate_series(1, 50) AS x;
GRANT USAGE, CREATE ON SCHEMA shop TO moving_owner;
GRANT SELECT, TRIGGER ON shop.kind, shop.item TO moving_owner;

CREATE TABLE shop.sums (__pgt_row_id bigint, g int, n bigint, total numeric, __pgt_count bigint);
CREATE UNIQUE INDEX sums_row_id ON shop.sums (__pgt_row_id) INCLUDE (g, n, total);
CREATE INDEX sums_total ON shop.sums (total DESC) WHERE n > 1;
COMMENT ON TABLE shop.sums IS 'What there is of each kind; "it''s" so';
COMMENT ON COLUMN shop.sums.total IS 'its sum';
CREATE TABLE shop."Best ones" (__pgt_row_id bigint, best numeric);
CREATE TABLE shop.labelled (__pgt_row_id bigint, id int, label text);
CREATE TABLE shop.sampled (__pgt_row_id bigint, n bigint);
CREATE TABLE shop.at_once (__pgt_row_id bigint, id int);
CREATE TABLE pgtrickle.df_efficiency_rolling (__pgt_row_id bigint);
CREATE TRIGGER pgt_dml_guard BEFORE INSERT OR UPDATE OR DELETE ON shop.sums FOR EACH ROW EXECUTE FUNCTION pgtrickle._pgt_guard();
ALTER TABLE shop.labelled OWNER TO moving_owner;
GRANT SELECT ON shop.sums TO PUBLIC;
GRANT SELECT ON shop.sums TO moving_owner WITH GRANT OPTION;
-- the one that reads another has the smaller number: it was altered later
INSERT INTO pgtrickle.pgt_stream_tables (pgt_relid, pgt_name, pgt_schema, defining_query, original_query, schedule, refresh_mode, status, is_populated,
        refresh_tier, fuse_mode, fuse_ceiling, fuse_state, freshness_deadline_ms, max_delta_fraction, diamond_consistency, st_partition_key, max_differential_joins) VALUES
    ('shop."Best ones"'::regclass, 'Best ones', 'shop', 'SELECT max(total) AS best FROM shop.sums', NULL, NULL, 'DIFFERENTIAL', 'ACTIVE', true,
        'hot', 'off', NULL, 'armed', NULL, NULL, 'atomic', NULL, NULL),
    ('shop.sums'::regclass, 'sums', 'shop', 'rewritten', 'SELECT g, count(*) AS n, sum(amount) AS total FROM shop.item GROUP BY g', '5m', 'DIFFERENTIAL', 'ACTIVE', true,
        'cold', 'on', 1000, 'blown', NULL, 0.5, 'none', NULL, NULL),
    ('shop.labelled'::regclass, 'labelled', 'shop', 'SELECT i.id, k.label FROM shop.item i JOIN shop.kind k USING (g) WHERE note LIKE ''it''''s %''', NULL, '0 4 * * *', 'DIFFERENTIAL', 'SUSPENDED', true,
        'hot', 'off', NULL, 'armed', NULL, NULL, 'atomic', 'LIST:label', 3),
    ('shop.sampled'::regclass, 'sampled', 'shop', 'SELECT count(*) AS n FROM shop.item TABLESAMPLE bernoulli (100) REPEATABLE (1)', NULL, '1h', 'FULL', 'ACTIVE', true,
        'hot', 'off', NULL, 'armed', 10000, NULL, 'atomic', NULL, NULL),
    ('shop.at_once'::regclass, 'at_once', 'shop', 'SELECT id FROM shop.item WHERE g = 1', NULL, NULL, 'IMMEDIATE', 'ACTIVE', true,
        'hot', 'off', NULL, 'armed', NULL, NULL, 'atomic', NULL, NULL),
    ('pgtrickle.df_efficiency_rolling'::regclass, 'df_efficiency_rolling', 'pgtrickle', 'SELECT 1 AS x FROM pgtrickle.pgt_dependencies', NULL, '48s', 'FULL', 'ACTIVE', true,
        'hot', 'off', NULL, 'armed', NULL, NULL, 'atomic', NULL, NULL);
INSERT INTO pgtrickle.pgt_dependencies (pgt_id, source_relid, source_type)
    SELECT 1, 'shop.sums'::regclass, 'STREAM_TABLE' UNION ALL SELECT 2, 'shop.item'::regclass, 'TABLE' UNION ALL SELECT 3, 'shop.item'::regclass, 'TABLE'
    UNION ALL SELECT 3, 'shop.kind'::regclass, 'TABLE' UNION ALL SELECT 4, 'shop.item'::regclass, 'TABLE' UNION ALL SELECT 5, 'shop.item'::regclass, 'TABLE';
INSERT INTO pgtrickle.pgt_source_gates (source_relid, gated) VALUES ('shop.kind'::regclass, true), ('shop.item'::regclass, false);
INSERT INTO pgtrickle.pgt_watermarks (source_relid, watermark) VALUES ('shop.item'::regclass, '2030-01-01 12:00+00');
INSERT INTO pgtrickle.pgt_watermark_groups (group_name, source_relids, tolerance_secs) VALUES ('it''s loads', ARRAY['shop.item'::regclass, 'shop.kind'::regclass]::oid[], 2.5);
CREATE TABLE shop.best (__pgt_row_id bigint, id int, amount numeric(10, 2));
INSERT INTO pgtrickle.pgt_stream_tables (pgt_relid, pgt_name, pgt_schema, defining_query, schedule, status, is_populated, topk_limit, topk_offset, topk_order_by)
    VALUES ('shop.best'::regclass, 'best', 'shop', 'SELECT id, amount FROM shop.item', '1h', 'ACTIVE', true, 5, 2, 'amount DESC, id');
INSERT INTO pgtrickle.pgt_dependencies (pgt_id, source_relid, source_type) VALUES (currval('pgtrickle.pgt_stream_tables_pgt_id_seq'), 'shop.item'::regclass, 'TABLE');
-- 1 is no table any more
INSERT INTO pgtrickle.pgt_refresh_groups (group_name, member_oids, isolation) VALUES
    ('it''s together', ARRAY['shop.sums'::regclass, 1, 'shop.labelled'::regclass]::oid[], 'repeatable_read'), ('alone', ARRAY['shop.best'::regclass, 1]::oid[], 'read_committed');
