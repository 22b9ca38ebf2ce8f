-- Creating, refreshing, altering and dropping stream tables.

CREATE OR REPLACE FUNCTION pgtrickle.create_stream_table(
    name text, query text, schedule text DEFAULT 'calculated', refresh_mode text DEFAULT 'AUTO',
    initialize boolean DEFAULT true, diamond_consistency text DEFAULT NULL,
    diamond_schedule_policy text DEFAULT NULL, cdc_mode text DEFAULT NULL,
    append_only boolean DEFAULT false, pooler_compatibility_mode boolean DEFAULT false,
    partition_by text DEFAULT NULL, max_differential_joins integer DEFAULT NULL,
    max_delta_fraction double precision DEFAULT NULL, output_distribution_column text DEFAULT NULL,
    temporal boolean DEFAULT false, storage_backend text DEFAULT NULL)
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_create_stream_table';
COMMENT ON FUNCTION pgtrickle.create_stream_table(text, text, text, text, boolean, text, text, text, boolean, boolean, text, integer, double precision, text, boolean, text) IS
    'Creates a table defined by a query, fills it and captures the changes of its sources, without keeping their writers out (where no background process is free, or the transaction has written already, a NOTICE says that they wait until it ends). append_only promises that rows of the sources are neither updated nor deleted: nothing depends on it, but when it turns out wrong there is a WARNING and an alert. "partition_by" makes it a partitioned table: ''column[, column]'' by ranges, with a partition for all that no other is for, ''LIST:column'' likewise, ''HASH:column[:modulus]'' with as many partitions, from 2 to 256, 4 if the modulus is left out. Errors: 42601 and 42000 for anything but one SELECT over tables, 42P07 if the name is taken, 42501 without rights on the sources, 0A000 if mode DIFFERENTIAL is asked for and the query has no delta, 22023 for other arguments that do not fit.';

CREATE OR REPLACE FUNCTION pgtrickle.create_stream_table_if_not_exists(
    name text, query text, schedule text DEFAULT 'calculated', refresh_mode text DEFAULT 'AUTO',
    initialize boolean DEFAULT true, diamond_consistency text DEFAULT NULL,
    diamond_schedule_policy text DEFAULT NULL, cdc_mode text DEFAULT NULL,
    append_only boolean DEFAULT false, pooler_compatibility_mode boolean DEFAULT false,
    partition_by text DEFAULT NULL, max_differential_joins integer DEFAULT NULL,
    max_delta_fraction double precision DEFAULT NULL, output_distribution_column text DEFAULT NULL,
    temporal boolean DEFAULT false, storage_backend text DEFAULT NULL)
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_create_stream_table_if_not_exists';
COMMENT ON FUNCTION pgtrickle.create_stream_table_if_not_exists(text, text, text, text, boolean, text, text, text, boolean, boolean, text, integer, double precision, text, boolean, text) IS
    'As create_stream_table(), unless there is a stream table of that name: then nothing is done, and the other arguments are not looked at. Errors: those of create_stream_table(); 42P07 if the name is that of another relation.';

CREATE OR REPLACE FUNCTION pgtrickle.create_or_replace_stream_table(
    name text, query text, schedule text DEFAULT 'calculated', refresh_mode text DEFAULT 'AUTO',
    initialize boolean DEFAULT true, diamond_consistency text DEFAULT NULL,
    diamond_schedule_policy text DEFAULT NULL, cdc_mode text DEFAULT NULL,
    append_only boolean DEFAULT false, pooler_compatibility_mode boolean DEFAULT false,
    partition_by text DEFAULT NULL, max_differential_joins integer DEFAULT NULL,
    max_delta_fraction double precision DEFAULT NULL, output_distribution_column text DEFAULT NULL)
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_create_or_replace_stream_table';
COMMENT ON FUNCTION pgtrickle.create_or_replace_stream_table(text, text, text, text, boolean, text, text, text, boolean, boolean, text, integer, double precision, text) IS
    'Creates a stream table as create_stream_table(), or gives the one of that name this query and these properties as alter_stream_table(): what is not passed gets its default again. Queries that say the same in other words are the same; if nothing differs, nothing is done. "initialize" is for creation only; without "partition_by" the partitioning stays what it is. Errors: those of the two functions.';

CREATE OR REPLACE FUNCTION pgtrickle.write_and_refresh(sql text, stream_table_name text)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_write_and_refresh';
COMMENT ON FUNCTION pgtrickle.write_and_refresh(text, text) IS
    'Runs one or several statements as the caller and then refreshes a stream table, in one transaction: what follows reads what was written. Errors: those of the statements, 0A000 for COPY and transaction control, those of refresh_stream_table().';

