-- The same as ddl_tables, of DDL on stream tables (rule J30).
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
('Refused', 'a column is added', 'ALTER TABLE x.rows ADD COLUMN z int', '{rows}'),
('Refused', 'a column is dropped', 'ALTER TABLE x.rows DROP COLUMN b', '{rows}'),
('Refused', 'a column is renamed', 'ALTER TABLE x.rows RENAME COLUMN b TO c', '{rows}'),
('Refused', 'another type', 'ALTER TABLE x.rows ALTER a TYPE bigint', '{rows}'),
('Refused', 'a generated column', 'ALTER TABLE x.rows ADD COLUMN z int GENERATED ALWAYS AS (a) STORED', '{rows}'),
('Refused', 'identity', 'ALTER TABLE x.rows ALTER id SET NOT NULL, ALTER id ADD GENERATED ALWAYS AS IDENTITY', '{rows}'),
('Refused', 'INHERIT', 'ALTER TABLE x.rows INHERIT x.j', '{rows}'),
('Refused', 'a child', 'CREATE TABLE x.child () INHERITS (x.rows)', '{rows}'),
('Refused', 'ATTACH', 'ALTER TABLE x.p ATTACH PARTITION x.parts DEFAULT', '{parts}'),
('Refused', 'a typed table', 'CREATE TYPE x.r AS (id int, a int, b text); ALTER TABLE x.rows OF x.r', '{rows}'),
('Refused', 'a rule', 'CREATE RULE r AS ON INSERT TO x.rows DO INSTEAD NOTHING', '{rows}'),
('Refused', 'another access method', 'ALTER TABLE x.rows SET ACCESS METHOD ddl_heap', '{rows}'),
('Refused', 'DISABLE TRIGGER ALL', 'ALTER TABLE x.groups DISABLE TRIGGER ALL', '{groups,over}'),
('Refused', 'its own trigger is dropped', 'DROP TRIGGER %trigger% ON x.rows', '{rows}'),
('Refused', 'INSERT, UPDATE, DELETE', 'DELETE FROM x.rows', '{rows}'),
('Refused', 'TRUNCATE', 'TRUNCATE x.rows', '{rows}'),
('Refused', 'DROP with others that read it', 'DROP TABLE x.groups', '{groups,over}'),
('Free', 'renamed', 'ALTER TABLE x.groups RENAME TO z', '{groups,over}'),
('Free', 'moved', 'ALTER TABLE x.groups SET SCHEMA y', '{groups,over}'),
('Free', 'another owner, of the same rights', 'ALTER TABLE x.groups OWNER TO CURRENT_USER', '{groups,over}'),
('Free', 'indexes', 'CREATE INDEX ON x.rows (b); CREATE INDEX ON x.groups (n); REINDEX TABLE x.rows', '{rows,groups,over}'),
('Free', 'UNIQUE', 'ALTER TABLE x.groups ADD UNIQUE (a)', '{groups,over}'),
('Free', 'PRIMARY KEY', 'ALTER TABLE x.rows ADD PRIMARY KEY (id)', '{rows}'),
('Free', 'NOT NULL, CHECK, DEFAULT', 'ALTER TABLE x.rows ALTER a SET NOT NULL, ADD CHECK (a > -100), ALTER a SET DEFAULT 7', '{rows}'),
('Free', 'a foreign key to another table', 'CREATE TABLE x.ref AS SELECT n AS id FROM generate_series(-5, 1000) AS n; ALTER TABLE x.ref ADD PRIMARY KEY (id); ALTER TABLE x.rows ADD FOREIGN KEY (a) REFERENCES x.ref DEFERRABLE INITIALLY DEFERRED', '{rows}'),
('Free', 'a foreign key from elsewhere', 'ALTER TABLE x.groups ADD PRIMARY KEY (a); CREATE TABLE x.child (a int REFERENCES x.groups ON DELETE CASCADE); INSERT INTO x.child VALUES (1)', '{groups,over}'),
('Free', 'statistics, storage', 'ALTER TABLE x.rows ALTER b SET STATISTICS 10, ALTER b SET STORAGE EXTERNAL, SET (fillfactor = 50); CREATE STATISTICS x.st ON a, b FROM x.rows', '{rows}'),
('Free', 'ANALYZE', 'ANALYZE x.rows, x.groups', '{rows,groups}'),
('Free', 'CLUSTER', 'CREATE INDEX ra ON x.rows (a); CLUSTER x.rows USING ra', '{rows}'),
('Free', 'a tablespace', 'ALTER TABLE x.rows SET TABLESPACE pg_default', '{rows}'),
('Free', 'REPLICA IDENTITY', 'ALTER TABLE x.rows REPLICA IDENTITY DEFAULT', '{rows}'),
('Free', 'DISABLE TRIGGER USER', 'ALTER TABLE x.rows DISABLE TRIGGER USER', '{rows}'),
('Free', 'a row trigger of a user', 'CREATE TABLE x.told (id int); CREATE FUNCTION x.tell() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN INSERT INTO x.told VALUES (coalesce(NEW.id, OLD.id)); RETURN NULL; END''; CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON x.rows FOR EACH ROW EXECUTE FUNCTION x.tell()', '{rows}'),
('Free', 'a statement trigger of a user', 'CREATE TABLE x.told (n bigint); CREATE FUNCTION x.tell() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN INSERT INTO x.told SELECT count(*) FROM new; RETURN NULL; END''; CREATE TRIGGER tell AFTER INSERT ON x.rows REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION x.tell()', '{rows}'),
('Free', 'row security', 'ALTER TABLE x.rows ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON x.rows USING (a = 1)', '{rows}'),
('Free', 'a publication', 'CREATE PUBLICATION ddl_pub FOR TABLE x.rows, x.groups', '{rows,groups}'),
('Free', 'a view and a materialized view', 'CREATE VIEW x.w AS SELECT * FROM x.rows; CREATE MATERIALIZED VIEW x.mv AS SELECT * FROM x.groups; REFRESH MATERIALIZED VIEW x.mv', '{rows,groups}'),
('Free', 'COMMENT, GRANT', 'COMMENT ON TABLE x.rows IS ''mine''; COMMENT ON COLUMN x.rows.a IS ''mine''; GRANT SELECT ON x.rows TO ddl_role', '{rows}'),
('Free', 'UNLOGGED', 'ALTER TABLE x.rows SET UNLOGGED', '{rows}'),
('Free', 'UNLOGGED, of one that is read', 'ALTER TABLE x.groups SET UNLOGGED', '{groups,over}'),
('Dropping', 'DROP TABLE', 'DROP TABLE x.rows', '{rows,groups}'),
('Dropping', 'DROP TABLE CASCADE', 'DROP TABLE x.groups CASCADE', '{rows,groups,over}'),
('Dropping', 'another owner, and DROP OWNED', 'ALTER TABLE x.rows OWNER TO ddl_role; DROP OWNED BY ddl_role', '{rows,groups}');
INSERT INTO test.ddl_case (part, what, command, queries, alone) VALUES
('Free', 'VACUUM FULL', 'VACUUM FULL x.rows, x.groups', '{rows,groups,over}', true),
('Free', 'an index made concurrently', 'CREATE INDEX CONCURRENTLY ON x.rows (b)', '{rows}', true);
SELECT format('CALL test.ddl_before(%s)', no), CASE WHEN alone THEN command ELSE format('CALL test.ddl_run(%s)', no) END,
       format('CALL test.ddl_after(%s)', no)
  FROM test.ddl_case ORDER BY no \gexec
SELECT part, what, replace(command, 'x.', '') AS command, outcome, effect FROM test.ddl_case
 ORDER BY (SELECT min(no) FROM test.ddl_case AS c WHERE c.part = ddl_case.part), no;
DROP PUBLICATION ddl_pub;
\set ECHO none
\set ddl_end :abs_srcdir '/lib/ddl_end.sql'
\i :ddl_end
\set ECHO all
