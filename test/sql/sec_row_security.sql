-- Row security that is switched on later: a stream table holds what its owner may see (rules E17, I1).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE ROLE sec_owner;
CREATE ROLE sec_reader;
CREATE SCHEMA sec AUTHORIZATION sec_owner;
GRANT USAGE ON SCHEMA pgtrickle, test TO sec_owner;
GRANT USAGE ON SCHEMA sec TO sec_reader;
CREATE TABLE sec_t (id int PRIMARY KEY, team text, a int);
INSERT INTO sec_t SELECT i, CASE WHEN i % 2 = 0 THEN 'red' ELSE 'blue' END, i FROM generate_series(1, 6) AS i;
GRANT SELECT, TRIGGER ON sec_t TO sec_owner;
SET ROLE sec_owner;
SELECT test.create('sec.st', 'SELECT id, team, a FROM sec_t');
SELECT test.create('sec.sums', 'SELECT team, count(*) AS c, sum(a) AS s FROM sec_t GROUP BY team');
RESET ROLE;
SELECT test.create('everything', 'SELECT id, a FROM sec_t');
-- enabled, and nothing allowed yet
ALTER TABLE sec_t ENABLE ROW LEVEL SECURITY;
SELECT pgtrickle.refresh_stream_table('sec.st'), pgtrickle.refresh_stream_table('sec.sums');
SELECT test.last_run('sec.st'), test.last_run('sec.sums');
SELECT (SELECT count(*) FROM sec.st) AS st, (SELECT count(*) FROM sec.sums) AS sums;
SET ROLE sec_owner;
SELECT test.assert_fresh('sec.st'), test.assert_fresh('sec.sums');
RESET ROLE;
-- a policy, and changes on both sides of it
CREATE POLICY teams ON sec_t USING (team = 'red');
INSERT INTO sec_t VALUES (7, 'blue', 7), (8, 'red', 8);
UPDATE sec_t SET team = 'red' WHERE id = 1;
UPDATE sec_t SET team = 'blue' WHERE id = 2;
SELECT pgtrickle.refresh_stream_table('sec.st'), pgtrickle.refresh_stream_table('sec.sums');
SELECT * FROM sec.st ORDER BY id;
SET ROLE sec_owner;
SELECT test.assert_fresh('sec.st'), test.assert_fresh('sec.sums');
RESET ROLE;
-- another policy without any change of a row
ALTER POLICY teams ON sec_t USING (a > 4);
SELECT pgtrickle.refresh_stream_table('sec.st'), pgtrickle.refresh_stream_table('sec.sums');
SELECT * FROM sec.st ORDER BY id;
SET ROLE sec_owner;
SELECT test.assert_fresh('sec.st'), test.assert_fresh('sec.sums');
-- a new one over a source with policies
SELECT pgtrickle.create_stream_table('sec.late', 'SELECT id FROM sec_t', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('sec.late', 'SELECT id FROM sec_t');
SELECT test.assert_fresh('sec.late');
RESET ROLE;
-- who is above policies goes on with deltas
SELECT test.refresh('everything');
INSERT INTO sec_t VALUES (9, 'blue', 1);
SELECT test.refresh('everything');
-- switched off: complete again, then deltas again
ALTER TABLE sec_t DISABLE ROW LEVEL SECURITY;
SELECT test.refresh('sec.st', 'REINITIALIZE');
SELECT test.refresh('sec.sums', 'REINITIALIZE');
DELETE FROM sec_t WHERE id = 9;
SELECT test.refresh('sec.st'), test.refresh('sec.sums');
-- an owner's own table is exempt until it is forced
ALTER TABLE sec_t OWNER TO sec_owner;
ALTER TABLE sec_t ENABLE ROW LEVEL SECURITY;
INSERT INTO sec_t VALUES (10, 'red', 2);
SELECT test.refresh('sec.sums');
ALTER TABLE sec_t FORCE ROW LEVEL SECURITY;
SELECT pgtrickle.refresh_stream_table('sec.sums');
SET ROLE sec_owner;
SELECT test.assert_fresh('sec.sums');
RESET ROLE;
SELECT * FROM sec.sums ORDER BY team;
ALTER TABLE sec_t NO FORCE ROW LEVEL SECURITY;
ALTER TABLE sec_t DISABLE ROW LEVEL SECURITY;
SELECT test.refresh('sec.sums', 'REINITIALIZE');
-- on the stream table itself: for its readers, never for the refresh
ALTER TABLE sec.st ENABLE ROW LEVEL SECURITY;
ALTER TABLE sec.st FORCE ROW LEVEL SECURITY;
CREATE POLICY reds ON sec.st USING (team = 'red');
GRANT SELECT ON sec.st TO sec_reader;
UPDATE sec_t SET a = a + 100;
SELECT test.refresh('sec.st');
DELETE FROM sec_t WHERE id IN (3, 4);
SELECT test.refresh('sec.st');
SET ROLE sec_reader;
SELECT DISTINCT team FROM sec.st;
RESET ROLE;
SELECT DISTINCT team FROM sec.st ORDER BY team;
SELECT test.drop_all();
DROP TABLE sec_t;
DROP SCHEMA sec CASCADE;
REVOKE USAGE ON SCHEMA pgtrickle, test FROM sec_owner;
DROP OWNED BY sec_owner, sec_reader;
DROP ROLE sec_owner, sec_reader;
