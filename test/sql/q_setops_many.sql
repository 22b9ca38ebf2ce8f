-- EXCEPT ALL after many changes of several columns and kinds of equality: row by row what is left, and none that the left arm lacks.
-- A server without ICU has nothing to test (q_setops_many_1.out).
SELECT test.lacks('icu') AS lacks \gset
\if :lacks
\quit
\endif
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE COLLATION q_nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE q_i (side bool, n numeric, f float8, t text COLLATE q_nocase);
CREATE INDEX ON q_i (n);
SELECT pgtrickle.create_stream_table('q_many',
    'SELECT n, f, t FROM q_i WHERE side EXCEPT ALL SELECT n, f, t FROM q_i WHERE NOT side', refresh_mode => 'DIFFERENTIAL');
CREATE FUNCTION q_wrong(rounds int) RETURNS SETOF text LANGUAGE plpgsql SET extra_float_digits = 3 AS $$
BEGIN
    PERFORM setseed(0.5);
    FOR round IN 1 .. rounds LOOP
        INSERT INTO q_i SELECT random() < 0.6, (ARRAY[1, 1.0, 1.00, NULL])[ceil(random() * 4)], (ARRAY[0, '-0', NULL])[ceil(random() * 3)],
                               (ARRAY['a', 'A', NULL])[ceil(random() * 3)]
          FROM generate_series(1, floor(random() * 4)::int);
        DELETE FROM q_i WHERE random() < 0.1;
        UPDATE q_i SET n = n * 1.0, t = CASE t WHEN 'a' THEN 'A' ELSE 'a' END WHERE random() < 0.1;
        UPDATE q_i SET side = NOT side WHERE random() < 0.05;
        PERFORM pgtrickle.refresh_stream_table('q_many');
        RETURN QUERY
            SELECT round || ' differs: ' || x FROM (
                (SELECT n, f, t FROM q_many EXCEPT ALL (SELECT n, f, t FROM q_i WHERE side EXCEPT ALL SELECT n, f, t FROM q_i WHERE NOT side))
                UNION ALL
                ((SELECT n, f, t FROM q_i WHERE side EXCEPT ALL SELECT n, f, t FROM q_i WHERE NOT side) EXCEPT ALL SELECT n, f, t FROM q_many)) AS x
            UNION ALL
            SELECT round || ' not in the left arm: ' || x FROM (
                SELECT n::text, f::text, t::text COLLATE "C" FROM q_many EXCEPT SELECT n::text, f::text, t::text COLLATE "C" FROM q_i WHERE side) AS x;
    END LOOP;
END $$;
\set VERBOSITY terse
\o /dev/null
SET client_min_messages = warning;
CREATE TABLE q_found AS SELECT q_wrong(40) AS wrong;
RESET client_min_messages;
\o
\set VERBOSITY default
TABLE q_found;
SELECT count(*) > 0 AS some, max(test.last_run('q_many')) AS run FROM q_many;
SELECT test.drop_all();
DROP FUNCTION q_wrong;
DROP TABLE q_i, q_found;
DROP COLLATION q_nocase;
