-- Joins: all forms of FROM, several sources changed at once, what never stood side by side.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_a (id int PRIMARY KEY, d int, k int);
CREATE TABLE q_b (id int PRIMARY KEY, d int, k int);
CREATE TABLE q_c (id int, d int, k int);
INSERT INTO q_a SELECT x, x % 3, x % 4 FROM generate_series(1, 8) AS x;
INSERT INTO q_b SELECT x, x % 3, x % 4 FROM generate_series(1, 6) AS x;
INSERT INTO q_c SELECT x % 5, x % 3, x % 4 FROM generate_series(1, 7) AS x;
-- one step of changes in all three, in one transaction
CREATE PROCEDURE q_change(step int) LANGUAGE plpgsql AS $$
BEGIN
    CASE step
    WHEN 1 THEN
        UPDATE q_a SET k = k + 1;
        UPDATE q_b SET k = 3 - k, d = NULL WHERE id = 3;
        DELETE FROM q_b WHERE id = 1;
        INSERT INTO q_a VALUES (20, 1, NULL), (21, NULL, 1);
        INSERT INTO q_c VALUES (2, 1, 1), (2, 1, 1), (NULL, NULL, NULL);
    WHEN 2 THEN
        DELETE FROM q_a WHERE id < 3;
        UPDATE q_b SET id = id + 1 WHERE id = (SELECT max(id) FROM q_b);
        INSERT INTO q_b VALUES (100, 1, 1);
        UPDATE q_c SET k = d, d = k WHERE id = 2;
    WHEN 3 THEN
        UPDATE q_a SET d = d + 1 WHERE id = 5;
        DELETE FROM q_b;
        DELETE FROM q_c WHERE k = 1;
        INSERT INTO q_b SELECT id, d, k FROM q_a;
    END CASE;
