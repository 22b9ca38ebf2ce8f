-- What generated statements and the apply room call: the guard of stream tables, the hash of row images.

CREATE OR REPLACE FUNCTION pgtrickle.row_image_hash(record) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_row_image_hash';
COMMENT ON FUNCTION pgtrickle.row_image_hash(record) IS
    'Hash of a row''s image: rows that are *= have equal hashes. Used by the indexes of stream tables.';

CREATE OR REPLACE FUNCTION pgtrickle.only_row(anyarray) RETURNS anyelement
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_only_row';
COMMENT ON FUNCTION pgtrickle.only_row(anyarray) IS
    'The only element of an array, NULL if it has none. Generated statements call it for scalar subqueries. Errors: 21000 more than one element.';

CREATE OR REPLACE FUNCTION pgtrickle.guard_stream_table() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'st_sql_guard_stream_table';
COMMENT ON FUNCTION pgtrickle.guard_stream_table() IS
    'Trigger that refuses changes to a stream table by anything but its refresh.';
REVOKE ALL ON FUNCTION pgtrickle.guard_stream_table() FROM PUBLIC;
