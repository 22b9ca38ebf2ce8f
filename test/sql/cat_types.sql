-- What a result depends on besides rows: labels of enums, attributes of row
-- types, support functions of aggregates (rule E16).
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TYPE cat_mood AS ENUM ('low', 'high');
CREATE TYPE cat_pair AS (x int, y text);
CREATE TABLE cat_t (id int PRIMARY KEY, m cat_mood, p cat_pair, ps cat_pair[]);
INSERT INTO cat_t VALUES (1, 'low', '(1,a)', '{"(1,a)"}'), (2, 'high', '(2,b)', NULL), (3, NULL, NULL, NULL);
SELECT test.create('cat_1', 'SELECT id, m::text AS m FROM cat_t');
SELECT test.create('cat_2', 'SELECT m::text AS m, count(*) AS c FROM cat_t GROUP BY m::text');
SELECT test.create('cat_3', 'SELECT p, count(*) AS c FROM cat_t GROUP BY p');
SELECT test.create('cat_4', 'SELECT DISTINCT p, ps FROM cat_t');
SELECT test.create('cat_5', 'SELECT id, to_jsonb(p) AS j, ps::text AS t FROM cat_t');
SELECT test.create('cat_6', 'SELECT id, (p).y AS y FROM cat_t');
-- a label is renamed: no row of the source changes
ALTER TYPE cat_mood RENAME VALUE 'low' TO 'calm';
SELECT test.refresh(t, 'FULL') FROM unnest('{cat_1, cat_2}'::text[]) AS t;
INSERT INTO cat_t VALUES (4, 'calm', '(4,d)', NULL);
SELECT * FROM test.refresh_all();
-- attributes are renamed, come and go; a row value's hash changes with them
ALTER TYPE cat_pair RENAME ATTRIBUTE x TO xx;
SELECT test.refresh(t, 'FULL') FROM unnest('{cat_3, cat_4, cat_5, cat_6}'::text[]) AS t;
ALTER TYPE cat_pair ADD ATTRIBUTE z int;
SELECT test.refresh(t, 'FULL') FROM unnest('{cat_3, cat_4, cat_5, cat_6}'::text[]) AS t;
DELETE FROM cat_t WHERE id = 1;
INSERT INTO cat_t VALUES (5, 'calm', '(4,d,)', NULL), (6, 'calm', '(4,d,1)', '{"(4,d,1)"}');
SELECT * FROM test.refresh_all();
ALTER TYPE cat_pair DROP ATTRIBUTE xx;
SELECT test.refresh(t, 'FULL') FROM unnest('{cat_3, cat_4, cat_5, cat_6}'::text[]) AS t;
DELETE FROM cat_t WHERE id = 2;
UPDATE cat_t SET p = '(e,2)' WHERE id = 6;
SELECT * FROM test.refresh_all();
-- the attribute that is read
ALTER TYPE cat_pair DROP ATTRIBUTE y;
SELECT pgtrickle.refresh_stream_table('cat_6');
SELECT test.drop_all();
DROP TABLE cat_t;
DROP TYPE cat_mood, cat_pair;

-- an aggregate's support function
CREATE FUNCTION cat_add(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT coalesce($1, 0) + coalesce($2, 0)';
CREATE FUNCTION cat_end(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE AGGREGATE cat_sum(int) (SFUNC = cat_add, STYPE = int, FINALFUNC = cat_end);
CREATE TABLE cat_t (id int PRIMARY KEY, g int, a int);
INSERT INTO cat_t VALUES (1, 1, 1), (2, 1, 2), (3, 2, 3);
SELECT test.create('cat_1', 'SELECT g, cat_sum(a) AS s FROM cat_t GROUP BY g');
CREATE OR REPLACE FUNCTION cat_add(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT coalesce($1, 0) + 10 * coalesce($2, 0)';
SELECT test.refresh('cat_1', 'FULL');
CREATE OR REPLACE FUNCTION cat_end(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT -$1';
SELECT test.refresh('cat_1', 'FULL');
UPDATE cat_t SET a = 7 WHERE id = 1;
SELECT test.refresh('cat_1');
SELECT test.drop_all();
DROP TABLE cat_t;
DROP AGGREGATE cat_sum(int);
DROP FUNCTION cat_add, cat_end;
