-- After a restore or an upgrade.

CREATE OR REPLACE FUNCTION pgtrickle.restore_stream_tables()
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_restore_stream_tables';
COMMENT ON FUNCTION pgtrickle.restore_stream_tables() IS
    'Makes stream tables again of the tables that a restore has brought back, with gates and watermarks of their sources, and after pg_upgrade of all. Each is recomputed by its next refresh. What cannot be restored gets a WARNING, and its reason in pgtrickle_saved. Full dumps and the scheduler do this by themselves. Errors: 42501 for others than superusers and the owner of the extension.';
REVOKE ALL ON FUNCTION pgtrickle.restore_stream_tables() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgtrickle.restore_stream_tables() TO @extowner@;

CREATE OR REPLACE FUNCTION pgtrickle.relink()
RETURNS bigint LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_relink';
COMMENT ON FUNCTION pgtrickle.relink() IS
    'The same, for the materialized view pgtrickle_saved.relink, with whose REFRESH a restore ends. Returns the number of stream tables restored; for others than superusers and the owner of the extension does nothing; raises nothing. Internal.';