END $$;
-- inner, comma, cross, self, NATURAL, USING; inequality and expressions
SELECT test.create('q_on', 'SELECT a.id, b.id AS b, b.d FROM q_a AS a JOIN q_b AS b ON a.k = b.d');
SELECT test.create('q_comma', 'SELECT a.id, c.d FROM q_a AS a, q_b AS b, q_c AS c WHERE a.k = b.k AND b.d = c.d');
SELECT test.create('q_cross', 'SELECT count(*) AS c, 1 AS one FROM q_a CROSS JOIN q_b');
SELECT test.create('q_self', 'SELECT x.id, y.id AS y, z.d FROM q_a AS x, q_a AS y, q_a AS z WHERE x.k = y.d AND y.d = z.k');
SELECT test.create('q_natural', 'SELECT * FROM q_a NATURAL JOIN q_c');
SELECT test.create('q_using', 'SELECT m.*, x.d AS d2 FROM q_a AS x JOIN q_b AS y USING (id, k) AS m');
SELECT test.create('q_less', 'SELECT a.id, b.id AS b FROM q_a AS a JOIN q_b AS b ON a.id < b.id AND a.k <> b.k');
SELECT test.create('q_expression', 'SELECT a.id + b.id AS s FROM q_a AS a JOIN q_b AS b ON a.id + 1 = b.id * 2 OR a.k IS NULL');
SELECT test.create('q_false', 'SELECT a.id FROM q_a AS a JOIN q_b AS b ON false');
-- names: of columns, of joins, of joins of joins
SELECT test.create('q_alias', 'SELECT p, q, x.r, y.r AS r2 FROM q_a AS x(p, q, r) JOIN q_c AS y(r) ON p = y.r');
SELECT test.create('q_alias_join', 'SELECT j.u, j.z, b.k FROM (q_a JOIN q_c USING (id)) AS j(u, v, w, y, z) JOIN q_b AS b ON b.id = j.u');
SELECT test.create('q_nested', 'SELECT a.id, j.e FROM q_a AS a JOIN (q_b AS b JOIN (SELECT id AS i, d AS e FROM q_c WHERE d > 0) AS c ON c.e = b.k) AS j ON j.i = a.id');
-- one source often: more changed references than terms are worth
SELECT test.create('q_five', 'SELECT a.id, b2.d FROM q_a AS a JOIN q_b AS b USING (id) JOIN q_c AS c USING (id) JOIN q_a AS a2 ON a2.k = b.k JOIN q_b AS b2 ON b2.id = c.id');
SELECT test.create('q_apart', 'SELECT a.id, b.id AS b FROM q_a AS a, q_b AS b, q_c AS c, q_a AS a2, q_c AS c2 WHERE a.k = c.k AND b.k = a2.k AND c2.id = 1');
-- functions, VALUES and LATERAL
SELECT test.create('q_function', 'SELECT a.id, g, o FROM q_a AS a, generate_series(1, a.k) WITH ORDINALITY AS f(g, o) JOIN q_b AS b ON b.id = g');
SELECT test.create('q_rows_from', 'SELECT a.id, f.* FROM q_a AS a, ROWS FROM (generate_series(1, a.k), unnest(ARRAY[a.d, 7])) WITH ORDINALITY AS f(x, y, o)');
SELECT test.create('q_lateral', 'SELECT a.id, x.z, y.w FROM q_a AS a, LATERAL (SELECT a.k + b.k AS z FROM q_b AS b WHERE b.d = a.d) AS x, LATERAL (SELECT x.z + 1 AS w) AS y WHERE y.w > 2');
SELECT test.create('q_values', 'SELECT a.id, v.t, w.e FROM q_a AS a JOIN (VALUES (1, ''one''), (2, ''two''), (NULL, ''none'')) AS v(k, t) USING (k), LATERAL (VALUES (a.id), (a.d)) AS w(e)');
SELECT test.create('q_constant', 'SELECT a.id, u.t FROM q_a AS a JOIN (SELECT 1 AS k, ''one'' AS t UNION ALL SELECT 2, ''two'') AS u USING (k)');
-- states below, between and above
SELECT test.create('q_group', 'SELECT a.k, count(*) AS c, sum(b.d) AS s, min(c.id) AS m FROM q_a AS a JOIN q_b AS b ON a.id >= b.id JOIN q_c AS c ON c.k = a.k GROUP BY a.k HAVING count(*) > 1');
SELECT test.create('q_distinct', 'SELECT DISTINCT a.k, b.d FROM q_a AS a JOIN q_b AS b ON a.d = b.d');
SELECT test.create('q_of_groups', 'SELECT x.k, x.s, y.s AS y FROM (SELECT k, sum(d) AS s FROM q_a GROUP BY k) AS x JOIN (SELECT k, sum(d) AS s FROM q_c GROUP BY k) AS y USING (k)');
SELECT test.create('q_group_of_groups', 'SELECT s, count(*) AS c FROM (SELECT k, sum(d) AS s FROM (SELECT a.k, max(b.d) AS d FROM q_a AS a JOIN q_b AS b ON a.k = b.k GROUP BY a.k, a.id) AS x GROUP BY k) AS y GROUP BY s');
SELECT test.create('q_own_group', 'WITH q AS (SELECT a.k, a.id, b.d FROM q_a AS a JOIN q_b AS b USING (id)) SELECT q.id, q.d, t.s FROM q JOIN (SELECT k, sum(d) AS s FROM q GROUP BY k) AS t USING (k) WHERE q.d * 2 > t.s');
SELECT test.create('q_union', 'SELECT u.id, v.id AS v FROM (SELECT id, k FROM q_a UNION ALL SELECT id, k FROM q_c) AS u JOIN (SELECT id, k FROM q_a UNION SELECT id, k FROM q_b) AS v USING (k)');
CREATE VIEW q_v AS SELECT a.id, a.k, b.d FROM q_a AS a JOIN q_b AS b USING (id);
CREATE VIEW q_w AS SELECT k, sum(d) AS s FROM q_v GROUP BY k;
SELECT test.create('q_views', 'SELECT x.id, y.d, w.s FROM q_v AS x JOIN q_v AS y USING (k) JOIN q_w AS w USING (k)');
CALL q_change(1);
SELECT * FROM test.refresh_all();
CALL q_change(2);
SELECT * FROM test.refresh_all();
BEGIN;
CALL q_change(3);
SAVEPOINT s;
DELETE FROM q_a;
ROLLBACK TO s;
COMMIT;
SELECT * FROM test.refresh_all();
SELECT test.drop_all();
DROP VIEW q_w, q_v;
DROP PROCEDURE q_change;
DROP TABLE q_a, q_b, q_c;

