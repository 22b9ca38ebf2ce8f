-- Several windows of one query, each with a partition, an order and frames of its
-- own: a change costs what it reaches in each of them (rule E10).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE t (id int PRIMARY KEY, a int, b text, o int, n numeric, k int NOT NULL);
CREATE TABLE u (a int, o int, n numeric(8,2));
INSERT INTO t SELECT x, nullif(x % 4, 3), 'b' || x % 3, nullif(x * 7 % 10, 4), nullif(x % 5, 2) / 2.0, x % 6 FROM generate_series(1, 40) AS x;
INSERT INTO u SELECT nullif(x % 3, 2), nullif(x % 6, 5), x FROM generate_series(1, 15) AS x;
INSERT INTO u VALUES (1, 2, 2), (1, 2, 2), (NULL, NULL, NULL), (NULL, -1, 1), (NULL, -1, 1), (0, NULL, -9);

-- partitions of their own, one within the other, and none; orders of their own
SELECT test.create('s_two', 'SELECT id, rank() OVER (PARTITION BY a ORDER BY o) AS x, sum(n) OVER (PARTITION BY b ORDER BY id) AS y FROM t');
SELECT test.create('s_within', 'SELECT id, row_number() OVER (PARTITION BY a ORDER BY id) AS x, count(*) OVER (PARTITION BY a, b) AS y, ntile(3) OVER (PARTITION BY b ORDER BY o, id) AS z FROM t');
SELECT test.create('s_orders', 'SELECT id, rank() OVER (ORDER BY o) AS x, dense_rank() OVER (ORDER BY n DESC) AS y, lag(id) OVER (ORDER BY k, id) AS z FROM t');
SELECT test.create('s_all', 'SELECT id, row_number() OVER (ORDER BY o, id) AS x, count(*) OVER () AS c, n / sum(n) OVER () AS s, max(o) OVER (PARTITION BY b) AS m FROM t');
SELECT test.create('s_keyless', 'SELECT a, o, n, rank() OVER (PARTITION BY a ORDER BY o) AS r, sum(n) OVER (PARTITION BY o ORDER BY a, n) AS s, count(*) OVER (PARTITION BY a) AS c FROM u');
SELECT test.create('s_numbered', 'SELECT a, o, n, row_number() OVER (PARTITION BY a ORDER BY o, n) AS r, dense_rank() OVER (ORDER BY n, o) AS d FROM u');
-- what depends on the whole partition
SELECT test.create('s_shares', 'SELECT id, percent_rank() OVER w AS p, cume_dist() OVER w AS c, ntile(2) OVER (PARTITION BY a ORDER BY o, id) AS t, nth_value(id, 3) OVER (PARTITION BY a ORDER BY id) AS v, rank() OVER (PARTITION BY k ORDER BY o) AS r FROM t WINDOW w AS (PARTITION BY a ORDER BY o)');
SELECT test.create('s_exclude', 'SELECT id, count(*) OVER (PARTITION BY a ORDER BY o ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE GROUP) AS x, sum(n) OVER (PARTITION BY b ORDER BY o RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING EXCLUDE TIES) AS y FROM t WHERE o IS DISTINCT FROM 3 AND id % 10 <> 3');
-- what runs on from the first row, and back from the last
SELECT test.create('s_extremes', 'SELECT id, max(n) OVER (ORDER BY o) AS x, min(n) FILTER (WHERE k > 1) OVER (ORDER BY o, id ROWS UNBOUNDED PRECEDING) AS y, avg(n) OVER (ORDER BY k) AS a, avg(o) OVER (PARTITION BY b ORDER BY id) AS e FROM t');
SELECT test.create('s_back', 'SELECT id, sum(n) OVER (ORDER BY o, id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS x, count(*) OVER (ORDER BY o RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS y, max(k) OVER (PARTITION BY b ORDER BY o DESC GROUPS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS z FROM t');
SELECT test.create('s_ends', 'SELECT id, first_value(id) OVER w AS f, last_value(id) OVER (w RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS l, last_value(o) OVER (PARTITION BY a ORDER BY o) AS p, first_value(n) OVER (ORDER BY k DESC, id) AS n FROM t WINDOW w AS (PARTITION BY a ORDER BY k, id)');
SELECT test.create('s_groups', 'SELECT id, sum(k) OVER (ORDER BY o GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS x, count(n) OVER (PARTITION BY b ORDER BY o, k GROUPS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS y, min(id) OVER (ORDER BY o GROUPS 2 PRECEDING EXCLUDE GROUP) AS z FROM t');
SELECT test.create('s_range', 'SELECT id, sum(k) OVER (ORDER BY o RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING) AS x, count(*) OVER (PARTITION BY b ORDER BY o DESC NULLS LAST RANGE BETWEEN 1 FOLLOWING AND 3 FOLLOWING) AS y, max(id) OVER (ORDER BY n RANGE BETWEEN 0.5 PRECEDING AND CURRENT ROW) AS z FROM t');
SELECT test.create('s_time', 'SELECT id, count(*) OVER (PARTITION BY a ORDER BY at RANGE ''1 month'' PRECEDING) AS x, sum(k) OVER (ORDER BY at DESC RANGE BETWEEN ''3 days'' PRECEDING AND ''1 month 2 hours'' FOLLOWING EXCLUDE TIES) AS y FROM (SELECT *, ''2024-01-29''::timestamp + (id * 7 % 45) * interval ''26 hours'' AS at FROM t) AS x');
SELECT test.create('s_dates', 'SELECT id, count(*) OVER (ORDER BY d RANGE BETWEEN ''1 month'' PRECEDING AND ''10 days'' FOLLOWING) AS x, min(id) OVER (ORDER BY s RANGE BETWEEN 30000 PRECEDING AND 3 FOLLOWING) AS m FROM (SELECT *, ''2024-01-29''::date + o * 5 AS d, (greatest(o, 0) * 10000 - 32768)::int2 AS s FROM t WHERE o < 5 OR o IS NULL) AS x');
-- above and below
SELECT test.create('s_joined', 'SELECT t.id, u.n, rank() OVER (PARTITION BY t.a ORDER BY u.n) AS r, count(*) OVER (PARTITION BY t.id) AS c FROM t LEFT JOIN u ON u.o = t.k');
SELECT test.create('s_filtered', 'SELECT * FROM (SELECT id, b, row_number() OVER (PARTITION BY a ORDER BY id) AS r, row_number() OVER (PARTITION BY b ORDER BY id DESC) AS q FROM t) AS x WHERE r <= 2 OR q = 1');
SELECT test.create('s_grouped', 'SELECT r - q AS island, b, count(*) AS c, min(id) AS f FROM (SELECT id, b, row_number() OVER (ORDER BY id) AS r, row_number() OVER (PARTITION BY b ORDER BY id) AS q FROM t) AS x GROUP BY r - q, b');
SELECT test.create('s_first', 'SELECT DISTINCT ON (a) a, id, rank() OVER (PARTITION BY b ORDER BY o) AS r FROM t ORDER BY a, rank() OVER (PARTITION BY b ORDER BY o), id');
SELECT test.create('s_text', 'SELECT id, lag(id) OVER (PARTITION BY b ORDER BY n, id) AS l, lead(b) OVER (PARTITION BY a, k ORDER BY b::varchar(9), id) AS e FROM t');

