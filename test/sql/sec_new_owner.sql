-- Rule J17: another owner's rights are not used before he has said so.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE ROLE sec_alice;
CREATE ROLE sec_bob;
CREATE ROLE sec_carol;
CREATE ROLE sec_team;
GRANT sec_team TO sec_alice;
GRANT USAGE ON SCHEMA pgtrickle, test TO sec_alice, sec_bob, sec_team;
GRANT CREATE ON SCHEMA public TO sec_alice, sec_bob, sec_carol, sec_team;
CREATE TABLE sec_t (id int PRIMARY KEY, a int);
GRANT SELECT, TRIGGER ON sec_t TO sec_alice, sec_bob, sec_team;
-- which roles the owner's code has run as
CREATE SCHEMA sec_ran;
GRANT USAGE ON SCHEMA sec_ran TO PUBLIC;
CREATE SEQUENCE sec_ran.sec_alice;
CREATE SEQUENCE sec_ran.sec_bob;
CREATE SEQUENCE sec_ran.sec_carol;
CREATE SEQUENCE sec_ran.sec_team;
CREATE SEQUENCE sec_ran.postgres;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA sec_ran TO PUBLIC;
CREATE FUNCTION test.ran_as() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    roles text;
    sequence text;
BEGIN
    SELECT string_agg(sequencename, ', ' ORDER BY sequencename) INTO roles
      FROM pg_sequences WHERE schemaname = 'sec_ran' AND last_value IS NOT NULL;
    FOR sequence IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'sec_ran' LOOP
        PERFORM setval('sec_ran.' || sequence, 1, false);
    END LOOP;
    RETURN coalesce(roles, 'nobody');
END $$;
INSERT INTO sec_t VALUES (1, 1);
CREATE FUNCTION test.state(name text) RETURNS text LANGUAGE sql AS $$
    SELECT status || ', owned by ' || relowner::regrole || ', accepted by ' || accepted_owner::regrole
      FROM pgtrickle.pgt_stream_tables JOIN pgtrickle.stream_table_internals USING (pgt_id) JOIN pg_class ON oid = pgt_relid
     WHERE pgt_relid = name::regclass $$;
SET ROLE sec_alice;
-- planning evaluates it (rule J15)
CREATE FUNCTION sec_spy(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM nextval('sec_ran.' || current_user);
    RETURN $1;
END $$;
SELECT pgtrickle.create_stream_table('sec_st', 'SELECT id, a, sec_spy(7) AS s FROM public.sec_t', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('sec_over', 'SELECT id, s FROM sec_st', refresh_mode => 'DIFFERENTIAL');
GRANT SELECT ON sec_st TO PUBLIC;
RESET ROLE;
SELECT test.ran_as();

-- to a role that the former owner could have become: nothing happens
ALTER TABLE sec_st OWNER TO sec_team;
SELECT test.state('sec_st');
INSERT INTO sec_t VALUES (2, 2);
SELECT pgtrickle.refresh_stream_table('sec_st');
SELECT test.state('sec_st'), test.ran_as(), test.assert_fresh('sec_st');

-- to another: suspended, and none of its code runs
ALTER TABLE sec_st OWNER TO sec_bob;
SELECT test.state('sec_st');
INSERT INTO sec_t VALUES (3, 3);
SELECT test.ran_as() AS oracle_ran_as;
SELECT pgtrickle.refresh_stream_table('sec_st');
SELECT * FROM pgtrickle.explain_delta('sec_st');
SELECT pgtrickle.explain_stream_table('sec_st');
SELECT * FROM pgtrickle.verify_stream_table('sec_st');
SELECT pgtrickle.alter_stream_table('sec_st', refresh_mode => 'FULL');
SELECT test.ran_as();
-- who reads it goes on with what there is
SELECT pgtrickle.refresh_stream_table('sec_over');
SELECT count(*) FROM sec_over;
-- another change of owner does not help, the new owner does
ALTER TABLE sec_st OWNER TO sec_carol;
ALTER TABLE sec_st OWNER TO sec_bob;
SELECT test.state('sec_st');
SET ROLE sec_alice;
SELECT pgtrickle.alter_stream_table('sec_st', status => 'ACTIVE');
SET ROLE sec_bob;
SELECT pgtrickle.alter_stream_table('sec_st', status => 'ACTIVE');
RESET ROLE;
SELECT test.state('sec_st');
SELECT pgtrickle.refresh_stream_table('sec_st');
SELECT test.ran_as(), test.assert_fresh('sec_st');
SELECT test.refresh('sec_over');
SELECT test.ran_as() AS oracle_ran_as;

-- REASSIGN OWNED fires no event trigger; where the library is not loaded see cat_unloaded
REASSIGN OWNED BY sec_bob TO postgres;
DROP OWNED BY sec_bob;
DROP ROLE sec_bob;
SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = 'sec_st'::regclass;
SELECT pgtrickle.refresh_stream_table('sec_st');
SELECT pgtrickle.explain_stream_table('sec_st');
SELECT test.ran_as();
SELECT pgtrickle.resume_stream_table('sec_st');
INSERT INTO sec_t VALUES (4, 4);
SELECT pgtrickle.refresh_stream_table('sec_st');
SELECT test.ran_as(), test.assert_fresh('sec_st');
-- to a role that the former owner could have become
SET ROLE sec_alice;
ALTER TABLE sec_over OWNER TO sec_team;
RESET ROLE;
REASSIGN OWNED BY sec_team TO sec_carol;
SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = 'sec_over'::regclass;
SELECT pgtrickle.resume_stream_table('sec_over');
SELECT test.state('sec_over');
-- dropping needs nobody's consent
SELECT test.drop_all();
DROP FUNCTION sec_spy(int);
DROP FUNCTION test.state(text), test.ran_as();
DROP TABLE sec_t;
SET client_min_messages = warning;
DROP SCHEMA sec_ran CASCADE;
RESET client_min_messages;
DROP OWNED BY sec_alice, sec_carol, sec_team;
DROP ROLE sec_alice, sec_carol, sec_team;
