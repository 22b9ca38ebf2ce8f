-- What holds refreshes back, gates, watermarks, and draining; and what ties them together.

CREATE TABLE pgtrickle.pgt_source_gates (
    source_relid oid PRIMARY KEY,
    gated boolean NOT NULL DEFAULT true,
    gated_at timestamptz NOT NULL DEFAULT now(),
    ungated_at timestamptz,
    gated_by text
);
COMMENT ON TABLE pgtrickle.pgt_source_gates IS 'Sources that are or were gated: the scheduler does not refresh what reads a gated one.';
COMMENT ON COLUMN pgtrickle.pgt_source_gates.source_relid IS 'The source (pg_class.oid).';
COMMENT ON COLUMN pgtrickle.pgt_source_gates.gated IS 'It is gated now.';
COMMENT ON COLUMN pgtrickle.pgt_source_gates.gated_at IS 'When it was gated last.';
COMMENT ON COLUMN pgtrickle.pgt_source_gates.ungated_at IS 'When it was ungated since; NULL: it was not.';
COMMENT ON COLUMN pgtrickle.pgt_source_gates.gated_by IS 'The role that gated it last.';

CREATE TABLE pgtrickle.pgt_watermarks (
    source_relid oid PRIMARY KEY,
    watermark timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    advanced_by text,
    wal_lsn_at_advance text,
    stuck_since timestamptz
);
COMMENT ON TABLE pgtrickle.pgt_watermarks IS 'Up to which time sources are declared to be complete.';
COMMENT ON COLUMN pgtrickle.pgt_watermarks.source_relid IS 'The source (pg_class.oid).';
COMMENT ON COLUMN pgtrickle.pgt_watermarks.watermark IS 'It is complete up to this time.';
COMMENT ON COLUMN pgtrickle.pgt_watermarks.updated_at IS 'When the watermark was advanced last.';
COMMENT ON COLUMN pgtrickle.pgt_watermarks.advanced_by IS 'The role that did so.';
COMMENT ON COLUMN pgtrickle.pgt_watermarks.wal_lsn_at_advance IS 'Where the server wrote its WAL at that time.';
COMMENT ON COLUMN pgtrickle.pgt_watermarks.stuck_since IS 'Since when the scheduler knows that it has not been advanced for pg_trickle.watermark_holdback_timeout; NULL: it does not.';

CREATE TABLE pgtrickle.pgt_watermark_groups (
    group_id serial PRIMARY KEY,
    group_name text NOT NULL UNIQUE,
    source_relids oid[] NOT NULL,
    tolerance_secs double precision NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE pgtrickle.pgt_watermark_groups IS 'Sources whose watermarks must be close together before what reads two of them is refreshed.';
COMMENT ON COLUMN pgtrickle.pgt_watermark_groups.group_id IS 'Number of the group.';
COMMENT ON COLUMN pgtrickle.pgt_watermark_groups.group_name IS 'Its name.';
COMMENT ON COLUMN pgtrickle.pgt_watermark_groups.source_relids IS 'Its sources (pg_class.oid).';
COMMENT ON COLUMN pgtrickle.pgt_watermark_groups.tolerance_secs IS 'How far apart their watermarks may be, in seconds.';
COMMENT ON COLUMN pgtrickle.pgt_watermark_groups.created_at IS 'When it was created.';

CREATE TABLE pgtrickle.pgt_refresh_groups (
    group_id serial PRIMARY KEY,
    group_name text NOT NULL UNIQUE,
    member_oids oid[] NOT NULL,
    isolation text NOT NULL DEFAULT 'read_committed' CHECK (isolation IN ('read_committed', 'repeatable_read')),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE pgtrickle.pgt_refresh_groups IS 'Stream tables that the scheduler refreshes together or not at all.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_groups.group_id IS 'Number of the group.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_groups.group_name IS 'Its name.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_groups.member_oids IS 'Its stream tables (pg_class.oid).';
COMMENT ON COLUMN pgtrickle.pgt_refresh_groups.isolation IS 'As asked for; both are refreshed under one snapshot.';
COMMENT ON COLUMN pgtrickle.pgt_refresh_groups.created_at IS 'When it was created.';

GRANT SELECT ON pgtrickle.pgt_source_gates, pgtrickle.pgt_watermarks, pgtrickle.pgt_watermark_groups, pgtrickle.pgt_refresh_groups TO PUBLIC;

CREATE TABLE pgtrickle.scheduler_drain (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    drained_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    drained_by text NOT NULL
);
COMMENT ON TABLE pgtrickle.scheduler_drain IS 'Has a row from drain() to undrain(): meanwhile the scheduler begins no refresh.';
COMMENT ON COLUMN pgtrickle.scheduler_drain.only_row IS 'Always true: there is one row at most.';
COMMENT ON COLUMN pgtrickle.scheduler_drain.drained_at IS 'Since when.';
COMMENT ON COLUMN pgtrickle.scheduler_drain.drained_by IS 'The role that wanted it.';
GRANT SELECT ON pgtrickle.scheduler_drain TO PUBLIC;

CREATE TABLE pgtrickle.scheduler_pause (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    paused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    up_to bigint NOT NULL
);
COMMENT ON TABLE pgtrickle.scheduler_pause IS 'Has a row from pause_all() to resume_all(). One for all, which no refresh writes: neither waits for the other.';
COMMENT ON COLUMN pgtrickle.scheduler_pause.only_row IS 'Always true: there is one row at most.';
COMMENT ON COLUMN pgtrickle.scheduler_pause.paused_at IS 'Since when.';
COMMENT ON COLUMN pgtrickle.scheduler_pause.up_to IS 'The last stream table that there was (pgt_id): it and those before it are paused.';
GRANT SELECT ON pgtrickle.scheduler_pause TO PUBLIC;
