-- Changes that do not fit into memory: images are netted across what was spilled.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE FUNCTION pg_temp.temp_files() RETURNS bigint LANGUAGE sql AS
    $$ SELECT pg_stat_get_db_temp_files(oid) FROM pg_database WHERE datname = current_database() $$;
SET work_mem = '64kB';
CREATE TABLE q_t (id int PRIMARY KEY, g int, n numeric, pad text);
INSERT INTO q_t SELECT x, x % 50, x, repeat('x', 20) FROM generate_series(1, 4000) AS x;
CREATE TABLE q_bag AS SELECT g, pad FROM q_t;
SELECT test.create('q_rows', 'SELECT id, g, n, pad FROM q_t');
SELECT test.create('q_groups', 'SELECT g, count(*) AS c, sum(n) AS s, max(id) AS m FROM q_t GROUP BY g');
SELECT test.create('q_twice', 'SELECT a.g, b.pad, count(*) AS c FROM q_t AS a JOIN q_bag AS b ON b.g = a.id GROUP BY a.g, b.pad');
SELECT test.create('q_many', 'SELECT pad, g FROM q_bag');
-- there and back again: nothing is left of most of it
UPDATE q_t SET n = n + 1;
UPDATE q_t SET n = n - 1 WHERE id > 10;
DELETE FROM q_bag WHERE g < 25;
INSERT INTO q_bag SELECT g, pad FROM q_t WHERE g < 24;
SELECT name, test.refresh(name, 'DIFFERENTIAL') FROM unnest('{q_rows,q_groups,q_twice,q_many}'::text[]) AS name;
-- every row is another one, some twice
UPDATE q_t SET n = n + 0.50, g = (g + 1) % 50;
UPDATE q_t SET pad = 'y' || id % 7 WHERE id % 3 = 0;
UPDATE q_bag SET pad = 'z' || g;
INSERT INTO q_bag SELECT * FROM q_bag;
-- and it does not fit
SELECT pg_stat_force_next_flush();
SELECT pg_temp.temp_files() AS before \gset
SELECT pgtrickle.refresh_stream_table('q_rows');
SELECT pg_stat_force_next_flush();
SELECT pg_temp.temp_files() > :before AS spilled;
SELECT test.assert_fresh('q_rows');
SELECT name, test.refresh(name, 'DIFFERENTIAL') FROM unnest('{q_groups,q_twice,q_many}'::text[]) AS name;
DELETE FROM q_t WHERE id % 10 <> 0;
DELETE FROM q_bag;
SELECT name, test.refresh(name, 'DIFFERENTIAL') FROM unnest('{q_rows,q_groups,q_twice,q_many}'::text[]) AS name;
SELECT test.drop_all();
-- what repeats is netted in memory after that, too: of 100,000 rows 3,000 are different, and go to a file once or twice
CREATE FUNCTION pg_temp.temp_bytes() RETURNS bigint LANGUAGE sql AS
    $$ SELECT pg_stat_get_db_temp_bytes(oid) FROM pg_database WHERE datname = current_database() $$;
INSERT INTO q_bag SELECT least(x, 3000) + x % 3, 'r' FROM generate_series(1, 100000) AS x;
SELECT test.create('q_repeats', 'SELECT g, pad FROM q_bag', 'FULL');
SELECT pg_stat_force_next_flush();
SELECT pg_temp.temp_bytes() AS before \gset
DELETE FROM q_bag WHERE g < 10;
SELECT pgtrickle.refresh_stream_table('q_repeats');
SELECT pg_stat_force_next_flush();
SELECT (pg_temp.temp_bytes() - :before) / 1000000 AS megabytes;
SELECT test.assert_fresh('q_repeats');
RESET work_mem;
SELECT test.drop_all();
DROP TABLE q_t, q_bag;
