-- Slices follow changes of relations that the key does not reach, over the
-- columns that join them (rule E5).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_l (id int PRIMARY KEY, k int, v int, up int, t text);
CREATE TABLE q_name (v int, name text, kind int, n numeric);
CREATE TABLE q_kind (kind int PRIMARY KEY, label text);
CREATE INDEX ON q_l (k);
CREATE INDEX ON q_l (v);
CREATE INDEX ON q_l (up);
CREATE INDEX ON q_name (v);
CREATE INDEX ON q_name (kind);
INSERT INTO q_l SELECT x, nullif(x % 10, 0), nullif(x % 7, 3), x / 2, 't' || x % 3 FROM generate_series(1, 60) AS x;
INSERT INTO q_name SELECT nullif(x % 8, 0), 'name ' || x, x % 3, x FROM generate_series(1, 12) AS x;
INSERT INTO q_kind SELECT x, 'label ' || x FROM generate_series(0, 2) AS x;
SELECT test.create('q_inner', 'SELECT id, name, row_number() OVER (PARTITION BY k ORDER BY id, name) AS n FROM q_l JOIN q_name USING (v)');
SELECT test.create('q_outer', 'SELECT id, name, row_number() OVER (PARTITION BY k ORDER BY id, name) AS n FROM q_l AS l LEFT JOIN q_name AS m ON m.v = l.v AND m.kind > 0');
SELECT test.create('q_chain', 'SELECT id, name, label, rank() OVER (PARTITION BY k ORDER BY label, name) AS n FROM q_l AS l LEFT JOIN (q_name AS m JOIN q_kind AS d ON d.kind = m.kind) ON m.v = l.v');
SELECT test.create('q_parent', 'SELECT l.id, p.t, count(p.id) OVER (PARTITION BY l.k) AS n FROM q_l AS l LEFT JOIN q_l AS p ON p.id = l.up');
SELECT test.create('q_sums', 'SELECT l.id, s.n, rank() OVER (PARTITION BY k ORDER BY s.n, id) AS r FROM q_l AS l JOIN (SELECT v, sum(n) AS n FROM q_name GROUP BY v HAVING count(*) < 4) AS s ON s.v = l.v');
SELECT test.create('q_inside', 'SELECT x.id, m.name, rank() OVER (PARTITION BY k ORDER BY x.s, m.name) AS r FROM (SELECT id, k, v, sum(id) OVER (PARTITION BY k, t) AS s FROM q_l) AS x JOIN q_name AS m ON m.v = x.v');
SELECT test.create('q_exists', 'SELECT id, rank() OVER (PARTITION BY k ORDER BY id) AS r FROM q_l AS l WHERE EXISTS (SELECT FROM q_name AS m, q_kind AS d WHERE m.v = l.v AND d.kind = m.kind AND d.label <> ''none'') OR t = ''t0''');
SELECT test.create('q_in', 'SELECT id, rank() OVER (PARTITION BY k ORDER BY id) AS r FROM q_l WHERE v IN (SELECT v FROM q_name GROUP BY v HAVING max(kind) > 1)');
SELECT test.create('q_value', 'SELECT id, (SELECT count(*) FROM q_name AS m WHERE m.v = l.v) AS c, rank() OVER (PARTITION BY k ORDER BY id) AS r FROM q_l AS l');
SELECT test.create('q_lateral', 'SELECT id, x.m, rank() OVER (PARTITION BY k ORDER BY id) AS r FROM q_l AS l, LATERAL (SELECT max(kind) AS m FROM q_name AS m WHERE m.v = l.v) AS x');
SELECT test.create('q_arms', 'SELECT id, name, rank() OVER (PARTITION BY k ORDER BY id, name) AS r FROM (SELECT id, k, name FROM q_l JOIN q_name USING (v) UNION ALL SELECT id, k, label FROM q_l JOIN q_kind ON kind = v) AS x');
CREATE VIEW q_names AS SELECT v, name FROM q_name WHERE kind <> 1;
SELECT test.create('q_view', 'SELECT id, name, rank() OVER (PARTITION BY k ORDER BY name, id) AS r FROM q_l AS l LEFT JOIN q_names USING (v)');
SET client_min_messages = warning;
-- rows of the linked tables only
UPDATE q_name SET name = 'other ' || name, n = n + 5 WHERE kind = 1;
INSERT INTO q_name VALUES (3, 'matches nothing', 0, 1), (NULL, 'nor this', 1, 2), (99, 'nor this', 2, 3);
SELECT * FROM test.refresh_all('DELTA');
-- both sides, so that links come and go
BEGIN;
UPDATE q_l SET v = 99 WHERE id % 7 = 2;
UPDATE q_l SET v = NULL WHERE id IN (4, 6);
UPDATE q_name SET v = v + 1 WHERE kind = 2;
DELETE FROM q_name WHERE n IN (8, 9);
UPDATE q_kind SET label = 'none' WHERE kind = 1;
COMMIT;
SELECT * FROM test.refresh_all('DELTA');
BEGIN;
UPDATE q_l SET k = 3, up = id - 1 WHERE k = 5;
INSERT INTO q_l VALUES (100, 3, 3, 2, 't0'), (101, NULL, 99, 100, 't1');
DELETE FROM q_kind WHERE kind = 0;
INSERT INTO q_kind VALUES (5, 'label 5');
UPDATE q_name SET kind = 5 WHERE name LIKE '%1';
COMMIT;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM q_name WHERE v > 2;
DELETE FROM q_l WHERE id % 4 = 0;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM q_name;
SELECT * FROM test.refresh_all('DELTA');
-- of many rows only those that the change reaches are read
SELECT test.drop_all();
INSERT INTO q_l SELECT x, x % 5000, x % 10007, x / 2, 't' FROM generate_series(200, 50000) AS x;
INSERT INTO q_name SELECT x % 10007, 'name ' || x, x % 3, x FROM generate_series(1, 10007) AS x;
ANALYZE q_l;
ANALYZE q_name;
SELECT test.create('q_inner', 'SELECT id, name, row_number() OVER (PARTITION BY k ORDER BY id, name) AS n FROM q_l JOIN q_name USING (v)');
SELECT test.create('q_sums', 'SELECT l.id, s.n, rank() OVER (PARTITION BY k ORDER BY s.n, id) AS r FROM q_l AS l JOIN (SELECT v, sum(n) AS n FROM q_name GROUP BY v HAVING count(*) < 4) AS s ON s.v = l.v');
SELECT test.create('q_value', 'SELECT id, (SELECT sum(n) FROM q_name AS m WHERE m.v = l.v) AS c, rank() OVER (PARTITION BY k ORDER BY id) AS r FROM q_l AS l');
UPDATE q_name SET name = 'renamed', n = -n WHERE v IN (17, 4711, 10000);
SELECT * FROM test.refresh_all();
RESET client_min_messages;
SELECT test.drop_all();
DROP VIEW q_names;
DROP TABLE q_l, q_name, q_kind;
