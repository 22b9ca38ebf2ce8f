-- Refreshes that are running.

CREATE OR REPLACE VIEW pgtrickle.refresh_progress AS
SELECT p.pid, t.pgt_schema, t.pgt_name, p.phase, p.initiated_by, p.started_at, clock_timestamp() - p.started_at AS elapsed,
       p.members, p.members_done, c.pgt_schema || '.' || c.pgt_name AS current_member, p.rows_read
  FROM pgtrickle.running_refreshes() p
  LEFT JOIN pgtrickle.pgt_stream_tables t ON t.pgt_relid = p.stream_table
  LEFT JOIN pgtrickle.pgt_stream_tables c ON c.pgt_relid = p.current_member;
COMMENT ON VIEW pgtrickle.refresh_progress IS 'One row per refresh that is running in this database, of the scheduler, by hand, or the first fill.';
COMMENT ON COLUMN pgtrickle.refresh_progress.pid IS 'The process.';
COMMENT ON COLUMN pgtrickle.refresh_progress.pgt_schema IS 'Schema of the stream table that is to be refreshed; NULL: it is being created.';
COMMENT ON COLUMN pgtrickle.refresh_progress.pgt_name IS 'Its name.';
COMMENT ON COLUMN pgtrickle.refresh_progress.phase IS 'starting, reading changes, following changes, recomputing, or finishing: frontiers, history, space.';
COMMENT ON COLUMN pgtrickle.refresh_progress.initiated_by IS 'SCHEDULER, MANUAL or INITIAL.';
COMMENT ON COLUMN pgtrickle.refresh_progress.started_at IS 'When it began, with all locks.';
COMMENT ON COLUMN pgtrickle.refresh_progress.elapsed IS 'How long ago that was.';
COMMENT ON COLUMN pgtrickle.refresh_progress.members IS 'Stream tables that are refreshed with it, it included.';
COMMENT ON COLUMN pgtrickle.refresh_progress.members_done IS 'How many of them are done.';
COMMENT ON COLUMN pgtrickle.refresh_progress.current_member IS 'The one it is at.';
COMMENT ON COLUMN pgtrickle.refresh_progress.rows_read IS 'Changed source rows that were read for that one.';
GRANT SELECT ON pgtrickle.refresh_progress TO PUBLIC;
