-- Mode AUTO does what has taken less time so far (rule K26). Times are put into the catalog, a new session goes by them.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE TABLE ac_t (id int PRIMARY KEY, g int, n int) WITH (autovacuum_enabled = off);
INSERT INTO ac_t SELECT x, x % 10, x FROM generate_series(1, 2000) AS x;
ANALYZE ac_t;
SELECT test.create('ac_s', 'SELECT g, count(*) AS c, sum(n) AS s FROM ac_t GROUP BY g', 'AUTO');
SELECT test.create('ac_pinned', 'SELECT g, count(*) AS c, sum(n) AS s FROM ac_t GROUP BY g', 'DIFFERENTIAL');
-- a busy machine must not make deltas of a row too slow here
ALTER DATABASE :DBNAME SET pg_trickle.min_delta_budget_ms = 1000000;
ALTER DATABASE :DBNAME SET pg_trickle.refresh_strategy = auto;
SET pg_trickle.refresh_strategy = auto;
-- the first fill is known, but was no recompute
SELECT pgt_id, runs, full_measured, full_ms > 0 AS filled, full_cost > 1 AS planned, delta_classes FROM pgtrickle.refresh_costs;
INSERT INTO ac_t VALUES (3001, 1, 1);
SELECT test.refresh('ac_s');
SELECT runs, delta_classes, streaks, delta_ms[1] > 0 AS measured, array_length(delta_ms, 1) AS places FROM pgtrickle.refresh_costs;

CREATE FUNCTION test.costs(new_full float, new_delta real, retry bigint DEFAULT 1000000) RETURNS void LANGUAGE sql AS $$
    UPDATE pgtrickle.refresh_costs SET full_ms = new_full, full_measured = true, delta_classes = '{0}', streaks = '{0}', overruns = '{0}',
           retry_at = ARRAY[retry], delta_ms = array_fill(new_delta, '{9}')
$$;
-- what the last run did, and why, without the figures
CREATE FUNCTION test.decision(name text, wanted text DEFAULT 'DIFFERENTIAL') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.refresh(name, wanted);
    RETURN (SELECT regexp_replace(test.last_run(name), '[0-9.e+-]+(?= ms| %)', '#', 'g')
                   || CASE WHEN was_full_fallback THEN ' (fallback)' ELSE '' END
              FROM pgtrickle.pgt_refresh_history WHERE refresh_id = test.last_run_id(name));
