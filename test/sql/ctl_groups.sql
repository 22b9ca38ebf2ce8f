-- Refresh groups: arguments, rights, listing.
\set VERBOSITY terse
SELECT test.restart_numbers() IS NOT NULL AS numbers;
CREATE SCHEMA ctl_groups;
SET search_path = ctl_groups;
CREATE TABLE t (id int PRIMARY KEY);
SELECT pgtrickle.create_stream_table(name, 'SELECT count(*) AS n FROM t', '1h') FROM unnest(ARRAY['a', 'b', 'c', '"D e"']) AS name;

\set VERBOSITY sqlstate
SELECT pgtrickle.create_refresh_group(E' \t', ARRAY['a', 'b']);
SELECT pgtrickle.create_refresh_group('g', ARRAY['a']);
SELECT pgtrickle.create_refresh_group('g', ARRAY['a', 'ctl_groups.a']);
SELECT pgtrickle.create_refresh_group('g', ARRAY['a', NULL]);
SELECT pgtrickle.create_refresh_group('g', ARRAY['a', 'nothing']);
SELECT pgtrickle.create_refresh_group('g', ARRAY['a', 't']);
SELECT pgtrickle.create_refresh_group('g', ARRAY['a', 'b'], 'serializable');
\set VERBOSITY terse
SELECT pgtrickle.create_refresh_group('g', ARRAY['a', 'ctl_groups."D e"']) > 0 AS created;
SELECT pgtrickle.create_refresh_group('g', ARRAY['b', 'c']);
SELECT pgtrickle.create_refresh_group('h', ARRAY['b', 'a']);
SELECT pgtrickle.create_refresh_group('h', ARRAY['b', 'c'], 'Repeatable_Read') > 0 AS created;
SELECT group_name, member_count, isolation FROM pgtrickle.refresh_groups();
SELECT pgtrickle.create_refresh_group(NULL, ARRAY['b', 'c']) IS NULL AS nothing;

-- who owns one of them only
CREATE ROLE ctl_groups_user;
GRANT USAGE ON SCHEMA ctl_groups TO ctl_groups_user;
ALTER TABLE a OWNER TO ctl_groups_user;
SET ROLE ctl_groups_user;
\set VERBOSITY sqlstate
SELECT pgtrickle.drop_refresh_group('g');
SELECT pgtrickle.create_refresh_group('i', ARRAY['a', 'b']);
\set VERBOSITY terse
SELECT group_name, member_count FROM pgtrickle.refresh_groups();
RESET ROLE;

SELECT pgtrickle.drop_refresh_group('no such group');
SELECT pgtrickle.drop_refresh_group('g');
BEGIN;
SELECT pgtrickle.drop_refresh_group('h');
ROLLBACK;
SELECT group_name, member_count FROM pgtrickle.refresh_groups();
-- what a dump carries
SELECT table_name, options[array_position(options, 'refresh_group') : array_position(options, 'refresh_group_created_at')] FROM pgtrickle_saved.stream_tables
 WHERE table_schema = 'ctl_groups' ORDER BY table_name COLLATE "C";
-- a new name and a new query change nothing, a drop does
ALTER TABLE b RENAME TO b2;
SELECT pgtrickle.alter_stream_table('c', query => 'SELECT count(*) + 1 AS n FROM t');
SELECT group_name, member_count FROM pgtrickle.refresh_groups();
DROP SCHEMA ctl_groups CASCADE;
SELECT group_name, member_count FROM pgtrickle.refresh_groups();
DROP ROLE ctl_groups_user;