SET client_min_messages = warning;
INSERT INTO t VALUES (50, 1, 'b1', 5, 1.25, 3), (0, NULL, 'b2', NULL, 9, 0);
INSERT INTO u VALUES (1, 3, 12.5), (NULL, NULL, NULL);
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET n = n + 1.00 WHERE id IN (4, 17);
UPDATE u SET n = -n WHERE o = 2;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- values that trade places, here and there: what lies between comes to the same
UPDATE t SET n = u.n, k = u.k FROM t AS u WHERE (t.id, u.id) IN ((5, 9), (9, 5), (20, 26), (26, 20), (33, 34), (34, 33));
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET o = u.o FROM t AS u WHERE (t.id, u.id) IN ((1, 2), (2, 1), (13, 22), (22, 13), (36, 38), (38, 36));
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- partitions that come, go and change; the first and the last of an order
UPDATE t SET a = NULL WHERE a = 0;
UPDATE t SET b = 'new' WHERE id IN (1, 40);
DELETE FROM t WHERE id IN (0, 2);
DELETE FROM u WHERE a IS NULL;
SELECT stream_table, run FROM test.refresh_all('DELTA');
UPDATE t SET o = NULL WHERE o > 7;
UPDATE t SET o = -1, k = 7 WHERE o = 0;
INSERT INTO u VALUES (NULL, NULL, 1), (NULL, NULL, 1);
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- the greatest and the least leave; digits do, too
DELETE FROM t WHERE n = (SELECT max(n) FROM t) OR k = 7;
UPDATE t SET n = NULL WHERE n = 0;
DELETE FROM u WHERE n = (SELECT max(n) FROM u);
SELECT stream_table, run FROM test.refresh_all('DELTA');
BEGIN;
UPDATE t SET o = o + id % 3, a = (a + 1) % 4, k = k + id % 2 WHERE id % 2 = 0;
DELETE FROM t WHERE id % 7 = 0;
INSERT INTO t SELECT x, x % 5, 'b' || x % 4, x % 8, x / 4.0, x % 3 FROM generate_series(60, 70) AS x;
UPDATE u SET o = o + 1;
INSERT INTO u SELECT a, o, n FROM u WHERE n > 5;
COMMIT;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t WHERE id > 5;
DELETE FROM u;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO t SELECT x, x % 2, 'b', x % 3, 'NaN', x FROM generate_series(1, 6) AS x;
INSERT INTO u VALUES (1, 1, 1), (1, 1, 1), (NULL, 1, NULL);
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM t WHERE id < 3;
SELECT stream_table, run FROM test.refresh_all('DELTA');
SELECT test.drop_all();
DROP TABLE t, u;

