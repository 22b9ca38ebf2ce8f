-- Rule L9: what a session keeps of stream tables, their plans above all, stays within bounds.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE TABLE api_t (id int PRIMARY KEY, a int, b int, s text);
CREATE TABLE api_u (id int PRIMARY KEY, a int, b int, s text);
INSERT INTO api_t SELECT x, x % 3, x % 5, 's' FROM generate_series(1, 50) AS x;
INSERT INTO api_u SELECT x, x % 3, x % 5, 's' FROM generate_series(1, 50) AS x;
-- what is ours in this session, in megabytes
CREATE VIEW api_kept AS
    SELECT sum(total_bytes) / 1048576.0 AS mb, count(*) FILTER (WHERE name = 'pg_trickle stream table') AS entries
      FROM pg_backend_memory_contexts WHERE name LIKE 'pg_trickle%';
\o /dev/null
SELECT pgtrickle.create_stream_table('api_' || n,
           format('SELECT t.id, count(*) AS c, sum(u.a) AS s, avg(x.b) AS v FROM api_t AS t JOIN api_u AS u USING (id) LEFT JOIN api_u AS x ON x.id = t.b LEFT JOIN api_t AS y ON y.id = t.a JOIN api_u AS z ON z.id = t.id WHERE t.a < %s GROUP BY t.id', n))
  FROM generate_series(1, 16) AS n;
UPDATE api_t SET a = a + 1;
UPDATE api_u SET a = a + 1, b = b + 1;
SELECT pgtrickle.refresh_stream_table('api_' || n) FROM generate_series(1, 16) AS n;
\o
SELECT mb < 33 AS bounded, entries >= 8 AS kept FROM api_kept;
-- less is enough, for the next refresh already
SET pg_trickle.session_memory_limit = '4MB';
SELECT test.refresh('api_1', 'NO_DATA');
SELECT mb < 5 AS bounded, entries BETWEEN 2 AND 15 AS kept FROM api_kept;
-- what was used last is kept, the others come again
UPDATE api_t SET a = a + 1 WHERE id < 5;
SELECT test.refresh('api_16');
SELECT test.refresh('api_1');
SELECT test.refresh('api_8');
SELECT mb < 5 AS bounded, entries BETWEEN 2 AND 15 AS kept FROM api_kept;
-- readers of plans keep within it too
\o /dev/null
SELECT pgtrickle.explain_stream_table('api_' || n) FROM generate_series(1, 16) AS n;
SELECT exact FROM generate_series(1, 16) AS n, pgtrickle.verify_stream_table('api_' || n);
\o
SELECT mb < 5 AS bounded, entries BETWEEN 2 AND 15 AS kept FROM api_kept;
-- an entry is not thrown away by a refresh that its own query starts
CREATE FUNCTION api_other(int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM pgtrickle.explain_stream_table('public.api_' || n) FROM generate_series(1, 16) AS n;
    RETURN $1;
END $$;
SELECT pgtrickle.create_stream_table('api_caller', 'SELECT id, api_other(id) AS o FROM api_t WHERE id < 3', refresh_mode => 'FULL');
SELECT exact FROM pgtrickle.verify_stream_table('api_caller');
SELECT test.refresh('api_caller', 'FULL');
SELECT mb < 5 AS bounded FROM api_kept;
-- one is always kept, however large; 0 is no limit
SET pg_trickle.session_memory_limit = 1;
UPDATE api_t SET a = a + 1 WHERE id < 5;
SELECT test.refresh('api_1');
SELECT entries FROM api_kept;
SET pg_trickle.session_memory_limit = 0;
SELECT test.refresh('api_2');
SELECT test.refresh('api_3');
SELECT entries FROM api_kept;
RESET pg_trickle.session_memory_limit;
SELECT test.drop_all();
DROP FUNCTION api_other(int);
DROP VIEW api_kept;
DROP TABLE api_t, api_u;
