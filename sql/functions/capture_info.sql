-- What capture consists of: triggers, logs, and who reads them.

CREATE OR REPLACE FUNCTION pgtrickle.capture_triggers(source oid)
RETURNS TABLE(relation oid, event text, trigger_name text, is_truncate boolean, enabled boolean)
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'st_sql_capture_triggers';
COMMENT ON FUNCTION pgtrickle.capture_triggers(oid) IS
    'The triggers that capture of a table needs, on itself and on its partitions and children; trigger_name is NULL for one that is missing. No rows for what is not captured, or is a stream table. Internal.';

CREATE OR REPLACE FUNCTION pgtrickle.change_log_facts(source oid, OUT columns integer, OUT rows bigint, OUT segments integer)
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'st_sql_change_log_facts';
COMMENT ON FUNCTION pgtrickle.change_log_facts(oid) IS
    'How many columns of a table its change log stores, how many rows it holds, counted now, and in how many segments. NULL for what is not captured. Internal.';

CREATE OR REPLACE FUNCTION pgtrickle.trigger_inventory()
RETURNS TABLE(source_table text, source_oid bigint, trigger_name text, trigger_type text, present boolean, enabled boolean, event text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT n.nspname || '.' || c.relname, c.oid::bigint, t.trigger_name, CASE WHEN t.is_truncate THEN 'TRUNCATE' ELSE 'DML' END,
           t.trigger_name IS NOT NULL, t.enabled, t.event
      FROM pgtrickle.pgt_change_tracking s
     CROSS JOIN LATERAL pgtrickle.capture_triggers(s.source_relid) t
      JOIN pg_catalog.pg_class c ON c.oid = t.relation
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     GROUP BY 1, 2, 3, 4, 5, 6, 7
     ORDER BY 1, 4, 7;
END;
COMMENT ON FUNCTION pgtrickle.trigger_inventory() IS
    'The capture triggers of all tables that are captured, a row each: on the table that carries it, which may be a partition or a child. One that is missing has no name; one that is not enabled as it was made, ALWAYS, is not enabled. The next refresh of what reads the table puts right what is not, and recomputes.';

CREATE OR REPLACE FUNCTION pgtrickle.check_cdc_health()
RETURNS TABLE(source_relid bigint, source_table text, cdc_mode text, slot_name text, lag_bytes bigint, confirmed_lsn text,
              alert text, selective_capture boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT d.source_relid::bigint, d.source_relid::regclass::text, d.cdc_mode, d.slot_name, NULL::bigint, d.decoder_confirmed_lsn::text,
           CASE WHEN f.columns IS NOT NULL AND t.bad > 0 THEN 'capture_incomplete: ' || t.bad || ' of ' || t.needed || ' triggers are missing or disabled' END,
           f.columns < (SELECT count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid = d.source_relid AND a.attnum > 0 AND NOT a.attisdropped)
      FROM (SELECT source_relid, min(cdc_mode) AS cdc_mode, min(slot_name) AS slot_name, min(decoder_confirmed_lsn) AS decoder_confirmed_lsn
              FROM pgtrickle.pgt_dependencies WHERE source_type = 'TABLE' GROUP BY source_relid) d
      JOIN pg_catalog.pg_class c ON c.oid = d.source_relid
      LEFT JOIN LATERAL pgtrickle.change_log_facts(d.source_relid) f ON true
     CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE NOT x.enabled) AS bad, count(*) AS needed
                           FROM pgtrickle.capture_triggers(d.source_relid) x) t
     ORDER BY 2;
END;
COMMENT ON FUNCTION pgtrickle.check_cdc_health() IS
    'One row per table that stream tables read: how its changes are captured, what is wrong with that (NULL: nothing), and whether only some of its columns are stored. selective_capture is NULL where nothing is captured, as for what is always recomputed. Slots are for capture from the WAL.';

CREATE OR REPLACE FUNCTION pgtrickle.slot_health()
RETURNS TABLE(slot_name text, source_relid bigint, active boolean, retained_wal_bytes bigint, wal_status text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.slot_name, s.source_relid::bigint, coalesce(r.active, t.active),
           coalesce(pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END,
                                               r.restart_lsn)::bigint, 0),
           coalesce(r.wal_status, 'trigger')
      FROM pgtrickle.pgt_change_tracking s
      LEFT JOIN pg_catalog.pg_replication_slots r ON r.slot_name::text = s.slot_name AND r.database = pg_catalog.current_database()
     CROSS JOIN LATERAL (SELECT coalesce(bool_and(x.enabled), true) AS active FROM pgtrickle.capture_triggers(s.source_relid) x) t
     ORDER BY 2;
END;
COMMENT ON FUNCTION pgtrickle.slot_health() IS
    'One row per table that is captured. With triggers: their name, whether all are there and enabled, 0 bytes and ''trigger''; with a replication slot: its name, whether somebody reads it, the WAL that it retains, and its wal_status.';