-- The cost: what the change reaches in each window, however large a partition is.
CREATE TABLE t (id int PRIMARY KEY, region text, customer int, at timestamptz NOT NULL, v int);
INSERT INTO t SELECT x, 'region ' || x % 5, x % 2000, '2024-01-01'::timestamptz + x * interval '1 minute', x % 100 FROM generate_series(1, 20000) AS x;
ANALYZE t;
SELECT test.create('s_cost', 'SELECT id, lag(v) OVER (PARTITION BY region ORDER BY at) AS l, sum(v) OVER (PARTITION BY customer ORDER BY at) AS s, ntile(4) OVER (PARTITION BY customer ORDER BY v, id) AS q FROM t');
SELECT test.create('s_bounded', 'SELECT id, lag(v) OVER (ORDER BY id::varchar(12)) AS l, lead(v) OVER (ORDER BY id::numeric(12,2) DESC) AS m FROM t');
SELECT test.create('s_max', 'SELECT id, max(v) OVER (PARTITION BY region ORDER BY at) AS m, first_value(v) OVER (ORDER BY at, id) AS f FROM t');
ANALYZE;
UPDATE t SET v = v + 1 WHERE id = 7000;
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 400) FROM (VALUES ('s_cost'), ('s_bounded'), ('s_max')) AS x (stream_table);
-- an index by which whole partitions could be read is of no use where these are large
CREATE INDEX ON t (region);
CREATE INDEX ON t (customer);
SELECT test.create('s_large', 'SELECT id, row_number() OVER (PARTITION BY region ORDER BY at) AS r, avg(v) OVER (PARTITION BY region ORDER BY at ROWS 3 PRECEDING) AS a FROM t');
SELECT test.create('s_small', 'SELECT id, row_number() OVER (PARTITION BY region, customer ORDER BY at) AS r FROM t');
SELECT pgt_name, left(ltrim(line), 70) AS line FROM pgtrickle.pgt_stream_tables, regexp_split_to_table(pgtrickle.explain_stream_table(pgt_name), '\n') AS line WHERE pgt_name IN ('s_large', 's_small') AND line ~ 'window functions|^Slice \d:' ORDER BY pgt_id;
ANALYZE;
INSERT INTO t VALUES (20001, 'region 1', 7, '2024-01-20', 5);
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 400) FROM (VALUES ('s_large'), ('s_small')) AS x (stream_table);
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 400) FROM (VALUES ('s_cost'), ('s_bounded'), ('s_max')) AS x (stream_table);
DELETE FROM t WHERE id IN (5000, 5005);
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 400) FROM (VALUES ('s_cost'), ('s_bounded'), ('s_max')) AS x (stream_table);
SELECT test.drop_all();
-- changes far apart, between which all comes to the same
SELECT test.create('s_apart', 'SELECT id, sum(v) OVER w AS s, lag(region) OVER w AS l, rank() OVER w AS r FROM t WINDOW w AS (ORDER BY at, id)');
SELECT test.create('s_parts', 'SELECT id, sum(v) OVER w AS s, count(*) OVER w AS c FROM t WINDOW w AS (PARTITION BY customer % 2 ORDER BY id DESC)');
SELECT test.create('s_hours', 'SELECT id, count(*) OVER (ORDER BY at RANGE BETWEEN ''20 minutes'' PRECEDING AND ''10 minutes'' FOLLOWING) AS c, sum(v) OVER (ORDER BY at DESC RANGE ''90 seconds'' PRECEDING) AS s FROM t');
ANALYZE;
UPDATE t SET region = 'none' WHERE id IN (10, 9000, 19990);
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 400) FROM (VALUES ('s_apart'), ('s_parts'), ('s_hours')) AS x (stream_table);
UPDATE t SET v = u.v FROM t AS u WHERE (t.id, u.id) IN ((20, 24), (24, 20), (9000, 9002), (9002, 9000), (19990, 19994), (19994, 19990));
SELECT stream_table, test.refresh(stream_table, 'DELTA', 500, 400) FROM (VALUES ('s_apart'), ('s_parts'), ('s_hours')) AS x (stream_table);
SELECT test.drop_all();
-- where most of a window would be computed again, mode AUTO recomputes, and says so
SET pg_trickle.refresh_strategy = auto;
SET pg_trickle.min_delta_budget_ms = 0;
SELECT pgtrickle.create_stream_table('s_auto', 'SELECT id, sum(v) OVER (ORDER BY at) AS s, lag(v) OVER (ORDER BY at) AS l FROM t');
SELECT pgtrickle.create_stream_table('s_all', 'SELECT id, nth_value(v, 2) OVER (PARTITION BY v < 0 ORDER BY id) AS s FROM t');
SELECT test.create('s_always', 'SELECT id, sum(v) OVER (ORDER BY at) AS s FROM t');
CREATE FUNCTION runs() RETURNS TABLE (stream_table text, run text) LANGUAGE plpgsql AS $$
DECLARE
    last bigint := (SELECT max(refresh_id) FROM pgtrickle.pgt_refresh_history);
