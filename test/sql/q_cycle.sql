-- Stream tables that read each other (rule K9): what comes of their queries
-- when all begin without rows, found here by WITH RECURSIVE.
\set VERBOSITY terse
SELECT test.restart_numbers() IS NOT NULL AS numbers;
CREATE SCHEMA q_cycle;
SET search_path = q_cycle;
SET client_min_messages = warning;
CREATE TABLE e (id int PRIMARY KEY, f int, t int);
INSERT INTO e VALUES (1, 1, 2), (2, 2, 3), (3, 3, 4), (4, 7, 8);
-- by an odd and by an even number of steps: each reads the other one
SELECT pgtrickle.create_stream_table('odd', 'SELECT f, t FROM e UNION SELECT f, t FROM e', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('even', 'SELECT DISTINCT o.f, e.t FROM odd AS o JOIN e ON e.f = o.t', '1h', 'DIFFERENTIAL');
CREATE FUNCTION odd_query() RETURNS text LANGUAGE sql AS
    $$SELECT 'SELECT f, t FROM e UNION SELECT v.f, e.t FROM even AS v JOIN e ON e.f = v.t'$$;

-- not unless it is permitted
\set VERBOSITY default
SELECT pgtrickle.alter_stream_table('odd', query => odd_query());
SET pg_trickle.allow_circular = on;
-- and only if nothing is taken back
SELECT pgtrickle.alter_stream_table('odd', query => 'SELECT f, t FROM e UNION ALL SELECT f, t FROM even');
SELECT pgtrickle.create_stream_table('counted', 'SELECT f, count(*) AS t FROM odd GROUP BY f', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('full', 'SELECT f, t FROM odd', '1h', 'FULL');
SELECT pgtrickle.alter_stream_table('odd', query => 'SELECT f, t FROM "full"');
\set VERBOSITY terse
CREATE FUNCTION refused(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
    PERFORM pgtrickle.alter_stream_table('odd', query => query);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || detail;
END $$;
SELECT q, refused(q) FROM unnest(ARRAY[
    'SELECT f, count(*)::int AS t FROM even GROUP BY f',
    'SELECT DISTINCT f, max(t) OVER (PARTITION BY f) AS t FROM even',
    'SELECT f, t::int FROM counted',
    'SELECT f, t FROM e EXCEPT SELECT f, t FROM even',
    'SELECT e.f, v.t FROM e LEFT JOIN even AS v ON v.f = e.t',
    'SELECT f, t FROM e WHERE NOT EXISTS (SELECT FROM even AS v WHERE v.f = e.t)',
    'SELECT f, t FROM e WHERE t NOT IN (SELECT v.f FROM even AS v WHERE v.f IS NOT NULL)',
    'SELECT f, (SELECT max(v.t) FROM even AS v) AS t FROM e',
    'SELECT DISTINCT ON (f) f, t FROM even ORDER BY f, t',
    'SELECT f, t FROM even ORDER BY f, t LIMIT 2',
    'WITH RECURSIVE r AS (SELECT f, t FROM even UNION SELECT r.f, e.t FROM r JOIN e ON e.f = r.t) SELECT f, t FROM r',
    'SELECT f, t FROM (SELECT f, t FROM e UNION ALL SELECT f, t FROM odd) AS u']) AS q;
SELECT refused('SELECT f, t FROM even TABLESAMPLE SYSTEM (10)') <> 'accepted' AS refused;
SELECT pgtrickle.drop_stream_table('counted'), pgtrickle.drop_stream_table('full');
SELECT * FROM pgtrickle.pgt_scc_status();

SELECT pgtrickle.alter_stream_table('odd', query => odd_query());
CREATE FUNCTION check_walks() RETURNS text LANGUAGE plpgsql AS $$
DECLARE differs bigint;
BEGIN
    WITH RECURSIVE walk AS (
        SELECT f, t, true AS odd FROM e
        UNION
        SELECT w.f, e.t, NOT w.odd FROM walk AS w JOIN e ON e.f = w.t)
    SELECT count(*) INTO differs
      FROM (SELECT f, t, odd FROM walk) AS w
      FULL JOIN (SELECT f, t, true AS odd FROM odd UNION ALL SELECT f, t, false FROM even) AS s USING (f, t, odd)
     WHERE w.odd IS NULL OR s.odd IS NULL;
    IF differs > 0 THEN
        RAISE EXCEPTION '% rows are not those of the fixpoint', differs;
    END IF;
    IF EXISTS (SELECT FROM odd GROUP BY f, t HAVING count(*) > 1) OR EXISTS (SELECT FROM even GROUP BY f, t HAVING count(*) > 1) THEN
        RAISE EXCEPTION 'rows stand there twice';
    END IF;
    RETURN 'as recursion has it';
END $$;
SELECT check_walks();
-- what a refresh of either does, and how many rounds it took
CREATE TABLE seen (id bigint);
CREATE VIEW done AS
SELECT pgt_name, action, refresh_reason, fixpoint_iteration, rows_inserted, rows_updated, rows_deleted
  FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
 WHERE pgt_schema = 'q_cycle' AND refresh_id > (SELECT coalesce(max(id), 0) FROM seen) ORDER BY pgt_name;
CREATE FUNCTION follow(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen SELECT max(refresh_id) FROM pgtrickle.pgt_refresh_history;
    PERFORM pgtrickle.refresh_stream_table(name);
    PERFORM test.assert_fresh('odd'), test.assert_fresh('even');
    RETURN check_walks();
END $$;
SELECT scc_id, member_count, members, last_converged_at IS NOT NULL AS converged FROM pgtrickle.pgt_scc_status();

-- rows come: what is there is followed
INSERT INTO e VALUES (5, 4, 5), (6, 5, 6);
SELECT follow('odd');
SELECT * FROM done;
SELECT last_iterations, last_converged_at = (SELECT max(last_refresh_at) FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'q_cycle') AS latest
  FROM pgtrickle.pgt_scc_status();
-- a circle in the data comes to an end, too
INSERT INTO e VALUES (7, 6, 1);
SELECT follow('even');
SELECT * FROM done;
-- a row that goes: those that rest on each other go with it
DELETE FROM e WHERE id = 2;
SELECT follow('even');
SELECT * FROM done;
UPDATE e SET t = 3 WHERE id = 1;
SELECT follow('odd');
DELETE FROM e WHERE id IN (1, 7);
SELECT follow('odd');
SELECT follow('odd');
SELECT action, fixpoint_iteration FROM done;
TRUNCATE e;
SELECT follow('odd');
SELECT count(*) FROM odd;
INSERT INTO e SELECT i, i, i % 40 + 1 FROM generate_series(1, 40) AS i;
SELECT follow('odd');
DELETE FROM e WHERE id = 20;
SELECT follow('odd');
SELECT pgt_name, last_fixpoint_iterations FROM pgtrickle.pg_stat_stream_tables WHERE pgt_schema = 'q_cycle' ORDER BY 1;

-- in one transaction with the writes, rolled back to a savepoint in between
BEGIN;
INSERT INTO e VALUES (41, 1, 41);
SELECT follow('odd');
SAVEPOINT s;
DELETE FROM e WHERE id < 10;
SELECT follow('odd');
ROLLBACK TO s;
SELECT check_walks();
INSERT INTO e VALUES (42, 41, 42);
SELECT follow('even');
COMMIT;
SELECT follow('odd');
DELETE FROM e WHERE id > 5;

-- what reads the cycle gets the difference, users' triggers see nothing that comes again
SELECT pgtrickle.create_stream_table('above', 'SELECT f, count(*) AS n FROM even GROUP BY f', '1h', 'DIFFERENTIAL');
CREATE TABLE told (what text);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO q_cycle.told VALUES (TG_OP || coalesce(NEW.f, OLD.f) || coalesce(NEW.t, OLD.t)); RETURN NULL; END$$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON odd FOR EACH ROW EXECUTE FUNCTION tell();
DELETE FROM e WHERE id = 5;
SELECT pgtrickle.refresh_stream_table('above');
SELECT test.assert_fresh('above'), check_walks();
SELECT * FROM told ORDER BY 1;
SELECT action, rows_inserted, rows_updated, rows_deleted FROM pgtrickle.pgt_refresh_history
 WHERE pgt_id = (SELECT pgt_id FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'above') ORDER BY refresh_id DESC LIMIT 1;

-- all of it or nothing
SELECT pgtrickle.alter_stream_table('even', status => 'SUSPENDED');
INSERT INTO e VALUES (50, 4, 50);
SELECT pgtrickle.refresh_stream_table('odd');
SELECT pgtrickle.refresh_stream_table('above');
SELECT pgtrickle.alter_stream_table('even', status => 'ACTIVE');
SELECT follow('odd');
SELECT pgtrickle.alter_stream_table('odd', refresh_mode => 'FULL');
SELECT pgtrickle.explain_dag() LIKE '%-->%-->%-->%' AS both_ways;
SELECT node, node_type, depth FROM pgtrickle.dependency_tree() WHERE node LIKE 'q_cycle.%';

-- permitted no more: it stays as it is
SET pg_trickle.allow_circular = off;
INSERT INTO e VALUES (51, 50, 51);
SELECT follow('odd');
SELECT refused('SELECT v.f, v.t FROM even AS v UNION SELECT f, t FROM e');
SET pg_trickle.allow_circular = on;

-- three of them, and one that reads itself
SELECT pgtrickle.create_stream_table('third', 'SELECT f, t FROM even', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.alter_stream_table('odd', query => 'SELECT f, t FROM e UNION SELECT v.f, e.t FROM third AS v JOIN e ON e.f = v.t');
SELECT follow('third');
SELECT scc_id, member_count, members FROM pgtrickle.pgt_scc_status();
SELECT pgtrickle.create_stream_table('self', 'SELECT f, t FROM e', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.alter_stream_table('self', query => 'SELECT f, t FROM e UNION SELECT s.f, e.t FROM self AS s JOIN e ON e.f = s.t');
CREATE FUNCTION check_self() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pgtrickle.refresh_stream_table('self');
    IF EXISTS ((SELECT f, t FROM odd UNION SELECT f, t FROM even) EXCEPT ALL SELECT f, t FROM self) OR
       EXISTS (SELECT f, t FROM self EXCEPT ALL (SELECT f, t FROM odd UNION SELECT f, t FROM even)) THEN
        RAISE EXCEPTION 'self is not what the two come to';
    END IF;
    RETURN test.assert_fresh('self');
END $$;
SELECT check_self();
INSERT INTO e VALUES (60, 51, 1);
SELECT follow('odd'), check_self();
DELETE FROM e WHERE id = 3;
SELECT follow('odd'), check_self();
SELECT scc_id, member_count, members FROM pgtrickle.pgt_scc_status();

-- what does not come to an end
SELECT pgtrickle.create_stream_table('up', 'SELECT id AS n FROM e WHERE id = 60', '1h', 'DIFFERENTIAL');
SET pg_trickle.max_fixpoint_iterations = 20;
SELECT pgtrickle.alter_stream_table('up', query => 'SELECT id AS n FROM e WHERE id = 60 UNION SELECT n + 1 FROM up');
SELECT pgtrickle.alter_stream_table('up', query => 'SELECT id AS n FROM e WHERE id = 60 UNION SELECT n + 1 FROM up WHERE n < 75');
SELECT count(*), max(n) FROM up;
RESET pg_trickle.max_fixpoint_iterations;

-- a cycle that is broken is none
SELECT pgtrickle.alter_stream_table('odd', query => 'SELECT f, t FROM e');
SELECT scc_id, member_count, members FROM pgtrickle.pgt_scc_status();
SELECT name, scc_id FROM pgtrickle.pgt_status() WHERE name LIKE 'q_cycle.%';
SELECT pgtrickle.alter_stream_table('odd', query => odd_query());
SELECT name, scc_id FROM pgtrickle.pgt_status() WHERE name LIKE 'q_cycle.%';
SELECT pgtrickle.drop_stream_table('odd');
SELECT pgtrickle.drop_stream_table('odd', cascade => true);
SELECT name, scc_id FROM pgtrickle.pgt_status() WHERE name LIKE 'q_cycle.%';
-- plain SQL
SELECT pgtrickle.create_stream_table('odd', 'SELECT f, t FROM e', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('even', 'SELECT DISTINCT o.f, e.t FROM odd AS o JOIN e ON e.f = o.t', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.alter_stream_table('odd', query => odd_query());
SELECT check_walks();
BEGIN;
DROP TABLE odd;
ROLLBACK;
BEGIN;
DROP TABLE odd CASCADE;
SELECT name FROM pgtrickle.pgt_status() WHERE name LIKE 'q_cycle.%';
ROLLBACK;
DROP TABLE e CASCADE;
SELECT name FROM pgtrickle.pgt_status() WHERE name LIKE 'q_cycle.%';
SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE error_message = 'inconsistent';
DROP SCHEMA q_cycle CASCADE;
SELECT count(*) FROM pgtrickle.pgt_scc_status();
