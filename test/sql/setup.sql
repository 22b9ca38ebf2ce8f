-- The extension and the oracle, for all SQL tests, which refresh by hand.
SELECT current_database() AS database \gset
ALTER DATABASE :"database" SET pg_trickle.enabled = off;
SET pg_trickle.enabled = off;
CREATE EXTENSION pg_trickle;
SELECT pgtrickle.version() = (SELECT extversion FROM pg_extension WHERE extname = 'pg_trickle') AS same_version;
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set oracle :abs_srcdir '/lib/oracle.sql'
\i :oracle
\set orphans :abs_srcdir '/lib/orphans.sql'
\i :orphans
\set ECHO all
-- The oracle finds what is wrong.
CREATE TABLE source (n numeric);
INSERT INTO source VALUES (1.0), (1.0);
SELECT pgtrickle.create_stream_table('copy', 'SELECT n FROM source');
SELECT test.assert_fresh('copy');
\set VERBOSITY terse
INSERT INTO source VALUES (1.00);
SELECT test.assert_fresh('copy');
DELETE FROM source;
INSERT INTO source VALUES (1.0);
SELECT test.assert_fresh('copy');
DELETE FROM source;
INSERT INTO source VALUES (1.0), (1.00);
SELECT test.assert_fresh('copy');
DELETE FROM source;
INSERT INTO source VALUES (1.0), (1.0);
SELECT test.assert_fresh('copy');
SELECT test.assert_fresh('source');
-- And what a recompute has made good.
INSERT INTO pgtrickle.pgt_refresh_history (pgt_id, data_timestamp, start_time, action, status, refresh_reason)
    SELECT pgt_id, now(), now(), 'FULL', 'COMPLETED', 'inconsistent' FROM pgtrickle.pgt_stream_tables;
SELECT test.drop_all();
SELECT pgtrickle.drop_stream_table('copy');
DROP TABLE source;
