-- What pg_dump carries of stream tables: their definitions, and gates and
-- watermarks of their sources, as text (rules J1, J21). In a schema of its own,
-- which everybody may read: a database owner's pg_dump locks and reads these
-- tables, and no others of ours. Who has installed the extension may restore: the
-- rows, and the view with whose refresh a dump ends.
CREATE SCHEMA pgtrickle_saved;
GRANT USAGE ON SCHEMA pgtrickle_saved TO PUBLIC;
GRANT CREATE ON SCHEMA pgtrickle_saved TO @extowner@;
COMMENT ON SCHEMA pgtrickle_saved IS 'pg_trickle: definitions of stream tables as pg_dump carries them.';

CREATE TABLE pgtrickle_saved.stream_tables (
    pgt_relid oid,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    table_owner text NOT NULL,
    defining_query text NOT NULL,
    query_text text NOT NULL,
    search_path text NOT NULL,
    settings text[] NOT NULL,
    refresh_mode text NOT NULL,
    options text[] NOT NULL,
    restored_by text,
    restored_in integer,
    problem text
);
CREATE INDEX stream_tables_pgt_relid_idx ON pgtrickle_saved.stream_tables (pgt_relid);
COMMENT ON TABLE pgtrickle_saved.stream_tables IS 'One row per stream table, kept as text beside pgtrickle.pgt_stream_tables. A restore brings it back, and pgtrickle.restore_stream_tables() makes stream tables of the tables that it names.';
COMMENT ON COLUMN pgtrickle_saved.stream_tables.pgt_relid IS 'The stream table (pg_class.oid); NULL: a restore has brought the row, and it is none yet.';
COMMENT ON COLUMN pgtrickle_saved.stream_tables.table_schema IS 'Schema of the stream table.';
COMMENT ON COLUMN pgtrickle_saved.stream_tables.table_name IS 'Its name.';
COMMENT ON COLUMN pgtrickle_saved.stream_tables.table_owner IS 'Its owner, with whose rights the query was accepted.';
COMMENT ON COLUMN pgtrickle_saved.stream_tables.defining_query IS 'The query as pgt_stream_tables shows it.';
COMMENT ON COLUMN pgtrickle_saved.stream_tables.query_text IS 'The same with names in full and constants that mean the same under all settings: what is analysed again.';
COMMENT ON COLUMN pgtrickle_saved.stream_tables.search_path IS 'The search_path under which the query was written.';
COMMENT ON COLUMN pgtrickle_saved.stream_tables.settings IS 'Settings that the result depends on, name and value in turn.';
COMMENT ON COLUMN pgtrickle_saved.stream_tables.refresh_mode IS 'The mode asked for.';
COMMENT ON COLUMN pgtrickle_saved.stream_tables.options IS 'Columns of pgt_stream_tables that were given by users, name and value in turn; those that are NULL are left out. Also refresh_group, refresh_group_isolation and refresh_group_created_at, if it is in one.';
COMMENT ON COLUMN pgtrickle_saved.stream_tables.restored_by IS 'The role that has brought the row into this database by a restore.';
COMMENT ON COLUMN pgtrickle_saved.stream_tables.restored_in IS 'Process that did it; what it restores may not be complete before its end.';
COMMENT ON COLUMN pgtrickle_saved.stream_tables.problem IS 'Why the restored table could not be made a stream table; NULL: it can, or nobody has tried.';
GRANT SELECT ON pgtrickle_saved.stream_tables TO PUBLIC;
GRANT INSERT ON pgtrickle_saved.stream_tables TO @extowner@;
SELECT pg_catalog.pg_extension_config_dump('pgtrickle_saved.stream_tables', '');

CREATE TABLE pgtrickle_saved.sources (
    source_relid oid,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    options text[] NOT NULL,
    watermark_groups text[] NOT NULL,
    restored_by text,
    restored_in integer,
    problem text
);
CREATE INDEX sources_source_relid_idx ON pgtrickle_saved.sources (source_relid);
COMMENT ON TABLE pgtrickle_saved.sources IS 'One row per source that is or was gated, has a watermark or is in a watermark group, kept as text beside the tables of those. A restore brings it back with the stream tables.';
COMMENT ON COLUMN pgtrickle_saved.sources.source_relid IS 'The source (pg_class.oid); NULL: a restore has brought the row, and nothing has come of it yet.';
COMMENT ON COLUMN pgtrickle_saved.sources.table_schema IS 'Schema of the source.';
COMMENT ON COLUMN pgtrickle_saved.sources.table_name IS 'Its name.';
COMMENT ON COLUMN pgtrickle_saved.sources.options IS 'Columns of pgt_source_gates and pgt_watermarks, name and value in turn; those that are NULL or mean nothing elsewhere are left out.';
COMMENT ON COLUMN pgtrickle_saved.sources.watermark_groups IS 'Name, tolerance in seconds and time of creation of each watermark group that it is in, in turn.';
COMMENT ON COLUMN pgtrickle_saved.sources.restored_by IS 'The role that has brought the row into this database by a restore.';
COMMENT ON COLUMN pgtrickle_saved.sources.restored_in IS 'Process that did it; what it restores may not be complete before its end.';
COMMENT ON COLUMN pgtrickle_saved.sources.problem IS 'Why what the row says could not be restored; NULL: it can, or nobody has tried.';
GRANT SELECT ON pgtrickle_saved.sources TO PUBLIC;
GRANT INSERT ON pgtrickle_saved.sources TO @extowner@;
SELECT pg_catalog.pg_extension_config_dump('pgtrickle_saved.sources', '');

CREATE FUNCTION pgtrickle.stamp_restored_row() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_stamp_restored_row';
COMMENT ON FUNCTION pgtrickle.stamp_restored_row() IS
    'Trigger that notes who restores definitions of stream tables, and what holds them back. Internal.';
REVOKE ALL ON FUNCTION pgtrickle.stamp_restored_row() FROM PUBLIC;

CREATE TRIGGER pg_trickle_stamp BEFORE INSERT ON pgtrickle_saved.stream_tables
    FOR EACH ROW EXECUTE FUNCTION pgtrickle.stamp_restored_row();
ALTER TABLE pgtrickle_saved.stream_tables ENABLE ALWAYS TRIGGER pg_trickle_stamp;
COMMENT ON TRIGGER pg_trickle_stamp ON pgtrickle_saved.stream_tables IS 'Tells a restore from what this database has written itself.';
CREATE TRIGGER pg_trickle_stamp BEFORE INSERT ON pgtrickle_saved.sources
    FOR EACH ROW EXECUTE FUNCTION pgtrickle.stamp_restored_row();
ALTER TABLE pgtrickle_saved.sources ENABLE ALWAYS TRIGGER pg_trickle_stamp;
COMMENT ON TRIGGER pg_trickle_stamp ON pgtrickle_saved.sources IS 'Tells a restore from what this database has written itself.';
