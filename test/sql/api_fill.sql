-- The first fill happens once: at creation, or at the first refresh.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int, a int);
INSERT INTO api_t VALUES (1, 10), (2, 20);
SELECT pgtrickle.create_stream_table('api_later', 'SELECT id FROM api_t', initialize => false);
SELECT pgtrickle.refresh_stream_table('api_later');
SELECT test.assert_fresh('api_later');
INSERT INTO api_t VALUES (3, 3);
SELECT test.refresh('api_later');
-- created, written to and refreshed in one transaction
BEGIN;
SELECT pgtrickle.create_stream_table('api_same', 'SELECT id, a FROM api_t', refresh_mode => 'DIFFERENTIAL');
INSERT INTO api_t VALUES (50, 5);
SELECT test.refresh('api_same');
COMMIT;
SELECT test.assert_fresh('api_same');
INSERT INTO api_t VALUES (51, 5);
SELECT test.refresh('api_same');
-- own changes, then undone
BEGIN;
DELETE FROM api_t WHERE id > 40;
SELECT test.refresh('api_same');
ROLLBACK;
SELECT test.assert_fresh('api_same');
INSERT INTO api_t VALUES (52, 5);
SELECT test.refresh('api_same');
SELECT test.drop_all();
DROP TABLE api_t;
