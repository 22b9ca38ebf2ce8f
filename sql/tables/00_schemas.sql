-- Plain CREATE SCHEMA: a squatted schema makes the installation fail.
CREATE SCHEMA pgtrickle;
CREATE SCHEMA pgtrickle_changes;

REVOKE ALL ON SCHEMA pgtrickle, pgtrickle_changes FROM PUBLIC;
-- Generated statements name state tables and are parsed as the stream table's
-- owner. USAGE lets names be found; nobody has a right on any table in there.
GRANT USAGE ON SCHEMA pgtrickle, pgtrickle_changes TO PUBLIC;

COMMENT ON SCHEMA pgtrickle IS 'pg_trickle: functions, views and catalog of stream tables.';
COMMENT ON SCHEMA pgtrickle_changes IS 'pg_trickle: change logs and state tables. Internal; nobody but the extension reads or writes here.';
