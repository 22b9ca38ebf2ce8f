-- What has no delta yet: AUTO recomputes, and applies the difference.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, a int, n numeric);
CREATE TABLE q_u (id int PRIMARY KEY, a int);
INSERT INTO q_t SELECT x, x % 3, x / 2.0 FROM generate_series(1, 10) AS x;
INSERT INTO q_u SELECT x, x % 5 FROM generate_series(1, 10) AS x;
SET client_min_messages = error;
SELECT pgtrickle.create_stream_table('q_window', 'SELECT id, ntile(3) OVER (ORDER BY n, id) AS s FROM q_t TABLESAMPLE system (100)');
SELECT pgtrickle.create_stream_table('q_recursive', 'WITH RECURSIVE r AS (SELECT id, n, 1 AS depth FROM q_t WHERE a = 0 UNION ALL SELECT id, n, depth + 1 FROM r WHERE depth < 3) CYCLE n SET c USING p SELECT max(id) AS id, c FROM r GROUP BY p, c');
SELECT pgtrickle.create_stream_table('q_user', 'SELECT id, current_user::text AS who FROM q_t');
RESET client_min_messages;
SELECT pgt_name, refresh_mode, test.assert_fresh(pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
INSERT INTO q_t VALUES (11, 1, 0.5), (12, 2, 99);
UPDATE q_u SET a = a + 1 WHERE id = 3;
DELETE FROM q_u WHERE id = 4;
SELECT pgt_name, test.refresh(pgt_name, 'FULL') FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
DELETE FROM q_t WHERE id IN (1, 12);
UPDATE q_t SET a = NULL, n = n + 0.00 WHERE id = 2;
SELECT stream_table FROM test.refresh_all('FULL');
-- a differential reader of a recomputed table
SELECT test.create('q_reader', 'SELECT s, count(*) AS c FROM q_window GROUP BY s');
INSERT INTO q_t VALUES (20, 1, 1);
SELECT test.refresh('q_reader');
SELECT test.assert_fresh('q_window'), test.last_run('q_window');
-- an expression that fails over a row that is not there any more is no error
UPDATE q_u SET a = 1 WHERE a = 0;
SELECT test.create('q_quotient', 'SELECT id, 10 / a AS q FROM q_u');
BEGIN;
INSERT INTO q_u VALUES (30, 1);
UPDATE q_u SET a = 0 WHERE id = 30;
UPDATE q_u SET a = 2 WHERE id = 30;
COMMIT;
SELECT pgtrickle.refresh_stream_table('q_quotient');
SELECT test.assert_fresh('q_quotient');
\set VERBOSITY sqlstate
SELECT pgtrickle.create_stream_table('q_x', 'SELECT id, percent_rank() OVER (ORDER BY id) AS r FROM q_t TABLESAMPLE system (100)', refresh_mode => 'DIFFERENTIAL');
\set VERBOSITY default
-- a delta that joins parts of which the query's conditions leave nothing: it would take days (rule K26)
CREATE TABLE q_same (id int PRIMARY KEY, k int);
INSERT INTO q_same SELECT x, 1 FROM generate_series(1, 40) AS x;
SET client_min_messages = warning;
SELECT test.create('q_same_many', $$
	SELECT count(*) AS c FROM q_same AS a JOIN q_same AS b ON b.k = a.k JOIN q_same AS c ON c.k = b.k JOIN q_same AS d ON d.k = c.k
	  JOIN q_same AS e ON e.k = d.k JOIN q_same AS f ON f.k = e.k JOIN q_same AS g ON g.k = f.k JOIN q_same AS h ON h.k = g.k
	  JOIN q_same AS i ON i.k = h.k AND i.id < 0$$);
SELECT last_full_ms > 0 AS measured FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'q_same_many';
UPDATE q_same SET k = 2 WHERE id > 20;
-- a cancel that is not ours remains one
SET statement_timeout = '200ms';
SELECT pgtrickle.refresh_stream_table('q_same_many');
SET statement_timeout = '2min';
SET pg_trickle.min_delta_budget_ms = 100;
SELECT test.refresh('q_same_many', 'FULL');
SELECT was_full_fallback FROM pgtrickle.pgt_refresh_history ORDER BY refresh_id DESC LIMIT 1;
-- a small one is computed
INSERT INTO q_same VALUES (-1, 3);
SET pg_trickle.min_delta_budget_ms = 60000;
DELETE FROM q_same WHERE id > 3;
SELECT test.refresh('q_same_many');
RESET pg_trickle.min_delta_budget_ms;
RESET statement_timeout;
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE q_t, q_u;
