-- UNION ALL of one table with itself and of several tables, nested, and aggregated.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, a int);
CREATE TABLE q_u (id int PRIMARY KEY, a bigint);
INSERT INTO q_t VALUES (1, 1), (2, 2);
INSERT INTO q_u VALUES (1, 1), (2, NULL);
SELECT test.create('q_both', 'SELECT id, a FROM q_t UNION ALL SELECT id, a FROM q_u');
SELECT test.create('q_twice', 'SELECT a FROM q_t UNION ALL SELECT a FROM q_t WHERE a > 1');
SELECT test.create('q_group', 'SELECT a, count(*) AS c FROM (SELECT a FROM q_t UNION ALL SELECT a FROM q_u) AS x GROUP BY a');
SELECT test.create('q_grouped', 'SELECT a, count(*) AS c FROM q_t GROUP BY a UNION ALL SELECT a, -count(*) FROM q_u GROUP BY a');
SELECT test.create('q_tagged', $$SELECT 't' AS kind, id FROM q_t UNION ALL SELECT 'u', id FROM q_u$$);
INSERT INTO q_t VALUES (3, 2), (4, NULL);
INSERT INTO q_u VALUES (3, 2), (4, 1);
SELECT stream_table FROM test.refresh_all();
UPDATE q_t SET a = 1 WHERE id = 2;
SELECT stream_table FROM test.refresh_all();
BEGIN;
DELETE FROM q_t WHERE id = 1;
INSERT INTO q_u VALUES (5, 1);
COMMIT;
SELECT stream_table FROM test.refresh_all();
TRUNCATE q_u;
SELECT pgtrickle.refresh_stream_table('q_both');
SELECT test.assert_fresh('q_both');
DELETE FROM q_t;
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
SELECT test.assert_fresh(pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
SELECT test.drop_all();
DROP TABLE q_t, q_u;
