-- Of a large log only rows are read whose keys another relation leaves, or left (rule E14).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_fact (id int PRIMARY KEY, d int, c varchar(8), b bigint, n int);
CREATE TABLE q_dim (id int PRIMARY KEY, kind text, label text);
CREATE TABLE q_code (code varchar(8), kind text);
CREATE TABLE q_part (id int, kind text) PARTITION BY RANGE (id);
CREATE TABLE q_part_1 PARTITION OF q_part FOR VALUES FROM (MINVALUE) TO (200);
CREATE TABLE q_part_2 PARTITION OF q_part FOR VALUES FROM (200) TO (MAXVALUE);
INSERT INTO q_fact SELECT x, nullif(x % 400, 13), 'c' || x % 300, x % 350, x FROM generate_series(1, 3000) AS x;
INSERT INTO q_dim SELECT x, 'k' || x % 50, 'l' || x FROM generate_series(0, 399) AS x;
INSERT INTO q_code SELECT 'c' || x, 'k' || x % 60 FROM generate_series(0, 299) AS x;
INSERT INTO q_part SELECT x, 'k' || x % 40 FROM generate_series(0, 349) AS x;
CREATE INDEX ON q_fact (d);
CREATE INDEX ON q_fact (c);
ANALYZE q_fact, q_dim, q_code, q_part;
SELECT test.create('q_star', 'SELECT f.id, f.n, d.label FROM q_fact AS f JOIN q_dim AS d ON d.id = f.d WHERE d.kind = ''k7''');
SELECT test.create('q_sums', 'SELECT d.label, c.kind, count(*) AS c, sum(f.n) AS n FROM q_dim AS d, q_fact AS f, q_code AS c WHERE d.kind IN (''k3'', ''k4'') AND c.kind LIKE ''k1%'' AND f.d = d.id AND c.code = f.c GROUP BY d.label, c.kind');
SELECT test.create('q_types', 'SELECT f.id, p.kind FROM q_fact AS f JOIN q_part AS p ON p.id = f.b AND p.kind = ''k5''');
SELECT test.create('q_parts', 'SELECT f.id, p.kind FROM q_fact AS f JOIN q_part AS p ON p.id = f.d WHERE p.kind = ''k5'' AND f.n % 2 = 0');
SELECT test.create('q_own', 'SELECT f.id, g.n FROM q_fact AS f JOIN q_fact AS g ON g.id = f.d WHERE g.n = 7');
SELECT test.create('q_left', 'SELECT f.id, d.label FROM q_fact AS f LEFT JOIN q_dim AS d ON d.id = f.d AND d.kind = ''k7''');
SELECT test.create('q_beside', 'SELECT f.id, d.label FROM q_fact AS f JOIN q_dim AS d ON d.id = f.d AND d.kind = ''k7'' UNION ALL SELECT id, c FROM q_fact WHERE n = 5');
SET client_min_messages = warning;
-- the log of q_fact is large, nothing else has changed
UPDATE q_fact SET n = n + 1;
SELECT * FROM test.refresh_all('DELTA');
UPDATE q_fact SET d = d + 1, b = b + 1 WHERE id % 3 > 0;
DELETE FROM q_fact WHERE id % 7 = 0;
SELECT * FROM test.refresh_all('DELTA');
-- what has gone, comes and changes of the others counts as well
BEGIN;
UPDATE q_fact SET d = d - 1, n = n + 2 WHERE id % 3 = 1;
UPDATE q_dim SET kind = 'k' || id % 49 WHERE id % 4 = 0;
UPDATE q_part SET kind = 'k5' WHERE kind = 'k4';
UPDATE q_part SET kind = 'k3' WHERE id = 45;
DELETE FROM q_dim WHERE id IN (7, 53, 57);
DELETE FROM q_code WHERE kind = 'k11';
INSERT INTO q_code VALUES ('c5', 'k10'), (NULL, 'k10');
UPDATE q_fact SET c = 'c5' WHERE id % 11 = 0;
COMMIT;
SELECT * FROM test.refresh_all('DELTA');
-- nothing is wanted any more, and all of it
DELETE FROM q_dim WHERE kind = 'k7';
UPDATE q_fact SET n = n + 1;
SELECT * FROM test.refresh_all('DELTA');
UPDATE q_dim SET kind = 'k7' WHERE kind <> 'k3';
UPDATE q_fact SET n = n + 1;
SELECT * FROM test.refresh_all('DELTA');
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE q_fact, q_dim, q_code, q_part;
