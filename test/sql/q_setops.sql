-- INTERSECT and EXCEPT, with and without ALL, nested with UNION in any way.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE TABLE q_a (id int, g int, h text COLLATE "C", n numeric(6,2), v varchar(3));
CREATE TABLE q_b (LIKE q_a);
INSERT INTO q_a SELECT x, nullif(x % 5, 4), chr(97 + x % 3), x % 4 / 4.0, 'v' || x % 4 FROM generate_series(1, 30) AS x;
INSERT INTO q_b SELECT x, nullif(x % 7, 4), chr(97 + x % 4), x % 3 / 4.0, 'v' || x % 5 FROM generate_series(1, 20) AS x;
SELECT test.create('q_intersect', 'SELECT g, h FROM q_a INTERSECT SELECT g, h FROM q_b');
SELECT test.create('q_intersect_all', 'SELECT g, h FROM q_a INTERSECT ALL SELECT g, h FROM q_b');
SELECT test.create('q_except', 'SELECT g, h FROM q_a EXCEPT SELECT g, h FROM q_b');
SELECT test.create('q_except_all', 'SELECT g, h FROM q_a EXCEPT ALL SELECT g, h FROM q_b');
SELECT test.create('q_one_source', 'SELECT g FROM q_a WHERE id < 20 EXCEPT ALL SELECT g FROM q_a WHERE id % 3 = 0');
-- nested: left to right, in parentheses, below and above UNION
SELECT test.create('q_chain', 'SELECT g FROM q_a EXCEPT SELECT g FROM q_b INTERSECT SELECT id FROM q_b');
SELECT test.create('q_left', '(SELECT g FROM q_a EXCEPT ALL SELECT g FROM q_b) EXCEPT ALL SELECT id FROM q_b');
SELECT test.create('q_right', 'SELECT g FROM q_a EXCEPT ALL (SELECT g FROM q_b EXCEPT ALL SELECT id FROM q_a)');
SELECT test.create('q_union', 'SELECT g FROM q_a UNION (SELECT id FROM q_a INTERSECT ALL SELECT id FROM q_b)');
SELECT test.create('q_union_all', 'SELECT g FROM q_a UNION ALL (SELECT id FROM q_a INTERSECT ALL SELECT g FROM q_b) UNION ALL SELECT g FROM q_b');
SELECT test.create('q_of_union', '(SELECT g FROM q_a UNION SELECT g FROM q_b) EXCEPT (SELECT id FROM q_a UNION ALL SELECT id FROM q_b)');
SELECT test.create('q_of_union_all', '(SELECT g FROM q_a UNION ALL SELECT g FROM q_b) INTERSECT ALL (SELECT g FROM q_b UNION ALL SELECT g FROM q_b)');
-- mixed types, modifiers and collations; constants; whole queries as arms
SELECT test.create('q_types', 'SELECT id, v FROM q_a EXCEPT SELECT id::bigint, h FROM q_b');
SELECT test.create('q_modifiers', 'SELECT n, v::varchar(2) AS v FROM q_a INTERSECT ALL SELECT n, v FROM q_b');
SELECT test.create('q_collation', 'SELECT h COLLATE "POSIX" AS h FROM q_a EXCEPT ALL SELECT h FROM q_b');
SELECT test.create('q_constants', 'SELECT h, 1 AS one, ''x'' AS x, NULL::text AS nothing FROM q_a INTERSECT SELECT h, 1, ''x'', NULL FROM q_b');
SELECT test.create('q_grouped', 'SELECT h, count(*) AS c FROM q_a GROUP BY h EXCEPT ALL SELECT h, count(*) FROM q_b GROUP BY h');
SELECT test.create('q_joined', 'SELECT a.g, b.h FROM q_a AS a JOIN q_b AS b USING (id) INTERSECT ALL SELECT g, h FROM q_a');
SELECT test.create('q_values', 'SELECT g FROM q_a EXCEPT VALUES (1), (2)');
SELECT test.create('q_srf', 'SELECT generate_series(1, g) AS s FROM q_a EXCEPT ALL SELECT g FROM q_b');
-- below other operators, twice, and with free choices
SELECT test.create('q_below', 'SELECT g, count(*) AS c FROM (SELECT g, h FROM q_a EXCEPT ALL SELECT g, h FROM q_b) AS x GROUP BY g');
SELECT test.create('q_twice', 'WITH x AS (SELECT g FROM q_a EXCEPT ALL SELECT g FROM q_b) SELECT x.g, y.g AS g2 FROM x JOIN x AS y ON x.g = y.g + 1');
SELECT test.create('q_numbers', 'SELECT n::float8 AS n FROM q_a INTERSECT ALL SELECT n::float8 FROM q_b');

