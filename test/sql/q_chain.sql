-- Stream tables over stream tables: a refresh brings what it reads up to date.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, a int, b int);
INSERT INTO q_t SELECT x, x % 3, x % 7 FROM generate_series(1, 30) AS x;
SELECT test.create('q_1', 'SELECT id, a, b FROM q_t WHERE b > 0');
SELECT test.create('q_2', 'SELECT a, b, count(*) AS c, sum(id) AS s FROM q_1 GROUP BY a, b');
SELECT test.create('q_3', 'SELECT a, max(c) AS m, sum(s) AS s FROM q_2 GROUP BY a');
SELECT source_table, source_type FROM pgtrickle.list_sources('q_3') ORDER BY 1;
INSERT INTO q_t SELECT x, x % 4, x % 5 FROM generate_series(31, 40) AS x;
-- one by one
SELECT test.refresh('q_1');
SELECT test.refresh('q_2');
SELECT test.refresh('q_3');
-- the top alone
UPDATE q_t SET b = 0 WHERE id % 5 = 0;
DELETE FROM q_t WHERE a = 2 AND id < 20;
SELECT test.refresh('q_3');
SELECT test.assert_fresh('q_1'), test.assert_fresh('q_2'), test.last_run('q_1'), test.last_run('q_2');
SELECT test.refresh('q_1', 'NO_DATA'), test.refresh('q_2', 'NO_DATA');
-- the bottom alone, twice, then the top
UPDATE q_t SET b = b + 1 WHERE id < 10;
SELECT test.refresh('q_1');
UPDATE q_t SET a = 9 WHERE id = 7;
SELECT test.refresh('q_1');
SELECT test.refresh('q_3');
SELECT test.assert_fresh('q_2');
-- compared with the table below everything
SELECT count(*) AS differences FROM (
    (SELECT a, max(c), sum(s) FROM (SELECT a, b, count(*) AS c, sum(id) AS s FROM q_t WHERE b > 0 GROUP BY a, b) AS x GROUP BY a
     EXCEPT ALL SELECT * FROM q_3)
    UNION ALL
    (SELECT * FROM q_3
     EXCEPT ALL SELECT a, max(c), sum(s) FROM (SELECT a, b, count(*) AS c, sum(id) AS s FROM q_t WHERE b > 0 GROUP BY a, b) AS x GROUP BY a)) AS d;
-- a source that is recomputed
TRUNCATE q_t;
SELECT pgtrickle.refresh_stream_table('q_3');
SELECT test.assert_fresh('q_1'), test.assert_fresh('q_2'), test.assert_fresh('q_3');
SELECT count(*) FROM q_3;
INSERT INTO q_t SELECT x, x % 3, x % 7 FROM generate_series(1, 30) AS x;
SELECT test.refresh('q_3');
-- order of dropping
\set VERBOSITY sqlstate
SELECT pgtrickle.drop_stream_table('q_1');
\set VERBOSITY default
SELECT test.drop_all();
DROP TABLE q_t;
