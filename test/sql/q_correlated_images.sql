-- Subqueries that are asked with values which are equal and look different (rule A3).
-- A server without ICU has nothing to test (q_correlated_images_1.out).
SELECT test.lacks('icu') AS lacks \gset
\if :lacks
\quit
\endif
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE COLLATION fold (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE t (id int, s text COLLATE fold, l text[] COLLATE fold, b bpchar);
CREATE TABLE u (k int, s text COLLATE "C");
INSERT INTO t VALUES (1, 'a', '{a}', 'x'), (2, 'A', '{A}', 'x '), (3, 'b', '{b}', 'X'), (4, 'B', '{B}', NULL), (5, 'b', '{b}', '');
INSERT INTO u VALUES (1, 'a'), (2, 'B'), (3, 'c');
SELECT test.create('f_text', 'SELECT id, (SELECT min(k || t.s) FROM u WHERE u.s COLLATE fold <= t.s) AS m FROM t');
SELECT test.create('f_array', 'SELECT id, (SELECT min(k || t.l::text) FROM u WHERE u.k >= cardinality(t.l)) AS m FROM t');
SELECT test.create('f_blanks', 'SELECT id, (SELECT min(format(''%s %s|'', k, t.b)) FROM u WHERE u.s::bpchar <> t.b) AS m FROM t');
SELECT test.create('f_side', 'SELECT x.s, u.k FROM (SELECT s FROM t UNION ALL SELECT ''C'') AS x LEFT JOIN u ON u.s COLLATE fold = x.s');
DELETE FROM t WHERE id = 4;
SELECT * FROM test.refresh_all('DELTA');
INSERT INTO t VALUES (6, 'B', '{B,NULL}', 'x '), (7, 'A', '{A}', 'x');
DELETE FROM t WHERE id IN (1, 3);
DELETE FROM u WHERE k = 1;
SELECT * FROM test.refresh_all('DELTA');
UPDATE t SET s = upper(s), b = b || ' ';
INSERT INTO u VALUES (0, 'A');
SELECT * FROM test.refresh_all('DELTA');
SELECT test.drop_all();
DROP TABLE t, u;
DROP COLLATION fold;
