-- Code of a stream table's owner, wherever it can be put, never runs as another, whoever calls what.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE ROLE sec_alice;
GRANT USAGE ON SCHEMA test TO sec_alice;
CREATE SCHEMA sec AUTHORIZATION sec_alice;
-- who ran it: sequences are not undone, and no privilege is in the way
CREATE SCHEMA sec_ran;
GRANT USAGE ON SCHEMA sec_ran TO PUBLIC;
CREATE SEQUENCE sec_ran.sec_alice;
SELECT current_user AS me \gset
CREATE SEQUENCE sec_ran.:"me";
GRANT USAGE ON ALL SEQUENCES IN SCHEMA sec_ran TO PUBLIC;
CREATE FUNCTION test.ran_as(what text) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    roles text;
    sequence text;
BEGIN
    SELECT string_agg(CASE sequencename WHEN 'sec_alice' THEN 'alice' ELSE 'ESCALATED' END, ', ' ORDER BY sequencename) INTO roles
      FROM pg_sequences WHERE schemaname = 'sec_ran' AND last_value IS NOT NULL;
    FOR sequence IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'sec_ran' LOOP
        PERFORM setval(format('sec_ran.%I', sequence), 1, false);
    END LOOP;
    RETURN what || ': ' || coalesce(roles, 'nobody');
END $$;

SET SESSION AUTHORIZATION sec_alice;
CREATE FUNCTION sec.spy() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.nextval(pg_catalog.format('sec_ran.%I', current_user));
    -- and what it would like to do
    BEGIN
        RESET ROLE;
        PERFORM pg_catalog.nextval(pg_catalog.format('sec_ran.%I', current_user));
    EXCEPTION WHEN OTHERS THEN
        NULL;
    END;
