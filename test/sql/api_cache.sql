-- What sessions keep and what was counted; hashes.
\o /dev/null
SELECT test.restart_numbers();
\o
-- the vectors of the contract
SELECT pgtrickle.pg_trickle_hash(i) AS hash, i FROM unnest('{"",a,hello,NULL}'::text[]) AS i;
SELECT pgtrickle.pg_trickle_hash_multi(i::text[]) AS hash, i
  FROM unnest(ARRAY['{}', '{""}', '{1}', '{a,b}', '{a,NULL}', '{NULL}', '{{a},{b}}']) AS i;
SELECT pgtrickle.pg_trickle_hash_multi(NULL) IS NULL AS strict;
-- and of another implementation, at each length from which on another way is taken
SELECT n, pgtrickle.pg_trickle_hash(t) AS xxh64, pgtrickle.pg_trickle_hash_multi(ARRAY[t]) AS xxh3
  FROM unnest(ARRAY[3, 8, 16, 17, 64, 65, 128, 129, 240, 241, 1024, 1025, 5000]) AS n, left(repeat('abcdefghijklmnopqrstuvwxyz0123456789', 200), n) AS t;
-- a separator in a text is no other
SELECT pgtrickle.pg_trickle_hash_multi('{a,b}') = pgtrickle.pg_trickle_hash_multi(ARRAY[E'a\x1eb']) AS separator;

CREATE TABLE orders (id int PRIMARY KEY, g int);
CREATE TABLE s2 (id int PRIMARY KEY, g int);
SELECT relname, pgtrickle.source_stable_name(oid) AS name FROM pg_class WHERE oid IN ('orders'::regclass, 's2'::regclass) ORDER BY 1;
SELECT pgtrickle.source_stable_name('orders'::regclass) = to_hex(pgtrickle.pg_trickle_hash('public.orders')) AS same,
       pgtrickle.source_stable_name(1) IS NULL AS unknown, pgtrickle.source_stable_name(NULL) IS NULL AS strict;
SELECT test.create('api_of_orders', 'SELECT g, count(*) AS n FROM orders GROUP BY g');
CREATE VIEW api_names AS
    SELECT source_relid::regclass AS source, d.source_stable_name AS known, k.source_stable_name AS captured, pgtrickle.source_stable_name(source_relid) AS present
      FROM pgtrickle.pgt_dependencies AS d JOIN pgtrickle.pgt_change_tracking AS k USING (source_relid) ORDER BY pgt_id;
SELECT * FROM api_names;
-- a renamed table keeps it, for new stream tables as well
ALTER TABLE orders RENAME TO sales;
SELECT test.create('api_of_sales', 'SELECT id FROM sales');
SELECT * FROM api_names;

-- figures: of the whole server, so how much they grow
CREATE TEMPORARY TABLE api_before AS SELECT * FROM pgtrickle.cache_stats(), pgtrickle.dedup_stats();
CREATE FUNCTION pg_temp.grown(OUT refreshes bigint, OUT netted bigint, OUT found boolean, OUT made bigint, OUT removed bigint) LANGUAGE sql AS $$
    WITH n AS (SELECT * FROM pgtrickle.cache_stats(), pgtrickle.dedup_stats()), t AS (DELETE FROM api_before RETURNING *),
         kept AS (INSERT INTO api_before SELECT * FROM n)
    SELECT n.total_diff_refreshes - t.total_diff_refreshes, n.dedup_needed - t.dedup_needed, n.l1_hits > t.l1_hits, n.misses - t.misses, n.evictions - t.evictions
      FROM n, t $$;
INSERT INTO sales VALUES (1, 1), (2, 1);
SELECT test.refresh('api_of_orders', 'DIFFERENTIAL');
SELECT * FROM pg_temp.grown();
UPDATE sales SET g = 2 WHERE id = 1;
SELECT test.refresh('api_of_orders', 'DIFFERENTIAL');
SELECT * FROM pg_temp.grown();
-- there and back is nothing, and one change is left of two
UPDATE sales SET g = 3 WHERE id = 1;
UPDATE sales SET g = 2 WHERE id = 1;
UPDATE sales SET g = 4 WHERE id = 2;
SELECT test.refresh('api_of_orders', 'DIFFERENTIAL');
SELECT * FROM pg_temp.grown();
SELECT l1_size > 0 AS known, l2_hits FROM pgtrickle.cache_stats();
SELECT pgtrickle.clear_caches() > 0 AS cleared;
SELECT l1_size FROM pgtrickle.cache_stats();
SELECT pgtrickle.clear_caches();
INSERT INTO sales VALUES (3, 1);
SELECT test.refresh('api_of_orders', 'DIFFERENTIAL'), test.refresh('api_of_sales', 'DIFFERENTIAL');
SELECT refreshes, netted, made > 0 AS made, removed > 0 AS removed FROM pg_temp.grown();
SELECT dedup_ratio_pct = 100.0 * dedup_needed / total_diff_refreshes AS ratio FROM pgtrickle.dedup_stats();
-- what is in use while it is cleared goes on
CREATE FUNCTION api_clears() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pgtrickle.clear_caches(); RETURN NULL; END $$;
CREATE TRIGGER clears AFTER INSERT ON api_of_sales FOR EACH ROW EXECUTE FUNCTION api_clears();
SET client_min_messages = warning;
INSERT INTO sales VALUES (4, 1), (5, 1);
SELECT test.refresh('api_of_sales', 'DIFFERENTIAL');
DELETE FROM sales WHERE id = 4;
SELECT test.refresh('api_of_sales', 'DIFFERENTIAL'), test.refresh('api_of_orders', 'DIFFERENTIAL');
SELECT test.drop_all();
DROP VIEW api_names;
DROP FUNCTION api_clears();
DROP TABLE sales, s2;
RESET client_min_messages;