CREATE OR REPLACE FUNCTION pgtrickle.shared_buffer_stats()
RETURNS TABLE(source_oid bigint, source_table text, consumer_count integer, consumers text, columns_tracked integer,
              safe_frontier_lsn text, buffer_rows bigint, is_partitioned boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.source_relid::bigint, n.nspname || '.' || c.relname, count(t.pgt_id)::integer,
           string_agg(format('%I.%I', t.pgt_schema, t.pgt_name), ', ' ORDER BY t.pgt_schema, t.pgt_name),
           f.columns, min(s.last_consumed_lsn)::text, f.rows, f.segments > 1
      FROM pgtrickle.pgt_change_tracking s
      JOIN pg_catalog.pg_class c ON c.oid = s.source_relid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     CROSS JOIN LATERAL pgtrickle.change_log_facts(s.source_relid) f
      LEFT JOIN pgtrickle.pgt_stream_tables t ON t.pgt_id = ANY (s.tracked_by_pgt_ids)
     GROUP BY s.source_relid, 2, f.columns, f.rows, f.segments
     ORDER BY 2;
END;
COMMENT ON FUNCTION pgtrickle.shared_buffer_stats() IS
    'One row per table that is captured: the stream tables that share its change log, how many of its columns are stored, rows in the log, counted now, whether they lie in several segments. What can be removed is told by snapshots; safe_frontier_lsn is for capture from the WAL, NULL with triggers.';

CREATE OR REPLACE FUNCTION pgtrickle.cdc_pause_status()
RETURNS TABLE(paused boolean, capture_mode text, note text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.paused, p.mode,
           CASE WHEN NOT p.paused THEN 'Changes are recorded.'
                WHEN p.mode = 'hold' THEN 'Paused, in mode hold: changes are recorded as ever.'
                ELSE 'Paused, in mode discard: changes are not recorded; what reads the tables that are written meanwhile is recomputed by its next refresh.' END
      FROM (SELECT current_setting('pg_trickle.cdc_paused')::boolean AS paused, current_setting('pg_trickle.cdc_capture_mode') AS mode) p;
END;
COMMENT ON FUNCTION pgtrickle.cdc_pause_status() IS
    'Whether recording of changes is paused in this session (pg_trickle.cdc_paused), and what that means for them (pg_trickle.cdc_capture_mode).';

CREATE OR REPLACE FUNCTION pgtrickle.rebuild_cdc_triggers()
RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_rebuild_cdc_triggers';
COMMENT ON FUNCTION pgtrickle.rebuild_cdc_triggers() IS
    'Drops the capture triggers of all tables and installs them anew, with writers and refreshes waiting; a log that is UNLOGGED against pg_trickle.unlogged_buffers is followed by a logged one. Nothing is recomputed unless capture was incomplete before. A table on which the caller has no TRIGGER privilege is left out, with a WARNING. Always returns ''done''. Error: 42501 unless the caller owns all stream tables.';

CREATE OR REPLACE FUNCTION pgtrickle.convert_buffers_to_unlogged()
RETURNS bigint LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_convert_buffers_to_unlogged';
COMMENT ON FUNCTION pgtrickle.convert_buffers_to_unlogged() IS
    'Lets change logs that are logged be followed by UNLOGGED ones, with writers and refreshes waiting, and returns how many. The stream tables that read them are recomputed by their next refresh, and after each crash. Logs that are made later follow pg_trickle.unlogged_buffers. A table on which the caller has no TRIGGER privilege is left out, with a WARNING. Error: 42501 unless the caller owns all stream tables.';

CREATE OR REPLACE VIEW pgtrickle.pgt_cdc_status AS
SELECT t.pgt_schema, t.pgt_name, d.source_relid, c.relname AS source_name, n.nspname AS source_schema,
       d.cdc_mode, d.slot_name, d.decoder_confirmed_lsn, d.transition_started_at
  FROM pgtrickle.pgt_dependencies d
  JOIN pgtrickle.pgt_stream_tables t USING (pgt_id)
  JOIN pg_catalog.pg_class c ON c.oid = d.source_relid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE d.source_type = 'TABLE';
COMMENT ON VIEW pgtrickle.pgt_cdc_status IS 'How each table that a stream table reads is captured.';
COMMENT ON COLUMN pgtrickle.pgt_cdc_status.pgt_schema IS 'Schema of the stream table.';
COMMENT ON COLUMN pgtrickle.pgt_cdc_status.pgt_name IS 'Name of the stream table.';
COMMENT ON COLUMN pgtrickle.pgt_cdc_status.source_relid IS 'The table that it reads (pg_class.oid).';
COMMENT ON COLUMN pgtrickle.pgt_cdc_status.source_name IS 'Its name.';
COMMENT ON COLUMN pgtrickle.pgt_cdc_status.source_schema IS 'Its schema.';
COMMENT ON COLUMN pgtrickle.pgt_cdc_status.cdc_mode IS 'By triggers, from the WAL, or on the way from one to the other.';
COMMENT ON COLUMN pgtrickle.pgt_cdc_status.slot_name IS 'The replication slot, for capture from the WAL.';
COMMENT ON COLUMN pgtrickle.pgt_cdc_status.decoder_confirmed_lsn IS 'Up to where the WAL is captured.';
COMMENT ON COLUMN pgtrickle.pgt_cdc_status.transition_started_at IS 'Since when it is on the way.';
GRANT SELECT ON pgtrickle.pgt_cdc_status TO PUBLIC;
