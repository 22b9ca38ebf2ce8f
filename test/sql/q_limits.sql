-- How large a query may be that becomes a stream table: in every mode, and only then.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE TABLE q_t (a int, b int, c int, d int, e int, f int, g int);
SELECT test.create('q_64', 'SELECT a, b, c, d, e, f, count(*) AS n FROM q_t GROUP BY CUBE (a, b, c, d, e, f)');
SELECT test.create('q_128', 'SELECT a, count(*) AS n FROM q_t GROUP BY CUBE (a, b, c, d, e, f, g)', 'FULL');
SELECT test.create('q_129', 'SELECT n FROM (SELECT a, count(*) AS n FROM q_t GROUP BY CUBE (a, b, c, d, e, f, g)) AS q', 'AUTO');
SET pg_trickle.max_grouping_set_branches = 3;
SELECT test.create('q_rollup', 'SELECT a, b, count(*) AS n FROM q_t GROUP BY ROLLUP (a, b)');
SELECT test.create('q_cube', 'SELECT a, b, count(*) AS n FROM q_t GROUP BY CUBE (a, b)');
-- one that is there stays what it is
INSERT INTO q_t VALUES (1, 1, 1, 1, 1, 1, 1);
SELECT stream_table, run FROM test.refresh_all();
\c -
SET client_min_messages = warning;
SELECT test.refresh('q_64', 'NO_DATA');
SELECT test.create('q_depth', 'SELECT a FROM (SELECT a FROM (SELECT a FROM q_t) AS x) AS y');
SET pg_trickle.max_parse_depth = 2;
SELECT test.create('q_depth2', 'SELECT a FROM (SELECT a FROM q_t) AS x');
SELECT test.create('q_depth3', 'SELECT a FROM (SELECT a FROM (SELECT a FROM q_t) AS x) AS y', 'FULL');
SELECT test.create('q_exists', 'SELECT a FROM q_t WHERE a IN (SELECT b FROM q_t WHERE c IN (SELECT d FROM q_t))');
RESET pg_trickle.max_parse_depth;
SET pg_trickle.max_parse_nodes = 12;
SELECT test.create('q_few', 'SELECT a FROM q_t');
DO $$
BEGIN
    PERFORM pgtrickle.create_stream_table('q_many', 'SELECT a + b + c + d + e + f + g AS sum FROM q_t');
EXCEPTION WHEN program_limit_exceeded THEN
    RAISE WARNING '%', regexp_replace(SQLERRM, '\d+', 'n');
END $$;
RESET pg_trickle.max_parse_nodes;
SELECT test.drop_all();
DROP TABLE q_t;
