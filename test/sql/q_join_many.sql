-- Joins of up to 60 relations: chains, stars over one key, items that depend on others.
\o /dev/null
SELECT test.restart_numbers();
\o
DO $$
BEGIN
    FOR i IN 0..59 LOOP
        EXECUTE format('CREATE TABLE q_%s (id int PRIMARY KEY, x int, v int)', i);
        EXECUTE format('CREATE INDEX ON q_%s (x)', i);
        EXECUTE format('INSERT INTO q_%s SELECT g, (g + %s) %% 20 + 1, g FROM generate_series(1, 20) AS g', i, i);
        EXECUTE format('ANALYZE q_%s', i);
    END LOOP;
END $$;
SELECT test.create('q_chain', (SELECT 'SELECT q_0.id, q_59.v AS a, q_30.v AS b FROM q_0' ||
    string_agg(format(' JOIN q_%s ON q_%s.x = q_%s.id', i, i, i - 1), '' ORDER BY i) FROM generate_series(1, 59) AS i));
SELECT test.create('q_star', (SELECT 'SELECT q_0.id, q_40.v AS a, q_30.v AS b FROM q_0' ||
    string_agg(format(' JOIN q_%s ON q_%s.id = q_0.id', i, i), '' ORDER BY i) FROM generate_series(1, 49) AS i));
SELECT test.create('q_keys', (SELECT 'SELECT q_0.id, q_11.v AS a, q_30.v AS b FROM q_0' ||
    string_agg(format(' JOIN q_%s ON q_%s.id = (q_0.x + %s) %% 20 + 1', i, i, i), '' ORDER BY i) FROM generate_series(1, 30) AS i));
SELECT test.create('q_others', (SELECT 'SELECT q_0.id, q_11.v AS a, s, w.z, q_20.v AS c FROM q_0' ||
    string_agg(format(' JOIN q_%s ON q_%s.id = q_%s.x', i, i, i - 1), '' ORDER BY i) ||
    ', LATERAL generate_series(1, q_9.v % 3) AS s, (VALUES (1, ''one''), (2, ''two'')) AS w(y, z), q_20 WHERE w.y = s AND q_20.id < 3' FROM generate_series(1, 11) AS i));
SET client_min_messages = warning;
UPDATE q_30 SET v = 0 WHERE id = 3;
UPDATE q_9 SET v = v + 1 WHERE id IN (4, 5);
SELECT name, test.refresh(name, 'DELTA', 20000, 20000) FROM unnest(ARRAY['q_chain', 'q_star', 'q_keys', 'q_others']) AS name;
UPDATE q_0 SET x = x % 20 + 1 WHERE id < 5;
UPDATE q_20 SET v = v + 1 WHERE id < 5;
UPDATE q_40 SET id = 99 WHERE id = 7;
UPDATE q_11 SET v = -v WHERE id > 17;
DELETE FROM q_59 WHERE id = 4;
SELECT name, test.refresh(name, 'DELTA', 20000, 20000) FROM unnest(ARRAY['q_chain', 'q_star', 'q_keys', 'q_others']) AS name;
-- an item that no condition connects with the others
SELECT test.create('q_apart', (SELECT 'SELECT count(*) AS n, sum(q_55.v) AS s FROM q_0' ||
    string_agg(format(' JOIN q_%s ON q_%s.x = q_%s.id', i, i, i - 1), '' ORDER BY i) || ', q_55 WHERE q_55.id < 4' FROM generate_series(1, 15) AS i));
UPDATE q_55 SET v = 100 WHERE id = 2;
DELETE FROM q_15 WHERE id < 3;
SELECT test.refresh('q_apart');
RESET client_min_messages;
SELECT test.drop_all();
DO $$
BEGIN
    FOR i IN 0..59 LOOP
        EXECUTE format('DROP TABLE q_%s', i);
    END LOOP;
END $$;
