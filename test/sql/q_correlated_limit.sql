-- LIMIT, OFFSET and WITH TIES of correlated subqueries, by constants or not, and
-- groupings that have a row where nothing asks for one (rule E11).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TYPE pair AS (a int, n numeric);
CREATE TABLE t (id int PRIMARY KEY, a int, n numeric, p pair);
CREATE TABLE u (id int PRIMARY KEY, t_id int, a int, n numeric, s text, p pair);
CREATE TABLE v (a int, b int);
CREATE INDEX ON u (t_id);
INSERT INTO t SELECT x, nullif(x % 5, 4), x % 3 / 2.0, ROW(nullif(x % 3, 2), 1.0)::pair FROM generate_series(1, 12) AS x;
INSERT INTO u SELECT x, nullif(x % 6, 5), x % 4, x % 5 / 2.0, 's' || x % 2, ROW(nullif(x % 4, 3), CASE WHEN x % 2 = 0 THEN 1.00 ELSE 1.0 END)::pair FROM generate_series(1, 30) AS x;
INSERT INTO t VALUES (20, 1, NULL, NULL), (21, 2, 1, ROW(NULL, NULL)), (22, 2, 1.0, ROW(1, 1.00));
INSERT INTO u VALUES (40, 20, 1, NULL, NULL, NULL), (41, 21, 1, 1, 'x', ROW(NULL, NULL));
INSERT INTO v VALUES (1, 1), (1, 2), (2, NULL), (3, 0);

