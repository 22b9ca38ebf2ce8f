-- What is shown of a refresh that is running, seen by what it runs: functions of the query and triggers. The other
-- phases are in test/py/test_progress.py.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT test.restart_numbers() IS NOT NULL AS numbers;
CREATE SCHEMA obs_progress;
SET search_path = obs_progress;
-- each state once, however often it is seen
CREATE FUNCTION look(n int, place text) RETURNS int LANGUAGE plpgsql IMMUTABLE SET client_min_messages = notice AS $$
DECLARE
    p record;
    state text;
    backend int := pg_backend_pid();
BEGIN
    IF current_setting('obs_progress.looks', true) IS DISTINCT FROM 'on' THEN
        RETURN n;
    END IF;
    -- what processes show of themselves is read once per transaction
    PERFORM pg_stat_clear_snapshot();
    SELECT * INTO p FROM pgtrickle.refresh_progress WHERE pid = backend;
    IF FOUND THEN
        SELECT format('%s.%s (%s), %s, %s, %s of %s done, at %s, %s rows read, began %s', p.pgt_schema, p.pgt_name, min(t.action), p.initiated_by, p.phase,
                      p.members_done, p.members, p.current_member, p.rows_read,
                      CASE WHEN p.started_at BETWEEN now() AND clock_timestamp() AND p.elapsed BETWEEN '0' AND clock_timestamp() - now() THEN 'then' ELSE 'another time' END)
          INTO state FROM pgtrickle.refresh_timeline(1000) AS t WHERE t.status = 'RUNNING' AND t.stream_table = p.pgt_schema || '.' || p.pgt_name;
    END IF;
    state := place || ': ' || coalesce(state, 'nothing is shown');
    IF current_setting('obs_progress.last', true) IS DISTINCT FROM state THEN
        RAISE NOTICE '%', state;
        PERFORM set_config('obs_progress.last', state, false);
    END IF;
    RETURN n;
