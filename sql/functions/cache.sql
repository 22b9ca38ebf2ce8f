-- What sessions keep, and hashes.

CREATE OR REPLACE FUNCTION pgtrickle.cache_stats()
RETURNS TABLE(l1_hits bigint, l2_hits bigint, misses bigint, evictions bigint, l1_size integer)
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'st_sql_cache_stats';
COMMENT ON FUNCTION pgtrickle.cache_stats() IS
    'How often what a session keeps of a stream table (its analysed query, plans) was there when it was refreshed, how often it had to be made, and how many were thrown away for pg_trickle.session_memory_limit or by clear_caches(), in all sessions since the start of the server; and how many stream tables this session knows. l2_hits is 0: there is no cache between a session and the catalog.';

CREATE OR REPLACE FUNCTION pgtrickle.clear_caches()
RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'st_sql_clear_caches';
COMMENT ON FUNCTION pgtrickle.clear_caches() IS
    'Throws away what this session keeps of stream tables, and returns of how many; all other sessions of the server do so before their next refresh. Nothing is kept in tables. For owners of all stream tables. Error: 42501 not owner.';

CREATE OR REPLACE FUNCTION pgtrickle.dedup_stats()
RETURNS TABLE(total_diff_refreshes bigint, dedup_needed bigint, dedup_ratio_pct double precision)
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'st_sql_dedup_stats';
COMMENT ON FUNCTION pgtrickle.dedup_stats() IS
    'How often stream tables have followed the changes of their sources since the start of the server, in all databases; in how many of these runs changes of a source cancelled each other, or were the same, so that fewer were left; and the share of these in percent.';

CREATE OR REPLACE FUNCTION pgtrickle.pg_trickle_hash(input text)
RETURNS bigint LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'st_sql_hash';
COMMENT ON FUNCTION pgtrickle.pg_trickle_hash(text) IS
    'XXH64 of the text, with the seed 0x517cc1b727220a95. NULL has the hash of a zero byte, the word NULL and a zero byte. Not what rows are told apart by.';

CREATE OR REPLACE FUNCTION pgtrickle.pg_trickle_hash_multi(inputs text[])
RETURNS bigint LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'st_sql_hash_multi';
COMMENT ON FUNCTION pgtrickle.pg_trickle_hash_multi(text[]) IS
    'XXH3 (64 bits) of the texts with a byte 0x1E between each two, with the same seed and the same for NULL as pg_trickle_hash().';

CREATE OR REPLACE FUNCTION pgtrickle.source_stable_name(source_oid oid)
RETURNS text LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'st_sql_source_stable_name';
COMMENT ON FUNCTION pgtrickle.source_stable_name(oid) IS
    'Sixteen digits that stand for a table in generated names: pg_trickle_hash() of schema.table, in hexadecimal. The same in every database; NULL if there is no such table. What a table that was renamed had when its changes began to be captured is in pgt_change_tracking.';
