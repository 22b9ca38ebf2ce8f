-- The same as ddl_tables: names, views, functions, types, rights.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = error;
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set ddl_begin :abs_srcdir '/lib/ddl_begin.sql'
\i :ddl_begin
\set ECHO all
INSERT INTO test.ddl_case (part, what, command, queries) VALUES
('Names', 'a table is renamed', 'ALTER TABLE x.t RENAME TO other', '{rows,groups,over,joined,viewed}'),
('Names', 'a table is moved', 'ALTER TABLE x.t SET SCHEMA y', '{rows,groups,over,joined,viewed}'),
('Names', 'a schema is renamed', 'ALTER SCHEMA x RENAME TO z', '{rows,groups,over,called,viewed}'),
('Names', 'a function is renamed', 'ALTER FUNCTION x.f(int) RENAME TO g', '{called}'),
('Names', 'a type is renamed', 'ALTER TYPE x.mood RENAME TO humour', '{typed,enums}'),
('Names', 'a view is renamed', 'ALTER VIEW x.v RENAME TO w', '{viewed}'),
('Names', 'a column of a view is renamed', 'ALTER VIEW x.v RENAME COLUMN a TO z', '{viewed}'),
('Views', 'replaced by another query', 'CREATE OR REPLACE VIEW x.v AS SELECT id, a + 1 AS a FROM x.t WHERE a > 0', '{viewed}'),
('Views', 'replaced, with a column more', 'CREATE OR REPLACE VIEW x.v AS SELECT id, a, b FROM x.t', '{viewed}'),
('Views', 'replaced by one over another table', 'CREATE OR REPLACE VIEW x.v AS SELECT id, t_id AS a FROM x.u', '{viewed}'),
('Views', 'replaced with another type', 'CREATE OR REPLACE VIEW x.v AS SELECT id, a::text AS a FROM x.t', '{viewed}'),
('Views', 'another owner', 'ALTER VIEW x.v OWNER TO ddl_role; GRANT USAGE ON SCHEMA x TO ddl_role; GRANT SELECT ON x.t TO ddl_role', '{viewed}'),
('Views', 'security_barrier', 'ALTER VIEW x.v SET (security_barrier)', '{viewed}'),
('Views', 'dropped', 'DROP VIEW x.v', '{viewed,rows}'),
('Views', 'dropped with CASCADE', 'DROP VIEW x.v CASCADE', '{viewed,rows}'),
('Functions', 'another body', 'CREATE OR REPLACE FUNCTION x.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS ''SELECT 3 * $1''', '{called,rows}'),
('Functions', 'replaced by the same', 'CREATE OR REPLACE FUNCTION x.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS ''SELECT 2 * $1''', '{called}'),
('Functions', 'another owner, cost, comment', 'ALTER FUNCTION x.f(int) OWNER TO ddl_role; ALTER FUNCTION x.f(int) COST 7; COMMENT ON FUNCTION x.f(int) IS ''f''', '{called}'),
('Functions', 'STABLE', 'ALTER FUNCTION x.f(int) STABLE', '{called}'),
('Functions', 'VOLATILE', 'ALTER FUNCTION x.f(int) VOLATILE', '{called}'),
('Functions', 'dropped', 'DROP FUNCTION x.f(int)', '{called}'),
('Functions', 'dropped with CASCADE', 'DROP FUNCTION x.f(int) CASCADE', '{called,rows}'),
('Types', 'a label is added', 'ALTER TYPE x.mood ADD VALUE ''ok'' BEFORE ''high''', '{typed,enums,rows}'),
('Types', 'a label is renamed', 'ALTER TYPE x.mood RENAME VALUE ''low'' TO ''calm''', '{typed,enums,rows}'),
('Types', 'an attribute is added', 'ALTER TYPE x.pair ADD ATTRIBUTE z int', '{typed,rows}'),
('Types', 'an attribute gets another type', 'ALTER TYPE x.free ALTER ATTRIBUTE y TYPE text', '{typed}'),
('Types', 'a used attribute is dropped', 'ALTER TYPE x.pair DROP ATTRIBUTE x', '{typed,rows}'),
('Types', 'a domain gets a constraint', 'ALTER DOMAIN x.small ADD CHECK (VALUE > -5)', '{typed}'),
('Types', 'a domain loses its constraint', 'ALTER DOMAIN x.small DROP CONSTRAINT small_check', '{typed}'),
('Types', 'the version of a collation', 'ALTER COLLATION x.c REFRESH VERSION', '{ordered}'),
('Types', 'dropped with CASCADE', 'DROP TYPE x.mood CASCADE', '{enums,rows}'),
('Rights', 'another owner', 'ALTER TABLE x.t OWNER TO ddl_role', '{rows,groups}'),
('Rights', 'GRANT, REVOKE', 'GRANT SELECT ON x.t TO ddl_role; REVOKE ALL ON x.t FROM ddl_role', '{rows,groups}'),
('Rights', 'row security that does not concern the owner', 'ALTER TABLE x.t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON x.t USING (id > 3)', '{rows,groups}'),
('Rights', 'REASSIGN OWNED', 'ALTER TABLE x.t OWNER TO ddl_role; REASSIGN OWNED BY ddl_role TO CURRENT_USER', '{rows,groups}'),
('Rights', 'DROP OWNED', 'ALTER TABLE x.u OWNER TO ddl_role; DROP OWNED BY ddl_role', '{joined,rows}'),
('Rights', 'DROP OWNED with CASCADE', 'ALTER TABLE x.u OWNER TO ddl_role; DROP OWNED BY ddl_role CASCADE', '{joined,rows}');
SELECT format('CALL test.ddl_before(%s)', no), CASE WHEN alone THEN command ELSE format('CALL test.ddl_run(%s)', no) END,
       format('CALL test.ddl_after(%s)', no)
  FROM test.ddl_case ORDER BY no \gexec
SELECT part, what, replace(command, 'x.', '') AS command, outcome, effect FROM test.ddl_case
 ORDER BY (SELECT min(no) FROM test.ddl_case AS c WHERE c.part = ddl_case.part), no;
\set ECHO none
\set ddl_end :abs_srcdir '/lib/ddl_end.sql'
\i :ddl_end
\set ECHO all
