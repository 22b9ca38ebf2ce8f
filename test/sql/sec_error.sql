-- Errors of a refresh end its statement and nothing else.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE ROLE sec_owner;
CREATE SCHEMA sec AUTHORIZATION sec_owner;
GRANT USAGE ON SCHEMA pgtrickle, test TO sec_owner;
CREATE TABLE sec_t (id int PRIMARY KEY, a int);
INSERT INTO sec_t VALUES (1, 1), (2, 2);
GRANT SELECT ON sec_t TO sec_owner;
ALTER TABLE sec_t OWNER TO sec_owner;
\set VERBOSITY sqlstate
SET ROLE sec_owner;
SELECT pgtrickle.create_stream_table('sec.st', 'SELECT id, a FROM sec_t', refresh_mode => 'DIFFERENTIAL');
RESET ROLE;
-- the owner loses the right to read
ALTER TABLE sec_t OWNER TO CURRENT_USER;
REVOKE ALL ON sec_t FROM sec_owner;
INSERT INTO sec_t VALUES (6, 6);
SELECT pgtrickle.refresh_stream_table('sec.st');
SELECT count(*) FROM sec.st;
GRANT SELECT ON sec_t TO sec_owner;
SELECT pgtrickle.refresh_stream_table('sec.st');
SELECT (SELECT count(*) FROM sec.st) = (SELECT count(*) FROM sec_t) AS complete;
-- an error of the query reaches the caller and nothing is kept
SELECT pgtrickle.create_stream_table('sec.st2', 'SELECT id, 10 / a AS q FROM sec_t');
INSERT INTO sec_t VALUES (7, 0);
SELECT pgtrickle.refresh_stream_table('sec.st2');
SELECT count(*) FROM sec.st2;
DELETE FROM sec_t WHERE id = 7;
SELECT pgtrickle.refresh_stream_table('sec.st2');
SELECT test.assert_fresh('sec.st2');
\set VERBOSITY default
SELECT test.drop_all();
DROP TABLE sec_t;
DROP SCHEMA sec CASCADE;
REVOKE USAGE ON SCHEMA pgtrickle, test FROM sec_owner;
DROP OWNED BY sec_owner;
DROP ROLE sec_owner;
