-- Values and changes around a query that once gave a wrong result.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TYPE q_pair AS (x int, y int);
CREATE TABLE q_t (id int PRIMARY KEY, g int, c q_pair);
CREATE INDEX ON q_t (c);
INSERT INTO q_t VALUES (1, 1, '(1,)'), (2, 1, '(,)'), (3, 1, NULL), (4, 2, '(,)'), (5, 2, NULL);
SELECT pgtrickle.create_stream_table('q_count', 'SELECT g, count(c) AS k FROM q_t GROUP BY g', refresh_mode => 'DIFFERENTIAL');
SELECT pgtrickle.create_stream_table('q_key', 'SELECT c, count(*) AS k, array_agg(id ORDER BY id) AS a FROM q_t GROUP BY c', refresh_mode => 'DIFFERENTIAL');
-- a composite of nulls is a value, not NULL
DELETE FROM q_t WHERE id IN (1, 3);
SELECT test.refresh('q_count');
SELECT test.refresh('q_key');
-- the session that refreshes has other settings
SELECT pgtrickle.create_stream_table('q_array', 'SELECT id, (''{NULL,'' || g::text || ''}'')::text[] AS a FROM q_t', refresh_mode => 'DIFFERENTIAL');
SET array_nulls = off;
SET quote_all_identifiers = on;
INSERT INTO q_t VALUES (6, 7, NULL);
SELECT pgtrickle.refresh_stream_table('q_array');
RESET array_nulls;
RESET quote_all_identifiers;
SELECT test.assert_fresh('q_array');
SELECT test.drop_all();
-- a trigger on the stream table writes its source: the next refresh sees it
CREATE TABLE q_w (id int PRIMARY KEY);
SELECT pgtrickle.create_stream_table('q_back', 'SELECT id FROM q_w', refresh_mode => 'DIFFERENTIAL');
CREATE FUNCTION q_write() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN
    IF NEW.id < 1000 THEN
        INSERT INTO public.q_w VALUES (NEW.id + 1000);
    END IF;
    RETURN NULL;
END$$;
CREATE TRIGGER q_write AFTER INSERT ON q_back FOR EACH ROW EXECUTE FUNCTION q_write();
INSERT INTO q_w VALUES (1);
SELECT pgtrickle.refresh_stream_table('q_back');
SELECT test.refresh('q_back');
SELECT test.drop_all();
-- a used column changes its type: an error, never a misread value
CREATE TABLE q_type (id int PRIMARY KEY, b text);
INSERT INTO q_type VALUES (1, '1');
SELECT pgtrickle.create_stream_table('q_changed', 'SELECT id, b FROM q_type', refresh_mode => 'DIFFERENTIAL');
ALTER TABLE q_type ALTER b TYPE int USING b::int;
SET pg_trickle.block_source_ddl = off;
ALTER TABLE q_type ALTER b TYPE int USING b::int;
RESET pg_trickle.block_source_ddl;
SELECT test.refresh('q_changed', 'REINITIALIZE');
SELECT pg_typeof(b) FROM q_changed;
SELECT test.drop_all();
DROP TABLE q_t, q_w, q_type;
DROP TYPE q_pair;
DROP FUNCTION q_write;
