-- validate_query: what would become of a query, a row per construct.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE api_t (id int PRIMARY KEY, a int, n numeric, s text);
CREATE TABLE api_u (id int PRIMARY KEY, a int);
CREATE MATERIALIZED VIEW api_m AS SELECT id, a FROM api_t;
CREATE VIEW api_v AS SELECT a, count(*) AS c FROM api_t GROUP BY a;
\pset format unaligned
\pset tuples_only on
-- the mode that it gives is that of creation; the rest are its constructs
CREATE FUNCTION pg_temp.validate(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    mode text;
    created text;
BEGIN
    SELECT result INTO mode FROM pgtrickle.validate_query(query) LIMIT 1;
    PERFORM set_config('client_min_messages', 'error', true);
    PERFORM pgtrickle.create_stream_table('api_st', query);
    SELECT refresh_mode INTO created FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'api_st';
    PERFORM pgtrickle.drop_stream_table('api_st');
    PERFORM set_config('client_min_messages', 'notice', true);
    IF created IS DISTINCT FROM replace(mode, 'TOPK', 'DIFFERENTIAL') THEN
        RAISE EXCEPTION 'validated as %, created as %', mode, created;
    END IF;
    RETURN QUERY SELECT check_name || ': ' || result || CASE severity WHEN 'INFO' THEN '' ELSE ' (' || severity || ')' END
                   FROM pgtrickle.validate_query(query);
END $$;
SELECT pg_temp.validate('SELECT id, a FROM api_t WHERE a > 1');
SELECT pg_temp.validate('SELECT a, count(*) AS c, sum(n) AS s, avg(n) AS v, min(id) AS m, string_agg(s, '','' ORDER BY id) AS l FROM api_t GROUP BY a');
SELECT pg_temp.validate('SELECT DISTINCT a FROM api_t');
SELECT pg_temp.validate('SELECT id, a FROM api_t ORDER BY a, id LIMIT 3');
SELECT pg_temp.validate('SELECT id, a FROM api_t ORDER BY a, id LIMIT 3 OFFSET 1');
-- joins, of every kind and however they are written
SELECT pg_temp.validate('SELECT t.id, u.a FROM api_t AS t, api_u AS u, api_t AS x WHERE t.id = u.id AND x.id = t.id');
SELECT pg_temp.validate('SELECT t.id, u.a, x.s FROM api_t AS t JOIN api_u AS u ON t.id = u.id LEFT JOIN api_t AS x ON x.id = u.a');
SELECT pg_temp.validate('SELECT t.id, u.a FROM api_u AS u RIGHT JOIN api_t AS t ON t.id = u.id');
SELECT pg_temp.validate('SELECT t.id, u.a FROM api_t AS t FULL JOIN api_u AS u ON t.id = u.id');
SELECT pg_temp.validate('SELECT id FROM api_t AS t WHERE EXISTS (SELECT FROM api_u AS u WHERE u.id = t.id) AND id NOT IN (SELECT a FROM api_u)');
SELECT pg_temp.validate('SELECT id, (SELECT max(u.a) FROM api_u AS u WHERE u.id = t.id) AS m FROM api_t AS t');
SELECT pg_temp.validate('SELECT t.id, x.m FROM api_t AS t CROSS JOIN LATERAL (SELECT max(u.a) AS m FROM api_u AS u WHERE u.id = t.id) AS x');
SELECT pg_temp.validate('SELECT t.id, g FROM api_t AS t CROSS JOIN LATERAL generate_series(1, t.a) AS g');
-- set operations, windows, recursion, other sources
SELECT pg_temp.validate('SELECT id FROM api_t UNION ALL SELECT id FROM api_u');
SELECT pg_temp.validate('SELECT a FROM api_t UNION SELECT a FROM api_u EXCEPT SELECT id FROM api_u');
SELECT pg_temp.validate('SELECT a FROM api_t INTERSECT ALL SELECT a FROM api_u');
SELECT pg_temp.validate('SELECT id, rank() OVER (ORDER BY a) AS r, sum(n) OVER (PARTITION BY a) AS s FROM api_t');
SELECT pg_temp.validate('WITH RECURSIVE r AS (SELECT id FROM api_t WHERE a = 1 UNION ALL SELECT t.id FROM r JOIN api_t AS t ON t.a = r.id) SELECT id FROM r');
SELECT pg_temp.validate('SELECT id, a FROM api_m');
-- what a view holds
SELECT pg_temp.validate('SELECT a, c FROM api_v');
-- volatility; of a query that is recomputed the aggregates are named, not how they are maintained
SELECT pg_temp.validate('SELECT a, count(*) AS c, random() AS r FROM api_t GROUP BY a');
SELECT pg_temp.validate('SELECT id, now() AS t FROM api_t');
-- the right to capture counts
CREATE ROLE api_reader;
GRANT USAGE ON SCHEMA pgtrickle TO api_reader;
GRANT SELECT ON api_t TO api_reader;
SET ROLE api_reader;
SELECT check_name, result FROM pgtrickle.validate_query('SELECT id FROM api_t');
RESET ROLE;
\pset tuples_only off
\pset format aligned
SELECT count(*) AS made FROM pgtrickle.pgt_stream_tables;
REVOKE ALL ON SCHEMA pgtrickle FROM api_reader;
REVOKE ALL ON api_t FROM api_reader;
DROP ROLE api_reader;
DROP MATERIALIZED VIEW api_m;
DROP VIEW api_v;
DROP TABLE api_t, api_u;
