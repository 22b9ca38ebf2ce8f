-- The extreme of a group that leaves is looked up where an index leads to it (rule E8).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, g int, h text NOT NULL, v int, n numeric);
CREATE INDEX ON q_t (g, v);
CREATE INDEX ON q_t (h, g, v DESC);
CREATE INDEX ON q_t (h, n);
CREATE INDEX ON q_t (v, id) WHERE v > 50;
INSERT INTO q_t SELECT x, nullif(x % 4, 3), 'h' || x % 3, nullif(x * 37 % 101, 7), x * 17 % 90 / 2.0 FROM generate_series(1, 120) AS x;
SELECT test.create('q_both', 'SELECT g, min(v) AS a, max(v) AS z, count(*) AS c, sum(v) AS s FROM q_t GROUP BY g');
SELECT test.create('q_where', 'SELECT g, max(v) AS z FROM q_t WHERE v < 80 AND h <> ''h1'' GROUP BY g');
SELECT test.create('q_two', 'SELECT g, h, min(v) AS a, max(v) AS z FROM q_t GROUP BY g, h');
-- not these: equal numerics look different, what is over a join, an expression, no index, a partial one
SELECT test.create('q_numeric', 'SELECT h, max(n) AS z FROM q_t GROUP BY h');
SELECT test.create('q_join', 'SELECT t.g, max(t.v) AS z FROM q_t AS t JOIN q_t AS u ON u.id = t.id + 1 GROUP BY t.g');
SELECT test.create('q_sum', 'SELECT g, max(v + 1) AS z FROM q_t GROUP BY g');
SELECT test.create('q_none', 'SELECT v, max(id) AS z FROM q_t GROUP BY v');
SELECT name, count(*) FILTER (WHERE line ~ 'THEN \(SELECT pg_catalog\.m') > 0 AS looked_up FROM unnest(ARRAY['q_both', 'q_where', 'q_two', 'q_numeric', 'q_join', 'q_sum', 'q_none']) AS name, regexp_split_to_table(pgtrickle.explain_stream_table(name), E'\n') AS line GROUP BY name ORDER BY name;
SET client_min_messages = warning;
-- extremes leave, of the NULL group, too; and others enter before and behind them
DELETE FROM q_t WHERE v IN (SELECT max(v) FROM q_t GROUP BY g UNION SELECT min(v) FROM q_t GROUP BY g);
SELECT * FROM test.refresh_all('DELTA');
UPDATE q_t SET v = v + 20 WHERE v < 20;
UPDATE q_t SET v = v - 50 WHERE v > 90;
SELECT * FROM test.refresh_all('DELTA');
BEGIN;
DELETE FROM q_t WHERE v > 70;
INSERT INTO q_t VALUES (200, 1, 'h1', 75, 1.50), (201, NULL, 'h2', -4, 1.5), (202, 2, 'h0', NULL, 99);
COMMIT;
SELECT * FROM test.refresh_all('DELTA');
-- only NULLs are left of one, nothing of another; and rows move
UPDATE q_t SET v = NULL WHERE g = 2;
DELETE FROM q_t WHERE g = 0;
SELECT * FROM test.refresh_all('DELTA');
UPDATE q_t SET g = coalesce(g, 0) + 1, v = coalesce(v, 3) WHERE id % 2 = 0;
SELECT * FROM test.refresh_all('DELTA');
-- without its index a group is computed again
DROP INDEX q_t_g_v_idx;
DELETE FROM q_t WHERE v IN (SELECT max(v) FROM q_t GROUP BY g);
SELECT * FROM test.refresh_all('DELTA');
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE q_t;