CREATE OR REPLACE FUNCTION pgtrickle.refresh_stream_table(name text)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_refresh_stream_table';
COMMENT ON FUNCTION pgtrickle.refresh_stream_table(text) IS
    'Brings a stream table, and the stream tables that it reads, up to date in this transaction. A NOTICE, and nothing done, if another session refreshes it. Errors: 42P01 unknown, 42501 not the owner, 22023 suspended.';

CREATE OR REPLACE FUNCTION pgtrickle.refresh_if_stale(p_name text, p_max_age interval DEFAULT '00:05:00'::interval)
RETURNS boolean LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_refresh_if_stale';
COMMENT ON FUNCTION pgtrickle.refresh_if_stale(text, interval) IS
    'Refreshes a stream table whose last successful refresh ended longer ago than p_max_age and returns true, else false.';

CREATE OR REPLACE FUNCTION pgtrickle.alter_stream_table(
    name text, query text DEFAULT NULL, schedule text DEFAULT NULL, refresh_mode text DEFAULT NULL,
    status text DEFAULT NULL, diamond_consistency text DEFAULT NULL,
    diamond_schedule_policy text DEFAULT NULL, cdc_mode text DEFAULT NULL, append_only boolean DEFAULT NULL,
    pooler_compatibility_mode boolean DEFAULT NULL, tier text DEFAULT NULL, fuse text DEFAULT NULL,
    fuse_ceiling bigint DEFAULT NULL, fuse_sensitivity integer DEFAULT NULL, partition_by text DEFAULT NULL,
    max_differential_joins integer DEFAULT NULL, max_delta_fraction double precision DEFAULT NULL)
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_alter_stream_table';
COMMENT ON FUNCTION pgtrickle.alter_stream_table(text, text, text, text, text, text, text, text, boolean, boolean, text, text, bigint, integer, text, integer, double precision) IS
    'Changes properties of a stream table; NULL leaves one as it is, 0 takes a limit away. Another query or mode recomputes the stream table at once; writers of its sources wait until the transaction ends. With another query it stays the same table, with its rights, indexes, comments and views: columns are matched by name, added at the end, dropped, or given another type; if any is, readers wait while the rows are written. The order of its own columns is kept. Another "partition_by", or an empty one for none, makes it another relation of the same name, with its rows, rights, indexes and comments, and without partitions that users have added. A stream table in status ERROR becomes ACTIVE. Parameters whose capability this release does not have are 0A000. Errors: 42P01 unknown, 42501 not the owner, 22023 bad value, 0A000 if mode DIFFERENTIAL is asked for and the query has no delta, 42P15 if the query reads the stream table itself or uses what depends on it, 2BP01 if others use a column that would go or change, or something that another relation would not have stands in the way of another partitioning.';

CREATE OR REPLACE FUNCTION pgtrickle.stream_table_lineage(name text)
RETURNS TABLE(output_col text, source_table text, source_col text)
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'st_sql_stream_table_lineage';
COMMENT ON FUNCTION pgtrickle.stream_table_lineage(text) IS
    'From which columns of which tables the values of each column of a stream table are computed: a row each, views expanded, a whole row as all of its columns. What only decides on rows (WHERE, joins, groups) is not listed. Error: 42P01 unknown.';

CREATE OR REPLACE FUNCTION pgtrickle.drop_stream_table(name text, cascade boolean DEFAULT false)
RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_drop_stream_table';
COMMENT ON FUNCTION pgtrickle.drop_stream_table(text, boolean) IS
    'Drops a stream table with its states, and the capture of sources that nobody else reads. Errors: 22023 if other stream tables read it and cascade is false, 2BP01 if other objects depend on it.';

CREATE OR REPLACE FUNCTION pgtrickle.bulk_create(definitions jsonb)
RETURNS jsonb LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_bulk_create';
COMMENT ON FUNCTION pgtrickle.bulk_create(jsonb) IS
    'Creates several stream tables, all or none, in the order of an array of objects whose keys are the parameters of create_stream_table(); "name" and "query" are required, the others have the same defaults. Returns an array of objects with "name", "status" and "pgt_id". Errors: 22023 for anything else, an unknown key, or a value of the wrong type; those of create_stream_table(), with the element as context.';

CREATE OR REPLACE FUNCTION pgtrickle.bulk_alter_stream_tables(names text[], params jsonb)
RETURNS integer LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_bulk_alter_stream_tables';
COMMENT ON FUNCTION pgtrickle.bulk_alter_stream_tables(text[], jsonb) IS
    'Changes the same properties of several stream tables, all or none. The keys of params are the parameters of alter_stream_table(). Returns how many stream tables there were; one that is named twice counts once. Errors: 22023 for an unknown key or a value of the wrong type, 22004 for a name that is NULL; those of alter_stream_table(), with the stream table as context.';