END $$;
\set VERBOSITY terse
-- a recompute is far cheaper: the second time it is believed
SELECT test.costs(0.001, 1e6);
\c -
SET client_min_messages = warning;
INSERT INTO ac_t VALUES (3002, 1, 1);
SELECT test.decision('ac_s');
SELECT streaks FROM pgtrickle.refresh_costs;
INSERT INTO ac_t VALUES (3003, 1, 1);
SELECT test.decision('ac_s', 'FULL');
SELECT streaks, full_ms > 0.001 AS measured_again FROM pgtrickle.refresh_costs;
SELECT test.refresh('ac_s', 'NO_DATA');
-- larger deltas, of which nothing is known, do not take less
INSERT INTO ac_t SELECT x, x % 10, x FROM generate_series(4000, 4100) AS x;
UPDATE ac_t SET n = n + 1 WHERE id >= 4050;
SELECT test.decision('ac_s', 'FULL');
SELECT effective_mode, regexp_replace(downgrade_reason, '[0-9.e+-]+(?= ms)', '#', 'g') FROM pgtrickle.explain_refresh_mode('ac_s');
-- a mode that was asked for stays
SELECT test.refresh('ac_pinned');
-- another session sees the decision
\c -
SET client_min_messages = warning;
DELETE FROM ac_t WHERE id = 3003;
SELECT test.decision('ac_s', 'FULL');
-- its turn has come: a delta is tried, and what was known of it before is forgotten
SELECT test.costs(0.001, 1e6);
UPDATE pgtrickle.refresh_costs SET streaks = '{2}', retry_at = '{0}';
\c -
SET client_min_messages = warning;
DELETE FROM ac_t WHERE id = 3002;
SELECT test.decision('ac_s');
SELECT delta_ms[1] < 1e5 AS forgotten, delta_ms[2:3] AS others, streaks, retry_at[1] - runs AS later FROM pgtrickle.refresh_costs;
-- a recompute that has become dearer is left at once
SELECT test.costs(1e6, 0.001);
UPDATE pgtrickle.refresh_costs SET streaks = '{2}';
\c -
SET client_min_messages = warning;
INSERT INTO ac_t VALUES (3002, 1, 1);
SELECT test.decision('ac_s');
-- almost the same is no reason to change
SELECT test.costs(0.9, 1);
\c -
SET client_min_messages = warning;
INSERT INTO ac_t VALUES (3003, 1, 1);
SELECT test.refresh('ac_s');
INSERT INTO ac_t VALUES (3004, 1, 1);
SELECT test.refresh('ac_s');
-- unless less of a difference is to be enough
SELECT test.costs(0.9, 1);
\c -
SET client_min_messages = warning;
SET pg_trickle.cost_model_safety_margin = 1.5;
INSERT INTO ac_t VALUES (3005, 1, 1);
SELECT test.refresh('ac_s');
INSERT INTO ac_t VALUES (3006, 1, 1);
SELECT test.decision('ac_s', 'FULL');
-- trying: not before it is foreseen to be cheaper, takes a twentieth of the time, and was not done lately
UPDATE pgtrickle.refresh_costs SET full_ms = 0.001, full_measured = false, streaks = '{0}', spent_ms = 1e9, explored_at = 0, explored_ms = 0;
UPDATE pgtrickle.refresh_costs SET delta_ms = array_fill(1e6::real, '{9}'), runs = 1000, full_at = 0;
\c -
SET client_min_messages = warning;
INSERT INTO ac_t VALUES (3007, 1, 1);
SELECT test.decision('ac_s', 'FULL');
SELECT explored_at, explored_ms > 0 AS explored, full_measured FROM pgtrickle.refresh_costs;
UPDATE pgtrickle.refresh_costs SET full_ms = 0.001, full_measured = false, spent_ms = 1e9, explored_ms = 0, runs = 1050, full_at = 0, streaks = '{0}';
\c -
SET client_min_messages = warning;
INSERT INTO ac_t VALUES (3008, 1, 1);
SELECT test.refresh('ac_s');
UPDATE pgtrickle.refresh_costs SET full_ms = 0.001, full_measured = false, spent_ms = 1e9, explored_ms = 9e8, runs = 1200, full_at = 0, streaks = '{0}';
\c -
SET client_min_messages = warning;
INSERT INTO ac_t VALUES (3009, 1, 1);
SELECT test.refresh('ac_s');
-- much of a source has changed, and nothing was measured
UPDATE pgtrickle.refresh_costs SET full_ms = 0.001, full_measured = false, streaks = '{0}', spent_ms = 0, explored_at = 1200;
\c -
SET client_min_messages = warning;
UPDATE ac_t SET n = n + 1;
SELECT test.decision('ac_s', 'FULL');
-- a cost that has become less is no reason to try
UPDATE pgtrickle.refresh_costs SET full_ms = 1000, full_cost = 1e9, full_measured = false, streaks = '{0}', delta_classes = '{0}', overruns = '{0}', retry_at = '{0}',
       delta_ms = array_fill(500::real, '{9}'), runs = 1299, full_at = 1299, spent_ms = 1e9, explored_at = 0, explored_ms = 0;
\c -
SET client_min_messages = warning;
INSERT INTO ac_t VALUES (3010, 1, 1);
SELECT test.refresh('ac_s');
-- nothing was measured of so many changes: in the way in which smaller ones take more, or in proportion if much has changed
CREATE FUNCTION test.two_classes(first real, fourth real) RETURNS void LANGUAGE sql AS $$
    UPDATE pgtrickle.refresh_costs SET full_ms = 20, full_cost = 1, full_measured = true, streaks = '{0, 0}', delta_classes = '{0, 3}', overruns = '{0, 0}', retry_at = '{0, 0}',
           delta_ms = array_fill(first, '{9}') || array_fill(fourth, '{9}'), runs = 1299, full_at = 1299
