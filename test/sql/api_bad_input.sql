-- Names and queries that must be refused clearly, or work.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int PRIMARY KEY, a int);
INSERT INTO api_t VALUES (1, 1), (2, NULL);
\set VERBOSITY terse
SELECT pgtrickle.create_stream_table('', 'SELECT id FROM api_t');
SELECT pgtrickle.create_stream_table('""', 'SELECT id FROM api_t');
SELECT pgtrickle.create_stream_table('public.""', 'SELECT id FROM api_t');
SELECT pgtrickle.create_stream_table('"".st', 'SELECT id FROM api_t');
SELECT pgtrickle.create_stream_table('a..b', 'SELECT id FROM api_t');
SELECT pgtrickle.create_stream_table('a.b.c', 'SELECT id FROM api_t');
SELECT pgtrickle.create_stream_table('"a', 'SELECT id FROM api_t');
SELECT pgtrickle.create_stream_table('a; DROP TABLE api_t', 'SELECT id FROM api_t');
SELECT pgtrickle.create_stream_table('api_missing.st', 'SELECT id FROM api_t');
SELECT pgtrickle.create_stream_table('pg_catalog.st', 'SELECT id FROM api_t');
SELECT pgtrickle.create_stream_table('api_t', 'SELECT id FROM api_t');
SELECT pgtrickle.refresh_stream_table('""');
SELECT pgtrickle.drop_stream_table('pg_class');
-- a temporary stream table would be gone with this session
SELECT pgtrickle.create_stream_table('pg_temp.st', 'SELECT id FROM api_t');
SET search_path = pg_temp, public, test;
SELECT pgtrickle.create_stream_table('st', 'SELECT id FROM api_t');
RESET search_path;
-- our own tables
SELECT pgtrickle.create_stream_table('api_st', 'SELECT pgt_id FROM pgtrickle.pgt_stream_tables');
-- queries
SELECT pgtrickle.create_stream_table('api_st', '');
SELECT pgtrickle.create_stream_table('api_st', ' -- nothing');
SELECT pgtrickle.create_stream_table('api_st', 'SELECT id FROM api_t; SELECT id FROM api_t');
SELECT pgtrickle.create_stream_table('api_st', 'SELECT id FROM api_t WHERE a = $1');
SELECT pgtrickle.create_stream_table('api_st', 'SELECT id, id FROM api_t');
SELECT pgtrickle.create_stream_table('api_st', 'SELECT id AS ctid FROM api_t');
SELECT pgtrickle.create_stream_table('api_st', 'SELECT FROM api_t');
SELECT pgtrickle.create_stream_table('api_st', 'SELECT ROW(id, a) AS r FROM api_t');
SELECT pgtrickle.create_stream_table('api_st', 'EXPLAIN SELECT id FROM api_t');
SELECT pgtrickle.create_stream_table('api_st', 'EXECUTE p');
\set VERBOSITY default
-- names that need quotes, and 63 bytes of two-byte characters
SELECT test.create('"select"', 'SELECT id AS "from", a AS "A""b" FROM api_t');
SELECT test.create('"a.b"', 'SELECT a AS "%s", count(*) AS "$1" FROM api_t GROUP BY a');
SELECT test.create('"' || repeat('é', 31) || 'z"', 'SELECT DISTINCT a AS "' || repeat('é', 31) || 'z" FROM api_t AS "' || repeat('é', 31) || 'z"');
SELECT test.create('"__pgt_x"', 'WITH "__pgt_in" AS (SELECT id AS "__pgt_w", a AS k1 FROM api_t) SELECT "__pgt_w" AS n, k1 FROM "__pgt_in" UNION ALL SELECT k1, "__pgt_w" FROM "__pgt_in"');
INSERT INTO api_t VALUES (3, 1);
DELETE FROM api_t WHERE id = 2;
SELECT * FROM test.refresh_all();
SELECT test.drop_all();
DROP TABLE api_t;

-- keys for which no unique index can stand: too many columns, no order
DO $$ BEGIN
    EXECUTE (SELECT format('CREATE TABLE api_t (id xid8 PRIMARY KEY, x xid NOT NULL, %s)', string_agg(format('c%s int NOT NULL', i), ', ' ORDER BY i))
               FROM generate_series(1, 33) AS i);
    EXECUTE (SELECT format('INSERT INTO api_t SELECT n::text::xid8, n::text::xid, %s FROM generate_series(1, 3) AS n', string_agg('n % 2', ', '))
               FROM generate_series(1, 33) AS i);
END $$;
SELECT test.create('api_1', format('SELECT %1$s, count(*) AS n FROM api_t GROUP BY %1$s', string_agg('c' || i, ', '))) FROM generate_series(1, 33) AS i;
SELECT test.create('api_2', 'SELECT x, count(*) AS n FROM api_t GROUP BY x');
SELECT test.create('api_3', format('SELECT DISTINCT %s FROM api_t', string_agg('c' || i, ', '))) FROM generate_series(1, 33) AS i;
INSERT INTO api_t SELECT '4', '1', c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20, c21, c22,
       c23, c24, c25, c26, c27, c28, c29, c30, c31, c32, c33 FROM api_t WHERE id = '1';
UPDATE api_t SET c33 = 7, x = '9' WHERE id = '2';
SELECT * FROM test.refresh_all();
-- without the index too
DROP INDEX api_1_key_hash_idx;
DELETE FROM api_t WHERE id = '3';
SELECT * FROM test.refresh_all();
SELECT test.drop_all();
DROP TABLE api_t;

-- more columns than old and new state can have side by side: recomputed
DO $$ BEGIN
    EXECUTE (SELECT format('CREATE TABLE api_wide (id int PRIMARY KEY, %s)', string_agg(format('c%s int', i), ', ' ORDER BY i))
               FROM generate_series(1, 900) AS i);
END $$;
INSERT INTO api_wide (id, c1) VALUES (1, 1), (2, 1);
SELECT pgtrickle.create_stream_table('api_1', 'SELECT DISTINCT * FROM api_wide');
SELECT test.create('api_2', format('SELECT %s FROM api_wide', string_agg(format('max(c%1$s) AS c%1$s', i), ', ' ORDER BY i))) FROM generate_series(1, 400) AS i;
SELECT test.create('api_3', format('SELECT DISTINCT %s FROM api_wide', string_agg('c' || i, ', ' ORDER BY i))) FROM generate_series(1, 700) AS i;
SELECT test.create('api_4', format('SELECT %s FROM api_wide', string_agg('c' || i, ', ' ORDER BY i))) FROM generate_series(1, 900) AS i;
INSERT INTO api_wide (id, c1) VALUES (3, 3);
UPDATE api_wide SET c700 = 1 WHERE id = 1;
SELECT test.refresh('api_1', 'FULL');
SELECT test.refresh('api_2'), test.refresh('api_3'), test.refresh('api_4');
SELECT test.drop_all();
DROP TABLE api_wide;
