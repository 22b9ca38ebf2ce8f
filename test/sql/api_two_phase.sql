-- Rule J34: what a lifecycle call did cannot be prepared; refreshes and writes can.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int PRIMARY KEY, a int);
INSERT INTO api_t VALUES (1, 1);
BEGIN;
SELECT pgtrickle.create_stream_table('api_st', 'SELECT id, a FROM api_t');
PREPARE TRANSACTION 'api_create';
SELECT to_regclass('api_st') IS NULL AS undone;
SELECT test.create('api_st', 'SELECT id, a FROM api_t');
BEGIN;
SELECT pgtrickle.alter_stream_table('api_st', schedule => '1m');
PREPARE TRANSACTION 'api_alter';
BEGIN;
SELECT pgtrickle.drop_stream_table('api_st');
PREPARE TRANSACTION 'api_drop';
SELECT count(*) FROM pg_prepared_xacts;
-- the next transaction is free again
BEGIN;
INSERT INTO api_t VALUES (2, 2);
SELECT pgtrickle.refresh_stream_table('api_st');
INSERT INTO api_t VALUES (3, 3);
PREPARE TRANSACTION 'api_write';
COMMIT PREPARED 'api_write';
SELECT id FROM api_st ORDER BY id;
SELECT test.refresh('api_st');
SELECT test.drop_all();
DROP TABLE api_t;
