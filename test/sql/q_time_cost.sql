-- What a comparison with now() costs, what days do, when the next row changes,
-- and what is not followed. q_time.sql says how time is driven.
\o /dev/null
SELECT test.restart_numbers();
\o
SET client_min_messages = warning;
CREATE TABLE t (id int PRIMARY KEY, g int, at timestamptz, n numeric);
CREATE FUNCTION soon(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE what USING now() + interval '1 microsecond';
END $$;

-- days: the query's now() is so far ahead that its day ends a microsecond from now
INSERT INTO t SELECT x, x, date_trunc('day', now()) + x * interval '1 day', x FROM generate_series(-3, 3) AS x;
BEGIN;
SELECT date_trunc('day', now()) + interval '1 day' - now() - interval '1 microsecond' AS ahead \gset
\o /dev/null
SELECT test.create('s_today', format('SELECT id, at::date = (now() + %1$L::interval)::date AS today, at::date < (now() + %1$L::interval)::date AS past FROM t', :'ahead'));
SELECT test.create('s_other_day', format('SELECT id FROM t WHERE at::date <> (now() + %L::interval)::date', :'ahead'));
SELECT test.create('s_age', format('SELECT id FROM t WHERE (now() + %L::interval)::date - at::date < 1', :'ahead'));
SELECT test.create('s_trunc', format('SELECT id FROM t WHERE at >= date_trunc(''day'', now() + %L::interval)', :'ahead'));
\o
SELECT id, past FROM s_today WHERE today;
COMMIT;
SELECT * FROM test.refresh_all();
SELECT id, past FROM s_today WHERE today;
SELECT * FROM test.refresh_all('NO_DATA');

SELECT test.drop_all();

-- the rows whose time has come are found by an index, and one that is missing is named
TRUNCATE t;
CREATE TABLE big (id int PRIMARY KEY, g int, at timestamptz, other timestamptz);
INSERT INTO big SELECT x, x % 100, '2100-01-01', '2100-01-01' FROM generate_series(1, 20000) AS x;
INSERT INTO t SELECT x, x, NULL, x FROM generate_series(1, 100) AS x;
CREATE INDEX ON big (at);
CREATE INDEX ON big (g);
ANALYZE big;
SELECT test.create('b_where', 'SELECT id, at FROM big WHERE at > now() - interval ''1 hour''');
SELECT test.create('b_join', 'SELECT big.id, t.n FROM big JOIN t ON t.id = big.g WHERE big.at < now() AND big.id % 7 > 1');
SELECT test.create('b_list', 'SELECT id, at <= now() AS past FROM big');
SELECT test.create('b_group', 'SELECT g, count(*) AS c, count(*) FILTER (WHERE at > now()) AS ahead FROM big GROUP BY g');
SELECT test.create('b_other', 'SELECT id FROM big WHERE other < now()');
BEGIN;
SELECT soon('UPDATE big SET at = $1 WHERE id BETWEEN 10 AND 20');
SELECT soon('UPDATE big SET at = $1 - interval ''1 hour'' WHERE id BETWEEN 21 AND 25');
SELECT soon('UPDATE big SET other = $1 WHERE id BETWEEN 26 AND 28');
SELECT test.refresh(name) FROM unnest(ARRAY['b_where', 'b_join', 'b_list', 'b_group']) AS name;
SELECT test.refresh('b_other', max_rows => 21000);
COMMIT;
SELECT test.refresh('b_where', max_rows => 200, max_pages => 400);
SELECT test.refresh('b_join', max_rows => 400, max_pages => 800);
SELECT test.refresh('b_list', max_rows => 200, max_pages => 400);
SELECT test.refresh('b_group', max_rows => 200, max_pages => 400);
SELECT test.refresh('b_other', max_rows => 21000, max_pages => 2000);
-- once more, and nothing has changed
SELECT test.refresh(name, 'NO_DATA', 200, 200) FROM unnest(ARRAY['b_where', 'b_join', 'b_list', 'b_group']) AS name;
CREATE FUNCTION explained(name text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT line FROM regexp_split_to_table(pgtrickle.explain_stream_table(name), E'\n') AS line
     WHERE line ~ '^(Next row|Missing index|Compared with)' AND line !~ '^Compared with now\(\) at: \d'
$$;
SELECT explained('b_other');
SELECT explained('b_list');
SELECT test.drop_all();

-- when the next row changes
INSERT INTO t VALUES (1001, 1, '2100-03-01 12:00', 1), (1002, 1, '2100-05-01 12:00', 2), (1003, 1, NULL, 3);
SELECT test.create('n_plain', 'SELECT id FROM t WHERE at > now()');
SELECT test.create('n_shifted', 'SELECT id FROM t WHERE at > now() - interval ''1 month''');
SELECT test.create('n_day', 'SELECT id FROM t WHERE at >= current_date');
SELECT test.create('n_date', 'SELECT id FROM t WHERE at::date = current_date');
SELECT test.create('n_difference', 'SELECT id FROM t WHERE at - now() < interval ''3 days''');
SELECT test.create('n_group', 'SELECT g, max(at) AS m FROM t GROUP BY g HAVING max(at) > now()');
SELECT test.create('n_two', 'SELECT id FROM t WHERE at > now() + interval ''1 year'' OR at < now() + interval ''2 years''');
SELECT test.create('n_never', 'SELECT id FROM t WHERE at > now() AND id < 1000');
SELECT pgt_name, explained(pgt_name) FROM pgtrickle.pgt_stream_tables ORDER BY pgt_id;
SELECT test.drop_all();

-- what is not followed is recomputed, with the reason
CREATE FUNCTION reason(query text) RETURNS text LANGUAGE sql AS $$
    SELECT result FROM pgtrickle.validate_query(query) WHERE check_name = 'ivm_support_check'
$$;
SELECT reason('SELECT id, now() AS n FROM t');
SELECT reason('SELECT id, now() - at AS age FROM t');
SELECT reason('SELECT id FROM t WHERE extract(year FROM now()) > id');
SELECT reason('SELECT id FROM t WHERE at > statement_timestamp()');
SELECT reason('SELECT id FROM t WHERE now() > ''2100-01-01''');
SELECT test.drop_all();
DROP FUNCTION soon, reason, explained;
DROP TABLE t, big;
