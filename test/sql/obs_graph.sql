-- The graph as text, diamonds in it, service levels, repairs.
\o /dev/null
SELECT test.restart_numbers();
\o
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION pg_temp.create(name text, query text) RETURNS void LANGUAGE plpgsql SET client_min_messages = warning AS $$
BEGIN
    PERFORM pgtrickle.create_stream_table(name, query, '1h');
END $$;
-- nothing
SELECT pgtrickle.explain_dag();
SELECT pgtrickle.explain_dag('dot');
SELECT * FROM pgtrickle.diamond_groups();
CREATE TABLE obs_t (id int PRIMARY KEY, n int);
CREATE TABLE obs_u (id int PRIMARY KEY, n int);
INSERT INTO obs_t VALUES (1, 1), (2, 2);
\o /dev/null
SELECT pg_temp.create('obs_a', 'SELECT id, n FROM obs_t');
SELECT pg_temp.create('obs_b', 'SELECT id, n + 1 AS n FROM obs_a');
SELECT pg_temp.create('obs_c', 'SELECT id, n + 2 AS n FROM obs_a');
\o
-- no diamond yet
SELECT * FROM pgtrickle.diamond_groups();
\o /dev/null
SELECT pg_temp.create('obs_d', 'SELECT b.id, b.n, c.n AS m FROM obs_b AS b JOIN obs_c AS c USING (id)');
\o
-- what is shared is no member; only what lies between
SELECT * FROM pgtrickle.diamond_groups();
-- a base table is shared as well, a longer way, and what is read but shared by nobody
\o /dev/null
SELECT pg_temp.create('obs_x', 'SELECT id, n FROM obs_u');
SELECT pg_temp.create('obs_y', 'SELECT id FROM obs_u');
SELECT pg_temp.create('obs_y2', 'SELECT id + 0 AS id FROM obs_y');
SELECT pg_temp.create('obs_z', 'SELECT x.id, x.n, a.n AS m FROM obs_x AS x JOIN obs_y2 USING (id) JOIN obs_a AS a USING (id)');
-- no diamond: two upstreams without anything in common
SELECT pg_temp.create('obs_no', 'SELECT a.id, x.n FROM obs_a AS a JOIN obs_x AS x USING (id)');
-- an upstream that the other one reads too
SELECT pg_temp.create('"a ""quoted"" \ #1"', 'SELECT y.id FROM obs_y AS y JOIN obs_y2 USING (id)');
\o
SELECT * FROM pgtrickle.diamond_groups();
-- diamonds that share a member are one group, and slowest wins
\o /dev/null
SELECT pg_temp.create('obs_e', 'SELECT b.id, a.n FROM obs_b AS b JOIN obs_a AS a USING (id)');
\o
UPDATE pgtrickle.pgt_stream_tables SET diamond_schedule_policy = 'slowest' WHERE pgt_name IN ('obs_d', 'obs_x');
INSERT INTO obs_t VALUES (3, 3);
SELECT test.refresh('obs_d');
SELECT * FROM pgtrickle.diamond_groups();
-- text: names that have to be quoted, states
SELECT pgtrickle.alter_stream_table('obs_c', status => 'SUSPENDED');
UPDATE pgtrickle.pgt_stream_tables SET status = 'ERROR' WHERE pgt_name = 'obs_e';
UPDATE pgtrickle.pgt_stream_tables SET fuse_state = 'blown' WHERE pgt_name = 'obs_no';
BEGIN;
UPDATE pgtrickle.pgt_stream_tables SET pgt_schema = 'pgtrickle', pgt_name = 'df_x' WHERE pgt_name = 'obs_x';
SELECT pgtrickle.explain_dag();
ROLLBACK;
SELECT pgtrickle.explain_dag('DOT');
SELECT pgtrickle.explain_dag(NULL) = pgtrickle.explain_dag('Mermaid');
\set VERBOSITY verbose
\set SHOW_CONTEXT never
SELECT pgtrickle.explain_dag('svg');
\set VERBOSITY default
-- repairs: what was wrong, and what is right afterwards
SELECT pgtrickle.repair_stream_table('obs_c');
SELECT pgtrickle.repair_stream_table('obs_e');
SELECT pgtrickle.repair_stream_table('obs_no');
SELECT status, consecutive_errors, fuse_state, needs_reinit FROM pgtrickle.pgt_stream_tables WHERE pgt_name IN ('obs_c', 'obs_e', 'obs_no');
SET session_replication_role = replica;
DELETE FROM obs_t WHERE id = 1;
RESET session_replication_role;
ALTER TABLE obs_t DISABLE TRIGGER ALL;
INSERT INTO obs_t VALUES (4, 4);
SELECT pgtrickle.repair_stream_table('obs_a');
SELECT test.assert_fresh('obs_a');
INSERT INTO obs_t VALUES (5, 5);
SELECT test.refresh('obs_a');
SELECT pgtrickle.repair_stream_table('obs_a');
-- what cannot be repaired stays as it was
SELECT pg_temp.create('obs_bad', 'SELECT id, 10 / (n - 7) AS q FROM obs_t');
INSERT INTO obs_t VALUES (6, 7);
UPDATE pgtrickle.pgt_stream_tables SET status = 'ERROR', last_error_message = 'division by zero' WHERE pgt_name = 'obs_bad';
SELECT pgtrickle.repair_stream_table('obs_bad');
SELECT status, last_error_message FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'obs_bad';
SELECT pgtrickle.repair_stream_table('obs_missing');
-- service levels: the tier, and the schedule that keeps them
CREATE FUNCTION pg_temp.level(name text, sla interval) RETURNS text LANGUAGE plpgsql SET client_min_messages = warning AS $$
BEGIN
    PERFORM pgtrickle.set_stream_table_sla(name, sla);
    RETURN (SELECT format('%s ms, %s, every %s', coalesce(freshness_deadline_ms::text, 'no'), refresh_tier, coalesce(effective_schedule::text, 'cron'))
              FROM pgtrickle.pgt_stream_tables JOIN pgtrickle.freshness() USING (pgt_id) WHERE pgt_name = name);
