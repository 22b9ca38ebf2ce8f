-- What restricts one changed table of a join only, is joined with its delta before the terms.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_line (id int PRIMARY KEY, head int, item int, n int);
CREATE TABLE q_head (id int PRIMARY KEY, who int, day int);
CREATE TABLE q_item (id int PRIMARY KEY, kind text, color text);
CREATE TABLE q_who (id int PRIMARY KEY, area int);
CREATE TABLE q_area (id int PRIMARY KEY, name text);
CREATE TABLE q_pair (a int NOT NULL, b int NOT NULL, v int, UNIQUE (a, b));
CREATE TABLE q_loose (id int, v int);
INSERT INTO q_area SELECT x, 'area ' || x FROM generate_series(1, 3) AS x;
INSERT INTO q_who SELECT x, x % 4 FROM generate_series(1, 9) AS x;
INSERT INTO q_item SELECT x, 'kind ' || x % 3, 'color ' || x % 2 FROM generate_series(1, 9) AS x;
INSERT INTO q_pair SELECT x, y, x * y FROM generate_series(1, 9) AS x, generate_series(1, 3) AS y;
INSERT INTO q_loose SELECT x % 5, x FROM generate_series(1, 12) AS x;
INSERT INTO q_head SELECT x, x % 10, x % 7 FROM generate_series(1, 40) AS x;
INSERT INTO q_line SELECT x, x / 4, x % 11, x FROM generate_series(1, 160) AS x;
-- lines and heads change, the others do not
CREATE PROCEDURE q_change(step int) LANGUAGE plpgsql AS $$
BEGIN
    CASE step
    WHEN 1 THEN
        UPDATE q_line SET item = item % 9 + 1 WHERE id % 5 = 0;
        UPDATE q_head SET who = who % 9 + 1 WHERE id % 3 = 0;
        INSERT INTO q_head VALUES (100, 1, 1), (101, NULL, 2), (102, 2, NULL);
        INSERT INTO q_line VALUES (1000, 100, 1, 1), (1001, 101, 4, 1), (1002, 102, NULL, 1), (1003, NULL, 1, 1);
    WHEN 2 THEN
        DELETE FROM q_head WHERE id IN (5, 6, 100);
        DELETE FROM q_line WHERE head IN (5, 7, 102);
        UPDATE q_line SET head = head + 1, n = -n WHERE id % 7 = 0;
    WHEN 3 THEN
        -- what was attached changes as well
        UPDATE q_item SET kind = 'kind 1' WHERE id = 2;
        UPDATE q_line SET n = n + 1 WHERE id < 30;
        UPDATE q_head SET day = 0 WHERE id < 10;
    WHEN 4 THEN
        -- nothing is left of the lines
        UPDATE q_line SET n = n + 1 WHERE item = 9;
        UPDATE q_head SET day = day + 1 WHERE id = 8;
    END CASE;
END $$;
SET client_min_messages = warning;
-- one table attached to each, one of them with what is attached to it in turn
SELECT test.create('q_star', $$SELECT l.id, l.n, h.day, i.color FROM q_line AS l JOIN q_head AS h ON h.id = l.head
    JOIN q_item AS i ON i.id = l.item WHERE i.kind = 'kind 1'$$);
SELECT test.create('q_far', $$SELECT l.id, a.name, i.kind FROM q_line AS l, q_head AS h, q_item AS i, q_who AS w, q_area AS a
    WHERE h.id = l.head AND i.id = l.item AND w.id = h.who AND a.id = w.area AND a.name <> 'area 2' AND i.kind BETWEEN 'kind 0' AND 'kind 1'$$);
-- no column of any
SELECT test.create('q_none', $$SELECT 1 AS one FROM q_line AS l JOIN q_head AS h ON h.id = l.head JOIN q_item AS i ON i.id = l.item WHERE i.kind = 'kind 1'$$);
-- between both, and so attached to neither
SELECT test.create('q_both', $$SELECT l.id, p.v FROM q_line AS l JOIN q_head AS h ON h.id = l.head JOIN q_pair AS p ON p.a = l.item AND p.b = h.day WHERE p.v > 2$$);
-- by a key of two columns; and a condition between what is attached and its table
SELECT test.create('q_two', $$SELECT l.id, h.day, p.v FROM q_line AS l JOIN q_head AS h ON h.id = l.head
    JOIN q_pair AS p ON p.a = l.item AND p.b = l.id % 4 AND p.v < l.n WHERE p.v <> 6$$);
-- several rows for each line
SELECT test.create('q_many', $$SELECT l.id, h.day, o.v FROM q_line AS l JOIN q_head AS h ON h.id = l.head JOIN q_loose AS o ON o.id = l.item WHERE o.v > 3$$);
-- groups above, a state among the changed ones, items that depend on others
SELECT test.create('q_groups', $$SELECT i.color, count(*) AS c, sum(l.n * h.day) AS s FROM q_line AS l JOIN q_head AS h ON h.id = l.head
    JOIN q_item AS i ON i.id = l.item WHERE i.kind = 'kind 1' GROUP BY i.color$$);
SELECT test.create('q_set', $$SELECT l.id, g, h.day FROM q_line AS l JOIN q_head AS h ON h.id = l.head JOIN q_item AS i ON i.id = l.item,
    LATERAL generate_series(1, l.item % 3) AS g WHERE i.kind > 'kind 0'$$);
SELECT test.create('q_counted', $$SELECT h.id, h.day, x.c, w.area FROM (SELECT head, count(*) AS c FROM q_line GROUP BY head) AS x
    JOIN q_head AS h ON h.id = x.head JOIN q_who AS w ON w.id = h.who WHERE w.area < 3$$);
SELECT test.create('q_left', $$SELECT l.id, l.n, i.color, h.day FROM q_line AS l JOIN q_item AS i ON i.id = l.item LEFT JOIN q_head AS h ON h.id = l.head WHERE i.kind = 'kind 1'$$);
CALL q_change(1);
SELECT * FROM test.refresh_all();
CALL q_change(2);
SELECT * FROM test.refresh_all();
CALL q_change(3);
SELECT * FROM test.refresh_all();
CALL q_change(4);
SELECT * FROM test.refresh_all();
-- the key that said that it is one row goes
ALTER TABLE q_item DROP CONSTRAINT q_item_pkey;
INSERT INTO q_item VALUES (1, 'kind 1', 'color 5'), (1, 'kind 1', 'color 6');
CALL q_change(3);
SELECT test.refresh('q_star', 'REINITIALIZE');
UPDATE q_line SET n = 0 WHERE id % 10 = 1;
UPDATE q_head SET day = 9 WHERE id % 9 = 0;
SELECT test.refresh('q_star');
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE q_line, q_head, q_item, q_who, q_area, q_pair, q_loose;
DROP PROCEDURE q_change;