-- OFFSET
SELECT test.create('l_second', 'SELECT id, (SELECT u.id FROM u WHERE u.t_id = t.id ORDER BY u.a, u.id LIMIT 1 OFFSET 1) AS s FROM t');
SELECT test.create('l_rest', 'SELECT t.id, x.id AS u FROM t, LATERAL (SELECT u.id FROM u WHERE u.t_id = t.id ORDER BY u.a DESC, u.id OFFSET 2) AS x');
SELECT test.create('l_left', 'SELECT t.id, x.id AS u, x.n FROM t LEFT JOIN LATERAL (SELECT u.id, u.n FROM u WHERE u.a > t.a ORDER BY u.n, u.id LIMIT 2 OFFSET 3) AS x ON true');
SELECT test.create('l_exists', 'SELECT id, EXISTS (SELECT FROM u WHERE u.t_id = t.id OFFSET 4) AS e FROM t WHERE NOT EXISTS (SELECT FROM u WHERE u.t_id = t.id OFFSET 5)');
SELECT test.create('l_in', 'SELECT id FROM t WHERE a IN (SELECT u.a FROM u WHERE u.t_id = t.id ORDER BY u.id OFFSET 1) OR a NOT IN (SELECT u.a FROM u WHERE u.t_id = t.id ORDER BY u.id DESC LIMIT 2 OFFSET 1)');
SELECT test.create('l_array', 'SELECT id, ARRAY(SELECT x.a FROM (SELECT u.a, u.id FROM u WHERE u.t_id = t.id ORDER BY u.id LIMIT 3 OFFSET 1) AS x ORDER BY x.id) AS r FROM t');
SELECT test.create('l_none', 'SELECT id, (SELECT u.id FROM u WHERE u.t_id = t.id ORDER BY u.id LIMIT 0) AS n, (SELECT max(x.id) FROM (SELECT u.id FROM u WHERE u.t_id = t.id ORDER BY u.id LIMIT ALL OFFSET 0) AS x) AS m FROM t');
-- WITH TIES
SELECT test.create('l_ties', 'SELECT t.id, x.* FROM t, LATERAL (SELECT u.a, u.s FROM u WHERE u.t_id = t.id ORDER BY u.a FETCH FIRST 1 ROW WITH TIES) AS x');
SELECT test.create('l_ties_offset', 'SELECT t.id, x.k FROM t, LATERAL (SELECT u.t_id AS k FROM u WHERE u.a < t.a ORDER BY u.t_id OFFSET 2 ROWS FETCH FIRST 2 ROWS WITH TIES) AS x');
SELECT test.create('l_ties_none', 'SELECT t.id, x.* FROM t, LATERAL (SELECT u.n FROM u WHERE u.t_id = t.id ORDER BY u.a OFFSET 1 ROWS FETCH FIRST 0 ROWS WITH TIES) AS x');
SELECT test.create('l_ties_exists', 'SELECT id FROM t WHERE EXISTS (SELECT FROM u WHERE u.t_id = t.id ORDER BY u.a FETCH FIRST 2 ROWS WITH TIES)');
-- by expressions, also of columns from around and of subqueries
SELECT test.create('l_by_query', 'SELECT t.id, x.id AS u FROM t, LATERAL (SELECT u.id FROM u WHERE u.t_id = t.id ORDER BY u.id LIMIT (SELECT max(b) FROM v) OFFSET (SELECT min(a) FROM v)) AS x');
SELECT test.create('l_by_outer', 'SELECT id, (SELECT array_agg(x.id ORDER BY x.id) FROM (SELECT u.id FROM u WHERE u.t_id = t.id ORDER BY u.a, u.id LIMIT t.a) AS x) AS l FROM t');
SELECT test.create('l_by_both', 'SELECT t.id, x.id AS u FROM t LEFT JOIN LATERAL (SELECT u.id FROM u ORDER BY u.id LIMIT t.a + 1 OFFSET t.id) AS x ON true');
SELECT test.create('l_by_tied', 'SELECT t.id, x.id AS u FROM t, LATERAL (SELECT u.id FROM u WHERE u.t_id = t.id ORDER BY u.a FETCH FIRST (t.a) ROWS WITH TIES) AS x');
SELECT test.create('l_by_correlated', 'SELECT t.id, x.id AS u FROM t, LATERAL (SELECT u.id FROM u WHERE u.t_id = t.id ORDER BY u.id LIMIT (SELECT count(*) FROM v WHERE v.a = t.a)) AS x');
-- of what does more with its rows
SELECT test.create('l_groups', 'SELECT t.id, x.* FROM t, LATERAL (SELECT u.s, count(*) AS c FROM u WHERE u.t_id = t.id GROUP BY u.s ORDER BY count(*) DESC, u.s OFFSET 1) AS x');
SELECT test.create('l_distinct', 'SELECT t.id, x.* FROM t, LATERAL (SELECT DISTINCT u.a, u.n FROM u WHERE u.t_id = t.id ORDER BY u.n DESC, u.a LIMIT 2 OFFSET 1) AS x');
SELECT test.create('l_distinct_on', 'SELECT t.id, x.id AS u FROM t, LATERAL (SELECT DISTINCT ON (u.a) u.id FROM u WHERE u.t_id < t.id ORDER BY u.a, u.n, u.id LIMIT 2 OFFSET 1) AS x');
SELECT test.create('l_windows', 'SELECT t.id, x.id AS u, x.s FROM t, LATERAL (SELECT u.id, sum(u.n) OVER (ORDER BY u.id) AS s FROM u WHERE u.t_id = t.id ORDER BY u.id DESC LIMIT 2 OFFSET 1) AS x');
SELECT test.create('l_sets', 'SELECT t.id, x.g, x.id AS u FROM t, LATERAL (SELECT generate_series(1, u.a) AS g, u.id FROM u WHERE u.t_id = t.id ORDER BY 1, 2 LIMIT 3 OFFSET 1) AS x');
SELECT test.create('l_union', 'SELECT t.id, x.k FROM t, LATERAL (SELECT u.a AS k FROM u WHERE u.t_id = t.id UNION ALL SELECT v.b FROM v WHERE v.a = t.a ORDER BY k LIMIT 2 OFFSET 1) AS x');
SELECT test.create('l_two_up', 'SELECT id, (SELECT count(*) FROM v WHERE v.b = (SELECT u.a FROM u WHERE u.t_id = t.id AND u.a >= v.a ORDER BY u.id LIMIT 1 OFFSET 1)) AS c FROM t');
SELECT test.create('l_inner', 'SELECT x.id, (SELECT y.a FROM (SELECT a FROM v ORDER BY a, b LIMIT 3) AS y WHERE y.a >= x.a ORDER BY y.a LIMIT 1 OFFSET 1) AS m FROM (SELECT id, a FROM t ORDER BY id DESC LIMIT 6) AS x');

