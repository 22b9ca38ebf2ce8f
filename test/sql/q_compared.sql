-- Rows compared with an aggregate of everything, which has changed: only those
-- that compare otherwise than before are looked at again (rule E11).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, n int, m numeric, t text);
CREATE TABLE q_u (v int, w numeric);
INSERT INTO q_t SELECT x, nullif(x % 17, 3), x / 3.0, 't' || x FROM generate_series(1, 100) AS x;
INSERT INTO q_u SELECT x, x * 1.5 FROM generate_series(1, 9) AS x;
SELECT test.create('q_above', 'SELECT id, n FROM q_t WHERE n > (SELECT avg(v) FROM q_u)');
SELECT test.create('q_own', 'SELECT id, m FROM q_t WHERE m <= (SELECT avg(m) FROM q_t WHERE n > 4)');
SELECT test.create('q_between', 'SELECT id, t FROM q_t, (SELECT min(v) AS a, max(v) AS z FROM q_u) AS x WHERE n >= a AND n < z AND t LIKE ''t%''');
SELECT test.create('q_either', 'SELECT id FROM q_t, (SELECT sum(w) AS s, count(*) AS c FROM q_u) AS x WHERE m < s OR s IS NULL OR n <> c');
SELECT test.create('q_not', 'SELECT id FROM q_t WHERE NOT (m < (SELECT max(w) FROM q_u))');
SELECT test.create('q_two', 'SELECT t.id, u.v FROM q_t AS t JOIN q_u AS u ON u.v = t.n WHERE t.m > (SELECT avg(w) FROM q_u) AND u.w < (SELECT max(m) FROM q_t)');
SELECT test.create('q_groups', 'SELECT n, count(*) AS c FROM q_t GROUP BY n HAVING sum(m) > (SELECT avg(w) * 10 FROM q_u)');
SELECT test.create('q_without', 'SELECT id FROM q_t WHERE n > (SELECT max(v) FROM q_u WHERE v > 5) AND NOT EXISTS (SELECT FROM q_u WHERE v = id)');
-- not these: the value is shown, or an index finds what equals it
SELECT test.create('q_shown', 'SELECT id, x.s FROM q_t, (SELECT sum(w) AS s FROM q_u) AS x WHERE m < s');
SELECT test.create('q_equal', 'SELECT id, t FROM q_t WHERE id = (SELECT max(v) FROM q_u)');
-- nor these: there are several rows to compare with
SELECT test.create('q_places', 'SELECT id, n FROM q_t, (SELECT row_number() OVER (ORDER BY w, v) AS place FROM q_u) AS x WHERE n > place');
-- the one row as a constant: shown, in another item of FROM, as a whole, beside an outer join, with another one
SELECT test.create('q_constant', 'SELECT id, m + s AS a, y.z, x::text AS whole FROM q_t, (SELECT sum(w) AS s, count(*) AS c FROM q_u) AS x, LATERAL (SELECT n + x.c AS z) AS y WHERE n = c OR m < s');
SELECT test.create('q_beside', 'SELECT id, u.v, s FROM q_t AS t LEFT JOIN q_u AS u ON u.v = t.n CROSS JOIN (SELECT sum(w) AS s FROM q_u) AS x WHERE m < s');
SELECT test.create('q_outer', 'SELECT id, s FROM q_t LEFT JOIN (SELECT sum(w) AS s, max(v) AS v FROM q_u) AS x ON x.v >= n');
SELECT test.create('q_values', 'SELECT a, b FROM (SELECT avg(v) AS a FROM q_u) AS x, (SELECT max(m) AS b FROM q_t) AS y WHERE a < b OR a IS NULL');
SELECT name, count(*) FILTER (WHERE line ~ 'CASE WHEN .* IS TRUE|IS TRUE\) THEN') > 0 AS crossing FROM unnest(ARRAY['q_above', 'q_own', 'q_between', 'q_either', 'q_not', 'q_two', 'q_groups', 'q_without', 'q_shown', 'q_equal', 'q_places']) AS name, regexp_split_to_table(pgtrickle.explain_stream_table(name), E'\n') AS line GROUP BY name ORDER BY name;
SET client_min_messages = warning;
UPDATE q_u SET v = v + 3, w = w + 10 WHERE v > 6;
SELECT * FROM test.refresh_all('DELTA');
-- the value stays though what it is of changes
UPDATE q_u SET v = CASE v WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE v END;
SELECT * FROM test.refresh_all('DELTA');
-- both sides at once
BEGIN;
UPDATE q_t SET n = n + 4, m = m - 3 WHERE id % 5 = 0;
INSERT INTO q_u VALUES (-20, -40), (NULL, NULL), (0, 0.00);
DELETE FROM q_t WHERE id % 9 = 0;
INSERT INTO q_t VALUES (200, 8, NULL, 'x'), (201, NULL, 12, 't201');
COMMIT;
SELECT * FROM test.refresh_all('DELTA');
-- no value any more, and one again
DELETE FROM q_u;
SELECT * FROM test.refresh_all('DELTA');
INSERT INTO q_u SELECT x, x * 2 FROM generate_series(4, 8) AS x;
SELECT * FROM test.refresh_all('DELTA');
UPDATE q_u SET w = 'NaN' WHERE v = 5;
SELECT * FROM test.refresh_all('DELTA');
DELETE FROM q_t WHERE n > 4;
SELECT * FROM test.refresh_all('DELTA');
RESET client_min_messages;
SELECT test.drop_all();
DROP TABLE q_t, q_u;
