-- Refreshes that are running.

CREATE OR REPLACE FUNCTION pgtrickle.running_refreshes()
RETURNS TABLE(pid integer, stream_table oid, phase text, initiated_by text, started_at timestamptz, members bigint, members_done bigint,
              current_member oid, rows_read bigint)
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'st_sql_running_refreshes';
COMMENT ON FUNCTION pgtrickle.running_refreshes() IS 'What the view refresh_progress shows, by OID.';