CREATE OR REPLACE FUNCTION pgtrickle.bulk_drop_stream_tables(names text[])
RETURNS integer LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_bulk_drop_stream_tables';
COMMENT ON FUNCTION pgtrickle.bulk_drop_stream_tables(text[]) IS
    'Drops several stream tables, all or none, those that read others of them first. Returns how many there were; one that is named twice counts once. Errors: 22004 for a name that is NULL, 42P01 unknown, 42501 not the owner, 22023 if stream tables that stay read one of them, 2BP01 if other objects depend on one.';

CREATE OR REPLACE FUNCTION pgtrickle.exec_stream_ddl(cmd text)
RETURNS boolean LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_exec_stream_ddl';
COMMENT ON FUNCTION pgtrickle.exec_stream_ddl(text) IS
    'Runs CREATE [OR REPLACE] STREAM TABLE [IF NOT EXISTS] name [WITH (parameter = value, ...)] AS query, or DROP STREAM TABLE [IF EXISTS] name, ... [CASCADE | RESTRICT]. Parameters are those of create_stream_table(). Returns false if IF [NOT] EXISTS left nothing to do. Errors: 42601 for another command, 22023 for an unknown parameter; those of create_stream_table(), create_or_replace_stream_table() and drop_stream_table().';

CREATE OR REPLACE FUNCTION pgtrickle.export_definition(st_name text)
RETURNS text LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'st_sql_export_definition';
COMMENT ON FUNCTION pgtrickle.export_definition(text) IS
    'SQL that makes a stream table again, wherever it is run: its query as it was written, under the search_path and the settings that it was written under, its properties and its owner. A stream table of that name is dropped first. Indexes, rights, comments and triggers of the table are not part of it, and not its contents. Error: 42P01 unknown.';

CREATE OR REPLACE FUNCTION pgtrickle.stream_table_definition(p_name text)
RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT pgtrickle.export_definition(p_name);
END;
COMMENT ON FUNCTION pgtrickle.stream_table_definition(text) IS 'The same as export_definition(). Error: 42P01 unknown.';

CREATE OR REPLACE FUNCTION pgtrickle.canary_begin(p_name text, p_new_query text)
RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_canary_begin';
COMMENT ON FUNCTION pgtrickle.canary_begin(text, text) IS
    'Tries another query beside a stream table: creates the stream table __pgt_canary_<name> in the same schema, with that query and with the schedule, mode and other properties of the live one. A canary that is there is dropped first. Errors: 42P01 unknown, 42501 not the owner, 22004 for NULL, 42622 if the name is too long for that; those of create_stream_table().';

CREATE OR REPLACE FUNCTION pgtrickle.canary_diff(p_name text)
RETURNS TABLE(row_source text, diff_row text)
LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_canary_diff';
COMMENT ON FUNCTION pgtrickle.canary_diff(text) IS
    'Rows that only the stream table (live_only) or only its canary (canary_only) has, or has more often, as text: a row for each one too many. Columns are compared by name; a NOTICE names those that only one of the two has. Contents are those of now: refresh both first. Errors: 42P01 unknown or no canary, 42501 without SELECT on both, 42804 no column in common, 22004 for NULL.';

CREATE OR REPLACE FUNCTION pgtrickle.canary_promote(p_name text)
RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_canary_promote';
COMMENT ON FUNCTION pgtrickle.canary_promote(text) IS
    'Gives a stream table the query of its canary, as alter_stream_table() does, and drops the canary. Errors: 42P01 unknown or no canary, 42501 not the owner of both, 22004 for NULL; those of alter_stream_table() and drop_stream_table().';

