-- Comparisons with now() and what follows from it: rows enter and leave as time
-- passes, without a recompute (rule E15, class b). Time is driven without
-- waiting for it: a transaction sets a row's time to a microsecond after its
-- own now(), and the next transaction begins later than that.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE TABLE t (id int PRIMARY KEY, g int, at timestamptz, n numeric);
CREATE TABLE u (id int PRIMARY KEY, t_id int, until timestamptz, y int);
INSERT INTO t SELECT x, x % 3, now() + x * interval '1 hour', x / 2.0 FROM generate_series(-20, 20) AS x;
INSERT INTO t VALUES (100, 1, NULL, 1), (101, NULL, now() + interval '40000 hours', 1), (102, 2, '2000-01-01', NULL);
INSERT INTO u SELECT x, x % 10, now() + (x % 7 - 3) * interval '1 hour', x FROM generate_series(1, 40) AS x;

-- $1 is a microsecond from now
CREATE FUNCTION soon(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE what USING now() + interval '1 microsecond';
END $$;

-- every way to write it, alone
\o /dev/null
SELECT test.create('s_gt', 'SELECT id, at FROM t WHERE at > now()');
SELECT test.create('s_le', 'SELECT id, at FROM t WHERE at <= now()');
SELECT test.create('s_commuted', 'SELECT id FROM t WHERE now() >= at');
SELECT test.create('s_interval', 'SELECT id, n FROM t WHERE at > now() - interval ''2 hours 30 minutes'' AND at < current_timestamp + interval ''1 day''');
SELECT test.create('s_shifted', 'SELECT id FROM t WHERE at + interval ''36 hours'' < now() + interval ''36 hours''');
SELECT test.create('s_difference', 'SELECT id FROM t WHERE now() - at < interval ''1 hour 30 minutes''');
SELECT test.create('s_difference2', 'SELECT id FROM t WHERE at - transaction_timestamp() >= interval ''0''');
SELECT test.create('s_list', 'SELECT id, at < now() AS past, n FROM t');
SELECT test.create('s_or', 'SELECT id FROM t WHERE at < now() OR n > 8');
SELECT test.create('s_case', 'SELECT id, CASE WHEN at < now() THEN ''past'' WHEN at < now() + interval ''5 hours'' THEN ''soon'' ELSE ''later'' END AS w FROM t');
SELECT test.create('s_not', 'SELECT id FROM t WHERE NOT (at < now())');
SELECT test.create('s_null', 'SELECT id, (at < now()) IS NULL AS unknown FROM t');
SELECT test.create('s_local', 'SELECT id FROM t WHERE at::timestamp < localtimestamp');
SELECT test.create('s_coalesce', 'SELECT id FROM t WHERE coalesce(at, ''infinity'') > now()');
SELECT test.create('s_between', 'SELECT id FROM t WHERE now() BETWEEN at AND at + interval ''3 hours''');

-- in joins, below aggregates and above them
SELECT test.create('s_join', 'SELECT t.id, u.id AS u, u.y FROM t JOIN u ON u.t_id = t.id WHERE t.at < now() AND u.until > now()');
SELECT test.create('s_left', 'SELECT t.id, u.id AS u FROM t LEFT JOIN u ON u.t_id = t.id AND u.until > now()');
SELECT test.create('s_left_kept', 'SELECT t.id, u.id AS u, coalesce(u.until, ''infinity'') > now() AS valid FROM t LEFT JOIN u ON u.t_id = t.id AND t.at < now()');
SELECT test.create('s_left_strict', 'SELECT t.id, u.id AS u FROM t LEFT JOIN u ON u.t_id = t.id AND coalesce(t.at, ''infinity'') < now()');
SELECT test.create('s_full', 'SELECT t.id, u.id AS u FROM t FULL JOIN u ON u.t_id = t.id AND u.until > now()');
SELECT test.create('s_exists', 'SELECT id FROM t WHERE EXISTS (SELECT FROM u WHERE u.t_id = t.id AND u.until > now())');
SELECT test.create('s_not_exists', 'SELECT id FROM t WHERE NOT EXISTS (SELECT FROM u WHERE u.t_id = t.id AND u.until > now())');
SELECT test.create('s_not_in', 'SELECT id FROM t WHERE g NOT IN (SELECT t_id FROM u WHERE until > now())');
SELECT test.create('s_scalar', 'SELECT id, (SELECT count(*) FROM u WHERE u.t_id = t.id AND u.until < now()) AS c FROM t');
SELECT test.create('s_group', 'SELECT g, count(*) AS c, sum(n) AS s FROM t WHERE at > now() GROUP BY g');
SELECT test.create('s_filter', 'SELECT g, count(*) FILTER (WHERE at > now()) AS c, max(n) FILTER (WHERE at <= now()) AS m FROM t GROUP BY g');
SELECT test.create('s_whole', 'SELECT count(*) AS c, max(at) AS m FROM t WHERE at < now()');
SELECT test.create('s_key', 'SELECT at < now() AS past, count(*) AS c FROM t GROUP BY 1');
SELECT test.create('s_having', 'SELECT g, max(at) AS m FROM t WHERE at < ''infinity'' GROUP BY g HAVING max(at) > now() + interval ''2 hours''');
SELECT test.create('s_above', 'SELECT g, max(until) < now() AS over FROM (SELECT y % 4 AS g, until FROM u) AS q GROUP BY g');
SELECT test.create('s_distinct', 'SELECT DISTINCT g FROM t WHERE at < now()');
SELECT test.create('s_union', 'SELECT id FROM t WHERE at < now() UNION SELECT id FROM u WHERE until < now()');
SELECT test.create('s_except', 'SELECT id FROM t EXCEPT SELECT t_id FROM u WHERE until < now()');
SELECT test.create('s_union_all', 'SELECT id, at FROM (SELECT id, at FROM t UNION ALL SELECT id, until FROM u) AS q WHERE at < now()');
SELECT test.create('s_both', 'SELECT t.id, u.id AS u FROM t JOIN u ON u.t_id = t.id WHERE t.at + (u.until - t.at) < now()');
SELECT test.create('s_top', 'SELECT id, at FROM t WHERE at > now() ORDER BY at, id LIMIT 3');
SELECT test.create('s_cte', 'WITH q AS (SELECT id, t_id FROM u WHERE until > now()) SELECT a.id, b.id AS b FROM q AS a JOIN q AS b ON b.t_id = a.t_id');
CREATE VIEW valid AS SELECT * FROM u WHERE until > now();
SELECT test.create('s_view', 'SELECT t_id, count(*) AS c FROM valid GROUP BY t_id');
SELECT test.create('s_chain', 'SELECT t_id, c FROM s_view WHERE c > 2');
\o

-- time passes, and nothing is written: one row enters or leaves
SELECT soon('UPDATE t SET at = $1 WHERE id IN (1, 2)');
SELECT soon('UPDATE u SET until = $1 WHERE id IN (3, 11, 12)');
SELECT soon('UPDATE t SET at = $1 WHERE id = 3');
\o /dev/null
SELECT test.refresh_all('DELTA');
\o
BEGIN;
SELECT soon('UPDATE t SET at = $1 WHERE id IN (4, 5, 12)');
SELECT soon('UPDATE u SET until = $1 WHERE id IN (4, 5, 24)');
\o /dev/null
SELECT test.refresh_all('DELTA');
\o
COMMIT;
\o /dev/null
SELECT test.refresh_all('DELTA');
\o
-- nothing has changed: neither rows nor what time it is matters
\o /dev/null
SELECT test.refresh_all('NO_DATA');
\o

-- time passes and everything is written at once
BEGIN;
SELECT soon('UPDATE t SET at = $1 WHERE id IN (4, 6, 7, 8, 100)');
SELECT soon('UPDATE u SET until = $1 WHERE id IN (7, 8, 9, 27, 28)');
\o /dev/null
SELECT test.refresh_all('DELTA');
\o
COMMIT;
UPDATE t SET g = g + 1, n = n + 1 WHERE id IN (6, 7, 9);
UPDATE t SET at = NULL WHERE id IN (8, 10);
DELETE FROM t WHERE id = 4;
DELETE FROM u WHERE id IN (8, 9);
INSERT INTO u VALUES (50, 6, now() + interval '1 hour', 1), (51, 6, now() - interval '1 hour', 1), (52, 7, NULL, 1);
UPDATE u SET t_id = 6 WHERE id = 27;
\o /dev/null
SELECT test.refresh_all('DELTA');
\o

-- back and forth: a row that was past comes again
BEGIN;
SELECT soon('UPDATE t SET at = $1 WHERE id < 0');
\o /dev/null
SELECT test.refresh_all('DELTA');
\o
COMMIT;
BEGIN;
SELECT soon('UPDATE t SET at = $1 WHERE id BETWEEN -5 AND -1');
\o /dev/null
SELECT test.refresh_all('DELTA');
\o
COMMIT;
\o /dev/null
SELECT test.refresh_all('DELTA');
\o
-- a recompute counts as a refresh
BEGIN;
CREATE TABLE w (id int PRIMARY KEY, at timestamptz);
SELECT test.create('r_left', 'SELECT t.id, w.id AS w FROM t LEFT JOIN w ON w.id = t.id AND w.at > now()');
TRUNCATE w;
SELECT soon('INSERT INTO w SELECT x, $1 FROM generate_series(1, 9) AS x');
SELECT test.refresh('r_left', 'FULL');
COMMIT;
SELECT test.refresh('r_left');
-- what is verified is what was right at the last refresh
BEGIN;
SELECT soon('UPDATE w SET at = $1 WHERE id = 2');
SELECT test.refresh('r_left');
COMMIT;
SELECT count(*) FROM r_left WHERE w = 2;
SELECT * FROM pgtrickle.verify_stream_table('r_left');
SELECT test.refresh('r_left');
SELECT * FROM pgtrickle.verify_stream_table('r_left');
SELECT pgtrickle.drop_stream_table('r_left');
DROP TABLE w;
-- nothing is left
DELETE FROM t;
\o /dev/null
SELECT test.refresh_all('DELTA');
\o
DELETE FROM u;
\o /dev/null
SELECT test.refresh_all('DELTA');
\o
SELECT test.drop_all();

DROP FUNCTION soon;
DROP VIEW valid;
DROP TABLE t, u;
