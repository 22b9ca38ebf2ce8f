-- Rows as values: of tables, where an outer join has none, of subqueries.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (gone int, id int PRIMARY KEY, a int, "a b" text, js json);
ALTER TABLE q_t DROP COLUMN gone;
CREATE TABLE q_u (t_id int, n numeric);
CREATE TYPE q_pair AS (x int, y text);
CREATE DOMAIN q_good AS q_pair CHECK ((VALUE).x > 0);
INSERT INTO q_t VALUES (1, 1, 'one', '{}'), (2, NULL, NULL, NULL), (3, 1, 'three', '[]');
INSERT INTO q_u VALUES (1, 1.0), (1, 1.00), (3, NULL), (NULL, NULL);
SELECT test.create('q_row', 'SELECT q_u AS r FROM q_u');
SELECT test.create('q_json', 'SELECT id, to_jsonb(t) AS j FROM q_t AS t WHERE t.a IS NOT NULL');
SELECT test.create('q_names', 'SELECT to_jsonb(x) AS j, row_to_json(x)::text AS r FROM (SELECT id AS "i d", a + 1 AS b, js FROM q_t) AS x');
SELECT test.create('q_renamed', 'SELECT to_jsonb(x) AS j FROM q_t AS x (p, q)');
-- no row is something else than a row of NULLs
SELECT test.create('q_left', 'SELECT t.id, to_jsonb(u) AS j, u IS NULL AS n, num_nulls(u) AS m FROM q_t AS t LEFT JOIN q_u AS u ON u.t_id = t.id');
SELECT test.create('q_full', 'SELECT to_jsonb(t) AS t, to_jsonb(u) AS u FROM q_t AS t FULL JOIN q_u AS u ON u.t_id = t.id AND u.n > 0');
SELECT test.create('q_left_query', 'SELECT t.id, to_jsonb(x) AS j FROM q_t AS t LEFT JOIN (SELECT t_id, count(*) AS c, max(n) FROM q_u GROUP BY t_id) AS x (i) ON x.i = t.id');
SELECT test.create('q_count', 'SELECT t.id, count(u) AS c, count(*) AS r FROM q_t AS t LEFT JOIN q_u AS u ON u.t_id = t.id GROUP BY t.id');
SELECT test.create('q_lateral', 'SELECT t.id, x.j FROM q_t AS t LEFT JOIN LATERAL (SELECT jsonb_agg(y ORDER BY y.n) AS j FROM (SELECT u.n, t.a FROM q_u AS u WHERE u.t_id = t.id) AS y) AS x ON true');
SELECT test.create('q_asked', 'SELECT id, (SELECT jsonb_agg(u ORDER BY u.n) FROM q_u AS u WHERE u.t_id = t.id) AS j FROM q_t AS t');
SELECT test.create('q_distinct', 'SELECT DISTINCT u AS r FROM q_u AS u');
SELECT test.create('q_compared', 'SELECT count(*) AS c FROM q_u AS u, q_u AS v WHERE u = v');
SELECT test.create('q_set', 'SELECT to_jsonb(x) AS j FROM (SELECT id, a FROM q_t UNION ALL SELECT t_id, 0 FROM q_u) AS x');
SELECT test.create('q_nested', 'SELECT to_jsonb(y) AS j FROM (SELECT x, x.id + 1 AS k FROM (SELECT id, a FROM q_t) AS x) AS y');
-- all columns depend on the key, some of a type that no key can have
SELECT test.create('q_keyed', 'SELECT to_jsonb(t) AS j, t.js, count(u.n) AS c FROM q_t AS t LEFT JOIN q_u AS u ON u.t_id = t.id GROUP BY t.id');
INSERT INTO q_t VALUES (4, 4, 'four', 'null');
INSERT INTO q_u VALUES (2, 2.5), (4, 0), (NULL, NULL);
UPDATE q_t SET "a b" = 'uno', js = '{"k": 1}' WHERE id = 1;
SELECT stream_table FROM test.refresh_all();
DELETE FROM q_u WHERE t_id = 1 AND n::text = '1.0';
UPDATE q_u SET n = NULL WHERE t_id = 4;
UPDATE q_t SET a = 2 WHERE id = 2;
SELECT stream_table FROM test.refresh_all();
DELETE FROM q_u WHERE t_id IS NOT NULL;
DELETE FROM q_t WHERE id = 3;
SELECT stream_table FROM test.refresh_all();
SELECT name, test.last_run(name) FROM unnest(ARRAY['q_row', 'q_json', 'q_names', 'q_renamed', 'q_left', 'q_full', 'q_left_query', 'q_count',
    'q_lateral', 'q_asked', 'q_distinct', 'q_compared', 'q_set', 'q_nested', 'q_keyed']) AS name;
SELECT * FROM q_left ORDER BY id;
SELECT * FROM q_names ORDER BY r;
SELECT test.drop_all();
-- names and columns of a row are part of it
SELECT test.create('q_json', 'SELECT id, to_jsonb(q_t) AS j FROM q_t');
ALTER TABLE q_t RENAME a TO b;
UPDATE q_t SET b = 7 WHERE id = 1;
SELECT test.refresh('q_json', 'FULL');
UPDATE q_t SET b = 8 WHERE id = 1;
SELECT test.refresh('q_json');
SET pg_trickle.block_source_ddl = off;
ALTER TABLE q_t DROP COLUMN js;
RESET pg_trickle.block_source_ddl;
UPDATE q_t SET b = 9 WHERE id = 1;
SELECT test.refresh('q_json', 'FULL');
UPDATE q_t SET b = 10 WHERE id = 1;
SELECT test.refresh('q_json');
SELECT * FROM q_json ORDER BY id;
-- only what is asked for costs
INSERT INTO q_t SELECT x, x, 'x' FROM generate_series(1000, 9000) AS x;
SELECT test.refresh('q_json', 'DELTA');
SELECT test.create('q_left', 'SELECT t.id, to_jsonb(u) AS j FROM q_t AS t LEFT JOIN q_u AS u ON u.t_id = t.id');
CREATE INDEX ON q_u (t_id);
INSERT INTO q_u VALUES (1000, 1);
UPDATE q_t SET b = 0 WHERE id = 1001;
SELECT test.refresh('q_json'), test.refresh('q_left');
-- two columns of one name
SELECT test.create('q_twice', 'SELECT row_to_json(x)::text AS r FROM (SELECT id AS p, b AS p FROM q_t) AS x', 'AUTO');
-- a domain checks its rows, a row that is written out does not
CREATE FUNCTION q_good(int) RETURNS q_good LANGUAGE sql IMMUTABLE AS 'SELECT ROW($1, ''y'')::public.q_pair::public.q_good';
SELECT test.create('q_domain', 'SELECT t.id, to_jsonb(g) AS j FROM q_t AS t, q_good(t.id) AS g WHERE t.id < 10', 'AUTO');
SELECT test.drop_all();
DROP FUNCTION q_good(int);
DROP TABLE q_t, q_u;
DROP DOMAIN q_good;
DROP TYPE q_pair;
