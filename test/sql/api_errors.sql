-- One line per kind of error (docs/errors.md shows them): SQLSTATE, message, DETAIL and HINT.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = error;
CREATE ROLE api_stranger;
CREATE SCHEMA api;
GRANT USAGE, CREATE ON SCHEMA api TO PUBLIC;
CREATE TABLE api.t (id int PRIMARY KEY, a int);
CREATE TABLE api.u (id int PRIMARY KEY, a int);
CREATE TABLE api.gone (id int PRIMARY KEY, a int);
CREATE TABLE api.cut (id int PRIMARY KEY, a int, b int);
CREATE VIEW api.v AS SELECT id, a FROM api.t;
INSERT INTO api.t VALUES (1, 1);
SELECT pgtrickle.create_stream_table('api.st', 'SELECT id, a FROM api.t', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('api.over', 'SELECT id FROM api.st', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('api.through_view', 'SELECT id, a FROM api.v', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('api.quotient', 'SELECT id, 1 / a AS q FROM api.t', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('api.waits', 'SELECT id FROM api.u', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.alter_stream_table('api.waits', status => 'SUSPENDED');
SELECT pgtrickle.create_stream_table('api.mine', 'SELECT id, a + 1 AS b FROM api.t', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_watermark_group('api_group', ARRAY['api.t', 'api.u']) > 0 AS made;
SELECT pgtrickle.create_refresh_group('api_group', ARRAY['api.quotient', 'api.waits']) > 0 AS made;
SELECT pgtrickle.advance_watermark('api.t', '2030-01-01');
CREATE FUNCTION api.dice() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 4';

-- kind, what brings it about here, and the statements for that, undone afterwards
CREATE TABLE test.errors (place int GENERATED ALWAYS AS IDENTITY, kind text, statements text);
CREATE FUNCTION test.error_of(statements text, OUT code text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statements;
    RAISE EXCEPTION 'no error' USING ERRCODE = 'P0001';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
INSERT INTO test.errors (kind, statements) VALUES
    ('query parse error', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT 1 AS one')$$),
    ('query parse error', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t; SELECT id FROM api.u')$$),
    ('query parse error', $$SELECT pgtrickle.create_stream_table('api.x', 'DELETE FROM api.t RETURNING id')$$),
    ('query parse error', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FORM api.t')$$),
    ('query parse error', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.missing')$$),
    ('query parse error', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT missing FROM api.t')$$),
    ('query parse error', $$SELECT pgtrickle.create_stream_table('', 'SELECT id FROM api.t')$$),
    ('query parse error', $$SELECT pgtrickle.create_stream_table('a.b.c', 'SELECT id FROM api.t')$$),
    ('type mismatch', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t UNION SELECT ''2030-01-01''::date')$$),
    ('unsupported operator', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t TABLESAMPLE system (10)', '1h', 'DIFFERENTIAL')$$),
    ('unsupported operator', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t LIMIT 3')$$),
    ('unsupported operator', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t FOR UPDATE')$$),
    ('unsupported operator', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id, api.dice() FROM api.t', '1h', 'DIFFERENTIAL')$$),
    ('unsupported operator', $$ALTER TABLE api.st ADD COLUMN b int$$),
    ('cycle detected in dependency graph', $$SELECT pgtrickle.alter_stream_table('api.st', query => 'SELECT o.id, t.a FROM api.over AS o JOIN api.t USING (id)')$$),
    ('stream table not found', $$SELECT pgtrickle.refresh_stream_table('api.missing')$$),
    ('stream table already exists', $$SELECT pgtrickle.create_stream_table('api.st', 'SELECT id FROM api.t')$$),
    ('stream table already exists', $$SELECT pgtrickle.create_stream_table('api.t', 'SELECT id FROM api.u')$$),
    ('invalid argument', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', 'every day')$$),
    ('invalid argument', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', NULL)$$),
    ('invalid argument', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', '1h', 'SOMETIMES')$$),
    ('invalid argument', $$SELECT pgtrickle.create_stream_table(NULL, 'SELECT id FROM api.t')$$),
    ('invalid argument', $$SELECT pgtrickle.alter_stream_table('api.st', tier => 'tepid')$$),
    ('invalid argument', $$SELECT pgtrickle.refresh_stream_table('api.waits')$$),
    ('invalid argument', $$SELECT pgtrickle.resume_stream_table('api.st')$$),
    ('invalid argument', $$SELECT pgtrickle.drop_stream_table('api.st')$$),
    ('invalid argument', $$SELECT pgtrickle.reset_fuse('api.st')$$),
    ('invalid argument', $$SELECT pgtrickle.create_refresh_group('g', ARRAY['api.st', 'api.waits'])$$),
    ('invalid argument', $$SELECT pgtrickle.set_stream_table_sla('api.st', '0')$$),
    ('invalid argument', $$SELECT pgtrickle.create_stream_table('missing.x', 'SELECT id FROM api.t')$$),
    ('invalid argument', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', partition_by => 'LIST:id,a')$$),
    ('invalid argument', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', diamond_consistency => 'none', diamond_schedule_policy => 'slowest')$$),
    ('invalid argument', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', refresh_mode => 'FULL', append_only => true)$$),
    ('invalid argument', $$SELECT pgtrickle.bulk_create('[{"name": "api.x"}]')$$),
    ('invalid argument', $$SELECT pgtrickle.explain_delta('api.st', 'csv')$$),
    ('invalid argument', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', storage_backend => 'paper')$$),
    ('invalid argument', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', output_distribution_column => 'id')$$),
    ('not there yet', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', refresh_mode => 'IMMEDIATE')$$),
    ('not there yet', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', cdc_mode => 'wal')$$),
    ('not there yet', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', temporal => true)$$),
    ('not there yet', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', storage_backend => 'citus')$$),
    ('query too complex', $$SET LOCAL pg_trickle.max_parse_depth = 1; SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM (SELECT id FROM (SELECT id FROM api.t) AS a) AS b')$$),
    ('query too complex', $$SET LOCAL pg_trickle.max_parse_nodes = 5; SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t')$$),
    ('query too complex', $$SET LOCAL pg_trickle.max_grouping_set_branches = 2; SELECT pgtrickle.create_stream_table('api.x', 'SELECT a, id FROM api.t GROUP BY CUBE (a, id)')$$),
    ('permission denied', $$SET LOCAL ROLE api_stranger; SELECT pgtrickle.refresh_stream_table('api.st')$$),
    ('permission denied', $$SET LOCAL ROLE api_stranger; SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t')$$),
    ('permission denied', $$GRANT SELECT ON api.t TO api_stranger; SET LOCAL ROLE api_stranger; SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', '1h', 'DIFFERENTIAL')$$),
    ('permission denied', $$SET LOCAL ROLE api_stranger; SELECT pgtrickle.pause_all()$$),
    ('permission denied', $$SET LOCAL ROLE api_stranger; SELECT pgtrickle.gate_source('api.t')$$),
    ('permission denied', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT oid FROM pg_catalog.pg_class')$$),
    ('SPI permission error', $$ALTER TABLE api.mine OWNER TO api_stranger; GRANT SELECT, TRIGGER ON api.t TO api_stranger;
                               SELECT pgtrickle.refresh_stream_table('api.mine'); REVOKE SELECT ON api.t FROM api_stranger; INSERT INTO api.t VALUES (9, 9); SELECT pgtrickle.refresh_stream_table('api.mine')$$),
    ('upstream table dropped', $$SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.gone'); DROP TABLE api.gone$$),
    ('upstream table schema changed', $$SET LOCAL pg_trickle.block_source_ddl = off; SELECT pgtrickle.create_stream_table('api.x', 'SELECT id, b FROM api.cut'); ALTER TABLE api.cut DROP COLUMN b; SELECT pgtrickle.refresh_stream_table('api.x')$$),
    ('source is used', $$ALTER TABLE api.u DROP COLUMN id$$),
    ('source is used', $$ALTER TABLE api.u ALTER id TYPE bigint$$),
    ('error of the query', $$INSERT INTO api.t VALUES (2, 0); SELECT pgtrickle.refresh_stream_table('api.quotient')$$),
    ('refresh within a refresh', $$CREATE FUNCTION api.again() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pgtrickle.refresh_stream_table(''api.st''); RETURN NULL; END';
                                   CREATE TRIGGER again AFTER INSERT ON api.st EXECUTE FUNCTION api.again(); INSERT INTO api.t VALUES (3, 3); SELECT pgtrickle.refresh_stream_table('api.st')$$),
    ('direct DML', $$DELETE FROM api.st$$),
    ('other objects depend on it', $$CREATE VIEW api.on_it AS SELECT a FROM api.st; SELECT pgtrickle.alter_stream_table('api.st', query => 'SELECT id FROM api.t')$$),
    ('other objects depend on it', $$DROP TABLE api.u$$),
    ('watermark moved backward', $$SELECT pgtrickle.advance_watermark('api.t', '2029-01-01')$$),
    ('watermark group not found', $$SELECT pgtrickle.drop_watermark_group('missing')$$),
    ('watermark group already exists', $$SELECT pgtrickle.create_watermark_group('api_group', ARRAY['api.t', 'api.u'])$$),
    ('refresh group not found', $$SELECT pgtrickle.drop_refresh_group('missing')$$),
    ('refresh group already exists', $$SELECT pgtrickle.create_refresh_group('api_group', ARRAY['api.st', 'api.over'])$$),
    ('refresh group too large', $$SELECT pgtrickle.create_refresh_group('g', array_agg('api.st'::text)) FROM generate_series(1, 121)$$),
    ('not captured', $$SELECT * FROM pgtrickle.debug_change_log('api.gone')$$);
\a
SELECT kind, code, regexp_replace(message, 'it has \d+ nodes', 'it has 7 nodes') AS message, replace(detail, session_user, 'postgres') AS detail, hint, regexp_replace(statements, '\s+', ' ', 'g') AS statements FROM test.errors CROSS JOIN LATERAL test.error_of(statements) AS e ORDER BY place;
\a
SELECT count(*) FROM test.errors CROSS JOIN LATERAL test.error_of(statements) AS e WHERE code IN ('P0001', 'XX000');
-- outside of a subtransaction
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT id FROM api.t;
SELECT pgtrickle.create_stream_table('api.x', 'SELECT id FROM api.t', '1h', 'DIFFERENTIAL');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
SELECT pgtrickle.drop_stream_table('api.waits');
PREPARE TRANSACTION 'api_errors';
\echo :LAST_ERROR_SQLSTATE
-- all is as it was
SELECT test.refresh('api.st', 'NO_DATA'), test.assert_fresh('api.over'), test.assert_fresh('api.through_view'), test.assert_fresh('api.quotient');
SELECT pgtrickle.drop_watermark_group('api_group');
DELETE FROM pgtrickle.pgt_watermarks;
SELECT test.drop_all();
DROP FUNCTION test.error_of(text);
DROP TABLE test.errors;
DROP SCHEMA api CASCADE;
DROP ROLE api_stranger;
RESET client_min_messages;