END $$;
CREATE FUNCTION sec.spy(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM sec.spy(); RETURN $1; END';
CREATE FUNCTION sec.spy(bigint, int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM sec.spy(); RETURN coalesce($1, 0) + coalesce($2, 0); END';
CREATE FUNCTION sec.spy_true(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM sec.spy(); RETURN true; END';
CREATE FUNCTION sec.spy_true(bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM sec.spy(); RETURN true; END';
CREATE FUNCTION sec.spy_equal(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM sec.spy(); RETURN $1 OPERATOR(pg_catalog.=) $2; END';
CREATE FUNCTION sec.spy_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM sec.spy(); RETURN coalesce(NEW, OLD); END';
-- an aggregate, an operator, a cast, a domain
CREATE AGGREGATE sec.spy_sum(int) (SFUNC = sec.spy, STYPE = bigint);
CREATE OPERATOR sec.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = sec.spy_equal);
CREATE DOMAIN sec.watched AS int CHECK (sec.spy_true(VALUE));
CREATE TYPE sec.pair AS (a int, b int);
CREATE FUNCTION sec.to_pair(int) RETURNS sec.pair LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM sec.spy(); RETURN ROW($1, $1)::sec.pair; END';
CREATE CAST (int AS sec.pair) WITH FUNCTION sec.to_pair(int);
CREATE FUNCTION sec.difference(int, int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM sec.spy(); RETURN $1 - $2; END';
CREATE TYPE sec.span AS RANGE (SUBTYPE = int, SUBTYPE_DIFF = sec.difference);

CREATE TABLE sec.t (id int PRIMARY KEY, a int, b int);
INSERT INTO sec.t SELECT x, x % 5, x % 3 FROM generate_series(1, 30) AS x;
CREATE TABLE sec.u (id int PRIMARY KEY, a int);
INSERT INTO sec.u VALUES (0, 0), (1, 1), (2, 2), (3, 3), (4, 4);
CREATE VIEW sec.v AS SELECT id, sec.spy(a) AS a, b FROM sec.t WHERE sec.spy_true(b);
SELECT pgtrickle.create_stream_table('sec.plain', $$SELECT id, sec.spy(a) AS a, b::sec.watched AS w, (b::sec.pair).b AS p, sec.span(0, b) AS s FROM sec.t WHERE sec.spy_true(b)$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('sec.sums', $$SELECT sec.spy(a) AS a, count(*) AS c, sum(sec.spy(b)) AS s, max(sec.spy(b)) AS m FROM sec.v GROUP BY sec.spy(a) HAVING sec.spy_true(count(*))$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('sec.joined', $$SELECT t.id, u.id AS u, sec.spy(t.b) AS b FROM sec.t JOIN sec.u ON t.a = u.id AND t.a OPERATOR(sec.===) u.id$$, '1h', 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('sec.custom', $$SELECT a, sec.spy_sum(b) AS s FROM sec.t GROUP BY a$$, '1h', 'AUTO');
SELECT pgtrickle.create_stream_table('sec.windows', $$SELECT id, row_number() OVER (PARTITION BY sec.spy(a) ORDER BY sec.spy(b), id) AS r FROM sec.t$$, '1h', 'FULL');
SELECT pgtrickle.create_stream_table('sec.whole', $$SELECT id, sec.spy(a) AS a FROM sec.t$$, '1h', 'FULL');
SELECT pgtrickle.create_stream_table('sec.over', $$SELECT c, sec.spy(a) AS a FROM sec.sums$$, '1h', 'DIFFERENTIAL');
-- on the stream tables: indexes, constraints, statistics, defaults, policies, triggers
CREATE INDEX ON sec.plain (sec.spy(a)) WHERE sec.spy_true(id);
CREATE INDEX ON sec.sums (sec.spy(a)) WHERE sec.spy_true(c);
CREATE INDEX ON sec.plain USING gist (s);
ALTER TABLE sec.plain ADD CHECK (sec.spy_true(a));
ALTER TABLE sec.sums ADD CHECK (sec.spy_true(a));
ALTER TABLE sec.sums ALTER a SET DEFAULT sec.spy(1);
CREATE STATISTICS sec.st ON (sec.spy(a)), (sec.spy(id)) FROM sec.plain;
CREATE POLICY p ON sec.joined USING (sec.spy_true(id)) WITH CHECK (sec.spy_true(id));
ALTER TABLE sec.joined ENABLE ROW LEVEL SECURITY;
ALTER TABLE sec.joined FORCE ROW LEVEL SECURITY;
CREATE TRIGGER before BEFORE INSERT OR UPDATE OR DELETE ON sec.joined FOR EACH ROW EXECUTE FUNCTION sec.spy_trigger();
CREATE TRIGGER after AFTER INSERT OR UPDATE OR DELETE ON sec.joined FOR EACH ROW EXECUTE FUNCTION sec.spy_trigger();
CREATE TRIGGER chosen AFTER INSERT ON sec.joined FOR EACH ROW WHEN (sec.spy_true(NEW.id)) EXECUTE FUNCTION sec.spy_trigger();
CREATE TRIGGER statement AFTER INSERT OR UPDATE OR DELETE ON sec.joined EXECUTE FUNCTION sec.spy_trigger();
-- and in the way of who refreshes
CREATE FUNCTION sec.count(bigint) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN PERFORM sec.spy(); RETURN 1; END';
CREATE FUNCTION sec.format(text, name) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM sec.spy(); RETURN ''; END$$;
CREATE FUNCTION sec.planted(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM sec.spy(); RETURN false; END';
CREATE FUNCTION sec.planted(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM sec.spy(); RETURN false; END';
CREATE FUNCTION sec.planted(oid, bigint) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM sec.spy(); RETURN false; END';
CREATE OPERATOR sec.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = sec.planted);
CREATE OPERATOR sec.= (LEFTARG = text, RIGHTARG = text, FUNCTION = sec.planted);
CREATE OPERATOR sec.= (LEFTARG = oid, RIGHTARG = bigint, FUNCTION = sec.planted);
CREATE OPERATOR sec.> (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = sec.planted);
RESET SESSION AUTHORIZATION;
SELECT test.ran_as('alice herself');

-- a superuser's session, and one whose search_path is hers
CREATE FUNCTION test.everything() RETURNS TABLE (done text) LANGUAGE plpgsql AS $$
DECLARE
    names text[] := ARRAY(SELECT pg_catalog.format('%I.%I', pgt_schema, pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id);
    call text;
    name text;
    n bigint;
BEGIN
    INSERT INTO sec.t VALUES (31, 1, 1), (32, 7, 2);
    UPDATE sec.t SET b = b OPERATOR(pg_catalog.+) 1 WHERE id OPERATOR(pg_catalog.<) 5;
    DELETE FROM sec.t WHERE id OPERATOR(pg_catalog.=) 20;
    -- what the writer has run is his own affair: none of it is hers
    done := test.ran_as('writing');
    RETURN NEXT;
    FOREACH call IN ARRAY ARRAY['explain_delta(%L)', 'explain_st(%L)', 'explain_st(%L, true)', 'explain_stream_table(%L)', 'explain_refresh_mode(%L)',
                                'debug_stream_table(%L)', 'refresh_stream_table(%L)', 'verify_stream_table(%L)', 'list_sources(%L)', 'stream_table_lineage(%L)',
                                'recommend_refresh_mode(%L)', 'recommend_schedule(%L)', 'diagnose_errors(%L)', 'get_refresh_history(%L)',
                                'alter_stream_table(%L, refresh_mode => ''FULL'')', 'refresh_stream_table(%L)',
                                'alter_stream_table(%L, refresh_mode => ''AUTO'')', 'adopt_settings(%L)', 'repair_stream_table(%L)'] LOOP
        FOREACH name IN ARRAY names LOOP
            CONTINUE WHEN call LIKE 'explain_delta%' AND name OPERATOR(pg_catalog.~) 'windows|whole';
            EXECUTE pg_catalog.format('SELECT count(*) FROM pgtrickle.' || call || ' AS x WHERE x IS NOT NULL', name) INTO n;
        END LOOP;
        done := test.ran_as(call);
        RETURN NEXT;
    END LOOP;
    FOREACH call IN ARRAY ARRAY['pgt_status()', 'health_check()', 'change_buffer_sizes()', 'dependency_tree()', 'diamond_groups()', 'explain_dag()',
                                'refresh_efficiency()', 'st_refresh_stats()', 'refresh_timeline()', 'sla_summary()', 'metrics_summary()', 'freshness()'] LOOP
        EXECUTE pg_catalog.format('SELECT count(*) FROM pgtrickle.%s AS x WHERE x IS NOT NULL', call) INTO n;
    END LOOP;
    done := test.ran_as('information');
    RETURN NEXT;
    ANALYZE sec.plain, sec.sums, sec.joined;
    done := test.ran_as('ANALYZE');
    RETURN NEXT;
    ALTER TABLE sec.t RENAME a TO a1;
    ALTER TABLE sec.t RENAME TO t1;
    ALTER SCHEMA sec RENAME TO sec1;
    ALTER SCHEMA sec1 RENAME TO sec;
    ALTER TABLE sec.t1 RENAME TO t;
    ALTER TABLE sec.t RENAME a1 TO a;
    done := test.ran_as('renaming');
    RETURN NEXT;
    PERFORM pgtrickle.alter_stream_table('sec.whole', query => 'SELECT id, sec.spy(a) AS a, sec.spy(b) AS b FROM sec.t');
    PERFORM pgtrickle.create_or_replace_stream_table('sec.whole', 'SELECT id, sec.spy(a) AS a FROM sec.t WHERE sec.spy_true(b)', '1h', 'DIFFERENTIAL');
    done := test.ran_as('another query');
    RETURN NEXT;
END $$;
SET client_min_messages = warning;
\c
SET client_min_messages = warning;
BEGIN;
SET LOCAL search_path = sec, pg_catalog, public;
SELECT * FROM test.everything();
ROLLBACK;
SELECT * FROM test.everything();
SELECT test.assert_fresh('sec.plain'), test.assert_fresh('sec.sums'), test.assert_fresh('sec.joined'), test.assert_fresh('sec.windows');

-- what waits for the end of the transaction would run as who ends it: PostgreSQL's own guard
SET SESSION AUTHORIZATION sec_alice;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON sec.joined DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sec.spy_trigger();
RESET SESSION AUTHORIZATION;
SELECT test.ran_as('oracle') \g /dev/null
INSERT INTO sec.t VALUES (40, 1, 1);
SELECT pgtrickle.refresh_stream_table('sec.joined');
SELECT test.ran_as('deferred');
DROP TRIGGER later ON sec.joined;
SELECT pgtrickle.refresh_stream_table('sec.joined');
SELECT test.ran_as('no more');
SELECT test.drop_all();
SELECT test.ran_as('dropping');
DROP FUNCTION test.everything(), test.ran_as(text);
DROP SCHEMA sec CASCADE;
DROP SCHEMA sec_ran CASCADE;
DROP OWNED BY sec_alice;
DROP ROLE sec_alice;