-- Sources of all kinds: a generated column, dropped columns, partitions, children.
CREATE TABLE q_a (junk int, id int, gone text, k int, g int GENERATED ALWAYS AS (k * 2) STORED);
ALTER TABLE q_a DROP COLUMN junk, DROP COLUMN gone;
ALTER TABLE q_a ADD COLUMN later int DEFAULT 7;
CREATE TABLE q_b (id int, k int, g int) PARTITION BY LIST (k);
CREATE TABLE q_b0 PARTITION OF q_b FOR VALUES IN (0, 1);
CREATE TABLE q_b1 (k int, x int, g int, id int);
ALTER TABLE q_b1 DROP COLUMN x;
ALTER TABLE q_b ATTACH PARTITION q_b1 FOR VALUES IN (2, 3, NULL);
CREATE TABLE q_c (id int, k int);
CREATE TABLE q_c1 (z int, k int, id int);
ALTER TABLE q_c1 INHERIT q_c;
INSERT INTO q_a SELECT x, x % 3 FROM generate_series(1, 6) AS x;
INSERT INTO q_b SELECT x, x % 4, x FROM generate_series(1, 6) AS x;
INSERT INTO q_c SELECT x, x % 3 FROM generate_series(1, 4) AS x;
INSERT INTO q_c1 SELECT 0, x % 3, x FROM generate_series(3, 6) AS x;
SELECT test.create('q_kinds', 'SELECT a.id, a.g, a.later, b.g AS b, c.id AS c FROM q_a AS a JOIN q_b AS b ON b.g = a.g JOIN q_c AS c ON c.k = b.k');
SELECT test.create('q_kinds_natural', 'SELECT * FROM q_b NATURAL JOIN q_c');
SELECT test.create('q_kinds_group', 'SELECT later, g, count(*) AS c FROM q_a NATURAL JOIN q_c GROUP BY later, g');
BEGIN;
UPDATE q_a SET k = k + 1, later = id WHERE id > 2;
UPDATE q_b SET k = 3 - k;
UPDATE q_c SET id = id + 1;
DELETE FROM q_c1 WHERE k = 1;
COMMIT;
SELECT * FROM test.refresh_all();
-- rows taken whole show the names of their columns
SELECT test.create('q_whole', 'SELECT to_jsonb(j) AS whole FROM (SELECT a.id, sum(c.k) AS s FROM q_a AS a JOIN q_c AS c USING (id) GROUP BY a.id) AS j', 'AUTO');
SELECT test.create('q_whole_using', 'SELECT to_jsonb(j) AS whole FROM q_a AS a JOIN q_c AS c USING (id) AS j', 'AUTO');
DELETE FROM q_c WHERE id = 5;
SELECT test.refresh('q_whole');
SELECT test.refresh('q_whole_using');
SELECT test.drop_all();
DROP TABLE q_a, q_b, q_c1, q_c;

