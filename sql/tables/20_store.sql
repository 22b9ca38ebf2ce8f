-- Change logs and the frontiers of their consumers (src/store/README.md).
-- No reg* types: pg_upgrade refuses most of them (rule J1).

CREATE TABLE pgtrickle.change_log_segment (
    source     oid     NOT NULL,
    segment    integer NOT NULL,
    log        oid     NOT NULL,
    attnums    int2[]  NOT NULL,
    is_current boolean NOT NULL,
    since      timestamptz NOT NULL,
    CONSTRAINT change_log_segment_pkey PRIMARY KEY (source, segment)
);
COMMENT ON TABLE pgtrickle.change_log_segment IS 'segments of the change log of each captured table';
COMMENT ON COLUMN pgtrickle.change_log_segment.source IS 'captured table';
COMMENT ON COLUMN pgtrickle.change_log_segment.segment IS 'number of the segment within its source';
COMMENT ON COLUMN pgtrickle.change_log_segment.log IS 'table in schema pgtrickle_changes that holds the rows';
COMMENT ON COLUMN pgtrickle.change_log_segment.attnums IS 'attribute numbers of the source that are stored';
COMMENT ON COLUMN pgtrickle.change_log_segment.is_current IS 'whether writers append to this segment';
COMMENT ON COLUMN pgtrickle.change_log_segment.since IS 'when it became current or ceased to be';

CREATE TABLE pgtrickle.source_frontier (
    pgt_id       bigint      NOT NULL,
    source_relid oid         NOT NULL,
    own          xid8        NOT NULL,
    cid          bigint      NOT NULL,
    snapshot     pg_snapshot NOT NULL,
    marks        bytea       NOT NULL,
    generation   text        NOT NULL,
    CONSTRAINT source_frontier_pkey PRIMARY KEY (pgt_id, source_relid) WITH (fillfactor = 50)
) WITH (fillfactor = 50);
COMMENT ON TABLE pgtrickle.source_frontier IS 'what each consumer has consumed of each change log';
COMMENT ON COLUMN pgtrickle.source_frontier.pgt_id IS 'the consumer';
COMMENT ON COLUMN pgtrickle.source_frontier.source_relid IS 'the captured table';
COMMENT ON COLUMN pgtrickle.source_frontier.own IS 'transaction that wrote this frontier';
COMMENT ON COLUMN pgtrickle.source_frontier.cid IS 'command of that transaction from which on its own rows are not consumed';
COMMENT ON COLUMN pgtrickle.source_frontier.snapshot IS 'transactions whose rows are consumed';
COMMENT ON COLUMN pgtrickle.source_frontier.marks IS 'per segment the first page to read next time and the writers that were open then (binary, see src/store/frontier.c)';
COMMENT ON COLUMN pgtrickle.source_frontier.generation IS 'fingerprint of capture when the consumer was last recomputed, or why it must be';

CREATE INDEX source_frontier_source_relid_idx ON pgtrickle.source_frontier (source_relid);

CREATE TABLE pgtrickle.pgt_change_tracking (
    source_relid         oid    NOT NULL,
    slot_name            text   NOT NULL,
    last_consumed_lsn    pg_lsn,
    tracked_by_pgt_ids   bigint[],
    source_stable_name   text,
    source_placement     text   NOT NULL DEFAULT 'local',
    frontier_per_node    jsonb,
    CONSTRAINT pgt_change_tracking_pkey PRIMARY KEY (source_relid)
);
COMMENT ON TABLE pgtrickle.pgt_change_tracking IS 'captured tables and who consumes their changes';
COMMENT ON COLUMN pgtrickle.pgt_change_tracking.source_relid IS 'captured table';
COMMENT ON COLUMN pgtrickle.pgt_change_tracking.slot_name IS 'name of the capture triggers, or of the replication slot';
COMMENT ON COLUMN pgtrickle.pgt_change_tracking.last_consumed_lsn IS 'position up to which changes were given back (WAL capture only)';
COMMENT ON COLUMN pgtrickle.pgt_change_tracking.tracked_by_pgt_ids IS 'consumers';
COMMENT ON COLUMN pgtrickle.pgt_change_tracking.source_stable_name IS 'source_stable_name() when capture began';
COMMENT ON COLUMN pgtrickle.pgt_change_tracking.source_placement IS 'where the table lives';
COMMENT ON COLUMN pgtrickle.pgt_change_tracking.frontier_per_node IS 'positions per remote node (not used for local tables)';
GRANT SELECT ON pgtrickle.pgt_change_tracking TO PUBLIC;

-- Rule C8: pg_dump carries neither row; the second is empty after a crash.
CREATE TABLE pgtrickle.install_mark (
    only_row boolean NOT NULL DEFAULT true CHECK (only_row),
    mark     uuid    NOT NULL,
    system_identifier text NOT NULL,
    catalog_version integer NOT NULL,
    CONSTRAINT install_mark_pkey PRIMARY KEY (only_row)
);
COMMENT ON TABLE pgtrickle.install_mark IS 'identity of this installation';
COMMENT ON COLUMN pgtrickle.install_mark.only_row IS 'keeps the table to one row';
COMMENT ON COLUMN pgtrickle.install_mark.mark IS 'random; another value means another database than the one frontiers were written in';
COMMENT ON COLUMN pgtrickle.install_mark.system_identifier IS 'cluster in which the trees and OIDs of the catalog are valid; another one after pg_upgrade';
COMMENT ON COLUMN pgtrickle.install_mark.catalog_version IS 'likewise the version of PostgreSQL''s catalogs';
INSERT INTO pgtrickle.install_mark (mark, system_identifier, catalog_version)
SELECT pg_catalog.gen_random_uuid(), system_identifier::text, catalog_version_no FROM pg_catalog.pg_control_system();

CREATE UNLOGGED TABLE pgtrickle.crash_mark (
    only_row boolean NOT NULL DEFAULT true CHECK (only_row),
    mark     uuid    NOT NULL,
    CONSTRAINT crash_mark_pkey PRIMARY KEY (only_row)
);
COMMENT ON TABLE pgtrickle.crash_mark IS 'empty after a crash, as every unlogged table';
COMMENT ON COLUMN pgtrickle.crash_mark.only_row IS 'keeps the table to one row';
COMMENT ON COLUMN pgtrickle.crash_mark.mark IS 'random; another value means that unlogged logs have lost their rows';
INSERT INTO pgtrickle.crash_mark (mark) VALUES (pg_catalog.gen_random_uuid());
