-- Groups of a relation that is joined as well are read by index, without a state, where they are small (rule E7b).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_buyer (id int PRIMARY KEY, name text);
CREATE TABLE q_order (id int PRIMARY KEY, buyer int, price int);
CREATE TABLE q_line (ord int, n int);
CREATE INDEX ON q_line (ord);
INSERT INTO q_buyer SELECT x, 'b' || x FROM generate_series(1, 20) AS x;
INSERT INTO q_order SELECT x, x % 20 + 1, x * 7 % 100 FROM generate_series(1, 200) AS x;
INSERT INTO q_line SELECT x % 200 + 1, x % 13 FROM generate_series(1, 900) AS x;
ANALYZE q_buyer, q_order, q_line;
SELECT test.create('q_large', $$SELECT name, b.id, o.id AS ord, price, sum(n) AS n FROM q_buyer b, q_order o, q_line l WHERE o.id IN (SELECT ord FROM q_line GROUP BY ord HAVING sum(n) > 30) AND b.id = o.buyer AND o.id = l.ord GROUP BY name, b.id, o.id, price ORDER BY price DESC, o.id LIMIT 20$$);
SELECT test.create('q_rows', $$SELECT o.id, l.n FROM q_order o JOIN q_line l ON l.ord = o.id WHERE l.ord IN (SELECT ord FROM q_line GROUP BY ord HAVING count(*) > 4 AND max(n) < 12)$$);
-- NOT IN, and what is not joined
SELECT test.create('q_none', $$SELECT o.id, l.n FROM q_order o JOIN q_line l ON l.ord = o.id WHERE o.id NOT IN (SELECT ord FROM q_line WHERE ord IS NOT NULL GROUP BY ord HAVING sum(n) > 30)$$);
SELECT test.create('q_once', $$SELECT id FROM q_order WHERE id IN (SELECT ord FROM q_line GROUP BY ord HAVING sum(n) > 30)$$);
-- no index finds the rows of a group
SELECT test.create('q_scan', $$SELECT a.ord, a.n FROM q_line a WHERE a.n IN (SELECT n FROM q_line GROUP BY n HAVING count(*) > 69)$$);
SELECT name, count(*) FILTER (WHERE line ~ '^Slice') > 0 AS slices FROM unnest(ARRAY['q_large', 'q_rows', 'q_none', 'q_once', 'q_scan']) AS name, regexp_split_to_table(pgtrickle.explain_stream_table(name), E'\n') AS line GROUP BY name ORDER BY name;
SET client_min_messages = warning;
-- across the threshold, both ways
UPDATE q_line SET n = n + 9 WHERE ord IN (3, 4, 5);
UPDATE q_line SET n = 0 WHERE ord IN (SELECT ord FROM q_line GROUP BY ord HAVING sum(n) > 36) AND ord < 60;
SELECT * FROM test.refresh_all('DELTA');
-- all sides at once; orders that come with their lines, go with them, and lines that change their order
BEGIN;
INSERT INTO q_order VALUES (300, 1, 99), (301, 2, 98), (302, NULL, 97);
INSERT INTO q_line VALUES (300, 31), (301, 15), (301, 15), (301, 1), (302, 40), (NULL, 50), (999, 50);
DELETE FROM q_order WHERE id IN (6, 7);
DELETE FROM q_line WHERE ord IN (7, 8);
UPDATE q_line SET ord = ord + 1 WHERE ord % 20 = 9;
UPDATE q_buyer SET name = name || 'x' WHERE id < 5;
UPDATE q_order SET buyer = 3, price = 100 WHERE id % 30 = 0;
COMMIT;
SELECT * FROM test.refresh_all('DELTA');
-- duplicates, and back
INSERT INTO q_line SELECT * FROM q_line WHERE ord < 20;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM q_line l WHERE ord < 20 AND EXISTS (SELECT FROM q_line k WHERE k.ord = l.ord AND k.n = l.n AND k.ctid < l.ctid);
UPDATE q_buyer SET name = 'nobody' WHERE id = 3;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM q_line WHERE ord > 40;
SELECT * FROM test.refresh_all('DELTA');
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE q_buyer, q_order, q_line;
