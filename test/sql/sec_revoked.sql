-- A right that is taken from the owner is missing from the next refresh on, whatever it came from.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE ROLE sec_owner;
CREATE ROLE sec_group;
CREATE ROLE sec_viewer;
GRANT USAGE ON SCHEMA test TO sec_owner;
CREATE SCHEMA sec;
GRANT USAGE, CREATE ON SCHEMA sec TO sec_owner;
CREATE TABLE sec.t (id int PRIMARY KEY, a int, b int, c int);
INSERT INTO sec.t SELECT x, x, x, x FROM generate_series(1, 5) AS x;
GRANT TRIGGER, SELECT (id, a, b) ON sec.t TO sec_owner;
CREATE TABLE sec.u (id int PRIMARY KEY, a int);
INSERT INTO sec.u SELECT x, x FROM generate_series(1, 5) AS x;
GRANT SELECT, TRIGGER ON sec.u TO sec_group;
GRANT sec_group TO sec_owner;
CREATE VIEW sec.v AS SELECT id, c FROM sec.t;
ALTER VIEW sec.v OWNER TO sec_viewer;
GRANT SELECT ON sec.t TO sec_viewer;
GRANT USAGE ON SCHEMA sec TO sec_viewer;
GRANT SELECT ON sec.v TO sec_owner;
CREATE FUNCTION sec.twice(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 2 * $1; END';
REVOKE ALL ON FUNCTION sec.twice FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sec.twice TO sec_owner;
SET client_min_messages = warning;
SELECT pgtrickle.create_stream_table('sec.upstream', 'SELECT id, a FROM sec.t', '1h', 'DIFFERENTIAL');
GRANT SELECT, TRIGGER ON sec.upstream TO sec_owner;
CREATE TABLE test.plan (name text, query text, take text, give text);
INSERT INTO test.plan VALUES
    ('by_column', 'SELECT id, a, b FROM sec.t', 'REVOKE SELECT (b) ON sec.t FROM sec_owner', 'GRANT SELECT (b) ON sec.t TO sec_owner'),
    ('by_group', 'SELECT id, a FROM sec.u', 'REVOKE sec_group FROM sec_owner', 'GRANT sec_group TO sec_owner'),
    ('by_join', 'SELECT t.id, u.a FROM sec.t JOIN sec.u USING (id)', 'REVOKE SELECT ON sec.u FROM sec_group', 'GRANT SELECT ON sec.u TO sec_group'),
    ('by_subquery', 'SELECT id, a FROM sec.t WHERE EXISTS (SELECT FROM sec.u WHERE u.id = t.a)', 'REVOKE SELECT ON sec.u FROM sec_group', 'GRANT SELECT ON sec.u TO sec_group'),
    ('by_view', 'SELECT id, c FROM sec.v', 'REVOKE SELECT ON sec.v FROM sec_owner', 'GRANT SELECT ON sec.v TO sec_owner'),
    ('by_viewer', 'SELECT id, c FROM sec.v', 'REVOKE SELECT ON sec.t FROM sec_viewer', 'GRANT SELECT ON sec.t TO sec_viewer'),
    ('by_function', 'SELECT id, sec.twice(a) AS a FROM sec.t', 'REVOKE EXECUTE ON FUNCTION sec.twice FROM sec_owner', 'GRANT EXECUTE ON FUNCTION sec.twice TO sec_owner'),
    ('by_filter', 'SELECT id, a FROM sec.t WHERE sec.twice(a) > 2', 'REVOKE EXECUTE ON FUNCTION sec.twice FROM sec_owner', 'GRANT EXECUTE ON FUNCTION sec.twice TO sec_owner'),
    ('by_sum', 'SELECT sum(a) AS s, count(*) AS c FROM sec.t GROUP BY sec.twice(b)', 'REVOKE EXECUTE ON FUNCTION sec.twice FROM sec_owner', 'GRANT EXECUTE ON FUNCTION sec.twice TO sec_owner'),
    ('by_upstream', 'SELECT id, a FROM sec.upstream', 'REVOKE SELECT ON sec.upstream FROM sec_owner', 'GRANT SELECT ON sec.upstream TO sec_owner'),
    ('by_union', 'SELECT id FROM sec.t UNION SELECT id FROM sec.u', 'REVOKE SELECT ON sec.u FROM sec_group', 'GRANT SELECT ON sec.u TO sec_group');
CREATE FUNCTION test.try(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pgtrickle.refresh_stream_table(name);
    RETURN 'ok';
EXCEPTION WHEN insufficient_privilege THEN
    RETURN SQLERRM;
END $$;
CREATE FUNCTION test.go(mode text) RETURNS TABLE (name text, mode_is text, without text, given_back text) LANGUAGE plpgsql AS $$
DECLARE
    plan test.plan;
    n int := 0;
BEGIN
    FOR plan IN SELECT * FROM test.plan LOOP
        name := 'sec.' || plan.name;
        SET LOCAL ROLE sec_owner;
        BEGIN
            PERFORM pgtrickle.create_stream_table(name, plan.query, '1h', mode);
        END;
        RESET ROLE;
        SELECT refresh_mode INTO mode_is FROM pgtrickle.pgt_stream_tables WHERE pgt_name = plan.name;
        -- its plans are made once
        INSERT INTO sec.t VALUES (100 + n, 1, 1, 1);
        INSERT INTO sec.u VALUES (100 + n, 1);
        PERFORM pgtrickle.refresh_stream_table('sec.upstream');
        PERFORM pgtrickle.refresh_stream_table(name);
        EXECUTE plan.take;
        INSERT INTO sec.t VALUES (200 + n, 1, 1, 1);
        INSERT INTO sec.u VALUES (200 + n, 1);
        PERFORM pgtrickle.refresh_stream_table('sec.upstream');
        without := test.try(name);
        EXECUTE plan.give;
        given_back := test.try(name);
        PERFORM test.assert_fresh(name);
        PERFORM pgtrickle.drop_stream_table(name);
        n := n + 1;
        RETURN NEXT;
    END LOOP;
END $$;
\o /dev/null
SELECT set_config('client_min_messages', 'error', false);
\o
SELECT * FROM test.go('DIFFERENTIAL');
DELETE FROM sec.t WHERE id >= 100;
DELETE FROM sec.u WHERE id >= 100;
SELECT * FROM test.go('FULL');
SELECT test.drop_all();
DROP FUNCTION test.go(text), test.try(text);
DROP TABLE test.plan;
DROP SCHEMA sec CASCADE;
DROP OWNED BY sec_owner, sec_group, sec_viewer;
DROP ROLE sec_owner, sec_group, sec_viewer;
