-- Views that are replaced, or get another owner or other options: the stream
-- tables over them are adapted at their next refresh and recomputed once.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE TABLE ddl_t (id int PRIMARY KEY, a int, b text, secret boolean NOT NULL DEFAULT false);
CREATE TABLE ddl_u (id int PRIMARY KEY, x int);
INSERT INTO ddl_t SELECT n, n % 3, 'b' || n, n % 4 = 0 FROM generate_series(1, 12) AS n;
INSERT INTO ddl_u SELECT n, n * 10 FROM generate_series(1, 12) AS n;
CREATE VIEW ddl_v AS SELECT id, a, b FROM ddl_t WHERE a > 0;
CREATE VIEW ddl_w AS SELECT id, a FROM ddl_v WHERE id > 2;
SELECT test.create('ddl_rows', 'SELECT id, b FROM ddl_v');
SELECT test.create('ddl_sum', 'SELECT a, count(*) AS n, sum(id) AS s FROM ddl_w GROUP BY a');
SELECT test.create('ddl_over', 'SELECT n, count(*) AS c FROM ddl_sum GROUP BY n');
SELECT test.create('ddl_full', 'SELECT id, a FROM ddl_w', 'FULL');
SELECT test.create('ddl_other', 'SELECT id, x FROM ddl_u');
CREATE FUNCTION pg_temp.write(n int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO ddl_t VALUES (100 + n, n, 'new', false), (200 + n, n % 3, 'new', true);
    UPDATE ddl_t SET a = a + 1 WHERE id = n;
    DELETE FROM ddl_t WHERE id = 12 - n;
    INSERT INTO ddl_u VALUES (100 + n, n);
    UPDATE ddl_u SET x = x + 1 WHERE id = n $$;

-- with changes pending: others go on
SELECT pg_temp.write(1);
CREATE OR REPLACE VIEW ddl_v AS SELECT id, a, b || '!' AS b, secret FROM ddl_t WHERE a >= 0 AND NOT secret;
SELECT test.refresh('ddl_rows', 'REINITIALIZE');
SELECT test.refresh('ddl_other');
-- by the refresh of what reads it, too
SELECT test.refresh('ddl_over');
SELECT test.last_run('ddl_sum');
SELECT test.refresh('ddl_sum', 'NO_DATA');
SELECT test.refresh('ddl_full', 'REINITIALIZE');
SELECT source_relid::regclass, source_type, columns_used FROM pgtrickle.pgt_dependencies JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
 WHERE pgt_name = 'ddl_rows' ORDER BY 1;
SELECT pg_temp.write(2);
SELECT test.refresh('ddl_rows'), test.refresh('ddl_sum'), test.refresh('ddl_over'), test.refresh('ddl_full', 'FULL');

-- it reads another table, whose changes are captured from now on; then a stream table; then as before
CREATE OR REPLACE VIEW ddl_w AS SELECT t.id, x AS a FROM ddl_t AS t JOIN ddl_u USING (id);
SELECT test.refresh('ddl_sum', 'REINITIALIZE');
SELECT pg_temp.write(3);
SELECT test.refresh('ddl_sum'), test.refresh('ddl_over');
CREATE OR REPLACE VIEW ddl_w AS SELECT id, x AS a FROM ddl_other WHERE x > 20;
SELECT pg_temp.write(4);
SELECT pgtrickle.refresh_stream_table('ddl_over');
SELECT test.assert_fresh('ddl_over'), test.last_run('ddl_sum'), test.last_run('ddl_other');
SELECT pg_temp.write(5);
SELECT pgtrickle.refresh_stream_table('ddl_over');
SELECT test.assert_fresh('ddl_over'), test.last_run('ddl_sum'), test.last_run('ddl_other');
-- no log is kept for what nobody reads any more
SELECT pgtrickle.drop_stream_table('ddl_other', true);
SELECT test.create('ddl_sum', 'SELECT a, count(*) AS n FROM ddl_v GROUP BY a');
SELECT count(*) AS logs FROM pgtrickle.change_log_segment WHERE source = 'ddl_u'::regclass;

-- a view that reads what is made of it
CREATE VIEW ddl_x AS SELECT a FROM ddl_t;
SELECT test.create('ddl_self', 'SELECT a, count(*) AS n FROM ddl_x GROUP BY a');
CREATE OR REPLACE VIEW ddl_x AS SELECT a FROM ddl_self;
SELECT pgtrickle.refresh_stream_table('ddl_self');
SELECT test.last_run('ddl_self');
CREATE OR REPLACE VIEW ddl_x AS SELECT a FROM ddl_t WHERE a > 1;
SELECT test.refresh('ddl_self', 'REINITIALIZE');

-- what has no delta: an explicit mode is refused, AUTO recomputes and follows again later
SELECT pgtrickle.create_stream_table('ddl_auto', 'SELECT id, b FROM ddl_v', refresh_mode => 'AUTO');
CREATE OR REPLACE VIEW ddl_v AS SELECT id, a, b || '?' AS b, secret FROM ddl_t TABLESAMPLE BERNOULLI (100);
SELECT pgtrickle.refresh_stream_table('ddl_rows');
SELECT test.refresh('ddl_auto', 'REINITIALIZE');
SELECT refresh_mode FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'ddl_auto';
CREATE OR REPLACE VIEW ddl_v AS SELECT id, a, b, secret FROM ddl_t WHERE a > 0;
SELECT test.refresh('ddl_auto', 'REINITIALIZE'), test.refresh('ddl_rows', 'REINITIALIZE');
SELECT pg_temp.write(6);
SELECT test.refresh('ddl_auto', 'DELTA'), test.refresh('ddl_rows');

-- columns of a view keep their types; the names of its columns are free
ALTER VIEW ddl_v RENAME COLUMN b TO label;
SELECT test.refresh('ddl_rows', 'NO_DATA');
-- replaced and put back in one transaction, or undone
BEGIN;
CREATE OR REPLACE VIEW ddl_v AS SELECT id, a, b AS label, secret FROM ddl_t;
ROLLBACK;
SELECT pg_temp.write(7);
SELECT test.refresh('ddl_rows');

-- a change of a table's column that a view uses is PostgreSQL's to refuse; another column passes through it
SET pg_trickle.block_source_ddl = off;
ALTER TABLE ddl_t ALTER b TYPE varchar(10);
-- without CASCADE a view stays; with it the stream tables go
DROP VIEW ddl_v;
DROP VIEW ddl_v CASCADE;
SELECT pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY 1;
SELECT test.drop_all();

-- whose rights a view has: owner and security_invoker
CREATE ROLE ddl_poor;
CREATE ROLE ddl_rich;
CREATE ROLE ddl_user;
GRANT USAGE ON SCHEMA pgtrickle, test TO ddl_user;
GRANT CREATE ON SCHEMA public TO ddl_user, ddl_rich, ddl_poor;
GRANT SELECT ON ddl_t TO ddl_rich;
GRANT TRIGGER ON ddl_t TO ddl_user;
CREATE VIEW ddl_y AS SELECT id, a FROM ddl_t;
ALTER VIEW ddl_y OWNER TO ddl_rich;
GRANT SELECT ON ddl_y TO ddl_user;
SET ROLE ddl_user;
SELECT pgtrickle.create_stream_table('ddl_mine', 'SELECT id, a FROM ddl_y', refresh_mode => 'AUTO');
RESET ROLE;
SELECT pg_temp.write(8);
SELECT test.refresh('ddl_mine');
ALTER VIEW ddl_y OWNER TO ddl_poor;
SELECT pg_temp.write(9);
SELECT pgtrickle.refresh_stream_table('ddl_mine');
ALTER VIEW ddl_y OWNER TO ddl_rich;
SELECT test.refresh('ddl_mine');
ALTER VIEW ddl_y SET (security_barrier);
SELECT test.refresh('ddl_mine', 'REINITIALIZE');
SELECT test.refresh('ddl_mine', 'FULL');
ALTER VIEW ddl_y RESET (security_barrier);
ALTER VIEW ddl_y SET (security_invoker);
SELECT pgtrickle.refresh_stream_table('ddl_mine');
GRANT SELECT ON ddl_t TO ddl_user;
SELECT test.refresh('ddl_mine', 'REINITIALIZE');
REVOKE SELECT ON ddl_y FROM ddl_user;
SELECT pg_temp.write(10);
SELECT pgtrickle.refresh_stream_table('ddl_mine');
SELECT test.drop_all();
DROP TABLE ddl_t, ddl_u CASCADE;
DROP OWNED BY ddl_poor, ddl_rich, ddl_user;
DROP ROLE ddl_poor, ddl_rich, ddl_user;
