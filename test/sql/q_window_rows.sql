-- Window functions whose result is a row, or an array of rows, over a frame of
-- their own: what is stored of it is computed for the frames that changed.
-- A server before 18 has no max() of rows (q_window_rows_1.out).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE t (id int PRIMARY KEY, g int, x numeric, s text);
CREATE TABLE u (id int PRIMARY KEY, g int, x numeric);
INSERT INTO t SELECT i, i % 4, i / 2.0, 's' || i % 3 FROM generate_series(1, 12) AS i;
INSERT INTO u SELECT i, i % 5, i / 3 FROM generate_series(1, 8) AS i;
SET client_min_messages = warning;
SELECT test.create('a_running', 'SELECT id, (array_agg(ROW(id, s)) OVER (PARTITION BY g ORDER BY id))::text AS r FROM t');
SELECT test.create('a_near', 'SELECT id, (array_agg(ROW(x, s)) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING))::text AS r, sum(x) OVER (PARTITION BY g ORDER BY id) AS sum FROM t');
SELECT test.create('a_twice', 'SELECT id, to_jsonb(array_agg(ROW(id, s)) OVER w) AS r, array_agg(ROW(id, s)) OVER w = array_agg(ROW(id, s)) FILTER (WHERE g > 0) OVER w AS e FROM t WINDOW w AS (PARTITION BY g ORDER BY id DESC)');
SELECT test.create('a_sides', 'SELECT t.id, (array_agg(p) OVER (PARTITION BY t.g ORDER BY t.id))::text AS r FROM t LEFT JOIN (SELECT id, ROW(g, x) AS p FROM u) AS q USING (id)');
SELECT test.create('a_grouped', 'SELECT min(id) AS id, r FROM (SELECT id, (array_agg(ROW(g)) OVER (PARTITION BY s ORDER BY id ROWS 1 PRECEDING))::text AS r FROM t) AS q GROUP BY r');
INSERT INTO t VALUES (20, NULL, NULL, NULL), (21, 1, 1.0, 's1'), (0, 1, 3.50, 's1');
UPDATE u SET x = x + 1 WHERE id < 3;
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET x = x * 1.00, s = NULL WHERE id IN (3, 7);
DELETE FROM t WHERE id IN (1, 12);
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t WHERE g = 2;
DELETE FROM u;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO t VALUES (1, 1, 1, 's1'), (2, 1, 2, 's1'), (3, NULL, 2.0, NULL);
SELECT stream_table, run FROM test.refresh_all('DELTA');
SELECT test.drop_all();
SELECT current_setting('server_version_num')::int < 180000 AS lacks \gset
\if :lacks
DROP TABLE t, u;
\quit
\endif
INSERT INTO t SELECT i, i % 4, i / 2.0, 's' || i % 3 FROM generate_series(4, 12) AS i;
INSERT INTO u SELECT i, i % 5, i / 3 FROM generate_series(1, 8) AS i;
SELECT test.create('m_running', 'SELECT id, (max(ROW(g, s)) OVER (ORDER BY id))::text AS r, (min(ROW(x, s)) OVER (PARTITION BY g ORDER BY id))::text AS l FROM t');
SELECT test.create('m_near', 'SELECT id, (max(ROW(x, s)) OVER (PARTITION BY g ORDER BY x DESC, id ROWS 2 PRECEDING))::text AS r FROM t');
SELECT test.create('m_compared', 'SELECT id, max(ROW(x, s)) FILTER (WHERE id % 2 = 0) OVER (ORDER BY id) > ROW(5.0, s) AS r FROM t');
SELECT test.create('m_group', 'SELECT g, (max(ROW(max(id), g)) OVER (ORDER BY g))::text AS r FROM t GROUP BY g');
SELECT test.create('m_set', 'SELECT id, (max(p) OVER (ORDER BY p, id))::text AS r FROM (SELECT id, ROW(g, s) AS p FROM t UNION ALL SELECT id, ROW(g, NULL::text) FROM u) AS q');
SELECT test.create('m_below', 'SELECT id, r::text AS r FROM (SELECT id, max(ROW(g, s)) OVER (ORDER BY id) AS r FROM t) AS q WHERE id > 3');
INSERT INTO t VALUES (20, NULL, NULL, NULL), (21, 1, 1.0, 's1'), (0, 1, 3.50, 's1');
UPDATE u SET g = NULL WHERE id < 3;
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET x = x * 1.00, s = NULL WHERE id IN (3, 7, 20);
DELETE FROM t WHERE id IN (1, 12);
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO t VALUES (1, 1, 1, 's1'), (2, 1, 2, 's1'), (3, NULL, 2.0, NULL);
SELECT stream_table, run FROM test.refresh_all('DELTA');
SELECT test.drop_all();
DROP TABLE t, u;