BEGIN
    PERFORM pgtrickle.refresh_stream_table(pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
    PERFORM test.assert_fresh(pgt_name) FROM pgtrickle.pgt_stream_tables;
    RETURN QUERY SELECT pgt_name, action || format(' +%s ~%s -%s', rows_inserted, rows_updated, rows_deleted) || coalesce(': ' || refresh_reason, '')
      FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id) WHERE refresh_id > last ORDER BY pgt_id;
END $$;
INSERT INTO t SELECT x, 'region 1', 7, '2024-02-20'::timestamptz + x * interval '1 minute', 5 FROM generate_series(20002, 20005) AS x;
SELECT * FROM runs();
UPDATE t SET v = v + 1 WHERE id = 15000;
SELECT * FROM runs();
UPDATE t SET v = v + 1 WHERE id = 2;
SELECT * FROM runs();
SELECT pgt_name, regexp_replace(regexp_replace(line, '^.*\), ', ''), '\d+', 'N') AS line FROM pgtrickle.pgt_stream_tables, regexp_split_to_table(pgtrickle.explain_stream_table(pgt_name), '\n') AS line WHERE line ~ '^State \d+:' ORDER BY pgt_id;
SELECT test.drop_all();
DROP FUNCTION runs();
RESET pg_trickle.refresh_strategy;
RESET pg_trickle.min_delta_budget_ms;
DROP TABLE t;

-- a condition on what is divided by the number of rows, which was none, or will be
CREATE TABLE few (id int, g int);
SELECT test.create('f_ntile', 'SELECT id, b FROM (SELECT id, ntile(2) OVER (ORDER BY id) AS b FROM few) AS x WHERE b <= 2');
SELECT test.create('f_cume_dist', 'SELECT id, b FROM (SELECT id, cume_dist() OVER (ORDER BY id) AS b FROM few) AS x WHERE b > 0');
SELECT test.create('f_groups', 'SELECT g, b, p FROM (SELECT g, ntile(3) OVER (ORDER BY g) AS b, percent_rank() OVER (ORDER BY g) AS p FROM few GROUP BY g) AS x WHERE b < 3 AND p < 1');
INSERT INTO few VALUES (1, 1);
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO few SELECT x, x % 5 FROM generate_series(2, 12) AS x;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM few WHERE id > 2;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM few;
SELECT stream_table, run FROM test.refresh_all('DELTA');
SELECT test.drop_all();
DROP TABLE few;
