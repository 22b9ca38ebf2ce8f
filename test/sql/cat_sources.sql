-- Kinds of source tables, columns and writers.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
-- a composite key, a domain, arrays, a composite type, an enum, NULLs
CREATE DOMAIN cat_positive AS int CHECK (VALUE > 0);
CREATE TYPE cat_pair AS (x int, y text);
CREATE TYPE cat_mood AS ENUM ('sad', 'ok');
CREATE TABLE cat_t (
    k1 text, k2 cat_positive, tags text[], grid int[][], pair cat_pair, mood cat_mood, doc jsonb, span int4range, raw bytea, flags bit varying,
    PRIMARY KEY (k1, k2));
INSERT INTO cat_t VALUES
    ('a', 1, '{x,NULL}', '{{1,2},{3,4}}', '(1,one)', 'sad', '{"a": 1}', '[1,5)', '\x00ff', B'101'),
    ('a', 2, '{}', NULL, '(,)', NULL, 'null', 'empty', '', B''),
    ('b', 1, NULL, '[0:1]={7,8}', NULL, 'ok', NULL, NULL, NULL, NULL);
SELECT test.create('cat_1', 'SELECT * FROM cat_t');
SELECT test.create('cat_2', 'SELECT tags, pair, count(*) AS c FROM cat_t GROUP BY tags, pair');
SELECT test.create('cat_3', 'SELECT k1, k2, tags[1] AS first, (pair).y AS y FROM cat_t WHERE mood IS DISTINCT FROM ''ok''');
UPDATE cat_t SET tags = array_append(tags, NULL), pair.y = NULL WHERE k1 = 'a';
INSERT INTO cat_t SELECT 'c', k2, tags, grid, pair, mood, doc, span, raw, flags FROM cat_t WHERE k1 = 'a';
SELECT * FROM test.refresh_all();
UPDATE cat_t SET k2 = k2 + 10 WHERE k1 = 'c';
UPDATE cat_t SET grid = '[5:6]={7,8}', doc = doc || '{"b": null}', span = int4range(2, 3) WHERE k1 = 'b' OR k2 = 1;
DELETE FROM cat_t WHERE (k1, k2) = ('a', 2);
SELECT * FROM test.refresh_all();
SELECT test.drop_all();

-- written by functions, through views, and by an INSTEAD OF trigger
CREATE VIEW cat_v AS SELECT k1, k2, mood FROM cat_t WHERE mood = 'sad' WITH CHECK OPTION;
CREATE VIEW cat_w AS SELECT k1, count(*) AS c FROM cat_t GROUP BY k1;
CREATE FUNCTION cat_instead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN DELETE FROM cat_t WHERE k1 = OLD.k1; RETURN OLD; END IF;
    INSERT INTO cat_t (k1, k2, mood) SELECT NEW.k1, x, 'ok' FROM generate_series(1, NEW.c) AS x;
    RETURN NEW;
