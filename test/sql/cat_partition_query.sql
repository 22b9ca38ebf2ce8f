-- Another query for partitioned stream tables: rows stay in the partitions that they are for, of whatever level, and are those of the query.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = error;
CREATE TABLE pq_t (id int PRIMARY KEY, a int, b int);
SELECT pgtrickle.create_stream_table('pq_st', 'SELECT id, a, b FROM pq_t', partition_by => 'LIST:a');
SELECT pgtrickle.create_stream_table('pq_hash', 'SELECT id, a, b FROM pq_t', partition_by => 'HASH:id:2');
SELECT pgtrickle.create_stream_table('pq_over', 'SELECT a, count(*) AS n FROM pq_st GROUP BY a');
-- a partition that is partitioned itself
CREATE TABLE pq_1 PARTITION OF pq_st FOR VALUES IN (1) PARTITION BY RANGE (id);
CREATE TABLE pq_1_low PARTITION OF pq_1 FOR VALUES FROM (MINVALUE) TO (5);
CREATE TABLE pq_1_high PARTITION OF pq_1 FOR VALUES FROM (5) TO (MAXVALUE);
INSERT INTO pq_t SELECT i, i % 4, i FROM generate_series(1, 8) AS i;
SELECT test.refresh('pq_st'), test.refresh('pq_hash');
CREATE FUNCTION pq_look(OUT exact boolean[], OUT over text, OUT places text, OUT orphans bigint, OUT relations bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pgtrickle.refresh_stream_table(n) FROM unnest('{pq_hash,pq_over}'::text[]) AS n;
    over := test.assert_fresh('pq_over') || ', ' || test.last_run('pq_over');
    exact := ARRAY[(pgtrickle.verify_stream_table('pq_st')).exact, (pgtrickle.verify_stream_table('pq_hash')).exact];
    places := (SELECT string_agg(place || ': ' || n, ', ') FROM (SELECT tableoid::regclass AS place, count(*) AS n FROM pq_st GROUP BY 1 ORDER BY tableoid::regclass::text COLLATE "C") AS p);
    orphans := (SELECT count(*) FROM test.orphans());
    relations := (SELECT count(*) FROM pg_class WHERE relname LIKE 'pgtrickle\_aside%' OR relname LIKE 'pg\_temp\_%');
END $$;
SELECT * FROM pq_look();
-- another type
SELECT pgtrickle.alter_stream_table(n, query => 'SELECT id, a, b::text AS b FROM pq_t') FROM unnest('{pq_st,pq_hash}'::text[]) AS n;
SELECT * FROM pq_look();
UPDATE pq_t SET b = b + 1, a = 1 WHERE id > 6;
SELECT test.refresh('pq_st'), test.refresh('pq_hash');
SELECT * FROM pq_look();
-- columns that come and go, wide ones
SELECT pgtrickle.alter_stream_table(n, query => $$SELECT id, a, repeat(md5(id::text), 300) AS w FROM pq_t WHERE id <> 2$$) FROM unnest('{pq_st,pq_hash}'::text[]) AS n;
SELECT * FROM pq_look();
INSERT INTO pq_t VALUES (9, 9, 9), (10, 1, 10);
DELETE FROM pq_t WHERE id = 1;
SELECT test.refresh('pq_st'), test.refresh('pq_hash');
-- rows are found by none of the columns
SELECT pgtrickle.alter_stream_table('pq_st', query => 'SELECT id + 0 AS id, a, a / 2 AS c FROM pq_t');
SELECT * FROM pq_look();
UPDATE pq_t SET a = 3 WHERE id = 9;
SELECT test.refresh('pq_st');
-- what a partition key does not let go, and what a partition does not take, leave everything as it was
\set VERBOSITY terse
SELECT pgtrickle.alter_stream_table('pq_st', query => 'SELECT id::bigint AS id, a FROM pq_t');
SELECT pgtrickle.alter_stream_table('pq_st', query => 'SELECT a, 1 AS one FROM pq_t');
SELECT pgtrickle.alter_stream_table('pq_hash', query => 'SELECT id::bigint AS id, a FROM pq_t');
ALTER TABLE pq_1_low ADD CHECK (id > 2);
SELECT pgtrickle.alter_stream_table('pq_st', query => 'SELECT 2 AS id, 1 AS a, b FROM pq_t');
CREATE TABLE pq_child (id int);
ALTER TABLE pq_hash ADD UNIQUE (id);
ALTER TABLE pq_child ADD FOREIGN KEY (id) REFERENCES pq_hash (id);
INSERT INTO pq_child VALUES (3);
SELECT pgtrickle.alter_stream_table('pq_hash', query => 'SELECT id, a::bigint AS a FROM pq_t');
SELECT * FROM pq_look();
-- the type of a source's column
SET pg_trickle.block_source_ddl = off;
ALTER TABLE pq_t ALTER a TYPE bigint;
SELECT pgtrickle.refresh_stream_table('pq_hash');
DROP TABLE pq_child;
SELECT pgtrickle.refresh_stream_table('pq_hash');
SELECT (pgtrickle.verify_stream_table('pq_hash')).exact;
SELECT test.drop_all();
DROP TABLE pq_t;
DROP FUNCTION pq_look;