$$;
SELECT test.two_classes(1, 8);
\c -
SET client_min_messages = warning;
UPDATE ac_t SET n = n + 1 WHERE id <= 60;
SELECT test.decision('ac_s', 'FULL');
SELECT delta_classes, full_ms <> 20 AS measured FROM pgtrickle.refresh_costs;
SELECT test.two_classes(1, 1.1);
\c -
SET client_min_messages = warning;
UPDATE ac_t SET n = n + 1 WHERE id <= 60;
SELECT test.decision('ac_s');
SELECT test.two_classes(1, 1.1);
\c -
SET client_min_messages = warning;
UPDATE ac_t SET n = n + 1 WHERE id <= 1500;
SELECT test.decision('ac_s', 'FULL');
UPDATE pgtrickle.refresh_costs SET full_ms = 1e6;
\c -
SET client_min_messages = warning;
UPDATE ac_t SET n = n + 1 WHERE id <= 1500;
SELECT test.decision('ac_s');
DROP FUNCTION test.two_classes;
-- a delta without end is given up after little more than a recompute; the same change is recomputed from then on
CREATE TABLE ac_same (id int PRIMARY KEY, k int) WITH (autovacuum_enabled = off);
INSERT INTO ac_same SELECT x, 1 FROM generate_series(1, 40) AS x;
SELECT test.create('ac_many', $$
	SELECT count(*) AS c FROM ac_same AS a JOIN ac_same AS b ON b.k = a.k JOIN ac_same AS c ON c.k = b.k JOIN ac_same AS d ON d.k = c.k
	  JOIN ac_same AS e ON e.k = d.k JOIN ac_same AS f ON f.k = e.k JOIN ac_same AS g ON g.k = f.k JOIN ac_same AS h ON h.k = g.k
	  JOIN ac_same AS i ON i.k = h.k AND i.id < 0$$, 'AUTO');
TRUNCATE ac_same;
INSERT INTO ac_same SELECT x, 1 FROM generate_series(1, 40) AS x;
SELECT test.decision('ac_many', 'FULL');
SET statement_timeout = '2min';
SET pg_trickle.min_delta_budget_ms = 5000;
UPDATE ac_same SET k = 2 WHERE id > 20;
SELECT test.decision('ac_many', 'FULL');
SELECT delta_classes, streaks, overruns, retry_at[1] - runs AS later FROM pgtrickle.refresh_costs JOIN pgtrickle.pgt_stream_tables USING (pgt_id) WHERE pgt_name = 'ac_many';
UPDATE ac_same SET k = 1 WHERE id > 20;
SELECT test.decision('ac_many', 'FULL');
RESET statement_timeout;
-- what users demand
SET pg_trickle.force_full_refresh = on;
INSERT INTO ac_t VALUES (5001, 1, 1);
SELECT test.decision('ac_s', 'FULL'), test.decision('ac_pinned', 'FULL');
SELECT test.refresh('ac_pinned', 'NO_DATA');
RESET pg_trickle.force_full_refresh;
SET pg_trickle.refresh_strategy = full;
INSERT INTO ac_t VALUES (5002, 1, 1);
SELECT test.decision('ac_s', 'FULL'), test.decision('ac_pinned', 'FULL');
SET pg_trickle.refresh_strategy = differential;
INSERT INTO ac_t VALUES (5003, 1, 1);
SELECT test.refresh('ac_s'), test.refresh('ac_pinned');
SET pg_trickle.refresh_strategy = sometimes;
RESET pg_trickle.refresh_strategy;
SELECT pgtrickle.create_stream_table('ac_joins', 'SELECT a.id FROM ac_t AS a JOIN ac_t AS b USING (id) WHERE EXISTS (SELECT 1 FROM ac_t AS c WHERE c.id = a.id)',
    refresh_mode => 'DIFFERENTIAL', max_differential_joins => 1);
SELECT pgtrickle.create_stream_table('ac_fraction', 'SELECT id, n FROM ac_t', refresh_mode => 'DIFFERENTIAL', max_delta_fraction => 0.1);
SELECT pgt_name, pgtrickle.join_count(pgt_id), pgtrickle.join_count(-1) FROM pgtrickle.pgt_stream_tables WHERE pgt_name LIKE 'ac\_%' ORDER BY pgt_id;
INSERT INTO ac_t VALUES (5004, 1, 1);
SELECT test.decision('ac_joins', 'FULL');
SELECT test.refresh('ac_fraction');
UPDATE ac_t SET n = n + 1 WHERE id < 500;
SELECT test.decision('ac_fraction', 'FULL');
UPDATE pgtrickle.pgt_stream_tables SET max_differential_joins = 2 WHERE pgt_name = 'ac_joins';
SELECT test.refresh('ac_joins');
SELECT test.drop_all();
SELECT count(*) FROM pgtrickle.refresh_costs;
ALTER DATABASE :DBNAME RESET pg_trickle.min_delta_budget_ms;
ALTER DATABASE :DBNAME RESET pg_trickle.refresh_strategy;
DROP FUNCTION test.costs, test.decision;
DROP TABLE ac_t, ac_same;
