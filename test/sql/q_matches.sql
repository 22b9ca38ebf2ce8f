-- EXISTS, IN and their negations where no index finds the matches: a state holds
-- the values that have some, with their numbers (rule E6).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE a (id int PRIMARY KEY, k int, s text, n numeric, d date);
CREATE TABLE b (id int PRIMARY KEY, k int, s text, n numeric, v int NOT NULL);
CREATE TABLE c (k bigint, s varchar(20));
CREATE TABLE i (id int PRIMARY KEY, k int NOT NULL);
CREATE INDEX ON i (k);
INSERT INTO a SELECT x, nullif(x % 7, 3), nullif('s' || x % 4, 's2'), x / 2.0, '2024-01-01'::date + x FROM generate_series(1, 14) AS x;
INSERT INTO b SELECT x, nullif(x % 5, 4), nullif('s' || x % 6, 's5'), x / 2.0, x % 3 FROM generate_series(1, 10) AS x;
INSERT INTO c VALUES (1, 's1'), (1, 's1'), (2, NULL), (NULL, 's0'), (NULL, NULL);
INSERT INTO i SELECT x, x FROM generate_series(1, 5) AS x;
CREATE VIEW w AS SELECT k AS wk, s AS ws, v FROM b WHERE v < 2;

SELECT test.create('m_exists', 'SELECT id FROM a WHERE EXISTS (SELECT FROM b WHERE b.k = a.k AND v > 0)');
SELECT test.create('m_not_exists', 'SELECT * FROM c WHERE NOT EXISTS (SELECT FROM b WHERE c.k = b.k AND b.s = c.s)');
SELECT test.create('m_in', 'SELECT id, n FROM a WHERE s IN (SELECT s FROM c)');
SELECT test.create('m_in_keyless', 'SELECT * FROM c WHERE (k, s) IN (SELECT k, s FROM b)');
SELECT test.create('m_not_in', 'SELECT * FROM c WHERE k NOT IN (SELECT k FROM b)');
SELECT test.create('m_not_in_filtered', 'SELECT id, k FROM a WHERE k NOT IN (SELECT k FROM b WHERE k IS NOT NULL AND v = 1)');
SELECT test.create('m_not_in_tied', 'SELECT id FROM a WHERE k NOT IN (SELECT b.k FROM b WHERE b.s = a.s)');
SELECT test.create('m_not_all', 'SELECT id FROM a WHERE NOT (k <> ALL (SELECT k FROM c))');
SELECT test.create('m_null', 'SELECT id FROM a WHERE EXISTS (SELECT FROM b WHERE b.s = a.s AND b.k IS NULL)');
SELECT test.create('m_view', 'SELECT id FROM a WHERE EXISTS (SELECT FROM w WHERE wk = a.k AND ws = a.s)');
SELECT test.create('m_expression', 'SELECT id FROM a WHERE a.k + 1 IN (SELECT b.k * 2 FROM b) AND EXISTS (SELECT FROM c WHERE lower(c.s) = a.s)');
SELECT test.create('m_joined', 'SELECT a.id, b.v FROM a JOIN b ON b.id = a.id WHERE EXISTS (SELECT FROM b AS x LEFT JOIN c ON c.k = x.k WHERE x.k = a.k AND c.s = b.s)');
SELECT test.create('m_self', 'SELECT * FROM c AS x WHERE NOT EXISTS (SELECT FROM c AS y WHERE y.k = x.k + 1)');
SELECT test.create('m_union', 'SELECT id FROM a WHERE EXISTS (SELECT FROM (SELECT k, s FROM b UNION ALL SELECT k, s FROM c) AS x WHERE x.k = a.k)');
SELECT test.create('m_within', 'SELECT id FROM a WHERE EXISTS (SELECT FROM b WHERE b.k = a.k AND b.s IN (SELECT s FROM c))');
SELECT test.create('m_of_groups', 'SELECT k, count(*) AS n FROM a GROUP BY k HAVING k NOT IN (SELECT v FROM b)');
-- the same state for both
SELECT test.create('m_shared', 'SELECT id FROM a WHERE EXISTS (SELECT FROM b WHERE b.k = a.k) UNION ALL SELECT -id FROM a WHERE k IN (SELECT k FROM b)');
-- no state of matches: an index finds them; more than equality ties them; equal values look different
SELECT test.create('m_indexed', 'SELECT id FROM a WHERE EXISTS (SELECT FROM i WHERE i.k = a.k) AND id IN (SELECT id FROM b)');
SELECT test.create('m_unequal', 'SELECT id FROM a WHERE EXISTS (SELECT FROM b WHERE b.k = a.k AND b.n > a.n)');
SELECT test.create('m_inexact', 'SELECT id FROM a WHERE n IN (SELECT n FROM b)');
SELECT pgt_name, cardinality(states) AS states, array_length(unindexed_columns, 1) AS unindexed
  FROM pgtrickle.pgt_stream_tables JOIN pgtrickle.stream_table_internals USING (pgt_id) ORDER BY pgt_id;

