-- Capture triggers. Their names, arguments and C symbols never change (rule J28).

CREATE OR REPLACE FUNCTION pgtrickle.capture_statement() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_capture_statement';
COMMENT ON FUNCTION pgtrickle.capture_statement() IS 'internal: AFTER STATEMENT and TRUNCATE trigger of captured tables';
REVOKE ALL ON FUNCTION pgtrickle.capture_statement() FROM PUBLIC;

CREATE OR REPLACE FUNCTION pgtrickle.capture_before() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_capture_before';
COMMENT ON FUNCTION pgtrickle.capture_before() IS 'internal: BEFORE STATEMENT trigger of captured tables';
REVOKE ALL ON FUNCTION pgtrickle.capture_before() FROM PUBLIC;

CREATE OR REPLACE FUNCTION pgtrickle.capture_row() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_capture_row';
COMMENT ON FUNCTION pgtrickle.capture_row() IS 'internal: AFTER ROW trigger of captured tables that apply workers or a parent write';
REVOKE ALL ON FUNCTION pgtrickle.capture_row() FROM PUBLIC;

CREATE OR REPLACE FUNCTION pgtrickle.change_rows(source oid, columns int2[], with_old boolean)
RETURNS SETOF record LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'st_sql_change_rows';
COMMENT ON FUNCTION pgtrickle.change_rows(oid, int2[], boolean) IS
    'What the views pgtrickle_changes.changes_... over change logs select from. For superusers. Error: 42501.';
REVOKE ALL ON FUNCTION pgtrickle.change_rows(oid, int2[], boolean) FROM PUBLIC;