END $$;
SELECT s, pg_temp.level('obs_b', s) FROM unnest(ARRAY['5 s', '5.001 s', '30 s', '30.001 s', '1 day', '1 month', '1 ms', NULL]::interval[]) AS s;
SELECT pgtrickle.set_stream_table_sla('obs_b', '10 s');
SELECT pgtrickle.set_stream_table_sla('obs_b', NULL);
\o /dev/null
SELECT pgtrickle.alter_stream_table('obs_a', schedule => 'calculated');
\o
SELECT pg_temp.level('obs_a', NULL), pg_temp.level('obs_b', '20 s'), pg_temp.level('obs_a', NULL), pg_temp.level('obs_a', '4 s');
SELECT pgtrickle.alter_stream_table('obs_b', schedule => '@daily');
SELECT pg_temp.level('obs_b', '20 s');
-- kept or not
UPDATE pgtrickle.pgt_stream_tables SET data_timestamp = clock_timestamp() - interval '10 s' WHERE pgt_name = 'obs_b';
SELECT deadline_ms, within_sla FROM pgtrickle.sla_summary() WHERE stream_table = 'public.obs_b';
UPDATE pgtrickle.pgt_stream_tables SET data_timestamp = clock_timestamp() - interval '30 s' WHERE pgt_name = 'obs_b';
SELECT deadline_ms, within_sla FROM pgtrickle.sla_summary() WHERE stream_table = 'public.obs_b';
\set VERBOSITY sqlstate
SELECT pgtrickle.set_stream_table_sla('obs_b', '0');
SELECT pgtrickle.set_stream_table_sla('obs_b', '-1 s');
SELECT pgtrickle.set_stream_table_sla('obs_b', '2000 years');
SELECT pgtrickle.set_stream_table_sla(NULL, '1 s');
SELECT pgtrickle.set_stream_table_sla('obs_missing', '1 s');
-- rights
\set VERBOSITY default
CREATE ROLE obs_other;
\set VERBOSITY sqlstate
GRANT USAGE ON SCHEMA pgtrickle TO obs_other;
SET ROLE obs_other;
SELECT pgtrickle.set_stream_table_sla('obs_b', '1 s');
SELECT pgtrickle.repair_stream_table('obs_b');
SELECT count(*) FROM pgtrickle.diamond_groups();
SELECT pgtrickle.explain_dag() LIKE 'graph%';
RESET ROLE;
\set VERBOSITY default
-- whoever repairs it lets the query run with the rights of its owner
CREATE ROLE obs_third;
GRANT SELECT, TRIGGER ON obs_u TO obs_third;
ALTER TABLE obs_x OWNER TO obs_other;
ALTER TABLE obs_x OWNER TO obs_third;
SELECT pgtrickle.repair_stream_table('obs_x');
SELECT test.refresh('obs_x', 'NO_DATA');
ALTER TABLE obs_x OWNER TO CURRENT_USER;
REVOKE ALL ON obs_u FROM obs_third;
REVOKE USAGE ON SCHEMA pgtrickle FROM obs_other;
DROP ROLE obs_other, obs_third;
\o /dev/null
SELECT test.drop_all();
\o
DROP TABLE obs_t, obs_u;
