-- Of slices, only rows are read that the query's own conditions leave, and only
-- keys that an inner join finds rows of (rule E5).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_order (id int PRIMARY KEY, state text, day date);
CREATE TABLE q_line (ord int, supp int, late boolean, n int);
CREATE TABLE q_supp (id int PRIMARY KEY, name text, nation int, active boolean);
CREATE TABLE q_nation (id int PRIMARY KEY, name text);
CREATE INDEX ON q_line (ord);
CREATE INDEX ON q_line (supp);
CREATE INDEX ON q_supp (nation);
INSERT INTO q_nation SELECT x, 'n' || x FROM generate_series(0, 4) AS x;
INSERT INTO q_supp SELECT x, 's' || x, x % 5, x % 7 > 0 FROM generate_series(1, 20) AS x;
INSERT INTO q_order SELECT x, CASE WHEN x % 3 > 0 THEN 'F' ELSE 'O' END, date '2026-01-01' + x FROM generate_series(1, 90) AS x;
INSERT INTO q_line SELECT nullif(x % 90, 0), x % 20 + 1, x % 3 > 0, x % 40 FROM generate_series(1, 300) AS x;
SELECT test.create('q_waits', $$SELECT s.name, a.ord, count(*) AS c FROM q_supp AS s, q_line AS a, q_order AS o, q_nation AS m WHERE s.id = a.supp AND o.id = a.ord AND o.state = 'F' AND a.late AND s.active AND EXISTS (SELECT FROM q_line AS b WHERE b.ord = a.ord AND b.supp <> a.supp) AND NOT EXISTS (SELECT FROM q_line AS c WHERE c.ord = a.ord AND c.supp <> a.supp AND c.late AND c.n > 35) AND s.nation = m.id AND m.name = 'n1' GROUP BY s.name, a.ord$$);
-- the right sides of outer joins keep rows alive by what they do not have
SELECT test.create('q_left', $$SELECT l.ord, o.state, rank() OVER (PARTITION BY l.ord ORDER BY l.n, l.supp) AS r FROM q_line AS l LEFT JOIN q_order AS o ON o.id = l.ord WHERE o.state IS NULL AND l.n < 30$$);
SELECT test.create('q_inner', $$SELECT l.ord, o.day, sum(l.n) OVER (PARTITION BY l.ord ORDER BY l.n) AS s FROM q_line AS l JOIN q_order AS o ON o.id = l.ord WHERE o.state = 'F' AND o.day > '2026-01-10' AND l.n BETWEEN 3 AND 33$$);
-- what a subquery does not find counts as well
SELECT test.create('q_never', $$SELECT ord, n, rank() OVER (PARTITION BY ord ORDER BY n, supp) AS r FROM q_line AS l WHERE NOT EXISTS (SELECT FROM q_order AS o WHERE o.id = l.ord AND o.state = 'F')$$);
-- one of two references has none; NULL is a key, too
SELECT test.create('q_twice', $$SELECT l.ord, l.n, row_number() OVER (PARTITION BY l.ord ORDER BY l.n, l.supp, l.late) AS r, (SELECT count(*) FROM q_line AS x WHERE x.ord = l.ord) AS c FROM q_line AS l WHERE l.late$$);
SELECT test.create('q_null', $$SELECT ord, n, row_number() OVER (PARTITION BY ord ORDER BY n, supp) AS r FROM q_line WHERE NOT late$$);
SELECT test.create('q_either', $$SELECT a.ord, a.supp, rank() OVER (PARTITION BY a.ord ORDER BY a.n, b.n) AS r FROM q_line AS a JOIN q_line AS b ON b.ord = a.ord WHERE a.n < 10 AND b.n > 30$$);
SELECT name, line FROM unnest(ARRAY['q_waits', 'q_left', 'q_inner']) AS name, regexp_split_to_table(pgtrickle.explain_stream_table(name), E'\n') AS line WHERE line ~ '^Slice .* that linked relations know';
SET client_min_messages = warning;
-- rows cross the borders of the conditions
UPDATE q_line SET late = NOT late WHERE n % 7 = 0;
UPDATE q_order SET state = CASE state WHEN 'F' THEN 'O' ELSE 'F' END WHERE id % 10 = 0;
DELETE FROM q_line WHERE n = 11;
INSERT INTO q_line VALUES (3, 1, true, 1), (NULL, 4, false, 5), (NULL, 1, true, 33), (999, 4, true, 2);
SELECT * FROM test.refresh_all('DELTA');
-- suppliers of other nations matter to nobody, until they move; the nation is the same at first, and then not
UPDATE q_supp SET name = name || 'x' WHERE nation <> 1;
SELECT * FROM test.refresh_all('DELTA');
UPDATE q_supp SET nation = 1 WHERE id IN (2, 3);
UPDATE q_supp SET nation = 2 WHERE id = 6;
UPDATE q_supp SET active = NOT active WHERE id IN (11, 12);
SELECT * FROM test.refresh_all('DELTA');
BEGIN;
UPDATE q_nation SET name = CASE id WHEN 1 THEN 'n2' WHEN 2 THEN 'n1' ELSE name END;
UPDATE q_supp SET nation = (nation + 1) % 5 WHERE id > 15;
UPDATE q_line SET ord = ord % 90 + 1, n = (n + 13) % 40 WHERE supp = 4;
DELETE FROM q_order WHERE id BETWEEN 10 AND 25;
COMMIT;
SELECT * FROM test.refresh_all('DELTA');
-- whole keys come and go
DELETE FROM q_line WHERE ord BETWEEN 30 AND 35 OR ord IS NULL;
DELETE FROM q_order WHERE id BETWEEN 33 AND 40;
INSERT INTO q_order SELECT x, 'F', '2026-03-01' FROM generate_series(10, 20) AS x;
DELETE FROM q_supp WHERE id = 7;
SELECT * FROM test.refresh_all('DELTA');
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE q_order, q_line, q_supp, q_nation;
