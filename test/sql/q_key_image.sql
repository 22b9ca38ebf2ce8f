-- Keys whose equal values look different: a group chooses again when the last
-- row that looks like the shown key leaves, and only then (rule A3).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, n numeric, f float8, a numeric[]);
INSERT INTO q_t SELECT x, x % 3, x % 2, ARRAY[x % 2] FROM generate_series(1, 30000) AS x;
-- a group of many rows is not read again when rows leave that look alike
SELECT test.create('q_n', 'SELECT n, count(*) AS c, sum(id) AS s FROM q_t GROUP BY n');
SELECT test.create('q_f', 'SELECT DISTINCT f FROM q_t');
SELECT test.create('q_a', 'SELECT a, n, min(id) AS m FROM q_t WHERE id > 29000 GROUP BY a, n');
SELECT test.create('q_sets', 'SELECT n FROM q_t EXCEPT SELECT id FROM q_t WHERE id = 2');
DELETE FROM q_t WHERE id BETWEEN 100 AND 109;
UPDATE q_t SET n = n + 1, f = f + 1 WHERE id BETWEEN 200 AND 209;
SELECT * FROM test.refresh_all();
SELECT test.drop_all();
-- few rows, of one image and of several
TRUNCATE q_t;
INSERT INTO q_t VALUES (1, 1.0, 0, '{1.0}'), (2, 1.00, '-0', '{1}'), (3, 1.0, 0, '{1.0}'), (4, 2, 1, NULL), (5, NULL, NULL, NULL);
SELECT pgtrickle.create_stream_table('q_n', 'SELECT n, count(*) AS c FROM q_t GROUP BY n', refresh_mode => 'DIFFERENTIAL');
CREATE FUNCTION q_shown(OUT n text, OUT valid bool) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT s.n::text, EXISTS (SELECT FROM q_t AS t WHERE t.n::text IS NOT DISTINCT FROM s.n::text) FROM q_n AS s ORDER BY s.n
$$;
SELECT * FROM q_shown();
DELETE FROM q_t WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('q_n');
SELECT * FROM q_shown();
DELETE FROM q_t WHERE id = 3;
SELECT pgtrickle.refresh_stream_table('q_n');
SELECT * FROM q_shown();
-- a row comes as another of its group goes, a new group of several images loses one
UPDATE q_t SET n = 1.000 WHERE id = 2;
INSERT INTO q_t (id, n) VALUES (10, 7.0), (11, 7.00), (12, 7.0), (13, 8.0);
SELECT pgtrickle.refresh_stream_table('q_n');
SELECT n, valid FROM q_shown() WHERE n !~ '^7';
SELECT count(*) FROM q_shown() WHERE valid;
DELETE FROM q_t WHERE n::text = (SELECT n::text FROM q_n WHERE n = 7);
SELECT pgtrickle.refresh_stream_table('q_n');
SELECT count(*) FROM q_shown() WHERE valid;
UPDATE q_t SET n = 8.00 WHERE n = 7;
DELETE FROM q_t WHERE id = 13;
SELECT pgtrickle.refresh_stream_table('q_n');
SELECT * FROM q_shown();
DROP FUNCTION q_shown;
SELECT test.drop_all();

-- SQL/JSON aggregates, which 16 brought, and their elder kin
SELECT CASE WHEN current_setting('server_version_num')::int >= 160000
       THEN 'SELECT f, JSON_OBJECTAGG(id : n NULL ON NULL RETURNING jsonb) AS o, JSON_ARRAYAGG(id ORDER BY id DESC RETURNING text) AS a, JSON_ARRAYAGG(n ORDER BY id) FILTER (WHERE id > 1)::text AS t FROM q_t GROUP BY f'
       ELSE 'SELECT f, jsonb_object_agg(id, n) AS o, json_agg(id ORDER BY id DESC)::text AS a, json_agg(n ORDER BY id) FILTER (WHERE id > 1)::text AS t FROM q_t GROUP BY f' END AS query \gset
UPDATE q_t SET f = id % 2;
SELECT test.create('q_json', :'query');
INSERT INTO q_t VALUES (20, 5.50, 0), (21, NULL, 1);
SELECT test.refresh('q_json');
DELETE FROM q_t WHERE id % 2 = 0;
UPDATE q_t SET n = n + 1;
SELECT test.refresh('q_json');
SELECT test.drop_all();
DROP TABLE q_t;
