-- Row security comes and goes under a stream table (rule E17).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE ROLE sec_owner;
CREATE ROLE sec_viewer;
CREATE SCHEMA sec AUTHORIZATION sec_owner;
GRANT USAGE ON SCHEMA pgtrickle, test TO sec_owner;
CREATE TABLE sec_t (id int PRIMARY KEY, a int);
GRANT SELECT, TRIGGER ON sec_t TO sec_owner;
GRANT SELECT ON sec_t TO sec_viewer;
INSERT INTO sec_t VALUES (1, 1), (2, 2);
ALTER TABLE sec_t ENABLE ROW LEVEL SECURITY;
CREATE POLICY sec_p ON sec_t USING (a < 2);
SET ROLE sec_owner;
SELECT pgtrickle.create_stream_table('sec.under', 'SELECT id, a FROM public.sec_t');
SELECT pgtrickle.create_stream_table('sec.under_full', 'SELECT id, a FROM public.sec_t', refresh_mode => 'FULL');
RESET ROLE;
-- what the owner of the stream table sees is what it holds, whoever refreshes and how
CREATE FUNCTION sec_look() RETURNS TABLE (stream_table text, seen text, held text, run text) LANGUAGE plpgsql AS $$
BEGIN
    FOR stream_table IN SELECT format('sec.%I', pgt_name) FROM pgtrickle.pgt_stream_tables
                         WHERE pgt_name <> 'through_view' ORDER BY 1 LOOP
        PERFORM pgtrickle.refresh_stream_table(stream_table);
        run := test.last_run(stream_table);
        SET LOCAL ROLE sec_owner;
        -- not a kept plan: a role's right to bypass row security does not invalidate it
        EXECUTE 'SELECT string_agg(id::text, '' '' ORDER BY id) FROM public.sec_t' INTO seen;
        RESET ROLE;
        EXECUTE format('SELECT string_agg(id::text, '' '' ORDER BY id) FROM %s', stream_table) INTO held;
        RETURN NEXT;
    END LOOP;
END $$;
INSERT INTO sec_t VALUES (3, 3), (4, 1);
SELECT * FROM sec_look();
ALTER POLICY sec_p ON sec_t USING (a > 2);
SELECT * FROM sec_look();
-- the tree was made under a policy that applies no more
ALTER TABLE sec_t DISABLE ROW LEVEL SECURITY;
SELECT * FROM sec_look();
ALTER TABLE sec_t ENABLE ROW LEVEL SECURITY;
SELECT * FROM sec_look();
ALTER ROLE sec_owner BYPASSRLS;
SELECT * FROM sec_look();
ALTER ROLE sec_owner NOBYPASSRLS;
SELECT * FROM sec_look();
SET row_security = off;
INSERT INTO sec_t VALUES (5, 5);
SELECT pgtrickle.refresh_stream_table('sec.under');
RESET row_security;
SELECT id FROM sec.under ORDER BY id;
-- created without, row security comes
ALTER TABLE sec_t DISABLE ROW LEVEL SECURITY;
SET ROLE sec_owner;
SELECT pgtrickle.create_stream_table('sec.before', 'SELECT id, a FROM public.sec_t', refresh_mode => 'DIFFERENTIAL');
RESET ROLE;
ALTER TABLE sec_t ENABLE ROW LEVEL SECURITY;
INSERT INTO sec_t VALUES (6, 6), (7, 0);
SELECT * FROM sec_look() WHERE stream_table = 'sec.before';
ALTER TABLE sec_t DISABLE ROW LEVEL SECURITY;
UPDATE sec_t SET a = a + 1 WHERE id = 7;
SELECT * FROM sec_look() WHERE stream_table = 'sec.before';
SELECT * FROM sec_look() WHERE stream_table = 'sec.before';
-- it concerns the owner of a view, not the one of the stream table
CREATE VIEW sec_v AS SELECT id, a FROM sec_t;
ALTER VIEW sec_v OWNER TO sec_viewer;
SELECT pgtrickle.create_stream_table('sec.through_view', 'SELECT id, a FROM public.sec_v');
ALTER TABLE sec_t ENABLE ROW LEVEL SECURITY;
SELECT pgtrickle.refresh_stream_table('sec.through_view');
INSERT INTO sec_t VALUES (8, 0), (9, 9);
SELECT pgtrickle.refresh_stream_table('sec.through_view');
SELECT test.assert_fresh('sec.through_view'), test.last_run('sec.through_view');
-- forced row security on the stream table hides rows from its owner, not from the refresh
ALTER TABLE sec.under ENABLE ROW LEVEL SECURITY;
ALTER TABLE sec.under FORCE ROW LEVEL SECURITY;
UPDATE sec_t SET a = a + 1;
SELECT * FROM sec_look() WHERE stream_table = 'sec.under';
SELECT test.drop_all();
DROP VIEW sec_v;
DROP TABLE sec_t;
DROP FUNCTION sec_look();
DROP SCHEMA sec CASCADE;
REVOKE USAGE ON SCHEMA pgtrickle, test FROM sec_owner;
DROP ROLE sec_owner, sec_viewer;
