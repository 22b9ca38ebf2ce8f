-- What identifies a row of a join: the keys that it shows, when they determine the rest.
-- A server without ICU has nothing to test (q_join_keys_1.out).
SELECT test.lacks('icu') AS lacks \gset
\if :lacks
\quit
\endif
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE COLLATION q_insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE q_a (id int PRIMARY KEY, k int NOT NULL, u int UNIQUE, n numeric, t text COLLATE "C");
CREATE TABLE q_b (id bigint PRIMARY KEY, k int NOT NULL, x int);
CREATE TABLE q_text (t text COLLATE q_insensitive PRIMARY KEY, x int);
CREATE TABLE q_later (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, x int);
CREATE TABLE q_partial (id int NOT NULL, x int);
CREATE UNIQUE INDEX ON q_partial (id) WHERE x > 0;
CREATE TABLE q_parent (id int PRIMARY KEY, x int);
CREATE TABLE q_child () INHERITS (q_parent);
INSERT INTO q_a VALUES (1, 1, 1, 1.0, 'a'), (2, 2, NULL, 1.00, 'A'), (3, 1, NULL, 2, 'b');
INSERT INTO q_b VALUES (1, 1, 1), (2, 2, 1), (3, 1, 2);
INSERT INTO q_text VALUES ('a', 1), ('B', 2);
INSERT INTO q_later VALUES (1, 1), (2, 2);
INSERT INTO q_partial VALUES (1, 1), (1, 0), (1, 0), (2, 1);
INSERT INTO q_parent VALUES (1, 1);
INSERT INTO q_child VALUES (1, 1), (2, 2), (2, 2);
SELECT test.create('q_by_key', 'SELECT a.id, b.x FROM q_a AS a JOIN q_b AS b ON b.id = a.k');
SELECT test.create('q_by_both', 'SELECT a.id, b.id AS b, b.x FROM q_a AS a JOIN q_b AS b ON b.x = a.k');
SELECT test.create('q_by_cycle', 'SELECT b.id, a.n FROM q_a AS a JOIN q_b AS b ON a.id = b.k AND b.id = a.k');
SELECT test.create('q_by_constant', 'SELECT a.id, b.x FROM q_a AS a JOIN q_b AS b ON b.id = 1');
SELECT test.create('q_by_nullable', 'SELECT a.u, b.x FROM q_a AS a JOIN q_b AS b ON b.id = a.id');
SELECT test.create('q_by_float', 'SELECT a.id, b.x FROM q_a AS a JOIN q_b AS b ON b.id = a.n::float8');
SELECT test.create('q_by_text', 'SELECT a.id, t.x FROM q_a AS a JOIN q_text AS t ON t.t = a.t COLLATE q_insensitive');
SELECT test.create('q_by_other_text', 'SELECT t.t, a.id FROM q_text AS t JOIN q_a AS a ON a.t = t.t COLLATE "C"');
SELECT test.create('q_by_later', 'SELECT l.id, b.x FROM q_later AS l JOIN q_b AS b USING (id)');
SELECT test.create('q_by_partial', 'SELECT p.id, b.x FROM q_partial AS p JOIN q_b AS b USING (id)');
SELECT test.create('q_by_parent', 'SELECT p.id, b.x FROM q_parent AS p JOIN q_b AS b USING (id)');
SELECT test.create('q_by_group', 'SELECT a.id, g.c FROM q_a AS a JOIN (SELECT n, count(*) AS c FROM q_a GROUP BY n) AS g USING (n)');
SELECT tablename, indexdef FROM pg_indexes WHERE tablename LIKE 'q\_by\_%' AND indexdef LIKE '% UNIQUE %' ORDER BY 1;
BEGIN;
UPDATE q_a SET k = 3 - k, n = 1.000 WHERE id < 3;
UPDATE q_b SET k = 3 - k, x = x + 1 WHERE id < 3;
UPDATE q_later SET id = 3 - id;
UPDATE q_text SET t = upper(t);
INSERT INTO q_partial VALUES (2, 0), (2, 0);
DELETE FROM ONLY q_parent;
INSERT INTO q_b VALUES (9007199254740992, 9, 9);
INSERT INTO q_a VALUES (4, 9, NULL, 9007199254740993, 'B');
COMMIT;
SELECT * FROM test.refresh_all();
BEGIN;
INSERT INTO q_b VALUES (9007199254740993, 9, 9);
DELETE FROM q_a WHERE n = 1 AND id = 1;
UPDATE q_later SET x = 7;
UPDATE q_child SET id = 3;
COMMIT;
SELECT * FROM test.refresh_all();
SELECT test.drop_all();
DROP TABLE q_a, q_b, q_text, q_later, q_partial, q_child, q_parent;
DROP COLLATION q_insensitive;