-- Rule E1: 5 - 3 became 3 - 1, and 3 - 3 never was.
CREATE TABLE q_a (id int PRIMARY KEY, d int, k int);
CREATE TABLE q_b (id int PRIMARY KEY, d int);
INSERT INTO q_a VALUES (1, 5, 1);
INSERT INTO q_b VALUES (1, 3);
CREATE DOMAIN q_positive AS int CHECK (VALUE > 0);
CREATE FUNCTION q_raise(x int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF x = 0 THEN RAISE EXCEPTION 'never was'; END IF;
    RETURN x;
END $$;
SELECT test.create('q_select', 'SELECT a.id, 10 / (a.d - b.d) AS q, (a.d - b.d)::q_positive AS p, q_raise(a.d - b.d) AS r FROM q_a AS a JOIN q_b AS b USING (id)');
SELECT test.create('q_argument', 'SELECT a.k, sum(10 / (a.d - b.d)) AS s, count(*) FILTER (WHERE 10 / (a.d - b.d) > 1) AS c FROM q_a AS a JOIN q_b AS b USING (id) GROUP BY a.k');
SELECT test.create('q_key', 'SELECT DISTINCT 10 / (a.d - b.d) AS q FROM q_a AS a JOIN q_b AS b USING (id)');
SELECT test.create('q_srf', 'SELECT a.id, generate_series(1, 10 / (a.d - b.d)) AS q FROM q_a AS a JOIN q_b AS b USING (id)');
SELECT test.create('q_states', 'SELECT x.k, 10 / (x.s - y.s) AS q FROM (SELECT k, sum(d) AS s FROM q_a GROUP BY k) AS x JOIN (SELECT id AS k, sum(d) AS s FROM q_b GROUP BY id) AS y USING (k)');
SELECT test.create('q_steps', 'SELECT a.id, 10 / (a.d - b.d) AS q, 10 / (a2.d - b2.d) AS r FROM q_a AS a JOIN q_b AS b USING (id) JOIN q_a AS a2 USING (id) JOIN q_b AS b2 USING (id)');
BEGIN;
UPDATE q_a SET d = 3;
UPDATE q_b SET d = 1;
COMMIT;
SELECT * FROM test.refresh_all();
-- a condition is evaluated where the rows meet: recompute, and no error
SELECT test.create('q_where', 'SELECT a.id FROM q_a AS a JOIN q_b AS b USING (id) WHERE 10 / (a.d - b.d) > 0');
SELECT test.create('q_where_raise', 'SELECT a.id FROM q_a AS a JOIN q_b AS b USING (id) WHERE q_raise(a.d - b.d) > 0');
SELECT test.create('q_where_domain', 'SELECT a.id FROM q_a AS a JOIN q_b AS b USING (id) WHERE (a.d - b.d)::q_positive > 0');
BEGIN;
UPDATE q_b SET d = 3;
UPDATE q_a SET d = 5;
COMMIT;
SELECT test.refresh('q_where', 'FULL');
SELECT test.refresh('q_where_raise', 'FULL');
SELECT test.refresh('q_where_domain', 'FULL');
SELECT test.refresh('q_select'), test.refresh('q_steps');
SELECT test.drop_all();
DROP TABLE q_a, q_b;
DROP DOMAIN q_positive;
DROP FUNCTION q_raise;
-- 14 relations, and one of them 12 times
DO $$
BEGIN
    FOR i IN 0..13 LOOP
        EXECUTE format('CREATE TABLE q_%s (id int PRIMARY KEY, x int, v int)', i);
        EXECUTE format('CREATE INDEX ON q_%s (x)', i);
        EXECUTE format('INSERT INTO q_%s SELECT g, g, g FROM generate_series(1, 20) AS g', i);
        EXECUTE format('ANALYZE q_%s', i);
    END LOOP;
END $$;
SELECT test.create('q_long', (SELECT 'SELECT q_13.id, q_0.v AS a, q_7.v AS b FROM q_0' ||
    string_agg(format(' JOIN q_%s ON q_%s.x = q_%s.id', i, i, i - 1), '' ORDER BY i) FROM generate_series(1, 13) AS i));
SELECT test.create('q_often', (SELECT 'SELECT r11.id, r0.v AS a, r7.v AS b FROM q_0 AS r0' ||
    string_agg(format(' JOIN q_0 AS r%s ON r%s.x = r%s.id', i, i, i - 1), '' ORDER BY i) FROM generate_series(1, 11) AS i));
UPDATE q_7 SET v = 0 WHERE id = 3;
SELECT test.refresh('q_long');
UPDATE q_7 SET v = 1 WHERE id = 3;
UPDATE q_0 SET v = v + 1 WHERE id < 5;
DELETE FROM q_13 WHERE id = 4;
SELECT * FROM test.refresh_all();
DO $$
BEGIN
    FOR i IN 0..13 LOOP
        EXECUTE format('UPDATE q_%s SET v = v + 1 WHERE id = %s', i, i + 1);
        EXECUTE format('INSERT INTO q_%s VALUES (100, 100, 1)', i);
    END LOOP;
END $$;
SELECT * FROM test.refresh_all();
SELECT test.drop_all();
DO $$
BEGIN
    FOR i IN 0..13 LOOP
        EXECUTE format('DROP TABLE q_%s', i);
    END LOOP;
END $$;
