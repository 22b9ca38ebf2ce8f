-- Another query whose rows are found otherwise: those that the stream table has need not have the new key, or have it twice.
\o /dev/null
SELECT test.restart_numbers();
SET client_min_messages = error;
CREATE TABLE api_t (id int PRIMARY KEY, a int, b text);
INSERT INTO api_t VALUES (1, NULL, 'x'), (2, NULL, 'x'), (3, 3, 'y'), (4, 3, 'y'), (5, 3, 'z');
CREATE FUNCTION pg_temp.follow(query text) RETURNS TABLE (identity text, indexes text, fresh text, run text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pgtrickle.alter_stream_table('api_st', query => query);
    PERFORM test.assert_fresh('api_st');
    UPDATE api_t SET a = coalesce(a, 0) + 1 WHERE id IN (1, 3);
    DELETE FROM api_t WHERE id = 5;
    INSERT INTO api_t VALUES (6, 3, 'y'), (7, 3, 'y');
    PERFORM pgtrickle.refresh_stream_table('api_st');
    RETURN QUERY SELECT CASE identity_kind WHEN 0 THEN 'key' WHEN 1 THEN 'key hash' ELSE 'image' END || coalesce(' ' || nullif(key_columns::text, '{}'), ''),
           (SELECT string_agg(CASE WHEN indisunique THEN 'unique ' ELSE '' END || pg_get_indexdef(indexrelid, 1, true), '; ' ORDER BY indexrelid)
              FROM pg_index WHERE indrelid = 'api_st'::regclass),
           test.assert_fresh('api_st'), test.last_run('api_st')
      FROM pgtrickle.stream_table_internals;
    TRUNCATE api_t;
    INSERT INTO api_t VALUES (1, NULL, 'x'), (2, NULL, 'x'), (3, 3, 'y'), (4, 3, 'y'), (5, 3, 'z');
    PERFORM pgtrickle.refresh_stream_table('api_st');
END $$;
SELECT test.create('api_st', 'SELECT a AS x FROM api_t');
\o
-- by image, then by a key that the former rows lack
SELECT * FROM pg_temp.follow('SELECT id AS x FROM api_t');
-- and the other way, with rows that the unique index would not take
SELECT * FROM pg_temp.follow('SELECT a AS x FROM api_t');
-- groups, of whose key there were several rows
SELECT * FROM pg_temp.follow('SELECT a AS x, count(*) AS n FROM api_t GROUP BY a');
SELECT * FROM pg_temp.follow('SELECT a AS x, id::bigint AS n FROM api_t');
SELECT * FROM pg_temp.follow('SELECT a AS x, count(*) AS n FROM api_t GROUP BY a');
-- from one key to another
SELECT * FROM pg_temp.follow('SELECT id AS x, 7::bigint AS n FROM api_t');
SELECT * FROM pg_temp.follow('SELECT 7 AS x, id::bigint AS n FROM api_t');
-- with columns that come and go, or are of another type
SELECT * FROM pg_temp.follow('SELECT a AS x, b FROM api_t');
SELECT * FROM pg_temp.follow('SELECT id AS x, a AS n FROM api_t');
SELECT * FROM pg_temp.follow('SELECT b AS x, id AS n FROM api_t');
-- a suspended one is not recomputed: what it shows stays, and its next refresh finds it
\o /dev/null
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT a AS x FROM api_t');
SELECT pgtrickle.alter_stream_table('api_st', status => 'SUSPENDED');
SELECT pgtrickle.alter_stream_table('api_st', query => 'SELECT id AS x FROM api_t');
\o
SELECT x FROM api_st;
SELECT pgtrickle.alter_stream_table('api_st', status => 'ACTIVE');
SELECT test.refresh('api_st', 'REINITIALIZE'), test.assert_fresh('api_st');
SELECT identity_kind FROM pgtrickle.stream_table_internals;
-- a view that is replaced: nobody has asked for a recompute yet
CREATE VIEW api_v AS SELECT a AS x FROM api_t;
\o /dev/null
SELECT pgtrickle.drop_stream_table('api_st');
SELECT test.create('api_st', 'SELECT x FROM api_v');
\o
CREATE OR REPLACE VIEW api_v AS SELECT id AS x FROM api_t;
SELECT test.refresh('api_st', 'REINITIALIZE'), test.assert_fresh('api_st');
CREATE OR REPLACE VIEW api_v AS SELECT a AS x FROM api_t;
SELECT test.refresh('api_st', 'REINITIALIZE'), test.assert_fresh('api_st');
CREATE OR REPLACE VIEW api_v AS SELECT a AS x FROM api_t GROUP BY a;
SELECT test.refresh('api_st', 'REINITIALIZE'), test.assert_fresh('api_st');
-- the mode: a key that the table did not have when it was recomputed
CREATE TABLE api_u (id int NOT NULL, a int);
INSERT INTO api_u VALUES (1, 1), (1, 2), (2, 3);
\o /dev/null
SELECT pgtrickle.drop_stream_table('api_st');
SELECT pgtrickle.create_stream_table('api_st', 'SELECT id, a FROM api_u', refresh_mode => 'FULL');
\o
DELETE FROM api_u WHERE a = 1;
ALTER TABLE api_u ADD PRIMARY KEY (id);
SELECT pgtrickle.alter_stream_table('api_st', refresh_mode => 'DIFFERENTIAL');
SELECT test.assert_fresh('api_st');
UPDATE api_u SET a = 9;
SELECT test.refresh('api_st'), test.assert_fresh('api_st');
SELECT identity_kind, key_columns, pg_get_indexdef(indexrelid, 1, true) FROM pgtrickle.stream_table_internals, pg_index WHERE indrelid = 'api_st'::regclass;
\o /dev/null
SELECT test.drop_all();
\o
DROP VIEW api_v;
DROP TABLE api_t, api_u;
