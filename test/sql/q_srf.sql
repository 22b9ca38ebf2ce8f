-- Set-returning functions in the select list.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, arr int[], j jsonb, n int);
INSERT INTO q_t VALUES (1, '{1,2,2}', '[1, "a"]', 2), (2, '{}', '[]', 0), (3, NULL, NULL, NULL);
SELECT test.create('q_unnest', 'SELECT id, unnest(arr) AS e FROM q_t');
SELECT test.create('q_series', 'SELECT id, generate_series(1, n) AS s, unnest(arr) AS e FROM q_t');
SELECT test.create('q_json', 'SELECT jsonb_array_elements(j) AS e FROM q_t WHERE j IS NOT NULL');
SELECT test.create('q_counted', 'SELECT e, count(*) AS c FROM (SELECT unnest(arr) AS e FROM q_t) AS x GROUP BY e');
SELECT test.create('q_distinct', 'SELECT DISTINCT unnest(arr) AS e FROM q_t');
INSERT INTO q_t VALUES (4, '{2,3,NULL}', '[{"x": 1}]', 3);
SELECT stream_table FROM test.refresh_all();
UPDATE q_t SET arr = arr || 2, n = n + 1;
SELECT test.refresh('q_unnest'), test.refresh('q_series'), test.refresh('q_counted'), test.refresh('q_distinct');
DELETE FROM q_t WHERE id IN (1, 2);
SELECT test.refresh('q_unnest'), test.refresh('q_json'), test.refresh('q_counted');
DELETE FROM q_t;
SELECT test.refresh('q_unnest'), test.refresh('q_series'), test.refresh('q_counted');
SELECT test.drop_all();
DROP TABLE q_t;