-- an aggregate's only row, also of no input
SELECT test.create('a_limit', 'SELECT id, (SELECT count(*) FROM u WHERE u.t_id = t.id LIMIT 1) AS c, (SELECT count(*) FROM u WHERE u.t_id = t.id OFFSET 1) AS o FROM t');
SELECT test.create('a_lateral', 'SELECT t.id, x.c FROM t, LATERAL (SELECT count(*) AS c FROM u WHERE u.t_id = t.id LIMIT 5) AS x');
SELECT test.create('a_window', 'SELECT t.id, x.* FROM t, LATERAL (SELECT count(*) AS c, sum(max(u.a)) OVER () AS s FROM u WHERE u.t_id = t.id) AS x');
SELECT test.create('a_series', 'SELECT t.id, x.g FROM t, LATERAL (SELECT generate_series(0, count(*)) AS g FROM u WHERE u.t_id = t.id) AS x');
SELECT test.create('a_having', 'SELECT id, (SELECT count(*) FROM u WHERE u.t_id = t.id HAVING count(*) <> 3) AS c, EXISTS (SELECT FROM u WHERE u.t_id = t.id HAVING max(u.a) IS NULL) AS e FROM t');
SELECT test.create('a_having_where', 'SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id HAVING count(*) < 4 OR sum(u.a) > t.a)');
SELECT test.create('a_having_alone', 'SELECT id, (SELECT t.a + 1 FROM u WHERE u.t_id = t.id HAVING t.a > 1) AS c FROM t');
SELECT test.create('a_having_array', 'SELECT id, (SELECT array_agg(u.n ORDER BY u.id) FROM u WHERE u.t_id = t.id HAVING count(*) <> 2) AS c, (SELECT ARRAY[count(*), t.a] FROM u WHERE u.a < t.a HAVING count(*) < 3) AS d, (SELECT array_agg(u.id ORDER BY u.id) FROM u HAVING count(*) <> 6) AS e FROM t');
-- grouping sets
SELECT test.create('g_rollup', 'SELECT t.id, x.* FROM t, LATERAL (SELECT u.s, u.a, count(*) AS c, GROUPING(u.s, u.a) AS g FROM u WHERE u.t_id = t.id GROUP BY ROLLUP (u.s, u.a)) AS x');
SELECT test.create('g_left', 'SELECT t.id, x.* FROM t LEFT JOIN LATERAL (SELECT u.s, sum(u.n) AS n FROM u WHERE u.a > t.a GROUP BY CUBE (u.s) HAVING count(*) > 1) AS x ON true');
SELECT test.create('g_first', 'SELECT id, (SELECT x.c FROM (SELECT u.s, count(*) AS c FROM u WHERE u.t_id = t.id GROUP BY GROUPING SETS ((u.s), ()) ORDER BY count(*) DESC, u.s LIMIT 1) AS x) AS c FROM t');
SELECT test.create('g_above', 'SELECT t.id, x.* FROM t, LATERAL (SELECT DISTINCT count(*) AS c, (SELECT max(v.b) FROM v WHERE v.a = u.a) AS m FROM u WHERE u.t_id = t.id GROUP BY ROLLUP (u.a)) AS x');
SELECT test.create('g_empty', 'SELECT id, (SELECT count(*) FROM u WHERE u.t_id = t.id GROUP BY ()) AS c, (SELECT 1 FROM u WHERE u.t_id = t.id GROUP BY ()) AS o FROM t');
SELECT test.create('g_nothing', 'SELECT t.id, x.* FROM t, LATERAL (SELECT t.a + 1 AS k FROM u WHERE u.t_id = t.id GROUP BY GROUPING SETS ((), ())) AS x');
-- nothing but whether there are rows
SELECT test.create('e_limit', 'SELECT id, EXISTS (SELECT FROM v OFFSET 2) AS e, EXISTS (SELECT FROM v LIMIT 1 OFFSET 4) AS f FROM t');
SELECT test.create('e_count', 'SELECT (SELECT count(*) FROM (SELECT FROM v LIMIT 2) AS x) AS c, (SELECT count(*) FROM (SELECT FROM u LIMIT (SELECT max(b) FROM v)) AS x) AS d, max(id) AS m FROM t');
SELECT test.create('e_none', 'SELECT id, EXISTS (SELECT FROM u WHERE coalesce(t.a, 0) < u.id OFFSET 1) AS e, EXISTS (SELECT FROM u WHERE u.t_id >= coalesce(t.a, 0) GROUP BY u.a HAVING count(*) > 1) AS h FROM t');
SELECT test.create('e_sets', 'SELECT id, EXISTS (SELECT FROM u WHERE coalesce(t.a, 0) < u.id GROUP BY GROUPING SETS ((u.t_id), ()) OFFSET 3) AS e FROM t WHERE NOT EXISTS (SELECT FROM v WHERE v.a > coalesce(t.a, 0) OFFSET 3)');
-- composite values
SELECT test.create('p_equal', 'SELECT id, (SELECT count(*) FROM u WHERE u.p = t.p) AS c, (SELECT count(*) FROM u WHERE u.p IS NOT DISTINCT FROM t.p) AS d FROM t');
SELECT test.create('p_shown', 'SELECT id, (SELECT string_agg(t.p::text || u.id, '','' ORDER BY u.id) FROM u WHERE u.a = (t.p).a) AS s FROM t');
SELECT test.create('p_lateral', 'SELECT t.id, x.id AS u, x.p FROM t LEFT JOIN LATERAL (SELECT u.id, t.p AS p FROM u WHERE u.p >= t.p ORDER BY u.p, u.id LIMIT 2 OFFSET 1) AS x ON true');
SELECT test.create('p_in', 'SELECT id, p IN (SELECT u.p FROM u WHERE u.t_id = t.id) AS e, p = ANY (SELECT u.p FROM u) AS f FROM t');

