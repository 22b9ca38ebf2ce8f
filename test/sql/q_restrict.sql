-- Correlated aggregates compute no groups that nobody asks for.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_line (part int, supp bigint, n int, t text);
CREATE TABLE q_part (id int PRIMARY KEY, brand text, kind char(4), size int);
CREATE TABLE q_offer (part int, supp int, left_over int);
CREATE INDEX ON q_line (part);
INSERT INTO q_part SELECT x, 'b' || x % 5, 'k' || x % 3, x % 4 FROM generate_series(1, 40) AS x;
INSERT INTO q_line SELECT nullif(x % 41, 0), x % 7, x % 13, 't' || x % 2 FROM generate_series(1, 400) AS x;
INSERT INTO q_offer SELECT x % 40 + 1, x % 7, x % 50 FROM generate_series(1, 120) AS x;
SELECT test.create('q_q17', $$SELECT sum(n) / 7.0 AS a, count(*) AS c FROM q_line AS l, q_part AS p WHERE p.id = l.part AND brand = 'b1' AND kind = 'k1' AND n < (SELECT 0.7 * avg(n) FROM q_line AS m WHERE m.part = p.id)$$);
SELECT test.create('q_q20', $$SELECT part, supp FROM q_offer AS o WHERE part IN (SELECT id FROM q_part WHERE brand LIKE 'b2%' AND size > 0) AND left_over > (SELECT 0.5 * sum(n) FROM q_line AS l WHERE l.part = o.part AND l.supp = o.supp AND t = 't1')$$);
SELECT test.create('q_count', $$SELECT id, (SELECT count(*) FROM q_line AS l WHERE p.id = l.part) AS c, (SELECT max(n) + 1 FROM q_line AS l WHERE l.part = p.id AND l.t = 't0') AS m FROM q_part AS p WHERE brand = 'b3'$$);
SELECT test.create('q_left', $$SELECT p.id, o.supp, (SELECT count(*) FROM q_line AS l WHERE l.part = p.id) AS c FROM q_part AS p LEFT JOIN q_offer AS o ON o.part = p.id AND o.left_over < (SELECT max(n) FROM q_line AS l WHERE l.part = o.part) WHERE p.brand = 'b4'$$);
SELECT test.create('q_either', $$SELECT id FROM q_part AS p WHERE brand = 'b1' OR 6 < (SELECT avg(n) FROM q_line AS l WHERE l.part = p.id)$$);
SELECT test.create('q_nested', $$SELECT id FROM q_part AS p WHERE size = 1 AND 3 < (SELECT count(*) FROM q_offer AS o WHERE o.part = p.id AND o.left_over = 7 OR o.part = p.id AND o.supp < (SELECT avg(n) FROM q_line AS l WHERE l.part = o.part)) OR size = 2$$);
SELECT test.create('q_groups', $$SELECT brand, count(*) AS c, sum((SELECT sum(n) FROM q_line AS l WHERE l.part = p.id)) AS s FROM q_part AS p WHERE kind = 'k2' GROUP BY brand HAVING count(*) > (SELECT count(*) FROM q_line AS l WHERE l.t = brand)$$);
-- the states hold the groups that are asked for
SELECT count(*), count(*) FILTER (WHERE brand = 'b1' AND kind = 'k1') AS asked FROM pgtrickle_changes.state_1_0 LEFT JOIN q_part ON id = k1;
SELECT count(*) < 60 AS few FROM pgtrickle_changes.state_2_0;
SET client_min_messages = warning;
UPDATE q_line SET n = n + 5 WHERE part % 4 = 1;
INSERT INTO q_line VALUES (NULL, 1, 1, 't1'), (11, NULL, 1, 't1'), (99, 1, 1, 't1');
DELETE FROM q_line WHERE part IN (16, 3);
SELECT * FROM test.refresh_all('DELTA');
-- parts begin and cease to be asked about
UPDATE q_part SET brand = 'b' || (id + 1) % 5 WHERE id % 3 = 0;
UPDATE q_part SET kind = 'k1', size = size + 1 WHERE id % 7 = 0;
DELETE FROM q_part WHERE id IN (1, 2);
SELECT * FROM test.refresh_all('DELTA');
BEGIN;
UPDATE q_part SET brand = 'b2' WHERE id > 30;
UPDATE q_offer SET part = part % 40 + 1, left_over = 100 WHERE supp < 3;
UPDATE q_line SET part = part % 40 + 1 WHERE supp IN (2, 4);
DELETE FROM q_offer WHERE part = 12;
INSERT INTO q_part VALUES (1, 'b2', 'k1', 1), (2, 'b1', 'k1', 1);
COMMIT;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM q_line;
SELECT * FROM test.refresh_all('DELTA');
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE q_line, q_part, q_offer;
