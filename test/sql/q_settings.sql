-- Rule J11: constants of the query survive being printed, whatever the settings of its author.
\o /dev/null
SELECT test.restart_numbers();
\o
CREATE TABLE q_t (id int PRIMARY KEY, f float8, d date, i interval, b bytea, ts timestamptz);
INSERT INTO q_t VALUES (1, 0.12345678901234567, '2024-02-01', '-1 day -02:03:04', '\x00ff5c', '2024-07-01 12:00+00'),
                       (2, 0.123456789012346, '2024-01-02', '-1 day +02:03:04', 'abc', '2024-07-01 10:00+00');
SET extra_float_digits = 0;
SET DateStyle = 'SQL, DMY';
SET IntervalStyle = 'sql_standard';
SET bytea_output = 'escape';
SET TimeZone = 'Europe/Berlin';
SELECT test.create('q_float', $$SELECT id, f FROM q_t WHERE f = '0.12345678901234567'::float8$$);
SELECT test.create('q_date', $$SELECT id, d FROM q_t WHERE d = '01/02/2024'::date$$);
SELECT test.create('q_interval', $$SELECT id, i + '-1 2:03:04'::interval AS i FROM q_t WHERE i = '-1 2:03:04'::interval$$);
SELECT test.create('q_bytea', $$SELECT id, b || '\x00'::bytea AS b FROM q_t WHERE b = '\x00ff5c'::bytea$$);
SELECT test.create('q_ts', $$SELECT id, ts::text AS t FROM q_t WHERE ts = '01/07/2024 14:00'::timestamptz$$);
-- in the plans of a group's state as well
SELECT test.create('q_group', $$SELECT d = '01/02/2024'::date AS same, max(f - '0.12345678901234567'::float8) AS m FROM q_t GROUP BY 1$$);
INSERT INTO q_t SELECT id + 10, f, d, i, b, ts FROM q_t;
SELECT stream_table, run FROM test.refresh_all();
SELECT (SELECT count(*) FROM q_float) AS float, (SELECT count(*) FROM q_date) AS date, (SELECT count(*) FROM q_interval) AS interval,
       (SELECT count(*) FROM q_bytea) AS bytea, (SELECT count(*) FROM q_ts) AS ts;
-- text as the author saw it; the oracle has settings of its own
SELECT pgtrickle.create_stream_table('q_text', 'SELECT id, f::text AS f, d::text AS d, i::text AS i, b::text AS b FROM q_t', refresh_mode => 'DIFFERENTIAL');
-- refreshed by a session with other settings: the author's count
RESET extra_float_digits;
RESET DateStyle;
RESET IntervalStyle;
RESET bytea_output;
RESET TimeZone;
UPDATE q_t SET id = id + 100 WHERE id > 10;
SELECT pgtrickle.refresh_stream_table('q_text'), pgtrickle.refresh_stream_table('q_ts'), pgtrickle.refresh_stream_table('q_float'),
       pgtrickle.refresh_stream_table('q_date'), pgtrickle.refresh_stream_table('q_interval'), pgtrickle.refresh_stream_table('q_bytea');
SELECT * FROM q_text ORDER BY id;
SET extra_float_digits = 0;
SET DateStyle = 'SQL, DMY';
SET IntervalStyle = 'sql_standard';
SET bytea_output = 'escape';
SELECT count(*) FROM (SELECT id, f::text, d::text, i::text, b::text FROM q_t EXCEPT ALL SELECT * FROM q_text) AS missing;
SELECT * FROM q_ts ORDER BY id;
SELECT id FROM q_float UNION ALL SELECT id FROM q_date UNION ALL SELECT id FROM q_interval UNION ALL SELECT id FROM q_bytea ORDER BY 1;
-- until the owner lets it have those of another session
SET TimeZone = 'Asia/Tokyo';
RESET DateStyle;
SELECT pgtrickle.adopt_settings('q_ts');
SELECT pgtrickle.debug_stream_table('q_ts')::json -> 'settings' ->> 'TimeZone' AS zone,
       pgtrickle.debug_stream_table('q_text')::json -> 'settings' ->> 'TimeZone' AS other;
SELECT pgtrickle.refresh_stream_table('q_ts');
RESET TimeZone;
SELECT * FROM q_ts ORDER BY id;
INSERT INTO q_t SELECT id + 1000, f, d, i, b, ts FROM q_t WHERE id < 10;
SELECT pgtrickle.refresh_stream_table('q_ts');
SELECT * FROM q_ts ORDER BY id;
CREATE ROLE q_stranger;
SET ROLE q_stranger;
SELECT pgtrickle.adopt_settings('q_ts');
RESET ROLE;
DROP ROLE q_stranger;
SELECT pgtrickle.adopt_settings('q_t');
SELECT test.drop_all();
DROP TABLE q_t;
-- Of one name, functions of their arguments and functions of the time.
CREATE TABLE q_age (id int PRIMARY KEY, at timestamptz, t time, j jsonb);
INSERT INTO q_age VALUES (1, '2020-02-02 10:00+00', '10:00', '{"a": 1}');
SELECT test.create('q_age_2', 'SELECT id, age(at, timestamptz ''2020-01-01 00:00+00'') AS a FROM q_age');
SELECT test.create('q_age_1', 'SELECT id, age(at) AS a FROM q_age', 'AUTO');
SELECT test.create('q_timetz', 'SELECT id, t::timetz AS t FROM q_age', 'AUTO');
SELECT test.create('q_timetz_text', 'SELECT id, (t::text)::timetz AS t FROM q_age', 'AUTO');
SELECT test.create('q_record', 'SELECT q.id, r.a FROM q_age AS q, jsonb_to_record(q.j) AS r (a int)');
UPDATE q_age SET j = '{"a": 2}', at = at + interval '1 day';
SELECT test.refresh('q_age_2'), test.refresh('q_age_1', 'FULL'), test.refresh('q_record');
SELECT test.drop_all();
DROP TABLE q_age;