SET client_min_messages = warning;
-- more of what matches already
INSERT INTO b SELECT id + 20, k, s, n, v FROM b;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM b WHERE id > 25;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- the last ones go, and the first ones come
DELETE FROM b WHERE k = 1;
INSERT INTO b VALUES (40, 6, 's0', 7, 2), (41, 5, 's1', 7, 1);
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- NULL decides
DELETE FROM b WHERE k IS NULL;
DELETE FROM c WHERE k IS NULL;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO b VALUES (42, NULL, 's1', 1, 1);
UPDATE a SET k = NULL WHERE id = 5;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- both sides at once, rows that come and go within
BEGIN;
UPDATE a SET k = k + 1, s = 's' || id % 3 WHERE id % 2 = 0;
UPDATE b SET k = k - 1, s = NULL WHERE id % 3 = 0;
UPDATE c SET k = coalesce(k, 3) - 1;
INSERT INTO c VALUES (NULL, 's2'), (4, 'S1');
INSERT INTO b VALUES (50, 1, 's1', 1, 1);
DELETE FROM b WHERE id = 50;
UPDATE i SET k = k + 1;
COMMIT;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- indexes come and go: the states stay what they are
CREATE INDEX b_k ON b (k);
CREATE INDEX b_s ON b (s);
CREATE INDEX c_k ON c (k);
DROP INDEX i_k_idx;
UPDATE b SET k = 2 WHERE id = 3;
UPDATE i SET k = 6 WHERE id = 1;
SELECT stream_table, run FROM test.refresh_all('DELTA');
-- nothing there
DELETE FROM b;
DELETE FROM i;
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM c;
SELECT stream_table, run FROM test.refresh_all('DELTA');
INSERT INTO b SELECT x, x % 3, 's' || x % 2, x, 1 FROM generate_series(1, 6) AS x;
INSERT INTO c VALUES (2, 's1');
SELECT stream_table, run FROM test.refresh_all('DELTA');
DELETE FROM a;
SELECT stream_table, run FROM test.refresh_all('DELTA');
SELECT test.drop_all();
DROP TABLE a, b, c, i CASCADE;

-- The cost is that of the change, on either side.
CREATE TABLE few (id int PRIMARY KEY, s text NOT NULL UNIQUE);
CREATE TABLE many (id int PRIMARY KEY, s text NOT NULL, k int NOT NULL);
INSERT INTO few SELECT x, 's' || x FROM generate_series(1, 50) AS x;
INSERT INTO many SELECT x, 's' || x % 10000, x FROM generate_series(1, 20000) AS x;
ANALYZE few, many;
SELECT test.create('m_few', 'SELECT id FROM few WHERE EXISTS (SELECT FROM many WHERE many.s = few.s AND k > 10)');
SELECT test.create('m_none', 'SELECT id FROM few WHERE s NOT IN (SELECT s FROM many WHERE k > 100)');
ANALYZE;
UPDATE many SET k = 1 WHERE id IN (20, 10020, 7777);
SELECT test.refresh('m_few', 'DELTA', 300, 150), test.refresh('m_none', 'DELTA', 300, 150);
INSERT INTO few VALUES (60, 's9999'), (61, 'none');
SELECT test.refresh('m_few', 'DELTA', 300, 150), test.refresh('m_none', 'DELTA', 300, 150);
SELECT test.drop_all();
DROP TABLE few, many;
