-- XMLTABLE: rows computed from others. JSON_TABLE is tested by test/py/test_json_table.py.
-- A server without libxml has nothing to test (q_tablefunc_1.out).
SELECT test.lacks('xml') AS lacks \gset
\if :lacks
\quit
\endif
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_x (id int PRIMARY KEY, b text, x xml, n int);
CREATE TABLE q_k (k int, v text);
INSERT INTO q_x VALUES (1, 'one', '<a><b>1</b><b>2</b></a>', 1), (2, NULL, '<a/>', 2), (3, 'three', NULL, 3), (4, 'four', '<a><b>2</b><b>2</b></a>', NULL);
INSERT INTO q_k VALUES (1, 'i'), (2, 'ii'), (2, 'II');
SELECT test.create('q_plain', $$SELECT t.id, k.k FROM q_x AS t, XMLTABLE('/a/b' PASSING t.x COLUMNS k int PATH '.') AS k$$);
SELECT test.create('q_default', $$SELECT t.id, k.* FROM q_x AS t, XMLTABLE('/a/b' PASSING t.x COLUMNS o FOR ORDINALITY, k text PATH 'c' DEFAULT t.b) AS k$$);
SELECT test.create('q_renamed', $$SELECT t.id, p, q FROM q_x AS t, XMLTABLE('/a/b' PASSING t.x COLUMNS o FOR ORDINALITY, k text PATH '.') AS k (p, q) WHERE k.p > 1$$);
SELECT test.create('q_left', $$SELECT t.id, k.k FROM q_x AS t LEFT JOIN XMLTABLE('/a/b' PASSING t.x COLUMNS k int PATH '.') AS k ON k.k > t.n$$);
SELECT test.create('q_joined', $$SELECT t.id, u.v FROM q_x AS t CROSS JOIN XMLTABLE('/a/b' PASSING t.x COLUMNS k int PATH '.') AS k LEFT JOIN q_k AS u ON u.k = k.k$$);
SELECT test.create('q_grouped', $$SELECT k.k, count(*) AS c, sum(t.n) AS n FROM q_x AS t, XMLTABLE('/a/b' PASSING t.x COLUMNS k int PATH '.') AS k GROUP BY k.k$$);
SELECT test.create('q_exists', $$SELECT u.v FROM q_k AS u WHERE EXISTS (SELECT FROM q_x AS t, XMLTABLE('/a/b' PASSING t.x COLUMNS k int PATH '.') AS k WHERE k.k = u.k)$$);
SELECT test.create('q_scalar', $$SELECT t.id, (SELECT sum(k.k) FROM XMLTABLE('/a/b' PASSING t.x COLUMNS k int PATH '.') AS k) AS s FROM q_x AS t$$);
SELECT test.create('q_constant', $$SELECT t.id, k.k FROM q_x AS t JOIN XMLTABLE('/a/b' PASSING xmlparse(content '<a><b>1</b><b>2</b></a>') COLUMNS k int PATH '.') AS k ON k.k = t.n$$);
SELECT test.create('q_row', $$SELECT t.id, to_jsonb(k) AS j FROM q_x AS t, XMLTABLE('/a/b' PASSING t.x COLUMNS k int PATH '.') AS k$$);
UPDATE q_x SET x = '<a><b>3</b><b>1</b></a>' WHERE id = 1;
UPDATE q_x SET b = 'cuatro', n = 0 WHERE id = 4;
INSERT INTO q_x VALUES (5, 'five', '<a><b>2</b></a>', 1);
INSERT INTO q_k VALUES (3, 'iii');
SELECT stream_table FROM test.refresh_all();
UPDATE q_x SET x = NULL WHERE id = 4;
UPDATE q_x SET x = '<a><b>1</b></a>' WHERE id = 3;
DELETE FROM q_k WHERE k = 2;
SELECT stream_table FROM test.refresh_all();
DELETE FROM q_x;
SELECT stream_table FROM test.refresh_all();
SELECT name, test.last_run(name) FROM unnest(ARRAY['q_plain', 'q_default', 'q_renamed', 'q_left', 'q_joined', 'q_grouped', 'q_exists',
    'q_scalar', 'q_constant', 'q_row']) AS name;
SELECT test.drop_all();
-- a change costs itself
INSERT INTO q_x SELECT x, 'x', ('<a><b>' || x || '</b></a>')::xml, x FROM generate_series(1, 9000) AS x;
SELECT test.create('q_plain', $$SELECT t.id, k.k FROM q_x AS t, XMLTABLE('/a/b' PASSING t.x COLUMNS k int PATH '.') AS k$$);
UPDATE q_x SET x = '<a><b>0</b></a>' WHERE id = 77;
SELECT test.refresh('q_plain');
SELECT test.drop_all();
DROP TABLE q_x, q_k;
