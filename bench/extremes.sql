-- What it costs that the largest value leaves a group of 200,000 rows, once and again (rule E8):
-- ./dev psql -f bench/extremes.sql
set client_min_messages=warning; drop schema if exists e8 cascade; create schema e8; set search_path=e8,public;
create table big(id int primary key, g int, v int, w int);
insert into big select x, x % 5, (x::bigint * 7919) % 1000003, x from generate_series(1, 1000000) x;
create index on big(g); vacuum analyze big;
select pgtrickle.create_stream_table('s', 'SELECT g, min(v) AS a, max(v) AS z, count(*) AS c FROM big GROUP BY g', refresh_mode => 'DIFFERENTIAL');
\timing on
update big set w = w where id = 3; select pgtrickle.refresh_stream_table('s');
\echo another row leaves
delete from big where id = 77777; select pgtrickle.refresh_stream_table('s');
\echo the largest leaves, index on g
delete from big where v = (select max(v) from big where g = 1); select pgtrickle.refresh_stream_table('s');
delete from big where v = (select max(v) from big where g = 1); select pgtrickle.refresh_stream_table('s');
create index on big(g, v); analyze big; select pgtrickle.refresh_stream_table('s');
\echo the largest leaves, index on g, v
delete from big where v = (select max(v) from big where g = 1); select pgtrickle.refresh_stream_table('s');
delete from big where v = (select max(v) from big where g = 1); select pgtrickle.refresh_stream_table('s');
drop index big_g_idx, big_g_v_idx; select pgtrickle.refresh_stream_table('s');
\echo the largest leaves, no index
delete from big where v = (select max(v) from big where g = 1); select pgtrickle.refresh_stream_table('s');
delete from big where v = (select max(v) from big where g = 1); select pgtrickle.refresh_stream_table('s');
delete from big where v = (select max(v) from big where g = 1); select pgtrickle.refresh_stream_table('s');
\echo of the smallest, that one row in a hundred has, one leaves
\timing off
select pgtrickle.create_stream_table('few', 'SELECT g, min(w % 20) AS a FROM big GROUP BY g', refresh_mode => 'DIFFERENTIAL');
\timing on
delete from big where id = 100; select pgtrickle.refresh_stream_table('few');
delete from big where id = 200; select pgtrickle.refresh_stream_table('few');
delete from big where id = 300; select pgtrickle.refresh_stream_table('few');
\timing off
drop schema e8 cascade;