INSERT INTO q_a SELECT x, nullif(x % 5, 4), chr(97 + x % 3), x % 4 / 4.0, 'v' || x % 4 FROM generate_series(31, 40) AS x;
SELECT * FROM test.refresh_all();
-- both arms at once; rows cross from one to the other
DELETE FROM q_b WHERE id % 4 = 1;
UPDATE q_a SET g = g + 1, h = chr(ascii(h) + 1) WHERE id % 3 = 0;
INSERT INTO q_b SELECT * FROM q_a WHERE id % 6 = 0;
SELECT stream_table FROM test.refresh_all();
DELETE FROM q_a WHERE id % 5 <> 0;
UPDATE q_b SET v = 'w', g = NULL WHERE id % 2 = 0;
SELECT stream_table FROM test.refresh_all();
-- one empty arm, then the other, then both
DELETE FROM q_b;
SELECT count(pgtrickle.refresh_stream_table(pgt_name)) FROM (SELECT pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id) AS s;
SELECT count(test.assert_fresh(pgt_name)) FROM pgtrickle.pgt_stream_tables;
INSERT INTO q_b SELECT * FROM q_a;
DELETE FROM q_a;
SELECT stream_table FROM test.refresh_all();
DELETE FROM q_b;
SELECT count(pgtrickle.refresh_stream_table(pgt_name)) FROM (SELECT pgt_name FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id) AS s;
SELECT count(test.assert_fresh(pgt_name)) FROM pgtrickle.pgt_stream_tables;
INSERT INTO q_a VALUES (1, NULL, NULL, NULL, NULL), (1, NULL, NULL, NULL, NULL);
INSERT INTO q_b VALUES (1, NULL, NULL, NULL, NULL);
SELECT stream_table FROM test.refresh_all();
TABLE q_except_all;
SELECT test.drop_all();

-- what is shown is what a row of an arm looks like (rule A3)
CREATE TABLE q_n (id int, n numeric);
CREATE TABLE q_m (id int, n numeric);
INSERT INTO q_n VALUES (1, 1.0), (2, 1.00), (3, 2);
INSERT INTO q_m VALUES (1, 1.000), (2, 3);
SELECT pgtrickle.create_stream_table('q_shown', 'SELECT n FROM q_n EXCEPT SELECT n FROM q_m', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('q_both', 'SELECT n FROM q_n INTERSECT SELECT n FROM q_m', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('q_union', 'SELECT n FROM q_n UNION SELECT n FROM q_m', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('q_scales', 'SELECT n::numeric(4,1) AS n FROM q_n UNION SELECT n FROM q_m', refresh_mode => 'DIFFERENTIAL');
DELETE FROM q_n WHERE id = 1;
DELETE FROM q_m WHERE id = 1;
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
SELECT * FROM q_shown ORDER BY 1;
TABLE q_both;
SELECT * FROM q_union ORDER BY 1;
INSERT INTO q_m VALUES (4, 1.000);
DELETE FROM q_n WHERE id = 2;
SELECT pgtrickle.refresh_stream_table(pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
SELECT * FROM q_shown ORDER BY 1;
SELECT * FROM q_scales ORDER BY 1;
-- EXCEPT ALL shows what the left arm has, and as many as there are to be
SELECT pgtrickle.create_stream_table('q_rest', 'SELECT n FROM q_n EXCEPT ALL SELECT n FROM q_m', refresh_mode => 'DIFFERENTIAL');
DELETE FROM q_n;
DELETE FROM q_m;
INSERT INTO q_m VALUES (1, 1.0);
INSERT INTO q_n VALUES (1, 1.00), (2, 1.00);
SELECT test.refresh('q_rest');
TABLE q_rest;
DELETE FROM q_m;
INSERT INTO q_n VALUES (3, 1);
SELECT pgtrickle.refresh_stream_table('q_rest');
TABLE q_rest;
DELETE FROM q_n WHERE id < 3;
SELECT test.refresh('q_rest');
TABLE q_rest;
INSERT INTO q_m VALUES (1, 1.000);
DELETE FROM q_n;
SELECT test.refresh('q_rest');
INSERT INTO q_n VALUES (1, 1.0), (2, 1.0);
SELECT test.refresh('q_rest');
TABLE q_rest;
SELECT test.drop_all();
DROP TABLE q_a, q_b, q_n, q_m;
