-- What generated statements and the apply room call: the guard of stream tables, the hash of row images, values for indexes, the clock of the last refresh.

CREATE OR REPLACE FUNCTION pgtrickle.row_image_hash(record) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_row_image_hash';
COMMENT ON FUNCTION pgtrickle.row_image_hash(record) IS
    'Hash of a row''s image: rows that are *= have equal hashes. Used by the indexes of stream tables.';

CREATE OR REPLACE FUNCTION pgtrickle.short_value(anyelement) RETURNS anyelement
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_short_value';
COMMENT ON FUNCTION pgtrickle.short_value(anyelement) IS
    'The value, NULL if it takes more than 2,000 bytes. Used by the indexes of what window functions are ordered by.';

CREATE OR REPLACE FUNCTION pgtrickle.limit_rows(bigint) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_limit_rows';
COMMENT ON FUNCTION pgtrickle.limit_rows(bigint) IS
    'The number, as LIMIT takes it. Generated statements call it where that is no constant. Errors: 2201W it is negative.';

CREATE OR REPLACE FUNCTION pgtrickle.offset_rows(bigint) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_offset_rows';
COMMENT ON FUNCTION pgtrickle.offset_rows(bigint) IS
    'The number, as OFFSET takes it. Generated statements call it where that is no constant. Errors: 2201X it is negative.';

CREATE OR REPLACE FUNCTION pgtrickle.only_row(anyarray) RETURNS anyelement
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_only_row';
COMMENT ON FUNCTION pgtrickle.only_row(anyarray) IS
    'The only element of an array, NULL if it has none. Generated statements call it for scalar subqueries. Errors: 21000 more than one element.';

CREATE OR REPLACE FUNCTION pgtrickle.best_step(internal, anynonarray, boolean) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_best_step';
COMMENT ON FUNCTION pgtrickle.best_step(internal, anynonarray, boolean) IS
    'Of the aggregates best_values() and best_counts().';

CREATE OR REPLACE FUNCTION pgtrickle.best_values_final(internal, anynonarray, boolean) RETURNS anyarray
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_best_values';
COMMENT ON FUNCTION pgtrickle.best_values_final(internal, anynonarray, boolean) IS
    'Of the aggregate best_values().';