CREATE OR REPLACE FUNCTION pgtrickle.view_evolution_status()
RETURNS TABLE(stream_table text, in_shadow_build boolean, shadow_table_name text, status text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.pgt_schema || '.' || t.pgt_name, c.pgt_name IS NOT NULL, c.pgt_name, t.status
      FROM pgtrickle.pgt_stream_tables t
      LEFT JOIN pgtrickle.pgt_stream_tables c ON c.pgt_schema = t.pgt_schema AND c.pgt_name = '__pgt_canary_' || t.pgt_name
     ORDER BY 1;
END;
COMMENT ON FUNCTION pgtrickle.view_evolution_status() IS
    'One row per stream table: whether a replacement is being tried beside it, a canary, and its name.';

CREATE OR REPLACE FUNCTION pgtrickle.verify_stream_table(
    name text, OUT exact boolean, OUT missing bigint, OUT unexpected bigint, OUT sample jsonb)
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'st_sql_verify_stream_table';
COMMENT ON FUNCTION pgtrickle.verify_stream_table(text) IS
    'Runs the query of a stream table as it is now and compares it with the contents, row image by row image: rows that are missing, rows that should not be there, and one of them. Changes since the last refresh count as differences.';

CREATE OR REPLACE FUNCTION pgtrickle._on_sql_drop()
RETURNS event_trigger LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_on_drop';
COMMENT ON FUNCTION pgtrickle._on_sql_drop() IS 'Removes from the catalog what plain DROP has dropped. Internal.';
REVOKE ALL ON FUNCTION pgtrickle._on_sql_drop() FROM PUBLIC;

CREATE OR REPLACE FUNCTION pgtrickle.on_ddl_start()
RETURNS event_trigger LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_on_ddl_start';
COMMENT ON FUNCTION pgtrickle.on_ddl_start() IS
    'Loads the library before DDL that it has a say in: what would change the structure of a stream table is refused, and when the extension is dropped stream tables stay as plain tables without ties to their sources. While pg_trickle.block_source_ddl is on, ALTER TABLE that drops or retypes a column which a stream table uses is refused. Before DROP, takes the locks that have to come before those of PostgreSQL. Internal.';
REVOKE ALL ON FUNCTION pgtrickle.on_ddl_start() FROM PUBLIC;

CREATE OR REPLACE FUNCTION pgtrickle._on_ddl_end()
RETURNS event_trigger LANGUAGE c AS 'MODULE_PATHNAME', 'st_sql_on_ddl_end';
COMMENT ON FUNCTION pgtrickle._on_ddl_end() IS
    'Writes the query of a stream table with the present names when something that it names was renamed or moved, and has those that use what was altered refreshed. Internal.';
REVOKE ALL ON FUNCTION pgtrickle._on_ddl_end() FROM PUBLIC;

-- which have no OR REPLACE: an update runs this again
DROP EVENT TRIGGER IF EXISTS pg_trickle_on_ddl_start;
CREATE EVENT TRIGGER pg_trickle_on_ddl_start ON ddl_command_start
    WHEN TAG IN ('DROP EXTENSION', 'DROP OWNED', 'DROP TABLE', 'DROP VIEW', 'DROP MATERIALIZED VIEW', 'DROP FOREIGN TABLE', 'DROP SCHEMA',
                 'DROP TYPE', 'DROP DOMAIN', 'DROP FUNCTION', 'DROP PROCEDURE', 'DROP ROUTINE', 'DROP AGGREGATE', 'DROP OPERATOR', 'DROP COLLATION',
                 'CREATE SCHEMA', 'CREATE TABLE', 'CREATE FOREIGN TABLE', 'CREATE RULE',
                 'ALTER TABLE', 'ALTER FOREIGN TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER SEQUENCE', 'ALTER SCHEMA', 'ALTER EXTENSION',
                 'ALTER TYPE', 'ALTER DOMAIN', 'ALTER COLLATION', 'ALTER OPERATOR', 'ALTER TEXT SEARCH CONFIGURATION', 'ALTER TEXT SEARCH DICTIONARY',
                 'ALTER FUNCTION', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER AGGREGATE')
    EXECUTE FUNCTION pgtrickle.on_ddl_start();
COMMENT ON EVENT TRIGGER pg_trickle_on_ddl_start IS 'Loads the library before DDL that may concern stream tables.';

DROP EVENT TRIGGER IF EXISTS pg_trickle_ddl_tracker;
CREATE EVENT TRIGGER pg_trickle_ddl_tracker ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'DROP TABLE', 'CREATE VIEW', 'CREATE FUNCTION', 'CREATE PROCEDURE', 'CREATE AGGREGATE', 'CREATE POLICY', 'ALTER POLICY',
                 'ALTER TABLE', 'ALTER FOREIGN TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER SEQUENCE', 'ALTER SCHEMA', 'ALTER EXTENSION',
                 'ALTER TYPE', 'ALTER DOMAIN', 'ALTER COLLATION', 'ALTER OPERATOR', 'ALTER TEXT SEARCH CONFIGURATION', 'ALTER TEXT SEARCH DICTIONARY',
                 'ALTER FUNCTION', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER AGGREGATE')
    EXECUTE FUNCTION pgtrickle._on_ddl_end();
COMMENT ON EVENT TRIGGER pg_trickle_ddl_tracker IS 'Lets what is stored of stream tables follow DDL on what they read.';

DROP EVENT TRIGGER IF EXISTS pg_trickle_drop_tracker;
CREATE EVENT TRIGGER pg_trickle_drop_tracker ON sql_drop EXECUTE FUNCTION pgtrickle._on_sql_drop();
COMMENT ON EVENT TRIGGER pg_trickle_drop_tracker IS 'Lets the catalog follow plain DROP.';
