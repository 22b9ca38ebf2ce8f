-- Which construct is maintained how: "recomputed" are those whose refresh, after
-- changes of every table, was a recompute, with the reason. docs/sql-support.md
-- says the same for readers.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = error;
CREATE TABLE t (id int PRIMARY KEY, a int, b text, n numeric, d date, ts timestamptz);
CREATE TABLE u (id int PRIMARY KEY, t_id int, a int, b text);
CREATE TABLE v (a int, b int);
CREATE TABLE e (src int, dst int);
CREATE TABLE matrix (no serial, part text, construct text, query text, mode text, recomputed text);
INSERT INTO matrix (part, construct, query) VALUES
('1','LEFT JOIN','SELECT t.id, u.a FROM t LEFT JOIN u ON u.t_id = t.id'),
('1','RIGHT JOIN','SELECT t.id, u.a FROM t RIGHT JOIN u ON u.t_id = t.id'),
('1','FULL JOIN','SELECT t.id, u.id AS u FROM t FULL JOIN u ON u.t_id = t.id'),
('1','LEFT JOIN inequality','SELECT t.id, v.b FROM t LEFT JOIN v ON v.a > t.a'),
('1','nested outer joins','SELECT t.id, u.id AS u, v.b FROM t LEFT JOIN (u LEFT JOIN v ON v.a = u.a) ON u.t_id = t.id'),
('1','outer join preserves VALUES','SELECT x.k, t.id FROM (VALUES (1),(2),(9)) x(k) LEFT JOIN t ON t.a = x.k'),
('1','outer join preserves UNION ALL','SELECT x.k, v.b FROM (SELECT id AS k FROM t UNION ALL SELECT id FROM u) x LEFT JOIN v ON v.a = x.k'),
('1','outer join preserves windows','SELECT x.id, x.r, v.b FROM (SELECT id, rank() OVER (PARTITION BY a ORDER BY n) AS r FROM t) x LEFT JOIN v ON v.a = x.id'),
('1','outer join preserves generate_series','SELECT g.d, t.id FROM generate_series(1, 5) g(d) LEFT JOIN t ON t.a = g.d'),
('1','EXISTS','SELECT id FROM t WHERE EXISTS (SELECT FROM u WHERE u.t_id = t.id)'),
('1','NOT EXISTS','SELECT id FROM t WHERE NOT EXISTS (SELECT FROM u WHERE u.t_id = t.id AND u.a > 1)'),
('1','IN','SELECT id FROM t WHERE a IN (SELECT a FROM v)'),
('1','NOT IN','SELECT id FROM t WHERE a NOT IN (SELECT a FROM v)'),
('1','NOT IN correlated','SELECT id FROM t WHERE a NOT IN (SELECT u.a FROM u WHERE u.t_id = t.id)'),
('1','row-wise IN','SELECT id FROM t WHERE (id, a) IN (SELECT t_id, a FROM u)'),
('1','row-wise NOT IN','SELECT id FROM t WHERE (id, a) NOT IN (SELECT t_id, a FROM u)'),
('1','> ANY','SELECT id FROM t WHERE a > ANY (SELECT a FROM v)'),
('1','> ALL','SELECT id FROM t WHERE a > ALL (SELECT a FROM v)'),
('1','EXISTS under OR','SELECT id FROM t WHERE a = 1 OR EXISTS (SELECT FROM u WHERE u.t_id = t.id)'),
('1','IN under OR','SELECT id FROM t WHERE a = 1 OR id IN (SELECT t_id FROM u)'),
('1','NOT IN under OR','SELECT id FROM t WHERE a = 1 OR id NOT IN (SELECT t_id FROM u)'),
('1','two EXISTS under OR','SELECT id FROM t WHERE EXISTS (SELECT FROM v WHERE v.a = t.a) OR EXISTS (SELECT FROM u WHERE u.t_id = t.id)'),
('1','EXISTS in the select list','SELECT id, EXISTS (SELECT FROM u WHERE u.t_id = t.id) AS e FROM t'),
('1','IN in the select list','SELECT id, a IN (SELECT a FROM v) AS e FROM t'),
('1','NOT IN in the select list','SELECT id, id NOT IN (SELECT t_id FROM u) AS e FROM t'),
('1','row-wise IN in the select list','SELECT id, (id, a) IN (SELECT t_id, a FROM u) AS e FROM t'),
('1','> ALL in the select list','SELECT id, a > ALL (SELECT u.a FROM u WHERE u.t_id = t.id) AS e FROM t'),
('1','IN in CASE','SELECT id, CASE WHEN a IN (SELECT a FROM v) THEN 1 ELSE 0 END AS e FROM t'),
('1','EXISTS in CASE','SELECT id, CASE WHEN EXISTS (SELECT FROM u WHERE u.t_id = t.id) THEN 1 ELSE 0 END AS e FROM t'),
('1','EXISTS by inequality in CASE','SELECT id, CASE WHEN EXISTS (SELECT FROM v WHERE v.a > t.a) THEN 1 ELSE 0 END AS e FROM t'),
('1','IN in HAVING','SELECT a, count(*) AS c FROM t GROUP BY a HAVING a IN (SELECT a FROM v)'),
('1','EXISTS in HAVING','SELECT a, count(*) AS c FROM t GROUP BY a HAVING EXISTS (SELECT FROM v WHERE v.a = t.a)'),
('1','EXISTS in ON of an inner join','SELECT t.id, u.id AS u FROM t JOIN u ON u.t_id = t.id AND EXISTS (SELECT FROM v WHERE v.a = u.a)'),
('1','EXISTS in ON of an outer join, nullable side','SELECT t.id, u.id AS u FROM t LEFT JOIN u ON u.t_id = t.id AND EXISTS (SELECT FROM v WHERE v.a = u.a)'),
('1','EXISTS in ON of an outer join, preserved side','SELECT t.id, u.id AS u FROM t LEFT JOIN u ON u.t_id = t.id AND EXISTS (SELECT FROM v WHERE v.a = t.a)'),
('1','IN in ON of an outer join','SELECT t.id, u.id AS u FROM t LEFT JOIN u ON u.t_id = t.id AND u.a IN (SELECT a FROM v)'),
('1','EXISTS over both sides in ON of an outer join','SELECT t.id, u.id AS u FROM t LEFT JOIN u ON u.t_id = t.id AND EXISTS (SELECT FROM v WHERE v.a = t.a AND v.b = u.a)'),
('2','scalar aggregate','SELECT id, n - (SELECT avg(n) FROM t) AS x FROM t'),
('2','scalar aggregate in WHERE','SELECT id FROM t WHERE n > (SELECT avg(n) FROM t)'),
('2','correlated aggregate','SELECT id, (SELECT count(*) FROM u WHERE u.t_id = t.id) AS c FROM t'),
('2','aggregate correlated by inequality','SELECT id, (SELECT count(*) FROM v WHERE v.a > t.a) AS c FROM t'),
('2','aggregate correlated by expression','SELECT id, (SELECT max(v.b) FROM v WHERE v.a + t.a = 3) AS c FROM t'),
('2','aggregate of outer column','SELECT id, (SELECT sum(v.b * t.a) FROM v WHERE v.a = t.a) AS c FROM t'),
('2','correlated two levels up','SELECT id, (SELECT count(*) FROM u WHERE u.t_id = t.id AND EXISTS (SELECT FROM v WHERE v.a = t.a AND v.b = u.a)) AS c FROM t'),
('2','lookup by key','SELECT u.id, (SELECT t.b FROM t WHERE t.id = u.t_id) AS b FROM u'),
('2','lookup by no key','SELECT id, (SELECT v.b FROM v WHERE v.a = t.id) AS b FROM t'),
('2','first by order','SELECT id, (SELECT u.b FROM u WHERE u.t_id = t.id ORDER BY u.a DESC LIMIT 1) AS b FROM t'),
('2','scalar in HAVING','SELECT a, sum(n) AS s FROM t GROUP BY a HAVING sum(n) > (SELECT avg(n) FROM t)'),
('2','correlated scalar in HAVING','SELECT a, sum(n) AS s FROM t GROUP BY a HAVING count(*) > (SELECT count(*) FROM v WHERE v.a = t.a)'),
('2','scalar in ORDER BY','SELECT id FROM t ORDER BY (SELECT count(*) FROM u WHERE u.t_id = t.id) LIMIT 3'),
('2','scalar as function argument','SELECT id, coalesce((SELECT max(u.a) FROM u WHERE u.t_id = t.id), 0) AS c FROM t'),
('2','scalar over DISTINCT','SELECT id, (SELECT count(DISTINCT u.a) FROM u WHERE u.t_id = t.id) AS c FROM t'),
('2','ARRAY subquery','SELECT id, ARRAY(SELECT u.a FROM u WHERE u.t_id = t.id ORDER BY u.a) AS c FROM t'),
('2','scalar of a correlated UNION','SELECT id, (SELECT max(x.k) FROM (SELECT v.b AS k FROM v WHERE v.a = t.a UNION SELECT u.a FROM u WHERE u.t_id = t.id) x) AS c FROM t'),
('2','scalar of a correlated UNION ALL','SELECT id, (SELECT count(*) FROM (SELECT v.b AS k FROM v WHERE v.a = t.a UNION ALL SELECT u.a FROM u WHERE u.t_id = t.id) x) AS c FROM t'),
('2','scalar of a correlated EXCEPT','SELECT id, (SELECT sum(x.k) FROM (SELECT v.b AS k FROM v WHERE v.a >= t.a EXCEPT SELECT u.a FROM u WHERE u.t_id = t.id) x) AS c FROM t'),
('2','EXISTS of a correlated UNION','SELECT id FROM t WHERE EXISTS (SELECT v.b FROM v WHERE v.a = t.a UNION SELECT u.a FROM u WHERE u.t_id = t.id)'),
('2','IN a correlated UNION','SELECT id FROM t WHERE a IN (SELECT v.b FROM v WHERE v.a = t.a UNION SELECT u.a FROM u WHERE u.t_id = t.id)'),
('3','LATERAL UNION ALL with LIMIT','SELECT t.id, x.k FROM t, LATERAL (SELECT v.b AS k FROM v WHERE v.a = t.a UNION ALL SELECT u.a FROM u WHERE u.t_id = t.id ORDER BY k LIMIT 2) x'),
('3','LEFT JOIN LATERAL of expressions, by inequality','SELECT t.id, x.a FROM t LEFT JOIN LATERAL (SELECT u.a + 1 AS a FROM u WHERE u.t_id > t.id) x ON true'),
('3','LATERAL aggregate','SELECT t.id, x.c FROM t, LATERAL (SELECT count(*) AS c FROM u WHERE u.t_id = t.id) x'),
('3','LATERAL aggregate by inequality','SELECT t.id, x.c FROM t, LATERAL (SELECT count(*) AS c FROM v WHERE v.a < t.a) x'),
('3','LEFT JOIN LATERAL','SELECT t.id, x.a FROM t LEFT JOIN LATERAL (SELECT u.a FROM u WHERE u.t_id = t.id) x ON true'),
('3','LATERAL with OFFSET and ties','SELECT t.id, x.a FROM t, LATERAL (SELECT u.a FROM u WHERE u.t_id = t.id ORDER BY u.a OFFSET 1 ROW FETCH FIRST 2 ROWS WITH TIES) x'),
('3','LATERAL with LIMIT by an outer column','SELECT t.id, x.a FROM t, LATERAL (SELECT u.a FROM u WHERE u.t_id = t.id ORDER BY u.a LIMIT t.a) x'),
('3','LATERAL with GROUPING SETS','SELECT t.id, x.* FROM t, LATERAL (SELECT u.a, count(*) AS c FROM u WHERE u.t_id = t.id GROUP BY ROLLUP (u.a)) x'),
('3','LATERAL with LIMIT','SELECT t.id, x.a FROM t, LATERAL (SELECT u.a FROM u WHERE u.t_id = t.id ORDER BY u.a LIMIT 2) x'),
('3','LEFT JOIN LATERAL with LIMIT 1','SELECT t.id, x.a FROM t LEFT JOIN LATERAL (SELECT u.a FROM u WHERE u.t_id = t.id ORDER BY u.a LIMIT 1) x ON true'),
('3','LATERAL outer join on a condition with what is around','SELECT t.id, x.b FROM t, LATERAL (SELECT u.b FROM v LEFT JOIN u ON u.t_id = v.a AND u.a < t.a) x'),
('3','LATERAL full join on a condition with what is around','SELECT t.id, x.b FROM t, LATERAL (SELECT u.b FROM v FULL JOIN u ON u.t_id = v.a AND u.a < t.a) x'),
('3','function in FROM','SELECT t.id, g FROM t, generate_series(1, t.a) g'),
('3','WITH ORDINALITY','SELECT t.id, x, o FROM t, unnest(ARRAY[t.a, t.id]) WITH ORDINALITY s(x, o)'),
('3','ROWS FROM','SELECT t.id, x, y FROM t, ROWS FROM (generate_series(1, t.a), generate_series(2, t.a)) s(x, y)'),
('3','XMLTABLE','SELECT t.id, x.k FROM t, XMLTABLE(''/a/b'' PASSING xmlparse(content ''<a><b>1</b></a>'') COLUMNS k int PATH ''.'') x'),
('3','set-returning function in the select list','SELECT id, generate_series(1, a) AS g FROM t'),
('3','TABLESAMPLE','SELECT id FROM t TABLESAMPLE BERNOULLI (50) REPEATABLE (1)'),
('4','rank by partition','SELECT id, rank() OVER (PARTITION BY a ORDER BY n) AS r FROM t'),
('4','row_number by partition','SELECT id, row_number() OVER (PARTITION BY a ORDER BY n) AS r FROM t'),
('4','running sum by partition','SELECT id, sum(n) OVER (PARTITION BY a ORDER BY id) AS r FROM t'),
('4','two windows of one partition','SELECT id, rank() OVER (PARTITION BY a ORDER BY n) AS r, sum(n) OVER (PARTITION BY a) AS s FROM t'),
('4','two partitions','SELECT id, rank() OVER (PARTITION BY a ORDER BY n) AS r, rank() OVER (PARTITION BY b ORDER BY n) AS s FROM t'),
('4','sum over everything','SELECT id, sum(n) OVER () AS s FROM t'),
('4','part of the whole','SELECT id, n / sum(n) OVER () AS s, n / sum(n) OVER (PARTITION BY a) AS p FROM t'),
('4','row_number over everything','SELECT id, row_number() OVER (ORDER BY id) AS s FROM t'),
('4','running sum over everything','SELECT id, sum(n) OVER (ORDER BY id) AS s FROM t'),
('4','lag over everything','SELECT id, lag(a) OVER (ORDER BY id) AS s FROM t'),
('4','moving average over everything','SELECT id, avg(n) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s FROM t'),
('4','ranks over everything','SELECT id, rank() OVER (ORDER BY a DESC) AS r, dense_rank() OVER (ORDER BY a DESC) AS d, count(*) OVER (ORDER BY a DESC) AS c FROM t'),
('4','running sum over rows of everything','SELECT id, sum(n) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS s FROM t'),
('4','lead and first_value over everything','SELECT id, lead(a, 2) OVER (ORDER BY id) AS l, first_value(a) OVER (ORDER BY id ROWS 3 PRECEDING) AS f FROM t'),
('4','ntile over everything','SELECT id, ntile(4) OVER (ORDER BY id) AS s FROM t'),
('4','the rest of everything','SELECT id, sum(n) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS s FROM t'),
('4','two orders over everything','SELECT id, rank() OVER (ORDER BY n) AS r, rank() OVER (ORDER BY a) AS s FROM t'),
('4','a partition within another','SELECT id, row_number() OVER (PARTITION BY a ORDER BY id) AS r, count(*) OVER (PARTITION BY a, b) AS c FROM t'),
('4','numbers and a total','SELECT id, row_number() OVER (ORDER BY id) AS r, count(*) OVER () AS c FROM t'),
('4','greatest, least and mean so far','SELECT id, max(n) OVER w AS x, min(n) OVER w AS y, avg(n) OVER w AS a FROM t WINDOW w AS (ORDER BY id)'),
('4','first and last value of everything','SELECT id, first_value(n) OVER (ORDER BY id) AS f, last_value(n) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS l FROM t'),
('4','GROUPS frame over everything','SELECT id, sum(n) OVER (ORDER BY a GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS s FROM t'),
('4','shares by partition','SELECT id, percent_rank() OVER w AS p, cume_dist() OVER w AS c, ntile(2) OVER (w ORDER BY id) AS t FROM t WINDOW w AS (PARTITION BY a)'),
('4','nth_value by two partitions','SELECT id, nth_value(n, 2) OVER (PARTITION BY a ORDER BY id) AS x, nth_value(n, 2) OVER (PARTITION BY b ORDER BY id) AS y FROM t'),
('4','shares over everything','SELECT id, cume_dist() OVER (ORDER BY n) AS s FROM t'),
('4','RANGE of values over everything','SELECT id, sum(n) OVER (ORDER BY id RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING) AS s FROM t'),
('4','GROUPS frame','SELECT id, sum(n) OVER (PARTITION BY a ORDER BY id GROUPS 1 PRECEDING) AS s FROM t'),
('4','ordered by rows that are made below','SELECT id, rank() OVER (ORDER BY r) AS k FROM (SELECT id, ROW(n, a) AS r FROM t) x'),
('4','ordered by rows out of UNION ALL','SELECT id, rank() OVER (ORDER BY r, id) AS k FROM (SELECT id, ROW(n, a) AS r FROM t UNION ALL SELECT id, ROW(n, a) FROM t WHERE a > 1) x'),
('4','partitioned by rows that may be missing','SELECT u.id, count(*) OVER (PARTITION BY r) AS k FROM u LEFT JOIN (SELECT id, ROW(n, a) AS r FROM t) x ON x.id = u.t_id'),
('4','the row before, as a row','SELECT id, lag(ROW(n, a)) OVER (ORDER BY id)::text AS l FROM t'),
('4','rows so far, as an array','SELECT id, (array_agg(ROW(n, a)) OVER (ORDER BY id))::text AS r FROM t'),
('4','EXCLUDE','SELECT id, sum(n) OVER (PARTITION BY a ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW) AS s FROM t'),
('4','window over an aggregate','SELECT a, sum(n) AS s, rank() OVER (ORDER BY sum(n)) AS r FROM t GROUP BY a'),
('4','window over an aggregate by partition','SELECT a, b, sum(n) AS s, rank() OVER (PARTITION BY a ORDER BY sum(n)) AS r FROM t GROUP BY a, b'),
('4','first by partition','SELECT * FROM (SELECT id, a, row_number() OVER (PARTITION BY a ORDER BY n) AS r FROM t) x WHERE r = 1'),
('4','window without a partition over a join','SELECT t.id, u.id AS u, row_number() OVER (ORDER BY t.id, u.id) AS r FROM t JOIN u ON u.t_id = t.id'),
('4','row_number without an order','SELECT r, count(*) AS c FROM (SELECT id, row_number() OVER () AS r FROM t) x GROUP BY r'),
('4','rank without an order','SELECT id, rank() OVER () AS r, cume_dist() OVER (PARTITION BY a) AS c FROM t'),
('4','lag without an order','SELECT count(id) AS c, count(l) AS l FROM (SELECT id, lag(id) OVER () AS l FROM t) x'),
('4','in the order of text','SELECT id, sum(n) OVER (ORDER BY b, id) AS s, lag(id) OVER (ORDER BY b DESC, id) AS l FROM t'),
('4','percent_rank over everything','SELECT id, percent_rank() OVER (ORDER BY n) AS s FROM t'),
('4','nth_value over everything','SELECT id, nth_value(n, 2) OVER (ORDER BY id) AS s FROM t'),
('4','frame that ends before the row, over everything','SELECT id, sum(n) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS s FROM t'),
('4','RANGE of float8 over everything','SELECT id, count(*) OVER (ORDER BY n::float8 RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS s FROM t'),
('4','EXCLUDE over everything','SELECT id, sum(n) OVER (ORDER BY a GROUPS UNBOUNDED PRECEDING EXCLUDE GROUP) AS s FROM t'),
('4','array_agg over everything','SELECT id, array_agg(a) OVER (ORDER BY id) AS s FROM t'),
('5','UNION','SELECT a FROM t UNION SELECT a FROM u'),
('5','INTERSECT','SELECT a FROM t INTERSECT SELECT a FROM u'),
('5','EXCEPT','SELECT a FROM t EXCEPT SELECT a FROM u'),
('5','EXCEPT ALL','SELECT a FROM t EXCEPT ALL SELECT a FROM u'),
('5','INTERSECT ALL','SELECT a FROM t INTERSECT ALL SELECT a FROM u'),
('5','EXCEPT ALL over an inexact type','SELECT n FROM t EXCEPT ALL SELECT a::numeric FROM u'),
('5','EXCEPT ALL over numeric','SELECT n FROM t EXCEPT ALL SELECT n FROM t WHERE a > 1'),
('5','INTERSECT ALL over numeric','SELECT n FROM t INTERSECT ALL SELECT n FROM t WHERE a > 1'),
('5','DISTINCT ON','SELECT DISTINCT ON (a) a, id, n FROM t ORDER BY a, n DESC'),
('5','GROUPING SETS','SELECT a, b, count(*) AS c, grouping(a) AS g FROM t GROUP BY GROUPING SETS ((a), (b), ())'),
('5','ROLLUP','SELECT a, b, sum(n) AS s FROM t GROUP BY ROLLUP (a, b)'),
('5','CUBE','SELECT a, b, sum(n) AS s FROM t GROUP BY CUBE (a, b)'),
('5','arrays of rows as keys','SELECT count(*) AS c, r::text AS r FROM (SELECT array_agg(ROW(a, b) ORDER BY id) AS r FROM t GROUP BY a) x GROUP BY r'),
('5','GROUPING SETS with subquery','SELECT a, count(*) AS c, (SELECT max(a) FROM v) AS m FROM t GROUP BY ROLLUP (a)'),
('5','GROUPING SETS with correlated subquery','SELECT a, b, count(*) AS c, (SELECT max(v.b) FROM v WHERE v.a = t.a) AS m FROM t GROUP BY ROLLUP (a, b) HAVING count(*) >= (SELECT min(a) FROM v WHERE a < 2) OR GROUPING(a) = 1'),
('5','GROUPING SETS with EXISTS','SELECT a, sum(n) AS s, GROUPING(a) AS g FROM t GROUP BY CUBE (a, b) HAVING NOT EXISTS (SELECT FROM v WHERE v.a = t.a)'),
('5','DISTINCT aggregate','SELECT a, count(DISTINCT b) AS c FROM t GROUP BY a'),
('5','ordered-set aggregate','SELECT a, percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS m FROM t GROUP BY a'),
('5','hypothetical-set aggregate','SELECT a, rank(3) WITHIN GROUP (ORDER BY n) AS m FROM t GROUP BY a'),
('5','ordered aggregate','SELECT a, string_agg(b, '','' ORDER BY id) AS m FROM t GROUP BY a'),
('5','GROUPING SETS with windows and subquery','SELECT a, sum(n) AS s, rank() OVER (ORDER BY count(*)) AS r, (SELECT max(v.b) FROM v WHERE v.a = count(t.n)) AS m FROM t GROUP BY ROLLUP (a)'),
('5','subquery in GROUP BY','SELECT (SELECT max(v.b) FROM v WHERE v.a = t.a) AS k, count(*) AS c FROM t GROUP BY 1'),
('5','EXISTS in GROUP BY','SELECT EXISTS (SELECT FROM u WHERE u.t_id = t.id) AS k, sum(n) AS s FROM t GROUP BY 1'),
('5','subquery in GROUPING SETS','SELECT (SELECT max(v.b) FROM v WHERE v.a = t.a) AS k, a, count(*) AS c FROM t GROUP BY ROLLUP (1, a)'),
('6','top N','SELECT id, n FROM t ORDER BY n DESC LIMIT 3'),
('6','top N with ties','SELECT id, n FROM t ORDER BY n DESC FETCH FIRST 3 ROWS WITH TIES'),
('6','top N of groups','SELECT a, sum(n) AS s FROM t GROUP BY a ORDER BY s DESC LIMIT 2 OFFSET 1'),
('6','top N in FROM','SELECT u.id, x.id AS t FROM u JOIN (SELECT id FROM t ORDER BY n LIMIT 3) x ON x.id = u.t_id'),
('6','top N of windows','SELECT id, rank() OVER (PARTITION BY a ORDER BY n) AS r FROM t ORDER BY id LIMIT 3'),
('6','OFFSET without LIMIT, in FROM','SELECT x.id FROM (SELECT id FROM t ORDER BY n, id OFFSET 3) x'),
('6','LIMIT by a subquery, in FROM','SELECT x.id FROM (SELECT id FROM t ORDER BY n, id LIMIT (SELECT count(*) FROM v)) x'),
('6','LIMIT of many rows','SELECT id FROM t ORDER BY n, id LIMIT 200000'),
('7','recursive closure','WITH RECURSIVE r(x, y) AS (SELECT src, dst FROM e UNION SELECT r.x, e.dst FROM r JOIN e ON e.src = r.y) SELECT * FROM r'),
('7','recursive tree','WITH RECURSIVE r AS (SELECT id, t_id, 1 AS depth FROM u WHERE t_id IS NULL UNION ALL SELECT u.id, u.t_id, r.depth + 1 FROM u JOIN r ON u.t_id = r.id) SELECT * FROM r'),
('7','DISTINCT in the step','WITH RECURSIVE r(x, y) AS (SELECT src, dst FROM e UNION SELECT DISTINCT r.x, d.dst FROM r JOIN (SELECT DISTINCT src, dst FROM e) AS d ON d.src = r.y) SELECT * FROM r'),
('7','DISTINCT in the step of UNION ALL','WITH RECURSIVE r(x, d) AS (SELECT src, 0 FROM e UNION ALL SELECT DISTINCT e.dst, r.d + 1 FROM r JOIN e ON e.src = r.x WHERE r.d < 4) SELECT x, d FROM r'),
('7','recursive with aggregate above','WITH RECURSIVE r(x, y) AS (SELECT src, dst FROM e UNION SELECT r.x, e.dst FROM r JOIN e ON e.src = r.y) SELECT x, count(*) AS c FROM r GROUP BY x'),
('7','recursive without a table','WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 5) SELECT r.x, t.id FROM r JOIN t ON t.a = r.x'),
('7','recursive with CYCLE','WITH RECURSIVE r(x, y) AS (SELECT src, dst FROM e UNION ALL SELECT r.x, e.dst FROM r JOIN e ON e.src = r.y) CYCLE x, y SET c USING p SELECT x, y FROM r WHERE NOT c'),
('7','recursive with SEARCH','WITH RECURSIVE r(x, y) AS (SELECT src, dst FROM e UNION SELECT r.x, e.dst FROM r JOIN e ON e.src = r.y) SEARCH BREADTH FIRST BY x SET o SELECT x, y FROM r'),
('7','SEARCH in ORDER BY with LIMIT','WITH RECURSIVE r AS (SELECT id, t_id FROM u WHERE t_id IS NULL UNION ALL SELECT u.id, u.t_id FROM u JOIN r ON u.t_id = r.id) SEARCH DEPTH FIRST BY id SET o SELECT id, o::text AS o FROM r ORDER BY o LIMIT 3'),
('7','SEARCH in GROUP BY','WITH RECURSIVE r AS (SELECT id, t_id FROM u WHERE t_id IS NULL UNION ALL SELECT u.id, u.t_id FROM u JOIN r ON u.t_id = r.id) SEARCH DEPTH FIRST BY id SET o SELECT o::text AS o, count(*) AS c FROM r GROUP BY r.o'),
('7','CYCLE by numeric in GROUP BY','WITH RECURSIVE r AS (SELECT id, n FROM t WHERE a = 1 UNION ALL SELECT t.id, t.n FROM t JOIN r ON t.id = r.id + 1) CYCLE n SET c USING p SELECT p::text AS p, count(*) AS n FROM r GROUP BY p'),
('7','recursive UNION over numeric','WITH RECURSIVE r AS (SELECT id, n FROM t WHERE a = 1 UNION SELECT u.id, r.n FROM u JOIN r ON u.t_id = r.id) SELECT * FROM r'),
('7','recursive in LATERAL','SELECT t.id, x.y FROM t, LATERAL (WITH RECURSIVE r(y) AS (SELECT dst FROM e WHERE src = t.id UNION SELECT e.dst FROM r JOIN e ON e.src = r.y) SELECT y FROM r) x'),
('7','recursive in a scalar subquery','SELECT t.id, (WITH RECURSIVE r(y) AS (SELECT dst FROM e WHERE src = t.id UNION SELECT e.dst FROM r JOIN e ON e.src = r.y AND e.dst < t.id + 3) SELECT count(*) FROM r) AS c FROM t'),
('7','recursive in EXISTS','SELECT t.id FROM t WHERE EXISTS (WITH RECURSIVE r(y, d) AS (SELECT dst, 1 FROM e WHERE src = t.id UNION ALL SELECT e.dst, d + 1 FROM r JOIN e ON e.src = r.y WHERE d < 4) SELECT FROM r WHERE d = 2)'),
('7','recursive with CYCLE in LEFT JOIN LATERAL','SELECT t.id, x.* FROM t LEFT JOIN LATERAL (WITH RECURSIVE r(y, z) AS (SELECT dst, src FROM e WHERE src = t.id UNION ALL SELECT e.dst, e.src FROM r JOIN e ON e.src = r.y) CYCLE y SET c USING p SELECT y, z, c FROM r) x ON true'),
('7','recursive with path','WITH RECURSIVE r(x, path) AS (SELECT src, ARRAY[src] FROM e UNION ALL SELECT e.dst, r.path || e.dst FROM r JOIN e ON e.src = r.x WHERE e.dst <> ALL (r.path)) SELECT * FROM r'),
('8','now()','SELECT id FROM t WHERE ts > now() - interval ''1 day'''),
('8','current_date','SELECT id FROM t WHERE d >= current_date - 7'),
('8','now() in a join','SELECT t.id, u.id AS u FROM t JOIN u ON u.t_id = t.id WHERE t.ts > now() - interval ''1 hour'''),
('8','now() in the select list','SELECT id, ts < now() AS past FROM t'),
('8','now() in FILTER','SELECT a, count(*) FILTER (WHERE ts < now()) AS c FROM t GROUP BY a'),
('8','now() in HAVING','SELECT a, max(ts) AS m FROM t GROUP BY a HAVING max(ts) < now()'),
('8','now() in EXISTS','SELECT id FROM u WHERE EXISTS (SELECT FROM t WHERE t.id = u.t_id AND t.ts < now())'),
('8','age by subtraction','SELECT id FROM t WHERE now() - ts < interval ''1 day'''),
('8','today','SELECT id FROM t WHERE ts::date = current_date'),
('8','columns of two tables and now()','SELECT t.id, u.id AS u FROM t JOIN u ON u.t_id = t.id WHERE t.ts + u.a * interval ''1 hour'' < now()'),
('8','now() below windows','SELECT id, rank() OVER (PARTITION BY a ORDER BY n) AS r FROM t WHERE ts < now()'),
('8','now() as a value','SELECT id, now() - ts AS age FROM t'),
('8','statement_timestamp()','SELECT id FROM t WHERE ts < statement_timestamp()'),
('8','settings only','SELECT date_trunc(''day'', ts) AS day, count(*) AS c FROM t GROUP BY 1'),
('10','whole row of a table','SELECT t.id, to_jsonb(t) AS j FROM t'),
('10','whole row of a nullable table','SELECT t.id, to_jsonb(u) AS j FROM t LEFT JOIN u ON u.t_id = t.id'),
('10','whole row of a subquery','SELECT to_jsonb(x) AS j FROM (SELECT id, a FROM t) x'),
('10','count of a table''s rows','SELECT t.id, count(u) AS c FROM t LEFT JOIN u ON u.t_id = t.id GROUP BY t.id'),
('10','no key at all','SELECT a, b FROM v'),
('10','view and WITH used twice','WITH x AS (SELECT a, count(*) AS c FROM t GROUP BY a) SELECT x.a, y.c FROM x JOIN x y ON y.a = x.a');
INSERT INTO t SELECT x, x % 3, 'b' || x % 2, x / 2.0, '2020-01-01', '2020-01-01' FROM generate_series(1, 9) AS x;
INSERT INTO u SELECT x, nullif(x % 5, 0), x % 4, 'u' FROM generate_series(1, 9) AS x;
INSERT INTO v VALUES (20, 1), (21, 2), (NULL, 3), (22, NULL);
INSERT INTO e VALUES (1, 2), (2, 3), (5, 6);