CREATE OR REPLACE FUNCTION pgtrickle.best_counts_final(internal, anynonarray, boolean) RETURNS bigint[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_best_counts';
COMMENT ON FUNCTION pgtrickle.best_counts_final(internal, anynonarray, boolean) IS
    'Of the aggregate best_counts().';

CREATE OR REPLACE AGGREGATE pgtrickle.best_values(anynonarray, boolean)
    (SFUNC = pgtrickle.best_step, STYPE = internal, FINALFUNC = pgtrickle.best_values_final, FINALFUNC_EXTRA, PARALLEL = SAFE);
COMMENT ON AGGREGATE pgtrickle.best_values(anynonarray, boolean) IS
    'The smallest values, or with true the largest, each once: up to 16, then the next one where they end; NULL for groups of up to 64 rows and for values of more than 500 bytes. Generated statements call it for min and max of large groups. Errors: 42883 the type has no order.';

CREATE OR REPLACE AGGREGATE pgtrickle.best_counts(anynonarray, boolean)
    (SFUNC = pgtrickle.best_step, STYPE = internal, FINALFUNC = pgtrickle.best_counts_final, FINALFUNC_EXTRA, PARALLEL = SAFE);
COMMENT ON AGGREGATE pgtrickle.best_counts(anynonarray, boolean) IS
    'How many rows have each of best_values(); 0 for the value where they end.';

CREATE OR REPLACE FUNCTION pgtrickle.change_step(internal, anynonarray, bigint) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_change_step';
COMMENT ON FUNCTION pgtrickle.change_step(internal, anynonarray, bigint) IS
    'Of the aggregates changed_values() and changed_counts().';

CREATE OR REPLACE FUNCTION pgtrickle.changed_values_final(internal, anynonarray, bigint) RETURNS anyarray
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_changed_values';
COMMENT ON FUNCTION pgtrickle.changed_values_final(internal, anynonarray, bigint) IS
    'Of the aggregate changed_values().';

CREATE OR REPLACE FUNCTION pgtrickle.changed_counts_final(internal, anynonarray, bigint) RETURNS bigint[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_changed_counts';
COMMENT ON FUNCTION pgtrickle.changed_counts_final(internal, anynonarray, bigint) IS
    'Of the aggregate changed_counts().';

CREATE OR REPLACE AGGREGATE pgtrickle.changed_values(anynonarray, bigint)
    (SFUNC = pgtrickle.change_step, STYPE = internal, FINALFUNC = pgtrickle.changed_values_final, FINALFUNC_EXTRA, PARALLEL = SAFE);
COMMENT ON AGGREGATE pgtrickle.changed_values(anynonarray, bigint) IS
    'The values that are not NULL; NULL if there are more than 10,000 or one is longer than 500 bytes. Generated statements call it for what best_values_after() takes.';

CREATE OR REPLACE AGGREGATE pgtrickle.changed_counts(anynonarray, bigint)
    (SFUNC = pgtrickle.change_step, STYPE = internal, FINALFUNC = pgtrickle.changed_counts_final, FINALFUNC_EXTRA, PARALLEL = SAFE);
COMMENT ON AGGREGATE pgtrickle.changed_counts(anynonarray, bigint) IS
    'The numbers beside each of changed_values().';

CREATE OR REPLACE FUNCTION pgtrickle.best_values_after(anyarray, bigint[], anyarray, bigint[], boolean) RETURNS anyarray
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_best_values_after';
COMMENT ON FUNCTION pgtrickle.best_values_after(anyarray, bigint[], anyarray, bigint[], boolean) IS
    'What best_values() would be of, after values, third argument, have entered and left as often as the fourth says; the first two are what it was. NULL: unknown. Errors: 42883 the type has no order.';

CREATE OR REPLACE FUNCTION pgtrickle.best_counts_after(anyarray, bigint[], anyarray, bigint[], boolean) RETURNS bigint[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_best_counts_after';
COMMENT ON FUNCTION pgtrickle.best_counts_after(anyarray, bigint[], anyarray, bigint[], boolean) IS
    'The same of best_counts().';

CREATE OR REPLACE FUNCTION pgtrickle.store_row(record) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_store_row';
COMMENT ON FUNCTION pgtrickle.store_row(record) IS
    'A row without a type of its own, in a form that a table can hold. Generated statements call it for what SEARCH BREADTH FIRST numbers rows by.';

CREATE OR REPLACE FUNCTION pgtrickle.stored_row(bytea) RETURNS record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_stored_row';
COMMENT ON FUNCTION pgtrickle.stored_row(bytea) IS
    'What pgtrickle.store_row() was given. Errors: 22P03 no such thing.';

CREATE OR REPLACE FUNCTION pgtrickle.store_rows(record[]) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_store_rows';
COMMENT ON FUNCTION pgtrickle.store_rows(record[]) IS
    'Rows without a type of their own, in a form that a table can hold. Generated statements call it for the paths that SEARCH DEPTH FIRST and CYCLE collect.';

CREATE OR REPLACE FUNCTION pgtrickle.stored_rows(bytea) RETURNS record[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_stored_rows';
COMMENT ON FUNCTION pgtrickle.stored_rows(bytea) IS
    'What pgtrickle.store_rows() was given. Errors: 22P03 no such thing.';

CREATE OR REPLACE FUNCTION pgtrickle.row_depth(record) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'st_sql_row_depth';
COMMENT ON FUNCTION pgtrickle.row_depth(record) IS
    'The first column of a row that SEARCH BREADTH FIRST has made. Generated statements call it. Errors: 42804 it is no bigint.';

CREATE OR REPLACE FUNCTION pgtrickle.clock_before() RETURNS timestamptz
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'st_sql_clock_before';
COMMENT ON FUNCTION pgtrickle.clock_before() IS
    'Within a refresh, what now() was at the last one; elsewhere now(). Generated statements call it to find the rows for which time has made a difference.';

CREATE OR REPLACE FUNCTION pgtrickle.guard_stream_table() RETURNS trigger
    LANGUAGE c
    AS 'MODULE_PATHNAME', 'st_sql_guard_stream_table';
COMMENT ON FUNCTION pgtrickle.guard_stream_table() IS
    'Trigger that refuses changes to a stream table by anything but its refresh.';
REVOKE ALL ON FUNCTION pgtrickle.guard_stream_table() FROM PUBLIC;
