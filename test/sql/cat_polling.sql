-- Foreign tables and materialized views as sources: recomputed, or followed through copies.
-- A server without postgres_fdw has nothing to test (cat_polling_1.out).
SELECT test.lacks('postgres_fdw') AS lacks \gset
\if :lacks
\quit
\endif
\o /dev/null
SELECT test.restart_numbers();
CREATE EXTENSION postgres_fdw;
DO $$ BEGIN
    EXECUTE format('CREATE SERVER cat_loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname %L, host %L, port %L)',
                   current_database(), split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'));
    EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER cat_loop OPTIONS (user %L)', current_user);
END $$;
\o
SET client_min_messages = warning;
CREATE TABLE cat_far (id int, k int, v numeric, unread text);
INSERT INTO cat_far SELECT x, x % 4, x + 0.5, 'u' || x FROM generate_series(1, 20) AS x;
CREATE FOREIGN TABLE cat_foreign (id int, k int, gone int, v numeric, unread text) SERVER cat_loop OPTIONS (table_name 'cat_far');
ALTER FOREIGN TABLE cat_foreign DROP COLUMN gone;
CREATE TABLE cat_near (k int PRIMARY KEY, name text);
INSERT INTO cat_near SELECT x, 'n' || x FROM generate_series(0, 3) AS x;
CREATE MATERIALIZED VIEW cat_mat AS SELECT id, k, v FROM cat_far WHERE id % 2 = 0;
CREATE UNIQUE INDEX ON cat_mat (id);
CREATE VIEW cat_copies AS
    SELECT count(*) FILTER (WHERE c.source_relid = to_regclass('cat_foreign')) AS of_foreign,
           count(*) FILTER (WHERE c.source_relid = to_regclass('cat_mat')) AS of_mat,
           (SELECT count(*) FROM pg_class AS t WHERE t.relname LIKE 'copy\_%' AND t.relkind = 'r') AS tables
      FROM pgtrickle.source_copy AS c;

-- not asked for: AUTO recomputes and says why, DIFFERENTIAL is refused
SELECT pgtrickle.create_stream_table('cat_off', 'SELECT k, sum(v) AS s FROM cat_foreign GROUP BY k', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('cat_off', 'SELECT id FROM cat_mat', refresh_mode => 'DIFFERENTIAL');
SET client_min_messages = notice;
SELECT test.create('cat_off', 'SELECT k, sum(v) AS s FROM cat_foreign GROUP BY k', 'AUTO');
SELECT test.create('cat_off2', 'SELECT id, v FROM cat_mat', 'AUTO');
SET client_min_messages = warning;
UPDATE cat_far SET v = v + 1 WHERE id <= 4;
REFRESH MATERIALIZED VIEW cat_mat;
SELECT * FROM test.refresh_all('FULL');
SELECT rows_inserted, rows_updated, rows_deleted, refresh_reason
  FROM pgtrickle.get_refresh_history('cat_off', 1);
SELECT * FROM cat_copies;
SELECT test.drop_all();

-- asked for: several stream tables share a copy of the columns that any of them needs
SET pg_trickle.foreign_table_polling = on;
SET pg_trickle.matview_polling = on;
SET client_min_messages = notice;
SELECT test.create('cat_1', 'SELECT k, sum(v) AS s, count(*) AS c FROM cat_foreign GROUP BY k');
SET client_min_messages = warning;
SELECT * FROM cat_copies;
SELECT test.create('cat_2', 'SELECT f.id, f.v, n.name FROM cat_foreign AS f JOIN cat_near AS n USING (k)');
SELECT test.create('cat_3', 'SELECT n.name FROM cat_near AS n WHERE NOT EXISTS (SELECT FROM cat_foreign AS f WHERE f.k = n.k AND f.v > 15)');
SELECT test.create('cat_4', 'SELECT id, v FROM cat_mat');
SELECT test.create('cat_5', 'SELECT m.id, f.v FROM cat_mat AS m LEFT JOIN cat_foreign AS f ON f.id = m.id + 1');
SELECT test.create('cat_6', 'SELECT count(*) AS c, max(s) AS m FROM cat_1');
SELECT * FROM cat_copies;
SELECT DISTINCT s.source_relid::regclass, ARRAY(SELECT attname FROM pg_attribute
         WHERE attrelid = s.source_relid AND attnum = ANY (s.attnums) ORDER BY attnum) AS columns
  FROM pgtrickle.source_copy AS s ORDER BY 1;
SELECT stream_table, source_table, source_type, columns_used FROM (
    SELECT t.pgt_name AS stream_table, d.source_relid::regclass AS source_table, d.source_type, d.columns_used
      FROM pgtrickle.pgt_dependencies AS d JOIN pgtrickle.pgt_stream_tables AS t USING (pgt_id)) AS x ORDER BY 1, 2;
SELECT count(*) AS lines FROM pgtrickle.explain_stream_table('cat_2') AS e(line) WHERE line LIKE '%copy of public.cat_foreign%';
-- nothing, then each kind of change, NULLs and duplicates with them
SELECT * FROM test.refresh_all('DELTA');
UPDATE cat_far SET v = -v WHERE id IN (3, 4);
INSERT INTO cat_far VALUES (21, 1, 15.50, NULL), (21, 1, 15.50, NULL), (21, 1, 15.5, NULL), (NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL);
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM cat_far WHERE ctid = (SELECT min(ctid) FROM cat_far WHERE id = 21) OR id < 3;
UPDATE cat_near SET name = upper(name) WHERE k = 1;
REFRESH MATERIALIZED VIEW CONCURRENTLY cat_mat;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM cat_far WHERE v > 15 AND k = 2;
REFRESH MATERIALIZED VIEW cat_mat;
SELECT * FROM test.refresh_all('DELTA');
-- only what has changed is applied
UPDATE cat_far SET v = v + 1 WHERE id = 7;
SELECT test.refresh('cat_2');
SELECT rows_inserted, rows_updated, rows_deleted, delta_row_count FROM pgtrickle.get_refresh_history('cat_2', 1);
-- equal numbers that print differently
UPDATE cat_far SET v = round(v, 3) WHERE id = 8;
SELECT * FROM test.refresh_all('DELTA');
-- a column that no stream table reads
UPDATE cat_far SET unread = 'x';
SELECT * FROM test.refresh_all('DELTA');

-- a transaction that keeps its snapshot; own changes; a rolled-back refresh
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT test.refresh('cat_4', 'DELTA');
COMMIT;
BEGIN;
SELECT pgtrickle.refresh_stream_table('cat_1');
ROLLBACK;
UPDATE cat_far SET v = v + 1 WHERE id = 9;
BEGIN;
SELECT pgtrickle.refresh_stream_table('cat_1');
SELECT test.assert_fresh('cat_1');
ROLLBACK;
SELECT * FROM test.refresh_all('DELTA');

-- the server does not answer: an error, and nothing has changed
ALTER SERVER cat_loop OPTIONS (SET port '1');
\set VERBOSITY sqlstate
SELECT pgtrickle.refresh_stream_table('cat_1');
\set VERBOSITY default
DO $$ BEGIN
    EXECUTE format('ALTER SERVER cat_loop OPTIONS (SET port %L)', current_setting('port'));
END $$;
SELECT * FROM test.refresh_all('DELTA');

-- rights: those of the owner, who is whom the server sees
CREATE ROLE cat_reader LOGIN;
GRANT USAGE, CREATE ON SCHEMA public TO cat_reader;
GRANT USAGE ON SCHEMA pgtrickle, test TO cat_reader;
GRANT SELECT ON cat_foreign, cat_mat, cat_far TO cat_reader;
SET ROLE cat_reader;
SELECT pgtrickle.create_stream_table('cat_7', 'SELECT id, k FROM cat_mat WHERE v > 3', refresh_mode => 'DIFFERENTIAL');
RESET ROLE;
SELECT * FROM cat_copies;
INSERT INTO cat_far VALUES (30, 2, 40);
REFRESH MATERIALIZED VIEW cat_mat;
SELECT * FROM test.refresh_all('DELTA');
REVOKE SELECT ON cat_mat FROM cat_reader;
INSERT INTO cat_far VALUES (32, 2, 40);
REFRESH MATERIALIZED VIEW cat_mat;
SELECT pgtrickle.refresh_stream_table('cat_7');
GRANT SELECT ON cat_mat TO cat_reader;
SELECT * FROM test.refresh_all('DELTA');
-- another owner has no copy until the mode is chosen again
ALTER TABLE cat_7 OWNER TO CURRENT_USER;
SELECT pgtrickle.alter_stream_table('cat_7', status => 'ACTIVE');
SELECT test.refresh('cat_7', 'REINITIALIZE');
SELECT pgtrickle.alter_stream_table('cat_7', refresh_mode => 'FULL');
SELECT pgtrickle.alter_stream_table('cat_7', refresh_mode => 'DIFFERENTIAL');
UPDATE cat_far SET v = v + 1 WHERE id = 32;
REFRESH MATERIALIZED VIEW cat_mat;
SELECT * FROM test.refresh_all('DELTA');
SELECT * FROM cat_copies;

-- what the server shows depends on who asks: the owner, or the owner of the view in between
CREATE TABLE cat_rows (id int, who text);
INSERT INTO cat_rows VALUES (1, 'cat_reader'), (2, current_user), (3, current_user);
CREATE VIEW cat_mine AS SELECT id FROM cat_rows WHERE who = current_user;
GRANT SELECT ON cat_mine, cat_rows TO cat_reader;
CREATE FOREIGN TABLE cat_remote_mine (id int) SERVER cat_loop OPTIONS (table_name 'cat_mine');
CREATE USER MAPPING FOR cat_reader SERVER cat_loop OPTIONS (user 'cat_reader', password_required 'false');
CREATE VIEW cat_through AS SELECT id FROM cat_remote_mine;
GRANT SELECT ON cat_remote_mine, cat_through TO cat_reader;
SET client_min_messages = error;
SELECT pgtrickle.create_stream_table('cat_a', 'SELECT id FROM cat_remote_mine', refresh_mode => 'DIFFERENTIAL');
SET ROLE cat_reader;
SELECT pgtrickle.create_stream_table('cat_b', 'SELECT id FROM cat_remote_mine', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('cat_c', 'SELECT t.id, m.id AS mine FROM cat_through AS t LEFT JOIN cat_remote_mine AS m ON m.id < t.id', refresh_mode => 'DIFFERENTIAL');
RESET ROLE;
INSERT INTO cat_rows VALUES (4, 'cat_reader'), (5, CURRENT_USER);
SELECT pgtrickle.refresh_stream_table('cat_' || x) FROM unnest('{a,b,c}'::text[]) AS x;
SET client_min_messages = warning;
SELECT array_agg(id ORDER BY id) FROM cat_a;
SELECT array_agg(id ORDER BY id) FROM cat_b;
SELECT * FROM cat_c ORDER BY id, mine;
SELECT x, test.last_run('cat_' || x) FROM unnest('{a,b,c}'::text[]) AS x;
SELECT pgtrickle.drop_stream_table('cat_' || x) FROM unnest('{a,b,c}'::text[]) AS x;
SELECT count(*) AS copies FROM pgtrickle.source_copy WHERE source_relid = 'cat_remote_mine'::regclass;

-- row values: of all columns, of columns that come later, and NULL where there is no row
SELECT test.create('cat_r1', 'SELECT f.id, to_jsonb(f) AS j FROM cat_foreign AS f');
SELECT test.create('cat_r2', 'SELECT n.k, to_jsonb(m) AS j, count(m) AS c FROM cat_near AS n LEFT JOIN cat_mat AS m ON m.id = n.k GROUP BY n.k, to_jsonb(m)');
UPDATE cat_far SET unread = 'other' WHERE id = 13;
INSERT INTO cat_far VALUES (2, 2, 7.50, 'two');
REFRESH MATERIALIZED VIEW cat_mat;
SELECT test.refresh(x) FROM unnest('{cat_r1,cat_r2}'::text[]) AS x;
DELETE FROM cat_far WHERE id = 2;
UPDATE cat_far SET unread = 'x' WHERE id = 13;
REFRESH MATERIALIZED VIEW cat_mat;
SELECT test.refresh('cat_r2');
ALTER FOREIGN TABLE cat_foreign ADD COLUMN later int OPTIONS (column_name 'k');
SELECT test.refresh('cat_r1', 'REINITIALIZE');
UPDATE cat_far SET k = k + 4 WHERE id = 13;
SELECT test.refresh('cat_r1', 'FULL');
SELECT pgtrickle.alter_stream_table('cat_r1', refresh_mode => 'FULL');
SELECT pgtrickle.alter_stream_table('cat_r1', refresh_mode => 'DIFFERENTIAL');
UPDATE cat_far SET k = k - 4 WHERE id = 13;
SELECT pgtrickle.refresh_stream_table('cat_r1');
SELECT test.refresh('cat_r1', 'DELTA');
UPDATE cat_far SET k = k + 4 WHERE id = 15;
SELECT test.refresh('cat_r1');
UPDATE cat_far SET k = k - 4 WHERE id = 15;
SELECT test.refresh('cat_r1');
SELECT pgtrickle.drop_stream_table(x) FROM unnest('{cat_r1,cat_r2}'::text[]) AS x;
ALTER FOREIGN TABLE cat_foreign DROP COLUMN later;

-- what cannot be followed
SELECT pgtrickle.create_stream_table('cat_8', 'SELECT f.tableoid::int AS j FROM cat_foreign AS f', refresh_mode => 'DIFFERENTIAL');
SELECT test.create('cat_8', 'SELECT m.tableoid::int AS j FROM cat_mat AS m', 'AUTO');
SELECT test.last_run('cat_8');
SELECT pgtrickle.drop_stream_table('cat_8');
-- a column more, of which the copy knows nothing; a column that the copy lacks
ALTER FOREIGN TABLE cat_foreign ADD COLUMN w int OPTIONS (column_name 'k');
SELECT test.create('cat_9', 'SELECT id, w FROM cat_foreign WHERE w > 0');
SELECT test.create('cat_10', 'SELECT unread, count(*) AS c FROM cat_foreign GROUP BY unread');
UPDATE cat_far SET k = k - 1 WHERE id < 12;
SELECT * FROM test.refresh_all('DELTA');
SELECT * FROM cat_copies;
-- rows that others read; a refresh that reads them whole
SELECT pgtrickle.verify_stream_table('cat_2');
INSERT INTO cat_far VALUES (50, 3, 1);
SELECT consistent, missing_rows FROM pgtrickle.verify_stream_table('cat_2') AS v(consistent, missing_rows, unexpected_rows, sample);

-- the copies go with the last stream table that reads them
SELECT pgtrickle.alter_stream_table('cat_4', refresh_mode => 'FULL');
SELECT pgtrickle.drop_stream_table('cat_6');
SELECT pgtrickle.drop_stream_table('cat_1');
SELECT * FROM cat_copies;
DROP FOREIGN TABLE cat_foreign;
SET client_min_messages = error;
DROP FOREIGN TABLE cat_foreign CASCADE;
SET client_min_messages = warning;
SELECT pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY 1;
SELECT * FROM cat_copies;
SELECT test.drop_all();
SELECT * FROM cat_copies;
SELECT count(*) AS logs FROM pgtrickle.change_log_segment;
DROP VIEW cat_copies, cat_through, cat_mine CASCADE;
DROP MATERIALIZED VIEW cat_mat;
DROP TABLE cat_far, cat_near, cat_rows;
DROP OWNED BY cat_reader;
DROP ROLE cat_reader;
SET client_min_messages = error;
DROP EXTENSION postgres_fdw CASCADE;
