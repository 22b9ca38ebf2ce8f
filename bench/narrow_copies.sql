-- What a narrow copy of a large relation would save, and cost, where no index serves
-- a join (rule E6): ./dev psql -f bench/narrow_copies.sql
set client_min_messages=warning; drop schema if exists e6 cascade; create schema e6; set search_path=e6,public;
create table big(id int primary key, k int, v int, pad text);
insert into big select x, x % 100000, x, repeat('x', 80) from generate_series(1, 1000000) x;
create table other(id int primary key, k int, n int);
insert into other select x, x, x from generate_series(1, 100000) x; create index on other(k);
vacuum analyze big; vacuum analyze other;
select pgtrickle.create_stream_table('plain', 'SELECT o.id, sum(b.v) AS s FROM other o JOIN big b ON b.k = o.k GROUP BY o.id', refresh_mode => 'DIFFERENTIAL');
select pgtrickle.create_stream_table('copy', 'SELECT id, k, v FROM big', refresh_mode => 'DIFFERENTIAL'); create index on copy(k);
select pgtrickle.create_stream_table('over_copy', 'SELECT o.id, sum(b.v) AS s FROM other o JOIN copy b ON b.k = o.k GROUP BY o.id', refresh_mode => 'DIFFERENTIAL');
vacuum analyze copy;
select pg_size_pretty(pg_total_relation_size('copy')) as copy, pg_size_pretty(pg_total_relation_size('big')) as big;
create procedure round(what text, change text) language plpgsql as $$
declare t timestamptz; a float; b float; c float; d float; begin
 for i in 1..3 loop execute change; 
 t := clock_timestamp(); perform pgtrickle.refresh_stream_table('plain'); a := extract(epoch from clock_timestamp()-t)*1000;
 t := clock_timestamp(); perform pgtrickle.refresh_stream_table('copy'); b := extract(epoch from clock_timestamp()-t)*1000;
 t := clock_timestamp(); perform pgtrickle.refresh_stream_table('over_copy'); c := extract(epoch from clock_timestamp()-t)*1000; commit; end loop;
 raise warning '%: plain % copy % over copy %', what, round(a::numeric,1), round(b::numeric,1), round(c::numeric,1);
end $$;
call round('100 of other', 'update other set k = k % 100000 + 1 where id between 100 and 199');
call round('1000 of big', 'update big set v = v + 1 where id between 5000 and 5999');
create index big_k on big(k); analyze big;
call round('with index: 100 of other', 'update other set k = k % 100000 + 1 where id between 100 and 199');
call round('with index: 1000 of big', 'update big set v = v + 1 where id between 5000 and 5999');
drop schema e6 cascade;
