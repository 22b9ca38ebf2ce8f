-- A refresh runs with the owner's rights; nobody writes to a stream table.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE ROLE sec_owner;
CREATE ROLE sec_reader;
CREATE SCHEMA sec AUTHORIZATION sec_owner;
GRANT USAGE ON SCHEMA pgtrickle, test TO sec_owner, sec_reader;
GRANT USAGE ON SCHEMA sec TO sec_reader;
CREATE TABLE sec_t (id int PRIMARY KEY, a int);
INSERT INTO sec_t VALUES (1, 1), (2, 2);
\set VERBOSITY sqlstate
SET ROLE sec_owner;
-- not allowed to read the source
SELECT pgtrickle.create_stream_table('sec.st', 'SELECT id, a FROM sec_t');
RESET ROLE;
ALTER TABLE sec_t OWNER TO sec_owner;
SET ROLE sec_owner;
CREATE FUNCTION sec.who() RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT current_user::text';
SELECT pgtrickle.create_stream_table('sec.st', 'SELECT id, a, sec.who() AS who FROM sec_t', refresh_mode => 'DIFFERENTIAL');
RESET ROLE;
SELECT relowner::regrole FROM pg_class WHERE oid = 'sec.st'::regclass;
SELECT DISTINCT who FROM sec.st;
-- a superuser refreshes: still as the owner
INSERT INTO sec_t VALUES (3, 3);
SELECT pgtrickle.refresh_stream_table('sec.st');
SELECT test.last_run('sec.st');
SELECT id, a, who FROM sec.st ORDER BY id;
SELECT current_user = session_user AS back;
-- direct writes
INSERT INTO sec.st (id, a, who) VALUES (9, 9, 'me');
UPDATE sec.st SET a = 0;
DELETE FROM sec.st;
TRUNCATE sec.st;
COPY sec.st (id) FROM stdin;
9
\.
MERGE INTO sec.st USING sec_t AS t ON st.id = t.id WHEN MATCHED THEN DELETE;
SET ROLE sec_owner;
DELETE FROM sec.st;
SET pg_trickle.internal_refresh = 'true';
DELETE FROM sec.st;
SELECT count(*) FROM sec.st;
-- the owner takes part in everything
INSERT INTO sec_t VALUES (4, 4);
SELECT pgtrickle.refresh_stream_table('sec.st');
SELECT count(*) FROM sec.st;
RESET ROLE;
-- others
SET ROLE sec_reader;
SELECT count(*) FROM sec.st;
SELECT pgtrickle.refresh_stream_table('sec.st');
SELECT pgtrickle.alter_stream_table('sec.st', status => 'SUSPENDED');
SELECT pgtrickle.drop_stream_table('sec.st');
SELECT * FROM pgtrickle.verify_stream_table('sec.st');
RESET ROLE;
GRANT SELECT ON sec.st TO sec_reader;
SET ROLE sec_reader;
SELECT count(*) FROM sec.st;
DELETE FROM sec.st;
RESET ROLE;
-- someone allowed to write to the source needs no right on anything of ours
GRANT INSERT, UPDATE, DELETE, SELECT, TRUNCATE ON sec_t TO sec_reader;
REVOKE USAGE ON SCHEMA pgtrickle FROM sec_reader;
SET ROLE sec_reader;
INSERT INTO sec_t VALUES (5, 5);
UPDATE sec_t SET a = 6 WHERE id = 5;
DELETE FROM sec_t WHERE id = 1;
RESET ROLE;
SELECT pgtrickle.refresh_stream_table('sec.st');
SELECT test.last_run('sec.st');
SELECT id, a FROM sec.st ORDER BY id;
\set VERBOSITY default
SELECT test.drop_all();
DROP TABLE sec_t;
DROP SCHEMA sec CASCADE;
REVOKE USAGE ON SCHEMA pgtrickle, test FROM sec_owner, sec_reader;
DROP OWNED BY sec_owner, sec_reader;
DROP ROLE sec_owner, sec_reader;