END $$;
CREATE TRIGGER instead INSTEAD OF INSERT OR DELETE ON cat_w FOR EACH ROW EXECUTE FUNCTION cat_instead();
CREATE RULE cat_rule AS ON UPDATE TO cat_w DO INSTEAD UPDATE cat_t SET mood = 'sad' WHERE k1 = OLD.k1;
CREATE FUNCTION cat_plpgsql(key text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..3 LOOP INSERT INTO cat_t (k1, k2, mood) VALUES (key, i, 'sad'); END LOOP;
    BEGIN
        UPDATE cat_t SET k2 = k2 - 1 WHERE k1 = key;
    EXCEPTION WHEN OTHERS THEN
        DELETE FROM cat_t WHERE k1 = key AND k2 = 2;
    END;
END $$;
CREATE FUNCTION cat_sql(key text) RETURNS SETOF int LANGUAGE sql AS
    $$ UPDATE cat_t SET tags = '{f}' WHERE k1 = key RETURNING k2::int $$;
CREATE PROCEDURE cat_procedure() LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO cat_t (k1, k2) VALUES ('p', 1);
    COMMIT;
    INSERT INTO cat_t (k1, k2) VALUES ('p', 2);
    ROLLBACK;
    INSERT INTO cat_t (k1, k2) VALUES ('p', 3);
END $$;
SELECT test.create('cat_1', 'SELECT k1, k2, mood, tags FROM cat_t');
SELECT test.create('cat_2', 'SELECT k1, k2 FROM cat_v');
SELECT test.create('cat_3', 'SELECT k1, c FROM cat_w');
INSERT INTO cat_v VALUES ('v', 1, 'sad'), ('v', 2, 'sad');
UPDATE cat_v SET k2 = 3 WHERE k1 = 'v' AND k2 = 2;
DELETE FROM cat_v WHERE k1 = 'a';
SELECT * FROM test.refresh_all();
INSERT INTO cat_w VALUES ('w', 3);
UPDATE cat_w SET c = 0 WHERE k1 = 'v';
DELETE FROM cat_w WHERE k1 = 'b';
SELECT * FROM test.refresh_all();
SELECT cat_plpgsql('f');
SELECT cat_sql('f');
CALL cat_procedure();
SELECT * FROM test.refresh_all();
-- cursors, and a prepared statement
PREPARE cat_p(text, int) AS INSERT INTO cat_t (k1, k2) VALUES ($1, $2);
EXECUTE cat_p('prepared', 1);
EXECUTE cat_p('prepared', 2);
BEGIN;
DECLARE cat_c CURSOR FOR SELECT * FROM cat_t WHERE k1 = 'prepared' ORDER BY k2 FOR UPDATE;
MOVE 1 FROM cat_c;
UPDATE cat_t SET mood = 'ok' WHERE CURRENT OF cat_c;
MOVE 1 FROM cat_c;
DELETE FROM cat_t WHERE CURRENT OF cat_c;
COMMIT;
SELECT test.refresh('cat_1'), test.refresh('cat_3');
SELECT test.drop_all();
DROP TABLE cat_t CASCADE;
DROP FUNCTION cat_instead(), cat_plpgsql(text), cat_sql(text);
DROP PROCEDURE cat_procedure();
DROP TYPE cat_mood, cat_pair;
DROP DOMAIN cat_positive;

-- 1,600 columns, all captured and a few; a log row of each fits
SELECT format('CREATE TABLE cat_t (%s)', string_agg(format('c%s %s', x, CASE WHEN x = 1 THEN 'int PRIMARY KEY' WHEN x % 100 = 0 THEN 'text' ELSE 'int2' END), ', ' ORDER BY x))
  FROM generate_series(1, 1600) AS x \gexec
INSERT INTO cat_t (c1, c100, c1600) VALUES (1, 'a', 'z'), (2, 'b', NULL);
SELECT test.create('cat_1', 'SELECT c1, c100, c1600 FROM cat_t');
SELECT test.create('cat_2', 'SELECT c1, c2 + c1599 AS s FROM cat_t');
UPDATE cat_t SET c1600 = repeat('w', 5000), c3 = 3 WHERE c1 = 1;
UPDATE cat_t SET c1500 = 'nobody reads it';
INSERT INTO cat_t (c1, c2, c1599, c1600) VALUES (3, 3, 4, 'new');
SELECT test.refresh('cat_1'), test.refresh('cat_2');
SELECT test.drop_all();
\o /dev/null
SELECT format('SELECT test.create(%L, %L)', 'cat_1', 'SELECT ' || string_agg('c' || x, ', ' ORDER BY x) || ' FROM cat_t') FROM generate_series(1, 1590) AS x \gexec
\o
INSERT INTO cat_t (c1, c7, c1589) VALUES (4, 7, 1589);
UPDATE cat_t SET c1000 = 'thousand' WHERE c1 = 3;
DELETE FROM cat_t WHERE c1 = 2;
SELECT test.refresh('cat_1');
SELECT test.drop_all();
-- more than a log can hold: recomputed
SELECT format('SELECT pgtrickle.create_stream_table(%L, %L, refresh_mode => %L)', 'cat_1', 'SELECT ' || string_agg('c' || x, ', ' ORDER BY x) || ' FROM cat_t', 'DIFFERENTIAL')
  FROM generate_series(1, 1600) AS x \gexec
SELECT test.create('cat_1', 'SELECT c1, c1599, c1600 FROM cat_t');
SELECT format('SELECT pgtrickle.create_stream_table(%L, %L, refresh_mode => %L)', 'cat_2', 'SELECT ' || string_agg('c' || x, ', ' ORDER BY x) || ' FROM cat_t', 'DIFFERENTIAL')
  FROM generate_series(1, 1596) AS x \gexec
SELECT test.drop_all();
DROP TABLE cat_t;

-- stored generated columns
CREATE TABLE cat_t (id int PRIMARY KEY, a int, s int GENERATED ALWAYS AS (a + 1) STORED);
INSERT INTO cat_t (id, a) VALUES (1, 1), (2, NULL);
SELECT test.create('cat_1', 'SELECT id, s FROM cat_t');
UPDATE cat_t SET a = 5 WHERE id = 2;
INSERT INTO cat_t (id, a) VALUES (3, 3);
SELECT test.refresh('cat_1');
DELETE FROM cat_t WHERE id = 1;
SELECT test.refresh('cat_1');
SELECT test.drop_all();
DROP TABLE cat_t;

-- unlogged sources and logs
CREATE UNLOGGED TABLE cat_t (id int, a int);
SELECT test.create('cat_1', 'SELECT id, a FROM cat_t');
SELECT relpersistence FROM pg_class JOIN pgtrickle.change_log_segment ON log = oid WHERE source = 'cat_t'::regclass;
INSERT INTO cat_t VALUES (1, 1);
SELECT test.refresh('cat_1');
SELECT test.drop_all();
DROP TABLE cat_t;
CREATE TABLE cat_t (id int, a int);
SET pg_trickle.unlogged_buffers = on;
SELECT test.create('cat_1', 'SELECT id, a FROM cat_t');
SELECT relpersistence FROM pg_class JOIN pgtrickle.change_log_segment ON log = oid WHERE source = 'cat_t'::regclass;
INSERT INTO cat_t VALUES (1, 1);
SELECT test.refresh('cat_1');
RESET pg_trickle.unlogged_buffers;
SELECT test.drop_all();
DROP TABLE cat_t;

-- a publication of all tables: what we make is not published, what was made before does no harm
CREATE TABLE cat_t (id int, g int);
INSERT INTO cat_t VALUES (1, 1), (2, 1), (3, 2);
ALTER TABLE cat_t REPLICA IDENTITY FULL;
SELECT test.create('cat_1', 'SELECT c, count(*) AS n FROM (SELECT g, count(*) AS c FROM cat_t GROUP BY g) q GROUP BY c');
CREATE PUBLICATION cat_pub FOR ALL TABLES;
DELETE FROM cat_t WHERE id = 1;
INSERT INTO cat_t VALUES (4, 3);
SELECT test.refresh('cat_1');
SELECT test.create('cat_2', 'SELECT c, count(*) AS n FROM (SELECT id, count(*) AS c FROM cat_t GROUP BY id) q GROUP BY c');
DELETE FROM cat_t WHERE id = 2;
SELECT test.refresh('cat_2');
SELECT count(*) AS published FROM pg_publication_tables AS p
 WHERE schemaname = 'pgtrickle_changes' AND tablename IN
       (SELECT relname FROM pg_class JOIN pgtrickle.stream_table_internals ON oid = ANY (states)
         WHERE pgt_id = (SELECT pgt_id FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'cat_2'));
DROP PUBLICATION cat_pub;
SELECT test.drop_all();
DROP TABLE cat_t;
