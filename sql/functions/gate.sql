-- Holding refreshes back: gates, and watermarks.

CREATE OR REPLACE FUNCTION pgtrickle.gate_source(source text)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_gate_source';
COMMENT ON FUNCTION pgtrickle.gate_source(text) IS
    'Closes a gate: until ungate_source() the scheduler does not refresh stream tables that read this table. Changes are captured meanwhile; what reads those stream tables goes on with their last contents; refreshing by hand is possible. A gate that is closed is closed anew. Sends NOTIFY pgtrickle_source_gate with the table''s OID. Errors: 42P01 unknown, 42809 no table, 42501 not the owner.';

CREATE OR REPLACE FUNCTION pgtrickle.ungate_source(source text)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_ungate_source';
COMMENT ON FUNCTION pgtrickle.ungate_source(text) IS
    'Opens the gate that gate_source() has closed, if it has: what waited is refreshed when this transaction has committed. Sends NOTIFY pgtrickle_source_gate with the table''s OID. Errors: 42P01 unknown, 42809 no table, 42501 not the owner.';

CREATE OR REPLACE FUNCTION pgtrickle.source_gates()
RETURNS TABLE(source_table text, schema_name text, gated boolean, gated_at timestamptz, ungated_at timestamptz, gated_by text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.relname::text, n.nspname::text, g.gated, g.gated_at, g.ungated_at, g.gated_by
      FROM pgtrickle.pgt_source_gates g
      JOIN pg_catalog.pg_class c ON c.oid = g.source_relid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     ORDER BY n.nspname, c.relname;
END;
COMMENT ON FUNCTION pgtrickle.source_gates() IS 'One row per table that is or was gated: by whom, and when its gate was closed and opened last.';

CREATE OR REPLACE FUNCTION pgtrickle.bootstrap_gate_status()
RETURNS TABLE(source_table text, schema_name text, gated boolean, gated_at timestamptz, ungated_at timestamptz, gated_by text,
              gate_duration interval, affected_stream_tables text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.relname::text, n.nspname::text, g.gated, g.gated_at, g.ungated_at, g.gated_by,
           CASE WHEN g.gated THEN clock_timestamp() ELSE g.ungated_at END - g.gated_at,
           (SELECT string_agg(t.pgt_schema || '.' || t.pgt_name, ', ' ORDER BY t.pgt_schema, t.pgt_name)
              FROM pgtrickle.pgt_dependencies d
              JOIN pgtrickle.pgt_stream_tables t USING (pgt_id)
             WHERE d.source_relid = g.source_relid)
      FROM pgtrickle.pgt_source_gates g
      JOIN pg_catalog.pg_class c ON c.oid = g.source_relid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     ORDER BY g.gated DESC, n.nspname, c.relname;
END;
COMMENT ON FUNCTION pgtrickle.bootstrap_gate_status() IS
    'source_gates() with how long each gate has been closed, or was when it was closed last, and the stream tables that read the table (NULL: none); gated ones first.';

CREATE OR REPLACE FUNCTION pgtrickle.advance_watermark(source text, watermark timestamptz)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_advance_watermark';
COMMENT ON FUNCTION pgtrickle.advance_watermark(text, timestamptz) IS
    'Declares that a table is complete up to a time, together with what else the transaction does. The same time again changes nothing. Sends NOTIFY pgtrickle_watermark with wm: and the table''s OID. Errors: 42P01 unknown, 42809 no table, 42501 neither the owner nor allowed to insert, 22000 an earlier time than before.';

CREATE OR REPLACE FUNCTION pgtrickle.create_watermark_group(group_name text, sources text[], tolerance_secs double precision DEFAULT 0.0)
RETURNS integer LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_create_watermark_group';
COMMENT ON FUNCTION pgtrickle.create_watermark_group(text, text[], double precision) IS
    'From now on the scheduler refreshes a stream table that reads two or more of these tables, itself or through others, only while their watermarks are no further apart than the tolerance, or one of them has none. Returns the number of the group. Errors: 22023 no name, fewer than two tables, one named twice, negative tolerance; 42710 the name is taken; 42P01 unknown table, 42809 no table, 42501 not the owner of all.';

CREATE OR REPLACE FUNCTION pgtrickle.drop_watermark_group(group_name text)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_drop_watermark_group';
COMMENT ON FUNCTION pgtrickle.drop_watermark_group(text) IS
    'Takes back create_watermark_group(). Errors: 42704 unknown, 42501 not the owner of all its tables.';

CREATE OR REPLACE FUNCTION pgtrickle.watermarks()
RETURNS TABLE(source_table text, schema_name text, watermark timestamptz, updated_at timestamptz, advanced_by text, wal_lsn text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.relname::text, n.nspname::text, w.watermark, w.updated_at, w.advanced_by, w.wal_lsn_at_advance
      FROM pgtrickle.pgt_watermarks w
      JOIN pg_catalog.pg_class c ON c.oid = w.source_relid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     ORDER BY n.nspname, c.relname;
END;
COMMENT ON FUNCTION pgtrickle.watermarks() IS 'One row per table with a watermark: when it was advanced last, by whom, and where the server wrote its WAL at that time.';

CREATE OR REPLACE FUNCTION pgtrickle.watermark_groups()
RETURNS TABLE(group_name text, source_count integer, tolerance_secs double precision, created_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT g.group_name, cardinality(g.source_relids), g.tolerance_secs, g.created_at
      FROM pgtrickle.pgt_watermark_groups g
     ORDER BY g.group_name;
END;
COMMENT ON FUNCTION pgtrickle.watermark_groups() IS 'One row per watermark group: how many tables it has and how far apart their watermarks may be.';

CREATE OR REPLACE FUNCTION pgtrickle.watermark_status()
RETURNS TABLE(group_name text, min_watermark timestamptz, max_watermark timestamptz, lag_secs double precision, aligned boolean,
              sources_with_watermark integer, sources_total integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT g.group_name, s.earliest, s.latest, l.lag, l.lag <= g.tolerance_secs, s.known, cardinality(g.source_relids)
      FROM pgtrickle.pgt_watermark_groups g,
           LATERAL (SELECT min(w.watermark) AS earliest, max(w.watermark) AS latest, count(*)::integer AS known
                      FROM pgtrickle.pgt_watermarks w WHERE w.source_relid = ANY (g.source_relids)) s,
           LATERAL (SELECT CASE WHEN s.known < 2 THEN NULL
                                WHEN s.earliest = s.latest THEN 0
                                WHEN isfinite(s.earliest) AND isfinite(s.latest) THEN extract(epoch FROM s.latest - s.earliest)
                                ELSE 'infinity' END::double precision AS lag) l
     ORDER BY g.group_name;
END;
COMMENT ON FUNCTION pgtrickle.watermark_status() IS
    'One row per watermark group: its first and last watermark, the seconds between them and whether that is within its tolerance (NULL: not known, fewer than two of its tables have one), and how many of its tables have a watermark.';

-- Fuses: too many changes at once suspend a stream table.

CREATE OR REPLACE FUNCTION pgtrickle.reset_fuse(name text, action text DEFAULT 'apply')
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_reset_fuse';
COMMENT ON FUNCTION pgtrickle.reset_fuse(text, text) IS
    'Arms a fuse that has blown and makes the stream table ACTIVE. What has made it blow is, by action, apply: applied by the next refresh; reinitialize: contained in the recompute that the next refresh is; skip_changes: forgotten by this stream table, which from then on is not what its query returns, until something recomputes it. Errors: 42P01 unknown, 42501 not the owner, 22023 the fuse has not blown or unknown action, 55006 another session refreshes it.';

CREATE OR REPLACE FUNCTION pgtrickle.fuse_status()
RETURNS TABLE(stream_table text, fuse_mode text, fuse_state text, fuse_ceiling bigint, effective_ceiling bigint, fuse_sensitivity integer,
              blown_at timestamptz, blow_reason text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.pgt_schema || '.' || t.pgt_name, t.fuse_mode, t.fuse_state, t.fuse_ceiling,
           coalesce(t.fuse_ceiling, nullif(current_setting('pg_trickle.fuse_default_ceiling')::bigint, 0)), t.fuse_sensitivity,
           t.blown_at, t.blow_reason
      FROM pgtrickle.pgt_stream_tables t
     ORDER BY t.pgt_id;
END;
COMMENT ON FUNCTION pgtrickle.fuse_status() IS
    'One row per stream table: its fuse as alter_stream_table() has set it; effective_ceiling is its own ceiling or pg_trickle.fuse_default_ceiling, NULL if there is neither; when and why it has blown.';

-- Refresh groups

CREATE OR REPLACE FUNCTION pgtrickle.create_refresh_group(group_name text, members text[], isolation text DEFAULT 'read_committed')
RETURNS integer LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_create_refresh_group';
COMMENT ON FUNCTION pgtrickle.create_refresh_group(text, text[], text) IS
    'From now on the scheduler refreshes these stream tables together or not at all, in one transaction under one snapshot: when the first of them is due, and not while one of them is suspended, paused, frozen, gated or fails, which the history of the others shows as blocked by it. Stream tables between them, and diamonds or groups that have a member in common with the group, are refreshed with it. refresh_stream_table() refreshes each by itself. Both isolations, read_committed and repeatable_read, are this. Returns the number of the group. Errors: 22023 no name, fewer than two members, one named twice or in another group, unknown isolation; 42710 the name is taken; 42P01 no such stream table; 42501 not the owner of all; 54000 more than 120 members.';

CREATE OR REPLACE FUNCTION pgtrickle.drop_refresh_group(group_name text)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_drop_refresh_group';
COMMENT ON FUNCTION pgtrickle.drop_refresh_group(text) IS
    'Takes back create_refresh_group(); the stream tables stay. Errors: 42704 unknown, 42501 not the owner of all its members.';

CREATE OR REPLACE FUNCTION pgtrickle.refresh_groups()
RETURNS TABLE(group_id integer, group_name text, member_count integer, isolation text, created_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT g.group_id, g.group_name, cardinality(g.member_oids), g.isolation, g.created_at
      FROM pgtrickle.pgt_refresh_groups g
     ORDER BY g.group_id;
END;
COMMENT ON FUNCTION pgtrickle.refresh_groups() IS
    'One row per refresh group. A stream table that is dropped leaves its group, which ends with its last member.';

-- Draining

CREATE OR REPLACE FUNCTION pgtrickle.drain(timeout_s integer DEFAULT 60)
RETURNS boolean LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_drain';
COMMENT ON FUNCTION pgtrickle.drain(integer) IS
    'Waits until the refreshes that the scheduler runs in this database have ended, and keeps it from beginning others, until undrain() or resume_all(), also over restarts of the server. Changes are captured meanwhile, and refreshing by hand is possible. False, and nothing is changed, if they have not ended after so many seconds (below 1: pg_trickle.drain_timeout). In a transaction that is rolled back it changes nothing. Error: 42501 unless the caller owns all stream tables.';

CREATE OR REPLACE FUNCTION pgtrickle.undrain()
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_undrain';
COMMENT ON FUNCTION pgtrickle.undrain() IS 'Takes back drain(). Error: 42501 unless the caller owns all stream tables.';

CREATE OR REPLACE FUNCTION pgtrickle.is_drained()
RETURNS boolean LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'st_sql_is_drained';
COMMENT ON FUNCTION pgtrickle.is_drained() IS 'Whether drain() is in force: no refresh of the scheduler is running in this database, and none begins.';
