-- XMLTABLE and JSON_TABLE, which are rows computed from others.
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
-- from 17 on
CREATE FUNCTION q_json_tables() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    queries text[] := ARRAY[
        $q$SELECT t.id, k.* FROM q_x AS t, JSON_TABLE(t.j, '$.l[*]' COLUMNS (l int PATH '$')) AS k$q$,
        $q$SELECT t.id, k.* FROM q_x AS t, JSON_TABLE(t.j, '$' COLUMNS (o FOR ORDINALITY, k int PATH '$.k', e boolean EXISTS PATH '$.z',
            NESTED PATH '$.l[*]' AS p COLUMNS (l int PATH '$', q FOR ORDINALITY))) AS k$q$,
        $q$SELECT t.id, p, q FROM q_x AS t, JSON_TABLE(t.j, '$.l[*] ? (@ > $n)' PASSING t.n AS n COLUMNS (l text PATH '$' DEFAULT 'none' ON EMPTY,
            m jsonb FORMAT JSON PATH '$' WITH WRAPPER)) AS k (p, q)$q$,
        $q$SELECT t.id, k.l FROM q_x AS t LEFT JOIN JSON_TABLE(t.j, '$.l[*]' COLUMNS (l int PATH '$')) AS k ON k.l > t.n$q$,
        $q$SELECT k.l, count(*) AS c FROM q_x AS t, JSON_TABLE(t.j, '$.l[*]' COLUMNS (l int PATH '$')) AS k GROUP BY k.l$q$,
        $q$SELECT t.id FROM q_x AS t WHERE EXISTS (SELECT FROM JSON_TABLE(t.j, '$.l[*]' COLUMNS (l int PATH '$')) AS k WHERE k.l > t.n)$q$,
        $q$SELECT id, JSON_VALUE(j, '$.k' RETURNING int) AS v, JSON_QUERY(j, '$.l') AS q, JSON_EXISTS(j, '$.k ? (@ > 2)') AS e FROM q_x$q$];
    changes text[] := ARRAY[
        $q$UPDATE q_x SET j = '{"k": 5, "l": [9, 9, 2]}' WHERE id = 1$q$,
        $q$UPDATE q_x SET j = NULL WHERE id = 2$q$,
        $q$UPDATE q_x SET n = 3; INSERT INTO q_x VALUES (9, '{"z": 0, "l": [1]}', 0)$q$,
        $q$DELETE FROM q_x$q$];
    change text;
BEGIN
    CREATE TABLE q_x (id int PRIMARY KEY, j jsonb, n int);
    INSERT INTO q_x VALUES (1, '{"k": 1, "l": [1, 2]}', 1), (2, '{"k": 3, "l": [2, 3, 4]}', 2), (3, '{}', NULL);
    FOR i IN 1 .. cardinality(queries) LOOP
        PERFORM test.create('q_' || i, queries[i]);
    END LOOP;
    FOREACH change IN ARRAY changes LOOP
        EXECUTE change;
        FOR i IN 1 .. cardinality(queries) LOOP
            PERFORM test.refresh('q_' || i, 'DELTA');
        END LOOP;
    END LOOP;
    RETURN 'fresh';
END $$;
DROP TABLE q_x, q_k;
\o /dev/null
SET client_min_messages = error;
SELECT current_setting('server_version_num')::int >= 170000 AS has_json_table \gset
SELECT CASE WHEN :'has_json_table'::bool THEN q_json_tables() ELSE 'fresh' END = 'fresh' AS json_tables \gset
SELECT test.drop_all();
DROP TABLE IF EXISTS q_x;
RESET client_min_messages;
\o
SELECT :'json_tables' AS json_tables;
DROP FUNCTION q_json_tables;
