-- Settings: what they are, who may set them, that each has its effect. Those of the scheduler are in test/py/test_settings.py.
\o /dev/null
SELECT test.restart_numbers();
\o
-- all of them: another range, unit or default is a change of what users may rely on
SELECT pgtrickle.version() IS NOT NULL AS loaded;
SELECT substr(name, 12) AS name, vartype AS type, boot_val AS "default", unit, coalesce(array_to_string(enumvals, ', '), min_val || ' to ' || max_val) AS values, context
  FROM pg_settings WHERE name LIKE 'pg\_trickle.%' AND name <> 'pg_trickle.fault' ORDER BY name COLLATE "C";
SELECT name FROM pg_settings WHERE name LIKE 'pg\_trickle.%' AND (short_desc !~ '\.$' OR length(short_desc) < 20);
-- values are checked when they are set; SHOW and current_setting() give numbers where the contract has them
SET pg_trickle.drain_timeout = 120;
SHOW pg_trickle.drain_timeout;
RESET pg_trickle.drain_timeout;
SET pg_trickle.wake_debounce_ms = '1s';
SET pg_trickle.wake_debounce_ms = 1000;
SELECT current_setting('pg_trickle.wake_debounce_ms')::int;
RESET pg_trickle.wake_debounce_ms;
SET pg_trickle.max_log_age = '2min';
SHOW pg_trickle.max_log_age;
RESET pg_trickle.max_log_age;
SET pg_trickle.max_consecutive_errors = 0;
SET pg_trickle.refresh_strategy = 'fast';
SET pg_trickle.cost_model_safety_margin = 3;
\set VERBOSITY sqlstate
SET pg_trickle.scheduler_interval_ms = 3600000;
\set VERBOSITY default
SET pg_trickle.no_such_setting = 1;
-- nobody fakes being a refresh
SET pg_trickle.internal_refresh = 'true';
CREATE ROLE api_user;
SET ROLE api_user;
SET pg_trickle.enabled = on;
SET pg_trickle.merge_strategy = 'merge';
SET pg_trickle.session_memory_limit = '1MB';
RESET pg_trickle.session_memory_limit;
RESET ROLE;

-- names of the Rust implementation that have nothing to act on: a warning, any value, nothing else
SET pg_trickle.merge_strategy = 'delete_insert';
SET pg_trickle.log_merge_sql = on;
SET pg_trickle.spill_threshold_blocks = 5;
SET pg_trickle.frontier_holdback_mode = 'lsn:100';
SET pg_trickle.user_triggers = off;
SET pg_trickle.online_schema_evolution = on;
SET pg_trickle.delta_amplification_threshold = 10.5;
SET pg_trickle.agg_diff_cardinality_threshold = 0;
RESET pg_trickle.merge_strategy;
SELECT count(*) FROM pg_settings WHERE name LIKE 'pg\_trickle.%merge%';
SELECT current_database() AS database \gset
ALTER DATABASE :"database" SET pg_trickle.template_cache = off;
-- and none at a login
\c
SELECT pgtrickle.version() IS NOT NULL AS loaded;
ALTER DATABASE :"database" RESET pg_trickle.template_cache;

-- effects
CREATE TABLE api_t (id int PRIMARY KEY, a int);
INSERT INTO api_t SELECT x, x FROM generate_series(1, 3000) AS x;
CREATE FUNCTION api_setting(name text) RETURNS text LANGUAGE sql STABLE AS 'SELECT pg_catalog.current_setting(name)';
SET client_min_messages = error;
SELECT pgtrickle.create_stream_table('api_memory', $$SELECT DISTINCT public.api_setting('work_mem') AS m FROM api_t$$, '1h', 'FULL');
RESET client_min_messages;
SET work_mem = '5MB';
SELECT pgtrickle.refresh_stream_table('api_memory');
TABLE api_memory;
SET pg_trickle.delta_work_mem = 7;
UPDATE api_t SET a = a + 1 WHERE id = 1;
SELECT pgtrickle.refresh_stream_table('api_memory');
TABLE api_memory;
SHOW work_mem;
RESET pg_trickle.delta_work_mem;
RESET work_mem;

SELECT pgtrickle.create_stream_table('api_calculated', 'SELECT id FROM api_t', 'calculated', 'DIFFERENTIAL');
SELECT effective_schedule FROM pgtrickle.freshness(pgtrickle.stream_table_id('api_calculated'));
SET pg_trickle.default_schedule_seconds = 30;
SELECT effective_schedule FROM pgtrickle.freshness(pgtrickle.stream_table_id('api_calculated'));
RESET pg_trickle.default_schedule_seconds;

-- what a stream table has that was given none of its own
SELECT pgtrickle.st_auto_threshold('api_calculated');
SET pg_trickle.differential_max_change_ratio = 0.5;
SELECT pgtrickle.st_auto_threshold('api_calculated');
RESET pg_trickle.differential_max_change_ratio;

SET pg_trickle.max_parallel_workers = 2;
SELECT per_db_cap FROM pgtrickle.worker_pool_status();
SET pg_trickle.max_parallel_workers = 32;
SELECT per_db_cap FROM pgtrickle.worker_pool_status();
RESET pg_trickle.max_parallel_workers;
SELECT test.drop_all();
DROP FUNCTION api_setting(text);
DROP TABLE api_t;
DROP ROLE api_user;
