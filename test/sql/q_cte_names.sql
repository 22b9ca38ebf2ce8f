-- A CTE that renames its columns.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, a int);
INSERT INTO q_t SELECT x, x % 4 FROM generate_series(1, 12) AS x;
SELECT test.create('q_st', 'WITH x (k, v) AS (SELECT a, count(*) FROM q_t GROUP BY a) SELECT v, array_agg(k ORDER BY k) AS ks FROM x GROUP BY v');
INSERT INTO q_t VALUES (13, 1);
SELECT test.refresh('q_st');
SELECT test.drop_all();
DROP TABLE q_t;
