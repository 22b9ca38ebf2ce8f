-- Indexes that refreshes miss are named, for relations that are not small.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_big (id int PRIMARY KEY, k int, v int);
CREATE TABLE q_other (id int PRIMARY KEY, k int);
CREATE TABLE q_few (id int PRIMARY KEY, k int);
INSERT INTO q_big SELECT x, x % 500, x FROM generate_series(1, 3000) AS x;
INSERT INTO q_other SELECT x, x FROM generate_series(1, 3000) AS x;
INSERT INTO q_few SELECT x, x FROM generate_series(1, 10) AS x;
ANALYZE q_big, q_other, q_few;
SELECT test.create('q_join', 'SELECT b.id, f.id AS f FROM q_big AS b JOIN q_few AS f USING (k)');
SELECT test.create('q_left', 'SELECT o.id, b.v FROM q_other AS o LEFT JOIN q_big AS b ON b.k = o.id');
SELECT test.create('q_slice', 'SELECT id, rank() OVER (PARTITION BY k ORDER BY v) AS r, EXISTS (SELECT FROM q_few AS f WHERE f.k = b.k) AS e FROM q_big AS b');
-- through the subquery that EXISTS with a condition of its own is; where equality is all, a state has what matches
SELECT test.create('q_exists', 'SELECT f.id FROM q_few AS f WHERE EXISTS (SELECT FROM q_big AS b WHERE b.k = f.k AND b.id > f.id AND b.v > 10)');
SELECT test.create('q_matches', 'SELECT f.id FROM q_few AS f WHERE EXISTS (SELECT FROM q_big AS b WHERE b.k = f.k AND b.v > 10)');
SELECT test.create('q_by_id', 'SELECT f.id FROM q_few AS f WHERE EXISTS (SELECT FROM q_big AS b WHERE b.k = f.k AND b.id = f.id AND b.v > 10)');
SELECT line FROM regexp_split_to_table(pgtrickle.explain_stream_table('q_left'), '\n') AS line WHERE line ~ 'Missing';
CREATE INDEX ON q_big (k);
SELECT test.create('q_fine', 'SELECT b.id, f.id AS f FROM q_big AS b JOIN q_few AS f USING (k)');
SELECT count(*) FROM regexp_split_to_table(pgtrickle.explain_stream_table('q_left'), '\n') AS line WHERE line ~ 'Missing';
UPDATE q_big SET k = k + 1 WHERE id % 1000 = 1;
UPDATE q_few SET k = k + 1 WHERE id = 3;
SELECT stream_table FROM test.refresh_all();
SELECT test.drop_all();
DROP TABLE q_big, q_other, q_few;