CREATE FUNCTION try_all() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    m matrix;
    reason text;
BEGIN
    FOR m IN SELECT * FROM matrix ORDER BY no LOOP
        PERFORM pgtrickle.create_stream_table('m' || m.no, m.query, refresh_mode => 'AUTO');
        PERFORM test.assert_fresh('m' || m.no);
        UPDATE matrix SET mode = refresh_mode FROM pgtrickle.pgt_stream_tables WHERE no = m.no AND pgt_name = 'm' || m.no;
    END LOOP;
    UPDATE t SET a = a + 1, n = n + 1 WHERE id = 3;
    DELETE FROM t WHERE id = 5;
    UPDATE u SET a = a + 1, t_id = 4 WHERE id = 3;
    DELETE FROM u WHERE id = 5;
    INSERT INTO v VALUES (1, 1), (2, 1);
    DELETE FROM v WHERE a = 20;
    INSERT INTO e VALUES (3, 4);
    DELETE FROM e WHERE src = 1;
    FOR m IN SELECT * FROM matrix ORDER BY no LOOP
        PERFORM pgtrickle.refresh_stream_table('m' || m.no);
        PERFORM test.assert_fresh('m' || m.no);
        SELECT refresh_reason INTO reason FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id)
         WHERE pgt_name = 'm' || m.no AND refresh_reason IS DISTINCT FROM 'first fill' ORDER BY refresh_id DESC LIMIT 1;
        UPDATE matrix SET recomputed = reason WHERE no = m.no;
    END LOOP;
END $$;
-- a server without libxml tries another function of the same rows
UPDATE matrix SET query = 'SELECT t.id, x.k FROM t, unnest(ARRAY[1]) AS x(k)' WHERE construct = 'XMLTABLE' AND test.lacks('xml');
\o /dev/null
SELECT try_all();
\o
SELECT part, construct, mode, recomputed FROM matrix ORDER BY no;
SELECT test.drop_all();
DROP FUNCTION try_all;
DROP TABLE t, u, v, e, matrix;