SET client_min_messages = warning;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO u SELECT x, x % 7, x % 3, x % 4, 's' || x % 3, ROW(x % 2, 1)::pair FROM generate_series(50, 60) AS x;
UPDATE v SET b = 3 WHERE a = 2;
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET a = coalesce(a, 0) + 1, n = n + 0.00, p = ROW((p).a, (p).n + 0.00)::pair WHERE id % 2 = 0;
UPDATE u SET a = a + 1, n = 1.00 WHERE id % 5 = 0;
SELECT stream_table, run FROM test.refresh_all('DELTA');
BEGIN;
DELETE FROM u WHERE t_id IN (1, 2) OR id = 40;
INSERT INTO t VALUES (30, 0, 1.0, ROW(1, 1)), (31, NULL, NULL, NULL);
UPDATE u SET t_id = 30 WHERE t_id = 3;
INSERT INTO v VALUES (1, 3), (0, 1);
DELETE FROM v WHERE a = 3;
UPDATE t SET p = NULL WHERE id = 21;
COMMIT;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM u;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO u SELECT x, x % 3 + 1, x % 3, x / 2.0, 's', ROW(1, 1.0)::pair FROM generate_series(1, 9) AS x;
DELETE FROM v WHERE a = 1;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- the error is the query's own
UPDATE t SET a = -1 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('l_by_outer');
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE t, u, v;
DROP TYPE pair;
