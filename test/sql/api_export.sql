-- What export_definition() writes makes the same stream table again.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE SCHEMA api_other;
CREATE TABLE api_t (id int PRIMARY KEY, a int, at timestamptz);
CREATE TABLE api_other.api_t (id int PRIMARY KEY, a int);
INSERT INTO api_t VALUES (1, 1, '2024-01-31 12:00:00+00'), (2, 2, NULL);
INSERT INTO api_other.api_t VALUES (7, 7);
CREATE ROLE api_owner;
GRANT ALL ON SCHEMA public, api_other TO api_owner;
GRANT SELECT, TRIGGER ON api_t TO api_owner;
-- all that a stream table is, without what differs from one to the next
CREATE FUNCTION pg_temp.look(name text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT to_jsonb(t) - '{pgt_id,pgt_relid,created_at,updated_at,data_timestamp,frontier,last_refresh_at,last_full_ms,effective_refresh_mode}'::text[]
           || jsonb_build_object('requested', i.requested_refresh_mode, 'settings', i.settings, 'path', i.search_path, 'query', i.query_text, 'owner', c.relowner::regrole,
                                 'columns', test.columns_of(t.pgt_relid), 'indexes', (SELECT count(*) FROM pg_index WHERE indrelid = t.pgt_relid))
      FROM pgtrickle.pgt_stream_tables AS t JOIN pgtrickle.stream_table_internals AS i USING (pgt_id) JOIN pg_class AS c ON c.oid = pgt_relid
     WHERE t.pgt_relid = name::regclass $$;
-- run it after a drop, in a session that is set up otherwise, and again without a drop; then it follows its source
CREATE FUNCTION pg_temp.round_trip(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    script text := pgtrickle.export_definition(name);
    before jsonb := pg_temp.look(name);
    number bigint := (SELECT max(pgt_id) FROM pgtrickle.pgt_stream_tables);
BEGIN
    IF script <> pgtrickle.stream_table_definition(name) THEN RAISE EXCEPTION 'the two functions differ'; END IF;
    PERFORM pgtrickle.drop_stream_table(name);
    FOR i IN 1..2 LOOP
        SET search_path = pg_catalog, pgtrickle;
        SET TimeZone = 'Asia/Tokyo';
        EXECUTE script;
        RESET search_path;
        RESET TimeZone;
        IF pg_temp.look(name) <> before THEN
            RAISE EXCEPTION '% is not what it was', name USING DETAIL = format(E'%s\n%s', before, pg_temp.look(name));
        END IF;
    END LOOP;
    RETURN CASE WHEN pgtrickle.stream_table_id(name) > number THEN script END;
END $$;
\pset format unaligned
\pset tuples_only on
SET client_min_messages = error;
\set VERBOSITY terse
\o /dev/null
SELECT pgtrickle.create_stream_table('api_plain', 'SELECT id, a FROM api_t');
SELECT pgtrickle.create_stream_table('api_other."Api $pgt$ 1"', $$SELECT a, count(*) AS n, '$pgt$' || 'it''s' AS s FROM api_t GROUP BY a$$, '5m', 'DIFFERENTIAL', diamond_schedule_policy => 'slowest',
    cdc_mode => 'trigger', pooler_compatibility_mode => true, max_differential_joins => 3, max_delta_fraction => 0.25);
SELECT pgtrickle.alter_stream_table('api_other."Api $pgt$ 1"', tier => 'cold', fuse => 'on', fuse_ceiling => 5000000000, fuse_sensitivity => 2);
SELECT pgtrickle.create_stream_table('api_top', 'SELECT id FROM api_t ORDER BY a DESC LIMIT 1 OFFSET 1', refresh_mode => 'FULL', initialize => false, diamond_consistency => 'none');
SELECT pgtrickle.set_stream_table_sla('api_top', '10 seconds');
SELECT pgtrickle.alter_stream_table('api_top', tier => 'hot');
-- names and settings of another session
SET search_path = api_other, public;
SET TimeZone = 'America/New_York';
SET DateStyle = 'German';
SELECT pgtrickle.create_stream_table('api_settings', 'SELECT t.id, p.at::text, p.at::date AS day FROM api_t AS t FULL JOIN public.api_t AS p USING (id) -- the end');
RESET search_path;
RESET TimeZone;
RESET DateStyle;
SELECT pgtrickle.create_stream_table('api_owned', 'SELECT id FROM api_t');
ALTER TABLE api_owned OWNER TO api_owner;
\o
SELECT pg_temp.round_trip('api_plain');
SELECT pg_temp.round_trip('api_other."Api $pgt$ 1"');
SELECT pg_temp.round_trip('api_top');
SELECT pg_temp.round_trip('api_owned');
BEGIN;
SET LOCAL TimeZone = 'UTC';
SELECT pg_temp.round_trip('api_other.api_settings');
COMMIT;
SELECT * FROM api_other.api_settings ORDER BY id;
INSERT INTO api_t VALUES (3, 3, '2024-02-01 01:00:00+00');
UPDATE api_t SET a = 5 WHERE id = 1;
SELECT test.refresh('api_plain'), test.refresh('api_other."Api $pgt$ 1"'), test.refresh('api_top', 'FULL'), test.refresh('api_owned');
-- the oracle runs the query under the settings of its caller
SET search_path = api_other, public, pgtrickle;
SET TimeZone = 'America/New_York';
SET DateStyle = 'German';
SELECT test.refresh('api_settings');
RESET search_path;
RESET TimeZone;
RESET DateStyle;
\pset format aligned
\pset tuples_only off
\set VERBOSITY sqlstate
SELECT pgtrickle.export_definition('api_t');
SELECT pgtrickle.stream_table_definition('api_missing');
SELECT pgtrickle.export_definition('a.b.c');
\set VERBOSITY default
SELECT pgtrickle.export_definition(NULL), pgtrickle.stream_table_definition(NULL);
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE api_t;
DROP SCHEMA api_other CASCADE;
REVOKE ALL ON SCHEMA public FROM api_owner;
DROP ROLE api_owner;