END $$;
CREATE FUNCTION refresh(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('obs_progress.looks', 'on', false);
    PERFORM pgtrickle.refresh_stream_table(name);
    PERFORM set_config('obs_progress.looks', 'off', false), test.assert_fresh(name);
END $$;
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM obs_progress.look(1, TG_NAME); RETURN NULL; END $$;
-- what fails inside is caught
CREATE FUNCTION look_after_error(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    BEGIN
        PERFORM 1 / (n - n);
    EXCEPTION WHEN division_by_zero THEN
        RETURN obs_progress.look(n, 'caught');
    END;
END $$;
CREATE TABLE t (id int PRIMARY KEY, n int);
INSERT INTO t VALUES (1, 1);
SELECT set_config('obs_progress.looks', 'on', false) AS looks;
SELECT pgtrickle.create_stream_table('s', 'SELECT id, look(n, ''s'') AS n FROM t', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('above', 'SELECT id, look(n, ''above'') AS n FROM s', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('always', 'SELECT look(n, ''always'') AS n FROM s', '1h', 'FULL');
CREATE TRIGGER at_apply AFTER INSERT ON above FOR EACH STATEMENT EXECUTE FUNCTION look();
CREATE CONSTRAINT TRIGGER at_the_end AFTER INSERT ON above DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION look();
SELECT set_config('obs_progress.looks', 'off', false) AS looks;
SELECT count(*) FROM pgtrickle.refresh_progress;

-- both follow; the second reads what the first has written
INSERT INTO t VALUES (2, 2), (3, 3);
SELECT refresh('above');
-- the upstream is recomputed, the one that is asked for is not
TRUNCATE t;
INSERT INTO t VALUES (1, 1), (2, 2), (4, 4);
SELECT refresh('above');
-- of the one that is asked for everything is read, of the upstream what has changed
INSERT INTO t VALUES (5, 5);
SELECT refresh('always');
SELECT count(*) FROM pgtrickle.refresh_progress;

-- an error that is caught ends nothing
SELECT pgtrickle.create_stream_table('catches', 'SELECT id, look_after_error(n) AS n FROM t', '1h', 'DIFFERENTIAL');
INSERT INTO t VALUES (6, 6);
SELECT refresh('catches');
SELECT count(*) FROM pgtrickle.refresh_progress;

-- one that fails is not running any more, whoever has called it
CREATE FUNCTION refresh_and_catch(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pgtrickle.refresh_stream_table(name);
    RETURN 'refreshed';
EXCEPTION WHEN OTHERS THEN
    -- what is rolled back later is not of that refresh
    BEGIN
        PERFORM 1 / 0;
    EXCEPTION WHEN division_by_zero THEN
        NULL;
    END;
    PERFORM pg_stat_clear_snapshot();
    RETURN SQLSTATE || ', shown: ' || (SELECT count(*) FROM pgtrickle.refresh_progress WHERE pid = pg_backend_pid());
END $$;
SELECT pgtrickle.create_stream_table('fails', 'SELECT id, 10 / n AS q FROM t', '1h', 'DIFFERENTIAL');
INSERT INTO t VALUES (7, 0);
SELECT refresh_and_catch('fails');
UPDATE t SET n = 7 WHERE id = 7;
BEGIN;
SELECT refresh_and_catch('fails');
SAVEPOINT later;
SELECT 1 / 0;
ROLLBACK TO later;
SELECT pg_stat_clear_snapshot();
SELECT count(*) FROM pgtrickle.refresh_progress;
COMMIT;

-- a function of the query refreshes another one, and fails to: the outer one goes on, and is shown again
CREATE TABLE inner_source (n int);
SELECT pgtrickle.create_stream_table('inside', 'SELECT look(n, ''inside'') AS n FROM inner_source', '1h', 'DIFFERENTIAL');
CREATE FUNCTION refresh_inside(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    PERFORM obs_progress.look(n, 'before');
    IF current_setting('obs_progress.looks', true) = 'on' THEN
        INSERT INTO obs_progress.inner_source VALUES (n);
        PERFORM pgtrickle.refresh_stream_table('obs_progress.inside');
        BEGIN
            PERFORM pgtrickle.refresh_stream_table('obs_progress.fails');
        EXCEPTION WHEN division_by_zero THEN
            RAISE WARNING '%', SQLERRM;
        END;
    END IF;
    RETURN obs_progress.look(n, 'after');
END $$;
CREATE TABLE outer_source (n int);
SELECT pgtrickle.create_stream_table('outside', 'SELECT refresh_inside(n) AS n FROM outer_source', '1h', 'FULL');
INSERT INTO outer_source VALUES (0);
UPDATE t SET n = 0 WHERE id = 7;
SELECT refresh('outside');
SELECT count(*) FROM pgtrickle.refresh_progress;
SELECT test.assert_fresh('inside');
UPDATE t SET n = 7 WHERE id = 7;

-- those that read each other: followed, and computed anew
CREATE TABLE e (id int PRIMARY KEY, f int, t int);
INSERT INTO e VALUES (1, 1, 2), (2, 2, 3);
SELECT pgtrickle.create_stream_table('one', 'SELECT f, t FROM e UNION SELECT f, t FROM e', '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('two', 'SELECT DISTINCT o.f, e.t FROM one AS o JOIN e ON e.f = o.t', '1h', 'DIFFERENTIAL');
SET pg_trickle.allow_circular = on;
SELECT pgtrickle.alter_stream_table('one', query => 'SELECT f, t FROM e UNION SELECT v.f, e.t FROM two AS v JOIN e ON e.f = v.t');
RESET pg_trickle.allow_circular;
SELECT pgtrickle.refresh_stream_table('two');
CREATE TRIGGER at_apply AFTER INSERT OR DELETE ON two FOR EACH STATEMENT EXECUTE FUNCTION look();
INSERT INTO e VALUES (3, 3, 4);
SELECT refresh('two');
DELETE FROM e WHERE id = 3;
SELECT refresh('two');
SELECT count(*) FROM pgtrickle.refresh_progress;
SELECT pgtrickle.refresh_stream_table(name) FROM unnest('{above,always,catches,fails,inside,outside,two}'::text[]) AS name;
SELECT pgt_name, test.assert_fresh(pgt_name) FROM pgtrickle.pgt_stream_tables WHERE pgt_schema = 'obs_progress' ORDER BY pgt_id;
DROP SCHEMA obs_progress CASCADE;
